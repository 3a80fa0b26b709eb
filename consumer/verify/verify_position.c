/* Waits for the target to pass a position of the source. */
#include "verify/verify_position.h"

#include "base/clock.h"
#include "base/stop.h"

#define POLL_MS 100
#define FLUSH_LIMIT_MS 1500
/* A run that has just lost its connection comes back within this. */
#define GRACE_MS 3000

/* Of the first row; none where there is no row, or no result at all. */
static Lsn
take_lsn(PGresult *result)
{
	Lsn			lsn = LSN_NONE;

	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0) && !lsn_parse(PQgetvalue(result, 0, 0), &lsn))
		lsn = LSN_NONE;
	PQclear(result);
	return lsn;
}

static bool
query_lsn(PgConn *conn, const char *sql, Lsn *lsn, Error *err)
{
	PGresult   *result = NULL;

	if (!pg_exec(conn, sql, &result, err))
		return false;
	*lsn = take_lsn(result);
	return true;
}

/*
 * Transactions are seen by others before an asynchronous commit is on disk, and only what is on disk is sent.  The server's WAL writer
 * needs less than a second for that; other records may lie in memory for longer, and do not matter.
 */
bool
verify_take_position(PgConn *source, Lsn *position, Error *err)
{
	static const char flushed_sql[] =
		"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
		" ELSE pg_catalog.pg_current_wal_flush_lsn() END";
	static const char inserted_sql[] =
		"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
		" ELSE pg_catalog.pg_current_wal_insert_lsn() END";
	int64_t		end_ms = clock_monotonic_ms() + FLUSH_LIMIT_MS;
	Lsn			inserted;

	if (!query_lsn(source, inserted_sql, &inserted, err) || !query_lsn(source, flushed_sql, position, err))
		return false;
	while (*position < inserted && clock_monotonic_ms() < end_ms)
	{
		if (!stop_wait(POLL_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (!query_lsn(source, flushed_sql, position, err))
			return false;
	}
	return true;
}

static bool
read_slot(const Config *config, PgConn *source, Lsn *confirmed, bool *is_active, Error *err)
{
	const char *values[] = {config->slot};
	PGresult   *result = NULL;

	*confirmed = LSN_NONE;
	*is_active = false;
	if (!pg_exec_params(source,
						"SELECT confirmed_flush_lsn, active FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, values, &result, err))
		return false;
	if (PQntuples(result) > 0)
	{
		if (PQgetisnull(result, 0, 0) || !lsn_parse(PQgetvalue(result, 0, 0), confirmed))
			*confirmed = LSN_NONE;
		*is_active = PQgetvalue(result, 0, 1)[0] == 't';
	}
	PQclear(result);
	return true;
}

static bool
read_progress(const Config *config, PgConn *target, Lsn *applied, Error *err)
{
	const char *values[] = {config->slot};
	PGresult   *result;

	/* It may be that no run was ever made. */
	if (!pg_exec_if_there(target, "dbsync.progress", "SELECT applied_lsn FROM dbsync.progress WHERE task = $1", 1, values, &result, err))
		return false;
	*applied = take_lsn(result);
	return true;
}

static bool
is_passed(const Config *config, PgConn *target, Store *store, Lsn confirmed, Lsn position, bool *passed, Error *err)
{
	StoreStats	stats = {0};
	Lsn			applied;

	if (!read_progress(config, target, &applied, err))
		return false;
	*passed = applied >= position;
	if (*passed || confirmed < position || store == NULL)
		return true;
	if (!store->ops->stats(store, config->slot, &stats, err))
		return false;
	*passed = stats.first_lsn == LSN_NONE || stats.first_lsn >= position;
	return true;
}

bool
verify_wait_position(const Config *config, PgConn *source, PgConn *target, Store *store, Lsn position, int64_t wait_ms,
					 PositionState *state, Error *err)
{
	int64_t		start_ms = clock_monotonic_ms();
	int64_t		seen_active_ms = start_ms - GRACE_MS;

	for (;;)
	{
		int64_t		now_ms = clock_monotonic_ms();
		Lsn			confirmed;
		bool		is_active;
		bool		passed;

		/* First the slot, then the store: what the slot says cannot be taken back. */
		if (!read_slot(config, source, &confirmed, &is_active, err) ||
			!is_passed(config, target, store, confirmed, position, &passed, err))
			return false;
		if (is_active)
			seen_active_ms = now_ms;
		*state = passed ? POSITION_PASSED : POSITION_NOT_RUNNING;
		if (passed || now_ms - seen_active_ms >= GRACE_MS)
			return true;
		*state = POSITION_TIMEOUT;
		if (now_ms - start_ms >= wait_ms)
			return true;
		if (!stop_wait(POLL_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
}
