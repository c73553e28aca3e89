#include "results/evidence.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
	/* Level 3 is zstd's default: beyond it time doubles for a few per cent. */
	ZSTD_LEVEL = 3,
	/* Shorter contents (most DNS messages) do not shrink. */
	SHORTEST_COMPRESSED = 200,
	/* Contents of this length are kept once: as in the index of schema.sql. */
	SHORTEST_UNIQUE = 512,
	/* Bytes of one content; larger than any body that is kept (limits.h), smaller than what hurts. */
	LARGEST_CONTENT = 64 * 1024 * 1024
};

struct evidence {
	struct db *db;
	sqlite3_stmt *find, *insert, *get, *digest;
	ZSTD_CCtx *compressor;
	struct buf packed;
};

struct evidence *evidence_new(struct db *db)
{
	struct evidence *evidence = calloc(1, sizeof(*evidence));

	if (evidence != NULL)
		evidence->db = db;
	return evidence;
}

void evidence_free(struct evidence *evidence)
{
	if (evidence == NULL)
		return;
	sqlite3_finalize(evidence->find);
	sqlite3_finalize(evidence->insert);
	sqlite3_finalize(evidence->get);
	sqlite3_finalize(evidence->digest);
	ZSTD_freeCCtx(evidence->compressor);
	buf_release(&evidence->packed);
	free(evidence);
}

/* True when evidence->packed holds a smaller form. */
static bool pack(struct evidence *evidence, const void *bytes, size_t length)
{
	size_t bound = ZSTD_compressBound(length), size;
	char *room;

	if (length < SHORTEST_COMPRESSED || ZSTD_isError(bound))
		return false;
	if (evidence->compressor == NULL)
		evidence->compressor = ZSTD_createCCtx();
	buf_clear(&evidence->packed);
	room = buf_reserve(&evidence->packed, bound);
	if (evidence->compressor == NULL || room == NULL)
		return false;
	size = ZSTD_compressCCtx(evidence->compressor, room, bound, bytes, length, ZSTD_LEVEL);
	if (ZSTD_isError(size) || size >= length)
		return false;
	evidence->packed.length = size;
	return true;
}

static enum status insert(struct evidence *evidence, const char *kind, const void *bytes, size_t length,
    const uint8_t sha256[EVIDENCE_DIGEST], int64_t *ret_id)
{
	bool packed = pack(evidence, bytes, length);
	enum status status;

	status = db_ready(evidence->db, &evidence->insert,
	    "INSERT INTO evidence (sha256, kind, length, encoding, bytes) VALUES (?, ?, ?, ?, ?)");
	if (status != ST_OK)
		return status;
	sqlite3_bind_blob(evidence->insert, 1, sha256, EVIDENCE_DIGEST, SQLITE_STATIC);
	db_bind_text(evidence->insert, 2, kind);
	sqlite3_bind_int64(evidence->insert, 3, (sqlite3_int64)length);
	db_bind_text(evidence->insert, 4, packed ? "zstd" : "raw");
	sqlite3_bind_blob64(evidence->insert, 5, packed ? buf_text(&evidence->packed) : bytes,
	    packed ? evidence->packed.length : length, SQLITE_STATIC);
	status = db_run(evidence->db, evidence->insert);
	sqlite3_clear_bindings(evidence->insert);
	if (status == ST_OK)
		*ret_id = sqlite3_last_insert_rowid(evidence->db->handle);
	return status;
}

/* *ret_id is 0 when these bytes are not there. */
static enum status find(
    struct evidence *evidence, const uint8_t sha256[EVIDENCE_DIGEST], size_t length, int64_t *ret_id)
{
	enum status status;

	*ret_id = 0;
	if (length < SHORTEST_UNIQUE)
		return ST_OK;
	status = db_ready(evidence->db, &evidence->find,
	    "SELECT evidence_id FROM evidence WHERE sha256 = ? AND length >= 512");
	if (status != ST_OK)
		return status;
	sqlite3_bind_blob(evidence->find, 1, sha256, EVIDENCE_DIGEST, SQLITE_STATIC);
	return db_int(evidence->db, evidence->find, 0, ret_id);
}

