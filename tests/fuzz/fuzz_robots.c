/* The first line is the path that is asked for, the rest is the robots.txt. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/robots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = memchr(data, '\n', size);
	size_t length = lf == NULL ? 0 : (size_t)(lf - data);
	char *path, *text;

	if (lf == NULL)
		return 0;
	path = strndup((const char *)data, length);
	/* An allocation of its own, so that a read in front of it or behind it shows. */
	text = malloc(size - length);
	if (path == NULL || text == NULL)
		abort();
	memcpy(text, lf + 1, size - length - 1);
	robots_allows(text, size - length - 1, "mooring", path);
	free(path);
	free(text);
	return 0;
}
