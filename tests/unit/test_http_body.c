#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "core/limits.h"
#include "probes/http_body.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	return arena == NULL;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* --- framing --- */

static struct http_body begin(const char *head_text, size_t limit)
{
	struct http_head head = {0};
	struct http_body body = {0};

	assert_int_equal(http_head_parse(head_text, strlen(head_text), arena, &head), ST_OK);
	http_body_begin(&body, &head, limit, arena);
	return body;
}

static void test_framing_choice(void **state)
{
	static const struct {
		const char *head;
		enum http_framing framing;
		uint64_t length;
		bool fault;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\n\r\n", HTTP_UNTIL_CLOSE, 0, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_LENGTH, 5, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_LENGTH, 5, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", HTTP_LENGTH, 5, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", HTTP_LENGTH, UINT64_MAX,
		false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5 6\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", HTTP_UNTIL_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED, 0, false},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\ntransfer-encoding: Chunked\r\n\r\n", HTTP_CHUNKED,
		0, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED, 0,
		false},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", HTTP_UNTIL_CLOSE, 0, false},
	    {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", HTTP_NO_BODY, 0, false},
	    {"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_NO_BODY, 0, false},
	    {"HTTP/1.1 101 Up\r\n\r\n", HTTP_NO_BODY, 0, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_body body = begin(cases[i].head, 100);

		if (body.framing != cases[i].framing || body.left != cases[i].length ||
		    (body.fault != NULL) != cases[i].fault)
			fail_msg("%s: %d %ju", cases[i].head, body.framing, (uintmax_t)body.left);
	}
}

struct feed {
	const char *head, *bytes;
	enum status status;
	const char *payload;
	size_t left_over;	/* bytes behind the body */
	bool truncated, closes; /* http_body_close() when the bytes are used up */
};

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH(n) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\n\r\n"

static const struct feed feeds[] = {
    {LENGTH("5"), "hello", ST_OK, "hello", 0, false, false},
    {LENGTH("5"), "hello+", ST_OK, "hello", 1, false, false},
    {LENGTH("5"), "hell", ST_AGAIN, "hell", 0, false, false},
    {LENGTH("0"), "", ST_OK, "", 0, false, false},
    {LENGTH("0"), "x", ST_OK, "", 1, false, false},
    {LENGTH("10"), "0123456789", ST_OK, "0123456789", 0, false, false},
    {LENGTH("11"), "0123456789", ST_OK, "0123456789", 0, true, false},
    {LENGTH("18446744073709551615"), "0123456789", ST_OK, "0123456789", 0, true, false},
    {"HTTP/1.1 200 OK\r\n\r\n", "hello", ST_AGAIN, "hello", 0, false, true},
    {"HTTP/1.1 200 OK\r\n\r\n", "0123456789", ST_AGAIN, "0123456789", 0, false, true},
    {"HTTP/1.1 200 OK\r\n\r\n", "0123456789a", ST_OK, "0123456789", 0, true, true},
    {"HTTP/1.1 204 No\r\n\r\n", "", ST_OK, "", 0, false, true},
    {CHUNKED, "5\r\nhello\r\n0\r\n\r\n", ST_OK, "hello", 0, false, true},
    {CHUNKED, "5\r\nhello\r\n0\r\n\r\nHTTP", ST_OK, "hello", 4, false, true},
    {CHUNKED, "5\nhello\n0\n\n", ST_OK, "hello", 0, false, true},
    {CHUNKED, "5 ; a=\"b\"\r\nhello\r\n0;x\r\n\r\n", ST_OK, "hello", 0, false, true},
    {CHUNKED, " 05  \r\nhello\r\n00000000000000000000\r\n\r\n", ST_OK, "hello", 0, false, true},
    {CHUNKED, "2\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\nAnother:\r\n\r\n", ST_OK, "hello", 0, false, true},
    {CHUNKED, "A\r\n0123456789\r\n0\r\n\r\n", ST_OK, "0123456789", 0, false, true},
    {CHUNKED, "a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", ST_OK, "0123456789", 0, true, false},
    {CHUNKED, "5\r\nhello\r\n0\r\n", ST_AGAIN, "hello", 0, false, true},
    {CHUNKED, "5\r\nhello\r\n", ST_AGAIN, "hello", 0, false, false},
    {CHUNKED, "5\r\nhel", ST_AGAIN, "hel", 0, false, false},
    {CHUNKED, "5", ST_AGAIN, "", 0, false, false},
    {CHUNKED, "5\r\nhelloo\r\n", ST_PROTOCOL_ERROR, "hello", 0, false, false},
    {CHUNKED, "3\r\nhel\r\nfffffffffffffffff\r\nlo", ST_PROTOCOL_ERROR, "hel", 0, false, false},
    {CHUNKED, "ffffffffffffffff\r\nhello", ST_AGAIN, "hello", 0, false, false},
    {CHUNKED, "-5\r\nhello\r\n", ST_PROTOCOL_ERROR, "", 0, false, false},
    {CHUNKED, "0x5\r\n\r\n", ST_OK, "", 0, false, true},
    {CHUNKED, "\r\n5\r\nhello\r\n", ST_PROTOCOL_ERROR, "", 0, false, false},
    {CHUNKED, "<html>", ST_PROTOCOL_ERROR, "", 0, false, false},
};

/* Every case in pieces of every size. */
static void test_feed(void **state)
{
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(feeds) / sizeof(*feeds); i++)
		for (step = 1; step < 50; step++) {
			const struct feed *f = &feeds[i];
			size_t length = strlen(f->bytes), done = 0, used = 0;
			struct http_body body = begin(f->head, 10);
			enum status status = http_body_feed(&body, NULL, 0, &used);

			while (status == ST_AGAIN && done < length) {
				size_t piece = length - done < step ? length - done : step;

				status = http_body_feed(&body, f->bytes + done, piece, &used);
				assert_true(used <= piece);
				assert_true(used == piece || status != ST_AGAIN);
				done += used;
			}
			if (status != f->status || strcmp(buf_text(&body.payload), f->payload) != 0 ||
			    body.truncated != f->truncated || http_body_close(&body) != f->closes)
				fail_msg("%s%s by %zu: %s '%s'", f->head, f->bytes, step, status_name(status),
				    buf_text(&body.payload));
			if (status == ST_OK && !f->truncated)
				assert_int_equal(length - done, f->left_over);
			assert_true((body.fault != NULL) == (status == ST_PROTOCOL_ERROR));
			buf_release(&body.payload);
		}
}

/* Lines between the data are bounded like the data. */
static void test_overhead(void **state)
{
	static const char *const unit[] = {"1;................................................\r\nx\r\n", "0",
	    "0\r\nTrailer: x\r\nTrailer: x\r\n", ";", " "};
	size_t i, fed, used;

	(void)state;
	for (i = 0; i < sizeof(unit) / sizeof(*unit); i++) {
		struct http_body body = begin(CHUNKED, LIMIT_HTTP_BODY);
		enum status status = ST_AGAIN;

		if (unit[i][0] == ';')
			http_body_feed(&body, "1", 1, &used);
		for (fed = 0; status == ST_AGAIN && fed < 10 * LIMIT_HTTP_HEAD; fed += strlen(unit[i]))
			status = http_body_feed(&body, unit[i], strlen(unit[i]), &used);
		assert_int_equal(status, ST_OK);
		assert_true(body.truncated);
		assert_true(fed < 2 * LIMIT_HTTP_HEAD);
		buf_release(&body.payload);
	}
}

/* --- codings --- */

enum { GZIP = MAX_WBITS + 16, ZLIB = MAX_WBITS, RAW = -MAX_WBITS };

static struct buf pack(const void *bytes, size_t length, int window)
{
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)length};
	struct buf out = {0};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.avail_out = (uInt)deflateBound(&stream, length);
	stream.next_out = (Bytef *)buf_reserve(&out, stream.avail_out);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out.length = stream.total_out;
	deflateEnd(&stream);
	return out;
}

