/*
 * batch_sql.h
 *		The statements for many rows of one table: arrays as parameters, one element a row.
 *
 * A statement is named by its operation and, for updates, by which columns it sets; the order of its parameters is told apart from its
 * text, so that a statement that is prepared already needs no text.
 */
#ifndef DBSYNC_APPLY_BATCH_SQL_H
#define DBSYNC_APPLY_BATCH_SQL_H

#include "apply/batch_plan.h"
#include "base/strbuf.h"

typedef enum BatchOperation
{
	BATCH_DELETE, BATCH_UPDATE, BATCH_INSERT, BATCH_UPSERT
} BatchOperation;

/* What a statement takes, in this order. */
typedef struct BatchParams
{
	int			value_count;	/* first the columns that it writes */
	int			key_count;		/* then, but for inserts, the key */
	int		   *columns;		/* of both: indexes into relation->columns */
	int			capacity;
} BatchParams;

/* Replaces params.  row: for an update, any row of those that set the same columns (an unchanged value is not set). */
void batch_sql_params(const TargetTable *table, const BatchPlan *plan, BatchOperation operation, const Value *row, BatchParams *params);

/* Replaces key by the statement's identity within this process. */
void batch_sql_key(const TargetTable *table, BatchOperation operation, const BatchParams *params, StrBuf *key);

/*
 * Replaces sql.  is_checked: it takes one more parameter, how many rows it must affect; any other number is a division by zero, so that its
 * answer need not be waited for before COMMIT.  That costs the server a little for each row.
 */
void batch_sql_build(const TargetTable *table, const BatchPlan *plan, BatchOperation operation, const BatchParams *params, bool is_checked,
					 StrBuf *sql);

#endif
