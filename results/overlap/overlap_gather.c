/* Gathering what a run's domains show into temporary tables, and counting it. */
#include "results/overlap/overlap_private.h"

/*
 * CROSS JOIN fixes the order of the loops: the tables are new and have no statistics, and SQLite's guess was
 * quadratic.
 *
 * The values of the run's domains, in a temporary table: those that are derived from a domain's own records,
 * then those that need a record which many domains share.
 */
static const char gather_sql[] =
    "PRAGMA query_only = OFF;\n" /* temporary tables are written; the file itself is open for reading only */
    "CREATE TEMP TABLE scanned (domain_id INTEGER PRIMARY KEY, stratum INTEGER NOT NULL);\n"
    "CREATE TEMP TABLE control_name (domain TEXT PRIMARY KEY) WITHOUT ROWID;\n"
    "CREATE TEMP TABLE shown (indicator TEXT NOT NULL, value TEXT NOT NULL, domain_id INTEGER NOT NULL,\n"
    "	record_id INTEGER NOT NULL, PRIMARY KEY (indicator, value, domain_id, record_id)) WITHOUT ROWID;\n"
    "CREATE TEMP TABLE counted (indicator TEXT NOT NULL, value TEXT NOT NULL, stratum INTEGER NOT NULL,\n"
    "	count INTEGER NOT NULL, PRIMARY KEY (indicator, value, stratum)) WITHOUT ROWID;\n"
    "CREATE TEMP TABLE wanted (indicator TEXT NOT NULL, value TEXT NOT NULL,\n"
    "	PRIMARY KEY (indicator, value)) WITHOUT ROWID;\n"
    "CREATE TEMP TABLE observed (indicator TEXT NOT NULL, stratum INTEGER NOT NULL, count INTEGER NOT NULL,\n"
    "	PRIMARY KEY (indicator, stratum)) WITHOUT ROWID;\n";

/* ?1 run, ?2 vantage, ?3 register */
static const char *const gather_step[] = {
    "INSERT INTO scanned SELECT domain_id,\n"
    "	CASE stratum WHEN 'general' THEN 1 WHEN 'matched' THEN 2 ELSE 0 END\n"
    "	FROM run_domain WHERE run_id = ?1 AND outcome IS NOT 'INVALID'",
    /* Those that the run has not reached yet are control domains too. */
    "INSERT INTO control_name SELECT d.domain FROM scanned CROSS JOIN domain d USING (domain_id)\n"
    "	WHERE stratum <> 0 UNION SELECT domain FROM control WHERE register_id = ?3",
    /* A record stands for the run when the run lies in its present series or in an earlier one. */
    "INSERT INTO shown SELECT v.indicator, v.value, i.domain_id, i.record_id\n"
    "	FROM scanned CROSS JOIN indicator i USING (domain_id) CROSS JOIN indicator_value v USING (value_id)\n"
    "	CROSS JOIN record r ON r.record_id = i.record_id\n"
    "	WHERE r.vantage_id = ?2 AND ((?1 BETWEEN r.since_run_id AND r.last_run_id) OR EXISTS (\n"
    "		SELECT 1 FROM span s WHERE s.record_id = r.record_id\n"
    "		AND ?1 BETWEEN s.first_run_id AND s.last_run_id))",
    NULL};

