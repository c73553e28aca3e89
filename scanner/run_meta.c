#include "run_meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "probes/dns.h"
#include "results/json.h"
#include "scan.h"
#include "version.h"

/* NAME[,LAT,LON[,KM]]; without --vantage the host's name. */
static bool read_vantage(struct run_meta *meta, const char *text)
{
	struct run_vantage *vantage = &meta->info.vantage;
	char *comma;
	int read = 0;

	vantage->error_km = -1;
	if (text == NULL) {
		if (gethostname(meta->vantage, sizeof(meta->vantage)) != 0 || meta->vantage[0] == '\0')
			snprintf(meta->vantage, sizeof(meta->vantage), "unnamed");
	} else {
		snprintf(meta->vantage, sizeof(meta->vantage), "%s", text);
	}
	meta->vantage[sizeof(meta->vantage) - 1] = '\0';
	vantage->name = meta->vantage;
	comma = text == NULL ? NULL : strchr(meta->vantage, ',');
	if (comma == NULL)
		return true;
	*comma = '\0';
	vantage->placed = true;
	if (sscanf(comma + 1, "%lf,%lf%n,%lf%n", &vantage->lat, &vantage->lon, &read, &vantage->error_km,
		&read) >= 2 &&
	    comma[1 + read] == '\0' && vantage->lat >= -90 && vantage->lat <= 90 && vantage->lon >= -180 &&
	    vantage->lon <= 180)
		return true;
	log_line(LOG_ERROR, "--vantage '%s' should be NAME, or NAME,LAT,LON or NAME,LAT,LON,KM with degrees",
	    text);
	return false;
}

static bool read_geo(struct run_meta *meta, struct geo_set *geo)
{
	size_t i, count = geo == NULL ? 0 : geo_set_count(geo);

	if (count == 0)
		return true;
	meta->geo = calloc(count, sizeof(*meta->geo));
	meta->geo_sha256 = calloc(count, sizeof(*meta->geo_sha256));
	if (meta->geo == NULL || meta->geo_sha256 == NULL) {
		log_line(LOG_ERROR, "memory ran out");
		return false;
	}
	for (i = 0; i < count; i++) {
		const struct geo_database *database = geo_set_database(geo, i);

		if (geo_database_sha256(geo, i, meta->geo_sha256[i]) != ST_OK) {
			log_line(LOG_ERROR, "cannot hash %s", database->name);
			return false;
		}
		meta->geo[i] = (struct run_geo){.file = database->name,
		    .db_type = database->db_type,
		    .build_epoch = database->build_epoch,
		    .sha256 = meta->geo_sha256[i]};
	}
	meta->info.geo = meta->geo;
	meta->info.geo_count = count;
	return true;
}

/* Told before the scan, not after it. */
static bool can_write(const char *path)
{
	char *part = NULL;
	FILE *file;

	if (path == NULL)
		return true;
	file = asprintf(&part, "%s.part", path) < 0 ? NULL : fopen(part, "w");
	if (file == NULL) {
		log_line(LOG_ERROR, "cannot write %s: %s", path, strerror(errno));
	} else {
		fclose(file);
		unlink(part);
	}
	free(part);
	return file != NULL;
}

bool run_meta_init(struct run_meta *meta, struct scan *scan, const struct register_stream *stream,
    const char *register_path, int argc, char **argv)
{
	int64_t total = register_stream_total(stream);
	struct utsname system;
	int i;

	*meta = (struct run_meta){.started = clock_wall()};
	config_describe(scan->config, &meta->config);
	if (!text_sha256_hex(buf_text(&meta->config), meta->config.length, meta->config_sha256)) {
		log_line(LOG_ERROR, "cannot hash the configuration");
		return false;
	}
	buf_add_text(&meta->command_line, "mooring");
	for (i = 0; i < argc; i++)
		buf_printf(&meta->command_line, " %s", argv[i]);
	if (uname(&system) == 0)
		snprintf(meta->kernel, sizeof(meta->kernel), "%s %s", system.sysname, system.release);
	meta->info.program_version = MOORING_VERSION;
	meta->info.register_name = register_path;
	meta->info.register_sha256 = register_stream_sha256(stream);
	meta->info.domain_count = total;
	meta->info.config_sha256 = meta->config_sha256;
	meta->info.config = buf_text(&meta->config);
	meta->info.command_line = buf_text(&meta->command_line);
	meta->info.contact = scan->config->contact;
	meta->info.resolvers = dns_client_description(scan->env.dns);
	meta->info.kernel = meta->kernel;
	/* Of a pipe nobody knows whether it is the same one again. */
	meta->info.fresh = meta->info.register_sha256[0] == '\0';
	return read_vantage(meta, scan->config->vantage) && read_geo(meta, scan->geo) &&
	       can_write(scan->config->metadata_file);
}

