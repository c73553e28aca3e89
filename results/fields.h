/* Writing the declared fields of a record into the table of its type. */
#ifndef MOORING_RESULTS_FIELDS_H
#define MOORING_RESULTS_FIELDS_H

#include "results/db.h"
#include "results/record.h"

/* Prepared statements, tables that were met, the compressor: kept from record to record. */
struct fields;

/* NULL when memory runs out. Works on `db`, which must outlive it. */
struct fields *fields_new(struct db *db);
void fields_free(struct fields *fields);
/* Adds the row of `record` under `record_id`, its evidence and its undecoded bytes; makes or widens the table
 * when the type is new. Errors are in db->error. */
enum status fields_put(struct fields *fields, int64_t record_id, const struct record *record);

#endif
