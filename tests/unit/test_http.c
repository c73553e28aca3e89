/* The HTTP probe against scripted servers on loopback: every one of them yields one outcome, in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <event2/event_struct.h>
#include <sys/socket.h>
#include <zlib.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/limits.h"
#include "probes/http.h"

static struct event_base *base;
static struct arena *arena;
static struct probe_env env = {.user_agent = "mooring-test (+https://example.org/)"};

/* --- the server --- */

enum ending { STAY, CLOSE, RESET };

struct server {
	int listener, fd;
	struct event readable, writable, later;
	struct buf stream; /* sent behind every request */
	size_t sent;
	size_t burst; /* bytes that are sent at once; the rest one by one */
	int64_t gap;  /* microseconds between two of them; 0: everything at once */
	enum ending ending;
	struct buf request;
	unsigned requests;
};

static struct server server;

static void server_stop(void)
{
	if (server.fd < 0)
		return;
	event_del(&server.readable);
	event_del(&server.writable);
	event_del(&server.later);
	close(server.fd);
	server.fd = -1;
}

static void server_after(int64_t microseconds)
{
	struct timeval tv = {.tv_usec = microseconds};

	event_add(&server.later, &tv);
}

static void server_write(void)
{
	size_t left = server.stream.length - server.sent;
	size_t size = server.gap == 0 || left == 0 ? left : server.sent < server.burst ? server.burst : 1;
	ssize_t length = send(server.fd, server.stream.data + server.sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (length > 0)
		server.sent += (size_t)length;
	if (server.sent == server.stream.length) {
		/* Time for the client to read first: a reset may overtake what was sent. */
		if (server.ending != STAY)
			server_after(server.ending == RESET ? 10000 : 0);
	} else if (server.gap > 0) {
		server_after(server.gap);
	} else {
		event_add(&server.writable, NULL);
	}
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct linger linger = {.l_onoff = 1};

	(void)fd;
	(void)what;
	(void)arg;
	if (server.sent < server.stream.length) {
		server_write();
		return;
	}
	if (server.ending == RESET)
		setsockopt(server.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	server_stop();
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
	char bytes[4096];
	ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)what;
	(void)arg;
	if (length <= 0) {
		event_del(&server.readable);
		return;
	}
	buf_add(&server.request, bytes, (size_t)length);
	if (server.request.length < 4 ||
	    strcmp(server.request.data + server.request.length - 4, "\r\n\r\n") != 0)
		return;
	server.requests++;
	server.sent = 0;
	server_write();
}

/* Connects `connection` to the server. */
static void server_start(struct connection *connection)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	server_stop();
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	server.fd = accept(server.listener, NULL, NULL);
	assert_true(server.fd >= 0);
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_nonblocking(server.fd);
	event_assign(&server.readable, base, server.fd, EV_READ | EV_PERSIST, on_readable, NULL);
	event_assign(&server.writable, base, server.fd, EV_WRITE, on_writable, NULL);
	event_assign(&server.later, base, -1, 0, on_later, NULL);
	event_add(&server.readable, NULL);
	server.requests = 0;
	server.sent = 0;
	buf_clear(&server.request);

	*connection = (struct connection){.name = "example.test", .usable = true};
	connection->endpoint.port = 80;
	address_parse(&connection->endpoint.address, "192.0.2.7");
	chan_init(&connection->chan, base);
	connection->chan.fd = fd;
}

static void serve(const char *bytes, size_t length, enum ending ending)
{
	buf_release(&server.stream);
	buf_add(&server.stream, bytes, length);
	server.ending = ending;
	server.gap = 0;
}

/* --- the client --- */

static struct connection connection;
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

static struct run *new_run(void)
{
	struct run *run = run_new(&http_probe, &env, arena, "example.test", "Example.test");
	struct http_run *http;

	assert_non_null(run);
	http = run->state;
	http->connection = &connection;
	http->purpose = HTTP_PAGE;
	http->url = "http://example.test/p?q";
	http->path = "/p?q";
	http->body_limit = LIMIT_HTTP_BODY;
	return run;
}

