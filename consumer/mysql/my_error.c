/*
 * my_error.c
 *		What a server or the library said, as our Error: kind, message, SQLSTATE, hint.
 */
#include "mysql/my_conn_private.h"

#include "base/stop.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include <stdio.h>
#include <string.h>

/* Not in this library's list; MariaDB's number of "connection was killed". */
#define CONNECTION_KILLED 1927
#define SERVER_ISNT_READY 3168 /* MySQL */
#define CLIENT_TIMEOUT    4031 /* MySQL: disconnected because of inactivity */

static bool
is_one_of(unsigned code, const unsigned *codes)
{
	for (; *codes != 0; codes++)
		if (*codes == code)
			return true;
	return false;
}

/* The connection is gone. */
static bool
is_loss(unsigned code)
{
	static const unsigned lost[] = {CR_CONNECTION_ERROR,     CR_CONN_HOST_ERROR,       CR_UNKNOWN_HOST,
									CR_SERVER_GONE_ERROR,    CR_SERVER_LOST,           CR_SERVER_HANDSHAKE_ERR,
									CR_SERVER_LOST_EXTENDED, CR_ERR_NET_READ,          CR_ERR_NET_WRITE,
									ER_SERVER_SHUTDOWN,      CONNECTION_KILLED,        CLIENT_TIMEOUT,
									ER_NORMAL_SHUTDOWN,      ER_NET_READ_ERROR,        ER_NET_READ_INTERRUPTED,
									ER_NET_ERROR_ON_WRITE,   ER_NET_WRITE_INTERRUPTED, 0};

	return is_one_of(code, lost);
}

/* A connection that ends within TLS is told as an error of TLS, whatever the reason. */
static bool
is_cut(const MyConn *conn, unsigned code)
{
	static const char *const texts[] = {"unexpected eof", "ystem call", "SYSCALL", "reset by peer", "Broken pipe"};

	for (size_t i = 0; code == CR_SSL_CONNECTION_ERROR && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(mysql_error(conn->raw), texts[i]) != NULL)
			return true;
	return false;
}

static bool
is_passing(unsigned code)
{
	static const unsigned passing[] = {
		ER_CON_COUNT_ERROR,   ER_TOO_MANY_USER_CONNECTIONS, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK,
		ER_QUERY_INTERRUPTED, ER_USER_LIMIT_REACHED,        SERVER_ISNT_READY,    0};

	return is_one_of(code, passing);
}

static bool
is_denied(unsigned code)
{
	static const unsigned denied[] = {ER_ACCESS_DENIED_ERROR,
									  ER_DBACCESS_DENIED_ERROR,
									  ER_BAD_DB_ERROR,
									  ER_HOST_NOT_PRIVILEGED,
									  ER_HOST_IS_BLOCKED,
									  ER_NOT_SUPPORTED_AUTH_MODE,
									  CR_AUTH_PLUGIN_CANNOT_LOAD,
									  CR_AUTH_PLUGIN_ERR,
									  CR_SSL_CONNECTION_ERROR,
									  ER_MUST_CHANGE_PASSWORD,
									  ER_MUST_CHANGE_PASSWORD_LOGIN,
									  1698 /* by socket as another system user */,
									  0};

	return is_one_of(code, denied);
}

static void
hint_denied(const MyConn *conn, unsigned code, Error *err)
{
	const MySourceConfig *config = conn->config;

	switch (code)
	{
		case ER_ACCESS_DENIED_ERROR:
		case 1698:
			error_hint(err,
					   "check user and password of [src.mysql], and that the user may connect from this machine: "
					   "CREATE USER '%s'@'%%' IDENTIFIED BY ...",
					   config->user);
			break;
		case ER_DBACCESS_DENIED_ERROR:
			error_hint(err, "on the source: GRANT SELECT ON `%s`.* TO '%s'@'%%'", config->db, config->user);
			break;
		case ER_BAD_DB_ERROR:
			error_hint(err, "db of [src.mysql] names no database of this server; its case may matter");
			break;
		case ER_HOST_NOT_PRIVILEGED:
			error_hint(err, "on the source: CREATE USER '%s'@'THIS MACHINE' ..., or '%s'@'%%'", config->user,
					   config->user);
			break;
		case ER_HOST_IS_BLOCKED:
			error_hint(err, "on the source: FLUSH HOSTS");
			break;
		case CR_AUTH_PLUGIN_CANNOT_LOAD:
			error_hint(
				err,
				"the library has no plugin for the way in which this user logs in; Debian has them in libmariadb3, or "
				"choose another way for the user, such as mysql_native_password or caching_sha2_password");
			break;
		case CR_SSL_CONNECTION_ERROR:
			error_hint(err, "check tls, tls_ca, tls_cert and tls_key of [src.mysql]");
			break;
		default:
			break;
	}
}

static void
hint_refused(unsigned code, Error *err)
{
	if (code == ER_CON_COUNT_ERROR || code == ER_TOO_MANY_USER_CONNECTIONS)
		error_hint(err, "raise max_connections (or the user's limit) on the source, or run with fewer jobs");
	else if (is_loss(code))
		error_hint(err, "is the server running there, and are host, port or socket of [src.mysql] right?");
}

/* Rights that a statement lacks.  The server names them. */
static void
hint_rights(const MyConn *conn, unsigned code, Error *err)
{
	if (code == ER_TABLEACCESS_DENIED_ERROR || code == ER_COLUMNACCESS_DENIED_ERROR)
		error_hint(err, "on the source: GRANT SELECT ON `%s`.* TO '%s'@'%%'", conn->config->db, conn->config->user);
	else if (code == ER_SPECIFIC_ACCESS_DENIED_ERROR)
		error_hint(err, "on the source: GRANT the privilege that the message names ON *.* TO '%s'@'%%'",
				   conn->config->user);
}

static void
note(MyConn *conn, Error *err, ErrorKind kind, const char *before)
{
	const char *text = mysql_error(conn->raw);

	error_set(err, kind, "%s%s: %s (error %u)", before, conn->name, text[0] != '\0' ? text : "no answer",
			  conn->last_error);
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", mysql_sqlstate(conn->raw));
}

bool
my_connect_error(MyConn *conn, Error *err)
{
	unsigned code = conn->last_error = mysql_errno(conn->raw);
	/* What is set up wrong stays so; anything else, such as a server that is starting, may pass. */
	bool passes = is_loss(code) || is_passing(code) || is_cut(conn, code);

	conn->is_connected = false;
	note(conn, err, passes ? ERROR_RETRY : is_denied(code) ? ERROR_PREFLIGHT : ERROR_FAILED, "cannot connect to ");
	hint_denied(conn, code, err);
	hint_refused(code, err);
	return false;
}

bool
my_error(MyConn *conn, const char *what, Error *err)
{
	unsigned code = conn->last_error = mysql_errno(conn->raw);
	/* TLS was there once, so it is not set up wrong. */
	bool is_lost = is_loss(code) || code == CR_SSL_CONNECTION_ERROR;

	if (is_lost || stop_requested())
		conn->is_connected = false;
	if (stop_requested())
		return my_stopped_error(conn, err);
	note(conn, err, is_lost || is_passing(code) ? ERROR_RETRY : ERROR_FAILED, "");
	hint_rights(conn, code, err);
	return what == NULL ? false : error_context(err, "%s", what);
}
