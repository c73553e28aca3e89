#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/limits.h"
#include "register.h"

static struct domain_rules *rules;

/* --- a register in a folder of its own --------------------------------------------------------------- */

static const char *const file_name[] = {
    "entities.csv", "domains.csv", "claims.csv", "controls.csv", "reports.csv", "list.txt", NULL};

#define ENTITIES "entity_id,kind,name,name_local,country,locality,operated_from,parent_id\n"
#define DOMAINS "domain,entity_id,role,listed_at_url,listed_on,verified,valid_from,valid_to\n"
#define CLAIMS                                                                                              \
	"claim_id,entity_id,report,first_reported,source_url,source_title,accessed_on,quote,status,status_" \
	"date,status_source_url,certainty\n"
#define CONTROLS "domain,stratum,source\n"
#define REPORTS "report,title,publisher,published_on,centers_claimed,countries_claimed,note\n"

#define CENTER "rc,reported_center,A center,,CA,Toronto,Fuzhou,\n"
#define ASSOCIATION "as,association,An association,,SG,,,\n"
#define CENTER_CLAIM "c1,rc,R1,2022-09-12,https://a.example/,t,2022-12-05,q,reported,2022-10,,B\n"
#define ASSOCIATION_CLAIM "c2,as,self,2022,https://a.example/,t,2022,q,listed,2022,,A\n"

struct fixture {
	char folder[64];
	struct buf faults; /* "claims.csv:2:5 error: message" a line, without the folder */
};

/* Takes the mark ^ out of `text`, where a fault is expected, and says where it was. */
static struct register_place take_mark(char *text)
{
	struct register_place place = {.line = 1, .column = 1};
	char *mark = strchr(text, '^');

	assert_non_null(mark);
	for (; text < mark; text++) {
		if (*text == '\n') {
			place.line++;
			place.column = 1;
		} else {
			place.column += (*text & 0xc0) != 0x80;
		}
	}
	memmove(mark, mark + 1, strlen(mark));
	return place;
}

static void put(const struct fixture *fixture, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (fixture == NULL)
		return 1;
	strcpy(fixture->folder, "/tmp/mooring-register-XXXXXX");
	if (mkdtemp(fixture->folder) == NULL)
		return 1;
	put(fixture, "entities.csv", ENTITIES CENTER ASSOCIATION);
	put(fixture, "domains.csv",
	    DOMAINS "as.example.org,as,official,https://a.example/,2022,unverified,,\n");
	put(fixture, "claims.csv", CLAIMS CENTER_CLAIM ASSOCIATION_CLAIM);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	size_t i;

	for (i = 0; file_name[i] != NULL; i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture->folder, file_name[i]);
		unlink(path);
	}
	rmdir(fixture->folder);
	buf_release(&fixture->faults);
	free(fixture);
	return 0;
}

static void keep_fault(void *arg, const struct register_fault_info *info)
{
	struct fixture *fixture = arg;
	const char *slash = strrchr(info->file, '/');

	buf_printf(&fixture->faults, "%s:%d:%d %s: %s\n", slash == NULL ? info->file : slash + 1,
	    (int)info->line, (int)info->column, register_severity_name(info->severity), info->message);
}

static struct register_data *load(struct fixture *fixture)
{
	struct register_data *data = NULL;

	buf_clear(&fixture->faults);
	assert_int_equal(register_load(fixture->folder, rules, keep_fault, fixture, &data), ST_OK);
	assert_non_null(data);
	return data;
}

/* Loads, and expects exactly one fault, which begins so and says `part`. */
static void expect_fault(struct fixture *fixture, const char *begin, const char *part)
{
	struct register_data *data = load(fixture);
	const char *text = buf_text(&fixture->faults);

	if (strncmp(text, begin, strlen(begin)) != 0 || strstr(text, part) == NULL ||
	    strchr(text, '\n') != text + strlen(text) - 1)
		fail_msg("expected '%s' with '%s', got: %s", begin, part, text);
	assert_int_equal(data->errors + data->warnings, 1);
	/* What is wrong, and what to do. */
	assert_non_null(strstr(text, ". "));
	register_free(data);
}

