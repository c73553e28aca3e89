/* The HTTP probe on HTTP/2: against a server of nghttp2, and against frames that no good server sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event_struct.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "core/clock.h"
#include "core/limits.h"
#include "probes/h2.h"
#include "probes/http.h"

enum { LONG = 5000000, SHORT = 100000 }; /* microseconds */

static struct event_base *base;
static struct arena *arena;
static struct probe_env env = {.user_agent = "mooring-test (+https://example.org/)"};
static struct connection connection;

/* --- the server --- */

struct header {
	const char *name, *value;
};

/* What the server does with a request, or does as soon as it is asked for anything. */
struct script {
	struct header header[8]; /* ":status" among them; none: no answer */
	const char *interim;	 /* the status of a response before it, or NULL */
	const char *body;
	size_t length;
	bool trailers;
	uint32_t reset; /* code of an RST_STREAM in place of an answer; 0: none */
	bool goaway;	/* in place of an answer */
	/* in place of all that: bytes, `repeat` over and over until the other side closes */
	struct buf raw, repeat;
	bool close; /* behind `raw` */
};

static struct server {
	int fd;
	struct event readable, writable;
	nghttp2_session *session;
	struct script script;
	struct buf request, out;
	size_t sent, body_sent;
	unsigned requests, connections;
	bool preface; /* of raw servers: the client has spoken */
} server;

static void server_close(void)
{
	if (server.fd < 0)
		return;
	event_del(&server.readable);
	event_del(&server.writable);
	close(server.fd);
	server.fd = -1;
	nghttp2_session_del(server.session);
	server.session = NULL;
	buf_release(&server.out);
	buf_release(&server.request);
}

static void server_fill(void)
{
	const uint8_t *bytes;
	ssize_t length;

	if (server.session == NULL) {
		if (server.preface && server.script.repeat.length > 0)
			buf_add(&server.out, server.script.repeat.data, server.script.repeat.length);
		return;
	}
	while (server.out.length < 1 << 20 && (length = nghttp2_session_mem_send(server.session, &bytes)) > 0)
		buf_add(&server.out, bytes, (size_t)length);
}

static void server_write(void)
{
	ssize_t length;

	for (;;) {
		if (server.sent == server.out.length) {
			buf_clear(&server.out);
			server.sent = 0;
			server_fill();
			if (server.out.length == 0)
				break;
		}
		length = send(server.fd, server.out.data + server.sent, server.out.length - server.sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (length < 0) {
			event_add(&server.writable, NULL);
			return;
		}
		server.sent += (size_t)length;
	}
	if (server.preface && server.script.close)
		shutdown(server.fd, SHUT_WR);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	server_write();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	uint8_t bytes[4096];
	ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)what;
	(void)arg;
	if (length <= 0) {
		event_del(&server.readable);
		return;
	}
	if (server.session != NULL) {
		nghttp2_session_mem_recv(server.session, bytes, (size_t)length);
	} else if (!server.preface) {
		server.preface = true;
		buf_add(&server.out, buf_text(&server.script.raw), server.script.raw.length);
	}
	server_write();
}

static int on_request_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *arg)
{
	(void)session;
	(void)frame;
	(void)flags;
	(void)arg;
	buf_printf(&server.request, "%.*s: %.*s\n", (int)name_length, (const char *)name, (int)length,
	    (const char *)value);
	return 0;
}

static size_t make_pairs(const struct header *header, nghttp2_nv *nv)
{
	size_t i;

	for (i = 0; header[i].name != NULL; i++)
		nv[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)header[i].name,
		    .namelen = strlen(header[i].name),
		    .value = (uint8_t *)(uintptr_t)header[i].value,
		    .valuelen = strlen(header[i].value)};
	return i;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t size,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	static const struct header trailer[2] = {{"x-trailer", "late"}};
	size_t left = server.script.length - server.body_sent, step = left < size ? left : size;
	nghttp2_nv nv[1];

	(void)source;
	(void)arg;
	memcpy(bytes, server.script.body + server.body_sent, step);
	server.body_sent += step;
	if (server.body_sent < server.script.length)
		return (ssize_t)step;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (server.script.trailers) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream, nv, make_pairs(trailer, nv));
	}
	return (ssize_t)step;
}

