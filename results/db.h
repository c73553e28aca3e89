/* A thin layer over SQLite: errors become statuses with a sentence for a person. */
#ifndef MOORING_RESULTS_DB_H
#define MOORING_RESULTS_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/status.h"

enum { DB_ERROR = 512 };

/* One connection; used by one thread at a time. */
struct db {
	sqlite3 *handle;
	char error[DB_ERROR]; /* the sentence of the last failure, "" before */
};

/* `flags` as for sqlite3_open_v2(). On failure nothing is open and db->error says why. */
enum status db_open(struct db *db, const char *path, int flags);
void db_close(struct db *db);
/* Puts the connection's last error into db->error: ST_NO_MEMORY, ST_LOCKED, ST_INVALID (no usable database)
 * or ST_SYSTEM. */
enum status db_fail(struct db *db);
/* Runs statements that give no rows. */
enum status db_exec(struct db *db, const char *sql);
/* A statement to be kept for long; NULL with db->error. The caller finalizes it. */
sqlite3_stmt *db_prepare(struct db *db, const char *sql);
/* Prepares once: does nothing when *statement is there. */
enum status db_ready(struct db *db, sqlite3_stmt **statement, const char *sql);
/* Runs a bound statement to its end and resets it. */
enum status db_run(struct db *db, sqlite3_stmt *statement);
/* Next row: ST_OK with *ret_row telling whether there is one. At the end and on failure it is reset. */
enum status db_step(struct db *db, sqlite3_stmt *statement, bool *ret_row);
/* First column of the first row as an integer, `otherwise` when there is no row; resets. */
enum status db_int(struct db *db, sqlite3_stmt *statement, int64_t otherwise, int64_t *ret_value);
/* NULL text binds null. The text must stay until the statement has run. */
void db_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* A text column, "" for null: valid until the next step. */
const char *db_text(sqlite3_stmt *statement, int column);
/* A text column, NULL for null. */
const char *db_text_or_null(sqlite3_stmt *statement, int column);
/* Appends an SQL identifier in double quotes. */
void db_add_name(struct buf *out, const char *name);

#endif
