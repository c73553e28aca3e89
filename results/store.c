#include "results/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "results/store_private.h"
#include "results_schema.h"

enum {
	APPLICATION_ID = 0x4d6f6f72, /* "Moor", in the header of the file (SQLite file format 1.3.17) */
	HEADER_SIZE = 100,
	HEADER_APPLICATION_ID = 68,
	LOCK_TRIES = 10,
	LOCK_PAUSE = 10000 /* microseconds */
};

/* What FILE.lock says; unknown when it is missing or may not be read. */
enum lock_state { LOCK_UNKNOWN, LOCK_FREE, LOCK_HELD };

static enum status fail(char *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status fail(char *error, enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, STORE_ERROR, format, args);
	va_end(args);
	return status;
}

/*
 * Says from the first bytes whether the file is ours, before SQLite may touch it. New stores appear under
 * their name only when complete (create), so the bytes can be trusted. *ret_new: missing or empty.
 */
static enum status inspect(const char *path, bool *ret_new, char *error)
{
	uint8_t header[HEADER_SIZE] = {0};
	struct cursor cursor;
	struct stat info;
	ssize_t length;
	int fd;

	if (stat(path, &info) != 0) {
		*ret_new = errno == ENOENT;
		return *ret_new ? ST_OK : fail(error, ST_SYSTEM, "%s: %s", path, strerror(errno));
	}
	if (!S_ISREG(info.st_mode))
		return fail(error, ST_INVALID, "%s is no regular file", path);
	*ret_new = info.st_size == 0;
	if (*ret_new)
		return ST_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(error, ST_SYSTEM, "%s: %s", path, strerror(errno));
	length = read(fd, header, sizeof(header));
	close(fd);
	if (length != (ssize_t)sizeof(header) || memcmp(header, "SQLite format 3", 16) != 0)
		return fail(error, ST_INVALID, "%s is no SQLite database; it was left as it is", path);
	cursor = cursor_of(header + HEADER_APPLICATION_ID, 4);
	if (cursor_u32(&cursor) != APPLICATION_ID)
		return fail(
		    error, ST_INVALID, "%s is the database of another program; it was left as it is", path);
	return ST_OK;
}

/*
 * flock on a file of its own: the kernel gives it back whatever ends the process. The database itself will
 * not do, because closing any descriptor of it would drop SQLite's own locks.
 */
static enum status take_lock(int *ret_fd, const char *path, char *error)
{
	char name[PATH_MAX];
	int fd, tries, fault = 0;

	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return fail(error, ST_INVALID, "the path of the database is too long");
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(error, ST_SYSTEM, "%s: %s", name, strerror(errno));
	/* Again, since a reader that looks at the lock holds it for an instant (look_at_lock). */
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*ret_fd = fd;
			return ST_OK;
		}
		fault = errno;
		if (fault != EWOULDBLOCK)
			break;
		usleep(LOCK_PAUSE);
	}
	close(fd);
	if (fault == EWOULDBLOCK)
		return fail(error, ST_LOCKED, "another run writes to %s", path);
	return fail(error, ST_SYSTEM, "%s: %s", name, strerror(fault));
}

static enum lock_state look_at_lock(const char *path)
{
	enum lock_state state = LOCK_UNKNOWN;
	char name[PATH_MAX];
	int fd;

	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return state;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return state;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		state = LOCK_FREE;
	else if (errno == EWOULDBLOCK)
		state = LOCK_HELD;
	close(fd);
	return state;
}

bool store_is_idle(const struct store *store)
{
	return store->lock_fd < 0 && look_at_lock(store->path) == LOCK_FREE;
}

static enum status write_schema(struct db *db)
{
	sqlite3_stmt *statement;
	enum status status;
	char time[CLOCK_TEXT], sql[160];

