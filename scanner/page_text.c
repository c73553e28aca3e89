#include "page_text.h"

#include <inttypes.h>
#include <string.h>

#include "core/address.h"
#include "core/limits.h"
#include "core/text.h"
#include "domain.h"
#include "probes/dns_msg.h"

/* What the printing functions share. */
struct page {
	struct buf *out;
	const struct record *records;
	const char *domain;
	bool color;
};

enum { LABEL_WIDTH = 13 };

static void add(struct page *page, const char *text)
{
	if (text != NULL)
		text_add_printable(page->out, text, strlen(text));
}

static void label(struct page *page, const char *name)
{
	buf_printf(page->out, "  %s%-*s%s", page->color ? "\033[1m" : "", LABEL_WIDTH, name,
	    page->color ? "\033[0m" : "");
}

static bool is_type(const struct record *record, const char *type)
{
	return strcmp(record->schema->record_type, type) == 0;
}

static bool is_own(const struct page *page, const struct record *record, const char *type)
{
	return is_type(record, type) && record->domain != NULL && strcmp(record->domain, page->domain) == 0;
}

static bool text_is(const struct record *record, const char *field, const char *wanted)
{
	const char *text = record_get_text(record, field);

	return text != NULL && strcmp(text, wanted) == 0;
}

static int64_t int_of(const struct record *record, const char *field)
{
	const struct value *value = record_get(record, field);

	return value == NULL ? 0 : value->integer;
}

static const struct record *find_dns(const struct page *page, const char *name, const char *type)
{
	const struct record *record;

	for (record = page->records; record != NULL; record = record->next)
		if (is_type(record, "dns") && text_is(record, "query_type", type) &&
		    text_is(record, "query_name", name))
			return record;
	return NULL;
}

/* Text of a column of the answers, or NULL when the row is not an answer of that type. */
static const char *answer_text(const struct record *record, size_t row, const char *type, const char *column)
{
	const struct value *answers = record_get(record, "answers");
	const struct field *field = NULL;
	const char *found[2] = {NULL};
	size_t i, j;

	for (i = 0; i < record->schema->field_count; i++)
		if (strcmp(record->schema->field[i].name, "answers") == 0)
			field = &record->schema->field[i];
	for (j = 0; field != NULL && j < field->row_count; j++) {
		const struct value *cell = &answers->rows.item[row * field->row_count + j];

		if (!cell->set || field->row[j].type != FIELD_TEXT)
			continue;
		if (strcmp(field->row[j].name, "section") == 0 && strcmp(cell->text.data, "answer") != 0)
			return NULL;
		if (strcmp(field->row[j].name, "response_type") == 0)
			found[0] = cell->text.data;
		if (strcmp(field->row[j].name, column) == 0)
			found[1] = cell->text.data;
	}
	return found[0] != NULL && strcmp(found[0], type) == 0 ? found[1] : NULL;
}

static size_t answer_count(const struct record *record)
{
	const struct value *answers = record == NULL ? NULL : record_get(record, "answers");

	return answers == NULL ? 0 : answers->rows.count;
}

/* "NS  a, b, c", or why there is none. */
static void dns_line(
    struct page *page, const char *name, const char *title, const char *type, const char *column)
{
	const struct record *record = find_dns(page, name, type);
	size_t i, shown = 0;

	if (record == NULL)
		return;
	label(page, title);
	for (i = 0; i < answer_count(record); i++) {
		const char *text = answer_text(record, i, type, column);

		if (text == NULL)
			continue;
		buf_add_text(page->out, shown++ > 0 ? ", " : "");
		if (strlen(text) > 60) {
			text_add_printable(page->out, text, text_valid_prefix(text, 57));
			buf_add_text(page->out, "...");
		} else {
			add(page, text);
		}
	}
	if (shown == 0)
		buf_printf(page->out, "none (%s)", status_name(record->status));
	buf_add_char(page->out, '\n');
}

/* --- addresses, their names and places --- */

static void pointer_name(struct page *page, const char *address_string)
{
	struct address address;
	char reverse[73];
	const struct record *record;
	const char *name;
	size_t i;

	if (!address_parse(&address, address_string))
		return;
	record = find_dns(page, dns_reverse_name(&address, reverse), "PTR");
	for (i = 0; i < answer_count(record); i++) {
		name = answer_text(record, i, "PTR", "target");
		if (name != NULL) {
			buf_add_text(page->out, "  ");
			add(page, name);
			return;
		}
	}
}

