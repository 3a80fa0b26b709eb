/*
 * applier.c
 *		Life of an Applier, its groups, and the progress row.
 */
#include "apply/applier_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Beside pipeline_bytes: small statements weigh more in results than in bytes. */
#define PIPELINE_STATEMENTS 1000
#define PREPARED_STATEMENTS 500

static void
warn_no_replica_role(const Applier *applier)
{
	StrBuf		role = STRBUF_INIT;

	pg_quote_identifier(&role, PQuser(pg_raw(applier->conn)));
	log_warn(MODULE,
			 "%s: may not set session_replication_role: triggers and foreign keys of the target fire for each change, so what triggers did on the source may be done twice; "
			 "deferrable constraints are deferred. As its owner: GRANT SET ON PARAMETER session_replication_role TO %s (PostgreSQL 15 and later; before, a superuser is needed)",
			 pg_conn_name(applier->conn), strbuf_text(&role));
	strbuf_free(&role);
}

bool
applier_open(const ApplierOptions *options, Applier **result, Error *err)
{
	PgConnOptions connect = {.role = PG_ROLE_TARGET, .flags = PG_FINISH, .name_suffix = "apply", .client_encoding = options->client_encoding,
		.abort_fd = options->abort_fd};
	Applier    *applier = mem_zalloc(sizeof(Applier));

	*result = NULL;
	applier->options = *options;
	applier->segment = -1;
	applier->conflicts_end = &applier->conflicts;
	applier->relations = relation_map_new();
	applier->record_arena = arena_new(64 * 1024);
	applier->statements = statements_new(PREPARED_STATEMENTS);
	if (!pg_connect(options->conninfo, &connect, &applier->conn, err) || !setup_lock(applier, err) || !setup_tables(applier, err))
	{
		applier_close(applier);
		return false;
	}
	applier->pipeline = pipeline_new(applier->conn, options->apply.pipeline_bytes > 0 ? (size_t) options->apply.pipeline_bytes : 256 * 1024,
									 PIPELINE_STATEMENTS, strict_result, applier);
	if (!pg_replica_role(applier->conn))
		warn_no_replica_role(applier);
	*result = applier;
	return true;
}

void
applier_close(Applier *applier)
{
	if (applier == NULL)
		return;
	/* A backend that waits for a lock would not see us go, and hold the task's lock meanwhile. */
	if (applier->conn != NULL && PQstatus(pg_raw(applier->conn)) == CONNECTION_OK &&
		PQtransactionStatus(pg_raw(applier->conn)) == PQTRANS_ACTIVE)
		pg_cancel(applier->conn);
	pipeline_free(applier->pipeline);
	pg_close(applier->conn);
	feed_forget_tables(applier);
	statements_free(applier->statements);
	relation_map_free(applier->relations);
	arena_free(applier->record_arena);
	conflict_drop_waiting(applier);
	error_clear(&applier->failure);
	free(applier->values);
	free(applier);
}

/*
 * Progress
 */

bool
applier_progress(Applier *applier, Lsn *applied, bool *found, Error *err)
{
	const char *values[1] = {applier->options.task};
	PGresult   *result;
	bool		ok = true;

	*found = false;
	*applied = LSN_NONE;
	if (!pg_exec_params(applier->conn, "SELECT source_id, applied_lsn, commit_time FROM dbsync.progress WHERE task = $1", 1, values, &result, err))
		return error_context(err, "cannot read the progress of task \"%s\"", applier->options.task);
	if (PQntuples(result) == 1)
	{
		*found = true;
		if (strcmp(PQgetvalue(result, 0, 0), applier->options.source_id) != 0)
		{
			ok = error_set(err, ERROR_FAILED, "%s: task \"%s\" was applied here from source %s, this one is %s", pg_conn_name(applier->conn),
						   applier->options.task, PQgetvalue(result, 0, 0), applier->options.source_id);
			error_hint(err, "Use another slot name for another source, or end the old task with \"dbsync drop\"");
		}
		else if (!lsn_parse(PQgetvalue(result, 0, 1), applied))
			ok = error_set(err, ERROR_FAILED, "%s: dbsync.progress has no valid applied_lsn", pg_conn_name(applier->conn));
		else if (!PQgetisnull(result, 0, 2) && !clock_parse(PQgetvalue(result, 0, 2), &applier->stats.commit_time_us))
			applier->stats.commit_time_us = 0;
	}
	PQclear(result);
	if (!ok)
		return false;
	applier->stats.applied_lsn = *applied;
	applier->progress_known = *found;
	return true;
}

