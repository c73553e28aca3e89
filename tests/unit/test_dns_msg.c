/* The DNS decoder and the query encoder, on messages built octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/arena.h"
#include "probes/dns_msg.h"

/* A message under construction. */
struct packet {
	uint8_t data[4096];
	size_t length;
};

static void put(struct packet *packet, const void *bytes, size_t length)
{
	assert_true(packet->length + length <= sizeof(packet->data));
	memcpy(packet->data + packet->length, bytes, length);
	packet->length += length;
}

#define PUT(packet, literal) put(packet, literal, sizeof(literal) - 1)

static void put_u16(struct packet *packet, unsigned value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(packet, bytes, 2);
}

/* Header and the question "www.example. TYPE IN"; the name stands at offset 12, "example" at 16. */
static void begin(
    struct packet *packet, unsigned flags, uint16_t type, unsigned answers, unsigned authority, unsigned more)
{
	packet->length = 0;
	put_u16(packet, 0x1234);
	put_u16(packet, flags);
	put_u16(packet, 1);
	put_u16(packet, answers);
	put_u16(packet, authority);
	put_u16(packet, more);
	PUT(packet, "\3www\7example\0");
	put_u16(packet, type);
	put_u16(packet, 1);
}

/* A record; `owner` in wire form. */
static void record(struct packet *packet, const char *owner, size_t owner_length, uint16_t type,
    const void *rdata, size_t rdata_length)
{
	put(packet, owner, owner_length);
	put_u16(packet, type);
	put_u16(packet, 1);
	put_u16(packet, 0);
	put_u16(packet, 300);
	put_u16(packet, (unsigned)rdata_length);
	put(packet, rdata, rdata_length);
}

#define RECORD(packet, owner, type, rdata) \
	record(packet, owner, sizeof(owner) - 1, type, rdata, sizeof(rdata) - 1)

struct fixture {
	struct arena *arena;
	struct packet packet;
	struct dns_message message;
	const char *fault;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->arena = arena_new(0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	free(f);
	return 0;
}

/* From an exact copy, so that a sanitizer sees a read one octet too far. */
static enum status decode(struct fixture *f)
{
	uint8_t *copy = malloc(f->packet.length + 1);
	enum status status;
	uint8_t *kept;

	memcpy(copy, f->packet.data, f->packet.length);
	copy = realloc(copy, f->packet.length == 0 ? 1 : f->packet.length);
	status = dns_decode(copy, f->packet.length, f->arena, &f->message, &f->fault);
	free(copy);
	/* The rdata is borrowed from the message; here it must only not be looked at again. */
	kept = arena_memdup(f->arena, f->packet.data, f->packet.length);
	assert_int_equal(dns_decode(kept, f->packet.length, f->arena, &f->message, &f->fault), status);
	return status;
}

static struct dns_rr *only_rr(struct fixture *f)
{
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(f->message.rr_count, 1);
	return &f->message.rr[0];
}

static void one_answer(struct fixture *f, uint16_t type, const void *rdata, size_t length)
{
	begin(&f->packet, 0x8180, type, 1, 0, 0);
	record(&f->packet, "\xc0\x0c", 2, type, rdata, length);
}

#define ONE_ANSWER(f, type, rdata) one_answer(f, type, rdata, sizeof(rdata) - 1)

static void test_header(void **state)
{
	struct fixture *f = *state;

	begin(&f->packet, 0x8000 | 0x0400 | 0x0200 | 0x0080 | 0x0020 | 3, DNS_MX, 0, 0, 0);
	assert_int_equal(decode(f), ST_OK);
	assert_null(f->fault);
	assert_int_equal(f->message.id, 0x1234);
	assert_true(f->message.response);
	assert_true(f->message.authoritative);
	assert_true(f->message.truncated);
	assert_true(f->message.recursion_available);
	assert_true(f->message.authentic);
	assert_false(f->message.edns);
	assert_int_equal(f->message.rcode, 3);
	assert_string_equal(f->message.query_name, "www.example");
	assert_int_equal(f->message.query_type, DNS_MX);
	assert_int_equal(dns_answer_status(&f->message), ST_NXDOMAIN);
	begin(&f->packet, 0, DNS_A, 0, 0, 0);
	assert_int_equal(decode(f), ST_OK);
	assert_false(f->message.response);
	assert_false(f->message.authoritative);
	assert_false(f->message.truncated);
	assert_false(f->message.recursion_available);
	assert_false(f->message.authentic);
}

static void test_addresses(void **state)
{
	struct fixture *f = *state;
	char text[ADDRESS_TEXT];
	struct dns_rr *rr;

	ONE_ANSWER(f, DNS_A, "\xc0\x00\x02\x01");
	rr = only_rr(f);
	assert_string_equal(rr->name, "www.example");
	assert_int_equal(rr->section, DNS_ANSWER);
	assert_int_equal(rr->ttl, 300);
	assert_int_equal(rr->class, 1);
	assert_string_equal(address_text(&rr->address, text), "192.0.2.1");
	assert_int_equal(rr->rdata_length, 4);
	assert_memory_equal(rr->rdata, "\xc0\x00\x02\x01", 4);
	ONE_ANSWER(f, DNS_AAAA, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05");
	assert_string_equal(address_text(&only_rr(f)->address, text), "2001:db8::5");
	ONE_ANSWER(f, DNS_A, "\xc0\x00\x02");
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_AAAA, "\xc0\x00\x02\x01");
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_A, "");
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_A, "\xc0\x00\x02\x01");
	f->packet.data[f->packet.length - 12 + 1] = 3; /* class CH, in which an A is something else */
	assert_true(only_rr(f)->malformed);
}

