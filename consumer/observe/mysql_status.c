/* The binlog of a MySQL source, measured. */
#include "observe/mysql_status.h"

#include "mysql/my_position.h"

#include <stdlib.h>
#include <string.h>

static bool
read_files(MyConn *conn, Arena *arena, MysqlLog *log, Error *err)
{
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	size_t		rows;

	if (!my_query(conn, "SHOW BINARY LOGS", &result, err))
		return false;
	rows = (size_t) mysql_num_rows(result);
	log->numbers = arena_alloc(arena, sizeof(uint32_t) * (rows + 1));
	log->sizes = arena_alloc(arena, sizeof(int64_t) * (rows + 1));
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		size_t		base_length;

		if (row[0] == NULL || row[1] == NULL || !my_position_split_name(row[0], strlen(row[0]), &base_length, &log->numbers[log->count]))
			continue;
		log->sizes[log->count++] = strtoll(row[1], NULL, 10);
	}
	mysql_free_result(result);
	return true;
}

bool
mysql_status_log(const Config *config, Arena *arena, MysqlLog *log, Error *err)
{
	MyLogStatus status;
	MyConn	   *conn = NULL;
	bool		ok;

	memset(log, 0, sizeof(*log));
	ok = my_connect(&config->mysql, "status", &conn, err) && my_position_current(conn, arena, &status, err) && read_files(conn, arena, log, err);
	my_close(conn);
	if (ok)
		log->end = status.position;
	return ok;
}

int64_t
mysql_status_bytes_behind(const MysqlLog *log, Lsn place)
{
	int64_t		bytes = 0;
	bool		found = false;

	if (place >= log->end)
		return 0;
	for (int i = 0; i < log->count; i++)
	{
		uint32_t	number = log->numbers[i];
		/* The last file has grown since it was listed. */
		int64_t		size = number == my_position_file_number(log->end) ? (int64_t) my_position_offset(log->end) : log->sizes[i];

		if (number < my_position_file_number(place) || number > my_position_file_number(log->end))
			continue;
		bytes += size;
		if (number != my_position_file_number(place))
			continue;
		bytes -= (int64_t) my_position_offset(place) < size ? (int64_t) my_position_offset(place) : size;
		found = true;
	}
	return found ? bytes : -1;
}
