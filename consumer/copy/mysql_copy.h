/*
 * mysql_copy.h
 *		The full copy from MySQL or MariaDB: what copy.h says, with rows that come from SELECT.
 *
 * Items, groups, progress rows, existing rows, retries and reports are those of copy.h.  What is different:
 *
 * Names.  An item has the names that the target and the change records have: the database and the table, in lower case where
 * lower_names says so.
 *
 * Snapshot.  Each worker has one connection of the MySnapshot.  Such a connection cannot be had again: a worker that loses it ends, and when none is
 * left the outcome is COPY_OUTCOME_NEW_SNAPSHOT.  So it is for a table that was altered, truncated or dropped since the snapshot.
 *
 * Parts.  A table larger than split_bytes whose key begins with an integer is read in ranges of that.  The bounds are searched by asking the optimizer
 * how many rows lie between two keys, and kept in memory only: a table of which some parts are missing starts over under the
 * next snapshot, even if that has the same place in the log.
 *
 * Values go through my_value().  A column that is generated on the source is copied where the target has it as an ordinary one.  FLOAT is read as
 * DOUBLE, since its own text form has six digits only.
 *
 * Bad values and rows that the target refuses: up to reject_limit rows of a table go to dbsync.rejects on the target, in the transaction
 * of the item; one more is an error that names table, column and key.  With a limit the rows are sent in batches, each behind a savepoint, so
 * that the one in a refused batch can be found.  Rows are rejected for what they are (SQLSTATE classes 22 and 23), not for a server in trouble.
 * Values that were replaced (zero_dates = null, bad_text = replace) are counted and told once a table.
 */
#ifndef DBSYNC_COPY_MYSQL_COPY_H
#define DBSYNC_COPY_MYSQL_COPY_H

#include "copy/copy.h"
#include "copy/mysql_queries.h"
#include "copy/mysql_snapshot.h"
#include "mysql/my_catalog.h"

typedef struct MyCopySource
{
	const MySourceConfig *config;
	const MyCatalog *catalog;	/* the tables that are wanted, read while the snapshot is held (its names are the server's) */
	const MyCopyQueries *queries;	/* or NULL */
	MySnapshot *snapshot;		/* not needed by the plan */
} MyCopySource;

/* As copy_plan(); of the options target_schema, split_bytes and jobs count. */
bool mysql_copy_plan(const CopyPlanOptions *options, const MyCopySource *source, const PgCatalog *target, Arena *arena, CopyItem **items,
					 int *count, Error *err) DBSYNC_MUST_CHECK;

/* As copy_run(); source_conninfo, client_encoding, source, snapshot and format of the options are not looked at.  No more workers than the snapshot has connections. */
bool mysql_copy_run(const CopyRunOptions *options, const MyCopySource *source, CopyItem *items, int count, CopyOutcome *outcome,
					Error *err) DBSYNC_MUST_CHECK;

#endif
