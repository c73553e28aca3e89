#include "scan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

#include "commands.h"
#include "core/clock.h"
#include "core/log.h"
#include "lookup.h"
#include "probes/dns.h"
#include "probes/tls.h"
#include "target.h"
#include "version.h"

enum {
	FIRST_DNS_TIMEOUT =
	    500 * 1000, /* microseconds; the default of c-ares, 5 s, makes the tail everything */
	TICK = 250 * 1000,
	SECOND_SIGNAL = 500 * 1000, /* microseconds between two signals that are two */
	GRACE = 5,		    /* seconds that domains under way have after a signal */
	TICKS_PER_RELOAD = 8	    /* the blocklist is looked at every two seconds */
};

static bool read_probes(const char *list, unsigned *ret_probes)
{
	static const char *const name[] = {"dns", "tcp", "tls", "http"};
	unsigned probes = 0, i;
	char *copy, *word, *rest = NULL;

	if (list == NULL) {
		*ret_probes = PROBE_ALL;
		return true;
	}
	copy = strdup(list);
	for (word = copy == NULL ? NULL : strtok_r(copy, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		for (i = 0; i < sizeof(name) / sizeof(*name); i++)
			if (strcmp(word, name[i]) == 0)
				break;
		if (i == sizeof(name) / sizeof(*name)) {
			log_line(LOG_ERROR,
			    "--probes: there is no probe '%s'; there are dns, tcp, tls and http", word);
			free(copy);
			return false;
		}
		/* Each rests on those before it. */
		probes |= (2u << i) - 1;
	}
	free(copy);
	if (probes == 0)
		log_line(LOG_ERROR, "--probes should name at least one of dns, tcp, tls and http");
	*ret_probes = probes;
	return probes != 0;
}

static enum status permit(void *arg, const struct address *address, uint16_t port)
{
	const char *reason;

	(void)port;
	return scope_check_address(arg, address, &reason);
}

static bool init_scope(struct scan *scan)
{
	const struct config *config = scan->config;
	char error[256];
	size_t i;

	scan->scope = scope_new();
	if (scan->scope == NULL) {
		log_line(LOG_ERROR, "memory ran out");
		return false;
	}
	for (i = 0; i < config->allow_net.count; i++)
		if (scope_allow_net(scan->scope, config->allow_net.item[i]) != ST_OK) {
			log_line(LOG_ERROR,
			    "--allow-net '%s' should be an address or a network such as 192.0.2.0/24",
			    config->allow_net.item[i]);
			return false;
		}
	if (config->blocklist_file != NULL &&
	    scope_load_blocklist(scan->scope, config->blocklist_file, error) != ST_OK) {
		log_line(LOG_ERROR, "%s", error);
		return false;
	}
	scan->env.permit = permit;
	scan->env.permit_arg = scan->scope;
	return true;
}

static bool init_geo(struct scan *scan)
{
	const struct strings *paths = &scan->config->geo;
	char error[256];
	size_t i;

	if (paths->count == 0)
		return true;
	scan->geo = geo_set_new();
	for (i = 0; scan->geo != NULL && i < paths->count; i++)
		if (geo_set_add_path(scan->geo, paths->item[i], error) != ST_OK) {
			log_line(LOG_ERROR, "--geo: %s", error);
			return false;
		}
	return scan->geo != NULL;
}

static bool init_pace(struct scan *scan)
{
	const struct config *config = scan->config;
	struct pace_options options = {.rate = config->rate,
	    .per_address = (unsigned)config->per_address,
	    .per_network = (unsigned)config->per_network,
	    .pause_us = config->pause};

	scan->pace = pace_new(scan->base, &options);
	if (scan->pace == NULL)
		log_line(LOG_ERROR, "memory ran out");
	return scan->pace != NULL;
}

static void on_dns_repeat(void *arg, unsigned datagrams)
{
	struct scan *scan = arg;

	pace_debit(scan->pace, datagrams);
}

static bool init_clients(struct scan *scan)
{
	const struct config *config = scan->config;
	struct dns_client_options options = {.resolver = (const char *const *)config->resolver.item,
	    .resolver_count = config->resolver.count,
	    .timeout = FIRST_DNS_TIMEOUT,
	    .tries = (unsigned)config->retries,
	    .repeated = on_dns_repeat,
	    .repeated_arg = scan};
	char error[256];

	scan->env.dns = dns_client_new(scan->base, &options, error);
	if (scan->env.dns == NULL) {
		log_line(LOG_ERROR, "--resolver: %s", error);
		return false;
	}
	scan->env.tls = tls_client_new(config->ca_file, error);
	if (scan->env.tls == NULL)
		log_line(LOG_ERROR, "--ca-file: %s", error);
	return scan->env.tls != NULL;
}

static bool init_names(struct scan *scan)
{
	const struct config *config = scan->config;
	int length;

	scan->rules = domain_rules_new(config->psl_file);
	if (scan->rules == NULL) {
		log_line(LOG_ERROR, "cannot read the Public Suffix List %s",
		    config->psl_file == NULL ? "of libpsl" : config->psl_file);
		return false;
	}
	length = config->contact == NULL
		     ? asprintf(&scan->user_agent, MOORING_USER_AGENT)
		     : asprintf(&scan->user_agent, MOORING_USER_AGENT " (+%s)", config->contact);
	if (length < 0)
		scan->user_agent = NULL;
	scan->env.user_agent = scan->user_agent;
	scan->env.robots_agent = "mooring";
	scan->env.keep_bodies = config->keep_bodies;
	return scan->user_agent != NULL;
}

/*
 * Each connection takes a descriptor. The soft limit is often far below what is allowed; what remains after
 * it is raised bounds the connections, so that a scan never finds a site unreachable because this machine ran
 * out.
 */
static void count_descriptors(struct scan *scan)
{
	enum { RESERVE = 96, LEAST = 4 }; /* for the database, resolvers, files; for a scan to go on at all */
	struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	scan->most_connections = limit.rlim_cur > 2 * RESERVE ? limit.rlim_cur - RESERVE : limit.rlim_cur / 4;
	if (scan->most_connections < LEAST)
		scan->most_connections = LEAST;
}

bool scan_init(struct scan *scan, const struct config *config)
{
	*scan = (struct scan){.config = config};
	/* A server or a reader that goes away is an error to record, not a reason to die in the middle of a
	 * scan. */
	signal(SIGPIPE, SIG_IGN);
	if (!read_probes(config->probes, &scan->probes))
		return false;
	count_descriptors(scan);
	scan->base = event_base_new();
	if (scan->base == NULL) {
		log_line(LOG_ERROR, "cannot make an event loop");
		return false;
	}
	scan->env.base = scan->base;
	return init_names(scan) && init_scope(scan) && init_geo(scan) && init_pace(scan) &&
	       init_clients(scan);
}

void scan_release(struct scan *scan)
{
	dns_client_free(scan->env.dns);
	tls_client_free(scan->env.tls);
	pace_free(scan->pace);
	geo_set_free(scan->geo);
	scope_free(scan->scope);
	domain_rules_free(scan->rules);
	seen_release(&scan->shared);
	free(scan->user_agent);
	if (scan->base != NULL)
		event_base_free(scan->base);
}

static void cut_short(struct scan *scan)
{
	struct target *target, *next;

	DL_FOREACH_SAFE(scan->targets, target, next)
	{
		target_stop(target);
	}
	lookup_stop_all(scan);
}

static void fail(struct scan *scan)
{
	if (scan->failed)
		return;
	scan->failed = true;
	scan->discard = true;
	cut_short(scan);
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

/*
 * Without a resolver every domain would be recorded as unreachable, and a resumed run would pass over them.
 * So the root is asked first: any answer will do.
 */
static void on_first_answer(struct run *run, enum status status, void *arg)
{
	struct scan *scan = arg;
	bool answered = ((struct dns_run *)run->state)->message != NULL;

	arena_free(scan->question_arena);
	scan->question_arena = NULL;
	if (!answered) {
		log_line(LOG_ERROR, "no resolver answers (%s: %s). Name one that does with --resolver",
		    dns_client_description(scan->env.dns), status_text(status));
		fail(scan);
	}
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

static void ask_first(struct scan *scan)
{
	struct run *run;

	scan->question_arena = arena_new(0);
	run = scan->question_arena == NULL
		  ? NULL
		  : run_new(&dns_probe, &scan->env, scan->question_arena, NULL, NULL);
	if (run == NULL) {
		arena_free(scan->question_arena);
		scan->question_arena = NULL;
		return;
	}
	((struct dns_run *)run->state)->name = "";
	((struct dns_run *)run->state)->type = DNS_NS;
	run_start(run, 0, on_first_answer, scan);
}

static bool may_start(struct scan *scan)
{
	return scan->question_arena == NULL && !scan->exhausted && !scan->interrupted && !scan->failed &&
	       scan->target_count < (size_t)scan->config->concurrency && !writer_full(scan->writer);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;
	struct register_item item;

	(void)fd;
	(void)what;
	while (may_start(scan)) {
		enum scan_source source = scan->next(scan->arg, &item);

		if (source == SOURCE_END) {
			scan->exhausted = true;
		} else if (source == SOURCE_AGAIN) {
			/* A full writer wakes us itself. */
			if (!writer_full(scan->writer))
				event_active(&scan->pump, EV_TIMEOUT, 0);
			break;
		} else if (!target_start(scan, &item)) {
			log_line(LOG_ERROR, "memory ran out; the scan stops and can be resumed");
			fail(scan);
		}
	}
	if (scan->target_count == 0 && scan->lookups == NULL && scan->question_arena == NULL &&
	    (scan->exhausted || scan->interrupted || scan->failed))
		event_base_loopbreak(scan->base);
}

void scan_target_done(struct scan *scan, const char *outcome)
{
	scan->done(scan->arg, outcome);
	/* Not from here: a target that ends at once would start the next from inside its own start. */
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

void scan_target_discarded(struct scan *scan)
{
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

static void on_writer(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;

	(void)fd;
	(void)what;
	writer_acknowledge(scan->writer);
	if (writer_error(scan->writer, NULL) != ST_OK)
		fail(scan);
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;
	struct timeval grace = {.tv_sec = GRACE};

	(void)fd;
	(void)what;
	/* Wrappers such as timeout(1) may deliver one signal twice. */
	if (scan->interrupted && clock_monotonic() - scan->interrupted_at < SECOND_SIGNAL)
		return;
	if (scan->interrupted)
		_exit(EXIT_INTERRUPTED);
	scan->interrupted = true;
	scan->interrupted_at = clock_monotonic();
	event_add(&scan->grace, &grace);
	log_line(LOG_INFO, "interrupted: ending %zu domains that are under way; once more to stop at once",
	    scan->target_count);
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

static void on_room(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_wake_queued(arg);
}

/* What did not end by itself is left to the run that goes on here. */
static void on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;

	(void)fd;
	(void)what;
	scan->discard = true;
	cut_short(scan);
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;
	char error[SCOPE_ERROR];
	bool changed = false;

	(void)fd;
	(void)what;
	if (++scan->ticks % TICKS_PER_RELOAD == 0) {
		if (scope_reload_if_changed(scan->scope, &changed, error) != ST_OK)
			log_line(LOG_WARNING, "%s; its rules read before stay in force", error);
		if (changed)
			log_line(LOG_INFO, "blocklist read again: %zu rules", scope_rule_count(scan->scope));
	}
	if (scan->tick != NULL)
		scan->tick(scan->arg);
	/* What could not be counted on an event is noticed here: the end never waits for more than a tick. */
	event_active(&scan->pump, EV_TIMEOUT, 0);
}

void scan_execute(struct scan *scan)
{
	static const int signal_number[] = {SIGINT, SIGTERM};
	struct timeval tick = {.tv_usec = TICK};
	size_t i;

	event_assign(&scan->pump, scan->base, -1, 0, on_pump, scan);
	event_assign(&scan->room, scan->base, -1, 0, on_room, scan);
	event_assign(&scan->grace, scan->base, -1, 0, on_grace, scan);
	event_assign(&scan->timer, scan->base, -1, EV_PERSIST, on_tick, scan);
	event_assign(
	    &scan->writer_event, scan->base, writer_fd(scan->writer), EV_READ | EV_PERSIST, on_writer, scan);
	event_add(&scan->timer, &tick);
	event_add(&scan->writer_event, NULL);
	for (i = 0; i < 2; i++) {
		event_assign(
		    &scan->signals[i], scan->base, signal_number[i], EV_SIGNAL | EV_PERSIST, on_signal, scan);
		event_add(&scan->signals[i], NULL);
	}
	if (scan->ask_first)
		ask_first(scan);
	event_active(&scan->pump, EV_TIMEOUT, 0);
	event_base_dispatch(scan->base);
	for (i = 0; i < 2; i++)
		event_del(&scan->signals[i]);
	event_del(&scan->timer);
	event_del(&scan->grace);
	event_del(&scan->writer_event);
}
