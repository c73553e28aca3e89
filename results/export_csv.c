/* The export as CSV: one file per record type. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/text.h"
#include "results/export_private.h"
#include "results/json.h"

/* RFC 4180 ends lines so. */
static const char line_end[] = "\r\n";

static const char envelope_header[] =
    "record_id,run_id,vantage,domain,input,attempt,timestamp,duration,status,phase,error";
static const char tail_header[] =
    "first_seen,last_seen,first_run_id,last_run_id,entity_ids,entity_kinds,claim_statuses,listing_roles,"
    "listing_verified,listing_valid_from,listing_valid_to";

/* ?2: nobody writes to the store, so that no run goes on (store_is_idle). */
static const char run_sql[] =
    "SELECT run_id, vantage_id, "
    "CASE WHEN state = 'running' AND ?2 THEN 'interrupted' ELSE state END AS state, started_at, "
    "ended_at, resumed, program_version, record_schema_version, register_id, register_name, "
    "register_sha256, domain_count, config_sha256, config, command_line, contact, resolvers, kernel, counts, "
    "vantage.name AS vantage, lat, lon, error_km FROM run JOIN vantage USING (vantage_id) ORDER BY run_id";

static void add_cell(struct buf *out, const char *text, size_t length)
{
	buf_add_char(out, ',');
	csv_cell(out, text, length);
}

static void add_text_column(struct buf *out, sqlite3_stmt *row, int column)
{
	const char *text = db_text(row, column);

	add_cell(out, text, (size_t)sqlite3_column_bytes(row, column));
}

/* Numbers do not go through csv_cell(): a minus sign is no formula there. */
static void add_int_column(struct buf *out, sqlite3_stmt *row, int column)
{
	buf_add_char(out, ',');
	if (sqlite3_column_type(row, column) != SQLITE_NULL)
		json_int(out, sqlite3_column_int64(row, column));
}

static void add_time_column(struct buf *out, sqlite3_stmt *row, int column)
{
	char time[CLOCK_TEXT];

	clock_text(sqlite3_column_int64(row, column), time);
	add_cell(out, time, strlen(time));
}

