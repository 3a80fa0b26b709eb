/*
 * copy.h
 *		The full copy: every table that is wanted, from one snapshot of the source, by several workers at a time.
 *
 * A plan is a list of items (model/store.h): a table, or a range of blocks of a large one.  An item is copied in one transaction
 * of the target: COPY ... TO STDOUT on the source, bytes passed on unparsed, COPY ... FROM STDIN on the target, and a row for it in
 * dbsync.copy_progress.  That row makes an item exactly-once: when the answer to a commit is lost, the row says whether it was done.
 * The store's copy items are what a later run goes on with; where it lags behind, the target's rows are the truth.
 *
 * What a table has is told by its snapshot_lsn: transactions with commit_lsn < snapshot_lsn.  All items of one table come from one
 * snapshot.  A table of which some items are done under another snapshot starts over: its target is emptied, in one transaction with
 * its progress rows.  Source tables whose rows go into one target table (partitions into a flat one) cannot be told apart there,
 * so they start over together.
 *
 * So do tables that foreign keys of the target connect, where those change rows by themselves (ON DELETE CASCADE and the like) and act for rows of
 * dbsync: such tables are of one snapshot, see links.c.  If some are not finished under a new snapshot, then the finished ones start over, too.
 *
 * Rows that are on the target before a table's first item: see ExistingRows in config/config.h.
 *
 * Columns are matched by name.  A column that is generated on either side is left out: the target computes it, or keeps its
 * default.  A source column that the target does not have is an error.  Further columns of the target keep their defaults.
 *
 * COPY's binary format is used for tables whose columns have, on both sides, one built-in type of a known form; see format.c.  A table
 * that is copied as a whole is frozen on the way where nobody can notice: see freeze.c.
 *
 * Tables that are rewritten or truncated on the source (TRUNCATE, VACUUM FULL, a rewriting ALTER TABLE) between the snapshot and
 * their copy are noticed by their file number: an older snapshot does not see their rows rightly.  They wait for a new snapshot.
 * A table is locked (ACCESS SHARE) only while an item of it is copied.
 *
 * Memory: per worker about 1 MB, and twice the largest row (libpq receives a row as a whole).
 */
#ifndef DBSYNC_COPY_COPY_H
#define DBSYNC_COPY_COPY_H

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"
#include "model/progress.h"
#include "model/store.h"
#include "pg/catalog.h"
#include "pg/conn.h"

typedef struct CopyPlanOptions
{
	const char *target_schema;	/* every table goes there; NULL: the source's schema */
	int64_t		split_bytes;	/* a larger table is cut into ranges of about this size; 0: never */
	int			source_version; /* PQserverVersion: before 14 a range of blocks would read the whole table, so nothing is cut */
	int			block_bytes;	/* of the source; 0: 8192 */
	int			jobs;			/* a table that is cut gets a multiple of so many parts, so that no worker waits for the last one; 0: 1 */
} CopyPlanOptions;

/*
 * The items for all tables of source (kind 'r'; partitioned tables have no rows of their own), biggest table first.  Strings and items
 * live in the arena.  ERROR_PREFLIGHT names every table and column that the target does not have.  No I/O.
 */
bool copy_plan(const CopyPlanOptions *options, const PgCatalog *source, const PgCatalog *target, Arena *arena, CopyItem **items,
			   int *count, Error *err) DBSYNC_MUST_CHECK;

typedef struct CopySnapshot
{
	const char *name;			/* as pg_export_snapshot() or a slot's creation names it; held by the caller during copy_run() */
	Lsn			lsn;
} CopySnapshot;


typedef struct CopyRunOptions
{
	const char *task;
	const char *source_id;		/* pg_system_id() of the source: progress rows of another source are refused */
	const char *source_conninfo;
	const char *target_conninfo;
	const char *target_schema;	/* or NULL */
	const char *client_encoding;	/* of both sides: NULL is UTF8, or "SQL_ASCII" for a source of that encoding */
	const PgCatalog *source;	/* with all tables of the items; read under the snapshot, or shortly after */
	const PgCatalog *target;
	CopySnapshot snapshot;
	Lsn			start_lsn;		/* the slot's consistent point: a copy older than this would leave a gap, and counts as foreign rows */
	ExistingRows existing_rows;
	CopyFormat	format;
	bool		analyze;		/* ANALYZE of a table after its last item; a failure is a warning */
	int			jobs;
	int			retry_max_ms;	/* longest wait between tries */
	int			retry_give_up_ms;	/* time of failing without end after which a lost connection is an error; 0: never */
	Store	   *store;
	const ProgressSink *progress;	/* or NULL */
} CopyRunOptions;

typedef enum CopyOutcome
{
	COPY_OUTCOME_COMPLETE,		/* all items are COPY_DONE */
	/*
	 * All that could be done with this snapshot is done; some items are not, because the snapshot is gone (no worker has it any more)
	 * or because their tables were rewritten since.  Take a new snapshot, read the catalogues again, and call copy_run() again.
	 */
	COPY_OUTCOME_NEW_SNAPSHOT
} CopyOutcome;

/*
 * Copies every item that is not COPY_DONE.  items is the whole plan of the task, as the store has it; phase, rows, bytes, times and
 * snapshot_lsn are changed here and saved into the store.  The first error that needs a person stops all workers, and so does a stop
 * (ERROR_CANCELLED); what is done stays done.  Connection losses are retried here.  Opens jobs connections to the source and one more than
 * that to the target.  Calls copy_prepare_target().
 */
bool copy_run(const CopyRunOptions *options, CopyItem *items, int count, CopyOutcome *outcome, Error *err) DBSYNC_MUST_CHECK;

/* Creates schema dbsync and dbsync.copy_progress where they are missing.  Without the right to, the hint has the GRANT. */
bool copy_prepare_target(PgConn *target, Error *err) DBSYNC_MUST_CHECK;

/* Removes the task's rows from dbsync.copy_progress, and from dbsync.rejects, where those are there (dbsync drop; or the task starts anew). */
bool copy_forget(PgConn *target, const char *task, Error *err) DBSYNC_MUST_CHECK;

#endif
