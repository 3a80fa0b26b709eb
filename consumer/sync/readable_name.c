/* Quotes a name only where SQL would read it otherwise. */
#include "sync/readable_name.h"

#include "pg/conn.h"

#include <stdlib.h>
#include <string.h>

/* Keywords that cannot be a table's or a column's name without quotes, of PostgreSQL 13 to 18; sorted. */
static const char *const reserved[] = {
	"all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
	"both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create",
	"cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
	"current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end",
	"except", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group", "having",
	"ilike", "in", "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral", "leading",
	"left", "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset",
	"on", "only", "or", "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right",
	"select", "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then", "to", "trailing",
	"true", "union", "unique", "user", "using", "variadic", "verbose", "when", "where", "window", "with",
};

static int
compare(const void *key, const void *word)
{
	return strcmp(key, *(const char *const *) word);
}

static bool
is_plain(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

	if (*name == '\0' || strchr(first, *name) == NULL || name[strspn(name, rest)] != '\0')
		return false;
	return bsearch(name, reserved, sizeof(reserved) / sizeof(reserved[0]), sizeof(reserved[0]), compare) == NULL;
}

void
readable_name_write(StrBuf *buf, const char *name)
{
	if (is_plain(name))
		strbuf_append(buf, name);
	else
		pg_quote_identifier(buf, name);
}

void
readable_name_write_qualified(StrBuf *buf, const char *schema, const char *name)
{
	readable_name_write(buf, schema);
	strbuf_append_char(buf, '.');
	readable_name_write(buf, name);
}
