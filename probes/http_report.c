/* What the HTTP probe says of an exchange: everything in the record is derived here from the bytes gathered.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "core/text.h"
#include "probes/h2.h"
#include "probes/http_exchange.h"

enum {
	ADDRESS,
	PORT,
	TLS,
	HOST,
	PURPOSE,
	URL,
	REDIRECT_INDEX,
	HTTP_VERSION,
	HTTP_STATUS_CODE,
	REASON,
	HEADER_NAMES,
	HEADERS,
	HEADER_LINES_MALFORMED,
	SERVER,
	CONTENT_TYPE,
	CONTENT_LANGUAGE,
	CONTENT_ENCODING,
	LOCATION,
	POWERED_BY,
	COOKIE_NAMES,
	BODY_SHA256,
	BODY_LENGTH,
	BODY_WIRE_LENGTH,
	BODY_TRUNCATED,
	BODY_INCOMPLETE,
	DECODING_FAILED,
	HEAD,
	BODY,
	TIME_TO_FIRST_BYTE,
	CONNECTION_REUSED,
	FIELD_COUNT
};

enum { HEADER_NAME, HEADER_VALUE, HEADER_COLUMNS };

static const struct field header_fields[HEADER_COLUMNS] = {
    [HEADER_NAME] = {"name", FIELD_TEXT, 0, NULL, "as sent; empty for a line that is no header", NULL, 0},
    [HEADER_VALUE] = {"value", FIELD_TEXT, 0, NULL, "as sent, or the whole line where it has no name", NULL,
	0},
};

/* clang-format off */
static const struct field fields[FIELD_COUNT] = {
    [ADDRESS] = {"address", FIELD_TEXT, 0, NULL, "IP address of the connection", NULL, 0},
    [PORT] = {"port", FIELD_INT, 0, NULL, "TCP port of the connection", NULL, 0},
    [TLS] = {"tls", FIELD_BOOL, 0, NULL, "whether the connection is secured by TLS", NULL, 0},
    [HOST] = {"host", FIELD_TEXT, 0, NULL, "name in the Host header, without the port", NULL, 0},
    [PURPOSE] = {"purpose", FIELD_TEXT, 0, NULL, "why this was fetched: robots, page, redirect or favicon", NULL, 0},
    [URL] = {"url", FIELD_TEXT, 0, NULL, "what was fetched", NULL, 0},
    [REDIRECT_INDEX] = {"redirect_index", FIELD_INT, 0, NULL, "place in the redirect chain, 0 for its first URL", NULL, 0},
    [HTTP_VERSION] = {"http_version", FIELD_TEXT, 0, NULL, "version in the status line, such as 1.1; or 2", NULL, 0},
    [HTTP_STATUS_CODE] = {"http_status_code", FIELD_INT, 0, NULL, "status code; null when no valid status line came", NULL, 0},
    [REASON] = {"reason", FIELD_TEXT, 0, NULL, "reason phrase as sent; HTTP/2 has none", NULL, 0},
    [HEADER_NAMES] = {"header_names", FIELD_TEXTS, FIELD_VOLATILE, NULL, "names of the headers, spelt and ordered as sent", NULL, 0},
    [HEADERS] = {"headers", FIELD_ROWS, FIELD_VOLATILE, NULL, "headers, ordered as sent; those of interim responses are in head only", header_fields, HEADER_COLUMNS},
    [HEADER_LINES_MALFORMED] = {"header_lines_malformed", FIELD_INT, 0, "lines", "header lines without a valid name, or with white space before the colon", NULL, 0},
    [SERVER] = {"server", FIELD_TEXT, 0, NULL, "first Server header", NULL, 0},
    [CONTENT_TYPE] = {"content_type", FIELD_TEXT, 0, NULL, "first Content-Type header", NULL, 0},
    [CONTENT_LANGUAGE] = {"content_language", FIELD_TEXT, 0, NULL, "first Content-Language header", NULL, 0},
    [CONTENT_ENCODING] = {"content_encoding", FIELD_TEXT, 0, NULL, "all Content-Encoding headers as one list", NULL, 0},
    [LOCATION] = {"location", FIELD_TEXT, 0, NULL, "first Location header", NULL, 0},
    [POWERED_BY] = {"powered_by", FIELD_TEXT, 0, NULL, "first X-Powered-By header", NULL, 0},
    [COOKIE_NAMES] = {"cookie_names", FIELD_TEXTS, FIELD_VOLATILE, NULL, "names of the cookies that were set, ordered as sent", NULL, 0},
    [BODY_SHA256] = {"body_sha256", FIELD_TEXT, 0, NULL, "SHA-256 of the body, its codings undone, as far as it was read; null without a complete head", NULL, 0},
    [BODY_LENGTH] = {"body_length", FIELD_INT, 0, "bytes", "length of the body, its codings undone, as far as it was read", NULL, 0},
    [BODY_WIRE_LENGTH] = {"body_wire_length", FIELD_INT, FIELD_VOLATILE, "bytes", "length of the body as received, without chunk lines, before codings were undone", NULL, 0},
    [BODY_TRUNCATED] = {"body_truncated", FIELD_BOOL, 0, NULL, "a limit of this program was reached, on the wire or in decoding; the rest was not read", NULL, 0},
    [BODY_INCOMPLETE] = {"body_incomplete", FIELD_BOOL, 0, NULL, "the connection was closed, failed or timed out before the end of the body", NULL, 0},
    [DECODING_FAILED] = {"decoding_failed", FIELD_BOOL, 0, NULL, "a coding could not be undone: the body is what came before the fault, or as received where that is nothing", NULL, 0},
    [HEAD] = {"head", FIELD_BYTES, FIELD_VOLATILE | FIELD_EVIDENCE, NULL, "response head as received, interim responses before it included; of HTTP/2, which packs heads: the lines unpacked, in their order, :status among them, each ended with CR LF, line ends in values made spaces", NULL, 0},
    [BODY] = {"body_bytes", FIELD_BYTES, FIELD_VOLATILE | FIELD_EVIDENCE, NULL, "body, its codings undone, when bodies are kept", NULL, 0},
    [TIME_TO_FIRST_BYTE] = {"time_to_first_byte", FIELD_REAL, FIELD_VOLATILE, "s", "from the last byte of the request to the first of the response", NULL, 0},
    [CONNECTION_REUSED] = {"connection_reused", FIELD_BOOL, FIELD_VOLATILE, NULL, "an earlier exchange used the same connection", NULL, 0},
};
/* clang-format on */

