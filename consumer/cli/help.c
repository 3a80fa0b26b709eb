/*
 * help.c
 *		The help pages.
 */
#include "cli/help.h"

#define ALL_GROUPS (OPTION_GROUP_BIT(OPTION_GROUP_COUNT) - 1)

static void
write_program(StrBuf *out)
{
	strbuf_append(out, "dbsync copies a PostgreSQL, MySQL or MariaDB database into PostgreSQL and keeps the copy in step.\n"
					   "\n"
					   "Usage: dbsync [COMMAND] [OPTION]...\n"
					   "\n"
					   "Commands:\n");
	for (const Command *command = command_table; command->name != NULL; command++)
		strbuf_printf(out, "  %-8s %s\n", command->name, command->summary);
	strbuf_append(
		out,
		"  help     show help, \"dbsync help COMMAND\" of one command\n"
		"\n"
		"Options, with their defaults in brackets. All but those that stand for one run or one output may also be\n"
		"written into the configuration file, in the section [dbsync] unless docs/options.md says otherwise.\n");
	option_write_help(out, ALL_GROUPS);
	strbuf_append(out, "\n"
					   "Sizes: 64kB, 32MB, 1GB. Times: 500ms, 10s, 5min, 1h, 1d.\n"
					   "\n"
					   "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a precondition does not hold,\n"
					   "4 differences found, 130 ended at once by a second signal.\n");
}

void
help_write(StrBuf *out, const Command *command)
{
	if (command == NULL)
	{
		write_program(out);
		return;
	}
	strbuf_printf(out, "dbsync %s: %s.\n\nUsage: dbsync %s %s\n\n%s", command->name, command->summary, command->name,
				  command->usage, command->text);
	if (command->own_options != NULL)
	{
		strbuf_printf(out, "\nOptions of %s:\n", command->name);
		for (const CommandOption *option = command->own_options; option->name != NULL; option++)
			option_write_row(out, option->letter, option->name, option->argument, option->help);
	}
	option_write_help(out, command->groups);
}

void
help_write_markdown(StrBuf *out)
{
	option_write_markdown(out);
	strbuf_append(out, "\n## Options of one command\n\n| command | option | meaning |\n|---|---|---|\n");
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		for (const CommandOption *option = command->own_options; option != NULL && option->name != NULL; option++)
		{
			strbuf_printf(out, "| `%s` | ", command->name);
			if (option->letter != 0)
				strbuf_printf(out, "`-%c`, ", option->letter);
			strbuf_printf(out, "`--%s%s%s` | %s |\n", option->name, (option->argument != NULL) ? "=" : "",
						  (option->argument != NULL) ? option->argument : "", option->help);
		}
	}
}
