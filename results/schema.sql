-- The store of mooring: the fixed tables. One table per record type comes beside them, generated from the
-- fields that the program declares: `dns`, `tcp`, `tls`, ... (and `domain_outcome` for records of type
-- `domain`). SQLite keeps these comments: `.schema` in the sqlite3 shell prints them.
--
-- Times are INTEGER microseconds since 1970-01-01T00:00:00Z unless a column says otherwise; in SQL:
--   strftime('%Y-%m-%dT%H:%M:%SZ', first_seen / 1000000, 'unixepoch')
-- Each distinct fact is stored once. A record was present in run R of its vantage when R lies in
-- since_run_id..last_run_id, or in one of its rows in `span`, and `run_domain` has its domain in R.

CREATE TABLE meta (
	key TEXT PRIMARY KEY,   -- record_schema_version, created_by, created_at
	value TEXT NOT NULL
) WITHOUT ROWID;

-- A place that a scan looked from. The same name at another place is another vantage.
CREATE TABLE vantage (
	vantage_id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,     -- as given with --vantage
	lat REAL,               -- degrees north, or NULL when not given
	lon REAL,               -- degrees east
	error_km REAL           -- radius around lat, lon that surely holds the scanner, km
);

-- A version of a register, as read by a run. Equal files have equal sha256 and are kept once.
CREATE TABLE register (
	register_id INTEGER PRIMARY KEY,
	sha256 TEXT NOT NULL UNIQUE,    -- hexadecimal, over the files of the register
	name TEXT NOT NULL,             -- folder or file name, "-" for standard input
	stored_at INTEGER NOT NULL
);

-- entities.csv: organisations and places, never persons. An association is not a reported center: `kind`
-- stands beside every result that names an entity.
CREATE TABLE entity (
	register_id INTEGER NOT NULL REFERENCES register,
	position INTEGER NOT NULL,      -- order in the file, from 1
	entity_id TEXT NOT NULL,
	kind TEXT,                      -- reported_center, association, service_center, authority, ...
	name TEXT,
	name_local TEXT,
	country TEXT,                   -- ISO 3166-1 alpha-2
	locality TEXT,
	operated_from TEXT,
	parent_id TEXT,                 -- entity_id of the body it belongs to
	extra TEXT,                     -- JSON object of the file's further columns, or NULL
	PRIMARY KEY (register_id, entity_id, position)
) WITHOUT ROWID;

-- domains.csv: which entity a domain is listed for.
CREATE TABLE listing (
	register_id INTEGER NOT NULL REFERENCES register,
	position INTEGER NOT NULL,      -- order in the file, from 1
	domain TEXT NOT NULL,           -- A-label form, lower case
	input TEXT,                     -- as written in the file
	entity_id TEXT,                 -- NULL in a plain list of domains
	role TEXT,                      -- official, linked, historical
	listed_at_url TEXT,
	listed_on TEXT,                 -- date seen there, YYYY-MM-DD
	verified TEXT,                  -- unverified, page_names_entity, directory_names_domain, both
	valid_from TEXT,
	valid_to TEXT,
	extra TEXT,                     -- JSON object of the file's further columns, or NULL
	PRIMARY KEY (register_id, domain, position)
) WITHOUT ROWID;

-- claims.csv: what was reported about an entity, where, and how it was answered.
CREATE TABLE claim (
	register_id INTEGER NOT NULL REFERENCES register,
	position INTEGER NOT NULL,      -- order in the file, from 1
	claim_id TEXT,
	entity_id TEXT NOT NULL,
	report TEXT,
	first_reported TEXT,            -- date
	source_url TEXT,
	source_title TEXT,
	accessed_on TEXT,               -- date
	quote TEXT,                     -- at most 300 characters
	status TEXT,                    -- listed, reported, denied, disputed, ..., retracted
	status_date TEXT,               -- date
	status_source_url TEXT,
	certainty TEXT,                 -- A authority, B report or major press, C secondary
	extra TEXT,                     -- JSON object of the file's further columns, or NULL
	PRIMARY KEY (register_id, entity_id, position)
) WITHOUT ROWID;

-- controls.csv: domains scanned for the base rates only.
CREATE TABLE control (
	register_id INTEGER NOT NULL REFERENCES register,
	position INTEGER NOT NULL,      -- order in the file, from 1
	domain TEXT NOT NULL,           -- A-label form, lower case
	input TEXT,                     -- as written in the file
	stratum TEXT,                   -- general, matched
	source TEXT,
	extra TEXT,                     -- JSON object of the file's further columns, or NULL
	PRIMARY KEY (register_id, position)
) WITHOUT ROWID;

