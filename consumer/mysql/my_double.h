/*
 * my_double.h
 *		Text of FLOAT and DOUBLE: the fewest digits, and at least 6 or 15 are tried, that bring the same number back.  As printf's %g writes it.
 */
#ifndef DBSYNC_MYSQL_MY_DOUBLE_H
#define DBSYNC_MYSQL_MY_DOUBLE_H

#include "base/strbuf.h"

/* as_float: the number is a FLOAT's. */
void my_append_double(StrBuf *out, double value, bool as_float);

#endif
