/*
 * snapshot.h
 *		A snapshot of the source whose place in the log is known, held open for copy workers to import.
 *
 * The only snapshots with a known place are those that a logical slot exports when it is made: the snapshot has exactly the transactions
 * whose commit record lies before the slot's consistent point.  The first comes with the task's own slot.  When that is gone (dbsync
 * was killed, the holding connection was lost), a temporary slot gives a younger one, for the tables that were not finished.
 *
 * The exporting connection's snapshot ends with its next command, so a transaction of our own imports it and exports it again.
 */
#ifndef DBSYNC_SYNC_SNAPSHOT_H
#define DBSYNC_SYNC_SNAPSHOT_H

#include "sync/run_context.h"
#include "pg/conn.h"

struct HeldSnapshot
{
	PgConn	   *conn;			/* in a read-only transaction that has the snapshot */
	const char *name;			/* exported by it; in the run's arena */
	Lsn			lsn;
};
typedef struct HeldSnapshot HeldSnapshot;

/* slot NULL: a temporary one, gone when this returns. */
bool snapshot_take(Run *run, const char *slot, HeldSnapshot *snapshot, Error *err) DBSYNC_MUST_CHECK;
void snapshot_release(HeldSnapshot *snapshot);

/*
 * Ends the source's processes that still make a slot for an earlier run of this task, or for a connection that was lost: they wait for
 * running transactions, and do not notice that nobody waits for them.  ERROR_RETRY where one does not end.  They are known by the name of
 * their connection; where the connection string gives it another one, none is touched.
 */
bool snapshot_end_makers(Run *run, PgConn *conn, Error *err) DBSYNC_MUST_CHECK;

#endif
