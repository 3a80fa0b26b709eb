/*
 * batch_copy.h
 *		A long run of new rows of one table, by COPY in its binary form.
 *
 * libpq has no COPY in pipeline mode, so it takes turns with the pipeline: whoever opens it waits for all answers first.  Once open it stays
 * open while nothing comes but inserts of its table within one source transaction: they go out as they are read, unsorted, and the target never
 * waits for a group to be gathered.  It must be closed before anything else is sent.
 *
 * What the target says in between is noticed between two pieces; then the COPY ends, which tells what it was.
 */
#ifndef DBSYNC_APPLY_BATCH_COPY_H
#define DBSYNC_APPLY_BATCH_COPY_H

#include "base/error.h"
#include "base/strbuf.h"
#include "model/change.h"

struct Applier;
struct BatchTable;

/* Fewer rows are not worth the two answers that must be waited for. */
#define BATCH_COPY_ROWS 1000

typedef struct BatchCopy
{
	struct BatchTable *target;	/* NULL: none is open */
	int64_t		rows;
	StrBuf		out;			/* not sent yet */
	StrBuf		sql;			/* scratch */
} BatchCopy;

/* applier_begin() was called.  One that is open must be closed first. */
bool batch_copy_open(struct Applier *applier, struct BatchTable *target, Error *err) DBSYNC_MUST_CHECK;
/* *no_form: the column of which the value has no binary form, and nothing was written; else -1. */
bool batch_copy_row(struct Applier *applier, const Value *values, int *no_form, Error *err) DBSYNC_MUST_CHECK;
/* Nothing to do where none is open. */
bool batch_copy_close(struct Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Without regard to what the target says: for a group that is given up. */
void batch_copy_abandon(struct Applier *applier);
void batch_copy_free(struct Applier *applier);

#endif
