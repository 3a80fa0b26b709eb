/* Names on the target. */
#include "mysql/my_name.h"

#include <string.h>

const char *
my_target_name(const MySourceConfig *config, Arena *arena, const char *name)
{
	size_t		length = strlen(name);
	char	   *lower;

	if (!config->lower_names || strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length)
		return name;
	lower = arena_strndup(arena, name, length);
	for (char *c = lower; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	return lower;
}
