/*
 * full_sync.c
 *		Plans the copy and drives it from snapshot to snapshot until every table is there.
 */
#include "sync/full_sync.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"
#include "sync/post_data.h"
#include "sync/source_side.h"

#define MODULE "copy"

static bool
is_done(const CopyItem *items, int count, const CopyItem *table)
{
	bool		found = false;

	for (int i = 0; i < count; i++)
	{
		if (strcmp(items[i].table, table->table) != 0 || strcmp(items[i].schema, table->schema) != 0)
			continue;
		found = true;
		if (items[i].phase != COPY_DONE)
			return false;
	}
	return found;
}

bool
full_sync_keep_plan(Run *run, Arena *arena, CopyItem **items, int *count, Error *err)
{
	CopyItem   *fresh = *items;
	CopyItem   *old_items = NULL;
	CopyItem   *merged;
	int			fresh_count = *count;
	int			old_count = 0;
	int			merged_count = 0;

	if (!run->store->ops->load_items(run->store, run->state.task, arena, &old_items, &old_count, err))
		return false;
	merged = arena_alloc(arena, sizeof(CopyItem) * (size_t) (old_count + fresh_count + 1));
	for (int i = 0; i < fresh_count; i++)
	{
		if (!is_done(old_items, old_count, &fresh[i]))
			merged[merged_count++] = fresh[i];
	}
	for (int i = 0; i < old_count; i++)
	{
		if (is_done(old_items, old_count, &old_items[i]))
			merged[merged_count++] = old_items[i];
		else
		{
			bool		is_planned = false;

			for (int j = 0; j < fresh_count && !is_planned; j++)
				is_planned = strcmp(fresh[j].table, old_items[i].table) == 0 && strcmp(fresh[j].schema, old_items[i].schema) == 0;
			if (!is_planned && old_items[i].chunk == 0)
				log_warn(MODULE, "table %s.%s is gone from the source: it is not copied", old_items[i].schema, old_items[i].table);
		}
	}
	*items = merged;
	*count = merged_count;
	return run->store->ops->replace_items(run->store, run->state.task, merged, merged_count, err) &&
		(run_phase(run) != TASK_SLOT_CREATED || run_set_phase(run, TASK_COPYING, err));
}

bool
full_sync_begin(Run *run, Error *err)
{
	Lsn			position = LSN_NONE;
	bool		is_taken = false;

	if (!run_set_phase(run, TASK_CREATING_SLOT, err))
		return false;
	if (!run->side->take_snapshot(run, true, &position, &is_taken, err))
	{
		/* Made by somebody else meanwhile: not ours, and not to be dropped by the next run. */
		if (is_taken)
		{
			Error		ignored = ERROR_INIT;

			(void) !run_set_phase(run, TASK_NEW, &ignored);
			error_clear(&ignored);
		}
		return false;
	}
	run->state.start_lsn = position;
	run->state.received_lsn = position;
	return run_set_phase(run, TASK_SLOT_CREATED, err);
}

/* What the applier must know: tables whose copy is younger than the slot. */
static bool
note_snapshots(Run *run, Error *err)
{
	CopyItem   *items = NULL;
	int			count = 0;
	Lsn			youngest = LSN_NONE;

	run->snapshot_count = 0;
	if (!run->store->ops->load_items(run->store, run->state.task, run->arena, &items, &count, err))
		return false;
	run->snapshots = arena_alloc(run->arena, sizeof(TableSnapshot) * (size_t) (count + 1));
	for (int i = 0; i < count; i++)
	{
		if (items[i].chunk != 0 || items[i].snapshot_lsn <= run->state.start_lsn)
			continue;
		run->snapshots[run->snapshot_count++] = (TableSnapshot) {items[i].schema, items[i].table, items[i].snapshot_lsn};
		if (items[i].snapshot_lsn > youngest)
			youngest = items[i].snapshot_lsn;
	}
	run->youngest_snapshot = youngest;
	if (run->until != LSN_NONE && run->until < youngest)
	{
		char		text[LSN_TEXT_SIZE];

		log_info(MODULE, "applying up to %s: some tables were copied as of then", lsn_show(youngest, text));
		run->until = youngest;
	}
	return true;
}

/* What stands between the copy and the first change.  The local store may be away for a while, so it can be done again. */
static bool
end_copy(Run *run, Error *err)
{
	Retry		retry = RETRY_INIT(500, run->config->limits.retry_max_ms);

	while (!note_snapshots(run, err) || !post_data_build(run, err) ||
		   (run_phase(run) == TASK_COPYING && !run_set_phase(run, TASK_CATCHING_UP, err)))
	{
		if (err->kind != ERROR_RETRY)
			return false;
		if (!run_backoff(run, MODULE, retry_next_ms(&retry), err, NULL))
			return error_set(err, ERROR_CANCELLED, "stopped");
		error_clear(err);
	}
	return true;
}

bool
full_sync_run(Run *run, Error *err)
{
	Retry		retry = RETRY_INIT(500, run->config->limits.retry_max_ms);
	CopyOutcome outcome = COPY_OUTCOME_NEW_SNAPSHOT;
	char		duration[CLOCK_TEXT_SIZE];
	int64_t		start_ms = clock_monotonic_ms();

	if (run_phase(run) != TASK_SLOT_CREATED && run_phase(run) != TASK_COPYING)
		return end_copy(run, err);

	log_info(MODULE, "full sync start jobs=%d", run->config->copy.jobs);
	while (outcome != COPY_OUTCOME_COMPLETE)
	{
		bool		ok = true;

		if (stop_requested())
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (!run->side->has_snapshot(run))
		{
			char		text[LSN_TEXT_SIZE];
			Lsn			position = LSN_NONE;
			bool		is_taken;

			ok = run->side->take_snapshot(run, false, &position, &is_taken, err);
			if (ok)
				log_info(MODULE, "tables that are not finished are copied as of %s", lsn_show(position, text));
		}
		ok = ok && run->side->copy_round(run, &outcome, err);
		if (ok && outcome == COPY_OUTCOME_NEW_SNAPSHOT)
		{
			log_info(MODULE, "a new snapshot is needed for what is not finished");
			run->side->release_snapshot(run);
		}
		if (ok)
		{
			retry_reset(&retry);
			continue;
		}
		run->side->release_snapshot(run);
		if (err->kind != ERROR_RETRY)
			return false;
		if (!run_backoff(run, MODULE, retry_next_ms(&retry), err, NULL))
			return error_set(err, ERROR_CANCELLED, "stopped");
		error_clear(err);
	}
	run->side->release_snapshot(run);
	log_info(MODULE, "full sync end duration=%s", clock_format_duration(clock_monotonic_ms() - start_ms, duration));
	return end_copy(run, err);
}
