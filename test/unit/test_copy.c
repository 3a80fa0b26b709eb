/*
 * The full copy between two databases of one server.  Needs a server: DBSYNC_TEST_PG.
 */
#include "pg_test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "copy/copy.h"
#include "store/sqlite_store.h"

#include <pthread.h>
#include <stdio.h>

#define TASK "copy_test"
#define SOURCE_ID "1/source"

static char folder[] = "/tmp/dbsync_test_copy.XXXXXX";
static char *source_conninfo;
static char *target_conninfo;
static PgConn *admin;
static PgConn *source;
static PgConn *target;

/* Of one test. */
static PgConn *holder;
static Arena *arena;
static Store *store;
static int store_number;
static CopyItem *items;
static int item_count;
static CopyRunOptions options;
static char *snapshot_name;
static int restarts;

static PgConn *
open_conn(const char *conninfo)
{
	PgConnOptions conn_options = {.role = PG_ROLE_TARGET};
	PgConn *conn;
	Error err = ERROR_INIT;

	assert_ok(pg_connect(conninfo, &conn_options, &conn, &err), &err);
	return conn;
}

static void
both(const char *sql)
{
	pg_test_sql(source, sql);
	pg_test_sql(target, sql);
}

static bool
only_test_schemas(const PgTable *table, void *arg)
{
	(void) arg;
	return table->schema[0] == 't';
}

static void
open_store(void)
{
	char *path = mem_printf("%s/store%d.db", folder, ++store_number);
	TaskState state = {.task = TASK, .phase = TASK_COPYING, .source_kind = "pgsql", .source_id = SOURCE_ID, .slot = TASK};
	Error err = ERROR_INIT;

	if (store)
		store->ops->close(store);
	assert_ok(sqlite_store_open(path, DURABILITY_NORMAL, STORE_CREATE, &store, &err), &err);
	assert_ok(store->ops->save_task(store, &state, &err), &err);
	options.store = store;
	free(path);
}

static Lsn
current_lsn(void)
{
	const char *text;
	Lsn lsn = LSN_NONE;
	Error err = ERROR_INIT;

	assert_ok(pg_query_value(source, arena, "SELECT pg_current_wal_insert_lsn()", 0, NULL, &text, &err), &err);
	assert_true(lsn_parse(text, &lsn));
	return lsn;
}

