/*
 * my_row.c
 *		Binding of stored columns to the catalogue's, and the walk through an image.
 *
 * The log and the catalogue are read at different times.  What a table map says of a column must therefore be what the catalogue's definition gives,
 * as far as the meaning of the bytes depends on it.
 */
#include "mysql/my_row.h"

#include <inttypes.h>

/* Of a column 65; in a JSON value a decimal has all that nine words take, though it were for zeroes in front. */
#define MOST_DIGITS 81

static int
decimal_part_size(int digits)
{
	static const int rest_bytes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

	return digits / 9 * 4 + rest_bytes[digits % 9];
}

static const char *
stored_name(int type)
{
	static const char *const names[] = {
		[MY_STORED_OLD_DECIMAL] = "old decimal", [MY_STORED_TINY] = "tinyint", [MY_STORED_SHORT] = "smallint", [MY_STORED_LONG] = "int",
		[MY_STORED_FLOAT] = "float", [MY_STORED_DOUBLE] = "double", [MY_STORED_NULL] = "null", [MY_STORED_TIMESTAMP] = "old timestamp",
		[MY_STORED_LONGLONG] = "bigint", [MY_STORED_INT24] = "mediumint", [MY_STORED_DATE] = "date", [MY_STORED_TIME] = "old time",
		[MY_STORED_DATETIME] = "old datetime", [MY_STORED_YEAR] = "year", [MY_STORED_NEWDATE] = "date", [MY_STORED_VARCHAR] = "varchar",
		[MY_STORED_BIT] = "bit", [MY_STORED_TIMESTAMP2] = "timestamp", [MY_STORED_DATETIME2] = "datetime", [MY_STORED_TIME2] = "time",
		[MY_STORED_BLOB_COMPRESSED] = "compressed blob", [MY_STORED_VARCHAR_COMPRESSED] = "compressed varchar",
		[MY_STORED_VECTOR] = "vector", [MY_STORED_JSON] = "json", [MY_STORED_DECIMAL] = "decimal", [MY_STORED_ENUM] = "enum",
		[MY_STORED_SET] = "set", [MY_STORED_TINY_BLOB] = "blob", [MY_STORED_MEDIUM_BLOB] = "blob", [MY_STORED_LONG_BLOB] = "blob",
		[MY_STORED_BLOB] = "blob or text", [MY_STORED_VAR_STRING] = "varchar", [MY_STORED_STRING] = "char", [MY_STORED_GEOMETRY] = "geometry",
	};

	if (type < 0 || type >= (int) (sizeof(names) / sizeof(names[0])) || names[type] == NULL)
		return "unknown";
	return names[type];
}

static bool
is_blob(int type)
{
	return type == MY_STORED_BLOB || type == MY_STORED_TINY_BLOB || type == MY_STORED_MEDIUM_BLOB || type == MY_STORED_LONG_BLOB ||
		type == MY_STORED_BLOB_COMPRESSED;
}

static bool
is_varchar(int type)
{
	return type == MY_STORED_VARCHAR || type == MY_STORED_VAR_STRING || type == MY_STORED_VARCHAR_COMPRESSED;
}

