/*
 * pg_side.c
 *		A PostgreSQL source: the task's slot, its snapshot, and where the WAL stands.
 */
#include "sync/source_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pg/catalog.h"
#include "pg/conn.h"
#include "pg/slot.h"
#include "source/pg_source.h"
#include "sync/full_sync.h"
#include "sync/snapshot.h"
#include "sync/table_filter.h"

#define MODULE "run"

#define PART_BYTES ((int64_t) 1 << 20)

typedef struct PgSide
{
	HeldSnapshot snapshot;		/* conn NULL: none is held */
	PgConn	   *watch;			/* the keeper's; NULL between tries */
	char		warned_status[32];
} PgSide;

static PgSide *
pg_data(Run *run)
{
	return run->side_data;
}

static void
pg_open(Run *run)
{
	run->side_data = arena_zalloc(run->arena, sizeof(PgSide));
}

static void
pg_release_snapshot(Run *run)
{
	snapshot_release(&pg_data(run)->snapshot);
}

static void
pg_close_side(Run *run)
{
	if (run->side_data == NULL)
		return;
	pg_release_snapshot(run);
	pg_close(pg_data(run)->watch);
}

static bool
pg_identify(Run *run, const char **source_id, int *timeline, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "start"};
	PgConn	   *conn = NULL;
	const char *encoding = NULL;
	bool		ok;

	ok = pg_connect(run->config->source, &options, &conn, err) && pg_system_id(conn, run->arena, source_id, timeline, err) &&
		pg_query_value(conn, run->arena, "SELECT pg_catalog.current_setting('server_encoding')", 0, NULL, &encoding, err);
	pg_close(conn);
	if (!ok)
		return false;
	/* Bytes without a known encoding can only be passed on as they are. */
	run->client_encoding = strcmp(encoding, "SQL_ASCII") == 0 ? encoding : NULL;
	return true;
}

/* The slot as the source has it now. */
static bool
look_at_slot(Run *run, SlotInfo *slot, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "start"};
	PgConn	   *conn = NULL;
	bool		ok = pg_connect(run->config->source, &options, &conn, err) && slot_look(conn, run->state.slot, run->arena, slot, err);

	pg_close(conn);
	if (!ok || !slot->exists)
		return ok;
	if (slot->plugin == NULL || strcmp(slot->plugin, DBSYNC_PLUGIN) != 0)
	{
		error_set(err, ERROR_PREFLIGHT, "slot \"%s\" on the source is not one of the plugin " DBSYNC_PLUGIN " but of %s", run->state.slot,
				  slot->plugin != NULL ? slot->plugin : "physical replication");
		return error_hint(err, "choose another name by [dbsync] slot");
	}
	if (!slot->is_of_this_database)
	{
		error_set(err, ERROR_PREFLIGHT, "slot \"%s\" belongs to database \"%s\"", run->state.slot, slot->database);
		return error_hint(err, "choose another name by [dbsync] slot");
	}
	return true;
}

static bool
pg_check_new(Run *run, Error *err)
{
	SlotInfo	slot;

	if (!look_at_slot(run, &slot, err))
		return false;
	if (slot.exists)
	{
		error_set(err, ERROR_PREFLIGHT, "the source has a slot \"%s\" already, which this task has not made", run->state.slot);
		return error_hint(err, "choose another name by [dbsync] slot; or drop it: SELECT pg_drop_replication_slot('%s'); or stream from where it "
						  "stands with copy = off", run->state.slot);
	}
	return true;
}

/* A run was killed, or cut off, while it made its slot: what it may have left is dropped. */
static bool
pg_undo_begin(Run *run, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "start"};
	PgConn	   *conn = NULL;
	bool		ok = pg_connect(run->config->source, &options, &conn, err) && snapshot_end_makers(run, conn, err) &&
		slot_drop(conn, run->state.slot, err);

	pg_close(conn);
	return ok;
}

/* The target has the data, the slot says from where on changes are wanted. */
static bool
pg_start_without_copy(Run *run, Lsn progress DBSYNC_UNUSED, Lsn *start, Error *err)
{
	SlotInfo	slot;

	if (!look_at_slot(run, &slot, err))
		return false;
	if (!slot.exists)
	{
		error_set(err, ERROR_PREFLIGHT, "copy = off, but the source has no slot \"%s\"", run->state.slot);
		return error_hint(err, "create it before the data are copied: SELECT pg_create_logical_replication_slot('%s', '" DBSYNC_PLUGIN "'); or set copy = on",
						  run->state.slot);
	}
	*start = slot.confirmed;
	return true;
}

