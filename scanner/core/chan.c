#include "core/chan.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Records without data (tickets, key updates) that one read goes through before it gives the loop a turn: a
 * server that sends nothing else must not keep the loop for itself.
 */
enum { RECORDS_A_TURN = 16 };

static void disarm(struct chan *chan)
{
	if (chan->armed)
		event_del(&chan->event);
	chan->armed = false;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct chan *chan = arg;

	(void)fd;
	(void)what;
	chan->armed = false;
	if (chan->wake != NULL)
		chan->wake(chan->wake_arg);
}

static enum status wait_for(struct chan *chan, short what)
{
	event_assign(&chan->event, chan->base, chan->fd, what, on_ready, chan);
	if (event_add(&chan->event, NULL) < 0) {
		chan->sys_errno = errno;
		return ST_SYSTEM;
	}
	chan->armed = true;
	return ST_AGAIN;
}

/* What every call starts from: nothing awaited, no error. */
static void begin(struct chan *chan)
{
	disarm(chan);
	chan->sys_errno = 0;
	chan->ssl_error = 0;
}

static enum status connect_error(struct chan *chan, int err)
{
	chan->sys_errno = err;
	return status_from_errno(err);
}

/* A failed read or write: an established connection that times out had no data in time. */
static enum status stream_error(struct chan *chan, int err)
{
	chan->sys_errno = err;
	return err == ETIMEDOUT ? ST_IO_TIMEOUT : status_from_errno(err);
}

void chan_init(struct chan *chan, struct event_base *base)
{
	*chan = (struct chan){.fd = -1, .base = base};
}

void chan_set_wake(struct chan *chan, chan_wake *wake, void *arg)
{
	disarm(chan);
	chan->wake = wake;
	chan->wake_arg = arg;
}

static enum status start_connecting(
    struct chan *chan, const struct address *address, uint16_t port, chan_permit *permit, void *permit_arg)
{
	const struct address target = *address;
	struct sockaddr_storage sockaddr;
	socklen_t length = address_to_sockaddr(&target, port, &sockaddr);
	enum status status;
	int on = 1;

	if (target.family == 0)
		return ST_INVALID;
	chan->remote = target;
	chan->remote_port = port;
	chan->fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (chan->fd < 0)
		return connect_error(chan, errno);
	/* The request follows the client's last handshake message without an answer in between. */
	setsockopt(chan->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	status = permit(permit_arg, &target, port);
	if (status != ST_OK)
		return status;
	if (connect(chan->fd, (const struct sockaddr *)&sockaddr, length) < 0 && errno != EINPROGRESS)
		return connect_error(chan, errno);
	chan->connecting = true;
	return ST_OK;
}

/* Has connect() come to an end? The kernel knows; a wake alone proves nothing. */
static enum status finish_connecting(struct chan *chan)
{
	struct sockaddr_storage sockaddr = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof(sockaddr), err_length = sizeof(int);
	int err = 0;

	if (getsockopt(chan->fd, SOL_SOCKET, SO_ERROR, &err, &err_length) < 0)
		err = errno;
	if (err != 0)
		return connect_error(chan, err);
	if (getpeername(chan->fd, (struct sockaddr *)&sockaddr, &length) < 0)
		return errno == ENOTCONN ? wait_for(chan, EV_WRITE) : connect_error(chan, errno);
	length = sizeof(sockaddr);
	if (getsockname(chan->fd, (struct sockaddr *)&sockaddr, &length) < 0)
		return connect_error(chan, errno);
	address_from_sockaddr(&chan->local, (const struct sockaddr *)&sockaddr);
	chan->local_port =
	    ntohs(sockaddr.ss_family == AF_INET ? ((const struct sockaddr_in *)&sockaddr)->sin_port
						: ((const struct sockaddr_in6 *)&sockaddr)->sin6_port);
	chan->connecting = false;
	return ST_OK;
}

enum status chan_connect(
    struct chan *chan, const struct address *address, uint16_t port, chan_permit *permit, void *permit_arg)
{
	enum status status = ST_OK;

	begin(chan);
	if (chan->fd < 0)
		status = start_connecting(chan, address, port, permit, permit_arg);
	if (status == ST_OK && chan->connecting)
		status = finish_connecting(chan);
	if (status != ST_OK && status != ST_AGAIN)
		chan_close(chan);
	return status;
}

/* The status of a TLS call that returned `result` <= 0. End of stream is ST_OK. */
static enum status tls_status(struct chan *chan, int result)
{
	int err = errno;

