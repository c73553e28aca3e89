/* UTF-8 from hostile places: checking it, mending it, and showing it without harm. */
#ifndef MOORING_CORE_TEXT_H
#define MOORING_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* Size of a SHA-256 in hexadecimal, with its NUL. */
enum { SHA256_TEXT = 65 };

/* Decodes one code point: its length in bytes (1..4), or 0 when the bytes are not valid UTF-8 or there are
 * none. */
size_t text_decode(const char *text, size_t length, uint32_t *ret_point);
/* True for control, bidirectional and invisible format characters: those that change what a reader believes
 * to see. */
bool text_is_hidden(uint32_t point);
/* Length of the longest prefix that is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
size_t text_valid_prefix(const char *text, size_t length);
/* True when all of it is valid UTF-8. */
bool text_is_valid(const char *text, size_t length);
/* Appends `text` with every invalid byte replaced by U+FFFD. */
void text_add_mended(struct buf *out, const char *text, size_t length);
/*
 * Appends `text` for a terminal: control characters, bidirectional overrides, invisible format characters and
 * invalid bytes are shown as \xHH or \u{HHHH}, so that nothing from the network moves a cursor or reorders a
 * line.
 */
void text_add_printable(struct buf *out, const char *text, size_t length);
/* Appends standard base64 with padding (RFC 4648 section 4). */
void text_add_base64(struct buf *out, const void *bytes, size_t length);
/* Appends lower-case hexadecimal. */
void text_add_hex(struct buf *out, const void *bytes, size_t length);
/* A SHA-256 in lower-case hexadecimal: that of `bytes`, false when OpenSSL cannot hash; or a finished one. */
bool text_sha256_hex(const void *bytes, size_t length, char ret_hex[SHA256_TEXT]);
void text_digest_hex(const uint8_t digest[32], char ret_hex[SHA256_TEXT]);

#endif
