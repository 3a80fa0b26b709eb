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
						"confirmed_flush_lsn, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
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
	}
	PQclear(result);
	return true;
}

bool
slot_drop(PgConn *conn, const char *name, Error *err)
{
	if (!pg_exec_params(conn,
						"SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, &name, NULL, err))
		return error_context(err, "cannot drop slot \"%s\"", name);
	return true;
}