/* May values of the catalogue's type be stored so? */
static bool
fits(MyType type, int stored)
{
	switch (type)
	{
		case MY_TINYINT:
			return stored == MY_STORED_TINY;
		case MY_SMALLINT:
			return stored == MY_STORED_SHORT;
		case MY_MEDIUMINT:
			return stored == MY_STORED_INT24;
		case MY_INT:
			return stored == MY_STORED_LONG;
		case MY_BIGINT:
			return stored == MY_STORED_LONGLONG;
		case MY_DECIMAL:
			return stored == MY_STORED_DECIMAL;
		case MY_FLOAT:
			return stored == MY_STORED_FLOAT;
		case MY_DOUBLE:
			return stored == MY_STORED_DOUBLE;
		case MY_BIT:
			return stored == MY_STORED_BIT;
		case MY_YEAR:
			return stored == MY_STORED_YEAR;
		case MY_DATE:
			return stored == MY_STORED_DATE || stored == MY_STORED_NEWDATE;
		case MY_TIME:
			return stored == MY_STORED_TIME || stored == MY_STORED_TIME2;
		case MY_DATETIME:
			return stored == MY_STORED_DATETIME || stored == MY_STORED_DATETIME2;
		case MY_TIMESTAMP:
			return stored == MY_STORED_TIMESTAMP || stored == MY_STORED_TIMESTAMP2;
		case MY_CHAR:
			return stored == MY_STORED_STRING || stored == MY_STORED_VAR_STRING;
		case MY_VARCHAR:
		case MY_VARBINARY:
			return is_varchar(stored);
		case MY_BINARY:
		case MY_UUID:
		case MY_INET4:
		case MY_INET6:
			return stored == MY_STORED_STRING;
		case MY_TEXT:
		case MY_BLOB:
			return is_blob(stored);
		case MY_JSON:
			return stored == MY_STORED_JSON || is_blob(stored);
		case MY_ENUM:
			return stored == MY_STORED_ENUM;
		case MY_SET:
			return stored == MY_STORED_SET;
		case MY_GEOMETRY:
			return stored == MY_STORED_GEOMETRY || is_blob(stored);
		case MY_VECTOR:
			return stored == MY_STORED_VECTOR || is_varchar(stored) || is_blob(stored);
		case MY_OTHER:
			return is_varchar(stored) || is_blob(stored) || stored == MY_STORED_STRING;
	}
	return false;
}

static bool
set_size(MyRowColumn *bound)
{
	const MyStoredColumn *stored = &bound->stored;
	int			fraction = (stored->scale + 1) / 2;

	bound->fixed_size = 0;
	bound->length_bytes = 0;
	switch (stored->type)
	{
		case MY_STORED_TINY:
		case MY_STORED_YEAR:
			bound->fixed_size = 1;
			return true;
		case MY_STORED_SHORT:
			bound->fixed_size = 2;
			return true;
		case MY_STORED_INT24:
		case MY_STORED_DATE:
		case MY_STORED_NEWDATE:
		case MY_STORED_TIME:
			bound->fixed_size = 3;
			return true;
		case MY_STORED_LONG:
		case MY_STORED_FLOAT:
		case MY_STORED_TIMESTAMP:
			bound->fixed_size = 4;
			return true;
		case MY_STORED_LONGLONG:
		case MY_STORED_DOUBLE:
		case MY_STORED_DATETIME:
			bound->fixed_size = 8;
			return true;
		case MY_STORED_TIMESTAMP2:
			bound->fixed_size = 4 + fraction;
			return stored->scale <= 6;
		case MY_STORED_DATETIME2:
			bound->fixed_size = 5 + fraction;
			return stored->scale <= 6;
		case MY_STORED_TIME2:
			bound->fixed_size = 3 + fraction;
			return stored->scale <= 6;
		case MY_STORED_DECIMAL:
			if (stored->precision < 1 || stored->precision > MOST_DIGITS || stored->scale > 38 || stored->scale > stored->precision)
				return false;
			bound->fixed_size = decimal_part_size(stored->precision - stored->scale) + decimal_part_size(stored->scale);
			return true;
		case MY_STORED_BIT:
			bound->fixed_size = (int) (stored->length + 7) / 8;
			return stored->length >= 1 && stored->length <= 64;
		case MY_STORED_ENUM:
		case MY_STORED_SET:
			bound->fixed_size = (int) stored->length;
			return stored->length >= 1 && stored->length <= 8;
		case MY_STORED_VARCHAR:
		case MY_STORED_VARCHAR_COMPRESSED:
		case MY_STORED_VAR_STRING:
		case MY_STORED_STRING:
			bound->length_bytes = stored->length > 255 ? 2 : 1;
			return true;
		case MY_STORED_TINY_BLOB:
		case MY_STORED_MEDIUM_BLOB:
		case MY_STORED_LONG_BLOB:
		case MY_STORED_BLOB:
		case MY_STORED_BLOB_COMPRESSED:
		case MY_STORED_GEOMETRY:
		case MY_STORED_JSON:
		case MY_STORED_VECTOR:
			bound->length_bytes = (int) stored->length;
			return stored->length >= 1 && stored->length <= 4;
		default:
			return false;
	}
}