enum status evidence_put(struct evidence *evidence, const char *type, const char *field, const void *bytes,
    size_t length, int64_t *ret_id)
{
	static const char nothing[1];
	uint8_t sha256[EVIDENCE_DIGEST];
	int64_t id = 0;
	enum status status;
	char kind[128];

	/* An empty blob must not become null. */
	if (length == 0)
		bytes = nothing;
	SHA256(bytes, length, sha256);
	status = find(evidence, sha256, length, &id);
	if (status == ST_OK && id == 0) {
		snprintf(kind, sizeof(kind), "%s.%s", type, field);
		status = insert(evidence, kind, bytes, length, sha256, &id);
	}
	if (status == ST_OK)
		*ret_id = id;
	return status;
}

static enum status damaged(struct evidence *evidence, const char *what)
{
	snprintf(evidence->db->error, sizeof(evidence->db->error), "the database is damaged: %s", what);
	return ST_INVALID;
}

/* Unpacks the row that evidence->get stands on. */
static enum status unpack(struct evidence *evidence, struct buf *bytes)
{
	const void *stored = sqlite3_column_blob(evidence->get, 2);
	size_t size = (size_t)sqlite3_column_bytes(evidence->get, 2);
	int64_t length = sqlite3_column_int64(evidence->get, 0);
	uint8_t digest[EVIDENCE_DIGEST];
	size_t got = size;
	char *room;

	if (length < 0 || length > LARGEST_CONTENT)
		return damaged(evidence, "evidence of an impossible length");
	buf_clear(bytes);
	room = buf_reserve(bytes, (size_t)length);
	if (room == NULL)
		return ST_NO_MEMORY;
	if (strcmp(db_text(evidence->get, 1), "zstd") == 0)
		got = ZSTD_decompress(room, (size_t)length, stored, size);
	else if (size == (size_t)length && size > 0)
		memcpy(room, stored, size);
	if (ZSTD_isError(got) || got != (size_t)length)
		return damaged(evidence, "evidence that does not unpack");
	room[length] = '\0';
	bytes->length = (size_t)length;
	SHA256((const uint8_t *)room, (size_t)length, digest);
	if (sqlite3_column_bytes(evidence->get, 3) != EVIDENCE_DIGEST ||
	    memcmp(digest, sqlite3_column_blob(evidence->get, 3), sizeof(digest)) != 0)
		return damaged(evidence, "evidence that is not what its SHA-256 says");
	return ST_OK;
}

enum status evidence_get(struct evidence *evidence, int64_t id, struct buf *ret_bytes)
{
	enum status status;
	bool row;

	status = db_ready(evidence->db, &evidence->get,
	    "SELECT length, encoding, bytes, sha256 FROM evidence WHERE evidence_id = ?");
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(evidence->get, 1, id);
	status = db_step(evidence->db, evidence->get, &row);
	if (status == ST_OK)
		status = row ? unpack(evidence, ret_bytes) : ST_NOT_FOUND;
	sqlite3_reset(evidence->get);
	return status;
}

enum status evidence_digest(struct evidence *evidence, int64_t id, uint8_t ret_sha256[EVIDENCE_DIGEST])
{
	enum status status;
	bool row;

	status =
	    db_ready(evidence->db, &evidence->digest, "SELECT sha256 FROM evidence WHERE evidence_id = ?");
	if (status != ST_OK)
		return status;
	sqlite3_bind_int64(evidence->digest, 1, id);
	status = db_step(evidence->db, evidence->digest, &row);
	if (status != ST_OK)
		return status;
	if (row && sqlite3_column_bytes(evidence->digest, 0) == EVIDENCE_DIGEST)
		memcpy(ret_sha256, sqlite3_column_blob(evidence->digest, 0), EVIDENCE_DIGEST);
	else
		status = ST_NOT_FOUND;
	sqlite3_reset(evidence->digest);
	return status;
}
