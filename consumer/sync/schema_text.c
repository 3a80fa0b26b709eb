/*
 * schema_text.c
 *		An entry begins with a comment, "--", "-- Name: N; Type: T; Schema: S; Owner: O", "--" (pg_backup_archiver.c, _printTocEntry).
 *
 * In front of all stand the settings of the session, and in front of an entry those that differ from the entry before: the default tablespace
 * and access method.  Nothing says where an entry ends, and a comment's text may hold such lines, too; so a text of many is cut only where there are as
 * many heads as entries, each of the right type.
 */
#include "sync/schema_text.h"

#include <string.h>

#include "base/strbuf.h"

#define HEAD "--\n-- Name: "
#define TYPE "; Type: "
#define TRAILER "\n--\n-- PostgreSQL database dump complete"
#define TABLESPACE "SET default_tablespace = "
#define ACCESS_METHOD "SET default_table_access_method = "

typedef struct Settings
{
	StrBuf		session;
	StrBuf		tablespace;
	StrBuf		access_method;
} Settings;

static const char *
next_line(const char *line)
{
	const char *newline = strchr(line, '\n');

	return newline != NULL ? newline + 1 : line + strlen(line);
}

static const char *
previous_line(const char *text, const char *line)
{
	for (line--; line > text && line[-1] != '\n'; line--)
		;
	return line;
}

/* SET lines before an entry that mean something to it; the encoding is the connection's. */
static bool
is_setting(const char *line)
{
	return (text_starts_with(line, "SET ") && !text_starts_with(line, "SET client_encoding") && !text_starts_with(line, "SET transaction_timeout")) ||
		text_starts_with(line, "SELECT pg_catalog.set_config(");
}

static void
replace(StrBuf *setting, const char *line, size_t length)
{
	strbuf_reset(setting);
	strbuf_append_bytes(setting, line, length);
}

static void
note_setting(Settings *settings, const char *line)
{
	size_t		length = (size_t) (next_line(line) - line);

	if (text_starts_with(line, TABLESPACE))
		replace(&settings->tablespace, line, length);
	else if (text_starts_with(line, ACCESS_METHOD))
		replace(&settings->access_method, line, length);
	else if (is_setting(line))
		strbuf_append_bytes(&settings->session, line, length);
}

/* A name, quoted or not, and the semicolon: no end of a longer text, where a quote would stand by itself. */
static bool
is_name_alone(const char *text)
{
	bool		is_quoted = *text == '"';
	size_t		length;

	if (text_starts_with(text, "'';\n"))
		return true;
	if (!is_quoted)
	{
		length = strcspn(text, "'\"; \n");
		return length > 0 && text_starts_with(text + length, ";\n");
	}
	for (text++; *text != '\0' && *text != '\n'; text++)
	{
		if (*text != '"')
			continue;
		if (text[1] != '"')
			return text_starts_with(text + 1, ";\n");
		text++;
	}
	return false;
}

static bool
stands_between(const char *line)
{
	return *line == '\n' || (text_starts_with(line, TABLESPACE) && is_name_alone(line + strlen(TABLESPACE))) ||
		(text_starts_with(line, ACCESS_METHOD) && is_name_alone(line + strlen(ACCESS_METHOD)));
}

static bool
is_head(const char *line)
{
	const char *type;

	if (!text_starts_with(line, HEAD))
		return false;
	line = next_line(line);
	type = strstr(line, TYPE);
	return type != NULL && type < next_line(line);
}

/* A name may hold what looks like a type. */
static bool
is_head_of(const char *line, const char *what)
{
	const char *end;

	line = next_line(line);
	end = next_line(line);
	for (const char *at = strstr(line, TYPE); at != NULL && at < end; at = strstr(at, TYPE))
	{
		size_t		length;

		at += strlen(TYPE);
		length = strcspn(at, ";\n");
		if (strncmp(what, at, length) == 0 && what[length] == ' ')
			return true;
	}
	return false;
}

static const char *
statement_of(const Settings *settings, const char *start, const char *end, Arena *arena)
{
	StrBuf		statement = STRBUF_INIT;
	const char *result;

	while (end > start && end[-1] == '\n')
		end--;
	strbuf_append_bytes(&statement, strbuf_text(&settings->session), settings->session.length);
	strbuf_append_bytes(&statement, strbuf_text(&settings->tablespace), settings->tablespace.length);
	strbuf_append_bytes(&statement, strbuf_text(&settings->access_method), settings->access_method.length);
	strbuf_append_bytes(&statement, start, (size_t) (end - start));
	strbuf_append_char(&statement, '\n');
	result = arena_strdup(arena, strbuf_text(&statement));
	strbuf_free(&statement);
	return result;
}

static const char *
end_of_last(const char *start)
{
	const char *end = NULL;

	for (const char *at = start; (at = strstr(at, TRAILER)) != NULL; at++)
		end = at;
	return end != NULL ? end : start + strlen(start);
}

static void
free_settings(Settings *settings)
{
	strbuf_free(&settings->session);
	strbuf_free(&settings->tablespace);
	strbuf_free(&settings->access_method);
}

/* Where the entry before a head ends. */
static const char *
end_before(const char *start, const char *head)
{
	while (head > start && stands_between(previous_line(start, head)))
		head = previous_line(start, head);
	return head;
}

/* Up to the first head; its place, or the text's end. */
static const char *
read_settings(const char *text, Settings *settings)
{
	const char *line = text;

	for (; *line != '\0' && !is_head(line); line = next_line(line))
		note_setting(settings, line);
	return line;
}

const char *
schema_text_of_one(const char *text, Arena *arena)
{
	Settings	settings = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT};
	const char *head = read_settings(text, &settings);
	const char *statement = *head != '\0' ? statement_of(&settings, head, end_of_last(head), arena) : NULL;

	free_settings(&settings);
	return statement;
}

bool
schema_text_cut(const char *text, const char *const *whats, int count, Arena *arena, const char **statements)
{
	Settings	settings = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT};
	const char *start = read_settings(text, &settings);
	int			found = 0;
	bool		ok = true;

	for (const char *line = start; ok && *line != '\0'; line = next_line(line))
	{
		if (!is_head(line))
			continue;
		if (found > 0)
		{
			const char *end = end_before(start, line);

			statements[found - 1] = statement_of(&settings, start, end, arena);
			for (; end < line; end = next_line(end))
				note_setting(&settings, end);
		}
		ok = found < count && is_head_of(line, whats[found]);
		found++;
		start = line;
	}
	ok = ok && found == count;
	if (ok && count > 0)
		statements[count - 1] = statement_of(&settings, start, end_of_last(start), arena);
	free_settings(&settings);
	return ok;
}
