/*
 * mysql_snapshot.c
 *		Stops the commits of a server for a moment, in which all connections begin their transaction.
 */
#include "copy/mysql_snapshot.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "mysql/my_position.h"

#include <mysqld_error.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "snapshot"

/* For so long writers may have to wait behind us, and so often we try; between the tries they go on. */
#define LOCK_WAIT_S 3
#define LOCK_TRIES 5
#define LOCK_PAUSE_MS 2000

/* The first version with BACKUP STAGE. */
#define MARIADB_BACKUP_STAGE 100401

struct MySnapshot
{
	Arena *arena;
	MyConn **conns;
	int count;
	Lsn lsn;
	const char *file;
	const char *gtid;

	pthread_mutex_t lock; /* guards the holder */
	MyConn *holder;		  /* has the tables without transactions locked; NULL: there are none, or not any more */
	const char **plain;
	int plain_count;
	const char *plain_engine; /* of the first one */
};

typedef struct Taking
{
	const MySnapshotOptions *options;
	MySnapshot *snapshot;
	MyConn *control;
	bool by_stage; /* MariaDB's BACKUP STAGE */
} Taking;

static unsigned int
last_errno(MyConn *conn)
{
	return mysql_errno(my_handle(conn));
}

/* 'user'@'host' of the session, in a GRANT. */
static const char *
account(MyConn *conn, Arena *arena)
{
	const char *text;
	const char *at;
	Error ignored = ERROR_INIT;

	if (!my_query_value(conn, arena, "SELECT CURRENT_USER()", &text, &ignored) || !text || !(at = strrchr(text, '@')))
	{
		error_clear(&ignored);
		return "the user";
	}
	return arena_printf(arena, "'%.*s'@'%s'", (int) (at - text), text, at + 1);
}

static bool
lacks_right(const Taking *taking, MyConn *conn, const char *what, Error *err)
{
	switch (last_errno(conn))
	{
		case ER_SPECIFIC_ACCESS_DENIED_ERROR:
		case ER_ACCESS_DENIED_ERROR:
		case ER_DBACCESS_DENIED_ERROR:
		case ER_TABLEACCESS_DENIED_ERROR:
			err->kind = ERROR_PREFLIGHT;
			return error_hint(err, "on the source: GRANT %s TO %s", what, account(conn, taking->snapshot->arena));
		default:
			return false;
	}
}

/*
 * Tables without transactions
 */