/* The same of a file that has the mark where the fault is. */
static void expect_marked(struct fixture *fixture, const char *name, const char *header, const char *rows,
    const char *severity, const char *part)
{
	struct register_place place;
	char text[4096], begin[64];

	snprintf(text, sizeof(text), "%s%s", header, rows);
	place = take_mark(text);
	put(fixture, name, text);
	snprintf(begin, sizeof(begin), "%s:%d:%d %s", name, (int)place.line, (int)place.column, severity);
	expect_fault(fixture, begin, part);
}

static void expect_no_fault(struct fixture *fixture)
{
	register_free(load(fixture));
	assert_string_equal(buf_text(&fixture->faults), "");
}

/* --- loading ----------------------------------------------------------------------------------------- */

static void loads_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data = load(fixture);
	const struct register_entity *center = register_find_entity(data, "rc");
	const struct register_entity *association = register_find_entity(data, "as");

	assert_string_equal(buf_text(&fixture->faults), "");
	assert_int_equal(data->entity_count, 2);
	assert_int_equal(data->listing_count, 1);
	assert_int_equal(data->claim_count, 2);
	assert_ptr_equal(center, &data->entity[0]);
	assert_int_equal(center->kind, REGISTER_REPORTED_CENTER);
	assert_string_equal(register_kind_name(center->kind), "reported_center");
	assert_string_equal(center->operated_from, "Fuzhou");
	assert_int_equal(center->listing_count, 0);
	assert_int_equal(center->claim_count, 1);
	assert_int_equal(association->kind, REGISTER_ASSOCIATION);
	assert_ptr_equal(data->listing[0].entity, association);
	assert_string_equal(data->listing[0].registrable, "example.org");
	assert_string_equal(data->claim[0].certainty, "B");
	assert_int_equal(data->claim[0].status, CLAIM_REPORTED);
	assert_string_equal(register_claim_status_name(CLAIM_REPORTED), "reported");
	assert_null(register_find_entity(data, "nobody"));
	register_free(data);
	register_free(NULL);
}

static void takes_columns_in_any_order_and_carries_unknown_ones(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;
	const struct register_cells *cells;

	put(fixture, "domains.csv",
	    "\xef\xbb\xbf"
	    "note,verified,role,entity_id,domain,listed_on,listed_at_url,valid_to,valid_from\r\n"
	    "\"a, \"\"b\"\"\r\nc\",both,linked,as,www.B\u00fccher.example,,https://a.example/,,\r\n");
	data = load(fixture);
	assert_string_equal(buf_text(&fixture->faults), "");
	cells = &data->listing[0].cells;
	assert_int_equal(cells->count, 10);
	assert_string_equal(cells->name[0], "note");
	assert_string_equal(cells->value[0], "a, \"b\"\r\nc");
	assert_string_equal(cells->name[4], "domain");
	assert_string_equal(cells->value[4], "xn--bcher-kva.example");
	assert_string_equal(cells->name[9], "input");
	assert_string_equal(cells->value[9], "www.B\u00fccher.example");
	assert_string_equal(data->listing[0].input, "www.B\u00fccher.example");
	assert_string_equal(data->listing[0].role, "linked");
	register_free(data);
}

static void knows_the_newest_claim(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;

	put(fixture, "claims.csv",
	    CLAIMS ASSOCIATION_CLAIM "n1,rc,,2022-09,https://a.example/,,,,denied,2022-10-12,,B\n"
				     "n2,rc,,2022-09,https://a.example/,,,,closure_ordered,2022-11-01,,A\n"
				     "n3,rc,,2022-09,https://a.example/,,,,reported,2022-11,,B\n"
				     "n4,rc,,2022-09,https://a.example/,,,,reported_closed,2022-11-01,,B\n");
	data = load(fixture);
	assert_string_equal(register_newest_claim(data, register_find_entity(data, "rc"))->id, "n4");
	assert_string_equal(register_newest_claim(data, register_find_entity(data, "as"))->id, "c2");
	register_free(data);
}

static void count_listing(void *arg, const struct register_listing *listing)
{
	strcat(arg, listing->entity->id);
}

