/*
 * mysql_expression.c
 *		Reads an expression by MySQL's precedence, and writes each part when it is complete.
 *
 * Left out on purpose: "/" and DIV; "||", "^" and bit operators, which mean other things; XOR; casts and collations.
 */
#include "sync/mysql_expression_private.h"

#include "pg/conn.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_DEPTH 50
#define LETTERS	   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static bool read_expression(Translator *self, Value *out);
static bool read_sum(Translator *self, Value *out);

/* Words */

static void
skip_blanks(Translator *self)
{
	while (isspace((unsigned char) *self->at))
		self->at++;
}

static bool
take_sign(Translator *self, const char *sign)
{
	skip_blanks(self);
	if (strncmp(self->at, sign, strlen(sign)) != 0)
		return false;
	self->at += strlen(sign);
	return true;
}

static bool
take_word(Translator *self, const char *word)
{
	size_t length = strlen(word);

	skip_blanks(self);
	if (strspn(self->at, LETTERS) != length || strncasecmp(self->at, word, length) != 0)
		return false;
	self->at += length;
	return true;
}

/* Columns and literals */

static bool
read_column(Translator *self, Value *out)
{
	StrBuf name = STRBUF_INIT;
	const MyColumn *column;

	for (self->at++; *self->at != '\0' && (*self->at != '`' || self->at[1] == '`'); self->at++)
	{
		if (*self->at == '`')
			self->at++;
		strbuf_append_char(&name, *self->at);
	}
	column = *self->at == '`' ? my_table_column(self->table, strbuf_text(&name)) : NULL;
	strbuf_free(&name);
	self->at += *self->at != '\0';
	/* A generated column may not name another one. */
	if (column == NULL || column->is_generated || *self->at == '.')
		return false;
	self->facts |= EXPRESSION_READS_COLUMN;
	return expression_column(self, column, out);
}

/* Its character set does not matter: it is UTF-8 by now. */
static bool
read_string(Translator *self, Value *out)
{
	StrBuf plain = STRBUF_INIT;
	StrBuf quoted = STRBUF_INIT;
	bool is_ascii = true;

	self->at = my_unquote(self->at, &plain);
	for (size_t i = 0; i < plain.length; i++)
		is_ascii = is_ascii && (unsigned char) plain.data[i] < 128;
	pg_quote_literal(&quoted, strbuf_text(&plain));
	*out = (Value){
		.kind = VALUE_TEXT,
		.text = arena_strdup(self->arena, strbuf_text(&quoted)),
		.literal = arena_strdup(self->arena, strbuf_text(&plain)),
		.charset = is_ascii ? NULL : "utf8mb4",
		.most = (long double) plain.length,
	};
	strbuf_free(&plain);
	strbuf_free(&quoted);
	return true;
}

static bool
read_number(Translator *self, Value *out)
{
	size_t length = strspn(self->at, "0123456789.");
	const char *text = arena_strndup(self->arena, self->at, length);
	const char *point = strchr(text, '.');

	self->at += length;
	/* 0xff, 1e5 */
	if (isalpha((unsigned char) *self->at) || *self->at == '_' || length > 30 || strcmp(text, ".") == 0 ||
		(point != NULL && strchr(point + 1, '.') != NULL))
		return false;
	*out = (Value){.kind = point != NULL ? VALUE_DECIMAL : VALUE_INTEGER, .text = text, .literal = text};
	out->least = out->most = strtold(text, NULL);
	out->is_unsigned = out->most > MOST_BIGINT;
	out->is_wide = out->has_own_text = point != NULL;
	out->digits = (int) length;
	out->scale = point != NULL ? (int) strlen(point + 1) : 0;
	return point != NULL || length < 20;
}

/* Calls and words */

/* At the parenthesis. */
static bool
read_call(Translator *self, const char *name, Value *out)
{
	Value arguments[MOST_ARGUMENTS];
	int count = 0;

	self->at++;
	if (!take_sign(self, ")"))
	{
		do
			if (count == MOST_ARGUMENTS || !read_expression(self, &arguments[count++]))
				return false;
		while (take_sign(self, ","));
		if (!take_sign(self, ")"))
			return false;
	}
	return expression_function(self, name, arguments, count, out);
}

/* One WHEN; base: what stands behind CASE, or NULL. */
static bool
read_when(Translator *self, const Value *base, Value *out, StrBuf *text)
{
	Value when;
	Value condition;
	Value then;

	if (!read_expression(self, &when) || !take_word(self, "THEN") || !read_expression(self, &then) ||
		!(base != NULL ? expression_compare(self, "=", base, &when, &condition) : expression_condition(self, &when, &condition)) ||
		!expression_unite(out, &then))
		return false;
	strbuf_printf(text, " WHEN %s THEN %s", condition.text, then.text);
	return true;
}