const struct schema http_schema = {
    .record_type = "http",
    .version = 1,
    .help = "one HTTP request and its response",
    .field = fields,
    .field_count = FIELD_COUNT,
};

/* RFC 9112 section 9.3 */
static bool is_persistent(const struct http_head *head, struct arena *arena)
{
	const char *connection = http_head_list(head, "Connection", arena);

	if (http_list_has(connection, "close"))
		return false;
	return strcmp(head->version, "1.1") == 0 || http_list_has(connection, "keep-alive");
}

/* RFC 9112 sections 6.1 and 6.3: after a response that is framed in two ways, or by a coding that its version
 * does not have, nobody knows where the next one begins. */
static bool is_framed_twice(const struct http_head *head)
{
	return http_head_get(head, "Transfer-Encoding") != NULL &&
	       (http_head_get(head, "Content-Length") != NULL || strcmp(head->version, "1.0") == 0);
}

static bool is_usable(const struct connection *connection, const struct http_exchange *x, enum status status,
    struct arena *arena)
{
	return status == ST_OK && x->complete && !x->closed && !x->unasked && x->write_status == ST_OK &&
	       x->head.status_code >= 200 &&
	       /* In HTTP/2 the Connection header means nothing (RFC 9113 section 8.2.2). */
	       (connection->protocol == PROTOCOL_HTTP2 ||
		   (is_persistent(&x->head, arena) && !is_framed_twice(&x->head)));
}

