#include "store_records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/limits.h"
#include "probes/dns.h"
#include "probes/http.h"
#include "probes/page.h"
#include "probes/tcp.h"
#include "probes/tls.h"
#include "target.h"

/* Domains that share an address and a provider of names and mail; providers. */
enum { GROUP = 40, PROVIDERS = 40 };

/* The domain whose records are being made. */
struct subject {
	struct probe_env *env;
	struct batch *batch;
	unsigned number, run;
	const char *domain, *www, *address;
};

/* --- fields by name --- */

static size_t field_of(const struct record *record, const char *name)
{
	const struct schema *schema = record->schema;

	for (size_t i = 0; i < schema->field_count; i++)
		if (strcmp(schema->field[i].name, name) == 0)
			return i;
	fprintf(stderr, "store_records: %s has no field %s\n", schema->record_type, name);
	exit(1);
}

static void set_text(struct record *record, const char *name, const char *text)
{
	record_set_text(record, field_of(record, name), text);
}

static void set_int(struct record *record, const char *name, int64_t value)
{
	record_set_int(record, field_of(record, name), value);
}

static void set_bool(struct record *record, const char *name, bool value)
{
	record_set_bool(record, field_of(record, name), value);
}

static void set_real(struct record *record, const char *name, double value)
{
	record_set_real(record, field_of(record, name), value);
}

static void set_texts(struct record *record, const char *name, const char *const *text, size_t count)
{
	size_t field = field_of(record, name), i;

	record_set_list(record, field, count);
	for (i = 0; i < count; i++)
		record_list_text(record, field, i, text[i], strlen(text[i]));
}

static struct record *add(struct subject *s, const struct schema *schema, const char *phase)
{
	struct record *record = record_new(s->batch->arena, schema, s->domain, s->domain);

	if (record == NULL)
		abort();
	record->phase = phase;
	record->started = clock_wall();
	record->duration = 1234;
	batch_add(s->batch, record);
	return record;
}

static const char *hash_text(const struct subject *s, unsigned seed)
{
	return arena_printf(s->batch->arena, "%064x", seed * 2654435761u);
}

/* --- DNS: messages on the wire --- */

static void put_u16(struct buf *out, unsigned value)
{
	buf_add_char(out, (char)(value >> 8));
	buf_add_char(out, (char)value);
}

static void put_name(struct buf *out, const char *name)
{
	size_t length;

	for (; *name != '\0'; name += length + (name[length] == '.')) {
		length = strcspn(name, ".");
		buf_add_char(out, (char)length);
		buf_add(out, name, length);
	}
	buf_add_char(out, '\0');
}

/* `owner` NULL: the name of the question, by a pointer to it. */
static void put_rr(struct buf *out, const char *owner, unsigned type, unsigned ttl, const struct buf *rdata)
{
	if (owner == NULL)
		put_u16(out, 0xc00c);
	else
		put_name(out, owner);
	put_u16(out, type);
	put_u16(out, 1);
	put_u16(out, 0);
	put_u16(out, ttl);
	put_u16(out, (unsigned)rdata->length);
	buf_add(out, rdata->data, rdata->length);
}

static void put_soa(struct buf *out, const char *provider)
{
	static const unsigned char numbers[] = {
	    0, 0, 0, 1, 0, 0, 28, 32, 0, 0, 14, 16, 0, 18, 117, 0, 0, 0, 1, 44};
	char name[64];

	snprintf(name, sizeof(name), "ns1.%s", provider);
	put_name(out, name);
	snprintf(name, sizeof(name), "hostmaster.%s", provider);
	put_name(out, name);
	buf_add(out, numbers, sizeof(numbers));
}

/* The rdata of an answer to `type`; false where the domain has none. */
static bool put_rdata(struct buf *out, const struct subject *s, unsigned type, const char *provider)
{
	static const char spf[] = "\x0cv=spf1 mx -all";
	const unsigned char address[] = {
	    192, 0, (unsigned char)(s->number / GROUP / 250), (unsigned char)(s->number / GROUP % 250)};
	char name[64];

	switch (type) {
	case DNS_A:
		buf_add(out, address, sizeof(address));
		return true;
	case DNS_NS:
		snprintf(name, sizeof(name), "ns1.%s", provider);
		put_name(out, name);
		return true;
	case DNS_MX:
		put_u16(out, 10);
		snprintf(name, sizeof(name), "mx.%s", provider);
		put_name(out, name);
		return true;
	case DNS_TXT:
		buf_add(out, spf, sizeof(spf) - 1);
		return true;
	case DNS_SOA:
		put_soa(out, provider);
		return true;
	default:
		return false;
	}
}

static void put_message(
    struct buf *out, const struct subject *s, const char *name, unsigned type, bool exists)
{
	struct buf rdata = {0}, alias = {0};
	char provider[32];
	bool is_alias = exists && strcmp(name, s->www) == 0, answered;

