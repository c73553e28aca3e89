/*
 * Absolute http and https URLs, and references resolved against them (RFC 3986). References come from hostile
 * headers and pages; what browsers mend on the way (white space around, line ends inside, backslashes, bytes
 * that must be percent-encoded) is mended here as well, so that both go to the same place. Pure.
 */
#ifndef MOORING_PROBES_URL_H
#define MOORING_PROBES_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"

struct url {
	bool https;
	const char *host; /* lower case, without the root dot; an IPv6 address without its brackets */
	uint16_t port;
	const char *path; /* path and query: begins with '/', no dot segments, no fragment */
};

/*
 * Parses a URL into arena memory; a relative one is resolved against `base` (section 5.2), and not valid when
 * that is NULL. Percent-encoding is normalised (section 6.2.2), user information and fragment are dropped. A
 * host in other than ASCII is not valid: IDNA is the caller's business. ST_OK, ST_INVALID (no URL, or longer
 * than LIMIT_URL), ST_OUT_OF_SCOPE (another scheme), ST_NO_MEMORY.
 */
enum status url_resolve(
    struct arena *arena, const struct url *base, const char *reference, struct url *ret_url);
/* The same of an absolute URL, without base; for tests. */
enum status url_parse(struct arena *arena, const char *text, struct url *ret_url);
/* The URL as text, the port only where it is not the scheme's default; arena memory, NULL when it ran out. */
const char *url_text(struct arena *arena, const struct url *url);

#endif
