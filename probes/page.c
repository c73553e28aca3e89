#include "probes/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/charset.h"
#include "probes/page_read.h"
#include "results/overlap/identifier.h"

enum page_field {
	PAGE_ADDRESS,
	PAGE_PORT,
	PAGE_HOST,
	PAGE_URL,
	PAGE_HTTP_STATUS_CODE,
	PAGE_STATE,
	PAGE_STATE_RULE,
	PAGE_STATE_EVIDENCE,
	PAGE_TITLE,
	PAGE_H1,
	PAGE_DESCRIPTION,
	PAGE_GENERATOR,
	PAGE_LANG,
	PAGE_CHARSET,
	PAGE_CHARSET_SOURCE,
	PAGE_CHARSET_DECLARED,
	PAGE_CHARSET_CONTRADICTED,
	PAGE_CHARSET_ERRORS,
	PAGE_TEXT_LENGTH,
	PAGE_TEXT_SHA256,
	PAGE_BODY_SHA256,
	PAGE_BODY_LENGTH,
	PAGE_BODY_TRUNCATED,
	PAGE_CANONICAL_URL,
	PAGE_FAVICON_URL,
	PAGE_REFRESH_URL,
	PAGE_RESOURCE_HOSTS,
	PAGE_LINK_HOSTS,
	PAGE_IDENTIFIERS,
	PAGE_CAPPED,
	PAGE_FIELDS
};

static const struct field identifier_row[] = {
    {.name = "indicator", .type = FIELD_TEXT, .help = "kind of identifier"},
    {.name = "value", .type = FIELD_TEXT, .help = "normalised value"},
    {.name = "snippet", .type = FIELD_TEXT, .flags = FIELD_VOLATILE, .help = "the text it was found in"},
};

