#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"

static struct domain_rules *rules;

static void expect(const char *text, const char *name, const char *registrable)
{
	struct domain domain = {.name = "untouched"};
	const char *fault = NULL;

	if (domain_parse(rules, text, &domain, &fault) != ST_OK)
		fail_msg("'%s' was refused: %s", text, fault);
	assert_string_equal(domain.name, name);
	assert_string_equal(domain.registrable, registrable);
}

static void expect_fault(const char *text, const char *part)
{
	struct domain domain = {.name = "untouched"};
	const char *fault = NULL;

	if (domain_parse(rules, text, &domain, &fault) != ST_INVALID)
		fail_msg("'%s' was taken as %s", text, domain.name);
	assert_string_equal(domain.name, "untouched");
	if (strstr(fault, part) == NULL)
		fail_msg("'%s' %s: does not say '%s'", text, fault, part);
	/* What is wrong, and what to do. */
	assert_non_null(strstr(fault, ". "));
}

static void takes_what_people_type(void **state)
{
	(void)state;
	expect("example.org", "example.org", "example.org");
	expect(" \tExample.ORG \r\n", "example.org", "example.org");
	expect("example.org.", "example.org", "example.org");
	expect("https://User@Example.org:443/path", "example.org", "example.org");
	expect("http://a:b@example.org?x=@y", "example.org", "example.org");
	expect("//example.org#f", "example.org", "example.org");
	expect("example.org/a@b", "example.org", "example.org");
	expect("example.org:8080", "example.org", "example.org");
	expect("r3---sn-x.example.org", "r3---sn-x.example.org", "example.org");
	expect("a_b.example.org", "a_b.example.org", "example.org");
}

static void cuts_www_off_a_registrable_domain_only(void **state)
{
	(void)state;
	expect("www.example.org", "example.org", "example.org");
	expect("www.news.example.org", "www.news.example.org", "example.org");
	expect("www.com", "www.com", "www.com");
	expect("www.co.uk", "www.co.uk", "www.co.uk");
	expect("www.ck", "www.ck", "www.ck");
}

static void maps_as_browsers_do(void **state)
{
	(void)state;
	expect("B\u00fccher.example", "xn--bcher-kva.example", "xn--bcher-kva.example");
	expect("fa\u00df.de", "xn--fa-hia.de", "xn--fa-hia.de");
	expect("XN--FA-HIA.DE", "xn--fa-hia.de", "xn--fa-hia.de");
	expect("e\u0301.com", "xn--9ca.com", "xn--9ca.com");
	expect("\uff45xample\u3002org", "example.org", "example.org");
	expect("\u4f8b\u5b50.\u516c\u53f8.cn", "xn--fsqu00a.xn--55qx5d.cn", "xn--fsqu00a.xn--55qx5d.cn");
}

static void splits_by_the_whole_list(void **state)
{
	(void)state;
	expect("a.b.example.co.uk", "a.b.example.co.uk", "example.co.uk");
	expect("www.user.github.io", "user.github.io", "user.github.io");
	expect("x.y.unknown-tld", "x.y.unknown-tld", "y.unknown-tld");
	expect_fault("github.io", "public suffix");
	expect_fault("co.uk", "public suffix");
	expect_fault("https://gov.cn/", "public suffix");
	expect_fault("\u516c\u53f8.cn", "public suffix");
	expect_fault("foo.ck", "public suffix");
}

static void refuses_addresses_in_any_form(void **state)
{
	static const char *const address[] = {"192.0.2.1", "http://192.0.2.1/", "192.0.2.1:80", "192.0.2.1.",
	    "2001:db8::1", "[2001:db8::1]", "https://[2001:db8::1]:443/", "::ffff:192.0.2.1",
	    "\uff11\uff19\uff12.0.2.1"};
	static const char *const number[] = {"127.1", "2130706433", "0x7f.1", "example.0x7f", "example.1"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(address) / sizeof(*address); i++)
		expect_fault(address[i], "IP address");
	for (i = 0; i < sizeof(number) / sizeof(*number); i++)
		expect_fault(number[i], "number");
}

