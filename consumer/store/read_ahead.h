/*
 * read_ahead.h
 *		Parts read from a store before they are asked for.
 *
 * Both kinds of store use it.  The reader names the position behind which it wants the next part; as long as that is the one
 * that was handed out last, parts come from here, and "nothing more" is known without asking the database until
 * something was committed.  One thread at a time; the store locks.
 */
#ifndef DBSYNC_STORE_READ_AHEAD_H
#define DBSYNC_STORE_READ_AHEAD_H

#include "model/txn.h"

/* Read at once at most; a single part may be larger. */
#define READ_AHEAD_BYTES ((size_t) 2 * 1024 * 1024)
#define READ_AHEAD_PARTS 1024

typedef struct ReadAhead
{
	char	   *task;
	TxnPart    *parts[READ_AHEAD_PARTS];
	int			count;
	int			next;			/* the first one not handed out */
	size_t		bytes;			/* of those read by the last fetch */
	Lsn			lsn;			/* handed out last, or asked for */
	int			part;
	Lsn			whole_lsn;		/* a transaction known to be whole; LSN_NONE: none */
	bool		exhausted;		/* the database had no more at this generation */
	uint64_t	generation;
} ReadAhead;

void read_ahead_init(ReadAhead *ahead);
void read_ahead_release(ReadAhead *ahead);

/* Forgets what is held unless the position is the expected one. */
void read_ahead_seek(ReadAhead *ahead, const char *task, Lsn after_lsn, int after_part);
TxnPart *read_ahead_take(ReadAhead *ahead);	/* NULL: nothing is held; otherwise the caller's */
/* To be called before a fetch: nothing may be held. */
void read_ahead_begin(ReadAhead *ahead);
bool read_ahead_is_full(const ReadAhead *ahead);

/*
 * One row.  piece 0 starts a part, described by *head (records and length are not looked at); others go on with it.
 */
void read_ahead_add(ReadAhead *ahead, const TxnPart *head, int piece, const void *data, size_t length);
/* Gives back what the fetch has read, after an error. */
void read_ahead_drop(ReadAhead *ahead);

#endif
