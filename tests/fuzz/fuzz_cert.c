/* A certificate of any bytes gives one record, within the memory of a target. */
#include <stdlib.h>

#include "core/limits.h"
#include "probes/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(LIMIT_TARGET_MEMORY);
	struct der der = {.data = data, .length = size};
	const struct record *record;

	if (arena == NULL)
		return 0;
	record = cert_record(arena, &der, 0);
	if (record == NULL || record_get(record, "certificate") == NULL)
		abort();
	if (record->status != (record->error == NULL ? ST_OK : ST_MALFORMED))
		abort();
	arena_free(arena);
	return 0;
}
