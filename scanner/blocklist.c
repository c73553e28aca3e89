#include "blocklist.h"

#include <errno.h>
#include <idn2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/text.h"

struct network_rule {
	struct network network;
	unsigned line;
};

struct name_rule {
	const char *name; /* of the arena */
	unsigned line;
};

struct blocklist {
	struct arena *arena;
	struct network_rule *network; /* sorted and disjoint once the file is read */
	size_t network_count, network_capacity;
	struct name_rule *name; /* sorted */
	size_t name_count, name_capacity;
	size_t count;
};

/* Makes room for one more item; false when memory runs out. */
static bool reserve(void **items, size_t size, size_t count, size_t *capacity)
{
	size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*items, wanted, size);
	if (grown == NULL)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

static enum status add_network(struct blocklist *list, const struct network *network, unsigned line)
{
	if (!reserve((void **)&list->network, sizeof(*list->network), list->network_count,
		&list->network_capacity))
		return ST_NO_MEMORY;
	list->network[list->network_count++] = (struct network_rule){.network = *network, .line = line};
	return ST_OK;
}

static enum status add_name(struct blocklist *list, const char *name, unsigned line)
{
	const char *copy = arena_strdup(list->arena, name);

	if (copy == NULL ||
	    !reserve((void **)&list->name, sizeof(*list->name), list->name_count, &list->name_capacity))
		return ST_NO_MEMORY;
	list->name[list->name_count++] = (struct name_rule){.name = copy, .line = line};
	return ST_OK;
}

/* IPv4-mapped networks block the IPv4 ones that they stand for. */
static struct network unmapped(const struct network *network)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct address inner;

	if (network->address.family != 6 || network->prefix < 96 ||
	    memcmp(network->address.octet, mapped, sizeof(mapped)) != 0)
		return *network;
	inner = address_from_octets(network->address.octet + sizeof(mapped), 4);
	return network_of(&inner, network->prefix - 96);
}

/* Lower case and without the root dot, which is how rules are kept and looked up. False when the length is
 * none that a name can have. */
static bool fold_name(const char *text, char ret_name[LIMIT_NAME + 1])
{
	size_t i, length = strlen(text);

	if (length > 0 && text[length - 1] == '.')
		length--;
	if (length == 0 || length > LIMIT_NAME)
		return false;
	for (i = 0; i < length; i++)
		ret_name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	ret_name[length] = '\0';
	return true;
}

/* Labels of letters, digits, '-' and '_', the last of which is not a number: "10.0.0.300" is a mistyped
 * address and no name, and must not pass as a rule that blocks nothing. */
static bool is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *label = name;

	for (;;) {
		size_t length = strspn(label, allowed);

		if (length == 0 || length > LIMIT_LABEL)
			return false;
		if (label[length] == '\0')
			return strspn(label, "0123456789") < length;
		if (label[length] != '.')
			return false;
		label += length + 1;
	}
}

/* Any other script goes through the mapping of IDNA2008; plain ASCII does not, as it would refuse '_'. */
static bool name_parse(const char *text, char ret_name[LIMIT_NAME + 1])
{
	uint8_t *mapped = NULL;
	bool valid, ascii = true;
	const char *c;

	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	for (c = text; *c != '\0'; c++)
		ascii = ascii && (unsigned char)*c < 0x80;
	if (!ascii &&
	    idn2_lookup_u8((const uint8_t *)text, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	valid = fold_name(mapped == NULL ? text : (const char *)mapped, ret_name) && is_host_name(ret_name);
	idn2_free(mapped);
	return valid;
}

static enum status add_rule(struct blocklist *list, const char *text, unsigned line)
{
	char name[LIMIT_NAME + 1];
	struct network network;

	if (network_parse(&network, text)) {
		network = unmapped(&network);
		return add_network(list, &network, line);
	}
	if (name_parse(text, name))
		return add_name(list, name, line);
	return ST_INVALID;
}

static int compare_networks(const void *a, const void *b)
{
	const struct network_rule *left = a, *right = b;
	int order = address_compare(&left->network.address, &right->network.address);

	if (order == 0)
		order = (left->network.prefix > right->network.prefix) -
			(left->network.prefix < right->network.prefix);
	return order;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name_rule *)a)->name, ((const struct name_rule *)b)->name);
}

/* Sorts, and drops the networks inside of wider ones: a search then needs to look at one rule only. */
static void settle(struct blocklist *list)
{
	size_t i, kept = 0;

	list->count = list->network_count + list->name_count;
	if (list->name_count > 0)
		qsort(list->name, list->name_count, sizeof(*list->name), compare_names);
	if (list->network_count == 0)
		return;
	qsort(list->network, list->network_count, sizeof(*list->network), compare_networks);
	for (i = 1; i < list->network_count; i++)
		if (!network_contains(&list->network[kept].network, &list->network[i].network.address))
			list->network[++kept] = list->network[i];
	list->network_count = kept + 1;
}

/* What a line says without comment and white space around it; changes the line. */
static char *strip(char *line)
{
	size_t length;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	length = strlen(line);
	while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		line[--length] = '\0';
	return line;
}

