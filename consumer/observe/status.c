/* Gathers where a task stands. */
#include "observe/status.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/hash.h"
#include "observe/mysql_status.h"
#include "pg/conn.h"
#include "sync/task_store.h"

#include <stdlib.h>
#include <string.h>

const char *
status_state_name(const TaskStatus *status)
{
	return status->found ? task_phase_name(status->state.phase) : "none";
}

void
status_free(TaskStatus *status)
{
	arena_free(status->arena);
	status->arena = NULL;
}

/* ---- local store ---- */

static void
add_item(StatusTable *table, const CopyItem *item)
{
	table->chunks++;
	table->estimated_rows += item->estimated_rows > 0 ? item->estimated_rows : 0;
	table->estimated_bytes += item->estimated_bytes;
	if (item->phase == COPY_DONE)
	{
		table->chunks_done++;
		table->rows += item->rows;
		table->bytes += item->bytes;
		if (item->end_us > table->end_us)
			table->end_us = item->end_us;
	}
	if (item->phase != COPY_PENDING && item->start_us != 0 && (table->start_us == 0 || item->start_us < table->start_us))
		table->start_us = item->start_us;
	if (item->phase != COPY_PENDING)
		table->phase = COPY_RUNNING;
}

void
status_sum_items(TaskStatus *status, const CopyItem *items, int count)
{
	HashMap    *seen = hash_new();
	StrBuf		key = STRBUF_INIT;

	status->tables = arena_zalloc(status->arena, sizeof(StatusTable) * ((size_t) count + 1));
	status->table_count = 0;
	for (int i = 0; i < count; i++)
	{
		StatusTable *table;

		strbuf_reset(&key);
		strbuf_append(&key, items[i].schema);
		strbuf_append_char(&key, '\0');
		strbuf_append(&key, items[i].table);
		table = hash_get(seen, strbuf_text(&key), key.length);
		if (table == NULL)
		{
			table = &status->tables[status->table_count++];
			table->schema = items[i].schema;
			table->table = items[i].table;
			hash_put(seen, strbuf_text(&key), key.length, table);
		}
		add_item(table, &items[i]);
	}
	for (int i = 0; i < status->table_count; i++)
	{
		StatusTable *table = &status->tables[i];

		if (table->chunks_done == table->chunks)
			table->phase = COPY_DONE;
		else
			table->end_us = 0;
	}
	hash_free(seen, NULL);
	strbuf_free(&key);
}

static bool
read_store(const Config *config, TaskStatus *status, Error *err)
{
	Store	   *store = NULL;
	CopyItem   *items = NULL;
	int			count = 0;
	bool		ok;

	if (!task_store_open(config, STORE_READ_ONLY, &store, err))
		return false;
	if (store == NULL)
		return true;
	status->store = arena_strdup(status->arena, store->description);
	ok = store->ops->load_task(store, config->slot, status->arena, &status->state, &status->found, err);
	if (ok && status->found)
		ok = store->ops->load_items(store, config->slot, status->arena, &items, &count, err) &&
			store->ops->stats(store, config->slot, &status->waiting, err);
	if (ok && status->found)
	{
		status_sum_items(status, items, count);
		status->applied_lsn = status->state.applied_lsn;
		status->applied_commit_us = status->state.applied_commit_us;
	}
	store->ops->close(store);
	return ok;
}

/* ---- servers ---- */

static Lsn
lsn_at(const PGresult *result, int row, int column)
{
	Lsn			lsn;

	return !PQgetisnull(result, row, column) && lsn_parse(PQgetvalue(result, row, column), &lsn) ? lsn : LSN_NONE;
}

