/*
 * mysql_status.h
 *		What a MySQL source says for the status: where its binlog ends, and how much lies between two places.  Internal to observe/.
 */
#ifndef DBSYNC_OBSERVE_MYSQL_STATUS_H
#define DBSYNC_OBSERVE_MYSQL_STATUS_H

#include "base/arena.h"
#include "config/config.h"
#include "model/lsn.h"

typedef struct MysqlLog
{
	uint32_t   *numbers;		/* of the files there are, oldest first */
	int64_t    *sizes;
	int			count;
	Lsn			end;
} MysqlLog;

/* Lives in the arena. */
bool mysql_status_log(const Config *config, Arena *arena, MysqlLog *log, Error *err) DBSYNC_MUST_CHECK;
/* Bytes of the log behind the place; -1 where the log does not have it any more. */
int64_t mysql_status_bytes_behind(const MysqlLog *log, Lsn place);

#endif
