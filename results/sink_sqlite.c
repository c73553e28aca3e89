#include "results/sink_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/fields.h"
#include "results/store_private.h"

enum {
	FIND_DOMAIN,
	ADD_DOMAIN,
	PREVIOUS_RUN,
	FIND_FACT,
	FIND_SHARED_FACT,
	ADD_RECORD,
	TOUCH,
	CLOSE_SPAN,
	BEGIN_SPAN,
	ADD_OUTCOME,
	ADD_SHARED,
	FIND_VALUE,
	ADD_VALUE,
	ADD_INDICATOR,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [FIND_DOMAIN] = "SELECT domain_id FROM domain WHERE domain = ?",
    [ADD_DOMAIN] = "INSERT INTO domain (domain) VALUES (?)",
    [PREVIOUS_RUN] = "SELECT max(run_id) FROM run_domain JOIN run USING (run_id) "
		     "WHERE domain_id = ? AND vantage_id = ? AND run_id < ?",
    [FIND_FACT] = "SELECT record_id, last_run_id FROM record "
		  "WHERE domain_id = ?1 AND vantage_id = ?2 AND fact = ?3",
    [FIND_SHARED_FACT] = "SELECT record_id, last_run_id FROM record "
			 "WHERE domain_id IS NULL AND vantage_id = ?2 AND fact = ?3",
    [ADD_RECORD] = "INSERT INTO record (domain_id, vantage_id, fact, record_type, record_version, status, "
		   "phase, error, attempt, duration, first_run_id, since_run_id, last_run_id, first_seen, "
		   "since, last_seen, run_count) "
		   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?11, ?12, ?12, ?12, 1)",
    [TOUCH] = "UPDATE record SET last_run_id = ?2, last_seen = ?3, run_count = run_count + 1 "
	      "WHERE record_id = ?1",
    [CLOSE_SPAN] = "INSERT INTO span (record_id, first_run_id, last_run_id, first_seen, last_seen) "
		   "SELECT record_id, since_run_id, last_run_id, since, last_seen FROM record "
		   "WHERE record_id = ?1",
    [BEGIN_SPAN] = "UPDATE record SET since_run_id = ?2, since = ?3, last_run_id = ?2, last_seen = ?3, "
		   "run_count = run_count + 1 WHERE record_id = ?1",
    [ADD_OUTCOME] = "INSERT OR REPLACE INTO run_domain (domain_id, run_id, stratum, input, outcome, "
		    "finished_at, duration) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [ADD_SHARED] = "INSERT OR IGNORE INTO run_shared (run_id, key) VALUES (?, ?)",
    [FIND_VALUE] = "SELECT value_id FROM indicator_value WHERE indicator = ? AND value = ?",
    [ADD_VALUE] = "INSERT INTO indicator_value (indicator, value) VALUES (?, ?)",
    [ADD_INDICATOR] = "INSERT OR IGNORE INTO indicator (value_id, domain_id, record_id) VALUES (?, ?, ?)",
};

struct sink_sqlite {
	struct sink sink;
	struct store *store;
	struct db *db;
	struct fields *fields;
	sqlite3_stmt *statement[STATEMENTS];
	enum status failed; /* ST_OK, or why nothing more is taken */
	bool in_transaction;
	/* of the batch at hand */
	const char *domain;
	int64_t domain_id, previous_run; /* 0: none */
	/* of the record at hand */
	int64_t record_id;
	enum status emit_status;
};

static struct sink_sqlite *self(struct sink *sink)
{
	return (struct sink_sqlite *)sink;
}

/* The statement, with no bindings left of its last use; NULL with db->error. */
static sqlite3_stmt *ready(struct sink_sqlite *s, unsigned which)
{
	if (s->statement[which] == NULL)
		s->statement[which] = db_prepare(s->db, sql[which]);
	else
		sqlite3_clear_bindings(s->statement[which]);
	return s->statement[which];
}

static enum status run_with_ids(struct sink_sqlite *s, unsigned which, int64_t a, int64_t b, int64_t c)
{
	sqlite3_stmt *statement = ready(s, which);
	int count;

	if (statement == NULL)
		return ST_SYSTEM;
	count = sqlite3_bind_parameter_count(statement);
	sqlite3_bind_int64(statement, 1, a);
	if (count > 1)
		sqlite3_bind_int64(statement, 2, b);
	if (count > 2)
		sqlite3_bind_int64(statement, 3, c);
	return db_run(s->db, statement);
}

static enum status find_previous_run(struct sink_sqlite *s)
{
	sqlite3_stmt *statement = ready(s, PREVIOUS_RUN);

	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, s->domain_id);
	sqlite3_bind_int64(statement, 2, s->store->vantage_id);
	sqlite3_bind_int64(statement, 3, s->store->run_id);
	return db_int(s->db, statement, 0, &s->previous_run);
}

/* Sets domain, domain_id and previous_run for `domain`, which may be NULL. */
static enum status enter_domain(struct sink_sqlite *s, const char *domain)
{
	sqlite3_stmt *statement;
	enum status status;

