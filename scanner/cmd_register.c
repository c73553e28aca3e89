/* mooring register check PATH: every fault of a register with its position, and what the register holds. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "core/log.h"
#include "core/text.h"
#include "register.h"
#include "results/json.h"

static const char usage[] =
    "Usage: mooring register check PATH [--json] [--psl-file FILE]\n\n"
    "Reads a register (a folder, a plain list of domains, or - for standard input), prints every fault\n"
    "as FILE:LINE:COLUMN: SEVERITY: what is wrong, and what to do, and then what the register holds.\n"
    "Contacts nobody. Exit code 0: no errors, 1: errors, 2: usage.\n\n"
    "  -j, --json             JSON Lines: one object a fault, the summary last\n"
    "      --psl-file FILE    a newer Public Suffix List\n"
    "  -h, --help             this text\n";

struct check {
	const char *path;
	bool json;
	bool only_controls; /* the other files of a folder were checked before */
	size_t found[REGISTER_SEVERITY_COUNT];
	struct buf line;
};

/* What a register holds, counted once and then shown in either form. */
struct summary {
	size_t kind[REGISTER_KIND_COUNT];
	size_t claim[CLAIM_STATUS_COUNT];
	size_t newest[CLAIM_STATUS_COUNT]; /* newest claims of reported centers */
	size_t entities, listings, claims, domains, controls;
	size_t centers_without_domain, countries;
	long centers_claimed, countries_claimed; /* the most that a report says; negative: no report does */
};

static void print_line(struct check *check)
{
	buf_add_char(&check->line, '\n');
	fwrite(buf_text(&check->line), 1, check->line.length, stdout);
	buf_clear(&check->line);
}

static void print_fault_json(struct check *check, const struct register_fault_info *info)
{
	struct buf *line = &check->line;

	buf_add_char(line, '{');
	json_member_string(line, "record_type", "register_fault");
	json_member_string(line, "severity", register_severity_name(info->severity));
	json_member_string(line, "file", info->file);
	json_member_int(line, "line", (int64_t)info->line);
	json_member_int(line, "column", (int64_t)info->column);
	json_member_string(line, "message", info->message);
	buf_add_char(line, '}');
	print_line(check);
}

static void count_fault(struct check *check, const struct register_fault_info *info)
{
	unsigned i;

	if (info->omitted == NULL) {
		check->found[info->severity]++;
		return;
	}
	for (i = 0; i < REGISTER_SEVERITY_COUNT; i++)
		check->found[i] += info->omitted[i];
}

static void on_fault(void *arg, const struct register_fault_info *info)
{
	struct check *check = arg;
	const char *slash = strrchr(info->file, '/');

	if (check->only_controls && (slash == NULL || strcmp(slash, "/controls.csv") != 0))
		return;
	count_fault(check, info);
	if (check->json) {
		print_fault_json(check, info);
		return;
	}
	text_add_printable(&check->line, info->file, strlen(info->file));
	if (info->line > 0)
		buf_printf(&check->line, ":%llu:%llu", (unsigned long long)info->line,
		    (unsigned long long)info->column);
	buf_printf(&check->line, ": %s: ", register_severity_name(info->severity));
	text_add_printable(&check->line, info->message, strlen(info->message));
	print_line(check);
}

static size_t count_countries(const struct register_data *data)
{
	bool met['Z' - 'A' + 1]['Z' - 'A' + 1] = {{false}};
	size_t count = 0, i;

	for (i = 0; i < data->entity_count; i++) {
		const char *country = data->entity[i].country;
		bool *seen;

		if (data->entity[i].kind != REGISTER_REPORTED_CENTER || *country == '\0')
			continue;
		seen = &met[country[0] - 'A'][country[1] - 'A'];
		count += !*seen;
		*seen = true;
	}
	return count;
}

static void count_register(const struct register_data *data, struct summary *ret_summary)
{
	struct summary summary = {.centers_claimed = -1, .countries_claimed = -1};
	size_t i;

	summary.entities = data->entity_count;
	summary.listings = data->listing_count;
	summary.claims = data->claim_count;
	summary.countries = count_countries(data);
	for (i = 0; i < data->entity_count; i++) {
		const struct register_entity *entity = &data->entity[i];

		summary.kind[entity->kind]++;
		if (entity->kind != REGISTER_REPORTED_CENTER)
			continue;
		summary.centers_without_domain += entity->listing_count == 0;
		if (entity->newest != NULL)
			summary.newest[entity->newest->status]++;
	}
	for (i = 0; i < data->claim_count; i++)
		summary.claim[data->claim[i].status]++;
	for (i = 0; i < data->report_count; i++) {
		/* Later reports count the centers of the earlier ones, too. */
		if (data->report[i].centers_claimed > summary.centers_claimed)
			summary.centers_claimed = data->report[i].centers_claimed;
		if (data->report[i].countries_claimed > summary.countries_claimed)
			summary.countries_claimed = data->report[i].countries_claimed;
	}
	*ret_summary = summary;
}

