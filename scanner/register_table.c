#include "register_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *register_severity_name(enum register_severity severity)
{
	static const char *const name[] = {"error", "warning", "note"};

	return name[severity];
}

static void report(struct register_reporter *reporter, struct register_fault_info info, const char *format,
    va_list args) __attribute__((format(printf, 3, 0)));

static void report(
    struct register_reporter *reporter, struct register_fault_info info, const char *format, va_list args)
{
	char *text = NULL;

	if (info.severity == REGISTER_ERROR)
		reporter->errors++;
	else if (info.severity == REGISTER_WARNING)
		reporter->warnings++;
	if (reporter->fault == NULL)
		return;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	info.message = text == NULL ? "a fault for whose text memory is missing" : text;
	reporter->fault(reporter->arg, &info);
	free(text);
}

void register_report(struct register_reporter *reporter, enum register_severity severity, const char *file,
    uint64_t line, uint64_t column, const char *format, ...)
{
	struct register_fault_info info = {
	    .severity = severity, .file = file, .line = line, .column = column};
	va_list args;

	va_start(args, format);
	report(reporter, info, format, args);
	va_end(args);
}

void register_table_report(const struct register_table *table, enum register_severity severity, size_t column,
    const char *format, ...)
{
	const struct csv_entry *entry = register_table_cell(table, column);
	struct register_fault_info info = {
	    .severity = severity, .file = table->file, .line = entry->line, .column = entry->column};
	va_list args;

	va_start(args, format);
	report(table->reporter, info, format, args);
	va_end(args);
}

enum status register_open_file(
    struct register_reporter *reporter, const char *path, bool regular, FILE **ret_file)
{
	/* Opening a pipe must not wait for its writer, when a pipe is not wanted anyway. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | (regular ? O_NONBLOCK : 0)), err;
	struct stat st;
	FILE *file;

	if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) || (regular && !S_ISREG(st.st_mode)))) {
		close(fd);
		register_report(reporter, REGISTER_ERROR, path, 0, 0, "is no file. Put a text file there");
		return ST_SYSTEM;
	}
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (file != NULL) {
		*ret_file = file;
		return ST_OK;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	register_report(reporter, REGISTER_ERROR, path, 0, 0,
	    "cannot be opened: %s. Check the path and its permissions", strerror(err));
	return err == ENOENT ? ST_NOT_FOUND : ST_SYSTEM;
}

/* Position of a name in the header, or `width`. */
static size_t find_name(const struct register_table *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->width; i++)
		if (strcmp(table->name[i], name) == 0)
			break;
	return i;
}

/* Keeps the header's names; ST_INVALID after a fault. */
static enum status keep_header(struct register_table *table, struct arena *arena)
{
	enum status status = ST_OK;
	size_t i;

	for (i = 0; i < table->row->count; i++) {
		const struct csv_entry *entry = &table->row->entry[i];

		table->name[i] = arena_strdup(arena, entry->text);
		if (table->name[i] == NULL)
			return ST_NO_MEMORY;
		if (entry->length == 0) {
			register_report(table->reporter, REGISTER_WARNING, table->file, entry->line,
			    entry->column, "a column has no name. Name it, or take it out");
		} else if (find_name(table, entry->text) < table->width) {
			register_report(table->reporter, REGISTER_ERROR, table->file, entry->line,
			    entry->column, "the column '%s' is there twice. Rename or remove one",
			    entry->text);
			status = ST_INVALID;
		}
		table->width++;
	}
	table->name[table->width] = "input";
	return status;
}

static enum status find_columns(struct register_table *table)
{
	enum status status = ST_OK;
	size_t i;

	for (i = 0; i < table->column_count; i++) {
		table->place[i] = find_name(table, table->column[i].name);
		if (table->place[i] < table->width)
			continue;
		register_report(table->reporter, REGISTER_ERROR, table->file, table->row->line, 1,
		    "the column '%s' is missing. Add it to the header line and to every row",
		    table->column[i].name);
		status = ST_INVALID;
	}
	return status;
}

/* The next row as the reader has it. */
static enum status read_row(struct register_table *table)
{
	struct csv_fault fault;
	enum status status = csv_reader_next(table->reader, &table->row, &fault);

	if (status == ST_OK) {
		table->line = table->row->line;
		return ST_OK;
	}
	table->row = NULL;
	table->line = status == ST_INVALID ? fault.line : 0;
	if (status == ST_INVALID)
		register_report(
		    table->reporter, REGISTER_ERROR, table->file, fault.line, fault.column, "%s", fault.text);
	else if (status == ST_SYSTEM)
		register_report(table->reporter, REGISTER_ERROR, table->file, 0, 0,
		    "the file cannot be read: %s. Check the disk", strerror(errno));
	return status;
}

enum status register_table_open(struct register_table *table, FILE *stream, struct arena *arena)
{
	enum status header, status;

	table->row = NULL;
	table->width = 0;
	table->reader = csv_reader_new(stream);
	if (table->reader == NULL)
		return ST_NO_MEMORY;
	status = read_row(table);
	if (status == ST_NOT_FOUND) {
		register_report(table->reporter, REGISTER_ERROR, table->file, 1, 1,
		    "the file is empty. Its first line names the columns");
		return ST_INVALID;
	}
	if (status != ST_OK)
		return status;
	header = keep_header(table, arena);
	if (header == ST_NO_MEMORY)
		return header;
	status = find_columns(table);
	table->row = NULL;
	return header == ST_OK ? status : header;
}

void register_table_close(struct register_table *table)
{
	csv_reader_free(table->reader);
	table->reader = NULL;
	table->row = NULL;
}

const struct csv_entry *register_table_cell(const struct register_table *table, size_t column)
{
	return &table->row->entry[table->place[column]];
}

enum status register_table_next(struct register_table *table)
{
	enum status status = read_row(table);
	bool good = true;
	size_t i;

	if (status != ST_OK)
		return status;
	if (table->row->count != table->width) {
		register_report(table->reporter, REGISTER_ERROR, table->file, table->row->line,
		    table->row->entry[0].column,
		    "the row has %zu cells, the header has %zu. Put cells that have a comma in quotes",
		    table->row->count, table->width);
		table->row = NULL;
		return ST_INVALID;
	}
	for (i = 0; i < table->width; i++)
		table->value[i] = table->row->entry[i].text;
	for (i = 0; i < table->column_count; i++)
		good &= register_check_cell(table, &table->column[i], register_table_cell(table, i));
	register_check_hidden(table);
	return good ? ST_OK : ST_INVALID;
}
