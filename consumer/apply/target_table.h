/*
 * target_table.h
 *		Where the changes of a source relation go on the target, and the statements that take them there.
 *
 * A TargetTable is the plan for one Relation (of one segment) against the target's table as it is now: columns matched by name,
 * what names a row, and whether the table's unique keys help.  It is made at the relation's first use and thrown away when the
 * segment ends, the group is rolled back, or a statement shows that the target has changed.  Statement texts are made from it
 * by target_sql.h; it holds no server-side state.
 */
#ifndef DBSYNC_APPLY_TARGET_TABLE_H
#define DBSYNC_APPLY_TARGET_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/change.h"
#include "pg/catalog.h"
#include "pg/conn.h"

typedef struct TargetColumn
{
	const PgColumn *column;		/* NULL: the target has no such column */
	bool		is_written;		/* neither generated here nor at the source */
	bool		is_always_identity; /* GENERATED ALWAYS AS IDENTITY: not in UPDATE's SET */
	bool		is_loose;		/* equal values may differ as text: 1.0 and 1.00 */
	int			old_index;		/* place among a change's old values; -1: not there */
} TargetColumn;

typedef struct TargetTable
{
	uint64_t	id;				/* unique in this process */
	const Relation *relation;
	PgTable    *table;
	bool		is_wanted;		/* false: changes are passed over; nothing below is filled */
	Lsn			snapshot_lsn;	/* transactions with commit_lsn < this are in its copy already */
	bool		is_root;		/* rows of a source partition go to the root's table */
	char	   *name;			/* quoted and qualified: of the target, for statements */
	TargetColumn *columns;		/* as relation->columns */
	bool		overrides_identity; /* INSERT needs OVERRIDING SYSTEM VALUE */

	/* What names a row: indexes into relation->columns.  0 with identity 'f': the whole row; 0 with 'n': nothing. */
	int			key_count;
	int		   *key_columns;
	bool		has_arbiter;	/* the target has a unique index on exactly these: ON CONFLICT can name it */

	bool		stores_all;		/* an INSERT without an error has stored its row: no rule or trigger has a say */
	int			null_patterns;	/* different sets of NULLs seen in whole-row keys: see target_sql.c */
	int64_t		loaded_in_group;	/* the applier's group number in which this was read */
	struct BatchTable *batch;	/* the owner's: how it takes many changes; NULL: it does not */
	Arena	   *arena;
	struct TargetTable *next;	/* the owner's list */
} TargetTable;

/*
 * Reads the target's table (in target_schema where that is set; the root's where a source partition has none of its own).  The connection
 * must be idle as far as libpq is concerned.  A missing table is an ERROR_FAILED with what to do.
 */
bool target_table_open(PgConn *conn, const char *target_schema, const Relation *relation, TargetTable **table, Error *err) DBSYNC_MUST_CHECK;
/* A plan that passes the relation's changes over. */
TargetTable *target_table_unwanted(const Relation *relation);
void target_table_free(TargetTable *table);

#endif
