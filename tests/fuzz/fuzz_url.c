/* The first line is a base, the rest a reference. What comes out is a fixed point, and safe to send. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "probes/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check(struct arena *arena, const struct url *url)
{
	const char *text = url_text(arena, url), *c;
	struct url again;

	require(strlen(text) <= LIMIT_URL && url->path[0] == '/' && url->port != 0);
	for (c = text; *c != '\0'; c++)
		require(*c > ' ' && *c < 0x7f && *c != '#' && *c != '\\');
	require(strpbrk(url->host, "/@?%ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
	require(url_parse(arena, text, &again) == ST_OK);
	require(strcmp(url_text(arena, &again), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = memchr(data, '\n', size);
	struct url base = {.host = "example.com", .port = 80, .path = "/a/b?c"}, url;
	struct arena *arena = arena_new(0);
	size_t length = lf == NULL ? 0 : (size_t)(lf - data);
	char *text;

	text = arena_strndup(arena, (const char *)data, length);
	if (url_parse(arena, text, &url) == ST_OK) {
		check(arena, &url);
		base = url;
	}
	text = arena_strndup(arena, (const char *)data + length, size - length);
	if (url_resolve(arena, &base, text, &url) == ST_OK)
		check(arena, &url);
	arena_free(arena);
	return 0;
}
