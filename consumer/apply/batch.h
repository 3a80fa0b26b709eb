/*
 * batch.h
 *		Gathers the changes of a group by table, and sends their net effect.
 *
 *		batch.c			gathering
 *		batch_send.c	rows to statements
 *		batch_copy.c	new rows to COPY
 *
 * Between two flushes changes are held in memory: values in one arena, rows by table.  A flush sends delete, update and insert of each
 * table, in the order in which the tables came up; tables do not depend on each other, because foreign keys and triggers do not fire
 * (batches are made only under session_replication_role = replica).  A change that cannot be gathered goes by itself behind what
 * its table has gathered; where triggers fire nevertheless (ENABLE ALWAYS, REPLICA), behind what all tables have.
 *
 * A statement for many rows whose answer is not what it must be makes the group fail, and replay.c feeds it again, strictly.
 */
#ifndef DBSYNC_APPLY_BATCH_H
#define DBSYNC_APPLY_BATCH_H

#include "apply/batch_copy.h"
#include "apply/batch_plan.h"
#include "apply/batch_sql.h"
#include "base/hash.h"

/* A table that failed goes strictly for some groups: see replay.c.  Lives as long as the applier. */
typedef struct Backoff
{
	int64_t		until_group;	/* strict before this group */
	int64_t		window;			/* how many groups it was last time */
	bool		is_text_only;	/* its values do not have the text that the binary form is made from: plans made from now on send text */
} Backoff;

typedef struct BatchTable
{
	TargetTable *table;
	BatchPlan  *plan;
	Backoff    *backoff;
	NetTable   *net;			/* where rows are named by a key */
	Value	  **rows;			/* else: new rows, in order */
	size_t		row_count;
	size_t		row_capacity;
	bool		is_queued;
	struct BatchTable *next;	/* of the queue */
} BatchTable;

typedef struct Batch
{
	Arena	   *arena;			/* of the values gathered */
	BatchTable *first;			/* tables that have something, in order of coming up */
	BatchTable *last;
	HashMap	   *by_target;		/* OID of the target's table to the BatchTable that has something for it */
	int64_t		change_count;
	size_t		bytes;			/* of their records */
	bool		is_small;		/* what is being sent is so little that the time of its answers counts, not its cost */

	BatchCopy	copy;

	/* scratch for sending */
	BatchParams params;
	StrBuf		key;
	StrBuf		sql;
	StrBuf	   *arrays;
	const char **values;
	int		   *lengths;
	int		   *formats;
	int			array_capacity;
	const Value **written;		/* rows of one statement: what is written */
	const Value **keys;			/* and what names them */
	size_t		pick_capacity;
} Batch;

#endif
