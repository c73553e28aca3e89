#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.limit = buf->limit};
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->failed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

/* Capacity for `length` more bytes and a NUL; false when memory runs out. */
static bool grow(struct buf *buf, size_t length)
{
	size_t need, capacity = buf->capacity == 0 ? 256 : buf->capacity;
	char *data;

	if (__builtin_add_overflow(buf->length, length, &need) || need >= SIZE_MAX / 4) {
		buf->failed = true;
		return false;
	}
	if (need < buf->capacity)
		return true;
	while (capacity <= need)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (data == NULL) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

bool buf_add(struct buf *buf, const void *bytes, size_t length)
{
	size_t fits = length;

	if (buf->limit != 0 && fits > buf->limit - buf->length)
		fits = buf->limit - buf->length;
	if (!grow(buf, fits))
		return false;
	if (fits > 0)
		memcpy(buf->data + buf->length, bytes, fits);
	buf->length += fits;
	buf->data[buf->length] = '\0';
	if (fits < length)
		buf->failed = true;
	return fits == length;
}

bool buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

bool buf_add_char(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
	char small[256], *text = small;
	va_list args, again;
	bool ok = false;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(small, sizeof(small), format, args);
	if (length >= (int)sizeof(small)) {
		text = malloc((size_t)length + 1);
		if (text != NULL)
			vsnprintf(text, (size_t)length + 1, format, again);
	}
	if (length < 0 || text == NULL)
		buf->failed = true;
	else
		ok = buf_add(buf, text, (size_t)length);
	if (text != small)
		free(text);
	va_end(again);
	va_end(args);
	return ok;
}

char *buf_reserve(struct buf *buf, size_t length)
{
	if (buf->limit != 0 && length > buf->limit - buf->length) {
		buf->failed = true;
		return NULL;
	}
	return grow(buf, length) ? buf->data + buf->length : NULL;
}

const char *buf_text(const struct buf *buf)
{
	return buf->data == NULL ? "" : buf->data;
}

struct cursor cursor_of(const void *bytes, size_t length)
{
	return (struct cursor){.data = bytes, .length = length};
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t length)
{
	const uint8_t *bytes;

	if (cursor->failed || length > cursor->length - cursor->position || cursor->data == NULL) {
		cursor->failed = true;
		return NULL;
	}
	bytes = cursor->data + cursor->position;
	cursor->position += length;
	return bytes;
}

uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 1);

	return b == NULL ? 0 : b[0];
}

uint16_t cursor_u16(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 2);

	return b == NULL ? 0 : (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t cursor_u32(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 4);

	return b == NULL ? 0 : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct cursor cursor_sub(struct cursor *cursor, size_t length)
{
	const uint8_t *bytes = cursor_bytes(cursor, length);
	struct cursor sub = {.data = bytes, .length = bytes == NULL ? 0 : length, .failed = bytes == NULL};

	return sub;
}

size_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : cursor->length - cursor->position;
}
