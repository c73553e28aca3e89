/*
 * A connection to one (address, port) for one name, handed from probe to probe: tcp opens it, tls secures it,
 * http speaks on it, as often as the server keeps it open.
 */
#ifndef MOORING_PROBES_CONNECTION_H
#define MOORING_PROBES_CONNECTION_H

#include "core/chan.h"

struct h2; /* probes/h2.h */

struct endpoint {
	struct address address;
	uint16_t port;
	bool tls;
	const char *from; /* the name whose A or AAAA record gave the address */
};

/* What the server chose in TLS (RFC 7301). */
enum application_protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

struct connection {
	struct endpoint endpoint;
	const char *name; /* Host header and SNI (no SNI when it is an address) */
	struct chan chan;
	bool usable;	    /* connected, secured when tls is set, and kept open by the last exchange */
	unsigned exchanges; /* HTTP exchanges done on the present connection */
	bool offer_h2;	    /* asks the tls probe to offer HTTP/2 in place of HTTP/1.1 */
	enum application_protocol protocol; /* of the present connection; set by the tls probe */
	struct h2 *h2; /* the http probe's, kept from exchange to exchange; h2_free() it with the channel */
};

#endif
