#include "probes/page_read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/arena.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/markup.h"

/* White space of HTML, and the spaces of other scripts and fonts that a reader sees as white: a length, or 0.
 */
static size_t space_at(const char *text, size_t left)
{
	unsigned char c = (unsigned char)text[0];

	if (c <= 0x20 || c == 0x7f)
		return 1;
	if (left >= 2 && c == 0xc2 && ((unsigned char)text[1] == 0xa0 || (unsigned char)text[1] == 0x85))
		return 2;
	if (left >= 3 && (memcmp(text, "\u3000", 3) == 0 || memcmp(text, "\u200b", 3) == 0 ||
			     memcmp(text, "\ufeff", 3) == 0))
		return 3;
	return 0;
}

/* Appends with white space folded; `*space` is carried from call to call. Returns the characters added. */
static size_t fold(struct buf *out, bool *space, const char *text, size_t length)
{
	size_t i = 0, run, step, count = 0;

	while (i < length && !out->failed) {
		step = space_at(text + i, length - i);
		if (step > 0) {
			*space = true;
			i += step;
			continue;
		}
		if (*space && out->length > 0)
			count += buf_add_char(out, ' ');
		*space = false;
		for (run = i; run < length && space_at(text + run, length - run) == 0; run++)
			count += (text[run] & 0xc0) != 0x80;
		buf_add(out, text + i, run - i);
		i = run;
	}
	return count;
}

/* A copy with white space folded, cut at LIMIT_SHORT_TEXT between two characters; NULL when nothing is left.
 */
static const char *short_text(struct arena *arena, const char *text, size_t length)
{
	struct buf folded = {.limit = LIMIT_SHORT_TEXT};
	const char *copy = NULL;
	bool space = false;

	fold(&folded, &space, text, length);
	length = text_valid_prefix(buf_text(&folded), folded.length);
	if (length > 0)
		copy = arena_strndup(arena, buf_text(&folded), length);
	buf_release(&folded);
	return copy;
}

static void set_short(struct page *page, const char **text, const char *value)
{
	if (*text == NULL && value != NULL)
		*text = short_text(page->arena, value, strlen(value));
}

/* A reference without the white space around it; one that is empty, too long or data itself is none. */
static const char *reference(struct page *page, const char *value)
{
	size_t length;

	if (value == NULL)
		return NULL;
	value += strspn(value, " \t\r\n\f");
	length = strlen(value);
	while (length > 0 && strchr(" \t\r\n\f", value[length - 1]) != NULL)
		length--;
	if (length == 0 || length > LIMIT_URL || strncasecmp(value, "data:", 5) == 0)
		return NULL;
	return arena_strndup(page->arena, value, length);
}

/* Is `word` one of the words of `list`? */
static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	while (*(list += strspn(list, " \t\r\n\f")) != '\0') {
		size_t length = strcspn(list, " \t\r\n\f");

		if (length == size && strncasecmp(list, word, size) == 0)
			return true;
		list += length;
	}
	return false;
}

/* The host of an absolute http, https or "//host" URL in lower case; false for all others. */
static bool host_of(const char *url, char ret_host[LIMIT_NAME + 1])
{
	size_t length, i;
	const char *at;

	url += strspn(url, " \t\r\n\f");
	if (strncasecmp(url, "https:", 6) == 0)
		url += 6;
	else if (strncasecmp(url, "http:", 5) == 0)
		url += 5;
	if (strncmp(url, "//", 2) != 0)
		return false;
	url += 2;
	length = strcspn(url, "/?#\\ \t\r\n\f\"<>'");
	if (url[length + strspn(url + length, " \t\r\n\f")] != '\0' && strchr("/?#\\", url[length]) == NULL)
		return false;
	at = memrchr(url, '@', length);
	if (at != NULL) {
		length -= (size_t)(at + 1 - url);
		url = at + 1;
	}
	length = url[0] == '['		      ? strcspn(url, "]") + 1
		 : length < strcspn(url, ":") ? length
					      : strcspn(url, ":");
	while (length > 0 && url[length - 1] == '.')
		length--;
	if (length == 0 || length > LIMIT_NAME || memchr(url, '\0', length) != NULL)
		return false;
	for (i = 0; i < length; i++) {
		if (url[i] > 0 && strchr("{}$%*+,()|^`;!&=", url[i]) != NULL)
			return false;
		ret_host[i] = (char)(url[i] >= 'A' && url[i] <= 'Z' ? url[i] + 32 : url[i]);
	}
	ret_host[length] = '\0';
	return text_is_valid(ret_host, length);
}