-- Entities with the status of their newest claim (latest status_date, else first_reported; of equal dates the
-- later line): what must stand beside an entity in every output.
CREATE VIEW entity_status AS
SELECT register_id, entity_id, kind, name, country,
	(SELECT claim.status FROM claim
	 WHERE claim.register_id = entity.register_id AND claim.entity_id = entity.entity_id
	 ORDER BY coalesce(nullif(claim.status_date, ''), nullif(claim.first_reported, ''), '') DESC,
		claim.position DESC
	 LIMIT 1) AS claim_status
FROM entity;

-- The entities that a domain is listed for, with what limits the listing: a domain that is only linked, or was
-- given up in 2012, is not the entity's site.
CREATE VIEW listed_entity AS
SELECT register_id, domain, role, verified, valid_from, valid_to, entity_id, kind, name, country, claim_status
FROM listing JOIN entity_status USING (register_id, entity_id);

-- One scan from one vantage. Run ids of a vantage rise with time; only its newest run is ever resumed.
CREATE TABLE run (
	run_id INTEGER PRIMARY KEY,
	vantage_id INTEGER NOT NULL REFERENCES vantage,
	state TEXT NOT NULL,            -- running, complete, interrupted, failed
	started_at INTEGER NOT NULL,
	ended_at INTEGER,               -- NULL while running; of the last part when it was resumed
	resumed INTEGER NOT NULL,       -- how often it was taken up again
	program_version TEXT,
	record_schema_version TEXT,     -- of the JSON Lines format
	register_id INTEGER REFERENCES register, -- NULL when the register was not stored
	register_name TEXT,
	register_sha256 TEXT,           -- hexadecimal
	domain_count INTEGER,           -- domains that the register and its controls name, or NULL
	config_sha256 TEXT,             -- hexadecimal, over `config`
	config TEXT,                    -- every setting in force
	command_line TEXT,              -- without secrets
	contact TEXT,                   -- what the scanner named itself with
	resolvers TEXT,                 -- DNS resolvers in use
	kernel TEXT,                    -- operating system and release
	counts TEXT                     -- JSON object, domains by outcome; written when the run ends
);

-- Geolocation databases of a run. The databases themselves are not kept: some licences forbid it.
CREATE TABLE run_geo (
	run_id INTEGER NOT NULL REFERENCES run,
	file TEXT NOT NULL,
	db_type TEXT,
	build_epoch INTEGER,            -- seconds since 1970
	sha256 TEXT,                    -- hexadecimal
	PRIMARY KEY (run_id, file)
) WITHOUT ROWID;

CREATE TABLE domain (
	domain_id INTEGER PRIMARY KEY,
	domain TEXT NOT NULL UNIQUE     -- A-label form, lower case, without the root dot; an input that is no
	                                -- domain name stands here as given, with the outcome INVALID
);

-- The final outcome of a domain in a run: written with all its records in one transaction. A resumed run
-- passes over the domains that stand here.
CREATE TABLE run_domain (
	domain_id INTEGER NOT NULL REFERENCES domain,
	run_id INTEGER NOT NULL REFERENCES run,
	stratum TEXT,                   -- register, general, matched
	input TEXT,                     -- the domain as given, NULL when equal to its A-label form
	outcome TEXT,                   -- live, another page state, or the status of the last failure
	finished_at INTEGER NOT NULL,
	duration INTEGER,               -- microseconds
	PRIMARY KEY (domain_id, run_id)
) WITHOUT ROWID;
CREATE INDEX run_domain_by_run ON run_domain (run_id);

-- Subjects that a run has looked at for many domains (a name server, an address, a certificate): a resumed run
-- does not look again. Emptied when the run is complete.
CREATE TABLE run_shared (
	run_id INTEGER NOT NULL REFERENCES run,
	key BLOB NOT NULL,              -- 16 bytes, hash of the subject
	PRIMARY KEY (run_id, key)
) WITHOUT ROWID;

