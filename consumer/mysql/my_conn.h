/*
 * my_conn.h
 *		Connections to a MySQL or MariaDB server: libmariadb behind one door.
 *
 * Every session: utf8mb4, time_zone '+00:00', autocommit, and no statement or read timeout that a long copy could meet.
 * sql_mode is empty, so that values and literals mean the same everywhere.  No variable of the server and no init_connect changes that.
 * Errors: lost connections, refused ones, deadlocks, lock waits that took too long and interrupted statements are ERROR_RETRY; a login that is
 * refused is ERROR_PREFLIGHT; wrong rights, names and statements ERROR_FAILED; a stop is ERROR_CANCELLED.  All have the server's words and, where
 * a user can mend it, a hint; err->sqlstate is filled.  No password in any message.
 * A stop during a statement of my_exec() or my_query*() ends it on the server too, and the connection is of no use any more.
 * A connection is used by one thread at a time.
 */
#ifndef DBSYNC_MYSQL_MY_CONN_H
#define DBSYNC_MYSQL_MY_CONN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "config/config.h"

#include <mysql.h>

typedef struct MyConn MyConn;

typedef struct MyServer
{
	bool		is_mariadb;
	int			version;		/* 101119 for 10.11.19, 90704 for 9.7.4 */
	const char *version_text;
} MyServer;

/* purpose: a word for messages ("copy 3").  Waits inside watch the stop flag. */
bool my_connect(const MySourceConfig *config, const char *purpose, MyConn **conn, Error *err) DBSYNC_MUST_CHECK;
void my_close(MyConn *conn);	/* NULL is fine */
const MyServer *my_server(const MyConn *conn);
const MySourceConfig *my_config(const MyConn *conn);
MYSQL *my_handle(MyConn *conn);	/* for what is not wrapped here */
bool my_is_lost(const MyConn *conn);

/* A statement without rows. */
bool my_exec(MyConn *conn, const char *sql, Error *err) DBSYNC_MUST_CHECK;
/* All rows in memory (small results); *result is the caller's, by mysql_free_result(). */
bool my_query(MyConn *conn, const char *sql, MYSQL_RES **result, Error *err) DBSYNC_MUST_CHECK;
/* Row by row (mysql_use_result); my_fetch: *row NULL at the end.  The result must be read to its end, or the connection closed. */
bool my_query_stream(MyConn *conn, const char *sql, MYSQL_RES **result, Error *err) DBSYNC_MUST_CHECK;
bool my_fetch(MyConn *conn, MYSQL_RES *result, MYSQL_ROW *row, unsigned long **lengths, Error *err) DBSYNC_MUST_CHECK;
/* First column of the first row, *value NULL where there is none or it is NULL. */
bool my_query_value(MyConn *conn, Arena *arena, const char *sql, const char **value, Error *err) DBSYNC_MUST_CHECK;
/* err from the connection's last error, what (or NULL) in front of it; returns false. */
bool my_error(MyConn *conn, const char *what, Error *err);

void my_quote_identifier(StrBuf *out, const char *name);	/* `name` */
void my_quote_literal(MyConn *conn, StrBuf *out, const char *text, size_t length);	/* 'text', whatever sql_mode is */

#endif
