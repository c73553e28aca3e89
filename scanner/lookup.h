/*
 * Look-ups of what many domains share: the addresses of a name server or mail host, the name of an address,
 * its place in the databases, a certificate. Each is done once in a run, and its records carry no domain.
 */
#ifndef MOORING_LOOKUP_H
#define MOORING_LOOKUP_H

#include "core/address.h"
#include "job.h"
#include "probes/tls.h"

/*
 * Each of these makes sure that the subject is looked at, and holds `job` until it has been, so that a domain
 * is never recorded as complete before what it refers to.
 */
/* Addresses of a host; each of them then as by lookup_address(). `role` is "ns" or "mx". */
void lookup_host(struct job *job, const char *name, const char *role);
/* PTR and places of an address. `role` is "web", "ns", "mx" or "other". */
void lookup_address(struct job *job, const struct address *address, const char *role);
/* The record of a certificate. */
void lookup_certificate(struct job *job, const struct der *der);
/* Cuts short all that are under way; their jobs end from the event loop. */
void lookup_stop_all(struct scan *scan);

#endif
