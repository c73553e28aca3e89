#include "job.h"

#include <utlist.h>

#include "core/clock.h"
#include "scan.h"

void job_init(struct job *job, struct scan *scan, struct arena *arena, void (*idle)(struct job *job))
{
	job->scan = scan;
	job->arena = arena;
	job->idle = idle;
	job->idle_since = clock_monotonic();
	batch_init(&job->batch, arena);
}

void job_hold(struct job *job)
{
	job->holds++;
}

void job_release(struct job *job)
{
	if (--job->holds == 0)
		job->idle(job);
}

static struct task *task_new(struct job *job, struct run *run, task_done *done, void *arg)
{
	struct task *task = run == NULL ? NULL : arena_alloc(job->arena, sizeof(*task));

	if (task == NULL)
		return NULL;
	task->job = job;
	task->run = run;
	task->done = done;
	task->arg = arg;
	task->keep_record = true;
	DL_APPEND(job->task, task);
	job_hold(job);
	return task;
}

static void task_end(struct task *task)
{
	struct job *job = task->job;

	DL_DELETE(job->task, task);
	job_release(job);
}

int64_t job_idle_time(const struct job *job)
{
	return job->idle_total + (job->running > 0 ? 0 : clock_monotonic() - job->idle_since);
}

static void on_run_done(struct run *run, enum status status, void *arg)
{
	struct task *task = arg;
	struct scan *scan = task->job->scan;

	if (--task->job->running == 0)
		task->job->idle_since = clock_monotonic();
	/* Only job_stop() cancels, when the time for the target is up. */
	if (status == ST_CANCELLED)
		status = run->record->status = ST_DEADLINE;
	if (task->dns) {
		scan->questions_open--;
		job_pump_questions(scan);
	}
	task->done(task, status);
	if (task->keep_record)
		batch_add(&task->job->batch, run->record);
	task_end(task);
}

static void begin(struct task *task, int64_t timeout)
{
	struct job *job = task->job;

	job->idle_total = job_idle_time(job);
	job->running++;
	run_start(task->run, timeout, on_run_done, task);
}

static void on_permit(void *arg)
{
	struct task *task = arg;

	task->waiting = false;
	begin(task, 0);
}

void job_pump_questions(struct scan *scan)
{
	while (scan->question != NULL && scan->questions_open < dns_client_limit(scan->env.dns)) {
		struct task *task = scan->question;

		DL_DELETE2(scan->question, task, queue_prev, queue_next);
		task->queued = false;
		task->waiting = true;
		scan->questions_open++;
		if (!pace_request(scan->pace, &task->ticket, NULL, on_permit, task))
			on_permit(task);
	}
}

bool job_ask(
    struct job *job, const char *name, uint16_t type, bool wildcard_check, task_done *done, void *arg)
{
	struct scan *scan = job->scan;
	struct run *run;
	struct dns_run *dns;
	struct task *task;

	if (job->stopped || name == NULL)
		return false;
	run = run_new(&dns_probe, &scan->env, job->arena, job->domain, job->input);
	task = task_new(job, run, done, arg);
	if (task == NULL)
		return false;
	dns = run->state;
	dns->name = name;
	dns->type = type;
	dns->wildcard_check = wildcard_check;
	task->dns = task->queued = true;
	DL_APPEND2(scan->question, task, queue_prev, queue_next);
	job_pump_questions(scan);
	return true;
}

bool job_run(struct job *job, struct run *run, int64_t timeout, bool keep_record, task_done *done, void *arg)
{
	struct task *task;

	if (job->stopped)
		return false;
	task = task_new(job, run, done, arg);
	if (task == NULL)
		return false;
	task->keep_record = keep_record;
	begin(task, timeout);
	return true;
}

void job_stop(struct job *job)
{
	struct scan *scan = job->scan;
	struct task *task, *next;

	if (job->stopped)
		return;
	job->stopped = true;
	job_hold(job);
	DL_FOREACH_SAFE(job->task, task, next)
	{
		if (task->queued) {
			DL_DELETE2(scan->question, task, queue_prev, queue_next);
			task->queued = false;
		} else if (task->waiting) {
			pace_cancel(scan->pace, &task->ticket);
			task->waiting = false;
			scan->questions_open--;
		} else {
			run_cancel(task->run);
			continue;
		}
		/* Never begun: its run still gives one record, so that nothing asked for is missing. */
		begin(task, 0);
		run_cancel(task->run);
		task->dns = false;
	}
	job_pump_questions(scan);
	job_release(job);
}
