/*
 * truncate.c
 *		TRUNCATE of the source's list of tables, as one TRUNCATE on the target.
 *
 * The source's list already holds what its CASCADE reached, so none is asked for here: a table that only the target has must not be
 * emptied in passing.  Nor may a partition's TRUNCATE empty a target table that holds the whole tree's rows.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <string.h>

static bool
is_root_listed(const Change *change, const Relation *leaf)
{
	for (int i = 0; i < change->relation_count; i++)
	{
		const Relation *relation = change->relations[i];

		if (leaf->root_schema != NULL && strcmp(relation->schema, leaf->root_schema) == 0 && strcmp(relation->table, leaf->root_table) == 0)
			return true;
	}
	return false;
}

static bool
is_listed_before(const Change *change, int index, const TargetTable *table)
{
	for (int i = 0; i < index; i++)
	{
		const TargetTable *other = change->relations[i]->applier_data;

		if (other != NULL && other->name != NULL && !other->is_root && strcmp(other->name, table->name) == 0)
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
append_tables(Applier *applier, const ChangeContext *context, StrBuf *sql, int *count, Error *err)
{
	const Change *change = context->change;

	*count = 0;
	for (int i = 0; i < change->relation_count; i++)
	{
		TargetTable *table;

		if (!feed_table(applier, change->relations[i], &table, err))
			return err->kind == ERROR_FAILED && err->sqlstate[0] == '\0' ? conflict_context(applier, change, context->use->part, err) : false;
		if (!table->is_wanted || applier->commit_lsn < table->snapshot_lsn)
			continue;
		if (table->is_root)
		{
			if (is_root_listed(change, change->relations[i]))
				continue;
			leaf_of_whole(table, err);
			return conflict_context(applier, change, context->use->part, err);
		}
		if (is_listed_before(change, i, table))
			continue;
		strbuf_append(sql, *count == 0 ? "TRUNCATE " : ", ");
		if (table->table->kind != 'p')
			strbuf_append(sql, "ONLY ");
		strbuf_append(sql, table->name);
		(*count)++;
	}
	return true;
}

bool
truncate_send(Applier *applier, const ChangeContext *context, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CHANGE, .any_count = true, .is_proven = true, .use = context->use, .offset = context->offset, .length = context->length};
	StrBuf		sql = STRBUF_INIT;
	int			count;
	bool		ok = append_tables(applier, context, &sql, &count, err);

	if (ok && count > 0)
	{
		strbuf_append(&sql, (context->change->truncate_flags & TRUNCATE_RESTART_IDENTITY) != 0 ? " RESTART IDENTITY" : " CONTINUE IDENTITY");
		ok = applier_begin(applier, err) && pipeline_query(applier->pipeline, strbuf_text(&sql), 0, NULL, &note, err);
	}
	strbuf_free(&sql);
	return ok;
}
