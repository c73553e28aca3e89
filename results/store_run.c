/* Runs: beginning, resuming, ending and listing them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "results/json.h"
#include "results/store_private.h"

static const char *const state_name[] = {[RUN_RUNNING] = "running",
    [RUN_COMPLETE] = "complete",
    [RUN_INTERRUPTED] = "interrupted",
    [RUN_FAILED] = "failed"};

/* Prepares, leaves the binding to the caller's `bind`, runs, and gives the first integer. */
typedef void bind_values(sqlite3_stmt *statement, const void *arg);

static enum status query_int(
    struct db *db, const char *sql, bind_values *bind, const void *arg, int64_t *ret_value)
{
	sqlite3_stmt *statement = db_prepare(db, sql);
	enum status status;

	if (statement == NULL)
		return ST_SYSTEM;
	if (bind != NULL)
		bind(statement, arg);
	status = db_int(db, statement, 0, ret_value);
	sqlite3_finalize(statement);
	return status;
}

static void bind_vantage(sqlite3_stmt *statement, const void *arg)
{
	const struct run_vantage *vantage = arg;

	db_bind_text(statement, 1, vantage->name);
	if (!vantage->placed)
		return;
	sqlite3_bind_double(statement, 2, vantage->lat);
	sqlite3_bind_double(statement, 3, vantage->lon);
	if (vantage->error_km >= 0)
		sqlite3_bind_double(statement, 4, vantage->error_km);
}

static enum status find_vantage(struct store *store, const struct run_vantage *vantage)
{
	int64_t id = 0;
	enum status status;

	status = query_int(&store->db,
	    "SELECT vantage_id FROM vantage WHERE name = ? AND lat IS ? AND lon IS ? AND error_km IS ?",
	    bind_vantage, vantage, &id);
	if (status == ST_OK && id == 0)
		status = query_int(&store->db,
		    "INSERT INTO vantage (name, lat, lon, error_km) VALUES (?, ?, ?, ?) RETURNING vantage_id",
		    bind_vantage, vantage, &id);
	if (status == ST_OK)
		store->vantage_id = id;
	return status;
}

struct resume_key {
	int64_t vantage_id;
	const char *register_sha256, *config_sha256;
};

static void bind_resume_key(sqlite3_stmt *statement, const void *arg)
{
	const struct resume_key *key = arg;

	sqlite3_bind_int64(statement, 1, key->vantage_id);
	db_bind_text(statement, 2, key->register_sha256);
	db_bind_text(statement, 3, key->config_sha256);
}

/* Only the newest run of a vantage may go on: run ids must rise with time for spans to mean anything. One
 * that failed is as good as one that was interrupted: what was committed is whole. With other settings it
 * would be two scans under one name. */
static enum status find_unfinished(struct store *store, const struct run_info *info, int64_t *ret_run_id)
{
	struct resume_key key = {store->vantage_id, info->register_sha256, info->config_sha256};

	return query_int(&store->db,
	    "SELECT run_id FROM run WHERE run_id = (SELECT max(run_id) FROM run WHERE vantage_id = ?1) "
	    "AND register_sha256 = ?2 AND config_sha256 IS ?3 AND state <> 'complete'",
	    bind_resume_key, &key, ret_run_id);
}

static enum status insert_run(struct store *store, const struct run_info *info, int64_t *ret_run_id)
{
	const char *text[] = {info->program_version, RECORD_SCHEMA_VERSION, info->register_name,
	    info->register_sha256, info->config_sha256, info->config, info->command_line, info->contact,
	    info->resolvers, info->kernel};
	sqlite3_stmt *statement;
	enum status status;
	size_t i;

	statement = db_prepare(&store->db,
	    "INSERT INTO run (vantage_id, state, started_at, resumed, domain_count, program_version, "
	    "record_schema_version, register_name, register_sha256, config_sha256, config, command_line, "
	    "contact, resolvers, kernel, register_id) VALUES (?1, 'running', ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, "
	    "?9, ?10, ?11, ?12, ?13, (SELECT register_id FROM register WHERE sha256 = ?7)) RETURNING run_id");
	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, store->vantage_id);
	sqlite3_bind_int64(statement, 2, clock_wall());
	if (info->domain_count >= 0)
		sqlite3_bind_int64(statement, 3, info->domain_count);
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		db_bind_text(statement, 4 + (int)i, text[i]);
	status = db_int(&store->db, statement, 0, ret_run_id);
	sqlite3_finalize(statement);
	return status;
}

static enum status insert_geo(struct store *store, const struct run_info *info, int64_t run_id)
{
	sqlite3_stmt *statement;
	enum status status = ST_OK;
	size_t i;

