/* Identifiers in scripts, texts, <meta> and TXT records: what is found, what it is normalised to, what is not
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/text.h"
#include "results/overlap/identifier.h"

static struct identifier items[8];

typedef void scanner(struct identifier_set *set, const char *text, size_t length);

/* What `scan` finds in `text`: "indicator=value" of each, joined by spaces. */
static const char *found(scanner *scan, const char *text)
{
	struct identifier_set set = {.item = items, .size = sizeof(items) / sizeof(items[0])};
	static struct buf out;
	size_t i;

	buf_clear(&out);
	scan(&set, text, strlen(text));
	assert_false(set.full);
	for (i = 0; i < set.count; i++)
		buf_printf(&out, "%s%s=%s", i > 0 ? " " : "", set.item[i].indicator, set.item[i].value);
	return buf_text(&out);
}

static void check_code(const char *text, const char *expected)
{
	assert_string_equal(found(identifier_scan_code, text), expected);
}

static void check_text(const char *text, const char *expected)
{
	assert_string_equal(found(identifier_scan_text, text), expected);
}

static void check_meta(const char *name, const char *content, const char *expected)
{
	struct identifier_set set = {.item = items, .size = 1};

	identifier_scan_meta(&set, name, content);
	assert_int_equal(set.count, expected != NULL);
	if (expected != NULL)
		assert_string_equal(items[0].value, expected);
}

static void check_txt(const char *text, const char *indicator, const char *expected)
{
	size_t count = identifier_from_txt(text, strlen(text), items, 8);

	assert_int_equal(count, expected != NULL);
	if (expected != NULL) {
		assert_string_equal(items[0].indicator, indicator);
		assert_string_equal(items[0].value, expected);
	}
}

static void test_google(void **state)
{
	(void)state;
	check_code("ga('create', 'UA-7654321-12', 'auto')", "google_analytics_ua=7654321");
	check_code("UA-7654321-1 and UA-7654321-2", "google_analytics_ua=7654321");
	check_code("https://www.googletagmanager.com/gtag/js?id=G-AB12CD34EF&l=x", "google_tag=G-AB12CD34EF");
	check_code("(window,document,'script','dataLayer','GTM-K7BZQP')", "google_tag=GTM-K7BZQP");
	check_code("'AW-987654321', 'GT-ABCD987'", "google_tag=AW-987654321 google_tag=GT-ABCD987");
	check_code("?client=ca-pub-1112223334445556 pub-1112223334445556", "adsense=1112223334445556");
}

static void test_google_false_friends(void **state)
{
	(void)state;
	check_code("'UA-000000-1' 'UA-12345678-9' 'UA-123456-1' 'UA-XXXXXXX-1'", "");
	check_code("GTM-XXXXXX G-XXXXXXXXXX GTM-ABCDEF G-1234567890 AW-1234567890", "");
	check_code(
	    "XUA-7654321-1 UA-7654321 UA-765-1 UA-76543210987-1 xG-AB12CD34EF G-AB12cd34ef G-AB12", "");
	check_code("SOME-G-AB12CD34EF G-AB12CD34EF-X GTM-ABC", "");
	check_code("pub-123 pub-111222333444555666777 xpub-1112223334445556", "");
}

static void test_chinese_analytics(void **state)
{
	(void)state;
	check_code("hm.src = \"https://hm.baidu.com/hm.js?0A1b2c3d4e5f60718293a4b5c6d7e8f9\";",
	    "baidu_tongji=0a1b2c3d4e5f60718293a4b5c6d7e8f9");
	check_code("//hm.baidu.com/h.js%3F0a1b2c3d4e5f60718293a4b5c6d7e8f9 //x.baidu.com/hm.js?"
		   "0a1b2c3d4e5f60718293a4b5c6d7e8f9 //hm.baidu.com/hm.js?0a1b2c",
	    "");
	check_code("https://s13.cnzz.com/z_stat.php?id=1279000001&web_id=1279000002", "cnzz=1279000002");
	check_code("https://v1.cnzz.com/z.js?id=1279000003&async=1", "cnzz=1279000003");
	check_code("unescape(\"%3Cspan\"); src='https://s4.cnzz.com/stat.php?id=5551234&amp;show=pic'",
	    "cnzz=5551234");
	check_code("//c.cnzz.com/core.php?web_id=1279000004\"", "cnzz=1279000004");
	check_code("https://s13.cnzz.com/z_stat.php?kid=1279000001", "");
	check_code("//js.users.51.la/20871234.js", "la51=20871234");
	check_code("LA.init({id: \"KaBcDeFgHiJk1234\",ck: \"KaBcDeFgHiJk1234\"})", "la51=KaBcDeFgHiJk1234");
	check_code("LA.init({ck:'x', 'id' : 'KaBcDeFgHiJk1234'})", "la51=KaBcDeFgHiJk1234");
	check_code("//sdk.51.la/js-sdk-pro.min.js?id=KaBcDeFgHiJk1234&ck=x", "la51=KaBcDeFgHiJk1234");
	/* Left in by the author of a template. */
	check_code("//js.users.51.la/5527487.js", "");
}

