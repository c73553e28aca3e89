/* Any bytes as a DNS message: decoded within bounds, in bounded memory, and every result is usable. */
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/text.h"
#include "probes/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Text form of a name: printable ASCII that the encoder takes back. */
static void check_name(const char *name)
{
	uint8_t query[DNS_QUERY_SIZE];

	if (name == NULL)
		return;
	require(strlen(name) <= 4 * 255);
	require(dns_encode_query(name, DNS_A, 0, 0, query) > 0);
}

static void check_rr(const struct dns_rr *rr, const uint8_t *data, size_t size)
{
	check_name(rr->name);
	check_name(rr->target);
	check_name(rr->rname);
	require(rr->rdata >= data && rr->rdata + rr->rdata_length <= data + size);
	if (rr->malformed)
		require(rr->target == NULL && rr->text == NULL && rr->address.family == 0);
	if (rr->text == NULL)
		return;
	require(rr->text[rr->text_length] == '\0' || rr->type == DNS_TXT);
	if (rr->type != DNS_TXT)
		require(strlen(rr->text) == rr->text_length && text_is_valid(rr->text, rr->text_length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(0);
	struct dns_message message;
	struct address address[4];
	const char *fault, *final;
	enum status status;
	size_t i;

	if (size > UINT16_MAX)
		size = UINT16_MAX;
	status = dns_decode(data, size, arena, &message, &fault);
	require(status == ST_OK || (status == ST_MALFORMED && fault != NULL));
	require(arena_size(arena) < 4 * 1024 * 1024);
	check_name(message.query_name);
	for (i = 0; i < message.rr_count; i++)
		check_rr(&message.rr[i], data, size);
	dns_answer_status(&message);
	if (message.query_name != NULL) {
		size_t total = dns_addresses(&message, message.query_name, address, 4, &final);

		require(total <= message.rr_count);
		for (i = 1; i < total && i < 4; i++)
			require(address_compare(&address[i - 1], &address[i]) < 0);
		check_name(message.final_name);
		check_name(final);
	}
	arena_free(arena);
	return 0;
}
