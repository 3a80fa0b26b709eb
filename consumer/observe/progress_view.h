/*
 * progress_view.h
 *		Shows a run's progress: bars on a terminal, plain log lines otherwise.
 *
 * With bars, the last lines of the terminal (standard error) belong to the view: one bar for each table that is being copied, as far as
 * there is room, and one line for the whole; they are drawn five times a second by a thread of the view, and step aside for log
 * lines by the log's hooks.  Without bars, one log line for the whole full sync in each report interval.
 *
 * Made and freed by the main thread; the sink's callbacks may come from any thread.
 */
#ifndef DBSYNC_OBSERVE_PROGRESS_VIEW_H
#define DBSYNC_OBSERVE_PROGRESS_VIEW_H

#include "model/progress.h"

typedef struct ProgressView ProgressView;

ProgressView *progress_view_new(bool bars, int report_interval_ms);
const ProgressSink *progress_view_sink(ProgressView *view);		/* lives as long as the view */
void progress_view_free(ProgressView *view);		/* takes the bars off the terminal; nobody may report any more */

#endif
