/* Encodings: which one is chosen, and what the bytes become. Bodies are made with iconv from UTF-8 texts. */
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "probes/charset.h"

static const char simplified[] =
    "中华人民共和国成立以来，我们的国家发生了很大的变化。这个网站介绍海外服务中心的工作，"
    "为侨胞提供咨询、翻译和法律援助等服务，欢迎大家联系我们，电话和地址请看下面的说明。";
static const char traditional[] =
    "我們的服務中心成立於一九八七年，為海外華人提供諮詢、翻譯與法律協助。"
    "歡迎各位鄉親與我們聯絡，電話與地址請看下面的說明，並請經常留意本網站的最新消息。";

static struct buf encode(const char *text, const char *to)
{
	iconv_t converter = iconv_open(to, "UTF-8");
	char *in = (char *)text, *out;
	size_t left = strlen(text), room = 4 * left + 64;
	struct buf body = {0};

	assert_true(converter != (iconv_t)-1);
	out = buf_reserve(&body, room);
	assert_non_null(out);
	body.length = room;
	assert_int_equal(iconv(converter, &in, &left, &out, &room), 0);
	body.length -= room;
	iconv_close(converter);
	return body;
}

struct expected {
	const char *name, *source, *declared;
	bool contradicted;
};

/* Decodes `html`, encoded as `encoding`, and expects to get it back. */
static void check_html(
    const char *html, const char *encoding, const char *content_type, const struct expected *expected)
{
	struct buf body = encode(html, encoding), out = {0};
	struct charset charset;

	assert_true(charset_decode(&out, &charset, content_type, (const uint8_t *)body.data, body.length));
	assert_string_equal(charset.name, expected->name);
	assert_string_equal(charset.source, expected->source);
	assert_string_equal(charset.declared, expected->declared);
	assert_int_equal(charset.contradicted, expected->contradicted);
	assert_int_equal(charset.errors, 0);
	assert_string_equal(buf_text(&out), html);
	buf_release(&out);
	buf_release(&body);
}

/* A page with `meta` in its head. */
static void check(const char *text, const char *encoding, const char *content_type, const char *meta,
    const struct expected *expected)
{
	struct buf html = {0};

	buf_printf(
	    &html, "<html><head>%s<title>%s</title></head><body><p>%s</p></body></html>", meta, "t", text);
	check_html(buf_text(&html), encoding, content_type, expected);
	buf_release(&html);
}

