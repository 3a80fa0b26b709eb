/*
 * sqlite_read.c
 *		Reading waiting transactions of the SQLite store.
 *
 * A read transaction lasts for one fetch, so that it never keeps the write-ahead log from being checkpointed.
 */
#include "store/sqlite_internal.h"

#include "base/strbuf.h"

#include <limits.h>

static bool
is_whole(SqliteStore *store, const char *task, Lsn lsn, bool *whole, Error *err)
{
	int64_t		is_last;
	bool		found;

	if (lsn != store->ahead.whole_lsn)
	{
		if (!sqlite_query_int64(&store->reader, STMT_IS_WHOLE, task, (int64_t) lsn, &is_last, &found, err))
			return false;
		*whole = found && is_last;
		if (*whole)
			store->ahead.whole_lsn = lsn;
		return true;
	}
	*whole = true;
	return true;
}

static void
bind_position(sqlite3_stmt *row, const char *task, Lsn lsn, int part)
{
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, (int64_t) lsn);
	sqlite3_bind_int(row, 3, part);
}

static void
part_from_row(sqlite3_stmt *row, TxnPart *part)
{
	part->commit_lsn = (Lsn) sqlite3_column_int64(row, 0);
	part->part = sqlite3_column_int(row, 1);
	part->last = sqlite3_column_int(row, 2) != 0;
	part->segment = sqlite3_column_int64(row, 3);
	part->end_lsn = (Lsn) sqlite3_column_int64(row, 4);
	part->xid = (uint32_t) sqlite3_column_int64(row, 5);
	part->commit_time_us = sqlite3_column_int64(row, 6);
	part->change_count = sqlite3_column_int64(row, 7);
	part->records = NULL;
	part->length = 0;
}

/* Steps over rows until the window is full; whatever happens, the statement is reset by the caller. */
static bool
fetch_rows(SqliteStore *store, sqlite3_stmt *row, const char *task, Error *err)
{
	ReadAhead  *ahead = &store->ahead;
	SqliteConn *conn = &store->reader;
	int			rc;

	while ((rc = sqlite3_step(row)) == SQLITE_ROW)
	{
		TxnPart		part = {0};
		int			piece = sqlite3_column_int(row, 8);
		const void *data;
		bool		whole = true;

		part_from_row(row, &part);
		if (piece == 0)
		{
			if (read_ahead_is_full(ahead))
				return true;
			if (!part.last && !is_whole(store, task, part.commit_lsn, &whole, err))
				return false;
			if (!whole)
			{
				/* It is still coming, or was left behind: go on behind it. */
				Lsn			lsn = part.commit_lsn;

				sqlite3_reset(row);
				bind_position(row, task, lsn, INT_MAX);
				continue;
			}
		}
		data = sqlite3_column_blob(row, 9);
		if (data == NULL && sqlite3_column_bytes(row, 9) > 0)
			return sqlite_conn_error(conn, SQLITE_NOMEM, err);
		read_ahead_add(ahead, &part, piece, data, (size_t) sqlite3_column_bytes(row, 9));
	}
	if (rc != SQLITE_DONE)
		return sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	ahead->exhausted = true;
	return true;
}

static bool
fetch(SqliteStore *store, Error *err)
{
	ReadAhead  *ahead = &store->ahead;
	sqlite3_stmt *row = sqlite_statement(&store->reader, STMT_READ, err);
	bool		ok;

	if (row == NULL)
		return false;
	read_ahead_begin(ahead);
	ahead->generation = __atomic_load_n(&store->generation, __ATOMIC_ACQUIRE);
	bind_position(row, ahead->task, ahead->lsn, ahead->part);
	ok = fetch_rows(store, row, ahead->task, err);
	sqlite3_reset(row);
	if (!ok)
		read_ahead_drop(ahead);
	return ok;
}

bool
sqlite_read(Store *base, const char *task, Lsn after_commit_lsn, int after_part, TxnPart **part, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	ReadAhead  *ahead = &store->ahead;
	bool		ok = true;

	pthread_mutex_lock(&store->read_lock);
	read_ahead_seek(ahead, task, after_commit_lsn, after_part);
	*part = read_ahead_take(ahead);
	if (*part == NULL)
	{
		/* Where another process appends, only the file knows. */
		bool		nothing_new = ahead->exhausted && __atomic_load_n(&store->is_appender, __ATOMIC_ACQUIRE) &&
			ahead->generation == __atomic_load_n(&store->generation, __ATOMIC_ACQUIRE);

		if (!nothing_new)
		{
			ok = fetch(store, err);
			*part = read_ahead_take(ahead);
		}
	}
	pthread_mutex_unlock(&store->read_lock);
	return ok;
}

bool
sqlite_read_relations(Store *base, const char *task, int64_t segment, char **records, size_t *length, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->reader;
	StrBuf		buf = STRBUF_INIT;
	sqlite3_stmt *row;
	int			rc = SQLITE_ERROR;

	*records = NULL;
	*length = 0;
	pthread_mutex_lock(&store->read_lock);
	row = sqlite_statement(conn, STMT_READ_RELATIONS, err);
	if (row != NULL)
	{
		sqlite_bind_text_static(row, 1, task);
		sqlite3_bind_int64(row, 2, segment);
		while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		{
			strbuf_append_bytes(&buf, sqlite3_column_blob(row, 0), (size_t) sqlite3_column_bytes(row, 0));
			strbuf_append_char(&buf, '\n');
		}
		if (rc != SQLITE_DONE)
			sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
		sqlite3_reset(row);
	}
	pthread_mutex_unlock(&store->read_lock);
	if (rc != SQLITE_DONE)
	{
		strbuf_free(&buf);
		return false;
	}
	*length = buf.length;
	*records = buf.data != NULL ? strbuf_detach(&buf) : mem_strdup("");
	return true;
}

bool
sqlite_stats(Store *base, const char *task, StoreStats *stats, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->reader;
	static const StoreStats empty = {0};
	sqlite3_stmt *row;
	bool		ok = false;

	*stats = empty;
	pthread_mutex_lock(&store->read_lock);
	row = sqlite_statement(conn, STMT_STATS, err);
	if (row != NULL)
	{
		int			rc;

		sqlite_bind_text_static(row, 1, task);
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
		{
			stats->transaction_count = sqlite3_column_int64(row, 0);
			stats->change_count = sqlite3_column_int64(row, 1);
			stats->bytes = sqlite3_column_int64(row, 2);
		}
		ok = rc == SQLITE_ROW || rc == SQLITE_DONE || sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
		sqlite3_reset(row);
	}
	row = ok && stats->transaction_count > 0 ? sqlite_statement(conn, STMT_FIRST_WHOLE, err) : NULL;
	if (row != NULL)
	{
		int			rc;

		sqlite_bind_text_static(row, 1, task);
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
		{
			stats->first_lsn = (Lsn) sqlite3_column_int64(row, 0);
			stats->first_commit_us = sqlite3_column_int64(row, 1);
		}
		ok = rc == SQLITE_ROW || rc == SQLITE_DONE || sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
		sqlite3_reset(row);
	}
	else if (stats->transaction_count > 0)
		ok = false;
	pthread_mutex_unlock(&store->read_lock);
	return ok;
}
