#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"

enum kind { KIND_TEXT, KIND_LIST, KIND_FLAG, KIND_COUNT, KIND_PORT, KIND_RATE, KIND_TIME };

struct option_row {
	const char *name;
	char letter;
	enum kind kind;
	unsigned commands;
	size_t offset;
	const char *argument, *help;
};

/* What a count may be. */
struct range {
	size_t offset;
	int64_t least, most;
	const char *should;
};

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct option_row options[] = {
	{"db", 'd', KIND_TEXT, CONFIG_ALL, AT(db), "FILE", "the database (scan, overlaps: mooring.db by default)"},
	{"output", 'o', KIND_TEXT, CONFIG_ALL, AT(output), "FILE|-", "where results go; records of scan and check as JSON Lines"},
	{"config", 'c', KIND_TEXT, CONFIG_ALL, AT(config_file), "FILE", "settings (INI); ./mooring.conf is read when it exists"},
	{"json", 'j', KIND_FLAG, CONFIG_CHECK | CONFIG_OVERLAPS | CONFIG_RUNS, AT(json), NULL, "JSON Lines on standard output"},
	{"quiet", 'q', KIND_FLAG, CONFIG_ALL, AT(quiet), NULL, "no progress, no notices; errors only"},
	{"verbose", 'v', KIND_COUNT, CONFIG_ALL, AT(verbose), NULL, "say more; twice: even more"},
	{"no-color", 0, KIND_FLAG, CONFIG_ALL, AT(no_color), NULL, "no colour on the terminal (NO_COLOR does the same)"},
	{"contact", 0, KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(contact), "URL|EMAIL", "how the scanned can reach you; a scan needs it"},
	{"resolver", 'r', KIND_LIST, CONFIG_SCAN | CONFIG_CHECK, AT(resolver), "ADDR[:PORT]", "a resolver (repeatable; default: the system's)"},
	{"rate", 0, KIND_RATE, CONFIG_SCAN | CONFIG_CHECK, AT(rate), "N", "new connections and queries a second, all together (100; 0: no limit)"},
	{"concurrency", 0, KIND_COUNT, CONFIG_SCAN | CONFIG_CHECK, AT(concurrency), "N", "domains under way at once (64)"},
	{"per-address", 0, KIND_COUNT, CONFIG_SCAN | CONFIG_CHECK, AT(per_address), "N", "connections to one address at once (2; 0: no limit)"},
	{"per-network", 0, KIND_COUNT, CONFIG_SCAN | CONFIG_CHECK, AT(per_network), "N", "connections to one /24 or /48 at once (4; 0: no limit)"},
	{"pause", 0, KIND_TIME, CONFIG_SCAN | CONFIG_CHECK, AT(pause), "SECONDS", "between two connections to one address (0.25)"},
	{"timeout", 0, KIND_TIME, CONFIG_SCAN | CONFIG_CHECK, AT(timeout), "SECONDS", "for each step: connect, handshake, response (10)"},
	{"target-timeout", 0, KIND_TIME, CONFIG_SCAN | CONFIG_CHECK, AT(target_timeout), "SECONDS", "for a whole domain, waiting for permits not counted (120)"},
	{"retries", 0, KIND_COUNT, CONFIG_SCAN | CONFIG_CHECK, AT(retries), "N", "rounds over the resolvers for a question, 1 to 10 (4)"},
	{"probes", 0, KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(probes), "LIST", "which probes run: dns,tcp,tls,http (all)"},
	{"port-http", 0, KIND_PORT, CONFIG_SCAN | CONFIG_CHECK, AT(port_http), "N", "port for HTTP (80)"},
	{"port-https", 0, KIND_PORT, CONFIG_SCAN | CONFIG_CHECK, AT(port_https), "N", "port for HTTPS (443)"},
	{"allow-net", 0, KIND_LIST, CONFIG_SCAN | CONFIG_CHECK, AT(allow_net), "CIDR", "addresses that the scope would refuse, for a lab (repeatable)"},
	{"blocklist-file", 'b', KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(blocklist_file), "FILE", "addresses, networks and domains never to contact"},
	{"geo", 0, KIND_LIST, CONFIG_SCAN | CONFIG_CHECK, AT(geo), "DIR|FILE", "MMDB databases of location and AS (repeatable)"},
	{"vantage", 0, KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(vantage), "NAME[,LAT,LON[,KM]]", "where this scan looks from (the host's name)"},
	{"control", 0, KIND_LIST, CONFIG_SCAN, AT(control), "FILE", "control domains, one a line or as controls.csv (repeatable)"},
	{"ignore-robots", 0, KIND_FLAG, CONFIG_SCAN | CONFIG_CHECK, AT(ignore_robots), NULL, "fetch / without reading robots.txt"},
	{"no-favicon", 0, KIND_FLAG, CONFIG_SCAN | CONFIG_CHECK, AT(no_favicon), NULL, "do not fetch the icon"},
	{"keep-bodies", 0, KIND_FLAG, CONFIG_SCAN | CONFIG_CHECK, AT(keep_bodies), NULL, "keep the bodies of pages as evidence"},
	{"ca-file", 0, KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(ca_file), "FILE", "trusted certificates, PEM (the system's)"},
	{"psl-file", 0, KIND_TEXT, CONFIG_SCAN | CONFIG_CHECK, AT(psl_file), "FILE", "a newer Public Suffix List"},
	{"metadata-file", 0, KIND_TEXT, CONFIG_SCAN, AT(metadata_file), "FILE", "write the run's metadata there, as JSON"},
	{"dry-run", 0, KIND_FLAG, CONFIG_SCAN, AT(dry_run), NULL, "say what would be done, contact nobody"},
	{"format", 'f', KIND_TEXT, CONFIG_OVERLAPS, AT(format), "NAME", "table, jsonl or csv"},
	{"as-of", 0, KIND_TEXT, CONFIG_OVERLAPS | CONFIG_EXPORT, AT(run), "RUN", "the run to read (the newest complete one)"},
	{"with", 0, KIND_TEXT, CONFIG_OVERLAPS, AT(with), "DOMAIN", "only what this domain shares"},
	{"type", 't', KIND_TEXT, CONFIG_OVERLAPS | CONFIG_EXPORT, AT(type), "NAME", "only this indicator (overlaps) or record type (export)"},
	{"limit", 'n', KIND_COUNT, CONFIG_OVERLAPS, AT(limit), "N", "at most so many rows (0: all)"},
	{"help", 'h', KIND_FLAG, CONFIG_ALL, AT(help), NULL, "this text"},
};
/* clang-format on */