/* Values that are joined through a shared record: only where its table exists yet. */
static const struct {
	const char *table, *sql;
} gather_join[] = {
    {"cert", "INSERT OR IGNORE INTO shown SELECT 'spki', c.spki_sha256, s.domain_id, c.record_id\n"
	     "	FROM shown s CROSS JOIN cert c ON c.fingerprint_sha256 = s.value\n"
	     "	WHERE s.indicator = 'certificate' AND c.spki_sha256 IS NOT NULL"},
    {"cert", "INSERT OR IGNORE INTO shown SELECT 'san', n.value, s.domain_id, c.record_id\n"
	     "	FROM shown s CROSS JOIN cert c ON c.fingerprint_sha256 = s.value, json_each(c.names) n\n"
	     "	WHERE s.indicator = 'certificate' AND c.names IS NOT NULL"},
    /* The newest answer of each database; several databases may name several systems. */
    {"geo", "INSERT OR IGNORE INTO shown SELECT 'asn', 'AS' || g.asn, s.domain_id, g.record_id\n"
	    "	FROM shown s CROSS JOIN geo g ON g.address = s.value CROSS JOIN record r ON r.record_id = "
	    "g.record_id\n"
	    "	WHERE s.indicator = 'address' AND g.role = 'web' AND g.asn IS NOT NULL\n"
	    "	AND r.vantage_id = ?2 AND ?1 BETWEEN r.first_run_id AND r.last_run_id"},
};

static const char *const count_step[] = {
    "INSERT INTO counted SELECT indicator, value, stratum, count(DISTINCT domain_id)\n"
    "	FROM shown CROSS JOIN scanned USING (domain_id) GROUP BY indicator, value, stratum",
    "INSERT INTO observed SELECT indicator, stratum, count(DISTINCT domain_id)\n"
    "	FROM shown CROSS JOIN scanned USING (domain_id) GROUP BY indicator, stratum",
    NULL};

static enum status run_step(struct overlap *overlap, const char *sql)
{
	sqlite3_stmt *statement = db_prepare(&overlap->db, sql);
	enum status status;

	if (statement == NULL)
		return db_fail(&overlap->db);
	if (sqlite3_bind_parameter_count(statement) >= 1)
		sqlite3_bind_int64(statement, 1, overlap->run_id);
	if (sqlite3_bind_parameter_count(statement) >= 2)
		sqlite3_bind_int64(statement, 2, overlap->vantage_id);
	if (sqlite3_bind_parameter_count(statement) >= 3)
		sqlite3_bind_int64(statement, 3, overlap->register_id);
	status = db_run(&overlap->db, statement);
	sqlite3_finalize(statement);
	return status;
}

static enum status note_wanted(struct overlap *overlap)
{
	const struct overlap_query *query = overlap->query;
	sqlite3_stmt *insert = db_prepare(&overlap->db, "INSERT OR IGNORE INTO wanted VALUES (?1, ?2)");
	enum status status = insert == NULL ? db_fail(&overlap->db) : ST_OK;
	size_t i;

	for (i = 0; status == ST_OK && i < query->wanted_count; i++) {
		db_bind_text(insert, 1, query->wanted[i].indicator);
		db_bind_text(insert, 2, query->wanted[i].value);
		status = db_run(&overlap->db, insert);
	}
	sqlite3_finalize(insert);
	return status;
}

static bool has_table(struct overlap *overlap, const char *name)
{
	return sqlite3_table_column_metadata(
		   overlap->db.handle, "main", name, NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

enum status overlap_gather(struct overlap *overlap)
{
	enum status status = db_exec(&overlap->db, gather_sql);
	size_t i;

	if (status == ST_OK)
		status = note_wanted(overlap);
	for (i = 0; status == ST_OK && gather_step[i] != NULL; i++)
		status = run_step(overlap, gather_step[i]);
	for (i = 0; status == ST_OK && i < sizeof(gather_join) / sizeof(*gather_join); i++)
		if (has_table(overlap, gather_join[i].table))
			status = run_step(overlap, gather_join[i].sql);
	for (i = 0; status == ST_OK && count_step[i] != NULL; i++)
		status = run_step(overlap, count_step[i]);
	return status;
}

void overlap_forget(struct overlap *overlap)
{
	db_exec(&overlap->db, "DROP TABLE IF EXISTS temp.scanned; DROP TABLE IF EXISTS temp.shown;\n"
			      "DROP TABLE IF EXISTS temp.counted; DROP TABLE IF EXISTS temp.observed;\n"
			      "DROP TABLE IF EXISTS temp.wanted; DROP TABLE IF EXISTS temp.control_name");
}
