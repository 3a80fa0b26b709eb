/* Text of positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/lsn.h"

static void
text_of_a_position_is_read_back(void **state)
{
	static const Lsn lsns[] = {0, 1, 0xFFFFFFFF, 0x100000000, 0x16B374D848, UINT64_MAX};
	char		buf[LSN_TEXT_SIZE];
	Lsn			lsn;

	(void) state;
	for (size_t i = 0; i < sizeof(lsns) / sizeof(lsns[0]); i++)
	{
		assert_true(lsn_parse(lsn_format(lsns[i], buf), &lsn));
		assert_true(lsn == lsns[i]);
	}
	assert_string_equal(lsn_format(0x16B374D848, buf), "16/B374D848");
	assert_string_equal(lsn_format(LSN_NONE, buf), "0/0");
	assert_string_equal(lsn_format(UINT64_MAX, buf), "FFFFFFFF/FFFFFFFF");
}

static void
lower_case_and_leading_zeroes_are_read(void **state)
{
	Lsn			lsn;

	(void) state;
	assert_true(lsn_parse("00000016/b374d848", &lsn));
	assert_true(lsn == 0x16B374D848);
	assert_true(lsn_parse_bytes("0/1A tail", 4, &lsn));
	assert_true(lsn == 0x1A);
}

static void
what_is_no_position_is_refused(void **state)
{
	static const char *const bad[] = {"", "/", "0/", "/0", "1", "0/0/0", "g/0", "0/g", " 0/1", "0/1 ", "+1/0", "-1/0", "0x1/0",
		"123456789/0", "0/123456789", "0//1", "0/1\n"};
	Lsn			lsn;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(lsn_parse(bad[i], &lsn));
	assert_false(lsn_parse_bytes("0/1", 2, &lsn));
}

static void
binlog_positions_are_shown_as_file_and_offset(void **state)
{
	static const char *const bad[] = {"", ":", "3:", ":4", "3:4:5", "3:x", "3:4294967296", "4294967296:4", " 3:4", "3:4 ", "-3:4", "bin.000003:4"};
	char		buf[LSN_TEXT_SIZE];
	Lsn			lsn;

	(void) state;
	assert_string_equal(lsn_show(0x3000004D2, buf), "3/4D2");
	lsn_show_as_binlog();
	assert_string_equal(lsn_show(0x3000004D2, buf), "000003:1234");
	assert_string_equal(lsn_show(UINT64_MAX, buf), "4294967295:4294967295");
	assert_true(lsn_parse_shown(buf, &lsn) && lsn == UINT64_MAX);
	assert_true(lsn_parse_shown("3:1234", &lsn) && lsn == 0x3000004D2);
	assert_true(lsn_parse_shown("3/4D2", &lsn) && lsn == 0x3000004D2);
	assert_string_equal(lsn_format(0x3000004D2, buf), "3/4D2");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(lsn_parse_shown(bad[i], &lsn));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_a_position_is_read_back),
		cmocka_unit_test(lower_case_and_leading_zeroes_are_read),
		cmocka_unit_test(what_is_no_position_is_refused),
		cmocka_unit_test(binlog_positions_are_shown_as_file_and_offset),
	};

	return cmocka_run_group_tests_name("lsn", tests, NULL, NULL);
}