/* As a C string for the caller; a value with a NUL inside means nothing. */
static const char *value_text(const struct http_header *header)
{
	return header == NULL || strlen(header->value) != header->value_length ? NULL : header->value;
}

static void report_request(struct run *run)
{
	static const char *const purposes[] = {[HTTP_ROBOTS] = "robots",
	    [HTTP_PAGE] = "page",
	    [HTTP_REDIRECT] = "redirect",
	    [HTTP_FAVICON] = "favicon"};
	const struct http_run *http = run->state;
	const struct connection *connection = http->connection;
	struct record *record = run->record;
	char address[ADDRESS_TEXT];

	record_set_text(record, ADDRESS, address_text(&connection->endpoint.address, address));
	record_set_int(record, PORT, connection->endpoint.port);
	record_set_bool(record, TLS, connection->endpoint.tls);
	record_set_text(record, HOST, connection->name);
	record_set_text(record, PURPOSE, purposes[http->purpose]);
	record_set_text(record, URL, http->url);
	record_set_int(record, REDIRECT_INDEX, http->redirect_index);
}

static void report_names(struct record *record, const struct http_head *head)
{
	const struct http_header *h, *end = head->header + head->header_count;
	size_t names = 0, cookies = 0;

	for (h = head->header; h < end; h++) {
		names += h->name[0] != '\0';
		cookies += strcasecmp(h->name, "Set-Cookie") == 0;
	}
	record_set_list(record, HEADER_NAMES, names);
	record_set_list(record, COOKIE_NAMES, cookies);
	for (h = head->header, names = cookies = 0; h < end; h++) {
		if (h->name[0] != '\0')
			record_list_text(record, HEADER_NAMES, names++, h->name, strlen(h->name));
		if (strcasecmp(h->name, "Set-Cookie") == 0)
			record_list_text(
			    record, COOKIE_NAMES, cookies++, h->value, strcspn(h->value, "=; \t"));
	}
}

static void report_head(struct run *run, const struct http_head *head)
{
	static const struct {
		size_t field;
		const char *name;
	} single[] = {{SERVER, "Server"}, {CONTENT_TYPE, "Content-Type"},
	    {CONTENT_LANGUAGE, "Content-Language"}, {LOCATION, "Location"}, {POWERED_BY, "X-Powered-By"}};
	struct record *record = run->record;
	size_t i;

	record_set_text(record, HTTP_VERSION, head->version);
	record_set_int(record, HTTP_STATUS_CODE, head->status_code);
	record_set_text_n(record, REASON, head->reason, head->reason_length);
	report_names(record, head);
	record_set_list(record, HEADERS, head->header_count);
	for (i = 0; i < head->header_count; i++) {
		const struct http_header *h = &head->header[i];

		record_row_text(record, HEADERS, i, HEADER_NAME, h->name, strlen(h->name));
		record_row_text(record, HEADERS, i, HEADER_VALUE, h->value, h->value_length);
	}
	record_set_int(record, HEADER_LINES_MALFORMED, (int64_t)head->malformed);
	for (i = 0; i < sizeof(single) / sizeof(*single); i++) {
		const struct http_header *h = http_head_get(head, single[i].name);

		if (h != NULL)
			record_set_text_n(record, single[i].field, h->value, h->value_length);
	}
	record_set_text(record, CONTENT_ENCODING, http_head_list(head, "Content-Encoding", run->arena));
}

static void report_body_hash(struct record *record, const struct buf *body)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf hex = {0};
	unsigned length;

	if (EVP_Digest(buf_text(body), body->length, hash, &length, EVP_sha256(), NULL) != 1)
		return;
	text_add_hex(&hex, hash, length);
	record_set_text_n(record, BODY_SHA256, buf_text(&hex), hex.length);
	buf_release(&hex);
}

