#include "scope.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

/* The program can live without one sentence more when memory runs out; and a compiler cannot see that the
 * cases of uthash's own hash function are meant to fall through. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, length, result) ((result) = (unsigned)XXH3_64bits((key), (length)))
#include <uthash.h>

#include "blocklist.h"
#include "core/clock.h"
#include "special.h"

/* What tells one version of a file from another; zeroed: no regular file. */
struct version {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct source {
	struct source *next;
	struct blocklist *blocklist;
	bool regular;
	struct version version; /* that was read last, also when it was broken */
	char path[];
};

/* Sentences are handed out to records, which may outlive the rules that they speak of: each distinct one is
 * kept. There are no more than rules that ever matched. */
struct reason {
	UT_hash_handle hh;
	char text[];
};

/* A file that was written to within this time is left alone for now. */
enum { SETTLED_SECONDS = 1 };

struct scope {
	struct network *allowed;
	size_t allowed_count;
	struct source *source;
	struct reason **reasons;
};

struct scope *scope_new(void)
{
	struct scope *scope = calloc(1, sizeof(*scope));

	if (scope == NULL)
		return NULL;
	scope->reasons = calloc(1, sizeof(struct reason *));
	if (scope->reasons == NULL) {
		free(scope);
		return NULL;
	}
	return scope;
}

void scope_free(struct scope *scope)
{
	struct reason *reason, *next_reason;
	struct source *source, *next;

	if (scope == NULL)
		return;
	for (source = scope->source; source != NULL; source = next) {
		next = source->next;
		blocklist_free(source->blocklist);
		free(source);
	}
	HASH_ITER(hh, *scope->reasons, reason, next_reason)
	{
		HASH_DEL(*scope->reasons, reason);
		free(reason);
	}
	free(scope->reasons);
	free(scope->allowed);
	free(scope);
}

enum status scope_allow_net(struct scope *scope, const char *text)
{
	struct network network, *grown;

	if (!network_parse(&network, text))
		return ST_INVALID;
	grown = reallocarray(scope->allowed, scope->allowed_count + 1, sizeof(*grown));
	if (grown == NULL)
		return ST_NO_MEMORY;
	scope->allowed = grown;
	scope->allowed[scope->allowed_count++] = network;
	return ST_OK;
}

/* False when there is no regular file. */
static bool version_of(const char *path, struct version *ret_version)
{
	struct stat st;

	/* Compared as bytes, hence also the padding is cleared. */
	memset(ret_version, 0, sizeof(*ret_version));
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	ret_version->device = st.st_dev;
	ret_version->inode = st.st_ino;
	ret_version->size = st.st_size;
	ret_version->modified = st.st_mtim;
	ret_version->changed = st.st_ctim;
	return true;
}

enum status scope_load_blocklist(struct scope *scope, const char *path, char ret_error[SCOPE_ERROR])
{
	size_t size = strlen(path) + 1;
	struct source *source = calloc(1, sizeof(*source) + size);
	enum status status;

	if (source == NULL) {
		snprintf(ret_error, SCOPE_ERROR, "%s", status_text(ST_NO_MEMORY));
		return ST_NO_MEMORY;
	}
	memcpy(source->path, path, size);
	/* Taken before reading: what is written meanwhile is then seen as a change. */
	source->regular = version_of(path, &source->version);
	status = blocklist_load(path, &source->blocklist, ret_error);
	if (status != ST_OK) {
		free(source);
		return status;
	}
	source->next = scope->source;
	scope->source = source;
	return ST_OK;
}

/* True when the file is another one than what was read last, and seems complete: many editors empty a file
 * before they fill it, and for that moment nobody would be blocked. */
static bool is_stale(const struct source *source, const struct version *version)
{
	int64_t age = clock_wall() / 1000000 - (int64_t)version->modified.tv_sec;

	return source->regular && memcmp(&source->version, version, sizeof(*version)) != 0 &&
	       (age < 0 || age > SETTLED_SECONDS);
}

enum status scope_reload_if_changed(struct scope *scope, bool *ret_changed, char ret_error[SCOPE_ERROR])
{
	enum status result = ST_OK;
	struct source *source;
	bool changed = false;

