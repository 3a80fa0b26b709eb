/* The preflight of the target's tables: are they there, may they be written, what would fire, are they empty? */
#include "sync/preflight_columns.h"

#include "sync/preflight_private.h"

#include <stdlib.h>
#include <string.h>

#define TABLES_A_QUERY 200

/* A source table and where its rows go. */
typedef struct Pair
{
	const PgTable *source;
	const PgTable *target;
} Pair;

typedef struct Pairs
{
	Pair	   *list;			/* each target once */
	int			count;
	HashMap    *by_target;		/* oid -> source table met first */
} Pairs;

/* On a task that runs already the stream goes on up to the change that needs what is missing. */
static FindingSeverity
structure_severity(const Preflight *p)
{
	return p->has_started && !p->copy_pending ? FINDING_WARNING : FINDING_ERROR;
}

/* Partitions of one tree may share the target's root. */
static bool
share_root(const PgTable *one, const PgTable *other)
{
	return one->is_partition && other->is_partition && one->root_schema != NULL && other->root_schema != NULL &&
		strcmp(one->root_schema, other->root_schema) == 0 && strcmp(one->root_name, other->root_name) == 0;
}

static void
make_pairs(Preflight *p, const PgCatalog *target_tables, Pairs *pairs)
{
	NameList	missing = {STRBUF_INIT, 0};
	NameList	clashing = {STRBUF_INIT, 0};

	pairs->by_target = hash_new();
	pairs->list = mem_alloc(sizeof(Pair) * ((size_t) p->source_tables.count + 1));
	for (int i = 0; i < p->source_tables.count; i++)
	{
		const PgTable *source = &p->source_tables.tables[i];
		const PgTable *target;
		const PgTable *first;

		if (!preflight_is_copied(p, source))
			continue;
		target = pg_catalog_target_of(target_tables, p->config->target_schema, source->schema, source->name, source->root_schema,
									  source->root_name);
		if (target == NULL)
		{
			name_list_add_table(&missing, p->config->target_schema != NULL ? p->config->target_schema : source->schema,
								source->name);
			continue;
		}
		first = hash_get_number(pairs->by_target, target->oid);
		if (first != NULL)
		{
			if (!share_root(first, source))
				name_list_add_table(&clashing, target->schema, target->name);
			continue;
		}
		hash_put_number(pairs->by_target, target->oid, (void *) source);
		pairs->list[pairs->count++] = (Pair) {source, target};
	}
	if (missing.count > 0)
		finding_add(p, structure_severity(p), "target",
					p->config->is_mysql ? "dbsync schema, or leave them out: exclude_tables"
					: p->config->target_schema != NULL ? "create them, or leave them out: exclude_tables"
					: "dbsync schema   (or pg_dump -s SOURCE | psql TARGET), or leave them out: exclude_tables",
					"%d table%s missing on the target: %s", missing.count, missing.count == 1 ? " is" : "s are",
					name_list_text(&missing));
	if (clashing.count > 0)
		finding_add(p, FINDING_ERROR, "target", "leave all but one out (exclude_tables), or bring each schema over by a task of its own",
					"several source tables would go to the same target table: %s", name_list_text(&clashing));
	name_list_free(&missing);
	name_list_free(&clashing);
}

static void
check_columns(Preflight *p, const Pairs *pairs)
{
	ColumnCheck check = {.generated_is_sent = p->generated_is_sent, .row_image = p->row_image};

	for (int i = 0; i < pairs->count; i++)
		column_check_add(&check, pairs->list[i].source, pairs->list[i].target);
	column_check_report(&check, p, structure_severity(p));
	column_check_free(&check);
}

static bool
check_rights(Preflight *p, const Pairs *pairs, Error *err)
{
	NameList	names = {STRBUF_INIT, 0};
	NameList	schemas = {STRBUF_INIT, 0};
	GrantList	grants = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;
	PGresult   *result = NULL;

	if (!pg_exec(p->target,
				 "SELECT nspname, pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace"
				 " WHERE NOT pg_catalog.has_schema_privilege(oid, 'USAGE')",
				 &result, err))
		return finding_add_error(p, "target", err);
	for (int i = 0; i < PQntuples(result); i++)
		for (int t = 0; t < pairs->count; t++)
			if (strcmp(pairs->list[t].target->schema, PQgetvalue(result, i, 0)) == 0)
			{
				name_list_add(&schemas, PQgetvalue(result, i, 1));
				strbuf_printf(&mend, "%sGRANT USAGE ON SCHEMA %s TO %s;", schemas.count > 1 ? "\n" : "",
							  PQgetvalue(result, i, 1), p->target_role);
				break;
			}
	PQclear(result);
	if (schemas.count > 0)
		finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend), "the role %s may not use %d of the schemas: %s",
					p->target_role, schemas.count, name_list_text(&schemas));

	for (int i = 0; i < pairs->count; i++)
	{
		const PgTable *table = pairs->list[i].target;

		if (table->can_write && table->can_select)
			continue;
		name_list_add_table(&names, table->schema, table->name);
		grant_list_add(&grants, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE", table->schema, table->name, p->target_role);
	}
	if (names.count > 0)
		finding_add(p, FINDING_ERROR, "target", grant_list_text(&grants, p->target_role),
					"the role %s may not write %d table%s: %s", p->target_role, names.count, names.count == 1 ? "" : "s",
					name_list_text(&names));
	name_list_free(&names);
	name_list_free(&schemas);
	grant_list_free(&grants);
	strbuf_free(&mend);
	return true;
}

