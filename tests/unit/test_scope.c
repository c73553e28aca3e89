/* Who may be contacted: the IANA tables row by row, embedded IPv4 addresses, blocklists and their re-reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "blocklist.h"
#include "core/clock.h"
#include "scope.h"
#include "special.h"

static char folder[] = "/tmp/test_scope.XXXXXX";
static char path[sizeof(folder) + 16];

/* Written by hand from the registries, apart from the table under test: a network, and whether its first and
 * last address may be contacted. */
static const struct {
	const char *network;
	bool reachable;
} expectation[] = {
    {"0.0.0.0/8", false},
    {"1.0.0.0/8", true},
    {"10.0.0.0/8", false},
    {"11.0.0.0/8", true},
    {"100.63.0.0/16", true},
    {"100.64.0.0/10", false},
    {"100.128.0.0/9", true},
    {"126.0.0.0/8", true},
    {"127.0.0.0/8", false},
    {"128.0.0.0/8", true},
    {"169.253.0.0/16", true},
    {"169.254.0.0/16", false},
    {"169.254.169.254/32", false},
    {"169.255.0.0/16", true},
    {"172.15.0.0/16", true},
    {"172.16.0.0/12", false},
    {"172.32.0.0/16", true},
    {"191.255.0.0/16", true},
    {"192.0.0.0/29", false},
    {"192.0.0.8/32", false},
    {"192.0.0.9/32", true},
    {"192.0.0.10/32", true},
    {"192.0.0.11/32", false},
    {"192.0.0.170/31", false},
    {"192.0.0.0/24", false},
    {"192.0.1.0/24", true},
    {"192.0.2.0/24", false},
    {"192.0.3.0/24", true},
    {"192.31.196.0/24", true},
    {"192.52.193.0/24", true},
    {"192.88.98.0/24", true},
    {"192.88.99.0/24", false},
    {"192.88.100.0/24", true},
    {"192.167.0.0/16", true},
    {"192.168.0.0/16", false},
    {"192.169.0.0/16", true},
    {"192.175.48.0/24", true},
    {"198.17.0.0/16", true},
    {"198.18.0.0/15", false},
    {"198.20.0.0/16", true},
    {"198.51.99.0/24", true},
    {"198.51.100.0/24", false},
    {"198.51.101.0/24", true},
    {"203.0.112.0/24", true},
    {"203.0.113.0/24", false},
    {"203.0.114.0/24", true},
    {"223.0.0.0/8", true},
    {"224.0.0.0/4", false},
    {"240.0.0.0/4", false},
    {"255.255.255.255/32", false},
    {"::/128", false},
    {"::1/128", false},
    {"::2/128", false},
    {"::ffff:0:0/96", false},
    {"::/8", false},
    {"64:ff9b:1::/48", false},
    {"64:ff9b:2::/48", false},
    {"100::/64", false},
    {"100:0:0:1::/64", false},
    {"1fff::/16", false},
    {"2000::/16", true},
    {"2001::/32", false},
    {"2001:1::/128", false},
    {"2001:1::1/128", true},
    {"2001:1::2/128", true},
    {"2001:1::3/128", true},
    {"2001:1::4/128", false},
    {"2001:2::/48", false},
    {"2001:2:1::/48", false},
    {"2001:3::/32", true},
    {"2001:4:111::/48", false},
    {"2001:4:112::/48", true},
    {"2001:4:113::/48", false},
    {"2001:5::/32", false},
    {"2001:10::/28", false},
    {"2001:20::/28", true},
    {"2001:30::/28", true},
    {"2001:40::/28", false},
    {"2001:1ff::/32", false},
    {"2001:200::/32", true},
    {"2001:db7::/32", true},
    {"2001:db8::/32", false},
    {"2001:db9::/32", true},
    {"2002::/16", false},
    {"2003::/16", true},
    {"2620:4f:8000::/48", true},
    {"3ffe::/16", true},
    {"3fff::/20", false},
    {"3fff:1000::/20", true},
    {"4000::/3", false},
    {"5f00::/16", false},
    {"fbff::/16", false},
    {"fc00::/7", false},
    {"fe00::/9", false},
    {"fe80::/10", false},
    {"fec0::/10", false},
    {"ff00::/8", false},
};

static enum status check(const struct scope *scope, const char *text, const char **ret_reason)
{
	struct address address;

	assert_true(address_parse(&address, text));
	return scope_check_address(scope, &address, ret_reason);
}

