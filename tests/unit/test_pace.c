/* Rates and limits, on a clock that the test moves; and once on a real event loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "pace.h"

enum { SECOND = 1000000, MANY = 10000 };

/* A request with what came of it. */
struct ask {
	struct pace_ticket ticket;
	struct address address;
	unsigned permits, order;
};

static unsigned permit_count;

static void on_permit(void *arg)
{
	struct ask *ask = arg;

	ask->permits++;
	ask->order = ++permit_count;
}

static struct pace *fixture(
    double rate, unsigned burst, unsigned per_address, unsigned per_network, int64_t pause)
{
	struct pace_options options = {.rate = rate,
	    .burst = burst,
	    .per_address = per_address,
	    .per_network = per_network,
	    .pause_us = pause};
	struct pace *pace = pace_new(NULL, &options);

	assert_non_null(pace);
	permit_count = 0;
	return pace;
}

static void request(struct pace *pace, struct ask *ask, const char *address)
{
	bool valid = address == NULL || address_parse(&ask->address, address);

	assert_true(valid);
	assert_true(pace_request(pace, &ask->ticket, address == NULL ? NULL : &ask->address, on_permit, ask));
	assert_int_equal(ask->ticket.state, PACE_WAITING);
}

/* Ticks until nothing is due at that time any more. */
static int64_t tick_all(struct pace *pace, int64_t now)
{
	int64_t due;

	do
		due = pace_tick(pace, now);
	while (due <= now);
	return due;
}

static void test_rate(void **state)
{
	struct pace *pace = fixture(100, 2, 0, 0, 0);
	struct ask ask[10] = {0};
	int64_t now = 5 * SECOND;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		request(pace, &ask[i], i % 2 == 0 ? NULL : "192.0.2.1");
	assert_int_equal(permit_count, 0); /* never from inside */
	now = tick_all(pace, now);
	assert_int_equal(permit_count, 2);
	for (i = 3; i <= 10; i++) {
		assert_int_equal(now, 5 * SECOND + (i - 2) * 10000);
		pace_tick(pace, now - 1);
		assert_int_equal(permit_count, i - 1);
		now = tick_all(pace, now);
		assert_int_equal(permit_count, i);
	}
	assert_true(now == INT64_MAX);
	assert_int_equal(pace_waiting(pace), 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(ask[i].permits, 1);
		assert_int_equal(ask[i].order, i + 1);
	}
	pace_free(pace);
}

/* After a quiet hour no more than the burst passes at once. */
static void test_burst(void **state)
{
	struct pace *pace = fixture(10, 5, 0, 0, 0);
	struct ask *ask = calloc(MANY, sizeof(*ask));
	int64_t now = 0;
	unsigned i;

	(void)state;
	tick_all(pace, now);
	now += 3600LL * SECOND;
	for (i = 0; i < MANY; i++)
		request(pace, &ask[i], NULL);
	tick_all(pace, now);
	assert_int_equal(permit_count, 5);
	now += 10LL * SECOND - 1;
	tick_all(pace, now);
	assert_int_equal(permit_count, 10);
	for (i = 0; i < 1000; i++)
		tick_all(pace, now += SECOND / 100);
	assert_in_range(permit_count, 109, 110);
	pace_free(pace);
	free(ask);
}

/* A rate is reached whatever the granularity of ticks within 10 ms, and never passed. */
static void test_rate_over_time(void **state)
{
	static const int64_t steps[] = {17, 250, 1000, 4000, 9999};
	struct ask *ask = calloc(MANY, sizeof(*ask));
	unsigned i, s;

	(void)state;
	for (s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct pace *pace = fixture(4000, 1, 0, 0, 0);
		int64_t now = 0;

		memset(ask, 0, MANY * sizeof(*ask));
		for (i = 0; i < MANY; i++)
			request(pace, &ask[i], NULL);
		for (; now <= 2 * SECOND; now += steps[s])
			tick_all(pace, now);
		assert_in_range(permit_count, 7900, 8000 + 40);
		pace_free(pace);
	}
	free(ask);
}