static void test_matomo(void **state)
{
	(void)state;
	check_code("var u=\"//Stats.Example.org/\"; _paq.push(['setTrackerUrl', u+'matomo.php']);"
		   "_paq.push(['setSiteId', '7']);",
	    "matomo=stats.example.org#7");
	check_code(
	    "_paq.push([\"setSiteId\", 12]); var u=((\"https:\" == document.location.protocol) ? \"https\" : "
	    "\"http\") + \"://stats.example.org/piwik/\";",
	    "matomo=stats.example.org#12");
	check_code("https://stats.example.org/matomo.php?idsite=3&rec=1", "matomo=stats.example.org#3");
	check_code("<img src=\"//stats.example.org:8080/p/piwik.php?rec=1&idsite=3\">",
	    "matomo=stats.example.org:8080#3");
	/* On the page's own host, which says nothing. */
	check_code("_paq.push(['setTrackerUrl', '/matomo.php']); _paq.push(['setSiteId', '7']);", "");
}

static void test_filing_numbers(void **state)
{
	(void)state;
	check_text("闽ICP备12345679号-1", "icp=闽ICP备12345679");
	check_text("版权所有 闽 ICP 备 2021001234 号", "icp=闽ICP备2021001234");
	check_text("京icp证０３０１７３号", "icp=京ICP证030173");
	check_text("粤ＩＣＰ備09012345號 沪ICP备案：09054321号", "icp=沪ICP备09054321 icp=粤ICP备09012345");
	check_text("ICP备案号：浙ICP备13006789号-2", "icp=浙ICP备13006789");
	check_text("ICP备09012345号 美ICP备09012345号 京ICP备12345 京ICP备123456789012 京ICP", "");
	check_text("京ICP备88888888号 京ICP备12345678号", "");
	check_text("京公网安备 11010502030143号", "public_security=11010502030143");
	check_text("公网安备11010502030143", "public_security=11010502030143");
	check_text("https://beian.mps.gov.cn/#/query/webSearch?recordcode=11010502030143&x",
	    "public_security=11010502030143");
	check_text("公网安备 1101050203 公网安备 1101050203014398", "");
}

static void test_wechat(void **state)
{
	(void)state;
	check_text("公众号 gh_0a1b2c3d4e5f。", "wechat=gh_0a1b2c3d4e5f");
	check_text("gh_0a1b2c3d4e5f6 xgh_0a1b2c3d4e5f gh_short gh_000000000000", "");
}

