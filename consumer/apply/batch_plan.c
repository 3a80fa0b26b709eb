/*
 * batch_plan.c
 *		What a target table's key and types allow.
 */
#include "apply/batch_plan.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_OID 25

/*
 * is_domain: its checks, and the modifier of its base, belong to its input function.  has_cast: text has a cast of its own to the
 * type, which is not what the type's input function does (xml, "char", name, regclass, or what a user has made).
 */
#define TYPES_SQL \
	"SELECT a.attname, a.atttypid, t.typtype = 'd' AS is_domain, t.typarray <> 0 AS has_array," \
	" EXISTS (SELECT FROM pg_cast k WHERE k.castsource = 'text'::regtype AND k.casttarget = t.oid AND k.castmethod <> 'b') AS has_cast," \
	" coalesce(c.collisdeterministic, true) AND (t.typtype = 'e' OR t.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype," \
	"  'oid'::regtype, 'numeric'::regtype, 'bool'::regtype, '\"char\"'::regtype, 'name'::regtype, 'text'::regtype, 'varchar'::regtype," \
	"  'bpchar'::regtype, 'bytea'::regtype, 'uuid'::regtype, 'date'::regtype, 'time'::regtype, 'timestamp'::regtype," \
	"  'timestamptz'::regtype, 'inet'::regtype, 'cidr'::regtype, 'macaddr'::regtype, 'macaddr8'::regtype, 'bit'::regtype," \
	"  'varbit'::regtype, 'pg_lsn'::regtype)) AS is_exact" \
	" FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation" \
	" WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"

enum
{
	TYPES_NAME, TYPES_TYPE, TYPES_IS_DOMAIN, TYPES_HAS_ARRAY, TYPES_HAS_CAST, TYPES_IS_EXACT
};

static bool
is_true(const PGresult *types, int row, int column)
{
	return PQgetvalue(types, row, column)[0] == 't';
}

static int
find_type(const PGresult *types, const char *name)
{
	for (int row = 0; row < PQntuples(types); row++)
	{
		if (strcmp(PQgetvalue(types, row, TYPES_NAME), name) == 0)
			return row;
	}
	return -1;
}

static uint32_t
type_oid(const PGresult *types, int row)
{
	return (uint32_t) strtoul(PQgetvalue(types, row, TYPES_TYPE), NULL, 10);
}

/* False: there is no form for the column's values. */
static bool
plan_column(TargetTable *table, const PgColumn *target, const PGresult *types, int row, bool as_text, BatchColumn *column)
{
	uint32_t	oid = type_oid(types, row);
	bool		takes_own_input = is_true(types, row, TYPES_IS_DOMAIN) || is_true(types, row, TYPES_HAS_CAST);

	column->binary = takes_own_input ? BINARY_NONE : binary_type_of(oid);
	column->copy = as_text && column->binary != BINARY_TEXT ? BINARY_NONE : column->binary;
	if (column->binary != BINARY_NONE && column->binary != BINARY_TEXT && !as_text)
	{
		column->element_oid = oid;
		column->array_type = arena_printf(table->arena, "%s[]", target->type_bare);
		return true;
	}
	if (takes_own_input)
	{
		column->array_type = arena_printf(table->arena, "%s[]", target->type_bare);
		return is_true(types, row, TYPES_HAS_ARRAY);
	}
	column->binary = BINARY_TEXT;
	column->element_oid = TEXT_OID;
	column->array_type = "text[]";
	column->is_cast = oid != TEXT_OID;
	return true;
}

