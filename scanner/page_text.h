/* The page of text that `mooring check` prints about a domain: a reading of its records for a person. */
#ifndef MOORING_PAGE_TEXT_H
#define MOORING_PAGE_TEXT_H

#include "core/buf.h"
#include "results/record.h"

/* Appends what `records` (those of one check, of several domains too) say about `domain`. `color`: with ANSI
 * colours. */
void page_text_domain(struct buf *out, const struct record *records, const char *domain, bool color);

#endif
