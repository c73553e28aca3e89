#include "core/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 8 * 1024, ALIGNMENT = alignof(max_align_t) };

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

struct arena {
	struct chunk *chunk;
	size_t limit, total;
	bool failed;
};

struct arena *arena_new(size_t limit)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena != NULL)
		arena->limit = limit;
	return arena;
}

void arena_free(struct arena *arena)
{
	struct chunk *chunk, *next;

	if (arena == NULL)
		return;
	for (chunk = arena->chunk; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(arena);
}

static struct chunk *add_chunk(struct arena *arena, size_t size)
{
	size_t room = size > CHUNK_SIZE / 4 ? size : CHUNK_SIZE;
	struct chunk *chunk;

	if (arena->limit != 0 && (room > arena->limit || arena->total > arena->limit - room))
		return NULL;
	chunk = malloc(sizeof(*chunk) + room);
	if (chunk == NULL)
		return NULL;
	chunk->used = 0;
	chunk->size = room;
	arena->total += room;
	/* A large block gets a chunk of its own behind the current one, which keeps its free room in use. */
	if (room == size && arena->chunk != NULL) {
		chunk->next = arena->chunk->next;
		arena->chunk->next = chunk;
	} else {
		chunk->next = arena->chunk;
		arena->chunk = chunk;
	}
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->chunk;
	void *memory;

	if (size > SIZE_MAX / 2)
		goto fail;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size == 0)
		size = ALIGNMENT;
	if (chunk == NULL || chunk->size - chunk->used < size)
		chunk = add_chunk(arena, size);
	if (chunk == NULL)
		goto fail;
	memory = (char *)chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(memory, 0, size);
fail:
	arena->failed = true;
	return NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total)) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, total);
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX / 2 ? arena_alloc(arena, length + 1) : NULL;

	if (copy != NULL && length > 0)
		memcpy(copy, text, length);
	return copy;
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t length)
{
	void *copy = arena_alloc(arena, length);

	if (copy != NULL && length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text = NULL;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0)
		text = arena_alloc(arena, (size_t)length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

void arena_raise_limit(struct arena *arena, size_t more)
{
	if (arena->limit != 0)
		arena->limit = arena->total + more;
}

bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

size_t arena_size(const struct arena *arena)
{
	return arena->total;
}
