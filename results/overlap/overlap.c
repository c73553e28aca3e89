#include "results/overlap/overlap_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

/* Scalar subquery: the control domain that r.value is or lies below, or null. "*.www.a.example" lies below
 * "www.a.example", "a.example" and "example". */
#define CONTROL_ABOVE                                                        \
	"(WITH RECURSIVE above (name) AS (SELECT r.value\n"                  \
	"		UNION ALL SELECT substr(name, instr(name, '.') + 1) FROM above\n" \
	"		WHERE instr(name, '.') > 0)\n"                                    \
	"	SELECT domain FROM above CROSS JOIN control_name ON domain = name LIMIT 1)"

static const char control_sql[] = "SELECT " CONTROL_ABOVE " FROM (SELECT ?1 AS value) r";

/* ?1 least, ?2 indicator or null, ?3 domain or null, ?4 limit, ?5 general domains, ?6 matched domains, ?7
 * whether only what is wanted is listed. Ranked by how rare a value is among unrelated domains; without
 * controls, inside the register. */
static const char list_sql[] =
    "WITH one AS (SELECT r.indicator, r.value, r.count AS c0,\n"
    "		coalesce(g.count, 0) AS c1, coalesce(m.count, 0) AS c2, coalesce(n0.count, 0) AS n0,\n"
    "		coalesce(n1.count, 0) AS n1, coalesce(n2.count, 0) AS n2\n"
    "	FROM counted r\n"
    "	LEFT JOIN counted g ON g.indicator = r.indicator AND g.value = r.value AND g.stratum = 1\n"
    "	LEFT JOIN counted m ON m.indicator = r.indicator AND m.value = r.value AND m.stratum = 2\n"
    "	LEFT JOIN observed n0 ON n0.indicator = carrier(r.indicator) AND n0.stratum = 0\n"
    "	LEFT JOIN observed n1 ON n1.indicator = carrier(r.indicator) AND n1.stratum = 1\n"
    "	LEFT JOIN observed n2 ON n2.indicator = carrier(r.indicator) AND n2.stratum = 2\n"
    "	WHERE r.stratum = 0 AND r.count >= ?1 AND (?2 IS NULL OR r.indicator = ?2)\n"
    "	AND (?3 IS NULL OR EXISTS (SELECT 1 FROM shown s JOIN domain d USING (domain_id)\n"
    "		WHERE s.indicator = r.indicator AND s.value = r.value AND d.domain = ?3))\n"
    "	AND (?7 = 0 OR EXISTS (SELECT 1 FROM wanted w\n"
    "		WHERE w.indicator = r.indicator AND w.value = r.value))\n"
    "	AND (r.indicator <> 'san' OR " CONTROL_ABOVE " IS NULL))\n"
    "SELECT indicator, value, c0, c1, c2, n0, n1, n2,\n"
    "	CASE WHEN ?5 + ?6 = 0 THEN (c0 + 0.5) / (n0 + 1)\n"
    "		ELSE max(CASE WHEN ?5 > 0 THEN (c1 + 0.5) / (n1 + 1) ELSE 0 END,\n"
    "			CASE WHEN ?6 > 0 THEN (c2 + 0.5) / (n2 + 1) ELSE 0 END) END AS frequency\n"
    "	FROM one ORDER BY frequency, telling(indicator), c0, value LIMIT ?4";

static const char domains_sql[] =
    "SELECT DISTINCT d.domain FROM shown s CROSS JOIN scanned c USING (domain_id) CROSS JOIN domain d USING "
    "(domain_id)\n"
    "	WHERE s.indicator = ?1 AND s.value = ?2 AND c.stratum = 0 ORDER BY d.domain";

static const char records_sql[] =
    "SELECT DISTINCT s.record_id FROM shown s CROSS JOIN scanned c USING (domain_id)\n"
    "	WHERE s.indicator = ?1 AND s.value = ?2 AND c.stratum = 0 ORDER BY s.record_id";

static const char entities_sql[] =
    "SELECT entity_id, kind, name, role, verified, valid_from, valid_to, claim_status\n"
    "	FROM listing JOIN entity_status USING (register_id, entity_id)\n"
    "	WHERE register_id = ?1 AND domain = ?2 ORDER BY entity_id, position";

