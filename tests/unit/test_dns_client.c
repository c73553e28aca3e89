/* The DNS probe and its transport against a scripted resolver on loopback, in a thread of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/limits.h"
#include "probes/dns.h"

enum { HEADER = 12, OPT = 11, TC = 0x0200, RESPONSE = 0x8180, TIMEOUT = 50 * 1000 };

/* ---- the resolver: what it does is the first label of the question ---- */

struct server {
	pthread_t thread;
	int udp, tcp, stop[2];
	uint16_t port;
	atomic_uint asked, asked_tcp; /* messages seen */
	atomic_uint ports;	      /* different source ports of UDP queries */
	bool port_seen[UINT16_MAX + 1];
	bool sound; /* has an answer where others fail */
	unsigned turn;
};

struct message {
	uint8_t data[8192];
	size_t length;
};

static void set_u16(struct message *message, size_t at, unsigned value)
{
	message->data[at] = (uint8_t)(value >> 8);
	message->data[at + 1] = (uint8_t)value;
}

/* The question of `query` with `flags`, no records, no OPT. */
static struct message reply_to(const struct message *query, unsigned flags)
{
	struct message reply = *query;

	if (query->data[HEADER - 1] > 0)
		reply.length -= OPT;
	set_u16(&reply, 2, flags);
	set_u16(&reply, 10, 0);
	return reply;
}

enum { ANSWER = 7, AUTHORITY = 9 }; /* where their counts stand in the header */

static void add(struct message *message, size_t section, unsigned type, const void *rdata, size_t length)
{
	uint8_t *out = message->data + message->length;

	memcpy(out, "\xc0\x0c", 2);
	memcpy(out + 12, rdata, length);
	set_u16(message, message->length + 2, type);
	set_u16(message, message->length + 4, 1);
	memset(out + 6, 0, 4);
	out[9] = 60;
	set_u16(message, message->length + 10, (unsigned)length);
	message->length += 12 + length;
	message->data[section]++;
}

static void add_opt(struct message *message)
{
	memcpy(message->data + message->length, "\0\0\x29\x10\0\0\0\0\0\0\0", OPT);
	message->length += OPT;
	message->data[HEADER - 1] = 1;
}

/* Fills up to `length`, an OPT record to come included. */
static void pad(struct message *message, size_t length)
{
	static const uint8_t zero[8192];

	add(message, ANSWER, 65280, zero, length - message->length - 12 - OPT);
}

static bool is(const struct message *query, const char *label)
{
	return query->data[HEADER] == strlen(label) &&
	       memcmp(query->data + HEADER + 1, label, strlen(label)) == 0;
}

static bool has_opt(const struct message *query)
{
	return query->data[HEADER - 1] > 0;
}

/* The answer to `query`; length 0: none. */
static struct message answer(struct server *server, const struct message *query, bool tcp)
{
	struct message reply = reply_to(query, RESPONSE);

