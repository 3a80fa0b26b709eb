/*
 * my_binlog_private.h
 *		What the files of the binary log's dump share.
 */
#ifndef DBSYNC_MYSQL_MY_BINLOG_PRIVATE_H
#define DBSYNC_MYSQL_MY_BINLOG_PRIVATE_H

#include "mysql/my_binlog.h"

struct MyBinlog
{
	MyConn	   *conn;
	MyBinlogOptions options;
	bool		has_checksum;
	char	   *base;
	uint32_t	file_number;
	uint64_t	offset;			/* behind the last event that stands in the file */
	int64_t		silent_since_ms;	/* 0: not waiting */
	char	   *place;
};

#endif
