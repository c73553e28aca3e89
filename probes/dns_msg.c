#include "probes/dns_msg.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "probes/dns_private.h"

enum {
	/* Type, class, TTL and rdata length. The smallest record has one octet of owner before: with it a
	 * lying count costs nothing. */
	RR_FIXED_SIZE = 10,
	RR_MIN_SIZE = 1 + RR_FIXED_SIZE,
	LABEL_MAX = 63,
	/* Text of the longest name: every octet but the length octets escaped as four characters. */
	NAME_TEXT = 4 * DNS_NAME_OCTETS,
	/* Name text made of one message, eight times the largest message: compression could make a hundred.
	 */
	MESSAGE_TEXT = 512 * 1024,
	TYPE_ANY = 255
};

static bool fail(struct dns_reader *reader, const char *fault)
{
	if (reader->fault == NULL)
		reader->fault = fault;
	return false;
}

/* How an octet of a label reads in text; 0: it is escaped. A table, as this is where decoding spends its
 * time. */
static const char plain[256] = {
#define PAIR(lower, upper) [lower] = lower, [upper] = lower
    PAIR('a', 'A'), PAIR('b', 'B'), PAIR('c', 'C'), PAIR('d', 'D'), PAIR('e', 'E'), PAIR('f', 'F'),
    PAIR('g', 'G'), PAIR('h', 'H'), PAIR('i', 'I'), PAIR('j', 'J'), PAIR('k', 'K'), PAIR('l', 'L'),
    PAIR('m', 'M'), PAIR('n', 'N'), PAIR('o', 'O'), PAIR('p', 'P'), PAIR('q', 'Q'), PAIR('r', 'R'),
    PAIR('s', 'S'), PAIR('t', 'T'), PAIR('u', 'U'), PAIR('v', 'V'), PAIR('w', 'W'), PAIR('x', 'X'),
    PAIR('y', 'Y'), PAIR('z', 'Z'), ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
    ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['-'] = '-', ['_'] = '_'
#undef PAIR
};

/* Appends a label of `length` octets as text at `out`; returns the end. */
static char *label_text(char *out, const uint8_t *label, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		uint8_t c = label[i];

		*out++ = plain[c];
		if (plain[c] != 0)
			continue;
		out[-1] = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
	}
	return out;
}

/*
 * Expands the name at `in` to text. A pointer must go before the segment that it ends, so every hop goes
 * strictly backwards and a loop cannot be written.
 */
static bool expand_name(
    struct dns_reader *reader, struct cursor *in, char text[NAME_TEXT], size_t *ret_length)
{
	size_t position = in->position, segment = position, octets = 1, hops = 0;
	char *out = text;

	for (;;) {
		uint8_t length;

		if (position >= in->length)
			return fail(reader, "a name runs over the end");
		length = in->data[position];
		if (length >= 0xc0) {
			size_t target;

			if (in->length - position < 2)
				return fail(reader, "a name runs over the end");
			target = (size_t)(length & 0x3f) << 8 | in->data[position + 1];
			if (target >= segment || target < DNS_HEADER_SIZE || ++hops > LIMIT_DNS_POINTERS)
				return fail(reader, "a compression pointer does not point back");
			if (hops == 1)
				in->position = position + 2;
			position = segment = target;
			continue;
		}
		if (length > LABEL_MAX)
			return fail(reader, "a label has an unknown type");
		if (length == 0)
			break;
		octets += 1u + length;
		if (octets > DNS_NAME_OCTETS)
			return fail(reader, "a name is longer than 255 octets");
		if (in->length - position <= length)
			return fail(reader, "a name runs over the end");
		if (out != text)
			*out++ = '.';
		out = label_text(out, in->data + position + 1, length);
		position += 1u + length;
	}
	if (hops == 0)
		in->position = position + 1;
	*ret_length = (size_t)(out - text);
	return true;
}

/* Where the text of the name at `in` begins: at the first pointer's target when there is nothing before it.
 */
static size_t name_origin(const struct cursor *in)
{
	size_t position = in->position;

	if (in->length - position >= 2 && in->data[position] >= 0xc0)
		return (size_t)(in->data[position] & 0x3f) << 8 | in->data[position + 1];
	return position;
}

