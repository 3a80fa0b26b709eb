/*
 * sqlite_schema.c
 *		The tables of the SQLite store, and how its file is recognised.
 */
#include "store/sqlite_internal.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x64627379	/* "dbsy" */
#define SCHEMA_VERSION 1

#define LSN_TEXT(column) "printf('%X/%X', " column " >> 32, " column " & 4294967295)"
#define TIME_TEXT(column) \
	"CASE WHEN " column " <> 0 THEN strftime('%Y-%m-%d %H:%M:%S', " column " / 1000000, 'unixepoch')" \
	" || printf('.%06d+00', " column " % 1000000) END"

/*
 * LSNs and times (microseconds since 1970 UTC) are integers, 0 is "none"; the views show them as text.  records is last, so that
 * a long one does not stand before what is looked at without it.
 */
static const char schema_sql[] =
	"CREATE TABLE db_sync_status ("
	" task TEXT PRIMARY KEY NOT NULL, phase TEXT NOT NULL, source_kind TEXT, source_id TEXT, source_timeline INTEGER NOT NULL,"
	" slot TEXT, target_id TEXT, filter TEXT, created_us INTEGER NOT NULL, full_sync_start_us INTEGER NOT NULL,"
	" full_sync_end_us INTEGER NOT NULL, decoder_start_lsn INTEGER NOT NULL, received_lsn INTEGER NOT NULL,"
	" applied_lsn INTEGER NOT NULL, applied_commit_us INTEGER NOT NULL, segment INTEGER NOT NULL,"
	" waiting_transactions INTEGER NOT NULL DEFAULT 0, waiting_changes INTEGER NOT NULL DEFAULT 0,"
	" waiting_bytes INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE db_sync_tables ("
	" task TEXT NOT NULL, schema_name TEXT NOT NULL, table_name TEXT NOT NULL, chunk INTEGER NOT NULL,"
	" chunk_count INTEGER NOT NULL, first_block INTEGER NOT NULL, last_block INTEGER NOT NULL, phase TEXT NOT NULL,"
	" snapshot_lsn INTEGER NOT NULL, estimated_bytes INTEGER NOT NULL, estimated_rows INTEGER NOT NULL,"
	" copied_rows INTEGER NOT NULL, copied_bytes INTEGER NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,"
	" position INTEGER NOT NULL, PRIMARY KEY (task, schema_name, table_name, chunk)) WITHOUT ROWID;"
	"CREATE TABLE sync_sqls ("
	" id INTEGER PRIMARY KEY, task TEXT NOT NULL, segment INTEGER NOT NULL, commit_lsn INTEGER NOT NULL,"
	" end_lsn INTEGER NOT NULL, part INTEGER NOT NULL, is_last INTEGER NOT NULL, piece INTEGER NOT NULL,"
	" pieces INTEGER NOT NULL, xid INTEGER NOT NULL, commit_us INTEGER NOT NULL, changes INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, records BLOB NOT NULL);"
	"CREATE UNIQUE INDEX sync_sqls_order ON sync_sqls (task, commit_lsn, part, piece);"
	"CREATE INDEX sync_sqls_not_last ON sync_sqls (task, commit_lsn) WHERE is_last = 0;"
	"CREATE TABLE sync_relations ("
	" task TEXT NOT NULL, segment INTEGER NOT NULL, number INTEGER NOT NULL, record BLOB NOT NULL,"
	" PRIMARY KEY (task, segment, number)) WITHOUT ROWID;"
	"CREATE TABLE sync_pending (task TEXT PRIMARY KEY NOT NULL, first_id INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE VIEW db_sync_status_text AS SELECT task, phase, source_kind, source_id, source_timeline, slot, target_id, filter, "
	TIME_TEXT("created_us") " AS created, " TIME_TEXT("full_sync_start_us") " AS full_sync_start, "
	TIME_TEXT("full_sync_end_us") " AS full_sync_end, " LSN_TEXT("decoder_start_lsn") " AS decoder_start, "
	LSN_TEXT("received_lsn") " AS received, " LSN_TEXT("applied_lsn") " AS applied, "
	TIME_TEXT("applied_commit_us") " AS applied_commit, segment, waiting_transactions, waiting_changes, waiting_bytes"
	" FROM db_sync_status;"
	"CREATE VIEW sync_sqls_text AS SELECT id, task, segment, " LSN_TEXT("commit_lsn") " AS commit_lsn, "
	LSN_TEXT("end_lsn") " AS end_lsn, part, is_last, piece, pieces, xid, " TIME_TEXT("commit_us") " AS commit_time, changes,"
	" bytes, CAST(records AS TEXT) AS records FROM sync_sqls;";

