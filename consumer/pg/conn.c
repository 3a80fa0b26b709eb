/*
 * conn.c
 *		A libpq connection whose every wait can be interrupted.
 *
 * libpq is used in nonblocking mode throughout: connecting, sending and receiving wait in one poll() on the socket and the stop
 * descriptors.  Only name lookup and the cancel request block, inside libpq.
 */
#include "pg/conn_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_S 30
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 6

/*
 * A peer that is gone while bytes of ours are on their way.  The kernel counts a full receive window too, and a target's
 * backend may wait long for a lock while we have rows for it; so that side gets more.
 */
#define USER_TIMEOUT_SOURCE_MS 120000
#define USER_TIMEOUT_WRITER_MS 900000

/* How long a cancelled query may take to end before the connection is given up. */
#define CANCEL_LIMIT_MS 5000

typedef enum WaitResult
{
	WAIT_READY,
	WAIT_TIMEOUT,
	WAIT_STOPPED,
	WAIT_FAILED
} WaitResult;

/* deadline_ms: on the monotonic clock, or -1.  heed_stop false: the stop descriptors are not looked at. */
static WaitResult
wait_socket(PGconn *raw, const PgConn *conn, short events, int64_t deadline_ms, bool heed_stop)
{
	struct pollfd fds[3];

	fds[0].fd = PQsocket(raw);
	fds[0].events = events;
	fds[1].fd = heed_stop && !(conn->flags & PG_FINISH) ? stop_fd() : -1;
	fds[1].events = POLLIN;
	fds[2].fd = heed_stop ? conn->abort_fd : -1;
	fds[2].events = POLLIN;
	if (fds[0].fd < 0)
		return WAIT_FAILED;

	for (;;)
	{
		int timeout_ms = -1;
		int count;

		if (deadline_ms >= 0)
		{
			int64_t left = deadline_ms - clock_monotonic_ms();

			timeout_ms = left <= 0 ? 0 : left > 60000 ? 60000 : (int) left;
		}
		fds[0].revents = fds[1].revents = fds[2].revents = 0;
		count = poll(fds, 3, timeout_ms);
		if (count < 0)
		{
			if (errno == EINTR)
				continue;
			return WAIT_FAILED;
		}
		if (fds[1].revents || fds[2].revents)
			return WAIT_STOPPED;
		if (fds[0].revents)
			return WAIT_READY;
		if (deadline_ms >= 0 && clock_monotonic_ms() >= deadline_ms)
			return WAIT_TIMEOUT;
	}
}

static bool
stopped_error(const PgConn *conn, Error *err)
{
	return error_set(err, ERROR_CANCELLED, "%s: interrupted by a stop", conn->name);
}

/*
 * Connecting
 */

static void
receive_notice(void *arg, const PGresult *result)
{
	PgConn *conn = arg;
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	conn->notice_count++;
	if (text)
		log_debug("pg", "%s: %s", conn->name, text);
}

static bool
is_conninfo(const char *text)
{
	return strchr(text, '=') || strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

/* The parsed string; a lone word is a database name, as psql has it.  NULL with err set. */
static PQconninfoOption *
parse_conninfo(const char *conninfo, Error *err)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(conninfo, &message);

	if (!options)
	{
		size_t length = message ? strlen(message) : 0;

		while (length > 0 && message[length - 1] == '\n')
			length--;
		error_set(err, ERROR_USAGE, "invalid connection string: %.*s", (int) length, message ? message : "");
		error_hint(err, "the form is \"host=... port=5432 dbname=... user=...\" or postgresql://user@host:5432/dbname");
		PQfreemem(message);
	}
	return options;
}

static const char *
option_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val && options->val[0] ? options->val : NULL;
	return NULL;
}

