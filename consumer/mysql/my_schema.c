/*
 * my_schema.c
 *		Indexes, keys and partitions of a database.
 *
 * Foreign keys come from SHOW CREATE TABLE: the views of information_schema that have their actions hide them from who may only SELECT.
 */
#include "mysql/my_schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Loading
{
	MyConn *conn;
	const char *database;
	const MyCatalog *catalog;
	Arena *arena;
	MySchema *schema;
} Loading;

static bool
query(Loading *loading, const char *sql, MYSQL_RES **result, Error *err)
{
	StrBuf text = STRBUF_INIT;
	bool ok;

	for (const char *mark; (mark = strstr(sql, "%s")) != NULL; sql = mark + 2)
	{
		strbuf_append_bytes(&text, sql, (size_t) (mark - sql));
		my_quote_literal(loading->conn, &text, loading->database, strlen(loading->database));
	}
	strbuf_append(&text, sql);
	ok = my_query(loading->conn, strbuf_text(&text), result, err);
	strbuf_free(&text);
	return ok;
}

static const char *
keep(Loading *loading, const char *text)
{
	return text == NULL ? NULL : arena_strdup(loading->arena, text);
}

/* Room for one more in an array that doubles; what it had is left to the arena. */
static void *
grow(Arena *arena, void *items, int count, size_t size)
{
	void *grown;

	/* Full at 0, 8, 16, 32 ... */
	if (count != 0 && (count < 8 || (count & (count - 1)) != 0))
		return items;
	grown = arena_alloc(arena, size * (size_t) (count < 8 ? 8 : count * 2));
	if (count > 0)
		memcpy(grown, items, size * (size_t) count);
	return grown;
}