static struct address last_of(const struct network *network)
{
	struct address last = network->address;
	unsigned bit, bits = last.family == 4 ? 32 : 128;

	for (bit = network->prefix; bit < bits; bit++)
		last.octet[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

static void test_registries(void **state)
{
	struct scope *scope = scope_new();
	struct network network;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(expectation) / sizeof(expectation[0]); i++) {
		enum status wanted = expectation[i].reachable ? ST_OK : ST_OUT_OF_SCOPE;
		const char *reason = NULL;
		struct address last;

		assert_true(network_parse(&network, expectation[i].network));
		last = last_of(&network);
		if (scope_check_address(scope, &network.address, &reason) != wanted ||
		    scope_check_address(scope, &last, &reason) != wanted)
			fail_msg("%s: judged wrongly (%s)", expectation[i].network, reason);
		assert_true((reason == NULL) == expectation[i].reachable);
	}
	assert_int_equal(scope_check_address(scope, &(struct address){0}, NULL), ST_OUT_OF_SCOPE);
	scope_free(scope);
}

static void test_reasons(void **state)
{
	struct scope *scope = scope_new();
	const char *reason = NULL;

	(void)state;
	check(scope, "127.0.0.1", &reason);
	assert_string_equal(reason, "loopback, RFC 1122 section 3.2.1.3");
	check(scope, "4000::1", &reason);
	assert_string_equal(reason, "outside of the global unicast space 2000::/3, RFC 4291 section 2.4");
	check(scope, "64:ff9b::10.1.2.3", &reason);
	assert_string_equal(reason, "NAT64 address inside: private use, RFC 1918");
	reason = "untouched";
	assert_int_equal(check(scope, "192.0.78.1", &reason), ST_OK);
	assert_string_equal(reason, "untouched");
	scope_free(scope);
}

static void test_embedded(void **state)
{
	static const struct {
		const char *address, *inside, *form;
	} cases[] = {
	    {"::ffff:192.0.2.1", "192.0.2.1", "IPv4-mapped"},
	    {"::192.0.2.1", "192.0.2.1", "IPv4-compatible"},
	    {"::ffff:0:192.0.2.1", "192.0.2.1", "IPv4-translated"},
	    {"64:ff9b::192.0.2.1", "192.0.2.1", "NAT64"},
	    {"64:ff9b:1:c000:2:100::", "192.0.2.1", "local NAT64"},
	    {"2002:c000:201::1", "192.0.2.1", "6to4"},
	    {"2001:0:c000:201::", "192.0.2.1", "Teredo server"},
	    {"2a00::5efe:192.0.2.1", "192.0.2.1", "ISATAP"},
	    {"2a00::200:5efe:192.0.2.1", "192.0.2.1", "ISATAP"},
	};
	struct embedded embedded[EMBEDDED_MAX];
	char text[ADDRESS_TEXT];
	struct address address;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(address_parse(&address, cases[i].address));
		assert_true(special_embedded(&address, embedded) >= 1);
		assert_string_equal(address_text(&embedded[0].address, text), cases[i].inside);
		assert_string_equal(embedded[0].form, cases[i].form);
	}
	/* RFC 4380 section 4 has this example: the client is obscured. */
	assert_true(address_parse(&address, "2001:0:4136:e378:8000:63bf:3fff:fdd2"));
	assert_int_equal(special_embedded(&address, embedded), 2);
	assert_string_equal(address_text(&embedded[1].address, text), "192.0.2.45");
	assert_true(address_parse(&address, "2a00::1"));
	assert_int_equal(special_embedded(&address, embedded), 0);
	assert_true(address_parse(&address, "192.0.2.1"));
	assert_int_equal(special_embedded(&address, embedded), 0);
}

