#include "session_private.h"

#include <string.h>
#include <utlist.h>

#include "core/clock.h"
#include "core/limits.h"
#include "lookup.h"
#include "probes/h2.h"
#include "probes/tcp.h"

/* Lets one session go on that had a permit, and no descriptor left. */
static void wake_queued(struct scan *scan)
{
	if (scan->queued_session != NULL && scan->connections < scan->most_connections)
		event_active(&scan->room, EV_TIMEOUT, 0);
}

static void give_back(struct session *session)
{
	struct scan *scan = session_scan(session);

	if (session->queued)
		DL_DELETE2(scan->queued_session, session, queue_prev, queue_next);
	if (session->waiting)
		pace_cancel(scan->pace, &session->ticket);
	if (session->holding) {
		pace_release(scan->pace, &session->ticket);
		scan->connections--;
		wake_queued(scan);
	}
	session->waiting = session->holding = session->queued = false;
}

static void disconnect(struct session *session)
{
	chan_close(&session->connection.chan);
	h2_free(session->connection.h2);
	session->connection.h2 = NULL;
	session->connection.protocol = PROTOCOL_UNKNOWN;
	session->connection.usable = false;
	session->connection.exchanges = 0;
	give_back(session);
}

void session_hand_in_tls(struct session *session)
{
	if (session->tls != NULL)
		batch_add(&session->target->job.batch, session->tls);
	session->tls = NULL;
}

void session_end(struct session *session)
{
	if (session->step == SESSION_END)
		return;
	session->step = SESSION_END;
	session_hand_in_tls(session);
	disconnect(session);
	buf_release(&session->robots);
	job_release(&session->target->job);
}

/* --- opening the connection --- */

/* An exchange that did not come to be, because there was no connection to have it on: it is recorded all the
 * same. */
static void record_failed_exchange(struct session *session, enum status status)
{
	struct job *job = &session->target->job;
	struct run *run =
	    run_new(&http_probe, &session_scan(session)->env, job->arena, job->domain, job->input);
	struct http_run *http;

	if (run == NULL)
		return;
	http = run->state;
	http->connection = &session->connection;
	http->purpose = session->step == SESSION_ROBOTS	   ? HTTP_ROBOTS
			: session->step == SESSION_FAVICON ? HTTP_FAVICON
			: session->redirects > 0	   ? HTTP_REDIRECT
							   : HTTP_PAGE;
	http->url = url_text(job->arena, &session->fetch);
	http->path = session->fetch.path;
	http->redirect_index = session->redirects;
	run_phase(run, "connect", status);
	run->record->started = clock_wall();
	run->record->status = status;
	http_probe.report(run, status);
	batch_add(&job->batch, run->record);
}

/* Once for each authority: begins again with a connection that offers HTTP/2 in place of HTTP/1.1. */
bool session_try_h2(struct session *session)
{
	if (session->connection.offer_h2)
		return false;
	session->connection.offer_h2 = session->over_h2 = true;
	session_connect(session);
	return true;
}

void session_fail(struct session *session, enum status status)
{
	/* A page is not taken back because its icon could not be had. */
	if (session->step != SESSION_FAVICON)
		session->status = status;
	if (session->announced && session->step != SESSION_CONNECT)
		record_failed_exchange(session, status);
	session_end(session);
}

static void connected(struct session *session)
{
	session->connection.usable = true;
	session->announced = true;
	if (!(session_scan(session)->probes & PROBE_HTTP)) {
		session_end(session);
		return;
	}
	if (session->step == SESSION_CONNECT)
		session->step = SESSION_ROBOTS;
	session_next(session);
}

/*
 * Of a server that chooses no protocol it shows only later that it wants HTTP/2. The record of the handshake
 * waits for that: the next one that succeeds takes its place.
 */
static void keep_handshake(struct session *session, struct task *task)
{
	if (!task->keep_record)
		return;
	session->tls = NULL;
	if (session->connection.protocol == PROTOCOL_UNKNOWN && !session->connection.offer_h2) {
		session->tls = task->run->record;
		task->keep_record = false;
	}
}

