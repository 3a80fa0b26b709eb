/* Server, tables and start of a task with a MySQL source. */
#include "sync/mysql_task.h"

#include <string.h>

#include "mysql/my_binlog.h"
#include "sync/table_filter.h"

bool
mysql_tables_load(const Config *config, Arena *arena, MysqlTables *tables, Error *err)
{
	MyCopyQueries *queries;

	*tables = (MysqlTables) {.config = config};
	if (config->mysql.copy_queries == NULL)
		return true;
	queries = arena_zalloc(arena, sizeof(MyCopyQueries));
	tables->queries = queries;
	return mysql_queries_load(config->mysql.copy_queries, arena, queries, err);
}

bool
mysql_tables_wants(void *arg, const char *schema, const char *table)
{
	const MysqlTables *tables = arg;

	if (tables->queries != NULL && mysql_queries_find(tables->queries, table) == NULL)
		return false;
	return table_filter_wants(schema, table, (void *) tables->config);
}

bool
mysql_source_id(MyConn *conn, const char *database, Arena *arena, const char **id, Error *err)
{
	static const char *const names[] = {"server_uuid", "server_uid", "server_id", "hostname", "port"};
	const char *values[5] = {NULL};
	MYSQL_RES  *result;
	MYSQL_ROW	row;

	if (!my_query(conn, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'server_id', 'hostname', 'port')", &result,
				  err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (row[0] != NULL && row[1] != NULL && row[1][0] != '\0' && strcmp(row[0], names[i]) == 0)
				values[i] = arena_strdup(arena, row[1]);
	mysql_free_result(result);

	/* MariaDB's is made of the machine and the port, which two servers on sockets share; an old one has neither. */
	if (values[0] != NULL)
		*id = arena_printf(arena, "%s/%s", values[0], database);
	else if (values[1] != NULL)
		*id = arena_printf(arena, "%s-%s/%s", values[1], values[2] != NULL ? values[2] : "0", database);
	else
		*id = arena_printf(arena, "%s:%s-%s/%s", values[3] != NULL ? values[3] : "", values[4] != NULL ? values[4] : "",
						   values[2] != NULL ? values[2] : "0", database);
	return true;
}

/*
 * The place of the first transaction that is not in the set.  The server looks for it; what we need of the answer is the first event that begins one.
 * In the log of a server that writes several domains, transactions that the set has may follow it: no single place says that.
 */
static bool
find_gtid(const MySourceConfig *config, Arena *arena, Lsn *start, Error *err)
{
	MyBinlogOptions options = {.gtid = config->gtid};
	MyBinlog   *binlog = NULL;
	MyConn	   *conn = NULL;
	MyLogStatus status;
	MyBinlogResult result = MY_BINLOG_NOTHING;
	MyLogEvent	event;
	bool		found = false;
	bool		ok;

	if (!my_connect(config, "gtid", &conn, err))
		return false;
	if (my_server(conn)->is_mariadb && strchr(config->gtid, ',') != NULL)
	{
		my_close(conn);
		error_set(err, ERROR_USAGE, "gtid: \"%s\" is of several domains, which is no single place in the binlog", config->gtid);
		return error_hint(err, "use binlogfile and binlogfile_offset of [src.mysql]");
	}
	if (!my_position_current(conn, arena, &status, err))
	{
		my_close(conn);
		return false;
	}
	ok = my_binlog_open(conn, &options, &binlog, err);
	while (ok && !found && result != MY_BINLOG_END)
	{
		ok = my_binlog_next(binlog, 1000, &event, &result, err);
		found = ok && result == MY_BINLOG_EVENT && event.is_placed &&
			(event.event.type == MY_EVENT_MARIADB_GTID || event.event.type == MY_EVENT_MYSQL_GTID || event.event.type == MY_EVENT_MYSQL_TAGGED_GTID);
	}
	my_binlog_close(binlog);
	*start = found ? my_position_pack(event.file_number, event.start) : status.position;
	return ok || error_context(err, "gtid %s", config->gtid);
}

/* The number alone may be that of another server's file. */
static bool
check_name(const char *base, const char *file, const MySourceConfig *config, Arena *arena, Error *err)
{
	const char *its_base;
	Lsn			ignored;

	if (!my_position_parse(file, arena, &its_base, &ignored) || strcmp(base, its_base) == 0)
		return true;
	error_set(err, ERROR_PREFLIGHT, "binlogfile: %s is no file of the source, whose binlog has the name %s", config->binlog_file, its_base);
	return error_hint(err, "is the place one of another server, such as a replica?  binlogfile and binlogfile_offset of [src.mysql] are of the source's own log, "
					  "such as %s; SHOW BINARY LOGS lists its files", file);
}

bool
mysql_configured_start(MyConn *conn, const MySourceConfig *config, Arena *arena, Lsn *start, Error *err)
{
	MyPositionState state = MY_POSITION_AHEAD;
	const char *file = NULL;
	const char *base;

	*start = LSN_NONE;
	if (config->gtid != NULL)
		return find_gtid(config, arena, start, err);
	if (config->binlog_file == NULL)
		return true;
	if (strchr(config->binlog_file, ':') != NULL || !my_position_parse(config->binlog_file, arena, &base, start))
		return error_set(err, ERROR_USAGE, "binlogfile: \"%s\" is not the name of a binlog file", config->binlog_file);
	if (config->binlog_offset > MY_OFFSET_FIRST)
		*start = my_position_pack(my_position_file_number(*start), (uint64_t) config->binlog_offset);
	if (!my_position_locate(conn, *start, arena, &state, &file, err))
		return false;
	if (state == MY_POSITION_PRESENT)
		return check_name(base, file, config, arena, err);
	error_set(err, ERROR_PREFLIGHT, "the source does not have %s in its binlog%s", my_position_text(arena, base, *start),
			  state == MY_POSITION_PURGED ? ": it was purged" : "");
	return error_hint(err, "SHOW BINARY LOGS lists its files; correct binlogfile and binlogfile_offset of [src.mysql], or set copy = on");
}
