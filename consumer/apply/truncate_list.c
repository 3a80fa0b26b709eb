/*
 * truncate_list.c
 *		Which tables of the target a TRUNCATE empties.
 *
 * The source lists a partitioned table together with its partitions.  Rows are the partitions' matter: one of them may be excluded, or in a copy
 * that is younger than the TRUNCATE and has what came behind it.  So a root is passed over, and what its partitions have on the target is
 * emptied; a partitioned table of the target goes as a whole where nothing of it is to stay.
 *
 * Where partitions share a table of the target, they are copied from one snapshot, so that it can be emptied or left as a whole.
 */
#include "apply/applier_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_root_of(const Relation *root, const Relation *leaf)
{
	return leaf->root_schema != NULL && strcmp(root->schema, leaf->root_schema) == 0 && strcmp(root->table, leaf->root_table) == 0;
}

static bool
is_root_listed(const Change *change, const Relation *leaf)
{
	for (int i = 0; i < change->relation_count; i++)
	{
		if (is_root_of(change->relations[i], leaf))
			return true;
	}
	return false;
}

static bool
has_leaf_listed(const Change *change, const Relation *root)
{
	for (int i = 0; i < change->relation_count; i++)
	{
		if (is_root_of(root, change->relations[i]))
			return true;
	}
	return false;
}

static bool
leaf_of_whole(const TargetTable *table, Error *err)
{
	const Relation *relation = table->relation;

	error_set(err, ERROR_FAILED, "the source has truncated partition %s.%s, whose rows are in %s on the target together with those of other partitions",
			  relation->schema, relation->table, table->name);
	return error_hint(err, "Delete the partition's rows from %s on the target by hand, then create a table of the partition's name there or exclude it, and start again",
					  table->name);
}

static bool
of_two_snapshots(const TargetTable *table, const TargetTable *younger, Error *err)
{
	const Relation *old = table->relation;
	const Relation *young = younger->relation;

	error_set(err, ERROR_FAILED, "the source has truncated %s.%s, whose rows are in %s on the target together with those of %s.%s, which were copied behind the TRUNCATE",
			  old->schema, old->table, table->name, young->schema, young->table);
	return error_hint(err, "Rows of the two cannot be told apart there: \"dbsync drop\", and a new full sync with existing_rows = truncate");
}

static bool
is_same(const TargetTable *a, const TargetTable *b)
{
	return a->table->oid == b->table->oid;
}

static void
add_table(TruncateList *list, TargetTable *table)
{
	for (int i = 0; i < list->count; i++)
	{
		if (is_same(list->tables[i], table))
			return;
	}
	list->tables[list->count++] = table;
}

static bool
gather(Applier *applier, const ChangeContext *context, TruncateList *list, Error *err)
{
	const Change *change = context->change;

	for (int i = 0; i < change->relation_count; i++)
	{
		TargetTable *table;

		if (has_leaf_listed(change, change->relations[i]))
			continue;
		if (!feed_table(applier, change->relations[i], &table, err))
			return err->kind == ERROR_FAILED && err->sqlstate[0] == '\0' ? conflict_context(applier, change, context->use->part, err) : false;
		if (!table->is_wanted)
			continue;
		if (applier->commit_lsn < table->snapshot_lsn)
			list->younger[list->younger_count++] = table;
		else if (!table->is_root || is_root_listed(change, change->relations[i]))
			add_table(list, table);
		else
		{
			leaf_of_whole(table, err);
			return conflict_context(applier, change, context->use->part, err);
		}
	}
	return true;
}

/*
 * Trees of the target
 */

static void
append_oid(StrBuf *array, const TargetTable *table)
{
	strbuf_printf(array, "%s%u", array->length > 1 ? "," : "", table->table->oid);
}

/* What TRUNCATE is to empty, as an array. */
static void
put_truncated(const TruncateList *list, StrBuf *array)
{
	strbuf_append_char(array, '{');
	for (int i = 0; i < list->count; i++)
	{
		if (!list->by_delete[i])
			append_oid(array, list->tables[i]);
	}
	strbuf_append_char(array, '}');
}

/* First an element of $2 below $1, where there is one. */
#define BELOW_SQL \
	"SELECT u.place FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) t" \
	" JOIN pg_catalog.unnest($2::pg_catalog.oid[]) WITH ORDINALITY u(oid, place) ON u.oid = t.relid" \
	" WHERE t.relid <> $1::pg_catalog.oid ORDER BY 1 LIMIT 1"

static bool
find_below(Applier *applier, const TargetTable *tree, TargetTable *const *tables, int count, const TargetTable **found, Error *err)
{
	char		oid[16];
	StrBuf		array = STRBUF_INIT;
	const char *values[2] = {oid};
	PGresult   *result;
	bool		ok;

	*found = NULL;
	snprintf(oid, sizeof(oid), "%u", tree->table->oid);
	strbuf_append_char(&array, '{');
	for (int i = 0; i < count; i++)
		append_oid(&array, tables[i]);
	strbuf_append_char(&array, '}');
	values[1] = strbuf_text(&array);
	ok = pipeline_finish(applier->pipeline, err) && pg_exec_params(applier->conn, BELOW_SQL, 2, values, &result, err);
	strbuf_free(&array);
	if (!ok)
		return false;
	if (PQntuples(result) > 0)
		*found = tables[atoi(PQgetvalue(result, 0, 0)) - 1];
	PQclear(result);
	return true;
}

/* A table with rows of several partitions: a younger one among them?  Where its copy was made by an earlier release, it may be. */
static bool
find_younger(Applier *applier, const TruncateList *list, const TargetTable *table, const TargetTable **younger, Error *err)
{
	*younger = NULL;
	for (int i = 0; i < list->younger_count; i++)
	{
		if (is_same(list->younger[i], table))
			*younger = list->younger[i];
	}
	if (*younger != NULL || table->table->kind != 'p' || list->younger_count == 0)
		return true;
	return find_below(applier, table, list->younger, list->younger_count, younger, err);
}

