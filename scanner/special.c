#include "special.h"

#include <string.h>

/* Networks by their leading octets, and for IPv6 by the groups that they are written in; what follows is
 * zero. */
#define NET4(bits, ...)                                                            \
	{                                                                          \
		.address = {.family = 4, .octet = {__VA_ARGS__}}, .prefix = (bits) \
	}
#define NET6(bits, ...)                                                            \
	{                                                                          \
		.address = {.family = 6, .octet = {__VA_ARGS__}}, .prefix = (bits) \
	}
#define G(group) (group) >> 8, (group)&0xff

/* More specific rows come before those that cover them: the first match is the answer. */
static const struct special ipv4_table[] = {
    {NET4(32, 0, 0, 0, 0), "this host on this network, RFC 1122 section 3.2.1.3", false},
    {NET4(8, 0), "this network, RFC 791 section 3.2", false},
    {NET4(8, 10), "private use, RFC 1918", false},
    {NET4(10, 100, 64), "shared address space, RFC 6598", false},
    {NET4(8, 127), "loopback, RFC 1122 section 3.2.1.3", false},
    {NET4(16, 169, 254), "link local, RFC 3927", false},
    {NET4(12, 172, 16), "private use, RFC 1918", false},
    {NET4(32, 192, 0, 0, 8), "IPv4 dummy address, RFC 7600", false},
    {NET4(32, 192, 0, 0, 9), "Port Control Protocol anycast, RFC 7723", true},
    {NET4(32, 192, 0, 0, 10), "TURN anycast, RFC 8155", true},
    {NET4(31, 192, 0, 0, 170), "NAT64/DNS64 discovery, RFC 7050 section 2.2", false},
    {NET4(29, 192, 0, 0, 0), "IPv4 service continuity prefix, RFC 7335", false},
    {NET4(24, 192, 0, 0), "IETF protocol assignments, RFC 6890 section 2.1", false},
    {NET4(24, 192, 0, 2), "documentation (TEST-NET-1), RFC 5737", false},
    {NET4(24, 192, 31, 196), "AS112-v4, RFC 7535", true},
    {NET4(24, 192, 52, 193), "AMT, RFC 7450", true},
    {NET4(24, 192, 88, 99), "deprecated 6to4 relay anycast, RFC 7526", false},
    {NET4(16, 192, 168), "private use, RFC 1918", false},
    {NET4(24, 192, 175, 48), "direct delegation AS112 service, RFC 7534", true},
    {NET4(15, 198, 18), "benchmarking, RFC 2544", false},
    {NET4(24, 198, 51, 100), "documentation (TEST-NET-2), RFC 5737", false},
    {NET4(24, 203, 0, 113), "documentation (TEST-NET-3), RFC 5737", false},
    {NET4(4, 224), "multicast, RFC 5771", false},
    {NET4(32, 255, 255, 255, 255), "limited broadcast, RFC 8190", false},
    {NET4(4, 240), "reserved, RFC 1112 section 4", false},
};

static const struct special ipv6_table[] = {
    {NET6(128, G(0), G(0), G(0), G(0), G(0), G(0), G(0), G(0x1)), "loopback, RFC 4291 section 2.5.3", false},
    {NET6(128, G(0)), "unspecified address, RFC 4291 section 2.5.2", false},
    {NET6(96, G(0), G(0), G(0), G(0), G(0), G(0xffff)), "IPv4-mapped address, RFC 4291 section 2.5.5.2",
	false},
    {NET6(96, G(0)), "deprecated IPv4-compatible address, RFC 4291 section 2.5.5.1", false},
    {NET6(96, G(0x64), G(0xff9b)), "IPv4-IPv6 translation, RFC 6052", true},
    {NET6(48, G(0x64), G(0xff9b), G(0x1)), "local IPv4-IPv6 translation, RFC 8215", false},
    {NET6(64, G(0x100)), "discard only, RFC 6666", false},
    {NET6(64, G(0x100), G(0), G(0), G(0x1)), "dummy IPv6 prefix, RFC 9780", false},
    {NET6(32, G(0x2001)), "Teredo, RFC 4380", false},
    {NET6(128, G(0x2001), G(0x1), G(0), G(0), G(0), G(0), G(0), G(0x1)),
	"Port Control Protocol anycast, RFC 7723", true},
    {NET6(128, G(0x2001), G(0x1), G(0), G(0), G(0), G(0), G(0), G(0x2)), "TURN anycast, RFC 8155", true},
    {NET6(128, G(0x2001), G(0x1), G(0), G(0), G(0), G(0), G(0), G(0x3)),
	"DNS-SD Service Registration Protocol anycast, RFC 9665", true},
    {NET6(48, G(0x2001), G(0x2)), "benchmarking, RFC 5180", false},
    {NET6(32, G(0x2001), G(0x3)), "AMT, RFC 7450", true},
    {NET6(48, G(0x2001), G(0x4), G(0x112)), "AS112-v6, RFC 7535", true},
    {NET6(28, G(0x2001), G(0x10)), "deprecated ORCHID, RFC 4843", false},
    {NET6(28, G(0x2001), G(0x20)), "ORCHIDv2, RFC 7343", true},
    {NET6(28, G(0x2001), G(0x30)), "drone remote ID entity tags, RFC 9374", true},
    {NET6(23, G(0x2001)), "IETF protocol assignments, RFC 2928", false},
    {NET6(32, G(0x2001), G(0xdb8)), "documentation, RFC 3849", false},
    {NET6(16, G(0x2002)), "6to4, RFC 3056", false},
    {NET6(48, G(0x2620), G(0x4f), G(0x8000)), "direct delegation AS112 service, RFC 7534", true},
    {NET6(20, G(0x3fff)), "documentation, RFC 9637", false},
    {NET6(16, G(0x5f00)), "segment routing (SRv6) SIDs, RFC 9602", false},
    {NET6(7, G(0xfc00)), "unique local, RFC 4193", false},
    {NET6(10, G(0xfe80)), "link-local unicast, RFC 4291 section 2.5.6", false},
    {NET6(10, G(0xfec0)), "deprecated site-local unicast, RFC 3879", false},
    {NET6(8, G(0xff00)), "multicast, RFC 4291 section 2.7", false},
};

