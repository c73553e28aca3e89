/* The sockets that c-ares works with: made, waited for and read in the event loop. */
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

	channel->client->turn = DNS_TURN_DATAGRAMS;
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

static ares_socket_t socket_open(int family, int type, int protocol, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *made = calloc(1, sizeof(*made));
	int on = 1;

	if (made == NULL)
		return ARES_SOCKET_BAD;
	made->fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (made->fd < 0) {
		channel->sys_errno = errno;
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
		free(sock);
	}
	return close(fd);
}

/* Keeps the reason of a failure, which c-ares does not hand on. */
static ares_ssize_t note_errno(struct dns_channel *channel, ares_ssize_t result)
{
	if (result < 0 && errno != EAGAIN && errno != EINPROGRESS)
		channel->sys_errno = errno;
	return result;
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

static ares_ssize_t socket_send(ares_socket_t fd, const struct iovec *part, int count, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *sock = find_socket(channel, fd);
	ares_ssize_t sent = writev(fd, part, count);

	/* A full queue loses a datagram as any router may; c-ares would use up all tries at once. */
	if (sent < 0 && sock != NULL && !sock->tcp && (errno == EAGAIN || errno == ENOBUFS))
		return (ares_ssize_t)part[0].iov_len;
	return note_errno(channel, sent);
}

/*
 * Replaces a FORMERR in `datagram` by one that has the question, as c-ares asks for, and an OPT record, so
 * that it is handed over and EDNS stays on. on_answer() takes the bytes as received from client->formerr.
 */
static ares_ssize_t hide_formerr(
    struct dns_channel *channel, uint8_t *datagram, ares_ssize_t length, size_t size)
{
	struct dns_client *client = channel->client;
	struct dns_query *query = client->by_id[datagram[0] << 8 | datagram[1]];

	if (query == NULL || query->channel != channel || query->wire_length > size)
		return 0;
	client->formerr_length =
	    (size_t)length < sizeof(client->formerr) ? (size_t)length : sizeof(client->formerr);
	memcpy(client->formerr, datagram, client->formerr_length);
	memcpy(datagram + 4, query->wire + 4, query->wire_length - 4);
	datagram[11] = 1; /* the number of additional records: OPT */
	return (ares_ssize_t)query->wire_length;
}

static ares_ssize_t receive_datagram(struct dns_channel *channel, int fd, uint8_t *datagram, size_t size)
{
	for (;;) {
		ares_ssize_t length;

		if (channel->client->turn == 0) {
			errno = EAGAIN;
			return -1;
		}
		channel->client->turn--;
		length = recv(fd, datagram, size, 0);
		if (length < 0)
			return note_errno(channel, length);
		if (length >= 4 && (datagram[3] & 15) == DNS_FORMERR)
			length = hide_formerr(channel, datagram, length, size);
		if (length > 0)
			return length;
	}
}

static ares_ssize_t socket_receive(ares_socket_t fd, void *bytes, size_t size, int flags,
    struct sockaddr *from, ares_socklen_t *from_length, void *arg)
{
	struct dns_channel *channel = arg;
	struct dns_socket *sock = find_socket(channel, fd);

	channel->client->formerr_length = 0;
	if (sock == NULL || sock->tcp)
		return note_errno(channel, recv(fd, bytes, size, flags));
	/* The socket is connected: nobody else's datagrams come through it. */
	if (from != NULL && *from_length >= sock->peer_length)
		memcpy(from, &sock->peer, sock->peer_length);
	return receive_datagram(channel, fd, bytes, size);
}

const struct ares_socket_functions dns_socket_functions = {.asocket = socket_open,
    .aclose = socket_close,
    .aconnect = socket_connect,
    .arecvfrom = socket_receive,
    .asendv = socket_send};