static void
plan_columns(TargetTable *table, const PGresult *types, bool as_text, BatchPlan *plan)
{
	const Relation *relation = table->relation;

	plan->can_copy = !table->table->row_security;
	plan->columns = arena_zalloc(table->arena, sizeof(BatchColumn) * (size_t) (relation->column_count + 1));
	for (int i = 0; i < relation->column_count && plan->strict_reason == NULL; i++)
	{
		const PgColumn *target = table->columns[i].column;
		int			row = target != NULL ? find_type(types, target->name) : -1;

		if (row < 0)
		{
			if ((relation->columns[i].flags & COLUMN_GENERATED) == 0)
				plan->strict_reason = "a column of the source is missing";
			continue;
		}
		if (!plan_column(table, target, types, row, as_text, &plan->columns[i]))
			plan->strict_reason = "a column's type cannot be sent as an array";
		if (table->columns[i].is_written)
		{
			plan->written_count++;
			plan->can_copy = plan->can_copy && plan->columns[i].copy != BINARY_NONE;
		}
	}
	if (plan->written_count == 0 && plan->strict_reason == NULL)
		plan->strict_reason = "no column is written";
}

/* Every column of the target comes from the source: a row may be deleted and come again. */
static bool
has_no_columns_of_its_own(const TargetTable *table)
{
	for (int c = 0; c < table->table->column_count; c++)
	{
		const PgColumn *target = &table->table->columns[c];
		bool		found = target->generated != '\0';

		for (int i = 0; i < table->relation->column_count && !found; i++)
			found = table->columns[i].column == target && table->columns[i].is_written;
		if (!found)
			return false;
	}
	return true;
}

static NetKeyKind
key_kind(uint32_t oid)
{
	switch (binary_type_of(oid))
	{
		case BINARY_INT2:
		case BINARY_INT4:
		case BINARY_INT8:
			return NET_KEY_INTEGER;
		case BINARY_NUMERIC:
			return NET_KEY_NUMERIC;
		default:
			return NET_KEY_TEXT;
	}
}

static const char *
plan_key(TargetTable *table, const PGresult *types, BatchPlan *plan)
{
	int		   *old_index;
	NetKeyKind *kinds;

	if (table->key_count == 0)
		return "no key names its rows";
	if (!table->has_arbiter)
		return "the target has no unique index on the source's key";
	if (table->key_count > NET_KEY_LIMIT)
		return "its key has too many columns";
	old_index = arena_alloc(table->arena, sizeof(int) * (size_t) table->key_count);
	kinds = arena_alloc(table->arena, sizeof(NetKeyKind) * (size_t) table->key_count);
	for (int k = 0; k < table->key_count; k++)
	{
		const TargetColumn *column = &table->columns[table->key_columns[k]];
		int			row = column->column != NULL ? find_type(types, column->column->name) : -1;

		if (row < 0 || !is_true(types, row, TYPES_IS_EXACT))
			return "equal values of its key can differ as text";
		old_index[k] = column->old_index;
		kinds[k] = key_kind(type_oid(types, row));
	}
	for (int i = 0; i < table->relation->column_count; i++)
	{
		/* An update must find it as it was: see build_update() of target_sql.c. */
		if (table->columns[i].is_always_identity && table->columns[i].is_written && table->columns[i].old_index < 0)
			return "a column that is no key is GENERATED ALWAYS AS IDENTITY";
	}
	plan->shape = (NetShape) {
		.column_count = table->relation->column_count,
		.key_count = table->key_count,
		.key_columns = table->key_columns,
		.old_index = old_index,
		.key_kinds = kinds,
		.can_reinsert = !table->overrides_identity && has_no_columns_of_its_own(table),
	};
	return NULL;
}

bool
batch_plan_open(PgConn *conn, TargetTable *table, bool as_text, BatchPlan **result, Error *err)
{
	BatchPlan  *plan = arena_zalloc(table->arena, sizeof(BatchPlan));
	char		oid[16];
	const char *values[1] = {oid};
	PGresult   *types;

	snprintf(oid, sizeof(oid), "%u", table->table->oid);
	if (!pg_exec_params(conn, TYPES_SQL, 1, values, &types, err))
		return false;
	if (table->table->has_triggers)
		plan->strict_reason = "it has triggers or rules that fire for each change";
	plan_columns(table, types, as_text, plan);
	plan->order_reason = plan_key(table, types, plan);
	PQclear(types);
	*result = plan;
	return true;
}
