/*
 * post_data.h
 *		Indexes, constraints and triggers that "dbsync schema --defer" has left for later.  Internal to sync/.
 *
 * They stand as statements in dbsync.post_data on the target, written in the transaction that made the tables; "dbsync drop" removes them.  Each is run in one transaction
 * with the mark that it is done, so that a kill at any moment neither loses one nor makes one twice.
 */
#ifndef DBSYNC_SYNC_POST_DATA_H
#define DBSYNC_SYNC_POST_DATA_H

#include "base/strbuf.h"
#include "sync/run_context.h"

/*
 * Runs what is not done yet: indexes, primary keys, unique and exclusion constraints first, biggest table first, on as many connections as jobs;
 * then all others in pg_dump's order, and with them the indexes that depend on one of these (is_index is false for them).  Changes must not be applied before.  Nothing to do where the table is not there.
 * ERROR_RETRY: the target is away; to be called again.
 */
bool post_data_build(Run *run, Error *err) DBSYNC_MUST_CHECK;

/*
 * Tables of different snapshots need not satisfy a foreign key before the changes up to the youngest are applied.  So post_data_build() leaves the first
 * one of them and what stands behind it, and sets run->keys_are_left; this makes the rest.  From the apply thread, with nothing on its way to the target.
 */
bool post_data_build_rest(Run *run, Error *err) DBSYNC_MUST_CHECK;

/* SQL that makes the table where it is missing, and of a statement's row.  table: quoted name of the table it is about, or NULL. */
void post_data_append_table(StrBuf *sql, bool with_schema);
void post_data_append_row(StrBuf *sql, const char *task, bool is_index, const char *name, const char *table, const char *statement);

#endif
