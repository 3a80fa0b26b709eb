/* What the preflight does about tables that somebody has locked. */
#include "sync/preflight_private.h"

#define LOCK_PATIENCE "5s"

/* One row a session, with one of the tables (an index, where it is that alone); also who waits for such a lock, in front of us. */
static const char holders_sql[] =
	"SELECT DISTINCT ON (l.pid, x.gid) l.pid, x.gid, coalesce(a.usename, x.owner, '?'), coalesce(a.application_name, ''),"
	" CASE WHEN l.pid IS NULL THEN 'prepared transaction' ELSE coalesce(a.state, '?') END,"
	" coalesce(pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - coalesce(a.xact_start, x.prepared))::text, '?'),"
	" pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), pg_catalog.quote_literal(x.gid)"
	" FROM pg_catalog.pg_locks l"
	" JOIN pg_catalog.pg_class c ON c.oid = l.relation"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
	" LEFT JOIN pg_catalog.pg_prepared_xacts x ON l.pid IS NULL AND l.virtualtransaction LIKE '%/' || x.transaction::text"
	" WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'"
	" AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
	" ORDER BY l.pid, x.gid, c.relkind IN ('r', 'p', 'm') DESC, l.granted DESC, 7";

bool
preflight_connect(const char *conninfo, PgRole role, PgConn **conn, Error *err)
{
	PgConnOptions options = {.role = role, .name_suffix = "check"};

	return pg_connect(conninfo, &options, conn, err) && pg_exec(*conn, "SET lock_timeout = '" LOCK_PATIENCE "'", NULL, err);
}

bool
preflight_add_lock(Preflight *p, const char *side, PgConn *conn, Error *err)
{
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;
	StrBuf		name = STRBUF_INIT;
	PGresult   *result = NULL;
	Error		ignored = ERROR_INIT;
	bool		ok = pg_exec(conn, holders_sql, &result, &ignored);

	strbuf_append(&mend, "let it end, or end it:");
	for (int i = 0; ok && i < PQntuples(result); i++)
	{
		bool		is_prepared = PQgetisnull(result, i, 0);

		strbuf_reset(&name);
		strbuf_printf(&name, "%s by %s %s (user %s, application \"%s\", %s, for %s)", PQgetvalue(result, i, 6), is_prepared ? "transaction" : "pid",
					  PQgetvalue(result, i, is_prepared ? 1 : 0), PQgetvalue(result, i, 2), PQgetvalue(result, i, 3), PQgetvalue(result, i, 4),
					  PQgetvalue(result, i, 5));
		name_list_add(&names, strbuf_text(&name));
		if (is_prepared)
			strbuf_printf(&mend, "\nROLLBACK PREPARED %s;", PQgetvalue(result, i, 7));
		else
			strbuf_printf(&mend, "\nSELECT pg_terminate_backend(%s);", PQgetvalue(result, i, 0));
	}
	if (names.count > 0)
		error_set(err, ERROR_RETRY, "a table is locked (ACCESS EXCLUSIVE) on the %s and was not free within " LOCK_PATIENCE ": %s", side, name_list_text(&names));
	else
		error_context(err, "a lock was not free within " LOCK_PATIENCE ", and now is, or its holder is not known");
	finding_add_failure(p, side, names.count > 0 ? strbuf_text(&mend) : "try again", "", err);
	PQclear(result);
	name_list_free(&names);
	strbuf_free(&mend);
	strbuf_free(&name);
	ok = ok || ignored.kind != ERROR_CANCELLED;
	if (!ok)
		error_move(err, &ignored);
	error_clear(&ignored);
	return ok;
}
