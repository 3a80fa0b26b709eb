/* How far behind a place in the binary log is, over several files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "observe/mysql_status.h"

#define PLACE(file, offset) ((Lsn) (file) << 32 | (offset))

static uint32_t numbers[] = {7, 8, 9};
static int64_t sizes[] = {1000, 500, 200};

/* The last file has grown since it was listed. */
static const MysqlLog log_of_three = {numbers, sizes, 3, PLACE(9, 300)};

static void
bytes_are_counted_within_a_file(void **state DBSYNC_UNUSED)
{
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(9, 300)), 0);
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(9, 250)), 50);
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(9, 4)), 296);
}

static void
bytes_are_counted_over_files(void **state DBSYNC_UNUSED)
{
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(8, 400)), 100 + 300);
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(7, 4)), 996 + 500 + 300);
	/* A transaction that ends beyond 4 GB of its file. */
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(8, UINT32_MAX)), 300);
}

static void
a_place_that_is_not_there_is_unknown(void **state DBSYNC_UNUSED)
{
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(6, 4)), -1);
	/* Ahead of the log: nothing is behind. */
	assert_int_equal(mysql_status_bytes_behind(&log_of_three, PLACE(10, 4)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_counted_within_a_file),
		cmocka_unit_test(bytes_are_counted_over_files),
		cmocka_unit_test(a_place_that_is_not_there_is_unknown),
	};

	return cmocka_run_group_tests_name("mysql status", tests, NULL, NULL);
}