/* MySQL shows the quotes of an expression with backslashes. */
static const char *
keep_expression(Loading *loading, const char *text)
{
	char *copy;
	char *to;

	if (text == NULL || my_server(loading->conn)->is_mariadb)
		return keep(loading, text);
	to = copy = arena_strdup(loading->arena, text);
	for (; *text != '\0'; text++)
	{
		if (text[0] == '\\' && text[1] == '\'')
			text++;
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

/* Indexes */

static bool
load_indexes(Loading *loading, Error *err)
{
	const MyServer *server = my_server(loading->conn);
	MySchema *schema = loading->schema;
	char *sql = mem_printf(
		"SELECT TABLE_NAME, INDEX_NAME, INDEX_TYPE, NON_UNIQUE = 0, COLUMN_NAME, %s, SUB_PART, COLLATION = 'D'"
		" FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %%s"
		" ORDER BY CAST(TABLE_NAME AS BINARY), INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
		!server->is_mariadb && server->version >= 80013 ? "EXPRESSION" : "NULL");
	MYSQL_RES *result;
	MYSQL_ROW row;
	MyIndex *index = NULL;
	bool ok = query(loading, sql, &result, err);

	free(sql);
	if (!ok)
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		const MyTable *table = my_catalog_find(loading->catalog, row[0]);

		if (table == NULL)
			continue;
		if (index == NULL || index->table != table || strcmp(index->name, row[1]) != 0)
		{
			schema->indexes = grow(loading->arena, schema->indexes, schema->index_count, sizeof(MyIndex));
			index = &schema->indexes[schema->index_count++];
			*index = (MyIndex){.table = table, .name = keep(loading, row[1]), .method = keep(loading, row[2])};
			index->is_primary = strcmp(row[1], "PRIMARY") == 0;
			index->is_unique = row[3][0] == '1';
		}
		index->columns = grow(loading->arena, index->columns, index->column_count, sizeof(MyIndexColumn));
		index->columns[index->column_count++] = (MyIndexColumn){
			.name = keep(loading, row[4]),
			.expression = keep_expression(loading, row[5]),
			.prefix = row[6] != NULL ? atoi(row[6]) : 0,
			.is_descending = row[7] != NULL && row[7][0] == '1',
		};
	}
	mysql_free_result(result);
	return true;
}

/* Foreign keys and MySQL's checks */

/* A name in backquotes at *at, which moves behind it; NULL: there is none. */
static const char *
take_name(const char **at, Arena *arena)
{
	StrBuf name = STRBUF_INIT;
	const char *p = *at;
	const char *kept;

	while (*p == ' ' || *p == ',')
		p++;
	if (*p != '`')
		return NULL;
	for (p++; *p != '\0' && (*p != '`' || p[1] == '`'); p++)
	{
		if (*p == '`')
			p++;
		strbuf_append_char(&name, *p);
	}
	*at = *p == '`' ? p + 1 : p;
	kept = arena_strdup(arena, strbuf_text(&name));
	strbuf_free(&name);
	return kept;
}

static bool
take_word(const char **at, const char *word)
{
	size_t length = strlen(word);

	while (**at == ' ')
		(*at)++;
	if (strncasecmp(*at, word, length) != 0)
		return false;
	*at += length;
	return true;
}

/* "(`a`, `b`)" */
static int
take_names(const char **at, Arena *arena, const char ***names)
{
	int count = 0;
	const char *name;

	*names = NULL;
	if (!take_word(at, "("))
		return 0;
	while ((name = take_name(at, arena)) != NULL)
	{
		*names = grow(arena, *names, count, sizeof(char *));
		(*names)[count++] = name;
	}
	return take_word(at, ")") ? count : 0;
}

bool
my_parse_foreign_key(const char *line, const MyTable *table, Arena *arena, MyForeignKey *key)
{
	int to_count;
	size_t length;

	*key = (MyForeignKey){.table = table};
	if (!take_word(&line, "CONSTRAINT ") || (key->name = take_name(&line, arena)) == NULL ||
		!take_word(&line, "FOREIGN KEY "))
		return false;
	key->column_count = take_names(&line, arena, &key->columns);
	if (!take_word(&line, "REFERENCES ") || (key->to_table = take_name(&line, arena)) == NULL)
		return false;
	if (take_word(&line, "."))
	{
		key->to_schema = key->to_table;
		key->to_table = take_name(&line, arena);
	}
	to_count = take_names(&line, arena, &key->to_columns);
	while (*line == ' ')
		line++;
	length = strcspn(line, ",\r\n");
	key->actions = arena_strndup(arena, line, length);
	return key->column_count > 0 && to_count == key->column_count && key->to_table != NULL;
}

static void
add_check(Loading *loading, const MyTable *table, const char *name, const char *clause, bool is_enforced)
{
	MySchema *schema = loading->schema;

	schema->checks = grow(loading->arena, schema->checks, schema->check_count, sizeof(MyCheck));
	schema->checks[schema->check_count++] = (MyCheck){table, keep(loading, name), clause, is_enforced};
}

/* Of MySQL, with a comment behind it where it is not enforced; MariaDB's come from information_schema, which has those of columns too. */
static void
read_check(Loading *loading, const char *line, const MyTable *table)
{
	const char *name;
	const char *start;
	const char *end = line + strlen(line);
	const char *mark;

	if (!take_word(&line, "CONSTRAINT ") || (name = take_name(&line, loading->arena)) == NULL ||
		!take_word(&line, "CHECK "))
		return;
	mark = strstr(line, " /*!80016 NOT ENFORCED */");
	if (mark != NULL)
		end = mark;
	start = strchr(line, '(');
	while (end > line && end[-1] != ')')
		end--;
	if (start == NULL || end - start < 2)
		return;
	add_check(loading, table, name, arena_strndup(loading->arena, start + 1, (size_t) (end - start - 2)), mark == NULL);
}

static bool
load_constraints_of(Loading *loading, const MyTable *table, Error *err)
{
	MySchema *schema = loading->schema;
	bool is_mariadb = my_server(loading->conn)->is_mariadb;
	StrBuf sql = STRBUF_INIT;
	MYSQL_RES *result;
	MYSQL_ROW row;
	bool ok;

	strbuf_append(&sql, "SHOW CREATE TABLE ");
	my_quote_identifier(&sql, loading->database);
	strbuf_append_char(&sql, '.');
	my_quote_identifier(&sql, table->name);
	ok = my_query(loading->conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	row = mysql_fetch_row(result);
	/* One item a line; a line feed within one is written as an escape, so that none of it looks like a constraint. */
	for (char *line = row != NULL ? row[1] : NULL, *next; line != NULL; line = next)
	{
		MyForeignKey key;

		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (my_parse_foreign_key(line, table, loading->arena, &key))
		{
			schema->foreign_keys =
				grow(loading->arena, schema->foreign_keys, schema->foreign_key_count, sizeof(MyForeignKey));
			schema->foreign_keys[schema->foreign_key_count++] = key;
		}
		else if (!is_mariadb)
			read_check(loading, line, table);
	}
	mysql_free_result(result);
	return true;
}

static bool
load_constraints(Loading *loading, Error *err)
{
	for (int i = 0; i < loading->catalog->count; i++)
		if (!load_constraints_of(loading, &loading->catalog->tables[i], err))
			return false;
	return true;
}

/* The check that makes a column json is its type. */
static bool
is_type_check(const MyTable *table, const char *name, const char *clause)
{
	const MyColumn *column = my_table_column(table, name);

	return column != NULL && column->type == MY_JSON && strncmp(clause, "json_valid(", strlen("json_valid(")) == 0;
}

static bool
load_mariadb_checks(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
		" WHERE CONSTRAINT_SCHEMA = %s ORDER BY CAST(TABLE_NAME AS BINARY), CONSTRAINT_NAME";
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (!my_server(loading->conn)->is_mariadb)
		return true;
	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		const MyTable *table = my_catalog_find(loading->catalog, row[0]);

		if (table != NULL && !is_type_check(table, row[1], row[2]))
			add_check(loading, table, row[1], keep(loading, row[2]), true);
	}
	mysql_free_result(result);
	return true;
}

/* Partitions */

static bool
load_partitions(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT TABLE_NAME, PARTITION_METHOD, COALESCE(PARTITION_EXPRESSION, ''), SUBPARTITION_METHOD IS NOT NULL,"
		" PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"
		" WHERE TABLE_SCHEMA = %s AND PARTITION_NAME IS NOT NULL AND COALESCE(SUBPARTITION_ORDINAL_POSITION, 1) = 1"
		" ORDER BY CAST(TABLE_NAME AS BINARY), PARTITION_ORDINAL_POSITION";
	MySchema *schema = loading->schema;
	MYSQL_RES *result;
	MYSQL_ROW row;
	MyPartitioning *of = NULL;

	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		const MyTable *table = my_catalog_find(loading->catalog, row[0]);

		if (table == NULL || row[1] == NULL)
			continue;
		if (of == NULL || of->table != table)
		{
			schema->partitionings =
				grow(loading->arena, schema->partitionings, schema->partitioning_count, sizeof(MyPartitioning));
			of = &schema->partitionings[schema->partitioning_count++];
			*of =
				(MyPartitioning){.table = table, .method = keep(loading, row[1]), .expression = keep(loading, row[2])};
			of->has_subpartitions = row[3][0] == '1';
		}
		of->partitions = grow(loading->arena, of->partitions, of->count, sizeof(MyPartition));
		of->partitions[of->count++] = (MyPartition){keep(loading, row[4]), keep(loading, row[5])};
	}
	mysql_free_result(result);
	return true;
}

static bool
load_objects(Loading *loading, Error *err)
{
	static const char sql[] =
		"SELECT LOWER(TABLE_TYPE), TABLE_NAME, NULL FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('VIEW', 'SEQUENCE')"
		" UNION ALL SELECT 'trigger', TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"
		" UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME, NULL FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
		" UNION ALL SELECT 'event', EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s ORDER BY 1, 2";
	MySchema *schema = loading->schema;
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (!query(loading, sql, &result, err))
		return false;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		schema->objects = grow(loading->arena, schema->objects, schema->object_count, sizeof(MyObject));
		schema->objects[schema->object_count++] =
			(MyObject){keep(loading, row[0]), keep(loading, row[1]), keep(loading, row[2])};
	}
	mysql_free_result(result);
	return true;
}

bool
my_schema_load(MyConn *conn, const char *database, const MyCatalog *catalog, Arena *arena, MySchema *schema, Error *err)
{
	Loading loading = {conn, database, catalog, arena, schema};

	*schema = (MySchema){0};
	return load_indexes(&loading, err) && load_constraints(&loading, err) && load_mariadb_checks(&loading, err) &&
		   load_partitions(&loading, err) && load_objects(&loading, err);
}
