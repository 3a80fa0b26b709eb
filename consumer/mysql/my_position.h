/*
 * my_position.h
 *		A place in a MySQL server's binary log: file and offset, as one Lsn and as text.
 *
 * The Lsn holds the file's number and the offset (model/lsn.h); the base name of the files ("mysql-bin") is a fact of the server, kept
 * apart.  An offset that does not fit (a transaction that passes 4 GB in its file) is MY_OFFSET_LAST: nothing begins behind it in
 * that file, so a reader goes on at the start of the next file.
 *
 * The upper part is pure; the lower part asks the server (right needed: REPLICATION CLIENT, on MariaDB BINLOG MONITOR).
 */
#ifndef DBSYNC_MYSQL_MY_POSITION_H
#define DBSYNC_MYSQL_MY_POSITION_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "model/lsn.h"
#include "mysql/my_conn.h"

#define MY_OFFSET_FIRST 4		/* behind the file's magic bytes */
#define MY_OFFSET_LAST UINT32_MAX

static inline Lsn
my_position_pack(uint32_t file_number, uint64_t offset)
{
	return (Lsn) file_number << 32 | (offset < MY_OFFSET_LAST ? offset : MY_OFFSET_LAST);
}

static inline uint32_t
my_position_file_number(Lsn lsn)
{
	return (uint32_t) (lsn >> 32);
}

static inline uint32_t
my_position_offset(Lsn lsn)
{
	return (uint32_t) lsn;
}

/*
 * The true offset behind an event that begins at (or near) offset: the log has it modulo 2^32, as end; 0 is for "not known", then the event's size
 * is counted.
 */
uint64_t my_position_behind(uint64_t offset, uint32_t end, uint32_t size);

/* "mysql-bin.000003": length of "mysql-bin", and 3.  false: not the name of a binlog file. */
bool my_position_split_name(const char *file, size_t length, size_t *base_length, uint32_t *number) DBSYNC_MUST_CHECK;
/* Appends "mysql-bin.000003". */
void my_position_file_name(StrBuf *out, const char *base, uint32_t number);
/* "mysql-bin.000003:1234", for people; base NULL: "binlog file 3:1234". */
const char *my_position_text(Arena *arena, const char *base, Lsn lsn);
/* The reverse.  Also takes "mysql-bin.000003" (its start).  base may be NULL: not wanted. */
bool my_position_parse(const char *text, Arena *arena, const char **base, Lsn *lsn) DBSYNC_MUST_CHECK;

typedef struct MyLogStatus
{
	Lsn			position;		/* end of the log */
	const char *base;			/* "mysql-bin" */
	const char *do_db;			/* binlog_do_db, binlog_ignore_db: "" where all databases are logged */
	const char *ignore_db;
	const char *gtid;			/* set of GTIDs up to here; "" where the server has none */
} MyLogStatus;

/* Where the log ends now.  ERROR_FAILED where the server writes no binary log. */
bool my_position_current(MyConn *conn, Arena *arena, MyLogStatus *status, Error *err) DBSYNC_MUST_CHECK;

typedef enum MyPositionState
{
	MY_POSITION_PRESENT,
	MY_POSITION_PURGED,			/* older than the oldest file: changes are lost */
	MY_POSITION_AHEAD			/* behind the log's end: another server, or its log was reset */
} MyPositionState;

/* Does the server still have the log from here on?  *file: the file that holds the place (NULL unless present), base included. */
bool my_position_locate(MyConn *conn, Lsn lsn, Arena *arena, MyPositionState *state, const char **file, Error *err) DBSYNC_MUST_CHECK;
bool my_position_exists(MyConn *conn, Lsn lsn, bool *exists, Error *err) DBSYNC_MUST_CHECK;

#endif
