/*
 * A file of addresses, networks and domains that nobody contacts, in the syntax of zmap's blocklist: one
 * address or CIDR a line, `#` begins a comment. A line with a domain name blocks that name and all below it
 * ("*." before it changes nothing).
 */
#ifndef MOORING_BLOCKLIST_H
#define MOORING_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/limits.h"
#include "core/status.h"

enum {
	/* Rules of one file: three times the routes of the Internet. Each takes some 32 bytes, names more. */
	BLOCKLIST_RULES = 4 * 1024 * 1024,
	BLOCKLIST_ERROR = 256
};

struct blocklist;

/* A rule that matched. */
struct block_rule {
	char text[LIMIT_NAME + 1]; /* as a canonical network or name */
	unsigned line;
};

/* Reads the file. ST_INVALID with "FILE:LINE: what is wrong" for a line that is neither, ST_NOT_FOUND or
 * ST_SYSTEM with a sentence when it cannot be read, ST_NO_MEMORY. */
enum status blocklist_load(
    const char *path, struct blocklist **ret_blocklist, char ret_error[BLOCKLIST_ERROR]);
/* NULL is allowed. */
void blocklist_free(struct blocklist *blocklist);
/* Rules read, before those were dropped that a wider one covers. */
size_t blocklist_count(const struct blocklist *blocklist);
/* True when a rule covers the address itself; in time logarithmic in the number of rules. */
bool blocklist_find_address(
    const struct blocklist *blocklist, const struct address *address, struct block_rule *ret_rule);
/* True when a rule names `name` (A-labels; case and root dot do not matter) or what it is below of. */
bool blocklist_find_name(const struct blocklist *blocklist, const char *name, struct block_rule *ret_rule);

#endif
