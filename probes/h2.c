#include "probes/h2.h"

#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "probes/http_exchange.h"

enum { READ_SIZE = 16 * 1024, FRAME_HEADER = 9 };

struct h2 {
	nghttp2_session *session;
	struct buf out; /* to be written, from `out_sent` on */
	size_t out_sent;
	/* of the exchange under way */
	struct run *run; /* NULL between two exchanges */
	int32_t stream;
	size_t received;       /* bytes */
	size_t decoded, lines; /* field lines of all heads and trailers: bytes and number */
	bool in_head;	       /* the field lines that come are those of `head` */
	struct http_head head; /* the present one, without its headers */
	struct buf fields;     /* these: struct http_header */
	bool reset, away;      /* the server sent RST_STREAM; GOAWAY */
	uint32_t away_code;    /* of GOAWAY */
	bool ended;	       /* `result` stands */
	enum status result;
};

static struct http_exchange *exchange_of(const struct h2 *h2)
{
	return ((struct http_run *)h2->run->state)->own;
}

static bool is_ours(const struct h2 *h2, int32_t stream)
{
	return h2->run != NULL && !h2->ended && stream == h2->stream;
}

/* --- what comes in: callbacks of nghttp2, called from within take() --- */

/* The first result stands. For a callback to return, so that nghttp2 stops reading. */
static int finish(struct h2 *h2, enum status status, const char *fault)
{
	if (!h2->ended) {
		h2->ended = true;
		h2->result = status;
		if (fault != NULL)
			exchange_of(h2)->fault = fault;
	}
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;
	struct http_exchange *x;

	(void)session;
	if (!is_ours(h2, frame->hd.stream_id))
		return 0;
	x = exchange_of(h2);
	h2->in_head = !x->has_head; /* what follows the final head are trailers */
	if (!h2->in_head)
		return 0;
	h2->head = (struct http_head){.version = "2", .reason = ""};
	buf_clear(&h2->fields);
	if (x->first_byte_at == 0) {
		x->first_byte_at = run_elapsed(h2->run);
		run_phase(h2->run, "head", ST_IO_TIMEOUT);
	}
	return 0;
}

/* The line in the evidence. Line ends in a value are no part of HTTP and would read as other lines. */
static bool keep_line(
    struct buf *wire, const char *name, size_t name_length, const char *value, size_t length)
{
	size_t i, start;

	buf_add(wire, name, name_length);
	buf_add_text(wire, ": ");
	start = wire->length;
	buf_add(wire, value, length);
	for (i = start; i < wire->length; i++)
		if (wire->data[i] == '\r' || wire->data[i] == '\n')
			wire->data[i] = ' ';
	return buf_add_text(wire, "\r\n");
}

