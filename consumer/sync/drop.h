/*
 * drop.h
 *		Removes every trace of a task: the slot, its rows on the target, its state and waiting changes in the local store.
 *
 * Indexes, constraints and triggers that "dbsync schema --defer" has left and no run has made yet are forgotten, too, which the report says.
 * What can be removed of a task that is half there already is removed; what is not there is no error.
 */
#ifndef DBSYNC_SYNC_DROP_H
#define DBSYNC_SYNC_DROP_H

#include "base/arena.h"
#include "config/config.h"

typedef struct DropReport
{
	Arena	   *arena;
	const char *slot;			/* what happened to each; NULL: not tried, or a MySQL source, which has none */
	const char *target;
	const char *store;
	int			left;			/* parts that are still there */
} DropReport;

/*
 * force: goes on where the source or the target cannot be asked, and says what is left.  Refused, with nothing removed, while a run
 * holds the task, while somebody reads the slot, and (without force) where a side cannot be reached.  false with ERROR_FAILED where
 * something is left; the report is filled as far as it went, and is freed by arena_free(report->arena).
 */
bool drop_task(const Config *config, bool force, DropReport *report, Error *err) DBSYNC_MUST_CHECK;

#endif
