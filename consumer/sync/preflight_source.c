/* The preflight of the source: server, role, replication connection, slot, plugin. */
#include "sync/preflight_private.h"

#include "base/clock.h"
#include "sync/plugin_list.h"

#include <stdlib.h>
#include <string.h>

#define PLUGIN "alidecode"
#define SLOT_TEST_MS 5000
#define OLD_TRANSACTION "60 seconds"

static const char facts_sql[] =
	"SELECT pg_catalog.current_setting('server_version') AS version,"
	" pg_catalog.current_setting('wal_level') AS wal_level,"
	" pg_catalog.pg_is_in_recovery() AS in_recovery,"
	" pg_catalog.getdatabaseencoding() AS encoding,"
	" pg_catalog.current_database() AS database,"
	" pg_catalog.quote_ident(pg_catalog.current_database()) AS quoted_database,"
	" pg_catalog.quote_ident(current_user) AS quoted_role,"
	" pg_catalog.host(pg_catalog.inet_client_addr()) AS client,"
	" pg_catalog.pg_postmaster_start_time() AS started,"
	" r.rolsuper OR r.rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_roles g WHERE g.rolname = 'rds_replication'"
	"  AND pg_catalog.pg_has_role(current_user, g.oid, 'member')) AS may_replicate,"
	" pg_catalog.current_setting('max_replication_slots')::int AS slots,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots) AS slots_used,"
	" pg_catalog.current_setting('max_wal_senders')::int AS senders,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS senders_used,"
	" (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep_mb,"
	" pg_catalog.current_setting('max_slot_wal_keep_size') AS keep_text,"
	" (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS sender_timeout_ms,"
	" pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int"
	"  - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0)"
	"  - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database) AS free_connections,"
	" r.rolconnlimit AS role_limit,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts) AS prepared,"
	" (SELECT pg_catalog.min(gid) FROM pg_catalog.pg_prepared_xacts) AS prepared_gid,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata) AS large_objects,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	"  WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT IN ('dbsync', 'alidecode')) AS sequences,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relkind = 'm') AS materialized,"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relkind = 'f') AS foreign_tables,"
	" s.slot_name AS slot, s.plugin AS slot_plugin, s.slot_type, s.database AS slot_database, s.temporary AS slot_temporary,"
	" s.active AS slot_active, s.active_pid AS slot_pid, s.wal_status AS slot_wal_status,"
	" coalesce((pg_catalog.to_jsonb(s) ->> 'conflicting')::bool, false) AS slot_conflicting,"
	" a.application_name AS slot_application"
	" FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1"
	" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid"
	" WHERE r.rolname = current_user";

/* ---- settings ---- */

static void
check_settings(Preflight *p, const PGresult *facts)
{
	int64_t		free_connections = result_number(facts, "free_connections");
	int64_t		limit = result_number(facts, "role_limit");
	int			wanted = p->copy_pending ? p->config->copy.jobs + 3 : 3;
	int64_t		keep_mb = result_number(facts, "keep_mb");
	int64_t		timeout_ms = result_number(facts, "sender_timeout_ms");

	if (strcmp(result_text(facts, "wal_level"), "logical") != 0)
		finding_add(p, FINDING_ERROR, "source", "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server",
					"wal_level is %s: the WAL does not hold what logical decoding needs", result_text(facts, "wal_level"));
	if (result_is_true(facts, "in_recovery"))
	{
		if (pg_server_version(p->source) < 160000)
			finding_add(p, FINDING_ERROR, "source", "connect to the primary (target_session_attrs=read-write picks it)",
						"the server is a standby, which can decode only from version 16 on");
		else
			finding_add(p, FINDING_WARNING, "source", "connect to the primary, or set hot_standby_feedback = on here",
						"the server is a standby: a new slot waits for activity on the primary, and can be lost to a conflict");
	}
	if (free_connections < 3)
		finding_add(p, FINDING_ERROR, "source", "ALTER SYSTEM SET max_connections = ...; -- then restart the server",
					"only %lld connections are free, at least 3 are needed", (long long) free_connections);
	else if (free_connections < wanted || (limit >= 0 && limit < wanted))
		finding_add(p, FINDING_WARNING, "source", "set [dbsync] jobs lower, or raise max_connections or the role's CONNECTION LIMIT",
					"%d connections are wanted, %lld are free", wanted,
					(long long) (limit >= 0 && limit < free_connections ? limit : free_connections));
	if (keep_mb < 0)
		finding_add(p, FINDING_NOTICE, "source", "ALTER SYSTEM SET max_slot_wal_keep_size = ...; SELECT pg_reload_conf();",
					"max_slot_wal_keep_size is -1: while dbsync is stopped, WAL is kept until the disk is full");
	else
		finding_add(p, FINDING_NOTICE, "source", NULL,
					"max_slot_wal_keep_size is %s: the slot is lost once dbsync is further behind", result_text(facts, "keep_text"));
	if (timeout_ms > 0 && timeout_ms < 10000)
		finding_add(p, FINDING_WARNING, "source", "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
					"wal_sender_timeout is only %lld ms: a short stall of the network ends the stream", (long long) timeout_ms);
}

