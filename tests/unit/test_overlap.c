/* Overlaps: what is derived from records, and what the store lists as shared. */
#include "store_fixture.h"

#include "core/buf.h"
#include "results/overlap/overlap.h"

/* The fields of real record types that indicators are read from. */
enum { DNS_NAME, DNS_TYPE, DNS_PURPOSE, DNS_ANSWERS };
enum { RR_SECTION, RR_TYPE, RR_ADDRESS, RR_TARGET, RR_RNAME, RR_TEXT };
static const struct field rr_field[] = {{"section", FIELD_TEXT, 0, NULL, "", NULL, 0},
    {"response_type", FIELD_TEXT, 0, NULL, "", NULL, 0}, {"address", FIELD_TEXT, 0, NULL, "", NULL, 0},
    {"target", FIELD_TEXT, 0, NULL, "", NULL, 0}, {"rname", FIELD_TEXT, 0, NULL, "", NULL, 0},
    {"text", FIELD_TEXT, 0, NULL, "", NULL, 0}};
static const struct field dns_field[] = {{"query_name", FIELD_TEXT, 0, NULL, "", NULL, 0},
    {"query_type", FIELD_TEXT, 0, NULL, "", NULL, 0}, {"purpose", FIELD_TEXT, 0, NULL, "", NULL, 0},
    {"answers", FIELD_ROWS, 0, NULL, "", rr_field, 6}};
static const struct schema dns_like = {"dns", 1, "", dns_field, 4};

static const struct field cert_field[] = {{"fingerprint_sha256", FIELD_TEXT, FIELD_KEY, NULL, "", NULL, 0},
    {"spki_sha256", FIELD_TEXT, 0, NULL, "", NULL, 0}, {"names", FIELD_TEXTS, 0, NULL, "", NULL, 0}};
static const struct schema cert_like = {"cert", 1, "", cert_field, 3};
static const struct field tls_field[] = {{"chain_sha256", FIELD_TEXTS, 0, NULL, "", NULL, 0}};
static const struct schema tls_like = {"tls", 1, "", tls_field, 1};
static const struct field outcome_of[] = {
    {"outcome", FIELD_TEXT, 0, NULL, "", NULL, 0}, {"stratum", FIELD_TEXT, 0, NULL, "", NULL, 0}};
static const struct schema domain_like = {"domain", 1, "", outcome_of, 2};

static struct record *dns(
    struct arena *arena, const char *domain, const char *type, const char *purpose, size_t count)
{
	struct record *record = record_new(arena, &dns_like, domain, domain);

	record->status = ST_NOERROR;
	record_set_text(record, DNS_NAME, domain);
	record_set_text(record, DNS_TYPE, type);
	record_set_text(record, DNS_PURPOSE, purpose);
	record_set_list(record, DNS_ANSWERS, count);
	return record;
}

static void answer(struct record *record, size_t row, const char *section, const char *type, size_t column,
    const char *value)
{
	record_row_text(record, DNS_ANSWERS, row, RR_SECTION, section, strlen(section));
	record_row_text(record, DNS_ANSWERS, row, RR_TYPE, type, strlen(type));
	record_row_text(record, DNS_ANSWERS, row, column, value, strlen(value));
}

static void collect(void *arg, const char *indicator, const char *value)
{
	buf_printf(arg, "%s=%s\n", indicator, value);
}

static void check_derived(const struct record *record, const char *wanted)
{
	struct buf out = {0};

	indicator_derive(record, collect, &out);
	assert_string_equal(buf_text(&out), wanted);
	buf_release(&out);
}

static void addresses_bring_their_prefix(void **state)
{
	struct arena *arena = arena_new(0);
	struct record *record = dns(arena, "a.example", "A", "lookup", 2);

	(void)state;
	answer(record, 0, "answer", "CNAME", RR_TARGET, "edge.cdn.example");
	answer(record, 1, "answer", "A", RR_ADDRESS, "192.0.2.77");
	check_derived(record, "cname_target=edge.cdn.example\naddress=192.0.2.77\nprefix=192.0.2.0/24\n");
	record = dns(arena, "a.example", "A", "wildcard", 1);
	answer(record, 0, "answer", "A", RR_ADDRESS, "192.0.2.77");
	check_derived(record, "");
	record = dns(arena, NULL, "A", "lookup", 1);
	answer(record, 0, "answer", "A", RR_ADDRESS, "192.0.2.77");
	check_derived(record, "");
	arena_free(arena);
}