static int on_request(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	const struct script *script = &server.script;
	nghttp2_data_provider provider = {.read_callback = read_body};
	int32_t stream = frame->hd.stream_id;
	nghttp2_nv nv[8];

	(void)arg;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	server.requests++;
	server.body_sent = 0;
	if (script->goaway)
		return nghttp2_submit_goaway(
		    session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_ENHANCE_YOUR_CALM, NULL, 0);
	if (script->interim != NULL) {
		const struct header interim[2] = {{":status", script->interim}};

		nghttp2_submit_headers(
		    session, NGHTTP2_FLAG_NONE, stream, NULL, nv, make_pairs(interim, nv), NULL);
	}
	if (script->header[0].name != NULL)
		nghttp2_submit_response(session, stream, nv, make_pairs(script->header, nv),
		    script->body == NULL ? NULL : &provider);
	if (script->reset != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, script->reset);
	return 0;
}

static void make_session(void)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_request_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_request);
	assert_int_equal(nghttp2_session_server_new2(&server.session, callbacks, NULL, option), 0);
	assert_int_equal(nghttp2_submit_settings(server.session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
}

/* What whoever owns a connection does. */
static void hang_up(void)
{
	chan_close(&connection.chan);
	h2_free(connection.h2);
	connection.h2 = NULL;
	server_close();
}

static void connect_to(struct script script)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	evutil_make_socket_nonblocking(fd[0]);
	server = (struct server){.fd = fd[1], .script = script};
	event_assign(&server.readable, base, fd[1], EV_READ | EV_PERSIST, on_readable, NULL);
	event_assign(&server.writable, base, fd[1], EV_WRITE, on_writable, NULL);
	event_add(&server.readable, NULL);
	if (script.raw.length == 0 && script.repeat.length == 0 && !script.close)
		make_session();

	connection = (struct connection){.name = "example.test",
	    .usable = true,
	    .protocol = PROTOCOL_HTTP2,
	    .endpoint = {.port = 8443, .tls = true}};
	address_parse(&connection.endpoint.address, "192.0.2.7");
	chan_init(&connection.chan, base);
	connection.chan.fd = fd[0];
}

/* --- the client --- */

static unsigned done_calls;
static enum status done_status;

static void on_done(struct run *run, enum status status, void *arg)
{
	(void)run;
	(void)arg;
	done_calls++;
	done_status = status;
	event_base_loopbreak(base);
}

static struct run *fetch_within(int64_t timeout, size_t limit)
{
	struct run *run = run_new(&http_probe, &env, arena, "example.test", "Example.test");
	struct http_run *http = run->state;
	int64_t start = clock_monotonic();

	http->connection = &connection;
	http->purpose = HTTP_PAGE;
	http->url = "https://example.test:8443/p?q";
	http->path = "/p?q";
	http->body_limit = limit;
	done_calls = 0;
	run_start(run, timeout, on_done, NULL);
	event_base_dispatch(base);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(done_calls, 1);
	assert_true(clock_monotonic() - start < timeout + 1000000);
	assert_int_equal(run->record->status, done_status);
	return run;
}

static struct run *fetch(void)
{
	return fetch_within(LONG, LIMIT_HTTP_BODY);
}

static void drop_body(struct run *run)
{
	buf_release(&((struct http_run *)run->state)->body);
}

static const char *text_of(const struct run *run, const char *field)
{
	return record_get_text(run->record, field);
}

static void assert_bytes(const struct run *run, const char *field, const char *expected)
{
	const struct value *value = record_get(run->record, field);

	assert_non_null(value);
	assert_int_equal(value->text.length, strlen(expected));
	assert_memory_equal(value->text.data, expected, strlen(expected));
}

/* --- good servers --- */

