/*
 * option_value.c
 *		Values of options: each type's check and its conversion.
 */
#include "config/option_value.h"

#include "base/strbuf.h"
#include "model/lsn.h"
#include "model/table_pattern.h"

#include <libpq-fe.h>

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MAX_NAME_BYTES 63

char *
option_unquote(const Option *option, const char *value)
{
	size_t length = strlen(value);

	if ((option == NULL || option->type != OPTION_TABLES) && length >= 2 && value[0] == '"' &&
		strchr(value + 1, '"') == value + length - 1)
		return mem_strndup(value + 1, length - 2);
	return mem_strdup(value);
}

bool
option_has_password(const char *connection)
{
	PQconninfoOption *parsed = PQconninfoParse(connection, NULL);
	bool found = false;

	if (parsed == NULL)
		return strcasestr(connection, "password") != NULL || strchr(connection, '@') != NULL;
	for (const PQconninfoOption *each = parsed; each->keyword != NULL; each++)
	{
		/* libpq marks what must not be shown. */
		if (each->val != NULL && each->val[0] != '\0' && each->dispchar[0] == '*')
			found = true;
	}
	PQconninfoFree(parsed);
	return found;
}

static bool
check_connection(const Option *option, const char *value, Error *err)
{
	char *reason = NULL;
	PQconninfoOption *parsed = PQconninfoParse(value, &reason);

	if (parsed == NULL)
	{
		/* libpq shows a piece of the text, which may be one of a password. */
		if (reason != NULL && !option_has_password(value))
			error_set(err, ERROR_USAGE, "%s: %.*s", option->name, (int) strcspn(reason, "\n"), reason);
		else
			error_set(err, ERROR_USAGE, "%s: not a valid connection string (not shown, as it holds a password)",
					  option->name);
		error_hint(err,
				   "keyword=value pairs separated by blanks, or postgresql://user@host:port/database; a value with "
				   "blanks stands in single quotes, in which ' and \\ are written \\' and \\\\");
		PQfreemem(reason);
		return false;
	}
	PQconninfoFree(parsed);
	return true;
}

static bool
check_tables(const Option *option, const char *value, Error *err)
{
	size_t offset;
	const char *reason;

	if (table_pattern_check(value, &offset, &reason))
		return true;
	error_set(err, ERROR_USAGE, "%s: %s at character %zu: \"%.*s\"", option->name, reason, offset + 1, 60,
			  value + offset);
	return error_hint(err, "write schema.table, separated by commas; * stands for any text: public.*, app.log_*; "
						   "other than plain names in double quotes: \"My Schema\".\"a.b\"");
}

/* The server's own rule. */
static bool
check_slot(const Option *option, const char *value, Error *err)
{
	size_t length = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (length > 0 && value[length] == '\0' && length <= MAX_NAME_BYTES)
		return true;
	error_set(err, ERROR_USAGE, "%s: \"%s\" is no name for a replication slot", option->name, value);
	return error_hint(err, "lower-case letters, digits and underscores, at most %d of them", MAX_NAME_BYTES);
}

static bool
check_position(const Option *option, const char *value, Error *err)
{
	const char *offset = strrchr(value, ':');
	Lsn lsn;

	/* The source knows what fits it. */
	if (strcmp(value, "current") == 0 || lsn_parse_shown(value, &lsn) ||
		(offset != NULL && offset > value && offset[1] != '\0' && offset[1 + strspn(offset + 1, "0123456789")] == '\0'))
		return true;
	error_set(err, ERROR_USAGE, "%s: \"%s\" is no position in the source's log", option->name, value);
	return error_hint(err, "an LSN such as 16/B374D848, of MySQL a file and offset such as mysql-bin.000003:1234, or current");
}

static bool
choose(const Option *option, const char *value, int *chosen, Error *err)
{
	StrBuf allowed = STRBUF_INIT;

	for (const OptionChoice *choice = option->choices; choice->text != NULL; choice++)
	{
		if (strcasecmp(choice->text, value) == 0)
		{
			*chosen = choice->value;
			strbuf_free(&allowed);
			return true;
		}
		strbuf_printf(&allowed, "%s%s", (allowed.length > 0) ? ", " : "", choice->text);
	}
	error_set(err, ERROR_USAGE, "%s: \"%s\" is not one of its values", option->name, value);
	error_hint(err, "allowed are: %s", strbuf_text(&allowed));
	strbuf_free(&allowed);
	return false;
}

