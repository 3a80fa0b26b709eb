/*
 * mysql_schema_table.c
 *		CREATE TABLE and what belongs to it: enum types, sequences, defaults, generated columns, checks, comments.
 */
#include "sync/mysql_schema_private.h"

#include "mysql/my_name.h"
#include "mysql/my_types.h"
#include "mysql/my_value.h"
#include "pg/conn.h"
#include "sync/mysql_expression.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* A table while it is written. */
typedef struct TableText
{
	const MyTable *table;
	const char **types;   /* of each column */
	const char *sequence; /* quoted, of the column that counts up by itself; NULL: none, or an identity */
	const char *identity_sequence; /* quoted, of an identity; NULL: as PostgreSQL names it */
	bool is_partitioned;
	bool plain;    /* without what may fail */
	bool has_more; /* something was left out for that */
} TableText;

static const char *
type_of(MysqlSchema *self, const MyTable *table, const MyColumn *column)
{
	StrBuf out = STRBUF_INIT;
	const char *type;

	if (!my_type_is_enum(column))
		my_type_append(&out, column, self->mysql);
	else
	{
		StrBuf sql = STRBUF_INIT;
		const char *name = mysql_schema_free_name(
			self, arena_printf(self->arena, "%s_%s", my_target_name(self->mysql, self->arena, table->name),
							   my_target_name(self->mysql, self->arena, column->name)));

		pg_quote_qualified(&out, self->name, name);
		strbuf_printf(&sql, "CREATE TYPE %s AS ENUM (", strbuf_text(&out));
		for (int i = 0; i < column->label_count; i++)
		{
			strbuf_append(&sql, i > 0 ? ", " : "");
			pg_quote_literal(&sql, column->labels[i]);
		}
		strbuf_append_char(&sql, ')');
		mysql_schema_add(self, arena_printf(self->arena, "TYPE %s", name), &sql);
	}
	type = arena_strdup(self->arena, strbuf_text(&out));
	strbuf_free(&out);
	return type;
}

/* Defaults */

static bool
is_plain_number(const char *text)
{
	size_t length = strspn(text, "-0123456789.");

	return length > 0 && text[length] == '\0';
}

/* The raw bytes of b'101'. */
static size_t
bits_of(const char *text, int bits, char bytes[8])
{
	uint64_t value = 0;
	size_t size = (size_t) (bits + 7) / 8;

	for (const char *c = strchr(text, '\'') + 1; *c == '0' || *c == '1'; c++)
		value = value << 1 | (uint64_t) (*c - '0');
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char) (value >> 8 * (size - 1 - i));
	return size;
}

/* In the catalogue, bytes that are no text may be lost; MySQL shows those up to the first zero byte in hexadecimal digits. */
static bool
is_lossless(const MysqlSchema *self, const MyColumn *column)
{
	if (!my_server(self->conn)->is_mariadb && strncmp(column->default_text, "0x", 2) == 0)
		return false;
	for (size_t i = 0; i < column->default_length; i++)
		if ((unsigned char) column->default_text[i] > 126 || column->default_text[i] == '?')
			return false;
	return true;
}

static bool
append_literal(MysqlSchema *self, const MyTable *table, const MyColumn *column, StrBuf *out)
{
	bool is_binary = column->type == MY_BINARY || column->type == MY_VARBINARY || column->type == MY_BLOB;
	StrBuf bytes = STRBUF_INIT;
	StrBuf value = STRBUF_INIT;
	MyProblem problem;
	MyValueKind kind = MY_VALUE_BAD;
	char bits[8];

	if (column->type == MY_BIT && strncasecmp(column->default_text, "b'", 2) == 0)
		strbuf_append_bytes(&bytes, bits, bits_of(column->default_text, column->length, bits));
	else
		strbuf_append_bytes(&bytes, column->default_text, column->default_length);
	while (column->type == MY_BINARY && bytes.length < (size_t) column->length)
		strbuf_append_char(&bytes, '\0');
	if (!is_binary || is_lossless(self, column))
		kind = my_value(column, self->mysql, strbuf_text(&bytes), bytes.length, &value, &problem);
	if (kind == MY_VALUE_SAME)
		strbuf_append(&value, strbuf_text(&bytes));
	if (kind == MY_VALUE_SAME || kind == MY_VALUE_TEXT)
	{
		strbuf_append(out, " DEFAULT ");
		if (column->type <= MY_DOUBLE && is_plain_number(strbuf_text(&value)))
			strbuf_append(out, strbuf_text(&value));
		else
			pg_quote_literal(out, strbuf_text(&value));
	}
	else if (kind != MY_VALUE_NULL || column->is_nullable)
		mysql_schema_leave_out(self, "default of %s.%s: %s", table->name, column->name,
							   is_binary ? "its bytes cannot be read" : my_problem_text(problem));
	strbuf_free(&bytes);
	strbuf_free(&value);
	return kind == MY_VALUE_SAME || kind == MY_VALUE_TEXT;
}

