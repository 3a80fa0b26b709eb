/*
 * commands.c
 *		The table of commands.  A command with options of its own lists them here and reads them by command_option().
 */
#include "cli/commands.h"

#include "base/nearest.h"

#include <string.h>

#define GROUP(name) OPTION_GROUP_BIT(OPTION_##name)
#define ALWAYS      (GROUP(GENERAL) | GROUP(CONNECTIONS) | GROUP(MYSQL) | GROUP(TASK))

static const CommandOption verify_options[] = {
	{"tables", "LIST", "compare only these, a list like include_tables; a partitioned table's name stands for all of it", 0},
	{"wait", "TIME", "how long to wait for the target to pass the source's position (default 60s)", 0},
	{"once", NULL, "do not look again at tables that differ", 0},
	{NULL, NULL, NULL, 0},
};

static const CommandOption schema_options[] = {
	{"section", "NAME", "only pre-data (tables, types, functions) or post-data (indexes, constraints, triggers)", 0},
	{"pre-data", NULL, "the same as --section=pre-data", 0},
	{"post-data", NULL, "the same as --section=post-data", 0},
	{"defer", NULL, "the tables now; \"dbsync run\" makes indexes, constraints and triggers between the full sync and the first change", 0},
	{"print", NULL, "write the SQL to standard output and leave the target alone", 'd'},
	{"no-partitions", NULL, "of a MySQL source: partitioned tables become plain ones", 'n'},
	{NULL, NULL, NULL, 0},
};

static const CommandOption sqls_options[] = {
	{"limit", "N", "show at most N transactions", 0},
	{NULL, NULL, NULL, 0},
};

static const CommandOption drop_options[] = {
	{"yes", NULL, "do not ask", 0},
	{"force", NULL, "go on where source or target cannot be reached, and say what is left", 0},
	{NULL, NULL, NULL, 0},
};

const Command command_table[] = {
	{.name = "run", .usage = "[OPTION]...", .function = cmd_run,
	 .summary = "copy the source, then keep the target in step until stopped (the default)",
	 .text = "Checks both sides, creates the replication slot, copies all tables from its snapshot while changes are received,\n"
			 "applies these, and goes on streaming. Started again, it goes on where it was, however it ended.\n"
			 "SIGINT or SIGTERM ends it after the group of changes that it is applying; a second one ends it at once.\n"
			 "The exit code is 0 then; 1 where --until or --copy-only asked for an end that was not reached.\n"
			 "SIGHUP opens the log file again.\n",
	 .groups = ALWAYS | GROUP(COPY) | GROUP(APPLY) | GROUP(LIMITS) | GROUP(RUN),
	 .flags = COMMAND_NEEDS_CONFIG | COMMAND_CAN_DAEMON},
	{.name = "check", .usage = "[OPTION]...", .function = cmd_check,
	 .summary = "find what would keep a run from working, and how to mend it; changes nothing",
	 .text = "Exit code 3 if something must be mended first.\n",
	 .groups = ALWAYS | GROUP(COPY) | GROUP(OUTPUT), .flags = COMMAND_NEEDS_CONFIG},
	{.name = "status", .usage = "[OPTION]...", .function = cmd_status,
	 .summary = "show the state of the task, the copy's progress, and how far the target is behind",
	 .text = "Works while dbsync runs, and while it does not.\n",
	 .groups = ALWAYS | GROUP(OUTPUT), .flags = 0},
	{.name = "verify", .usage = "[OPTION]...", .function = cmd_verify,
	 .summary = "compare every table on both sides",
	 .text = "Waits until the target has passed the source's position, then compares the number of rows and a sum over their text.\n"
			 "Exit code 4 if a table differs. While the source is written to, a difference may be a change on its way.\n",
	 .groups = ALWAYS | GROUP(COPY) | GROUP(OUTPUT), .flags = COMMAND_NEEDS_CONFIG, .own_options = verify_options},
	{.name = "schema", .usage = "[OPTION]...", .function = cmd_schema,
	 .summary = "create the source's tables on the target",
	 .text = "By pg_dump and psql, of which it shows what it runs; pg_dump must be of the source's major version or newer.\n"
			 "Of a MySQL source it writes the statements itself, and lists what PostgreSQL has no place for.\n",
	 .groups = ALWAYS, .flags = COMMAND_NEEDS_CONFIG, .own_options = schema_options},
	{.name = "sqls", .usage = "[OPTION]...", .function = cmd_sqls,
	 .summary = "show the changes that wait in the local store, as SQL",
	 .text = "For people: it is not meant to be run.\n",
	 .groups = ALWAYS, .flags = 0, .own_options = sqls_options},
	{.name = "drop", .usage = "[OPTION]...", .function = cmd_drop,
	 .summary = "remove the task: slot, local state, and progress on the target",
	 .text = "The target's tables and rows stay. A new run then starts with a full sync.\n",
	 .groups = ALWAYS, .flags = COMMAND_NEEDS_CONFIG, .own_options = drop_options},
	{.name = NULL},
};

const Command *
command_find(const char *name)
{
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

const char *
command_nearest(const char *name)
{
	Nearest nearest = NEAREST_INIT(name);

	for (const Command *command = command_table; command->name != NULL; command++)
		nearest_offer(&nearest, command->name);
	return nearest_best(&nearest);
}

const CommandOption *
command_find_option(const Command *command, const char *name, size_t length)
{
	for (const CommandOption *option = command->own_options; option != NULL && option->name != NULL; option++)
	{
		size_t i = 0;

		while (i < length && option->name[i] == ((name[i] == '_') ? '-' : name[i]) && option->name[i] != '\0')
			i++;
		if (i == length && option->name[i] == '\0')
			return option;
	}
	return NULL;
}

const char *
command_option(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);
	const char *value = NULL;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
	{
		if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0)
			continue;
		if (argv[i][2 + length] == '=')
			value = argv[i] + 2 + length + 1;
		else if (argv[i][2 + length] == '\0')
			value = "";
	}
	return value;
}

const char *
command_word(int argc, char **argv, int n)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++)
	{
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if ((only_words || strncmp(argv[i], "--", 2) != 0) && n-- == 0)
			return argv[i];
	}
	return NULL;
}

const CommandOption *
command_find_letter(char letter)
{
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		for (const CommandOption *option = command->own_options; option != NULL && option->name != NULL; option++)
		{
			if (option->letter == letter && letter != 0)
				return option;
		}
	}
	return NULL;
}
