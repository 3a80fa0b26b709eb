/*
 * quote.c
 *		Identifiers and constants as SQL text.
 *
 * Always quoted: a name that needs no quotes today may be a keyword of the next server.  A backslash in a constant stays as
 * it is: standard_conforming_strings is on in our sessions, and replication commands know no other kind.
 */
#include "pg/conn.h"

#include <string.h>

static void
append_quoted(StrBuf *buf, const char *text, char quote)
{
	size_t length;

	strbuf_append_char(buf, quote);
	while (text[length = strcspn(text, quote == '"' ? "\"" : "'")] != '\0')
	{
		strbuf_append_bytes(buf, text, length + 1);
		strbuf_append_char(buf, quote);
		text += length + 1;
	}
	strbuf_append_bytes(buf, text, length);
	strbuf_append_char(buf, quote);
}

void
pg_quote_identifier(StrBuf *buf, const char *name)
{
	append_quoted(buf, name, '"');
}

void
pg_quote_qualified(StrBuf *buf, const char *schema, const char *name)
{
	pg_quote_identifier(buf, schema);
	strbuf_append_char(buf, '.');
	pg_quote_identifier(buf, name);
}

void
pg_quote_literal(StrBuf *buf, const char *text)
{
	append_quoted(buf, text, '\'');
}
