#include "probes/http_body.h"

#include <brotli/decode.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "core/limits.h"

/* --- framing --- */

/* The one value of Content-Length; false when it is no number or values differ. "5, 5" is one value
 * (RFC 9110 section 8.6). */
static bool parse_length(const char *list, uint64_t *ret_length)
{
	uint64_t first = 0, value;
	const char *member;
	size_t length, i;
	bool any = false;

	while ((member = http_list_next(&list, &length)) != NULL) {
		for (i = 0, value = 0; i < length; i++)
			if (!isdigit((unsigned char)member[i]) || __builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(value, (uint64_t)(member[i] - '0'), &value))
				return false;
		if (any && value != first)
			return false;
		first = value;
		any = true;
	}
	if (any)
		*ret_length = first;
	return any;
}

/* Only as the last coding does chunked frame the body (RFC 9112 section 6.3). */
static bool ends_chunked(const char *transfer)
{
	const char *last = strrchr(transfer, ',');
	size_t length;

	last = last == NULL ? transfer : last + 1;
	last += strspn(last, " \t");
	length = strcspn(last, " \t;");
	return length == strlen("chunked") && strncasecmp(last, "chunked", length) == 0;
}

void http_body_begin(
    struct http_body *ret_body, const struct http_head *head, size_t limit, struct arena *arena)
{
	struct http_body body = {.framing = HTTP_UNTIL_CLOSE, .payload = {.limit = limit}};
	const char *transfer = http_head_list(head, "Transfer-Encoding", arena);
	const char *length = http_head_list(head, "Content-Length", arena);

	if (head->status_code < 200 || head->status_code == 204 || head->status_code == 304)
		body.framing = HTTP_NO_BODY;
	else if (transfer != NULL && ends_chunked(transfer))
		body.framing = HTTP_CHUNKED;
	else if (length == NULL || (transfer != NULL && !http_list_has(transfer, "identity")))
		body.framing = HTTP_UNTIL_CLOSE;
	else if (parse_length(length, &body.left))
		body.framing = HTTP_LENGTH;
	else
		body.fault = "Content-Length is no single number";
	*ret_body = body;
}

/* ST_AGAIN, or why no more is to be read. */
static enum status keep(struct http_body *body, const char *bytes, size_t length)
{
	if (buf_add(&body->payload, bytes, length))
		return ST_AGAIN;
	if (body->payload.length < body->payload.limit)
		return ST_NO_MEMORY;
	body->truncated = true;
	return ST_OK;
}

static enum status broken(struct http_body *body, const char *text)
{
	body->fault = text;
	return ST_PROTOCOL_ERROR;
}

/* Takes one byte of the line "1a2b; extension CRLF"; white space around the digits is met in practice. */
static enum status take_size(struct http_body *body, char c)
{
	int digit = isdigit((unsigned char)c)	 ? c - '0'
		    : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
						 : -1;

	if (digit >= 0) {
		if (body->left > UINT64_MAX >> 4)
			return broken(body, "a chunk size is too large");
		body->left = body->left << 4 | (unsigned)digit;
		body->digits++;
	} else if (body->digits > 0) {
		body->step = CHUNK_EXTENSION;
	} else if (c != ' ' && c != '\t') {
		return broken(body, "a chunk size is no number");
	}
	return ST_AGAIN;
}

/* Takes what lies between chunk data: ST_AGAIN to go on, ST_OK at the end of the body. */
static enum status take_chunk_line(struct http_body *body, const char *bytes, size_t length, size_t *ret_used)
{
	const char *lf;
	size_t i;

