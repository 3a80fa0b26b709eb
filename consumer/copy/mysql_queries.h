/*
 * mysql_queries.h
 *		The file of [src.mysql] copy_queries (-l FILE): which tables are copied, and by which SELECT.
 *
 * A line is "table" or "table : select ..."; empty lines and those that begin with # are left out.  The columns of such a select are matched to
 * those of the target table by name.  Only tables that are in the file are copied.
 */
#ifndef DBSYNC_COPY_MYSQL_QUERIES_H
#define DBSYNC_COPY_MYSQL_QUERIES_H

#include "base/arena.h"
#include "base/error.h"

typedef struct MyCopyQuery
{
	const char *table;			/* as the source names it */
	const char *select;			/* NULL: the whole table */
	int			line;
} MyCopyQuery;

typedef struct MyCopyQueries
{
	const char *path;
	MyCopyQuery *queries;
	int			count;
} MyCopyQueries;

/* Everything lives in the arena.  Errors name file and line. */
bool mysql_queries_load(const char *path, Arena *arena, MyCopyQueries *queries, Error *err) DBSYNC_MUST_CHECK;
/* NULL: the table is not wanted.  queries NULL: there is no such file, and the answer is NULL too. */
const MyCopyQuery *mysql_queries_find(const MyCopyQueries *queries, const char *table);

#endif
