/* Reads the file of tables and queries. */
#include "copy/mysql_queries.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *
trim(char *text)
{
	size_t length;

	while (isspace((unsigned char) *text))
		text++;
	length = strlen(text);
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* A name may stand in backquotes, and then have a colon; behind it there is nothing, or a colon. */
static bool
take_name(char *text, Arena *arena, const char **name, char **rest)
{
	char *out;

	if (*text != '`')
	{
		char *colon = strchr(text, ':');

		if (colon)
			*colon = '\0';
		*rest = colon ? colon + 1 : NULL;
		*name = arena_strdup(arena, trim(text));
		return **name != '\0';
	}
	out = arena_strdup(arena, text);
	*name = out;
	for (text++; *text != '\0'; *out++ = *text++)
		if (*text == '`' && *++text != '`')
			break;
	if (text[-1] != '`' || out == *name)
		return false;
	*out = '\0';
	text = trim(text);
	*rest = *text == ':' ? text + 1 : NULL;
	return *text == '\0' || *text == ':';
}

static bool
take_line(const char *path, int line, char *text, Arena *arena, MyCopyQuery *query, Error *err)
{
	char *rest;
	size_t length;

	query->line = line;
	query->select = NULL;
	if (!take_name(text, arena, &query->table, &rest))
	{
		error_set(err, ERROR_USAGE, "%s:%d: there is no table name", path, line);
		return error_hint(err, "a line is \"table\" or \"table : select ...\"");
	}
	if (!rest)
		return true;
	rest = trim(rest);
	length = strlen(rest);
	while (length > 0 && (rest[length - 1] == ';' || isspace((unsigned char) rest[length - 1])))
		rest[--length] = '\0';
	if (strncasecmp(rest, "select", 6) != 0 && strncasecmp(rest, "with", 4) != 0)
	{
		error_set(err, ERROR_USAGE, "%s:%d: what follows table %s is no select", path, line, query->table);
		return error_hint(err, "a line is \"table\" or \"table : select ...\"");
	}
	query->select = arena_strdup(arena, rest);
	return true;
}

static bool
check_twice(const MyCopyQueries *queries, const MyCopyQuery *query, Error *err)
{
	const MyCopyQuery *other = mysql_queries_find(queries, query->table);

	if (!other)
		return true;
	return error_set(err, ERROR_USAGE, "%s:%d: table %s is in line %d already", queries->path, query->line, query->table,
					 other->line);
}

bool
mysql_queries_load(const char *path, Arena *arena, MyCopyQueries *queries, Error *err)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t capacity = 0;
	int room = 0;
	bool ok = true;

	*queries = (MyCopyQueries) {.path = arena_strdup(arena, path)};
	if (!file)
		return error_errno(err, "cannot open %s", path);
	errno = 0;
	for (int line = 1; ok && getline(&text, &capacity, file) >= 0; line++)
	{
		char *start = trim(text);
		MyCopyQuery query;

		if (*start == '\0' || *start == '#')
			continue;
		ok = take_line(path, line, start, arena, &query, err) && check_twice(queries, &query, err);
		if (!ok)
			break;
		if (queries->count == room)
		{
			MyCopyQuery *more = arena_alloc(arena, sizeof(MyCopyQuery) * (size_t) (room * 2 + 16));

			if (room > 0)
				memcpy(more, queries->queries, sizeof(MyCopyQuery) * (size_t) room);
			queries->queries = more;
			room = room * 2 + 16;
		}
		queries->queries[queries->count++] = query;
		errno = 0;
	}
	if (ok && ferror(file))
		ok = error_errno(err, "cannot read %s", path);
	free(text);
	fclose(file);
	if (ok && queries->count == 0)
	{
		error_set(err, ERROR_USAGE, "%s names no table", path);
		return error_hint(err, "a line is \"table\" or \"table : select ...\"");
	}
	return ok;
}

const MyCopyQuery *
mysql_queries_find(const MyCopyQueries *queries, const char *table)
{
	for (int i = 0; queries && i < queries->count; i++)
		if (strcmp(queries->queries[i].table, table) == 0)
			return &queries->queries[i];
	return NULL;
}
