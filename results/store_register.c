/* The register in the store: its lines travel with the results, so that they can be read beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "results/json.h"
#include "results/store_private.h"

enum { COLUMNS = 14 };

static const struct {
	const char *table;
	const char *column[COLUMNS]; /* as in schema.sql, without register_id, position and extra */
} layout[REGISTER_PARTS] = {
    [REGISTER_ENTITY] = {"entity",
	{"entity_id", "kind", "name", "name_local", "country", "locality", "operated_from", "parent_id"}},
    [REGISTER_LISTING] = {"listing", {"domain", "input", "entity_id", "role", "listed_at_url", "listed_on",
					 "verified", "valid_from", "valid_to"}},
    [REGISTER_CLAIM] = {"claim",
	{"claim_id", "entity_id", "report", "first_reported", "source_url", "source_title", "accessed_on",
	    "quote", "status", "status_date", "status_source_url", "certainty"}},
    [REGISTER_CONTROL] = {"control", {"domain", "input", "stratum", "source"}},
};

static size_t column_count(enum register_part part)
{
	size_t count = 0;

	while (count < COLUMNS && layout[part].column[count] != NULL)
		count++;
	return count;
}

void store_register_release(struct store *store)
{
	size_t i;

	for (i = 0; i < REGISTER_PARTS; i++) {
		sqlite3_finalize(store->register_insert[i]);
		store->register_insert[i] = NULL;
		store->register_position[i] = 0;
	}
	store->register_id = 0;
}

static enum status insert_register(struct store *store, const char *name, const char *sha256)
{
	sqlite3_stmt *statement = NULL;
	enum status status;

	status = db_ready(&store->db, &statement,
	    "INSERT OR IGNORE INTO register (sha256, name, stored_at) VALUES (?, ?, ?) RETURNING "
	    "register_id");
	if (status == ST_OK) {
		db_bind_text(statement, 1, sha256);
		db_bind_text(statement, 2, name);
		sqlite3_bind_int64(statement, 3, clock_wall());
		status = db_int(&store->db, statement, 0, &store->register_id);
	}
	sqlite3_finalize(statement);
	return status;
}

enum status store_register_begin(struct store *store, const char *name, const char *sha256, bool *ret_present)
{
	enum status status;

	store_register_release(store);
	status = db_exec(&store->db, "BEGIN IMMEDIATE");
	if (status != ST_OK)
		return status;
	status = insert_register(store, name, sha256);
	if (status == ST_OK)
		*ret_present = store->register_id == 0;
	if (status != ST_OK || *ret_present)
		sqlite3_exec(store->db.handle, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

static enum status prepare_part(struct store *store, enum register_part part)
{
	size_t count = column_count(part), i;
	struct buf sql = {0};
	enum status status;

	if (store->register_insert[part] != NULL)
		return ST_OK;
	buf_printf(&sql, "INSERT INTO %s (register_id, position, extra", layout[part].table);
	for (i = 0; i < count; i++)
		buf_printf(&sql, ", %s", layout[part].column[i]);
	buf_add_text(&sql, ") VALUES (?, ?, ?");
	for (i = 0; i < count; i++)
		buf_add_text(&sql, ", ?");
	buf_add_text(&sql, ")");
	status =
	    sql.failed ? ST_NO_MEMORY : db_ready(&store->db, &store->register_insert[part], buf_text(&sql));
	buf_release(&sql);
	return status;
}

/* Position in the layout, or `column_count()`. */
static size_t find_column(enum register_part part, const char *name)
{
	size_t count = column_count(part), i;

	for (i = 0; i < count; i++)
		if (strcmp(layout[part].column[i], name) == 0)
			break;
	return i;
}

enum status store_register_row(struct store *store, enum register_part part, const char *const *name,
    const char *const *value, size_t count)
{
	size_t known = column_count(part), i, column;
	struct buf extra = {0};
	sqlite3_stmt *statement;
	enum status status;

	status = prepare_part(store, part);
	if (status != ST_OK)
		return status;
	statement = store->register_insert[part];
	sqlite3_clear_bindings(statement);
	sqlite3_bind_int64(statement, 1, store->register_id);
	sqlite3_bind_int64(statement, 2, ++store->register_position[part]);
	for (i = 0; i < count; i++) {
		column = find_column(part, name[i]);
		if (column < known) {
			db_bind_text(statement, 4 + (int)column, value[i]);
			continue;
		}
		buf_add_char(&extra, extra.length == 0 ? '{' : ',');
		json_string(&extra, name[i]);
		buf_add_char(&extra, ':');
		json_string(&extra, value[i]);
	}
	if (extra.length > 0) {
		buf_add_char(&extra, '}');
		db_bind_text(statement, 3, buf_text(&extra));
	}
	status = extra.failed ? ST_NO_MEMORY : db_run(&store->db, statement);
	buf_release(&extra);
	return status;
}

enum status store_register_end(struct store *store, bool keep)
{
	enum status status;

	store_register_release(store);
	status = db_exec(&store->db, keep ? "COMMIT" : "ROLLBACK");
	if (status != ST_OK)
		sqlite3_exec(store->db.handle, "ROLLBACK", NULL, NULL, NULL);
	return status;
}