static void name_servers_are_one_value(void **state)
{
	struct arena *arena = arena_new(0);
	struct record *record = dns(arena, "a.example", "NS", "lookup", 3);

	(void)state;
	answer(record, 0, "answer", "NS", RR_TARGET, "ns2.example");
	answer(record, 1, "answer", "NS", RR_TARGET, "ns1.example");
	answer(record, 2, "authority", "NS", RR_TARGET, "ns3.example");
	check_derived(record, "ns_set=ns1.example ns2.example\n");
	arena_free(arena);
}

static void txt_gives_tokens(void **state)
{
	struct arena *arena = arena_new(0);
	struct record *record = dns(arena, "a.example", "TXT", "lookup", 2);

	(void)state;
	answer(record, 0, "answer", "TXT", RR_TEXT, "MS=ms12345678");
	answer(record, 1, "answer", "TXT", RR_TEXT, "v=spf1 -all");
	check_derived(record, "ms_verification=ms12345678\n");
	arena_free(arena);
}

static void indicator_table_is_sound(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < indicator_count; i++) {
		assert_non_null(indicator_find(indicators[i].carrier));
		for (j = 0; j < i; j++)
			assert_string_not_equal(indicators[i].name, indicators[j].name);
	}
}

/* --- in the store --- */

/* A domain with an address, a mail host, and a certificate. */
static void put_domain(struct store *store, const char *domain, const char *stratum, const char *address,
    const char *mx, const char *certificate)
{
	struct batch *batch = new_batch();
	const char *name = own(batch, domain);
	struct record *record;

	record = dns(batch->arena, name, "A", "lookup", 1);
	answer(record, 0, "answer", "A", RR_ADDRESS, address);
	batch_add(batch, record);
	record = dns(batch->arena, name, "NS", "lookup", 1);
	answer(record, 0, "answer", "NS", RR_TARGET, domain);
	batch_add(batch, record);
	record = dns(batch->arena, name, "MX", "lookup", 1);
	answer(record, 0, "answer", "MX", RR_TARGET, mx);
	batch_add(batch, record);
	record = record_new(batch->arena, &tls_like, name, name);
	record_set_list(record, 0, 1);
	record_list_text(record, 0, 0, certificate, strlen(certificate));
	batch_add(batch, record);
	record = record_new(batch->arena, &domain_like, name, name);
	record_set_text(record, 0, "live");
	record_set_text(record, 1, stratum);
	batch_add(batch, record);
	put_batch(store, batch);
}

static void put_certificate(struct store *store, const char *fingerprint, const char *spki)
{
	struct batch *batch = new_batch();
	struct record *record = record_new(batch->arena, &cert_like, NULL, NULL);

	record_set_text(record, 0, fingerprint);
	record_set_text(record, 1, spki);
	record_set_list(record, 2, 1);
	record_list_text(record, 2, 0, "shared.example", 14);
	batch_add(batch, record);
	put_batch(store, batch);
}

static void put_world(struct store *store)
{
	put_certificate(store, "cert-1", "key");
	put_certificate(store, "cert-2", "key");
	put_domain(store, "a.example", "register", "192.0.2.1", "mx.big.example", "cert-1");
	put_domain(store, "b.example", "register", "192.0.2.2", "mx.big.example", "cert-2");
	put_domain(store, "c.example", "general", "192.0.2.3", "mx.big.example", "cert-3");
	put_domain(store, "d.example", "matched", "198.51.100.4", "mx.own.example", "cert-4");
}

static void on_summary(void *arg, const struct overlap_summary *summary)
{
	buf_printf(
	    arg, "%d+%d+%d\n", (int)summary->domains[0], (int)summary->domains[1], (int)summary->domains[2]);
}

