#include "register_item.h"

#include <errno.h>
#include <string.h>

#include "core/text.h"

static const char fault_cut[] = "is on a line of more than 64 KiB. Look for missing line ends";
static const char fault_text[] = "has bytes that are not UTF-8, or NUL bytes. Save the file as UTF-8";
static const char fault_row[] = "stands in a row with faults. Mend the row";

static const char *const strata[] = {STRATUM_GENERAL, STRATUM_MATCHED, NULL};

const struct register_column register_item_column[ITEM_COLUMNS] = {
    [ITEM_DOMAIN] = {.name = "domain", .needed = true},
    [ITEM_STRATUM] = {.name = "stratum", .check = CHECK_WORD, .needed = true, .word = strata},
    [ITEM_SOURCE] = {.name = "source"},
};

/* What a control must not share with the register, and what makes it a repetition. */
static bool is_left_out(struct register_stream *stream, const struct register_item *item, uint64_t column)
{
	bool control = strcmp(item->stratum, STRATUM_REGISTER) != 0;
	const struct seen *seen = &stream->seen;

	if (seen_has(seen, seen_key(control ? "control" : "register", item->domain))) {
		/* Several entities of domains.csv may share a domain. */
		if (control || !stream->current->csv)
			register_report(&stream->reporter, REGISTER_NOTE, item->file, item->line, column,
			    "'%s' was there before. One line is enough", item->domain);
		return true;
	}
	if (!control || (!seen_has(seen, seen_key("register", item->domain)) &&
			    !seen_has(seen, seen_key("register", item->registrable)) &&
			    !seen_has(seen, seen_key("site", item->registrable))))
		return false;
	register_report(&stream->reporter, REGISTER_WARNING, item->file, item->line, column,
	    "the control '%s' is left out, as the register has %s. Take it out of the controls", item->domain,
	    item->registrable);
	return true;
}

static enum status remember(struct register_stream *stream, const struct register_item *item)
{
	bool control = strcmp(item->stratum, STRATUM_REGISTER) != 0;
	enum status status =
	    seen_add(&stream->seen, seen_key(control ? "control" : "register", item->domain));

	if (status == ST_OK && !control && strcmp(item->domain, item->registrable) != 0)
		status = seen_add(&stream->seen, seen_key("site", item->registrable));
	return status;
}

static enum status refuse(struct register_stream *stream, struct register_item *item, uint64_t column,
    const char *fault, bool reported, struct register_item *ret_item)
{
	enum { SHOWN = 80 };
	size_t length = strlen(item->input);

	if (!reported)
		register_report(&stream->reporter, REGISTER_ERROR, item->file, item->line, column,
		    "'%.*s%s' %s", (int)text_valid_prefix(item->input, length < SHOWN ? length : SHOWN),
		    item->input, length > SHOWN ? "..." : "", fault);
	item->domain = item->registrable = NULL;
	item->cells = (struct register_cells){0};
	item->fault = fault;
	stream->counts.invalid++;
	*ret_item = *item;
	return ST_INVALID;
}

/* Makes the item of an input; ST_AGAIN when it says nothing new. */
static enum status take(struct register_stream *stream, struct register_item *item, uint64_t column,
    struct register_item *ret_item)
{
	const char *fault = NULL;
	enum status status = domain_parse(stream->rules, item->input, &stream->domain, &fault);

	if (status == ST_INVALID)
		return refuse(stream, item, column, fault, false, ret_item);
	if (status != ST_OK)
		return status;
	item->domain = stream->domain.name;
	item->registrable = stream->domain.registrable;
	if (is_left_out(stream, item, column)) {
		stream->counts.duplicates++;
		return ST_AGAIN;
	}
	status = remember(stream, item);
	if (status != ST_OK)
		return status;
	stream->counts.domains++;
	*ret_item = *item;
	return ST_OK;
}

enum status register_item_from_row(struct register_stream *stream, struct register_item *ret_item)
{
	struct register_table *table = &stream->table;
	enum status status = register_table_next(table);
	struct register_item item = {.file = table->file, .line = table->line, .input = ""};
	const struct csv_entry *entry;
	bool control = stream->current->stratum == NULL;

