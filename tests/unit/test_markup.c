/* Tokens of HTML, and character references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "probes/entity.h"
#include "probes/markup.h"

/* The tokens in one line: <name a="b">, </name>, 'text', name'raw text'. */
static const char *tokens_of(const char *html)
{
	struct markup_token token;
	static struct buf out;
	struct markup markup;
	char *copy;
	size_t i;

	/* Without a NUL behind it, so that AddressSanitizer sees a read beyond the end. */
	copy = malloc(strlen(html) + 1);
	assert_non_null(copy);
	memcpy(copy, html, strlen(html));
	buf_clear(&out);
	markup = markup_of(copy, strlen(html));
	while (markup_next(&markup, &token)) {
		if (token.kind == MARKUP_TEXT) {
			buf_printf(&out, "%s'%.*s'", token.name == NULL ? "" : token.name,
			    (int)token.text_length, token.text);
			continue;
		}
		buf_printf(&out, "<%s%s", token.kind == MARKUP_END ? "/" : "", token.name);
		for (i = 0; i < token.attribute_count; i++) {
			assert_int_equal(strlen(token.attribute[i].value), token.attribute[i].value_length);
			buf_printf(&out, " %s=\"%s\"", token.attribute[i].name, token.attribute[i].value);
		}
		buf_add_char(&out, '>');
	}
	free(copy);
	return buf_text(&out);
}

static void check(const char *html, const char *expected)
{
	assert_string_equal(tokens_of(html), expected);
}

static void test_tags(void **state)
{
	(void)state;
	check("a<B>c</B >d", "'a'<b>'c'</b>'d'");
	check("<br/><br / >", "<br><br>");
	check("1 < 2 <3> <", "'1 < 2 <3> <'");
	check("<a", "");
	check("x<a href='", "'x'");
	check("x</a", "'x'");
	check("</>x</ a>y", "'x''y'");
	check("<!DOCTYPE html><?php x ?><![CDATA[y]]>z", "'z'");
	check("", "");
}

static void test_attributes(void **state)
{
	(void)state;
	check("<A HREF=x Title='y z' checked id = \"w\">",
	    "<a href=\"x\" title=\"y z\" checked=\"\" id=\"w\">");
	check("<a b='1'c=\"2\"d=3/e>", "<a b=\"1\" c=\"2\" d=\"3/e\">");
	check("<a b=>x", "<a b=\"\">'x'");
	check("<a b= >x", "<a b=\"\">'x'");
	check("<a b=\"\" c=''>", "<a b=\"\" c=\"\">");
	check("<a =b c>", "<a =b=\"\" c=\"\">");
	check("<a b='<c>' d=\">\">", "<a b=\"<c>\" d=\">\">");
	check("<a\nb\t=\r\nc\n>", "<a b=\"c\">");
	check("<a b=x&amp;y&lt;z c='&quot;&#39;&#x4E2d;'>", "<a b=\"x&y<z\" c=\"\"'中\">");
	check("<a b='?x=1&copy=2&lt=3&amp;c'>", "<a b=\"?x=1&copy=2&lt=3&c\">");
}

static void test_first_attribute_wins(void **state)
{
	char html[] = "<a b=1 B=2>";
	struct markup markup = markup_of(html, strlen(html));
	struct markup_token token;

	(void)state;
	assert_true(markup_next(&markup, &token));
	assert_string_equal(markup_value(&token, "b"), "1");
	assert_null(markup_value(&token, "c"));
	assert_null(markup_attribute(&token, "c"));
}

static void test_many_attributes(void **state)
{
	struct buf html = {0};
	struct markup_token token;
	struct markup markup;
	int i;

	(void)state;
	buf_add_text(&html, "<a");
	for (i = 0; i < 1000; i++)
		buf_printf(&html, " a%d=%d", i, i);
	buf_add_text(&html, ">x");
	markup = markup_of(html.data, html.length);
	assert_true(markup_next(&markup, &token));
	assert_int_equal(token.attribute_count, MARKUP_ATTRIBUTES);
	assert_string_equal(token.attribute[MARKUP_ATTRIBUTES - 1].value, "63");
	assert_true(markup_next(&markup, &token));
	assert_memory_equal(token.text, "x", 1);
	buf_release(&html);
}

static void test_comments(void **state)
{
	(void)state;
	check("a<!-- <b> -- > -->c", "'a''c'");
	check("a<!-->b", "'a''b'");
	check("a<!--->b", "'a''b'");
	check("a<!-- x --!>b", "'a''b'");
	check("a<!-- x --", "'a'");
	check("a<!--x---->b", "'a''b'");
	check("a<!-x>b", "'a''b'");
	check("<!--[if IE]><p>x</p><![endif]-->y", "'y'");
}

static void test_raw_text(void **state)
{
	(void)state;
	check("<script>if (a<b) '&amp;</p>'</script>x", "<script>script'if (a<b) '&amp;</p>''</script>'x'");
	check("<SCRIPT>a</ScRiPt\n>b", "<script>script'a'</script>'b'");
	check("<script></script>", "<script>script''</script>");
	check("<script>a</scripts></script>", "<script>script'a</scripts>'</script>");
	check("<script>a<b>", "<script>script'a<b>'");
	check("<script>a</script", "<script>script'a</script'");
	check("<title>a &amp; <b>c</b></title>", "<title>title'a & <b>c</b>'</title>");
	check("<style>a > b</style><textarea>&lt;</textarea>",
	    "<style>style'a > b'</style><textarea>textarea'<'</textarea>");
	check("<script>", "<script>script''");
}

static void check_entity(const char *text, bool in_attribute, const char *expected)
{
	char copy[128];
	size_t length = strlen(text);

	memcpy(copy, text, length);
	length = entity_decode(copy, length, in_attribute);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(copy, expected, length);
}

static void test_entities(void **state)
{
	(void)state;
	check_entity("&amp;&lt;&gt;&quot;&apos;&nbsp;&copy;&mdash;&euro;&Tab;", false, "&<>\"'\u00a0©—€\t");
	check_entity("&#20013;&#x4e2d;&#X4E2D;&#20013", false, "中中中中");
	/* No NUL, no surrogate, nothing beyond Unicode, however long; windows-1252 for 80..9F. */
	check_entity("&#0;&#xd800;&#x110000;&#99999999999999999999;&#x80;&#150;", false, "����€–");
	check_entity("&", false, "&");
	check_entity("&;&#;&#x;& &nosuch;&Amp;", false, "&;&#;&#x;& &nosuch;&Amp;");
	check_entity("&copy2 &ltx &notit; &mdash x", false, "©2 <x ¬it; &mdash x");
	check_entity("a=1&copy=2&lt=3&copyx&copy &amp", true, "a=1&copy=2&lt=3&copyx© &");
	check_entity("&thetasym;&thetasymx;", false, "ϑ&thetasymx;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_attributes),
	    cmocka_unit_test(test_first_attribute_wins),
	    cmocka_unit_test(test_many_attributes),
	    cmocka_unit_test(test_comments),
	    cmocka_unit_test(test_raw_text),
	    cmocka_unit_test(test_entities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
