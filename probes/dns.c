#include "probes/dns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/text.h"

enum {
	QUERY_NAME,
	QUERY_TYPE,
	PURPOSE,
	RCODE,
	AUTHORITATIVE,
	AUTHENTIC,
	RECURSION_AVAILABLE,
	TRUNCATED,
	EDNS,
	CNAME_CHAIN,
	FINAL_NAME,
	ANSWERS,
	MESSAGE,
	FIELD_COUNT
};

enum {
	SECTION,
	RESPONSE_NAME,
	RESPONSE_TYPE,
	RESPONSE_TTL,
	ADDRESS,
	TARGET,
	PREFERENCE,
	RNAME,
	SERIAL,
	REFRESH,
	RETRY,
	EXPIRE,
	MINIMUM,
	TEXT,
	RDATA,
	COLUMN_COUNT
};

static const struct field columns[COLUMN_COUNT] = {
    [SECTION] = {"section", FIELD_TEXT, 0, NULL, "answer or authority", NULL, 0},
    [RESPONSE_NAME] = {"response_name", FIELD_TEXT, 0, NULL, "owner of the record", NULL, 0},
    [RESPONSE_TYPE] = {"response_type", FIELD_TEXT, 0, NULL, "its type", NULL, 0},
    [RESPONSE_TTL] = {"response_ttl", FIELD_INT, FIELD_VOLATILE, "s",
	"time it may be cached; of the resolver's cache when that answered", NULL, 0},
    [ADDRESS] = {"address", FIELD_TEXT, 0, NULL, "A, AAAA: the address", NULL, 0},
    [TARGET] = {"target", FIELD_TEXT, 0, NULL,
	"CNAME, NS, PTR: the name; MX: the exchange; SOA: the primary server; HTTPS: the target", NULL, 0},
    [PREFERENCE] = {"preference", FIELD_INT, 0, NULL, "MX: preference; HTTPS: priority", NULL, 0},
    [RNAME] = {"rname", FIELD_TEXT, 0, NULL, "SOA: mailbox of the zone's administration", NULL, 0},
    [SERIAL] = {"serial", FIELD_INT, FIELD_VOLATILE, NULL, "SOA: serial number", NULL, 0},
    [REFRESH] = {"refresh", FIELD_INT, 0, "s", "SOA: refresh", NULL, 0},
    [RETRY] = {"retry", FIELD_INT, 0, "s", "SOA: retry", NULL, 0},
    [EXPIRE] = {"expire", FIELD_INT, 0, "s", "SOA: expire", NULL, 0},
    [MINIMUM] = {"minimum", FIELD_INT, 0, "s", "SOA: negative caching time", NULL, 0},
    [TEXT] = {"text", FIELD_TEXT, 0, NULL,
	"TXT: its strings joined; HTTPS: the parameters, hints sorted, ech without its value, which changes "
	"within hours; CAA: flags, tag and value",
	NULL, 0},
    [RDATA] = {"rdata", FIELD_TEXT, 0, NULL,
	"hexadecimal rdata of a type that is not decoded, or that breaks its format", NULL, 0},
};

static const struct field fields[FIELD_COUNT] = {
    [QUERY_NAME] = {"query_name", FIELD_TEXT, 0, NULL, "name that was asked for", NULL, 0},
    [QUERY_TYPE] = {"query_type", FIELD_TEXT, 0, NULL, "record type that was asked for", NULL, 0},
    [PURPOSE] = {"purpose", FIELD_TEXT, 0, NULL,
	"lookup, or wildcard: a random label that exists only where every name does", NULL, 0},
    [RCODE] = {"rcode", FIELD_INT, 0, NULL, "response code, with the upper bits of EDNS", NULL, 0},
    [AUTHORITATIVE] = {"authoritative", FIELD_BOOL, 0, NULL, "AA flag of the answer", NULL, 0},
    [AUTHENTIC] = {"authentic", FIELD_BOOL, 0, NULL,
	"AD flag: the resolver says that it has validated the answer with DNSSEC", NULL, 0},
    [RECURSION_AVAILABLE] = {"recursion_available", FIELD_BOOL, 0, NULL, "RA flag of the answer", NULL, 0},
    [TRUNCATED] = {"truncated", FIELD_BOOL, 0, NULL, "TC flag: the answer was cut", NULL, 0},
    [EDNS] = {"edns", FIELD_BOOL, 0, NULL, "the answer has an EDNS record", NULL, 0},
    [CNAME_CHAIN] = {"cname_chain", FIELD_TEXTS, 0, NULL,
	"aliases in the order in which they are followed from query_name", NULL, 0},
    [FINAL_NAME] = {"final_name", FIELD_TEXT, 0, NULL, "end of the alias chain; query_name without one", NULL,
	0},
    [ANSWERS] = {"answers", FIELD_ROWS, 0, NULL,
	"records of the answer section, and where it has no answer SOA and NS of the authority section: the "
	"chain of aliases, then by type, name and value, as servers rotate them (the order received is in "
	"message)",
	columns, COLUMN_COUNT},
    [MESSAGE] = {"message", FIELD_BYTES, FIELD_EVIDENCE | FIELD_VOLATILE, NULL, "the answer as received",
	NULL, 0},
};

