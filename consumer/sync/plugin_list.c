/* Reads and extends the server's list of output plugins that may be loaded. */
#include "sync/plugin_list.h"

#include "pg/conn.h"

#include <ctype.h>
#include <string.h>

/* The next element, put into element; false at the end of the list. */
static bool
next_element(const char **cursor, StrBuf *element)
{
	const char *p = *cursor;

	strbuf_reset(element);
	while (*p == ',' || isspace((unsigned char) *p))
		p++;
	if (*p == '\0')
		return false;

	if (*p == '"')
	{
		for (p++; *p != '\0'; p++)
		{
			if (*p == '"')
			{
				if (p[1] != '"')
				{
					p++;
					break;
				}
				p++;
			}
			strbuf_append_char(element, *p);
		}
	}
	else
	{
		const char *start = p;
		const char *end;

		p += strcspn(p, ",");
		end = p;
		while (end > start && isspace((unsigned char) end[-1]))
			end--;
		strbuf_append_bytes(element, start, (size_t) (end - start));
	}
	*cursor = p;
	return true;
}

bool
plugin_list_has(const char *list, const char *plugin)
{
	StrBuf		element = STRBUF_INIT;
	bool		found = false;

	while (!found && next_element(&list, &element))
		found = strcmp(strbuf_text(&element), plugin) == 0;
	strbuf_free(&element);
	return found;
}

void
plugin_list_with(StrBuf *buf, const char *list, const char *plugin)
{
	StrBuf		element = STRBUF_INIT;
	const char *separator = "";
	bool		found = false;

	while (next_element(&list, &element))
	{
		strbuf_append(buf, separator);
		pg_quote_literal(buf, strbuf_text(&element));
		separator = ", ";
		found |= strcmp(strbuf_text(&element), plugin) == 0;
	}
	if (!found)
	{
		strbuf_append(buf, separator);
		pg_quote_literal(buf, plugin);
	}
	strbuf_free(&element);
}
