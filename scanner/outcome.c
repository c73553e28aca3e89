#include "outcome.h"

#include <string.h>

#include "core/clock.h"

/* clang-format off */
enum {
	DOMAIN_OUTCOME, DOMAIN_STRATUM, DOMAIN_REGISTRABLE, DOMAIN_NAMES, DOMAIN_NAMES_BLOCKED, DOMAIN_ADDRESSES, DOMAIN_ADDRESSES_CUT, DOMAIN_HOSTS_CUT,
	DOMAIN_WILDCARD, DOMAIN_FINAL_URL, DOMAIN_HTTP_STATUS_CODE, DOMAIN_REDIRECT_CHAIN, DOMAIN_TITLE, DOMAIN_SESSIONS
};

static const struct field domain_field[] = {
	[DOMAIN_OUTCOME] = {"outcome", FIELD_TEXT, 0, NULL, "live, error, redirect_offsite, resolve_nx, resolved, or the status of the failure that says most"},
	[DOMAIN_STRATUM] = {"stratum", FIELD_TEXT, 0, NULL, "register; or the control population it belongs to, general or matched; or check, for a domain that was only checked"},
	[DOMAIN_REGISTRABLE] = {"registrable_domain", FIELD_TEXT, 0, NULL, "by the Public Suffix List"},
	[DOMAIN_NAMES] = {"names", FIELD_TEXTS, 0, NULL, "the names that were asked about"},
	[DOMAIN_NAMES_BLOCKED] = {"names_blocked", FIELD_TEXTS, 0, NULL, "names of the domain that the blocklist keeps from being asked about"},
	[DOMAIN_ADDRESSES] = {"addresses", FIELD_TEXTS, 0, NULL, "all addresses of these names that were planned, each once"},
	[DOMAIN_ADDRESSES_CUT] = {"addresses_cut", FIELD_BOOL, 0, NULL, "there were more addresses than are probed"},
	[DOMAIN_HOSTS_CUT] = {"hosts_cut", FIELD_BOOL, 0, NULL, "there were more name servers or mail hosts than are looked up"},
	[DOMAIN_WILDCARD] = {"wildcard", FIELD_BOOL, 0, NULL, "a random label below the registrable domain has an address"},
	[DOMAIN_FINAL_URL] = {"final_url", FIELD_TEXT, 0, NULL, "where the page's redirects end; on another site or port it is not fetched"},
	[DOMAIN_HTTP_STATUS_CODE] = {"http_status_code", FIELD_INT, 0, NULL, "of its last response"},
	[DOMAIN_REDIRECT_CHAIN] = {"redirect_chain", FIELD_TEXTS, 0, NULL, "URLs that were fetched on the way, in order; each has its http record"},
	[DOMAIN_TITLE] = {"title", FIELD_TEXT, 0, NULL, "of that page"},
	[DOMAIN_SESSIONS] = {"sessions", FIELD_INT, 0, NULL, "distinct (address, port, name) that were planned"},
};
/* clang-format on */

const struct schema domain_schema = {.record_type = "domain",
    .version = 1,
    .help = "the final outcome of one domain in one run",
    .field = domain_field,
    .field_count = sizeof(domain_field) / sizeof(*domain_field)};

/*
 * How much a failure says, from little to much: the further the conversation came, the more. Of several
 * sessions the one that says most decides; among equals the first in the order of planning.
 */
static int failure_rank(enum status status)
{
	static const enum status order[] = {ST_OUT_OF_SCOPE, ST_BLOCKLISTED, ST_SYSTEM, ST_UNREACHABLE,
	    ST_CONNECTION_TIMEOUT, ST_CONNECTION_REFUSED, ST_CONNECTION_RESET, ST_HANDSHAKE_ERROR,
	    ST_IO_TIMEOUT, ST_PROTOCOL_ERROR, ST_ROBOTS_DISALLOWED};
	int i;

	for (i = 0; i < (int)(sizeof(order) / sizeof(*order)); i++)
		if (order[i] == status)
			return i + 1;
	return 0;
}

