/*
 * The sockets that c-ares works with. It sends and receives one datagram at a time; here they go to the
 * kernel and come from it in batches, which takes a fifth of a query's CPU time away.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "probes/dns_client_private.h"

enum { DNS_MIN_SIZE = 12 }; /* a header: RFC 1035 section 4.1.1 */

/* The query that a message is about, by its id, or NULL. */
static struct dns_query *query_of(struct dns_channel *channel, const uint8_t *message)
{
	struct dns_query *query = channel->client->by_id[message[0] << 8 | message[1]];

	return query != NULL && query->channel == channel ? query : NULL;
}

static struct dns_socket *find_socket(struct dns_channel *channel, int fd)
{
	struct dns_socket *sock = channel->socket;

	while (sock != NULL && sock->fd != fd)
		sock = sock->next;
	return sock;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct dns_channel *channel = ((struct dns_socket *)arg)->channel;

	channel->client->turn = DNS_TURN_BATCHES;
	ares_process_fd(
	    channel->ares, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

void dns_on_interest(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *channel = arg;
	struct dns_socket *sock = find_socket(channel, fd);
	short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

	if (sock == NULL)
		return;
	event_del(&sock->event);
	if (what != 0) {
		event_assign(&sock->event, channel->client->base, fd, what | EV_PERSIST, on_socket, sock);
		event_add(&sock->event, NULL);
	}
}

int dns_enlarge_buffer(int fd)
{
	int size = DNS_RECEIVE_BUFFER;
	socklen_t length = sizeof(size);

	/* The first form passes net.core.rmem_max and needs CAP_NET_ADMIN. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) == 0 ? size : 0;
}

/* Keeps the reason of a failure, which c-ares does not hand on. */
static ares_ssize_t note_errno(struct dns_channel *channel, ares_ssize_t result)
{
	if (result < 0 && errno != EAGAIN && errno != EINPROGRESS)
		channel->sys_errno = errno;
	return result;
}

static ares_socket_t socket_open(int family, int type, int protocol, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *made = calloc(1, sizeof(*made));
	int on = 1;

	if (made == NULL)
		return (ares_socket_t)note_errno(channel, ARES_SOCKET_BAD);
	made->fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (made->fd < 0) {
		note_errno(channel, -1);
		free(made);
		return ARES_SOCKET_BAD;
	}
	made->channel = channel;
	made->tcp = type == SOCK_STREAM;
	if (made->tcp)
		setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	else
		dns_enlarge_buffer(made->fd);
	event_assign(&made->event, channel->client->base, made->fd, EV_READ, on_socket, made);
	made->next = channel->socket;
	channel->socket = made;
	return made->fd;
}

static void batch_drop(struct dns_batch *box, const struct dns_socket *sock)
{
	if (box->owner == sock) {
		box->owner = NULL;
		box->count = 0;
	}
}

static int socket_close(ares_socket_t fd, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket **link = &channel->socket, *sock;

	while (*link != NULL && (*link)->fd != fd)
		link = &(*link)->next;
	sock = *link;
	if (sock != NULL) {
		*link = sock->next;
		event_del(&sock->event);
		batch_drop(&channel->client->inbox, sock);
		batch_drop(&channel->client->outbox, sock);
		free(sock);
	}
	return close(fd);
}

static int socket_connect(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t length, void *arg)
{
	struct dns_socket *sock = find_socket(arg, fd);

	if (sock != NULL && length <= sizeof(sock->peer)) {
		memcpy(&sock->peer, address, length);
		sock->peer_length = length;
	}
	return (int)note_errno(arg, connect(fd, address, length));
}

/*
 * The only resolver's host says that nothing listens, or a router that there is no way. That may be over
 * before the next try, so c-ares is not told and waits as for a lost answer.
 */
static bool is_passing(struct dns_socket *sock, int error)
{
	if (!sock->channel->client->alone ||
	    (error != ECONNREFUSED && error != EHOSTUNREACH && error != ENETUNREACH))
		return false;
	sock->channel->refusal = error;
	return true;
}

static void flush(struct dns_client *client)
{
	struct dns_batch *box = &client->outbox;
	struct dns_socket *sock = box->owner;
	unsigned sent = 0, passed = 0;

	while (sock != NULL && sent < box->count) {
		int result = sendmmsg(sock->fd, box->header + sent, box->count - sent, 0);

		if (result > 0) {
			sent += (unsigned)result;
		} else if (is_passing(sock, errno) && passed++ < DNS_BATCH) {
			continue; /* it was about an earlier datagram: this one was not sent yet */
		} else if (errno != EINTR) {
			/* A full queue loses datagrams as any router may; other errors go to c-ares by the
			 * next receive. */
			if (errno != EAGAIN && errno != ENOBUFS && !is_passing(sock, errno)) {
				sock->error = errno;
				event_active(&sock->event, EV_READ, 0);
			}
			break;
		}
	}
	box->owner = NULL;
	box->count = 0;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void note_repeat(struct dns_client *client, unsigned messages)
{
	if (client->repeated != NULL)
		client->repeated(client->repeated_arg, messages);
}

/* Puts a datagram in the outbox; c-ares may free its bytes before they are sent. */
static ares_ssize_t send_datagram(struct dns_socket *sock, const struct iovec *part)
{
	struct dns_client *client = sock->channel->client;
	struct dns_batch *box = &client->outbox;
	struct dns_query *query;

	if (part->iov_len < DNS_MIN_SIZE || part->iov_len > DNS_QUERY_SIZE) {
		errno = EMSGSIZE;
		return -1;
	}
	query = query_of(sock->channel, part->iov_base);
	if (query != NULL && query->datagrams++ > 0)
		note_repeat(client, 1);
	if (box->owner != sock || box->count == DNS_BATCH)
		flush(client);
	if (box->owner == NULL)
		event_active(&client->flush, EV_TIMEOUT, 0);
	box->owner = sock;
	memcpy(client->out[box->count], part->iov_base, part->iov_len);
	box->part[box->count++].iov_len = part->iov_len;
	return (ares_ssize_t)part->iov_len;
}

static ares_ssize_t socket_send(ares_socket_t fd, const struct iovec *part, int count, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *sock = find_socket(channel, fd);
	ares_ssize_t result;

	if (sock != NULL && !sock->tcp && count == 1)
		return note_errno(channel, send_datagram(sock, part));
	result = writev(fd, part, count);
	if (result > 0)
		note_repeat(channel->client, (unsigned)count); /* c-ares has a query in each part */
	return note_errno(channel, result);
}

/*
 * Replaces a FORMERR in `datagram` by one that has the question, as c-ares asks for, and an OPT record, so
 * that it is handed over and EDNS stays on. on_answer() takes the bytes as received from client->formerr.
 */
static size_t hide_formerr(
    struct dns_channel *channel, uint8_t *datagram, const uint8_t *received, size_t length)
{
	struct dns_client *client = channel->client;
	struct dns_query *query = query_of(channel, received);

	if (query == NULL)
		return 0;
	client->formerr = received;
	client->formerr_length = length;
	memcpy(datagram, received, 4);
	memcpy(datagram + 4, query->wire + 4, query->wire_length - 4);
	datagram[11] = 1; /* the number of additional records: OPT */
	return query->wire_length;
}

/* The query that `received` answers, its question included, or NULL. */
static struct dns_query *answered_by(struct dns_channel *channel, const uint8_t *received, size_t length)
{
	struct dns_query *query = query_of(channel, received);
	size_t question;

	if (query == NULL)
		return NULL;
	question = query->wire_length - DNS_OPT_SIZE - DNS_MIN_SIZE;
	return length >= DNS_MIN_SIZE + question &&
		       memcmp(received + DNS_MIN_SIZE, query->wire + DNS_MIN_SIZE, question) == 0
		   ? query
		   : NULL;
}

/* Makes of an answer that came in part only header and question with TC, so that TCP is asked for the rest.
 */
static size_t cut(struct dns_channel *channel, uint8_t *datagram, const uint8_t *received, size_t length)
{
	struct dns_query *query = answered_by(channel, received, length);

	if (query == NULL)
		return 0;
	length = query->wire_length - DNS_OPT_SIZE;
	memcpy(datagram, query->wire, length);
	datagram[2] = received[2] | 2;	  /* TC */
	datagram[3] = received[3] & 0xf0; /* no rcode, about which c-ares would have a mind of its own */
	datagram[11] = 0;		  /* the number of additional records: OPT */
	return length;
}

/* c-ares goes on to the next resolver and forgets what this one said. */
static void keep_failure(struct dns_channel *channel, const uint8_t *received, size_t length)
{
	unsigned rcode = received[3] & 15;
	struct dns_query *query;

	if (channel->client->alone || (rcode != DNS_SERVFAIL && rcode != DNS_NOTIMP && rcode != DNS_REFUSED))
		return;
	query = answered_by(channel, received, length);
	if (query == NULL || query->failure_length > 0 || query->wake == NULL)
		return;
	query->failure = arena_memdup(query->arena, received, length);
	query->failure_length = length;
}

/* Hands a datagram of the inbox to c-ares in the form that suits it; returns the length, 0: not at all. */
static size_t hand_over(struct dns_channel *channel, uint8_t *datagram, size_t size, const uint8_t *received,
    const struct mmsghdr *header)
{
	size_t length = header->msg_len;

	if (length < DNS_MIN_SIZE || size < DNS_QUERY_SIZE)
		return 0;
	if (length > size || (header->msg_hdr.msg_flags & MSG_TRUNC) != 0)
		return cut(channel, datagram, received, length);
	if ((received[3] & 15) == DNS_FORMERR)
		return hide_formerr(channel, datagram, received, length);
	keep_failure(channel, received, length);
	memcpy(datagram, received, length);
	return length;
}

/* Fills the inbox; false with errno when there is nothing to fill it with. */
static bool fetch(struct dns_client *client, struct dns_socket *sock)
{
	struct dns_batch *box = &client->inbox;
	int result;

	/* A batch that was not full emptied the socket: there is no need to ask the kernel. */
	if ((box->owner == sock && box->count < DNS_BATCH) || client->turn == 0) {
		box->owner = NULL;
		errno = EAGAIN;
		return false;
	}
	client->turn--;
	box->owner = NULL;
	result = recvmmsg(sock->fd, box->header, DNS_BATCH, MSG_DONTWAIT, NULL);
	if (result <= 0)
		return false;
	box->owner = sock;
	box->count = (unsigned)result;
	box->next = 0;
	return true;
}

static ares_ssize_t receive_datagram(struct dns_socket *sock, uint8_t *datagram, size_t size)
{
	struct dns_client *client = sock->channel->client;
	struct dns_batch *box = &client->inbox;

	if (sock->error != 0) {
		errno = sock->error;
		return -1;
	}
	for (;;) {
		size_t length;
		unsigned i;

		if ((box->owner != sock || box->next == box->count) && !fetch(client, sock)) {
			if (is_passing(sock, errno))
				errno = EAGAIN;
			return -1;
		}
		i = box->next++;
		sock->channel->refusal = 0;
		length = hand_over(sock->channel, datagram, size, client->in[i], &box->header[i]);
		if (length > 0)
			return (ares_ssize_t)length;
	}
}

static ares_ssize_t socket_receive(ares_socket_t fd, void *bytes, size_t size, int flags,
    struct sockaddr *from, ares_socklen_t *from_length, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *sock = find_socket(channel, fd);

	channel->client->formerr = NULL;
	if (sock == NULL || sock->tcp)
		return note_errno(channel, recv(fd, bytes, size, flags));
	/* The socket is connected: nobody else's datagrams come through it. */
	if (from != NULL && *from_length >= sock->peer_length)
		memcpy(from, &sock->peer, sock->peer_length);
	return note_errno(channel, receive_datagram(sock, bytes, size));
}

static void batch_init(struct dns_batch *box, unsigned i, void *bytes, size_t size)
{
	box->part[i].iov_base = bytes;
	box->part[i].iov_len = size;
	box->header[i].msg_hdr.msg_iov = &box->part[i];
	box->header[i].msg_hdr.msg_iovlen = 1;
}

void dns_batches_init(struct dns_client *client)
{
	unsigned i;

	for (i = 0; i < DNS_BATCH; i++) {
		batch_init(&client->inbox, i, client->in[i], sizeof(client->in[i]));
		batch_init(&client->outbox, i, client->out[i], 0);
	}
	event_assign(&client->flush, client->base, -1, 0, on_flush, client);
}

const struct ares_socket_functions dns_socket_functions = {.asocket = socket_open,
    .aclose = socket_close,
    .aconnect = socket_connect,
    .arecvfrom = socket_receive,
    .asendv = socket_send};
