/*
 * mysql_expression_operators.c
 *		Arithmetic, comparisons and conditions.
 *
 * MySQL computes with integers in 64 bits, whatever their columns hold; PostgreSQL in the wider one of two types.  A comparison of text that pads with
 * blanks is one of what rtrim() leaves; one by a collation other than *_bin is refused.
 */
#include "sync/mysql_expression_private.h"

#include "pg/conn.h"

#include <math.h>
#include <string.h>

#define MOST_DIGITS 65
#define MOST_SCALE	30

const char *
expression_operand(Translator *self, const Value *value)
{
	return value->is_part ? arena_printf(self->arena, "(%s)", value->text) : value->text;
}

Value
expression_boolean(const char *text)
{
	return (Value){.kind = VALUE_BOOLEAN, .text = text, .is_part = true};
}

/* Numbers */

bool
expression_is_number(const Value *value)
{
	return value->kind >= VALUE_BOOLEAN && value->kind <= VALUE_DOUBLE;
}

Value
expression_number(Translator *self, const Value *value)
{
	if (value->kind != VALUE_BOOLEAN)
		return *value;
	return (Value){.kind = VALUE_INTEGER, .text = arena_printf(self->arena, "CAST(%s AS integer)", expression_operand(self, value)), .most = 1};
}

static bool
is_exact(const Value *value)
{
	return value->kind == VALUE_INTEGER || value->kind == VALUE_DECIMAL;
}

static const char *
widened(Translator *self, const Value *value, const char *type)
{
	return arena_printf(self->arena, "CAST(%s AS %s)", value->text, type);
}

/* One of the two at least is bigint or numeric then, and so is the result. */
static const char *
wide_operand(Translator *self, const Value *value, const Value *other)
{
	if (value->kind == VALUE_INTEGER && !value->is_wide && (value->literal == NULL || other == NULL || other->literal != NULL))
		return widened(self, value, value->most > MOST_BIGINT ? "numeric" : "bigint");
	return expression_operand(self, value);
}

static bool
set_bounds(char operator, const Value *left, const Value *right, Value *out)
{
	long double ends[] = {left->least * right->least, left->least * right->most, left->most * right->least, left->most * right->most};
	int left_digits = left->kind == VALUE_DECIMAL ? left->digits : 20;
	int right_digits = right->kind == VALUE_DECIMAL ? right->digits : 20;
	int scale = left->scale > right->scale ? left->scale : right->scale;
	int whole = left_digits - left->scale > right_digits - right->scale ? left_digits - left->scale : right_digits - right->scale;

	out->scale = operator== '*' ? left->scale + right->scale : scale;
	out->digits = operator== '*' ? left_digits + right_digits : whole + scale + 1;
	if (operator== '*')
	{
		out->least = fminl(fminl(ends[0], ends[1]), fminl(ends[2], ends[3]));
		out->most = fmaxl(fmaxl(ends[0], ends[1]), fmaxl(ends[2], ends[3]));
	}
	else if (operator== '%')
	{
		long double end = fmaxl(fabsl(right->least), fabsl(right->most));

		out->least = fmaxl(fminl(left->least, 0), -end);
		out->most = fminl(fmaxl(left->most, 0), end);
	}
	else
	{
		out->least = operator== '+' ? left->least + right->least : left->least - right->most;
		out->most = operator== '+' ? left->most + right->most : left->most - right->least;
	}
	return out->kind == VALUE_INTEGER || (out->digits <= MOST_DIGITS && out->scale <= MOST_SCALE);
}

bool
expression_arithmetic(Translator *self, char operator, const Value *left, const Value *right, Value *out)
{
	const Value a = expression_number(self, left);
	const Value b = expression_number(self, right);
	const char *first;
	const char *second;

	if (!is_exact(&a) || !is_exact(&b))
		return false;
	*out = (Value){
		.kind = a.kind == VALUE_INTEGER && b.kind == VALUE_INTEGER ? VALUE_INTEGER : VALUE_DECIMAL,
		.is_part = true,
		.is_wide = true,
		.is_unsigned = a.is_unsigned || b.is_unsigned,
	};
	out->has_own_text = out->kind == VALUE_DECIMAL;
	if (!set_bounds(operator, &a, &b, out))
		return false;
	first = wide_operand(self, &a, &b);
	second = b.literal != NULL ? expression_operand(self, &b) : wide_operand(self, &b, NULL);
	/* Unsigned ones go on to 2^64 there. */
	if (out->is_unsigned && out->kind == VALUE_INTEGER && (out->most > MOST_BIGINT || out->least < -MOST_BIGINT))
		first = widened(self, &a, "numeric");
	/* A division by zero is NULL there. */
	if (operator== '%' && (b.literal == NULL || strspn(b.literal, "0.") == strlen(b.literal)))
		second = arena_printf(self->arena, "nullif(%s, 0)", second);
	out->text = arena_printf(self->arena, "%s %c %s", first, operator, second);
	return true;
}

