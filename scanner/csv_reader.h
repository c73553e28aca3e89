/*
 * Reads CSV (RFC 4180) row by row, with the position of every cell, so that a fault can be shown to the one
 * who edits the file. libcsv does the parsing, in its strict mode; this adds positions, bounds, recovery
 * after a fault at the next line, and UTF-8.
 *
 * Beyond the RFC: CR, LF or CRLF end a line, blank lines are skipped, a byte order mark is, and spaces around
 * an unquoted cell are not part of it.
 */
#ifndef MOORING_CSV_READER_H
#define MOORING_CSV_READER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

/* Cells of one row; the bytes of one cell are bounded by LIMIT_LINE, those of a row by sixteen times that. */
enum { CSV_CELLS = 256 };

struct csv_entry {
	const char *text; /* valid UTF-8 without NUL bytes, NUL-terminated */
	size_t length;
	uint64_t line, column; /* where it begins, from 1; columns are counted in code points */
};

struct csv_row {
	struct csv_entry *entry;
	size_t count;  /* at least one */
	uint64_t line; /* of the first cell */
};

struct csv_fault {
	uint64_t line, column;
	const char *text; /* static: what is wrong, and what to do */
};

struct csv_reader;

/* `file` stays the caller's and must outlive the reader. NULL when memory runs out. */
struct csv_reader *csv_reader_new(FILE *file);
void csv_reader_free(struct csv_reader *reader);
/*
 * The next row, valid until the next call. ST_NOT_FOUND at the end of the file. ST_INVALID with a fault: the
 * row is lost, and the next call goes on behind it. ST_SYSTEM (errno is set) or ST_NO_MEMORY: no more rows.
 */
enum status csv_reader_next(
    struct csv_reader *reader, const struct csv_row **ret_row, struct csv_fault *ret_fault);

#endif
