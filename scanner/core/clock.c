#include "core/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t microseconds(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic(void)
{
	return microseconds(CLOCK_MONOTONIC);
}

int64_t clock_wall(void)
{
	return microseconds(CLOCK_REALTIME);
}

char *clock_text(int64_t wall, char ret_text[CLOCK_TEXT])
{
	const int64_t first = -62167219200, last = 253402300799; /* years 0000 and 9999 */
	int64_t seconds = wall / 1000000, micro = wall % 1000000;
	struct tm tm;
	time_t t;

	if (micro < 0) {
		micro += 1000000;
		seconds--;
	}
	t = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
	gmtime_r(&t, &tm);
	snprintf(ret_text, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
	    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100, (unsigned)micro % 1000000);
	return ret_text;
}
