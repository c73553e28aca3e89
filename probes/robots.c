#include "probes/robots.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Comparisons for one answer, all rules together, some 20 ms: a file made of wildcards must not hold up the
 * event loop. A large honest file takes some hundred thousand. */
enum { STEPS = 4 * 1000 * 1000 };

struct part {
	const char *data;
	size_t length;
};

/* The best rule of the groups that one kind of user-agent line opened. */
struct ruling {
	bool named;		/* there is such a group */
	size_t allow, disallow; /* length of the longest pattern that matched */
};

struct robots {
	struct part agent;
	const char *path;
	size_t path_length;
	unsigned steps;
	bool in_agents;		 /* the last line that counts was a user-agent line */
	bool for_us, for_anyone; /* whom the present group is for */
	struct ruling us, anyone;
};

/* One octet of a path in the form in which it is compared (section 2.2.2): triplets of unreserved characters
 * decoded, other triplets and bytes beyond ASCII as 256 and more. Returns how many bytes it took. */
static size_t next_octet(const char *text, size_t left, int *ret_octet)
{
	unsigned char c = (unsigned char)text[0];
	char hex[3] = {0};

	*ret_octet = c >= 0x80 ? 256 + c : c;
	if (c != '%' || left < 3 || !isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
		return 1;
	memcpy(hex, text + 1, 2);
	c = (unsigned char)strtoul(hex, NULL, 16);
	*ret_octet = isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL) ? c : 256 + c;
	return 3;
}

/* Matches with '*' by going back to the last one only, which is enough for this kind of pattern. */
static bool matches(struct robots *robots, struct part pattern)
{
	size_t p = 0, s = 0, star = SIZE_MAX, star_s = 0;
	int want, have;

	for (;;) {
		if (robots->steps++ >= STEPS)
			return true;
		if (p == pattern.length)
			return true;
		if (pattern.data[p] == '*') {
			star = ++p;
			star_s = s;
			continue;
		}
		if (pattern.data[p] == '$' && p + 1 == pattern.length && s == robots->path_length)
			return true;
		if (s < robots->path_length) {
			size_t p_step = next_octet(pattern.data + p, pattern.length - p, &want);
			size_t s_step = next_octet(robots->path + s, robots->path_length - s, &have);

			if (want == have && !(pattern.data[p] == '$' && p + 1 == pattern.length)) {
				p += p_step;
				s += s_step;
				continue;
			}
		}
		if (star == SIZE_MAX || star_s >= robots->path_length)
			return false;
		star_s += next_octet(robots->path + star_s, robots->path_length - star_s, &have);
		s = star_s;
		p = star;
	}
}

static struct part trim(const char *data, size_t length)
{
	while (length > 0 && isspace((unsigned char)*data)) {
		data++;
		length--;
	}
	while (length > 0 && isspace((unsigned char)data[length - 1]))
		length--;
	return (struct part){data, length};
}

static bool part_is(struct part part, const char *text)
{
	return part.length == strlen(text) && strncasecmp(part.data, text, part.length) == 0;
}

/* The leading product token: in practice a version or a comment follows it often enough. */
static struct part product_token(const char *data, size_t length)
{
	size_t i = 0;

	while (i < length && (isalnum((unsigned char)data[i]) || data[i] == '-' || data[i] == '_'))
		i++;
	return (struct part){data, i};
}

static void take_agent(struct robots *robots, struct part value)
{
	struct part token = product_token(value.data, value.length);

	if (!robots->in_agents)
		robots->for_us = robots->for_anyone = false;
	robots->in_agents = true;
	if (value.length > 0 && value.data[0] == '*')
		robots->for_anyone = robots->anyone.named = true;
	else if (token.length > 0 && token.length == robots->agent.length &&
		 strncasecmp(token.data, robots->agent.data, token.length) == 0)
		robots->for_us = robots->us.named = true;
}

static void take_rule(struct robots *robots, struct part pattern, bool allow)
{
	struct ruling *rulings[] = {&robots->us, &robots->anyone};
	bool holds[] = {robots->for_us, robots->for_anyone};
	size_t i;

	robots->in_agents = false;
	if (pattern.length == 0 || !(holds[0] || holds[1]) || !matches(robots, pattern))
		return;
	for (i = 0; i < 2; i++) {
		size_t *longest = allow ? &rulings[i]->allow : &rulings[i]->disallow;

		if (holds[i] && pattern.length > *longest)
			*longest = pattern.length;
	}
}

static void take_line(struct robots *robots, const char *line, size_t length)
{
	const char *hash = memchr(line, '#', length), *colon;
	struct part all = trim(line, hash == NULL ? length : (size_t)(hash - line)), key, value;
	size_t key_length;

	/* White space instead of the colon is a common slip, and its meaning is plain. */
	colon = memchr(all.data, ':', all.length);
	if (colon != NULL) {
		key_length = (size_t)(colon - all.data);
	} else {
		for (key_length = 0; key_length < all.length; key_length++)
			if (isspace((unsigned char)all.data[key_length]))
				break;
	}
	if (key_length == all.length)
		return;
	key = trim(all.data, key_length);
	value = trim(all.data + key_length + 1, all.length - key_length - 1);
	if (part_is(key, "user-agent"))
		take_agent(robots, value);
	else if (part_is(key, "allow"))
		take_rule(robots, value, true);
	else if (part_is(key, "disallow"))
		take_rule(robots, value, false);
}

bool robots_allows(const char *text, size_t length, const char *agent, const char *path)
{
	struct robots robots = {
	    .agent = product_token(agent, strlen(agent)), .path = path, .path_length = strlen(path)};
	const struct ruling *ruling;
	size_t start = 0, end;

	if (strcmp(path, "/robots.txt") == 0)
		return true;
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	for (; start < length; start = end + 1) {
		for (end = start; end < length && text[end] != '\n' && text[end] != '\r'; end++)
			;
		take_line(&robots, text + start, end - start);
	}
	if (robots.steps >= STEPS)
		return false;
	ruling = robots.us.named ? &robots.us : &robots.anyone;
	return ruling->allow >= ruling->disallow;
}
