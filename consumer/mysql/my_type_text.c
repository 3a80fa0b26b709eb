/*
 * my_type_text.c
 *		Reading the types and literals that a server writes.
 */
#include "mysql/my_catalog.h"

#include <string.h>

MyType
my_type_of(const char *name)
{
	static const struct
	{
		const char *name;
		MyType type;
	} types[] = {
		{"tinyint", MY_TINYINT},
		{"smallint", MY_SMALLINT},
		{"mediumint", MY_MEDIUMINT},
		{"int", MY_INT},
		{"bigint", MY_BIGINT},
		{"decimal", MY_DECIMAL},
		{"float", MY_FLOAT},
		{"double", MY_DOUBLE},
		{"bit", MY_BIT},
		{"year", MY_YEAR},
		{"date", MY_DATE},
		{"time", MY_TIME},
		{"datetime", MY_DATETIME},
		{"timestamp", MY_TIMESTAMP},
		{"char", MY_CHAR},
		{"varchar", MY_VARCHAR},
		{"tinytext", MY_TEXT},
		{"text", MY_TEXT},
		{"mediumtext", MY_TEXT},
		{"longtext", MY_TEXT},
		{"binary", MY_BINARY},
		{"varbinary", MY_VARBINARY},
		{"tinyblob", MY_BLOB},
		{"blob", MY_BLOB},
		{"mediumblob", MY_BLOB},
		{"longblob", MY_BLOB},
		{"enum", MY_ENUM},
		{"set", MY_SET},
		{"json", MY_JSON},
		{"geometry", MY_GEOMETRY},
		{"point", MY_GEOMETRY},
		{"linestring", MY_GEOMETRY},
		{"polygon", MY_GEOMETRY},
		{"multipoint", MY_GEOMETRY},
		{"multilinestring", MY_GEOMETRY},
		{"multipolygon", MY_GEOMETRY},
		{"geometrycollection", MY_GEOMETRY},
		{"geomcollection", MY_GEOMETRY},
		{"uuid", MY_UUID},
		{"inet4", MY_INET4},
		{"inet6", MY_INET6},
		{"vector", MY_VECTOR},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return MY_OTHER;
}

const char *
my_unquote(const char *text, StrBuf *out)
{
	for (text++; *text != '\0' && (*text != '\'' || text[1] == '\''); text++)
	{
		if (*text == '\'')
			text++;
		else if (*text == '\\' && text[1] != '\0')
		{
			text++;
			strbuf_append_char(out, *text == 'n'   ? '\n'
									: *text == 'r' ? '\r'
									: *text == 't' ? '\t'
									: *text == '0' ? '\0'
												   : *text);
			continue;
		}
		strbuf_append_char(out, *text);
	}
	return *text == '\'' ? text + 1 : text;
}

int
my_parse_labels(const char *type_text, Arena *arena, const char ***labels)
{
	const char *at = strchr(type_text, '(');
	int count = 0;
	int capacity = 0;

	*labels = NULL;
	while (at != NULL && *at != '\0' && at[1] == '\'')
	{
		StrBuf label = STRBUF_INIT;

		if (count == capacity)
		{
			const char **grown = arena_alloc(arena, sizeof(char *) * (size_t) (capacity * 2 + 8));

			if (count > 0)
				memcpy(grown, *labels, sizeof(char *) * (size_t) count);
			*labels = grown;
			capacity = capacity * 2 + 8;
		}
		at = my_unquote(at + 1, &label);
		(*labels)[count++] = arena_strndup(arena, strbuf_text(&label), label.length);
		strbuf_free(&label);
	}
	return count;
}
