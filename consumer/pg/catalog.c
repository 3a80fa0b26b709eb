/*
 * catalog.c
 *		Tables and columns of a server in three queries: tables, then the columns of those that are wanted, then what "=" means
 *		for their types.
 */
#include "pg/catalog.h"

#include "pg/catalog_sql.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION_LEVELS 64

static const char *
copy_text(Arena *arena, const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column))
		return NULL;
	return arena_strndup(arena, PQgetvalue(result, row, column), (size_t) PQgetlength(result, row, column));
}

static bool
read_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

static char
read_char(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0]; /* '\0' for NULL and for the empty "char" */
}

static uint32_t
read_oid(const PGresult *result, int row, int column)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static int64_t
read_int64(const PGresult *result, int row, int column)
{
	return (int64_t) strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static void
read_table(const PGresult *result, int row, Arena *arena, PgTable *table)
{
	memset(table, 0, sizeof(*table));
	table->oid = read_oid(result, row, TABLE_OID);
	table->schema = copy_text(arena, result, row, TABLE_SCHEMA);
	table->name = copy_text(arena, result, row, TABLE_NAME);
	table->kind = read_char(result, row, TABLE_KIND);
	table->persistence = read_char(result, row, TABLE_PERSISTENCE);
	table->is_heap = read_bool(result, row, TABLE_IS_HEAP);
	table->identity_setting = read_char(result, row, TABLE_IDENTITY_SETTING);
	table->identity_index = copy_text(arena, result, row, TABLE_IDENTITY_INDEX);
	table->identity = table->identity_setting;
	if ((table->identity == 'd' || table->identity == 'i') && !table->identity_index)
		table->identity = 'n';
	table->is_partition = read_bool(result, row, TABLE_IS_PARTITION);
	table->root_schema = copy_text(arena, result, row, TABLE_ROOT_SCHEMA);
	table->root_name = copy_text(arena, result, row, TABLE_ROOT_NAME);
	table->has_inheritance_children = read_bool(result, row, TABLE_HAS_CHILDREN);
	table->row_security = read_bool(result, row, TABLE_ROW_SECURITY);
	table->can_select = read_bool(result, row, TABLE_CAN_SELECT);
	table->can_write = read_bool(result, row, TABLE_CAN_WRITE);
	table->has_triggers = read_bool(result, row, TABLE_HAS_TRIGGERS);
	table->fires_on_insert = read_bool(result, row, TABLE_FIRES_ON_INSERT);
	table->has_origin_triggers = read_bool(result, row, TABLE_HAS_ORIGIN_TRIGGERS);
	table->has_other_unique = read_bool(result, row, TABLE_HAS_OTHER_UNIQUE);
	table->is_referenced = read_bool(result, row, TABLE_IS_REFERENCED);
	table->size_bytes = read_int64(result, row, TABLE_SIZE_BYTES);
	table->heap_blocks = read_int64(result, row, TABLE_HEAP_BLOCKS);
	table->rows_estimated = strtod(PQgetvalue(result, row, TABLE_ROWS_ESTIMATED), NULL);
}

static void
read_column(const PGresult *result, int row, Arena *arena, PgColumn *column)
{
	memset(column, 0, sizeof(*column));
	column->number = atoi(PQgetvalue(result, row, COLUMN_NUMBER));
	column->name = copy_text(arena, result, row, COLUMN_NAME);
	column->type_oid = read_oid(result, row, COLUMN_TYPE_OID);
	column->type = copy_text(arena, result, row, COLUMN_TYPE);
	column->type_bare = copy_text(arena, result, row, COLUMN_TYPE_BARE);
	column->not_null = read_bool(result, row, COLUMN_NOT_NULL);
	column->generated = read_char(result, row, COLUMN_GENERATED_KIND);
	column->has_default = read_bool(result, row, COLUMN_HAS_DEFAULT);
	column->identity = read_char(result, row, COLUMN_IDENTITY_KIND);
	column->identity_position = atoi(PQgetvalue(result, row, COLUMN_IDENTITY_POSITION));
}

/* {1,2,3} of the tables' oids, or of the types'. */
static void
append_oid(StrBuf *array, uint32_t oid)
{
	strbuf_printf(array, "%c%u", array->length == 0 ? '{' : ',', oid);
}

static void
end_array(StrBuf *array)
{
	strbuf_append(array, array->length == 0 ? "{}" : "}");
}

/* Rows come in the order of the tables' oids; so each table's columns are one run of them. */
static bool
load_columns(PgConn *conn, PgCatalog *catalog, HashMap *types, Arena *arena, Error *err)
{
	HashMap *by_oid = hash_new();
	StrBuf oids = STRBUF_INIT;
	const char *values[1];
	PGresult *result = NULL;
	PgTable *table = NULL;
	PgColumn *columns;
	bool ok;

	for (int i = 0; i < catalog->count; i++)
	{
		append_oid(&oids, catalog->tables[i].oid);
		hash_put_number(by_oid, catalog->tables[i].oid, &catalog->tables[i]);
	}
	end_array(&oids);
	values[0] = strbuf_text(&oids);
	ok = pg_exec_params(conn, PG_CATALOG_COLUMNS_SQL, 1, values, &result, err);
	if (ok)
	{
		int count = PQntuples(result);

		columns = arena_alloc(arena, (size_t) (count > 0 ? count : 1) * sizeof(PgColumn));
		for (int row = 0; row < count; row++)
		{
			uint32_t oid = read_oid(result, row, COLUMN_TABLE_OID);

			if (!table || table->oid != oid)
			{
				table = hash_get_number(by_oid, oid);
				if (!table)
					continue; /* cannot be: we asked for these only */
				table->columns = &columns[row];
				table->column_count = 0;
			}
			read_column(result, row, arena, &columns[row]);
			table->column_count++;
			hash_put_number(types, columns[row].type_oid, NULL);
		}
	}
	PQclear(result);
	strbuf_free(&oids);
	hash_free(by_oid, NULL);
	return ok;
}

typedef struct TypeInfo
{
	bool has_equality;
	const char *equality;
} TypeInfo;

static bool
load_types(PgConn *conn, PgCatalog *catalog, HashMap *types, Arena *arena, Error *err)
{
	StrBuf oids = STRBUF_INIT;
	const char *values[1];
	PGresult *result;
	size_t cursor = 0;
	size_t key_length;
	const void *key;
	void *value;
	bool ok;

	while (hash_next(types, &cursor, &key, &key_length, &value))
	{
		uint64_t oid;

		memcpy(&oid, key, sizeof(oid));
		append_oid(&oids, (uint32_t) oid);
	}
	end_array(&oids);
	values[0] = strbuf_text(&oids);
	ok = pg_exec_params(conn, PG_CATALOG_TYPES_SQL, 1, values, &result, err);
	strbuf_free(&oids);
	if (!ok)
		return false;

	for (int row = 0; row < PQntuples(result); row++)
	{
		TypeInfo *info = arena_alloc(arena, sizeof(TypeInfo));

		info->has_equality = read_bool(result, row, TYPE_HAS_EQUALITY);
		info->equality = copy_text(arena, result, row, TYPE_EQUALITY);
		hash_put_number(types, read_oid(result, row, TYPE_OID), info);
	}
	PQclear(result);

	for (int i = 0; i < catalog->count; i++)
	{
		PgTable *table = &catalog->tables[i];

		for (int j = 0; j < table->column_count; j++)
		{
			const TypeInfo *info = hash_get_number(types, table->columns[j].type_oid);

			if (!info)
				continue;
			table->columns[j].has_equality = info->has_equality;
			table->columns[j].equality = info->equality;
		}
	}
	return true;
}

static void
put_key(StrBuf *key, const char *schema, const char *name)
{
	strbuf_reset(key);
	strbuf_append_bytes(key, schema, strlen(schema) + 1);
	strbuf_append(key, name);
}

static int
compare_tables(const void *a, const void *b)
{
	const PgTable *left = a;
	const PgTable *right = b;
	int order = strcmp(left->schema, right->schema);

	return order ? order : strcmp(left->name, right->name);
}

void
pg_catalog_index(PgCatalog *catalog)
{
	StrBuf key = STRBUF_INIT;

	qsort(catalog->tables, (size_t) catalog->count, sizeof(PgTable), compare_tables);
	catalog->by_name = hash_new();
	for (int i = 0; i < catalog->count; i++)
	{
		put_key(&key, catalog->tables[i].schema, catalog->tables[i].name);
		hash_put(catalog->by_name, key.data, key.length, &catalog->tables[i]);
	}
	strbuf_free(&key);
}

/* rows: row number + 1 of each table, by oid. */
static void
read_parents(const PGresult *result, int row, const HashMap *rows, Arena *arena, PgTable *table)
{
	int chain[PARTITION_LEVELS] = {0};

	for (int at = row; table->parent_count < PARTITION_LEVELS && !PQgetisnull(result, at, TABLE_PARENT);)
	{
		at = (int) (intptr_t) hash_get_number(rows, read_oid(result, at, TABLE_PARENT)) - 1;
		if (at < 0)
			break;
		chain[table->parent_count++] = at;
	}
	if (table->parent_count == 0)
		return;
	table->parents = arena_alloc(arena, sizeof(PgTableName) * (size_t) table->parent_count);
	for (int i = 0; i < table->parent_count; i++)
		table->parents[i] = (PgTableName) {copy_text(arena, result, chain[i], TABLE_SCHEMA), copy_text(arena, result, chain[i], TABLE_NAME)};
}

static void
read_tables(const PGresult *result, PgTableFilter filter, void *arg, Arena *arena, PgCatalog *catalog)
{
	HashMap *rows = hash_new();
	int count = PQntuples(result);

	for (int row = 0; row < count; row++)
		hash_put_number(rows, read_oid(result, row, TABLE_OID), (void *) (intptr_t) (row + 1));
	catalog->tables = arena_alloc(arena, (size_t) (count > 0 ? count : 1) * sizeof(PgTable));
	for (int row = 0; row < count; row++)
	{
		PgTable *table = &catalog->tables[catalog->count];

		read_table(result, row, arena, table);
		read_parents(result, row, rows, arena, table);
		if (!filter || filter(table, arg))
			catalog->count++;
	}
	hash_free(rows, NULL);
}

static bool
load(PgConn *conn, const char *schema, const char *name, PgTableFilter filter, void *arg, Arena *arena,
	 PgCatalog *catalog, Error *err)
{
	const char *values[2];
	PGresult *result;
	HashMap *types;
	bool ok;

	memset(catalog, 0, sizeof(*catalog));
	values[0] = schema;
	values[1] = name;
	if (!pg_exec_params(conn, PG_CATALOG_TABLES_SQL, 2, values, &result, err))
		return error_context(err, "cannot read the tables");

	read_tables(result, filter, arg, arena, catalog);
	PQclear(result);
	pg_catalog_index(catalog);

	types = hash_new();
	ok = catalog->count == 0 ||
		(load_columns(conn, catalog, types, arena, err) && load_types(conn, catalog, types, arena, err));
	hash_free(types, NULL);
	if (!ok)
	{
		pg_catalog_free(catalog);
		return error_context(err, "cannot read the columns");
	}
	return true;
}

bool
pg_catalog_load(PgConn *conn, PgTableFilter filter, void *arg, Arena *arena, PgCatalog *catalog, Error *err)
{
	return load(conn, NULL, NULL, filter, arg, arena, catalog, err);
}

void
pg_catalog_free(PgCatalog *catalog)
{
	hash_free(catalog->by_name, NULL);
	catalog->by_name = NULL;
	catalog->count = 0;
}

PgTable *
pg_catalog_find(const PgCatalog *catalog, const char *schema, const char *name)
{
	StrBuf key = STRBUF_INIT;
	PgTable *table;

	if (!catalog->by_name)
		return NULL;
	put_key(&key, schema, name);
	table = hash_get(catalog->by_name, key.data, key.length);
	strbuf_free(&key);
	return table;
}

PgColumn *
pg_table_column(const PgTable *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

bool
pg_catalog_load_table(PgConn *conn, const char *schema, const char *name, Arena *arena, PgTable **table, Error *err)
{
	PgCatalog catalog;

	*table = NULL;
	if (!load(conn, schema, name, NULL, NULL, arena, &catalog, err))
		return false;
	if (catalog.count > 0)
		*table = catalog.tables; /* the arena's, as all of it but the hash */
	pg_catalog_free(&catalog);
	return true;
}

PgTable *
pg_catalog_target_of(const PgCatalog *target, const char *target_schema, const char *schema, const char *name,
					 const char *root_schema, const char *root_name)
{
	PgTable *table = pg_catalog_find(target, target_schema ? target_schema : schema, name);

	if (!table && root_name)
		table = pg_catalog_find(target, target_schema ? target_schema : root_schema, root_name);
	return table;
}
