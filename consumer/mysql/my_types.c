/*
 * my_types.c
 *		The map of types as a table.
 */
#include "mysql/my_types.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MOST_LABEL_BYTES 63

/* What stands in parentheses behind the type. */
typedef enum Modifier
{
	NO_MODIFIER,
	PRECISION_SCALE, /* numeric(10,2) */
	LENGTH,          /* varchar(20); text where there is none */
	BITS,
	FRACTION /* timestamp(3) */
} Modifier;

typedef struct TypeRow
{
	const char *type;
	const char *unsigned_type; /* NULL: the same */
	Modifier modifier;
} TypeRow;

static const TypeRow type_map[] = {
	[MY_TINYINT] = {"smallint", NULL, NO_MODIFIER}, /* tinyint(1): see below */
	[MY_SMALLINT] = {"smallint", "integer", NO_MODIFIER},
	[MY_MEDIUMINT] = {"integer", NULL, NO_MODIFIER},
	[MY_INT] = {"integer", "bigint", NO_MODIFIER},
	[MY_BIGINT] = {"bigint", "numeric(20)", NO_MODIFIER},
	[MY_DECIMAL] = {"numeric", NULL, PRECISION_SCALE},
	[MY_FLOAT] = {"real", NULL, NO_MODIFIER},
	[MY_DOUBLE] = {"double precision", NULL, NO_MODIFIER},
	[MY_BIT] = {"bit", NULL, BITS},
	[MY_YEAR] = {"smallint", NULL, NO_MODIFIER},
	[MY_DATE] = {"date", NULL, NO_MODIFIER},
	[MY_TIME] = {"interval", NULL, FRACTION},
	[MY_DATETIME] = {"timestamp", NULL, FRACTION},
	[MY_TIMESTAMP] = {"timestamptz", NULL, FRACTION},
	[MY_CHAR] = {"char", NULL, LENGTH},
	[MY_VARCHAR] = {"varchar", NULL, LENGTH},
	[MY_TEXT] = {"text", NULL, NO_MODIFIER},
	[MY_BINARY] = {"bytea", NULL, NO_MODIFIER},
	[MY_VARBINARY] = {"bytea", NULL, NO_MODIFIER},
	[MY_BLOB] = {"bytea", NULL, NO_MODIFIER},
	[MY_ENUM] = {"text", NULL, NO_MODIFIER}, /* or a type of its own */
	[MY_SET] = {"text[]", NULL, NO_MODIFIER},
	[MY_JSON] = {"jsonb", NULL, NO_MODIFIER},
	[MY_GEOMETRY] = {"bytea", NULL, NO_MODIFIER}, /* or text, by the option geometry */
	[MY_UUID] = {"uuid", NULL, NO_MODIFIER},
	[MY_INET4] = {"inet", NULL, NO_MODIFIER},
	[MY_INET6] = {"inet", NULL, NO_MODIFIER},
	[MY_VECTOR] = {"real[]", NULL, NO_MODIFIER},
	[MY_OTHER] = {"text", NULL, NO_MODIFIER},
};

bool
my_type_is_enum(const MyColumn *column)
{
	if (column->type != MY_ENUM || column->target_type != NULL || column->label_count == 0 || column->labels_uncertain)
		return false;
	for (int i = 0; i < column->label_count; i++)
		if (strlen(column->labels[i]) > MOST_LABEL_BYTES)
			return false;
	return true;
}

bool
my_type_compares_bytes(const MyColumn *column)
{
	const char *collation = column->collation;
	size_t length = collation != NULL ? strlen(collation) : 0;

	if (column->type != MY_CHAR && column->type != MY_VARCHAR && column->type != MY_TEXT)
		return true;
	if (collation == NULL || strcmp(collation, "binary") == 0)
		return true;
	if (length < 4 || strcmp(collation + length - 4, "_bin") != 0)
		return false;
	return column->type == MY_CHAR || strstr(collation, "_nopad_") != NULL || strstr(collation, "_0900_") != NULL;
}

