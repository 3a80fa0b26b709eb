/* Text of moments and durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"

#include <string.h>
#include <time.h>

static void
moments_are_written_as_in_the_records(void **state)
{
	char buf[CLOCK_TEXT_SIZE];

	(void) state;
	assert_string_equal(clock_format(0, buf), "1970-01-01 00:00:00.000000+00");
	assert_string_equal(clock_format(-1, buf), "1969-12-31 23:59:59.999999+00");
	assert_string_equal(clock_format(INT64_C(1795491563123456), buf), "2026-11-24 03:39:23.123456+00");
	assert_string_equal(clock_format(INT64_C(951782400000000), buf), "2000-02-29 00:00:00.000000+00");
	/* The whole range fits. */
	assert_string_equal(clock_format(INT64_MAX, buf), "294247-01-10 04:00:54.775807+00");
	assert_string_equal(clock_format(INT64_MIN, buf), "-290308-12-21 19:59:05.224192+00");
}

static void
a_moment_is_read_back(void **state)
{
	char buf[CLOCK_TEXT_SIZE];

	(void) state;
	srand(3);
	for (int i = 0; i < 50000; i++)
	{
		/* From the year 1 to 9999. */
		int64_t range = INT64_C(315537897600) * 1000000;
		int64_t moment =
			(int64_t) (((uint64_t) rand() << 33 ^ (uint64_t) rand() << 11 ^ (uint64_t) rand()) % (uint64_t) range) -
			INT64_C(62135596800) * 1000000;
		int64_t read = 0;

		assert_true(clock_parse(clock_format(moment, buf), &read));
		assert_true(read == moment);
	}
}

static void
the_calendar_agrees_with_the_library(void **state)
{
	char buf[CLOCK_TEXT_SIZE];
	char expected[CLOCK_TEXT_SIZE];

	(void) state;
	for (int64_t day = -200000; day < 400000; day += 13)
	{
		time_t seconds = (time_t) (day * 86400 + 3661);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		/* The library pads the year in its own way. */
		if (tm.tm_year + 1900 < 1000)
			continue;
		strftime(expected, sizeof(expected), "%Y-%m-%d %H:%M:%S.000000+00", &tm);
		assert_string_equal(clock_format((int64_t) seconds * 1000000, buf), expected);
	}
}

static void
offsets_and_fractions_are_read(void **state)
{
	int64_t expected;
	int64_t moment;

	(void) state;
	assert_true(clock_parse("2026-11-24 03:39:23+00", &expected));
	assert_true(clock_parse("2026-11-24 05:09:23+01:30", &moment) && moment == expected);
	assert_true(clock_parse("2026-11-23 22:39:23-05", &moment) && moment == expected);
	assert_true(clock_parse("2026-11-24T03:39:23Z", &moment) && moment == expected);
	assert_true(clock_parse("2026-11-24 03:39:23", &moment) && moment == expected);
	assert_true(clock_parse("2026-11-24 03:39:23.5+00", &moment) && moment == expected + 500000);
	assert_true(clock_parse("2026-11-24 03:39:23.000001999999+00", &moment) && moment == expected + 1);
}

static void
what_is_no_moment_is_refused(void **state)
{
	static const char *const bad[] = {"",
									  "infinity",
									  "2026-11-24",
									  "2026-13-24 03:39:23+00",
									  "2026-02-29 03:39:23+00",
									  "2026-11-24 03:60:23+00",
									  "2026-11-24 25:00:23+00",
									  "2026-11-24 03:39:23.+00",
									  "2026-11-24 03:39:23+0",
									  "2026-11-24 03:39:23+00 BC",
									  "26-11-24 03:39:23+00",
									  "2026-11-24 03:39:23+99"};
	int64_t moment;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(clock_parse(bad[i], &moment));
}

static void
durations_are_short(void **state)
{
	char buf[CLOCK_TEXT_SIZE];

	(void) state;
	assert_string_equal(clock_format_duration(0, buf), "0ms");
	assert_string_equal(clock_format_duration(340, buf), "340ms");
	assert_string_equal(clock_format_duration(12000, buf), "12s");
	assert_string_equal(clock_format_duration(123000, buf), "2m 03s");
	assert_string_equal(clock_format_duration(3723000, buf), "1h 02m 03s");
	assert_string_equal(clock_format_duration(INT64_C(90061000), buf), "1d 01h 01m");
	assert_string_equal(clock_format_duration(-12000, buf), "-12s");
	assert_true(strlen(clock_format_duration(INT64_MIN, buf)) < CLOCK_TEXT_SIZE);
}

static void
the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t last = clock_monotonic_ms();

	(void) state;
	for (int i = 0; i < 1000; i++)
	{
		int64_t now = clock_monotonic_ms();

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_wall_us() > INT64_C(1700000000) * 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_written_as_in_the_records), cmocka_unit_test(a_moment_is_read_back),
		cmocka_unit_test(the_calendar_agrees_with_the_library),  cmocka_unit_test(offsets_and_fractions_are_read),
		cmocka_unit_test(what_is_no_moment_is_refused),          cmocka_unit_test(durations_are_short),
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
