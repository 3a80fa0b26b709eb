/*
 * truncate.c
 *		TRUNCATE of the source's list of tables, as one TRUNCATE on the target.
 *
 * The source's list already holds what its CASCADE reached, so none is asked for here: a table that only the target has must not be
 * emptied in passing.
 *
 * PostgreSQL truncates no table that a foreign key of another one points to, whatever rows that has and whatever keys act.  Where the source does
 * (truncate_is_alone), or the other was in the TRUNCATE but its copy is younger, such a table is emptied by a DELETE, under which keys and
 * triggers must be silent.  Sequences are left as they are then.
 */
#include "apply/applier_private.h"

#include "apply/target_sql.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/*
 * By DELETE
 */

enum
{
	ACTOR_TITLE,
	ACTOR_CONDITION,			/* whether it would do something, if the table has rows */
	ACTOR_DISABLE,
	ACTOR_ENABLE
};

/*
 * What fires when rows of a table go, or would when it is truncated; $1: the table, $2: states in which a trigger fires.  A foreign key finds
 * nothing to do where no row has all of its columns, nor within the table itself, of which all rows go.  tgtype: DELETE is 8, TRUNCATE 32.
 */
#define ACTORS_SQL \
	"WITH tree AS (SELECT $1::pg_catalog.oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass))" \
	" SELECT CASE WHEN f.oid IS NULL THEN pg_catalog.format('trigger %I', t.tgname)" \
	"  ELSE pg_catalog.format('foreign key %I of %s', f.conname, f.conrelid::pg_catalog.regclass) END," \
	" CASE WHEN f.oid IS NULL THEN 'true' ELSE pg_catalog.format('EXISTS (SELECT FROM %s %s WHERE %s)'," \
	"  CASE k.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, f.conrelid::pg_catalog.regclass," \
	"  (SELECT pg_catalog.string_agg(pg_catalog.format('%I IS NOT NULL', a.attname), ' AND ') FROM pg_catalog.pg_attribute a" \
	"   WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey))) END," \
	" pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I;', t.tgrelid::pg_catalog.regclass, t.tgname)," \
	" pg_catalog.format('ALTER TABLE %s ENABLE %sTRIGGER %I;', t.tgrelid::pg_catalog.regclass," \
	"  CASE t.tgenabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END, t.tgname)" \
	" FROM pg_catalog.pg_trigger t LEFT JOIN pg_catalog.pg_constraint f ON f.oid = t.tgconstraint AND f.contype = 'f'" \
	" LEFT JOIN pg_catalog.pg_class k ON k.oid = f.conrelid" \
	" WHERE t.tgrelid IN (SELECT oid FROM tree) AND pg_catalog.strpos($2, t.tgenabled::pg_catalog.text) > 0 AND t.tgtype & 40 <> 0" \
	" AND (f.oid IS NULL OR f.conrelid NOT IN (SELECT oid FROM tree))" \
	" UNION ALL SELECT pg_catalog.format('rule %I', w.rulename), 'true'," \
	" pg_catalog.format('ALTER TABLE %s DISABLE RULE %I;', w.ev_class::pg_catalog.regclass, w.rulename)," \
	" pg_catalog.format('ALTER TABLE %s ENABLE %sRULE %I;', w.ev_class::pg_catalog.regclass," \
	"  CASE w.ev_enabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END, w.rulename)" \
	" FROM pg_catalog.pg_rewrite w WHERE w.ev_class = $1::pg_catalog.oid AND w.ev_type = '4'" \
	" AND pg_catalog.strpos($2, w.ev_enabled::pg_catalog.text) > 0"

static bool
find_actors(Applier *applier, const TargetTable *table, PGresult **actors, Error *err)
{
	char		oid[16];
	const char *values[2] = {oid, pg_replica_role(applier->conn) ? "AR" : "OA"};

	snprintf(oid, sizeof(oid), "%u", table->table->oid);
	return pg_exec_params(applier->conn, ACTORS_SQL, 2, values, actors, err);
}

/* One row: is there something to delete, and then for each actor, would it act. */
static bool
look_at_rows(Applier *applier, const TargetTable *table, const PGresult *actors, PGresult **found, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	bool		ok;

	strbuf_append(&sql, "SELECT EXISTS (SELECT FROM ");
	target_sql_append_table(table, &sql);
	strbuf_append_char(&sql, ')');
	for (int i = 0; i < PQntuples(actors); i++)
		strbuf_printf(&sql, ", %s", PQgetvalue(actors, i, ACTOR_CONDITION));
	ok = pg_exec(applier->conn, strbuf_text(&sql), found, err);
	strbuf_free(&sql);
	return ok;
}

