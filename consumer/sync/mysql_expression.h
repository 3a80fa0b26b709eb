/*
 * mysql_expression.h
 *		Expressions of a MySQL schema (defaults, generated columns, checks, indexes) for PostgreSQL, where they mean the same there.  Pure.
 *
 * Only what is known to be the same is carried over: anything else is refused, so that the caller can say what is left out.  The result may still not fit the
 * types of the target's columns.
 */
#ifndef DBSYNC_SYNC_MYSQL_EXPRESSION_H
#define DBSYNC_SYNC_MYSQL_EXPRESSION_H

#include "base/strbuf.h"
#include "mysql/my_catalog.h"

#define EXPRESSION_HAS_TEXT 1	/* compares or makes text */
#define EXPRESSION_IGNORES_CASE 2	/* names a text column that is compared without case on the source */
#define EXPRESSION_IS_VOLATILE 4	/* current time, random */
#define EXPRESSION_READS_JSON 8
#define EXPRESSION_READS_COLUMN 16

/* Appends the translation.  false: it cannot be carried over; *out is as it was. */
bool mysql_expression(const char *text, const MyTable *table, const MySourceConfig *config, StrBuf *out, unsigned *facts) DBSYNC_MUST_CHECK;

#endif
