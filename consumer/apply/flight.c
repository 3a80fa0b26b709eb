/*
 * flight.c
 *		The way of a whole group to its commit: statements, progress, COMMIT.
 *
 * COMMIT waits for the answers that could say that a row was missing, which is no error to the server: it would commit the rest.  While they
 * come the caller feeds the next group.
 */
#include "apply/applier_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROGRESS_KEY "progress"
#define PROGRESS_SQL \
	"WITH moved AS (UPDATE dbsync.progress SET applied_lsn = $3::pg_lsn, commit_time = $4::timestamptz," \
	" updated_at = clock_timestamp() WHERE task = $1::text AND applied_lsn = $2::pg_lsn RETURNING 1)" \
	" SELECT 1 / count(*) FROM moved"

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
	Statement  *statement = statements_find(applier->statements, PROGRESS_KEY, sizeof(PROGRESS_KEY));

	if (statement == NULL &&
		!statements_add(applier->statements, applier->pipeline, PROGRESS_KEY, sizeof(PROGRESS_KEY), PROGRESS_SQL, &note, &statement, err))
		return false;

	lsn_format(applier->stats.applied_lsn, before);
	lsn_format(applier->flight.end_lsn, now);
	clock_format(applier->flight.commit_us, time);
	return pipeline_execute(applier->pipeline, statement->name, 4, values, 128, &note, err);
}

static bool
send_commit(Applier *applier, Error *err)
{
	PipelineNote commit = {.kind = PIPELINE_COMMIT};
	bool		ok;

	applier->unproven = 0;
	/* Answers may have brought conflicts that are to be written down in this transaction. */
	applier->is_committing = true;
	ok = conflict_flush(applier, err) && (!applier->flight.is_strict || replay_note(applier, err)) && send_progress(applier, err) &&
		pipeline_query(applier->pipeline, "COMMIT", 0, NULL, &commit, err) && pipeline_mark(applier->pipeline, err);
	applier->is_committing = false;
	applier->flight.state = FLIGHT_COMMIT;
	return ok;
}

static void
committed(Applier *applier)
{
	Flight	   *flight = &applier->flight;
	char		lsn[LSN_TEXT_SIZE];

	if (applier->group_conflicts > 0)
		log_info(MODULE, "conflicts=%" PRId64 " kept in dbsync.conflicts", applier->group_conflicts);
	applier->group_conflicts = 0;
	applier->stats.transactions += flight->transactions;
	applier->stats.changes += flight->changes;
	applier->stats.applied_lsn = flight->end_lsn;
	applier->stats.commit_time_us = flight->commit_us;
	if (flight->is_strict)
	{
		free(applier->strict_note);
		applier->strict_note = NULL;
	}
	log_debug(MODULE, "committed transactions=%" PRId64 " changes=%" PRId64 " applied=%s way=%s", flight->transactions, flight->changes,
			  lsn_show(applier->stats.applied_lsn, lsn), flight->is_strict ? "strict" : "batch");
	flight_forget(applier);
}

void
flight_forget(Applier *applier)
{
	parts_drop(&applier->flight.parts);
	applier->flight.state = FLIGHT_NONE;
}

bool
flight_begin(Applier *applier, Error *err)
{
	Flight	   *flight = &applier->flight;
	KeptParts	spare;

	/* Progress moves in a transaction of its own where nothing else was to be done. */
	if (!batch_flush(applier, err) || !applier_begin(applier, err))
		return false;
	flight->state = FLIGHT_STATEMENTS;
	flight->is_batch = applier->has_batched;
	flight->is_strict = applier->is_strict;
	flight->end_lsn = applier->stats.group_end_lsn;
	flight->last_commit_lsn = applier->commit_lsn;
	flight->last_xid = applier->xid;
	flight->commit_us = applier->group_commit_us;
	flight->transactions = applier->stats.group_transactions;
	flight->changes = applier->stats.group_changes;
	spare = flight->parts;
	flight->parts = applier->parts;
	applier->parts = spare;
	applier->commit_refused = false;
	applier->next_is_strict = false;
	applier_reset_group(applier);
	return flight_advance(applier, err);
}

bool
flight_advance(Applier *applier, Error *err)
{
	Flight	   *flight = &applier->flight;

	if (flight->state == FLIGHT_NONE)
		return true;
	if (flight->state == FLIGHT_STATEMENTS && applier->unproven == 0)
		return send_commit(applier, err);
	if (!pipeline_push(applier->pipeline, err))
		return false;
	/* Of a change that failed and was passed with care, no answer is counted. */
	if (flight->state == FLIGHT_STATEMENTS && pipeline_is_empty(applier->pipeline))
		return send_commit(applier, err);
	if (flight->state == FLIGHT_COMMIT && pipeline_is_empty(applier->pipeline))
		committed(applier);
	return true;
}

/* A deferred constraint or trigger speaks at COMMIT, without saying which change it means.  One transaction at a time says at least which of them. */
static bool
explain_failure(Applier *applier, Error *err)
{
	const Flight *flight = &applier->flight;
	char		lsn[LSN_TEXT_SIZE];

	if (flight->is_batch || !applier->commit_refused)
		return false;
	if (careful_has_company(applier, err))
		return careful_retreat(applier, flight->last_commit_lsn, err);
	if (flight->transactions != 1)
		return false;
	error_context(err, "transaction %" PRIu32 " with commit LSN %s", flight->last_xid, lsn_show(flight->last_commit_lsn, lsn));
	if (err->kind != ERROR_CONFLICT)
		return false;
	err->kind = ERROR_FAILED;
	return error_hint(err, "The constraint is deferred, so no single change can be skipped: mend the target's rows, or drop the constraint there");
}

bool
flight_finish(Applier *applier, Error *err)
{
	Flight	   *flight = &applier->flight;

	while (flight->state != FLIGHT_NONE)
	{
		/* the answers that are still to come, then those of COMMIT */
		if ((flight->state == FLIGHT_COMMIT || applier->unproven > 0) && !pipeline_drain(applier->pipeline, err))
			return explain_failure(applier, err);
		if (!flight_advance(applier, err))
			return explain_failure(applier, err);
	}
	return true;
}
