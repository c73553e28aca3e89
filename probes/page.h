/*
 * What a page says: the record derived from one HTTP response by reading its body. Pure: the same bytes give
 * the same record, also when they come from the store.
 */
#ifndef MOORING_PROBES_PAGE_H
#define MOORING_PROBES_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "results/record.h"

/* Hosts kept of one page, of each kind. */
enum { PAGE_HOSTS = 256 };

struct page_input {
	const char *domain; /* these two must outlive the record (same arena) */
	const char *input;  /* or NULL */
	const char *address;
	uint16_t port;
	const char *host; /* Host header of the request */
	const char *url;
	int http_status_code;
	const char *content_type; /* value of the header, or NULL */
	const uint8_t *body;	  /* encodings undone */
	size_t body_length;
	bool body_truncated;
};

/* References as written in the page, not resolved; arena memory; NULL where the page has none. */
struct page_links {
	const char *favicon; /* <link rel=icon> */
	const char *base;    /* <base href>, which the other one is relative to */
};

extern const struct schema page_schema;

/*
 * The record, with status SUCCESS, or NOT_A_PAGE when the body is neither HTML nor plain text by its content
 * type and its first bytes (then no link is returned). NULL when memory runs out. `ret_links` may be NULL.
 */
struct record *page_record(struct arena *arena, const struct page_input *in, struct page_links *ret_links);

#endif
