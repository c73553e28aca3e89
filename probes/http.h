/*
 * The HTTP probe: one request and its response on an open connection (RFC 9110), read tolerantly and recorded
 * as received. It speaks HTTP/1.1 (RFC 9112), or HTTP/2 (RFC 9113) where the server chose that in TLS.
 */
#ifndef MOORING_PROBES_HTTP_H
#define MOORING_PROBES_HTTP_H

#include "core/buf.h"
#include "probes/http_head.h"
#include "probes/run.h"
#include "probes/connection.h"

/*
 * Status: ST_OK when a response came, whatever its code, and also when the server closed the connection
 * before the end of the body (`body_incomplete`), or a coding of the body is broken (`decoding_failed`): what
 * came is worth reading. Else what went wrong, with everything that came before it. Phases: "request" until
 * the first byte of the response, then "head", then "body".
 *
 * After done connection->usable says whether another exchange can follow; the channel stays open either way.
 * ST_CONNECTION_RESET in the phase "request" with connection->exchanges > 0 is a kept-alive connection that
 * the server has given up in the meantime: worth one new connection.
 */
extern const struct probe http_probe;
extern const struct schema http_schema;

enum http_purpose { HTTP_ROBOTS, HTTP_PAGE, HTTP_REDIRECT, HTTP_FAVICON };

struct http_run {
	/* set by the caller before run_start(); must live as long as the run */
	struct connection *connection; /* usable */
	enum http_purpose purpose;
	const char *url;	 /* absolute, normalised: what is recorded */
	const char *path;	 /* path and query of it */
	unsigned redirect_index; /* place in the redirect chain, 0 for the first */
	size_t body_limit; /* bytes, as received; 0, and what is more than LIMIT_HTTP_BODY: that limit */
	/* for the caller after done; arena memory but for the body */
	int status_code; /* 0 when no valid status line came */
	struct http_header *header;
	size_t header_count;
	const char *location;	   /* value of the first Location, or NULL */
	const char *content_type;  /* value of the first Content-Type, or NULL */
	struct buf body;	   /* encodings undone; the caller releases it after done */
	bool body_truncated;	   /* a limit of ours was reached */
	bool body_incomplete;	   /* the connection ended, or failed, before the body did */
	bool h2_instead;	   /* the server seems to speak HTTP/2 only: worth one connection that
				      offers it */
	struct http_exchange *own; /* the probe's */
};

#endif
