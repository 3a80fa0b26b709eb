/*
 * full_sync.h
 *		The full copy within a run: the slot, its snapshot, the plan, and starting over with what a killed run left.  Internal to sync/.
 *
 * A task's tables are copied from the snapshot of its slot.  That snapshot dies with the process that holds it.  What was not finished by
 * then is copied from a younger one, made by a temporary slot, and the table's place in the log is kept with it
 * (CopyItem.snapshot_lsn): the applier leaves out changes of the table from transactions before that place, since the copy has them.  So
 * tables are consistent with each other from the moment on when the applier has passed the youngest snapshot; --until is
 * moved there if it lies before.
 */
#ifndef DBSYNC_SYNC_FULL_SYNC_H
#define DBSYNC_SYNC_FULL_SYNC_H

#include "sync/run_context.h"

/* A new task: makes the slot, takes its snapshot, plans.  Afterwards the phase is "slot created". */
bool full_sync_begin(Run *run, Error *err) DBSYNC_MUST_CHECK;

/*
 * Copies what is to be copied, if anything is; afterwards the phase is "catching up" or later and run->snapshots is filled.  Called while
 * the receiver runs.
 */
bool full_sync_run(Run *run, Error *err) DBSYNC_MUST_CHECK;

/*
 * For a side's copy_round().  The plan under the present snapshot, made anew, becomes the plan of the task, in the store and in *items: tables
 * that are done stay as they are; all others, also those that are new on the source, are cut anew.  What is left of a table's earlier start is seen on
 * the target by the copy.
 */
bool full_sync_keep_plan(Run *run, Arena *arena, CopyItem **items, int *count, Error *err) DBSYNC_MUST_CHECK;

#endif