typedef const char *name_of(unsigned index);

static const char *kind_name(unsigned index)
{
	return register_kind_name((enum register_kind)index);
}

static const char *status_word(unsigned index)
{
	return register_claim_status_name((enum register_claim_status)index);
}

/* ": 62 reported_center, 7 association" of what is not zero. */
static void add_parts(struct buf *out, const size_t *number, unsigned count, name_of *name)
{
	const char *before = ": ";
	unsigned i;

	for (i = 0; i < count; i++) {
		if (number[i] == 0)
			continue;
		buf_printf(out, "%s%zu %s", before, number[i], name(i));
		before = ", ";
	}
}

static void print_summary(struct check *check, const struct summary *summary)
{
	struct buf *line = &check->line;
	size_t centers = summary->kind[REGISTER_REPORTED_CENTER];

	buf_printf(line, "%zu entities", summary->entities);
	add_parts(line, summary->kind, REGISTER_KIND_COUNT, kind_name);
	print_line(check);
	buf_printf(line, "%zu domains in %zu listings; %zu controls", summary->domains, summary->listings,
	    summary->controls);
	print_line(check);
	buf_printf(line, "%zu claims", summary->claims);
	add_parts(line, summary->claim, CLAIM_STATUS_COUNT, status_word);
	print_line(check);
	buf_printf(line, "%zu reported centers by their newest claim", centers);
	add_parts(line, summary->newest, CLAIM_STATUS_COUNT, status_word);
	print_line(check);
	buf_printf(line, "%zu of %zu reported centers have no known domain", summary->centers_without_domain,
	    centers);
	print_line(check);
	if (summary->centers_claimed < 0 && summary->countries_claimed < 0)
		return;
	if (summary->centers_claimed >= 0)
		buf_printf(line, "%zu of %ld reported centers have a row", centers, summary->centers_claimed);
	if (summary->countries_claimed >= 0)
		buf_printf(line, "%s%zu of %ld countries", line->length > 0 ? "; " : "", summary->countries,
		    summary->countries_claimed);
	print_line(check);
}

static void add_object(struct buf *out, const char *key, const size_t *number, unsigned count, name_of *name)
{
	unsigned i;

	json_key(out, key);
	buf_add_char(out, '{');
	for (i = 0; i < count; i++) {
		json_member_int(out, name(i), (int64_t)number[i]);
	}
	buf_add_char(out, '}');
}

static void add_number(struct buf *out, const char *key, size_t number)
{
	json_member_int(out, key, (int64_t)number);
}

/* Null where no report says a total. */
static void add_total(struct buf *out, const char *key, long total)
{
	json_key(out, key);
	if (total < 0)
		buf_add_text(out, "null");
	else
		json_int(out, total);
}

static void add_summary_json(struct buf *out, const struct summary *summary)
{
	add_number(out, "entities", summary->entities);
	add_object(out, "entities_by_kind", summary->kind, REGISTER_KIND_COUNT, kind_name);
	add_number(out, "listings", summary->listings);
	add_number(out, "claims", summary->claims);
	add_object(out, "claims_by_status", summary->claim, CLAIM_STATUS_COUNT, status_word);
	add_object(
	    out, "reported_centers_by_newest_status", summary->newest, CLAIM_STATUS_COUNT, status_word);
	add_number(out, "reported_centers_without_domain", summary->centers_without_domain);
	add_number(out, "reported_center_countries", summary->countries);
	add_total(out, "centers_claimed", summary->centers_claimed);
	add_total(out, "countries_claimed", summary->countries_claimed);
}

