/* What the files of the store share; not for others. */
#ifndef MOORING_RESULTS_STORE_PRIVATE_H
#define MOORING_RESULTS_STORE_PRIVATE_H

#include "results/db.h"
#include "results/store.h"

enum { REGISTER_PARTS = REGISTER_CONTROL + 1, STORE_HASH = 16 };

struct store {
	struct db db;	  /* the writing connection, or the only one when read-only */
	struct db reader; /* of store_is_done(): another thread's */
	char *path;
	int lock_fd;
	store_derive *derive;
	int64_t run_id, vantage_id;
	sqlite3_stmt *is_done; /* of `reader` */
	int64_t register_id;   /* while its rows are written */
	sqlite3_stmt *register_insert[REGISTER_PARTS];
	int64_t register_position[REGISTER_PARTS];
};

/* For a reader: true when FILE.lock is there and nobody holds it, so that no run goes on. */
bool store_is_idle(const struct store *store);
/* A hash as the blob that the store keeps, and back; false when it is no such blob. */
void store_hash_bytes(struct record_hash hash, uint8_t ret_bytes[STORE_HASH]);
bool store_hash_from_bytes(const void *bytes, int length, struct record_hash *ret_hash);
/* Ends and forgets the statements of store_register.c. */
void store_register_release(struct store *store);

#endif
