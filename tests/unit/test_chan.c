#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chan.h"
#include "make_cert.h"

enum { BULK = 4 * 1024 * 1024, KEY_UPDATES = 200, PATIENCE_MS = 60000 };

/* What is written into it lets the peer of test_bulk() go on. */
static int go[2];

/* A peer in a thread of its own: accepts once, runs `play` on the socket, closes it. */
struct peer {
	void (*play)(int fd);
	int listener;
	struct address address;
	uint16_t port;
	pthread_t thread;
};

struct fixture {
	struct event_base *base;
	struct chan chan;
	struct peer peer;
	unsigned wakes, asked;
	bool inside; /* a call of the channel is on the stack */
	enum status permitted;
};

static EVP_PKEY *key;
static X509 *certificate;

static void *peer_main(void *arg)
{
	struct peer *peer = arg;
	int fd = accept(peer->listener, NULL, NULL);

	if (fd >= 0) {
		peer->play(fd);
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *peer, void (*play)(int fd))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	peer->play = play;
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &length), 0);
	assert_true(address_parse(&peer->address, "127.0.0.1"));
	peer->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&peer->thread, NULL, peer_main, peer), 0);
}

static void peer_stop(struct peer *peer)
{
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
}

static void on_wake(void *arg)
{
	struct fixture *f = arg;

	assert_false(f->inside);
	f->wakes++;
}

static enum status permit(void *arg, const struct address *address, uint16_t port)
{
	struct fixture *f = arg;

	assert_true(address_equal(address, &f->peer.address));
	assert_int_equal(port, f->peer.port);
	f->asked++;
	return f->permitted;
}

static void setup(struct fixture *f, void (*play)(int fd))
{
	*f = (struct fixture){.base = event_base_new()};
	chan_init(&f->chan, f->base);
	chan_set_wake(&f->chan, on_wake, f);
	peer_start(&f->peer, play);
}

static void teardown(struct fixture *f)
{
	chan_close(&f->chan);
	chan_close(&f->chan);
	peer_stop(&f->peer);
	event_base_free(f->base);
}

/* Waits for the one wake that ST_AGAIN has promised. */
static void wait_for_wake(struct fixture *f)
{
	unsigned before = f->wakes;

	assert_true(f->chan.armed);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(f->wakes, before + 1);
	assert_false(f->chan.armed);
	/* One-shot: without a new call there is nothing left to wait for. */
	event_base_loop(f->base, EVLOOP_NONBLOCK);
	assert_int_equal(f->wakes, before + 1);
}

/* Waits, past the channel, until the peer has done what `event` of poll() stands for. */
static void wait_for_socket(const struct fixture *f, short event)
{
	struct pollfd waited = {.fd = f->chan.fd, .events = event};

	assert_int_equal(poll(&waited, 1, PATIENCE_MS), 1);
	assert_true((waited.revents & event) != 0);
}

static enum status connect_to_peer(struct fixture *f)
{
	enum status status;

	for (;;) {
		f->inside = true;
		status = chan_connect(&f->chan, &f->peer.address, f->peer.port, permit, f);
		f->inside = false;
		if (status != ST_AGAIN)
			return status;
		wait_for_wake(f);
	}
}

static enum status read_some(struct fixture *f, void *bytes, size_t size, size_t *ret_length)
{
	enum status status;

	for (;;) {
		f->inside = true;
		status = chan_read(&f->chan, bytes, size, ret_length);
		f->inside = false;
		if (status != ST_AGAIN)
			return status;
		wait_for_wake(f);
	}
}

static void write_all(struct fixture *f, const char *bytes, size_t size)
{
	size_t done = 0, length;
	enum status status;

	while (done < size) {
		f->inside = true;
		status = chan_write(&f->chan, bytes + done, size - done, &length);
		f->inside = false;
		if (status == ST_AGAIN) {
			wait_for_wake(f);
			continue;
		}
		assert_int_equal(status, ST_OK);
		assert_true(length > 0);
		done += length;
	}
}

/* As the scanner sets it up: without SSL_MODE_AUTO_RETRY. */
static void handshake(struct fixture *f)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	enum status status;

	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	for (;;) {
		f->inside = true;
		status = chan_handshake(&f->chan, ssl);
		f->inside = false;
		if (status != ST_AGAIN)
			break;
		wait_for_wake(f);
	}
	assert_int_equal(status, ST_OK);
}