static void place(struct page *page, const struct record *geo)
{
	const struct value *lat = record_get(geo, "lat"), *lon = record_get(geo, "lon");
	const struct value *centroid = record_get(geo, "centroid"), *asn = record_get(geo, "asn");
	const char *country = record_get_text(geo, "country"), *city = record_get_text(geo, "city");
	const char *registered = record_get_text(geo, "registered_country");

	buf_printf(page->out, "    %*s", LABEL_WIDTH, "");
	add(page, record_get_text(geo, "db_name"));
	buf_add_text(page->out, ": ");
	if (asn != NULL) {
		buf_printf(page->out, "AS%" PRId64 " ", asn->integer);
		add(page, record_get_text(geo, "as_name"));
	}
	if (city != NULL) {
		add(page, city);
		buf_add_text(page->out, ", ");
	}
	add(page, country);
	if (centroid != NULL && centroid->boolean)
		buf_add_text(page->out, " (the country as a whole, no place)");
	else if (lat != NULL && lon != NULL)
		buf_printf(page->out, " (%.2f, %.2f)", lat->real, lon->real);
	if (country == NULL && asn == NULL)
		buf_add_text(page->out, "no location");
	if (registered != NULL && (country == NULL || strcmp(registered, country) != 0)) {
		buf_add_text(page->out, country == NULL ? ", registered in " : "; registered in ");
		add(page, registered);
	}
	buf_add_char(page->out, '\n');
}

static void addresses(struct page *page, const struct record *domain)
{
	const struct value *list = record_get(domain, "addresses");
	const struct record *record;
	size_t i;

	label(page, "Addresses");
	if (list == NULL || list->texts.count == 0)
		buf_add_text(page->out, "none\n");
	for (i = 0; list != NULL && i < list->texts.count; i++) {
		const char *address = list->texts.item[i].data;

		if (i > 0)
			buf_printf(page->out, "  %*s", LABEL_WIDTH, "");
		add(page, address);
		pointer_name(page, address);
		buf_add_char(page->out, '\n');
		for (record = page->records; record != NULL; record = record->next)
			if (is_type(record, "geo") && text_is(record, "role", "web") &&
			    text_is(record, "address", address))
				place(page, record);
	}
}

static void aliases(struct page *page, const struct record *domain)
{
	const struct value *names = record_get(domain, "names");
	size_t i, j;

	for (i = 0; names != NULL && i < names->texts.count; i++) {
		const struct record *record = find_dns(page, names->texts.item[i].data, "A");
		const struct value *chain = record == NULL ? NULL : record_get(record, "cname_chain");

		if (chain == NULL || chain->texts.count == 0)
			continue;
		label(page, "Alias");
		add(page, names->texts.item[i].data);
		for (j = 0; j < chain->texts.count; j++) {
			if (strcmp(chain->texts.item[j].data, names->texts.item[i].data) == 0)
				continue;
			buf_add_text(page->out, " -> ");
			add(page, chain->texts.item[j].data);
		}
		buf_add_char(page->out, '\n');
	}
}

/* --- what the servers said --- */

static void endpoint(struct page *page, const struct record *record, const char *name)
{
	const char *address = record_get_text(record, "address");

	label(page, "");
	add(page, record_get_text(record, name));
	buf_add_text(page->out, " at ");
	buf_add_text(page->out, address != NULL && strchr(address, ':') != NULL ? "[" : "");
	add(page, address);
	buf_printf(page->out, "%s:%" PRId64 "  ", address != NULL && strchr(address, ':') != NULL ? "]" : "",
	    int_of(record, "port"));
}

static void failure(struct page *page, const struct record *record)
{
	buf_printf(page->out, "%s%s%s: %s", page->color ? "\033[31m" : "", status_name(record->status),
	    page->color ? "\033[0m" : "", status_text(record->status));
	if (record->error != NULL) {
		buf_add_text(page->out, " (");
		add(page, record->error);
		buf_add_char(page->out, ')');
	}
	buf_add_char(page->out, '\n');
}