static void finds_all_listings_of_a_domain(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;
	char found[16] = "";

	put(fixture, "domains.csv",
	    DOMAINS "b.example,as,official,https://a.example/,,both,,\n"
		    "www.a.example,rc,linked,https://a.example/,,both,,\n"
		    "A.example.,as,historical,https://a.example/,,both,2015-03,2015\n");
	data = load(fixture);
	assert_string_equal(buf_text(&fixture->faults), "");
	register_each_listing(data, "a.example", count_listing, found);
	assert_string_equal(found, "rcas");
	register_each_listing(data, "c.example", count_listing, found);
	assert_string_equal(found, "rcas");
	register_free(data);
}

static void links_parents_and_cuts_cycles(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;

	put(fixture, "entities.csv",
	    ENTITIES "rc,reported_center,A,,CA,,,as\n"
		     "as,association,B,,SG,,,\n");
	data = load(fixture);
	assert_ptr_equal(register_find_entity(data, "rc")->parent, register_find_entity(data, "as"));
	register_free(data);
	expect_marked(fixture, "entities.csv", ENTITIES,
	    "rc,reported_center,A,,CA,,,as\nas,association,B,,SG,,,^rc\n", "error", "'rc' is below");
	expect_marked(fixture, "entities.csv", ENTITIES,
	    "rc,reported_center,A,,CA,,,^rc\nas,association,B,,SG,,,\n", "error", "'rc' is below");
	expect_marked(fixture, "entities.csv", ENTITIES,
	    "rc,reported_center,A,,CA,,,^nobody\nas,association,B,,SG,,,\n", "error", "'nobody'");
}

/* --- faults, one at a time --------------------------------------------------------------------------- */

static void finds_faults_of_entities(void **state)
{
	static const char *const fault[][3] = {
	    {"x,^club,N,,CA,,,\n", "error", "kind 'club'"},
	    {"x,media,N,,^UK,,,\n", "error", "country 'UK'"},
	    {"x,media,N,,^ca,,,\n", "error", "capital"},
	    {"x,media,N,,^XK,,,\n", "error", "country 'XK'"},
	    {"x,media,^,,CA,,,\n", "error", "name is empty"},
	    {"x,media,^\"Jo, jo@mail.example\",,CA,,,\n", "error", "mail address"},
	    {"x,media,\u00e9,^(jo@mail.example),CA,,,\n", "error", "mail address"},
	    {"^as,media,N,,CA,,,\n", "error", "'as' is there twice"},
	    {"^x y,media,N,,CA,,,\n", "error", "spaces"},
	    {"^x,media,N,,CA,,\n", "error", "7 cells, the header has 8"},
	    {"^x,media,N,,CA,,,,\n", "error", "9 cells, the header has 8"},
	    {"x,media,^N\xff,,CA,,,\n", "error", "UTF-8"},
	    {"x,media,N ^\"n\",,CA,,,\n", "error", "quote"},
	    {"\n\n^x,media,N,,CA,,,\n", "warning", "no claim says"},
	};
	size_t i;

	for (i = 0; i < sizeof(fault) / sizeof(*fault); i++)
		expect_marked(*state, "entities.csv", ENTITIES CENTER ASSOCIATION, fault[i][0], fault[i][1],
		    fault[i][2]);
}