void
my_type_append(StrBuf *out, const MyColumn *column, const MySourceConfig *options)
{
	const TypeRow *row = &type_map[column->type];
	const char *type = column->is_unsigned && row->unsigned_type != NULL ? row->unsigned_type : row->type;
	int length = column->type == MY_BIT ? (column->length > 0 ? column->length : 1) : column->length;

	if (column->target_type != NULL)
		strbuf_append(out, column->target_type);
	else if (column->is_tinyint1 && options->tinyint1 == MY_TINYINT1_BOOLEAN)
		strbuf_append(out, "boolean");
	else if (column->type == MY_GEOMETRY && options->geometry == MY_GEOMETRY_TEXT)
		strbuf_append(out, "text");
	else if (row->modifier == PRECISION_SCALE)
		strbuf_printf(out, "%s(%d,%d)", type, column->precision, column->scale);
	else if (row->modifier == FRACTION)
		strbuf_printf(out, "%s(%d)", type, column->scale);
	else if (row->modifier == LENGTH && length == 0)
		strbuf_append(out, "text"); /* char(0) is a type there, and none here */
	else if (row->modifier == LENGTH || row->modifier == BITS)
		strbuf_printf(out, "%s(%d)", type, length);
	else
		strbuf_append(out, type);
}

/* Overrides */

/* From at up to the first of these bytes that stands outside of quotes and parentheses, or the end. */
static const char *
find_outside(const char *at, const char *wanted)
{
	int depth = 0;
	char quote = '\0';

	for (; *at != '\0'; at++)
	{
		if (quote != '\0')
		{
			if (*at == quote)
				quote = '\0';
		}
		else if (depth == 0 && strchr(wanted, *at) != NULL)
			return at;
		else if (*at == '"' || *at == '`' || *at == '\'')
			quote = *at;
		else if (*at == '(')
			depth++;
		else if (*at == ')')
			depth--;
	}
	return at;
}

static const char *
trimmed(Arena *arena, const char *from, const char *to)
{
	while (from < to && isspace((unsigned char) *from))
		from++;
	while (to > from && isspace((unsigned char) to[-1]))
		to--;
	return arena_strndup(arena, from, (size_t) (to - from));
}

static const char *
plain_name(Arena *arena, const char *from, const char *to)
{
	const char *name = trimmed(arena, from, to);
	size_t length = strlen(name);
	StrBuf plain = STRBUF_INIT;

	if (length < 2 || (name[0] != '"' && name[0] != '`') || name[length - 1] != name[0])
		return name;
	for (size_t i = 1; i < length - 1; i++)
	{
		strbuf_append_char(&plain, name[i]);
		if (name[i] == name[0] && name[i + 1] == name[0])
			i++;
	}
	name = arena_strndup(arena, strbuf_text(&plain), plain.length);
	strbuf_free(&plain);
	return name;
}

/* As the server writes it: lower case but for labels, one blank between words and none elsewhere; without ZEROFILL and comments. */
static void
normalize_type(const char *text, StrBuf *out)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '\'')
		{
			const char *end = strchr(text + 1, '\'');

			if (end == NULL)
				end = text + strlen(text) - 1;
			strbuf_append_bytes(out, text, (size_t) (end - text) + 1);
			text = end;
		}
		else if (strncmp(text, "/*", 2) == 0)
		{
			const char *end = strstr(text, "*/");

			text = end != NULL ? end + 1 : text + strlen(text) - 1;
		}
		else if (!isspace((unsigned char) *text))
			strbuf_append_char(out, (char) tolower((unsigned char) *text));
		else if (out->length > 0 && strchr("(, ", out->data[out->length - 1]) == NULL && text[1] != '\0' &&
				 strchr("(), /", text[1]) == NULL)
			strbuf_append_char(out, ' ');
	}
	if (out->length > 9 && strcmp(out->data + out->length - 9, " zerofill") == 0)
	{
		out->length -= 9;
		out->data[out->length] = '\0';
	}
}