/* By csv_cell(), since base64 may begin with a plus. */
static void add_bytes_column(struct buf *out, sqlite3_stmt *row, int column)
{
	struct buf text = {0};

	text_add_base64(&text, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
	add_cell(out, buf_text(&text), text.length);
	if (text.failed)
		out->failed = true;
	buf_release(&text);
}

static enum status add_digest_column(struct export *export, sqlite3_stmt *row, int column)
{
	uint8_t sha256[EVIDENCE_DIGEST];
	enum status status = evidence_digest(export->evidence, sqlite3_column_int64(row, column), sha256);

	if (status != ST_OK)
		return export_evidence(export, status);
	buf_add_char(&export->line, ',');
	text_add_hex(&export->line, sha256, sizeof(sha256));
	return ST_OK;
}

static enum status add_value(
    struct export *export, const struct export_field *field, sqlite3_stmt *row, int column)
{
	struct buf *out = &export->line;

	if (sqlite3_column_type(row, column) == SQLITE_NULL) {
		buf_add_char(out, ',');
		return ST_OK;
	}
	switch (field->type) {
	case FIELD_BOOL:
		buf_add_text(out, sqlite3_column_int(row, column) != 0 ? ",true" : ",false");
		break;
	case FIELD_INT:
		add_int_column(out, row, column);
		break;
	case FIELD_REAL:
		buf_add_char(out, ',');
		json_real(out, sqlite3_column_double(row, column));
		break;
	case FIELD_BYTES:
		if (field->evidence)
			return add_digest_column(export, row, column);
		add_bytes_column(out, row, column);
		break;
	case FIELD_TEXT:
	case FIELD_TEXTS:
	case FIELD_ROWS:
		add_text_column(out, row, column);
		break;
	}
	return ST_OK;
}

/* Several cells; their parts stand in the same order and are never merged. */
static enum status add_entities(struct export *export, const char *domain)
{
	enum status status;
	bool row;
	int i;

	status = db_ready(export->db, &export->entities,
	    "SELECT group_concat(entity_id, '; '), group_concat(coalesce(kind, ''), '; '), "
	    "group_concat(coalesce(claim_status, ''), '; '), group_concat(coalesce(role, ''), '; '), "
	    "group_concat(coalesce(verified, ''), '; '), group_concat(coalesce(valid_from, ''), '; '), "
	    "group_concat(coalesce(valid_to, ''), '; ') FROM (SELECT DISTINCT entity_id, kind, "
	    "claim_status, role, verified, valid_from, valid_to "
	    "FROM listing JOIN entity_status USING (register_id, entity_id) "
	    "WHERE register_id = ? AND domain = ? ORDER BY entity_id, position)");
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(export->entities, 1, export->register_id);
	db_bind_text(export->entities, 2, domain);
	status = db_step(export->db, export->entities, &row);
	if (status != ST_OK)
		return status;
	for (i = 0; i < sqlite3_column_count(export->entities); i++)
		add_text_column(&export->line, export->entities, i);
	sqlite3_reset(export->entities);
	return ST_OK;
}

static void add_envelope(struct export *export, sqlite3_stmt *record)
{
	struct buf *out = &export->line;

	json_int(out, sqlite3_column_int64(record, EXPORT_RECORD_ID));
	buf_printf(out, ",%lld", (long long)export->run_id);
	add_cell(out, export->vantage, strlen(export->vantage));
	add_text_column(out, record, EXPORT_DOMAIN);
	add_text_column(out, record, EXPORT_INPUT);
	add_int_column(out, record, EXPORT_ATTEMPT);
	add_time_column(out, record, EXPORT_FIRST_SEEN);
	buf_add_char(out, ',');
	if (sqlite3_column_type(record, EXPORT_DURATION) != SQLITE_NULL)
		json_real(out, (double)sqlite3_column_int64(record, EXPORT_DURATION) / 1e6);
	add_text_column(out, record, EXPORT_STATUS);
	add_text_column(out, record, EXPORT_PHASE);
	add_text_column(out, record, EXPORT_ERROR);
}

/* `arg`: where to, or NULL for the file of the type. */
static enum status write_record(
    struct export *export, struct export_type *type, sqlite3_stmt *record, void *arg)
{
	struct buf *out = &export->line;
	enum status status = ST_OK;
	size_t i;

	add_envelope(export, record);
	for (i = 0; i < type->field_count && status == ST_OK; i++)
		status = add_value(export, &type->field[i], type->get, (int)i + 1);
	if (status != ST_OK)
		return status;
	add_time_column(out, record, EXPORT_FIRST_SEEN);
	add_time_column(out, record, EXPORT_LAST_SEEN);
	add_int_column(out, record, EXPORT_FIRST_RUN);
	add_int_column(out, record, EXPORT_LAST_RUN);
	status = add_entities(export, db_text(record, EXPORT_DOMAIN));
	if (status != ST_OK)
		return status;
	buf_add_text(out, line_end);
	return export_write_line(export, arg != NULL ? arg : type->file);
}

static enum status write_header(struct export *export, const struct export_type *type, FILE *file)
{
	struct buf *out = &export->line;
	size_t i;

	buf_add_text(out, envelope_header);
	for (i = 0; i < type->field_count; i++) {
		add_cell(out, type->field[i].name, strlen(type->field[i].name));
		if (type->field[i].evidence)
			buf_add_text(out, "_sha256");
	}
	buf_printf(out, ",%s%s", tail_header, line_end);
	return export_write_line(export, file);
}

/* Without a comma before it. */
static void add_plain_column(struct buf *out, sqlite3_stmt *row, int column)
{
	int type = sqlite3_column_type(row, column);

	if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
		buf_add_text(out, db_text(row, column));
	else
		csv_cell(out, db_text(row, column), (size_t)sqlite3_column_bytes(row, column));
}

/* All rows of a statement as they are; `register_id` is bound when the statement has a parameter. */
static enum status write_rows(struct export *export, const char *sql, FILE *file)
{
	sqlite3_stmt *statement = db_prepare(export->db, sql);
	struct buf *out = &export->line;
	enum status status;
	bool row;
	int i;

	if (statement == NULL)
		return ST_SYSTEM;
	if (sqlite3_bind_parameter_count(statement) > 0)
		sqlite3_bind_int64(statement, 1, export->register_id);
	if (sqlite3_bind_parameter_count(statement) > 1)
		sqlite3_bind_int(statement, 2, store_is_idle(export->store));
	for (i = 0; i < sqlite3_column_count(statement); i++)
		buf_printf(out, "%s%s", i == 0 ? "" : ",", sqlite3_column_name(statement, i));
	buf_add_text(out, line_end);
	status = export_write_line(export, file);
	while (status == ST_OK && (status = db_step(export->db, statement, &row)) == ST_OK && row) {
		for (i = 0; i < sqlite3_column_count(statement); i++) {
			if (i > 0)
				buf_add_char(out, ',');
			add_plain_column(out, statement, i);
		}
		buf_add_text(out, line_end);
		status = export_write_line(export, file);
	}
	sqlite3_finalize(statement);
	return status;
}

static enum status open_failed(struct export *export, const char *path)
{
	char text[DB_ERROR];

	snprintf(text, sizeof(text), "%.400s: %s", path, strerror(errno));
	return export_fail(export, ST_SYSTEM, text);
}

static enum status create_file(struct export *export, const char *folder, const char *name, FILE **ret_file)
{
	char path[PATH_MAX];

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/%s.csv", folder, name) >= (int)sizeof(path))
		return open_failed(export, folder);
	*ret_file = fopen(path, "we");
	return *ret_file == NULL ? open_failed(export, path) : ST_OK;
}

static enum status write_file(struct export *export, const char *folder, const char *name, const char *sql)
{
	FILE *file = NULL;
	enum status status;

	status = create_file(export, folder, name, &file);
	if (status != ST_OK)
		return status;
	status = write_rows(export, sql, file);
	if (status == ST_OK)
		status = export_flush(export, file);
	fclose(file);
	return status;
}

static enum status write_types(struct export *export, const char *folder)
{
	enum status status = ST_OK;
	size_t i;

	for (i = 0; i < export->type_count && status == ST_OK; i++) {
		status = create_file(export, folder, export->type[i].name, &export->type[i].file);
		if (status == ST_OK)
			status = write_header(export, &export->type[i], export->type[i].file);
	}
	if (status == ST_OK)
		status = export_walk(export, NULL, write_record, NULL);
	for (i = 0; i < export->type_count && status == ST_OK; i++)
		status = export_flush(export, export->type[i].file);
	return status;
}

enum status export_csv(struct store *store, const struct export_query *query, FILE *out)
{
	const char *only = query->record_type, *sql;
	struct export_type *type;
	struct export export;
	enum status status;

	status = export_begin(&export, store, query);
	if (status != ST_OK)
		goto out;
	sql = strcmp(only, "run") == 0 ? run_sql : export_register_sql(only);
	if (sql != NULL) {
		status = write_rows(&export, sql, out);
	} else {
		type = export_find_type(&export, only);
		status = type == NULL ? export_unknown_type(&export, only, "entity, listing, claim, run")
				      : write_header(&export, type, out);
		if (status == ST_OK)
			status = export_walk(&export, only, write_record, out);
	}
	if (status == ST_OK)
		status = export_flush(&export, out);
out:
	export_release(&export);
	return status;
}

enum status export_csv_folder(struct store *store, const struct export_query *query, const char *folder)
{
	struct export export;
	enum status status;
	size_t i;

	status = export_begin(&export, store, query);
	if (status == ST_OK && mkdir(folder, 0777) != 0 && errno != EEXIST)
		status = open_failed(&export, folder);
	for (i = 0; i < 3 && status == ST_OK; i++)
		status = write_file(
		    &export, folder, export_register_part[i], export_register_sql(export_register_part[i]));
	if (status == ST_OK)
		status = write_file(&export, folder, "run", run_sql);
	if (status == ST_OK)
		status = write_types(&export, folder);
	export_release(&export);
	return status;
}