enum { COUNT_MAX = 100000000 };

/* The counts that not every whole number fits. */
static const struct range ranges[] = {
    {AT(concurrency), 1, COUNT_MAX, "a whole number, 1 or more"},
    {AT(retries), 1, 10, "a whole number, 1 to 10"},
};

enum { OPTION_COUNT = sizeof(options) / sizeof(*options) };

static enum status set_text(char **slot, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return ST_NO_MEMORY;
	free(*slot);
	*slot = copy;
	return ST_OK;
}

static enum status add_string(struct strings *list, const char *text)
{
	char **item = realloc(list->item, (list->count + 1) * sizeof(*item)), *copy;

	if (item == NULL)
		return ST_NO_MEMORY;
	list->item = item;
	copy = strdup(text);
	if (copy == NULL)
		return ST_NO_MEMORY;
	list->item[list->count++] = copy;
	return ST_OK;
}

static void clear_strings(struct strings *list)
{
	while (list->count > 0)
		free(list->item[--list->count]);
	free(list->item);
	list->item = NULL;
}

void config_init(struct config *config)
{
	*config = (struct config){.port_http = 80,
	    .port_https = 443,
	    .rate = 100,
	    .concurrency = 64,
	    .per_address = 2,
	    .per_network = 4,
	    .retries = 4,
	    .timeout = 10 * 1000000,
	    .target_timeout = 120 * 1000000,
	    .pause = 250 * 1000};
}

void config_release(struct config *config)
{
	unsigned i;

	for (i = 0; i < OPTION_COUNT; i++) {
		void *slot = (char *)config + options[i].offset;

		if (options[i].kind == KIND_TEXT)
			free(*(char **)slot);
		else if (options[i].kind == KIND_LIST)
			clear_strings(slot);
	}
	*config = (struct config){0};
}

static bool parse_count(const char *text, int64_t most, int64_t *ret_value)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 0 || value > most)
		return false;
	*ret_value = value;
	return true;
}

static bool parse_real(const char *text, double most, double *ret_value)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(value >= 0 && value <= most))
		return false;
	*ret_value = value;
	return true;
}

