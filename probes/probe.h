/*
 * The contract between a probe and the driver (probes/run.h).
 *
 * A probe is a resumable step function over one run: it reads top to bottom, returns ST_AGAIN where it waits,
 * and is called again when it is worth it. It never blocks, never finishes itself, and knows no other run.
 *
 *   advance   called from the event loop until it returns something else than ST_AGAIN
 *   report    called once with the final status: writes the record's fields from what was gathered, also
 * after a time-out or an error in the middle close     called once after report: gives back handles
 * (descriptors, SSL, events); memory is the arena's
 */
#ifndef MOORING_PROBES_PROBE_H
#define MOORING_PROBES_PROBE_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/chan.h"
#include "core/status.h"
#include "results/record.h"

struct run;
struct dns_client;
struct tls_client;

/* What all runs of a scan use; owned by the scanner, constant while runs exist. */
struct probe_env {
	struct event_base *base;
	struct dns_client *dns;
	struct tls_client *tls;
	const char *user_agent;
	const char
	    *robots_agent; /* product token that robots.txt rules are matched against, e.g. "mooring" */
	bool keep_bodies;  /* put response bodies into the records */
	chan_permit *permit;
	void *permit_arg;
};

struct probe {
	const struct schema *schema;
	size_t state_size; /* zeroed memory behind run->state */
	enum status (*advance)(struct run *run);
	void (*report)(struct run *run, enum status status);
	void (*close)(struct run *run); /* NULL when there is nothing to give back */
};

#endif
