/*
 * Connections: settings of the session, error kinds, hints, interruption.  Needs a server: DBSYNC_TEST_PG.
 */
#include "pg_test.h"

#include "base/clock.h"
#include "base/stop.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static PgConn *
open_role(PgRole role)
{
	PgConnOptions options = {.role = role, .name_suffix = "test"};
	PgConn *conn;
	Error err = ERROR_INIT;

	assert_ok(pg_connect(pg_test_conninfo(), &options, &conn, &err), &err);
	return conn;
}

static bool
try_connect(const char *conninfo, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE};
	PgConn *conn;
	bool ok = pg_connect(conninfo, &options, &conn, err);

	pg_close(conn);
	return ok;
}

static void
sessions_have_the_settings_of_their_role(void **state)
{
	PgConn *source = open_role(PG_ROLE_SOURCE);
	PgConn *target = open_role(PG_ROLE_TARGET);

	(void) state;
	assert_value(source, "SELECT current_setting('search_path')", "");
	assert_value(source, "SELECT current_setting('row_security')", "off");
	assert_value(source, "SELECT current_setting('transaction_read_only')", "on");
	assert_value(source, "SELECT current_setting('TimeZone')", "UTC");
	assert_value(source, "SELECT current_setting('application_name')", "dbsync test");
	assert_value(target, "SELECT current_setting('transaction_read_only')", "off");
	assert_value(target, "SELECT current_setting('session_replication_role')", "replica");
	assert_true(pg_replica_role(target));
	assert_value(target, "SELECT current_setting('client_encoding')", "UTF8");
	assert_int_equal(PQisnonblocking(pg_raw(target)), 1);
	pg_close(source);
	pg_close(target);
}

static void
settings_of_a_role_do_not_show_through(void **state)
{
	PgConn *admin = open_role(PG_ROLE_TARGET);
	PgConn *conn;
	Error err = ERROR_INIT;
	PgConnOptions options = {.role = PG_ROLE_TARGET};
	char *conninfo = pg_test_conninfo_as("conn_plain", NULL);

	(void) state;
	pg_test_sql(admin, "DROP ROLE IF EXISTS conn_plain");
	pg_test_sql(admin, "CREATE ROLE conn_plain LOGIN");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET datestyle = 'German'");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET default_transaction_read_only = on");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET statement_timeout = '20s'");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET synchronous_commit = off");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET standard_conforming_strings = off");
	pg_test_sql(admin, "ALTER ROLE conn_plain SET search_path = public");

	assert_ok(pg_connect(conninfo, &options, &conn, &err), &err);
	assert_false(pg_replica_role(conn));
	assert_value(conn, "SELECT '2024-02-01'::date", "2024-02-01");
	assert_value(conn, "SELECT current_setting('synchronous_commit')", "on");
	assert_value(conn, "SELECT current_setting('transaction_read_only')", "off");
	assert_value(conn, "SELECT current_setting('search_path')", "");
	assert_value(conn, "SELECT current_setting('statement_timeout')", "0");
	assert_value(conn, "SELECT 'a\\b'", "a\\b");
	pg_close(conn);
	pg_test_sql(admin, "DROP ROLE conn_plain");
	pg_close(admin);
	free(conninfo);
}

static void
options_and_name_of_the_string_are_kept(void **state)
{
	char *conninfo = mem_printf("%s application_name=mine options='-c work_mem=7MB'", pg_test_conninfo());
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "x"};
	PgConn *conn;
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(pg_connect(conninfo, &options, &conn, &err), &err);
	assert_value(conn, "SELECT current_setting('application_name')", "mine");
	assert_value(conn, "SELECT current_setting('work_mem')", "7MB");
	pg_close(conn);
	free(conninfo);
}

static void
replication_connection_runs_statements(void **state)
{
	PgConn *conn = open_role(PG_ROLE_REPLICATION);
	Arena *arena = arena_new(0);
	PgConn *plain = open_role(PG_ROLE_SOURCE);
	const char *id;
	const char *other_id;
	int timeline;
	int other_timeline;
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(pg_system_id(conn, arena, &id, &timeline, &err), &err);
	assert_ok(pg_system_id(plain, arena, &other_id, &other_timeline, &err), &err);
	assert_string_equal(id, other_id);
	assert_int_equal(timeline, other_timeline);
	assert_value(conn, "SELECT current_setting('statement_timeout')", "0");
	pg_close(conn);
	pg_close(plain);
	arena_free(arena);
}