/* Packets that went out unasked are paid for by the permits behind them; a debt has a bound. */
static void test_debit(void **state)
{
	struct pace *pace = fixture(10, 5, 0, 0, 0);
	struct ask ask[100] = {0}, last = {0};
	unsigned i;

	(void)state;
	tick_all(pace, 0);
	for (i = 0; i < 100; i++)
		request(pace, &ask[i], NULL);
	pace_debit(pace, 3);
	tick_all(pace, 0);
	assert_int_equal(permit_count, 2);
	pace_debit(pace, 20); /* two seconds of the rate */
	assert_int_equal(tick_all(pace, 0), 2 * SECOND + SECOND / 10);
	tick_all(pace, 2 * SECOND);
	assert_int_equal(permit_count, 2);
	tick_all(pace, 3 * SECOND);
	assert_in_range(permit_count, 7, 12);
	permit_count = 0;
	pace_debit(pace, 1000000);
	tick_all(pace, 62 * SECOND);
	assert_int_equal(permit_count, 0);
	tick_all(pace, 64 * SECOND);
	assert_in_range(permit_count, 5, 11);
	pace_free(pace);
	/* Without a rate there is nothing to pay with. */
	pace = fixture(0, 0, 0, 0, 0);
	pace_debit(pace, 1000000);
	request(pace, &last, NULL);
	tick_all(pace, 0);
	assert_int_equal(permit_count, 1);
	pace_free(pace);
}

static void test_per_address(void **state)
{
	struct pace *pace = fixture(0, 0, 2, 0, 0);
	struct ask ask[5] = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++)
		request(pace, &ask[i], "2001:db8::1");
	request(pace, &ask[4], "2001:db8::2");
	tick_all(pace, 0);
	assert_int_equal(permit_count, 3);
	assert_int_equal(ask[0].permits + ask[1].permits + ask[4].permits, 3);
	pace_release(pace, &ask[1].ticket);
	pace_release(pace, &ask[1].ticket);
	tick_all(pace, 0);
	assert_int_equal(ask[2].permits, 1);
	assert_int_equal(ask[3].permits, 0);
	pace_release(pace, &ask[4].ticket);
	tick_all(pace, 0);
	assert_int_equal(ask[3].permits, 0);
	pace_release(pace, &ask[0].ticket);
	tick_all(pace, 0);
	assert_int_equal(ask[3].permits, 1);
	pace_release(pace, &ask[2].ticket);
	pace_release(pace, &ask[3].ticket);
	assert_int_equal(pace_remembered(pace), 0);
	pace_free(pace);
}

static void test_per_network(void **state)
{
	struct pace *pace = fixture(0, 0, 0, 2, 0);
	struct ask ask[8] = {0};

	(void)state;
	request(pace, &ask[0], "192.0.2.1");
	request(pace, &ask[1], "192.0.2.2");
	request(pace, &ask[2], "192.0.2.3");
	request(pace, &ask[3], "192.0.2.4");
	request(pace, &ask[4], "192.0.3.1"); /* another /24 */
	request(pace, &ask[5], "2001:db8:1:1::1");
	request(pace, &ask[6], "2001:db8:1:2::1"); /* the same /48 */
	request(pace, &ask[7], "2001:db8:1:3::1");
	tick_all(pace, 0);
	assert_int_equal(permit_count, 5);
	assert_int_equal(ask[2].permits + ask[3].permits + ask[7].permits, 0);
	pace_release(pace, &ask[5].ticket);
	pace_release(pace, &ask[0].ticket);
	tick_all(pace, 0);
	assert_int_equal(ask[7].permits, 1);
	assert_int_equal(ask[2].permits, 1);
	assert_int_equal(ask[3].permits, 0);
	/* The one whose turn it is now goes away: the turn must not be lost. */
	request(pace, &ask[0], "192.0.2.9");
	pace_release(pace, &ask[1].ticket);
	pace_cancel(pace, &ask[3].ticket);
	tick_all(pace, 0);
	assert_int_equal(ask[3].permits, 0);
	assert_int_equal(ask[0].permits, 2);
	pace_free(pace);
}

static void test_pause(void **state)
{
	struct pace *pace = fixture(0, 0, 0, 0, SECOND);
	struct ask ask[4] = {0};
	int64_t due;

	(void)state;
	request(pace, &ask[0], "192.0.2.1");
	request(pace, &ask[1], "192.0.2.1");
	request(pace, &ask[2], "192.0.2.1");
	request(pace, &ask[3], "192.0.2.2");
	due = tick_all(pace, 0);
	assert_int_equal(ask[0].permits + ask[3].permits, 2);
	assert_int_equal(permit_count, 2);
	assert_int_equal(due, SECOND);
	pace_release(pace, &ask[0].ticket); /* the pause counts from the start, whatever ends */
	pace_tick(pace, SECOND - 1);
	assert_int_equal(permit_count, 2);
	due = tick_all(pace, SECOND + 500);
	assert_int_equal(ask[1].permits, 1);
	assert_int_equal(permit_count, 3);
	assert_int_equal(due, 2 * SECOND + 500);
	tick_all(pace, due);
	assert_int_equal(ask[2].permits, 1);
	/* Remembered for the pause, also when nobody is connected: a third start has to wait. */
	pace_release(pace, &ask[1].ticket);
	pace_release(pace, &ask[2].ticket);
	pace_release(pace, &ask[3].ticket);
	assert_int_equal(pace_remembered(pace), 1);
	request(pace, &ask[0], "192.0.2.1");
	pace_tick(pace, due + SECOND - 1);
	assert_int_equal(ask[0].permits, 1);
	pace_cancel(pace, &ask[0].ticket);
	pace_tick(pace, due + SECOND);
	assert_int_equal(pace_remembered(pace), 0);
	pace_free(pace);
}

