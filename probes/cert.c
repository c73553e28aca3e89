#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/tls.h"

enum { OID_TEXT = 128 };

/* clang-format off */
enum {
	FINGERPRINT_SHA256, SPKI_SHA256, VERSION, SERIAL_NUMBER, SUBJECT_DN, ISSUER_DN, NOT_BEFORE, NOT_AFTER, NAMES,
	NAMES_TRUNCATED, SIGNATURE_ALGORITHM, PUBLIC_KEY_ALGORITHM, PUBLIC_KEY_BITS, IS_CA, SELF_SIGNED, CERTIFICATE,
	FIELD_COUNT
};

static const struct field fields[FIELD_COUNT] = {
	[FINGERPRINT_SHA256] = {"fingerprint_sha256", FIELD_TEXT, FIELD_KEY, NULL, "SHA-256 of the certificate", NULL, 0},
	[SPKI_SHA256] = {"spki_sha256", FIELD_TEXT, 0, NULL, "SHA-256 of its SubjectPublicKeyInfo", NULL, 0},
	[VERSION] = {"version", FIELD_INT, 0, NULL, "1, 2 or 3", NULL, 0},
	[SERIAL_NUMBER] = {"serial_number", FIELD_TEXT, 0, NULL, "hexadecimal", NULL, 0},
	[SUBJECT_DN] = {"subject_dn", FIELD_TEXT, 0, NULL, "subject, as RFC 4514 writes it", NULL, 0},
	[ISSUER_DN] = {"issuer_dn", FIELD_TEXT, 0, NULL, "issuer, as RFC 4514 writes it", NULL, 0},
	[NOT_BEFORE] = {"not_before", FIELD_TEXT, 0, NULL, "RFC 3339, UTC; null when it is no date", NULL, 0},
	[NOT_AFTER] = {"not_after", FIELD_TEXT, 0, NULL, "RFC 3339, UTC; null when it is no date", NULL, 0},
	[NAMES] = {"names", FIELD_TEXTS, 0, NULL,
	    "host names (lower case) and addresses of the subjectAltName, in its order; bytes that no host name has as \\DDD",
	    NULL, 0},
	[NAMES_TRUNCATED] = {"names_truncated", FIELD_BOOL, 0, NULL, "there are more names", NULL, 0},
	[SIGNATURE_ALGORITHM] = {"signature_algorithm", FIELD_TEXT, 0, NULL, "OpenSSL's name, or the OID", NULL, 0},
	[PUBLIC_KEY_ALGORITHM] = {"public_key_algorithm", FIELD_TEXT, 0, NULL, "OpenSSL's name, or the OID", NULL, 0},
	[PUBLIC_KEY_BITS] = {"public_key_bits", FIELD_INT, 0, "bits", "size of the key; null when it is not understood", NULL, 0},
	[IS_CA] = {"is_ca", FIELD_BOOL, 0, NULL, "it may issue certificates (basicConstraints)", NULL, 0},
	[SELF_SIGNED] = {"self_signed", FIELD_BOOL, 0, NULL, "signed with its own key; the signature was checked", NULL, 0},
	[CERTIFICATE] = {"certificate", FIELD_BYTES, FIELD_EVIDENCE, NULL, "as received, DER", NULL, 0},
};
/* clang-format on */

const struct schema cert_schema = {
    .record_type = "cert",
    .version = 1,
    .help = "one certificate, read from its bytes alone",
    .field = fields,
    .field_count = FIELD_COUNT,
};

static void set_object(struct record *record, size_t field, const ASN1_OBJECT *object)
{
	char text[OID_TEXT];

	if (OBJ_obj2txt(text, sizeof(text), object, 0) > 0)
		record_set_text(record, field, text);
}

static void set_serial(struct record *record, X509 *x509)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
	struct buf hex = {0};

	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		buf_add_char(&hex, '-');
	text_add_hex(&hex, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	record_set_text_n(record, SERIAL_NUMBER, buf_text(&hex), hex.length);
	buf_release(&hex);
}

/* UTF-8; control characters, NUL among them, come out escaped. */
static void set_name(struct record *record, size_t field, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long length;

	if (bio == NULL)
		return;
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		length = BIO_get_mem_data(bio, &text);
		record_set_text_n(record, field, length > 0 ? text : "", length > 0 ? (size_t)length : 0);
	}
	BIO_free(bio);
}

static void set_time(struct record *record, size_t field, const ASN1_TIME *time)
{
	char text[sizeof("9999-12-31T23:59:59Z") + 32];
	struct tm tm;

	if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
		return;
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	record_set_text(record, field, text);
}

/* Lower case; what no host name has is shown as in DNS (RFC 1035 section 5.1), so that nothing is lost. */
static void add_host_name(struct buf *out, const unsigned char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		unsigned char c = bytes[i];

		if (c >= 'A' && c <= 'Z')
			buf_add_char(out, (char)(c - 'A' + 'a'));
		else if (c > ' ' && c < 0x7f && c != '\\')
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "\\%03u", c);
	}
}

