/*
 * mysql_result.c
 *		The columns of a query's result.  Those that are columns of the table are known from its catalogue; others have what the
 *		protocol tells.
 */
#include "copy/mysql_private.h"

#include <string.h>
#include <strings.h>

#define BINARY_CHARSET 63

/* MySQL's, which this library may not name. */
#define FIELD_JSON	 245
#define FIELD_VECTOR 242

static MyType
type_of(const MYSQL_FIELD *field)
{
	bool is_binary = field->charsetnr == BINARY_CHARSET;

	if (field->flags & ENUM_FLAG)
		return MY_ENUM;
	if (field->flags & SET_FLAG)
		return MY_SET;
	switch ((int) field->type)
	{
		case MYSQL_TYPE_TINY:
			return MY_TINYINT;
		case MYSQL_TYPE_SHORT:
			return MY_SMALLINT;
		case MYSQL_TYPE_INT24:
			return MY_MEDIUMINT;
		case MYSQL_TYPE_LONG:
			return MY_INT;
		case MYSQL_TYPE_LONGLONG:
			return MY_BIGINT;
		case MYSQL_TYPE_DECIMAL:
		case MYSQL_TYPE_NEWDECIMAL:
			return MY_DECIMAL;
		case MYSQL_TYPE_FLOAT:
			return MY_FLOAT;
		case MYSQL_TYPE_DOUBLE:
			return MY_DOUBLE;
		case MYSQL_TYPE_BIT:
			return MY_BIT;
		case MYSQL_TYPE_YEAR:
			return MY_YEAR;
		case MYSQL_TYPE_DATE:
		case MYSQL_TYPE_NEWDATE:
			return MY_DATE;
		case MYSQL_TYPE_TIME:
			return MY_TIME;
		case MYSQL_TYPE_DATETIME:
			return MY_DATETIME;
		case MYSQL_TYPE_TIMESTAMP:
			return MY_TIMESTAMP;
		case MYSQL_TYPE_GEOMETRY:
			return MY_GEOMETRY;
		case FIELD_JSON:
			return MY_JSON;
		case FIELD_VECTOR:
			return MY_VECTOR;
		default:
			return is_binary ? MY_BLOB : MY_TEXT;
	}
}

static const MyColumn *
column_of(const MyTable *table, const MYSQL_FIELD *field)
{
	if (!field->org_table || strcasecmp(field->org_table, table->name) != 0)
		return NULL;
	for (int i = 0; i < table->column_count; i++)
		if (field->org_name && strcasecmp(field->org_name, table->columns[i].name) == 0)
			return &table->columns[i];
	return NULL;
}

static void
describe(const MyTable *table, const MYSQL_FIELD *field, Arena *arena, MyColumn *column)
{
	const MyColumn *known = column_of(table, field);

	memset(column, 0, sizeof(*column));
	if (known)
		*column = *known;
	else
	{
		column->type = type_of(field);
		column->is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;
		column->length = column->type == MY_BIT ? (int) field->length : 0;
		column->scale = field->decimals < 31 ? (int) field->decimals : 0;
		if (field->charsetnr != BINARY_CHARSET)
			column->charset = "utf8mb4";
		column->type_text = column->type_name = "column of a query";
	}
	column->is_nullable = true;
	column->is_generated = column->is_virtual = false;
	column->name = arena_strdup(arena, field->name);
}

/* Runs nothing: derived from a query that is not run, the columns have lost where they come from; preparing it tells. */
static bool
prepare(MyConn *conn, MyCopyTable *table, Arena *arena, Error *err)
{
	const char *sql = table->query->select;
	MYSQL_STMT *statement = mysql_stmt_init(my_handle(conn));
	MYSQL_RES *result = NULL;
	MyColumn *columns;

	if (!statement || mysql_stmt_prepare(statement, sql, strlen(sql)) != 0 ||
		!(result = mysql_stmt_result_metadata(statement)))
	{
		error_set(err, ERROR_FAILED, "query of table %s: %s", table->query->table,
				  statement ? mysql_stmt_error(statement) : "out of memory");
		if (statement)
			mysql_stmt_close(statement);
		return false;
	}
	table->result_count = (int) mysql_num_fields(result);
	columns = arena_alloc(arena, sizeof(MyColumn) * (size_t) (table->result_count + 1));
	for (int i = 0; i < table->result_count; i++)
		describe(table->source, mysql_fetch_field_direct(result, (unsigned) i), arena, &columns[i]);
	table->result_columns = columns;
	mysql_free_result(result);
	mysql_stmt_close(statement);
	return true;
}

bool
mysql_result_columns(MyConn *conn, MyCopyTable *table, Arena *arena, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	bool ok;

	/* Also says where two columns have the same name. */
	strbuf_printf(&sql, "SELECT * FROM (%s) AS dbsync_query LIMIT 0", table->query->select);
	ok = my_exec(conn, strbuf_text(&sql), err);
	strbuf_free(&sql);
	if (!ok)
		return error_context(err, "query of table %s", table->query->table);
	return prepare(conn, table, arena, err);
}
