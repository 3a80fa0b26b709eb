/*
 * replication.c
 *		Commands and messages of a walsender connection.
 */
#include "pg/replication.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"

/* Microseconds between 1970-01-01 and 2000-01-01: the protocol counts from the latter. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

static uint64_t
read_uint64(const char *bytes)
{
	uint64_t	value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | (unsigned char) bytes[i];
	return value;
}

static void
write_uint64(char *bytes, uint64_t value)
{
	for (int i = 7; i >= 0; i--)
	{
		bytes[i] = (char) (value & 0xff);
		value >>= 8;
	}
}

bool
repl_identify_system(PgConn *conn, Arena *arena, const char **system_id, int *timeline, Lsn *flushed, Error *err)
{
	PGresult   *result = NULL;
	bool		ok;

	if (!pg_exec(conn, "IDENTIFY_SYSTEM", &result, err))
		return error_context(err, "IDENTIFY_SYSTEM");
	ok = PQntuples(result) == 1 && PQnfields(result) >= 3 && lsn_parse(PQgetvalue(result, 0, 2), flushed);
	if (ok)
	{
		*system_id = arena_strdup(arena, PQgetvalue(result, 0, 0));
		*timeline = atoi(PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	if (!ok)
		return error_set(err, ERROR_FAILED, "%s: the server's answer to IDENTIFY_SYSTEM is not understood", pg_conn_name(conn));
	return true;
}

/* Waits for the answer of a command that may take hours, calling waiting() every two seconds. */
static bool
await_result(PgConn *conn, void (*waiting) (void *arg), void *arg, PGresult **result, Error *err)
{
	PGconn	   *raw = pg_raw(conn);

	while (PQisBusy(raw))
	{
		bool		ready;

		if (!pg_wait(conn, PQflush(raw) > 0, 2000, &ready, err))
		{
			PGcancel   *cancel = PQgetCancel(raw);
			char		ignored[256];

			if (cancel != NULL)
			{
				(void) PQcancel(cancel, ignored, sizeof(ignored));
				PQfreeCancel(cancel);
			}
			return false;
		}
		if (!ready)
		{
			if (waiting != NULL)
				waiting(arg);
			continue;
		}
		if (!PQconsumeInput(raw))
			return pg_error(conn, NULL, err);
	}
	*result = PQgetResult(raw);
	return true;
}

bool
repl_create_slot(PgConn *conn, const char *name, const char *plugin, bool temporary, void (*waiting) (void *arg), void *arg,
				 Arena *arena, ReplSlot *slot, Error *err)
{
	StrBuf		command = STRBUF_INIT;
	PGresult   *result = NULL;
	PGresult   *rest;
	bool		ok;

	strbuf_append(&command, "CREATE_REPLICATION_SLOT ");
	pg_quote_identifier(&command, name);
	strbuf_append(&command, temporary ? " TEMPORARY LOGICAL " : " LOGICAL ");
	pg_quote_identifier(&command, plugin);
	/* The old spelling, which every version from 13 to 18 takes. */
	strbuf_append(&command, " EXPORT_SNAPSHOT");
	ok = PQsendQuery(pg_raw(conn), strbuf_text(&command)) == 1 ? await_result(conn, waiting, arg, &result, err)
		: pg_error(conn, NULL, err);
	strbuf_free(&command);
	if (!ok)
		return error_context(err, "slot \"%s\"", name);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		ok = pg_error(conn, result, err);
	else if (PQntuples(result) != 1 || PQnfields(result) < 3 || PQgetisnull(result, 0, 2) ||
			 !lsn_parse(PQgetvalue(result, 0, 1), &slot->consistent_point))
		ok = error_set(err, ERROR_FAILED, "%s: the server's answer to CREATE_REPLICATION_SLOT is not understood", pg_conn_name(conn));
	else
		slot->snapshot = arena_strdup(arena, PQgetvalue(result, 0, 2));
	PQclear(result);
	while ((rest = PQgetResult(pg_raw(conn))) != NULL)
		PQclear(rest);
	if (ok)
		return true;
	if (strstr(err->message, "may not be used as an output plugin") != NULL)
	{
		err->kind = ERROR_PREFLIGHT;
		error_hint(err, "name it in the source's setting output_plugin_libraries, for this role alone: ALTER ROLE ... SET "
				   "output_plugin_libraries = pgoutput, %s; or for all: ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', "
				   "'test_decoding', '%s'; SELECT pg_reload_conf();", plugin, plugin);
	}
	else if (strcmp(err->sqlstate, "58P01") == 0)
	{
		err->kind = ERROR_PREFLIGHT;
		error_hint(err, "install the plugin on the source server (make install there)");
	}
	else if (strcmp(err->sqlstate, "53400") == 0)
		error_hint(err, "drop a replication slot that nobody needs, or raise max_replication_slots on the source");
	return error_context(err, "cannot create slot \"%s\"", name);
}

/* What the server says about a slot that cannot be used, and what that means for us. */
static bool
classify_slot_error(Error *err, const char *slot)
{
	if (strcmp(err->sqlstate, "55006") == 0)	/* object_in_use: active for another pid */
	{
		err->kind = ERROR_RETRY;
		return error_hint(err, "another process uses the slot; if it is not another dbsync, the source's wal_sender_timeout ends it");
	}
	if (strcmp(err->sqlstate, "42704") == 0)	/* undefined_object */
	{
		err->kind = ERROR_GAP;
		return error_hint(err, "the slot \"%s\" is gone, and with it the changes since; \"dbsync drop\" and a new full sync are needed", slot);
	}
	if (strcmp(err->sqlstate, "55000") == 0)	/* object_not_in_prerequisite_state: invalidated, or another database's */
	{
		err->kind = ERROR_GAP;
		return error_hint(err, "see pg_replication_slots.wal_status on the source; a slot that is lost needs \"dbsync drop\" and a new full "
						  "sync; raise max_slot_wal_keep_size there");
	}
	if (strcmp(err->sqlstate, "58P01") == 0 && strstr(err->message, "requested WAL segment") != NULL)
	{
		err->kind = ERROR_GAP;
		return error_hint(err, "the source has removed WAL that was needed; \"dbsync drop\" and a new full sync are needed");
	}
	return false;
}

