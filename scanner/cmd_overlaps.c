#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "config.h"
#include "core/log.h"
#include "domain.h"
#include "output.h"
#include "overlap_table.h"
#include "results/json.h"
#include "results/overlap/overlap.h"

enum format { FORMAT_TABLE, FORMAT_JSONL, FORMAT_CSV };

struct printer {
	FILE *file;
	enum format format;
	struct overlap_table table;
};

static const char *const stratum_name[STRATA] = {"register", "general", "matched"};

/* --- JSON Lines --- */

static void json_summary(struct buf *out, const struct overlap_summary *summary)
{
	int i;

	buf_add_char(out, '{');
	json_member_string(out, "schema_version", RECORD_SCHEMA_VERSION);
	json_member_string(out, "record_type", "overlap_summary");
	json_member_int(out, "run_id", summary->run_id);
	json_member_string(out, "run_started", summary->run_started);
	json_member_string(out, "run_state", summary->run_state);
	json_member_string(out, "vantage", summary->vantage);
	json_member_string(out, "register", summary->register_name);
	for (i = 0; i < STRATA; i++) {
		char key[32];

		snprintf(key, sizeof(key), "%s_domains", stratum_name[i]);
		json_member_int(out, key, summary->domains[i]);
	}
	json_member_int(out, "entities", summary->entities);
	json_member_int(out, "reported_centers", summary->centers);
	json_member_int(out, "reported_centers_without_domain", summary->centers_without_domain);
	json_member_string(
	    out, "meaning", "a shared value is a fact about infrastructure; it is no sign of control");
	buf_add_text(out, "}\n");
}

