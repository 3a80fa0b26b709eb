/*
 * my_types.h
 *		Which PostgreSQL type a MySQL column becomes: the map of docs/mysql-types.md, and the user's overrides.  Pure.
 *
 * Overrides (option types): "KEY = TYPE", separated by commas.  KEY is table.column (in double quotes or backquotes where the names are unusual), a
 * type as the server writes it ("tinyint(1)", "int(10) unsigned"), or a type without its length ("int unsigned"); the first kind that fits in
 * this order holds.  A number's type without "unsigned" means the signed one, except for decimal, float and double.
 */
#ifndef DBSYNC_MYSQL_MY_TYPES_H
#define DBSYNC_MYSQL_MY_TYPES_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "mysql/my_catalog.h"

typedef struct MyOverride
{
	const char *table;			/* NULL: key is a type */
	const char *key;			/* a column, or a type in lower case with single blanks */
	const char *type;			/* PostgreSQL's */
} MyOverride;

typedef struct MyOverrides
{
	MyOverride *items;
	int			count;
} MyOverrides;

/* text NULL: none.  A syntax error is ERROR_USAGE. */
bool my_overrides_parse(const char *text, Arena *arena, MyOverrides *overrides, Error *err) DBSYNC_MUST_CHECK;
/* The type for this column, or NULL. */
const char *my_overrides_find(const MyOverrides *overrides, const char *table, const MyColumn *column);

/* Does it become an enum type of its own?  Not where a label is too long for one. */
bool my_type_is_enum(const MyColumn *column);
/* Appends the type as DDL has it: "numeric(10,2)".  For a column that becomes an enum type: "text". */
void my_type_append(StrBuf *out, const MyColumn *column, const MySourceConfig *options);

/*
 * Text of which two values are equal on the source where their bytes are, and nowhere else: not where case or accents do not count, nor where blanks at the
 * end do not (PAD SPACE, as most collations have it; those of CHAR are not stored).  True of what is no text.
 */
bool my_type_compares_bytes(const MyColumn *column);

#endif