void run_meta_release(struct run_meta *meta)
{
	buf_release(&meta->config);
	buf_release(&meta->command_line);
	free(meta->geo);
	free(meta->geo_sha256);
}

const char *run_state_text(enum run_state state)
{
	static const char *const text[] = {"running", "complete", "interrupted", "failed"};

	return text[state];
}

static void describe_geo(const struct run_info *info, struct buf *out)
{
	size_t i;

	json_key(out, "geo");
	buf_add_char(out, '[');
	for (i = 0; i < info->geo_count; i++) {
		buf_add_text(out, i > 0 ? ",{" : "{");
		json_member_string(out, "file", info->geo[i].file);
		json_member_string(out, "db_type", info->geo[i].db_type);
		json_member_int(out, "build_epoch", info->geo[i].build_epoch);
		json_member_string(out, "sha256", info->geo[i].sha256);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

static void describe(const struct run_meta *meta, const struct store *store, enum run_state state,
    const struct progress *progress, struct buf *out)
{
	const struct run_info *info = &meta->info;
	const struct {
		const char *key, *text;
	} text[] = {{"program_version", info->program_version}, {"state", run_state_text(state)},
	    {"vantage", info->vantage.name}, {"register", info->register_name},
	    {"register_sha256", info->register_sha256}, {"config_sha256", info->config_sha256},
	    {"config", info->config}, {"command_line", info->command_line}, {"contact", info->contact},
	    {"resolvers", info->resolvers}, {"kernel", info->kernel}};
	char time[CLOCK_TEXT];
	size_t i;

	buf_add_char(out, '{');
	for (i = 0; i < sizeof(text) / sizeof(*text); i++) {
		json_member_string(out, text[i].key, text[i].text);
	}
	json_member_int(out, "run_id", store == NULL ? 0 : store_run_id(store));
	json_member_string(out, "started_at", clock_text(meta->started, time));
	json_member_string(out, "ended_at", clock_text(clock_wall(), time));
	json_member_int(out, "domains_done_before", (int64_t)progress->before);
	json_member_int(out, "domains_done", (int64_t)progress->done);
	json_key(out, "outcomes");
	buf_add_char(out, '{');
	for (i = 0; i < progress->kind_count; i++) {
		json_member_int(out, progress->kind[i].name, (int64_t)progress->kind[i].count);
	}
	buf_add_char(out, '}');
	describe_geo(info, out);
	buf_add_text(out, "}\n");
}

bool run_meta_write(const struct run_meta *meta, const char *path, const struct store *store,
    enum run_state state, const struct progress *progress)
{
	struct buf text = {0};
	char *part = NULL;
	FILE *file;
	bool ok = false;

	describe(meta, store, state, progress, &text);
	if (asprintf(&part, "%s.part", path) < 0)
		part = NULL;
	file = part == NULL ? NULL : fopen(part, "w");
	if (file != NULL) {
		ok = fwrite(buf_text(&text), 1, text.length, file) == text.length;
		ok = fclose(file) == 0 && ok;
		/* Under its name there is a whole file, or the one from before. */
		ok = ok && rename(part, path) == 0;
	}
	if (!ok)
		log_line(LOG_ERROR, "cannot write %s: %s", path, strerror(errno));
	buf_release(&text);
	free(part);
	return ok;
}
