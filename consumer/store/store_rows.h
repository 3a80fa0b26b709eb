/*
 * store_rows.h
 *		How the model's values stand in the tables of both kinds of store.
 */
#ifndef DBSYNC_STORE_STORE_ROWS_H
#define DBSYNC_STORE_STORE_ROWS_H

#include "base/error.h"
#include "model/store.h"

const char *store_copy_phase_name(CopyPhase phase);		/* "pending" "running" "done" */
/* description names the store, for the message. */
bool store_copy_phase_parse(const char *name, const char *description, CopyPhase *phase, Error *err) DBSYNC_MUST_CHECK;
bool store_task_phase_parse(const char *name, const char *description, TaskPhase *phase, Error *err) DBSYNC_MUST_CHECK;
bool store_unknown_task(const char *task, const char *description, Error *err);		/* always false */

#endif