	snprintf(provider, sizeof(provider), "provider-%02u.test", s->number / GROUP % PROVIDERS);
	answered = exists && put_rdata(&rdata, s, type, provider);
	put_u16(out, s->number * 31 + s->run * 7 + type);
	put_u16(out, exists ? 0x8180 : 0x8183);
	put_u16(out, 1);
	put_u16(out, (unsigned)is_alias + answered);
	put_u16(out, !answered);
	put_u16(out, 0);
	put_name(out, name);
	put_u16(out, type);
	put_u16(out, 1);
	if (is_alias) {
		put_name(&alias, s->domain);
		put_rr(out, NULL, DNS_CNAME, 300, &alias);
	}
	if (!answered)
		put_soa(&rdata, provider);
	put_rr(out, strcmp(name, s->domain) == 0 ? NULL : s->domain, answered ? type : DNS_SOA,
	    300 - s->number % 300, &rdata);
	buf_release(&rdata);
	buf_release(&alias);
}

static void add_dns(struct subject *s, const char *name, uint16_t type, bool exists)
{
	struct arena *arena = s->batch->arena;
	struct run *run = run_new(&dns_probe, s->env, arena, s->domain, s->domain);
	struct dns_run *dns;
	struct buf message = {0};

	if (run == NULL)
		abort();
	dns = run->state;
	dns->name = name;
	dns->type = type;
	dns->wildcard_check = !exists;
	put_message(&message, s, name, type, exists);
	dns->message = arena_memdup(arena, message.data, message.length);
	dns->message_length = message.length;
	buf_release(&message);
	run->record->started = clock_wall();
	run->record->duration = 1234;
	run->record->phase = "answer";
	run->record->status = dns_decode(dns->message, dns->message_length, arena, &dns->answer, &dns->fault);
	dns->decoded = run->record->status != ST_MALFORMED;
	if (dns->decoded)
		run->record->status = dns_answer_status(&dns->answer);
	dns_probe.report(run, run->record->status);
	batch_add(s->batch, run->record);
}

/* --- sessions --- */

static struct record *add_probe(
    struct subject *s, const struct probe *probe, const char *phase, unsigned port)
{
	struct record *record = add(s, probe->schema, phase);

	set_text(record, "address", s->address);
	set_int(record, "port", port);
	return record;
}

static void add_tcp(struct subject *s, const char *name, unsigned port)
{
	struct record *record = add_probe(s, &tcp_probe, "connect", port);

	set_text(record, "name", name);
	set_text(record, "address_from", name);
	set_real(record, "connect_time", 0.0421);
	set_real(record, "kernel_rtt", 0.0417);
	set_int(record, "local_port", 32768 + s->number % 28000);
}

static void add_tls(struct subject *s, const char *name)
{
	const char *chain[2] = {hash_text(s, 1 + s->number / GROUP), hash_text(s, 0)};
	struct record *record = add_probe(s, &tls_probe, "handshake", 443);

	set_text(record, "sni", name);
	set_text(record, "tls_version", "TLSv1.3");
	set_text(record, "cipher", "TLS_AES_256_GCM_SHA384");
	set_text(record, "key_exchange_group", "x25519");
	set_text(record, "alpn", "http/1.1");
	set_texts(record, "chain_sha256", chain, 2);
	set_int(record, "chain_length", 2);
	set_text(record, "leaf_sha256", chain[0]);
	set_text(record, "verify_status", "ok");
	set_bool(record, "name_matches", true);
	set_bool(record, "ocsp_stapled", false);
	set_bool(record, "client_certificate_requested", false);
	set_real(record, "handshake_time", 0.0873);
}

static const char *const header[][2] = {{"Server", "nginx/1.22.1"}, {"Date", "Wed, 25 Nov 2026 09:31:56 GMT"},
    {"Content-Type", "text/html"}, {"Content-Length", "20480"}, {"Connection", "keep-alive"},
    {"Cache-Control", "max-age=600"}};

enum { HEADERS = sizeof(header) / sizeof(*header) };

static void set_headers(struct record *record, const char *body_hash)
{
	size_t names = field_of(record, "header_names"), rows = field_of(record, "headers"), i;
	struct buf head = {0};

	buf_add_text(&head, "HTTP/1.1 200 OK\r\n");
	record_set_list(record, names, HEADERS);
	record_set_list(record, rows, HEADERS);
	for (i = 0; i < HEADERS; i++) {
		record_list_text(record, names, i, header[i][0], strlen(header[i][0]));
		record_row_text(record, rows, i, 0, header[i][0], strlen(header[i][0]));
		record_row_text(record, rows, i, 1, header[i][1], strlen(header[i][1]));
		buf_printf(&head, "%s: %s\r\n", header[i][0], header[i][1]);
	}
	buf_printf(&head, "ETag: %.16s\r\n\r\n", body_hash + 48);
	record_set_bytes(record, field_of(record, "head"), head.data, head.length);
	buf_release(&head);
}

