#include "probes/tls.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/tls_provider.h"
#include "probes/verify.h"

enum { SHA256_SIZE = 32, SHA256_HEX = 64 };

/* clang-format off */
enum {
	ADDRESS, PORT, SNI, TLS_VERSION, CIPHER, KEY_EXCHANGE_GROUP, ALPN, CHAIN_SHA256, CHAIN_LENGTH, LEAF_SHA256,
	VERIFY_STATUS, VERIFY_ERROR, NAME_MATCHES, OCSP_STAPLED, CLIENT_CERTIFICATE_REQUESTED, HANDSHAKE_TIME,
	FIELD_COUNT
};

static const struct field fields[FIELD_COUNT] = {
	[ADDRESS] = {"address", FIELD_TEXT, 0, NULL, "IP address of the server", NULL, 0},
	[PORT] = {"port", FIELD_INT, 0, NULL, "TCP port", NULL, 0},
	[SNI] = {"sni", FIELD_TEXT, 0, NULL, "server name that was sent (RFC 6066 section 3), null when none was", NULL, 0},
	[TLS_VERSION] = {"tls_version", FIELD_TEXT, 0, NULL, "protocol version that the server chose", NULL, 0},
	[CIPHER] = {"cipher", FIELD_TEXT, 0, NULL, "cipher suite that the server chose, IANA name", NULL, 0},
	[KEY_EXCHANGE_GROUP] = {"key_exchange_group", FIELD_TEXT, 0, NULL, "curve or group of the key exchange", NULL, 0},
	[ALPN] = {"alpn", FIELD_TEXT, 0, NULL, 
	    "application protocol that the server chose (RFC 7301); HTTP/1.1 is offered, and where that is turned down, "
	    "HTTP/2 on another connection", NULL, 0},
	[CHAIN_SHA256] = {"chain_sha256", FIELD_TEXTS, 0, NULL,
	    "SHA-256 of the certificates as sent, leaf first; also when the handshake failed later", NULL, 0},
	[CHAIN_LENGTH] = {"chain_length", FIELD_INT, 0, NULL,
	    "certificates that were sent; more than chain_sha256 holds when the list was cut", NULL, 0},
	[LEAF_SHA256] = {"leaf_sha256", FIELD_TEXT, 0, NULL, "SHA-256 of the server's own certificate", NULL, 0},
	[VERIFY_STATUS] = {"verify_status", FIELD_TEXT, 0, NULL,
	    "ok, or the gravest fault: bad_signature, expired, not_yet_valid, self_signed, unknown_issuer, other, name_mismatch",
	    NULL, 0},
	[VERIFY_ERROR] = {"verify_error", FIELD_TEXT, 0, NULL, "OpenSSL's sentence about that fault", NULL, 0},
	[NAME_MATCHES] = {"name_matches", FIELD_BOOL, 0, NULL, "the certificate is for the name, whoever issued it", NULL, 0},
	[OCSP_STAPLED] = {"ocsp_stapled", FIELD_BOOL, FIELD_VOLATILE, NULL, "the server sent an OCSP response along (not verified)", NULL, 0},
	[CLIENT_CERTIFICATE_REQUESTED] = {"client_certificate_requested", FIELD_BOOL, 0, NULL,
	    "the server asked for a client certificate", NULL, 0},
	[HANDSHAKE_TIME] = {"handshake_time", FIELD_REAL, FIELD_VOLATILE, "s", "from the first message to the last", NULL, 0},
};
/* clang-format on */

static const struct schema schema = {
    .record_type = "tls",
    .version = 1,
    .help =
	"one TLS handshake: what the server chose, the chain it sent, and whether that is good for the name",
    .field = fields,
    .field_count = FIELD_COUNT,
};

struct tls_client {
	struct tls_library library;
	SSL_CTX *ctx;
	EVP_MD *sha256;
	struct verifier *verifier;
};

