/* Look-ups in both layouts of MMDB files, agreement and distance; and what broken files do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/limits.h"
#include "geo/distance.h"
#include "geo/geo.h"
#include "probes/geo_record.h"

enum { ASN, FLAT, NESTED, DATABASES }; /* in the order of their names */

static char folder[] = "/tmp/test_geo.XXXXXX";
static char broken[sizeof(folder) + 16]; /* a file beside them that is no *.mmdb */
static struct geo_set *set;

static struct geo_answer ask(size_t database, const char *text)
{
	struct geo_answer answer;
	struct address address;

	assert_true(address_parse(&address, text));
	assert_int_equal(geo_lookup(set, database, &address, &answer), ST_OK);
	return answer;
}

static void assert_near(double value, double wanted, double tolerance)
{
	if (!(fabs(value - wanted) <= tolerance))
		fail_msg("%.9g is not near %.9g", value, wanted);
}

static void test_set(void **state)
{
	char hex[SHA256_TEXT], command[128], wanted[SHA256_TEXT];
	FILE *pipe;

	(void)state;
	assert_int_equal(geo_set_count(set), DATABASES);
	assert_string_equal(geo_set_database(set, ASN)->name, "asn.mmdb");
	assert_string_equal(geo_set_database(set, FLAT)->name, "flat-ipv4.mmdb");
	assert_string_equal(geo_set_database(set, NESTED)->name, "nested.mmdb");
	assert_string_equal(geo_set_database(set, NESTED)->db_type, "GeoLite2-City");
	assert_true(geo_set_database(set, NESTED)->build_epoch > 1700000000);
	snprintf(command, sizeof(command), "sha256sum %s/nested.mmdb", folder);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fread(wanted, 1, 64, pipe), 64);
	wanted[64] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(geo_database_sha256(set, NESTED, hex), ST_OK);
	assert_string_equal(hex, wanted);
	assert_int_equal(geo_database_sha256(set, NESTED, hex), ST_OK);
	assert_string_equal(hex, wanted);
}

static void test_nested(void **state)
{
	struct geo_answer answer = ask(NESTED, "8.8.8.8");

	(void)state;
	assert_true(answer.found);
	assert_string_equal(answer.network, "8.8.8.0/24");
	assert_string_equal(answer.country, "US");
	assert_string_equal(answer.registered_country, "US");
	assert_string_equal(answer.city, "");
	assert_near(answer.lat, 37.751, 0);
	assert_near(answer.lon, -97.822, 0);
	assert_int_equal(answer.accuracy_radius_km, 1000);
	assert_true(answer.is_centroid);
	assert_int_equal(answer.asn, 0);

	answer = ask(NESTED, "223.5.5.5");
	assert_string_equal(answer.network, "223.4.0.0/14");
	assert_string_equal(answer.city, "Hangzhou");
	assert_string_equal(answer.country, "CN");
	assert_string_equal(answer.registered_country, "HK");
	assert_int_equal(answer.accuracy_radius_km, 20);
	assert_false(answer.is_centroid);

	answer = ask(NESTED, "91.198.174.192"); /* no city, but a radius that is no country's */
	assert_false(answer.is_centroid);
	assert_int_equal(answer.asn, 14907);
	assert_string_equal(answer.as_name, "WIKIMEDIA");

	answer = ask(NESTED, "2001:4860:4860::8888");
	assert_string_equal(answer.network, "2001:4860::/32");
	assert_string_equal(answer.country, "US");
}

static void test_no_location(void **state)
{
	struct geo_answer answer = ask(NESTED, "1.1.1.1");

	(void)state;
	assert_true(answer.found);
	assert_string_equal(answer.country, "");
	assert_string_equal(answer.registered_country, "AU");
	assert_true(isnan(answer.lat) && isnan(answer.lon));
	assert_int_equal(answer.accuracy_radius_km, -1);
	assert_false(answer.is_centroid);

	answer = ask(NESTED, "9.9.9.9"); /* an empty entry */
	assert_true(answer.found);
	assert_string_equal(answer.network, "9.9.9.0/24");
	assert_string_equal(answer.country, "");

	answer = ask(NESTED, "100.100.100.100");
	assert_false(answer.found);
	assert_string_equal(answer.network, "");
	assert_true(isnan(answer.lat));
}

