/*
 * pid_file.h
 *		The file with the process number.  Its lock, not its existence, says that the process lives, so that a file left behind by a
 *		crash is in nobody's way.
 */
#ifndef DBSYNC_CLI_PID_FILE_H
#define DBSYNC_CLI_PID_FILE_H

#include "base/error.h"

typedef struct PidFile
{
	const char *path;
	int			fd;				/* -1: none */
} PidFile;

#define PID_FILE_INIT {NULL, -1}

/* path must live as long.  To be called in the process that goes on running: the lock is kept, but the number is this one's. */
bool pid_file_create(PidFile *file, const char *path, Error *err) DBSYNC_MUST_CHECK;
void pid_file_remove(PidFile *file);		/* fine where there is none */

#endif
