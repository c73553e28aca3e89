#include "session.h"

#include <string.h>
#include <utlist.h>

#include "core/clock.h"
#include "core/limits.h"
#include "domain.h"
#include "lookup.h"
#include "probes/page.h"
#include "probes/robots.h"
#include "probes/tcp.h"
#include "scan.h"
#include "target.h"

static void next_step(struct session *session);

static struct scan *scan_of(const struct session *session)
{
	return session->target->job.scan;
}

static struct arena *arena_of(const struct session *session)
{
	return session->target->job.arena;
}

static void disconnect(struct session *session)
{
	struct scan *scan = scan_of(session);

	chan_close(&session->connection.chan);
	session->connection.usable = false;
	session->connection.exchanges = 0;
	if (session->waiting)
		pace_cancel(scan->pace, &session->ticket);
	if (session->holding)
		pace_release(scan->pace, &session->ticket);
	session->waiting = session->holding = false;
}

static void end(struct session *session)
{
	if (session->step == SESSION_END)
		return;
	session->step = SESSION_END;
	disconnect(session);
	buf_release(&session->robots);
	job_release(&session->target->job);
}

void session_stop(struct session *session)
{
	/* With a permit a run is under way, and its completion ends the session. */
	if (session->waiting)
		end(session);
}

/* --- opening the connection --- */

/* An exchange that did not come to be, because there was no connection to have it on: it is recorded all the
 * same. */
