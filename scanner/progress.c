#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"

void progress_begin(struct progress *progress, bool quiet, uint64_t total, uint64_t before)
{
	*progress = (struct progress){.total = total, .before = before, .started = clock_monotonic()};
	progress->shown = !quiet && isatty(STDERR_FILENO) == 1;
}

void progress_count(struct progress *progress, const char *outcome)
{
	struct progress_kind *kind = progress->kind;
	unsigned i = 0;

	progress->done++;
	while (i < progress->kind_count && strncmp(kind[i].name, outcome, PROGRESS_KIND_NAME - 1) != 0)
		i++;
	if (i == progress->kind_count) {
		if (i == PROGRESS_KINDS)
			return;
		snprintf(kind[i].name, sizeof(kind[i].name), "%s", outcome);
		progress->kind_count++;
	}
	kind[i].count++;
	/* Kept in order of frequency: one step up is enough, because counts grow by one. */
	for (; i > 0 && kind[i].count > kind[i - 1].count; i--) {
		struct progress_kind other = kind[i - 1];

		kind[i - 1] = kind[i];
		kind[i] = other;
	}
	if (clock_monotonic() - progress->drawn >= 250000)
		progress_draw(progress);
}

void progress_summary(const struct progress *progress, unsigned most, struct buf *out)
{
	unsigned i;

	for (i = 0; i < progress->kind_count && i < most; i++)
		buf_printf(out, "%s%s %llu", i == 0 ? "" : ", ", progress->kind[i].name,
		    (unsigned long long)progress->kind[i].count);
	if (i < progress->kind_count)
		buf_printf(out, ", %u kinds more", progress->kind_count - i);
}

static void add_time(struct buf *out, double seconds)
{
	unsigned long s = (unsigned long)(seconds + 0.5);

	if (s >= 3600)
		buf_printf(out, "%luh%02lum", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		buf_printf(out, "%lum%02lus", s / 60, s % 60);
	else
		buf_printf(out, "%lus", s);
}

/* Columns of the terminal. */
static int width_of_terminal(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void progress_draw(struct progress *progress)
{
	double seconds, rate;
	uint64_t done = progress->before + progress->done;
	struct buf line = {.limit = 1024};

	if (!progress->shown)
		return;
	progress->drawn = clock_monotonic();
	seconds = (double)(progress->drawn - progress->started) / 1e6;
	rate = seconds > 0 ? (double)progress->done / seconds : 0;
	buf_printf(&line, "%llu", (unsigned long long)done);
	if (progress->total > 0)
		buf_printf(&line, "/%llu (%.0f%%)", (unsigned long long)progress->total,
		    100.0 * (double)done / (double)progress->total);
	buf_printf(&line, " domains, %.1f/s", rate);
	/* The first domains come late and say little about the rest. */
	if (progress->total > done && progress->done >= progress->total / 32 + 8) {
		buf_add_text(&line, ", ");
		add_time(&line, (double)(progress->total - done) / rate);
		buf_add_text(&line, " left");
	}
	if (progress->kind_count > 0)
		buf_add_text(&line, " | ");
	progress_summary(progress, 5, &line);
	/* A line that wraps could not be redrawn. It is ASCII: bytes are columns. */
	fprintf(stderr, "\r\033[K%.*s", width_of_terminal() - 1, buf_text(&line));
	buf_release(&line);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r\033[K");
	progress->shown = false;
}