	statement = db_prepare(&store->db, "INSERT OR REPLACE INTO run_geo (run_id, file, db_type, "
					   "build_epoch, sha256) VALUES (?, ?, ?, ?, ?)");
	if (statement == NULL)
		return ST_SYSTEM;
	for (i = 0; i < info->geo_count && status == ST_OK; i++) {
		sqlite3_bind_int64(statement, 1, run_id);
		db_bind_text(statement, 2, info->geo[i].file);
		db_bind_text(statement, 3, info->geo[i].db_type);
		sqlite3_bind_int64(statement, 4, info->geo[i].build_epoch);
		db_bind_text(statement, 5, info->geo[i].sha256);
		status = db_run(&store->db, statement);
	}
	sqlite3_finalize(statement);
	return status;
}

static void bind_id(sqlite3_stmt *statement, const void *arg)
{
	sqlite3_bind_int64(statement, 1, *(const int64_t *)arg);
}

static enum status take_run(
    struct store *store, const struct run_info *info, int64_t *ret_run_id, bool *ret_resumed)
{
	int64_t run_id = 0, ignored;
	bool resumed;
	enum status status;

	status = find_vantage(store, &info->vantage);
	if (status == ST_OK && !info->fresh)
		status = find_unfinished(store, info, &run_id);
	/* We hold the lock, so whatever says `running` was ended by a crash. */
	if (status == ST_OK)
		status = db_exec(&store->db, "UPDATE run SET state = 'interrupted' WHERE state = 'running'");
	resumed = run_id != 0;
	if (status == ST_OK && resumed)
		status = query_int(&store->db,
		    "UPDATE run SET state = 'running', ended_at = NULL, resumed = resumed + 1 WHERE run_id = "
		    "?",
		    bind_id, &run_id, &ignored);
	else if (status == ST_OK)
		status = insert_run(store, info, &run_id);
	if (status == ST_OK)
		status = insert_geo(store, info, run_id);
	if (status == ST_OK) {
		*ret_run_id = run_id;
		*ret_resumed = resumed;
	}
	return status;
}

enum status store_begin_run(struct store *store, const struct run_info *info, bool *ret_resumed)
{
	enum status status;
	int64_t run_id;
	bool resumed;

	status = db_exec(&store->db, "BEGIN IMMEDIATE");
	if (status != ST_OK)
		return status;
	status = take_run(store, info, &run_id, &resumed);
	if (status == ST_OK)
		status = db_exec(&store->db, "COMMIT");
	if (status == ST_OK) {
		store->run_id = run_id;
		*ret_resumed = resumed;
	} else {
		sqlite3_exec(store->db.handle, "ROLLBACK", NULL, NULL, NULL);
	}
	return status;
}

bool store_is_done(struct store *store, const char *domain)
{
	int64_t found = 0;

	if (db_ready(&store->reader, &store->is_done,
		"SELECT 1 FROM domain JOIN run_domain USING (domain_id) WHERE domain = ? AND run_id = ?") !=
	    ST_OK)
		return false;
	db_bind_text(store->is_done, 1, domain);
	sqlite3_bind_int64(store->is_done, 2, store->run_id);
	return db_int(&store->reader, store->is_done, 0, &found) == ST_OK && found != 0;
}

enum status store_count_done(struct store *store, int64_t *ret_count)
{
	return query_int(&store->db, "SELECT count(*) FROM run_domain WHERE run_id = ?", bind_id,
	    &store->run_id, ret_count);
}

/* Most significant byte first, so that the blob reads like the hash is usually written. */
void store_hash_bytes(struct record_hash hash, uint8_t ret_bytes[STORE_HASH])
{
	int i;

	for (i = 0; i < 8; i++) {
		ret_bytes[i] = (uint8_t)(hash.high >> (56 - 8 * i));
		ret_bytes[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
	}
}

bool store_hash_from_bytes(const void *bytes, int length, struct record_hash *ret_hash)
{
	const uint8_t *b = bytes;
	struct record_hash hash = {0, 0};
	int i;

	if (length != STORE_HASH)
		return false;
	for (i = 0; i < 8; i++) {
		hash.high = hash.high << 8 | b[i];
		hash.low = hash.low << 8 | b[8 + i];
	}
	*ret_hash = hash;
	return true;
}

/* A JSON object: outcome -> domains. */
static enum status count_outcomes(struct store *store, struct buf *json)
{
	sqlite3_stmt *statement;
	enum status status;
	bool row;

	statement = db_prepare(&store->db, "SELECT outcome, count(*) FROM run_domain WHERE run_id = ? GROUP "
					   "BY outcome ORDER BY count(*) DESC, outcome");
	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, store->run_id);
	buf_add_char(json, '{');
	while ((status = db_step(&store->db, statement, &row)) == ST_OK && row) {
		if (json->length > 1)
			buf_add_char(json, ',');
		json_string(json, db_text(statement, 0));
		buf_printf(json, ":%lld", (long long)sqlite3_column_int64(statement, 1));
	}
	buf_add_char(json, '}');
	sqlite3_finalize(statement);
	return status == ST_OK && json->failed ? ST_NO_MEMORY : status;
}

