/*
 * sqlite_queue.c
 *		Adding transactions to the SQLite store.
 *
 * Parts wait in the batch and are written in one go, so that the write lock is held for milliseconds and costs one fsync.  What
 * does not fit into the batch is written before its commit: a row in sync_pending says from which id on the task's rows
 * are void, and goes away in the transaction that commits them.
 */
#include "store/sqlite_internal.h"

#include "base/log.h"
#include "store/store_rows.h"

static bool
write_relation(SqliteConn *conn, const char *task, const AppendRelation *relation, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, STMT_ADD_RELATION, err);

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, relation->segment);
	sqlite3_bind_int64(row, 3, (int64_t) relation->number);
	sqlite3_bind_blob64(row, 4, relation->record, relation->length, SQLITE_STATIC);
	return sqlite_run(conn, row, err);
}

static bool
insert_part(SqliteConn *conn, const char *task, const TxnPart *part, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, STMT_INSERT_PART, err);
	size_t		pieces = part->length == 0 ? 1 : (part->length + APPEND_PIECE_BYTES - 1) / APPEND_PIECE_BYTES;

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, part->segment);
	sqlite3_bind_int64(row, 3, (int64_t) part->commit_lsn);
	sqlite3_bind_int64(row, 4, (int64_t) part->end_lsn);
	sqlite3_bind_int(row, 5, part->part);
	sqlite3_bind_int(row, 6, part->last);
	sqlite3_bind_int64(row, 8, (int64_t) pieces);
	sqlite3_bind_int64(row, 9, part->xid);
	sqlite3_bind_int64(row, 10, part->commit_time_us);
	for (size_t piece = 0; piece < pieces; piece++)
	{
		size_t		start = piece * APPEND_PIECE_BYTES;
		size_t		length = part->length - start < APPEND_PIECE_BYTES ? part->length - start : APPEND_PIECE_BYTES;

		sqlite3_bind_int64(row, 7, (int64_t) piece);
		sqlite3_bind_int64(row, 11, piece == 0 ? part->change_count : 0);
		sqlite3_bind_int64(row, 12, (int64_t) length);
		if (length == 0)
			sqlite3_bind_zeroblob(row, 13, 0);
		else
			sqlite3_bind_blob64(row, 13, part->records + start, length, SQLITE_STATIC);
		if (!sqlite_run(conn, row, err))
			return false;
	}
	return true;
}

/* A part whose transaction may be there already. */
static bool
look_up_part(SqliteConn *conn, AppendBatch *batch, const TxnPart *part, bool *insert, Error *err)
{
	int64_t		lsn = (int64_t) part->commit_lsn;
	int64_t		is_last;
	bool		found;
	sqlite3_stmt *row;
	int			rc;

	if (!sqlite_query_int64(conn, STMT_TXN_STATE, batch->task, lsn, &is_last, &found, err))
		return false;
	*insert = !found;
	if (!found || is_last)
		return true;

	if (part->part == 0)
	{
		/* It comes again from its beginning, perhaps cut at other places: what is left of the first time is void. */
		bool		done = false;
		AppendCounts counts = {0, 0, 0};

		while (!done)
		{
			if (!sqlite_delete_some(conn, STMT_ROWS_OF_TXN, batch->task, part->commit_lsn, &counts, &done, err))
				return false;
		}
		batch->counts.changes -= counts.changes;
		batch->counts.bytes -= counts.bytes;
		*insert = true;
		return true;
	}

	row = sqlite_statement(conn, STMT_HAS_PART, err);
	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, batch->task);
	sqlite3_bind_int64(row, 2, lsn);
	sqlite3_bind_int(row, 3, part->part);
	rc = sqlite3_step(row);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	sqlite3_reset(row);
	*insert = rc == SQLITE_DONE;
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
write_part(SqliteConn *conn, AppendBatch *batch, const TxnPart *part, Error *err)
{
	AppendAction action = append_batch_decide(batch, part);
	bool		insert = action == APPEND_INSERT;

	if (action == APPEND_LOOK_UP && !look_up_part(conn, batch, part, &insert, err))
		return false;
	if (insert && !insert_part(conn, batch->task, part, err))
		return false;
	append_batch_handled(batch, part, insert);
	return true;
}

static bool
mark_void(SqliteConn *conn, const char *task, Error *err)
{
	int64_t		max_id;
	bool		found;
	sqlite3_stmt *row;

	if (!sqlite_query_int64(conn, STMT_MAX_ID, NULL, 0, &max_id, &found, err))
		return false;
	row = sqlite_statement(conn, STMT_MARK_VOID, err);
	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite3_bind_int64(row, 2, max_id + 1);
	return sqlite_run(conn, row, err);
}

/* The task's row gets what the batch brought, and received_lsn. */
static bool
count_on(SqliteStore *store, Lsn received_lsn, Error *err)
{
	SqliteConn *conn = &store->writer;
	const AppendBatch *batch = &store->batch;
	sqlite3_stmt *row = sqlite_statement(conn, STMT_ADD_COUNTS, err);

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, batch->task);
	sqlite3_bind_int64(row, 2, (int64_t) received_lsn);
	sqlite3_bind_int64(row, 3, batch->counts.transactions);
	sqlite3_bind_int64(row, 4, batch->counts.changes);
	sqlite3_bind_int64(row, 5, batch->counts.bytes);
	if (!sqlite_run(conn, row, err))
		return false;
	return sqlite3_changes(conn->db) == 1 || store_unknown_task(batch->task, store->description, err);
}