static void on_handshake(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct tls_run *tls = task->run->state;
	size_t i;

	for (i = 0; i < tls->chain_count; i++)
		lookup_certificate(&session->target->job, &tls->chain[i]);
	session->over_h2 = false;
	if (status == ST_OK) {
		keep_handshake(session, task);
		connected(session);
	} else if (tls->h2_instead && session_try_h2(session)) {
		task->keep_record = false;
	} else {
		session_fail(session, status);
	}
}

static void on_connect(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct job *job = &session->target->job;
	struct scan *scan = session_scan(session);
	struct run *run;

	if (status != ST_OK) {
		session_fail(session, status);
		return;
	}
	if (!session->connection.endpoint.tls) {
		connected(session);
		return;
	}
	if (!(scan->probes & PROBE_TLS)) {
		session_end(session);
		return;
	}
	run = run_new(&tls_probe, &scan->env, job->arena, job->domain, job->input);
	if (run != NULL)
		((struct tls_run *)run->state)->connection = &session->connection;
	if (run == NULL || !job_run(job, run, scan->config->timeout, !session->announced || session->over_h2,
			       on_handshake, session))
		session_fail(session, run == NULL ? ST_NO_MEMORY : ST_DEADLINE);
}

static void on_permit(void *arg)
{
	struct session *session = arg;
	struct job *job = &session->target->job;
	struct scan *scan = session_scan(session);
	struct run *run;

	session->waiting = false;
	if (scan->connections >= scan->most_connections) {
		pace_release(scan->pace, &session->ticket);
		session->queued = true;
		DL_APPEND2(scan->queued_session, session, queue_prev, queue_next);
		return;
	}
	scan->connections++;
	session->holding = true;
	chan_init(&session->connection.chan, scan->base);
	run = run_new(&tcp_probe, &scan->env, job->arena, job->domain, job->input);
	if (run != NULL)
		((struct tcp_run *)run->state)->connection = &session->connection;
	if (run == NULL || !job_run(job, run, session_scan(session)->config->timeout, !session->announced,
			       on_connect, session))
		session_fail(session, run == NULL ? ST_NO_MEMORY : ST_DEADLINE);
}

static void ask_for_permit(struct session *session)
{
	session->waiting = true;
	if (!pace_request(session_scan(session)->pace, &session->ticket,
		&session->connection.endpoint.address, on_permit, session)) {
		session->waiting = false;
		session_fail(session, ST_NO_MEMORY);
	}
}

void session_connect(struct session *session)
{
	struct scan *scan = session_scan(session);

	disconnect(session);
	/* The blocklist may have changed since the target began. */
	if (scope_check_domain(scan->scope, session->connection.name, NULL) != ST_OK) {
		session_fail(session, ST_BLOCKLISTED);
	} else {
		ask_for_permit(session);
	}
}

void session_wake_queued(struct scan *scan)
{
	struct session *session = scan->queued_session;

	if (session == NULL || scan->connections >= scan->most_connections)
		return;
	DL_DELETE2(scan->queued_session, session, queue_prev, queue_next);
	session->queued = false;
	ask_for_permit(session);
	wake_queued(scan);
}

/* The step that a session waited for, and that it did not come to. */
static void record_waiting(struct session *session)
{
	struct job *job = &session->target->job;
	struct run *run =
	    run_new(&tcp_probe, &session_scan(session)->env, job->arena, job->domain, job->input);

	if (run == NULL)
		return;
	((struct tcp_run *)run->state)->connection = &session->connection;
	run_phase(run, "queued", ST_DEADLINE);
	run->record->started = clock_wall();
	run->record->status = ST_DEADLINE;
	tcp_probe.report(run, ST_DEADLINE);
	batch_add(&job->batch, run->record);
}

void session_stop(struct session *session)
{
	/* With a permit a run is under way, and its completion ends the session. */
	if (!session->waiting && !session->queued)
		return;
	if (!session->announced)
		record_waiting(session);
	session_fail(session, ST_DEADLINE);
}

void session_start(struct session *session)
{
	struct scan *scan = session_scan(session);

	job_hold(&session->target->job);
	chan_init(&session->connection.chan, scan->base);
	session->root = (struct url){.https = session->connection.endpoint.tls,
	    .host = session->connection.name,
	    .port = session->connection.endpoint.port,
	    .path = "/"};
	session->next_url = session->root;
	session->robots.limit = LIMIT_ROBOTS_BODY;
	session->status = ST_SKIPPED;
	session_connect(session);
}