static int64_t
number_at(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? STATUS_UNKNOWN : strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static int64_t
time_at(const PGresult *result, int row, int column)
{
	int64_t		wall_us;

	return !PQgetisnull(result, row, column) && clock_parse(PQgetvalue(result, row, column), &wall_us) ? wall_us : 0;
}

static const char *
text_at(const TaskStatus *status, const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : arena_strdup(status->arena, PQgetvalue(result, row, column));
}

/* Keeps why a server could not be asked; that is not an error of the status. */
static void
keep_error(TaskStatus *status, StatusServer *server, Error *err)
{
	server->connected = false;
	server->error = arena_strdup(status->arena, err->message != NULL ? err->message : "unknown");
	error_clear(err);
}

static bool
query_source(PgConn *conn, const Config *config, TaskStatus *status, double *flush_lag, Error *err)
{
	const char *values[] = {config->slot};
	PGresult   *result = NULL;

	if (!pg_exec_params(conn,
						"SELECT p.lsn, s.slot_name IS NOT NULL, s.active, s.active_pid, s.confirmed_flush_lsn, s.restart_lsn,"
						" greatest(p.lsn - s.confirmed_flush_lsn, 0)::bigint, greatest(p.lsn - s.restart_lsn, 0)::bigint,"
						" s.wal_status, s.safe_wal_size, pg_catalog.date_part('epoch', r.flush_lag)"
						" FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
						"  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) p"
						" LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1"
						" LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid",
						1, values, &result, err))
		return false;
	status->current_lsn = lsn_at(result, 0, 0);
	status->slot.exists = PQgetvalue(result, 0, 1)[0] == 't';
	status->slot.active = status->slot.exists && PQgetvalue(result, 0, 2)[0] == 't';
	status->running = status->slot.active;
	status->slot.active_pid = PQgetisnull(result, 0, 3) ? 0 : atoi(PQgetvalue(result, 0, 3));
	status->slot.confirmed = lsn_at(result, 0, 4);
	status->slot.restart = lsn_at(result, 0, 5);
	status->slot.lag_bytes = number_at(result, 0, 6);
	status->slot.retained_bytes = number_at(result, 0, 7);
	status->slot.wal_status = text_at(status, result, 0, 8);
	status->slot.safe_wal_size = number_at(result, 0, 9);
	*flush_lag = PQgetisnull(result, 0, 10) ? 0 : strtod(PQgetvalue(result, 0, 10), NULL);
	PQclear(result);
	return true;
}

#ifdef DBSYNC_WITH_MYSQL
static void
read_mysql_source(const Config *config, TaskStatus *status, MysqlLog *log)
{
	Error		err = ERROR_INIT;

	status->source.connected = mysql_status_log(config, status->arena, log, &err);
	if (!status->source.connected)
		keep_error(status, &status->source, &err);
	status->current_lsn = log->end;
}
#endif

static void
read_source(const Config *config, TaskStatus *status, double *flush_lag)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "status"};
	PgConn	   *conn = NULL;
	Error		err = ERROR_INIT;

	if (config->source == NULL)
	{
		status->source.error = "not configured: [src.pgsql] connect_string";
		return;
	}
	status->source.connected = pg_connect(config->source, &options, &conn, &err) &&
		query_source(conn, config, status, flush_lag, &err);
	if (!status->source.connected)
		keep_error(status, &status->source, &err);
	pg_close(conn);
}

/* A table that no run has made yet has no rows. */
static bool
query_task(PgConn *conn, const char *table, const char *sql, const TaskStatus *status, PGresult **result, Error *err)
{
	const char *values[] = {status->task};

	return pg_exec_if_there(conn, table, sql, 1, values, result, err);
}

static bool
query_progress(PgConn *conn, TaskStatus *status, Error *err)
{
	PGresult   *result;

	if (!query_task(conn, "dbsync.progress", "SELECT applied_lsn, commit_time FROM dbsync.progress WHERE task = $1", status, &result, err))
		return false;
	if (PQntuples(result) > 0)
	{
		status->applied_lsn = lsn_at(result, 0, 0);
		status->applied_commit_us = time_at(result, 0, 1);
	}
	PQclear(result);
	return true;
}

static bool
query_conflicts(PgConn *conn, TaskStatus *status, Error *err)
{
	PGresult   *result;

	if (!query_task(conn, "dbsync.conflicts", "SELECT pg_catalog.count(*) FROM dbsync.conflicts WHERE task = $1", status, &result, err))
		return false;
	status->conflicts = result != NULL ? number_at(result, 0, 0) : 0;
	PQclear(result);
	return true;
}

static bool
query_replays(PgConn *conn, TaskStatus *status, Error *err)
{
	PGresult   *result;
	int			count;

	if (!query_task(conn, "dbsync.strict_replays",
					"SELECT reason, count, first_at, last_at FROM dbsync.strict_replays WHERE task = $1 ORDER BY last_at DESC, reason",
					status, &result, err))
		return false;
	count = PQntuples(result);
	status->replays = arena_alloc(status->arena, sizeof(StatusReplay) * ((size_t) count + 1));
	for (int i = 0; i < count; i++)
		status->replays[i] = (StatusReplay) {.reason = text_at(status, result, i, 0), .count = number_at(result, i, 1),
			.first_us = time_at(result, i, 2), .last_us = time_at(result, i, 3)};
	status->replay_count = count;
	PQclear(result);
	return true;
}

