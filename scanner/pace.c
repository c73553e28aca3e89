#include "pace.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <math.h>
#include <stdlib.h>
#include <utlist.h>
#include <xxhash.h>

/* When memory runs out an element is just not in the table; and a compiler cannot see that the cases of
 * uthash's own hash function are meant to fall through. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, length, result) ((result) = (unsigned)XXH3_64bits((key), (length)))
#include <uthash.h>

#include "core/clock.h"

enum {
	PERMITS_PER_TICK = 64, /* then sockets get their turn */
	MOST_DEBT = 60,	       /* seconds of the rate */
	NETWORK_BITS_4 = 24,
	NETWORK_BITS_6 = 48
};

struct pace_network {
	struct address address; /* key */
	unsigned active;	/* connections open */
	size_t hosts;		/* that point here */
	struct pace_host *waiting;
	UT_hash_handle hh;
};

/* Where a host stands that has tickets waiting. */
enum place {
	PLACE_NONE,    /* its pause, or the end of one of its connections, brings it back */
	PLACE_NETWORK, /* the end of another connection in its network does */
	PLACE_READY    /* only the rate is in the way */
};

struct pace_host {
	struct address address; /* key */
	struct pace_network *network;
	struct pace_ticket *waiting;
	unsigned active; /* connections open */
	bool pausing;
	int64_t pause_end;
	enum place place;
	struct pace_host *prev, *next;		   /* list of that place */
	struct pace_host *pause_prev, *pause_next; /* list of pausing hosts */
	UT_hash_handle hh;
};

struct pace {
	struct pace_options options;
	bool limits_addresses;
	struct event timer;
	bool has_timer, ticking;
	int64_t armed; /* when the timer fires, INT64_MAX: not */

	double tokens;
	int64_t refilled; /* when */
	size_t waiting;

	struct pace_ticket *plain; /* tickets that only the rate concerns */
	struct pace_host *ready;
	struct pace_host *pausing; /* by the end of the pause: it is the same for all */
	bool plain_turn;
	struct pace_host *hosts;
	struct pace_network *networks;
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

struct pace *pace_new(struct event_base *base, const struct pace_options *options)
{
	struct pace *pace = calloc(1, sizeof(*pace));
	double rate, least, burst;

	if (pace == NULL)
		return NULL;
	pace->options = *options;
	if (!isfinite(options->rate) || options->rate < 0)
		pace->options.rate = 0;
	rate = pace->options.rate;
	least = fmax(1, rate * 0.01);
	burst = options->burst > 0 ? options->burst : rate * 0.02;
	pace->options.burst = (unsigned)fmin(fmax(burst, least), 1e6);
	pace->tokens = pace->options.burst;
	pace->refilled = INT64_MIN;
	pace->limits_addresses =
	    options->per_address > 0 || options->per_network > 0 || options->pause_us > 0;
	pace->armed = INT64_MAX;
	pace->has_timer = base != NULL;
	if (pace->has_timer)
		evtimer_assign(&pace->timer, base, on_timer, pace);
	return pace;
}

void pace_free(struct pace *pace)
{
	struct pace_network *network, *next_network;
	struct pace_host *host, *next_host;

	if (pace == NULL)
		return;
	HASH_ITER(hh, pace->hosts, host, next_host)
	{
		HASH_DEL(pace->hosts, host);
		free(host);
	}
	HASH_ITER(hh, pace->networks, network, next_network)
	{
		HASH_DEL(pace->networks, network);
		free(network);
	}
	if (pace->has_timer)
		evtimer_del(&pace->timer);
	free(pace);
}

static void arm(struct pace *pace, int64_t due)
{
	int64_t left;
	struct timeval delay;

	if (!pace->has_timer || pace->ticking || due >= pace->armed)
		return;
	left = due - clock_monotonic();
	if (left < 0)
		left = 0;
	delay.tv_sec = left / 1000000;
	delay.tv_usec = left % 1000000;
	evtimer_add(&pace->timer, &delay);
	pace->armed = due;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct pace *pace = arg;

	(void)fd;
	(void)what;
	pace->armed = INT64_MAX;
	arm(pace, pace_tick(pace, clock_monotonic()));
}

static struct pace_network *network_get(struct pace *pace, const struct address *address)
{
	struct network range = network_of(address, address->family == 4 ? NETWORK_BITS_4 : NETWORK_BITS_6);
	struct pace_network *network;

