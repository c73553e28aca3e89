/* The tcp and tls probes against real servers: each a thread that plays one part to one client. */
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
	int version; /* the only one it speaks; 0: any */
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

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *in, unsigned in_length, void *arg)
{
	(void)ssl;
	(void)arg;
	*out = in + 1;
	*out_length = in[0];
	return in_length > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Hangs up when the client has answered to the certificate. */
static void hang_up(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *arg)
{
	(void)version;
	(void)arg;
	if (!sent && type == SSL3_RT_HANDSHAKE && length > 0 &&
	    *(const unsigned char *)bytes == SSL3_MT_CLIENT_KEY_EXCHANGE)
		shutdown(SSL_get_fd(ssl), SHUT_RDWR);
}

static void play_tls(const struct server *server, int fd)
{
	SSL *ssl = SSL_new(server->ctx);
	char byte;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		SSL_read(ssl, &byte, 1);
	SSL_free(ssl);
}

static void send_bytes(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* A ServerHello of TLS 1.2, and a Certificate message whose certificate is none. */
static void play_broken_certificate(int fd)
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

static void *serve(void *arg)
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

static void server_start(struct server *server)
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
		assert_int_equal(SSL_CTX_set_cipher_list(server->ctx, "DEFAULT:@SECLEVEL=0"), 1);
		assert_int_equal(SSL_CTX_use_certificate(server->ctx, server->leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(server->ctx, server->key), 1);
		if (server->extra != NULL)
			assert_int_equal(SSL_CTX_add1_chain_cert(server->ctx, server->extra), 1);
		else
			SSL_CTX_set_mode(server->ctx, SSL_MODE_NO_AUTO_CHAIN);
		SSL_CTX_set_alpn_select_cb(server->ctx, choose_alpn, NULL);
		if (server->wants_client_certificate)
			SSL_CTX_set_verify(
			    server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		if (server->play == CLOSE_AFTER_CERTIFICATE)
			SSL_CTX_set_msg_callback(server->ctx, hang_up);
	}
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	SSL_CTX_free(server->ctx);
}

/* --- the client --- */

static enum status permit(void *arg, const struct address *address, uint16_t port)
{
	struct client *client = arg;

	client->asked++;
	client->asked_address = *address;
	client->asked_port = port;
	return client->permitted;
}

static void on_done(struct run *run, enum status status, void *arg)
{
	struct client *client = arg;

	(void)run;
	client->done++;
	*(client->tls == NULL ? &client->tcp_status : &client->tls_status) = status;
	event_base_loopbreak(client->base);
}

static struct run *client_run(struct client *client, const struct probe *probe)
{
	struct run *run = run_new(probe, &client->env, client->arena, "example.test", "example.test");

	assert_non_null(run);
	return run;
}

static void client_init(struct client *client, struct tls_client *tls)
{
	*client = (struct client){.base = event_base_new(), .arena = arena_new(LIMIT_TARGET_MEMORY)};
	client->env =
	    (struct probe_env){.base = client->base, .tls = tls, .permit = permit, .permit_arg = client};
	chan_init(&client->connection.chan, client->base);
}

/* Connects, and shakes hands when that succeeded. `timeout` in microseconds for the handshake. */
static void client_visit(struct client *client, uint16_t port, const char *name, int64_t timeout)
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

static void client_release(struct client *client)
{
	chan_close(&client->connection.chan);
	arena_free(client->arena);
	event_base_free(client->base);
}

/* One visit to one server, which has ended when this returns. */
static void visit(struct client *client, struct server *server, const char *name, int64_t timeout)
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

static void assert_text(const struct client *client, const char *field, const char *expected)
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
static void assert_chain(const struct client *client, X509 *leaf, X509 *extra)
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

/* --- certificates --- */

static X509 *leaf_of(EVP_PKEY *key, const char *san, X509 *issuer)
{
	struct cert_spec spec = {.cn = "leaf",
	    .san = san,
	    .begin = -DAY,
	    .end = DAY,
	    .issuer = issuer,
	    .issuer_key = issuer == NULL ? NULL : world.ca_key};

	return make_cert(&spec, key);
}

static X509 *dated_leaf(long begin, long end, X509 *issuer)
{
	struct cert_spec spec = {.cn = "leaf",
	    .san = "DNS:example.test",
	    .begin = begin,
	    .end = end,
	    .issuer = issuer,
	    .issuer_key = issuer == NULL ? NULL : world.ca_key};

	return make_cert(&spec, world.ec);
}

static int make_world(void **state)
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

static int free_world(void **state)
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

/* --- tests --- */

static void test_versions(void **state)
{
	static const struct {
		int version;
		const char *name;
	} table[] = {{TLS1_VERSION, "TLSv1"}, {TLS1_1_VERSION, "TLSv1.1"}, {TLS1_2_VERSION, "TLSv1.2"},
	    {TLS1_3_VERSION, "TLSv1.3"}};
	struct client client;
	size_t i;
	int rsa;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (rsa = 0; rsa <= 1; rsa++) {
			struct server server = {.version = table[i].version,
			    .key = rsa ? world.rsa : world.ec,
			    .leaf =
				leaf_of(rsa ? world.rsa : world.ec, "DNS:Example.test", world.intermediate),
			    .extra = world.intermediate};

			visit(&client, &server, "example.test", 2000000);
			assert_int_equal(client.tls_status, ST_OK);
			assert_null(client.tls->error);
			assert_string_equal(client.tls->phase, "handshake");
			assert_text(&client, "tls_version", table[i].name);
			assert_text(&client, "key_exchange_group", "x25519");
			assert_text(&client, "alpn", "http/1.1");
			assert_text(&client, "sni", "example.test");
			assert_text(&client, "verify_status", "ok");
			assert_text(&client, "verify_error", NULL);
			assert_text(&client, "address", "127.0.0.1");
			assert_true(record_get(client.tls, "name_matches")->boolean);
			assert_false(record_get(client.tls, "ocsp_stapled")->boolean);
			assert_false(record_get(client.tls, "client_certificate_requested")->boolean);
			assert_true(record_get(client.tls, "handshake_time")->real > 0);
			assert_int_equal(strncmp(record_get_text(client.tls, "cipher"), "TLS_", 4), 0);
			assert_chain(&client, server.leaf, server.extra);
			client_release(&client);
			X509_free(server.leaf);
		}
}

struct verdict_case {
	const char *expected, *name;
	X509 *leaf, *extra;
	bool name_matches;
};

static void check_verdict(const struct verdict_case *item)
{
	bool rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(item->leaf)) == EVP_PKEY_RSA;
	struct server server = {.key = rsa ? world.rsa : world.ec, .leaf = item->leaf, .extra = item->extra};
	struct client client;

	visit(&client, &server, item->name, 2000000);
	assert_int_equal(client.tls_status, ST_OK);
	assert_text(&client, "verify_status", item->expected);
	assert_int_equal(record_get(client.tls, "verify_error") == NULL, strcmp(item->expected, "ok") == 0);
	assert_int_equal(record_get(client.tls, "name_matches")->boolean, item->name_matches);
	assert_chain(&client, item->leaf, item->extra);
	client_release(&client);
}

static void test_verdicts(void **state)
{
	const char *san = "DNS:example.test,DNS:*.wild.test,IP:127.0.0.1";
	X509 *good = leaf_of(world.ec, san, world.intermediate), *intermediate = world.intermediate,
	     *no_ca = leaf_of(world.ec, san, world.root);
	struct cert_spec below = {.cn = "below",
	    .san = "DNS:example.test",
	    .begin = -DAY,
	    .end = DAY,
	    .issuer = no_ca,
	    .issuer_key = world.ec};
	struct verdict_case table[] = {
	    {"ok", "example.test", good, intermediate, true},
	    {"ok", "example.test", good, intermediate, true}, /* from the cache */
	    {"ok", "a.wild.test", good, intermediate, true}, {"ok", "127.0.0.1", good, intermediate, true},
	    {"name_mismatch", "other.test", good, intermediate, false},
	    {"name_mismatch", "a.b.wild.test", good, intermediate, false},
	    {"name_mismatch", "127.0.0.2", good, intermediate, false},
	    {"name_mismatch", "leaf", good, intermediate, false}, /* the CN does not count beside a SAN */
	    {"unknown_issuer", "example.test", good, NULL, true},
	    {"expired", "example.test", dated_leaf(-2 * DAY, -DAY, intermediate), intermediate, true},
	    {"not_yet_valid", "example.test", dated_leaf(DAY, 2 * DAY, intermediate), intermediate, true},
	    {"expired", "other.test", dated_leaf(-2 * DAY, -DAY, intermediate), intermediate, false},
	    {"self_signed", "example.test", dated_leaf(-DAY, DAY, NULL), NULL, true},
	    {"self_signed", "other.test", dated_leaf(-DAY, DAY, NULL), NULL, false},
	    {"expired", "example.test", dated_leaf(-2 * DAY, -DAY, NULL), NULL, true},
	    {"not_yet_valid", "example.test", dated_leaf(DAY, 2 * DAY, NULL), NULL, true},
	    {"unknown_issuer", "example.test", dated_leaf(-DAY, DAY, world.strange_root), NULL, true},
	    {"unknown_issuer", "other.test", dated_leaf(-DAY, DAY, world.strange_root), world.strange_root,
		false},
	    {"expired", "example.test", dated_leaf(-2 * DAY, -DAY, world.strange_root), NULL, true},
	    {"other", "example.test", make_cert(&below, world.rsa), no_ca,
		true}, /* issued by what is no CA */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		check_verdict(&table[i]);
	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].leaf != good)
			X509_free(table[i].leaf);
	X509_free(good);
	X509_free(no_ca);
}

