/*
 * A set of 128-bit keys: the subjects that this run has already looked at. 32 bytes a key at most, so that a
 * scan of a million domains stays within its memory.
 */
#ifndef MOORING_SEEN_H
#define MOORING_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "results/record.h"

struct seen {
	struct record_hash *slot; /* open addressing; all-zero slots are empty */
	size_t capacity, count;
};

/* Zero-initialise before first use. */
void seen_release(struct seen *seen);
bool seen_has(const struct seen *seen, struct record_hash key);
/* ST_OK, also when it was there; ST_NO_MEMORY. */
enum status seen_add(struct seen *seen, struct record_hash key);
/* Key of a subject: a kind ("host", "ptr", ...) and its text, lower-case by the caller. */
struct record_hash seen_key(const char *kind, const char *subject);

#endif
