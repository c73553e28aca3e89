/*
 * Is a certificate chain good for a name? An answer for the record, never a reason to stop.
 *
 * The trusted certificates are read when the first chain is verified. What was found out about a chain is
 * remembered, because the same chains come again and again: apart from the name, which is compared each time.
 */
#ifndef MOORING_PROBES_VERIFY_H
#define MOORING_PROBES_VERIFY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

struct verifier;

/* `ca_file`: PEM bundle, or NULL for the one that OpenSSL was built to use. NULL with a sentence in
 * `ret_error` (256 bytes) when a given one cannot be read, or when memory runs out. */
struct verifier *verifier_new(const char *ca_file, char *ret_error);
/* NULL is allowed. */
void verifier_free(struct verifier *verifier);

struct verdict {
	/* "ok", or the gravest fault: "bad_signature", "expired", "not_yet_valid", "self_signed",
	 * "unknown_issuer", "other", "name_mismatch", in this order; NULL when it could not be verified. A
	 * signature of an algorithm that OpenSSL does not verify counts as bad. Static, as `error`. */
	const char *status;
	const char *error; /* OpenSSL's sentence about the fault, or why it could not be verified; or NULL */
	bool name_matches; /* by a subjectAltName; a common name does not count (RFC 9525 section 2) */
};

/*
 * `chain`: leaf first, not empty. `name`: a host name or an address literal. `key` stands for the chain (a
 * hash over all of it); NULL when the answer must not be remembered.
 */
struct verdict verifier_check(
    struct verifier *verifier, STACK_OF(X509) * chain, const uint8_t key[32], const char *name);

#endif
