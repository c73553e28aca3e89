#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/limits.h"
#include "probes/http_head.h"

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

static struct http_head parse(const char *text)
{
	struct http_head head = {0};

	assert_int_equal(http_head_parse(text, strlen(text), arena, &head), ST_OK);
	return head;
}

static void test_status_lines(void **state)
{
	static const struct {
		const char *line, *version;
		int code; /* 0: not valid */
		const char *reason;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\n", "1.1", 200, "OK"},
	    {"HTTP/1.0 404 Not Found\n", "1.0", 404, "Not Found"},
	    {"HTTP/1.1 200\r\n", "1.1", 200, ""},
	    {"HTTP/1.1 200 \r\n", "1.1", 200, ""},
	    {"HTTP/1.1  200\t  Fine  \r\n", "1.1", 200, "Fine"},
	    {"http/1.1 200 ok\r\n", "1.1", 200, "ok"},
	    {"HTTP/2 204 \r\n", "2", 204, ""},
	    {"HTTP/1.1 999 No\r\n", "1.1", 999, "No"},
	    {"ICY 200 OK\r\n", "ICY", 200, "OK"},
	    {"\r\n\n\r\nHTTP/1.1 200 OK\r\n", "1.1", 200, "OK"},
	    {"HTTP/1.1 200-OK\r\n", "1.1", 200, "-OK"},
	    {"HTTP/1.1 \xe6\x88\x90 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 200OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 2000 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 20 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 099 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 -20 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.1\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 \r\n", NULL, 0, NULL},
	    {"HTTP/\r\n", NULL, 0, NULL},
	    {"HTTP/ 200 OK\r\n", NULL, 0, NULL},
	    {"HTTP/1.11111111 200 OK\r\n", NULL, 0, NULL},
	    {"HTTP 200 OK\r\n", NULL, 0, NULL},
	    {"ICY\r\n", NULL, 0, NULL},
	    {"<html>\r\n", NULL, 0, NULL},
	    {"HTTP/1.1 200 OK", NULL, 0, NULL},
	    {"", NULL, 0, NULL},
	    {"\r\n", NULL, 0, NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_head head = {.status_code = -1};
		enum status status = http_head_parse(cases[i].line, strlen(cases[i].line), arena, &head);

		if (status != (cases[i].code == 0 ? ST_PROTOCOL_ERROR : ST_OK))
			fail_msg("'%s': %s", cases[i].line, status_name(status));
		assert_int_equal(head.status_code, cases[i].code == 0 ? -1 : cases[i].code);
		if (status != ST_OK)
			continue;
		assert_string_equal(head.version, cases[i].version);
		assert_string_equal(head.reason, cases[i].reason);
		assert_int_equal(head.reason_length, strlen(cases[i].reason));
		assert_int_equal(head.header_count, 0);
	}
}

static void check_header(const struct http_head *head, size_t index, const char *name, const char *value)
{
	assert_true(index < head->header_count);
	assert_string_equal(head->header[index].name, name);
	assert_string_equal(head->header[index].value, value);
	assert_int_equal(head->header[index].value_length, strlen(value));
}

static void test_headers(void **state)
{
	struct http_head head = parse("HTTP/1.1 200 OK\r\n"
				      "Server:nginx\r\n"
				      "X-Empty:\r\n"
				      "x-blank: \t \r\n"
				      "Bare:  lf \t\n"
				      "Colons: a:b: c\r\n"
				      "Folded: one\r\n two\r\n\t three  \r\n"
				      "Spaced : out\r\n"
				      "no colon here\r\n"
				      ": no name\r\n"
				      "bad name: x\r\n"
				      " leading: after a header is a fold\r\n"
				      "Set-Cookie: a=1\r\n"
				      "Set-Cookie: b=2\r\n"
				      "\r\n"
				      "Body: not a header\r\n");

	(void)state;
	assert_int_equal(head.header_count, 12);
	assert_int_equal(head.malformed, 4);
	check_header(&head, 0, "Server", "nginx");
	check_header(&head, 1, "X-Empty", "");
	check_header(&head, 2, "x-blank", "");
	check_header(&head, 3, "Bare", "lf");
	check_header(&head, 4, "Colons", "a:b: c");
	check_header(&head, 5, "Folded", "one   two  \t three");
	check_header(&head, 6, "Spaced", "out");
	check_header(&head, 7, "", "no colon here");
	check_header(&head, 8, "", ": no name");
	check_header(&head, 9, "", "bad name: x   leading: after a header is a fold");
	check_header(&head, 10, "Set-Cookie", "a=1");
	assert_string_equal(http_head_get(&head, "SERVER")->value, "nginx");
	assert_string_equal(http_head_get(&head, "set-cookie")->value, "a=1");
	assert_string_equal(http_head_list(&head, "set-cookie", arena), "a=1, b=2");
	assert_null(http_head_get(&head, "Body"));
	assert_null(http_head_list(&head, "Body", arena));
}

static void test_bytes(void **state)
{
	static const char text[] = "HTTP/1.1 200 O\0K\r\nA: x\0y\r\nB\0C: z\r\nD: \xff\xfe\r\n\r\n";
	struct http_head head = {0};

	(void)state;
	assert_int_equal(http_head_parse(text, sizeof(text) - 1, arena, &head), ST_OK);
	assert_int_equal(head.reason_length, 3);
	assert_memory_equal(head.reason, "O\0K", 3);
	assert_int_equal(head.header_count, 3);
	assert_int_equal(head.header[0].value_length, 3);
	assert_memory_equal(head.header[0].value, "x\0y", 3);
	assert_string_equal(head.header[1].name, "");
	assert_memory_equal(head.header[1].value, "B\0C: z", 6);
	assert_string_equal(head.header[2].value, "\xff\xfe");
}

/* Cut anywhere: only complete lines count, and nothing is read beyond the end. */
static void test_cut(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n 3\r\n\r\n";
	size_t length;

	(void)state;
	for (length = 0; length < sizeof(text); length++) {
		struct http_head head = {0};
		char *exact = malloc(length + (length == 0));
		enum status status;

		assert_non_null(exact);
		memcpy(exact, text, length);
		status = http_head_parse(exact, length, arena, &head);
		assert_int_equal(status, length < 17 ? ST_PROTOCOL_ERROR : ST_OK);
		assert_int_equal(head.header_count, length < 23			   ? 0
						    : length < 29		   ? 1
						    : length == 29 || length >= 33 ? 2
										   : 1);
		free(exact);
	}
}

/* Fed in pieces of `step` bytes; the length of the head, or 0. */
static size_t find(const char *text, size_t length, size_t step, enum status *ret_status)
{
	struct http_head_search search = {0};
	const char *fault = NULL;
	size_t end, found = 0;

	*ret_status = ST_AGAIN;
	for (end = step; *ret_status == ST_AGAIN; end += step) {
		if (end > length)
			end = length;
		*ret_status = http_head_find(&search, text, end, &found, &fault);
		assert_true((fault != NULL) == (*ret_status == ST_PROTOCOL_ERROR));
		if (end == length)
			break;
	}
	return found;
}

static void test_find(void **state)
{
	static const struct {
		const char *text;
		enum status status;
		size_t length;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\n\r\nbody", ST_OK, 19},
	    {"HTTP/1.1 200 OK\n\nbody", ST_OK, 17},
	    {"HTTP/1.1 200 OK\r\n\nbody", ST_OK, 18},
	    {"HTTP/1.1 200 OK\n\r\nbody", ST_OK, 18},
	    {"\r\n\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", ST_OK, 30},
	    {"ICY 200 OK\r\n\r\n", ST_OK, 14},
	    {"HTTP/1.1 200 OK\r\nA: b\r\n \r\n\r\n", ST_OK, 28},
	    {"HTTP/1.1 200 OK\r\nA: b\r\n", ST_AGAIN, 0},
	    {"HTT", ST_AGAIN, 0},
	    {"\r\n\r\n", ST_AGAIN, 0},
	    {"", ST_AGAIN, 0},
	    {"<html>", ST_PROTOCOL_ERROR, 0},
	    {" HTTP/1.1 200 OK\r\n\r\n", ST_PROTOCOL_ERROR, 0},
	    {"\x15\x03\x01\x00\x02\x02\x16", ST_PROTOCOL_ERROR, 0},
	    {"SSH-2.0-OpenSSH_9.2\r\n", ST_PROTOCOL_ERROR, 0},
	    {"\r\nHTTQ", ST_PROTOCOL_ERROR, 0},
	};
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (step = 1; step <= 40; step++) {
			enum status status;
			size_t length = find(cases[i].text, strlen(cases[i].text), step, &status);

			if (status != cases[i].status || length != cases[i].length)
				fail_msg(
				    "'%s' by %zu: %s, %zu", cases[i].text, step, status_name(status), length);
		}
}

static void test_limits(void **state)
{
	size_t size = LIMIT_HTTP_HEAD + 100, i;
	char *text = malloc(size);
	enum status status;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, "HTTP/1.1 200 OK\r\n", 17);
	/* One header without end, in small pieces: no piece is looked at twice. */
	assert_int_equal(find(text, LIMIT_HTTP_HEAD - 1, 1, &status), 0);
	assert_int_equal(status, ST_AGAIN);
	assert_int_equal(find(text, size, 4096, &status), 0);
	assert_int_equal(status, ST_PROTOCOL_ERROR);
	/* A head that just fits, and one that is a byte too long. */
	memcpy(text + LIMIT_HTTP_HEAD - 4, "\r\n\r\n", 4);
	assert_int_equal(find(text, size, size, &status), LIMIT_HTTP_HEAD);
	assert_int_equal(status, ST_OK);
	memcpy(text + LIMIT_HTTP_HEAD - 4, "x\r\n\r\n", 5);
	assert_int_equal(find(text, size, size, &status), 0);
	assert_int_equal(status, ST_PROTOCOL_ERROR);
	for (i = 17; i + 5 < size; i += 5)
		memcpy(text + i, "A: \r\n", 5);
	assert_int_equal(find(text, size, 1000, &status), 0);
	assert_int_equal(status, ST_PROTOCOL_ERROR);
	i = 17 + 5 * LIMIT_HTTP_HEADERS;
	memcpy(text + i, "\r\n\r\n", 4);
	assert_int_equal(find(text, size, 1000, &status), 0);
	assert_int_equal(status, ST_PROTOCOL_ERROR);
	i = 17 + 5 * (LIMIT_HTTP_HEADERS - 1);
	memcpy(text + i, "\r\n", 2);
	assert_int_equal(find(text, size, 1000, &status), i + 2);
	assert_int_equal(status, ST_OK);
	free(text);
}

static void test_lists(void **state)
{
	const char *list = " ,, gzip ,\tbr;q=1 , ,x";
	size_t length;

	(void)state;
	assert_memory_equal(http_list_next(&list, &length), "gzip", 4);
	assert_int_equal(length, 4);
	assert_memory_equal(http_list_next(&list, &length), "br;q=1", 6);
	assert_int_equal(length, 6);
	assert_memory_equal(http_list_next(&list, &length), "x", 1);
	assert_null(http_list_next(&list, &length));
	assert_null(http_list_next(&list, &length));
	assert_true(http_list_has("a, Chunked", "chunked"));
	assert_false(http_list_has("a, chunkedx", "chunked"));
	assert_false(http_list_has("", "chunked"));
	assert_false(http_list_has(NULL, "chunked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status_lines),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
