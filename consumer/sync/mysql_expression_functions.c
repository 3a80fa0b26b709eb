/*
 * mysql_expression_functions.c
 *		The functions that give the same on both sides, and for which arguments they do.
 *
 * Left out on purpose: json_value() and json_unquote(), which write null, numbers and objects in another way; greatest() and its like, which treat NULL
 * in another way; casts.
 */
#include "sync/mysql_expression_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Call
{
	const char *to; /* of the table below */
	const Value *arguments;
	int count;
} Call;

typedef bool (*Writer)(Translator *self, const Call *call, Value *out);

/* A literal as PostgreSQL takes one, too. */
static bool
small_number(const Value *value, long least, long *number)
{
	if (value->kind != VALUE_INTEGER || value->literal == NULL || value->is_part || strlen(value->literal) > 5)
		return false;
	*number = strtol(value->literal, NULL, 10);
	return *number >= least;
}

static Value
integer_result(const char *text, long double least, long double most)
{
	return (Value){.kind = VALUE_INTEGER, .text = text, .least = least, .most = most};
}

static bool
is_utf8(const char *charset)
{
	return charset == NULL || strncmp(charset, "utf8", 4) == 0 || strcmp(charset, "ascii") == 0;
}

static bool
ends_in_bin(const char *collation)
{
	size_t length = collation != NULL ? strlen(collation) : 0;

	return length > 4 && strcmp(collation + length - 4, "_bin") == 0;
}

/* Text */

/* Of ASCII, "C" changes what every locale of the source changes. */
static bool
write_case(Translator *self, const Call *call, Value *out)
{
	const Value *value = &call->arguments[0];
	bool is_ascii = value->charset == NULL || strcmp(value->charset, "ascii") == 0;

	*out = *value;
	out->column = NULL;
	out->literal = NULL;
	out->is_part = false;
	out->text = is_ascii ? arena_printf(self->arena, "%s(%s COLLATE \"C\")", call->to, expression_operand(self, value))
						 : arena_printf(self->arena, "%s(%s)", call->to, value->text);
	if (!is_ascii)
		self->facts |= EXPRESSION_CHANGES_CASE;
	if (value->literal != NULL)
		out->collation = "";
	return value->kind == VALUE_TEXT;
}

static bool
write_char_length(Translator *self, const Call *call, Value *out)
{
	*out = integer_result(arena_printf(self->arena, "char_length(%s)", call->arguments[0].text), 0, 4294967295.0L);
	return call->arguments[0].kind == VALUE_TEXT;
}

static bool
has_same_bytes(const Value *value)
{
	return value->kind == VALUE_BYTES || (value->kind == VALUE_TEXT && is_utf8(value->charset));
}

static bool
write_length(Translator *self, const Call *call, Value *out)
{
	*out = integer_result(arena_printf(self->arena, "octet_length(%s)", call->arguments[0].text), 0, 4294967295.0L);
	return has_same_bytes(&call->arguments[0]);
}

static bool
write_md5(Translator *self, const Call *call, Value *out)
{
	*out = (Value){.kind = VALUE_TEXT, .text = arena_printf(self->arena, "md5(%s)", call->arguments[0].text), .collation = "", .most = 32};
	return has_same_bytes(&call->arguments[0]);
}

/* It compares characters. */
static bool
write_replace(Translator *self, const Call *call, Value *out)
{
	const Value *value = call->arguments;

	*out = value[0];
	out->column = NULL;
	out->is_part = false;
	out->most = INFINITY;
	out->text = arena_printf(self->arena, "replace(%s, %s, %s)", value[0].text, value[1].text, value[2].text);
	if (value[0].kind != VALUE_TEXT || value[0].literal != NULL || value[1].literal == NULL || value[2].literal == NULL ||
		value[1].kind != VALUE_TEXT || value[2].kind != VALUE_TEXT)
		return false;
	if (value[2].charset != NULL && (out->charset == NULL || strcmp(out->charset, value[2].charset) != 0))
		out->charset = "";
	if (!ends_in_bin(value[0].collation))
	{
		self->facts |= EXPRESSION_IGNORES_CASE;
		return false;
	}
	return true;
}

