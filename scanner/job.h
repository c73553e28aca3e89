/*
 * A job: a piece of work that gathers the records of one batch, for a domain (target.h) or for a subject that
 * many domains share (lookup.h). It owns an arena and the runs in it; when nothing is held any more, it is
 * idle, and its owner hands the batch to the writer, which frees the arena.
 *
 * Everything here happens in the event loop's thread.
 */
#ifndef MOORING_JOB_H
#define MOORING_JOB_H

#include "pace.h"
#include "probes/dns.h"
#include "probes/run.h"

struct scan;
struct task;

struct job {
	struct scan *scan;
	struct arena *arena;
	struct batch batch;
	const char *domain, *input; /* of the records; NULL for a shared subject */
	struct task *task;	    /* those under way */
	unsigned holds, running;    /* running: runs that have begun */
	int64_t idle_since;	    /* monotonic; when the last run ended, while none is running */
	int64_t idle_total; /* microseconds in which nothing ran, because it waited for a permit or for
			       another job */
	bool stopped;	    /* its time is up: nothing new is begun */
	void (*idle)(struct job *job);
};

/* Called when a task's run has ended; afterwards its record joins the batch, unless keep_record was cleared.
 */
typedef void task_done(struct task *task, enum status status);

/* One run with the permit that it waits for. */
struct task {
	struct job *job;
	struct run *run; /* NULL until begun */
	task_done *done;
	void *arg; /* the caller's */
	bool keep_record;
	/* the job's own */
	struct pace_ticket ticket;
	bool queued, waiting, dns;
	struct task *prev, *next;	      /* of the job */
	struct task *queue_prev, *queue_next; /* of the scan's DNS queue */
};

/* The job is the first member of a struct in that arena. */
void job_init(struct job *job, struct scan *scan, struct arena *arena, void (*idle)(struct job *job));
void job_hold(struct job *job);
/* Calls `idle` when it was the last hold. */
void job_release(struct job *job);
/* Asks a question, when the pace permits it. `name` must live in the job's arena. False when nothing was
 * begun. */
bool job_ask(
    struct job *job, const char *name, uint16_t type, bool wildcard_check, task_done *done, void *arg);
/* Starts a run that needs no permit of its own; false when nothing was begun. */
bool job_run(struct job *job, struct run *run, int64_t timeout, bool keep_record, task_done *done, void *arg);
/* The time is up: cancels what runs and waits. `idle` follows from the event loop. */
void job_stop(struct job *job);

/* Microseconds up to now in which nothing of the job ran. */
int64_t job_idle_time(const struct job *job);

/* Begins queued questions while the DNS client has room. */
void job_pump_questions(struct scan *scan);

#endif
