/*
 * strict.c
 *		One change becomes one statement, in source order, and its answer must be one row.
 *
 * This is the reference: whatever is faster must end with the same tables.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool
is_done_in_copy(const Applier *applier, const TargetTable *table)
{
	return applier->commit_lsn < table->snapshot_lsn;
}

static bool
sends_bytes(const Applier *applier)
{
	return applier->options.client_encoding != NULL && strcmp(applier->options.client_encoding, "SQL_ASCII") == 0;
}

static bool
collect_values(Applier *applier, const ChangeContext *context, const Statement *statement, size_t *size, Error *err)
{
	const Change *change = context->change;

	applier_reserve_values(applier, statement->param_count);
	*size = 0;
	for (int i = 0; i < statement->param_count; i++)
	{
		const Value *value = target_sql_value(change, statement->params[i]);

		if (value->kind == VALUE_BYTES && !sends_bytes(applier))
		{
			error_set(err, ERROR_FAILED, "a value is not valid in the encoding of the stream: the source database is SQL_ASCII and holds bytes that are not UTF-8");
			error_hint(err, "Use a target database with encoding SQL_ASCII too, or repair the rows at the source");
			return conflict_context(applier, change, context->use->part, err);
		}
		applier->values[i] = value->data;
		*size += value->length + 5;
	}
	return true;
}

/* Sends the statement of a change, whatever its answer may be. */
bool
strict_send(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CHANGE, .use = context->use, .offset = context->offset, .length = context->length};
	Statement  *statement;
	size_t		size;

	if (operation == TARGET_UPDATE && !target_sql_check_update(table, context->change, err))
		return conflict_context(applier, context->change, context->use->part, err);
	if (!applier_begin(applier, err))
		return false;
	if (!statements_get(applier->statements, applier->pipeline, table, operation, context->change, &note, &statement, err))
		return err->kind == ERROR_FAILED && err->sqlstate[0] == '\0' ? conflict_context(applier, context->change, context->use->part, err) : false;
	if (statement->is_empty)
		return true;
	note.any_count = statement->any_count;
	note.is_proven = note.any_count || (table->stores_all && (operation == TARGET_INSERT || operation == TARGET_UPSERT));
	if (!collect_values(applier, context, statement, &size, err))
		return false;
	applier->unproven += note.is_proven ? 0 : 1;
	return pipeline_execute(applier->pipeline, statement->name, statement->param_count, applier->values, size, &note, err);
}

/* An update or delete of a row that the source could not name. */
bool
strict_no_identity(Applier *applier, const ChangeContext *context, Error *err)
{
	const Relation *relation = context->change->relation;
	StrBuf		name = STRBUF_INIT;

	pg_quote_qualified(&name, relation->schema, relation->table);
	error_set(err, ERROR_CONFLICT, "the source does not say which row: %s has no usable replica identity", strbuf_text(&name));
	error_hint(err, "On the source, for changes to come: ALTER TABLE %s REPLICA IDENTITY FULL, or give it a primary key. This change needs conflict = skip and a repair by hand, or a new copy of the table",
			   strbuf_text(&name));
	strbuf_free(&name);
	if (applier->options.apply.conflict == CONFLICT_STOP)
		return conflict_context(applier, context->change, context->use->part, err);
	conflict_note(applier, context->change, context->use->part, "skipped", err);
	return true;
}

static TargetOperation
operation_of(const Applier *applier, const Change *change, const TargetTable *table)
{
	switch (change->kind)
	{
		case CHANGE_UPDATE:
			return TARGET_UPDATE;
		case CHANGE_DELETE:
			return TARGET_DELETE;
		default:
			return applier->options.apply.conflict == CONFLICT_UPSERT && table->has_arbiter ? TARGET_UPSERT : TARGET_INSERT;
	}
}

