/* Values of every MySQL type in the form that PostgreSQL takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mysql/my_geometry.h"
#include "mysql/my_text.h"
#include "mysql/my_value.h"

#include <stdio.h>
#include <string.h>

static MySourceConfig options;

static int
reset(void **state)
{
	(void) state;
	options = (MySourceConfig){0};
	return 0;
}

static void
check(const MyColumn *column, const char *data, size_t length, MyValueKind kind, const char *expected,
	  MyProblem problem)
{
	StrBuf out = STRBUF_INIT;
	MyProblem found = MY_PROBLEM_COUNT;
	MyValueKind got;

	/* It must leave alone what is there. */
	strbuf_append(&out, "before ");
	got = my_value(column, &options, data, length, &out, &found);
	if (got != kind || found != problem || strncmp(out.data, "before ", 7) != 0 || strlen(out.data) != out.length ||
		strcmp(out.data + 7, expected != NULL ? expected : "") != 0)
		fail_msg("\"%.*s\": kind %d, problem %d, \"%s\"", (int) length, data, got, found, out.data);
	strbuf_free(&out);
}

static void
becomes(const MyColumn *column, const char *data, const char *expected)
{
	check(column, data, strlen(data), MY_VALUE_TEXT, expected, MY_PROBLEM_NONE);
}

static void
stays(const MyColumn *column, const char *data)
{
	check(column, data, strlen(data), MY_VALUE_SAME, NULL, MY_PROBLEM_NONE);
}

static void
is_bad(const MyColumn *column, const char *data, MyProblem problem)
{
	check(column, data, strlen(data), MY_VALUE_BAD, NULL, problem);
}

static void
numbers_stay_as_they_are(void **state)
{
	static const MyType types[] = {MY_TINYINT, MY_SMALLINT, MY_MEDIUMINT, MY_INT,
								   MY_BIGINT,  MY_DECIMAL,  MY_DOUBLE};
	static const char *const values[] = {"0",      "1",        "-1",    "127",         "18446744073709551615",
										 "-12.50", "0.000001", "1e-30", "3.4028235e38"};

	(void) state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++)
			stays(&(MyColumn){.type = types[i]}, values[k]);
}

static void
zeroes_in_front_of_numbers_go(void **state)
{
	(void) state;
	becomes(&(MyColumn){.type = MY_INT}, "00042", "42");
	becomes(&(MyColumn){.type = MY_INT}, "00000", "0");
	becomes(&(MyColumn){.type = MY_DECIMAL}, "00000012.50", "12.50");
	becomes(&(MyColumn){.type = MY_DECIMAL}, "000.50", "0.50");
	becomes(&(MyColumn){.type = MY_YEAR}, "0000", "0");
	stays(&(MyColumn){.type = MY_YEAR}, "2024");
	stays(&(MyColumn){.type = MY_DECIMAL}, "0.50");
}

/* Two ways to write one number must not become two numbers in a column of double precision. */
static void
floats_have_one_text(void **state)
{
	const MyColumn column = {.type = MY_FLOAT};

	(void) state;
	stays(&column, "0.1");
	becomes(&column, "0.10000000149011612", "0.1");
	becomes(&column, "-0.009999999776482582", "-0.01");
	becomes(&column, "1234567.875", "1234567.9");
	becomes(&column, "1.2345679e+06", "1234567.9");
	becomes(&column, "16777216", "16777216");
	becomes(&column, "3.3999999521443642e38", "3.4e+38");
	stays(&column, "1e-45");
	becomes(&column, "000012.50", "12.5");
	srand(7);
	for (int round = 0; round < 20000; round++)
	{
		uint32_t bits = ((uint32_t) rand() << 16) ^ (uint32_t) rand();
		float value;
		char exact[64];
		char shortest[64];
		StrBuf one = STRBUF_INIT;
		StrBuf two = STRBUF_INIT;
		MyProblem problem;

		memcpy(&value, &bits, sizeof(value));
		if (value != value || value - value != 0)
			continue;
		snprintf(exact, sizeof(exact), "%.17g", (double) value);
		for (int digits = 6; digits <= 9; digits++)
		{
			snprintf(shortest, sizeof(shortest), "%.*g", digits, (double) value);
			if (strtof(shortest, NULL) == value)
				break;
		}
		if (my_value(&column, &options, exact, strlen(exact), &one, &problem) == MY_VALUE_SAME)
			strbuf_append(&one, exact);
		if (my_value(&column, &options, shortest, strlen(shortest), &two, &problem) == MY_VALUE_SAME)
			strbuf_append(&two, shortest);
		assert_true(strtod(strbuf_text(&one), NULL) == strtod(strbuf_text(&two), NULL));
		assert_true(strtof(strbuf_text(&one), NULL) == value);
		strbuf_free(&one);
		strbuf_free(&two);
	}
}

