/*
 * my_statement.c
 *		Words and names of a statement.
 *
 * Comments are white space, but for those of the kind that servers execute: there the content counts.
 */
#include "mysql/my_statement.h"

#include "base/strbuf.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#define SQL_MODE_ANSI_QUOTES 4
#define SQL_MODE_NO_BACKSLASH_ESCAPES 0x100000
#define NAME_LIMIT 4096			/* tables of one DROP or RENAME */
#define TEXT_LIMIT 300

typedef enum TokenKind
{
	TOKEN_END, TOKEN_WORD, TOKEN_NAME /* quoted */, TOKEN_STRING, TOKEN_SIGN
} TokenKind;

typedef struct Scanner
{
	const char *at;
	const char *end;
	const char *database;		/* the default one */
	uint64_t	sql_mode;
	Arena	   *arena;

	/* the present token, as written */
	TokenKind	kind;
	const char *start;
	size_t		length;
} Scanner;

static bool
is_word_byte(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' || c == '@' || (c & 0x80) != 0;
}

static void
skip_line(Scanner *scanner)
{
	while (scanner->at < scanner->end && *scanner->at != '\n')
		scanner->at++;
}

static void
skip_space(Scanner *scanner)
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
take_quoted(Scanner *scanner, char quote, bool has_escapes)
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

static void
next(Scanner *scanner)
{
	char		c;

	skip_space(scanner);
	scanner->start = scanner->at;
	if (scanner->at >= scanner->end)
	{
		scanner->kind = TOKEN_END;
		scanner->length = 0;
		return;
	}
	c = *scanner->at;
	if (c == '`' || c == '"' || c == '\'')
	{
		bool		is_name = c == '`' || (c == '"' && (scanner->sql_mode & SQL_MODE_ANSI_QUOTES) != 0);

		scanner->kind = is_name ? TOKEN_NAME : TOKEN_STRING;
		take_quoted(scanner, c, !is_name && (scanner->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) == 0);
	}
	else if (is_word_byte(c))
	{
		scanner->kind = TOKEN_WORD;
		while (scanner->at < scanner->end && is_word_byte(*scanner->at))
			scanner->at++;
	}
	else
	{
		scanner->kind = TOKEN_SIGN;
		scanner->at++;
	}
	scanner->length = (size_t) (scanner->at - scanner->start);
}

static bool
is_word(const Scanner *scanner, const char *word)
{
	return scanner->kind == TOKEN_WORD && strlen(word) == scanner->length && strncasecmp(word, scanner->start, scanner->length) == 0;
}

/* Passes over the word if it is there. */
static bool
take_word(Scanner *scanner, const char *word)
{
	if (!is_word(scanner, word))
		return false;
	next(scanner);
	return true;
}

static bool
take_sign(Scanner *scanner, char sign)
{
	if (scanner->kind != TOKEN_SIGN || *scanner->start != sign)
		return false;
	next(scanner);
	return true;
}

