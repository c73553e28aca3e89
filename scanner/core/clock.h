/* Monotonic time for durations and deadlines, wall time for records. Both in microseconds. */
#ifndef MOORING_CORE_CLOCK_H
#define MOORING_CORE_CLOCK_H

#include <stdint.h>

enum { CLOCK_TEXT = sizeof("2026-01-04T12:00:00.000000Z") };

/* Microseconds since an arbitrary start; never goes back. */
int64_t clock_monotonic(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall(void);
/* Writes RFC 3339 UTC with six digits and Z; returns `ret_text`. Years outside 0000..9999 are clamped. */
char *clock_text(int64_t wall, char ret_text[CLOCK_TEXT]);

#endif
