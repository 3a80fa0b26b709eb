/*
 * command_line.c
 *		Parsing argv.  Options may stand in front of the command, so that what a command takes is looked at when all is read.
 */
#include "cli/command_line.h"

#include "base/nearest.h"
#include "config/option_value.h"

#include <stdio.h>
#include <string.h>

typedef struct OwnOption
{
	const CommandOption *option;
	const char *value; /* NULL: none */
} OwnOption;

typedef struct Parse
{
	int argc;
	char **argv;
	int next; /* in argv */
	Arena *arena;
	CommandLine *line;
	char **words;
	int word_count;
	OwnOption *own;
	int own_count;
	Error *err;
} Parse;

static bool
unknown_long(Parse *parse, const char *name, size_t length)
{
	char *text = arena_strndup(parse->arena, name, length);
	Nearest nearest = NEAREST_INIT(text);
	char buf[64];

	for (int i = 0; i < option_count; i++)
		nearest_offer(&nearest, arena_strdup(parse->arena, option_long_name(&option_table[i], buf)));
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		for (const CommandOption *own = command->own_options; own != NULL && own->name != NULL; own++)
			nearest_offer(&nearest, own->name);
	}
	error_set(parse->err, ERROR_USAGE, "unknown option --%s", text);
	if (nearest_best(&nearest) != NULL)
		return error_hint(parse->err, "did you mean --%s?", nearest_best(&nearest));
	return error_hint(parse->err, "\"dbsync --help\" lists the options");
}

/* The value behind "=", or the next word. */
static bool
take_value(Parse *parse, const char *where, char *attached, char **value)
{
	if (attached == NULL && parse->next == parse->argc)
	{
		error_set(parse->err, ERROR_USAGE, "%s needs a value", where);
		return false;
	}
	*value = (attached != NULL) ? attached : parse->argv[parse->next++];
	return true;
}

static bool
do_action(Parse *parse, const Option *option, const char *where, char *attached)
{
	CommandLine *line = parse->line;
	char *value;

	if (strcmp(option->name, "config") == 0)
	{
		if (!take_value(parse, where, attached, &value))
			return false;
		line->config_file = value;
		return true;
	}
	if (attached != NULL)
		return error_set(parse->err, ERROR_USAGE, "%s takes no value", where);
	if (strcmp(option->name, "verbose") == 0)
		line->verbose++;
	else if (strcmp(option->name, "quiet") == 0)
		line->quiet = true;
	else if (strcmp(option->name, "help") == 0)
		line->help = true;
	else if (strcmp(option->name, "version") == 0)
		line->version = true;
	return true;
}

static bool
take_option(Parse *parse, const Option *option, const char *where, char *attached)
{
	CommandSetting *setting;
	char *value = attached;

	if (option->type == OPTION_ACTION)
		return do_action(parse, option, where, attached);
	if (option->type == OPTION_FLAG)
		value = (attached != NULL) ? attached : arena_strdup(parse->arena, "on");
	else if (!take_value(parse, where, attached, &value))
		return false;

	setting = &parse->line->settings[parse->line->setting_count++];
	setting->option = option;
	setting->where = where;
	setting->value = arena_strdup(parse->arena, value);
	if (option->type == OPTION_PASSWORD || (option->type == OPTION_CONNECTION && option_has_password(value)))
		memset(value, 'x', strlen(value));
	return true;
}

static const CommandOption *
find_own_option(const char *name, size_t length)
{
	for (const Command *command = command_table; command->name != NULL; command++)
	{
		const CommandOption *option = command_find_option(command, name, length);

		if (option != NULL)
			return option;
	}
	return NULL;
}

/* arg is behind the "--". */
static bool
take_long(Parse *parse, char *arg)
{
	size_t length = strcspn(arg, "=");
	char *attached = (arg[length] == '=') ? arg + length + 1 : NULL;
	const char *where = arena_printf(parse->arena, "--%.*s", (int) length, arg);
	const Option *option = option_find_long(arg, length);
	const CommandOption *own = find_own_option(arg, length);
	char *value = NULL;

	if (option != NULL)
		return take_option(parse, option, where, attached);
	if (strcmp(arg, "help-markdown") == 0)
	{
		parse->line->help_markdown = true;
		return true;
	}
	if (own == NULL)
		return unknown_long(parse, arg, length);
	if (own->argument == NULL && attached != NULL)
		return error_set(parse->err, ERROR_USAGE, "%s takes no value", where);
	if (own->argument != NULL && !take_value(parse, where, attached, &value))
		return false;
	parse->own[parse->own_count++] = (OwnOption){own, value};
	return true;
}

/* "-j4", "-j 4", "-vq" */
static bool
take_short(Parse *parse, char *letters)
{
	for (; *letters != '\0'; letters++)
	{
		const char *where = arena_printf(parse->arena, "-%c", *letters);
		const Option *option = option_find_letter(*letters);
		const CommandOption *own = command_find_letter(*letters);
		bool has_value;

		if (option == NULL && own != NULL)
		{
			parse->own[parse->own_count++] = (OwnOption){own, NULL};
			continue;
		}
		if (option == NULL)
		{
			error_set(parse->err, ERROR_USAGE, "unknown option %s", where);
			return error_hint(parse->err, "\"dbsync --help\" lists the options");
		}
		has_value = (option_argument(option) != NULL);
		if (!take_option(parse, option, where, (has_value && letters[1] != '\0') ? letters + 1 : NULL))
			return false;
		if (has_value)
			break;
	}
	return true;
}