static void test_silent(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 50000);
	assert_int_equal(client.tls_status, ST_IO_TIMEOUT);
	assert_string_equal(client.tls->phase, "handshake");
	assert_text(&client, "tls_version", NULL);
	assert_text(&client, "sni", "example.test");
	assert_null(record_get(client.tls, "chain_sha256"));
	assert_null(record_get(client.tls, "client_certificate_requested"));
	client_release(&client);
}

static void test_reset(void **state)
{
	struct server server = {.play = RESET};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_CONNECTION_RESET);
	assert_string_equal(client.tls->error, strerror(ECONNRESET));
	client_release(&client);
}

static void test_garbage(void **state)
{
	struct server server = {.play = GARBAGE};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_HANDSHAKE_ERROR);
	assert_string_equal(client.tls->error, "wrong version number");
	client_release(&client);
}

static void test_closed_after_certificate(void **state)
{
	struct server server = {.play = CLOSE_AFTER_CERTIFICATE,
	    .version = TLS1_2_VERSION,
	    .key = world.ec,
	    .leaf = leaf_of(world.ec, "DNS:example.test", world.intermediate),
	    .extra = world.intermediate};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_HANDSHAKE_ERROR);
	assert_string_equal(client.tls->error, "the server closed the connection during the handshake");
	assert_chain(&client, server.leaf, server.extra);
	assert_text(&client, "verify_status", "ok");
	assert_text(&client, "tls_version", "TLSv1.2");
	assert_null(record_get(client.tls, "handshake_time"));
	client_release(&client);
	X509_free(server.leaf);
}

