/*
 * What one run saw, out of the store. Streams: memory does not grow with the store, but by one record.
 *
 * Values that change from look to look (`field.volatile`), attempt, timestamp, duration and error are those
 * of the first sighting of the fact; first_seen, last_seen, first_run_id and last_run_id stand beside them.
 * The register that the run used comes first; the kind and the newest claim status of the entities, and the
 * role, verification and dates of their listing, stand beside every domain.
 */
#ifndef MOORING_RESULTS_EXPORT_H
#define MOORING_RESULTS_EXPORT_H

#include <stdio.h>

#include "results/store.h"

struct export_query {
	int64_t run_id;		 /* 0: store_newest_run() */
	const char *record_type; /* also "entity", "listing", "claim" or, in CSV, "run"; NULL: all */
};

/* Errors are in store_error(): ST_NOT_FOUND when there is no such run or record type, ST_SYSTEM when writing
 * fails. The lines are those of results/sink_jsonl.h with further keys at their end. */
enum status export_jsonl(struct store *store, const struct export_query *query, FILE *out);
/* Comma-separated (RFC 4180), header line first, no cell that a spreadsheet would run. Evidence is named by
 * its SHA-256. `query->record_type` is needed. */
enum status export_csv(struct store *store, const struct export_query *query, FILE *out);
/* TYPE.csv for every record type, and entity.csv, listing.csv, claim.csv, run.csv, in `folder`, which is made
 * when missing; files of these names are replaced. */
enum status export_csv_folder(struct store *store, const struct export_query *query, const char *folder);

#endif
