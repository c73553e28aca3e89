/*
 * The register: which public organisations and places are recorded, which domains are listed for them, and
 * what was reported about them, by whom. A folder of CSV files, or a plain list with one domain a line.
 *
 *   entities.csv, domains.csv, claims.csv    read whole by register_load()
 *   controls.csv (optional)                  domains for base rates; may have millions of rows, only streamed
 *   reports.csv (optional)                   what each report claims in total
 *
 * Columns may come in any order; unknown ones are carried through; a missing one is an error that names it.
 * The two entrances are apart, because they are sized apart: register_load() holds everything, for those who
 * write of entities; a register_stream yields one domain at a time, for the scan.
 */
#ifndef MOORING_REGISTER_H
#define MOORING_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "domain.h"

/* --- faults ------------------------------------------------------------------------------------------ */

enum register_severity {
	REGISTER_ERROR,	  /* the row is not used */
	REGISTER_WARNING, /* the row is used; somebody should look at it */
	REGISTER_NOTE,	  /* a line that says nothing new, such as a domain that was there before */
	REGISTER_SEVERITY_COUNT
};

struct register_fault_info {
	enum register_severity severity;
	const char *file;      /* as it was opened; "-" for standard input */
	uint64_t line, column; /* from 1, columns in code points; 0 when the fault is of the whole file */
	const char
	    *message; /* what is wrong, and after a full stop what to do; text from the file in it is raw */
	/* NULL for a fault. Else this is the line behind many faults, itself none, that stands for those not
	 * reported one by one: their numbers by severity. */
	const size_t *omitted;
};

/* Called for every fault; may be NULL. The info is valid during the call. */
typedef void register_fault(void *arg, const struct register_fault_info *info);

const char *register_severity_name(enum register_severity severity);

/* --- the whole register in memory -------------------------------------------------------------------- */

enum register_kind {
	REGISTER_REPORTED_CENTER,
	REGISTER_ASSOCIATION,
	REGISTER_SERVICE_CENTER,
	REGISTER_AUTHORITY,
	REGISTER_FEDERATION,
	REGISTER_MEDIA,
	REGISTER_WATCHDOG,
	REGISTER_KIND_COUNT
};

enum register_claim_status {
	CLAIM_LISTED, /* for all that is no reported center */
	CLAIM_REPORTED,
	CLAIM_DENIED,
	CLAIM_DISPUTED,
	CLAIM_UNDER_INVESTIGATION,
	CLAIM_CONFIRMED_BY_AUTHORITY,
	CLAIM_CLOSURE_ORDERED,
	CLAIM_REPORTED_CLOSED,
	CLAIM_INVESTIGATED_NO_OFFENCE,
	CLAIM_INVESTIGATION_CLOSED_NO_CHARGES,
	CLAIM_RETRACTED,
	CLAIM_STATUS_COUNT
};

/* The words of the files. */
const char *register_kind_name(enum register_kind kind);
const char *register_claim_status_name(enum register_claim_status status);

/* A row as it was read: all columns of the file by name, the unknown ones too. `domain` is in A-label form,
 * and what the file said stands in an `input` behind the others. */
struct register_cells {
	const char *const *name;
	const char *const *value;
	size_t count;
};

/* Of the first character of a cell; columns are counted in code points. */
struct register_place {
	uint64_t line, column;
};

/* Texts are never NULL; an empty cell is "". `place` is that of the first cell named in the struct. */
struct register_entity {
	const char *id, *name, *name_local, *country, *locality, *operated_from, *parent_id;
	enum register_kind kind;
	const struct register_entity *parent; /* or NULL */
	const struct register_claim *newest;  /* claim, or NULL when there is none */
	size_t listing_count, claim_count;
	struct register_place place, parent_place;
	struct register_cells cells;
};

struct register_listing {
	const char *domain, *registrable, *input; /* as in struct register_item */
	const struct register_entity *entity;
	const char *role, *verified, *listed_at_url, *listed_on, *valid_from, *valid_to;
	struct register_place place;
	struct register_cells cells;
};

struct register_claim {
	const char *id, *report, *first_reported, *source_url, *source_title, *accessed_on, *quote;
	const char *status_date, *status_source_url, *certainty;
	const struct register_entity *entity;
	enum register_claim_status status;
	struct register_place place;
	struct register_cells cells;
};

struct register_report {
	const char *id, *title, *publisher, *published_on;
	struct register_place place;
	long centers_claimed, countries_claimed; /* in total; negative when the report does not say */
};

