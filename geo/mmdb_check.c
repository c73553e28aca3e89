#include "geo/mmdb_check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"

enum type {
	TYPE_EXTENDED = 0,
	TYPE_POINTER = 1,
	TYPE_UTF8 = 2,
	TYPE_DOUBLE = 3,
	TYPE_BYTES = 4,
	TYPE_UINT16 = 5,
	TYPE_UINT32 = 6,
	TYPE_MAP = 7,
	TYPE_INT32 = 8,
	TYPE_UINT64 = 9,
	TYPE_UINT128 = 10,
	TYPE_ARRAY = 11,
	TYPE_BOOLEAN = 14,
	TYPE_FLOAT = 15
};

/* Where the metadata begin, and how much of the end of a file is searched for it ("Database Metadata"). */
static const uint8_t marker[] = "\xab\xcd\xefMaxMind.com";
enum {
	MARKER_BYTES = sizeof(marker) - 1,
	METADATA_BYTES = 128 * 1024 + MARKER_BYTES,
	SEPARATOR_BYTES = 16 /* between search tree and data */
};

struct walk {
	const uint8_t *section;
	size_t size;
	unsigned left; /* values that may still be read */
};

/* The head of one value. */
struct head {
	enum type type;
	size_t size;	/* bytes of the payload, or items; where a pointer points to */
	size_t payload; /* offset */
};

/* An unsigned number of up to four bytes; false when it does not lie inside of the section. */
static bool read_number(const struct walk *walk, size_t offset, size_t length, size_t *ret_number)
{
	size_t i, number = 0;

	if (offset > walk->size || length > walk->size - offset)
		return false;
	for (i = 0; i < length; i++)
		number = number << 8 | walk->section[offset + i];
	*ret_number = number;
	return true;
}

/* "Data Field Format": pointers have their own way of saying a size. */
static bool read_pointer(const struct walk *walk, size_t control, struct head *head)
{
	static const size_t base[] = {0, 2048, 526336, 0};
	size_t kind = control >> 3 & 3, length = kind + 1, rest;

	if (!read_number(walk, head->payload, length, &rest))
		return false;
	head->payload += length;
	head->size = base[kind] + rest + (kind == 3 ? 0 : (control & 7) << (8 * length));
	return true;
}

static bool read_head(const struct walk *walk, size_t offset, struct head *ret_head)
{
	static const size_t base[] = {29, 285, 65821};
	size_t control, number, length;
	struct head head;

	if (!read_number(walk, offset++, 1, &control))
		return false;
	head.type = control >> 5;
	if (head.type == TYPE_EXTENDED) {
		if (!read_number(walk, offset++, 1, &number))
			return false;
		head.type = number + 7;
	}
	head.payload = offset;
	head.size = control & 31;
	if (head.type == TYPE_POINTER) {
		if (!read_pointer(walk, control, &head))
			return false;
	} else if (head.size >= 29) {
		length = head.size - 28;
		if (!read_number(walk, offset, length, &number))
			return false;
		head.payload += length;
		head.size = base[length - 1] + number;
	}
	*ret_head = head;
	return true;
}

/* True when a payload of that many bytes is one that the type can have. */
static bool is_sound(const struct walk *walk, const struct head *head)
{
	switch (head->type) {
	case TYPE_UTF8:
	case TYPE_BYTES:
		break;
	case TYPE_DOUBLE:
		if (head->size != 8)
			return false;
		break;
	case TYPE_FLOAT:
		if (head->size != 4)
			return false;
		break;
	case TYPE_UINT16:
		if (head->size > 2)
			return false;
		break;
	case TYPE_UINT32:
	case TYPE_INT32:
		if (head->size > 4)
			return false;
		break;
	case TYPE_UINT64:
		if (head->size > 8)
			return false;
		break;
	case TYPE_UINT128:
		if (head->size > 16)
			return false;
		break;
	default:
		return false; /* what no file has outside of a cache */
	}
	return head->size <= walk->size - head->payload;
}

/* Moves *offset behind the value there. The depth is bounded by LIMIT_MMDB_DEPTH. */
static bool walk_value(struct walk *walk, size_t *offset, unsigned depth, bool pointed)
{
	struct head head;
	size_t items;

	if (depth > LIMIT_MMDB_DEPTH || walk->left == 0 || !read_head(walk, *offset, &head))
		return false;
	walk->left--;
	*offset = head.payload;
	switch (head.type) {
	case TYPE_POINTER: /* one to another is not allowed */
		return !pointed && walk_value(walk, &head.size, depth + 1, true);
	case TYPE_BOOLEAN:
		return head.size <= 1;
	case TYPE_MAP:
	case TYPE_ARRAY:
		if (head.size > walk->left)
			return false;
		items = head.type == TYPE_MAP ? head.size * 2 : head.size;
		while (items-- > 0)
			if (!walk_value(walk, offset, depth + 1, false))
				return false;
		return true;
	default:
		*offset += head.size;
		return is_sound(walk, &head);
	}
}

