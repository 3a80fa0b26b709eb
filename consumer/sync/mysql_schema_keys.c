/*
 * mysql_schema_keys.c
 *		Primary keys, indexes, and, last of all, foreign keys.
 *
 * Names of indexes are those of their table there, and of the schema here; so the table's name is put in front.
 */
#include "sync/mysql_schema_private.h"

#include "mysql/my_name.h"
#include "pg/conn.h"
#include "sync/mysql_expression.h"

#include <string.h>
#include <strings.h>

/* What a btree's entry has room for, in characters of four bytes; MySQL's indexes end at 768 of them. */
#define MOST_INDEXED_CHARACTERS 670

static const char *
quoted_table(MysqlSchema *self, const char *name)
{
	StrBuf out = STRBUF_INIT;
	const char *text;

	mysql_schema_append_table(self, &out, name);
	text = arena_strdup(self->arena, strbuf_text(&out));
	strbuf_free(&out);
	return text;
}

static const char *
index_name(MysqlSchema *self, const MyIndex *index, const char *suffix)
{
	const char *table = my_target_name(self->mysql, self->arena, index->table->name);
	const char *name = my_target_name(self->mysql, self->arena, index->name);
	size_t length = strlen(table);

	/* Many have the table's name in theirs already. */
	if (suffix == NULL && (strncmp(name, table, length) != 0 || name[length] != '_'))
		name = arena_printf(self->arena, "%s_%s", table, name);
	return mysql_schema_free_name(self, suffix != NULL ? arena_printf(self->arena, "%s_%s", table, suffix) : name);
}

static bool
is_binary(const MyColumn *column)
{
	return column->type == MY_BINARY || column->type == MY_VARBINARY || column->type == MY_BLOB;
}

/* Of short text all of it is indexed, unless the prefix alone must be unique. */
static bool
needs_prefix(const MyIndex *index, const MyIndexColumn *item, const MyColumn *column)
{
	bool is_short =
		(column->type == MY_VARCHAR || column->type == MY_CHAR) && column->length <= MOST_INDEXED_CHARACTERS;

	return item->prefix > 0 && column->target_type == NULL && (index->is_unique ? !index->is_primary : !is_short);
}

/* *is_plain: columns only, so that it can be a constraint. */
static bool
append_items(MysqlSchema *self, const MyIndex *index, bool *is_plain, bool *may_fail, StrBuf *out)
{
	*is_plain = true;
	*may_fail = false;
	for (int i = 0; i < index->column_count; i++)
	{
		const MyIndexColumn *item = &index->columns[i];
		const MyColumn *column = item->name != NULL ? my_table_column(index->table, item->name) : NULL;
		const ExpressionGoal goal = {.use = EXPRESSION_FOR_INDEX};
		unsigned facts;

		strbuf_append(out, i > 0 ? ", " : "");
		if (column == NULL)
		{
			*is_plain = false;
			*may_fail = true;
			strbuf_append_char(out, '(');
			if (item->expression == NULL ||
				!mysql_expression(item->expression, index->table, self->mysql, &goal, out, &facts))
				return false;
			strbuf_append_char(out, ')');
		}
		else if (needs_prefix(index, item, column))
		{
			*is_plain = false;
			strbuf_append(out, is_binary(column) ? "substr(" : "\"left\"(");
			mysql_schema_append_name(self, out, item->name);
			strbuf_printf(out, is_binary(column) ? ", 1, %d)" : ", %d)", item->prefix);
		}
		else
			mysql_schema_append_name(self, out, item->name);
		if (item->is_descending && !index->is_primary)
		{
			*is_plain = false;
			strbuf_append(out, " DESC");
		}
	}
	return true;
}

/* Rows that the source refuses, and the target takes. */
static void
note_case(MysqlSchema *self, const MyIndex *index)
{
	for (int i = 0; index->is_unique && i < index->column_count; i++)
	{
		const MyIndexColumn *item = &index->columns[i];
		const MyColumn *column = item->name != NULL ? my_table_column(index->table, item->name) : NULL;

		if (column != NULL && column->collation != NULL && column->type != MY_ENUM &&
			strstr(column->collation, "_ci") != NULL)
		{
			mysql_schema_leave_out(self, "collation %s of %s.%s: \"a\" and \"A\" are two values of %s %s on the target",
								   column->collation, index->table->name, column->name,
								   index->is_primary ? "the" : "unique index",
								   index->is_primary ? "primary key" : index->name);
			return;
		}
	}
}