static bool
bad_override(const char *item, const char *why, Error *err)
{
	error_set(err, ERROR_USAGE, "types of [src.mysql]: \"%s\": %s", item, why);
	return error_hint(err, "types = int unsigned = bigint, tinyint(1) = smallint, orders.price = numeric(10,2)");
}

/* It becomes a part of statements. */
static bool
is_type(const char *text)
{
	int depth = 0;
	int quotes = 0;

	if (!isalpha((unsigned char) text[0]) && text[0] != '"' && text[0] != '_')
		return false;
	for (; *text != '\0' && depth >= 0; text++)
	{
		if (strchr("';-/*\\", *text) != NULL)
			return false;
		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
		quotes += *text == '"';
	}
	return depth == 0 && quotes % 2 == 0;
}

static bool
read_override(const char *from, const char *to, Arena *arena, MyOverride *override, Error *err)
{
	const char *item = trimmed(arena, from, to);
	const char *sign = find_outside(item, "=");
	const char *dot = find_outside(item, ".=");

	if (*sign == '\0')
		return bad_override(item, "there is no \"=\"", err);
	override->type = trimmed(arena, sign + 1, item + strlen(item));
	if (!is_type(override->type))
		return bad_override(item, "what follows \"=\" is no type", err);
	override->table = NULL;
	if (*dot == '.')
	{
		override->table = plain_name(arena, item, dot);
		override->key = plain_name(arena, dot + 1, sign);
	}
	else
	{
		StrBuf key = STRBUF_INIT;

		normalize_type(trimmed(arena, item, sign), &key);
		override->key = arena_strdup(arena, strbuf_text(&key));
		strbuf_free(&key);
	}
	if (override->key[0] == '\0' || (override->table != NULL && override->table[0] == '\0'))
		return bad_override(item, "nothing stands before \"=\"", err);
	return true;
}

bool
my_overrides_parse(const char *text, Arena *arena, MyOverrides *overrides, Error *err)
{
	size_t commas = 0;

	*overrides = (MyOverrides){0};
	if (text == NULL)
		return true;
	for (const char *c = text; *c != '\0'; c++)
		commas += *c == ',';
	overrides->items = arena_alloc(arena, sizeof(MyOverride) * (commas + 1));
	while (*text != '\0')
	{
		const char *end = find_outside(text, ",");

		/* A comma too much at the end does no harm. */
		if (strspn(text, " \t") < (size_t) (end - text))
		{
			if (!read_override(text, end, arena, &overrides->items[overrides->count], err))
				return false;
			overrides->count++;
		}
		text = *end == ',' ? end + 1 : end;
	}
	return true;
}

static const char *
find_type(const MyOverrides *overrides, const char *key)
{
	for (int i = 0; i < overrides->count; i++)
		if (overrides->items[i].table == NULL && strcmp(overrides->items[i].key, key) == 0)
			return overrides->items[i].type;
	return NULL;
}

const char *
my_overrides_find(const MyOverrides *overrides, const char *table, const MyColumn *column)
{
	/* MariaDB's json is a longtext for the server. */
	const char *name = column->type == MY_JSON ? "json" : column->type_name;
	bool is_integer = column->type <= MY_BIGINT;
	StrBuf key = STRBUF_INIT;
	const char *type = NULL;

	for (int i = 0; i < overrides->count; i++)
	{
		const MyOverride *each = &overrides->items[i];

		if (each->table != NULL && strcmp(each->table, table) == 0 && strcasecmp(each->key, column->name) == 0)
			return each->type;
	}
	if (overrides->count == 0)
		return NULL;
	if (column->type != MY_JSON)
	{
		normalize_type(column->type_text, &key);
		type = find_type(overrides, strbuf_text(&key));
	}
	if (type == NULL && column->is_unsigned)
	{
		strbuf_reset(&key);
		strbuf_printf(&key, "%s unsigned", name);
		type = find_type(overrides, strbuf_text(&key));
	}
	if (type == NULL && (!column->is_unsigned || !is_integer))
		type = find_type(overrides, name);
	strbuf_free(&key);
	return type;
}
