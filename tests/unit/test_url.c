#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/limits.h"
#include "probes/url.h"

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

struct pair {
	const char *in, *out; /* out: NULL when not valid, "" when of another scheme */
};

static void check(enum status status, const struct url *url, const struct pair *pair)
{
	enum status expected = pair->out == NULL      ? ST_INVALID
			       : pair->out[0] == '\0' ? ST_OUT_OF_SCOPE
						      : ST_OK;

	if (status != expected)
		fail_msg("'%s': %s, expected %s", pair->in, status_name(status), status_name(expected));
	if (status == ST_OK)
		assert_string_equal(url_text(arena, url), pair->out);
}

static void check_absolute(const struct pair *pairs, size_t count)
{
	struct url url;
	size_t i;

	for (i = 0; i < count; i++)
		check(url_parse(arena, pairs[i].in, &url), &url, &pairs[i]);
}

static void test_absolute(void **state)
{
	static const struct pair pairs[] = {
	    {"http://example.com", "http://example.com/"},
	    {"HTTPS://Example.COM./A?b#c", "https://example.com/A?b"},
	    {"http://example.com:80/", "http://example.com/"},
	    {"http://example.com:443/", "http://example.com:443/"},
	    {"https://example.com:443/", "https://example.com/"},
	    {"https://example.com:/", "https://example.com/"},
	    {"https://example.com:8443/x", "https://example.com:8443/x"},
	    {"http://example.com:65535/", "http://example.com:65535/"},
	    {"http://user:pass@example.com/", "http://example.com/"},
	    {"http://a@b@example.com/", "http://example.com/"},
	    {"http://example.com?q", "http://example.com/?q"},
	    {"http://example.com?", "http://example.com/?"},
	    {"http://example.com/?a=/../b", "http://example.com/?a=/../b"},
	    {"http://example.com\\path\\x?a\\b", "http://example.com/path/x?a%5Cb"},
	    {"http://example.com\\@evil.test/", "http://example.com/@evil.test/"},
	    {" \thttp://exa\nmple.com/a b\r\n", "http://example.com/a%20b"},
	    {"http://example.com/\xe4\xbd\xa0", "http://example.com/%E4%BD%A0"},
	    {"http://example.com/%7euser/%2f%zz%4", "http://example.com/~user/%2F%25zz%254"},
	    {"http://example.com/%%34e%4\ne", "http://example.com/%254eN"},
	    {"http://example.com/a/%2e%2E/b", "http://example.com/b"},
	    {"http://e%78ample.com/", "http://example.com/"},
	    {"http://example.com/\"<>^`{|}", "http://example.com/%22%3C%3E%5E%60%7B%7C%7D"},
	    {"http://a_b.example-1.test/", "http://a_b.example-1.test/"},
	    {"http://192.0.2.1/", "http://192.0.2.1/"},
	    {"http://[2001:DB8::0:1]:8080/x", "http://[2001:db8::1]:8080/x"},
	    {"http://[2001:db8::1]", "http://[2001:db8::1]/"},
	};

	(void)state;
	check_absolute(pairs, sizeof(pairs) / sizeof(*pairs));
}

static void test_not_valid(void **state)
{
	static const struct pair pairs[] = {
	    {"http://[192.0.2.1]/", NULL},
	    {"http://[2001:db8::1", NULL},
	    {"http://[2001:db8::1]x/", NULL},
	    {"http://[::1%25eth0]/", NULL},
	    {"http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/", NULL},
	    {"http://2001:db8::1/", NULL},
	    {"http://", NULL},
	    {"http:///path", NULL},
	    {"http:path", NULL},
	    {"http://@/", NULL},
	    {"http://./", NULL},
	    {"http://a..b/", NULL},
	    {"http://.a/", NULL},
	    {"http://a b/", NULL},
	    {"http://a%00b/", NULL},
	    {"http://\xe4\xbd\xa0\xe5\xa5\xbd.test/", NULL},
	    {"http://example.com:0/", NULL},
	    {"http://example.com:65536/", NULL},
	    {"http://example.com:99999999999999999999/", NULL},
	    {"http://example.com:8o/", NULL},
	    {"http://example.com:-1/", NULL},
	    {"", NULL},
	    {"/path", NULL},
	    {"//example.com/", NULL},
	    {"example.com", NULL},
	};

	(void)state;
	check_absolute(pairs, sizeof(pairs) / sizeof(*pairs));
}

static void test_other_schemes(void **state)
{
	static const struct pair pairs[] = {
	    {"ftp://example.com/", ""},
	    {"javascript:alert(1)", ""},
	    {"data:text/html,x", ""},
	    {"localhost:8080/", ""},
	};

	(void)state;
	check_absolute(pairs, sizeof(pairs) / sizeof(*pairs));
}