static const char text[] = "hello hello hello hello, harbour";
/* The same and 10,000,000 zeros, by the reference encoder at its best. */
static const char brotli[] =
    "\x1b\x1f\x00\xf8\x8d\x94\x6e\xde\x44\x55\x86\xd6\x20\x2c\x6c\x6f\xaa\x11\x79\xea\x00"
    "\x88\xba\x1a\x7c\x08";
static const char brotli_bomb[] =
    "\xcb\xff\xff\x3f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x2f\xff\x2c\x31\xf0\x4f\x00"
    "\xc4\x61\x11\x80\x8e\x23\x06";

static struct buf copy(const char *bytes, size_t length)
{
	struct buf buf = {0};

	buf_add(&buf, bytes, length);
	return buf;
}

/* Takes over `in`. */
static void check_decode(struct buf in, const char *codings, bool whole, const char *expected, bool fault)
{
	bool truncated = false;
	const char *got = http_decode(&in, codings, 1000, whole, &truncated);

	if (strcmp(buf_text(&in), expected) != 0 || (got != NULL) != fault || truncated)
		fail_msg("%s: '%s', %s", codings, buf_text(&in), got == NULL ? "no fault" : got);
	buf_release(&in);
}

static void test_codings(void **state)
{
	struct buf gzip = pack(text, strlen(text), GZIP), twice;

	(void)state;
	check_decode(copy(text, strlen(text)), NULL, true, text, false);
	check_decode(copy(text, strlen(text)), "identity, none", true, text, false);
	check_decode(copy(gzip.data, gzip.length), "gzip", true, text, false);
	check_decode(copy(gzip.data, gzip.length), "X-GZip", true, text, false);
	check_decode(pack(text, strlen(text), ZLIB), "deflate", true, text, false);
	check_decode(pack(text, strlen(text), RAW), "deflate", true, text, false);
	check_decode(copy(brotli, sizeof(brotli) - 1), "br", true, text, false);
	check_decode(pack(gzip.data, gzip.length, ZLIB), "gzip, deflate", true, text, false);
	check_decode(pack(gzip.data, gzip.length, ZLIB), "gzip,,deflate,chunked", true, text, false);
	check_decode(pack(brotli, sizeof(brotli) - 1, GZIP), "br, gzip", true, text, false);
	check_decode(pack("", 0, GZIP), "gzip", true, "", false);
	check_decode(copy("", 0), "gzip", true, "", false);
	/* Members one behind the other are one body; rubbish behind them is not looked at. */
	twice = copy(gzip.data, gzip.length);
	buf_add(&twice, gzip.data, gzip.length);
	buf_add_text(&twice, "rubbish");
	check_decode(
	    twice, "gzip", true, "hello hello hello hello, harbourhello hello hello hello, harbour", false);
	buf_release(&gzip);
}

