/*
 * my_row.h
 *		Row images of the binary log: from stored bytes to the text that my_value.h takes.  Pure but for the memory of a StrBuf.
 *
 *     image = null_bits rows_values          both only for the columns that are present in the image, in their order
 *
 * Two steps: my_row_read() finds where each value lies (and that nothing lies behind the end); my_row_text() makes text of one value.  Two stored values
 * of a column are the same if their bytes are.
 */
#ifndef DBSYNC_MYSQL_MY_ROW_H
#define DBSYNC_MYSQL_MY_ROW_H

#include "base/strbuf.h"
#include "mysql/my_catalog.h"
#include "mysql/my_charset.h"
#include "mysql/my_table_map.h"

/* What is needed to read a column's values: how they are stored, and what the catalogue says they mean. */
typedef struct MyRowColumn
{
	MyStoredColumn stored;
	int			fixed_size;		/* bytes of a value, or 0 where length_bytes say so */
	int			length_bytes;	/* bytes of the length in front of the value */
	const MyColumn *column;
	const MyCharset *charset;	/* NULL: text is UTF-8, or the value is no text */
} MyRowColumn;

/* false: a column of the catalogue's kind is not stored so; *problem says what differs, in the arena. */
bool my_row_bind(const MyStoredColumn *stored, bool has_sign, const MyColumn *column, const MyCharset *charset, Arena *arena,
				 MyRowColumn *bound, const char **problem) DBSYNC_MUST_CHECK;

typedef enum MyCellState
{
	MY_CELL_ABSENT,				/* not in this image */
	MY_CELL_NULL,
	MY_CELL_VALUE
} MyCellState;

typedef struct MyCell
{
	const uint8_t *data;		/* within the event */
	uint32_t	length;
	MyCellState state;
} MyCell;

/* Reads one image into cells[column_count].  present: bitmap of the columns in it. */
bool my_row_read(const MyRowColumn *columns, int column_count, const uint8_t *present, MyBytes *bytes, MyCell *cells, Error *err) DBSYNC_MUST_CHECK;

/*
 * Text of a cell that holds a value: *data leads into the event or into scratch, which is overwritten.  Errors (a label that the catalogue does not
 * have, malformed JSON) name the column.
 */
bool my_row_text(const MyRowColumn *column, const MyCell *cell, StrBuf *scratch, const char **data, size_t *length, Error *err) DBSYNC_MUST_CHECK;

#endif
