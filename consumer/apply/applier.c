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

/*
 * A join of the arrays with a table must go by the table's index, whatever the statistics say of a table that is still empty; and one plan
 * serves all.
 */
static bool
plan_for_arrays(Applier *applier, Error *err)
{
	return pg_exec(applier->conn, "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off;"
				   " SET enable_seqscan = off", NULL, err);
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
	applier->careful_until = options->careful_until;
	applier->conflicts_end = &applier->conflicts;
	applier->relations = relation_map_new();
	applier->record_arena = arena_new(64 * 1024);
	applier->statements = statements_new(PREPARED_STATEMENTS);
	applier->backoffs = hash_new();
	batch_begin(applier);
	if (!pg_connect(options->conninfo, &connect, &applier->conn, err) || !setup_lock(applier, err) || !setup_tables(applier, err))
	{
		applier_close(applier);
		return false;
	}
	applier->pipeline = pipeline_new(applier->conn, options->apply.pipeline_bytes > 0 ? (size_t) options->apply.pipeline_bytes : 256 * 1024,
									 PIPELINE_STATEMENTS, strict_result, applier);
	if (!pg_replica_role(applier->conn))
		warn_no_replica_role(applier);
	else if (options->apply.mode == APPLY_BATCH)
		applier->batches = true;
	if (applier->batches && !plan_for_arrays(applier, err))
	{
		applier_close(applier);
		return false;
	}
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
	batch_forget(applier);
	feed_forget_tables(applier);
	batch_end(applier);
	parts_free(&applier->parts);
	parts_free(&applier->flight.parts);
	hash_free(applier->backoffs, free);
	free(applier->replay_reason);
	free(applier->strict_note);
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
	if (!pipeline_finish(applier->pipeline, err))
		return false;
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

	if (!pipeline_finish(applier->pipeline, err))
		return false;
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
	return pipeline_finish(applier->pipeline, err) && pg_exec_params(applier->conn, "WITH gone AS (DELETE FROM dbsync.conflicts WHERE task = $1), forgotten AS (DELETE FROM dbsync.strict_replays WHERE task = $1) DELETE FROM dbsync.progress WHERE task = $1", 1,
						  values, NULL, err);
}

/*
 * Groups
 */

bool
applier_begin(Applier *applier, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CONTROL};

	if (applier->is_committing || applier->has_begun)
		return true;
	if (!flight_finish(applier, err))
		return false;
	if (!pipeline_query(applier->pipeline, "BEGIN", 0, NULL, &note, err))
		return false;
	applier->has_begun = true;
	return pg_replica_role(applier->conn) || pipeline_query(applier->pipeline, "SET CONSTRAINTS ALL DEFERRED", 0, NULL, &note, err);
}

void
applier_reserve_values(Applier *applier, int count)
{
	if (applier->value_capacity >= count)
		return;
	applier->value_capacity = count;
	applier->values = mem_realloc(applier->values, sizeof(char *) * (size_t) count);
}

void
applier_reset_group(Applier *applier)
{
	applier->stats.group_open = false;
	applier->stats.in_transaction = false;
	applier->stats.commit_wanted = false;
	applier->stats.group_transactions = 0;
	applier->stats.group_changes = 0;
	applier->stats.group_bytes = 0;
	applier->stats.group_end_lsn = LSN_NONE;
	applier->has_begun = false;
	applier->is_strict = false;
	applier->has_batched = false;
	applier->group_number++;
}

/* What comes next may follow a change of the target's tables by hand; a conflict that the policy passes says nothing of that kind. */
static bool
note_failure(Applier *applier, bool ok, const Error *err)
{
	if (ok)
		return true;
	applier->is_failed = true;
	applier->tables_are_stale = !careful_can_pass(applier, err);
	applier->wants_again = applier->wants_again || applier->goes_back;
	return false;
}

bool
applier_commit_begin(Applier *applier, Error *err)
{
	if (applier->is_failed)
		return error_set(err, ERROR_FAILED, "apply failed before and was not rolled back");
	if (applier->stats.in_transaction)
		return error_set(err, ERROR_FAILED, "commit asked for in the middle of a source transaction");
	while (applier->stats.group_open)
	{
		/* A strict group that fails needs the group before it to be done with, and nothing behind it. */
		bool		waits = applier->is_strict;

		if (flight_begin(applier, err) && (!waits || flight_finish(applier, err)))
			return true;
		if (!replay_after(applier, err))
			return note_failure(applier, false, err);
	}
	return true;
}

bool
applier_poll(Applier *applier, bool wait, Error *err)
{
	if (applier->is_failed)
		return error_set(err, ERROR_FAILED, "apply failed before and was not rolled back");
	if (wait ? flight_finish(applier, err) : flight_advance(applier, err))
		return true;
	return note_failure(applier, replay_after(applier, err), err);
}

bool
applier_commit(Applier *applier, Error *err)
{
	return applier_commit_begin(applier, err) && applier_poll(applier, true, err);
}

void
applier_give_up(Applier *applier)
{
	Error		ignored = ERROR_INIT;
	bool		in_transaction = applier->has_begun || applier->flight.state != FLIGHT_NONE;

	conflict_drop_waiting(applier);
	applier->stats.conflicts -= applier->group_conflicts;
	applier->group_conflicts = 0;
	applier->unproven = 0;
	applier->is_committing = false;
	batch_forget(applier);
	batch_copy_abandon(applier);
	flight_forget(applier);
	/* Which of the statements last sent were prepared is not known; so all are made anew. */
	if (pipeline_abandon(applier->pipeline) && in_transaction && PQtransactionStatus(pg_raw(applier->conn)) != PQTRANS_IDLE &&
		!pg_exec(applier->conn, "ROLLBACK", NULL, &ignored))
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
	applier->goes_back = false;
	applier->is_failed = false;
	parts_drop(&applier->parts);
	applier_reset_group(applier);
}

void
applier_rollback(Applier *applier)
{
	applier->wants_again = false;
	applier->next_is_strict = false;
	free(applier->replay_reason);
	applier->replay_reason = NULL;
	applier_give_up(applier);
}

bool
applier_wants_again(const Applier *applier)
{
	return applier->wants_again;
}

/* Twice what makes a group full: its last transaction comes on top. */
static int64_t
kept_bytes(const Applier *applier)
{
	return applier->options.apply.group_bytes * 2;
}

bool
applier_feed(Applier *applier, PartUse *use, Error *err)
{
	bool		ok;

	if (applier->batches)
		parts_keep(&applier->parts, use, kept_bytes(applier));
	ok = feed_part(applier, use, err) || replay_after(applier, err);
	/* a transaction that was done already */
	if (ok && !applier->stats.group_open && !applier->stats.in_transaction)
		parts_drop(&applier->parts);
	return ok;
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
		ok = note_failure(applier, applier_feed(applier, use, err), err);
	part_use_drop(use);
	return ok;
}

void
applier_stats(const Applier *applier, ApplierStats *stats)
{
	*stats = applier->stats;
	stats->in_flight = applier->flight.state != FLIGHT_NONE;
	stats->group_is_strict = applier->is_strict;
}

bool
applier_replica_role(const Applier *applier)
{
	return pg_replica_role(applier->conn);
}
