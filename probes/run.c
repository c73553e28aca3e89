#include "probes/run.h"

#include "core/clock.h"

static void finish(struct run *run, enum status status)
{
	run->active = false;
	event_del(&run->wake);
	event_del(&run->timer);
	run->record->status = status;
	run->record->duration = run_elapsed(run);
	run->probe->report(run, status);
	if (run->probe->close != NULL)
		run->probe->close(run);
	run->done(run, status, run->done_arg);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	enum status status;

	(void)fd;
	(void)what;
	if (run->cancelled)
		status = ST_CANCELLED;
	else if (run->expired)
		status = run->timeout_status;
	else
		status = run->probe->advance(run);
	if (status != ST_AGAIN)
		finish(run, status);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	run->expired = true;
	on_wake(fd, what, run);
}

struct run *run_new(const struct probe *probe, const struct probe_env *env, struct arena *arena,
    const char *domain, const char *input)
{
	struct run *run = arena_alloc(arena, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->probe = probe;
	run->env = env;
	run->arena = arena;
	run->record = record_new(arena, probe->schema, domain, input);
	run->state = arena_alloc(arena, probe->state_size);
	if (run->record == NULL || run->state == NULL)
		return NULL;
	run->timeout_status = ST_IO_TIMEOUT;
	event_assign(&run->wake, env->base, -1, 0, on_wake, run);
	event_assign(&run->timer, env->base, -1, 0, on_timer, run);
	return run;
}

void run_start(struct run *run, int64_t timeout, run_done *done, void *arg)
{
	run->done = done;
	run->done_arg = arg;
	run->started = clock_monotonic();
	run->record->started = clock_wall();
	run->active = true;
	if (timeout > 0) {
		struct timeval tv = {.tv_sec = timeout / 1000000, .tv_usec = timeout % 1000000};

		event_add(&run->timer, &tv);
	}
	run_wake(run);
}

void run_cancel(struct run *run)
{
	if (!run->active)
		return;
	run->cancelled = true;
	run_wake(run);
}

void run_wake(struct run *run)
{
	if (run->active)
		event_active(&run->wake, EV_TIMEOUT, 0);
}

void run_phase(struct run *run, const char *phase, enum status timeout_status)
{
	run->record->phase = phase;
	run->timeout_status = timeout_status;
}

int64_t run_elapsed(const struct run *run)
{
	return clock_monotonic() - run->started;
}
