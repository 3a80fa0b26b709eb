/* The status for programs. */
#include "observe/status.h"

#include "base/clock.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *
json_lsn(Lsn lsn)
{
	char		text[LSN_TEXT_SIZE];

	return lsn == LSN_NONE ? json_null() : json_string(lsn_show(lsn, text));
}

static json_t *
json_time(int64_t wall_us)
{
	char		text[CLOCK_TEXT_SIZE];

	return wall_us == 0 ? json_null() : json_string(clock_format(wall_us, text));
}

static json_t *
json_known(int64_t number)
{
	return number == STATUS_UNKNOWN ? json_null() : json_integer(number);
}

static json_t *
json_text(const char *text)
{
	return text == NULL ? json_null() : json_string(text);
}

static json_t *
json_server(const StatusServer *server)
{
	json_t	   *object = json_object();

	json_object_set_new(object, "connected", json_boolean(server->connected));
	json_object_set_new(object, "error", json_text(server->error));
	return object;
}

static json_t *
json_slot(const TaskStatus *status)
{
	const StatusSlot *slot = &status->slot;
	json_t	   *object;

	if (!status->source.connected || !slot->exists)
		return json_null();
	object = json_object();
	json_object_set_new(object, "active", json_boolean(slot->active));
	json_object_set_new(object, "active_pid", slot->active_pid == 0 ? json_null() : json_integer(slot->active_pid));
	json_object_set_new(object, "confirmed_lsn", json_lsn(slot->confirmed));
	json_object_set_new(object, "restart_lsn", json_lsn(slot->restart));
	json_object_set_new(object, "lag_bytes", json_known(slot->lag_bytes));
	json_object_set_new(object, "retained_bytes", json_known(slot->retained_bytes));
	json_object_set_new(object, "wal_status", json_text(slot->wal_status));
	json_object_set_new(object, "safe_wal_size", json_known(slot->safe_wal_size));
	return object;
}

static json_t *
json_waiting(const StoreStats *waiting)
{
	json_t	   *object = json_object();

	json_object_set_new(object, "transactions", json_integer(waiting->transaction_count));
	json_object_set_new(object, "changes", json_integer(waiting->change_count));
	json_object_set_new(object, "bytes", json_integer(waiting->bytes));
	json_object_set_new(object, "first_lsn", json_lsn(waiting->first_lsn));
	json_object_set_new(object, "first_commit_time", json_time(waiting->first_commit_us));
	return object;
}

