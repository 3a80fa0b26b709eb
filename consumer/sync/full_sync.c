/*
 * full_sync.c
 *		Plans the copy and drives it from snapshot to snapshot until every table is there.
 */
#include "sync/full_sync.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"
#include "copy/copy.h"
#include "pg/catalog.h"
#include "sync/post_data.h"
#include "sync/snapshot.h"
#include "sync/table_filter.h"

#define MODULE "copy"

typedef struct Catalogues
{
	PgCatalog	source;
	PgCatalog	target;
	int			source_version;
	int			block_bytes;
} Catalogues;

static void
free_catalogues(Catalogues *catalogues)
{
	pg_catalog_free(&catalogues->source);
	pg_catalog_free(&catalogues->target);
}

/* Tables that may be left out because the role may not read them go. */
static void
leave_out_unreadable(const Config *config, PgCatalog *source)
{
	int			kept = 0;

	if (config->copy.unreadable != UNREADABLE_SKIP)
		return;
	for (int i = 0; i < source->count; i++)
	{
		if (source->tables[i].can_select)
			source->tables[kept++] = source->tables[i];
		else
			log_warn(MODULE, "table %s.%s is left out: no right to read it (unreadable_tables = skip)", source->tables[i].schema,
					 source->tables[i].name);
	}
	source->count = kept;
}

/* Both sides as they are now; the source under the snapshot held. */
static bool
read_catalogues(Run *run, PgConn *source, Arena *arena, Catalogues *catalogues, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "plan"};
	PgConn	   *target = NULL;
	const char *block_text = NULL;
	bool		ok;

	memset(catalogues, 0, sizeof(*catalogues));
	catalogues->source_version = pg_server_version(source);
	if (!pg_catalog_load(source, table_filter_wants, (void *) run->config, arena, &catalogues->source, err) ||
		!pg_query_value(source, arena, "SELECT pg_catalog.current_setting('block_size')", 0, NULL, &block_text, err))
		return error_context(err, "source");
	catalogues->block_bytes = atoi(block_text);
	leave_out_unreadable(run->config, &catalogues->source);
	ok = pg_connect(run->config->target, &options, &target, err) && pg_catalog_load(target, NULL, NULL, arena, &catalogues->target, err);
	pg_close(target);
	return ok || error_context(err, "target");
}

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

/*
 * The plan under the present snapshot: tables that are done stay as they are; all others, also those that are new on the source, are cut
 * anew.  What is left of a table's earlier start is seen by copy_run() on the target.
 */
static bool
plan(Run *run, Catalogues *catalogues, Arena *arena, CopyItem **items, int *count, Error *err)
{
	CopyPlanOptions options = {
		.target_schema = run->config->target_schema,
		.split_bytes = run->config->copy.split_bytes,
		.source_version = catalogues->source_version,
		.block_bytes = catalogues->block_bytes,
		.jobs = run->config->copy.jobs,
	};
	CopyItem   *old_items = NULL;
	CopyItem   *fresh = NULL;
	CopyItem   *merged;
	int			old_count = 0;
	int			fresh_count = 0;
	int			merged_count = 0;

	if (!run->store->ops->load_items(run->store, run->state.task, arena, &old_items, &old_count, err) ||
		!copy_plan(&options, &catalogues->source, &catalogues->target, arena, &fresh, &fresh_count, err))
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
	return run->store->ops->replace_items(run->store, run->state.task, merged, merged_count, err);
}

bool
full_sync_begin(Run *run, Error *err)
{
	HeldSnapshot *snapshot = arena_zalloc(run->arena, sizeof(HeldSnapshot));
	char		text[LSN_TEXT_SIZE];

	run->snapshot = snapshot;
	if (!run_set_phase(run, TASK_CREATING_SLOT, err))
		return false;
	if (!snapshot_take(run, run->state.slot, snapshot, err))
	{
		/* Made by somebody else meanwhile: not ours, and not to be dropped by the next run. */
		if (strcmp(err->sqlstate, "42710") == 0)
		{
			Error		ignored = ERROR_INIT;

			(void) !run_set_phase(run, TASK_NEW, &ignored);
			error_clear(&ignored);
		}
		return false;
	}
	log_info(MODULE, "decoder slot %s created, consistent point %s", run->state.slot, lsn_format(snapshot->lsn, text));
	run->state.start_lsn = snapshot->lsn;
	run->state.received_lsn = snapshot->lsn;
	return run_set_phase(run, TASK_SLOT_CREATED, err);
}