static void
check_row_security(Preflight *p, const Pairs *pairs)
{
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;

	for (int i = 0; i < pairs->count; i++)
		if (pairs->list[i].target->row_security)
			name_list_add_table(&names, pairs->list[i].target->schema, pairs->list[i].target->name);
	strbuf_printf(&mend, "ALTER ROLE %s BYPASSRLS;", p->target_role);
	if (names.count > 0)
		finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend), "row security applies to the role %s on %d table%s: %s",
					p->target_role, names.count, names.count == 1 ? "" : "s", name_list_text(&names));
	name_list_free(&names);
	strbuf_free(&mend);
}

/*
 * Foreign keys that are enforced stop a parallel copy, whose tables come in any order.  Triggers that fire change what the source
 * sent.
 */
static void
check_triggers(Preflight *p, const Pairs *pairs)
{
	NameList	always = {STRBUF_INIT, 0};
	NameList	origin = {STRBUF_INIT, 0};
	NameList	referenced = {STRBUF_INIT, 0};
	StrBuf		mend = STRBUF_INIT;

	for (int i = 0; i < pairs->count; i++)
	{
		const PgTable *table = pairs->list[i].target;

		if (table->has_triggers)
			name_list_add_table(&always, table->schema, table->name);
		if (table->has_origin_triggers)
			name_list_add_table(&origin, table->schema, table->name);
		if (table->is_referenced)
			name_list_add_table(&referenced, table->schema, table->name);
	}
	/* Those of foreign keys are meant to, there. */
	if (always.count > 0 && p->cascade_count > 0)
		finding_add(p, FINDING_NOTICE, "target", NULL, "triggers that are ENABLE ALWAYS or ENABLE REPLICA, those of foreign keys among them,"
					" will fire for rows of dbsync on %s", name_list_text(&always));
	else if (always.count > 0)
		finding_add(p, FINDING_WARNING, "target", "ALTER TABLE ... ENABLE TRIGGER ...; -- so that it fires for ordinary sessions only",
					"triggers that are ENABLE ALWAYS or ENABLE REPLICA will fire for rows of dbsync on %s", name_list_text(&always));

	if (pg_server_version(p->target) >= 150000)
		strbuf_printf(&mend, "GRANT SET ON PARAMETER session_replication_role TO %s;", p->target_role);
	else
		strbuf_append(&mend, "connect as a superuser, or drop foreign keys and disable triggers until the cutover");
	if (pg_replica_role(p->target))
		finding_add(p, FINDING_OK, "target", NULL,
					"session_replication_role can be set: triggers and foreign keys do not fire for rows of dbsync");
	else if (referenced.count > 0 && p->copy_pending)
		finding_add(p, FINDING_ERROR, "target", strbuf_text(&mend),
					"the role %s may not set session_replication_role: foreign keys stop the copy, which fills tables in any order;"
					" referenced: %s", p->target_role, name_list_text(&referenced));
	else if (origin.count > 0)
		finding_add(p, FINDING_WARNING, "target", strbuf_text(&mend),
					"the role %s may not set session_replication_role: triggers and foreign keys will fire on %s", p->target_role,
					name_list_text(&origin));
	else
		finding_add(p, FINDING_NOTICE, "target", strbuf_text(&mend),
					"the role %s may not set session_replication_role; no table has a trigger or foreign key that would fire",
					p->target_role);
	name_list_free(&always);
	name_list_free(&origin);
	name_list_free(&referenced);
	strbuf_free(&mend);
}

/* ---- rows that are there already ---- */

/* Names in tables[from..to) that hold a row, by one statement. */
static bool
find_filled(Preflight *p, const Pairs *pairs, int from, int to, NameList *names, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	PGresult   *result = NULL;
	bool		ok = true;

	for (int i = from; i < to; i++)
	{
		const PgTable *table = pairs->list[i].target;

		if (!table->can_select || (table->kind == 'r' && table->heap_blocks == 0))
			continue;
		strbuf_printf(&sql, "%sSELECT %d WHERE EXISTS (SELECT FROM ", sql.length > 0 ? " UNION ALL " : "", i);
		pg_quote_qualified(&sql, table->schema, table->name);
		strbuf_append_char(&sql, ')');
	}
	if (sql.length > 0)
	{
		ok = pg_exec(p->target, strbuf_text(&sql), &result, err);
		for (int i = 0; ok && i < PQntuples(result); i++)
		{
			const PgTable *table = pairs->list[atoi(PQgetvalue(result, i, 0))].target;

			name_list_add_table(names, table->schema, table->name);
		}
		PQclear(result);
	}
	strbuf_free(&sql);
	return ok;
}

