/*
 * mysql_expression_column.c
 *		What a column gives to an expression, and what a column takes from one.
 */
#include "sync/mysql_expression_private.h"

#include "mysql/my_name.h"
#include "mysql/my_types.h"
#include "pg/conn.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const char *
column_name(Translator *self, const MyColumn *column)
{
	StrBuf quoted = STRBUF_INIT;
	const char *name;

	pg_quote_identifier(&quoted, my_target_name(self->config, self->arena, column->name));
	name = arena_strdup(self->arena, strbuf_text(&quoted));
	strbuf_free(&quoted);
	return name;
}

static bool
has_word(const char *text, const char *word)
{
	return text != NULL && strstr(text, word) != NULL;
}

/* What the source keeps in it. */
static void
integer_bounds(const MyColumn *column, long double *least, long double *most)
{
	static const int bits[] = {[MY_TINYINT] = 8, [MY_SMALLINT] = 16, [MY_MEDIUMINT] = 24, [MY_INT] = 32, [MY_BIGINT] = 64};
	int used = bits[column->type];

	*least = column->is_unsigned ? 0 : -ldexpl(1, used - 1);
	*most = ldexpl(1, column->is_unsigned ? used : used - 1) - 1;
}

static bool
is_boolean_here(const Translator *self, const MyColumn *column)
{
	return column->is_tinyint1 && column->target_type == NULL && self->config->tinyint1 == MY_TINYINT1_BOOLEAN;
}

static bool
is_integer_type(const char *type)
{
	static const char *const types[] = {"smallint", "integer", "int", "bigint", "int2", "int4", "int8", "numeric(20)"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(type, types[i]) == 0)
			return true;
	return false;
}

/* As type_map and the option types have it: a user's own type may hold something else. */
static bool
keeps_kind(const MyColumn *column)
{
	if (column->target_type == NULL)
		return true;
	if (column->type <= MY_BIGINT)
		return is_integer_type(column->target_type);
	return (column->type == MY_VARCHAR || column->type == MY_TEXT) && strcasecmp(column->target_type, "text") == 0;
}

/* Bytes that a text column holds. */
static long double
text_bytes(const MyColumn *column)
{
	if (column->type != MY_TEXT)
		return (long double) column->length * 4;
	if (column->type_name == NULL || strcmp(column->type_name, "text") == 0)
		return ldexpl(1, 16) - 1;
	return ldexpl(1, strcmp(column->type_name, "tinytext") == 0 ? 8 : strcmp(column->type_name, "mediumtext") == 0 ? 24 : 32) - 1;
}

static void
number_column(Translator *self, const MyColumn *column, Value *out)
{
	if (column->type == MY_DECIMAL)
	{
		out->kind = VALUE_DECIMAL;
		out->is_wide = true;
		out->digits = column->precision;
		out->scale = column->scale;
		out->most = powl(10, column->precision - column->scale);
		out->least = column->is_unsigned ? 0 : -out->most;
	}
	else
	{
		out->kind = VALUE_INTEGER;
		out->is_unsigned = column->is_unsigned;
		integer_bounds(column, &out->least, &out->most);
		if (is_boolean_here(self, column))
		{
			out->text = arena_printf(self->arena, "CAST(%s AS integer)", out->text);
			out->least = 0;
			out->most = 1;
		}
	}
	out->has_own_text = has_word(column->type_text, "zerofill");
}

static void
text_column(Translator *self, const MyColumn *column, Value *out)
{
	out->kind = VALUE_TEXT;
	out->collation = column->collation != NULL ? column->collation : "";
	out->charset = column->charset != NULL ? column->charset : "";
	out->most = column->type == MY_TEXT ? text_bytes(column) : (long double) column->length;
	/* Without the blanks that fill it up here. */
	if (column->type == MY_CHAR)
		out->text = arena_printf(self->arena, "CAST(%s AS text)", out->text);
}

