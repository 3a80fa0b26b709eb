/*
 * my_connect.c
 *		Connecting to MySQL and MariaDB: options, waits, session.
 *
 * The library blocks, but asks us whenever it would have to wait for the socket, so that a stop ends any wait.  While it connects it has
 * no socket to show to that function; there its own way of not blocking is used.
 */
#include "mysql/my_conn_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

#include <errmsg.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_S    30
#define KILL_TIMEOUT_S       5
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT      6
#define USER_TIMEOUT_MS      120000
#define MAX_PACKET           (1024UL * 1024 * 1024)
/* What connecting runs on; checking a chain of certificates needs more than the library's own 60 kB. */
#define CONNECT_STACK_BYTES (512 * 1024)

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void
init_library(void)
{
	/* Not safe to be done by the first of several threads. */
	mysql_server_init(0, NULL, NULL);
}

/* Waits */

/* The library's own timeout is not looked at: dead peers are found by the kernel, and a long statement is none. */
static int
wait_for_socket(my_socket fd, my_bool for_read, int timeout DBSYNC_UNUSED)
{
	struct pollfd fds[2] = {{fd, for_read ? POLLIN : POLLOUT, 0}, {stop_fd(), POLLIN, 0}};

	for (;;)
	{
		int rc = poll(fds, 2, -1);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc > 0 && fds[1].revents != 0)
		{
			errno = EINTR;
			return -1;
		}
		return rc;
	}
}

bool
my_stopped_error(const MyConn *conn, Error *err)
{
	return error_set(err, ERROR_CANCELLED, "%s: stopped", conn->name);
}

/* Connecting */