/* The last line: how the check came out. */
static void print_end(struct check *check, const struct summary *summary, bool folder,
    const struct register_stream_counts *counts, const char *sha256)
{
	struct buf *line = &check->line;

	if (!check->json) {
		if (folder)
			print_summary(check, summary);
		else
			buf_printf(line, "%llu domains, %llu invalid lines, %llu repeated lines\n",
			    (unsigned long long)counts->domains, (unsigned long long)counts->invalid,
			    (unsigned long long)counts->duplicates);
		buf_printf(line, "SHA-256 %s\n%zu errors, %zu warnings", sha256, check->found[REGISTER_ERROR],
		    check->found[REGISTER_WARNING]);
		print_line(check);
		return;
	}
	buf_add_char(line, '{');
	json_member_string(line, "record_type", "register_summary");
	json_member_string(line, "path", check->path);
	json_member_string(line, "sha256", *sha256 == '\0' ? NULL : sha256);
	add_number(line, "errors", check->found[REGISTER_ERROR]);
	add_number(line, "warnings", check->found[REGISTER_WARNING]);
	add_number(line, "notes", check->found[REGISTER_NOTE]);
	add_number(line, "domains", folder ? summary->domains : (size_t)counts->domains);
	add_number(line, "controls", summary->controls);
	if (folder)
		add_summary_json(line, summary);
	buf_add_char(line, '}');
	print_line(check);
}

/* Reads the domains of a list, or those of a folder and its controls. */
static enum status check_domains(
    struct check *check, const struct domain_rules *rules, bool folder, struct summary *summary)
{
	struct register_stream *stream = NULL;
	struct register_stream_counts counts = {0};
	struct register_item item;
	enum status status;

	check->only_controls = folder;
	status = register_stream_open(check->path, rules, on_fault, check, &stream);
	while (status == ST_OK || status == ST_INVALID) {
		status = register_stream_next(stream, &item);
		if (status != ST_OK)
			continue;
		if (strcmp(item.stratum, "register") == 0)
			summary->domains++;
		else
			summary->controls++;
	}
	if (stream != NULL)
		counts = register_stream_counts(stream);
	print_end(check, summary, folder, &counts, stream == NULL ? "" : register_stream_sha256(stream));
	register_stream_close(stream);
	return status == ST_NO_MEMORY ? status : ST_OK;
}

static enum status check_register(struct check *check, const struct domain_rules *rules)
{
	struct register_data *data;
	struct summary summary = {0};
	enum status status = ST_OK;
	struct stat st;
	bool folder = strcmp(check->path, "-") != 0 && stat(check->path, &st) == 0 && S_ISDIR(st.st_mode);

	if (folder) {
		status = register_load(check->path, rules, on_fault, check, &data);
		if (status != ST_OK)
			return status;
		count_register(data, &summary);
		register_free(data);
	}
	return check_domains(check, rules, folder, &summary);
}

/* 0: go on; else an exit code plus one. */
static int read_options(int argc, char **argv, struct check *check, const char **ret_psl_file)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"psl-file", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
	int found;

	optind = 1;
	while ((found = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (found == 'j')
			check->json = true;
		else if (found == 'p')
			*ret_psl_file = optarg;
		else if (found == 'h') {
			fputs(usage, stdout);
			return EXIT_COMPLETE + 1;
		} else {
			fprintf(stderr, "Try 'mooring register --help'.\n");
			return EXIT_USAGE + 1;
		}
	}
	if (argc - optind != 2 || strcmp(argv[optind], "check") != 0) {
		fputs(usage, stderr);
		return EXIT_USAGE + 1;
	}
	check->path = argv[optind + 1];
	return 0;
}

int cmd_register(int argc, char **argv)
{
	struct check check = {0};
	const char *psl_file = NULL;
	int code = read_options(argc, argv, &check, &psl_file);
	struct domain_rules *rules;
	enum status status;

	if (code != 0)
		return code - 1;
	rules = domain_rules_new(psl_file);
	if (rules == NULL) {
		log_line(LOG_ERROR, "the Public Suffix List %s cannot be read",
		    psl_file == NULL ? "of libpsl" : psl_file);
		return EXIT_FAILED;
	}
	status = check_register(&check, rules);
	domain_rules_free(rules);
	buf_release(&check.line);
	if (status != ST_OK) {
		log_line(LOG_ERROR, "the register was not read to its end: %s", status_text(status));
		return EXIT_FAILED;
	}
	if (fflush(stdout) != 0) {
		log_line(LOG_ERROR, "cannot write to standard output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return check.found[REGISTER_ERROR] == 0 ? EXIT_COMPLETE : EXIT_FAILED;
}
