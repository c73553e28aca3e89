/*
 * The sink that writes JSON Lines: one record a line, in the order of emission, flushed at every commit.
 *
 * Lines and a store cannot be made permanent in one step. Placed before the store's sink, this one has every
 * line of what the store has; after a crash the domains that the store did not get are written again. The
 * program must ignore SIGPIPE.
 */
#ifndef MOORING_RESULTS_SINK_JSONL_H
#define MOORING_RESULTS_SINK_JSONL_H

#include "results/sink.h"

enum { SINK_ERROR = 512 };

/*
 * `path`: a file, or "-" for standard output. `append`: goes on with a file, after cutting off a last line
 * that a crash left without its end; else the file is emptied. `run_id` 0 and `vantage` NULL are null in the
 * lines; `vantage` must outlive the sink. On failure `ret_error` has the sentence.
 */
enum status sink_jsonl_new(struct sink **ret_sink, const char *path, bool append, int64_t run_id,
    const char *vantage, char ret_error[SINK_ERROR]);

#endif