static void test_answer(void **state)
{
	const struct script script = {
	    .header = {{":status", "200"}, {"server", "nginx"}, {"x-b", "2"}, {"content-type", "text/html"},
		{"x-a", "1"}, {"set-cookie", "sid=1; path=/"}},
	    .interim = "103",
	    .body = "hello",
	    .length = 5,
	    .trailers = true};
	struct http_run *http;
	struct run *run;

	(void)state;
	connect_to(script);
	run = fetch();
	http = run->state;
	assert_int_equal(done_status, ST_OK);
	assert_int_equal(http->status_code, 200);
	assert_string_equal(http->content_type, "text/html");
	assert_string_equal(buf_text(&http->body), "hello");
	assert_int_equal(http->header_count, 5);
	assert_string_equal(http->header[3].name, "x-a");
	assert_false(http->h2_instead);
	assert_string_equal(text_of(run, "http_version"), "2");
	assert_string_equal(text_of(run, "server"), "nginx");
	assert_bytes(run, "head",
	    ":status: 103\r\n\r\n:status: 200\r\nserver: nginx\r\nx-b: 2\r\ncontent-type: text/html\r\n"
	    "x-a: 1\r\nset-cookie: sid=1; path=/\r\n\r\n");
	assert_string_equal(run->record->phase, "body");
	assert_null(run->record->error);
	assert_string_equal(server.request.data,
	    ":method: GET\n:scheme: https\n:authority: example.test:8443\n:path: /p?q\n"
	    "user-agent: mooring-test (+https://example.org/)\n"
	    "accept: text/html,application/xhtml+xml,*/*;q=0.8\naccept-encoding: gzip, deflate, br\n"
	    "accept-language: *\n");
	assert_true(connection.usable);
	drop_body(run);
}

static void test_many_exchanges(void **state)
{
	const struct script script = {
	    .header = {{":status", "404"}, {"connection", "close"}}, .body = "no", .length = 2};
	struct run *run;
	unsigned i;

	(void)state;
	connect_to(script);
	for (i = 0; i < 20; i++) {
		run = fetch();
		assert_int_equal(done_status, ST_OK);
		assert_int_equal(((struct http_run *)run->state)->status_code, 404);
		assert_string_equal(buf_text(&((struct http_run *)run->state)->body), "no");
		assert_true(connection.usable);
		assert_int_equal(connection.exchanges, i + 1);
		drop_body(run);
	}
	assert_int_equal(server.requests, 20);
}

/* No body at all: the head ends the stream. */
static void test_no_body(void **state)
{
	const struct script script = {.header = {{":status", "204"}}};
	struct run *run;

	(void)state;
	connect_to(script);
	run = fetch();
	assert_int_equal(done_status, ST_OK);
	assert_int_equal(((struct http_run *)run->state)->status_code, 204);
	assert_int_equal(((struct http_run *)run->state)->body.length, 0);
	assert_false(((struct http_run *)run->state)->body_incomplete);
	assert_true(connection.usable);
	drop_body(run);
}

static void test_gzip(void **state)
{
	static char text[300000], packed[300000];
	struct script script = {.header = {{":status", "200"}, {"content-encoding", "gzip"}}, .body = packed};
	z_stream stream = {.next_in = (Bytef *)text,
	    .avail_in = sizeof(text),
	    .next_out = (Bytef *)packed,
	    .avail_out = sizeof(packed)};
	struct http_run *http;
	struct run *run;
	unsigned i;

	(void)state;
	srand(1);
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)(rand() % 200);
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	script.length = stream.total_out;
	deflateEnd(&stream);
	connect_to(script);
	run = fetch();
	http = run->state;
	assert_int_equal(done_status, ST_OK);
	assert_int_equal(http->body.length, sizeof(text));
	assert_memory_equal(http->body.data, text, sizeof(text));
	assert_int_equal(record_get(run->record, "body_wire_length")->integer, script.length);
	assert_true(connection.usable);
	drop_body(run);
}

