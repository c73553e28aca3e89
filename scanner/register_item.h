/* Private to the register: the state of a stream, and how an item is made of a line. */
#ifndef MOORING_REGISTER_ITEM_H
#define MOORING_REGISTER_ITEM_H

#include "core/buf.h"
#include "register_list.h"
#include "register_table.h"
#include "seen.h"

#define STRATUM_REGISTER "register"
#define STRATUM_GENERAL "general"
#define STRATUM_MATCHED "matched"

/* White space of ASCII. */
#define REGISTER_SPACES " \t\r\n\v\f"

struct register_source {
	struct register_source *next;
	const char *path;
	FILE *file;
	const char *stratum; /* NULL: the row says it */
	bool csv, started;
	bool part; /* its digest stands for a part of the register */
	char sha256[SHA256_TEXT];
	int64_t lines; /* that may give a domain; negative: not known */
};

struct register_stream {
	const struct domain_rules *rules;
	struct register_reporter reporter;
	struct arena *arena; /* paths and headers */
	struct register_source *first, *current;
	struct register_table table;
	struct list_reader *list;
	struct seen seen;
	struct register_stream_counts counts;
	enum status failed; /* the fault that ended it, or ST_OK */
	char sha256[SHA256_TEXT];
	/* of the present item */
	struct domain domain;
	struct buf input;
	const char *list_value[3];
};

/* The declared columns of domains.csv and controls.csv, as far as a stream needs them. */
enum { ITEM_DOMAIN, ITEM_STRATUM, ITEM_SOURCE, ITEM_COLUMNS };
extern const struct register_column register_item_column[ITEM_COLUMNS];

/* The next row or line of the present source. ST_OK, ST_INVALID and errors as register_stream_next();
 * ST_NOT_FOUND: the source has ended; ST_AGAIN: it said nothing new. */
enum status register_item_from_row(struct register_stream *stream, struct register_item *ret_item);
enum status register_item_from_line(struct register_stream *stream, struct register_item *ret_item);

#endif
