/* The export as JSON Lines: the same lines as a scan writes, from the columns of the store. */
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "results/export_private.h"
#include "results/json.h"

static void add_column_text(struct buf *out, sqlite3_stmt *row, int column)
{
	const char *text = db_text_or_null(row, column);

	if (text == NULL)
		buf_add_text(out, "null");
	else
		json_text(out, text, (size_t)sqlite3_column_bytes(row, column));
}

static void add_key_text(struct buf *out, const char *key, sqlite3_stmt *row, int column)
{
	json_key(out, key);
	add_column_text(out, row, column);
}

static void add_key_int(struct buf *out, const char *key, sqlite3_stmt *row, int column)
{
	json_member_int(out, key, sqlite3_column_int64(row, column));
}

static void add_key_time(struct buf *out, const char *key, sqlite3_stmt *row, int column)
{
	char time[CLOCK_TEXT];

	json_member_string(out, key, clock_text(sqlite3_column_int64(row, column), time));
}

static void add_base64(struct buf *out, const void *bytes, size_t length)
{
	buf_add_char(out, '"');
	text_add_base64(out, bytes, length);
	buf_add_char(out, '"');
}

static enum status add_evidence(struct export *export, sqlite3_stmt *row, int column)
{
	enum status status =
	    evidence_get(export->evidence, sqlite3_column_int64(row, column), &export->bytes);

	if (status != ST_OK)
		return export_evidence(export, status);
	add_base64(&export->line, buf_text(&export->bytes), export->bytes.length);
	return ST_OK;
}

static enum status add_value(
    struct export *export, const struct export_field *field, sqlite3_stmt *row, int column)
{
	struct buf *out = &export->line;

	if (sqlite3_column_type(row, column) == SQLITE_NULL) {
		buf_add_text(out, "null");
		return ST_OK;
	}
	switch (field->type) {
	case FIELD_BOOL:
		buf_add_text(out, sqlite3_column_int(row, column) != 0 ? "true" : "false");
		break;
	case FIELD_INT:
		json_int(out, sqlite3_column_int64(row, column));
		break;
	case FIELD_REAL:
		json_real(out, sqlite3_column_double(row, column));
		break;
	case FIELD_TEXT:
		add_column_text(out, row, column);
		break;
	case FIELD_BYTES:
		if (field->evidence)
			return add_evidence(export, row, column);
		add_base64(out, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
		break;
	case FIELD_TEXTS:
	case FIELD_ROWS:
		/* Written as JSON by the sink. */
		buf_add_text(out, db_text(row, column));
		break;
	}
	return ST_OK;
}

static enum status add_undecoded(struct export *export, int64_t record_id)
{
	struct buf *out = &export->line;
	enum status status;
	size_t count = 0;
	bool row;

	json_key(out, "undecoded");
	status = db_ready(export->db, &export->undecoded,
	    "SELECT field, bytes FROM undecoded WHERE record_id = ? ORDER BY position");
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(export->undecoded, 1, record_id);
	while ((status = db_step(export->db, export->undecoded, &row)) == ST_OK && row) {
		buf_add_char(out, count++ == 0 ? '{' : ',');
		add_column_text(out, export->undecoded, 0);
		buf_add_char(out, ':');
		add_base64(out, sqlite3_column_blob(export->undecoded, 1),
		    (size_t)sqlite3_column_bytes(export->undecoded, 1));
	}
	buf_add_text(out, count == 0 ? "null" : "}");
	return status;
}

/* Who the domain is listed for: kind, claim status and what limits the listing must stand beside it. */
static enum status add_entities(struct export *export, const char *domain)
{
	struct buf *out = &export->line;
	enum status status;
	size_t count = 0;
	bool row;
	int i;

