/*
 * The records of a domain as a scan hands them to the writer, without a network.
 *
 * 17 of them: eight questions about the domain, eight about its www name, the outcome. Of a whole domain 40:
 * the wildcard question, four connections, two handshakes, twelve exchanges and four pages more. DNS and page
 * records are derived from bytes by the probes' own code; the rest is set field by field.
 */
#ifndef MOORING_BENCH_STORE_RECORDS_H
#define MOORING_BENCH_STORE_RECORDS_H

#include "probes/probe.h"

/* Domain number `number`. The same facts for every `run`; what is volatile differs. */
struct batch *make_batch(struct probe_env *env, unsigned number, unsigned run, bool whole);

#endif
