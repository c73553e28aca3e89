#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "core/log.h"
#include "output.h"
#include "results/export.h"

/* CSV has one table a file: a folder for all of them, one stream for one record type. */
static enum status export_to(
    struct store *store, const struct export_query *query, const struct config *config, bool csv)
{
	FILE *file;
	enum status status;

	if (csv && query->record_type == NULL)
		return export_csv_folder(store, query, config->output);
	file = output_open(config->output);
	if (file == NULL)
		return ST_CANCELLED; /* said already */
	status = csv ? export_csv(store, query, file) : export_jsonl(store, query, file);
	/* The first fault is the one to tell. */
	if (status != ST_OK && file != stdout)
		fclose(file);
	else if (status == ST_OK && !output_close(file, config->output))
		return ST_CANCELLED;
	return status;
}

static int export(const struct config *config, const struct export_query *query, bool csv)
{
	const char *path = config->db == NULL ? "mooring.db" : config->db;
	char error[STORE_ERROR] = "";
	struct store *store = NULL;
	enum status status = store_open_readonly(&store, path, error);

	if (status == ST_OK) {
		status = export_to(store, query, config, csv);
		if (status != ST_OK && status != ST_CANCELLED)
			snprintf(error, sizeof(error), "%s", store_error(store));
	}
	if (error[0] != '\0')
		log_line(LOG_ERROR, "%s", error);
	store_close(store);
	return status == ST_OK ? EXIT_COMPLETE : EXIT_FAILED;
}

static int read_arguments(
    const struct config *config, int argc, char **argv, struct export_query *ret_query, bool *ret_csv)
{
	char *end = NULL;

	if (argc != 1 || (strcmp(argv[0], "jsonl") != 0 && strcmp(argv[0], "csv") != 0)) {
		log_line(LOG_ERROR, "export wants one FORMAT: jsonl or csv. Try 'mooring export --help'");
		return EXIT_USAGE;
	}
	*ret_csv = strcmp(argv[0], "csv") == 0;
	*ret_query = (struct export_query){.record_type = config->type};
	if (config->run != NULL) {
		ret_query->run_id = strtoll(config->run, &end, 10);
		if (*end != '\0' || ret_query->run_id <= 0) {
			log_line(LOG_ERROR,
			    "--as-of '%s' should be the number of a run; 'mooring runs' lists them",
			    config->run);
			return EXIT_USAGE;
		}
	}
	if (*ret_csv && config->type == NULL &&
	    (config->output == NULL || strcmp(config->output, "-") == 0)) {
		log_line(LOG_ERROR,
		    "csv has one table a file: give --output FOLDER, or --type NAME for one table");
		return EXIT_USAGE;
	}
	return EXIT_COMPLETE;
}

int cmd_export(int argc, char **argv)
{
	struct export_query query;
	struct config config;
	int first, code = EXIT_USAGE;
	bool csv;

	config_init(&config);
	if (config_read(&config, CONFIG_EXPORT, argc, argv, &first) != ST_OK)
		goto out;
	if (config.help) {
		printf("Usage: mooring export [OPTION...] jsonl|csv\n\nWrites what a run saw. csv writes a "
		       "folder with one "
		       "file a record type, or one of them with --type.\n");
		config_print_help(CONFIG_EXPORT);
		code = EXIT_COMPLETE;
		goto out;
	}
	code = read_arguments(&config, argc - first, argv + first, &query, &csv);
	if (code == EXIT_COMPLETE)
		code = export(&config, &query, csv);
out:
	config_release(&config);
	return code;
}
