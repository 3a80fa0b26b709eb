/*
 * error.h
 *		What went wrong, where, and what to do about it.
 *
 * A function that can fail returns bool and takes Error *err last.  The deepest function fills it by error_set(), which
 * returns false so that "return error_set(err, ...)" reads well; callers may put context in front; only a command or a
 * worker's loop logs it.  Messages: lower case, no full stop, name the object and the position, never a password or row data
 * beyond a key.  What a user can do goes to the hint.
 *
 * An Error starts as ERROR_INIT, owns its strings, and is freed by error_clear().  Setting a set error replaces it.
 * Not thread-safe: one Error belongs to one thread.
 */
#ifndef DBSYNC_BASE_ERROR_H
#define DBSYNC_BASE_ERROR_H

#include "base/compiler.h"

typedef enum ErrorKind
{
	ERROR_NONE = 0,
	ERROR_FAILED,				/* needs a person */
	ERROR_USAGE,				/* wrong option, configuration */
	ERROR_PREFLIGHT,			/* a precondition does not hold */
	ERROR_RETRY,				/* connection lost, server starting or shutting down, slot busy, serialization: try again */
	ERROR_CONFLICT,				/* a change does not fit the target's rows */
	ERROR_STORE,				/* the local store cannot be written or read */
	ERROR_GAP,					/* slot lost, changes missing: going on would lose rows */
	ERROR_CANCELLED,			/* asked to stop */
	ERROR_DIFFERENT				/* verify found differences */
} ErrorKind;

typedef struct Error
{
	ErrorKind	kind;
	char	   *message;		/* NULL when kind is ERROR_NONE */
	char	   *hint;			/* or NULL */
	char		sqlstate[6];	/* "" where no server said it */
	char		column[64];		/* that a PostgreSQL server names: of a NULL that it does not take; else "" */
} Error;

#define ERROR_INIT {ERROR_NONE, NULL, NULL, "", ""}

/* Always returns false. */
bool error_set(Error *err, ErrorKind kind, const char *fmt, ...) DBSYNC_PRINTF(3, 4);

/* Replaces the hint.  Always returns false. */
bool error_hint(Error *err, const char *fmt, ...) DBSYNC_PRINTF(2, 3);

/* Puts "context: " in front of the message.  Always returns false. */
bool error_context(Error *err, const char *fmt, ...) DBSYNC_PRINTF(2, 3);

/* "cannot open FILE: reason" from errno, kind ERROR_FAILED (ERROR_STORE on ENOSPC/EDQUOT).  Always returns false. */
bool error_errno(Error *err, const char *fmt, ...) DBSYNC_PRINTF(2, 3);

void error_clear(Error *err);
void error_move(Error *to, Error *from);	/* from becomes empty; to's old content is freed */

/* The exit code of a command that ends with this error: 1 failed, 2 usage, 3 preflight, 4 differences; 0 for none. */
int error_exit_code(const Error *err);

#endif
