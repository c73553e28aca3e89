/* What the parts of the DNS message decoder share; nobody else includes it. */
#ifndef MOORING_PROBES_DNS_PRIVATE_H
#define MOORING_PROBES_DNS_PRIVATE_H

#include "core/buf.h"
#include "probes/dns_msg.h"

enum {
	DNS_HEADER_SIZE = 12,
	DNS_NAME_OCTETS = 255, /* RFC 1035 section 2.3.4, length octets and root included */
	DNS_CLASS_IN = 1,
	/* Names remembered by their offset: most owner names are one pointer to the question. */
	DNS_SEEN_NAMES = 8
};

/* The state of reading one message. */
struct dns_reader {
	const uint8_t *data;
	size_t length;
	struct arena *arena;
	struct {
		size_t offset;
		const char *text;
	} seen[DNS_SEEN_NAMES];
	unsigned seen_count;
	size_t text_left;  /* bytes of name text that may still be made */
	const char *fault; /* the first one, static */
	bool no_memory;
};

/*
 * Reads a name at the position of `in`, whose data is the whole message; compression may point to anything
 * before it. NULL on a fault or without memory: see the reader.
 */
const char *dns_read_name(struct dns_reader *reader, struct cursor *in);
/* Sets the typed members of `rr` from its rdata, or rr->malformed. */
void dns_read_rdata(struct dns_reader *reader, struct dns_rr *rr);
/* Appends SvcParams in presentation form; false when they break RFC 9460. */
bool dns_add_svc_params(struct buf *out, struct cursor *in);
/* Appends `flags tag "value"`; false when the rdata is no CAA record. */
bool dns_add_caa(struct buf *out, struct cursor *in);

#endif
