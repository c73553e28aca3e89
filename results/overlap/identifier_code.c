#include <stdio.h>
#include <string.h>

#include "results/overlap/identifier_scan.h"

enum { HOST = 120 }; /* bytes of a tracker's host name that fit into a value beside the site's number */

static bool is_upper_alnum(char c)
{
	return scan_is_digit(c) || scan_is_upper(c);
}

static bool is_token(char c)
{
	return scan_is_word(c) || c == '-';
}

/* scan->at is the '-' of "UA-", "G-", "GT-", "GTM-", "AW-", "pub-". */
static void scan_dashed(const struct scan *scan)
{
	size_t start = scan->at, body = scan->at + 1, length, prefix;

	while (start > 0 && scan->at - start < 4 && scan_is_word(scan->text[start - 1]))
		start--;
	prefix = body - start;
	if (start > 0 && (scan_is_word(scan->text[start - 1])))
		return;
	if (scan_has(scan, start, "UA-") && (start == 0 || scan->text[start - 1] != '-')) {
		length = scan_run(scan, body, scan_is_digit);
		if (length >= 4 && length <= 10 && scan_has(scan, body + length, "-") &&
		    scan_run(scan, body + length + 1, scan_is_digit) > 0)
			scan_add_slice(scan, "google_analytics_ua", body, length, 0);
	} else if (scan_has(scan, start, "pub-")) {
		length = scan_run(scan, body, scan_is_digit);
		if (length >= 10 && length <= 20)
			scan_add_slice(scan, "adsense", body, length, 0);
	} else if (scan_has(scan, start, "G-") || scan_has(scan, start, "GT-") ||
		   scan_has(scan, start, "AW-") || scan_has(scan, start, "GTM-")) {
		length = scan_run(scan, body, is_upper_alnum);
		if (start > 0 && scan->text[start - 1] == '-')
			return;
		if (body + length < scan->length && is_token(scan->text[body + length]))
			return;
		if (length >= (prefix == 4 ? 4u : 6u) && length <= (prefix == 4 ? 10u : 12u))
			scan_add_slice(scan, "google_tag", start, prefix + length, prefix);
	}
}

/* End of the URL that scan->at is in, at most SCAN_AROUND bytes on. */
static size_t url_end(const struct scan *scan)
{
	size_t end = scan->at,
	       limit = scan->length - scan->at < SCAN_AROUND ? scan->length : scan->at + SCAN_AROUND;

	while (end < limit && strchr(" \t\r\n\"'<>\\`", scan->text[end]) == NULL)
		end++;
	return end;
}

/* The value of parameter `name` in the URL around scan->at: where it begins, or 0. */
static size_t find_parameter(const struct scan *scan, const char *name)
{
	size_t i, end = url_end(scan), size = strlen(name);

	/* ';' is the end of "&amp;", which scripts leave as it is. */
	for (i = scan->at; i + size + 1 < end; i++)
		if (strchr("?&;", scan->text[i]) != NULL && scan_has(scan, i + 1, name) &&
		    scan->text[i + 1 + size] == '=')
			return i + size + 2;
	return 0;
}

static void scan_baidu(const struct scan *scan)
{
	size_t from = scan->at + strlen(".baidu.com/"), i;
	char value[33];

	if (scan->at < 2 || memcmp(scan->text + scan->at - 2, "hm", 2) != 0)
		return;
	if (scan_has(scan, from, "hm.js?"))
		from += strlen("hm.js?");
	else if (scan_has(scan, from, "h.js?"))
		from += strlen("h.js?");
	else
		return;
	if (scan_run(scan, from, scan_is_hex) != 32)
		return;
	for (i = 0; i < 32; i++)
		value[i] = (char)(scan_is_upper(scan->text[from + i]) ? scan->text[from + i] + 32
								      : scan->text[from + i]);
	value[32] = '\0';
	if (!scan_is_placeholder(value))
		scan_add(scan, "baidu_tongji", value, from);
}

/* s12.cnzz.com/z_stat.php?id=...&web_id=..., v1.cnzz.com/z.js?id=..., c.cnzz.com/core.php?web_id=... */
static void scan_cnzz(const struct scan *scan)
{
	size_t from = find_parameter(scan, "web_id"), length;

	if (from == 0)
		from = find_parameter(scan, "id");
	if (from == 0)
		return;
	length = scan_run(scan, from, scan_is_digit);
	if (length >= 5 && length <= 12)
		scan_add_slice(scan, "cnzz", from, length, 0);
}

/* js.users.51.la/12345678.js, and sdk.51.la/...js?id=K0... */
static void scan_la51(const struct scan *scan)
{
	size_t from = scan->at + strlen(".51.la/"), length = scan_run(scan, from, scan_is_digit);

	if (length >= 5 && length <= 9 && scan_has(scan, from + length, ".js")) {
		scan_add_slice(scan, "la51", from, length, 0);
		return;
	}
	from = find_parameter(scan, "id");
	if (from != 0 && scan_run(scan, from, scan_is_alnum) == 16)
		scan_add_slice(scan, "la51", from, 16, 0);
}

