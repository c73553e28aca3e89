/* Private to the register: lines of a plain list, bounded; and digests of files. */
#ifndef MOORING_REGISTER_LIST_H
#define MOORING_REGISTER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"
#include "core/text.h"

/* What one pass over a file tells. */
struct list_digest {
	char sha256[SHA256_TEXT]; /* lower-case hexadecimal */
	uint64_t lines;		  /* the last one counts without a line end, too */
};

/* Reads from the present position to the end and comes back to it. ST_NOT_FOUND for what is no regular file.
 */
enum status list_digest(FILE *file, struct list_digest *ret_digest);
/* Digest of a string. */
enum status list_digest_text(const char *text, char ret_sha256[SHA256_TEXT]);

struct list_line {
	const char *text; /* without line end, NUL-terminated, but may have NUL bytes itself */
	size_t length;
	uint64_t line;
	bool cut; /* it was longer than LIMIT_LINE: the rest is skipped */
};

struct list_reader;

/* `file` stays the caller's. With `digest` the bytes are hashed on the way. NULL when memory runs out. */
struct list_reader *list_reader_new(FILE *file, bool digest);
void list_reader_free(struct list_reader *reader);
/* The next line, valid until the next call; ST_NOT_FOUND at the end; ST_SYSTEM with errno. */
enum status list_reader_next(struct list_reader *reader, struct list_line *ret_line);
/* After the end: the digest of all bytes. */
enum status list_reader_sha256(struct list_reader *reader, char ret_sha256[SHA256_TEXT]);

#endif