bool
applier_set_progress(Applier *applier, Lsn applied, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	char		timeline[16];
	const char *values[5] = {applier->options.task, applier->options.source_id, timeline, applier->options.slot, lsn};

	snprintf(timeline, sizeof(timeline), "%d", applier->options.source_timeline);
	lsn_format(applied, lsn);
	if (!pg_exec_params(applier->conn,
						"INSERT INTO dbsync.progress (task, source_id, source_timeline, slot, applied_lsn)"
						" VALUES ($1, $2, $3::int4, $4, $5::pg_lsn) ON CONFLICT (task) DO UPDATE SET source_id = excluded.source_id,"
						" source_timeline = excluded.source_timeline, slot = excluded.slot, applied_lsn = excluded.applied_lsn,"
						" commit_time = NULL, updated_at = clock_timestamp()",
						5, values, NULL, err))
		return error_context(err, "cannot write the progress of task \"%s\"", applier->options.task);
	applier->stats.applied_lsn = applied;
	applier->progress_known = true;
	return true;
}

bool
applier_forget(Applier *applier, Error *err)
{
	const char *values[1] = {applier->options.task};

	applier->progress_known = false;
	return pg_exec_params(applier->conn, "WITH gone AS (DELETE FROM dbsync.conflicts WHERE task = $1) DELETE FROM dbsync.progress WHERE task = $1", 1,
						  values, NULL, err);
}

/*
 * Groups
 */

bool
applier_begin(Applier *applier, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CONTROL};

	if (applier->has_begun)
		return true;
	if (!pipeline_query(applier->pipeline, "BEGIN", 0, NULL, &note, err))
		return false;
	applier->has_begun = true;
	return pg_replica_role(applier->conn) || pipeline_query(applier->pipeline, "SET CONSTRAINTS ALL DEFERRED", 0, NULL, &note, err);
}

static void
group_reset(Applier *applier)
{
	applier->stats.group_open = false;
	applier->stats.in_transaction = false;
	applier->stats.commit_wanted = false;
	applier->stats.group_transactions = 0;
	applier->stats.group_changes = 0;
	applier->stats.group_bytes = 0;
	applier->stats.group_end_lsn = LSN_NONE;
	applier->has_begun = false;
	applier->group_conflicts = 0;
	applier->unproven = 0;
	applier->group_number++;
}

/*
 * The row moves from where we know it to be, and from nowhere else: one that another process has moved, or that is gone, must not
 * be written over.  COMMIT follows without waiting, so it must be an error that stops it, not a count of rows: no row divides
 * by zero.
 */
static bool
send_progress(Applier *applier, Error *err)
{
	char		before[LSN_TEXT_SIZE];
	char		now[LSN_TEXT_SIZE];
	char		time[CLOCK_TEXT_SIZE];
	const char *values[4] = {applier->options.task, before, now, time};
	PipelineNote note = {.kind = PIPELINE_PROGRESS};

	lsn_format(applier->stats.applied_lsn, before);
	lsn_format(applier->stats.group_end_lsn, now);
	clock_format(applier->group_commit_us, time);
	return pipeline_query(applier->pipeline,
						  "WITH moved AS (UPDATE dbsync.progress SET applied_lsn = $3::pg_lsn, commit_time = $4::timestamptz,"
						  " updated_at = clock_timestamp() WHERE task = $1 AND applied_lsn = $2::pg_lsn RETURNING 1)"
						  " SELECT 1 / count(*) FROM moved",
						  4, values, &note, err);
}

