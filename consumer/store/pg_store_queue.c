/*
 * pg_store_queue.c
 *		Adding transactions to the PostgreSQL store, and removing them.
 *
 * A batch is one transaction of the server, begun when there is something to write and ended by commit().  Rows go by COPY.
 */
#include "store/pg_internal.h"

#include "store/store_rows.h"

#include <stdlib.h>
#include <string.h>

/* Rows removed in one transaction: as many as do not keep others waiting. */
#define REMOVE_ROWS "5000"

static const char *
lsn_text(Arena *arena, Lsn lsn)
{
	return lsn_format(lsn, arena_alloc(arena, LSN_TEXT_SIZE));
}

/* What is there of the task, so that new parts are known as such. */
static bool
load_order(PgStore *store, Error *err)
{
	static const char sql[] =
		"SELECT (SELECT commit_lsn FROM dbsync_local.sync_sqls WHERE task = $1 ORDER BY commit_lsn DESC LIMIT 1),"
		" (SELECT 1 FROM dbsync_local.db_sync_status WHERE task = $1)";
	AppendBatch *batch = &store->batch;
	const char *task = batch->task;
	PGresult   *result = NULL;
	bool		ok = true;

	if (batch->order_known)
		return true;
	if (!pg_exec_params(store->appender.conn, sql, 1, &task, &result, err))
		return false;
	if (PQgetisnull(result, 0, 1))
		ok = store_unknown_task(task, store->description, err);
	batch->max_lsn = LSN_NONE;
	batch->current_lsn = LSN_NONE;
	if (ok && !PQgetisnull(result, 0, 0) && !lsn_parse(PQgetvalue(result, 0, 0), &batch->max_lsn))
		ok = error_set(err, ERROR_STORE, "%s: column commit_lsn holds \"%s\", which is no LSN", store->description, PQgetvalue(result, 0, 0));
	batch->order_known = ok;
	PQclear(result);
	return ok;
}

/* A part whose transaction may be there already. */
static bool
look_up_part(PgStore *store, const TxnPart *part, bool *insert, Error *err)
{
	static const char state_sql[] =
		"SELECT (SELECT is_last FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn = $2::pg_lsn"
		" ORDER BY part DESC, piece DESC LIMIT 1),"
		" EXISTS (SELECT FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn = $2::pg_lsn AND part = $3::integer)";
	static const char delete_sql[] =
		"WITH d AS (DELETE FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn = $2::pg_lsn RETURNING changes, bytes)"
		" SELECT coalesce(sum(changes), 0), coalesce(sum(bytes), 0) FROM d";
	AppendBatch *batch = &store->batch;
	PgConn	   *conn = store->appender.conn;
	Arena	   *arena = arena_new(0);
	const char *const values[] = {batch->task, lsn_text(arena, part->commit_lsn), arena_printf(arena, "%d", part->part)};
	PGresult   *result = NULL;
	bool		ok;

	ok = pg_exec_params(conn, state_sql, 3, values, &result, err);
	if (ok && !PQgetisnull(result, 0, 0) && PQgetvalue(result, 0, 0)[0] == 'f' && part->part == 0)
	{
		/* It comes again from its beginning, perhaps cut at other places: what is left of the first time is void. */
		PQclear(result);
		result = NULL;
		ok = pg_exec_params(conn, delete_sql, 2, values, &result, err);
		if (ok)
		{
			batch->counts.changes -= strtoll(PQgetvalue(result, 0, 0), NULL, 10);
			batch->counts.bytes -= strtoll(PQgetvalue(result, 0, 1), NULL, 10);
		}
		*insert = true;
	}
	else if (ok)
		*insert = PQgetisnull(result, 0, 0) || (PQgetvalue(result, 0, 0)[0] == 'f' && PQgetvalue(result, 0, 1)[0] == 'f');
	PQclear(result);
	arena_free(arena);
	return ok;
}

static bool
write_parts(PgStore *store, PgPartCopy *copy, Error *err)
{
	AppendBatch *batch = &store->batch;
	PgConn	   *conn = store->appender.conn;

	for (int i = 0; i < batch->part_count; i++)
	{
		const TxnPart *part = &batch->parts[i];
		AppendAction action = append_batch_decide(batch, part);
		bool		insert = action == APPEND_INSERT;

		if (action == APPEND_LOOK_UP &&
			(!pg_part_copy_end(copy, conn, err) || !look_up_part(store, part, &insert, err)))
			return false;
		if (insert && !pg_part_copy_add(copy, conn, batch->task, part, err))
			return false;
		append_batch_handled(batch, part, insert);
	}
	return pg_part_copy_end(copy, conn, err);
}

