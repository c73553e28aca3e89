/*
 * Which character encoding an HTML body is in, and its text as UTF-8.
 *
 * In this order: byte order mark, charset of the Content-Type header, <meta> in the first 4096 bytes (as
 * WHATWG HTML section 13.2.3 has it, which browsers follow), detection from the bytes. A declaration that the
 * bytes contradict is not believed, but recorded.
 */
#ifndef MOORING_PROBES_CHARSET_H
#define MOORING_PROBES_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum { CHARSET_LABEL = 40 };

struct charset {
	const char *name; /* lower-case name of the WHATWG Encoding Standard: "gbk", "utf-8"; static */
	const char
	    *source; /* "bom", "header", "meta", "detected" or "default" (nothing but ASCII, or unknown) */
	char declared[CHARSET_LABEL]; /* the first label that was declared, lower case, cut; "" without one */
	bool contradicted;	      /* the declared encoding is known, and the bytes are not in it */
	size_t errors;		      /* sequences that `name` does not allow, and NULs; each became U+FFFD */
};

/*
 * Appends the body as UTF-8 without NUL and byte order mark to `out`, as far as the limit of `out` allows.
 * `content_type` is the header's value or NULL. False when memory ran out or the limit was reached; the part
 * that fitted is valid UTF-8 but for the last character, which may be cut.
 */
bool charset_decode(struct buf *out, struct charset *ret_charset, const char *content_type,
    const uint8_t *body, size_t length);
/* The encoding that a label stands for ("GB2312" is "gbk"), or NULL; case and surrounding white space are
 * ignored. For tests. */
const char *charset_of_label(const char *label, size_t length);

#endif
