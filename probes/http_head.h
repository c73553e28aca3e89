/*
 * Response heads of HTTP/1 (RFC 9112 sections 2 to 5), read as tolerantly as can be done without guessing:
 * bare LF, empty lines in front, missing reasons, folded values and lines that are no header are all met in
 * practice. Pure.
 */
#ifndef MOORING_PROBES_HTTP_HEAD_H
#define MOORING_PROBES_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"

struct http_header {
	const char *name;  /* as sent; "" for a line that has no name of the form of RFC 9110 section 5.6.2 */
	const char *value; /* as sent, without surrounding white space, folds made spaces; or that whole line;
			      bytes, may hold NUL and be no UTF-8; NUL-terminated all the same */
	size_t value_length;
};

struct http_head {
	const char
	    *version;	 /* "1.1", "1.0", ...; "ICY" for the streaming servers that say so instead; or NULL */
	int status_code; /* 100..999 */
	const char *reason; /* "" when missing; bytes, NUL-terminated */
	size_t reason_length;
	struct http_header *header; /* in the order sent */
	size_t header_count;
	size_t malformed; /* lines without a name, and names followed by white space */
};

/* Where the search for the end of a head stands; zero-initialise it for each head. */
struct http_head_search {
	size_t line, position; /* begin of the present line; first byte not looked at */
	size_t lines;
	bool started; /* a first line that is not empty has begun as a status line does */
};

/*
 * Goes on searching for the end of the head in `data`, which has grown since the last call. ST_OK with the
 * head's length; ST_AGAIN when it is not complete; ST_PROTOCOL_ERROR, with a static sentence in *ret_fault,
 * when the bytes are not HTTP/1 or exceed LIMIT_HTTP_HEAD or LIMIT_HTTP_HEADERS.
 */
enum status http_head_find(struct http_head_search *search, const char *data, size_t length,
    size_t *ret_length, const char **ret_fault);

/*
 * Parses the complete lines in `data`, which may be cut anywhere. ST_OK; ST_PROTOCOL_ERROR without a valid
 * status line; ST_NO_MEMORY. All memory is the arena's.
 */
enum status http_head_parse(const char *data, size_t length, struct arena *arena, struct http_head *ret_head);

/* A 1xx response that another one follows; after 101 there is no more HTTP/1 (RFC 9110 section 15.2). */
bool http_head_is_interim(const struct http_head *head);
/* The first header of that name, whatever its case; NULL when there is none. */
const struct http_header *http_head_get(const struct http_head *head, const char *name);
/* All values of that name as one list, joined with ", " (RFC 9110 section 5.3), up to a NUL in each; arena
 * memory. NULL when there is none, or no memory. */
const char *http_head_list(const struct http_head *head, const char *name, struct arena *arena);
/* True when the comma-separated `list`, which may be NULL, has this member, whatever its case. */
bool http_list_has(const char *list, const char *member);
/* The next member of a comma-separated list: NULL at the end, otherwise its begin (without white space) and
 * its length; `*list` moves on. Empty members are skipped. */
const char *http_list_next(const char **list, size_t *ret_length);

#endif
