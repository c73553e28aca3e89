#include "session_private.h"

#include <string.h>

#include "core/clock.h"
#include "core/limits.h"
#include "probes/page.h"
#include "probes/robots.h"

static void exchange(struct session *session, enum http_purpose purpose, size_t body_limit);

static bool is_redirect(const struct http_run *http)
{
	int code = http->status_code;

	return http->location != NULL &&
	       (code == 301 || code == 302 || code == 303 || code == 307 || code == 308);
}

/* Within the same authority robots.txt is followed, as RFC 9309 section 2.3.1.2 asks. */
static bool follow_robots(struct session *session, const struct http_run *http)
{
	enum { HOPS = 5 };
	struct url url;

	if (!is_redirect(http) || session->robots_hops >= HOPS ||
	    url_resolve(session_arena(session), &session->fetch, http->location, &url) != ST_OK ||
	    !url_same_authority(&url, &session->fetch))
		return false;
	session->robots_hops++;
	session->fetch = url;
	exchange(session, HTTP_ROBOTS, LIMIT_ROBOTS_BODY);
	return true;
}

/* True when the rules could not be read whole: they are then as good as unreachable. */
static bool is_spoiled(const struct http_run *http, const struct record *record)
{
	const struct value *failed = record_get(record, "decoding_failed");

	return http->body_incomplete || (failed != NULL && failed->boolean);
}

static void take_robots(struct session *session, struct http_run *http, const struct record *record)
{
	bool success = http->status_code >= 200 && http->status_code < 300;

	if (follow_robots(session, http))
		return;
	buf_clear(&session->robots);
	/*
	 * RFC 9309 section 2.3.1: what is unavailable (4xx) allows everything, what is unreachable (5xx)
	 * forbids everything. A redirect to another authority counts as unavailable: in practice it is the
	 * one that answers every path so, and there its own robots.txt is read before anything is fetched.
	 */
	if (http->status_code >= 500 || (success && is_spoiled(http, record))) {
		if (!success)
			session->http_status_code = http->status_code;
		buf_add_text(&session->robots, "User-agent: *\nDisallow: /\n");
	} else if (success) {
		buf_add(&session->robots, buf_text(&http->body), http->body.length);
	}
	session->step = SESSION_PAGE;
	session_next(session);
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
	struct record *record = page_record(session_arena(session), &input, &links);

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
	if (is_redirect(http)) {
		if (url_resolve(session_arena(session), &session->fetch, http->location, &url) == ST_OK) {
			session_follow(session, &url);
			return;
		}
		session->fault = "its redirect leads to no URL that can be read";
	}
	derive_page(session, http);
	/* An icon is worth a request only where there is a site. */
	if (http->status_code != 200 || session_scan(session)->config->no_favicon || session->icon == NULL) {
		session_end(session);
		return;
	}
	session->step = SESSION_FAVICON;
	session_next(session);
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
		session_connect(session);
	} else if (http->h2_instead && session_try_h2(session)) {
		task->keep_record = false;
	} else if (status != ST_OK) {
		if (session->step != SESSION_FAVICON)
			session->status = status;
		session_end(session);
	} else if (session->step == SESSION_ROBOTS) {
		take_robots(session, http, task->run->record);
	} else if (session->step == SESSION_PAGE) {
		take_page(session, http);
	} else {
		session_end(session);
	}
	buf_release(&http->body);
}

static void exchange(struct session *session, enum http_purpose purpose, size_t body_limit)
{
	struct job *job = &session->target->job;
	struct scan *scan = session_scan(session);
	struct run *run;
	struct http_run *http;

	if (!session->connection.usable) {
		session_connect(session);
		return;
	}
	run = run_new(&http_probe, &scan->env, job->arena, job->domain, job->input);
	if (run == NULL) {
		session_fail(session, ST_NO_MEMORY);
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
		session_fail(session, ST_NO_MEMORY);
		return;
	}
	if (session->step == SESSION_PAGE) {
		session->chain.item[session->redirects] = http->url;
		session->chain.count = session->redirects + 1;
	}
	if (!job_run(job, run, scan->config->timeout, true, on_exchange, session))
		session_fail(session, ST_DEADLINE);
}

static bool is_allowed(const struct session *session)
{
	const struct scan *scan = session_scan(session);

	return scan->config->ignore_robots ||
	       robots_allows(buf_text(&session->robots), session->robots.length, scan->env.robots_agent,
		   session->fetch.path);
}

/* <base href> moves what the page's references are relative to. */
static bool resolve_icon(const struct session *session, struct url *ret_url)
{
	struct url base = session->next_url;

	if (session->icon_base != NULL &&
	    url_resolve(session_arena(session), &session->next_url, session->icon_base, &base) != ST_OK)
		base = session->next_url;
	return url_resolve(session_arena(session), &base, session->icon, ret_url) == ST_OK;
}

void session_next(struct session *session)
{
	switch (session->step) {
	case SESSION_CONNECT:
	case SESSION_ROBOTS:
		if (session->robots_hops == 0) {
			session->fetch = session->next_url;
			session->fetch.path = "/robots.txt";
		}
		if (!session_scan(session)->config->ignore_robots) {
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
			session_fail(session, ST_ROBOTS_DISALLOWED);
		break;
	case SESSION_FAVICON:
		/* Icons on other hosts are theirs; the page's record names them. */
		if (resolve_icon(session, &session->fetch) &&
		    url_same_authority(&session->fetch, &session->next_url) && is_allowed(session))
			exchange(session, HTTP_FAVICON, LIMIT_FAVICON_BODY);
		else
			session_end(session);
		break;
	case SESSION_END:
		break;
	}
}
