#include "probes/markup.h"

#include <string.h>
#include <strings.h>

#include "probes/entity.h"

struct markup markup_of(char *html, size_t length)
{
	return (struct markup){.html = html, .length = length};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void lower(char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + ('a' - 'A'));
}

/* Elements whose content is text up to their end tag. */
static bool is_raw(const char *name)
{
	static const char *const raw[] = {
	    "script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp", "plaintext"};
	size_t i;

	for (i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		if (name[0] == raw[i][0] && strcmp(name, raw[i]) == 0)
			return true;
	return false;
}

/* Those among them in which character references count. */
static bool is_decoded(const char *name)
{
	return strcmp(name, "title") == 0 || strcmp(name, "textarea") == 0;
}

/* Reads one attribute; the position is at its first byte. The name and value are not terminated yet: their
 * ends are still needed as separators. */
static void read_attribute(struct markup *m, struct markup_attribute *ret_attribute, size_t *ret_name_length)
{
	const char *html = m->html;
	size_t start = m->position, i = start, end;
	char quote = '\0';

	/* An equals sign in the first place belongs to the name. */
	for (i++; i < m->length && !is_space(html[i]) && html[i] != '/' && html[i] != '>' && html[i] != '=';
	     i++)
		;
	ret_attribute->name = html + start;
	*ret_name_length = i - start;
	while (i < m->length && is_space(html[i]))
		i++;
	ret_attribute->value = "";
	ret_attribute->value_length = 0;
	if (i < m->length && html[i] == '=') {
		for (i++; i < m->length && is_space(html[i]); i++)
			;
		if (i < m->length && (html[i] == '"' || html[i] == '\''))
			quote = html[i++];
		end = i;
		if (quote != '\0') {
			const char *closing = memchr(html + i, quote, m->length - i);

			end = closing == NULL ? m->length : (size_t)(closing - html);
		} else {
			while (end < m->length && !is_space(html[end]) && html[end] != '>')
				end++;
		}
		ret_attribute->value = html + i;
		ret_attribute->value_length = end - i;
		i = quote != '\0' && end < m->length ? end + 1 : end;
	}
	m->position = i;
}

/* Lower case, decoded, NUL-terminated. A complete tag has a byte behind each of its names and values. */
static void settle(struct markup *m, struct markup_attribute *attribute, size_t name_length)
{
	char *name = m->html + (attribute->name - m->html), *value;

	lower(name, name_length);
	name[name_length] = '\0';
	if (attribute->value_length > 0) {
		value = m->html + (attribute->value - m->html);
		attribute->value_length = entity_decode(value, attribute->value_length, true);
		value[attribute->value_length] = '\0';
	} else {
		attribute->value = "";
	}
}

/* A tag whose name begins at the position. False when the end cuts it off. */
static bool read_tag(struct markup *m, struct markup_token *token)
{
	size_t name_length[MARKUP_ATTRIBUTES], start = m->position, tag_length, i;
	struct markup_attribute spare;
	size_t spare_length;

	while (m->position < m->length && !is_space(m->html[m->position]) && m->html[m->position] != '/' &&
	       m->html[m->position] != '>')
		m->position++;
	tag_length = m->position - start;
	token->attribute_count = 0;
	for (;;) {
		while (m->position < m->length &&
		       (is_space(m->html[m->position]) || m->html[m->position] == '/'))
			m->position++;
		if (m->position >= m->length)
			return false;
		if (m->html[m->position] == '>')
			break;
		i = token->attribute_count;
		if (i < MARKUP_ATTRIBUTES) {
			read_attribute(m, &token->attribute[i], &name_length[i]);
			token->attribute_count++;
		} else {
			read_attribute(m, &spare, &spare_length);
		}
	}
	m->position++;
	for (i = 0; i < token->attribute_count; i++)
		settle(m, &token->attribute[i], name_length[i]);
	lower(m->html + start, tag_length);
	m->html[start + tag_length] = '\0';
	token->name = m->html + start;
	return true;
}

/* Passes over a comment whose "<!--" was read (section 13.2.5.43 and on). */
static void skip_comment(struct markup *m)
{
	const char *html = m->html;
	size_t i = m->position;

	if (i < m->length && html[i] == '>') {
		m->position = i + 1;
		return;
	}
	if (i + 1 < m->length && html[i] == '-' && html[i + 1] == '>') {
		m->position = i + 2;
		return;
	}
	while (i + 2 < m->length) {
		const char *dashes = memmem(html + i, m->length - i, "--", 2);

		if (dashes == NULL)
			break;
		i = (size_t)(dashes - html);
		if (i + 2 < m->length && html[i + 2] == '>') {
			m->position = i + 3;
			return;
		}
		if (i + 3 < m->length && html[i + 2] == '!' && html[i + 3] == '>') {
			m->position = i + 4;
			return;
		}
		i++;
	}
	m->position = m->length;
}

/* Passes over "<!...>", "<?...>", "</ ...>": they end at the first '>'. */
static void skip_declaration(struct markup *m)
{
	const char *end = memchr(m->html + m->position, '>', m->length - m->position);

	m->position = end == NULL ? m->length : (size_t)(end - m->html) + 1;
}

/* Does a '<' at `i` begin something else than text? */
static bool is_markup(const struct markup *m, size_t i)
{
	if (i + 1 >= m->length)
		return false;
	return is_letter(m->html[i + 1]) || m->html[i + 1] == '/' || m->html[i + 1] == '!' ||
	       m->html[i + 1] == '?';
}

static void read_text(struct markup *m, struct markup_token *token)
{
	size_t start = m->position, i = start;

	while (i < m->length) {
		const char *angle = memchr(m->html + i, '<', m->length - i);

		i = angle == NULL ? m->length : (size_t)(angle - m->html);
		if (i >= m->length || is_markup(m, i))
			break;
		i++;
	}
	m->position = i;
	token->kind = MARKUP_TEXT;
	token->text = m->html + start;
	token->text_length = entity_decode(m->html + start, i - start, false);
}

/* The content of m->raw, up to its end tag or the end. */
static void read_raw(struct markup *m, struct markup_token *token)
{
	size_t start = m->position, i = start, name_length = strlen(m->raw);

	while (i < m->length) {
		const char *angle = memchr(m->html + i, '<', m->length - i);
		size_t behind;

		i = angle == NULL ? m->length : (size_t)(angle - m->html);
		behind = i + 2 + name_length;
		if (behind < m->length && m->html[i + 1] == '/' &&
		    strncasecmp(m->html + i + 2, m->raw, name_length) == 0 &&
		    (is_space(m->html[behind]) || m->html[behind] == '/' || m->html[behind] == '>'))
			break;
		i += i < m->length;
	}
	m->position = i;
	token->kind = MARKUP_TEXT;
	token->name = m->raw;
	token->text = m->html + start;
	token->text_length =
	    is_decoded(m->raw) ? entity_decode(m->html + start, i - start, false) : i - start;
	m->raw = NULL;
}

/* What begins at a '<'. False when it gave no token. */
static bool read_markup(struct markup *m, struct markup_token *token)
{
	const char *html = m->html + m->position;
	size_t left = m->length - m->position;

	if (is_letter(html[1])) {
		m->position++;
		token->kind = MARKUP_START;
		if (!read_tag(m, token))
			return false;
		if (is_raw(token->name))
			m->raw = token->name;
		return true;
	}
	if (html[1] == '/' && left > 2 && is_letter(html[2])) {
		m->position += 2;
		token->kind = MARKUP_END;
		return read_tag(m, token);
	}
	if (left >= 4 && memcmp(html, "<!--", 4) == 0) {
		m->position += 4;
		skip_comment(m);
	} else {
		skip_declaration(m);
	}
	return false;
}

bool markup_next(struct markup *markup, struct markup_token *ret_token)
{
	ret_token->name = NULL;
	ret_token->text = NULL;
	ret_token->text_length = 0;
	ret_token->attribute_count = 0;
	while (markup->position < markup->length || markup->raw != NULL) {
		if (markup->raw != NULL) {
			read_raw(markup, ret_token);
			return true;
		}
		if (markup->html[markup->position] == '<' && is_markup(markup, markup->position)) {
			if (read_markup(markup, ret_token))
				return true;
		} else {
			read_text(markup, ret_token);
			return true;
		}
	}
	return false;
}

const struct markup_attribute *markup_attribute(const struct markup_token *token, const char *name)
{
	size_t i;

	for (i = 0; i < token->attribute_count; i++)
		if (strcmp(token->attribute[i].name, name) == 0)
			return &token->attribute[i];
	return NULL;
}

const char *markup_value(const struct markup_token *token, const char *name)
{
	const struct markup_attribute *attribute = markup_attribute(token, name);

	return attribute == NULL ? NULL : attribute->value;
}