static bool
commit_group(Applier *applier, Error *err)
{
	PipelineNote commit = {.kind = PIPELINE_COMMIT};

	/*
	 * A change that found no row is no error to the server: it would commit the rest.  So COMMIT waits for the answers that could say so.
	 * They may also bring conflicts that are to be written down in this transaction.
	 */
	if (applier->unproven > 0 && !pipeline_sync(applier->pipeline, err))
		return false;
	return conflict_flush(applier, err) && applier_begin(applier, err) && send_progress(applier, err) &&
		pipeline_query(applier->pipeline, "COMMIT", 0, NULL, &commit, err) && pipeline_finish(applier->pipeline, err);
}

/* What comes next may follow a change of the target's tables by hand; a conflict that the policy passes says nothing of that kind. */
static bool
note_failure(Applier *applier, bool ok, const Error *err)
{
	if (ok)
		return true;
	applier->is_failed = true;
	applier->tables_are_stale = !careful_can_pass(applier, err);
	return false;
}

/* A deferred constraint speaks at COMMIT, without saying which change it means.  One transaction at a time says at least which of them. */
static bool
commit_failed(Applier *applier, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	if (!careful_can_pass(applier, err))
		return false;
	if (applier->stats.group_transactions > 1)
		return careful_retreat(applier, applier->commit_lsn, err);
	err->kind = ERROR_FAILED;
	error_context(err, "transaction %" PRIu32 " with commit LSN %s", applier->xid, lsn_format(applier->commit_lsn, lsn));
	return error_hint(err, "The constraint is deferred, so no single change can be skipped: mend the target's rows, or drop the constraint there");
}

bool
applier_commit(Applier *applier, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	if (applier->is_failed)
		return error_set(err, ERROR_FAILED, "apply failed before and was not rolled back");
	if (applier->stats.in_transaction)
		return error_set(err, ERROR_FAILED, "commit asked for in the middle of a source transaction");
	if (!applier->stats.group_open)
		return true;
	if (!commit_group(applier, err))
		return note_failure(applier, commit_failed(applier, err), err);
	if (applier->group_conflicts > 0)
		log_info(MODULE, "conflicts=%" PRId64 " kept in dbsync.conflicts", applier->group_conflicts);
	applier->stats.transactions += applier->stats.group_transactions;
	applier->stats.changes += applier->stats.group_changes;
	applier->stats.applied_lsn = applier->stats.group_end_lsn;
	applier->stats.commit_time_us = applier->group_commit_us;
	log_debug(MODULE, "committed transactions=%" PRId64 " changes=%" PRId64 " applied=%s", applier->stats.group_transactions,
			  applier->stats.group_changes, lsn_format(applier->stats.applied_lsn, lsn));
	group_reset(applier);
	return true;
}

void
applier_rollback(Applier *applier)
{
	Error		ignored = ERROR_INIT;

	conflict_drop_waiting(applier);
	applier->stats.conflicts -= applier->group_conflicts;
	/* Which of the statements last sent were prepared is not known; so all are made anew. */
	if (pipeline_abandon(applier->pipeline) && applier->has_begun && !pg_exec(applier->conn, "ROLLBACK", NULL, &ignored))
		log_debug(MODULE, "rollback: %s", ignored.message);
	error_clear(&ignored);
	if (!pg_exec(applier->conn, "DEALLOCATE ALL", NULL, &ignored))
		log_debug(MODULE, "rollback: %s", ignored.message);
	error_clear(&ignored);
	statements_clear(applier->statements);
	if (applier->tables_are_stale)
		feed_forget_tables(applier);
	applier->tables_are_stale = false;
	error_clear(&applier->failure);
	applier->has_failure = false;
	applier->watches = false;
	applier->is_failed = false;
	group_reset(applier);
}

bool
applier_apply(Applier *applier, TxnPart *part, Error *err)
{
	PartUse    *use = part_use_new(part);
	bool		ok;

	if (applier->is_failed)
		ok = error_set(err, ERROR_FAILED, "apply failed before and was not rolled back");
	else if (!applier->progress_known)
		ok = error_set(err, ERROR_FAILED, "the target has no progress of task \"%s\"", applier->options.task);
	else
		ok = note_failure(applier, feed_part(applier, use, err), err);
	part_use_drop(use);
	return ok;
}

void
applier_stats(const Applier *applier, ApplierStats *stats)
{
	*stats = applier->stats;
}

bool
applier_replica_role(const Applier *applier)
{
	return pg_replica_role(applier->conn);
}
