/*
 * Indicators: values that two domains may share, read off single records by pure functions. The same record
 * gives the same values, whether it was just made or comes from the store.
 */
#ifndef MOORING_RESULTS_OVERLAP_INDICATOR_H
#define MOORING_RESULTS_OVERLAP_INDICATOR_H

#include "results/record.h"

enum indicator_family { FAMILY_HOST, FAMILY_DNS, FAMILY_CERT, FAMILY_ID, FAMILY_PAGE };

struct indicator {
	const char *name;
	enum indicator_family family;
	/* The indicator that every domain shows where this one could be seen: a page without an analytics id
	 * was looked at all the same, and counts in the base rate. */
	const char *carrier;
	const char *help;
};

/* All indicators, in the order in which equally rare values are listed: the most telling first. */
extern const struct indicator indicators[];
extern const size_t indicator_count;

const char *indicator_family_name(enum indicator_family family);
/* NULL when there is none of that name. */
const struct indicator *indicator_find(const char *name);

typedef void indicator_emit(void *arg, const char *indicator, const char *value);

/*
 * Calls `emit` for each value in the record; a value may come more than once. What needs two records, because
 * many domains share one of them, is joined when the store is read: the key and names of a certificate, the
 * AS of an address (results/overlap/overlap.c).
 */
void indicator_derive(const struct record *record, indicator_emit *emit, void *arg);

#endif