/* RFC 9113 section 8.3.2; 0 for what is no status code. */
static int parse_status(const char *value, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!isdigit((unsigned char)value[i]))
			return 0;
	return length == 3 && value[0] != '0'
		   ? (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0'
		   : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A line as struct http_header has it: without surrounding white space, and whole where its name is none. */
static bool keep_field(struct h2 *h2, const char *name, size_t name_length, const char *value, size_t length)
{
	struct arena *arena = h2->run->arena;
	struct http_header header = {.name = ""};
	bool named = name_length > 0 && name[0] != ':' &&
		     nghttp2_check_header_name((const uint8_t *)name, name_length) != 0;

	h2->head.malformed += !named || nghttp2_check_header_value((const uint8_t *)value, length) == 0;
	while (length > 0 && is_blank(*value)) {
		value++;
		length--;
	}
	while (length > 0 && is_blank(value[length - 1]))
		length--;
	if (named) {
		header.name = arena_strndup(arena, name, name_length);
		header.value = arena_strndup(arena, value, length);
		header.value_length = length;
	} else {
		char *line = arena_alloc(arena, name_length + 2 + length + 1);

		if (line != NULL) {
			memcpy(line, name, name_length);
			memcpy(line + name_length, ": ", 2);
			memcpy(line + name_length + 2, value, length);
		}
		header.value = line;
		header.value_length = name_length + 2 + length;
	}
	return header.name != NULL && header.value != NULL && buf_add(&h2->fields, &header, sizeof(header));
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *arg)
{
	struct h2 *h2 = arg;
	struct http_exchange *x;
	bool kept;

	(void)session;
	(void)flags;
	if (!is_ours(h2, frame->hd.stream_id))
		return 0;
	x = exchange_of(h2);
	h2->decoded += name_length + length + strlen(": \r\n");
	if (h2->decoded > LIMIT_HTTP_HEAD)
		return finish(h2, ST_PROTOCOL_ERROR, "the head is larger than the limit");
	if (++h2->lines > LIMIT_HTTP_HEADERS)
		return finish(h2, ST_PROTOCOL_ERROR, "more header lines than the limit");
	if (!h2->in_head)
		return 0;
	kept = keep_line(&x->wire, (const char *)name, name_length, (const char *)value, length);
	x->head_start = x->wire.length;
	if (name_length == strlen(":status") && memcmp(name, ":status", name_length) == 0 &&
	    h2->head.status_code == 0)
		h2->head.status_code = parse_status((const char *)value, length);
	else
		kept = kept && keep_field(h2, (const char *)name, name_length, (const char *)value, length);
	return kept ? 0 : finish(h2, ST_NO_MEMORY, NULL);
}

static int end_head(struct h2 *h2)
{
	struct http_exchange *x = exchange_of(h2);

	h2->in_head = false;
	if (h2->head.status_code == 0)
		return finish(h2, ST_PROTOCOL_ERROR, "the answer has no valid :status");
	h2->head.header_count = h2->fields.length / sizeof(struct http_header);
	h2->head.header = arena_memdup(h2->run->arena, buf_text(&h2->fields), h2->fields.length);
	if (!buf_add_text(&x->wire, "\r\n") || (h2->head.header == NULL && h2->head.header_count > 0))
		return finish(h2, ST_NO_MEMORY, NULL);
	x->head_start = x->wire.length;
	if (http_head_is_interim(&h2->head)) {
		if (++x->interim > LIMIT_HTTP_INTERIM)
			return finish(h2, ST_PROTOCOL_ERROR, "more interim responses than the limit");
		return 0;
	}
	x->head = h2->head;
	x->has_head = true;
	http_expect_body(h2->run);
	x->body.framing = HTTP_UNTIL_CLOSE; /* of the stream, whatever the headers say */
	return 0;
}

static int on_data(
    nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t length, void *arg)
{
	struct h2 *h2 = arg;
	enum status status;
	size_t used;

	(void)session;
	(void)flags;
	if (!is_ours(h2, stream))
		return 0;
	if (!exchange_of(h2)->has_head)
		return finish(h2, ST_PROTOCOL_ERROR, "a body came before the head");
	status = http_body_feed(&exchange_of(h2)->body, (const char *)bytes, length, &used);
	return status == ST_AGAIN ? 0 : finish(h2, status, NULL);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;
	struct http_exchange *x;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		h2->away = true;
		h2->away_code = frame->goaway.error_code;
	}
	if (!is_ours(h2, frame->hd.stream_id))
		return 0;
	x = exchange_of(h2);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		h2->reset = true;
	if (frame->hd.type == NGHTTP2_HEADERS && h2->in_head && end_head(h2) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	if (!x->has_head)
		return finish(h2, ST_PROTOCOL_ERROR, "the answer ended without a final head");
	x->complete = true;
	/* What is left of these bytes belongs to the connection: nghttp2 reads on. */
	finish(h2, ST_OK, NULL);
	return 0;
}

static const char *away_text(const struct h2 *h2)
{
	return arena_printf(
	    h2->run->arena, "the server went away (GOAWAY, %s)", nghttp2_http2_strerror(h2->away_code));
}

/* The stream was closed before the answer ended: by the server, or by nghttp2, which found fault with it. */
static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct h2 *h2 = arg;

	(void)session;
	if (!is_ours(h2, stream))
		return 0;
	if (h2->reset)
		finish(h2, ST_CONNECTION_RESET,
		    arena_printf(
			h2->run->arena, "the server reset the stream (%s)", nghttp2_http2_strerror(code)));
	else if (h2->away)
		finish(h2, ST_CONNECTION_RESET, away_text(h2));
	else
		finish(h2, ST_PROTOCOL_ERROR, "the server broke the rules of HTTP/2");
	return 0;
}

/* --- the session --- */

/*
 * nghttp2 leaves the rules about messages to us: heads are recorded as they are, and what breaks these rules
 * counts as malformed, as in HTTP/1.
 */
static bool open_session(struct h2 *h2)
{
	/* The window holds a body of the largest size, so that distance does not slow it down. */
	static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_HTTP_BODY},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HTTP_HEAD}};
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	bool good = false;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto out;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	good = nghttp2_session_client_new2(&h2->session, callbacks, h2, option) == 0 &&
	       nghttp2_submit_settings(
		   h2->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(*settings)) == 0 &&
	       nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, LIMIT_HTTP_BODY) == 0;
out:
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return good;
}

static struct h2 *h2_new(void)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (h2 != NULL && !open_session(h2)) {
		h2_free(h2);
		h2 = NULL;
	}
	return h2;
}

void h2_end(struct h2 *h2)
{
	if (h2 != NULL)
		h2->run = NULL;
}

void h2_free(struct h2 *h2)
{
	if (h2 == NULL)
		return;
	nghttp2_session_del(h2->session);
	buf_release(&h2->out);
	buf_release(&h2->fields);
	free(h2);
}

/* --- the exchange --- */

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)name,
	    .namelen = strlen(name),
	    .value = (uint8_t *)value,
	    .valuelen = strlen(value)};
}

/* The same request as in HTTP/1, but for Connection, which has no meaning here (RFC 9113 section 8.2.2).
 * Returns its stream, or an error of nghttp2. */
