/*
 * plan.c
 *		From the catalogues of both sides to the list of copy items.
 */
#include "copy/copy_private.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BLOCK_BYTES 8192

/* Before it a condition on ctid ranges reads the whole table. */
#define TID_RANGE_SCAN_VERSION 140000

void
copy_column_list(const PgTable *source, const PgTable *target, StrBuf *list, StrBuf *missing)
{
	for (int i = 0; i < source->column_count; i++)
	{
		const PgColumn *from = &source->columns[i];
		const PgColumn *to;

		if (from->generated)
			continue;
		to = pg_table_column(target, from->name);
		if (!to)
		{
			strbuf_append(missing, missing->length > 0 ? ", " : "");
			pg_quote_identifier(missing, from->name);
			strbuf_printf(missing, " %s", from->type);
		}
		else if (!to->generated)
		{
			strbuf_append(list, list->length > 0 ? ", " : "");
			pg_quote_identifier(list, from->name);
		}
	}
}

/* What the target lacks, gathered over all tables so that one look tells all. */
typedef struct Lacking
{
	StrBuf tables;
	StrBuf columns;
	StrBuf mend; /* for the columns */
} Lacking;

static void
check_target(const PgTable *source, const PgTable *target, Lacking *lacking)
{
	StrBuf list = STRBUF_INIT;
	StrBuf missing = STRBUF_INIT;

	if (!target)
	{
		strbuf_append(&lacking->tables, lacking->tables.length > 0 ? ", " : "");
		pg_quote_qualified(&lacking->tables, source->schema, source->name);
		return;
	}
	copy_column_list(source, target, &list, &missing);
	if (missing.length > 0)
	{
		strbuf_append(&lacking->columns, lacking->columns.length > 0 ? "; " : "");
		pg_quote_qualified(&lacking->columns, target->schema, target->name);
		strbuf_printf(&lacking->columns, ": %s", strbuf_text(&missing));
		strbuf_append(&lacking->mend, lacking->mend.length > 0 ? " " : "");
		for (int i = 0; i < source->column_count; i++)
		{
			const PgColumn *column = &source->columns[i];

			if (column->generated || pg_table_column(target, column->name))
				continue;
			strbuf_append(&lacking->mend, "ALTER TABLE ");
			pg_quote_qualified(&lacking->mend, target->schema, target->name);
			strbuf_append(&lacking->mend, " ADD COLUMN ");
			pg_quote_identifier(&lacking->mend, column->name);
			strbuf_printf(&lacking->mend, " %s; ", column->type);
		}
	}
	strbuf_free(&list);
	strbuf_free(&missing);
}

static bool
report_lacking(const Lacking *lacking, Error *err)
{
	if (lacking->tables.length > 0 && lacking->columns.length > 0)
	{
		error_set(err, ERROR_PREFLIGHT, "the target has no table %s, and lacks columns: %s",
				  strbuf_text(&lacking->tables), strbuf_text(&lacking->columns));
		return error_hint(err, "create them there (dbsync schema; %s), or leave the tables out: exclude_tables",
						  strbuf_text(&lacking->mend));
	}
	if (lacking->tables.length > 0)
	{
		error_set(err, ERROR_PREFLIGHT, "the target has no table %s", strbuf_text(&lacking->tables));
		return error_hint(err, "create it there (dbsync schema), or leave it out: exclude_tables");
	}
	if (lacking->columns.length > 0)
	{
		error_set(err, ERROR_PREFLIGHT, "the target lacks columns: %s", strbuf_text(&lacking->columns));
		return error_hint(err, "on the target: %s or leave the table out: exclude_tables", strbuf_text(&lacking->mend));
	}
	return true;
}