static const struct field fields[PAGE_FIELDS] = {
    [PAGE_ADDRESS] = {.name = "address", .type = FIELD_TEXT, .help = "address that was asked"},
    [PAGE_PORT] = {.name = "port", .type = FIELD_INT, .help = "TCP port"},
    [PAGE_HOST] = {.name = "host", .type = FIELD_TEXT, .help = "Host header of the request"},
    [PAGE_URL] = {.name = "url", .type = FIELD_TEXT, .help = "URL of the page"},
    [PAGE_HTTP_STATUS_CODE] = {.name = "http_status_code", .type = FIELD_INT, .help = "HTTP status code"},
    [PAGE_STATE] = {.name = "page_state",
	.type = FIELD_TEXT,
	.help = "live, error, ...; null when undecided"},
    [PAGE_STATE_RULE] = {.name = "page_state_rule", .type = FIELD_TEXT, .help = "rule that gave page_state"},
    [PAGE_STATE_EVIDENCE] = {.name = "page_state_evidence",
	.type = FIELD_TEXT,
	.flags = FIELD_VOLATILE,
	.help = "what the rule saw"},
    [PAGE_TITLE] = {.name = "title", .type = FIELD_TEXT, .help = "first <title>, white space folded"},
    [PAGE_H1] = {.name = "h1", .type = FIELD_TEXT, .help = "first <h1>, white space folded"},
    [PAGE_DESCRIPTION] = {.name = "description", .type = FIELD_TEXT, .help = "<meta name=description>"},
    [PAGE_GENERATOR] = {.name = "generator", .type = FIELD_TEXT, .help = "<meta name=generator>"},
    [PAGE_LANG] = {.name = "lang", .type = FIELD_TEXT, .help = "language that <html> declares"},
    [PAGE_CHARSET] = {.name = "charset", .type = FIELD_TEXT, .help = "encoding of the body (WHATWG name)"},
    [PAGE_CHARSET_SOURCE] = {.name = "charset_source",
	.type = FIELD_TEXT,
	.help = "bom, header, meta, detected or default"},
    [PAGE_CHARSET_DECLARED] = {.name = "charset_declared",
	.type = FIELD_TEXT,
	.help = "label that header or page declare"},
    [PAGE_CHARSET_CONTRADICTED] = {.name = "charset_contradicted",
	.type = FIELD_BOOL,
	.help = "the declared encoding was not used, because the bytes are in another"},
    [PAGE_CHARSET_ERRORS] = {.name = "charset_errors",
	.type = FIELD_INT,
	.flags = FIELD_VOLATILE,
	.help = "sequences that are not allowed in the encoding, replaced by U+FFFD"},
    [PAGE_TEXT_LENGTH] = {.name = "text_length",
	.type = FIELD_INT,
	.unit = "characters",
	.help = "visible text, white space folded"},
    [PAGE_TEXT_SHA256] = {.name = "text_sha256", .type = FIELD_TEXT, .help = "SHA-256 of that text in UTF-8"},
    [PAGE_BODY_SHA256] = {.name = "body_sha256",
	.type = FIELD_TEXT,
	.flags = FIELD_VOLATILE,
	.help = "SHA-256 of the body, content encodings undone"},
    [PAGE_BODY_LENGTH] = {.name = "body_length",
	.type = FIELD_INT,
	.flags = FIELD_VOLATILE,
	.unit = "bytes",
	.help = "length of the body, content encodings undone"},
    [PAGE_BODY_TRUNCATED] = {.name = "body_truncated", .type = FIELD_BOOL, .help = "the body was cut"},
    [PAGE_CANONICAL_URL] = {.name = "canonical_url",
	.type = FIELD_TEXT,
	.help = "<link rel=canonical>, as written"},
    [PAGE_FAVICON_URL] = {.name = "favicon_url", .type = FIELD_TEXT, .help = "<link rel=icon>, as written"},
    [PAGE_REFRESH_URL] = {.name = "refresh_url",
	.type = FIELD_TEXT,
	.help = "target of <meta http-equiv=refresh>, as written"},
    [PAGE_RESOURCE_HOSTS] = {.name = "resource_hosts",
	.type = FIELD_TEXTS,
	.help = "hosts that absolute URLs of scripts, images, frames and style sheets name, sorted"},
    [PAGE_LINK_HOSTS] = {.name = "link_hosts",
	.type = FIELD_TEXTS,
	.help = "hosts that absolute URLs of <a> name, sorted"},
    [PAGE_IDENTIFIERS] = {.name = "identifiers",
	.type = FIELD_ROWS,
	.help = "accounts, ownership tokens and filing numbers, sorted",
	.row = identifier_row,
	.row_count = sizeof(identifier_row) / sizeof(identifier_row[0])},
    [PAGE_CAPPED] = {.name = "page_capped",
	.type = FIELD_BOOL,
	.help = "the page has more text, hosts or identifiers than are recorded"},
};

const struct schema page_schema = {
    .record_type = "page",
    .version = 1,
    .help = "what a page says",
    .field = fields,
    .field_count = PAGE_FIELDS,
};

/* Is the media type of `content_type` the given one? "text/" stands for all that begin so. */
static bool is_type(const char *content_type, const char *type)
{
	size_t size = strcspn(content_type, "; \t"), length = strlen(type);

	return type[length - 1] == '/' ? strncasecmp(content_type, type, length) == 0
				       : size == length && strncasecmp(content_type, type, size) == 0;
}

/* Does the body begin as HTML does (WHATWG MIME Sniffing, section 7.1), or name <html> behind an XML
 * declaration? */
static bool looks_like_html(const uint8_t *body, size_t length)
{
	static const char *const tags[] = {"<!doctype html", "<html", "<head", "<script", "<iframe", "<h1",
	    "<div", "<font", "<table", "<a", "<style", "<title", "<b", "<body", "<br", "<p", "<meta", "<!--"};
	const char *text = (const char *)body;
	size_t i = 0;

	if (length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < length && memchr(" \t\r\n\f", text[i], 5) != NULL)
		i++;
	text += i;
	length -= i;
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t size = strlen(tags[i]);

		if (length > size && strncasecmp(text, tags[i], size) == 0 &&
		    (tags[i][1] == '!' || memchr(" \t\r\n\f/>", text[size], 7) != NULL))
			return true;
	}
	return length >= 5 && memcmp(text, "<?xml", 5) == 0 &&
	       memmem(text, length < 1024 ? length : 1024, "<html", 5) != NULL;
}