/* SQL function: place of an indicator in the table, so that SQLite can sort by it. */
static void telling(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const struct indicator *indicator = indicator_find((const char *)sqlite3_value_text(argv[0]));

	(void)argc;
	sqlite3_result_int64(context, indicator == NULL ? (int64_t)indicator_count : indicator - indicators);
}

/* SQL function: the indicator that tells where this one could be seen. */
static void carrier(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const struct indicator *indicator = indicator_find((const char *)sqlite3_value_text(argv[0]));

	(void)argc;
	if (indicator == NULL)
		sqlite3_result_null(context);
	else
		sqlite3_result_text(context, indicator->carrier, -1, SQLITE_STATIC);
}

static enum status query_int(struct overlap *overlap, const char *sql, int64_t argument, int64_t *ret_value)
{
	sqlite3_stmt *statement = db_prepare(&overlap->db, sql);
	enum status status;

	if (statement == NULL)
		return db_fail(&overlap->db);
	if (sqlite3_bind_parameter_count(statement) >= 1)
		sqlite3_bind_int64(statement, 1, argument);
	status = db_int(&overlap->db, statement, 0, ret_value);
	sqlite3_finalize(statement);
	return status;
}

static void take_run(void *arg, const struct run_row *row)
{
	struct overlap *overlap = arg;
	char time[CLOCK_TEXT];

	overlap->run_id = row->run_id;
	overlap->vantage_id = row->vantage_id;
	overlap->register_id = row->register_id;
	overlap->summary.run_id = row->run_id;
	overlap->summary.run_started = arena_strdup(overlap->arena, clock_text(row->started, time));
	overlap->summary.run_state = arena_strdup(overlap->arena, row->state);
	overlap->summary.vantage = arena_strdup(overlap->arena, row->info.vantage.name);
	if (row->info.register_name != NULL)
		overlap->summary.register_name = arena_strdup(overlap->arena, row->info.register_name);
}

static enum status summarise(struct overlap *overlap)
{
	struct overlap_summary *summary = &overlap->summary;
	enum status status = ST_OK;
	int i;

	for (i = 0; status == ST_OK && i < STRATA; i++)
		status = query_int(
		    overlap, "SELECT count(*) FROM scanned WHERE stratum = ?1", i, &summary->domains[i]);
	if (status == ST_OK)
		status = query_int(overlap, "SELECT count(*) FROM entity WHERE register_id = ?1",
		    overlap->register_id, &summary->entities);
	if (status == ST_OK)
		status = query_int(overlap,
		    "SELECT count(*) FROM entity WHERE register_id = ?1 AND kind = 'reported_center'",
		    overlap->register_id, &summary->centers);
	if (status == ST_OK)
		status = query_int(overlap,
		    "SELECT count(*) FROM entity e WHERE register_id = ?1 AND kind = 'reported_center' AND "
		    "NOT EXISTS\n"
		    "	(SELECT 1 FROM listing l WHERE l.register_id = e.register_id AND l.entity_id = "
		    "e.entity_id)",
		    overlap->register_id, &summary->centers_without_domain);
	return status;
}

/* NULL where the register says nothing. */
static const char *cell(struct arena *arena, sqlite3_stmt *row, int column)
{
	const char *text = db_text(row, column);

	return text[0] == '\0' ? NULL : arena_strdup(arena, text);
}

static enum status read_entities(struct overlap *overlap, struct arena *arena, struct overlap_domain *domain)
{
	enum { MOST = 64 };
	enum status status;
	bool row;

	domain->entity = arena_array(arena, MOST, sizeof(*domain->entity));
	sqlite3_bind_int64(overlap->entities, 1, overlap->register_id);
	db_bind_text(overlap->entities, 2, domain->domain);
	while ((status = db_step(&overlap->db, overlap->entities, &row)) == ST_OK && row) {
		struct overlap_entity *entity;

		if (domain->entity == NULL || domain->entity_count == MOST)
			continue;
		entity = &domain->entity[domain->entity_count++];
		entity->entity_id = arena_strdup(arena, db_text(overlap->entities, 0));
		entity->kind = arena_strdup(arena, db_text(overlap->entities, 1));
		entity->name = arena_strdup(arena, db_text(overlap->entities, 2));
		entity->role = cell(arena, overlap->entities, 3);
		entity->verified = cell(arena, overlap->entities, 4);
		entity->valid_from = cell(arena, overlap->entities, 5);
		entity->valid_to = cell(arena, overlap->entities, 6);
		entity->claim_status = cell(arena, overlap->entities, 7);
	}
	return status;
}

