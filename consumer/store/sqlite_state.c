/*
 * sqlite_state.c
 *		Tasks (db_sync_status) and copy items (db_sync_tables) of the SQLite store.
 */
#include "store/sqlite_internal.h"

#include "store/store_rows.h"

#include <string.h>

static bool
task_from_row(SqliteStore *store, sqlite3_stmt *row, Arena *arena, TaskState *state, Error *err)
{
	if (!store_task_phase_parse((const char *) sqlite3_column_text(row, 1), store->description, &state->phase, err))
		return false;
	state->task = sqlite_text_in(arena, row, 0);
	state->source_kind = sqlite_text_in(arena, row, 2);
	state->source_id = sqlite_text_in(arena, row, 3);
	state->source_timeline = sqlite3_column_int(row, 4);
	state->slot = sqlite_text_in(arena, row, 5);
	state->target_id = sqlite_text_in(arena, row, 6);
	state->filter = sqlite_text_in(arena, row, 7);
	state->created_us = sqlite3_column_int64(row, 8);
	state->copy_start_us = sqlite3_column_int64(row, 9);
	state->copy_end_us = sqlite3_column_int64(row, 10);
	state->start_lsn = (Lsn) sqlite3_column_int64(row, 11);
	state->received_lsn = (Lsn) sqlite3_column_int64(row, 12);
	state->applied_lsn = (Lsn) sqlite3_column_int64(row, 13);
	state->applied_commit_us = sqlite3_column_int64(row, 14);
	state->segment = sqlite3_column_int64(row, 15);
	return true;
}

static bool
item_from_row(SqliteStore *store, sqlite3_stmt *row, Arena *arena, CopyItem *item, Error *err)
{
	if (!store_copy_phase_parse((const char *) sqlite3_column_text(row, 6), store->description, &item->phase, err))
		return false;
	item->schema = sqlite_text_in(arena, row, 0);
	item->table = sqlite_text_in(arena, row, 1);
	item->chunk = sqlite3_column_int(row, 2);
	item->chunk_count = sqlite3_column_int(row, 3);
	item->first_block = (uint32_t) sqlite3_column_int64(row, 4);
	item->last_block = (uint32_t) sqlite3_column_int64(row, 5);
	item->snapshot_lsn = (Lsn) sqlite3_column_int64(row, 7);
	item->estimated_bytes = sqlite3_column_int64(row, 8);
	item->estimated_rows = sqlite3_column_int64(row, 9);
	item->rows = sqlite3_column_int64(row, 10);
	item->bytes = sqlite3_column_int64(row, 11);
	item->start_us = sqlite3_column_int64(row, 12);
	item->end_us = sqlite3_column_int64(row, 13);
	return true;
}

/* An array in the arena that doubles: the old half is left to the arena. */
static void *
grow_array(Arena *arena, void *old, int count, int *capacity, size_t element)
{
	void	   *array;

	if (count < *capacity)
		return old;
	array = arena_alloc(arena, element * (size_t) (*capacity == 0 ? 16 : *capacity * 2));
	if (count > 0)
		memcpy(array, old, element * (size_t) count);
	*capacity = *capacity == 0 ? 16 : *capacity * 2;
	return array;
}

bool
sqlite_load_task(Store *base, const char *task, Arena *arena, TaskState *state, bool *found, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->reader;
	sqlite3_stmt *row;
	bool		ok = false;

	*found = false;
	pthread_mutex_lock(&store->read_lock);
	row = sqlite_statement(conn, STMT_LOAD_TASK, err);
	if (row != NULL)
	{
		int			rc;

		sqlite_bind_text_static(row, 1, task);
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
		{
			ok = task_from_row(store, row, arena, state, err);
			*found = ok;
		}
		else
			ok = rc == SQLITE_DONE || sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
		sqlite3_reset(row);
	}
	pthread_mutex_unlock(&store->read_lock);
	return ok;
}

bool
sqlite_list_tasks(Store *base, Arena *arena, TaskState **states, int *count, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->reader;
	sqlite3_stmt *row;
	int			capacity = 0;
	bool		ok = false;

	*states = NULL;
	*count = 0;
	pthread_mutex_lock(&store->read_lock);
	row = sqlite_statement(conn, STMT_LIST_TASKS, err);
	if (row != NULL)
	{
		int			rc;

		ok = true;
		while (ok && (rc = sqlite3_step(row)) != SQLITE_DONE)
		{
			if (rc != SQLITE_ROW)
				ok = sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
			else
			{
				*states = grow_array(arena, *states, *count, &capacity, sizeof(TaskState));
				ok = task_from_row(store, row, arena, &(*states)[*count], err);
				(*count)++;
			}
		}
		sqlite3_reset(row);
	}
	pthread_mutex_unlock(&store->read_lock);
	return ok;
}

static bool
save_task_row(SqliteConn *conn, const TaskState *state, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, STMT_SAVE_TASK, err);

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, state->task);
	sqlite_bind_text_static(row, 2, task_phase_name(state->phase));
	sqlite_bind_text_static(row, 3, state->source_kind);
	sqlite_bind_text_static(row, 4, state->source_id);
	sqlite3_bind_int(row, 5, state->source_timeline);
	sqlite_bind_text_static(row, 6, state->slot);
	sqlite_bind_text_static(row, 7, state->target_id);
	sqlite_bind_text_static(row, 8, state->filter);
	sqlite3_bind_int64(row, 9, state->created_us);
	sqlite3_bind_int64(row, 10, state->copy_start_us);
	sqlite3_bind_int64(row, 11, state->copy_end_us);
	sqlite3_bind_int64(row, 12, (int64_t) state->start_lsn);
	sqlite3_bind_int64(row, 13, (int64_t) state->received_lsn);
	sqlite3_bind_int64(row, 14, (int64_t) state->applied_lsn);
	sqlite3_bind_int64(row, 15, state->applied_commit_us);
	sqlite3_bind_int64(row, 16, state->segment);
	return sqlite_run(conn, row, err);
}