static void finds_faults_of_domains(void **state)
{
	static const char *const fault[][3] = {
	    {"^co.uk,as,official,https://a.example/,,both,,\n", "error", "public suffix"},
	    {"^192.0.2.1,as,official,https://a.example/,,both,,\n", "error", "IP address"},
	    {"^xn--a.example,as,official,https://a.example/,,both,,\n", "error", "IDNA"},
	    {"a.example,as,^owner,https://a.example/,,both,,\n", "error", "role 'owner'"},
	    {"a.example,as,linked,https://a.example/,,^yes,,\n", "error", "verified 'yes'"},
	    {"a.example,^no,linked,https://a.example/,,both,,\n", "error", "'no' is not in"},
	    {"a.example,as,linked,^ftp://a.example/,,both,,\n", "error", "http"},
	    {"a.example,as,linked,^https://,,both,,\n", "error", "http"},
	    {"a.example,as,linked,^https://a.example/ b,,both,,\n", "error", "spaces"},
	    {"a.example,as,linked,^,,both,,\n", "warning", "no source"},
	    {"a.example,as,linked,https://a.example/,^2022-02-29,both,,\n", "error", "2022-02-29"},
	    {"a.example,as,linked,https://a.example/,^1900-02-29,both,,\n", "error", "no date"},
	    {"a.example,as,linked,https://a.example/,^2022-13,both,,\n", "error", "no date"},
	    {"a.example,as,linked,https://a.example/,^22-01-01,both,,\n", "error", "no date"},
	    {"a.example,as,linked,https://a.example/,,both,2020,^2019-12\n", "error", "before"},
	    {"a.example,as,linked,https://a.example/,,both,,\n^www.a.example,as,linked,https://a.example/"
	     ",,both,,\n",
		"error", "twice"},
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(fault) / sizeof(*fault); i++)
		expect_marked(fixture, "domains.csv", DOMAINS, fault[i][0], fault[i][1], fault[i][2]);
	put(fixture, "domains.csv",
	    DOMAINS "a.example,as,linked,https://a.example/,2024-02-29,both,2000-02-29,\n");
	expect_no_fault(fixture);
}

static void finds_faults_of_claims(void **state)
{
	static const char *const fault[][3] = {
	    {"x,rc,,,^,,,,denied,2022,,B\n", "error", "no source"},
	    {"x,rc,,,^,a title,,,denied,2022,,B\n", "warning", "cannot be followed"},
	    {"x,rc,,,https://a.example/,,,,^guilty,2022,,B\n", "error", "status 'guilty'"},
	    {"x,rc,,,https://a.example/,,,,denied,2022,,^D\n", "error", "certainty 'D'"},
	    {"x,rc,,,https://a.example/,,,,denied,^,,B\n", "warning", "no date"},
	    {"x,rc,,,https://a.example/,,,,^listed,2022,,B\n", "error", "no reported center"},
	    {"x,as,,,https://a.example/,,,,^reported,2022,,B\n", "error", "for reported centers only"},
	    {"^c1,rc,,,https://a.example/,,,,denied,2022,,B\n", "error", "'c1' is there twice"},
	    {"x,^no,,,https://a.example/,,,,denied,2022,,B\n", "error", "'no' is not in"},
	};
	static const char header[] = CLAIMS CENTER_CLAIM ASSOCIATION_CLAIM;
	struct fixture *fixture = *state;
	char rows[1024], text[2048], quote[301 * 2 + 1];
	size_t i;

	for (i = 0; i < sizeof(fault) / sizeof(*fault); i++)
		expect_marked(fixture, "claims.csv", header, fault[i][0], fault[i][1], fault[i][2]);
	for (i = 0; i < 301; i++)
		memcpy(quote + 2 * i, "\u00e9", 3);
	snprintf(rows, sizeof(rows), "x,rc,,,https://a.example/,,,^%s,denied,2022,,B\n", quote);
	expect_marked(fixture, "claims.csv", header, rows, "error", "300 characters");
	snprintf(text, sizeof(text), "%sx,rc,,,https://a.example/,,,%s,denied,2022,,B\n", header, quote + 2);
	put(fixture, "claims.csv", text);
	expect_no_fault(fixture);
}

static void finds_faults_of_files(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;
	char path[128];

	put(fixture, "domains.csv", "domain,entity_id,role,listed_at_url,listed_on,valid_from,valid_to\n");
	expect_fault(fixture, "domains.csv:1:1 error", "'verified' is missing");
	put(fixture, "domains.csv", "");
	expect_fault(fixture, "domains.csv:1:1 error", "empty");
	expect_marked(fixture, "domains.csv", "", "domain,role,^\"role", "error", "quote");
	expect_marked(fixture, "domains.csv", "",
	    "domain,entity_id,role,listed_at_url,listed_on,verified,valid_from,valid_to,^role\n", "error",
	    "'role' is there twice");
	put(fixture, "domains.csv", DOMAINS "a.example,as,linked,https://a.example/,,both,,\n");
	expect_marked(fixture, "reports.csv", REPORTS, "R1,T,P,2022-09-12,54,^some,\n", "error", "digits");
	put(fixture, "reports.csv", REPORTS "R1,T,P,2022-09-12,54,,\n");
	data = load(fixture);
	assert_int_equal(data->report[0].centers_claimed, 54);
	assert_true(data->report[0].countries_claimed < 0);
	register_free(data);
	snprintf(path, sizeof(path), "%s/domains.csv", fixture->folder);
	unlink(path);
	expect_fault(fixture, "domains.csv:0:0 error", "cannot be opened");
	/* A pipe that nobody writes to must not hold the program. */
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_fault(fixture, "domains.csv:0:0 error", "is no file");
}