static void test_broken_codings(void **state)
{
	struct buf gzip = pack(text, strlen(text), GZIP), broken = copy(gzip.data, gzip.length), raw;
	struct buf layers = pack(gzip.data, gzip.length, GZIP);

	(void)state;
	/* Without the end: all of the text is there, and the check sum is not. */
	check_decode(copy(gzip.data, gzip.length - 8), "gzip", true, text, true);
	check_decode(copy(gzip.data, gzip.length - 8), "gzip", false, text, false);
	check_decode(copy(gzip.data, 5), "gzip", false, "", false);
	broken.data[broken.length - 6] ^= 1;
	check_decode(broken, "gzip", true, text, true);
	/* Nothing came out: the body stays as it is. */
	check_decode(copy(text, strlen(text)), "gzip", true, text, true);
	check_decode(copy(text, strlen(text)), "deflate", true, text, true);
	check_decode(copy("\xff\xff\xff\xff", 4), "br", true, "\xff\xff\xff\xff", true);
	check_decode(copy(text, strlen(text)), "zstd", true, text, true);
	/* The end is missing in the outer layer: the inner one gives what it can. */
	check_decode(copy(layers.data, layers.length - 8), "gzip, gzip", true, text, true);
	raw = copy(gzip.data, gzip.length);
	check_decode(raw, "unknown, gzip", true, text, true);
	/* More codings than the limit: none is undone. */
	check_decode(copy(text, strlen(text)), "gzip,gzip,gzip,gzip,gzip,gzip", true, text, true);
	check_decode(copy(text, strlen(text)), "none,none,none,none,none", true, text, false);
	buf_release(&gzip);
	buf_release(&layers);
}

static void test_bombs(void **state)
{
	enum { SIZE = 10 * 1000 * 1000 };
	char *zeros = calloc(1, SIZE), noise[4000];
	struct buf bomb, layers;
	bool truncated = false;
	unsigned i;

	(void)state;
	assert_non_null(zeros);
	bomb = pack(zeros, SIZE, GZIP);
	layers = pack(bomb.data, bomb.length, GZIP);
	assert_null(http_decode(&bomb, "gzip", LIMIT_HTTP_DECODED, true, &truncated));
	assert_true(truncated);
	assert_int_equal(bomb.length, LIMIT_HTTP_DECODED);
	buf_release(&bomb);

	truncated = false;
	assert_null(http_decode(&layers, "gzip, gzip", LIMIT_HTTP_DECODED, true, &truncated));
	assert_true(truncated);
	assert_int_equal(layers.length, LIMIT_HTTP_DECODED);
	buf_release(&layers);

	truncated = false;
	bomb = copy(brotli_bomb, sizeof(brotli_bomb) - 1);
	assert_null(http_decode(&bomb, "br", LIMIT_HTTP_DECODED, true, &truncated));
	assert_true(truncated);
	assert_int_equal(bomb.length, LIMIT_HTTP_DECODED);
	buf_release(&bomb);

	/* What a limit cut short is not called broken in the layer below. */
	truncated = false;
	for (i = 0; i < 4000; i++)
		noise[i] = (char)(i * i * 2654435761u >> 13);
	bomb = pack(noise, sizeof(noise), GZIP);
	layers = pack(bomb.data, bomb.length, GZIP);
	assert_null(http_decode(&layers, "gzip, gzip", 1000, true, &truncated));
	assert_true(truncated);
	assert_true(layers.length > 0 && layers.length <= 1000);
	assert_memory_equal(layers.data, noise, layers.length);
	buf_release(&bomb);
	buf_release(&layers);

	/* Exactly at the limit is not over it. */
	truncated = false;
	bomb = pack(zeros, 100000, GZIP);
	assert_null(http_decode(&bomb, "gzip", 100000, true, &truncated));
	assert_false(truncated);
	assert_int_equal(bomb.length, 100000);
	buf_release(&bomb);
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_framing_choice),
	    cmocka_unit_test(test_feed),
	    cmocka_unit_test(test_overhead),
	    cmocka_unit_test(test_codings),
	    cmocka_unit_test(test_broken_codings),
	    cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
