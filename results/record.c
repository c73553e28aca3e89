#include "results/record.h"

#include <assert.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/text.h"

const char *field_type_name(enum field_type type)
{
	static const char *const name[] = {[FIELD_BOOL] = "bool",
	    [FIELD_INT] = "int",
	    [FIELD_REAL] = "real",
	    [FIELD_TEXT] = "text",
	    [FIELD_BYTES] = "bytes",
	    [FIELD_TEXTS] = "texts",
	    [FIELD_ROWS] = "rows"};

	return name[type];
}

struct record *record_new(
    struct arena *arena, const struct schema *schema, const char *domain, const char *input)
{
	struct record *record = arena_alloc(arena, sizeof(*record));

	if (record == NULL)
		return NULL;
	record->value = arena_array(arena, schema->field_count, sizeof(*record->value));
	if (record->value == NULL)
		return NULL;
	record->schema = schema;
	record->arena = arena;
	record->domain = domain;
	record->input = input;
	record->attempt = 1;
	record->duration = -1;
	return record;
}

static struct value *slot(struct record *record, size_t field, enum field_type type)
{
	assert(field < record->schema->field_count);
	assert(record->schema->field[field].type == type);
	return &record->value[field];
}

static struct value *cell(
    struct record *record, size_t field, size_t index, size_t column, enum field_type type)
{
	struct value *list = slot(record, field, FIELD_ROWS);

	assert(column < record->schema->field[field].row_count);
	assert(record->schema->field[field].row[column].type == type);
	if (!list->set)
		return NULL;
	assert(index < list->rows.count);
	return &list->rows.item[index * record->schema->field[field].row_count + column];
}

static void keep_undecoded(struct record *record, const char *field, const char *text, size_t length)
{
	struct undecoded *undecoded = arena_alloc(record->arena, sizeof(*undecoded)),
			 **last = &record->undecoded;

	if (undecoded == NULL || field == NULL)
		return;
	undecoded->field = field;
	undecoded->data = arena_memdup(record->arena, text, length);
	undecoded->length = length;
	while (*last != NULL)
		last = &(*last)->next;
	*last = undecoded;
}

/* Copies `text` as UTF-8; true when bytes had to be replaced. */
static bool copy_text(
    struct record *record, struct text *ret_text, bool *ret_set, const char *text, size_t length)
{
	struct buf mended = {0};
	bool valid = text_is_valid(text, length);

	if (!valid) {
		text_add_mended(&mended, text, length);
		ret_text->data = arena_strndup(record->arena, buf_text(&mended), mended.length);
		ret_text->length = mended.length;
	} else {
		ret_text->data = arena_strndup(record->arena, text, length);
		ret_text->length = length;
	}
	*ret_set = ret_text->data != NULL;
	buf_release(&mended);
	return !valid;
}

void record_set_bool(struct record *record, size_t field, bool value)
{
	struct value *v = slot(record, field, FIELD_BOOL);

	v->set = true;
	v->boolean = value;
}

void record_set_int(struct record *record, size_t field, int64_t value)
{
	struct value *v = slot(record, field, FIELD_INT);

	v->set = true;
	v->integer = value;
}

void record_set_real(struct record *record, size_t field, double value)
{
	struct value *v = slot(record, field, FIELD_REAL);

	v->set = true;
	v->real = value;
}

void record_set_text(struct record *record, size_t field, const char *text)
{
	if (text != NULL)
		record_set_text_n(record, field, text, strlen(text));
}

void record_set_text_n(struct record *record, size_t field, const char *text, size_t length)
{
	struct value *v = slot(record, field, FIELD_TEXT);

	if (text != NULL && copy_text(record, &v->text, &v->set, text, length))
		keep_undecoded(record, record->schema->field[field].name, text, length);
}

void record_set_bytes(struct record *record, size_t field, const void *bytes, size_t length)
{
	struct value *v = slot(record, field, FIELD_BYTES);

	if (bytes == NULL)
		return;
	v->bytes.data = arena_memdup(record->arena, bytes, length);
	v->bytes.length = length;
	v->set = v->bytes.data != NULL;
}

