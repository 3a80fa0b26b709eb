/*
 * sqlite_remove.c
 *		Taking transactions and tasks out of the SQLite store, in steps that others can wait for.
 */
#include "store/sqlite_internal.h"

#include "store/store_rows.h"

#define REMOVE_ROWS 1000
#define REMOVE_BYTES (16 * 1024 * 1024)

/*
 * Free pages are used again.  More than so many (64 MB) are given back when few (32 MB) are in use: those may have to be moved,
 * while others wait.
 */
#define KEEP_FREE_PAGES 16384
#define MOVE_PAGES 8192

bool
sqlite_delete_some(SqliteConn *conn, SqliteStatement rows, const char *task, Lsn lsn, AppendCounts *counts, bool *done, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, rows, err);
	sqlite3_stmt *del = sqlite_statement(conn, STMT_DELETE_ROW, err);
	int64_t		ids[REMOVE_ROWS];
	int			count = 0;
	int64_t		bytes = 0;
	int			rc;

	if (row == NULL || del == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, (int64_t) lsn);
	while ((rc = sqlite3_step(row)) == SQLITE_ROW)
	{
		ids[count++] = sqlite3_column_int64(row, 0);
		counts->transactions += sqlite3_column_int64(row, 1);
		counts->changes += sqlite3_column_int64(row, 2);
		bytes += sqlite3_column_int64(row, 3);
		if (count == REMOVE_ROWS || bytes >= REMOVE_BYTES)
			break;
	}
	*done = rc == SQLITE_DONE;
	counts->bytes += bytes;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	sqlite3_reset(row);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return false;
	for (int i = 0; i < count; i++)
	{
		sqlite3_bind_int64(del, 1, ids[i]);
		if (!sqlite_run(conn, del, err))
			return false;
	}
	return true;
}

bool
sqlite_count_off(SqliteConn *conn, const char *task, const AppendCounts *counts, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, STMT_ADD_COUNTS, err);

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, 0);
	sqlite3_bind_int64(row, 3, -counts->transactions);
	sqlite3_bind_int64(row, 4, -counts->changes);
	sqlite3_bind_int64(row, 5, -counts->bytes);
	return sqlite_run(conn, row, err);
}

static bool
delete_void_step(SqliteStore *store, const char *task, bool *done, Error *err)
{
	SqliteConn *conn = &store->writer;
	AppendCounts counts = {0, 0, 0};
	bool		ok;

	if (!sqlite_write_begin(store, false, err))
		return false;
	ok = sqlite_delete_some(conn, STMT_ROWS_VOID, task, LSN_NONE, &counts, done, err);
	if (ok && *done)
		ok = sqlite_run_for_task(conn, STMT_UNMARK_VOID, task, err);
	return sqlite_write_end(store, ok, err);
}

bool
sqlite_delete_void(SqliteStore *store, const char *task, Error *err)
{
	int64_t		first_id;
	bool		found;
	bool		done = false;

	/* The reader can tell without the write lock. */
	pthread_mutex_lock(&store->read_lock);
	if (!sqlite_query_int64(&store->reader, STMT_VOID_FROM, task, 0, &first_id, &found, err))
	{
		pthread_mutex_unlock(&store->read_lock);
		return false;
	}
	pthread_mutex_unlock(&store->read_lock);
	while (found && !done)
	{
		if (!delete_void_step(store, task, &done, err))
			return false;
	}
	return true;
}

static bool
remove_step(SqliteStore *store, const char *task, Lsn up_to, bool *done, Error *err)
{
	AppendCounts counts = {0, 0, 0};
	bool		ok;

	if (!sqlite_write_begin(store, false, err))
		return false;
	ok = sqlite_delete_some(&store->writer, STMT_ROWS_UP_TO, task, up_to, &counts, done, err) &&
		sqlite_count_off(&store->writer, task, &counts, err);
	return sqlite_write_end(store, ok, err);
}

/*
 * Segments are numbered upwards, in the order of the transactions: those before the first waiting transaction's are done with. Only
 * segments before keep_segment go, for a later one may have its relations here before it has a transaction.
 */
static bool
remove_segments(SqliteStore *store, const char *task, int64_t keep_segment, Error *err)
{
	SqliteConn *conn = &store->writer;
	int64_t		before;
	int64_t		unused;
	bool		found;
	sqlite3_stmt *row;
	bool		ok;

	pthread_mutex_lock(&store->read_lock);
	ok = sqlite_query_int64(&store->reader, STMT_FIRST_SEGMENT, task, 0, &before, &found, err);
	if (ok && (!found || before > keep_segment))
		before = keep_segment;
	ok = ok && sqlite_query_int64(&store->reader, STMT_HAS_OLD_RELATIONS, task, before, &unused, &found, err);
	pthread_mutex_unlock(&store->read_lock);
	if (!ok || !found)
		return ok;

	if (!sqlite_write_begin(store, false, err))
		return false;
	row = sqlite_statement(conn, STMT_REMOVE_RELATIONS, err);
	if (row != NULL)
	{
		sqlite_bind_text_static(row, 1, task);
		sqlite3_bind_int64(row, 2, before);
		ok = sqlite_run(conn, row, err);
	}
	return sqlite_write_end(store, ok && row != NULL, err);
}

