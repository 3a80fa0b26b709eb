/*
 * cmd_drop.c
 *		dbsync drop: removes the task's slot, progress and state.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "pg/conn.h"
#include "sync/drop.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* Asked only where a person can answer. */
static bool
confirm(const Config *config)
{
	char	   *source;
	char	   *target;
	char	   *line = NULL;
	size_t		size = 0;
	bool		yes;

	if (!isatty(STDIN_FILENO))
		return true;
	source = config->is_mysql ? NULL : pg_describe(config->source);
	target = pg_describe(config->target);
	if (config->is_mysql)
		fprintf(stderr, "This removes the task %s: its progress on %s, and the changes that wait in the local store.\n", config->slot, target);
	else
		fprintf(stderr, "This removes the slot %s on %s, its progress on %s, and the changes that wait in the local store.\n", config->slot,
				source, target);
	fputs("The tables of both sides stay as they are. Go on? [y/N] ", stderr);
	yes = getline(&line, &size, stdin) > 0 && (strncasecmp(line, "y\n", 2) == 0 || strncasecmp(line, "yes\n", 4) == 0);
	free(line);
	free(source);
	free(target);
	return yes;
}

static void
print_part(const char *name, const char *what)
{
	if (what != NULL)
		printf("%-12s %s\n", name, what);
}

int
cmd_drop(const Config *config, int argc, char **argv)
{
	DropReport	report = {0};
	Error		err = ERROR_INIT;
	int			code;

	if (command_option(argc, argv, "yes") == NULL && !confirm(config))
	{
		fputs("nothing was removed\n", stderr);
		return 1;
	}
	if (!drop_task(config, command_option(argc, argv, "force") != NULL, &report, &err))
		log_report(LOG_ERROR, "drop", &err);
	print_part("slot", report.slot);
	print_part("target", report.target);
	print_part("local store", report.store);
	code = error_exit_code(&err);
	arena_free(report.arena);
	error_clear(&err);
	return code;
}