/* Rows in the order of the files; rows with errors are left out. */
struct register_data {
	struct register_entity *entity;
	struct register_listing *listing;
	struct register_claim *claim;
	struct register_report *report;
	size_t entity_count, listing_count, claim_count, report_count;
	size_t errors, warnings;      /* faults found */
	struct register_index *index; /* private */
};

/*
 * Reads and checks entities.csv, domains.csv, claims.csv and, where it exists, reports.csv of a folder.
 * Faults are reported once all is read, sorted by file and position; of those beyond 10,000 only the numbers,
 * in a last line of the gravest severity among them.
 * ST_OK also when there were faults, a file that cannot be read among them: look at `errors`. Else
 * ST_NO_MEMORY.
 */
enum status register_load(const char *folder, const struct domain_rules *rules, register_fault *fault,
    void *fault_arg, struct register_data **ret_data);
void register_free(struct register_data *data);
const struct register_entity *register_find_entity(const struct register_data *data, const char *id);
/* The claim with the latest status_date, or where that is empty first_reported; of equal ones the last in the
 * file. A date without a day comes before the days of its month. NULL when there is none. */
const struct register_claim *register_newest_claim(
    const struct register_data *data, const struct register_entity *entity);
/* Calls `visit` for every listing of a domain (A-label form), in the order of the file. */
typedef void register_visit_listing(void *arg, const struct register_listing *listing);
void register_each_listing(
    const struct register_data *data, const char *domain, register_visit_listing *visit, void *arg);

/* --- one domain at a time ---------------------------------------------------------------------------- */

struct register_item {
	const char *domain; /* A-label form, as domain_parse() gives it; NULL when the line is not valid */
	const char *registrable; /* NULL when the line is not valid */
	const char *input;	 /* as the file has it; UTF-8, bytes that are not are replaced by U+FFFD */
	const char *stratum;	 /* static: register, general or matched */
	const char *fault;	 /* static: what is wrong and what to do; NULL when valid */
	const char *file;	 /* as it was opened */
	uint64_t line;
	struct register_cells cells; /* of a plain list: domain, stratum, input */
};

struct register_stream;

/*
 * Opens a register: a folder (its domains.csv, then its controls.csv), a plain list, or "-" for standard
 * input. In a plain list the first word of a line is the domain, `#` begins a comment, and "RANK,DOMAIN" is
 * understood. `rules` and `path` must outlive the stream. ST_SYSTEM or ST_INVALID after a fault that says
 * why it cannot be read.
 *
 * Memory does not grow with the input but for a hash of 16 bytes for each distinct domain (with the free
 * slots of the table 21 to 43 bytes): that is how duplicates are known.
 */
enum status register_stream_open(const char *path, const struct domain_rules *rules, register_fault *fault,
    void *fault_arg, struct register_stream **ret_stream);
/* Appends control domains: a file like controls.csv when its first line names the columns domain and stratum,
 * else a plain list, whose domains are of `stratum` (general or matched). */
enum status register_stream_add_controls(
    struct register_stream *stream, const char *path, const char *stratum);
/*
 * The next domain; the item is valid until the next call.
 *   ST_OK         a domain
 *   ST_INVALID    a line that gives none: the fault was reported, and the item has what there is (domain
 * NULL) ST_NOT_FOUND  the end ST_SYSTEM, ST_NO_MEMORY  it cannot be read on; a fault was reported Each domain
 * comes once. A repeated one yields nothing and is reported as a note, in domains.csv not even that, as
 * several entities may share a domain. A control of a registrable domain that the register has is left out
 * with a warning: it would spoil the base rates.
 */
enum status register_stream_next(struct register_stream *stream, struct register_item *ret_item);
/* Domains, invalid lines and repeated or left-out domains so far. */
struct register_stream_counts {
	uint64_t domains, invalid, duplicates;
};
struct register_stream_counts register_stream_counts(const struct register_stream *stream);
/* An upper bound of what will come, domains and invalid lines, from a count of lines; negative when unknown.
 */
int64_t register_stream_total(const struct register_stream *stream);
/*
 * Lower-case hexadecimal SHA-256 of all that is read; "" while it is unknown, which for standard input and
 * pipes is until the end. Of a plain list: of its bytes. Of a folder: of the text that
 *     sha256sum claims.csv controls.csv domains.csv entities.csv reports.csv
 * prints in it, for those that exist. With controls added: of the digests of all parts in order, one a line.
 */
const char *register_stream_sha256(const struct register_stream *stream);
void register_stream_close(struct register_stream *stream);

#endif
