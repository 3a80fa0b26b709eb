/*
 * sqlite_conn.c
 *		One SQLite connection: statements that stay prepared, errors in our words, write transactions.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <string.h>

/* Another process may write too, for another task of the same file, so a lock is waited for. */
#define BUSY_TIMEOUT_MS 20000

static const char *const statement_texts[] = {
#define STATEMENT(name, text) [STMT_##name] = (text),
	SQLITE_STATEMENTS(STATEMENT)
#undef STATEMENT
};

static bool
set_no_space(SqliteConn *conn, const char *reason, Error *err)
{
	conn->is_full = true;
	error_set(err, ERROR_STORE, "cannot write SQLite file \"%s\": %s", conn->path, reason);
	return error_hint(err, "Make space on the file system of \"%s\" (or raise the limit that is met), then start dbsync again: "
					  "it goes on where it stopped.", conn->path);
}

bool
sqlite_conn_error(SqliteConn *conn, int rc, Error *err)
{
	int			primary = rc & 0xff;
	int			os_error = conn->db != NULL ? sqlite3_system_errno(conn->db) : 0;

	switch (primary)
	{
		case SQLITE_FULL:
			return set_no_space(conn, "no space left", err);
		case SQLITE_IOERR:
			if (os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG)
				return set_no_space(conn, strerror(os_error), err);
			if (rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_TRUNCATE)
				return set_no_space(conn, os_error != 0 ? strerror(os_error) : sqlite3_errstr(rc), err);
			error_set(err, ERROR_STORE, "input/output error on SQLite file \"%s\": %s", conn->path,
					  os_error != 0 ? strerror(os_error) : sqlite3_errstr(rc));
			return error_hint(err, "Look at the system's log for errors of the disk.");
		case SQLITE_CORRUPT:
			error_set(err, ERROR_STORE, "SQLite file \"%s\" is damaged", conn->path);
			return error_hint(err, "Restore the file from before the damage if it is not older than what the source has confirmed; "
							  "otherwise run \"dbsync drop\" and start the sync anew.");
		case SQLITE_NOTADB:
			error_set(err, ERROR_STORE, "file \"%s\" is not an SQLite database", conn->path);
			return error_hint(err, "Name another file in [local] path.");
		case SQLITE_BUSY:
		case SQLITE_LOCKED:
			error_set(err, ERROR_RETRY, "SQLite file \"%s\" has been locked by another process for more than %d seconds",
					  conn->path, BUSY_TIMEOUT_MS / 1000);
			return false;
		case SQLITE_READONLY:
		case SQLITE_PERM:
		case SQLITE_AUTH:
			error_set(err, ERROR_STORE, "cannot write SQLite file \"%s\": it is read-only for this user", conn->path);
			return error_hint(err, "dbsync needs write permission on the file, the files \"%s-wal\" and \"%s-shm\", and their directory.",
							  conn->path, conn->path);
		case SQLITE_CANTOPEN:
			error_set(err, ERROR_STORE, "cannot open SQLite file \"%s\": %s", conn->path,
					  os_error != 0 ? strerror(os_error) : sqlite3_errstr(rc));
			return error_hint(err, "dbsync needs to read and write the file, and to make files beside it.");
		default:
			return error_set(err, ERROR_STORE, "SQLite file \"%s\": %s", conn->path,
							 conn->db != NULL ? sqlite3_errmsg(conn->db) : sqlite3_errstr(rc));
	}
}

bool
sqlite_conn_exec(SqliteConn *conn, const char *sql, Error *err)
{
	int			rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
}

bool
sqlite_conn_open(SqliteConn *conn, const char *path, int flags, Error *err)
{
	int			rc;

	memset(conn, 0, sizeof(*conn));
	conn->path = path;
	rc = sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
	{
		sqlite3_extended_result_codes(conn->db, 1);
		rc = sqlite3_busy_timeout(conn->db, BUSY_TIMEOUT_MS);
	}
	/* cache_size is in kB here. Deleted rows need not be overwritten with zeroes: the file is the owner's alone. */
	if (rc == SQLITE_OK &&
		sqlite_conn_exec(conn, "PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;"
						 " PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", err))
		return true;
	if (rc != SQLITE_OK)
		sqlite_conn_error(conn, conn->db != NULL ? sqlite3_extended_errcode(conn->db) : rc, err);
	sqlite_conn_close(conn);
	return false;
}

void
sqlite_conn_close(SqliteConn *conn)
{
	for (int i = 0; i < STMT_COUNT; i++)
	{
		sqlite3_finalize(conn->statements[i]);
		conn->statements[i] = NULL;
	}
	sqlite3_close(conn->db);
	conn->db = NULL;
}

