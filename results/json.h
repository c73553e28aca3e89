/*
 * Writing JSON (RFC 8259) and CSV cells (RFC 4180) from records. Streams into a buffer; nothing is built in
 * memory first.
 */
#ifndef MOORING_RESULTS_JSON_H
#define MOORING_RESULTS_JSON_H

#include "core/buf.h"
#include "results/record.h"

/* A quoted string. Invalid UTF-8 becomes U+FFFD; characters that text_is_hidden() names are escaped, so that
 * a line of JSON is harmless on a terminal. */
void json_text(struct buf *out, const char *text, size_t length);
void json_string(struct buf *out, const char *text); /* null when NULL */
/* "key": with a comma before it unless it follows an opening brace. */
void json_key(struct buf *out, const char *key);
void json_int(struct buf *out, int64_t value);
/* A number that reads back as the same double; null when it is not finite. */
void json_real(struct buf *out, double value);
/* Members of an object: the key and its value. */
void json_member_string(struct buf *out, const char *key, const char *text);
void json_member_int(struct buf *out, const char *key, int64_t value);
/* The value of a declared field; null when it is not set. */
void json_value(struct buf *out, const struct field *field, const struct value *value);

/* What the envelope says beside the record's own members. */
struct json_envelope {
	int64_t run_id; /* 0: null */
	const char *vantage;
};

/* One object without a line end: envelope, declared fields, undecoded. */
void json_record(struct buf *out, const struct json_envelope *envelope, const struct record *record);
/* The part of json_record() after the envelope's run_id and vantage, for writers that add keys of their own:
 * from "domain" on, without the braces. */
void json_record_members(struct buf *out, const struct record *record);

/* A cell: quoted where needed; one that a spreadsheet would run as a formula gets an apostrophe in front, and
 * hidden characters other than line ends and tabs are shown as by text_add_printable(). */
void csv_cell(struct buf *out, const char *text, size_t length);

#endif