static bool is_live(const struct session *session)
{
	const char *state = session->page == NULL ? NULL : record_get_text(session->page, "page_state");

	return state != NULL && strcmp(state, "live") == 0;
}

enum { RANK_ERROR = 100, RANK_PAGE, RANK_OFFSITE, RANK_LIVE };

/* True when the redirects from session to session never end: http to https and back again. */
static bool in_circle(const struct session *session)
{
	enum { SESSIONS = 2 * TARGET_NAMES * LIMIT_ADDRESSES };
	int hops;

	for (hops = 0; session != NULL && hops <= SESSIONS; hops++)
		session = session->elsewhere;
	return session != NULL;
}

/* How well a session stands for the domain. */
static int session_rank(const struct session *session)
{
	if (is_live(session))
		return RANK_LIVE;
	if (session->offsite)
		return RANK_OFFSITE;
	/* The session that it leads to speaks for both, also when that one failed. */
	if (session->elsewhere != NULL)
		return in_circle(session) ? RANK_ERROR : 0;
	if (session->http_status_code >= 300)
		return RANK_ERROR;
	if (session->page != NULL || session->http_status_code >= 200)
		return RANK_PAGE;
	return failure_rank(session->status);
}

static const struct session *best_session(const struct target *target)
{
	const struct session *session, *best = target->session;

	for (session = target->session; session != NULL; session = session->next) {
		int rank = session_rank(session), so_far = session_rank(best);

		/* HTTPS stands for the site where both are as good: it is what a visitor's browser shows. */
		if (rank > so_far ||
		    (rank == so_far && session->connection.endpoint.tls && !best->connection.endpoint.tls))
			best = session;
	}
	return best;
}

static const char *session_outcome(const struct session *session)
{
	const char *state = session->page == NULL ? NULL : record_get_text(session->page, "page_state");

	if (is_live(session))
		return "live";
	if (session->offsite)
		return "redirect_offsite";
	if (session->http_status_code >= 300)
		return "error";
	if (state != NULL)
		return state;
	return session->status == ST_OK ? status_name(ST_NOT_A_PAGE) : status_name(session->status);
}

/* Without an address: what the questions for addresses said. The first name is the registrable domain. */
static const char *dns_outcome(const struct target *target)
{
	static const enum status telling[] = {ST_RESOLVER_UNREACHABLE, ST_SERVFAIL, ST_REFUSED, ST_TIMEOUT,
	    ST_MALFORMED, ST_TRUNCATED, ST_FORMERR, ST_NOTIMP, ST_RCODE_OTHER, ST_SYSTEM, ST_DEADLINE};
	bool exists = false;
	size_t i, j, k;

	for (k = 0; k < sizeof(telling) / sizeof(*telling); k++)
		for (i = 0; i < target->name_count; i++)
			for (j = 0; j < 2; j++)
				if (target->name[i].address_status[j] == telling[k])
					return status_name(telling[k]);
	for (i = 0; i < target->name_count; i++)
		for (j = 0; j < 2; j++)
			exists = exists || target->name[i].address_status[j] == ST_NODATA;
	return exists ? status_name(ST_NODATA) : "resolve_nx";
}

static bool has_addresses(const struct target *target)
{
	size_t i;

	for (i = 0; i < target->name_count; i++)
		if (target->name[i].address_count > 0)
			return true;
	return false;
}

static const char *outcome_of(const struct target *target, const struct session *best)
{
	if (target->blocked)
		return status_name(ST_BLOCKLISTED);
	if (best != NULL && session_rank(best) >= RANK_ERROR)
		return session_outcome(best);
	if (target->timed_out)
		return status_name(ST_DEADLINE);
	if (best != NULL)
		return session_outcome(best);
	/* Addresses, but no session: only DNS was asked for. */
	return has_addresses(target) ? "resolved" : dns_outcome(target);
}

