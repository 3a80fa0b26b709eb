/*
 * my_binlog_open.c
 *		What a replica says to its source before the first event: session, registration, and the place to begin at.
 */
#include "mysql/my_binlog_private.h"

#include "base/clock.h"
#include "base/stop.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DUMP_NON_BLOCK 1
#define DUMP_THROUGH_GTID 4
#define FORMAT_TAGGED     UINT64_C(1)
#define LONGEST_TAG       32
/* How long a stream of the same server_id may take to end, and how often it is looked for. */
#define PATIENCE_MS 3000
#define PATIENCE_STEP_MS 20

static bool
set_session(MyBinlog *binlog, Error *err)
{
	const MyServer *server = my_server(binlog->conn);
	char		sql[160];

	/* What the files have, whatever that is. */
	if (!my_exec(binlog->conn, "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum", err))
		return false;
	snprintf(sql, sizeof(sql), "SET @master_heartbeat_period = %" PRId64 ", @source_heartbeat_period = %" PRId64,
			 (int64_t) binlog->options.heartbeat_ms * 1000000, (int64_t) binlog->options.heartbeat_ms * 1000000);
	if (!my_exec(binlog->conn, sql, err))
		return false;
	/* We know GTID events: without this MariaDB would write them as something older. */
	return !server->is_mariadb || my_exec(binlog->conn, "SET @mariadb_slave_capability = 4", err);
}

