/*
 * sqlite_store.h
 *		The embedded local store: one SQLite file.  Implements model/store.h.
 *
 * Beside the file stand SQLite's own PATH-wal and PATH-shm while it is open, and PATH.TASK.lock while a task is locked.  The file
 * holds rows of the source, so it is made readable for its owner alone.  It must be on a local file system.
 *
 * What one must know beyond the interface:
 * - Appended parts wait in memory until commit(), at most about 8 MB of them; more are written to the file early, where nobody
 *   sees them until commit().  The write lock is held only while rows are written, so other threads wait milliseconds.
 * - Parts go to one task at a time: a batch (what lies between two commits) has one task, and that task must have been saved by
 *   save_task() before the batch is committed.  commit() without parts is for the task of the last batch, or the locked one.
 * - save_task() never moves received_lsn, applied_lsn and segment back: another thread may have moved them meanwhile.
 * - save_applied() and remove_applied() survive a crash of the process at once, one of the machine a moment later; nothing
 *   is wrong where they did not: the target knows what was applied.
 * - When a whole transaction comes again (part 0 first), what is there of it is kept if it is whole, and replaced if it is not.
 * - Pages of removed transactions are used again; the file becomes smaller when the queue has been emptied.  On a full disk even
 *   removing needs a little space, for SQLite's log.
 * - Nothing of an open store may be used in a forked child.
 */
#ifndef DBSYNC_STORE_SQLITE_STORE_H
#define DBSYNC_STORE_SQLITE_STORE_H

#include "config/config.h"
#include "model/store.h"
#include "store/store_mode.h"

/*
 * durability full: what was committed survives a crash of the machine.  normal: only a crash of dbsync; faster on slow disks.
 * Refuses, by ERROR_STORE, what is no SQLite file, one of another program, one of a newer dbsync, a damaged one.
 */
bool sqlite_store_open(const char *path, StoreDurability durability, StoreMode mode, Store **store, Error *err) DBSYNC_MUST_CHECK;

#endif
