/* A sink that keeps a copy of every record in memory, for commands that print when all is there. */
#ifndef MOORING_COLLECT_H
#define MOORING_COLLECT_H

#include "results/sink.h"

struct collection {
	struct sink sink; /* to be given to the writer; its close() leaves the records in place */
	struct arena *arena;
	struct batch records;
};

/* False when memory runs out. */
bool collection_init(struct collection *collection);
void collection_release(struct collection *collection);

#endif
