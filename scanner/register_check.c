/* The checks of single cells. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "core/text.h"
#include "register_table.h"

enum {
	QUOTE_CHARACTERS = 300,
	ID_BYTES = 128,
	SHOWN_BYTES = 80 /* of a cell in a message: enough to find it */
};

/* ISO 3166-1 alpha-2, the officially assigned codes. */
static const char countries[] = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ "
				"BL BM BN BO BQ BR BS BT BV BW "
				"BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
				"DO DZ EC EE EG EH ER ES ET FI "
				"FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK "
				"HM HN HR HT HU ID IE IL IM IN "
				"IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK "
				"LR LS LT LU LV LY MA MC MD ME "
				"MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
				"NL NO NP NR NU NZ OM PA PE PF "
				"PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
				"SJ SK SL SM SN SO SR SS ST SV "
				"SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ "
				"VA VC VE VG VI VN VU WF WS YE "
				"YT ZA ZM ZW ";

static bool is_country(const char *text)
{
	char word[4] = "";
	const char *found;

	if (strlen(text) != 2 || !isupper((unsigned char)text[0]) || !isupper((unsigned char)text[1]))
		return false;
	memcpy(word, text, 2);
	word[2] = ' ';
	found = strstr(countries, word);
	return found != NULL;
}

/* The number of `digits` digits at `text`, or -1. */
static int number_at(const char *text, int digits)
{
	int i, value = 0;

	for (i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

static int month_length(int year, int month)
{
	static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return length[month - 1] + (month == 2 && leap);
}

static bool is_date(const char *text)
{
	size_t length = strlen(text);
	int year, month, day;

	if (length != 4 && length != 7 && length != 10)
		return false;
	year = number_at(text, 4);
	if (year < 1000)
		return false;
	if (length == 4)
		return true;
	month = text[4] == '-' ? number_at(text + 5, 2) : -1;
	if (month < 1 || month > 12)
		return false;
	if (length == 7)
		return true;
	day = text[7] == '-' ? number_at(text + 8, 2) : -1;
	return day >= 1 && day <= month_length(year, month);
}

static bool is_url(const char *text)
{
	size_t scheme = strncasecmp(text, "http://", 7) == 0	? 7
			: strncasecmp(text, "https://", 8) == 0 ? 8
								: 0;
	const char *c;

	if (scheme == 0 || strlen(text) > LIMIT_URL || strchr("/?#", text[scheme]) != NULL)
		return false;
	for (c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("\"<>", *c) != NULL)
			return false;
	return true;
}

/* Something@something.something, anywhere in the text. */
static bool has_mail_address(const char *text)
{
	const char *at;

	for (at = strchr(text, '@'); at != NULL; at = strchr(at + 1, '@')) {
		size_t host = strcspn(at + 1, " \t\r\n@,;<>()");
		const char *dot = memchr(at + 1, '.', host);

		if (at > text && !isspace((unsigned char)at[-1]) && dot != NULL && dot > at + 1 &&
		    dot < at + host)
			return true;
	}
	return false;
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool is_id(const struct csv_entry *entry)
{
	return entry->length <= ID_BYTES && entry->text[strcspn(entry->text, " \t\r\n")] == '\0';
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return text[digits] == '\0' && digits <= 9;
}

/* Bytes of a cell that a message shows, whole characters only. */
static int shown(const struct csv_entry *entry)
{
	return (int)text_valid_prefix(entry->text, entry->length > SHOWN_BYTES ? SHOWN_BYTES : entry->length);
}

static bool is_word(const char *const *word, const char *text)
{
	for (; *word != NULL; word++)
		if (strcmp(*word, text) == 0)
			return true;
	return false;
}

static void report_word(
    const struct register_table *table, const struct register_column *column, const struct csv_entry *entry)
{
	struct buf words = {.limit = 1024};
	size_t i;

	for (i = 0; column->word[i] != NULL; i++)
		buf_printf(&words, "%s%s", i == 0 ? "" : ", ", column->word[i]);
	register_report(table->reporter, REGISTER_ERROR, table->file, entry->line, entry->column,
	    "%s '%.*s' is not known. Take one of: %s", column->name, shown(entry), entry->text,
	    buf_text(&words));
	buf_release(&words);
}

/* What is wrong with a cell that is not empty, and what to do; NULL when nothing is. */
static const char *cell_fault(const struct register_column *column, const struct csv_entry *entry)
{
	const char *text = entry->text;

	switch (column->check) {
	case CHECK_ID:
		return is_id(entry) ? NULL
				    : "is too long, or has spaces. Take up to 128 letters, digits and "
				      "hyphens";
	case CHECK_NAME:
		return !has_mail_address(text) ? NULL
					       : "has a mail address. Name the organisation or place; "
						 "a person is no entity";
	case CHECK_COUNTRY:
		return is_country(text) ? NULL
					: "is no country code. Take the two capital letters of ISO "
					  "3166-1, such as GB";
	case CHECK_DATE:
		return is_date(text) ? NULL
				     : "is no date. Write YYYY-MM-DD, or YYYY-MM or YYYY where no more "
				       "is known";
	case CHECK_URL:
		return is_url(text) ? NULL
				    : "is no URL. Give one address that begins with http:// or https://, "
				      "without spaces";
	case CHECK_QUOTE:
		return count_characters(text) <= QUOTE_CHARACTERS ? NULL
								  : "has more than 300 characters. Keep "
								    "the sentence that matters";
	case CHECK_NUMBER:
		return is_number(text) ? NULL : "is no number. Write digits only";
	case CHECK_TEXT:
	case CHECK_WORD:
		break;
	}
	return NULL;
}

bool register_check_cell(
    const struct register_table *table, const struct register_column *column, const struct csv_entry *entry)
{
	const char *fault;

	if (entry->length == 0) {
		if (column->needed)
			register_report(table->reporter, REGISTER_ERROR, table->file, entry->line,
			    entry->column, "%s is empty. Every row needs it", column->name);
		return !column->needed;
	}
	if (column->check == CHECK_WORD) {
		if (is_word(column->word, entry->text))
			return true;
		report_word(table, column, entry);
		return false;
	}
	fault = cell_fault(column, entry);
	if (fault != NULL)
		register_report(table->reporter, REGISTER_ERROR, table->file, entry->line, entry->column,
		    "%s '%.*s%s' %s", column->name, shown(entry), entry->text,
		    entry->length > SHOWN_BYTES ? "..." : "", fault);
	return fault == NULL;
}

void register_check_hidden(const struct register_table *table)
{
	size_t i, j, step;
	uint32_t point;

	for (i = 0; i < table->row->count; i++) {
		const struct csv_entry *entry = &table->row->entry[i];

		for (j = 0; j < entry->length; j += step) {
			step = text_decode(entry->text + j, entry->length - j, &point);
			if (step == 0 || !text_is_hidden(point) || point == '\n' || point == '\r' ||
			    point == '\t') {
				step += step == 0;
				continue;
			}
			register_report(table->reporter, REGISTER_WARNING, table->file, entry->line,
			    entry->column,
			    "%s has the invisible character U+%04X. Take it out unless the source has it",
			    table->name[i], (unsigned)point);
			break;
		}
	}
}
