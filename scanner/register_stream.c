/* One domain at a time, from any number of sources, each domain once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "register_list.h"
#include "register_table.h"
#include "seen.h"

#define STRATUM_REGISTER "register"
#define SPACES " \t\r\n\v\f"

enum { FIRST_LINE = 4096 };

static const char fault_cut[] = "is on a line of more than 64 KiB. Look for missing line ends";
static const char fault_text[] = "has bytes that are not UTF-8, or NUL bytes. Save the file as UTF-8";
static const char fault_row[] = "stands in a row with faults. Mend the row";

static const char *const strata[] = {"general", "matched", NULL};
static const struct register_column domains_column[] = {{.name = "domain", .needed = true}};
static const struct register_column controls_column[] = {{.name = "domain", .needed = true},
    {.name = "stratum", .check = CHECK_WORD, .needed = true, .word = strata}, {.name = "source"}};

enum { COLUMN_DOMAIN, COLUMN_STRATUM }; /* in both */

struct source {
	struct source *next;
	const char *path;
	FILE *file;
	const char *stratum; /* NULL: the row says it */
	bool csv, started;
	bool part; /* its digest stands for a part of the register */
	char sha256[SHA256_TEXT];
	int64_t lines; /* that may give a domain; negative: not known */
};

struct register_stream {
	const struct domain_rules *rules;
	struct register_reporter reporter;
	struct arena *arena; /* paths and headers */
	struct source *first, *current;
	struct register_table table;
	struct list_reader *list;
	struct seen seen;
	struct register_stream_counts counts;
	enum status failed; /* the fault that ended it, or ST_OK */
	char sha256[SHA256_TEXT];
	/* of the present item */
	struct domain domain;
	struct buf input;
	const char *list_value[3];
};

static struct source *add_source(
    struct register_stream *stream, const char *path, FILE *file, const char *stratum)
{
	struct source *source = arena_alloc(stream->arena, sizeof(*source)), **end = &stream->first;

	if (source != NULL)
		source->path = arena_strdup(stream->arena, path);
	if (source == NULL || source->path == NULL) {
		if (file != stdin)
			fclose(file);
		return NULL;
	}
	source->file = file;
	source->stratum = stratum;
	source->lines = -1;
	while (*end != NULL)
		end = &(*end)->next;
	*end = source;
	if (stream->current == NULL)
		stream->current = source;
	return source;
}

static enum status count_lines(struct register_stream *stream, struct source *source)
{
	struct list_digest digest;
	enum status status = list_digest(source->file, &digest);

	if (status == ST_NOT_FOUND)
		return ST_OK;
	if (status == ST_SYSTEM)
		register_report(&stream->reporter, REGISTER_ERROR, source->path, 0, 0,
		    "cannot be read: %s. Check the disk", strerror(errno));
	if (status != ST_OK)
		return status;
	source->lines = (int64_t)digest.lines - (source->csv && digest.lines > 0);
	if (source->part && source->sha256[0] == '\0')
		memcpy(source->sha256, digest.sha256, sizeof(source->sha256));
	return ST_OK;
}

/* The digest of the whole, when all parts are known. */
static enum status update_digest(struct register_stream *stream)
{
	struct buf all = {0};
	const struct source *source;
	enum status status = ST_OK;
	size_t parts = 0;

	for (source = stream->first; source != NULL; source = source->next) {
		if (!source->part)
			continue;
		if (source->sha256[0] == '\0')
			goto out;
		buf_printf(&all, "%s\n", source->sha256);
		parts++;
	}
	if (all.failed)
		status = ST_NO_MEMORY;
	else if (parts == 1)
		snprintf(stream->sha256, sizeof(stream->sha256), "%.64s", all.data);
	else if (parts > 1)
		status = list_digest_text(all.data, stream->sha256);
out:
	buf_release(&all);
	return status;
}

/* As sha256sum prints it for the files of a register that exist. */
static enum status digest_folder(const char *folder, char ret_sha256[SHA256_TEXT])
{
	static const char *const name[] = {
	    "claims.csv", "controls.csv", "domains.csv", "entities.csv", "reports.csv"};
	struct register_reporter silent = {0};
	struct buf all = {0};
	enum status status = ST_OK;
	size_t i;

