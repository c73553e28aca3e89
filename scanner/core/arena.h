/*
 * A region of memory that is freed at once: all that one target needs lives in one arena.
 *
 * Not thread-safe; an arena may move from one thread to another when nothing else holds it. Memory is aligned
 * for any type. An arena has a limit in bytes; beyond it, and when the system has no memory, allocation
 * returns NULL and arena_failed() stays true, so that a caller may check once at the end.
 */
#ifndef MOORING_CORE_ARENA_H
#define MOORING_CORE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* NULL when the system has no memory. `limit` in bytes, 0 for no limit. */
struct arena *arena_new(size_t limit);
/* NULL is allowed. Everything allocated from it is gone. */
void arena_free(struct arena *arena);
/* Zeroed memory, or NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* Zeroed memory for `count` items of `size` bytes, or NULL (also when the product overflows). */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Copies; the strings are NUL-terminated. NULL when memory or the limit is used up. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *bytes, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Allows `more` bytes beyond the limit, for what must be said even when it is reached. */
void arena_raise_limit(struct arena *arena, size_t more);
/* True once any allocation failed. */
bool arena_failed(const struct arena *arena);
/* Bytes taken from the system so far. */
size_t arena_size(const struct arena *arena);

#endif
