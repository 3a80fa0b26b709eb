/*
 * statements.h
 *		Prepared statements of one connection: the most recently used ones, by what target_sql_key() says.
 *
 * Names come from a counter and are never used twice.  When the bound is reached, the least recently used statement is deallocated.
 * Nothing here is known to the server for sure before the pipeline has been answered, so after any failure the owner
 * empties the cache and sends DEALLOCATE ALL.
 */
#ifndef DBSYNC_APPLY_STATEMENTS_H
#define DBSYNC_APPLY_STATEMENTS_H

#include "apply/pipeline.h"
#include "apply/target_sql.h"

typedef struct Statement
{
	char		name[32];
	bool		any_count;
	bool		is_empty;		/* nothing to send */
	int			param_count;
	int		   *params;			/* as TargetSql.params */

	/* the cache's own */
	void	   *key;
	size_t		key_length;
	struct Statement *newer;
	struct Statement *older;
} Statement;

typedef struct StatementCache StatementCache;

StatementCache *statements_new(int limit);
void statements_free(StatementCache *cache);

/* The statement of a change, prepared through the pipeline if it is new; note is the change's.  It stays valid until the next call. */
bool statements_get(StatementCache *cache, Pipeline *pipeline, TargetTable *table, TargetOperation operation, const Change *change,
					const PipelineNote *note, Statement **statement, Error *err) DBSYNC_MUST_CHECK;

/*
 * The same for an update or delete that must find exactly one row: any other number is a division by zero, so that its answer need not be
 * waited for before COMMIT.  It costs the server a little more.
 */
bool statements_get_checked(StatementCache *cache, Pipeline *pipeline, TargetTable *table, TargetOperation operation, const Change *change,
							const PipelineNote *note, Statement **statement, Error *err) DBSYNC_MUST_CHECK;

/* The same for other texts, named by a key of the caller's that no change has: find, or build the text and add.  NULL: not there. */
Statement *statements_find(StatementCache *cache, const void *key, size_t key_length);
bool statements_add(StatementCache *cache, Pipeline *pipeline, const void *key, size_t key_length, const char *sql, const PipelineNote *note,
					Statement **statement, Error *err) DBSYNC_MUST_CHECK;

/* Forgets all; the server must be told by DEALLOCATE ALL. */
void statements_clear(StatementCache *cache);
int statements_count(const StatementCache *cache);

#endif
