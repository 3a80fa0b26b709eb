/*
 * mysql_expression.c
 *		Token by token: what is not known is refused.
 *
 * Left out on purpose: "/", which is a division of decimals there and one of integers here; "||", "^", "!" and bit operators, which mean other
 * things; casts and collations; and functions that treat NULL in another way, such as greatest().
 */
#include "sync/mysql_expression.h"

#include "mysql/my_name.h"
#include "pg/conn.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MOST_ARGUMENTS 8
#define MOST_DEPTH     50

typedef struct Translator
{
	const char *at;
	const MyTable *table;
	const MySourceConfig *config;
	Arena *arena;
	unsigned facts;
	int depth;
} Translator;

typedef struct Arguments
{
	StrBuf text[MOST_ARGUMENTS];
	int count;
} Arguments;

static bool translate(Translator *self, StrBuf *out);

static void
skip_blanks(Translator *self)
{
	while (isspace((unsigned char) *self->at))
		self->at++;
}

/* Words and values are separated by one blank, but not behind a parenthesis. */
static void
append_word(StrBuf *out, const char *text)
{
	if (out->length > 0 && strchr("( ", out->data[out->length - 1]) == NULL)
		strbuf_append_char(out, ' ');
	strbuf_append(out, text);
}

static bool
take_column(Translator *self, StrBuf *out)
{
	StrBuf name = STRBUF_INIT;
	StrBuf quoted = STRBUF_INIT;
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
	/* Of an enum, the value is a label as it is written there. */
	if (column->charset != NULL && column->type != MY_JSON && column->type != MY_ENUM && column->collation != NULL &&
		strstr(column->collation, "_ci") != NULL)
		self->facts |= EXPRESSION_IGNORES_CASE;
	pg_quote_identifier(&quoted, my_target_name(self->config, self->arena, column->name));
	append_word(out, strbuf_text(&quoted));
	strbuf_free(&quoted);
	return true;
}

static void
take_string(Translator *self, StrBuf *out)
{
	StrBuf plain = STRBUF_INIT;
	StrBuf quoted = STRBUF_INIT;

	self->at = my_unquote(self->at, &plain);
	if (plain.length > 0)
		self->facts |= EXPRESSION_HAS_TEXT;
	pg_quote_literal(&quoted, strbuf_text(&plain));
	append_word(out, strbuf_text(&quoted));
	strbuf_free(&plain);
	strbuf_free(&quoted);
}

static bool
take_number(Translator *self, StrBuf *out)
{
	size_t length = strspn(self->at, "0123456789.");
	const char *text = arena_strndup(self->arena, self->at, length);

	self->at += length;
	/* 0xff, 1e5 */
	if (isalpha((unsigned char) *self->at) || *self->at == '_')
		return false;
	append_word(out, text);
	return true;
}

static bool
take_operator(Translator *self, StrBuf *out)
{
	static const struct
	{
		const char *from;
		const char *to;
	} operators[] = {
		{"<=>", "IS NOT DISTINCT FROM"},
		{"<=", "<="},
		{">=", ">="},
		{"<>", "<>"},
		{"!=", "<>"},
		{"<<", NULL},
		{">>", NULL},
		{"<", "<"},
		{">", ">"},
		{"=", "="},
		{"+", "+"},
		{"-", "-"},
		{"*", "*"},
		{"%", "%"},
	};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		if (strncmp(self->at, operators[i].from, strlen(operators[i].from)) != 0)
			continue;
		if (operators[i].to == NULL)
			return false;
		self->at += strlen(operators[i].from);
		append_word(out, operators[i].to);
		return true;
	}
	return false;
}

/* Functions */

static bool
is_small_number(const StrBuf *text)
{
	return text->length > 0 && text->length < 6 && strspn(text->data, "0123456789") == text->length;
}

