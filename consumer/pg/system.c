/*
 * system.c
 *		Which cluster and database a connection leads to.
 */
#include "pg/conn_private.h"

#include <stdlib.h>
#include <string.h>

bool
pg_system_id(PgConn *conn, Arena *arena, const char **id, int *timeline, Error *err)
{
	/* The timeline of the last checkpoint is still the old one shortly after a promotion; the name of a WAL file is not. */
	static const char *const query =
		"SELECT s.system_identifier, CASE WHEN pg_catalog.pg_is_in_recovery() THEN c.timeline_id"
		" ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))"
		"::pg_catalog.\"bit\"::pg_catalog.int4 END, pg_catalog.current_database()"
		" FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c";
	bool is_replication = conn->role == PG_ROLE_REPLICATION;
	int db_column = is_replication ? 3 : 2;
	PGresult *result;

	if (!pg_exec(conn, is_replication ? "IDENTIFY_SYSTEM" : query, &result, err))
	{
		if (strcmp(err->sqlstate, "42501") == 0)
			error_hint(err,
					   "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint() "
					   "TO %s",
					   PQuser(conn->raw));
		return error_context(err, "cannot identify the server");
	}
	if (PQntuples(result) != 1 || PQnfields(result) <= db_column)
	{
		PQclear(result);
		return error_set(err, ERROR_FAILED, "%s: cannot identify the server: unexpected answer", conn->name);
	}
	*id = arena_printf(arena, "%s/%s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, db_column));
	if (timeline)
		*timeline = atoi(PQgetvalue(result, 0, 1));
	PQclear(result);
	return true;
}