	if (server->sound) {
		add(&reply, ANSWER, DNS_A, "\x7f\0\0\1", 4);
	} else if (is(query, "nx")) {
		set_u16(&reply, 2, RESPONSE | 3);
		add(&reply, AUTHORITY, DNS_SOA, "\1m\0\1r\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 26);
	} else if (is(query, "servfail"))
		set_u16(&reply, 2, RESPONSE | 2);
	else if (is(query, "refused"))
		set_u16(&reply, 2, RESPONSE | 5);
	else if (is(query, "notimp"))
		set_u16(&reply, 2, RESPONSE | 4);
	else if ((is(query, "cut") || is(query, "cutoff")) && !tcp)
		set_u16(&reply, 2, RESPONSE | TC);
	else if (is(query, "silent"))
		reply.length = 0;
	else if (is(query, "lost") && server->turn++ % 2 == 0)
		reply.length = 0;
	else if (is(query, "lies"))
		reply.data[7] = 3;
	else if (is(query, "echo"))
		set_u16(&reply, 2, 0x0100);
	else if (is(query, "old") && has_opt(query))
		set_u16(&reply, 2, RESPONSE | 1);
	else if (is(query, "older") && has_opt(query)) {
		set_u16(&reply, 2, RESPONSE | 1);
		set_u16(&reply, 4, 0);
		reply.length = HEADER;
	} else if (is(query, "formerr"))
		set_u16(&reply, 2, RESPONSE | 1);
	else if (is(query, "cached")) {
		add(&reply, ANSWER, DNS_A, "\1\1\1\1", 4);
		add(&reply, AUTHORITY, DNS_NS, "\1n\0", 3);
	} else if (is(query, "rotate")) {
		unsigned first = server->turn++ % 2;

		add(&reply, ANSWER, DNS_A, first ? "\1\1\1\1" : "\2\2\2\2", 4);
		add(&reply, ANSWER, DNS_A, first ? "\2\2\2\2" : "\1\1\1\1", 4);
		reply.data[reply.length - 7] = (uint8_t)server->turn; /* TTL */
	} else if (!is(query, "nodata"))
		add(&reply, ANSWER, DNS_A, "\x7f\0\0\1", 4);
	if (is(query, "full"))
		pad(&reply, 4096);
	else if (is(query, "big"))
		pad(&reply, 4097);
	else if (is(query, "huge") || is(query, "hugeoff"))
		pad(&reply, 6000);
	if (reply.length > HEADER && has_opt(query) && (reply.data[3] & 15) != 1)
		add_opt(&reply);
	return reply;
}

static void send_udp(struct server *server, const struct message *message, const struct sockaddr_in *to)
{
	if (message->length > 0)
		sendto(
		    server->udp, message->data, message->length, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Answers that are none: a wrong id, and the right id with another question. */
static void send_spoofs(struct server *server, const struct message *query, const struct sockaddr_in *to)
{
	struct message spoof = reply_to(query, RESPONSE | 3);

	spoof.data[0] ^= 0xff;
	send_udp(server, &spoof, to);
	spoof.data[0] ^= 0xff;
	spoof.data[HEADER + 1] ^= 1;
	send_udp(server, &spoof, to);
	spoof.length = 5;
	send_udp(server, &spoof, to);
	spoof.length = 5000; /* too long, and about another question all the same */
	send_udp(server, &spoof, to);
	spoof.length = 0;
	sendto(server->udp, spoof.data, 0, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void serve_udp(struct server *server)
{
	struct sockaddr_in from;
	struct message query = {0}, reply;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(server->udp, query.data, sizeof(query.data), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &size);

		if (length < HEADER)
			return;
		query.length = (size_t)length;
		server->asked++;
		server->ports += !server->port_seen[ntohs(from.sin_port)];
		server->port_seen[ntohs(from.sin_port)] = true;
		if (is(&query, "spoofed"))
			send_spoofs(server, &query, &from);
		reply = answer(server, &query, false);
		send_udp(server, &reply, &from);
	}
}

static void serve_tcp(struct server *server)
{
	struct message query = {0}, reply;
	int fd = accept(server->tcp, NULL, NULL);
	uint8_t size[2];

	if (recv(fd, size, 2, MSG_WAITALL) == 2 && (size[0] << 8 | size[1]) <= (int)sizeof(query.data)) {
		query.length = (size_t)(size[0] << 8 | size[1]);
		server->asked_tcp++;
		if (recv(fd, query.data, query.length, MSG_WAITALL) == (ssize_t)query.length &&
		    !is(&query, "cutoff") && !is(&query, "hugeoff")) {
			reply = answer(server, &query, true);
			size[0] = (uint8_t)(reply.length >> 8);
			size[1] = (uint8_t)reply.length;
			send(fd, size, 2, MSG_NOSIGNAL);
			send(fd, reply.data, reply.length, MSG_NOSIGNAL);
		}
	}
	close(fd);
}

static void *serve(void *arg)
{
	struct server *server = arg;

	for (;;) {
		struct pollfd wait[3] = {{.fd = server->udp, .events = POLLIN},
		    {.fd = server->tcp, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};

		poll(wait, 3, -1);
		if (wait[0].revents & POLLIN)
			serve_udp(server);
		if (wait[1].revents & POLLIN)
			serve_tcp(server);
		if (wait[2].revents != 0)
			return NULL;
	}
}

/* The server's port, or when that is 0 one that is free, for UDP and TCP on 127.0.0.1. */
static void bind_both(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int attempt, size = 4 * 1024 * 1024;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (attempt = 0; attempt < 20; attempt++) {
		socklen_t length = sizeof(address);

		address.sin_port = htons(server->port);
		server->udp = socket(AF_INET, SOCK_DGRAM, 0);
		server->tcp = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(server->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		assert_int_equal(bind(server->udp, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(getsockname(server->udp, (struct sockaddr *)&address, &length), 0);
		if (bind(server->tcp, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		    listen(server->tcp, 8) == 0) {
			server->port = ntohs(address.sin_port);
			return;
		}
		close(server->udp);
		close(server->tcp);
	}
	fail();
}

static void server_start(struct server *server)
{
	bind_both(server);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	close(server->stop[1]);
	pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->udp);
	close(server->tcp);
}

/* ---- the tests ---- */

struct fixture {
	struct server server;
	struct event_base *base;
	struct probe_env env;
	struct arena *arena;
	struct run *run; /* the last one */
	struct dns_run *dns;
	enum status status;
	unsigned done, noerror;
};

static struct dns_client *client_of(
    struct fixture *f, const char *const *resolver, size_t count, int64_t timeout)
{
	struct dns_client_options options = {
	    .resolver = resolver, .resolver_count = count, .timeout = timeout, .tries = 2};
	char error[256] = "";
	struct dns_client *client = dns_client_new(f->base, &options, error);

	assert_string_equal(error, "");
	assert_non_null(client);
	return client;
}

static struct dns_client *client_with(struct fixture *f, unsigned port, int64_t timeout)
{
	const char *resolver[1];
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	resolver[0] = text;
	return client_of(f, resolver, 1, timeout);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	server_start(&f->server);
	f->base = event_base_new();
	f->arena = arena_new(0);
	f->env.base = f->base;
	f->env.dns = client_with(f, f->server.port, TIMEOUT);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dns_client_free(f->env.dns);
	server_stop(&f->server);
	arena_free(f->arena);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void on_done(struct run *run, enum status status, void *arg)
{
	struct fixture *f = arg;

	f->run = run;
	f->status = status;
	f->done++;
	f->noerror += status == ST_NOERROR;
}

static struct run *start(struct fixture *f, const char *name, uint16_t type)
{
	struct run *run = run_new(&dns_probe, &f->env, f->arena, "example", NULL);
	struct dns_run *dns = run->state;

	dns->name = name;
	dns->type = type;
	f->dns = dns;
	run_start(run, 0, on_done, f);
	return run;
}

static void loop_until(struct fixture *f, unsigned done)
{
	while (f->done < done)
		event_base_loop(f->base, EVLOOP_ONCE);
}

static void ask(struct fixture *f, const char *name, enum status expected)
{
	unsigned done = f->done;

	start(f, name, DNS_A);
	loop_until(f, done + 1);
	assert_string_equal(status_name(f->status), status_name(expected));
	assert_int_equal(dns_client_outstanding(f->env.dns), 0);
}

static int64_t integer(struct fixture *f, const char *field)
{
	assert_non_null(record_get(f->run->record, field));
	return record_get(f->run->record, field)->integer;
}

static bool flag(struct fixture *f, const char *field)
{
	assert_non_null(record_get(f->run->record, field));
	return record_get(f->run->record, field)->boolean;
}

static const struct value *cell(struct fixture *f, size_t row, const char *column)
{
	const struct schema *schema = f->run->record->schema;
	const struct value *rows = record_get(f->run->record, "answers");
	size_t i, j;

	for (i = 0; strcmp(schema->field[i].name, "answers") != 0; i++)
		;
	for (j = 0; strcmp(schema->field[i].row[j].name, column) != 0; j++)
		;
	assert_true(row < rows->rows.count);
	return &rows->rows.item[row * schema->field[i].row_count + j];
}

static void test_answer(void **state)
{
	struct fixture *f = *state;

	ask(f, "noerror.test", ST_NOERROR);
	assert_string_equal(f->run->record->phase, "answer");
	assert_int_equal(f->run->record->attempt, 1);
	assert_null(f->run->record->error);
	assert_string_equal(record_get_text(f->run->record, "query_name"), "noerror.test");
	assert_string_equal(record_get_text(f->run->record, "query_type"), "A");
	assert_string_equal(record_get_text(f->run->record, "purpose"), "lookup");
	assert_string_equal(record_get_text(f->run->record, "final_name"), "noerror.test");
	assert_int_equal(record_get(f->run->record, "cname_chain")->texts.count, 0);
	assert_int_equal(integer(f, "rcode"), 0);
	assert_true(flag(f, "edns"));
	assert_true(flag(f, "recursion_available"));
	assert_false(flag(f, "truncated"));
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 1);
	assert_string_equal(cell(f, 0, "section")->text.data, "answer");
	assert_string_equal(cell(f, 0, "response_name")->text.data, "noerror.test");
	assert_string_equal(cell(f, 0, "response_type")->text.data, "A");
	assert_int_equal(cell(f, 0, "response_ttl")->integer, 60);
	assert_string_equal(cell(f, 0, "address")->text.data, "127.0.0.1");
	assert_false(cell(f, 0, "target")->set);
	assert_false(cell(f, 0, "rdata")->set);
	assert_int_equal(record_get(f->run->record, "message")->bytes.length, f->dns->message_length);
	assert_memory_equal(
	    record_get(f->run->record, "message")->bytes.data, f->dns->message, f->dns->message_length);
}

static void test_statuses(void **state)
{
	struct fixture *f = *state;

	ask(f, "nx.test", ST_NXDOMAIN);
	assert_int_equal(integer(f, "rcode"), 3);
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 1);
	assert_string_equal(cell(f, 0, "section")->text.data, "authority");
	assert_string_equal(cell(f, 0, "target")->text.data, "m");
	assert_string_equal(cell(f, 0, "rname")->text.data, "r");
	assert_int_equal(cell(f, 0, "serial")->integer, 1);
	assert_int_equal(cell(f, 0, "minimum")->integer, 5);
	ask(f, "cached.test", ST_NOERROR);
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 1);
	ask(f, "servfail.test", ST_SERVFAIL);
	ask(f, "refused.test", ST_REFUSED);
	ask(f, "notimp.test", ST_NOTIMP);
	ask(f, "nodata.test", ST_NODATA);
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 0);
	ask(f, "lies.test", ST_MALFORMED);
	assert_non_null(f->run->record->error);
	assert_non_null(record_get(f->run->record, "message"));
	ask(f, "echo.test", ST_MALFORMED);
	assert_int_equal(f->server.asked, 8);
	ask(f, "bad..test", ST_INVALID);
	assert_int_equal(f->server.asked, 8);
	assert_null(record_get(f->run->record, "message"));
}

static void test_silence(void **state)
{
	struct fixture *f = *state;

	ask(f, "silent.test", ST_TIMEOUT);
	assert_int_equal(f->run->record->attempt, 3);
	assert_int_equal(f->server.asked, 2);
	assert_string_equal(f->run->record->phase, "query");
	assert_null(record_get(f->run->record, "message"));
	assert_null(record_get(f->run->record, "rcode"));
	assert_true(f->run->record->duration >= 3 * TIMEOUT);
	ask(f, "lost.test", ST_NOERROR);
	assert_int_equal(f->run->record->attempt, 2);
}

static void test_truncation(void **state)
{
	struct fixture *f = *state;

	ask(f, "cut.test", ST_NOERROR);
	assert_int_equal(f->server.asked, 1);
	assert_int_equal(f->server.asked_tcp, 1);
	assert_false(flag(f, "truncated"));
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 1);
	ask(f, "cutoff.test", ST_TRUNCATED);
	assert_true(flag(f, "truncated"));
	assert_non_null(record_get(f->run->record, "message"));
	/* The connection's end takes nothing else with it. */
	ask(f, "cut.test", ST_NOERROR);
}

/* A TCP connection that breaks must not cost the answers that are on their way by UDP. */
static void test_truncation_aside(void **state)
{
	struct fixture *f = *state;

	start(f, "lost.test", DNS_A);
	start(f, "cutoff.test", DNS_A);
	loop_until(f, 2);
	assert_int_equal(f->server.asked, 3);
}

static void test_spoofed(void **state)
{
	struct fixture *f = *state;

	ask(f, "spoofed.test", ST_NOERROR);
	assert_int_equal(f->server.asked, 1);
	assert_int_equal(f->server.asked_tcp, 0);
	assert_int_equal(f->run->record->attempt, 1);
}

/* An answer that is longer than what can be taken by UDP is none: TCP brings it. */
static void test_too_long(void **state)
{
	struct fixture *f = *state;

	ask(f, "full.test", ST_NOERROR);
	assert_int_equal(f->dns->message_length, 4096);
	assert_int_equal(f->server.asked_tcp, 0);
	ask(f, "big.test", ST_NOERROR);
	assert_int_equal(f->dns->message_length, 4097);
	assert_int_equal(f->server.asked_tcp, 1);
	ask(f, "huge.test", ST_NOERROR);
	assert_int_equal(f->dns->message_length, 6000);
	assert_false(flag(f, "truncated"));
	assert_int_equal(record_get(f->run->record, "answers")->rows.count, 2);
	ask(f, "hugeoff.test", ST_TRUNCATED);
	assert_true(flag(f, "truncated"));
	assert_null(f->run->record->error);
	assert_int_equal(f->dns->message_length, 12 + 14 + 4);
	assert_int_equal(f->server.asked, 4);
}

static void on_repeat(void *arg, unsigned messages)
{
	*(unsigned *)arg += messages;
}

/* What goes out beyond the first datagram of each query is told, whatever the reason. */
static void test_repeats(void **state)
{
	struct fixture *f = *state;
	struct dns_client *own = f->env.dns;
	char text[32], error[256];
	const char *resolver = text;
	unsigned repeats = 0, sent;
	struct dns_client_options options = {.resolver = &resolver,
	    .resolver_count = 1,
	    .timeout = TIMEOUT,
	    .tries = 3,
	    .repeated = on_repeat,
	    .repeated_arg = &repeats};

	snprintf(text, sizeof(text), "127.0.0.1:%u", f->server.port);
	f->env.dns = dns_client_new(f->base, &options, error);
	ask(f, "noerror.test", ST_NOERROR);
	assert_int_equal(repeats, 0);
	ask(f, "silent.test", ST_TIMEOUT);
	assert_int_equal(repeats, 2);
	ask(f, "old.test", ST_NOERROR);
	assert_int_equal(repeats, 3);
	ask(f, "cut.test", ST_NOERROR);
	assert_int_equal(repeats, 4);
	sent = f->server.asked + f->server.asked_tcp;
	assert_int_equal(sent, 4 + repeats);
	dns_client_free(f->env.dns);
	f->env.dns = own;
}

static void test_no_edns(void **state)
{
	struct fixture *f = *state;

	ask(f, "old.test", ST_NOERROR);
	assert_int_equal(f->server.asked, 2);
	assert_false(flag(f, "edns"));
	ask(f, "older.test", ST_NOERROR);
	assert_int_equal(f->server.asked, 4);
	assert_false(flag(f, "edns"));
	ask(f, "formerr.test", ST_FORMERR);
	assert_int_equal(f->server.asked, 6);
	assert_int_equal(f->dns->message_length, 12 + 14 + 4); /* as received */
	/* EDNS is still on for the others. */
	ask(f, "noerror.test", ST_NOERROR);
	assert_true(flag(f, "edns"));
	assert_int_equal(f->server.asked, 7);
}

static void test_rotation_is_one_fact(void **state)
{
	struct fixture *f = *state;
	struct record_hash first, second;
	uint8_t octet;

	ask(f, "rotate.test", ST_NOERROR);
	first = record_fact(f->run->record);
	octet = f->dns->answer.rr[0].address.octet[0];
	ask(f, "rotate.test", ST_NOERROR);
	second = record_fact(f->run->record);
	assert_int_not_equal(f->dns->answer.rr[0].address.octet[0], octet);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_string_equal(cell(f, 0, "address")->text.data, "1.1.1.1");
	assert_string_equal(cell(f, 1, "address")->text.data, "2.2.2.2");
}

static void test_closed_port(void **state)
{
	struct fixture *f = *state;
	struct server closed = {0};
	struct dns_client *own = f->env.dns;
	const char *resolver[2];
	char text[2][32];

	bind_both(&closed);
	close(closed.udp);
	close(closed.tcp);
	snprintf(text[0], sizeof(text[0]), "127.0.0.1:%u", closed.port);
	snprintf(text[1], sizeof(text[1]), "[127.0.0.1]:%u", f->server.port);
	resolver[0] = text[0];
	resolver[1] = text[1];
	f->env.dns = client_of(f, resolver, 1, TIMEOUT);
	ask(f, "noerror.test", ST_CONNECTION_REFUSED);
	assert_string_equal(f->run->record->phase, "query");
	assert_true(f->run->record->duration >= 3 * TIMEOUT); /* both tries were made, with the pause */
	dns_client_free(f->env.dns);
	/* The second resolver answers for the first. */
	f->env.dns = client_of(f, resolver, 2, TIMEOUT);
	ask(f, "noerror.test", ST_NOERROR);
	assert_int_equal(f->server.asked, 1);
	dns_client_free(f->env.dns);
	f->env.dns = own;
}

static void test_second_resolver(void **state)
{
	struct fixture *f = *state;
	struct server mute = {0};
	struct dns_client *own = f->env.dns;
	const char *resolver[2];
	char text[2][32];

	bind_both(&mute);
	snprintf(text[0], sizeof(text[0]), "127.0.0.1:%u", mute.port);
	snprintf(text[1], sizeof(text[1]), "127.0.0.1:%u", f->server.port);
	resolver[0] = text[0];
	resolver[1] = text[1];
	f->env.dns = client_of(f, resolver, 2, TIMEOUT);
	ask(f, "noerror.test", ST_NOERROR);
	assert_int_equal(f->run->record->attempt, 2);
	dns_client_free(f->env.dns);
	f->env.dns = own;
	close(mute.udp);
	close(mute.tcp);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void wait_a_little(struct fixture *f)
{
	struct timeval later = {.tv_usec = TIMEOUT / 5};

	event_base_once(f->base, -1, EV_TIMEOUT, on_time, f->base, &later);
	event_base_dispatch(f->base);
}

/* A resolver that is just being started again costs a try, not the answer. */
static void test_restarted_resolver(void **state)
{
	struct fixture *f = *state;
	struct server *late = calloc(1, sizeof(*late));
	struct dns_client *own = f->env.dns;

	bind_both(late);
	close(late->udp);
	close(late->tcp);
	f->env.dns = client_with(f, late->port, TIMEOUT);
	start(f, "noerror.test", DNS_A);
	wait_a_little(f);
	assert_int_equal(f->done, 0);
	server_start(late);
	loop_until(f, 1);
	assert_int_equal(f->status, ST_NOERROR);
	assert_int_equal(f->run->record->attempt, 2);
	/* Who is silent after that is silent, and closed no more. */
	ask(f, "silent.test", ST_TIMEOUT);
	dns_client_free(f->env.dns);
	f->env.dns = own;
	server_stop(late);
	free(late);
}

/* A failure is the answer only when no other resolver has a better one. */
static void test_second_opinion(void **state)
{
	static const char *const name[] = {"servfail.test", "refused.test", "notimp.test"};
	static const enum status alone[] = {ST_SERVFAIL, ST_REFUSED, ST_NOTIMP};
	struct fixture *f = *state;
	struct server *other = calloc(1, sizeof(*other));
	struct dns_client *own = f->env.dns;
	const char *resolver[2];
	char text[2][32];
	unsigned i;

	server_start(other);
	snprintf(text[0], sizeof(text[0]), "127.0.0.1:%u", f->server.port);
	snprintf(text[1], sizeof(text[1]), "127.0.0.1:%u", other->port);
	resolver[0] = text[0];
	resolver[1] = text[1];
	f->env.dns = client_of(f, resolver, 2, TIMEOUT);
	for (i = 0; i < 3; i++) {
		ask(f, name[i], alone[i]);
		assert_int_equal(f->server.asked, i + 1);
		assert_int_equal(other->asked, i + 1);
		assert_non_null(record_get(f->run->record, "message"));
	}
	ask(f, "nx.test", ST_NXDOMAIN); /* is an answer */
	assert_int_equal(other->asked, 3);
	server_stop(other);
	*other = (struct server){.sound = true};
	server_start(other);
	dns_client_free(f->env.dns);
	snprintf(text[1], sizeof(text[1]), "127.0.0.1:%u", other->port);
	f->env.dns = client_of(f, resolver, 2, TIMEOUT);
	for (i = 0; i < 3; i++) {
		ask(f, name[i], ST_NOERROR);
		assert_int_equal(other->asked, i + 1);
	}
	dns_client_free(f->env.dns);
	server_stop(other); /* now nobody is there */
	f->env.dns = client_of(f, resolver, 2, TIMEOUT);
	ask(f, "servfail.test", ST_SERVFAIL);
	dns_client_free(f->env.dns);
	f->env.dns = own;
	free(other);
}

/* A late answer or time-out of a cancelled run touches nothing: its memory is gone. */
static void test_cancel(void **state)
{
	struct timeval later = {.tv_usec = 4 * TIMEOUT};
	struct fixture *f = *state;
	struct arena *arena = f->arena;
	struct run *run;

	f->arena = arena_new(0);
	run = start(f, "silent.test", DNS_A);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(dns_client_outstanding(f->env.dns), 1);
	run_cancel(run);
	run_cancel(run);
	assert_int_equal(f->done, 0);
	loop_until(f, 1);
	assert_int_equal(f->status, ST_CANCELLED);
	assert_int_equal(dns_client_outstanding(f->env.dns), 0);
	arena_free(f->arena);
	f->arena = arena;
	event_base_once(f->base, -1, EV_TIMEOUT, on_time, f->base, &later);
	event_base_dispatch(f->base);
	assert_int_equal(f->done, 1);
	/* The client may go while c-ares still has a query that nobody waits for. */
	run = start(f, "silent.test", DNS_A);
	event_base_loop(f->base, EVLOOP_ONCE);
	run_cancel(run);
	loop_until(f, 2);
}

/*
 * Many more queries than one source port is used for: all are answered, from a new port every so often, but
 * not from any number at a time. The first query of each port stays unanswered, so that it is not given up
 * for being idle.
 */
static void many(struct fixture *f, unsigned channels, unsigned ports)
{
	enum { PER_CHANNEL = 200, MOST = 30, FLIGHT = 500 };
	struct dns_client *own = f->env.dns;
	struct run *silent[MOST];
	unsigned queries = channels * PER_CHANNEL, started = 0, i;

	assert_true(channels <= MOST);
	f->env.dns = client_with(f, f->server.port, 5 * 1000 * 1000);
	while (f->done < queries - channels) {
		for (; started < queries && started - f->done < FLIGHT; started++)
			if (started % PER_CHANNEL == 0)
				silent[started / PER_CHANNEL] = start(f, "silent.test", DNS_A);
			else
				start(f, "noerror.test", DNS_A);
		event_base_loop(f->base, EVLOOP_ONCE);
	}
	assert_int_equal(f->noerror, queries - channels);
	assert_int_equal(f->server.ports, ports);
	assert_int_equal(dns_client_outstanding(f->env.dns), channels);
	for (i = 0; i < channels; i++)
		run_cancel(silent[i]);
	loop_until(f, queries);
	assert_int_equal(dns_client_outstanding(f->env.dns), 0);
	dns_client_free(f->env.dns);
	f->env.dns = own;
}

static void test_many(void **state)
{
	many(*state, 5, 5);
}

static void test_ports_are_bounded(void **state)
{
	many(*state, 30, 17);
}

static void test_options(void **state)
{
	static const char *const bad[] = {"", "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
	    "127.0.0.1:5x", "[::1", "[::1]5", "[::1]:", "1.2.3", "127.0.0.1:-1", "[]", "127.0.0.1:+5"};
	static const char *const good[] = {"127.0.0.1", "127.0.0.2:5300", "::1", "[::1]", "[::1]:5301"};
	struct fixture *f = *state;
	struct dns_client_options options = {.resolver_count = 1};
	struct dns_client *client;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char error[256] = "";

		options.resolver = &bad[i];
		assert_null(dns_client_new(f->base, &options, error));
		assert_non_null(strstr(error, "resolver"));
	}
	client = client_of(f, good, 5, TIMEOUT);
	assert_non_null(strstr(
	    dns_client_description(client), "127.0.0.1:53 127.0.0.2:5300 [::1]:53 [::1]:53 [::1]:5301"));
	assert_int_equal(dns_client_limit(client), 5000);
	dns_client_free(client);
	dns_client_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_answer), TEST(test_statuses), TEST(test_silence),
	    TEST(test_truncation), TEST(test_truncation_aside), TEST(test_spoofed), TEST(test_no_edns),
	    TEST(test_rotation_is_one_fact), TEST(test_closed_port), TEST(test_second_resolver),
	    TEST(test_cancel), TEST(test_many), TEST(test_ports_are_bounded), TEST(test_too_long),
	    TEST(test_repeats), TEST(test_restarted_resolver), TEST(test_second_opinion), TEST(test_options)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
