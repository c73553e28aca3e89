/* Progress of long work on a terminal: done/total, rate, failures by kind, time left. One line, redrawn. */
#ifndef MOORING_PROGRESS_H
#define MOORING_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { PROGRESS_KINDS = 48, PROGRESS_KIND_NAME = 32 };

struct progress {
	bool shown; /* standard error is a terminal and nobody asked for quiet */
	int64_t started, drawn;
	uint64_t total;	       /* 0: unknown */
	uint64_t done, before; /* in this process; done by an earlier one that this run resumes */
	struct progress_kind {
		char name[PROGRESS_KIND_NAME];
		uint64_t count;
	} kind[PROGRESS_KINDS]; /* outcomes */
	unsigned kind_count;
};

void progress_begin(struct progress *progress, bool quiet, uint64_t total, uint64_t before);
/* One domain has its outcome. Draws, at most four times a second. */
void progress_count(struct progress *progress, const char *outcome);
/* Draws now; for a timer. */
void progress_draw(struct progress *progress);
/* Takes the line away, so that what is printed next stands alone. */
void progress_end(struct progress *progress);
/* "live 12, NXDOMAIN 3", the most frequent first; at most `most` kinds. */
void progress_summary(const struct progress *progress, unsigned most, struct buf *out);

#endif
