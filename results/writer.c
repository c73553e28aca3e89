#include "results/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/limits.h"

enum {
	/* A transaction ends after so many batches or microseconds: enough that the cost of a commit
	 * vanishes, little enough to lose at a power failure. */
	COMMIT_BATCHES = 1000,
	COMMIT_INTERVAL = 1000000,
	/* Bytes of waiting batches: a quarter of the whole program's memory, whatever one batch takes. */
	QUEUE_BYTES = 64 * 1024 * 1024
};

struct writer {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	int fd;
	/* under the mutex */
	struct batch *first, **last;
	size_t count, bytes; /* of batches that wait or are being written */
	bool closing, wants_room;
	enum status status;
	char error[WRITER_ERROR];
	/* the thread's own */
	struct sink *sink[WRITER_SINKS];
	size_t sink_count;
	size_t uncommitted;
	int64_t commit_due; /* monotonic time; while `uncommitted` */
};

static void wake_loop(struct writer *writer)
{
	uint64_t one = 1;

	/* The counter is full only when nobody has read for 2^64 wakes. */
	if (write(writer->fd, &one, sizeof(one)) < 0)
		errno = 0;
}

static bool has_room(const struct writer *writer)
{
	return writer->count < LIMIT_WRITER_QUEUE && writer->bytes < QUEUE_BYTES;
}

static void set_error(struct writer *writer, enum status status, const char *text)
{
	pthread_mutex_lock(&writer->mutex);
	if (writer->status == ST_OK) {
		writer->status = status;
		snprintf(writer->error, sizeof(writer->error), "%s", text);
		wake_loop(writer);
	}
	pthread_mutex_unlock(&writer->mutex);
}

static void commit_all(struct writer *writer)
{
	struct sink *sink;
	enum status status;
	size_t i;

	for (i = 0; i < writer->sink_count; i++) {
		sink = writer->sink[i];
		status = sink->class->commit(sink);
		if (status != ST_OK)
			set_error(writer, status, sink->class->error(sink));
	}
	writer->uncommitted = 0;
}

/* Every sink gets the batch, also when one before it failed: a closed pipe must not cost the store. */
static void write_batch(struct writer *writer, const struct batch *batch)
{
	struct sink *sink;
	enum status status;
	size_t i;

	for (i = 0; i < writer->sink_count; i++) {
		sink = writer->sink[i];
		status = sink->class->put(sink, batch);
		if (status != ST_OK)
			set_error(writer, status, sink->class->error(sink));
	}
	if (writer->uncommitted++ == 0)
		writer->commit_due = clock_monotonic() + COMMIT_INTERVAL;
	if (writer->uncommitted >= COMMIT_BATCHES || clock_monotonic() >= writer->commit_due)
		commit_all(writer);
}

/* Waits for a batch, the end, or the time to commit. Holds the mutex. */
static void wait_for_work(struct writer *writer)
{
	struct timespec due;

	if (writer->uncommitted == 0) {
		pthread_cond_wait(&writer->work, &writer->mutex);
		return;
	}
	due.tv_sec = (time_t)(writer->commit_due / 1000000);
	due.tv_nsec = (long)(writer->commit_due % 1000000) * 1000;
	pthread_cond_timedwait(&writer->work, &writer->mutex, &due);
}

/* The next batch, or NULL when it is time to commit or to end. */
static struct batch *next_batch(struct writer *writer, bool *ret_closing)
{
	struct batch *batch;

	pthread_mutex_lock(&writer->mutex);
	while (writer->first == NULL && !writer->closing &&
	       (writer->uncommitted == 0 || clock_monotonic() < writer->commit_due))
		wait_for_work(writer);
	batch = writer->first;
	if (batch != NULL) {
		writer->first = batch->next;
		if (writer->first == NULL)
			writer->last = &writer->first;
	}
	*ret_closing = writer->closing;
	pthread_mutex_unlock(&writer->mutex);
	return batch;
}

static void release_batch(struct writer *writer, struct batch *batch)
{
	size_t size = arena_size(batch->arena);

	arena_free(batch->arena);
	pthread_mutex_lock(&writer->mutex);
	writer->count--;
	writer->bytes -= size;
	/* Half empty, not just below the bound: each wake should let a good number of targets start. */
	if (writer->wants_room && writer->count <= LIMIT_WRITER_QUEUE / 2 && has_room(writer)) {
		writer->wants_room = false;
		wake_loop(writer);
	}
	pthread_mutex_unlock(&writer->mutex);
}

