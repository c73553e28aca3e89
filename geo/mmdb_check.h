/*
 * Whether a piece of an MMDB file (MaxMind DB File Format Specification 2.0) may be handed to libmaxminddb.
 *
 * Version 1.7.1 follows what a file says without bounds on the memory and the depth of a value, and
 * multiplies the size of the search tree in 32 bits. What passes here is small and lies inside of the file.
 */
#ifndef MOORING_GEO_MMDB_CHECK_H
#define MOORING_GEO_MMDB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value at `offset` of a data section with all that it contains and points to: complete, and at most
 * LIMIT_MMDB_ENTRIES values in LIMIT_MMDB_DEPTH levels. */
bool mmdb_check_value(const uint8_t *section, size_t size, size_t offset);
/* The metadata of a whole file, and that its search tree fits before them. NULL, or a static text that goes
 * on after the name of the file: what is wrong. */
const char *mmdb_check_file(const char *path);

#endif