static void
check_not_streamed(Preflight *p, const PGresult *facts)
{
	if (result_number(facts, "sequences") > 0)
		finding_add(p, FINDING_NOTICE, "source", NULL,
					"sequences: %s; the stream does not carry their values, set them at the cutover",
					result_text(facts, "sequences"));
	if (result_number(facts, "materialized") > 0)
		finding_add(p, FINDING_NOTICE, "source", "REFRESH MATERIALIZED VIEW ...; -- on the target",
					"materialized views: %s; their rows are not brought over", result_text(facts, "materialized"));
	if (result_number(facts, "foreign_tables") > 0)
		finding_add(p, FINDING_NOTICE, "source", NULL, "foreign tables: %s; their rows are stored elsewhere",
					result_text(facts, "foreign_tables"));
	if (result_number(facts, "large_objects") > 0)
		finding_add(p, FINDING_WARNING, "source", "pg_dump --large-objects, at the cutover; or keep the data in bytea columns",
					"large objects: %s; they are neither copied nor streamed", result_text(facts, "large_objects"));
}

/* What slot creation will wait for, as far as this role may see it. */
static bool
check_old_transactions(Preflight *p, const PGresult *facts, Error *err)
{
	static const char sql[] =
		"SELECT pid, usename, application_name, pg_catalog.date_trunc('second', xact_start)"
		" FROM pg_catalog.pg_stat_activity"
		" WHERE backend_xid IS NOT NULL AND xact_start < pg_catalog.now() - interval '" OLD_TRANSACTION "'"
		" AND pid <> pg_catalog.pg_backend_pid() ORDER BY xact_start";
	PGresult   *result = NULL;
	StrBuf		mend = STRBUF_INIT;
	NameList	names = {STRBUF_INIT, 0};

	if (result_number(facts, "prepared") > 0)
	{
		strbuf_append(&mend, "ROLLBACK PREPARED ");
		pg_quote_literal(&mend, result_text(facts, "prepared_gid"));
		strbuf_append(&mend, "; -- or COMMIT PREPARED; all of them: SELECT * FROM pg_prepared_xacts");
		finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
					"prepared transactions: %s; the creation of the slot waits for them to end",
					result_text(facts, "prepared"));
		strbuf_reset(&mend);
	}
	if (!pg_exec(p->source, sql, &result, err))
		return finding_add_error(p, "source", err);
	for (int i = 0; i < PQntuples(result); i++)
	{
		StrBuf		name = STRBUF_INIT;

		strbuf_printf(&name, "pid %s (user %s, application \"%s\", since %s)", PQgetvalue(result, i, 0),
					  PQgetvalue(result, i, 1), PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));
		name_list_add(&names, strbuf_text(&name));
		strbuf_printf(&mend, "%sSELECT pg_terminate_backend(%s);", i > 0 ? "\n" : "", PQgetvalue(result, i, 0));
		strbuf_free(&name);
	}
	if (names.count > 0)
		finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
					"transactions that are open for long: %d; the creation of the slot waits for them to end: %s", names.count,
					name_list_text(&names));
	PQclear(result);
	name_list_free(&names);
	strbuf_free(&mend);
	return true;
}

