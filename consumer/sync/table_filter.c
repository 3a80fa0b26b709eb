/* include_tables and exclude_tables, applied to the source's tables. */
#include "sync/table_filter.h"

#include "base/arena.h"
#include "model/table_pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool
table_filter_wants(const char *schema, const char *name, void *arg)
{
	const Config *config = arg;

	if (config->include_tables != NULL && !table_pattern_match(config->include_tables, schema, name))
		return false;
	return config->exclude_tables == NULL || !table_pattern_match(config->exclude_tables, schema, name);
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
