/* The export: the same lines as a scan writes, run by run, and CSV that is safe to open. */
#include "store_fixture.h"

#include "results/export.h"
#include "results/json.h"

static char *output;
static size_t output_length;

static char *slurp(const char *path)
{
	static char text[8192];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* Exports into a text that the next call frees; NULL with the error in store_error(). */
static const char *export_text(struct store *store, int64_t run_id, const char *type, bool csv)
{
	struct export_query query = {.run_id = run_id, .record_type = type};
	enum status status;
	FILE *file;

	free(output);
	output = NULL;
	file = open_memstream(&output, &output_length);
	assert_non_null(file);
	status = csv ? export_csv(store, &query, file) : export_jsonl(store, &query, file);
	fclose(file);
	return status == ST_OK ? output : NULL;
}

static void store_register(struct store *store)
{
	const char *entity[] = {"entity_id", "kind", "name"}, *blue[] = {"E1", "association", "=Blue"};
	const char *listing[] = {"domain", "entity_id", "role", "verified", "valid_to"},
		   *one[] = {"a.example", "E1", "historical", "unverified", "2012-01-01"};
	const char *claim[] = {"entity_id", "status", "status_date"},
		   *first[] = {"E1", "reported", "2023-01-01"}, *second[] = {"E1", "denied", "2024-01-01"};
	bool present;

	assert_int_equal(store_register_begin(store, "reg", "r1", &present), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_ENTITY, entity, blue, 3), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_LISTING, listing, one, 5), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_CLAIM, claim, second, 3), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_CLAIM, claim, first, 3), ST_OK);
	assert_int_equal(store_register_end(store, true), ST_OK);
}

static struct record *rich_thing(struct batch *batch)
{
	struct record *record = add_thing(batch, "a.example", "=cmd(), \xff", 1000000);

	record_set_int(record, THING_COUNT, -5);
	record_set_real(record, THING_RATIO, 0.1);
	record_set_bool(record, THING_YES, false);
	record_set_list(record, THING_LIST, 1);
	record_list_text(record, THING_LIST, 0, "x\"\xe2\x80\xae", 5);
	record_set_list(record, THING_ROWS, 1);
	record_row_text(record, THING_ROWS, 0, 0, "k\n", 2);
	record_set_bytes(record, THING_PROOF, "\0proof", 6);
	record->error = "it \"failed\"";
	record->duration = 1500000;
	return record;
}

static void lines_equal_those_of_the_scan(void **state)
{
	struct store *store = open_store("lines.db", NULL);
	struct batch *batch = new_batch();
	struct json_envelope envelope = {.run_id = 1, .vantage = "v"};
	struct buf line = {0};
	const char *got;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	json_record(&line, &envelope, rich_thing(batch));
	add_outcome_record(batch, "a.example", "live", 1000000);
	put_batch(store, batch);
	got = export_text(store, 1, "thing", false);
	assert_non_null(got);
	/* The export adds keys at the end. */
	assert_memory_equal(got, line.data, line.length - 1);
	assert_string_equal(got + line.length - 1, ",\"record_id\":1,\"first_seen\":\"1970-01-01T00:00:01."
						   "000000Z\",\"last_seen\":\"1970-01-01T00:00:01."
						   "000000Z\",\"first_run_id\":1,\"last_run_id\":1}\n");
	buf_release(&line);
	store_close(store);
}

static void run_of(struct store *store, const char *vantage, const char *names)
{
	struct batch *batch = new_batch();
	char name[2] = "";

	begin_run(store, vantage, "r1", NULL);
	for (; *names != '\0'; names++) {
		name[0] = *names;
		add_thing(batch, "a.example", name, 1);
	}
	add_outcome_record(batch, "a.example", "live", 1);
	put_batch(store, batch);
	assert_int_equal(store_end_run(store, RUN_COMPLETE), ST_OK);
}

/* The names of the things in a run, in order of their ids. */
static const char *names_in(struct store *store, int64_t run_id)
{
	static char names[16];
	const char *at = export_text(store, run_id, "thing", false);
	size_t count = 0;

	assert_non_null(at);
	while ((at = strstr(at, "\"name\":\"")) != NULL) {
		at += 8;
		names[count++] = *at;
	}
	names[count] = '\0';
	return names;
}

