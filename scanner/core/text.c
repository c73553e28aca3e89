#include "core/text.h"

#include <openssl/evp.h>
#include <string.h>

/* Length of the valid sequence at `s` (1..4) with its code point, or 0. RFC 3629 section 4. */
static size_t decode(const uint8_t *s, size_t left, uint32_t *ret_point)
{
	uint32_t point;
	size_t i, length;

	if (s[0] < 0x80) {
		*ret_point = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (length > left)
		return 0;
	point = s[0] & (0x7fu >> length);
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3fu);
	}
	if ((length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff)) ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return length;
}

bool text_is_hidden(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0xad || point == 0x61c ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
	       (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f);
}

size_t text_decode(const char *text, size_t length, uint32_t *ret_point)
{
	return length == 0 ? 0 : decode((const uint8_t *)text, length, ret_point);
}

size_t text_valid_prefix(const char *text, size_t length)
{
	size_t i = 0, step;
	uint32_t point;

	while (i < length && (step = decode((const uint8_t *)text + i, length - i, &point)) > 0)
		i += step;
	return i;
}

bool text_is_valid(const char *text, size_t length)
{
	return text_valid_prefix(text, length) == length;
}

void text_add_mended(struct buf *out, const char *text, size_t length)
{
	while (length > 0) {
		size_t good = text_valid_prefix(text, length);

		buf_add(out, text, good);
		if (good == length)
			break;
		buf_add_text(out, "\xef\xbf\xbd");
		text += good + 1;
		length -= good + 1;
	}
}

void text_add_printable(struct buf *out, const char *text, size_t length)
{
	while (length > 0) {
		uint32_t point = 0;
		size_t step = text_decode(text, length, &point);

		if (step == 0 || (step == 1 && text_is_hidden(point)))
			buf_printf(out, "\\x%02x", (unsigned)(uint8_t)text[0]);
		else if (text_is_hidden(point))
			buf_printf(out, "\\u{%04x}", point);
		else
			buf_add(out, text, step);
		step = step == 0 ? 1 : step;
		text += step;
		length -= step;
	}
}

void text_add_base64(struct buf *out, const void *bytes, size_t length)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *s = bytes;
	size_t i;

	for (i = 0; i < length; i += 3) {
		uint32_t three = (uint32_t)s[i] << 16;
		char four[4];

		if (i + 1 < length)
			three |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < length)
			three |= s[i + 2];
		four[0] = digit[three >> 18];
		four[1] = digit[three >> 12 & 63];
		four[2] = i + 1 < length ? digit[three >> 6 & 63] : '=';
		four[3] = i + 2 < length ? digit[three & 63] : '=';
		buf_add(out, four, 4);
	}
}

static const char hex_digit[] = "0123456789abcdef";

void text_add_hex(struct buf *out, const void *bytes, size_t length)
{
	const uint8_t *s = bytes;
	size_t i;

	for (i = 0; i < length; i++) {
		char two[2] = {hex_digit[s[i] >> 4], hex_digit[s[i] & 15]};

		buf_add(out, two, 2);
	}
}

bool text_sha256_hex(const void *bytes, size_t length, char ret_hex[SHA256_TEXT])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	text_digest_hex(digest, ret_hex);
	return true;
}

void text_digest_hex(const uint8_t digest[32], char ret_hex[SHA256_TEXT])
{
	size_t i;

	for (i = 0; i < 32; i++) {
		ret_hex[2 * i] = hex_digit[digest[i] >> 4];
		ret_hex[2 * i + 1] = hex_digit[digest[i] & 15];
	}
	ret_hex[SHA256_TEXT - 1] = '\0';
}
