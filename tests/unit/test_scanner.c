/* The scanner's small parts: the set of subjects, the configuration, progress, the outcome of a target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "outcome.h"
#include "progress.h"
#include "seen.h"

static void seen_remembers_everything(void **state)
{
	struct seen seen = {0};
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "host-%d.example", i);
		assert_false(seen_has(&seen, seen_key("ns", name)));
		assert_int_equal(seen_add(&seen, seen_key("ns", name)), ST_OK);
		assert_int_equal(seen_add(&seen, seen_key("ns", name)), ST_OK);
	}
	assert_int_equal(seen.count, 20000);
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "host-%d.example", i);
		assert_true(seen_has(&seen, seen_key("ns", name)));
		assert_false(seen_has(&seen, seen_key("mx", name)));
	}
	seen_release(&seen);
}

static int read_config(struct config *config, const char *const *word, int count)
{
	char *argv[16];
	int i, first = 0;
	enum status status;

	for (i = 0; i < count; i++)
		argv[i] = strdup(word[i]);
	argv[count] = NULL;
	status = config_read(config, CONFIG_SCAN, count, argv, &first);
	for (i = 0; i < count; i++)
		free(argv[i]);
	return status == ST_OK ? first : -1;
}

static void config_reads_options(void **state)
{
	static const char *const good[] = {"scan", "--rate", "2.5", "-r", "192.0.2.1", "--resolver=192.0.2.2",
	    "--pause", "0.5", "--port-http", "8080", "--keep-bodies", "list.txt"};
	struct config config;

	(void)state;
	config_init(&config);
	assert_int_equal(read_config(&config, good, 12), 11);
	assert_true(config.rate == 2.5);
	assert_int_equal(config.resolver.count, 2);
	assert_string_equal(config.resolver.item[1], "192.0.2.2");
	assert_int_equal(config.pause, 500000);
	assert_int_equal(config.port_http, 8080);
	assert_int_equal(config.port_https, 443);
	assert_true(config.keep_bodies);
	config_release(&config);
}

static void config_refuses_nonsense(void **state)
{
	static const char *const bad[][3] = {{"scan", "--rate", "fast"}, {"scan", "--rate", "-1"},
	    {"scan", "--port-http", "70000"}, {"scan", "--port-http", "0"}, {"scan", "--concurrency", "0"},
	    {"scan", "--retries", "0"}, {"scan", "--retries", "11"}, {"scan", "--retries", "-1"},
	    {"scan", "--concurrency", "1e3"}, {"scan", "--no-such", "x"}, {"scan", "--timeout", ""}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config config;

		config_init(&config);
		assert_int_equal(read_config(&config, bad[i], 3), -1);
		config_release(&config);
	}
}

/* What is accepted is what is in force, and what the run's description says. */
static void config_tells_the_retries(void **state)
{
	static const char *const word[][3] = {{"scan", "--retries", "1"}, {"scan", "--retries", "10"}};
	static const char *const said[] = {"retries = 1\n", "retries = 10\n"};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct config config;
		struct buf out = {0};

		config_init(&config);
		assert_int_equal(read_config(&config, word[i], 3), 3);
		config_describe(&config, &out);
		assert_non_null(strstr(buf_text(&out), said[i]));
		buf_release(&out);
		config_release(&config);
	}
}

static void config_option_beats_file(void **state)
{
	char path[] = "/tmp/mooring-conf-XXXXXX";
	const char *const word[] = {"scan", "--config", path, "--rate", "7", "x"};
	static const char text[] =
	    "[pace]\nrate = 3\nconcurrency = 5\n[dns]\nresolver = 192.0.2.9\nresolver = 192.0.2.10\n";
	int fd = mkstemp(path);
	struct config config;
	struct buf out = {0};

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	config_init(&config);
	assert_int_equal(read_config(&config, word, 6), 5);
	assert_true(config.rate == 7);
	assert_int_equal(config.concurrency, 5);
	assert_int_equal(config.resolver.count, 2);
	config_describe(&config, &out);
	assert_non_null(strstr(buf_text(&out), "rate = 7\n"));
	assert_non_null(strstr(buf_text(&out), "resolver = 192.0.2.9\nresolver = 192.0.2.10\n"));
	assert_null(strstr(buf_text(&out), "config ="));
	buf_release(&out);
	config_release(&config);
	unlink(path);
}

static void config_names_the_bad_line(void **state)
{
	static const char *const text[] = {"rate = 3\nno-such-key = 1\n", "rate = many\n", "just words\n"};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		char path[] = "/tmp/mooring-conf-XXXXXX";
		const char *const word[] = {"scan", "--config", path, "x"};
		int fd = mkstemp(path);
		struct config config;

		assert_true(write(fd, text[i], strlen(text[i])) > 0);
		close(fd);
		config_init(&config);
		assert_int_equal(read_config(&config, word, 4), -1);
		config_release(&config);
		unlink(path);
	}
}

