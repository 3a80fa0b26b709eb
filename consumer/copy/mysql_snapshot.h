/*
 * mysql_snapshot.h
 *		One moment of a MySQL server, seen by several connections at once, and its place in the binlog.
 *
 * The server is held for an instant: MariaDB by BACKUP STAGE BLOCK_COMMIT, which waits for no reader; MySQL, and a MariaDB that does not take
 * that, by FLUSH TABLES WITH READ LOCK.  Every connection then starts its transaction with a consistent snapshot, the position is read, and
 * the server goes on.  A statement that keeps the lock from coming would make every writer behind us wait, so we wait for a few seconds only, let
 * go, and try again a few times; then it is an ERROR_RETRY that names the statement in the way.
 *
 * Engines without transactions (MyISAM, Aria) have no snapshot.  Their tables are locked for writes from that same instant until
 * mysql_snapshot_unlock_plain(), or the release.
 *
 * Threads: taking and releasing belong to one thread; in between each worker uses its own connection.
 */
#ifndef DBSYNC_COPY_MYSQL_SNAPSHOT_H
#define DBSYNC_COPY_MYSQL_SNAPSHOT_H

#include "model/lsn.h"
#include "mysql/my_conn.h"

typedef struct MySnapshot MySnapshot;

typedef struct MySnapshotOptions
{
	const MySourceConfig *config;
	int			connections;	/* one for each worker; at least one is made */
	/* Which tables of the database count for the locks of engines without transactions; NULL: all. */
	bool		(*wants) (void *arg, const char *schema, const char *table);
	void	   *arg;
} MySnapshotOptions;

/* ERROR_PREFLIGHT with the GRANT where a right is missing, or where there is no binlog. */
bool mysql_snapshot_take(const MySnapshotOptions *options, MySnapshot **snapshot, Error *err) DBSYNC_MUST_CHECK;
void mysql_snapshot_release(MySnapshot *snapshot);	/* NULL is fine */

/* Transactions with commit_lsn < it are in the snapshot. */
Lsn mysql_snapshot_lsn(const MySnapshot *snapshot);
const char *mysql_snapshot_binlog_file(const MySnapshot *snapshot);
const char *mysql_snapshot_gtid(const MySnapshot *snapshot);	/* the executed set of MySQL, the position of MariaDB; "" where there is none */

/* Connection number 0.., in a transaction that has the snapshot; NULL once it was lost.  drop: it is of no use any more; it cannot be had again. */
int mysql_snapshot_connections(const MySnapshot *snapshot);
MyConn *mysql_snapshot_connection(MySnapshot *snapshot, int number);
void mysql_snapshot_drop(MySnapshot *snapshot, int number);

/* Tables without transactions: is it one that was locked?  unlock: all of them are copied, writers may go on. */
bool mysql_snapshot_is_plain(const MySnapshot *snapshot, const char *table);
bool mysql_snapshot_has_plain(MySnapshot *snapshot);
void mysql_snapshot_unlock_plain(MySnapshot *snapshot);

#endif