static enum status read_domains(struct overlap *overlap, struct arena *arena, struct overlap_value *value)
{
	size_t room = (size_t)value->count[STRATUM_REGISTER], i;
	enum status status;
	bool row;

	value->domain = arena_array(arena, room, sizeof(*value->domain));
	if (value->domain == NULL)
		return ST_NO_MEMORY;
	db_bind_text(overlap->domains, 1, value->indicator->name);
	db_bind_text(overlap->domains, 2, value->value);
	while ((status = db_step(&overlap->db, overlap->domains, &row)) == ST_OK && row)
		if (value->domain_count < room)
			value->domain[value->domain_count++].domain =
			    arena_strdup(arena, db_text(overlap->domains, 0));
	for (i = 0; status == ST_OK && i < value->domain_count; i++)
		status = read_entities(overlap, arena, &value->domain[i]);
	return status;
}

static enum status read_records(struct overlap *overlap, struct arena *arena, struct overlap_value *value)
{
	size_t room = 0;
	enum status status;
	bool row;

	db_bind_text(overlap->records, 1, value->indicator->name);
	db_bind_text(overlap->records, 2, value->value);
	while ((status = db_step(&overlap->db, overlap->records, &row)) == ST_OK && row) {
		if (value->record_count == room) {
			int64_t *more = arena_array(arena, room == 0 ? 16 : room * 2, sizeof(*more));

			if (more == NULL) {
				sqlite3_reset(overlap->records);
				return ST_NO_MEMORY;
			}
			if (room > 0)
				memcpy(more, value->record_id, room * sizeof(*more));
			value->record_id = more;
			room = room == 0 ? 16 : room * 2;
		}
		value->record_id[value->record_count++] = sqlite3_column_int64(overlap->records, 0);
	}
	return status;
}

static enum status visit_value(
    struct overlap *overlap, sqlite3_stmt *list, const struct overlap_visitor *visitor)
{
	struct overlap_value value = {.indicator = indicator_find(db_text(list, 0))};
	struct arena *arena;
	enum status status;
	int i;

	if (value.indicator == NULL)
		return ST_OK; /* of a newer program */
	arena = arena_new(0);
	if (arena == NULL)
		return ST_NO_MEMORY;
	value.value = db_text(list, 1);
	for (i = 0; i < STRATA; i++) {
		value.count[i] = sqlite3_column_int64(list, 2 + i);
		value.observed[i] = sqlite3_column_int64(list, 2 + STRATA + i);
	}
	value.frequency = sqlite3_column_double(list, 2 + 2 * STRATA);
	status = read_domains(overlap, arena, &value);
	if (status == ST_OK)
		status = read_records(overlap, arena, &value);
	if (status == ST_OK)
		visitor->value(visitor->arg, &value);
	arena_free(arena);
	return status;
}

static enum status list_values(struct overlap *overlap, const struct overlap_visitor *visitor)
{
	const struct overlap_query *query = overlap->query;
	sqlite3_stmt *list = db_prepare(&overlap->db, list_sql);
	enum status status;
	bool row;

	overlap->domains = db_prepare(&overlap->db, domains_sql);
	overlap->entities = db_prepare(&overlap->db, entities_sql);
	overlap->records = db_prepare(&overlap->db, records_sql);
	if (list == NULL || overlap->domains == NULL || overlap->entities == NULL ||
	    overlap->records == NULL) {
		status = db_fail(&overlap->db);
		goto out;
	}
	sqlite3_bind_int64(list, 1, query->least);
	db_bind_text(list, 2, query->indicator);
	db_bind_text(list, 3, query->with);
	sqlite3_bind_int64(list, 4, query->limit > 0 ? query->limit : -1);
	sqlite3_bind_int64(list, 5, overlap->summary.domains[STRATUM_GENERAL]);
	sqlite3_bind_int64(list, 6, overlap->summary.domains[STRATUM_MATCHED]);
	sqlite3_bind_int64(list, 7, query->fresh != NULL);
	while ((status = db_step(&overlap->db, list, &row)) == ST_OK && row) {
		status = visit_value(overlap, list, visitor);
		if (status != ST_OK)
			break;
	}
out:
	sqlite3_finalize(list);
	sqlite3_finalize(overlap->domains);
	sqlite3_finalize(overlap->entities);
	sqlite3_finalize(overlap->records);
	return status;
}