static void test_names_in_rdata(void **state)
{
	struct fixture *f = *state;
	struct dns_rr *rr;

	ONE_ANSWER(f, DNS_NS, "\2NS\xc0\x10");
	assert_string_equal(only_rr(f)->target, "ns.example");
	ONE_ANSWER(f, DNS_CNAME, "\xc0\x10");
	assert_string_equal(only_rr(f)->target, "example");
	ONE_ANSWER(f, DNS_PTR, "\0");
	assert_string_equal(only_rr(f)->target, "");
	ONE_ANSWER(f, DNS_MX, "\0\x0a\4mail\xc0\x10");
	rr = only_rr(f);
	assert_string_equal(rr->target, "mail.example");
	assert_int_equal(rr->preference, 10);
	ONE_ANSWER(f, DNS_MX, "\0\0\0"); /* RFC 7505: no mail */
	assert_string_equal(only_rr(f)->target, "");
	ONE_ANSWER(f, DNS_MX, "\0");
	rr = only_rr(f);
	assert_true(rr->malformed);
	assert_null(rr->target);
	ONE_ANSWER(f, DNS_NS, "\2ns\xc0\x10\0"); /* one octet too many */
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_NS, "\2ns"); /* the name goes on behind the rdata */
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_NS, "\xc0\xff"); /* a pointer ahead */
	assert_true(only_rr(f)->malformed);
	assert_null(f->fault);
	ONE_ANSWER(f, DNS_NS, "");
	assert_true(only_rr(f)->malformed);
}

static void test_soa(void **state)
{
	struct fixture *f = *state;
	struct dns_rr *rr;

	begin(&f->packet, 0x8180, DNS_SOA, 0, 1, 0);
	RECORD(&f->packet, "\xc0\x10", DNS_SOA,
	    "\2ns\xc0\x10\4a.b\1\xc0\x10\x78\x9a\xbc\xde\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5");
	rr = only_rr(f);
	assert_int_equal(rr->section, DNS_AUTHORITY);
	assert_false(rr->malformed);
	assert_string_equal(rr->target, "ns.example");
	assert_string_equal(rr->rname, "a\\046b\\001.example");
	assert_int_equal(rr->serial, 0x789abcde);
	assert_int_equal(rr->refresh, 2);
	assert_int_equal(rr->retry, 3);
	assert_int_equal(rr->expire, 4);
	assert_int_equal(rr->minimum, 5);
	assert_int_equal(dns_answer_status(&f->message), ST_NODATA);
	ONE_ANSWER(f, DNS_SOA, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0");
	rr = only_rr(f);
	assert_true(rr->malformed);
	assert_null(rr->rname);
	ONE_ANSWER(f, DNS_SOA, "\2ns\xc0\x10");
	assert_true(only_rr(f)->malformed);
}

static void test_txt(void **state)
{
	struct fixture *f = *state;
	struct dns_rr *rr;

	ONE_ANSWER(f, DNS_TXT, "\3ab\0\0\2\xff\n");
	rr = only_rr(f);
	assert_int_equal(rr->text_length, 5);
	assert_memory_equal(rr->text, "ab\0\xff\n", 5);
	ONE_ANSWER(f, DNS_TXT, "\0");
	rr = only_rr(f);
	assert_false(rr->malformed);
	assert_int_equal(rr->text_length, 0);
	assert_non_null(rr->text);
	ONE_ANSWER(f, DNS_TXT, "");
	rr = only_rr(f);
	assert_true(rr->malformed);
	assert_null(rr->text);
	ONE_ANSWER(f, DNS_TXT, "\2ab\5cd");
	assert_true(only_rr(f)->malformed);
}

static void test_caa(void **state)
{
	struct fixture *f = *state;

	ONE_ANSWER(f, DNS_CAA, "\x80\5issueca.example; a=\"\\\x07");
	assert_string_equal(only_rr(f)->text, "128 issue \"ca.example; a=\\034\\092\\007\"");
	ONE_ANSWER(f, DNS_CAA, "\0\5issue");
	assert_string_equal(only_rr(f)->text, "0 issue \"\"");
	ONE_ANSWER(f, DNS_CAA, "\0\x09issue");
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_CAA, "\0\5is ue");
	assert_true(only_rr(f)->malformed);
	ONE_ANSWER(f, DNS_CAA, "\0\0");
	assert_true(only_rr(f)->malformed);
}

