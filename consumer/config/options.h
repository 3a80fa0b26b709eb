/*
 * options.h
 *		The table of options: one row each, which feeds the INI parser, the command line, --help and docs/options.md.
 */
#ifndef DBSYNC_CONFIG_OPTIONS_H
#define DBSYNC_CONFIG_OPTIONS_H

#include "base/error.h"
#include "base/strbuf.h"

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_PASSWORD,			/* text that is not shown, and wiped from the command line */
	OPTION_CONNECTION,			/* connection string of libpq */
	OPTION_PATH,				/* made absolute: from the file's folder, or the current one */
	OPTION_TABLES,				/* list of table patterns */
	OPTION_SLOT,				/* name of a replication slot */
	OPTION_POSITION,			/* LSN or "current" */
	OPTION_BOOL,				/* bool */
	OPTION_COUNT,				/* int */
	OPTION_NUMBER,				/* int64_t */
	OPTION_SIZE,				/* int64_t, bytes */
	OPTION_DURATION,			/* int, milliseconds */
	OPTION_CHOICE,				/* an enum */
	OPTION_FLAG,				/* bool; on the command line without a value */
	OPTION_ACTION				/* of the command line alone: --help and the like; no field */
} OptionType;

/* Which commands take an option on the command line, and where the help shows it. */
typedef enum OptionGroup
{
	OPTION_GENERAL, OPTION_CONNECTIONS, OPTION_MYSQL, OPTION_TASK, OPTION_COPY, OPTION_APPLY, OPTION_LIMITS, OPTION_RUN, OPTION_OUTPUT,
	OPTION_GROUP_COUNT
} OptionGroup;

#define OPTION_GROUP_BIT(group) (1u << (group))

typedef struct OptionChoice
{
	const char *text;			/* NULL ends the list */
	int			value;
} OptionChoice;

typedef struct Option
{
	const char *section;		/* of the file; NULL: only on the command line */
	const char *name;			/* in the file */
	const char *long_name;		/* on the command line, without "--"; NULL: the name, with "-" for "_" */
	char		letter;			/* short form, or 0 */
	OptionGroup group;
	OptionType	type;
	size_t		offset;			/* of its field in Config */
	const char *initial;		/* default, as it would be written; NULL: none */
	int64_t		min;
	int64_t		max;
	const OptionChoice *choices;
	const char *argument;		/* what the help calls the value; NULL: by the type */
	const char *help;
} Option;

extern const Option option_table[];
extern const int option_count;

const char *option_group_title(OptionGroup group);
const char *option_long_name(const Option *option, char buf[64]);		/* "include-tables" */
const char *option_argument(const Option *option);			/* "SIZE"; NULL: takes no value */

const Option *option_find(const char *section, const char *name);		/* of the file; or NULL */
const Option *option_find_long(const char *name, size_t length);	/* "-" and "_" are the same; or NULL */
const Option *option_find_letter(char letter);
bool option_section_exists(const char *section);

/* What may have been meant, or NULL. */
const char *option_nearest_name(const char *section, const char *name);
const char *option_nearest_section(const char *section);
const char *option_nearest_long(const char *name, char buf[64]);

/* Values: "64kB", "1GB", "4096"; "500ms", "10s", "5min", "1h", "1d", "0"; "on", "off", "true" ... */
bool option_parse_size(const char *text, int64_t *bytes) DBSYNC_MUST_CHECK;
bool option_parse_duration(const char *text, int64_t *ms) DBSYNC_MUST_CHECK;
bool option_parse_bool(const char *text, bool *value) DBSYNC_MUST_CHECK;

#define OPTION_NUMBER_SIZE 32
/* The reverse, in the largest unit that divides: "64kB", "10s", "4". */
const char *option_format_number(OptionType type, int64_t number, char buf[OPTION_NUMBER_SIZE]);

/* Help: one row, the options of these groups, and the tables of docs/options.md. */
void option_write_row(StrBuf *out, char letter, const char *name, const char *argument, const char *help);
void option_write_help(StrBuf *out, unsigned groups);
void option_write_markdown(StrBuf *out);

#endif