bool
repl_start(PgConn *conn, const char *slot, Lsn from, const ReplOption *options, int count, Error *err)
{
	StrBuf		command = STRBUF_INIT;
	PGresult   *result = NULL;
	char		lsn_text[LSN_TEXT_SIZE];
	bool		ok;

	strbuf_append(&command, "START_REPLICATION SLOT ");
	pg_quote_identifier(&command, slot);
	strbuf_printf(&command, " LOGICAL %s", lsn_format(from, lsn_text));
	for (int i = 0; i < count; i++)
	{
		strbuf_append(&command, i == 0 ? " (" : ", ");
		pg_quote_identifier(&command, options[i].name);
		strbuf_append_char(&command, ' ');
		pg_quote_literal(&command, options[i].value);
	}
	if (count > 0)
		strbuf_append_char(&command, ')');
	ok = PQsendQuery(pg_raw(conn), strbuf_text(&command)) == 1 ? await_result(conn, NULL, NULL, &result, err) : pg_error(conn, NULL, err);
	strbuf_free(&command);
	if (!ok)
		return error_context(err, "cannot start streaming from slot \"%s\"", slot);
	if (PQresultStatus(result) != PGRES_COPY_BOTH)
		ok = pg_error(conn, result, err);
	PQclear(result);
	if (!ok)
	{
		classify_slot_error(err, slot);
		return error_context(err, "cannot start streaming from slot \"%s\" at %s", slot, lsn_text);
	}
	return true;
}

/* The stream has ended: what does the server say? */
static bool
stream_ended(PgConn *conn, Error *err)
{
	PGresult   *result = PQgetResult(pg_raw(conn));

	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		pg_error(conn, result, err);
	else if (PQstatus(pg_raw(conn)) != CONNECTION_OK)
		pg_error(conn, NULL, err);
	else
		error_set(err, ERROR_RETRY, "%s: the server has ended the stream", pg_conn_name(conn));
	PQclear(result);
	if (PQstatus(pg_raw(conn)) != CONNECTION_OK && err->kind == ERROR_FAILED && err->sqlstate[0] == '\0')
		err->kind = ERROR_RETRY;
	return false;
}

static bool
parse_message(PgConn *conn, int size, ReplMessage *message, Error *err)
{
	const char *bytes = message->buffer;

	if (size >= 25 && bytes[0] == 'w')
	{
		message->kind = REPL_DATA;
		message->wal_start = read_uint64(bytes + 1);
		message->wal_end = read_uint64(bytes + 9);
		message->payload = bytes + 25;
		message->length = (size_t) size - 25;
		return true;
	}
	if (size >= 18 && bytes[0] == 'k')
	{
		message->kind = REPL_KEEPALIVE;
		message->wal_end = read_uint64(bytes + 1);
		message->reply_wanted = bytes[17] != 0;
		return true;
	}
	return error_set(err, ERROR_FAILED, "%s: replication message of kind %d and %d bytes is not understood", pg_conn_name(conn),
					 size > 0 ? bytes[0] : -1, size);
}

bool
repl_receive(PgConn *conn, int timeout_ms, ReplMessage *message, Error *err)
{
	PGconn	   *raw = pg_raw(conn);
	int64_t		deadline = clock_monotonic_ms() + timeout_ms;
	bool		has_read = false;

	repl_message_free(message);
	message->kind = REPL_NOTHING;
	for (;;)
	{
		int			size = PQgetCopyData(raw, &message->buffer, 1);
		int64_t		left;
		bool		ready;

		if (size > 0)
			return parse_message(conn, size, message, err);
		if (size == -1)
			return stream_ended(conn, err);
		if (size < -1)
			return pg_error(conn, NULL, err);

		left = deadline - clock_monotonic_ms();
		if (left < 0)
			left = 0;
		if (left == 0 && has_read)
			return true;
		if (!pg_wait(conn, false, (int) left, &ready, err))
			return false;
		if (!ready)
			return true;
		has_read = true;
		if (!PQconsumeInput(raw))
			return pg_error(conn, NULL, err);
	}
}

void
repl_message_free(ReplMessage *message)
{
	if (message->buffer != NULL)
		PQfreemem(message->buffer);
	message->buffer = NULL;
}

bool
repl_feedback(PgConn *conn, Lsn written, Lsn flushed, bool reply_wanted, Error *err)
{
	PGconn	   *raw = pg_raw(conn);
	char		message[34];

	message[0] = 'r';
	write_uint64(message + 1, written);
	write_uint64(message + 9, flushed);
	write_uint64(message + 17, flushed);	/* applied: we do not tell it apart */
	write_uint64(message + 25, (uint64_t) (clock_wall_us() - POSTGRES_EPOCH_US));
	message[33] = reply_wanted ? 1 : 0;

	if (PQputCopyData(raw, message, sizeof(message)) < 0)
		return pg_error(conn, NULL, err);

	/*
	 * The server may be blocked in sending to us, and so not read: what does not leave now leaves with a later call.  The messages are
	 * few and small.
	 */
	if (PQflush(raw) < 0)
		return pg_error(conn, NULL, err);
	return true;
}
