/* Guessing an encoding from bytes. */
#ifndef MOORING_PROBES_CHARSET_DETECT_H
#define MOORING_PROBES_CHARSET_DETECT_H

#include <stddef.h>
#include <stdint.h>

struct utf8_count {
	size_t valid;	   /* sequences of two and more bytes */
	size_t invalid;	   /* bytes that are in none */
	size_t high_bytes; /* bytes outside of ASCII */
};

struct utf8_count charset_count_utf8(const uint8_t *body, size_t length);
/* Writes a label for bytes that are not UTF-8, "" when there is no idea; `size` is at least 16. */
void charset_detect(char *ret_label, size_t size, const uint8_t *body, size_t length);

#endif
