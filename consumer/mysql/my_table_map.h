/*
 * my_table_map.h
 *		Table map events and the frame of row events.  Pure.
 *
 *     table map = id(6) flags(2) schema table columns types metadata null_bits [optional metadata]
 *     rows      = id(6) flags(2) [extra (v2)] columns present_before | present_after | both (update)   rows
 *
 * A table map says how the values of the row events behind it are stored; its id is valid until the next table map of the same id.  What a row's
 * bytes mean is for my_row.h.
 */
#ifndef DBSYNC_MYSQL_MY_TABLE_MAP_H
#define DBSYNC_MYSQL_MY_TABLE_MAP_H

#include "base/arena.h"
#include "mysql/my_event.h"

/* How a column is stored.  Numbers are the protocol's. */
typedef enum MyStoredType
{
	MY_STORED_OLD_DECIMAL = 0, MY_STORED_TINY = 1, MY_STORED_SHORT = 2, MY_STORED_LONG = 3, MY_STORED_FLOAT = 4, MY_STORED_DOUBLE = 5,
	MY_STORED_NULL = 6, MY_STORED_TIMESTAMP = 7, MY_STORED_LONGLONG = 8, MY_STORED_INT24 = 9, MY_STORED_DATE = 10, MY_STORED_TIME = 11,
	MY_STORED_DATETIME = 12, MY_STORED_YEAR = 13, MY_STORED_NEWDATE = 14, MY_STORED_VARCHAR = 15, MY_STORED_BIT = 16,
	MY_STORED_TIMESTAMP2 = 17, MY_STORED_DATETIME2 = 18, MY_STORED_TIME2 = 19, MY_STORED_BLOB_COMPRESSED = 140,
	MY_STORED_VARCHAR_COMPRESSED = 141, MY_STORED_VECTOR = 242, MY_STORED_JSON = 245, MY_STORED_DECIMAL = 246, MY_STORED_ENUM = 247,
	MY_STORED_SET = 248, MY_STORED_TINY_BLOB = 249, MY_STORED_MEDIUM_BLOB = 250, MY_STORED_LONG_BLOB = 251, MY_STORED_BLOB = 252,
	MY_STORED_VAR_STRING = 253, MY_STORED_STRING = 254, MY_STORED_GEOMETRY = 255
} MyStoredType;

typedef struct MyStoredColumn
{
	uint8_t		type;			/* MyStoredType; ENUM and SET, not the STRING that they come as */
	uint8_t		scale;			/* DECIMAL: digits behind the point; times: digits of the fraction */
	uint8_t		precision;		/* DECIMAL */
	bool		is_unsigned;	/* only where the map has_signs, and for a number */
	uint32_t	length;			/* STRING, VARCHAR: most bytes; ENUM, SET, blobs: bytes of the number or length; BIT: bits */
	const char *name;			/* only where the map has_names */
} MyStoredColumn;

typedef struct MyTableMap
{
	uint64_t	id;
	const char *schema;			/* zero-terminated, within the event */
	const char *table;
	int			column_count;
	MyStoredColumn *columns;	/* in the arena */
	bool		has_signs;		/* binlog_row_metadata: MINIMAL has signs, FULL names too */
	bool		has_names;
} MyTableMap;

bool my_event_table_map_id(const MyEvent *event, uint64_t *id, Error *err) DBSYNC_MUST_CHECK;
/* Enough to see whose map it is. */
bool my_event_table_map_names(const MyEvent *event, const char **schema, const char **table, Error *err) DBSYNC_MUST_CHECK;
bool my_event_table_map(const MyEvent *event, Arena *arena, MyTableMap *map, Error *err) DBSYNC_MUST_CHECK;

typedef enum MyRowsKind
{
	MY_ROWS_INSERT, MY_ROWS_UPDATE, MY_ROWS_DELETE
} MyRowsKind;

typedef struct MyRows
{
	MyRowsKind	kind;
	uint64_t	id;				/* of the table map */
	bool		ends_statement;
	bool		ignores_keys;	/* made with foreign_key_checks = 0: InnoDB has done nothing to rows that refer to these */
	/*
	 * From MySQL 9.6 on the log has what keys do, and flags it as made without checks, too: only the statement's last event, which is of what the
	 * statement itself has changed, says whether it was.
	 */
	bool		may_be_cascade;
	int			column_count;
	const uint8_t *before;		/* bitmaps of the columns that the images hold; NULL where there is no such image */
	const uint8_t *after;
	MyBytes		rows;			/* image after image; an update has before and after in turn */
} MyRows;

bool my_event_is_rows(int type);
/* Rows of a compressed event go to *buffer, as in my_event_query(). */
bool my_event_rows(const MyEvent *event, void **buffer, size_t *buffer_size, MyRows *rows, Error *err) DBSYNC_MUST_CHECK;

static inline bool
my_bit_is_set(const uint8_t *bits, int index)
{
	return (bits[index >> 3] >> (index & 7) & 1) != 0;
}

#endif