/* The present token as a name, without its quotes; NULL if it is none. */
static const char *
name_text(const Scanner *scanner)
{
	char	   *name;
	char	   *to;
	char		quote;

	if (scanner->kind == TOKEN_WORD)
		return arena_strndup(scanner->arena, scanner->start, scanner->length);
	if (scanner->kind != TOKEN_NAME || scanner->length < 2)
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
static bool
take_table(Scanner *scanner, MyTableName *name)
{
	name->database = scanner->database;
	name->table = name_text(scanner);
	if (name->table == NULL)
		return false;
	next(scanner);
	if (take_sign(scanner, '.'))
	{
		name->database = name->table;
		name->table = name_text(scanner);
		if (name->table == NULL)
			return false;
		next(scanner);
	}
	return true;
}

static void
add_name(Scanner *scanner, MyStatement *statement, MyTableName name)
{
	int			count = statement->name_count;

	if (count == NAME_LIMIT)
		return;
	/* doubled at each power of two */
	if ((count & (count - 1)) == 0)
	{
		MyTableName *names = arena_alloc(scanner->arena, sizeof(MyTableName) * (size_t) (count == 0 ? 1 : 2 * count));

		if (count > 0)
			memcpy(names, statement->names, sizeof(MyTableName) * (size_t) count);
		statement->names = names;
	}
	statement->names[statement->name_count++] = name;
}

static bool
add_table(Scanner *scanner, MyStatement *statement)
{
	MyTableName name;

	if (!take_table(scanner, &name))
		return false;
	add_name(scanner, statement, name);
	return true;
}

static void
take_if_exists(Scanner *scanner, MyStatement *statement)
{
	if (!take_word(scanner, "IF"))
		return;
	if (take_word(scanner, "NOT"))
		statement->if_not_exists = true;
	take_word(scanner, "EXISTS");
}

/* Behind "INDEX": the index's name, then ON and the table's. */
static void
parse_index(Scanner *scanner, MyStatement *statement)
{
	while (scanner->kind != TOKEN_END && !is_word(scanner, "ON"))
		next(scanner);
	next(scanner);
	if (add_table(scanner, statement))
		statement->kind = MY_STATEMENT_DDL;
}

static void
parse_create(Scanner *scanner, MyStatement *statement)
{
	if (take_word(scanner, "OR"))
		take_word(scanner, "REPLACE");
	statement->is_temporary = take_word(scanner, "TEMPORARY");
	while (take_word(scanner, "ONLINE") || take_word(scanner, "OFFLINE") || take_word(scanner, "UNIQUE") || take_word(scanner, "FULLTEXT") ||
		   take_word(scanner, "SPATIAL") || take_word(scanner, "VECTOR"))
		;
	if (take_word(scanner, "INDEX"))
	{
		parse_index(scanner, statement);
		return;
	}
	if (!take_word(scanner, "TABLE"))
		return;
	take_if_exists(scanner, statement);
	if (!add_table(scanner, statement))
		return;
	statement->kind = MY_STATEMENT_CREATE_TABLE;
	statement->changes_columns = true;
	while (scanner->kind != TOKEN_END)
	{
		if (take_word(scanner, "START"))
			statement->begins = is_word(scanner, "TRANSACTION");
		else
			next(scanner);
	}
}

/* Behind ADD or DROP: something that is no column? */
static bool
is_no_column(const Scanner *scanner)
{
	static const char *const words[] = {"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK",
		"PARTITION", "TABLE"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (is_word(scanner, words[i]))
			return true;
	}
	return false;
}

/*
 * Other tables that an ALTER TABLE concerns: RENAME TO x, EXCHANGE PARTITION p WITH TABLE x; and whether it changes columns.
 */
static void
parse_alter(Scanner *scanner, MyStatement *statement)
{
	while (take_word(scanner, "ONLINE") || take_word(scanner, "OFFLINE") || take_word(scanner, "IGNORE"))
		;
	if (!take_word(scanner, "TABLE"))
		return;
	take_if_exists(scanner, statement);
	if (!add_table(scanner, statement))
		return;
	statement->kind = MY_STATEMENT_DDL;
	while (scanner->kind != TOKEN_END)
	{
		if (take_word(scanner, "RENAME"))
		{
			if (is_word(scanner, "COLUMN") || is_word(scanner, "INDEX") || is_word(scanner, "KEY"))
				continue;
			statement->changes_columns = true;
			if (!take_word(scanner, "TO") && !take_word(scanner, "AS"))
				take_sign(scanner, '=');
			add_table(scanner, statement);
		}
		else if (take_word(scanner, "WITH"))
		{
			if (take_word(scanner, "TABLE"))
				add_table(scanner, statement);
		}
		else if (take_word(scanner, "ADD") || take_word(scanner, "DROP"))
			statement->changes_columns = statement->changes_columns || !is_no_column(scanner);
		else
		{
			statement->changes_columns = statement->changes_columns || is_word(scanner, "MODIFY") || is_word(scanner, "CHANGE") ||
				is_word(scanner, "CONVERT") || is_word(scanner, "COLUMN");
			next(scanner);
		}
	}
}

static void
parse_drop(Scanner *scanner, MyStatement *statement)
{
	statement->is_temporary = take_word(scanner, "TEMPORARY");
	if (take_word(scanner, "INDEX"))
	{
		parse_index(scanner, statement);
		return;
	}
	if (take_word(scanner, "DATABASE") || take_word(scanner, "SCHEMA"))
	{
		MyTableName name = {NULL, NULL};

		take_if_exists(scanner, statement);
		name.database = name_text(scanner);
		if (name.database == NULL)
			return;
		add_name(scanner, statement, name);
		statement->kind = MY_STATEMENT_DROP_DATABASE;
		statement->changes_columns = true;
		return;
	}
	if (!take_word(scanner, "TABLE") && !take_word(scanner, "TABLES"))
		return;
	take_if_exists(scanner, statement);
	statement->kind = MY_STATEMENT_DDL;
	statement->changes_columns = true;
	while (add_table(scanner, statement) && take_sign(scanner, ','))
		;
}

static void
parse_rename(Scanner *scanner, MyStatement *statement)
{
	if (!take_word(scanner, "TABLE") && !take_word(scanner, "TABLES"))
		return;
	take_if_exists(scanner, statement);
	statement->kind = MY_STATEMENT_DDL;
	statement->changes_columns = true;
	do
	{
		if (!add_table(scanner, statement))
			return;
		while (scanner->kind != TOKEN_END && !is_word(scanner, "TO"))
			next(scanner);		/* WAIT n, NOWAIT */
		next(scanner);
		if (!add_table(scanner, statement))
			return;
	} while (take_sign(scanner, ','));
}

static void
parse_truncate(Scanner *scanner, MyStatement *statement)
{
	take_word(scanner, "TABLE");
	if (add_table(scanner, statement))
		statement->kind = MY_STATEMENT_TRUNCATE;
}

/* Bytes of X'6162', 'ab' or 0x6162 as hexadecimal digits. */
static void
append_xid_part(Scanner *scanner, StrBuf *out)
{
	strbuf_append(out, "X'");
	if (scanner->kind == TOKEN_STRING && scanner->length >= 2)
	{
		for (size_t i = 1; i + 1 < scanner->length; i++)
			strbuf_printf(out, "%02x", (unsigned char) scanner->start[i]);
		next(scanner);
	}
	else if (is_word(scanner, "X"))
	{
		next(scanner);
		for (size_t i = 1; scanner->kind == TOKEN_STRING && i + 1 < scanner->length; i++)
			strbuf_append_char(out, (char) tolower((unsigned char) scanner->start[i]));
		next(scanner);
	}
	else if (scanner->kind == TOKEN_WORD && scanner->length > 2 && scanner->start[0] == '0')
	{
		for (size_t i = 2; i < scanner->length; i++)
			strbuf_append_char(out, (char) tolower((unsigned char) scanner->start[i]));
		next(scanner);
	}
	strbuf_append(out, "',");
}

static const char *
xid_text(Scanner *scanner)
{
	StrBuf		out = STRBUF_INIT;
	const char *text;

	append_xid_part(scanner, &out);
	if (take_sign(scanner, ','))
		append_xid_part(scanner, &out);
	else
		strbuf_append(&out, "X'',");
	if (take_sign(scanner, ',') && scanner->kind == TOKEN_WORD)
		strbuf_append_bytes(&out, scanner->start, scanner->length);
	else
		strbuf_append_char(&out, '1');
	text = arena_strdup(scanner->arena, strbuf_text(&out));
	strbuf_free(&out);
	return text;
}

static void
parse_xa(Scanner *scanner, MyStatement *statement)
{
	if (take_word(scanner, "START") || take_word(scanner, "BEGIN"))
		statement->kind = MY_STATEMENT_XA_START;
	else if (take_word(scanner, "END"))
		statement->kind = MY_STATEMENT_XA_END;
	else if (take_word(scanner, "COMMIT"))
		statement->kind = MY_STATEMENT_XA_COMMIT;
	else if (take_word(scanner, "ROLLBACK"))
		statement->kind = MY_STATEMENT_XA_ROLLBACK;
	else
		return;
	statement->label = xid_text(scanner);
}

static void
parse_rollback(Scanner *scanner, MyStatement *statement)
{
	statement->kind = MY_STATEMENT_ROLLBACK;
	take_word(scanner, "WORK");
	if (!take_word(scanner, "TO"))
		return;
	take_word(scanner, "SAVEPOINT");
	statement->kind = MY_STATEMENT_ROLLBACK_TO;
	statement->label = name_text(scanner);
}

static Scanner
scanner_open(const MyQuery *query, Arena *arena)
{
	Scanner		scanner = {.at = query->text, .end = query->text + query->length, .database = query->database, .sql_mode = query->sql_mode,
		.arena = arena};

	next(&scanner);
	return scanner;
}

void
my_statement_parse(const MyQuery *query, Arena *arena, MyStatement *statement)
{
	static const char *const changes[] = {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "SELECT", "CALL", "DO", "EXECUTE"};
	Scanner		scanner = scanner_open(query, arena);

	memset(statement, 0, sizeof(*statement));
	if (take_word(&scanner, "BEGIN"))
		statement->kind = MY_STATEMENT_BEGIN;
	else if (take_word(&scanner, "COMMIT"))
		statement->kind = MY_STATEMENT_COMMIT;
	else if (take_word(&scanner, "ROLLBACK"))
		parse_rollback(&scanner, statement);
	else if (take_word(&scanner, "SAVEPOINT"))
	{
		statement->kind = MY_STATEMENT_SAVEPOINT;
		statement->label = name_text(&scanner);
	}
	else if (take_word(&scanner, "XA"))
		parse_xa(&scanner, statement);
	else if (take_word(&scanner, "START"))
		statement->kind = is_word(&scanner, "TRANSACTION") ? MY_STATEMENT_BEGIN : MY_STATEMENT_OTHER;
	else if (take_word(&scanner, "TRUNCATE"))
		parse_truncate(&scanner, statement);
	else if (take_word(&scanner, "CREATE"))
		parse_create(&scanner, statement);
	else if (take_word(&scanner, "ALTER"))
		parse_alter(&scanner, statement);
	else if (take_word(&scanner, "DROP"))
		parse_drop(&scanner, statement);
	else if (take_word(&scanner, "RENAME"))
		parse_rename(&scanner, statement);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		if (is_word(&scanner, changes[i]) && statement->kind == MY_STATEMENT_OTHER && scanner.start == scanner_open(query, arena).start)
			statement->kind = MY_STATEMENT_CHANGE;
	}
}

bool
my_statement_mentions(const MyQuery *query, Arena *arena, bool (*is_wanted) (void *arg, const char *database, const char *table), void *arg)
{
	Scanner		scanner = scanner_open(query, arena);
	MyTableName name;

	while (scanner.kind != TOKEN_END)
	{
		const char *start = scanner.start;

		if (take_table(&scanner, &name) && is_wanted(arg, name.database, name.table))
			return true;
		if (scanner.start == start)
			next(&scanner);
	}
	return false;
}

const char *
my_statement_text(const MyQuery *query, Arena *arena)
{
	size_t		length = query->length < TEXT_LIMIT ? query->length : TEXT_LIMIT;
	char	   *text = arena_alloc(arena, length + 8);
	size_t		to = 0;

	/* not within a character */
	while (length < query->length && length > 0 && (query->text[length] & 0xc0) == 0x80)
		length--;
	for (size_t i = 0; i < length; i++)
	{
		char		c = (unsigned char) query->text[i] < ' ' ? ' ' : query->text[i];

		if (c != ' ' || (to > 0 && text[to - 1] != ' '))
			text[to++] = c;
	}
	text[to] = '\0';
	if (length < query->length)
		strcpy(text + to, " ...");
	return text;
}
