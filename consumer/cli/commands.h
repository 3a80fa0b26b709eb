/*
 * commands.h
 *		The commands as data: name, what it is for, which options it takes, what it needs, and its function.
 *
 * main() parses the command line, loads and checks the configuration, opens the log, installs the signal handlers, and calls the
 * command's function.  What that returns is the exit code: 0 ok, 1 failed, 2 usage, 3 preflight, 4 differences found
 * (error_exit_code() has it).  A command logs its own errors by log_report().
 *
 * argv[0] is the command's name; behind it stand, in their order, words and the command's own options (those of its row), the
 * latter always as "--name" or "--name=value", however the user wrote them.  Everything else has gone into the Config.
 */
#ifndef DBSYNC_CLI_COMMANDS_H
#define DBSYNC_CLI_COMMANDS_H

#include "config/config.h"
#include "config/options.h"

typedef int (*CommandFunction) (const Config *config, int argc, char **argv);

int cmd_run(const Config *config, int argc, char **argv);
int cmd_check(const Config *config, int argc, char **argv);
int cmd_status(const Config *config, int argc, char **argv);
int cmd_verify(const Config *config, int argc, char **argv);
int cmd_schema(const Config *config, int argc, char **argv);
int cmd_sqls(const Config *config, int argc, char **argv);
int cmd_drop(const Config *config, int argc, char **argv);

/* An option that only one command has.  Those that several share are in config/option_table.c. */
typedef struct CommandOption
{
	const char *name;			/* without "--", words joined by "-"; NULL ends the list */
	const char *argument;		/* what the help calls its value; NULL: it takes none */
	const char *help;
	char		letter;			/* short form of one that takes no value, or 0; not one of config/option_table.c */
} CommandOption;

#define COMMAND_NEEDS_CONFIG 1	/* source and target must be configured */
#define COMMAND_CAN_DAEMON 2

typedef struct Command
{
	const char *name;
	const char *usage;			/* behind the name: "[options]" */
	const char *summary;		/* one line */
	const char *text;			/* paragraphs for its own help */
	CommandFunction function;
	unsigned	groups;			/* of options that it takes: OPTION_GROUP_BIT() */
	unsigned	flags;			/* COMMAND_* */
	int			max_words;		/* words that it takes; 0: none */
	const CommandOption *own_options;	/* or NULL */
} Command;

extern const Command command_table[];		/* ends with a NULL name; the first is the default */

const Command *command_find(const char *name);		/* or NULL */
const char *command_nearest(const char *name);		/* a name that may have been meant, or NULL */
const CommandOption *command_find_option(const Command *command, const char *name, size_t length);
const CommandOption *command_find_letter(char letter);	/* of any command, or NULL */

/* For the commands: the last value of "--name=value" in argv; "" where it has no value; NULL where it is not there. */
const char *command_option(int argc, char **argv, const char *name);
/* The word number n (from 0) in argv, or NULL. */
const char *command_word(int argc, char **argv, int n);

#endif
