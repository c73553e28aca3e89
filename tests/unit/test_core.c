/* The core room: arena, buffers and cursors, text, addresses, status names, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/address.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/status.h"
#include "core/text.h"

static void arena_aligns_and_zeroes(void **state)
{
	struct arena *arena = arena_new(0);
	size_t i;

	(void)state;
	for (i = 1; i < 3000; i += 7) {
		unsigned char *memory = arena_alloc(arena, i);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		assert_int_equal(memory[0], 0);
		assert_int_equal(memory[i - 1], 0);
		memset(memory, 0xa5, i);
	}
	assert_string_equal(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void arena_keeps_its_limit(void **state)
{
	struct arena *arena = arena_new(64 * 1024);

	(void)state;
	assert_non_null(arena_alloc(arena, 1000));
	assert_null(arena_alloc(arena, 128 * 1024));
	assert_true(arena_failed(arena));
	assert_null(arena_array(arena, SIZE_MAX / 2, 16));
	assert_non_null(arena_alloc(arena, 1000));
	assert_true(arena_size(arena) <= 64 * 1024);
	arena_free(arena);
	arena_free(NULL);
}

static void buf_stops_at_its_limit(void **state)
{
	struct buf buf = {.limit = 10};

	(void)state;
	assert_true(buf_add_text(&buf, "12345678"));
	assert_false(buf_add_text(&buf, "90abc"));
	assert_true(buf.failed);
	assert_string_equal(buf_text(&buf), "1234567890");
	assert_null(buf_reserve(&buf, 1));
	buf_clear(&buf);
	assert_false(buf.failed);
	assert_string_equal(buf_text(&buf), "");
	buf_release(&buf);
	assert_string_equal(buf_text(&buf), "");
}

static void buf_prints_long_lines(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_true(buf_printf(&buf, "%01000d", 7));
	assert_int_equal(buf.length, 1000);
	assert_int_equal(buf.data[999], '7');
	buf_release(&buf);
}

static void cursor_never_leaves_its_bytes(void **state)
{
	static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
	struct cursor cursor = cursor_of(bytes, sizeof(bytes)), sub;

	(void)state;
	assert_int_equal(cursor_u8(&cursor), 1);
	assert_int_equal(cursor_u16(&cursor), 0x0203);
	sub = cursor_sub(&cursor, 2);
	assert_int_equal(cursor_u32(&sub), 0);
	assert_true(sub.failed);
	assert_false(cursor.failed);
	assert_int_equal(cursor_left(&cursor), 2);
	assert_null(cursor_bytes(&cursor, 3));
	assert_true(cursor.failed);
	assert_int_equal(cursor_u8(&cursor), 0);
	assert_int_equal(cursor_left(&cursor), 0);
}

static void check_valid(const char *text, size_t length, size_t valid)
{
	assert_int_equal(text_valid_prefix(text, length), valid);
}

static void text_knows_utf8(void **state)
{
	(void)state;
	check_valid("abc", 3, 3);
	check_valid("\xe4\xb8\xad", 3, 3);
	check_valid("\xf0\x9f\x9a\xa2", 4, 4);
	check_valid("\xc0\xaf", 2, 0);	       /* overlong */
	check_valid("\xe0\x80\x80", 3, 0);     /* overlong */
	check_valid("\xed\xa0\x80", 3, 0);     /* surrogate */
	check_valid("\xf4\x90\x80\x80", 4, 0); /* beyond U+10FFFF */
	check_valid("a\xe4\xb8", 3, 1);	       /* cut */
	check_valid("\x80", 1, 0);
}

static void text_mends_and_disarms(void **state)
{
	struct buf out = {0};

	(void)state;
	text_add_mended(&out,
	    "a\xff"
	    "b",
	    3);
	assert_string_equal(buf_text(&out), "a\xef\xbf\xbd"
					    "b");
	buf_clear(&out);
	text_add_printable(&out, "a\x1b[31m\xe2\x80\xae\xff", 10);
	assert_string_equal(buf_text(&out), "a\\x1b[31m\\u{202e}\\xff");
	buf_clear(&out);
	text_add_base64(&out, "foob", 4);
	assert_string_equal(buf_text(&out), "Zm9vYg==");
	buf_clear(&out);
	text_add_hex(&out, "\x0f\xa0", 2);
	assert_string_equal(buf_text(&out), "0fa0");
	buf_release(&out);
}

/* FIPS 180-4's examples. */
static void text_writes_digests(void **state)
{
	uint8_t digest[32] = {0x00, 0x9f, 0xff};
	char hex[SHA256_TEXT];

	(void)state;
	assert_true(text_sha256_hex("abc", 3, hex));
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(text_sha256_hex(NULL, 0, hex));
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	text_digest_hex(digest, hex);
	assert_string_equal(hex, "009fff0000000000000000000000000000000000000000000000000000000000");
}

static void address_reads_and_writes(void **state)
{
	char text[ADDRESS_TEXT];
	struct address a, b;

	(void)state;
	assert_true(address_parse(&a, "192.0.2.7"));
	assert_string_equal(address_text(&a, text), "192.0.2.7");
	assert_true(address_parse(&b, "2001:DB8:0:0:0:0:0:1"));
	assert_string_equal(address_text(&b, text), "2001:db8::1");
	assert_true(address_compare(&a, &b) < 0);
	assert_false(address_parse(&a, "192.0.2"));
	assert_false(address_parse(&a, "192.0.2.1 "));
	assert_false(address_parse(&a, "fe80::1%eth0"));
}

static void network_contains_its_addresses(void **state)
{
	struct network network;
	struct address a;

	(void)state;
	assert_true(network_parse(&network, "10.1.2.3/20"));
	assert_true(address_parse(&a, "10.1.15.255"));
	assert_true(network_contains(&network, &a));
	assert_true(address_parse(&a, "10.1.16.0"));
	assert_false(network_contains(&network, &a));
	assert_true(network_parse(&network, "::/0"));
	assert_false(network_contains(&network, &a));
	assert_false(network_parse(&network, "10.0.0.0/33"));
	assert_false(network_parse(&network, "10.0.0.0/-1"));
	assert_false(network_parse(&network, "10.0.0.0/"));
}

static void status_names_are_distinct(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < STATUS_COUNT; i++)
		assert_int_equal(status_parse(status_name((enum status)i)), i);
	assert_int_equal(status_parse("NO_SUCH_STATUS"), STATUS_COUNT);
	assert_int_equal(status_from_rcode(3), ST_NXDOMAIN);
	assert_int_equal(status_from_rcode(23), ST_RCODE_OTHER);
}

static void clock_writes_rfc3339(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_text(1767528000123456, text), "2026-01-04T12:00:00.123456Z");
	assert_string_equal(clock_text(-1, text), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(clock_text(INT64_MAX, text), "9999-12-31T23:59:59.775807Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(arena_aligns_and_zeroes),
	    cmocka_unit_test(arena_keeps_its_limit), cmocka_unit_test(buf_stops_at_its_limit),
	    cmocka_unit_test(buf_prints_long_lines), cmocka_unit_test(cursor_never_leaves_its_bytes),
	    cmocka_unit_test(text_knows_utf8), cmocka_unit_test(text_writes_digests),
	    cmocka_unit_test(text_mends_and_disarms), cmocka_unit_test(address_reads_and_writes),
	    cmocka_unit_test(network_contains_its_addresses), cmocka_unit_test(status_names_are_distinct),
	    cmocka_unit_test(clock_writes_rfc3339)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
