/*
 * Bodies of HTTP/1: their framing (RFC 9112 sections 6 and 7) and their codings (RFC 9110 section 8.4.1).
 * Pure; what is kept and what is looked at is bounded.
 */
#ifndef MOORING_PROBES_HTTP_BODY_H
#define MOORING_PROBES_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/status.h"
#include "probes/http_head.h"

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

enum http_chunk_step { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

struct http_body {
	enum http_framing framing;
	struct buf payload; /* as received, without chunk lines; the owner releases it */
	bool truncated;	    /* a limit was reached: the rest was not read */
	const char *fault;  /* static sentence about broken framing, or NULL */
	/* private */
	uint64_t left; /* bytes of the body, or of the chunk */
	enum http_chunk_step step;
	unsigned digits; /* of the chunk size so far */
	bool blank;	 /* the present trailer line is empty so far */
	size_t overhead; /* bytes of chunk lines and trailers */
};

/*
 * How the body behind `head` is framed (RFC 9112 section 6.3) is written to *ret_body, with `limit` bytes as
 * the most that is kept. Chunked wins over a length. A length that is no number, or contradicts another one,
 * counts for nothing: the body is read until the connection closes, and `fault` says so. `arena` is for what
 * is needed meanwhile.
 */
void http_body_begin(
    struct http_body *ret_body, const struct http_head *head, size_t limit, struct arena *arena);
/*
 * Takes bytes from the connection; *ret_used is how many belong to the body. ST_OK: the body is complete, or
 * `truncated` is set. ST_AGAIN: more is needed. ST_PROTOCOL_ERROR: see `fault`. ST_NO_MEMORY. An empty body
 * is complete after a call with no bytes.
 */
enum status http_body_feed(struct http_body *body, const char *bytes, size_t length, size_t *ret_used);
/* The connection was closed in good order: true when the body is complete with that. */
bool http_body_close(const struct http_body *body);

/*
 * Undoes the codings in the comma-separated list `codings` (in the order in which they were applied; NULL:
 * none) on `body`, in place; no step makes more than `limit` bytes. `whole` is false when `body` is known to
 * be cut short, so that its end is no fault. *ret_truncated is set when the limit was reached. Returns NULL,
 * or a static sentence when a coding could not be undone: `body` is then what came before the fault, or is as
 * it was where that is nothing.
 */
const char *http_decode(struct buf *body, const char *codings, size_t limit, bool whole, bool *ret_truncated);

#endif