static void
tinyint1_is_a_boolean_by_option(void **state)
{
	MyColumn column = {.type = MY_TINYINT, .is_tinyint1 = true};

	(void) state;
	becomes(&column, "1", "t");
	becomes(&column, "0", "f");
	is_bad(&column, "2", MY_PROBLEM_RANGE);
	is_bad(&column, "-1", MY_PROBLEM_RANGE);
	column.target_type = "smallint";
	stays(&column, "2");
	column.target_type = NULL;
	options.tinyint1 = MY_TINYINT1_SMALLINT;
	stays(&column, "1");
	column.target_type = "boolean";
	becomes(&column, "1", "t");
	column.is_tinyint1 = false;
	becomes(&column, "1", "t");
}

static void
bits_are_digits(void **state)
{
	MyColumn column = {.type = MY_BIT, .length = 5};

	(void) state;
	becomes(&column, "\x15", "10101");
	check(&column, "\0", 1, MY_VALUE_TEXT, "00000", MY_PROBLEM_NONE);
	is_bad(&column, "\x35", MY_PROBLEM_RANGE);
	column.length = 12;
	becomes(&column, "\x0a\x01", "101000000001");
	column.length = 64;
	becomes(&column, "\xff\xff\xff\xff\xff\xff\xff\xff",
			"1111111111111111111111111111111111111111111111111111111111111111");
	column.target_type = "numeric(20)";
	becomes(&column, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
	column = (MyColumn){.type = MY_BIT, .length = 1, .target_type = "boolean"};
	becomes(&column, "\x01", "t");
	check(&column, "\0", 1, MY_VALUE_TEXT, "f", MY_PROBLEM_NONE);
}

static void
dates_that_do_not_exist_are_found(void **state)
{
	MyColumn date = {.type = MY_DATE};
	MyColumn datetime = {.type = MY_DATETIME, .scale = 6};

	(void) state;
	stays(&date, "2024-02-29");
	stays(&date, "9999-12-31");
	stays(&datetime, "2024-01-31 10:00:00.250000");
	is_bad(&date, "2023-02-29", MY_PROBLEM_RANGE);
	is_bad(&date, "1900-02-29", MY_PROBLEM_RANGE);
	stays(&date, "2000-02-29");
	is_bad(&date, "2024-04-31", MY_PROBLEM_RANGE);
	is_bad(&date, "2024-13-01", MY_PROBLEM_RANGE);
	check(&date, "0000-00-00", 10, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	check(&date, "2024-00-15", 10, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	check(&date, "2024-01-00", 10, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	check(&date, "0000-01-01", 10, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	check(&datetime, "0000-00-00 00:00:00.000000", 26, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	options.zero_dates = MY_ZERO_DATES_ERROR;
	is_bad(&date, "0000-00-00", MY_PROBLEM_ZERO_DATE);
}

static void
timestamps_say_that_they_are_utc(void **state)
{
	(void) state;
	becomes(&(MyColumn){.type = MY_TIMESTAMP}, "2038-01-19 03:14:07", "2038-01-19 03:14:07+00");
	becomes(&(MyColumn){.type = MY_TIMESTAMP}, "2024-01-31 10:00:00.25", "2024-01-31 10:00:00.25+00");
	check(&(MyColumn){.type = MY_TIMESTAMP}, "0000-00-00 00:00:00", 19, MY_VALUE_NULL, NULL, MY_PROBLEM_ZERO_DATE);
	stays(&(MyColumn){.type = MY_TIME}, "-838:59:59.000000");
}

static void
text_is_looked_through(void **state)
{
	MyColumn column = {.type = MY_VARCHAR};

	(void) state;
	stays(&column, "");
	stays(&column, "plain text that is longer than one block of sixteen bytes");
	stays(&column, "Grüße, 世界, 😀");
	is_bad(&column, "latin1: \xe9", MY_PROBLEM_ENCODING);
	check(&column, "a\0b", 3, MY_VALUE_BAD, NULL, MY_PROBLEM_ZERO_BYTE);
	options.bad_text = MY_BAD_TEXT_REPLACE;
	check(&column, "a\0b\xe9", 4, MY_VALUE_TEXT,
		  "a\xef\xbf\xbd"
		  "b\xef\xbf\xbd",
		  MY_PROBLEM_ZERO_BYTE);
}

/* Every bad thing, at every place of a block. */
static void
bad_bytes_are_found_wherever_they_stand(void **state)
{
	static const char *const bad[] = {"\x80",
									  "\xc0\x80",
									  "\xc1\xbf",
									  "\xc3",
									  "\xe0\x9f\xbf",
									  "\xed\xa0\x80",
									  "\xe2\x82",
									  "\xf0\x8f\xbf\xbf",
									  "\xf4\x90\x80\x80",
									  "\xf5\x80\x80\x80",
									  "\xff",
									  "\xf0\x9f\x98"};
	static const char *const good[] = {"\xc2\x80",     "\xdf\xbf",     "\xe0\xa0\x80",     "\xed\x9f\xbf",
									   "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
									   "\x7f",         "\x01"};
	char text[64];

	(void) state;
	for (size_t at = 0; at < 40; at++)
	{
		for (size_t rest = 0; rest < 20; rest += 3)
		{
			for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			{
				size_t length = strlen(bad[i]);

				memset(text, 'x', sizeof(text));
				memcpy(text + at, bad[i], length);
				assert_int_equal(my_text_check(text, at + length + rest), MY_PROBLEM_ENCODING);
			}
			for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
			{
				size_t length = strlen(good[i]);

				memset(text, 'x', sizeof(text));
				memcpy(text + at, good[i], length);
				assert_int_equal(my_text_check(text, at + length + rest), MY_PROBLEM_NONE);
			}
			memset(text, 'x', sizeof(text));
			text[at] = '\0';
			assert_int_equal(my_text_check(text, at + 1 + rest), MY_PROBLEM_ZERO_BYTE);
		}
	}
}

static void
replaced_text_is_good(void **state)
{
	(void) state;
	srand(5);
	for (int round = 0; round < 2000; round++)
	{
		char text[40];
		size_t length = (size_t) rand() % sizeof(text);
		StrBuf out = STRBUF_INIT;

		for (size_t i = 0; i < length; i++)
			text[i] = (char) (rand() % 3 == 0 ? rand() % 256 : 'a' + rand() % 26);
		my_text_replace(text, length, &out);
		assert_int_equal(my_text_check(strbuf_text(&out), out.length), MY_PROBLEM_NONE);
		if (my_text_check(text, length) == MY_PROBLEM_NONE)
			assert_memory_equal(text, strbuf_text(&out), length);
		strbuf_free(&out);
	}
}

static void
json_that_jsonb_refuses_is_found(void **state)
{
	MyColumn column = {.type = MY_JSON};

	(void) state;
	stays(&column, "{\"a\": [1, \"\\n\\u00e9\\\\u0000 \\ud83d\\ude00\"]}");
	is_bad(&column, "\"\\u0000\"", MY_PROBLEM_ZERO_BYTE);
	is_bad(&column, "\"\\ud83d\"", MY_PROBLEM_ENCODING);
	is_bad(&column, "\"\\ude00\\ud83d\"", MY_PROBLEM_ENCODING);
	stays(&column, "\"\\\\ud83d\"");
	stays(&column, "\"end\\");
	column.target_type = "text";
	stays(&column, "\"\\u0000\"");
	column.target_type = NULL;
	options.bad_text = MY_BAD_TEXT_REPLACE;
	check(&column, "\"a\\u0000b\\udc00\"", 16, MY_VALUE_TEXT,
		  "\"a\xef\xbf\xbd"
		  "b\xef\xbf\xbd\"",
		  MY_PROBLEM_ZERO_BYTE);
}

static void
bytes_are_hexadecimal(void **state)
{
	MyColumn column = {.type = MY_BLOB};

	(void) state;
	check(&column, "\0\xffz", 3, MY_VALUE_TEXT, "\\x00ff7a", MY_PROBLEM_NONE);
	becomes(&column, "", "\\x");
	column.target_type = "text";
	stays(&column, "abc");
	is_bad(&column, "\xff", MY_PROBLEM_ENCODING);
	column = (MyColumn){.type = MY_BINARY, .length = 16, .target_type = "uuid"};
	becomes(&column, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
			"01234567-89ab-cdef-0123-456789abcdef");
	is_bad(&column, "short", MY_PROBLEM_RANGE);
}

static void
labels_stay_labels(void **state)
{
	const char *labels[] = {"a", "it's"};
	const char *with_empty[] = {"a", ""};
	MyColumn column = {.type = MY_ENUM, .labels = labels, .label_count = 2};

	(void) state;
	stays(&column, "it's");
	is_bad(&column, "", MY_PROBLEM_RANGE);
	options.bad_text = MY_BAD_TEXT_REPLACE;
	check(&column, "", 0, MY_VALUE_NULL, NULL, MY_PROBLEM_RANGE);
	column.labels = with_empty;
	stays(&column, "");
	column.labels = labels;
	column.target_type = "text";
	stays(&column, "");
}

static void
sets_are_arrays(void **state)
{
	MyColumn column = {.type = MY_SET};

	(void) state;
	becomes(&column, "", "{}");
	becomes(&column, "a", "{\"a\"}");
	becomes(&column, "a,b c,d\"e,f\\g", "{\"a\",\"b c\",\"d\\\"e\",\"f\\\\g\"}");
	becomes(&column, "a,", "{\"a\",\"\"}");
	column.target_type = "text";
	stays(&column, "a,b");
	column.target_type = "text[]";
	becomes(&column, "a,b", "{\"a\",\"b\"}");
}

static const char point[] = "\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0";

static void
geometry_is_ewkb_or_text(void **state)
{
	char with_srid[25] = "\xe6\x10\x00\x00";
	char without[25] = "\0\0\0\0";
	MyColumn column = {.type = MY_GEOMETRY};

	(void) state;
	memcpy(with_srid + 4, point, 21);
	memcpy(without + 4, point, 21);
	check(&column, without, 25, MY_VALUE_TEXT, "\\x0101000000000000000000f03f00000000000000c0", MY_PROBLEM_NONE);
	check(&column, with_srid, 25, MY_VALUE_TEXT, "\\x0101000020e6100000000000000000f03f00000000000000c0",
		  MY_PROBLEM_NONE);
	column.target_type = "geometry(Point,4326)";
	check(&column, with_srid, 25, MY_VALUE_TEXT, "0101000020e6100000000000000000f03f00000000000000c0", MY_PROBLEM_NONE);
	column.target_type = NULL;
	options.geometry = MY_GEOMETRY_TEXT;
	check(&column, without, 25, MY_VALUE_TEXT, "POINT(1 -2)", MY_PROBLEM_NONE);
	check(&column, with_srid, 25, MY_VALUE_TEXT, "SRID=4326;POINT(1 -2)", MY_PROBLEM_NONE);
	/* Cut anywhere, it is refused. */
	for (size_t length = 0; length < 25; length++)
		check(&column, with_srid, length, MY_VALUE_BAD, NULL, MY_PROBLEM_RANGE);
}

/* SRID 0, then the hexadecimal digits. */
static void
wkt(const char *digits, const char *expected)
{
	char data[400] = {0};
	size_t length = strlen(digits) / 2;
	StrBuf out = STRBUF_INIT;

	for (size_t i = 0; i < length; i++)
	{
		unsigned byte;

		assert_int_equal(sscanf(digits + 2 * i, "%2x", &byte), 1);
		data[4 + i] = (char) byte;
	}
	if (expected == NULL)
		assert_false(my_geometry_text(data, 4 + length, &out));
	else
	{
		assert_true(my_geometry_text(data, 4 + length, &out));
		assert_string_equal(strbuf_text(&out), expected);
	}
	strbuf_free(&out);
}

#define ZERO "0000000000000000"
#define ONE  "000000000000f03f"

static void
every_kind_of_geometry_has_its_text(void **state)
{
	(void) state;
	wkt("010200000002000000" ZERO ZERO ONE ONE, "LINESTRING(0 0,1 1)");
	wkt("01030000000200000002000000" ZERO ZERO ONE ONE "01000000" ONE ONE, "POLYGON((0 0,1 1),(1 1))");
	wkt("0104000000020000000101000000" ZERO ONE "0101000000" ONE ZERO, "MULTIPOINT((0 1),(1 0))");
	wkt("010500000001000000010200000001000000" ZERO ONE, "MULTILINESTRING((0 1))");
	wkt("01060000000100000001030000000100000001000000" ZERO ONE, "MULTIPOLYGON(((0 1)))");
	wkt("0107000000020000000101000000" ZERO ONE "010700000000000000",
		"GEOMETRYCOLLECTION(POINT(0 1),GEOMETRYCOLLECTION EMPTY)");
	wkt("010700000000000000", "GEOMETRYCOLLECTION EMPTY");
	/* Big-endian. */
	wkt("00000000013ff00000000000003ff8000000000000", "POINT(1 1.5)");
	/* A count that cannot be true, an unknown kind, something behind the end. */
	wkt("0102000000ffffffff", NULL);
	wkt("0108000000" ZERO ZERO, NULL);
	wkt("0101000000" ZERO ZERO "00", NULL);
}

static void
vectors_are_arrays(void **state)
{
	MyColumn column = {.type = MY_VECTOR};

	(void) state;
	check(&column, "\x00\x00\x80\x3f\xcd\xcc\xcc\x3d", 8, MY_VALUE_TEXT, "{1,0.1}", MY_PROBLEM_NONE);
	column.target_type = "vector(2)";
	check(&column, "\x00\x00\x80\x3f\xcd\xcc\xcc\x3d", 8, MY_VALUE_TEXT, "[1,0.1]", MY_PROBLEM_NONE);
	is_bad(&column, "abc", MY_PROBLEM_RANGE);
}

static void
every_problem_has_a_name(void **state)
{
	(void) state;
	for (int i = 0; i < MY_PROBLEM_COUNT; i++)
		assert_non_null(my_problem_text((MyProblem) i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(numbers_stay_as_they_are, reset),
		cmocka_unit_test_setup(zeroes_in_front_of_numbers_go, reset),
		cmocka_unit_test_setup(floats_have_one_text, reset),
		cmocka_unit_test_setup(tinyint1_is_a_boolean_by_option, reset),
		cmocka_unit_test_setup(bits_are_digits, reset),
		cmocka_unit_test_setup(dates_that_do_not_exist_are_found, reset),
		cmocka_unit_test_setup(timestamps_say_that_they_are_utc, reset),
		cmocka_unit_test_setup(text_is_looked_through, reset),
		cmocka_unit_test_setup(bad_bytes_are_found_wherever_they_stand, reset),
		cmocka_unit_test_setup(replaced_text_is_good, reset),
		cmocka_unit_test_setup(json_that_jsonb_refuses_is_found, reset),
		cmocka_unit_test_setup(bytes_are_hexadecimal, reset),
		cmocka_unit_test_setup(labels_stay_labels, reset),
		cmocka_unit_test_setup(sets_are_arrays, reset),
		cmocka_unit_test_setup(geometry_is_ewkb_or_text, reset),
		cmocka_unit_test_setup(every_kind_of_geometry_has_its_text, reset),
		cmocka_unit_test_setup(vectors_are_arrays, reset),
		cmocka_unit_test_setup(every_problem_has_a_name, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
