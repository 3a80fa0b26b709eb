/*
 * table_pattern.c
 *
 * Parser and matcher of table lists. One scanner walks a part; it serves both
 * the check of a list and the matching, so that they cannot disagree.
 */
#include "table_pattern.h"

#include <string.h>

/* One part of an item, still as written: the text between start and end. */
typedef struct PatternPart
{
	const char *start;			/* behind the opening quote, if there is one */
	const char *end;
	bool		quoted;
} PatternPart;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
		c == '\v';
}

static const char *
skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* Reads a quoted part; p stands on the quote. */
static const char *
scan_quoted(const char *p, PatternPart *part, const char **reason)
{
	const char *open = p;

	part->quoted = true;
	part->start = ++p;
	for (;;)
	{
		p = strchr(p, '"');
		if (p == NULL)
		{
			*reason = "a quoted name is not closed";
			part->end = open;
			return NULL;
		}
		if (p[1] != '"')
			break;
		p += 2;
	}
	part->end = p;
	if (part->end == part->start)
	{
		*reason = "a quoted name is empty";
		part->end = open;
		return NULL;
	}
	return p + 1;
}

/*
 * Reads one part at p and returns where it ends. NULL: malformed, *reason
 * says why and part->end is the place.
 */
static const char *
scan_part(const char *p, PatternPart *part, const char **reason)
{
	if (*p == '"')
		return scan_quoted(p, part, reason);

	part->quoted = false;
	part->start = p;
	while (*p != '\0' && *p != ',' && *p != '.' && *p != '"' && !is_blank(*p))
		p++;
	part->end = p;
	if (*p == '"')
	{
		*reason = "a quote stands in the middle of a name";
		return NULL;
	}
	if (p == part->start)
	{
		*reason = "a name is missing";
		return NULL;
	}
	return p;
}

/*
 * Reads one item at p, white space around it included, and returns where it
 * ends: on a comma or on the end of the list. NULL as in scan_part(), with
 * *place as the place.
 */
static const char *
scan_item(const char *p, PatternPart *schema, PatternPart *table,
		  const char **place, const char **reason)
{
	const char *next;

	p = skip_blanks(p);
	if (*p == '\0' || *p == ',')
	{
		*place = p;
		*reason = "a table is missing";
		return NULL;
	}
	next = scan_part(p, schema, reason);
	if (next == NULL)
	{
		*place = schema->end;
		return NULL;
	}
	if (*next != '.')
	{
		*place = next;
		*reason = "a dot must follow the name of the schema";
		return NULL;
	}
	p = next + 1;
	next = scan_part(p, table, reason);
	if (next == NULL)
	{
		*place = table->end;
		return NULL;
	}
	p = skip_blanks(next);
	if (*p != ',' && *p != '\0')
	{
		*place = p;
		if (*p == '.')
			*reason = "an item has more than one dot";
		else
			*reason = "a comma or the end of the list must follow the name of the table";
		return NULL;
	}
	return p;
}

/* Compares a quoted part: literal, two quotes stand for one. */
static bool
match_quoted(const PatternPart *part, const char *name)
{
	const char *p = part->start;

	while (p < part->end)
	{
		if (*p != *name)
			return false;
		p += *p == '"' ? 2 : 1;
		name++;
	}
	return *name == '\0';
}

/*
 * Compares an unquoted part. After a mismatch only the last star needs to be
 * tried again, one byte further: time is bounded by the product of lengths.
 */
static bool
match_unquoted(const PatternPart *part, const char *name)
{
	const char *p = part->start;
	const char *star = NULL;
	const char *resume = name;

	while (*name != '\0')
	{
		if (p < part->end && *p == '*')
		{
			star = ++p;
			resume = name;
		}
		else if (p < part->end && *p == *name)
		{
			p++;
			name++;
		}
		else if (star != NULL)
		{
			p = star;
			name = ++resume;
		}
		else
			return false;
	}
	while (p < part->end && *p == '*')
		p++;
	return p == part->end;
}

static bool
match_part(const PatternPart *part, const char *name)
{
	return part->quoted ? match_quoted(part, name) : match_unquoted(part, name);
}

bool
table_pattern_check(const char *list, size_t *error_offset, const char **reason)
{
	const char *p = list;
	PatternPart schema;
	PatternPart table;

	for (;;)
	{
		const char *place = p;

		p = scan_item(p, &schema, &table, &place, reason);
		if (p == NULL)
		{
			*error_offset = (size_t) (place - list);
			return false;
		}
		if (*p == '\0')
			return true;
		p++;
	}
}

bool
table_pattern_match(const char *list, const char *schema, const char *table)
{
	const char *p = list;
	const char *place;
	const char *reason;
	PatternPart schema_part;
	PatternPart table_part;

	for (;;)
	{
		p = scan_item(p, &schema_part, &table_part, &place, &reason);
		if (p == NULL)
			return false;
		if (match_part(&schema_part, schema) && match_part(&table_part, table))
			return true;
		if (*p == '\0')
			return false;
		p++;
	}
}