static const struct schema schema = {
    .record_type = "dns",
    .version = 1,
    .help = "One question to a resolver and what it answered",
    .field = fields,
    .field_count = FIELD_COUNT,
};

static void wake(void *run)
{
	run_wake(run);
}

static enum status decode(struct run *run)
{
	struct dns_run *dns = run->state;
	enum status status;

	status = dns_decode(dns->message, dns->message_length, run->arena, &dns->answer, &dns->fault);
	dns->decoded = status == ST_OK || status == ST_MALFORMED;
	if (status == ST_OK && !dns->answer.response) {
		dns->fault = "the answer is no response";
		status = ST_MALFORMED;
	}
	return status == ST_OK ? dns_answer_status(&dns->answer) : status;
}

static enum status advance(struct run *run)
{
	struct dns_run *dns = run->state;
	struct dns_reply reply = {0};
	enum status status, decoded;

	if (dns->query == NULL) {
		run_phase(run, "query", ST_TIMEOUT);
		dns->query =
		    dns_query_new(run->env->dns, run->arena, dns->name, dns->type, wake, run, &status);
		if (dns->query == NULL)
			return status;
	}
	status = dns_query_advance(dns->query, &reply);
	if (status == ST_AGAIN)
		return ST_AGAIN;
	run->record->attempt = (int)reply.attempts;
	if (reply.message == NULL)
		return status;
	run_phase(run, "answer", ST_TIMEOUT);
	dns->message = reply.message;
	dns->message_length = reply.length;
	decoded = decode(run);
	return status == ST_OK ? decoded : status;
}

static void close_query(struct run *run)
{
	struct dns_run *dns = run->state;

	dns_query_free(dns->query);
	dns->query = NULL;
}

/* Where a record stands in the chain that starts at the question, or LIMIT_CNAME_CHAIN when it is not in it.
 */
struct ranked {
	const struct dns_rr *rr;
	size_t rank;
};

