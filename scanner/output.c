#include "output.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"

static bool is_stdout(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

FILE *output_open(const char *path)
{
	FILE *file = is_stdout(path) ? stdout : fopen(path, "w");

	if (file == NULL)
		log_line(LOG_ERROR, "cannot write %s: %s", path, strerror(errno));
	return file;
}

bool output_close(FILE *file, const char *path)
{
	bool failed = ferror(file) != 0;

	errno = 0;
	failed = (is_stdout(path) ? fflush(file) : fclose(file)) != 0 || failed;
	/* A reader that had enough, as `head` has, is no fault. */
	if (failed && !(is_stdout(path) && errno == EPIPE))
		log_line(LOG_ERROR, "cannot write %s: %s", is_stdout(path) ? "standard output" : path,
		    errno == 0 ? "an earlier write failed" : strerror(errno));
	return !failed;
}

void output_buf(FILE *file, struct buf *buf)
{
	fwrite(buf_text(buf), 1, buf->length, file);
	buf_clear(buf);
}
