/*
 * Domain names as people write them, brought to one form: the A-label form of IDNA2008 (RFC 5891) with the
 * mapping that browsers apply before it (UTS #46, non-transitional), and split by the Public Suffix List.
 *
 * The private section of the list counts: user.github.io is a registrable domain of its own, because the
 * users of one host have nothing to do with each other. A public suffix itself (co.uk, github.io) is nobody's
 * domain and is refused.
 *
 * Nothing here keeps state; a struct domain_rules may be read by several threads.
 */
#ifndef MOORING_DOMAIN_H
#define MOORING_DOMAIN_H

#include <stddef.h>

#include "core/limits.h"
#include "core/status.h"

/* The Public Suffix List. */
struct domain_rules;

struct domain {
	char name[LIMIT_NAME + 1]; /* A-labels, lower case, no root dot; "www." is cut off a registrable
				      domain */
	char registrable[LIMIT_NAME + 1]; /* what somebody registered: a suffix of `name`, or all of it */
};

/* `psl_file`: a list in the format of publicsuffix.org, text or DAFSA; NULL for the one that libpsl carries.
 * NULL when it cannot be read or memory runs out. */
struct domain_rules *domain_rules_new(const char *psl_file);
/* NULL is allowed. */
void domain_rules_free(struct domain_rules *rules);

/*
 * Reads a host name, or a URL that has one: white space around it, scheme, user, port, path and root dot are
 * taken away. ST_INVALID with *ret_fault, a static text that goes on after the quoted input: what is wrong,
 * and after a full stop what to do ("is an IP address. Give the name that leads to it").
 */
enum status domain_parse(
    const struct domain_rules *rules, const char *text, struct domain *ret_domain, const char **ret_fault);

/* The registrable domain of a host in A-label form, as a pointer into `host`; its end, an empty string, when
 * there is none: a public suffix, an address. Never NULL. A root dot is kept. */
const char *domain_registrable(const struct domain_rules *rules, const char *host);

/* The form for a reader, U-labels in UTF-8, to stand beside the A-labels, never in their place; what cannot
 * be decoded, or does not fit in `size` bytes, stays as it is. It may hold look-alikes: show it with
 * text_add_printable(). Returns `ret_text`. */
char *domain_to_unicode(const char *name, char *ret_text, size_t size);

#endif