static void
append_default(MysqlSchema *self, TableText *text, const MyColumn *column, const char *type, StrBuf *out)
{
	const ExpressionGoal goal = {EXPRESSION_FOR_COLUMN, column, type};
	StrBuf expression = STRBUF_INIT;
	unsigned facts;

	if (column->default_text == NULL || column->is_auto_increment || column->is_generated)
		return;
	if (!column->default_is_expression)
	{
		append_literal(self, text->table, column, out);
		return;
	}
	if (!mysql_expression(column->default_text, text->table, self->mysql, &goal, &expression, &facts) ||
		(facts & EXPRESSION_READS_COLUMN) != 0)
		mysql_schema_leave_out(self, "default of %s.%s: %s", text->table->name, column->name, column->default_text);
	else
	{
		text->has_more = true;
		if (!text->plain)
			strbuf_printf(out, " DEFAULT %s", strbuf_text(&expression));
	}
	strbuf_free(&expression);
}

/* Columns */

/* What the target might compute to another value is a plain column. */
static void
append_generated(MysqlSchema *self, TableText *text, const MyColumn *column, const char *type, StrBuf *out)
{
	const ExpressionGoal goal = {EXPRESSION_FOR_COLUMN, column, type};
	StrBuf expression = STRBUF_INIT;
	unsigned facts = 0;

	if (column->generation != NULL &&
		mysql_expression(column->generation, text->table, self->mysql, &goal, &expression, &facts) &&
		(facts & EXPRESSION_IS_VOLATILE) == 0)
	{
		text->has_more = true;
		if (!text->plain)
			strbuf_printf(out, " GENERATED ALWAYS AS (%s) STORED", strbuf_text(&expression));
	}
	else
		mysql_schema_leave_out(self, "generated column %s.%s is a plain one, which gets the source's values: %s",
							   text->table->name, column->name, column->generation != NULL ? column->generation : "");
	strbuf_free(&expression);
}

/* A date that may be zero becomes NULL. */
static bool
has_zero_date(const MySourceConfig *config, const MyColumn *column)
{
	StrBuf ignored = STRBUF_INIT;
	MyProblem problem = MY_PROBLEM_NONE;
	bool is_date = column->type == MY_DATE || column->type == MY_DATETIME || column->type == MY_TIMESTAMP;

	if (is_date && column->default_text != NULL && !column->default_is_expression &&
		config->zero_dates == MY_ZERO_DATES_NULL)
		(void) my_value(column, config, column->default_text, strlen(column->default_text), &ignored, &problem);
	strbuf_free(&ignored);
	return problem == MY_PROBLEM_ZERO_DATE;
}

static bool
can_be_identity(const char *type)
{
	return strcmp(type, "smallint") == 0 || strcmp(type, "integer") == 0 || strcmp(type, "bigint") == 0;
}

static void
append_counter(TableText *text, StrBuf *out)
{
	const MyTable *table = text->table;

	if (text->sequence != NULL)
	{
		strbuf_append(out, " DEFAULT nextval(");
		pg_quote_literal(out, text->sequence);
		strbuf_append_char(out, ')');
		return;
	}
	strbuf_append(out, " GENERATED BY DEFAULT AS IDENTITY");
	if (text->identity_sequence == NULL && table->auto_increment <= 1)
		return;
	strbuf_append(out, " (");
	if (text->identity_sequence != NULL)
		strbuf_printf(out, "SEQUENCE NAME %s%s", text->identity_sequence, table->auto_increment > 1 ? " " : "");
	if (table->auto_increment > 1)
		strbuf_printf(out, "START WITH %" PRId64, table->auto_increment);
	strbuf_append_char(out, ')');
}

/* The labels that a column without a type of its own may have. */
static void
append_labels(const MysqlSchema *self, const MyColumn *column, StrBuf *out)
{
	bool is_set = column->type == MY_SET;

	if (column->target_type != NULL || my_type_is_enum(column) || column->label_count == 0 || column->labels_uncertain)
		return;
	strbuf_append(out, " CHECK (");
	mysql_schema_append_name(self, out, column->name);
	strbuf_append(out, is_set ? " <@ ARRAY[" : " IN (");
	for (int i = 0; i < column->label_count; i++)
	{
		strbuf_append(out, i > 0 ? ", " : "");
		pg_quote_literal(out, column->labels[i]);
	}
	strbuf_append(out, is_set ? "]::text[])" : "))");
}

