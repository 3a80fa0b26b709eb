/*
 * links.c
 *		Groups of tables that foreign keys of the target connect, where such a key changes rows by itself and acts for rows of dbsync.
 *
 * The applier passes over changes of a table that its copy has.  If the copy of a parent is younger than that of its child, a DELETE of the parent
 * between the two is passed over, and with it what the key would do to the child; a MySQL source does not log that.  If it is older, a
 * DELETE that is applied takes children along that were inserted later and are in the child's copy.  So all of them must be of one snapshot.
 */
#include "copy/copy_private.h"

#include "base/hash.h"

/* $1: states in which a trigger fires for rows of dbsync.  A key to the table itself connects nothing. */
static const char links_sql[] =
	"SELECT DISTINCT cn.nspname, c.relname, pn.nspname, p.relname"
	" FROM pg_catalog.pg_constraint f"
	" JOIN pg_catalog.pg_trigger t ON t.tgconstraint = f.oid AND t.tgrelid = f.confrelid"
	" JOIN pg_catalog.pg_class c ON c.oid = f.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace"
	" JOIN pg_catalog.pg_class p ON p.oid = f.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace"
	" WHERE f.contype = 'f' AND (f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd'))"
	" AND f.conrelid <> f.confrelid AND pg_catalog.strpos($1, t.tgenabled::pg_catalog.text) > 0";

/* A table of the target that such a key has at one of its ends. */
typedef struct End
{
	CopyGroup *group; /* NULL: nothing is copied into it */
} End;

CopyGroup *
copy_group_chief(CopyGroup *group)
{
	while (group->linked)
	{
		if (group->linked->linked)
			group->linked = group->linked->linked;
		group = group->linked;
	}
	return group;
}

static void
link_groups(CopyGroup *a, CopyGroup *b)
{
	a = copy_group_chief(a);
	b = copy_group_chief(b);
	if (a != b)
		b->linked = a;
}

static End *
end_of(CopyRun *run, HashMap *ends, const char *schema, const char *name)
{
	const char *key = copy_quoted_name(run->arena, schema, name);
	End *end = hash_get_text(ends, key);

	if (!end)
	{
		end = arena_zalloc(run->arena, sizeof(End));
		hash_put_text(ends, key, end);
	}
	return end;
}

static void
reach_end(HashMap *ends, const char *key, CopyGroup *group)
{
	End *end = hash_get_text(ends, key);

	if (!end)
		return;
	if (end->group)
		link_groups(end->group, group);
	else
		end->group = group;
}

bool
copy_links_find(CopyRun *run, PgConn *target, Error *err)
{
	const char *values[1] = {pg_replica_role(target) ? "AR" : "AO"};
	HashMap *ends;
	PGresult *result;
	int count;

	if (!pg_exec_params(target, links_sql, 1, values, &result, err))
		return error_context(err, "cannot read the foreign keys of the target");
	ends = hash_new();
	count = PQntuples(result);
	for (int i = 0; i < count; i++)
	{
		end_of(run, ends, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
		end_of(run, ends, PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));
	}
	/* The key of a partitioned table is that of its partitions.  What is gone from the source could not be copied again. */
	for (int i = 0; i < run->table_count; i++)
	{
		const CopyTable *table = &run->tables[i];

		if (!table->source || !table->target)
			continue;
		reach_end(ends, table->target_title, table->group);
		if (table->target->is_partition && table->target->root_name)
			reach_end(ends, copy_quoted_name(run->arena, table->target->root_schema, table->target->root_name), table->group);
	}
	for (int i = 0; i < count; i++)
	{
		const End *child = end_of(run, ends, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
		const End *parent = end_of(run, ends, PQgetvalue(result, i, 2), PQgetvalue(result, i, 3));

		if (child->group && parent->group)
			link_groups(child->group, parent->group);
	}
	hash_free(ends, NULL);
	PQclear(result);
	return true;
}