/* A control character that no text has among the first bytes (MIME Sniffing, section 3). */
static bool looks_binary(const uint8_t *body, size_t length)
{
	size_t i;

	if (length >= 2 && (memcmp(body, "\xfe\xff", 2) == 0 || memcmp(body, "\xff\xfe", 2) == 0))
		return false;
	for (i = 0; i < length && i < 1445; i++)
		if (body[i] < 0x20 && memchr("\t\n\f\r\x1b", body[i], 5) == NULL)
			return true;
	return false;
}

static enum page_format format_of(const struct page_input *in)
{
	const char *type = in->content_type;

	if (type != NULL && (is_type(type, "text/html") || is_type(type, "application/xhtml+xml")))
		return PAGE_HTML;
	if (type == NULL || *type == '\0' || is_type(type, "text/plain") || is_type(type, "text/xml") ||
	    is_type(type, "application/xml") || is_type(type, "application/octet-stream")) {
		if (looks_like_html(in->body, in->body_length))
			return PAGE_HTML;
		if (type != NULL && !is_type(type, "text/plain") && *type != '\0')
			return PAGE_NONE;
		return looks_binary(in->body, in->body_length) ? PAGE_NONE : PAGE_PLAIN;
	}
	/* A type that a server made up, "html" or "*", is no statement. */
	if (strchr(type, '/') == NULL && looks_like_html(in->body, in->body_length))
		return PAGE_HTML;
	return PAGE_NONE;
}

static void set_sha256(struct record *record, size_t field, const void *bytes, size_t length)
{
	char hex[SHA256_TEXT];

	if (text_sha256_hex(bytes, length, hex))
		record_set_text(record, field, hex);
}

static void set_hosts(struct record *record, size_t field, const struct page_hosts *hosts)
{
	size_t i;

	record_set_list(record, field, hosts->count);
	for (i = 0; i < hosts->count; i++)
		record_list_text(record, field, i, hosts->host[i], strlen(hosts->host[i]));
}

static void set_identifiers(struct record *record, const struct identifier_set *set)
{
	size_t i;

	record_set_list(record, PAGE_IDENTIFIERS, set->count);
	for (i = 0; i < set->count; i++) {
		const struct identifier *item = &set->item[i];

		record_row_text(record, PAGE_IDENTIFIERS, i, 0, item->indicator, strlen(item->indicator));
		record_row_text(record, PAGE_IDENTIFIERS, i, 1, item->value, strlen(item->value));
		record_row_text(record, PAGE_IDENTIFIERS, i, 2, item->snippet, strlen(item->snippet));
	}
}

static void set_state(
    struct record *record, const char *state, const char *rule, const char *format, long long number)
{
	record_set_text(record, PAGE_STATE, state);
	record_set_text(record, PAGE_STATE_RULE, rule);
	record_set_text(record, PAGE_STATE_EVIDENCE, arena_printf(record->arena, "%s%lld", format, number));
}

/*
 * The states that the response alone decides. A page with little text and no other sign against it is live
 * too, but by a rule of its own, so that a reader can tell. Redirects and other codes decide nothing.
 */
static void decide_state(struct record *record, const struct page_input *in, const struct page *page)
{
	if (in->http_status_code >= 400)
		set_state(record, "error", "http_status", "http_status_code=", in->http_status_code);
	else if (page == NULL || in->http_status_code < 200 || in->http_status_code >= 300)
		return;
	else if (page->text_length >= 200)
		set_state(record, "live", "text_length", "text_length=", (long long)page->text_length);
	else
		set_state(record, "live", "short_text", "text_length=", (long long)page->text_length);
}

