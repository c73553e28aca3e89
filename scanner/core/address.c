#include "core/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static unsigned bits_of(const struct address *address)
{
	return address->family == 4 ? 32 : 128;
}

bool address_parse(struct address *ret_address, const char *text)
{
	struct address a = {0};

	if (inet_pton(AF_INET, text, a.octet) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.octet) == 1)
		a.family = 6;
	else
		return false;
	*ret_address = a;
	return true;
}

struct address address_from_octets(const uint8_t *octets, size_t length)
{
	struct address a = {0};

	if (length == 4 || length == 16) {
		a.family = length == 4 ? 4 : 6;
		memcpy(a.octet, octets, length);
	}
	return a;
}

char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT])
{
	if (address->family == 0 || inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->octet,
					ret_text, ADDRESS_TEXT) == NULL)
		ret_text[0] = '\0';
	return ret_text;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return address_compare(a, b) == 0;
}

int address_compare(const struct address *a, const struct address *b)
{
	int order = a->family - b->family;

	if (order == 0)
		order = memcmp(a->octet, b->octet, sizeof(a->octet));
	return order < 0 ? -1 : order > 0;
}

socklen_t address_to_sockaddr(
    const struct address *address, uint16_t port, struct sockaddr_storage *ret_sockaddr)
{
	memset(ret_sockaddr, 0, sizeof(*ret_sockaddr));
	if (address->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret_sockaddr;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->octet, 4);
		return sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sockaddr;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, address->octet, 16);
		return sizeof(*in6);
	}
}

bool address_from_sockaddr(struct address *ret_address, const struct sockaddr *sockaddr)
{
	if (sockaddr->sa_family == AF_INET)
		*ret_address = address_from_octets(
		    (const uint8_t *)&((const struct sockaddr_in *)sockaddr)->sin_addr, 4);
	else if (sockaddr->sa_family == AF_INET6)
		*ret_address = address_from_octets(
		    (const uint8_t *)&((const struct sockaddr_in6 *)sockaddr)->sin6_addr, 16);
	else
		return false;
	return true;
}

struct network network_of(const struct address *address, unsigned prefix)
{
	struct network network = {.address = *address, .prefix = prefix};
	unsigned i, bits = bits_of(address);

	if (network.prefix > bits)
		network.prefix = bits;
	for (i = 0; i < sizeof(network.address.octet); i++) {
		unsigned start = i * 8;

		if (start >= network.prefix)
			network.address.octet[i] = 0;
		else if (start + 8 > network.prefix)
			network.address.octet[i] &= (uint8_t)(0xff << (start + 8 - network.prefix));
	}
	return network;
}

bool network_parse(struct network *ret_network, const char *text)
{
	char host[ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
	struct address address;
	unsigned long prefix;
	char *end;

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!address_parse(&address, host))
		return false;
	prefix = bits_of(&address);
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || prefix > bits_of(&address))
			return false;
	}
	*ret_network = network_of(&address, (unsigned)prefix);
	return true;
}

bool network_contains(const struct network *network, const struct address *address)
{
	unsigned whole = network->prefix / 8, rest = network->prefix % 8;

	if (network->address.family != address->family ||
	    memcmp(network->address.octet, address->octet, whole) != 0)
		return false;
	return rest == 0 || ((network->address.octet[whole] ^ address->octet[whole]) >> (8 - rest)) == 0;
}
