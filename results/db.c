#include "results/db.h"

#include <stdio.h>
#include <string.h>

enum status db_fail(struct db *db)
{
	int code = db->handle == NULL ? SQLITE_NOMEM : sqlite3_errcode(db->handle);
	const char *detail = db->handle == NULL ? "out of memory" : sqlite3_errmsg(db->handle);

	switch (code) {
	case SQLITE_FULL:
		snprintf(db->error, sizeof(db->error),
		    "the disk of the database is full; what was committed before is kept");
		return ST_SYSTEM;
	case SQLITE_IOERR:
		snprintf(db->error, sizeof(db->error),
		    "the database cannot be read or written: %s (system error: %s); what was committed "
		    "before is kept",
		    detail, strerror(sqlite3_system_errno(db->handle)));
		return ST_SYSTEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		snprintf(db->error, sizeof(db->error), "the database is damaged: %s", detail);
		return ST_INVALID;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		snprintf(db->error, sizeof(db->error), "another program holds the database: %s", detail);
		return ST_LOCKED;
	case SQLITE_NOMEM:
		snprintf(db->error, sizeof(db->error), "the database layer has no memory left");
		return ST_NO_MEMORY;
	default:
		snprintf(db->error, sizeof(db->error), "the database refused: %s", detail);
		return ST_SYSTEM;
	}
}

enum status db_open(struct db *db, const char *path, int flags)
{
	enum status status;

	db->error[0] = '\0';
	if (sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(db->handle, 0);
		/* A backup or a shell may hold the file for minutes; a scan can wait, its queue is bounded.
		 */
		sqlite3_busy_timeout(db->handle, 300000);
		return ST_OK;
	}
	status = db_fail(db);
	db_close(db);
	return status;
}

void db_close(struct db *db)
{
	sqlite3_close(db->handle);
	db->handle = NULL;
}

enum status db_exec(struct db *db, const char *sql)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : db_fail(db);
}

sqlite3_stmt *db_prepare(struct db *db, const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK)
		return statement;
	db_fail(db);
	return NULL;
}

enum status db_ready(struct db *db, sqlite3_stmt **statement, const char *sql)
{
	if (*statement != NULL)
		return ST_OK;
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK)
		return ST_OK;
	return db_fail(db);
}

enum status db_step(struct db *db, sqlite3_stmt *statement, bool *ret_row)
{
	enum status status;
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW) {
		*ret_row = true;
		return ST_OK;
	}
	status = code == SQLITE_DONE ? ST_OK : db_fail(db);
	sqlite3_reset(statement);
	if (status == ST_OK)
		*ret_row = false;
	return status;
}

enum status db_run(struct db *db, sqlite3_stmt *statement)
{
	enum status status;
	bool row;

	do
		status = db_step(db, statement, &row);
	while (status == ST_OK && row);
	return status;
}

enum status db_int(struct db *db, sqlite3_stmt *statement, int64_t otherwise, int64_t *ret_value)
{
	enum status status;
	bool row;

	status = db_step(db, statement, &row);
	if (status != ST_OK)
		return status;
	*ret_value = otherwise;
	if (row) {
		if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
			*ret_value = sqlite3_column_int64(statement, 0);
		sqlite3_reset(statement);
	}
	return ST_OK;
}

void db_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	if (text == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

const char *db_text(sqlite3_stmt *statement, int column)
{
	const char *text = db_text_or_null(statement, column);

	return text == NULL ? "" : text;
}

const char *db_text_or_null(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

void db_add_name(struct buf *out, const char *name)
{
	buf_add_char(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_add_char(out, '"');
		buf_add_char(out, *name);
	}
	buf_add_char(out, '"');
}
