/*
 * pg_store_state.c
 *		Tasks (db_sync_status) and copy items (db_sync_tables) of the PostgreSQL store.
 */
#include "store/pg_internal.h"

#include "base/clock.h"
#include "store/store_rows.h"

#include <stdlib.h>
#include <string.h>

#define TASK_COLUMNS \
	"task, phase, source_kind, source_id, source_timeline, slot, target_id, filter, created, full_sync_start, full_sync_end," \
	" decoder_start_lsn, received_lsn, applied_lsn, applied_commit, segment"

#define ITEM_COLUMNS \
	"schema_name, table_name, chunk, chunk_count, first_block, last_block, phase, snapshot_lsn, estimated_bytes," \
	" estimated_rows, copied_rows, copied_bytes, start_time, end_time"

/* Values as text parameters. */

static const char *
number_text(Arena *arena, int64_t number)
{
	return arena_printf(arena, "%lld", (long long) number);
}

static const char *
lsn_text(Arena *arena, Lsn lsn)
{
	return lsn_format(lsn, arena_alloc(arena, LSN_TEXT_SIZE));
}

/* 0, "not yet", is SQL NULL. */
static const char *
time_text(Arena *arena, int64_t wall_us)
{
	return wall_us == 0 ? NULL : clock_format(wall_us, arena_alloc(arena, CLOCK_TEXT_SIZE));
}

static const char *
text_of(Arena *arena, const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : arena_strdup(arena, PQgetvalue(result, row, column));
}