/* LA.init({id: "...", ck: "..."}), the key quoted or not and in any place. */
static void scan_la_init(const struct scan *scan)
{
	size_t i, from, end = scan->length - scan->at < SCAN_AROUND ? scan->length : scan->at + SCAN_AROUND;

	for (i = scan->at; i + 2 < end && scan->text[i] != '}'; i++) {
		if (strchr("{,\"' \t\r\n", scan->text[i]) == NULL || !scan_has(scan, i + 1, "id"))
			continue;
		from = scan_skip(scan, i + 3, "\"' \t\r\n");
		if (!scan_has(scan, from, ":"))
			continue;
		from = scan_skip(scan, from + 1, "\"' \t\r\n");
		if (scan_run(scan, from, scan_is_alnum) == 16)
			scan_add_slice(scan, "la51", from, 16, 0);
		return;
	}
}

/* Length of the host name at `from`, a port included; 0 when there is none. */
static size_t host_length(const struct scan *scan, size_t from)
{
	size_t i = from;
	bool dot = false;

	for (; i < scan->length && i - from <= HOST; i++) {
		if (!scan_is_alnum(scan->text[i]) && scan->text[i] != '.' && scan->text[i] != '-' &&
		    scan->text[i] != ':')
			break;
		dot = dot || scan->text[i] == '.';
	}
	return dot && i - from <= HOST ? i - from : 0;
}

static void add_matomo(const struct scan *scan, size_t host, size_t site)
{
	size_t host_size = host_length(scan, host), site_size = scan_run(scan, site, scan_is_digit), i;
	char value[IDENTIFIER_VALUE];

	if (host_size == 0 || site_size == 0 || site_size > 9)
		return;
	snprintf(value, sizeof(value), "%.*s#%.*s", (int)host_size, scan->text + host, (int)site_size,
	    scan->text + site);
	for (i = 0; value[i] != '\0'; i++)
		if (scan_is_upper(value[i]))
			value[i] = (char)(value[i] + 32);
	scan_add(scan, "matomo", value, site);
}

/* ".../matomo.php?idsite=3": the host stands before. */
static void scan_matomo_url(const struct scan *scan)
{
	size_t site = find_parameter(scan, "idsite"), i;

	for (i = scan->at; site != 0 && i > 1 && scan->at - i < SCAN_AROUND; i--) {
		if (strchr(" \t\r\n\"'<>", scan->text[i - 1]) != NULL)
			return;
		if (scan->text[i - 1] == '/' && scan->text[i - 2] == '/') {
			add_matomo(scan, i, site);
			return;
		}
	}
}

/* _paq.push(['setSiteId', '3']): the host is that of `var u="//host/"` or of setTrackerUrl in the same
 * script. */
static void scan_matomo_script(const struct scan *scan)
{
	size_t from = scan->at > 2 * SCAN_AROUND ? scan->at - 2 * SCAN_AROUND : 0, i, site, left;

	site = scan_skip(scan, scan->at + strlen("setSiteId"), "\"', \t(\\");
	if (scan_run(scan, site, scan_is_digit) == 0)
		return;
	for (i = from; i + 2 < scan->length && i < scan->at + SCAN_AROUND; i++) {
		bool assigned = scan_has(scan, i, "u=") || scan_has(scan, i, "u =");
		const char *slashes, *end;

		if (!(assigned && (i == 0 || !scan_is_word(scan->text[i - 1]))) &&
		    !scan_has(scan, i, "setTrackerUrl"))
			continue;
		left = scan->length - i < SCAN_AROUND ? scan->length - i : SCAN_AROUND;
		end = memchr(scan->text + i, ';', left);
		if (end != NULL)
			left = (size_t)(end - scan->text) - i;
		slashes = memmem(scan->text + i, left, "//", 2);
		if (slashes != NULL) {
			add_matomo(scan, (size_t)(slashes - scan->text) + 2, site);
			return;
		}
	}
}

typedef void scanner(const struct scan *scan);

/* Words that begin with the character under the scanner, and who reads on from there. */
static const struct word {
	const char *word;
	scanner *read;
} words[] = {
    {".baidu.com/h", scan_baidu},
    {".cnzz.com/", scan_cnzz},
    {".51.la/", scan_la51},
    {"/matomo.php?", scan_matomo_url},
    {"/piwik.php?", scan_matomo_url},
    {"LA.init", scan_la_init},
    {"setSiteId", scan_matomo_script},
};

static void scan_words(struct scan *scan)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (scan_has(scan, scan->at, words[i].word) && scan->looks < SCAN_LOOKS) {
			scan->looks++;
			words[i].read(scan);
		}
}

void identifier_scan_code(struct identifier_set *set, const char *text, size_t length)
{
	struct scan scan = {.set = set, .text = text, .length = length};

	for (; scan.at < length; scan.at++) {
		char c = text[scan.at];

		if (c == '-')
			scan_dashed(&scan);
		else if (c == '.' || c == '/' || c == 'L' || c == 's')
			scan_words(&scan);
	}
	identifier_scan_text(set, text, length);
}
