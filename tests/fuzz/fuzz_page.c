/*
 * Page records from any bytes. The first byte chooses the content type, the rest is the body. What is
 * recorded must be valid UTF-8 without NUL, within its limits, and the same when the same bytes are read
 * again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/page.h"
#include "results/overlap/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {NULL, "text/html", "text/html; charset=utf-8",
    "text/html; charset=gb2312", "text/html; charset=big5", "text/html; charset=iso-8859-1",
    "text/html; charset=shift_jis", "text/html; charset=utf-16", "text/html; charset=iso-2022-jp",
    "text/html; charset=euc-kr", "text/plain", "text/xml", "text/html; charset=\"", "x", "",
    "text/html; charset=windows-1252"};

static void check_text(const struct text *text)
{
	if (!text_is_valid(text->data, text->length) || strlen(text->data) != text->length ||
	    text->length > LIMIT_URL)
		abort();
}

static void check_record(const struct record *record)
{
	const struct schema *schema = record->schema;
	size_t i, j;

	if (record->undecoded != NULL)
		abort();
	for (i = 0; i < schema->field_count; i++) {
		const struct value *value = &record->value[i];

		if (!value->set)
			continue;
		if (schema->field[i].type == FIELD_TEXT)
			check_text(&value->text);
		for (j = 0; schema->field[i].type == FIELD_TEXTS && j < value->texts.count; j++)
			check_text(&value->texts.item[j]);
		for (j = 0; schema->field[i].type == FIELD_ROWS && j < 3 * value->rows.count; j++)
			check_text(&value->rows.item[j].text);
	}
}

static struct record_hash read_page(const struct page_input *in)
{
	struct arena *arena = arena_new(0);
	struct page_links links;
	struct record_hash hash;
	struct record *record;

	if (arena == NULL)
		abort();
	record = page_record(arena, in, &links);
	if (record == NULL)
		abort();
	check_record(record);
	hash = record_fact(record);
	arena_free(arena);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_input in = {.domain = "example.org",
	    .address = "192.0.2.1",
	    .host = "example.org",
	    .url = "http://example.org/",
	    .http_status_code = 200};
	struct identifier found[2];
	struct record_hash first, second;

	if (size == 0)
		return 0;
	in.content_type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	in.body = data + 1;
	in.body_length = size - 1;
	first = read_page(&in);
	second = read_page(&in);
	if (first.high != second.high || first.low != second.low)
		abort();
	if (identifier_from_txt((const char *)data + 1, size - 1, found, 2) > 2)
		abort();
	return 0;
}
