/*
 * target_table.c
 *		Where the changes of a source relation go on the target.
 */
#include "apply/target_table.h"

#include <stdatomic.h>
#include <string.h>

/*
 * Columns whose types' equality is that of their text.  Everything else (numeric, float, interval, jsonb, citext, arrays ...) is taken
 * for loose, which costs no more than a second comparison.
 */
#define EXACT_COLUMNS_SQL \
	"SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid" \
	" LEFT JOIN pg_collation c ON c.oid = a.attcollation" \
	" WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(c.collisdeterministic, true)" \
	" AND (t.typtype = 'e' OR t.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'bool'::regtype," \
	" '\"char\"'::regtype, 'name'::regtype, 'text'::regtype, 'varchar'::regtype, 'bytea'::regtype, 'uuid'::regtype, 'date'::regtype," \
	" 'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'inet'::regtype, 'cidr'::regtype, 'macaddr'::regtype," \
	" 'macaddr8'::regtype, 'bit'::regtype, 'varbit'::regtype, 'pg_lsn'::regtype, 'money'::regtype))"

/* Unique keys that name at most one row and can be an ON CONFLICT target; one row a key column, the primary key first. */
#define KEYS_SQL \
	"SELECT x.indexrelid, a.attname, a.attnotnull FROM pg_index x" \
	" CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY u(attnum, position)" \
	" JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.attnum" \
	" WHERE x.indrelid = $1::oid AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL" \
	" AND u.position <= x.indnkeyatts" \
	" ORDER BY x.indisprimary DESC, x.indexrelid, u.position"

static TargetTable *
new_table(const Relation *relation)
{
	static atomic_uint_fast64_t last_id;
	Arena	   *arena = arena_new(0);
	TargetTable *table = arena_zalloc(arena, sizeof(TargetTable));

	table->id = atomic_fetch_add(&last_id, 1) + 1;
	table->relation = relation;
	table->arena = arena;
	return table;
}

TargetTable *
target_table_unwanted(const Relation *relation)
{
	return new_table(relation);
}

void
target_table_free(TargetTable *table)
{
	if (table != NULL)
		arena_free(table->arena);
}

static bool
missing_table(const Relation *relation, const char *schema, Error *err)
{
	StrBuf		name = STRBUF_INIT;
	StrBuf		source = STRBUF_INIT;

	pg_quote_qualified(&name, schema, relation->table);
	pg_quote_qualified(&source, relation->schema, relation->table);
	error_set(err, ERROR_FAILED, "the source has changes of table %s, but the target has no table %s", strbuf_text(&source), strbuf_text(&name));
	error_hint(err, "Create it: pg_dump -s -t '%s' SOURCE | psql TARGET; its rows of before come by a new full sync. Or leave it out: exclude_tables = %s.%s",
			   strbuf_text(&source), relation->schema, relation->table);
	strbuf_free(&name);
	strbuf_free(&source);
	return false;
}

static bool
load_table(PgConn *conn, const char *target_schema, TargetTable *table, Error *err)
{
	const Relation *relation = table->relation;
	const char *schema = target_schema != NULL ? target_schema : relation->schema;

	if (!pg_catalog_load_table(conn, schema, relation->table, table->arena, &table->table, err))
		return false;
	if (table->table == NULL && relation->root_table != NULL)
	{
		const char *root_schema = target_schema != NULL ? target_schema : relation->root_schema;

		if (!pg_catalog_load_table(conn, root_schema, relation->root_table, table->arena, &table->table, err))
			return false;
		table->is_root = true;
	}
	return table->table != NULL || missing_table(relation, schema, err);
}

static int
column_index(const Relation *relation, const char *name)
{
	for (int i = 0; i < relation->column_count; i++)
	{
		if (strcmp(relation->columns[i].name, name) == 0)
			return i;
	}
	return -1;
}