bool
strict_find_table(Applier *applier, const ChangeContext *context, TargetTable **table, Error *err)
{
	if (!feed_table(applier, context->change->relation, table, err))
		return err->kind == ERROR_FAILED && err->sqlstate[0] == '\0' ? conflict_context(applier, context->change, context->use->part, err) : false;
	if (!(*table)->is_wanted || is_done_in_copy(applier, *table))
		*table = NULL;
	return true;
}

bool
strict_send_change(Applier *applier, const ChangeContext *context, TargetTable *table, Error *err)
{
	return strict_send(applier, context, table, operation_of(applier, context->change, table), err);
}

bool
strict_apply(Applier *applier, const ChangeContext *context, Error *err)
{
	const Change *change = context->change;
	TargetTable *table = NULL;

	if (change->kind == CHANGE_TRUNCATE)
	{
		applier->stats.group_changes++;
		if (careful_passes_changes(applier))
			return careful_apply(applier, context, NULL, TARGET_INSERT, err);
		return truncate_send(applier, context, err);
	}
	if (!strict_find_table(applier, context, &table, err))
		return false;
	if (table == NULL)
		return true;
	applier->stats.group_changes++;
	if (change->no_identity)
		return strict_no_identity(applier, context, err);
	if (careful_passes_changes(applier))
		return careful_apply(applier, context, table, operation_of(applier, change, table), err);
	return strict_send_change(applier, context, table, err);
}

/*
 * Answers
 */

/* The target has changed under a plan of an earlier group: a new look at it, from the group's start, either works or says better what is wrong. */
static bool
is_stale_plan(const Applier *applier, const Change *change, const Error *err)
{
	static const char *const states[] = {"42P01", "42703", "42704", "42804", "42P10", "3F000", "428C9"};
	const TargetTable *table = change->relation != NULL ? change->relation->applier_data : NULL;

	if (table == NULL || table->loaded_in_group == applier->group_number)
		return false;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		if (strcmp(err->sqlstate, states[i]) == 0)
			return true;
	}
	return false;
}

/* A key that only the target has is its own rows' matter: a conflict, which the policy may pass. */
static void
explain_truncate(Error *err)
{
	if (strcmp(err->sqlstate, "0A000") != 0)
		return;
	err->kind = ERROR_CONFLICT;
	error_hint(err, "On the target a foreign key of a table outside of the source's TRUNCATE points here: drop it and start again; or empty the table by hand and go on with conflict = skip, which passes this TRUNCATE into dbsync.conflicts");
}

/* A column of the target does not take a NULL that the source may have, or a zero date. */
static void
explain_null(const Applier *applier, const Change *change, Error *err)
{
	const TargetTable *table = change->relation != NULL ? change->relation->applier_data : NULL;
	const char *whence = NULL;

	if (table == NULL || table->name == NULL || err->column[0] == '\0')
		return;
	for (int i = 0; i < change->relation->column_count && applier->options.zero_dates_are_null; i++)
	{
		const RelationColumn *column = &change->relation->columns[i];

		if (strcmp(column->name, err->column) == 0 && (strncmp(column->type, "date", 4) == 0 || strncmp(column->type, "timestamp", 9) == 0))
			whence = "a zero date of the source is a NULL: see zero_dates";
	}
	pg_hint_not_null(table->name, err->column, whence, err);
}

/* A change's answer is not what it should be; err has the reason without any context. */
static bool
change_failed(Applier *applier, const PipelineNote *note, const Change *change, Error *err)
{
	const TxnPart *part = note->use->part;

	if (change->kind == CHANGE_TRUNCATE)
		explain_truncate(err);
	else
		explain_null(applier, change, err);
	if (applier->watches)
	{
		/* careful.c decides */
		error_move(&applier->failure, err);
		applier->has_failure = true;
		return true;
	}
	if (is_stale_plan(applier, change, err))
		err->kind = ERROR_RETRY;
	if (careful_can_pass(applier, err))
		return careful_retreat(applier, part->commit_lsn, err);
	return conflict_context(applier, change, part, err);
}