bool mmdb_check_value(const uint8_t *section, size_t size, size_t offset)
{
	struct walk walk = {.section = section, .size = size, .left = LIMIT_MMDB_ENTRIES};

	return walk_value(&walk, &offset, 1, false);
}

/* The head of the value at *offset, or of what it points to; moves *offset behind it. */
static bool next_value(struct walk *walk, size_t *offset, struct head *ret_head)
{
	if (!read_head(walk, *offset, ret_head) || !walk_value(walk, offset, 1, false))
		return false;
	return ret_head->type != TYPE_POINTER || read_head(walk, ret_head->size, ret_head);
}

/* The value under `key` in the map at the start of a section that was checked. */
static bool find_value(struct walk *walk, const char *key, struct head *ret_value)
{
	struct head map, name, value;
	size_t offset = 0, i;

	if (!read_head(walk, 0, &map) || map.type != TYPE_MAP)
		return false;
	offset = map.payload;
	for (i = 0; i < map.size; i++) {
		if (!next_value(walk, &offset, &name) || !next_value(walk, &offset, &value))
			return false;
		if (name.type == TYPE_UTF8 && name.size == strlen(key) &&
		    memcmp(walk->section + name.payload, key, name.size) == 0) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

/* A number of up to 32 bits, or 0. */
static uint64_t find_number(struct walk *walk, const char *key)
{
	struct head value;
	size_t number;

	if (!find_value(walk, key, &value) || value.size > sizeof(uint32_t) ||
	    (value.type != TYPE_UINT16 && value.type != TYPE_UINT32 && value.type != TYPE_UINT64) ||
	    !read_number(walk, value.payload, value.size, &number))
		return 0;
	return number;
}

/* True when `key` is a list (or a map) of nothing but texts. The library loses memory over anything else. */
static bool holds_texts(struct walk *walk, const char *key, enum type type)
{
	struct head value, item;
	size_t offset, items;

	if (!find_value(walk, key, &value) || value.type != type)
		return false;
	offset = value.payload;
	for (items = type == TYPE_MAP ? value.size * 2 : value.size; items > 0; items--)
		if (!next_value(walk, &offset, &item) || item.type != TYPE_UTF8)
			return false;
	return true;
}

/* The metadata begin at `section`, which `before` bytes of the file precede. */
static const char *check_metadata(const uint8_t *section, size_t size, uint64_t before)
{
	struct walk walk = {.section = section, .size = size, .left = UINT32_MAX};
	uint64_t nodes, record_bits;

	if (!mmdb_check_value(section, size, 0) || !holds_texts(&walk, "languages", TYPE_ARRAY) ||
	    !holds_texts(&walk, "description", TYPE_MAP))
		return "has broken metadata";
	nodes = find_number(&walk, "node_count");
	record_bits = find_number(&walk, "record_size");
	if (nodes == 0 || (record_bits != 24 && record_bits != 28 && record_bits != 32))
		return "has metadata without a usable size of its search tree";
	if (nodes * record_bits * 2 / 8 + SEPARATOR_BYTES > before)
		return "is cut off: its search tree does not fit";
	return NULL;
}

/* `end`: the last bytes of a file of `file_size`. */
static const char *check_end(const uint8_t *end, size_t length, uint64_t file_size)
{
	const uint8_t *found = NULL, *next = end;
	size_t position;

	while ((next = memmem(next, length - (size_t)(next - end), marker, MARKER_BYTES)) != NULL) {
		found = next;
		next += MARKER_BYTES;
	}
	if (found == NULL)
		return "is no MMDB file, or is cut off: it has no metadata";
	position = (size_t)(found - end);
	return check_metadata(
	    found + MARKER_BYTES, length - position - MARKER_BYTES, file_size - length + position);
}

static bool read_all(int fd, uint8_t *bytes, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t got = pread(fd, bytes, length, offset);

		if (got <= 0)
			return false;
		bytes += got;
		length -= (size_t)got;
		offset += got;
	}
	return true;
}

const char *mmdb_check_file(const char *path)
{
	/* Opening a pipe or a device must not wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *fault = "cannot be read";
	uint8_t *end = NULL;
	struct stat st;
	size_t length;

	if (fd < 0 || fstat(fd, &st) != 0)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		fault = "is no regular file";
		goto out;
	}
	length = st.st_size < METADATA_BYTES ? (size_t)st.st_size : METADATA_BYTES;
	end = malloc(length + 1);
	if (end == NULL)
		fault = "cannot be checked: out of memory";
	else if (read_all(fd, end, length, st.st_size - (off_t)length))
		fault = check_end(end, length, (uint64_t)st.st_size);
out:
	free(end);
	if (fd >= 0)
		close(fd);
	return fault;
}
