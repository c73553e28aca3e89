#include "results/overlap/identifier.h"

#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "results/overlap/identifier_scan.h"

enum { SNIPPET_BEFORE = 24 }; /* bytes of context in front of a value */

bool scan_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool scan_is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

bool scan_is_alnum(char c)
{
	return scan_is_digit(c) || scan_is_upper(c) || is_lower(c);
}

bool scan_is_word(char c)
{
	return scan_is_alnum(c) || c == '_';
}

bool scan_is_hex(char c)
{
	return scan_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Also what base64url has. */
static bool is_token(char c)
{
	return scan_is_word(c) || c == '-';
}

size_t scan_run(const struct scan *scan, size_t from, bool (*allowed)(char))
{
	size_t i = from;

	while (i < scan->length && i - from < SCAN_AROUND && allowed(scan->text[i]))
		i++;
	return i - from;
}

bool scan_has(const struct scan *scan, size_t from, const char *word)
{
	size_t size = strlen(word);

	return from <= scan->length && scan->length - from >= size &&
	       memcmp(scan->text + from, word, size) == 0;
}

size_t scan_skip(const struct scan *scan, size_t from, const char *characters)
{
	while (
	    from < scan->length && scan->text[from] != '\0' && strchr(characters, scan->text[from]) != NULL)
		from++;
	return from;
}

bool scan_is_placeholder(const char *value)
{
	/* Ids of public templates and tutorials that copies carry along: they name the author of the
	 * template. */
	static const char *const copied[] = {
	    "5527487", /* la51: PTcms */
	};
	size_t i, length = strlen(value);

	for (i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		if (strcmp(value, copied[i]) == 0)
			return true;
	/* All one character, counted up from 1, or the beginning of the alphabet. */
	return strspn(value, (char[]){value[0], '\0'}) == length ||
	       strncmp(value, "12345678901234567890", length) == 0 ||
	       strncasecmp(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", length) == 0;
}

static int compare(const struct identifier *item, const char *indicator, const char *value)
{
	int order = strcmp(item->indicator, indicator);

	return order != 0 ? order : strcmp(item->value, value);
}

/* A slice of whole characters around [at, at + length). */
static void write_snippet(char *ret_snippet, const char *text, size_t length, size_t at)
{
	size_t start = at > SNIPPET_BEFORE ? at - SNIPPET_BEFORE : 0, size, i;

	while (start < at && (text[start] & 0xc0) == 0x80)
		start++;
	size = length - start < IDENTIFIER_SNIPPET - 1 ? length - start : IDENTIFIER_SNIPPET - 1;
	size = text_valid_prefix(text + start, size);
	memcpy(ret_snippet, text + start, size);
	ret_snippet[size] = '\0';
	for (i = 0; i < size; i++)
		if ((unsigned char)ret_snippet[i] < 0x20 || ret_snippet[i] == 0x7f)
			ret_snippet[i] = ' ';
}

void scan_add(const struct scan *scan, const char *indicator, const char *value, size_t at)
{
	struct identifier_set *set = scan->set;
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&set->item[middle], indicator, value);

		if (order == 0)
			return;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (set->count == set->size) {
		set->full = true;
		return;
	}
	memmove(&set->item[low + 1], &set->item[low], (set->count - low) * sizeof(*set->item));
	set->count++;
	set->item[low].indicator = indicator;
	strcpy(set->item[low].value, value);
	write_snippet(set->item[low].snippet, scan->text, scan->length, at);
}

void scan_add_slice(const struct scan *scan, const char *indicator, size_t from, size_t length, size_t prefix)
{
	char value[IDENTIFIER_VALUE];

	if (length >= sizeof(value))
		return;
	memcpy(value, scan->text + from, length);
	value[length] = '\0';
	if (length > prefix && !scan_is_placeholder(value + prefix))
		scan_add(scan, indicator, value, from);
}

/* "codeva-AbCdEfGh12" and the older "code-AbCdEfGh12" are AbCdEfGh12 in other places. */
static size_t skip_baidu(const struct scan *scan)
{
	size_t i = scan->at;

	if (!scan_has(scan, i, "code"))
		return 0;
	i += strlen("code");
	i += scan_run(scan, i, is_lower);
	return scan_has(scan, i, "-") ? i + 1 - scan->at : 0;
}

/* "ms" and 6 to 10 digits or 40 hexadecimal digits in the DNS, 32 hexadecimal digits in a page. */
static bool fits_microsoft(const struct scan *scan, size_t length)
{
	size_t run;

	if (length == 32 || length == 40)
		return scan_run(scan, scan->at, scan_is_hex) == length;
	run = strncasecmp(scan->text + scan->at, "ms", 2) == 0 ? scan_run(scan, scan->at + 2, scan_is_digit)
							       : 0;
	return run == length - 2 && run >= 6 && run <= 10;
}

/* Tokens of ownership: where they stand, and what they look like. */
static const struct token {
	const char *indicator;
	const char *meta;   /* name of the <meta> */
	const char *txt[2]; /* how the TXT record begins, in any case; the rest is the value */
	bool (*allowed)(char);
	unsigned min, max;			 /* characters of the value */
	size_t (*skip)(const struct scan *scan); /* bytes in front that are not part of it, or NULL */
	bool (*fits)(const struct scan *scan, size_t length); /* a further condition, or NULL */
} tokens[] = {
    {"google_site_verification", "google-site-verification",
	{"google-site-verification=", "google-site-verification:"}, is_token, 43, 44, NULL, NULL},
    {"ms_verification", "msvalidate.01", {"MS=", NULL}, scan_is_alnum, 8, 40, NULL, fits_microsoft},
    {"baidu_site_verification", "baidu-site-verification",
	{"baidu-site-verification=", "baidu_site_verification="}, is_token, 8, 32, skip_baidu, NULL},
    {"360_site_verification", "360-site-verification", {"360-site-verification=", "360_site_verification="},
	scan_is_alnum, 16, 64, NULL, NULL},
    {"sogou_site_verification", "sogou_site_verification",
	{"sogou_site_verification=", "sogou-site-verification="}, scan_is_alnum, 8, 64, NULL, NULL},
    {"yandex_verification", "yandex-verification", {"yandex-verification:", "yandex-verification="},
	scan_is_hex, 8, 64, NULL, NULL},
    {"facebook_domain_verification", "facebook-domain-verification", {"facebook-domain-verification=", NULL},
	scan_is_alnum, 20, 64, NULL, NULL},
};

/* The value that begins at scan->at, quotes and white space around it allowed. */
static void read_token(struct scan *scan, const struct token *token)
{
	size_t length, end;

	scan->at = scan_skip(scan, scan->at, " \t\r\n\"'");
	if (token->skip != NULL)
		scan->at += token->skip(scan);
	length = scan_run(scan, scan->at, token->allowed);
	end = scan_skip(scan, scan->at + length, " \t\r\n\"'");
	if (end == scan->length && length >= token->min && length <= token->max &&
	    (token->fits == NULL || token->fits(scan, length)))
		scan_add_slice(scan, token->indicator, scan->at, length, 0);
}

void identifier_scan_meta(struct identifier_set *set, const char *name, const char *content)
{
	struct scan scan = {.set = set, .text = content, .length = strlen(content)};
	size_t i;

	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (strcasecmp(name, tokens[i].meta) == 0)
			read_token(&scan, &tokens[i]);
}

size_t identifier_from_txt(const char *text, size_t length, struct identifier *ret, size_t size)
{
	struct identifier_set set = {.item = ret, .size = size};
	size_t i, j;

	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		for (j = 0; j < 2 && tokens[i].txt[j] != NULL; j++) {
			struct scan scan = {.set = &set, .text = text, .length = length};

			scan.at = scan_skip(&scan, 0, " \t\r\n\"");
			if (length - scan.at <= strlen(tokens[i].txt[j]) ||
			    strncasecmp(text + scan.at, tokens[i].txt[j], strlen(tokens[i].txt[j])) != 0)
				continue;
			scan.at += strlen(tokens[i].txt[j]);
			read_token(&scan, &tokens[i]);
		}
	return set.count;
}
