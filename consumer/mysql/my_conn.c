/*
 * my_conn.c
 *		A connection's statements and their rows; quoting.
 */
#include "mysql/my_conn_private.h"

#include "base/stop.h"

#include <errmsg.h>

#include <stdlib.h>
#include <string.h>

void
my_close(MyConn *conn)
{
	if (conn == NULL)
		return;
	if (conn->raw != NULL)
		mysql_close(conn->raw);
	free(conn->name);
	free(conn->version_text);
	free(conn);
}

const MyServer *
my_server(const MyConn *conn)
{
	return &conn->server;
}

const MySourceConfig *
my_config(const MyConn *conn)
{
	return conn->config;
}

MYSQL *
my_handle(MyConn *conn)
{
	return conn->raw;
}

bool
my_is_lost(const MyConn *conn)
{
	return !conn->is_connected;
}

static bool
run(MyConn *conn, const char *sql, Error *err)
{
	if (stop_requested())
		return my_stopped_error(conn, err);
	if (mysql_real_query(conn->raw, sql, strlen(sql)) == 0)
		return true;
	if (stop_requested() && mysql_errno(conn->raw) >= CR_MIN_ERROR)
		my_kill_statement(conn);
	return my_error(conn, NULL, err);
}

bool
my_exec(MyConn *conn, const char *sql, Error *err)
{
	MYSQL_RES *result;

	if (!run(conn, sql, err))
		return false;
	result = mysql_store_result(conn->raw);
	if (result != NULL)
		mysql_free_result(result);
	else if (mysql_errno(conn->raw) != 0)
		return my_error(conn, NULL, err);
	return true;
}

static bool
need_rows(MyConn *conn, MYSQL_RES *result, const char *sql, Error *err)
{
	if (result != NULL)
		return true;
	if (mysql_errno(conn->raw) != 0)
		return my_error(conn, NULL, err);
	return error_set(err, ERROR_FAILED, "%s: no rows come from: %s", conn->name, sql);
}

bool
my_query(MyConn *conn, const char *sql, MYSQL_RES **result, Error *err)
{
	*result = NULL;
	if (!run(conn, sql, err))
		return false;
	*result = mysql_store_result(conn->raw);
	return need_rows(conn, *result, sql, err);
}

bool
my_query_stream(MyConn *conn, const char *sql, MYSQL_RES **result, Error *err)
{
	*result = NULL;
	if (!run(conn, sql, err))
		return false;
	*result = mysql_use_result(conn->raw);
	return need_rows(conn, *result, sql, err);
}

bool
my_fetch(MyConn *conn, MYSQL_RES *result, MYSQL_ROW *row, unsigned long **lengths, Error *err)
{
	*row = mysql_fetch_row(result);
	if (*row != NULL)
	{
		*lengths = mysql_fetch_lengths(result);
		return true;
	}
	*lengths = NULL;
	return mysql_errno(conn->raw) == 0 || my_error(conn, NULL, err);
}

bool
my_query_value(MyConn *conn, Arena *arena, const char *sql, const char **value, Error *err)
{
	MYSQL_RES *result;
	MYSQL_ROW row;

	*value = NULL;
	if (!my_query(conn, sql, &result, err))
		return false;
	row = mysql_fetch_row(result);
	if (row != NULL && row[0] != NULL)
		*value = arena_strndup(arena, row[0], mysql_fetch_lengths(result)[0]);
	mysql_free_result(result);
	return true;
}

/* Quoting */

void
my_quote_identifier(StrBuf *out, const char *name)
{
	strbuf_append_char(out, '`');
	for (; *name != '\0'; name++)
	{
		if (*name == '`')
			strbuf_append_char(out, '`');
		strbuf_append_char(out, *name);
	}
	strbuf_append_char(out, '`');
}

/* A backslash means what sql_mode says; written as hexadecimal digits it means itself. */
void
my_quote_literal(MyConn *conn DBSYNC_UNUSED, StrBuf *out, const char *text, size_t length)
{
	if (memchr(text, '\\', length) != NULL)
	{
		strbuf_append(out, "_utf8mb4 X'");
		for (size_t i = 0; i < length; i++)
			strbuf_printf(out, "%02X", (unsigned char) text[i]);
	}
	else
	{
		strbuf_append_char(out, '\'');
		for (size_t i = 0; i < length; i++)
		{
			if (text[i] == '\'')
				strbuf_append_char(out, '\'');
			strbuf_append_char(out, text[i]);
		}
	}
	strbuf_append_char(out, '\'');
}
