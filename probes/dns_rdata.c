#include <string.h>

#include "probes/dns_private.h"

/* A cursor over the message that ends where the rdata ends, so that names may point back out of it. */
static struct cursor rdata_cursor(const struct dns_reader *reader, const struct dns_rr *rr)
{
	size_t start = (size_t)(rr->rdata - reader->data);
	struct cursor in = cursor_of(reader->data, start + rr->rdata_length);

	in.position = start;
	return in;
}

static bool at_end(const struct cursor *in)
{
	return !in->failed && in->position == in->length;
}

static bool read_address(struct dns_rr *rr, size_t length)
{
	if (rr->rdata_length != length)
		return false;
	rr->address = address_from_octets(rr->rdata, length);
	return true;
}

static bool read_target(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	const char *target = in->failed ? NULL : dns_read_name(reader, in);

	if (target == NULL || !at_end(in))
		return false;
	rr->target = target;
	return true;
}

static bool read_mx(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	uint16_t preference = cursor_u16(in);

	if (!read_target(reader, rr, in))
		return false;
	rr->preference = preference;
	return true;
}

static bool read_soa(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	const char *mname = dns_read_name(reader, in), *rname;
	uint32_t number[5];
	size_t i;

	rname = mname == NULL ? NULL : dns_read_name(reader, in);
	if (rname == NULL)
		return false;
	for (i = 0; i < 5; i++)
		number[i] = cursor_u32(in);
	if (!at_end(in))
		return false;
	rr->target = mname;
	rr->rname = rname;
	rr->serial = number[0];
	rr->refresh = number[1];
	rr->retry = number[2];
	rr->expire = number[3];
	rr->minimum = number[4];
	return true;
}

static bool read_txt(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	size_t length = 0;
	char *text;

	if (rr->rdata_length == 0)
		return false; /* RFC 1035 section 3.3.14: one or more strings */
	/* The joined strings are shorter than the rdata, by one length octet each. */
	text = arena_alloc(reader->arena, rr->rdata_length);
	if (text == NULL) {
		reader->no_memory = true;
		return false;
	}
	while (cursor_left(in) > 0) {
		size_t part = cursor_u8(in);
		const uint8_t *bytes = cursor_bytes(in, part);

		if (bytes == NULL)
			return false;
		memcpy(text + length, bytes, part);
		length += part;
	}
	rr->text = text;
	rr->text_length = length;
	return true;
}

/* Text that is built in a buffer, moved to the arena. */
static bool keep_text(struct dns_reader *reader, struct dns_rr *rr, struct buf *text)
{
	rr->text = text->failed ? NULL : arena_strndup(reader->arena, buf_text(text), text->length);
	rr->text_length = rr->text == NULL ? 0 : text->length;
	reader->no_memory |= rr->text == NULL;
	return rr->text != NULL;
}

static bool read_https(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	uint16_t priority = cursor_u16(in);
	const char *target = in->failed ? NULL : dns_read_name(reader, in);
	struct buf text = {0};
	bool ok = target != NULL && dns_add_svc_params(&text, in) && keep_text(reader, rr, &text);

	if (ok) {
		rr->preference = priority;
		rr->target = target;
	}
	buf_release(&text);
	return ok;
}

static bool read_caa(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	struct buf text = {0};
	bool ok = dns_add_caa(&text, in) && keep_text(reader, rr, &text);

	buf_release(&text);
	return ok;
}

static bool read_typed(struct dns_reader *reader, struct dns_rr *rr, struct cursor *in)
{
	switch (rr->type) {
	case DNS_A:
		return read_address(rr, 4);
	case DNS_AAAA:
		return read_address(rr, 16);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return read_target(reader, rr, in);
	case DNS_MX:
		return read_mx(reader, rr, in);
	case DNS_SOA:
		return read_soa(reader, rr, in);
	case DNS_TXT:
		return read_txt(reader, rr, in);
	case DNS_HTTPS:
		return read_https(reader, rr, in);
	case DNS_CAA:
		return read_caa(reader, rr, in);
	default:
		return true;
	}
}

void dns_read_rdata(struct dns_reader *reader, struct dns_rr *rr)
{
	const char *fault = reader->fault;
	struct cursor in = rdata_cursor(reader, rr);

	if (rr->type == DNS_OPT)
		return; /* its class is a size */
	rr->malformed = rr->class != DNS_CLASS_IN || !read_typed(reader, rr, &in);
	/* A bad name in here is a fault of this record alone. */
	reader->fault = fault;
}
