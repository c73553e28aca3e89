#include "probes/http.h"

#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "probes/h2.h"
#include "probes/http_exchange.h"

enum { READ_SIZE = 16 * 1024 }; /* the most that one TLS record brings */

static void wake(void *arg)
{
	run_wake(arg);
}

/* --- request --- */

const char *http_authority(struct run *run)
{
	const struct connection *connection = ((struct http_run *)run->state)->connection;
	const char *name = connection->name;
	bool literal = strchr(name, ':') != NULL;
	char port[sizeof(":65535")] = "";

	if (connection->endpoint.port != (connection->endpoint.tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", connection->endpoint.port);
	return arena_printf(run->arena, "%s%s%s%s", literal ? "[" : "", name, literal ? "]" : "", port);
}

/* Constant but for name and path, so that what differs between two answers is the server's doing. */
static enum status make_request(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	const char *authority = http_authority(run);

	if (authority != NULL)
		x->request = arena_printf(run->arena,
		    "GET %s HTTP/1.1\r\n"
		    "Host: %s\r\n"
		    "User-Agent: %s\r\n"
		    "Accept: " HTTP_ACCEPT "\r\n"
		    "Accept-Encoding: " HTTP_ACCEPT_ENCODING "\r\n"
		    "Accept-Language: " HTTP_ACCEPT_LANGUAGE "\r\n"
		    "Connection: keep-alive\r\n"
		    "\r\n",
		    http->path, authority, run->env->user_agent);
	if (x->request == NULL)
		return ST_NO_MEMORY;
	x->request_length = strlen(x->request);
	return ST_OK;
}

static enum status begin(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = arena_alloc(run->arena, sizeof(*x));

	run_phase(run, "request", ST_IO_TIMEOUT);
	chan_set_wake(&http->connection->chan, wake, run);
	if (x == NULL)
		return ST_NO_MEMORY;
	http->own = x;
	x->reused = http->connection->exchanges > 0;
	/* Whoever made the path: it must not end the request line. */
	if (http->path[0] != '/' || http->path[strcspn(http->path, " \t\r\n")] != '\0')
		return ST_INVALID;
	return ST_OK;
}

/*
 * A server that kept the connection open has nothing to say before it is asked again. What it says all the
 * same (usually that it closes) would be taken for the answer to a request that it never saw.
 */
static enum status check_idle(struct http_run *http)
{
	char byte;
	size_t length;

	if (!http->own->reused || chan_read(&http->connection->chan, &byte, 1, &length) == ST_AGAIN)
		return ST_OK;
	http->own->fault = "the connection was not kept open between two requests";
	return ST_CONNECTION_RESET;
}

static enum status send_request(struct http_run *http)
{
	struct http_exchange *x = http->own;
	enum status status = ST_OK;
	size_t length;

	while (status == ST_OK && x->sent < x->request_length) {
		status = chan_write(
		    &http->connection->chan, x->request + x->sent, x->request_length - x->sent, &length);
		if (status == ST_OK)
			x->sent += length;
	}
	return status;
}

/* --- response --- */

/* Takes all complete heads from what was received: ST_OK when the final one is among them. */
static enum status take_heads(struct run *run, struct http_exchange *x)
{
	enum status status;
	size_t length;

	while ((status = http_head_find(&x->search, x->wire.data + x->head_start,
		    x->wire.length - x->head_start, &length, &x->fault)) == ST_OK) {
		status = http_head_parse(x->wire.data + x->head_start, length, run->arena, &x->head);
		if (status == ST_PROTOCOL_ERROR)
			x->fault = "the status line is not valid";
		if (status != ST_OK)
			return status;
		x->head_start += length;
		if (!http_head_is_interim(&x->head)) {
			x->has_head = true;
			return ST_OK;
		}
		x->search = (struct http_head_search){0};
		if (++x->interim > LIMIT_HTTP_INTERIM || x->head_start > LIMIT_HTTP_HEAD) {
			x->fault = "more interim responses than the limit";
			return ST_PROTOCOL_ERROR;
		}
	}
	return status;
}

/* Why no head came: `status` is that of the last read, ST_OK for the end of the stream. */
static enum status no_head(struct http_exchange *x, enum status status)
{
	if (x->wire.length == 0 && x->write_status != ST_OK)
		return x->write_status;
	if (status != ST_OK)
		return status;
	x->closed = true;
	if (x->wire.length > 0) {
		x->fault = "the connection was closed within the head";
		return ST_PROTOCOL_ERROR;
	}
	x->fault = "the connection was closed without an answer";
	return x->reused ? ST_CONNECTION_RESET : ST_PROTOCOL_ERROR;
}

static enum status read_head(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	enum status status;
	size_t length;
	char *room;

	do {
		room = buf_reserve(&x->wire, READ_SIZE);
		if (room == NULL)
			return ST_NO_MEMORY;
		status = chan_read(&http->connection->chan, room, READ_SIZE, &length);
		if (status == ST_AGAIN)
			return status;
		if (status != ST_OK || length == 0)
			return no_head(x, status);
		if (x->wire.length == 0) {
			x->first_byte_at = run_elapsed(run);
			run_phase(run, "head", ST_IO_TIMEOUT);
		}
		x->wire.length += length;
		status = take_heads(run, x);
	} while (status == ST_AGAIN);
	return status;
}

static enum status take_body(struct http_exchange *x, const char *bytes, size_t length)
{
	enum status status;
	size_t used;

	status = http_body_feed(&x->body, bytes, length, &used);
	if (status == ST_OK) {
		x->complete = !x->body.truncated;
		x->unasked = used < length;
	}
	return status;
}

void http_expect_body(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	size_t limit = http->body_limit;

	if (limit == 0 || limit > LIMIT_HTTP_BODY)
		limit = LIMIT_HTTP_BODY;
	run_phase(run, "body", ST_IO_TIMEOUT);
	http_body_begin(&x->body, &x->head, limit, run->arena);
	x->step = STEP_BODY;
}

/* Behind the head may already stand some of the body. */
static enum status begin_body(struct run *run)
{
	struct http_exchange *x = ((struct http_run *)run->state)->own;
	size_t length = x->wire.length - x->head_start;

	http_expect_body(run);
	x->wire.length = x->head_start;
	return take_body(x, x->wire.data + x->head_start, length);
}

static enum status read_body(struct http_run *http)
{
	struct http_exchange *x = http->own;
	char bytes[READ_SIZE];
	enum status status;
	size_t length;

	do {
		status = chan_read(&http->connection->chan, bytes, sizeof(bytes), &length);
		if (status != ST_OK)
			return status;
		if (length == 0) {
			x->closed = true;
			/* A body that lasts until the end of a stream which somebody cut is not known to be
			 * whole (RFC 9112 section 9.8). */
			x->complete = http_body_close(&x->body) &&
				      !(http->connection->chan.cut && x->body.framing == HTTP_UNTIL_CLOSE);
			return ST_OK;
		}
		status = take_body(x, bytes, length);
	} while (status == ST_AGAIN);
	return status;
}

static enum status advance(struct run *run)
{
	struct http_run *http = run->state;
	enum status status;

	if (http->own == NULL) {
		status = begin(run);
		if (status != ST_OK)
			return status;
	}
	if (http->connection->protocol == PROTOCOL_HTTP2)
		return h2_exchange(run);
	switch (http->own->step) {
	case STEP_BEGIN:
		status = make_request(run);
		if (status == ST_OK)
			status = check_idle(http);
		if (status != ST_OK)
			return status;
		http->own->step = STEP_WRITE;
		__attribute__((fallthrough));
	case STEP_WRITE:
		status = send_request(http);
		if (status == ST_AGAIN)
			return status;
		http->own->write_status = status;
		http->own->sent_at = run_elapsed(run);
		http->own->step = STEP_HEAD;
		__attribute__((fallthrough));
	case STEP_HEAD:
		status = read_head(run);
		if (status != ST_OK)
			return status;
		status = begin_body(run);
		if (status != ST_AGAIN)
			return status;
		__attribute__((fallthrough));
	case STEP_BODY:
		break;
	}
	return read_body(http);
}

static void close_run(struct run *run)
{
	struct http_run *http = run->state;

	chan_set_wake(&http->connection->chan, NULL, NULL);
	h2_end(http->connection->h2);
	if (http->own != NULL)
		buf_release(&http->own->wire);
}

const struct probe http_probe = {
    .schema = &http_schema,
    .state_size = sizeof(struct http_run),
    .advance = advance,
    .report = http_report,
    .close = close_run,
};