static bool
match_columns(PgConn *conn, TargetTable *table, Error *err)
{
	const Relation *relation = table->relation;
	char		oid[16];
	const char *values[1] = {oid};
	PGresult   *result;

	table->columns = arena_zalloc(table->arena, sizeof(TargetColumn) * (size_t) (relation->column_count + 1));
	for (int i = 0; i < relation->column_count; i++)
	{
		TargetColumn *column = &table->columns[i];

		column->column = pg_table_column(table->table, relation->columns[i].name);
		column->is_written = column->column != NULL && column->column->generated == '\0' && (relation->columns[i].flags & COLUMN_GENERATED) == 0;
		column->is_always_identity = column->column != NULL && column->column->identity == 'a';
		column->is_loose = true;
		column->old_index = -1;
		if (column->is_written && column->is_always_identity)
			table->overrides_identity = true;
	}
	for (int i = 0; i < relation->identity_count; i++)
		table->columns[relation->identity_columns[i]].old_index = i;

	/* Only a whole-row key needs to know. */
	if (relation->identity != 'f')
		return true;
	snprintf(oid, sizeof(oid), "%u", table->table->oid);
	if (!pg_exec_params(conn, EXACT_COLUMNS_SQL, 1, values, &result, err))
		return false;
	for (int row = 0; row < PQntuples(result); row++)
	{
		int			i = column_index(relation, PQgetvalue(result, row, 0));

		if (i >= 0)
			table->columns[i].is_loose = false;
	}
	PQclear(result);
	return true;
}

/* A key of the target, rows [first, last) of the result: its columns as indexes into the relation's; false where the source has not all of them. */
static bool
key_of_rows(const TargetTable *table, const PGresult *result, int first, int last, int *columns)
{
	for (int row = first; row < last; row++)
	{
		columns[row - first] = column_index(table->relation, PQgetvalue(result, row, 1));
		if (columns[row - first] < 0)
			return false;
	}
	return true;
}

static bool
same_set(const int *a, int a_count, const int *b, int b_count)
{
	if (a_count != b_count)
		return false;
	for (int i = 0; i < a_count; i++)
	{
		bool		found = false;

		for (int j = 0; j < b_count; j++)
			found = found || a[i] == b[j];
		if (!found)
			return false;
	}
	return true;
}

static bool
all_not_null(const PGresult *result, int first, int last)
{
	for (int row = first; row < last; row++)
	{
		if (PQgetvalue(result, row, 2)[0] != 't')
			return false;
	}
	return true;
}

/*
 * The identity names the row.  Where it is the full row and the target has a key on columns that the source has too, that key
 * names it as well, and by an index.
 */
static bool
choose_key(PgConn *conn, TargetTable *table, Error *err)
{
	const Relation *relation = table->relation;
	char		oid[16];
	const char *values[1] = {oid};
	PGresult   *result;
	int			rows;
	int			last;

	if (relation->identity == 'd' || relation->identity == 'i')
	{
		table->key_count = relation->identity_count;
		table->key_columns = relation->identity_columns;
	}
	snprintf(oid, sizeof(oid), "%u", table->table->oid);
	if (!pg_exec_params(conn, KEYS_SQL, 1, values, &result, err))
		return false;
	rows = PQntuples(result);
	for (int first = 0; first < rows; first = last)
	{
		int		   *columns;

		for (last = first + 1; last < rows && strcmp(PQgetvalue(result, last, 0), PQgetvalue(result, first, 0)) == 0; last++)
			;
		columns = arena_alloc(table->arena, sizeof(int) * (size_t) (last - first));
		if (table->has_arbiter || !key_of_rows(table, result, first, last, columns))
			continue;
		if (table->key_count > 0)
			table->has_arbiter = same_set(table->key_columns, table->key_count, columns, last - first);
		else if (relation->identity == 'f' && all_not_null(result, first, last))
		{
			table->key_count = last - first;
			table->key_columns = columns;
			table->has_arbiter = true;
		}
	}
	PQclear(result);
	return true;
}

bool
target_table_open(PgConn *conn, const char *target_schema, const Relation *relation, TargetTable **table, Error *err)
{
	TargetTable *new = new_table(relation);
	StrBuf		name = STRBUF_INIT;

	*table = NULL;
	new->is_wanted = true;
	if (!load_table(conn, target_schema, new, err) || !match_columns(conn, new, err) || !choose_key(conn, new, err))
	{
		target_table_free(new);
		return false;
	}
	pg_quote_qualified(&name, new->table->schema, new->table->name);
	new->name = arena_strdup(new->arena, strbuf_text(&name));
	strbuf_free(&name);
	*table = new;
	return true;
}
