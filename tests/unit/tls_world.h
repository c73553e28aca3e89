/*
 * Servers that play one part to one client, each in a thread; the client, which visits them with the tcp and
 * tls probes; and the certificates that both know. Used by the tests of these probes.
 */
#ifndef MOORING_TESTS_TLS_WORLD_H
#define MOORING_TESTS_TLS_WORLD_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "make_cert.h"
#include "probes/tcp.h"
#include "probes/tls.h"

enum play { TLS, SILENT, RESET, GARBAGE, CLOSE_AFTER_CERTIFICATE, BROKEN_CERTIFICATE };

struct server {
	enum play play;
	int version;	    /* the only one it speaks; 0: any */
	const char *alpn;   /* the only protocol it speaks; NULL: the first that is offered */
	bool refuses;	    /* ends the handshake where that is not offered */
	const char *cipher; /* the only one it takes before TLS 1.3; NULL: any */
	EVP_PKEY *key;
	X509 *leaf, *extra; /* extra: sent behind the leaf, or NULL */
	bool wants_client_certificate;
	/* set by server_start() */
	int listener;
	uint16_t port;
	SSL_CTX *ctx;
	pthread_t thread;
	bool visited; /* after server_stop() */
};

struct client {
	struct event_base *base;
	struct arena *arena;
	struct probe_env env;
	struct connection connection;
	enum status permitted;
	unsigned asked; /* calls of the permit function */
	struct address asked_address;
	uint16_t asked_port;
	enum status tcp_status, tls_status;
	struct record *tcp, *tls;
	struct tls_run *run;
	unsigned done;
};

/* What all tests use: a root that is trusted, one that is not, an intermediate, and the bundle. */
static struct world {
	EVP_PKEY *ec, *rsa, *ca_key;
	X509 *root, *strange_root, *intermediate;
	char bundle[64];
	struct tls_client *tls;
} world;

/* --- the servers --- */