/* More than all windows: the body is cut at the limit, and the connection is of no more use. */
static void test_body_limit(void **state)
{
	static char body[LIMIT_HTTP_BODY * 2];
	const struct script script = {.header = {{":status", "200"}}, .body = body, .length = sizeof(body)};
	const size_t limits[] = {1000, LIMIT_HTTP_BODY, 0};
	struct http_run *http;
	struct run *run;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		connect_to(script);
		run = fetch_within(LONG, limits[i]);
		http = run->state;
		assert_int_equal(done_status, ST_OK);
		assert_int_equal(http->body.length, limits[i] == 0 ? LIMIT_HTTP_BODY : limits[i]);
		assert_true(http->body_truncated);
		assert_false(http->body_incomplete);
		assert_false(connection.usable);
		drop_body(run);
		hang_up();
	}
}

/* A body of exactly the limit is whole; windows are opened again from exchange to exchange. */
static void test_body_of_the_limit(void **state)
{
	static char body[LIMIT_HTTP_BODY];
	const struct script script = {.header = {{":status", "200"}}, .body = body, .length = sizeof(body)};
	struct run *run;
	unsigned i;

	(void)state;
	connect_to(script);
	for (i = 0; i < 3; i++) {
		run = fetch();
		assert_int_equal(done_status, ST_OK);
		assert_int_equal(((struct http_run *)run->state)->body.length, sizeof(body));
		assert_false(((struct http_run *)run->state)->body_truncated);
		assert_true(connection.usable);
		drop_body(run);
	}
}

/* What breaks the rules for messages is kept as it came. */
static void test_odd_headers(void **state)
{
	const struct script script = {
	    .header = {{":status", "200"}, {":status", "500"}, {"x y", "z"}, {"x-lines", "a\r\nb"},
		{"transfer-encoding", "chunked"}, {"x-blank", " v "}},
	    .body = "hello",
	    .length = 5};
	struct http_run *http;
	struct run *run;

	(void)state;
	connect_to(script);
	run = fetch();
	http = run->state;
	assert_int_equal(done_status, ST_OK);
	assert_int_equal(http->status_code, 200);
	assert_int_equal(http->header_count, 5);
	assert_string_equal(http->header[0].name, "");
	assert_string_equal(http->header[0].value, ":status: 500");
	assert_string_equal(http->header[1].value, "x y: z");
	assert_string_equal(http->header[2].name, "x-lines");
	assert_string_equal(http->header[2].value, "a\r\nb");
	assert_string_equal(http->header[4].value, "v");
	assert_int_equal(record_get(run->record, "header_lines_malformed")->integer, 3);
	assert_bytes(run, "head",
	    ":status: 200\r\n:status: 500\r\nx y: z\r\nx-lines: a  b\r\ntransfer-encoding: chunked\r\n"
	    "x-blank:  v \r\n\r\n");
	assert_string_equal(buf_text(&http->body), "hello");
	drop_body(run);
}

/* --- servers that stop --- */

static void test_reset(void **state)
{
	const struct script script = {.reset = NGHTTP2_REFUSED_STREAM};
	struct run *run;

	(void)state;
	connect_to(script);
	run = fetch();
	assert_int_equal(done_status, ST_CONNECTION_RESET);
	assert_string_equal(run->record->phase, "request");
	assert_string_equal(run->record->error, "the server reset the stream (REFUSED_STREAM)");
	assert_false(connection.usable);
}

static void test_goaway(void **state)
{
	const struct script script = {.goaway = true};
	struct run *run;

	(void)state;
	connect_to(script);
	run = fetch();
	assert_int_equal(done_status, ST_CONNECTION_RESET);
	assert_string_equal(run->record->phase, "request");
	assert_string_equal(run->record->error, "the server went away (GOAWAY, ENHANCE_YOUR_CALM)");
	assert_false(connection.usable);
}

static void test_goaway_after_answer(void **state)
{
	const struct script script = {.header = {{":status", "200"}}, .body = "hello", .length = 5};
	struct run *run;

	(void)state;
	connect_to(script);
	nghttp2_submit_shutdown_notice(server.session);
	run = fetch();
	assert_int_equal(done_status, ST_OK);
	assert_string_equal(buf_text(&((struct http_run *)run->state)->body), "hello");
	assert_false(connection.usable);
	drop_body(run);
}