/* '$.a.b[0]' as '{a,b,0}' */
static bool
json_path(const StrBuf *literal, StrBuf *out)
{
	const char *at = strbuf_text(literal);
	const char *start;

	if (strncmp(at, "'$", 2) != 0)
		return false;
	strbuf_append(out, "'{");
	for (at += 2, start = at; *at == '.' || *at == '[';)
	{
		bool is_index = *at++ == '[';
		size_t length =
			strspn(at, is_index ? "0123456789" : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		if (length == 0 || (is_index && at[length] != ']'))
			return false;
		if (at - 1 > start)
			strbuf_append_char(out, ',');
		strbuf_append_bytes(out, at, length);
		at += length + (is_index ? 1 : 0);
	}
	strbuf_append(out, "}'");
	return strcmp(at, "'") == 0 && at > start;
}

static bool
write_json(const Arguments *arguments, const char *operator, StrBuf * out)
{
	StrBuf path = STRBUF_INIT;
	bool ok = arguments->count == 2 && json_path(&arguments->text[1], &path);

	if (ok)
		strbuf_printf(out, "(%s %s %s)", strbuf_text(&arguments->text[0]), operator, strbuf_text(&path));
	strbuf_free(&path);
	return ok;
}

/* json_unquote(json_extract(...)): the operator that gives text in place of the one that gives json. */
static bool
write_unquoted(const Arguments *arguments, StrBuf *out)
{
	const char *text = strbuf_text(&arguments->text[0]);
	const char *operator= strstr(text, " #> '{");

	if (arguments->count != 1 || operator== NULL || strstr(operator+ 1, " #> '{") != NULL)
		return false;
	strbuf_append_bytes(out, text, (size_t) (operator- text));
	strbuf_printf(out, " #>> %s", operator+ strlen(" #> "));
	return true;
}

static bool
write_concatenation(const Arguments *arguments, StrBuf *out)
{
	strbuf_append_char(out, '(');
	for (int i = 0; i < arguments->count; i++)
	{
		const char *text = strbuf_text(&arguments->text[i]);

		strbuf_append(out, i > 0 ? " || " : "");
		strbuf_printf(out, text[0] == '\'' ? "%s" : "CAST(%s AS text)", text);
	}
	strbuf_append_char(out, ')');
	return arguments->count > 0;
}

typedef struct Function
{
	const char *name;
	const char *to; /* with %1, %2, %3 where it is no plain name */
	int least;
	int most;
	unsigned facts;
	int number; /* from which argument on they must be small numbers; 0: none */
} Function;

static const Function functions[] = {
	{"lower", "lower", 1, 1, EXPRESSION_HAS_TEXT, 0},
	{"lcase", "lower", 1, 1, EXPRESSION_HAS_TEXT, 0},
	{"upper", "upper", 1, 1, EXPRESSION_HAS_TEXT, 0},
	{"ucase", "upper", 1, 1, EXPRESSION_HAS_TEXT, 0},
	{"char_length", "char_length", 1, 1, 0, 0},
	{"character_length", "char_length", 1, 1, 0, 0},
	{"length", "octet_length", 1, 1, 0, 0},
	{"octet_length", "octet_length", 1, 1, 0, 0},
	{"replace", "replace", 3, 3, EXPRESSION_HAS_TEXT, 0},
	{"substr", "substr", 2, 3, EXPRESSION_HAS_TEXT, 2},
	{"substring", "substr", 2, 3, EXPRESSION_HAS_TEXT, 2},
	{"left", "\"left\"", 2, 2, EXPRESSION_HAS_TEXT, 2},
	{"right", "\"right\"", 2, 2, EXPRESSION_HAS_TEXT, 2},
	{"md5", "md5", 1, 1, EXPRESSION_HAS_TEXT, 0},
	{"abs", "abs", 1, 1, 0, 0},
	{"floor", "floor", 1, 1, 0, 0},
	{"ceil", "ceil", 1, 1, 0, 0},
	{"ceiling", "ceil", 1, 1, 0, 0},
	{"round", "round", 1, 2, 0, 2},
	{"sign", "sign", 1, 1, 0, 0},
	{"coalesce", "coalesce", 1, MOST_ARGUMENTS, 0, 0},
	{"ifnull", "coalesce", 2, 2, 0, 0},
	{"nullif", "nullif", 2, 2, 0, 0},
	{"if", "CASE WHEN %1 THEN %2 ELSE %3 END", 3, 3, 0, 0},
	{"mod", "(%1 % %2)", 2, 2, 0, 0},
	{"year", "CAST(EXTRACT(YEAR FROM %1) AS integer)", 1, 1, 0, 0},
	{"month", "CAST(EXTRACT(MONTH FROM %1) AS integer)", 1, 1, 0, 0},
	{"day", "CAST(EXTRACT(DAY FROM %1) AS integer)", 1, 1, 0, 0},
	{"dayofmonth", "CAST(EXTRACT(DAY FROM %1) AS integer)", 1, 1, 0, 0},
	{"quarter", "CAST(EXTRACT(QUARTER FROM %1) AS integer)", 1, 1, 0, 0},
	{"current_timestamp", "CURRENT_TIMESTAMP", 0, 1, EXPRESSION_IS_VOLATILE, 1},
	{"now", "CURRENT_TIMESTAMP", 0, 1, EXPRESSION_IS_VOLATILE, 1},
	{"localtimestamp", "CURRENT_TIMESTAMP", 0, 1, EXPRESSION_IS_VOLATILE, 1},
	{"curdate", "CURRENT_DATE%0", 0, 0, EXPRESSION_IS_VOLATILE, 0},
	{"current_date", "CURRENT_DATE%0", 0, 0, EXPRESSION_IS_VOLATILE, 0},
	{"uuid", "gen_random_uuid", 0, 0, EXPRESSION_IS_VOLATILE, 0},
	{"rand", "random", 0, 0, EXPRESSION_IS_VOLATILE, 0},
	{"json_object", "CAST('{}' AS jsonb)%0", 0, 0, 0, 0},
	{"json_array", "CAST('[]' AS jsonb)%0", 0, 0, 0, 0},
};

static void
write_call(const Function *function, const Arguments *arguments, StrBuf *out)
{
	if (strchr(function->to, '%') == NULL)
	{
		strbuf_append(out, function->to);
		/* CURRENT_TIMESTAMP is no function. */
		if (arguments->count == 0 && isupper((unsigned char) function->to[0]))
			return;
		for (int i = 0; i < arguments->count; i++)
			strbuf_printf(out, "%s%s", i == 0 ? "(" : ", ", strbuf_text(&arguments->text[i]));
		strbuf_append(out, arguments->count == 0 ? "()" : ")");
		return;
	}
	for (const char *c = function->to; *c != '\0'; c++)
	{
		if (*c != '%' || !isdigit((unsigned char) c[1]))
			strbuf_append_char(out, *c);
		else if (*++c != '0')
			strbuf_append(out, strbuf_text(&arguments->text[*c - '1']));
	}
}

static bool
write_function(Translator *self, const char *name, const Arguments *arguments, StrBuf *out)
{
	if (strcasecmp(name, "concat") == 0)
		return write_concatenation(arguments, out);
	if (strcasecmp(name, "json_extract") == 0 || strcasecmp(name, "json_value") == 0)
	{
		self->facts |= EXPRESSION_READS_JSON;
		return write_json(arguments, strcasecmp(name, "json_value") == 0 ? "#>>" : "#>", out);
	}
	if (strcasecmp(name, "json_unquote") == 0)
		return write_unquoted(arguments, out);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		const Function *function = &functions[i];

		if (strcasecmp(function->name, name) != 0)
			continue;
		if (arguments->count < function->least || arguments->count > function->most)
			return false;
		for (int k = function->number - 1; function->number > 0 && k < arguments->count; k++)
			if (!is_small_number(&arguments->text[k]))
				return false;
		self->facts |= function->facts;
		write_call(function, arguments, out);
		return true;
	}
	return false;
}