-- A fact: all that is common to records of every type. Values that change from look to look (marked volatile
-- in `field`), attempt, duration and error are those of the first sighting.
CREATE TABLE record (
	record_id INTEGER PRIMARY KEY,
	record_type TEXT NOT NULL,      -- names the table that has the declared fields under this record_id
	record_version INTEGER NOT NULL, -- of the probe or derivation
	domain_id INTEGER REFERENCES domain, -- NULL: shared by many domains (an address, a host, a certificate)
	vantage_id INTEGER NOT NULL REFERENCES vantage,
	fact BLOB NOT NULL,             -- 16 bytes, XXH3-128 over type, domain, status, phase, non-volatile fields
	status TEXT NOT NULL,
	phase TEXT,                     -- last one reached
	error TEXT,                     -- for a person
	attempt INTEGER NOT NULL,
	duration INTEGER,               -- microseconds
	first_run_id INTEGER NOT NULL REFERENCES run, -- first run ever that saw it
	since_run_id INTEGER NOT NULL REFERENCES run, -- first run of the unbroken series that last_run_id ends
	last_run_id INTEGER NOT NULL REFERENCES run,
	first_seen INTEGER NOT NULL,
	since INTEGER NOT NULL,         -- first sighting in since_run_id
	last_seen INTEGER NOT NULL,     -- first sighting in last_run_id
	run_count INTEGER NOT NULL      -- runs that saw it
);
-- All facts of a domain lie together: a look-up of its history, and cheap for the writer in large scans.
CREATE UNIQUE INDEX record_by_domain ON record (domain_id, vantage_id, fact) WHERE domain_id IS NOT NULL;
CREATE UNIQUE INDEX record_shared ON record (vantage_id, fact) WHERE domain_id IS NULL;

-- Earlier series of runs of a record that vanished and came back: every run of its vantage that scanned the
-- domain from first_run_id to last_run_id saw it. Shared records have none: that a host was not looked up
-- in a run does not mean that it was gone.
CREATE TABLE span (
	record_id INTEGER NOT NULL REFERENCES record,
	first_run_id INTEGER NOT NULL REFERENCES run,
	last_run_id INTEGER NOT NULL REFERENCES run,
	first_seen INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	PRIMARY KEY (record_id, first_run_id)
) WITHOUT ROWID;

-- Bytes as received: DNS messages, certificates, response heads. Columns <name>_evidence point here. A content
-- of 512 bytes or more is kept once. Shorter ones (most DNS messages) hardly ever repeat, since they carry ids
-- and remaining lifetimes; an index over them would be larger than what it saved, and random to write.
CREATE TABLE evidence (
	evidence_id INTEGER PRIMARY KEY,
	sha256 BLOB NOT NULL,           -- 32 bytes, over the bytes as received
	kind TEXT NOT NULL,             -- record type and field that brought it first, e.g. dns.message
	length INTEGER NOT NULL,        -- bytes as received
	encoding TEXT NOT NULL,         -- raw, or zstd (RFC 8878) where that is smaller
	bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX evidence_by_sha256 ON evidence (sha256) WHERE length >= 512;

-- Bytes of text fields that are no UTF-8; the field itself shows U+FFFD in their place.
CREATE TABLE undecoded (
	record_id INTEGER NOT NULL REFERENCES record,
	position INTEGER NOT NULL,      -- from 1
	field TEXT NOT NULL,            -- e.g. title, or headers[3].value
	bytes BLOB NOT NULL,            -- the whole text as received
	PRIMARY KEY (record_id, position)
) WITHOUT ROWID;

-- Values that two domains may share, derived from records (results/overlap says how).
CREATE TABLE indicator_value (
	value_id INTEGER PRIMARY KEY,
	indicator TEXT NOT NULL,        -- name of the indicator
	value TEXT NOT NULL,
	UNIQUE (indicator, value)
);

-- Who showed a value. When is said by the record.
CREATE TABLE indicator (
	value_id INTEGER NOT NULL REFERENCES indicator_value,
	domain_id INTEGER NOT NULL,     -- 0 when the record is shared by many domains
	record_id INTEGER NOT NULL REFERENCES record,
	PRIMARY KEY (value_id, domain_id, record_id)
) WITHOUT ROWID;
CREATE INDEX indicator_by_domain ON indicator (domain_id, value_id);

-- The declared fields of the record types, as the program that wrote last declares them.
CREATE TABLE field (
	record_type TEXT NOT NULL,
	position INTEGER NOT NULL,      -- order of the declaration, from 1
	name TEXT NOT NULL,             -- JSON key
	column_name TEXT NOT NULL,      -- column of the record type's table; <name>_evidence for evidence
	type TEXT NOT NULL,             -- bool, int, real, text, bytes, texts, rows (the last two: JSON in a TEXT)
	volatile INTEGER NOT NULL,      -- 1: not part of the fact; the value of the first sighting is kept
	evidence INTEGER NOT NULL,      -- 1: the bytes are in `evidence`
	unit TEXT,
	help TEXT,
	PRIMARY KEY (record_type, name)
) WITHOUT ROWID;