static void
take_snapshot(void)
{
	const char *name;
	Error err = ERROR_INIT;

	pg_close(holder);
	holder = open_conn(source_conninfo);
	pg_test_sql(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	assert_ok(pg_query_value(holder, arena, "SELECT pg_export_snapshot()", 0, NULL, &name, &err), &err);
	free(snapshot_name);
	snapshot_name = mem_strdup(name);
	options.snapshot.name = snapshot_name;
	options.snapshot.lsn = current_lsn();
}

static bool
plan_and_run(int64_t split_bytes, CopyOutcome *outcome, Error *err)
{
	CopyPlanOptions plan = {.target_schema = options.target_schema,
							.split_bytes = split_bytes,
							.source_version = pg_server_version(source)};
	PgCatalog from;
	PgCatalog to;
	bool ok;

	assert_ok(pg_catalog_load(source, only_test_schemas, NULL, arena, &from, err), err);
	assert_ok(pg_catalog_load(target, only_test_schemas, NULL, arena, &to, err), err);
	options.source = &from;
	options.target = &to;
	ok = items || copy_plan(&plan, &from, &to, arena, &items, &item_count, err);
	ok = ok && copy_run(&options, items, item_count, outcome, err);
	pg_catalog_free(&from);
	pg_catalog_free(&to);
	return ok;
}

static void
must_complete(int64_t split_bytes)
{
	CopyOutcome outcome;
	Error err = ERROR_INIT;

	assert_ok(plan_and_run(split_bytes, &outcome, &err), &err);
	assert_int_equal(outcome, COPY_OUTCOME_COMPLETE);
	for (int i = 0; i < item_count; i++)
		assert_int_equal(items[i].phase, COPY_DONE);
}

static void
must_fail(int64_t split_bytes, ErrorKind kind, const char *text, const char *hint)
{
	CopyOutcome outcome;
	Error err = ERROR_INIT;

	assert_false(plan_and_run(split_bytes, &outcome, &err));
	if (err.kind != kind || !strstr(err.message, text) || (hint && (!err.hint || !strstr(err.hint, hint))))
		print_error("got: %s\nHINT: %s\n", err.message, err.hint);
	assert_int_equal(err.kind, kind);
	assert_non_null(strstr(err.message, text));
	if (hint)
		assert_non_null(strstr(err.hint, hint));
	error_clear(&err);
}

/* The rows of a table, in any order. */
static void
assert_same(const char *table)
{
	char *sql = mem_printf("SELECT pg_catalog.count(*) || '/' || coalesce(pg_catalog.sum(pg_catalog.hashtext(t::text)), 0)"
						   " FROM %s t",
						   table);
	const char *value;
	Error err = ERROR_INIT;

	assert_ok(pg_query_value(source, arena, sql, 0, NULL, &value, &err), &err);
	assert_value(target, sql, value);
	free(sql);
}

static void
count_restarts(void *arg, const CopyItem *item, const char *reason)
{
	(void) arg;
	(void) item;
	(void) reason;
	__atomic_add_fetch(&restarts, 1, __ATOMIC_SEQ_CST);
}

static const ProgressSink sink = {.copy_restarted = count_restarts};

static int
set_up_group(void **state)
{
	(void) state;
	if (!pg_test_conninfo())
		return 0;
	if (!mkdtemp(folder))
		return 1;
	log_set_level(getenv("DBSYNC_TEST_LOG") ? LOG_DEBUG : LOG_ERROR);
	admin = open_conn(pg_test_conninfo());
	pg_test_sql(admin, "DROP DATABASE IF EXISTS dbsync_copy_source");
	pg_test_sql(admin, "DROP DATABASE IF EXISTS dbsync_copy_target");
	pg_test_sql(admin, "CREATE DATABASE dbsync_copy_source");
	pg_test_sql(admin, "CREATE DATABASE dbsync_copy_target");
	source_conninfo = pg_test_conninfo_as(NULL, "dbsync_copy_source");
	target_conninfo = pg_test_conninfo_as(NULL, "dbsync_copy_target");
	source = open_conn(source_conninfo);
	target = open_conn(target_conninfo);
	return 0;
}

static int
tear_down_group(void **state)
{
	char *command = mem_printf("rm -rf %s", folder);

	(void) state;
	if (admin)
	{
		pg_close(source);
		pg_close(target);
		pg_close(holder);
		pg_close(admin);
		if (store)
			store->ops->close(store);
		assert_int_equal(system(command), 0);
	}
	free(command);
	return 0;
}

static int
set_up(void **state)
{
	(void) state;
	both("DROP SCHEMA IF EXISTS t CASCADE; CREATE SCHEMA t");
	pg_test_sql(target, "DROP SCHEMA IF EXISTS dbsync CASCADE");
	arena = arena_new(0);
	items = NULL;
	restarts = 0;
	memset(&options, 0, sizeof(options));
	options.task = TASK;
	options.source_id = SOURCE_ID;
	options.source_conninfo = source_conninfo;
	options.target_conninfo = target_conninfo;
	options.existing_rows = EXISTING_STOP;
	options.analyze = true;
	options.jobs = 3;
	options.retry_max_ms = 500;
	options.progress = &sink;
	open_store();
	options.start_lsn = current_lsn();
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	pg_close(holder);
	holder = NULL;
	arena_free(arena);
	return 0;
}

/*
 * What arrives
 */

static void
copies_every_kind_of_table(void **state)
{
	(void) state;
	both("CREATE TABLE t.plain(a int, b text, c numeric, d timestamptz, e bytea, f double precision, g int[], h jsonb);"
		 "CREATE TABLE t.empty(a int); CREATE TABLE t.none();"
		 "CREATE TABLE t.dropped(a int, b int, c text, d int); ALTER TABLE t.dropped DROP a; ALTER TABLE t.dropped DROP d;"
		 "CREATE TABLE t.generated(a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int GENERATED ALWAYS AS IDENTITY);"
		 "CREATE TABLE t.onlygenerated(b int GENERATED ALWAYS AS (1) STORED);"
		 "CREATE SCHEMA IF NOT EXISTS \"t '\"\"\\ \n%s\"; DROP TABLE IF EXISTS \"t '\"\"\\ \n%s\".\"x'\"\"\\\n%d\";"
		 "CREATE TABLE \"t '\"\"\\ \n%s\".\"x'\"\"\\\n%d\"(\"c'\"\"\\\n%n\" text, \"select\" int, \"\xc3\xa4\" int);"
		 "CREATE TABLE t.parent(a int); CREATE TABLE t.child(b int) INHERITS (t.parent)");
	pg_test_sql(source, "INSERT INTO t.plain SELECT i, E'a\\tb\\n\\\\' || chr(i + 1), i / 7.0, now() + i * interval '1s',"
						" decode(lpad(to_hex(i), 8, '0'), 'hex'), sqrt(i), ARRAY[i, NULL], jsonb_build_object('k', i)"
						" FROM generate_series(1, 5000) i;"
						"INSERT INTO t.plain DEFAULT VALUES; INSERT INTO t.plain(b) VALUES ('\\N'), (''), ('\\.');"
						"INSERT INTO t.none DEFAULT VALUES; INSERT INTO t.none DEFAULT VALUES;"
						"INSERT INTO t.dropped VALUES (1, 'x'); INSERT INTO t.generated VALUES (1), (2);"
						"INSERT INTO t.onlygenerated DEFAULT VALUES;"
						"INSERT INTO \"t '\"\"\\ \n%s\".\"x'\"\"\\\n%d\" VALUES ('v', 1, 2);"
						"INSERT INTO t.parent VALUES (1); INSERT INTO t.child VALUES (2, 3)");
	take_snapshot();
	pg_test_sql(source, "INSERT INTO t.empty VALUES (1)"); /* after the snapshot */
	must_complete(0);
	assert_value(target, "SELECT count(*) FROM t.empty", "0");
	pg_test_sql(source, "TRUNCATE t.empty");
	assert_same("t.plain");
	assert_same("t.none");
	assert_value(target, "SELECT count(*) FROM t.none", "2");
	assert_same("t.dropped");
	assert_same("t.generated");
	assert_same("t.onlygenerated");
	assert_same("\"t '\"\"\\ \n%s\".\"x'\"\"\\\n%d\"");
	assert_same("ONLY t.parent");
	assert_same("t.child");
	assert_value(target, "SELECT count(*) FROM dbsync.copy_progress WHERE finished_at IS NOT NULL AND task = 'copy_test'",
				 "9");
	assert_value(target, "SELECT reltuples FROM pg_class WHERE oid = 't.plain'::regclass", "5004");
	both("DROP SCHEMA \"t '\"\"\\ \n%s\" CASCADE");
}

static void
columns_go_by_name(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x int, y text, z int, g int GENERATED ALWAYS AS (x) STORED)");
	pg_test_sql(target, "CREATE TABLE t.a(extra int DEFAULT 7, z int GENERATED ALWAYS AS (x + 1) STORED, y text, x int,"
						" g int)");
	pg_test_sql(source, "INSERT INTO t.a VALUES (1, 'one', 100)");
	take_snapshot();
	must_complete(0);
	assert_value(target, "SELECT t::text FROM t.a t", "(7,2,one,1,)");
}

