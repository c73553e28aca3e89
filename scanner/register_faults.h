/* Private to the register: faults kept until all files are read, then reported in order. */
#ifndef MOORING_REGISTER_FAULTS_H
#define MOORING_REGISTER_FAULTS_H

#include "core/arena.h"
#include "register.h"

/* Zero-initialise with `arena`, where the messages are kept; file names are borrowed. */
struct register_faults {
	struct arena *arena;
	struct kept_fault *fault;
	size_t count, capacity;
	size_t omitted[REGISTER_SEVERITY_COUNT]; /* beyond what is kept */
};

/* A register_fault; `arg` is the struct. */
void register_faults_keep(void *arg, const struct register_fault_info *info);
/* Reports them by file name, line and column, and last, of `folder`, how many were not kept. */
void register_faults_flush(
    struct register_faults *faults, const char *folder, register_fault *fault, void *arg);
void register_faults_release(struct register_faults *faults);

#endif
