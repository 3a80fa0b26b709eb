/* The preflight of the source's tables: can they be read, and can their changes be named? */
#include "sync/preflight_private.h"

#include "model/table_pattern.h"
#include "sync/readable_name.h"
#include "sync/table_filter.h"

#include <stdlib.h>
#include <string.h>

/* ---- patterns that match nothing ---- */

typedef struct PatternCheck
{
	Preflight  *p;
	NameList	unmatched;
} PatternCheck;

static void
check_pattern(const char *item, void *arg)
{
	PatternCheck *check = arg;
	const PgCatalog *tables = &check->p->source_tables;

	for (int i = 0; i < tables->count; i++)
		if (table_pattern_match(item, tables->tables[i].schema, tables->tables[i].name))
			return;
	name_list_add(&check->unmatched, item);
}

/*
 * The catalogue holds what passed both lists; a pattern whose tables are all excluded is as wrong as one that matches nothing.
 */
static void
check_patterns(Preflight *p)
{
	PatternCheck check = {p, {STRBUF_INIT, 0}};

	if (p->config->include_tables != NULL)
		table_filter_items(p->config->include_tables, check_pattern, &check);
	if (check.unmatched.count > 0)
		finding_add(p, FINDING_ERROR, "source", "correct [dbsync] include_tables; names are taken in their case, schema.table",
					"include_tables names what matches no table: %s", name_list_text(&check.unmatched));
	else if (p->source_tables.count == 0)
		finding_add(p, p->has_started ? FINDING_WARNING : FINDING_ERROR, "source",
					"correct [dbsync] include_tables and exclude_tables, and the database's name", "there is no table to bring over");
	name_list_free(&check.unmatched);
}

/* ---- rights ---- */

/* A schema without USAGE hides its tables, whatever their own rights. */
static bool
check_schemas(Preflight *p, Error *err)
{
	PGresult   *result = NULL;
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;

	if (!pg_exec(p->source,
				 "SELECT nspname, pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace"
				 " WHERE NOT pg_catalog.has_schema_privilege(oid, 'USAGE')",
				 &result, err))
		return finding_add_error(p, "source", err);
	for (int i = 0; i < PQntuples(result); i++)
	{
		bool		is_wanted = false;

		for (int t = 0; t < p->source_tables.count && !is_wanted; t++)
			is_wanted = strcmp(p->source_tables.tables[t].schema, PQgetvalue(result, i, 0)) == 0;
		if (!is_wanted)
			continue;
		name_list_add(&names, PQgetvalue(result, i, 1));
		strbuf_printf(&mend, "%sGRANT USAGE ON SCHEMA %s TO %s;", names.count > 1 ? "\n" : "", PQgetvalue(result, i, 1),
					  p->source_role);
	}
	if (names.count > 0)
		finding_add(p, p->config->copy.unreadable == UNREADABLE_SKIP ? FINDING_WARNING : FINDING_ERROR, "source",
					strbuf_text(&mend), "the role %s may not use %d of the schemas: %s", p->source_role, names.count,
					name_list_text(&names));
	PQclear(result);
	name_list_free(&names);
	strbuf_free(&mend);
	return true;
}

static void
check_readable(Preflight *p)
{
	NameList	names = {STRBUF_INIT, 0};
	NameList	filtered = {STRBUF_INIT, 0};
	GrantList	grants = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;
	bool		skip = p->config->copy.unreadable == UNREADABLE_SKIP;

	for (int i = 0; i < p->source_tables.count; i++)
	{
		const PgTable *table = &p->source_tables.tables[i];

		if (table->kind != 'r')
			continue;
		if (!table->can_select)
		{
			name_list_add_table(&names, table->schema, table->name);
			grant_list_add(&grants, "SELECT", table->schema, table->name, p->source_role);
		}
		else if (table->row_security)
			name_list_add_table(&filtered, table->schema, table->name);
	}
	if (names.count > 0)
	{
		strbuf_append(&mend, grant_list_text(&grants, p->source_role));
		if (!skip)
			strbuf_append(&mend, "\n(or leave them out: exclude_tables, or unreadable_tables = skip)");
		finding_add(p, skip ? FINDING_WARNING : FINDING_ERROR, "source", strbuf_text(&mend),
					"the role %s may not read %d table%s%s: %s", p->source_role, names.count, names.count == 1 ? "" : "s",
					skip ? ", left out" : "", name_list_text(&names));
	}
	if (filtered.count > 0)
	{
		strbuf_reset(&mend);
		strbuf_printf(&mend, "ALTER ROLE %s BYPASSRLS;", p->source_role);
		finding_add(p, FINDING_ERROR, "source", strbuf_text(&mend),
					"row security would hide rows of %d table%s from the role %s: %s", filtered.count,
					filtered.count == 1 ? "" : "s", p->source_role, name_list_text(&filtered));
	}
	name_list_free(&names);
	name_list_free(&filtered);
	grant_list_free(&grants);
	strbuf_free(&mend);
}