static void
large_tables_are_cut(void **state)
{
	(void) state;
	both("CREATE TABLE t.big(a int PRIMARY KEY, b text); CREATE TABLE t.small(a int)");
	pg_test_sql(source, "INSERT INTO t.small SELECT generate_series(1, 10);"
						"INSERT INTO t.big SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i;"
						"UPDATE t.big SET b = b || 'y' WHERE a % 10 = 0; DELETE FROM t.big WHERE a % 7 = 0");
	take_snapshot();
	pg_test_sql(source, "INSERT INTO t.big SELECT i, '' FROM generate_series(100001, 102000) i; UPDATE t.big SET b = 'no'");
	must_complete(512 * 1024);
	assert_true(item_count > 5);
	assert_string_equal(items[0].table, "big");
	assert_string_equal(items[item_count - 1].table, "small");
	assert_value(target, "SELECT count(*) || '/' || count(DISTINCT a) || '/' || sum(length(b)) FROM t.big",
				 "25715/25715/2574072");
}

static void
row_of_100_megabytes(void **state)
{
	(void) state;
	both("CREATE TABLE t.wide(a int, b text); ALTER TABLE t.wide ALTER b SET STORAGE EXTERNAL");
	pg_test_sql(source, "INSERT INTO t.wide VALUES (1, 'a'), (2, repeat('0123456789abcdefg', 6000000)), (3, 'b')");
	take_snapshot();
	must_complete(0);
	assert_value(target, "SELECT string_agg(a || ':' || length(b), ' ' ORDER BY a) FROM t.wide", "1:1 2:102000000 3:1");
	assert_same("t.wide");
}

static void
partitions_go_into_a_flat_table_and_back(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.flat(k int, v text) PARTITION BY RANGE (k);"
						"CREATE TABLE t.f1 PARTITION OF t.flat FOR VALUES FROM (0) TO (100);"
						"CREATE TABLE t.f2 PARTITION OF t.flat FOR VALUES FROM (100) TO (200);"
						"CREATE TABLE t.parts(k int, v text);"
						"INSERT INTO t.flat SELECT i, 'f' FROM generate_series(0, 199) i;"
						"INSERT INTO t.parts SELECT i, 'p' FROM generate_series(0, 199) i");
	pg_test_sql(target, "CREATE TABLE t.flat(k int, v text);"
						"CREATE TABLE t.parts(k int, v text) PARTITION BY RANGE (k);"
						"CREATE TABLE t.p1 PARTITION OF t.parts FOR VALUES FROM (0) TO (50);"
						"CREATE TABLE t.p2 PARTITION OF t.parts FOR VALUES FROM (50) TO (200)");
	take_snapshot();
	must_complete(0);
	assert_same("t.flat");
	assert_same("t.parts");
	assert_value(target, "SELECT count(*) FROM t.p1", "50");
}

