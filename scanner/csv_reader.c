#include "csv_reader.h"

#include <csv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/text.h"

enum { CHUNK = 64 * 1024, ROW_BYTES = 16 * LIMIT_LINE };

static const char fault_quote[] = "a quote inside an unquoted cell, or text behind a closing quote. Put the "
				  "whole cell in quotes and double the quotes within";
static const char fault_open[] = "the quoted cell that begins here has no end. Close the quote";
static const char fault_long[] =
    "the cell that begins here has more than 64 KiB. Look for a quote that is not "
    "closed";
static const char fault_row[] =
    "the row that begins here has more than 256 cells or 1 MiB. Look for a missing "
    "line end";
static const char fault_text[] =
    "the cell has bytes that are not UTF-8, or NUL bytes. Save the file as UTF-8";

struct csv_reader {
	FILE *file;
	struct csv_parser parser;
	uint64_t line, column;		 /* of the next byte */
	uint64_t cell_line, cell_column; /* of the cell under way */
	size_t cell_bytes;
	bool in_cell, after_cr, skipping, cell_done, row_done, overflow, ended;
	struct buf text; /* cells of the row, each with a NUL */
	size_t offset[CSV_CELLS];
	struct csv_entry entry[CSV_CELLS];
	struct csv_row row;
	size_t at, filled;
	unsigned char chunk[CHUNK];
};

