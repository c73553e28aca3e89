/* Character references of HTML: "&amp;", "&#39;", "&#x4e2d;" (WHATWG HTML, section 13.2.5.72). */
#ifndef MOORING_PROBES_ENTITY_H
#define MOORING_PROBES_ENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes in place, which never makes the text longer; returns the new length. What is no reference, or one
 * of the rare names that are not known here, stays as it is. */
size_t entity_decode(char *text, size_t length, bool in_attribute);

#endif
