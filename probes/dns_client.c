#include "probes/dns_client.h"

#include <event2/event_struct.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/address.h"
#include "core/buf.h"
#include "probes/dns_client_private.h"

/*
 * c-ares 1.18 matches answers to questions and sees to time-outs, retries and the next resolver; three of its
 * habits are kept from doing harm:
 *  - It calls back from inside ares_send() and ares_process_fd(): on_answer() copies bytes and wakes.
 *  - An end of stream or error on a server's TCP socket makes it drop that server's UDP socket too, and every
 *    answer on the way with it. So TCP has a channel of its own, and the UDP one hands over cut answers.
 *  - One FORMERR without OPT turns EDNS off for the whole channel. So it never sees one: see dns_socket.c.
 * And two it has too little of: it forgets what a resolver said when it goes on to the next one, and it uses
 * up all tries at once when its only resolver's port is closed. Both are seen to in dns_socket.c.
 */

enum {
	QUERIES_MAX = 5000,
	DEFAULT_TIMEOUT = 500, /* milliseconds, as the next two */
	TIMEOUT_MAX = 60 * 1000,
	TICK = 50,
	DEFAULT_TRIES = 4,
	TRIES_MAX = 10,
	/* A TCP connection is asked once; it gets the time of the fourth UDP try. */
	TCP_PATIENCE = 8,
	/* What resolvers may send by UDP without fragmentation. */
	UDP_SIZE = 1232,
	/* A channel has one source port per resolver. After so many queries a new one takes its place, so
	 * that who finds out a port has little time to use it (RFC 5452 section 9.2); what that costs is lost
	 * in the noise. One that slow queries keep alive holds descriptors, which bounds their number. */
	CHANNEL_QUERIES = 200,
	RETIRED_MAX = 16
};

static void channel_free(struct dns_channel *channel)
{
	if (channel == NULL)
		return;
	if (channel->ares != NULL)
		ares_destroy(channel->ares);
	free(channel);
}

static struct dns_channel *channel_new(struct dns_client *client, bool tcp)
{
	char lookups[] = "b";
	/* Everything is set, so that c-ares reads no configuration of the system. */
	struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
						(tcp || client->alone ? ARES_FLAG_NOCHECKRESP : 0) |
						(tcp ? ARES_FLAG_USEVC : ARES_FLAG_EDNS | ARES_FLAG_IGNTC),
	    .timeout = tcp ? client->timeout * TCP_PATIENCE : client->timeout,
	    .tries = client->tries,
	    .ndots = 1,
	    .lookups = lookups,
	    .ednspsz = DNS_UDP_ACCEPTED,
	    .sock_state_cb = dns_on_interest};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
		   ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
		   ARES_OPT_SORTLIST | ARES_OPT_NOROTATE;
	struct dns_channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return NULL;
	channel->client = client;
	options.sock_state_cb_data = channel;
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS ||
	    ares_set_servers_ports(channel->ares, client->resolvers) != ARES_SUCCESS) {
		channel_free(channel);
		return NULL;
	}
	ares_set_socket_functions(channel->ares, &dns_socket_functions, channel);
	return channel;
}

static void retire(struct dns_client *client, struct dns_channel **channel)
{
	(*channel)->next = client->retired;
	client->retired = *channel;
	client->retired_count++;
	*channel = NULL;
}

/* The channel for the next query; NULL without memory. */
static struct dns_channel *channel_get(struct dns_client *client, bool tcp)
{
	struct dns_channel **channel = tcp ? &client->tcp : &client->udp;

	if (*channel != NULL && (*channel)->asked >= CHANNEL_QUERIES && client->retired_count < RETIRED_MAX)
		retire(client, channel);
	if (*channel == NULL)
		*channel = channel_new(client, tcp);
	return *channel;
}

static bool drain(struct dns_channel *channel)
{
	if (channel == NULL || channel->outstanding == 0)
		return false;
	channel->client->turn = DNS_TURN_BATCHES;
	ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	return true;
}

