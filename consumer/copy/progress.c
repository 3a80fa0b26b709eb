/*
 * progress.c
 *		dbsync.copy_progress on the target: one row for each item that is done, written by the transaction that did it.
 */
#include "copy/copy_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Other processes may create the same things at the same time: then they are there at the next look. */
#define CREATE_TRIES 3

static const char create_table_sql[] =
	"CREATE TABLE IF NOT EXISTS dbsync.copy_progress ("
	" task pg_catalog.text NOT NULL,"
	" source_schema pg_catalog.text NOT NULL,"
	" source_table pg_catalog.text NOT NULL,"
	" chunk pg_catalog.int4 NOT NULL,"
	" chunk_count pg_catalog.int4 NOT NULL,"
	" source_id pg_catalog.text NOT NULL,"
	" snapshot_lsn pg_catalog.pg_lsn NOT NULL,"
	" rows pg_catalog.int8,"
	" bytes pg_catalog.int8,"
	" finished_at pg_catalog.timestamptz,"
	" PRIMARY KEY (task, source_schema, source_table, chunk))";

static char *
quoted_user(PgConn *conn)
{
	StrBuf text = STRBUF_INIT;

	pg_quote_identifier(&text, PQuser(pg_raw(conn)));
	return strbuf_detach(&text);
}

static bool
was_created_elsewhere(const Error *err)
{
	return strcmp(err->sqlstate, "23505") == 0 || strcmp(err->sqlstate, "42P06") == 0 ||
		strcmp(err->sqlstate, "42P07") == 0;
}

/* CREATE SCHEMA IF NOT EXISTS wants the right to create even where the schema exists: so look first. */
static bool
create_schema(PgConn *target, Error *err)
{
	bool found;
	bool ok;

	ok = pg_query_bool(target, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'dbsync')", 0, NULL,
					   &found, err);
	if (!ok || found || pg_exec(target, "CREATE SCHEMA IF NOT EXISTS dbsync", NULL, err))
		return ok;
	if (strcmp(err->sqlstate, "42501") == 0)
	{
		char *user = quoted_user(target);
		StrBuf database = STRBUF_INIT;

		pg_quote_identifier(&database, PQdb(pg_raw(target)));
		err->kind = ERROR_PREFLIGHT;
		error_hint(err, "on the target, as its owner: GRANT CREATE ON DATABASE %s TO %s; or: CREATE SCHEMA dbsync "
						"AUTHORIZATION %s",
				   strbuf_text(&database), user, user);
		strbuf_free(&database);
		free(user);
	}
	return false;
}

static bool
create_table(PgConn *target, Error *err)
{
	bool found;
	char *user;

	if (!pg_query_bool(target,
					   "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
					   " ON n.oid = c.relnamespace WHERE n.nspname = 'dbsync' AND c.relname = 'copy_progress')",
					   0, NULL, &found, err))
		return false;
	if (found || pg_exec(target, create_table_sql, NULL, err))
		return true;
	if (strcmp(err->sqlstate, "42501") == 0)
	{
		user = quoted_user(target);
		err->kind = ERROR_PREFLIGHT;
		error_hint(err, "on the target, as its owner: GRANT USAGE, CREATE ON SCHEMA dbsync TO %s", user);
		free(user);
	}
	return false;
}

/* A table made beforehand must be ours to use: better said now than after the first large table. */
static bool
check_rights(PgConn *target, Error *err)
{
	bool allowed;
	char *user;

	if (!pg_query_bool(target,
					   "SELECT CASE WHEN pg_catalog.has_schema_privilege('dbsync', 'USAGE')"
					   " THEN pg_catalog.has_table_privilege('dbsync.copy_progress', 'SELECT')"
					   "  AND pg_catalog.has_table_privilege('dbsync.copy_progress', 'INSERT')"
					   "  AND pg_catalog.has_table_privilege('dbsync.copy_progress', 'UPDATE')"
					   "  AND pg_catalog.has_table_privilege('dbsync.copy_progress', 'DELETE') ELSE false END",
					   0, NULL, &allowed, err))
		return false;
	if (allowed)
		return true;
	user = quoted_user(target);
	error_set(err, ERROR_PREFLIGHT, "%s: may not use dbsync.copy_progress", pg_conn_name(target));
	error_hint(err,
			   "on the target, as its owner: GRANT USAGE ON SCHEMA dbsync TO %s; GRANT SELECT, INSERT, UPDATE, DELETE "
			   "ON ALL TABLES IN SCHEMA dbsync TO %s",
			   user, user);
	free(user);
	return false;
}

