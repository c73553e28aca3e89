/*
 * What the domains of one run share: for each value that two or more register domains show, who they are and
 * how many domains of the control populations show it too. Reads the store only; contacts nobody.
 *
 * Control domains are counted and never named: nobody may ask about one, and a certificate's name that is
 * one's or lies below one is not listed. A value is listed with its counts, not judged.
 */
#ifndef MOORING_RESULTS_OVERLAP_OVERLAP_H
#define MOORING_RESULTS_OVERLAP_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "results/overlap/indicator.h"
#include "results/store.h"

enum { STRATUM_REGISTER, STRATUM_GENERAL, STRATUM_MATCHED, STRATA };

/* A value of an indicator, by their texts. */
struct overlap_key {
	const char *indicator, *value;
};

struct overlap_query {
	int64_t run_id;	       /* 0: store_newest_run() */
	const char *indicator; /* only this one, or NULL */
	const char *with;      /* only values that this domain shows (A-label form), or NULL */
	const char *fresh;     /* a domain that was just probed (A-label form): only `wanted`, or NULL */
	int64_t limit;	       /* at most so many values, 0: all */
	unsigned least;	       /* register domains that must show a value; 2 is sharing */
	const struct overlap_key *wanted; /* the values of `fresh` */
	size_t wanted_count;
};

/* What was compared. */
struct overlap_summary {
	int64_t run_id;
	const char *run_started; /* RFC 3339 */
	const char *run_state;
	const char *vantage;
	const char *register_name; /* NULL when it was not kept */
	int64_t domains[STRATA]; /* with a final outcome in the run; inputs that are no domain are left out */
	int64_t entities, centers; /* of the register; of kind reported_center */
	int64_t centers_without_domain;
};

/* An entity and how the domain is listed for it. NULL is what the register does not say. */
struct overlap_entity {
	const char *entity_id, *kind, *name;
	const char *role;		   /* official, linked, historical */
	const char *verified;		   /* unverified, page_names_entity, directory_names_domain, both */
	const char *valid_from, *valid_to; /* dates */
	const char *claim_status;	   /* of the newest claim */
};

struct overlap_domain {
	const char *domain;
	struct overlap_entity *entity;
	size_t entity_count; /* 0 in a plain list */
};

struct overlap_value {
	const struct indicator *indicator;
	const char *value;
	int64_t count[STRATA];	  /* domains that show the value */
	int64_t observed[STRATA]; /* domains where the indicator could be seen */
	double frequency;	  /* what it is ranked by: the largest share of a control stratum,
				     (count + 0.5) / (observed + 1); without controls, of the register */
	struct overlap_domain *domain;
	size_t domain_count;
	int64_t *record_id; /* the records that show it, of the register's domains */
	size_t record_count;
};

/* Everything handed to the callbacks is valid during the call only. */
struct overlap_visitor {
	void (*summary)(void *arg, const struct overlap_summary *summary); /* first, once */
	void (*value)(void *arg, const struct overlap_value *value);	   /* the rarest first */
	void *arg;
};

/*
 * On failure `ret_error` (STORE_ERROR bytes) has the sentence and nothing was handed over:
 *   ST_NOT_FOUND  no such run, or `with` was not scanned in it      ST_INVALID  `with` or `fresh` is a
 * control and the statuses of the store, which may come after the first values.
 */
enum status overlap_list(struct store *store, const struct overlap_query *query,
    const struct overlap_visitor *visitor, char *ret_error);
/*
 * The same for a domain that was just probed: which of the values in `records` (those of `domain`, and those
 * without a domain: addresses and certificates) the register's domains of the run show. The domain itself may
 * be among them.
 */
enum status overlap_of_records(struct store *store, const struct record *records, const char *domain,
    const struct overlap_visitor *visitor, char *ret_error);

#endif
