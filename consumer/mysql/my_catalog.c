/*
 * my_catalog.c
 *		Tables, columns and keys from information_schema: four queries for a database, whatever the number of its tables.
 *
 * MySQL and MariaDB have the same views, but not the same text in them: MariaDB writes a default as it would stand in SQL, MySQL as a bare
 * value; MariaDB has no type json, but longtext with a check.
 */
#include "mysql/my_catalog.h"

#include "base/hash.h"
#include "mysql/my_types.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_DEFAULTS 100207 /* MariaDB's version since which defaults are SQL */

typedef struct Loading
{
	MyConn *conn;
	const char *database;
	bool (*wants)(void *arg, const char *schema, const char *table);
	void *arg;
	Arena *arena;
	MyCatalog *catalog;
	HashMap *by_name; /* its tables */
	bool quoted_defaults;
	bool is_mariadb;
} Loading;

/* Rows of a query with the database's name in place of the one %s. */
static bool
query(Loading *loading, const char *sql, MYSQL_RES **result, Error *err)
{
	const char *mark = strstr(sql, "%s");
	StrBuf text = STRBUF_INIT;
	bool ok;

	strbuf_append_bytes(&text, sql, (size_t) (mark - sql));
	my_quote_literal(loading->conn, &text, loading->database, strlen(loading->database));
	strbuf_append(&text, mark + 2);
	ok = my_query(loading->conn, strbuf_text(&text), result, err);
	strbuf_free(&text);
	return ok;
}

static const char *
keep(const Loading *loading, const char *text)
{
	return text == NULL ? NULL : arena_strdup(loading->arena, text);
}

static int64_t
number(const char *text)
{
	return text == NULL ? 0 : (int64_t) strtoll(text, NULL, 10);
}

static int
small_number(const char *text)
{
	int64_t value = number(text);

	return value > INT_MAX ? INT_MAX : (int) value;
}

/* Tables */

static int
compare_tables(const void *a, const void *b)
{
	return strcmp(((const MyTable *) a)->name, ((const MyTable *) b)->name);
}

static bool
load_tables(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT TABLE_NAME, ENGINE, TABLE_COMMENT, TABLE_COLLATION, TABLE_ROWS, DATA_LENGTH, AUTO_INCREMENT,"
		" COALESCE(CREATE_OPTIONS, '') LIKE '%partitioned%', TABLE_TYPE = 'SYSTEM VERSIONED'"
		" FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
	MyCatalog *catalog = loading->catalog;
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (!query(loading, sql, &result, err))
		return false;
	catalog->tables = arena_zalloc(loading->arena, sizeof(MyTable) * (size_t) (mysql_num_rows(result) + 1));
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		MyTable *table = &catalog->tables[catalog->count];

		if (loading->wants != NULL && !loading->wants(loading->arg, loading->database, row[0]))
			continue;
		table->schema = keep(loading, loading->database);
		table->name = keep(loading, row[0]);
		table->engine = keep(loading, row[1] != NULL ? row[1] : "");
		table->comment = keep(loading, row[2] != NULL ? row[2] : "");
		table->collation = keep(loading, row[3]);
		table->estimated_rows = number(row[4]);
		table->estimated_bytes = number(row[5]);
		table->auto_increment = number(row[6]);
		table->is_partitioned = row[7][0] == '1';
		table->is_versioned = row[8][0] == '1';
		catalog->count++;
	}
	mysql_free_result(result);
	qsort(catalog->tables, (size_t) catalog->count, sizeof(MyTable), compare_tables);
	for (int i = 0; i < catalog->count; i++)
		hash_put_text(loading->by_name, catalog->tables[i].name, &catalog->tables[i]);
	return true;
}

/* MySQL's CREATE_OPTIONS do not say it of every kind. */
static bool
load_partitioned(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT DISTINCT TABLE_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = %s AND PARTITION_NAME IS NOT NULL";
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (loading->is_mariadb)
		return true;
	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		MyTable *table = hash_get_text(loading->by_name, row[0]);

		if (table != NULL)
			table->is_partitioned = true;
	}
	mysql_free_result(result);
	return true;
}

