#include "results/overlap/indicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "core/buf.h"
#include "results/overlap/identifier.h"

/* clang-format off */
const struct indicator indicators[] = {
	{"spki", FAMILY_CERT, "certificate", "SHA-256 of the public key of the certificate that the server sent"},
	{"certificate", FAMILY_CERT, "certificate", "SHA-256 of that certificate"},
	{"san", FAMILY_CERT, "certificate", "a name in that certificate"},
	{"google_site_verification", FAMILY_ID, "ns_set", "Google Search Console token, in TXT or in the page"},
	{"ms_verification", FAMILY_ID, "ns_set", "Microsoft token, in TXT or in the page"},
	{"baidu_site_verification", FAMILY_ID, "ns_set", "Baidu Ziyuan token"},
	{"360_site_verification", FAMILY_ID, "ns_set", "360 search token"},
	{"sogou_site_verification", FAMILY_ID, "ns_set", "Sogou token"},
	{"yandex_verification", FAMILY_ID, "ns_set", "Yandex Webmaster token"},
	{"facebook_domain_verification", FAMILY_ID, "ns_set", "Facebook token"},
	{"baidu_tongji", FAMILY_ID, "body", "Baidu Tongji analytics id"},
	{"cnzz", FAMILY_ID, "body", "CNZZ (Umeng) analytics id"},
	{"la51", FAMILY_ID, "body", "51.la analytics id"},
	{"google_analytics_ua", FAMILY_ID, "body", "account part of a Google Universal Analytics id"},
	{"google_tag", FAMILY_ID, "body", "Google tag: G-, GTM-, AW- or GT- id"},
	{"adsense", FAMILY_ID, "body", "Google AdSense publisher"},
	{"matomo", FAMILY_ID, "body", "Matomo tracker host and site id"},
	{"icp", FAMILY_ID, "body", "ICP filing number of the site's holder, as the page states it"},
	{"public_security", FAMILY_ID, "body", "public security filing number, as the page states it"},
	{"wechat", FAMILY_ID, "body", "WeChat public account"},
	{"ns_set", FAMILY_DNS, "ns_set", "the name servers, all of them together"},
	{"soa_rname", FAMILY_DNS, "ns_set", "mailbox in the zone's SOA record"},
	{"mx", FAMILY_DNS, "ns_set", "a mail exchanger"},
	{"cname_target", FAMILY_DNS, "address", "a name that a name of the domain is an alias for"},
	{"address", FAMILY_HOST, "address", "an address of the domain or its www name"},
	{"favicon", FAMILY_PAGE, "body", "SHA-256 of the site's icon"},
	{"body", FAMILY_PAGE, "body", "SHA-256 of the page, its encodings undone"},
	{"title", FAMILY_PAGE, "body", "title of the page"},
	{"prefix", FAMILY_HOST, "address", "the /24 (IPv6: /48) of an address"},
	{"asn", FAMILY_HOST, "address", "autonomous system that announces an address"},
};
/* clang-format on */

const size_t indicator_count = sizeof(indicators) / sizeof(*indicators);

const char *indicator_family_name(enum indicator_family family)
{
	static const char *const name[] = {"host", "dns", "cert", "id", "page"};

	return name[family];
}

const struct indicator *indicator_find(const char *name)
{
	size_t i;

	for (i = 0; i < indicator_count; i++)
		if (strcmp(indicators[i].name, name) == 0)
			return &indicators[i];
	return NULL;
}

struct emitter {
	indicator_emit *emit;
	void *arg;
};

static void emit(const struct emitter *out, const char *indicator, const char *value)
{
	if (value != NULL && value[0] != '\0')
		out->emit(out->arg, indicator, value);
}

/* Column number of a row field, or row_count. */
static size_t column_of(const struct field *field, const char *name)
{
	size_t i;

	for (i = 0; i < field->row_count; i++)
		if (strcmp(field->row[i].name, name) == 0)
			break;
	return i;
}

static const struct field *field_of(const struct record *record, const char *name)
{
	size_t i;

	for (i = 0; i < record->schema->field_count; i++)
		if (strcmp(record->schema->field[i].name, name) == 0)
			return &record->schema->field[i];
	return NULL;
}

/* Text in a cell of a ROWS field, or NULL. */
static const struct text *cell_text(
    const struct field *field, const struct value *rows, size_t row, const char *column)
{
	size_t i = column_of(field, column);
	const struct value *cell;

	if (i == field->row_count || field->row[i].type != FIELD_TEXT)
		return NULL;
	cell = &rows->rows.item[row * field->row_count + i];
	return cell->set ? &cell->text : NULL;
}

static const char *cell_string(
    const struct field *field, const struct value *rows, size_t row, const char *column)
{
	const struct text *text = cell_text(field, rows, row, column);

	return text == NULL ? NULL : text->data;
}

static void derive_address(const char *text, const struct emitter *out)
{
	char prefix_text[ADDRESS_TEXT + 4], network_text[ADDRESS_TEXT];
	struct address address;
	struct network network;

	if (text == NULL || !address_parse(&address, text))
		return;
	network = network_of(&address, address.family == 4 ? 24 : 48);
	snprintf(prefix_text, sizeof(prefix_text), "%s/%u", address_text(&network.address, network_text),
	    network.prefix);
	emit(out, "address", text);
	emit(out, "prefix", prefix_text);
}