/* left(), right() and substr(): position 0, and positions from the end, are others here. */
static bool
write_part(Translator *self, const Call *call, Value *out)
{
	const Value *value = call->arguments;
	bool is_substr = strcmp(call->to, "substr") == 0;
	long position;
	long length = -1;

	if (value[0].kind != VALUE_TEXT || !small_number(&value[1], is_substr ? 1 : 0, &position) ||
		(call->count == 3 && !small_number(&value[2], 0, &length)))
		return false;
	if (!is_substr)
		length = position;
	*out = value[0];
	out->column = NULL;
	out->literal = NULL;
	out->is_part = false;
	if (value[0].literal != NULL)
		out->collation = "";
	if (length >= 0 && length < out->most)
		out->most = length;
	out->text = call->count == 3 ? arena_printf(self->arena, "%s(%s, %s, %s)", call->to, value[0].text, value[1].text, value[2].text)
								 : arena_printf(self->arena, "%s(%s, %s)", call->to, value[0].text, value[1].text);
	return true;
}

/* What || takes: numbers only where their digits are the same. */
static bool
text_of(Translator *self, const Value *value, Value *out)
{
	Value number;

	*out = *value;
	if (value->kind == VALUE_TEXT)
		return true;
	number = expression_number(self, value);
	*out = (Value){.kind = VALUE_TEXT, .text = number.text, .collation = NULL, .most = number.kind == VALUE_DECIMAL ? number.digits + 3 : 21};
	return (number.kind == VALUE_INTEGER || number.kind == VALUE_DECIMAL) && !number.has_own_text;
}

static bool
write_concat(Translator *self, const Call *call, Value *out)
{
	StrBuf text = STRBUF_INIT;
	bool ok = true;

	for (int i = 0; ok && i < call->count; i++)
	{
		Value part;

		ok = text_of(self, &call->arguments[i], &part);
		strbuf_append(&text, i > 0 ? " || " : "");
		strbuf_printf(&text, part.literal != NULL ? "%s" : "CAST(%s AS text)", part.text);
		part.literal = NULL;
		if (i == 0)
			*out = part;
		else if (ok)
		{
			long double most = out->most + part.most;

			ok = expression_unite(out, &part);
			out->most = most;
		}
	}
	out->text = arena_strdup(self->arena, strbuf_text(&text));
	out->is_part = true;
	out->column = NULL;
	if (out->collation == NULL)
		out->collation = "";
	strbuf_free(&text);
	return ok;
}

/* Numbers */

static bool
write_abs(Translator *self, const Call *call, Value *out)
{
	const Value *value = &call->arguments[0];
	bool is_narrow = value->kind == VALUE_INTEGER && !value->is_wide;
	const char *type = value->most > MOST_BIGINT ? "numeric" : "bigint";

	*out = *value;
	out->column = NULL;
	out->literal = NULL;
	out->is_part = false;
	out->is_wide = true;
	out->has_own_text = value->kind == VALUE_DECIMAL;
	out->text = is_narrow ? arena_printf(self->arena, "abs(CAST(%s AS %s))", value->text, type)
						  : arena_printf(self->arena, "abs(%s)", value->text);
	out->most = fmaxl(fabsl(value->least), fabsl(value->most));
	out->least = 0;
	return value->kind == VALUE_INTEGER || value->kind == VALUE_DECIMAL;
}

static bool
write_sign(Translator *self, const Call *call, Value *out)
{
	*out = integer_result(arena_printf(self->arena, "CAST(sign(CAST(%s AS numeric)) AS integer)", call->arguments[0].text), -1, 1);
	return call->arguments[0].kind == VALUE_INTEGER || call->arguments[0].kind == VALUE_DECIMAL;
}

