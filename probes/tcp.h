/* The TCP probe: opens connection->chan. Only connect() is done; no byte is sent. */
#ifndef MOORING_PROBES_TCP_H
#define MOORING_PROBES_TCP_H

#include "probes/run.h"
#include "probes/connection.h"

extern const struct probe tcp_probe;

struct tcp_run {
	struct connection *connection; /* set by the caller; its chan is closed before, open after ST_OK */
	/* the probe's own */
	int64_t began; /* monotonic, just before connect() */
};

#endif
