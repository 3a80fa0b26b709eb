/* Floating-point numbers as text: what printf() and strtod() find by trying, digit for digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mysql/my_double.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static StrBuf out = STRBUF_INIT;

static void
check(double value, bool as_float)
{
	char expected[40];

	for (int digits = as_float ? 6 : 15; digits <= (as_float ? 9 : 17); digits++)
	{
		snprintf(expected, sizeof(expected), "%.*g", digits, value);
		if (as_float ? strtof(expected, NULL) == (float) value : strtod(expected, NULL) == value)
			break;
	}
	strbuf_reset(&out);
	my_append_double(&out, value, as_float);
	if (strcmp(out.data, expected) != 0 || out.length != strlen(expected))
		fail_msg("%a: \"%s\" instead of \"%s\"", value, out.data, expected);
}

static void
check_both(double value)
{
	check(value, false);
	check(-value, false);
	check((float) value, true);
	check(-(float) value, true);
}

static uint64_t
next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void
known_numbers(void **state)
{
	static const struct
	{
		double value;
		const char *text;
	} known[] = {
		{0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {12.34, "12.34"}, {100, "100"}, {1.0 / 3, "0.3333333333333333"},
		{0.1 + 0.2, "0.30000000000000004"}, {1000000 / 7.0, "142857.14285714287"}, {0.0001, "0.0001"}, {0.00001, "1e-05"},
		{999999999999999, "999999999999999"}, {1e15, "1e+15"}, {1e22, "1e+22"}, {5e-324, "4.94065645841247e-324"},
		{9007199254740993, "9007199254740992"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		strbuf_reset(&out);
		my_append_double(&out, known[i].value, false);
		assert_string_equal(out.data, known[i].text);
	}
	strbuf_reset(&out);
	my_append_double(&out, 0.1f, true);
	my_append_double(&out, 16777216, true);
	assert_string_equal(out.data, "0.116777216");
}

static void
borders(void **state)
{
	(void) state;
	for (int exponent = -20; exponent < 60; exponent++)
	{
		double power = ldexp(1, exponent);

		check_both(power);
		check_both(nextafter(power, 0));
		check_both(nextafter(power, INFINITY));
	}
	for (int exponent = -8; exponent < 25; exponent++)
	{
		double power = strtod("1", NULL) * pow(10, exponent);

		check_both(power);
		check_both(nextafter(power, 0));
		check_both(nextafter(power, INFINITY));
		check_both(power * 0.99999999999999994);
		check_both(power * 5);
		check_both(nextafter(power * 5, 0));
	}
}

/* Few digits, many digits, any bits: as computations leave them, as people write them, and as nobody does. */
static void
random_numbers(void **state)
{
	(void) state;
	for (int i = 0; i < 100000; i++)
	{
		uint64_t bits = next_random();
		double any;
		char text[64];

		check_both((double) (next_random() % 1000000000) / 100);
		check_both((double) (next_random() % 1000000) / (double) (1 + next_random() % 1000));
		memcpy(&any, &bits, sizeof(any));
		if (isfinite(any))
			check(any, false);
		snprintf(text, sizeof(text), "%llue-%d", (unsigned long long) (next_random() % 10000000000000000), (int) (next_random() % 22));
		check_both(strtod(text, NULL));
	}
	strbuf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_numbers),
		cmocka_unit_test(borders),
		cmocka_unit_test(random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
