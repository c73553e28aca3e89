#include "output.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"

/* Of the first write that failed: a stream remembers only that one did. */
static int write_errno;

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

	if ((is_stdout(path) ? fflush(file) : fclose(file)) != 0) {
		failed = true;
		if (write_errno == 0)
			write_errno = errno;
	}
	if (failed)
		log_line(LOG_ERROR, "cannot write %s: %s", is_stdout(path) ? "standard output" : path,
		    write_errno == 0 ? "a write failed" : strerror(write_errno));
	return !failed;
}

void output_buf(FILE *file, struct buf *buf)
{
	if (fwrite(buf_text(buf), 1, buf->length, file) != buf->length && write_errno == 0)
		write_errno = errno;
	buf_clear(buf);
}