static void test_labels(void **state)
{
	static const char *const pairs[][2] = {{"GB2312", "gbk"}, {"gb_2312-80", "gbk"}, {" x-gbk\n", "gbk"},
	    {"GBK", "gbk"}, {"gb18030", "gb18030"}, {"Big5-HKSCS", "big5"}, {"utf8", "utf-8"},
	    {"UTF-8", "utf-8"}, {"iso-8859-1", "windows-1252"}, {"latin1", "windows-1252"},
	    {"ascii", "windows-1252"}, {"sjis", "shift_jis"}, {"ks_c_5601-1987", "euc-kr"},
	    {"tis-620", "windows-874"}, {"utf-16", "utf-16le"}, {"iso-8859-9", "windows-1254"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(charset_of_label(pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
	assert_null(charset_of_label("utf-7", 5));
	assert_null(charset_of_label("iso-2022-cn-ext", 15));
	assert_null(charset_of_label("gb", 2));
	assert_null(charset_of_label("utf-8 utf8", 10));
	assert_null(charset_of_label("", 0));
	assert_null(charset_of_label(" ", 1));
}

static void test_header(void **state)
{
	(void)state;
	check(simplified, "GBK", "text/html; charset=GB2312", "",
	    &(struct expected){"gbk", "header", "gb2312", false});
	check(simplified, "GB18030", "text/html;Charset = \"gb18030\"", "",
	    &(struct expected){"gb18030", "header", "gb18030", false});
	check(traditional, "BIG5", "text/html; charset='big5'", "",
	    &(struct expected){"big5", "header", "big5", false});
	check("Gr\u00fc\u00dfe", "CP1252", "text/html; charset=ISO-8859-1", "",
	    &(struct expected){"windows-1252", "header", "iso-8859-1", false});
	/* The header goes before the <meta> (WHATWG HTML, section 13.2.3.2). */
	check(simplified, "GBK", "text/html; charset=gbk", "<meta charset=big5>",
	    &(struct expected){"gbk", "header", "gbk", false});
	/* An unknown label counts as none. */
	check(simplified, "GBK", "text/html; charset=nonsense", "<meta charset=gbk>",
	    &(struct expected){"gbk", "meta", "nonsense", false});
}

static void test_meta(void **state)
{
	static const char *const gbk[] = {"<meta charset=gbk>", "<META CHARSET='GBK'>",
	    "<meta name=x charset=\"gbk\" />",
	    "<meta http-equiv=content-type content='text/html; charset=gbk'>",
	    "<meta content=\"text/html;charset=gbk\" http-equiv=\"Content-Type\">",
	    "<meta content=\"text/html; charset=&quot;gbk&quot;\" http-equiv=\"Content-Type\">",
	    "<!-- <meta charset=big5> --><meta charset=gbk>",
	    "<script>'<meta charset=big5>'</script><meta charset=gbk>",
	    "<meta charset=nonsense><meta charset=gbk>",
	    "<meta name=charset content=big5><meta charset=gbk>"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(gbk) / sizeof(gbk[0]); i++)
		check(simplified, "GBK", i % 2 == 0 ? NULL : "text/html", gbk[i],
		    &(struct expected){"gbk", "meta", i == 8 ? "nonsense" : "gbk", false});
	/* What can be read as ASCII is not UTF-16. */
	check(simplified, "UTF-8", NULL, "<meta charset=utf-16>",
	    &(struct expected){"utf-8", "meta", "utf-16", false});
}

static void test_meta_too_late(void **state)
{
	struct buf html = {0};
	int i;

	(void)state;
	buf_add_text(&html, "<html><!--");
	for (i = 0; i < 500; i++)
		buf_add_text(&html, "0123456789");
	buf_add_text(&html, "--><meta charset=windows-1251><p>plain</p>");
	check_html(buf_text(&html), "ASCII", NULL, &(struct expected){"utf-8", "default", "", false});
	buf_release(&html);
}

static void test_bom(void **state)
{
	static const uint8_t utf8[] = "\xef\xbb\xbf<p>\xe4\xb8\xad", utf16[] = "\xff\xfe<\0p\0>\0\x2d\x4e",
			     utf16be[] = "\xfe\xff\0<\0p\0>\x4e\x2d";
	struct charset charset;
	struct buf out = {0};

	(void)state;
	assert_true(charset_decode(&out, &charset, "text/html; charset=gbk", utf8, sizeof(utf8) - 1));
	assert_string_equal(charset.name, "utf-8");
	assert_string_equal(charset.source, "bom");
	assert_string_equal(charset.declared, "gbk");
	assert_string_equal(buf_text(&out), "<p>\u4e2d");
	buf_clear(&out);
	assert_true(charset_decode(&out, &charset, NULL, utf16, sizeof(utf16) - 1));
	assert_string_equal(charset.name, "utf-16le");
	assert_string_equal(buf_text(&out), "<p>\u4e2d");
	buf_clear(&out);
	assert_true(charset_decode(&out, &charset, NULL, utf16be, sizeof(utf16be) - 1));
	assert_string_equal(charset.name, "utf-16be");
	assert_string_equal(buf_text(&out), "<p>\u4e2d");
	buf_release(&out);
}

static void test_detection(void **state)
{
	static const char japanese[] =
	    "このサイトでは、海外の日本人のためのサービスについてご案内しています。";
	static const char korean[] = "이 사이트는 해외 동포를 위한 상담과 번역 서비스를 안내하고 있습니다.";
	static const char russian[] =
	    "Этот сайт рассказывает о работе центра помощи соотечественникам за рубежом.";

	(void)state;
	check(simplified, "GBK", NULL, "", &(struct expected){"gbk", "detected", "", false});
	check(traditional, "BIG5", NULL, "", &(struct expected){"big5", "detected", "", false});
	check(simplified, "UTF-8", NULL, "", &(struct expected){"utf-8", "detected", "", false});
	check(japanese, "SHIFT_JIS", NULL, "", &(struct expected){"shift_jis", "detected", "", false});
	check(japanese, "EUC-JP", NULL, "", &(struct expected){"euc-jp", "detected", "", false});
	check(korean, "EUC-KR", NULL, "", &(struct expected){"euc-kr", "detected", "", false});
	check(russian, "CP1251", NULL, "", &(struct expected){"windows-1251", "detected", "", false});
	check("plain", "ASCII", NULL, "", &(struct expected){"utf-8", "default", "", false});
	/* A character that only four bytes of GB18030 can say. */
	check("中华人民共和国成立以来\U00020000我们的国家", "GB18030", NULL, "",
	    &(struct expected){"gb18030", "detected", "", false});
}

/* The text may come late, behind a head full of scripts. */
static void test_detection_of_late_text(void **state)
{
	struct buf text = {0};
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		buf_add_text(&text, "script();");
	buf_add_text(&text, simplified);
	check(buf_text(&text), "GBK", NULL, "", &(struct expected){"gbk", "detected", "", false});
	buf_release(&text);
}

/* Every part of ten characters of the two texts is recognised. */
static void test_detection_of_short_texts(void **state)
{
	static const char *const text[2] = {simplified, traditional}, *const name[2] = {"gbk", "big5"};
	char part[31];
	size_t i, at;

	(void)state;
	for (i = 0; i < 2; i++)
		for (at = 0; at + 30 < strlen(text[i]); at += 3) {
			memcpy(part, text[i] + at, 30);
			part[30] = '\0';
			check(part, name[i], NULL, "", &(struct expected){name[i], "detected", "", false});
		}
}

static void test_contradiction(void **state)
{
	(void)state;
	check(simplified, "UTF-8", "text/html; charset=gbk", "",
	    &(struct expected){"utf-8", "detected", "gbk", true});
	check(simplified, "GBK", "text/html; charset=utf-8", "",
	    &(struct expected){"gbk", "detected", "utf-8", true});
	check(traditional, "BIG5", NULL, "<meta charset=utf-8>",
	    &(struct expected){"big5", "detected", "utf-8", true});
	/* The server's default in the header, the truth in the page. */
	check(simplified, "GBK", "text/html; charset=ISO-8859-1", "<meta charset=gb2312>",
	    &(struct expected){"gbk", "meta", "iso-8859-1", true});
	check(simplified, "UTF-8", "text/html; charset=ISO-8859-1", "",
	    &(struct expected){"utf-8", "detected", "iso-8859-1", true});
	/* Nothing but ASCII contradicts nothing. */
	check("plain", "ASCII", "text/html; charset=iso-8859-1", "<meta charset=utf-8>",
	    &(struct expected){"windows-1252", "header", "iso-8859-1", false});
}

static void test_errors(void **state)
{
	struct buf body = {0}, out = {0}, long_text = {0};
	struct charset charset;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		buf_add_text(&long_text, simplified);
	buf_add(&body, long_text.data, long_text.length);
	buf_add(&body, "\xff|\0|\xe4\xb8", 6);
	assert_true(charset_decode(
	    &out, &charset, "text/html; charset=utf-8", (const uint8_t *)body.data, body.length));
	/* Less than one in a hundred: the declaration stands. */
	assert_string_equal(charset.name, "utf-8");
	assert_string_equal(charset.source, "header");
	assert_int_equal(charset.errors, 4);
	assert_true(text_is_valid(out.data, out.length));
	assert_string_equal(out.data + 10 * strlen(simplified), "\ufffd|\ufffd|\ufffd\ufffd");
	buf_release(&body);
	buf_clear(&out);
	body = encode(buf_text(&long_text), "GBK");
	buf_add(&body, "\xd6\xd0\xff|\xb9\xfa\0\xd6", 8);
	assert_true(charset_decode(
	    &out, &charset, "text/html; charset=gbk", (const uint8_t *)body.data, body.length));
	assert_string_equal(charset.name, "gbk");
	assert_string_equal(out.data + long_text.length, "中\ufffd|国\ufffd\ufffd");
	assert_int_equal(charset.errors, 3);
	buf_release(&out);
	buf_release(&body);
	buf_release(&long_text);
}

static void test_limit(void **state)
{
	struct buf body = encode(simplified, "GBK"), out = {.limit = 100};
	struct charset charset;

	(void)state;
	assert_false(charset_decode(
	    &out, &charset, "text/html; charset=gbk", (const uint8_t *)body.data, body.length));
	assert_int_equal(out.length, 100);
	assert_memory_equal(out.data, simplified, 100);
	buf_release(&out);
	buf_release(&body);
}

static void test_empty(void **state)
{
	struct charset charset;
	struct buf out = {0};

	(void)state;
	assert_true(charset_decode(&out, &charset, NULL, NULL, 0));
	assert_string_equal(charset.name, "utf-8");
	assert_string_equal(charset.source, "default");
	assert_int_equal(out.length, 0);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_labels),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_meta),
	    cmocka_unit_test(test_meta_too_late),
	    cmocka_unit_test(test_bom),
	    cmocka_unit_test(test_detection),
	    cmocka_unit_test(test_detection_of_late_text),
	    cmocka_unit_test(test_detection_of_short_texts),
	    cmocka_unit_test(test_contradiction),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
