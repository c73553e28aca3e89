/*
 * The DNS probe: one question to the resolvers (probes/dns_client.h), its answer decoded from the raw message
 * (probes/dns_msg.h), so that the bytes that are kept are the evidence.
 */
#ifndef MOORING_PROBES_DNS_H
#define MOORING_PROBES_DNS_H

#include "probes/dns_client.h"
#include "probes/dns_msg.h"
#include "probes/run.h"

/* The probe: one question. */
extern const struct probe dns_probe;

struct dns_run {
	/* set by the caller before run_start(); `name` must live as long as the run */
	const char *name; /* without the root dot */
	uint16_t type;
	bool wildcard_check; /* the name is a random label: recorded as such */
	/* for the caller after done; arena memory */
	const uint8_t *message; /* the last answer as received, NULL when there was none */
	size_t message_length;
	struct dns_message answer;
	/* the probe's own */
	struct dns_query *query;
	const char *fault;
	bool decoded;
};

#endif
