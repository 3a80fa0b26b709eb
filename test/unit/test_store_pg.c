/* The PostgreSQL store: lost connections, its lock, its schema, rights. */
#include "store_test.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define OPS (f->store->ops)

static void
run_sql(const char *sql)
{
	PGconn	   *conn = PQconnectdb(getenv("DBSYNC_TEST_PG"));
	PGresult   *result = PQexec(conn, "SET client_min_messages = warning");

	PQclear(result);
	result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		print_error("%s\n", PQerrorMessage(conn));
	assert_true(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK);
	PQclear(result);
	PQfinish(conn);
}

/* One value, malloc'd. */
static char *
query(const char *sql)
{
	PGconn	   *conn = PQconnectdb(getenv("DBSYNC_TEST_PG"));
	PGresult   *result = PQexec(conn, sql);
	char	   *value;

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	assert_int_equal(PQntuples(result), 1);
	value = mem_strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(conn);
	return value;
}

/* Ends server processes of the store, and waits until they are gone. */
static void
terminate(const char *condition)
{
	char	   *kill = mem_printf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '%s'", condition);
	char	   *left = mem_printf("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '%s'", condition);
	bool		gone = false;

	run_sql(kill);
	for (int tries = 0; !gone && tries < 1000; tries++)
	{
		char	   *count = query(left);
		struct timespec pause = {0, 5000000};

		gone = strcmp(count, "0") == 0;
		free(count);
		if (!gone)
			nanosleep(&pause, NULL);
	}
	assert_true(gone);
	free(kill);
	free(left);
}

