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

static void flush(struct dns_client *client)
{
	struct dns_batch *box = &client->outbox;
	struct dns_socket *sock = box->owner;
	unsigned sent = 0;

	while (sock != NULL && sent < box->count) {
		int result = sendmmsg(sock->fd, box->header + sent, box->count - sent, 0);

		if (result > 0) {
			sent += (unsigned)result;
		} else if (errno != EINTR) {
			/* A full queue loses datagrams as any router may; other errors go to c-ares by the
			 * next receive. */
			if (errno != EAGAIN && errno != ENOBUFS) {
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

/* Puts a datagram in the outbox; c-ares may free its bytes before they are sent. */
static ares_ssize_t send_datagram(struct dns_socket *sock, const struct iovec *part)
{
	struct dns_client *client = sock->channel->client;
	struct dns_batch *box = &client->outbox;

	if (part->iov_len > DNS_QUERY_SIZE) {
		errno = EMSGSIZE;
		return -1;
	}
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
	struct dns_socket *sock = find_socket(arg, fd);

	if (sock != NULL && !sock->tcp && count == 1)
		return note_errno(arg, send_datagram(sock, part));
	return note_errno(arg, writev(fd, part, count));
}

/*
 * Replaces a FORMERR in `datagram` by one that has the question, as c-ares asks for, and an OPT record, so
 * that it is handed over and EDNS stays on. on_answer() takes the bytes as received from client->formerr.
 */
static size_t hide_formerr(
    struct dns_channel *channel, uint8_t *datagram, const uint8_t *received, size_t length)
{
	struct dns_client *client = channel->client;
	struct dns_query *query = client->by_id[received[0] << 8 | received[1]];

	if (query == NULL || query->channel != channel)
		return 0;
	client->formerr = received;
	client->formerr_length = length;
	memcpy(datagram, received, 4);
	memcpy(datagram + 4, query->wire + 4, query->wire_length - 4);
	datagram[11] = 1; /* the number of additional records: OPT */
	return query->wire_length;
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
		const uint8_t *received;
		size_t length;

		if ((box->owner != sock || box->next == box->count) && !fetch(client, sock))
			return -1;
		received = client->in[box->next];
		length = box->header[box->next++].msg_len;
		if (length > size || size < DNS_QUERY_SIZE)
			length = 0;
		else if (length >= 4 && (received[3] & 15) == DNS_FORMERR)
			length = hide_formerr(sock->channel, datagram, received, length);
		else
			memcpy(datagram, received, length);
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
