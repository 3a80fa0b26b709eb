/*
 * hangup.h
 *		SIGHUP: opens the log file again.  Without a log file it means that the terminal is gone: a graceful stop, unless the process was
 *		started with the signal ignored (nohup).
 */
#ifndef DBSYNC_CLI_HANGUP_H
#define DBSYNC_CLI_HANGUP_H

#include "base/error.h"

bool hangup_is_ignored(void);		/* before stop_install() */

/* Starts the thread that waits for it, after stop_install().  It ends with the process. */
bool hangup_watch(bool has_log_file, bool was_ignored, Error *err) DBSYNC_MUST_CHECK;

#endif