static inline int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *in, unsigned in_length, void *arg)
{
	const struct server *server = arg;
	unsigned i;

	(void)ssl;
	for (i = 0; i < in_length; i += in[i] + 1U) {
		*out = in + i + 1;
		*out_length = in[i];
		if (server->alpn == NULL ||
		    (in[i] == strlen(server->alpn) && memcmp(*out, server->alpn, in[i]) == 0))
			return SSL_TLSEXT_ERR_OK;
	}
	return server->refuses ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

/* Hangs up when the client has answered to the certificate. */
static inline void hang_up(
    int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *arg)
{
	(void)version;
	(void)arg;
	if (!sent && type == SSL3_RT_HANDSHAKE && length > 0 &&
	    *(const unsigned char *)bytes == SSL3_MT_CLIENT_KEY_EXCHANGE)
		shutdown(SSL_get_fd(ssl), SHUT_RDWR);
}

static inline void play_tls(const struct server *server, int fd)
{
	SSL *ssl = SSL_new(server->ctx);
	char byte;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		SSL_read(ssl, &byte, 1);
	SSL_free(ssl);
}

static inline void send_bytes(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* A ServerHello of TLS 1.2, and a Certificate message whose certificate is none. */
static inline void play_broken_certificate(int fd)
{
	static const unsigned char hello[] = {0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3};
	static const unsigned char rest[] = {0, 0xc0, 0x2b, 0}; /* no session, ECDHE-ECDSA-AES128-GCM, null */
	static const unsigned char certificate[] = {
	    0x16, 3, 3, 0, 15, 11, 0, 0, 11, 0, 0, 8, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	unsigned char random[32] = {1};

	send_bytes(fd, hello, sizeof(hello));
	send_bytes(fd, random, sizeof(random));
	send_bytes(fd, rest, sizeof(rest));
	send_bytes(fd, certificate, sizeof(certificate));
}

static inline void *serve(void *arg)
{
	struct server *server = arg;
	const struct linger now = {.l_onoff = 1};
	char bytes[4096];
	int fd = accept(server->listener, NULL, NULL);

	if (fd < 0)
		return NULL;
	server->visited = true;
	if (server->play == TLS || server->play == CLOSE_AFTER_CERTIFICATE) {
		play_tls(server, fd);
	} else if (recv(fd, bytes, sizeof(bytes), 0) > 0) {
		if (server->play == GARBAGE)
			send_bytes(fd, "SSH-2.0-OpenSSH_9.2p1\r\n", 23);
		else if (server->play == BROKEN_CERTIFICATE)
			play_broken_certificate(fd);
		if (server->play == RESET)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		else
			while (recv(fd, bytes, sizeof(bytes), 0) > 0)
				;
	}
	close(fd);
	return NULL;
}

static inline void server_start(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	server->port = ntohs(address.sin_port);
	if (server->leaf != NULL) {
		server->ctx = SSL_CTX_new(TLS_server_method());
		SSL_CTX_set_min_proto_version(
		    server->ctx, server->version == 0 ? TLS1_VERSION : server->version);
		SSL_CTX_set_max_proto_version(server->ctx, server->version);
		assert_int_equal(SSL_CTX_set_cipher_list(server->ctx, "ALL:@SECLEVEL=0"), 1);
		if (server->cipher != NULL)
			assert_int_equal(SSL_CTX_set_cipher_list(server->ctx, server->cipher), 1);
		SSL_CTX_set_security_level(server->ctx, 0);
		SSL_CTX_set_dh_auto(server->ctx, 1);
		assert_int_equal(SSL_CTX_use_certificate(server->ctx, server->leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(server->ctx, server->key), 1);
		if (server->extra != NULL)
			assert_int_equal(SSL_CTX_add1_chain_cert(server->ctx, server->extra), 1);
		else
			SSL_CTX_set_mode(server->ctx, SSL_MODE_NO_AUTO_CHAIN);
		SSL_CTX_set_alpn_select_cb(server->ctx, choose_alpn, server);
		if (server->wants_client_certificate)
			SSL_CTX_set_verify(
			    server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		if (server->play == CLOSE_AFTER_CERTIFICATE)
			SSL_CTX_set_msg_callback(server->ctx, hang_up);
	}
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static inline void server_stop(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	SSL_CTX_free(server->ctx);
}

/* --- the client --- */

static inline enum status permit(void *arg, const struct address *address, uint16_t port)
{
	struct client *client = arg;

	client->asked++;
	client->asked_address = *address;
	client->asked_port = port;
	return client->permitted;
}

static inline void on_done(struct run *run, enum status status, void *arg)
{
	struct client *client = arg;

	(void)run;
	client->done++;
	*(client->tls == NULL ? &client->tcp_status : &client->tls_status) = status;
	event_base_loopbreak(client->base);
}

static inline struct run *client_run(struct client *client, const struct probe *probe)
{
	struct run *run = run_new(probe, &client->env, client->arena, "example.test", "example.test");

	assert_non_null(run);
	return run;
}

static inline void client_init(struct client *client, struct tls_client *tls)
{
	*client = (struct client){.base = event_base_new(), .arena = arena_new(LIMIT_TARGET_MEMORY)};
	client->env =
	    (struct probe_env){.base = client->base, .tls = tls, .permit = permit, .permit_arg = client};
	chan_init(&client->connection.chan, client->base);
}

/* Connects, and shakes hands when that succeeded. `timeout` in microseconds for the handshake. */
static inline void client_visit(struct client *client, uint16_t port, const char *name, int64_t timeout)
{
	struct run *run = client_run(client, &tcp_probe);

	client->connection.endpoint = (struct endpoint){.port = port, .tls = true, .from = "from.test"};
	assert_true(address_parse(&client->connection.endpoint.address, "127.0.0.1"));
	client->connection.name = name;
	client->tcp = run->record;
	((struct tcp_run *)run->state)->connection = &client->connection;
	run_start(run, 2000000, on_done, client);
	event_base_dispatch(client->base);
	assert_int_equal(client->done, 1);
	if (client->tcp_status != ST_OK)
		return;
	run = client_run(client, &tls_probe);
	client->tls = run->record;
	client->run = run->state;
	client->run->connection = &client->connection;
	run_start(run, timeout, on_done, client);
	event_base_dispatch(client->base);
	assert_int_equal(client->done, 2);
}

static inline void client_release(struct client *client)
{
	chan_close(&client->connection.chan);
	arena_free(client->arena);
	event_base_free(client->base);
}

/* One visit to one server, which has ended when this returns. */
static inline void visit(struct client *client, struct server *server, const char *name, int64_t timeout)
{
	client_init(client, world.tls);
	server_start(server);
	client_visit(client, server->port, name, timeout);
	assert_int_equal(client->tcp_status, ST_OK);
	assert_int_equal(client->tls_status, client->tls->status);
	assert_int_equal(client->connection.usable, client->tls_status == ST_OK);
	chan_close(&client->connection.chan);
	server_stop(server);
}

static inline void assert_text(const struct client *client, const char *field, const char *expected)
{
	const char *text = record_get_text(client->tls, field);

	if (expected == NULL) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
	}
}

/* The chain is in the record and beside it: `leaf`, then `extra` unless it is NULL. */
static inline void assert_chain(const struct client *client, X509 *leaf, X509 *extra)
{
	X509 *expected[] = {leaf, extra};
	size_t i, count = extra == NULL ? 1 : 2;
	const struct value *hashes = record_get(client->tls, "chain_sha256");
	unsigned char hash[32];
	char hex[65];

	assert_int_equal(client->run->chain_count, count);
	assert_non_null(hashes);
	assert_int_equal(hashes->texts.count, count);
	assert_int_equal(record_get(client->tls, "chain_length")->integer, count);
	for (i = 0; i < count; i++) {
		unsigned char *der = NULL;
		int length = i2d_X509(expected[i], &der), j;

		assert_int_equal(client->run->chain[i].length, length);
		assert_memory_equal(client->run->chain[i].data, der, (size_t)length);
		X509_digest(expected[i], EVP_sha256(), hash, NULL);
		assert_memory_equal(client->run->chain[i].sha256, hash, sizeof(hash));
		for (j = 0; j < 32; j++)
			snprintf(hex + 2 * j, 3, "%02x", hash[j]);
		assert_string_equal(hashes->texts.item[i].data, hex);
		OPENSSL_free(der);
	}
}

/* --- the certificates --- */

static inline X509 *leaf_of(EVP_PKEY *key, const char *san, X509 *issuer)
{
	struct cert_spec spec = {.cn = "leaf",
	    .san = san,
	    .begin = -DAY,
	    .end = DAY,
	    .issuer = issuer,
	    .issuer_key = issuer == NULL ? NULL : world.ca_key};

	return make_cert(&spec, key);
}

static inline X509 *dated_leaf(long begin, long end, X509 *issuer)
{
	struct cert_spec spec = {.cn = "leaf",
	    .san = "DNS:example.test",
	    .begin = begin,
	    .end = end,
	    .issuer = issuer,
	    .issuer_key = issuer == NULL ? NULL : world.ca_key};

	return make_cert(&spec, world.ec);
}

static inline int make_world(void **state)
{
	struct cert_spec root = {.cn = "Root", .begin = -DAY, .end = DAY, .ca = true},
			 strange = {.cn = "Strange Root", .begin = -DAY, .end = DAY, .ca = true};
	char error[256];
	FILE *file;
	int fd;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	world.ec = make_key(false);
	world.rsa = make_key(true);
	world.ca_key = make_key(false);
	world.root = make_cert(&root, world.ca_key);
	world.strange_root = make_cert(&strange, world.ca_key);
	root.cn = "Intermediate";
	root.issuer = world.root;
	root.issuer_key = world.ca_key;
	world.intermediate = make_cert(&root, world.ca_key);
	strcpy(world.bundle, "/tmp/test_tls_XXXXXX");
	fd = mkstemp(world.bundle);
	file = fdopen(fd, "w");
	PEM_write_X509(file, world.root);
	fclose(file);
	world.tls = tls_client_new(world.bundle, error);
	return world.tls == NULL;
}

static inline int free_world(void **state)
{
	(void)state;
	tls_client_free(world.tls);
	unlink(world.bundle);
	X509_free(world.root);
	X509_free(world.strange_root);
	X509_free(world.intermediate);
	EVP_PKEY_free(world.ec);
	EVP_PKEY_free(world.rsa);
	EVP_PKEY_free(world.ca_key);
	return 0;
}

#endif