/* Between two exchanges the server says goodbye: what session.c knows as a connection that was given up. */
static void test_closed_between(void **state)
{
	const struct script script = {.header = {{":status", "200"}}, .body = "hello", .length = 5};
	struct run *run;
	unsigned goaway;

	(void)state;
	for (goaway = 0; goaway < 2; goaway++) {
		connect_to(script);
		drop_body(fetch());
		assert_true(connection.usable);
		if (goaway) {
			nghttp2_submit_goaway(
			    server.session, NGHTTP2_FLAG_NONE, 1, NGHTTP2_NO_ERROR, NULL, 0);
			server_write();
		}
		shutdown(server.fd, SHUT_RDWR);
		run = fetch();
		assert_int_equal(done_status, ST_CONNECTION_RESET);
		assert_string_equal(run->record->phase, "request");
		assert_false(connection.usable);
		hang_up();
	}
}

static void test_silent(void **state)
{
	struct script script = {.close = false};
	struct run *run;

	(void)state;
	connect_to(script); /* SETTINGS, and nothing else */
	run = fetch_within(SHORT, 0);
	assert_int_equal(done_status, ST_IO_TIMEOUT);
	assert_string_equal(run->record->phase, "request");
	assert_false(connection.usable);
	hang_up();

	script.close = true;
	connect_to(script);
	run = fetch();
	assert_int_equal(done_status, ST_PROTOCOL_ERROR);
	assert_string_equal(run->record->error, "the connection was closed without an answer");
}

/* --- frames by hand --- */

static void frame(
    struct buf *buf, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t length)
{
	const uint8_t head[9] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type,
	    flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};

	buf_add(buf, head, sizeof(head));
	buf_add(buf, payload, length);
}

/* HPACK (RFC 7541): 0x88 is ":status: 200", 0x8d 404; a literal that is not indexed begins with 0. */
#define STATUS_200 "\x88"

enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static void settings(struct buf *buf)
{
	frame(buf, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void add_status(struct buf *buf)
{
	settings(buf);
	frame(buf, NGHTTP2_HEADERS, END_HEADERS, 1, STATUS_200, 1);
}

static void garbage(struct script *script)
{
	buf_add_text(&script->raw, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void binary_garbage(struct script *script)
{
	unsigned i;

	for (i = 0; i < 4000; i++)
		buf_add_char(&script->raw, (char)(i * 7919 >> 3));
}

static void bad_compression(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, "\xff\xff\xff\xff\xff", 5);
}

static void huge_frame(struct script *script)
{
	settings(&script->raw);
	buf_add(&script->raw, "\xff\xff\xff\0\0\0\0\0\1", 9);
}

static void push_after_ack(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_SETTINGS, ACK, 0, NULL, 0);
	frame(&script->raw, NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2\x82\x87\x84", 7);
}

static void no_status(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, "\0\1a\1b", 5);
}

static void bad_status(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1,
	    "\x08\4"
	    "2000",
	    6);
}

static void data_first(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS, 1,
	    "\x08\3"
	    "103",
	    5);
	frame(&script->raw, NGHTTP2_DATA, END_STREAM, 1, "hello", 5);
}

static void only_interim(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1,
	    "\x08\3"
	    "103",
	    5);
}

static void interim_flood(struct script *script)
{
	settings(&script->raw);
	frame(&script->repeat, NGHTTP2_HEADERS, END_HEADERS, 1,
	    "\x08\3"
	    "103",
	    5);
}

/* One field in the dynamic table, and then a byte for each time that it is meant. */
static void header_bomb(struct script *script)
{
	static char block[16384];
	size_t value = 4000;

	settings(&script->raw);
	memset(block, 'a', sizeof(block));
	/* length 4000: 127 + 3873 = 0x7f, 0xa1, 0x1e (RFC 7541 section 5.1) */
	memcpy(block, STATUS_200 "\x40\1x\x7f\xa1\x1e", 7);
	memset(block + 7 + value, '\xbe', sizeof(block) - 7 - value);
	frame(&script->raw, NGHTTP2_HEADERS, END_HEADERS, 1, block, sizeof(block));
}

