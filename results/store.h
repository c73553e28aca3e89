/*
 * The store: one SQLite file for years of scans (results/schema.sql says what stands where).
 *
 * One program writes at a time: store_open() holds FILE.lock for as long as the process lives. Readers
 * (store_open_readonly) are free to look on meanwhile.
 *
 * Threads: from writer_start() to writer_close() the sink of the store (results/sink_sqlite.h) belongs to the
 * writer's thread; meanwhile another thread may call store_is_done() and nothing else. Before and after, one
 * thread may call everything.
 */
#ifndef MOORING_RESULTS_STORE_H
#define MOORING_RESULTS_STORE_H

#include "core/status.h"
#include "results/record.h"
#include "results/run_info.h"

struct sqlite3;
struct store;

enum { STORE_ERROR = 512, STORE_VERSION = 1 };

/* Gives the indicators of a record that is stored for the first time; called in the sink's thread. */
typedef void store_emit(void *emit_arg, const char *indicator, const char *value);
typedef void store_derive(const struct record *record, store_emit *emit, void *emit_arg);

/*
 * Opens for writing; makes the file when there is none or an empty one. `derive` may be NULL. On failure
 * `ret_error` has the sentence, and a file that is no database of mooring is as it was:
 *   ST_LOCKED   another process writes          ST_INVALID  no database, another program's, or a newer one's
 *   ST_SYSTEM   the operating system refused    ST_NO_MEMORY
 */
enum status store_open(
    struct store **ret_store, const char *path, store_derive *derive, char ret_error[STORE_ERROR]);
/* ST_NOT_FOUND when there is no such file. Needs no lock and writes no record; reads where nothing may be
 * written, too. */
enum status store_open_readonly(struct store **ret_store, const char *path, char ret_error[STORE_ERROR]);
/* A run that was not ended stays `running` and is resumed by the next. Unless somebody reads at this moment,
 * the file is left without others beside it but FILE.lock, which is empty. NULL is allowed. */
void store_close(struct store *store);
/* The sentence of the last failed call. */
const char *store_error(const struct store *store);
/* The connection, for rooms that read with SQL of their own. */
struct sqlite3 *store_handle(struct store *store);

/*
 * Begins a run, or takes up the newest run of the same vantage when it was of the same register and did not
 * end. Runs that a crash left as `running` are marked interrupted. Store the register before.
 */
enum status store_begin_run(struct store *store, const struct run_info *info, bool *ret_resumed);
/* 0 before a run began. */
int64_t store_run_id(const struct store *store);
/* True when the current run has a committed final outcome for the domain (A-label form). */
bool store_is_done(struct store *store, const char *domain);
/* Domains of the current run with a committed outcome: where a resumed run's progress starts. */
enum status store_count_done(struct store *store, int64_t *ret_count);
/* Writes state, end and the counts by outcome. */
enum status store_end_run(struct store *store, enum run_state state);

/*
 * The subjects that the current run has looked at for many domains (batch->key of shared batches), so that a
 * resumed run does not look again. They are forgotten when the run is complete.
 *
 * Contract with the scanner: a shared batch must be submitted before the final batch of the domain that it
 * was begun for, or a crash in between loses it.
 */
typedef void store_visit_key(void *arg, struct record_hash key);
enum status store_each_shared_key(struct store *store, store_visit_key *visit, void *arg);

/* Id of the newest run that has ended completely, else of the newest with any outcome; 0: none. */
int64_t store_newest_run(struct store *store);
/* Visits runs, oldest first; `run_id` 0: all. A run that says `running` while nobody holds FILE.lock was
 * ended by a crash: readers see it as `interrupted`. */
typedef void store_visit_run(void *arg, const struct run_row *row);
enum status store_each_run(struct store *store, int64_t run_id, store_visit_run *visit, void *arg);

/* A register's rows, stored once per content. */
enum register_part { REGISTER_ENTITY, REGISTER_LISTING, REGISTER_CLAIM, REGISTER_CONTROL };

/* Begins a transaction that store_register_end() ends. When this content is stored already,
 * *ret_present is true and neither rows nor an end are wanted. */
enum status store_register_begin(
    struct store *store, const char *name, const char *sha256, bool *ret_present);
/* A line: columns by the names of the CSV header; `domain` must be the A-label form, `input` what the file
 * said. Names that the table does not have go to its `extra`. Values may be NULL. */
enum status store_register_row(struct store *store, enum register_part part, const char *const *name,
    const char *const *value, size_t count);
enum status store_register_end(struct store *store, bool keep);

#endif