static void add_http(struct subject *s, const char *name, bool tls, const char *purpose, const char *path)
{
	struct record *record = add_probe(s, &http_probe, "body", tls ? 443 : 80);
	bool page = strcmp(purpose, "page") == 0;
	const char *hash = page ? hash_text(s, s->number) : hash_text(s, 404);

	set_bool(record, "tls", tls);
	set_text(record, "host", name);
	set_text(record, "purpose", purpose);
	set_text(
	    record, "url", arena_printf(s->batch->arena, "%s://%s%s", tls ? "https" : "http", name, path));
	set_int(record, "redirect_index", 0);
	set_text(record, "http_version", "1.1");
	set_int(record, "http_status_code", page ? 200 : 404);
	set_text(record, "reason", page ? "OK" : "Not Found");
	set_headers(record, hash);
	set_int(record, "header_lines_malformed", 0);
	set_text(record, "server", "nginx/1.22.1");
	set_text(record, "content_type", "text/html");
	set_text(record, "body_sha256", hash);
	set_int(record, "body_length", page ? 20480 : 153);
	set_int(record, "body_wire_length", page ? 20480 : 153);
	set_bool(record, "body_truncated", false);
	set_bool(record, "body_incomplete", false);
	set_bool(record, "decoding_failed", false);
	set_real(record, "time_to_first_byte", 0.0512);
	set_bool(record, "connection_reused", page);
}

static void add_page(struct subject *s, const char *name, bool tls)
{
	struct arena *arena = s->batch->arena;
	const char *body = arena_printf(arena,
	    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>"
	    "<link rel=\"icon\" href=\"/icon.png\"><script "
	    "src=\"https://cdn.example/lib.js\"></script></head><body>"
	    "<h1>Welcome to %s</h1><p>The weather at the quay is fair, the boats are in, and the office "
	    "opens at nine. "
	    "<a href=\"https://partner.example/list\">Partners</a></p></body></html>",
	    name, name);
	struct page_input input = {.domain = s->domain,
	    .input = s->domain,
	    .address = s->address,
	    .port = tls ? 443 : 80,
	    .host = name,
	    .url = arena_printf(arena, "%s://%s/", tls ? "https" : "http", name),
	    .http_status_code = 200,
	    .content_type = "text/html",
	    .body = (const uint8_t *)body,
	    .body_length = strlen(body)};
	struct record *record = page_record(arena, &input, NULL);

	if (record == NULL)
		abort();
	record->started = clock_wall();
	batch_add(s->batch, record);
}

static void add_session(struct subject *s, const char *name, bool tls)
{
	add_tcp(s, name, tls ? 443 : 80);
	if (tls)
		add_tls(s, name);
	add_http(s, name, tls, "robots", "/robots.txt");
	add_http(s, name, tls, "page", "/");
	add_page(s, name, tls);
	add_http(s, name, tls, "favicon", "/favicon.ico");
}

static void add_outcome(struct subject *s)
{
	const char *names[2] = {s->domain, s->www};
	struct record *record = add(s, &domain_schema, NULL);

	set_text(record, "outcome", "live");
	set_text(record, "stratum", "register");
	set_text(record, "registrable_domain", s->domain);
	set_texts(record, "names", names, 2);
	set_texts(record, "addresses", &s->address, 1);
	set_bool(record, "addresses_cut", false);
	set_bool(record, "wildcard", false);
	set_int(record, "sessions", 4);
}

struct batch *make_batch(struct probe_env *env, unsigned number, unsigned run, bool whole)
{
	static const uint16_t types[] = {
	    DNS_A, DNS_AAAA, DNS_NS, DNS_MX, DNS_TXT, DNS_SOA, DNS_CAA, DNS_HTTPS};
	struct arena *arena = arena_new(LIMIT_TARGET_MEMORY);
	struct batch *batch = arena == NULL ? NULL : arena_alloc(arena, sizeof(*batch));
	struct subject s = {.env = env, .batch = batch, .number = number, .run = run};
	size_t i;

	if (batch == NULL)
		abort();
	batch_init(batch, arena);
	s.domain = arena_printf(arena, "anchorage-%06u.test", number);
	s.www = arena_printf(arena, "www.%s", s.domain);
	s.address = arena_printf(arena, "192.0.%u.%u", number / GROUP / 250, number / GROUP % 250);
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		add_dns(&s, s.domain, types[i], true);
		add_dns(&s, s.www, types[i], true);
	}
	if (whole) {
		add_dns(&s, arena_printf(arena, "mooring-0123456789abcdef.%s", s.domain), DNS_A, false);
		for (i = 0; i < 4; i++)
			add_session(&s, i % 2 == 0 ? s.domain : s.www, i >= 2);
	}
	add_outcome(&s);
	return batch;
}