static void close_sinks(struct writer *writer)
{
	struct sink *sink;
	enum status status;
	char text[WRITER_ERROR];
	size_t i;

	for (i = 0; i < writer->sink_count; i++) {
		sink = writer->sink[i];
		snprintf(text, sizeof(text), "%s: the last commit failed", sink->class->name);
		status = sink->class->close(sink);
		if (status != ST_OK)
			set_error(writer, status, text);
	}
}

static void *run_thread(void *arg)
{
	struct writer *writer = arg;
	struct batch *batch;
	bool closing;

	do {
		batch = next_batch(writer, &closing);
		if (batch != NULL) {
			write_batch(writer, batch);
			release_batch(writer, batch);
		} else if (writer->uncommitted > 0) {
			commit_all(writer);
		}
	} while (batch != NULL || !closing);
	close_sinks(writer);
	return NULL;
}

/* Signals are the event loop's business: the thread starts with all of them blocked. */
static int start_thread(struct writer *writer)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&writer->thread, NULL, run_thread, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static void release(struct writer *writer)
{
	pthread_cond_destroy(&writer->work);
	pthread_mutex_destroy(&writer->mutex);
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer);
}

struct writer *writer_start(struct sink *const *sink, size_t count)
{
	struct writer *writer;
	pthread_condattr_t attribute;
	int error;

	if (count > WRITER_SINKS) {
		errno = EINVAL;
		return NULL;
	}
	writer = calloc(1, sizeof(*writer));
	if (writer == NULL)
		return NULL;
	if (count > 0)
		memcpy(writer->sink, sink, count * sizeof(*sink));
	writer->sink_count = count;
	writer->last = &writer->first;
	pthread_mutex_init(&writer->mutex, NULL);
	pthread_condattr_init(&attribute);
	pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->work, &attribute);
	pthread_condattr_destroy(&attribute);
	writer->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = writer->fd < 0 ? errno : start_thread(writer);
	if (error == 0)
		return writer;
	release(writer);
	errno = error;
	return NULL;
}

void writer_submit(struct writer *writer, struct batch *batch)
{
	pthread_mutex_lock(&writer->mutex);
	if (writer->status != ST_OK || batch->first == NULL) {
		pthread_mutex_unlock(&writer->mutex);
		arena_free(batch->arena);
		return;
	}
	batch->next = NULL;
	*writer->last = batch;
	writer->last = &batch->next;
	writer->count++;
	writer->bytes += arena_size(batch->arena);
	pthread_cond_signal(&writer->work);
	pthread_mutex_unlock(&writer->mutex);
}

bool writer_full(struct writer *writer)
{
	bool full;

	pthread_mutex_lock(&writer->mutex);
	full = !has_room(writer);
	writer->wants_room = full;
	pthread_mutex_unlock(&writer->mutex);
	return full;
}

int writer_fd(const struct writer *writer)
{
	return writer->fd;
}

void writer_acknowledge(struct writer *writer)
{
	uint64_t count;

	/* Nothing to read means that another call took it. */
	if (read(writer->fd, &count, sizeof(count)) < 0)
		errno = 0;
}

size_t writer_pending(struct writer *writer)
{
	size_t count;

	pthread_mutex_lock(&writer->mutex);
	count = writer->count;
	pthread_mutex_unlock(&writer->mutex);
	return count;
}

enum status writer_error(struct writer *writer, char ret_text[WRITER_ERROR])
{
	enum status status;

	pthread_mutex_lock(&writer->mutex);
	status = writer->status;
	if (ret_text != NULL)
		snprintf(ret_text, WRITER_ERROR, "%s", writer->error);
	pthread_mutex_unlock(&writer->mutex);
	return status;
}

enum status writer_close(struct writer *writer, char ret_text[WRITER_ERROR])
{
	enum status status;

	pthread_mutex_lock(&writer->mutex);
	writer->closing = true;
	pthread_cond_signal(&writer->work);
	pthread_mutex_unlock(&writer->mutex);
	pthread_join(writer->thread, NULL);
	status = writer_error(writer, ret_text);
	release(writer);
	return status;
}
