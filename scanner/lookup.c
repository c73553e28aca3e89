#include "lookup.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/geo_record.h"
#include "scan.h"

struct waiter {
	struct job *job;
	struct waiter *next;
};

struct lookup {
	struct job job;
	struct record_hash key;
	struct waiter *waiter;
	const char *role;
	UT_hash_handle hh;
};

static void on_idle(struct job *job)
{
	struct lookup *lookup = (struct lookup *)job;
	struct waiter *waiter = lookup->waiter, *next;

	HASH_DEL(job->scan->lookups, lookup);
	job->batch.shared = true;
	job->batch.key = lookup->key;
	/* Waiters live in their own job's arena; this one goes to the writer with the batch. */
	if (job->scan->discard)
		arena_free(job->batch.arena);
	else
		writer_submit(job->scan->writer, &job->batch);
	for (; waiter != NULL; waiter = next) {
		next = waiter->next;
		job_release(waiter->job);
	}
}

static void wait_for(struct lookup *lookup, struct job *job)
{
	struct waiter *waiter = arena_alloc(job->arena, sizeof(*waiter));

	if (waiter == NULL)
		return;
	waiter->job = job;
	LL_PREPEND(lookup->waiter, waiter);
	job_hold(job);
}

/* A new look-up that holds `job` and has one hold of its own; NULL when the subject is known or memory runs
 * out. */
static struct lookup *begin(struct job *job, const char *kind, const char *subject)
{
	struct scan *scan = job->scan;
	struct record_hash key = seen_key(kind, subject);
	struct lookup *lookup;
	struct arena *arena;

	HASH_FIND(hh, scan->lookups, &key, sizeof(key), lookup);
	if (lookup != NULL) {
		wait_for(lookup, job);
		return NULL;
	}
	if (seen_has(&scan->shared, key) || seen_add(&scan->shared, key) != ST_OK)
		return NULL;
	arena = arena_new(LIMIT_TARGET_MEMORY);
	lookup = arena == NULL ? NULL : arena_alloc(arena, sizeof(*lookup));
	if (lookup == NULL) {
		arena_free(arena);
		return NULL;
	}
	job_init(&lookup->job, scan, arena, on_idle);
	lookup->key = key;
	HASH_ADD(hh, scan->lookups, key, sizeof(lookup->key), lookup);
	wait_for(lookup, job);
	job_hold(&lookup->job);
	return lookup;
}

static void ignore_answer(struct task *task, enum status status)
{
	(void)task;
	(void)status;
}

void lookup_address(struct job *job, const struct address *address, const char *role)
{
	char text[ADDRESS_TEXT], subject[ADDRESS_TEXT + 8], reverse[73];
	struct lookup *lookup;
	size_t i;

	address_text(address, text);
	lookup = begin(job, "ptr", text);
	if (lookup != NULL) {
		dns_reverse_name(address, reverse);
		job_ask(&lookup->job, arena_strdup(lookup->job.arena, reverse), DNS_PTR, false, ignore_answer,
		    NULL);
		job_release(&lookup->job);
	}
	if (job->scan->geo == NULL)
		return;
	snprintf(subject, sizeof(subject), "%s %s", role, text);
	lookup = begin(job, "geo", subject);
	if (lookup == NULL)
		return;
	for (i = 0; i < geo_set_count(job->scan->geo); i++) {
		struct record *record =
		    geo_record(lookup->job.arena, job->scan->geo, i, address, role, clock_wall());

		if (record != NULL)
			batch_add(&lookup->job.batch, record);
	}
	job_release(&lookup->job);
}

static void on_host_answer(struct task *task, enum status status)
{
	struct lookup *lookup = task->arg;
	struct dns_run *dns = task->run->state;
	struct address address[LIMIT_HOST_ADDRESSES];
	size_t i, total;

	if (status != ST_NOERROR)
		return;
	total = dns_addresses(&dns->answer, dns->name, address, LIMIT_HOST_ADDRESSES, NULL);
	for (i = 0; i < total && i < LIMIT_HOST_ADDRESSES; i++)
		lookup_address(&lookup->job, &address[i], lookup->role);
}

void lookup_host(struct job *job, const char *name, const char *role)
{
	struct lookup *lookup;
	char *copy;

	if (name == NULL || name[0] == '\0' || strlen(name) > LIMIT_NAME)
		return; /* the null MX of RFC 7505, or a name that nobody can ask for */
	lookup = begin(job, role, name);
	if (lookup == NULL)
		return;
	lookup->role = role;
	copy = arena_strdup(lookup->job.arena, name);
	job_ask(&lookup->job, copy, DNS_A, false, on_host_answer, lookup);
	job_ask(&lookup->job, copy, DNS_AAAA, false, on_host_answer, lookup);
	job_release(&lookup->job);
}

void lookup_certificate(struct job *job, const struct der *der)
{
	struct buf hex = {0};
	struct lookup *lookup;
	struct record *record;

	text_add_hex(&hex, der->sha256, sizeof(der->sha256));
	lookup = begin(job, "cert", buf_text(&hex));
	buf_release(&hex);
	if (lookup == NULL)
		return;
	record = cert_record(lookup->job.arena, der, clock_wall());
	if (record != NULL)
		batch_add(&lookup->job.batch, record);
	job_release(&lookup->job);
}

void lookup_stop_all(struct scan *scan)
{
	struct lookup *lookup, *next;

	HASH_ITER(hh, scan->lookups, lookup, next)
	{
		job_stop(&lookup->job);
	}
}