bool
expression_negate(Translator *self, const Value *value, Value *out)
{
	const Value number = expression_number(self, value);
	const char *operand = number.literal != NULL ? number.text : wide_operand(self, &number, NULL);

	if (!is_exact(&number) || (number.literal != NULL && number.is_part))
		return false;
	*out = number;
	out->column = NULL;
	out->text = arena_printf(self->arena, "-%s", operand);
	out->is_part = true;
	out->is_wide = number.is_wide || number.literal == NULL;
	out->has_own_text = number.kind == VALUE_DECIMAL;
	out->least = -number.most;
	out->most = -number.least;
	return true;
}

/* Conditions */

bool
expression_condition(Translator *self, const Value *value, Value *out)
{
	if (value->kind == VALUE_BOOLEAN || value->kind == VALUE_NULL)
		*out = *value;
	else if (expression_is_number(value))
		*out = expression_boolean(arena_printf(self->arena, "%s <> 0", expression_operand(self, value)));
	else
		return false;
	return true;
}

/* Text */

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static bool
pads(const char *collation)
{
	return strstr(collation, "nopad") == NULL && strstr(collation, "_0900_") == NULL;
}

/* The collation that two values are compared by; NULL: it cannot be told. */
static const char *
common_collation(const Value *left, const Value *right)
{
	const char *found = left->collation != NULL ? left->collation : right->collation;

	if (found == NULL || found[0] == '\0')
		return NULL;
	return right->collation == NULL || strcmp(found, right->collation) == 0 ? found : NULL;
}

/* Only by *_bin are equal texts the same ones.  By the old ones without case, at least nothing else but blanks is equal to an empty text. */
static bool
is_exact_collation(Translator *self, const char *collation, const Value *other)
{
	if (collation == NULL)
		return false;
	if (ends_with(collation, "_bin") ||
		(other->literal != NULL && other->literal[strspn(other->literal, " ")] == '\0' && ends_with(collation, "_general_ci") && pads(collation)))
		return true;
	self->facts |= EXPRESSION_IGNORES_CASE;
	return false;
}

static const char *
literal_text(Translator *self, const char *text, size_t length)
{
	StrBuf quoted = STRBUF_INIT;
	const char *result;

	pg_quote_literal(&quoted, arena_strndup(self->arena, text, length));
	result = arena_strdup(self->arena, strbuf_text(&quoted));
	strbuf_free(&quoted);
	return result;
}

/* Without the blanks that do not count. */
static const char *
text_operand(Translator *self, const Value *value, const char *collation)
{
	size_t length;

	if (!pads(collation))
		return expression_operand(self, value);
	if (value->literal == NULL)
		return arena_printf(self->arena, "rtrim(%s)", value->text);
	for (length = strlen(value->literal); length > 0 && value->literal[length - 1] == ' ';)
		length--;
	return literal_text(self, value->literal, length);
}

static bool
is_label_of(const Value *value, const Value *literal)
{
	if (value->kind != VALUE_LABEL || literal->kind != VALUE_TEXT || literal->literal == NULL)
		return false;
	for (int i = 0; i < value->column->label_count; i++)
		if (strcmp(value->column->labels[i], literal->literal) == 0)
			return true;
	return false;
}

/* Can the two be told to be equal, and how are they written for it? */
static bool
equality_operands(Translator *self, const Value *left, const Value *right, const char *texts[2])
{
	const Value *text = left->literal != NULL ? right : left;
	const Value *other = text == left ? right : left;
	const Value a = expression_number(self, left);
	const Value b = expression_number(self, right);

	texts[0] = expression_operand(self, left);
	texts[1] = expression_operand(self, right);
	if (left->kind == VALUE_NULL || right->kind == VALUE_NULL)
		return true;
	if (expression_is_number(&a) && expression_is_number(&b))
	{
		if (left->kind != VALUE_BOOLEAN || right->kind != VALUE_BOOLEAN)
		{
			texts[0] = expression_operand(self, &a);
			texts[1] = expression_operand(self, &b);
		}
		return true;
	}
	if (left->kind == VALUE_TEXT && right->kind == VALUE_TEXT)
	{
		const char *collation = common_collation(left, right);

		if (!is_exact_collation(self, collation, other))
			return false;
		texts[0] = text_operand(self, left, collation);
		texts[1] = text_operand(self, right, collation);
		return true;
	}
	return is_label_of(left, right) || is_label_of(right, left) ||
		   (left->kind == right->kind && (left->kind == VALUE_BYTES || left->kind == VALUE_DATE || left->kind == VALUE_DATETIME));
}

/* The target orders text by a collation of its own, an enum by its labels, and true and false as well as 1 and 0. */
static bool
has_order(const Value *value)
{
	return value->kind == VALUE_NULL || expression_is_number(value) || value->kind == VALUE_BYTES || value->kind == VALUE_DATE ||
		   value->kind == VALUE_DATETIME;
}

bool
expression_compare(Translator *self, const char *operator, const Value *left, const Value *right, Value *out)
{
	bool is_equality = strcmp(operator, "=") == 0 || strcmp(operator, "<>") == 0 || strcmp(operator, "IS NOT DISTINCT FROM") == 0;
	const char *texts[2];

	if ((!is_equality && (!has_order(left) || !has_order(right))) || !equality_operands(self, left, right, texts))
		return false;
	*out = expression_boolean(arena_printf(self->arena, "%s %s %s", texts[0], operator, texts[1]));
	return true;
}