/*
 * Application protocols offered, one at a time, with the length before it (RFC 7301 section 3.1): of two,
 * most servers choose HTTP/2, and a head of HTTP/1.1 tells more about the server that wrote it.
 */
static const unsigned char alpn_http1[] = "\x08http/1.1", alpn_http2[] = "\x02h2";

static struct run *run_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* --- the chain as sent --- */

static uint32_t cursor_u24(struct cursor *cursor)
{
	uint32_t high = cursor_u8(cursor);

	return high << 16 | cursor_u16(cursor);
}

static void keep_certificate(struct run *run, const uint8_t *bytes, size_t length)
{
	struct tls_run *tls = run->state;
	struct der *der = &tls->chain[tls->chain_count];

	der->data = arena_memdup(run->arena, bytes, length);
	der->length = length;
	if (der->data != NULL &&
	    EVP_Digest(bytes, length, der->sha256, NULL, run->env->tls->sha256, NULL) == 1)
		tls->chain_count++;
}

/* Certificate message: RFC 5246 section 7.4.2, RFC 8446 section 4.4.2. */
static void keep_chain(struct run *run, struct cursor message, bool tls13)
{
	struct tls_run *tls = run->state;
	struct cursor list;

	tls->chain = arena_array(run->arena, LIMIT_CHAIN_CERTIFICATES, sizeof(*tls->chain));
	if (tls->chain == NULL)
		return;
	if (tls13)
		cursor_bytes(&message, cursor_u8(&message));
	list = cursor_sub(&message, cursor_u24(&message));
	while (cursor_left(&list) > 0 && !list.failed) {
		size_t length = cursor_u24(&list);
		const uint8_t *bytes = cursor_bytes(&list, length);

		if (tls13)
			cursor_bytes(&list, cursor_u16(&list));
		if (bytes == NULL)
			break;
		if (tls->chain_sent++ < LIMIT_CHAIN_CERTIFICATES)
			keep_certificate(run, bytes, length);
	}
}

/* Sees every message before OpenSSL reads it: a chain that OpenSSL cannot decode is kept, too. */
static void on_message(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *arg)
{
	struct cursor message = cursor_of(bytes, length);
	struct run *run = run_of(ssl);
	struct tls_run *tls;
	uint8_t kind;

	(void)arg;
	if (sent || type != SSL3_RT_HANDSHAKE || run == NULL)
		return;
	tls = run->state;
	kind = cursor_u8(&message);
	cursor_u24(&message);
	if (kind == SSL3_MT_CERTIFICATE_REQUEST)
		tls->client_certificate_requested = true;
	else if (kind == SSL3_MT_CERTIFICATE && tls->chain == NULL)
		keep_chain(run, message, version == TLS1_3_VERSION);
}

/* --- the client --- */

static int accept_any_chain(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 1;
}

/*
 * Made to meet any server: every version and key size that this OpenSSL still speaks. What it met stands in
 * the record. Nothing here is left to the system's openssl.cnf, which may forbid old versions.
 */
static bool configure(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
				     SSL_OP_TLSEXT_PADDING);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* chan_read() bounds the records without data that one call goes through. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, LIMIT_CHAIN_BYTES);
	/* The chain is verified outside of the handshake, once for all servers that send it. */
	SSL_CTX_set_cert_verify_callback(ctx, accept_any_chain, NULL);
	SSL_CTX_set_msg_callback(ctx, on_message);
	SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:@SECLEVEL=0") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072") == 1 &&
	       SSL_CTX_set_alpn_protos(ctx, alpn_http1, sizeof(alpn_http1) - 1) == 0;
}

struct tls_client *tls_client_new(const char *ca_file, char *ret_error)
{
	struct tls_client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		snprintf(ret_error, 256, "no memory");
		return NULL;
	}
	client->verifier = verifier_new(ca_file, ret_error);
	if (client->verifier == NULL)
		goto fail;
	client->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	client->library = tls_library_new();
	client->ctx = SSL_CTX_new_ex(client->library.context, NULL, TLS_client_method());
	if (client->sha256 == NULL || client->ctx == NULL || !configure(client->ctx)) {
		snprintf(ret_error, 256, "OpenSSL cannot be set up: %s",
		    ERR_reason_error_string(ERR_peek_last_error()));
		goto fail;
	}
	return client;