void record_set_list(struct record *record, size_t field, size_t count)
{
	const struct field *declared = &record->schema->field[field];
	struct value *v = &record->value[field];

	assert(field < record->schema->field_count);
	if (declared->type == FIELD_TEXTS) {
		v->texts.item = arena_array(record->arena, count, sizeof(*v->texts.item));
		v->texts.count = count;
		v->set = v->texts.item != NULL;
		for (size_t i = 0; v->set && i < count; i++)
			v->texts.item[i].data = "";
	} else {
		assert(declared->type == FIELD_ROWS);
		v->rows.item =
		    declared->row_count > SIZE_MAX / sizeof(*v->rows.item)
			? NULL
			: arena_array(record->arena, count, declared->row_count * sizeof(*v->rows.item));
		v->rows.count = count;
		v->set = v->rows.item != NULL;
	}
}

void record_list_text(struct record *record, size_t field, size_t index, const char *text, size_t length)
{
	struct value *v = slot(record, field, FIELD_TEXTS);
	bool set;

	if (!v->set || text == NULL)
		return;
	assert(index < v->texts.count);
	if (copy_text(record, &v->texts.item[index], &set, text, length))
		keep_undecoded(record,
		    arena_printf(record->arena, "%s[%zu]", record->schema->field[field].name, index), text,
		    length);
	if (!set)
		v->texts.item[index] = (struct text){.data = ""};
}

void record_row_int(struct record *record, size_t field, size_t index, size_t column, int64_t value)
{
	struct value *v = cell(record, field, index, column, FIELD_INT);

	if (v != NULL) {
		v->set = true;
		v->integer = value;
	}
}

void record_row_text(
    struct record *record, size_t field, size_t index, size_t column, const char *text, size_t length)
{
	struct value *v = cell(record, field, index, column, FIELD_TEXT);
	const struct field *declared = &record->schema->field[field];

	if (v != NULL && text != NULL && copy_text(record, &v->text, &v->set, text, length))
		keep_undecoded(record,
		    arena_printf(
			record->arena, "%s[%zu].%s", declared->name, index, declared->row[column].name),
		    text, length);
}

const struct value *record_get(const struct record *record, const char *field)
{
	size_t i;

	for (i = 0; i < record->schema->field_count; i++)
		if (strcmp(record->schema->field[i].name, field) == 0)
			return record->value[i].set ? &record->value[i] : NULL;
	return NULL;
}

const char *record_get_text(const struct record *record, const char *field)
{
	const struct value *value = record_get(record, field);

	return value == NULL ? NULL : value->text.data;
}

static void copy_texts(struct arena *arena, struct value *to, const struct value *from)
{
	size_t i;

	to->texts.item = arena_array(arena, from->texts.count, sizeof(*to->texts.item));
	to->set = to->texts.item != NULL;
	for (i = 0; to->set && i < from->texts.count; i++) {
		to->texts.item[i].data =
		    arena_strndup(arena, from->texts.item[i].data, from->texts.item[i].length);
		to->texts.item[i].length = to->texts.item[i].data == NULL ? 0 : from->texts.item[i].length;
		if (to->texts.item[i].data == NULL)
			to->texts.item[i].data = "";
	}
}

static void copy_value(
    struct arena *arena, const struct field *field, struct value *to, const struct value *from)
{
	size_t i;

	*to = *from;
	if (!from->set)
		return;
	if (field->type == FIELD_TEXT) {
		to->text.data = arena_strndup(arena, from->text.data, from->text.length);
		to->set = to->text.data != NULL;
	} else if (field->type == FIELD_BYTES) {
		to->bytes.data = arena_memdup(arena, from->bytes.data, from->bytes.length);
		to->set = to->bytes.data != NULL;
	} else if (field->type == FIELD_TEXTS) {
		copy_texts(arena, to, from);
	} else if (field->type == FIELD_ROWS) {
		size_t cells = from->rows.count * field->row_count;

		to->rows.item = arena_array(arena, cells, sizeof(*to->rows.item));
		to->set = to->rows.item != NULL;
		for (i = 0; to->set && i < cells; i++)
			copy_value(
			    arena, &field->row[i % field->row_count], &to->rows.item[i], &from->rows.item[i]);
	}
}

