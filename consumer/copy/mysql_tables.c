/*
 * mysql_tables.c
 *		The tables of a MySQL source in the shape that plan.c, tables.c and prepare.c know, so that those serve both kinds of source.
 */
#include "copy/mysql_private.h"

#include "mysql/my_name.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* plan.c cuts by blocks, and no server older than this; for us a block is a row. */
#define CUTTING_VERSION 140000

static void
build_columns(const MySourceConfig *config, const MyCopyTable *from, const PgTable *target, Arena *arena, PgTable *table)
{
	const MyColumn *columns = from->query && from->query->select ? from->result_columns : from->source->columns;
	int count = from->query && from->query->select ? from->result_count : from->source->column_count;

	table->columns = arena_zalloc(arena, sizeof(PgColumn) * (size_t) (count + 1));
	for (int i = 0; i < count; i++)
	{
		PgColumn *column = &table->columns[table->column_count];

		column->name = my_target_name(config, arena, columns[i].name);
		column->number = i;
		column->type = column->type_bare = columns[i].type_text;
		/* What the target computes itself, or does not want, is left to it; as an ordinary column it gets the values. */
		if (columns[i].is_generated)
		{
			const PgColumn *to = target ? pg_table_column(target, column->name) : NULL;

			if (!to || to->generated)
				continue;
		}
		table->column_count++;
	}
	memset(&table->columns[table->column_count], 0, sizeof(PgColumn));
}

static bool
check_names(const PgCatalog *catalog, Error *err)
{
	for (int i = 1; i < catalog->count; i++)
		if (strcmp(catalog->tables[i].name, catalog->tables[i - 1].name) == 0)
		{
			error_set(err, ERROR_PREFLIGHT, "two tables of the source are called %s in lower case", catalog->tables[i].name);
			return error_hint(err, "leave one of them out (exclude_tables), or set lower_names = off");
		}
	return true;
}

bool
mysql_tables_build(const MyCopySource *source, MyCopyTable *tables, const PgCatalog *target, const char *target_schema, Arena *arena,
				   PgCatalog *catalog, Error *err)
{
	const MyCatalog *from = source->catalog;

	memset(catalog, 0, sizeof(*catalog));
	catalog->tables = arena_zalloc(arena, sizeof(PgTable) * (size_t) (from->count + 1));
	for (int i = 0; i < from->count; i++)
	{
		const MyTable *table = &from->tables[i];
		PgTable *to;

		if (source->queries && !tables[i].query)
			continue;
		to = &catalog->tables[catalog->count++];
		to->oid = (uint32_t) i + 1;
		to->schema = my_target_name(source->config, arena, table->schema);
		to->name = my_target_name(source->config, arena, table->name);
		to->kind = 'r';
		to->persistence = 'p';
		to->can_select = true;
		to->size_bytes = table->estimated_bytes;
		to->rows_estimated = table->estimated_rows;
		to->is_heap = mysql_ranges_possible(table) && !(tables[i].query && tables[i].query->select);
		to->heap_blocks = table->estimated_rows < INT32_MAX ? table->estimated_rows : INT32_MAX;
		build_columns(source->config, &tables[i],
					  pg_catalog_target_of(target, target_schema, to->schema, to->name, NULL, NULL), arena, to);
	}
	pg_catalog_index(catalog);
	return check_names(catalog, err);
}

static bool
is_number(const MyColumn *column)
{
	/* Into text, say: then its form matters. */
	if (column->target_type != NULL)
		return false;
	switch (column->type)
	{
		case MY_SMALLINT:
		case MY_MEDIUMINT:
		case MY_INT:
		case MY_BIGINT:
		case MY_DECIMAL:
		case MY_DOUBLE:
		case MY_FLOAT:
			return true;
		default:
			return false;
	}
}

static int
find_column(const MyCopyTable *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcasecmp(table->columns[i].column->name, name) == 0)
			return i;
	return -1;
}

