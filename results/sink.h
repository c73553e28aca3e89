/*
 * Where records go. A sink gets whole batches, from one thread, in order; it borrows them during put().
 */
#ifndef MOORING_RESULTS_SINK_H
#define MOORING_RESULTS_SINK_H

#include "results/record.h"

struct run_info; /* results/run_info.h */

struct sink {
	const struct sink_class *class;
};

struct sink_class {
	const char *name;
	/* Takes all records of `batch`, or none of them for good: ST_OK, or an error with text in
	 * sink_error(). */
	enum status (*put)(struct sink *sink, const struct batch *batch);
	/* Makes what was put permanent (commit, flush). Called at least once a second while there is work. */
	enum status (*commit)(struct sink *sink);
	/* The sentence for a person about the last error. */
	const char *(*error)(const struct sink *sink);
	/* Commits and frees; NULL is never passed. Returns the status of that last commit. */
	enum status (*close)(struct sink *sink);
};

#endif