/* Columns */

static void
read_default(const Loading *loading, MyColumn *column, const char *text, const char *extra)
{
	StrBuf plain = STRBUF_INIT;

	column->default_is_expression = false;
	if (text == NULL)
		return;
	if (!loading->quoted_defaults)
	{
		bool is_time = column->type == MY_DATETIME || column->type == MY_TIMESTAMP;

		column->default_text = keep(loading, text);
		column->default_length = strlen(text);
		column->default_is_expression =
			strstr(extra, "DEFAULT_GENERATED") != NULL ||
			(is_time && strncmp(text, "CURRENT_TIMESTAMP", strlen("CURRENT_TIMESTAMP")) == 0);
		return;
	}
	if (strcmp(text, "NULL") == 0)
		return;
	if (text[0] == '\'' && *my_unquote(text, &plain) == '\0')
	{
		column->default_text = arena_strndup(loading->arena, strbuf_text(&plain), plain.length);
		column->default_length = plain.length;
	}
	else
	{
		column->default_text = keep(loading, text);
		column->default_length = strlen(text);
		column->default_is_expression = strspn(text, "0123456789.-+eE") != strlen(text) && strncmp(text, "b'", 2) != 0;
	}
	strbuf_free(&plain);
}

/* MySQL shows the quotes of an expression with backslashes. */
static const char *
read_expression(const Loading *loading, const char *text)
{
	char *copy;
	char *to;

	if (text == NULL || text[0] == '\0')
		return NULL;
	copy = arena_strdup(loading->arena, text);
	if (loading->is_mariadb)
		return copy;
	for (to = copy; *text != '\0'; text++)
	{
		if (text[0] == '\\' && text[1] == '\'')
			text++;
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

static bool
is_number_type(MyType type)
{
	return type <= MY_DOUBLE;
}

static bool
has_wide_characters(const char *charset)
{
	return charset != NULL && (strcmp(charset, "utf8mb4") == 0 || strncmp(charset, "utf16", 5) == 0 ||
							   strcmp(charset, "utf32") == 0 || strcmp(charset, "gb18030") == 0);
}

enum
{
	COLUMN_TABLE,
	COLUMN_NAME,
	COLUMN_DATA_TYPE,
	COLUMN_TYPE,
	COLUMN_NULLABLE,
	COLUMN_CHARACTERS,
	COLUMN_OCTETS,
	COLUMN_PRECISION,
	COLUMN_SCALE,
	COLUMN_FRACTION,
	COLUMN_CHARSET,
	COLUMN_COLLATION,
	COLUMN_DEFAULT,
	COLUMN_EXTRA,
	COLUMN_GENERATION,
	COLUMN_COMMENT
};

static const char columns_sql[] =
	"SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE = 'YES', CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH,"
	" NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_DEFAULT, EXTRA,"
	" GENERATION_EXPRESSION, COLUMN_COMMENT"
	" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY CAST(TABLE_NAME AS BINARY), ORDINAL_POSITION";

static void
read_column(const Loading *loading, MYSQL_ROW row, MyColumn *column)
{
	const char *extra = row[COLUMN_EXTRA] != NULL ? row[COLUMN_EXTRA] : "";

	*column = (MyColumn){
		.name = keep(loading, row[COLUMN_NAME]),
		.type = my_type_of(row[COLUMN_DATA_TYPE]),
		.type_text = keep(loading, row[COLUMN_TYPE]),
		.type_name = keep(loading, row[COLUMN_DATA_TYPE]),
		.is_nullable = row[COLUMN_NULLABLE][0] == '1',
		.charset = keep(loading, row[COLUMN_CHARSET]),
		.collation = keep(loading, row[COLUMN_COLLATION]),
		.is_auto_increment = strstr(extra, "auto_increment") != NULL,
		.updates_itself = strcasestr(extra, "on update") != NULL,
		.is_generated =
			strstr(extra, "VIRTUAL") != NULL || strstr(extra, "STORED") != NULL || strstr(extra, "PERSISTENT") != NULL,
		.is_virtual = strstr(extra, "VIRTUAL") != NULL,
		.generation = read_expression(loading, row[COLUMN_GENERATION]),
		.comment = keep(loading, row[COLUMN_COMMENT] != NULL ? row[COLUMN_COMMENT] : ""),
	};
	if (is_number_type(column->type))
	{
		column->is_unsigned =
			strstr(column->type_text, " unsigned") != NULL || strstr(column->type_text, " zerofill") != NULL;
		column->is_tinyint1 = strncmp(column->type_text, "tinyint(1)", 10) == 0;
		column->precision = small_number(row[COLUMN_PRECISION]);
		column->scale = small_number(row[COLUMN_SCALE]);
	}
	else if (column->type == MY_BIT)
		column->length = small_number(row[COLUMN_PRECISION]);
	else if (column->type == MY_TIME || column->type == MY_DATETIME || column->type == MY_TIMESTAMP)
		column->scale = small_number(row[COLUMN_FRACTION]);
	else if (column->type == MY_BINARY || column->type == MY_VARBINARY || column->type == MY_BLOB)
		column->length = small_number(row[COLUMN_OCTETS]);
	else
		column->length = small_number(row[COLUMN_CHARACTERS]);
	if (column->type == MY_ENUM || column->type == MY_SET)
	{
		column->label_count = my_parse_labels(column->type_text, loading->arena, &column->labels);
		for (int i = 0; i < column->label_count; i++)
			if (has_wide_characters(column->charset) && strchr(column->labels[i], '?') != NULL)
				column->labels_uncertain = true;
	}
	read_default(loading, column, row[COLUMN_DEFAULT], extra);
	if (column->default_is_expression)
		column->default_text = read_expression(loading, column->default_text);
}

/* Rows come in the order of tables, so that each table's columns stand together; names that differ in case only are two tables. */
static bool
load_columns(Loading *loading, Error *err)
{
	MYSQL_RES *result;
	MYSQL_ROW row;
	MyColumn *columns;
	MyTable *table = NULL;

	if (!query(loading, columns_sql, &result, err))
		return false;
	columns = arena_alloc(loading->arena, sizeof(MyColumn) * (size_t) (mysql_num_rows(result) + 1));
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		if (table == NULL || strcmp(table->name, row[COLUMN_TABLE]) != 0)
		{
			table = hash_get_text(loading->by_name, row[COLUMN_TABLE]);
			if (table == NULL)
				continue;
			table->columns = columns;
		}
		read_column(loading, row, columns++);
		table->column_count++;
	}
	mysql_free_result(result);
	return true;
}

/* MariaDB's json is a longtext with the check json_valid(`column`). */
static bool
load_json(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
		" WHERE CONSTRAINT_SCHEMA = %s AND CHECK_CLAUSE LIKE 'json_valid(%'";
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (!loading->is_mariadb)
		return true;
	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		MyTable *table = hash_get_text(loading->by_name, row[0]);

		for (int i = 0; table != NULL && i < table->column_count; i++)
		{
			MyColumn *column = &table->columns[i];
			StrBuf clause = STRBUF_INIT;

			strbuf_append(&clause, "json_valid(");
			my_quote_identifier(&clause, column->name);
			strbuf_append_char(&clause, ')');
			if (column->type == MY_TEXT && strcmp(column->name, row[1]) == 0 &&
				strcmp(strbuf_text(&clause), row[2]) == 0)
				column->type = MY_JSON;
			strbuf_free(&clause);
		}
	}
	mysql_free_result(result);
	return true;
}