enum status store_end_run(struct store *store, enum run_state state)
{
	sqlite3_stmt *statement = NULL;
	struct buf counts = {0};
	enum status status;

	status = count_outcomes(store, &counts);
	if (status == ST_OK)
		status = db_ready(&store->db, &statement,
		    "UPDATE run SET state = ?, ended_at = ?, counts = ? WHERE run_id = ?");
	if (status == ST_OK) {
		db_bind_text(statement, 1, state_name[state]);
		sqlite3_bind_int64(statement, 2, clock_wall());
		db_bind_text(statement, 3, buf_text(&counts));
		sqlite3_bind_int64(statement, 4, store->run_id);
		status = db_run(&store->db, statement);
	}
	if (status == ST_OK && state == RUN_COMPLETE)
		status = db_exec(&store->db, "DELETE FROM run_shared WHERE run_id IN (SELECT run_id FROM run "
					     "WHERE state = 'complete')");
	sqlite3_finalize(statement);
	buf_release(&counts);
	return status;
}

enum status store_each_shared_key(struct store *store, store_visit_key *visit, void *arg)
{
	sqlite3_stmt *statement = db_prepare(&store->db, "SELECT key FROM run_shared WHERE run_id = ?");
	struct record_hash key;
	enum status status;
	bool row;

	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, store->run_id);
	while ((status = db_step(&store->db, statement, &row)) == ST_OK && row)
		if (store_hash_from_bytes(
			sqlite3_column_blob(statement, 0), sqlite3_column_bytes(statement, 0), &key))
			visit(arg, key);
	sqlite3_finalize(statement);
	return status;
}

int64_t store_newest_run(struct store *store)
{
	int64_t run_id = 0;

	if (query_int(&store->db, "SELECT max(run_id) FROM run WHERE state = 'complete'", NULL, NULL,
		&run_id) == ST_OK &&
	    run_id == 0 &&
	    query_int(&store->db, "SELECT max(run_id) FROM run_domain INDEXED BY run_domain_by_run", NULL,
		NULL, &run_id) != ST_OK)
		return 0;
	return run_id;
}

static void read_run(sqlite3_stmt *s, struct run_row *row)
{
	*row = (struct run_row){.run_id = sqlite3_column_int64(s, 0),
	    .vantage_id = sqlite3_column_int64(s, 1),
	    .state = db_text(s, 2),
	    .started = sqlite3_column_int64(s, 3),
	    .ended = sqlite3_column_int64(s, 4),
	    .resumed = sqlite3_column_int64(s, 5),
	    .register_id = sqlite3_column_int64(s, 6),
	    .done = sqlite3_column_int64(s, 7),
	    .record_schema_version = db_text_or_null(s, 8),
	    .counts = db_text_or_null(s, 9)};
	row->info = (struct run_info){.program_version = db_text_or_null(s, 10),
	    .register_name = db_text_or_null(s, 11),
	    .register_sha256 = db_text(s, 12),
	    .config_sha256 = db_text_or_null(s, 13),
	    .config = db_text_or_null(s, 14),
	    .command_line = db_text_or_null(s, 15),
	    .contact = db_text_or_null(s, 16),
	    .resolvers = db_text_or_null(s, 17),
	    .kernel = db_text_or_null(s, 18),
	    .domain_count = sqlite3_column_type(s, 19) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 19)};
	row->info.vantage = (struct run_vantage){.name = db_text(s, 20),
	    .placed = sqlite3_column_type(s, 21) != SQLITE_NULL,
	    .lat = sqlite3_column_double(s, 21),
	    .lon = sqlite3_column_double(s, 22),
	    .error_km = sqlite3_column_type(s, 23) == SQLITE_NULL ? -1 : sqlite3_column_double(s, 23)};
}

enum status store_each_run(struct store *store, int64_t run_id, store_visit_run *visit, void *arg)
{
	bool idle = store_is_idle(store), row;
	struct run_row run;
	sqlite3_stmt *statement;
	enum status status;

	statement = db_prepare(&store->db,
	    "SELECT run_id, vantage_id, state, started_at, ended_at, resumed, register_id, "
	    "(SELECT count(*) FROM run_domain WHERE run_domain.run_id = run.run_id), record_schema_version, "
	    "counts, program_version, register_name, register_sha256, config_sha256, config, command_line, "
	    "contact, resolvers, kernel, domain_count, name, lat, lon, error_km "
	    "FROM run JOIN vantage USING (vantage_id) WHERE ?1 = 0 OR run_id = ?1 ORDER BY run_id");
	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, run_id);
	while ((status = db_step(&store->db, statement, &row)) == ST_OK && row) {
		read_run(statement, &run);
		if (idle && strcmp(run.state, state_name[RUN_RUNNING]) == 0)
			run.state = state_name[RUN_INTERRUPTED];
		visit(arg, &run);
	}
	sqlite3_finalize(statement);
	return status;
}
