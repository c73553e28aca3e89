#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect.h"
#include "commands.h"
#include "core/log.h"
#include "core/text.h"
#include "output.h"
#include "overlap_table.h"
#include "page_text.h"
#include "results/json.h"
#include "results/overlap/overlap.h"
#include "scan.h"

/* One `mooring check`. */
struct check {
	const struct config *config;
	char **word;
	int words, position;
	struct scan scan;
	struct collection collection;
	struct domain *domain; /* those that could be read, each once */
	size_t domain_count;
	bool any_invalid;
};

static bool is_known(const struct check *check, const char *name)
{
	size_t i;

	for (i = 0; i < check->domain_count; i++)
		if (strcmp(check->domain[i].name, name) == 0)
			return true;
	return false;
}

static enum scan_source next_word(void *arg, struct register_item *ret_item)
{
	struct check *check = arg;

	while (check->position < check->words) {
		const char *word = check->word[check->position++], *fault = NULL;
		struct domain *domain = &check->domain[check->domain_count];

		if (domain_parse(check->scan.rules, word, domain, &fault) != ST_OK) {
			log_line(LOG_ERROR, "'%s' %s", word, fault);
			check->any_invalid = true;
			continue;
		}
		if (is_known(check, domain->name))
			continue;
		check->domain_count++;
		*ret_item = (struct register_item){.domain = domain->name,
		    .registrable = domain->registrable,
		    .input = word,
		    .stratum = "check"};
		return SOURCE_DOMAIN;
	}
	return SOURCE_END;
}

static void ignore_outcome(void *arg, const char *outcome)
{
	(void)arg;
	(void)outcome;
}

/* --- with --db: what it shares with the register --- */

/* The values of the check's own records, looked up in the store. */
struct shares {
	const struct check *check;
	const char *domain;
	struct buf *out;
	unsigned count;
};

static void add_printable(struct buf *out, const char *text)
{
	text_add_printable(out, text, strlen(text));
}

static void on_share(void *arg, const struct overlap_value *value)
{
	struct shares *shares = arg;
	size_t i, j;

	/* Itself is no company. */
	if (value->domain_count == 1 && strcmp(value->domain[0].domain, shares->domain) == 0)
		return;
	if (shares->count++ == 0)
		buf_add_text(shares->out,
		    "  Shares with the register (an overlap is a fact about infrastructure, no sign of "
		    "control):\n");
	buf_printf(shares->out, "    %s ", value->indicator->name);
	add_printable(shares->out, value->value);
	buf_printf(shares->out, "  (%lld of %lld register, %lld of %lld control domains)\n",
	    (long long)value->count[STRATUM_REGISTER], (long long)value->observed[STRATUM_REGISTER],
	    (long long)(value->count[STRATUM_GENERAL] + value->count[STRATUM_MATCHED]),
	    (long long)(value->observed[STRATUM_GENERAL] + value->observed[STRATUM_MATCHED]));
	for (i = 0; i < value->domain_count; i++) {
		const struct overlap_domain *domain = &value->domain[i];

		if (strcmp(domain->domain, shares->domain) == 0)
			continue;
		buf_add_text(shares->out, "      ");
		add_printable(shares->out, domain->domain);
		for (j = 0; j < domain->entity_count; j++) {
			buf_add_text(shares->out, j == 0 ? "  " : "; ");
			overlap_entity_text(shares->out, &domain->entity[j]);
		}
		buf_add_char(shares->out, '\n');
	}
}

static void ignore_summary(void *arg, const struct overlap_summary *summary)
{
	(void)arg;
	(void)summary;
}

static bool add_shares(struct check *check, const char *domain, struct buf *out)
{
	struct shares shares = {.check = check, .domain = domain, .out = out};
	struct overlap_visitor visitor = {.summary = ignore_summary, .value = on_share, .arg = &shares};
	char error[STORE_ERROR] = "";
	struct store *store = NULL;
	enum status status = store_open_readonly(&store, check->config->db, error);

	if (status == ST_OK)
		status = overlap_of_records(store, check->collection.records.first, domain, &visitor, error);
	store_close(store);
	if (status != ST_OK)
		log_line(LOG_ERROR, "%s", error[0] == '\0' ? status_text(status) : error);
	else if (shares.count == 0)
		buf_add_text(out, "  Shares nothing with the register's domains.\n");
	return status == ST_OK;
}

