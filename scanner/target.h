/*
 * A target: one domain, from its first question to its final record.
 *
 * What is asked: for the registrable domain, its www name, and the name that the register gives where that is
 * another one, all DNS types of the plan; then a session with every distinct (address, name) on both ports.
 */
#ifndef MOORING_TARGET_H
#define MOORING_TARGET_H

#include "core/address.h"
#include "core/limits.h"
#include "job.h"
#include "register.h"
#include "session.h"

enum { TARGET_NAMES = 3 };

struct target_name {
	const char *name;
	enum status address_status[2];		 /* of A and AAAA */
	struct address address[LIMIT_ADDRESSES]; /* sorted */
	size_t address_count;
	bool addresses_cut; /* there were more than are probed */
};

struct target {
	struct job job;
	const char *registrable;
	const char *stratum;
	struct target_name name[TARGET_NAMES];
	size_t name_count;
	const char *blocked_name[TARGET_NAMES]; /* names on the blocklist: not asked about */
	size_t blocked_count;
	bool hosts_cut;		 /* there were more NS or MX hosts than are looked up */
	bool wildcard;		 /* a random label below the registrable domain resolves */
	struct session *session; /* list, in the order of planning */
	struct event deadline;
	bool timed_out, blocked;
	const char *block_reason;
	int64_t started;  /* monotonic */
	int64_t credited; /* microseconds of waiting that the deadline was moved by */
	struct target *prev, *next;
};

extern const struct schema domain_schema;

/* Begins; scan_target_done() is called once, when the batch is with the writer. False when memory runs out.
 */
bool target_start(struct scan *scan, const struct register_item *item);
/* Its time is up: nothing new is begun, what runs is cancelled, the outcome follows from what was seen so
 * far. */
void target_stop(struct target *target);

#endif
