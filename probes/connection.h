/*
 * A connection to one (address, port) for one name, handed from probe to probe: tcp opens it, tls secures it,
 * http speaks on it, as often as the server keeps it open.
 */
#ifndef MOORING_PROBES_CONNECTION_H
#define MOORING_PROBES_CONNECTION_H

#include "core/chan.h"

struct endpoint {
	struct address address;
	uint16_t port;
	bool tls;
	const char *from; /* the name whose A or AAAA record gave the address */
};

struct connection {
	struct endpoint endpoint;
	const char *name; /* Host header and SNI (no SNI when it is an address) */
	struct chan chan;
	bool usable;	    /* connected, secured when tls is set, and kept open by the last exchange */
	unsigned exchanges; /* HTTP exchanges done on the present connection */
};

#endif