	item.stratum = control ? STRATUM_GENERAL : STRATUM_REGISTER;
	if (status == ST_OK || status == ST_INVALID) {
		if (table->row == NULL)
			return refuse(stream, &item, 1, fault_row, true, ret_item);
		entry = register_table_cell(table, ITEM_DOMAIN);
		item.input = entry->text;
		if (status == ST_INVALID)
			return refuse(stream, &item, entry->column, fault_row, true, ret_item);
		if (control && strcmp(register_table_cell(table, ITEM_STRATUM)->text, STRATUM_MATCHED) == 0)
			item.stratum = STRATUM_MATCHED;
		table->value[table->place[ITEM_DOMAIN]] = stream->domain.name;
		table->value[table->width] = entry->text;
		item.cells = (struct register_cells){
		    .name = table->name, .value = table->value, .count = table->width + 1};
		return take(stream, &item, entry->column, ret_item);
	}
	return status;
}

/* The first word of a line that is no comment: its length, with *text moved to it. */
static size_t find_word(const char **text, const char *end)
{
	const char *word = *text, *comma;
	size_t length = 0;

	while (word < end && *word != '\0' && strchr(REGISTER_SPACES, *word) != NULL)
		word++;
	while (word + length < end && (word[length] == '\0' || strchr(REGISTER_SPACES, word[length]) == NULL))
		length++;
	if (length > 0 && *word == '#')
		length = 0;
	/* RANK,DOMAIN, as lists of the most visited sites have it. */
	comma = memchr(word, ',', length);
	if (comma != NULL && comma > word && word + strspn(word, "0123456789") == comma) {
		length -= (size_t)(comma + 1 - word);
		word = comma + 1;
	}
	*text = word;
	return length;
}

/* The word as UTF-8 without NUL bytes. */
static void keep_input(struct buf *input, const char *word, size_t length)
{
	const char *nul;

	buf_clear(input);
	while ((nul = memchr(word, '\0', length)) != NULL) {
		text_add_mended(input, word, (size_t)(nul - word));
		buf_add_text(input, "\xef\xbf\xbd");
		length -= (size_t)(nul + 1 - word);
		word = nul + 1;
	}
	text_add_mended(input, word, length);
}

static uint64_t count_points(const char *from, const char *to)
{
	uint64_t count = 0;

	for (; from < to; from++)
		count += ((unsigned char)*from & 0xc0) != 0x80;
	return count;
}

enum status register_item_from_line(struct register_stream *stream, struct register_item *ret_item)
{
	static const char *const name[] = {"domain", "stratum", "input"};
	struct register_item item = {.file = stream->current->path, .stratum = stream->current->stratum};
	struct list_line line;
	enum status status = list_reader_next(stream->list, &line);
	const char *word, *start;
	uint64_t column;
	size_t length;

	if (status == ST_SYSTEM)
		register_report(&stream->reporter, REGISTER_ERROR, item.file, 0, 0,
		    "cannot be read: %s. Check the disk", strerror(errno));
	if (status != ST_OK)
		return status;
	start = line.text;
	if (line.line == 1 && line.length >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0)
		start += 3;
	word = start;
	length = find_word(&word, line.text + line.length);
	if (length == 0)
		return ST_AGAIN;
	column = 1 + count_points(start, word);
	keep_input(&stream->input, word, length);
	if (stream->input.failed)
		return ST_NO_MEMORY;
	item.input = buf_text(&stream->input);
	item.line = line.line;
	if (line.cut)
		return refuse(stream, &item, column, fault_cut, false, ret_item);
	if (memchr(word, '\0', length) != NULL || !text_is_valid(word, length))
		return refuse(stream, &item, column, fault_text, false, ret_item);
	stream->list_value[0] = stream->domain.name;
	stream->list_value[1] = item.stratum;
	stream->list_value[2] = item.input;
	item.cells = (struct register_cells){.name = name, .value = stream->list_value, .count = 3};
	return take(stream, &item, column, ret_item);
}