static void derive_txt(const struct text *text, const struct emitter *out)
{
	struct identifier found[8];
	size_t i, count;

	if (text == NULL)
		return;
	count = identifier_from_txt(text->data, text->length, found, sizeof(found) / sizeof(*found));
	for (i = 0; i < count; i++)
		emit(out, found[i].indicator, found[i].value);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All name servers as one value: sharing one of two means little. */
static void derive_ns_set(const struct field *field, const struct value *answers, const struct emitter *out)
{
	const char *name[64];
	struct buf set = {0};
	size_t i, count = 0;

	for (i = 0; i < answers->rows.count && count < sizeof(name) / sizeof(*name); i++) {
		const char *type = cell_string(field, answers, i, "response_type");
		const char *section = cell_string(field, answers, i, "section");
		const char *target = cell_string(field, answers, i, "target");

		if (type != NULL && strcmp(type, "NS") == 0 && target != NULL && section != NULL &&
		    strcmp(section, "answer") == 0)
			name[count++] = target;
	}
	qsort(name, count, sizeof(*name), by_text);
	for (i = 0; i < count; i++)
		buf_printf(&set, "%s%s", i == 0 ? "" : " ", name[i]);
	if (!set.failed)
		emit(out, "ns_set", buf_text(&set));
	buf_release(&set);
}

static void derive_answer(const struct field *field, const struct value *answers, size_t row,
    const char *query, const struct emitter *out)
{
	const char *type = cell_string(field, answers, row, "response_type");
	const char *section = cell_string(field, answers, row, "section");
	bool asks_address = strcmp(query, "A") == 0 || strcmp(query, "AAAA") == 0;

	if (type == NULL || section == NULL || strcmp(section, "answer") != 0)
		return;
	if (strcmp(type, "CNAME") == 0 && asks_address)
		emit(out, "cname_target", cell_string(field, answers, row, "target"));
	if (strcmp(type, query) != 0)
		return;
	if (asks_address)
		derive_address(cell_string(field, answers, row, "address"), out);
	else if (strcmp(type, "MX") == 0)
		emit(out, "mx", cell_string(field, answers, row, "target"));
	else if (strcmp(type, "SOA") == 0)
		emit(out, "soa_rname", cell_string(field, answers, row, "rname"));
	else if (strcmp(type, "TXT") == 0)
		derive_txt(cell_text(field, answers, row, "text"), out);
}

static void derive_dns(const struct record *record, const struct emitter *out)
{
	const struct field *field = field_of(record, "answers");
	const struct value *answers = record_get(record, "answers");
	const char *query = record_get_text(record, "query_type"),
		   *purpose = record_get_text(record, "purpose");
	size_t i;

	/* The answer for a random label is the zone's wildcard, not the domain's own. */
	if (record->status != ST_NOERROR || answers == NULL || query == NULL ||
	    (purpose != NULL && strcmp(purpose, "wildcard") == 0))
		return;
	if (strcmp(query, "NS") == 0)
		derive_ns_set(field, answers, out);
	for (i = 0; i < answers->rows.count; i++)
		derive_answer(field, answers, i, query, out);
}

static void derive_tls(const struct record *record, const struct emitter *out)
{
	const struct value *chain = record_get(record, "chain_sha256");

	if (chain != NULL && chain->texts.count > 0)
		emit(out, "certificate", chain->texts.item[0].data);
}

static void derive_http(const struct record *record, const struct emitter *out)
{
	const char *purpose = record_get_text(record, "purpose"),
		   *type = record_get_text(record, "content_type");
	const struct value *code = record_get(record, "http_status_code"),
			   *length = record_get(record, "body_length");

	if (record->status != ST_OK || purpose == NULL || code == NULL || code->integer != 200 ||
	    length == NULL || length->integer == 0)
		return;
	if (strcmp(purpose, "page") == 0 || strcmp(purpose, "redirect") == 0)
		emit(out, "body", record_get_text(record, "body_sha256"));
	/* A page in place of the icon is the site's way to say that there is none. */
	else if (strcmp(purpose, "favicon") == 0 && (type == NULL || strncasecmp(type, "text/html", 9) != 0))
		emit(out, "favicon", record_get_text(record, "body_sha256"));
}

static void derive_page(const struct record *record, const struct emitter *out)
{
	const struct field *field = field_of(record, "identifiers");
	const struct value *rows = record_get(record, "identifiers");
	const char *state = record_get_text(record, "page_state");
	size_t i;

	if (state == NULL || strcmp(state, "live") != 0)
		return;
	emit(out, "title", record_get_text(record, "title"));
	for (i = 0; rows != NULL && i < rows->rows.count; i++) {
		const char *indicator = cell_string(field, rows, i, "indicator");

		if (indicator != NULL)
			emit(out, indicator, cell_string(field, rows, i, "value"));
	}
}

void indicator_derive(const struct record *record, indicator_emit *emit_value, void *arg)
{
	static const struct {
		const char *record_type;
		void (*derive)(const struct record *record, const struct emitter *out);
	} rule[] = {{"dns", derive_dns}, {"tls", derive_tls}, {"http", derive_http}, {"page", derive_page}};
	struct emitter out = {.emit = emit_value, .arg = arg};
	size_t i;

	/* What many domains share says nothing about one of them until it is joined. */
	if (record->domain == NULL)
		return;
	for (i = 0; i < sizeof(rule) / sizeof(*rule); i++)
		if (strcmp(rule[i].record_type, record->schema->record_type) == 0)
			rule[i].derive(record, &out);
}
