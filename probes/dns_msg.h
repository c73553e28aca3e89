/*
 * DNS messages (RFC 1035 section 4), read from hostile bytes without trusting a count, a length or a pointer;
 * and the queries that ask for them. Pure: no socket, no clock.
 */
#ifndef MOORING_PROBES_DNS_MSG_H
#define MOORING_PROBES_DNS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/arena.h"
#include "core/status.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_HTTPS = 65,
	DNS_CAA = 257
};

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

/*
 * One resource record. Names are lower case, without the root dot ("." is ""), bytes outside of letters,
 * digits, '-' and '_' escaped as \DDD (RFC 1035 section 5.1); which of the typed members is set follows from
 * `type`, in class IN. Arena memory.
 */
struct dns_rr {
	enum dns_section section;
	const char *name;
	uint16_t type, class;
	uint32_t ttl;	      /* seconds */
	const uint8_t *rdata; /* borrowed from the message as received; names inside may be compressed */
	size_t rdata_length;
	bool malformed;		/* the typed members could not be read from the rdata; they are unset */
	struct address address; /* A, AAAA */
	const char *target;	/* CNAME, NS, PTR, MX exchange, SOA mname, HTTPS target */
	uint16_t preference;	/* MX preference, HTTPS priority */
	const char *rname;	/* SOA */
	uint32_t serial, refresh, retry, expire, minimum; /* SOA; seconds but for serial */
	/* TXT: its strings joined, any bytes. In presentation form and ASCII: the parameters of HTTPS (RFC
	 * 9460 section 2.1), with what changes from look to look put aside: hints are sorted, and `ech` has
	 * no value; and `flags tag "value"` of CAA (RFC 8659 section 4.1.1). */
	const char *text;
	size_t text_length;
};

struct dns_message {
	uint16_t id;
	bool response, authoritative, truncated, recursion_available, authentic;
	bool edns;
	unsigned rcode;		/* with the upper bits of EDNS */
	const char *query_name; /* of the first question, NULL when there is none */
	uint16_t query_type;
	/* The owner of what answers the question: the end of the CNAME chain, or query_name when that was
	 * asked for; NULL without a question. */
	const char *final_name;
	struct dns_rr *rr;
	size_t rr_count;
};

/* Octets of the longest query that dns_encode_query() writes: header, name, type and class, OPT. */
enum { DNS_QUERY_SIZE = 12 + 255 + 4 + 11 };

/*
 * Decodes `message` into arena memory; the message must live as long as the result. ST_OK, ST_MALFORMED (what
 * was read before the fault is in *ret_message), or ST_NO_MEMORY. A record whose rdata does not fit its type
 * is marked and no fault of the message. `*ret_fault` is a static sentence about the fault, or NULL; bytes
 * behind the last record leave the status ST_OK and are named there.
 */
enum status dns_decode(const uint8_t *message, size_t length, struct arena *arena,
    struct dns_message *ret_message, const char **ret_fault);
/*
 * Writes a query in class IN with recursion desired and AD set, which asks for a meaningful AD in the answer
 * (RFC 6840 section 5.7). `name` is text as in struct dns_rr, in any case; `udp_size` is offered by EDNS (RFC
 * 6891), 0 leaves EDNS out. Returns the length, 0 when `name` is no name.
 */
size_t dns_encode_query(
    const char *name, uint16_t type, uint16_t id, uint16_t udp_size, uint8_t ret_message[DNS_QUERY_SIZE]);
/*
 * What the message answers to its own question: ST_NOERROR when there is a record of the type at the end of
 * the CNAME chain, else ST_NODATA, or the status of the rcode.
 */
enum status dns_answer_status(const struct dns_message *message);
/* Is the record of that type, and does it answer the question: in the answer section, owned by final_name? */
bool dns_is_answer(const struct dns_message *message, const struct dns_rr *rr, uint16_t type);
/*
 * The record of the answer section that is alias `name` (CNAME), or NULL; following it again and again ends
 * only with a cap, as chains may loop.
 */
const struct dns_rr *dns_alias(const struct dns_message *message, const char *name);
/*
 * The addresses that `answer` gives for `name`, through the CNAME chain inside the answer. Returns how many
 * different ones there are; `ret_address` gets the first `size` of them by address_compare(), so that a pool
 * that the server rotates gives the same ones each time. `*ret_final_name`, when not NULL, is the end of the
 * chain.
 */
size_t dns_addresses(const struct dns_message *answer, const char *name, struct address *ret_address,
    size_t size, const char **ret_final_name);
/* "A", "AAAA", ... or "TYPE123" (RFC 3597) written to `ret_text`, which has at least 12 bytes. */
const char *dns_type_text(uint16_t type, char *ret_text);
/* "2.0.0.127.in-addr.arpa" and the ip6.arpa form (RFC 1035 section 3.5, RFC 3596 section 2.5). Size: 73. */
char *dns_reverse_name(const struct address *address, char ret_name[73]);

#endif