const char *dns_read_name(struct dns_reader *reader, struct cursor *in)
{
	char text[NAME_TEXT];
	const char *copy;
	size_t origin = name_origin(in), length, i;

	for (i = 0; i < reader->seen_count; i++)
		if (reader->seen[i].offset == origin && origin < in->position) {
			in->position += 2;
			return reader->seen[i].text;
		}
	if (!expand_name(reader, in, text, &length))
		return NULL;
	if (length > reader->text_left) {
		fail(reader, "the names are longer than any message needs");
		return NULL;
	}
	reader->text_left -= length;
	copy = arena_strndup(reader->arena, text, length);
	if (copy == NULL) {
		reader->no_memory = true;
		return NULL;
	}
	if (reader->seen_count < DNS_SEEN_NAMES) {
		reader->seen[reader->seen_count].offset = origin;
		reader->seen[reader->seen_count++].text = copy;
	}
	return copy;
}

static bool read_questions(
    struct dns_reader *reader, struct cursor *in, unsigned count, struct dns_message *message)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		const char *name = dns_read_name(reader, in);
		uint16_t type;

		if (name == NULL)
			return false;
		type = cursor_u16(in);
		cursor_u16(in);
		if (in->failed)
			return fail(reader, "the question is cut short");
		if (i == 0) {
			message->query_name = name;
			message->query_type = type;
		}
	}
	return true;
}

static uint16_t get_u16(const uint8_t *in)
{
	return (uint16_t)(in[0] << 8 | in[1]);
}

static bool read_rr(struct dns_reader *reader, struct cursor *in, struct dns_rr *rr)
{
	const uint8_t *fixed;

	rr->name = dns_read_name(reader, in);
	if (rr->name == NULL)
		return false;
	fixed = cursor_bytes(in, RR_FIXED_SIZE);
	if (fixed == NULL)
		return fail(reader, "a record runs over the end");
	rr->type = get_u16(fixed);
	rr->class = get_u16(fixed + 2);
	rr->ttl = (uint32_t)get_u16(fixed + 4) << 16 | get_u16(fixed + 6);
	rr->rdata_length = get_u16(fixed + 8);
	rr->rdata = cursor_bytes(in, rr->rdata_length);
	if (rr->rdata == NULL)
		return fail(reader, "a record runs over the end");
	dns_read_rdata(reader, rr);
	return !reader->no_memory;
}

static void note_edns(struct dns_message *message, const struct dns_rr *rr)
{
	if (rr->type != DNS_OPT || rr->section != DNS_ADDITIONAL || message->edns)
		return;
	message->edns = true;
	/* RFC 6891 section 6.1.3: the upper eight bits of the rcode stand at the top of the TTL. */
	message->rcode |= rr->ttl >> 24 << 4;
}

static bool read_records(
    struct dns_reader *reader, struct cursor *in, const uint16_t counts[3], struct dns_message *message)
{
	size_t claimed = (size_t)counts[0] + counts[1] + counts[2], room = cursor_left(in) / RR_MIN_SIZE, i;
	size_t section = DNS_ANSWER, left = counts[0];

	if (room > claimed)
		room = claimed;
	if (room > LIMIT_DNS_RECORDS)
		room = LIMIT_DNS_RECORDS;
	message->rr = arena_array(reader->arena, room, sizeof(*message->rr));
	if (message->rr == NULL) {
		reader->no_memory = true;
		return false;
	}
	for (i = 0; i < claimed; i++) {
		struct dns_rr *rr = &message->rr[i];

		while (left == 0)
			left = counts[++section];
		left--;
		if (i >= room)
			return fail(reader, "there are fewer records than the header claims");
		rr->section = (enum dns_section)section;
		if (!read_rr(reader, in, rr))
			return false;
		message->rr_count++;
		note_edns(message, rr);
	}
	return true;
}