/* What no place and no country can be is left out; long texts end between characters. */
static void test_odd_values(void **state)
{
	struct geo_answer answer = ask(NESTED, "9.9.10.1");

	(void)state;
	assert_string_equal(answer.country, "");
	assert_true(isnan(answer.lat) && isnan(answer.lon));
	answer = ask(NESTED, "9.9.11.1");
	assert_int_equal(strlen(answer.city), 126); /* 42 characters of three bytes in room for 127 */
	assert_memory_equal(answer.city + 123, "\xe5\xb8\x82", 4);
	assert_true(isnan(answer.lat));
}

static void test_flat(void **state)
{
	struct geo_answer answer = ask(FLAT, "8.8.8.8");

	(void)state;
	assert_string_equal(answer.network, "8.8.8.0/24");
	assert_string_equal(answer.country, "US");
	assert_string_equal(answer.registered_country, "");
	assert_string_equal(answer.city, "Mountain View");
	assert_near(answer.lat, 37.422, 0); /* not 37.4220008850 */
	assert_near(answer.lon, -122.085, 0);
	assert_int_equal(answer.accuracy_radius_km, -1);
	assert_false(answer.is_centroid);
	answer = ask(FLAT, "91.198.174.192"); /* no city and no radius */
	assert_true(answer.is_centroid);
	answer = ask(FLAT, "2001:4860:4860::8888"); /* the file knows no IPv6 */
	assert_false(answer.found);
}

static void test_asn(void **state)
{
	struct geo_answer answer = ask(ASN, "8.8.8.8");

	(void)state;
	assert_int_equal(answer.asn, 15169);
	assert_string_equal(answer.as_name, "Google LLC");
	assert_string_equal(answer.country, "");
	answer = ask(ASN, "2001:4860::1");
	assert_true(answer.asn == UINT32_MAX);
	assert_string_equal(answer.as_name, "Gr\xc3\xb6\xc3\x9f"
					    "e");
}

static void test_agreement(void **state)
{
	struct geo_answer answer[3] = {
	    ask(NESTED, "223.5.5.5"), ask(FLAT, "223.5.5.5"), ask(ASN, "223.5.5.5")};
	struct geo_agreement agreement = geo_agreement(answer, 3);

	(void)state;
	assert_string_equal(geo_verdict_name(agreement.verdict), "agree");
	assert_near(agreement.spread_km, 2.49, 0.01);

	agreement = geo_agreement(answer, 1);
	assert_string_equal(geo_verdict_name(agreement.verdict), "single");
	assert_true(isnan(agreement.spread_km));

	answer[0] = ask(NESTED, "91.198.174.192");
	answer[1] = ask(FLAT, "91.198.174.192");
	agreement = geo_agreement(answer, 2);
	assert_string_equal(geo_verdict_name(agreement.verdict), "split");
	assert_true(isnan(agreement.spread_km)); /* one of the two is a centroid */

	answer[0] = ask(NESTED, "1.1.1.1");
	agreement = geo_agreement(answer, 1);
	assert_string_equal(geo_verdict_name(agreement.verdict), "none");
	assert_string_equal(geo_verdict_name(geo_agreement(NULL, 0).verdict), "none");
}

