/*
 * conn.h
 *		libpq with our errors and our session settings.
 *
 * Wraps PGconn; one owner, one thread at a time.  All waits honour the stop flag (base/stop.h): a stop while a query runs cancels
 * it and gives ERROR_CANCELLED, unless the connection was opened with PG_FINISH (a commit that must be waited for).
 * Error kinds: connection lost or refused, server starting up or shutting down (57P01..57P03, class 08, 53300), serialization
 * failure and deadlock (40001, 40P01), lock not available (55P03), object in use (55006): ERROR_RETRY.  Class 23: ERROR_CONFLICT.
 * Wrong password, unknown database or role (28xxx, 3D000): ERROR_PREFLIGHT with a hint.  Otherwise ERROR_FAILED.  sqlstate is
 * filled.  Messages name the connection by pg_conn_name(), which never has a password.
 */
#ifndef DBSYNC_PG_CONN_H
#define DBSYNC_PG_CONN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <libpq-fe.h>

typedef enum PgRole
{
	PG_ROLE_SOURCE,				/* reads the source: row_security off, read-only */
	PG_ROLE_TARGET,				/* writes the target: session_replication_role replica where allowed */
	PG_ROLE_STORE,				/* the local store */
	PG_ROLE_REPLICATION			/* walsender connection, replication=database */
} PgRole;

#define PG_FINISH 1				/* a stop does not interrupt this connection's queries */

typedef struct PgConn PgConn;

/*
 * Connects (without blocking for ever: connect_timeout is 30 s where the string has none; TCP keepalives and
 * tcp_user_timeout are set where the string does not) and sets the session of its role, all of traps.md's list:
 * empty search_path (pg_catalog), client_encoding, DateStyle ISO, IntervalStyle postgres, extra_float_digits 3, bytea_output hex,
 * TimeZone UTC, lc_monetary C, standard_conforming_strings on, statement/lock/idle timeouts 0 (also
 * transaction_timeout where the server has it), row_security off, default_transaction_read_only off (target and store),
 * synchronous_commit at least on (target, store); application_name "dbsync SUFFIX" where the string does not name one.
 * Refuses server versions below 13 and, for roles but STORE, says what it met.  client_encoding: NULL means UTF8; "SQL_ASCII" passes bytes.
 */
typedef struct PgConnOptions
{
	PgRole		role;
	int			flags;
	const char *name_suffix;	/* "copy 3", "apply", ... */
	const char *client_encoding;
	const int  *abort_fd;		/* or NULL; a descriptor that, once readable, is to this connection what a stop is to all, PG_FINISH or not */
} PgConnOptions;

bool pg_connect(const char *conninfo, const PgConnOptions *options, PgConn **conn, Error *err) DBSYNC_MUST_CHECK;
void pg_close(PgConn *conn);			/* NULL is fine */

PGconn *pg_raw(PgConn *conn);			/* for pipeline mode, COPY; it is in nonblocking mode */
bool pg_is_lost(const PgConn *conn);	/* the connection is gone; a try needs a new one */
int pg_server_version(const PgConn *conn);
const char *pg_conn_name(const PgConn *conn);	/* "target host=/tmp port=5433 dbname=app user=u" */
/* Target: false where the role may not set session_replication_role; triggers and foreign keys will fire. */
bool pg_replica_role(const PgConn *conn);

/* Describes a connection string without its password, for messages and for state; malloc'd. */
char *pg_describe(const char *conninfo);

/*
 * One statement, waited for.  Parameters are text; NULL element: SQL NULL.  result may be NULL where it is not wanted; otherwise the
 * caller clears it by PQclear().  An error is any status but COMMAND_OK and TUPLES_OK (and COPY_* for pg_exec).
 * Of several statements in one string the last result counts, or the first error.  A replication connection knows pg_exec only.
 */
bool pg_exec(PgConn *conn, const char *sql, PGresult **result, Error *err) DBSYNC_MUST_CHECK;
bool pg_exec_params(PgConn *conn, const char *sql, int count, const char *const *values, PGresult **result, Error *err) DBSYNC_MUST_CHECK;
/* printf for statements that take no parameters (identifiers must come through pg_quote_*) */
bool pg_execf(PgConn *conn, Error *err, const char *fmt, ...) DBSYNC_PRINTF(3, 4) DBSYNC_MUST_CHECK;
/* One value of one row, copied into the arena; NULL text for SQL NULL; an error where there is not exactly one row. */
bool pg_query_value(PgConn *conn, Arena *arena, const char *sql, int count, const char *const *values, const char **value, Error *err) DBSYNC_MUST_CHECK;
/* The same for a boolean; false also where it is NULL, or where there is no row. */
bool pg_query_bool(PgConn *conn, const char *sql, int count, const char *const *values, bool *value, Error *err) DBSYNC_MUST_CHECK;
/*
 * As pg_exec_params, of a table that may not be there (qualified, quoted where it must be): nothing is done then, and *result is NULL.  The
 * server's log gets no error of it.
 */
bool pg_exec_if_there(PgConn *conn, const char *table, const char *sql, int count, const char *const *values, PGresult **result, Error *err) DBSYNC_MUST_CHECK;

/*
 * For who talks to pg_raw() directly.  pg_collect: the results of what was sent, up to the last one or the first that begins a COPY, as
 * pg_exec gives them.  pg_cancel: asks the server to end what it does now; its end must still be waited for.  pg_notice_count: notices
 * received so far.
 */
bool pg_collect(PgConn *conn, PGresult **result, Error *err) DBSYNC_MUST_CHECK;
void pg_cancel(PgConn *conn);
int64_t pg_notice_count(const PgConn *conn);

/* Waits until the socket can be read (or, with for_write, read or written), or timeout_ms (-1: no end).  false with ERROR_CANCELLED on a stop. *ready false: timed out. */
bool pg_wait(PgConn *conn, bool for_write, int timeout_ms, bool *ready, Error *err) DBSYNC_MUST_CHECK;

/*
 * Fills err from a failed result, or (result NULL) from the connection.  Always returns false.  The server's DETAIL is kept unless it
 * may hold a row's data; of a COPY's context the line and column are kept, the value is not.
 */
bool pg_error(PgConn *conn, const PGresult *result, Error *err);
/*
 * The hint for a NULL that a column does not take (err->column): the statement that lets it in.  table: quoted; whence: where the NULL may come from,
 * or NULL.
 */
void pg_hint_not_null(const char *table, const char *column, const char *whence, Error *err);

/* Identifiers are quoted here and nowhere else. */
void pg_quote_identifier(StrBuf *buf, const char *name);
void pg_quote_qualified(StrBuf *buf, const char *schema, const char *name);
/* A string constant, for where parameters cannot be (utility statements, replication commands). */
void pg_quote_literal(StrBuf *buf, const char *text);

/* system_identifier "/" database; timeline of a source.  Source and target must not be the same. */
bool pg_system_id(PgConn *conn, Arena *arena, const char **id, int *timeline, Error *err) DBSYNC_MUST_CHECK;

#endif
