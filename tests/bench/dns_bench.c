/*
 * What a DNS answer costs: asks A AAAA NS MX TXT SOA for every name of a file, decodes every answer, and
 * prints one line of figures. With "probe" as the last argument the whole probe runs, record and all.
 *
 *   dns_bench RESOLVER NAMES IN_FLIGHT [probe]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/limits.h"
#include "probes/dns.h"

enum { TYPES = 6 };

static const uint16_t types[TYPES] = {DNS_A, DNS_AAAA, DNS_NS, DNS_MX, DNS_TXT, DNS_SOA};

/* The questions about one name share an arena, as those of a target do. */
struct name {
	struct arena *arena;
	char *text;
	unsigned left;
};

struct question {
	struct bench *bench;
	struct name *name;
	struct dns_query *query;
	struct question *next;
};

struct bench {
	FILE *file;
	struct probe_env env;
	struct event ready_event;
	struct question *ready;
	struct name *name; /* the one whose questions are being asked */
	bool probe, at_end;
	size_t next_type, in_flight, limit;
	uint64_t answered, lost, malformed, records;
};

static void pump(struct bench *bench);

static void name_release(struct name *name)
{
	if (--name->left == 0) {
		arena_free(name->arena);
		free(name);
	}
}

static struct name *name_next(struct bench *bench)
{
	char line[LIMIT_NAME + 2];
	struct name *name;

	if (fgets(line, sizeof(line), bench->file) == NULL)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	name = calloc(1, sizeof(*name));
	if (name == NULL)
		abort();
	name->arena = arena_new(LIMIT_TARGET_MEMORY);
	name->text = arena_strdup(name->arena, line);
	name->left = TYPES;
	return name;
}

static void count(struct bench *bench, enum status status, const struct dns_message *message)
{
	bench->in_flight--;
	if (status == ST_MALFORMED)
		bench->malformed++;
	if (status == ST_TIMEOUT || status == ST_CONNECTION_REFUSED)
		bench->lost++;
	else
		bench->answered++;
	bench->records += message->rr_count;
}

static void take_answer(struct question *question)
{
	struct dns_reply reply = {0};
	struct dns_message message = {0};
	const char *fault;
	enum status status = dns_query_advance(question->query, &reply);

	if (status == ST_AGAIN)
		return;
	if (reply.message != NULL)
		status = dns_decode(reply.message, reply.length, question->name->arena, &message, &fault);
	count(question->bench, status, &message);
	dns_query_free(question->query);
	name_release(question->name);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct bench *bench = arg;
	struct question *question = bench->ready, *next;

	(void)fd;
	(void)what;
	bench->ready = NULL;
	for (; question != NULL; question = next) {
		next = question->next;
		take_answer(question);
	}
	pump(bench);
}

static void on_wake(void *arg)
{
	struct question *question = arg;

	if (question->bench->ready == NULL)
		event_active(&question->bench->ready_event, EV_TIMEOUT, 0);
	question->next = question->bench->ready;
	question->bench->ready = question;
}

static void ask(struct bench *bench, struct name *name, uint16_t type)
{
	struct question *question = arena_alloc(name->arena, sizeof(*question));
	enum status status;

	question->bench = bench;
	question->name = name;
	question->query =
	    dns_query_new(bench->env.dns, name->arena, name->text, type, on_wake, question, &status);
	if (question->query == NULL)
		abort();
}

static void on_done(struct run *run, enum status status, void *arg)
{
	struct question *question = arg;
	struct bench *bench = question->bench;

	count(bench, status, &((struct dns_run *)run->state)->answer);
	name_release(question->name);
	pump(bench);
}

static void run_probe(struct bench *bench, struct name *name, uint16_t type)
{
	struct question *question = arena_alloc(name->arena, sizeof(*question));
	struct run *run = run_new(&dns_probe, &bench->env, name->arena, name->text, NULL);
	struct dns_run *dns = run->state;

	question->bench = bench;
	question->name = name;
	dns->name = name->text;
	dns->type = type;
	run_start(run, 0, on_done, question);
}

static void pump(struct bench *bench)
{
	while (bench->in_flight < bench->limit && !bench->at_end) {
		if (bench->name == NULL || bench->next_type == TYPES) {
			bench->name = name_next(bench);
			bench->next_type = 0;
			bench->at_end = bench->name == NULL;
			continue;
		}
		bench->in_flight++;
		(bench->probe ? run_probe : ask)(bench, bench->name, types[bench->next_type++]);
	}
	if (bench->at_end && bench->in_flight == 0)
		event_base_loopbreak(bench->env.base);
}

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void print_figures(const struct bench *bench, int64_t started)
{
	double wall = (double)(clock_monotonic() - started) / 1e6, cpu;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	printf("answered %llu lost %llu malformed %llu records %llu seconds %.3f cpu_seconds %.3f "
	       "user_seconds %.3f us_per_answer %.3f max_rss_kb %ld\n",
	    (unsigned long long)bench->answered, (unsigned long long)bench->lost,
	    (unsigned long long)bench->malformed, (unsigned long long)bench->records, wall, cpu,
	    seconds(usage.ru_utime), cpu * 1e6 / (double)(bench->answered + (bench->answered == 0)),
	    usage.ru_maxrss);
}

int main(int argc, char **argv)
{
	struct dns_client_options options = {.resolver = (const char *const *)&argv[1], .resolver_count = 1};
	struct bench bench = {0};
	char error[256];
	int64_t started;

	if (argc < 4) {
		fprintf(stderr, "usage: dns_bench RESOLVER NAMES IN_FLIGHT [probe]\n");
		return 2;
	}
	bench.file = fopen(argv[2], "r");
	bench.limit = strtoul(argv[3], NULL, 10);
	bench.probe = argc > 4;
	bench.env.base = event_base_new();
	bench.env.dns = dns_client_new(bench.env.base, &options, error);
	if (bench.file == NULL || bench.env.dns == NULL) {
		fprintf(stderr, "dns_bench: %s\n", bench.file == NULL ? argv[2] : error);
		return 1;
	}
	event_assign(&bench.ready_event, bench.env.base, -1, 0, on_ready, &bench);
	started = clock_monotonic();
	pump(&bench);
	event_base_dispatch(bench.env.base);
	print_figures(&bench, started);
	dns_client_free(bench.env.dns);
	event_base_free(bench.env.base);
	fclose(bench.file);
	return 0;
}