static void each_run_shows_what_it_saw(void **state)
{
	struct store *store = open_store("each.db", NULL);
	struct export_query query = {0};

	(void)state;
	assert_int_equal(export_jsonl(store, &query, stdout), ST_NOT_FOUND);
	run_of(store, "v", "xy");
	run_of(store, "v", "x");
	run_of(store, "w", "z");
	run_of(store, "v", "xyq");
	assert_string_equal(names_in(store, 1), "xy");
	assert_string_equal(names_in(store, 2), "x");
	assert_string_equal(names_in(store, 3), "z");
	assert_string_equal(names_in(store, 4), "xyq");
	assert_string_equal(names_in(store, 0), "xyq");
	assert_null(export_text(store, 5, NULL, false));
	assert_non_null(strstr(store_error(store), "no such run"));
	assert_null(export_text(store, 1, "teapot", false));
	store_close(store);
}

static void kind_and_claim_stand_beside_domains(void **state)
{
	struct store *store = open_store("beside.db", NULL);
	const char *got;

	(void)state;
	store_register(store);
	run_of(store, "v", "x");
	got = export_text(store, 0, NULL, false);
	assert_non_null(got);
	assert_memory_equal(got, "{\"schema_version\":", 18);
	assert_non_null(
	    strstr(got, "\"record_type\":\"entity\",\"entity_id\":\"E1\",\"kind\":\"association\","
			"\"claim_status\":\"denied\",\"name\":\"=Blue\""));
	assert_non_null(strstr(got, "\"record_type\":\"listing\",\"domain\":\"a.example\""));
	assert_non_null(strstr(got, "\"entities\":[{\"entity_id\":\"E1\",\"kind\":\"association\","
				    "\"claim_status\":\"denied\",\"role\":\"historical\","
				    "\"verified\":\"unverified\",\"valid_from\":null,"
				    "\"valid_to\":\"2012-01-01\"}]}"));
	got = export_text(store, 0, "claim", false);
	assert_non_null(got);
	assert_null(strstr(got, "\"record_type\":\"entity\""));
	got = export_text(store, 0, "thing", true);
	assert_non_null(got);
	assert_non_null(strstr(got, ",E1,association,denied,historical,unverified,,2012-01-01\r\n"));
	got = export_text(store, 0, "entity", true);
	assert_non_null(got);
	assert_non_null(strstr(got, "E1,association,denied,\"'=Blue\","));
	store_close(store);
}

static void cells_are_harmless(void **state)
{
	struct store *store = open_store("cells.db", NULL);
	struct batch *batch = new_batch();
	const char *got;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	rich_thing(batch);
	add_outcome_record(batch, "a.example", "live", 1);
	put_batch(store, batch);
	got = export_text(store, 1, "thing", true);
	assert_non_null(got);
	assert_string_equal(got,
	    "record_id,run_id,vantage,domain,input,attempt,timestamp,duration,status,phase,error,name,count,"
	    "ratio,"
	    "order,list,rows,proof_sha256,ttl,first_seen,last_seen,first_run_id,last_run_id,entity_ids,"
	    "entity_kinds,claim_statuses,listing_roles,listing_verified,listing_valid_from,listing_valid_"
	    "to\r\n"
	    "1,1,v,a.example,a.example,1,1970-01-01T00:00:01.000000Z,1.5,SUCCESS,done,\"it \"\"failed\"\"\","
	    "\"'=cmd(), \xef\xbf\xbd\",-5,0.1,false,\"[\"\"x\\\"\"\\u202e\"\"]\","
	    "\"[{\"\"key\"\":\"\"k\\n\"\",\"\"size\"\":null}]\","
	    "12e9b8a3a48708f5b2ea75cd78177d0c7955a0ce1b1febbcc092d5dcc1ade866,1000000,"
	    "1970-01-01T00:00:01.000000Z,1970-01-01T00:00:01.000000Z,1,1,,,,,,,\r\n");
	store_close(store);
}