static bool
wrong_count(Applier *applier, const PipelineNote *note, const Change *change, const char *count, Error *err)
{
	if (strcmp(count, "0") != 0)
		error_set(err, ERROR_CONFLICT, "%s rows of the target were changed, not one", count);
	else if (change->kind == CHANGE_INSERT)
		error_set(err, ERROR_CONFLICT, "the target took the row and stored none (a rule, or a trigger that fires under session_replication_role = replica)");
	else
		error_set(err, ERROR_CONFLICT, "the target has no such row");

	/* Nothing has happened, and nothing behind it hangs on it: no need to go back. */
	if (!applier->watches && strcmp(count, "0") == 0 &&
		(applier->options.apply.conflict == CONFLICT_SKIP ||
		 (applier->options.apply.conflict == CONFLICT_UPSERT && change->kind == CHANGE_DELETE)))
	{
		conflict_note(applier, change, note->use->part, "skipped", err);
		return true;
	}
	return change_failed(applier, note, change, err);
}

/* err is set already for a server's error; count is for a wrong number of rows. */
static bool
explain_change(Applier *applier, const PipelineNote *note, const char *count, Error *err)
{
	Arena	   *own = arena_new(0);
	Error		ignored = ERROR_INIT;
	Record		record;
	bool		ok;

	/* Not the arena of the record in hand, which is in use: answers are read while it is being sent. */
	if (!feed_parse(applier, note->use, note->offset, note->length, own, &record, &ignored))
		ok = count == NULL ? false : error_set(err, ERROR_CONFLICT, "a change affected %s rows", count);
	else if (count != NULL)
		ok = wrong_count(applier, note, &record.change, count, err);
	else
		ok = change_failed(applier, note, &record.change, err);
	arena_free(own);
	error_clear(&ignored);
	return ok;
}

static bool
progress_lost(const Applier *applier, Error *err)
{
	error_set(err, ERROR_FAILED, "%s: the progress of task \"%s\" was moved or removed by someone else", pg_conn_name(applier->conn),
			  applier->options.task);
	return error_hint(err, "Look at dbsync.progress on the target; nothing of this group was committed");
}

/* The statement failed; of a session that ended meanwhile it says nothing. */
static bool
is_of_statement(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity != NULL && strcmp(severity, "ERROR") == 0;
}

bool
strict_result(void *arg, const PipelineNote *note, PGresult *result, Error *err)
{
	Applier    *applier = arg;
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_PIPELINE_ABORTED && applier->has_failure)
		return true;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
	{
		pg_error(applier->conn, result, err);
		if (err->kind != ERROR_RETRY && (note->table != NULL || note->kind == PIPELINE_COMMIT))
			replay_server_reason(applier, note, result);
		if (note->kind == PIPELINE_PROGRESS && strcmp(err->sqlstate, "22012") == 0)
			return progress_lost(applier, err);
		if (note->use != NULL && (err->kind != ERROR_RETRY || is_of_statement(result)))
			return explain_change(applier, note, NULL, err);
		if (note->table != NULL && err->kind == ERROR_RETRY && is_of_statement(result))
			return error_context(err, "changes of %s", note->table->name);
		if (note->kind != PIPELINE_COMMIT)
			return false;
		applier->commit_refused = true;
		return error_context(err, "commit on the target");
	}
	switch (note->kind)
	{
		case PIPELINE_CHANGE:
			applier->unproven -= note->is_proven ? 0 : 1;
			if (note->any_count || strcmp(PQcmdTuples(result), "1") == 0)
				return true;
			return explain_change(applier, note, PQcmdTuples(result), err);
		case PIPELINE_BATCH:
			return batch_result(applier, note, result, err);
		case PIPELINE_COMMIT:
			/* COMMIT of a failed transaction succeeds, by rolling back */
			return strcmp(PQcmdStatus(result), "COMMIT") == 0 ||
				error_set(err, ERROR_FAILED, "%s: the target answered %s to COMMIT", pg_conn_name(applier->conn), PQcmdStatus(result));
		default:
			return true;
	}
}