static void json_entities(struct buf *out, const struct overlap_domain *domain)
{
	size_t i;

	json_key(out, "entities");
	buf_add_char(out, '[');
	for (i = 0; i < domain->entity_count; i++) {
		const struct overlap_entity *entity = &domain->entity[i];

		buf_add_text(out, i > 0 ? ",{" : "{");
		json_member_string(out, "entity_id", entity->entity_id);
		json_member_string(out, "kind", entity->kind);
		json_member_string(out, "name", entity->name);
		json_member_string(out, "claim_status", entity->claim_status);
		json_member_string(out, "role", entity->role);
		json_member_string(out, "verified", entity->verified);
		json_member_string(out, "valid_from", entity->valid_from);
		json_member_string(out, "valid_to", entity->valid_to);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

static void json_overlap(struct buf *out, const struct overlap_value *value)
{
	size_t i;
	int s;

	buf_add_char(out, '{');
	json_member_string(out, "schema_version", RECORD_SCHEMA_VERSION);
	json_member_string(out, "record_type", "overlap_value");
	json_member_string(out, "indicator", value->indicator->name);
	json_member_string(out, "family", indicator_family_name(value->indicator->family));
	json_member_string(out, "value", value->value);
	for (s = 0; s < STRATA; s++) {
		char key[32];

		snprintf(key, sizeof(key), "%s_count", stratum_name[s]);
		json_member_int(out, key, value->count[s]);
		snprintf(key, sizeof(key), "%s_n", stratum_name[s]);
		json_member_int(out, key, value->observed[s]);
	}
	json_key(out, "frequency");
	json_real(out, value->frequency);
	json_key(out, "domains");
	buf_add_char(out, '[');
	for (i = 0; i < value->domain_count; i++) {
		buf_add_text(out, i > 0 ? ",{" : "{");
		json_member_string(out, "domain", value->domain[i].domain);
		json_entities(out, &value->domain[i]);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
	json_key(out, "record_ids");
	buf_add_char(out, '[');
	for (i = 0; i < value->record_count; i++)
		buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", value->record_id[i]);
	buf_add_text(out, "]}\n");
}

/* --- CSV: a line for each domain that shows a value --- */

static void csv_text(struct buf *out, const char *text, bool last)
{
	csv_cell(out, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
	buf_add_text(out, last ? "\r\n" : ",");
}

static void csv_header(struct buf *out)
{
	buf_add_text(out,
	    "indicator,family,value,register_count,register_n,general_count,general_n,matched_count,"
	    "matched_n,frequency,domain,entity_id,kind,name,claim_status,role,verified,valid_from,"
	    "valid_to\r\n");
}

/* `entity` is NULL for a domain of a plain list. */
static void csv_line(struct buf *out, const struct overlap_value *value, const struct overlap_domain *domain,
    const struct overlap_entity *entity)
{
	static const struct overlap_entity none;
	int s;

	if (entity == NULL)
		entity = &none;
	csv_text(out, value->indicator->name, false);
	csv_text(out, indicator_family_name(value->indicator->family), false);
	csv_text(out, value->value, false);
	for (s = 0; s < STRATA; s++)
		buf_printf(out, "%" PRId64 ",%" PRId64 ",", value->count[s], value->observed[s]);
	buf_printf(out, "%.6g,", value->frequency);
	csv_text(out, domain->domain, false);
	csv_text(out, entity->entity_id, false);
	csv_text(out, entity->kind, false);
	csv_text(out, entity->name, false);
	csv_text(out, entity->claim_status, false);
	csv_text(out, entity->role, false);
	csv_text(out, entity->verified, false);
	csv_text(out, entity->valid_from, false);
	csv_text(out, entity->valid_to, true);
}

static void csv_overlap(struct buf *out, const struct overlap_value *value)
{
	size_t i, j;

	for (i = 0; i < value->domain_count; i++) {
		const struct overlap_domain *domain = &value->domain[i];

		if (domain->entity_count == 0)
			csv_line(out, value, domain, NULL);
		for (j = 0; j < domain->entity_count; j++)
			csv_line(out, value, domain, &domain->entity[j]);
	}
}

static void on_summary(void *arg, const struct overlap_summary *summary)
{
	struct printer *printer = arg;
	struct buf out = {0};

	if (printer->format == FORMAT_TABLE)
		overlap_table_summary(&printer->table, summary, printer->file);
	else if (printer->format == FORMAT_JSONL)
		json_summary(&out, summary);
	else
		csv_header(&out);
	output_buf(printer->file, &out);
	buf_release(&out);
}

static void on_value(void *arg, const struct overlap_value *value)
{
	struct printer *printer = arg;
	struct buf out = {0};

	if (printer->format == FORMAT_TABLE)
		overlap_table_add(&printer->table, value);
	else if (printer->format == FORMAT_JSONL)
		json_overlap(&out, value);
	else
		csv_overlap(&out, value);
	output_buf(printer->file, &out);
	buf_release(&out);
}

static int list(const struct config *config, const struct overlap_query *query, struct printer *printer)
{
	const char *path = config->db == NULL ? "mooring.db" : config->db;
	struct overlap_visitor visitor = {.summary = on_summary, .value = on_value, .arg = printer};
	char error[STORE_ERROR] = "";
	struct store *store = NULL;
	enum status status = store_open_readonly(&store, path, error);

	if (status == ST_OK && !overlap_table_init(&printer->table))
		status = ST_NO_MEMORY;
	if (status == ST_OK)
		status = overlap_list(store, query, &visitor, error);
	if (status != ST_OK)
		log_line(LOG_ERROR, "%s", error[0] == '\0' ? status_text(status) : error);
	else if (printer->format == FORMAT_TABLE)
		overlap_table_print(&printer->table, query->with, config->limit, printer->file);
	overlap_table_release(&printer->table);
	store_close(store);
	return status == ST_OK ? EXIT_COMPLETE : EXIT_FAILED;
}

static bool read_format(const struct config *config, enum format *ret_format)
{
	const char *name = config->format != NULL ? config->format : config->json ? "jsonl" : "table";

	if (strcmp(name, "table") == 0)
		*ret_format = FORMAT_TABLE;
	else if (strcmp(name, "jsonl") == 0)
		*ret_format = FORMAT_JSONL;
	else if (strcmp(name, "csv") == 0)
		*ret_format = FORMAT_CSV;
	else
		log_line(LOG_ERROR, "--format '%s' should be table, jsonl or csv", name);
	return strcmp(name, "table") == 0 || strcmp(name, "jsonl") == 0 || strcmp(name, "csv") == 0;
}

static bool read_query(const struct config *config, struct domain *with, struct overlap_query *ret_query)
{
	struct overlap_query query = {.least = 2, .limit = config->limit, .indicator = config->type};
	struct domain_rules *rules;
	const char *fault = NULL;
	char *end = NULL;

	if (config->run != NULL) {
		query.run_id = strtoll(config->run, &end, 10);
		if (*end != '\0' || query.run_id <= 0) {
			log_line(LOG_ERROR,
			    "--as-of '%s' should be the number of a run; 'mooring runs' lists them",
			    config->run);
			return false;
		}
	}
	if (config->type != NULL && indicator_find(config->type) == NULL) {
		log_line(LOG_ERROR, "--type '%s' is no indicator; 'mooring probes' lists them", config->type);
		return false;
	}
	if (config->with != NULL) {
		rules = domain_rules_new(NULL);
		if (rules == NULL || domain_parse(rules, config->with, with, &fault) != ST_OK) {
			log_line(LOG_ERROR, "--with '%s' %s", config->with,
			    fault == NULL ? "cannot be read" : fault);
			domain_rules_free(rules);
			return false;
		}
		domain_rules_free(rules);
		query.with = with->name;
	}
	*ret_query = query;
	return true;
}

int cmd_overlaps(int argc, char **argv)
{
	struct printer printer = {0};
	struct overlap_query query;
	struct config config;
	struct domain with;
	int first, code = EXIT_USAGE;

	config_init(&config);
	if (config_read(&config, CONFIG_OVERLAPS, argc, argv, &first) != ST_OK)
		goto out;
	if (config.help) {
		printf(
		    "Usage: mooring overlaps [OPTION...]\n\n"
		    "Lists the values that two or more domains of the register share in a run, the rarest\n"
		    "among the control domains first, with who shares them. Control domains are counted, not "
		    "listed.\n"
		    "`frequency` (jsonl, csv) is (count + 0.5) / (n + 1) of the control stratum where it is "
		    "larger;\n"
		    "without controls, of the register.\n");
		config_print_help(CONFIG_OVERLAPS);
		code = EXIT_COMPLETE;
		goto out;
	}
	if (first < argc) {
		log_line(LOG_ERROR, "overlaps takes no argument ('%s'); --with DOMAIN asks about one domain",
		    argv[first]);
		goto out;
	}
	if (!read_format(&config, &printer.format) || !read_query(&config, &with, &query))
		goto out;
	code = EXIT_FAILED;
	printer.file = output_open(config.output);
	if (printer.file == NULL)
		goto out;
	/* The limit of a table is one of groups. */
	if (printer.format == FORMAT_TABLE)
		query.limit = 0;
	code = list(&config, &query, &printer);
	if (!output_close(printer.file, config.output))
		code = EXIT_FAILED;
out:
	config_release(&config);
	return code;
}
