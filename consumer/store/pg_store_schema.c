/*
 * pg_store_schema.c
 *		The tables of the PostgreSQL store.
 */
#include "store/pg_internal.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 1

/* Two that start at the same time must not both create. */
#define CREATE_LOCK "8242361927363291"

/*
 * records is not compressed: a queue's rows live for moments, and compressing costs more than writing. Its dead rows are vacuumed
 * early, and cheaply.
 */
static const char schema_sql[] =
	"CREATE TABLE dbsync_local.store_version (version integer NOT NULL);"
	"INSERT INTO dbsync_local.store_version VALUES (1);"
	"CREATE TABLE dbsync_local.db_sync_status ("
	" task text PRIMARY KEY, phase text NOT NULL, source_kind text, source_id text, source_timeline integer NOT NULL,"
	" slot text, target_id text, filter text, created timestamptz, full_sync_start timestamptz, full_sync_end timestamptz,"
	" decoder_start_lsn pg_lsn NOT NULL, received_lsn pg_lsn NOT NULL, applied_lsn pg_lsn NOT NULL,"
	" applied_commit timestamptz, segment bigint NOT NULL, waiting_transactions bigint NOT NULL DEFAULT 0,"
	" waiting_changes bigint NOT NULL DEFAULT 0, waiting_bytes bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);"
	"CREATE TABLE dbsync_local.db_sync_tables ("
	" task text NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, chunk integer NOT NULL,"
	" chunk_count integer NOT NULL, first_block bigint NOT NULL, last_block bigint NOT NULL, phase text NOT NULL,"
	" snapshot_lsn pg_lsn NOT NULL, estimated_bytes bigint NOT NULL, estimated_rows bigint NOT NULL,"
	" copied_rows bigint NOT NULL, copied_bytes bigint NOT NULL, start_time timestamptz, end_time timestamptz,"
	" position integer NOT NULL, PRIMARY KEY (task, schema_name, table_name, chunk)) WITH (fillfactor = 70);"
	"CREATE TABLE dbsync_local.sync_sqls ("
	" id bigint GENERATED ALWAYS AS IDENTITY, task text NOT NULL, segment bigint NOT NULL, commit_lsn pg_lsn NOT NULL,"
	" end_lsn pg_lsn, part integer NOT NULL, is_last boolean NOT NULL, piece integer NOT NULL, pieces integer NOT NULL,"
	" xid bigint NOT NULL, commit_time timestamptz NOT NULL, changes bigint NOT NULL, bytes integer NOT NULL,"
	" records bytea NOT NULL, PRIMARY KEY (task, commit_lsn, part, piece))"
	" WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,"
	" autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_scale_factor = 0.02,"
	" toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0);"
	"ALTER TABLE dbsync_local.sync_sqls ALTER COLUMN records SET STORAGE EXTERNAL;"
	"CREATE INDEX sync_sqls_not_last ON dbsync_local.sync_sqls (task, commit_lsn) WHERE NOT is_last;"
	"CREATE TABLE dbsync_local.sync_relations ("
	" task text NOT NULL, segment bigint NOT NULL, number bigint NOT NULL, record bytea NOT NULL,"
	" PRIMARY KEY (task, segment, number));"
	"COMMENT ON SCHEMA dbsync_local IS 'local store of dbsync: tasks, and changes waiting to be applied';";

/* What is in the database?  *is_empty: nothing yet. */
static bool
recognise(PgStore *store, PgConn *conn, Arena *arena, bool *is_empty, Error *err)
{
	const char *value;

	*is_empty = false;
	if (!pg_query_value(conn, arena,
						"SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
						" WHERE n.nspname = '" PG_STORE_SCHEMA "' AND c.relname = 'store_version') THEN 'store'"
						" WHEN EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
						" WHERE n.nspname = '" PG_STORE_SCHEMA "') THEN 'other' ELSE 'nothing' END", 0, NULL, &value, err))
		return false;
	if (strcmp(value, "nothing") == 0)
	{
		*is_empty = true;
		return true;
	}
	if (strcmp(value, "other") == 0)
	{
		error_set(err, ERROR_STORE, "%s has a schema \"" PG_STORE_SCHEMA "\" that is not dbsync's", store->description);
		return error_hint(err, "Name another database in [local.pgsql] connect_string.");
	}
	if (!pg_query_value(conn, arena, "SELECT version FROM dbsync_local.store_version", 0, NULL, &value, err))
		return false;
	if (value == NULL || atoi(value) != SCHEMA_VERSION)
	{
		error_set(err, ERROR_STORE, "%s has version %s of the local store, this dbsync knows version %d", store->description,
				  value != NULL ? value : "\"\"", SCHEMA_VERSION);
		return error_hint(err, "Use the version of dbsync that made the tables.");
	}
	return true;
}

static bool
create(PgStore *store, PgConn *conn, Arena *arena, Error *err)
{
	bool		is_empty;
	const char *schema_exists;

	if (!pg_exec(conn, "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(" CREATE_LOCK ")", NULL, err) ||
		!recognise(store, conn, arena, &is_empty, err) ||
		!pg_query_value(conn, arena, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = '" PG_STORE_SCHEMA "'", 0, NULL,
						&schema_exists, err))
		return false;
	/* A schema made for us by its owner needs no right to create one. */
	if (is_empty && ((schema_exists[0] == '0' && !pg_exec(conn, "CREATE SCHEMA " PG_STORE_SCHEMA, NULL, err)) ||
					 !pg_exec(conn, schema_sql, NULL, err)))
		return false;
	return pg_exec(conn, "COMMIT", NULL, err);
}

bool
pg_store_schema_prepare(PgStore *store, PgConn *conn, Error *err)
{
	Arena	   *arena = arena_new(0);
	bool		is_empty;
	bool		ok = recognise(store, conn, arena, &is_empty, err);

	if (ok && is_empty)
	{
		if (store->mode == STORE_CREATE)
			ok = create(store, conn, arena, err);
		else
		{
			ok = error_set(err, ERROR_STORE, "%s has nothing of dbsync in it", store->description);
			error_hint(err, "Is it the database that \"dbsync run\" uses? Look at [local.pgsql] connect_string.");
		}
	}
	arena_free(arena);
	return ok;
}
