#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "output.h"
#include "results/json.h"
#include "results/store.h"

struct printer {
	FILE *file;
	bool json;
	int64_t count;
};

static void json_run(struct buf *out, const struct run_row *row)
{
	const struct {
		const char *key, *text;
	} text[] = {{"vantage", row->info.vantage.name}, {"program_version", row->info.program_version},
	    {"register_name", row->info.register_name}, {"register_sha256", row->info.register_sha256},
	    {"config_sha256", row->info.config_sha256}, {"contact", row->info.contact},
	    {"resolvers", row->info.resolvers}, {"kernel", row->info.kernel}};
	char time[CLOCK_TEXT];
	size_t i;

	buf_add_char(out, '{');
	json_member_string(out, "record_type", "run");
	json_member_int(out, "run_id", row->run_id);
	json_member_string(out, "state", row->state);
	json_member_string(out, "started_at", clock_text(row->started, time));
	json_member_string(out, "ended_at", row->ended == 0 ? NULL : clock_text(row->ended, time));
	json_member_int(out, "resumed", row->resumed);
	json_member_int(out, "done", row->done);
	json_key(out, "counts");
	buf_add_text(out, row->counts == NULL ? "null" : row->counts);
	for (i = 0; i < sizeof(text) / sizeof(*text); i++) {
		json_member_string(out, text[i].key, text[i].text);
	}
	buf_add_text(out, "}\n");
}

static void table_run(struct buf *out, const struct run_row *row, bool first)
{
	char time[CLOCK_TEXT];

	if (first)
		buf_printf(out, "%-5s %-20s %-12s %9s  %-16s %s\n", "run", "started", "state", "domains",
		    "vantage", "register");
	clock_text(row->started, time);
	buf_printf(
	    out, "%-5" PRId64 " %.19sZ %-12s %9" PRId64 "  ", row->run_id, time, row->state, row->done);
	text_add_printable(out, row->info.vantage.name, strlen(row->info.vantage.name));
	buf_add_text(out, "  ");
	if (row->info.register_name != NULL)
		text_add_printable(out, row->info.register_name, strlen(row->info.register_name));
	if (row->info.register_sha256 != NULL)
		buf_printf(out, " (%.12s)", row->info.register_sha256);
	buf_add_char(out, '\n');
}

static void on_run(void *arg, const struct run_row *row)
{
	struct printer *printer = arg;
	struct buf out = {0};

	if (printer->json)
		json_run(&out, row);
	else
		table_run(&out, row, printer->count == 0);
	printer->count++;
	output_buf(printer->file, &out);
	buf_release(&out);
}

static int list(const struct config *config, struct printer *printer)
{
	const char *path = config->db == NULL ? "mooring.db" : config->db;
	char error[STORE_ERROR] = "";
	struct store *store = NULL;
	enum status status = store_open_readonly(&store, path, error);

	if (status == ST_OK) {
		status = store_each_run(store, 0, on_run, printer);
		if (status != ST_OK)
			snprintf(error, sizeof(error), "%s", store_error(store));
	}
	if (status != ST_OK)
		log_line(LOG_ERROR, "%s", error);
	else if (printer->count == 0 && !printer->json)
		fputs("No run yet.\n", printer->file);
	store_close(store);
	return status == ST_OK ? EXIT_COMPLETE : EXIT_FAILED;
}

int cmd_runs(int argc, char **argv)
{
	struct printer printer = {0};
	struct config config;
	int first, code = EXIT_USAGE;

	config_init(&config);
	if (config_read(&config, CONFIG_RUNS, argc, argv, &first) != ST_OK)
		goto out;
	if (config.help) {
		printf("Usage: mooring runs [OPTION...]\n\nLists the runs of a database, oldest first.\n");
		config_print_help(CONFIG_RUNS);
		code = EXIT_COMPLETE;
		goto out;
	}
	if (first < argc) {
		log_line(
		    LOG_ERROR, "runs takes no argument ('%s'); --db FILE names the database", argv[first]);
		goto out;
	}
	code = EXIT_FAILED;
	printer.json = config.json;
	printer.file = output_open(config.output);
	if (printer.file == NULL)
		goto out;
	code = list(&config, &printer);
	if (!output_close(printer.file, config.output))
		code = EXIT_FAILED;
out:
	config_release(&config);
	return code;
}
