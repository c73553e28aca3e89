/* The store: opening, facts and their spans, runs, resuming after a kill, the register. */
#include "store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "results/db.h"
#include "results/evidence.h"
#include "results/table.h"

static void write_file(const char *path, const char *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

static size_t read_file(const char *path, char *bytes, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, size, file);
	fclose(file);
	return length;
}

static void refuse_foreign(const char *path, enum status expected)
{
	static char before[65536], after[65536];
	char error[STORE_ERROR] = "";
	struct store *store = NULL;
	size_t length = read_file(path, before, sizeof(before));

	assert_int_equal(store_open(&store, path, NULL, error), expected);
	assert_null(store);
	assert_string_not_equal(error, "");
	assert_int_equal(store_open_readonly(&store, path, error), expected);
	assert_int_equal(read_file(path, after, sizeof(after)), length);
	assert_memory_equal(before, after, length);
}

static void foreign_files_are_left_alone(void **state)
{
	char error[STORE_ERROR] = "", path[128];
	struct store *store = NULL;
	sqlite3 *other;

	(void)state;
	snprintf(path, sizeof(path), "%s", in_scratch("text"));
	write_file(path, "some notes of a user\n", 21);
	refuse_foreign(path, ST_INVALID);

	snprintf(path, sizeof(path), "%s", in_scratch("other.db"));
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	sqlite3_exec(other, "CREATE TABLE t (a)", NULL, NULL, NULL);
	sqlite3_close(other);
	refuse_foreign(path, ST_INVALID);
	assert_int_not_equal(access(in_scratch("other.db.lock"), F_OK), 0);

	assert_int_equal(store_open(&store, scratch, NULL, error), ST_INVALID);
	assert_int_equal(store_open(&store, "postgresql://host/db", NULL, error), ST_INVALID);
	assert_int_equal(store_open(&store, in_scratch("no/such/folder.db"), NULL, error), ST_SYSTEM);
	assert_int_equal(store_open_readonly(&store, in_scratch("missing.db"), error), ST_NOT_FOUND);
	assert_int_not_equal(access(in_scratch("missing.db"), F_OK), 0);
}

static void newer_store_is_refused(void **state)
{
	struct store *store = open_store("newer.db", NULL);
	char error[STORE_ERROR] = "";

	(void)state;
	sqlite3_exec(store_handle(store), "PRAGMA user_version = 99", NULL, NULL, NULL);
	store_close(store);
	store = NULL;
	assert_int_equal(store_open(&store, in_scratch("newer.db"), NULL, error), ST_INVALID);
	assert_non_null(strstr(error, "newer"));
	assert_int_equal(store_open_readonly(&store, in_scratch("newer.db"), error), ST_INVALID);
}

static void damaged_store_gives_an_error(void **state)
{
	static char bytes[1 << 20];
	struct store *store = open_store("damaged.db", NULL);
	char error[STORE_ERROR] = "", path[128];
	size_t length, i;

	(void)state;
	store_close(store);
	snprintf(path, sizeof(path), "%s", in_scratch("damaged.db"));
	length = read_file(path, bytes, sizeof(bytes));
	for (i = 100; i < length; i++)
		bytes[i] = (char)(i * 7);
	write_file(path, bytes, length);
	store = NULL;
	if (store_open(&store, path, NULL, error) == ST_OK) {
		struct run_info info = {.vantage = {.name = "v"}, .register_sha256 = "x"};
		bool resumed;

		assert_int_not_equal(store_begin_run(store, &info, &resumed), ST_OK);
		assert_string_not_equal(store_error(store), "");
		store_close(store);
	} else {
		assert_string_not_equal(error, "");
	}
}

static void one_writer_at_a_time(void **state)
{
	struct store *store = open_store("lock.db", NULL), *second = NULL;
	char error[STORE_ERROR] = "";

	(void)state;
	assert_int_equal(store_open(&second, in_scratch("lock.db"), NULL, error), ST_LOCKED);
	assert_null(second);
	assert_int_equal(store_open_readonly(&second, in_scratch("lock.db"), error), ST_OK);
	store_close(second);
	store_close(store);
	second = open_store("lock.db", NULL);
	store_close(second);
}

