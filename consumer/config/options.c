/*
 * options.c
 *		Looking into the table of options, and the units of its values.
 */
#include "config/options.h"

#include "base/nearest.h"
#include "config/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const group_titles[OPTION_GROUP_COUNT] = {
	[OPTION_GENERAL] = "General",
	[OPTION_CONNECTIONS] = "Connections",
	[OPTION_MYSQL] = "MySQL and MariaDB sources",
	[OPTION_TASK] = "What is synchronized",
	[OPTION_COPY] = "Full sync",
	[OPTION_APPLY] = "Applying changes",
	[OPTION_LIMITS] = "Limits and intervals",
	[OPTION_RUN] = "One run",
	[OPTION_OUTPUT] = "Output",
};

const char *
option_group_title(OptionGroup group)
{
	return group_titles[group];
}

const char *
option_long_name(const Option *option, char buf[64])
{
	snprintf(buf, 64, "%s", (option->long_name != NULL) ? option->long_name : option->name);
	for (char *c = buf; *c != '\0'; c++)
	{
		if (*c == '_')
			*c = '-';
	}
	return buf;
}

const char *
option_argument(const Option *option)
{
	if (option->argument != NULL)
		return option->argument;
	switch (option->type)
	{
		case OPTION_TEXT:
		case OPTION_PASSWORD:
		case OPTION_SLOT:
			return "TEXT";
		case OPTION_CONNECTION:
			return "CONNECTION";
		case OPTION_PATH:
			return "FILE";
		case OPTION_TABLES:
			return "TABLES";
		case OPTION_POSITION:
			return "LSN|current";
		case OPTION_BOOL:
			return "on|off";
		case OPTION_COUNT:
		case OPTION_NUMBER:
			return "N";
		case OPTION_SIZE:
			return "SIZE";
		case OPTION_DURATION:
			return "TIME";
		case OPTION_CHOICE:
			return "CHOICE";
		case OPTION_FLAG:
		case OPTION_ACTION:
			break;
	}
	return NULL;
}

const Option *
option_find(const char *section, const char *name)
{
	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->section != NULL && strcmp(option->section, section) == 0 && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

const Option *
option_find_long(const char *name, size_t length)
{
	char wanted[64];
	char buf[64];

	if (length >= sizeof(wanted))
		return NULL;
	for (size_t i = 0; i < length; i++)
		wanted[i] = (name[i] == '_') ? '-' : name[i];
	wanted[length] = '\0';
	for (int i = 0; i < option_count; i++)
	{
		if (strcmp(option_long_name(&option_table[i], buf), wanted) == 0)
			return &option_table[i];
	}
	return NULL;
}

const Option *
option_find_letter(char letter)
{
	for (int i = 0; i < option_count; i++)
	{
		if (option_table[i].letter == letter && letter != 0)
			return &option_table[i];
	}
	return NULL;
}

bool
option_section_exists(const char *section)
{
	for (int i = 0; i < option_count; i++)
	{
		if (option_table[i].section != NULL && strcmp(option_table[i].section, section) == 0)
			return true;
	}
	return false;
}

const char *
option_nearest_name(const char *section, const char *name)
{
	Nearest nearest = NEAREST_INIT(name);

	for (int i = 0; i < option_count; i++)
	{
		if (option_table[i].section != NULL && strcmp(option_table[i].section, section) == 0)
			nearest_offer(&nearest, option_table[i].name);
	}
	return nearest_best(&nearest);
}

const char *
option_nearest_section(const char *section)
{
	Nearest nearest = NEAREST_INIT(section);

	for (int i = 0; i < option_count; i++)
	{
		if (option_table[i].section != NULL)
			nearest_offer(&nearest, option_table[i].section);
	}
	return nearest_best(&nearest);
}

const char *
option_nearest_long(const char *name, char buf[64])
{
	Nearest nearest = NEAREST_INIT(name);

	for (int i = 0; i < option_count; i++)
		nearest_offer(&nearest, (option_table[i].long_name != NULL) ? option_table[i].long_name : option_table[i].name);
	if (nearest_best(&nearest) == NULL)
		return NULL;
	return option_long_name(option_find_long(nearest_best(&nearest), strlen(nearest_best(&nearest))), buf);
}

/* A number without sign, followed by one of the units; a bare 0 or, where units[0].text is "", a bare number. */
typedef struct Unit
{
	const char *text;
	int64_t factor;
} Unit;

static bool
parse_with_unit(const char *text, const Unit *units, int unit_count, int64_t *value)
{
	int64_t number = 0;

	if (!isdigit((unsigned char) *text))
		return false;
	for (; isdigit((unsigned char) *text); text++)
	{
		if (number > (INT64_MAX - (*text - '0')) / 10)
			return false;
		number = number * 10 + (*text - '0');
	}
	while (*text == ' ' || *text == '\t')
		text++;
	if (number == 0 && *text == '\0')
	{
		*value = 0;
		return true;
	}
	for (int i = 0; i < unit_count; i++)
	{
		if (strcasecmp(text, units[i].text) == 0)
		{
			if (number > INT64_MAX / units[i].factor)
				return false;
			*value = number * units[i].factor;
			return true;
		}
	}
	return false;
}

/* Ascending; of those of one factor, the last is the one that is written. */
static const Unit size_units[] = {{"", 1},    {"B", 1},  {"k", KB},  {"kB", KB},       {"M", MB},
								  {"MB", MB}, {"G", GB}, {"GB", GB}, {"T", GB * 1024}, {"TB", GB * 1024}};
static const Unit time_units[] = {{"ms", 1}, {"s", SECOND}, {"min", MINUTE}, {"h", MINUTE * 60}, {"d", DAY}};
#define SIZE_UNITS ((int) (sizeof(size_units) / sizeof(size_units[0])))
#define TIME_UNITS ((int) (sizeof(time_units) / sizeof(time_units[0])))

bool
option_parse_size(const char *text, int64_t *bytes)
{
	return parse_with_unit(text, size_units, SIZE_UNITS, bytes);
}

bool
option_parse_duration(const char *text, int64_t *ms)
{
	return parse_with_unit(text, time_units, TIME_UNITS, ms);
}

const char *
option_format_number(OptionType type, int64_t number, char buf[OPTION_NUMBER_SIZE])
{
	const Unit *units = (type == OPTION_SIZE) ? size_units : time_units;
	int unit_count = (type == OPTION_SIZE) ? SIZE_UNITS : TIME_UNITS;
	const Unit *best = NULL;

	if (number != 0 && (type == OPTION_SIZE || type == OPTION_DURATION))
	{
		for (int i = 0; i < unit_count; i++)
		{
			if (number % units[i].factor == 0)
				best = &units[i];
		}
	}
	snprintf(buf, OPTION_NUMBER_SIZE, "%" PRId64 "%s", (best != NULL) ? number / best->factor : number,
			 (best != NULL) ? best->text : "");
	return buf;
}

bool
option_parse_bool(const char *text, bool *value)
{
	static const char *const words[] = {"on", "true", "yes", "1", "off", "false", "no", "0"};

	for (int i = 0; i < 8; i++)
	{
		if (strcasecmp(text, words[i]) == 0)
		{
			*value = (i < 4);
			return true;
		}
	}
	return false;
}
