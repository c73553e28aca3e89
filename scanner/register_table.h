/* Private to the register: one CSV file with declared columns, read row by row, each cell checked. */
#ifndef MOORING_REGISTER_TABLE_H
#define MOORING_REGISTER_TABLE_H

#include "core/arena.h"
#include "csv_reader.h"
#include "register.h"

/* Where faults go, and how many there were. */
struct register_reporter {
	register_fault *fault; /* may be NULL */
	void *arg;
	size_t errors, warnings;
};

/* Printf for a fault. `line` 0: of the whole file. */
void register_report(struct register_reporter *reporter, enum register_severity severity, const char *file,
    uint64_t line, uint64_t column, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Opens a file for reading; after a fault that says why not, ST_NOT_FOUND when there is none and ST_SYSTEM
 * for other reasons. With `regular` nothing but a regular file will do. */
enum status register_open_file(
    struct register_reporter *reporter, const char *path, bool regular, FILE **ret_file);

enum register_check {
	CHECK_TEXT,
	CHECK_ID,      /* short, without spaces */
	CHECK_NAME,    /* of an organisation or place: no mail address */
	CHECK_WORD,    /* one of `word` */
	CHECK_COUNTRY, /* ISO 3166-1 alpha-2 */
	CHECK_DATE,    /* YYYY, YYYY-MM or YYYY-MM-DD */
	CHECK_URL,     /* http or https */
	CHECK_QUOTE,   /* at most 300 characters */
	CHECK_NUMBER   /* a whole number */
};

struct register_column {
	const char *name;
	enum register_check check;
	bool needed;		 /* an empty cell is an error */
	const char *const *word; /* of CHECK_WORD, ended by NULL */
};

struct register_table {
	const char *file;
	struct register_reporter *reporter;
	const struct register_column *column; /* those that must be there */
	size_t column_count;
	/* the table's own */
	struct csv_reader *reader;
	const struct csv_row *row;
	uint64_t line;			  /* of the present row, also of one that could not be read */
	size_t place[CSV_CELLS];	  /* by declared column: its position in the file */
	const char *name[CSV_CELLS + 1];  /* header, and `input` at its end */
	const char *value[CSV_CELLS + 1]; /* of the present row; the last one is for the caller */
	size_t width;
};

/* Reads the header. `stream` stays the caller's; names are kept in `arena`. ST_INVALID after faults: the file
 * cannot be used. Close in any case. Fill in the first four members before. */
enum status register_table_open(struct register_table *table, FILE *stream, struct arena *arena);
void register_table_close(struct register_table *table);
/* ST_OK: a good row; ST_INVALID after faults: `row` is set unless it is NULL; ST_NOT_FOUND: the end. */
enum status register_table_next(struct register_table *table);
/* Cell of a declared column in the present row; never NULL while `row` is set. */
const struct csv_entry *register_table_cell(const struct register_table *table, size_t column);
/* register_report() at that cell. */
void register_table_report(const struct register_table *table, enum register_severity severity, size_t column,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Checks one cell, reports what is wrong with it; false when the row cannot be used (register_check.c). */
bool register_check_cell(
    const struct register_table *table, const struct register_column *column, const struct csv_entry *entry);
/* Warns of characters that a reader does not see, in any cell of the present row. */
void register_check_hidden(const struct register_table *table);

#endif
