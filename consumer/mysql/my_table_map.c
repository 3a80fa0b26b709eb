/*
 * my_table_map.c
 *		What a table map says of each column, and where the rows of a row event begin.
 *
 * CHAR, ENUM and SET share one type; the true one, and two bits of a long CHAR's length, hide in the first byte of the metadata.
 */
#include "mysql/my_table_map.h"

#include <inttypes.h>

/* A table has at most 4,096 columns. */
#define COLUMN_LIMIT 4096
#define ROWS_ENDS_STATEMENT 1
#define ROWS_NO_FOREIGN_KEY_CHECKS 2
#define ROWS_HAVE_CASCADES 16	/* MySQL 9.6: USE_SQL_FOREIGN_KEY_F */

enum OptionalField
{
	FIELD_SIGNEDNESS = 1, FIELD_COLUMN_NAME = 4
};

static bool
malformed(const MyEvent *event, const char *what, Error *err)
{
	return error_set(err, ERROR_FAILED, "malformed %s event (type %d, %zu bytes): %s", my_event_name(event->type), event->type, event->length, what);
}

bool
my_event_table_map_id(const MyEvent *event, uint64_t *id, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	*id = my_bytes_number(&bytes, 6);
	return !bytes.is_short || malformed(event, "too short", err);
}

/* A name: length, bytes, zero byte. */
static const char *
take_name(MyBytes *bytes)
{
	size_t		length = my_bytes_packed(bytes);
	const uint8_t *name = length < SIZE_MAX ? my_bytes_take(bytes, length + 1) : NULL;

	if (name == NULL || name[length] != 0)
	{
		bytes->is_short = true;
		return NULL;
	}
	return (const char *) name;
}

bool
my_event_table_map_names(const MyEvent *event, const char **schema, const char **table, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);

	my_bytes_take(&bytes, 6 + 2);
	*schema = take_name(&bytes);
	*table = take_name(&bytes);
	return !bytes.is_short || malformed(event, "no names", err);
}

static void
set_string(MyStoredColumn *column, uint32_t first, uint32_t second)
{
	if ((first & 0x30) != 0x30)
	{
		column->type = (uint8_t) (first | 0x30);
		column->length = second | ((first & 0x30) ^ 0x30) << 4;
	}
	else
	{
		column->type = (uint8_t) first;
		column->length = second;
	}
}

/* One column's metadata; how many bytes there are depends on the type. */
static void
take_metadata(MyBytes *bytes, MyStoredColumn *column)
{
	uint32_t	first;

	switch (column->type)
	{
		case MY_STORED_FLOAT:
		case MY_STORED_DOUBLE:
		case MY_STORED_TINY_BLOB:
		case MY_STORED_MEDIUM_BLOB:
		case MY_STORED_LONG_BLOB:
		case MY_STORED_BLOB:
		case MY_STORED_BLOB_COMPRESSED:
		case MY_STORED_GEOMETRY:
		case MY_STORED_JSON:
		case MY_STORED_VECTOR:
			column->length = (uint32_t) my_bytes_number(bytes, 1);
			break;
		case MY_STORED_TIMESTAMP2:
		case MY_STORED_DATETIME2:
		case MY_STORED_TIME2:
			column->scale = (uint8_t) my_bytes_number(bytes, 1);
			break;
		case MY_STORED_VARCHAR:
		case MY_STORED_VARCHAR_COMPRESSED:
			column->length = (uint32_t) my_bytes_number(bytes, 2);
			break;
		case MY_STORED_BIT:
			first = (uint32_t) my_bytes_number(bytes, 1);
			column->length = (uint32_t) my_bytes_number(bytes, 1) * 8 + first;
			break;
		case MY_STORED_DECIMAL:
			column->precision = (uint8_t) my_bytes_number(bytes, 1);
			column->scale = (uint8_t) my_bytes_number(bytes, 1);
			break;
		case MY_STORED_STRING:
		case MY_STORED_VAR_STRING:
		case MY_STORED_ENUM:
		case MY_STORED_SET:
			first = (uint32_t) my_bytes_number(bytes, 1);
			set_string(column, first, (uint32_t) my_bytes_number(bytes, 1));
			break;
		default:
			break;
	}
}