static void runs_are_a_type_and_unknown_ones_are_told(void **state)
{
	struct store *store = open_store("runs.db", NULL), *reader = NULL;
	char error[STORE_ERROR] = "";
	const char *got;

	(void)state;
	run_of(store, "v", "x");
	begin_run(store, "v", "r2", NULL);
	got = export_text(store, 1, "run", true);
	assert_non_null(got);
	assert_non_null(strstr(got, "run_id,vantage_id,state,"));
	assert_non_null(strstr(got, "\r\n1,1,complete,"));
	assert_non_null(strstr(got, "\r\n2,1,running,"));
	assert_null(export_text(store, 1, "teapot", true));
	assert_string_equal(store_error(store),
	    "there are no records of type 'teapot'; types are domain, thing, entity, listing, claim, run");
	assert_null(export_text(store, 1, "teapot", false));
	assert_non_null(strstr(store_error(store), "types are domain, thing, entity, listing, claim"));
	store_close(store);
	assert_int_equal(store_open_readonly(&reader, in_scratch("runs.db"), error), ST_OK);
	got = export_text(reader, 1, "run", true);
	assert_non_null(got);
	assert_non_null(strstr(got, "\r\n2,1,interrupted,"));
	store_close(reader);
}

static void a_folder_gets_a_file_per_type(void **state)
{
	struct store *store = open_store("folder.db", NULL);
	struct export_query query = {0};
	char folder[128];

	(void)state;
	store_register(store);
	run_of(store, "v", "xy");
	snprintf(folder, sizeof(folder), "%s", in_scratch("csv"));
	assert_int_equal(export_csv_folder(store, &query, folder), ST_OK);
	assert_int_equal(export_csv_folder(store, &query, folder), ST_OK);
	assert_non_null(strstr(slurp(in_scratch("csv/thing.csv")), "a.example,a.example"));
	assert_non_null(strstr(slurp(in_scratch("csv/domain.csv")), "live,register"));
	assert_non_null(strstr(slurp(in_scratch("csv/entity.csv")), "association"));
	assert_non_null(strstr(slurp(in_scratch("csv/listing.csv")), "a.example,,E1,association,denied"));
	assert_non_null(strstr(slurp(in_scratch("csv/claim.csv")), "2024-01-01"));
	assert_non_null(strstr(slurp(in_scratch("csv/run.csv")), "complete"));
	assert_int_equal(export_csv_folder(store, &query, in_scratch("no/folder")), ST_SYSTEM);
	assert_non_null(strstr(store_error(store), "no/folder"));
	store_close(store);
}

static void an_invalid_input_keeps_its_line(void **state)
{
	struct store *store = open_store("invalid.db", NULL);
	struct batch *batch = new_batch();
	struct record *record = record_new(batch->arena, &outcome_schema, NULL, "no domain");
	const char *got;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	record->status = ST_INVALID;
	batch_add(batch, record);
	put_batch(store, batch);
	got = export_text(store, 1, NULL, false);
	assert_non_null(got);
	assert_non_null(strstr(got, "\"domain\":null,\"input\":\"no domain\""));
	store_close(store);
}

static void failing_output_is_told(void **state)
{
	struct store *store = open_store("failing.db", NULL);
	struct export_query query = {0};
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	run_of(store, "v", "xy");
	assert_int_equal(export_jsonl(store, &query, full), ST_SYSTEM);
	assert_non_null(strstr(store_error(store), "cannot be written"));
	fclose(full);
	store_close(store);
}

static void a_reader_may_export_while_a_scan_writes(void **state)
{
	struct store *store = open_store("both.db", NULL), *reader = NULL;
	char error[STORE_ERROR] = "";

	(void)state;
	run_of(store, "v", "x");
	assert_int_equal(store_open_readonly(&reader, in_scratch("both.db"), error), ST_OK);
	assert_string_equal(names_in(reader, 0), "x");
	run_of(store, "v", "y");
	assert_string_equal(names_in(reader, 0), "y");
	store_close(reader);
	store_close(store);
}

static int release(void **state)
{
	free(output);
	return remove_scratch(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_equal_those_of_the_scan),
	    cmocka_unit_test(each_run_shows_what_it_saw),
	    cmocka_unit_test(kind_and_claim_stand_beside_domains),
	    cmocka_unit_test(cells_are_harmless),
	    cmocka_unit_test(runs_are_a_type_and_unknown_ones_are_told),
	    cmocka_unit_test(a_folder_gets_a_file_per_type),
	    cmocka_unit_test(an_invalid_input_keeps_its_line),
	    cmocka_unit_test(failing_output_is_told),
	    cmocka_unit_test(a_reader_may_export_while_a_scan_writes),
	};

	return cmocka_run_group_tests(tests, make_scratch, release);
}