static void exchange(struct page *page, const struct record *record)
{
	label(page, text_is(record, "purpose", "redirect") ? "  then" : "Page");
	add(page, record_get_text(record, "url"));
	buf_add_text(page->out, " at ");
	add(page, record_get_text(record, "address"));
	buf_add_text(page->out, "  ");
	if (record->status != ST_OK) {
		failure(page, record);
		return;
	}
	buf_printf(page->out, "%" PRId64, int_of(record, "http_status_code"));
	if (record_get_text(record, "location") != NULL) {
		buf_add_text(page->out, " -> ");
		add(page, record_get_text(record, "location"));
	}
	if (record_get_text(record, "server") != NULL) {
		buf_add_text(page->out, "  ");
		add(page, record_get_text(record, "server"));
	}
	buf_add_char(page->out, '\n');
}

static void servers(struct page *page)
{
	const struct record *record;
	bool first = true;

	for (record = page->records; record != NULL; record = record->next) {
		bool failed = record->status != ST_OK;

		if (failed && (is_own(page, record, "tcp") || is_own(page, record, "tls"))) {
			if (first)
				label(page, "Not reached"), buf_add_char(page->out, '\n');
			first = false;
			endpoint(page, record, is_type(record, "tcp") ? "name" : "sni");
			failure(page, record);
		}
	}
	for (record = page->records; record != NULL; record = record->next)
		if (is_own(page, record, "http") &&
		    (text_is(record, "purpose", "page") || text_is(record, "purpose", "redirect") ||
			record->status != ST_OK))
			exchange(page, record);
}

static void identifiers(struct page *page, const struct record *record)
{
	const struct value *rows = record_get(record, "identifiers");
	const struct field *field = NULL;
	size_t i, j;

	for (i = 0; i < record->schema->field_count; i++)
		if (strcmp(record->schema->field[i].name, "identifiers") == 0)
			field = &record->schema->field[i];
	for (i = 0; field != NULL && rows != NULL && i < rows->rows.count; i++) {
		label(page, i == 0 ? "Identifiers" : "");
		for (j = 0; j < 2; j++) {
			const struct value *cell = &rows->rows.item[i * field->row_count + j];

			if (cell->set)
				add(page, cell->text.data);
			buf_add_char(page->out, j == 0 ? ' ' : '\n');
		}
	}
}

static void text_line(struct page *page, const struct record *record, const char *title, const char *field)
{
	if (record_get_text(record, field) == NULL || record_get_text(record, field)[0] == '\0')
		return;
	label(page, title);
	add(page, record_get_text(record, field));
	buf_add_char(page->out, '\n');
}

/* The page that stands for the domain: the one at its final URL. */
static void content(struct page *page, const struct record *domain)
{
	const char *final = record_get_text(domain, "final_url");
	const struct record *record;

	for (record = page->records; record != NULL; record = record->next) {
		if (!is_own(page, record, "page") || final == NULL || !text_is(record, "url", final))
			continue;
		text_line(page, record, "Title", "title");
		text_line(page, record, "Description", "description");
		text_line(page, record, "Generator", "generator");
		text_line(page, record, "Language", "lang");
		text_line(page, record, "Charset", "charset");
		identifiers(page, record);
		return;
	}
}

static const struct record *find_certificate(const struct page *page, const char *fingerprint)
{
	const struct record *record;

	for (record = page->records; record != NULL; record = record->next)
		if (is_type(record, "cert") && text_is(record, "fingerprint_sha256", fingerprint))
			return record;
	return NULL;
}

