/*
 * target_sql.h
 *		The text of the statement that brings one change to its target table, and where its parameters come from.
 *
 * The text depends on the change only by which values are unchanged TOAST values, whether it brings old values, and which old values
 * are NULL where the whole row is the key; target_sql_key() is made of just that, so that one prepared statement
 * serves every change of the same key.  Parameters are cast on their own side ($1::type, without modifier: an explicit cast to
 * varchar(3) would cut in silence), so that indexes stay usable and enums, domains and arrays are what they are.
 */
#ifndef DBSYNC_APPLY_TARGET_SQL_H
#define DBSYNC_APPLY_TARGET_SQL_H

#include "apply/target_table.h"
#include "base/strbuf.h"

typedef enum TargetOperation
{
	TARGET_INSERT,
	TARGET_UPSERT,				/* INSERT ... ON CONFLICT (key) DO UPDATE; needs has_arbiter */
	TARGET_UPDATE,
	TARGET_DELETE
} TargetOperation;

typedef struct TargetSql
{
	StrBuf		text;
	bool		any_count;		/* 0 rows are fine too */
	bool		is_empty;		/* nothing to do: an update that sets no column */
	int			param_count;
	int			param_capacity;
	int		   *params;			/* >= 0: index of a new value; < 0: -1 - index of an old value */
} TargetSql;

#define TARGET_SQL_INIT {.text = STRBUF_INIT}

void target_sql_reset(TargetSql *sql);
void target_sql_free(TargetSql *sql);

/* Replaces key by the statement's identity within this process. */
void target_sql_key(TargetTable *table, TargetOperation operation, const Change *change, StrBuf *key);

/* Replaces sql.  Errors: a column that the target lacks, a key that is not known. */
bool target_sql_build(const TargetTable *table, TargetOperation operation, const Change *change, TargetSql *sql, Error *err) DBSYNC_MUST_CHECK;

/* For each update, since it looks at values: a GENERATED ALWAYS identity column of the target that changes is an error. */
bool target_sql_check_update(const TargetTable *table, const Change *change, Error *err) DBSYNC_MUST_CHECK;

/* Pieces that the statements for many rows have in common with these. */
void target_sql_append_table(const TargetTable *table, StrBuf *text);
const char *target_sql_equality(const PgColumn *column);
/* False: it does nothing for a row that is there, and does not count it. */
bool target_sql_append_on_conflict(const TargetTable *table, const int *columns, int count, StrBuf *text);

/* The value behind an element of params. */
static inline const Value *
target_sql_value(const Change *change, int param)
{
	return param >= 0 ? &change->new_values[param] : &change->old_values[-1 - param];
}

#endif