/* SvcParams in wire form and as text; NULL: broken. RFC 9460 appendix D has most of them. */
static const struct {
	const char *wire;
	size_t length;
	const char *text;
} svc[] = {
#define SVC(wire, text)                      \
	{                                    \
		wire, sizeof(wire) - 1, text \
	}
    SVC("", ""),
    SVC("\0\3\0\2\0\x35", "port=53"),
    SVC("\0\1\0\6\2h2\2h3", "alpn=h2,h3"),
    SVC("\0\1\0\6\2h2\2h3\0\2\0\0", "alpn=h2,h3 no-default-alpn"),
    SVC("\0\1\0\x0c\x08"
	"f\\oo,bar\2h2",
	"alpn=f\\092\\092oo\\092,bar,h2"),
    SVC("\0\4\0\x08\xc0\0\2\1\xc0\0\2\2", "ipv4hint=192.0.2.1,192.0.2.2"),
    SVC("\0\6\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", "ipv6hint=2001:db8::1"),
    SVC("\0\4\0\x0c\xc0\0\2\x09\1\2\3\4\xc0\0\2\1", "ipv4hint=1.2.3.4,192.0.2.1,192.0.2.9"),
    SVC("\0\6\0\x20\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
	"ipv6hint=2001:db8::1,2001:db8::2"),
    SVC("\0\5\0\2\xab\xcd", "ech"), /* whatever its keys are today */
    SVC("\0\4\0\4\1\2\3\4\0\5\0\3\xab\xcd\xef", "ipv4hint=1.2.3.4 ech"),
    SVC("\2\x9b\0\x09hello\xd2qoo", "key667=hello\\210qoo"),
    SVC("\2\x9b\0\0", "key667"),
    SVC("\0\0\0\4\0\1\0\4\0\1\0\3\2h2\0\4\0\4\1\2\3\4", "mandatory=alpn,ipv4hint alpn=h2 ipv4hint=1.2.3.4"),
    SVC("\0\7\0\x07/q{?a b", "dohpath=/q{?a\\032b"),
    SVC("\0\3\0\2\0\x35\0\1\0\3\2h2", NULL), /* keys out of order */
    SVC("\0\3\0\2\0\x35\0\3\0\2\0\x35", NULL),
    SVC("\0\3\0\1\0", NULL),
    SVC("\0\3\0\3\0\0\0", NULL),
    SVC("\0\1\0\0", NULL),
    SVC("\0\1\0\1\0", NULL),
    SVC("\0\1\0\3\3h2", NULL),
    SVC("\0\2\0\1x", NULL),
    SVC("\0\4\0\3\1\2\3", NULL),
    SVC("\0\4\0\0", NULL),
    SVC("\0\5\0\0", NULL),
    SVC("\0\0\0\3\0\1\0", NULL),
    SVC("\0\3\0\5\0\x35", NULL), /* longer than the rdata */
    SVC("\0\3\0", NULL),
};