static void certificate(struct page *page, const struct record *tls, const struct record *cert)
{
	const struct value *names = record_get(cert, "names");
	size_t i;

	label(page, "Certificate");
	add(page, record_get_text(cert, "subject_dn"));
	buf_add_text(page->out, ", issued by ");
	add(page, record_get_text(cert, "issuer_dn"));
	buf_printf(page->out, "\n  %*svalid %.10s to %.10s, ", LABEL_WIDTH, "",
	    record_get_text(cert, "not_before") == NULL ? "?" : record_get_text(cert, "not_before"),
	    record_get_text(cert, "not_after") == NULL ? "?" : record_get_text(cert, "not_after"));
	buf_printf(page->out, "verification: %s",
	    page->color ? (text_is(tls, "verify_status", "ok") ? "\033[32m" : "\033[33m") : "");
	add(page, record_get_text(tls, "verify_status"));
	buf_add_text(page->out, page->color ? "\033[0m" : "");
	buf_printf(page->out, "\n  %*sfor ", LABEL_WIDTH, "");
	for (i = 0; names != NULL && i < names->texts.count && i < 6; i++) {
		buf_add_text(page->out, i > 0 ? ", " : "");
		add(page, names->texts.item[i].data);
	}
	if (names != NULL && names->texts.count > 6)
		buf_printf(page->out, " and %zu names more", names->texts.count - 6);
	buf_add_char(page->out, '\n');
}

/* Each distinct leaf certificate once, with the handshake that showed it first. */
static void tls(struct page *page)
{
	const struct record *record, *earlier;

	for (record = page->records; record != NULL; record = record->next) {
		const char *leaf =
		    is_own(page, record, "tls") ? record_get_text(record, "leaf_sha256") : NULL;
		const struct record *cert;

		if (leaf == NULL)
			continue;
		for (earlier = page->records; earlier != record; earlier = earlier->next)
			if (is_own(page, earlier, "tls") && text_is(earlier, "leaf_sha256", leaf))
				break;
		cert = find_certificate(page, leaf);
		if (earlier != record || cert == NULL)
			continue;
		label(page, "TLS");
		add(page, record_get_text(record, "tls_version"));
		buf_add_text(page->out, ", ");
		add(page, record_get_text(record, "cipher"));
		if (record_get_text(record, "key_exchange_group") != NULL) {
			buf_add_text(page->out, ", ");
			add(page, record_get_text(record, "key_exchange_group"));
		}
		buf_add_char(page->out, '\n');
		certificate(page, record, cert);
	}
}

static void heading(struct page *page, const struct record *domain)
{
	char unicode[4 * LIMIT_NAME];
	const char *outcome = record_get_text(domain, "outcome");
	bool live = outcome != NULL && strcmp(outcome, "live") == 0;

	buf_add_text(page->out, page->color ? "\033[1m" : "");
	add(page, page->domain);
	buf_add_text(page->out, page->color ? "\033[0m" : "");
	domain_to_unicode(page->domain, unicode, sizeof(unicode));
	if (strcmp(unicode, page->domain) != 0) {
		buf_add_text(page->out, " (");
		add(page, unicode);
		buf_add_char(page->out, ')');
	}
	buf_printf(page->out, ": %s", page->color ? (live ? "\033[32m" : "\033[33m") : "");
	add(page, outcome);
	buf_printf(
	    page->out, "%s, in %.2f s\n", page->color ? "\033[0m" : "", (double)domain->duration / 1e6);
	if (!live && domain->status != ST_OK) {
		buf_printf(page->out, "  %s", status_text(domain->status));
		if (domain->error != NULL) {
			buf_add_text(page->out, ": ");
			add(page, domain->error);
		}
		buf_add_char(page->out, '\n');
	}
}

void page_text_domain(struct buf *out, const struct record *records, const char *domain_name, bool color)
{
	struct page page = {.out = out, .records = records, .domain = domain_name, .color = color};
	const struct record *domain;
	const struct value *wildcard;
	const char *registrable;

	for (domain = records; domain != NULL && !is_own(&page, domain, "domain"); domain = domain->next)
		;
	if (domain == NULL)
		return;
	heading(&page, domain);
	registrable = record_get_text(domain, "registrable_domain");
	addresses(&page, domain);
	aliases(&page, domain);
	if (registrable != NULL) {
		dns_line(&page, registrable, "Name servers", "NS", "target");
		dns_line(&page, registrable, "Mail", "MX", "target");
		dns_line(&page, registrable, "SOA contact", "SOA", "rname");
		dns_line(&page, registrable, "TXT", "TXT", "text");
	}
	wildcard = record_get(domain, "wildcard");
	if (wildcard != NULL && wildcard->boolean) {
		label(&page, "Wildcard");
		buf_add_text(out, "any name below it resolves\n");
	}
	servers(&page);
	tls(&page);
	content(&page, domain);
}
