/* Records: what makes a fact, what JSON and CSV make of hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "results/json.h"
#include "results/record.h"

enum { COUNT, SHARE, FLAG, TITLE, RAW, NAMES, ROWS };
enum { ROW_NAME, ROW_TTL };

static const struct field row_field[] = {[ROW_NAME] = {"name", FIELD_TEXT, 0, NULL, "a name", NULL, 0},
    [ROW_TTL] = {"ttl", FIELD_INT, FIELD_VOLATILE, "s", "a time", NULL, 0}};

static const struct field field[] = {[COUNT] = {"count", FIELD_INT, 0, NULL, "a count", NULL, 0},
    [SHARE] = {"share", FIELD_REAL, FIELD_VOLATILE, NULL, "a share", NULL, 0},
    [FLAG] = {"flag", FIELD_BOOL, 0, NULL, "a flag", NULL, 0},
    [TITLE] = {"title", FIELD_TEXT, 0, NULL, "a title", NULL, 0},
    [RAW] = {"raw", FIELD_BYTES, FIELD_VOLATILE, NULL, "bytes", NULL, 0},
    [NAMES] = {"names", FIELD_TEXTS, 0, NULL, "names", NULL, 0},
    [ROWS] = {"rows", FIELD_ROWS, 0, NULL, "rows", row_field, 2}};

static const struct schema schema = {
    .record_type = "sample", .version = 3, .help = "a sample", .field = field, .field_count = 7};

static struct record *sample(struct arena *arena, const char *title, int64_t ttl, double share)
{
	struct record *record = record_new(arena, &schema, "a.example", "A.example");

	record->started = 1767528000123456;
	record->duration = 1500000;
	record_set_int(record, COUNT, -3);
	record_set_real(record, SHARE, share);
	record_set_bool(record, FLAG, true);
	record_set_text(record, TITLE, title);
	record_set_bytes(record, RAW, "\x00\xff", 2);
	record_set_list(record, NAMES, 2);
	record_list_text(record, NAMES, 0, "x", 1);
	record_list_text(record, NAMES, 1, "", 0);
	record_set_list(record, ROWS, 1);
	record_row_text(record, ROWS, 0, ROW_NAME, "n", 1);
	record_row_int(record, ROWS, 0, ROW_TTL, ttl);
	return record;
}

static bool same_fact(const struct record *a, const struct record *b)
{
	struct record_hash x = record_fact(a), y = record_fact(b);

	return x.high == y.high && x.low == y.low;
}

static void volatile_values_make_no_new_fact(void **state)
{
	struct arena *arena = arena_new(0);
	struct record *record = sample(arena, "t", 60, 0.5), *other;

	(void)state;
	assert_true(same_fact(record, sample(arena, "t", 59, 0.75)));
	assert_false(same_fact(record, sample(arena, "u", 60, 0.5)));
	other = sample(arena, "t", 60, 0.5);
	other->status = ST_TIMEOUT;
	assert_false(same_fact(record, other));
	other = sample(arena, "t", 60, 0.5);
	other->domain = "b.example";
	assert_false(same_fact(record, other));
	other = sample(arena, NULL, 60, 0.5);
	assert_false(same_fact(other, sample(arena, "", 60, 0.5)));
	assert_true(same_fact(record, record_copy(arena, record)));
	arena_free(arena);
}

static void json_is_complete(void **state)
{
	struct json_envelope envelope = {.run_id = 4, .vantage = "here"};
	struct arena *arena = arena_new(0);
	struct buf out = {0};

	(void)state;
	json_record(&out, &envelope, sample(arena, "t", 60, 0.1));
	assert_string_equal(buf_text(&out), "{\"schema_version\":\"1.0.0\",\"record_type\":\"sample\","
					    "\"record_version\":3,\"run_id\":4,\"vantage\":"
					    "\"here\",\"domain\":\"a.example\",\"input\":\"A.example\","
					    "\"attempt\":1,\"timestamp\":\"2026-01-04T12:00:00."
					    "123456Z\",\"duration\":1.5,\"status\":\"SUCCESS\",\"phase\":"
					    "null,\"error\":null,\"count\":-3,\"share\":0.1,"
					    "\"flag\":true,\"title\":\"t\",\"raw\":\"AP8=\",\"names\":[\"x\","
					    "\"\"],\"rows\":[{\"name\":\"n\",\"ttl\":60}],"
					    "\"undecoded\":null}");
	buf_release(&out);
	arena_free(arena);
}

static void hostile_text_is_neutral_and_recoverable(void **state)
{
	struct json_envelope envelope = {0};
	struct arena *arena = arena_new(0);
	struct buf out = {0};

	(void)state;
	json_record(&out, &envelope, sample(arena, "a\x1b[2J\"\\\xff\xe2\x80\xae\xc2\x9b", 60, 0.1));
	assert_non_null(
	    strstr(buf_text(&out), "\"title\":\"a\\u001b[2J\\\"\\\\\xef\xbf\xbd\\u202e\\u009b\""));
	assert_non_null(strstr(buf_text(&out), "\"undecoded\":{\"title\":\"YRtbMkoiXP/igK7Cmw==\"}"));
	buf_release(&out);
	arena_free(arena);
}

static void numbers_read_back(void **state)
{
	static const double number[] = {0.1, 1.0 / 3, 1e300, -2.5e-9, 12345.678901234567, 0};
	struct buf out = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(number) / sizeof(*number); i++) {
		buf_clear(&out);
		json_real(&out, number[i]);
		assert_true(strtod(buf_text(&out), NULL) == number[i]);
	}
	buf_clear(&out);
	json_real(&out, 1e308 * 10);
	assert_string_equal(buf_text(&out), "null");
	buf_release(&out);
}

static void check_cell(const char *text, const char *cell)
{
	struct buf out = {0};

	csv_cell(&out, text, strlen(text));
	assert_string_equal(buf_text(&out), cell);
	buf_release(&out);
}

static void csv_runs_no_formula(void **state)
{
	(void)state;
	check_cell("plain", "plain");
	check_cell("", "");
	check_cell("a,b", "\"a,b\"");
	check_cell("a\"b", "\"a\"\"b\"");
	check_cell("=1+1", "\"'=1+1\"");
	check_cell("@SUM(A1)", "\"'@SUM(A1)\"");
	check_cell("-3", "\"'-3\"");
	check_cell("\tx", "\"'\tx\"");
}

static void csv_moves_no_cursor(void **state)
{
	struct buf out = {0};

	(void)state;
	check_cell("a\033[2Jb", "a\\x1b[2Jb");
	check_cell("\xc2\x9b"
		   "31m",
	    "\\u{009b}31m");
	check_cell("a\xe2\x80\xae,\"b", "\"a\\u{202e},\"\"b\"");
	check_cell("a\x9b\xff", "a\\x9b\\xff");
	check_cell("a\r\n\tb", "\"a\r\n\tb\"");
	check_cell("\xe4\xb8\xad", "\xe4\xb8\xad");
	csv_cell(&out, "a\0b", 3);
	assert_string_equal(buf_text(&out), "a\\x00b");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(volatile_values_make_no_new_fact),
	    cmocka_unit_test(json_is_complete), cmocka_unit_test(hostile_text_is_neutral_and_recoverable),
	    cmocka_unit_test(numbers_read_back), cmocka_unit_test(csv_runs_no_formula),
	    cmocka_unit_test(csv_moves_no_cursor)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