static void
set_tls(MYSQL *raw, const MySourceConfig *config, bool wanted)
{
	my_bool enforce = wanted;
	my_bool verify = wanted && config->tls == MY_TLS_VERIFY;

	if (wanted)
	{
		mysql_optionsv(raw, MYSQL_OPT_SSL_CA, config->tls_ca);
		mysql_optionsv(raw, MYSQL_OPT_SSL_CERT, config->tls_cert);
		mysql_optionsv(raw, MYSQL_OPT_SSL_KEY, config->tls_key);
	}
	mysql_optionsv(raw, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_optionsv(raw, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static MYSQL *
new_handle(const MySourceConfig *config, const char *purpose, unsigned timeout_s, bool with_tls)
{
	MYSQL *raw = mysql_init(NULL);
	unsigned protocol = config->socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
	unsigned no_local_infile = 0;
	unsigned long max_packet = MAX_PACKET;
	my_bool no_reconnect = 0;
	char *program = mem_printf("dbsync %s", purpose);

	if (raw == NULL)
		abort(); /* out of memory, as everywhere */
	mysql_optionsv(raw, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_optionsv(raw, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* "localhost" would mean a socket of the library's choice. */
	mysql_optionsv(raw, MYSQL_OPT_PROTOCOL, &protocol);
	/* A server must not ask us for our files. */
	mysql_optionsv(raw, MYSQL_OPT_LOCAL_INFILE, &no_local_infile);
	mysql_optionsv(raw, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
	/* A session has settings, locks and a snapshot: another one is no replacement. */
	mysql_optionsv(raw, MYSQL_OPT_RECONNECT, &no_reconnect);
	mysql_optionsv(raw, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", program);
	set_tls(raw, config, with_tls);
	free(program);
	return raw;
}

/* false: failed, or *stopped. */
static bool
connect_handle(MYSQL *raw, const MySourceConfig *config, bool *stopped)
{
	size_t stack_bytes = CONNECT_STACK_BYTES;
	int64_t deadline_ms = clock_monotonic_ms() + CONNECT_TIMEOUT_S * 1000;
	MYSQL *connected = NULL;
	int status;

	*stopped = false;
	mysql_optionsv(raw, MYSQL_OPT_NONBLOCK, &stack_bytes);
	status = mysql_real_connect_start(&connected, raw, config->host, config->user,
									  config->password != NULL ? config->password : "", config->db,
									  (unsigned) config->port, config->socket, 0);
	while (status != 0)
	{
		struct pollfd fds[2] = {{mysql_get_socket(raw), 0, 0}, {stop_fd(), POLLIN, 0}};
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		int ready = 0;
		int rc;

		if (status & MYSQL_WAIT_READ)
			fds[0].events |= POLLIN;
		if (status & MYSQL_WAIT_WRITE)
			fds[0].events |= POLLOUT;
		if (status & MYSQL_WAIT_EXCEPT)
			fds[0].events |= POLLPRI;
		rc = poll(fds, 2, left_ms > 0 ? (int) left_ms : 0);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc > 0 && fds[1].revents != 0)
		{
			*stopped = true;
			return false;
		}
		if (rc <= 0)
			ready = MYSQL_WAIT_TIMEOUT;
		if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
			ready |= status & MYSQL_WAIT_READ;
		if (fds[0].revents & (POLLOUT | POLLHUP | POLLERR))
			ready |= status & MYSQL_WAIT_WRITE;
		if (fds[0].revents & POLLPRI)
			ready |= MYSQL_WAIT_EXCEPT;
		status = mysql_real_connect_cont(&connected, raw, ready);
	}
	return connected != NULL;
}

/* TLS reads as its socket does: one that blocks would never ask us. */
static void
set_nonblocking(MYSQL *raw)
{
	int fd = mysql_get_socket(raw);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		log_debug("mysql", "cannot set the socket nonblocking: %s", strerror(errno));
}

static void
set_keepalives(MYSQL *raw)
{
	int fd = mysql_get_socket(raw);
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	const struct
	{
		int level;
		int option;
		int value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
	};

	if (getsockname(fd, (struct sockaddr *) &address, &length) < 0 ||
		(address.ss_family != AF_INET && address.ss_family != AF_INET6))
		return;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int)) < 0)
			log_debug("mysql", "cannot set a keepalive option: %s", strerror(errno));
}

static bool
try_connect(MyConn *conn, const char *purpose, bool with_tls, Error *err)
{
	bool stopped;

	conn->raw = new_handle(conn->config, purpose, CONNECT_TIMEOUT_S, with_tls);
	if (!connect_handle(conn->raw, conn->config, &stopped))
		return stopped ? my_stopped_error(conn, err) : my_connect_error(conn, err);
	conn->is_connected = true;
	conn->last_error = 0;
	if (conn->config->tls >= MY_TLS_REQUIRED && with_tls && mysql_get_ssl_cipher(conn->raw) == NULL)
	{
		error_set(err, ERROR_PREFLIGHT, "cannot connect to %s: the server does not offer TLS", conn->name);
		return error_hint(err, "set it up there (ssl_cert, ssl_key), or tls = preferred in [src.mysql]");
	}
	return true;
}

/*
 * What a session of ours needs stands here, whatever the server's variables and its init_connect say: that one runs behind the login, and may change
 * what we asked for there, a character set above all.  Text in what is sent and in what comes, times in UTC, all rows of the present, and nothing that
 * refuses a large query, cuts a value, or ends a session which waits for its target.
 */
static const struct
{
	enum
	{
		BOTH,
		MARIADB,
		MYSQL_ONLY
	} family;
	int since;
	const char *setting;
} session_settings[] = {
	{BOTH, 0, "NAMES utf8mb4"},
	{BOTH, 0, "time_zone = '+00:00'"},
	{BOTH, 0, "sql_mode = ''"},
	{BOTH, 0, "autocommit = 1"},
	{BOTH, 0, "completion_type = 0"},
	{BOTH, 0, "sql_select_limit = 18446744073709551615"},
	/* A max_join_size of the server says no to the catalogue's joins. */
	{BOTH, 0, "sql_big_selects = 1"},
	{BOTH, 0, "sql_quote_show_create = 1"},
	/* For copy_queries. */
	{BOTH, 0, "group_concat_max_len = 1073741824"},
	{BOTH, 0, "net_read_timeout = 86400"},
	{BOTH, 0, "net_write_timeout = 86400"},
	{BOTH, 0, "wait_timeout = 2592000"},
	{MARIADB, 0, "max_statement_time = 0"},
	{MARIADB, 100300, "idle_transaction_timeout = 0"},
	{MARIADB, 100300, "idle_readonly_transaction_timeout = 0"},
	{MARIADB, 100304, "system_versioning_asof = DEFAULT"},
	{MYSQL_ONLY, 50708, "max_execution_time = 0"},
	{MYSQL_ONLY, 80000, "information_schema_stats_expiry = 0"},
	/* A key that the log has must not be missing in the catalogue. */
	{MYSQL_ONLY, 80030, "show_gipk_in_create_table_and_information_schema = 1"},
};

static bool
set_session(MyConn *conn, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	bool ok;

	for (size_t i = 0; i < sizeof(session_settings) / sizeof(session_settings[0]); i++)
	{
		if (conn->server.version < session_settings[i].since ||
			session_settings[i].family == (conn->server.is_mariadb ? MYSQL_ONLY : MARIADB))
			continue;
		strbuf_append(&sql, i == 0 ? "SET " : ", ");
		strbuf_append(&sql, session_settings[i].setting);
	}
	ok = my_exec(conn, strbuf_text(&sql), err);
	/* Queries of users may name no database. */
	strbuf_reset(&sql);
	strbuf_append(&sql, "USE ");
	my_quote_identifier(&sql, conn->config->db);
	ok = ok && my_exec(conn, strbuf_text(&sql), err);
	strbuf_free(&sql);
	return ok;
}

bool
my_connect(const MySourceConfig *config, const char *purpose, MyConn **result, Error *err)
{
	MyConn *conn = mem_zalloc(sizeof(MyConn));
	bool tls_useful = config->tls >= MY_TLS_REQUIRED || (config->tls == MY_TLS_PREFERRED && config->socket == NULL);
	bool ok;

	*result = NULL;
	pthread_once(&library_once, init_library);
	conn->config = config;
	if (config->socket != NULL)
		conn->name =
			mem_printf("mysql socket=%s db=%s user=%s (%s)", config->socket, config->db, config->user, purpose);
	else
		conn->name = mem_printf("mysql host=%s port=%d db=%s user=%s (%s)", config->host, config->port, config->db,
								config->user, purpose);

	ok = try_connect(conn, purpose, tls_useful, err);
	/* Preferred: an old server may offer only what the library refuses. */
	if (!ok && tls_useful && config->tls == MY_TLS_PREFERRED && conn->last_error == CR_SSL_CONNECTION_ERROR)
	{
		log_debug("mysql", "%s; trying without TLS", err->message);
		mysql_close(conn->raw);
		ok = try_connect(conn, purpose, false, err);
	}
	if (ok)
	{
		mysql_optionsv(conn->raw, MARIADB_OPT_IO_WAIT, wait_for_socket);
		set_nonblocking(conn->raw);
		set_keepalives(conn->raw);
		conn->version_text = mem_strdup(mysql_get_server_info(conn->raw));
		conn->server = (MyServer){mariadb_connection(conn->raw) != 0, (int) mysql_get_server_version(conn->raw),
								  conn->version_text};
		error_clear(err);
		ok = set_session(conn, err);
	}
	if (!ok)
	{
		my_close(conn);
		return false;
	}
	log_debug("mysql", "connected to %s: %s%s%s", conn->name, conn->version_text,
			  mysql_get_ssl_cipher(conn->raw) != NULL ? " tls=" : "",
			  mysql_get_ssl_cipher(conn->raw) != NULL ? mysql_get_ssl_cipher(conn->raw) : "");
	*result = conn;
	return true;
}

/*
 * A statement that nobody waits for any more goes on all the same, and may hold a lock, or wait for one in front of everybody else.  So
 * it is ended, as well as that goes.
 */
void
my_kill_statement(const MyConn *conn)
{
	bool with_tls = mysql_get_ssl_cipher(conn->raw) != NULL;
	MYSQL *other = new_handle(conn->config, "stop", KILL_TIMEOUT_S, with_tls);
	unsigned timeout_s = KILL_TIMEOUT_S;
	char *sql = mem_printf("KILL %lu", mysql_thread_id(conn->raw));

	mysql_optionsv(other, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
	mysql_optionsv(other, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
	if (mysql_real_connect(other, conn->config->host, conn->config->user,
						   conn->config->password != NULL ? conn->config->password : "", NULL,
						   (unsigned) conn->config->port, conn->config->socket, 0) == NULL ||
		mysql_query(other, sql) != 0)
		log_debug("mysql", "%s: cannot end its statement: %s", conn->name, mysql_error(other));
	mysql_close(other);
	free(sql);
}
