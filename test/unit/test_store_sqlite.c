/* The SQLite store: its file, and what a file system does to it. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#define OPS (f->store->ops)

static void
close_store(Fixture *f)
{
	OPS->close(f->store);
	f->store = NULL;
}

static void
write_file(const char *path, const char *text)
{
	FILE	   *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
run_sql(const char *path, const char *sql)
{
	sqlite3    *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int64_t
file_size(const char *folder_path, const char *suffix)
{
	char	   *path = mem_printf("%s%s", folder_path, suffix);
	struct stat info;
	int			rc = stat(path, &info);

	free(path);
	return rc == 0 ? (int64_t) info.st_size : 0;
}

static void
a_missing_file_is_an_error_unless_it_may_be_made(void **state)
{
	Fixture    *f = *state;
	Store	   *other;
	char	   *missing = mem_printf("%s/missing.db", f->folder);
	char	   *nowhere = mem_printf("%s/no/such/dir.db", f->folder);

	assert_false(sqlite_store_open(missing, DURABILITY_FULL, STORE_READ_ONLY, &other, &f->err));
	assert_non_null(f->err.hint);
	assert_fails(false, ERROR_STORE, "missing.db\": No such file");
	assert_fails(sqlite_store_open(missing, DURABILITY_FULL, STORE_EXISTING, &other, &f->err), ERROR_STORE, "No such file");
	assert_int_equal(access(missing, F_OK), -1);
	assert_fails(sqlite_store_open(nowhere, DURABILITY_FULL, STORE_CREATE, &other, &f->err), ERROR_STORE, "no/such/dir.db");
	assert_fails(sqlite_store_open("", DURABILITY_FULL, STORE_CREATE, &other, &f->err), ERROR_USAGE, "is empty");
	assert_fails(sqlite_store_open(f->folder, DURABILITY_FULL, STORE_CREATE, &other, &f->err), ERROR_STORE, "not an ordinary file");
	write_file(missing, "");
	assert_fails(sqlite_store_open(missing, DURABILITY_FULL, STORE_EXISTING, &other, &f->err), ERROR_STORE, "nothing of dbsync");
	assert_ok(sqlite_store_open(missing, DURABILITY_NORMAL, STORE_CREATE, &other, &f->err));
	other->ops->close(other);
	free(missing);
	free(nowhere);
}

static void
what_belongs_to_others_is_refused(void **state)
{
	Fixture    *f = *state;
	char	   *path = mem_printf("%s/other.db", f->folder);
	Store	   *other;

	write_file(path, "This is a diary, and longer than the header of an SQLite file, which has a hundred bytes. Dear diary, "
			   "today nobody overwrote me.\n");
	assert_fails(sqlite_store_open(path, DURABILITY_FULL, STORE_CREATE, &other, &f->err), ERROR_STORE, "not an SQLite database");
	assert_true(file_size(path, "") > 100);
	unlink(path);
	run_sql(path, "CREATE TABLE a (b)");
	assert_fails(sqlite_store_open(path, DURABILITY_FULL, STORE_CREATE, &other, &f->err), ERROR_STORE, "belongs to another program");
	free(path);

	close_store(f);
	run_sql(f->path, "PRAGMA user_version = 99");
	assert_fails(store_test_open(f, STORE_CREATE, &other, &f->err), ERROR_STORE, "has version 99 of the local store");
}

static void
a_damaged_file_is_told(void **state)
{
	Fixture    *f = *state;
	static const char zeroes[4096];
	bool		ok = true;
	int			fd;

	store_test_save_task(f, TASK);
	for (Lsn lsn = 1; lsn <= 2000; lsn++)
		store_test_append(f, TASK, lsn, 0, true, 500);
	store_test_commit(f);
	close_store(f);
	fd = open(f->path, O_RDWR);
	/* All but the header and the schema. */
	for (off_t at = 5 * 4096; at < (off_t) file_size(f->path, ""); at += 4096)
		assert_int_equal(pwrite(fd, zeroes, sizeof(zeroes), at), sizeof(zeroes));
	close(fd);
	ok = store_test_open(f, STORE_CREATE, &f->store, &f->err);
	if (ok)
	{
		TxnPart    *part = NULL;
		Cursor		cursor = CURSOR_START;

		for (int i = 0; ok && i < 2000; i++)
		{
			ok = OPS->read(f->store, TASK, cursor.lsn, cursor.part, &part, &f->err);
			if (ok && part == NULL)
				break;
			if (ok)
				cursor = (Cursor) {part->commit_lsn, part->part};
			txn_part_free(part);
			part = NULL;
		}
	}
	assert_fails(ok, ERROR_STORE, "is damaged");
}