/* Beside a store that nobody has open there is FILE.lock and nothing else, whatever readers did. */
static void a_store_at_rest_stands_alone(void **state)
{
	struct store *store = open_store("rest.db", NULL), *reader = NULL;
	char error[STORE_ERROR] = "", header[20];

	(void)state;
	begin_run(store, "v", "r1", NULL);
	assert_string_equal(query_text(store, "PRAGMA journal_mode"), "wal");
	store_close(store);
	assert_int_equal(store_open_readonly(&reader, in_scratch("rest.db"), error), ST_OK);
	assert_int_equal(query_int(reader, "SELECT count(*) FROM run"), 1);
	store_close(reader);
	assert_int_not_equal(access(in_scratch("rest.db-wal"), F_OK), 0);
	assert_int_not_equal(access(in_scratch("rest.db-shm"), F_OK), 0);
	/* SQLite file format 1.3.3: 1 is a rollback journal, 2 is WAL. */
	assert_int_equal(read_file(in_scratch("rest.db"), header, sizeof(header)), sizeof(header));
	assert_int_equal(header[18], 1);
	store = open_store("rest.db", NULL);
	assert_string_equal(query_text(store, "PRAGMA journal_mode"), "wal");
	store_close(store);
}

/* As a user who may write neither the file nor its folder; the answer is the exit code of a child. */
static int read_as_stranger(const char *path)
{
	char error[STORE_ERROR] = "";
	struct store *reader = NULL;
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(9);
		if (store_open_readonly(&reader, path, error) != ST_OK)
			_exit(1);
		status = query_int(reader, "SELECT count(*) FROM run") == 1 &&
				 sqlite3_exec(store_handle(reader),
				     "PRAGMA query_only = OFF; CREATE TEMP TABLE t AS SELECT * FROM run",
				     NULL, NULL, NULL) == SQLITE_OK
			     ? 0
			     : 2;
		store_close(reader);
		_exit(status);
	}
	assert_int_not_equal(child, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void set_wal(const char *path)
{
	sqlite3 *handle;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

static void a_store_is_read_where_nothing_may_be_written(void **state)
{
	char folder[128], path[160];
	struct store *store;

	(void)state;
	assert_int_equal(chmod(scratch, 0711), 0);
	snprintf(folder, sizeof(folder), "%s", in_scratch("sealed %41?#"));
	snprintf(path, sizeof(path), "%s/a.db", folder);
	assert_int_equal(mkdir(folder, 0755), 0);
	store = open_store("sealed %41?#/a.db", NULL);
	begin_run(store, "v", "r1", NULL);
	store_close(store);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(read_as_stranger(path), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0644), 0);
	/* One that was left in WAL mode. */
	set_wal(path);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(read_as_stranger(path), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	/* What stands in the log alone must not be passed over. */
	snprintf(path, sizeof(path), "%s/a.db-wal", folder);
	write_file(path, "x", 1);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	snprintf(path, sizeof(path), "%s/a.db", folder);
	assert_int_equal(read_as_stranger(path), 1);
	assert_int_equal(chmod(folder, 0755), 0);
}

static void all_field_types_are_stored(void **state)
{
	struct store *store = open_store("types.db", NULL);
	struct batch *batch = new_batch();
	struct record *record = add_thing(batch, "a.example", "bad \xff byte", 1000);

	(void)state;
	begin_run(store, "v", "r1", NULL);
	record_set_int(record, THING_COUNT, -5);
	record_set_real(record, THING_RATIO, 0.25);
	record_set_bool(record, THING_YES, true);
	record_set_list(record, THING_LIST, 2);
	record_list_text(record, THING_LIST, 0, "x\"y", 3);
	record_set_list(record, THING_ROWS, 1);
	record_row_text(record, THING_ROWS, 0, 0, "k", 1);
	record_row_int(record, THING_ROWS, 0, 1, 7);
	record_set_bytes(record, THING_PROOF, "proof", 5);
	record->error = "something";
	record->duration = 42;
	record->attempt = 2;
	add_outcome_record(batch, "a.example", "live", 1000);
	put_batch(store, batch);

	assert_string_equal(
	    query_text(store, "SELECT count || ' ' || ratio || ' ' || \"order\" || ' ' || list || ' ' || "
			      "rows || ' ' || ttl FROM thing"),
	    "-5 0.25 1 [\"x\\\"y\",\"\"] [{\"key\":\"k\",\"size\":7}] 1000");
	assert_string_equal(query_text(store, "SELECT name FROM thing"), "bad \xef\xbf\xbd byte");
	assert_string_equal(
	    query_text(store, "SELECT field || hex(bytes) FROM undecoded"), "name62616420FF2062797465");
	assert_string_equal(
	    query_text(store, "SELECT status || phase || error || attempt || duration FROM record WHERE "
			      "record_type = 'thing'"),
	    "SUCCESSdonesomething242");
	assert_string_equal(
	    query_text(store, "SELECT kind || length || encoding || CAST(bytes AS TEXT) FROM evidence JOIN "
			      "thing ON proof_evidence = evidence_id"),
	    "thing.proof5rawproof");
	assert_string_equal(
	    query_text(store, "SELECT domain || outcome || stratum || finished_at || duration FROM "
			      "run_domain JOIN domain USING (domain_id)"),
	    "a.exampleliveregister10055");
	assert_string_equal(query_text(store, "SELECT column_name || type || evidence || volatile FROM field "
					      "WHERE record_type = 'thing' AND name = 'proof'"),
	    "proof_evidencebytes11");
	assert_non_null(strstr(query_text(store, "SELECT sql FROM sqlite_schema WHERE name = 'thing'"),
	    "-- Bytes as received."));
	store_close(store);
}

static void evidence_is_kept_once(void **state)
{
	struct store *store = open_store("evidence.db", NULL);
	struct db db = {.handle = store_handle(store)};
	struct evidence *evidence = evidence_new(&db);
	int64_t first = 0, second = 0;
	struct buf bytes = {0};
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(evidence_put(evidence, "t", "f", text, sizeof(text), &first), ST_OK);
	assert_int_equal(evidence_put(evidence, "t", "g", text, sizeof(text), &second), ST_OK);
	assert_int_equal(first, second);
	assert_int_equal(query_int(store, "SELECT count(*) FROM evidence"), 1);
	assert_string_equal(query_text(store, "SELECT encoding FROM evidence"), "zstd");
	assert_true(query_int(store, "SELECT length(bytes) FROM evidence") < 100);
	assert_int_equal(evidence_get(evidence, first, &bytes), ST_OK);
	assert_int_equal(bytes.length, sizeof(text));
	assert_memory_equal(bytes.data, text, sizeof(text));
	/* Both sides of the length from which contents are looked up, and nothing at all. */
	assert_int_equal(evidence_put(evidence, "t", "f", text, 512, &first), ST_OK);
	assert_int_equal(evidence_put(evidence, "t", "f", text, 512, &second), ST_OK);
	assert_int_equal(first, second);
	assert_int_equal(evidence_put(evidence, "t", "f", text, 511, &first), ST_OK);
	assert_int_equal(evidence_put(evidence, "t", "f", text, 511, &second), ST_OK);
	assert_int_not_equal(first, second);
	assert_int_equal(evidence_put(evidence, "t", "f", NULL, 0, &second), ST_OK);
	assert_int_equal(evidence_get(evidence, second, &bytes), ST_OK);
	assert_int_equal(bytes.length, 0);
	assert_int_equal(evidence_get(evidence, second + 1, &bytes), ST_NOT_FOUND);
	sqlite3_exec(store_handle(store), "UPDATE evidence SET bytes = x'00010203'", NULL, NULL, NULL);
	assert_int_equal(evidence_get(evidence, first, &bytes), ST_INVALID);
	sqlite3_exec(
	    store_handle(store), "UPDATE evidence SET encoding = 'raw', length = 4", NULL, NULL, NULL);
	assert_int_equal(evidence_get(evidence, first, &bytes), ST_INVALID);
	buf_release(&bytes);
	evidence_free(evidence);
	store_close(store);
}

/* One run in which a.example shows the names in `names` (letters), and shared things those in `shared`. */
static void whole_run(
    struct store *store, const char *vantage, const char *names, const char *shared, int64_t t)
{
	struct batch *batch = new_batch();
	char name[2] = "";

	begin_run(store, vantage, "r1", NULL);
	for (; *shared != '\0'; shared++) {
		name[0] = *shared;
		add_thing(batch, NULL, name, t);
	}
	put_batch(store, batch);
	batch = new_batch();
	for (; *names != '\0'; names++) {
		name[0] = *names;
		add_thing(batch, "a.example", name, t);
	}
	add_outcome_record(batch, "a.example", "live", t);
	put_batch(store, batch);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
}

static const char *spans_of(struct store *store, const char *name)
{
	char sql[1024];

	snprintf(sql, sizeof(sql),
	    "SELECT group_concat(f || '-' || l || '@' || s || '-' || e, ' ') FROM (SELECT span.first_run_id "
	    "f, "
	    "span.last_run_id l, span.first_seen s, span.last_seen e FROM span JOIN thing USING (record_id) "
	    "WHERE name = '%s' UNION ALL SELECT since_run_id, last_run_id, since, last_seen FROM record JOIN "
	    "thing USING (record_id) WHERE name = '%s' ORDER BY f)",
	    name, name);
	return query_text(store, sql);
}

static void facts_are_stored_once_with_their_spans(void **state)
{
	struct store *store = open_store("spans.db", NULL);

	(void)state;
	whole_run(store, "v", "kg", "s", 10);
	whole_run(store, "v", "k", "", 20);
	whole_run(store, "w", "k", "", 25);
	whole_run(store, "v", "kg", "s", 30);
	whole_run(store, "v", "kg", "s", 40);
	assert_int_equal(query_int(store, "SELECT count(*) FROM domain"), 1);
	/* k and g and the shared s of v, k of w */
	assert_int_equal(query_int(store, "SELECT count(*) FROM record WHERE record_type = 'thing'"), 4);
	assert_int_equal(query_int(store, "SELECT count(*) FROM thing"), 4);
	assert_string_equal(spans_of(store, "g"), "1-1@10-10 4-5@30-40");
	assert_string_equal(spans_of(store, "k"), "1-5@10-40 3-3@25-25");
	assert_string_equal(spans_of(store, "s"), "1-5@10-40");
	assert_string_equal(query_text(store, "SELECT first_run_id || ' ' || first_seen || ' ' || run_count "
					      "FROM record JOIN thing USING (record_id) WHERE name = 'g'"),
	    "1 10 3");
	assert_string_equal(query_text(store, "SELECT ttl FROM thing WHERE name = 'g'"), "10");
	store_close(store);
}

static void a_fact_seen_twice_in_a_run_counts_once(void **state)
{
	struct store *store = open_store("twice.db", NULL);
	struct batch *batch = new_batch();

	(void)state;
	begin_run(store, "v", "r1", NULL);
	add_thing(batch, "a.example", "x", 1);
	add_thing(batch, "a.example", "x", 2);
	add_thing(batch, "b.example", "x", 2);
	put_batch(store, batch);
	assert_int_equal(query_int(store, "SELECT count(*) FROM record"), 2);
	assert_int_equal(query_int(store, "SELECT max(run_count) FROM record"), 1);
	store_close(store);
}

static void every_invalid_input_has_an_outcome(void **state)
{
	struct store *store = open_store("invalid.db", NULL);
	const char *input[] = {"not a domain", "http://?"};
	struct batch *batch;
	struct record *record;
	int i;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	for (i = 0; i < 4; i++) {
		batch = new_batch();
		record = record_new(batch->arena, &outcome_schema, NULL, input[i % 2]);
		record->status = ST_INVALID;
		record_set_text(record, 0, "INVALID");
		batch_add(batch, record);
		put_batch(store, batch);
	}
	assert_int_equal(query_int(store, "SELECT count(*) FROM run_domain"), 2);
	assert_int_equal(query_int(store, "SELECT count(*) FROM domain_outcome"), 2);
	store_close(store);
}

static void done_only_when_committed(void **state)
{
	struct store *store = open_store("done.db", NULL);
	struct sink *sink;
	struct batch *batch = new_batch();
	int64_t count = -1;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	sink = sink_sqlite_new(store);
	add_outcome_record(batch, "a.example", "live", 1);
	assert_int_equal(sink->class->put(sink, batch), ST_OK);
	assert_false(store_is_done(store, "a.example"));
	assert_int_equal(sink->class->commit(sink), ST_OK);
	assert_true(store_is_done(store, "a.example"));
	assert_false(store_is_done(store, "b.example"));
	assert_int_equal(store_count_done(store, &count), ST_OK);
	assert_int_equal(count, 1);
	sink->class->close(sink);
	arena_free(batch->arena);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
	begin_run(store, "v", "r1", NULL);
	assert_false(store_is_done(store, "a.example"));
	store_close(store);
}

static void only_the_newest_unfinished_run_is_resumed(void **state)
{
	struct store *store = open_store("resume.db", NULL);
	int64_t first, second;
	bool resumed;

	(void)state;
	first = begin_run(store, "v", "r1", &resumed);
	assert_false(resumed);
	store_close(store);
	store = open_store("resume.db", NULL);
	assert_int_equal(begin_run(store, "v", "r1", &resumed), first);
	assert_true(resumed);
	assert_int_equal(store_end_run(store, RUN_INTERRUPTED), ST_OK);
	assert_int_equal(begin_run(store, "v", "r1", &resumed), first);
	assert_true(resumed);
	second = begin_run(store, "v", "r2", &resumed);
	assert_false(resumed);
	assert_true(second > first);
	assert_string_equal(query_text(store, "SELECT state FROM run WHERE run_id = 1"), "interrupted");
	assert_true(begin_run(store, "v", "r1", &resumed) > second);
	assert_false(resumed);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
	begin_run(store, "v", "r1", &resumed);
	assert_false(resumed);
	begin_run(store, "elsewhere", "r1", &resumed);
	assert_false(resumed);
	store_close(store);
}

static void note_key(void *arg, struct record_hash key)
{
	struct record_hash *sum = arg;

	sum->high += key.high;
	sum->low += key.low;
}

static void shared_subjects_are_known_until_the_run_is_complete(void **state)
{
	struct store *store = open_store("shared.db", NULL);
	struct record_hash sum = {0, 0};
	struct batch *batch;
	uint64_t i;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	for (i = 1; i <= 3; i++) {
		batch = new_batch();
		add_thing(batch, NULL, "o", 20);
		batch->shared = i != 2;
		batch->key = (struct record_hash){.high = i << 56, .low = i};
		put_batch(store, batch);
	}
	assert_int_equal(store_each_shared_key(store, note_key, &sum), ST_OK);
	assert_int_equal(sum.high >> 56, 4);
	assert_int_equal(sum.low, 4);
	assert_int_equal(store_end_run(store, RUN_INTERRUPTED), ST_OK);
	assert_int_equal(query_int(store, "SELECT count(*) FROM run_shared"), 2);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
	assert_int_equal(query_int(store, "SELECT count(*) FROM run_shared"), 0);
	store_close(store);
}

static void derive_twice(const struct record *record, store_emit *emit, void *arg)
{
	const char *name = record_get_text(record, "name");

	if (name != NULL) {
		emit(arg, "name", name);
		emit(arg, "name", name);
	}
}

static void indicators_are_indexed_once(void **state)
{
	struct store *store = open_store("indicator.db", derive_twice);

	(void)state;
	whole_run(store, "v", "xy", "x", 10);
	whole_run(store, "v", "xy", "x", 20);
	assert_int_equal(query_int(store, "SELECT count(*) FROM indicator_value"), 2);
	assert_int_equal(query_int(store, "SELECT count(*) FROM indicator"), 3);
	assert_int_equal(query_int(store, "SELECT count(*) FROM indicator WHERE domain_id = 0"), 1);
	store_close(store);
}

static void a_full_disk_keeps_what_was_committed(void **state)
{
	struct store *store = open_store("full.db", NULL);
	enum status status = ST_OK;
	struct batch *batch = new_batch();
	struct sink *sink;
	char domain[32];
	int i;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	sink = sink_sqlite_new(store);
	add_thing(batch, "first.example", "x", 1);
	add_outcome_record(batch, "first.example", "live", 1);
	assert_int_equal(sink->class->put(sink, batch), ST_OK);
	assert_int_equal(sink->class->commit(sink), ST_OK);
	arena_free(batch->arena);
	sqlite3_exec(store_handle(store), "PRAGMA max_page_count = 40", NULL, NULL, NULL);
	for (i = 0; i < 10000 && status == ST_OK; i++) {
		batch = new_batch();
		snprintf(domain, sizeof(domain), "d%d.example", i);
		add_thing(batch, domain, "some name that takes a little room", 1);
		add_outcome_record(batch, domain, "live", 1);
		status = sink->class->put(sink, batch);
		arena_free(batch->arena);
	}
	assert_int_equal(status, ST_SYSTEM);
	assert_non_null(strstr(sink->class->error(sink), "full"));
	assert_int_equal(sink->class->commit(sink), ST_SYSTEM);
	assert_int_equal(sink->class->close(sink), ST_SYSTEM);
	assert_int_equal(query_int(store, "SELECT count(*) FROM run_domain"), 1);
	assert_int_equal(query_int(store, "SELECT count(*) FROM domain"), 1);
	assert_string_equal(query_text(store, "PRAGMA integrity_check"), "ok");
	store_close(store);
}

static void new_fields_get_columns(void **state)
{
	static const struct schema narrow = {"thing", 2, "A thing.", thing_field, 2};
	struct store *store = open_store("grow.db", NULL);
	struct batch *batch = new_batch();
	struct record *record = record_new(batch->arena, &narrow, "a.example", NULL);

	(void)state;
	begin_run(store, "v", "r1", NULL);
	record_set_text(record, 0, "old");
	batch_add(batch, record);
	put_batch(store, batch);
	whole_run(store, "v", "n", "", 5);
	assert_string_equal(
	    query_text(store, "SELECT group_concat(name || coalesce(ttl, '-'), ' ') FROM thing"), "old- n5");
	store_close(store);
}

/* Work of a scan that may be killed: 40 domains, a shared record each, one at a time. */
static void scan_all(const char *name, bool slow)
{
	struct store *store = open_store(name, NULL);
	struct batch *batch;
	struct sink *sink;
	char domain[32], thing[32];
	bool resumed;
	int i, j;

	begin_run(store, "v", "r1", &resumed);
	sink = sink_sqlite_new(store);
	for (i = 0; i < 40; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		if (store_is_done(store, domain))
			continue;
		batch = new_batch();
		snprintf(thing, sizeof(thing), "shared %d", i / 2);
		add_thing(batch, NULL, thing, clock_wall());
		assert_int_equal(sink->class->put(sink, batch), ST_OK);
		arena_free(batch->arena);
		batch = new_batch();
		for (j = 0; j < 5; j++) {
			snprintf(thing, sizeof(thing), "thing %d", j);
			record_set_bytes(
			    add_thing(batch, domain, thing, clock_wall()), THING_PROOF, &i, sizeof(i));
		}
		add_outcome_record(batch, domain, "live", clock_wall());
		assert_int_equal(sink->class->put(sink, batch), ST_OK);
		arena_free(batch->arena);
		if (i % 3 == 0)
			assert_int_equal(sink->class->commit(sink), ST_OK);
		if (slow)
			usleep(300);
	}
	assert_int_equal(sink->class->close(sink), ST_OK);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
	store_close(store);
}

static const char contents[] =
    "SELECT group_concat(line, x'0a') FROM (SELECT record_type || coalesce(domain, '-') || status || "
    "coalesce(phase, '') || hex(fact) || run_count || first_run_id || last_run_id || coalesce(name, '') AS "
    "line "
    "FROM record LEFT JOIN domain USING (domain_id) LEFT JOIN thing USING (record_id) ORDER BY line)";

/* Kills the process that scans after `delay` microseconds; true when the scan had not come to its end. */
static bool killed_scan(const char *name, unsigned delay)
{
	struct store *store;
	pid_t child = fork();
	bool complete;

	assert_true(child >= 0);
	if (child == 0) {
		scan_all(name, true);
		_exit(0);
	}
	usleep(delay);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	store = open_store(name, NULL);
	complete = query_int(store, "SELECT count(*) FROM run WHERE state = 'complete'") > 0;
	store_close(store);
	return !complete;
}

static void a_killed_run_resumes_to_the_same_records(void **state)
{
	struct store *store;
	char expected[64], *undisturbed;
	unsigned delay = 500, kills = 0;

	(void)state;
	scan_all("calm.db", false);
	store = open_store("calm.db", NULL);
	snprintf(expected, sizeof(expected), "%s", query_text(store, "SELECT count(*) FROM record"));
	undisturbed = strdup(query_text(store, contents));
	store_close(store);
	assert_string_equal(expected, "260");
	while (killed_scan("killed.db", delay)) {
		delay *= 2;
		kills++;
	}
	assert_true(kills >= 3);
	store = open_store("killed.db", NULL);
	assert_string_equal(query_text(store, "SELECT count(*) FROM record"), expected);
	assert_string_equal(query_text(store, contents), undisturbed);
	assert_string_equal(
	    query_text(store, "SELECT count(*) || state || counts FROM run"), "1complete{\"live\":40}");
	assert_int_equal(query_int(store, "SELECT count(*) FROM evidence"), 200);
	assert_string_equal(query_text(store, "PRAGMA integrity_check"), "ok");
	assert_string_equal(query_text(store, "PRAGMA foreign_key_check"), "");
	store_close(store);
	free(undisturbed);
}

static void put_line(struct store *store, enum register_part part, const char *const *cells)
{
	const char *name[8], *value[8];
	size_t count;

	for (count = 0; cells[2 * count] != NULL; count++) {
		name[count] = cells[2 * count];
		value[count] = cells[2 * count + 1];
	}
	assert_int_equal(store_register_row(store, part, name, value, count), ST_OK);
}

static void the_register_travels_with_the_results(void **state)
{
	struct store *store = open_store("register.db", NULL);
	bool present = true;

	(void)state;
	assert_int_equal(store_register_begin(store, "reg", "r1", &present), ST_OK);
	assert_false(present);
	put_line(store, REGISTER_ENTITY,
	    (const char *[]){"colour", "blue", "kind", "association", "entity_id", "E1", NULL});
	put_line(store, REGISTER_LISTING, (const char *[]){"domain", "a.example", "entity_id", "E1", NULL});
	put_line(store, REGISTER_CLAIM,
	    (const char *[]){"entity_id", "E1", "status", "denied", "status_date", "2024-05-01", NULL});
	put_line(store, REGISTER_CLAIM,
	    (const char *[]){"entity_id", "E1", "status", "listed", "status_date", "2023-01-01", NULL});
	assert_int_equal(store_register_end(store, true), ST_OK);
	assert_int_equal(store_register_begin(store, "reg", "r1", &present), ST_OK);
	assert_true(present);
	assert_string_equal(query_text(store, "SELECT domain || kind || claim_status FROM listed_entity"),
	    "a.exampleassociationdenied");
	assert_string_equal(query_text(store, "SELECT extra FROM entity"), "{\"colour\":\"blue\"}");
	begin_run(store, "v", "r1", NULL);
	assert_int_equal(query_int(store, "SELECT register_id FROM run"), 1);
	assert_int_equal(store_register_begin(store, "reg", "r2", &present), ST_OK);
	put_line(store, REGISTER_ENTITY, (const char *[]){"entity_id", "E9", NULL});
	assert_int_equal(store_register_end(store, false), ST_OK);
	assert_int_equal(query_int(store, "SELECT count(*) FROM register"), 1);
	store_close(store);
}

static void count_run(void *arg, const struct run_row *row)
{
	int64_t *sum = arg;

	assert_string_equal(row->info.register_sha256, "r1");
	*sum += row->run_id * 100 + row->done;
}

static void runs_are_listed(void **state)
{
	struct store *store = open_store("runs.db", NULL);
	int64_t sum = 0;

	(void)state;
	assert_int_equal(store_newest_run(store), 0);
	whole_run(store, "v", "a", "", 1);
	whole_run(store, "v", "a", "", 2);
	begin_run(store, "v", "r1", NULL);
	assert_int_equal(store_newest_run(store), 2);
	assert_int_equal(store_each_run(store, 0, count_run, &sum), ST_OK);
	assert_int_equal(sum, 602);
	sum = 0;
	assert_int_equal(store_each_run(store, 2, count_run, &sum), ST_OK);
	assert_int_equal(sum, 201);
	store_close(store);
}

static void keep_state(void *arg, const struct run_row *row)
{
	snprintf(arg, 16, "%s", row->state);
}

static void check_state(const char *name, const char *expected)
{
	char error[STORE_ERROR] = "", found[16] = "";
	struct store *reader = NULL;

	assert_int_equal(store_open_readonly(&reader, in_scratch(name), error), ST_OK);
	assert_int_equal(store_each_run(reader, 0, keep_state, found), ST_OK);
	assert_string_equal(found, expected);
	store_close(reader);
}

static void a_run_without_a_writer_is_interrupted(void **state)
{
	struct store *store = open_store("dead.db", NULL);

	(void)state;
	begin_run(store, "v", "r1", NULL);
	check_state("dead.db", "running");
	store_close(store);
	check_state("dead.db", "interrupted");
	assert_int_equal(unlink(in_scratch("dead.db.lock")), 0);
	check_state("dead.db", "running");
}

static void the_schema_documents_itself(void **state)
{
	const struct schema *schema[] = {&thing_schema, &outcome_schema};
	struct buf text = {0};
	sqlite3 *handle;

	(void)state;
	table_document(&text, schema, 2);
	assert_non_null(strstr(buf_text(&text), "\"count\" INTEGER, -- How many."));
	assert_int_equal(sqlite3_open(":memory:", &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, buf_text(&text), NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(foreign_files_are_left_alone),
	    cmocka_unit_test(newer_store_is_refused),
	    cmocka_unit_test(damaged_store_gives_an_error),
	    cmocka_unit_test(one_writer_at_a_time),
	    cmocka_unit_test(a_store_at_rest_stands_alone),
	    cmocka_unit_test(a_store_is_read_where_nothing_may_be_written),
	    cmocka_unit_test(all_field_types_are_stored),
	    cmocka_unit_test(evidence_is_kept_once),
	    cmocka_unit_test(facts_are_stored_once_with_their_spans),
	    cmocka_unit_test(a_fact_seen_twice_in_a_run_counts_once),
	    cmocka_unit_test(every_invalid_input_has_an_outcome),
	    cmocka_unit_test(done_only_when_committed),
	    cmocka_unit_test(only_the_newest_unfinished_run_is_resumed),
	    cmocka_unit_test(shared_subjects_are_known_until_the_run_is_complete),
	    cmocka_unit_test(indicators_are_indexed_once),
	    cmocka_unit_test(a_full_disk_keeps_what_was_committed),
	    cmocka_unit_test(new_fields_get_columns),
	    cmocka_unit_test(a_killed_run_resumes_to_the_same_records),
	    cmocka_unit_test(the_register_travels_with_the_results),
	    cmocka_unit_test(runs_are_listed),
	    cmocka_unit_test(a_run_without_a_writer_is_interrupted),
	    cmocka_unit_test(the_schema_documents_itself),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