static void header_flood(struct script *script)
{
	struct buf block = {0};
	unsigned i;

	buf_add(&block, STATUS_200, 1);
	for (i = 0; i < 3000; i++)
		buf_add(&block, "\0\1a\1b", 5);
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, 0, 1, block.data, block.length);
	frame(&script->raw, NGHTTP2_CONTINUATION, END_HEADERS, 1, block.data, block.length);
	buf_release(&block);
}

/* Trailers count as well. */
static void trailer_flood(struct script *script)
{
	static char block[16000];
	unsigned i;

	for (i = 0; i < sizeof(block); i += 5)
		memcpy(block + i, "\0\1a\1b", 5);
	add_status(&script->raw);
	frame(&script->repeat, NGHTTP2_HEADERS, END_HEADERS, 1, block, sizeof(block));
}

static void continuation_flood(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, 0, 1, STATUS_200, 1);
	frame(&script->repeat, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
}

static void repeat_frame(struct script *script, uint8_t type, uint32_t stream, size_t length)
{
	static const uint8_t zeros[16000];
	unsigned i;

	settings(&script->raw);
	for (i = 0; i < 100; i++)
		frame(&script->repeat, type, 0, stream, zeros, length);
}

static void ping_flood(struct script *script)
{
	repeat_frame(script, NGHTTP2_PING, 0, 8);
}

static void settings_flood(struct script *script)
{
	repeat_frame(script, NGHTTP2_SETTINGS, 0, 0);
}

static void unknown_flood(struct script *script)
{
	repeat_frame(script, 0xee, 0, 16000);
}

static void empty_data_flood(struct script *script)
{
	repeat_frame(script, NGHTTP2_DATA, 1, 0);
	buf_clear(&script->raw);
	add_status(&script->raw);
}

static void window_overflow(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_WINDOW_UPDATE, 0, 1, "\x7f\xff\xff\xff", 4);
}