static int32_t submit(struct h2 *h2, const char *authority)
{
	const struct http_run *http = h2->run->state;
	const nghttp2_nv head[] = {pair(":method", "GET"),
	    pair(":scheme", http->connection->endpoint.tls ? "https" : "http"), pair(":authority", authority),
	    pair(":path", http->path), pair("user-agent", h2->run->env->user_agent),
	    pair("accept", HTTP_ACCEPT), pair("accept-encoding", HTTP_ACCEPT_ENCODING),
	    pair("accept-language", HTTP_ACCEPT_LANGUAGE)};

	return nghttp2_submit_request(h2->session, NULL, head, sizeof(head) / sizeof(*head), NULL, NULL);
}

static enum status begin(struct run *run)
{
	struct connection *connection = ((struct http_run *)run->state)->connection;
	const char *authority = http_authority(run);
	struct h2 *h2;

	if (connection->h2 == NULL)
		connection->h2 = h2_new();
	h2 = connection->h2;
	if (h2 == NULL || authority == NULL)
		return ST_NO_MEMORY;
	h2->run = run;
	h2->received = h2->decoded = h2->lines = 0;
	h2->in_head = h2->reset = h2->ended = false;
	h2->stream = submit(h2, authority);
	return h2->stream < 0 ? ST_NO_MEMORY : ST_OK;
}

/* Everything that waits as few writes as can be: nghttp2 hands it out frame by frame. */
static enum status flush(struct h2 *h2, struct chan *chan)
{
	const uint8_t *bytes;
	enum status status;
	size_t length;
	ssize_t count;

	for (;;) {
		while (h2->out_sent < h2->out.length) {
			status = chan_write(
			    chan, h2->out.data + h2->out_sent, h2->out.length - h2->out_sent, &length);
			if (status != ST_OK)
				return status;
			h2->out_sent += length;
		}
		buf_clear(&h2->out);
		h2->out_sent = 0;
		while ((count = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
			buf_add(&h2->out, bytes, (size_t)count);
		if (count < 0 || h2->out.failed)
			return ST_NO_MEMORY;
		if (h2->out.length == 0)
			return ST_OK;
	}
}

/* Takes bytes from the connection: ST_AGAIN until the exchange has its result. */
static enum status take(struct h2 *h2, const char *bytes, size_t length)
{
	struct http_exchange *x = exchange_of(h2);
	ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes, length);
	bool open = used >= 0 && nghttp2_session_check_request_allowed(h2->session) != 0;

	h2->received += length;
	if (h2->ended) {
		x->closed = !open; /* for other exchanges, at least */
		return h2->result;
	}
	if (used == NGHTTP2_ERR_NOMEM)
		return ST_NO_MEMORY;
	if (!open && !h2->away) {
		x->fault = "the server broke the rules of HTTP/2";
		return ST_PROTOCOL_ERROR;
	}
	if (h2->received > LIMIT_H2_BYTES) {
		x->fault = "more is sent around the answer than the limit";
		return ST_PROTOCOL_ERROR;
	}
	return ST_AGAIN;
}

/* The connection ended before the answer did: `status` is that of the read, ST_OK for a close in good order.
 */
static enum status cut_short(const struct h2 *h2, struct http_exchange *x, enum status status)
{
	x->closed = true;
	if (h2->away)
		x->fault = away_text(h2);
	if (x->has_head)
		return status;
	if (h2->away)
		return ST_CONNECTION_RESET;
	if (x->wire.length == 0 && x->write_status != ST_OK)
		return x->write_status;
	if (status != ST_OK)
		return status;
	if (x->wire.length > 0) {
		x->fault = "the connection was closed within the head";
		return ST_PROTOCOL_ERROR;
	}
	x->fault = "the connection was closed without an answer";
	return x->reused ? ST_CONNECTION_RESET : ST_PROTOCOL_ERROR;
}

enum status h2_exchange(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	struct chan *chan = &http->connection->chan;
	char bytes[READ_SIZE];
	enum status status;
	size_t length;

	if (x->step == STEP_BEGIN) {
		status = begin(run);
		if (status != ST_OK)
			return status;
		x->step = STEP_HEAD;
	}
	do {
		/* What the server said before a write failed is read all the same. */
		if (x->write_status == ST_OK) {
			status = flush(http->connection->h2, chan);
			if (status == ST_AGAIN || status == ST_NO_MEMORY)
				return status;
			x->write_status = status;
			/* nghttp2 closes a stream that it finds fault with when it writes that it does. */
			if (http->connection->h2->ended)
				return http->connection->h2->result;
		}
		if (x->sent_at == 0)
			x->sent_at = run_elapsed(run);
		status = chan_read(chan, bytes, sizeof(bytes), &length);
		if (status == ST_AGAIN)
			return status;
		if (status != ST_OK || length == 0)
			return cut_short(http->connection->h2, x, status);
		status = take(http->connection->h2, bytes, length);
	} while (status == ST_AGAIN);
	return status;
}

bool h2_begins(const char *bytes, size_t length)
{
	static const char connection[4]; /* stream 0 */

	return length >= FRAME_HEADER && (bytes[3] == NGHTTP2_SETTINGS || bytes[3] == NGHTTP2_GOAWAY) &&
	       memcmp(bytes + 5, connection, sizeof(connection)) == 0;
}
