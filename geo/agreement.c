#include <math.h>
#include <string.h>

#include "geo/distance.h"
#include "geo/geo.h"

static enum geo_verdict verdict_of(const struct geo_answer *answer, size_t count)
{
	const char *first = NULL;
	size_t i, named = 0;

	for (i = 0; i < count; i++) {
		if (answer[i].country[0] == '\0')
			continue;
		if (first == NULL)
			first = answer[i].country;
		else if (strcmp(first, answer[i].country) != 0)
			return GEO_SPLIT;
		named++;
	}
	if (named == 0)
		return GEO_NONE;
	return named == 1 ? GEO_SINGLE : GEO_AGREE;
}

static bool is_point(const struct geo_answer *answer)
{
	return !isnan(answer->lat) && !isnan(answer->lon) && !answer->is_centroid;
}

struct geo_agreement geo_agreement(const struct geo_answer *answer, size_t count)
{
	struct geo_agreement agreement = {.verdict = verdict_of(answer, count), .spread_km = NAN};
	size_t i, j;

	for (i = 0; i < count; i++) {
		if (!is_point(&answer[i]))
			continue;
		for (j = i + 1; j < count; j++)
			if (is_point(&answer[j]))
				agreement.spread_km = fmax(agreement.spread_km,
				    distance_km(answer[i].lat, answer[i].lon, answer[j].lat, answer[j].lon));
	}
	return agreement;
}

const char *geo_verdict_name(enum geo_verdict verdict)
{
	static const char *const names[] = {"none", "single", "agree", "split"};

	return names[verdict];
}
