/*
 * source.h
 *		Where changes come from.  The interface; source/ has the kinds.
 *
 * A source is used by one thread, the receiver.  It delivers whole transactions in commit order, cut into TxnParts, and positions of an
 * idle source.  Errors: ERROR_RETRY means that start() may be called again after a while; ERROR_GAP that changes are lost; others
 * need a person.
 */
#ifndef DBSYNC_MODEL_SOURCE_H
#define DBSYNC_MODEL_SOURCE_H

#include "base/error.h"
#include "model/txn.h"

typedef enum SourceEventKind
{
	SOURCE_NOTHING,				/* nothing has arrived within the time */
	SOURCE_RELATION,			/* shape of a relation: also stands in the records of a part to come */
	SOURCE_PART,				/* the receiver owns it now */
	SOURCE_POSITION				/* nothing before this position is still to come */
} SourceEventKind;

typedef struct SourceEvent
{
	SourceEventKind kind;
	TxnPart    *part;
	Lsn			position;
	bool		reply_wanted;	/* POSITION: the server wants a confirmation at once */
	uint64_t	relation_number;	/* RELATION; the text is the source's until the next call, without line feed */
	const char *relation_text;
	size_t		relation_length;
} SourceEvent;

typedef struct Source Source;

typedef struct SourceOps
{
	void (*close) (Source *source);

	/*
	 * Opens a new decoding session: transactions with commit_lsn >= from are sent by the server, those with commit_lsn < skip (skip >= from)
	 * are left out here.  segment is written into the parts.
	 */
	bool (*start) (Source *source, Lsn from, Lsn skip, int64_t segment, Error *err);

	/* The next event; waits up to timeout_ms (0: not at all).  ERROR_CANCELLED on a stop while it waits. */
	bool (*next) (Source *source, int timeout_ms, SourceEvent *event, Error *err);

	/* Tells the server that everything before durable may be forgotten.  ask: wants a position back at once. */
	bool (*confirm) (Source *source, Lsn received, Lsn durable, bool ask, Error *err);
	/* Ends the session; start() may follow.  Never fails. */
	void (*stop) (Source *source);
} SourceOps;

struct Source
{
	const SourceOps *ops;
};

#endif