/* Hands the body over to the caller, its codings undone. */
static void report_body(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	struct record *record = run->record;
	const char *content = http_head_list(&x->head, "Content-Encoding", run->arena);
	const char *transfer = http_head_list(&x->head, "Transfer-Encoding", run->arena);
	const char *fault;

	http->body = x->body.payload;
	x->body.payload = (struct buf){0};
	http->body_truncated = x->body.truncated;
	http->body_incomplete = !x->complete && !x->body.truncated;
	record_set_int(record, BODY_WIRE_LENGTH, (int64_t)http->body.length);
	fault = http_decode(&http->body,
	    arena_printf(
		run->arena, "%s,%s", content == NULL ? "" : content, transfer == NULL ? "" : transfer),
	    LIMIT_HTTP_DECODED, x->complete, &http->body_truncated);
	if (x->fault == NULL)
		x->fault = x->body.fault;
	if (x->fault == NULL)
		x->fault = fault;
	if (x->fault == NULL && http->body_incomplete && x->closed)
		x->fault = "the connection was closed before the end of the body";
	report_body_hash(record, &http->body);
	record_set_int(record, BODY_LENGTH, (int64_t)http->body.length);
	record_set_bool(record, BODY_TRUNCATED, http->body_truncated);
	record_set_bool(record, BODY_INCOMPLETE, http->body_incomplete);
	record_set_bool(record, DECODING_FAILED, fault != NULL);
	if (run->env->keep_bodies)
		record_set_bytes(record, BODY, buf_text(&http->body), http->body.length);
}

static const char *error_text(const struct http_exchange *x, const struct chan *chan)
{
	if (x->fault != NULL)
		return x->fault;
	if (chan->ssl_error != 0)
		return ERR_reason_error_string(chan->ssl_error);
	return chan->sys_errno == 0 ? NULL : strerrordesc_np(chan->sys_errno);
}

static void report_response(struct run *run)
{
	struct http_run *http = run->state;
	struct http_exchange *x = http->own;
	bool complete = x->has_head;

	/* What there is of a head that was cut off is worth knowing, too. */
	if (!complete && x->wire.length > x->head_start)
		x->has_head = http_head_parse(x->wire.data + x->head_start, x->wire.length - x->head_start,
				  run->arena, &x->head) == ST_OK &&
			      !http_head_is_interim(&x->head);
	record_set_bool(run->record, CONNECTION_REUSED, x->reused);
	if (x->first_byte_at > 0) {
		record_set_real(
		    run->record, TIME_TO_FIRST_BYTE, (double)(x->first_byte_at - x->sent_at) / 1e6);
		record_set_bytes(run->record, HEAD, x->wire.data, x->wire.length);
	}
	if (x->has_head) {
		http->status_code = x->head.status_code;
		http->header = x->head.header;
		http->header_count = x->head.header_count;
		http->location = value_text(http_head_get(&x->head, "Location"));
		http->content_type = value_text(http_head_get(&x->head, "Content-Type"));
		report_head(run, &x->head);
	}
	if (complete)
		report_body(run);
}

/*
 * What servers that speak HTTP/2 only do when HTTP/1.1 alone is offered, and they do not refuse the
 * handshake: they choose no protocol, and then close at the first bytes that are no HTTP/2, with or without
 * frames of theirs.
 */
static bool seems_h2_only(
    const struct connection *connection, const struct http_exchange *x, enum status status)
{
	return connection->endpoint.tls && connection->protocol == PROTOCOL_UNKNOWN && !x->reused &&
	       (status == ST_PROTOCOL_ERROR || status == ST_CONNECTION_RESET) &&
	       (x->wire.length == 0 || h2_begins(x->wire.data, x->wire.length));
}

/* Also called for runs that were never started: an exchange that there was no connection for. */
void http_report(struct run *run, enum status status)
{
	struct http_run *http = run->state;
	struct connection *connection = http->connection;

	report_request(run);
	connection->usable = false;
	if (http->own == NULL)
		return;
	report_response(run);
	run->record->error = error_text(http->own, &connection->chan);
	http->h2_instead = seems_h2_only(connection, http->own, status);
	connection->usable = is_usable(connection, http->own, status, run->arena);
	connection->exchanges += http->own->step == STEP_BODY;
}