static void reset_in_body(struct script *script)
{
	add_status(&script->raw);
	frame(&script->raw, NGHTTP2_DATA, 0, 1, "hello", 5);
	frame(&script->raw, NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\2", 4);
}

static void goaway_in_body(struct script *script)
{
	add_status(&script->raw);
	frame(&script->raw, NGHTTP2_DATA, 0, 1, "hello", 5);
	frame(&script->raw, NGHTTP2_GOAWAY, 0, 0, "\0\0\0\1\0\0\0\2", 8);
	script->close = true;
}

static void cut_in_head(struct script *script)
{
	settings(&script->raw);
	frame(&script->raw, NGHTTP2_HEADERS, 0, 1, STATUS_200, 1);
	script->close = true;
}

static void cut_in_body(struct script *script)
{
	add_status(&script->raw);
	frame(&script->raw, NGHTTP2_DATA, 0, 1, "hello", 5);
	script->close = true;
}

static void test_frames(void **state)
{
	static const char broken[] = "the server broke the rules of HTTP/2";
	static const struct {
		void (*write)(struct script *script);
		enum status status;
		const char *error;
	} parts[] = {
	    {garbage, ST_PROTOCOL_ERROR, broken},
	    {binary_garbage, ST_PROTOCOL_ERROR, broken},
	    {bad_compression, ST_PROTOCOL_ERROR, broken},
	    {huge_frame, ST_PROTOCOL_ERROR, broken},
	    {push_after_ack, ST_PROTOCOL_ERROR, broken},
	    {no_status, ST_PROTOCOL_ERROR, "the answer has no valid :status"},
	    {bad_status, ST_PROTOCOL_ERROR, "the answer has no valid :status"},
	    {data_first, ST_PROTOCOL_ERROR, "a body came before the head"},
	    {only_interim, ST_PROTOCOL_ERROR, "the answer ended without a final head"},
	    {interim_flood, ST_PROTOCOL_ERROR, "more interim responses than the limit"},
	    {header_bomb, ST_PROTOCOL_ERROR, "the head is larger than the limit"},
	    {header_flood, ST_PROTOCOL_ERROR, "more header lines than the limit"},
	    {trailer_flood, ST_PROTOCOL_ERROR, "more header lines than the limit"},
	    {continuation_flood, ST_PROTOCOL_ERROR, NULL},
	    {ping_flood, ST_PROTOCOL_ERROR, "more is sent around the answer than the limit"},
	    {settings_flood, ST_PROTOCOL_ERROR, NULL},
	    {unknown_flood, ST_PROTOCOL_ERROR, "more is sent around the answer than the limit"},
	    {empty_data_flood, ST_PROTOCOL_ERROR, "more is sent around the answer than the limit"},
	    {window_overflow, ST_PROTOCOL_ERROR, broken},
	    {reset_in_body, ST_CONNECTION_RESET, "the server reset the stream (INTERNAL_ERROR)"},
	    {goaway_in_body, ST_OK, "the server went away (GOAWAY, INTERNAL_ERROR)"},
	    {cut_in_head, ST_PROTOCOL_ERROR, "the connection was closed within the head"},
	    {cut_in_body, ST_OK, "the connection was closed before the end of the body"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct script script = {.close = false};
		int64_t start = clock_monotonic();
		struct run *run;

		parts[i].write(&script);
		connect_to(script);
		run = fetch();
		if (getenv("VERBOSE") != NULL)
			print_message("part %zu: %s, %s, %lld us\n", i, status_name(done_status),
			    run->record->error, (long long)(clock_monotonic() - start));
		assert_int_equal(done_status, parts[i].status);
		if (parts[i].error != NULL)
			assert_string_equal(run->record->error, parts[i].error);
		assert_false(connection.usable);
		drop_body(run);
		hang_up();
		buf_release(&script.raw);
		buf_release(&script.repeat);
	}
}

/* A ping is answered; other streams, unknown frames and priorities disturb nothing. */
static void test_noise(void **state)
{
	struct script script = {.close = false};
	struct run *run;

	(void)state;
	settings(&script.raw);
	frame(&script.raw, NGHTTP2_PING, 0, 0, "12345678", 8);
	frame(&script.raw, 0xee, 0, 1, "?", 1);
	/* It may not have seen yet that we want none. */
	frame(&script.raw, NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2\x82\x87\x84", 7);
	frame(&script.raw, NGHTTP2_HEADERS, END_HEADERS, 1, STATUS_200, 1);
	frame(&script.raw, NGHTTP2_DATA, 0, 1, "hel", 3);
	frame(&script.raw, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
	frame(&script.raw, NGHTTP2_DATA, END_STREAM, 1, "lo", 2);
	connect_to(script);
	run = fetch();
	assert_int_equal(done_status, ST_OK);
	assert_string_equal(buf_text(&((struct http_run *)run->state)->body), "hello");
	assert_true(connection.usable);
	drop_body(run);
	buf_release(&script.raw);
}

static void test_begins(void **state)
{
	(void)state;
	assert_true(h2_begins("\0\0\x12\4\0\0\0\0\0", 9));
	assert_true(h2_begins("\0\0\x08\7\0\0\0\0\0", 9));
	assert_false(h2_begins("\0\0\x12\4\0\0\0\0", 8));
	assert_false(h2_begins("\0\0\x12\4\0\0\0\0\1", 9));
	assert_false(h2_begins("\0\0\x12\1\0\0\0\0\0", 9));
	assert_false(h2_begins("HTTP/1.1 400 Bad Request", 24));
	assert_false(h2_begins("", 0));
}

static int begin_test(void **state)
{
	(void)state;
	arena = arena_new(LIMIT_TARGET_MEMORY);
	server.fd = -1;
	connection = (struct connection){.h2 = NULL};
	chan_init(&connection.chan, base);
	return arena == NULL;
}

static int end_test(void **state)
{
	(void)state;
	hang_up();
	arena_free(arena);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	env.base = base = event_base_new();
	return base == NULL;
}

static int teardown(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_answer), TEST(test_many_exchanges), TEST(test_no_body),
	    TEST(test_gzip), TEST(test_body_limit), TEST(test_body_of_the_limit), TEST(test_odd_headers),
	    TEST(test_reset), TEST(test_goaway), TEST(test_goaway_after_answer), TEST(test_closed_between),
	    TEST(test_silent), TEST(test_frames), TEST(test_noise), TEST(test_begins)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
