/* Overlaps: what is derived from records, and what the store lists as shared. */
#include "store_fixture.h"

#include "core/buf.h"
#include "overlap_table.h"
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

/* `names`: as many as there are before the NULL. */
static void put_named_certificate(
    struct store *store, const char *fingerprint, const char *spki, const char *const *names)
{
	struct batch *batch = new_batch();
	struct record *record = record_new(batch->arena, &cert_like, NULL, NULL);
	size_t count = 0, i;

	record_set_text(record, 0, fingerprint);
	record_set_text(record, 1, spki);
	while (names[count] != NULL)
		count++;
	record_set_list(record, 2, count);
	for (i = 0; i < count; i++)
		record_list_text(record, 2, i, names[i], strlen(names[i]));
	batch_add(batch, record);
	put_batch(store, batch);
}

static void put_certificate(struct store *store, const char *fingerprint, const char *spki)
{
	put_named_certificate(store, fingerprint, spki, (const char *const[]){"shared.example", NULL});
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
	query.indicator = "asn";
	query.with = "a.example";
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

static void check_refused(
    struct store *store, const struct overlap_query *query, enum status status, const char *sentence)
{
	struct buf out = {0};
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value, .arg = &out};
	char error[STORE_ERROR] = "";

	assert_int_equal(overlap_list(store, query, &visitor, error), status);
	assert_string_equal(error, sentence);
	assert_int_equal(out.length, 0);
	buf_release(&out);
}

/* Names of a certificate that the register's domains share: those of control domains are not listed. */
static void control_domains_are_never_named(void **state)
{
	const char *const names[] = {"a.example", "c.example", "www.c.example", "*.c.example",
	    "x.*.d.example", "later.example", "notc.example", "example", NULL};
	const char *control[] = {"domain", "stratum"}, *later[] = {"later.example", "general"};
	struct overlap_query query = {.least = 2, .indicator = "san"};
	struct store *store = open_store("controls.db", indicator_derive);
	bool present;

	(void)state;
	assert_int_equal(store_register_begin(store, "reg", "one", &present), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_CONTROL, control, later, 2), ST_OK);
	assert_int_equal(store_register_end(store, true), ST_OK);
	begin_run(store, "here", "one", NULL);
	put_world(store);
	put_named_certificate(store, "cert-9", "key", names);
	put_domain(store, "e.example", "register", "192.0.2.5", "mx.e.example", "cert-9");
	put_domain(store, "f.example", "register", "192.0.2.6", "mx.f.example", "cert-9");
	put_domain(store, "c.example", "general", "192.0.2.3", "mx.big.example", "cert-9");
	store_end_run(store, RUN_COMPLETE);
	check_list(store, &query,
	    "4+1+1\n"
	    "san shared.example 2/4 0/1 0/1 a.example b.example\n"
	    "san a.example 2/4 1/1 0/1 e.example f.example\n"
	    "san example 2/4 1/1 0/1 e.example f.example\n"
	    "san notc.example 2/4 1/1 0/1 e.example f.example\n");
	store_close(store);
}

static void nobody_may_ask_about_a_control_domain(void **state)
{
	static const char is_control[] =
	    "c.example is a control domain of run 1: control domains are counted, not listed";
	struct overlap_query query = {.least = 2, .with = "c.example"};
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value};
	struct store *store = open_store("ask.db", indicator_derive);
	char error[STORE_ERROR] = "";
	struct batch *batch = new_batch();
	struct record *record = dns(batch->arena, "c.example", "A", "lookup", 1);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	check_refused(store, &query, ST_INVALID, is_control);
	query.with = "w.c.example";
	check_refused(store, &query, ST_INVALID,
	    "w.c.example lies below c.example, a control domain of run 1: control domains are counted, not "
	    "listed");
	answer(record, 0, "answer", "A", RR_ADDRESS, "192.0.2.2");
	batch_add(batch, record);
	assert_int_equal(overlap_of_records(store, batch->first, "c.example", &visitor, error), ST_INVALID);
	assert_string_equal(error, is_control);
	assert_int_equal(overlap_of_records(store, NULL, "c.example", &visitor, error), ST_INVALID);
	arena_free(batch->arena);
	store_close(store);
}

static void a_domain_that_was_not_scanned_is_said(void **state)
{
	struct overlap_query query = {.least = 2, .with = "nosuch.test"};
	struct store *store = open_store("nosuch.db", indicator_derive);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	check_refused(store, &query, ST_NOT_FOUND, "nosuch.test was not scanned in run 1");
	query.with = "a.example";
	query.indicator = "address";
	check_list(store, &query, "2+1+1\n");
	store_close(store);
}

static void what_is_no_domain_is_not_compared(void **state)
{
	struct overlap_query query = {.least = 2, .indicator = "asn"};
	struct store *store = open_store("invalid.db", indicator_derive);
	struct batch *batch = new_batch();
	struct record *record = record_new(batch->arena, &domain_like, NULL, "no domain");

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	record->status = ST_INVALID;
	record_set_text(record, 0, "INVALID");
	record_set_text(record, 1, "register");
	batch_add(batch, record);
	put_batch(store, batch);
	store_end_run(store, RUN_COMPLETE);
	check_list(store, &query, "2+1+1\n");
	store_close(store);
}