/* At the parenthesis. */
static bool
take_call(Translator *self, const char *name, StrBuf *out)
{
	Arguments arguments = {0};
	StrBuf call = STRBUF_INIT;
	bool ok = true;

	self->at++;
	skip_blanks(self);
	while (ok && *self->at != ')')
	{
		ok = arguments.count < MOST_ARGUMENTS && translate(self, &arguments.text[arguments.count++]) &&
			 (*self->at == ',' || *self->at == ')');
		if (ok && *self->at == ',')
			self->at++;
	}
	if (ok)
	{
		self->at++;
		ok = write_function(self, name, &arguments, &call);
	}
	if (ok)
		append_word(out, strbuf_text(&call));
	strbuf_free(&call);
	for (int i = 0; i < arguments.count; i++)
		strbuf_free(&arguments.text[i]);
	return ok;
}

static bool
take_word(Translator *self, StrBuf *out)
{
	static const char *const keywords[] = {"AND",  "OR",   "NOT",  "IS",   "NULL", "IN",   "BETWEEN", "LIKE",
										   "CASE", "WHEN", "THEN", "ELSE", "END",  "TRUE", "FALSE"};
	size_t length = strspn(self->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	const char *word = arena_strndup(self->arena, self->at, length);

	self->at += length;
	/* The character set of a string, which is UTF-8 by now. */
	if (word[0] == '_' && *self->at == '\'' && strcmp(word, "_binary") != 0)
		return true;
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
	{
		if (strcasecmp(word, keywords[i]) != 0)
			continue;
		if (strcmp(keywords[i], "LIKE") == 0)
			self->facts |= EXPRESSION_HAS_TEXT;
		append_word(out, keywords[i]);
		return true;
	}
	skip_blanks(self);
	if (*self->at == '(')
		return take_call(self, word, out);
	if (strcasecmp(word, "current_timestamp") == 0 || strcasecmp(word, "current_date") == 0)
	{
		Arguments none = {0};
		StrBuf call = STRBUF_INIT;
		bool ok = write_function(self, word, &none, &call);

		append_word(out, strbuf_text(&call));
		strbuf_free(&call);
		return ok;
	}
	return false;
}

/* "IN (1,2)": a list stands where a word was. */
static bool
take_parenthesis(Translator *self, StrBuf *out)
{
	self->at++;
	append_word(out, "(");
	for (;;)
	{
		StrBuf inner = STRBUF_INIT;
		bool ok = translate(self, &inner);

		strbuf_append(out, strbuf_text(&inner));
		strbuf_free(&inner);
		if (!ok || (*self->at != ',' && *self->at != ')'))
			return false;
		if (*self->at++ == ')')
			break;
		strbuf_append(out, ", ");
	}
	strbuf_append_char(out, ')');
	return true;
}

/* Up to the end, or to a comma or parenthesis that belongs to the caller. */
static bool
translate(Translator *self, StrBuf *out)
{
	bool ok = ++self->depth <= MOST_DEPTH;

	for (skip_blanks(self); ok && *self->at != '\0' && *self->at != ',' && *self->at != ')'; skip_blanks(self))
	{
		char c = *self->at;

		if (c == '`')
			ok = take_column(self, out);
		else if (c == '\'')
			take_string(self, out);
		else if (c == '(')
			ok = take_parenthesis(self, out);
		else if (isdigit((unsigned char) c) || c == '.')
			ok = take_number(self, out);
		else if (isalpha((unsigned char) c) || c == '_')
			ok = take_word(self, out);
		else
			ok = take_operator(self, out);
	}
	self->depth--;
	return ok && out->length > 0;
}

bool
mysql_expression(const char *text, const MyTable *table, const MySourceConfig *config, StrBuf *out, unsigned *facts)
{
	Translator self = {.at = text, .table = table, .config = config, .arena = arena_new(0)};
	StrBuf result = STRBUF_INIT;
	bool ok = translate(&self, &result) && *self.at == '\0';

	if (ok)
		strbuf_append(out, strbuf_text(&result));
	*facts = self.facts;
	strbuf_free(&result);
	arena_free(self.arena);
	return ok;
}