static void test_embedded_judged(void **state)
{
	struct scope *scope = scope_new();

	(void)state;
	assert_int_equal(check(scope, "64:ff9b::8.8.8.8", NULL), ST_OK);
	assert_int_equal(check(scope, "64:ff9b::127.0.0.1", NULL), ST_OUT_OF_SCOPE);
	assert_int_equal(check(scope, "64:ff9b::169.254.169.254", NULL), ST_OUT_OF_SCOPE);
	assert_int_equal(check(scope, "2a00::5efe:8.8.8.8", NULL), ST_OK);
	assert_int_equal(check(scope, "2a00::5efe:10.0.0.1", NULL), ST_OUT_OF_SCOPE);
	assert_int_equal(check(scope, "::ffff:8.8.8.8", NULL), ST_OUT_OF_SCOPE);
	assert_int_equal(check(scope, "2002:7f00:1::1", NULL), ST_OUT_OF_SCOPE);
	scope_free(scope);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A time of the last change, `seconds` ago. */
static void date_file(long seconds)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

	times[1].tv_sec = clock_wall() / 1000000 - seconds;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_allow_net(void **state)
{
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR];

	(void)state;
	assert_int_equal(scope_allow_net(scope, "127.0.0.0/8"), ST_OK);
	assert_int_equal(scope_allow_net(scope, "fd00::1"), ST_OK);
	assert_int_equal(scope_allow_net(scope, "127.0.0.0/33"), ST_INVALID);
	assert_int_equal(scope_allow_net(scope, "localhost"), ST_INVALID);
	assert_int_equal(scope_allow_net(scope, ""), ST_INVALID);
	assert_int_equal(check(scope, "127.255.0.1", NULL), ST_OK);
	assert_int_equal(check(scope, "fd00::1", NULL), ST_OK);
	assert_int_equal(check(scope, "fd00::2", NULL), ST_OUT_OF_SCOPE);
	assert_int_equal(check(scope, "10.0.0.1", NULL), ST_OUT_OF_SCOPE);
	/* Only the address itself is named by it, not other ways to it. */
	assert_int_equal(check(scope, "64:ff9b::127.0.0.1", NULL), ST_OUT_OF_SCOPE);
	write_file("127.0.0.1\n");
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_OK);
	assert_int_equal(check(scope, "127.0.0.1", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "127.0.0.2", NULL), ST_OK);
	scope_free(scope);
}

static void test_blocklist(void **state)
{
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR], wanted[SCOPE_ERROR];
	const char *reason = NULL;

	(void)state;
	write_file("\xef\xbb\xbf# wishes\n"
		   "\n"
		   "  8.8.8.0/24   # asked by mail\r\n"
		   "8.8.8.8\n"
		   "8.0.0.0/16\n"
		   "2a00:1::/32\n"
		   "::ffff:9.9.9.0/120\n"
		   "Example.ORG.\n"
		   "*.wild.example\n"
		   "b\xc3\xbc"
		   "cher.example\n"
		   "_dmarc.under.example");
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_OK);
	assert_int_equal(scope_rule_count(scope), 9);
	assert_int_equal(check(scope, "8.8.8.8", &reason), ST_BLOCKLISTED);
	snprintf(wanted, sizeof(wanted), "8.8.8.0/24, line 3 of %s", path);
	assert_string_equal(reason, wanted);
	assert_int_equal(check(scope, "8.8.7.255", NULL), ST_OK);
	assert_int_equal(check(scope, "8.8.8.255", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "8.8.9.0", NULL), ST_OK);
	assert_int_equal(check(scope, "8.0.255.255", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "8.1.0.0", NULL), ST_OK);
	assert_int_equal(check(scope, "2a00:1:ffff::1", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "2a00:2::1", NULL), ST_OK);
	assert_int_equal(check(scope, "9.9.9.9", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "64:ff9b::8.8.8.8", NULL), ST_BLOCKLISTED);
	assert_int_equal(check(scope, "2002:808:808::1", NULL), ST_BLOCKLISTED);

	assert_int_equal(scope_check_domain(scope, "example.org", &reason), ST_BLOCKLISTED);
	snprintf(wanted, sizeof(wanted), "example.org, line 8 of %s", path);
	assert_string_equal(reason, wanted);
	assert_int_equal(scope_check_domain(scope, "WWW.a.example.org.", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_check_domain(scope, "badexample.org", NULL), ST_OK);
	assert_int_equal(scope_check_domain(scope, "org", NULL), ST_OK);
	assert_int_equal(scope_check_domain(scope, "wild.example", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_check_domain(scope, "xn--bcher-kva.example", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_check_domain(scope, "_dmarc.under.example", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_check_domain(scope, "under.example", NULL), ST_OK);
	assert_int_equal(scope_check_domain(scope, "", NULL), ST_OK);
	scope_free(scope);
}

static void test_faults(void **state)
{
	static const char *const lines[] = {"10.0.0.300", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "::g", "a..b",
	    "a b", ".", "*.", "\xff\xfe.example", "1.2.3.4:80", "http://example.org/"};
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR], text[64], wanted[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "8.8.8.8\n\n%s\n", lines[i]);
		snprintf(wanted, sizeof(wanted), "%s:3: ", path);
		write_file(text);
		if (scope_load_blocklist(scope, path, error) != ST_INVALID)
			fail_msg("\"%s\" was taken", lines[i]);
		assert_ptr_equal(strstr(error, wanted), error);
	}
	assert_int_equal(check(scope, "8.8.8.8", NULL), ST_OK);
	assert_int_equal(scope_load_blocklist(scope, "/nonexistent/list", error), ST_NOT_FOUND);
	assert_int_equal(scope_load_blocklist(scope, folder, error), ST_SYSTEM);
	assert_int_equal(scope_rule_count(scope), 0);
	scope_free(scope);
}

static void test_hostile_lines(void **state)
{
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR];
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fprintf(file, "#%*s\n8.8.8.8\n", LIMIT_LINE, "");
	fclose(file);
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_INVALID);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite("8.8.8.8\0 \n", 1, 10, file), 10);
	fclose(file);
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_INVALID);
	scope_free(scope);
}

