/* Presentation forms of rdata that is more than names and numbers: HTTPS parameters and CAA. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "probes/dns_private.h"

/* Appends one octet of a character-string, which needs no quotes then: RFC 1035 section 5.1. */
static void add_octet(struct buf *out, uint8_t c)
{
	if (isalnum(c) || (c != '\0' && strchr("!#$%&'*+-./:<=>?@[]^_`{|}~", c) != NULL))
		buf_add_char(out, (char)c);
	else
		buf_printf(out, "\\%03u", c);
}

static void add_octets(struct buf *out, struct cursor *in)
{
	while (cursor_left(in) > 0)
		add_octet(out, cursor_u8(in));
}

/* An item of a comma-separated list: ',' and '\' are escaped for the list first (RFC 9460 appendix A.1). */
static void add_item(struct buf *out, const uint8_t *item, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (item[i] == ',' || item[i] == '\\')
			add_octet(out, '\\');
		if (item[i] == ',')
			buf_add_char(out, ',');
		else
			add_octet(out, item[i]);
	}
}

/* Key names of RFC 9460 section 14.3.2 and of later registrations. */
static void add_key(struct buf *out, uint16_t key)
{
	static const char *const name[] = {"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech",
	    "ipv6hint", "dohpath", "ohttp", "tls-supported-groups"};

	if (key < sizeof(name) / sizeof(*name))
		buf_add_text(out, name[key]);
	else
		buf_printf(out, "key%u", key);
}

static bool add_alpn(struct buf *out, struct cursor *in)
{
	size_t count = 0;

	while (cursor_left(in) > 0) {
		size_t length = cursor_u8(in);
		const uint8_t *item = cursor_bytes(in, length);

		if (item == NULL || length == 0)
			return false;
		if (count++ > 0)
			buf_add_char(out, ',');
		add_item(out, item, length);
	}
	return count > 0;
}

static bool add_mandatory(struct buf *out, struct cursor *in)
{
	size_t count = 0;

	while (cursor_left(in) > 0) {
		uint16_t key = cursor_u16(in);

		if (in->failed)
			return false;
		if (count++ > 0)
			buf_add_char(out, ',');
		add_key(out, key);
	}
	return count > 0;
}

static int by_octets_4(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

static int by_octets_16(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* Addresses of `size` octets, sorted: servers rotate them, as they do A records. */
static bool add_hints(struct buf *out, struct cursor *in, size_t size)
{
	char text[ADDRESS_TEXT];
	uint8_t *sorted;
	size_t i;

	if (in->length == 0 || in->length % size != 0)
		return false;
	sorted = malloc(in->length);
	if (sorted == NULL) {
		out->failed = true;
		return true;
	}
	memcpy(sorted, in->data, in->length);
	qsort(sorted, in->length / size, size, size == 4 ? by_octets_4 : by_octets_16);
	for (i = 0; i < in->length; i += size) {
		struct address address = address_from_octets(sorted + i, size);

		if (i > 0)
			buf_add_char(out, ',');
		buf_add_text(out, address_text(&address, text));
	}
	free(sorted);
	return true;
}

static bool add_port(struct buf *out, struct cursor *in)
{
	uint16_t port = cursor_u16(in);

	buf_printf(out, "%u", port);
	return !in->failed && cursor_left(in) == 0;
}

static bool add_param_value(struct buf *out, uint16_t key, struct cursor *in)
{
	enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT };

	if (key == NO_DEFAULT_ALPN)
		return cursor_left(in) == 0;
	/* Its keys are changed every few hours: the name says that there are some. */
	if (key == ECH)
		return cursor_left(in) > 0;
	if (cursor_left(in) == 0 && key > IPV6HINT)
		return true;
	buf_add_char(out, '=');
	switch (key) {
	case MANDATORY:
		return add_mandatory(out, in);
	case ALPN:
		return add_alpn(out, in);
	case PORT:
		return add_port(out, in);
	case IPV4HINT:
		return add_hints(out, in, 4);
	case IPV6HINT:
		return add_hints(out, in, 16);
	default:
		add_octets(out, in);
		return true;
	}
}

bool dns_add_svc_params(struct buf *out, struct cursor *in)
{
	int last = -1;

	while (cursor_left(in) > 0) {
		uint16_t key = cursor_u16(in), length = cursor_u16(in);
		struct cursor value = cursor_sub(in, length);

		/* RFC 9460 section 2.2: strictly increasing keys */
		if (in->failed || key <= last)
			return false;
		if (last >= 0)
			buf_add_char(out, ' ');
		add_key(out, key);
		if (!add_param_value(out, key, &value))
			return false;
		last = key;
	}
	return !in->failed;
}

bool dns_add_caa(struct buf *out, struct cursor *in)
{
	uint8_t flags = cursor_u8(in), length = cursor_u8(in);
	const uint8_t *tag = cursor_bytes(in, length);
	size_t i;

	if (tag == NULL || length == 0)
		return false;
	buf_printf(out, "%u ", flags);
	for (i = 0; i < length; i++) {
		if (!isalnum(tag[i]))
			return false;
		buf_add_char(out, (char)tag[i]);
	}
	buf_add_text(out, " \"");
	while (cursor_left(in) > 0) {
		uint8_t c = cursor_u8(in);

		/* Inside quotes a space, a semicolon and the like stand for themselves. */
		if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "\\%03u", c);
	}
	return buf_add_char(out, '"');
}
