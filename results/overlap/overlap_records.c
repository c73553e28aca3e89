#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "results/overlap/overlap.h"

/* The values of one fresh domain. */
struct values {
	struct arena *arena;
	const struct record *records;
	struct overlap_key *key;
	size_t count, room;
};

static void add_value(void *arg, const char *indicator, const char *value)
{
	const struct indicator *known = indicator_find(indicator);
	struct values *values = arg;

	if (known == NULL)
		return;
	if (values->count == values->room) {
		size_t room = values->room == 0 ? 64 : values->room * 2;
		struct overlap_key *key = realloc(values->key, room * sizeof(*key));

		if (key == NULL)
			return;
		values->key = key;
		values->room = room;
	}
	values->key[values->count].indicator = known->name;
	values->key[values->count].value = arena_strdup(values->arena, value);
	if (values->key[values->count].value != NULL)
		values->count++;
}

static bool has_text(const struct record *record, const char *field, const char *wanted)
{
	const char *text = record_get_text(record, field);

	return text != NULL && strcmp(text, wanted) == 0;
}

/* What a shared record adds: the same joins as overlap.c makes in the store. */
static void add_joined(struct values *values, const struct overlap_key *key, const struct record *record)
{
	const struct value *list, *asn;
	size_t i;

	if (strcmp(key->indicator, "certificate") == 0 && strcmp(record->schema->record_type, "cert") == 0 &&
	    has_text(record, "fingerprint_sha256", key->value)) {
		if (record_get_text(record, "spki_sha256") != NULL)
			add_value(values, "spki", record_get_text(record, "spki_sha256"));
		list = record_get(record, "names");
		for (i = 0; list != NULL && i < list->texts.count; i++)
			add_value(values, "san", list->texts.item[i].data);
	} else if (strcmp(key->indicator, "address") == 0 &&
		   strcmp(record->schema->record_type, "geo") == 0 &&
		   has_text(record, "address", key->value) && has_text(record, "role", "web")) {
		asn = record_get(record, "asn");
		if (asn != NULL)
			add_value(
			    values, "asn", arena_printf(values->arena, "AS%lld", (long long)asn->integer));
	}
}

enum status overlap_of_records(struct store *store, const struct record *records, const char *domain,
    const struct overlap_visitor *visitor, char *ret_error)
{
	struct values values = {.arena = arena_new(0), .records = records};
	struct overlap_query query = {.least = 1, .fresh = domain};
	const struct record *record;
	size_t i, own;
	enum status status;

	if (values.arena == NULL)
		return ST_NO_MEMORY;
	for (record = records; record != NULL; record = record->next)
		if (record->domain != NULL && strcmp(record->domain, domain) == 0)
			indicator_derive(record, add_value, &values);
	own = values.count;
	for (i = 0; i < own; i++)
		for (record = records; record != NULL; record = record->next) {
			struct overlap_key key = values.key[i];

			add_joined(&values, &key, record);
		}
	query.wanted = values.key;
	query.wanted_count = values.count;
	status = overlap_list(store, &query, visitor, ret_error);
	free(values.key);
	arena_free(values.arena);
	return status;
}