/* One address with a hundred requests does not keep the others waiting; nor do queries and connections each
 * other. */
static void test_fair(void **state)
{
	struct pace *pace = fixture(0, 0, 0, 0, 1);
	struct ask big[100] = {0}, small = {0}, query[100] = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 100; i++)
		request(pace, &big[i], "192.0.2.1");
	for (i = 0; i < 100; i++)
		request(pace, &query[i], NULL);
	request(pace, &small, "198.51.100.1");
	for (i = 0; i < 1000; i++)
		tick_all(pace, i);
	assert_int_equal(permit_count, 201);
	assert_true(small.order <= 4);
	assert_true(query[1].order <= 4);
	assert_true(big[0].order <= 4);
	for (i = 1; i < 100; i++)
		assert_true(big[i].order > big[i - 1].order);
	pace_free(pace);
}

static void test_cancel(void **state)
{
	struct pace *pace = fixture(1, 1, 1, 1, 0);
	struct ask ask[4] = {0};

	(void)state;
	request(pace, &ask[0], "192.0.2.1");
	request(pace, &ask[1], "192.0.2.1");
	request(pace, &ask[2], NULL);
	request(pace, &ask[3], "192.0.2.7");
	pace_cancel(pace, &ask[0].ticket);
	pace_cancel(pace, &ask[2].ticket);
	pace_cancel(pace, &ask[2].ticket);
	assert_int_equal(pace_waiting(pace), 2);
	tick_all(pace, 0);
	assert_int_equal(ask[1].permits, 1);
	pace_cancel(pace, &ask[1].ticket); /* too late */
	assert_int_equal(ask[1].ticket.state, PACE_HELD);
	tick_all(pace, 10 * SECOND);
	assert_int_equal(ask[3].permits, 0);
	pace_release(pace, &ask[1].ticket);
	tick_all(pace, 10 * SECOND);
	assert_int_equal(ask[3].permits, 1);
	assert_int_equal(ask[0].permits + ask[2].permits, 0);
	pace_cancel(pace, &ask[0].ticket);
	pace_release(pace, &ask[0].ticket);
	pace_free(pace);
}

/* A callback that asks again, ends itself and cancels its neighbour. */
struct again {
	struct ask ask;
	struct pace *pace;
	struct ask *neighbour;
	unsigned rounds;
};

static void on_again(void *arg)
{
	struct again *again = arg;

	on_permit(&again->ask);
	pace_release(again->pace, &again->ask.ticket);
	pace_cancel(again->pace, &again->neighbour->ticket);
	if (--again->rounds > 0)
		pace_request(again->pace, &again->ask.ticket, &again->ask.address, on_again, again);
}

static void test_reentry(void **state)
{
	struct pace *pace = fixture(0, 0, 1, 1, 0);
	struct ask neighbour = {0};
	struct again again = {.pace = pace, .neighbour = &neighbour, .rounds = 1000};

	(void)state;
	assert_true(address_parse(&again.ask.address, "192.0.2.1"));
	pace_request(pace, &again.ask.ticket, &again.ask.address, on_again, &again);
	request(pace, &neighbour, "192.0.2.2");
	/* An endless asker does not keep the loop: a tick ends all the same. */
	assert_int_equal(pace_tick(pace, 7), 7);
	assert_in_range(again.ask.permits, 1, 999);
	tick_all(pace, 7);
	assert_int_equal(again.ask.permits, 1000);
	assert_int_equal(neighbour.permits, 0);
	assert_int_equal(pace_remembered(pace), 0);
	pace_free(pace);
}

