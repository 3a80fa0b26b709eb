/*
 * target_sql.c
 *		The text of the statement that brings one change to its target table.
 *
 * Whole-row keys (identity FULL, no key on the target): a NULL in the old row is written "IS NULL" and everything else "=", because
 * an index serves both, and serves IS NOT DISTINCT FROM not at all.  So each set of NULLs is a statement of its own; a table
 * that shows more sets than NULL_PATTERN_LIMIT gets the general form for nullable columns.
 */
#include "apply/target_sql.h"

#include <stdlib.h>
#include <string.h>

#define NULL_PATTERN_LIMIT 32

/* The server makes the same test of it (make_nulltest_from_distinct() in parse_expr.c), except that a row of NULLs is none. */
#define IS_NULL " IS NOT DISTINCT FROM NULL"
#define TEXT_CAST "::text COLLATE \"C\""

void
target_sql_reset(TargetSql *sql)
{
	strbuf_reset(&sql->text);
	sql->any_count = false;
	sql->is_empty = false;
	sql->param_count = 0;
}

void
target_sql_free(TargetSql *sql)
{
	strbuf_free(&sql->text);
	free(sql->params);
	sql->params = NULL;
	sql->param_capacity = 0;
}

static bool
is_whole_row(const TargetTable *table)
{
	return table->relation->identity == 'f' && table->key_count == 0;
}

static bool
uses_null_patterns(const TargetTable *table)
{
	return table->null_patterns <= NULL_PATTERN_LIMIT;
}

void
target_sql_key(TargetTable *table, TargetOperation operation, const Change *change, StrBuf *key)
{
	const Relation *relation = table->relation;
	bool		any;

	strbuf_reset(key);
	strbuf_append_bytes(key, &table->id, sizeof(table->id));
	strbuf_append_char(key, (char) ('0' + (int) operation));
	strbuf_append_char(key, change->old_values != NULL ? 'o' : '-');

	any = false;
	for (int i = 0; change->new_values != NULL && i < relation->column_count && !any; i++)
		any = change->new_values[i].kind == VALUE_UNCHANGED;
	strbuf_append_char(key, any ? 'u' : '-');
	for (int i = 0; any && i < relation->column_count; i++)
		strbuf_append_char(key, change->new_values[i].kind == VALUE_UNCHANGED ? 'u' : 'k');

	if (change->old_values == NULL || !is_whole_row(table) || operation == TARGET_INSERT || operation == TARGET_UPSERT)
		return;
	any = false;
	for (int i = 0; i < relation->identity_count && !any; i++)
		any = change->old_values[i].kind == VALUE_UNCHANGED || (change->old_values[i].kind == VALUE_NULL && uses_null_patterns(table));
	strbuf_append_char(key, uses_null_patterns(table) ? 'p' : 'g');
	for (int i = 0; any && i < relation->identity_count; i++)
		strbuf_append_char(key, change->old_values[i].kind == VALUE_UNCHANGED ? 'u' : change->old_values[i].kind == VALUE_NULL ? 'n' : 'k');
}

/* Adds a parameter and writes it as $n::type. */
static int
add_param(TargetSql *sql, int param)
{
	if (sql->param_count == sql->param_capacity)
	{
		sql->param_capacity = sql->param_capacity == 0 ? 32 : sql->param_capacity * 2;
		sql->params = mem_realloc(sql->params, sizeof(int) * (size_t) sql->param_capacity);
	}
	sql->params[sql->param_count++] = param;
	return sql->param_count;
}

static void
append_param(TargetSql *sql, int number, const PgColumn *column)
{
	strbuf_printf(&sql->text, "$%d::%s", number, column->type_bare);
}

void
target_sql_append_table(const TargetTable *table, StrBuf *text)
{
	/* old-style inheritance: the children's rows are changes of their own; a partitioned table has no rows but its partitions' */
	if (table->table->kind != 'p')
		strbuf_append(text, "ONLY ");
	strbuf_append(text, table->name);
}

static bool
missing_column(const TargetTable *table, int i, Error *err)
{
	const RelationColumn *column = &table->relation->columns[i];
	StrBuf		quoted = STRBUF_INIT;

	pg_quote_identifier(&quoted, column->name);
	error_set(err, ERROR_FAILED, "target table %s has no column %s, which the source sends", table->name, strbuf_text(&quoted));
	error_hint(err, "On the target: ALTER TABLE %s ADD COLUMN %s %s; or exclude the table", table->name, strbuf_text(&quoted), column->type);
	strbuf_free(&quoted);
	return false;
}

const char *
target_sql_equality(const PgColumn *column)
{
	return column->equality != NULL ? column->equality : "OPERATOR(pg_catalog.=)";
}

