/*
 * The driver of runs: one probe on one subject, from start to its single completion.
 *
 * `done` is called exactly once for every run_start(), from the event loop, never from inside run_start() or
 * run_cancel(). When it is called the record is complete and the handles are closed.
 */
#ifndef MOORING_PROBES_RUN_H
#define MOORING_PROBES_RUN_H

#include <event2/event_struct.h>

#include "probes/probe.h"

typedef void run_done(struct run *run, enum status status, void *arg);

struct run {
	const struct probe *probe;
	const struct probe_env *env;
	struct arena *arena; /* the target's */
	struct record *record;
	void *state; /* the probe's own struct; its inputs are filled between run_new() and run_start() */
	enum status timeout_status; /* what a deadline means in the present phase */
	/* the driver's own */
	struct event wake, timer;
	run_done *done;
	void *done_arg;
	int64_t started; /* monotonic */
	bool active, cancelled, expired;
};

/* Arena memory with the probe's zeroed state and an empty record; NULL when memory runs out. */
struct run *run_new(const struct probe *probe, const struct probe_env *env, struct arena *arena,
    const char *domain, const char *input);
/* `timeout` in microseconds for the whole run, 0: the probe has its own. */
void run_start(struct run *run, int64_t timeout, run_done *done, void *arg);
/* Asks the run to end with ST_CANCELLED; idempotent. */
void run_cancel(struct run *run);
/* For probes and their callbacks: call advance() soon, from the loop. Idempotent until then. */
void run_wake(struct run *run);
/* For probes: stamps the phase (a static string) and says what a time-out would mean in it. */
void run_phase(struct run *run, const char *phase, enum status timeout_status);
/* Microseconds since run_start(). */
int64_t run_elapsed(const struct run *run);

#endif
