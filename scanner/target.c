#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/clock.h"
#include "lookup.h"
#include "outcome.h"
#include "scan.h"

/* What is asked of every name; the addresses first, because everything else waits for them. */
static const uint16_t question[] = {DNS_A, DNS_AAAA, DNS_NS, DNS_MX, DNS_TXT, DNS_SOA, DNS_CAA, DNS_HTTPS};

static struct target *target_of(struct job *job)
{
	return (struct target *)job; /* the first member */
}

static void finish(struct job *job)
{
	struct target *target = target_of(job);
	struct scan *scan = job->scan;
	bool full = arena_failed(job->arena);
	struct record *record;
	const char *outcome = NULL;
	char kept[64];

	if (full)
		arena_raise_limit(job->arena, LIMIT_FINAL_RECORD);
	record = outcome_record(target);
	event_del(&target->deadline);
	if (record != NULL) {
		record->started = clock_wall() - (clock_monotonic() - target->started);
		record->duration = clock_monotonic() - target->started;
		if (full)
			record->error =
			    "the memory for one domain was used up: some of its records are missing";
		batch_add(&job->batch, record);
		outcome = record_get_text(record, "outcome");
	}
	/* The batch takes the arena along, and `outcome` with it. */
	snprintf(kept, sizeof(kept), "%s", outcome == NULL ? status_name(ST_NO_MEMORY) : outcome);
	DL_DELETE(scan->targets, target);
	scan->target_count--;
	if (scan->discard) {
		/* Cut short by us: it is left to the run that goes on here. */
		arena_free(job->batch.arena);
		scan_target_discarded(scan);
	} else {
		writer_submit(scan->writer, &job->batch);
		scan_target_done(scan, kept);
	}
}

void target_stop(struct target *target)
{
	struct session *session;

	target->timed_out = true;
	job_hold(&target->job);
	LL_FOREACH(target->session, session)
	{
		session_stop(session);
	}
	job_stop(&target->job);
	job_release(&target->job);
}

static void set_deadline(struct target *target, int64_t microseconds)
{
	struct timeval limit = {.tv_sec = microseconds / 1000000, .tv_usec = microseconds % 1000000};

	event_add(&target->deadline, &limit);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	enum { WORTH_A_TIMER = 10000 }; /* microseconds */
	struct target *target = arg;
	int64_t waited = job_idle_time(&target->job) - target->credited;

	(void)fd;
	(void)what;
	/* Waiting for our own pace is not the domain's doing, and does not count. */
	if (waited > WORTH_A_TIMER) {
		target->credited += waited;
		set_deadline(target, waited);
	} else {
		target_stop(target);
	}
}

static void add_name(struct target *target, const char *name)
{
	size_t i;

	for (i = 0; i < target->name_count; i++)
		if (strcmp(target->name[i].name, name) == 0)
			return;
	if (strlen(name) > LIMIT_NAME)
		return;
	if (scope_check_domain(target->job.scan->scope, name, NULL) != ST_OK)
		target->blocked_name[target->blocked_count++] = name;
	else
		target->name[target->name_count++].name = name;
}

static int by_address(const void *a, const void *b)
{
	return address_compare(a, b);
}

/* Adds the addresses of an answer, sorted and once each, so that the plan does not depend on the order of
 * answers. */
static void add_addresses(struct target_name *name, const struct dns_message *answer)
{
	struct address all[2 * LIMIT_ADDRESSES];
	size_t i, count = name->address_count, kept = 0, total;

	memcpy(all, name->address, count * sizeof(*all));
	total = dns_addresses(answer, name->name, all + count, LIMIT_ADDRESSES, NULL);
	if (total > LIMIT_ADDRESSES) {
		name->addresses_cut = true;
		total = LIMIT_ADDRESSES;
	}
	count += total;
	qsort(all, count, sizeof(*all), by_address);
	for (i = 0; i < count; i++) {
		if (i > 0 && address_equal(&all[i], &all[i - 1]))
			continue;
		if (kept == LIMIT_ADDRESSES) {
			name->addresses_cut = true;
			break;
		}
		name->address[kept++] = all[i];
	}
	name->address_count = kept;
}

static void look_up_hosts(struct job *job, const struct dns_message *answer, uint16_t type, const char *role)
{
	size_t i, count = 0;

	for (i = 0; i < answer->rr_count; i++) {
		if (!dns_is_answer(answer, &answer->rr[i], type) || answer->rr[i].malformed)
			continue;
		if (count++ < LIMIT_HOSTS)
			lookup_host(job, answer->rr[i].target, role);
		else
			target_of(job)->hosts_cut = true;
	}
}

/* A resolver that cannot be reached must not read as a site that refuses. */
static enum status of_the_name(enum status status)
{
	switch (status) {
	case ST_CONNECTION_REFUSED:
	case ST_CONNECTION_RESET:
	case ST_CONNECTION_TIMEOUT:
	case ST_UNREACHABLE:
		return ST_RESOLVER_UNREACHABLE;
	default:
		return status;
	}
}

