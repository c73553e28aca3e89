/*
 * The sink that writes the store.
 *
 * A batch goes into one transaction as a whole: the records of one domain, its final record (type `domain`,
 * fields `outcome` and, if declared, `stratum`) among them, or records that many domains share. A
 * transaction takes many batches and ends at commit().
 *
 * A fact that the store has already costs a look-up and an update; a record that equals another of the same
 * run adds nothing. After an error nothing of the unfinished transaction stays, and the sink takes no more.
 */
#ifndef MOORING_RESULTS_SINK_SQLITE_H
#define MOORING_RESULTS_SINK_SQLITE_H

#include "results/sink.h"
#include "results/store.h"

/* `store` has a run begun, and outlives the sink. NULL when memory runs out. */
struct sink *sink_sqlite_new(struct store *store);

#endif