static bool
pg_check_continuity(Run *run, Lsn held, Error *err)
{
	SlotInfo	slot;

	return look_at_slot(run, &slot, err) && slot_check_held(&slot, run->state.slot, held, err);
}

static const char *
pg_standing(Run *run)
{
	return arena_printf(run->arena, "decoder slot %s exist", run->state.slot);
}

static const char *
pg_left_behind(Run *run)
{
	return arena_printf(run->arena, "slot \"%s\" stays and keeps WAL on the source: go on by \"dbsync run\", or end by \"dbsync drop\"",
						run->state.slot);
}

static bool
pg_resolve_until(Run *run, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "until"};
	PgConn	   *conn = NULL;
	const char *text = NULL;
	Error		ignored = ERROR_INIT;
	bool		ok;

	if (strcmp(run->config->until, "current") != 0)
	{
		if (lsn_parse(run->config->until, &run->until) && run->until != LSN_NONE)
			return true;
		error_set(err, ERROR_USAGE, "--until: \"%s\" is not a position", run->config->until);
		return error_hint(err, "write an LSN such as 16/B374D848, or current");
	}
	if (!pg_connect(run->config->source, &options, &conn, err))
		return false;

	/*
	 * A transaction that commits now makes sure that everything before it is flushed, also commits that did not wait for the disk; the walsender
	 * sends only what is.  Where that may not be written, the position of the log's end must do.
	 */
	if (!pg_exec(conn, "BEGIN READ WRITE", NULL, &ignored) ||
		!pg_exec(conn, "SET LOCAL synchronous_commit = local", NULL, &ignored) ||
		!pg_exec(conn, "SELECT pg_catalog.pg_logical_emit_message(true, 'dbsync', 'until')", NULL, &ignored) ||
		!pg_exec(conn, "COMMIT", NULL, &ignored))
	{
		log_debug(MODULE, "no marker for --until: %s", ignored.message);
		error_clear(&ignored);
		(void) !pg_exec(conn, "ROLLBACK", NULL, &ignored);
		error_clear(&ignored);
	}
	ok = pg_query_value(conn, run->arena,
						"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
						"ELSE pg_catalog.pg_current_wal_flush_lsn() END::text", 0, NULL, &text, err);
	pg_close(conn);
	if (!ok)
		return error_context(err, "--until current");
	if (text == NULL || !lsn_parse(text, &run->until))
		return error_set(err, ERROR_FAILED, "the source does not say its position");
	return true;
}

static Source *
pg_make_source(Run *run)
{
	PgSourceOptions options = {
		.conninfo = run->config->source,
		.slot = run->state.slot,
		.include_tables = run->config->include_tables,
		.exclude_tables = run->config->exclude_tables,
		.batch_bytes = run->config->limits.batch_bytes,
		.part_bytes = PART_BYTES,
		.system_id = arena_strndup(run->arena, run->state.source_id, strcspn(run->state.source_id, "/")),
		.timeline = run->state.source_timeline,
	};

	return pg_source_new(&options);
}

/*
 * The full copy
 */

static bool
pg_take_snapshot(Run *run, bool first, Lsn *position, bool *is_taken, Error *err)
{
	HeldSnapshot *snapshot = &pg_data(run)->snapshot;
	char		text[LSN_TEXT_SIZE];

	*is_taken = false;
	if (!snapshot_take(run, first ? run->state.slot : NULL, snapshot, err))
	{
		*is_taken = strcmp(err->sqlstate, "42710") == 0;
		return false;
	}
	*position = snapshot->lsn;
	if (first)
		log_info("copy", "decoder slot %s created, consistent point %s", run->state.slot, lsn_format(snapshot->lsn, text));
	return true;
}

static bool
pg_has_snapshot(Run *run)
{
	return pg_data(run)->snapshot.conn != NULL;
}

