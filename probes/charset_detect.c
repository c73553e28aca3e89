#include "probes/charset_detect.h"

#include <string.h>
#include <uchardet/uchardet.h>

#include "core/text.h"

/* Bytes that detection looks at: more changes no answer and costs time. */
enum { SAMPLE = 32 * 1024 };

struct utf8_count charset_count_utf8(const uint8_t *body, size_t length)
{
	struct utf8_count count = {0};
	size_t i = 0;

	while (i < length) {
		uint32_t point;
		size_t step;

		if (body[i] < 0x80) {
			i++;
			continue;
		}
		step = text_decode((const char *)body + i, length - i, &point);
		count.invalid += step == 0;
		count.valid += step != 0;
		step = step == 0 ? 1 : step;
		count.high_bytes += step;
		i += step;
	}
	return count;
}

/* How well two-byte pairs fit an encoding. */
struct fit {
	size_t common; /* characters that make up nearly all of a running text */
	size_t rare;   /* allowed, but rare in running text; or not allowed */
	bool four;     /* a four-byte sequence of GB18030 was seen */
};

static bool between(uint8_t byte, uint8_t low, uint8_t high)
{
	return byte >= low && byte <= high;
}

/* GB2312 level 1, the 3,755 usual characters, is B0A1..D7F9; rows A1..A3 are punctuation and full-width
 * signs. */
static struct fit fit_gbk(const uint8_t *s, size_t length)
{
	struct fit fit = {0};
	size_t i = 0;

	while (i + 1 < length) {
		if (s[i] < 0x80) {
			i++;
		} else if (i + 3 < length && between(s[i + 1], '0', '9') && s[i + 2] > 0x80 &&
			   between(s[i + 3], '0', '9')) {
			fit.four = true;
			i += 4;
		} else if (s[i] > 0x80 && s[i + 1] >= 0x40) {
			if (between(s[i], 0xb0, 0xd7) && s[i + 1] >= 0xa1)
				fit.common++;
			else if (!between(s[i], 0xa1, 0xa3) || s[i + 1] < 0xa1)
				fit.rare++;
			i += 2;
		} else {
			fit.rare++;
			i++;
		}
	}
	return fit;
}

/* Big5 level 1, the 5,401 usual characters, is A440..C67E; rows A1..A3 are punctuation. */
static struct fit fit_big5(const uint8_t *s, size_t length)
{
	struct fit fit = {0};
	size_t i = 0;

	while (i + 1 < length) {
		if (s[i] < 0x80) {
			i++;
		} else if (s[i] > 0x80 && (between(s[i + 1], 0x40, 0x7e) || s[i + 1] >= 0xa1)) {
			if (between(s[i], 0xa4, 0xc6))
				fit.common++;
			else if (!between(s[i], 0xa1, 0xa3))
				fit.rare++;
			i += 2;
		} else {
			fit.rare++;
			i++;
		}
	}
	return fit;
}

static double share(const struct fit *fit)
{
	return fit->common == 0 ? 0 : (double)fit->common / (double)(fit->common + fit->rare);
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

static void ask_uchardet(char *ret_label, size_t size, const uint8_t *body, size_t length)
{
	uchardet_t detector = uchardet_new();
	size_t i;

	ret_label[0] = '\0';
	if (detector == NULL)
		return;
	if (uchardet_handle_data(detector, (const char *)body, length) == 0) {
		uchardet_data_end(detector);
		strncat(ret_label, uchardet_get_charset(detector), size - 1);
	}
	uchardet_delete(detector);
	for (i = 0; ret_label[i] != '\0'; i++)
		if (ret_label[i] >= 'A' && ret_label[i] <= 'Z')
			ret_label[i] = (char)(ret_label[i] + 32);
}

void charset_detect(char *ret_label, size_t size, const uint8_t *body, size_t length)
{
	/* Right on short texts where uchardet is; the characters decide between the two Chinese families, and
	 * where uchardet sees a single-byte encoding or nothing. */
	static const char *const trusted[] = {"euc-kr", "uhc", "euc-jp", "shift_jis", "iso-2022-jp", NULL};
	struct fit gbk, big5;

	/* Long scripts may stand in front of the text. */
	for (; length > 0 && body[0] < 0x80; length--)
		body++;
	if (length > SAMPLE)
		length = SAMPLE;
	ask_uchardet(ret_label, size, body, length);
	if (is_one_of(ret_label, trusted))
		return;
	gbk = fit_gbk(body, length);
	big5 = fit_big5(body, length);
	if (share(&gbk) >= 0.8 && share(&gbk) > share(&big5))
		strncpy(ret_label, gbk.four ? "gb18030" : "gbk", size);
	else if (share(&big5) >= 0.8)
		strncpy(ret_label, "big5", size);
}
