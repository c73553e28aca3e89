#include "register.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "register_faults.h"
#include "register_load.h"

/* Bytes: the largest register that is read whole. Some 500 bytes a row make that half a million rows. */
enum { REGISTER_MEMORY = 256 * 1024 * 1024 };

const struct register_entity *register_find_entity(const struct register_data *data, const char *id)
{
	size_t low = 0, high = data->entity_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(data->index->by_id[middle]->id, id);

		if (order == 0)
			return data->index->by_id[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The header's names with `input` behind them, for the cells of all rows. */
static bool keep_names(struct register_load *load, const struct register_table *table)
{
	load->names = arena_memdup(load->arena, table->name, (table->width + 1) * sizeof(*table->name));
	return load->names != NULL;
}

static enum status load_rows(struct register_load *load, struct register_table *table, register_take *take)
{
	enum status status;

	for (;;) {
		status = register_table_next(table);
		if (status == ST_OK)
			status = take(load, table);
		else if (status == ST_NOT_FOUND)
			return ST_OK;
		if (status != ST_OK && status != ST_INVALID)
			return status;
	}
}

/* ST_OK; ST_INVALID when the file as a whole could not be used, which a fault says; ST_NO_MEMORY. */
static enum status load_file(struct register_load *load, const struct register_file *what)
{
	struct register_table table = {
	    .reporter = &load->reporter, .column = what->column, .column_count = what->column_count};
	FILE *file = NULL;
	enum status status;

	table.file = arena_printf(load->arena, "%s/%s", load->folder, what->name);
	if (table.file == NULL)
		return ST_NO_MEMORY;
	if (register_open_file(&load->reporter, table.file, true, &file) != ST_OK)
		return ST_INVALID;
	status = register_table_open(&table, file, load->arena);
	if (status == ST_OK && !keep_names(load, &table))
		status = ST_NO_MEMORY;
	if (status == ST_OK)
		status = load_rows(load, &table, what->take);
	register_table_close(&table);
	fclose(file);
	return status == ST_OK || status == ST_NO_MEMORY ? status : ST_INVALID;
}

static int by_id(const void *left, const void *right)
{
	const struct register_entity *const *a = left, *const *b = right;

	return strcmp((*a)->id, (*b)->id);
}

static int by_domain(const void *left, const void *right)
{
	const struct register_listing *const *a = left, *const *b = right;
	int order = strcmp((*a)->domain, (*b)->domain);

	return order != 0 ? order : (*a < *b ? -1 : *a > *b);
}

static enum status index_entities(struct register_load *load)
{
	struct register_data *data = load->data;
	size_t i;

	data->index->by_id = arena_array(load->arena, data->entity_count + 1, sizeof(*data->index->by_id));
	if (data->index->by_id == NULL)
		return ST_NO_MEMORY;
	for (i = 0; i < data->entity_count; i++)
		data->index->by_id[i] = &data->entity[i];
	qsort(data->index->by_id, data->entity_count, sizeof(*data->index->by_id), by_id);
	return ST_OK;
}

static enum status index_listings(struct register_load *load)
{
	struct register_data *data = load->data;
	size_t i;

	data->index->by_domain =
	    arena_array(load->arena, data->listing_count + 1, sizeof(*data->index->by_domain));
	if (data->index->by_domain == NULL)
		return ST_NO_MEMORY;
	for (i = 0; i < data->listing_count; i++)
		data->index->by_domain[i] = &data->listing[i];
	qsort(data->index->by_domain, data->listing_count, sizeof(*data->index->by_domain), by_domain);
	return ST_OK;
}

static void report_parent(struct register_load *load, const struct register_entity *entity, const char *what)
{
	const char *file = arena_printf(load->arena, "%s/entities.csv", load->folder);

	if (file != NULL)
		register_report(&load->reporter, REGISTER_ERROR, file, entity->parent_place.line,
		    entity->parent_place.column, "the parent '%s' %s", entity->parent_id, what);
}

static void link_parents(struct register_load *load)
{
	struct register_data *data = load->data;
	size_t i;

	for (i = 0; i < data->entity_count; i++) {
		struct register_entity *entity = &data->entity[i];

		if (*entity->parent_id == '\0')
			continue;
		entity->parent = register_find_entity(data, entity->parent_id);
		if (entity->parent == NULL)
			report_parent(load, entity,
			    "is not in this file, or its row has an error. Add it, or "
			    "leave the cell empty");
	}
}

/* Cuts each cycle of parents once: every entity is walked over once, marked with the walk it belongs to. */
static enum status cut_cycles(struct register_load *load)
{
	struct register_data *data = load->data;
	size_t *walk = arena_array(load->arena, data->entity_count + 1, sizeof(*walk)), i;

	if (walk == NULL)
		return ST_NO_MEMORY;
	for (i = 0; i < data->entity_count; i++) {
		struct register_entity *entity = &data->entity[i];

		while (walk[entity - data->entity] == 0 && entity->parent != NULL) {
			size_t next = (size_t)(entity->parent - data->entity);

			walk[entity - data->entity] = i + 1;
			if (walk[next] == i + 1) {
				report_parent(load, entity,
				    "is below this entity itself. Decide which one is "
				    "above the other");
				entity->parent = NULL;
				break;
			}
			entity = &data->entity[next];
		}
	}
	return ST_OK;
}

/* The date that orders claims. */
static const char *claim_date(const struct register_claim *claim)
{
	return *claim->status_date != '\0' ? claim->status_date : claim->first_reported;
}

static void link_claims(struct register_load *load)
{
	struct register_data *data = load->data;
	const char *file = arena_printf(load->arena, "%s/entities.csv", load->folder);
	size_t i;

	for (i = 0; i < data->claim_count; i++) {
		const struct register_claim *claim = &data->claim[i];
		struct register_entity *entity = data->entity + (claim->entity - data->entity);

		if (entity->newest == NULL || strcmp(claim_date(claim), claim_date(entity->newest)) >= 0)
			entity->newest = claim;
	}
	for (i = 0; i < data->entity_count && file != NULL; i++)
		if (data->entity[i].newest == NULL)
			register_report(&load->reporter, REGISTER_WARNING, file, data->entity[i].place.line,
			    data->entity[i].place.column,
			    "no claim says where '%s' comes from. Add a row with its source to claims.csv",
			    data->entity[i].id);
}

static bool exists(struct register_load *load, const char *name)
{
	const char *path = arena_printf(load->arena, "%s/%s", load->folder, name);
	struct stat st;

	return path != NULL && stat(path, &st) == 0;
}

/* Entities first, as the other rows name them. */
static enum status load_all(struct register_load *load)
{
	enum status status = load_file(load, &register_entities);

	load->entities_read = status == ST_OK;
	if (status != ST_NO_MEMORY)
		status = index_entities(load);
	if (status != ST_NO_MEMORY) {
		link_parents(load);
		status = cut_cycles(load);
	}
	if (status != ST_NO_MEMORY)
		status = load_file(load, &register_listings);
	if (status != ST_NO_MEMORY)
		status = index_listings(load);
	if (status != ST_NO_MEMORY)
		status = load_file(load, &register_claims);
	if (status == ST_OK)
		link_claims(load);
	if (status != ST_NO_MEMORY && exists(load, register_reports.name))
		status = load_file(load, &register_reports);
	return status == ST_NO_MEMORY ? ST_NO_MEMORY : ST_OK;
}

static struct register_data *data_new(void)
{
	struct register_data *data = calloc(1, sizeof(*data));

	if (data == NULL)
		return NULL;
	data->index = calloc(1, sizeof(*data->index));
	if (data->index != NULL)
		data->index->arena = arena_new(REGISTER_MEMORY);
	if (data->index != NULL && data->index->arena != NULL)
		return data;
	register_free(data);
	return NULL;
}

void register_free(struct register_data *data)
{
	if (data == NULL)
		return;
	free(data->entity);
	free(data->listing);
	free(data->claim);
	free(data->report);
	if (data->index != NULL)
		arena_free(data->index->arena);
	free(data->index);
	free(data);
}

enum status register_load(const char *folder, const struct domain_rules *rules, register_fault *fault,
    void *fault_arg, struct register_data **ret_data)
{
	struct register_data *data = data_new();
	struct register_faults faults = {0};
	struct register_load load = {.folder = folder, .rules = rules, .data = data};
	enum status status;

	if (data == NULL)
		return ST_NO_MEMORY;
	load.arena = faults.arena = data->index->arena;
	load.reporter = (struct register_reporter){.fault = register_faults_keep, .arg = &faults};
	status = load_all(&load);
	seen_release(&load.seen);
	data->errors = load.reporter.errors;
	data->warnings = load.reporter.warnings;
	register_faults_flush(&faults, folder, fault, fault_arg);
	register_faults_release(&faults);
	if (status == ST_OK)
		*ret_data = data;
	else
		register_free(data);
	return status;
}

const struct register_claim *register_newest_claim(
    const struct register_data *data, const struct register_entity *entity)
{
	(void)data;
	return entity->newest;
}

void register_each_listing(
    const struct register_data *data, const char *domain, register_visit_listing *visit, void *arg)
{
	size_t low = 0, high = data->listing_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(data->index->by_domain[middle]->domain, domain) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < data->listing_count && strcmp(data->index->by_domain[low]->domain, domain) == 0; low++)
		visit(arg, data->index->by_domain[low]);
}
