/*
 * my_json.h
 *		MySQL's binary JSON as text.  Pure.  (MariaDB's JSON is text already.)
 */
#ifndef DBSYNC_MYSQL_MY_JSON_H
#define DBSYNC_MYSQL_MY_JSON_H

#include "base/error.h"
#include "base/strbuf.h"

/* Appends the text, as the server prints it: {"a": 1, "b": [true, null]}. */
bool my_json_append(const void *data, size_t length, StrBuf *out, Error *err) DBSYNC_MUST_CHECK;

#endif
