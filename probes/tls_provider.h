/*
 * An OpenSSL library context for TLS clients in which reading a certificate is quick.
 *
 * For every certificate of every handshake OpenSSL 3.0 looks for the decoder of its public key anew, among
 * all algorithms that the context has met: more work than the handshake's own arithmetic. Algorithms that a
 * TLS client never uses (decoders of private keys and foreign formats, ciphers for disks and for wrapping
 * keys) are left out here. The rest is the default provider's own code.
 */
#ifndef MOORING_PROBES_TLS_PROVIDER_H
#define MOORING_PROBES_TLS_PROVIDER_H

#include <openssl/provider.h>

/* NULL in both: the default context, which is named by NULL too, does the same more slowly. */
struct tls_library {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *provider;
};

/* Not thread-safe. */
struct tls_library tls_library_new(void);
/* All that was made with it is freed before. */
void tls_library_free(struct tls_library library);

#endif