/* A certificate that OpenSSL cannot read is kept as it came. */
static void test_broken_certificate(void **state)
{
	struct server server = {.play = BROKEN_CERTIFICATE};
	struct client client;
	struct record *cert;

	(void)state;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_HANDSHAKE_ERROR);
	assert_non_null(client.tls->error);
	assert_int_equal(client.run->chain_count, 1);
	assert_int_equal(client.run->chain[0].length, 5);
	assert_memory_equal(client.run->chain[0].data, "hello", 5);
	assert_text(&client, "verify_status", NULL);
	assert_text(
	    &client, "leaf_sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	cert = cert_record(client.arena, &client.run->chain[0], 0);
	assert_int_equal(cert->status, ST_MALFORMED);
	client_release(&client);
}

static void test_client_certificate(void **state)
{
	struct server server = {.key = world.ec,
	    .leaf = leaf_of(world.ec, "DNS:example.test", world.root),
	    .wants_client_certificate = true};
	struct client client;

	(void)state;
	server.version = TLS1_2_VERSION;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_HANDSHAKE_ERROR);
	assert_string_equal(client.tls->error, "sslv3 alert handshake failure (alert 40, handshake failure)");
	assert_true(record_get(client.tls, "client_certificate_requested")->boolean);
	assert_chain(&client, server.leaf, NULL);
	assert_text(&client, "verify_status", "ok");
	client_release(&client);
	/* In TLS 1.3 the client's part of the handshake is over before the server refuses. */
	server.version = TLS1_3_VERSION;
	visit(&client, &server, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_OK);
	assert_true(record_get(client.tls, "client_certificate_requested")->boolean);
	client_release(&client);
	X509_free(server.leaf);
}

