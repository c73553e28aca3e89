/*
 * The TLS probe: a client handshake on an open connection, tolerant of every version and certificate; and
 * what it saw. Verification is recorded and never fatal.
 */
#ifndef MOORING_PROBES_TLS_H
#define MOORING_PROBES_TLS_H

#include "probes/run.h"
#include "probes/connection.h"

/* SSL_CTX, CA store and the cache of verified chains: one per scan. */
struct tls_client;
/* `ca_file`: PEM bundle, NULL for the system's. NULL with a sentence in `ret_error` (256 bytes). The bundle
 * is read when the first chain is verified, not before. */
struct tls_client *tls_client_new(const char *ca_file, char *ret_error);
void tls_client_free(struct tls_client *client);

extern const struct probe tls_probe;

struct der {
	const uint8_t *data;
	size_t length;
	uint8_t sha256[32];
};

struct tls_run {
	struct connection *connection; /* set by the caller; connected */
	/* for the caller after done: the chain as sent, leaf first, also when the handshake failed later;
	 * arena memory */
	struct der *chain;
	size_t chain_count;
	bool h2_instead;   /* the server does not speak HTTP/1.1: worth one connection that offers HTTP/2 */
	size_t chain_sent; /* certificates in the message, also those beyond LIMIT_CHAIN_CERTIFICATES */
	/* the probe's own */
	bool client_certificate_requested;
	int64_t began, handshake_time; /* monotonic; microseconds */
};

/* The record of one certificate (record_type cert), derived from its bytes alone; probes/cert.c. A
 * certificate that cannot be parsed gives a record with ST_MALFORMED. NULL when memory runs out. */
extern const struct schema cert_schema;
struct record *cert_record(struct arena *arena, const struct der *der, int64_t seen_at);

#endif
