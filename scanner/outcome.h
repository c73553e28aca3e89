/* The one final outcome of a target, decided from what its questions and sessions brought. */
#ifndef MOORING_OUTCOME_H
#define MOORING_OUTCOME_H

#include "target.h"

/* The `domain` record of a finished target, or NULL when memory runs out. */
struct record *outcome_record(struct target *target);
/* That of a line of the register that gives no domain. */
struct record *outcome_of_invalid(struct arena *arena, const struct register_item *item);

#endif
