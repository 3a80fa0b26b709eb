/*
 * query.c
 *		Statements with short answers, and statements about tables of dbsync's own that no run may have made yet.
 */
#include "pg/conn_private.h"

bool
pg_query_value(PgConn *conn, Arena *arena, const char *sql, int count, const char *const *values, const char **value,
			   Error *err)
{
	PGresult *result;
	bool ok;

	*value = NULL;
	/* The simple protocol where it suffices: replication connections have no other. */
	ok = count == 0 ? pg_exec(conn, sql, &result, err) : pg_exec_params(conn, sql, count, values, &result, err);
	if (!ok)
		return false;
	if (PQntuples(result) != 1 || PQnfields(result) < 1)
		ok = error_set(err, ERROR_FAILED, "%s: expected one row, got %d, from: %s", conn->name, PQntuples(result), sql);
	else if (!PQgetisnull(result, 0, 0))
		*value = arena_strndup(arena, PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0));
	PQclear(result);
	return ok;
}

bool
pg_query_bool(PgConn *conn, const char *sql, int count, const char *const *values, bool *value, Error *err)
{
	PGresult *result;

	*value = false;
	if (!pg_exec_params(conn, sql, count, values, &result, err))
		return false;
	*value = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return true;
}

bool
pg_exec_if_there(PgConn *conn, const char *table, const char *sql, int count, const char *const *values,
				 PGresult **result, Error *err)
{
	const char *names[] = {table};
	bool is_there;

	if (result)
		*result = NULL;
	if (!pg_query_bool(conn, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1, names, &is_there, err))
		return false;
	return !is_there || pg_exec_params(conn, sql, count, values, result, err);
}
