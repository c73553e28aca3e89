#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "probes/robots.h"

static void check(const char *text, const char *path, bool allowed)
{
	if (robots_allows(text, strlen(text), "mooring", path) != allowed)
		fail_msg("%s should be %s by:\n%s", path, allowed ? "allowed" : "disallowed", text);
}

static void test_groups(void **state)
{
	(void)state;
	check("", "/", true);
	check("User-agent: *\nDisallow: /\n", "/", false);
	check("User-agent: *\nDisallow:\n", "/", true);
	check("User-agent: *\nDisallow: /\n", "/robots.txt", true);
	check("User-agent: other\nDisallow: /\n", "/", true);
	check("User-agent: MOORING\nDisallow: /\n", "/", false);
	check("User-agent: Mooring/2.0 (x)\nDisallow: /\n", "/", false);
	check("User-agent: mooringbot\nDisallow: /\n", "/", true);
	check("User-agent: moor\nDisallow: /\n", "/", true);
	/* The group that names the crawler is for it alone, also when it says nothing. */
	check("User-agent: *\nDisallow: /\n\nUser-agent: mooring\nAllow: /\n", "/", true);
	check("User-agent: *\nDisallow: /\n\nUser-agent: mooring\n", "/", true);
	check("User-agent: mooring\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\n", "/b", true);
	/* Several groups for one crawler are one. */
	check("User-agent: mooring\nDisallow: /a\n\nUser-agent: x\nDisallow: /\n\nUser-agent: "
	      "mooring\nDisallow: /b",
	    "/b", false);
	check("User-agent: mooring\nDisallow: /a\n\nUser-agent: x\nDisallow: /\n\nUser-agent: "
	      "mooring\nDisallow: /b",
	    "/c", true);
	/* Several names for one group; other lines between them do not end it. */
	check("User-agent: x\nUser-agent: mooring\nDisallow: /\n", "/", false);
	check("User-agent: mooring\nCrawl-delay: 5\nSitemap: https://x/\n\nUser-agent: x\nDisallow: /\n", "/",
	    false);
	check("User-agent: x\nDisallow: /\nUser-agent: mooring\nDisallow: /a\n", "/", true);
	/* Rules before any group are nobody's. */
	check("Disallow: /\n", "/", true);
}

static void test_longest_match(void **state)
{
	const char *text = "User-agent: *\nAllow: /p\nDisallow: /\n";

	(void)state;
	check(text, "/page", true);
	check(text, "/other", false);
	check("User-agent: *\nDisallow: /p\nAllow: /p\n", "/page", true);
	check("User-agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
	    "/example/page/disallowed.gif", false);
	check("User-agent: *\nAllow: /$\nDisallow: /\n", "/", true);
	check("User-agent: *\nAllow: /$\nDisallow: /\n", "/page.htm", false);
	check("User-agent: *\nAllow: /page\nDisallow: /*.htm\n", "/page.htm", false);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} cases[] = {
	    {"/fish", "/fish.html", true},
	    {"/fish", "/Fish", false},
	    {"/fish", "/catfish", false},
	    {"/fish*", "/fishheads", true},
	    {"/fish/", "/fish", false},
	    {"/*.php", "/folder/filename.php?parameters", true},
	    {"/*.php", "/windows.PHP", false},
	    {"/*.php$", "/filename.php", true},
	    {"/*.php$", "/filename.php?p", false},
	    {"/*.php$", "/a.php/b.php", true},
	    {"/fish*.php", "/fishheads/catfish.php?p", true},
	    {"*", "/", true},
	    {"*$", "/x", true},
	    {"/a*b*c$", "/axxbxxbc", true},
	    {"/a*b*c$", "/axxbxxbcd", false},
	    {"/a$b", "/a$b", true},
	    {"/a$", "/a$", false},
	    {"$", "/", false},
	    {"/%7Ea", "/~a", true},
	    {"/~a", "/%7ea", true},
	    {"/a%2Fb", "/a/b", false},
	    {"/a%2fb", "/a%2Fb", true},
	    {"/\xe4\xbd\xa0", "/%E4%BD%A0", true},
	    {"/%E4%BD%A0", "/\xe4\xbd\xa0x", true},
	    {"/%", "/%", true},
	    {"/%4", "/%41", false},
	    {"fish", "/fish", false},
	    {"/a?b", "/a?b=1", true},
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "User-agent: *\nDisallow: %s\n", cases[i].pattern);
		check(text, cases[i].path, !cases[i].match);
	}
}

static void test_forms(void **state)
{
	static const char with_nul[] = "User-agent: *\nDisallow: /a\0b\nDisallow: /c\n";
	const char *token = "User-agent: A-b_c\nDisallow: /";

	(void)state;
	check("\xef\xbb\xbfUser-agent: *\nDisallow: /\n", "/", false);
	check("User-agent: *\rDisallow: /\r", "/", false);
	check("User-agent: *\r\nDisallow: /\r\n", "/", false);
	check("User-agent: *\n\n\nDisallow: /", "/", false);
	check("  USER-AGENT :  *  # all\n\tdisallow\t:\t/x # comment\n", "/x", false);
	check("User-agent *\nDisallow /\n", "/", false);
	check("User-agent: *\n# Disallow: /\n", "/", true);
	check("User-agent: *\nDisallow\n:\n: /\n#\n", "/", true);
	check("<html><body>User-agent: *</body></html>\nDisallow: /\n", "/", true);
	check("User-agent: * other\nDisallow: /\n", "/", false);
	assert_false(robots_allows(with_nul, sizeof(with_nul) - 1, "mooring", "/c"));
	assert_true(robots_allows(with_nul, sizeof(with_nul) - 1, "mooring", "/a"));
	assert_false(robots_allows(token, strlen(token), "a-B_C/1.0 (x)", "/"));
}

/* A file made to take long: answered soon, and on the safe side. */
static void test_slow_patterns(void **state)
{
	enum { SIZE = 512 * 1024, PATH = 8 * 1024 };
	char *text = malloc(SIZE), *path = malloc(PATH + 1);
	clock_t start = clock();
	size_t i;

	(void)state;
	assert_non_null(text);
	assert_non_null(path);
	memset(text, 'a', SIZE);
	memcpy(text, "User-agent: *\n", 14);
	for (i = 14; i + 2000 < SIZE; i += 2000) {
		memcpy(text + i, "\nDisallow: /*", 13);
		text[i + 1999] = 'b';
	}
	memset(path, 'a', PATH);
	path[0] = '/';
	path[PATH] = '\0';
	assert_false(robots_allows(text, SIZE, "mooring", path));
	assert_true(clock() - start < CLOCKS_PER_SEC);
	assert_true(robots_allows(text, SIZE, "mooring", "/"));
	free(text);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_longest_match),
	    cmocka_unit_test(test_patterns),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_slow_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