/* By the whole size, TOAST included: what a range weighs is what it takes to copy it. */
static int
chunk_count_of(const CopyPlanOptions *options, const PgTable *table)
{
	int64_t count;

	if (options->split_bytes <= 0 || !table->is_heap || options->source_version < TID_RANGE_SCAN_VERSION)
		return 1;
	count = (table->size_bytes + options->split_bytes - 1) / options->split_bytes;
	if (count > 1 && options->jobs > 1)
		count = (count + options->jobs - 1) / options->jobs * options->jobs;
	if (count > table->heap_blocks)
		count = table->heap_blocks;
	return count < 1 ? 1 : count > INT32_MAX ? INT32_MAX : (int) count;
}

static int
compare_sizes(const void *a, const void *b)
{
	const PgTable *left = *(const PgTable *const *) a;
	const PgTable *right = *(const PgTable *const *) b;
	int order;

	if (left->size_bytes != right->size_bytes)
		return left->size_bytes < right->size_bytes ? 1 : -1;
	order = strcmp(left->schema, right->schema);
	return order ? order : strcmp(left->name, right->name);
}

static void
add_items(const PgTable *table, int chunk_count, Arena *arena, CopyItem *items)
{
	const char *schema = arena_strdup(arena, table->schema);
	const char *name = arena_strdup(arena, table->name);

	for (int chunk = 0; chunk < chunk_count; chunk++)
	{
		CopyItem *item = &items[chunk];

		memset(item, 0, sizeof(*item));
		item->schema = schema;
		item->table = name;
		item->chunk = chunk;
		item->chunk_count = chunk_count;
		/* The table may have grown since: the last range is open. */
		item->first_block = (uint32_t) (table->heap_blocks * chunk / chunk_count);
		item->last_block = chunk + 1 < chunk_count ? (uint32_t) (table->heap_blocks * (chunk + 1) / chunk_count) : 0;
		item->phase = COPY_PENDING;
		item->estimated_bytes = table->size_bytes / chunk_count;
		item->estimated_rows = table->rows_estimated < 0 ? -1 : (int64_t) (table->rows_estimated / chunk_count);
	}
}

bool
copy_plan(const CopyPlanOptions *options, const PgCatalog *source, const PgCatalog *target, Arena *arena,
		  CopyItem **items, int *count, Error *err)
{
	CopyPlanOptions plan = *options;
	Lacking lacking = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT};
	const PgTable **tables = mem_alloc((size_t) (source->count > 0 ? source->count : 1) * sizeof(PgTable *));
	int table_count = 0;
	int64_t item_count = 0;
	bool ok;

	if (plan.block_bytes <= 0)
		plan.block_bytes = DEFAULT_BLOCK_BYTES;
	if (plan.split_bytes > 0 && plan.split_bytes < plan.block_bytes)
		plan.split_bytes = plan.block_bytes;
	for (int i = 0; i < source->count; i++)
	{
		const PgTable *table = &source->tables[i];

		if (table->kind != 'r')
			continue;
		check_target(table,
					 pg_catalog_target_of(target, plan.target_schema, table->schema, table->name, table->root_schema,
										  table->root_name),
					 &lacking);
		tables[table_count++] = table;
		item_count += chunk_count_of(&plan, table);
	}
	ok = report_lacking(&lacking, err);
	if (ok && item_count > INT32_MAX)
		ok = error_set(err, ERROR_USAGE, "split_bytes is too small: the tables would be cut into %lld ranges",
					   (long long) item_count);
	if (ok)
	{
		qsort(tables, (size_t) table_count, sizeof(PgTable *), compare_sizes);
		*items = arena_alloc(arena, (size_t) (item_count > 0 ? item_count : 1) * sizeof(CopyItem));
		*count = 0;
		for (int i = 0; i < table_count; i++)
		{
			int chunk_count = chunk_count_of(&plan, tables[i]);

			add_items(tables[i], chunk_count, arena, *items + *count);
			*count += chunk_count;
		}
	}
	free(tables);
	strbuf_free(&lacking.tables);
	strbuf_free(&lacking.columns);
	strbuf_free(&lacking.mend);
	return ok;
}
