/*
 * One byte stream over TCP, or over TLS over TCP, non-blocking.
 *
 * Every call does what can be done now. ST_AGAIN means: the channel waits for the socket and calls `wake`
 * once from the event loop when it is worth calling again; never from inside a call of this header. Nothing
 * here has a deadline: that is the run's business. After any other failure the channel is of no more use:
 * close it. OpenSSL writes without MSG_NOSIGNAL: the program ignores SIGPIPE.
 */
#ifndef MOORING_CORE_CHAN_H
#define MOORING_CORE_CHAN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/status.h"

typedef void chan_wake(void *arg);
/* Asked about exactly the address that is handed to connect(), right before: ST_OK or the refusal. */
typedef enum status chan_permit(void *arg, const struct address *address, uint16_t port);

struct chan {
	int fd; /* -1 when closed */
	SSL *ssl;
	struct event event;
	struct event_base *base;
	chan_wake *wake;
	void *wake_arg;
	bool armed, connecting;
	bool cut;		 /* the TLS stream ended without a close_notify (RFC 8446 section 6.1) */
	int sys_errno;		 /* of the last failed system call, or 0 */
	unsigned long ssl_error; /* of the last failed TLS call: an OpenSSL error code, or 0 */
	struct address local, remote;
	uint16_t local_port, remote_port;
};

/* A closed channel; no resources are taken. */
void chan_init(struct chan *chan, struct event_base *base);
/* Who is to be woken from now on. */
void chan_set_wake(struct chan *chan, chan_wake *wake, void *arg);
/* Starts, or goes on with, connecting. ST_OK when connected; a refusal of `permit` is returned as it is. On
 * failure the channel is closed again; `sys_errno` stays. */
enum status chan_connect(
    struct chan *chan, const struct address *address, uint16_t port, chan_permit *permit, void *permit_arg);
/* Starts, or goes on with, a TLS client handshake. `ssl`, set up by the caller, is owned by the channel from
 * the first call on; later calls ignore it. A server that closes too early gives ST_HANDSHAKE_ERROR without
 * an `ssl_error`. `ssl` without SSL_MODE_AUTO_RETRY keeps each later read short. */
enum status chan_handshake(struct chan *chan, SSL *ssl);
/* At least one byte: ST_OK and how many. End of stream: ST_OK and 0; in TLS with or without a close_notify.
 */
enum status chan_read(struct chan *chan, void *bytes, size_t size, size_t *ret_length);
/* ST_OK when at least one byte was taken. */
enum status chan_write(struct chan *chan, const void *bytes, size_t size, size_t *ret_length);
/* The kernel's smoothed round-trip time in microseconds (TCP_INFO), or -1. */
int64_t chan_kernel_rtt(const struct chan *chan);
/* Closes and frees; may be called at any time outside a callback of this channel, and twice. */
void chan_close(struct chan *chan);

#endif
