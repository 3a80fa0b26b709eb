/*
 * my_value.h
 *		A MySQL value as PostgreSQL's text input takes it.  Pure; no I/O.
 *
 * Input is always the text form that the server's text protocol has for the column under character set utf8mb4 and time zone +00:00
 * (the copy gets it from the server, the binlog decoder makes it): "-12.50", "2024-01-31 10:00:00.250000", "-100:11:12.34", a
 * label, raw bytes for BINARY, BLOB, BIT, VECTOR and GEOMETRY (SRID and WKB).  FLOAT has as many digits as it needs, which the text protocol
 * does not give: the copy selects column + 0e0.
 *
 * Output is what the type in docs/mysql-types.md takes, or the one that the option types has for the column (column->target_type): boolean as
 * t and f, bytea as \x…, BIT(n) as n digits, timestamptz with +00, TIME as an interval's text, SET as an array's text or, where the target is text,
 * a comma list, VECTOR as an array's text.  Values of the binary representations that dbsync sends (numbers, dates, uuid) are in the form that
 * PostgreSQL itself would print, so that no leading zero is left.
 */
#ifndef DBSYNC_MYSQL_MY_VALUE_H
#define DBSYNC_MYSQL_MY_VALUE_H

#include "base/strbuf.h"
#include "mysql/my_catalog.h"

typedef enum MyValueKind
{
	MY_VALUE_SAME,				/* the input is the output */
	MY_VALUE_TEXT,				/* the output is in *out */
	MY_VALUE_NULL,				/* becomes NULL (a zero date, by zero_dates = null) */
	MY_VALUE_BAD				/* cannot be stored: *problem says what it is */
} MyValueKind;

typedef enum MyProblem
{
	MY_PROBLEM_NONE, MY_PROBLEM_ZERO_DATE, MY_PROBLEM_ZERO_BYTE, MY_PROBLEM_ENCODING, MY_PROBLEM_RANGE, MY_PROBLEM_COUNT
} MyProblem;

const char *my_problem_text(MyProblem problem);	/* "zero date" */

/*
 * Appends to *out (which is not reset; with MY_VALUE_SAME, _NULL and _BAD it is as it was).  A replaced value (bad_text = replace, zero_dates = null) has its *problem too, to be counted.
 * options: how the user wants bad values and special types; see MySourceConfig.
 */
MyValueKind my_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out, MyProblem *problem);

#endif
