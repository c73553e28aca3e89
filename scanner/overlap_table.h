/*
 * Overlaps as a table for a person. Values that the very same domains show stand together under these
 * domains: a shared certificate brings its key and all its names along, and that is one thing to read, not
 * ten.
 */
#ifndef MOORING_OVERLAP_TABLE_H
#define MOORING_OVERLAP_TABLE_H

#include <stdio.h>

#include "core/arena.h"
#include "core/buf.h"
#include "results/overlap/overlap.h"

struct overlap_group;

struct overlap_table {
	struct arena *arena;
	struct overlap_summary summary; /* numbers only are kept */
	struct overlap_group *group;	/* by their domains, in the order of their first value */
	size_t group_count;
};

/* False when memory runs out. */
bool overlap_table_init(struct overlap_table *table);
void overlap_table_release(struct overlap_table *table);
/* The lines above the table. */
void overlap_table_summary(struct overlap_table *table, const struct overlap_summary *summary, FILE *file);
/* Takes a value; the first value of a group gives it its place. */
void overlap_table_add(struct overlap_table *table, const struct overlap_value *value);
/* Prints the first `limit` groups, 0: all. `with` is the domain that was asked about, or NULL. */
void overlap_table_print(const struct overlap_table *table, const char *with, int64_t limit, FILE *file);
/*
 * An entity with what must stand beside its name, harmless on a terminal:
 * "Name [reported_center, reported; historical, until 2012-01-01, unverified]". What stands after the
 * semicolon limits the listing; an official, verified one that still holds has nothing there.
 */
void overlap_entity_text(struct buf *out, const struct overlap_entity *entity);

#endif