static bool
write_commit(PgStore *store, Lsn received_lsn, Error *err)
{
	const AppendBatch *batch = &store->batch;
	StrBuf		sql = STRBUF_INIT;
	char		lsn[LSN_TEXT_SIZE];
	PGresult   *result = NULL;
	bool		ok;

	strbuf_printf(&sql, "UPDATE dbsync_local.db_sync_status SET received_lsn = greatest(received_lsn, '%s'::pg_lsn),"
				  " waiting_transactions = waiting_transactions + %lld, waiting_changes = waiting_changes + %lld,"
				  " waiting_bytes = waiting_bytes + %lld WHERE task = ", lsn_format(received_lsn, lsn),
				  (long long) batch->counts.transactions, (long long) batch->counts.changes, (long long) batch->counts.bytes);
	pg_quote_literal(&sql, batch->task);
	strbuf_append(&sql, "; COMMIT");
	ok = pg_exec(store->appender.conn, strbuf_text(&sql), &result, err);
	if (ok && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		ok = error_set(err, ERROR_STORE, "%s: the server answered COMMIT by %s", store->description, PQcmdStatus(result));
	PQclear(result);
	strbuf_free(&sql);
	store->appender.in_transaction = false;
	return ok;
}

/* Under the appender's lock.  final: a commit; otherwise only out of memory. */
static bool
flush(PgStore *store, bool final, Lsn received_lsn, Error *err)
{
	PgLink	   *link = &store->appender;
	AppendBatch *batch = &store->batch;
	PgPartCopy	copy = {NULL, STRBUF_INIT};
	bool		ok = pg_store_connect(store, link, err);

	if (ok)
	{
		ok = load_order(store, err);
		if (ok && !link->in_transaction)
		{
			ok = pg_exec(link->conn, "BEGIN", NULL, err);
			link->in_transaction = ok;
		}
		ok = ok && pg_store_write_relations(link->conn, batch, err) && write_parts(store, &copy, err) &&
			(!final || write_commit(store, received_lsn, err));
		/* An open COPY cannot be rolled back by a statement. */
		if (!ok && copy.raw != NULL)
			pg_store_disconnect(link);
		pg_part_copy_release(&copy);
		if (!ok)
			pg_store_failed(store, link, err);
	}
	if (ok)
	{
		append_batch_written(batch);
		batch->spilled = !final;
	}
	else
		append_batch_reset(batch, false);
	return ok;
}

bool
pg_store_append_relation(Store *base, const char *task, int64_t segment, uint64_t number, const char *record, size_t length, Error *err)
{
	PgStore    *store = pg_store(base);
	bool		ok;

	pthread_mutex_lock(&store->appender.mutex);
	ok = pg_store_check_writable(store, err) && append_batch_set_task(&store->batch, task, err);
	if (ok)
	{
		append_batch_add_relation(&store->batch, segment, number, record, length);
		if (append_batch_is_full(&store->batch))
			ok = flush(store, false, LSN_NONE, err);
	}
	pthread_mutex_unlock(&store->appender.mutex);
	return ok;
}

bool
pg_store_append(Store *base, const char *task, const TxnPart *part, Error *err)
{
	PgStore    *store = pg_store(base);
	bool		is_large = part->length >= APPEND_BATCH_BYTES / 2;
	bool		ok;

	pthread_mutex_lock(&store->appender.mutex);
	ok = pg_store_check_writable(store, err) && append_batch_set_task(&store->batch, task, err);
	if (ok)
	{
		__atomic_store_n(&store->is_appender, true, __ATOMIC_RELEASE);
		append_batch_add_part(&store->batch, part, is_large);
		if (is_large || append_batch_is_full(&store->batch))
			ok = flush(store, false, LSN_NONE, err);
	}
	pthread_mutex_unlock(&store->appender.mutex);
	return ok;
}

bool
pg_store_commit(Store *base, Lsn received_lsn, Error *err)
{
	PgStore    *store = pg_store(base);
	AppendBatch *batch = &store->batch;
	bool		ok = true;

	pthread_mutex_lock(&store->appender.mutex);
	if (batch->dirty || received_lsn != LSN_NONE)
	{
		if (batch->task == NULL)
		{
			pthread_mutex_lock(&store->state.mutex);
			if (store->locked_task != NULL)
				batch->task = mem_strdup(store->locked_task);
			pthread_mutex_unlock(&store->state.mutex);
		}
		if (batch->task == NULL)
			ok = error_set(err, ERROR_FAILED, "%s: nothing was appended, so that no task is known to commit", store->description);
		else
			ok = pg_store_check_writable(store, err) && flush(store, true, received_lsn, err);
		if (ok)
		{
			if (batch->completes)
				__atomic_add_fetch(&store->generation, 1, __ATOMIC_RELEASE);
			append_batch_reset(batch, true);
		}
	}
	pthread_mutex_unlock(&store->appender.mutex);
	return ok;
}

static void
rollback_locked(PgStore *store)
{
	PgLink	   *link = &store->appender;
	Error		err = ERROR_INIT;

	if (store->batch.dirty)
		append_batch_reset(&store->batch, false);
	if (link->in_transaction && link->conn != NULL && !pg_exec(link->conn, "ROLLBACK", NULL, &err))
	{
		pg_store_disconnect(link);
		error_clear(&err);
	}
	link->in_transaction = false;
}

void
pg_store_rollback(Store *base)
{
	PgStore    *store = pg_store(base);

	pthread_mutex_lock(&store->appender.mutex);
	rollback_locked(store);
	pthread_mutex_unlock(&store->appender.mutex);
}

/* A statement that takes transactions away, where nothing may be uncommitted. */
static bool
run_on_appender(PgStore *store, const char *sql, int count, const char *const *values, const char *what, Error *err)
{
	PGresult   *result = NULL;
	bool		ok;

	pthread_mutex_lock(&store->appender.mutex);
	ok = pg_store_check_writable(store, err);
	if (ok && store->batch.dirty)
		ok = error_set(err, ERROR_FAILED, "%s: %s before a commit or rollback", store->description, what);
	ok = ok && pg_store_run(store, &store->appender, sql, count, values, &result, err);
	if (ok && strcmp(PQcmdTuples(result), "1") != 0)
		ok = store_unknown_task(values[0], store->description, err);
	PQclear(result);
	store->batch.order_known = false;
	pthread_mutex_unlock(&store->appender.mutex);
	return ok;
}

#define COUNT_OFF \
	", c AS (SELECT count(*) FILTER (WHERE whole) AS t, coalesce(sum(changes), 0) AS n, coalesce(sum(bytes), 0) AS b FROM d)" \
	" UPDATE dbsync_local.db_sync_status SET waiting_transactions = waiting_transactions - c.t," \
	" waiting_changes = waiting_changes - c.n, waiting_bytes = waiting_bytes - c.b"

bool
pg_store_drop_incomplete(Store *base, const char *task, Error *err)
{
	static const char sql[] =
		"WITH d AS (DELETE FROM dbsync_local.sync_sqls WHERE task = $1 AND NOT is_last AND commit_lsn IN"
		" (SELECT commit_lsn FROM (SELECT DISTINCT commit_lsn FROM dbsync_local.sync_sqls WHERE task = $1 AND NOT is_last) AS t"
		" WHERE NOT (SELECT is_last FROM dbsync_local.sync_sqls AS l WHERE l.task = $1 AND l.commit_lsn = t.commit_lsn"
		" ORDER BY part DESC, piece DESC LIMIT 1))"
		" RETURNING false AS whole, changes, bytes)" COUNT_OFF " FROM c WHERE task = $1";

	return run_on_appender(pg_store(base), sql, 1, &task, "incomplete transactions cannot be dropped", err);
}

bool
pg_store_remove_from(Store *base, const char *task, Lsn from, Error *err)
{
	static const char sql[] =
		"WITH d AS (DELETE FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn >= $2::pg_lsn"
		" RETURNING is_last AND piece = 0 AS whole, changes, bytes)" COUNT_OFF ", received_lsn = greatest(received_lsn, $2::pg_lsn)"
		" FROM c WHERE task = $1";
	PgStore    *store = pg_store(base);
	char		lsn[LSN_TEXT_SIZE];
	const char *const values[] = {task, lsn_format(from, lsn)};
	bool		ok = run_on_appender(store, sql, 2, values, "transactions cannot be removed", err);

	pthread_mutex_lock(&store->reader.mutex);
	read_ahead_drop(&store->ahead);
	store->ahead.whole_lsn = LSN_NONE;
	pthread_mutex_unlock(&store->reader.mutex);
	return ok;
}

/* One step of a removal. *done: there is no more to remove. Removed rows that come back after a crash are done all the same. */
static bool
remove_step(PgStore *store, const char *task, const char *up_to, bool *done, Error *err)
{
	static const char delete_sql[] =
		"WITH d AS (DELETE FROM dbsync_local.sync_sqls WHERE ctid = ANY (ARRAY(SELECT ctid FROM dbsync_local.sync_sqls"
		" WHERE task = $1 AND commit_lsn <= $2::pg_lsn ORDER BY commit_lsn, part, piece LIMIT " REMOVE_ROWS "))"
		" RETURNING is_last AND piece = 0 AS whole, changes, bytes)"
		", e AS (SELECT count(*) AS rows FROM d)" COUNT_OFF " FROM c, e WHERE task = $1 RETURNING e.rows";
	PgLink	   *link = &store->state;
	const char *const values[] = {task, up_to};
	PGresult   *result = NULL;
	bool		ok;

	pthread_mutex_lock(&link->mutex);
	ok = pg_store_connect(store, link, err);
	if (ok)
	{
		ok = (pg_exec(link->conn, "BEGIN; SET LOCAL synchronous_commit = off", NULL, err) &&
			  pg_exec_params(link->conn, delete_sql, 2, values, &result, err) && pg_exec(link->conn, "COMMIT", NULL, err)) ||
			pg_store_failed(store, link, err);
		*done = !ok || PQntuples(result) == 0 || strcmp(PQgetvalue(result, 0, 0), REMOVE_ROWS) != 0;
		PQclear(result);
	}
	pthread_mutex_unlock(&link->mutex);
	return ok;
}

/*
 * Segments are numbered upwards, in the order of the transactions: those before the first waiting transaction's are done with. Only
 * segments before keep_segment go, for a later one may have its relations here before it has a transaction.
 */
static bool
remove_segments(PgStore *store, const char *task, int64_t keep_segment, Error *err)
{
	static const char sql[] =
		"DELETE FROM dbsync_local.sync_relations WHERE task = $1 AND segment < least($2::bigint, (SELECT segment"
		" FROM dbsync_local.sync_sqls WHERE task = $1 ORDER BY commit_lsn, part, piece LIMIT 1))";
	char	   *keep = mem_printf("%lld", (long long) keep_segment);
	const char *const values[] = {task, keep};
	bool		ok;

	pthread_mutex_lock(&store->state.mutex);
	ok = pg_store_run(store, &store->state, sql, 2, values, NULL, err);
	pthread_mutex_unlock(&store->state.mutex);
	free(keep);
	return ok;
}

bool
pg_store_remove_applied(Store *base, const char *task, Lsn applied_lsn, int64_t keep_segment, Error *err)
{
	static const char last_sql[] =
		"SELECT commit_lsn FROM dbsync_local.sync_sqls WHERE task = $1 AND commit_lsn < $2::pg_lsn AND is_last AND end_lsn <= $2::pg_lsn"
		" ORDER BY commit_lsn DESC, part DESC, piece DESC LIMIT 1";
	PgStore    *store = pg_store(base);
	char		lsn[LSN_TEXT_SIZE];
	const char *const values[] = {task, lsn_format(applied_lsn, lsn)};
	PGresult   *result = NULL;
	bool		done = false;
	bool		ok;

	if (!pg_store_check_writable(store, err))
		return false;
	pthread_mutex_lock(&store->state.mutex);
	ok = pg_store_run(store, &store->state, last_sql, 2, values, &result, err);
	pthread_mutex_unlock(&store->state.mutex);
	if (!ok)
		return false;
	if (PQntuples(result) == 1)
	{
		while (ok && !done)
			ok = remove_step(store, task, PQgetvalue(result, 0, 0), &done, err);
	}
	PQclear(result);
	return ok && (keep_segment <= 0 || remove_segments(store, task, keep_segment, err));
}