fail:
	tls_client_free(client);
	return NULL;
}

void tls_client_free(struct tls_client *client)
{
	if (client == NULL)
		return;
	SSL_CTX_free(client->ctx);
	EVP_MD_free(client->sha256);
	verifier_free(client->verifier);
	tls_library_free(client->library);
	free(client);
}

/* --- the probe --- */

static bool is_host_name(const char *name)
{
	struct address literal;

	return name != NULL && name[0] != '\0' && name[0] != '[' && !address_parse(&literal, name);
}

static SSL *new_session(struct run *run, const struct connection *connection)
{
	const char *name = connection->name;
	SSL *ssl = SSL_new(run->env->tls->ctx);

	if (ssl == NULL)
		return NULL;
	SSL_set_app_data(ssl, run);
	if (is_host_name(name) && SSL_set_tlsext_host_name(ssl, name) == 1)
		record_set_text(run->record, SNI, name);
	if (connection->offer_h2 && SSL_set_alpn_protos(ssl, alpn_http2, sizeof(alpn_http2) - 1) != 0) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static enum application_protocol chosen_protocol(SSL *ssl)
{
	const unsigned char *name;
	unsigned length;

	SSL_get0_alpn_selected(ssl, &name, &length);
	if (length == 2 && memcmp(name, "h2", 2) == 0)
		return PROTOCOL_HTTP2;
	return length == 0 ? PROTOCOL_UNKNOWN : PROTOCOL_HTTP1;
}

static void wake(void *arg)
{
	run_wake(arg);
}

static enum status advance(struct run *run)
{
	struct tls_run *tls = run->state;
	struct connection *connection = tls->connection;
	enum status status;

	if (connection->chan.ssl == NULL) {
		run_phase(run, "handshake", ST_IO_TIMEOUT);
		chan_set_wake(&connection->chan, wake, run);
		tls->began = clock_monotonic();
		status = chan_handshake(&connection->chan, new_session(run, connection));
	} else {
		status = chan_handshake(&connection->chan, NULL);
	}
	if (status == ST_OK) {
		tls->handshake_time = clock_monotonic() - tls->began;
		connection->protocol = chosen_protocol(connection->chan.ssl);
		connection->usable = true;
	}
	return status;
}

/* OpenSSL's words for the fault; the other side's alert is named. */
static const char *error_text(struct run *run, const struct chan *chan, enum status status)
{
	int reason = ERR_GET_REASON(chan->ssl_error);
	const char *text = ERR_reason_error_string(chan->ssl_error);

	if (chan->ssl_error != 0 && ERR_GET_LIB(chan->ssl_error) == ERR_LIB_SSL &&
	    reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
		return arena_printf(run->arena, "%s (alert %d, %s)", text == NULL ? "alert" : text,
		    reason - SSL_AD_REASON_OFFSET, SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	if (chan->ssl_error != 0)
		return text == NULL ? NULL : arena_strdup(run->arena, text);
	if (chan->sys_errno != 0)
		return arena_strdup(run->arena, strerror(chan->sys_errno));
	return status == ST_HANDSHAKE_ERROR ? "the server closed the connection during the handshake" : NULL;
}

static void report_chain(struct run *run)
{
	const struct tls_run *tls = run->state;
	struct buf hex = {0};
	size_t i;

	if (tls->chain == NULL)
		return;
	record_set_list(run->record, CHAIN_SHA256, tls->chain_count);
	record_set_int(run->record, CHAIN_LENGTH, (int64_t)tls->chain_sent);
	for (i = 0; i < tls->chain_count; i++) {
		buf_clear(&hex);
		text_add_hex(&hex, tls->chain[i].sha256, SHA256_SIZE);
		record_list_text(run->record, CHAIN_SHA256, i, buf_text(&hex), hex.length);
		if (i == 0)
			record_set_text(run->record, LEAF_SHA256, buf_text(&hex));
	}
	buf_release(&hex);
}

static void report_choice(struct run *run, SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	const unsigned char *alpn;
	unsigned alpn_length;
	long group;

	if (cipher == NULL)
		return; /* the server has not chosen yet */
	record_set_text(run->record, TLS_VERSION, SSL_get_version(ssl));
	record_set_text(run->record, CIPHER, SSL_CIPHER_standard_name(cipher));
	group = SSL_get_negotiated_group(ssl);
	if (group != NID_undef)
		record_set_text(run->record, KEY_EXCHANGE_GROUP, SSL_group_to_name(ssl, (int)group));
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
	if (alpn_length > 0)
		record_set_text_n(run->record, ALPN, (const char *)alpn, alpn_length);
}

static void report_verdict(struct run *run, SSL *ssl)
{
	const struct tls_run *tls = run->state;
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	uint8_t hashes[LIMIT_CHAIN_CERTIFICATES * SHA256_SIZE], key[SHA256_SIZE];
	bool whole = tls->chain_count > 0 && tls->chain_count == tls->chain_sent;
	struct verdict verdict;
	size_t i;

	if (chain == NULL || sk_X509_num(chain) == 0)
		return;
	for (i = 0; i < tls->chain_count; i++)
		memcpy(hashes + i * SHA256_SIZE, tls->chain[i].sha256, SHA256_SIZE);
	if (whole && EVP_Digest(hashes, i * SHA256_SIZE, key, NULL, run->env->tls->sha256, NULL) != 1)
		whole = false;
	verdict = verifier_check(run->env->tls->verifier, chain, whole ? key : NULL, tls->connection->name);
	record_set_text(run->record, VERIFY_STATUS, verdict.status);
	record_set_text(run->record, VERIFY_ERROR, verdict.error);
	record_set_bool(run->record, NAME_MATCHES, verdict.name_matches);
}

static void report(struct run *run, enum status status)
{
	struct tls_run *tls = run->state;
	const struct connection *connection = tls->connection;
	const unsigned char *response;
	SSL *ssl = connection->chan.ssl;
	struct record *record = run->record;
	char address[ADDRESS_TEXT];

	record_set_text(record, ADDRESS, address_text(&connection->endpoint.address, address));
	record_set_int(record, PORT, connection->endpoint.port);
	if (status != ST_OK)
		record->error = error_text(run, &connection->chan, status);
	tls->h2_instead =
	    ERR_GET_LIB(connection->chan.ssl_error) == ERR_LIB_SSL &&
	    ERR_GET_REASON(connection->chan.ssl_error) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
	report_chain(run);
	if (ssl == NULL)
		return;
	report_choice(run, ssl);
	report_verdict(run, ssl);
	if (tls->chain != NULL)
		record_set_bool(record, CLIENT_CERTIFICATE_REQUESTED, tls->client_certificate_requested);
	if (status == ST_OK) {
		record_set_bool(record, OCSP_STAPLED, SSL_get_tlsext_status_ocsp_resp(ssl, &response) > 0);
		record_set_real(record, HANDSHAKE_TIME, (double)tls->handshake_time / 1e6);
	}
}

static void close_run(struct run *run)
{
	struct tls_run *tls = run->state;
	struct chan *chan = &tls->connection->chan;

	chan_set_wake(chan, NULL, NULL);
	if (run->record->status != ST_OK)
		chan_close(chan);
	else
		SSL_set_app_data(chan->ssl, NULL); /* the run ends before the connection */
}

const struct probe tls_probe = {
    .schema = &schema,
    .state_size = sizeof(struct tls_run),
    .advance = advance,
    .report = report,
    .close = close_run,
};