static void refuses_what_is_no_domain(void **state)
{
	(void)state;
	expect_fault("", "empty");
	expect_fault(" \t", "empty");
	expect_fault("http://", "empty");
	expect_fault("http://user@/", "empty");
	expect_fault("localhost", "single label");
	expect_fault("info@example.org", "mail address");
	expect_fault("mailto:info@example.org", "mail address");
	expect_fault("a b.org", "characters");
	expect_fault("*.example.org", "characters");
	expect_fault("a%62.org", "characters");
	expect_fault("a_b.org", "characters");
	expect_fault("example.org,x", "characters");
	expect_fault("example.org:http", "port");
	expect_fault("a..example.org", "empty label");
	expect_fault(".example.org", "empty label");
	expect_fault("example.org..", "empty label");
	expect_fault("-a.example.org", "hyphen");
	expect_fault("a-.example.org", "hyphen");
	expect_fault("\xff.example.org", "UTF-8");
	expect_fault("xn--a.example", "IDNA2008");
	expect_fault("a\u200db.example", "IDNA2008");
	expect_fault("\u05d0a.example", "IDNA2008");
}

/* A name of `labels` labels of `length` characters each, with the last one org. */
static void make_name(char *ret_name, size_t labels, size_t length)
{
	size_t i;

	for (i = 0; i < labels; i++) {
		memset(ret_name, 'a', length);
		ret_name[length] = '.';
		ret_name += length + 1;
	}
	memcpy(ret_name, "org", 4);
}

static void knows_the_longest_names(void **state)
{
	char name[8192];

	(void)state;
	make_name(name, 1, 63);
	expect(name, name, name);
	make_name(name, 1, 64);
	expect_fault(name, "63");
	make_name(name, 50, 4); /* 253 characters */
	expect(name, name, name + strlen(name) - 8);
	make_name(name, 125, 1);
	expect(name, name, name + strlen(name) - 5);
	make_name(name, 126, 1); /* 255 characters */
	expect_fault(name, "253");
	make_name(name, 1000, 5);
	expect_fault(name, "253");
	memcpy(name, "\u00e9", 2);
	expect_fault(name, "253");
}

static void registrable_points_into_the_host(void **state)
{
	const char *host = "a.b.example.co.uk";

	(void)state;
	assert_ptr_equal(domain_registrable(rules, host), host + 4);
	assert_string_equal(domain_registrable(rules, "example.org."), "example.org.");
	assert_string_equal(domain_registrable(rules, "co.uk"), "");
	assert_string_equal(domain_registrable(rules, "192.0.2.1"), "");
	assert_string_equal(domain_registrable(rules, "192.0.2.1."), "");
	assert_string_equal(domain_registrable(rules, "2001:db8::1"), "");
	assert_string_equal(domain_registrable(rules, ""), "");
	assert_string_equal(domain_registrable(rules, ".org"), "");
}

static void shows_unicode_where_it_fits(void **state)
{
	char text[32], small[8];

	(void)state;
	assert_string_equal(
	    domain_to_unicode("xn--bcher-kva.example", text, sizeof(text)), "b\u00fccher.example");
	assert_string_equal(domain_to_unicode("example.org", text, sizeof(text)), "example.org");
	assert_string_equal(domain_to_unicode("xn--\xff", text, sizeof(text)), "xn--\xff");
	assert_string_equal(domain_to_unicode("xn--bcher-kva.example", small, sizeof(small)), "xn--bch");
}

static void reads_a_list_from_a_file(void **state)
{
	char path[] = "/tmp/mooring-psl-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct domain_rules *own;

	(void)state;
	assert_non_null(file);
	fputs("// ===BEGIN ICANN DOMAINS===\norg\nown.example\n// ===END ICANN DOMAINS===\n", file);
	fclose(file);
	own = domain_rules_new(path);
	assert_non_null(own);
	assert_string_equal(domain_registrable(own, "a.b.own.example"), "b.own.example");
	domain_rules_free(own);
	unlink(path);
	assert_null(domain_rules_new(path));
	assert_null(domain_rules_new("/dev/null"));
	domain_rules_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_people_type),
	    cmocka_unit_test(cuts_www_off_a_registrable_domain_only),
	    cmocka_unit_test(maps_as_browsers_do),
	    cmocka_unit_test(splits_by_the_whole_list),
	    cmocka_unit_test(refuses_addresses_in_any_form),
	    cmocka_unit_test(refuses_what_is_no_domain),
	    cmocka_unit_test(knows_the_longest_names),
	    cmocka_unit_test(registrable_points_into_the_host),
	    cmocka_unit_test(shows_unicode_where_it_fits),
	    cmocka_unit_test(reads_a_list_from_a_file),
	};
	int failed;

	rules = domain_rules_new(NULL);
	failed = rules == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	domain_rules_free(rules);
	return failed;
}