static void
target_schema_takes_all(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x int); INSERT INTO t.a VALUES (1)");
	pg_test_sql(target, "CREATE SCHEMA IF NOT EXISTS tother; DROP TABLE IF EXISTS tother.a; CREATE TABLE tother.a(x int)");
	options.target_schema = "tother";
	take_snapshot();
	must_complete(0);
	assert_value(target, "SELECT count(*) FROM tother.a", "1");
	pg_test_sql(target, "DROP SCHEMA tother CASCADE");
}

/*
 * What is refused
 */

static void
plan_names_all_that_is_missing(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x int, \"Y\" varchar(3)); CREATE TABLE t.b(); CREATE TABLE t.c()");
	pg_test_sql(target, "CREATE TABLE t.a(x int)");
	take_snapshot();
	must_fail(0, ERROR_PREFLIGHT, "no table \"t\".\"b\", \"t\".\"c\"",
			  "ALTER TABLE \"t\".\"a\" ADD COLUMN \"Y\" character varying(3)");
}

static void
rows_on_the_target_stop_or_are_removed(void **state)
{
	(void) state;
	both("CREATE TABLE t.a(x int); CREATE TABLE t.b(x int PRIMARY KEY); CREATE TABLE t.ref(x int REFERENCES t.b);"
		 "INSERT INTO t.a VALUES (1); INSERT INTO t.b VALUES (1)");
	take_snapshot();
	must_fail(0, ERROR_PREFLIGHT, "2 tables of the target have rows already: \"t\".\"a\", \"t\".\"b\"",
			  "existing_rows = truncate");
	options.existing_rows = EXISTING_TRUNCATE;
	must_complete(0);
	assert_same("t.a");
	assert_same("t.b");
}

static void
bad_value_is_named_by_line_and_column_only(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x text, y int); INSERT INTO t.a VALUES ('1', 1), ('secret', 2)");
	pg_test_sql(target, "CREATE TABLE t.a(y int, x int)");
	take_snapshot();
	must_fail(0, ERROR_FAILED, "copy of table \"t\".\"a\"", NULL);
	items = NULL;
	must_fail(0, ERROR_FAILED, "(COPY a, line 2, column x)", NULL);
	assert_value(target, "SELECT count(*) FROM t.a", "0");
}

static void
duplicate_key_is_a_conflict(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x int); INSERT INTO t.a VALUES (5), (5)");
	pg_test_sql(target, "CREATE TABLE t.a(x int PRIMARY KEY)");
	take_snapshot();
	must_fail(0, ERROR_CONFLICT, "Key (x)=(5)", NULL);
}

static void
failure_in_the_middle_is_heard_early(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.a(x text); INSERT INTO t.a VALUES ('no');"
						"INSERT INTO t.a SELECT repeat('x', 1000) FROM generate_series(1, 100000)");
	pg_test_sql(target, "CREATE TABLE t.a(x int)");
	take_snapshot();
	must_fail(0, ERROR_FAILED, "line 1, column x", NULL);
	assert_true(items[0].phase == COPY_PENDING);
}

static void
trigger_that_drops_rows_is_noticed(void **state)
{
	(void) state;
	both("CREATE TABLE t.a(x int)");
	pg_test_sql(source, "INSERT INTO t.a VALUES (1), (2)");
	pg_test_sql(target, "CREATE FUNCTION t.f() RETURNS trigger LANGUAGE plpgsql AS"
						" 'BEGIN IF NEW.x = 1 THEN RETURN NULL; END IF; RETURN NEW; END';"
						"CREATE TRIGGER f BEFORE INSERT ON t.a FOR EACH ROW EXECUTE FUNCTION t.f();"
						"ALTER TABLE t.a ENABLE ALWAYS TRIGGER f");
	take_snapshot();
	must_fail(0, ERROR_FAILED, "of 2 rows only 1 were stored", "trigger");
	assert_value(target, "SELECT count(*) FROM t.a", "0");
}