	json_key(out, "entities");
	status = db_ready(export->db, &export->entities,
	    "SELECT DISTINCT entity_id, kind, claim_status, role, verified, valid_from, valid_to "
	    "FROM listing JOIN entity_status USING (register_id, entity_id) "
	    "WHERE register_id = ? AND domain = ? ORDER BY entity_id, position");
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(export->entities, 1, export->register_id);
	db_bind_text(export->entities, 2, domain);
	buf_add_char(out, '[');
	while ((status = db_step(export->db, export->entities, &row)) == ST_OK && row) {
		buf_add_text(out, count++ == 0 ? "{" : ",{");
		for (i = 0; i < sqlite3_column_count(export->entities); i++)
			add_key_text(out, sqlite3_column_name(export->entities, i), export->entities, i);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
	return status;
}

static void add_envelope(struct export *export, sqlite3_stmt *record)
{
	struct buf *out = &export->line;
	bool timed = sqlite3_column_type(record, EXPORT_DURATION) != SQLITE_NULL;

	buf_add_char(out, '{');
	json_member_string(out, "schema_version", RECORD_SCHEMA_VERSION);
	add_key_text(out, "record_type", record, EXPORT_TYPE);
	add_key_int(out, "record_version", record, EXPORT_VERSION);
	json_member_int(out, "run_id", export->run_id);
	json_member_string(out, "vantage", export->vantage);
	add_key_text(out, "domain", record, EXPORT_DOMAIN);
	add_key_text(out, "input", record, EXPORT_INPUT);
	add_key_int(out, "attempt", record, EXPORT_ATTEMPT);
	add_key_time(out, "timestamp", record, EXPORT_FIRST_SEEN);
	json_key(out, "duration");
	json_real(out, timed ? (double)sqlite3_column_int64(record, EXPORT_DURATION) / 1e6 : (double)NAN);
	add_key_text(out, "status", record, EXPORT_STATUS);
	add_key_text(out, "phase", record, EXPORT_PHASE);
	add_key_text(out, "error", record, EXPORT_ERROR);
}

static enum status write_record(
    struct export *export, struct export_type *type, sqlite3_stmt *record, void *arg)
{
	struct buf *out = &export->line;
	enum status status = ST_OK;
	size_t i;

	add_envelope(export, record);
	for (i = 0; i < type->field_count && status == ST_OK; i++) {
		json_key(out, type->field[i].name);
		status = add_value(export, &type->field[i], type->get, (int)i + 1);
	}
	if (status == ST_OK)
		status = add_undecoded(export, sqlite3_column_int64(record, EXPORT_RECORD_ID));
	if (status != ST_OK)
		return status;
	add_key_int(out, "record_id", record, EXPORT_RECORD_ID);
	add_key_time(out, "first_seen", record, EXPORT_FIRST_SEEN);
	add_key_time(out, "last_seen", record, EXPORT_LAST_SEEN);
	add_key_int(out, "first_run_id", record, EXPORT_FIRST_RUN);
	add_key_int(out, "last_run_id", record, EXPORT_LAST_RUN);
	if (strcmp(type->name, "domain") == 0)
		status = add_entities(export, db_text(record, EXPORT_DOMAIN));
	if (status != ST_OK)
		return status;
	buf_add_text(out, "}\n");
	return export_write_line(export, arg);
}

static enum status write_register_part(struct export *export, const char *part, FILE *file)
{
	sqlite3_stmt *statement = db_prepare(export->db, export_register_sql(part));
	enum status status;
	bool row;
	int i;

	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, export->register_id);
	while ((status = db_step(export->db, statement, &row)) == ST_OK && row) {
		buf_add_char(&export->line, '{');
		json_key(&export->line, "schema_version");
		json_string(&export->line, RECORD_SCHEMA_VERSION);
		json_key(&export->line, "record_type");
		json_string(&export->line, part);
		for (i = 0; i < sqlite3_column_count(statement) - 1; i++)
			add_key_text(&export->line, sqlite3_column_name(statement, i), statement, i);
		/* The last column is a JSON object already. */
		json_key(&export->line, sqlite3_column_name(statement, i));
		buf_add_text(&export->line,
		    sqlite3_column_type(statement, i) == SQLITE_NULL ? "null" : db_text(statement, i));
		buf_add_text(&export->line, "}\n");
		status = export_write_line(export, file);
		if (status != ST_OK)
			break;
	}
	sqlite3_finalize(statement);
	return status;
}

enum status export_jsonl(struct store *store, const struct export_query *query, FILE *out)
{
	const char *only = query->record_type;
	struct export export;
	enum status status;
	size_t i;

	status = export_begin(&export, store, query);
	if (status == ST_OK && only != NULL && export_register_sql(only) == NULL &&
	    export_find_type(&export, only) == NULL)
		status = export_unknown_type(&export, only, "entity, listing, claim");
	for (i = 0; i < 3 && status == ST_OK; i++)
		if (only == NULL || strcmp(only, export_register_part[i]) == 0)
			status = write_register_part(&export, export_register_part[i], out);
	if (status == ST_OK && (only == NULL || export_register_sql(only) == NULL))
		status = export_walk(&export, only, write_record, out);
	if (status == ST_OK)
		status = export_flush(&export, out);
	export_release(&export);
	return status;
}
