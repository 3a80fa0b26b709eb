/*
 * batch_plan.h
 *		Whether and how a target table can take many changes at once: what its key allows, and in which form its columns' values travel.
 *
 * A plan belongs to a TargetTable and lives in its arena.  What is not surely the same as one statement a change, in order, is not
 * planned: the reason says why, for the log.
 */
#ifndef DBSYNC_APPLY_BATCH_PLAN_H
#define DBSYNC_APPLY_BATCH_PLAN_H

#include "apply/binary_value.h"
#include "apply/net_change.h"
#include "apply/target_table.h"

/* How the values of a column become one array parameter. */
typedef struct BatchColumn
{
	BinaryType	binary;			/* form of the elements of a binary array; BINARY_NONE: the array is written as a literal, by type input */
	uint32_t	element_oid;	/* of a binary array */
	const char *array_type;		/* as the parameter is declared: pg_catalog.int4[], text[], public.mood[] */
	bool		is_cast;		/* the elements are text, and cast to the column's type one by one */
	BinaryType	copy;			/* form of a field of COPY's binary format; BINARY_NONE: there is none */
} BatchColumn;

typedef struct BatchPlan
{
	const char *strict_reason;	/* every change goes by itself; NULL: not so */
	const char *order_reason;	/* updates and deletes go by themselves, in order; NULL: rows are named by an exact key, the net effect is enough */
	NetShape	shape;			/* without order_reason */
	BatchColumn *columns;		/* as relation->columns; not filled where nothing is written */
	int			written_count;	/* how many of them are written */
	bool		can_copy;		/* new rows can come by COPY, binary */
} BatchPlan;

/*
 * Reads the types of the target's columns.  The connection must be idle as far as libpq is concerned.  conn's role must be able to keep
 * triggers from firing (pg_replica_role); the caller asks.  as_text: no value is sent in a binary form of its type, because the source's text
 * for it is another type's (a date for a timestamp, say), which only the type's input function understands.
 */
bool batch_plan_open(PgConn *conn, TargetTable *table, bool as_text, BatchPlan **plan, Error *err) DBSYNC_MUST_CHECK;

#endif
