#include "results/table.h"

#include <string.h>

#include "results_schema.h"

static const char *const sql_type[] = {[FIELD_BOOL] = "INTEGER",
    [FIELD_INT] = "INTEGER",
    [FIELD_REAL] = "REAL",
    [FIELD_TEXT] = "TEXT",
    [FIELD_BYTES] = "BLOB",
    [FIELD_TEXTS] = "TEXT",
    [FIELD_ROWS] = "TEXT"};

const char *table_name(const char *record_type)
{
	return strcmp(record_type, "domain") == 0 ? "domain_outcome" : record_type;
}

static bool is_evidence(const struct field *field)
{
	return field->type == FIELD_BYTES && (field->flags & FIELD_EVIDENCE) != 0;
}

/* Without quotes. */
static void add_plain_column(struct buf *out, const struct field *field)
{
	buf_add_text(out, field->name);
	if (is_evidence(field))
		buf_add_text(out, "_evidence");
}

void table_add_column(struct buf *out, const struct field *field)
{
	struct buf plain = {0};

	add_plain_column(&plain, field);
	db_add_name(out, buf_text(&plain));
	if (plain.failed)
		out->failed = true;
	buf_release(&plain);
}

static void add_definition(struct buf *out, const struct field *field)
{
	table_add_column(out, field);
	if (is_evidence(field))
		buf_add_text(out, " INTEGER REFERENCES evidence");
	else
		buf_printf(out, " %s", sql_type[field->type]);
}

/* A line comment must not end early. */
static void add_comment(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_add_char(out, *text == '\n' || *text == '\r' ? ' ' : *text);
}

static void add_field_comment(struct buf *out, const struct field *field)
{
	size_t i;

	buf_add_text(out, " -- ");
	add_comment(out, field->help == NULL ? field->name : field->help);
	if (field->unit != NULL) {
		buf_add_text(out, ", ");
		add_comment(out, field->unit);
	}
	if (field->type == FIELD_TEXTS)
		buf_add_text(out, "; JSON list of texts");
	if (field->type == FIELD_ROWS) {
		buf_add_text(out, "; JSON list of objects:");
		for (i = 0; i < field->row_count; i++) {
			buf_add_char(out, ' ');
			add_comment(out, field->row[i].name);
		}
	}
	if (field->flags & FIELD_VOLATILE)
		buf_add_text(out, "; volatile");
	buf_add_char(out, '\n');
}

void table_ddl(struct buf *out, const struct schema *schema)
{
	size_t i;

	buf_add_text(out, "CREATE TABLE ");
	db_add_name(out, table_name(schema->record_type));
	buf_add_text(out, " ( -- ");
	add_comment(out, schema->help == NULL ? schema->record_type : schema->help);
	buf_add_text(out, "\n\trecord_id INTEGER PRIMARY KEY REFERENCES record");
	for (i = 0; i < schema->field_count; i++) {
		buf_add_char(out, ',');
		if (i == 0)
			buf_add_char(out, '\n');
		else
			add_field_comment(out, &schema->field[i - 1]);
		buf_add_char(out, '\t');
		add_definition(out, &schema->field[i]);
	}
	if (i > 0)
		add_field_comment(out, &schema->field[i - 1]);
	buf_add_text(out, ")");
}

static enum status exec_buf(struct db *db, struct buf *sql)
{
	enum status status = sql->failed ? ST_NO_MEMORY : db_exec(db, buf_text(sql));

	buf_release(sql);
	return status;
}

static enum status count_columns(struct db *db, const char *table, const char *column, int64_t *ret_count)
{
	static const char sql[] =
	    "SELECT count(*) FROM pragma_table_info(?1) WHERE ?2 IS NULL OR name = ?2 COLLATE NOCASE";
	sqlite3_stmt *statement = db_prepare(db, sql);
	enum status status;

	if (statement == NULL)
		return ST_SYSTEM;
	db_bind_text(statement, 1, table);
	db_bind_text(statement, 2, column);
	status = db_int(db, statement, 0, ret_count);
	sqlite3_finalize(statement);
	return status;
}

/* A newer program declares more fields than the one that made the table. */
static enum status add_missing_column(struct db *db, const char *table, const struct field *field)
{
	struct buf column = {0}, sql = {0};
	int64_t count = 0;
	enum status status;

	add_plain_column(&column, field);
	status = column.failed ? ST_NO_MEMORY : count_columns(db, table, buf_text(&column), &count);
	if (status == ST_OK && count == 0) {
		buf_add_text(&sql, "ALTER TABLE ");
		db_add_name(&sql, table);
		buf_add_text(&sql, " ADD COLUMN ");
		add_definition(&sql, field);
		status = exec_buf(db, &sql);
	}
	buf_release(&column);
	return status;
}