/* ---- plugin ---- */

/*
 * Where the server has the list, only a superuser or a member of pg_read_all_settings may read it.  *list NULL: it could not be
 * read, or the server has none.
 */
static bool
read_plugin_list(Preflight *p, const char **list, Error *err)
{
	*list = NULL;
	if (pg_query_value(p->source, p->arena, "SELECT pg_catalog.current_setting('output_plugin_libraries', true)", 0, NULL, list,
					   err))
		return true;
	if (err->kind == ERROR_CANCELLED)
		return false;
	error_clear(err);
	return true;
}

/* known NULL: the present list is not known. */
static void
add_list_finding(Preflight *p, const char *known)
{
	StrBuf		mend = STRBUF_INIT;
	StrBuf		value = STRBUF_INIT;

	plugin_list_with(&value, known != NULL ? known : "pgoutput, test_decoding", PLUGIN);
	strbuf_printf(&mend, "ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_reload_conf();\n", strbuf_text(&value));
	strbuf_printf(&mend, "or for this role alone: ALTER ROLE %s SET output_plugin_libraries = %s;", p->source_role,
				  strbuf_text(&value));
	if (known == NULL)
		strbuf_append(&mend, "\n(keep what SHOW output_plugin_libraries has beside these; this role may not read it)");
	finding_add(p, FINDING_ERROR, "source", strbuf_text(&mend),
				"the setting output_plugin_libraries does not name " PLUGIN ": the server refuses to load it");
	strbuf_free(&mend);
	strbuf_free(&value);
}

/* Who the slot creation is waiting for, in words; asked over the other connection. */
static bool
describe_blockers(Preflight *p, int walsender_pid, NameList *names, StrBuf *mend, Error *err)
{
	char		pid[16];
	const char *values[] = {pid};
	PGresult   *result = NULL;

	snprintf(pid, sizeof(pid), "%d", walsender_pid);
	if (!pg_exec_params(p->source,
						"SELECT b.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, '?'),"
						" coalesce(pg_catalog.date_trunc('second', a.xact_start)::text, '?')"
						" FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::int)) b(pid)"
						" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid",
						1, values, &result, err))
		return finding_add_error(p, "source", err);
	for (int i = 0; i < PQntuples(result); i++)
	{
		StrBuf		name = STRBUF_INIT;

		if (strcmp(PQgetvalue(result, i, 0), "0") == 0)
			strbuf_append(&name, "a prepared transaction");
		else
		{
			strbuf_printf(&name, "pid %s (user %s, application \"%s\", since %s)", PQgetvalue(result, i, 0),
						  PQgetvalue(result, i, 1), PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));
			strbuf_printf(mend, "%sSELECT pg_terminate_backend(%s);", i > 0 ? "\n" : "", PQgetvalue(result, i, 0));
		}
		name_list_add(names, strbuf_text(&name));
		strbuf_free(&name);
	}
	PQclear(result);
	return true;
}

static void
add_plugin_error(Preflight *p, Error *err)
{
	if (strstr(err->message, "output plugin") != NULL && strstr(err->message, "may not be used") != NULL)
		add_list_finding(p, NULL);
	else if (strcmp(err->sqlstate, "58P01") == 0)
		finding_add(p, FINDING_ERROR, "source",
					"on the server's machine: make install-decoder PG_CONFIG=/path/to/the/server's/pg_config",
					"the plugin " PLUGIN " is not installed on the server: %s", err->message);
	else
		finding_add_failure(p, "source", err->hint, "a slot of the plugin " PLUGIN " cannot be created: ", err);
}

/*
 * Only a slot proves that the server can load the plugin.  Loading comes first, so a creation that waits for old transactions has
 * proved it too; it is cancelled then.
 */
