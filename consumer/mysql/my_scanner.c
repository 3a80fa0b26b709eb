/*
 * my_scanner.c
 *		Comments are white space, but for those of the kind that servers execute: there the content counts.
 */
#include "mysql/my_scanner.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SQL_MODE_ANSI_QUOTES 4
#define SQL_MODE_NO_BACKSLASH_ESCAPES 0x100000

static bool
is_word_byte(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' || c == '@' || (c & 0x80) != 0;
}

static void
skip_line(MyScanner *scanner)
{
	while (scanner->at < scanner->end && *scanner->at != '\n')
		scanner->at++;
}

static void
skip_space(MyScanner *scanner)
{
	while (scanner->at < scanner->end)
	{
		const char *at = scanner->at;
		size_t		left = (size_t) (scanner->end - at);

		if (isspace((unsigned char) *at))
			scanner->at++;
		else if (*at == '#' || (left >= 3 && at[0] == '-' && at[1] == '-' && isspace((unsigned char) at[2])))
			skip_line(scanner);
		else if (left >= 2 && at[0] == '*' && at[1] == '/')
			scanner->at += 2;	/* the end of an executed comment */
		else if (left >= 3 && at[0] == '/' && at[1] == '*' && (at[2] == '!' || (left >= 4 && at[2] == 'M' && at[3] == '!')))
		{
			scanner->at += at[2] == '!' ? 3 : 4;
			while (scanner->at < scanner->end && isdigit((unsigned char) *scanner->at))
				scanner->at++;
		}
		else if (left >= 2 && at[0] == '/' && at[1] == '*')
		{
			const char *close = memmem(at + 2, left - 2, "*/", 2);

			scanner->at = close != NULL ? close + 2 : scanner->end;
		}
		else
			return;
	}
}

static void
take_quoted(MyScanner *scanner, char quote, bool has_escapes)
{
	scanner->at++;
	while (scanner->at < scanner->end)
	{
		if (*scanner->at == '\\' && has_escapes && scanner->at + 1 < scanner->end)
			scanner->at += 2;
		else if (*scanner->at == quote)
		{
			if (scanner->at + 1 >= scanner->end || scanner->at[1] != quote)
			{
				scanner->at++;
				return;
			}
			scanner->at += 2;
		}
		else
			scanner->at++;
	}
}

void
my_scanner_next(MyScanner *scanner)
{
	char		c;

	skip_space(scanner);
	scanner->start = scanner->at;
	if (scanner->at >= scanner->end)
	{
		scanner->kind = MY_TOKEN_END;
		scanner->length = 0;
		return;
	}
	c = *scanner->at;
	if (c == '`' || c == '"' || c == '\'')
	{
		bool		is_name = c == '`' || (c == '"' && (scanner->sql_mode & SQL_MODE_ANSI_QUOTES) != 0);

		scanner->kind = is_name ? MY_TOKEN_NAME : MY_TOKEN_STRING;
		take_quoted(scanner, c, !is_name && (scanner->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) == 0);
	}
	else if (is_word_byte(c))
	{
		scanner->kind = MY_TOKEN_WORD;
		while (scanner->at < scanner->end && is_word_byte(*scanner->at))
			scanner->at++;
	}
	else
	{
		scanner->kind = MY_TOKEN_SIGN;
		scanner->at++;
	}
	scanner->length = (size_t) (scanner->at - scanner->start);
}

bool
my_scanner_is_word(const MyScanner *scanner, const char *word)
{
	return scanner->kind == MY_TOKEN_WORD && strlen(word) == scanner->length && strncasecmp(word, scanner->start, scanner->length) == 0;
}

/* Passes over the word if it is there. */
bool
my_scanner_take_word(MyScanner *scanner, const char *word)
{
	if (!my_scanner_is_word(scanner, word))
		return false;
	my_scanner_next(scanner);
	return true;
}

bool
my_scanner_take_sign(MyScanner *scanner, char sign)
{
	if (scanner->kind != MY_TOKEN_SIGN || *scanner->start != sign)
		return false;
	my_scanner_next(scanner);
	return true;
}

/* The present token as a name, without its quotes; NULL if it is none. */
const char *
my_scanner_name(const MyScanner *scanner)
{
	char	   *name;
	char	   *to;
	char		quote;

	if (scanner->kind == MY_TOKEN_WORD)
		return arena_strndup(scanner->arena, scanner->start, scanner->length);
	if (scanner->kind != MY_TOKEN_NAME || scanner->length < 2)
		return NULL;
	quote = *scanner->start;
	name = to = arena_strndup(scanner->arena, scanner->start + 1, scanner->length - 2);
	for (const char *from = name; *from != '\0'; from++)
	{
		if (*from == quote && from[1] == quote)
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return name;
}

/* name, or database.name.  false: there is none here. */
bool
my_scanner_take_table(MyScanner *scanner, MyTableName *name)
{
	name->database = scanner->database;
	name->table = my_scanner_name(scanner);
	if (name->table == NULL)
		return false;
	my_scanner_next(scanner);
	if (my_scanner_take_sign(scanner, '.'))
	{
		name->database = name->table;
		name->table = my_scanner_name(scanner);
		if (name->table == NULL)
			return false;
		my_scanner_next(scanner);
	}
	return true;
}

MyScanner
my_scanner_open(const MyQuery *query, Arena *arena)
{
	MyScanner		scanner = {.at = query->text, .end = query->text + query->length, .database = query->database, .sql_mode = query->sql_mode,
		.arena = arena};

	my_scanner_next(&scanner);
	return scanner;
}