/* Where the user wants other types: once json is known. */
static bool
resolve_types(Loading *loading, Error *err)
{
	MyOverrides overrides;

	if (!my_overrides_parse(my_config(loading->conn)->types, loading->arena, &overrides, err))
		return false;
	for (int i = 0; i < loading->catalog->count && overrides.count > 0; i++)
	{
		MyTable *table = &loading->catalog->tables[i];

		for (int k = 0; k < table->column_count; k++)
			table->columns[k].target_type = my_overrides_find(&overrides, table->name, &table->columns[k]);
	}
	return true;
}

/* Keys */

/* Of one index, as far as it has been read. */
typedef struct Key
{
	MyTable *table;
	char *name;
	bool is_usable;
	int count;
	int columns[64]; /* no server takes more than 32 */
} Key;

/* The primary key is better than any other, and one with fewer columns than one with more. */
static void
offer_key(const Loading *loading, const Key *key)
{
	MyTable *table = key->table;
	bool is_primary = key->name != NULL && strcmp(key->name, "PRIMARY") == 0;

	if (table == NULL || !key->is_usable || key->count == 0 || table->key_is_primary)
		return;
	if (!is_primary && table->key_count > 0 && table->key_count <= key->count)
		return;
	table->key_columns = arena_memdup(loading->arena, key->columns, sizeof(int) * (size_t) key->count);
	table->key_count = key->count;
	table->key_is_primary = is_primary;
}

