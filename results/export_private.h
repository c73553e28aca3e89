/* What the files of the export share; not for others. */
#ifndef MOORING_RESULTS_EXPORT_PRIVATE_H
#define MOORING_RESULTS_EXPORT_PRIVATE_H

#include "results/evidence.h"
#include "results/export.h"
#include "results/store_private.h"

struct export_field {
	const char *name, *column; /* JSON key and column */
	enum field_type type;
	bool evidence;
};

struct export_type {
	const char *name;
	struct export_field *field;
	size_t field_count;
	sqlite3_stmt *get; /* the fields by record_id; prepared at first use */
	FILE *file;	   /* of export_csv_folder() */
};

/* An export under way. */
struct export
{
	struct store *store;
	struct db *db;
	struct arena *arena;
	struct evidence *evidence;
	int64_t run_id, vantage_id, register_id;
	char *vantage;
	struct export_type *type;
	size_t type_count;
	sqlite3_stmt *undecoded, *entities;
	struct buf line, bytes;
};

/* Columns of the statement that walks the records. */
enum export_column {
	EXPORT_RECORD_ID,
	EXPORT_TYPE,
	EXPORT_VERSION,
	EXPORT_DOMAIN,
	EXPORT_INPUT,
	EXPORT_ATTEMPT,
	EXPORT_DURATION,
	EXPORT_STATUS,
	EXPORT_PHASE,
	EXPORT_ERROR,
	EXPORT_FIRST_RUN,
	EXPORT_LAST_RUN,
	EXPORT_FIRST_SEEN,
	EXPORT_LAST_SEEN
};

enum status export_begin(struct export *export, struct store *store, const struct export_query *query);
void export_release(struct export *export);
/* NULL when no such type was stored. */
struct export_type *export_find_type(struct export *export, const char *name);
/* Fails with a sentence that names the types there are: those of records and `further`, a comma list. */
enum status export_unknown_type(struct export *export, const char *name, const char *further);
/* Calls `visit` for every record of the run, of one type when `only` is not NULL. `record` stands on a row of
 * enum export_column, type->get on the row of its fields. */
typedef enum status export_visit(
    struct export *export, struct export_type *type, sqlite3_stmt *record, void *arg);
enum status export_walk(struct export *export, const char *only, export_visit *visit, void *arg);
/* Puts store_error(). */
enum status export_fail(struct export *export, enum status status, const char *text);
/* Passes on what a look-up of evidence gave; that it is missing means that the database is damaged. */
enum status export_evidence(struct export *export, enum status found);
/* Writes and empties export->line. */
enum status export_write_line(struct export *export, FILE *out);
/* ST_SYSTEM when something could not be written. */
enum status export_flush(struct export *export, FILE *out);

/* The register's parts: SQL with the register's id as its parameter; NULL when `name` is none. */
const char *export_register_sql(const char *name);
extern const char *const export_register_part[3];

#endif
