/*
 * Where an address is, by several MMDB databases side by side; their answers are never merged.
 *
 * MaxMind's nested layout and the flat one of the ip-location-db packages are read. Database files are not
 * trusted: a broken one is refused when it is opened, or gives ST_MALFORMED for the addresses that lead to
 * the broken place. Files are mapped: replace them by renaming, never write into one that is in use.
 */
#ifndef MOORING_GEO_GEO_H
#define MOORING_GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/status.h"
#include "core/text.h"

enum {
	GEO_DATABASES = 64, /* of one set */
	GEO_ERROR = 256
};

struct geo_set;

struct geo_database {
	const char *name;    /* base name of the file */
	const char *db_type; /* as the file says, e.g. "GeoLite2-City"; bytes, may be no UTF-8 */
	int64_t build_epoch; /* seconds since 1970 */
};

struct geo_answer {
	bool found;			/* the database has an entry for the address; it may be empty */
	char network[ADDRESS_TEXT + 4]; /* CIDR: all of it has this entry */
	/* Texts are bytes as in the database, cut to size between two characters; "" when absent. */
	char country[3]; /* ISO 3166-1 alpha-2, where the address is said to be */
	char registered_country[3];
	char city[128];
	double lat, lon;	/* degrees; both NAN when absent */
	int accuracy_radius_km; /* -1 when absent */
	/* The location is the middle of a country or region, not of the place of the address. */
	bool is_centroid;
	uint32_t asn; /* 0 when absent */
	char as_name[256];
};

/* NULL when memory runs out. */
struct geo_set *geo_set_new(void);
/* NULL is allowed. */
void geo_set_free(struct geo_set *set);
/* Opens a file, or every *.mmdb of a folder in the order of their names. Otherwise one sentence in
 * `ret_error`; those of a folder that were opened before it stay in the set. */
enum status geo_set_add_path(struct geo_set *set, const char *path, char ret_error[GEO_ERROR]);
size_t geo_set_count(const struct geo_set *set);
/* Valid as long as the set. */
const struct geo_database *geo_set_database(const struct geo_set *set, size_t index);
/* SHA-256 of the file in hexadecimal, of the very bytes that answer. Computed at the first call (some 0.2 s
 * for 60 MB) and kept. ST_SYSTEM when the library cannot hash. */
enum status geo_database_sha256(struct geo_set *set, size_t index, char ret_hex[SHA256_TEXT]);

/* Asks one database. "Not there" is an answer too (found is false). ST_MALFORMED when the file is broken at
 * that place; `*ret_answer` is then untouched. */
enum status geo_lookup(
    const struct geo_set *set, size_t index, const struct address *address, struct geo_answer *ret_answer);

/* What several databases say together of the country. */
enum geo_verdict {
	GEO_NONE,   /* no one names one */
	GEO_SINGLE, /* one does */
	GEO_AGREE,  /* several name the same */
	GEO_SPLIT   /* they do not */
};

struct geo_agreement {
	enum geo_verdict verdict;
	double spread_km; /* largest distance between two locations that are no centroids; NAN below two */
};

struct geo_agreement geo_agreement(const struct geo_answer *answer, size_t count);
/* "none", "single", "agree", "split". */
const char *geo_verdict_name(enum geo_verdict verdict);

#endif