static void on_value(void *arg, const struct overlap_value *value)
{
	size_t i;

	buf_printf(arg, "%s %s %d/%d %d/%d %d/%d", value->indicator->name, value->value, (int)value->count[0],
	    (int)value->observed[0], (int)value->count[1], (int)value->observed[1], (int)value->count[2],
	    (int)value->observed[2]);
	for (i = 0; i < value->domain_count; i++)
		buf_printf(arg, " %s", value->domain[i].domain);
	buf_add_char(arg, '\n');
}

static void check_list(struct store *store, const struct overlap_query *query, const char *wanted)
{
	struct buf out = {0};
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value, .arg = &out};
	char error[STORE_ERROR] = "";

	if (overlap_list(store, query, &visitor, error) != ST_OK)
		fail_msg("%s", error);
	assert_string_equal(buf_text(&out), wanted);
	buf_release(&out);
}

static void shared_values_are_counted_per_stratum(void **state)
{
	struct overlap_query query = {.least = 2};
	struct store *store = open_store("overlap.db", indicator_derive);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	check_list(store, &query,
	    "2+1+1\n"
	    "spki key 2/2 0/1 0/1 a.example b.example\n"
	    "san shared.example 2/2 0/1 0/1 a.example b.example\n"
	    "mx mx.big.example 2/2 1/1 0/1 a.example b.example\n"
	    "prefix 192.0.2.0/24 2/2 1/1 0/1 a.example b.example\n");
	query.indicator = "mx";
	check_list(store, &query, "2+1+1\nmx mx.big.example 2/2 1/1 0/1 a.example b.example\n");
	query.with = "z.example";
	check_list(store, &query, "2+1+1\n");
	store_close(store);
}

static void an_earlier_run_keeps_its_overlaps(void **state)
{
	struct overlap_query query = {.least = 2, .indicator = "mx"};
	struct store *store = open_store("runs.db", indicator_derive);
	int64_t first;

	(void)state;
	first = begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	begin_run(store, "here", "one", NULL);
	put_domain(store, "a.example", "register", "192.0.2.1", "mx.new.example", "cert-1");
	put_domain(store, "b.example", "register", "192.0.2.2", "mx.big.example", "cert-2");
	store_end_run(store, RUN_COMPLETE);
	check_list(store, &query, "2+0+0\n");
	query.run_id = first;
	check_list(store, &query, "2+1+1\nmx mx.big.example 2/2 1/1 0/1 a.example b.example\n");
	store_close(store);
}

static void a_fresh_domain_is_compared(void **state)
{
	struct buf out = {0};
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value, .arg = &out};
	struct store *store = open_store("fresh.db", indicator_derive);
	char error[STORE_ERROR] = "";
	struct batch *batch = new_batch();
	struct record *record = dns(batch->arena, "new.example", "A", "lookup", 1);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	answer(record, 0, "answer", "A", RR_ADDRESS, "192.0.2.2");
	batch_add(batch, record);
	assert_int_equal(overlap_of_records(store, batch->first, "new.example", &visitor, error), ST_OK);
	assert_string_equal(buf_text(&out), "2+1+1\naddress 192.0.2.2 1/2 0/1 0/1 b.example\n"
					    "prefix 192.0.2.0/24 2/2 1/1 0/1 a.example b.example\n");
	arena_free(batch->arena);
	buf_release(&out);
	store_close(store);
}

static void a_missing_run_is_said(void **state)
{
	struct overlap_query query = {.least = 2, .run_id = 99};
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value};
	struct store *store = open_store("none.db", indicator_derive);
	char error[STORE_ERROR] = "";

	(void)state;
	assert_int_equal(overlap_list(store, &query, &visitor, error), ST_NOT_FOUND);
	assert_non_null(strstr(error, "no such run"));
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_bring_their_prefix),
	    cmocka_unit_test(name_servers_are_one_value), cmocka_unit_test(txt_gives_tokens),
	    cmocka_unit_test(indicator_table_is_sound),
	    cmocka_unit_test(shared_values_are_counted_per_stratum),
	    cmocka_unit_test(an_earlier_run_keeps_its_overlaps), cmocka_unit_test(a_fresh_domain_is_compared),
	    cmocka_unit_test(a_missing_run_is_said)};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
