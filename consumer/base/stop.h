/*
 * stop.h
 *		The stop flag and the signals.
 *
 * One graceful stop per process: SIGINT or SIGTERM (or stop_request()) raises it; a second signal ends the process at once
 * (_exit(130)).  Every loop that waits includes stop_fd() in its poll(), or waits by stop_wait().  SIGHUP sets a flag of its
 * own.  SIGPIPE is ignored.
 */
#ifndef DBSYNC_BASE_STOP_H
#define DBSYNC_BASE_STOP_H

#include "base/compiler.h"
#include "base/error.h"

bool stop_install(Error *err) DBSYNC_MUST_CHECK;	/* handlers and the eventfd; once, before threads start */
bool stop_requested(void);
void stop_request(void);							/* async-signal-safe, any thread */
int  stop_fd(void);									/* readable once a stop is requested; stays so */
bool stop_wait(int timeout_ms);						/* false: stop was requested; true: the time has passed */
bool stop_take_hangup(void);						/* true once for each SIGHUP */
int  stop_hangup_fd(void);							/* readable while there is a SIGHUP to take */

#endif