static bool
take_arguments(Parse *parse)
{
	bool only_words = false;

	while (parse->next < parse->argc)
	{
		char *arg = parse->argv[parse->next++];

		if (only_words || arg[0] != '-' || arg[1] == '\0')
			parse->words[parse->word_count++] = arg;
		else if (strcmp(arg, "--") == 0)
			only_words = true;
		else if (arg[1] == '-' ? !take_long(parse, arg + 2) : !take_short(parse, arg + 1))
			return false;
	}
	return true;
}

/* The first word; "help COMMAND" is another way to write "COMMAND --help". */
static bool
find_command(Parse *parse, int *first_word)
{
	CommandLine *line = parse->line;
	const char *name;

	*first_word = 0;
	line->command = command_table;
	if (parse->word_count > 0 && strcmp(parse->words[0], "help") == 0)
	{
		line->help = true;
		*first_word = 1;
	}
	if (*first_word == parse->word_count)
		return true;
	name = parse->words[(*first_word)++];
	line->command = command_find(name);
	line->is_command_named = true;
	if (line->command != NULL)
		return true;
	error_set(parse->err, ERROR_USAGE, "unknown command \"%s\"", name);
	if (command_nearest(name) != NULL)
		return error_hint(parse->err, "did you mean \"dbsync %s\"?", command_nearest(name));
	return error_hint(parse->err, "\"dbsync --help\" lists the commands");
}

/* Options of the file are understood everywhere, so that one set of them fits all commands of a task. */
static bool
check_fit(Parse *parse, int words_left)
{
	CommandLine *line = parse->line;
	const Command *command = line->command;

	for (int i = 0; i < line->setting_count; i++)
	{
		const Option *option = line->settings[i].option;

		if (option->section == NULL && (command->groups & OPTION_GROUP_BIT(option->group)) == 0)
		{
			error_set(parse->err, ERROR_USAGE, "%s is no option of \"dbsync %s\"", line->settings[i].where,
					  command->name);
			return error_hint(parse->err, "\"dbsync %s --help\" lists them", command->name);
		}
	}
	for (int i = 0; i < parse->own_count; i++)
	{
		const char *name = parse->own[i].option->name;

		if (command_find_option(command, name, strlen(name)) == NULL)
		{
			error_set(parse->err, ERROR_USAGE, "--%s is no option of \"dbsync %s\"", name, command->name);
			return error_hint(parse->err, "\"dbsync %s --help\" lists them", command->name);
		}
	}
	if (words_left > command->max_words)
	{
		error_set(parse->err, ERROR_USAGE, "\"dbsync %s\" does not know what to do with \"%s\"", command->name,
				  parse->words[parse->word_count - words_left + command->max_words]);
		return error_hint(parse->err, "usage: dbsync %s %s", command->name, command->usage);
	}
	return true;
}

static void
build_command_argv(Parse *parse, int first_word)
{
	CommandLine *line = parse->line;

	line->argv = arena_alloc(parse->arena, sizeof(char *) * (size_t) (parse->word_count + parse->own_count + 3));
	line->argv[line->argc++] = arena_strdup(parse->arena, line->command->name);
	for (int i = 0; i < parse->own_count; i++)
	{
		const OwnOption *own = &parse->own[i];

		line->argv[line->argc++] =
			arena_printf(parse->arena, "--%s%s%s", own->option->name, (own->value != NULL) ? "=" : "",
						 (own->value != NULL) ? own->value : "");
	}
	if (first_word < parse->word_count)
		line->argv[line->argc++] = arena_strdup(parse->arena, "--");
	for (int i = first_word; i < parse->word_count; i++)
		line->argv[line->argc++] = parse->words[i];
	line->argv[line->argc] = NULL;
}

bool
command_line_parse(int argc, char **argv, Arena *arena, CommandLine *line, Error *err)
{
	Parse parse = {.argc = argc, .argv = argv, .next = 1, .arena = arena, .line = line, .err = err};
	size_t letters = 0;
	int first_word;

	memset(line, 0, sizeof(*line));
	/* No argument gives more settings than it has letters. */
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	line->settings = arena_alloc(arena, letters * sizeof(CommandSetting));
	parse.words = arena_alloc(arena, (size_t) (argc + 1) * sizeof(char *));
	parse.own = arena_alloc(arena, letters * sizeof(OwnOption));

	if (!take_arguments(&parse) || !find_command(&parse, &first_word))
		return false;
	if (line->help || line->version || line->help_markdown)
		return true;
	if (!check_fit(&parse, parse.word_count - first_word))
		return false;
	build_command_argv(&parse, first_word);
	return true;
}

bool
command_line_apply(const CommandLine *line, Config *config, Error *err)
{
	char name[64];

	for (int i = 0; i < line->setting_count; i++)
	{
		const CommandSetting *setting = &line->settings[i];

		if (!config_set(config, NULL, option_long_name(setting->option, name), setting->value, setting->where, err))
			return false;
	}
	if (line->quiet)
		config->log_level = LOG_WARN;
	if (line->verbose > 0)
		config->log_level = (line->verbose == 1) ? LOG_DEBUG : LOG_TRACE;
	return true;
}
