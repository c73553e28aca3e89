/*
 * What storing costs: batches as a scan makes them, given to the writer, in a first run that sees everything
 * for the first time and a second one that sees it again. Prints one line of figures a run.
 *
 *   store_bench FILE DOMAINS 17|40 [plain|jsonl]
 *
 * FILE is the database. With "plain" the records go into one SQLite table of JSON texts with one index, which
 * is the least that a database can do for them; with "jsonl" FILE gets JSON Lines.
 */
#include <event2/event.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/clock.h"
#include "results/json.h"
#include "results/overlap/indicator.h"
#include "results/sink_jsonl.h"
#include "results/sink_sqlite.h"
#include "results/store.h"
#include "results/writer.h"
#include "store_records.h"

enum { RUNS = 2 };

/* --- the plain sink --- */

struct plain {
	struct sink sink;
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct buf line;
	bool open;
};

static enum status plain_put(struct sink *sink, const struct batch *batch)
{
	struct plain *plain = (struct plain *)sink;
	struct json_envelope envelope = {.run_id = 1, .vantage = "bench"};
	const struct record *record;

	if (!plain->open && sqlite3_exec(plain->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return ST_SYSTEM;
	plain->open = true;
	for (record = batch->first; record != NULL; record = record->next) {
		buf_clear(&plain->line);
		json_record(&plain->line, &envelope, record);
		sqlite3_bind_text(plain->insert, 1, record->domain, -1, SQLITE_STATIC);
		sqlite3_bind_text(plain->insert, 2, record->schema->record_type, -1, SQLITE_STATIC);
		sqlite3_bind_text(plain->insert, 3, plain->line.data, (int)plain->line.length, SQLITE_STATIC);
		if (sqlite3_step(plain->insert) != SQLITE_DONE)
			return ST_SYSTEM;
		sqlite3_reset(plain->insert);
	}
	return ST_OK;
}

static enum status plain_commit(struct sink *sink)
{
	struct plain *plain = (struct plain *)sink;

	if (plain->open && sqlite3_exec(plain->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return ST_SYSTEM;
	plain->open = false;
	return ST_OK;
}

static const char *plain_error(const struct sink *sink)
{
	return sqlite3_errmsg(((const struct plain *)sink)->db);
}

static enum status plain_close(struct sink *sink)
{
	struct plain *plain = (struct plain *)sink;
	enum status status = plain_commit(sink);

	sqlite3_finalize(plain->insert);
	sqlite3_close(plain->db);
	buf_release(&plain->line);
	return status;
}

static const struct sink_class plain_class = {
    .name = "plain", .put = plain_put, .commit = plain_commit, .error = plain_error, .close = plain_close};

static struct sink *open_plain(struct plain *plain, const char *path)
{
	*plain = (struct plain){.sink.class = &plain_class};
	if (sqlite3_open(path, &plain->db) == SQLITE_OK &&
	    sqlite3_exec(plain->db,
		"PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA cache_size = -24576; PRAGMA wal_autocheckpoint = 4000;"
		"CREATE TABLE IF NOT EXISTS record (domain TEXT, type TEXT, body TEXT);"
		"CREATE INDEX IF NOT EXISTS record_by_domain ON record (domain)",
		NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(plain->db, "INSERT INTO record VALUES (?, ?, ?)", -1, &plain->insert, NULL) ==
		SQLITE_OK)
		return &plain->sink;
	fprintf(stderr, "store_bench: %s: %s\n", path, sqlite3_errmsg(plain->db));
	exit(1);
}

/* --- a run --- */

static double cpu_seconds(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int64_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_size : 0;
}

static struct store *open_store(const char *path)
{
	struct run_info info = {
	    .vantage = {.name = "bench"}, .register_sha256 = "bench", .domain_count = -1, .fresh = true};
	struct store *store = NULL;
	char error[STORE_ERROR];
	bool resumed;

	if (store_open(&store, path, indicator_derive, error) != ST_OK) {
		fprintf(stderr, "store_bench: %s\n", error);
		exit(1);
	}
	if (store_begin_run(store, &info, &resumed) == ST_OK)
		return store;
	fprintf(stderr, "store_bench: %s\n", store_error(store));
	exit(1);
}

static void submit(struct writer *writer, struct batch *batch)
{
	struct pollfd room = {.fd = writer_fd(writer), .events = POLLIN};

	while (writer_full(writer)) {
		poll(&room, 1, -1);
		writer_acknowledge(writer);
	}
	writer_submit(writer, batch);
}

static struct sink *open_sink(
    const char *path, const char *kind, struct store **ret_store, struct plain *plain)
{
	struct sink *sink = NULL;
	char error[SINK_ERROR] = "";

	if (kind == NULL) {
		*ret_store = open_store(path);
		sink = sink_sqlite_new(*ret_store);
	} else if (strcmp(kind, "plain") == 0) {
		sink = open_plain(plain, path);
	} else if (sink_jsonl_new(&sink, path, false, 1, "bench", error) != ST_OK) {
		fprintf(stderr, "store_bench: %s\n", error);
		exit(1);
	}
	return sink;
}

static void write_all(struct probe_env *env, struct sink *sink, unsigned domains, unsigned run, bool whole)
{
	struct writer *writer = writer_start(&sink, 1);
	char error[WRITER_ERROR] = "";
	unsigned i;

	if (writer == NULL)
		abort();
	for (i = 0; i < domains; i++)
		submit(writer, make_batch(env, i, run, whole));
	if (writer_close(writer, error) == ST_OK)
		return;
	fprintf(stderr, "store_bench: %s\n", error);
	exit(1);
}

/* The writer's CPU time is that of the process without this thread, which only makes the batches. */
static void run_once(const char *path, unsigned domains, unsigned run, bool whole, const char *kind)
{
	struct probe_env env = {.base = event_base_new()};
	struct store *store = NULL;
	struct plain plain;
	struct sink *sink = open_sink(path, kind, &store, &plain);
	double own = cpu_seconds(RUSAGE_THREAD), all = cpu_seconds(RUSAGE_SELF), writing;
	int64_t started = clock_monotonic(), size = size_of(path);
	struct rusage usage;

	write_all(&env, sink, domains, run, whole);
	if (store != NULL && store_end_run(store, RUN_COMPLETE) != ST_OK)
		exit(1);
	own = cpu_seconds(RUSAGE_THREAD) - own;
	writing = cpu_seconds(RUSAGE_SELF) - all - own;
	store_close(store);
	getrusage(RUSAGE_SELF, &usage);
	printf("run %u domains %u seconds %.3f writer_cpu_seconds %.3f us_per_domain %.1f bytes_per_domain "
	       "%.0f max_rss_kb %ld\n",
	    run, domains, (double)(clock_monotonic() - started) / 1e6, writing, writing * 1e6 / domains,
	    (double)(size_of(path) - size) / domains, usage.ru_maxrss);
	event_base_free(env.base);
}

int main(int argc, char **argv)
{
	unsigned domains = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0, run;

	if (argc < 4 || domains == 0) {
		fprintf(stderr, "usage: store_bench DATABASE DOMAINS 17|40 [plain|jsonl]\n");
		return 2;
	}
	for (run = 1; run <= RUNS; run++)
		run_once(argv[1], domains, run, strcmp(argv[3], "40") == 0, argc > 4 ? argv[4] : NULL);
	return 0;
}