static void add_index(struct buf *out, const char *table, const struct field *field)
{
	struct buf name = {0};

	buf_printf(&name, "%s_by_%s", table, field->name);
	buf_add_text(out, "CREATE INDEX IF NOT EXISTS ");
	db_add_name(out, buf_text(&name));
	buf_add_text(out, " ON ");
	db_add_name(out, table);
	buf_add_text(out, " (");
	table_add_column(out, field);
	buf_add_char(out, ')');
	buf_release(&name);
}

static enum status ensure_index(struct db *db, const char *table, const struct field *field)
{
	struct buf sql = {0};

	if (!(field->flags & FIELD_KEY))
		return ST_OK;
	add_index(&sql, table, field);
	return exec_buf(db, &sql);
}

static enum status declare_field(
    struct db *db, sqlite3_stmt *statement, const struct schema *schema, size_t index)
{
	const struct field *field = &schema->field[index];
	struct buf column = {0};
	enum status status;

	add_plain_column(&column, field);
	db_bind_text(statement, 1, schema->record_type);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)index + 1);
	db_bind_text(statement, 3, field->name);
	db_bind_text(statement, 4, buf_text(&column));
	db_bind_text(statement, 5, field_type_name(field->type));
	sqlite3_bind_int(statement, 6, (field->flags & FIELD_VOLATILE) != 0);
	sqlite3_bind_int(statement, 7, is_evidence(field));
	db_bind_text(statement, 8, field->unit);
	db_bind_text(statement, 9, field->help);
	status = column.failed ? ST_NO_MEMORY : db_run(db, statement);
	sqlite3_clear_bindings(statement);
	buf_release(&column);
	return status;
}

static enum status declare_fields(struct db *db, const struct schema *schema)
{
	sqlite3_stmt *statement =
	    db_prepare(db, "INSERT OR REPLACE INTO field (record_type, position, name, column_name, type, "
			   "volatile, evidence, unit, help) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	enum status status = ST_OK;
	size_t i;

	if (statement == NULL)
		return ST_SYSTEM;
	for (i = 0; i < schema->field_count && status == ST_OK; i++)
		status = declare_field(db, statement, schema, i);
	sqlite3_finalize(statement);
	return status;
}

enum status table_ensure(struct db *db, const struct schema *schema)
{
	const char *name = table_name(schema->record_type);
	struct buf sql = {0};
	int64_t count = 0;
	enum status status;
	size_t i;

	status = count_columns(db, name, NULL, &count);
	if (status == ST_OK && count == 0) {
		table_ddl(&sql, schema);
		status = exec_buf(db, &sql);
	} else {
		for (i = 0; i < schema->field_count && status == ST_OK; i++)
			status = add_missing_column(db, name, &schema->field[i]);
	}
	for (i = 0; i < schema->field_count && status == ST_OK; i++)
		status = ensure_index(db, name, &schema->field[i]);
	return status == ST_OK ? declare_fields(db, schema) : status;
}

sqlite3_stmt *table_insert(struct db *db, const struct schema *schema)
{
	sqlite3_stmt *statement;
	struct buf sql = {0};
	size_t i;

	buf_add_text(&sql, "INSERT INTO ");
	db_add_name(&sql, table_name(schema->record_type));
	buf_add_text(&sql, " (record_id");
	for (i = 0; i < schema->field_count; i++) {
		buf_add_text(&sql, ", ");
		table_add_column(&sql, &schema->field[i]);
	}
	buf_add_text(&sql, ") VALUES (?");
	for (i = 0; i < schema->field_count; i++)
		buf_add_text(&sql, ", ?");
	buf_add_text(&sql, ")");
	statement = sql.failed ? NULL : db_prepare(db, buf_text(&sql));
	buf_release(&sql);
	return statement;
}

void table_document(struct buf *out, const struct schema *const *schema, size_t count)
{
	size_t i, j;

	buf_add_text(out, results_schema_sql);
	for (i = 0; i < count; i++) {
		buf_add_char(out, '\n');
		table_ddl(out, schema[i]);
		buf_add_text(out, ";\n");
		for (j = 0; j < schema[i]->field_count; j++)
			if (schema[i]->field[j].flags & FIELD_KEY) {
				add_index(out, table_name(schema[i]->record_type), &schema[i]->field[j]);
				buf_add_text(out, ";\n");
			}
	}
}