bool
sqlite_save_task(Store *base, const TaskState *state, Error *err)
{
	SqliteStore *store = sqlite_store(base);

	return sqlite_write_begin(store, true, err) &&
		sqlite_write_end(store, save_task_row(&store->writer, state, err), err);
}

bool
sqlite_save_received(Store *base, const char *task, Lsn received_lsn, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	sqlite3_stmt *row;
	bool		ok = false;

	if (!sqlite_write_begin(store, true, err))
		return false;
	row = sqlite_statement(&store->writer, STMT_SAVE_RECEIVED, err);
	if (row != NULL)
	{
		sqlite_bind_text_static(row, 1, task);
		sqlite3_bind_int64(row, 2, (int64_t) received_lsn);
		ok = sqlite_run(&store->writer, row, err);
		if (ok && sqlite3_changes(store->writer.db) == 0)
			ok = store_unknown_task(task, store->description, err);
	}
	return sqlite_write_end(store, ok, err);
}

bool
sqlite_save_applied(Store *base, const char *task, Lsn applied_lsn, int64_t commit_us, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	sqlite3_stmt *row;
	bool		ok = false;

	if (!sqlite_write_begin(store, false, err))
		return false;
	row = sqlite_statement(&store->writer, STMT_SAVE_APPLIED, err);
	if (row != NULL)
	{
		sqlite_bind_text_static(row, 1, task);
		sqlite3_bind_int64(row, 2, (int64_t) applied_lsn);
		sqlite3_bind_int64(row, 3, commit_us);
		ok = sqlite_run(&store->writer, row, err);
	}
	return sqlite_write_end(store, ok, err);
}

bool
sqlite_load_items(Store *base, const char *task, Arena *arena, CopyItem **items, int *count, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	SqliteConn *conn = &store->reader;
	sqlite3_stmt *row;
	int			capacity = 0;
	bool		ok = false;

	*items = NULL;
	*count = 0;
	pthread_mutex_lock(&store->read_lock);
	row = sqlite_statement(conn, STMT_LOAD_ITEMS, err);
	if (row != NULL)
	{
		int			rc;

		sqlite_bind_text_static(row, 1, task);
		ok = true;
		while (ok && (rc = sqlite3_step(row)) != SQLITE_DONE)
		{
			if (rc != SQLITE_ROW)
				ok = sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
			else
			{
				*items = grow_array(arena, *items, *count, &capacity, sizeof(CopyItem));
				ok = item_from_row(store, row, arena, &(*items)[*count], err);
				(*count)++;
			}
		}
		sqlite3_reset(row);
	}
	pthread_mutex_unlock(&store->read_lock);
	return ok;
}

/* position 0: the statement has none. */
static bool
save_item_row(SqliteConn *conn, SqliteStatement number, const char *task, const CopyItem *item, int position, Error *err)
{
	sqlite3_stmt *row = sqlite_statement(conn, number, err);

	if (row == NULL)
		return false;
	sqlite_bind_text_static(row, 1, task);
	sqlite_bind_text_static(row, 2, item->schema);
	sqlite_bind_text_static(row, 3, item->table);
	sqlite3_bind_int(row, 4, item->chunk);
	sqlite3_bind_int(row, 5, item->chunk_count);
	sqlite3_bind_int64(row, 6, item->first_block);
	sqlite3_bind_int64(row, 7, item->last_block);
	sqlite_bind_text_static(row, 8, store_copy_phase_name(item->phase));
	sqlite3_bind_int64(row, 9, (int64_t) item->snapshot_lsn);
	sqlite3_bind_int64(row, 10, item->estimated_bytes);
	sqlite3_bind_int64(row, 11, item->estimated_rows);
	sqlite3_bind_int64(row, 12, item->rows);
	sqlite3_bind_int64(row, 13, item->bytes);
	sqlite3_bind_int64(row, 14, item->start_us);
	sqlite3_bind_int64(row, 15, item->end_us);
	if (position > 0)
		sqlite3_bind_int(row, 16, position);
	return sqlite_run(conn, row, err);
}

bool
sqlite_replace_items(Store *base, const char *task, const CopyItem *items, int count, Error *err)
{
	SqliteStore *store = sqlite_store(base);
	bool		ok;

	if (!sqlite_write_begin(store, true, err))
		return false;
	ok = sqlite_run_for_task(&store->writer, STMT_DROP_ITEMS, task, err);
	for (int i = 0; ok && i < count; i++)
		ok = save_item_row(&store->writer, STMT_INSERT_ITEM, task, &items[i], i + 1, err);
	return sqlite_write_end(store, ok, err);
}

bool
sqlite_save_item(Store *base, const char *task, const CopyItem *item, Error *err)
{
	SqliteStore *store = sqlite_store(base);

	return sqlite_write_begin(store, true, err) &&
		sqlite_write_end(store, save_item_row(&store->writer, STMT_SAVE_ITEM, task, item, 0, err), err);
}
