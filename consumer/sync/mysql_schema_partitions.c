/*
 * mysql_schema_partitions.c
 *		Partitions: by range and list of a column, or of a function that keeps the column's order; by hash of columns.
 */
#include "sync/mysql_schema_private.h"

#include "mysql/my_name.h"
#include "pg/conn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MOST_COLUMNS 16
#define DAYS_TO_1970 719528 /* TO_DAYS('1970-01-01') */

/* How a bound is written: as it is, or of what the function was applied to. */
typedef enum BoundForm
{
	BOUND_VALUE,
	BOUND_YEAR,
	BOUND_DAYS,
	BOUND_SECONDS
} BoundForm;

typedef struct Scheme
{
	const char *method; /* PostgreSQL's */
	const MyColumn *columns[MOST_COLUMNS];
	int column_count;
	BoundForm form;
} Scheme;

static bool
starts_with(const char *text, const char *start)
{
	return strncasecmp(text, start, strlen(start)) == 0;
}

/* "`a`,`b`", "year(`d`)" */
static bool
read_expression(const MyTable *table, const char *expression, Scheme *scheme)
{
	static const struct
	{
		const char *name;
		BoundForm form;
	} functions[] = {{"year(", BOUND_YEAR}, {"to_days(", BOUND_DAYS}, {"unix_timestamp(", BOUND_SECONDS}};
	const char *at = expression;
	bool in_function = false;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		if (!starts_with(at, functions[i].name))
			continue;
		at += strlen(functions[i].name);
		scheme->form = functions[i].form;
		in_function = true;
	}
	while (*at == '`' && scheme->column_count < MOST_COLUMNS)
	{
		const char *end = strchr(at + 1, '`');
		char *name = end == NULL ? NULL : mem_strndup(at + 1, (size_t) (end - at - 1));
		const MyColumn *column = name == NULL ? NULL : my_table_column(table, name);

		free(name);
		if (column == NULL || column->is_generated)
			return false;
		scheme->columns[scheme->column_count++] = column;
		at = end + 1;
		while (*at == ',' || *at == ' ')
			at++;
	}
	return scheme->column_count > 0 && strcmp(at, in_function ? ")" : "") == 0 &&
		   (!in_function || scheme->column_count == 1);
}

static bool
read_scheme(const MyPartitioning *from, Scheme *scheme)
{
	const char *method = starts_with(from->method, "LINEAR ") ? from->method + strlen("LINEAR ") : from->method;

	scheme->method = starts_with(method, "RANGE") ? "RANGE" : starts_with(method, "LIST") ? "LIST" : "HASH";
	if (starts_with(method, "KEY") && from->expression[0] == '\0')
	{
		for (int i = 0; i < from->table->key_count && i < MOST_COLUMNS; i++)
			scheme->columns[scheme->column_count++] = &from->table->columns[from->table->key_columns[i]];
		return scheme->column_count > 0;
	}
	if (!read_expression(from->table, from->expression, scheme))
		return false;
	/* Another function spreads rows in another way, which is as good; but it does not say which list one is in. */
	if (strcmp(scheme->method, "LIST") == 0)
		return scheme->form == BOUND_VALUE && scheme->column_count == 1;
	return true;
}

/* One value of a bound at *at, which moves behind it and its comma. */
static bool
append_value(const Scheme *scheme, const char **at, StrBuf *out)
{
	size_t length;
	char text[64];
	long long number;
	time_t seconds;
	struct tm day;

	while (**at == ' ')
		(*at)++;
	length = strcspn(*at, ",");
	if (**at == '\'')
	{
		StrBuf plain = STRBUF_INIT;

		*at = my_unquote(*at, &plain);
		pg_quote_literal(out, strbuf_text(&plain));
		strbuf_free(&plain);
	}
	else if (length == 0 || length >= sizeof(text))
		return false;
	else
	{
		memcpy(text, *at, length);
		text[length] = '\0';
		*at += length;
		number = strtoll(text, NULL, 10);
		if (strcasecmp(text, "MAXVALUE") == 0 || strcasecmp(text, "NULL") == 0)
			strbuf_append(out, text);
		else if (strspn(text, "-0123456789.") != length)
			return false;
		else if (scheme->form == BOUND_YEAR)
			strbuf_printf(out, "'%04lld-01-01'", number);
		else if (scheme->form == BOUND_VALUE)
			strbuf_append(out, text);
		else
		{
			seconds = scheme->form == BOUND_DAYS ? (time_t) (number - DAYS_TO_1970) * 86400 : (time_t) number;
			if (gmtime_r(&seconds, &day) == NULL || strftime(text, sizeof(text), "'%Y-%m-%d %H:%M:%S+00'", &day) == 0)
				return false;
			strbuf_append(out, text);
		}
	}
	while (**at == ' ')
		(*at)++;
	if (**at == ',')
		(*at)++;
	return true;
}