/* floor(), ceil() and round(), which make a double of a bigint here. */
static bool
write_rounded(Translator *self, const Call *call, Value *out)
{
	const Value *value = &call->arguments[0];
	long scale = 0;

	if (call->count == 2 && !small_number(&call->arguments[1], 0, &scale))
		return false;
	*out = *value;
	if (value->kind == VALUE_INTEGER)
		return true;
	out->column = NULL;
	out->literal = NULL;
	out->is_part = false;
	out->has_own_text = true;
	out->digits = value->digits + 1;
	out->scale = scale < value->scale ? (int) scale : value->scale;
	out->least = value->least - 1;
	out->most = value->most + 1;
	out->text = call->count == 2 ? arena_printf(self->arena, "round(%s, %ld)", value->text, scale)
								 : arena_printf(self->arena, "%s(%s)", call->to, value->text);
	return value->kind == VALUE_DECIMAL;
}

static bool
write_mod(Translator *self, const Call *call, Value *out)
{
	return expression_arithmetic(self, '%', &call->arguments[0], &call->arguments[1], out);
}

/* One of several */

static bool
write_coalesce(Translator *self, const Call *call, Value *out)
{
	StrBuf text = STRBUF_INIT;
	bool ok = true;

	*out = (Value){.kind = VALUE_NULL};
	for (int i = 0; ok && i < call->count; i++)
	{
		ok = expression_unite(out, &call->arguments[i]);
		strbuf_printf(&text, "%s%s", i > 0 ? ", " : "", call->arguments[i].text);
	}
	out->text = arena_printf(self->arena, "coalesce(%s)", strbuf_text(&text));
	out->is_part = false;
	strbuf_free(&text);
	return ok && out->kind != VALUE_NULL && (out->kind == VALUE_TEXT || out->kind <= VALUE_DECIMAL);
}

static bool
write_nullif(Translator *self, const Call *call, Value *out)
{
	const Value *value = &call->arguments[0];
	Value equal;

	if (!expression_compare(self, "=", value, &call->arguments[1], &equal) || value->kind > VALUE_TEXT || value->kind == VALUE_NULL)
		return false;
	*out = *value;
	out->column = NULL;
	out->literal = NULL;
	out->is_part = false;
	if (value->literal != NULL)
		out->collation = "";
	out->text = arena_printf(self->arena, "CASE WHEN %s THEN NULL ELSE %s END", equal.text, value->text);
	return true;
}

static bool
write_if(Translator *self, const Call *call, Value *out)
{
	Value condition;

	*out = (Value){.kind = VALUE_NULL};
	if (!expression_condition(self, &call->arguments[0], &condition) || !expression_unite(out, &call->arguments[1]) ||
		!expression_unite(out, &call->arguments[2]))
		return false;
	out->text = arena_printf(self->arena, "CASE WHEN %s THEN %s ELSE %s END", condition.text, call->arguments[1].text, call->arguments[2].text);
	out->is_part = false;
	return out->kind != VALUE_NULL;
}

/* Dates, and what changes by itself */

static bool
write_date_part(Translator *self, const Call *call, Value *out)
{
	*out = integer_result(arena_printf(self->arena, "CAST(EXTRACT(%s FROM %s) AS integer)", call->to, call->arguments[0].text), 0, 9999);
	return call->arguments[0].kind == VALUE_DATE || call->arguments[0].kind == VALUE_DATETIME;
}

static bool
write_volatile(Translator *self, const Call *call, Value *out)
{
	long digits;

	self->facts |= EXPRESSION_IS_VOLATILE;
	*out = (Value){.kind = VALUE_VOLATILE, .text = call->to};
	if (call->count == 0)
		return true;
	out->text = arena_printf(self->arena, "%s(%s)", call->to, call->arguments[0].text);
	return small_number(&call->arguments[0], 0, &digits);
}

static bool
write_empty_json(Translator *self, const Call *call, Value *out)
{
	*out = (Value){.kind = VALUE_JSON, .text = arena_printf(self->arena, "CAST('%s' AS jsonb)", call->to)};
	return true;
}

/*
 * '$.a.b' as '{a,b}'.  An index goes into what is no array there, and is a key of an object here; a key of digits is an index here.
 */
