/* Waits between tries, and the stop that ends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/retry.h"
#include "base/stop.h"

#include <poll.h>
#include <signal.h>

static void
waits_double_up_to_the_longest(void **state)
{
	Retry retry = RETRY_INIT(100, 1000);
	static const int expected[] = {100, 200, 400, 800, 1000, 1000, 1000};

	(void) state;
	for (int round = 0; round < 100; round++)
	{
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		{
			int wait_ms = retry_next_ms(&retry);

			assert_in_range(wait_ms, expected[i] * 3 / 4, expected[i]);
			assert_int_equal(retry.tries, i + 1);
		}
		retry_reset(&retry);
		assert_int_equal(retry.tries, 0);
	}
}

static void
odd_limits_are_survived(void **state)
{
	Retry zero = RETRY_INIT(0, 0);
	Retry first_above_max = RETRY_INIT(5000, 100);
	Retry huge = RETRY_INIT(INT32_MAX / 2 + 1, INT32_MAX);

	(void) state;
	assert_int_equal(retry_next_ms(&zero), 1);
	assert_int_equal(retry_next_ms(&zero), 1);
	assert_in_range(retry_next_ms(&first_above_max), 75, 100);
	for (int i = 0; i < 5; i++)
		assert_true(retry_next_ms(&huge) > 0);
}

/* In this order: a stop cannot be taken back. */
static void
a_hangup_is_taken_once_for_each_signal(void **state)
{
	Error err = ERROR_INIT;
	struct pollfd event = {.events = POLLIN};

	(void) state;
	assert_true(stop_install(&err));
	event.fd = stop_hangup_fd();
	assert_false(stop_take_hangup());
	assert_int_equal(poll(&event, 1, 0), 0);
	raise(SIGHUP);
	raise(SIGHUP);
	assert_int_equal(poll(&event, 1, 0), 1);
	assert_true(stop_take_hangup());
	assert_int_equal(poll(&event, 1, 0), 1);
	assert_true(stop_take_hangup());
	assert_false(stop_take_hangup());
	assert_int_equal(poll(&event, 1, 0), 0);
	assert_false(stop_requested());
}

static void
a_signal_ends_the_wait_at_once(void **state)
{
	struct pollfd event = {.fd = stop_fd(), .events = POLLIN};
	int64_t start = clock_monotonic_ms();

	(void) state;
	assert_true(stop_wait(20));
	assert_true(clock_monotonic_ms() - start >= 20);
	assert_int_equal(poll(&event, 1, 0), 0);
	raise(SIGTERM);
	assert_true(stop_requested());
	assert_false(stop_wait(600000));
	assert_int_equal(poll(&event, 1, 0), 1);
	assert_int_equal(poll(&event, 1, 0), 1);
	assert_true(clock_monotonic_ms() - start < 600000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(odd_limits_are_survived),
		cmocka_unit_test(a_hangup_is_taken_once_for_each_signal),
		cmocka_unit_test(a_signal_ends_the_wait_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
