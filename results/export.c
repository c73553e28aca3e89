#include "results/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "results/export_private.h"
#include "results/table.h"

const char *const export_register_part[3] = {"entity", "listing", "claim"};

static const char *const register_sql[] = {
    "SELECT entity.entity_id, entity.kind, claim_status, entity.name, name_local, entity.country, locality, "
    "operated_from, parent_id, extra FROM entity JOIN entity_status USING (register_id, entity_id) "
    "WHERE register_id = ? ORDER BY position",
    "SELECT listing.domain, listing.input, listing.entity_id, kind, claim_status, listing.role, "
    "listing.listed_at_url, listing.listed_on, listing.verified, listing.valid_from, listing.valid_to, "
    "listing.extra FROM listing LEFT JOIN entity_status USING (register_id, entity_id) "
    "WHERE register_id = ? ORDER BY listing.position",
    "SELECT claim.claim_id, claim.entity_id, kind, claim_status, claim.report, claim.first_reported, "
    "claim.source_url, claim.source_title, claim.accessed_on, claim.quote, claim.status AS status, "
    "claim.status_date, claim.status_source_url, claim.certainty, claim.extra "
    "FROM claim LEFT JOIN entity_status USING (register_id, entity_id) "
    "WHERE register_id = ? ORDER BY claim.position"};

static const struct {
	const char *name;
	enum field_type type;
} type_names[] = {{"bool", FIELD_BOOL}, {"int", FIELD_INT}, {"real", FIELD_REAL}, {"text", FIELD_TEXT},
    {"bytes", FIELD_BYTES}, {"texts", FIELD_TEXTS}, {"rows", FIELD_ROWS}};

const char *export_register_sql(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(register_sql) / sizeof(register_sql[0]); i++)
		if (strcmp(export_register_part[i], name) == 0)
			return register_sql[i];
	return NULL;
}

enum status export_fail(struct export *export, enum status status, const char *text)
{
	snprintf(export->db->error, sizeof(export->db->error), "%s", text);
	return status;
}

static enum status no_memory(struct export *export)
{
	return export_fail(export, ST_NO_MEMORY, "no memory left");
}

static void take_run(void *arg, const struct run_row *row)
{
	struct export *export = arg;

	export->run_id = row->run_id;
	export->vantage_id = row->vantage_id;
	export->register_id = row->register_id;
	export->vantage = arena_strdup(export->arena, row->info.vantage.name);
}

static enum status add_type(struct export *export, const char *name)
{
	struct export_type *grown;

	if (export->type_count > 0 && strcmp(export->type[export->type_count - 1].name, name) == 0)
		return ST_OK;
	grown = reallocarray(export->type, export->type_count + 1, sizeof(*grown));
	if (grown == NULL)
		return no_memory(export);
	export->type = grown;
	grown[export->type_count++] = (struct export_type){.name = arena_strdup(export->arena, name)};
	return arena_failed(export->arena) ? no_memory(export) : ST_OK;
}

/* Reads a row of `field`; rows of one type follow each other. */
static enum status add_field(struct export *export, sqlite3_stmt *row)
{
	struct export_field *grown;
	struct export_type *type;
	enum status status;
	size_t i;

	status = add_type(export, db_text(row, 0));
	if (status != ST_OK)
		return status;
	type = &export->type[export->type_count - 1];
	grown = reallocarray(type->field, type->field_count + 1, sizeof(*grown));
	if (grown == NULL)
		return no_memory(export);
	type->field = grown;
	grown += type->field_count++;
	*grown = (struct export_field){.name = arena_strdup(export->arena, db_text(row, 1)),
	    .column = arena_strdup(export->arena, db_text(row, 2)),
	    .type = FIELD_TEXT,
	    .evidence = sqlite3_column_int(row, 4) != 0};
	for (i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (strcmp(type_names[i].name, db_text(row, 3)) == 0)
			grown->type = type_names[i].type;
	return arena_failed(export->arena) ? no_memory(export) : ST_OK;
}

static enum status load_types(struct export *export)
{
	sqlite3_stmt *statement;
	enum status status;
	bool row;

	statement = db_prepare(export->db, "SELECT record_type, name, column_name, type, evidence FROM field "
					   "ORDER BY record_type, position, name");
	if (statement == NULL)
		return ST_SYSTEM;
	while ((status = db_step(export->db, statement, &row)) == ST_OK && row) {
		status = add_field(export, statement);
		if (status != ST_OK)
			break;
	}
	sqlite3_finalize(statement);
	return status;
}

enum status export_begin(struct export *export, struct store *store, const struct export_query *query)
{
	int64_t run_id = query->run_id != 0 ? query->run_id : store_newest_run(store);
	enum status status;

	*export = (struct export){.store = store, .db = &store->db};
	export->arena = arena_new(0);
	export->evidence = evidence_new(&store->db);
	if (export->arena == NULL || export->evidence == NULL)
		return no_memory(export);
	if (run_id == 0)
		return export_fail(export, ST_NOT_FOUND, "the database has no run yet");
	status = store_each_run(store, run_id, take_run, export);
	if (status == ST_OK && export->run_id == 0)
		return export_fail(export, ST_NOT_FOUND, "the database has no such run");
	/* One transaction: a scan that writes meanwhile does not change what is exported. */
	if (status == ST_OK)
		status = db_exec(export->db, "BEGIN");
	return status == ST_OK ? load_types(export) : status;
}

void export_release(struct export *export)
{
	size_t i;

	for (i = 0; i < export->type_count; i++) {
		sqlite3_finalize(export->type[i].get);
		free(export->type[i].field);
		if (export->type[i].file != NULL)
			fclose(export->type[i].file);
	}
	free(export->type);
	sqlite3_finalize(export->undecoded);
	sqlite3_finalize(export->entities);
	evidence_free(export->evidence);
	arena_free(export->arena);
	buf_release(&export->line);
	buf_release(&export->bytes);
	if (!sqlite3_get_autocommit(export->db->handle))
		sqlite3_exec(export->db->handle, "ROLLBACK", NULL, NULL, NULL);
}

struct export_type *export_find_type(struct export *export, const char *name)
{
	size_t i;