static void
missing_rights_come_with_their_grant(void **state)
{
	char *conninfo = pg_test_conninfo_as("copy plain", "dbsync_copy_target");
	char *reader = pg_test_conninfo_as("copy plain", "dbsync_copy_source");

	(void) state;
	if (pg_exec(admin, "CREATE ROLE \"copy plain\" LOGIN", NULL, &(Error) ERROR_INIT))
		print_message("role created\n");
	both("CREATE TABLE t.a(x int)");
	pg_test_sql(source, "INSERT INTO t.a VALUES (1)");
	take_snapshot();

	options.target_conninfo = conninfo;
	must_fail(0, ERROR_PREFLIGHT, "copy_progress", "GRANT CREATE ON DATABASE \"dbsync_copy_target\" TO \"copy plain\"");
	pg_test_sql(target, "CREATE SCHEMA dbsync");
	must_fail(0, ERROR_PREFLIGHT, "copy_progress", "GRANT USAGE, CREATE ON SCHEMA dbsync TO \"copy plain\"");
	pg_test_sql(target, "GRANT USAGE, CREATE ON SCHEMA dbsync TO \"copy plain\"; GRANT USAGE ON SCHEMA t TO \"copy plain\";"
						"GRANT SELECT ON t.a TO \"copy plain\"");
	must_fail(0, ERROR_PREFLIGHT, "copy of table \"t\".\"a\"", "TRUNCATE ON TABLE \"t\".\"a\" TO \"copy plain\"");
	pg_test_sql(target, "GRANT INSERT ON t.a TO \"copy plain\"");

	options.source_conninfo = reader;
	must_fail(0, ERROR_PREFLIGHT, "permission denied", "GRANT SELECT ON TABLE \"t\".\"a\" TO \"copy plain\"");
	pg_test_sql(source, "GRANT USAGE ON SCHEMA t TO \"copy plain\"; GRANT SELECT ON t.a TO \"copy plain\";"
						"ALTER TABLE t.a ENABLE ROW LEVEL SECURITY");
	must_fail(0, ERROR_PREFLIGHT, "row-level security", NULL);
	pg_test_sql(source, "ALTER TABLE t.a DISABLE ROW LEVEL SECURITY");
	must_complete(0);
	assert_same("t.a");
	both("DROP OWNED BY \"copy plain\"");
	pg_test_sql(admin, "DROP ROLE \"copy plain\"");
	free(conninfo);
	free(reader);
}

/*
 * Going on
 */

/* A row trigger of the target that waits for an advisory lock, or fails, at one value. */
static void
add_trap(const char *table, const char *action)
{
	char *sql = mem_printf("CREATE OR REPLACE FUNCTION t.trap() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN"
						   " IF NEW.a = 7000 THEN %s; END IF; RETURN NEW; END$f$;"
						   "CREATE TRIGGER trap BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION t.trap();"
						   "ALTER TABLE %s ENABLE ALWAYS TRIGGER trap",
						   action, table, table);

	pg_test_sql(target, sql);
	free(sql);
}

static void
make_rows(const char *table)
{
	char *sql = mem_printf("INSERT INTO %s SELECT i, repeat('x', 200) FROM generate_series(1, 10000) i", table);

	pg_test_sql(source, sql);
	free(sql);
}

static void
same_snapshot_goes_on_where_it_was(void **state)
{
	const char *before;
	Error err = ERROR_INIT;

	(void) state;
	both("CREATE TABLE t.a(a int, b text)");
	make_rows("t.a");
	add_trap("t.a", "RAISE EXCEPTION 'trapped'");
	take_snapshot();
	options.jobs = 1;
	must_fail(200 * 1024, ERROR_FAILED, "trapped", NULL);
	assert_ok(pg_query_value(target, arena, "SELECT sum(xmin::text::int8) || '/' || count(*) FROM t.a", 0, NULL, &before,
							 &err),
			  &err);
	assert_value(target, "SELECT count(*) > 0 FROM t.a", "t");
	pg_test_sql(target, "DROP TRIGGER trap ON t.a");
	pg_test_sql(target, "CREATE TABLE t.kept AS SELECT a, xmin::text AS x FROM t.a");
	must_complete(200 * 1024);
	assert_same("t.a");
	assert_value(target, "SELECT count(*) FROM t.kept k WHERE NOT EXISTS (SELECT FROM t.a WHERE a.a = k.a"
						 " AND a.xmin::text = k.x)",
				 "0");
}

static void
new_snapshot_starts_unfinished_tables_over(void **state)
{
	Lsn first;

	(void) state;
	/* referenced by another table: cannot be truncated alone */
	both("CREATE TABLE t.done(a int, b text); CREATE TABLE t.a(a int PRIMARY KEY, b text);"
		 "CREATE TABLE t.ref(a int REFERENCES t.a)");
	make_rows("t.a");
	pg_test_sql(source, "INSERT INTO t.done SELECT i, repeat('y', 2000) FROM generate_series(1, 2000) i");
	add_trap("t.a", "RAISE EXCEPTION 'trapped'");
	take_snapshot();
	first = options.snapshot.lsn;
	options.jobs = 1;
	must_fail(200 * 1024, ERROR_FAILED, "trapped", NULL);
	pg_test_sql(target, "DROP TRIGGER trap ON t.a");

	pg_test_sql(source, "UPDATE t.a SET b = 'new' WHERE a % 3 = 0; DELETE FROM t.a WHERE a % 5 = 0");
	take_snapshot();
	assert_true(options.snapshot.lsn > first);
	must_complete(200 * 1024);
	assert_same("t.a");
	assert_same("t.done");
	for (int i = 0; i < item_count; i++)
		assert_int_equal(items[i].snapshot_lsn, strcmp(items[i].table, "done") == 0 ? first : options.snapshot.lsn);
}