/* Is our server_id in the server's list of replicas?  Not everybody may ask: then it is not. */
static bool
look_for_server_id(MyBinlog *binlog, bool *is_taken, Error *err)
{
	const MyServer *server = my_server(binlog->conn);
	bool		is_renamed = !server->is_mariadb && server->version >= 80022;
	Error		refused = ERROR_INIT;
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	*is_taken = false;
	if (!my_query(binlog->conn, is_renamed ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS", &result, &refused))
	{
		bool		is_lost = my_is_lost(binlog->conn) || refused.kind == ERROR_CANCELLED;

		if (is_lost)
			error_move(err, &refused);
		error_clear(&refused);
		return !is_lost;
	}
	while ((row = mysql_fetch_row(result)) != NULL)
		*is_taken = *is_taken || (row[0] != NULL && strtoul(row[0], NULL, 10) == binlog->options.server_id);
	mysql_free_result(result);
	return true;
}

/*
 * The server ends the stream of the replica that has a server_id when another one comes with it: they would throw each other out for ever.  A stream
 * of our own that was broken off stays in its list until a heartbeat tells it; for that there is some patience.
 */
static bool
check_server_id(MyBinlog *binlog, Error *err)
{
	int64_t		limit_ms = clock_monotonic_ms() + PATIENCE_MS;
	bool		is_taken;

	if (binlog->options.former != 0)
	{
		Error		ignored = ERROR_INIT;
		char		sql[40];

		snprintf(sql, sizeof(sql), "KILL %lu", binlog->options.former);
		(void) !my_exec(binlog->conn, sql, &ignored);
		error_clear(&ignored);
	}
	for (;;)
	{
		if (!look_for_server_id(binlog, &is_taken, err))
			return false;
		if (!is_taken)
			return true;
		if (clock_monotonic_ms() > limit_ms)
			break;
		if (!stop_wait(PATIENCE_STEP_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
	error_set(err, ERROR_RETRY, "another replica with server_id %" PRIu32 " is connected to the source", binlog->options.server_id);
	return error_hint(err, "give each its own server_id, here in [src.mysql]");
}

static void
put_number(StrBuf *out, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++, value >>= 8)
		strbuf_append_char(out, (char) (value & 0xff));
}

static bool
send_command(MyBinlog *binlog, enum enum_server_command command, const StrBuf *arguments, bool has_answer, Error *err)
{
	MYSQL	   *raw = my_handle(binlog->conn);

	if (raw->methods->db_command(raw, command, strbuf_text(arguments), arguments->length, !has_answer, NULL) != 0)
		return my_error(binlog->conn, NULL, err);
	return true;
}

/* So that the server lists us, by our server_id, and others see that it is taken. */
static bool
register_replica(MyBinlog *binlog, Error *err)
{
	StrBuf		arguments = STRBUF_INIT;
	char		host[61] = "";
	bool		ok;

	(void) gethostname(host, sizeof(host) - 1);
	put_number(&arguments, binlog->options.server_id, 4);
	put_number(&arguments, strlen(host), 1);
	strbuf_append(&arguments, host);
	put_number(&arguments, 0, 1 + 1 + 2 + 4 + 4);	/* user, password, port, rank, source's id */
	ok = send_command(binlog, COM_REGISTER_SLAVE, &arguments, true, err);
	strbuf_free(&arguments);
	return ok;
}

static bool
no_such_place(MyBinlog *binlog, MyPositionState state, Error *err)
{
	Arena	   *arena = arena_new(0);
	Error		ignored = ERROR_INIT;
	MyLogStatus status;
	const char *base = my_position_current(binlog->conn, arena, &status, &ignored) ? status.base : NULL;
	const char *place = my_position_text(arena, base, binlog->options.from);

	error_clear(&ignored);
	if (state == MY_POSITION_PURGED)
	{
		error_set(err, ERROR_GAP, "the source has purged its binary log at %s: changes since then are lost", place);
		error_hint(err, "\"dbsync drop\" and a new full sync; and let the source keep its log longer (expire_logs_days, binlog_expire_logs_seconds)");
	}
	else
	{
		error_set(err, ERROR_GAP, "the source's binary log does not reach %s: it is another server, or its log was reset", place);
		error_hint(err, "point [src.mysql] at the server that this task was made with, or \"dbsync drop\" and a new full sync");
	}
	arena_free(arena);
	return false;
}

static bool
ask_for_dump(MyBinlog *binlog, Error *err)
{
	Lsn			from = binlog->options.from;
	Arena	   *arena = arena_new(0);
	MyPositionState state = MY_POSITION_AHEAD;
	const char *file = NULL;
	StrBuf		arguments = STRBUF_INIT;
	bool		ok;

	/* Behind a transaction that passed 4 GB: the next one begins in the next file. */
	if (my_position_offset(from) == MY_OFFSET_LAST)
		binlog->options.from = from = my_position_pack(my_position_file_number(from) + 1, MY_OFFSET_FIRST);
	ok = my_position_locate(binlog->conn, from, arena, &state, &file, err) &&
		(state == MY_POSITION_PRESENT || no_such_place(binlog, state, err));
	if (ok)
	{
		put_number(&arguments, my_position_offset(from) < MY_OFFSET_FIRST ? MY_OFFSET_FIRST : my_position_offset(from), 4);
		put_number(&arguments, binlog->options.server_id == 0 ? DUMP_NON_BLOCK : 0, 2);
		put_number(&arguments, binlog->options.server_id, 4);
		strbuf_append(&arguments, file);
		ok = send_command(binlog, COM_BINLOG_DUMP, &arguments, false, err);
	}
	strbuf_free(&arguments);
	arena_free(arena);
	return ok;
}

/* MariaDB takes the GTID from a variable; the file's name is then what it finds. */
static bool
ask_for_gtid_mariadb(MyBinlog *binlog, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	StrBuf		arguments = STRBUF_INIT;
	bool		ok;

	strbuf_append(&sql, "SET @slave_connect_state = ");
	my_quote_literal(binlog->conn, &sql, binlog->options.gtid, strlen(binlog->options.gtid));
	strbuf_append(&sql, ", @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0");
	ok = my_exec(binlog->conn, strbuf_text(&sql), err);
	if (ok)
	{
		put_number(&arguments, MY_OFFSET_FIRST, 4);
		put_number(&arguments, binlog->options.server_id == 0 ? DUMP_NON_BLOCK : 0, 2);
		put_number(&arguments, binlog->options.server_id, 4);
		ok = send_command(binlog, COM_BINLOG_DUMP, &arguments, false, err);
	}
	strbuf_free(&sql);
	strbuf_free(&arguments);
	return ok;
}

/* MySQL 8.3 and later: "uuid:1-5:tag:7". */
static bool
has_tags(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ':' && (isalpha((unsigned char) text[1]) || text[1] == '_'))
			return true;
	return false;
}

static bool
pack_uuid(const char **text, StrBuf *out)
{
	for (int i = 0; i < 16; i++)
	{
		unsigned	byte;
		int			used = 0;

		if (**text == '-')
			++*text;
		if (sscanf(*text, "%2x%n", &byte, &used) != 1 || used != 2)
			return false;
		put_number(out, byte, 1);
		*text += used;
	}
	return **text == ':';
}

/* ":tag" or nothing: its length as MySQL serializes numbers (twice it, where that is one byte), and its letters. */
static bool
pack_tag(const char **text, StrBuf *out)
{
	size_t		length = 0;

	if (!isdigit((unsigned char) (*text)[1]))
	{
		++*text;
		while (isalnum((unsigned char) (*text)[length]) || (*text)[length] == '_')
			length++;
		if (length == 0 || length > LONGEST_TAG)
			return false;
	}
	put_number(out, length * 2, 1);
	for (; length > 0; length--)
		strbuf_append_char(out, (char) tolower((unsigned char) *(*text)++));
	return true;
}

/* ":1-5:7", with open ends. */
static bool
pack_ranges(const char **text, StrBuf *out)
{
	StrBuf		ranges = STRBUF_INIT;
	uint64_t	count = 0;
	bool		ok = true;

	while (ok && **text == ':' && isdigit((unsigned char) (*text)[1]))
	{
		char	   *end;
		uint64_t	first = strtoull(*text + 1, &end, 10);
		uint64_t	last = first;

		if (*end == '-')
			last = strtoull(end + 1, &end, 10);
		ok = first > 0 && last >= first;
		put_number(&ranges, first, 8);
		put_number(&ranges, last + 1, 8);
		count++;
		*text = end;
	}
	put_number(out, count, 8);
	strbuf_append_bytes(out, strbuf_text(&ranges), ranges.length);
	strbuf_free(&ranges);
	return ok && count > 0;
}

/*
 * "uuid:1-5:7,uuid:9" as the protocol has it: how many servers; for each its 16 bytes, how many ranges, and them.  With tags, the count stands between
 * two bytes that say so, and each tag of a server counts as a server.
 */
static bool
pack_gtid_set(const char *text, StrBuf *out)
{
	bool		is_tagged = has_tags(text);
	StrBuf		body = STRBUF_INIT;
	StrBuf		uuid = STRBUF_INIT;
	uint64_t	servers = 0;
	bool		ok = true;

	while (ok && *text != '\0')
	{
		while (*text == ',' || *text == ' ' || *text == '\n')
			text++;
		strbuf_reset(&uuid);
		ok = pack_uuid(&text, &uuid);
		while (ok && *text == ':')
		{
			strbuf_append_bytes(&body, strbuf_text(&uuid), uuid.length);
			ok = (!is_tagged || pack_tag(&text, &body)) && pack_ranges(&text, &body);
			servers++;
		}
		ok = ok && (*text == ',' || *text == '\0');
	}
	strbuf_free(&uuid);
	if (is_tagged)
		servers = servers << 8 | FORMAT_TAGGED | FORMAT_TAGGED << 56;
	put_number(out, servers, 8);
	strbuf_append_bytes(out, strbuf_text(&body), body.length);
	strbuf_free(&body);
	return ok;
}

static bool
ask_for_gtid_mysql(MyBinlog *binlog, Error *err)
{
	StrBuf		set = STRBUF_INIT;
	StrBuf		arguments = STRBUF_INIT;
	bool		ok = pack_gtid_set(binlog->options.gtid, &set);

	if (!ok)
	{
		error_set(err, ERROR_USAGE, "\"%s\" is no set of GTIDs", binlog->options.gtid);
		error_hint(err, "as SELECT @@global.gtid_executed prints it: 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-270");
	}
	else
	{
		put_number(&arguments, DUMP_THROUGH_GTID | (binlog->options.server_id == 0 ? DUMP_NON_BLOCK : 0), 2);
		put_number(&arguments, binlog->options.server_id, 4);
		put_number(&arguments, 0, 4);	/* length of a file's name */
		put_number(&arguments, MY_OFFSET_FIRST, 8);
		put_number(&arguments, set.length, 4);
		strbuf_append_bytes(&arguments, strbuf_text(&set), set.length);
		/* not in the library's list of commands */
		ok = send_command(binlog, (enum enum_server_command) 30, &arguments, false, err);
	}
	strbuf_free(&set);
	strbuf_free(&arguments);
	return ok;
}

static bool
open_dump(MyBinlog *binlog, Error *err)
{
	if (!set_session(binlog, err))
		return false;
	if (binlog->options.server_id != 0 && (!check_server_id(binlog, err) || !register_replica(binlog, err)))
		return false;
	if (binlog->options.gtid == NULL)
		return ask_for_dump(binlog, err);
	return my_server(binlog->conn)->is_mariadb ? ask_for_gtid_mariadb(binlog, err) : ask_for_gtid_mysql(binlog, err);
}

bool
my_binlog_open(MyConn *conn, const MyBinlogOptions *options, MyBinlog **result, Error *err)
{
	MyBinlog   *binlog = mem_zalloc(sizeof(MyBinlog));

	*result = NULL;
	binlog->conn = conn;
	binlog->options = *options;
	if (binlog->options.heartbeat_ms <= 0)
		binlog->options.heartbeat_ms = 1000;
	if (!open_dump(binlog, err))
	{
		my_binlog_close(binlog);
		return false;
	}
	*result = binlog;
	return true;
}