bool
copy_prepare_target(PgConn *target, Error *err)
{
	for (int tries = 1;; tries++)
	{
		if (create_schema(target, err) && create_table(target, err))
			return check_rights(target, err);
		if (!was_created_elsewhere(err) || tries == CREATE_TRIES)
			return error_context(err, "cannot create dbsync.copy_progress");
		error_clear(err);
	}
}

bool
copy_forget(PgConn *target, const char *task, Error *err)
{
	const char *values[1] = {task};

	return pg_exec_if_there(target, "dbsync.copy_progress", "DELETE FROM dbsync.copy_progress WHERE task = $1", 1,
							values, NULL, err) &&
		pg_exec_if_there(target, "dbsync.rejects", "DELETE FROM dbsync.rejects WHERE task = $1", 1, values, NULL, err);
}

/* A task's name is its slot's; two sources with the same slot name must not meet on one target. */
static bool
check_source(PgConn *target, const CopyRunOptions *options, Error *err)
{
	const char *values[2] = {options->task, options->source_id};
	PGresult *result;
	bool ok = true;

	if (!pg_exec_params(target,
						"SELECT source_id FROM dbsync.copy_progress WHERE task = $1 AND source_id <> $2 LIMIT 1", 2,
						values, &result, err))
		return false;
	if (PQntuples(result) > 0)
	{
		ok = error_set(err, ERROR_FAILED, "%s: the copy of task %s there is of another source, %s; this one is %s",
					   pg_conn_name(target), options->task, PQgetvalue(result, 0, 0), options->source_id);
		error_hint(err, "use another slot name for this source; or, where the other task is given up: dbsync drop");
	}
	PQclear(result);
	return ok;
}

bool
copy_progress_load(PgConn *target, const CopyRunOptions *options, Arena *arena, CopyProgress **rows, int *count,
				   Error *err)
{
	char start[LSN_TEXT_SIZE];
	const char *values[2];
	PGresult *result;
	bool ok = true;

	if (!check_source(target, options, err))
		return false;
	values[0] = options->task;
	values[1] = lsn_format(options->start_lsn, start);
	if (!pg_exec_params(target, "DELETE FROM dbsync.copy_progress WHERE task = $1 AND snapshot_lsn < $2::pg_catalog.pg_lsn",
						2, values, NULL, err) ||
		!pg_exec_params(target,
						"SELECT source_schema, source_table, chunk, chunk_count, snapshot_lsn, rows, bytes"
						" FROM dbsync.copy_progress WHERE task = $1",
						1, values, &result, err))
		return error_context(err, "cannot read dbsync.copy_progress");

	*count = PQntuples(result);
	*rows = arena_zalloc(arena, (size_t) (*count + 1) * sizeof(CopyProgress));
	for (int i = 0; i < *count && ok; i++)
	{
		CopyProgress *row = &(*rows)[i];

		row->schema = arena_strdup(arena, PQgetvalue(result, i, 0));
		row->table = arena_strdup(arena, PQgetvalue(result, i, 1));
		row->chunk = atoi(PQgetvalue(result, i, 2));
		row->chunk_count = atoi(PQgetvalue(result, i, 3));
		if (!lsn_parse(PQgetvalue(result, i, 4), &row->snapshot_lsn))
			ok = error_set(err, ERROR_FAILED, "%s: bad snapshot_lsn in dbsync.copy_progress", pg_conn_name(target));
		row->rows = strtoll(PQgetvalue(result, i, 5), NULL, 10);
		row->bytes = strtoll(PQgetvalue(result, i, 6), NULL, 10);
	}
	PQclear(result);
	return ok;
}

