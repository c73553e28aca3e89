/*
 * robots.txt (RFC 9309): what a crawler may fetch. Pure.
 */
#ifndef MOORING_PROBES_ROBOTS_H
#define MOORING_PROBES_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True when the `length` bytes of a robots.txt allow `path` (path and query of a URL) to the crawler whose
 * product token `agent` begins with ("mooring", "Mooring/1.0"). All groups that name the token are taken
 * together; without one, those of "*" (section 2.2.1). The longest matching rule wins, Allow where two are
 * equally long; '*' and '$' as in section 2.2.3. Without a rule everything is allowed.
 *
 * A file whose patterns would take too long to match is answered with false.
 */
bool robots_allows(const char *text, size_t length, const char *agent, const char *path);

#endif
