/*
 * The tokens of an HTML text, as the tokenizer of WHATWG HTML section 13.2.5 reads them: tags with their
 * attributes in any order and quoting, and the text between them. Comments, declarations and processing
 * instructions are passed over.
 *
 * There is no tree: nothing that a page record says needs one, and building one from hostile markup costs
 * time in the product of depth and length (gumbo 0.10: 23 seconds for 500 kB of nested <div>, 1.5 for 450 kB
 * of text in 10,000 of them, and it has no limit to set). Here every byte is looked at a bounded number of
 * times.
 *
 * Where it is simpler than the standard: a script ends at the first "</script", also inside "<!--";
 * <noscript> is markup; SVG and MathML are read like HTML.
 */
#ifndef MOORING_PROBES_MARKUP_H
#define MOORING_PROBES_MARKUP_H

#include <stdbool.h>
#include <stddef.h>

/* Attributes kept of one tag; the rest is passed over. */
enum { MARKUP_ATTRIBUTES = 64 };

enum markup_kind { MARKUP_TEXT, MARKUP_START, MARKUP_END };

struct markup_attribute {
	const char *name;  /* lower case */
	const char *value; /* character references decoded; "" without a value */
	size_t value_length;
};

struct markup_token {
	enum markup_kind kind;
	/* START, END: the tag's name in lower case. TEXT: NULL, or inside an element whose content is text
	 * alone (script, style, title, textarea, ...) the name of that element. */
	const char *name;
	/* TEXT: character references decoded except where the content is raw (script, style); not
	 * NUL-terminated. */
	const char *text;
	size_t text_length;
	struct markup_attribute attribute[MARKUP_ATTRIBUTES];
	size_t attribute_count;
};

struct markup {
	char *html;
	size_t length, position;
	const char *raw; /* the element whose content comes next and is text alone, or NULL */
};

/* `html` is used up: it is decoded in place, and tokens point into it. */
struct markup markup_of(char *html, size_t length);
/* False at the end. A tag that the end cuts off is no token. */
bool markup_next(struct markup *markup, struct markup_token *ret_token);
/* The first attribute of that name, or NULL. */
const struct markup_attribute *markup_attribute(const struct markup_token *token, const char *name);
/* Its value, or NULL. */
const char *markup_value(const struct markup_token *token, const char *name);

#endif