	*ret_used = 1;
	switch (body->step) {
	case CHUNK_SIZE:
		/* What ends the digits is left for the next step, which looks for the line end. */
		*ret_used = isxdigit((unsigned char)*bytes) || body->digits == 0;
		return take_size(body, *bytes);
	case CHUNK_END:
		if (*bytes == '\n')
			body->step = CHUNK_SIZE;
		else if (*bytes != '\r')
			return broken(body, "a chunk is longer than its size");
		return ST_AGAIN;
	default:
		break;
	}
	lf = memchr(bytes, '\n', length);
	*ret_used = lf == NULL ? length : (size_t)(lf - bytes) + 1;
	for (i = 0; i < *ret_used && body->blank; i++)
		body->blank = bytes[i] == '\r' || bytes[i] == '\n';
	if (lf == NULL)
		return ST_AGAIN;
	if (body->step == CHUNK_TRAILER && body->blank)
		return ST_OK;
	if (body->step == CHUNK_EXTENSION)
		body->step = body->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
	body->blank = true;
	return ST_AGAIN;
}

static enum status feed_chunks(struct http_body *body, const char *bytes, size_t length, size_t *ret_used)
{
	enum status status = ST_AGAIN;
	size_t used = 0, step;

	while (status == ST_AGAIN && used < length) {
		if (body->step == CHUNK_DATA) {
			step = body->left < length - used ? (size_t)body->left : length - used;
			status = keep(body, bytes + used, step);
			body->left -= step;
			if (body->left == 0) {
				body->step = CHUNK_END;
				body->digits = 0;
			}
		} else {
			status = take_chunk_line(body, bytes + used, length - used, &step);
			body->overhead += step;
			/* Lines between the data are as good a way to send without end as the data is. */
			if (status == ST_AGAIN && body->overhead > LIMIT_HTTP_HEAD) {
				body->truncated = true;
				status = ST_OK;
			}
		}
		used += step;
	}
	*ret_used = used;
	return status;
}

enum status http_body_feed(struct http_body *body, const char *bytes, size_t length, size_t *ret_used)
{
	enum status status;

	switch (body->framing) {
	case HTTP_CHUNKED:
		return feed_chunks(body, bytes, length, ret_used);
	case HTTP_LENGTH:
		*ret_used = body->left < length ? (size_t)body->left : length;
		status = keep(body, bytes, *ret_used);
		body->left -= *ret_used;
		if (status == ST_AGAIN && body->left > 0 && body->payload.length == body->payload.limit)
			body->truncated = true;
		return status == ST_AGAIN && (body->left == 0 || body->truncated) ? ST_OK : status;
	case HTTP_UNTIL_CLOSE:
		*ret_used = length;
		return keep(body, bytes, length);
	case HTTP_NO_BODY:
		break;
	}
	*ret_used = 0;
	return ST_OK;
}

bool http_body_close(const struct http_body *body)
{
	/* Servers that close right behind the last chunk's line have sent all there is. */
	return body->framing == HTTP_UNTIL_CLOSE || body->framing == HTTP_NO_BODY ||
	       (body->framing == HTTP_CHUNKED && body->step == CHUNK_TRAILER);
}

/* --- codings --- */

enum { WINDOW_ZLIB = MAX_WBITS, WINDOW_GZIP = MAX_WBITS + 16, WINDOW_RAW = -MAX_WBITS };

/* What one decoder is asked to do, and what came of it. */
struct decoding {
	const struct buf *in;
	struct buf out;
	bool truncated; /* `out` is full */
	bool early;	/* `in` ended before the stream did */
	const char *fault;
};

static void take_output(struct decoding *d, const void *bytes, size_t length)
{
	if (buf_add(&d->out, bytes, length))
		return;
	if (d->out.length == d->out.limit)
		d->truncated = true;
	else
		d->fault = "no memory to undo a coding";
}

/* Some servers send several gzip members, and some send rubbish behind the last one (RFC 1952 section 2.2).
 */
static bool next_member(z_stream *stream, int window)
{
	return window == WINDOW_GZIP && stream->avail_in >= 2 && stream->next_in[0] == 0x1f &&
	       stream->next_in[1] == 0x8b && inflateReset(stream) == Z_OK;
}

