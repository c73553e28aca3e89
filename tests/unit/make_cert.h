/* Keys and certificates for tests, made with OpenSSL. The caller frees what it gets. */
#ifndef MOORING_TESTS_MAKE_CERT_H
#define MOORING_TESTS_MAKE_CERT_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400 };

struct cert_spec {
	const char *cn;	 /* common name, the subject is nothing else */
	const char *san; /* as in openssl.cnf: "DNS:a.test,IP:192.0.2.1"; NULL: none */
	long begin, end; /* seconds from now */
	bool ca;
	X509 *issuer; /* NULL: self-signed */
	EVP_PKEY *issuer_key;
};

static inline EVP_PKEY *make_key(bool rsa)
{
	/* Small, so that the test is quick; the client takes every size. */
	return rsa ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
}

static inline void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	X509_add_ext(x509, extension, -1);
	X509_EXTENSION_free(extension);
}

/* An unsigned certificate, for those who add to it before make_cert_sign(). */
static inline X509 *make_cert_unsigned(const struct cert_spec *spec, EVP_PKEY *key)
{
	static long serial = 1000;
	X509 *x509 = X509_new();
	X509_NAME *name = X509_NAME_new();

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x509), spec->begin);
	X509_gmtime_adj(X509_getm_notAfter(x509), spec->end);
	X509_set_pubkey(x509, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn, -1, -1, 0);
	X509_set_subject_name(x509, name);
	X509_set_issuer_name(x509, spec->issuer == NULL ? name : X509_get_subject_name(spec->issuer));
	X509_NAME_free(name);
	add_extension(x509, x509, NID_basic_constraints, spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (spec->san != NULL)
		add_extension(x509, x509, NID_subject_alt_name, spec->san);
	return x509;
}

static inline X509 *make_cert(const struct cert_spec *spec, EVP_PKEY *key)
{
	X509 *x509 = make_cert_unsigned(spec, key);

	X509_sign(x509, spec->issuer_key == NULL ? key : spec->issuer_key, EVP_sha256());
	return x509;
}

#endif
