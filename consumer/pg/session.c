/*
 * session.c
 *		The settings that every connection of a role runs under, whatever the server, database or role has as its own.
 *
 * They are sent as one statement after connecting rather than as startup options: connection poolers refuse or drop those.
 * A connection is never reused after a loss, only opened anew, so the settings cannot get lost.
 */
#include "pg/conn_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define MIN_SERVER_VERSION 130000

#define ON_SOURCE (1 << PG_ROLE_SOURCE)
#define ON_TARGET (1 << PG_ROLE_TARGET)
#define ON_STORE (1 << PG_ROLE_STORE)
#define ON_REPLICATION (1 << PG_ROLE_REPLICATION)
#define ON_ALL (ON_SOURCE | ON_TARGET | ON_STORE | ON_REPLICATION)
#define ON_WRITERS (ON_TARGET | ON_STORE)

static const struct
{
	const char *name;
	const char *value;
	int roles;
	int since; /* first server version that knows it; 0: all */
} settings[] = {
	/* names are always qualified; a search_path would let objects of users come before pg_catalog's */
	{"search_path", "", ON_ALL, 0},
	/* text must be the same on both sides, and lossless */
	{"datestyle", "ISO, MDY", ON_ALL, 0},
	{"intervalstyle", "postgres", ON_ALL, 0},
	{"timezone", "UTC", ON_ALL, 0},
	{"extra_float_digits", "3", ON_ALL, 0},
	{"bytea_output", "hex", ON_ALL, 0},
	{"xmlbinary", "base64", ON_ALL, 0},
	{"xmloption", "content", ON_ALL, 0},
	{"lc_monetary", "C", ON_ALL, 0},
	{"array_nulls", "on", ON_ALL, 0},
	{"standard_conforming_strings", "on", ON_ALL, 0},
	{"quote_all_identifiers", "off", ON_ALL, 0},
	/* a long copy or a large group is no fault */
	{"statement_timeout", "0", ON_ALL, 0},
	{"lock_timeout", "0", ON_ALL, 0},
	{"idle_in_transaction_session_timeout", "0", ON_ALL, 0},
	{"idle_session_timeout", "0", ON_ALL, 140000},
	{"transaction_timeout", "0", ON_ALL, 170000},
	/* fail rather than leave rows out */
	{"row_security", "off", ON_ALL, 0},
	{"default_transaction_isolation", "read committed", ON_ALL, 0},
	{"default_transaction_deferrable", "off", ON_ALL, 0},
	{"default_transaction_read_only", "on", ON_SOURCE, 0},
	{"default_transaction_read_only", "off", ON_WRITERS, 0},
	{"jit", "off", ON_ALL, 0},
};

const char *
pg_role_name(PgRole role)
{
	switch (role)
	{
		case PG_ROLE_SOURCE:
			return "source";
		case PG_ROLE_TARGET:
			return "target";
		case PG_ROLE_STORE:
			return "store";
		case PG_ROLE_REPLICATION:
			return "source (replication)";
	}
	return "server";
}

static bool
apply_settings(PgConn *conn, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	const char *separator = "SELECT ";
	int version = PQserverVersion(conn->raw);
	bool ok;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		if (!(settings[i].roles & (1 << conn->role)) || version < settings[i].since)
			continue;
		strbuf_printf(&sql, "%spg_catalog.set_config('%s', '%s', false)", separator, settings[i].name,
					  settings[i].value);
		separator = ", ";
	}

	/* What is reported as durable must be; whether standbys have it too stays the administrator's choice. */
	if ((ON_WRITERS & (1 << conn->role)) != 0)
		strbuf_printf(&sql,
					  "%spg_catalog.set_config('synchronous_commit', CASE pg_catalog.current_setting('synchronous_commit')"
					  " WHEN 'off' THEN 'on' ELSE pg_catalog.current_setting('synchronous_commit') END, false)",
					  separator);

	ok = pg_exec(conn, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	return ok;
}

/* Without the right to set it we go on: the caller asks pg_replica_role() and tells what will fire. */
static bool
set_replica_role(PgConn *conn, Error *err)
{
	Arena *arena;
	const char *value;
	bool ok;

	if (pg_exec(conn, "SET session_replication_role = replica", NULL, err))
	{
		conn->replica_role = true;
		return true;
	}
	if (strcmp(err->sqlstate, "42501") != 0)
		return error_context(err, "cannot set session_replication_role");
	error_clear(err);

	/* The administrator may have set it for our role. */
	arena = arena_new(0);
	ok = pg_query_value(conn, arena, "SELECT pg_catalog.current_setting('session_replication_role')", 0, NULL, &value,
						err);
	if (ok)
		conn->replica_role = value && strcmp(value, "replica") == 0;
	arena_free(arena);
	return ok;
}

bool
pg_session_setup(PgConn *conn, const char *client_encoding, Error *err)
{
	int version = PQserverVersion(conn->raw);
	const char *encoding;

	if (version < MIN_SERVER_VERSION)
	{
		error_set(err, ERROR_PREFLIGHT, "%s: server version %d.%d is not supported", conn->name, version / 10000,
				  version / 10000 >= 10 ? version % 10000 : version / 100 % 100);
		return error_hint(err, "PostgreSQL 13 or newer is needed");
	}

	/* A pooler may hand out a connection whose encoding is another one's choice. */
	encoding = PQparameterStatus(conn->raw, "client_encoding");
	if (encoding && strcmp(encoding, client_encoding) != 0)
	{
		StrBuf sql = STRBUF_INIT;
		bool ok;

		strbuf_append(&sql, "SET client_encoding = ");
		pg_quote_literal(&sql, client_encoding);
		ok = pg_exec(conn, strbuf_text(&sql), NULL, err);
		strbuf_free(&sql);
		if (!ok)
			return false;
	}

	if (!apply_settings(conn, err))
		return error_context(err, "cannot set up the session");
	if (conn->role == PG_ROLE_TARGET && !set_replica_role(conn, err))
		return false;

	log_debug("pg", "connected %s version=%d pid=%d", conn->name, version, PQbackendPID(conn->raw));
	return true;
}
