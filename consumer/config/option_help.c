/*
 * option_help.c
 *		The table of options for people: --help and docs/options.md.
 */
#include "config/options.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 30
#define HELP_WIDTH  100

/* Words of the text from the column on; the line is already at "at". */
static void
write_wrapped(StrBuf *out, const char *text, int at)
{
	if (at >= HELP_COLUMN - 1)
	{
		strbuf_append_char(out, '\n');
		at = 0;
	}
	strbuf_printf(out, "%*s", HELP_COLUMN - at, "");
	at = HELP_COLUMN;
	while (*text != '\0')
	{
		int length = (int) strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + length > HELP_WIDTH)
		{
			strbuf_printf(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		else if (at > HELP_COLUMN)
		{
			strbuf_append_char(out, ' ');
			at++;
		}
		strbuf_append_bytes(out, text, (size_t) length);
		at += length;
		text += length;
		text += strspn(text, " ");
	}
	strbuf_append_char(out, '\n');
}

/* "stop|truncate", or the name of the value. */
static void
append_argument(StrBuf *out, const Option *option)
{
	if (option->type == OPTION_CHOICE)
	{
		for (const OptionChoice *choice = option->choices; choice->text != NULL; choice++)
			strbuf_printf(out, "%s%s", (choice > option->choices) ? "|" : "", choice->text);
	}
	else
		strbuf_append(out, option_argument(option));
}

void
option_write_row(StrBuf *out, char letter, const char *name, const char *argument, const char *help)
{
	size_t start = out->length;

	if (letter != 0)
		strbuf_printf(out, "  -%c, ", letter);
	else
		strbuf_append(out, "      ");
	strbuf_printf(out, "--%s%s%s", name, (argument != NULL) ? "=" : "", (argument != NULL) ? argument : "");
	write_wrapped(out, help, (int) (out->length - start));
}

void
option_write_help(StrBuf *out, unsigned groups)
{
	for (int group = 0; group < OPTION_GROUP_COUNT; group++)
	{
		if ((groups & OPTION_GROUP_BIT(group)) == 0)
			continue;
		strbuf_printf(out, "\n%s:\n", option_group_title((OptionGroup) group));
		for (int i = 0; i < option_count; i++)
		{
			const Option *option = &option_table[i];
			StrBuf help = STRBUF_INIT;
			char name[64];

			if ((int) option->group != group)
				continue;
			strbuf_append(&help, option->help);
			if (option->type == OPTION_CHOICE)
			{
				strbuf_append(&help, " (");
				append_argument(&help, option);
				strbuf_append_char(&help, ')');
			}
			if (option->initial != NULL)
				strbuf_printf(&help, " [%s]", option->initial);
			option_write_row(out, option->letter, option_long_name(option, name), option_argument(option),
							 strbuf_text(&help));
			strbuf_free(&help);
		}
	}
}

/* "|" separates the columns of a table. */
static void
append_cell(StrBuf *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '|' || *text == '*')
			strbuf_append_char(out, '\\');
		strbuf_append_char(out, *text);
	}
}

static void
append_code(StrBuf *out, const char *text)
{
	strbuf_append_char(out, '`');
	for (; *text != '\0'; text++)
	{
		if (*text == '|')
			strbuf_append_char(out, '\\');
		strbuf_append_char(out, *text);
	}
	strbuf_append_char(out, '`');
}

static void
write_option_row(StrBuf *out, const Option *option)
{
	StrBuf text = STRBUF_INIT;
	char name[64];
	char min_text[OPTION_NUMBER_SIZE];
	char max_text[OPTION_NUMBER_SIZE];

	strbuf_append(out, "| ");
	if (option->section != NULL)
		strbuf_printf(out, "`[%s]` `%s`", option->section, option->name);
	strbuf_append(out, " | ");
	if (option->letter != 0)
		strbuf_printf(out, "`-%c`, ", option->letter);
	strbuf_printf(out, "`--%s`", option_long_name(option, name));
	strbuf_append(out, " | ");
	if (option_argument(option) != NULL)
	{
		append_argument(&text, option);
		append_code(out, strbuf_text(&text));
	}
	if (option->max > 0)
		strbuf_printf(out, " %s to %s", option_format_number(option->type, option->min, min_text),
					  option_format_number(option->type, option->max, max_text));
	strbuf_append(out, " | ");
	if (option->initial != NULL)
		append_code(out, option->initial);
	strbuf_append(out, " | ");
	append_cell(out, option->help);
	strbuf_append(out, " |\n");
	strbuf_free(&text);
}

static const char markdown_head[] =
	"# Options of dbsync\n"
	"\n"
	"Made from the table in `consumer/config/option_table.c` by `dbsync --help-markdown`; change it there.\n"
	"\n"
	"An option comes from its default, then the configuration file, then the command line; the last one holds. The file is the one\n"
	"named by `-c`, or `my.cfg` in the current folder. On the command line `-` and `_` are the same in names, values may follow\n"
	"`=` or be the next word, and options may stand in front of the command or behind it.\n"
	"\n"
	"## The file\n"
	"\n"
	"```ini\n"
	"# The source, the target, and where dbsync keeps its state\n"
	"[src.pgsql]\n"
	"connect_string = host=old.example dbname=app user=sync_reader\n"
	"\n"
	"[desc.pgsql]\n"
	"connect_string = host=new.example dbname=app user=sync_writer\n"
	"\n"
	"[local]\n"
	"path = /var/lib/dbsync/app.db\n"
	"\n"
	"[dbsync]\n"
	"slot = app_sync\n"
	"include_tables = public.*,\n"
	"    sales.order_*\n"
	"```\n"
	"\n"
	"- A comment is a line that begins with `#` or `;`. There are none behind a value, so a password may hold any character.\n"
	"- A line that begins with white space continues the value above; the pieces are joined by one blank. Lines may be of any length.\n"
	"- Double quotes around a whole value are dropped, except in table lists, where they belong to the names.\n"
	"- An unknown section or option, a bad value, or an option that stands there twice is an error, with the file and the line.\n"
	"- A task has one source: `[src.pgsql]`, or `[src.mysql]` for MySQL and MariaDB, with options of its own.\n"
	"- Relative paths start from the folder of the file; on the command line, from the current one.\n"
	"- Sizes are whole numbers with `B`, `kB`, `MB`, `GB` or `TB` (1 kB is 1024 bytes; without a unit: bytes). Times have `ms`, `s`, `min`,\n"
	"  `h` or `d`. Switches are `on`/`off`, `true`/`false`, `yes`/`no`, `1`/`0`.\n"
	"\n"
	"## Passwords\n"
	"\n"
	"Best kept in libpq's own places: the passfile (`~/.pgpass`, or `passfile=` in the connection string), a service file, or certificates.\n"
	"A password in the configuration file works; where group or others may read the file, dbsync warns. A connection string or password on\n"
	"the command line is wiped from the process's title as soon as it has been read, if it holds one; until then, and in\n"
	"the shell's history, others may see it.\n";

void
option_write_markdown(StrBuf *out)
{
	strbuf_append(out, markdown_head);
	for (int group = 0; group < OPTION_GROUP_COUNT; group++)
	{
		strbuf_printf(out,
					  "\n## %s\n\n| in the file | command line | value | default | meaning |\n|---|---|---|---|---|\n",
					  option_group_title((OptionGroup) group));
		for (int i = 0; i < option_count; i++)
		{
			if ((int) option_table[i].group == group)
				write_option_row(out, &option_table[i]);
		}
	}
}
