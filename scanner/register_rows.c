/* The rows of the register's files: their columns, and what of a row is checked and kept. */
#include <stdlib.h>
#include <string.h>

#include "register_load.h"

static const char *const kinds[] = {
    "reported_center", "association", "service_center", "authority", "federation", "media", "watchdog", NULL};
static const char *const roles[] = {"official", "linked", "historical", NULL};
static const char *const verified[] = {
    "unverified", "page_names_entity", "directory_names_domain", "both", NULL};
static const char *const statuses[] = {"listed", "reported", "denied", "disputed", "under_investigation",
    "confirmed_by_authority", "closure_ordered", "reported_closed", "investigated_no_offence",
    "investigation_closed_no_charges", "retracted", NULL};
static const char *const certainties[] = {"A", "B", "C", NULL};

/* clang-format off */
enum { E_ID, E_KIND, E_NAME, E_NAME_LOCAL, E_COUNTRY, E_LOCALITY, E_OPERATED_FROM, E_PARENT_ID, E_COUNT };

static const struct register_column entity_column[E_COUNT] = {
	[E_ID] = {"entity_id", CHECK_ID, true, NULL},
	[E_KIND] = {"kind", CHECK_WORD, true, kinds},
	[E_NAME] = {"name", CHECK_NAME, true, NULL},
	[E_NAME_LOCAL] = {"name_local", CHECK_NAME, false, NULL},
	[E_COUNTRY] = {"country", CHECK_COUNTRY, false, NULL},
	[E_LOCALITY] = {"locality", CHECK_NAME, false, NULL},
	[E_OPERATED_FROM] = {"operated_from", CHECK_NAME, false, NULL},
	[E_PARENT_ID] = {"parent_id", CHECK_ID, false, NULL},
};

enum { D_DOMAIN, D_ENTITY_ID, D_ROLE, D_LISTED_AT_URL, D_LISTED_ON, D_VERIFIED, D_VALID_FROM, D_VALID_TO, D_COUNT };

static const struct register_column domain_column[D_COUNT] = {
	[D_DOMAIN] = {"domain", CHECK_TEXT, true, NULL},
	[D_ENTITY_ID] = {"entity_id", CHECK_ID, true, NULL},
	[D_ROLE] = {"role", CHECK_WORD, true, roles},
	[D_LISTED_AT_URL] = {"listed_at_url", CHECK_URL, false, NULL},
	[D_LISTED_ON] = {"listed_on", CHECK_DATE, false, NULL},
	[D_VERIFIED] = {"verified", CHECK_WORD, true, verified},
	[D_VALID_FROM] = {"valid_from", CHECK_DATE, false, NULL},
	[D_VALID_TO] = {"valid_to", CHECK_DATE, false, NULL},
};

enum {
	C_ID, C_ENTITY_ID, C_REPORT, C_FIRST_REPORTED, C_SOURCE_URL, C_SOURCE_TITLE, C_ACCESSED_ON, C_QUOTE, C_STATUS,
	C_STATUS_DATE, C_STATUS_SOURCE_URL, C_CERTAINTY, C_COUNT
};

static const struct register_column claim_column[C_COUNT] = {
	[C_ID] = {"claim_id", CHECK_ID, true, NULL},
	[C_ENTITY_ID] = {"entity_id", CHECK_ID, true, NULL},
	[C_REPORT] = {"report", CHECK_TEXT, false, NULL},
	[C_FIRST_REPORTED] = {"first_reported", CHECK_DATE, false, NULL},
	[C_SOURCE_URL] = {"source_url", CHECK_URL, false, NULL},
	[C_SOURCE_TITLE] = {"source_title", CHECK_TEXT, false, NULL},
	[C_ACCESSED_ON] = {"accessed_on", CHECK_DATE, false, NULL},
	[C_QUOTE] = {"quote", CHECK_QUOTE, false, NULL},
	[C_STATUS] = {"status", CHECK_WORD, true, statuses},
	[C_STATUS_DATE] = {"status_date", CHECK_DATE, false, NULL},
	[C_STATUS_SOURCE_URL] = {"status_source_url", CHECK_URL, false, NULL},
	[C_CERTAINTY] = {"certainty", CHECK_WORD, true, certainties},
};

enum { R_ID, R_TITLE, R_PUBLISHER, R_PUBLISHED_ON, R_CENTERS, R_COUNTRIES, R_COUNT };

