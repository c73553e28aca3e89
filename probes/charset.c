#include "probes/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "probes/charset_detect.h"
#include "probes/markup.h"

/* Bytes in which a <meta> is looked for: WHATWG says 1024, pages in use need more. */
enum { PRESCAN = 4096, CHUNK = 8 * 1024 };

/*
 * The encodings of the WHATWG Encoding Standard (section 4.2) with their labels. Only these converters are
 * ever opened, never one that a server names: others of the C library have a record of memory faults on
 * hostile input. Left out are x-user-defined and those that the standard decodes to nothing.
 */
static const struct encoding {
	const char *name, *converter;
	bool multibyte; /* most byte sequences are invalid, so that errors say something */
	const char *labels;
} encodings[] = {
    {"utf-8", NULL, true, "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"},
    {"gbk", "GB18030", true,
	"gb2312 gbk chinese csgb2312 csiso58gb231280 gb_2312 gb_2312-80 iso-ir-58 x-gbk"},
    {"gb18030", "GB18030", true, "gb18030"},
    {"big5", "BIG5-HKSCS", true, "big5 big5-hkscs cn-big5 csbig5 x-x-big5"},
    {"euc-jp", "EUC-JP-MS", true, "euc-jp cseucpkdfmtjapanese x-euc-jp"},
    {"iso-2022-jp", "ISO-2022-JP", true, "iso-2022-jp csiso2022jp"},
    {"shift_jis", "CP932", true, "shift_jis shift-jis sjis x-sjis csshiftjis ms932 ms_kanji windows-31j"},
    {"euc-kr", "UHC", true,
	"euc-kr cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
	"windows-949"},
    {"utf-16be", "UTF-16BE", true, "utf-16be unicodefffe"},
    {"utf-16le", "UTF-16LE", true, "utf-16le utf-16 csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff"},
    {"windows-1252", "CP1252", false,
	"windows-1252 iso-8859-1 latin1 us-ascii ascii ansi_x3.4-1968 cp1252 cp819 csisolatin1 ibm819 "
	"iso-ir-100 "
	"iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 x-cp1252"},
    {"windows-1250", "CP1250", false, "windows-1250 cp1250 x-cp1250"},
    {"windows-1251", "CP1251", false, "windows-1251 cp1251 x-cp1251"},
    {"windows-1253", "CP1253", false, "windows-1253 cp1253 x-cp1253"},
    {"windows-1254", "CP1254", false,
	"windows-1254 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 "
	"l5 "
	"latin5 x-cp1254"},
    {"windows-1255", "CP1255", false, "windows-1255 cp1255 x-cp1255"},
    {"windows-1256", "CP1256", false, "windows-1256 cp1256 x-cp1256"},
    {"windows-1257", "CP1257", false, "windows-1257 cp1257 x-cp1257"},
    {"windows-1258", "CP1258", false, "windows-1258 cp1258 x-cp1258"},
    {"windows-874", "CP874", false, "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"},
    {"iso-8859-2", "ISO-8859-2", false,
	"iso-8859-2 csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2"},
    {"iso-8859-3", "ISO-8859-3", false,
	"iso-8859-3 csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"},
    {"iso-8859-4", "ISO-8859-4", false,
	"iso-8859-4 csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"},
    {"iso-8859-5", "ISO-8859-5", false,
	"iso-8859-5 csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988"},
    {"iso-8859-6", "ISO-8859-6", false,
	"iso-8859-6 arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e "
	"iso-8859-6-i "
	"iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987"},
    {"iso-8859-7", "ISO-8859-7", false,
	"iso-8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 "
	"iso_8859-7:1987 sun_eu_greek"},
    {"iso-8859-8", "ISO-8859-8", false,
	"iso-8859-8 csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
	"iso_8859-8 "
	"iso_8859-8:1988 visual"},
    {"iso-8859-8-i", "ISO-8859-8", false, "iso-8859-8-i csiso88598i logical"},
    {"iso-8859-10", "ISO-8859-10", false,
	"iso-8859-10 csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6"},
    {"iso-8859-13", "ISO-8859-13", false, "iso-8859-13 iso8859-13 iso885913"},
    {"iso-8859-14", "ISO-8859-14", false, "iso-8859-14 iso8859-14 iso885914"},
    {"iso-8859-15", "ISO-8859-15", false, "iso-8859-15 csisolatin9 iso8859-15 iso885915 iso_8859-15 l9"},
    {"iso-8859-16", "ISO-8859-16", false, "iso-8859-16"},
    {"koi8-r", "KOI8-R", false, "koi8-r cskoi8r koi koi8 koi8_r"},
    {"koi8-u", "KOI8-U", false, "koi8-u koi8-ru"},
    {"ibm866", "IBM866", false, "ibm866 866 cp866 csibm866"},
    {"macintosh", "MACINTOSH", false, "macintosh csmacintosh mac x-mac-roman"},
    {"x-mac-cyrillic", "MAC-CYRILLIC", false, "x-mac-cyrillic x-mac-ukrainian"},
};

