/*
 * careful.c
 *		Transaction by transaction, and where the policy passes conflicts, change by change, each under a savepoint.
 *
 * An error aborts the whole target transaction, and by the time it is seen much more has been sent.  So the first conflict of a
 * group is only noted: apply fails with ERROR_CONFLICT, the caller rolls back and feeds again, and the transactions up to
 * the noted one are then applied here.  Where one conflict was, others are often near; so some transactions more stay
 * careful, and more of them each time it was not enough.
 *
 * What no policy passes stops the run.  Everything before the transaction that fails is applied then, whatever was in one group with it: that
 * group, too, is fed again, and each of its transactions is a group of its own.  So it is where an earlier applier was closed because of
 * something that may pass, and its caller says that it does not.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <string.h>

#define CAREFUL_MORE_MIN 8
#define CAREFUL_MORE_MAX 4096

bool
careful_can_pass(const Applier *applier, const Error *err)
{
	return err->kind == ERROR_CONFLICT && applier->options.apply.conflict != CONFLICT_STOP;
}

bool
careful_has_company(const Applier *applier, const Error *err)
{
	const Flight *flight = &applier->flight;

	if (err->kind != ERROR_CONFLICT && err->kind != ERROR_FAILED)
		return false;
	if (flight->state != FLIGHT_NONE)
		return !flight->is_batch && flight->transactions > 1;
	return !applier->has_batched && applier->stats.group_transactions + (applier->stats.in_transaction ? 1 : 0) > 1;
}

bool
careful_passes_changes(const Applier *applier)
{
	return applier->is_careful && applier->options.apply.conflict != CONFLICT_STOP;
}

bool
careful_retreat(Applier *applier, Lsn commit_lsn, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	if (commit_lsn > applier->careful_until)
		applier->careful_until = commit_lsn;
	/* Soon after the last time: that was not enough. */
	if (applier->careful_window > 0 && applier->careful_since < applier->careful_window)
		applier->careful_window = applier->careful_window * 2 > CAREFUL_MORE_MAX ? CAREFUL_MORE_MAX : applier->careful_window * 2;
	else
		applier->careful_window = CAREFUL_MORE_MIN;
	applier->careful_more = applier->careful_window;
	applier->goes_back = true;
	return error_context(err, "conflict in the transaction with commit LSN %s", lsn_show(commit_lsn, lsn));
}

void
careful_transaction_begins(Applier *applier, Lsn commit_lsn)
{
	if (commit_lsn <= applier->careful_until)
		applier->is_careful = true;
	else if (applier->is_careful && applier->careful_more > 0)
		applier->careful_more--;
	else
		applier->is_careful = false;
	applier->careful_since = applier->is_careful ? 0 : applier->careful_since + 1;
}

void
careful_transaction_ends(Applier *applier)
{
	/* What was passed with care is kept, so that it need not be passed again. */
	if (applier->is_careful)
		applier->stats.commit_wanted = true;
}

static bool
send(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err)
{
	if (context->change->kind == CHANGE_TRUNCATE)
		return truncate_send(applier, context, err);
	return strict_send(applier, context, table, operation, err);
}

static bool
control(Applier *applier, const char *sql, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CONTROL};

	return pipeline_query(applier->pipeline, sql, 0, NULL, &note, err);
}

/* One try.  *passed false: the target is as before, and reason says why. */
static bool
try_change(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, bool *passed, Error *reason, Error *err)
{
	bool		ok;

	/* What is on its way already must not be mistaken for this change's answer. */
	if (!applier_begin(applier, err) || !control(applier, "SAVEPOINT dbsync", err) || !pipeline_sync(applier->pipeline, err))
		return false;
	applier->watches = true;
	applier->has_failure = false;
	ok = send(applier, context, table, operation, err) && pipeline_sync(applier->pipeline, err);
	applier->watches = false;
	*passed = !applier->has_failure;
	applier->has_failure = false;
	if (!ok)
		return false;
	if (*passed)
		return control(applier, "RELEASE SAVEPOINT dbsync", err);
	error_move(reason, &applier->failure);
	/* A statement whose PREPARE failed is not there, though the cache has it. */
	statements_clear(applier->statements);
	return control(applier, "ROLLBACK TO SAVEPOINT dbsync", err) && control(applier, "RELEASE SAVEPOINT dbsync", err) &&
		control(applier, "DEALLOCATE ALL", err);
}

/* The whole new row is known, if need be with what the old one (identity full) says of unchanged values. */
static bool
complete_row(const Change *change, Arena *arena, Change *insert)
{
	const Relation *relation = change->relation;
	Value	   *values = arena_memdup(arena, change->new_values, sizeof(Value) * (size_t) (relation->column_count + 1));

	for (int i = 0; change->old_values != NULL && i < relation->identity_count; i++)
	{
		if (values[relation->identity_columns[i]].kind == VALUE_UNCHANGED)
			values[relation->identity_columns[i]] = change->old_values[i];
	}
	for (int i = 0; i < relation->column_count; i++)
	{
		if (values[i].kind == VALUE_UNCHANGED)
			return false;
	}
	*insert = *change;
	insert->kind = CHANGE_INSERT;
	insert->new_values = values;
	insert->old_values = NULL;
	return true;
}

/* Policy upsert, update of a row that is not there: it is inserted. */
static bool
insert_missing(Applier *applier, const ChangeContext *context, TargetTable *table, bool *inserted, Error *err)
{
	ChangeContext again = *context;
	Change		insert;
	Error		reason = ERROR_INIT;
	bool		ok;

	*inserted = false;
	if (!complete_row(context->change, applier->record_arena, &insert))
		return true;
	again.change = &insert;
	ok = try_change(applier, &again, table, table->has_arbiter ? TARGET_UPSERT : TARGET_INSERT, inserted, &reason, err);
	error_clear(&reason);
	return ok;
}

static bool
pass(Applier *applier, const ChangeContext *context, TargetTable *table, Error *reason, Error *err)
{
	const Change *change = context->change;
	bool		inserted = false;

	if (applier->options.apply.conflict == CONFLICT_UPSERT && change->kind == CHANGE_UPDATE && reason->sqlstate[0] == '\0' &&
		!insert_missing(applier, context, table, &inserted, err))
		return false;
	conflict_note(applier, change, context->use->part, inserted ? "inserted" : "skipped", reason);
	applier->careful_more = applier->careful_window;
	return conflict_flush(applier, err);
}

bool
careful_apply(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err)
{
	Error		reason = ERROR_INIT;
	bool		passed = false;
	bool		ok;

	if (!try_change(applier, context, table, operation, &passed, &reason, err))
	{
		error_clear(&reason);
		return false;
	}
	if (passed)
		return true;
	if (careful_can_pass(applier, &reason))
		ok = pass(applier, context, table, &reason, err);
	else
	{
		error_move(err, &reason);
		ok = conflict_context(applier, context->change, context->use->part, err);
	}
	error_clear(&reason);
	return ok;
}