static void test_spread_is_the_largest(void **state)
{
	struct geo_answer answer[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		answer[i] = ask(FLAT, "8.8.8.8");
	answer[1].lat = 0;
	answer[1].lon = 0;
	answer[2].lat = 0;
	answer[2].lon = 90;
	answer[3].lat = NAN;
	answer[3].lon = NAN;
	assert_near(geo_agreement(answer + 1, 3).spread_km, EARTH_RADIUS_KM * M_PI / 2, 1e-6);
	assert_true(geo_agreement(answer, 4).spread_km > 12000);
}

static void test_distance(void **state)
{
	(void)state;
	assert_near(distance_km(52, 4, 52, 4), 0, 0);
	assert_near(distance_km(0, 0, 0, 1), 111.19508, 1e-5);
	assert_near(distance_km(90, 0, -90, 77), EARTH_RADIUS_KM * M_PI, 1e-6);
	assert_near(distance_km(0, 179.5, 0, -179.5), 111.19508, 1e-5);
	assert_near(distance_km(0, 0, 0, 180), EARTH_RADIUS_KM * M_PI, 1e-6);
	/* Between the airports of Nashville and Los Angeles: the example of the haversine articles, there
	 * with a radius of 6372.8 km: 2887.26 km. */
	assert_near(distance_km(36.12, -86.67, 33.94, -118.4), 2887.2599506 * EARTH_RADIUS_KM / 6372.8, 1e-4);
}

static void test_record(void **state)
{
	struct arena *arena = arena_new(0);
	struct record *record;
	struct address address;

	(void)state;
	assert_true(address_parse(&address, "223.5.5.5"));
	record = geo_record(arena, set, NESTED, &address, "web", 1234567);
	assert_non_null(record);
	assert_null(record->domain);
	assert_int_equal(record->status, ST_OK);
	assert_int_equal(record->started, 1234567);
	assert_string_equal(record->schema->record_type, "geo");
	assert_string_equal(record_get_text(record, "address"), "223.5.5.5");
	assert_string_equal(record_get_text(record, "role"), "web");
	assert_string_equal(record_get_text(record, "db_name"), "nested.mmdb");
	assert_string_equal(record_get_text(record, "db_type"), "GeoLite2-City");
	assert_string_equal(record_get_text(record, "network"), "223.4.0.0/14");
	assert_string_equal(record_get_text(record, "country"), "CN");
	assert_string_equal(record_get_text(record, "registered_country"), "HK");
	assert_string_equal(record_get_text(record, "city"), "Hangzhou");
	assert_near(record_get(record, "lat")->real, 30.2943, 0);
	assert_near(record_get(record, "lon")->real, 120.1663, 0);
	assert_int_equal(record_get(record, "accuracy_radius_km")->integer, 20);
	assert_true(record_get(record, "found")->boolean);
	assert_false(record_get(record, "centroid")->boolean);
	assert_null(record_get(record, "asn"));

	/* "No location" is an answer: the record is there, with nulls. */
	assert_true(address_parse(&address, "100.100.100.100"));
	record = geo_record(arena, set, NESTED, &address, "ns", 0);
	assert_int_equal(record->status, ST_OK);
	assert_false(record_get(record, "found")->boolean);
	assert_null(record_get(record, "network"));
	assert_null(record_get(record, "lat"));
	assert_null(record_get(record, "centroid"));
	arena_free(arena);
}

/* Next week's edition of a database that says the same is no new fact. */
static void test_new_edition_is_the_same_fact(void **state)
{
	struct arena *arena = arena_new(0);
	struct record_hash before, after;
	struct record *record;
	struct address address;

	(void)state;
	assert_true(address_parse(&address, "223.5.5.5"));
	record = geo_record(arena, set, NESTED, &address, "web", 0);
	before = record_fact(record);
	((struct value *)record_get(record, "build_epoch"))->integer += 7 * 86400;
	after = record_fact(record);
	assert_true(before.high == after.high && before.low == after.low);
	((struct value *)record_get(record, "accuracy_radius_km"))->integer++;
	after = record_fact(record);
	assert_false(before.high == after.high && before.low == after.low);
	arena_free(arena);
}

/* Writes bytes and opens them as a database; the status of that. */
static enum status open_bytes(const void *bytes, size_t length, struct geo_set *into)
{
	char error[GEO_ERROR] = "";
	enum status status;
	FILE *file;

	unlink(broken); /* some file systems wait for the disk when a file is emptied and written again */
	file = fopen(broken, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	status = geo_set_add_path(into, broken, error);
	if (status != ST_OK)
		assert_ptr_equal(strstr(error, broken), error); /* the sentence names the file */
	return status;
}

static void test_not_a_database(void **state)
{
	char error[GEO_ERROR];
	struct geo_set *own = geo_set_new();

	(void)state;
	assert_int_equal(geo_set_add_path(own, "/nonexistent.mmdb", error), ST_NOT_FOUND);
	assert_int_equal(geo_set_add_path(own, "/dev/null", error), ST_INVALID);
	assert_non_null(strstr(error, "no regular file"));
	assert_int_equal(geo_set_add_path(own, "/proc/self/fdinfo", error), ST_NOT_FOUND);
	assert_non_null(strstr(error, "no *.mmdb file"));
	assert_int_equal(open_bytes("", 0, own), ST_INVALID);
	assert_int_equal(open_bytes("hello\n", 6, own), ST_INVALID);
	assert_int_equal(open_bytes("\xab\xcd\xefMaxMind.com", 14, own), ST_INVALID);
	assert_int_equal(geo_set_count(own), 0);
	geo_set_free(own);
}

/*
 * A database by hand: an IPv4 tree of one node (24 bits a record) whose two halves lead to `left` and `right`
 * (offsets into `data`), and metadata that claim `nodes` nodes.
 */
static enum status open_handmade(
    uint32_t nodes, uint32_t left, uint32_t right, const void *data, size_t length, struct geo_set *into)
{
	static const char head[] = "\xab\xcd\xefMaxMind.com\xe9" /* a map of nine */
				   "\x4anode_count\xc4";
	static const char tail[] = "\x4brecord_size\xa1\x18"
				   "\x4aip_version\xa1\x04"
				   "\x4d"
				   "database_type\x41x"
				   "\x5b"
				   "binary_format_major_version\xa1\x02"
				   "\x5b"
				   "binary_format_minor_version\xa0"
				   "\x49languages\x00\x04"
				   "\x4b"
				   "description\xe0"
				   "\x4b"
				   "build_epoch\x01\x02\x2a";
	uint32_t record[2] = {left + 1 + 16, right + 1 + 16};
	struct buf file = {0};
	enum status status;
	int i;

	for (i = 0; i < 2; i++) {
		buf_add_char(&file, (char)(record[i] >> 16));
		buf_add_char(&file, (char)(record[i] >> 8));
		buf_add_char(&file, (char)record[i]);
	}
	for (i = 0; i < 16; i++)
		buf_add_char(&file, '\0');
	buf_add(&file, data, length);
	buf_add(&file, head, sizeof(head) - 1);
	for (i = 24; i >= 0; i -= 8)
		buf_add_char(&file, (char)(nodes >> i));
	buf_add(&file, tail, sizeof(tail) - 1);
	status = open_bytes(file.data, file.length, into);
	buf_release(&file);
	return status;
}

/* The outcome for an address of the left half. */
static enum status lookup_handmade(const void *data, size_t length, struct geo_answer *ret_answer)
{
	struct geo_set *own = geo_set_new();
	struct address address = {4, {1, 2, 3, 4}};
	enum status status;

	assert_int_equal(open_handmade(1, 0, 0, data, length, own), ST_OK);
	assert_int_equal(geo_set_database(own, 0)->build_epoch, 42);
	status = geo_lookup(own, 0, &address, ret_answer);
	geo_set_free(own);
	return status;
}

static void test_handmade(void **state)
{
	static const char good[] = "\xe1\x44"
				   "city\x44here";
	static const char pointed[] = "\x20\x02\xe1\x20\x0a\x44here\x44"
				      "city";
	struct geo_answer answer;

	(void)state;
	assert_int_equal(lookup_handmade(good, sizeof(good) - 1, &answer), ST_OK);
	assert_string_equal(answer.city, "here");
	assert_string_equal(answer.network, "0.0.0.0/1");
	/* A pointer to a map whose key is a pointer. */
	assert_int_equal(lookup_handmade(pointed, sizeof(pointed) - 1, &answer), ST_OK);
	assert_string_equal(answer.city, "here");
}

/* Entries that are broken, too deep, or too many: each is refused, and refused fast. */
static void test_hostile_entries(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
	    {"\x20\x00", 2},		 /* a pointer to itself */
	    {"\x20\x02\x20\x00", 4},	 /* a pointer to a pointer */
	    {"\x38\xff\xff\xff\xff", 5}, /* out of the file */
	    {"\xff\xff\xff\xff", 4},	 /* a map of 16 million */
	    {"\x1f\x04\xff\xff\xff", 5}, /* an array of 16 million */
	    {"\xe1\x44"
	     "city\x5f\xff\xff\xff",
		10}, /* a text of 16 million bytes */
	    {"\xe1\x44"
	     "city\x69\1\2\3\4\5\6\7\x08\x09",
		16}, /* a double of nine bytes */
	    {"\xe1\x44"
	     "city\x00\x05",
		8}, /* the type of a cache container */
	};
	struct geo_answer answer;
	char deep[4 * LIMIT_MMDB_DEPTH], wide[4096];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (lookup_handmade(cases[i].bytes, cases[i].length, &answer) != ST_MALFORMED)
			fail_msg("case %zu was read", i);
	for (i = 0; i < sizeof(deep); i += 2)
		memcpy(deep + i, "\x01\x04", 2); /* an array of one, whose item is an array of one, ... */
	assert_int_equal(lookup_handmade(deep, sizeof(deep), &answer), ST_MALFORMED);
	/* An array of three that all point to an array of three, ...: 3^12 values in 100 bytes. */
	for (i = 0; i < 12; i++) {
		char *at = wide + 8 * i;

		memcpy(at, "\x03\x04\x20\0\x20\0\x20\0", 8);
		at[3] = at[5] = at[7] = (char)(8 * (i + 1));
	}
	memset(wide + 8 * i, 0, 8);
	wide[8 * i] = (char)0xe0;
	assert_int_equal(lookup_handmade(wide, 8 * i + 8, &answer), ST_MALFORMED);
}

static void test_hostile_trees(void **state)
{
	static const uint32_t node_counts[] = {0, 0x10000000, 0x2aaaaaab, 0x55555556, 0x80000000, 0xffffffff};
	struct geo_set *own = geo_set_new();
	struct address address = {4, {1, 2, 3, 4}};
	struct geo_answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(node_counts) / sizeof(node_counts[0]); i++)
		assert_int_equal(open_handmade(node_counts[i], 0, 0, "\xe0", 1, own), ST_INVALID);
	/* Records that lead between tree and data, and behind the file. */
	assert_int_equal(open_handmade(1, (uint32_t)-1, 0x800000, "\xe0", 1, own), ST_OK);
	assert_int_equal(geo_lookup(own, 0, &address, &answer), ST_MALFORMED);
	address.octet[0] = 200;
	assert_int_equal(geo_lookup(own, 0, &address, &answer), ST_MALFORMED);
	geo_set_free(own);
}

