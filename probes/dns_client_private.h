/* What the parts of the DNS transport share; nobody else includes it. */
#ifndef MOORING_PROBES_DNS_CLIENT_PRIVATE_H
#define MOORING_PROBES_DNS_CLIENT_PRIVATE_H

#include <ares.h>
#include <event2/event_struct.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "probes/dns_client.h"
#include "probes/dns_msg.h"

enum {
	/* What c-ares can take by UDP: the answer of one that sends more than was offered. */
	DNS_UDP_ACCEPTED = 4096,
	/* The default of 208 kB begins to lose answers at some 500 in flight. */
	DNS_RECEIVE_BUFFER = 4 * 1024 * 1024,
	/* Datagrams that cross into the kernel, or out of it, in one system call. */
	DNS_BATCH = 32,
	/* Batches taken in one turn of the event loop, whatever a flood brings. */
	DNS_TURN_BATCHES = 256,
	DNS_ID_POOL = 256,
	DNS_OPT_SIZE = 11,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5
};

struct dns_socket {
	struct dns_socket *next;
	struct dns_channel *channel;
	struct event event;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	int fd;
	int error; /* of a batch that was sent, not yet told to c-ares; or 0 */
	bool tcp;
};

/* Datagrams of one socket, on their way between c-ares, which handles one at a time, and the kernel. */
struct dns_batch {
	struct dns_socket *owner; /* NULL: empty */
	unsigned count, next;
	struct mmsghdr header[DNS_BATCH];
	struct iovec part[DNS_BATCH];
};

struct dns_channel {
	struct dns_channel *next; /* of the retired ones */
	struct dns_client *client;
	ares_channel ares;
	struct dns_socket *socket;
	size_t asked, outstanding;
	int sys_errno; /* of the last failed call on a socket, or 0 */
	int refusal;   /* of the only resolver's host, by ICMP, with no answer since: errno, or 0 */
};

struct dns_client {
	struct event_base *base;
	struct event tick;
	struct ares_addr_port_node *resolvers;
	bool alone;	    /* there is one resolver */
	int timeout, tries; /* milliseconds; rounds */
	void (*repeated)(void *arg, unsigned messages);
	void *repeated_arg;
	struct dns_channel *udp, *tcp, *retired;
	size_t retired_count;
	struct dns_query *by_id[UINT16_MAX + 1]; /* those in c-ares: no two have one id */
	size_t outstanding;
	unsigned turn; /* batches that may still be taken in this turn */
	struct dns_batch inbox, outbox;
	struct event flush; /* sends the outbox at the end of this turn */
	uint8_t in[DNS_BATCH][DNS_UDP_ACCEPTED], out[DNS_BATCH][DNS_QUERY_SIZE];
	/* a FORMERR that c-ares sees in another form: the bytes as received, in the inbox; or NULL */
	const uint8_t *formerr;
	size_t formerr_length;
	uint16_t id_pool[DNS_ID_POOL];
	size_t id_left;
	char description[512];
};

struct dns_query {
	struct dns_client *client;
	struct dns_channel *channel; /* while in c-ares, else NULL */
	struct arena *arena;
	dns_wake *wake; /* NULL: freed by its owner, goes when c-ares lets go of it */
	void *arg;
	enum status status;
	bool edns, tcp;
	unsigned timeouts, datagrams;
	const uint8_t *message, *cut; /* cut: the truncated answer that TCP is to complete */
	size_t length, cut_length;
	/* What counts when no other resolver has a better answer; length 0: nothing. */
	const uint8_t *failure;
	size_t failure_length;
	uint16_t id;
	size_t wire_length;
	uint8_t wire[DNS_QUERY_SIZE]; /* with OPT */
};

/* The sockets of a channel: gives c-ares its functions. `arg` of them and of dns_on_interest() is the
 * channel. */
extern const struct ares_socket_functions dns_socket_functions;
/* ares_sock_state_cb: c-ares says what it waits for on a socket. */
void dns_on_interest(void *channel, ares_socket_t fd, int readable, int writable);
/* Readies the batches of a new client. */
void dns_batches_init(struct dns_client *client);
/* Asks for a large receive buffer; returns what the kernel gave, in bytes of its own accounting. */
int dns_enlarge_buffer(int fd);

/*
 * The resolvers of the options, or of the system, as a list on the heap; NULL with a sentence in `ret_error`
 * (256 bytes).
 */
struct ares_addr_port_node *dns_resolvers_new(const struct dns_client_options *options, char *ret_error);
void dns_resolvers_free(struct ares_addr_port_node *list);

#endif
