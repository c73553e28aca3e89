/* Page records: what is read from a body, and what a hostile one costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/page.h"

static struct arena *arena;
static struct page_links links;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(LIMIT_TARGET_MEMORY);
	return arena == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct record *record_of(const char *content_type, int code, const void *body, size_t length)
{
	struct page_input in = {.domain = "example.org",
	    .address = "192.0.2.1",
	    .port = 443,
	    .host = "www.example.org",
	    .url = "https://www.example.org/",
	    .http_status_code = code,
	    .content_type = content_type,
	    .body = body,
	    .body_length = length};
	struct record *record = page_record(arena, &in, &links);

	assert_non_null(record);
	assert_ptr_equal(record->schema, &page_schema);
	return record;
}

static struct record *page_of(const char *html)
{
	return record_of("text/html; charset=utf-8", 200, html, strlen(html));
}

static void check_text(const struct record *record, const char *field, const char *expected)
{
	const char *text = record_get_text(record, field);

	if (expected == NULL) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
	}
}

static void check_int(const struct record *record, const char *field, int64_t expected)
{
	assert_non_null(record_get(record, field));
	assert_int_equal(record_get(record, field)->integer, expected);
}

/* The texts of a list, joined by spaces. */
static void check_list(const struct record *record, const char *field, const char *expected)
{
	const struct value *value = record_get(record, field);
	struct buf out = {0};
	size_t i;

	assert_non_null(value);
	for (i = 0; i < value->texts.count; i++)
		buf_printf(&out, "%s%s", i > 0 ? " " : "", value->texts.item[i].data);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void check_identifiers(const struct record *record, const char *expected)
{
	const struct value *value = record_get(record, "identifiers");
	struct buf out = {0};
	size_t i;

	assert_non_null(value);
	for (i = 0; i < value->rows.count; i++)
		buf_printf(&out, "%s%s=%s", i > 0 ? " " : "", value->rows.item[3 * i].text.data,
		    value->rows.item[3 * i + 1].text.data);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void test_response(void **state)
{
	struct record *record = page_of("<p>abc");

	(void)state;
	assert_int_equal(record->status, ST_OK);
	assert_string_equal(record->domain, "example.org");
	check_text(record, "address", "192.0.2.1");
	check_int(record, "port", 443);
	check_text(record, "host", "www.example.org");
	check_text(record, "url", "https://www.example.org/");
	check_int(record, "http_status_code", 200);
	check_int(record, "body_length", 6);
	check_text(record, "body_sha256", "d03862b547e5dbb21797bfcbd48bf4c474675e344b706e6445554ab6227de3a1");
	check_text(record, "text_sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_int(record, "text_length", 3);
	check_text(record, "title", NULL);
	check_list(record, "link_hosts", "");
	check_identifiers(record, "");
}

static void test_title(void **state)
{
	(void)state;
	check_text(
	    page_of("<TITLE>\n 福州\u3000警侨&nbsp;服务&#x7ad9;\t</TITLE>"), "title", "福州 警侨 服务站");
	check_text(page_of("<title>a</title><title>b</title>"), "title", "a");
	check_text(page_of("<svg><title>icon</title></svg><title>page</title>"), "title", "page");
	check_text(page_of("<!-- <title>no</title> --><script>'<title>no</title>'</script>"), "title", NULL);
	check_text(page_of("<title> </title>"), "title", NULL);
	check_text(page_of("<title>a <b>c</b>"), "title", "a <b>c</b>");
}

static void test_chinese_encodings(void **state)
{
	static const char gbk[] = "<meta charset=gb2312><title>\xb8\xa3\xd6\xdd\xbe\xaf\xc7\xc8</title>";
	static const char big5[] = "<title>\xba\xd6\xa6\x7b\xc4\xb5\xb9\xb4</title>";
	struct record *record;

	(void)state;
	record = record_of("text/html", 200, gbk, sizeof(gbk) - 1);
	check_text(record, "title", "福州警侨");
	check_text(record, "charset", "gbk");
	check_text(record, "charset_source", "meta");
	check_text(record, "charset_declared", "gb2312");
	check_int(record, "charset_errors", 0);
	record = record_of("text/html;charset=Big5", 200, big5, sizeof(big5) - 1);
	check_text(record, "title", "福州警僑");
	check_text(record, "charset", "big5");
	check_text(record, "charset_source", "header");
}

static void test_long_title(void **state)
{
	struct buf html = {0};
	const char *title;
	int i;

	(void)state;
	buf_add_text(&html, "<title>x");
	for (i = 0; i < LIMIT_SHORT_TEXT; i++)
		buf_add_text(&html, "中");
	title = record_get_text(page_of(buf_text(&html)), "title");
	assert_non_null(title);
	assert_int_equal(strlen(title), 4096);
	assert_true(text_is_valid(title, strlen(title)));
	buf_release(&html);
}

static void test_head(void **state)
{
	struct record *record = page_of(
	    "<!DOCTYPE html><html Lang=' zh-CN '><head><META content='a &amp; b' name=Description>"
	    "<meta name=\"generator\" content=\"PTcms\"><base href='/sub/'><link rel=canonical "
	    "href=https://c.example/x>"
	    "<meta content='dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8' name=google-site-verification>"
	    "<meta http-equiv=Refresh content=\"5; URL='/next page'\"></head>");

	(void)state;
	check_text(record, "lang", "zh-CN");
	check_text(record, "description", "a & b");
	check_text(record, "generator", "PTcms");
	check_text(record, "canonical_url", "https://c.example/x");
	check_text(record, "refresh_url", "/next page");
	check_identifiers(record, "google_site_verification=dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8");
	assert_string_equal(links.base, "/sub/");
	assert_null(links.favicon);
}

static void check_refresh(const char *content, const char *expected)
{
	struct buf html = {0};

	buf_printf(&html, "<meta http-equiv=refresh content=\"%s\">", content);
	check_text(page_of(buf_text(&html)), "refresh_url", expected);
	buf_release(&html);
}

static void test_refresh(void **state)
{
	(void)state;
	check_refresh("0;url=http://a.example/", "http://a.example/");
	check_refresh("0; URL = x.html ", "x.html");
	check_refresh("0, x.html", "x.html");
	check_refresh("3;urls", "urls");
	check_refresh("30", NULL);
	check_refresh("", NULL);
	check_refresh("0;url=", NULL);
}

static void test_favicon(void **state)
{
	(void)state;
	page_of("<link rel='apple-touch-icon' href=a><link href=/f.ico rel='Shortcut Icon'><link rel=icon "
		"href=b>");
	assert_string_equal(links.favicon, "/f.ico");
	page_of("<link rel=icon type=image/svg+xml href=a.svg><link rel=icon href=b.png>");
	assert_string_equal(links.favicon, "b.png");
	page_of(
	    "<link rel=icon href='data:image/png;base64,AAAA'><link rel=icon type=image/svg+xml href=a.svg>");
	assert_string_equal(links.favicon, "a.svg");
	page_of("<link rel=mask-icon href=a><link rel=icon href=' '>");
	assert_null(links.favicon);
}

static void test_visible_text(void **state)
{
	struct record *record = page_of(
	    "<title>t</title><style>s</style><h1>Wel<b>come</b>\n<br>here</h1><p>a<p>b<script>c</script>"
	    "<noscript>n</noscript><template>t</template>&nbsp;<!-- d --> e<textarea>f</textarea>");

	(void)state;
	/* "Welcome here a b e" */
	check_int(record, "text_length", 18);
	check_text(record, "h1", "Welcome here");
	check_text(record, "text_sha256", "bafe087fd899bfd67a708af08b8e43d585c2119d7b6a8538da05ff84bc2b6ed7");
}

static void test_hosts(void **state)
{
	struct record *record = page_of(
	    "<script src=//B.example/x></script><img src='http://a.example:8080/y'><img src=/local>"
	    "<img src='https://user:pw@a.example/'><iframe src=https://[2001:DB8::1]/></iframe>"
	    "<link rel=stylesheet href=https://css.example./><link rel=alternate href=https://alt.example/>"
	    "<img src=data:image/gif;base64,xxxx><img src=http://><img src='http://a b/'><script "
	    "src='//${x}/'></script>"
	    "<a href=https://z.example/?q>x</a><a href=HTTP://Y.example>y</a><a href=mailto:a@m.example>m</a>"
	    "<a href=https://y.example/2>y</a><a href=javascript:x>j</a><a href='//中.example/'>c</a>");

	(void)state;
	check_list(record, "resource_hosts", "[2001:db8::1] a.example b.example css.example");
	check_list(record, "link_hosts", "y.example z.example 中.example");
}

static void test_many_hosts(void **state)
{
	struct buf html = {0};
	struct record *record;
	int i;

	(void)state;
	for (i = 0; i < 2 * PAGE_HOSTS; i++)
		buf_printf(&html, "<a href=//h%d.example/>", i);
	record = page_of(buf_text(&html));
	assert_int_equal(record_get(record, "link_hosts")->texts.count, PAGE_HOSTS);
	assert_true(record_get(record, "page_capped")->boolean);
	assert_false(record_get(page_of("x"), "page_capped")->boolean);
	buf_release(&html);
}

static void test_identifiers(void **state)
{
	struct record *record = page_of(
	    "<script>var _hmt; hm.src='https://hm.baidu.com/hm.js?0a1b2c3d4e5f60718293a4b5c6d7e8f9'</script>"
	    "<script src=\"https://s4.cnzz.com/z_stat.php?id=5551234&amp;web_id=5551239\"></script>"
	    "<p>闽<span>ICP备</span> 09012345<b>号</b>-1 "
	    "<a href='http://www.beian.gov.cn/portal/registerSystemInfo?recordcode=35010202001234'>x</a>"
	    "<ins data-ad-client=ca-pub-1112223334445556></ins>"
	    "<noscript><iframe "
	    "src=https://www.googletagmanager.com/ns.html?id=GTM-K7BZQP></iframe></noscript>"
	    "<!-- UA-7654321-1 --><p>UA-7654321-1</p><p>闽ICP备09012345号");

	(void)state;
	check_identifiers(record,
	    "adsense=1112223334445556 baidu_tongji=0a1b2c3d4e5f60718293a4b5c6d7e8f9 cnzz=5551239 "
	    "google_tag=GTM-K7BZQP icp=闽ICP备09012345 public_security=35010202001234");
}

static void test_state(void **state)
{
	struct buf html = {0};
	struct record *record;
	int i;

	(void)state;
	for (i = 0; i < 200; i++)
		buf_add_text(&html, "中");
	record = page_of(buf_text(&html));
	check_text(record, "page_state", "live");
	check_text(record, "page_state_rule", "text_length");
	check_text(record, "page_state_evidence", "text_length=200");
	record = page_of("<p>little");
	check_text(record, "page_state", "live");
	check_text(record, "page_state_rule", "short_text");
	record = record_of("text/html", 404, html.data, html.length);
	check_text(record, "page_state", "error");
	check_text(record, "page_state_rule", "http_status");
	check_text(record, "page_state_evidence", "http_status_code=404");
	check_text(record_of("text/html", 302, "x", 1), "page_state", NULL);
	check_text(record_of("image/png", 503, "x", 1), "page_state", "error");
	buf_release(&html);
}

static void check_status(const char *content_type, const char *body, size_t length, enum status expected)
{
	struct record *record = record_of(content_type, 200, body, length);

	assert_int_equal(record->status, expected);
	assert_int_equal(record_get(record, "text_length") != NULL, expected == ST_OK);
}

static void test_not_a_page(void **state)
{
	(void)state;
	check_status("image/png", "<html>", 6, ST_NOT_A_PAGE);
	check_status("application/json", "{}", 2, ST_NOT_A_PAGE);
	check_status("text/css", "p{}", 3, ST_NOT_A_PAGE);
	check_status(NULL, "\x89PNG\r\n\x1a\n\0\0", 10, ST_NOT_A_PAGE);
	check_status("text/plain",
	    "\x7f"
	    "ELF\1\2\3",
	    7, ST_NOT_A_PAGE);
	check_status("text/xml", "<?xml version='1.0'?><rss>", 26, ST_NOT_A_PAGE);
	check_status("application/octet-stream", "text", 4, ST_NOT_A_PAGE);
	check_status("text/xml", "<?xml version='1.0'?><html>", 27, ST_OK);
	check_status("Application/XHTML+xml;charset=x", "x", 1, ST_OK);
	check_status("text/html", "\0\1\2", 3, ST_OK);
	check_status("application/octet-stream", "\n<!doctype HTML >", 17, ST_OK);
	check_status("html", "<html >", 7, ST_OK);
	check_status(NULL, "", 0, ST_OK);
	check_status("text/html", NULL, 0, ST_OK);
}

static void test_plain_text(void **state)
{
	struct record *record = record_of("text/plain", 200, "a <title>b</title>", 18);

	(void)state;
	check_text(record, "title", NULL);
	check_int(record, "text_length", 18);
	check_text(record_of("text/plain", 200, "<html><title>b</title>", 22), "title", "b");
}

/* Half a megabyte of each: read in time that is in proportion to the length, without recursion. */
static void test_hostile(void **state)
{
	static const char *const unit[] = {"<div>", "<b a=1>x", "</x>", "<", "<!--", "<a ", "<a b='", "&",
	    "&#", "\xff", "<svg><title>", "<table><td>", "<noscript>", "<a href=//x>", "<h1>", "<title>",
	    "<script>", "&am"};
	struct buf html = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		buf_clear(&html);
		while (html.length < 500000)
			buf_add_text(&html, unit[i]);
		assert_int_equal(record_of("text/html", 200, html.data, html.length)->status, ST_OK);
	}
	buf_release(&html);
}

static void test_no_memory(void **state)
{
	struct arena *small = arena_new(4096);
	struct page_input in = {.domain = "example.org", .body = (const uint8_t *)"<p>", .body_length = 3};

	(void)state;
	assert_null(page_record(small, &in, NULL));
	arena_free(small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_response),
	    TEST(test_title),
	    TEST(test_chinese_encodings),
	    TEST(test_long_title),
	    TEST(test_head),
	    TEST(test_refresh),
	    TEST(test_favicon),
	    TEST(test_visible_text),
	    TEST(test_hosts),
	    TEST(test_many_hosts),
	    TEST(test_identifiers),
	    TEST(test_state),
	    TEST(test_not_a_page),
	    TEST(test_plain_text),
	    TEST(test_hostile),
	    TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