/* ---- replica identity ---- */

/* For tables without identity: the smallest index that could be one. */
static const char candidate_sql[] =
	"SELECT DISTINCT ON (i.indrelid) i.indrelid, pg_catalog.quote_ident(x.relname), i.indisprimary"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
	" WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL"
	" AND NOT EXISTS (SELECT FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)"
	"  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
	"  WHERE k.place <= i.indnkeyatts AND (k.attnum = 0 OR NOT a.attnotnull))"
	" ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, x.relname";

static bool
add_identity_finding(Preflight *p, const NameList *list, const char *names, const char *oids, Error *err)
{
	const char *values[] = {oids};
	PGresult   *result = NULL;
	StrBuf		mend = STRBUF_INIT;

	if (!pg_exec_params(p->source, candidate_sql, 1, values, &result, err))
		return finding_add_error(p, "source", err);
	for (int i = 0; i < p->source_tables.count; i++)
	{
		const PgTable *table = &p->source_tables.tables[i];
		int			row = 0;

		if (table->kind != 'r' || table->identity != 'n' || table->persistence != 'p')
			continue;
		while (row < PQntuples(result) && strtoul(PQgetvalue(result, row, 0), NULL, 10) != table->oid)
			row++;
		strbuf_append(&mend, mend.length > 0 ? "\nALTER TABLE " : "ALTER TABLE ");
		readable_name_write_qualified(&mend, table->schema, table->name);
		if (row == PQntuples(result))
			strbuf_append(&mend, " REPLICA IDENTITY FULL;");
		else if (PQgetvalue(result, row, 2)[0] == 't')
			strbuf_append(&mend, " REPLICA IDENTITY DEFAULT;");
		else
			strbuf_printf(&mend, " REPLICA IDENTITY USING INDEX %s;", PQgetvalue(result, row, 1));
	}
	finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
				"%d table%s without usable replica identity: inserts are brought over, an update or delete stops dbsync: %s",
				list->count, list->count == 1 ? " is" : "s are", names);
	PQclear(result);
	strbuf_free(&mend);
	return true;
}

static bool
check_identity(Preflight *p, Error *err)
{
	NameList	names = {STRBUF_INIT, 0};
	NameList	unlogged = {STRBUF_INIT, 0};
	StrBuf		oids = STRBUF_INIT;
	StrBuf		mend = STRBUF_INIT;
	bool		ok = true;

	for (int i = 0; i < p->source_tables.count; i++)
	{
		const PgTable *table = &p->source_tables.tables[i];

		if (table->kind != 'r')
			continue;
		if (table->persistence == 'u')
		{
			name_list_add_table(&unlogged, table->schema, table->name);
			strbuf_append(&mend, unlogged.count > 1 ? "\nALTER TABLE " : "ALTER TABLE ");
			readable_name_write_qualified(&mend, table->schema, table->name);
			strbuf_append(&mend, " SET LOGGED;");
		}
		else if (table->identity == 'n')
		{
			name_list_add_table(&names, table->schema, table->name);
			strbuf_printf(&oids, "%c%u", names.count > 1 ? ',' : '{', table->oid);
		}
	}
	if (unlogged.count > 0)
		finding_add(p, FINDING_WARNING, "source", strbuf_text(&mend),
					"%d unlogged table%s: copied once, but changes do not come with the stream: %s", unlogged.count,
					unlogged.count == 1 ? "" : "s", name_list_text(&unlogged));
	if (names.count > 0)
	{
		strbuf_append_char(&oids, '}');
		ok = add_identity_finding(p, &names, name_list_text(&names), strbuf_text(&oids), err);
	}
	name_list_free(&names);
	name_list_free(&unlogged);
	strbuf_free(&oids);
	strbuf_free(&mend);
	return ok;
}

bool
preflight_source_tables(Preflight *p, Error *err)
{
	int			count = 0;

	if (!pg_catalog_load(p->source, table_filter_wants_table, (void *) p->config, p->arena, &p->source_tables, err))
		return finding_add_error(p, "source", err);
	p->has_source_tables = true;
	for (int i = 0; i < p->source_tables.count; i++)
		if (preflight_is_copied(p, &p->source_tables.tables[i]))
			count++;
	finding_add(p, FINDING_OK, "source", NULL, "%d table%s wanted", count, count == 1 ? " is" : "s are");
	check_patterns(p);
	if (!check_schemas(p, err))
		return false;
	check_readable(p);
	return check_identity(p, err);
}
