#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const label[] = {"error: ", "warning: ", "", "debug: "};
	struct buf line = {.limit = 64 * 1024};
	char *text = NULL;
	va_list args;
	int length;

	if (level > threshold)
		return;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return;
	buf_printf(&line, "mooring: %s", label[level]);
	text_add_printable(&line, text, (size_t)length);
	buf_add_char(&line, '\n');
	/* One call on an unbuffered stream, so that lines of several threads do not mix. */
	fwrite(buf_text(&line), 1, line.length, stderr);
	buf_release(&line);
	free(text);
}
