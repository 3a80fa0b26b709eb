/*
 * my_text.h
 *		Text that PostgreSQL would refuse: zero bytes, and what is no UTF-8.  Pure.
 */
#ifndef DBSYNC_MYSQL_MY_TEXT_H
#define DBSYNC_MYSQL_MY_TEXT_H

#include "base/strbuf.h"
#include "mysql/my_value.h"

/* The first thing that is wrong, or MY_PROBLEM_NONE: ZERO_BYTE or ENCODING. */
MyProblem my_text_check(const char *data, size_t length);
/* Appends it with U+FFFD for each byte that is wrong. */
void my_text_replace(const char *data, size_t length, StrBuf *out);

/*
 * The escapes of a JSON text that jsonb does not take: \u0000 (ZERO_BYTE), and halves of a surrogate pair (ENCODING).  The text passed
 * my_text_check().
 */
MyProblem my_json_check(const char *data, size_t length);
void my_json_replace(const char *data, size_t length, StrBuf *out);

#endif