static void
errors_have_kind_state_and_no_row_data(void **state)
{
	PgConn *conn = open_role(PG_ROLE_TARGET);
	Error err = ERROR_INIT;

	(void) state;
	pg_test_sql(conn, "CREATE TEMP TABLE e(id int PRIMARY KEY, v int CHECK (v > 0), w text)");
	pg_test_sql(conn, "INSERT INTO e VALUES (1, 1, 'secret')");

	assert_false(pg_exec(conn, "INSERT INTO e VALUES (1, 1, 'secret')", NULL, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_string_equal(err.sqlstate, "23505");
	assert_non_null(strstr(err.message, "Key (id)=(1)"));
	assert_null(strchr(err.message, '\n'));

	assert_false(pg_exec(conn, "INSERT INTO e VALUES (2, -1, 'secret')", NULL, &err));
	assert_string_equal(err.sqlstate, "23514");
	assert_null(strstr(err.message, "secret"));

	assert_false(pg_exec(conn, "SELECT * FROM nothing", NULL, &err));
	assert_int_equal(err.kind, ERROR_FAILED);
	assert_string_equal(err.sqlstate, "42P01");

	/* The first error counts, and the connection goes on. */
	assert_false(pg_exec(conn, "SELECT 1/0; SELECT 1", NULL, &err));
	assert_string_equal(err.sqlstate, "22012");
	assert_value(conn, "SELECT 1; SELECT 2", "2");
	error_clear(&err);
	pg_close(conn);
}

static void
killed_connection_is_worth_a_retry(void **state)
{
	PgConn *conn = open_role(PG_ROLE_SOURCE);
	PgConn *killer = open_role(PG_ROLE_SOURCE);
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(pg_execf(killer, &err, "SELECT pg_terminate_backend(%d, 10000)", PQbackendPID(pg_raw(conn))), &err);
	assert_false(pg_exec(conn, "SELECT 1", NULL, &err));
	assert_int_equal(err.kind, ERROR_RETRY);
	assert_true(pg_is_lost(conn));
	error_clear(&err);
	pg_close(conn);
	pg_close(killer);
}

static void
refusals_say_what_to_do(void **state)
{
	Error err = ERROR_INIT;
	char *conninfo;

	(void) state;
	conninfo = pg_test_conninfo_as(NULL, "no such database");
	assert_false(try_connect(conninfo, &err));
	assert_int_equal(err.kind, ERROR_PREFLIGHT);
	assert_string_equal(err.sqlstate, "3D000");
	assert_non_null(strstr(err.message, "\"no such database\" does not exist"));
	assert_null(strchr(err.message, '\n'));
	assert_null(strstr(err.message, "LOCATION"));
	assert_null(strstr(err.message, "3D000"));
	assert_non_null(err.hint);
	free(conninfo);

	conninfo = pg_test_conninfo_as("no such role", NULL);
	assert_false(try_connect(conninfo, &err));
	assert_string_equal(err.sqlstate, "28000");
	assert_non_null(strstr(err.hint, "CREATE ROLE"));
	free(conninfo);

	assert_false(try_connect("host=/nonexistent/folder dbname=x", &err));
	assert_int_equal(err.kind, ERROR_RETRY);

	assert_false(try_connect("host=x nonsense=1", &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_false(try_connect("service=no_such_service_is_here", &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	error_clear(&err);
}

static void
description_has_no_password(void **state)
{
	char *text = pg_describe("postgresql://me:geheim@db.example:5433/app?sslmode=require");

	(void) state;
	assert_string_equal(text, "host=db.example port=5433 dbname=app user=me");
	free(text);
	text = pg_describe("host=/tmp password='ge heim' dbname=app");
	assert_string_equal(text, "host=/tmp dbname=app");
	free(text);
	text = pg_describe("app");
	assert_string_equal(text, "dbname=app");
	free(text);
}

/* A host that takes connections and never says a word. */
static int
open_mute_server(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void
mute_server_times_out(void **state)
{
	int port;
	int fd = open_mute_server(&port);
	char *conninfo = mem_printf("host=127.0.0.1 port=%d connect_timeout=2 user=u", port);
	Error err = ERROR_INIT;
	int64_t start_ms = clock_monotonic_ms();

	(void) state;
	assert_false(try_connect(conninfo, &err));
	assert_int_equal(err.kind, ERROR_RETRY);
	assert_in_range(clock_monotonic_ms() - start_ms, 1900, 6000);
	error_clear(&err);
	close(fd);
	free(conninfo);
}

static void
mute_host_is_passed_over(void **state)
{
	PgConn *conn = open_role(PG_ROLE_SOURCE);
	int port;
	int fd = open_mute_server(&port);
	char *conninfo = mem_printf("host=127.0.0.1,%s port=%d,%s connect_timeout=2 user=%s dbname=%s", PQhost(pg_raw(conn)),
								port, PQport(pg_raw(conn)), PQuser(pg_raw(conn)), PQdb(pg_raw(conn)));
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(try_connect(conninfo, &err), &err);
	close(fd);
	free(conninfo);
	pg_close(conn);
}

static void *
raise_event_when_query_runs(void *arg)
{
	PgConn *watcher = open_role(PG_ROLE_SOURCE);
	uint64_t one = 1;

	pg_test_wait_for(watcher, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
							  " AND state = 'active'");
	if (arg)
		assert_int_equal(write(*(int *) arg, &one, sizeof(one)), (int) sizeof(one));
	else
		stop_request();
	pg_close(watcher);
	return NULL;
}

static void
abort_cancels_the_query(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .flags = PG_FINISH, .abort_fd = &fd};
	PgConn *conn;
	pthread_t thread;
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(pg_connect(pg_test_conninfo(), &options, &conn, &err), &err);
	pthread_create(&thread, NULL, raise_event_when_query_runs, &fd);
	assert_false(pg_exec(conn, "SELECT pg_sleep(600)", NULL, &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	pthread_join(thread, NULL);
	assert_false(pg_exec(conn, "SELECT 1", NULL, &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	error_clear(&err);
	pg_close(conn);
	close(fd);
}

/* The last test: the stop flag stays up. */
static void
stop_cancels_the_query_but_not_one_that_must_finish(void **state)
{
	PgConn *conn = open_role(PG_ROLE_SOURCE);
	PgConnOptions options = {.role = PG_ROLE_TARGET, .flags = PG_FINISH};
	PgConn *finishing;
	PgConn *late;
	pthread_t thread;
	Error err = ERROR_INIT;
	bool ready;

	(void) state;
	assert_ok(stop_install(&err), &err);
	assert_ok(pg_connect(pg_test_conninfo(), &options, &finishing, &err), &err);
	pthread_create(&thread, NULL, raise_event_when_query_runs, NULL);
	assert_false(pg_exec(conn, "SELECT pg_sleep(600)", NULL, &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	pthread_join(thread, NULL);
	assert_ok(pg_exec(finishing, "SELECT 1", NULL, &err), &err);
	assert_false(pg_wait(conn, false, 1000, &ready, &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_false(pg_connect(pg_test_conninfo(), &(PgConnOptions){.role = PG_ROLE_SOURCE}, &late, &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	error_clear(&err);
	pg_close(conn);
	pg_close(finishing);
}

static void
a_table_that_is_not_there_is_no_error(void **state)
{
	PgConn *conn = open_role(PG_ROLE_TARGET);
	const char *values[] = {"2"};
	PGresult *result;
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(pg_exec_if_there(conn, "no_schema.t", "SELECT * FROM no_schema.t", 0, NULL, &result, &err), &err);
	assert_null(result);
	assert_ok(pg_exec_if_there(conn, "public.no_table", "DELETE FROM public.no_table", 0, NULL, NULL, &err), &err);
	assert_ok(pg_exec_if_there(conn, "pg_catalog.pg_class", "SELECT $1::int4 + 1", 1, values, &result, &err), &err);
	assert_string_equal(PQgetvalue(result, 0, 0), "3");
	PQclear(result);
	assert_false(pg_exec_if_there(conn, "pg_catalog.pg_class", "SELECT 1 / 0", 0, NULL, &result, &err));
	assert_string_equal(err.sqlstate, "22012");
	error_clear(&err);
	pg_close(conn);
}

static void
quoting_survives_hostile_text(void **state)
{
	PgConn *conn = open_role(PG_ROLE_TARGET);
	const char *name = "a\"b'c\\d\n%s;--";
	StrBuf sql = STRBUF_INIT;

	(void) state;
	strbuf_append(&sql, "SELECT ");
	pg_quote_literal(&sql, name);
	strbuf_append(&sql, " AS ");
	pg_quote_identifier(&sql, name);
	assert_value(conn, strbuf_text(&sql), name);
	strbuf_free(&sql);
	pg_quote_qualified(&sql, "s", "t\"");
	assert_string_equal(strbuf_text(&sql), "\"s\".\"t\"\"\"");
	strbuf_free(&sql);
	pg_close(conn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_have_the_settings_of_their_role),
		cmocka_unit_test(settings_of_a_role_do_not_show_through),
		cmocka_unit_test(options_and_name_of_the_string_are_kept),
		cmocka_unit_test(replication_connection_runs_statements),
		cmocka_unit_test(errors_have_kind_state_and_no_row_data),
		cmocka_unit_test(killed_connection_is_worth_a_retry),
		cmocka_unit_test(refusals_say_what_to_do),
		cmocka_unit_test(description_has_no_password),
		cmocka_unit_test(mute_server_times_out),
		cmocka_unit_test(mute_host_is_passed_over),
		cmocka_unit_test(a_table_that_is_not_there_is_no_error),
		cmocka_unit_test(quoting_survives_hostile_text),
		cmocka_unit_test(abort_cancels_the_query),
		cmocka_unit_test(stop_cancels_the_query_but_not_one_that_must_finish),
	};

	return pg_test_run("pg_conn", tests, NULL, NULL);
}
