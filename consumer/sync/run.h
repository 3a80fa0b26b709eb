/*
 * run.h
 *		One run of a task: preflight, slot, full sync, catching up, streaming.
 */
#ifndef DBSYNC_SYNC_RUN_H
#define DBSYNC_SYNC_RUN_H

#include "base/error.h"
#include "config/config.h"
#include "model/progress.h"

/*
 * Runs until --until is reached or --copy-only is done (true), or a stop is asked for (true where neither was given; otherwise false with
 * ERROR_CANCELLED: their end is not reached), or something needs a person (false).  Holds the task's locks on the local store and on the
 * target; releases them when it returns.  Called once, from the main thread, after stop_install().  progress may be NULL.
 *
 * started, unless NULL, is called once: when nothing is left that could refuse the run (preflight, locks, the state of the task), before what
 * may take long; or when a server that is away is waited for.  Where it fails the run does.
 */
bool run_task(const Config *config, const ProgressSink *progress, bool (*started) (Error *err), Error *err) DBSYNC_MUST_CHECK;

#endif