static void test_https(void **state)
{
	struct fixture *f = *state;
	struct dns_rr *rr;
	size_t i;

	for (i = 0; i < sizeof(svc) / sizeof(*svc); i++) {
		uint8_t rdata[128] = {0, 1, 3, 's', 'v', 'c', 0};

		memcpy(rdata + 7, svc[i].wire, svc[i].length);
		one_answer(f, DNS_HTTPS, rdata, 7 + svc[i].length);
		rr = only_rr(f);
		assert_int_equal(rr->malformed, svc[i].text == NULL);
		if (svc[i].text == NULL) {
			assert_null(rr->target);
			continue;
		}
		assert_string_equal(rr->text, svc[i].text);
		assert_string_equal(rr->target, "svc");
		assert_int_equal(rr->preference, 1);
	}
	ONE_ANSWER(f, DNS_HTTPS, "\0");
	assert_true(only_rr(f)->malformed);
}

static void test_opt(void **state)
{
	struct fixture *f = *state;

	begin(&f->packet, 0x8180 | 1, DNS_A, 0, 0, 1);
	PUT(&f->packet, "\0\0\x29\x04\xd0\x01\0\0\0\0\0");
	assert_int_equal(decode(f), ST_OK);
	assert_true(f->message.edns);
	assert_int_equal(f->message.rcode, 17);
	assert_int_equal(dns_answer_status(&f->message), ST_RCODE_OTHER);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0); /* no OPT in the answer section */
	PUT(&f->packet, "\0\0\x29\x04\xd0\x01\0\0\0\0\0");
	assert_int_equal(decode(f), ST_OK);
	assert_false(f->message.edns);
	assert_int_equal(f->message.rcode, 0);
}

static void test_unknown_type(void **state)
{
	struct fixture *f = *state;
	char text[12];

	ONE_ANSWER(f, 65280, "\1\2\3");
	assert_false(only_rr(f)->malformed);
	assert_int_equal(f->message.rr[0].rdata_length, 3);
	assert_string_equal(dns_type_text(65280, text), "TYPE65280");
	assert_string_equal(dns_type_text(DNS_HTTPS, text), "HTTPS");
	assert_string_equal(dns_type_text(DNS_AAAA, text), "AAAA");
}

static void assert_broken(struct fixture *f, const char *fault)
{
	assert_int_equal(decode(f), ST_MALFORMED);
	assert_non_null(f->fault);
	assert_string_equal(f->fault, fault);
}

static void test_pointers(void **state)
{
	static const char not_back[] = "a compression pointer does not point back";
	struct fixture *f = *state;

	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x1d", DNS_A, "\1\2\3\4"); /* to itself: 29 is where it stands */
	assert_broken(f, not_back);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x40", DNS_A, "\1\2\3\4");
	assert_broken(f, not_back);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x02", DNS_A, "\1\2\3\4"); /* into the header */
	assert_broken(f, not_back);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\1a\xc0\x1d", DNS_A, "\1\2\3\4"); /* a.a.a... */
	assert_broken(f, not_back);
	begin(&f->packet, 0x8180, DNS_A, 2, 0, 0);
	RECORD(&f->packet, "\1a\xc0\x0c", DNS_TXT, "\4\1x\xc0\x2d"); /* 45: the record after this one */
	RECORD(&f->packet, "\xc0\x2a", DNS_A, "\1\2\3\4");	     /* 42: points ahead inside the text */
	assert_broken(f, not_back);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	PUT(&f->packet, "\x09labellabe\xc0");
	assert_broken(f, "a name runs over the end");
	assert_string_equal(f->message.query_name, "www.example");
}

