/*
 * store_test.h
 *		What the tests of the local store share.  Most run once for each kind: SQLite in a folder of its own, PostgreSQL in the
 *		database of DBSYNC_TEST_PG, where the schema dbsync_local is dropped before and after.
 */
#ifndef DBSYNC_TEST_STORE_TEST_H
#define DBSYNC_TEST_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "model/store.h"
#include "store/pg_store.h"
#include "store/sqlite_store.h"

typedef enum StoreKind
{
	KIND_SQLITE, KIND_PG
} StoreKind;

typedef struct Fixture
{
	StoreKind	kind;
	char	   *folder;			/* SQLite */
	char	   *path;
	Store	   *store;
	Arena	   *arena;
	Error		err;
} Fixture;

/* cmocka: *state is a StoreKind on the way in, a Fixture afterwards. */
int store_test_set_up(void **state);
int store_test_tear_down(void **state);

bool store_test_open(const Fixture *f, StoreMode mode, Store **store, Error *err);
void store_test_reopen(Fixture *f);

#define TASK "t1"

void store_test_assert_ok(bool ok, const Error *err, const char *file, int line);
#define assert_ok(ok) store_test_assert_ok((ok), &f->err, __FILE__, __LINE__)
/* The call fails so; the error is cleared. */
void store_test_assert_fails(bool ok, Error *err, ErrorKind kind, const char *text, const char *file, int line);
#define assert_fails(ok, kind, text) store_test_assert_fails((ok), &f->err, (kind), (text), __FILE__, __LINE__)

/* A task of that name in its first phase. */
void store_test_save_task(Fixture *f, const char *task);

/*
 * A part whose text tells what it is.  end_lsn is lsn + 8.  length: the text is filled up to it, where it is longer.
 */
TxnPart *store_test_part(Lsn lsn, int part, bool last, size_t length);
void store_test_append(Fixture *f, const char *task, Lsn lsn, int part, bool last, size_t length);
void store_test_commit(Fixture *f);

/* Reads on; the part must be this one, with its text.  Returns with the position moved. */
typedef struct Cursor
{
	Lsn			lsn;
	int			part;
} Cursor;
#define CURSOR_START {LSN_NONE, -1}

void store_test_expect(Fixture *f, const char *task, Cursor *cursor, Lsn lsn, int part, bool last);
void store_test_expect_end(Fixture *f, const char *task, Cursor *cursor);
/* Is the text what store_test_part() wrote? */
bool store_test_is_intact(const TxnPart *part);

#endif