static bool
append_key_condition(const TargetTable *table, const Change *change, TargetSql *sql, Error *err)
{
	for (int k = 0; k < table->key_count; k++)
	{
		int			i = table->key_columns[k];
		const TargetColumn *column = &table->columns[i];
		int			param = change->old_values != NULL && column->old_index >= 0 ? -1 - column->old_index : i;

		if (column->column == NULL)
			return missing_column(table, i, err);
		if ((param >= 0 && change->new_values == NULL) || target_sql_value(change, param)->kind == VALUE_UNCHANGED)
			return error_set(err, ERROR_FAILED, "the value of key column \"%s\" of %s is not in the source's log", table->relation->columns[i].name,
							 table->name);
		strbuf_append(&sql->text, k == 0 ? " WHERE " : " AND ");
		pg_quote_identifier(&sql->text, column->column->name);
		strbuf_printf(&sql->text, " %s ", target_sql_equality(column->column));
		append_param(sql, add_param(sql, param), column->column);
	}
	return true;
}

/* "column is what it was", by equality where the type has one that says it, else by text. */
static void
append_row_condition(const TargetTable *table, const TargetColumn *column, const Value *old, TargetSql *sql)
{
	const PgColumn *target = column->column;
	bool		general = !uses_null_patterns(table) && !target->not_null;
	const char *name;
	StrBuf		quoted = STRBUF_INIT;
	int			number;

	pg_quote_identifier(&quoted, target->name);
	name = strbuf_text(&quoted);
	if (old->kind == VALUE_NULL && !general)
	{
		strbuf_printf(&sql->text, "%s" IS_NULL, name);
		strbuf_free(&quoted);
		return;
	}
	number = add_param(sql, -1 - column->old_index);
	if (general)
	{
		strbuf_printf(&sql->text, "(%s" IS_NULL " AND ", name);
		append_param(sql, number, target);
		strbuf_append(&sql->text, IS_NULL " OR ");
	}
	if (target->equality != NULL)
	{
		strbuf_printf(&sql->text, "%s %s ", name, target->equality);
		append_param(sql, number, target);
	}
	if (target->equality == NULL || column->is_loose)
	{
		strbuf_printf(&sql->text, "%s%s" TEXT_CAST " OPERATOR(pg_catalog.=) ", target->equality != NULL ? " AND " : "", name);
		append_param(sql, number, target);
		strbuf_append(&sql->text, TEXT_CAST);
	}
	if (general)
		strbuf_append(&sql->text, ")");
	strbuf_free(&quoted);
}

/* Exactly one of the rows that look like the old one, whichever. */
static bool
append_whole_row_condition(const TargetTable *table, const Change *change, TargetSql *sql, Error *err)
{
	const Relation *relation = table->relation;
	const char *separator = " WHERE ";

	if (change->old_values == NULL)
		return error_set(err, ERROR_FAILED, "a change of %s comes without the old row", table->name);
	/* a ctid is unique within one partition only */
	strbuf_append(&sql->text, table->table->kind == 'p' ? " WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM " : " WHERE ctid = (SELECT ctid FROM ");
	target_sql_append_table(table, &sql->text);
	for (int i = 0; i < relation->column_count; i++)
	{
		const TargetColumn *column = &table->columns[i];
		const Value *old;

		if (column->old_index < 0)
			continue;
		old = &change->old_values[column->old_index];
		if (old->kind == VALUE_UNCHANGED || (column->column != NULL && column->column->generated != '\0'))
			continue;
		if (column->column == NULL)
		{
			if ((relation->columns[i].flags & COLUMN_GENERATED) != 0)
				continue;
			return missing_column(table, i, err);
		}
		strbuf_append(&sql->text, separator);
		append_row_condition(table, column, old, sql);
		separator = " AND ";
	}
	strbuf_append(&sql->text, " LIMIT 1)");
	return true;
}

static bool
append_condition(const TargetTable *table, const Change *change, TargetSql *sql, Error *err)
{
	if (is_whole_row(table))
		return append_whole_row_condition(table, change, sql, err);
	return append_key_condition(table, change, sql, err);
}

static bool
build_insert(const TargetTable *table, const Change *change, TargetSql *sql, Error *err)
{
	const Relation *relation = table->relation;
	const char *separator = " (";

	strbuf_printf(&sql->text, "INSERT INTO %s", table->name);
	for (int i = 0; i < relation->column_count; i++)
	{
		const TargetColumn *column = &table->columns[i];

		if ((relation->columns[i].flags & COLUMN_GENERATED) != 0)
			continue;
		if (column->column == NULL)
			return missing_column(table, i, err);
		if (!column->is_written)
			continue;
		if (change->new_values[i].kind == VALUE_UNCHANGED)
			return error_set(err, ERROR_FAILED, "the value of column \"%s\" of a row new to %s is not in the source's log", relation->columns[i].name,
							 table->name);
		strbuf_append(&sql->text, separator);
		pg_quote_identifier(&sql->text, column->column->name);
		add_param(sql, i);
		separator = ", ";
	}
	if (sql->param_count == 0)
	{
		strbuf_append(&sql->text, " DEFAULT VALUES");
		return true;
	}
	strbuf_append(&sql->text, table->overrides_identity ? ") OVERRIDING SYSTEM VALUE VALUES (" : ") VALUES (");
	for (int n = 0; n < sql->param_count; n++)
	{
		if (n > 0)
			strbuf_append(&sql->text, ", ");
		append_param(sql, n + 1, table->columns[sql->params[n]].column);
	}
	strbuf_append(&sql->text, ")");
	return true;
}