/* A year counts as one, too, and is unsigned: MariaDB 10.11 and MySQL 9.7 agree. */
static bool
is_number(int type)
{
	switch (type)
	{
		case MY_STORED_YEAR:
		case MY_STORED_TINY:
		case MY_STORED_SHORT:
		case MY_STORED_INT24:
		case MY_STORED_LONG:
		case MY_STORED_LONGLONG:
		case MY_STORED_FLOAT:
		case MY_STORED_DOUBLE:
		case MY_STORED_DECIMAL:
			return true;
		default:
			return false;
	}
}

/* One bit for each number, the first in the highest bit. */
static bool
take_signs(MyBytes bytes, MyTableMap *map)
{
	int			number = 0;

	for (int i = 0; i < map->column_count; i++)
	{
		if (!is_number(map->columns[i].type))
			continue;
		if (number / 8 >= (int) my_bytes_left(&bytes))
			return false;
		map->columns[i].is_unsigned = (bytes.at[number / 8] >> (7 - number % 8) & 1) != 0;
		number++;
	}
	map->has_signs = true;
	return true;
}

static bool
take_column_names(MyBytes bytes, Arena *arena, MyTableMap *map)
{
	for (int i = 0; i < map->column_count; i++)
	{
		size_t		length = my_bytes_packed(&bytes);
		const uint8_t *name = my_bytes_take(&bytes, length);

		if (bytes.is_short)
			return false;
		map->columns[i].name = arena_strndup(arena, (const char *) name, length);
	}
	map->has_names = true;
	return true;
}

static bool
take_optional(MyBytes *bytes, Arena *arena, MyTableMap *map)
{
	while (my_bytes_left(bytes) > 0)
	{
		int			field = (int) my_bytes_number(bytes, 1);
		size_t		length = my_bytes_packed(bytes);
		const uint8_t *value = my_bytes_take(bytes, length);

		if (bytes->is_short)
			return false;
		if (field == FIELD_SIGNEDNESS && !take_signs(my_bytes(value, length), map))
			return false;
		if (field == FIELD_COLUMN_NAME && !take_column_names(my_bytes(value, length), arena, map))
			return false;
	}
	return true;
}

bool
my_event_table_map(const MyEvent *event, Arena *arena, MyTableMap *map, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);
	uint64_t	count;
	uint64_t	metadata_length;
	const uint8_t *types;
	const uint8_t *metadata;
	MyBytes		meta;

	memset(map, 0, sizeof(*map));
	map->id = my_bytes_number(&bytes, 6);
	my_bytes_take(&bytes, 2);
	map->schema = take_name(&bytes);
	map->table = take_name(&bytes);
	count = my_bytes_packed(&bytes);
	if (bytes.is_short || count > COLUMN_LIMIT)
		return malformed(event, "impossible number of columns", err);
	types = my_bytes_take(&bytes, count);
	metadata_length = my_bytes_packed(&bytes);
	metadata = my_bytes_take(&bytes, metadata_length);
	my_bytes_take(&bytes, (count + 7) / 8);
	if (bytes.is_short)
		return malformed(event, "too short", err);

	map->column_count = (int) count;
	map->columns = arena_zalloc(arena, sizeof(MyStoredColumn) * (count + 1));
	meta = my_bytes(metadata, metadata_length);
	for (int i = 0; i < map->column_count; i++)
	{
		map->columns[i].type = types[i];
		take_metadata(&meta, &map->columns[i]);
	}
	if (meta.is_short || my_bytes_left(&meta) > 0)
		return malformed(event, "metadata that does not fit the columns' types", err);
	return take_optional(&bytes, arena, map) || malformed(event, "optional metadata that does not fit the columns", err);
}