/* Numbers that the meaning of the bytes depends on. */
static bool
same_measures(const MyStoredColumn *stored, bool has_sign, const MyColumn *column, Arena *arena, const char **problem)
{
	switch (column->type)
	{
		case MY_DECIMAL:
			if (stored->precision == column->precision && stored->scale == column->scale)
				break;
			*problem = arena_printf(arena, "it is stored as decimal(%d,%d)", stored->precision, stored->scale);
			return false;
		case MY_BIT:
			if ((int) stored->length == column->length)
				break;
			*problem = arena_printf(arena, "it is stored as bit(%d)", (int) stored->length);
			return false;
		case MY_TIME:
		case MY_DATETIME:
		case MY_TIMESTAMP:
			if (stored->scale == column->scale)
				break;
			if (stored->type == MY_STORED_TIME || stored->type == MY_STORED_DATETIME || stored->type == MY_STORED_TIMESTAMP)
				*problem = "it is stored in an old form with fractions of a second (mysql56_temporal_format = off); on the source: ALTER TABLE … FORCE";
			else
				*problem = arena_printf(arena, "it is stored with %d digits of fractions of a second", stored->scale);
			return false;
		case MY_BINARY:
			if ((int) stored->length == column->length)
				break;
			*problem = arena_printf(arena, "it is stored as binary(%d)", (int) stored->length);
			return false;
		case MY_ENUM:
			if ((int) stored->length == (column->label_count > 255 ? 2 : 1))
				break;
			*problem = "it is stored with another number of labels";
			return false;
		default:
			break;
	}
	if (has_sign && stored->is_unsigned != column->is_unsigned)
	{
		switch (column->type)
		{
			case MY_TINYINT:
			case MY_SMALLINT:
			case MY_MEDIUMINT:
			case MY_INT:
			case MY_BIGINT:
				*problem = stored->is_unsigned ? "it is stored unsigned" : "it is stored signed";
				return false;
			default:
				break;
		}
	}
	return true;
}

bool
my_row_bind(const MyStoredColumn *stored, bool has_sign, const MyColumn *column, const MyCharset *charset, Arena *arena,
			MyRowColumn *bound, const char **problem)
{
	bound->stored = *stored;
	bound->column = column;
	bound->charset = charset;
	if (!fits(column->type, stored->type))
	{
		*problem = arena_printf(arena, "it is stored as %s (type %d)", stored_name(stored->type), stored->type);
		return false;
	}
	if (!set_size(bound))
	{
		*problem = arena_printf(arena, "its %s is stored in an unknown way", stored_name(stored->type));
		return false;
	}
	return same_measures(stored, has_sign, column, arena, problem);
}

static bool
too_short(const MyRowColumn *column, const MyBytes *bytes, Error *err)
{
	return error_set(err, ERROR_FAILED, "malformed row: column %s does not fit the %zu bytes that are left", column->column->name,
					 my_bytes_left(bytes));
}

bool
my_row_read(const MyRowColumn *columns, int column_count, const uint8_t *present, MyBytes *bytes, MyCell *cells, Error *err)
{
	int			present_count = 0;
	int			bit = 0;
	const uint8_t *nulls;

	for (int i = 0; i < column_count; i++)
		present_count += my_bit_is_set(present, i);
	nulls = my_bytes_take(bytes, (uint64_t) (present_count + 7) / 8);
	if (nulls == NULL)
		return error_set(err, ERROR_FAILED, "malformed row: it ends before its first value");

	for (int i = 0; i < column_count; i++)
	{
		const MyRowColumn *column = &columns[i];
		MyCell	   *cell = &cells[i];
		uint64_t	length = (uint64_t) column->fixed_size;

		cell->length = 0;
		cell->data = NULL;
		if (!my_bit_is_set(present, i))
		{
			cell->state = MY_CELL_ABSENT;
			continue;
		}
		if (my_bit_is_set(nulls, bit++))
		{
			cell->state = MY_CELL_NULL;
			continue;
		}
		if (column->length_bytes > 0)
			length = my_bytes_number(bytes, column->length_bytes);
		cell->data = my_bytes_take(bytes, length);
		if (bytes->is_short)
			return too_short(column, bytes, err);
		cell->length = (uint32_t) length;
		cell->state = MY_CELL_VALUE;
	}
	return true;
}
