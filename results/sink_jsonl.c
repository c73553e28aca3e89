#include "results/sink_jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "results/json.h"

enum { BLOCK = 64 * 1024 };

struct sink_jsonl {
	struct sink sink;
	FILE *file;
	struct json_envelope envelope;
	struct buf line;
	enum status failed; /* ST_OK, or why nothing more is taken */
	char name[256];
	char error[SINK_ERROR];
};

static struct sink_jsonl *self(struct sink *sink)
{
	return (struct sink_jsonl *)sink;
}

static enum status give_up(struct sink_jsonl *s, enum status status, const char *why)
{
	if (s->failed != ST_OK)
		return s->failed;
	snprintf(s->error, sizeof(s->error), "cannot write %s: %s", s->name, why);
	s->failed = status;
	return status;
}

static enum status put(struct sink *sink, const struct batch *batch)
{
	struct sink_jsonl *s = self(sink);
	const struct record *record;

	for (record = batch->first; record != NULL && s->failed == ST_OK; record = record->next) {
		buf_clear(&s->line);
		json_record(&s->line, &s->envelope, record);
		buf_add_char(&s->line, '\n');
		if (s->line.failed)
			give_up(s, ST_NO_MEMORY, status_text(ST_NO_MEMORY));
		else if (fwrite(s->line.data, 1, s->line.length, s->file) != s->line.length)
			give_up(s, ST_SYSTEM, strerror(errno));
	}
	return s->failed;
}

static enum status commit(struct sink *sink)
{
	struct sink_jsonl *s = self(sink);

	if (s->failed == ST_OK && fflush(s->file) != 0)
		give_up(s, ST_SYSTEM, strerror(errno));
	return s->failed;
}

static const char *error(const struct sink *sink)
{
	return ((const struct sink_jsonl *)sink)->error;
}

static enum status close_sink(struct sink *sink)
{
	struct sink_jsonl *s = self(sink);
	enum status status = commit(sink);

	/* Some file systems report a full disk only here. */
	if (s->file != stdout && fclose(s->file) != 0 && status == ST_OK)
		status = ST_SYSTEM;
	buf_release(&s->line);
	free(s);
	return status;
}

static const struct sink_class sink_jsonl_class = {
    .name = "jsonl", .put = put, .commit = commit, .error = error, .close = close_sink};

/* Length of the file up to and with its last line end; -1 with errno. */
static off_t whole_lines(int fd, off_t size)
{
	char block[BLOCK];
	const char *end;
	ssize_t length;
	off_t start;

	while (size > 0) {
		start = size > BLOCK ? size - BLOCK : 0;
		length = pread(fd, block, (size_t)(size - start), start);
		if (length != (ssize_t)(size - start)) {
			if (length >= 0)
				errno = EIO;
			return -1;
		}
		end = memrchr(block, '\n', (size_t)length);
		if (end != NULL)
			return start + (end - block) + 1;
		size = start;
	}
	return 0;
}

/* A line without an end is of a batch that no commit covered: its domain will be written again. */
static bool cut_broken_line(int fd)
{
	struct stat info;
	off_t length;

	if (fstat(fd, &info) != 0)
		return false;
	if (!S_ISREG(info.st_mode))
		return true;
	length = whole_lines(fd, info.st_size);
	return length >= 0 && (length == info.st_size || ftruncate(fd, length) == 0);
}

static FILE *open_file(const char *path, bool append)
{
	FILE *file;
	int fd;

	/* Reading is needed for the look at the last line only; a pipe or terminal may not allow it. */
	fd = open(path, (append ? O_RDWR | O_APPEND : O_WRONLY | O_TRUNC) | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return NULL;
	if (append && !cut_broken_line(fd)) {
		close(fd);
		return NULL;
	}
	file = fdopen(fd, append ? "a" : "w");
	if (file == NULL)
		close(fd);
	return file;
}

enum status sink_jsonl_new(struct sink **ret_sink, const char *path, bool append, int64_t run_id,
    const char *vantage, char ret_error[SINK_ERROR])
{
	struct sink_jsonl *s = calloc(1, sizeof(*s));
	bool standard = strcmp(path, "-") == 0;

	if (s == NULL) {
		snprintf(ret_error, SINK_ERROR, "no memory left");
		return ST_NO_MEMORY;
	}
	s->sink.class = &sink_jsonl_class;
	s->envelope = (struct json_envelope){.run_id = run_id, .vantage = vantage};
	snprintf(s->name, sizeof(s->name), "%s", standard ? "standard output" : path);
	s->file = standard ? stdout : open_file(path, append);
	if (s->file == NULL) {
		snprintf(ret_error, SINK_ERROR, "cannot open %s: %s", path, strerror(errno));
		free(s);
		return ST_SYSTEM;
	}
	*ret_sink = &s->sink;
	return ST_OK;
}