static int64_t
number_of(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static bool
lsn_of(PgStore *store, const PGresult *result, int row, int column, Lsn *lsn, Error *err)
{
	*lsn = LSN_NONE;
	return PQgetisnull(result, row, column) || lsn_parse(PQgetvalue(result, row, column), lsn) ||
		error_set(err, ERROR_STORE, "%s: column %s holds \"%s\", which is no LSN", store->description, PQfname(result, column),
				  PQgetvalue(result, row, column));
}

static bool
time_of(PgStore *store, const PGresult *result, int row, int column, int64_t *wall_us, Error *err)
{
	*wall_us = 0;
	return PQgetisnull(result, row, column) || clock_parse(PQgetvalue(result, row, column), wall_us) ||
		error_set(err, ERROR_STORE, "%s: column %s holds \"%s\", which is no time", store->description, PQfname(result, column),
				  PQgetvalue(result, row, column));
}

static bool
task_from_row(PgStore *store, const PGresult *result, int row, Arena *arena, TaskState *state, Error *err)
{
	state->task = text_of(arena, result, row, 0);
	state->source_kind = text_of(arena, result, row, 2);
	state->source_id = text_of(arena, result, row, 3);
	state->source_timeline = (int) number_of(result, row, 4);
	state->slot = text_of(arena, result, row, 5);
	state->target_id = text_of(arena, result, row, 6);
	state->filter = text_of(arena, result, row, 7);
	state->segment = number_of(result, row, 15);
	return store_task_phase_parse(PQgetvalue(result, row, 1), store->description, &state->phase, err) &&
		time_of(store, result, row, 8, &state->created_us, err) && time_of(store, result, row, 9, &state->copy_start_us, err) &&
		time_of(store, result, row, 10, &state->copy_end_us, err) && lsn_of(store, result, row, 11, &state->start_lsn, err) &&
		lsn_of(store, result, row, 12, &state->received_lsn, err) && lsn_of(store, result, row, 13, &state->applied_lsn, err) &&
		time_of(store, result, row, 14, &state->applied_commit_us, err);
}

static bool
item_from_row(PgStore *store, const PGresult *result, int row, Arena *arena, CopyItem *item, Error *err)
{
	item->schema = text_of(arena, result, row, 0);
	item->table = text_of(arena, result, row, 1);
	item->chunk = (int) number_of(result, row, 2);
	item->chunk_count = (int) number_of(result, row, 3);
	item->first_block = (uint32_t) number_of(result, row, 4);
	item->last_block = (uint32_t) number_of(result, row, 5);
	item->estimated_bytes = number_of(result, row, 8);
	item->estimated_rows = number_of(result, row, 9);
	item->rows = number_of(result, row, 10);
	item->bytes = number_of(result, row, 11);
	return store_copy_phase_parse(PQgetvalue(result, row, 6), store->description, &item->phase, err) &&
		lsn_of(store, result, row, 7, &item->snapshot_lsn, err) && time_of(store, result, row, 12, &item->start_us, err) &&
		time_of(store, result, row, 13, &item->end_us, err);
}

/* One statement on the state's connection, under its lock. */
static bool
run_state(PgStore *store, const char *sql, int count, const char *const *values, PGresult **result, Error *err)
{
	bool		ok;

	pthread_mutex_lock(&store->state.mutex);
	ok = pg_store_run(store, &store->state, sql, count, values, result, err);
	pthread_mutex_unlock(&store->state.mutex);
	return ok;
}

bool
pg_store_load_task(Store *base, const char *task, Arena *arena, TaskState *state, bool *found, Error *err)
{
	PgStore    *store = pg_store(base);
	PGresult   *result = NULL;
	bool		ok;

	*found = false;
	if (!run_state(store, "SELECT " TASK_COLUMNS " FROM dbsync_local.db_sync_status WHERE task = $1", 1, &task, &result, err))
		return false;
	*found = PQntuples(result) == 1;
	ok = !*found || task_from_row(store, result, 0, arena, state, err);
	PQclear(result);
	return ok;
}

bool
pg_store_list_tasks(Store *base, Arena *arena, TaskState **states, int *count, Error *err)
{
	PgStore    *store = pg_store(base);
	PGresult   *result = NULL;
	bool		ok = true;

	*states = NULL;
	*count = 0;
	if (!run_state(store, "SELECT " TASK_COLUMNS " FROM dbsync_local.db_sync_status ORDER BY task COLLATE \"C\"", 0, NULL, &result, err))
		return false;
	*count = PQntuples(result);
	*states = arena_zalloc(arena, sizeof(TaskState) * (size_t) (*count + 1));
	for (int i = 0; ok && i < *count; i++)
		ok = task_from_row(store, result, i, arena, &(*states)[i], err);
	PQclear(result);
	return ok;
}

bool
pg_store_save_task(Store *base, const TaskState *state, Error *err)
{
	static const char sql[] =
		"INSERT INTO dbsync_local.db_sync_status AS s (" TASK_COLUMNS ")"
		" VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)"
		" ON CONFLICT (task) DO UPDATE SET phase = excluded.phase, source_kind = excluded.source_kind,"
		" source_id = excluded.source_id, source_timeline = excluded.source_timeline, slot = excluded.slot,"
		" target_id = excluded.target_id, filter = excluded.filter, created = excluded.created,"
		" full_sync_start = excluded.full_sync_start, full_sync_end = excluded.full_sync_end,"
		" decoder_start_lsn = excluded.decoder_start_lsn, received_lsn = greatest(s.received_lsn, excluded.received_lsn),"
		" applied_commit = CASE WHEN excluded.applied_lsn >= s.applied_lsn THEN excluded.applied_commit ELSE s.applied_commit END,"
		" applied_lsn = greatest(s.applied_lsn, excluded.applied_lsn), segment = greatest(s.segment, excluded.segment)";
	PgStore    *store = pg_store(base);
	Arena	   *arena = arena_new(0);
	const char *const values[] = {
		state->task, task_phase_name(state->phase), state->source_kind, state->source_id, number_text(arena, state->source_timeline),
		state->slot, state->target_id, state->filter, time_text(arena, state->created_us), time_text(arena, state->copy_start_us),
		time_text(arena, state->copy_end_us), lsn_text(arena, state->start_lsn), lsn_text(arena, state->received_lsn),
		lsn_text(arena, state->applied_lsn), time_text(arena, state->applied_commit_us), number_text(arena, state->segment)
	};
	bool		ok;

	ok = pg_store_check_writable(store, err) && run_state(store, sql, 16, values, NULL, err);
	arena_free(arena);
	return ok;
}

bool
pg_store_save_received(Store *base, const char *task, Lsn received_lsn, Error *err)
{
	PgStore    *store = pg_store(base);
	char		lsn[LSN_TEXT_SIZE];
	const char *const values[] = {task, lsn_format(received_lsn, lsn)};
	PGresult   *result = NULL;
	bool		ok;

	if (!pg_store_check_writable(store, err) ||
		!run_state(store, "UPDATE dbsync_local.db_sync_status SET received_lsn = greatest(received_lsn, $2::pg_lsn) WHERE task = $1", 2,
				   values, &result, err))
		return false;
	ok = strcmp(PQcmdTuples(result), "1") == 0 || store_unknown_task(task, store->description, err);
	PQclear(result);
	return ok;
}

bool
pg_store_save_applied(Store *base, const char *task, Lsn applied_lsn, int64_t commit_us, Error *err)
{
	PgStore    *store = pg_store(base);
	char		lsn[LSN_TEXT_SIZE];
	char		commit[CLOCK_TEXT_SIZE];
	const char *const values[] = {task, lsn_format(applied_lsn, lsn), commit_us == 0 ? NULL : clock_format(commit_us, commit)};

	return pg_store_check_writable(store, err) &&
		run_state(store, "UPDATE dbsync_local.db_sync_status SET applied_lsn = $2::pg_lsn, applied_commit = $3::timestamptz"
				  " WHERE task = $1 AND applied_lsn <= $2::pg_lsn", 3, values, NULL, err);
}

/* All or nothing, on the state's connection. */
static bool
run_state_transaction(PgStore *store, bool (*work) (PgConn *conn, const void *arg, Error *err), const void *arg, Error *err)
{
	PgLink	   *link = &store->state;
	bool		ok;

	pthread_mutex_lock(&link->mutex);
	ok = pg_store_connect(store, link, err);
	if (ok)
		ok = (pg_exec(link->conn, "BEGIN", NULL, err) && work(link->conn, arg, err) && pg_exec(link->conn, "COMMIT", NULL, err)) ||
			pg_store_failed(store, link, err);
	pthread_mutex_unlock(&link->mutex);
	return ok;
}

static bool
drop_rows(PgConn *conn, const void *arg, Error *err)
{
	const char *task = arg;
	static const char *const statements[] = {
		"DELETE FROM dbsync_local.sync_sqls WHERE task = $1",
		"DELETE FROM dbsync_local.sync_relations WHERE task = $1",
		"DELETE FROM dbsync_local.db_sync_tables WHERE task = $1",
		"DELETE FROM dbsync_local.db_sync_status WHERE task = $1",
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
	{
		if (!pg_exec_params(conn, statements[i], 1, &task, NULL, err))
			return false;
	}
	return true;
}

bool
pg_store_drop_task(Store *base, const char *task, Error *err)
{
	PgStore    *store = pg_store(base);
	bool		ok;

	if (!pg_store_check_writable(store, err))
		return false;
	pg_store_rollback(base);
	ok = run_state_transaction(store, drop_rows, task, err);
	pthread_mutex_lock(&store->appender.mutex);
	store->batch.order_known = false;
	pthread_mutex_unlock(&store->appender.mutex);
	pthread_mutex_lock(&store->reader.mutex);
	read_ahead_drop(&store->ahead);
	store->ahead.whole_lsn = LSN_NONE;
	pthread_mutex_unlock(&store->reader.mutex);
	return ok;
}

bool
pg_store_load_items(Store *base, const char *task, Arena *arena, CopyItem **items, int *count, Error *err)
{
	PgStore    *store = pg_store(base);
	PGresult   *result = NULL;
	bool		ok = true;

	*items = NULL;
	*count = 0;
	if (!run_state(store, "SELECT " ITEM_COLUMNS " FROM dbsync_local.db_sync_tables WHERE task = $1 ORDER BY position", 1, &task,
				   &result, err))
		return false;
	*count = PQntuples(result);
	*items = arena_zalloc(arena, sizeof(CopyItem) * (size_t) (*count + 1));
	for (int i = 0; ok && i < *count; i++)
		ok = item_from_row(store, result, i, arena, &(*items)[i], err);
	PQclear(result);
	return ok;
}

#define ITEM_PARAMETERS 15

static void
item_values(Arena *arena, const char *task, const CopyItem *item, const char **values)
{
	values[0] = task;
	values[1] = item->schema;
	values[2] = item->table;
	values[3] = number_text(arena, item->chunk);
	values[4] = number_text(arena, item->chunk_count);
	values[5] = number_text(arena, item->first_block);
	values[6] = number_text(arena, item->last_block);
	values[7] = store_copy_phase_name(item->phase);
	values[8] = lsn_text(arena, item->snapshot_lsn);
	values[9] = number_text(arena, item->estimated_bytes);
	values[10] = number_text(arena, item->estimated_rows);
	values[11] = number_text(arena, item->rows);
	values[12] = number_text(arena, item->bytes);
	values[13] = time_text(arena, item->start_us);
	values[14] = time_text(arena, item->end_us);
}

typedef struct ItemList
{
	const char *task;
	const CopyItem *items;
	int			count;
} ItemList;

static bool
replace_rows(PgConn *conn, const void *arg, Error *err)
{
	static const char sql[] =
		"INSERT INTO dbsync_local.db_sync_tables (task, " ITEM_COLUMNS ", position)"
		" VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)";
	const ItemList *list = arg;
	Arena	   *arena = arena_new(0);
	bool		ok;

	ok = pg_exec_params(conn, "DELETE FROM dbsync_local.db_sync_tables WHERE task = $1", 1, &list->task, NULL, err);
	for (int i = 0; ok && i < list->count; i++)
	{
		const char *values[ITEM_PARAMETERS + 1];

		arena_reset(arena);
		item_values(arena, list->task, &list->items[i], values);
		values[ITEM_PARAMETERS] = number_text(arena, i + 1);
		ok = pg_exec_params(conn, sql, ITEM_PARAMETERS + 1, values, NULL, err);
	}
	arena_free(arena);
	return ok;
}

bool
pg_store_replace_items(Store *base, const char *task, const CopyItem *items, int count, Error *err)
{
	PgStore    *store = pg_store(base);
	ItemList	list = {task, items, count};

	return pg_store_check_writable(store, err) && run_state_transaction(store, replace_rows, &list, err);
}

bool
pg_store_save_item(Store *base, const char *task, const CopyItem *item, Error *err)
{
	static const char sql[] =
		"INSERT INTO dbsync_local.db_sync_tables (task, " ITEM_COLUMNS ", position)"
		" VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,"
		" (SELECT coalesce(max(position), 0) + 1 FROM dbsync_local.db_sync_tables WHERE task = $1))"
		" ON CONFLICT (task, schema_name, table_name, chunk) DO UPDATE SET chunk_count = excluded.chunk_count,"
		" first_block = excluded.first_block, last_block = excluded.last_block, phase = excluded.phase,"
		" snapshot_lsn = excluded.snapshot_lsn, estimated_bytes = excluded.estimated_bytes,"
		" estimated_rows = excluded.estimated_rows, copied_rows = excluded.copied_rows, copied_bytes = excluded.copied_bytes,"
		" start_time = excluded.start_time, end_time = excluded.end_time";
	PgStore    *store = pg_store(base);
	Arena	   *arena = arena_new(0);
	const char *values[ITEM_PARAMETERS];
	bool		ok;

	item_values(arena, task, item, values);
	ok = pg_store_check_writable(store, err) && run_state(store, sql, ITEM_PARAMETERS, values, NULL, err);
	arena_free(arena);
	return ok;
}
