/*
 * append_batch.h
 *		What was appended to a store and is not committed: kept in memory, written in one go.
 *
 * Both kinds of store use it.  A batch belongs to one task.  It also decides, without asking the database where it can, whether
 * a part is new.  One thread at a time; the store locks.
 */
#ifndef DBSYNC_STORE_APPEND_BATCH_H
#define DBSYNC_STORE_APPEND_BATCH_H

#include "base/arena.h"
#include "base/error.h"
#include "model/txn.h"

/* Held in memory at most; more is written early, unseen by readers. */
#define APPEND_BATCH_BYTES ((size_t) 8 * 1024 * 1024)

/* Longer records are kept in several rows: a database limits the size of a value (SQLite: 10^9 bytes, PostgreSQL: 1 GB). */
#define APPEND_PIECE_BYTES ((size_t) 8 * 1024 * 1024)

typedef struct AppendRelation
{
	int64_t		segment;
	uint64_t	number;
	const char *record;
	size_t		length;
} AppendRelation;

/* Sums over rows: what status shows as waiting. */
typedef struct AppendCounts
{
	int64_t		transactions;
	int64_t		changes;
	int64_t		bytes;
} AppendCounts;

typedef struct AppendBatch
{
	char	   *task;			/* NULL: there never was one */
	bool		dirty;			/* something was appended since the last commit or rollback */
	bool		spilled;		/* some of it is in the database already */
	Arena	   *arena;			/* what parts and relations lead into */
	AppendRelation *relations;
	int			relation_count;
	int			relation_capacity;
	TxnPart    *parts;			/* by value; records in the arena */
	int			part_count;
	int			part_capacity;
	AppendCounts counts;		/* of what was written for this batch; the store adds them to the task's row at commit */
	bool		completes;		/* a transaction became whole */

	/* where the task's stored transactions end, to know new parts */
	bool		order_known;
	Lsn			max_lsn;		/* greatest commit_lsn in the store, of any part */
	Lsn			current_lsn;	/* transaction of the part that was handled last */
	int			current_part;
	bool		current_skipped;	/* its parts are there already */
} AppendBatch;

typedef enum AppendAction
{
	APPEND_INSERT,				/* it cannot be there */
	APPEND_SKIP,				/* it is there */
	APPEND_LOOK_UP				/* ask the database */
} AppendAction;

void append_batch_init(AppendBatch *batch);
void append_batch_release(AppendBatch *batch);

/* An error where the batch has something of another task. */
bool append_batch_set_task(AppendBatch *batch, const char *task, Error *err) DBSYNC_MUST_CHECK;
void append_batch_add_relation(AppendBatch *batch, int64_t segment, uint64_t number, const char *record, size_t length);
/* by_reference: the records are not copied; the caller writes the batch before it returns to its own caller. */
void append_batch_add_part(AppendBatch *batch, const TxnPart *part, bool by_reference);
bool append_batch_is_full(const AppendBatch *batch);
/* What was held has been written. */
void append_batch_written(AppendBatch *batch);
/* After a commit (order_known stays) or a rollback (it does not). */
void append_batch_reset(AppendBatch *batch, bool committed);

/* Is this part new?  The database's greatest commit_lsn of the task must have been put into max_lsn. */
AppendAction append_batch_decide(const AppendBatch *batch, const TxnPart *part);
/* To be called for each part in turn, with what was done. */
void append_batch_handled(AppendBatch *batch, const TxnPart *part, bool inserted);

#endif