	switch (SSL_get_error(chan->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(chan, EV_READ);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(chan, EV_WRITE);
	case SSL_ERROR_ZERO_RETURN:
		return ST_OK;
	case SSL_ERROR_SYSCALL:
		return err == 0 ? ST_OK : stream_error(chan, err);
	default:
		chan->ssl_error = ERR_peek_last_error();
		/* The end of the stream without a close_notify: anybody on the way may have cut it. */
		if (ERR_GET_REASON(chan->ssl_error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			chan->cut = true;
			chan->ssl_error = 0;
			return ST_OK;
		}
		return ERR_GET_REASON(chan->ssl_error) == ERR_R_MALLOC_FAILURE ? ST_NO_MEMORY
									       : ST_PROTOCOL_ERROR;
	}
}

enum status chan_handshake(struct chan *chan, SSL *ssl)
{
	enum status status;
	int result;

	begin(chan);
	if (chan->ssl == NULL) {
		if (ssl == NULL)
			return ST_NO_MEMORY;
		chan->ssl = ssl;
		if (SSL_set_fd(ssl, chan->fd) != 1)
			return ST_NO_MEMORY;
	}
	ERR_clear_error();
	errno = 0;
	result = SSL_connect(chan->ssl);
	if (result == 1)
		return ST_OK;
	status = tls_status(chan, result);
	/* The end of the stream is no success here, and a broken message has a name of its own. */
	return status == ST_OK || status == ST_PROTOCOL_ERROR ? ST_HANDSHAKE_ERROR : status;
}

static enum status tls_read(struct chan *chan, void *bytes, size_t size, size_t *ret_length)
{
	enum status status;
	size_t length = 0;
	int result, turn;

	for (turn = 0; turn < RECORDS_A_TURN; turn++) {
		ERR_clear_error();
		errno = 0;
		result = SSL_read_ex(chan->ssl, bytes, size, &length);
		/* Without EAGAIN the socket was not asked in vain: a record came, and it held no data. */
		if (result == 1 || errno == EAGAIN || SSL_get_error(chan->ssl, result) != SSL_ERROR_WANT_READ)
			break;
	}
	status = result == 1 ? ST_OK : tls_status(chan, result);
	if (status == ST_OK)
		*ret_length = length;
	return status;
}

static enum status tls_write(struct chan *chan, const void *bytes, size_t size, size_t *ret_length)
{
	enum status status;
	size_t length;

	ERR_clear_error();
	errno = 0;
	if (SSL_write_ex(chan->ssl, bytes, size, &length) == 1) {
		*ret_length = length;
		return ST_OK;
	}
	status = tls_status(chan, 0);
	return status == ST_OK ? ST_CONNECTION_RESET : status;
}

enum status chan_read(struct chan *chan, void *bytes, size_t size, size_t *ret_length)
{
	ssize_t length;

	begin(chan);
	if (chan->ssl != NULL)
		return tls_read(chan, bytes, size, ret_length);
	length = recv(chan->fd, bytes, size, 0);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? wait_for(chan, EV_READ)
							 : stream_error(chan, errno);
	*ret_length = (size_t)length;
	return ST_OK;
}

enum status chan_write(struct chan *chan, const void *bytes, size_t size, size_t *ret_length)
{
	ssize_t length;

	begin(chan);
	if (chan->ssl != NULL)
		return tls_write(chan, bytes, size, ret_length);
	length = send(chan->fd, bytes, size, MSG_NOSIGNAL);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? wait_for(chan, EV_WRITE)
							 : stream_error(chan, errno);
	*ret_length = (size_t)length;
	return ST_OK;
}

int64_t chan_kernel_rtt(const struct chan *chan)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (chan->fd < 0 || getsockopt(chan->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
	    info.tcpi_rtt == 0)
		return -1;
	return info.tcpi_rtt;
}

void chan_close(struct chan *chan)
{
	disarm(chan);
	SSL_free(chan->ssl);
	chan->ssl = NULL;
	if (chan->fd >= 0)
		close(chan->fd);
	chan->fd = -1;
	chan->connecting = false;
}
