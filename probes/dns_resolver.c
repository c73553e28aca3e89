#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "probes/dns_client_private.h"

enum { ERROR_SIZE = 256, DNS_PORT = 53 };

/* The host and port parts of "ADDR", "ADDR:PORT", "[ADDR]" or "[ADDR]:PORT"; `*ret_port` is NULL without one.
 */
static bool split_resolver(const char *text, char ret_host[ADDRESS_TEXT], const char **ret_port)
{
	const char *end, *port = NULL;
	size_t length;

	if (text[0] == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		if (end[1] == ':')
			port = end + 2;
	} else {
		end = strchr(text, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			port = end + 1;
		else
			end = text + strlen(text);
	}
	length = (size_t)(end - text);
	if (length >= ADDRESS_TEXT)
		return false;
	memcpy(ret_host, text, length);
	ret_host[length] = '\0';
	*ret_port = port;
	return true;
}

static bool parse_port(const char *text, int *ret_port)
{
	unsigned long number;
	char *rest;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoul(text, &rest, 10);
	if (*rest != '\0' || errno != 0 || number == 0 || number > UINT16_MAX)
		return false;
	*ret_port = (int)number;
	return true;
}

static bool parse_resolver(const char *text, struct address *ret_address, int *ret_port)
{
	char host[ADDRESS_TEXT];
	const char *port;

	*ret_port = DNS_PORT;
	return split_resolver(text, host, &port) && address_parse(ret_address, host) &&
	       (port == NULL || parse_port(port, ret_port));
}

static bool append(struct ares_addr_port_node **list, const struct address *address, int port)
{
	struct ares_addr_port_node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return false;
	node->family = address->family == 4 ? AF_INET : AF_INET6;
	memcpy(&node->addr, address->octet, address->family == 4 ? 4 : 16);
	node->udp_port = node->tcp_port = port;
	while (*list != NULL)
		list = &(*list)->next;
	*list = node;
	return true;
}

static bool add_given(
    struct ares_addr_port_node **list, const struct dns_client_options *options, char *ret_error)
{
	size_t i;

	for (i = 0; i < options->resolver_count; i++) {
		struct address address;
		int port;

		if (!parse_resolver(options->resolver[i], &address, &port)) {
			snprintf(ret_error, ERROR_SIZE,
			    "resolver '%.100s' is not ADDR, ADDR:PORT or [ADDR]:PORT", options->resolver[i]);
			return false;
		}
		if (!append(list, &address, port)) {
			snprintf(ret_error, ERROR_SIZE, "no memory");
			return false;
		}
	}
	return true;
}

/* c-ares reads the system's configuration in a channel made for that alone. */
static bool add_system(struct ares_addr_port_node **list, char *ret_error)
{
	struct ares_addr_port_node *found = NULL, *node;
	ares_channel ares = NULL;
	int result = ares_init(&ares);
	bool ok;

	if (result == ARES_SUCCESS)
		result = ares_get_servers_ports(ares, &found);
	ok = found != NULL;
	for (node = found; node != NULL && ok; node = node->next) {
		struct address address =
		    address_from_octets((const uint8_t *)&node->addr, node->family == AF_INET ? 4 : 16);

		ok = append(list, &address, node->udp_port == 0 ? DNS_PORT : node->udp_port);
	}
	if (!ok)
		snprintf(ret_error, ERROR_SIZE, "the system names no resolver: %s", ares_strerror(result));
	ares_free_data(found);
	if (ares != NULL)
		ares_destroy(ares);
	return ok;
}

struct ares_addr_port_node *dns_resolvers_new(const struct dns_client_options *options, char *ret_error)
{
	struct ares_addr_port_node *list = NULL;

	if (options->resolver_count > 0 ? add_given(&list, options, ret_error) : add_system(&list, ret_error))
		return list;
	dns_resolvers_free(list);
	return NULL;
}

void dns_resolvers_free(struct ares_addr_port_node *list)
{
	while (list != NULL) {
		struct ares_addr_port_node *next = list->next;

		free(list);
		list = next;
	}
}