static void test_reload(void **state)
{
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR] = "";
	const char *reason = NULL;
	bool changed = true;

	(void)state;
	write_file("8.8.8.8\n");
	date_file(100);
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_OK);
	check(scope, "8.8.8.8", &reason);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK);
	assert_false(changed);

	write_file("9.9.9.9\nexample.org\n");
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK);
	assert_false(changed); /* it was written a moment ago */
	date_file(50);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK);
	assert_true(changed);
	assert_int_equal(check(scope, "8.8.8.8", NULL), ST_OK);
	assert_int_equal(check(scope, "9.9.9.9", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_check_domain(scope, "www.example.org", NULL), ST_BLOCKLISTED);
	assert_non_null(strstr(reason, "8.8.8.8/32, line 1")); /* outlives its rule */

	write_file("not an address\n");
	date_file(40);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_INVALID);
	assert_non_null(strstr(error, ":1: "));
	assert_int_equal(check(scope, "9.9.9.9", NULL), ST_BLOCKLISTED);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK); /* said once */
	assert_false(changed);

	unlink(path);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_NOT_FOUND);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK);
	assert_int_equal(check(scope, "9.9.9.9", NULL), ST_BLOCKLISTED);
	write_file("8.8.4.4\n");
	date_file(30);
	assert_int_equal(scope_reload_if_changed(scope, &changed, error), ST_OK);
	assert_true(changed);
	assert_int_equal(check(scope, "9.9.9.9", NULL), ST_OK);
	assert_int_equal(check(scope, "8.8.4.4", NULL), ST_BLOCKLISTED);
	scope_free(scope);
}

/* 100,000 networks that leave gaps, some inside of others: each answer against a computed one. */
static void test_large(void **state)
{
	struct scope *scope = scope_new();
	char error[SCOPE_ERROR];
	FILE *file = fopen(path, "w");
	clock_t started;
	unsigned i;

	(void)state;
	assert_non_null(file);
	for (i = 0; i < 100000; i++) /* odd /24 networks from 32.0.0.0 on, in no order */
		fprintf(file, "%u.%u.%u.0/24\n", 32 + (i * 7919 % 100000) / 32768,
		    (i * 7919 % 100000) / 128 % 256, (i * 7919 % 100000) % 128 * 2 + 1);
	fputs("33.7.0.0/16\n", file);
	fclose(file);
	assert_int_equal(scope_load_blocklist(scope, path, error), ST_OK);
	assert_int_equal(scope_rule_count(scope), 100001);
	started = clock();
	for (i = 0; i < 4 * 65536; i++) {
		struct address a = {4, {(uint8_t)(32 + i / 65536), (uint8_t)(i / 256), (uint8_t)i, 77}};
		unsigned number = i / 65536 * 32768 + i / 256 % 256 * 128 + i % 256 / 2;
		bool blocked = (i % 2 == 1 && number < 100000) || (a.octet[0] == 33 && a.octet[1] == 7);

		if ((scope_check_address(scope, &a, NULL) == ST_BLOCKLISTED) != blocked)
			fail_msg("%u.%u.%u.77", a.octet[0], a.octet[1], a.octet[2]);
	}
	/* Processor time, far from both: a search takes 0.1 s in all, looking at every rule a minute. */
	assert_true(clock() - started < 8 * CLOCKS_PER_SEC);
	scope_free(scope);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/blocklist", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_registries),
	    cmocka_unit_test(test_reasons),
	    cmocka_unit_test(test_embedded),
	    cmocka_unit_test(test_embedded_judged),
	    cmocka_unit_test(test_allow_net),
	    cmocka_unit_test(test_blocklist),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_hostile_lines),
	    cmocka_unit_test(test_reload),
	    cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