static void
append_column(MysqlSchema *self, TableText *text, int number, StrBuf *out)
{
	const MyColumn *column = &text->table->columns[number];
	const char *type = text->types[number];

	mysql_schema_append_name(self, out, column->name);
	strbuf_printf(out, " %s", type);
	if (column->is_generated)
		append_generated(self, text, column, type, out);
	else if (column->is_auto_increment && (text->sequence != NULL || can_be_identity(type)))
		append_counter(text, out);
	append_default(self, text, column, type, out);
	if (!column->is_nullable && !column->is_generated)
	{
		if (!has_zero_date(self->mysql, column))
			strbuf_append(out, " NOT NULL");
		else
			mysql_schema_leave_out(self, "NOT NULL of %s.%s: zero dates become NULL", text->table->name, column->name);
	}
	append_labels(self, column, out);
}

/* What PostgreSQL would call it may be the name of a table to come. */
static void
name_identity(MysqlSchema *self, TableText *text, const char *usual)
{
	const char *name = mysql_schema_free_name(self, usual);
	StrBuf quoted = STRBUF_INIT;

	/* a long name is cut there, in its own way */
	if (strcmp(name, usual) == 0 || strncmp(name, usual, strlen(usual)) != 0)
		return;
	pg_quote_qualified(&quoted, self->name, name);
	text->identity_sequence = arena_strdup(self->arena, strbuf_text(&quoted));
	strbuf_free(&quoted);
}

/* A sequence of its own for types and tables that have no identity. */
static void
make_sequence(MysqlSchema *self, TableText *text, int number)
{
	const MyTable *table = text->table;
	const char *type = text->types[number];
	const char *usual = arena_printf(self->arena, "%s_%s_seq", my_target_name(self->mysql, self->arena, table->name),
									 my_target_name(self->mysql, self->arena, table->columns[number].name));
	StrBuf sql = STRBUF_INIT;
	StrBuf quoted = STRBUF_INIT;
	const char *name;

	if (!text->is_partitioned && can_be_identity(type))
	{
		name_identity(self, text, usual);
		return;
	}
	if (!can_be_identity(type) && strncmp(type, "numeric", strlen("numeric")) != 0)
	{
		mysql_schema_leave_out(self, "AUTO_INCREMENT of %s.%s, which is %s", table->name, table->columns[number].name,
							   type);
		return;
	}
	name = mysql_schema_free_name(self, usual);
	pg_quote_qualified(&quoted, self->name, name);
	text->sequence = arena_strdup(self->arena, strbuf_text(&quoted));
	strbuf_printf(&sql, "CREATE SEQUENCE %s", text->sequence);
	if (table->auto_increment > 1)
		strbuf_printf(&sql, " START WITH %" PRId64, table->auto_increment);
	mysql_schema_add(self, arena_printf(self->arena, "SEQUENCE %s", name), &sql);
	strbuf_free(&quoted);
}

static void
append_table(MysqlSchema *self, TableText *text, StrBuf *out)
{
	const MyTable *table = text->table;

	strbuf_printf(out, "-- %s, %s\nCREATE TABLE ", table->engine,
				  table->collation != NULL ? table->collation : "no collation");
	mysql_schema_append_table(self, out, table->name);
	strbuf_append(out, " (");
	for (int i = 0; i < table->column_count; i++)
	{
		strbuf_append(out, i > 0 ? ",\n    " : "\n    ");
		append_column(self, text, i, out);
	}
	strbuf_append(out, "\n)");
}

static void
add_comment(MysqlSchema *self, const MyTable *table, const MyColumn *column)
{
	const char *comment = column != NULL ? column->comment : table->comment;
	StrBuf sql = STRBUF_INIT;

	if (comment == NULL || comment[0] == '\0')
		return;
	strbuf_printf(&sql, "COMMENT ON %s ", column != NULL ? "COLUMN" : "TABLE");
	mysql_schema_append_table(self, &sql, table->name);
	if (column != NULL)
	{
		strbuf_append_char(&sql, '.');
		mysql_schema_append_name(self, &sql, column->name);
	}
	strbuf_append(&sql, " IS ");
	pg_quote_literal(&sql, comment);
	mysql_schema_add(self, arena_printf(self->arena, "COMMENT on %s", table->name), &sql);
}

