/* What the files that list overlaps share; not for others. */
#ifndef MOORING_RESULTS_OVERLAP_PRIVATE_H
#define MOORING_RESULTS_OVERLAP_PRIVATE_H

#include "core/arena.h"
#include "results/db.h"
#include "results/overlap/overlap.h"

/* What one call of overlap_list() works with. */
struct overlap {
	struct db db;
	const struct overlap_query *query;
	int64_t run_id, vantage_id, register_id;
	struct overlap_summary summary;
	struct arena *arena; /* of the summary */
	sqlite3_stmt *domains, *entities, *records;
};

/*
 * Makes the temporary tables of the run:
 *   scanned       its domains with their stratum
 *   control_name  names of its control domains
 *   shown         who shows which value, and by which record
 *   counted       how many of each stratum show a value
 *   observed      how many of each stratum show any value of an indicator
 *   wanted        the values of query->fresh
 */
enum status overlap_gather(struct overlap *overlap);
/* Drops what there is of them. */
void overlap_forget(struct overlap *overlap);

#endif