static void progress_orders_by_frequency(void **state)
{
	struct progress progress;
	struct buf out = {0};
	int i;

	(void)state;
	progress_begin(&progress, true, 10, 0);
	progress_count(&progress, "TIMEOUT");
	for (i = 0; i < 3; i++)
		progress_count(&progress, "live");
	for (i = 0; i < 2; i++)
		progress_count(&progress, "error");
	progress_summary(&progress, 2, &out);
	assert_string_equal(buf_text(&out), "live 3, error 2, 1 kinds more");
	assert_int_equal(progress.done, 6);
	buf_release(&out);
}

/* A target with one name and, unless NULL, one session. */
static const char *outcome_for(
    struct target *target, struct session *session, enum status a, enum status aaaa, size_t addresses)
{
	struct record *record;

	target->job.arena = arena_new(0);
	target->job.domain = target->registrable = target->name[0].name = "a.example";
	target->stratum = "register";
	target->name_count = 1;
	target->name[0].address_status[0] = a;
	target->name[0].address_status[1] = aaaa;
	target->name[0].address_count = addresses;
	target->session = session;
	record = outcome_record(target);
	return record_get_text(record, "outcome");
}

static void check_dns(enum status a, enum status aaaa, const char *wanted)
{
	struct target target = {0};

	assert_string_equal(outcome_for(&target, NULL, a, aaaa, 0), wanted);
	arena_free(target.job.arena);
}

static void outcome_without_address_is_what_dns_said(void **state)
{
	(void)state;
	check_dns(ST_NXDOMAIN, ST_NXDOMAIN, "resolve_nx");
	check_dns(ST_NODATA, ST_NODATA, "NODATA");
	check_dns(ST_SERVFAIL, ST_NODATA, "SERVFAIL");
	check_dns(ST_TIMEOUT, ST_TIMEOUT, "TIMEOUT");
	check_dns(ST_REFUSED, ST_REFUSED, "REFUSED");
	check_dns(ST_MALFORMED, ST_NODATA, "MALFORMED");
}

static void outcome_is_of_the_session_that_says_most(void **state)
{
	struct target target = {0};
	struct session second = {.status = ST_IO_TIMEOUT, .connection.endpoint.tls = true};
	struct session first = {.status = ST_CONNECTION_REFUSED, .next = &second};

	(void)state;
	assert_string_equal(outcome_for(&target, &first, ST_NOERROR, ST_NODATA, 1), "IO_TIMEOUT");
	arena_free(target.job.arena);
	first.http_status_code = 503;
	assert_string_equal(outcome_for(&target, &first, ST_NOERROR, ST_NODATA, 1), "error");
	arena_free(target.job.arena);
	second.offsite = true;
	assert_string_equal(outcome_for(&target, &first, ST_NOERROR, ST_NODATA, 1), "redirect_offsite");
	arena_free(target.job.arena);
	second.offsite = false;
	first.http_status_code = 0;
	target.timed_out = true;
	assert_string_equal(outcome_for(&target, &first, ST_NOERROR, ST_NODATA, 1), "TARGET_TIMEOUT");
	arena_free(target.job.arena);
	target.blocked = true;
	assert_string_equal(outcome_for(&target, NULL, ST_OK, ST_OK, 0), "BLOCKLISTED");
	arena_free(target.job.arena);
}

static void outcome_of_a_redirect_is_where_it_leads(void **state)
{
	struct target target = {0};
	struct session https = {.status = ST_CONNECTION_REFUSED, .connection.endpoint.tls = true};
	struct session http = {.status = ST_OK, .http_status_code = 301, .elsewhere = &https, .next = &https};

	(void)state;
	assert_string_equal(outcome_for(&target, &http, ST_NOERROR, ST_NODATA, 1), "CONNECTION_REFUSED");
	arena_free(target.job.arena);
	https.status = ST_OK;
	https.http_status_code = 302;
	https.elsewhere = &http;
	assert_string_equal(outcome_for(&target, &http, ST_NOERROR, ST_NODATA, 1), "error");
	arena_free(target.job.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(seen_remembers_everything),
	    cmocka_unit_test(config_reads_options), cmocka_unit_test(config_refuses_nonsense),
	    cmocka_unit_test(config_tells_the_retries), cmocka_unit_test(config_option_beats_file),
	    cmocka_unit_test(config_names_the_bad_line), cmocka_unit_test(progress_orders_by_frequency),
	    cmocka_unit_test(outcome_without_address_is_what_dns_said),
	    cmocka_unit_test(outcome_is_of_the_session_that_says_most),
	    cmocka_unit_test(outcome_of_a_redirect_is_where_it_leads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
