/*
 * copy_private.h
 *		What the files of copy/ share.  Nobody else includes it.
 *
 *		plan.c		items from the catalogues
 *		tables.c	the items of a run, by table and by group
 *		links.c		groups that foreign keys of the target connect
 *		progress.c	dbsync.copy_progress on the target
 *		prepare.c	what is done already, what starts over, whether targets are empty
 *		format.c	what may be copied in binary
 *		freeze.c	COPY ... (FREEZE)
 *		transfer.c	bytes from one COPY into another
 *		pg_reader.c	items from a PostgreSQL source
 *		mysql_*.c	items from a MySQL source; see mysql_private.h
 *		worker.c	a thread that copies items, whatever reads them
 *		run.c		copy_run()
 */
#ifndef DBSYNC_COPY_COPY_PRIVATE_H
#define DBSYNC_COPY_COPY_PRIVATE_H

#include "copy/copy.h"

#include <pthread.h>
#include <stdatomic.h>

/* Tables of the source whose rows cannot be told apart on the target. */
typedef struct CopyGroup
{
	int open_items; /* not done yet; guarded by the run's lock once workers run */
	int table_count;
	bool is_started; /* an item of it is done: its target is ours */
	bool starts_over;
	bool is_taken_along; /* starts over because a linked one does, or is not finished */
	bool is_set_empty; /* of a chief: what starts over of its set was emptied */
	struct CopyGroup *linked; /* towards the chief of the set of groups that are of one snapshot; NULL: this is it */
} CopyGroup;

typedef struct CopyTable
{
	const char *schema; /* on the source */
	const char *name;
	const char *title;		/* both, quoted: for messages and statements */
	const char *target_title; /* the same of the target, or NULL */
	const PgTable *source; /* NULL: not in the catalogue any more */
	const PgTable *target; /* NULL: only where source is NULL */
	char *columns;		   /* quoted, with commas; "" where there is none.  In the run's arena */
	CopyGroup *group;
	atomic_bool is_binary; /* ends when a server refuses it */
	bool is_stale; /* waits for a new snapshot; guarded by the run's lock */
} CopyTable;

typedef enum ItemState
{
	ITEM_WAITING,
	ITEM_TAKEN,
	ITEM_FINISHED
} ItemState;

typedef enum CopyResult
{
	COPY_RESULT_DONE,
	COPY_RESULT_FAILED,		   /* see the error's kind */
	COPY_RESULT_SNAPSHOT_GONE, /* this worker cannot have it any more */
	COPY_RESULT_STALE,		   /* the table must wait for a new snapshot */
	COPY_RESULT_NO_CONNECTION  /* the server takes no more of us; others go on */
} CopyResult;

struct CopyWorker;
struct CopyRun;

/* What reads the source; one kind for each kind of source.  Functions with a worker belong to its thread. */
typedef struct CopyReader
{
	/* Parts of a table are cut anew by every run, so those of two runs never make a whole, whatever the place of their snapshots. */
	bool cuts_anew;
	/* The worker's connection to the source, with the snapshot; harmless where it is open. */
	CopyResult (*open) (struct CopyWorker *w, Error *err);
	/* The rows of an item into the open transaction of the target; sets the item's rows and bytes. */
	CopyResult (*copy) (struct CopyWorker *w, CopyTable *table, CopyItem *item, Error *err);
	/* The item that copy() was called for is committed.  May be NULL. */
	void (*done) (struct CopyWorker *w);
	/* An item has failed so: makes the source connection ready for another, or closes it. */
	void (*give_up) (struct CopyWorker *w, CopyResult result, const Error *err);
	void (*close) (struct CopyWorker *w);
	/* Is a table that the catalogue does not have still on the source? */
	bool (*find_table) (struct CopyRun *run, const CopyTable *table, bool *found, Error *err);
	/* What it needs on the target; the run's items say what is done already.  May be called again.  May be NULL. */
	bool (*prepare) (struct CopyRun *run, PgConn *target, Error *err);
	/* All items of a table are done.  May be NULL. */
	void (*table_done) (struct CopyRun *run, CopyTable *table);
} CopyReader;

typedef struct CopyRun
{
	const CopyRunOptions *options;
	const CopyReader *reader;
	void *reader_data; /* the reader's own, of this run */
	Arena *arena;
	CopyItem *items;
	int count;
	CopyTable **table_of; /* by item */
	CopyTable *tables;
	int table_count;
	CopyGroup *groups;
	int group_count;
	int abort_fd; /* an eventfd, readable once a worker has failed */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	ItemState *states; /* by item */
	int next;		   /* nothing waits before this one */
	int taken_count;
	int live_count; /* workers that have not given up */
	bool has_failed;
	Error error; /* of the first that failed */
} CopyRun;

/* plan.c: the columns that are copied, for both sides; those the target lacks are added to missing ("name type", with commas). */
void copy_column_list(const PgTable *source, const PgTable *target, StrBuf *list, StrBuf *missing);

/* tables.c */
bool copy_tables_build(CopyRun *run, Error *err) DBSYNC_MUST_CHECK;
/* "s"."t", in the arena. */
const char *copy_quoted_name(Arena *arena, const char *schema, const char *name);

