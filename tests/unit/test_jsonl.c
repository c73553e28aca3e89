/* The JSON Lines sink: its lines, going on with a file, and failing writes. */
#include "store_fixture.h"

#include <sys/stat.h>

#include "results/sink_jsonl.h"

static struct sink *open_sink(const char *path, bool append)
{
	char error[SINK_ERROR] = "";
	struct sink *sink = NULL;

	if (sink_jsonl_new(&sink, path, append, 7, "lab", error) != ST_OK)
		fail_msg("%s", error);
	return sink;
}

static void put_one(struct sink *sink, const char *name)
{
	struct batch *batch = new_batch();

	add_thing(batch, "a.example", name, 1000000);
	assert_int_equal(sink->class->put(sink, batch), ST_OK);
	arena_free(batch->arena);
}

static const char *content(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static const char line[] =
    "{\"schema_version\":\"" RECORD_SCHEMA_VERSION "\",\"record_type\":\"thing\",\"record_version\":3,"
    "\"run_id\":7,\"vantage\":\"lab\",\"domain\":\"a.example\",\"input\":\"a.example\",\"attempt\":1,"
    "\"timestamp\":\"1970-01-01T00:00:01.000000Z\",\"duration\":null,\"status\":\"SUCCESS\",\"phase\":"
    "\"done\","
    "\"error\":null,\"name\":\"x\",\"count\":null,\"ratio\":null,\"order\":null,\"list\":null,\"rows\":null,"
    "\"proof\":null,\"ttl\":1000000,\"undecoded\":null}\n";

static void a_record_is_a_line(void **state)
{
	const char *path = in_scratch("out.jsonl");
	struct sink *sink = open_sink(path, false);

	(void)state;
	put_one(sink, "x");
	assert_int_equal(sink->class->commit(sink), ST_OK);
	assert_string_equal(content(path), line);
	assert_int_equal(sink->class->close(sink), ST_OK);
	sink = open_sink(path, false);
	assert_int_equal(sink->class->close(sink), ST_OK);
	assert_string_equal(content(path), "");
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void appending_cuts_a_broken_line(void **state)
{
	static const struct {
		const char *before, *kept;
	} cases[] = {{"", ""}, {"{}\n", "{}\n"}, {"{}\n{\"a\":", "{}\n"}, {"{\"a", ""}};
	const char *path = in_scratch("append.jsonl");
	struct sink *sink;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_text(path, cases[i].before);
		sink = open_sink(path, true);
		put_one(sink, "x");
		assert_int_equal(sink->class->close(sink), ST_OK);
		assert_memory_equal(content(path), cases[i].kept, strlen(cases[i].kept));
		assert_string_equal(content(path) + strlen(cases[i].kept), line);
	}
}

static void a_long_broken_line_is_cut(void **state)
{
	const char *path = in_scratch("long.jsonl");
	FILE *file = fopen(path, "w");
	struct sink *sink;
	struct stat info;
	int i;

	(void)state;
	assert_non_null(file);
	fputs("{}\n", file);
	for (i = 0; i < 200000; i++)
		fputc('x', file);
	fclose(file);
	sink = open_sink(path, true);
	assert_int_equal(sink->class->close(sink), ST_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 3);
}

static void failures_are_told(void **state)
{
	char error[SINK_ERROR] = "";
	struct sink *sink = NULL;
	struct batch *batch;

	(void)state;
	assert_int_equal(sink_jsonl_new(&sink, in_scratch("no/file"), false, 0, NULL, error), ST_SYSTEM);
	assert_non_null(strstr(error, "no/file"));
	sink = open_sink("/dev/full", false);
	put_one(sink, "x");
	assert_int_equal(sink->class->commit(sink), ST_SYSTEM);
	assert_non_null(strstr(sink->class->error(sink), "/dev/full"));
	batch = new_batch();
	add_thing(batch, NULL, "y", 1);
	assert_int_equal(sink->class->put(sink, batch), ST_SYSTEM);
	arena_free(batch->arena);
	assert_int_equal(sink->class->close(sink), ST_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_a_line),
	    cmocka_unit_test(appending_cuts_a_broken_line),
	    cmocka_unit_test(a_long_broken_line_is_cut),
	    cmocka_unit_test(failures_are_told),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