static bool
read_case(Translator *self, Value *out)
{
	StrBuf text = STRBUF_INIT;
	Value base;
	Value other;
	bool has_base = !take_word(self, "WHEN");
	bool ok = !has_base || (read_expression(self, &base) && take_word(self, "WHEN"));

	*out = (Value){.kind = VALUE_NULL};
	strbuf_append(&text, "CASE");
	do
		ok = ok && read_when(self, has_base ? &base : NULL, out, &text);
	while (ok && take_word(self, "WHEN"));
	if (ok && take_word(self, "ELSE"))
	{
		ok = read_expression(self, &other) && expression_unite(out, &other);
		if (ok)
			strbuf_printf(&text, " ELSE %s", other.text);
	}
	strbuf_append(&text, " END");
	out->text = arena_strdup(self->arena, strbuf_text(&text));
	out->is_part = false;
	strbuf_free(&text);
	return ok && take_word(self, "END") && out->kind != VALUE_NULL;
}

static bool
read_word(Translator *self, Value *out)
{
	size_t length = strspn(self->at, LETTERS);
	const char *word = arena_strndup(self->arena, self->at, length);

	self->at += length;
	/* The character set of a string. */
	if (word[0] == '_' && *self->at == '\'' && strcmp(word, "_binary") != 0)
		return read_string(self, out);
	*out = (Value){.kind = VALUE_BOOLEAN};
	if (strcasecmp(word, "true") == 0 || strcasecmp(word, "false") == 0)
		out->text = strcasecmp(word, "true") == 0 ? "TRUE" : "FALSE";
	else if (strcasecmp(word, "null") == 0)
		*out = (Value){.kind = VALUE_NULL, .text = "NULL"};
	else if (strcasecmp(word, "case") == 0)
		return read_case(self, out);
	else
	{
		skip_blanks(self);
		if (*self->at == '(')
			return read_call(self, word, out);
		return (strcasecmp(word, "current_timestamp") == 0 || strcasecmp(word, "current_date") == 0) &&
			   expression_function(self, word, NULL, 0, out);
	}
	return true;
}

/* Precedence, from the tightest */

static bool
read_operand(Translator *self, Value *out)
{
	char c;

	skip_blanks(self);
	c = *self->at;
	if (c == '`')
		return read_column(self, out);
	if (c == '\'')
		return read_string(self, out);
	if (isdigit((unsigned char) c) || c == '.')
		return read_number(self, out);
	if (isalpha((unsigned char) c) || c == '_')
		return read_word(self, out);
	return take_sign(self, "(") && read_expression(self, out) && take_sign(self, ")");
}

static bool
negate_condition(Translator *self, const Value *value, Value *out)
{
	Value condition;

	if (!expression_condition(self, value, &condition))
		return false;
	*out = expression_boolean(arena_printf(self->arena, "NOT %s", expression_operand(self, &condition)));
	return true;
}

/* MariaDB writes "!" for some NOT. */
static bool
read_signed(Translator *self, Value *out)
{
	Value value;

	if (take_sign(self, "-"))
		return read_operand(self, &value) && expression_negate(self, &value, out);
	if (take_sign(self, "!"))
		return read_operand(self, &value) && negate_condition(self, &value, out);
	return read_operand(self, out);
}

static bool
read_product(Translator *self, Value *out)
{
	if (!read_signed(self, out))
		return false;
	for (;;)
	{
		char operator= take_sign(self, "*") ? '*' : take_sign(self, "%") || take_word(self, "MOD") ? '%' : '\0';
		Value left = *out;
		Value right;

		if (operator== '\0')
			return true;
		if (!read_signed(self, &right) || !expression_arithmetic(self, operator, &left, &right, out))
			return false;
	}
}

static bool
read_sum(Translator *self, Value *out)
{
	if (!read_product(self, out))
		return false;
	for (;;)
	{
		char operator= take_sign(self, "+") ? '+' : take_sign(self, "-") ? '-' : '\0';
		Value left = *out;
		Value right;

		if (operator== '\0')
			return true;
		if (!read_product(self, &right) || !expression_arithmetic(self, operator, &left, &right, out))
			return false;
	}
}

static bool
read_list(Translator *self, const Value *left, bool is_not, Value *out)
{
	Value *list = NULL;
	int count = 0;

	if (!take_sign(self, "("))
		return false;
	do
	{
		if ((count & (count - 1)) == 0)
		{
			Value *larger = arena_alloc(self->arena, sizeof(Value) * (size_t) (count > 0 ? count * 2 : 1));

			if (count > 0)
				memcpy(larger, list, sizeof(Value) * (size_t) count);
			list = larger;
		}
		if (!read_expression(self, &list[count++]))
			return false;
	} while (take_sign(self, ","));
	return take_sign(self, ")") && expression_in(self, left, is_not, list, count, out);
}

