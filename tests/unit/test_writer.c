/* The writer: order, bounds, waking the loop, commits by time and number, errors. */
#include "store_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include "core/clock.h"
#include "core/limits.h"
#include "results/writer.h"

struct fake {
	struct sink sink;
	pthread_mutex_t mutex;
	sem_t gate; /* put() passes one at a time when `gated` */
	bool gated;
	size_t puts, commits, closes, uncommitted, most_uncommitted, fail_at;
	pthread_t thread;
	char names[64];
};

static enum status fake_put(struct sink *sink, const struct batch *batch)
{
	struct fake *fake = (struct fake *)sink;
	enum status status = ST_OK;
	const char *name = record_get_text(batch->first, "name");

	if (fake->gated)
		sem_wait(&fake->gate);
	pthread_mutex_lock(&fake->mutex);
	if (fake->puts < sizeof(fake->names) - 1)
		fake->names[fake->puts] = name[0];
	fake->thread = pthread_self();
	if (++fake->puts == fake->fail_at)
		status = ST_SYSTEM;
	if (++fake->uncommitted > fake->most_uncommitted)
		fake->most_uncommitted = fake->uncommitted;
	pthread_mutex_unlock(&fake->mutex);
	return status;
}

static enum status fake_commit(struct sink *sink)
{
	struct fake *fake = (struct fake *)sink;

	pthread_mutex_lock(&fake->mutex);
	fake->commits++;
	fake->uncommitted = 0;
	pthread_mutex_unlock(&fake->mutex);
	return ST_OK;
}

static const char *fake_error(const struct sink *sink)
{
	(void)sink;
	return "it broke";
}

static enum status fake_close(struct sink *sink)
{
	struct fake *fake = (struct fake *)sink;

	fake->closes++;
	return ST_OK;
}

static const struct sink_class fake_class = {
    .name = "fake", .put = fake_put, .commit = fake_commit, .error = fake_error, .close = fake_close};

static void fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->sink.class = &fake_class;
	pthread_mutex_init(&fake->mutex, NULL);
	sem_init(&fake->gate, 0, 0);
}

static size_t commits_of(struct fake *fake)
{
	size_t commits;

	pthread_mutex_lock(&fake->mutex);
	commits = fake->commits;
	pthread_mutex_unlock(&fake->mutex);
	return commits;
}

static struct writer *start(struct fake *fake, size_t count)
{
	struct sink *sink[WRITER_SINKS];
	struct writer *writer;
	size_t i;

	for (i = 0; i < count; i++)
		sink[i] = &fake[i].sink;
	writer = writer_start(sink, count);
	assert_non_null(writer);
	return writer;
}

static void submit(struct writer *writer, const char *name)
{
	struct batch *batch = new_batch();

	if (name != NULL)
		add_thing(batch, "a.example", name, 1);
	writer_submit(writer, batch);
}

static bool readable(struct writer *writer, int milliseconds)
{
	struct pollfd fd = {.fd = writer_fd(writer), .events = POLLIN};

	return poll(&fd, 1, milliseconds) == 1;
}

static void all_sinks_get_all_in_order(void **state)
{
	struct fake fake[2];
	struct writer *writer;
	char text[WRITER_ERROR] = "?";

	(void)state;
	fake_init(&fake[0]);
	fake_init(&fake[1]);
	writer = start(fake, 2);
	submit(writer, "a");
	submit(writer, NULL);
	submit(writer, "b");
	submit(writer, "c");
	assert_int_equal(writer_close(writer, text), ST_OK);
	assert_string_equal(text, "");
	assert_string_equal(fake[0].names, "abc");
	assert_string_equal(fake[1].names, "abc");
	assert_int_equal(fake[0].closes, 1);
	assert_false(pthread_equal(fake[0].thread, pthread_self()));
}

static void the_queue_is_bounded_and_wakes(void **state)
{
	struct fake fake;
	struct writer *writer;
	int i;

	(void)state;
	fake_init(&fake);
	fake.gated = true;
	writer = start(&fake, 1);
	for (i = 0; i < LIMIT_WRITER_QUEUE; i++) {
		assert_false(writer_full(writer));
		submit(writer, "x");
	}
	assert_true(writer_full(writer));
	assert_int_equal(writer_pending(writer), LIMIT_WRITER_QUEUE);
	assert_false(readable(writer, 0));
	for (i = 0; i < LIMIT_WRITER_QUEUE; i++)
		sem_post(&fake.gate);
	assert_true(readable(writer, 5000));
	writer_acknowledge(writer);
	assert_false(readable(writer, 0));
	assert_false(writer_full(writer));
	assert_int_equal(writer_close(writer, NULL), ST_OK);
	assert_int_equal(fake.puts, LIMIT_WRITER_QUEUE);
}