static bool
write_batch(SqliteStore *store, bool final, Lsn received_lsn, Error *err)
{
	SqliteConn *conn = &store->writer;
	AppendBatch *batch = &store->batch;
	bool		was_known = batch->order_known;

	if (!was_known)
	{
		int64_t		max_lsn;
		bool		found;

		if (!sqlite_query_int64(conn, STMT_MAX_LSN, batch->task, 0, &max_lsn, &found, err))
			return false;
		batch->max_lsn = (Lsn) max_lsn;
		batch->current_lsn = LSN_NONE;
		batch->order_known = true;
	}
	if (!final && !batch->spilled)
	{
		if (!mark_void(conn, batch->task, err))
			return false;
		batch->spilled = true;
	}
	for (int i = 0; i < batch->relation_count; i++)
	{
		if (!write_relation(conn, batch->task, &batch->relations[i], err))
			return false;
	}
	for (int i = 0; i < batch->part_count; i++)
	{
		if (!write_part(conn, batch, &batch->parts[i], err))
			return false;
	}
	if (!final)
		return true;
	if (batch->spilled && !sqlite_run_for_task(conn, STMT_UNMARK_VOID, batch->task, err))
		return false;
	return count_on(store, received_lsn, err);
}

/* Nothing of the batch remains.  If its rows cannot be deleted now, they stay void and go when the task is appended to again. */
static void
undo_batch(SqliteStore *store)
{
	AppendBatch *batch = &store->batch;
	bool		spilled = batch->spilled;
	Error		err = ERROR_INIT;

	append_batch_reset(batch, false);
	if (spilled && !sqlite_delete_void(store, batch->task, &err))
	{
		log_debug("store", "rows that were not committed stay for now: %s", err.message);
		error_clear(&err);
	}
}

/* Under append_lock.  final: a commit; otherwise only out of memory. */
static bool
flush(SqliteStore *store, bool final, Lsn received_lsn, Error *err)
{
	AppendBatch *batch = &store->batch;

	if ((batch->order_known || batch->spilled || sqlite_delete_void(store, batch->task, err)) &&
		sqlite_write_begin(store, final, err) &&
		sqlite_write_end(store, write_batch(store, final, received_lsn, err), err))
	{
		append_batch_written(batch);
		return true;
	}
	undo_batch(store);
	return false;
}

bool
sqlite_append_relation(Store *base, const char *task, int64_t segment, uint64_t number, const char *record, size_t length, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	bool		ok;

	pthread_mutex_lock(&store->append_lock);
	ok = append_batch_set_task(&store->batch, task, err);
	if (ok)
	{
		append_batch_add_relation(&store->batch, segment, number, record, length);
		if (append_batch_is_full(&store->batch))
			ok = flush(store, false, LSN_NONE, err);
	}
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}

bool
sqlite_append(Store *base, const char *task, const TxnPart *part, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	bool		is_large = part->length >= APPEND_BATCH_BYTES / 2;
	bool		ok;

	pthread_mutex_lock(&store->append_lock);
	ok = append_batch_set_task(&store->batch, task, err);
	if (ok)
	{
		__atomic_store_n(&store->is_appender, true, __ATOMIC_RELEASE);
		append_batch_add_part(&store->batch, part, is_large);
		if (is_large || append_batch_is_full(&store->batch))
			ok = flush(store, false, LSN_NONE, err);
	}
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}

bool
sqlite_commit(Store *base, Lsn received_lsn, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	AppendBatch *batch = &store->batch;
	bool		ok = true;

	pthread_mutex_lock(&store->append_lock);
	if (batch->dirty || received_lsn != LSN_NONE)
	{
		if (batch->task == NULL)
		{
			pthread_mutex_lock(&store->lock_lock);
			if (store->locked_task != NULL)
				batch->task = mem_strdup(store->locked_task);
			pthread_mutex_unlock(&store->lock_lock);
		}
		if (batch->task == NULL)
			ok = error_set(err, ERROR_FAILED, "%s: nothing was appended, so that no task is known to commit", store->description);
		else
			ok = flush(store, true, received_lsn, err);
		if (ok)
		{
			if (batch->completes)
				__atomic_add_fetch(&store->generation, 1, __ATOMIC_RELEASE);
			append_batch_reset(batch, true);
		}
	}
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}

void
sqlite_rollback(Store *base)
{
	SqliteStore *store = sqlite_store(base);

	pthread_mutex_lock(&store->append_lock);
	if (store->batch.dirty)
		undo_batch(store);
	pthread_mutex_unlock(&store->append_lock);
}

/* One transaction of the file for each incomplete source transaction, or for some of its parts. */
static bool
drop_incomplete_step(SqliteStore *store, const char *task, bool *done, Error *err)
{
	AppendCounts counts = {0, 0, 0};
	int64_t		lsn;
	bool		found;
	bool		ok;

	if (!sqlite_write_begin(store, true, err))
		return false;
	ok = sqlite_query_int64(&store->writer, STMT_FIND_INCOMPLETE, task, 0, &lsn, &found, err);
	*done = ok && !found;
	if (ok && found)
	{
		bool		all;

		ok = sqlite_delete_some(&store->writer, STMT_ROWS_OF_TXN, task, (Lsn) lsn, &counts, &all, err) &&
			sqlite_count_off(&store->writer, task, &counts, err);
	}
	return sqlite_write_end(store, ok, err);
}

bool
sqlite_drop_incomplete(Store *base, const char *task, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	bool		done = false;
	bool		ok;

	pthread_mutex_lock(&store->append_lock);
	if (store->batch.dirty)
		ok = error_set(err, ERROR_FAILED, "%s: incomplete transactions cannot be dropped before a commit or rollback", store->description);
	else
		ok = sqlite_delete_void(store, task, err);
	while (ok && !done)
		ok = drop_incomplete_step(store, task, &done, err);
	store->batch.order_known = false;
	pthread_mutex_unlock(&store->append_lock);
	return ok;
}