static json_t *
json_replays(const TaskStatus *status)
{
	json_t	   *array;

	if (status->replay_count == STATUS_UNKNOWN)
		return json_null();
	array = json_array();
	for (int i = 0; i < status->replay_count; i++)
	{
		const StatusReplay *replay = &status->replays[i];
		json_t	   *object = json_object();

		json_object_set_new(object, "reason", json_text(replay->reason));
		json_object_set_new(object, "count", json_integer(replay->count));
		json_object_set_new(object, "first_at", json_time(replay->first_us));
		json_object_set_new(object, "last_at", json_time(replay->last_us));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *
json_post_data(const TaskStatus *status)
{
	json_t	   *root;
	json_t	   *pending;

	if (status->deferred == STATUS_UNKNOWN)
		return json_null();
	root = json_object();
	pending = json_array();
	for (int i = 0; i < status->pending_count; i++)
	{
		json_t	   *object = json_object();

		json_object_set_new(object, "name", json_text(status->pending[i].name));
		json_object_set_new(object, "table", json_text(status->pending[i].table));
		json_array_append_new(pending, object);
	}
	json_object_set_new(root, "statements", json_integer(status->deferred));
	json_object_set_new(root, "pending", pending);
	return root;
}

static const char *
copy_phase_name(CopyPhase phase)
{
	static const char *const names[] = {"pending", "running", "done"};

	return names[phase];
}

static json_t *
json_table(const StatusTable *table)
{
	json_t	   *object = json_object();

	json_object_set_new(object, "schema", json_text(table->schema));
	json_object_set_new(object, "table", json_text(table->table));
	json_object_set_new(object, "state", json_string(copy_phase_name(table->phase)));
	json_object_set_new(object, "chunks", json_integer(table->chunks));
	json_object_set_new(object, "chunks_done", json_integer(table->chunks_done));
	json_object_set_new(object, "rows", json_integer(table->rows));
	json_object_set_new(object, "bytes", json_integer(table->bytes));
	json_object_set_new(object, "estimated_rows", json_integer(table->estimated_rows));
	json_object_set_new(object, "estimated_bytes", json_integer(table->estimated_bytes));
	json_object_set_new(object, "start", json_time(table->start_us));
	json_object_set_new(object, "end", json_time(table->end_us));
	return object;
}

static void
add_tables(json_t *root, const TaskStatus *status)
{
	json_t	   *copy = json_object();
	json_t	   *tables = json_array();
	int			done = 0;
	int64_t		rows = 0;
	int64_t		bytes = 0;
	int64_t		estimated_rows = 0;
	int64_t		estimated_bytes = 0;

	for (int i = 0; i < status->table_count; i++)
	{
		const StatusTable *table = &status->tables[i];

		done += table->phase == COPY_DONE;
		rows += table->rows;
		bytes += table->bytes;
		estimated_rows += table->estimated_rows;
		estimated_bytes += table->estimated_bytes;
		json_array_append_new(tables, json_table(table));
	}
	json_object_set_new(copy, "tables", json_integer(status->table_count));
	json_object_set_new(copy, "tables_done", json_integer(done));
	json_object_set_new(copy, "rows", json_integer(rows));
	json_object_set_new(copy, "bytes", json_integer(bytes));
	json_object_set_new(copy, "estimated_rows", json_integer(estimated_rows));
	json_object_set_new(copy, "estimated_bytes", json_integer(estimated_bytes));
	json_object_set_new(root, "copy", copy);
	json_object_set_new(root, "tables", tables);
}

void
status_write_json(StrBuf *out, const TaskStatus *status)
{
	const TaskState *state = &status->state;
	json_t	   *root = json_object();
	json_t	   *source = json_server(&status->source);
	char	   *text;

	json_object_set_new(root, "task", json_text(status->task));
	json_object_set_new(root, "store", json_text(status->store));
	json_object_set_new(root, "state", json_string(status_state_name(status)));
	json_object_set_new(root, "running", json_boolean(status->running));
	json_object_set_new(root, "created", json_time(status->found ? state->created_us : 0));
	json_object_set_new(root, "copy_start", json_time(status->found ? state->copy_start_us : 0));
	json_object_set_new(root, "copy_end", json_time(status->found ? state->copy_end_us : 0));
	json_object_set_new(root, "start_lsn", json_lsn(status->found ? state->start_lsn : LSN_NONE));
	json_object_set_new(root, "received_lsn", json_lsn(status->found ? state->received_lsn : LSN_NONE));
	json_object_set_new(root, "applied_lsn", json_lsn(status->applied_lsn));
	json_object_set_new(root, "applied_commit_time", json_time(status->applied_commit_us));
	json_object_set_new(root, "lag_bytes", json_known(status->lag_bytes));
	json_object_set_new(root, "lag_seconds", status->lag_seconds == STATUS_UNKNOWN ? json_null() : json_real(status->lag_seconds));
	json_object_set_new(source, "current_lsn", json_lsn(status->current_lsn));
	json_object_set_new(root, "source", source);
	json_object_set_new(root, "slot", json_slot(status));
	json_object_set_new(root, "target", json_server(&status->target));
	json_object_set_new(root, "conflicts", json_known(status->conflicts));
	json_object_set_new(root, "strict_replays", json_replays(status));
	json_object_set_new(root, "post_data", json_post_data(status));
	json_object_set_new(root, "waiting", json_waiting(&status->waiting));
	add_tables(root, status);

	text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	if (text != NULL)
		strbuf_append(out, text);
	strbuf_append_char(out, '\n');
	free(text);
	json_decref(root);
}
