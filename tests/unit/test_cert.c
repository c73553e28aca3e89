#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/limits.h"
#include "make_cert.h"
#include "probes/tls.h"

struct fixture {
	struct arena *arena;
	EVP_PKEY *key;
	unsigned char *bytes;
	struct der der;
};

static void setup(struct fixture *f, bool rsa)
{
	*f = (struct fixture){.arena = arena_new(LIMIT_TARGET_MEMORY), .key = make_key(rsa)};
}

static void teardown(struct fixture *f)
{
	OPENSSL_free(f->bytes);
	EVP_PKEY_free(f->key);
	arena_free(f->arena);
}

/* The record of `x509`, which is freed. */
static struct record *record_of(struct fixture *f, X509 *x509)
{
	struct record *record;

	OPENSSL_free(f->bytes);
	f->bytes = NULL;
	f->der.length = (size_t)i2d_X509(x509, &f->bytes);
	f->der.data = f->bytes;
	EVP_Digest(f->bytes, f->der.length, f->der.sha256, NULL, EVP_sha256(), NULL);
	X509_free(x509);
	record = cert_record(f->arena, &f->der, 1234567);
	assert_non_null(record);
	return record;
}

/* A certificate whose subjectAltName holds exactly these bytes as host names. */
static X509 *with_names(struct fixture *f, const struct text *names, size_t count)
{
	const struct cert_spec spec = {.cn = "names", .begin = -DAY, .end = DAY};
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	X509 *x509 = make_cert_unsigned(&spec, f->key);
	size_t i;

	for (i = 0; i < count; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *string = ASN1_IA5STRING_new();

		ASN1_STRING_set(string, names[i].data, (int)names[i].length);
		GENERAL_NAME_set0_value(name, GEN_DNS, string);
		sk_GENERAL_NAME_push(list, name);
	}
	X509_add1_ext_i2d(x509, NID_subject_alt_name, list, 0, 0);
	GENERAL_NAMES_free(list);
	X509_sign(x509, f->key, EVP_sha256());
	return x509;
}