/* The elements of an unlike list are compared by one type there, and each by its own here. */
static bool
is_list(const Value *left, const Value *list, int count)
{
	for (int i = 0; i < count; i++)
	{
		bool is_same = left->kind == VALUE_TEXT || left->kind == VALUE_LABEL ? list[i].literal != NULL : is_exact(&list[i]) && is_exact(left);

		if (!is_same && list[i].kind != VALUE_NULL)
			return false;
	}
	return count > 0;
}

bool
expression_in(Translator *self, const Value *left, bool is_not, const Value *list, int count, Value *out)
{
	StrBuf items = STRBUF_INIT;
	const char *texts[2] = {NULL, NULL};
	bool ok = is_list(left, list, count);

	for (int i = 0; ok && i < count; i++)
	{
		const char *first = texts[0];

		ok = equality_operands(self, left, &list[i], texts);
		/* A NULL has none of the blanks that are taken away. */
		if (list[i].kind == VALUE_NULL && first != NULL)
			texts[0] = first;
		strbuf_printf(&items, "%s%s", i > 0 ? ", " : "", ok ? texts[1] : "");
	}
	if (ok && list[0].kind == VALUE_NULL)
		ok = false;
	if (ok)
		*out = expression_boolean(arena_printf(self->arena, "%s %s (%s)", texts[0], is_not ? "NOT IN" : "IN", strbuf_text(&items)));
	strbuf_free(&items);
	return ok;
}

bool
expression_between(Translator *self, const Value *left, bool is_not, const Value *from, const Value *to, Value *out)
{
	bool is_same = (is_exact(left) && is_exact(from) && is_exact(to)) ||
				   (left->kind == from->kind && left->kind == to->kind && (left->kind == VALUE_DATE || left->kind == VALUE_DATETIME));

	*out = expression_boolean(arena_printf(self->arena, "%s %s %s AND %s", expression_operand(self, left), is_not ? "NOT BETWEEN" : "BETWEEN",
										   expression_operand(self, from), expression_operand(self, to)));
	return is_same;
}

/* Blanks count for LIKE, case by the collation.  A backslash at the end is an error here. */
bool
expression_like(Translator *self, const Value *left, bool is_not, const Value *pattern, Value *out)
{
	size_t slashes = 0;

	if (left->kind != VALUE_TEXT || pattern->kind != VALUE_TEXT || left->collation == NULL || left->collation[0] == '\0' ||
		pattern->literal == NULL)
		return false;
	for (size_t i = strlen(pattern->literal); i > 0 && pattern->literal[i - 1] == '\\'; i--)
		slashes++;
	if (slashes % 2 != 0)
		return false;
	if (!ends_with(left->collation, "_bin"))
	{
		self->facts |= EXPRESSION_IGNORES_CASE;
		return false;
	}
	*out = expression_boolean(
		arena_printf(self->arena, "%s %s %s", expression_operand(self, left), is_not ? "NOT LIKE" : "LIKE", pattern->text));
	return true;
}

/* One of several */

static void
unite_text(Value *into, const Value *other)
{
	if (into->collation == NULL)
		into->collation = other->collation;
	else if (other->collation != NULL && strcmp(into->collation, other->collation) != 0)
		into->collation = "";
	if (into->charset == NULL)
		into->charset = other->charset;
	else if (other->charset != NULL && strcmp(into->charset, other->charset) != 0)
		into->charset = "";
}

bool
expression_unite(Value *into, const Value *other)
{
	if (other->kind == VALUE_NULL)
		return true;
	if (other->kind > VALUE_TEXT && other->kind != VALUE_DATE && other->kind != VALUE_DATETIME)
		return false;
	if (into->kind == VALUE_NULL)
	{
		*into = *other;
		into->column = NULL;
		into->literal = NULL;
		return true;
	}
	if (into->kind != other->kind && (!is_exact(into) || !is_exact(other)))
		return false;
	if (into->kind == VALUE_TEXT)
		unite_text(into, other);
	into->has_own_text = into->has_own_text || other->has_own_text || other->kind != into->kind || other->scale != into->scale;
	if (is_exact(into))
	{
		int into_whole = into->kind == VALUE_DECIMAL ? into->digits - into->scale : 20;
		int other_whole = other->kind == VALUE_DECIMAL ? other->digits - other->scale : 20;

		into->scale = into->scale > other->scale ? into->scale : other->scale;
		into->digits = (into_whole > other_whole ? into_whole : other_whole) + into->scale;
	}
	into->kind = into->kind == VALUE_DECIMAL || other->kind == VALUE_DECIMAL ? VALUE_DECIMAL : into->kind;
	into->is_wide = into->is_wide || other->is_wide || into->kind == VALUE_DECIMAL;
	into->is_unsigned = into->is_unsigned || other->is_unsigned;
	into->least = fminl(into->least, other->least);
	into->most = fmaxl(into->most, other->most);
	into->literal = NULL;
	into->column = NULL;
	return true;
}