static const struct special not_global = {
    NET6(0, G(0)), "outside of the global unicast space 2000::/3, RFC 4291 section 2.4", false};

static const struct special *find_in(const struct special *table, size_t count, const struct address *address)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (network_contains(&table[i].network, address))
			return &table[i];
	return NULL;
}

const struct special *special_find(const struct address *address)
{
	const struct special *row;

	if (address->family == 4)
		return find_in(ipv4_table, sizeof(ipv4_table) / sizeof(ipv4_table[0]), address);
	row = find_in(ipv6_table, sizeof(ipv6_table) / sizeof(ipv6_table[0]), address);
	if (row == NULL && (address->octet[0] & 0xe0) != 0x20)
		row = &not_global;
	return row;
}

/* One way of carrying an IPv4 address: in addresses that have `length` octets equal to `octets` from `start`
 * on, at four given places. */
struct carrier {
	const char *form;
	uint8_t start, length, octets[12];
	uint8_t at[4];
	uint8_t mask; /* the carried octets are XORed with this */
};

static const struct carrier carriers[] = {
    {"IPv4-mapped", 0, 12, {[10] = 0xff, [11] = 0xff}, {12, 13, 14, 15}, 0},
    {"IPv4-compatible", 0, 12, {0}, {12, 13, 14, 15}, 0},
    {"IPv4-translated", 0, 12, {[8] = 0xff, [9] = 0xff}, {12, 13, 14, 15}, 0}, /* RFC 2765 section 2.1 */
    {"NAT64", 0, 12, {0, 0x64, 0xff, 0x9b}, {12, 13, 14, 15}, 0},
    /* RFC 6052 section 2.2: a prefix of 48 bits has the address around octet 8. */
    {"local NAT64", 0, 6, {0, 0x64, 0xff, 0x9b, 0, 1}, {6, 7, 9, 10}, 0},
    {"6to4", 0, 2, {0x20, 0x02}, {2, 3, 4, 5}, 0},
    /* RFC 4380 section 4: the server, and the client obscured. */
    {"Teredo server", 0, 4, {0x20, 0x01}, {4, 5, 6, 7}, 0},
    {"Teredo client", 0, 4, {0x20, 0x01}, {12, 13, 14, 15}, 0xff},
    /* RFC 5214 section 6.1: interface identifiers, with and without the universal bit. */
    {"ISATAP", 8, 4, {0, 0, 0x5e, 0xfe}, {12, 13, 14, 15}, 0},
    {"ISATAP", 8, 4, {2, 0, 0x5e, 0xfe}, {12, 13, 14, 15}, 0},
};

size_t special_embedded(const struct address *address, struct embedded ret_embedded[EMBEDDED_MAX])
{
	size_t i, j, count = 0;

	if (address->family != 6)
		return 0;
	for (i = 0; i < sizeof(carriers) / sizeof(carriers[0]) && count < EMBEDDED_MAX; i++) {
		const struct carrier *c = &carriers[i];
		uint8_t octet[4];

		if (memcmp(address->octet + c->start, c->octets, c->length) != 0)
			continue;
		for (j = 0; j < sizeof(octet); j++)
			octet[j] = address->octet[c->at[j]] ^ c->mask;
		ret_embedded[count++] =
		    (struct embedded){.address = address_from_octets(octet, sizeof(octet)), .form = c->form};
	}
	return count;
}
