/*
 * worker.c
 *		A thread that copies items, one after the other, with a connection to each side.
 *
 * What is read from the source, and how, is a CopyReader's.  The target connection is opened anew after every failure.
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
/*
 * Connections
 */

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

/*
 * For readers
 */

void
copy_worker_advanced(void *arg, int64_t rows, int64_t bytes)
{
	CopyWorker *w = arg;
	const ProgressSink *progress = w->run->options->progress;

	if (progress && progress->copy_advanced)
		progress->copy_advanced(progress->arg, w->item, rows, bytes);
}

/* GRANT of all that is needed on one table, for a hint. */
bool
copy_hint_grant(const char *side, PgConn *conn, const char *rights, const char *schema, const char *title, Error *err)
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

bool
copy_target_error(const CopyTable *table, PgConn *target, Error *err)
{
	if (strcmp(err->sqlstate, "42501") == 0)
	{
		err->kind = ERROR_PREFLIGHT;
		return copy_hint_grant("target", target, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE", table->target->schema,
						  table->target_title, err);
	}
	if (strcmp(err->sqlstate, "23503") == 0 && !pg_replica_role(target))
		return error_hint(err, "foreign keys are checked on the target, because its role may not set "
							   "session_replication_role: GRANT SET ON PARAMETER session_replication_role TO it, or add "
							   "the keys after the copy");
	return false;
}

/*
 * One item
 */

static CopyResult
copy_item(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	const CopyRunOptions *options = w->run->options;
	CopyResult result = w->run->reader->open(w, err);
	bool done;

	if (result != COPY_RESULT_DONE)
		return result;
	if (!open_target(w, err))
		return COPY_RESULT_FAILED;
	if (!copy_progress_begin(w->target, options, item, &done, err))
		return COPY_RESULT_FAILED;
	if (done)
		return COPY_RESULT_DONE;
	result = w->run->reader->copy(w, table, item, err);
	if (result != COPY_RESULT_DONE)
		return result;
	if (!copy_progress_commit(w->target, options, item, err))
		return COPY_RESULT_FAILED;
	if (w->run->reader->done)
		w->run->reader->done(w);
	return COPY_RESULT_DONE;
}

/* After a failure: the source keeps its snapshot where that can be, the target begins anew. */
static void
clean_up(CopyWorker *w, CopyResult result, const Error *err)
{
	close_target(w, err->kind == ERROR_CANCELLED);
	w->run->reader->give_up(w, result, err);
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
static CopyResult
work_on_item(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	const CopyRunOptions *options = w->run->options;
	Retry retry = RETRY_INIT(500, options->retry_max_ms > 500 ? options->retry_max_ms : 500);
	int64_t failing_since_ms = 0;
	CopyResult result;

	w->item = item;
	w->early_ends = 0;
	start_item(w, item);
	for (;;)
	{
		int64_t try_ms = clock_monotonic_ms();

		result = copy_item(w, table, item, err);
		if (result == COPY_RESULT_DONE)
		{
			if (!finish_item(w, item, table->title, err))
				result = COPY_RESULT_FAILED;
			break;
		}
		if (err->kind != ERROR_CANCELLED)
			error_context(err, "copy of table %s", table->title);
		clean_up(w, result, err);
		if (result != COPY_RESULT_FAILED || err->kind != ERROR_RETRY)
			break;
		if (strcmp(err->sqlstate, "53300") == 0 && leave_to_others(w->run))
		{
			result = COPY_RESULT_NO_CONNECTION;
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
	if (result != COPY_RESULT_DONE)
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

static void
finish_group(CopyWorker *w, const CopyGroup *group)
{
	CopyRun *run = w->run;

	for (int i = 0; i < run->table_count && run->reader->table_done; i++)
		if (run->tables[i].group == group)
			run->reader->table_done(run, &run->tables[i]);
	if (run->options->analyze)
		analyze_group(w, group);
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
return_item(CopyRun *run, int number, CopyResult result)
{
	CopyTable *table = run->table_of[number];
	bool was_last = false;

	pthread_mutex_lock(&run->lock);
	run->taken_count--;
	if (result == COPY_RESULT_DONE)
	{
		run->states[number] = ITEM_FINISHED;
		was_last = --table->group->open_items == 0;
	}
	else
	{
		run->states[number] = ITEM_WAITING;
		if (number < run->next)
			run->next = number;
		if (result == COPY_RESULT_STALE)
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
		CopyResult result = work_on_item(w, table, &run->items[number], &err);
		bool was_last;

		if (result == COPY_RESULT_FAILED)
			copy_run_fail(run, &err);
		else if (result != COPY_RESULT_DONE)
			log_report(LOG_WARN, "copy", &err);
		was_last = return_item(run, number, result);
		error_clear(&err);
		if (was_last)
			finish_group(w, table->group);
		if (result == COPY_RESULT_SNAPSHOT_GONE)
			(void) leave_to_others(run);
		if (result != COPY_RESULT_DONE && result != COPY_RESULT_STALE)
			break;
	}
	run->reader->close(w);
	close_target(w, false);
	free(w->target_start);
	w->target_start = NULL;
	return NULL;
}