static bool
test_plugin(Preflight *p, PgConn *repl, Error *err)
{
	PGconn	   *raw = pg_raw(repl);
	int64_t		end_ms = clock_monotonic_ms() + SLOT_TEST_MS;
	char		sql[160];
	bool		waits = false;
	bool		ok = true;
	PGresult   *result;

	snprintf(sql, sizeof(sql), "CREATE_REPLICATION_SLOT \"dbsync_check_%d\" TEMPORARY LOGICAL " PLUGIN " NOEXPORT_SNAPSHOT",
			 PQbackendPID(raw));
	if (PQsendQuery(raw, sql) != 1)
	{
		(void) pg_error(repl, NULL, err);
		return finding_add_error(p, "source", err);
	}
	for (;;)
	{
		int64_t		left_ms = end_ms - clock_monotonic_ms();
		bool		ready;

		if (PQflush(raw) < 0 || PQconsumeInput(raw) != 1 || !PQisBusy(raw))
			break;
		if (left_ms <= 0)
		{
			waits = true;
			break;
		}
		if (!pg_wait(repl, false, (int) left_ms, &ready, err))
			return finding_add_error(p, "source", err);
	}
	if (waits)
	{
		NameList	names = {STRBUF_INIT, 0};
		StrBuf		mend = STRBUF_INIT;
		PGcancel   *cancel = PQgetCancel(raw);
		char		reason[256];

		ok = describe_blockers(p, PQbackendPID(raw), &names, &mend, err);
		if (cancel != NULL)
			(void) PQcancel(cancel, reason, sizeof(reason));
		PQfreeCancel(cancel);
		if (ok)
			finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
						"the plugin loads, but the creation of a slot waits for transactions that are open now: %s",
						names.count > 0 ? name_list_text(&names) : "unknown ones");
		name_list_free(&names);
		strbuf_free(&mend);
		return ok;
	}
	while ((result = PQgetResult(raw)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_TUPLES_OK)
			finding_add(p, FINDING_OK, "source", NULL, "the plugin " PLUGIN " can be loaded, a slot can be created");
		else
		{
			(void) pg_error(repl, result, err);
			add_plugin_error(p, err);
			error_clear(err);
		}
		PQclear(result);
	}
	return true;
}

/* ---- connections ---- */

/* A line for pg_hba.conf; logical replication is matched by the database's name, not by the word "replication". */
static void
add_connect_error(Preflight *p, const PGresult *facts, Error *err)
{
	StrBuf		mend = STRBUF_INIT;

	if (strstr(err->message, "pg_hba.conf") != NULL && facts != NULL)
	{
		const char *client = result_text(facts, "client");

		if (client != NULL)
			strbuf_printf(&mend, "in pg_hba.conf: host %s %s %s/%d scram-sha-256   (then SELECT pg_reload_conf())",
						  p->source_database, p->source_role, client, strchr(client, ':') != NULL ? 128 : 32);
		else
			strbuf_printf(&mend, "in pg_hba.conf: local %s %s scram-sha-256   (then SELECT pg_reload_conf())",
						  p->source_database, p->source_role);
	}
	else if (facts != NULL && !result_is_true(facts, "may_replicate"))
		strbuf_printf(&mend, "ALTER ROLE %s REPLICATION;   (Amazon RDS: GRANT rds_replication TO %s;)", p->source_role,
					  p->source_role);
	else if (err->hint != NULL)
		strbuf_append(&mend, err->hint);
	finding_add_failure(p, "source", strbuf_text(&mend), "", err);
	strbuf_free(&mend);
}

/* Snapshots and slots belong to one instance: two connections through one address must meet the same. */
static bool
check_same_server(Preflight *p, PgConn *other, const PGresult *facts, Error *err)
{
	const char *id;
	const char *started;
	int			timeline;

	if (!pg_system_id(other, p->arena, &id, &timeline, err) ||
		!pg_query_value(other, p->arena, "SELECT pg_catalog.pg_postmaster_start_time()", 0, NULL, &started, err))
		return finding_add_error(p, "source", err);
	if (strcmp(id, p->source_id) != 0 || started == NULL || strcmp(started, result_text(facts, "started")) != 0)
		finding_add(p, FINDING_ERROR, "source", "name the primary itself, not a load balancer or a pooler before several servers",
					"two connections met two servers: a slot and its snapshot exist on one of them only");
	return true;
}