static const struct register_column report_column[R_COUNT] = {
	[R_ID] = {"report", CHECK_ID, true, NULL},
	[R_TITLE] = {"title", CHECK_TEXT, true, NULL},
	[R_PUBLISHER] = {"publisher", CHECK_TEXT, false, NULL},
	[R_PUBLISHED_ON] = {"published_on", CHECK_DATE, false, NULL},
	[R_CENTERS] = {"centers_claimed", CHECK_NUMBER, false, NULL},
	[R_COUNTRIES] = {"countries_claimed", CHECK_NUMBER, false, NULL},
};
/* clang-format on */

const char *register_kind_name(enum register_kind kind)
{
	return kinds[kind];
}

const char *register_claim_status_name(enum register_claim_status status)
{
	return statuses[status];
}

static unsigned word_index(const char *const *word, const char *text)
{
	unsigned i = 0;

	while (strcmp(word[i], text) != 0)
		i++;
	return i;
}

/* The array with room for one more, or NULL. */
static void *make_room(void *array, size_t count, size_t *room, size_t size)
{
	size_t larger = *room == 0 ? 64 : *room * 2;
	void *moved;

	if (count < *room)
		return array;
	moved = reallocarray(array, larger, size);
	if (moved != NULL)
		*room = larger;
	return moved;
}

/* Copies the present row. `domain` replaces the first declared column and adds `input`; NULL: there is none.
 */
static bool keep_cells(struct register_load *load, const struct register_table *table, const char *domain,
    struct register_cells *ret_cells)
{
	size_t count = table->width + (domain != NULL), i;
	const char **value = arena_array(load->arena, count, sizeof(*value));

	if (value == NULL)
		return false;
	for (i = 0; i < table->width; i++)
		value[i] = arena_strdup(load->arena, table->value[i]);
	if (domain != NULL) {
		value[table->width] = value[table->place[D_DOMAIN]];
		value[table->place[D_DOMAIN]] = arena_strdup(load->arena, domain);
	}
	*ret_cells = (struct register_cells){.name = load->names, .value = value, .count = count};
	return !arena_failed(load->arena);
}

static const char *text_of(
    const struct register_cells *cells, const struct register_table *table, size_t column)
{
	return cells->value[table->place[column]];
}

static struct register_place place_of(const struct register_table *table, size_t column)
{
	const struct csv_entry *entry = register_table_cell(table, column);

	return (struct register_place){.line = entry->line, .column = entry->column};
}

/* ST_OK the first time; ST_INVALID after a fault at the cell the next time. */
static enum status is_new(struct register_load *load, struct register_table *table, size_t column,
    const char *kind, const char *subject)
{
	struct record_hash key = seen_key(kind, subject);

	if (!seen_has(&load->seen, key))
		return seen_add(&load->seen, key);
	register_table_report(table, REGISTER_ERROR, column, "%s '%s' is there twice. Remove or rename one",
	    table->column[column].name, register_table_cell(table, column)->text);
	return ST_INVALID;
}

/* The entity that the present row names; NULL after a fault. */
static struct register_entity *named_entity(
    struct register_load *load, const struct register_table *table, size_t column)
{
	const char *id = register_table_cell(table, column)->text;
	const struct register_entity *found = NULL;

	if (!load->entities_read)
		return NULL;
	found = register_find_entity(load->data, id);
	if (found != NULL)
		return load->data->entity + (found - load->data->entity);
	register_table_report(table, REGISTER_ERROR, column,
	    "the entity '%s' is not in entities.csv, or its row there has an error. Mend that, or the "
	    "spelling here",
	    id);
	return NULL;
}

static enum status take_entity(struct register_load *load, struct register_table *table)
{
	struct register_data *data = load->data;
	enum status status = is_new(load, table, E_ID, "entity", register_table_cell(table, E_ID)->text);
	struct register_cells cells;
	void *array;

