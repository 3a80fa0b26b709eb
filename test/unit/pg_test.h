/*
 * pg_test.h
 *		What the tests that need a server share.  The server is that of DBSYNC_TEST_PG, a role with superuser rights; without it
 *		the tests are skipped.  DBSYNC_TEST_FILTER: the tests to run, with * and ?.
 */
#ifndef DBSYNC_TEST_PG_TEST_H
#define DBSYNC_TEST_PG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "pg/conn.h"

const char *pg_test_conninfo(void);

/* The same server with another user or database; malloc'd.  NULL: as it is. */
char *pg_test_conninfo_as(const char *user, const char *dbname);

/* Runs a statement that must succeed. */
void pg_test_sql(PgConn *conn, const char *sql);

/* Waits until a query of one value gives 't'; fails after 30 s. */
void pg_test_wait_for(PgConn *conn, const char *sql);

/* One value must be this; NULL: SQL NULL. */
void pg_test_assert_value(PgConn *conn, const char *sql, const char *wanted, const char *file, int line);
#define assert_value(conn, sql, wanted) pg_test_assert_value((conn), (sql), (wanted), __FILE__, __LINE__)

void pg_test_assert_ok(bool ok, const Error *err, const char *file, int line);
#define assert_ok(ok, err) pg_test_assert_ok((ok), (err), __FILE__, __LINE__)

/* cmocka_run_group_tests, or one skipped test where there is no server. */
int pg_test_run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
					  CMFixtureFunction tear_down);
#define pg_test_run(name, tests, set_up, tear_down) \
	pg_test_run_group((name), (tests), sizeof(tests) / sizeof((tests)[0]), (set_up), (tear_down))

#endif
