/* An IPv4 or IPv6 address without a port. Plain value: copy it freely, compare with address_equal(). */
#ifndef MOORING_CORE_ADDRESS_H
#define MOORING_CORE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	uint8_t family;	   /* 4 or 6; 0: none */
	uint8_t octet[16]; /* network byte order; the first four for IPv4, the rest zero */
};

enum { ADDRESS_TEXT = INET6_ADDRSTRLEN };

/* False when `text` is not one address in its usual form. */
bool address_parse(struct address *ret_address, const char *text);
/* From the 4 or 16 octets of an A or AAAA record. */
struct address address_from_octets(const uint8_t *octets, size_t length);
/* Canonical text (RFC 5952); returns `ret_text`. */
char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT]);
bool address_equal(const struct address *a, const struct address *b);
/* -1, 0, 1: IPv4 before IPv6, then by octets. */
int address_compare(const struct address *a, const struct address *b);
/* Fills a socket address; returns its length. */
socklen_t address_to_sockaddr(
    const struct address *address, uint16_t port, struct sockaddr_storage *ret_sockaddr);
bool address_from_sockaddr(struct address *ret_address, const struct sockaddr *sockaddr);

/* A network in CIDR form; bits behind the prefix are zero. */
struct network {
	struct address address;
	unsigned prefix; /* 0..32 or 0..128 */
};

/* "192.0.2.0/24", or one address; host bits are cleared. False when it is neither. */
bool network_parse(struct network *ret_network, const char *text);
struct network network_of(const struct address *address, unsigned prefix);
bool network_contains(const struct network *network, const struct address *address);

#endif