/* In step with copy_column_list(). */
void
mysql_tables_match(MyCopyTable *table, const CopyTable *to, Arena *arena)
{
	const MyColumn *columns = table->query && table->query->select ? table->result_columns : table->source->columns;
	const MyTable *source = table->source;

	table->columns = arena_zalloc(arena, sizeof(MyCopyColumn) * (size_t) (to->source->column_count + 1));
	table->column_count = 0;
	for (int i = 0; i < to->source->column_count; i++)
	{
		const PgColumn *from = &to->source->columns[i];
		const PgColumn *target = pg_table_column(to->target, from->name);
		MyCopyColumn *column = &table->columns[table->column_count];

		if (!target || target->generated)
			continue;
		column->column = &columns[from->number];
		column->name = target->name;
		column->is_number = is_number(column->column);
		table->column_count++;
	}
	table->key = arena_zalloc(arena, sizeof(int) * (size_t) (source->key_count + 1));
	table->key_count = 0;
	for (int i = 0; i < source->key_count; i++)
	{
		int found = find_column(table, source->columns[source->key_columns[i]].name);

		if (found >= 0)
			table->key[table->key_count++] = found;
	}
}

/* Tables without transactions first: writers wait for them. */
static bool
has_transactions(const MyCopySource *source, const CopyItem *item)
{
	for (int i = 0; i < source->catalog->count; i++)
	{
		const MyTable *table = &source->catalog->tables[i];

		if (strcasecmp(table->name, item->table) == 0)
			return !table->engine || strcasecmp(table->engine, "InnoDB") == 0 || strcasecmp(table->engine, "ROCKSDB") == 0;
	}
	return true;
}

static void
sort_items(const MyCopySource *source, CopyItem *items, int count)
{
	CopyItem *sorted = mem_alloc(sizeof(CopyItem) * (size_t) (count + 1));
	int filled = 0;

	for (int with = 0; with < 2; with++)
		for (int i = 0; i < count; i++)
			if (has_transactions(source, &items[i]) == (with != 0))
				sorted[filled++] = items[i];
	memcpy(items, sorted, sizeof(CopyItem) * (size_t) count);
	free(sorted);
}

/* Those of the file that the source has not. */
static bool
check_queries(const MyCopySource *source, Error *err)
{
	for (int i = 0; source->queries && i < source->queries->count; i++)
	{
		const MyCopyQuery *query = &source->queries->queries[i];

		if (!my_catalog_find(source->catalog, query->table))
		{
			error_set(err, ERROR_PREFLIGHT, "%s:%d: the source has no table %s, or it is not wanted", source->queries->path,
					  query->line, query->table);
			return error_hint(err, "names are those of the source, case included; see also include_tables and exclude_tables");
		}
	}
	return true;
}

bool
mysql_copy_plan(const CopyPlanOptions *options, const MyCopySource *source, const PgCatalog *target, Arena *arena, CopyItem **items,
				int *count, Error *err)
{
	CopyPlanOptions plan = *options;
	MyCopyTable *tables = arena_zalloc(arena, sizeof(MyCopyTable) * (size_t) (source->catalog->count + 1));
	PgCatalog catalog;
	bool ok;

	if (!check_queries(source, err))
		return false;
	for (int i = 0; i < source->catalog->count; i++)
	{
		tables[i].source = &source->catalog->tables[i];
		tables[i].query = mysql_queries_find(source->queries, tables[i].source->name);
	}
	plan.source_version = CUTTING_VERSION;
	plan.block_bytes = 1;
	ok = mysql_tables_build(source, tables, target, options->target_schema, arena, &catalog, err);
	if (ok && !copy_plan(&plan, &catalog, target, arena, items, count, err))
	{
		/* The words of the types are the source's. */
		ok = false;
		if (err->kind == ERROR_PREFLIGHT)
			error_hint(err, "create them there (dbsync schema; with -d it prints the statements), or leave the tables out: exclude_tables");
	}
	pg_catalog_free(&catalog);
	if (!ok)
		return false;
	for (int i = 0; i < *count; i++)
		(*items)[i].first_block = (*items)[i].last_block = 0;
	sort_items(source, *items, *count);
	return true;
}
