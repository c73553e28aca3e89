/* The tls probe against real servers. */
#include "tls_world.h"

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

/* One protocol is offered at a time; a server that refuses it says that it wants the other one. */
static void test_protocols(void **state)
{
	static const struct {
		const char *speaks;
		bool refuses, offer_h2;
		enum status status;
		enum application_protocol chosen;
		const char *alpn;
		bool h2_instead;
	} table[] = {{NULL, false, false, ST_OK, PROTOCOL_HTTP1, "http/1.1", false},
	    {"h2", false, false, ST_OK, PROTOCOL_UNKNOWN, NULL, false},
	    {"h2", true, false, ST_HANDSHAKE_ERROR, PROTOCOL_UNKNOWN, NULL, true},
	    {NULL, false, true, ST_OK, PROTOCOL_HTTP2, "h2", false},
	    {"http/1.1", false, true, ST_OK, PROTOCOL_UNKNOWN, NULL, false}};
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct server server = {.alpn = table[i].speaks,
		    .refuses = table[i].refuses,
		    .key = world.ec,
		    .leaf = leaf_of(world.ec, "DNS:example.test", world.intermediate)};

		client_init(&client, world.tls);
		client.connection.offer_h2 = table[i].offer_h2;
		server_start(&server);
		client_visit(&client, server.port, "example.test", 2000000);
		chan_close(&client.connection.chan);
		server_stop(&server);
		assert_int_equal(client.tls_status, table[i].status);
		assert_int_equal(client.connection.protocol, table[i].chosen);
		assert_int_equal(client.run->h2_instead, table[i].h2_instead);
		assert_text(&client, "alpn", table[i].alpn);
		client_release(&client);
		X509_free(server.leaf);
	}
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

/* What the reduced provider leaves out must not be missed: every kind of key and of cipher is met. */
static void test_algorithms(void **state)
{
	static const char *const ciphers[] = {"ECDHE-ECDSA-AES256-GCM-SHA384",
	    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES256-SHA384",
	    "ECDHE-ECDSA-CAMELLIA128-SHA256", "ECDHE-ECDSA-ARIA128-GCM-SHA256", "AES128-SHA", "AES256-CCM",
	    "AES128-GCM-SHA256", "CAMELLIA256-SHA", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"};
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++) {
		EVP_PKEY *key = strstr(ciphers[i], "ECDSA") != NULL ? world.ec : world.rsa;
		struct server server = {.version = TLS1_2_VERSION,
		    .cipher = ciphers[i],
		    .key = key,
		    .leaf = leaf_of(key, "DNS:example.test", world.root)};

		visit(&client, &server, "example.test", 2000000);
		assert_int_equal(client.tls_status, ST_OK);
		assert_text(&client, "verify_status", "ok");
		if (strstr(ciphers[i], "ECDHE") == NULL)
			assert_text(&client, "key_exchange_group", NULL);
		client_release(&client);
		X509_free(server.leaf);
	}
}

static EVP_PKEY *key_of(const char *kind, const char *curve)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	if (curve != NULL)
		assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, curve), 1);
	if (strcmp(kind, "RSA-PSS") == 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void test_keys(void **state)
{
	static const struct {
		const char *kind, *curve;
	} table[] = {{"EC", "P-384"}, {"EC", "P-521"}, {"ED25519", NULL}, {"ED448", NULL}, {"RSA-PSS", NULL}};
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		EVP_PKEY *key = key_of(table[i].kind, table[i].curve);
		struct server server = {.key = key, .leaf = leaf_of(key, "DNS:example.test", world.root)};

		visit(&client, &server, "example.test", 2000000);
		assert_int_equal(client.tls_status, ST_OK);
		assert_text(&client, "verify_status", "ok");
		client_release(&client);
		X509_free(server.leaf);
		EVP_PKEY_free(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_protocols),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_closed_after_certificate),
	    cmocka_unit_test(test_broken_certificate),
	    cmocka_unit_test(test_client_certificate),
	    cmocka_unit_test(test_no_sni_for_address),
	    cmocka_unit_test(test_algorithms),
	    cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