static void
tables_that_share_a_target_start_over_together(void **state)
{
	(void) state;
	pg_test_sql(source, "CREATE TABLE t.flat(a int, b text) PARTITION BY RANGE (a);"
						"CREATE TABLE t.f1 PARTITION OF t.flat FOR VALUES FROM (0) TO (2000);"
						"CREATE TABLE t.f2 PARTITION OF t.flat FOR VALUES FROM (2000) TO (20000)");
	make_rows("t.flat");
	pg_test_sql(target, "CREATE TABLE t.flat(a int, b text)");
	add_trap("t.flat", "RAISE EXCEPTION 'trapped'");
	take_snapshot();
	options.jobs = 1;
	must_fail(400 * 1024, ERROR_FAILED, "trapped", NULL);
	assert_value(target, "SELECT count(*) > 0 FROM t.flat", "t");
	pg_test_sql(target, "DROP TRIGGER trap ON t.flat");
	pg_test_sql(source, "DELETE FROM t.flat WHERE a % 5 = 0");
	take_snapshot();
	must_complete(400 * 1024);
	assert_same("t.flat");
	for (int i = 0; i < item_count; i++)
		assert_int_equal(items[i].snapshot_lsn, options.snapshot.lsn);
}

/* Killed between the commit on the target and the mark in the store. */
static void
what_the_target_has_is_not_copied_again(void **state)
{
	Lsn first;

	(void) state;
	both("CREATE TABLE t.a(a int, b text)");
	make_rows("t.a");
	take_snapshot();
	first = options.snapshot.lsn;
	must_complete(400 * 1024);
	open_store();
	for (int i = 0; i < item_count; i++)
	{
		items[i].phase = i == 0 ? COPY_RUNNING : COPY_PENDING;
		items[i].rows = items[i].bytes = 0;
		items[i].snapshot_lsn = LSN_NONE;
	}
	take_snapshot();
	must_complete(400 * 1024);
	assert_same("t.a");
	for (int i = 0; i < item_count; i++)
		assert_int_equal(items[i].snapshot_lsn, first);
	assert_true(items[0].rows > 0 && items[0].bytes > 0);
}

static void
copy_of_a_former_slot_counts_as_foreign(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	both("CREATE TABLE t.a(a int, b text)");
	make_rows("t.a");
	take_snapshot();
	must_complete(0);
	items = NULL;
	open_store();
	pg_test_sql(source, "INSERT INTO t.a VALUES (0, '')");
	options.start_lsn = current_lsn();
	take_snapshot();
	must_fail(0, ERROR_PREFLIGHT, "1 table of the target has rows already: \"t\".\"a\"", NULL);
	assert_value(target, "SELECT count(*) FROM dbsync.copy_progress", "0");

	options.existing_rows = EXISTING_TRUNCATE;
	must_complete(0);
	items = NULL;
	open_store();
	options.source_id = "2/other";
	must_fail(0, ERROR_FAILED, "is of another source", "another slot name");
	assert_ok(copy_forget(target, TASK, &err), &err);
	must_complete(0);
	assert_same("t.a");
}

static void
commit_whose_answer_was_lost_is_found(void **state)
{
	PgConn *other = open_conn(target_conninfo);
	char lsn[LSN_TEXT_SIZE];
	Error err = ERROR_INIT;
	char *sql;

	(void) state;
	both("CREATE TABLE t.a(a int)");
	pg_test_sql(source, "INSERT INTO t.a VALUES (1)");
	take_snapshot();
	assert_ok(copy_prepare_target(target, &err), &err);
	sql = mem_printf("INSERT INTO dbsync.copy_progress VALUES ('" TASK "', 't', 'a', 0, 1, '" SOURCE_ID "', '%s', 1, 2)",
					 lsn_format(options.snapshot.lsn, lsn));
	pg_test_sql(other, sql);
	pg_test_sql(other, "INSERT INTO t.a VALUES (1)");
	must_complete(0);
	assert_value(target, "SELECT count(*) FROM t.a", "1");
	assert_int_equal(items[0].rows, 1);
	free(sql);
	pg_close(other);
}

/*
 * Lost connections
 */

typedef struct Killer
{
	const char *victim; /* condition on pg_stat_activity */
	bool stop;
	bool also_holder;
} Killer;

