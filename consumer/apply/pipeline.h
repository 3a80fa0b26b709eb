/*
 * pipeline.h
 *		Statements on their way to the target and not yet answered (libpq's pipeline mode), bounded in bytes and number.
 *
 * Writes and reads interleave in one poll loop, so that neither side waits for the other with full buffers.  Results come back in
 * the order of sending and go to the owner's callback, with what the owner noted at sending.  The pipeline is entered with the
 * first statement and left by pipeline_finish() or pipeline_abandon(); in between the connection must not be used otherwise.
 * One thread.
 */
#ifndef DBSYNC_APPLY_PIPELINE_H
#define DBSYNC_APPLY_PIPELINE_H

#include "base/error.h"
#include "model/txn.h"
#include "pg/conn.h"

typedef enum PipelineKind
{
	PIPELINE_CONTROL,			/* must succeed: BEGIN, SAVEPOINT, DEALLOCATE, a conflict's row */
	PIPELINE_PREPARE,
	PIPELINE_CHANGE,			/* one change of the source */
	PIPELINE_BATCH,				/* rows of many changes */
	PIPELINE_PROGRESS,
	PIPELINE_COMMIT,
	PIPELINE_SYNC				/* internal */
} PipelineKind;

/* A part that is kept while statements made from it are unanswered. */
typedef struct PartUse
{
	TxnPart    *part;
	int			uses;
} PartUse;

PartUse *part_use_new(TxnPart *part);	/* takes over the part; one use, the caller's */
void part_use_drop(PartUse *use);		/* NULL is fine */

typedef struct PipelineNote
{
	PipelineKind kind;
	bool		any_count;		/* CHANGE: the number of affected rows says nothing */
	bool		is_proven;		/* CHANGE, BATCH: without an error it was done */
	bool		is_checked;		/* BATCH: the statement itself fails, by a division by zero, unless it affects as many rows as it must */
	int			expected;		/* BATCH: rows that it must affect */
	const struct TargetTable *table;	/* BATCH, or NULL */
	PartUse    *use;			/* CHANGE, PREPARE: the record that it comes from */
	size_t		offset;			/* its text in the part */
	size_t		length;
} PipelineNote;

typedef struct Pipeline Pipeline;

/* Sees each result but those of sync points; false with err set: the pipeline is dead until pipeline_abandon(). */
typedef bool (*PipelineResult) (void *arg, const PipelineNote *note, PGresult *result, Error *err);

Pipeline *pipeline_new(PgConn *conn, size_t limit_bytes, int limit_count, PipelineResult on_result, void *arg);
void pipeline_free(Pipeline *pipeline);		/* before the connection's close; NULL is fine */

/* The note is copied and adds a use to its part.  Each returns once the pipeline is within its bounds. */
bool pipeline_prepare(Pipeline *pipeline, const char *name, const char *sql, const PipelineNote *note, Error *err) DBSYNC_MUST_CHECK;
/* size_bytes: about what the values weigh. */
bool pipeline_execute(Pipeline *pipeline, const char *name, int count, const char *const *values, size_t size_bytes, const PipelineNote *note,
					  Error *err) DBSYNC_MUST_CHECK;
bool pipeline_query(Pipeline *pipeline, const char *sql, int count, const char *const *values, const PipelineNote *note, Error *err) DBSYNC_MUST_CHECK;

/*
 * The same with lengths, and parameters in binary where formats is 1.  It returns without waiting for anything, whatever the bounds: the
 * caller bounds what it sends, and calls pipeline_push() now and then.
 */
bool pipeline_execute_batch(Pipeline *pipeline, const char *name, int count, const char *const *values, const int *lengths, const int *formats,
							size_t size_bytes, const PipelineNote *note, Error *err) DBSYNC_MUST_CHECK;

/* Sends what is waiting and takes the answers that are there, without waiting. */
bool pipeline_push(Pipeline *pipeline, Error *err) DBSYNC_MUST_CHECK;
/* Waits for every answer, without a sync point. */
bool pipeline_drain(Pipeline *pipeline, Error *err) DBSYNC_MUST_CHECK;
/* A sync point, without waiting for its answer. */
bool pipeline_mark(Pipeline *pipeline, Error *err) DBSYNC_MUST_CHECK;
/* A sync point, then waits for every answer: an error before it does not reach behind it. */
bool pipeline_sync(Pipeline *pipeline, Error *err) DBSYNC_MUST_CHECK;
/* pipeline_sync(), and the connection is ordinary again. */
bool pipeline_finish(Pipeline *pipeline, Error *err) DBSYNC_MUST_CHECK;
/* Reads away whatever is unanswered, without the callback; false where the connection is gone. */
bool pipeline_abandon(Pipeline *pipeline);

size_t pipeline_bytes(const Pipeline *pipeline);
/* Nothing is unanswered. */
bool pipeline_is_empty(const Pipeline *pipeline);

#endif
