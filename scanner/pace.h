/*
 * How fast: permits for connections and DNS queries, given from the event loop.
 *
 * A token bucket holds the whole run to a rate. A connection also has to wait until its address and its
 * network (the /24 or /48) have few enough connections open, and until a pause since the last start to the
 * same address is over. Permits of one address are given in the order of asking; addresses take turns, and so
 * do connections and queries. Not thread-safe.
 *
 * An address is remembered only while it has tickets or its pause lasts. No call walks through all tickets: a
 * request is O(1), a release or a cancellation O(per_network), and a tick takes as long as there are permits
 * to give, pauses that end and addresses whose turn has to wait for their network.
 */
#ifndef MOORING_PACE_H
#define MOORING_PACE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

struct pace_options {
	double rate; /* connections and queries a second, all together; 0: no limit */
	/* Permits that may be given at once after a quiet time, 0: what the rate gives in 20 ms. At least
	 * what it gives in 10 ms, as no timer is much finer and the rate would not be reached. */
	unsigned burst;
	unsigned per_address, per_network; /* connections open at a time; 0: no limit */
	int64_t pause_us;		   /* between two starts to one address; 0: none */
};

typedef void pace_permit(void *arg);

struct pace_host;

/* Zero it once; then it belongs to the pace object while it waits or is held. */
struct pace_ticket {
	struct pace_ticket *prev, *next;
	struct pace_host *host;
	pace_permit *permit;
	void *arg;
	enum { PACE_IDLE, PACE_WAITING, PACE_HELD } state;
};

struct pace;

/* NULL when memory runs out. Without a base nothing happens but in pace_tick(). */
struct pace *pace_new(struct event_base *base, const struct pace_options *options);
/* Forgets tickets that wait or are held: they must not be used with it any more. NULL is allowed. */
void pace_free(struct pace *pace);

/*
 * Asks for a permit: for a connection to `address`, or for a DNS query when that is NULL. `permit` is called
 * once, from the event loop and never from in here, unless the ticket is cancelled before; it may call
 * everything here but pace_free(). False when memory runs out: the ticket stays idle.
 */
bool pace_request(struct pace *pace, struct pace_ticket *ticket, const struct address *address,
    pace_permit *permit, void *arg);
/* The connection of a permitted ticket has ended. Does nothing to a ticket that is not held; that of a query
 * never is. */
void pace_release(struct pace *pace, struct pace_ticket *ticket);
/* `count` packets went out that no permit was asked for, such as repeats of a query. Later permits wait for
 * them, up to a minute's worth. */
void pace_debit(struct pace *pace, unsigned count);
/* Takes back a request. Does nothing to a ticket that does not wait. */
void pace_cancel(struct pace *pace, struct pace_ticket *ticket);
/* Tickets that wait; for tests. */
size_t pace_waiting(const struct pace *pace);
/* Addresses that are remembered; for tests. */
size_t pace_remembered(const struct pace *pace);

/* What the timer does: gives all permits that are due at `now` (monotonic, microseconds), up to a number that
 * lets the loop breathe. Returns when to call again, INT64_MAX: not before the next request or release. */
int64_t pace_tick(struct pace *pace, int64_t now);

#endif
