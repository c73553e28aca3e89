/* What the tls record says of a chain, for all that may be wrong with it. */
#include "tls_world.h"

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

/* Another bit of the signature. */
static X509 *damage(X509 *x509)
{
	const ASN1_BIT_STRING *signature;

	X509_get0_signature(&signature, NULL, x509);
	((unsigned char *)ASN1_STRING_get0_data(signature))[ASN1_STRING_length(signature) - 1] ^= 1;
	return x509;
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
	struct cert_spec named = {.cn = "example.test",
	    .begin = -DAY,
	    .end = DAY,
	    .issuer = intermediate,
	    .issuer_key = world.ca_key};
	X509 *damaged = damage(leaf_of(world.ec, san, intermediate)),
	     *damaged_expired = damage(dated_leaf(-2 * DAY, -DAY, intermediate)),
	     *without_san = make_cert(&named, world.ec);
	struct verdict_case table[] = {
	    {"ok", "example.test", good, intermediate, true},
	    {"ok", "example.test", good, intermediate, true}, /* from the cache */
	    {"ok", "a.wild.test", good, intermediate, true}, {"ok", "127.0.0.1", good, intermediate, true},
	    {"name_mismatch", "other.test", good, intermediate, false},
	    {"name_mismatch", "a.b.wild.test", good, intermediate, false},
	    {"name_mismatch", "127.0.0.2", good, intermediate, false},
	    {"name_mismatch", "leaf", good, intermediate, false}, /* the CN does not count beside a SAN */
	    {"name_mismatch", "example.test", without_san, intermediate, false}, /* nor alone */
	    {"unknown_issuer", "example.test", good, NULL, true},
	    {"bad_signature", "example.test", damaged, intermediate, true},
	    {"bad_signature", "other.test", damaged, intermediate, false},
	    {"bad_signature", "example.test", damaged_expired, intermediate, true},
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
		if (table[i].leaf != good && table[i].leaf != damaged)
			X509_free(table[i].leaf);
	X509_free(good);
	X509_free(damaged);
	X509_free(no_ca);
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

/* Servers staple a response in one handshake and not in the next: that changes no fact. */
static void test_stapling_is_no_fact(void **state)
{
	struct server server = {.key = world.ec, .leaf = leaf_of(world.ec, "DNS:example.test", world.root)};
	struct record_hash without, with;
	struct client client;
	struct value *stapled;

	(void)state;
	visit(&client, &server, "example.test", 2000000);
	stapled = (struct value *)record_get(client.tls, "ocsp_stapled");
	assert_non_null(stapled);
	without = record_fact(client.tls);
	stapled->boolean = !stapled->boolean;
	with = record_fact(client.tls);
	assert_true(without.high == with.high && without.low == with.low);
	client_release(&client);
	X509_free(server.leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_stapling_is_no_fact),
	    cmocka_unit_test(test_no_trusted_certificates),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