static char *
describe_options(const PQconninfoOption *options)
{
	static const char *const keywords[] = {"service", "host", "hostaddr", "port", "dbname", "user"};
	StrBuf buf = STRBUF_INIT;

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
	{
		const char *value = option_value(options, keywords[i]);

		if (value)
			strbuf_printf(&buf, "%s%s=%s", buf.length ? " " : "", keywords[i], value);
	}
	if (buf.length == 0)
		strbuf_append(&buf, "default connection");
	return strbuf_detach(&buf);
}

char *
pg_describe(const char *conninfo)
{
	Error ignored = ERROR_INIT;
	PQconninfoOption *options;
	char *text;

	if (conninfo[0] && !is_conninfo(conninfo))
		return mem_printf("dbname=%s", conninfo);
	options = parse_conninfo(conninfo, &ignored);
	if (!options)
	{
		error_clear(&ignored);
		return mem_strdup("invalid connection string");
	}
	text = describe_options(options);
	PQconninfoFree(options);
	return text;
}

/* Only where neither string, service file nor environment say anything. */
static void
set_keepalives(PGconn *raw, PgRole role, const PQconninfoOption *effective)
{
	int fd = PQsocket(raw);
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	const char *keepalives = option_value(effective, "keepalives");
	bool is_writer = role == PG_ROLE_TARGET || role == PG_ROLE_STORE;
	const struct
	{
		const char *keyword;
		int option;
		int value;
	} options[] = {
		{"keepalives_idle", TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{"keepalives_interval", TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{"keepalives_count", TCP_KEEPCNT, KEEPALIVE_COUNT},
		{"tcp_user_timeout", TCP_USER_TIMEOUT, is_writer ? USER_TIMEOUT_WRITER_MS : USER_TIMEOUT_SOURCE_MS},
	};

	if (getsockname(fd, (struct sockaddr *) &address, &length) < 0 ||
		(address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
		(keepalives && strcmp(keepalives, "0") == 0))
		return;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!option_value(effective, options[i].keyword) &&
			setsockopt(fd, IPPROTO_TCP, options[i].option, &options[i].value, sizeof(int)) < 0)
			log_debug("pg", "cannot set %s: %s", options[i].keyword, strerror(errno));
}

/* 0: for ever, as libpq has it; and its least value is 2. */
static int
connect_timeout_s(const PQconninfoOption *effective)
{
	const char *text = option_value(effective, "connect_timeout");
	int seconds = text ? atoi(text) : CONNECT_TIMEOUT_S;

	return seconds <= 0 ? 0 : seconds < 2 ? 2 : seconds;
}

/* host is overridden with one of its list where number >= 0. */
static PGconn *
start_connection(const char *conninfo, const PgConnOptions *options, const char *host, const char *hostaddr,
				 const char *port)
{
	const char *keywords[10];
	const char *values[10];
	int count = 0;
	char *application =
		mem_printf("dbsync%s%s", options->name_suffix ? " " : "", options->name_suffix ? options->name_suffix : "");
	PGconn *raw;

#define ADD(k, v) (keywords[count] = (k), values[count++] = (v))
	/* What stands before the string may be overridden by it; what stands behind it overrides. */
	ADD("fallback_application_name", application);
	if (conninfo[0])
		ADD("dbname", conninfo);
	ADD("client_encoding", options->client_encoding ? options->client_encoding : "UTF8");
	if (options->role == PG_ROLE_REPLICATION)
		ADD("replication", "database");
	if (host)
		ADD("host", host);
	if (hostaddr)
		ADD("hostaddr", hostaddr);
	if (port)
		ADD("port", port);
	ADD(NULL, NULL);
#undef ADD

	raw = PQconnectStartParams(keywords, values, 1);
	free(application);
	return raw;
}

/* Goes on until connected, failed or timed out.  The timeout is for one address, so it starts again when libpq goes to the next. */
static bool
finish_connection(PgConn *conn, PGconn *raw, int timeout_s, bool *timed_out, Error *err)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int last_socket = PQsocket(raw);
	int64_t deadline_ms = timeout_s ? clock_monotonic_ms() + timeout_s * 1000 : -1;

	*timed_out = false;
	while (status != PGRES_POLLING_OK)
	{
		WaitResult waited;

		if (status == PGRES_POLLING_FAILED)
			return pg_connect_error(raw, conn->role, conn->name, err);
		if (PQsocket(raw) != last_socket && timeout_s)
		{
			last_socket = PQsocket(raw);
			deadline_ms = clock_monotonic_ms() + timeout_s * 1000;
		}
		waited = wait_socket(raw, conn, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms, true);
		if (waited == WAIT_STOPPED)
			return stopped_error(conn, err);
		if (waited == WAIT_TIMEOUT)
		{
			*timed_out = true;
			error_set(err, ERROR_RETRY, "%s: no answer within %d s", conn->name, timeout_s);
			return error_hint(err, "is the host right, and does a firewall drop the packets? "
								   "connect_timeout in the connection string changes the limit");
		}
		if (waited == WAIT_FAILED)
			return pg_connect_error(raw, conn->role, conn->name, err);
		status = PQconnectPoll(raw);
	}
	return true;
}

static PGconn *
try_connection(PgConn *conn, const char *conninfo, const PgConnOptions *options, const char *host, const char *hostaddr,
			   const char *port, bool *timed_out, Error *err)
{
	PGconn *raw = start_connection(conninfo, options, host, hostaddr, port);
	PQconninfoOption *effective;
	bool ok;

	*timed_out = false;
	if (!raw)
	{
		error_set(err, ERROR_FAILED, "%s: out of memory", conn->name);
		return NULL;
	}
	PQsetNoticeReceiver(raw, receive_notice, conn);
	PQsetErrorVerbosity(raw, PQERRORS_VERBOSE); /* the only way to an SQLSTATE while connecting */
	if (PQstatus(raw) == CONNECTION_BAD)
	{
		pg_connect_error(raw, conn->role, conn->name, err);
		PQfinish(raw);
		return NULL;
	}

	effective = PQconninfo(raw);
	ok = finish_connection(conn, raw, connect_timeout_s(effective), timed_out, err);
	if (ok)
	{
		set_keepalives(raw, conn->role, effective);
		PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
		if (PQsetnonblocking(raw, 1) != 0)
			ok = error_set(err, ERROR_FAILED, "%s: cannot set nonblocking mode", conn->name);
	}
	PQconninfoFree(effective);
	if (!ok)
	{
		PQfinish(raw);
		return NULL;
	}
	return raw;
}

/* The element of a list of libpq ("a,b,c"); a list of one holds for every element.  malloc'd; NULL where there is no list. */
static char *
list_element(const char *list, int number)
{
	if (!list)
		return NULL;
	if (!strchr(list, ','))
		return mem_strdup(list);
	for (; number > 0; number--)
	{
		list = strchr(list, ',');
		if (!list)
			return NULL;
		list++;
	}
	return mem_strndup(list, strcspn(list, ","));
}

static int
list_length(const char *list)
{
	int count = list ? 1 : 0;

	for (; list && *list; list++)
		if (*list == ',')
			count++;
	return count;
}

/*
 * Of several hosts one may not answer at all, and libpq cannot be told from outside to go on to the next one.  So after a
 * timeout each host is tried by itself.
 */
static PGconn *
try_each_host(PgConn *conn, const char *conninfo, const PgConnOptions *options, Error *err)
{
	PGconn *probe = start_connection(conninfo, options, NULL, NULL, NULL);
	PQconninfoOption *effective = probe ? PQconninfo(probe) : NULL;
	const char *hosts = option_value(effective, "host");
	const char *addresses = option_value(effective, "hostaddr");
	const char *ports = option_value(effective, "port");
	int count = list_length(addresses ? addresses : hosts);
	PGconn *raw = NULL;

	PQfinish(probe);
	for (int i = 0; i < count && count > 1 && !raw; i++)
	{
		char *host = list_element(hosts, i);
		char *address = list_element(addresses, i);
		char *port = list_element(ports, i);
		bool timed_out;

		raw = try_connection(conn, conninfo, options, host, address, port, &timed_out, err);
		free(host);
		free(address);
		free(port);
		if (!raw && err->kind == ERROR_CANCELLED)
			break;
	}
	PQconninfoFree(effective);
	return raw;
}

static void
set_name(PgConn *conn)
{
	PQconninfoOption *effective = PQconninfo(conn->raw);
	const char *host = PQhost(conn->raw);
	const char *service = option_value(effective, "service");

	free(conn->name);
	conn->name = mem_printf("%s%s%s host=%s port=%s dbname=%s user=%s", pg_role_name(conn->role),
							service ? " service=" : "", service ? service : "", host ? host : "", PQport(conn->raw),
							PQdb(conn->raw), PQuser(conn->raw));
	PQconninfoFree(effective);
}

bool
pg_connect(const char *conninfo, const PgConnOptions *options, PgConn **result, Error *err)
{
	PgConn *conn;
	char *description;
	bool timed_out;

	*result = NULL;
	if (conninfo[0] && is_conninfo(conninfo))
	{
		PQconninfoOption *parsed = parse_conninfo(conninfo, err);

		if (!parsed)
			return error_context(err, "%s", pg_role_name(options->role));
		PQconninfoFree(parsed);
	}

	conn = mem_zalloc(sizeof(PgConn));
	conn->role = options->role;
	conn->flags = options->flags;
	conn->abort_fd = options->abort_fd ? *options->abort_fd : -1;
	description = pg_describe(conninfo);
	conn->name = mem_printf("%s %s", pg_role_name(conn->role), description);
	free(description);

	conn->raw = try_connection(conn, conninfo, options, NULL, NULL, NULL, &timed_out, err);
	if (!conn->raw && timed_out)
		conn->raw = try_each_host(conn, conninfo, options, err);
	if (!conn->raw)
	{
		pg_close(conn);
		return false;
	}
	error_clear(err); /* of a host that did not answer */
	set_name(conn);
	if (!pg_session_setup(conn, options->client_encoding ? options->client_encoding : "UTF8", err))
	{
		pg_close(conn);
		return false;
	}
	*result = conn;
	return true;
}

void
pg_close(PgConn *conn)
{
	if (!conn)
		return;
	if (conn->raw)
		PQfinish(conn->raw);
	free(conn->name);
	free(conn);
}

PGconn *
pg_raw(PgConn *conn)
{
	return conn->raw;
}

bool
pg_is_lost(const PgConn *conn)
{
	return PQstatus(conn->raw) != CONNECTION_OK;
}

int
pg_server_version(const PgConn *conn)
{
	return PQserverVersion(conn->raw);
}

const char *
pg_conn_name(const PgConn *conn)
{
	return conn->name;
}

int64_t
pg_notice_count(const PgConn *conn)
{
	return conn->notice_count;
}

bool
pg_replica_role(const PgConn *conn)
{
	return conn->replica_role;
}

bool
pg_wait(PgConn *conn, bool for_write, int timeout_ms, bool *ready, Error *err)
{
	int64_t deadline_ms = timeout_ms < 0 ? -1 : clock_monotonic_ms() + timeout_ms;

	*ready = false;
	switch (wait_socket(conn->raw, conn, for_write ? POLLIN | POLLOUT : POLLIN, deadline_ms, true))
	{
		case WAIT_READY:
			*ready = true;
			return true;
		case WAIT_TIMEOUT:
			return true;
		case WAIT_STOPPED:
			return stopped_error(conn, err);
		case WAIT_FAILED:
			break;
	}
	return pg_error(conn, NULL, err);
}

/*
 * Statements
 */

void
pg_cancel(PgConn *conn)
{
	char message[256];
	PGcancel *cancel = PQgetCancel(conn->raw);

	if (!cancel)
		return;
	if (!PQcancel(cancel, message, sizeof(message)))
		log_debug("pg", "%s: cannot cancel: %s", conn->name, message);
	PQfreeCancel(cancel);
}

/* Until a result can be taken without blocking.  A stop cancels the query, after which its end is waited for. */
static bool
await_result(PgConn *conn, int64_t *cancel_deadline_ms, Error *err)
{
	PGconn *raw = conn->raw;

	for (;;)
	{
		int unsent = PQflush(raw);
		WaitResult waited;

		/* A failed send may still have a reason waiting to be read: let PQgetResult find it. */
		if (unsent < 0 || !PQisBusy(raw))
			return true;
		waited = wait_socket(raw, conn, unsent ? POLLIN | POLLOUT : POLLIN, *cancel_deadline_ms,
							 *cancel_deadline_ms < 0);
		if (waited == WAIT_STOPPED)
		{
			pg_cancel(conn);
			*cancel_deadline_ms = clock_monotonic_ms() + CANCEL_LIMIT_MS;
		}
		else if (waited == WAIT_TIMEOUT)
			return stopped_error(conn, err);
		else if (waited == WAIT_FAILED || !PQconsumeInput(raw))
			return true;
	}
}

static bool
is_copy(ExecStatusType status)
{
	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static bool
is_success(ExecStatusType status)
{
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || is_copy(status);
}

bool
pg_collect(PgConn *conn, PGresult **result, Error *err)
{
	PGresult *last = NULL;
	PGresult *next;
	int64_t cancel_deadline_ms = -1;
	bool ok;

	if (result)
		*result = NULL;
	for (;;)
	{
		if (!await_result(conn, &cancel_deadline_ms, err))
		{
			PQclear(last);
			return false;
		}
		next = PQgetResult(conn->raw);
		if (!next)
			break;
		if (last && !is_success(PQresultStatus(last)))
			PQclear(next);
		else
		{
			PQclear(last);
			last = next;
		}
		if (is_copy(PQresultStatus(last)) || PQstatus(conn->raw) == CONNECTION_BAD)
			break;
	}

	if (cancel_deadline_ms >= 0)
		ok = stopped_error(conn, err);
	else if (!last || !is_success(PQresultStatus(last)))
		ok = pg_error(conn, last, err);
	else
		ok = true;
	if (ok && result)
		*result = last;
	else
		PQclear(last);
	return ok;
}

/* What is not begun after a stop need not be cancelled. */
static bool
may_begin(PgConn *conn, Error *err)
{
	struct pollfd fds[2];

	fds[0].fd = conn->flags & PG_FINISH ? -1 : stop_fd();
	fds[1].fd = conn->abort_fd;
	fds[0].events = fds[1].events = POLLIN;
	fds[0].revents = fds[1].revents = 0;
	if (fds[0].fd < 0 && fds[1].fd < 0)
		return true;
	if (poll(fds, 2, 0) > 0)
		return stopped_error(conn, err);
	return true;
}

bool
pg_exec(PgConn *conn, const char *sql, PGresult **result, Error *err)
{
	if (result)
		*result = NULL; /* also where nothing was sent */
	if (!may_begin(conn, err))
		return false;
	if (!PQsendQuery(conn->raw, sql))
		return pg_error(conn, NULL, err);
	return pg_collect(conn, result, err);
}

bool
pg_exec_params(PgConn *conn, const char *sql, int count, const char *const *values, PGresult **result, Error *err)
{
	if (result)
		*result = NULL; /* also where nothing was sent */
	if (!may_begin(conn, err))
		return false;
	if (!PQsendQueryParams(conn->raw, sql, count, NULL, values, NULL, NULL, 0))
		return pg_error(conn, NULL, err);
	return pg_collect(conn, result, err);
}

bool
pg_execf(PgConn *conn, Error *err, const char *fmt, ...)
{
	StrBuf sql = STRBUF_INIT;
	va_list args;
	bool ok;

	va_start(args, fmt);
	strbuf_vprintf(&sql, fmt, args);
	va_end(args);
	ok = pg_exec(conn, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	return ok;
}