	if (domain == s->domain || (domain != NULL && s->domain != NULL && strcmp(domain, s->domain) == 0))
		return ST_OK;
	s->domain = NULL;
	s->domain_id = s->previous_run = 0;
	if (domain == NULL)
		return ST_OK;
	statement = ready(s, FIND_DOMAIN);
	if (statement == NULL)
		return ST_SYSTEM;
	db_bind_text(statement, 1, domain);
	status = db_int(s->db, statement, 0, &s->domain_id);
	if (status == ST_OK && s->domain_id != 0)
		status = find_previous_run(s);
	if (status == ST_OK && s->domain_id == 0) {
		statement = ready(s, ADD_DOMAIN);
		if (statement == NULL)
			return ST_SYSTEM;
		db_bind_text(statement, 1, domain);
		status = db_run(s->db, statement);
		s->domain_id = sqlite3_last_insert_rowid(s->db->handle);
	}
	if (status == ST_OK)
		s->domain = domain;
	return status;
}

static enum status find_value(
    struct sink_sqlite *s, const char *indicator, const char *value, int64_t *ret_value_id)
{
	sqlite3_stmt *statement = ready(s, FIND_VALUE);
	enum status status;

	if (statement == NULL)
		return ST_SYSTEM;
	db_bind_text(statement, 1, indicator);
	db_bind_text(statement, 2, value);
	status = db_int(s->db, statement, 0, ret_value_id);
	if (status != ST_OK || *ret_value_id != 0)
		return status;
	statement = ready(s, ADD_VALUE);
	if (statement == NULL)
		return ST_SYSTEM;
	db_bind_text(statement, 1, indicator);
	db_bind_text(statement, 2, value);
	status = db_run(s->db, statement);
	if (status == ST_OK)
		*ret_value_id = sqlite3_last_insert_rowid(s->db->handle);
	return status;
}

static void add_indicator(void *arg, const char *indicator, const char *value)
{
	struct sink_sqlite *s = arg;
	int64_t value_id = 0;

	if (s->emit_status == ST_OK)
		s->emit_status = find_value(s, indicator, value, &value_id);
	if (s->emit_status == ST_OK)
		s->emit_status = run_with_ids(s, ADD_INDICATOR, value_id, s->domain_id, s->record_id);
}

static enum status add_record_row(
    struct sink_sqlite *s, const struct record *record, const uint8_t fact[STORE_HASH])
{
	sqlite3_stmt *statement = ready(s, ADD_RECORD);
	enum status status;

	if (statement == NULL)
		return ST_SYSTEM;
	if (s->domain_id != 0)
		sqlite3_bind_int64(statement, 1, s->domain_id);
	sqlite3_bind_int64(statement, 2, s->store->vantage_id);
	sqlite3_bind_blob(statement, 3, fact, STORE_HASH, SQLITE_STATIC);
	db_bind_text(statement, 4, record->schema->record_type);
	sqlite3_bind_int64(statement, 5, record->schema->version);
	db_bind_text(statement, 6, status_name(record->status));
	db_bind_text(statement, 7, record->phase);
	db_bind_text(statement, 8, record->error);
	sqlite3_bind_int64(statement, 9, record->attempt);
	if (record->duration >= 0)
		sqlite3_bind_int64(statement, 10, record->duration);
	sqlite3_bind_int64(statement, 11, s->store->run_id);
	sqlite3_bind_int64(statement, 12, record->started);
	status = db_run(s->db, statement);
	s->record_id = sqlite3_last_insert_rowid(s->db->handle);
	return status;
}

static enum status add_record(
    struct sink_sqlite *s, const struct record *record, const uint8_t fact[STORE_HASH])
{
	enum status status;

	status = add_record_row(s, record, fact);
	if (status == ST_OK)
		status = fields_put(s->fields, s->record_id, record);
	if (status == ST_OK && s->store->derive != NULL) {
		s->emit_status = ST_OK;
		s->store->derive(record, add_indicator, s);
		status = s->emit_status;
	}
	return status;
}

/* A stored fact was seen again: lengthens its series of runs, or begins a new one after a gap. */
static enum status see_again(struct sink_sqlite *s, const struct record *record, int64_t last_run)
{
	int64_t run_id = s->store->run_id;
	enum status status;

	if (last_run == run_id)
		return ST_OK;
	if (s->domain_id == 0 || last_run == s->previous_run)
		return run_with_ids(s, TOUCH, s->record_id, run_id, record->started);
	status = run_with_ids(s, CLOSE_SPAN, s->record_id, 0, 0);
	return status == ST_OK ? run_with_ids(s, BEGIN_SPAN, s->record_id, run_id, record->started) : status;
}

static enum status put_fact(struct sink_sqlite *s, const struct record *record)
{
	sqlite3_stmt *statement = ready(s, s->domain_id == 0 ? FIND_SHARED_FACT : FIND_FACT);
	int64_t last_run = 0;
	enum status status;
	uint8_t fact[STORE_HASH];
	bool row;