static const char *
json_path(Translator *self, const char *path)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	StrBuf out = STRBUF_INIT;
	const char *at = path + 1;
	const char *result = NULL;

	if (path[0] != '$')
		return NULL;
	while (*at == '.' && strchr("0123456789", at[1]) == NULL)
	{
		size_t length = strspn(++at, letters);

		if (length == 0)
			break;
		strbuf_append(&out, out.length > 0 ? "," : "{");
		strbuf_append_bytes(&out, at, length);
		at += length;
	}
	if (*at == '\0' && out.length > 0)
		result = arena_printf(self->arena, "'%s}'", strbuf_text(&out));
	strbuf_free(&out);
	return result;
}

/* MariaDB's JSON is text, and of two equal keys it takes the first one. */
static bool
write_json_extract(Translator *self, const Call *call, Value *out)
{
	const Value *value = &call->arguments[0];
	const Value *path = &call->arguments[1];
	const char *keys = path->kind == VALUE_TEXT && path->literal != NULL ? json_path(self, path->literal) : NULL;

	if (value->kind != VALUE_JSON || value->column == NULL || value->column->type_name == NULL ||
		strcasecmp(value->column->type_name, "json") != 0 || keys == NULL)
		return false;
	*out = (Value){.kind = VALUE_JSON, .text = arena_printf(self->arena, "%s #> %s", value->text, keys), .is_part = true};
	return true;
}

static const struct
{
	const char *name;
	const char *to;
	int least;
	int most;
	Writer write;
} functions[] = {
	{"lower", "lower", 1, 1, write_case},
	{"lcase", "lower", 1, 1, write_case},
	{"upper", "upper", 1, 1, write_case},
	{"ucase", "upper", 1, 1, write_case},
	{"char_length", NULL, 1, 1, write_char_length},
	{"character_length", NULL, 1, 1, write_char_length},
	{"length", NULL, 1, 1, write_length},
	{"octet_length", NULL, 1, 1, write_length},
	{"md5", NULL, 1, 1, write_md5},
	{"replace", NULL, 3, 3, write_replace},
	{"substr", "substr", 2, 3, write_part},
	{"substring", "substr", 2, 3, write_part},
	{"left", "\"left\"", 2, 2, write_part},
	{"right", "\"right\"", 2, 2, write_part},
	{"concat", NULL, 1, MOST_ARGUMENTS, write_concat},
	{"abs", NULL, 1, 1, write_abs},
	{"sign", NULL, 1, 1, write_sign},
	{"floor", "floor", 1, 1, write_rounded},
	{"ceil", "ceil", 1, 1, write_rounded},
	{"ceiling", "ceil", 1, 1, write_rounded},
	{"round", "round", 1, 2, write_rounded},
	{"mod", NULL, 2, 2, write_mod},
	{"coalesce", NULL, 1, MOST_ARGUMENTS, write_coalesce},
	{"ifnull", NULL, 2, 2, write_coalesce},
	{"nullif", NULL, 2, 2, write_nullif},
	{"if", NULL, 3, 3, write_if},
	{"year", "YEAR", 1, 1, write_date_part},
	{"month", "MONTH", 1, 1, write_date_part},
	{"day", "DAY", 1, 1, write_date_part},
	{"dayofmonth", "DAY", 1, 1, write_date_part},
	{"quarter", "QUARTER", 1, 1, write_date_part},
	{"current_timestamp", "CURRENT_TIMESTAMP", 0, 1, write_volatile},
	{"now", "CURRENT_TIMESTAMP", 0, 1, write_volatile},
	{"localtimestamp", "CURRENT_TIMESTAMP", 0, 1, write_volatile},
	{"curdate", "CURRENT_DATE", 0, 0, write_volatile},
	{"current_date", "CURRENT_DATE", 0, 0, write_volatile},
	{"uuid", "gen_random_uuid()", 0, 0, write_volatile},
	{"rand", "random()", 0, 0, write_volatile},
	{"json_object", "{}", 0, 0, write_empty_json},
	{"json_array", "[]", 0, 0, write_empty_json},
	{"json_extract", NULL, 2, 2, write_json_extract},
};

bool
expression_function(Translator *self, const char *name, const Value *arguments, int count, Value *out)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcasecmp(functions[i].name, name) == 0)
			return count >= functions[i].least && count <= functions[i].most &&
				   functions[i].write(self, &(Call){functions[i].to, arguments, count}, out);
	return false;
}