static void test_no_sni_for_address(void **state)
{
	struct server server = {.key = world.ec, .leaf = leaf_of(world.ec, "IP:127.0.0.1", world.root)};
	struct client client;

	(void)state;
	visit(&client, &server, "127.0.0.1", 2000000);
	assert_text(&client, "sni", NULL);
	assert_text(&client, "verify_status", "ok");
	client_release(&client);
	X509_free(server.leaf);
}

static void test_no_trusted_certificates(void **state)
{
	struct server server = {.key = world.ec, .leaf = leaf_of(world.ec, "DNS:example.test", world.root)};
	struct client client;
	struct tls_client *tls;
	char error[256], path[] = "/tmp/test_tls_XXXXXX";

	(void)state;
	assert_null(tls_client_new("/nonexistent/bundle.pem", error));
	assert_non_null(strstr(error, "/nonexistent/bundle.pem"));
	close(mkstemp(path));
	tls = tls_client_new(path, error);
	unlink(path);
	assert_non_null(tls);
	client_init(&client, tls);
	server_start(&server);
	client_visit(&client, server.port, "example.test", 2000000);
	assert_int_equal(client.tls_status, ST_OK);
	assert_text(&client, "verify_status", NULL);
	assert_non_null(record_get_text(client.tls, "verify_error"));
	assert_true(record_get(client.tls, "name_matches")->boolean);
	client_release(&client);
	server_stop(&server);
	tls_client_free(tls);
	X509_free(server.leaf);
}

static void test_tcp_record(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 1000);
	assert_int_equal(client.asked, 1);
	assert_int_equal(client.asked_port, server.port);
	assert_true(address_equal(&client.asked_address, &client.connection.endpoint.address));
	assert_string_equal(client.tcp->phase, "connect");
	assert_string_equal(record_get_text(client.tcp, "address"), "127.0.0.1");
	assert_string_equal(record_get_text(client.tcp, "name"), "example.test");
	assert_string_equal(record_get_text(client.tcp, "address_from"), "from.test");
	assert_int_equal(record_get(client.tcp, "port")->integer, server.port);
	assert_true(record_get(client.tcp, "kernel_rtt")->real > 0);
	assert_true(record_get(client.tcp, "connect_time")->real > 0);
	assert_true(record_get(client.tcp, "local_port")->integer > 0);
	client_release(&client);
}

static void test_tcp_refused(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	server_start(&server);
	server_stop(&server);
	client_init(&client, world.tls);
	client_visit(&client, server.port, "example.test", 2000000);
	assert_int_equal(client.tcp_status, ST_CONNECTION_REFUSED);
	assert_string_equal(client.tcp->error, strerror(ECONNREFUSED));
	assert_null(record_get(client.tcp, "connect_time"));
	assert_int_equal(client.connection.chan.fd, -1);
	client_release(&client);
}

static void test_tcp_not_permitted(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	server_start(&server);
	client_init(&client, world.tls);
	client.permitted = ST_OUT_OF_SCOPE;
	client_visit(&client, server.port, "example.test", 2000000);
	assert_int_equal(client.tcp_status, ST_OUT_OF_SCOPE);
	assert_int_equal(client.asked, 1);
	assert_null(client.tcp->error);
	assert_int_equal(client.connection.chan.fd, -1);
	client_release(&client);
	server_stop(&server);
	assert_false(server.visited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_closed_after_certificate),
	    cmocka_unit_test(test_broken_certificate),
	    cmocka_unit_test(test_client_certificate),
	    cmocka_unit_test(test_no_sni_for_address),
	    cmocka_unit_test(test_no_trusted_certificates),
	    cmocka_unit_test(test_tcp_record),
	    cmocka_unit_test(test_tcp_refused),
	    cmocka_unit_test(test_tcp_not_permitted),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
