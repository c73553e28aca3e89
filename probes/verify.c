#include "probes/verify.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/address.h"
#include "core/limits.h"

/* Chains remembered. A register has some thousand; a slot that is taken is overwritten. */
enum { CACHE_SLOTS = 4096 };

struct remembered {
	uint8_t key[32];
	bool used;
	int error; /* X509_V_ERR_* */
};

struct verifier {
	char *ca_file;
	X509_STORE *store;
	bool store_failed;
	struct remembered cache[CACHE_SLOTS];
};

struct verifier *verifier_new(const char *ca_file, char *ret_error)
{
	const char *path = ca_file != NULL ? ca_file : X509_get_default_cert_file();
	struct verifier *verifier;

	if (ca_file != NULL && access(ca_file, R_OK) < 0) {
		snprintf(ret_error, 256, "cannot read the trusted certificates in %s", ca_file);
		return NULL;
	}
	verifier = calloc(1, sizeof(*verifier));
	if (verifier != NULL)
		verifier->ca_file = strdup(path);
	if (verifier == NULL || verifier->ca_file == NULL) {
		snprintf(ret_error, 256, "no memory");
		free(verifier);
		return NULL;
	}
	return verifier;
}

void verifier_free(struct verifier *verifier)
{
	if (verifier == NULL)
		return;
	X509_STORE_free(verifier->store);
	free(verifier->ca_file);
	free(verifier);
}

static bool load_store(struct verifier *verifier)
{
	if (verifier->store != NULL || verifier->store_failed)
		return verifier->store != NULL;
	verifier->store = X509_STORE_new();
	if (verifier->store == NULL || X509_STORE_load_file(verifier->store, verifier->ca_file) != 1) {
		X509_STORE_free(verifier->store);
		verifier->store = NULL;
		verifier->store_failed = true;
	}
	ERR_clear_error();
	return verifier->store != NULL;
}

static const char *status_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return "ok";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "not_yet_valid";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "self_signed";
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return "unknown_issuer";
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return "bad_signature";
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return "name_mismatch";
	default:
		return "other";
	}
}

/* The greater, the graver: what was forged or damaged, then time before trust, trust before all else. */
static int gravity(int error)
{
	static const char *const order[] = {"ok", "name_mismatch", "other", "unknown_issuer", "self_signed",
	    "not_yet_valid", "expired", "bad_signature"};
	const char *status = status_of(error);
	int i = 0;

	while (strcmp(order[i], status) != 0)
		i++;
	return i;
}

/* Goes on after every fault, so that the gravest is found and not the first. */
static int on_fault(int ok, X509_STORE_CTX *ctx)
{
	int *gravest = X509_STORE_CTX_get_app_data(ctx);
	int error = X509_STORE_CTX_get_error(ctx);

	if (!ok && gravity(error) > gravity(*gravest))
		*gravest = error;
	return 1;
}

/* The gravest X509_V_ERR_* of the chain, X509_V_OK when there is none. */
static int verify(X509_STORE *store, STACK_OF(X509) * chain)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int gravest = X509_V_OK;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) != 1 ||
	    X509_STORE_CTX_set_default(ctx, "ssl_server") != 1) {
		gravest = X509_V_ERR_OUT_OF_MEM;
		goto out;
	}
	X509_STORE_CTX_set_depth(ctx, LIMIT_CHAIN_CERTIFICATES);
	X509_STORE_CTX_set_app_data(ctx, &gravest);
	X509_STORE_CTX_set_verify_cb(ctx, on_fault);
	if (X509_verify_cert(ctx) != 1 && gravest == X509_V_OK)
		gravest = X509_V_ERR_UNSPECIFIED;
out:
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return gravest;
}

static int verify_once(struct verifier *verifier, STACK_OF(X509) * chain, const uint8_t key[32])
{
	struct remembered *slot;
	uint16_t start;

	if (key == NULL)
		return verify(verifier->store, chain);
	memcpy(&start, key, sizeof(start));
	slot = &verifier->cache[start % CACHE_SLOTS];
	if (!slot->used || memcmp(slot->key, key, sizeof(slot->key)) != 0) {
		slot->error = verify(verifier->store, chain);
		memcpy(slot->key, key, sizeof(slot->key));
		slot->used = true;
	}
	return slot->error;
}

/* The subject's common name is no name of a server, with or without a subjectAltName (RFC 9525 section 2). */
static bool matches(X509 *leaf, const char *name)
{
	const unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
	struct address literal;
	bool found;

	if (name == NULL)
		return false;
	found = address_parse(&literal, name) ? X509_check_ip_asc(leaf, name, 0) == 1
					      : X509_check_host(leaf, name, 0, flags, NULL) == 1;
	ERR_clear_error();
	return found;
}

struct verdict verifier_check(
    struct verifier *verifier, STACK_OF(X509) * chain, const uint8_t key[32], const char *name)
{
	struct verdict verdict = {.name_matches = matches(sk_X509_value(chain, 0), name)};
	int error;

	if (!load_store(verifier)) {
		verdict.error = "the trusted certificates could not be read";
		return verdict;
	}
	error = verify_once(verifier, chain, key);
	if (error == X509_V_OK && !verdict.name_matches)
		error = X509_V_ERR_HOSTNAME_MISMATCH;
	verdict.status = status_of(error);
	if (error != X509_V_OK)
		verdict.error = X509_verify_cert_error_string(error);
	return verdict;
}
