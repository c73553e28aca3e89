/*
 * Addresses that are not for everybody: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890
 * as updated by RFC 8190), the multicast and reserved spaces around them, and the IPv4 addresses that IPv6
 * addresses carry inside.
 */
#ifndef MOORING_SPECIAL_H
#define MOORING_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"

struct special {
	struct network network;
	const char *name; /* of the registry row, with its RFC */
	/* "Globally Reachable" is True. Where the registry says N/A (6to4, Teredo, their relays) it is false
	 * here: whatever is not stated to be for everybody is left alone. */
	bool reachable;
};

/* An IPv4 address inside an IPv6 address, and how it got there. */
struct embedded {
	struct address address;
	const char *form; /* "NAT64", ... */
};

/* Teredo addresses hold two, and their interface identifier may look like an ISATAP one. */
enum { EMBEDDED_MAX = 3 };

/* The most specific row that covers `address`, or NULL: an ordinary address. Addresses outside of the global
 * unicast space are always covered. */
const struct special *special_find(const struct address *address);
/* The IPv4 addresses that `address` carries; returns their number. */
size_t special_embedded(const struct address *address, struct embedded ret_embedded[EMBEDDED_MAX]);

#endif