static void run_inflate(struct decoding *d, int window)
{
	z_stream stream = {.next_in = (Bytef *)d->in->data, .avail_in = (uInt)d->in->length};
	Bytef scratch[16 * 1024];
	int code;

	if (inflateInit2(&stream, window) != Z_OK) {
		d->fault = "no memory to undo a coding";
		return;
	}
	do {
		stream.next_out = scratch;
		stream.avail_out = sizeof(scratch);
		code = inflate(&stream, Z_NO_FLUSH);
		take_output(d, scratch, sizeof(scratch) - stream.avail_out);
		if (code == Z_STREAM_END && next_member(&stream, window))
			code = Z_OK;
	} while (code == Z_OK && !d->truncated && d->fault == NULL);
	inflateEnd(&stream);
	d->early = code == Z_BUF_ERROR;
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR && !d->truncated)
		d->fault = "the coded body is broken";
}

/* The decoder takes up to 16 MiB for the window that a stream asks for, until this returns. */
static void run_brotli(struct decoding *d)
{
	BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *next_in = (const uint8_t *)d->in->data;
	size_t avail_in = d->in->length;
	uint8_t scratch[16 * 1024];
	BrotliDecoderResult result;

	if (state == NULL) {
		d->fault = "no memory to undo a coding";
		return;
	}
	do {
		uint8_t *next_out = scratch;
		size_t avail_out = sizeof(scratch);

		result =
		    BrotliDecoderDecompressStream(state, &avail_in, &next_in, &avail_out, &next_out, NULL);
		take_output(d, scratch, sizeof(scratch) - avail_out);
	} while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && !d->truncated && d->fault == NULL);
	BrotliDecoderDestroyInstance(state);
	d->early = result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
	if (result == BROTLI_DECODER_RESULT_ERROR && !d->truncated)
		d->fault = "the coded body is broken";
}

/* "deflate" is the zlib format (RFC 1950), but many servers send the bare stream (RFC 1951). */
static int deflate_window(const struct buf *in)
{
	const uint8_t *b = (const uint8_t *)in->data;

	return in->length >= 2 && (b[0] & 0x0f) == 8 && (b[0] << 8 | b[1]) % 31 == 0 ? WINDOW_ZLIB
										     : WINDOW_RAW;
}

/* One member of a list of codings. */
struct coding {
	const char *name;
	size_t length;
};

static bool coding_is(struct coding coding, const char *name)
{
	return coding.length == strlen(name) && strncasecmp(coding.name, name, coding.length) == 0;
}

/* Undoes one coding; false when nothing could be undone. `*whole` is cleared when what came out is cut short;
 * `*fault` keeps the first one. */
static bool undo(struct buf *body, struct coding coding, size_t limit, bool *whole, bool *ret_truncated,
    const char **fault)
{
	struct decoding d = {.in = body, .out = {.limit = limit}};

	if (body->length == 0 || coding_is(coding, "identity") || coding_is(coding, "none"))
		return true;
	if (coding_is(coding, "gzip") || coding_is(coding, "x-gzip"))
		run_inflate(&d, WINDOW_GZIP);
	else if (coding_is(coding, "deflate"))
		run_inflate(&d, deflate_window(body));
	else if (coding_is(coding, "br"))
		run_brotli(&d);
	else
		d.fault = "a coding of the body is not known";
	if (d.early && *whole && d.fault == NULL)
		d.fault = "the coded body ends too early";
	if (d.truncated)
		*ret_truncated = true;
	*whole = *whole && !d.truncated && d.fault == NULL;
	if (*fault == NULL)
		*fault = d.fault;
	if (d.fault != NULL && d.out.length == 0) {
		buf_release(&d.out);
		return false;
	}
	buf_release(body);
	*body = d.out;
	return true;
}

const char *http_decode(struct buf *body, const char *codings, size_t limit, bool whole, bool *ret_truncated)
{
	struct coding coding[LIMIT_HTTP_CODINGS], next;
	const char *fault = NULL;
	size_t count = 0;

	while (codings != NULL && (next.name = http_list_next(&codings, &next.length)) != NULL) {
		if (coding_is(next, "chunked"))
			continue;
		if (count == LIMIT_HTTP_CODINGS)
			return "more codings than the limit";
		coding[count++] = next;
	}
	while (count > 0 && undo(body, coding[count - 1], limit, &whole, ret_truncated, &fault))
		count--;
	return fault;
}
