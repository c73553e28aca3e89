/* Where a command's results go: standard output, or the file of --output, written whole or reported. */
#ifndef MOORING_OUTPUT_H
#define MOORING_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/status.h"

/* NULL path or "-": standard output. NULL after saying why on standard error. */
FILE *output_open(const char *path);
/* Flushes and closes; false after saying why on standard error: a full disk must not pass for success. */
bool output_close(FILE *file, const char *path);
/* Writes the buffer and empties it. */
void output_buf(FILE *file, struct buf *buf);

#endif