/* links.c: sets linked in the groups.  One that nothing is linked to is its own chief. */
bool copy_links_find(CopyRun *run, PgConn *target, Error *err) DBSYNC_MUST_CHECK;
CopyGroup *copy_group_chief(CopyGroup *group);

/* progress.c: the rows of dbsync.copy_progress. */
typedef struct CopyProgress
{
	const char *schema;
	const char *table;
	int chunk;
	int chunk_count;
	Lsn snapshot_lsn;
	int64_t rows;
	int64_t bytes;
} CopyProgress;

/* All rows of the task; those of a copy older than start_lsn are removed first.  Rows of another source are an error. */
bool copy_progress_load(PgConn *target, const CopyRunOptions *options, Arena *arena, CopyProgress **rows, int *count,
						Error *err) DBSYNC_MUST_CHECK;
/* Begins the item's transaction and claims its row in it.  *done: the row is there already (rows and bytes are the item's then), nothing is begun. */
bool copy_progress_begin(PgConn *target, const CopyRunOptions *options, CopyItem *item, bool *done,
						 Error *err) DBSYNC_MUST_CHECK;
/* Completes the row and commits. */
bool copy_progress_commit(PgConn *target, const CopyRunOptions *options, const CopyItem *item,
						  Error *err) DBSYNC_MUST_CHECK;
/* Within a transaction of the caller. */
bool copy_progress_remove(PgConn *target, const char *task, const CopyTable *table, Error *err) DBSYNC_MUST_CHECK;

/* prepare.c: brings items, store and target into one state from which workers can go on. */
bool copy_prepare(CopyRun *run, PgConn *target, Error *err) DBSYNC_MUST_CHECK;

/* format.c */
bool copy_can_be_binary(const PgTable *source, const PgTable *target);

/*
 * freeze.c: within the item's transaction, before its COPY.  *freeze: the target is emptied and locked, and COPY may have FREEZE; otherwise nothing
 * has changed.
 */
bool copy_freeze_begin(PgConn *target, const CopyTable *table, const CopyItem *item, bool *freeze, Error *err) DBSYNC_MUST_CHECK;

/* transfer.c */
typedef struct CopyTransfer
{
	PgConn *source; /* in COPY OUT */
	PgConn *target; /* in COPY IN */
	int abort_fd;
	bool is_text;	 /* a message is a row */
	bool heed_input; /* end early when the target says something in the middle: see transfer.c */
	void (*advanced)(void *arg, int64_t rows, int64_t bytes); /* about ten times a second */
	void *arg;

	/* results */
	int64_t rows; /* sent */
	int64_t bytes;
	int64_t rows_stored; /* what the target says */
	bool ended_early;
} CopyTransfer;

bool copy_transfer(CopyTransfer *transfer, Error *err) DBSYNC_MUST_CHECK;
/* The target's socket has something to read in the middle of a COPY IN.  false with err: it was no notice, and the COPY has ended. */
bool copy_hear_target(PgConn *conn, bool heed_input, bool *ended_early, Error *err) DBSYNC_MUST_CHECK;
/* Ends of a COPY that turned out to be needless, before we stop heeding the target's words. */
#define COPY_EARLY_ENDS 2
/* Ends a COPY OUT that is not wanted any more.  false: the connection is of no use now. */
bool copy_abandon_source(PgConn *source) DBSYNC_MUST_CHECK;

/* pg_reader.c */
extern const CopyReader copy_pg_reader;

/* worker.c */
void *copy_worker_main(void *arg); /* arg: CopyWorker */

typedef struct CopyWorker
{
	CopyRun *run;
	int number;
	pthread_t thread;
	PgConn *source; /* of the PostgreSQL reader: in a transaction that has the snapshot; NULL: not open */
	bool in_savepoint; /* source: an item's subtransaction is open */
	void *reader_data; /* of another reader */
	PgConn *target;
	int target_pid; /* of the last target connection: ended before another try */
	char *target_start;
	const CopyItem *item; /* in work; for the progress callback */
	int early_ends;		  /* of this item */
} CopyWorker;

/* worker.c, for readers.  advanced: of the item in work; arg is the CopyWorker. */
void copy_worker_advanced(void *arg, int64_t rows, int64_t bytes);
/* Adds a hint, and the kind, to an error of the target that a right or a foreign key made.  Returns false. */
bool copy_target_error(const CopyTable *table, PgConn *target, Error *err);
/* GRANT of all that is needed on one table, for a hint.  Returns false. */
bool copy_hint_grant(const char *side, PgConn *conn, const char *rights, const char *schema, const char *title, Error *err);

/* run.c */
/* copy_run(), with any reader. */
bool copy_run_with(const CopyReader *reader, void *reader_data, const CopyRunOptions *options, CopyItem *items, int count,
				   CopyOutcome *outcome, Error *err) DBSYNC_MUST_CHECK;
void copy_run_fail(CopyRun *run, Error *err); /* takes err over */
/* Waits ms or until a stop or a failure; false then. */
bool copy_run_wait(const CopyRun *run, int ms);

#endif