/* The order is that of sync/post_data.c, but for the sizes of the tables. */
static bool
query_post_data(PgConn *conn, TaskStatus *status, Error *err)
{
	PGresult   *result;
	int			count;

	if (!query_task(conn, "dbsync.post_data",
					"SELECT name, table_name, done_at IS NULL FROM dbsync.post_data WHERE task = $1 ORDER BY is_index DESC, position",
					status, &result, err))
		return false;
	count = PQntuples(result);
	status->deferred = count;
	status->pending = arena_alloc(status->arena, sizeof(StatusPending) * ((size_t) count + 1));
	for (int i = 0; i < count; i++)
		if (PQgetvalue(result, i, 2)[0] == 't')
			status->pending[status->pending_count++] =
				(StatusPending) {.name = text_at(status, result, i, 0), .table = text_at(status, result, i, 1)};
	PQclear(result);
	return true;
}

static void
read_target(const Config *config, TaskStatus *status)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "status"};
	PgConn	   *conn = NULL;
	Error		err = ERROR_INIT;

	if (config->target == NULL)
	{
		status->target.error = "not configured: [desc.pgsql] connect_string";
		return;
	}
	status->target.connected = pg_connect(config->target, &options, &conn, &err) && query_progress(conn, status, &err) &&
		query_conflicts(conn, status, &err) && query_replays(conn, status, &err) && query_post_data(conn, status, &err) &&
		(!status->is_mysql || applier_is_at_work(conn, status->task, &status->running, &err));
	if (!status->target.connected)
		keep_error(status, &status->target, &err);
	pg_close(conn);
}

/* ---- lag ---- */

static int64_t
bytes_behind(const TaskStatus *status, Lsn done, const MysqlLog *log)
{
#ifdef DBSYNC_WITH_MYSQL
	if (status->is_mysql)
		return mysql_status_bytes_behind(log, done);
#endif
	(void) log;
	return status->current_lsn > done ? (int64_t) (status->current_lsn - done) : 0;
}

/*
 * The progress row stands still while nothing is to be applied.  Where nothing waits in the local store, what was received or
 * confirmed is on the target too.
 */
static void
measure_lag(TaskStatus *status, double flush_lag, const MysqlLog *log)
{
	Lsn			done = status->applied_lsn;

	/* What goes through memory is written down only now and then. */
	if (status->applied_lsn > status->state.received_lsn)
		status->state.received_lsn = status->applied_lsn;
	if (status->found && status->slot.exists && status->slot.confirmed > status->state.received_lsn)
		status->state.received_lsn = status->slot.confirmed;
	if (status->current_lsn == LSN_NONE || !status->found || status->state.phase < TASK_CATCHING_UP)
		return;
	if (status->waiting.transaction_count == 0)
	{
		if (status->state.received_lsn > done)
			done = status->state.received_lsn;
		if (status->slot.exists && status->slot.confirmed > done)
			done = status->slot.confirmed;
	}
	/* What was applied is written down now and then only, and the target may not say. */
	if (done < status->state.start_lsn)
		done = status->state.start_lsn;
	if (done == LSN_NONE)
		return;
	status->lag_bytes = bytes_behind(status, done, log);
	if (status->lag_bytes == 0)
		status->lag_seconds = 0;
	else if (status->waiting.transaction_count > 0 && status->waiting.first_commit_us != 0)
		status->lag_seconds = (double) (clock_wall_us() - status->waiting.first_commit_us) / 1e6;
	else if (status->slot.active)
		status->lag_seconds = flush_lag;
	else if (status->applied_commit_us != 0)
		status->lag_seconds = (double) (clock_wall_us() - status->applied_commit_us) / 1e6;
	if (status->lag_seconds < 0 && status->lag_seconds != STATUS_UNKNOWN)
		status->lag_seconds = 0;
}

bool
status_read(const Config *config, TaskStatus *status, Error *err)
{
	double		flush_lag = 0;
	MysqlLog	log = {0};

	memset(status, 0, sizeof(*status));
	status->arena = arena_new(0);
	status->task = arena_strdup(status->arena, config->slot);
	status->is_mysql = config->is_mysql;
	status->conflicts = status->lag_bytes = status->deferred = status->replay_count = STATUS_UNKNOWN;
	status->lag_seconds = STATUS_UNKNOWN;
	status->slot.lag_bytes = status->slot.retained_bytes = status->slot.safe_wal_size = STATUS_UNKNOWN;

	if (!read_store(config, status, err))
		return false;
#ifdef DBSYNC_WITH_MYSQL
	if (status->is_mysql)
		read_mysql_source(config, status, &log);
#endif
	if (!status->is_mysql)
		read_source(config, status, &flush_lag);
	read_target(config, status);
	measure_lag(status, flush_lag, &log);
	return true;
}
