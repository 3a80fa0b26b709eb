/*
 * replay.c
 *		A batch that fails is fed again, strictly: change by change, in the source's order.
 *
 * The parts of a group are kept until its commit, so that this needs nobody's help.  Of a transaction too large for that the group
 * is delivered again by the caller (applier_wants_again), and is strict from its beginning.
 *
 * The strict way either works, since only the order of the batch was at fault (a unique value handed from row to row), or it says which
 * change does not fit.  The table that failed stays strict for the next groups: one, and twice as many each time that it
 * fails soon after; then it is tried again.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MAX 64

Backoff *
replay_backoff(Applier *applier, const char *table)
{
	Backoff    *backoff = hash_get_text(applier->backoffs, table);

	if (backoff == NULL)
	{
		backoff = mem_zalloc(sizeof(Backoff));
		hash_put_text(applier->backoffs, table, backoff);
	}
	return backoff;
}

static void
back_off(Applier *applier, const char *table)
{
	Backoff    *backoff = replay_backoff(applier, table);
	bool		is_soon = backoff->window > 0 && applier->group_number <= backoff->until_group + backoff->window;

	backoff->window = !is_soon ? 1 : backoff->window * 2 > BACKOFF_MAX ? BACKOFF_MAX : backoff->window * 2;
	/* the group that is fed again has the next number */
	backoff->until_group = applier->group_number + 2 + backoff->window;
}

void
replay_reason(Applier *applier, const TargetTable *table, const char *reason)
{
	if (applier->replay_reason != NULL)
		return;
	if (table == NULL)
	{
		applier->replay_reason = mem_strdup(reason);
		return;
	}
	applier->replay_reason = mem_printf("%s: %s", table->name, reason);
	back_off(applier, table->name);
}

void
replay_server_reason(Applier *applier, const PipelineNote *note, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	char	   *reason;

	if (note->is_checked && state != NULL && strcmp(state, "22012") == 0)
	{
		replay_reason(applier, note->table, REPLAY_WRONG_COUNT);
		return;
	}
	reason = mem_printf("%sSQLSTATE %s%s%s%s", note->kind == PIPELINE_COMMIT ? "commit: " : "", state != NULL ? state : "?",
						constraint != NULL ? ", constraint \"" : "", constraint != NULL ? constraint : "", constraint != NULL ? "\"" : "");
	replay_reason(applier, note->table, reason);
	free(reason);
}

/*
 * Parts
 */

void
parts_keep(KeptParts *parts, PartUse *use, int64_t limit_bytes)
{
	if (parts->is_cut)
		return;
	if (parts->bytes > 0 && parts->bytes + (int64_t) use->part->length > limit_bytes)
	{
		parts_cut(parts);
		return;
	}
	if (parts->count == parts->capacity)
	{
		parts->capacity = parts->capacity == 0 ? 64 : parts->capacity * 2;
		parts->uses = mem_realloc(parts->uses, sizeof(PartUse *) * (size_t) parts->capacity);
	}
	use->uses++;
	parts->uses[parts->count++] = use;
	parts->bytes += (int64_t) use->part->length;
}

void
parts_drop(KeptParts *parts)
{
	for (int i = 0; i < parts->count; i++)
		part_use_drop(parts->uses[i]);
	parts->count = 0;
	parts->bytes = 0;
	parts->is_cut = false;
}

void
parts_free(KeptParts *parts)
{
	parts_drop(parts);
	free(parts->uses);
	parts->uses = NULL;
	parts->capacity = 0;
}

void
parts_cut(KeptParts *parts)
{
	parts_drop(parts);
	parts->is_cut = true;
}

static KeptParts
parts_take(KeptParts *parts)
{
	KeptParts	taken = *parts;

	memset(parts, 0, sizeof(*parts));
	return taken;
}

/*
 * Feeding again
 */

static bool
commit_strictly(Applier *applier, Error *err)
{
	return flight_begin(applier, err) && flight_finish(applier, err);
}

/* A large batch becomes several strict groups. */
static bool
feed_again(Applier *applier, const KeptParts *parts, Error *err)
{
	for (int i = 0; i < parts->count; i++)
	{
		if (!applier_feed(applier, parts->uses[i], err))
			return false;
		if (!applier->is_strict || applier->stats.in_transaction || applier->stats.group_changes < STRICT_GROUP_CHANGES)
			continue;
		if (!commit_strictly(applier, err))
			return false;
		applier->next_is_strict = i + 1 < parts->count;
	}
	return true;
}

/* The next group is strict; what was at fault is written down with it. */
static void
begin_strict_group(Applier *applier, char *reason)
{
	applier->next_is_strict = true;
	free(applier->strict_note);
	applier->strict_note = reason;
}

static bool
is_for_replay(const Applier *applier, const Error *err)
{
	bool		is_batch = applier->flight.state != FLIGHT_NONE ? applier->flight.is_batch : applier->has_batched;

	return is_batch && !pg_is_lost(applier->conn) && (err->kind == ERROR_FAILED || err->kind == ERROR_CONFLICT);
}

bool
replay_after(Applier *applier, Error *err)
{
	bool		flight_failed = applier->flight.state != FLIGHT_NONE;
	Lsn			until = flight_failed ? applier->flight.last_commit_lsn : applier->commit_lsn;
	KeptParts	flight;
	KeptParts	open;
	char	   *reason;
	bool		ok = true;

	if (!is_for_replay(applier, err))
		return false;
	if (applier->replay_reason == NULL)
		replay_reason(applier, NULL, err->sqlstate[0] != '\0' ? err->sqlstate : "a change that goes by itself does not fit the target");
	reason = applier->replay_reason;
	applier->replay_reason = NULL;
	log_info(MODULE, "a batch is replayed strictly: %s", reason);
	log_debug(MODULE, "the batch failed: %s", err->message);
	if (applier->flight.parts.is_cut || applier->parts.is_cut)
	{
		/* The caller delivers it again. */
		applier->strict_until = until;
		applier->wants_again = true;
		free(applier->strict_note);
		applier->strict_note = reason;
		return false;
	}
	error_clear(err);
	flight = parts_take(&applier->flight.parts);
	open = parts_take(&applier->parts);
	applier->tables_are_stale = true;
	applier_give_up(applier);
	begin_strict_group(applier, reason);
	if (flight_failed)
		ok = feed_again(applier, &flight, err) && (!applier->stats.group_open || commit_strictly(applier, err));
	ok = ok && feed_again(applier, &open, err);
	parts_free(&flight);
	parts_free(&open);
	return ok;
}

/* With the progress of a strict group: why it was one. */
bool
replay_note(Applier *applier, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CONTROL};
	const char *values[2] = {applier->options.task, applier->strict_note};
	bool		ok;

	if (applier->strict_note == NULL)
		return true;
	ok = pipeline_query(applier->pipeline,
						"INSERT INTO dbsync.strict_replays AS r (task, reason) VALUES ($1, $2)"
						" ON CONFLICT (task, reason) DO UPDATE SET count = r.count + 1, last_at = pg_catalog.clock_timestamp()",
						2, values, &note, err);
	return ok;
}