static void one_bad_file_is_one_fault(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "entities.csv", "entity_id\nrc\nas\n");
	register_free(load(fixture));
	assert_null(strstr(buf_text(&fixture->faults), "domains.csv"));
	assert_null(strstr(buf_text(&fixture->faults), "claims.csv"));
	assert_non_null(strstr(buf_text(&fixture->faults), "'parent_id' is missing"));
}

static void sorts_faults_and_warns_of_hidden_characters(void **state)
{
	struct fixture *fixture = *state;
	struct register_data *data;

	put(fixture, "entities.csv",
	    ENTITIES CENTER ASSOCIATION "y,media,N\u202e,,CA,,,gone\nz,media,N,,XX,,,\n");
	put(fixture, "claims.csv",
	    CLAIMS CENTER_CLAIM ASSOCIATION_CLAIM "x,y,,,https://a.example/,,bad,,listed,2022,,E\n");
	data = load(fixture);
	assert_int_equal(data->errors, 4);
	assert_int_equal(data->warnings, 2);
	assert_non_null(strstr(buf_text(&fixture->faults), "U+202E"));
	register_free(data);
	{
		const char *text = buf_text(&fixture->faults);
		const char *order[] = {"claims.csv:4:27", "claims.csv:4:45", "entities.csv:4:1 ",
		    "entities.csv:4:9 ", "entities.csv:4:18", "entities.csv:5:12"};
		size_t i;

		for (i = 0; i < sizeof(order) / sizeof(*order); i++) {
			const char *found = strstr(text, order[i]);

			if (found == NULL)
				fail_msg("no '%s' in its place: %s", order[i], buf_text(&fixture->faults));
			text = found;
		}
	}
}

/* Rows of entities: `errors` with too few cells, and `warnings` that no claim is about. */
static void put_faults(const struct fixture *fixture, int errors, int warnings)
{
	struct buf text = {0};
	int i;

	buf_add_text(&text, ENTITIES CENTER ASSOCIATION);
	for (i = 0; i < errors; i++)
		buf_add_text(&text, "x\n");
	for (i = 0; i < warnings; i++)
		buf_printf(&text, "w%d,media,N,,CA,,,\n", i);
	put(fixture, "entities.csv", buf_text(&text));
	buf_release(&text);
}

/* Loads that many faults; `rest` is the line of those that are not told one by one. */
static void expect_rest(struct fixture *fixture, int errors, int warnings, const char *rest)
{
	struct register_data *data;
	const char *text;

	put_faults(fixture, errors, warnings);
	data = load(fixture);
	text = buf_text(&fixture->faults);
	assert_int_equal(data->errors, errors);
	assert_int_equal(data->warnings, warnings);
	register_free(data);
	assert_true(strlen(text) > strlen(rest));
	assert_string_equal(text + strlen(text) - strlen(rest), rest);
}

static void many_faults_are_counted(void **state)
{
	struct fixture *fixture = *state;
	const char *slash = strrchr(fixture->folder, '/');
	char rest[128];

	snprintf(rest, sizeof(rest), "\n%s:0:0 error: 100 more errors. Mend the others first\n", slash + 1);
	expect_rest(fixture, 10100, 0, rest);
	snprintf(
	    rest, sizeof(rest), "\n%s:0:0 warning: 50 more warnings. Mend the others first\n", slash + 1);
	expect_rest(fixture, 0, 10050, rest);
	/* What cannot be told from the row alone comes last. */
	snprintf(rest, sizeof(rest), "\n%s:0:0 error: 1 more error, 7 more warnings. Mend the others first\n",
	    slash + 1);
	expect_rest(fixture, 10001, 7, rest);
}

