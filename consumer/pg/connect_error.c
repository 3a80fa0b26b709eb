/*
 * connect_error.c
 *		Why a connection attempt failed, in one line, and what its administrator can do about it.
 *
 * libpq tells of a failed attempt by text alone.  With verbose errors that text has the SQLSTATE in it ("FATAL:  28P01: ..."),
 * which does not depend on the server's language; what libpq says itself has none.
 */
#include "pg/conn_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* ":  28P01: " at text? */
static bool
is_sqlstate_mark(const char *text)
{
	if (strncmp(text, ":  ", 3) != 0)
		return false;
	for (int i = 3; i < 8; i++)
		if (!isdigit((unsigned char) text[i]) && !isupper((unsigned char) text[i]))
			return false;
	return text[8] == ':' && text[9] == ' ';
}

/* A line of where in the server's source it was: "LOCATION:  auth_failed, auth.c:326". */
static bool
is_location(const char *line, size_t length)
{
	const char *end = line + length;
	const char *p = end;

	while (p > line && isdigit((unsigned char) p[-1]))
		p--;
	return p < end && p - line > 3 && memcmp(p - 3, ".c:", 3) == 0;
}

/* One line: locations and SQLSTATEs taken out, lines joined by "; ". */
static char *
tidy_message(const char *text, char sqlstate[6])
{
	StrBuf buf = STRBUF_INIT;

	sqlstate[0] = '\0';
	while (*text)
	{
		size_t length = strcspn(text, "\n");
		const char *end = text + length;

		while (text < end && isspace((unsigned char) *text))
			text++;
		if (text < end && !is_location(text, (size_t) (end - text)))
		{
			if (buf.length > 0)
				strbuf_append(&buf, "; ");
			while (text < end)
			{
				if (is_sqlstate_mark(text))
				{
					memcpy(sqlstate, text + 3, 5);
					sqlstate[5] = '\0';
					strbuf_append(&buf, ":");
					text += 9;
				}
				else
					strbuf_append_char(&buf, *text++);
			}
		}
		text = *end ? end + 1 : end;
	}
	return strbuf_detach(&buf);
}

/* The host in: no pg_hba.conf entry for host "10.0.0.7", user ... */
static char *
client_address(const char *message)
{
	const char *start = strstr(message, "pg_hba.conf");
	size_t length;

	start = start ? strchr(start, '"') : NULL;
	if (!start)
		return NULL;
	start++;
	length = strcspn(start, "\"");
	return start[length] == '"' ? mem_strndup(start, length) : NULL;
}

static bool
hint_pg_hba(PGconn *raw, const char *message, Error *err)
{
	char *address = client_address(message);
	const char *user = PQuser(raw);
	const char *db = PQdb(raw);

	if (address && strcmp(address, "[local]") == 0)
		error_hint(err, "add to pg_hba.conf of the server: \"local  %s  %s  scram-sha-256\", then SELECT pg_reload_conf()",
				   db, user);
	else if (address)
		error_hint(err,
				   "add to pg_hba.conf of the server: \"host  %s  %s  %s/%d  scram-sha-256\", then SELECT "
				   "pg_reload_conf(); if there are hostssl lines only, sslmode=require in the connection string may do",
				   db, user, address, strchr(address, ':') ? 128 : 32);
	else
		error_hint(err,
				   "add to pg_hba.conf of the server: \"host  %s  %s  ADDRESS/32  scram-sha-256\" with this machine's "
				   "address, then SELECT pg_reload_conf()",
				   db, user);
	free(address);
	return false;
}

static bool
hint_password(Error *err)
{
	return error_hint(err, "keep the password in a passfile (~/.pgpass, mode 0600, a line "
						   "host:port:database:user:password), in PGPASSWORD, or in the connection string");
}

/* By SQLSTATE: what the server answered. */
static bool
server_refused(PGconn *raw, PgRole role, const char *message, Error *err)
{
	const char *state = err->sqlstate;

	if (strcmp(state, "28P01") == 0)
		return hint_password(err);
	if (strcmp(state, "28000") == 0)
	{
		if (strstr(message, "pg_hba.conf"))
			return hint_pg_hba(raw, message, err);
		if (strstr(message, "Peer authentication") || strstr(message, "Ident authentication"))
			return error_hint(err,
							  "the server's pg_hba.conf wants the system user to be the database user: run as that "
							  "user, or add host=localhost and a password to the connection string");
		if (strstr(message, "does not exist"))
			return error_hint(err, "CREATE ROLE %s LOGIN%s, or name another user in the connection string", PQuser(raw),
							  role == PG_ROLE_REPLICATION ? " REPLICATION" : "");
		if (strstr(message, "not permitted to log in"))
			return error_hint(err, "ALTER ROLE %s LOGIN", PQuser(raw));
		return error_hint(err, "check user and password in the connection string, and pg_hba.conf of the server");
	}
	if (strcmp(state, "3D000") == 0)
		return error_hint(err, "CREATE DATABASE %s, or name another with dbname= in the connection string", PQdb(raw));
	if (strcmp(state, "42501") == 0)
	{
		/* Since 16 it is this code that says that a role may not replicate. */
		if (strstr(message, "eplication"))
			return error_hint(err, "ALTER ROLE %s REPLICATION", PQuser(raw));
		return error_hint(err, "GRANT CONNECT ON DATABASE %s TO %s", PQdb(raw), PQuser(raw));
	}
	if (strcmp(state, "53300") == 0)
		return error_hint(err, "raise max_connections (or max_wal_senders for replication), or run with fewer jobs");
	return false;
}

/* By text: what libpq found out itself. */
static bool
client_refused(PGconn *raw, const char *message, Error *err)
{
	if (PQconnectionNeedsPassword(raw))
	{
		err->kind = ERROR_PREFLIGHT;
		return hint_password(err);
	}
	if (strstr(message, "server does not support SSL") || strstr(message, "certificate") ||
		strstr(message, "sslmode value") || strstr(message, "private key file"))
	{
		err->kind = ERROR_PREFLIGHT;
		return error_hint(err, "check sslmode, sslrootcert and sslcert in the connection string");
	}
	if (strstr(message, "definition of service") || strstr(message, "service file") ||
		strstr(message, "invalid connection option") || strstr(message, "invalid port number") ||
		strstr(message, "invalid integer value") || strstr(message, "could not match"))
	{
		err->kind = ERROR_USAGE;
		return false;
	}
	return error_hint(err, "is the server running there, and are host and port right?");
}

bool
pg_connect_error(PGconn *raw, PgRole role, const char *name, Error *err)
{
	char sqlstate[6];
	char *message = tidy_message(PQerrorMessage(raw), sqlstate);
	ErrorKind kind = ERROR_RETRY;

	if (sqlstate[0])
	{
		kind = pg_error_kind(sqlstate, true);
		/* Refused by what is set up, not by what goes on: no later try would do better. */
		if (strncmp(sqlstate, "42", 2) == 0 || strncmp(sqlstate, "55", 2) == 0 || strncmp(sqlstate, "0A", 2) == 0)
			kind = ERROR_PREFLIGHT;
	}
	error_set(err, kind, "cannot connect to %s: %s", name, message[0] ? message : "connection lost");
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
	if (sqlstate[0])
		server_refused(raw, role, message, err);
	else
		client_refused(raw, message, err);
	free(message);
	return false;
}