static int compare_text(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int compare_number(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

static int compare_bytes(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t shorter = a_length < b_length ? a_length : b_length;
	int order = shorter == 0 ? 0 : memcmp(a, b, shorter);

	if (order != 0)
		return order;
	return a_length < b_length ? -1 : a_length > b_length;
}

/*
 * By what the record says and not by its rdata, in which compression may differ from answer to answer. SOA
 * numbers do not matter: a zone has one.
 */
static int compare_values(const struct dns_rr *a, const struct dns_rr *b)
{
	int order = compare_number(a->preference, b->preference);

	if (order == 0)
		order = address_compare(&a->address, &b->address);
	if (order == 0)
		order = compare_text(a->target, b->target);
	if (order == 0)
		order = compare_bytes(a->text, a->text_length, b->text, b->text_length);
	if (order == 0)
		order = compare_bytes(a->rdata, a->rdata_length, b->rdata, b->rdata_length);
	return order;
}

static int compare_ranked(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int order = compare_number(a->rr->section, b->rr->section);

	if (order == 0)
		order = compare_number((unsigned)a->rank, (unsigned)b->rank);
	if (order == 0)
		order = compare_number(a->rr->type, b->rr->type);
	if (order == 0)
		order = strcmp(a->rr->name, b->rr->name);
	if (order == 0)
		order = compare_values(a->rr, b->rr);
	return order;
}

/*
 * The authority section says why there is no answer. Beside an answer it says what the resolver happened to
 * have in its cache, which would make a new fact of every look.
 */
static bool is_reported(const struct dns_rr *rr, bool answered)
{
	return rr->section == DNS_ANSWER ||
	       (!answered && rr->section == DNS_AUTHORITY && (rr->type == DNS_SOA || rr->type == DNS_NS));
}

/* The aliases from the question on; returns how many, and the last name. */
static size_t follow_chain(const struct dns_message *answer, const char *name,
    const struct dns_rr *ret_chain[LIMIT_CNAME_CHAIN], const char **ret_final)
{
	const struct dns_rr *alias;
	size_t count = 0;

	while (count < LIMIT_CNAME_CHAIN && (alias = dns_alias(answer, name)) != NULL) {
		ret_chain[count++] = alias;
		name = alias->target;
	}
	*ret_final = name;
	return count;
}

static void set_text_cell(struct record *record, size_t row, size_t column, const char *text)
{
	if (text != NULL)
		record_row_text(record, ANSWERS, row, column, text, strlen(text));
}

static void report_soa(struct record *record, size_t row, const struct dns_rr *rr)
{
	set_text_cell(record, row, RNAME, rr->rname);
	record_row_int(record, ANSWERS, row, SERIAL, rr->serial);
	record_row_int(record, ANSWERS, row, REFRESH, rr->refresh);
	record_row_int(record, ANSWERS, row, RETRY, rr->retry);
	record_row_int(record, ANSWERS, row, EXPIRE, rr->expire);
	record_row_int(record, ANSWERS, row, MINIMUM, rr->minimum);
}

static bool is_decoded(const struct dns_rr *rr)
{
	return !rr->malformed && (rr->address.family != 0 || rr->target != NULL || rr->text != NULL);
}

static void report_rdata(struct record *record, size_t row, const struct dns_rr *rr)
{
	struct buf hex = {0};

	text_add_hex(&hex, rr->rdata, rr->rdata_length);
	record_row_text(record, ANSWERS, row, RDATA, buf_text(&hex), hex.length);
	buf_release(&hex);
}

static void report_value(struct record *record, size_t row, const struct dns_rr *rr)
{
	char text[ADDRESS_TEXT];

	if (!is_decoded(rr)) {
		report_rdata(record, row, rr);
		return;
	}
	if (rr->address.family != 0)
		set_text_cell(record, row, ADDRESS, address_text(&rr->address, text));
	set_text_cell(record, row, TARGET, rr->target);
	if (rr->type == DNS_MX || rr->type == DNS_HTTPS)
		record_row_int(record, ANSWERS, row, PREFERENCE, rr->preference);
	if (rr->type == DNS_SOA)
		report_soa(record, row, rr);
	if (rr->text != NULL)
		record_row_text(record, ANSWERS, row, TEXT, rr->text, rr->text_length);
}

static void report_row(struct record *record, size_t row, const struct dns_rr *rr)
{
	char type[12];

	set_text_cell(record, row, SECTION, rr->section == DNS_ANSWER ? "answer" : "authority");
	set_text_cell(record, row, RESPONSE_NAME, rr->name);
	set_text_cell(record, row, RESPONSE_TYPE, dns_type_text(rr->type, type));
	record_row_int(record, ANSWERS, row, RESPONSE_TTL, rr->ttl);
	report_value(record, row, rr);
}

static void report_answers(
    struct run *run, const struct dns_message *answer, const struct dns_rr *const *chain, size_t chain_length)
{
	struct ranked *ranked = arena_array(run->arena, answer->rr_count, sizeof(*ranked));
	bool answered = dns_answer_status(answer) == ST_NOERROR;
	size_t i, count = 0;

	if (ranked == NULL)
		return;
	for (i = 0; i < answer->rr_count; i++) {
		size_t rank = 0;

		if (!is_reported(&answer->rr[i], answered))
			continue;
		while (rank < chain_length && chain[rank] != &answer->rr[i])
			rank++;
		ranked[count].rr = &answer->rr[i];
		ranked[count++].rank = rank;
	}
	qsort(ranked, count, sizeof(*ranked), compare_ranked);
	record_set_list(run->record, ANSWERS, count);
	for (i = 0; i < count; i++)
		report_row(run->record, i, ranked[i].rr);
}

static void report_chain(
    struct record *record, const struct dns_rr *const *chain, size_t count, const char *final)
{
	size_t i;

	record_set_list(record, CNAME_CHAIN, count);
	for (i = 0; i < count; i++)
		record_list_text(record, CNAME_CHAIN, i, chain[i]->target, strlen(chain[i]->target));
	record_set_text(record, FINAL_NAME, final);
}

static void report_answer(struct run *run)
{
	const struct dns_run *dns = run->state;
	const struct dns_message *answer = &dns->answer;
	const struct dns_rr *chain[LIMIT_CNAME_CHAIN];
	struct record *record = run->record;
	const char *final;
	size_t count;

	record_set_int(record, RCODE, answer->rcode);
	record_set_bool(record, AUTHORITATIVE, answer->authoritative);
	record_set_bool(record, AUTHENTIC, answer->authentic);
	record_set_bool(record, RECURSION_AVAILABLE, answer->recursion_available);
	record_set_bool(record, TRUNCATED, answer->truncated);
	record_set_bool(record, EDNS, answer->edns);
	count = follow_chain(answer, dns->name, chain, &final);
	report_chain(record, chain, count, final);
	report_answers(run, answer, chain, count);
	if (dns->fault != NULL)
		record->error = dns->fault;
}

static void report(struct run *run, enum status status)
{
	struct dns_run *dns = run->state;
	char type[12];

	(void)status;
	record_set_text(run->record, QUERY_NAME, dns->name);
	record_set_text(run->record, QUERY_TYPE, dns_type_text(dns->type, type));
	record_set_text(run->record, PURPOSE, dns->wildcard_check ? "wildcard" : "lookup");
	record_set_bytes(run->record, MESSAGE, dns->message, dns->message_length);
	if (dns->decoded)
		report_answer(run);
}

const struct probe dns_probe = {
    .schema = &schema,
    .state_size = sizeof(struct dns_run),
    .advance = advance,
    .report = report,
    .close = close_query,
};
