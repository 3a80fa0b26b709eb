/*
 * worker.c
 *		A thread that copies items, one after the other, with a connection to each side.
 *
 * The source connection stays in one transaction that has the snapshot; an item is a subtransaction of it, so that its table's
 * lock ends with the item.  The target connection is opened anew after every failure.
 */
#include "copy/copy_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below this, a durable "running" mark in the store is not worth its price. */
#define MARK_RUNNING_BYTES (64 * 1024 * 1024)

/* Ends of a COPY that turned out to be needless, before we stop heeding the target's words. */
#define EARLY_ENDS 2

typedef enum ItemResult
{
	RESULT_DONE,
	RESULT_FAILED,		  /* see the error's kind */
	RESULT_SNAPSHOT_GONE, /* this worker cannot have it any more */
	RESULT_STALE,		  /* the table must wait for a new snapshot */
	RESULT_NO_CONNECTION  /* the server takes no more of us; others go on */
} ItemResult;

static bool
has_state(const Error *err, const char *const *states)
{
	for (; *states; states++)
		if (strcmp(err->sqlstate, *states) == 0)
			return true;
	return false;
}

/*
 * Connections
 */

static ItemResult
open_source(CopyWorker *w, Error *err)
{
	/* invalid identifier, no such snapshot, exporter gone */
	static const char *const gone[] = {"22023", "42704", "55000", "58P01", NULL};
	const CopyRunOptions *options = w->run->options;
	char suffix[32];
	PgConnOptions conn = {.role = PG_ROLE_SOURCE,
						  .name_suffix = suffix,
						  .client_encoding = options->client_encoding,
						  .abort_fd = &w->run->abort_fd};
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (w->source)
		return RESULT_DONE;
	snprintf(suffix, sizeof(suffix), "copy %d", w->number);
	if (!pg_connect(options->source_conninfo, &conn, &w->source, err))
		return RESULT_FAILED;
	strbuf_append(&sql, "SET TRANSACTION SNAPSHOT ");
	pg_quote_literal(&sql, options->snapshot.name);
	ok = pg_exec(w->source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err) &&
		pg_exec(w->source, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	if (ok)
		return RESULT_DONE;
	pg_close(w->source);
	w->source = NULL;
	error_context(err, "cannot import the snapshot");
	return has_state(err, gone) ? RESULT_SNAPSHOT_GONE : RESULT_FAILED;
}

/* After a cut the former backend may live on, and hold what we need. */
static bool
end_former_backend(CopyWorker *w, Error *err)
{
	char pid[16];
	const char *values[2] = {pid, w->target_start};
	PGresult *result;

	if (w->target_pid)
	{
		snprintf(pid, sizeof(pid), "%d", w->target_pid);
		if (!pg_exec_params(w->target,
							"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
							" WHERE pid = $1::pg_catalog.int4 AND backend_start = $2::pg_catalog.timestamptz",
							2, values, NULL, err))
			return false;
	}
	if (!pg_exec(w->target,
				 "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()",
				 &result, err))
		return false;
	free(w->target_start);
	w->target_pid = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
	w->target_start = mem_strdup(w->target_pid ? PQgetvalue(result, 0, 1) : "");
	PQclear(result);
	return true;
}

static bool
open_target(CopyWorker *w, Error *err)
{
	const CopyRunOptions *options = w->run->options;
	char suffix[32];
	PgConnOptions conn = {.role = PG_ROLE_TARGET,
						  .name_suffix = suffix,
						  .client_encoding = options->client_encoding,
						  .abort_fd = &w->run->abort_fd};

	if (w->target)
		return true;
	snprintf(suffix, sizeof(suffix), "copy %d", w->number);
	return pg_connect(options->target_conninfo, &conn, &w->target, err) && end_former_backend(w, err);
}

static void
close_target(CopyWorker *w, bool cancel)
{
	if (w->target && cancel)
		pg_cancel(w->target);
	pg_close(w->target);
	w->target = NULL;
}

static void
close_source(CopyWorker *w, bool cancel)
{
	w->in_savepoint = false;
	if (w->source && cancel)
		pg_cancel(w->source);
	pg_close(w->source);
	w->source = NULL;
}

/*
 * One item
 */

static void
report_advance(void *arg, int64_t rows, int64_t bytes)
{
	CopyWorker *w = arg;
	const ProgressSink *progress = w->run->options->progress;

	if (progress && progress->copy_advanced)
		progress->copy_advanced(progress->arg, w->item, rows, bytes);
}

static void
append_range(StrBuf *sql, const CopyItem *item)
{
	if (item->chunk_count <= 1)
		return;
	strbuf_printf(sql, " WHERE ctid >= '(%" PRIu32 ",0)'", item->first_block);
	if (item->last_block)
		strbuf_printf(sql, " AND ctid < '(%" PRIu32 ",0)'", item->last_block);
}

static void
append_source_sql(StrBuf *sql, const CopyTable *table, const CopyItem *item, bool binary)
{
	strbuf_append(sql, "SAVEPOINT dbsync_item; COPY ");
	/* Of a table with old-style children COPY has its own rows only, as has ONLY. */
	if (item->chunk_count <= 1)
		strbuf_printf(sql, "%s (%s)", table->title, table->columns);
	else
	{
		strbuf_printf(sql, "(SELECT %s FROM ONLY %s", table->columns, table->title);
		append_range(sql, item);
		strbuf_append(sql, ")");
	}
	strbuf_append(sql, binary ? " TO STDOUT (FORMAT binary)" : " TO STDOUT");
}

/* GRANT of all that is needed on one table, for a hint. */
static bool
hint_grant(const char *side, PgConn *conn, const char *rights, const char *schema, const char *title, Error *err)
{
	StrBuf user = STRBUF_INIT;
	StrBuf quoted_schema = STRBUF_INIT;

	pg_quote_identifier(&user, PQuser(pg_raw(conn)));
	pg_quote_identifier(&quoted_schema, schema);
	error_hint(err, "on the %s, as the owner: GRANT USAGE ON SCHEMA %s TO %s; GRANT %s ON TABLE %s TO %s", side,
			   strbuf_text(&quoted_schema), strbuf_text(&user), rights, title, strbuf_text(&user));
	strbuf_free(&user);
	strbuf_free(&quoted_schema);
	return false;
}

static bool
source_error(const CopyTable *table, PgConn *source, Error *err)
{
	StrBuf user = STRBUF_INIT;

	if (strcmp(err->sqlstate, "42501") != 0)
		return false;
	err->kind = ERROR_PREFLIGHT;
	if (!table->source->row_security)
		return hint_grant("source", source, "SELECT", table->schema, table->title, err);
	pg_quote_identifier(&user, PQuser(pg_raw(source)));
	error_hint(err, "row-level security would leave rows out: ALTER ROLE %s BYPASSRLS, or leave the table out: "
					"exclude_tables",
			   strbuf_text(&user));
	strbuf_free(&user);
	return false;
}

static bool
target_error(const CopyTable *table, PgConn *target, Error *err)
{
	if (strcmp(err->sqlstate, "42501") == 0)
	{
		err->kind = ERROR_PREFLIGHT;
		return hint_grant("target", target, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE", table->target->schema,
						  table->target_title, err);
	}
	if (strcmp(err->sqlstate, "23503") == 0 && !pg_replica_role(target))
		return error_hint(err, "foreign keys are checked on the target, because its role may not set "
							   "session_replication_role: GRANT SET ON PARAMETER session_replication_role TO it, or add "
							   "the keys after the copy");
	return false;
}

/* A server that takes part in none of this (a relative of PostgreSQL, say) gets text. */
static bool
without_binary(CopyTable *table, Error *err)
{
	/* no such function, feature not supported, protocol violation, invalid binary representation, bad file format */
	static const char *const states[] = {"42883", "0A000", "08P01", "22P03", "22P04", NULL};

	if (!has_state(err, states))
		return false;
	table->is_binary = false;
	err->kind = ERROR_RETRY;
	return error_context(err, "binary format refused, trying text");
}

static bool
copy_columns(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	bool binary = table->is_binary;
	bool freeze;
	CopyTransfer transfer = {.source = w->source,
							 .target = w->target,
							 .abort_fd = w->run->abort_fd,
							 .is_text = !binary,
							 .heed_input = w->early_ends < EARLY_ENDS,
							 .advanced = report_advance,
							 .arg = w};
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (!copy_freeze_begin(w->target, table, item, &freeze, err))
		return target_error(table, w->target, err);
	log_debug("copy", "table %s part %d format=%s freeze=%s", table->title, item->chunk + 1, binary ? "binary" : "text",
			  freeze ? "on" : "off");
	append_source_sql(&sql, table, item, binary);
	w->in_savepoint = true;
	ok = pg_exec(w->source, strbuf_text(&sql), NULL, err) || source_error(table, w->source, err);
	if (ok)
	{
		strbuf_reset(&sql);
		strbuf_printf(&sql, "COPY %s (%s) FROM STDIN", table->target_title, table->columns);
		if (binary || freeze)
			strbuf_printf(&sql, " (%s%s%s)", binary ? "FORMAT binary" : "", binary && freeze ? ", " : "", freeze ? "FREEZE" : "");
		ok = pg_exec(w->target, strbuf_text(&sql), NULL, err) || target_error(table, w->target, err);
	}
	strbuf_free(&sql);
	if (!ok)
		return binary ? without_binary(table, err) : false;

	if (!copy_transfer(&transfer, err))
	{
		if (transfer.ended_early && strcmp(err->sqlstate, "57014") == 0)
			w->early_ends++;
		(void) target_error(table, w->target, err);
		return binary ? without_binary(table, err) : false;
	}
	item->rows = transfer.rows;
	item->bytes = transfer.bytes;
	if (transfer.rows_stored == transfer.rows)
		return true;
	error_set(err, ERROR_FAILED, "%s: of %" PRId64 " rows only %" PRId64 " were stored", pg_conn_name(w->target),
			  transfer.rows, transfer.rows_stored);
	return error_hint(err, "a trigger of the target drops rows: disable it for the time of the copy");
}

/* COPY has no words for rows without columns; their number is all there is. */
static bool
copy_row_count(CopyWorker *w, const CopyTable *table, CopyItem *item, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result = NULL;
	bool ok;

	strbuf_printf(&sql, "SAVEPOINT dbsync_item; SELECT pg_catalog.count(*) FROM ONLY %s", table->title);
	append_range(&sql, item);
	w->in_savepoint = true;
	ok = pg_exec(w->source, strbuf_text(&sql), &result, err) || source_error(table, w->source, err);
	if (ok)
	{
		strbuf_reset(&sql);
		strbuf_printf(&sql, "INSERT INTO %s SELECT FROM pg_catalog.generate_series(1, %s)", table->target_title,
					  PQgetvalue(result, 0, 0));
		item->rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		item->bytes = item->rows;
		ok = pg_exec(w->target, strbuf_text(&sql), NULL, err) || target_error(table, w->target, err);
	}
	PQclear(result);
	strbuf_free(&sql);
	return ok;
}

/*
 * The snapshot shows which file the table had; COPY has read the one it has now, and still holds its lock.  Another file means that
 * rows were lost from the snapshot's sight (TRUNCATE, rewriting ALTER TABLE) or moved across the ranges (VACUUM FULL).  A
 * table that the snapshot does not know was made after it: it has no rows for us.
 */
static bool
was_rewritten(CopyWorker *w, const CopyTable *table, bool *rewritten, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result;
	bool ok;

	strbuf_printf(&sql,
				  "SELECT FROM pg_catalog.pg_class c WHERE c.oid = %" PRIu32
				  " AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)",
				  table->source->oid);
	ok = pg_exec(w->source, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	*rewritten = PQntuples(result) > 0;
	PQclear(result);
	return true;
}

/* Rolling back to it gives the table's lock back. */
static bool
end_savepoint(CopyWorker *w, Error *err)
{
	if (!w->in_savepoint)
		return true;
	w->in_savepoint = false;
	return pg_exec(w->source, "ROLLBACK TO SAVEPOINT dbsync_item; RELEASE SAVEPOINT dbsync_item", NULL, err);
}

static ItemResult
copy_item(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	/* Dropped, or a column of it, since the catalogue was read: that must be read again. */
	static const char *const changed[] = {"42P01", "42703", "3F000", NULL};
	const CopyRunOptions *options = w->run->options;
	ItemResult result = open_source(w, err);
	bool has_columns = table->columns[0] != '\0';
	bool done;
	bool rewritten;

	if (result != RESULT_DONE)
		return result;
	if (!open_target(w, err))
		return RESULT_FAILED;
	if (!copy_progress_begin(w->target, options, item, &done, err))
		return RESULT_FAILED;
	if (done)
		return RESULT_DONE;
	if (!(has_columns ? copy_columns(w, table, item, err) : copy_row_count(w, table, item, err)))
		return has_state(err, changed) && PQtransactionStatus(pg_raw(w->source)) == PQTRANS_INERROR ? RESULT_STALE
																									 : RESULT_FAILED;
	if (!was_rewritten(w, table, &rewritten, err))
		return RESULT_FAILED;
	if (rewritten)
	{
		error_set(err, ERROR_RETRY, "the table was rewritten or truncated after the snapshot");
		return RESULT_STALE;
	}
	if (!end_savepoint(w, err))
		return RESULT_FAILED;
	return copy_progress_commit(w->target, options, item, err) ? RESULT_DONE : RESULT_FAILED;
}

/* After a failure: the source keeps its snapshot where that can be, the target begins anew. */
static void
clean_up(CopyWorker *w, ItemResult result, const Error *err)
{
	bool cancelled = err->kind == ERROR_CANCELLED;
	Error ignored = ERROR_INIT;

	close_target(w, cancelled);
	if (!w->source)
		return;
	if (cancelled || (result == RESULT_FAILED && err->kind != ERROR_RETRY))
		close_source(w, true);
	else if (!copy_abandon_source(w->source) || !end_savepoint(w, &ignored))
		close_source(w, false);
	error_clear(&ignored);
}

/*
 * The item's life
 */

static void
start_item(CopyWorker *w, CopyItem *item)
{
	const CopyRunOptions *options = w->run->options;
	Error err = ERROR_INIT;

	item->start_us = clock_wall_us();
	item->phase = COPY_RUNNING;
	if (options->progress && options->progress->copy_started)
		options->progress->copy_started(options->progress->arg, item);
	/* For dbsync status; nothing depends on it. */
	if (item->estimated_bytes >= MARK_RUNNING_BYTES &&
		!options->store->ops->save_item(options->store, options->task, item, &err))
	{
		log_report(LOG_DEBUG, "copy", &err);
		error_clear(&err);
	}
}

static bool
finish_item(CopyWorker *w, CopyItem *item, const char *title, Error *err)
{
	const CopyRunOptions *options = w->run->options;
	char duration[CLOCK_TEXT_SIZE];

	item->phase = COPY_DONE;
	item->snapshot_lsn = options->snapshot.lsn;
	item->end_us = clock_wall_us();
	clock_format_duration((item->end_us - item->start_us) / 1000, duration);
	if (item->chunk_count > 1)
		log_info("copy", "copied table %s part %d of %d rows=%" PRId64 " bytes=%" PRId64 " time=%s", title,
				 item->chunk + 1, item->chunk_count, item->rows, item->bytes, duration);
	else
		log_info("copy", "copied table %s rows=%" PRId64 " bytes=%" PRId64 " time=%s", title, item->rows, item->bytes,
				 duration);
	if (options->progress && options->progress->copy_finished)
		options->progress->copy_finished(options->progress->arg, item);
	return options->store->ops->save_item(options->store, options->task, item, err) ||
		error_context(err, "cannot save the state of the copy");
}

/* A worker that gets no connection must not sit on its item while others have one; the last worker stays. */
static bool
leave_to_others(CopyRun *run)
{
	bool may_leave;

	pthread_mutex_lock(&run->lock);
	may_leave = run->live_count > 1;
	if (may_leave)
		run->live_count--;
	pthread_mutex_unlock(&run->lock);
	return may_leave;
}

/* Copies the item, over lost connections. */
static ItemResult
work_on_item(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	const CopyRunOptions *options = w->run->options;
	Retry retry = RETRY_INIT(500, options->retry_max_ms > 500 ? options->retry_max_ms : 500);
	int64_t failing_since_ms = 0;
	ItemResult result;

	w->item = item;
	w->early_ends = 0;
	start_item(w, item);
	for (;;)
	{
		int64_t try_ms = clock_monotonic_ms();

		result = copy_item(w, table, item, err);
		if (result == RESULT_DONE)
		{
			if (!finish_item(w, item, table->title, err))
				result = RESULT_FAILED;
			break;
		}
		if (err->kind != ERROR_CANCELLED)
			error_context(err, "copy of table %s", table->title);
		clean_up(w, result, err);
		if (result != RESULT_FAILED || err->kind != ERROR_RETRY)
			break;
		if (strcmp(err->sqlstate, "53300") == 0 && leave_to_others(w->run))
		{
			result = RESULT_NO_CONNECTION;
			break;
		}

		/* A try that ran for long was no failure to connect: the time starts again. */
		if (!failing_since_ms || clock_monotonic_ms() - try_ms > 60000)
			failing_since_ms = try_ms;
		if (options->retry_give_up_ms > 0 && clock_monotonic_ms() - failing_since_ms > options->retry_give_up_ms)
		{
			err->kind = ERROR_FAILED;
			break;
		}
		log_report(LOG_WARN, "copy", err);
		if (options->progress && options->progress->copy_restarted)
			options->progress->copy_restarted(options->progress->arg, item, err->message);
		if (!copy_run_wait(w->run, retry_next_ms(&retry)))
		{
			error_set(err, ERROR_CANCELLED, "interrupted by a stop");
			break;
		}
		error_clear(err);
	}
	if (result != RESULT_DONE)
	{
		item->phase = COPY_PENDING;
		item->rows = item->bytes = 0;
	}
	return result;
}

/* Statistics make the first queries on the target sane; they are worth a try, not a failure. */
static void
analyze_group(CopyWorker *w, const CopyGroup *group)
{
	CopyRun *run = w->run;
	const PgTable *last = NULL;
	Error err = ERROR_INIT;
	StrBuf sql = STRBUF_INIT;

	for (int i = 0; i < run->table_count && w->target; i++)
	{
		const CopyTable *table = &run->tables[i];

		if (table->group != group || !table->target || table->target == last)
			continue;
		last = table->target;
		strbuf_reset(&sql);
		strbuf_printf(&sql, "ANALYZE %s", table->target_title);
		if (pg_exec(w->target, strbuf_text(&sql), NULL, &err))
			continue;
		if (err.kind != ERROR_CANCELLED)
		{
			error_context(&err, "no statistics of the target's table %s", table->target_title);
			log_report(LOG_WARN, "copy", &err);
		}
		close_target(w, err.kind == ERROR_CANCELLED);
		error_clear(&err);
	}
	strbuf_free(&sql);
}

/* The next item, or -1.  While others work one of theirs may come back, so an idle worker with the snapshot waits for them. */
static int
take_item(CopyRun *run)
{
	int taken = -1;

	pthread_mutex_lock(&run->lock);
	while (!run->has_failed)
	{
		for (int i = run->next; i < run->count && taken < 0; i++)
			if (run->states[i] == ITEM_WAITING && !run->table_of[i]->is_stale)
				taken = i;
		if (taken >= 0)
		{
			run->next = taken + 1;
			run->states[taken] = ITEM_TAKEN;
			run->taken_count++;
			break;
		}
		if (run->taken_count == 0)
			break;
		pthread_cond_wait(&run->changed, &run->lock);
	}
	pthread_mutex_unlock(&run->lock);
	return taken;
}

/* Gives the item's state back to the run; true where the item was the last one of its group. */
static bool
return_item(CopyRun *run, int number, ItemResult result)
{
	CopyTable *table = run->table_of[number];
	bool was_last = false;

	pthread_mutex_lock(&run->lock);
	run->taken_count--;
	if (result == RESULT_DONE)
	{
		run->states[number] = ITEM_FINISHED;
		was_last = --table->group->open_items == 0;
	}
	else
	{
		run->states[number] = ITEM_WAITING;
		if (number < run->next)
			run->next = number;
		if (result == RESULT_STALE)
			table->is_stale = true;
	}
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	return was_last;
}

void *
copy_worker_main(void *arg)
{
	CopyWorker *w = arg;
	CopyRun *run = w->run;
	Error err = ERROR_INIT;
	int number;

	while ((number = take_item(run)) >= 0)
	{
		CopyTable *table = run->table_of[number];
		ItemResult result = work_on_item(w, table, &run->items[number], &err);
		bool was_last;

		if (result == RESULT_FAILED)
			copy_run_fail(run, &err);
		else if (result != RESULT_DONE)
			log_report(LOG_WARN, "copy", &err);
		was_last = return_item(run, number, result);
		error_clear(&err);
		if (was_last && run->options->analyze)
			analyze_group(w, table->group);
		if (result == RESULT_SNAPSHOT_GONE)
			(void) leave_to_others(run);
		if (result != RESULT_DONE && result != RESULT_STALE)
			break;
	}
	close_source(w, false);
	close_target(w, false);
	free(w->target_start);
	w->target_start = NULL;
	return NULL;
}