static void record_failed_exchange(struct session *session, enum status status)
{
	struct job *job = &session->target->job;
	struct run *run = run_new(&http_probe, &scan_of(session)->env, job->arena, job->domain, job->input);
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

static void fail(struct session *session, enum status status)
{
	/* A page is not taken back because its icon could not be had. */
	if (session->step != SESSION_FAVICON)
		session->status = status;
	if (session->announced && session->step != SESSION_CONNECT)
		record_failed_exchange(session, status);
	end(session);
}

static void connected(struct session *session)
{
	session->connection.usable = true;
	session->announced = true;
	if (!(scan_of(session)->probes & PROBE_HTTP)) {
		end(session);
		return;
	}
	if (session->step == SESSION_CONNECT)
		session->step = SESSION_ROBOTS;
	next_step(session);
}

static void on_handshake(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct tls_run *tls = task->run->state;
	size_t i;

	for (i = 0; i < tls->chain_count; i++)
		lookup_certificate(&session->target->job, &tls->chain[i]);
	if (status == ST_OK)
		connected(session);
	else
		fail(session, status);
}

static void on_connect(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct job *job = &session->target->job;
	struct scan *scan = scan_of(session);
	struct run *run;

	if (status != ST_OK) {
		fail(session, status);
		return;
	}
	if (!session->connection.endpoint.tls) {
		connected(session);
		return;
	}
	if (!(scan->probes & PROBE_TLS)) {
		end(session);
		return;
	}
	run = run_new(&tls_probe, &scan->env, job->arena, job->domain, job->input);
	if (run != NULL)
		((struct tls_run *)run->state)->connection = &session->connection;
	if (run == NULL ||
	    !job_run(job, run, scan->config->timeout, !session->announced, on_handshake, session))
		fail(session, ST_DEADLINE);
}

static void on_permit(void *arg)
{
	struct session *session = arg;
	struct job *job = &session->target->job;
	struct run *run = run_new(&tcp_probe, &scan_of(session)->env, job->arena, job->domain, job->input);

	session->waiting = false;
	session->holding = true;
	chan_init(&session->connection.chan, scan_of(session)->base);
	if (run != NULL)
		((struct tcp_run *)run->state)->connection = &session->connection;
	if (run == NULL ||
	    !job_run(job, run, scan_of(session)->config->timeout, !session->announced, on_connect, session))
		fail(session, ST_DEADLINE);
}

static void connect_when_permitted(struct session *session)
{
	disconnect(session);
	session->waiting = true;
	pace_request(scan_of(session)->pace, &session->ticket, &session->connection.endpoint.address,
	    on_permit, session);
}

void session_start(struct session *session)
{
	struct scan *scan = scan_of(session);

	job_hold(&session->target->job);
	chan_init(&session->connection.chan, scan->base);
	session->root = (struct url){.https = session->connection.endpoint.tls,
	    .host = session->connection.name,
	    .port = session->connection.endpoint.port,
	    .path = "/"};
	session->next_url = session->root;
	session->robots.limit = LIMIT_ROBOTS_BODY;
	session->status = ST_SKIPPED;
	connect_when_permitted(session);
}

/* --- redirects --- */

static bool same_authority(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* True when another session of the target begins with exactly this URL. */
static bool is_other_root(const struct session *session, const struct url *url)
{
	const struct session *other;

	if (strcmp(url->path, "/") != 0)
		return false;
	LL_FOREACH(session->target->session, other)
	{
		if (other != session && same_authority(&other->root, url))
			return true;
	}
	return false;
}

/* The address for a host of the same site: the present one where the host has it, else its first. */
static const struct address *address_for(const struct session *session, const char *host)
{
	const struct target *target = session->target;
	size_t i, j;

	for (i = 0; i < target->name_count; i++) {
		const struct target_name *name = &target->name[i];

		if (strcmp(name->name, host) != 0 || name->address_count == 0)
			continue;
		for (j = 0; j < name->address_count; j++)
			if (address_equal(&name->address[j], &session->connection.endpoint.address))
				return &name->address[j];
		return &name->address[0];
	}
	return NULL;
}

/* On to another authority of the same site: a new connection, and that authority's own robots.txt first. */
static void move_to(struct session *session, const struct url *url, const struct address *address)
{
	session->connection.name = url->host;
	session->connection.endpoint =
	    (struct endpoint){.address = *address, .port = url->port, .tls = url->https, .from = url->host};
	session->announced = false;
	session->retried = false;
	session->step = SESSION_CONNECT;
	buf_clear(&session->robots);
	connect_when_permitted(session);
}

static void on_host_answer(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct dns_run *dns = task->run->state;
	struct address address[LIMIT_ADDRESSES];
	size_t i, first = 0, count = 0;

	if (status == ST_NOERROR)
		count = dns_addresses(&dns->answer, dns->name, address, LIMIT_ADDRESSES, NULL);
	for (i = 1; i < count; i++)
		if (address_compare(&address[i], &address[first]) < 0)
			first = i;
	if (count > 0) {
		lookup_address(&session->target->job, &address[first], "web");
		move_to(session, &session->next_url, &address[first]);
	} else if (dns->type != DNS_A ||
		   !job_ask(&session->target->job, dns->name, DNS_AAAA, false, on_host_answer, session)) {
		session->status = status;
		end(session);
	}
}

static bool may_use_port(const struct session *session, const struct url *url)
{
	const struct config *config = scan_of(session)->config;

	return url->port == (url->https ? config->port_https : config->port_http);
}

static void follow(struct session *session, const struct url *url)
{
	const struct address *address;

	session->final_url = url_text(arena_of(session), url);
	if (strcmp(domain_registrable(scan_of(session)->rules, url->host), session->target->registrable) !=
	    0) {
		session->offsite = true;
		end(session);
		return;
	}
	if (is_other_root(session, url)) {
		session->elsewhere = true;
		end(session);
		return;
	}
	/* Ports other than those of the probes are not contacted, and a chain has an end. */
	if (session->redirects >= LIMIT_REDIRECTS || !may_use_port(session, url)) {
		session->status = ST_PROTOCOL_ERROR;
		end(session);
		return;
	}
	session->redirects++;
	session->next_url = *url;
	address = address_for(session, url->host);
	if (same_authority(url, &session->fetch))
		next_step(session);
	else if (address != NULL)
		move_to(session, url, address);
	else if (!job_ask(&session->target->job, url->host, DNS_A, false, on_host_answer, session))
		end(session);
}

/* --- exchanges --- */

static bool is_redirect(const struct http_run *http)
{
	int code = http->status_code;

	return http->location != NULL &&
	       (code == 301 || code == 302 || code == 303 || code == 307 || code == 308);
}

static void take_robots(struct session *session, struct http_run *http)
{
	buf_clear(&session->robots);
	/*
	 * RFC 9309 section 2.3.1: what is unavailable (4xx) allows everything, what is unreachable (5xx)
	 * forbids everything. A redirect counts as unavailable: in practice it is the one that answers every
	 * path with another authority, and there that authority's own robots.txt is read before anything is
	 * fetched.
	 */
	if (http->status_code >= 500) {
		session->http_status_code = http->status_code;
		buf_add_text(&session->robots, "User-agent: *\nDisallow: /\n");
	} else if (http->status_code >= 200 && http->status_code < 300) {
		buf_add(&session->robots, buf_text(&http->body), http->body.length);
	}
	session->step = SESSION_PAGE;
	next_step(session);
}

static void derive_page(struct session *session, struct http_run *http)
{
	char address[ADDRESS_TEXT];
	struct page_links links = {0};
	struct page_input input = {.domain = session->target->job.domain,
	    .input = session->target->job.input,
	    .address = address_text(&session->connection.endpoint.address, address),
	    .port = session->connection.endpoint.port,
	    .host = session->connection.name,
	    .url = http->url,
	    .http_status_code = http->status_code,
	    .content_type = http->content_type,
	    .body = (const uint8_t *)buf_text(&http->body),
	    .body_length = http->body.length,
	    .body_truncated = http->body_truncated};
	struct record *record = page_record(arena_of(session), &input, &links);

	if (record == NULL)
		return;
	record->started = clock_wall();
	batch_add(&session->target->job.batch, record);
	session->page = record;
	session->icon = links.favicon == NULL ? "/favicon.ico" : links.favicon;
	session->icon_base = links.favicon == NULL ? NULL : links.base;
}

static void take_page(struct session *session, struct http_run *http)
{
	struct url url;

	session->http_status_code = http->status_code;
	session->final_url = http->url;
	session->status = ST_OK;
	if (is_redirect(http) &&
	    url_resolve(arena_of(session), &session->fetch, http->location, &url) == ST_OK) {
		follow(session, &url);
		return;
	}
	derive_page(session, http);
	/* An icon is worth a request only where there is a site. */
	if (http->status_code != 200 || scan_of(session)->config->no_favicon || session->icon == NULL) {
		end(session);
		return;
	}
	session->step = SESSION_FAVICON;
	next_step(session);
}

static void on_exchange(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct http_run *http = task->run->state;
	bool closed_idle = status == ST_CONNECTION_RESET && session->connection.exchanges > 0 &&
			   task->run->record->phase != NULL &&
			   strcmp(task->run->record->phase, "request") == 0;

	if (closed_idle && !session->retried) {
		session->retried = true;
		task->keep_record = false;
		connect_when_permitted(session);
	} else if (status != ST_OK) {
		if (session->step != SESSION_FAVICON)
			session->status = status;
		end(session);
	} else if (session->step == SESSION_ROBOTS) {
		take_robots(session, http);
	} else if (session->step == SESSION_PAGE) {
		take_page(session, http);
	} else {
		end(session);
	}
	buf_release(&http->body);
}

static void exchange(struct session *session, enum http_purpose purpose, size_t body_limit)
{
	struct job *job = &session->target->job;
	struct scan *scan = scan_of(session);
	struct run *run;
	struct http_run *http;

	if (!session->connection.usable) {
		connect_when_permitted(session);
		return;
	}
	run = run_new(&http_probe, &scan->env, job->arena, job->domain, job->input);
	if (run == NULL) {
		fail(session, ST_NO_MEMORY);
		return;
	}
	http = run->state;
	http->connection = &session->connection;
	http->purpose = purpose;
	http->url = url_text(job->arena, &session->fetch);
	http->path = session->fetch.path;
	http->redirect_index = session->redirects;
	http->body_limit = body_limit;
	if (http->url == NULL) {
		fail(session, ST_NO_MEMORY);
		return;
	}
	if (session->step == SESSION_PAGE) {
		session->chain.item[session->redirects] = http->url;
		session->chain.count = session->redirects + 1;
	}
	if (!job_run(job, run, scan->config->timeout, true, on_exchange, session))
		fail(session, ST_DEADLINE);
}

static bool is_allowed(const struct session *session)
{
	const struct scan *scan = scan_of(session);

	return scan->config->ignore_robots ||
	       robots_allows(buf_text(&session->robots), session->robots.length, scan->env.robots_agent,
		   session->fetch.path);
}

/* <base href> moves what the page's references are relative to. */
static bool resolve_icon(const struct session *session, struct url *ret_url)
{
	struct url base = session->next_url;

	if (session->icon_base != NULL &&
	    url_resolve(arena_of(session), &session->next_url, session->icon_base, &base) != ST_OK)
		base = session->next_url;
	return url_resolve(arena_of(session), &base, session->icon, ret_url) == ST_OK;
}

static void next_step(struct session *session)
{
	switch (session->step) {
	case SESSION_CONNECT:
	case SESSION_ROBOTS:
		session->fetch = session->next_url;
		session->fetch.path = "/robots.txt";
		if (!scan_of(session)->config->ignore_robots) {
			exchange(session, HTTP_ROBOTS, LIMIT_ROBOTS_BODY);
			break;
		}
		session->step = SESSION_PAGE;
		/* fallthrough */
	case SESSION_PAGE:
		session->fetch = session->next_url;
		if (is_allowed(session))
			exchange(
			    session, session->redirects > 0 ? HTTP_REDIRECT : HTTP_PAGE, LIMIT_HTTP_BODY);
		else
			fail(session, ST_ROBOTS_DISALLOWED);
		break;
	case SESSION_FAVICON:
		/* Icons on other hosts are theirs; the page's record names them. */
		if (resolve_icon(session, &session->fetch) &&
		    same_authority(&session->fetch, &session->next_url) && is_allowed(session))
			exchange(session, HTTP_FAVICON, LIMIT_FAVICON_BODY);
		else
			end(session);
		break;
	case SESSION_END:
		break;
	}
}
