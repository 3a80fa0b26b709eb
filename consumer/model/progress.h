/*
 * progress.h
 *		What a run tells of itself while it works.  sync/ and copy/ report, observe/ shows; so neither knows the other.
 *
 * Callbacks come from any thread and must be quick and thread-safe.  Any callback may be NULL.
 */
#ifndef DBSYNC_MODEL_PROGRESS_H
#define DBSYNC_MODEL_PROGRESS_H

#include "model/lsn.h"
#include "model/store.h"

typedef struct ProgressSink
{
	void (*copy_planned) (void *arg, const CopyItem *items, int count);
	void (*copy_started) (void *arg, const CopyItem *item);
	/* Totals of this item so far.  Called about ten times a second. */
	void (*copy_advanced) (void *arg, const CopyItem *item, int64_t rows, int64_t bytes);
	void (*copy_finished) (void *arg, const CopyItem *item);
	/* A try failed; the item starts over. */
	void (*copy_restarted) (void *arg, const CopyItem *item, const char *reason);
	void (*stream_advanced) (void *arg, Lsn received, Lsn flushed, Lsn applied, int64_t transactions, int64_t changes);
	void	   *arg;
} ProgressSink;

#endif