	for (i = 0; i < sizeof(name) / sizeof(*name) && status == ST_OK; i++) {
		struct buf path = {0};
		struct list_digest digest;
		FILE *file;

		buf_printf(&path, "%s/%s", folder, name[i]);
		if (path.failed)
			status = ST_NO_MEMORY;
		else if (register_open_file(&silent, buf_text(&path), true, &file) == ST_OK) {
			status = list_digest(file, &digest);
			fclose(file);
			if (status == ST_OK)
				buf_printf(&all, "%s  %s\n", digest.sha256, name[i]);
		}
		buf_release(&path);
	}
	if (status == ST_OK)
		status = all.failed ? ST_NO_MEMORY : list_digest_text(buf_text(&all), ret_sha256);
	buf_release(&all);
	return status;
}

/* One file of a folder. */
static enum status add_table(
    struct register_stream *stream, const char *folder, const char *name, bool optional, const char *stratum)
{
	const char *path = arena_printf(stream->arena, "%s/%s", folder, name);
	struct source *source;
	enum status status;
	struct stat st;
	FILE *file;

	if (path == NULL)
		return ST_NO_MEMORY;
	if (optional && stat(path, &st) != 0 && errno == ENOENT)
		return ST_OK;
	status = register_open_file(&stream->reporter, path, true, &file);
	if (status != ST_OK)
		return ST_SYSTEM;
	source = add_source(stream, path, file, stratum);
	if (source == NULL)
		return ST_NO_MEMORY;
	source->csv = true;
	return count_lines(stream, source);
}

static enum status add_folder(struct register_stream *stream, const char *folder)
{
	enum status status = add_table(stream, folder, "domains.csv", false, STRATUM_REGISTER);

	if (status == ST_OK)
		status = add_table(stream, folder, "controls.csv", true, NULL);
	if (status != ST_OK)
		return status;
	stream->first->part = true;
	return digest_folder(folder, stream->first->sha256);
}

/* True when the first line names the columns of controls.csv. */
static bool is_controls_table(FILE *file)
{
	/* White space, the CSV's own characters and the byte order mark. */
	static const char between[] = SPACES ",\"\xef\xbb\xbf";
	char line[FIRST_LINE], *word, *rest = line;
	bool domain = false, stratum = false;
	off_t start = ftello(file);

	if (start < 0)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	while ((word = strsep(&rest, between)) != NULL) {
		domain |= strcmp(word, "domain") == 0;
		stratum |= strcmp(word, "stratum") == 0;
	}
	return fseeko(file, start, SEEK_SET) == 0 && domain && stratum;
}

static enum status add_list(struct register_stream *stream, const char *path, const char *stratum)
{
	struct source *source;
	FILE *file = stdin;
	enum status status = ST_OK;

	if (strcmp(path, "-") != 0)
		status = register_open_file(&stream->reporter, path, false, &file);
	if (status != ST_OK)
		return ST_SYSTEM;
	source = add_source(stream, path, file, stratum);
	if (source == NULL)
		return ST_NO_MEMORY;
	source->part = true;
	if (strcmp(stratum, STRATUM_REGISTER) != 0 && is_controls_table(file)) {
		source->csv = true;
		source->stratum = NULL;
	}
	return count_lines(stream, source);
}

enum status register_stream_open(const char *path, const struct domain_rules *rules, register_fault *fault,
    void *fault_arg, struct register_stream **ret_stream)
{
	struct register_stream *stream = calloc(1, sizeof(*stream));
	enum status status = ST_NO_MEMORY;
	struct stat st;

	if (stream == NULL)
		return ST_NO_MEMORY;
	stream->rules = rules;
	stream->reporter = (struct register_reporter){.fault = fault, .arg = fault_arg};
	stream->arena = arena_new(0);
	if (stream->arena == NULL)
		goto out;
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		status = add_folder(stream, path);
	else
		status = add_list(stream, path, STRATUM_REGISTER);
	if (status == ST_OK)
		status = update_digest(stream);
out:
	if (status == ST_OK)
		*ret_stream = stream;
	else
		register_stream_close(stream);
	return status;
}

enum status register_stream_add_controls(
    struct register_stream *stream, const char *path, const char *stratum)
{
	enum status status = add_list(stream, path, strcmp(stratum, strata[1]) == 0 ? strata[1] : strata[0]);

	if (status != ST_OK)
		return status;
	stream->sha256[0] = '\0';
	return update_digest(stream);
}