static bool read_message(struct dns_reader *reader, struct dns_message *message)
{
	struct cursor in = cursor_of(reader->data, reader->length);
	uint16_t flags, questions, counts[3];

	message->id = cursor_u16(&in);
	flags = cursor_u16(&in);
	questions = cursor_u16(&in);
	counts[DNS_ANSWER] = cursor_u16(&in);
	counts[DNS_AUTHORITY] = cursor_u16(&in);
	counts[DNS_ADDITIONAL] = cursor_u16(&in);
	if (in.failed)
		return fail(reader, "shorter than a header");
	message->response = flags >> 15 & 1;
	message->authoritative = flags >> 10 & 1;
	message->truncated = flags >> 9 & 1;
	message->recursion_available = flags >> 7 & 1;
	message->authentic = flags >> 5 & 1;
	message->rcode = flags & 15;
	if (!read_questions(reader, &in, questions, message) || !read_records(reader, &in, counts, message))
		return false;
	if (cursor_left(&in) > 0)
		fail(reader, "there are bytes behind the last record");
	return true;
}

const struct dns_rr *dns_alias(const struct dns_message *message, const char *name)
{
	size_t i;

	for (i = 0; i < message->rr_count; i++) {
		const struct dns_rr *rr = &message->rr[i];

		if (rr->section == DNS_ANSWER && rr->type == DNS_CNAME && !rr->malformed &&
		    strcasecmp(rr->name, name) == 0)
			return rr;
	}
	return NULL;
}

static const char *final_name(const struct dns_message *message, const char *name)
{
	const struct dns_rr *alias;
	int i;

	for (i = 0; i < LIMIT_CNAME_CHAIN && (alias = dns_alias(message, name)) != NULL; i++)
		name = alias->target;
	return name;
}

enum status dns_decode(const uint8_t *message, size_t length, struct arena *arena,
    struct dns_message *ret_message, const char **ret_fault)
{
	struct dns_reader reader = {
	    .data = message, .length = length, .arena = arena, .text_left = MESSAGE_TEXT};
	enum status status = ST_OK;

	memset(ret_message, 0, sizeof(*ret_message));
	if (!read_message(&reader, ret_message))
		status = reader.no_memory ? ST_NO_MEMORY : ST_MALFORMED;
	if (ret_message->query_name != NULL)
		ret_message->final_name = ret_message->query_type == DNS_CNAME
					      ? ret_message->query_name
					      : final_name(ret_message, ret_message->query_name);
	*ret_fault = reader.fault;
	return status;
}

/* One octet of a name in text form, escapes undone; returns how many characters it took, 0 when it is none.
 */