/* IN, BETWEEN, LIKE */
static bool
read_predicate(Translator *self, Value *out)
{
	Value left;
	Value from;
	Value to;
	bool is_not;

	if (!read_sum(self, out))
		return false;
	left = *out;
	is_not = take_word(self, "NOT");
	if (take_word(self, "IN"))
		return read_list(self, &left, is_not, out);
	if (take_word(self, "LIKE"))
		return read_sum(self, &to) && expression_like(self, &left, is_not, &to, out);
	if (take_word(self, "BETWEEN"))
		return read_sum(self, &from) && take_word(self, "AND") && read_sum(self, &to) &&
			   expression_between(self, &left, is_not, &from, &to, out);
	return !is_not;
}

/* Behind IS. */
static bool
read_is(Translator *self, const Value *left, Value *out)
{
	bool is_not = take_word(self, "NOT");
	const char *what = take_word(self, "NULL") ? "NULL" : take_word(self, "TRUE") ? "TRUE" : take_word(self, "FALSE") ? "FALSE" : NULL;
	Value value = *left;

	if (what == NULL || value.kind == VALUE_VOLATILE || (strcmp(what, "NULL") != 0 && !expression_condition(self, left, &value)))
		return false;
	*out = expression_boolean(arena_printf(self->arena, "%s IS %s%s", expression_operand(self, &value), is_not ? "NOT " : "", what));
	return true;
}

/* "<<" and ">>" are none. */
static const char *
take_comparison(Translator *self)
{
	static const char *const operators[][2] = {
		{"<=>", "IS NOT DISTINCT FROM"},
		{"<=", "<="},
		{">=", ">="},
		{"<>", "<>"},
		{"!=", "<>"},
		{"<", "<"},
		{">", ">"},
		{"=", "="},
	};

	skip_blanks(self);
	if (strncmp(self->at, "<<", 2) == 0 || strncmp(self->at, ">>", 2) == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (take_sign(self, operators[i][0]))
			return operators[i][1];
	return NULL;
}

static bool
read_comparison(Translator *self, Value *out)
{
	if (!read_predicate(self, out))
		return false;
	for (;;)
	{
		const char *operator= take_comparison(self);
		Value left = *out;
		Value right;

		if (operator!= NULL)
		{
			if (!read_predicate(self, &right) || !expression_compare(self, operator, &left, &right, out))
				return false;
		}
		else if (!take_word(self, "IS"))
			return true;
		else if (!read_is(self, &left, out))
			return false;
	}
}

static bool
read_not(Translator *self, Value *out)
{
	Value value;
	bool ok;

	if (!take_word(self, "NOT"))
		return read_comparison(self, out);
	ok = ++self->depth <= MOST_DEPTH && read_not(self, &value) && negate_condition(self, &value, out);
	self->depth--;
	return ok;
}

/* Of conditions, by AND or OR. */
static bool
join(Translator *self, const char *word, const Value *right, Value *out)
{
	Value a;
	Value b;

	if (!expression_condition(self, out, &a) || !expression_condition(self, right, &b))
		return false;
	*out = expression_boolean(arena_printf(self->arena, "%s %s %s", expression_operand(self, &a), word, expression_operand(self, &b)));
	return true;
}

static bool
read_and(Translator *self, Value *out)
{
	Value right;

	if (!read_not(self, out))
		return false;
	while (take_word(self, "AND"))
		if (!read_not(self, &right) || !join(self, "AND", &right, out))
			return false;
	return true;
}

static bool
read_expression(Translator *self, Value *out)
{
	bool ok = ++self->depth <= MOST_DEPTH && read_and(self, out);
	Value right;

	while (ok && take_word(self, "OR"))
		ok = read_and(self, &right) && join(self, "OR", &right, out);
	self->depth--;
	return ok;
}

/* What becomes of it */

static bool
write_result(Translator *self, const Value *value, const ExpressionGoal *goal, const char **text)
{
	Value condition = *value;

	if (goal->use == EXPRESSION_FOR_COLUMN)
		return (self->facts & EXPRESSION_CHANGES_CASE) == 0 && expression_into_column(self, value, goal, text);
	if (goal->use == EXPRESSION_FOR_CHECK &&
		((self->facts & (EXPRESSION_CHANGES_CASE | EXPRESSION_IS_VOLATILE)) != 0 || !expression_condition(self, value, &condition)))
		return false;
	*text = condition.text;
	return true;
}

bool
mysql_expression(const char *text, const MyTable *table, const MySourceConfig *config, const ExpressionGoal *goal, StrBuf *out,
				 unsigned *facts)
{
	Translator self = {.at = text, .table = table, .config = config, .use = goal->use, .arena = arena_new(0)};
	const char *result = NULL;
	Value value;
	bool ok = read_expression(&self, &value);

	skip_blanks(&self);
	ok = ok && *self.at == '\0' && write_result(&self, &value, goal, &result);
	if (ok)
		strbuf_append(out, result);
	*facts = self.facts;
	arena_free(self.arena);
	return ok;
}
