/*
 * pg_store.h
 *		The local store in a PostgreSQL database.  Implements model/store.h.
 *
 * Its tables are in the schema dbsync_local, which is created where it is missing: the role needs CREATE on the database, or a
 * schema dbsync_local that it owns.  Every change is written here once more, so a server of its own
 * keeps that load away from source and target.
 *
 * Three connections: one appends, one reads, one keeps state and holds the task's lock (a session's advisory lock, so no
 * connection pooler in transaction mode).  When the server goes away a call fails with ERROR_RETRY; the next one connects
 * again, takes the lock again (ERROR_FAILED if another dbsync has it by then), and what was appended but not committed is gone:
 * the caller starts its stream again from received_lsn.  The outcome of a commit that failed so is not known; parts that come
 * again and are there are left as they are.
 *
 * The remarks of sqlite_store.h on batches, save_task(), save_applied() and transactions that come again hold here too.
 */
#ifndef DBSYNC_STORE_PG_STORE_H
#define DBSYNC_STORE_PG_STORE_H

#include "config/config.h"
#include "model/store.h"
#include "store/store_mode.h"

/* durability normal: commits do not wait for the server's disk (synchronous_commit off). */
bool pg_store_open(const char *conninfo, StoreDurability durability, StoreMode mode, Store **store, Error *err) DBSYNC_MUST_CHECK;

#endif
