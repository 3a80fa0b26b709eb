/*
 * tables.c
 *		The items of a run, seen by table and by group of tables.
 *
 * A group is a target table with everything that is copied into it.  Where a source table goes into a partitioned table, any
 * partition of that may get its rows; then all that goes into its tree is one group.
 */
#include "copy/copy_private.h"

#include <string.h>

const char *
copy_quoted_name(Arena *arena, const char *schema, const char *name)
{
	StrBuf text = STRBUF_INIT;
	const char *copy;

	pg_quote_qualified(&text, schema, name);
	copy = arena_strdup(arena, strbuf_text(&text));
	strbuf_free(&text);
	return copy;
}

static bool
resolve_table(CopyRun *run, CopyTable *table, Error *err)
{
	const CopyRunOptions *options = run->options;
	StrBuf list = STRBUF_INIT;
	StrBuf missing = STRBUF_INIT;
	bool ok = true;

	table->source = pg_catalog_find(options->source, table->schema, table->name);
	table->target = pg_catalog_target_of(options->target, options->target_schema, table->schema, table->name,
										 table->source ? table->source->root_schema : NULL,
										 table->source ? table->source->root_name : NULL);
	table->title = copy_quoted_name(run->arena, table->schema, table->name);
	if (table->target)
		table->target_title = copy_quoted_name(run->arena, table->target->schema, table->target->name);
	if (!table->source)
		return true;
	if (!table->target)
	{
		error_set(err, ERROR_PREFLIGHT, "the target has no table %s", table->title);
		return error_hint(err, "create it there (dbsync schema), or leave it out: exclude_tables");
	}
	copy_column_list(table->source, table->target, &list, &missing);
	if (missing.length > 0)
	{
		error_set(err, ERROR_PREFLIGHT, "target table %s lacks columns: %s", table->target_title,
				  strbuf_text(&missing));
		error_hint(err, "add them there (ALTER TABLE ... ADD COLUMN), or leave the table out: exclude_tables");
		ok = false;
	}
	table->columns = arena_strdup(run->arena, strbuf_text(&list));
	table->is_binary = ok && options->format == COPY_FORMAT_AUTO && list.length > 0 &&
		copy_can_be_binary(table->source, table->target);
	strbuf_free(&list);
	strbuf_free(&missing);
	return ok;
}

static const char *
root_of(CopyRun *run, const PgTable *target)
{
	if (target->is_partition && target->root_name)
		return copy_quoted_name(run->arena, target->root_schema, target->root_name);
	return copy_quoted_name(run->arena, target->schema, target->name);
}

static void
build_groups(CopyRun *run)
{
	HashMap *shared_trees = hash_new();
	HashMap *by_key = hash_new();

	run->groups = arena_zalloc(run->arena, (size_t) (run->table_count + 1) * sizeof(CopyGroup));
	for (int i = 0; i < run->table_count; i++)
		if (run->tables[i].target && run->tables[i].target->kind == 'p')
			hash_put_text(shared_trees, root_of(run, run->tables[i].target), run);
	for (int i = 0; i < run->table_count; i++)
	{
		CopyTable *table = &run->tables[i];
		const char *key;

		/* A table that is gone from both sides has nothing to share. */
		key = table->target ? root_of(run, table->target) : NULL;
		if (key && !hash_get_text(shared_trees, key))
			key = table->target_title;
		table->group = key ? hash_get_text(by_key, key) : NULL;
		if (!table->group)
		{
			table->group = &run->groups[run->group_count++];
			if (key)
				hash_put_text(by_key, key, table->group);
		}
		table->group->table_count++;
	}
	hash_free(shared_trees, NULL);
	hash_free(by_key, NULL);
}

bool
copy_tables_build(CopyRun *run, Error *err)
{
	HashMap *by_name = hash_new();
	bool ok = true;

	run->tables = arena_zalloc(run->arena, (size_t) (run->count + 1) * sizeof(CopyTable));
	run->table_of = arena_zalloc(run->arena, (size_t) (run->count + 1) * sizeof(CopyTable *));
	for (int i = 0; i < run->count && ok; i++)
	{
		const char *key = copy_quoted_name(run->arena, run->items[i].schema, run->items[i].table);
		CopyTable *table = hash_get_text(by_name, key);

		if (!table)
		{
			table = &run->tables[run->table_count++];
			table->schema = run->items[i].schema;
			table->name = run->items[i].table;
			hash_put_text(by_name, key, table);
			ok = resolve_table(run, table, err);
		}
		run->table_of[i] = table;
	}
	hash_free(by_name, NULL);
	if (ok)
		build_groups(run);
	return ok;
}
