#include "session_private.h"

#include <string.h>
#include <utlist.h>

#include "core/limits.h"
#include "domain.h"
#include "lookup.h"

bool url_same_authority(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Another session of the target that begins with exactly this URL, at the same address if there is one; or
 * NULL. */
static const struct session *other_root(const struct session *session, const struct url *url)
{
	const struct session *other, *found = NULL;

	if (strcmp(url->path, "/") != 0)
		return NULL;
	LL_FOREACH(session->target->session, other)
	{
		if (other == session || !url_same_authority(&other->root, url))
			continue;
		if (address_equal(&other->connection.endpoint.address, &session->connection.endpoint.address))
			return other;
		if (found == NULL)
			found = other;
	}
	return found;
}

/* The address for a host of the same site: the present one where the host has it, else its first. */
static const struct address *address_for(const struct session *session, const char *host)
{
	const struct target *target = session->target;
	size_t i, j;

	for (i = 0; i < target->name_count; i++) {
		const struct target_name *name = &target->name[i];

		if (strcmp(name->name, host) != 0 || name->address_count == 0)
			continue;
		for (j = 0; j < name->address_count; j++)
			if (address_equal(&name->address[j], &session->connection.endpoint.address))
				return &name->address[j];
		return &name->address[0];
	}
	return NULL;
}

/* On to another authority of the same site: a new connection, and that authority's own robots.txt first. */
static void move_to(struct session *session, const struct url *url, const struct address *address)
{
	session_hand_in_tls(session);
	session->connection.name = url->host;
	session->connection.endpoint =
	    (struct endpoint){.address = *address, .port = url->port, .tls = url->https, .from = url->host};
	session->connection.offer_h2 = false;
	session->announced = false;
	session->retried = false;
	session->step = SESSION_CONNECT;
	session->robots_hops = 0;
	buf_clear(&session->robots);
	session_connect(session);
}

static void on_host_answer(struct task *task, enum status status)
{
	struct session *session = task->arg;
	struct dns_run *dns = task->run->state;
	struct address address;
	bool found = status == ST_NOERROR && dns_addresses(&dns->answer, dns->name, &address, 1, NULL) > 0;

	if (found) {
		lookup_address(&session->target->job, &address, "web");
		move_to(session, &session->next_url, &address);
	} else if (dns->type != DNS_A ||
		   !job_ask(&session->target->job, dns->name, DNS_AAAA, false, on_host_answer, session)) {
		session->status = ST_UNREACHABLE;
		session->fault = "its redirect leads to a name without an address";
		session_end(session);
	}
}

static bool may_use_port(const struct session *session, const struct url *url)
{
	const struct config *config = session_scan(session)->config;

	return url->port == (url->https ? config->port_https : config->port_http);
}

static bool was_fetched(const struct session *session, const char *url)
{
	size_t i;

	for (i = 0; i < session->chain.count; i++)
		if (strcmp(session->chain.item[i], url) == 0)
			return true;
	return false;
}

/* Why a redirect within the site is not followed, or NULL. */
static const char *fault_of(const struct session *session, const struct url *url)
{
	if (session->final_url == NULL || was_fetched(session, session->final_url))
		return "the redirects go in a circle";
	if (session->redirects >= LIMIT_REDIRECTS)
		return "too many redirects";
	if (!may_use_port(session, url))
		return "redirect to a port that is not probed";
	if (scope_check_domain(session_scan(session)->scope, url->host, NULL) != ST_OK)
		return "redirect to a name on the blocklist";
	return NULL;
}

static void fetch_next(struct session *session, const struct url *url)
{
	const struct address *address = address_for(session, url->host);

	session->redirects++;
	session->next_url = *url;
	/* From now on the next response speaks for the page, or the failure to get one. */
	session->http_status_code = 0;
	if (url_same_authority(url, &session->fetch))
		session_next(session);
	else if (address != NULL)
		move_to(session, url, address);
	else if (!job_ask(&session->target->job, url->host, DNS_A, false, on_host_answer, session)) {
		session->status = ST_DEADLINE;
		session_end(session);
	}
}

void session_follow(struct session *session, const struct url *url)
{
	session->final_url = url_text(session_arena(session), url);
	if (strcmp(domain_registrable(session_scan(session)->rules, url->host),
		session->target->registrable) != 0) {
		session->offsite = true;
		session_end(session);
		return;
	}
	session->elsewhere = other_root(session, url);
	if (session->elsewhere == NULL)
		session->fault = fault_of(session, url);
	if (session->elsewhere != NULL || session->fault != NULL)
		session_end(session);
	else
		fetch_next(session, url);
}