static bool
others_would_act(const Applier *applier, const TargetTable *table, const PGresult *actors, const PGresult *found, Error *err)
{
	StrBuf		titles = STRBUF_INIT;
	StrBuf		disable = STRBUF_INIT;
	StrBuf		enable = STRBUF_INIT;
	StrBuf		name = STRBUF_INIT;

	for (int i = 0; i < PQntuples(actors); i++)
	{
		if (PQgetvalue(found, 0, i + 1)[0] != 't')
			continue;
		strbuf_printf(&titles, "%s%s", titles.length > 0 ? ", " : "", PQgetvalue(actors, i, ACTOR_TITLE));
		strbuf_printf(&disable, " %s", PQgetvalue(actors, i, ACTOR_DISABLE));
		strbuf_printf(&enable, " %s", PQgetvalue(actors, i, ACTOR_ENABLE));
	}
	if (titles.length > 0)
	{
		target_sql_append_table(table, &name);
		if (applier->options.truncate_is_alone)
			error_set(err, ERROR_CONFLICT, "the source has emptied this table alone; on the target that would act on other tables, by %s", strbuf_text(&titles));
		else
			error_set(err, ERROR_CONFLICT, "%s is to be emptied without tables whose copy has the TRUNCATE already; that would act on other tables, by %s",
					  table->name, strbuf_text(&titles));
		error_hint(err, "On the target, empty it without them as a superuser, and start again: BEGIN; SET LOCAL session_replication_role = replica;%s"
				   " DELETE FROM %s;%s COMMIT;%s", strbuf_text(&disable), strbuf_text(&name), strbuf_text(&enable),
				   pg_replica_role(applier->conn) ? "" : " Or let dbsync keep them silent: GRANT SET ON PARAMETER session_replication_role");
	}
	strbuf_free(&titles);
	strbuf_free(&disable);
	strbuf_free(&enable);
	strbuf_free(&name);
	return err->kind != ERROR_NONE;
}

/* *is_wanted: there are rows, and nothing but they would go.  A conflict where more would. */
static bool
check_actors(Applier *applier, const TargetTable *table, bool *is_wanted, Error *err)
{
	PGresult   *actors;
	PGresult   *found = NULL;
	bool		ok = true;

	*is_wanted = true;
	if (!find_actors(applier, table, &actors, err))
		return false;
	if (PQntuples(actors) > 0)
	{
		ok = look_at_rows(applier, table, actors, &found, err);
		if (ok)
		{
			*is_wanted = PQgetvalue(found, 0, 0)[0] == 't';
			ok = !*is_wanted || !others_would_act(applier, table, actors, found, err);
			PQclear(found);
		}
	}
	PQclear(actors);
	return ok;
}

static bool
pass_or_stop(Applier *applier, const ChangeContext *context, Error *err)
{
	if (err->kind != ERROR_CONFLICT)
		return false;
	if (applier->options.apply.conflict == CONFLICT_STOP)
		return conflict_context(applier, context->change, context->use->part, err);
	conflict_note(applier, context->change, context->use->part, "skipped", err);
	return true;
}

/*
 * The statements
 */

static bool
send_statement(Applier *applier, const ChangeContext *context, const StrBuf *sql, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_CHANGE, .any_count = true, .is_proven = true, .use = context->use, .offset = context->offset, .length = context->length};

	return applier_begin(applier, err) && pipeline_query(applier->pipeline, strbuf_text(sql), 0, NULL, &note, err);
}

static bool
send_truncate(Applier *applier, const ChangeContext *context, const TruncateList *list, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	bool		ok = true;

	for (int i = 0; i < list->count; i++)
	{
		if (list->by_delete[i])
			continue;
		strbuf_append(&sql, sql.length == 0 ? "TRUNCATE " : ", ");
		target_sql_append_table(list->tables[i], &sql);
	}
	if (sql.length > 0)
	{
		ok = truncate_list_append_trees(applier, list, &sql, err);
		strbuf_append(&sql, (context->change->truncate_flags & TRUNCATE_RESTART_IDENTITY) != 0 ? " RESTART IDENTITY" : " CONTINUE IDENTITY");
		ok = ok && send_statement(applier, context, &sql, err);
	}
	strbuf_free(&sql);
	return ok;
}

static bool
send_delete(Applier *applier, const ChangeContext *context, const TargetTable *table, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	bool		ok;

	strbuf_append(&sql, "DELETE FROM ");
	target_sql_append_table(table, &sql);
	ok = send_statement(applier, context, &sql, err);
	strbuf_free(&sql);
	return ok;
}

bool
truncate_send(Applier *applier, const ChangeContext *context, Error *err)
{
	TruncateList list;
	bool	   *is_deleted;

	if (!truncate_list_build(applier, context, &list, err))
		return false;
	is_deleted = arena_zalloc(applier->record_arena, (size_t) list.count + 1);
	/* all of them before anything is sent: a conflict that is passed has changed nothing */
	for (int i = 0; i < list.count; i++)
	{
		if (list.by_delete[i] && !check_actors(applier, list.tables[i], &is_deleted[i], err))
			return pass_or_stop(applier, context, err);
	}
	if (!send_truncate(applier, context, &list, err))
		return false;
	for (int i = 0; i < list.count; i++)
	{
		if (is_deleted[i] && !send_delete(applier, context, list.tables[i], err))
			return false;
	}
	return true;
}