/* A partitioned table in the middle of the source's tree has no rows of its own either; the target's tree tells. */
static bool
leave_out_middles(Applier *applier, TruncateList *list, Error *err)
{
	int			count = 0;

	for (int i = 0; i < list->count; i++)
	{
		TargetTable *table = list->tables[i];
		const TargetTable *below = NULL;

		if (table->table->kind == 'p' && !table->is_root && table->relation->root_table != NULL)
		{
			if (!find_below(applier, table, list->younger, list->younger_count, &below, err) ||
				(below == NULL && !find_below(applier, table, list->tables + i + 1, list->count - i - 1, &below, err)) ||
				(below == NULL && !find_below(applier, table, list->tables, count, &below, err)))
				return false;
		}
		if (below == NULL)
			list->tables[count++] = table;
	}
	list->count = count;
	return true;
}

static bool
check_snapshots(Applier *applier, const ChangeContext *context, const TruncateList *list, Error *err)
{
	for (int i = 0; i < list->count; i++)
	{
		const TargetTable *younger;

		if (!find_younger(applier, list, list->tables[i], &younger, err))
			return false;
		if (younger == NULL)
			continue;
		of_two_snapshots(list->tables[i], younger, err);
		return conflict_context(applier, context->change, context->use->part, err);
	}
	return true;
}

/*
 * What TRUNCATE takes
 */

/* $1: tables.  Partitioned tables above them of which no partition is missing. */
#define WHOLE_TREES_SQL \
	"SELECT a.relid FROM (SELECT DISTINCT p.relid FROM pg_catalog.unnest($1::pg_catalog.oid[]) e(oid)" \
	" CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(e.oid::pg_catalog.regclass) p WHERE p.relid <> ALL ($1::pg_catalog.oid[])) a" \
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_partition_tree(a.relid) t WHERE t.isleaf AND NOT EXISTS" \
	"  (SELECT FROM pg_catalog.pg_partition_ancestors(t.relid) b WHERE b.relid = ANY ($1::pg_catalog.oid[])))" \
	" AND pg_catalog.has_table_privilege(a.relid, 'TRUNCATE')"

/* Those of the tables that the server would not truncate, for a key of another that stays. */
#define REFUSED_SQL \
	"WITH whole AS (" WHOLE_TREES_SQL ")" \
	" SELECT DISTINCT f.confrelid FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.confrelid = ANY ($1::pg_catalog.oid[])" \
	" AND f.conrelid <> f.confrelid AND f.conrelid <> ALL ($1::pg_catalog.oid[]) AND f.conrelid NOT IN (SELECT relid FROM whole)"

static bool
ask_of_truncated(Applier *applier, const TruncateList *list, const char *sql, PGresult **result, Error *err)
{
	StrBuf		array = STRBUF_INIT;
	const char *values[1];
	bool		ok;

	put_truncated(list, &array);
	values[0] = strbuf_text(&array);
	ok = applier_begin(applier, err) && pipeline_finish(applier->pipeline, err) && pg_exec_params(applier->conn, sql, 1, values, result, err);
	strbuf_free(&array);
	return ok;
}

static void
mark_deleted(TruncateList *list, const char *oid)
{
	for (int i = 0; i < list->count; i++)
	{
		char		text[16];

		snprintf(text, sizeof(text), "%u", list->tables[i]->table->oid);
		if (strcmp(text, oid) == 0)
			list->by_delete[i] = true;
	}
}

/* One that is not truncated may itself keep another from that.  Asked each time: a plan may be older than a key. */
static bool
find_deleted(Applier *applier, TruncateList *list, Error *err)
{
	int			count;

	do
	{
		PGresult   *result;

		if (!ask_of_truncated(applier, list, REFUSED_SQL, &result, err))
			return false;
		count = PQntuples(result);
		for (int i = 0; i < count; i++)
			mark_deleted(list, PQgetvalue(result, i, 0));
		PQclear(result);
	} while (count > 0);
	return true;
}

bool
truncate_list_build(Applier *applier, const ChangeContext *context, TruncateList *list, Error *err)
{
	size_t		size = (size_t) context->change->relation_count + 1;

	*list = (TruncateList) {
		.tables = arena_alloc(applier->record_arena, size * sizeof(TargetTable *)),
		.younger = arena_alloc(applier->record_arena, size * sizeof(TargetTable *)),
		.by_delete = arena_zalloc(applier->record_arena, size * sizeof(bool)),
	};
	if (!gather(applier, context, list, err) || !leave_out_middles(applier, list, err) || !check_snapshots(applier, context, list, err))
		return false;
	if (list->count == 0 || (!applier->options.truncate_is_alone && list->younger_count == 0))
		return true;
	return find_deleted(applier, list, err);
}

bool
truncate_list_append_trees(Applier *applier, const TruncateList *list, StrBuf *sql, Error *err)
{
	PGresult   *result;
	bool		has_partitions = false;

	for (int i = 0; i < list->count; i++)
		has_partitions = has_partitions || (list->tables[i]->table->is_partition && !list->by_delete[i]);
	if (!has_partitions)
		return true;
	if (!ask_of_truncated(applier, list, "SELECT relid::pg_catalog.regclass FROM (" WHOLE_TREES_SQL ") w", &result, err))
		return false;
	for (int i = 0; i < PQntuples(result); i++)
		strbuf_printf(sql, ", %s", PQgetvalue(result, i, 0));
	PQclear(result);
	return true;
}
