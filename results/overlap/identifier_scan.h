/* What the scanners of identifier*.c share; not for others. */
#ifndef MOORING_RESULTS_OVERLAP_IDENTIFIER_SCAN_H
#define MOORING_RESULTS_OVERLAP_IDENTIFIER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "results/overlap/identifier.h"

enum {
	/* Bytes that are looked at around a recognised word; longer than any URL or call with an id in it. */
	SCAN_AROUND = 512,
	/* How often in one text that is done: it keeps the time linear on a text made of recognised words. */
	SCAN_LOOKS = 64
};

/* The text under the scanner; `at` is where the recognised word begins. */
struct scan {
	struct identifier_set *set;
	const char *text;
	size_t length, at;
	unsigned looks;
};

bool scan_is_digit(char c);
bool scan_is_upper(char c);
bool scan_is_alnum(char c);
bool scan_is_hex(char c);
/* Letters, digits and '_'. */
bool scan_is_word(char c);
/* Length of the run of `allowed` characters at `from`, SCAN_AROUND at most. */
size_t scan_run(const struct scan *scan, size_t from, bool (*allowed)(char));
/* Does `word` stand at `from`? */
bool scan_has(const struct scan *scan, size_t from, const char *word);
/* The place behind all `characters` from `from` on. */
size_t scan_skip(const struct scan *scan, size_t from, const char *characters);
/* Puts a value found at `at` into the set, unless it is there. */
void scan_add(const struct scan *scan, const char *indicator, const char *value, size_t at);
/* The same with the bytes [from, from + length), unless they are too long, or a placeholder behind `prefix`
 * bytes. */
void scan_add_slice(
    const struct scan *scan, const char *indicator, size_t from, size_t length, size_t prefix);
/* True for "XXXXXXX", "000000", "12345678", and the known ids of templates. */
bool scan_is_placeholder(const char *value);

#endif