/* --- as a table --- */

static void put_register(struct store *store)
{
	const char *entity[] = {"entity_id", "kind", "name"},
		   *blue[] = {"E1", "reported_center", "Blue\033[m"};
	const char *listing[] = {"domain", "entity_id", "role", "verified", "valid_from", "valid_to"},
		   *old[] = {"a.example", "E1", "historical", "unverified", "2001-02-03", "2012-01-01"},
		   *good[] = {"b.example", "E1", "official", "both", "2012-01-01", ""};
	const char *claim[] = {"entity_id", "status"}, *reported[] = {"E1", "reported"};
	bool present;

	assert_int_equal(store_register_begin(store, "the register", "one", &present), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_ENTITY, entity, blue, 3), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_LISTING, listing, old, 6), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_LISTING, listing, good, 6), ST_OK);
	assert_int_equal(store_register_row(store, REGISTER_CLAIM, claim, reported, 2), ST_OK);
	assert_int_equal(store_register_end(store, true), ST_OK);
}

struct table_sheet {
	struct overlap_table table;
	FILE *file;
};

static void table_summary(void *arg, const struct overlap_summary *summary)
{
	struct table_sheet *sheet = arg;

	overlap_table_summary(&sheet->table, summary, sheet->file);
}

static void table_value(void *arg, const struct overlap_value *value)
{
	struct table_sheet *sheet = arg;

	overlap_table_add(&sheet->table, value);
}

/* The table as text; the caller frees it. */
static char *table_of(struct store *store, const struct overlap_query *query, int64_t limit)
{
	struct table_sheet sheet;
	struct overlap_visitor visitor = {.summary = table_summary, .value = table_value, .arg = &sheet};
	char error[STORE_ERROR] = "", *text = NULL;
	size_t length;

	assert_true(overlap_table_init(&sheet.table));
	sheet.file = open_memstream(&text, &length);
	assert_non_null(sheet.file);
	assert_int_equal(overlap_list(store, query, &visitor, error), ST_OK);
	overlap_table_print(&sheet.table, query->with, limit, sheet.file);
	overlap_table_release(&sheet.table);
	fclose(sheet.file);
	return text;
}

static void check_table(
    struct store *store, const struct overlap_query *query, int64_t limit, const char *part)
{
	char *text = table_of(store, query, limit);

	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in:\n%s", part, text);
	free(text);
}

static void what_limits_a_listing_stands_beside_it(void **state)
{
	struct overlap_query query = {.least = 2};
	struct store *store = open_store("listing.db", indicator_derive);

	(void)state;
	put_register(store);
	begin_run(store, "here", "one", NULL);
	put_world(store);
	store_end_run(store, RUN_COMPLETE);
	check_table(store, &query, 0, "from here, register reg: 2 register domains compared; base rates");
	check_table(store, &query, 0, "[kind, status of the newest claim; role and validity of the listing]");
	check_table(store, &query, 0, "The register has 1 entity and among them 1 reported center; ");
	check_table(store, &query, 0,
	    "      a.example  Blue\\x1b[m [reported_center, reported; historical, until 2012-01-01, "
	    "unverified]\n"
	    "      b.example  Blue\\x1b[m [reported_center, reported]\n");
	query.with = "a.example";
	query.indicator = "asn";
	check_table(store, &query, 0, "\na.example was scanned; nothing that it shows is shared.\n");
	store_close(store);
}

static void a_table_counts_what_it_does_not_show(void **state)
{
	struct overlap_query query = {.least = 1, .indicator = "address"};
	struct store *store = open_store("limit.db", indicator_derive);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_world(store);
	check_table(store, &query, 1, "\n1 group more; -n 0 shows all groups.\n");
	put_domain(store, "e.example", "register", "192.0.2.9", "mx.e.example", "cert-9");
	check_table(store, &query, 1, "\n2 groups more; -n 0 shows all groups.\n");
	store_close(store);
}

static void controls_that_were_not_reached_are_not_advised(void **state)
{
	struct overlap_query query = {.least = 2};
	struct store *store = open_store("reached.db", indicator_derive);

	(void)state;
	begin_run(store, "here", "one", NULL);
	put_domain(store, "a.example", "register", "192.0.2.1", "mx.big.example", "cert-1");
	store_end_run(store, RUN_INTERRUPTED);
	check_table(store, &query, 0,
	    ": 1 register domain compared. No base rate: its control domains were not reached");
	store_end_run(store, RUN_COMPLETE);
	check_table(store, &query, 0,
	    ": 1 register domain compared. No base rate: without control domains (--control)");
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
	    cmocka_unit_test(control_domains_are_never_named),
	    cmocka_unit_test(nobody_may_ask_about_a_control_domain),
	    cmocka_unit_test(a_domain_that_was_not_scanned_is_said),
	    cmocka_unit_test(what_is_no_domain_is_not_compared),
	    cmocka_unit_test(what_limits_a_listing_stands_beside_it),
	    cmocka_unit_test(a_table_counts_what_it_does_not_show),
	    cmocka_unit_test(controls_that_were_not_reached_are_not_advised),
	    cmocka_unit_test(a_missing_run_is_said)};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