enum { UTF_8 = 0, WINDOWS_1252 = 10 }; /* places in the table */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool has_word(const char *words, const char *word, size_t length)
{
	while (*words != '\0') {
		size_t size = strcspn(words, " ");

		if (size == length && strncasecmp(words, word, length) == 0)
			return true;
		words += size;
		words += strspn(words, " ");
	}
	return false;
}

static const struct encoding *encoding_of(const char *label, size_t length)
{
	size_t i;

	for (; length > 0 && is_space(label[0]); length--)
		label++;
	while (length > 0 && is_space(label[length - 1]))
		length--;
	for (i = 0; length > 0 && i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (has_word(encodings[i].labels, label, length))
			return &encodings[i];
	return NULL;
}

const char *charset_of_label(const char *label, size_t length)
{
	const struct encoding *encoding = encoding_of(label, length);

	return encoding == NULL ? NULL : encoding->name;
}

/* The label in "text/html; charset=x", quoted or not (WHATWG HTML, "extracting a character encoding from a
 * meta element"). NULL without one. */
static const char *find_label(const char *text, size_t *ret_length)
{
	const char *end;

	while ((text = strcasestr(text, "charset")) != NULL) {
		text += strlen("charset");
		text += strspn(text, " \t\n\r\f");
		if (*text != '=')
			continue;
		text++;
		text += strspn(text, " \t\n\r\f");
		if (*text == '"' || *text == '\'') {
			end = strchr(text + 1, *text);
			text++;
		} else {
			end = text + strcspn(text, " \t\n\r\f;");
		}
		if (end == NULL || end == text)
			return NULL;
		*ret_length = (size_t)(end - text);
		return text;
	}
	return NULL;
}

struct declaration {
	const struct encoding *encoding; /* NULL: none, or a label that is not known */
	char label[CHARSET_LABEL];
};

static struct declaration declare(const char *label, size_t length)
{
	struct declaration declaration = {.encoding = encoding_of(label, length)};
	size_t i;

	for (i = 0; i < length && i + 1 < sizeof(declaration.label) && (label[i] & 0x80) == 0; i++)
		declaration.label[i] = (char)(label[i] >= 'A' && label[i] <= 'Z' ? label[i] + 32 : label[i]);
	return declaration;
}

static struct declaration declared_by_header(const char *content_type)
{
	size_t length;
	const char *label = content_type == NULL ? NULL : find_label(content_type, &length);

	return label == NULL ? (struct declaration){0} : declare(label, length);
}

static struct declaration declared_by_tag(const struct markup_token *tag)
{
	const char *label = markup_value(tag, "charset"), *equiv, *content;
	struct declaration declaration = {0};
	size_t length;

	if (label != NULL) {
		declaration = declare(label, strlen(label));
	} else {
		equiv = markup_value(tag, "http-equiv");
		content = markup_value(tag, "content");
		if (equiv == NULL || content == NULL || strcasecmp(equiv, "content-type") != 0 ||
		    (label = find_label(content, &length)) == NULL)
			return declaration;
		declaration = declare(label, length);
	}
	/* A <meta> that can be read is not in UTF-16, whatever it says. */
	if (declaration.encoding != NULL && strncmp(declaration.encoding->name, "utf-16", 6) == 0)
		declaration.encoding = &encodings[UTF_8];
	return declaration;
}

static struct declaration declared_by_meta(const uint8_t *body, size_t length)
{
	struct declaration declaration = {0};
	struct markup_token token;
	struct markup markup;
	char head[PRESCAN];

	if (length > sizeof(head))
		length = sizeof(head);
	if (length > 0)
		memcpy(head, body, length);
	markup = markup_of(head, length);
	while (declaration.encoding == NULL && markup_next(&markup, &token))
		if (token.kind == MARKUP_START && strcmp(token.name, "meta") == 0) {
			struct declaration found = declared_by_tag(&token);

			declaration.encoding = found.encoding;
			if (declaration.label[0] == '\0')
				memcpy(declaration.label, found.label, sizeof(found.label));
		}
	return declaration;
}

/* Bytes behind a byte order mark, and whose mark it is. */
static size_t read_mark(const uint8_t *body, size_t length, const struct encoding **ret_encoding)
{
	if (length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
		*ret_encoding = &encodings[UTF_8];
		return 3;
	}
	if (length >= 2 && (memcmp(body, "\xfe\xff", 2) == 0 || memcmp(body, "\xff\xfe", 2) == 0)) {
		*ret_encoding = body[0] == 0xfe ? encoding_of("utf-16be", 8) : encoding_of("utf-16le", 8);
		return 2;
	}
	return 0;
}

struct output {
	struct buf *buf; /* NULL: only count */
	size_t errors;
};

static void put_error(struct output *output)
{
	output->errors++;
	if (output->buf != NULL)
		buf_add(output->buf, "\xef\xbf\xbd", 3);
}

/* Appends valid UTF-8. NUL is an error in HTML and would end a C string early. */
static void put_text(struct output *output, const char *text, size_t length)
{
	while (length > 0) {
		const char *nul = memchr(text, '\0', length);
		size_t run = nul == NULL ? length : (size_t)(nul - text);

		if (output->buf != NULL)
			buf_add(output->buf, text, run);
		if (nul == NULL)
			break;
		put_error(output);
		text += run + 1;
		length -= run + 1;
	}
}

static void decode_utf8(struct output *output, const char *text, size_t length)
{
	while (length > 0) {
		size_t good = text_valid_prefix(text, length);

		put_text(output, text, good);
		if (good == length)
			break;
		put_error(output);
		text += good + 1;
		length -= good + 1;
	}
}

/* False when the C library lacks the converter. */
static bool decode(const struct encoding *encoding, struct output *output, const uint8_t *body, size_t length)
{
	char chunk[CHUNK], *in = (char *)body, *out; /* iconv() wants char ** and does not write */
	size_t room;
	iconv_t converter;
	bool more = true;

	if (encoding->converter == NULL) {
		decode_utf8(output, in, length);
		return true;
	}
	converter = iconv_open("UTF-8", encoding->converter);
	if (converter == (iconv_t)-1)
		return false;
	while (more) {
		size_t result;

		out = chunk;
		room = sizeof(chunk);
		/* With nothing left the converter gives what it held back (Big5-HKSCS composes). */
		more = length > 0;
		result = more ? iconv(converter, &in, &length, &out, &room)
			      : iconv(converter, NULL, NULL, &out, &room);
		put_text(output, chunk, sizeof(chunk) - room);
		if (more && result == (size_t)-1 && errno != E2BIG) {
			put_error(output);
			in++;
			length--;
		}
	}
	iconv_close(converter);
	return true;
}

/* Errors per byte outside of ASCII that a declaration is allowed: 1 %. */
static bool is_too_many(size_t errors, const struct utf8_count *count)
{
	return errors * 100 > count->high_bytes;
}

static size_t errors_in(const struct encoding *encoding, const uint8_t *body, size_t length)
{
	struct output output = {0};

	return decode(encoding, &output, body, length) ? output.errors : SIZE_MAX;
}

static const struct encoding *detect(const uint8_t *body, size_t length, const struct utf8_count *count)
{
	char label[CHARSET_LABEL];

	if (count->valid > 0 && !is_too_many(count->invalid, count))
		return &encodings[UTF_8];
	charset_detect(label, sizeof(label), body, length);
	/* The markup of a page in UTF-16 is full of zero bytes; two stray ones that look like a mark are
	 * none. */
	if (strncmp(label, "utf-16", 6) == 0 && memchr(body, 0, length) == NULL)
		return NULL;
	return strcmp(label, "uhc") == 0 ? encoding_of("euc-kr", 6) : encoding_of(label, strlen(label));
}

/* A better encoding than the declared one, which gave `errors`; NULL when the bytes bear the declaration out.
 */
static const struct encoding *contradict(
    const struct encoding *declared, size_t errors, const uint8_t *body, size_t length)
{
	const struct encoding *other;
	struct utf8_count count;

	if (declared != &encodings[UTF_8] && text_is_valid((const char *)body, length)) {
		count = charset_count_utf8(body, length);
		/* Ten bytes of another encoding are hardly ever UTF-8 by chance. */
		return count.high_bytes >= 10 ? &encodings[UTF_8] : NULL;
	}
	if (!declared->multibyte || errors == 0)
		return NULL;
	count = charset_count_utf8(body, length);
	if (!is_too_many(errors, &count))
		return NULL;
	other = detect(body, length, &count);
	/* A single-byte encoding allows nearly everything: that it has fewer errors proves nothing as long as
	 * most of the text fits the declaration. */
	if (other == NULL || other == declared || (!other->multibyte && errors * 4 < count.high_bytes) ||
	    errors_in(other, body, length) >= errors)
		return NULL;
	return other;
}

/* What a header that names a single-byte encoding (often the server's default) hides: the <meta> is right
 * when it names a multi-byte one without errors. */
static bool meta_is_better(
    const struct declaration *header, const struct declaration *meta, const uint8_t *body, size_t length)
{
	return header->encoding != NULL && !header->encoding->multibyte && meta->encoding != NULL &&
	       meta->encoding->multibyte && charset_count_utf8(body, length).high_bytes > 0 &&
	       errors_in(meta->encoding, body, length) == 0;
}

/* What header and <meta> say, or NULL. */
static const struct encoding *find_declared(
    struct charset *charset, const char *content_type, const uint8_t *body, size_t length)
{
	struct declaration header = declared_by_header(content_type), meta = declared_by_meta(body, length);

	memcpy(charset->declared, header.label[0] != '\0' ? header.label : meta.label,
	    sizeof(charset->declared));
	charset->source = "meta";
	if (meta_is_better(&header, &meta, body, length)) {
		charset->contradicted = true;
		return meta.encoding;
	}
	if (header.encoding == NULL)
		return meta.encoding;
	charset->source = "header";
	return header.encoding;
}

static const struct encoding *find_undeclared(struct charset *charset, const uint8_t *body, size_t length)
{
	struct utf8_count count = charset_count_utf8(body, length);
	const struct encoding *encoding = count.high_bytes > 0 ? detect(body, length, &count) : NULL;

	charset->source = encoding != NULL ? "detected" : "default";
	if (encoding == NULL)
		encoding = &encodings[count.high_bytes > 0 ? WINDOWS_1252 : UTF_8];
	return encoding;
}

/* Decodes into `out`, behind its first `start` bytes; a converter that the C library lacks is UTF-8. */
static void decode_again(struct buf *out, size_t start, struct charset *charset,
    const struct encoding *encoding, const uint8_t *body, size_t length)
{
	struct output output = {.buf = out};

	out->length = start;
	if (!decode(encoding, &output, body, length)) {
		encoding = &encodings[UTF_8];
		decode(encoding, &output, body, length);
	}
	charset->name = encoding->name;
	charset->errors = output.errors;
}

bool charset_decode(struct buf *out, struct charset *ret_charset, const char *content_type,
    const uint8_t *body, size_t length)
{
	const struct encoding *encoding = NULL, *better;
	struct charset charset = {0};
	size_t start = out->length, mark = read_mark(body, length, &encoding);

	if (mark > 0) {
		struct declaration header = declared_by_header(content_type);

		memcpy(charset.declared, header.label, sizeof(charset.declared));
		charset.source = "bom";
		decode_again(out, start, &charset, encoding, body + mark, length - mark);
	} else {
		encoding = find_declared(&charset, content_type, body, length);
		if (encoding != NULL) {
			decode_again(out, start, &charset, encoding, body, length);
			better = contradict(encoding, charset.errors, body, length);
			charset.source = better == NULL ? charset.source : "detected";
			charset.contradicted = charset.contradicted || better != NULL;
		} else {
			better = find_undeclared(&charset, body, length);
		}
		if (better != NULL)
			decode_again(out, start, &charset, better, body, length);
	}
	*ret_charset = charset;
	return !out->failed;
}
