/*
 * my_binlog.h
 *		The binary log of a server as a stream of events: what a replica asks for (COM_BINLOG_DUMP), over a connection of its own.
 *
 * One thread at a time.  Formats, rotations and checksums are followed here, so that each event comes with its place.  Errors: a lost
 * connection is ERROR_RETRY, a log that was purged or is not there ERROR_GAP, another replica with our server_id ERROR_RETRY with a hint.
 */
#ifndef DBSYNC_MYSQL_MY_BINLOG_H
#define DBSYNC_MYSQL_MY_BINLOG_H

#include "model/lsn.h"
#include "mysql/my_conn.h"
#include "mysql/my_event.h"
#include "mysql/my_position.h"

typedef struct MyBinlog MyBinlog;

typedef struct MyBinlogOptions
{
	uint32_t	server_id;		/* 0: reads to the present end of the log and is no replica to the server; any number of them at a time */
	int			heartbeat_ms;	/* how often an idle server speaks */
	Lsn			from;			/* where an event begins */
	unsigned long former;		/* connection of a former stream of ours, which the server may still keep; 0: none */
	const char *gtid;			/* instead of from: the transactions that we have (MariaDB: 0-1-270, MySQL: uuid:1-270); or NULL */
} MyBinlogOptions;

/* Takes the connection, even where it fails.  Looks first that the log has the place, and that no other replica has our server_id. */
bool my_binlog_open(MyConn *conn, const MyBinlogOptions *options, MyBinlog **binlog, Error *err) DBSYNC_MUST_CHECK;
void my_binlog_close(MyBinlog *binlog);		/* NULL is fine */

typedef struct MyLogEvent
{
	MyEvent		event;			/* valid until the next call */
	bool		is_placed;		/* it stands in the file, from start to end (offsets are true ones, beyond 4 GB too) */
	uint32_t	file_number;
	uint64_t	start;
	uint64_t	end;
} MyLogEvent;

typedef enum MyBinlogResult
{
	MY_BINLOG_EVENT,
	MY_BINLOG_NOTHING,			/* not within the time */
	MY_BINLOG_END				/* server_id 0: the end of the log */
} MyBinlogResult;

/* The next event; waits up to timeout_ms (0: not at all).  A stop while it waits: ERROR_CANCELLED. */
bool my_binlog_next(MyBinlog *binlog, int timeout_ms, MyLogEvent *event, MyBinlogResult *result, Error *err) DBSYNC_MUST_CHECK;

/* The server's number of the connection, for MyBinlogOptions.former. */
unsigned long my_binlog_connection(const MyBinlog *binlog);

/* Is another event here without waiting? */
bool my_binlog_has_more(MyBinlog *binlog);

/* "mysql-bin", as the stream names its files; and the place of the last event as text, for messages. */
const char *my_binlog_base(const MyBinlog *binlog);
const char *my_binlog_place(const MyBinlog *binlog);	/* "mysql-bin.000003:1234"; until the next call of any */

#endif