static size_t text_octet(const char *text, uint8_t *ret_octet)
{
	unsigned value;

	if (text[0] != '\\') {
		*ret_octet = (uint8_t)text[0];
		return 1;
	}
	if (!isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[2]) ||
	    !isdigit((unsigned char)text[3]))
		return 0;
	value = (unsigned)((text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0'));
	*ret_octet = (uint8_t)value;
	return value > 255 ? 0 : 4;
}

/* Writes `name` in wire form; returns its length, 0 when it is no name. */
static size_t encode_name(const char *name, uint8_t out[DNS_NAME_OCTETS])
{
	size_t label = 0, length = 1, taken;

	if (name[0] == '\0') {
		out[0] = 0;
		return 1;
	}
	for (; *name != '\0'; name += taken) {
		taken = 1;
		if (*name == '.') {
			if (length == label + 1)
				return 0;
			out[label] = (uint8_t)(length - label - 1);
			label = length;
		} else {
			taken = text_octet(name, &out[length]);
			if (taken == 0 || length - label > LABEL_MAX)
				return 0;
		}
		/* The root's octet must still fit behind. */
		if (++length >= DNS_NAME_OCTETS)
			return 0;
	}
	if (length == label + 1)
		return 0;
	out[label] = (uint8_t)(length - label - 1);
	out[length] = 0;
	return length + 1;
}

static uint8_t *put_u16(uint8_t *out, unsigned value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return out + 2;
}

size_t dns_encode_query(
    const char *name, uint16_t type, uint16_t id, uint16_t udp_size, uint8_t ret_message[DNS_QUERY_SIZE])
{
	enum { RECURSION_DESIRED = 0x0100, AUTHENTIC_DATA = 0x0020 };
	uint8_t wire[DNS_NAME_OCTETS], *out = ret_message;
	size_t length = encode_name(name, wire);

	if (length == 0)
		return 0;
	out = put_u16(out, id);
	out = put_u16(out, RECURSION_DESIRED | AUTHENTIC_DATA);
	out = put_u16(out, 1);
	out = put_u16(out, 0);
	out = put_u16(out, 0);
	out = put_u16(out, udp_size != 0);
	memcpy(out, wire, length);
	out = put_u16(out + length, type);
	out = put_u16(out, DNS_CLASS_IN);
	if (udp_size != 0) {
		*out++ = 0; /* the root owns the OPT record */
		out = put_u16(out, DNS_OPT);
		out = put_u16(out, udp_size);
		memset(out, 0, 6);
		out += 6;
	}
	return (size_t)(out - ret_message);
}

enum status dns_answer_status(const struct dns_message *message)
{
	size_t i;

	if (message->rcode != 0)
		return status_from_rcode(message->rcode);
	for (i = 0; i < message->rr_count; i++) {
		const struct dns_rr *rr = &message->rr[i];

		if (dns_is_answer(
			message, rr, message->query_type == TYPE_ANY ? rr->type : message->query_type))
			return ST_NOERROR;
	}
	return ST_NODATA;
}

bool dns_is_answer(const struct dns_message *message, const struct dns_rr *rr, uint16_t type)
{
	return rr->section == DNS_ANSWER && rr->type == type &&
	       (message->final_name == NULL || strcasecmp(rr->name, message->final_name) == 0);
}

static int by_address(const void *left, const void *right)
{
	const struct address *const *a = left, *const *b = right;

	return address_compare(*a, *b);
}

size_t dns_addresses(const struct dns_message *answer, const char *name, struct address *ret_address,
    size_t size, const char **ret_final_name)
{
	const struct address *found[LIMIT_DNS_RECORDS];
	size_t i, count = 0, total = 0;

	name = final_name(answer, name);
	for (i = 0; i < answer->rr_count; i++) {
		const struct dns_rr *rr = &answer->rr[i];

		if (rr->section == DNS_ANSWER && (rr->type == DNS_A || rr->type == DNS_AAAA) &&
		    !rr->malformed && strcasecmp(rr->name, name) == 0)
			found[count++] = &rr->address;
	}
	qsort(found, count, sizeof(*found), by_address);
	for (i = 0; i < count; i++) {
		if (i > 0 && address_equal(found[i], found[i - 1]))
			continue;
		if (total < size)
			ret_address[total] = *found[i];
		total++;
	}
	if (ret_final_name != NULL)
		*ret_final_name = name;
	return total;
}

const char *dns_type_text(uint16_t type, char *ret_text)
{
	static const struct {
		uint16_t type;
		const char *text;
	} table[] = {{DNS_A, "A"}, {DNS_NS, "NS"}, {DNS_CNAME, "CNAME"}, {DNS_SOA, "SOA"}, {DNS_PTR, "PTR"},
	    {DNS_MX, "MX"}, {DNS_TXT, "TXT"}, {DNS_AAAA, "AAAA"}, {39, "DNAME"}, {DNS_OPT, "OPT"}, {43, "DS"},
	    {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"}, {50, "NSEC3"}, {64, "SVCB"}, {DNS_HTTPS, "HTTPS"},
	    {DNS_CAA, "CAA"}};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].type == type)
			return strcpy(ret_text, table[i].text);
	snprintf(ret_text, 12, "TYPE%u", (unsigned)type);
	return ret_text;
}

char *dns_reverse_name(const struct address *address, char ret_name[73])
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *octet = address->octet;
	char *out = ret_name;
	int i;

	if (address->family == 4) {
		snprintf(ret_name, 73, "%u.%u.%u.%u.in-addr.arpa", octet[3], octet[2], octet[1], octet[0]);
		return ret_name;
	}
	for (i = 15; i >= 0; i--) {
		*out++ = digit[octet[i] & 15];
		*out++ = '.';
		*out++ = digit[octet[i] >> 4];
		*out++ = '.';
	}
	strcpy(out, "ip6.arpa");
	return ret_name;
}
