/* What a run says about itself: its row in the store, and the file of --metadata-file. */
#ifndef MOORING_RUN_META_H
#define MOORING_RUN_META_H

#include "progress.h"
#include "register.h"
#include "results/run_info.h"
#include "results/store.h"

struct scan;

struct run_meta {
	struct run_info info; /* borrows what follows */
	struct buf config, command_line;
	char config_sha256[65], vantage[256], kernel[256];
	struct run_geo *geo;
	char (*geo_sha256)[65];
	int64_t started; /* wall time, microseconds */
};

/* False after saying why. Release it in any case. */
bool run_meta_init(struct run_meta *meta, struct scan *scan, const struct register_stream *stream,
    const char *register_path, int argc, char **argv);
void run_meta_release(struct run_meta *meta);
/* Writes the file whole, or says why not. `store` may be NULL. */
bool run_meta_write(const struct run_meta *meta, const char *path, const struct store *store,
    enum run_state state, const struct progress *progress);
/* "complete", "interrupted", "failed". */
const char *run_state_text(enum run_state state);

#endif
