/* Places in the binary log, as one number and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mysql/my_position.h"

static void
file_and_offset_are_one_growing_number(void **state)
{
	(void) state;
	assert_true(my_position_pack(3, 1234) == ((Lsn) 3 << 32 | 1234));
	assert_int_equal(my_position_file_number(my_position_pack(3, 1234)), 3);
	assert_int_equal(my_position_offset(my_position_pack(3, 1234)), 1234);
	assert_true(my_position_pack(4, 4) > my_position_pack(3, UINT32_MAX));
}

/* A transaction may pass 4 GB in its file; the next one begins in the next file. */
static void
an_offset_beyond_4_gb_is_the_last_one(void **state)
{
	(void) state;
	assert_int_equal(my_position_offset(my_position_pack(3, UINT64_C(5000000000))), MY_OFFSET_LAST);
	assert_int_equal(my_position_file_number(my_position_pack(3, UINT64_C(5000000000))), 3);
	assert_int_equal(my_position_offset(my_position_pack(3, UINT32_MAX)), MY_OFFSET_LAST);
	assert_true(my_position_pack(3, UINT64_C(5000000000)) < my_position_pack(4, MY_OFFSET_FIRST));
}

static void
offsets_are_true_ones_beyond_4_gb_too(void **state)
{
	const uint64_t turn = UINT64_C(1) << 32;

	(void) state;
	assert_true(my_position_behind(1000, 1200, 200) == 1200);
	assert_true(my_position_behind(turn - 100, 100, 200) == turn + 100);
	assert_true(my_position_behind(turn + 100, 300, 200) == turn + 300);
	assert_true(my_position_behind(3 * turn - 1, 4, 5) == 3 * turn + 4);
	/* not said: counted; and what was counted wrong comes right again */
	assert_true(my_position_behind(1000, 0, 200) == 1200);
	assert_true(my_position_behind(1210, 1200, 200) == 1200);
}

static void
text_is_read_back(void **state)
{
	static const struct
	{
		const char *text;
		const char *base;
		uint32_t	number;
		uint32_t	offset;
	} cases[] = {
		{"mysql-bin.000003:1234", "mysql-bin", 3, 1234},
		{"a.b.c.999999:4", "a.b.c", 999999, 4},
		{"bin.1000000:4294967295", "bin", 1000000, UINT32_MAX},
		{"bin.000001", "bin", 1, 4},
	};
	Arena	   *arena = arena_new(0);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *base;
		Lsn			lsn;

		assert_true(my_position_parse(cases[i].text, arena, &base, &lsn));
		assert_string_equal(base, cases[i].base);
		assert_int_equal(my_position_file_number(lsn), cases[i].number);
		assert_int_equal(my_position_offset(lsn), cases[i].offset);
		if (strchr(cases[i].text, ':') != NULL)
			assert_string_equal(my_position_text(arena, base, lsn), cases[i].text);
	}
	assert_string_equal(my_position_text(arena, NULL, my_position_pack(3, 4)), "binlog file 3:4");
	arena_free(arena);
}

static void
what_is_no_place_is_refused(void **state)
{
	static const char *const bad[] = {"", ":4", "bin", "bin.", ".000001", "bin.x", "bin.000001:", "bin.000001:x", "bin.000001:-1",
		"bin.000001:4294967296", "bin.4294967296:4", "000001:4", "bin.000001:4:5"};
	Arena	   *arena = arena_new(0);
	Lsn			lsn;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (my_position_parse(bad[i], arena, NULL, &lsn))
			fail_msg("taken: \"%s\"", bad[i]);
	}
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_and_offset_are_one_growing_number),
		cmocka_unit_test(an_offset_beyond_4_gb_is_the_last_one),
		cmocka_unit_test(offsets_are_true_ones_beyond_4_gb_too),
		cmocka_unit_test(text_is_read_back),
		cmocka_unit_test(what_is_no_place_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