/* Lets c-ares see to its time-outs, and frees retired channels that are done. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct dns_client *client = arg;
	struct dns_channel **link = &client->retired;
	bool busy = drain(client->udp);

	(void)fd;
	(void)what;
	busy |= drain(client->tcp);
	while (*link != NULL) {
		struct dns_channel *channel = *link;

		if (drain(channel)) {
			busy = true;
			link = &channel->next;
		} else {
			*link = channel->next;
			channel->client->retired_count--;
			channel_free(channel);
		}
	}
	if (!busy)
		event_del(&client->tick);
}

static enum status status_from_ares(const struct dns_channel *channel, int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return ST_OK;
	case ARES_ETIMEOUT:
		return channel->refusal == 0 ? ST_TIMEOUT : status_from_errno(channel->refusal);
	case ARES_ENOMEM:
		return ST_NO_MEMORY;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return ST_CANCELLED;
	default:
		/* c-ares says ECONNREFUSED for every failure of a socket. */
		return channel->sys_errno == 0 ? ST_CONNECTION_REFUSED
					       : status_from_errno(channel->sys_errno);
	}
}

static void keep_message(struct dns_query *query, const uint8_t *message, size_t length)
{
	if (query->client->formerr != NULL && !query->tcp) {
		message = query->client->formerr;
		length = query->client->formerr_length;
	}
	query->message = arena_memdup(query->arena, message, length);
	query->length = length;
	if (query->message == NULL)
		query->status = ST_NO_MEMORY;
}

static bool has_failed(enum status status)
{
	return status != ST_OK && status != ST_CANCELLED && status != ST_NO_MEMORY;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int length)
{
	struct dns_query *query = arg;
	struct dns_channel *channel = query->channel;

	query->client->by_id[query->id] = NULL;
	channel->outstanding--;
	query->channel = NULL;
	if (query->wake == NULL) {
		free(query);
		return;
	}
	query->client->outstanding--;
	query->timeouts += (unsigned)timeouts;
	query->status = status_from_ares(channel, status);
	if (query->status == ST_OK) {
		keep_message(query, message, (size_t)length);
	} else if (query->failure_length > 0 && !query->tcp && has_failed(query->status)) {
		query->message = query->failure;
		query->length = query->failure_length;
		query->status = query->failure == NULL ? ST_NO_MEMORY : ST_OK;
	}
	query->wake(query->arg);
}

static uint16_t random_id(struct dns_client *client)
{
	if (client->id_left == 0) {
		evutil_secure_rng_get_bytes(client->id_pool, sizeof(client->id_pool));
		client->id_left = DNS_ID_POOL;
	}
	return client->id_pool[--client->id_left];
}

/* Hands the question to c-ares, which may answer before this returns. */
static void ask(struct dns_query *query)
{
	static const struct timeval tick = {.tv_usec = TICK * 1000};
	struct dns_client *client = query->client;
	struct dns_channel *channel = channel_get(client, query->tcp);
	size_t length = query->wire_length - (query->edns ? 0 : DNS_OPT_SIZE);

	if (channel == NULL) {
		query->status = ST_NO_MEMORY;
		query->wake(query->arg);
		return;
	}
	do
		query->id = random_id(client);
	while (client->by_id[query->id] != NULL);
	query->wire[0] = (uint8_t)(query->id >> 8);
	query->wire[1] = (uint8_t)query->id;
	query->status = ST_AGAIN;
	query->channel = channel;
	client->by_id[query->id] = query;
	client->outstanding++;
	channel->outstanding++;
	channel->asked++;
	if (!event_pending(&client->tick, EV_TIMEOUT, NULL))
		event_add(&client->tick, &tick);
	query->wire[11] = query->edns; /* the number of additional records: OPT */
	ares_send(channel->ares, query->wire, (int)length, on_answer, query);
}

struct dns_query *dns_query_new(struct dns_client *client, struct arena *arena, const char *name,
    uint16_t type, dns_wake *wake, void *arg, enum status *ret_status)
{
	struct dns_query *query = calloc(1, sizeof(*query));

	if (query == NULL) {
		*ret_status = ST_NO_MEMORY;
		return NULL;
	}
	query->wire_length = dns_encode_query(name, type, 0, UDP_SIZE, query->wire);
	if (query->wire_length == 0) {
		free(query);
		*ret_status = ST_INVALID;
		return NULL;
	}
	query->client = client;
	query->arena = arena;
	query->wake = wake;
	query->arg = arg;
	query->edns = true;
	ask(query);
	return query;
}

static bool is_truncated(const struct dns_query *query)
{
	return query->length >= 3 && (query->message[2] & 2) != 0;
}

