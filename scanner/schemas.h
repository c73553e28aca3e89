/* All record types: those of the probes, then those that are derived. */
#ifndef MOORING_SCHEMAS_H
#define MOORING_SCHEMAS_H

#include "results/record.h"

enum { SCHEMAS = 8 };

/* Fills the list. */
void schemas_list(const struct schema *ret_schema[SCHEMAS]);

#endif