static void stop_source(struct register_stream *stream, struct source *source)
{
	list_reader_free(stream->list);
	stream->list = NULL;
	register_table_close(&stream->table);
	if (source->file != NULL && source->file != stdin)
		fclose(source->file);
	source->file = NULL;
}

void register_stream_close(struct register_stream *stream)
{
	struct source *source;

	if (stream == NULL)
		return;
	for (source = stream->first; source != NULL; source = source->next)
		stop_source(stream, source);
	seen_release(&stream->seen);
	buf_release(&stream->input);
	arena_free(stream->arena);
	free(stream);
}

static enum status start_source(struct register_stream *stream, struct source *source)
{
	source->started = true;
	if (!source->csv) {
		stream->list = list_reader_new(source->file, source->part && source->sha256[0] == '\0');
		return stream->list == NULL ? ST_NO_MEMORY : ST_OK;
	}
	stream->table = (struct register_table){.file = source->path,
	    .reporter = &stream->reporter,
	    .column = source->stratum == NULL ? controls_column : domains_column,
	    .column_count = source->stratum == NULL ? sizeof(controls_column) / sizeof(*controls_column) : 1};
	return register_table_open(&stream->table, source->file, stream->arena);
}

static enum status end_source(struct register_stream *stream)
{
	struct source *source = stream->current;
	enum status status = ST_OK;

	if (source->part && source->sha256[0] == '\0' && stream->list != NULL)
		status = list_reader_sha256(stream->list, source->sha256);
	stop_source(stream, source);
	stream->current = source->next;
	return status == ST_OK ? update_digest(stream) : status;
}

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

static enum status next_row(struct register_stream *stream, struct register_item *ret_item)
{
	struct register_table *table = &stream->table;
	enum status status = register_table_next(table);
	struct register_item item = {.file = table->file, .line = table->line, .input = ""};
	const struct csv_entry *entry;
	bool control = stream->current->stratum == NULL;

	item.stratum = control ? strata[0] : STRATUM_REGISTER;
	if (status == ST_OK || status == ST_INVALID) {
		if (table->row == NULL)
			return refuse(stream, &item, 1, fault_row, true, ret_item);
		entry = register_table_cell(table, COLUMN_DOMAIN);
		item.input = entry->text;
		if (status == ST_INVALID)
			return refuse(stream, &item, entry->column, fault_row, true, ret_item);
		if (control && strcmp(register_table_cell(table, COLUMN_STRATUM)->text, strata[1]) == 0)
			item.stratum = strata[1];
		table->value[table->place[COLUMN_DOMAIN]] = stream->domain.name;
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

	while (word < end && *word != '\0' && strchr(SPACES, *word) != NULL)
		word++;
	while (word + length < end && (word[length] == '\0' || strchr(SPACES, word[length]) == NULL))
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

static enum status next_line(struct register_stream *stream, struct register_item *ret_item)
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

/* A step of the present source; ST_AGAIN when it gave nothing. */
static enum status step(struct register_stream *stream, struct register_item *ret_item)
{
	struct source *source = stream->current;
	enum status status;

	if (!source->started) {
		status = start_source(stream, source);
		/* A table without a usable header gives nothing. */
		if (status != ST_OK)
			return status == ST_INVALID ? ST_SYSTEM : status;
	}
	status = source->csv ? next_row(stream, ret_item) : next_line(stream, ret_item);
	if (status != ST_NOT_FOUND)
		return status;
	status = end_source(stream);
	return status == ST_OK ? ST_AGAIN : status;
}

enum status register_stream_next(struct register_stream *stream, struct register_item *ret_item)
{
	enum status status = ST_AGAIN;

	if (stream->failed != ST_OK)
		return stream->failed;
	while (stream->current != NULL && status == ST_AGAIN)
		status = step(stream, ret_item);
	if (status == ST_AGAIN)
		return ST_NOT_FOUND;
	if (status != ST_OK && status != ST_INVALID)
		stream->failed = status;
	return status;
}

struct register_stream_counts register_stream_counts(const struct register_stream *stream)
{
	return stream->counts;
}

int64_t register_stream_total(const struct register_stream *stream)
{
	const struct source *source;
	int64_t total = 0;

	for (source = stream->first; source != NULL; source = source->next) {
		if (source->lines < 0)
			return -1;
		total += source->lines;
	}
	return total;
}

const char *register_stream_sha256(const struct register_stream *stream)
{
	return stream->sha256;
}
