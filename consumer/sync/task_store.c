/* Opens the local store: an SQLite file, or a PostgreSQL database. */
#include "sync/task_store.h"

#include "pg/conn.h"
#include "store/pg_store.h"
#include "store/sqlite_store.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

/* Is there a store in the database?  Asked only after it could not be opened, to tell "never made" from "broken". */
static bool
pg_store_is_missing(const char *conninfo)
{
	PgConnOptions options = {.role = PG_ROLE_STORE, .name_suffix = "store"};
	PgConn	   *conn = NULL;
	Error		ignored = ERROR_INIT;
	Arena	   *arena = arena_new(0);
	const char *value = NULL;
	bool		missing;

	missing = pg_connect(conninfo, &options, &conn, &ignored) &&
		pg_query_value(conn, arena, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'dbsync_local'",
					   0, NULL, &value, &ignored) &&
		value != NULL && strcmp(value, "0") == 0;
	pg_close(conn);
	arena_free(arena);
	error_clear(&ignored);
	return missing;
}

/* The same of a file: a run that has just begun makes it empty, and its tables a moment later. */
static bool
sqlite_store_is_empty(const char *path)
{
	sqlite3    *db = NULL;
	sqlite3_stmt *statement = NULL;
	bool		is_empty;

	is_empty = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_busy_timeout(db, 1000) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_master", -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == 0;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return is_empty;
}

static bool
open_store(const Config *config, StoreMode mode, Store **store, Error *err)
{
	if (config->local == NULL)
		return sqlite_store_open(config->local_path, config->local_durability, mode, store, err);
	return pg_store_open(config->local, config->local_durability, mode, store, err);
}

static bool
store_is_missing(const Config *config)
{
	return config->local == NULL ? sqlite_store_is_empty(config->local_path) : pg_store_is_missing(config->local);
}

bool
task_store_open(const Config *config, StoreMode mode, Store **store, Error *err)
{
	*store = NULL;
	if (config->local == NULL && mode != STORE_CREATE && access(config->local_path, F_OK) != 0)
		return true;
	if (open_store(config, mode, store, err))
		return true;
	if (mode == STORE_CREATE)
		return false;
	error_clear(err);
	/* Where it is there after all, a run that has just begun may have made it between the two looks; anything else fails again. */
	return store_is_missing(config) || open_store(config, mode, store, err);
}
