#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "csv_reader.h"

/* What the reader makes of `text`: "LINE:COLUMN=cell|" for cells, "\n" after a row, "!LINE:COLUMN" for a
 * fault. */
static void read_all(const char *text, size_t length, struct buf *out)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, length, "r");
	struct csv_reader *reader;
	const struct csv_row *row;
	struct csv_fault fault;
	enum status status;
	size_t i;

	assert_non_null(file);
	reader = csv_reader_new(file);
	assert_non_null(reader);
	while ((status = csv_reader_next(reader, &row, &fault)) == ST_OK || status == ST_INVALID) {
		if (status == ST_INVALID) {
			assert_non_null(strstr(fault.text, ". "));
			buf_printf(out, "!%d:%d\n", (int)fault.line, (int)fault.column);
			continue;
		}
		assert_int_equal(row->line, row->entry[0].line);
		for (i = 0; i < row->count; i++) {
			assert_int_equal(strlen(row->entry[i].text), row->entry[i].length);
			buf_printf(out, "%d:%d=%s|", (int)row->entry[i].line, (int)row->entry[i].column,
			    row->entry[i].text);
		}
		buf_add_char(out, '\n');
	}
	assert_int_equal(status, ST_NOT_FOUND);
	assert_int_equal(csv_reader_next(reader, &row, &fault), ST_NOT_FOUND);
	csv_reader_free(reader);
	fclose(file);
}

static void expect_bytes(const char *text, size_t length, const char *expected)
{
	struct buf out = {0};

	read_all(text, length, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void expect(const char *text, const char *expected)
{
	expect_bytes(text, strlen(text), expected);
}

static void gives_cells_with_places(void **state)
{
	(void)state;
	expect("a,bb,c\n1,,3\n", "1:1=a|1:3=bb|1:6=c|\n2:1=1|2:3=|2:4=3|\n");
	expect("a,b", "1:1=a|1:3=b|\n");
	expect("a,\n,b\n", "1:1=a|1:3=|\n2:1=|2:2=b|\n");
	expect("\u00e9\u00e9,b\n", "1:1=\u00e9\u00e9|1:4=b|\n");
	expect("  a , b \n", "1:3=a|1:6=b|\n");
}

static void unquotes(void **state)
{
	(void)state;
	expect("\"a,\"\"b\"\"\",c\n", "1:1=a,\"b\"|1:11=c|\n");
	expect("\"a\nb\",c\nd,e\n", "1:1=a\nb|2:4=c|\n3:1=d|3:3=e|\n");
	expect("\" a \" ,b\n", "1:1= a |1:8=b|\n");
	expect("\"\",\"\"\n", "1:1=|1:4=|\n");
}

static void knows_line_ends_blank_lines_and_the_mark(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf"
	       "a,b\r\nc,d\r\n",
	    "1:1=a|1:3=b|\n2:1=c|2:3=d|\n");
	expect("a\rb\rc", "1:1=a|\n2:1=b|\n3:1=c|\n");
	expect("\n\r\n \t\na\n\n", "4:1=a|\n");
	expect("\xef\xbb\xbf", "");
	expect("\n", "");
}

static void goes_on_behind_a_fault(void **state)
{
	(void)state;
	expect("a,b\"c,d\ne,f\n", "!1:4\n2:1=e|2:3=f|\n");
	expect("a,\"b\"c,d\ne\n", "!1:6\n2:1=e|\n");
	expect("a\nb,\"c\nd\n", "1:1=a|\n!2:3\n");
	expect("a,\xff\nb\n", "!1:3\n2:1=b|\n");
	expect_bytes("a,b\0c\nd\n", 8, "!1:3\n2:1=d|\n");
	expect_bytes("\xff\xfe"
		     "a\0,\0",
	    6, "!1:1\n");
}

static void bounds_a_cell(void **state)
{
	size_t length = LIMIT_LINE + 100;
	char *text = malloc(length + 3);
	struct buf out = {0};

	(void)state;
	assert_non_null(text);
	memset(text, 'a', length);
	memcpy(text + length, "\nb\n", 3);
	read_all(text, length + 3, &out);
	assert_string_equal(buf_text(&out), "!1:1\n2:1=b|\n");
	buf_clear(&out);
	/* A quote that is not closed takes no more than a cell can have. */
	text[3] = ',';
	text[4] = '"';
	read_all(text, length + 3, &out);
	assert_string_equal(buf_text(&out), "!1:5\n2:1=b|\n");
	buf_release(&out);
	free(text);
}

static void bounds_a_row(void **state)
{
	char text[CSV_CELLS + 4];
	struct buf out = {0};

	(void)state;
	memset(text, ',', CSV_CELLS);
	memcpy(text + CSV_CELLS, "\nb\n", 4);
	expect(text, "!1:1\n2:1=b|\n");
	read_all(text + 1, CSV_CELLS + 2, &out);
	assert_null(strchr(buf_text(&out), '!'));
	buf_release(&out);
}

/* Rows, cells and quotes that lie across the reader's own blocks. */
static void reads_across_blocks(void **state)
{
	enum { ROWS = 20000 };
	struct buf text = {0};
	struct csv_reader *reader;
	const struct csv_row *row;
	struct csv_fault fault;
	char expected[32];
	FILE *file;
	int i;

	(void)state;
	for (i = 0; i < ROWS; i++)
		buf_printf(&text, "%d,\"x \"\"%d\"\"\r\ny\",z\r\n", i, i);
	file = fmemopen(text.data, text.length, "r");
	reader = csv_reader_new(file);
	for (i = 0; i < ROWS; i++) {
		assert_int_equal(csv_reader_next(reader, &row, &fault), ST_OK);
		assert_int_equal(row->count, 3);
		assert_int_equal(row->line, 2 * i + 1);
		assert_int_equal(row->entry[2].line, 2 * i + 2);
		assert_int_equal(row->entry[2].column, 4);
		snprintf(expected, sizeof(expected), "x \"%d\"\r\ny", i);
		assert_string_equal(row->entry[1].text, expected);
	}
	assert_int_equal(csv_reader_next(reader, &row, &fault), ST_NOT_FOUND);
	csv_reader_free(reader);
	csv_reader_free(NULL);
	fclose(file);
	buf_release(&text);
}

static void reports_a_read_error(void **state)
{
	FILE *file = fopen("/proc/self/mem", "r"); /* nothing is mapped at its start */
	struct csv_reader *reader;
	const struct csv_row *row;
	struct csv_fault fault;

	(void)state;
	if (file == NULL)
		skip();
	reader = csv_reader_new(file);
	assert_int_equal(csv_reader_next(reader, &row, &fault), ST_SYSTEM);
	assert_int_equal(csv_reader_next(reader, &row, &fault), ST_NOT_FOUND);
	csv_reader_free(reader);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_cells_with_places),
	    cmocka_unit_test(unquotes),
	    cmocka_unit_test(knows_line_ends_blank_lines_and_the_mark),
	    cmocka_unit_test(goes_on_behind_a_fault),
	    cmocka_unit_test(bounds_a_cell),
	    cmocka_unit_test(bounds_a_row),
	    cmocka_unit_test(reads_across_blocks),
	    cmocka_unit_test(reports_a_read_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
