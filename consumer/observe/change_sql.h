/*
 * change_sql.h
 *		A change as the SQL that says the same; for people.  Pure functions.
 *
 * It is not what the applier runs: it knows the source's relation only.
 */
#ifndef DBSYNC_OBSERVE_CHANGE_SQL_H
#define DBSYNC_OBSERVE_CHANGE_SQL_H

#include "base/strbuf.h"
#include "model/change.h"

/* One statement with its line feed, or a comment where no statement can say it.  target_schema: instead of the relation's, or NULL. */
void change_sql_write(StrBuf *out, const Change *change, const char *target_schema);

#endif