static bool
append_values(const Scheme *scheme, const char *description, StrBuf *out)
{
	int count = 0;

	while (*description != '\0')
	{
		strbuf_append(out, count++ > 0 ? ", " : "");
		if (!append_value(scheme, &description, out))
			return false;
	}
	return count > 0;
}

static void
append_partition(MysqlSchema *self, const MyTable *table, const char *name, StrBuf *out)
{
	const char *wanted = arena_printf(self->arena, "%s_%s", my_target_name(self->mysql, self->arena, table->name),
									  my_target_name(self->mysql, self->arena, name));

	strbuf_append(out, out->length > 0 ? ";\nCREATE TABLE " : "CREATE TABLE ");
	pg_quote_qualified(out, self->name, mysql_schema_free_name(self, wanted));
	strbuf_append(out, " PARTITION OF ");
	mysql_schema_append_table(self, out, table->name);
}

static bool
append_partitions(MysqlSchema *self, const MyPartitioning *from, const Scheme *scheme, StrBuf *out)
{
	StrBuf lower = STRBUF_INIT;
	StrBuf upper = STRBUF_INIT;
	bool ok = true;

	for (int i = 0; i < scheme->column_count; i++)
		strbuf_append(&lower, i > 0 ? ", MINVALUE" : "MINVALUE");
	for (int i = 0; ok && i < from->count; i++)
	{
		const MyPartition *partition = &from->partitions[i];

		append_partition(self, from->table, partition->name, out);
		if (strcmp(scheme->method, "HASH") == 0)
		{
			strbuf_printf(out, " FOR VALUES WITH (MODULUS %d, REMAINDER %d)", from->count, i);
			continue;
		}
		strbuf_reset(&upper);
		ok = partition->description != NULL && append_values(scheme, partition->description, &upper);
		if (strcmp(scheme->method, "LIST") == 0)
			strbuf_printf(out, " FOR VALUES IN (%s)", strbuf_text(&upper));
		else
			strbuf_printf(out, " FOR VALUES FROM (%s) TO (%s)", strbuf_text(&lower), strbuf_text(&upper));
		strbuf_reset(&lower);
		strbuf_append(&lower, strbuf_text(&upper));
	}
	strbuf_free(&lower);
	strbuf_free(&upper);
	return ok;
}

/* NULL is below everything there, and in no range here. */
static bool
needs_default(const Scheme *scheme)
{
	for (int i = 0; i < scheme->column_count; i++)
		if (strcmp(scheme->method, "RANGE") == 0 && scheme->columns[i]->is_nullable)
			return true;
	return false;
}

bool
mysql_schema_partition(MysqlSchema *self, const MyTable *table, StrBuf *table_sql, StrBuf *after)
{
	const MyPartitioning *from = NULL;
	Scheme scheme = {0};

	for (int i = 0; i < self->more.partitioning_count; i++)
		if (self->more.partitionings[i].table == table)
			from = &self->more.partitionings[i];
	if (from == NULL)
		return false;
	if (!read_scheme(from, &scheme) || !append_partitions(self, from, &scheme, after))
	{
		strbuf_reset(after);
		mysql_schema_leave_out(self, "partitions of %s: %s (%s)", table->name, from->method, from->expression);
		return false;
	}
	if (needs_default(&scheme))
	{
		append_partition(self, table, "default", after);
		strbuf_append(after, " DEFAULT");
	}
	if (from->has_subpartitions)
		mysql_schema_leave_out(self, "subpartitions of %s", table->name);
	strbuf_printf(table_sql, " PARTITION BY %s (", scheme.method);
	for (int i = 0; i < scheme.column_count; i++)
	{
		strbuf_append(table_sql, i > 0 ? ", " : "");
		mysql_schema_append_name(self, table_sql, scheme.columns[i]->name);
	}
	strbuf_append_char(table_sql, ')');
	return true;
}