static void add_host(struct page_hosts *hosts, const char *url)
{
	size_t low = 0, high = hosts->count;
	char host[LIMIT_NAME + 1];
	const char *copy;

	if (url == NULL || !host_of(url, host))
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(hosts->host[middle], host);

		if (order == 0)
			return;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (hosts->count == PAGE_HOSTS) {
		hosts->full = true;
		return;
	}
	copy = arena_strdup(hosts->arena, host);
	if (copy == NULL)
		return;
	memmove(&hosts->host[low + 1], &hosts->host[low], (hosts->count - low) * sizeof(hosts->host[0]));
	hosts->host[low] = copy;
	hosts->count++;
}

/* "5; url=/next" (WHATWG HTML, section 4.2.5.3): the target, or NULL when the page only reloads itself. */
static const char *refresh_target(struct page *page, const char *content)
{
	size_t size;

	content += strspn(content, " \t\r\n\f0123456789.");
	content += strspn(content, " \t\r\n\f;,");
	if (strncasecmp(content, "url", 3) == 0) {
		const char *behind = content + 3 + strspn(content + 3, " \t\r\n\f");

		if (*behind == '=')
			content = behind + 1 + strspn(behind + 1, " \t\r\n\f");
	}
	if (*content == '"' || *content == '\'') {
		size = strcspn(content + 1, (char[]){*content, '\0'});
		content = arena_strndup(page->arena, content + 1, size);
	}
	return reference(page, content);
}

static void on_meta(struct page *page, const struct markup_token *tag)
{
	const char *name = markup_value(tag, "name"), *content = markup_value(tag, "content"),
		   *equiv = markup_value(tag, "http-equiv");

	if (content == NULL)
		return;
	if (name == NULL)
		name = markup_value(tag, "property");
	if (equiv != NULL && strcasecmp(equiv, "refresh") == 0 && page->refresh == NULL)
		page->refresh = refresh_target(page, content);
	if (name == NULL)
		return;
	if (strcasecmp(name, "description") == 0)
		set_short(page, &page->description, content);
	else if (strcasecmp(name, "generator") == 0)
		set_short(page, &page->generator, content);
	else
		identifier_scan_meta(&page->identifiers, name, content);
}

static void on_link(struct page *page, const struct markup_token *tag)
{
	const char *rel = markup_value(tag, "rel"), *href = markup_value(tag, "href"), *icon, *type;

	if (rel == NULL || href == NULL)
		return;
	if (has_word(rel, "canonical")) {
		if (page->canonical == NULL)
			page->canonical = reference(page, href);
		return;
	}
	/* The same site in another language or as a feed is a link, not a resource. */
	if (has_word(rel, "alternate") && !has_word(rel, "stylesheet"))
		return;
	add_host(&page->resources, href);
	if (!has_word(rel, "icon") || (page->favicon != NULL && !page->icon_is_second_best))
		return;
	icon = reference(page, href);
	type = markup_value(tag, "type");
	if (icon != NULL && (page->favicon == NULL || type == NULL || strcasestr(type, "svg") == NULL)) {
		page->favicon = icon;
		page->icon_is_second_best = (type != NULL && strcasestr(type, "svg") != NULL);
	}
}

static void on_base(struct page *page, const struct markup_token *tag)
{
	if (page->base == NULL)
		page->base = reference(page, markup_value(tag, "href"));
}

static void on_html(struct page *page, const struct markup_token *tag)
{
	set_short(page, &page->lang, markup_value(tag, "lang"));
	set_short(page, &page->lang, markup_value(tag, "xml:lang"));
}

static void on_resource(struct page *page, const struct markup_token *tag)
{
	const struct markup_attribute *src = markup_attribute(tag, "src");

	if (src == NULL)
		return;
	add_host(&page->resources, src->value);
	identifier_scan_code(&page->identifiers, src->value, src->value_length);
}

static void on_anchor(struct page *page, const struct markup_token *tag)
{
	const struct markup_attribute *href = markup_attribute(tag, "href");

	if (href == NULL)
		return;
	add_host(&page->links, href->value);
	identifier_scan_text(&page->identifiers, href->value, href->value_length);
}

static void on_h1(struct page *page, const struct markup_token *tag)
{
	(void)tag;
	if (page->h1 == NULL && !page->in_h1 && page->hidden == 0) {
		page->in_h1 = true;
		page->h1_start = page->text.length;
	}
}

static void end_h1(struct page *page)
{
	if (!page->in_h1)
		return;
	page->in_h1 = false;
	page->h1 = short_text(
	    page->arena, buf_text(&page->text) + page->h1_start, page->text.length - page->h1_start);
}

static void on_hidden(struct page *page, const struct markup_token *tag)
{
	(void)tag;
	page->hidden++;
}

static void on_svg(struct page *page, const struct markup_token *tag)
{
	(void)tag;
	page->svg++;
}

/* AdSense names the account here too. */
static void on_ins(struct page *page, const struct markup_token *tag)
{
	const struct markup_attribute *client = markup_attribute(tag, "data-ad-client");

	if (client != NULL)
		identifier_scan_code(&page->identifiers, client->value, client->value_length);
}

