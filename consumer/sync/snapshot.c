/*
 * snapshot.c
 *		Makes a slot, takes over its snapshot.
 */
#include "sync/snapshot.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "pg/replication.h"

#define MODULE "slot"

/* How long a process that was told to end may take. */
#define END_LIMIT_MS 10000
#define END_POLL_MS 100

/* A task has its name to itself, but for another one elsewhere that was given the same: the time it was made tells them apart. */
static const char *
maker_suffix(const Run *run)
{
	return arena_printf(run->arena, "slot %lld", (long long) run->state.created_us);
}

typedef struct Waiting
{
	Run		   *run;
	PgConn	   *conn;			/* asks whom the slot waits for; opened at the first wait */
	int			calls;
	int64_t		since_ms;
} Waiting;

/*
 * The server lets a new slot wait for the end of every transaction that runs, and says nothing of it.  Called every two seconds; speaks
 * the first time and then every half minute.
 */
static void
say_whom_it_waits_for(void *arg)
{
	Waiting    *waiting = arg;
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "watch"};
	PGresult   *result = NULL;
	Error		err = ERROR_INIT;
	char		duration[CLOCK_TEXT_SIZE];

	if (waiting->calls++ % 15 != 0)
		return;
	clock_format_duration(clock_monotonic_ms() - waiting->since_ms, duration);
	if (waiting->conn == NULL && !pg_connect(waiting->run->config->source, &options, &waiting->conn, &err))
	{
		log_info(MODULE, "creating the slot waits for running transactions since %s", duration);
		error_clear(&err);
		return;
	}
	if (!pg_exec(waiting->conn,
				 "SELECT coalesce(a.pid::text, 'prepared ' || p.gid), coalesce(a.usename::text, p.owner::text), "
				 "       coalesce(a.state, 'prepared transaction'), "
				 "       pg_catalog.date_trunc('second', pg_catalog.now() - coalesce(a.xact_start, p.prepared))::text "
				 "FROM (SELECT pid, usename, state, xact_start, backend_xid FROM pg_catalog.pg_stat_activity "
				 "      WHERE backend_xid IS NOT NULL) a "
				 "FULL JOIN (SELECT gid, owner, prepared, transaction FROM pg_catalog.pg_prepared_xacts) p ON p.transaction = a.backend_xid "
				 "ORDER BY 4 DESC LIMIT 3", &result, &err))
	{
		pg_close(waiting->conn);
		waiting->conn = NULL;
		error_clear(&err);
		return;
	}
	log_info(MODULE, "creating the slot waits for running transactions since %s", duration);
	for (int i = 0; i < PQntuples(result); i++)
		log_info(MODULE, "it waits for pid %s (user %s, %s, running for %s)", PQgetvalue(result, i, 0), PQgetvalue(result, i, 1),
				 PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));
	PQclear(result);
}

/* A transaction of our own on the exported snapshot, which exports it once more. */
static bool
hold(Run *run, const ReplSlot *slot, HeldSnapshot *snapshot, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "snapshot"};
	StrBuf		sql = STRBUF_INIT;
	bool		ok;

	if (!pg_connect(run->config->source, &options, &snapshot->conn, err))
		return false;
	strbuf_append(&sql, "SET TRANSACTION SNAPSHOT ");
	pg_quote_literal(&sql, slot->snapshot);
	ok = pg_exec(snapshot->conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err) &&
		pg_exec(snapshot->conn, strbuf_text(&sql), NULL, err) &&
		pg_query_value(snapshot->conn, run->arena, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &snapshot->name, err);
	strbuf_free(&sql);
	if (!ok)
	{
		error_context(err, "cannot hold the snapshot of the slot");
		snapshot_release(snapshot);
		return false;
	}
	snapshot->lsn = slot->consistent_point;
	return true;
}

bool
snapshot_take(Run *run, const char *slot_name, HeldSnapshot *snapshot, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_REPLICATION, .name_suffix = maker_suffix(run)};
	PgConn	   *conn = NULL;
	ReplSlot	slot;
	Waiting		waiting = {.run = run, .since_ms = clock_monotonic_ms()};
	bool		ok;

	*snapshot = (HeldSnapshot) {NULL, NULL, LSN_NONE};
	if (!pg_connect(run->config->source, &options, &conn, err))
		return false;
	ok = repl_create_slot(conn, slot_name != NULL ? slot_name : arena_printf(run->arena, "dbsync_tmp_%d_%lld", (int) getpid(),
																			 (long long) (clock_wall_us() % 1000000000)),
						  DBSYNC_PLUGIN, slot_name == NULL, say_whom_it_waits_for, &waiting, run->arena, &slot, err);
	pg_close(waiting.conn);
	ok = ok && hold(run, &slot, snapshot, err);
	pg_close(conn);
	return ok;
}

bool
snapshot_end_makers(Run *run, PgConn *conn, Error *err)
{
	const char *values[] = {arena_printf(run->arena, "dbsync %s", maker_suffix(run))};
	int64_t		end_ms = clock_monotonic_ms() + END_LIMIT_MS;

	for (bool is_first = true;; is_first = false)
	{
		PGresult   *result = NULL;
		int			count;

		if (!pg_exec_params(conn,
							"SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
							" WHERE application_name = $1 AND usename = session_user AND backend_type = 'walsender'",
							1, values, &result, err))
			return error_context(err, "cannot look for the process that makes slot \"%s\"", run->state.slot);
		count = PQntuples(result);
		for (int i = 0; is_first && i < count; i++)
			log_info(MODULE, "ending pid %s on the source, which still makes the slot for a run that is gone", PQgetvalue(result, i, 0));
		PQclear(result);
		if (count == 0)
			return true;
		if (clock_monotonic_ms() >= end_ms)
			return error_set(err, ERROR_RETRY, "the process on the source that makes slot \"%s\" for a run that is gone does not end", run->state.slot);
		if (!stop_wait(END_POLL_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
}

void
snapshot_release(HeldSnapshot *snapshot)
{
	pg_close(snapshot->conn);
	snapshot->conn = NULL;
}
