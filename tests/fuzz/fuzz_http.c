/*
 * A whole response: heads, framing and codings. The first byte says in which pieces it arrives, so that every
 * state is met at every boundary; the outcome must not depend on it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/http_body.h"

enum { LIMIT = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Length of the head, or 0. */
static size_t find_head(const char *bytes, size_t length, size_t piece)
{
	struct http_head_search search = {0};
	enum status status = ST_AGAIN;
	size_t end = 0, head_length = 0;
	const char *fault;

	while (status == ST_AGAIN && end < length) {
		end = length - end < piece ? length : end + piece;
		status = http_head_find(&search, bytes, end, &head_length, &fault);
	}
	require(status == ST_OK ? head_length > 0 && head_length <= end : head_length == 0);
	return head_length;
}

static enum status feed(struct http_body *body, const char *bytes, size_t length, size_t piece)
{
	size_t used = 0, done = 0;
	enum status status = http_body_feed(body, NULL, 0, &used);

	while (status == ST_AGAIN && done < length) {
		size_t step = length - done < piece ? length - done : piece;

		status = http_body_feed(body, bytes + done, step, &used);
		require(used <= step && (used == step || status != ST_AGAIN));
		done += used;
	}
	require(body->payload.length <= LIMIT);
	return status;
}

static void check_head(const struct http_head *head)
{
	size_t i;

	require(head->status_code >= 100 && head->status_code <= 999);
	require(head->reason[head->reason_length] == '\0');
	for (i = 0; i < head->header_count; i++)
		require(head->header[i].value[head->header[i].value_length] == '\0');
}

static void read_body(
    const struct http_head *head, const char *bytes, size_t length, size_t piece, struct arena *arena)
{
	struct http_body body, again;
	bool truncated = false;

	http_body_begin(&body, head, LIMIT, arena);
	again = body;
	require(feed(&body, bytes, length, piece) == feed(&again, bytes, length, length + 1));
	require(body.payload.length == again.payload.length && body.truncated == again.truncated);
	require(body.payload.length == 0 ||
		memcmp(body.payload.data, again.payload.data, body.payload.length) == 0);
	buf_release(&again.payload);
	http_decode(&body.payload, http_head_list(head, "Content-Encoding", arena), LIMIT,
	    http_body_close(&body), &truncated);
	require(body.payload.length <= LIMIT);
	buf_release(&body.payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece, head_length;
	struct http_head head;
	struct arena *arena;
	const char *bytes;

	if (size < 2)
		return 0;
	arena = arena_new(0);
	piece = data[0] + 1u;
	bytes = (const char *)data + 1;
	size--;
	head_length = find_head(bytes, size, piece);
	require(head_length == find_head(bytes, size, size));
	if (http_head_parse(bytes, head_length == 0 ? size : head_length, arena, &head) == ST_OK) {
		check_head(&head);
		if (head_length > 0)
			read_body(&head, bytes + head_length, size - head_length, piece, arena);
	}
	arena_free(arena);
	return 0;
}
