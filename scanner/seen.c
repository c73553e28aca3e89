#include "seen.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

void seen_release(struct seen *seen)
{
	free(seen->slot);
	*seen = (struct seen){0};
}

static bool is_empty(const struct record_hash *slot)
{
	return slot->high == 0 && slot->low == 0;
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct record_hash *find(const struct seen *seen, struct record_hash key)
{
	size_t i = (size_t)key.low & (seen->capacity - 1);

	while (!is_empty(&seen->slot[i]) && (seen->slot[i].high != key.high || seen->slot[i].low != key.low))
		i = (i + 1) & (seen->capacity - 1);
	return &seen->slot[i];
}

bool seen_has(const struct seen *seen, struct record_hash key)
{
	return seen->capacity > 0 && !is_empty(find(seen, key));
}

static enum status grow(struct seen *seen)
{
	struct seen larger = {
	    .capacity = seen->capacity == 0 ? 1024 : seen->capacity * 2, .count = seen->count};
	size_t i;

	larger.slot = calloc(larger.capacity, sizeof(*larger.slot));
	if (larger.slot == NULL)
		return ST_NO_MEMORY;
	for (i = 0; i < seen->capacity; i++)
		if (!is_empty(&seen->slot[i]))
			*find(&larger, seen->slot[i]) = seen->slot[i];
	free(seen->slot);
	*seen = larger;
	return ST_OK;
}

enum status seen_add(struct seen *seen, struct record_hash key)
{
	struct record_hash *slot;

	if (seen->count >= seen->capacity / 4 * 3 && grow(seen) != ST_OK)
		return ST_NO_MEMORY;
	slot = find(seen, key);
	if (is_empty(slot)) {
		*slot = key;
		seen->count++;
	}
	return ST_OK;
}

struct record_hash seen_key(const char *kind, const char *subject)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(subject, strlen(subject), XXH3_64bits(kind, strlen(kind)));

	/* All zero marks an empty slot; the chance of that hash is 2^-128. */
	return (struct record_hash){.high = hash.high64, .low = hash.low64};
}
