#include "pg_test.h"

#include "base/clock.h"
#include "base/strbuf.h"

#include <poll.h>
#include <stdio.h>

#define WAIT_LIMIT_MS 30000

const char *
pg_test_conninfo(void)
{
	return getenv("DBSYNC_TEST_PG");
}

char *
pg_test_conninfo_as(const char *user, const char *dbname)
{
	return mem_printf("%s%s%s%s%s%s%s", pg_test_conninfo(), user ? " user='" : "", user ? user : "", user ? "'" : "",
					  dbname ? " dbname='" : "", dbname ? dbname : "", dbname ? "'" : "");
}

void
pg_test_sql(PgConn *conn, const char *sql)
{
	Error err = ERROR_INIT;

	if (!pg_exec(conn, sql, NULL, &err))
	{
		print_error("%s\n%s\n", err.message, sql);
		fail();
	}
}

void
pg_test_wait_for(PgConn *conn, const char *sql)
{
	int64_t limit_ms = clock_monotonic_ms() + WAIT_LIMIT_MS;
	Arena *arena = arena_new(0);
	const char *value = NULL;
	Error err = ERROR_INIT;

	while (!value || strcmp(value, "t") != 0)
	{
		if (clock_monotonic_ms() > limit_ms)
		{
			print_error("waited too long for: %s\n", sql);
			fail();
		}
		arena_reset(arena);
		assert_ok(pg_query_value(conn, arena, sql, 0, NULL, &value, &err), &err);
		if (!value || strcmp(value, "t") != 0)
			poll(NULL, 0, 5);
	}
	arena_free(arena);
}

void
pg_test_assert_value(PgConn *conn, const char *sql, const char *wanted, const char *file, int line)
{
	Arena *arena = arena_new(0);
	const char *value;
	Error err = ERROR_INIT;

	pg_test_assert_ok(pg_query_value(conn, arena, sql, 0, NULL, &value, &err), &err, file, line);
	if (!wanted || !value || strcmp(wanted, value) != 0)
	{
		if (wanted != value)
			print_error("%s:%d: expected %s, got %s, from: %s\n", file, line, wanted ? wanted : "NULL",
						value ? value : "NULL", sql);
		_assert_true(wanted == value, "value is as expected", file, line);
	}
	arena_free(arena);
}

void
pg_test_assert_ok(bool ok, const Error *err, const char *file, int line)
{
	if (!ok)
		print_error("%s:%d: %s%s%s\n", file, line, err->message, err->hint ? "\nHINT: " : "", err->hint ? err->hint : "");
	_assert_true(ok, "no error", file, line);
}

static void
skip_all(void **state)
{
	(void) state;
	print_message("no server: DBSYNC_TEST_PG is not set\n");
	skip();
}

int
pg_test_run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
				  CMFixtureFunction tear_down)
{
	const struct CMUnitTest skipped[] = {cmocka_unit_test(skip_all)};

	if (getenv("DBSYNC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("DBSYNC_TEST_FILTER"));
	if (pg_test_conninfo())
		return _cmocka_run_group_tests(name, tests, count, set_up, tear_down);
	return _cmocka_run_group_tests(name, skipped, 1, NULL, NULL);
}