/* Every truncation and thousands of changed bytes of a good file: an error or an answer. */
static void test_damage(void **state)
{
	static const char *const addresses[] = {"8.8.8.8", "223.5.5.5", "9.9.11.1", "2001:4860::1", "::1"};
	char name[sizeof(folder) + 16], *damaged;
	unsigned seed = 1, i, a, answered = 0;
	struct geo_answer answer;
	struct address address;
	size_t length;
	FILE *file;
	char *good;

	(void)state;
	snprintf(name, sizeof(name), "%s/nested.mmdb", folder);
	file = fopen(name, "rb");
	assert_non_null(file);
	good = malloc(65536);
	damaged = malloc(65536);
	length = fread(good, 1, 65536, file);
	fclose(file);
	for (i = 0; i < 3000; i++) {
		struct geo_set *own = geo_set_new();
		size_t size = i < 500 ? length * i / 500 : length;

		memcpy(damaged, good, length);
		for (a = 0; i >= 500 && a < 1 + i % 4; a++) {
			seed = seed * 1664525 + 1013904223;
			damaged[(seed >> 8) % length] = (char)(seed >> 3);
		}
		if (open_bytes(damaged, size, own) == ST_OK) {
			assert_true(size == length);
			for (a = 0; a < sizeof(addresses) / sizeof(addresses[0]); a++) {
				address_parse(&address, addresses[a]);
				if (geo_lookup(own, 0, &address, &answer) == ST_OK)
					answered++;
			}
		}
		geo_set_free(own);
	}
	assert_true(answered > 5000);
	free(good);
	free(damaged);
}

static int set_up(void **state)
{
	char command[256], error[GEO_ERROR];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(broken, sizeof(broken), "%s/broken", folder);
	snprintf(command, sizeof(command), "perl %s/tests/unit/make_mmdb.pl %s", SOURCE_DIR, folder);
	if (system(command) != 0) {
		fprintf(
		    stderr, "cannot make databases: scripts/install-deps --tests installs what is missing\n");
		return -1;
	}
	set = geo_set_new();
	return set == NULL || geo_set_add_path(set, folder, error) != ST_OK ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	geo_set_free(set);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_no_location),
	    cmocka_unit_test(test_odd_values),
	    cmocka_unit_test(test_flat),
	    cmocka_unit_test(test_asn),
	    cmocka_unit_test(test_agreement),
	    cmocka_unit_test(test_spread_is_the_largest),
	    cmocka_unit_test(test_distance),
	    cmocka_unit_test(test_record),
	    cmocka_unit_test(test_new_edition_is_the_same_fact),
	    cmocka_unit_test(test_not_a_database),
	    cmocka_unit_test(test_handmade),
	    cmocka_unit_test(test_hostile_entries),
	    cmocka_unit_test(test_hostile_trees),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
