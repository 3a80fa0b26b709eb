/*
 * mysql_task.h
 *		What a task with a MySQL source is of: server, tables, start.  For the run and the preflight.
 */
#ifndef DBSYNC_SYNC_MYSQL_TASK_H
#define DBSYNC_SYNC_MYSQL_TASK_H

#include "copy/mysql_queries.h"
#include "model/lsn.h"
#include "mysql/my_conn.h"

/* Which tables of the source a task has: those of the file of tables, where there is one, that pass the lists. */
typedef struct MysqlTables
{
	const Config *config;
	const MyCopyQueries *queries;	/* NULL: there is no such file */
} MysqlTables;

bool mysql_tables_load(const Config *config, Arena *arena, MysqlTables *tables, Error *err) DBSYNC_MUST_CHECK;
/* By the names that the server has; arg is a MysqlTables. */
bool mysql_tables_wants(void *arg, const char *schema, const char *table);

/* What names a server and the task's database on it: the same after a restart, another for another server. */
bool mysql_source_id(MyConn *conn, const char *database, Arena *arena, const char **id, Error *err) DBSYNC_MUST_CHECK;

/*
 * Where a task without a full copy begins, by binlogfile and binlogfile_offset, or gtid; *start is LSN_NONE where the configuration says none.
 * ERROR_PREFLIGHT where the server does not have that place.
 */
bool mysql_configured_start(MyConn *conn, const MySourceConfig *config, Arena *arena, Lsn *start, Error *err) DBSYNC_MUST_CHECK;

#endif
