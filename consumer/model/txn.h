/*
 * txn.h
 *		A piece of one source transaction on its way: record text and what is known of it without parsing.
 *
 * A transaction is one part, or for a large one several, numbered from 0; parts of a transaction follow each other and are
 * never interleaved with another's.  Only the last part carries end_lsn.  A part's records are whole lines, each ended by
 * '\n', from B (first line of part 0) to C (last line of the last part); relation records stand before their first use in
 * the segment, hello records are left out.
 *
 * A segment is one decoding session, numbered upwards for ever: relation numbers are valid only within it.
 * A TxnPart has one owner at a time, and is freed by txn_part_free().
 */
#ifndef DBSYNC_MODEL_TXN_H
#define DBSYNC_MODEL_TXN_H

#include "base/compiler.h"
#include "model/lsn.h"

typedef struct TxnPart
{
	int64_t		segment;
	Lsn			commit_lsn;		/* LSN of the commit record; known from the first part on */
	Lsn			end_lsn;		/* end of the commit record; LSN_NONE unless last */
	uint32_t	xid;
	int32_t		part;			/* 0, 1, ... */
	bool		last;
	int64_t		commit_time_us;	/* wall clock of the source, microseconds since 1970 UTC */
	int64_t		change_count;	/* changes (I U D T M) in this part */
	char	   *records;		/* malloc'd, zero-terminated */
	size_t		length;
} TxnPart;

/* Takes ownership of part->records too. */
TxnPart *txn_part_new(void);
void txn_part_free(TxnPart *part);			/* NULL is fine */
size_t txn_part_weight(const TxnPart *part);	/* memory it holds, for limits */

/*
 * A transaction is done when everything up to the commit end "progress" is done: positions of commit records do not overlap, and
 * the server itself compares the same way (snapbuild.c, SnapBuildXactNeedsSkip).
 */
static inline bool
txn_is_done(Lsn commit_lsn, Lsn progress)
{
	return commit_lsn < progress;
}

#endif