/* Refuses a domain that is a control, or lies below one. */
static enum status check_no_control(struct overlap *overlap, const char *domain)
{
	sqlite3_stmt *statement = db_prepare(&overlap->db, control_sql);
	const char *control;
	enum status status;
	bool row;

	if (statement == NULL)
		return db_fail(&overlap->db);
	db_bind_text(statement, 1, domain);
	status = db_step(&overlap->db, statement, &row);
	control = status == ST_OK && row ? db_text_or_null(statement, 0) : NULL;
	if (control != NULL) {
		bool same = strcmp(control, domain) == 0;

		snprintf(overlap->db.error, sizeof(overlap->db.error),
		    "%s %s%s%s a control domain of run %" PRId64 ": control domains are counted, not listed",
		    domain, same ? "is" : "lies below ", same ? "" : control, same ? "" : ",",
		    overlap->run_id);
		status = ST_INVALID;
	}
	sqlite3_finalize(statement);
	return status;
}

static enum status check_scanned(struct overlap *overlap, const char *domain)
{
	sqlite3_stmt *statement = db_prepare(
	    &overlap->db, "SELECT 1 FROM domain CROSS JOIN scanned USING (domain_id) WHERE domain = ?1");
	int64_t found = 0;
	enum status status;

	if (statement == NULL)
		return db_fail(&overlap->db);
	db_bind_text(statement, 1, domain);
	status = db_int(&overlap->db, statement, 0, &found);
	sqlite3_finalize(statement);
	if (status != ST_OK || found != 0)
		return status;
	snprintf(overlap->db.error, sizeof(overlap->db.error), "%s was not scanned in run %" PRId64, domain,
	    overlap->run_id);
	return ST_NOT_FOUND;
}

/* Whether an answer may be given about the domain that the query names. */
static enum status check_query(struct overlap *overlap)
{
	const struct overlap_query *query = overlap->query;
	enum status status = ST_OK;

	if (query->fresh != NULL)
		status = check_no_control(overlap, query->fresh);
	if (status == ST_OK && query->with != NULL)
		status = check_no_control(overlap, query->with);
	if (status == ST_OK && query->with != NULL)
		status = check_scanned(overlap, query->with);
	return status;
}

enum status overlap_list(struct store *store, const struct overlap_query *query,
    const struct overlap_visitor *visitor, char *ret_error)
{
	const int function_flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	struct overlap overlap = {.query = query, .db.handle = store_handle(store)};
	int64_t run_id = query->run_id > 0 ? query->run_id : store_newest_run(store);
	enum status status;

	overlap.arena = arena_new(0);
	if (overlap.arena == NULL)
		return ST_NO_MEMORY;
	status = store_each_run(store, run_id, take_run, &overlap);
	if (status == ST_OK && (run_id == 0 || overlap.run_id == 0)) {
		snprintf(ret_error, STORE_ERROR, "the database has no such run; 'mooring runs' lists them");
		status = ST_NOT_FOUND;
		goto out;
	}
	sqlite3_create_function(overlap.db.handle, "telling", 1, function_flags, NULL, telling, NULL, NULL);
	sqlite3_create_function(overlap.db.handle, "carrier", 1, function_flags, NULL, carrier, NULL, NULL);
	if (status == ST_OK)
		status = overlap_gather(&overlap);
	if (status == ST_OK)
		status = check_query(&overlap);
	if (status == ST_OK)
		status = summarise(&overlap);
	if (status == ST_OK) {
		visitor->summary(visitor->arg, &overlap.summary);
		status = list_values(&overlap, visitor);
	}
	if (status != ST_OK)
		snprintf(ret_error, STORE_ERROR, "%s", overlap.db.error);
	overlap_forget(&overlap);
out:
	arena_free(overlap.arena);
	return status;
}
