/* One domain at a time, from any number of sources, each domain once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "register_item.h"

/* Bytes of a first line that is looked at for column names. */
enum { FIRST_LINE = 4096 };

static struct register_source *add_source(
    struct register_stream *stream, const char *path, FILE *file, const char *stratum)
{
	struct register_source *source = arena_alloc(stream->arena, sizeof(*source)), **end = &stream->first;

	if (source != NULL)
		source->path = arena_strdup(stream->arena, path);
	if (source == NULL || source->path == NULL) {
		if (file != stdin)
			fclose(file);
		return NULL;
	}
	source->file = file;
	source->stratum = stratum;
	source->lines = -1;
	while (*end != NULL)
		end = &(*end)->next;
	*end = source;
	if (stream->current == NULL)
		stream->current = source;
	return source;
}

static enum status count_lines(struct register_stream *stream, struct register_source *source)
{
	struct list_digest digest;
	enum status status = list_digest(source->file, &digest);

	if (status == ST_NOT_FOUND)
		return ST_OK;
	if (status == ST_SYSTEM)
		register_report(&stream->reporter, REGISTER_ERROR, source->path, 0, 0,
		    "cannot be read: %s. Check the disk", strerror(errno));
	if (status != ST_OK)
		return status;
	source->lines = (int64_t)digest.lines - (source->csv && digest.lines > 0);
	if (source->part && source->sha256[0] == '\0')
		memcpy(source->sha256, digest.sha256, sizeof(source->sha256));
	return ST_OK;
}

/* The digest of the whole, when all parts are known. */
static enum status update_digest(struct register_stream *stream)
{
	struct buf all = {0};
	const struct register_source *source;
	enum status status = ST_OK;
	size_t parts = 0;

	for (source = stream->first; source != NULL; source = source->next) {
		if (!source->part)
			continue;
		if (source->sha256[0] == '\0')
			goto out;
		buf_printf(&all, "%s\n", source->sha256);
		parts++;
	}
	if (all.failed)
		status = ST_NO_MEMORY;
	else if (parts == 1)
		snprintf(stream->sha256, sizeof(stream->sha256), "%.64s", all.data);
	else if (parts > 1)
		status = list_digest_text(all.data, stream->sha256);
out:
	buf_release(&all);
	return status;
}

/* As sha256sum prints it for the files of a register that exist. */
static enum status digest_folder(const char *folder, char ret_sha256[SHA256_TEXT])
{
	static const char *const name[] = {
	    "claims.csv", "controls.csv", "domains.csv", "entities.csv", "reports.csv"};
	struct register_reporter silent = {0};
	struct buf all = {0};
	enum status status = ST_OK;
	size_t i;

	for (i = 0; i < sizeof(name) / sizeof(*name) && status == ST_OK; i++) {
		struct buf path = {0};
		struct list_digest digest;
		FILE *file;

		buf_printf(&path, "%s/%s", folder, name[i]);
		if (path.failed)
			status = ST_NO_MEMORY;
		else if (register_open_file(&silent, buf_text(&path), true, &file) == ST_OK) {
			status = list_digest(file, &digest);
			fclose(file);
			if (status == ST_OK)
				buf_printf(&all, "%s  %s\n", digest.sha256, name[i]);
		}
		buf_release(&path);
	}
	if (status == ST_OK)
		status = all.failed ? ST_NO_MEMORY : list_digest_text(buf_text(&all), ret_sha256);
	buf_release(&all);
	return status;
}

/* One file of a folder. */
static enum status add_table(
    struct register_stream *stream, const char *folder, const char *name, bool optional, const char *stratum)
{
	const char *path = arena_printf(stream->arena, "%s/%s", folder, name);
	struct register_source *source;
	enum status status;
	struct stat st;
	FILE *file;

	if (path == NULL)
		return ST_NO_MEMORY;
	if (optional && stat(path, &st) != 0 && errno == ENOENT)
		return ST_OK;
	status = register_open_file(&stream->reporter, path, true, &file);
	if (status != ST_OK)
		return ST_SYSTEM;
	source = add_source(stream, path, file, stratum);
	if (source == NULL)
		return ST_NO_MEMORY;
	source->csv = true;
	return count_lines(stream, source);
}

static enum status add_folder(struct register_stream *stream, const char *folder)
{
	enum status status = add_table(stream, folder, "domains.csv", false, STRATUM_REGISTER);

	if (status == ST_OK)
		status = add_table(stream, folder, "controls.csv", true, NULL);
	if (status != ST_OK)
		return status;
	stream->first->part = true;
	return digest_folder(folder, stream->first->sha256);
}

/* True when the first line names the columns of controls.csv. */
static bool is_controls_table(FILE *file)
{
	/* White space, the CSV's own characters and the byte order mark. */
	static const char between[] = REGISTER_SPACES ",\"\xef\xbb\xbf";
	char line[FIRST_LINE], *word, *rest = line;
	bool domain = false, stratum = false;
	off_t start = ftello(file);

	if (start < 0)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	while ((word = strsep(&rest, between)) != NULL) {
		domain |= strcmp(word, "domain") == 0;
		stratum |= strcmp(word, "stratum") == 0;
	}
	return fseeko(file, start, SEEK_SET) == 0 && domain && stratum;
}

