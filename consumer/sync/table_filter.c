/* include_tables and exclude_tables, applied to the source's tables. */
#include "sync/table_filter.h"

#include "base/arena.h"
#include "model/table_pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool
names_one_of(const char *list, const char *schema, const char *name, const PgTable *table)
{
	bool		found = table_pattern_match(list, schema, name);

	for (int i = 0; !found && table != NULL && i < table->parent_count; i++)
		found = table_pattern_match(list, table->parents[i].schema, table->parents[i].name);
	return found;
}

/* table: NULL where there is nothing like a partition. */
static bool
wants(const Config *config, const char *schema, const char *name, const PgTable *table)
{
	return (config->include_tables == NULL || names_one_of(config->include_tables, schema, name, table)) &&
		(config->exclude_tables == NULL || !names_one_of(config->exclude_tables, schema, name, table));
}

bool
table_filter_wants(const char *schema, const char *name, void *arg)
{
	return wants(arg, schema, name, NULL);
}

bool
table_filter_wants_table(const PgTable *table, void *arg)
{
	return wants(arg, table->schema, table->name, table);
}

void
table_filter_items(const char *list, void (*each) (const char *item, void *arg), void *arg)
{
	const char *p = list;

	while (*p != '\0')
	{
		const char *start;
		const char *end;
		bool		quoted = false;
		char	   *item;

		while (*p == ',' || isspace((unsigned char) *p))
			p++;
		for (start = p; *p != '\0' && (quoted || *p != ','); p++)
			if (*p == '"')
				quoted = !quoted;
		end = p;
		while (end > start && isspace((unsigned char) end[-1]))
			end--;
		if (end == start)
			continue;
		item = mem_strndup(start, (size_t) (end - start));
		each(item, arg);
		free(item);
	}
}
