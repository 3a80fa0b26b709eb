/*
 * preflight_columns.h
 *		Gathers what is wrong with the columns of all tables, and reports it as a few findings.
 */
#ifndef DBSYNC_SYNC_PREFLIGHT_COLUMNS_H
#define DBSYNC_SYNC_PREFLIGHT_COLUMNS_H

#include "sync/preflight_private.h"

typedef struct ColumnCheck
{
	bool		generated_is_sent;
	const char *row_image;		/* see Preflight */
	NameList	missing;		/* the target does not have it */
	NameList	unfilled;		/* NOT NULL on the target, and nothing fills it */
	NameList	computed;		/* generated on the target alone */
	NameList	not_sent;		/* generated on the source alone */
	NameList	left_out;		/* generated on the source alone, and not in every change */
	NameList	types;			/* another type */
	StrBuf		missing_mend;
	StrBuf		unfilled_mend;
	StrBuf		types_mend;
} ColumnCheck;

/* Does every value of the first type fit the second one, unchanged?  Type texts as PgColumn has them. */
bool column_type_is_wider(const char *from, const char *to);

/* Starts zeroed, but for generated_is_sent and row_image.  A source's type of NULL is not compared; type_bare is one for it then. */
void column_check_add(ColumnCheck *check, const PgTable *source, const PgTable *target);
/* severity: of what would stop the sync. */
void column_check_report(ColumnCheck *check, Preflight *p, FindingSeverity severity);
void column_check_free(ColumnCheck *check);

#endif