static void finish_run(struct run *run, int64_t timeout)
{
	int64_t start = clock_monotonic();

	done_calls = 0;
	run_start(run, timeout, on_done, NULL);
	assert_int_equal(done_calls, 0);
	event_base_dispatch(base);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(done_calls, 1);
	assert_true(clock_monotonic() - start < timeout + 1000000);
	assert_int_equal(run->record->status, done_status);
}

static struct run *fetch(int64_t timeout)
{
	struct run *run = new_run();

	finish_run(run, timeout);
	return run;
}

static void hang_up(void)
{
	server_stop();
	chan_close(&connection.chan);
}

static int setup(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	base = event_base_new();
	env.base = base;
	server.fd = -1;
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	return base == NULL || bind(server.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	       listen(server.listener, 8) != 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&server.stream);
	buf_release(&server.request);
	close(server.listener);
	event_base_free(base);
	return 0;
}

static int begin_test(void **state)
{
	(void)state;
	arena = arena_new(LIMIT_TARGET_MEMORY);
	return arena == NULL;
}

static int end_test(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* --- one answer each --- */

struct bytes {
	const char *data;
	size_t length;
};

#define B(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

enum { SHORT = 80000, LONG = 5000000 }; /* microseconds */
enum { USABLE = 1, CUT = 2, INCOMPLETE = 4, UNDECODED = 8, ERROR = 16 };

struct script {
	const char *name;
	struct bytes head, unit; /* `unit` is sent `times` times between the other two */
	size_t times;
	struct bytes tail;
	enum ending ending;
	int64_t gap, timeout;
	enum status status;
	const char *phase;
	int code;
	const char *body; /* its begin, NULL: none */
	size_t body_length;
	unsigned flags;
};

/* clang-format off */
static const struct script scripts[] = {
	{"plain", B(OK "Content-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"until close", B(OK "\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"chunked", B(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"byte by byte", B(""), B(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), 1, B(""), STAY, 20, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"bare LF", B("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"empty lines first", B("\r\n\n\r\n" OK "Content-Length: 0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, NULL, 0, USABLE},
	{"HTTP/1.0", B("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"HTTP/1.0 keep-alive", B("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"connection: close", B(OK "Connection: x, close\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"no reason", B("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 503, NULL, 0, USABLE},
	{"lower case", B("http/1.1 200 ok\r\ncontent-length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"ICY", B("ICY 200 OK\r\n\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"odd code", B("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 999, NULL, 0, USABLE},
	{"204 with a length", B("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 204, NULL, 0, USABLE},
	{"304", B("HTTP/1.1 304 Same\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 304, NULL, 0, USABLE},
	{"101", B("HTTP/1.1 101 Up\r\nContent-Length: 5\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 101, NULL, 0, 0},
	{"100 and 103 first", B("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"long 103, short 204", B("HTTP/1.1 103 Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 204, NULL, 0, USABLE},
	{"as many 100 as may be", B(""), B("HTTP/1.1 100 Continue\r\n\r\n"), LIMIT_HTTP_INTERIM, B("HTTP/1.1 204 No\r\n\r\n"), STAY, 0, LONG, ST_OK, "body", 204, NULL, 0, USABLE},
	{"one 100 more", B(""), B("HTTP/1.1 100 Continue\r\n\r\n"), LIMIT_HTTP_INTERIM + 1, B("HTTP/1.1 204 No\r\n\r\n"), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 204, NULL, 0, ERROR},
	{"flood of 100", B(""), B("HTTP/1.1 100 Continue\r\n\r\n"), 100000, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"chunked and a length", B(OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"two lengths", B(OK "Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, ERROR},
	{"negative length", B(OK "Content-Length: -1\r\n\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, ERROR},
	{"negative length, kept open", B(OK "Content-Length: -1\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, SHORT, ST_IO_TIMEOUT, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"huge length", B(OK "Content-Length: 99999999999999999999\r\n\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, ERROR},
	{"closed before the length", B(OK "Content-Length: 10\r\n\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"closed within a chunk", B(CHUNKED "a\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"closed behind the last chunk", B(CHUNKED "5\r\nhello\r\n0\r\n"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"reset in the body", B(OK "Content-Length: 10\r\n\r\nhello"), B(""), 0, B(""), RESET, 0, LONG, ST_CONNECTION_RESET, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"silent in the body", B(OK "Content-Length: 10\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, SHORT, ST_IO_TIMEOUT, "body", 200, "hello", 5, INCOMPLETE},
	{"trickling body", B(OK "\r\n"), B("x"), 100000, B(""), STAY, 1000, SHORT, ST_IO_TIMEOUT, "body", 200, "x", 0, INCOMPLETE},
	{"chunk size overflow", B(CHUNKED "5\r\nhello\r\nfffffffffffffffff\r\nx"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"largest chunk size", B(CHUNKED "ffffffffffffffff\r\nhello"), B(""), 0, B(""), CLOSE, 0, LONG, ST_OK, "body", 200, "hello", 5, INCOMPLETE | ERROR},
	{"negative chunk size", B(CHUNKED "-5\r\nhello\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "body", 200, NULL, 0, INCOMPLETE | ERROR},
	{"chunked by name only", B(CHUNKED "<html>hello</html>"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "body", 200, NULL, 0, INCOMPLETE | ERROR},
	{"endless chunk extension", B(CHUNKED "5;"), B("extension;"), 500000, B(""), STAY, 0, LONG, ST_OK, "body", 200, NULL, 0, CUT},
	{"endless trailers", B(CHUNKED "5\r\nhello\r\n0\r\n"), B("A: b\r\n"), 500000, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, CUT},
	{"endless body", B(OK "\r\n"), B("0123456789abcdef"), 1000000, B(""), STAY, 0, LONG, ST_OK, "body", 200, "0123456789", LIMIT_HTTP_BODY, CUT},
	{"endless chunks", B(CHUNKED), B("10\r\n0123456789abcdef\r\n"), 1000000, B(""), STAY, 0, LONG, ST_OK, "body", 200, "0123456789", 0, CUT},
	{"length over the limit", B(OK "Content-Length: 4000000000\r\n\r\n"), B("0123456789abcdef"), 1000000, B(""), STAY, 0, LONG, ST_OK, "body", 200, "0123456789", LIMIT_HTTP_BODY, CUT},
	{"more than the length", B(OK "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, 0},
	{"a million header lines", B(OK), B("A: b\r\n"), 1000000, B("\r\n"), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 200, NULL, 0, ERROR},
	{"an endless header", B(OK "A: "), B("bbbbbbbbbb"), 1000000, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 200, NULL, 0, ERROR},
	{"an endless status line", B("HTTP/1.1 200 "), B("bbbbbbbbbb"), 1000000, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"endless empty lines", B(""), B("\r\n"), 1000000, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"trickling head", B(OK "A: "), B("b"), 100000, B(""), STAY, 1000, SHORT, ST_IO_TIMEOUT, "head", 200, NULL, 0, 0},
	{"silent", B(""), B(""), 0, B(""), STAY, 0, SHORT, ST_IO_TIMEOUT, "request", 0, NULL, 0, 0},
	{"silent in the head", B("HTTP/1.1 2"), B(""), 0, B(""), STAY, 0, SHORT, ST_IO_TIMEOUT, "head", 0, NULL, 0, 0},
	{"closed without an answer", B(""), B(""), 0, B(""), CLOSE, 0, LONG, ST_PROTOCOL_ERROR, "request", 0, NULL, 0, ERROR},
	{"reset without an answer", B(""), B(""), 0, B(""), RESET, 0, LONG, ST_CONNECTION_RESET, "request", 0, NULL, 0, ERROR},
	{"closed in the head", B(OK "Server: x\r\nA:"), B(""), 0, B(""), CLOSE, 0, LONG, ST_PROTOCOL_ERROR, "head", 200, NULL, 0, ERROR},
	{"reset in the head", B(OK "Server: x\r\nA:"), B(""), 0, B(""), RESET, 0, LONG, ST_CONNECTION_RESET, "head", 200, NULL, 0, ERROR},
	{"no head at all", B("<html>hello</html>"), B(""), 0, B(""), CLOSE, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"garbage", B("\0\xff\xfe\x80 \n\n\r\n garbage"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"a TLS alert", B("\x15\x03\x01\x00\x02\x02\x28"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"SSH", B("SSH-2.0-x\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"a broken status line", B("HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_PROTOCOL_ERROR, "head", 0, NULL, 0, ERROR},
	{"NUL in headers", B(OK "A\0: b\r\nLocation: /a\0b\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"lines that are no headers", B(OK "hello\r\n: x\r\n \r\nContent-Length : 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE},
	{"no gzip", B(OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE | UNDECODED | ERROR},
	{"broken br", B(OK "Content-Encoding: br\r\nContent-Length: 5\r\n\r\n\xff\xff\xff\xff\xff"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "\xff\xff\xff\xff\xff", 5, USABLE | UNDECODED | ERROR},
	{"br", B(OK "Content-Encoding: br\r\nContent-Length: 27\r\n\r\n\x1b\x1f\x00\xf8\x8d\x94\x6e\xde\x44\x55\x86\xd6\x20\x2c\x6c\x6f\xaa\x11\x79\xea\x00\x88\xba\x1a\x7c\x08"), B(""), 0, B("x"), STAY, 0, LONG, ST_OK, "body", 200, "hello hello", 32, USABLE},
	{"six codings", B(OK "Content-Encoding: gzip, gzip, gzip\r\nTransfer-Encoding: gzip, gzip, gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), B(""), 0, B(""), STAY, 0, LONG, ST_OK, "body", 200, "hello", 5, USABLE | UNDECODED | ERROR},
};
/* clang-format on */

static bool get_bool(const struct run *run, const char *field)
{
	const struct value *value = record_get(run->record, field);

	return value != NULL && value->boolean;
}

static int64_t get_int(const struct run *run, const char *field)
{
	const struct value *value = record_get(run->record, field);

	return value == NULL ? -1 : value->integer;
}

static void check(const struct script *s, const struct run *run)
{
	const struct http_run *http = run->state;
	size_t begin = s->body == NULL ? 0 : strlen(s->body);
	unsigned flags = (connection.usable ? USABLE : 0) | (http->body_truncated ? CUT : 0) |
			 (http->body_incomplete ? INCOMPLETE : 0) |
			 (get_bool(run, "decoding_failed") ? UNDECODED : 0) |
			 (run->record->error != NULL ? ERROR : 0);

	if (done_status != s->status || strcmp(run->record->phase, s->phase) != 0 ||
	    http->status_code != s->code || flags != s->flags)
		fail_msg("%s: %s in %s, code %d, flags %u, error %s", s->name, status_name(done_status),
		    run->record->phase, http->status_code, flags,
		    run->record->error == NULL ? "none" : run->record->error);
	if (http->body.length < begin || (begin > 0 && memcmp(http->body.data, s->body, begin) != 0) ||
	    (s->body_length > 0 || begin == 0 ? http->body.length != s->body_length : false) ||
	    http->body.length > LIMIT_HTTP_BODY)
		fail_msg("%s: body of %zu: %.20s", s->name, http->body.length, buf_text(&http->body));
	if (s->code > 0)
		assert_int_equal(get_int(run, "http_status_code"), s->code);
	else
		assert_null(record_get(run->record, "http_status_code"));
	assert_true((record_get(run->record, "body_sha256") != NULL) == (strcmp(s->phase, "body") == 0));
	assert_true((record_get(run->record, "head") == NULL) == (strcmp(s->phase, "request") == 0));
	assert_int_equal(get_bool(run, "body_truncated"), http->body_truncated);
	assert_int_equal(get_bool(run, "body_incomplete"), http->body_incomplete);
	assert_false(arena_failed(arena));
}

static void test_scripts(void **state)
{
	size_t i, times;

	(void)state;
	for (i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		const struct script *s = &scripts[i];
		struct run *run;

		begin_test(NULL);
		serve(s->head.data, s->head.length, s->ending);
		for (times = 0; times < s->times; times++)
			buf_add(&server.stream, s->unit.data, s->unit.length);
		buf_add(&server.stream, s->tail.data, s->tail.length);
		server.burst = s->head.length;
		server.gap = s->gap;
		server_start(&connection);
		run = fetch(s->timeout);
		check(s, run);
		buf_release(&((struct http_run *)run->state)->body);
		hang_up();
		end_test(NULL);
	}
}

/* --- codings over the wire --- */

static void serve_coded(const char *coding, const void *bytes, size_t length, size_t cut, int window)
{
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)length};
	struct buf packed = {0};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.avail_out = (uInt)deflateBound(&stream, length);
	stream.next_out = (Bytef *)buf_reserve(&packed, stream.avail_out);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed.length = stream.total_out - cut;
	deflateEnd(&stream);
	serve("", 0, STAY);
	buf_printf(&server.stream, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
	    coding, packed.length);
	buf_add(&server.stream, packed.data, packed.length);
	buf_release(&packed);
}

static void test_codings(void **state)
{
	static const char text[] = "ahoy ahoy ahoy ahoy ahoy";
	enum { BOMB = 10 * 1000 * 1000 };
	static const struct {
		const char *coding;
		int window;
		size_t cut;
		bool failed;
	} cases[] = {{"gzip", MAX_WBITS + 16, 0, false}, {"x-gzip", MAX_WBITS + 16, 0, false},
	    {"deflate", MAX_WBITS, 0, false}, {"deflate", -MAX_WBITS, 0, false},
	    {"gzip", MAX_WBITS + 16, 8, true}};
	char *zeros = calloc(1, BOMB);
	struct http_run *http;
	struct run *run;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		serve_coded(cases[i].coding, text, strlen(text), cases[i].cut, cases[i].window);
		server_start(&connection);
		run = fetch(LONG);
		http = run->state;
		assert_int_equal(done_status, ST_OK);
		assert_string_equal(buf_text(&http->body), text);
		assert_int_equal(get_bool(run, "decoding_failed"), cases[i].failed);
		assert_int_equal(run->record->error != NULL, cases[i].failed);
		assert_true(connection.usable);
		assert_int_equal(get_int(run, "body_length"), strlen(text));
		assert_string_equal(record_get_text(run->record, "content_encoding"), cases[i].coding);
		buf_release(&http->body);
		hang_up();
	}
	assert_non_null(zeros);
	serve_coded("gzip", zeros, BOMB, 0, MAX_WBITS + 16);
	server_start(&connection);
	run = fetch(LONG);
	http = run->state;
	assert_int_equal(done_status, ST_OK);
	assert_true(http->body_truncated);
	assert_int_equal(http->body.length, LIMIT_HTTP_DECODED);
	assert_true(get_int(run, "body_wire_length") < 20000);
	assert_false(get_bool(run, "body_incomplete"));
	buf_release(&http->body);
	hang_up();
	free(zeros);
}

/* --- connections --- */

static void test_request(void **state)
{
	struct run *run;

	(void)state;
	serve("HTTP/1.1 204 No\r\n\r\n", 19, STAY);
	server_start(&connection);
	run = fetch(LONG);
	assert_string_equal(buf_text(&server.request), "GET /p?q HTTP/1.1\r\n"
						       "Host: example.test\r\n"
						       "User-Agent: mooring-test (+https://example.org/)\r\n"
						       "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
						       "Accept-Encoding: gzip, deflate, br\r\n"
						       "Accept-Language: *\r\n"
						       "Connection: keep-alive\r\n"
						       "\r\n");
	assert_string_equal(record_get_text(run->record, "address"), "192.0.2.7");
	assert_string_equal(record_get_text(run->record, "purpose"), "page");
	hang_up();

	server_start(&connection);
	connection.endpoint.port = 443;
	connection.name = "2001:db8::1";
	fetch(LONG);
	assert_non_null(strstr(buf_text(&server.request), "\r\nHost: [2001:db8::1]:443\r\n"));
	hang_up();

	/* What would end the request line is not sent at all. */
	server_start(&connection);
	run = new_run();
	((struct http_run *)run->state)->path = "/ HTTP/1.1\r\nX: y";
	finish_run(run, LONG);
	assert_int_equal(done_status, ST_INVALID);
	assert_int_equal(server.request.length, 0);
	assert_false(connection.usable);
	hang_up();
}

static void test_keep_alive(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	unsigned i;

	(void)state;
	serve(answer, strlen(answer), STAY);
	server_start(&connection);
	for (i = 0; i < 3; i++) {
		struct run *run = fetch(LONG);
		struct http_run *http = run->state;

		assert_int_equal(done_status, ST_OK);
		assert_string_equal(buf_text(&http->body), "hi");
		assert_true(connection.usable);
		assert_int_equal(connection.exchanges, i + 1);
		assert_int_equal(get_bool(run, "connection_reused"), i > 0);
		assert_int_equal(server.requests, i + 1);
		buf_release(&http->body);
	}
	hang_up();
}

/* A kept-alive connection that is gone at the next request is told apart from every other reset. */
static void test_idle_connection(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
	enum { CLOSED, CLOSED_ON_REQUEST, RESET_ON_REQUEST, LATE, ENDINGS };
	int i;

	(void)state;
	for (i = 0; i < ENDINGS; i++) {
		struct run *run;

		serve(answer, strlen(answer), STAY);
		server_start(&connection);
		run = fetch(LONG);
		assert_int_equal(done_status, ST_OK);
		assert_true(connection.usable);
		buf_release(&((struct http_run *)run->state)->body);

		serve("", 0, i == RESET_ON_REQUEST ? RESET : CLOSE);
		if (i == CLOSED)
			server_stop();
		if (i == LATE)
			assert_int_equal(send(server.fd, late, strlen(late), 0), (ssize_t)strlen(late));
		run = fetch(LONG);
		assert_int_equal(done_status, ST_CONNECTION_RESET);
		assert_string_equal(run->record->phase, "request");
		assert_null(record_get(run->record, "head"));
		assert_int_equal(connection.exchanges, 1);
		assert_false(connection.usable);
		assert_non_null(run->record->error);
		hang_up();
	}
}

static void test_cancel(void **state)
{
	struct run *run = new_run();

	(void)state;
	serve("", 0, STAY);
	server_start(&connection);
	done_calls = 0;
	run_start(run, LONG, on_done, NULL);
	run_cancel(run);
	run_cancel(run);
	assert_int_equal(done_calls, 0);
	event_base_dispatch(base);
	assert_int_equal(done_calls, 1);
	assert_int_equal(done_status, ST_CANCELLED);
	assert_false(connection.usable);
	run_cancel(run);
	hang_up();
}

/* An exchange that there was no connection for is recorded without being run. */
static void test_never_started(void **state)
{
	struct run *run = new_run();

	(void)state;
	connection = (struct connection){.name = "example.test"};
	run_phase(run, "connect", ST_CONNECTION_REFUSED);
	http_probe.report(run, ST_CONNECTION_REFUSED);
	assert_string_equal(run->record->phase, "connect");
	assert_string_equal(record_get_text(run->record, "url"), "http://example.test/p?q");
	assert_null(record_get(run->record, "http_status_code"));
	assert_null(record_get(run->record, "body_truncated"));
}

/* --- the record --- */

#define SITE(date)                                                                                         \
	"HTTP/1.1 302 Found it\r\nDate: " date "\r\nSERVER: nginx\r\nSet-Cookie: sid=" date "; Path=/\r\n" \
	"X-Powered-By: PHP/7\r\nbad line\r\nset-cookie: lang\r\nLocation: /n\xe4w\r\n"                     \
	"Content-Type: text/html\r\nContent-Language: zh\r\nContent-Length: 3\r\n\r\nabc"

static struct run *fetch_site(const char *site)
{
	struct run *run;

	serve(site, strlen(site), STAY);
	server_start(&connection);
	run = fetch(LONG);
	hang_up();
	return run;
}

static void test_record(void **state)
{
	static const char *const names[] = {"Date", "SERVER", "Set-Cookie", "X-Powered-By", "set-cookie",
	    "Location", "Content-Type", "Content-Language", "Content-Length"};
	struct record_hash a, b;
	struct run *run, *other;
	struct http_run *http;
	const struct value *value;
	size_t i;

	(void)state;
	env.keep_bodies = true;
	run = fetch_site(SITE("Mon"));
	env.keep_bodies = false;
	http = run->state;
	value = record_get(run->record, "header_names");
	assert_int_equal(value->texts.count, 9);
	for (i = 0; i < 9; i++)
		assert_string_equal(value->texts.item[i].data, names[i]);
	value = record_get(run->record, "headers");
	assert_int_equal(value->rows.count, 10);
	assert_string_equal(value->rows.item[4 * 2].text.data, "");
	assert_string_equal(value->rows.item[4 * 2 + 1].text.data, "bad line");
	assert_string_equal(value->rows.item[5 * 2 + 1].text.data, "lang");
	value = record_get(run->record, "cookie_names");
	assert_int_equal(value->texts.count, 2);
	assert_string_equal(value->texts.item[0].data, "sid");
	assert_string_equal(value->texts.item[1].data, "lang");
	value = record_get(run->record, "head");
	assert_int_equal(value->bytes.length, strlen(SITE("Mon")) - 3);
	value = record_get(run->record, "body_bytes");
	assert_int_equal(value->bytes.length, 3);
	assert_memory_equal(value->bytes.data, "abc", 3);
	assert_int_equal(get_int(run, "header_lines_malformed"), 1);
	assert_string_equal(record_get_text(run->record, "http_version"), "1.1");
	assert_string_equal(record_get_text(run->record, "reason"), "Found it");
	assert_string_equal(record_get_text(run->record, "server"), "nginx");
	assert_string_equal(record_get_text(run->record, "powered_by"), "PHP/7");
	assert_string_equal(record_get_text(run->record, "content_language"), "zh");
	assert_string_equal(record_get_text(run->record, "location"), "/n\xef\xbf\xbdw");
	assert_string_equal(record_get_text(run->record, "body_sha256"),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_non_null(record_get(run->record, "time_to_first_byte"));
	assert_string_equal(http->location, "/n\xe4w");
	assert_string_equal(http->content_type, "text/html");
	assert_int_equal(http->header_count, 10);

	/* Another day, the same fact. */
	other = fetch_site(SITE("Tue"));
	assert_null(record_get(other->record, "body_bytes"));
	a = record_fact(run->record);
	b = record_fact(other->record);
	assert_memory_equal(&a, &b, sizeof(a));
	buf_release(&((struct http_run *)other->state)->body);
	other = fetch_site("HTTP/1.1 302 Found it\r\nContent-Length: 3\r\n\r\nabc");
	b = record_fact(other->record);
	assert_memory_not_equal(&a, &b, sizeof(a));
	buf_release(&((struct http_run *)other->state)->body);
	buf_release(&http->body);
}

/* A value that C strings cannot hold goes nowhere; the record has it. */
static void test_location_with_nul(void **state)
{
	static const char answer[] = "HTTP/1.1 302 Found\r\nLocation: /a\0b\r\nContent-Length: 0\r\n\r\n";
	struct run *run;

	(void)state;
	serve(answer, sizeof(answer) - 1, STAY);
	server_start(&connection);
	run = fetch(LONG);
	assert_int_equal(done_status, ST_OK);
	assert_null(((struct http_run *)run->state)->location);
	assert_int_equal(record_get(run->record, "location")->text.length, 4);
	buf_release(&((struct http_run *)run->state)->body);
	hang_up();
}

static void test_body_limit(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
	struct run *run = new_run();
	struct http_run *http = run->state;

	(void)state;
	serve(answer, strlen(answer), STAY);
	server_start(&connection);
	http->body_limit = 4;
	finish_run(run, LONG);
	assert_int_equal(done_status, ST_OK);
	assert_string_equal(buf_text(&http->body), "0123");
	assert_true(http->body_truncated);
	assert_false(http->body_incomplete);
	assert_false(connection.usable);
	buf_release(&http->body);
	hang_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scripts),
	    cmocka_unit_test_setup_teardown(test_codings, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_request, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_keep_alive, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_idle_connection, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_cancel, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_never_started, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_record, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_location_with_nul, begin_test, end_test),
	    cmocka_unit_test_setup_teardown(test_body_limit, begin_test, end_test),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