static bool
rows_kind(int type, MyRowsKind *kind, bool *is_v2, bool *is_compressed)
{
	*is_compressed = type >= MY_EVENT_WRITE_COMPRESSED_V1;
	switch (type)
	{
		case MY_EVENT_WRITE_V1:
		case MY_EVENT_UPDATE_V1:
		case MY_EVENT_DELETE_V1:
			*kind = (MyRowsKind) (type - MY_EVENT_WRITE_V1);
			*is_v2 = false;
			return true;
		case MY_EVENT_WRITE_V2:
		case MY_EVENT_UPDATE_V2:
		case MY_EVENT_DELETE_V2:
			*kind = (MyRowsKind) (type - MY_EVENT_WRITE_V2);
			*is_v2 = true;
			return true;
		case MY_EVENT_WRITE_COMPRESSED_V1:
		case MY_EVENT_UPDATE_COMPRESSED_V1:
		case MY_EVENT_DELETE_COMPRESSED_V1:
			*kind = (MyRowsKind) (type - MY_EVENT_WRITE_COMPRESSED_V1);
			*is_v2 = false;
			return true;
		case MY_EVENT_WRITE_COMPRESSED_V2:
		case MY_EVENT_UPDATE_COMPRESSED_V2:
		case MY_EVENT_DELETE_COMPRESSED_V2:
			*kind = (MyRowsKind) (type - MY_EVENT_WRITE_COMPRESSED_V2);
			*is_v2 = true;
			return true;
		default:
			return false;
	}
}

bool
my_event_is_rows(int type)
{
	MyRowsKind	kind;
	bool		is_v2;
	bool		is_compressed;

	return rows_kind(type, &kind, &is_v2, &is_compressed);
}

bool
my_event_rows(const MyEvent *event, void **buffer, size_t *buffer_size, MyRows *rows, Error *err)
{
	MyBytes		bytes = my_bytes(event->body, event->length);
	bool		is_v2;
	bool		is_compressed;
	uint64_t	flags;
	uint64_t	count;
	const uint8_t *first;
	const uint8_t *second = NULL;

	memset(rows, 0, sizeof(*rows));
	if (!rows_kind(event->type, &rows->kind, &is_v2, &is_compressed))
		return malformed(event, "it has no rows", err);
	rows->id = my_bytes_number(&bytes, 6);
	flags = my_bytes_number(&bytes, 2);
	rows->ends_statement = (flags & ROWS_ENDS_STATEMENT) != 0;
	rows->ignores_keys = (flags & ROWS_NO_FOREIGN_KEY_CHECKS) != 0;
	rows->may_be_cascade = rows->ignores_keys && (flags & ROWS_HAVE_CASCADES) != 0 && !rows->ends_statement;
	if (is_v2)
	{
		uint64_t	extra = my_bytes_number(&bytes, 2);	/* counts itself */

		if (extra < 2)
			return malformed(event, "impossible extra data", err);
		my_bytes_take(&bytes, extra - 2);
	}
	count = my_bytes_packed(&bytes);
	if (bytes.is_short || count > COLUMN_LIMIT)
		return malformed(event, "impossible number of columns", err);
	rows->column_count = (int) count;
	first = my_bytes_take(&bytes, (count + 7) / 8);
	if (rows->kind == MY_ROWS_UPDATE)
		second = my_bytes_take(&bytes, (count + 7) / 8);
	if (bytes.is_short)
		return malformed(event, "too short", err);
	rows->before = rows->kind != MY_ROWS_INSERT ? first : NULL;
	rows->after = rows->kind == MY_ROWS_INSERT ? first : second;
	rows->rows = bytes;
	if (is_compressed)
	{
		size_t		content;

		if (!my_event_uncompress(bytes.at, my_bytes_left(&bytes), UINT32_MAX, buffer, buffer_size, &content, err))
			return false;
		rows->rows = my_bytes(*buffer, content);
	}
	return true;
}