/* A random crowd: limits hold at every step, nobody is forgotten, and the memory is given back. */
static void test_crowd(void **state)
{
	enum { PER_ADDRESS = 2, PER_NETWORK = 3, NETWORKS = 20, HOSTS = 8 };
	struct pace *pace = fixture(20000, 10, PER_ADDRESS, PER_NETWORK, 2000);
	struct ask *ask = calloc(MANY, sizeof(*ask));
	unsigned i, left = MANY, seed = 1, seen = 0;
	int64_t now = 0;

	(void)state;
	for (i = 0; i < MANY; i++) {
		seed = seed * 1664525 + 1013904223;
		ask[i].address = (struct address){
		    4, {10, 0, (uint8_t)(seed >> 8) % NETWORKS, (uint8_t)(seed >> 16) % HOSTS}};
		assert_true(pace_request(pace, &ask[i].ticket, &ask[i].address, on_permit, &ask[i]));
	}
	while (left > 0) {
		unsigned active[NETWORKS][HOSTS] = {0}, in_network[NETWORKS] = {0};

		assert_true(now < 60LL * SECOND);
		tick_all(pace, now += 500);
		for (i = 0; i < MANY; i++) {
			const uint8_t *octet = ask[i].address.octet;

			if (ask[i].ticket.state == PACE_IDLE)
				continue;
			seed = seed * 1664525 + 1013904223;
			if (ask[i].ticket.state == PACE_HELD) {
				assert_true(++active[octet[2]][octet[3]] <= PER_ADDRESS);
				assert_true(++in_network[octet[2]] <= PER_NETWORK);
			}
			if (ask[i].ticket.state == PACE_HELD && seed >> 30 == 0) {
				pace_release(pace, &ask[i].ticket);
				left--;
			} else if (ask[i].ticket.state == PACE_WAITING && seed >> 17 == 0) {
				pace_cancel(pace, &ask[i].ticket);
				left--;
				seen++;
			}
		}
		assert_true(pace_remembered(pace) <= NETWORKS * HOSTS);
	}
	assert_int_equal(permit_count + seen, MANY);
	tick_all(pace, now + SECOND);
	assert_int_equal(pace_remembered(pace), 0);
	assert_int_equal(pace_waiting(pace), 0);
	pace_free(pace);
	free(ask);
}

/* 100,000 addresses one after the other, 10,000 waiting at a time: fast, and only the last ones are
 * remembered. */
static void test_many_addresses(void **state)
{
	struct pace *pace = fixture(0, 0, 1, 0, SECOND);
	struct ask *ask = calloc(MANY, sizeof(*ask));
	clock_t started = clock();
	int64_t now = 0;
	unsigned i, round;

	(void)state;
	for (round = 0; round < 10; round++) {
		for (i = 0; i < MANY; i++) {
			ask[i].address =
			    (struct address){4, {(uint8_t)(round + 1), (uint8_t)(i >> 8), (uint8_t)i, 1}};
			assert_true(pace_request(pace, &ask[i].ticket, &ask[i].address, on_permit, &ask[i]));
		}
		assert_int_equal(pace_waiting(pace), MANY);
		tick_all(pace, now += 2 * SECOND);
		for (i = 0; i < MANY; i++)
			pace_release(pace, &ask[i].ticket);
		assert_int_equal(pace_remembered(pace), MANY);
	}
	assert_int_equal(permit_count, 10 * MANY);
	assert_true(clock() - started < 8 * CLOCKS_PER_SEC); /* processor time */
	pace_free(pace);
	free(ask);
}

static void test_event_loop(void **state)
{
	struct pace_options options = {.rate = 200, .burst = 2, .per_address = 1, .pause_us = 30000};
	struct event_base *base = event_base_new();
	struct pace *pace = pace_new(base, &options);
	struct ask ask[20] = {0};
	int64_t started = clock_monotonic();
	unsigned i;

	(void)state;
	permit_count = 0;
	for (i = 0; i < 18; i++)
		request(pace, &ask[i], NULL);
	request(pace, &ask[18], "192.0.2.1");
	request(pace, &ask[19], "192.0.2.1");
	while (ask[18].permits == 0)
		event_base_loop(base, EVLOOP_ONCE);
	pace_release(pace, &ask[18].ticket);
	event_base_dispatch(base); /* ends when nothing waits any more: no timer is left running */
	assert_int_equal(permit_count, 20);
	assert_int_equal(ask[19].permits, 1);
	/* 18 permits behind the burst take 90 ms; timers are coarse and the machine may be busy. */
	assert_in_range(clock_monotonic() - started, 80000, 20000000);
	pace_free(pace);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_burst),
	    cmocka_unit_test(test_rate_over_time),
	    cmocka_unit_test(test_debit),
	    cmocka_unit_test(test_per_address),
	    cmocka_unit_test(test_per_network),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_fair),
	    cmocka_unit_test(test_cancel),
	    cmocka_unit_test(test_reentry),
	    cmocka_unit_test(test_crowd),
	    cmocka_unit_test(test_many_addresses),
	    cmocka_unit_test(test_event_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