	for (i = 0; i < export->type_count; i++)
		if (strcmp(export->type[i].name, name) == 0)
			return &export->type[i];
	return NULL;
}

enum status export_unknown_type(struct export *export, const char *name, const char *further)
{
	struct buf text = {0};
	enum status status;
	size_t i;

	buf_printf(&text, "there are no records of type '%.64s'; types are ", name);
	for (i = 0; i < export->type_count; i++)
		buf_printf(&text, "%s, ", export->type[i].name);
	buf_add_text(&text, further);
	status = export_fail(export, ST_NOT_FOUND, buf_text(&text));
	buf_release(&text);
	return status;
}

static enum status prepare_get(struct export *export, struct export_type *type)
{
	struct buf sql = {0};
	enum status status;
	size_t i;

	if (type->get != NULL)
		return ST_OK;
	buf_add_text(&sql, "SELECT record_id");
	for (i = 0; i < type->field_count; i++) {
		buf_add_text(&sql, ", ");
		db_add_name(&sql, type->field[i].column);
	}
	buf_add_text(&sql, " FROM ");
	db_add_name(&sql, table_name(type->name));
	buf_add_text(&sql, " WHERE record_id = ?");
	status = sql.failed ? no_memory(export) : db_ready(export->db, &type->get, buf_text(&sql));
	buf_release(&sql);
	return status;
}

static enum status visit_record(struct export *export, sqlite3_stmt *record, export_visit *visit, void *arg)
{
	struct export_type *type = export_find_type(export, db_text(record, EXPORT_TYPE));
	enum status status;
	bool row;

	if (type == NULL)
		return export_fail(export, ST_INVALID, "the database is damaged: a record of unknown type");
	status = prepare_get(export, type);
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(type->get, 1, sqlite3_column_int64(record, EXPORT_RECORD_ID));
	status = db_step(export->db, type->get, &row);
	if (status != ST_OK)
		return status;
	if (!row)
		return export_fail(
		    export, ST_INVALID, "the database is damaged: a record without its fields");
	status = visit(export, type, record, arg);
	sqlite3_reset(type->get);
	return status;
}

enum status export_walk(struct export *export, const char *only, export_visit *visit, void *arg)
{
	sqlite3_stmt *statement;
	enum status status;
	bool row;

	statement = db_prepare(export->db,
	    "SELECT r.record_id, r.record_type, r.record_version, "
	    /* What is no domain name stands in `domain` for itself. */
	    "CASE WHEN r.record_type = 'domain' AND r.status = 'INVALID' THEN NULL ELSE d.domain END, "
	    "coalesce(o.input, d.domain), "
	    "r.attempt, r.duration, r.status, r.phase, r.error, r.first_run_id, r.last_run_id, r.first_seen, "
	    "r.last_seen FROM record AS r LEFT JOIN domain AS d USING (domain_id) "
	    "LEFT JOIN run_domain AS o ON o.domain_id = r.domain_id AND o.run_id = ?1 "
	    "WHERE r.vantage_id = ?2 AND (?3 IS NULL OR r.record_type = ?3) "
	    "AND (r.domain_id IS NULL OR o.run_id IS NOT NULL) "
	    "AND (?1 BETWEEN r.since_run_id AND r.last_run_id OR EXISTS (SELECT 1 FROM span AS s "
	    "WHERE s.record_id = r.record_id AND ?1 BETWEEN s.first_run_id AND s.last_run_id)) "
	    "ORDER BY r.record_id");
	if (statement == NULL)
		return ST_SYSTEM;
	sqlite3_bind_int64(statement, 1, export->run_id);
	sqlite3_bind_int64(statement, 2, export->vantage_id);
	db_bind_text(statement, 3, only);
	while ((status = db_step(export->db, statement, &row)) == ST_OK && row) {
		status = visit_record(export, statement, visit, arg);
		if (status != ST_OK)
			break;
	}
	sqlite3_finalize(statement);
	return status;
}

enum status export_evidence(struct export *export, enum status found)
{
	if (found == ST_NOT_FOUND)
		return export_fail(export, ST_INVALID, "the database is damaged: evidence is missing");
	return found;
}

enum status export_write_line(struct export *export, FILE *out)
{
	bool failed = export->line.failed;
	size_t written = fwrite(buf_text(&export->line), 1, export->line.length, out);
	bool whole = written == export->line.length;
	char text[128];

	buf_clear(&export->line);
	if (failed)
		return no_memory(export);
	if (whole)
		return ST_OK;
	snprintf(text, sizeof(text), "the output cannot be written: %s", strerror(errno));
	return export_fail(export, ST_SYSTEM, text);
}

enum status export_flush(struct export *export, FILE *out)
{
	char text[128];

	if (fflush(out) == 0 && !ferror(out))
		return ST_OK;
	snprintf(text, sizeof(text), "the output cannot be written: %s", strerror(errno));
	return export_fail(export, ST_SYSTEM, text);
}
