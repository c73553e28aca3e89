/* The evidence table: bytes as received, long contents once each, with their SHA-256. */
#ifndef MOORING_RESULTS_EVIDENCE_H
#define MOORING_RESULTS_EVIDENCE_H

#include "results/db.h"

enum { EVIDENCE_DIGEST = 32 };

/* Statements and the compressor, kept from one call to the next. */
struct evidence;

/* NULL when memory runs out. Works on `db`, which must outlive it. */
struct evidence *evidence_new(struct db *db);
void evidence_free(struct evidence *evidence);
/* Stores `bytes`, unless long ones are there already, and gives their evidence_id. `type` and `field` name
 * what brings them. Errors are in db->error. */
enum status evidence_put(struct evidence *evidence, const char *type, const char *field, const void *bytes,
    size_t length, int64_t *ret_id);
/* Replaces the content of `ret_bytes` by the bytes: ST_NOT_FOUND, ST_INVALID when what is stored does not
 * unpack to its length or has another digest. */
enum status evidence_get(struct evidence *evidence, int64_t id, struct buf *ret_bytes);
/* Their SHA-256: ST_NOT_FOUND. */
enum status evidence_digest(struct evidence *evidence, int64_t id, uint8_t ret_sha256[EVIDENCE_DIGEST]);

#endif
