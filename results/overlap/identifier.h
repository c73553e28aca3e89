/*
 * Identifiers that tie a page or a domain to an account: analytics and advertising ids, ownership tokens,
 * Chinese filing numbers. Pure functions over text; no markup is read here.
 *
 * Every scanner looks at each byte a bounded number of times, whatever the text. Values that are placeholders
 * of documentation and templates are not identifiers and are left out.
 */
#ifndef MOORING_RESULTS_OVERLAP_IDENTIFIER_H
#define MOORING_RESULTS_OVERLAP_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>

enum { IDENTIFIER_VALUE = 160, IDENTIFIER_SNIPPET = 96 };

struct identifier {
	const char *indicator;		  /* static: "google_analytics_ua", "icp", ... (identifier_names) */
	char value[IDENTIFIER_VALUE];	  /* normalised, so that equal accounts are equal texts */
	char snippet[IDENTIFIER_SNIPPET]; /* where it stood: UTF-8, control characters as spaces */
};

/*
 * A sorted set (by indicator, then value), filled by the scanners below, in memory of the caller: the first
 * `size` distinct ones are kept, with the snippet of the first sighting.
 */
struct identifier_set {
	struct identifier *item;
	size_t count, size;
	bool full; /* one did not fit */
};

/*
 * Scripts and URLs: google_analytics_ua (account digits), google_tag (G-, GT-, GTM-, AW-), adsense (digits),
 * baidu_tongji (32 hex digits), cnzz, la51, matomo ("host#site"), and what identifier_scan_text() finds.
 * `text` is UTF-8.
 */
void identifier_scan_code(struct identifier_set *set, const char *text, size_t length);
/*
 * Visible text and link targets: icp (province, ICP备 or ICP证, digits: the subject of the filing without the
 * number of the site), public_security (digits), wechat (gh_...).
 */
void identifier_scan_text(struct identifier_set *set, const char *text, size_t length);
/* <meta name=... content=...>: ownership tokens of search engines and the like. `name` in any case. */
void identifier_scan_meta(struct identifier_set *set, const char *name, const char *content);
/* A DNS TXT record (its strings joined). Returns how many were written to `ret`, sorted and distinct. */
size_t identifier_from_txt(const char *text, size_t length, struct identifier *ret, size_t size);

#endif