static bool parser_init(struct csv_parser *parser)
{
	return csv_init(parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
}

struct csv_reader *csv_reader_new(FILE *file)
{
	struct csv_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	if (!parser_init(&reader->parser)) {
		free(reader);
		return NULL;
	}
	reader->file = file;
	reader->line = reader->column = 1;
	reader->text.limit = ROW_BYTES;
	reader->row.entry = reader->entry;
	return reader;
}

void csv_reader_free(struct csv_reader *reader)
{
	if (reader == NULL)
		return;
	csv_free(&reader->parser);
	buf_release(&reader->text);
	free(reader);
}

static void on_cell(void *bytes, size_t length, void *arg)
{
	struct csv_reader *reader = arg;
	size_t i = reader->row.count;

	reader->cell_done = true;
	if (i == CSV_CELLS) {
		reader->overflow = true;
		return;
	}
	reader->offset[i] = reader->text.length;
	reader->entry[i] =
	    (struct csv_entry){.length = length, .line = reader->cell_line, .column = reader->cell_column};
	if (length > 0)
		buf_add(&reader->text, bytes, length);
	buf_add_char(&reader->text, '\0');
	reader->row.count++;
}

static void on_row(int terminator, void *arg)
{
	struct csv_reader *reader = arg;

	(void)terminator;
	reader->row_done = true;
}

/* Bytes up to and with the next one at which a cell may end. */
static size_t segment_length(const struct csv_reader *reader)
{
	size_t i;

	for (i = reader->at; i < reader->filled; i++) {
		unsigned char c = reader->chunk[i];

		if (c == ',' || c == '"' || c == '\n' || c == '\r')
			return i + 1 - reader->at;
	}
	return i - reader->at;
}

/* Moves the position over bytes of the chunk. */
static void advance(struct csv_reader *reader, size_t length)
{
	size_t end = reader->at + length;

	for (; reader->at < end; reader->at++) {
		unsigned char c = reader->chunk[reader->at];

		if (c == '\r' || (c == '\n' && !reader->after_cr)) {
			reader->line++;
			reader->column = 1;
		} else if (c != '\n' && (c & 0xc0) != 0x80) {
			reader->column++;
		}
		reader->after_cr = c == '\r';
	}
}

static void begin_cell(struct csv_reader *reader)
{
	reader->cell_line = reader->line;
	reader->cell_column = reader->column;
	reader->cell_bytes = 0;
	reader->in_cell = true;
}

/* Skips what lies between rows, so that the first cell's position is that of its first character. */
static void skip_blank(struct csv_reader *reader)
{
	while (reader->at < reader->filled && strchr(" \t\r\n", reader->chunk[reader->at]) != NULL &&
	       reader->chunk[reader->at] != '\0')
		advance(reader, 1);
	if (reader->at < reader->filled)
		begin_cell(reader);
}

static void skip_line(struct csv_reader *reader)
{
	while (reader->at < reader->filled && reader->skipping) {
		reader->skipping = reader->chunk[reader->at] != '\n' && reader->chunk[reader->at] != '\r';
		advance(reader, 1);
	}
}

/* Gives the row up. */
static enum status fail(
    struct csv_reader *reader, const char *text, uint64_t line, uint64_t column, struct csv_fault *ret_fault)
{
	*ret_fault = (struct csv_fault){.line = line, .column = column, .text = text};
	csv_free(&reader->parser);
	reader->in_cell = false;
	if (parser_init(&reader->parser))
		return ST_INVALID;
	reader->ended = true;
	return ST_NO_MEMORY;
}

static enum status fail_at_cell(struct csv_reader *reader, const char *text, struct csv_fault *ret_fault)
{
	return fail(reader, text, reader->cell_line, reader->cell_column, ret_fault);
}

/* Hands the next few bytes to the parser. */
static enum status feed(struct csv_reader *reader, struct csv_fault *ret_fault)
{
	size_t length = segment_length(reader), taken;

	reader->cell_bytes += length;
	if (reader->cell_bytes > LIMIT_LINE) {
		reader->skipping = true;
		return fail_at_cell(reader, fault_long, ret_fault);
	}
	reader->cell_done = false;
	taken = csv_parse(&reader->parser, reader->chunk + reader->at, length, on_cell, on_row, reader);
	advance(reader, taken);
	if (taken < length) {
		if (csv_error(&reader->parser) != CSV_EPARSE) {
			reader->ended = true;
			return ST_NO_MEMORY;
		}
		reader->skipping = true;
		return fail(reader, fault_quote, reader->line, reader->column, ret_fault);
	}
	if (reader->row_done)
		reader->in_cell = false;
	else if (reader->cell_done)
		begin_cell(reader);
	return ST_OK;
}

static enum status fill(struct csv_reader *reader)
{
	bool first = reader->filled == 0;

	reader->at = 0;
	reader->filled = fread(reader->chunk, 1, sizeof(reader->chunk), reader->file);
	if (ferror(reader->file)) {
		reader->ended = true;
		return ST_SYSTEM;
	}
	if (first && reader->filled >= 3 && memcmp(reader->chunk, "\xef\xbb\xbf", 3) == 0)
		reader->at = 3;
	return ST_OK;
}

/* The last row, when no line end follows it. */
static enum status finish(struct csv_reader *reader, struct csv_fault *ret_fault)
{
	reader->ended = true;
	if (csv_fini(&reader->parser, on_cell, on_row, reader) != 0)
		return fail_at_cell(reader, fault_open, ret_fault);
	return ST_OK;
}

/* Points the cells into the buffer, which no longer moves, and checks them. */
static enum status complete(
    struct csv_reader *reader, const struct csv_row **ret_row, struct csv_fault *ret_fault)
{
	size_t i;

	if (reader->overflow || reader->text.failed)
		return fail(reader, fault_row, reader->entry[0].line, reader->entry[0].column, ret_fault);
	for (i = 0; i < reader->row.count; i++) {
		struct csv_entry *entry = &reader->entry[i];

		entry->text = reader->text.data + reader->offset[i];
		if (!text_is_valid(entry->text, entry->length) ||
		    memchr(entry->text, '\0', entry->length) != NULL)
			return fail(reader, fault_text, entry->line, entry->column, ret_fault);
	}
	reader->row.line = reader->entry[0].line;
	*ret_row = &reader->row;
	return ST_OK;
}

enum status csv_reader_next(
    struct csv_reader *reader, const struct csv_row **ret_row, struct csv_fault *ret_fault)
{
	enum status status = ST_OK;

	buf_clear(&reader->text);
	reader->row.count = 0;
	reader->row_done = reader->overflow = false;
	while (!reader->row_done && !reader->ended) {
		if (reader->at == reader->filled) {
			status = fill(reader);
			if (status == ST_OK && reader->filled == 0)
				status = finish(reader, ret_fault);
		} else if (reader->skipping) {
			skip_line(reader);
		} else if (!reader->in_cell) {
			skip_blank(reader);
		} else {
			status = feed(reader, ret_fault);
		}
		if (status != ST_OK)
			return status;
	}
	return reader->row_done ? complete(reader, ret_row, ret_fault) : ST_NOT_FOUND;
}
