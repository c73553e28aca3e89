#include "collect.h"

static enum status put(struct sink *sink, const struct batch *batch)
{
	struct collection *collection = (struct collection *)sink;
	const struct record *record;

	for (record = batch->first; record != NULL; record = record->next) {
		struct record *copy = record_copy(collection->arena, record);

		if (copy == NULL)
			return ST_NO_MEMORY;
		batch_add(&collection->records, copy);
	}
	return ST_OK;
}

static enum status commit(struct sink *sink)
{
	(void)sink;
	return ST_OK;
}

static const char *error(const struct sink *sink)
{
	(void)sink;
	return "memory ran out";
}

static const struct sink_class class = {
    .name = "memory", .put = put, .commit = commit, .error = error, .close = commit};

bool collection_init(struct collection *collection)
{
	*collection = (struct collection){.sink.class = &class};
	collection->arena = arena_new(0);
	if (collection->arena == NULL)
		return false;
	batch_init(&collection->records, collection->arena);
	return true;
}

void collection_release(struct collection *collection)
{
	arena_free(collection->arena);
}
