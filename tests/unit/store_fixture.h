/* What the tests of the store share: a scratch folder, two record types, and batches of them. */
#ifndef MOORING_TESTS_STORE_FIXTURE_H
#define MOORING_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "results/sink_sqlite.h"
#include "results/store.h"

#define UNUSED __attribute__((unused))

enum { THING_NAME, THING_COUNT, THING_RATIO, THING_YES, THING_LIST, THING_ROWS, THING_PROOF, THING_TTL };

static const struct field thing_row[] = {
    {"key", FIELD_TEXT, 0, NULL, "A key.", NULL, 0}, {"size", FIELD_INT, 0, "bytes", "A size.", NULL, 0}};
static const struct field thing_field[] = {{"name", FIELD_TEXT, 0, NULL, "A name.", NULL, 0},
    {"count", FIELD_INT, 0, NULL, "How many.", NULL, 0}, {"ratio", FIELD_REAL, 0, NULL, "A ratio.", NULL, 0},
    {"order", FIELD_BOOL, 0, NULL, "An SQL keyword.", NULL, 0},
    {"list", FIELD_TEXTS, 0, NULL, "Texts.", NULL, 0}, {"rows", FIELD_ROWS, 0, NULL, "Rows.", thing_row, 2},
    {"proof", FIELD_BYTES, FIELD_VOLATILE | FIELD_EVIDENCE, NULL, "Bytes\nas received.", NULL, 0},
    {"ttl", FIELD_INT, FIELD_VOLATILE, "s", "Changes.", NULL, 0}};
UNUSED static const struct schema thing_schema = {"thing", 3, "A thing.", thing_field, 8};

static const struct field outcome_field[] = {{"outcome", FIELD_TEXT, 0, NULL, "How it ended.", NULL, 0},
    {"stratum", FIELD_TEXT, 0, NULL, "Why it was scanned.", NULL, 0}};
UNUSED static const struct schema outcome_schema = {"domain", 1, "An outcome.", outcome_field, 2};

static char scratch[64];

UNUSED static int make_scratch(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/mooring-test-XXXXXX");
	return mkdtemp(scratch) == NULL;
}

UNUSED static int remove_scratch(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	return system(command);
}

/* A path in the scratch folder; valid until the next call. */
UNUSED static const char *in_scratch(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

UNUSED static struct batch *new_batch(void)
{
	struct arena *arena = arena_new(0);
	struct batch *batch = arena_alloc(arena, sizeof(*batch));

	batch_init(batch, arena);
	return batch;
}

/* The domain's copy that lives as long as the batch. */
UNUSED static const char *own(struct batch *batch, const char *domain)
{
	return domain == NULL ? NULL : arena_strdup(batch->arena, domain);
}

/* A record of type thing whose identity is (domain, name). */
UNUSED static struct record *add_thing(
    struct batch *batch, const char *domain, const char *name, int64_t seen)
{
	struct record *record =
	    record_new(batch->arena, &thing_schema, own(batch, domain), own(batch, domain));

	record_set_text(record, THING_NAME, name);
	record_set_int(record, THING_TTL, seen);
	record->started = seen;
	record->phase = "done";
	batch_add(batch, record);
	return record;
}

UNUSED static void add_outcome_record(
    struct batch *batch, const char *domain, const char *outcome, int64_t seen)
{
	struct record *record =
	    record_new(batch->arena, &outcome_schema, own(batch, domain), own(batch, domain));

	record_set_text(record, 0, outcome);
	record_set_text(record, 1, "register");
	record->started = seen;
	record->duration = 5;
	batch_add(batch, record);
}

UNUSED static struct store *open_store(const char *name, store_derive *derive)
{
	char error[STORE_ERROR] = "";
	struct store *store = NULL;

	if (store_open(&store, in_scratch(name), derive, error) != ST_OK)
		fail_msg("%s", error);
	return store;
}

UNUSED static int64_t begin_run(
    struct store *store, const char *vantage, const char *sha256, bool *ret_resumed)
{
	struct run_info info = {.vantage = {.name = vantage, .error_km = -1},
	    .register_sha256 = sha256,
	    .register_name = "reg",
	    .domain_count = 2,
	    .program_version = "0.1.0"};
	bool resumed;

	if (store_begin_run(store, &info, &resumed) != ST_OK)
		fail_msg("%s", store_error(store));
	if (ret_resumed != NULL)
		*ret_resumed = resumed;
	return store_run_id(store);
}

/* Puts and commits through a sink of its own. */
UNUSED static void put_batch(struct store *store, struct batch *batch)
{
	struct sink *sink = sink_sqlite_new(store);

	if (sink->class->put(sink, batch) != ST_OK || sink->class->commit(sink) != ST_OK)
		fail_msg("%s", sink->class->error(sink));
	assert_int_equal(sink->class->close(sink), ST_OK);
	arena_free(batch->arena);
}

/* The single text that a query gives, "" for none; valid until the next call. */
UNUSED static const char *query_text(struct store *store, const char *sql)
{
	static char text[64 * 1024];
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(store_handle(store), sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(store_handle(store)));
	text[0] = '\0';
	if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
		snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return text;
}

UNUSED static int query_int(struct store *store, const char *sql)
{
	return atoi(query_text(store, sql));
}

#endif