static bool
find_plain(Taking *taking, Error *err)
{
	const MySnapshotOptions *options = taking->options;
	MySnapshot *snapshot = taking->snapshot;
	StrBuf sql = STRBUF_INIT;
	MYSQL_RES *result;
	MYSQL_ROW row;
	bool ok;

	strbuf_append(&sql, "SELECT t.TABLE_NAME, t.ENGINE FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e"
						" ON e.ENGINE = t.ENGINE WHERE t.TABLE_TYPE = 'BASE TABLE' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'"
						" AND t.TABLE_SCHEMA = ");
	my_quote_literal(taking->control, &sql, options->config->db, strlen(options->config->db));
	ok = my_query(taking->control, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	snapshot->plain = arena_alloc(snapshot->arena, sizeof(char *) * (size_t) (mysql_num_rows(result) + 1));
	while ((row = mysql_fetch_row(result)) != NULL)
		if (!options->wants || options->wants(options->arg, options->config->db, row[0]))
		{
			if (snapshot->plain_count == 0)
				snapshot->plain_engine = arena_strdup(snapshot->arena, row[1] ? row[1] : "unknown");
			snapshot->plain[snapshot->plain_count++] = arena_strdup(snapshot->arena, row[0]);
		}
	mysql_free_result(result);
	return true;
}

static bool
lock_plain(Taking *taking, Error *err)
{
	MySnapshot *snapshot = taking->snapshot;
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (snapshot->plain_count == 0)
		return true;
	strbuf_append(&sql, "LOCK TABLES");
	for (int i = 0; i < snapshot->plain_count; i++)
	{
		strbuf_append(&sql, i > 0 ? ", " : " ");
		my_quote_identifier(&sql, taking->options->config->db);
		strbuf_append(&sql, ".");
		my_quote_identifier(&sql, snapshot->plain[i]);
		strbuf_append(&sql, " READ");
	}
	ok = my_exec(snapshot->holder, strbuf_text(&sql), err);
	if (!ok)
	{
		strbuf_reset(&sql);
		strbuf_append(&sql, "LOCK TABLES ON ");
		my_quote_identifier(&sql, taking->options->config->db);
		strbuf_append(&sql, ".*");
		(void) lacks_right(taking, snapshot->holder, strbuf_text(&sql), err);
		error_context(err, "table %s is of engine %s, without transactions, and must be locked while it is copied", snapshot->plain[0],
					  snapshot->plain_engine);
	}
	strbuf_free(&sql);
	return ok;
}

/*
 * The lock
 */

static bool
is_timeout(MyConn *conn)
{
	return last_errno(conn) == ER_LOCK_WAIT_TIMEOUT;
}

static void
unlock(Taking *taking)
{
	Error ignored = ERROR_INIT;

	(void) !my_exec(taking->control, taking->by_stage ? "BACKUP STAGE END" : "UNLOCK TABLES", &ignored);
	error_clear(&ignored);
}

static bool
lock(Taking *taking, bool *timed_out, Error *err)
{
	bool ok;

	*timed_out = false;
	if (taking->by_stage)
		ok = my_exec(taking->control, "BACKUP STAGE START", err) && my_exec(taking->control, "BACKUP STAGE BLOCK_COMMIT", err);
	else
		ok = my_exec(taking->control, "FLUSH TABLES WITH READ LOCK", err);
	if (ok)
		return true;
	*timed_out = is_timeout(taking->control);
	(void) lacks_right(taking, taking->control, "RELOAD ON *.*", err);
	return false;
}

/* Whoever has been at work for the longest.  Without the right PROCESS we see nobody else. */
static void
say_who_is_in_the_way(Taking *taking, Error *err)
{
	MYSQL_RES *result;
	MYSQL_ROW row;
	Error ignored = ERROR_INIT;
	StrBuf names = STRBUF_INIT;

	if (!my_query(taking->control,
				  "SELECT ID, USER, COMMAND, TIME, STATE FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
				  " AND COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_SQL', 'Slave_IO')"
				  " AND TIME >= 1 ORDER BY TIME DESC LIMIT 3",
				  &result, &ignored))
	{
		error_clear(&ignored);
		return;
	}
	while ((row = mysql_fetch_row(result)) != NULL)
		strbuf_printf(&names, "%sconnection %s (user %s, %s, %s s%s%s)", names.length > 0 ? ", " : "", row[0], row[1], row[2],
					  row[3], row[4] && row[4][0] != '\0' ? ", " : "", row[4] ? row[4] : "");
	mysql_free_result(result);
	if (names.length > 0)
		error_hint(err, "at work there: %s; wait for them to end, or KILL them", strbuf_text(&names));
	else
		error_hint(err, "a statement that runs for long is in the way; SHOW PROCESSLIST names it to a user with the right PROCESS");
	strbuf_free(&names);
}

/*
 * All connections
 */

static bool
open_connections(Taking *taking, Error *err)
{
	MySnapshot *snapshot = taking->snapshot;
	const MySourceConfig *config = taking->options->config;
	StrBuf sql = STRBUF_INIT;
	char purpose[32];
	bool ok;

	if (!my_connect(config, "snapshot", &taking->control, err))
		return false;
	strbuf_printf(&sql, "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S);
	ok = my_exec(taking->control, strbuf_text(&sql), err) && find_plain(taking, err);
	if (ok && snapshot->plain_count > 0)
		ok = my_connect(config, "lock", &snapshot->holder, err) && my_exec(snapshot->holder, strbuf_text(&sql), err);
	strbuf_free(&sql);
	for (int i = 0; i < snapshot->count && ok; i++)
	{
		snprintf(purpose, sizeof(purpose), "copy %d", i + 1);
		ok = my_connect(config, purpose, &snapshot->conns[i], err) &&
			my_exec(snapshot->conns[i], "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", err);
	}
	return ok;
}

static bool
begin_all(Taking *taking, Error *err)
{
	MySnapshot *snapshot = taking->snapshot;
	MyLogStatus status;
	size_t base_length;
	StrBuf file = STRBUF_INIT;

	for (int i = 0; i < snapshot->count; i++)
		if (!my_exec(snapshot->conns[i], "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err))
			return false;
	if (!my_position_current(taking->control, snapshot->arena, &status, err))
		return lacks_right(taking, taking->control,
						   my_server(taking->control)->is_mariadb ? "BINLOG MONITOR ON *.*" : "REPLICATION CLIENT ON *.*", err);
	base_length = strlen(status.base);
	my_position_file_name(&file, status.base, my_position_file_number(status.position));
	snapshot->file = base_length > 0 ? arena_strdup(snapshot->arena, strbuf_text(&file)) : "";
	strbuf_free(&file);
	snapshot->gtid = status.gtid ? status.gtid : "";
	snapshot->lsn = status.position;
	return true;
}

/* false with *timed_out: another try is worth it. */
static bool
try_once(Taking *taking, bool *timed_out, Error *err)
{
	int64_t start_ms;
	bool ok;

	if (!lock(taking, timed_out, err))
	{
		if (!my_is_lost(taking->control))
			unlock(taking);
		return false;
	}
	start_ms = clock_monotonic_ms();
	ok = lock_plain(taking, err);
	if (!ok)
		*timed_out = is_timeout(taking->snapshot->holder);
	ok = ok && begin_all(taking, err);
	unlock(taking);
	if (ok)
		log_debug(MODULE, "commits were held up for %lld ms", (long long) (clock_monotonic_ms() - start_ms));
	return ok;
}

static bool
take(Taking *taking, Error *err)
{
	const MyServer *server;

	if (!open_connections(taking, err))
		return false;
	server = my_server(taking->control);
	taking->by_stage = server->is_mariadb && server->version >= MARIADB_BACKUP_STAGE;
	for (int tries = 1;; tries++)
	{
		bool timed_out;

		if (try_once(taking, &timed_out, err))
			return true;
		if (!timed_out)
			return false;
		if (tries == LOCK_TRIES)
			break;
		log_info(MODULE, "a statement of the source keeps the lock for the snapshot from coming, trying again try=%d", tries);
		error_clear(err);
		if (!stop_wait(LOCK_PAUSE_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
	err->kind = ERROR_RETRY;
	error_context(err, "cannot stop the commits of the source for a moment, within %d s and in %d tries", LOCK_WAIT_S, LOCK_TRIES);
	say_who_is_in_the_way(taking, err);
	return false;
}

bool
mysql_snapshot_take(const MySnapshotOptions *options, MySnapshot **snapshot, Error *err)
{
	Arena *arena = arena_new(0);
	Taking taking = {.options = options};
	char text[LSN_TEXT_SIZE];
	bool ok;

	taking.snapshot = arena_zalloc(arena, sizeof(MySnapshot));
	taking.snapshot->arena = arena;
	taking.snapshot->count = options->connections > 1 ? options->connections : 1;
	taking.snapshot->conns = arena_zalloc(arena, sizeof(MyConn *) * (size_t) taking.snapshot->count);
	pthread_mutex_init(&taking.snapshot->lock, NULL);
	ok = take(&taking, err);
	my_close(taking.control);
	if (!ok)
	{
		if (err->kind != ERROR_CANCELLED)
			error_context(err, "cannot take a snapshot of the source");
		mysql_snapshot_release(taking.snapshot);
		*snapshot = NULL;
		return false;
	}
	*snapshot = taking.snapshot;
	log_debug(MODULE, "snapshot at %s gtid=%s connections=%d", lsn_format((*snapshot)->lsn, text), (*snapshot)->gtid,
			  (*snapshot)->count);
	if ((*snapshot)->plain_count > 0)
		log_warn(MODULE, "%d table%s of engines without transactions cannot be written until copied: %s%s",
				 (*snapshot)->plain_count, (*snapshot)->plain_count == 1 ? "" : "s", (*snapshot)->plain[0],
				 (*snapshot)->plain_count > 1 ? ", ..." : "");
	return true;
}

void
mysql_snapshot_release(MySnapshot *snapshot)
{
	if (!snapshot)
		return;
	for (int i = 0; i < snapshot->count; i++)
		my_close(snapshot->conns[i]);
	my_close(snapshot->holder);
	pthread_mutex_destroy(&snapshot->lock);
	arena_free(snapshot->arena);
}

Lsn
mysql_snapshot_lsn(const MySnapshot *snapshot)
{
	return snapshot->lsn;
}

const char *
mysql_snapshot_binlog_file(const MySnapshot *snapshot)
{
	return snapshot->file;
}

const char *
mysql_snapshot_gtid(const MySnapshot *snapshot)
{
	return snapshot->gtid;
}

int
mysql_snapshot_connections(const MySnapshot *snapshot)
{
	return snapshot->count;
}

MyConn *
mysql_snapshot_connection(MySnapshot *snapshot, int number)
{
	return snapshot->conns[number];
}

void
mysql_snapshot_drop(MySnapshot *snapshot, int number)
{
	my_close(snapshot->conns[number]);
	snapshot->conns[number] = NULL;
}

bool
mysql_snapshot_is_plain(const MySnapshot *snapshot, const char *table)
{
	for (int i = 0; i < snapshot->plain_count; i++)
		if (strcmp(snapshot->plain[i], table) == 0)
			return true;
	return false;
}

bool
mysql_snapshot_has_plain(MySnapshot *snapshot)
{
	bool has;

	pthread_mutex_lock(&snapshot->lock);
	has = snapshot->holder != NULL;
	pthread_mutex_unlock(&snapshot->lock);
	return has;
}

void
mysql_snapshot_unlock_plain(MySnapshot *snapshot)
{
	MyConn *holder;

	pthread_mutex_lock(&snapshot->lock);
	holder = snapshot->holder;
	snapshot->holder = NULL;
	pthread_mutex_unlock(&snapshot->lock);
	if (holder)
		log_info(MODULE, "tables of engines without transactions can be written again");
	my_close(holder);
}
