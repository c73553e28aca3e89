/* What the store keeps of a run beside its records. Plain data; strings are borrowed and may be NULL unless
 * said otherwise. Digests are lower-case hexadecimal SHA-256. */
#ifndef MOORING_RESULTS_RUN_INFO_H
#define MOORING_RESULTS_RUN_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_state { RUN_RUNNING, RUN_COMPLETE, RUN_INTERRUPTED, RUN_FAILED };

struct run_vantage {
	const char *name; /* never NULL */
	bool placed;	  /* the next two are known */
	double lat, lon;  /* degrees */
	double error_km;  /* negative: not given */
};

struct run_geo {
	const char *file; /* never NULL */
	const char *db_type;
	int64_t build_epoch; /* seconds since 1970 */
	const char *sha256;
};

/* Given when a run begins. */
struct run_info {
	struct run_vantage vantage;
	const char *program_version;
	const char *register_name;
	const char *register_sha256; /* never NULL: decides with the vantage what is resumed */
	int64_t domain_count;	     /* negative: not known */
	const char *config_sha256, *config;
	const char *command_line; /* without secrets */
	const char *contact, *resolvers, *kernel;
	const struct run_geo *geo;
	size_t geo_count;
	bool fresh; /* begin a new run even where one could be resumed */
};

/* Read back from the store. */
struct run_row {
	int64_t run_id;
	int64_t vantage_id;
	const char *state;	/* running, complete, interrupted, failed */
	int64_t started, ended; /* microseconds since 1970; ended 0: not yet */
	int64_t resumed;
	int64_t register_id; /* 0: not stored */
	int64_t done;	     /* domains with a final outcome */
	const char *record_schema_version;
	const char *counts;   /* JSON object, domains by outcome, or NULL before the end */
	struct run_info info; /* without geo and fresh */
};

#endif