typedef struct Catalogues
{
	PgCatalog	source;
	PgCatalog	target;
	int			source_version;
	int			block_bytes;
} Catalogues;

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
			log_warn("copy", "table %s.%s is left out: no right to read it (unreadable_tables = skip)", source->tables[i].schema,
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

	catalogues->source_version = pg_server_version(source);
	if (!pg_catalog_load(source, table_filter_wants_table, (void *) run->config, arena, &catalogues->source, err) ||
		!pg_query_value(source, arena, "SELECT pg_catalog.current_setting('block_size')", 0, NULL, &block_text, err))
		return error_context(err, "source");
	catalogues->block_bytes = atoi(block_text);
	leave_out_unreadable(run->config, &catalogues->source);
	ok = pg_connect(run->config->target, &options, &target, err) && pg_catalog_load(target, NULL, NULL, arena, &catalogues->target, err);
	pg_close(target);
	return ok || error_context(err, "target");
}

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

	return copy_plan(&options, &catalogues->source, &catalogues->target, arena, items, count, err) &&
		full_sync_keep_plan(run, arena, items, count, err);
}

static bool
pg_copy_round(Run *run, CopyOutcome *outcome, Error *err)
{
	HeldSnapshot *snapshot = &pg_data(run)->snapshot;
	Arena	   *arena = arena_new(0);
	Catalogues	catalogues;
	CopyItem   *items = NULL;
	int			count = 0;
	bool		ok;

	memset(&catalogues, 0, sizeof(catalogues));
	ok = read_catalogues(run, snapshot->conn, arena, &catalogues, err) && plan(run, &catalogues, arena, &items, &count, err);
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
			.snapshot = {.name = snapshot->name, .lsn = snapshot->lsn},
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
	pg_catalog_free(&catalogues.source);
	pg_catalog_free(&catalogues.target);
	arena_free(arena);
	return ok;
}

/* A slot that the source has given up must end the copy now, not in the morning. */
static bool
pg_watch(Run *run, Error *err)
{
	PgSide	   *self = pg_data(run);
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "watch"};
	const char *slot = run->state.slot;
	PGresult   *result = NULL;
	Error		ignored = ERROR_INIT;
	bool		ok = true;

	if (self->watch == NULL && !pg_connect(run->config->source, &options, &self->watch, &ignored))
	{
		log_debug("sync", "cannot look at the slot: %s", ignored.message);
		error_clear(&ignored);
		return true;
	}
	if (!pg_exec_params(self->watch, "SELECT wal_status, pg_catalog.pg_size_pretty(safe_wal_size) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, &slot, &result, &ignored))
	{
		log_debug("sync", "cannot look at the slot: %s", ignored.message);
		error_clear(&ignored);
		pg_close(self->watch);
		self->watch = NULL;
		return true;
	}
	if (PQntuples(result) == 0 || strcmp(PQgetvalue(result, 0, 0), "lost") == 0)
	{
		error_set(err, ERROR_GAP, "slot \"%s\" is %s on the source", slot, PQntuples(result) == 0 ? "gone" : "lost");
		ok = error_hint(err, "raise max_slot_wal_keep_size on the source, then \"dbsync drop\" and a new full sync");
	}
	else if (strcmp(PQgetvalue(result, 0, 0), self->warned_status) != 0)
	{
		const char *status = PQgetvalue(result, 0, 0);

		if (strcmp(status, "unreserved") == 0)
			log_warn("sync", "slot \"%s\" is about to be lost: the source removes its WAL at the next checkpoint (max_slot_wal_keep_size)", slot);
		else if (strcmp(status, "extended") == 0 && !PQgetisnull(result, 0, 1))
			log_warn("sync", "slot \"%s\" keeps more WAL than max_wal_size; %s are left before it is lost", slot, PQgetvalue(result, 0, 1));
		snprintf(self->warned_status, sizeof(self->warned_status), "%s", status);
	}
	PQclear(result);
	return ok;
}

const SourceSide pg_side = {
	.kind = "pgsql",
	.task_word = "slot",
	.open = pg_open,
	.close = pg_close_side,
	.identify = pg_identify,
	.check_new = pg_check_new,
	.undo_begin = pg_undo_begin,
	.start_without_copy = pg_start_without_copy,
	.check_continuity = pg_check_continuity,
	.standing = pg_standing,
	.left_behind = pg_left_behind,
	.resolve_until = pg_resolve_until,
	.make_source = pg_make_source,
	.take_snapshot = pg_take_snapshot,
	.has_snapshot = pg_has_snapshot,
	.release_snapshot = pg_release_snapshot,
	.copy_round = pg_copy_round,
	.watch = pg_watch,
};
