/*
 * my_position.c
 *		Names of binlog files, and what the server says about its files.
 *
 * SHOW BINARY LOGS has names and sizes; it is the one statement that old and new servers of both families share.
 */
#include "mysql/my_position.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t
my_position_behind(uint64_t offset, uint32_t end, uint32_t size)
{
	const uint64_t half = UINT64_C(1) << 31;
	uint64_t	behind = (offset & ~(uint64_t) UINT32_MAX) | end;

	if (end == 0)
		return offset + size;
	/* A little less than offset is a place that was counted wrong; much less is one turn further. */
	return behind + half < offset ? behind + 2 * half : behind;
}

bool
my_position_split_name(const char *file, size_t length, size_t *base_length, uint32_t *number)
{
	size_t		start = length;
	uint64_t	value = 0;

	while (start > 0 && file[start - 1] >= '0' && file[start - 1] <= '9')
		start--;
	if (start < 2 || start == length || file[start - 1] != '.')
		return false;
	for (size_t i = start; i < length; i++)
	{
		value = value * 10 + (uint64_t) (file[i] - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*base_length = start - 1;
	*number = (uint32_t) value;
	return true;
}

void
my_position_file_name(StrBuf *out, const char *base, uint32_t number)
{
	strbuf_printf(out, "%s.%06" PRIu32, base, number);
}

const char *
my_position_text(Arena *arena, const char *base, Lsn lsn)
{
	uint32_t	number = my_position_file_number(lsn);
	uint32_t	offset = my_position_offset(lsn);

	if (base == NULL || base[0] == '\0')
		return arena_printf(arena, "binlog file %" PRIu32 ":%" PRIu32, number, offset);
	return arena_printf(arena, "%s.%06" PRIu32 ":%" PRIu32, base, number, offset);
}

bool
my_position_parse(const char *text, Arena *arena, const char **base, Lsn *lsn)
{
	const char *colon = strrchr(text, ':');
	size_t		length = colon != NULL ? (size_t) (colon - text) : strlen(text);
	uint64_t	offset = MY_OFFSET_FIRST;
	uint32_t	number;
	size_t		base_length;

	if (!my_position_split_name(text, length, &base_length, &number))
		return false;
	if (colon != NULL)
	{
		const char *p = colon + 1;

		if (*p == '\0')
			return false;
		for (offset = 0; *p != '\0'; p++)
		{
			if (*p < '0' || *p > '9')
				return false;
			offset = offset * 10 + (uint64_t) (*p - '0');
			if (offset > UINT32_MAX)
				return false;
		}
	}
	if (base != NULL)
		*base = arena_strndup(arena, text, base_length);
	*lsn = my_position_pack(number, offset);
	return true;
}

static const char *
column_text(Arena *arena, MYSQL_RES *result, MYSQL_ROW row, unsigned int column)
{
	if (column >= mysql_num_fields(result) || row[column] == NULL)
		return "";
	return arena_strdup(arena, row[column]);
}

bool
my_position_current(MyConn *conn, Arena *arena, MyLogStatus *status, Error *err)
{
	const MyServer *server = my_server(conn);
	bool		is_renamed = !server->is_mariadb && server->version >= 80200;
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	size_t		base_length;
	uint32_t	number;
	bool		ok = true;

	memset(status, 0, sizeof(*status));
	if (!my_query(conn, is_renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", &result, err))
		return false;
	row = mysql_fetch_row(result);
	if (row == NULL || row[0] == NULL || row[1] == NULL)
	{
		error_set(err, ERROR_FAILED, "the server writes no binary log");
		ok = error_hint(err, "in the server's configuration, section [mysqld]: log_bin = mysql-bin, binlog_format = ROW; then restart it");
	}
	else if (!my_position_split_name(row[0], strlen(row[0]), &base_length, &number))
		ok = error_set(err, ERROR_FAILED, "\"%s\" is not the name of a binlog file", row[0]);
	else
	{
		status->base = arena_strndup(arena, row[0], base_length);
		status->position = my_position_pack(number, strtoull(row[1], NULL, 10));
		status->do_db = column_text(arena, result, row, 2);
		status->ignore_db = column_text(arena, result, row, 3);
		status->gtid = column_text(arena, result, row, 4);
	}
	mysql_free_result(result);
	if (ok && server->is_mariadb)
	{
		const char *gtid;

		ok = my_query_value(conn, arena, "SELECT @@global.gtid_binlog_pos", &gtid, err);
		if (ok && gtid != NULL)
			status->gtid = gtid;
	}
	return ok;
}

bool
my_position_locate(MyConn *conn, Lsn lsn, Arena *arena, MyPositionState *state, const char **file, Error *err)
{
	uint32_t	wanted = my_position_file_number(lsn);
	uint64_t	offset = my_position_offset(lsn);
	uint32_t	oldest = UINT32_MAX;
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	*file = NULL;
	if (offset == MY_OFFSET_LAST)
	{
		wanted++;
		offset = MY_OFFSET_FIRST;
	}
	if (!my_query(conn, "SHOW BINARY LOGS", &result, err))
		return false;
	*state = MY_POSITION_AHEAD;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		size_t		base_length;
		uint32_t	number;

		if (row[0] == NULL || row[1] == NULL || !my_position_split_name(row[0], strlen(row[0]), &base_length, &number))
			continue;
		if (number < oldest)
			oldest = number;
		if (number != wanted)
			continue;
		if (offset <= strtoull(row[1], NULL, 10))
		{
			*state = MY_POSITION_PRESENT;
			*file = arena_strdup(arena, row[0]);
		}
	}
	mysql_free_result(result);
	if (*state == MY_POSITION_AHEAD && oldest != UINT32_MAX && wanted < oldest)
		*state = MY_POSITION_PURGED;
	return true;
}

bool
my_position_exists(MyConn *conn, Lsn lsn, bool *exists, Error *err)
{
	Arena	   *arena = arena_new(0);
	MyPositionState state = MY_POSITION_AHEAD;
	const char *file;
	bool		ok = my_position_locate(conn, lsn, arena, &state, &file, err);

	*exists = ok && state == MY_POSITION_PRESENT;
	arena_free(arena);
	return ok;
}