bool
target_sql_append_on_conflict(const TargetTable *table, const int *columns, int count, StrBuf *text)
{
	const char *separator = " DO UPDATE SET ";

	strbuf_append(text, " ON CONFLICT (");
	for (int k = 0; k < table->key_count; k++)
	{
		if (k > 0)
			strbuf_append(text, ", ");
		pg_quote_identifier(text, table->columns[table->key_columns[k]].column->name);
	}
	strbuf_append(text, ")");
	for (int n = 0; n < count; n++)
	{
		const TargetColumn *column = &table->columns[columns[n]];

		if (column->is_always_identity)
			continue;
		strbuf_append(text, separator);
		pg_quote_identifier(text, column->column->name);
		strbuf_append(text, " = EXCLUDED.");
		pg_quote_identifier(text, column->column->name);
		separator = ", ";
	}
	if (strcmp(separator, ", ") == 0)
		return true;
	strbuf_append(text, " DO NOTHING");
	return false;
}

static bool
same_value(const Value *a, const Value *b)
{
	if (a->kind != b->kind)
		return false;
	return a->data == NULL || (a->length == b->length && memcmp(a->data, b->data, a->length) == 0);
}

static bool
identity_changes(const TargetTable *table, int i, Error *err)
{
	const char *name = table->relation->columns[i].name;
	StrBuf		quoted = STRBUF_INIT;

	error_set(err, ERROR_FAILED, "column \"%s\" of %s is GENERATED ALWAYS AS IDENTITY, and the source has changed a row's value of it", name,
			  table->name);
	pg_quote_identifier(&quoted, name);
	error_hint(err, "On the target: ALTER TABLE %s ALTER COLUMN %s SET GENERATED BY DEFAULT", table->name, strbuf_text(&quoted));
	strbuf_free(&quoted);
	return false;
}

static bool
build_update(const TargetTable *table, const Change *change, TargetSql *sql, Error *err)
{
	const Relation *relation = table->relation;
	const char *separator = " SET ";

	strbuf_append(&sql->text, "UPDATE ");
	target_sql_append_table(table, &sql->text);
	for (int i = 0; i < relation->column_count; i++)
	{
		const TargetColumn *column = &table->columns[i];

		if ((relation->columns[i].flags & COLUMN_GENERATED) != 0 || change->new_values[i].kind == VALUE_UNCHANGED)
			continue;
		if (column->column == NULL)
			return missing_column(table, i, err);
		if (!column->is_written || column->is_always_identity)
			continue;
		strbuf_append(&sql->text, separator);
		pg_quote_identifier(&sql->text, column->column->name);
		strbuf_append(&sql->text, " = ");
		append_param(sql, add_param(sql, i), column->column);
		separator = ", ";
	}
	if (sql->param_count == 0)
	{
		sql->is_empty = true;
		return true;
	}
	if (!append_condition(table, change, sql, err))
		return false;

	/* Not settable, so it must be what it was; outside of the key only the target's row can tell. */
	for (int i = 0; i < relation->column_count; i++)
	{
		const TargetColumn *column = &table->columns[i];

		if (!column->is_always_identity || !column->is_written || column->old_index >= 0 || change->new_values[i].kind != VALUE_TEXT)
			continue;
		strbuf_append(&sql->text, " AND ");
		pg_quote_identifier(&sql->text, column->column->name);
		strbuf_printf(&sql->text, " %s ", target_sql_equality(column->column));
		append_param(sql, add_param(sql, i), column->column);
	}
	return true;
}

bool
target_sql_check_update(const TargetTable *table, const Change *change, Error *err)
{
	for (int i = 0; table->overrides_identity && change->old_values != NULL && i < table->relation->column_count; i++)
	{
		const TargetColumn *column = &table->columns[i];

		if (column->is_always_identity && column->is_written && column->old_index >= 0 && change->new_values[i].kind != VALUE_UNCHANGED &&
			!same_value(&change->new_values[i], &change->old_values[column->old_index]))
			return identity_changes(table, i, err);
	}
	return true;
}

bool
target_sql_build(const TargetTable *table, TargetOperation operation, const Change *change, TargetSql *sql, Error *err)
{
	target_sql_reset(sql);
	switch (operation)
	{
		case TARGET_INSERT:
			return build_insert(table, change, sql, err);
		case TARGET_UPSERT:
			if (!build_insert(table, change, sql, err))
				return false;
			sql->any_count = !target_sql_append_on_conflict(table, sql->params, sql->param_count, &sql->text);
			return true;
		case TARGET_UPDATE:
			return build_update(table, change, sql, err);
		case TARGET_DELETE:
			strbuf_append(&sql->text, "DELETE FROM ");
			target_sql_append_table(table, &sql->text);
			return append_condition(table, change, sql, err);
	}
	return true;
}