	if (status != ST_OK)
		return status;
	array = make_room(data->entity, data->entity_count, &load->entity_room, sizeof(*data->entity));
	if (array == NULL)
		return ST_NO_MEMORY;
	data->entity = array;
	if (!keep_cells(load, table, NULL, &cells))
		return ST_NO_MEMORY;
	data->entity[data->entity_count++] = (struct register_entity){.cells = cells,
	    .place = place_of(table, E_ID),
	    .parent_place = place_of(table, E_PARENT_ID),
	    .id = text_of(&cells, table, E_ID),
	    .kind = (enum register_kind)word_index(kinds, text_of(&cells, table, E_KIND)),
	    .name = text_of(&cells, table, E_NAME),
	    .name_local = text_of(&cells, table, E_NAME_LOCAL),
	    .country = text_of(&cells, table, E_COUNTRY),
	    .locality = text_of(&cells, table, E_LOCALITY),
	    .operated_from = text_of(&cells, table, E_OPERATED_FROM),
	    .parent_id = text_of(&cells, table, E_PARENT_ID)};
	return ST_OK;
}

/* The checks of a listing that look at more than one cell. */
static enum status check_listing(
    struct register_load *load, struct register_table *table, struct domain *ret_domain)
{
	const char *from = register_table_cell(table, D_VALID_FROM)->text;
	const char *to = register_table_cell(table, D_VALID_TO)->text;
	size_t common = strlen(from) < strlen(to) ? strlen(from) : strlen(to);
	const char *input = register_table_cell(table, D_DOMAIN)->text, *fault;
	enum status status = domain_parse(load->rules, input, ret_domain, &fault);

	if (status == ST_INVALID)
		register_table_report(table, REGISTER_ERROR, D_DOMAIN, "'%s' %s", input, fault);
	if (strncmp(from, to, common) > 0) {
		register_table_report(table, REGISTER_ERROR, D_VALID_TO,
		    "valid_to %s is before valid_from %s. Swap or correct them", to, from);
		status = status == ST_OK ? ST_INVALID : status;
	}
	if (register_table_cell(table, D_LISTED_AT_URL)->length == 0)
		register_table_report(table, REGISTER_WARNING, D_LISTED_AT_URL,
		    "no source says that this domain is the entity's. Give the URL where it is listed");
	return status;
}

static enum status take_listing(struct register_load *load, struct register_table *table)
{
	struct register_data *data = load->data;
	struct register_entity *entity = named_entity(load, table, D_ENTITY_ID);
	struct register_cells cells;
	struct domain domain;
	enum status status = check_listing(load, table, &domain);
	const char *pair;
	void *array;

	if (status != ST_OK || entity == NULL)
		return status == ST_OK ? ST_INVALID : status;
	pair = arena_printf(load->arena, "%s %s", domain.name, entity->id);
	if (pair == NULL)
		return ST_NO_MEMORY;
	status = is_new(load, table, D_DOMAIN, "listing", pair);
	if (status != ST_OK)
		return status;
	array = make_room(data->listing, data->listing_count, &load->listing_room, sizeof(*data->listing));
	if (array == NULL)
		return ST_NO_MEMORY;
	data->listing = array;
	if (!keep_cells(load, table, domain.name, &cells))
		return ST_NO_MEMORY;
	entity->listing_count++;
	data->listing[data->listing_count] = (struct register_listing){.cells = cells,
	    .place = place_of(table, D_DOMAIN),
	    .domain = text_of(&cells, table, D_DOMAIN),
	    .input = cells.value[cells.count - 1],
	    .entity = entity,
	    .role = text_of(&cells, table, D_ROLE),
	    .verified = text_of(&cells, table, D_VERIFIED),
	    .listed_at_url = text_of(&cells, table, D_LISTED_AT_URL),
	    .listed_on = text_of(&cells, table, D_LISTED_ON),
	    .valid_from = text_of(&cells, table, D_VALID_FROM),
	    .valid_to = text_of(&cells, table, D_VALID_TO)};
	data->listing[data->listing_count].registrable =
	    domain_registrable(load->rules, data->listing[data->listing_count].domain);
	data->listing_count++;
	return ST_OK;
}

/* The checks of a claim that look at more than one cell. */
static enum status check_claim(const struct register_table *table, const struct register_entity *entity)
{
	bool url = register_table_cell(table, C_SOURCE_URL)->length > 0;
	bool title = register_table_cell(table, C_SOURCE_TITLE)->length > 0;
	bool listed = strcmp(register_table_cell(table, C_STATUS)->text, statuses[CLAIM_LISTED]) == 0;
	bool center = entity != NULL && entity->kind == REGISTER_REPORTED_CENTER;
	enum status status = ST_OK;