/* --- streams ----------------------------------------------------------------------------------------- */

static struct register_stream *open_stream(struct fixture *fixture, const char *name)
{
	struct register_stream *stream = NULL;
	char path[128];

	buf_clear(&fixture->faults);
	snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	assert_int_equal(register_stream_open(path, rules, keep_fault, fixture, &stream), ST_OK);
	return stream;
}

/* Reads to the end: "domain stratum line" or "!input line" for each item. */
static void read_stream(struct register_stream *stream, struct buf *out)
{
	struct register_item item;
	enum status status;

	while ((status = register_stream_next(stream, &item)) == ST_OK || status == ST_INVALID)
		if (status == ST_OK) {
			assert_null(item.fault);
			assert_string_equal(item.registrable, domain_registrable(rules, item.domain));
			buf_printf(out, "%s %s %d\n", item.domain, item.stratum, (int)item.line);
		} else {
			assert_null(item.domain);
			assert_null(item.registrable);
			assert_non_null(item.fault);
			buf_printf(out, "!%s %d\n", item.input, (int)item.line);
		}
	assert_int_equal(status, ST_NOT_FOUND);
	assert_int_equal(register_stream_next(stream, &item), ST_NOT_FOUND);
}

static void expect_stream(struct register_stream *stream, const char *expected)
{
	struct buf out = {0};

	read_stream(stream, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void streams_a_list(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	struct register_stream_counts counts;

	put(fixture, "list.txt",
	    "\xef\xbb\xbf# a list\r\nExample.org\r\n\n  https://www.example.org/x  again\n#\n3,a.example\n"
	    "co.uk # why\n\xff.org\nb\u00fccher.example");
	stream = open_stream(fixture, "list.txt");
	assert_int_equal(register_stream_total(stream), 9);
	/* printf of the text above, by sha256sum */
	assert_string_equal(register_stream_sha256(stream),
	    "89a27f20a2c5328d327e27914eb359b1b6170d813b5bb77698f8daae852693c1");
	expect_stream(stream, "example.org register 2\na.example register 6\n!co.uk 7\n!\ufffd.org 8\n"
			      "xn--bcher-kva.example register 9\n");
	counts = register_stream_counts(stream);
	assert_int_equal(counts.domains, 3);
	assert_int_equal(counts.invalid, 2);
	assert_int_equal(counts.duplicates, 1);
	register_stream_close(stream);
	assert_non_null(strstr(buf_text(&fixture->faults), "list.txt:4:3 note: 'example.org'"));
	assert_non_null(strstr(buf_text(&fixture->faults), "list.txt:7:1 error: 'co.uk' is a public suffix"));
	assert_non_null(strstr(buf_text(&fixture->faults), "list.txt:8:1 error"));
}

static void gives_the_cells_of_an_item(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	struct register_item item;

	put(fixture, "list.txt", "WWW.Example.org\n");
	stream = open_stream(fixture, "list.txt");
	assert_int_equal(register_stream_next(stream, &item), ST_OK);
	assert_int_equal(item.cells.count, 3);
	assert_string_equal(item.cells.name[0], "domain");
	assert_string_equal(item.cells.value[0], "example.org");
	assert_string_equal(item.cells.value[1], "register");
	assert_string_equal(item.cells.name[2], "input");
	assert_string_equal(item.cells.value[2], "WWW.Example.org");
	assert_string_equal(item.input, "WWW.Example.org");
	register_stream_close(stream);
	register_stream_close(NULL);
}

static void streams_a_folder(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;

	put(fixture, "domains.csv",
	    DOMAINS "as.example.org,as,official,,,unverified,,\nas.example.org,rc,linked,,,both,,\n"
		    "co.uk,as,linked,,,both,,\n");
	put(fixture, "controls.csv",
	    CONTROLS "a.example,general,list\na.example,matched,list\nwww.example.org,general,list\n"
		     "b.example,matched,\nc.example,other,\nd.example\n");
	stream = open_stream(fixture, "");
	assert_int_equal(register_stream_total(stream), 9);
	expect_stream(stream,
	    "as.example.org register 2\n!co.uk 4\na.example general 2\nb.example matched 5\n"
	    "!c.example 6\n! 7\n");
	assert_int_equal(register_stream_counts(stream).duplicates, 3);
	register_stream_close(stream);
	assert_non_null(strstr(buf_text(&fixture->faults), "controls.csv:3:1 note"));
	assert_non_null(
	    strstr(buf_text(&fixture->faults), "controls.csv:4:1 warning: the control 'example.org'"));
	assert_non_null(strstr(buf_text(&fixture->faults), "controls.csv:6:11 error: stratum 'other'"));
	assert_null(strstr(buf_text(&fixture->faults), "domains.csv:3"));
}

static void adds_controls(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	char path[128], alone[65];

	put(fixture, "list.txt", "a.example\nwww.as.example.org\nexample.org\n");
	put(fixture, "controls.csv", "source,\"stratum\",domain\nx,matched,b.example\n");
	stream = open_stream(fixture, "");
	snprintf(alone, sizeof(alone), "%s", register_stream_sha256(stream));
	snprintf(path, sizeof(path), "%s/list.txt", fixture->folder);
	assert_int_equal(register_stream_add_controls(stream, path, "general"), ST_OK);
	snprintf(path, sizeof(path), "%s/controls.csv", fixture->folder);
	assert_int_equal(register_stream_add_controls(stream, path, "general"), ST_OK);
	assert_int_equal(strlen(register_stream_sha256(stream)), 64);
	assert_string_not_equal(register_stream_sha256(stream), alone);
	/* Of the folder's three, all are known by now; of the list, one is new. */
	expect_stream(stream, "as.example.org register 2\nb.example matched 2\na.example general 1\n");
	assert_int_equal(register_stream_add_controls(stream, "/nowhere/list", "general"), ST_SYSTEM);
	register_stream_close(stream);
}

static void hashes_a_folder_as_sha256sum_does(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	char first[65], command[256], expected[65] = "";
	FILE *pipe;

	stream = open_stream(fixture, "");
	snprintf(first, sizeof(first), "%s", register_stream_sha256(stream));
	register_stream_close(stream);
	snprintf(command, sizeof(command),
	    "cd %s && sha256sum claims.csv domains.csv entities.csv | sha256sum", fixture->folder);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(expected, sizeof(expected), pipe));
	pclose(pipe);
	assert_string_equal(first, expected);
	put(fixture, "reports.csv", REPORTS);
	stream = open_stream(fixture, "");
	assert_string_not_equal(register_stream_sha256(stream), first);
	register_stream_close(stream);
}

/* A pipe can be read once: its digest is there at the end. */
static void streams_a_pipe(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	char path[32];
	int end[2];

	assert_int_equal(pipe(end), 0);
	assert_int_equal(write(end[1], "a.example\n", 10), 10);
	close(end[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", end[0]);
	assert_int_equal(register_stream_open(path, rules, keep_fault, fixture, &stream), ST_OK);
	assert_string_equal(register_stream_sha256(stream), "");
	assert_true(register_stream_total(stream) < 0);
	expect_stream(stream, "a.example register 1\n");
	assert_string_equal(register_stream_sha256(stream),
	    "2f12e4454293b6e04d2e50ed2620c003be8942f7a3adc5f0d6930b3385b70368");
	register_stream_close(stream);
	close(end[0]);
}

static void bounds_a_line(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream;
	struct register_item item;
	char *text = malloc(LIMIT_LINE + 100);

	assert_non_null(text);
	memset(text, 'a', LIMIT_LINE + 1);
	strcpy(text + LIMIT_LINE + 1, "\na.example\n");
	put(fixture, "list.txt", text);
	free(text);
	stream = open_stream(fixture, "list.txt");
	assert_int_equal(register_stream_next(stream, &item), ST_INVALID);
	assert_int_equal(strlen(item.input), LIMIT_LINE);
	assert_non_null(strstr(item.fault, "64 KiB"));
	assert_int_equal(register_stream_next(stream, &item), ST_OK);
	assert_int_equal(item.line, 2);
	register_stream_close(stream);
	assert_true(strlen(buf_text(&fixture->faults)) < 500);
}

static void says_why_it_cannot_be_read(void **state)
{
	struct fixture *fixture = *state;
	struct register_stream *stream = NULL;
	struct register_item item;
	char path[128];

	assert_int_equal(register_stream_open("/nowhere/x", rules, keep_fault, fixture, &stream), ST_SYSTEM);
	assert_non_null(strstr(buf_text(&fixture->faults), "x:0:0 error: cannot be opened"));
	put(fixture, "domains.csv", "name\na.example\n");
	stream = open_stream(fixture, "");
	assert_int_equal(register_stream_next(stream, &item), ST_SYSTEM);
	assert_int_equal(register_stream_next(stream, &item), ST_SYSTEM);
	assert_non_null(strstr(buf_text(&fixture->faults), "'domain' is missing"));
	register_stream_close(stream);
	snprintf(path, sizeof(path), "%s/domains.csv", fixture->folder);
	unlink(path);
	buf_clear(&fixture->faults);
	assert_int_equal(
	    register_stream_open(fixture->folder, rules, keep_fault, fixture, &stream), ST_SYSTEM);
	assert_non_null(strstr(buf_text(&fixture->faults), "domains.csv:0:0 error"));
}

/* --- the shipped register ---------------------------------------------------------------------------- */

static void the_shipped_register_has_no_errors(void **state)
{
	static const char folder[] = SOURCE_DIR "/scanner/register";
	struct fixture *fixture = *state;
	struct register_data *data = NULL;
	struct register_stream *stream;
	size_t i, centers = 0;

	assert_int_equal(register_load(folder, rules, keep_fault, fixture, &data), ST_OK);
	if (data->errors > 0)
		fail_msg("%s", buf_text(&fixture->faults));
	for (i = 0; i < data->entity_count; i++) {
		bool center = data->entity[i].kind == REGISTER_REPORTED_CENTER;

		centers += center;
		assert_non_null(data->entity[i].newest);
		/* None has a known domain, and all else has the status that accuses nobody. */
		assert_true(!center || data->entity[i].listing_count == 0);
		assert_int_equal(data->entity[i].newest->status == CLAIM_LISTED, !center);
	}
	assert_int_equal(centers, 62);
	register_free(data);
	assert_int_equal(register_stream_open(folder, rules, NULL, NULL, &stream), ST_OK);
	assert_int_equal(register_stream_total(stream), 24);
	register_stream_close(stream);
}

#define REGISTER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    REGISTER_TEST(loads_what_is_there),
	    REGISTER_TEST(takes_columns_in_any_order_and_carries_unknown_ones),
	    REGISTER_TEST(knows_the_newest_claim),
	    REGISTER_TEST(finds_all_listings_of_a_domain),
	    REGISTER_TEST(links_parents_and_cuts_cycles),
	    REGISTER_TEST(finds_faults_of_entities),
	    REGISTER_TEST(finds_faults_of_domains),
	    REGISTER_TEST(finds_faults_of_claims),
	    REGISTER_TEST(finds_faults_of_files),
	    REGISTER_TEST(one_bad_file_is_one_fault),
	    REGISTER_TEST(sorts_faults_and_warns_of_hidden_characters),
	    REGISTER_TEST(many_faults_are_counted),
	    REGISTER_TEST(streams_a_list),
	    REGISTER_TEST(gives_the_cells_of_an_item),
	    REGISTER_TEST(streams_a_folder),
	    REGISTER_TEST(adds_controls),
	    REGISTER_TEST(hashes_a_folder_as_sha256sum_does),
	    REGISTER_TEST(streams_a_pipe),
	    REGISTER_TEST(bounds_a_line),
	    REGISTER_TEST(says_why_it_cannot_be_read),
	    REGISTER_TEST(the_shipped_register_has_no_errors),
	};
	int failed;

	rules = domain_rules_new(NULL);
	failed = rules == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	domain_rules_free(rules);
	return failed;
}