/* Waits until the copy hangs in the trap, ends a backend, and opens the trap. */
static void *
kill_when_trapped(void *arg)
{
	const Killer *killer = arg;
	PgConn *conn = open_conn(target_conninfo);

	pg_test_sql(conn, "SELECT pg_advisory_lock(7000)");
	pg_test_wait_for(conn, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'advisory'");
	if (killer->also_holder)
	{
		pg_test_sql(conn, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"
						  " AND datname = 'dbsync_copy_source' AND state = 'idle in transaction'"
						  " AND application_name NOT LIKE 'dbsync copy%'");
		pg_close(holder);
		holder = NULL;
	}
	if (killer->stop)
		stop_request();
	else
	{
		char *sql = mem_printf("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE %s", killer->victim);

		pg_test_sql(conn, sql);
		free(sql);
		pg_test_sql(conn, "SELECT pg_advisory_unlock(7000)");
	}
	pg_close(conn);
	return NULL;
}

static void
start_killer(Killer *killer, pthread_t *thread)
{
	both("CREATE TABLE t.a(a int, b text)");
	make_rows("t.a");
	make_rows("t.a");
	add_trap("t.a", "PERFORM pg_advisory_xact_lock_shared(7000)");
	take_snapshot();
	pthread_create(thread, NULL, kill_when_trapped, killer);
	pg_test_wait_for(target, "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted");
}

static void
lost_source_is_retried(void **state)
{
	Killer killer = {.victim = "application_name LIKE 'dbsync copy _' AND datname = 'dbsync_copy_source'"};
	pthread_t thread;

	(void) state;
	start_killer(&killer, &thread);
	must_complete(0);
	pthread_join(thread, NULL);
	assert_int_equal(restarts, 1);
	assert_same("t.a");
}

static void
lost_target_is_retried(void **state)
{
	Killer killer = {.victim = "application_name LIKE 'dbsync copy _' AND datname = 'dbsync_copy_target'"};
	pthread_t thread;

	(void) state;
	start_killer(&killer, &thread);
	must_complete(500 * 1024);
	pthread_join(thread, NULL);
	assert_true(restarts >= 1);
	assert_same("t.a");
}

static void
lost_snapshot_wants_a_new_one(void **state)
{
	Killer killer = {.victim = "application_name LIKE 'dbsync copy _' AND datname = 'dbsync_copy_source'",
					 .also_holder = true};
	pthread_t thread;
	CopyOutcome outcome;
	Error err = ERROR_INIT;

	(void) state;
	start_killer(&killer, &thread);
	assert_ok(plan_and_run(0, &outcome, &err), &err);
	pthread_join(thread, NULL);
	assert_int_equal(outcome, COPY_OUTCOME_NEW_SNAPSHOT);
	assert_int_equal(items[0].phase, COPY_PENDING);
	pg_test_sql(source, "DELETE FROM t.a WHERE a % 2 = 0");
	take_snapshot();
	must_complete(0);
	assert_same("t.a");
}

/* A worker that still has the snapshot needs nobody to hold it. */
static void
workers_outlive_the_holder(void **state)
{
	Killer killer = {.victim = "false", .also_holder = true};
	pthread_t thread;

	(void) state;
	options.jobs = 1;
	start_killer(&killer, &thread);
	must_complete(500 * 1024);
	pthread_join(thread, NULL);
	assert_same("t.a");
}

/*
 * A source that changes
 */

static void
rewritten_tables_wait_for_a_new_snapshot(void **state)
{
	CopyOutcome outcome;
	Error err = ERROR_INIT;

	(void) state;
	both("CREATE TABLE t.cut(a int, b text); CREATE TABLE t.full(a int, b text); CREATE TABLE t.alter(a int, b text);"
		 "CREATE TABLE t.same(a int)");
	make_rows("t.cut");
	make_rows("t.full");
	make_rows("t.alter");
	pg_test_sql(source, "INSERT INTO t.same VALUES (1)");
	take_snapshot();
	pg_test_sql(source, "TRUNCATE t.cut; INSERT INTO t.cut VALUES (5, '')");
	pg_test_sql(source, "VACUUM ANALYZE t.same");
	pg_test_sql(source, "VACUUM FULL t.full");
	pg_test_sql(source, "ALTER TABLE t.alter ALTER a TYPE bigint");
	pg_test_sql(target, "ALTER TABLE t.alter ALTER a TYPE bigint");
	assert_ok(plan_and_run(0, &outcome, &err), &err);
	assert_int_equal(outcome, COPY_OUTCOME_NEW_SNAPSHOT);
	for (int i = 0; i < item_count; i++)
		assert_int_equal(items[i].phase, strcmp(items[i].table, "same") == 0 ? COPY_DONE : COPY_PENDING);
	take_snapshot();
	must_complete(0);
	assert_same("t.cut");
	assert_same("t.full");
	assert_same("t.alter");
}

static void
tables_made_or_dropped_after_the_snapshot(void **state)
{
	CopyOutcome outcome;
	CopyPlanOptions plan = {.source_version = 150000};
	PgCatalog from;
	PgCatalog to;
	Error err = ERROR_INIT;

	(void) state;
	both("CREATE TABLE t.gone(a int, b text); CREATE TABLE t.stays(a int)");
	take_snapshot();
	both("CREATE TABLE t.new(a int)");
	pg_test_sql(source, "INSERT INTO t.new VALUES (1)");
	assert_ok(pg_catalog_load(source, only_test_schemas, NULL, arena, &from, &err), &err);
	assert_ok(pg_catalog_load(target, only_test_schemas, NULL, arena, &to, &err), &err);
	assert_ok(copy_plan(&plan, &from, &to, arena, &items, &item_count, &err), &err);
	options.source = &from;
	options.target = &to;
	pg_test_sql(source, "DROP TABLE t.gone");
	assert_ok(copy_run(&options, items, item_count, &outcome, &err), &err);
	assert_int_equal(outcome, COPY_OUTCOME_NEW_SNAPSHOT);
	/* the stream has its rows */
	assert_value(target, "SELECT count(*) FROM t.new", "0");
	take_snapshot();
	must_complete(0);
	pg_catalog_free(&from);
	pg_catalog_free(&to);
}

static void
lock_ends_with_the_table(void **state)
{
	Killer killer = {.victim = "pid = pg_backend_pid() AND false"};
	pthread_t thread;

	(void) state;
	/* While t.a hangs, the lock on t.z, which was copied before, is gone. */
	both("CREATE TABLE t.z(a int, b text)");
	pg_test_sql(source, "INSERT INTO t.z SELECT i, repeat('x', 2000) FROM generate_series(1, 5000) i");
	start_killer(&killer, &thread);
	options.jobs = 1;
	must_complete(0);
	pthread_join(thread, NULL);
	pg_test_sql(source, "SET lock_timeout = '5s'; ALTER TABLE t.z ADD c int");
	assert_value(target, "SELECT count(*) FROM t.z", "5000");
}

/*
 * Ends
 */

static void
first_failure_stops_the_others(void **state)
{
	PgConn *other = open_conn(target_conninfo);
	int64_t start_ms;

	(void) state;
	both("CREATE TABLE t.a(a int, b text)");
	make_rows("t.a");
	add_trap("t.a", "PERFORM pg_advisory_xact_lock_shared(7000)");
	pg_test_sql(source, "CREATE TABLE t.bad(a text); INSERT INTO t.bad VALUES ('x')");
	pg_test_sql(target, "CREATE TABLE t.bad(a int)");
	pg_test_sql(other, "SELECT pg_advisory_lock(7000)");
	take_snapshot();
	start_ms = clock_monotonic_ms();
	must_fail(0, ERROR_FAILED, "copy of table \"t\".\"bad\"", NULL);
	assert_true(clock_monotonic_ms() - start_ms < 8000);
	pg_test_wait_for(target, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'dbsync copy%'");
	pg_close(other);
}

/* The last test: the stop flag stays up. */
static void
stop_ends_the_copy(void **state)
{
	Killer killer = {.stop = true};
	pthread_t thread;
	Error err = ERROR_INIT;

	(void) state;
	assert_ok(stop_install(&err), &err);
	start_killer(&killer, &thread);
	must_fail(0, ERROR_CANCELLED, "", NULL);
	pthread_join(thread, NULL);
	assert_int_equal(items[0].phase, COPY_PENDING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_every_kind_of_table),
		TEST(columns_go_by_name),
		TEST(large_tables_are_cut),
		TEST(row_of_100_megabytes),
		TEST(partitions_go_into_a_flat_table_and_back),
		TEST(target_schema_takes_all),
		TEST(plan_names_all_that_is_missing),
		TEST(rows_on_the_target_stop_or_are_removed),
		TEST(bad_value_is_named_by_line_and_column_only),
		TEST(duplicate_key_is_a_conflict),
		TEST(failure_in_the_middle_is_heard_early),
		TEST(trigger_that_drops_rows_is_noticed),
		TEST(missing_rights_come_with_their_grant),
		TEST(same_snapshot_goes_on_where_it_was),
		TEST(new_snapshot_starts_unfinished_tables_over),
		TEST(tables_that_share_a_target_start_over_together),
		TEST(what_the_target_has_is_not_copied_again),
		TEST(copy_of_a_former_slot_counts_as_foreign),
		TEST(commit_whose_answer_was_lost_is_found),
		TEST(lost_source_is_retried),
		TEST(lost_target_is_retried),
		TEST(lost_snapshot_wants_a_new_one),
		TEST(workers_outlive_the_holder),
		TEST(rewritten_tables_wait_for_a_new_snapshot),
		TEST(tables_made_or_dropped_after_the_snapshot),
		TEST(lock_ends_with_the_table),
		TEST(first_failure_stops_the_others),
		TEST(stop_ends_the_copy),
	};

	return pg_test_run("copy", tests, set_up_group, tear_down_group);
}