bool
expression_column(Translator *self, const MyColumn *column, Value *out)
{
	bool is_date = column->type == MY_DATE || column->type == MY_DATETIME || column->type == MY_TIMESTAMP;

	*out = (Value){.kind = VALUE_OTHER, .column = column, .text = column_name(self, column)};
	/* Zero dates have a year, and are no NULL there; an index may have them as it likes. */
	if (is_date && self->use != EXPRESSION_FOR_INDEX && self->config->zero_dates == MY_ZERO_DATES_NULL)
		return false;
	if (!keeps_kind(column))
		return true;
	if (column->type <= MY_DECIMAL)
		number_column(self, column, out);
	else if (column->type == MY_DOUBLE && !has_word(column->type_text, "("))
		out->kind = VALUE_DOUBLE;
	else if (column->type == MY_CHAR || column->type == MY_VARCHAR || column->type == MY_TEXT)
		text_column(self, column, out);
	else if (column->type == MY_BINARY || column->type == MY_VARBINARY || column->type == MY_BLOB)
		out->kind = VALUE_BYTES;
	else if (column->type == MY_ENUM && !column->labels_uncertain)
		out->kind = VALUE_LABEL;
	else if (column->type == MY_JSON)
		out->kind = VALUE_JSON;
	else if (column->type == MY_DATE || column->type == MY_DATETIME)
		out->kind = column->type == MY_DATE ? VALUE_DATE : VALUE_DATETIME;
	return true;
}

/* Into a column */

/*
 * A server that is not strict cuts a number off at the ends of its type.  Where the target's type has the same ends, it refuses such a number; where it
 * is wider, the number must be known to fit.
 */
static bool
fits_integer(const Value *number, const MyColumn *column)
{
	long double least;
	long double most;

	if (column->target_type == NULL && !column->is_unsigned && column->type != MY_TINYINT && column->type != MY_MEDIUMINT)
		return true;
	integer_bounds(column, &least, &most);
	return number->least >= least && number->most <= most;
}

/* Another number than 1 and 0 is a bad value in such a column, which must not become true. */
static bool
boolean_into(Translator *self, const Value *value, const char **text)
{
	bool is_flag = value->kind == VALUE_INTEGER && value->least >= 0 && value->most <= 1;

	*text = is_flag ? arena_printf(self->arena, "%s <> 0", expression_operand(self, value)) : value->text;
	return is_flag || value->kind == VALUE_BOOLEAN;
}

static bool
number_into(Translator *self, const Value *value, const ExpressionGoal *goal, const char **text)
{
	const MyColumn *column = goal->column;
	Value number;

	if (is_boolean_here(self, column))
		return boolean_into(self, value, text);
	if (!expression_is_number(value))
		return false;
	number = expression_number(self, value);
	*text = arena_printf(self->arena, "CAST(%s AS %s)", expression_operand(self, &number), goal->type);
	if (column->type == MY_DOUBLE)
		return column->target_type == NULL && !has_word(column->type_text, "(") &&
			   (!column->is_unsigned || (number.kind != VALUE_DOUBLE && number.least >= 0));
	if (number.kind == VALUE_DOUBLE)
		return false;
	if (column->type == MY_DECIMAL)
		return column->target_type == NULL && (!column->is_unsigned || number.least >= 0);
	return column->type <= MY_BIGINT && keeps_kind(column) && fits_integer(&number, column);
}

/* Text that is cut off there is refused here, but by the type text, which has no end. */
static bool
text_into(const Value *value, const MyColumn *column)
{
	bool same_charset = value->charset == NULL || (column->charset != NULL && (strcmp(column->charset, "utf8mb4") == 0 ||
																			  strcmp(column->charset, value->charset) == 0));

	if (!same_charset || !keeps_kind(column))
		return false;
	if (column->type == MY_TEXT || column->target_type != NULL)
		return value->most * (column->type == MY_TEXT ? 4 : 1) <= (column->type == MY_TEXT ? text_bytes(column) : column->length);
	return column->length > 0;
}

bool
expression_into_column(Translator *self, const Value *value, const ExpressionGoal *goal, const char **text)
{
	const MyColumn *column = goal->column;

	*text = value->text;
	if (value->kind == VALUE_VOLATILE)
		return true;
	if (column->type <= MY_DOUBLE)
		return column->type != MY_FLOAT && number_into(self, value, goal, text);
	if (column->type == MY_CHAR || column->type == MY_VARCHAR || column->type == MY_TEXT)
		return value->kind == VALUE_TEXT && text_into(value, column);
	return (value->kind == VALUE_JSON || (value->kind == VALUE_TEXT && value->literal != NULL)) && column->type == MY_JSON &&
		   column->target_type == NULL;
}
