/*
 * slot.c
 *		Looks at pg_replication_slots.
 */
#include "pg/slot.h"

#include <stdlib.h>
#include <string.h>

static const char *
text_or_null(const PGresult *result, int column, Arena *arena)
{
	return PQgetisnull(result, 0, column) ? NULL : arena_strdup(arena, PQgetvalue(result, 0, column));
}

bool
slot_look(PgConn *conn, const char *name, Arena *arena, SlotInfo *info, Error *err)
{
	PGresult   *result = NULL;

	memset(info, 0, sizeof(*info));
	if (!pg_exec_params(conn,
						"SELECT plugin, database, database = pg_catalog.current_database(), coalesce(active_pid, 0), "
						"confirmed_flush_lsn, wal_status, "
						"CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn() END FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, &name, &result, err))
		return error_context(err, "cannot look at slot \"%s\"", name);
	if (PQntuples(result) == 1)
	{
		info->exists = true;
		info->plugin = text_or_null(result, 0, arena);
		info->database = text_or_null(result, 1, arena);
		info->is_of_this_database = strcmp(PQgetvalue(result, 0, 2), "t") == 0;
		info->active_pid = atoi(PQgetvalue(result, 0, 3));
		if (!PQgetisnull(result, 0, 4) && !lsn_parse(PQgetvalue(result, 0, 4), &info->confirmed))
			info->confirmed = LSN_NONE;
		info->wal_status = text_or_null(result, 5, arena);
		if (!PQgetisnull(result, 0, 6) && !lsn_parse(PQgetvalue(result, 0, 6), &info->flushed))
			info->flushed = LSN_NONE;
	}
	PQclear(result);
	return true;
}

bool
slot_check_held(const SlotInfo *info, const char *name, Lsn held, Error *err)
{
	char		theirs[LSN_TEXT_SIZE];
	char		ours[LSN_TEXT_SIZE];

	if (!info->exists)
	{
		error_set(err, ERROR_GAP, "slot \"%s\" is gone from the source", name);
		return error_hint(err, "the changes since are lost; \"dbsync drop\" and a new full sync are needed");
	}
	if (info->wal_status != NULL && strcmp(info->wal_status, "lost") == 0)
	{
		error_set(err, ERROR_GAP, "slot \"%s\" has lost WAL that was needed (wal_status is \"lost\")", name);
		return error_hint(err, "raise max_slot_wal_keep_size on the source, then \"dbsync drop\" and a new full sync");
	}
	if (info->confirmed > held)
	{
		error_set(err, ERROR_GAP, "slot \"%s\" was confirmed up to %s, but this task has changes only up to %s", name,
				  lsn_show(info->confirmed, theirs), lsn_show(held, ours));
		return error_hint(err, "somebody else has read from the slot or made it anew, or the local store or the target was restored; what is between is lost: "
						  "\"dbsync drop\" and a new full sync are needed");
	}
	if (info->flushed != LSN_NONE && info->flushed < held)
	{
		error_set(err, ERROR_GAP, "the source's log ends at %s, but this task has changes up to %s already: the source has gone back",
				  lsn_show(info->flushed, theirs), lsn_show(held, ours));
		return error_hint(err, "it was restored from an older copy, and the target has what it has lost: \"dbsync drop\" and a new full sync are needed");
	}
	return true;
}

bool
slot_drop(PgConn *conn, const char *name, Error *err)
{
	if (!pg_exec_params(conn,
						"SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, &name, NULL, err))
	{
		/* Its maker has ended meanwhile, and it with him. */
		if (strcmp(err->sqlstate, "42704") == 0)
		{
			error_clear(err);
			return true;
		}
		if (strcmp(err->sqlstate, "55006") == 0)
			error_hint(err, "the process that holds it may wait for transactions that run on the source; to end it, there: SELECT "
					   "pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s'", name);
		return error_context(err, "cannot drop slot \"%s\"", name);
	}
	return true;
}
