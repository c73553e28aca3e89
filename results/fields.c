#include "results/fields.h"

#include <stdlib.h>
#include <string.h>

#include "results/evidence.h"
#include "results/json.h"
#include "results/table.h"

/* A record type that was met: its table is there and its INSERT prepared. */
struct known_type {
	struct known_type *next;
	const struct schema *schema;
	sqlite3_stmt *insert;
};

struct fields {
	struct db *db;
	struct evidence *evidence;
	struct known_type *type;
	sqlite3_stmt *add_undecoded;
	struct buf scratch; /* JSON of one column */
};

struct fields *fields_new(struct db *db)
{
	struct fields *fields = calloc(1, sizeof(*fields));

	if (fields == NULL)
		return NULL;
	fields->db = db;
	fields->evidence = evidence_new(db);
	if (fields->evidence != NULL)
		return fields;
	free(fields);
	return NULL;
}

void fields_free(struct fields *fields)
{
	struct known_type *type, *next;

	if (fields == NULL)
		return;
	for (type = fields->type; type != NULL; type = next) {
		next = type->next;
		sqlite3_finalize(type->insert);
		free(type);
	}
	sqlite3_finalize(fields->add_undecoded);
	evidence_free(fields->evidence);
	buf_release(&fields->scratch);
	free(fields);
}

static enum status add_known_type(
    struct fields *fields, const struct schema *schema, struct known_type **ret_type)
{
	struct known_type *type = calloc(1, sizeof(*type));
	enum status status;

	if (type == NULL)
		return ST_NO_MEMORY;
	type->schema = schema;
	status = table_ensure(fields->db, schema);
	if (status == ST_OK) {
		type->insert = table_insert(fields->db, schema);
		if (type->insert == NULL)
			status = ST_SYSTEM;
	}
	if (status != ST_OK) {
		free(type);
		return status;
	}
	type->next = fields->type;
	fields->type = type;
	*ret_type = type;
	return ST_OK;
}

static enum status find_type(struct fields *fields, const struct schema *schema, struct known_type **ret_type)
{
	struct known_type *type;

	for (type = fields->type; type != NULL; type = type->next)
		if (type->schema == schema) {
			*ret_type = type;
			return ST_OK;
		}
	return add_known_type(fields, schema, ret_type);
}

static enum status bind_bytes(struct fields *fields, sqlite3_stmt *statement, int index,
    const struct schema *schema, const struct field *field, const struct value *value)
{
	enum status status;
	int64_t id;

	if ((field->flags & FIELD_EVIDENCE) == 0) {
		sqlite3_bind_blob64(statement, index,
		    value->bytes.length == 0 ? "" : (const void *)value->bytes.data, value->bytes.length,
		    SQLITE_STATIC);
		return ST_OK;
	}
	status = evidence_put(
	    fields->evidence, schema->record_type, field->name, value->bytes.data, value->bytes.length, &id);
	if (status == ST_OK)
		sqlite3_bind_int64(statement, index, id);
	return status;
}

static enum status bind_field(struct fields *fields, sqlite3_stmt *statement, int index,
    const struct schema *schema, const struct field *field, const struct value *value)
{
	if (!value->set)
		return ST_OK;
	switch (field->type) {
	case FIELD_BOOL:
		sqlite3_bind_int(statement, index, value->boolean);
		return ST_OK;
	case FIELD_INT:
		sqlite3_bind_int64(statement, index, value->integer);
		return ST_OK;
	case FIELD_REAL:
		sqlite3_bind_double(statement, index, value->real);
		return ST_OK;
	case FIELD_TEXT:
		sqlite3_bind_text64(
		    statement, index, value->text.data, value->text.length, SQLITE_STATIC, SQLITE_UTF8);
		return ST_OK;
	case FIELD_BYTES:
		return bind_bytes(fields, statement, index, schema, field, value);
	case FIELD_TEXTS:
	case FIELD_ROWS:
		buf_clear(&fields->scratch);
		json_value(&fields->scratch, field, value);
		if (fields->scratch.failed)
			return ST_NO_MEMORY;
		sqlite3_bind_text64(statement, index, buf_text(&fields->scratch), fields->scratch.length,
		    SQLITE_TRANSIENT, SQLITE_UTF8);
		return ST_OK;
	}
	return ST_INVALID;
}

static enum status put_row(struct fields *fields, int64_t record_id, const struct record *record)
{
	const struct schema *schema = record->schema;
	struct known_type *type;
	enum status status;
	size_t i;

	status = find_type(fields, schema, &type);
	if (status != ST_OK)
		return status;
	sqlite3_clear_bindings(type->insert);
	sqlite3_bind_int64(type->insert, 1, record_id);
	for (i = 0; i < schema->field_count && status == ST_OK; i++)
		status = bind_field(
		    fields, type->insert, (int)i + 2, schema, &schema->field[i], &record->value[i]);
	return status == ST_OK ? db_run(fields->db, type->insert) : status;
}

static enum status add_undecoded(struct fields *fields, int64_t record_id, const struct record *record)
{
	const struct undecoded *undecoded;
	int64_t position = 0;
	enum status status;

	status = db_ready(fields->db, &fields->add_undecoded,
	    "INSERT INTO undecoded (record_id, position, field, bytes) VALUES (?, ?, ?, ?)");
	for (undecoded = record->undecoded; undecoded != NULL && status == ST_OK;
	     undecoded = undecoded->next) {
		/* The copy of the bytes did not fit into the target's memory any more. */
		if (undecoded->data == NULL)
			continue;
		sqlite3_bind_int64(fields->add_undecoded, 1, record_id);
		sqlite3_bind_int64(fields->add_undecoded, 2, ++position);
		db_bind_text(fields->add_undecoded, 3, undecoded->field);
		sqlite3_bind_blob64(
		    fields->add_undecoded, 4, undecoded->data, undecoded->length, SQLITE_STATIC);
		status = db_run(fields->db, fields->add_undecoded);
	}
	return status;
}

enum status fields_put(struct fields *fields, int64_t record_id, const struct record *record)
{
	enum status status = put_row(fields, record_id, record);

	return status == ST_OK && record->undecoded != NULL ? add_undecoded(fields, record_id, record)
							    : status;
}