static void
a_lost_connection_is_made_again(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	TxnPart    *part = store_test_part(200, 0, true, 0);
	TxnPart    *read;
	TaskState	loaded;
	StoreStats	stats;
	bool		found;

	store_test_save_task(f, TASK);
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);

	/* What was appended and not committed is gone with the connection. */
	store_test_append(f, TASK, 150, 0, true, 9000000);
	terminate("^dbsync store");
	assert_ok(OPS->append(f->store, TASK, part, &f->err));
	assert_false(OPS->commit(f->store, 208, &f->err));
	assert_int_equal(f->err.kind, ERROR_RETRY);
	error_clear(&f->err);
	assert_false(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_int_equal(f->err.kind, ERROR_RETRY);
	error_clear(&f->err);
	assert_false(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_int_equal(f->err.kind, ERROR_RETRY);
	error_clear(&f->err);

	/* The next call connects. */
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(found && loaded.received_lsn == LSN_NONE);
	assert_ok(OPS->read(f->store, TASK, cursor.lsn, cursor.part, &read, &f->err));
	assert_null(read);
	assert_ok(OPS->append(f->store, TASK, part, &f->err));
	assert_ok(OPS->commit(f->store, 208, &f->err));
	store_test_expect(f, TASK, &cursor, 200, 0, true);
	store_test_expect_end(f, TASK, &cursor);
	txn_part_free(part);
}

static void
every_call_survives_the_loss_of_its_connection(void **state)
{
	Fixture    *f = *state;
	CopyItem	item = {.schema = "s", .table = "t", .chunk_count = 1};
	TaskState	task_state = {.task = TASK, .phase = TASK_COPYING};

	store_test_save_task(f, TASK);
	for (int call = 0; call < 8; call++)
	{
		CopyItem   *items;
		TaskState  *tasks;
		StoreStats	stats;
		char	   *records = NULL;
		size_t		length;
		int			count;
		bool		ok = false;

		/* So that each has a connection to lose; the round before has taken some away. */
		for (int attempts = 0; !ok && attempts < 4; attempts++)
		{
			error_clear(&f->err);
			ok = OPS->list_tasks(f->store, f->arena, &tasks, &count, &f->err) && OPS->stats(f->store, TASK, &stats, &f->err) &&
				OPS->drop_incomplete(f->store, TASK, &f->err);
		}
		assert_ok(ok);
		terminate("^dbsync store");
		for (int tries = 0; tries < 2; tries++)
		{
			switch (call)
			{
				case 0:
					ok = OPS->save_task(f->store, &task_state, &f->err);
					break;
				case 1:
					ok = OPS->save_item(f->store, TASK, &item, &f->err);
					break;
				case 2:
					ok = OPS->replace_items(f->store, TASK, &item, 1, &f->err);
					break;
				case 3:
					ok = OPS->load_items(f->store, TASK, f->arena, &items, &count, &f->err);
					break;
				case 4:
					ok = OPS->list_tasks(f->store, f->arena, &tasks, &count, &f->err);
					break;
				case 5:
					ok = OPS->remove_applied(f->store, TASK, 1000, 1, &f->err);
					break;
				case 6:
					ok = OPS->read_relations(f->store, TASK, 1, &records, &length, &f->err);
					free(records);
					break;
				case 7:
					ok = OPS->remove_from(f->store, TASK, 1000, &f->err);
					break;
			}
			if (tries == 0)
			{
				assert_false(ok);
				assert_int_equal(f->err.kind, ERROR_RETRY);
				error_clear(&f->err);
			}
		}
		assert_ok(ok);
	}
}

static void
a_lock_that_another_took_is_not_taken_back(void **state)
{
	Fixture    *f = *state;
	Store	   *other;

	store_test_save_task(f, TASK);
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	terminate("^dbsync store");
	assert_ok(store_test_open(f, STORE_CREATE, &other, &f->err));
	assert_ok(other->ops->lock_task(other, TASK, &f->err));
	assert_false(OPS->save_received(f->store, TASK, 5, &f->err));
	error_clear(&f->err);
	assert_fails(OPS->save_received(f->store, TASK, 5, &f->err), ERROR_FAILED, "worked on by another dbsync: server process");
	store_test_append(f, TASK, 100, 0, true, 0);
	assert_fails(OPS->commit(f->store, LSN_NONE, &f->err), ERROR_FAILED, "worked on by another dbsync");
	other->ops->close(other);
	store_test_append(f, TASK, 100, 0, true, 0);
	assert_ok(OPS->commit(f->store, 108, &f->err));
}

static void
what_belongs_to_others_is_refused(void **state)
{
	Fixture    *f = *state;
	Store	   *other;

	run_sql("UPDATE dbsync_local.store_version SET version = 99");
	assert_fails(store_test_open(f, STORE_CREATE, &other, &f->err), ERROR_STORE, "has version 99 of the local store");
	OPS->close(f->store);
	f->store = NULL;
	run_sql("DROP SCHEMA dbsync_local CASCADE; CREATE SCHEMA dbsync_local; CREATE TABLE dbsync_local.diary (a int)");
	assert_fails(store_test_open(f, STORE_CREATE, &other, &f->err), ERROR_STORE, "that is not dbsync's");
	run_sql("DROP TABLE dbsync_local.diary");
	assert_fails(store_test_open(f, STORE_READ_ONLY, &other, &f->err), ERROR_STORE, "has nothing of dbsync in it");
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
	store_test_save_task(f, TASK);
}

static void
an_ordinary_role_needs_the_schema_or_the_right_to_make_it(void **state)
{
	Fixture    *f = *state;
	char	   *as_role = mem_printf("%s user=dbsync_store_role", getenv("DBSYNC_TEST_PG"));
	Store	   *other;
	TaskState	task_state = {.task = TASK, .phase = TASK_NEW};

	OPS->close(f->store);
	f->store = NULL;
	run_sql("DROP SCHEMA dbsync_local CASCADE; DROP ROLE IF EXISTS dbsync_store_role; CREATE ROLE dbsync_store_role LOGIN");
	assert_false(pg_store_open(as_role, DURABILITY_NORMAL, STORE_CREATE, &other, &f->err));
	assert_non_null(f->err.hint);
	assert_non_null(strstr(f->err.hint, "CREATE on the database"));
	assert_fails(false, ERROR_STORE, "permission denied");
	run_sql("CREATE SCHEMA dbsync_local AUTHORIZATION dbsync_store_role");
	assert_ok(pg_store_open(as_role, DURABILITY_NORMAL, STORE_CREATE, &other, &f->err));
	assert_ok(other->ops->save_task(other, &task_state, &f->err));
	assert_ok(other->ops->lock_task(other, TASK, &f->err));
	other->ops->close(other);
	run_sql("DROP SCHEMA dbsync_local CASCADE; DROP ROLE dbsync_store_role");
	free(as_role);
}

static void
a_password_is_never_told(void **state)
{
	Fixture    *f = *state;
	char	   *conninfo = mem_printf("%s password=geheim", getenv("DBSYNC_TEST_PG"));
	Store	   *other;

	assert_ok(pg_store_open(conninfo, DURABILITY_FULL, STORE_CREATE, &other, &f->err));
	assert_null(strstr(other->description, "geheim"));
	other->ops->close(other);
	free(conninfo);
	assert_false(pg_store_open("host=/nowhere/at/all password=geheim", DURABILITY_FULL, STORE_CREATE, &other, &f->err));
	assert_null(strstr(f->err.message, "geheim"));
	error_clear(&f->err);
}

static void
people_can_read_the_tables(void **state)
{
	Fixture    *f = *state;
	char	   *value;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 0x16B374D848, 0, true, 0);
	assert_ok(OPS->commit(f->store, 0x16B374D850, &f->err));
	value = query("SELECT concat_ws(' ', commit_lsn, end_lsn, xid, changes, commit_time AT TIME ZONE 'UTC' >= '2023-11-14')"
				  " FROM dbsync_local.sync_sqls");
	assert_string_equal(value, "16/B374D848 16/B374D850 3895585272 3 t");
	free(value);
	value = query("SELECT concat_ws(' ', received_lsn, waiting_transactions, waiting_changes) FROM dbsync_local.db_sync_status");
	assert_string_equal(value, "16/B374D850 1 3");
	free(value);
}

#define TEST(function) {#function, function, store_test_set_up, store_test_tear_down, (void *) (intptr_t) KIND_PG}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lost_connection_is_made_again),
		TEST(every_call_survives_the_loss_of_its_connection),
		TEST(a_lock_that_another_took_is_not_taken_back),
		TEST(what_belongs_to_others_is_refused),
		TEST(an_ordinary_role_needs_the_schema_or_the_right_to_make_it),
		TEST(a_password_is_never_told),
		TEST(people_can_read_the_tables),
	};

	if (getenv("DBSYNC_TEST_PG") == NULL)
	{
		print_message("skipped: DBSYNC_TEST_PG is not set\n");
		return 0;
	}
	return cmocka_run_group_tests_name("store_pg", tests, NULL, NULL);
}