	if (statement == NULL)
		return ST_SYSTEM;
	store_hash_bytes(record_fact(record), fact);
	if (s->domain_id != 0)
		sqlite3_bind_int64(statement, 1, s->domain_id);
	sqlite3_bind_int64(statement, 2, s->store->vantage_id);
	sqlite3_bind_blob(statement, 3, fact, sizeof(fact), SQLITE_STATIC);
	status = db_step(s->db, statement, &row);
	if (status != ST_OK)
		return status;
	if (row) {
		s->record_id = sqlite3_column_int64(statement, 0);
		last_run = sqlite3_column_int64(statement, 1);
		sqlite3_reset(statement);
	}
	return row ? see_again(s, record, last_run) : add_record(s, record, fact);
}

static enum status add_outcome(struct sink_sqlite *s, const struct record *record)
{
	sqlite3_stmt *statement = ready(s, ADD_OUTCOME);

	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, s->domain_id);
	sqlite3_bind_int64(statement, 2, s->store->run_id);
	db_bind_text(statement, 3, record_get_text(record, "stratum"));
	if (record->input != NULL && strcmp(record->input, s->domain) != 0)
		db_bind_text(statement, 4, record->input);
	db_bind_text(statement, 5, record_get_text(record, "outcome"));
	sqlite3_bind_int64(statement, 6, record->started + (record->duration > 0 ? record->duration : 0));
	if (record->duration >= 0)
		sqlite3_bind_int64(statement, 7, record->duration);
	return db_run(s->db, statement);
}

static enum status put_record(struct sink_sqlite *s, const struct record *record)
{
	bool outcome = strcmp(record->schema->record_type, "domain") == 0;
	enum status status;

	/* An input that is no domain name has an outcome too: it stands for itself. */
	status = enter_domain(s, outcome && record->domain == NULL ? record->input : record->domain);
	if (status == ST_OK)
		status = put_fact(s, record);
	if (status == ST_OK && outcome && s->domain_id != 0)
		status = add_outcome(s, record);
	return status;
}

static enum status add_shared_key(struct sink_sqlite *s, struct record_hash hash)
{
	sqlite3_stmt *statement = ready(s, ADD_SHARED);
	uint8_t key[STORE_HASH];

	if (statement == NULL)
		return ST_SYSTEM;
	store_hash_bytes(hash, key);
	sqlite3_bind_int64(statement, 1, s->store->run_id);
	sqlite3_bind_blob(statement, 2, key, sizeof(key), SQLITE_STATIC);
	return db_run(s->db, statement);
}

/* Whatever went wrong, nothing of the open transaction may be half there; the reason is kept for good. */
static enum status give_up(struct sink_sqlite *s, enum status status)
{
	s->failed = status;
	if (!sqlite3_get_autocommit(s->db->handle))
		sqlite3_exec(s->db->handle, "ROLLBACK", NULL, NULL, NULL);
	s->in_transaction = false;
	if (s->db->error[0] == '\0')
		snprintf(s->db->error, sizeof(s->db->error), "the database: %s", status_text(status));
	return status;
}

static enum status put(struct sink *sink, const struct batch *batch)
{
	struct sink_sqlite *s = self(sink);
	const struct record *record;
	enum status status = s->failed;

	if (status == ST_OK && !s->in_transaction) {
		status = db_exec(s->db, "BEGIN IMMEDIATE");
		s->in_transaction = status == ST_OK;
	}
	s->domain = NULL;
	s->domain_id = s->previous_run = 0;
	for (record = batch->first; record != NULL && status == ST_OK; record = record->next)
		status = put_record(s, record);
	if (status == ST_OK && batch->shared)
		status = add_shared_key(s, batch->key);
	/* It pointed into the batch. */
	s->domain = NULL;
	return status == ST_OK || s->failed != ST_OK ? status : give_up(s, status);
}

static enum status commit(struct sink *sink)
{
	struct sink_sqlite *s = self(sink);
	enum status status;

	if (s->failed != ST_OK || !s->in_transaction)
		return s->failed;
	status = db_exec(s->db, "COMMIT");
	if (status != ST_OK)
		return give_up(s, status);
	s->in_transaction = false;
	return ST_OK;
}

static const char *error(const struct sink *sink)
{
	return ((const struct sink_sqlite *)sink)->db->error;
}

static enum status close_sink(struct sink *sink)
{
	struct sink_sqlite *s = self(sink);
	enum status status = commit(sink);
	size_t i;

	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->statement[i]);
	fields_free(s->fields);
	free(s);
	return status;
}

static const struct sink_class sink_sqlite_class = {
    .name = "sqlite", .put = put, .commit = commit, .error = error, .close = close_sink};

struct sink *sink_sqlite_new(struct store *store)
{
	struct sink_sqlite *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sink.class = &sink_sqlite_class;
	s->store = store;
	s->db = &store->db;
	s->fields = fields_new(&store->db);
	if (s->fields != NULL)
		return &s->sink;
	free(s);
	return NULL;
}