	if (!url && !title) {
		register_table_report(table, REGISTER_ERROR, C_SOURCE_URL,
		    "the claim has no source. Give source_url, or at least source_title");
		status = ST_INVALID;
	} else if (!url) {
		register_table_report(table, REGISTER_WARNING, C_SOURCE_URL,
		    "the source cannot be followed, only its title is given. Add a URL where one is known");
	}
	if (entity != NULL && listed == center) {
		register_table_report(table, REGISTER_ERROR, C_STATUS,
		    center ? "the status listed is for what is no reported center. Say what became of the "
			     "report: "
			     "reported, denied, ..."
			   : "this status is for reported centers only, and the entity is none. Write "
			     "listed, or give "
			     "the reported center a row of its own");
		status = ST_INVALID;
	}
	if (register_table_cell(table, C_STATUS_DATE)->length == 0)
		register_table_report(table, REGISTER_WARNING, C_STATUS_DATE,
		    "the status has no date, so that the newest cannot be told. Give at least its year");
	return status;
}

static enum status take_claim(struct register_load *load, struct register_table *table)
{
	struct register_data *data = load->data;
	struct register_entity *entity = named_entity(load, table, C_ENTITY_ID);
	enum status status = is_new(load, table, C_ID, "claim", register_table_cell(table, C_ID)->text);
	struct register_cells cells;
	void *array;

	if (status == ST_NO_MEMORY)
		return status;
	if (check_claim(table, entity) != ST_OK || status != ST_OK || entity == NULL)
		return ST_INVALID;
	array = make_room(data->claim, data->claim_count, &load->claim_room, sizeof(*data->claim));
	if (array == NULL)
		return ST_NO_MEMORY;
	data->claim = array;
	if (!keep_cells(load, table, NULL, &cells))
		return ST_NO_MEMORY;
	entity->claim_count++;
	data->claim[data->claim_count++] = (struct register_claim){.cells = cells,
	    .place = place_of(table, C_ID),
	    .id = text_of(&cells, table, C_ID),
	    .entity = entity,
	    .report = text_of(&cells, table, C_REPORT),
	    .first_reported = text_of(&cells, table, C_FIRST_REPORTED),
	    .source_url = text_of(&cells, table, C_SOURCE_URL),
	    .source_title = text_of(&cells, table, C_SOURCE_TITLE),
	    .accessed_on = text_of(&cells, table, C_ACCESSED_ON),
	    .quote = text_of(&cells, table, C_QUOTE),
	    .status = (enum register_claim_status)word_index(statuses, text_of(&cells, table, C_STATUS)),
	    .status_date = text_of(&cells, table, C_STATUS_DATE),
	    .status_source_url = text_of(&cells, table, C_STATUS_SOURCE_URL),
	    .certainty = text_of(&cells, table, C_CERTAINTY)};
	return ST_OK;
}

static long number_of(const char *text)
{
	return *text == '\0' ? -1 : strtol(text, NULL, 10);
}

static enum status take_report(struct register_load *load, struct register_table *table)
{
	struct register_data *data = load->data;
	enum status status = is_new(load, table, R_ID, "report", register_table_cell(table, R_ID)->text);
	struct register_cells cells;
	void *array;

	if (status != ST_OK)
		return status;
	array = make_room(data->report, data->report_count, &load->report_room, sizeof(*data->report));
	if (array == NULL)
		return ST_NO_MEMORY;
	data->report = array;
	if (!keep_cells(load, table, NULL, &cells))
		return ST_NO_MEMORY;
	data->report[data->report_count++] = (struct register_report){.place = place_of(table, R_ID),
	    .id = text_of(&cells, table, R_ID),
	    .title = text_of(&cells, table, R_TITLE),
	    .publisher = text_of(&cells, table, R_PUBLISHER),
	    .published_on = text_of(&cells, table, R_PUBLISHED_ON),
	    .centers_claimed = number_of(text_of(&cells, table, R_CENTERS)),
	    .countries_claimed = number_of(text_of(&cells, table, R_COUNTRIES))};
	return ST_OK;
}

const struct register_file register_entities = {"entities.csv", entity_column, E_COUNT, take_entity};
const struct register_file register_listings = {"domains.csv", domain_column, D_COUNT, take_listing};
const struct register_file register_claims = {"claims.csv", claim_column, C_COUNT, take_claim};
const struct register_file register_reports = {"reports.csv", report_column, R_COUNT, take_report};
