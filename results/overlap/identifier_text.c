#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "results/overlap/identifier_scan.h"

/* "京", "津", ...: the provinces that filing numbers begin with. */
static bool is_province(const char *three)
{
	static const char provinces[] = "京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新";
	size_t i;

	for (i = 0; i + 3 < sizeof(provinces); i += 3)
		if (memcmp(three, provinces + i, 3) == 0)
			return true;
	return false;
}

/* The place behind one of `words`, or `from`. */
static size_t skip_word(const struct scan *scan, size_t from, const char *const *words)
{
	for (; *words != NULL; words++)
		if (scan_has(scan, from, *words))
			return from + strlen(*words);
	return from;
}

/* Behind spaces (also ideographic and non-breaking ones), colons and the filling words of filing numbers. */
static size_t skip_filling(const struct scan *scan, size_t from)
{
	static const char *const filling[] = {
	    " ", "\t", "\n", "\r", "\u00a0", "\u3000", ":", "：", "案", "字", "第", "号", "编", "-", NULL};
	size_t next, steps = 0;

	while (steps++ < 8 && (next = skip_word(scan, from, filling)) != from)
		from = next;
	return from;
}

/* Digits, full-width ones too, into `ret_digits` (`size` bytes with the NUL); how many, or 0 when there are
 * more. */
static size_t read_digits(const struct scan *scan, size_t from, char *ret_digits, size_t size)
{
	size_t count = 0;

	for (; count + 1 < size; count++) {
		if (from < scan->length && scan_is_digit(scan->text[from])) {
			ret_digits[count] = scan->text[from++];
		} else if (scan_has(scan, from, "\xef\xbc") && from + 2 < scan->length &&
			   (unsigned char)scan->text[from + 2] >= 0x90 &&
			   (unsigned char)scan->text[from + 2] <= 0x99) {
			ret_digits[count] = (char)('0' + (unsigned char)scan->text[from + 2] - 0x90);
			from += 3;
		} else {
			break;
		}
	}
	ret_digits[count] = '\0';
	if (from < scan->length && scan_is_digit(scan->text[from]))
		return 0;
	return count;
}

/* The place of a province in front of `at`, spaces between allowed. */
static bool find_province(const struct scan *scan, size_t at, size_t *ret_place)
{
	static const char *const spaces[] = {"\u3000", "\u00a0", " ", NULL};
	size_t i, steps;

	for (steps = 0; steps < 3; steps++) {
		if (at >= 3 && is_province(scan->text + at - 3)) {
			*ret_place = at - 3;
			return true;
		}
		for (i = 0; spaces[i] != NULL; i++)
			if (at >= strlen(spaces[i]) && scan_has(scan, at - strlen(spaces[i]), spaces[i]))
				break;
		if (spaces[i] == NULL)
			return false;
		at -= strlen(spaces[i]);
	}
	return false;
}

/* scan->at is "ICP" with `size` bytes. The number of the site behind it ("-2") is not part of the value. */
static void scan_icp(const struct scan *scan, size_t size)
{
	static const char *const record[] = {"备", "備", NULL}, *const licence[] = {"证", "證", NULL};
	size_t from = scan_skip(scan, scan->at + size, " "), province, behind;
	char value[32] = "", digits[13];
	const char *kind = "备";

	behind = skip_word(scan, from, record);
	if (behind == from) {
		behind = skip_word(scan, from, licence);
		kind = "证";
	}
	if (behind == from || !find_province(scan, scan->at, &province))
		return;
	size = read_digits(scan, skip_filling(scan, behind), digits, sizeof(digits));
	if (size < 6 || size > 10 || scan_is_placeholder(digits))
		return;
	memcpy(value, scan->text + province, 3);
	strcat(value, "ICP");
	strcat(value, kind);
	strcat(value, digits);
	scan_add(scan, "icp", value, province);
}

static void add_public_security(const struct scan *scan, size_t from)
{
	char digits[16];
	size_t count = read_digits(scan, from, digits, sizeof(digits));

	if (count >= 11 && count <= 14 && !scan_is_placeholder(digits))
		scan_add(scan, "public_security", digits, scan->at);
}

static bool is_lower_hex(char c)
{
	return scan_is_digit(c) || (c >= 'a' && c <= 'f');
}

static void scan_wechat(const struct scan *scan)
{
	size_t from = scan->at + strlen("gh_"), length = scan_run(scan, from, is_lower_hex);

	if (length != 12 || (from + 12 < scan->length && scan_is_word(scan->text[from + 12])) ||
	    (scan->at > 0 && scan_is_word(scan->text[scan->at - 1])))
		return;
	scan_add_slice(scan, "wechat", scan->at, strlen("gh_") + length, strlen("gh_"));
}

void identifier_scan_text(struct identifier_set *set, const char *text, size_t length)
{
	static const char security[] = "公网安备";
	struct scan scan = {.set = set, .text = text, .length = length};

	for (; scan.at < length; scan.at++)
		switch (text[scan.at]) {
		case 'I':
		case 'i':
			if (length - scan.at > 3 && strncasecmp(text + scan.at, "ICP", 3) == 0)
				scan_icp(&scan, 3);
			break;
		case '\xef': /* full width */
			if (scan_has(&scan, scan.at, "ＩＣＰ"))
				scan_icp(&scan, strlen("ＩＣＰ"));
			break;
		case '\xe5':
			if (scan_has(&scan, scan.at, security))
				add_public_security(&scan, skip_filling(&scan, scan.at + strlen(security)));
			break;
		case 'r':
			if (scan_has(&scan, scan.at, "recordcode="))
				add_public_security(&scan, scan.at + strlen("recordcode="));
			break;
		case 'g':
			if (scan_has(&scan, scan.at, "gh_"))
				scan_wechat(&scan);
			break;
		default:
			break;
		}
}
