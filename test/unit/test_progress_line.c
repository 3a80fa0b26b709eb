/* The text of progress lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "observe/progress_line.h"

#include <string.h>

static void
expect_cut(const char *text, int columns, const char *expected, int expected_columns)
{
	StrBuf out = STRBUF_INIT;

	assert_int_equal(progress_append_cut(&out, text, columns), expected_columns);
	assert_string_equal(strbuf_text(&out), expected);
	strbuf_free(&out);
}

static void
names_are_cut_by_columns(void **state)
{
	(void) state;
	expect_cut("public.orders", 20, "public.orders", 13);
	expect_cut("public.orders", 13, "public.orders", 13);
	expect_cut("public.orders", 12, "public.or...", 12);
	expect_cut("public.orders", 3, "...", 3);
	expect_cut("public.orders", 1, ".", 1);
	expect_cut("public.orders", 0, "", 0);
	expect_cut("", 5, "", 0);
	/* Two bytes and one column; three bytes and two columns; a mark without a column. */
	expect_cut("l\xc3\xa4ngen", 6, "l\xc3\xa4ngen", 6);
	expect_cut("\xe5\x90\x8d\xe5\x89\x8d\xe5\x90\x8d", 6, "\xe5\x90\x8d\xe5\x89\x8d\xe5\x90\x8d", 6);
	expect_cut("\xe5\x90\x8d\xe5\x89\x8d\xe5\x90\x8d", 5, "\xe5\x90\x8d...", 5);
	expect_cut("\xe5\x90\x8d\xe5\x89\x8d\xe5\x90\x8d", 4, "...", 3);
	expect_cut("e\xcc\x81x", 2, "e\xcc\x81x", 2);
}

static void
what_would_harm_the_terminal_is_not_shown(void **state)
{
	(void) state;
	expect_cut("a\033[31mb", 20, "a?[31mb", 7);
	expect_cut("a\nb\x7f", 20, "a?b?", 4);
	expect_cut("\xff\xc3(\xe5\x90", 20,
			   "?"
			   "?(??",
			   5);
	/* C1 control, overlong, surrogate, change of direction */
	expect_cut("\xc2\x9b|\xc0\x80|\xed\xa0\x80|\xe2\x80\xae", 20, "?|??|???|?", 10);
}

static void
no_line_is_wider_than_asked(void **state)
{
	const ProgressLine lines[] = {
		{"public.orders", 0, 0, 0, 0},
		{"public.\xe5\x90\x8d\xe5\x89\x8d_a_very_long_name_of_a_table_that_does_not_fit", INT64_MAX, INT64_MAX, 1,
		 1e15},
		{"a.b", 1234567, INT64_C(5) << 30, INT64_C(20) << 30, 12345678.9},
		{"", 1, 1, INT64_MAX, 1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
	{
		for (int columns = 0; columns < 200; columns++)
		{
			StrBuf out = STRBUF_INIT;
			StrBuf again = STRBUF_INIT;

			progress_append_line(&out, &lines[i], columns);
			assert_true(progress_append_cut(&again, strbuf_text(&out), 100000) <= columns);
			strbuf_free(&out);
			strbuf_free(&again);
		}
	}
}

static void
a_wide_line_tells_all(void **state)
{
	const ProgressLine line = {"public.orders", 1234567, INT64_C(450) << 20, INT64_C(1000) << 20, 10 << 20};
	StrBuf out = STRBUF_INIT;

	(void) state;
	progress_append_line(&out, &line, 140);
	assert_non_null(strstr(strbuf_text(&out), "public.orders "));
	assert_non_null(strstr(strbuf_text(&out), "[#########...........]"));
	assert_non_null(strstr(strbuf_text(&out), " 45%"));
	assert_non_null(strstr(strbuf_text(&out), " 1,234,567 rows"));
	assert_non_null(strstr(strbuf_text(&out), " 10.0 MB/s"));
	assert_non_null(strstr(strbuf_text(&out), " 55s left"));
	strbuf_free(&out);
}

static void
estimates_that_were_low_do_not_end_early(void **state)
{
	(void) state;
	assert_int_equal(progress_percent(50, 100), 50);
	assert_int_equal(progress_percent(100, 100), 99);
	assert_int_equal(progress_percent(500, 100), 99);
	assert_int_equal(progress_percent(500, 0), -1);
	assert_true(progress_left_ms(500, 100, 10) == -1);
	assert_true(progress_left_ms(0, 100, 0) == -1);
	assert_true(progress_left_ms(0, 100, 10) == 10000);
	assert_true(progress_left_ms(0, INT64_MAX, 1) == -1);
}

static void
numbers_are_short(void **state)
{
	char buf[PROGRESS_NUMBER_SIZE];

	(void) state;
	assert_string_equal(progress_format_count(0, buf), "0");
	assert_string_equal(progress_format_count(999, buf), "999");
	assert_string_equal(progress_format_count(1000, buf), "1,000");
	assert_string_equal(progress_format_count(-123456, buf), "-123,456");
	assert_string_equal(progress_format_count(INT64_MIN, buf), "-9,223,372,036,854,775,808");
	assert_string_equal(progress_format_bytes(0, buf), "0 B");
	assert_string_equal(progress_format_bytes(999, buf), "999 B");
	assert_string_equal(progress_format_bytes(1536, buf), "1.5 kB");
	assert_string_equal(progress_format_bytes(123.4 * 1024 * 1024, buf), "123 MB");
	assert_true(strlen(progress_format_bytes(1e30, buf)) < PROGRESS_NUMBER_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_cut_by_columns),
		cmocka_unit_test(what_would_harm_the_terminal_is_not_shown),
		cmocka_unit_test(no_line_is_wider_than_asked),
		cmocka_unit_test(a_wide_line_tells_all),
		cmocka_unit_test(estimates_that_were_low_do_not_end_early),
		cmocka_unit_test(numbers_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