/* One round with one snapshot. */
static bool
copy_round(Run *run, CopyOutcome *outcome, Error *err)
{
	Arena	   *arena = arena_new(0);
	Catalogues	catalogues;
	CopyItem   *items = NULL;
	int			count = 0;
	bool		ok;

	memset(&catalogues, 0, sizeof(catalogues));
	ok = read_catalogues(run, run->snapshot->conn, arena, &catalogues, err) && plan(run, &catalogues, arena, &items, &count, err);
	if (ok && run_phase(run) == TASK_SLOT_CREATED)
		ok = run_set_phase(run, TASK_COPYING, err);
	if (ok)
	{
		CopyRunOptions options = {
			.task = run->state.task,
			.source_id = run->state.source_id,
			.source_conninfo = run->config->source,
			.target_conninfo = run->config->target,
			.target_schema = run->config->target_schema,
			.client_encoding = run->client_encoding,
			.source = &catalogues.source,
			.target = &catalogues.target,
			.snapshot = {.name = run->snapshot->name, .lsn = run->snapshot->lsn},
			.start_lsn = run->state.start_lsn,
			.existing_rows = run->config->copy.existing_rows,
			.format = run->config->copy.format,
			.analyze = run->config->copy.analyze,
			.jobs = run->config->copy.jobs,
			.retry_max_ms = run->config->limits.retry_max_ms,
			.retry_give_up_ms = run->config->limits.retry_give_up_ms,
			.store = run->store,
			.progress = run->progress,
		};

		ok = copy_run(&options, items, count, outcome, err);
	}
	free_catalogues(&catalogues);
	arena_free(arena);
	return ok;
}

/* What the applier must know: tables whose copy is younger than the slot. */
static bool
note_snapshots(Run *run, Error *err)
{
	CopyItem   *items = NULL;
	int			count = 0;
	Lsn			youngest = LSN_NONE;

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
	if (run->until != LSN_NONE && run->until < youngest)
	{
		char		text[LSN_TEXT_SIZE];

		log_info(MODULE, "applying up to %s: some tables were copied as of then", lsn_format(youngest, text));
		run->until = youngest;
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
		return post_data_build(run, err) && note_snapshots(run, err);

	log_info(MODULE, "full sync start jobs=%d", run->config->copy.jobs);
	while (outcome != COPY_OUTCOME_COMPLETE)
	{
		bool		ok = true;

		if (stop_requested())
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (run->snapshot == NULL)
			run->snapshot = arena_zalloc(run->arena, sizeof(HeldSnapshot));
		if (run->snapshot->conn == NULL)
		{
			char		text[LSN_TEXT_SIZE];

			ok = snapshot_take(run, NULL, run->snapshot, err);
			if (ok)
				log_info(MODULE, "tables that are not finished are copied as of %s", lsn_format(run->snapshot->lsn, text));
		}
		ok = ok && copy_round(run, &outcome, err);
		if (ok && outcome == COPY_OUTCOME_NEW_SNAPSHOT)
		{
			log_info(MODULE, "a new snapshot is needed for what is not finished");
			full_sync_end(run);
		}
		if (ok)
		{
			retry_reset(&retry);
			continue;
		}
		full_sync_end(run);
		if (err->kind != ERROR_RETRY)
			return false;
		if (!run_backoff(run, MODULE, retry_next_ms(&retry), err, NULL))
			return error_set(err, ERROR_CANCELLED, "stopped");
		error_clear(err);
	}
	full_sync_end(run);
	log_info(MODULE, "full sync end duration=%s", clock_format_duration(clock_monotonic_ms() - start_ms, duration));
	return post_data_build(run, err) && note_snapshots(run, err) && run_set_phase(run, TASK_CATCHING_UP, err);
}

void
full_sync_end(Run *run)
{
	if (run->snapshot != NULL)
		snapshot_release(run->snapshot);
}