static void test_meta(void **state)
{
	static const char google[] = "dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8";

	(void)state;
	check_meta("Google-Site-Verification", google, google);
	assert_string_equal(items[0].indicator, "google_site_verification");
	check_meta("google-site-verification", "short", NULL);
	check_meta("google-site-verification", "", NULL);
	check_meta("msvalidate.01", " 0123456789ABCDEF0123456789ABCDEE ", "0123456789ABCDEF0123456789ABCDEE");
	check_meta("baidu-site-verification", "codeva-AbCdEfGh12", "AbCdEfGh12");
	check_meta("baidu-site-verification", "code-AbCdEfGh12", "AbCdEfGh12");
	check_meta("baidu-site-verification", "AbCdEfGh12", "AbCdEfGh12");
	check_meta(
	    "360-site-verification", "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
	check_meta("sogou_site_verification", "Ab12Cd34Ef", "Ab12Cd34Ef");
	check_meta("yandex-verification", "0a1b2c3d4e5f6071", "0a1b2c3d4e5f6071");
	check_meta("yandex-verification", "not hexadecimal", NULL);
	check_meta("facebook-domain-verification", "abcdefghij0123456789abcdefghij",
	    "abcdefghij0123456789abcdefghij");
	check_meta("facebook-domain-verification", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL);
	check_meta("description", "UA-7654321-1", NULL);
}

static void test_txt(void **state)
{
	(void)state;
	check_txt("google-site-verification=dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8",
	    "google_site_verification", "dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8");
	check_txt("\"google-site-verification: dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8\"",
	    "google_site_verification", "dBw5CvburAxi537Rp9qi5uG2174Vb6JwHwIRwPSLIK8");
	check_txt("MS=ms78945612", "ms_verification", "ms78945612");
	check_txt("ms=0123456789ABCDEF0123456789ABCDEF01234568", "ms_verification",
	    "0123456789ABCDEF0123456789ABCDEF01234568");
	check_txt("MS=somebody", "ms_verification", NULL);
	check_txt("baidu-site-verification=codeva-AbCdEfGh12", "baidu_site_verification", "AbCdEfGh12");
	check_txt("baidu_site_verification=AbCdEfGh12", "baidu_site_verification", "AbCdEfGh12");
	check_txt("yandex-verification: 0a1b2c3d4e5f6071", "yandex_verification", "0a1b2c3d4e5f6071");
	check_txt("facebook-domain-verification=abcdefghij0123456789abcdefghij",
	    "facebook_domain_verification", "abcdefghij0123456789abcdefghij");
	check_txt("360-site-verification=0a1b2c3d4e5f60718293a4b5c6d7e8f9", "360_site_verification",
	    "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
	check_txt("sogou-site-verification=Ab12Cd34Ef", "sogou_site_verification", "Ab12Cd34Ef");
	check_txt("v=spf1 include:spf.example.org -all", "", NULL);
	check_txt("google-site-verification=", "", NULL);
	check_txt("", "", NULL);
	assert_int_equal(identifier_from_txt("MS=ms78945612", 13, items, 0), 0);
}

static void test_set(void **state)
{
	static const char text[] = "UA-5555444-1 UA-3333222-1 G-AB12CD34EF UA-5555444-2 UA-4444333-1";
	struct identifier_set set = {.item = items, .size = 3};

	(void)state;
	identifier_scan_code(&set, text, strlen(text));
	assert_int_equal(set.count, 3);
	assert_true(set.full);
	assert_string_equal(items[0].value, "3333222");
	assert_string_equal(items[1].value, "5555444");
	assert_string_equal(items[2].value, "G-AB12CD34EF");
}

static void test_snippet(void **state)
{
	static const char text[] =
	    "网站备案信息请看这里\n一二三闽ICP备09012345号-1电话地址联系方式欢迎光临再见一二三四五六七";
	struct identifier_set set = {.item = items, .size = 3};

	(void)state;
	identifier_scan_text(&set, text, strlen(text));
	assert_int_equal(set.count, 1);
	assert_true(text_is_valid(items[0].snippet, strlen(items[0].snippet)));
	assert_non_null(strstr(items[0].snippet, "这里 一二三闽ICP备09012345号-1电话"));
}

/* Hostile texts made of recognised words only: the time stays in proportion to the length. */
static void test_hostile(void **state)
{
	static const char *const unit[] = {"setSiteId 1 u=", ".cnzz.com/", "/piwik.php?", "LA.init({", "-",
	    "pub-1", "ICP备", "公网安备 ", "hm.baidu.com/hm.js?", "gh_", "UA-1", "\xef", "recordcode=1"};
	struct buf text = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		struct identifier_set set = {.item = items, .size = 8};

		buf_clear(&text);
		while (text.length < 1000000)
			buf_add_text(&text, unit[i]);
		identifier_scan_code(&set, text.data, text.length);
		assert_int_equal(set.count, 0);
	}
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_google),
	    cmocka_unit_test(test_google_false_friends),
	    cmocka_unit_test(test_chinese_analytics),
	    cmocka_unit_test(test_matomo),
	    cmocka_unit_test(test_filing_numbers),
	    cmocka_unit_test(test_wechat),
	    cmocka_unit_test(test_meta),
	    cmocka_unit_test(test_txt),
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_snippet),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