static bool
pragma_int64(SqliteConn *conn, const char *sql, int64_t *value, Error *err)
{
	sqlite3_stmt *statement = NULL;
	int			rc = sqlite3_prepare_v2(conn->db, sql, -1, &statement, NULL);

	*value = 0;
	if (rc == SQLITE_OK)
	{
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			*value = sqlite3_column_int64(statement, 0);
	}
	if (rc != SQLITE_ROW)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	sqlite3_finalize(statement);
	return rc == SQLITE_ROW;
}

/* What is in the file?  *is_empty: nothing yet. */
static bool
recognise(SqliteConn *conn, bool *is_empty, Error *err)
{
	int64_t		application_id = 0;
	int64_t		version = 0;
	int64_t		objects = 0;

	*is_empty = false;
	if (!pragma_int64(conn, "PRAGMA application_id", &application_id, err) ||
		!pragma_int64(conn, "PRAGMA user_version", &version, err) ||
		!pragma_int64(conn, "SELECT count(*) FROM sqlite_master", &objects, err))
		return false;
	if (application_id == 0 && version == 0 && objects == 0)
	{
		*is_empty = true;
		return true;
	}
	if (application_id != APPLICATION_ID)
	{
		error_set(err, ERROR_STORE, "SQLite file \"%s\" belongs to another program", conn->path);
		return error_hint(err, "Name another file in [local] path.");
	}
	if (version != SCHEMA_VERSION)
	{
		error_set(err, ERROR_STORE, "SQLite file \"%s\" has version %lld of the local store, this dbsync knows version %d", conn->path,
				  (long long) version, SCHEMA_VERSION);
		return error_hint(err, "Use the version of dbsync that made the file.");
	}
	return true;
}

/* WAL lets readers work beside the writer.  It needs shared memory, which network file systems do not give. */
static bool
set_wal_mode(SqliteConn *conn, Error *err)
{
	sqlite3_stmt *statement = NULL;
	int			rc = sqlite3_prepare_v2(conn->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	bool		ok = false;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc != SQLITE_ROW)
		sqlite_conn_error(conn, sqlite3_extended_errcode(conn->db), err);
	else if (strcmp((const char *) sqlite3_column_text(statement, 0), "wal") != 0)
	{
		error_set(err, ERROR_STORE, "the file system of \"%s\" does not allow SQLite's write-ahead log", conn->path);
		error_hint(err, "Put [local] path on a local file system.");
	}
	else
		ok = true;
	sqlite3_finalize(statement);
	return ok;
}

static bool
create(SqliteConn *conn, Error *err)
{
	bool		is_empty;
	Error		second = ERROR_INIT;

	/* The first two must come before the file has its first page. */
	if (!sqlite_conn_exec(conn, "PRAGMA auto_vacuum = INCREMENTAL", err) || !set_wal_mode(conn, err) ||
		!sqlite_conn_exec(conn, "BEGIN IMMEDIATE", err))
		return false;

	/* Another dbsync may have been faster. */
	if (recognise(conn, &is_empty, err))
	{
		char	   *marks = mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, SCHEMA_VERSION);
		bool		ok = !is_empty || (sqlite_conn_exec(conn, schema_sql, err) && sqlite_conn_exec(conn, marks, err));

		free(marks);
		if (ok && sqlite_conn_exec(conn, "COMMIT", err))
			return true;
	}
	if (!sqlite3_get_autocommit(conn->db) && !sqlite_conn_exec(conn, "ROLLBACK", &second))
		error_clear(&second);
	return false;
}

bool
sqlite_schema_prepare(SqliteConn *conn, StoreMode mode, Error *err)
{
	bool		is_empty;
	int64_t		auto_vacuum;

	if (!recognise(conn, &is_empty, err))
		return false;
	if (is_empty)
	{
		if (mode != STORE_CREATE)
		{
			error_set(err, ERROR_STORE, "SQLite file \"%s\" has nothing of dbsync in it", conn->path);
			return error_hint(err, "Is it the file that \"dbsync run\" uses? Look at [local] path.");
		}
		if (!create(conn, err))
			return false;
	}
	if (mode == STORE_READ_ONLY)
		return true;

	/* A dbsync may have died while it made the file smaller. */
	if (!pragma_int64(conn, "PRAGMA auto_vacuum", &auto_vacuum, err) ||
		(auto_vacuum == 1 && !sqlite_conn_exec(conn, "PRAGMA auto_vacuum = INCREMENTAL", err)))
		return false;

	/*
	 * A checkpoint after 16 MB: each costs two fsyncs.  The log file keeps 64 MB when it is started over: that much can
	 * be written, rows removed above all, when the disk is full.
	 */
	return set_wal_mode(conn, err) &&
		sqlite_conn_exec(conn, "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA synchronous = NORMAL",
						 err);
}
