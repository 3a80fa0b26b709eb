/*
 * mysql_expression.h
 *		Expressions of a MySQL schema (defaults, generated columns, checks, indexes) for PostgreSQL, where they mean the same there.  Pure.
 *
 * Only what is known to give the same value, for every row, is carried over: anything else is refused, so that the caller can say what is left out.
 *
 *		mysql_expression.c				reads: words, literals, precedence
 *		mysql_expression_column.c		what a column gives, and what a column takes
 *		mysql_expression_operators.c	arithmetic, comparisons, conditions
 *		mysql_expression_functions.c	functions
 */
#ifndef DBSYNC_SYNC_MYSQL_EXPRESSION_H
#define DBSYNC_SYNC_MYSQL_EXPRESSION_H

#include "base/strbuf.h"
#include "mysql/my_catalog.h"

#define EXPRESSION_CHANGES_CASE 1	/* lower() and upper() of more than ASCII, which follow the target's locale: good for an index, no value */
#define EXPRESSION_IGNORES_CASE 2	/* refused, since the source compares text in another way: without case, accents or weightless characters */
#define EXPRESSION_IS_VOLATILE 4	/* current time, random */
#define EXPRESSION_READS_COLUMN 16

typedef enum ExpressionUse
{
	EXPRESSION_FOR_COLUMN,		/* its value goes into a column */
	EXPRESSION_FOR_CHECK,		/* it is a condition */
	EXPRESSION_FOR_INDEX
} ExpressionUse;

typedef struct ExpressionGoal
{
	ExpressionUse use;
	const MyColumn *column;		/* FOR_COLUMN */
	const char *type;			/* that it has on the target */
} ExpressionGoal;

/* Appends the translation.  false: it cannot be carried over; *out is as it was. */
bool mysql_expression(const char *text, const MyTable *table, const MySourceConfig *config, const ExpressionGoal *goal, StrBuf *out,
					  unsigned *facts) DBSYNC_MUST_CHECK;

#endif