static void test_labels(void **state)
{
	struct fixture *f = *state;
	size_t i;

	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\x40", DNS_A, "\1\2\3\4");
	assert_broken(f, "a label has an unknown type");
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\x80", DNS_A, "\1\2\3\4");
	assert_broken(f, "a label has an unknown type");
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	PUT(&f->packet, "\x3fmuch too short");
	assert_broken(f, "a name runs over the end");
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	PUT(&f->packet, "\x0bone octet."); /* the label ends one octet behind the message */
	assert_broken(f, "a name runs over the end");
	/* 127 labels of one octet are 255 octets with the root, the most there is. */
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	for (i = 0; i < 127; i++)
		PUT(&f->packet, "\1A");
	RECORD(&f->packet, "\0", DNS_A, "\1\2\3\4");
	assert_int_equal(strlen(only_rr(f)->name), 253);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	for (i = 0; i < 127; i++)
		PUT(&f->packet, "\1a");
	RECORD(&f->packet, "\1a\0", DNS_A, "\1\2\3\4");
	assert_broken(f, "a name is longer than 255 octets");
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	for (i = 0; i < 126; i++)
		PUT(&f->packet, "\1a");
	RECORD(&f->packet, "\2aa\0", DNS_A, "\1\2\3\4"); /* 256 */
	assert_broken(f, "a name is longer than 255 octets");
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	for (i = 0; i < 122; i++)
		PUT(&f->packet, "\1a");
	RECORD(&f->packet, "\xc0\x0c", DNS_A, "\1\2\3\4"); /* 244 + 13 through the pointer */
	assert_broken(f, "a name is longer than 255 octets");
}

static void test_escapes(void **state)
{
	struct fixture *f = *state;

	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet,
	    "\x0a"
	    "A-z_09.\\\0\xff\1*\0",
	    DNS_A, "\1\2\3\4");
	assert_string_equal(only_rr(f)->name, "a-z_09\\046\\092\\000\\255.\\042");
}

static void test_lying_counts(void **state)
{
	struct fixture *f = *state;

	begin(&f->packet, 0x8180, DNS_A, 2, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_A, "\1\2\3\4");
	assert_broken(f, "there are fewer records than the header claims");
	assert_int_equal(f->message.rr_count, 1);
	begin(&f->packet, 0x8180, DNS_A, 65535, 65535, 65535);
	assert_broken(f, "there are fewer records than the header claims");
	assert_true(arena_size(f->arena) < 64 * 1024);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_A, "\1\2\3\4");
	f->packet.data[f->packet.length - 5] = 5;
	assert_broken(f, "a record runs over the end");
	begin(&f->packet, 0x8180, DNS_A, 0, 0, 0);
	f->packet.data[5] = 2;
	assert_broken(f, "a name runs over the end");
	f->packet.length = 11;
	assert_broken(f, "shorter than a header");
	f->packet.length = 0;
	assert_broken(f, "shorter than a header");
	begin(&f->packet, 0x8180, DNS_A, 0, 0, 0);
	f->packet.length -= 1;
	assert_broken(f, "the question is cut short");
}

static void test_trailing_bytes(void **state)
{
	struct fixture *f = *state;

	ONE_ANSWER(f, DNS_A, "\1\2\3\4");
	PUT(&f->packet, "junk");
	assert_int_equal(decode(f), ST_OK);
	assert_string_equal(f->fault, "there are bytes behind the last record");
	assert_int_equal(dns_answer_status(&f->message), ST_NOERROR);
}

/* Every prefix of a good message reads as broken, and as nothing worse. */
static void test_prefixes(void **state)
{
	struct fixture *f = *state;
	struct packet whole;
	size_t i;

	begin(&f->packet, 0x8180, DNS_MX, 1, 1, 1);
	RECORD(&f->packet, "\xc0\x0c", DNS_MX, "\0\x0a\4mail\xc0\x10");
	RECORD(&f->packet, "\xc0\x10", DNS_NS, "\2ns\xc0\x10");
	PUT(&f->packet, "\0\0\x29\x04\xd0\0\0\0\0\0\0");
	whole = f->packet;
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(f->message.rr_count, 3);
	for (i = 0; i < whole.length; i++) {
		f->packet.length = i;
		assert_int_equal(decode(f), ST_MALFORMED);
	}
}

/* Small records with long names through compression: the text is bounded, not the message's to choose. */
static void test_expansion_is_bounded(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[65535];
	struct packet *packet = &f->packet;
	struct dns_message message;
	const char *fault;
	size_t length, i;

	begin(packet, 0x8180, DNS_A, 5000, 0, 0);
	for (i = 0; i < 120; i++)
		PUT(packet, "\1*");
	RECORD(packet, "\0", DNS_A, "\1\2\3\4");
	memcpy(big, packet->data, packet->length);
	length = packet->length;
	for (i = 1; length + 14 <= sizeof(big); i++) {
		memcpy(big + length, "\1x\xc0\x1d\0\x05\0\1\0\0\0\0\0\0", 14);
		length += 14;
	}
	assert_int_equal(dns_decode(big, length, f->arena, &message, &fault), ST_MALFORMED);
	assert_true(arena_size(f->arena) < 3 * 1024 * 1024);
}