/* RFC 3986 sections 5.4.1 and 5.4.2. */
static void test_references(void **state)
{
	static const struct pair pairs[] = {
	    {"g:h", ""},
	    {"g", "http://a/b/c/g"},
	    {"./g", "http://a/b/c/g"},
	    {"g/", "http://a/b/c/g/"},
	    {"/g", "http://a/g"},
	    {"//g", "http://g/"},
	    {"?y", "http://a/b/c/d;p?y"},
	    {"g?y", "http://a/b/c/g?y"},
	    {"#s", "http://a/b/c/d;p?q"},
	    {"g#s", "http://a/b/c/g"},
	    {"g?y#s", "http://a/b/c/g?y"},
	    {";x", "http://a/b/c/;x"},
	    {"g;x", "http://a/b/c/g;x"},
	    {"g;x?y#s", "http://a/b/c/g;x?y"},
	    {"", "http://a/b/c/d;p?q"},
	    {".", "http://a/b/c/"},
	    {"./", "http://a/b/c/"},
	    {"..", "http://a/b/"},
	    {"../", "http://a/b/"},
	    {"../g", "http://a/b/g"},
	    {"../..", "http://a/"},
	    {"../../", "http://a/"},
	    {"../../g", "http://a/g"},
	    {"../../../g", "http://a/g"},
	    {"../../../../g", "http://a/g"},
	    {"/./g", "http://a/g"},
	    {"/../g", "http://a/g"},
	    {"g.", "http://a/b/c/g."},
	    {".g", "http://a/b/c/.g"},
	    {"g..", "http://a/b/c/g.."},
	    {"..g", "http://a/b/c/..g"},
	    {"./../g", "http://a/b/g"},
	    {"./g/.", "http://a/b/c/g/"},
	    {"g/./h", "http://a/b/c/g/h"},
	    {"g/../h", "http://a/b/c/h"},
	    {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
	    {"g;x=1/../y", "http://a/b/c/y"},
	    {"g?y/./x", "http://a/b/c/g?y/./x"},
	    {"g?y/../x", "http://a/b/c/g?y/../x"},
	    {"//g//h/..//i", "http://g///i"},
	    {"http://g", "http://g/"},
	    {"https://g/", "https://g/"},
	    {"\\\\g\\h", "http://g/h"},
	    {"g:80", ""},
	    {"//", NULL},
	    {"//[", NULL},
	};
	struct url base, url;
	size_t i;

	(void)state;
	assert_int_equal(url_parse(arena, "http://a/b/c/d;p?q", &base), ST_OK);
	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		check(url_resolve(arena, &base, pairs[i].in, &url), &url, &pairs[i]);
}

static void test_scheme_and_port_of_base(void **state)
{
	struct url base, url;

	(void)state;
	assert_int_equal(url_parse(arena, "https://a:8443/x/y", &base), ST_OK);
	assert_int_equal(url_resolve(arena, &base, "z", &url), ST_OK);
	assert_string_equal(url_text(arena, &url), "https://a:8443/x/z");
	assert_int_equal(url_resolve(arena, &base, "//b/z", &url), ST_OK);
	assert_string_equal(url_text(arena, &url), "https://b/z");
	assert_true(url.https);
	assert_int_equal(url.port, 443);
}

static void test_lengths(void **state)
{
	struct url base, url = {.host = "untouched"};
	char text[LIMIT_URL + 64];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://example.com/", 19);
	text[LIMIT_URL + 1] = '\0';
	assert_int_equal(url_parse(arena, text, &url), ST_INVALID);
	text[LIMIT_URL - 64] = '\0';
	assert_int_equal(url_parse(arena, text, &base), ST_OK);
	assert_true(strlen(url_text(arena, &base)) <= LIMIT_URL);
	/* What grows in mending, or by its base, is measured as well. */
	memset(text + 19, ' ', LIMIT_URL - 100);
	assert_int_equal(url_parse(arena, text, &url), ST_INVALID);
	text[19] = 'x';
	memset(text + 19, 'b', 100);
	text[19 + 100] = '\0';
	((char *)base.path)[strlen(base.path) - 1] = '/';
	assert_int_equal(url_resolve(arena, &base, text + 19, &url), ST_INVALID);
	assert_string_equal(url.host, "untouched");
	memset(text + 7, 'h', 64);
	memcpy(text + 7 + 64, ".test", 6);
	assert_int_equal(url_parse(arena, text, &url), ST_INVALID);
	memcpy(text + 7 + 63, ".test", 6);
	assert_int_equal(url_parse(arena, text, &url), ST_OK);
}

static void test_memory(void **state)
{
	struct arena *small = arena_new(16);
	struct url url;

	(void)state;
	assert_non_null(small);
	assert_int_equal(url_parse(small, "http://example.com/", &url), ST_NO_MEMORY);
	arena_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_absolute),
	    cmocka_unit_test(test_not_valid),
	    cmocka_unit_test(test_other_schemes),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_scheme_and_port_of_base),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