static void set_page(struct record *record, const struct page *page)
{
	record_set_text(record, PAGE_TITLE, page->title);
	record_set_text(record, PAGE_H1, page->h1);
	record_set_text(record, PAGE_DESCRIPTION, page->description);
	record_set_text(record, PAGE_GENERATOR, page->generator);
	record_set_text(record, PAGE_LANG, page->lang);
	record_set_text(record, PAGE_CANONICAL_URL, page->canonical);
	record_set_text(record, PAGE_FAVICON_URL, page->favicon);
	record_set_text(record, PAGE_REFRESH_URL, page->refresh);
	record_set_int(record, PAGE_TEXT_LENGTH, (int64_t)page->text_length);
	set_sha256(record, PAGE_TEXT_SHA256, buf_text(&page->text), page->text.length);
	set_hosts(record, PAGE_RESOURCE_HOSTS, &page->resources);
	set_hosts(record, PAGE_LINK_HOSTS, &page->links);
	set_identifiers(record, &page->identifiers);
}

static void set_charset(struct record *record, const struct charset *charset)
{
	record_set_text(record, PAGE_CHARSET, charset->name);
	record_set_text(record, PAGE_CHARSET_SOURCE, charset->source);
	if (charset->declared[0] != '\0')
		record_set_text(record, PAGE_CHARSET_DECLARED, charset->declared);
	record_set_bool(record, PAGE_CHARSET_CONTRADICTED, charset->contradicted);
	record_set_int(record, PAGE_CHARSET_ERRORS, (int64_t)charset->errors);
}

static void set_response(struct record *record, const struct page_input *in)
{
	record_set_text(record, PAGE_ADDRESS, in->address);
	record_set_int(record, PAGE_PORT, in->port);
	record_set_text(record, PAGE_HOST, in->host);
	record_set_text(record, PAGE_URL, in->url);
	record_set_int(record, PAGE_HTTP_STATUS_CODE, in->http_status_code);
	set_sha256(record, PAGE_BODY_SHA256, in->body, in->body_length);
	record_set_int(record, PAGE_BODY_LENGTH, (int64_t)in->body_length);
	record_set_bool(record, PAGE_BODY_TRUNCATED, in->body_truncated);
}

static struct page_links links_of(struct arena *arena, const struct page *page)
{
	return (struct page_links){
	    .favicon = page->favicon == NULL ? NULL : arena_strdup(arena, page->favicon),
	    .base = page->base == NULL ? NULL : arena_strdup(arena, page->base),
	};
}

struct record *page_record(struct arena *arena, const struct page_input *in, struct page_links *ret_links)
{
	struct record *record = record_new(arena, &page_schema, in->domain, in->input);
	enum page_format format = format_of(in);
	struct buf html = {.limit = LIMIT_HTTP_DECODED};
	struct charset charset;
	struct page *page = NULL;
	bool whole;

	if (record == NULL)
		goto out;
	set_response(record, in);
	record->status = ST_NOT_A_PAGE;
	if (ret_links != NULL)
		*ret_links = (struct page_links){0};
	if (format != PAGE_NONE) {
		whole = charset_decode(&html, &charset, in->content_type, in->body, in->body_length);
		page = page_read(html.data, html.length, format);
		if (page == NULL) {
			record = NULL;
			goto out;
		}
		record->status = ST_OK;
		set_charset(record, &charset);
		set_page(record, page);
		record_set_bool(record, PAGE_CAPPED,
		    !whole || page->resources.full || page->links.full || page->identifiers.full);
		if (ret_links != NULL)
			*ret_links = links_of(arena, page);
	}
	decide_state(record, in, page);
out:
	page_free(page);
	buf_release(&html);
	return record == NULL || arena_failed(arena) ? NULL : record;
}