static void on_answer(struct task *task, enum status status)
{
	struct target *target = target_of(task->job);
	struct target_name *name = task->arg;
	struct dns_run *dns = task->run->state;

	if (dns->type == DNS_A || dns->type == DNS_AAAA)
		name->address_status[dns->type == DNS_AAAA] = of_the_name(status);
	if (status != ST_NOERROR)
		return;
	switch (dns->type) {
	case DNS_A:
	case DNS_AAAA:
		add_addresses(name, &dns->answer);
		break;
	case DNS_NS:
		look_up_hosts(&target->job, &dns->answer, DNS_NS, "ns");
		break;
	case DNS_MX:
		look_up_hosts(&target->job, &dns->answer, DNS_MX, "mx");
		break;
	default:
		break;
	}
}

static void on_wildcard(struct task *task, enum status status)
{
	target_of(task->job)->wildcard = status == ST_NOERROR;
}

static void add_session(
    struct target *target, const struct target_name *name, const struct address *address, bool tls)
{
	struct scan *scan = target->job.scan;
	struct session *session = arena_alloc(target->job.arena, sizeof(*session));

	if (session == NULL)
		return;
	session->target = target;
	session->connection.name = name->name;
	session->connection.endpoint = (struct endpoint){.address = *address,
	    .port = tls ? scan->config->port_https : scan->config->port_http,
	    .tls = tls,
	    .from = name->name};
	LL_APPEND(target->session, session);
}

/* The answers are in: every distinct (address, name) on both ports. */
static void plan_sessions(struct target *target)
{
	struct session *session;
	size_t i, j;

	for (i = 0; i < target->name_count; i++)
		for (j = 0; j < target->name[i].address_count; j++) {
			lookup_address(&target->job, &target->name[i].address[j], "web");
			if (!(target->job.scan->probes & PROBE_TCP))
				continue;
			add_session(target, &target->name[i], &target->name[i].address[j], false);
			add_session(target, &target->name[i], &target->name[i].address[j], true);
		}
	LL_FOREACH(target->session, session)
	{
		session_start(session);
	}
}

/* The questions have a hold of their own: when it is the last one, the answers are in. */
static void on_questions_done(struct job *job)
{
	struct target *target = target_of(job);

	job->idle = finish;
	job_hold(job);
	if (!job->stopped)
		plan_sessions(target);
	job_release(job);
}

/* A label that nobody has registered, the same at every look so that the answers of two scans can be
 * compared. */
static const char *random_label(struct target *target)
{
	const char *name = target->registrable;
	uint64_t hash = XXH3_64bits_withSeed(name, strlen(name), 0x6d6f6f72696e67);

	return arena_printf(target->job.arena, "mooring-%016llx.%s", (unsigned long long)hash, name);
}

static void ask_all(struct target *target)
{
	const char *label = random_label(target);
	size_t i, j;

	for (j = 0; j < sizeof(question) / sizeof(*question); j++)
		for (i = 0; i < target->name_count; i++)
			job_ask(&target->job, target->name[i].name, question[j], false, on_answer,
			    &target->name[i]);
	if (label != NULL && strlen(label) <= LIMIT_NAME)
		job_ask(&target->job, label, DNS_A, true, on_wildcard, NULL);
}

static struct target *target_new(struct scan *scan, const struct register_item *item)
{
	struct arena *arena = arena_new(LIMIT_TARGET_MEMORY);
	struct target *target = arena == NULL ? NULL : arena_alloc(arena, sizeof(*target));

	if (target == NULL) {
		arena_free(arena);
		return NULL;
	}
	job_init(&target->job, scan, arena, on_questions_done);
	target->job.domain = arena_strdup(arena, item->domain);
	target->job.input = arena_strdup(arena, item->input);
	target->registrable = arena_strdup(arena, item->registrable);
	target->stratum = item->stratum;
	target->started = clock_monotonic();
	return target;
}

bool target_start(struct scan *scan, const struct register_item *item)
{
	struct target *target = target_new(scan, item);
	const char *www;

	if (target == NULL)
		return false;
	DL_APPEND(scan->targets, target);
	scan->target_count++;
	event_assign(&target->deadline, scan->base, -1, 0, on_deadline, target);
	set_deadline(target, scan->config->target_timeout);
	job_hold(&target->job);
	if (scope_check_domain(scan->scope, target->job.domain, &target->block_reason) != ST_OK) {
		target->blocked = true;
	} else {
		www = arena_printf(target->job.arena, "www.%s", target->registrable);
		add_name(target, target->registrable);
		if (www != NULL)
			add_name(target, www);
		add_name(target, target->job.domain);
		ask_all(target);
	}
	job_release(&target->job);
	return true;
}
