/* The record of where one database says that an address is (record_type geo). */
#ifndef MOORING_PROBES_GEO_RECORD_H
#define MOORING_PROBES_GEO_RECORD_H

#include "geo/geo.h"
#include "results/record.h"

extern const struct schema geo_schema;

/* `role`: what the address was found as: "web", "ns", "mx" or "other". `now_wall`: microseconds since 1970.
 * The record's status is ST_OK also when the database does not know the address (found is false), and
 * ST_MALFORMED when its file is broken at that place. NULL when memory runs out. */
struct record *geo_record(struct arena *arena, const struct geo_set *set, size_t database,
    const struct address *address, const char *role, int64_t now_wall);

#endif