static void large_batches_fill_the_queue(void **state)
{
	struct fake fake;
	struct writer *writer;
	struct batch *batch;
	int i;

	(void)state;
	fake_init(&fake);
	fake.gated = true;
	writer = start(&fake, 1);
	for (i = 0; i < 3; i++) {
		batch = new_batch();
		add_thing(batch, "a.example", "x", 1);
		assert_non_null(arena_alloc(batch->arena, 30 * 1024 * 1024));
		assert_false(writer_full(writer));
		writer_submit(writer, batch);
	}
	assert_true(writer_full(writer));
	for (i = 0; i < 3; i++)
		sem_post(&fake.gate);
	assert_int_equal(writer_close(writer, NULL), ST_OK);
}

static void commits_come_by_time(void **state)
{
	struct fake fake;
	struct writer *writer;
	int64_t begin = clock_monotonic();

	(void)state;
	fake_init(&fake);
	writer = start(&fake, 1);
	submit(writer, "x");
	while (commits_of(&fake) == 0 && clock_monotonic() - begin < 5000000)
		usleep(10000);
	assert_int_equal(commits_of(&fake), 1);
	assert_true(clock_monotonic() - begin > 900000);
	assert_true(clock_monotonic() - begin < 1500000);
	assert_int_equal(writer_close(writer, NULL), ST_OK);
}

static void commits_come_by_number(void **state)
{
	struct fake fake;
	struct writer *writer;
	int i;

	(void)state;
	fake_init(&fake);
	writer = start(&fake, 1);
	for (i = 0; i < 2500; i++)
		submit(writer, "x");
	assert_int_equal(writer_close(writer, NULL), ST_OK);
	assert_int_equal(fake.puts, 2500);
	assert_true(fake.commits >= 2);
	assert_int_equal(fake.most_uncommitted, 1000);
}

static void errors_stay_and_wake(void **state)
{
	struct fake fake[2];
	struct writer *writer;
	char text[WRITER_ERROR] = "";

	(void)state;
	fake_init(&fake[0]);
	fake_init(&fake[1]);
	fake[0].fail_at = 2;
	writer = start(fake, 2);
	submit(writer, "a");
	assert_int_equal(writer_error(writer, NULL), ST_OK);
	submit(writer, "b");
	assert_true(readable(writer, 5000));
	assert_int_equal(writer_error(writer, text), ST_SYSTEM);
	assert_string_equal(text, "it broke");
	submit(writer, "c");
	assert_int_equal(writer_close(writer, text), ST_SYSTEM);
	assert_string_equal(text, "it broke");
	assert_string_equal(fake[0].names, "ab");
	/* The batch that one sink refused reached the other. */
	assert_string_equal(fake[1].names, "ab");
	assert_int_equal(fake[0].closes, 1);
}

static void the_store_is_written_from_the_thread(void **state)
{
	struct store *store = open_store("writer.db", NULL);
	struct writer *writer;
	struct sink *sink;
	struct batch *batch;
	char domain[32];
	int i;

	(void)state;
	begin_run(store, "v", "r1", NULL);
	sink = sink_sqlite_new(store);
	writer = writer_start(&sink, 1);
	assert_non_null(writer);
	for (i = 0; i < 200; i++) {
		batch = new_batch();
		snprintf(domain, sizeof(domain), "d%d.example", i);
		add_thing(batch, domain, "x", 1);
		add_outcome_record(batch, domain, "live", 1);
		writer_submit(writer, batch);
		store_is_done(store, domain);
	}
	assert_int_equal(writer_close(writer, NULL), ST_OK);
	assert_true(store_is_done(store, "d199.example"));
	assert_int_equal(query_int(store, "SELECT count(*) FROM thing"), 200);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_sinks_get_all_in_order),
	    cmocka_unit_test(the_queue_is_bounded_and_wakes),
	    cmocka_unit_test(large_batches_fill_the_queue),
	    cmocka_unit_test(commits_come_by_time),
	    cmocka_unit_test(commits_come_by_number),
	    cmocka_unit_test(errors_stay_and_wake),
	    cmocka_unit_test(the_store_is_written_from_the_thread),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
