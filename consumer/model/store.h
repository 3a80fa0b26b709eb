/*
 * store.h
 *		The local store: state of the task, and transactions that wait.  The interface; store/ has the two kinds.
 *
 * What it keeps (both kinds, the same tables):
 *		db_sync_status		one row a task (TaskState)
 *		db_sync_tables		one row a table or chunk of the full sync (CopyItem)
 *		sync_sqls			one row a TxnPart: a transaction, or a numbered part of a large one; unique by (task, commit_lsn, part)
 *		sync_relations		relation records of the segments that sync_sqls still refers to
 *
 * Threads: all functions may be called from any thread; a store locks inside.  store_read() does not wait for a writer's fsync.
 * Durability: a function that changes the status or the copy items returns when the change is durable.  store_append() is durable
 * only after store_commit().  A failure of the medium (full disk, lost connection) is an ERROR_STORE (or ERROR_RETRY for a
 * PostgreSQL store whose server went away) that names the file or server, with a hint; nothing that was durable is lost, and
 * the store may be used again once the cause is gone.  After an error in append or commit, everything appended since the last
 * successful commit is rolled back.
 */
#ifndef DBSYNC_MODEL_STORE_H
#define DBSYNC_MODEL_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/txn.h"

typedef enum TaskPhase
{
	TASK_NEW,					/* nothing done */
	TASK_CREATING_SLOT,			/* we are about to create the slot: one found under that name is ours */
	TASK_SLOT_CREATED,			/* slot exists, its snapshot was exported */
	TASK_COPYING,				/* full sync running */
	TASK_CATCHING_UP,			/* full sync done, stored changes are being applied */
	TASK_STREAMING,
	TASK_DONE					/* ended by the user (--copy-only) */
} TaskPhase;

const char *task_phase_name(TaskPhase phase);			/* "copying" ... */
bool task_phase_parse(const char *name, TaskPhase *phase) DBSYNC_MUST_CHECK;

typedef struct TaskState
{
	const char *task;			/* name: the slot's */
	TaskPhase	phase;
	const char *source_kind;	/* "pgsql" or "mysql" */
	const char *source_id;		/* system identifier "/" database, or what names a MySQL server */
	int			source_timeline;
	const char *slot;
	const char *target_id;		/* system identifier "/" database of the target */
	const char *filter;			/* include and exclude lists in force, and target_schema: a change of them is refused */
	int64_t		created_us;
	int64_t		copy_start_us;	/* 0: not yet */
	int64_t		copy_end_us;
	Lsn			start_lsn;		/* decoder start: the slot's consistent point */
	Lsn			received_lsn;	/* everything before it is in the store or on the target */
	Lsn			applied_lsn;	/* copy of the target's progress, for people; the target is the truth */
	int64_t		applied_commit_us;	/* commit time of the last applied transaction */
	int64_t		segment;		/* last segment number given out */
} TaskState;

typedef enum CopyPhase
{
	COPY_PENDING, COPY_RUNNING, COPY_DONE
} CopyPhase;

typedef struct CopyItem
{
	const char *schema;			/* source table */
	const char *table;
	int			chunk;			/* 0.. */
	int			chunk_count;
	uint32_t	first_block;	/* ctid range [first, last) ; both 0: the whole table */
	uint32_t	last_block;		/* 0 for the last chunk: no upper bound */
	CopyPhase	phase;
	Lsn			snapshot_lsn;	/* what the copy has: transactions with commit_lsn < snapshot_lsn */
	int64_t		estimated_bytes;
	int64_t		estimated_rows;
	int64_t		rows;			/* when done */
	int64_t		bytes;
	int64_t		start_us;
	int64_t		end_us;
} CopyItem;

typedef struct StoreStats
{
	int64_t		transaction_count;	/* whole transactions that wait */
	int64_t		change_count;
	int64_t		bytes;
	Lsn			first_lsn;			/* commit_lsn of the first one; LSN_NONE when empty */
	int64_t		first_commit_us;
} StoreStats;

typedef struct Store Store;

typedef struct StoreOps
{
	void (*close) (Store *store);

	/* One process a task: an ERROR_FAILED that names the holder (pid, host where known) if another has it.  Held until close. */
	bool (*lock_task) (Store *store, const char *task, Error *err);

	/* State.  load: false in *found where the task is unknown; strings come from the arena. */
	bool (*load_task) (Store *store, const char *task, Arena *arena, TaskState *state, bool *found, Error *err);
	bool (*save_task) (Store *store, const TaskState *state, Error *err);		/* insert or replace the row, durable */
	bool (*save_received) (Store *store, const char *task, Lsn received_lsn, Error *err);	/* never moves it back */
	bool (*save_applied) (Store *store, const char *task, Lsn applied_lsn, int64_t commit_us, Error *err);
	bool (*drop_task) (Store *store, const char *task, Error *err);				/* every trace of it */
	bool (*list_tasks) (Store *store, Arena *arena, TaskState **states, int *count, Error *err);

	/* The full sync.  replace_items: the whole list of a task in one transaction. */
	bool (*load_items) (Store *store, const char *task, Arena *arena, CopyItem **items, int *count, Error *err);
	bool (*replace_items) (Store *store, const char *task, const CopyItem *items, int count, Error *err);
	bool (*save_item) (Store *store, const char *task, const CopyItem *item, Error *err);

	/*
	 * Waiting transactions.  append copies what it needs.  A part that is already there (same task, commit_lsn, part) is left as it is.
	 * commit makes everything appended durable, and with it received_lsn (LSN_NONE: unchanged).
	 */
	bool (*append_relation) (Store *store, const char *task, int64_t segment, uint64_t number, const char *record, size_t length, Error *err);
	bool (*append) (Store *store, const char *task, const TxnPart *part, Error *err);
	bool (*commit) (Store *store, Lsn received_lsn, Error *err);
	void (*rollback) (Store *store);

	/*
	 * Removes every transaction with commit_lsn >= from, complete or not, and moves received_lsn up to from.  Nothing may be
	 * uncommitted, and nobody may be in the middle of reading one.  A run that starts calls it: rows behind what is known to be complete may follow a hole.
	 */
	bool (*remove_from) (Store *store, const char *task, Lsn from, Error *err);

	/* Parts of transactions whose last part never came (after a crash or a reconnect): removed.  Nothing may be uncommitted. */
	bool (*drop_incomplete) (Store *store, const char *task, Error *err);

	/*
	 * Read the part behind (after_commit_lsn, after_part) in order of (commit_lsn, part); start with (LSN_NONE, -1).  Only committed parts
	 * are seen, and only of transactions whose last part is there.  *part NULL: no more now.
	 * Several are read ahead inside, bounded in bytes.
	 */
	bool (*read) (Store *store, const char *task, Lsn after_commit_lsn, int after_part, TxnPart **part, Error *err);
	/* All relation records of a segment, each ended by '\n', into one malloc'd text (possibly ""). */
	bool (*read_relations) (Store *store, const char *task, int64_t segment, char **records, size_t *length, Error *err);

	/* Removes transactions with end_lsn <= applied_lsn, and segments that nothing refers to but keep_segment. Gives space back over time. */
	bool (*remove_applied) (Store *store, const char *task, Lsn applied_lsn, int64_t keep_segment, Error *err);
	bool (*stats) (Store *store, const char *task, StoreStats *stats, Error *err);
} StoreOps;

struct Store
{
	const StoreOps *ops;
	const char *description;	/* "SQLite file ./dbsync.db", "PostgreSQL store host=... dbname=...": for messages, no password */
};

#endif
