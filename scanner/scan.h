/*
 * A scan: everything that its jobs share, from the event base to the counters. One per process.
 */
#ifndef MOORING_SCAN_H
#define MOORING_SCAN_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "config.h"
#include "domain.h"
#include "geo/geo.h"
#include "pace.h"
#include "probes/probe.h"
#include "register.h"
#include "results/writer.h"
#include "scope.h"
#include "seen.h"

struct lookup;
struct session;
struct target;
struct task;

/* Bits of the probes that are switched on. */
enum { PROBE_DNS = 1, PROBE_TCP = 2, PROBE_TLS = 4, PROBE_HTTP = 8, PROBE_ALL = 15 };

/* What a source of domains has to give. */
enum scan_source {
	SOURCE_DOMAIN, /* the item is one */
	SOURCE_AGAIN,  /* nothing yet: it has passed over some lines, and lets the loop breathe */
	SOURCE_END
};

struct scan {
	const struct config *config;
	unsigned probes;
	struct event_base *base;
	struct probe_env env;
	struct domain_rules *rules;
	struct scope *scope;
	struct pace *pace;
	struct geo_set *geo; /* NULL without databases */
	char *user_agent;

	/* set by the caller before scan_execute() */
	struct writer *writer;
	enum scan_source (*next)(void *arg, struct register_item *ret_item);
	void (*done)(void *arg, const char *outcome); /* a domain has its final outcome */
	void (*tick)(void *arg);		      /* four times a second; may be NULL */
	void *arg;
	bool ask_first; /* does not begin before a resolver has answered one question */

	/* the scan's own */
	struct seen shared;	/* subjects looked at in this run, under way or done */
	struct lookup *lookups; /* shared subjects under way, by key */
	struct task *question;	/* questions that wait for room in the DNS client */
	size_t questions_open;
	struct session *queued_session; /* sessions that wait until a connection is closed */
	size_t connections, most_connections;
	struct target *targets; /* domains under way */
	size_t target_count;
	struct event pump, timer, grace, room, writer_event, signals[2];
	bool exhausted;		      /* the source has no more */
	bool interrupted;	      /* a signal asked to end */
	struct arena *question_arena; /* of the first question, while it is asked */
	bool failed;		      /* the writer or memory failed: what runs is cut short */
	bool discard;		      /* what ends from now on was cut short by us, and is not recorded */
	int64_t interrupted_at;	      /* monotonic */
	unsigned ticks;
};

/*
 * Builds the parts from the configuration. False after printing what is wrong and what to do; scan_release()
 * in any case.
 */
bool scan_init(struct scan *scan, const struct config *config);
/* The writer is not closed here. */
void scan_release(struct scan *scan);
/*
 * Probes what `next` gives until the end, a signal, or a failure; returns when nothing is under way any more.
 * The first SIGINT or SIGTERM ends what runs, a second one ends the process at once.
 */
void scan_execute(struct scan *scan);
/* A target was cut short and is not recorded. */
void scan_target_discarded(struct scan *scan);
/* A target has handed in its batch. */
void scan_target_done(struct scan *scan, const char *outcome);

#endif
