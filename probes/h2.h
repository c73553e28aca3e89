/*
 * HTTP/2 (RFC 9113): the exchange of the HTTP probe on a connection where the server chose "h2". Inner side
 * of the probe: it fills the same struct http_exchange as HTTP/1 does, and everything in the record is
 * derived from that.
 *
 * What a server sends beside its answer (pings, settings, other streams, trailers) is bounded in bytes by
 * LIMIT_H2_BYTES for each exchange, field lines by LIMIT_HTTP_HEAD and LIMIT_HTTP_HEADERS after decoding.
 * Pushes are declined.
 */
#ifndef MOORING_PROBES_H2_H
#define MOORING_PROBES_H2_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/run.h"

/* The client side of one connection's session, with the state of its compression. */
struct h2;

/*
 * Starts, or goes on with, the exchange of an HTTP run whose http_exchange exists; makes connection->h2 where
 * there is none. Statuses as in probes/http.h; a stream that the server resets, and a GOAWAY in place of an
 * answer, are ST_CONNECTION_RESET.
 */
enum status h2_exchange(struct run *run);
/* The run that used the session ends. NULL is allowed. */
void h2_end(struct h2 *h2);
/* For whoever closes the channel. NULL is allowed. */
void h2_free(struct h2 *h2);

/* True when the bytes begin with the frames that a server opens, or refuses, a connection with: SETTINGS or
 * GOAWAY. */
bool h2_begins(const char *bytes, size_t length);

#endif