static enum status add_list(struct register_stream *stream, const char *path, const char *stratum)
{
	struct register_source *source;
	FILE *file = stdin;
	enum status status = ST_OK;

	if (strcmp(path, "-") != 0)
		status = register_open_file(&stream->reporter, path, false, &file);
	if (status != ST_OK)
		return ST_SYSTEM;
	source = add_source(stream, path, file, stratum);
	if (source == NULL)
		return ST_NO_MEMORY;
	source->part = true;
	if (strcmp(stratum, STRATUM_REGISTER) != 0 && is_controls_table(file)) {
		source->csv = true;
		source->stratum = NULL;
	}
	return count_lines(stream, source);
}

enum status register_stream_open(const char *path, const struct domain_rules *rules, register_fault *fault,
    void *fault_arg, struct register_stream **ret_stream)
{
	struct register_stream *stream = calloc(1, sizeof(*stream));
	enum status status = ST_NO_MEMORY;
	struct stat st;

	if (stream == NULL)
		return ST_NO_MEMORY;
	stream->rules = rules;
	stream->reporter = (struct register_reporter){.fault = fault, .arg = fault_arg};
	stream->arena = arena_new(0);
	if (stream->arena == NULL)
		goto out;
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		status = add_folder(stream, path);
	else
		status = add_list(stream, path, STRATUM_REGISTER);
	if (status == ST_OK)
		status = update_digest(stream);
out:
	if (status == ST_OK)
		*ret_stream = stream;
	else
		register_stream_close(stream);
	return status;
}

enum status register_stream_add_controls(
    struct register_stream *stream, const char *path, const char *stratum)
{
	enum status status =
	    add_list(stream, path, strcmp(stratum, STRATUM_MATCHED) == 0 ? STRATUM_MATCHED : STRATUM_GENERAL);

	if (status != ST_OK)
		return status;
	stream->sha256[0] = '\0';
	return update_digest(stream);
}

static void stop_source(struct register_stream *stream, struct register_source *source)
{
	list_reader_free(stream->list);
	stream->list = NULL;
	register_table_close(&stream->table);
	if (source->file != NULL && source->file != stdin)
		fclose(source->file);
	source->file = NULL;
}

void register_stream_close(struct register_stream *stream)
{
	struct register_source *source;

	if (stream == NULL)
		return;
	for (source = stream->first; source != NULL; source = source->next)
		stop_source(stream, source);
	seen_release(&stream->seen);
	buf_release(&stream->input);
	arena_free(stream->arena);
	free(stream);
}

static enum status start_source(struct register_stream *stream, struct register_source *source)
{
	source->started = true;
	if (!source->csv) {
		stream->list = list_reader_new(source->file, source->part && source->sha256[0] == '\0');
		return stream->list == NULL ? ST_NO_MEMORY : ST_OK;
	}
	stream->table = (struct register_table){.file = source->path,
	    .reporter = &stream->reporter,
	    .column = register_item_column,
	    .column_count = source->stratum == NULL ? ITEM_COLUMNS : ITEM_DOMAIN + 1};
	return register_table_open(&stream->table, source->file, stream->arena);
}

static enum status end_source(struct register_stream *stream)
{
	struct register_source *source = stream->current;
	enum status status = ST_OK;

	if (source->part && source->sha256[0] == '\0' && stream->list != NULL)
		status = list_reader_sha256(stream->list, source->sha256);
	stop_source(stream, source);
	stream->current = source->next;
	return status == ST_OK ? update_digest(stream) : status;
}

/* A step of the present source; ST_AGAIN when it gave nothing. */
static enum status step(struct register_stream *stream, struct register_item *ret_item)
{
	struct register_source *source = stream->current;
	enum status status;

	if (!source->started) {
		status = start_source(stream, source);
		/* A table without a usable header gives nothing. */
		if (status != ST_OK)
			return status == ST_INVALID ? ST_SYSTEM : status;
	}
	status = source->csv ? register_item_from_row(stream, ret_item)
			     : register_item_from_line(stream, ret_item);
	if (status != ST_NOT_FOUND)
		return status;
	status = end_source(stream);
	return status == ST_OK ? ST_AGAIN : status;
}

enum status register_stream_next(struct register_stream *stream, struct register_item *ret_item)
{
	enum status status = ST_AGAIN;

	if (stream->failed != ST_OK)
		return stream->failed;
	while (stream->current != NULL && status == ST_AGAIN)
		status = step(stream, ret_item);
	if (status == ST_AGAIN)
		return ST_NOT_FOUND;
	if (status != ST_OK && status != ST_INVALID)
		stream->failed = status;
	return status;
}

struct register_stream_counts register_stream_counts(const struct register_stream *stream)
{
	return stream->counts;
}

int64_t register_stream_total(const struct register_stream *stream)
{
	const struct register_source *source;
	int64_t total = 0;

	for (source = stream->first; source != NULL; source = source->next) {
		if (source->lines < 0)
			return -1;
		total += source->lines;
	}
	return total;
}

const char *register_stream_sha256(const struct register_stream *stream)
{
	return stream->sha256;
}