/* False for the kinds of names that are neither hosts nor addresses. */
static bool name_text(struct buf *out, const GENERAL_NAME *name)
{
	int type;
	const ASN1_STRING *string = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *bytes;
	char text[ADDRESS_TEXT];
	struct address address;
	size_t length;

	if (type != GEN_DNS && type != GEN_IPADD)
		return false;
	bytes = ASN1_STRING_get0_data(string);
	length = (size_t)ASN1_STRING_length(string);
	address = address_from_octets(bytes, type == GEN_IPADD ? length : 0);
	if (address.family != 0)
		buf_add_text(out, address_text(&address, text));
	else
		add_host_name(out, bytes, length);
	return true;
}

static size_t count_names(const GENERAL_NAMES *names)
{
	size_t count = 0;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type = sk_GENERAL_NAME_value(names, i)->type;

		count += type == GEN_DNS || type == GEN_IPADD;
	}
	return count;
}

static void set_names(struct record *record, const X509 *x509)
{
	int critical, i;
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, NULL);
	struct buf text = {0};
	size_t count, at = 0;

	/* -1: there is none; otherwise it was there, and could not be read. */
	if (names == NULL && critical != -1)
		return;
	count = count_names(names);
	record_set_bool(record, NAMES_TRUNCATED, count > LIMIT_CERTIFICATE_NAMES);
	if (count > LIMIT_CERTIFICATE_NAMES)
		count = LIMIT_CERTIFICATE_NAMES;
	record_set_list(record, NAMES, count);
	for (i = 0; at < count; i++) {
		buf_clear(&text);
		if (name_text(&text, sk_GENERAL_NAME_value(names, i)))
			record_list_text(record, NAMES, at++, buf_text(&text), text.length);
	}
	buf_release(&text);
	GENERAL_NAMES_free(names);
}

static void set_key(struct record *record, X509 *x509)
{
	X509_PUBKEY *spki = X509_get_X509_PUBKEY(x509);
	EVP_PKEY *key = X509_get0_pubkey(x509);
	ASN1_OBJECT *algorithm;
	unsigned char *der = NULL;
	char sha256[SHA256_TEXT];
	int length = i2d_X509_PUBKEY(spki, &der);

	if (length > 0 && text_sha256_hex(der, (size_t)length, sha256))
		record_set_text(record, SPKI_SHA256, sha256);
	OPENSSL_free(der);
	if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, spki) == 1)
		set_object(record, PUBLIC_KEY_ALGORITHM, algorithm);
	if (key != NULL)
		record_set_int(record, PUBLIC_KEY_BITS, EVP_PKEY_get_bits(key));
}

static void set_fields(struct record *record, X509 *x509)
{
	const X509_ALGOR *signature;
	const ASN1_OBJECT *algorithm;

	record_set_int(record, VERSION, X509_get_version(x509) + 1);
	set_serial(record, x509);
	set_name(record, SUBJECT_DN, X509_get_subject_name(x509));
	set_name(record, ISSUER_DN, X509_get_issuer_name(x509));
	set_time(record, NOT_BEFORE, X509_get0_notBefore(x509));
	set_time(record, NOT_AFTER, X509_get0_notAfter(x509));
	set_names(record, x509);
	X509_get0_signature(NULL, &signature, x509);
	X509_ALGOR_get0(&algorithm, NULL, NULL, signature);
	set_object(record, SIGNATURE_ALGORITHM, algorithm);
	set_key(record, x509);
	record_set_bool(record, IS_CA, (X509_get_extension_flags(x509) & EXFLAG_CA) != 0);
	record_set_bool(record, SELF_SIGNED, X509_self_signed(x509, 1) == 1);
}

struct record *cert_record(struct arena *arena, const struct der *der, int64_t seen_at)
{
	struct record *record = record_new(arena, &cert_schema, NULL, NULL);
	const unsigned char *end = der->data;
	char sha256[SHA256_TEXT];
	X509 *x509;

	if (record == NULL)
		return NULL;
	record->started = seen_at;
	record->status = ST_OK;
	text_digest_hex(der->sha256, sha256);
	record_set_text(record, FINGERPRINT_SHA256, sha256);
	record_set_bytes(record, CERTIFICATE, der->data, der->length);
	x509 = der->length > LIMIT_CHAIN_BYTES ? NULL : d2i_X509(NULL, &end, (long)der->length);
	if (x509 == NULL) {
		record->status = ST_MALFORMED;
		record->error = "not a certificate in DER";
	} else {
		set_fields(record, x509);
		if (end != der->data + der->length) {
			record->status = ST_MALFORMED;
			record->error = "bytes follow the certificate";
		}
	}
	X509_free(x509);
	ERR_clear_error();
	return record;
}
