/*
 * What a TLS and HTTP target costs: for every name of a file one connection, a full handshake with SNI, the
 * whole chain, GET / with its body; the records of it all made. Prints one line of figures.
 *
 *   http_bench ADDRESS PORT CA_FILE NAMES IN_FLIGHT [DATABASE|- [page]]
 *
 * With a DATABASE everything is stored through the writer, whose time is counted in. With "page" the page is
 * read, too.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/text.h"
#include "probes/http.h"
#include "probes/page.h"
#include "probes/tcp.h"
#include "probes/tls.h"
#include "results/overlap/indicator.h"
#include "results/sink_sqlite.h"
#include "results/store.h"
#include "results/writer.h"
#include "seen.h"

enum { TIMEOUT = 30 * 1000000 };

struct bench {
	FILE *file;
	struct probe_env env;
	struct address address;
	uint16_t port;
	struct store *store; /* NULL: nothing is stored */
	struct writer *writer;
	struct event room;
	struct seen certificates;
	bool page, at_end;
	size_t in_flight, limit;
	uint64_t done, failed, records, bytes;
};

/* One name; it lives in its own arena, which the writer frees. */
struct target {
	struct bench *bench;
	struct batch batch;
	struct connection connection;
	const char *name, *url;
};

static void pump(struct bench *bench);

static enum status permit(void *arg, const struct address *address, uint16_t port)
{
	(void)arg;
	(void)address;
	(void)port;
	return ST_OK;
}

static void add_record(struct target *target, struct record *record)
{
	if (record == NULL)
		abort();
	batch_add(&target->batch, record);
	target->bench->records++;
}

static void end(struct target *target, enum status status)
{
	struct bench *bench = target->bench;

	chan_close(&target->connection.chan);
	bench->done++;
	bench->failed += status != ST_OK;
	bench->in_flight--;
	writer_submit(bench->writer, &target->batch);
	pump(bench);
}

static void start(struct target *target, const struct probe *probe, run_done *done)
{
	struct run *run =
	    run_new(probe, &target->bench->env, target->batch.arena, target->name, target->name);

	if (run == NULL)
		abort();
	/* All three states begin with the connection. */
	*(struct connection **)run->state = &target->connection;
	if (probe == &http_probe) {
		struct http_run *http = run->state;

		http->purpose = HTTP_PAGE;
		http->url = target->url;
		http->path = "/";
	}
	run_start(run, TIMEOUT, done, target);
}

static void read_page(struct target *target, struct http_run *http)
{
	char address[ADDRESS_TEXT];
	struct page_input input = {.domain = target->name,
	    .input = target->name,
	    .address = address_text(&target->connection.endpoint.address, address),
	    .port = target->connection.endpoint.port,
	    .host = target->name,
	    .url = http->url,
	    .http_status_code = http->status_code,
	    .content_type = http->content_type,
	    .body = (const uint8_t *)buf_text(&http->body),
	    .body_length = http->body.length};

	add_record(target, page_record(target->batch.arena, &input, NULL));
}

static void on_response(struct run *run, enum status status, void *arg)
{
	struct target *target = arg;
	struct http_run *http = run->state;

	add_record(target, run->record);
	target->bench->bytes += http->body.length;
	if (status == ST_OK && http->status_code != 200)
		status = ST_PROTOCOL_ERROR;
	if (status == ST_OK && target->bench->page)
		read_page(target, http);
	buf_release(&http->body);
	end(target, status);
}

/* The record of a certificate is made once in a run, as in a scan. */
static void record_chain(struct target *target, const struct tls_run *tls)
{
	struct bench *bench = target->bench;
	struct buf hex = {0};
	size_t i;

	for (i = 0; i < tls->chain_count; i++) {
		struct record_hash key;
		struct record *record;

		buf_clear(&hex);
		text_add_hex(&hex, tls->chain[i].sha256, sizeof(tls->chain[i].sha256));
		key = seen_key("cert", buf_text(&hex));
		if (seen_has(&bench->certificates, key) || seen_add(&bench->certificates, key) != ST_OK)
			continue;
		record = cert_record(target->batch.arena, &tls->chain[i], clock_wall());
		add_record(target, record);
	}
	buf_release(&hex);
}

static void on_handshake(struct run *run, enum status status, void *arg)
{
	struct target *target = arg;

	add_record(target, run->record);
	record_chain(target, run->state);
	if (status == ST_OK)
		start(target, &http_probe, on_response);
	else
		end(target, status);
}

static void on_connect(struct run *run, enum status status, void *arg)
{
	struct target *target = arg;

	add_record(target, run->record);
	if (status == ST_OK)
		start(target, &tls_probe, on_handshake);
	else
		end(target, status);
}