	snprintf(sql, sizeof(sql),
	    "PRAGMA page_size = 8192; BEGIN; PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION_ID, STORE_VERSION);
	status = db_exec(db, sql);
	if (status == ST_OK)
		status = db_exec(db, results_schema_sql);
	if (status != ST_OK)
		return status;
	statement = db_prepare(
	    db, "INSERT INTO meta (key, value) VALUES ('created_at', ?), ('record_schema_version', ?)");
	if (statement == NULL)
		return ST_SYSTEM;
	db_bind_text(statement, 1, clock_text(clock_wall(), time));
	db_bind_text(statement, 2, RECORD_SCHEMA_VERSION);
	status = db_run(db, statement);
	sqlite3_finalize(statement);
	return status == ST_OK ? db_exec(db, "COMMIT") : status;
}

static void sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* A folder that cannot be synced (some network file systems) is no reason not to scan. */
	if (fsync(fd) != 0)
		errno = 0;
	close(fd);
}

/* Makes the store under another name and moves it into place, so that a crash leaves all or nothing. */
static enum status create(const char *path, char *error)
{
	char name[PATH_MAX];
	struct db db = {0};
	enum status status;

	if (snprintf(name, sizeof(name), "%s.new", path) >= (int)sizeof(name))
		return fail(error, ST_INVALID, "the path of the database is too long");
	unlink(name);
	status = db_open(&db, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
	if (status == ST_OK)
		status = write_schema(&db);
	db_close(&db);
	if (status != ST_OK)
		fail(error, status, "%s: %s", path, db.error);
	else if (rename(name, path) != 0)
		status = fail(error, ST_SYSTEM, "%s: %s", path, strerror(errno));
	else
		sync_folder(path);
	if (status != ST_OK)
		unlink(name);
	return status;
}

static enum status check_version(struct store *store, char *error)
{
	sqlite3_stmt *statement = db_prepare(&store->db, "PRAGMA user_version");
	int64_t version = 0;
	enum status status;

	status = statement == NULL ? ST_INVALID : db_int(&store->db, statement, 0, &version);
	sqlite3_finalize(statement);
	if (status != ST_OK)
		return fail(error, status, "%s: %s", store->path, store->db.error);
	if (version > STORE_VERSION)
		return fail(error, ST_INVALID,
		    "%s was written by a newer mooring (store version %lld, this one knows %d)", store->path,
		    (long long)version, STORE_VERSION);
	return ST_OK;
}

static struct store *store_new(const char *path, char *error)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		fail(error, ST_NO_MEMORY, "no memory left");
		return NULL;
	}
	store->lock_fd = -1;
	/* Through symbolic links, so that lock and database stand side by side under any name. */
	store->path = realpath(path, NULL);
	if (store->path == NULL)
		store->path = strdup(path);
	if (store->path != NULL)
		return store;
	free(store);
	fail(error, ST_NO_MEMORY, "no memory left");
	return NULL;
}

/* FULL: a commit that returned survives a power failure. Caches fit the memory budget of a scan. */
static enum status open_for_writing(struct store *store)
{
	enum status status;

	status = db_open(&store->db, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX);
	if (status == ST_OK)
		status = db_exec(&store->db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		    "PRAGMA cache_size = -24576; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 4000;"
		    "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");
	return status;
}

static enum status open_reader(struct store *store)
{
	enum status status;

	status = db_open(&store->reader, store->path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
	return status == ST_OK ? db_exec(&store->reader, "PRAGMA query_only = ON; PRAGMA cache_size = -4096")
			       : status;
}

enum status store_open(
    struct store **ret_store, const char *path, store_derive *derive, char ret_error[STORE_ERROR])
{
	struct store *store;
	enum status status;
	bool new = false;