/* --- printing --- */

static bool print_records(const struct check *check, FILE *file)
{
	struct json_envelope envelope = {.vantage = check->config->vantage};
	const struct record *record;
	struct buf line = {0};

	for (record = check->collection.records.first; record != NULL; record = record->next) {
		json_record(&line, &envelope, record);
		buf_add_char(&line, '\n');
		output_buf(file, &line);
	}
	buf_release(&line);
	return true;
}

static bool print_pages(struct check *check, FILE *file)
{
	bool color = !check->config->no_color && file == stdout && isatty(STDOUT_FILENO) == 1;
	struct buf out = {0};
	bool ok = true;
	size_t i;

	for (i = 0; i < check->domain_count; i++) {
		if (i > 0)
			buf_add_char(&out, '\n');
		page_text_domain(&out, check->collection.records.first, check->domain[i].name, color);
		if (check->config->db != NULL)
			ok = add_shares(check, check->domain[i].name, &out) && ok;
		output_buf(file, &out);
	}
	buf_release(&out);
	return ok;
}

static int print(struct check *check)
{
	FILE *file = output_open(check->config->output);
	bool ok;

	if (file == NULL)
		return EXIT_FAILED;
	ok = check->config->json || check->config->output != NULL ? print_records(check, file)
								  : print_pages(check, file);
	ok = output_close(file, check->config->output) && ok;
	return ok ? EXIT_COMPLETE : EXIT_FAILED;
}

static int run(struct check *check)
{
	struct sink *sink = &check->collection.sink;
	char error[WRITER_ERROR];
	int code;

	check->domain = calloc((size_t)check->words, sizeof(*check->domain));
	check->scan.writer = check->domain == NULL ? NULL : writer_start(&sink, 1);
	if (check->scan.writer == NULL) {
		log_line(LOG_ERROR, "cannot start the writer: %s", strerror(errno));
		return EXIT_FAILED;
	}
	check->scan.next = next_word;
	check->scan.done = ignore_outcome;
	check->scan.arg = check;
	scan_execute(&check->scan);
	if (writer_close(check->scan.writer, error) != ST_OK) {
		log_line(LOG_ERROR, "%s", error);
		return EXIT_FAILED;
	}
	code = print(check);
	if (check->scan.interrupted)
		return EXIT_INTERRUPTED;
	if (check->any_invalid)
		return EXIT_USAGE;
	return code;
}

int cmd_check(int argc, char **argv)
{
	struct check check = {0};
	struct config config;
	int first, code = EXIT_USAGE;

	config_init(&config);
	/* One person looks at one site: what a browser does at once is no burden. */
	config.pause = 0;
	config.per_address = 6;
	config.per_network = 12;
	config.target_timeout = 30 * 1000000;
	if (config_read(&config, CONFIG_CHECK, argc, argv, &first) != ST_OK)
		goto out;
	if (config.help) {
		printf("Usage: mooring check [OPTION...] DOMAIN...\n\nProbes the domains now and prints what "
		       "was seen; with "
		       "--db also what they share with the\nregister that was scanned into that database. "
		       "Nothing is "
		       "stored. URLs are understood.\n");
		config_print_help(CONFIG_CHECK);
		code = EXIT_COMPLETE;
		goto out;
	}
	if (first == argc) {
		log_line(LOG_ERROR, "check wants at least one DOMAIN. Try 'mooring check --help'");
		goto out;
	}
	code = EXIT_FAILED;
	check.config = &config;
	check.word = argv + first;
	check.words = argc - first;
	if (!collection_init(&check.collection))
		goto out;
	if (scan_init(&check.scan, &config))
		code = run(&check);
	scan_release(&check.scan);
	free(check.domain);
	collection_release(&check.collection);
out:
	config_release(&config);
	return code;
}