/* --- what the peers do --- */

static void play_echo(int fd)
{
	char bytes[4096];
	ssize_t length;

	while ((length = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		send(fd, bytes, (size_t)length, MSG_NOSIGNAL);
}

/* Takes BULK bytes as soon as it may, and says how many there were. */
static void play_sink(int fd)
{
	char bytes[16 * 1024];
	size_t total = 0;
	ssize_t length;

	if (read(go[0], bytes, 1) != 1)
		return;
	while (total < BULK && (length = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		total += (size_t)length;
	send(fd, &total, sizeof(total), MSG_NOSIGNAL);
}

static void play_reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static SSL *accept_tls(int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;

	SSL_CTX_use_certificate(ctx, certificate);
	SSL_CTX_use_PrivateKey(ctx, key);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	SSL_accept(ssl);
	return ssl;
}

/* One record of 16,000 bytes, and the end without a close_notify. */
static void play_record(int fd)
{
	char bytes[16000];
	SSL *ssl = accept_tls(fd);

	memset(bytes, 'x', sizeof(bytes));
	SSL_write(ssl, bytes, sizeof(bytes));
	SSL_free(ssl);
}

/* Many records without data before the one that has some. */
static void play_key_updates(int fd)
{
	SSL *ssl = accept_tls(fd);
	int i;

	for (i = 0; i < KEY_UPDATES; i++) {
		SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		SSL_do_handshake(ssl);
	}
	SSL_write(ssl, "data", 4);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

/* --- tests --- */

static void test_echo(void **state)
{
	struct fixture f;
	char bytes[16];
	size_t length = 0;

	(void)state;
	setup(&f, play_echo);
	assert_int_equal(chan_kernel_rtt(&f.chan), -1);
	assert_int_equal(connect_to_peer(&f), ST_OK);
	assert_int_equal(f.asked, 1);
	assert_true(chan_kernel_rtt(&f.chan) > 0);
	assert_true(address_equal(&f.chan.local, &f.peer.address));
	assert_int_equal(f.chan.remote_port, f.peer.port);
	assert_true(f.chan.local_port > 0);
	/* Nothing is there yet: a wake is promised, and it comes when there is. */
	assert_int_equal(chan_read(&f.chan, bytes, sizeof(bytes), &length), ST_AGAIN);
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	write_all(&f, "hello", 5);
	assert_int_equal(read_some(&f, bytes, sizeof(bytes), &length), ST_OK);
	assert_int_equal(length, 5);
	assert_memory_equal(bytes, "hello", 5);
	teardown(&f);
}

/* The peer reads nothing until the sender has run into full buffers. */
static void test_bulk(void **state)
{
	const int small = 64 * 1024;
	struct fixture f;
	char *bytes = calloc(1, BULK);
	size_t sent = 0, total = 0, length;

	(void)state;
	assert_int_equal(pipe(go), 0);
	setup(&f, play_sink);
	setsockopt(f.peer.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect_to_peer(&f), ST_OK);
	setsockopt(f.chan.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (chan_write(&f.chan, bytes, BULK - sent, &length) == ST_OK)
		sent += length;
	assert_in_range(sent, 1, BULK - 1);
	assert_int_equal(write(go[1], "", 1), 1);
	wait_for_wake(&f);
	write_all(&f, bytes, BULK - sent);
	assert_int_equal(read_some(&f, &total, sizeof(total), &length), ST_OK);
	assert_int_equal(total, BULK);
	assert_int_equal(read_some(&f, &total, sizeof(total), &length), ST_OK);
	assert_int_equal(length, 0);
	teardown(&f);
	close(go[0]);
	close(go[1]);
	free(bytes);
}

static void test_reset(void **state)
{
	struct fixture f;
	enum status status;
	size_t length = 7;
	char byte;

	(void)state;
	setup(&f, play_reset);
	/* The reset may come before the loop looks at the connection for the first time. */
	status = connect_to_peer(&f);
	if (status == ST_OK)
		status = read_some(&f, &byte, 1, &length);
	assert_int_equal(status, ST_CONNECTION_RESET);
	assert_int_equal(f.chan.sys_errno, ECONNRESET);
	assert_int_equal(length, 7);
	teardown(&f);
}

static void test_refused(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, play_echo);
	peer_stop(&f.peer);
	assert_int_equal(connect_to_peer(&f), ST_CONNECTION_REFUSED);
	assert_int_equal(f.chan.sys_errno, ECONNREFUSED);
	assert_int_equal(f.chan.fd, -1);
	chan_close(&f.chan);
	event_base_free(f.base);
}

static void test_not_permitted(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, play_echo);
	f.permitted = ST_BLOCKLISTED;
	assert_int_equal(connect_to_peer(&f), ST_BLOCKLISTED);
	assert_int_equal(f.asked, 1);
	assert_int_equal(f.chan.fd, -1);
	/* A refusal is not remembered as a connection. */
	assert_int_equal(connect_to_peer(&f), ST_BLOCKLISTED);
	assert_int_equal(f.asked, 2);
	teardown(&f);
}

static void test_descriptors_used_up(void **state)
{
	struct fixture f;
	struct rlimit before, none;
	enum status status;

	(void)state;
	setup(&f, play_echo);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	status = connect_to_peer(&f);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(status, ST_SYSTEM);
	assert_int_equal(f.chan.sys_errno, EMFILE);
	assert_int_equal(f.asked, 0);
	/* Later it works. */
	assert_int_equal(connect_to_peer(&f), ST_OK);
	teardown(&f);
}

/* Who takes over the channel does not get the wake that the one before waited for. */
static void test_wake_changes_hands(void **state)
{
	struct fixture f, other = {0};
	size_t length;
	char byte;

	(void)state;
	setup(&f, play_echo);
	assert_int_equal(connect_to_peer(&f), ST_OK);
	f.wakes = 0;
	assert_int_equal(chan_read(&f.chan, &byte, 1, &length), ST_AGAIN);
	chan_set_wake(&f.chan, on_wake, &other);
	assert_int_equal(chan_write(&f.chan, "x", 1, &length), ST_OK);
	wait_for_socket(&f, POLLIN); /* the echo is there */
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	assert_int_equal(f.wakes, 0);
	assert_int_equal(other.wakes, 0);
	teardown(&f);
}

static void test_tls_pending(void **state)
{
	struct fixture f;
	size_t total = 0, length;
	char bytes[100];

	(void)state;
	setup(&f, play_record);
	assert_int_equal(connect_to_peer(&f), ST_OK);
	handshake(&f);
	do {
		assert_int_equal(read_some(&f, bytes, sizeof(bytes), &length), ST_OK);
		total += length;
	} while (length > 0);
	assert_int_equal(total, 16000);
	teardown(&f);
}

static void test_tls_key_updates(void **state)
{
	struct fixture f;
	size_t length;
	char bytes[16];

	(void)state;
	setup(&f, play_key_updates);
	assert_int_equal(connect_to_peer(&f), ST_OK);
	handshake(&f);
	wait_for_socket(&f, POLLRDHUP); /* all of it is there: no wake is for want of bytes */
	f.wakes = 0;
	assert_int_equal(read_some(&f, bytes, sizeof(bytes), &length), ST_OK);
	assert_int_equal(length, 4);
	assert_memory_equal(bytes, "data", 4);
	/* The loop had its turns in between. */
	assert_in_range(f.wakes, 4, KEY_UPDATES / 2);
	assert_int_equal(read_some(&f, bytes, sizeof(bytes), &length), ST_OK);
	assert_int_equal(length, 0);
	teardown(&f);
}

static int make_identity(void **state)
{
	const struct cert_spec spec = {.cn = "peer", .begin = -DAY, .end = DAY};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	key = make_key(false);
	certificate = make_cert(&spec, key);
	return key == NULL || certificate == NULL;
}

static int free_identity(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_bulk),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_not_permitted),
	    cmocka_unit_test(test_descriptors_used_up),
	    cmocka_unit_test(test_wake_changes_hands),
	    cmocka_unit_test(test_tls_pending),
	    cmocka_unit_test(test_tls_key_updates),
	};

	return cmocka_run_group_tests(tests, make_identity, free_identity);
}