struct record *record_copy(struct arena *arena, const struct record *record)
{
	const struct schema *schema = record->schema;
	struct record *copy = record_new(arena, schema, NULL, NULL);
	struct undecoded *undecoded, **last;
	size_t i;

	if (copy == NULL)
		return NULL;
	copy->domain = record->domain == NULL ? NULL : arena_strdup(arena, record->domain);
	copy->input = record->input == NULL ? NULL : arena_strdup(arena, record->input);
	copy->error = record->error == NULL ? NULL : arena_strdup(arena, record->error);
	copy->status = record->status;
	copy->phase = record->phase;
	copy->attempt = record->attempt;
	copy->started = record->started;
	copy->duration = record->duration;
	for (i = 0; i < schema->field_count; i++)
		copy_value(arena, &schema->field[i], &copy->value[i], &record->value[i]);
	last = &copy->undecoded;
	for (undecoded = record->undecoded; undecoded != NULL; undecoded = undecoded->next) {
		*last = arena_memdup(arena, undecoded, sizeof(*undecoded));
		if (*last == NULL)
			break;
		(*last)->next = NULL;
		(*last)->field = arena_strdup(arena, undecoded->field);
		(*last)->data = arena_memdup(arena, undecoded->data, undecoded->length);
		last = &(*last)->next;
	}
	return copy;
}

/* Every item goes in with its length, so that no two different records read as the same bytes. */
static void hash_bytes(XXH3_state_t *state, const void *bytes, size_t length)
{
	uint64_t size = length;

	XXH3_128bits_update(state, &size, sizeof(size));
	if (length > 0)
		XXH3_128bits_update(state, bytes, length);
}

static void hash_string(XXH3_state_t *state, const char *text)
{
	hash_bytes(state, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

static void hash_value(XXH3_state_t *state, const struct field *field, const struct value *value)
{
	size_t i, column;

	hash_bytes(state, &value->set, sizeof(value->set));
	if (!value->set)
		return;
	switch (field->type) {
	case FIELD_BOOL:
		hash_bytes(state, &value->boolean, sizeof(value->boolean));
		break;
	case FIELD_INT:
		hash_bytes(state, &value->integer, sizeof(value->integer));
		break;
	case FIELD_REAL:
		hash_bytes(state, &value->real, sizeof(value->real));
		break;
	case FIELD_TEXT:
		hash_bytes(state, value->text.data, value->text.length);
		break;
	case FIELD_BYTES:
		hash_bytes(state, value->bytes.data, value->bytes.length);
		break;
	case FIELD_TEXTS:
		hash_bytes(state, &value->texts.count, sizeof(value->texts.count));
		for (i = 0; i < value->texts.count; i++)
			hash_bytes(state, value->texts.item[i].data, value->texts.item[i].length);
		break;
	case FIELD_ROWS:
		hash_bytes(state, &value->rows.count, sizeof(value->rows.count));
		for (i = 0; i < value->rows.count; i++)
			for (column = 0; column < field->row_count; column++)
				if (!(field->row[column].flags & FIELD_VOLATILE))
					hash_value(state, &field->row[column],
					    &value->rows.item[i * field->row_count + column]);
		break;
	}
}

struct record_hash record_fact(const struct record *record)
{
	const struct schema *schema = record->schema;
	XXH128_hash_t hash;
	XXH3_state_t state;
	size_t i;

	XXH3_INITSTATE(&state);
	XXH3_128bits_reset(&state);
	hash_string(&state, schema->record_type);
	hash_string(&state, record->domain);
	hash_string(&state, status_name(record->status));
	hash_string(&state, record->phase);
	for (i = 0; i < schema->field_count; i++)
		if (!(schema->field[i].flags & FIELD_VOLATILE)) {
			hash_string(&state, schema->field[i].name);
			hash_value(&state, &schema->field[i], &record->value[i]);
		}
	hash = XXH3_128bits_digest(&state);
	return (struct record_hash){.high = hash.high64, .low = hash.low64};
}

void batch_init(struct batch *batch, struct arena *arena)
{
	*batch = (struct batch){.arena = arena};
	batch->last = &batch->first;
}

void batch_add(struct batch *batch, struct record *record)
{
	record->next = NULL;
	*batch->last = record;
	batch->last = &record->next;
}