/* A check that the target does not take is no reason to have no table. */
static void
add_check(MysqlSchema *self, const MyCheck *check)
{
	const char *what = arena_printf(self->arena, "check %s of %s: %s", check->name, check->table->name, check->clause);
	const ExpressionGoal goal = {.use = EXPRESSION_FOR_CHECK};
	StrBuf expression = STRBUF_INIT;
	StrBuf sql = STRBUF_INIT;
	unsigned facts = 0;

	if (!check->is_enforced ||
		!mysql_expression(check->clause, check->table, self->mysql, &goal, &expression, &facts))
		mysql_schema_leave_out(self, "%s%s", what,
							   (facts & EXPRESSION_IGNORES_CASE) != 0 ? " (it compares without case)" : "");
	else
	{
		strbuf_append(&sql, "ALTER TABLE ");
		mysql_schema_append_table(self, &sql, check->table->name);
		strbuf_append(&sql, " ADD CONSTRAINT ");
		mysql_schema_append_name(self, &sql, check->name);
		strbuf_printf(&sql, " CHECK (%s)", strbuf_text(&expression));
		mysql_schema_add(self, arena_printf(self->arena, "CHECK %s", check->name), &sql)->failed = what;
	}
	strbuf_free(&expression);
	strbuf_free(&sql);
}

static void
own_sequence(MysqlSchema *self, const TableText *text, const MyColumn *column)
{
	StrBuf sql = STRBUF_INIT;

	strbuf_printf(&sql, "ALTER SEQUENCE %s OWNED BY ", text->sequence);
	mysql_schema_append_table(self, &sql, text->table->name);
	strbuf_append_char(&sql, '.');
	mysql_schema_append_name(self, &sql, column->name);
	mysql_schema_add(self, arena_printf(self->arena, "SEQUENCE of %s", text->table->name), &sql);
}

static void
note_column(MysqlSchema *self, const MyTable *table, const MyColumn *column)
{
	if (column->updates_itself)
		mysql_schema_leave_out(self, "ON UPDATE CURRENT_TIMESTAMP of %s.%s", table->name, column->name);
	if (column->labels_uncertain)
		mysql_schema_leave_out(self, "labels of %s.%s: the source does not tell all of their characters", table->name,
							   column->name);
}

static void
make_table(MysqlSchema *self, const MyTable *table)
{
	TableText text = {.table = table,
					  .types = arena_zalloc(self->arena, sizeof(char *) * (size_t) (table->column_count + 1))};
	const char *name = my_target_name(self->mysql, self->arena, table->name);
	StrBuf sql = STRBUF_INIT;
	StrBuf plain = STRBUF_INIT;
	StrBuf partition_by = STRBUF_INIT;
	StrBuf partitions = STRBUF_INIT;
	DdlStatement *statement;
	int counter = -1;

	text.is_partitioned =
		!self->options->no_partitions && mysql_schema_partition(self, table, &partition_by, &partitions);
	for (int i = 0; i < table->column_count; i++)
	{
		text.types[i] = type_of(self, table, &table->columns[i]);
		if (table->columns[i].is_auto_increment)
			counter = i;
		note_column(self, table, &table->columns[i]);
	}
	if (counter >= 0)
		make_sequence(self, &text, counter);
	append_table(self, &text, &sql);
	strbuf_append(&sql, strbuf_text(&partition_by));
	if (text.has_more)
	{
		text.plain = self->is_quiet = true;
		append_table(self, &text, &plain);
		self->is_quiet = false;
		strbuf_append(&plain, strbuf_text(&partition_by));
	}
	statement = mysql_schema_add(self, arena_printf(self->arena, "TABLE %s", name), &sql);
	if (plain.length > 0)
	{
		statement->fallback = arena_strdup(self->arena, strbuf_text(&plain));
		statement->failed =
			arena_printf(self->arena, "generated columns and defaults by expressions of %s", table->name);
	}
	if (partitions.length > 0)
		mysql_schema_add(self, arena_printf(self->arena, "PARTITIONS of %s", name), &partitions);
	if (text.sequence != NULL)
		own_sequence(self, &text, &table->columns[counter]);
	add_comment(self, table, NULL);
	for (int i = 0; i < table->column_count; i++)
		add_comment(self, table, &table->columns[i]);
	strbuf_free(&plain);
	strbuf_free(&partition_by);
	strbuf_free(&partitions);
}

void
mysql_schema_tables(MysqlSchema *self)
{
	for (int i = 0; i < self->catalog.count; i++)
		make_table(self, &self->catalog.tables[i]);
	for (int i = 0; i < self->more.check_count; i++)
		add_check(self, &self->more.checks[i]);
}