static void assert_text(const struct record *record, const char *field, const char *expected)
{
	const char *text = record_get_text(record, field);

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void assert_name(const struct record *record, size_t index, const char *expected)
{
	const struct value *names = record_get(record, "names");

	assert_non_null(names);
	assert_true(index < names->texts.count);
	assert_int_equal(names->texts.item[index].length, strlen(expected));
	assert_string_equal(names->texts.item[index].data, expected);
}

static void test_ordinary(void **state)
{
	struct cert_spec spec = {.cn = "Größe, \"Ltd\"",
	    .san =
		"DNS:Www.Example.TEST,DNS:*.example.test,IP:192.0.2.1,email:who@example.test,IP:2001:db8::1",
	    .begin = 0,
	    .end = 0};
	unsigned char hash[32], *spki = NULL;
	char hex[65];
	struct fixture f;
	struct record *record;
	X509 *x509;
	int i, length;

	(void)state;
	setup(&f, true);
	x509 = make_cert_unsigned(&spec, f.key);
	ASN1_TIME_set_string(X509_getm_notBefore(x509), "20240229123456Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x509), "20510101000000Z");
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), 0xfe12345678);
	X509_sign(x509, f.key, EVP_sha256());
	record = record_of(&f, x509);
	assert_int_equal(record->status, ST_OK);
	assert_null(record->domain);
	assert_null(record->error);
	assert_int_equal(record->started, 1234567);
	assert_int_equal(record_get(record, "version")->integer, 3);
	assert_text(record, "serial_number", "fe12345678");
	assert_text(record, "subject_dn", "CN=Größe\\, \\\"Ltd\\\"");
	assert_text(record, "issuer_dn", "CN=Größe\\, \\\"Ltd\\\"");
	assert_text(record, "not_before", "2024-02-29T12:34:56Z");
	assert_text(record, "not_after", "2051-01-01T00:00:00Z");
	assert_text(record, "signature_algorithm", "sha256WithRSAEncryption");
	assert_text(record, "public_key_algorithm", "rsaEncryption");
	assert_int_equal(record_get(record, "public_key_bits")->integer, 1024);
	assert_true(record_get(record, "self_signed")->boolean);
	assert_false(record_get(record, "is_ca")->boolean);
	assert_false(record_get(record, "names_truncated")->boolean);
	assert_int_equal(record_get(record, "names")->texts.count, 4);
	assert_name(record, 0, "www.example.test");
	assert_name(record, 1, "*.example.test");
	assert_name(record, 2, "192.0.2.1");
	assert_name(record, 3, "2001:db8::1");
	assert_int_equal(record_get(record, "certificate")->bytes.length, f.der.length);
	assert_memory_equal(record_get(record, "certificate")->bytes.data, f.der.data, f.der.length);
	length = i2d_PUBKEY(f.key, &spki);
	EVP_Digest(spki, (size_t)length, hash, NULL, EVP_sha256(), NULL);
	OPENSSL_free(spki);
	for (i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_text(record, "spki_sha256", hex);
	for (i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", f.der.sha256[i]);
	assert_text(record, "fingerprint_sha256", hex);
	teardown(&f);
}

static void test_authority(void **state)
{
	struct cert_spec root = {.cn = "Root", .begin = -DAY, .end = DAY, .ca = true};
	struct fixture f;
	struct record *record;

	(void)state;
	setup(&f, false);
	record = record_of(&f, make_cert(&root, f.key));
	assert_true(record_get(record, "is_ca")->boolean);
	assert_true(record_get(record, "self_signed")->boolean);
	assert_text(record, "public_key_algorithm", "id-ecPublicKey");
	assert_int_equal(record_get(record, "public_key_bits")->integer, 256);
	/* No subjectAltName: no names, which is not the same as unknown. */
	assert_int_equal(record_get(record, "names")->texts.count, 0);
	teardown(&f);
}

/* Issuer and subject are the same, but the signature is another's. */
static void test_not_self_signed(void **state)
{
	struct cert_spec spec = {.cn = "Same", .begin = -DAY, .end = DAY};
	struct fixture f;
	EVP_PKEY *other = make_key(false);
	X509 *x509;

	(void)state;
	setup(&f, false);
	x509 = make_cert_unsigned(&spec, f.key);
	X509_sign(x509, other, EVP_sha256());
	assert_false(record_get(record_of(&f, x509), "self_signed")->boolean);
	EVP_PKEY_free(other);
	teardown(&f);
}

static void test_hostile_names(void **state)
{
	static const struct text names[] = {
	    {"good.test\0.evil.test", 20}, {"b\xfc.test", 7}, {"a b\\c\x1b[31m", 10}, {"", 0}};
	struct fixture f;
	struct record *record;

	(void)state;
	setup(&f, false);
	record = record_of(&f, with_names(&f, names, 4));
	assert_int_equal(record->status, ST_OK);
	assert_int_equal(record_get(record, "names")->texts.count, 4);
	assert_name(record, 0, "good.test\\000.evil.test");
	assert_name(record, 1, "b\\252.test");
	assert_name(record, 2, "a\\032b\\092c\\027[31m");
	assert_name(record, 3, "");
	assert_null(record->undecoded);
	teardown(&f);
}

/* Subjects with NUL, an escape sequence, and old character sets. */
static void test_hostile_subject(void **state)
{
	static const struct {
		int type, length;
		const char *bytes, *expected;
	} table[] = {
	    {V_ASN1_UTF8STRING, 5, "a\0b\x1b\x07", "CN=a\\00b\\1B\\07"},
	    {V_ASN1_T61STRING, 3, "M\xfcg", "CN=Müg"},
	    {V_ASN1_BMPSTRING, 4, "\x4e\x2d\x65\x87", "CN=中文"},
	};
	struct cert_spec spec = {.cn = "x", .begin = -DAY, .end = DAY};
	struct fixture f;
	size_t i;

	(void)state;
	setup(&f, false);
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		X509 *x509 = make_cert_unsigned(&spec, f.key);
		X509_NAME *name = X509_NAME_new();
		X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_NID(NULL, NID_commonName, table[i].type,
		    (const unsigned char *)table[i].bytes, table[i].length);
		struct record *record;

		assert_non_null(entry);
		X509_NAME_add_entry(name, entry, -1, 0);
		X509_set_subject_name(x509, name);
		X509_NAME_ENTRY_free(entry);
		X509_NAME_free(name);
		X509_sign(x509, f.key, EVP_sha256());
		record = record_of(&f, x509);
		assert_int_equal(record->status, ST_OK);
		assert_text(record, "subject_dn", table[i].expected);
	}
	teardown(&f);
}

/* OpenSSL reads no certificate with a name that is not the UTF-8 it claims to be; its bytes are kept. */
static void test_undecodable_subject(void **state)
{
	struct cert_spec spec = {.cn = "mark", .begin = -DAY, .end = DAY};
	struct fixture f;
	struct record *record;
	unsigned char *mark;

	(void)state;
	setup(&f, false);
	record_of(&f, make_cert(&spec, f.key));
	mark = memmem(f.bytes, f.der.length, "mark", 4);
	assert_non_null(mark);
	mark[1] = 0xff;
	record = cert_record(f.arena, &f.der, 0);
	assert_int_equal(record->status, ST_MALFORMED);
	assert_memory_equal(record_get(record, "certificate")->bytes.data, f.der.data, f.der.length);
	teardown(&f);
}

/* More names than the cap are cut, and that is said. */
static void test_many_names(void **state)
{
	static const struct {
		size_t count, expected;
		bool truncated;
	} table[] = {{10000, 10000, false}, {LIMIT_CERTIFICATE_NAMES + 1, LIMIT_CERTIFICATE_NAMES, true}};
	struct fixture f;
	size_t i, j;

	(void)state;
	setup(&f, false);
	for (i = 0; i < 2; i++) {
		struct text *names = calloc(table[i].count, sizeof(*names));
		struct record *record;

		for (j = 0; j < table[i].count; j++)
			names[j] = (struct text){.data = "some.long.host.test", .length = 19};
		record = record_of(&f, with_names(&f, names, table[i].count));
		free(names);
		assert_int_equal(record->status, ST_OK);
		assert_int_equal(record_get(record, "names")->texts.count, table[i].expected);
		assert_int_equal(record_get(record, "names_truncated")->boolean, table[i].truncated);
		assert_name(record, table[i].expected - 1, "some.long.host.test");
	}
	teardown(&f);
}

static void test_odd_dates(void **state)
{
	struct cert_spec spec = {.cn = "x", .begin = -DAY, .end = DAY};
	struct fixture f;
	struct record *record;
	X509 *x509;

	(void)state;
	setup(&f, false);
	x509 = make_cert_unsigned(&spec, f.key);
	ASN1_STRING_set(X509_getm_notBefore(x509), "yesterday....", 13);
	ASN1_STRING_set(X509_getm_notAfter(x509), "991332000000Z", 13);
	X509_sign(x509, f.key, EVP_sha256());
	record = record_of(&f, x509);
	assert_int_equal(record->status, ST_OK);
	assert_null(record_get(record, "not_before"));
	assert_null(record_get(record, "not_after"));
	teardown(&f);
}

static void test_malformed(void **state)
{
	struct cert_spec spec = {.cn = "x", .begin = -DAY, .end = DAY};
	struct fixture f;
	struct record *record;
	unsigned char *longer;

	(void)state;
	setup(&f, false);
	record_of(&f, make_cert(&spec, f.key));
	/* Bytes behind it: read, but said. */
	longer = malloc(f.der.length + 1);
	memcpy(longer, f.der.data, f.der.length);
	longer[f.der.length] = 0;
	f.der.data = longer;
	f.der.length++;
	record = cert_record(f.arena, &f.der, 0);
	assert_int_equal(record->status, ST_MALFORMED);
	assert_text(record, "subject_dn", "CN=x");
	assert_int_equal(record_get(record, "certificate")->bytes.length, f.der.length);
	/* Cut: every prefix is an outcome, and none is a certificate. */
	while (f.der.length > 1) {
		f.der.length -= 2;
		record = cert_record(f.arena, &f.der, 0);
		assert_int_equal(record->status, ST_MALFORMED);
		assert_non_null(record->error);
		assert_null(record_get(record, "subject_dn"));
		assert_non_null(record_get(record, "fingerprint_sha256"));
	}
	free(longer);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ordinary),
	    cmocka_unit_test(test_authority),
	    cmocka_unit_test(test_not_self_signed),
	    cmocka_unit_test(test_hostile_names),
	    cmocka_unit_test(test_hostile_subject),
	    cmocka_unit_test(test_undecodable_subject),
	    cmocka_unit_test(test_many_names),
	    cmocka_unit_test(test_odd_dates),
	    cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
