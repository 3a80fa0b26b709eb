/*
 * pg_store_conn.c
 *		The connections of the PostgreSQL store.
 */
#include "store/pg_internal.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
pg_store_disconnect(PgLink *link)
{
	pg_close(link->conn);
	link->conn = NULL;
	link->in_transaction = false;
}

/* What the server says is ERROR_STORE, unless trying again may help, or it would not let us in. */
static void
set_kind(PgStore *store, Error *err)
{
	if (err->sqlstate[0] == '\0' || err->kind == ERROR_RETRY || err->kind == ERROR_CANCELLED || err->kind == ERROR_PREFLIGHT)
		return;
	err->kind = ERROR_STORE;
	if (strcmp(err->sqlstate, "53100") == 0)
		error_hint(err, "Make space on the server of %s, then start dbsync again: it goes on where it stopped.", store->description);
	else if (strcmp(err->sqlstate, "42501") == 0)
		error_hint(err, "The role needs CREATE on the database, or must own the schema " PG_STORE_SCHEMA " and its tables.");
}

bool
pg_store_failed(PgStore *store, PgLink *link, Error *err)
{
	Error		second = ERROR_INIT;

	set_kind(store, err);
	if (link->conn == NULL)
		return false;
	if (err->kind == ERROR_RETRY || pg_is_lost(link->conn) ||
		(PQtransactionStatus(pg_raw(link->conn)) != PQTRANS_IDLE && !pg_exec(link->conn, "ROLLBACK", NULL, &second)))
		pg_store_disconnect(link);
	error_clear(&second);
	link->in_transaction = false;
	return false;
}

bool
pg_store_check_writable(const PgStore *store, Error *err)
{
	return store->mode != STORE_READ_ONLY || error_set(err, ERROR_FAILED, "%s was opened for reading only", store->description);
}

static bool
connect_link(PgStore *store, PgLink *link, Error *err)
{
	char		host[128] = "";
	char	   *suffix;
	PgConnOptions options = {.role = PG_ROLE_STORE, .flags = PG_FINISH};
	bool		ok;

	gethostname(host, sizeof(host) - 1);
	suffix = mem_printf("%s, pid %ld on %s", link->purpose, (long) getpid(), host);
	options.name_suffix = suffix;
	ok = pg_connect(store->conninfo, &options, &link->conn, err);
	free(suffix);
	if (!ok)
	{
		link->conn = NULL;
		return false;
	}
	/* COPY and large results are simpler when libpq waits, and nothing else is done by this thread meanwhile. */
	if (PQsetnonblocking(pg_raw(link->conn), 0) != 0)
		ok = pg_error(link->conn, NULL, err);
	if (ok && !store->durable)
		ok = pg_exec(link->conn, "SET synchronous_commit = off", NULL, err);
	/* Queues have no statistics worth the name; the order's index is always right. */
	if (ok)
		ok = pg_exec(link->conn, "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"
					 " SET plan_cache_mode = force_generic_plan", NULL, err);
	if (!ok)
		pg_store_disconnect(link);
	return ok;
}

/* The number of an advisory lock: of a task, and of the right to append to it. */
static int64_t
lock_key(const char *task, const PgLink *link)
{
	char	   *text = mem_printf(PG_STORE_SCHEMA "/%s/%s", task, link->purpose);
	int64_t		key = (int64_t) hash_bytes(text, strlen(text));

	free(text);
	return key;
}

static bool
set_held_by_another(PgLink *link, const char *task, const char *key_text, Error *err)
{
	static const char sql[] =
		"SELECT pg_catalog.concat_ws(', ', 'server process ' || l.pid, a.application_name, 'from ' || a.client_addr)"
		" FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
		" WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint"
		" AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) LIMIT 1";
	Error		second = ERROR_INIT;
	PGresult   *result = NULL;
	const char *holder = "a process that is not seen any more";

	if (!pg_exec_params(link->conn, sql, 1, &key_text, &result, &second))
		error_clear(&second);
	else if (PQntuples(result) == 1)
		holder = PQgetvalue(result, 0, 0);
	error_set(err, ERROR_FAILED, "task \"%s\" is being worked on by another dbsync: %s", task, holder);
	error_hint(err, "Stop it first, or wait until it ends. If it is gone and its server process is not, end that one by"
			   " pg_terminate_backend().");
	PQclear(result);
	return false;
}

/*
 * The appender has a lock of its own: when a dbsync was killed, its last commit may still be on its way, and the next dbsync must not
 * look before that is decided.  A server needs a moment to see that a client is gone.
 */
bool
pg_store_take_lock(PgLink *link, const char *task, Error *err)
{
	char	   *key_text = mem_printf("%lld", (long long) lock_key(task, link));
	const char *const values[] = {key_text};
	bool		ok;

	ok = pg_exec(link->conn, "SET lock_timeout = '3s'", NULL, err) &&
		pg_exec_params(link->conn, "SELECT pg_catalog.pg_advisory_lock($1::bigint)", 1, values, NULL, err) &&
		pg_exec(link->conn, "SET lock_timeout = 0", NULL, err);
	if (!ok && strcmp(err->sqlstate, "55P03") == 0)
		set_held_by_another(link, task, key_text, err);
	free(key_text);
	return ok;
}

static bool
connect_and_lock(PgStore *store, PgLink *link, Error *err)
{
	if (link->conn != NULL)
		return true;
	if (!connect_link(store, link, err))
		return false;
	/* Somebody else may have started meanwhile. */
	if (store->locked_task != NULL && link != &store->reader && !pg_store_take_lock(link, store->locked_task, err))
	{
		pg_store_disconnect(link);
		return false;
	}
	return true;
}

bool
pg_store_connect(PgStore *store, PgLink *link, Error *err)
{
	bool		ok;

	if (link->conn != NULL)
		return true;
	if (link == &store->state)
		ok = connect_and_lock(store, link, err);
	else
	{
		/* Also keeps locked_task from changing. */
		pthread_mutex_lock(&store->state.mutex);
		ok = connect_and_lock(store, &store->state, err) && connect_and_lock(store, link, err);
		pthread_mutex_unlock(&store->state.mutex);
	}
	if (!ok)
		set_kind(store, err);
	return ok;
}

bool
pg_store_run(PgStore *store, PgLink *link, const char *sql, int count, const char *const *values, PGresult **result, Error *err)
{
	if (!pg_store_connect(store, link, err))
		return false;
	return pg_exec_params(link->conn, sql, count, values, result, err) || pg_store_failed(store, link, err);
}