static void
add_index(MysqlSchema *self, const MyIndex *index)
{
	const char *what = arena_printf(self->arena, "%s index %s of %s", index->method, index->name, index->table->name);
	const char *table = quoted_table(self, index->table->name);
	const char *name;
	StrBuf items = STRBUF_INIT;
	StrBuf sql = STRBUF_INIT;
	DdlStatement *statement;
	bool is_plain;
	bool may_fail;

	if ((strcmp(index->method, "BTREE") != 0 && strcmp(index->method, "HASH") != 0) ||
		!append_items(self, index, &is_plain, &may_fail, &items))
	{
		mysql_schema_leave_out(self, "%s", what);
		strbuf_free(&items);
		return;
	}
	name = index_name(self, index, index->is_primary ? "pkey" : NULL);
	if (index->is_unique && is_plain)
	{
		strbuf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", table);
		pg_quote_identifier(&sql, name);
		strbuf_printf(&sql, " %s (%s)", index->is_primary ? "PRIMARY KEY" : "UNIQUE", strbuf_text(&items));
	}
	else
	{
		strbuf_printf(&sql, "CREATE %sINDEX ", index->is_unique ? "UNIQUE " : "");
		pg_quote_identifier(&sql, name);
		strbuf_printf(&sql, " ON %s (%s)", table, strbuf_text(&items));
	}
	note_case(self, index);
	statement = mysql_schema_add(self, arena_printf(self->arena, "INDEX %s", name), &sql);
	statement->table = table;
	statement->is_index = true;
	/* One that may fail is tried while the tables are made, and not hours later, after the copy. */
	statement->is_post = !may_fail;
	statement->failed = may_fail ? what : NULL;
	strbuf_free(&items);
}

/* Foreign keys */

static bool
has_name(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

/* InnoDB lets a key refer to columns that are not unique; PostgreSQL does not. */
static bool
is_unique_there(const MysqlSchema *self, const MyForeignKey *key, const MyTable *to)
{
	for (int i = 0; i < self->more.index_count; i++)
	{
		const MyIndex *index = &self->more.indexes[i];
		bool fits = index->table == to && index->is_unique && index->column_count == key->column_count;

		for (int k = 0; fits && k < index->column_count; k++)
			fits = index->columns[k].name != NULL && (index->columns[k].prefix == 0 || index->is_primary) &&
				   !index->columns[k].is_descending &&
				   has_name(key->to_columns, key->column_count, index->columns[k].name);
		if (fits)
			return true;
	}
	return false;
}

static void
append_names(const MysqlSchema *self, const MyTable *table, const char *const *names, int count, StrBuf *out)
{
	strbuf_append(out, " (");
	for (int i = 0; i < count; i++)
	{
		const char *name = names[i];

		/* Whoever wrote the key may have written the name in another case. */
		for (int k = 0; k < table->column_count; k++)
			if (strcasecmp(table->columns[k].name, name) == 0)
				name = table->columns[k].name;
		strbuf_append(out, i > 0 ? ", " : "");
		mysql_schema_append_name(self, out, name);
	}
	strbuf_append_char(out, ')');
}

static void
add_foreign_key(MysqlSchema *self, const MyForeignKey *key)
{
	const MyTable *to = key->to_schema == NULL || strcmp(key->to_schema, self->mysql->db) == 0
							? my_catalog_find(&self->catalog, key->to_table)
							: NULL;
	const char *reason = to == NULL                            ? "its target is not copied"
						 : !is_unique_there(self, key, to)     ? "what it refers to is not unique"
						 : strstr(key->actions, "SET DEFAULT") ? "SET DEFAULT"
															   : NULL;
	StrBuf sql = STRBUF_INIT;
	DdlStatement *statement;

	if (reason != NULL)
	{
		mysql_schema_leave_out(self, "foreign key %s of %s to %s: %s", key->name, key->table->name, key->to_table,
							   reason);
		return;
	}
	strbuf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", quoted_table(self, key->table->name));
	mysql_schema_append_name(self, &sql, key->name);
	strbuf_append(&sql, " FOREIGN KEY");
	append_names(self, key->table, key->columns, key->column_count, &sql);
	strbuf_printf(&sql, " REFERENCES %s", quoted_table(self, to->name));
	append_names(self, to, key->to_columns, key->column_count, &sql);
	if (key->actions[0] != '\0')
		strbuf_printf(&sql, " %s", key->actions);
	statement =
		mysql_schema_add(self, arena_printf(self->arena, "FK CONSTRAINT %s %s", key->table->name, key->name), &sql);
	statement->is_post = true;
	statement->table = quoted_table(self, key->table->name);
}

void
mysql_schema_keys(MysqlSchema *self)
{
	for (int i = 0; i < self->more.index_count; i++)
		add_index(self, &self->more.indexes[i]);
	for (int i = 0; i < self->more.foreign_key_count; i++)
		add_foreign_key(self, &self->more.foreign_keys[i]);
}
