#include "probes/http_head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9110 section 5.6.2 */
static bool is_token_char(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Length of a line without its line end; `length` counts up to and without the LF. */
static size_t without_cr(const char *line, size_t length)
{
	return length > 0 && line[length - 1] == '\r' ? length - 1 : length;
}

/* True when the `length` bytes are, or can still become, the begin of a status line. */
static bool begins_as_status(const char *line, size_t length)
{
	return strncasecmp(line, "HTTP/", length < 5 ? length : 5) == 0 ||
	       strncasecmp(line, "ICY ", length < 4 ? length : 4) == 0;
}

enum status http_head_find(struct http_head_search *search, const char *data, size_t length,
    size_t *ret_length, const char **ret_fault)
{
	size_t limit = length < LIMIT_HTTP_HEAD ? length : LIMIT_HTTP_HEAD;

	while (search->position < limit) {
		const char *line = data + search->line;
		const char *lf = memchr(data + search->position, '\n', limit - search->position);
		size_t end = lf == NULL ? limit : (size_t)(lf - data);
		bool empty = without_cr(line, end - search->line) == 0;

		if (!empty && !search->started && !begins_as_status(line, end - search->line)) {
			*ret_fault = "the answer does not begin as HTTP";
			return ST_PROTOCOL_ERROR;
		}
		search->position = end;
		if (lf == NULL)
			break;
		if (empty && search->started) {
			*ret_length = end + 1;
			return ST_OK;
		}
		search->started = search->started || !empty;
		search->line = search->position = end + 1;
		if (++search->lines > LIMIT_HTTP_HEADERS) {
			*ret_fault = "more header lines than the limit";
			return ST_PROTOCOL_ERROR;
		}
	}
	if (length < LIMIT_HTTP_HEAD)
		return ST_AGAIN;
	*ret_fault = "the head is larger than the limit";
	return ST_PROTOCOL_ERROR;
}

/* "HTTP/1.1 200 OK"; the version and the reason may be odd, the three digits must be there. */
static bool parse_status_line(char *line, size_t length, struct http_head *head)
{
	char *end = line + length, *version = line, *c;

	if (length > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		version += 5;
	else if (length < 4 || strncasecmp(line, "ICY ", 4) != 0)
		return false;
	for (c = version; c < end && (isalnum((unsigned char)*c) || *c == '.'); c++)
		;
	if (c == version || c - version > 8 || c == end || !is_blank(*c))
		return false;
	*c++ = '\0';
	while (c < end && is_blank(*c))
		c++;
	if (end - c < 3 || c[0] < '1' || c[0] > '9' || !isdigit((unsigned char)c[1]) ||
	    !isdigit((unsigned char)c[2]) || (end - c > 3 && isalnum((unsigned char)c[3])))
		return false;
	head->version = version;
	head->status_code = (c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0');
	c += 3;
	while (c < end && is_blank(*c))
		c++;
	while (end > c && is_blank(end[-1]))
		end--;
	*end = '\0';
	head->reason = c;
	head->reason_length = (size_t)(end - c);
	return true;
}

/* One header line, folded lines included; the byte at line[length] is a line end and may be overwritten. */
static void parse_header(char *line, size_t length, struct http_head *head)
{
	struct http_header *header = &head->header[head->header_count++];
	char *colon = memchr(line, ':', length), *value = line, *end = line + length;
	size_t name = 0;

	if (colon != NULL)
		while (is_token_char((unsigned char)line[name]))
			name++;
	header->name = "";
	if (colon != NULL && name > 0) {
		char *c = line + name;

		while (is_blank(*c))
			c++;
		if (c == colon) {
			head->malformed += colon != line + name;
			line[name] = '\0';
			header->name = line;
			value = colon + 1;
		}
	}
	head->malformed += header->name[0] == '\0';
	while (value < end && is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	*end = '\0';
	header->value = value;
	header->value_length = (size_t)(end - value);
}

/* The end of the header that begins at `start`: at the LF of its last line; or NULL when that is not there.
 * Line ends of obs-fold (RFC 9112 section 5.2) become spaces, as is asked of user agents. */
static char *unfold(char *start, char *end)
{
	char *lf = memchr(start, '\n', (size_t)(end - start));

	while (lf != NULL && lf + 1 < end && is_blank(lf[1])) {
		*lf = ' ';
		if (lf > start && lf[-1] == '\r')
			lf[-1] = ' ';
		lf = memchr(lf, '\n', (size_t)(end - lf));
	}
	return lf;
}

static size_t count_lines(const char *data, size_t length)
{
	const char *c = data, *end = data + length;
	size_t count = 0;

	while (c < end && (c = memchr(c, '\n', (size_t)(end - c))) != NULL) {
		count++;
		c++;
	}
	return count;
}

enum status http_head_parse(const char *data, size_t length, struct arena *arena, struct http_head *ret_head)
{
	struct http_head head = {0};
	char *c, *end, *lf;
	size_t lines;

	while (length > 0 && (*data == '\r' || *data == '\n')) {
		data++;
		length--;
	}
	lines = count_lines(data, length);
	c = arena_strndup(arena, data, length);
	head.header = arena_array(arena, lines + 1, sizeof(*head.header));
	if (c == NULL || head.header == NULL)
		return ST_NO_MEMORY;
	end = c + length;
	lf = memchr(c, '\n', length);
	if (lf == NULL || !parse_status_line(c, without_cr(c, (size_t)(lf - c)), &head))
		return ST_PROTOCOL_ERROR;
	for (c = lf + 1; c < end && (lf = unfold(c, end)) != NULL; c = lf + 1) {
		size_t line = without_cr(c, (size_t)(lf - c));

		if (line == 0)
			break;
		parse_header(c, line, &head);
	}
	*ret_head = head;
	return ST_OK;
}

bool http_head_is_interim(const struct http_head *head)
{
	return head->status_code < 200 && head->status_code != 101;
}

const struct http_header *http_head_get(const struct http_head *head, const char *name)
{
	size_t i;

	for (i = 0; i < head->header_count; i++)
		if (strcasecmp(head->header[i].name, name) == 0)
			return &head->header[i];
	return NULL;
}

const char *http_head_list(const struct http_head *head, const char *name, struct arena *arena)
{
	size_t i, size = 0;
	char *list, *end;

	for (i = 0; i < head->header_count; i++)
		if (strcasecmp(head->header[i].name, name) == 0)
			size += strlen(head->header[i].value) + 2;
	list = size == 0 ? NULL : arena_alloc(arena, size + 1);
	if (list == NULL)
		return NULL;
	end = list;
	for (i = 0; i < head->header_count; i++)
		if (strcasecmp(head->header[i].name, name) == 0) {
			if (end > list)
				end = stpcpy(end, ", ");
			end = stpcpy(end, head->header[i].value);
		}
	return list;
}

const char *http_list_next(const char **list, size_t *ret_length)
{
	const char *member = *list + strspn(*list, ", \t");
	size_t length = strcspn(member, ",");

	*list = member + length;
	while (length > 0 && is_blank(member[length - 1]))
		length--;
	if (length == 0)
		return NULL;
	*ret_length = length;
	return member;
}

bool http_list_has(const char *list, const char *member)
{
	const char *item;
	size_t length;

	if (list == NULL)
		return false;
	while ((item = http_list_next(&list, &length)) != NULL)
		if (length == strlen(member) && strncasecmp(item, member, length) == 0)
			return true;
	return false;
}