static bool
parse_number(const Option *option, const char *value, int64_t *number, Error *err)
{
	static const char *const bad[] = {"no number", "no size", "no length of time"};
	char min_text[OPTION_NUMBER_SIZE];
	char max_text[OPTION_NUMBER_SIZE];
	const char *what = bad[0];
	const char *example = "a whole number";
	bool ok = false;

	if (option->type == OPTION_SIZE)
	{
		ok = option_parse_size(value, number);
		what = bad[1];
		example = "a whole number with B, kB, MB, GB or TB";
	}
	else if (option->type == OPTION_DURATION)
	{
		ok = option_parse_duration(value, number);
		what = bad[2];
		example = "a whole number with ms, s, min, h or d";
	}
	else
	{
		/* A bare number of bytes is a number. */
		ok = option_parse_size(value, number) && isdigit((unsigned char) value[strlen(value) - 1]);
	}
	if (!ok)
	{
		error_set(err, ERROR_USAGE, "%s: \"%s\" is %s", option->name, value, what);
		return error_hint(err, "%s", example);
	}
	if (*number < option->min || *number > option->max)
	{
		error_set(err, ERROR_USAGE, "%s: %s is outside of its range", option->name, value);
		return error_hint(err, "from %s to %s", option_format_number(option->type, option->min, min_text),
						  option_format_number(option->type, option->max, max_text));
	}
	return true;
}

/* "." and ".." within are left to the system; only where it starts matters. */
static char *
absolute_path(const char *path, const char *folder, Arena *arena)
{
	char *current = NULL;
	char *result;

	if (path[0] == '/')
		return arena_strdup(arena, path);
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	if (folder == NULL)
		folder = current = getcwd(NULL, 0);
	if (folder == NULL)
		return arena_strdup(arena, path);
	result = arena_printf(arena, "%s%s%s", folder, (strcmp(folder, "/") == 0) ? "" : "/", path);
	free(current);
	return result;
}

bool
option_set_value(const Option *option, Config *config, const char *value, const char *folder, Arena *arena, Error *err)
{
	void *field = (char *) config + option->offset;
	int64_t number;

	switch (option->type)
	{
		case OPTION_CONNECTION:
			if (!check_connection(option, value, err))
				return false;
			*(const char **) field = arena_strdup(arena, value);
			return true;
		case OPTION_TABLES:
			/* An empty list is no list. */
			if (value[0] != '\0' && !check_tables(option, value, err))
				return false;
			*(const char **) field = (value[0] != '\0') ? arena_strdup(arena, value) : NULL;
			return true;
		case OPTION_SLOT:
			if (!check_slot(option, value, err))
				return false;
			*(const char **) field = arena_strdup(arena, value);
			return true;
		case OPTION_POSITION:
			if (!check_position(option, value, err))
				return false;
			*(const char **) field = arena_strdup(arena, value);
			return true;
		case OPTION_PATH:
			if (value[0] == '\0')
				return error_set(err, ERROR_USAGE, "%s: no file is named", option->name);
			*(const char **) field = absolute_path(value, folder, arena);
			return true;
		case OPTION_TEXT:
		case OPTION_PASSWORD:
			*(const char **) field = (value[0] != '\0') ? arena_strdup(arena, value) : NULL;
			return true;
		case OPTION_BOOL:
		case OPTION_FLAG:
			if (option_parse_bool(value, field))
				return true;
			error_set(err, ERROR_USAGE, "%s: \"%s\" is neither on nor off", option->name, value);
			return error_hint(err, "allowed are: on, off, true, false, yes, no, 1, 0");
		case OPTION_CHOICE:
			return choose(option, value, field, err);
		case OPTION_COUNT:
		case OPTION_DURATION:
			if (!parse_number(option, value, &number, err))
				return false;
			*(int *) field = (int) number;
			return true;
		case OPTION_SIZE:
		case OPTION_NUMBER:
			if (!parse_number(option, value, &number, err))
				return false;
			*(int64_t *) field = number;
			return true;
		case OPTION_ACTION:
			break;
	}
	return error_set(err, ERROR_USAGE, "%s has no value", option->name);
}
