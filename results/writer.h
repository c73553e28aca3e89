/*
 * The writer: a thread that takes batches from a queue and gives them to the sinks, so that a commit that
 * stalls for a second does not stall the event loop.
 *
 * The caller watches the bound: writer_full() before it starts a new target. What runs already may always be
 * submitted. Sinks are called in the writer's thread only, in the order given.
 */
#ifndef MOORING_RESULTS_WRITER_H
#define MOORING_RESULTS_WRITER_H

#include "results/sink.h"

enum { WRITER_SINKS = 4, WRITER_ERROR = 512 };

struct writer;

/* Starts the thread and takes over the sinks, at most WRITER_SINKS. NULL with errno when the system refuses;
 * the sinks are the caller's then. */
struct writer *writer_start(struct sink *const *sink, size_t count);
/* Takes over the batch with its arena, in which it may lie itself; frees the arena when every sink had it. A
 * batch without records is freed at once. After an error batches are only freed. Never blocks for a sink. */
void writer_submit(struct writer *writer, struct batch *batch);
/* True while no new target should be started: too many batches or bytes wait. */
bool writer_full(struct writer *writer);
/* A descriptor that becomes readable when there is room again after writer_full() said true, and when an
 * error occurs. */
int writer_fd(const struct writer *writer);
/* To be called when writer_fd() is readable. */
void writer_acknowledge(struct writer *writer);
/* Batches that wait; for tests. */
size_t writer_pending(struct writer *writer);
/* ST_OK, or the first error of any sink; with its sentence when `ret_text` is not NULL. Sticky. */
enum status writer_error(struct writer *writer, char ret_text[WRITER_ERROR]);
/* Writes what waits, commits, closes the sinks, ends the thread and frees. Returns the first error, with its
 * sentence when `ret_text` is not NULL. */
enum status writer_close(struct writer *writer, char ret_text[WRITER_ERROR]);

#endif