static bool
check_replication(Preflight *p, const PGresult *facts, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_REPLICATION, .name_suffix = "check"};
	PgConn	   *repl = NULL;
	const char *list;
	bool		slot_exists = result_text(facts, "slot") != NULL;
	int64_t		free_slots = result_number(facts, "slots") - result_number(facts, "slots_used");
	int64_t		free_senders = result_number(facts, "senders") - result_number(facts, "senders_used");
	bool		ok;

	if (!slot_exists && free_slots < 1)
		finding_add(p, FINDING_ERROR, "source", "ALTER SYSTEM SET max_replication_slots = ...; -- then restart the server",
					"all %s replication slots are taken", result_text(facts, "slots"));
	if (free_senders < 1)
	{
		/* Our own running dbsync may have the last one. */
		if (!result_is_true(facts, "slot_active"))
			finding_add(p, FINDING_ERROR, "source", "ALTER SYSTEM SET max_wal_senders = ...; -- then restart the server",
						"all %s connections for replication are taken", result_text(facts, "senders"));
		return true;
	}
	if (!read_plugin_list(p, &list, err))
		return false;
	if (list != NULL && !plugin_list_has(list, PLUGIN))
	{
		add_list_finding(p, list);
		return true;
	}
	if (!pg_connect(p->config->source, &options, &repl, err))
	{
		if (err->kind == ERROR_CANCELLED)
			return false;
		add_connect_error(p, facts, err);
		return true;
	}
	finding_add(p, FINDING_OK, "source", NULL, "a replication connection can be made");
	ok = check_same_server(p, repl, facts, err);
	if (ok && !slot_exists && free_slots > 0 && strcmp(result_text(facts, "wal_level"), "logical") == 0)
		ok = test_plugin(p, repl, err);
	pg_close(repl);
	return ok;
}

bool
preflight_source(Preflight *p, Error *err)
{
	const char *values[] = {p->config->slot};
	PGresult   *facts = NULL;
	int			timeline;
	bool		ok;

	if (!preflight_connect(p->config->source, PG_ROLE_SOURCE, &p->source, err))
	{
		if (err->kind == ERROR_CANCELLED)
			return false;
		add_connect_error(p, NULL, err);
		return true;
	}
	if (!pg_exec_params(p->source, facts_sql, 1, values, &facts, err) ||
		!pg_system_id(p->source, p->arena, &p->source_id, &timeline, err))
	{
		PQclear(facts);
		return finding_add_error(p, "source", err);
	}
	p->source_role = arena_strdup(p->arena, result_text(facts, "quoted_role"));
	p->source_database = arena_strdup(p->arena, result_text(facts, "quoted_database"));
	p->source_encoding = arena_strdup(p->arena, result_text(facts, "encoding"));
	finding_add(p, FINDING_OK, "source", NULL, "connected, version %s, database %s, role %s", result_text(facts, "version"),
				p->source_database, p->source_role);
	if (p->has_started && strcmp(p->task.source_id, p->source_id) != 0)
		finding_add(p, FINDING_ERROR, "source", "use another slot name and local store for it, or end the old task: dbsync drop",
					"task %s belongs to the source %s, this one is %s", p->task.task, p->task.source_id, p->source_id);

	check_settings(p, facts);
	ok = preflight_slot(p, facts, err) && check_replication(p, facts, err);
	if (ok && result_text(facts, "slot") == NULL && !p->has_started)
		ok = check_old_transactions(p, facts, err);
	if (ok)
		ok = preflight_source_tables(p, err);
	check_not_streamed(p, facts);
	PQclear(facts);
	return ok;
}
