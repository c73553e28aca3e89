#include "probes/url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/address.h"
#include "core/buf.h"
#include "core/limits.h"

/* Part of a text; `data` is NULL when the URL does not have that part at all. */
struct slice {
	const char *data;
	size_t length;
};

/* RFC 3986 appendix B; the fragment is gone already. */
struct parts {
	struct slice scheme, authority, path, query;
};

static bool slice_is(struct slice slice, const char *text)
{
	return slice.length == strlen(text) && strncasecmp(slice.data, text, slice.length) == 0;
}

static bool is_unreserved(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int hex_value(unsigned char c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* The octet that the triplet at `text` stands for, or -1. */
static int triplet_value(const char *text)
{
	int high, low;

	if (text[0] != '%')
		return -1;
	high = hex_value((unsigned char)text[1]);
	low = high < 0 ? -1 : hex_value((unsigned char)text[2]);
	return low < 0 ? -1 : high << 4 | low;
}

/* A triplet is decoded where that changes nothing, and in upper case elsewhere (section 6.2.2). */
static void add_triplet(struct buf *out, unsigned char c)
{
	if (is_unreserved(c))
		buf_add_char(out, (char)c);
	else
		buf_printf(out, "%%%02X", c);
}

/* What no part of a URL may contain as it is (section 2); '%' where it begins no triplet. */
static bool must_encode(unsigned char c)
{
	return c <= ' ' || c >= 0x7f || strchr("\"%<>\\^`{|}", c) != NULL;
}

/* Appends `text` without its fragment, white space around it and line ends and tabs in it. */
static bool add_stripped(struct buf *out, const char *text)
{
	size_t length, step;

	while (*text > 0 && *text <= ' ')
		text++;
	length = strcspn(text, "#");
	while (length > 0 && (unsigned char)text[length - 1] <= ' ')
		length--;
	for (; length > 0; text += step, length -= step) {
		step = strcspn(text, "\t\n\r");
		step = step < length ? step : length;
		buf_add(out, text, step);
		step += step < length;
	}
	return !out->failed;
}

/* Appends `text` mended and normalised: every '%' in it begins a triplet from then on. */
static bool add_clean(struct buf *out, const char *text)
{
	bool in_query = false;

	for (; *text != '\0'; text++) {
		int octet = triplet_value(text);
		unsigned char c = (unsigned char)*text;

		in_query = in_query || c == '?';
		if (octet >= 0) {
			add_triplet(out, (unsigned char)octet);
			text += 2;
		} else if (c == '\\' && !in_query) {
			buf_add_char(out, '/');
		} else if (must_encode(c)) {
			add_triplet(out, c);
		} else {
			buf_add_char(out, (char)c);
		}
	}
	return !out->failed;
}

static size_t scheme_length(const char *text)
{
	size_t length = 0;

	if (isalpha((unsigned char)text[0]))
		while (isalnum((unsigned char)text[length]) ||
		       (text[length] != '\0' && strchr("+-.", text[length]) != NULL))
			length++;
	return text[length] == ':' ? length : 0;
}

static struct parts split(const char *text)
{
	struct parts parts = {0};
	size_t length = scheme_length(text);

	if (length > 0) {
		parts.scheme = (struct slice){text, length};
		text += length + 1;
	}
	if (text[0] == '/' && text[1] == '/') {
		text += 2;
		parts.authority = (struct slice){text, strcspn(text, "/?")};
		text += parts.authority.length;
	}
	parts.path = (struct slice){text, strcspn(text, "?")};
	text += parts.path.length;
	if (*text == '?')
		parts.query = (struct slice){text, strlen(text)};
	return parts;
}

/* Removes dot segments in place (section 5.2.4); `path` begins with '/'. Returns the new length. */
static size_t remove_dots(char *path, size_t length)
{
	size_t in = 0, out = 0;

	while (in < length) {
		const char *slash = memchr(path + in + 1, '/', length - in - 1);
		size_t end = slash == NULL ? length : (size_t)(slash - path);
		struct slice segment = {path + in + 1, end - in - 1};
		bool up = slice_is(segment, ".."), here = slice_is(segment, ".");

		if (up) {
			while (out > 0 && path[--out] != '/')
				;
		} else if (!here) {
			memmove(path + out, path + in, end - in);
			out += end - in;
		}
		if ((up || here) && end == length)
			path[out++] = '/';
		in = end;
	}
	return out;
}

static bool is_name(const char *host)
{
	size_t label = 0;

	if (strlen(host) > LIMIT_NAME)
		return false;
	for (; *host != '\0'; host++) {
		if (*host == '.' && label == 0)
			return false;
		if (*host != '.' && !isalnum((unsigned char)*host) && *host != '-' && *host != '_')
			return false;
		label = *host == '.' ? 0 : label + 1;
		if (label > LIMIT_LABEL)
			return false;
	}
	return label > 0;
}

/* `text` is what stands between the brackets; arena memory, or NULL when it is no address. */
static const char *ipv6_host(struct arena *arena, const char *text, size_t length)
{
	char in[ADDRESS_TEXT], out[ADDRESS_TEXT];
	struct address address;

	if (length >= sizeof(in))
		return NULL;
	memcpy(in, text, length);
	in[length] = '\0';
	if (!address_parse(&address, in) || address.family != 6)
		return NULL;
	return arena_strdup(arena, address_text(&address, out));
}

static const char *named_host(struct arena *arena, const char *text, size_t length)
{
	char *host, *c;

	if (length > 0 && text[length - 1] == '.')
		length--;
	host = arena_strndup(arena, text, length);
	if (host == NULL || !is_name(host))
		return NULL;
	for (c = host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

/* An empty port is the default (section 3.2.3). */
static bool parse_port(struct slice text, uint16_t *ret_port)
{
	unsigned port = 0;
	size_t i;

	for (i = 0; i < text.length && port <= UINT16_MAX; i++) {
		if (!isdigit((unsigned char)text.data[i]))
			return false;
		port = port * 10 + (unsigned)(text.data[i] - '0');
	}
	if (text.length == 0)
		return true;
	if (port == 0 || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool parse_authority(struct arena *arena, struct slice authority, struct url *url)
{
	const char *at = memrchr(authority.data, '@', authority.length), *colon, *host, *end;

	host = at == NULL ? authority.data : at + 1;
	end = authority.data + authority.length;
	if (*host == '[') {
		const char *bracket = memchr(host, ']', (size_t)(end - host));

		if (bracket == NULL || (bracket + 1 < end && bracket[1] != ':'))
			return false;
		colon = bracket + 1;
		url->host = ipv6_host(arena, host + 1, (size_t)(bracket - host - 1));
	} else {
		colon = memchr(host, ':', (size_t)(end - host));
		if (colon == NULL)
			colon = end;
		url->host = named_host(arena, host, (size_t)(colon - host));
	}
	url->port = url->https ? 443 : 80;
	return url->host != NULL &&
	       (colon == end || parse_port((struct slice){colon + 1, (size_t)(end - colon - 1)}, &url->port));
}

/* Path and query of `parts`, relative ones against `base` (section 5.2.2 and 5.2.3). */
static const char *make_path(struct arena *arena, const struct parts *parts, const char *base)
{
	size_t base_length = strcspn(base, "?"), length = parts->path.length;
	struct slice query = parts->query;
	char *path;

	if (length == 0 && parts->authority.data == NULL) {
		if (query.data == NULL)
			query = (struct slice){base + base_length, strlen(base + base_length)};
	} else if (length > 0 && parts->path.data[0] == '/') {
		base_length = 0;
	} else {
		/* Up to the last slash; a reference with an authority has no relative path but the empty one.
		 */
		while (base_length > 1 && base[base_length - 1] != '/')
			base_length--;
	}
	path = arena_alloc(arena, base_length + length + query.length + 2);
	if (path == NULL)
		return NULL;
	memcpy(path, base, base_length);
	memcpy(path + base_length, parts->path.data, length);
	length = remove_dots(path, base_length + length);
	if (query.length > 0)
		memcpy(path + length, query.data, query.length);
	path[length + query.length] = '\0';
	return path;
}

/* `base` is NULL for an absolute URL. */
static enum status resolve(
    struct arena *arena, const struct url *base, const char *clean, struct url *ret_url)
{
	struct parts parts = split(clean);
	struct url url = {0};

	if (parts.scheme.data != NULL) {
		url.https = slice_is(parts.scheme, "https");
		if (!url.https && !slice_is(parts.scheme, "http"))
			return ST_OUT_OF_SCOPE;
	} else if (base != NULL) {
		url.https = base->https;
	}
	if (parts.authority.data == NULL) {
		if (parts.scheme.data != NULL || base == NULL)
			return ST_INVALID;
		url.host = base->host;
		url.port = base->port;
	} else if ((parts.scheme.data == NULL && base == NULL) ||
		   !parse_authority(arena, parts.authority, &url)) {
		return ST_INVALID;
	}
	url.path = make_path(arena, &parts, parts.authority.data == NULL ? base->path : "/");
	if (url.path == NULL)
		return ST_NO_MEMORY;
	if (strlen(url.host) + strlen(url.path) + sizeof("https://[]:65535") > LIMIT_URL)
		return ST_INVALID;
	*ret_url = url;
	return ST_OK;
}

enum status url_resolve(
    struct arena *arena, const struct url *base, const char *reference, struct url *ret_url)
{
	struct buf stripped = {.limit = LIMIT_URL}, clean = {.limit = LIMIT_URL};
	enum status status = ST_INVALID;

	if (add_stripped(&stripped, reference) && add_clean(&clean, buf_text(&stripped)))
		status = resolve(arena, base, buf_text(&clean), ret_url);
	if (status == ST_INVALID && arena_failed(arena))
		status = ST_NO_MEMORY;
	buf_release(&clean);
	buf_release(&stripped);
	return status;
}

enum status url_parse(struct arena *arena, const char *text, struct url *ret_url)
{
	return url_resolve(arena, NULL, text, ret_url);
}

const char *url_text(struct arena *arena, const struct url *url)
{
	bool literal = strchr(url->host, ':') != NULL;
	const char *scheme = url->https ? "https" : "http", *open = literal ? "[" : "",
		   *close = literal ? "]" : "";

	if (url->port == (url->https ? 443 : 80))
		return arena_printf(arena, "%s://%s%s%s%s", scheme, open, url->host, close, url->path);
	return arena_printf(arena, "%s://%s%s%s:%u%s", scheme, open, url->host, close, url->port, url->path);
}
