/*
 * net_change.h
 *		The net effect of many changes of one table, by key: at most one row to delete, to update and to insert for each.
 *
 * Pure memory, no I/O.  A row is named by the values of its key columns, compared as text in a canonical form; so the key's types must
 * be such that equal values have equal canonical text (NetKeyKind says which form).  The rules, for one key:
 *
 *		insert, then update		insert of the merged row
 *		insert, then delete		nothing
 *		update, then update		one update with the columns of both; an unchanged TOAST value keeps what was known before
 *		update, then delete		delete
 *		delete, then insert		delete and insert (in this order: what the target has beside the source's columns starts afresh)
 *		key change				delete of the old key, insert of the new row, where the whole new row is known
 *
 * Statements run in the order delete, update, insert; keys are distinct within each, so no statement touches a row twice.
 *
 * Memory comes from the arena given at creation, which must be reset together with net_reset().
 */
#ifndef DBSYNC_APPLY_NET_CHANGE_H
#define DBSYNC_APPLY_NET_CHANGE_H

#include "base/arena.h"
#include "model/change.h"

#define NET_KEY_LIMIT 32		/* columns: INDEX_MAX_KEYS of PostgreSQL as it is built by default */

typedef enum NetKeyKind
{
	NET_KEY_TEXT,				/* equal values have equal text */
	NET_KEY_INTEGER,			/* the same, and rows are put in numeric order */
	NET_KEY_NUMERIC				/* 1.0 and 1.00 are equal: zeros behind the point are left out */
} NetKeyKind;

typedef enum NetState
{
	NET_NOTHING,				/* no row of that key from now on, as far as is known; or nothing but a delete */
	NET_INSERT,
	NET_UPDATE
} NetState;

typedef struct NetRow
{
	struct NetRow *next;		/* of the same bucket */
	uint64_t	hash;
	const char *key;			/* canonical */
	size_t		key_length;
	int64_t		order;			/* of a single integer key */
	NetState	state;
	bool		deletes;		/* the row that the target has is deleted first */
	const Value *key_values;	/* key_count of them: as the target has the row */
	Value	   *values;			/* column_count; for INSERT and UPDATE */
} NetRow;

typedef struct NetTable NetTable;

typedef struct NetShape
{
	int			column_count;
	int			key_count;
	const int  *key_columns;	/* indexes into the relation's columns */
	const int  *old_index;		/* for each key column: its place among old values; -1: none */
	const NetKeyKind *key_kinds;
	bool		can_reinsert;	/* delete and insert may stand for a change of the key: the target has no columns of its own */
} NetShape;

typedef enum NetResult
{
	NET_TAKEN,
	NET_NOT_POSSIBLE,			/* this change must be applied by itself, after what is gathered here */
	NET_CONTRADICTION			/* it does not fit what came before: the strict way will say what is wrong */
} NetResult;

NetTable *net_new(const NetShape *shape, Arena *arena);	/* shape is the caller's and must live on */
void net_free(NetTable *net);
/* Forgets all rows; the caller resets the arena. */
void net_reset(NetTable *net);

/*
 * Values of the change must live as long as the rows.  A change that is taken gives its array of new values away: later ones are
 * written into it.  Any other result leaves the change and all rows as they were.
 */
NetResult net_add(NetTable *net, const Change *change);

size_t net_count(const NetTable *net);		/* rows, also those with nothing left to do (NET_NOTHING without deletes) */
/* All rows in the order of their keys; the array is valid until the next net_add() or net_reset(). */
NetRow **net_sorted(NetTable *net);

#endif
