#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "core/clock.h"
#include "core/log.h"
#include "outcome.h"
#include "probes/dns.h"
#include "progress.h"
#include "results/overlap/indicator.h"
#include "results/sink_jsonl.h"
#include "results/sink_sqlite.h"
#include "results/store.h"
#include "run_meta.h"
#include "scan.h"

/* One `mooring scan`, from the register to the closing line. */
struct campaign {
	const struct config *config;
	const char *register_path;
	struct scan scan;
	struct store *store; /* NULL with JSON Lines alone */
	struct register_stream *stream;
	struct run_meta meta;
	struct progress progress;
	bool stream_failed;
	bool muted; /* faults of this reading were, or will be, said by another */
};

static void print_fault(void *arg, const struct register_fault_info *info)
{
	enum log_level level = info->severity == REGISTER_ERROR	    ? LOG_ERROR
			       : info->severity == REGISTER_WARNING ? LOG_WARNING
								    : LOG_DEBUG;
	struct campaign *campaign = arg;
	bool shown = campaign->progress.shown;

	if (campaign->muted)
		return;
	/* The progress line gives way and comes back with the next domain. */
	if (shown && level <= LOG_WARNING)
		progress_end(&campaign->progress);
	if (info->line > 0)
		log_line(level, "%s:%" PRIu64 ":%" PRIu64 ": %s", info->file, info->line, info->column,
		    info->message);
	else
		log_line(level, "%s: %s", info->file, info->message);
	campaign->progress.shown = shown;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* --- the source of domains --- */

static void record_invalid(struct campaign *campaign, const struct register_item *item)
{
	static const char outcome[] = "INVALID";
	struct arena *arena = arena_new(0);
	struct batch *batch = arena == NULL ? NULL : arena_alloc(arena, sizeof(*batch));
	struct record *record = batch == NULL ? NULL : outcome_of_invalid(arena, item);

	if (record == NULL) {
		arena_free(arena);
		return;
	}
	batch_init(batch, arena);
	batch_add(batch, record);
	writer_submit(campaign->scan.writer, batch);
	progress_count(&campaign->progress, outcome);
}

static bool is_done(const struct campaign *campaign, const char *name)
{
	return campaign->store != NULL && campaign->progress.before > 0 && name != NULL &&
	       store_is_done(campaign->store, name);
}

static enum scan_source next_domain(void *arg, struct register_item *ret_item)
{
	struct campaign *campaign = arg;
	enum { AT_A_TIME = 256 }; /* lines passed over before the loop has its turn */
	enum status status;
	int passed;

	for (passed = 0; passed < AT_A_TIME && !writer_full(campaign->scan.writer); passed++) {
		status = register_stream_next(campaign->stream, ret_item);
		if (status != ST_OK && status != ST_INVALID) {
			campaign->stream_failed = status != ST_NOT_FOUND;
			return SOURCE_END;
		}
		if (is_done(campaign, status == ST_OK ? ret_item->domain : ret_item->input))
			continue;
		if (status == ST_OK)
			return SOURCE_DOMAIN;
		record_invalid(campaign, ret_item);
	}
	return SOURCE_AGAIN;
}

static void domain_done(void *arg, const char *outcome)
{
	struct campaign *campaign = arg;

	progress_count(&campaign->progress, outcome);
}

static void on_tick(void *arg)
{
	struct campaign *campaign = arg;

	progress_draw(&campaign->progress);
}

static bool open_stream(struct campaign *campaign)
{
	const struct strings *controls = &campaign->config->control;
	size_t i;

	if (register_stream_open(campaign->register_path, campaign->scan.rules, print_fault, campaign,
		&campaign->stream) != ST_OK)
		return false;
	for (i = 0; i < controls->count; i++)
		if (register_stream_add_controls(campaign->stream, controls->item[i], "general") != ST_OK)
			return false;
	return true;
}

/* --- the register's entities, listings and claims --- */

static enum status store_cells(
    struct store *store, enum register_part part, const struct register_cells *cells)
{
	return store_register_row(store, part, cells->name, cells->value, cells->count);
}

static enum status store_rows(struct store *store, const struct register_data *data)
{
	enum status status = ST_OK;
	size_t i;

	for (i = 0; status == ST_OK && i < data->entity_count; i++)
		status = store_cells(store, REGISTER_ENTITY, &data->entity[i].cells);
	for (i = 0; status == ST_OK && i < data->listing_count; i++)
		status = store_cells(store, REGISTER_LISTING, &data->listing[i].cells);
	for (i = 0; status == ST_OK && i < data->claim_count; i++)
		status = store_cells(store, REGISTER_CLAIM, &data->claim[i].cells);
	return status;
}

/* Control domains may be millions: they are read a second time, as a stream, for their source to be kept. */
static enum status store_controls(struct campaign *campaign)
{
	struct register_stream *mine = campaign->stream, *again = NULL;
	struct register_item item;
	enum status status = ST_OK;

	campaign->muted = true;
	campaign->stream = NULL;
	if (!open_stream(campaign))
		status = ST_SYSTEM;
	again = campaign->stream;
	campaign->stream = mine;
	while (status == ST_OK && (status = register_stream_next(again, &item)) != ST_NOT_FOUND) {
		if (status == ST_OK && strcmp(item.stratum, "register") != 0)
			status = store_cells(campaign->store, REGISTER_CONTROL, &item.cells);
		else if (status == ST_INVALID)
			status = ST_OK;
	}
	campaign->muted = false;
	register_stream_close(again);
	return status == ST_NOT_FOUND ? ST_OK : status;
}

/* A register with faults is refused before anybody is contacted: a claim that is not read would not stand
 * beside its name. */
static bool keep_register(struct campaign *campaign)
{
	struct register_data *data = NULL;
	enum status status;
	bool present = false;

	if (!is_folder(campaign->register_path))
		return true;
	if (register_load(campaign->register_path, campaign->scan.rules, print_fault, campaign, &data) !=
	    ST_OK)
		return false;
	if (data->errors > 0) {
		log_line(LOG_ERROR,
		    "%s has %zu errors; mend them first ('mooring register check %s' lists them)",
		    campaign->register_path, data->errors, campaign->register_path);
		register_free(data);
		return false;
	}
	status = campaign->store == NULL ? ST_OK
					 : store_register_begin(campaign->store, campaign->register_path,
					       register_stream_sha256(campaign->stream), &present);
	if (campaign->store != NULL && status == ST_OK && !present) {
		enum status rows = store_rows(campaign->store, data);

		if (rows == ST_OK)
			rows = store_controls(campaign);
		status = store_register_end(campaign->store, rows == ST_OK);
		if (status == ST_OK)
			status = rows;
	}
	if (status != ST_OK)
		log_line(LOG_ERROR, "%s", store_error(campaign->store));
	register_free(data);
	return status == ST_OK;
}

/* --- the store and the sinks --- */

static void take_key(void *arg, struct record_hash key)
{
	seen_add(arg, key);
}

static const char *db_path(const struct config *config)
{
	if (config->db != NULL)
		return config->db;
	return config->output == NULL ? "mooring.db" : NULL;
}

static int open_store(struct campaign *campaign)
{
	const char *path = db_path(campaign->config);
	char error[STORE_ERROR];
	enum status status;

	if (path == NULL)
		return EXIT_COMPLETE;
	status = store_open(&campaign->store, path, indicator_derive, error);
	if (status == ST_OK)
		return EXIT_COMPLETE;
	log_line(LOG_ERROR, "%s", error);
	return status == ST_LOCKED ? EXIT_LOCKED : EXIT_FAILED;
}

/* Begins the run, or takes up the one that was broken off. */
static bool begin_run(struct campaign *campaign, bool *ret_resumed)
{
	int64_t done = 0;

	*ret_resumed = false;
	if (campaign->store == NULL)
		return true;
	if (store_begin_run(campaign->store, &campaign->meta.info, ret_resumed) != ST_OK ||
	    store_count_done(campaign->store, &done) != ST_OK ||
	    (*ret_resumed &&
		store_each_shared_key(campaign->store, take_key, &campaign->scan.shared) != ST_OK)) {
		log_line(LOG_ERROR, "%s", store_error(campaign->store));
		return false;
	}
	campaign->progress.before = (uint64_t)done;
	return true;
}

static bool start_writer(struct campaign *campaign, bool resumed)
{
	struct sink *sink[2] = {NULL};
	char error[SINK_ERROR];
	size_t count = 0;

	if (campaign->config->output != NULL) {
		if (sink_jsonl_new(&sink[count], campaign->config->output, resumed,
			campaign->store == NULL ? 0 : store_run_id(campaign->store),
			campaign->meta.info.vantage.name, error) != ST_OK) {
			log_line(LOG_ERROR, "%s", error);
			return false;
		}
		count++;
	}
	if (campaign->store != NULL) {
		sink[count] = sink_sqlite_new(campaign->store);
		if (sink[count] == NULL) {
			log_line(LOG_ERROR, "memory ran out");
			if (count > 0)
				sink[0]->class->close(sink[0]);
			return false;
		}
		count++;
	}
	campaign->scan.writer = writer_start(sink, count);
	if (campaign->scan.writer == NULL) {
		log_line(LOG_ERROR, "cannot start the writer: %s", strerror(errno));
		while (count > 0) {
			count--;
			sink[count]->class->close(sink[count]);
		}
	}
	return campaign->scan.writer != NULL;
}

/* --- the run --- */

static void print_summary(const struct campaign *campaign, enum run_state state)
{
	const struct progress *progress = &campaign->progress;
	struct buf text = {0};

	buf_printf(
	    &text, "%s: %" PRIu64 " domains", run_state_text(state), progress->before + progress->done);
	if (progress->before > 0)
		buf_printf(&text, ", %" PRIu64 " of them now", progress->done);
	/* What a failure cut short says nothing about the domains. */
	if (progress->done > 0 && state != RUN_FAILED) {
		buf_add_text(&text, ": ");
		progress_summary(progress, PROGRESS_KINDS, &text);
	}
	buf_printf(&text, " in %.1f s", (double)(clock_monotonic() - progress->started) / 1e6);
	if (state != RUN_COMPLETE && campaign->store != NULL && !campaign->meta.info.fresh)
		buf_add_text(&text, ". The same command goes on where this one stopped");
	log_line(LOG_INFO, "%s", buf_text(&text));
	buf_release(&text);
}

static int finish(struct campaign *campaign)
{
	enum run_state state = RUN_COMPLETE;
	char error[WRITER_ERROR];
	bool written = writer_close(campaign->scan.writer, error) == ST_OK;

	progress_end(&campaign->progress);
	if (!written) {
		log_line(LOG_ERROR, "%s", error);
		state = RUN_FAILED;
	} else if (campaign->scan.failed || campaign->stream_failed) {
		state = RUN_FAILED;
	} else if (campaign->scan.interrupted) {
		state = RUN_INTERRUPTED;
	} else if (campaign->progress.before + campaign->progress.done == 0) {
		log_line(LOG_ERROR, "%s has no domain", campaign->register_path);
		state = RUN_FAILED;
	}
	if (campaign->store != NULL && store_end_run(campaign->store, state) != ST_OK) {
		log_line(LOG_ERROR, "%s", store_error(campaign->store));
		state = RUN_FAILED;
	}
	print_summary(campaign, state);
	if (campaign->config->metadata_file != NULL &&
	    !run_meta_write(&campaign->meta, campaign->config->metadata_file, campaign->store, state,
		&campaign->progress))
		state = RUN_FAILED;
	return state == RUN_COMPLETE	  ? EXIT_COMPLETE
	       : state == RUN_INTERRUPTED ? EXIT_INTERRUPTED
					  : EXIT_FAILED;
}

static int run(struct campaign *campaign)
{
	struct scan *scan = &campaign->scan;
	int64_t total = register_stream_total(campaign->stream);
	uint64_t before;
	bool resumed;

	if (!begin_run(campaign, &resumed) || !start_writer(campaign, resumed))
		return EXIT_FAILED;
	before = campaign->progress.before;
	if (resumed)
		log_line(LOG_INFO, "going on with run %" PRId64 ": %" PRIu64 " domains are done",
		    store_run_id(campaign->store), before);
	progress_begin(&campaign->progress, campaign->config->quiet, total < 0 ? 0 : (uint64_t)total, before);
	scan->next = next_domain;
	scan->done = domain_done;
	scan->tick = on_tick;
	scan->arg = campaign;
	scan->ask_first = true;
	scan_execute(scan);
	return finish(campaign);
}

static int dry_run(struct campaign *campaign)
{
	struct buf text = {0};
	struct register_item item;
	enum status status;
	uint64_t domains = 0;

	while ((status = register_stream_next(campaign->stream, &item)) == ST_OK || status == ST_INVALID)
		domains += status == ST_OK;
	if (status != ST_NOT_FOUND)
		return EXIT_FAILED;
	printf("Would scan %" PRIu64 " domains of %s with %s, asking %s.\n", domains, campaign->register_path,
	    campaign->scan.user_agent, dns_client_description(campaign->scan.env.dns));
	config_describe(campaign->config, &text);
	fwrite(buf_text(&text), 1, text.length, stdout);
	buf_release(&text);
	return EXIT_COMPLETE;
}

static int scan_register(const struct config *config, const char *path, int argc, char **argv)
{
	struct campaign campaign = {.config = config, .register_path = path};
	int code = EXIT_USAGE;

	if (!scan_init(&campaign.scan, config))
		goto out;
	code = EXIT_FAILED;
	if (!open_stream(&campaign))
		goto out;
	if (config->dry_run) {
		/* Refuses what the scan would refuse; without a store nothing is kept. */
		if (keep_register(&campaign) &&
		    run_meta_init(&campaign.meta, &campaign.scan, campaign.stream, path, argc, argv))
			code = dry_run(&campaign);
		goto out;
	}
	code = open_store(&campaign);
	if (code != EXIT_COMPLETE)
		goto out;
	code = EXIT_FAILED;
	if (keep_register(&campaign) &&
	    run_meta_init(&campaign.meta, &campaign.scan, campaign.stream, path, argc, argv))
		code = run(&campaign);
out:
	register_stream_close(campaign.stream);
	run_meta_release(&campaign.meta);
	store_close(campaign.store);
	scan_release(&campaign.scan);
	return code;
}

int cmd_scan(int argc, char **argv)
{
	struct config config;
	int first, code = EXIT_USAGE;

	config_init(&config);
	if (config_read(&config, CONFIG_SCAN, argc, argv, &first) != ST_OK)
		goto out;
	if (config.help) {
		printf("Usage: mooring scan [OPTION...] REGISTER\n\nProbes every domain of REGISTER, a "
		       "folder of CSV "
		       "files, a list with one domain a line, or\n- for standard input, and stores what was "
		       "seen. A run "
		       "that was broken off is taken up again.\n");
		config_print_help(CONFIG_SCAN);
		code = EXIT_COMPLETE;
		goto out;
	}
	if (argc - first != 1) {
		log_line(
		    LOG_ERROR, "scan wants one REGISTER: a folder, a list, or -. Try 'mooring scan --help'");
		goto out;
	}
	if (config.contact == NULL && !config.dry_run) {
		log_line(LOG_ERROR,
		    "a scan names itself: give --contact with a URL or e-mail address where the "
		    "scanned can reach you");
		goto out;
	}
	code = scan_register(&config, argv[first], argc, argv);
out:
	config_release(&config);
	return code;
}
