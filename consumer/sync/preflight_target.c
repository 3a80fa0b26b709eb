/* The preflight of the target: server, role, progress tables. */
#include "sync/preflight_private.h"

#include <string.h>

static const char facts_sql[] =
	"SELECT pg_catalog.current_setting('server_version') AS version,"
	" pg_catalog.pg_is_in_recovery() AS in_recovery,"
	" pg_catalog.getdatabaseencoding() AS encoding,"
	" pg_catalog.quote_ident(pg_catalog.current_database()) AS quoted_database,"
	" pg_catalog.quote_ident(current_user) AS quoted_role,"
	" pg_catalog.host(pg_catalog.inet_client_addr()) AS client,"
	" pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int"
	"  - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0)"
	"  - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database) AS free_connections,"
	" (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user) AS role_limit,"
	" pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create_schema,"
	" n.oid IS NOT NULL AS has_schema,"
	" n.oid IS NOT NULL AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')"
	"  AS may_use_schema,"
	" (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(c.relname), ', ') FROM pg_catalog.pg_class c"
	"  WHERE c.relnamespace = n.oid AND c.relkind = 'r'"
	"  AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')"
	"  AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE'))) AS denied_tables"
	" FROM (VALUES (1)) v LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'dbsync'";

static void
check_schema(Preflight *p, const PGresult *facts)
{
	StrBuf		mend = STRBUF_INIT;
	const char *denied = result_text(facts, "denied_tables");

	if (!result_is_true(facts, "has_schema"))
	{
		if (!result_is_true(facts, "may_create_schema"))
		{
			strbuf_printf(&mend, "GRANT CREATE ON DATABASE %s TO %s;   -- or: CREATE SCHEMA dbsync AUTHORIZATION %s;",
						  p->target_database, p->target_role, p->target_role);
			finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend),
						"the role %s may not create the schema dbsync, which holds the progress", p->target_role);
		}
	}
	else if (!result_is_true(facts, "may_use_schema"))
	{
		strbuf_printf(&mend, "GRANT USAGE, CREATE ON SCHEMA dbsync TO %s;", p->target_role);
		finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend), "the role %s may not use the schema dbsync", p->target_role);
	}
	else if (denied != NULL)
	{
		strbuf_printf(&mend, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dbsync TO %s;", p->target_role);
		finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend), "the role %s may not write tables of the schema dbsync: %s",
					p->target_role, denied);
	}
	strbuf_free(&mend);
}

static void
check_encoding(Preflight *p, const char *encoding)
{
	if (p->source_encoding == NULL || strcmp(p->source_encoding, encoding) == 0)
		return;
	if (strcmp(p->source_encoding, "SQL_ASCII") == 0)
		finding_add(p, FINDING_WARNING, "target", NULL,
					"the source's encoding is SQL_ASCII, the target's %s: a value that is not valid there stops dbsync", encoding);
	else if (strcmp(encoding, "SQL_ASCII") == 0)
		finding_add(p, FINDING_WARNING, "target", NULL,
					"the target's encoding is SQL_ASCII: it will hold the text in UTF-8, unchecked; the source has %s",
					p->source_encoding);
	else if (strcmp(encoding, "UTF8") == 0)
		finding_add(p, FINDING_OK, "target", NULL, "text is converted from %s to UTF8", p->source_encoding);
	else
		finding_add(p, FINDING_WARNING, "target", "use a target database with ENCODING 'UTF8'",
					"the source's encoding is %s, the target's %s: a character that it does not have stops dbsync",
					p->source_encoding, encoding);
}

static void
check_settings(Preflight *p, const PGresult *facts)
{
	int64_t		free_connections = result_number(facts, "free_connections");
	int64_t		limit = result_number(facts, "role_limit");
	int			wanted = p->copy_pending ? p->config->copy.jobs + 2 : 2;

	if (result_is_true(facts, "in_recovery"))
		finding_add(p, FINDING_ERROR, "target", "connect to the primary (target_session_attrs=read-write picks it)",
					"the server is a standby and cannot be written");
	if (free_connections < 2)
		finding_add(p, FINDING_ERROR, "target", "ALTER SYSTEM SET max_connections = ...; -- then restart the server",
					"only %lld connections are free, at least 2 are needed", (long long) free_connections);
	else if (free_connections < wanted || (limit >= 0 && limit < wanted))
		finding_add(p, FINDING_WARNING, "target", "set [dbsync] jobs lower, or raise max_connections or the role's CONNECTION LIMIT",
					"%d connections are wanted, %lld are free", wanted,
					(long long) (limit >= 0 && limit < free_connections ? limit : free_connections));
}

static bool
check_identity(Preflight *p, Error *err)
{
	const char *id;
	int			timeline;

	if (!pg_system_id(p->target, p->arena, &id, &timeline, err))
		return finding_add_error(p, "target", err);
	if (p->source_id != NULL && strcmp(id, p->source_id) == 0)
		finding_add(p, FINDING_ERROR, "target", "correct [src.pgsql] and [desc.pgsql] connect_string",
					"source and target are the same database");
	if (p->has_started && p->task.target_id != NULL && strcmp(p->task.target_id, id) != 0)
		finding_add(p, FINDING_ERROR, "target", "use another slot name and local store for it, or end the old task: dbsync drop",
					"task %s belongs to the target %s, this one is %s", p->task.task, p->task.target_id, id);
	return true;
}

bool
preflight_target(Preflight *p, Error *err)
{
	PGresult   *facts = NULL;
	bool		ok;

	if (!preflight_connect(p->config->target, PG_ROLE_TARGET, &p->target, err))
		return finding_add_error(p, "target", err);
	if (!pg_exec(p->target, facts_sql, &facts, err))
		return finding_add_error(p, "target", err);
	p->target_role = arena_strdup(p->arena, result_text(facts, "quoted_role"));
	p->target_database = arena_strdup(p->arena, result_text(facts, "quoted_database"));
	finding_add(p, FINDING_OK, "target", NULL, "connected, version %s, database %s, role %s", result_text(facts, "version"),
				p->target_database, p->target_role);
	check_settings(p, facts);
	check_schema(p, facts);
	check_encoding(p, result_text(facts, "encoding"));
	PQclear(facts);
	ok = check_identity(p, err);
	if (ok && p->has_source_tables)
		ok = preflight_target_tables(p, err);
	return ok;
}
