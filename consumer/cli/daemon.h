/*
 * daemon.h
 *		Into the background.  The parent waits until the child says that it has started, and ends with the child's exit code if it
 *		ends before; until then the child keeps the terminal, so that its errors are seen there.
 *
 * The working folder stays: connection strings may name files (certificates, a passfile) relative to it.
 */
#ifndef DBSYNC_CLI_DAEMON_H
#define DBSYNC_CLI_DAEMON_H

#include "base/error.h"

/* Returns in the child only (and in the parent on an error).  Before threads are started and signal handlers installed. */
bool daemon_detach(Error *err) DBSYNC_MUST_CHECK;

/* In the child: the start has succeeded; standard input, output and error go to /dev/null. */
bool daemon_ready(Error *err) DBSYNC_MUST_CHECK;

#endif