static void test_chain(void **state)
{
	struct fixture *f = *state;
	struct address address[4];
	const char *final;
	char text[ADDRESS_TEXT];

	/* Out of order, with an address of a name that is not in the chain. */
	begin(&f->packet, 0x8180, DNS_A, 5, 0, 1);
	RECORD(&f->packet, "\1b\0", DNS_A, "\1\1\1\1");
	RECORD(&f->packet, "\1a\0", DNS_CNAME, "\1B\0");
	RECORD(&f->packet, "\1c\0", DNS_A, "\3\3\3\3");
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\1A\0");
	RECORD(&f->packet, "\1b\0", DNS_A, "\2\2\2\2");
	RECORD(&f->packet, "\1b\0", DNS_A, "\4\4\4\4"); /* additional section */
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(dns_addresses(&f->message, "WWW.example", address, 4, &final), 2);
	assert_string_equal(final, "b");
	assert_string_equal(address_text(&address[0], text), "1.1.1.1");
	assert_string_equal(address_text(&address[1], text), "2.2.2.2");
	assert_string_equal(f->message.final_name, "b");
	memset(address, 0, sizeof(address));
	assert_int_equal(dns_addresses(&f->message, "www.example", address, 1, NULL), 2);
	assert_string_equal(address_text(&address[0], text), "1.1.1.1");
	assert_int_equal(address[1].family, 0);
	assert_int_equal(dns_addresses(&f->message, "www.example", NULL, 0, NULL), 2);
	assert_int_equal(dns_addresses(&f->message, "other", address, 4, &final), 0);
	assert_string_equal(final, "other");
	assert_int_equal(dns_answer_status(&f->message), ST_NOERROR);
}

/* A pool that the server rotates gives the same addresses each time, and its true size. */
static void test_pool(void **state)
{
	enum { POOL = 40, TAKEN = 16 };
	struct fixture *f = *state;
	unsigned turn, i;

	for (turn = 0; turn < POOL; turn += 13) {
		struct address address[TAKEN];

		begin(&f->packet, 0x8180, DNS_A, POOL + 1, 0, 0);
		for (i = 0; i <= POOL; i++) { /* the first one comes twice */
			char octets[4] = {(char)192, 0, 2, (char)((i + turn) % POOL)};

			record(&f->packet, "\xc0\x0c", 2, DNS_A, octets, 4);
		}
		assert_int_equal(decode(f), ST_OK);
		assert_int_equal(dns_addresses(&f->message, "www.example", address, TAKEN, NULL), POOL);
		for (i = 0; i < TAKEN; i++)
			assert_int_equal(address[i].octet[3], i);
	}
}

