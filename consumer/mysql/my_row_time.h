/*
 * my_row_time.h
 *		Dates and times as they are stored, to text.  Pure.
 */
#ifndef DBSYNC_MYSQL_MY_ROW_TIME_H
#define DBSYNC_MYSQL_MY_ROW_TIME_H

#include "mysql/my_table_map.h"

#define MY_TIME_TEXT_SIZE 64

/* Text of the value of DATE, TIME, DATETIME, TIMESTAMP or YEAR, any of their forms; returns its length. */
size_t my_row_time_text(const MyStoredColumn *stored, const uint8_t *data, char buf[MY_TIME_TEXT_SIZE]);

#endif
