/*
 * optional_table.c
 *		Statements about tables of dbsync's own that no run may have made yet.
 */
#include "pg/conn.h"

bool
pg_exec_if_there(PgConn *conn, const char *table, const char *sql, int count, const char *const *values,
				 PGresult **result, Error *err)
{
	const char *names[] = {table};
	PGresult *look;
	bool is_there;

	if (result)
		*result = NULL;
	if (!pg_exec_params(conn, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1, names, &look, err))
		return false;
	is_there = PQgetvalue(look, 0, 0)[0] == 't';
	PQclear(look);
	return !is_there || pg_exec_params(conn, sql, count, values, result, err);
}