static bool is_true(const char *text)
{
	return strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

static const struct range *range_of(const struct option_row *row)
{
	static const struct range any = {0, 0, COUNT_MAX, "a whole number"};
	unsigned i;

	for (i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (ranges[i].offset == row->offset)
			return &ranges[i];
	return &any;
}

/* Sets one value; NULL, or what it should have been. `text` is NULL for a flag on the command line. */
static const char *set_option(struct config *config, const struct option_row *row, const char *text)
{
	void *slot = (char *)config + row->offset;
	const struct range *range = range_of(row);
	int64_t count;
	double real;

	switch (row->kind) {
	case KIND_TEXT:
		return set_text(slot, text) == ST_OK ? NULL : "less: memory ran out";
	case KIND_LIST:
		return add_string(slot, text) == ST_OK ? NULL : "less: memory ran out";
	case KIND_FLAG:
		*(bool *)slot = text == NULL || is_true(text);
		return NULL;
	case KIND_COUNT:
		if (text == NULL)
			++*(int64_t *)slot;
		else if (parse_count(text, range->most, &count) && count >= range->least)
			*(int64_t *)slot = count;
		else
			return range->should;
		return NULL;
	case KIND_PORT:
		if (!parse_count(text, 65535, &count) || count == 0)
			return "a port, 1 to 65535";
		*(uint16_t *)slot = (uint16_t)count;
		return NULL;
	case KIND_RATE:
		if (!parse_real(text, 1e7, &real))
			return "a number, 0 for no limit";
		*(double *)slot = real;
		return NULL;
	case KIND_TIME:
		if (!parse_real(text, 1e6, &real))
			return "seconds, such as 2.5";
		*(int64_t *)slot = (int64_t)(real * 1e6);
		return NULL;
	}
	return "known";
}

/* What stands in the User-Agent of every request: a URL or an e-mail address in one line. */
static bool is_contact(const char *text)
{
	const char *at = strchr(text, '@');
	const char *c;

	for (c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("()\\\"", *c) != NULL)
			return false;
	if (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0)
		return strlen(text) > 10 && strchr(text + 8, '.') != NULL;
	return at != NULL && at > text && strchr(at, '.') != NULL && at[1] != '.';
}

struct ini_state {
	struct config *config;
	const char *name;
	FILE *file;
	int line; /* counted here: Debian's libinih does not hand it to its callback */
	unsigned command;
	bool failed;
};

static char *read_ini_line(char *text, int size, void *arg)
{
	struct ini_state *state = arg;

	state->line++;
	return fgets(text, size, state->file);
}

static int on_ini_line(void *arg, const char *section, const char *name, const char *value)
{
	struct ini_state *state = arg;
	const char *should;
	unsigned i;

	(void)section; /* sections are for the reader; keys are the same everywhere */
	for (i = 0; i < OPTION_COUNT; i++)
		if (strcmp(options[i].name, name) == 0)
			break;
	if (i == OPTION_COUNT) {
		log_line(LOG_ERROR, "%s:%d: unknown key '%s'. 'mooring scan --help' lists them", state->name,
		    state->line, name);
		state->failed = true;
		return 1;
	}
	if (!(options[i].commands & state->command))
		return 1;
	should = set_option(state->config, &options[i], value);
	if (should != NULL) {
		log_line(LOG_ERROR, "%s:%d: %s = '%s' should be %s", state->name, state->line, name, value,
		    should);
		state->failed = true;
	}
	return 1;
}

static enum status read_file(struct config *config, unsigned command, const char *name)
{
	struct ini_state state = {.config = config, .name = name, .command = command};
	int line;

	state.file = fopen(name, "r");
	if (state.file == NULL) {
		log_line(LOG_ERROR, "cannot read %s: %s", name, strerror(errno));
		return ST_INVALID;
	}
	line = ini_parse_stream(read_ini_line, &state, on_ini_line, &state);
	fclose(state.file);
	if (line > 0) {
		log_line(LOG_ERROR, "%s:%d: expected 'key = value'", name, line);
		return ST_INVALID;
	}
	return state.failed || line != 0 ? ST_INVALID : ST_OK;
}

/* The long and short forms that getopt wants, for one command. */
static void list_options(unsigned command, struct option *ret_long, char *ret_short)
{
	unsigned i, n = 0;

	for (i = 0; i < OPTION_COUNT; i++) {
		bool argument = options[i].argument != NULL;

		if (!(options[i].commands & command))
			continue;
		ret_long[n++] = (struct option){.name = options[i].name,
		    .has_arg = argument ? required_argument : no_argument,
		    .val = 256 + (int)i};
		if (options[i].letter != 0) {
			*ret_short++ = options[i].letter;
			if (argument)
				*ret_short++ = ':';
		}
	}
	ret_long[n] = (struct option){0};
	*ret_short = '\0';
}

static const struct option_row *row_of(int found)
{
	unsigned i;

	if (found >= 256)
		return &options[found - 256];
	for (i = 0; i < OPTION_COUNT; i++)
		if (options[i].letter == found)
			return &options[i];
	return NULL;
}

/* One pass over the options: the first only looks for --config, the second sets. */
static enum status read_options(
    struct config *config, unsigned command, int argc, char **argv, bool only_config)
{
	struct option long_form[OPTION_COUNT + 1];
	char short_form[2 * OPTION_COUNT + 1];
	bool list_begun[OPTION_COUNT] = {false};
	int found;

	list_options(command, long_form, short_form);
	optind = 1;
	opterr = !only_config;
	while ((found = getopt_long(argc, argv, short_form, long_form, NULL)) != -1) {
		const struct option_row *row = row_of(found);
		const char *should;

		if (row == NULL) {
			if (only_config)
				continue;
			fprintf(stderr, "Try 'mooring %s --help'.\n", argv[0]);
			return ST_INVALID;
		}
		if (only_config != (row->offset == AT(config_file)))
			continue;
		/* A list on the command line takes the place of the file's. */
		if (row->kind == KIND_LIST && !list_begun[row - options])
			clear_strings((struct strings *)((char *)config + row->offset));
		list_begun[row - options] = true;
		should = set_option(config, row, row->argument == NULL ? NULL : optarg);
		if (should != NULL) {
			log_line(LOG_ERROR, "--%s '%s' should be %s", row->name, optarg, should);
			return ST_INVALID;
		}
	}
	return ST_OK;
}

enum status config_read(struct config *config, unsigned command, int argc, char **argv, int *ret_first)
{
	enum status status = read_options(config, command, argc, argv, true);

	if (status == ST_OK && config->config_file != NULL)
		status = read_file(config, command, config->config_file);
	else if (status == ST_OK && access("mooring.conf", R_OK) == 0)
		status = read_file(config, command, "mooring.conf");
	if (status == ST_OK)
		status = read_options(config, command, argc, argv, false);
	if (status != ST_OK)
		return status;
	if (config->contact != NULL && !is_contact(config->contact)) {
		log_line(LOG_ERROR,
		    "--contact '%s' should be a URL such as https://example.org/scan, or an e-mail address",
		    config->contact);
		return ST_INVALID;
	}
	if (config->timeout == 0 || config->target_timeout == 0) {
		log_line(LOG_ERROR, "--timeout and --target-timeout should be more than 0 seconds");
		return ST_INVALID;
	}
	if (getenv("NO_COLOR") != NULL && getenv("NO_COLOR")[0] != '\0')
		config->no_color = true;
	log_set_level(config->quiet ? LOG_ERROR : config->verbose > 0 ? LOG_DEBUG : LOG_INFO);
	*ret_first = optind;
	return ST_OK;
}

void config_print_help(unsigned command)
{
	unsigned i;

	printf("\nOptions:\n");
	for (i = 0; i < OPTION_COUNT; i++) {
		char left[64], letter[5] = "    ";

		if (!(options[i].commands & command))
			continue;
		if (options[i].letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", options[i].letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, options[i].name,
		    options[i].argument == NULL ? "" : " ",
		    options[i].argument == NULL ? "" : options[i].argument);
		printf("  %-36s %s\n", left, options[i].help);
	}
}

/* Settings that say how it is shown or where it goes do not change what a scan does. */
static bool bears_on_scan(const struct option_row *row)
{
	static const char *const shown[] = {"db", "output", "config", "json", "quiet", "verbose", "no-color",
	    "metadata-file", "dry-run", "help", NULL};
	unsigned i;

	for (i = 0; shown[i] != NULL; i++)
		if (strcmp(shown[i], row->name) == 0)
			return false;
	return (row->commands & CONFIG_SCAN) != 0;
}

static void describe_list(struct buf *out, const char *name, const struct strings *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		buf_printf(out, "%s = %s\n", name, list->item[i]);
}

void config_describe(const struct config *config, struct buf *out)
{
	unsigned i;

	for (i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &options[i];
		const void *slot = (const char *)config + row->offset;

		if (!bears_on_scan(row))
			continue;
		if (row->kind == KIND_LIST)
			describe_list(out, row->name, slot);
		else if (row->kind == KIND_TEXT && *(char *const *)slot != NULL)
			buf_printf(out, "%s = %s\n", row->name, *(char *const *)slot);
		else if (row->kind == KIND_FLAG)
			buf_printf(out, "%s = %s\n", row->name, *(const bool *)slot ? "yes" : "no");
		else if (row->kind == KIND_COUNT)
			buf_printf(out, "%s = %lld\n", row->name, (long long)*(const int64_t *)slot);
		else if (row->kind == KIND_PORT)
			buf_printf(out, "%s = %u\n", row->name, *(const uint16_t *)slot);
		else if (row->kind == KIND_RATE)
			buf_printf(out, "%s = %g\n", row->name, *(const double *)slot);
		else if (row->kind == KIND_TIME)
			buf_printf(out, "%s = %g\n", row->name, (double)*(const int64_t *)slot / 1e6);
	}
}
