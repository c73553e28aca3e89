/*
 * A record: what one run saw, flat, with declared fields. It is written once by the room that saw it and is
 * immutable from then on; sinks borrow it.
 *
 * The fields of a record type are declared in one table (struct schema). JSON keys, SQLite columns, CSV
 * columns and the documentation of `mooring probes` all come from that table, so they cannot drift apart.
 */
#ifndef MOORING_RESULTS_RECORD_H
#define MOORING_RESULTS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"

/* Version of the record format, semantic versioning: a new key raises the middle number. */
#define RECORD_SCHEMA_VERSION "1.0.0"

enum field_type {
	FIELD_BOOL,
	FIELD_INT,
	FIELD_REAL,
	FIELD_TEXT,  /* UTF-8; bytes that are not are mended and kept in `undecoded` */
	FIELD_BYTES, /* base64 in JSON, blob in SQLite */
	FIELD_TEXTS, /* ordered list of texts */
	FIELD_ROWS   /* ordered list of objects, whose fields are `row` */
};

enum {
	/* Changes from look to look without meaning anything (times, TTLs, ports, evidence of one answer):
	 * not part of what makes two records the same fact. The store keeps the value of the first sighting.
	 */
	FIELD_VOLATILE = 1,
	/* BYTES only: kept in the store's evidence table, compressed, and named there by its SHA-256. */
	FIELD_EVIDENCE = 2,
	/* Other records are looked up by it: the store keeps an index. */
	FIELD_KEY = 4
};

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	const char *unit; /* "s", "bytes", ... or NULL */
	const char *help; /* one sentence */
	const struct field *row;
	size_t row_count;
};

/* "bool", "int", ... */
const char *field_type_name(enum field_type type);

struct schema {
	const char *record_type;
	unsigned version; /* of the probe or derivation that makes it */
	const char *help;
	const struct field *field;
	size_t field_count;
};

struct text {
	const char
	    *data; /* not necessarily NUL-terminated by others; record_* always terminates its copies */
	size_t length;
};

struct value {
	bool set; /* false: null */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct text text;
		struct {
			const uint8_t *data;
			size_t length;
		} bytes;
		struct {
			struct text *item;
			size_t count;
		} texts;
		struct {
			struct value *item; /* count x row_count, row by row */
			size_t count;
		} rows;
	};
};

/* Bytes of a text field that are not UTF-8, as received: the field shows U+FFFD in their place. */
struct undecoded {
	struct undecoded *next;
	const char *field; /* "title", or "headers[3].value" */
	const uint8_t *data;
	size_t length;
};

struct record {
	const struct schema *schema;
	struct arena *arena;
	struct record *next; /* list of a batch, in the order of emission */
	const char *domain;  /* A-label form of the register's domain, or NULL for what many domains share: an
				address, a name server or mail host, a certificate */
	const char *input;   /* the domain as it was given, or NULL */
	enum status status;
	const char *phase; /* last one reached, static string, or NULL */
	const char *error; /* text for a person, or NULL */
	int attempt;	   /* tries it took, 1 or more */
	int64_t started;   /* wall time, microseconds */
	int64_t duration;  /* microseconds, or -1 when not measured */
	struct undecoded *undecoded;
	struct value *value; /* schema->field_count of them */
};

/* 128 bits that stand for a fact, or for the subject of a shared look-up. */
struct record_hash {
	uint64_t high, low;
};

/*
 * A list of records with the memory they live in: what goes to the sinks as one unit. It is about one domain,
 * with its final `domain` record last, or about a subject that many domains share (a name server, an address,
 * a certificate), which is looked at once in a run: `key` then stands for the subject, so that a resumed run
 * knows.
 */
struct batch {
	struct batch *next;
	struct arena *arena;
	struct record *first, **last; /* last: where the next one is hung */
	bool shared;
	struct record_hash key; /* of the subject when shared */
};

/* `domain` and `input` must outlive the record (same arena). NULL when memory runs out. */
struct record *record_new(
    struct arena *arena, const struct schema *schema, const char *domain, const char *input);

/*
 * Setters: `field` is the index in the schema; the type must be the declared one (asserted). Values are
 * copied into the record's arena. A NULL pointer leaves the field null. When memory runs out the field stays
 * null and arena_failed() tells.
 */
void record_set_bool(struct record *record, size_t field, bool value);
void record_set_int(struct record *record, size_t field, int64_t value);
void record_set_real(struct record *record, size_t field, double value);
void record_set_text(struct record *record, size_t field, const char *text);
void record_set_text_n(struct record *record, size_t field, const char *text, size_t length);
void record_set_bytes(struct record *record, size_t field, const void *bytes, size_t length);
/* Makes an empty list of `count` texts or rows, to be filled with the two functions below. */
void record_set_list(struct record *record, size_t field, size_t count);
/* Text number `index` of a TEXTS field. */
void record_list_text(struct record *record, size_t field, size_t index, const char *text, size_t length);
/* Cell (row `index`, column `column`) of a ROWS field; the next two set it. */
void record_row_int(struct record *record, size_t field, size_t index, size_t column, int64_t value);
void record_row_text(
    struct record *record, size_t field, size_t index, size_t column, const char *text, size_t length);

/* Readers: by name, for the rooms that derive from stored or fresh records. NULL when null. */
const struct value *record_get(const struct record *record, const char *field);
/* NUL-terminated text of a field, or NULL. */
const char *record_get_text(const struct record *record, const char *field);

/* Hash of everything that makes the record a fact: type, domain, status, phase and all fields that are not
 * volatile. Equal facts of two looks have equal hashes. */
struct record_hash record_fact(const struct record *record);

/* A copy that lives in another arena; NULL when memory runs out. */
struct record *record_copy(struct arena *arena, const struct record *record);

void batch_init(struct batch *batch, struct arena *arena);
void batch_add(struct batch *batch, struct record *record);

#endif