static void describe_fault(const char *path, unsigned line, const char *text, char *ret_error)
{
	struct buf shown = {.limit = 80};

	text_add_printable(&shown, text, strnlen(text, 60));
	snprintf(ret_error, BLOCKLIST_ERROR, "%.120s:%u: \"%s\" is no address, network or domain name", path,
	    line, buf_text(&shown));
	buf_release(&shown);
}

static enum status read_line(
    struct blocklist *list, const char *path, unsigned number, char *line, char *ret_error)
{
	enum status status;
	char *text = line;

	if (number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* the mark that some editors begin UTF-8 files with */
	text = strip(text);
	if (*text == '\0')
		return ST_OK;
	if (list->network_count + list->name_count >= BLOCKLIST_RULES) {
		snprintf(ret_error, BLOCKLIST_ERROR, "%.120s:%u: more than %d rules", path, number,
		    BLOCKLIST_RULES);
		return ST_INVALID;
	}
	status = add_rule(list, text, number);
	if (status == ST_INVALID)
		describe_fault(path, number, text, ret_error);
	return status;
}

/* The next line without its end. 1, 0 at the end of the file, -1 when it is too long or holds a NUL. */
static int next_line(FILE *file, char line[LIMIT_LINE])
{
	size_t length = 0;
	int c = getc_unlocked(file);

	if (c == EOF)
		return 0;
	for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
		if (length == LIMIT_LINE - 1 || c == '\0')
			return -1;
		line[length++] = (char)c;
	}
	line[length] = '\0';
	return 1;
}

static enum status read_file(struct blocklist *list, FILE *file, const char *path, char *ret_error)
{
	char *line = malloc(LIMIT_LINE);
	enum status status = line == NULL ? ST_NO_MEMORY : ST_OK;
	unsigned number = 0;
	int got = 0;

	while (status == ST_OK && (got = next_line(file, line)) == 1)
		status = read_line(list, path, ++number, line, ret_error);
	if (got < 0) {
		snprintf(ret_error, BLOCKLIST_ERROR,
		    "%.120s:%u: this line is no text, or has %d bytes or more", path, number + 1, LIMIT_LINE);
		status = ST_INVALID;
	} else if (status == ST_OK && ferror(file)) {
		snprintf(ret_error, BLOCKLIST_ERROR, "%.120s: %s", path, strerror(errno));
		status = ST_SYSTEM;
	}
	free(line);
	return status;
}

enum status blocklist_load(
    const char *path, struct blocklist **ret_blocklist, char ret_error[BLOCKLIST_ERROR])
{
	struct blocklist *list = calloc(1, sizeof(*list));
	enum status status = ST_NO_MEMORY;
	FILE *file = NULL;

	if (list != NULL)
		list->arena = arena_new(0);
	if (list == NULL || list->arena == NULL)
		goto out;
	file = fopen(path, "re");
	if (file == NULL) {
		status = errno == ENOENT ? ST_NOT_FOUND : ST_SYSTEM;
		snprintf(ret_error, BLOCKLIST_ERROR, "%.120s: %s", path, strerror(errno));
		goto out;
	}
	status = read_file(list, file, path, ret_error);
	if (status != ST_OK)
		goto out;
	settle(list);
	*ret_blocklist = list;
	list = NULL;
out:
	if (status == ST_NO_MEMORY)
		snprintf(ret_error, BLOCKLIST_ERROR, "%.120s: %s", path, status_text(status));
	if (file != NULL)
		fclose(file);
	blocklist_free(list);
	return status;
}

void blocklist_free(struct blocklist *blocklist)
{
	if (blocklist == NULL)
		return;
	arena_free(blocklist->arena);
	free(blocklist->network);
	free(blocklist->name);
	free(blocklist);
}

size_t blocklist_count(const struct blocklist *blocklist)
{
	return blocklist->count;
}

bool blocklist_find_address(
    const struct blocklist *blocklist, const struct address *address, struct block_rule *ret_rule)
{
	size_t low = 0, high = blocklist->network_count;
	const struct network_rule *rule;
	char text[ADDRESS_TEXT];

	/* The last rule that begins at or before the address is the only one that can cover it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address_compare(&blocklist->network[middle].network.address, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	rule = &blocklist->network[low - 1];
	if (!network_contains(&rule->network, address))
		return false;
	snprintf(ret_rule->text, sizeof(ret_rule->text), "%s/%u", address_text(&rule->network.address, text),
	    rule->network.prefix);
	ret_rule->line = rule->line;
	return true;
}

bool blocklist_find_name(const struct blocklist *blocklist, const char *name, struct block_rule *ret_rule)
{
	char folded[LIMIT_NAME + 1];
	const struct name_rule *rule;
	const char *suffix = folded;

	if (blocklist->name_count == 0 || !fold_name(name, folded))
		return false;
	while (suffix != NULL) {
		struct name_rule wanted = {.name = suffix};

		rule = bsearch(
		    &wanted, blocklist->name, blocklist->name_count, sizeof(*blocklist->name), compare_names);
		if (rule != NULL) {
			snprintf(ret_rule->text, sizeof(ret_rule->text), "%s", rule->name);
			ret_rule->line = rule->line;
			return true;
		}
		suffix = strchr(suffix, '.');
		if (suffix != NULL)
			suffix++;
	}
	return false;
}
