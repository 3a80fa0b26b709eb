/*
 * stage.h
 *		Between receiving and applying: a queue in memory that falls back on the local store.
 *
 * Transactions go through memory while the applier keeps up.  When more than queue_bytes wait there, or no applier runs (full sync, target
 * away), whole transactions go to the local store instead, until the applier has read the store empty.  Order is always that of the
 * source: new work goes to memory only when nothing is left in the store.
 *
 * The store costs a write and a read, so the source waits a little where that spares it: while a full queue is worked off, and while the
 * applier reads the last of the store, which it would never find empty under a steady load.  Never for longer than patience_ms, so that
 * a target that stands still does not make the source keep its log.
 *
 * What is durable.  "received" is a position: everything before it is in the store or on the target.  It moves when the store
 * commits, but not past a hole: not while older transactions wait in memory alone.  "applied" is the target's progress.  The source may
 * forget what is before stage_durable(), the larger of both.  Rows in the store at or behind it may follow a hole (a crash
 * lost the memory); a start removes them and the source sends them again.
 *
 * Threads: stage_receiver_*() are the receiver's, stage_applier_*() the applier's, the rest anybody's.
 */
#ifndef DBSYNC_SYNC_STAGE_H
#define DBSYNC_SYNC_STAGE_H

#include "base/error.h"
#include "model/store.h"
#include "model/txn.h"

typedef struct Stage Stage;

typedef struct StageOptions
{
	Store	   *store;
	const char *task;
	size_t		queue_bytes;
	int			patience_ms;	/* 0: the source never waits */
	Lsn			received;		/* from the task's state */
	Lsn			applied;		/* the target's progress, or what is below all that will come */
} StageOptions;

Stage *stage_new(const StageOptions *options);
void   stage_free(Stage *stage);

/* --- receiver --- */

/*
 * Before each start of the stream: drops what follows a hole, and says from where the source must send (from) and which transactions are
 * held already (commit_lsn < skip).
 */
bool stage_receiver_begin(Stage *stage, int64_t segment, Lsn *from, Lsn *skip, Error *err) DBSYNC_MUST_CHECK;

void stage_receiver_relation(Stage *stage, uint64_t number, const char *text, size_t length);

typedef enum StagePut
{
	STAGE_PUT_OK,				/* the stage owns the part */
	STAGE_PUT_FULL,				/* wait by stage_receiver_wait(), then try again */
	STAGE_PUT_RESTART,			/* the stream must be started anew; the part was freed */
	STAGE_PUT_FAILED			/* *err says why; the part was freed */
} StagePut;

StagePut stage_receiver_put(Stage *stage, TxnPart *part, Error *err) DBSYNC_MUST_CHECK;
void stage_receiver_wait(Stage *stage, int timeout_ms);
/* Makes durable what was put into the store. Cheap when there is nothing. */
bool stage_receiver_flush(Stage *stage, Error *err) DBSYNC_MUST_CHECK;
/* The source has nothing before this position that was not put.  save: write it down now even if that was done a moment ago. */
bool stage_receiver_position(Stage *stage, Lsn position, bool save, Error *err) DBSYNC_MUST_CHECK;
bool stage_receiver_restart_wanted(Stage *stage);
/* The stream has ended, perhaps in the middle of a transaction, whose parts are dropped. */
bool stage_receiver_end(Stage *stage, Error *err) DBSYNC_MUST_CHECK;

/* --- applier --- */

typedef enum StageTake
{
	STAGE_TAKE_PART,			/* *part is the applier's */
	STAGE_TAKE_NOTHING,			/* nothing within the time */
	STAGE_TAKE_ABORTED,			/* the transaction whose parts were taken will not be completed: roll it back */
	STAGE_TAKE_END,				/* everything before "until" was taken */
	STAGE_TAKE_FAILED
} StageTake;

/* The applier is there, and the target's progress is this. */
void stage_applier_begin(Stage *stage, Lsn applied);
StageTake stage_applier_take(Stage *stage, TxnPart **part, int timeout_ms, Error *err) DBSYNC_MUST_CHECK;
/* Committed on the target.  position 0 transactions allowed: only moves forward. */
void stage_applier_applied(Stage *stage, Lsn applied, int64_t commit_time_us);
/* The applier has lost what it had taken and not committed: it will be delivered again, after the next stage_applier_begin(). */
void stage_applier_rewind(Stage *stage);

/* --- anybody --- */

typedef struct StageView
{
	Lsn			seen;			/* end of the last transaction put, or position of an idle source */
	Lsn			received;
	Lsn			applied;
	Lsn			durable;
	int64_t		applied_commit_us;
	size_t		queue_bytes;
	bool		in_memory;		/* new work goes through memory */
	bool		caught_up;		/* everything seen is applied */
} StageView;

/* Transactions with commit_lsn at or behind it are not applied.  LSN_NONE: no end.  Once, before the applier begins. */
void stage_set_until(Stage *stage, Lsn until);
void stage_view(Stage *stage, StageView *view);
Lsn stage_durable(Stage *stage);
/* Everything before "until" was received: the receiver need not go on. */
bool stage_until_received(Stage *stage);
/* Wakes whoever waits; used with the stop flag. */
void stage_wake(Stage *stage);

#endif
