/* The evidence table: bytes as received, each content once, by their SHA-256. */
#ifndef MOORING_RESULTS_EVIDENCE_H
#define MOORING_RESULTS_EVIDENCE_H

#include "results/db.h"

enum { EVIDENCE_DIGEST = 32 };

/* Statements and the compressor, kept from one call to the next. */
struct evidence;

/* NULL when memory runs out. Works on `db`, which must outlive it. */
struct evidence *evidence_new(struct db *db);
void evidence_free(struct evidence *evidence);
/* Stores `bytes` unless they are there already, and gives their SHA-256. `type` and `field` name what brings
 * them. Errors are in db->error. */
enum status evidence_put(struct evidence *evidence, const char *type, const char *field, const void *bytes,
    size_t length, uint8_t ret_sha256[EVIDENCE_DIGEST]);
/* Replaces the content of `ret_bytes` by the bytes of that digest: ST_NOT_FOUND, ST_INVALID when what is
 * stored does not decompress to its length or has another digest. */
enum status evidence_get(
    struct evidence *evidence, const void *sha256, size_t sha256_length, struct buf *ret_bytes);

#endif