static void start_target(struct bench *bench, const char *name)
{
	struct arena *arena = arena_new(LIMIT_TARGET_MEMORY);
	struct target *target = arena == NULL ? NULL : arena_alloc(arena, sizeof(*target));

	if (target == NULL)
		abort();
	target->bench = bench;
	batch_init(&target->batch, arena);
	target->name = arena_strdup(arena, name);
	target->url = arena_printf(arena, "https://%s:%u/", name, bench->port);
	target->connection.name = target->name;
	target->connection.endpoint = (struct endpoint){
	    .address = bench->address, .port = bench->port, .tls = true, .from = target->name};
	chan_init(&target->connection.chan, bench->env.base);
	bench->in_flight++;
	start(target, &tcp_probe, on_connect);
}

static void pump(struct bench *bench)
{
	char line[LIMIT_NAME + 2];

	while (!bench->at_end && bench->in_flight < bench->limit && !writer_full(bench->writer)) {
		bench->at_end = fgets(line, sizeof(line), bench->file) == NULL;
		line[strcspn(line, "\r\n")] = '\0';
		if (!bench->at_end)
			start_target(bench, line);
	}
	if (bench->at_end && bench->in_flight == 0)
		event_base_loopbreak(bench->env.base);
}

static void on_room(evutil_socket_t fd, short what, void *arg)
{
	struct bench *bench = arg;

	(void)fd;
	(void)what;
	writer_acknowledge(bench->writer);
	pump(bench);
}

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void print_figures(const struct bench *bench, int64_t started, double loop)
{
	double wall = (double)(clock_monotonic() - started) / 1e6, cpu;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	printf("targets %llu failed %llu records %llu body_bytes %llu seconds %.3f cpu_seconds %.3f "
	       "loop_seconds %.3f us_per_target %.1f loop_us_per_target %.1f max_rss_kb %ld\n",
	    (unsigned long long)bench->done, (unsigned long long)bench->failed,
	    (unsigned long long)bench->records, (unsigned long long)bench->bytes, wall, cpu, loop,
	    cpu * 1e6 / (double)bench->done, loop * 1e6 / (double)bench->done, usage.ru_maxrss);
}

static bool open_store(struct bench *bench, const char *path)
{
	struct run_info info = {
	    .vantage = {.name = "bench"}, .register_sha256 = "bench", .domain_count = -1, .fresh = true};
	char error[STORE_ERROR];
	bool resumed;

	if (strcmp(path, "-") == 0)
		return true;
	if (store_open(&bench->store, path, indicator_derive, error) == ST_OK &&
	    store_begin_run(bench->store, &info, &resumed) == ST_OK)
		return true;
	fprintf(stderr, "http_bench: %s\n", bench->store == NULL ? error : store_error(bench->store));
	return false;
}

static bool init(struct bench *bench, char **argv)
{
	char error[256] = "";

	bench->file = fopen(argv[4], "r");
	bench->port = (uint16_t)strtoul(argv[2], NULL, 10);
	bench->limit = strtoul(argv[5], NULL, 10);
	bench->env.base = event_base_new();
	bench->env.tls = tls_client_new(argv[3], error);
	bench->env.user_agent = "mooring-bench";
	bench->env.permit = permit;
	if (bench->file != NULL && bench->env.tls != NULL && address_parse(&bench->address, argv[1]))
		return true;
	fprintf(stderr, "http_bench: cannot use the address or the names. %s\n", error);
	return false;
}

static int run(struct bench *bench)
{
	struct sink *sink = bench->store == NULL ? NULL : sink_sqlite_new(bench->store);
	char error[WRITER_ERROR];
	struct rusage usage;
	int64_t started = clock_monotonic();
	enum status status;

	bench->writer = writer_start(&sink, sink == NULL ? 0 : 1);
	if (bench->writer == NULL)
		return 1;
	event_assign(
	    &bench->room, bench->env.base, writer_fd(bench->writer), EV_READ | EV_PERSIST, on_room, bench);
	event_add(&bench->room, NULL);
	pump(bench);
	event_base_dispatch(bench->env.base);
	event_del(&bench->room);
	getrusage(RUSAGE_THREAD, &usage);
	status = writer_close(bench->writer, error);
	if (status != ST_OK)
		fprintf(stderr, "http_bench: %s\n", error);
	print_figures(bench, started, seconds(usage.ru_utime) + seconds(usage.ru_stime));
	return status == ST_OK && bench->failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct bench bench = {0};
	int code = 1;

	if (argc < 6) {
		fprintf(
		    stderr, "usage: http_bench ADDRESS PORT CA_FILE NAMES IN_FLIGHT [DATABASE|- [page]]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	bench.page = argc > 7;
	if (init(&bench, argv) && open_store(&bench, argc > 6 ? argv[6] : "-"))
		code = run(&bench);
	store_close(bench.store);
	seen_release(&bench.certificates);
	tls_client_free(bench.env.tls);
	if (bench.env.base != NULL)
		event_base_free(bench.env.base);
	if (bench.file != NULL)
		fclose(bench.file);
	return code;
}