	for (source = scope->source; source != NULL; source = source->next) {
		struct blocklist *fresh = NULL;
		struct version version;
		enum status status;

		version_of(source->path, &version);
		if (!is_stale(source, &version))
			continue;
		source->version = version;
		status = blocklist_load(source->path, &fresh, ret_error);
		if (status != ST_OK) {
			result = status;
			continue;
		}
		blocklist_free(source->blocklist);
		source->blocklist = fresh;
		changed = true;
	}
	if (ret_changed != NULL)
		*ret_changed = changed;
	return result;
}

size_t scope_rule_count(const struct scope *scope)
{
	const struct source *source;
	size_t count = 0;

	for (source = scope->source; source != NULL; source = source->next)
		count += blocklist_count(source->blocklist);
	return count;
}

/* The kept copy of a sentence, or `fallback` when memory runs out. */
static const char *keep(const struct scope *scope, const char *text, const char *fallback)
{
	size_t length = strlen(text);
	struct reason *reason;

	HASH_FIND(hh, *scope->reasons, text, length, reason);
	if (reason != NULL)
		return reason->text;
	reason = calloc(1, sizeof(*reason) + length + 1);
	if (reason == NULL)
		return fallback;
	memcpy(reason->text, text, length + 1);
	HASH_ADD_KEYPTR(hh, *scope->reasons, reason->text, length, reason);
	if (reason->hh.tbl == NULL) {
		free(reason);
		return fallback;
	}
	return reason->text;
}

/* `ret_reason` may be NULL here and below: nothing is kept that nobody wants to know. */
static void say_blocked(const struct scope *scope, const struct source *source, const struct block_rule *rule,
    const char **ret_reason)
{
	char text[LIMIT_NAME + PATH_MAX + 32];

	if (ret_reason == NULL)
		return;
	snprintf(text, sizeof(text), "%s, line %u of %s", rule->text, rule->line, source->path);
	*ret_reason = keep(scope, text, status_text(ST_BLOCKLISTED));
}

static void say_special(const struct scope *scope, const struct special *row, const struct embedded *embedded,
    const char **ret_reason)
{
	char text[256];

	if (ret_reason == NULL)
		return;
	*ret_reason = row->name;
	if (embedded == NULL)
		return;
	snprintf(text, sizeof(text), "%s address inside: %s", embedded->form, row->name);
	*ret_reason = keep(scope, text, row->name);
}

static bool is_blocked(const struct scope *scope, const struct address *address, const char **ret_reason)
{
	const struct source *source;
	struct block_rule rule;

	for (source = scope->source; source != NULL; source = source->next) {
		if (blocklist_find_address(source->blocklist, address, &rule)) {
			say_blocked(scope, source, &rule, ret_reason);
			return true;
		}
	}
	return false;
}

static bool is_allowed(const struct scope *scope, const struct address *address)
{
	size_t i;

	for (i = 0; i < scope->allowed_count; i++)
		if (network_contains(&scope->allowed[i], address))
			return true;
	return false;
}

static bool is_reachable(const struct scope *scope, const struct address *address,
    const struct embedded *embedded, const char **ret_reason)
{
	const struct special *row = special_find(embedded == NULL ? address : &embedded->address);

	if (row == NULL || row->reachable)
		return true;
	say_special(scope, row, embedded, ret_reason);
	return false;
}

enum status scope_check_address(
    const struct scope *scope, const struct address *address, const char **ret_reason)
{
	struct embedded embedded[EMBEDDED_MAX];
	size_t i, count = special_embedded(address, embedded);

	if (address->family == 0) {
		if (ret_reason != NULL)
			*ret_reason = "no address";
		return ST_OUT_OF_SCOPE;
	}
	if (is_blocked(scope, address, ret_reason))
		return ST_BLOCKLISTED;
	for (i = 0; i < count; i++)
		if (is_blocked(scope, &embedded[i].address, ret_reason))
			return ST_BLOCKLISTED;
	if (is_allowed(scope, address))
		return ST_OK;
	if (!is_reachable(scope, address, NULL, ret_reason))
		return ST_OUT_OF_SCOPE;
	for (i = 0; i < count; i++)
		if (!is_reachable(scope, address, &embedded[i], ret_reason))
			return ST_OUT_OF_SCOPE;
	return ST_OK;
}

enum status scope_check_domain(const struct scope *scope, const char *name, const char **ret_reason)
{
	const struct source *source;
	struct block_rule rule;

	for (source = scope->source; source != NULL; source = source->next) {
		if (blocklist_find_name(source->blocklist, name, &rule)) {
			say_blocked(scope, source, &rule, ret_reason);
			return ST_BLOCKLISTED;
		}
	}
	return ST_OK;
}
