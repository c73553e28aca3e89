/*
 * An OpenSSL library context for TLS clients in which reading a certificate is quick.
 *
 * OpenSSL 3.0 looks for the decoder of a public key anew for every certificate of every handshake, among all
 * that the provider has, and compares each with each: more work than the handshake's own arithmetic. The
 * decoders of private keys, parameters and foreign formats are of no use to a client and are left out here.
 */
#ifndef MOORING_PROBES_TLS_PROVIDER_H
#define MOORING_PROBES_TLS_PROVIDER_H

#include <openssl/crypto.h>

/* The caller frees it with OSSL_LIB_CTX_free(), after all that was made with it. NULL when it cannot be had:
 * the default context, which is named by NULL too, does the same more slowly. Not thread-safe. */
OSSL_LIB_CTX *tls_library_new(void);

#endif