/* Only what the end of the chain owns, in the answer section, and of the type. */
static void test_is_answer(void **state)
{
	struct fixture *f = *state;
	size_t i;

	begin(&f->packet, 0x8180, DNS_NS, 4, 1, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\1a\0");
	RECORD(&f->packet, "\xc0\x0c", DNS_NS, "\5stray\0"); /* beside an alias */
	RECORD(&f->packet, "\1A\0", DNS_NS, "\2ns\0");
	RECORD(&f->packet, "\1z\0", DNS_NS, "\5other\0");
	RECORD(&f->packet, "\1a\0", DNS_NS, "\4auth\0"); /* authority section */
	assert_int_equal(decode(f), ST_OK);
	assert_string_equal(f->message.final_name, "a");
	for (i = 0; i < 5; i++)
		assert_int_equal(dns_is_answer(&f->message, &f->message.rr[i], DNS_NS), i == 2);
	assert_false(dns_is_answer(&f->message, &f->message.rr[2], DNS_MX));
	assert_int_equal(dns_answer_status(&f->message), ST_NOERROR);
	/* Asked for the alias itself, nothing is followed. */
	begin(&f->packet, 0x8180, DNS_CNAME, 2, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\1a\0");
	RECORD(&f->packet, "\1a\0", DNS_CNAME, "\1b\0");
	assert_int_equal(decode(f), ST_OK);
	assert_true(dns_is_answer(&f->message, &f->message.rr[0], DNS_CNAME));
	assert_false(dns_is_answer(&f->message, &f->message.rr[1], DNS_CNAME));
}

static void test_chain_without_end(void **state)
{
	struct fixture *f = *state;
	struct address address[4];

	begin(&f->packet, 0x8180, DNS_A, 2, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\1a\0");
	RECORD(&f->packet, "\1a\0", DNS_CNAME, "\xc0\x0c");
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(dns_addresses(&f->message, "www.example", address, 4, NULL), 0);
	assert_int_equal(dns_answer_status(&f->message), ST_NODATA);
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\xc0\x0c");
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(dns_addresses(&f->message, "www.example", address, 4, NULL), 0);
	/* Asked for the alias itself, the chain is the answer. */
	begin(&f->packet, 0x8180, DNS_CNAME, 1, 0, 0);
	RECORD(&f->packet, "\xc0\x0c", DNS_CNAME, "\1a\0");
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(dns_answer_status(&f->message), ST_NOERROR);
	/* An address of somebody else is no answer. */
	begin(&f->packet, 0x8180, DNS_A, 1, 0, 0);
	RECORD(&f->packet, "\1z\0", DNS_A, "\1\1\1\1");
	assert_int_equal(decode(f), ST_OK);
	assert_int_equal(dns_answer_status(&f->message), ST_NODATA);
}

static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	struct arena *small = arena_new(1);

	ONE_ANSWER(f, DNS_A, "\1\2\3\4");
	assert_int_equal(
	    dns_decode(f->packet.data, f->packet.length, small, &f->message, &f->fault), ST_NO_MEMORY);
	arena_free(small);
}

static void test_encode(void **state)
{
	static const uint8_t expected[] = "\xab\xcd\x01\x20\0\1\0\0\0\0\0\1\3wWw\2a.\0\0\x1c\0\1"
					  "\0\0\x29\x04\xd0\0\0\0\0\0\0";
	uint8_t message[DNS_QUERY_SIZE];
	char name[300];
	size_t i;

	(void)state;
	assert_int_equal(
	    dns_encode_query("wWw.a\\046", DNS_AAAA, 0xabcd, 1232, message), sizeof(expected) - 1);
	assert_memory_equal(message, expected, sizeof(expected) - 1);
	assert_int_equal(dns_encode_query("www.a\\046", DNS_A, 1, 0, message), sizeof(expected) - 1 - 11);
	assert_int_equal(message[11], 0);
	assert_int_equal(dns_encode_query("", DNS_NS, 1, 0, message), 12 + 1 + 4);
	for (i = 0; i < 253; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = '\0';
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 0, message), 12 + 255 + 4);
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 1232, message), DNS_QUERY_SIZE);
	strcpy(name + 253, ".a");
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 0, message), 0);
	memset(name, 'a', 64);
	name[63] = '\0';
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 0, message), 12 + 65 + 4);
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 0, message), 0);
	strcpy(name + 64, ".b");
	assert_int_equal(dns_encode_query(name, DNS_A, 1, 0, message), 0);
}

static void test_encode_refuses(void **state)
{
	static const char *const bad[] = {
	    ".", ".a", "a.", "a..b", "a\\", "a\\1", "a\\12", "a\\256", "a\\x12", "a\\999.b"};
	uint8_t message[DNS_QUERY_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(dns_encode_query(bad[i], DNS_A, 1, 0, message), 0);
}

static void test_reverse(void **state)
{
	struct address address;
	char name[73];

	(void)state;
	assert_true(address_parse(&address, "127.0.0.2"));
	assert_string_equal(dns_reverse_name(&address, name), "2.0.0.127.in-addr.arpa");
	assert_true(address_parse(&address, "2001:db8::567:89ab"));
	assert_string_equal(dns_reverse_name(&address, name),
	    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_header), TEST(test_addresses), TEST(test_names_in_rdata),
	    TEST(test_soa), TEST(test_txt), TEST(test_caa), TEST(test_https), TEST(test_opt),
	    TEST(test_unknown_type), TEST(test_pointers), TEST(test_labels), TEST(test_escapes),
	    TEST(test_lying_counts), TEST(test_trailing_bytes), TEST(test_prefixes),
	    TEST(test_expansion_is_bounded), TEST(test_chain), TEST(test_pool), TEST(test_is_answer),
	    TEST(test_chain_without_end), TEST(test_no_memory), TEST(test_encode), TEST(test_encode_refuses),
	    TEST(test_reverse)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