static bool
shrink_if_empty(SqliteStore *store, Error *err)
{
	int64_t		free_pages;
	int64_t		all_pages;
	bool		found;
	bool		ok;

	pthread_mutex_lock(&store->read_lock);
	ok = sqlite_query_int64(&store->reader, STMT_FREE_PAGES, NULL, 0, &free_pages, &found, err) &&
		sqlite_query_int64(&store->reader, STMT_ALL_PAGES, NULL, 0, &all_pages, &found, err);
	pthread_mutex_unlock(&store->read_lock);
	if (!ok || free_pages <= KEEP_FREE_PAGES || all_pages - free_pages > MOVE_PAGES)
		return ok;
	return sqlite_shrink(store, err);
}

bool
sqlite_remove_applied(Store *base, const char *task, Lsn applied_lsn, int64_t keep_segment, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	int64_t		up_to;
	bool		found;
	bool		ok;
	bool		done = false;

	if (store->mode == STORE_READ_ONLY)
		return error_set(err, ERROR_FAILED, "%s was opened for reading only", store->description);

	/* Without the write lock: mostly there is nothing, or little. */
	pthread_mutex_lock(&store->read_lock);
	ok = sqlite_query_int64(&store->reader, STMT_LAST_DONE, task, (int64_t) applied_lsn, &up_to, &found, err);
	pthread_mutex_unlock(&store->read_lock);
	if (!ok)
		return false;
	while (found && !done)
	{
		if (!remove_step(store, task, (Lsn) up_to, &done, err))
			return false;
	}
	if (keep_segment > 0 && !remove_segments(store, task, keep_segment, err))
		return false;
	return !found || shrink_if_empty(store, err);
}

/* What was read ahead may be gone. */
static void
forget_read_ahead(SqliteStore *store)
{
	pthread_mutex_lock(&store->read_lock);
	read_ahead_drop(&store->ahead);
	store->ahead.whole_lsn = LSN_NONE;
	pthread_mutex_unlock(&store->read_lock);
}

/*
 * From the last row backwards: wherever a dbsync dies in between, what is left of a transaction is not whole, and the next run
 * removes the rest.
 */
bool
sqlite_remove_from(Store *base, const char *task, Lsn from, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->writer;
	bool		is_first = true;
	bool		done = false;
	bool		ok;

	pthread_mutex_lock(&store->append_lock);
	if (store->batch.dirty)
		ok = error_set(err, ERROR_FAILED, "%s: transactions cannot be removed before a commit or rollback", store->description);
	else
		ok = sqlite_delete_void(store, task, err);
	while (ok && !done)
	{
		AppendCounts counts = {0, 0, 0};

		ok = sqlite_write_begin(store, true, err);
		if (!ok)
			break;
		if (is_first)
		{
			sqlite3_stmt *row = sqlite_statement(conn, STMT_SAVE_RECEIVED, err);

			ok = row != NULL;
			if (ok)
			{
				sqlite_bind_text_static(row, 1, task);
				sqlite3_bind_int64(row, 2, (int64_t) from);
				ok = sqlite_run(conn, row, err);
			}
			if (ok && sqlite3_changes(conn->db) == 0)
				ok = store_unknown_task(task, store->description, err);
			is_first = false;
		}
		ok = ok && sqlite_delete_some(conn, STMT_ROWS_FROM, task, from, &counts, &done, err) &&
			sqlite_count_off(conn, task, &counts, err);
		ok = sqlite_write_end(store, ok, err);
	}
	store->batch.order_known = false;
	forget_read_ahead(store);
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}

/*
 * First the task itself goes and its transactions become void, in one transaction; then they are deleted in steps.  A dbsync that
 * dies in between leaves void rows, which go when the task is locked again.
 */
bool
sqlite_drop_task(Store *base, const char *task, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->writer;
	sqlite3_stmt *row;
	bool		ok;

	pthread_mutex_lock(&store->append_lock);
	append_batch_reset(&store->batch, false);
	ok = sqlite_write_begin(store, true, err);
	if (ok)
	{
		ok = sqlite_run_for_task(conn, STMT_DROP_STATUS, task, err) && sqlite_run_for_task(conn, STMT_DROP_ITEMS, task, err) &&
			sqlite_run_for_task(conn, STMT_DROP_RELATIONS, task, err);
		row = ok ? sqlite_statement(conn, STMT_MARK_VOID, err) : NULL;
		if (row != NULL)
		{
			sqlite_bind_text_static(row, 1, task);
			sqlite3_bind_int64(row, 2, 0);
			ok = sqlite_run(conn, row, err);
		}
		ok = sqlite_write_end(store, ok && row != NULL, err);
	}
	ok = ok && sqlite_delete_void(store, task, err);
	forget_read_ahead(store);
	pthread_mutex_unlock(&store->append_lock);
	ok = ok && shrink_if_empty(store, err);
	return ok;
}