static bool is_formerr(const struct dns_query *query)
{
	return query->length >= 4 && (query->message[3] & 15) == DNS_FORMERR;
}

enum status dns_query_advance(struct dns_query *query, struct dns_reply *ret_reply)
{
	if (query->status == ST_OK && query->edns && is_formerr(query)) {
		/* RFC 6891 section 7: the resolver may know no EDNS. */
		query->edns = false;
		ask(query);
	} else if (query->status == ST_OK && !query->tcp && is_truncated(query)) {
		query->cut = query->message;
		query->cut_length = query->length;
		query->tcp = true;
		ask(query);
	}
	if (query->status == ST_AGAIN)
		return ST_AGAIN;
	ret_reply->attempts = query->timeouts + 1;
	if (query->status != ST_OK && query->cut != NULL) {
		ret_reply->message = query->cut;
		ret_reply->length = query->cut_length;
		return ST_TRUNCATED;
	}
	ret_reply->message = query->status == ST_OK ? query->message : NULL;
	ret_reply->length = query->status == ST_OK ? query->length : 0;
	return query->status;
}

void dns_query_free(struct dns_query *query)
{
	if (query == NULL)
		return;
	if (query->channel == NULL) {
		free(query);
	} else {
		query->wake = NULL;
		query->client->outstanding--;
	}
}

static void describe(struct dns_client *client)
{
	struct buf text = {.limit = sizeof(client->description) - 1};
	const struct ares_addr_port_node *node;
	int fd = socket(client->resolvers->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	buf_add_text(&text, "resolvers");
	for (node = client->resolvers; node != NULL; node = node->next) {
		struct address address =
		    address_from_octets((const uint8_t *)&node->addr, node->family == AF_INET ? 4 : 16);
		char name[ADDRESS_TEXT];

		buf_printf(&text, address.family == 4 ? " %s:%d" : " [%s]:%d", address_text(&address, name),
		    node->udp_port);
	}
	if (fd >= 0)
		buf_printf(
		    &text, "; receive buffer %d bytes of %d", dns_enlarge_buffer(fd), 2 * DNS_RECEIVE_BUFFER);
	if (fd >= 0)
		close(fd);
	memcpy(client->description, buf_text(&text), text.length + 1);
	buf_release(&text);
}

struct dns_client *dns_client_new(
    struct event_base *base, const struct dns_client_options *options, char *ret_error)
{
	struct dns_client *client = calloc(1, sizeof(*client));
	int64_t timeout = options->timeout / 1000;

	if (client == NULL) {
		snprintf(ret_error, 256, "no memory");
		return NULL;
	}
	client->base = base;
	client->repeated = options->repeated;
	client->repeated_arg = options->repeated_arg;
	client->timeout = timeout <= 0 ? DEFAULT_TIMEOUT : timeout > TIMEOUT_MAX ? TIMEOUT_MAX : (int)timeout;
	client->tries = options->tries == 0	     ? DEFAULT_TRIES
			: options->tries > TRIES_MAX ? TRIES_MAX
						     : (int)options->tries;
	dns_batches_init(client);
	event_assign(&client->tick, base, -1, EV_PERSIST, on_tick, client);
	client->resolvers = dns_resolvers_new(options, ret_error);
	if (client->resolvers == NULL)
		goto out;
	client->alone = client->resolvers->next == NULL;
	describe(client);
	client->udp = channel_new(client, false);
	if (client->udp != NULL)
		return client;
	snprintf(ret_error, 256, "c-ares does not start");
out:
	dns_client_free(client);
	return NULL;
}

void dns_client_free(struct dns_client *client)
{
	if (client == NULL)
		return;
	channel_free(client->udp);
	channel_free(client->tcp);
	while (client->retired != NULL) {
		struct dns_channel *next = client->retired->next;

		channel_free(client->retired);
		client->retired = next;
	}
	dns_resolvers_free(client->resolvers);
	event_del(&client->tick);
	event_del(&client->flush);
	free(client);
}

size_t dns_client_outstanding(const struct dns_client *client)
{
	return client->outstanding;
}

size_t dns_client_limit(const struct dns_client *client)
{
	(void)client;
	return QUERIES_MAX;
}

const char *dns_client_description(const struct dns_client *client)
{
	return client->description;
}