static void set_names(const struct target *target, struct record *record)
{
	struct address all[TARGET_NAMES * LIMIT_ADDRESSES];
	char text[ADDRESS_TEXT];
	size_t i, j, k, count = 0;
	bool cut = false;

	record_set_list(record, DOMAIN_NAMES, target->name_count);
	for (i = 0; i < target->name_count; i++) {
		const struct target_name *name = &target->name[i];

		record_list_text(record, DOMAIN_NAMES, i, name->name, strlen(name->name));
		cut = cut || name->addresses_cut;
		for (j = 0; j < name->address_count; j++) {
			for (k = 0; k < count && !address_equal(&all[k], &name->address[j]); k++)
				;
			if (k == count)
				all[count++] = name->address[j];
		}
	}
	record_set_list(record, DOMAIN_NAMES_BLOCKED, target->blocked_count);
	for (i = 0; i < target->blocked_count; i++)
		record_list_text(record, DOMAIN_NAMES_BLOCKED, i, target->blocked_name[i],
		    strlen(target->blocked_name[i]));
	record_set_list(record, DOMAIN_ADDRESSES, count);
	for (k = 0; k < count; k++) {
		address_text(&all[k], text);
		record_list_text(record, DOMAIN_ADDRESSES, k, text, strlen(text));
	}
	record_set_bool(record, DOMAIN_ADDRESSES_CUT, cut);
	record_set_bool(record, DOMAIN_HOSTS_CUT, target->hosts_cut);
}

static void set_page(const struct session *best, struct record *record)
{
	size_t i;

	record_set_text(record, DOMAIN_FINAL_URL, best->final_url);
	if (best->http_status_code > 0)
		record_set_int(record, DOMAIN_HTTP_STATUS_CODE, best->http_status_code);
	record_set_list(record, DOMAIN_REDIRECT_CHAIN, best->chain.count);
	for (i = 0; i < best->chain.count; i++)
		record_list_text(
		    record, DOMAIN_REDIRECT_CHAIN, i, best->chain.item[i], strlen(best->chain.item[i]));
	if (best->page != NULL)
		record_set_text(record, DOMAIN_TITLE, record_get_text(best->page, "title"));
}

struct record *outcome_record(struct target *target)
{
	const struct session *session, *best = best_session(target);
	const char *outcome = outcome_of(target, best);
	struct record *record =
	    record_new(target->job.arena, &domain_schema, target->job.domain, target->job.input);
	int64_t sessions = 0;
	enum status status;

	if (record == NULL)
		return NULL;
	for (session = target->session; session != NULL; session = session->next)
		sessions++;
	status = strcmp(outcome, "resolve_nx") == 0 ? ST_NXDOMAIN : status_parse(outcome);
	record->status = status < STATUS_COUNT ? status : ST_OK;
	record->error = target->blocked ? target->block_reason : best == NULL ? NULL : best->fault;
	record_set_text(record, DOMAIN_OUTCOME, outcome);
	record_set_text(record, DOMAIN_STRATUM, target->stratum);
	record_set_text(record, DOMAIN_REGISTRABLE, target->registrable);
	record_set_bool(record, DOMAIN_WILDCARD, target->wildcard);
	record_set_int(record, DOMAIN_SESSIONS, sessions);
	set_names(target, record);
	if (best != NULL)
		set_page(best, record);
	return record;
}

struct record *outcome_of_invalid(struct arena *arena, const struct register_item *item)
{
	struct record *record = record_new(
	    arena, &domain_schema, NULL, item->input == NULL ? NULL : arena_strdup(arena, item->input));

	if (record == NULL)
		return NULL;
	record->started = clock_wall();
	record->status = ST_INVALID;
	record->error =
	    arena_printf(arena, "%s:%llu: %s", item->file, (unsigned long long)item->line, item->fault);
	record_set_text(record, DOMAIN_OUTCOME, status_name(ST_INVALID));
	record_set_text(record, DOMAIN_STRATUM, item->stratum);
	return record;
}
