/*
 * The DNS transport: raw answers from recursive resolvers, behind one small interface.
 *
 * UDP first; a truncated answer is asked for again over TCP, and a resolver that does not know EDNS is asked
 * again without it. Where there are several resolvers, SERVFAIL, NOTIMP and REFUSED of one are the answer
 * only when no other has a better one. A source port is used for some 200 queries (RFC 5452 section 9.2).
 * Made for one event loop; not thread-safe.
 */
#ifndef MOORING_PROBES_DNS_CLIENT_H
#define MOORING_PROBES_DNS_CLIENT_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"

struct dns_client;
struct dns_query;

struct dns_client_options {
	const char *const *resolver; /* "192.0.2.53", "192.0.2.53:5300", "[2001:db8::1]:53" */
	size_t resolver_count;	     /* 0: those of the system */
	int64_t timeout;	     /* of the first try, microseconds; doubles with each round; 0: 500 ms */
	unsigned tries;		     /* rounds over the resolvers, 1..10; 0: 4 */
	/* May be NULL. Called for what goes out beyond the first datagram of a query: repeats, other
	 * resolvers, TCP. From inside the transport: it may only note it. */
	void (*repeated)(void *arg, unsigned messages);
	void *repeated_arg;
};

/* What came of a query. */
struct dns_reply {
	/* The answer as received, in the query's arena; NULL when there was none. Of one that is longer than
	 * UDP can bring, and that TCP did not bring, header and question, with the TC flag. */
	const uint8_t *message;
	size_t length;	   /* octets */
	unsigned attempts; /* 1 and one for every time-out before */
};

/* Called from inside the transport: it may only note or schedule something. */
typedef void dns_wake(void *arg);

/* NULL with a sentence in `ret_error` (256 bytes) when a resolver is no address or the system refuses. */
struct dns_client *dns_client_new(
    struct event_base *base, const struct dns_client_options *options, char *ret_error);
/* No query may be left that was not freed. NULL is allowed. */
void dns_client_free(struct dns_client *client);
/* Queries under way; for tests. */
size_t dns_client_outstanding(const struct dns_client *client);
/* At most so many queries should be under way. */
size_t dns_client_limit(const struct dns_client *client);
/* Sentences for the run's metadata: resolvers in use, receive buffer that the kernel gave. */
const char *dns_client_description(const struct dns_client *client);

/*
 * Starts a query. `wake` is called, possibly before this returns, whenever dns_query_advance() is worth a
 * call. NULL when `name` is no name (*ret_status is ST_INVALID) or memory runs out (ST_NO_MEMORY).
 */
struct dns_query *dns_query_new(struct dns_client *client, struct arena *arena, const char *name,
    uint16_t type, dns_wake *wake, void *arg, enum status *ret_status);
/*
 * Goes on: ST_AGAIN while under way; ST_OK with an answer; ST_TRUNCATED with the answer that was cut when TCP
 * did not bring the rest; ST_TIMEOUT, ST_CONNECTION_REFUSED, ST_UNREACHABLE, ... without one. Not to be
 * called from inside `wake`.
 */
enum status dns_query_advance(struct dns_query *query, struct dns_reply *ret_reply);
/* At any time outside `wake`, which is not called any more; NULL is allowed. The arena may go afterwards. */
void dns_query_free(struct dns_query *query);

#endif
