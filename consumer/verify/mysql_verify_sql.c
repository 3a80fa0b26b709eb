/* The statements by which the target counts its own rows, and those that it is handed, in the same way. */
#include "verify/mysql_verify.h"

#include <stdlib.h>
#include <string.h>

/* "hashtext(ROW(t.a, t.b)::text)::int8"; key_only: of the columns that name a row. */
static void
append_hash(StrBuf *sql, const MyVerifyTable *table, bool key_only)
{
	int			count = key_only ? table->key_count : table->column_count;

	strbuf_append(sql, "pg_catalog.hashtext(ROW(");
	for (int i = 0; i < count; i++)
	{
		strbuf_append(sql, i > 0 ? ", t." : "t.");
		pg_quote_identifier(sql, table->columns[key_only ? table->key[i] : i].to->name);
	}
	strbuf_append(sql, ")::pg_catalog.text)::pg_catalog.int8");
}

/* Every row of t: part, key, hash. */
static void
append_rows(StrBuf *sql, const MyVerifyTable *table, const char *from)
{
	strbuf_append(sql, "SELECT ");
	append_hash(sql, table, table->key_count > 0);
	strbuf_printf(sql, " & %d AS part, ROW(", VERIFY_PARTS - 1);
	for (int i = 0; i < table->key_count; i++)
	{
		strbuf_append(sql, i > 0 ? ", t." : "t.");
		pg_quote_identifier(sql, table->columns[table->key[i]].to->name);
	}
	strbuf_append(sql, ")::pg_catalog.text AS key, ");
	append_hash(sql, table, false);
	strbuf_printf(sql, " AS hash FROM %s", from);
}

static const char *
sums_of(Arena *arena, const char *rows)
{
	return arena_printf(arena, "SELECT part, pg_catalog.count(*), pg_catalog.sum(hash)::pg_catalog.int8 FROM (%s) s GROUP BY part", rows);
}

/* An explicit cast would cut a long text off, where COPY refuses it. */
static const char *
cast_type(const PgColumn *column)
{
	return strncmp(column->type, "pg_catalog.varchar", 18) == 0 || strncmp(column->type, "character varying", 17) == 0 ? "pg_catalog.text" : column->type;
}

/* The parameters, one array of texts for each column, as rows of the target's types. */
static char *
batch_from(const MyVerifyTable *table)
{
	StrBuf		sql = STRBUF_INIT;

	strbuf_append(&sql, "(SELECT ");
	for (int i = 0; i < table->column_count; i++)
	{
		strbuf_printf(&sql, "%su.c%d::%s AS ", i > 0 ? ", " : "", i + 1, cast_type(table->columns[i].to));
		pg_quote_identifier(&sql, table->columns[i].to->name);
	}
	strbuf_append(&sql, " FROM ROWS FROM (");
	for (int i = 0; i < table->column_count; i++)
		strbuf_printf(&sql, "%spg_catalog.unnest($%d::pg_catalog.text[])", i > 0 ? ", " : "", i + 1);
	strbuf_append(&sql, ") AS u(");
	for (int i = 0; i < table->column_count; i++)
		strbuf_printf(&sql, "%sc%d", i > 0 ? ", " : "", i + 1);
	strbuf_append(&sql, ")) t");
	return strbuf_detach(&sql);
}

static const char *
read_statement(const MyVerifyTable *table, Arena *arena)
{
	StrBuf		sql = STRBUF_INIT;
	const char *copy;

	for (int i = 0; i < table->column_count; i++)
	{
		strbuf_append(&sql, i > 0 ? ", " : "SELECT ");
		my_quote_identifier(&sql, table->columns[i].from->name);
		/* Its own text has six digits only. */
		if (table->columns[i].from->type == MY_FLOAT)
			strbuf_append(&sql, " * 1e0");
	}
	strbuf_append(&sql, " FROM ");
	my_quote_identifier(&sql, table->source->schema);
	strbuf_append(&sql, ".");
	my_quote_identifier(&sql, table->source->name);
	copy = arena_strdup(arena, strbuf_text(&sql));
	strbuf_free(&sql);
	return copy;
}

void
mysql_verify_statements(MyVerifyTable *table, Arena *arena)
{
	StrBuf		from = STRBUF_INIT;
	StrBuf		rows = STRBUF_INIT;
	char	   *batch = batch_from(table);

	table->read_sql = read_statement(table, arena);
	pg_quote_qualified(&from, table->target->schema, table->target->name);
	strbuf_append(&from, " t");
	append_rows(&rows, table, strbuf_text(&from));
	table->target_rows_sql = arena_strdup(arena, strbuf_text(&rows));
	table->target_sql = sums_of(arena, table->target_rows_sql);
	strbuf_reset(&rows);
	append_rows(&rows, table, batch);
	table->batch_rows_sql = arena_strdup(arena, strbuf_text(&rows));
	table->batch_sql = sums_of(arena, table->batch_rows_sql);
	strbuf_free(&from);
	strbuf_free(&rows);
	free(batch);
}