sqlite3_stmt *
sqlite_statement(SqliteConn *conn, SqliteStatement number, Error *err)
{
	sqlite3_stmt **statement = &conn->statements[number];
	int			rc;

	if (*statement != NULL)
		return *statement;
	rc = sqlite3_prepare_v3(conn->db, statement_texts[number], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
	if (rc != SQLITE_OK)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	return *statement;
}

bool
sqlite_run(SqliteConn *conn, sqlite3_stmt *statement, Error *err)
{
	int			rc;

	do
		rc = sqlite3_step(statement);
	while (rc == SQLITE_ROW);
	if (rc == SQLITE_DONE)
	{
		sqlite3_reset(statement);
		return true;
	}
	/* The error is in the connection until the reset. */
	sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	sqlite3_reset(statement);
	return false;
}

static bool
run_number(SqliteConn *conn, SqliteStatement number, Error *err)
{
	sqlite3_stmt *statement = sqlite_statement(conn, number, err);

	return statement != NULL && sqlite_run(conn, statement, err);
}

void
sqlite_bind_text_static(sqlite3_stmt *statement, int index, const char *text)
{
	if (text == NULL)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

bool
sqlite_run_for_task(SqliteConn *conn, SqliteStatement number, const char *task, Error *err)
{
	sqlite3_stmt *statement = sqlite_statement(conn, number, err);

	if (statement == NULL)
		return false;
	sqlite_bind_text_static(statement, 1, task);
	return sqlite_run(conn, statement, err);
}

bool
sqlite_query_int64(SqliteConn *conn, SqliteStatement number, const char *task, int64_t second, int64_t *value, bool *found, Error *err)
{
	sqlite3_stmt *statement = sqlite_statement(conn, number, err);
	int			rc;

	*value = 0;
	*found = false;
	if (statement == NULL)
		return false;
	if (sqlite3_bind_parameter_count(statement) >= 1)
		sqlite_bind_text_static(statement, 1, task);
	if (sqlite3_bind_parameter_count(statement) >= 2)
		sqlite3_bind_int64(statement, 2, second);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
	{
		*value = sqlite3_column_int64(statement, 0);
		*found = true;
	}
	else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	sqlite3_reset(statement);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

const char *
sqlite_text_in(Arena *arena, sqlite3_stmt *statement, int column)
{
	const char *text = (const char *) sqlite3_column_text(statement, column);

	return text == NULL ? NULL : arena_strdup(arena, text);
}

static void
fair_lock_take(FairLock *lock)
{
	uint64_t	ticket;

	pthread_mutex_lock(&lock->mutex);
	ticket = lock->next_ticket++;
	while (lock->serving != ticket)
		pthread_cond_wait(&lock->turn, &lock->mutex);
	pthread_mutex_unlock(&lock->mutex);
}

static void
fair_lock_release(FairLock *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->serving++;
	pthread_cond_broadcast(&lock->turn);
	pthread_mutex_unlock(&lock->mutex);
}

bool
sqlite_write_begin(SqliteStore *store, bool durable, Error *err)
{
	SqliteConn *conn = &store->writer;

	if (store->mode == STORE_READ_ONLY)
		return error_set(err, ERROR_FAILED, "%s was opened for reading only", store->description);
	durable = durable && store->durable;
	fair_lock_take(&store->write_lock);
	if (conn->is_durable != durable)
	{
		/* Not a kept statement: this pragma works when it is prepared. */
		if (!sqlite_conn_exec(conn, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err))
		{
			fair_lock_release(&store->write_lock);
			return false;
		}
		conn->is_durable = durable;
	}
	if (!run_number(conn, STMT_BEGIN, err))
	{
		fair_lock_release(&store->write_lock);
		return false;
	}
	return true;
}

bool
sqlite_write_end(SqliteStore *store, bool ok, Error *err)
{
	SqliteConn *conn = &store->writer;

	ok = ok && run_number(conn, STMT_COMMIT, err);

	/* A full disk and the like have rolled back already. */
	if (!sqlite3_get_autocommit(conn->db))
	{
		Error		second = ERROR_INIT;

		if (!run_number(conn, STMT_ROLLBACK, &second))
			error_clear(&second);
	}
	/* The log file can be used from its beginning again, once its pages are in the database: for removing rows, say. */
	if (conn->is_full)
	{
		sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		conn->is_full = false;
	}
	fair_lock_release(&store->write_lock);
	return ok;
}

bool
sqlite_shrink(SqliteStore *store, Error *err)
{
	bool		ok;

	/*
	 * Setting FULL is a transaction, and at its end all free pages go.  PRAGMA incremental_vacuum would look for each of them in
	 * the list of all of them.
	 */
	fair_lock_take(&store->write_lock);
	ok = sqlite_conn_exec(&store->writer, "PRAGMA auto_vacuum = FULL", err);
	if (!sqlite_conn_exec(&store->writer, "PRAGMA auto_vacuum = INCREMENTAL", err))
		ok = false;
	fair_lock_release(&store->write_lock);
	return ok;
}