/* WHERE of one item's row. */
static void
append_key(StrBuf *sql, const char *task, const CopyItem *item)
{
	strbuf_append(sql, " WHERE task = ");
	pg_quote_literal(sql, task);
	strbuf_append(sql, " AND source_schema = ");
	pg_quote_literal(sql, item->schema);
	strbuf_append(sql, " AND source_table = ");
	pg_quote_literal(sql, item->table);
	strbuf_printf(sql, " AND chunk = %d", item->chunk);
}

static bool
read_row(PgConn *target, const CopyRunOptions *options, CopyItem *item, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result;
	Lsn lsn = LSN_NONE;
	bool ok;

	strbuf_append(&sql, "SELECT snapshot_lsn, rows, bytes FROM dbsync.copy_progress");
	append_key(&sql, options->task, item);
	ok = pg_exec(target, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	/* Not there any more: the transaction that had it was rolled back.  Another try will insert it. */
	if (PQntuples(result) == 0)
		ok = error_set(err, ERROR_RETRY, "%s: progress row went away", pg_conn_name(target));
	else if (!lsn_parse(PQgetvalue(result, 0, 0), &lsn) || lsn != options->snapshot.lsn)
	{
		ok = error_set(err, ERROR_FAILED, "%s: this item was copied from another snapshot, at %s",
					   pg_conn_name(target), PQgetvalue(result, 0, 0));
		error_hint(err, "does another dbsync run with the same slot name and target?");
	}
	else
	{
		item->rows = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
		item->bytes = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
	}
	PQclear(result);
	return ok;
}

/*
 * The row comes first: where an earlier try's transaction is still being committed by a backend that we have lost, the insert waits
 * for it, and finds its row or its absence.  No row of the table is touched before that is clear.
 */
bool
copy_progress_begin(PgConn *target, const CopyRunOptions *options, CopyItem *item, bool *done, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	char lsn[LSN_TEXT_SIZE];
	PGresult *result;
	bool ok;

	strbuf_append(&sql, "BEGIN; INSERT INTO dbsync.copy_progress (task, source_schema, source_table, chunk, chunk_count,"
						" source_id, snapshot_lsn) VALUES (");
	pg_quote_literal(&sql, options->task);
	strbuf_append(&sql, ", ");
	pg_quote_literal(&sql, item->schema);
	strbuf_append(&sql, ", ");
	pg_quote_literal(&sql, item->table);
	strbuf_printf(&sql, ", %d, %d, ", item->chunk, item->chunk_count);
	pg_quote_literal(&sql, options->source_id);
	strbuf_printf(&sql, ", '%s') ON CONFLICT DO NOTHING", lsn_format(options->snapshot.lsn, lsn));
	ok = pg_exec(target, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	*done = strcmp(PQcmdTuples(result), "0") == 0;
	PQclear(result);
	if (!*done)
		return true;
	return pg_exec(target, "ROLLBACK", NULL, err) && read_row(target, options, item, err);
}

bool
copy_progress_commit(PgConn *target, const CopyRunOptions *options, const CopyItem *item, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	bool ok;

	strbuf_printf(&sql, "UPDATE dbsync.copy_progress SET rows = %" PRId64 ", bytes = %" PRId64
						", finished_at = pg_catalog.clock_timestamp()",
				  item->rows, item->bytes);
	append_key(&sql, options->task, item);
	strbuf_append(&sql, "; COMMIT");
	ok = pg_exec(target, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	return ok;
}

bool
copy_progress_remove(PgConn *target, const char *task, const CopyTable *table, Error *err)
{
	const char *values[3] = {task, table->schema, table->name};

	return pg_exec_params(target,
						  "DELETE FROM dbsync.copy_progress"
						  " WHERE task = $1 AND source_schema = $2 AND source_table = $3",
						  3, values, NULL, err);
}