static int
column_number(const MyTable *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return i;
	return -1;
}

static bool
load_keys(Loading *loading, Error *err)
{
	static const char sql[] = "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART IS NOT NULL, NULLABLE = 'YES'"
							  " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0"
							  " ORDER BY CAST(TABLE_NAME AS BINARY), INDEX_NAME, SEQ_IN_INDEX";
	MYSQL_RES *result;
	MYSQL_ROW row;
	Key key = {0};

	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		int number_in_table;

		if (key.table == NULL || strcmp(key.table->name, row[0]) != 0 || strcmp(key.name, row[1]) != 0)
		{
			offer_key(loading, &key);
			key = (Key){.table = hash_get_text(loading->by_name, row[0]), .name = arena_strdup(loading->arena, row[1])};
			key.is_usable = true;
		}
		if (key.table == NULL)
			continue;
		number_in_table = row[2] != NULL ? column_number(key.table, row[2]) : -1;
		if (number_in_table < 0 || key.count == (int) (sizeof(key.columns) / sizeof(key.columns[0])) ||
			(strcmp(key.name, "PRIMARY") != 0 && (row[3][0] == '1' || row[4][0] == '1')))
			key.is_usable = false;
		else
			key.columns[key.count++] = number_in_table;
	}
	offer_key(loading, &key);
	mysql_free_result(result);
	return true;
}

bool
my_catalog_load(MyConn *conn, const char *database, bool (*wants)(void *arg, const char *schema, const char *table),
				void *arg, Arena *arena, MyCatalog *catalog, Error *err)
{
	const MyServer *server = my_server(conn);
	bool ok;
	Loading loading = {
		.conn = conn, .database = database, .wants = wants, .arg = arg, .arena = arena, .catalog = catalog};

	loading.is_mariadb = server->is_mariadb;
	loading.quoted_defaults = server->is_mariadb && server->version >= QUOTED_DEFAULTS;
	loading.by_name = hash_new();
	*catalog = (MyCatalog){0};
	ok = load_tables(&loading, err) && load_partitioned(&loading, err) && load_columns(&loading, err) &&
		 load_json(&loading, err) && resolve_types(&loading, err) && load_keys(&loading, err);
	hash_free(loading.by_name, NULL);
	return ok;
}

const MyTable *
my_catalog_find(const MyCatalog *catalog, const char *name)
{
	const MyTable wanted = {.name = name};

	return bsearch(&wanted, catalog->tables, (size_t) catalog->count, sizeof(MyTable), compare_tables);
}

const MyColumn *
my_table_column(const MyTable *table, const char *name)
{
	int i = column_number(table, name);

	return i < 0 ? NULL : &table->columns[i];
}
