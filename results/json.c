#include "results/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"

static void add_escaped(struct buf *out, uint32_t point)
{
	static const char short_form[] = {
	    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	if (point < sizeof(short_form) && short_form[point] != 0)
		buf_printf(out, "\\%c", short_form[point]);
	else if (point < 0x10000)
		buf_printf(out, "\\u%04x", point);
	else
		buf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
}

void json_text(struct buf *out, const char *text, size_t length)
{
	size_t i = 0, start = 0;

	buf_add_char(out, '"');
	while (i < length) {
		uint32_t point = (uint8_t)text[i];
		size_t step = point < 0x80 ? 1 : text_decode(text + i, length - i, &point);

		if (step > 0 && point != '"' && point != '\\' && !text_is_hidden(point)) {
			i += step;
			continue;
		}
		buf_add(out, text + start, i - start);
		if (step == 0)
			buf_add_text(out, "\xef\xbf\xbd");
		else if (point == '"' || point == '\\')
			buf_printf(out, "\\%c", (char)point);
		else
			add_escaped(out, point);
		i += step == 0 ? 1 : step;
		start = i;
	}
	buf_add(out, text + start, length - start);
	buf_add_char(out, '"');
}

void json_string(struct buf *out, const char *text)
{
	if (text == NULL)
		buf_add_text(out, "null");
	else
		json_text(out, text, strlen(text));
}

void json_key(struct buf *out, const char *key)
{
	if (out->length > 0 && out->data[out->length - 1] != '{')
		buf_add_char(out, ',');
	buf_add_char(out, '"');
	buf_add_text(out, key);
	buf_add(out, "\":", 2);
}

void json_int(struct buf *out, int64_t value)
{
	buf_printf(out, "%lld", (long long)value);
}

void json_member_string(struct buf *out, const char *key, const char *text)
{
	json_key(out, key);
	json_string(out, text);
}

void json_member_int(struct buf *out, const char *key, int64_t value)
{
	json_key(out, key);
	json_int(out, value);
}

void json_real(struct buf *out, double value)
{
	char text[32];
	int digits;

	if (!isfinite(value)) {
		buf_add_text(out, "null");
		return;
	}
	for (digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_add_text(out, text);
}

static void json_texts(struct buf *out, const struct value *value)
{
	size_t i;

	buf_add_char(out, '[');
	for (i = 0; i < value->texts.count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		json_text(out, value->texts.item[i].data, value->texts.item[i].length);
	}
	buf_add_char(out, ']');
}

static void json_rows(struct buf *out, const struct field *field, const struct value *value)
{
	size_t i, column;

	buf_add_char(out, '[');
	for (i = 0; i < value->rows.count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_char(out, '{');
		for (column = 0; column < field->row_count; column++) {
			json_key(out, field->row[column].name);
			json_value(
			    out, &field->row[column], &value->rows.item[i * field->row_count + column]);
		}
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void json_value(struct buf *out, const struct field *field, const struct value *value)
{
	if (!value->set) {
		buf_add_text(out, "null");
		return;
	}
	switch (field->type) {
	case FIELD_BOOL:
		buf_add_text(out, value->boolean ? "true" : "false");
		break;
	case FIELD_INT:
		json_int(out, value->integer);
		break;
	case FIELD_REAL:
		json_real(out, value->real);
		break;
	case FIELD_TEXT:
		json_text(out, value->text.data, value->text.length);
		break;
	case FIELD_BYTES:
		buf_add_char(out, '"');
		text_add_base64(out, value->bytes.data, value->bytes.length);
		buf_add_char(out, '"');
		break;
	case FIELD_TEXTS:
		json_texts(out, value);
		break;
	case FIELD_ROWS:
		json_rows(out, field, value);
		break;
	}
}

static void json_undecoded(struct buf *out, const struct undecoded *undecoded)
{
	if (undecoded == NULL) {
		buf_add_text(out, "null");
		return;
	}
	buf_add_char(out, '{');
	for (; undecoded != NULL; undecoded = undecoded->next) {
		json_key(out, undecoded->field);
		buf_add_char(out, '"');
		text_add_base64(out, undecoded->data, undecoded->length);
		buf_add_char(out, '"');
	}
	buf_add_char(out, '}');
}

void json_record_members(struct buf *out, const struct record *record)
{
	char time[CLOCK_TEXT];
	size_t i;

	json_member_string(out, "domain", record->domain);
	json_member_string(out, "input", record->input);
	json_member_int(out, "attempt", record->attempt);
	json_member_string(out, "timestamp", clock_text(record->started, time));
	json_key(out, "duration");
	json_real(out, record->duration < 0 ? (double)NAN : (double)record->duration / 1e6);
	json_member_string(out, "status", status_name(record->status));
	json_member_string(out, "phase", record->phase);
	json_member_string(out, "error", record->error);
	for (i = 0; i < record->schema->field_count; i++) {
		json_key(out, record->schema->field[i].name);
		json_value(out, &record->schema->field[i], &record->value[i]);
	}
	json_key(out, "undecoded");
	json_undecoded(out, record->undecoded);
}

void json_record(struct buf *out, const struct json_envelope *envelope, const struct record *record)
{
	buf_add_char(out, '{');
	json_member_string(out, "schema_version", RECORD_SCHEMA_VERSION);
	json_member_string(out, "record_type", record->schema->record_type);
	json_member_int(out, "record_version", record->schema->version);
	json_key(out, "run_id");
	if (envelope->run_id == 0)
		buf_add_text(out, "null");
	else
		json_int(out, envelope->run_id);
	json_member_string(out, "vantage", envelope->vantage);
	json_record_members(out, record);
	buf_add_char(out, '}');
}

/* Line ends and tabs are text in a quoted cell; what else is hidden could move a terminal's cursor. */
static bool is_plain(size_t step, uint32_t point)
{
	return step > 0 && (!text_is_hidden(point) || point == '\n' || point == '\r' || point == '\t');
}

void csv_cell(struct buf *out, const char *text, size_t length)
{
	bool formula = length > 0 && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
	bool quote = formula;
	uint32_t point;
	size_t i, step;

	for (i = 0; i < length && !quote; i++)
		quote = text[i] != '\0' && strchr(",\"\r\n", text[i]) != NULL;
	if (quote)
		buf_add_text(out, formula ? "\"'" : "\"");
	for (i = 0; i < length; i += step) {
		point = 0;
		step = text_decode(text + i, length - i, &point);
		if (!is_plain(step, point)) {
			step = step == 0 ? 1 : step;
			text_add_printable(out, text + i, step);
			continue;
		}
		if (point == '"')
			buf_add_char(out, '"');
		buf_add(out, text + i, step);
	}
	if (quote)
		buf_add_char(out, '"');
}
