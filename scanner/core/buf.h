/*
 * Two sides of a byte string: `struct buf`, a bounded writer that grows, and `struct cursor`, a bounded
 * reader of wire formats. Both have a sticky error: write or read on, check once.
 */
#ifndef MOORING_CORE_BUF_H
#define MOORING_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing byte string on the heap. Zero-initialise with a limit: `struct buf b = {.limit = N}` (bytes, 0:
 * none). */
struct buf {
	char *data; /* NUL-terminated behind `length` when not NULL */
	size_t length, capacity, limit;
	bool failed; /* the limit was reached or memory ran out; what fitted is kept */
};

void buf_release(struct buf *buf);
/* Empties without giving the memory back; clears `failed`. */
void buf_clear(struct buf *buf);
/* Appends as much as the limit allows; true when all of it fitted. */
bool buf_add(struct buf *buf, const void *bytes, size_t length);
bool buf_add_text(struct buf *buf, const char *text);
bool buf_add_char(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for at least `length` more bytes at the end, or NULL; afterwards add to `length` what was written. */
char *buf_reserve(struct buf *buf, size_t length);
/* The text, "" when nothing was written. Valid until the next change. */
const char *buf_text(const struct buf *buf);

/* A reader over bytes that it does not own. Reading beyond the end returns zeros and sets `failed`. */
struct cursor {
	const uint8_t *data;
	size_t length, position;
	bool failed;
};

struct cursor cursor_of(const void *bytes, size_t length);
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor); /* network byte order, as the next */
uint32_t cursor_u32(struct cursor *cursor);
/* `length` bytes from the position on, or NULL with `failed` set; never NULL on success. */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t length);
/* A cursor over the next `length` bytes, which are skipped here; it is failed when this one is. */
struct cursor cursor_sub(struct cursor *cursor, size_t length);
size_t cursor_left(const struct cursor *cursor);

#endif
