/*
 * command_line.h
 *		The command line, taken apart by the tables of options and commands.  No I/O.
 */
#ifndef DBSYNC_CLI_COMMAND_LINE_H
#define DBSYNC_CLI_COMMAND_LINE_H

#include "base/arena.h"
#include "cli/commands.h"

typedef struct CommandSetting
{
	const Option *option;
	const char *value;
	const char *where;			/* as it was written, without the value: "--jobs" */
} CommandSetting;

typedef struct CommandLine
{
	const Command *command;		/* the first of the table where none is named */
	bool		is_command_named;
	CommandSetting *settings;	/* in their order */
	int			setting_count;
	const char *config_file;	/* or NULL */
	int			verbose;		/* how often -v was given */
	bool		quiet;
	bool		help;
	bool		help_markdown;
	bool		version;
	int			argc;			/* for the command's function */
	char	  **argv;
} CommandLine;

/*
 * Everything in *line comes from the arena.  A connection string that holds a password is overwritten in argv, so that the list of
 * processes does not show it for longer than needed.
 */
bool command_line_parse(int argc, char **argv, Arena *arena, CommandLine *line, Error *err) DBSYNC_MUST_CHECK;

/* The settings, -v and -q, into the Config: after the file has been read. */
bool command_line_apply(const CommandLine *line, Config *config, Error *err) DBSYNC_MUST_CHECK;

#endif