static bool
check_empty(Preflight *p, const Pairs *pairs, Error *err)
{
	NameList	names = {STRBUF_INIT, 0};
	bool		ok = true;

	for (int i = 0; ok && i < pairs->count; i += TABLES_A_QUERY)
		ok = find_filled(p, pairs, i, i + TABLES_A_QUERY < pairs->count ? i + TABLES_A_QUERY : pairs->count, &names, err);
	if (!ok)
		ok = finding_add_error(p, "target", err);
	else if (names.count > 0 && p->config->copy.existing_rows == EXISTING_TRUNCATE)
		finding_add(p, FINDING_WARNING, "target", NULL, "existing_rows = truncate: %d table%s with rows will be emptied: %s",
					names.count, names.count == 1 ? "" : "s", name_list_text(&names));
	else if (names.count > 0)
		finding_add(p, FINDING_ERROR, "target",
					"empty them (TRUNCATE), or let dbsync do it: existing_rows = truncate; where they are a copy already: copy = off",
					"%d table%s rows before the full sync: %s", names.count, names.count == 1 ? " holds" : "s hold",
					name_list_text(&names));
	name_list_free(&names);
	return ok;
}

/* ---- the way to a row ---- */

static bool
load_index_columns(Preflight *p, const Pairs *pairs, HashMap *leading, Error *err)
{
	StrBuf		oids = STRBUF_INIT;
	StrBuf		key = STRBUF_INIT;
	const char *values[1];
	PGresult   *result = NULL;
	bool		ok;

	strbuf_append_char(&oids, '{');
	for (int i = 0; i < pairs->count; i++)
		strbuf_printf(&oids, "%s%u", i > 0 ? "," : "", pairs->list[i].target->oid);
	strbuf_append_char(&oids, '}');
	values[0] = strbuf_text(&oids);
	ok = pg_exec_params(p->target,
						"SELECT i.indrelid, a.attname FROM pg_catalog.pg_index i"
						" JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
						" WHERE i.indrelid = ANY ($1::oid[]) AND i.indisvalid AND i.indpred IS NULL",
						1, values, &result, err);
	for (int i = 0; ok && i < PQntuples(result); i++)
	{
		strbuf_reset(&key);
		strbuf_printf(&key, "%s/%s", PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
		hash_put_text(leading, strbuf_text(&key), leading);
	}
	PQclear(result);
	strbuf_free(&oids);
	strbuf_free(&key);
	return ok;
}

static bool
check_indexes(Preflight *p, const Pairs *pairs, Error *err)
{
	HashMap    *leading = hash_new();
	NameList	names = {STRBUF_INIT, 0};
	StrBuf		key = STRBUF_INIT;
	bool		ok = load_index_columns(p, pairs, leading, err);

	if (!ok)
		ok = finding_add_error(p, "target", err);
	else
	{
		for (int i = 0; i < pairs->count; i++)
		{
			const PgTable *source = pairs->list[i].source;
			const PgTable *target = pairs->list[i].target;
			bool		found = source->identity != 'd' && source->identity != 'i';

			for (int c = 0; c < source->column_count && !found; c++)
			{
				if (source->columns[c].identity_position == 0)
					continue;
				strbuf_reset(&key);
				strbuf_printf(&key, "%u/%s", target->oid, source->columns[c].name);
				found = hash_get_text(leading, strbuf_text(&key)) != NULL;
			}
			if (!found)
				name_list_add_table(&names, target->schema, target->name);
		}
		if (names.count > 0)
			finding_add(p, FINDING_WARNING, "target",
						"dbsync schema --section=post-data, or create the primary keys, before many changes come",
						"%d table%s no index over the source's key: every update and delete there reads the whole table: %s",
						names.count, names.count == 1 ? " has" : "s have", name_list_text(&names));
	}
	hash_free(leading, NULL);
	name_list_free(&names);
	strbuf_free(&key);
	return ok;
}

bool
preflight_target_tables(Preflight *p, Error *err)
{
	PgCatalog	target_tables = {0};
	Pairs		pairs = {0};
	bool		ok;

	if (!pg_catalog_load(p->target, NULL, NULL, p->arena, &target_tables, err))
		return finding_add_error(p, "target", err);
	make_pairs(p, &target_tables, &pairs);
	check_columns(p, &pairs);
	ok = check_rights(p, &pairs, err);
	if (ok)
	{
		check_row_security(p, &pairs);
		check_triggers(p, &pairs);
		ok = check_indexes(p, &pairs, err);
	}
	if (ok && !p->has_started && p->copy_pending)
		ok = check_empty(p, &pairs, err);
	if (ok)
		finding_add(p, FINDING_OK, "target", NULL, "%d table%s there", pairs.count, pairs.count == 1 ? " is" : "s are");
	hash_free(pairs.by_target, NULL);
	free(pairs.list);
	pg_catalog_free(&target_tables);
	return ok;
}