	HASH_FIND(hh, pace->networks, &range.address, sizeof(range.address), network);
	if (network != NULL)
		return network;
	network = calloc(1, sizeof(*network));
	if (network == NULL)
		return NULL;
	network->address = range.address;
	HASH_ADD(hh, pace->networks, address, sizeof(network->address), network);
	if (network->hh.tbl == NULL) {
		free(network);
		return NULL;
	}
	return network;
}

static void network_put(struct pace *pace, struct pace_network *network)
{
	if (network->hosts > 0)
		return;
	HASH_DEL(pace->networks, network);
	free(network);
}

static struct pace_host *host_get(struct pace *pace, const struct address *address)
{
	struct pace_network *network;
	struct pace_host *host;

	HASH_FIND(hh, pace->hosts, address, sizeof(*address), host);
	if (host != NULL)
		return host;
	network = network_get(pace, address);
	if (network == NULL)
		return NULL;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		goto failed;
	host->address = *address;
	HASH_ADD(hh, pace->hosts, address, sizeof(host->address), host);
	if (host->hh.tbl == NULL)
		goto failed;
	host->network = network;
	network->hosts++;
	return host;
failed:
	free(host);
	network_put(pace, network);
	return NULL;
}

/* Forgets a host that nothing is known of any more but that it exists. */
static void host_put(struct pace *pace, struct pace_host *host)
{
	if (host->waiting != NULL || host->active > 0 || host->pausing)
		return;
	HASH_DEL(pace->hosts, host);
	host->network->hosts--;
	network_put(pace, host->network);
	free(host);
}

static bool network_is_full(const struct pace *pace, const struct pace_network *network)
{
	return pace->options.per_network > 0 && network->active >= pace->options.per_network;
}

static void leave_place(struct pace *pace, struct pace_host *host)
{
	if (host->place == PLACE_READY)
		DL_DELETE(pace->ready, host);
	else if (host->place == PLACE_NETWORK)
		DL_DELETE(host->network->waiting, host);
	host->place = PLACE_NONE;
}

/* Puts a host that stands nowhere where it belongs, or forgets it: it may be gone afterwards. */
static void find_place(struct pace *pace, struct pace_host *host)
{
	unsigned limit = pace->options.per_address;

	if (host->waiting == NULL) {
		host_put(pace, host);
	} else if (host->pausing || (limit > 0 && host->active >= limit)) {
		return;
	} else if (network_is_full(pace, host->network)) {
		host->place = PLACE_NETWORK;
		DL_APPEND(host->network->waiting, host);
	} else {
		host->place = PLACE_READY;
		DL_APPEND(pace->ready, host);
	}
}

/* As many waiting hosts of the network become ready as connections are free. Some of those may already be
 * meant for hosts that are ready; who comes too late returns to the line. */
static void wake_network(struct pace *pace, struct pace_network *network)
{
	unsigned limit = pace->options.per_network, room;

	if (network_is_full(pace, network))
		return;
	for (room = limit - network->active; room > 0 && network->waiting != NULL; room--) {
		struct pace_host *host = network->waiting;

		DL_DELETE(network->waiting, host);
		host->place = PLACE_READY;
		DL_APPEND(pace->ready, host);
	}
}

bool pace_request(struct pace *pace, struct pace_ticket *ticket, const struct address *address,
    pace_permit *permit, void *arg)
{
	struct pace_host *host = NULL;

	assert(ticket->state == PACE_IDLE);
	if (address != NULL && pace->limits_addresses) {
		host = host_get(pace, address);
		if (host == NULL)
			return false;
	}
	ticket->host = host;
	ticket->permit = permit;
	ticket->arg = arg;
	ticket->state = PACE_WAITING;
	pace->waiting++;
	if (host == NULL) {
		DL_APPEND(pace->plain, ticket);
	} else {
		DL_APPEND(host->waiting, ticket);
		if (host->place == PLACE_NONE)
			find_place(pace, host);
	}
	arm(pace, 0);
	return true;
}

void pace_release(struct pace *pace, struct pace_ticket *ticket)
{
	struct pace_host *host = ticket->host;

	if (ticket->state != PACE_HELD)
		return;
	ticket->state = PACE_IDLE;
	host->active--;
	host->network->active--;
	wake_network(pace, host->network);
	if (host->place == PLACE_NONE)
		find_place(pace, host);
	if (pace->waiting > 0)
		arm(pace, 0);
}

void pace_debit(struct pace *pace, unsigned count)
{
	pace->tokens = fmax(pace->tokens - count, -MOST_DEBT * pace->options.rate);
}

void pace_cancel(struct pace *pace, struct pace_ticket *ticket)
{
	struct pace_host *host = ticket->host;

	if (ticket->state != PACE_WAITING)
		return;
	ticket->state = PACE_IDLE;
	pace->waiting--;
	if (host == NULL) {
		DL_DELETE(pace->plain, ticket);
		return;
	}
	DL_DELETE(host->waiting, ticket);
	if (host->waiting != NULL)
		return;
	leave_place(pace, host);
	/* Its turn in the network, if it had one, goes to another. */
	wake_network(pace, host->network);
	host_put(pace, host);
}

size_t pace_waiting(const struct pace *pace)
{
	return pace->waiting;
}

size_t pace_remembered(const struct pace *pace)
{
	return HASH_COUNT(pace->hosts);
}

static void refill(struct pace *pace, int64_t now)
{
	double rate = pace->options.rate, burst = pace->options.burst;

	if (pace->refilled != INT64_MIN && now > pace->refilled)
		pace->tokens = fmin(burst, pace->tokens + (double)(now - pace->refilled) * rate / 1e6);
	pace->refilled = now;
}

static void end_pauses(struct pace *pace, int64_t now)
{
	while (pace->pausing != NULL && pace->pausing->pause_end <= now) {
		struct pace_host *host = pace->pausing;

		DL_DELETE2(pace->pausing, host, pause_prev, pause_next);
		host->pausing = false;
		find_place(pace, host);
	}
}

static void permit(struct pace *pace, struct pace_ticket *ticket)
{
	ticket->state = ticket->host == NULL ? PACE_IDLE : PACE_HELD;
	pace->waiting--;
	pace->tokens -= 1;
	ticket->permit(ticket->arg);
}

static void permit_plain(struct pace *pace)
{
	struct pace_ticket *ticket = pace->plain;

	DL_DELETE(pace->plain, ticket);
	permit(pace, ticket);
}

static void permit_host(struct pace *pace, struct pace_host *host, int64_t now)
{
	struct pace_ticket *ticket = host->waiting;

	DL_DELETE(host->waiting, ticket);
	host->active++;
	host->network->active++;
	leave_place(pace, host);
	if (pace->options.pause_us > 0) {
		host->pausing = true;
		host->pause_end = now + pace->options.pause_us;
		DL_APPEND2(pace->pausing, host, pause_prev, pause_next);
	}
	find_place(pace, host);
	permit(pace, ticket);
}

/* The host whose turn it is. Those whose network filled up since they became ready go back to its line. */
static struct pace_host *next_host(struct pace *pace)
{
	while (pace->ready != NULL && network_is_full(pace, pace->ready->network)) {
		struct pace_host *host = pace->ready;

		leave_place(pace, host);
		find_place(pace, host);
	}
	return pace->ready;
}

/* When one more permit could be given. */
static int64_t next_due(const struct pace *pace, int64_t now)
{
	double missing = 1 - pace->tokens;

	if (pace->plain != NULL || pace->ready != NULL)
		return pace->options.rate > 0 && missing > 0
			   ? now + (int64_t)ceil(missing * 1e6 / pace->options.rate)
			   : now;
	return pace->waiting > 0 && pace->pausing != NULL ? pace->pausing->pause_end : INT64_MAX;
}

int64_t pace_tick(struct pace *pace, int64_t now)
{
	bool unlimited = pace->options.rate <= 0;
	unsigned permits;

	pace->ticking = true;
	refill(pace, now);
	end_pauses(pace, now);
	for (permits = 0; permits < PERMITS_PER_TICK && (unlimited || pace->tokens >= 1); permits++) {
		struct pace_host *host = next_host(pace);

		if (host == NULL && pace->plain == NULL)
			break;
		if (host == NULL || (pace->plain != NULL && pace->plain_turn))
			permit_plain(pace);
		else
			permit_host(pace, host, now);
		pace->plain_turn = !pace->plain_turn;
	}
	pace->ticking = false;
	return next_due(pace, now);
}