	if (strstr(path, "://") != NULL)
		return fail(ret_error, ST_INVALID, "%s: only SQLite files are supported", path);
	store = store_new(path, ret_error);
	if (store == NULL)
		return ST_NO_MEMORY;
	store->derive = derive;
	status = inspect(store->path, &new, ret_error);
	if (status == ST_OK)
		status = take_lock(&store->lock_fd, store->path, ret_error);
	/* Again under the lock: another process may just have made it. */
	if (status == ST_OK)
		status = inspect(store->path, &new, ret_error);
	if (status == ST_OK && new)
		status = create(store->path, ret_error);
	if (status != ST_OK)
		goto out;
	status = open_for_writing(store);
	if (status == ST_OK)
		status = open_reader(store);
	if (status != ST_OK)
		fail(ret_error, status, "%s: %s", path,
		    store->db.error[0] != '\0' ? store->db.error : store->reader.error);
	else
		status = check_version(store, ret_error);
out:
	if (status == ST_OK)
		*ret_store = store;
	else
		store_close(store);
	return status;
}

static bool has_bytes_beside(const char *path, const char *suffix)
{
	char name[PATH_MAX];
	struct stat info;

	return snprintf(name, sizeof(name), "%s%s", path, suffix) < (int)sizeof(name) &&
	       stat(name, &info) == 0 && info.st_size > 0;
}

static bool may_write(const char *path)
{
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return false;
	return access(path, W_OK) == 0 && access(dirname(folder), W_OK) == 0;
}

/* True when the file alone is the whole database, and nobody will change it while we read. */
static bool stands_alone(const char *path)
{
	return !may_write(path) && !has_bytes_beside(path, "-wal") && !has_bytes_beside(path, "-journal") &&
	       look_at_lock(path) != LOCK_HELD;
}

static enum status open_immutable(struct db *db, const char *path)
{
	struct buf uri = {0};
	enum status status;

	buf_add_text(&uri, "file:");
	/* What ends or escapes a path in a URI (RFC 3986). */
	for (; *path != '\0'; path++)
		if (strchr("?#%", *path) != NULL)
			buf_printf(&uri, "%%%02x", (unsigned)*path);
		else
			buf_add_char(&uri, *path);
	buf_add_text(&uri, "?immutable=1");
	status = uri.failed ? ST_NO_MEMORY
			    : db_open(db, buf_text(&uri),
				  SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI);
	buf_release(&uri);
	return status;
}

/* Reads a page too: only then does SQLite open what it needs beside the file. */
static enum status open_for_reading(struct store *store, bool immutable, char *error)
{
	enum status status;

	status = immutable ? open_immutable(&store->db, store->path)
			   : db_open(&store->db, store->path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
	if (status == ST_OK)
		status = db_exec(&store->db, "PRAGMA query_only = ON; PRAGMA cache_size = -32768");
	if (status != ST_OK)
		return fail(error, status, "%s: %s", store->path, store->db.error);
	return check_version(store, error);
}

enum status store_open_readonly(struct store **ret_store, const char *path, char ret_error[STORE_ERROR])
{
	struct store *store = store_new(path, ret_error);
	enum status status;
	bool new = false;

	if (store == NULL)
		return ST_NO_MEMORY;
	status = inspect(store->path, &new, ret_error);
	if (status == ST_OK && new)
		status = fail(ret_error, ST_NOT_FOUND, "%s: there is no database yet", path);
	if (status != ST_OK)
		goto out;
	status = open_for_reading(store, false, ret_error);
	/* One that was left in WAL mode: even readers would write beside it. */
	if (status == ST_SYSTEM && stands_alone(store->path)) {
		db_close(&store->db);
		status = open_for_reading(store, true, ret_error);
	}
out:
	if (status == ST_OK)
		*ret_store = store;
	else
		store_close(store);
	return status;
}

/*
 * WAL is for the time of a scan, when others read meanwhile. At rest the file shall stand alone, so that it
 * can be copied, and read from where nothing may be written. Refused while somebody reads; the next writer
 * does it.
 */
static void leave_wal(struct db *db)
{
	if (db->handle == NULL)
		return;
	sqlite3_busy_timeout(db->handle, 0);
	db_exec(db, "PRAGMA journal_mode = DELETE");
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	sqlite3_finalize(store->is_done);
	store_register_release(store);
	db_close(&store->reader);
	if (store->lock_fd >= 0)
		leave_wal(&store->db);
	db_close(&store->db);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store->path);
	free(store);
}

const char *store_error(const struct store *store)
{
	return store->db.error;
}

struct sqlite3 *store_handle(struct store *store)
{
	return store->db.handle;
}

int64_t store_run_id(const struct store *store)
{
	return store->run_id;
}
