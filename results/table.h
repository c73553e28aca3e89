/* The SQLite table of a record type, generated from its declared fields. */
#ifndef MOORING_RESULTS_TABLE_H
#define MOORING_RESULTS_TABLE_H

#include "results/db.h"
#include "results/record.h"

/* Name of the table: the record type, but `domain_outcome` for `domain`, whose name the table of domains
 * has. */
const char *table_name(const char *record_type);
/* Appends the CREATE TABLE statement, with the help and unit of each field as a comment. */
void table_ddl(struct buf *out, const struct schema *schema);
/* Appends the name of the field's column, quoted. */
void table_add_column(struct buf *out, const struct field *field);
/* Creates the table, or adds the columns that a stored one lacks, and brings `field` up to date. */
enum status table_ensure(struct db *db, const struct schema *schema);
/* INSERT into the table: parameter 1 is record_id, the fields follow. The caller finalizes; NULL with
 * db->error. */
sqlite3_stmt *table_insert(struct db *db, const struct schema *schema);
/* Appends the whole schema, fixed tables first: documentation. */
void table_document(struct buf *out, const struct schema *const *schema, size_t count);

#endif