static void end_hidden(struct page *page)
{
	page->hidden -= page->hidden > 0;
}

static void end_svg(struct page *page)
{
	page->svg -= page->svg > 0;
}

struct element {
	const char *name;
	bool in_line; /* stands inside a line: its tags part no words */
	void (*start)(struct page *page, const struct markup_token *tag);
	void (*end)(struct page *page);
};

/* In the order of strcmp(). */
static const struct element elements[] = {
    {"a", true, on_anchor, NULL},
    {"abbr", true, NULL, NULL},
    {"b", true, NULL, NULL},
    {"base", false, on_base, NULL},
    {"bdi", true, NULL, NULL},
    {"bdo", true, NULL, NULL},
    {"big", true, NULL, NULL},
    {"cite", true, NULL, NULL},
    {"code", true, NULL, NULL},
    {"em", true, NULL, NULL},
    {"embed", false, on_resource, NULL},
    {"font", true, NULL, NULL},
    {"frame", false, on_resource, NULL},
    {"h1", false, on_h1, end_h1},
    {"html", false, on_html, NULL},
    {"i", true, NULL, NULL},
    {"iframe", false, on_resource, NULL},
    {"img", false, on_resource, NULL},
    {"ins", true, on_ins, NULL},
    {"link", false, on_link, NULL},
    {"mark", true, NULL, NULL},
    {"meta", false, on_meta, NULL},
    {"noscript", false, on_hidden, end_hidden},
    {"s", true, NULL, NULL},
    {"script", false, on_resource, NULL},
    {"small", true, NULL, NULL},
    {"source", false, on_resource, NULL},
    {"span", true, NULL, NULL},
    {"strong", true, NULL, NULL},
    {"sub", true, NULL, NULL},
    {"sup", true, NULL, NULL},
    {"svg", false, on_svg, end_svg},
    {"template", false, on_hidden, end_hidden},
    {"tt", true, NULL, NULL},
    {"u", true, NULL, NULL},
    {"wbr", true, NULL, NULL},
};

static int compare_element(const void *name, const void *element)
{
	return strcmp(name, ((const struct element *)element)->name);
}

static void on_tag(struct page *page, const struct markup_token *token)
{
	const struct element *element = bsearch(token->name, elements, sizeof(elements) / sizeof(elements[0]),
	    sizeof(elements[0]), compare_element);

	if (element == NULL || !element->in_line)
		page->space = true;
	if (element == NULL)
		return;
	if (token->kind == MARKUP_START && element->start != NULL)
		element->start(page, token);
	else if (token->kind == MARKUP_END && element->end != NULL)
		element->end(page);
}

static void on_text(struct page *page, const struct markup_token *token)
{
	if (token->name == NULL) {
		if (page->hidden == 0)
			page->text_length += fold(&page->text, &page->space, token->text, token->text_length);
	} else if (strcmp(token->name, "script") == 0) {
		identifier_scan_code(&page->identifiers, token->text, token->text_length);
	} else if (strcmp(token->name, "title") == 0 && page->title == NULL && page->svg == 0) {
		page->title = short_text(page->arena, token->text, token->text_length);
	} else if (strcmp(token->name, "plaintext") == 0 || strcmp(token->name, "xmp") == 0) {
		page->text_length += fold(&page->text, &page->space, token->text, token->text_length);
	}
}

static struct page *page_new(void)
{
	struct page *page = calloc(1, sizeof(*page));

	if (page == NULL)
		return NULL;
	page->arena = arena_new(0);
	if (page->arena == NULL)
		goto fail;
	page->text.limit = LIMIT_HTTP_DECODED;
	page->resources.arena = page->arena;
	page->links.arena = page->arena;
	page->identifiers.size = LIMIT_PAGE_IDENTIFIERS;
	page->identifiers.item = arena_array(page->arena, LIMIT_PAGE_IDENTIFIERS, sizeof(struct identifier));
	if (page->identifiers.item != NULL)
		return page;
fail:
	page_free(page);
	return NULL;
}

struct page *page_read(char *html, size_t length, enum page_format format)
{
	struct page *page = page_new();
	struct markup_token token;
	struct markup markup;

	if (page == NULL)
		return NULL;
	if (format == PAGE_PLAIN) {
		page->text_length = fold(&page->text, &page->space, html, length);
	} else {
		markup = markup_of(html, length);
		while (markup_next(&markup, &token))
			if (token.kind == MARKUP_TEXT)
				on_text(page, &token);
			else
				on_tag(page, &token);
		end_h1(page);
	}
	identifier_scan_text(&page->identifiers, buf_text(&page->text), page->text.length);
	return page;
}

void page_free(struct page *page)
{
	if (page == NULL)
		return;
	buf_release(&page->text);
	arena_free(page->arena);
	free(page);
}