static void
the_file_is_its_owners_alone(void **state)
{
	Fixture    *f = *state;
	struct stat info;

	assert_int_equal(stat(f->path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void
special_names_of_sqlite_are_only_names(void **state)
{
	Fixture    *f = *state;
	char		old[4096];
	Store	   *other;

	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(f->folder), 0);
	assert_ok(sqlite_store_open(":memory:", DURABILITY_FULL, STORE_CREATE, &other, &f->err));
	other->ops->close(other);
	assert_int_equal(access(":memory:", F_OK), 0);
	assert_ok(sqlite_store_open("file:x?mode=memory", DURABILITY_FULL, STORE_CREATE, &other, &f->err));
	other->ops->close(other);
	assert_int_equal(access("file:x?mode=memory", F_OK), 0);
	assert_int_equal(chdir(old), 0);
}

static void
a_lock_ends_with_its_process(void **state)
{
	Fixture    *f = *state;
	char	   *lock = mem_printf("%s.%s.lock", f->path, TASK);
	int			fds[2];
	char		byte;
	pid_t		child;

	close_store(f);
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0)
	{
		Store	   *store;
		Error		err = ERROR_INIT;

		if (!store_test_open(f, STORE_CREATE, &store, &err) || !store->ops->lock_task(store, TASK, &err) || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
	assert_fails(OPS->lock_task(f->store, TASK, &f->err), ERROR_FAILED, "worked on by another dbsync: pid ");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(access(lock, F_OK), 0);
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	close_store(f);
	assert_int_equal(access(lock, F_OK), -1);
	close(fds[0]);
	close(fds[1]);
	free(lock);
}

/* Appends transactions of a megabyte until the store is full; returns the last one that was committed. */
static Lsn
fill(Fixture *f, Lsn from)
{
	for (Lsn lsn = from; lsn < from + 10000; lsn += 10)
	{
		TxnPart    *part = store_test_part(lsn, 0, true, 1000000);
		bool		ok = OPS->append(f->store, TASK, part, &f->err) && OPS->commit(f->store, lsn + 8, &f->err);

		txn_part_free(part);
		if (!ok)
		{
			assert_int_equal(f->err.kind, ERROR_STORE);
			assert_non_null(strstr(f->err.message, "cannot write SQLite file"));
			assert_non_null(strstr(f->err.hint, "Make space"));
			error_clear(&f->err);
			return lsn - 10;
		}
	}
	fail_msg("the store is not full");
	return LSN_NONE;
}

static void
expect_lsns(Fixture *f, Lsn from, Lsn to)
{
	Cursor		cursor = {from - 10, 0};

	for (Lsn lsn = from; lsn <= to; lsn += 10)
		store_test_expect(f, TASK, &cursor, lsn, 0, true);
	store_test_expect_end(f, TASK, &cursor);
}

static void
expect_received(Fixture *f, Lsn received)
{
	TaskState	loaded;
	bool		found;

	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(found && loaded.received_lsn == received);
}

static void
a_full_store_goes_on_once_there_is_space(void **state)
{
	Fixture    *f = *state;
	struct rlimit limit;
	struct rlimit small;
	Lsn			last;
	TaskState	task_state = {.task = TASK, .phase = TASK_COPYING};

	/* A limit of the file's size stands for a full disk: the same calls fail. */
	signal(SIGXFSZ, SIG_IGN);
	store_test_save_task(f, TASK);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 24 * 1024 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	last = fill(f, 10);
	assert_true(last >= 20);
	/* Still so, and nothing is lost. */
	assert_true(fill(f, last + 10) == last);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_lsns(f, 10, last);
	expect_received(f, last + 8);

	store_test_append(f, TASK, last + 10, 0, true, 1000000);
	assert_ok(OPS->commit(f->store, last + 18, &f->err));
	assert_ok(OPS->save_task(f->store, &task_state, &f->err));
	expect_lsns(f, 10, last + 10);
	store_test_reopen(f);
	expect_lsns(f, 10, last + 10);
	expect_received(f, last + 18);
}

static void
a_full_disk_loses_nothing(void **state)
{
	Fixture    *f = *state;
	const char *small = getenv("DBSYNC_TEST_SMALL");
	char	   *ballast;
	char	   *old_path;
	static char block[65536];
	int			fd;
	Lsn			last;
	Lsn			next;
	off_t		size = 0;
	ssize_t		written;

	if (small == NULL || small[0] == '\0')
	{
		print_message("skipped: DBSYNC_TEST_SMALL names no small file system\n");
		skip();
	}
	ballast = mem_printf("%s/ballast.%d", small, (int) getpid());
	close_store(f);
	old_path = f->path;
	f->path = mem_printf("%s/store.%d.db", small, (int) getpid());
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
	store_test_save_task(f, TASK);

	/* Steady use, so that the file has its log; then others take the rest of the disk. */
	for (Lsn lsn = 10; lsn <= 400; lsn += 10)
	{
		store_test_append(f, TASK, lsn, 0, true, 1000000);
		assert_ok(OPS->commit(f->store, lsn + 8, &f->err));
	}
	fd = open(ballast, O_CREAT | O_RDWR | O_TRUNC, 0600);
	while ((written = write(fd, block, sizeof(block))) > 0)
		size += (off_t) written;
	assert_int_equal(errno, ENOSPC);
	last = fill(f, 410);
	if (last < 410)
		last = 400;
	expect_lsns(f, 10, last);

	/* Some space is enough to take rows away, and then the file has room in itself. */
	assert_int_equal(ftruncate(fd, size - 24 * 1024 * 1024), 0);
	assert_ok(OPS->remove_applied(f->store, TASK, 208, 1, &f->err));
	next = fill(f, last + 10);
	assert_true(next >= last + 10);
	expect_lsns(f, 210, next);
	unlink(ballast);
	close(fd);
	store_test_append(f, TASK, next + 10, 0, true, 1000000);
	assert_ok(OPS->commit(f->store, next + 18, &f->err));
	expect_lsns(f, 210, next + 10);
	close_store(f);
	unlink(f->path);
	free(f->path);
	f->path = old_path;
	free(ballast);
}

static void
space_is_given_back(void **state)
{
	Fixture    *f = *state;
	int64_t		largest;
	Lsn			lsn = 0;

	store_test_save_task(f, TASK);
	for (int i = 0; i < 150; i++)
	{
		store_test_append(f, TASK, lsn += 10, 0, true, 1000000);
		store_test_commit(f);
	}
	largest = file_size(f->path, "");
	assert_true(largest > 100000000);
	/* The log is checkpointed while the store is in use. */
	assert_true(file_size(f->path, "-wal") < 70000000);
	assert_ok(OPS->remove_applied(f->store, TASK, lsn + 8, 1, &f->err));

	/* A queue that is short now and then. */
	for (int i = 0; i < 40; i++)
	{
		store_test_append(f, TASK, lsn += 10, 0, true, 1000000);
		store_test_commit(f);
		assert_ok(OPS->remove_applied(f->store, TASK, lsn + 8, 1, &f->err));
	}
	assert_true(file_size(f->path, "") < 75000000);
	for (int i = 0; i < 150; i++)
	{
		store_test_append(f, TASK, lsn += 10, 0, true, 1000000);
		store_test_commit(f);
	}
	assert_ok(OPS->drop_task(f->store, TASK, &f->err));
	close_store(f);
	assert_true(file_size(f->path, "") < 1000000);
	assert_true(file_size(f->path, "") < largest);
	assert_int_equal(file_size(f->path, "-wal"), 0);
}

static void
people_can_read_the_tables(void **state)
{
	Fixture    *f = *state;
	sqlite3    *db;
	sqlite3_stmt *row;
	TaskState	task_state = {.task = TASK, .phase = TASK_STREAMING, .created_us = 1700000000123456, .received_lsn = 0x16B374D848};

	assert_ok(OPS->save_task(f->store, &task_state, &f->err));
	store_test_append(f, TASK, 0x16B374D900, 0, true, 0);
	store_test_commit(f);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT received, created, phase FROM db_sync_status_text", -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_string_equal((const char *) sqlite3_column_text(row, 0), "16/B374D848");
	assert_string_equal((const char *) sqlite3_column_text(row, 1), "2023-11-14 22:13:20.123456+00");
	assert_string_equal((const char *) sqlite3_column_text(row, 2), "streaming");
	sqlite3_finalize(row);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT commit_lsn, records FROM sync_sqls_text", -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_string_equal((const char *) sqlite3_column_text(row, 0), "16/B374D900");
	assert_non_null(strstr((const char *) sqlite3_column_text(row, 1), "[\"I\""));
	sqlite3_finalize(row);
	sqlite3_close(db);
}

#define TEST(function) {#function, function, store_test_set_up, store_test_tear_down, (void *) (intptr_t) KIND_SQLITE}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_missing_file_is_an_error_unless_it_may_be_made),
		TEST(what_belongs_to_others_is_refused),
		TEST(a_damaged_file_is_told),
		TEST(the_file_is_its_owners_alone),
		TEST(special_names_of_sqlite_are_only_names),
		TEST(a_lock_ends_with_its_process),
		TEST(a_full_store_goes_on_once_there_is_space),
		TEST(a_full_disk_loses_nothing),
		TEST(space_is_given_back),
		TEST(people_can_read_the_tables),
	};

	return cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
