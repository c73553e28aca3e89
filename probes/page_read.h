/* What page_record() records of a page, gathered from its tokens. For probes/page.c. */
#ifndef MOORING_PROBES_PAGE_READ_H
#define MOORING_PROBES_PAGE_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "probes/page.h"
#include "results/overlap/identifier.h"

enum page_format { PAGE_NONE, PAGE_HTML, PAGE_PLAIN };

/* Sorted, distinct, lower case. */
struct page_hosts {
	struct arena *arena;
	const char *host[PAGE_HOSTS];
	size_t count;
	bool full; /* one did not fit */
};

/* The texts are NULL where the page has none. */
struct page {
	struct arena *arena; /* its own, for what follows */
	const char *title, *h1, *description, *generator, *lang;
	const char *canonical, *favicon, *refresh, *base; /* as written */
	struct buf text;				  /* visible, white space folded */
	size_t text_length;				  /* characters of it */
	struct page_hosts resources, links;
	struct identifier_set identifiers;
	/* while reading */
	unsigned hidden;	  /* open <noscript>, <template> */
	unsigned svg;		  /* open <svg>, whose <title> is no page title */
	bool space;		  /* white space is due before the next character of the text */
	bool icon_is_second_best; /* favicon is an SVG, which a bitmap would replace */
	size_t h1_start;	  /* place in the text where the open <h1> begins */
	bool in_h1;
};

/* `html` (UTF-8) is used up. NULL when memory runs out. */
struct page *page_read(char *html, size_t length, enum page_format format);
/* NULL is allowed. */
void page_free(struct page *page);

#endif
