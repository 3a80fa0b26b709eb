#include "store_test.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include <libpq-fe.h>

static void
drop_pg_schema(void)
{
	PGconn	   *conn = PQconnectdb(getenv("DBSYNC_TEST_PG"));
	PGresult   *result = PQexec(conn, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS dbsync_local CASCADE");

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		print_error("%s\n", PQerrorMessage(conn));
	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
	PQfinish(conn);
}

int
store_test_set_up(void **state)
{
	Fixture    *f = calloc(1, sizeof(Fixture));
	const char *tmp = getenv("TMPDIR");

	f->kind = (StoreKind) (intptr_t) *state;
	f->arena = arena_new(0);
	f->folder = mem_printf("%s/store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	f->path = mem_printf("%s/dbsync.db", f->folder);
	if (f->kind == KIND_PG)
		drop_pg_schema();
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
	*state = f;
	return 0;
}

static void
remove_folder(const char *folder)
{
	DIR		   *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
	{
		char	   *path = mem_printf("%s/%s", folder, entry->d_name);

		if (entry->d_name[0] != '.')
			unlink(path);
		free(path);
	}
	closedir(dir);
	rmdir(folder);
}

int
store_test_tear_down(void **state)
{
	Fixture    *f = *state;

	if (f->store != NULL)
		f->store->ops->close(f->store);
	if (f->kind == KIND_PG)
		drop_pg_schema();
	remove_folder(f->folder);
	error_clear(&f->err);
	arena_free(f->arena);
	free(f->folder);
	free(f->path);
	free(f);
	return 0;
}

bool
store_test_open(const Fixture *f, StoreMode mode, Store **store, Error *err)
{
	if (f->kind == KIND_SQLITE)
		return sqlite_store_open(f->path, DURABILITY_FULL, mode, store, err);
	return pg_store_open(getenv("DBSYNC_TEST_PG"), DURABILITY_FULL, mode, store, err);
}

void
store_test_reopen(Fixture *f)
{
	f->store->ops->close(f->store);
	f->store = NULL;
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
}

void
store_test_assert_ok(bool ok, const Error *err, const char *file, int line)
{
	if (!ok)
		print_error("%s:%d: %s%s%s\n", file, line, err->message != NULL ? err->message : "no message",
					err->hint != NULL ? "\nHINT: " : "", err->hint != NULL ? err->hint : "");
	_assert_true(ok, "ok", file, line);
	_assert_true(err->kind == ERROR_NONE, "no error", file, line);
}

void
store_test_assert_fails(bool ok, Error *err, ErrorKind kind, const char *text, const char *file, int line)
{
	bool		fits = !ok && err->kind == kind && err->message != NULL && strstr(err->message, text) != NULL;

	if (!fits)
		print_error("%s:%d: expected an error of kind %d with \"%s\", got: %s kind %d \"%s\"\n", file, line, (int) kind, text,
					ok ? "success" : "failure", (int) err->kind, err->message != NULL ? err->message : "");
	_assert_true(fits, "fails as expected", file, line);
	error_clear(err);
}

void
store_test_save_task(Fixture *f, const char *task)
{
	TaskState	task_state = {.task = task, .phase = TASK_NEW, .source_kind = "pgsql", .slot = task, .created_us = 1};

	assert_ok(f->store->ops->save_task(f->store, &task_state, &f->err));
}

TxnPart *
store_test_part(Lsn lsn, int number, bool last, size_t length)
{
	TxnPart    *part = txn_part_new();
	char	   *text = mem_printf("[\"I\",%llu,%d,%d]\n", (unsigned long long) lsn, number, (int) last);
	size_t		text_length = strlen(text);

	part->segment = 1;
	part->commit_lsn = lsn;
	part->end_lsn = last ? lsn + 8 : LSN_NONE;
	part->xid = (uint32_t) (lsn * 7);
	part->part = number;
	part->last = last;
	part->commit_time_us = 1700000000000000 + (int64_t) lsn;
	part->change_count = 3;
	part->length = length > text_length ? length : text_length;
	part->records = mem_alloc(part->length + 1);
	/* Any byte may come, zero too. */
	for (size_t i = text_length; i < part->length; i++)
		part->records[i] = (char) ((i * 31 + lsn) % 251);
	memcpy(part->records, text, text_length);
	part->records[part->length] = '\0';
	free(text);
	return part;
}

bool
store_test_is_intact(const TxnPart *part)
{
	TxnPart    *wanted = store_test_part(part->commit_lsn, part->part, part->last, part->length);
	bool		same = part->segment == wanted->segment && part->end_lsn == wanted->end_lsn && part->xid == wanted->xid &&
		part->commit_time_us == wanted->commit_time_us && part->change_count == wanted->change_count &&
		part->length == wanted->length && memcmp(part->records, wanted->records, part->length + 1) == 0;

	txn_part_free(wanted);
	return same;
}

void
store_test_append(Fixture *f, const char *task, Lsn lsn, int number, bool last, size_t length)
{
	TxnPart    *part = store_test_part(lsn, number, last, length);

	assert_ok(f->store->ops->append(f->store, task, part, &f->err));
	txn_part_free(part);
}

void
store_test_commit(Fixture *f)
{
	assert_ok(f->store->ops->commit(f->store, LSN_NONE, &f->err));
}

void
store_test_expect(Fixture *f, const char *task, Cursor *cursor, Lsn lsn, int number, bool last)
{
	TxnPart    *part;

	assert_ok(f->store->ops->read(f->store, task, cursor->lsn, cursor->part, &part, &f->err));
	assert_non_null(part);
	assert_true(part->commit_lsn == lsn);
	assert_int_equal(part->part, number);
	assert_int_equal(part->last, last);
	assert_true(store_test_is_intact(part));
	cursor->lsn = part->commit_lsn;
	cursor->part = part->part;
	txn_part_free(part);
}

void
store_test_expect_end(Fixture *f, const char *task, Cursor *cursor)
{
	TxnPart    *part;

	assert_ok(f->store->ops->read(f->store, task, cursor->lsn, cursor->part, &part, &f->err));
	assert_null(part);
}
