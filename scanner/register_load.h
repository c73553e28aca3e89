/* Private to the register: the reading of a whole folder, and the rows of its files. */
#ifndef MOORING_REGISTER_LOAD_H
#define MOORING_REGISTER_LOAD_H

#include "register_table.h"
#include "seen.h"

/* What outlives the reading, beside the rows. */
struct register_index {
	struct arena *arena;
	const struct register_entity **by_id;
	const struct register_listing **by_domain;
};

struct register_load {
	const char *folder;
	const struct domain_rules *rules;
	struct register_reporter reporter;
	struct register_data *data;
	struct arena *arena;
	struct seen seen; /* ids and pairs, so that repeated ones are known */
	size_t entity_room, listing_room, claim_room, report_room;
	bool entities_read;	  /* so that a missing one is a fault of its own */
	const char *const *names; /* header of the present file */
};

/* Keeps the present good row; faults that it finds itself are reported, and the row is left out. */
typedef enum status register_take(struct register_load *load, struct register_table *table);

/* One file of a register. */
struct register_file {
	const char *name;
	const struct register_column *column;
	size_t column_count;
	register_take *take;
};

extern const struct register_file register_entities, register_listings, register_claims, register_reports;

#endif
