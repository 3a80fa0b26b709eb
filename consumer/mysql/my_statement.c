/*
 * my_statement.c
 *		What the first words of a statement say, and the names behind them.
 */
#include "mysql/my_statement.h"

#include "base/strbuf.h"
#include "mysql/my_scanner.h"

#include <ctype.h>
#include <string.h>

#define NAME_LIMIT 4096			/* tables of one DROP or RENAME */
#define TEXT_LIMIT 300

static void
add_name(MyScanner *scanner, MyStatement *statement, MyTableName name)
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
add_table(MyScanner *scanner, MyStatement *statement)
{
	MyTableName name;

	if (!my_scanner_take_table(scanner, &name))
		return false;
	add_name(scanner, statement, name);
	return true;
}

static void
take_if_exists(MyScanner *scanner, MyStatement *statement)
{
	if (!my_scanner_take_word(scanner, "IF"))
		return;
	if (my_scanner_take_word(scanner, "NOT"))
		statement->if_not_exists = true;
	my_scanner_take_word(scanner, "EXISTS");
}

/*
 * Stands on the first word of what is executed: behind MariaDB's "SET STATEMENT variable = value, ... FOR" and "ANALYZE FORMAT = JSON", which the
 * log has as they were written.  A FOR within a value is within parentheses.
 */
static MyScanner
open_statement(const MyQuery *query, Arena *arena)
{
	MyScanner	scanner = my_scanner_open(query, arena);

	for (;;)
	{
		if (my_scanner_take_word(&scanner, "SET"))
		{
			int			depth = 0;

			if (!my_scanner_take_word(&scanner, "STATEMENT"))
				return scanner;
			while (scanner.kind != MY_TOKEN_END && (depth > 0 || !my_scanner_is_word(&scanner, "FOR")))
			{
				if (my_scanner_take_sign(&scanner, '('))
					depth++;
				else if (my_scanner_take_sign(&scanner, ')'))
					depth--;
				else
					my_scanner_next(&scanner);
			}
			my_scanner_next(&scanner);
		}
		else if (my_scanner_take_word(&scanner, "ANALYZE"))
		{
			/* "ANALYZE TABLE t" goes on with no statement, and is none that matters. */
			if (my_scanner_take_word(&scanner, "FORMAT") && my_scanner_take_sign(&scanner, '='))
				my_scanner_next(&scanner);
		}
		else
			return scanner;
	}
}

/* Behind "INDEX": the index's name, then ON and the table's. */
static void
parse_index(MyScanner *scanner, MyStatement *statement)
{
	while (scanner->kind != MY_TOKEN_END && !my_scanner_is_word(scanner, "ON"))
		my_scanner_next(scanner);
	my_scanner_next(scanner);
	if (add_table(scanner, statement))
		statement->kind = MY_STATEMENT_DDL;
}

/* Behind "DATABASE", of a statement that removes it, if only to make another one. */
static void
parse_database(MyScanner *scanner, MyStatement *statement)
{
	MyTableName name = {NULL, NULL};

	take_if_exists(scanner, statement);
	name.database = my_scanner_name(scanner);
	if (name.database == NULL)
		return;
	add_name(scanner, statement, name);
	statement->kind = MY_STATEMENT_DROP_DATABASE;
	statement->changes_columns = true;
}

/* MariaDB's "OR REPLACE" drops what has the name: of a sequence, a table too. */
static void
parse_replacement(MyScanner *scanner, MyStatement *statement)
{
	if (my_scanner_take_word(scanner, "DATABASE") || my_scanner_take_word(scanner, "SCHEMA"))
		parse_database(scanner, statement);
	else if (my_scanner_take_word(scanner, "SEQUENCE") && add_table(scanner, statement))
	{
		statement->kind = MY_STATEMENT_DDL;
		statement->changes_columns = true;
	}
}

static void
parse_create(MyScanner *scanner, MyStatement *statement)
{
	bool		replaces = my_scanner_take_word(scanner, "OR") && my_scanner_take_word(scanner, "REPLACE");

	statement->is_temporary = my_scanner_take_word(scanner, "TEMPORARY");
	while (my_scanner_take_word(scanner, "ONLINE") || my_scanner_take_word(scanner, "OFFLINE") || my_scanner_take_word(scanner, "UNIQUE") || my_scanner_take_word(scanner, "FULLTEXT") ||
		   my_scanner_take_word(scanner, "SPATIAL") || my_scanner_take_word(scanner, "VECTOR"))
		;
	if (my_scanner_take_word(scanner, "INDEX"))
	{
		parse_index(scanner, statement);
		return;
	}
	if (!my_scanner_take_word(scanner, "TABLE"))
	{
		if (replaces)
			parse_replacement(scanner, statement);
		return;
	}
	take_if_exists(scanner, statement);
	if (!add_table(scanner, statement))
		return;
	statement->kind = MY_STATEMENT_CREATE_TABLE;
	statement->changes_columns = true;
	while (scanner->kind != MY_TOKEN_END)
	{
		if (my_scanner_take_word(scanner, "START"))
			statement->begins = my_scanner_is_word(scanner, "TRANSACTION");
		else
			my_scanner_next(scanner);
	}
}

/* Behind ADD or DROP: something that is no column? */
static bool
is_no_column(const MyScanner *scanner)
{
	static const char *const words[] = {"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK",
		"PARTITION", "TABLE"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (my_scanner_is_word(scanner, words[i]))
			return true;
	}
	return false;
}

/*
 * Other tables that an ALTER TABLE concerns: RENAME TO x, EXCHANGE PARTITION p WITH TABLE x; and whether it changes columns.
 */
static void
parse_alter(MyScanner *scanner, MyStatement *statement)
{
	while (my_scanner_take_word(scanner, "ONLINE") || my_scanner_take_word(scanner, "OFFLINE") || my_scanner_take_word(scanner, "IGNORE"))
		;
	if (!my_scanner_take_word(scanner, "TABLE"))
		return;
	take_if_exists(scanner, statement);
	if (!add_table(scanner, statement))
		return;
	statement->kind = MY_STATEMENT_DDL;
	while (scanner->kind != MY_TOKEN_END)
	{
		if (my_scanner_take_word(scanner, "RENAME"))
		{
			if (my_scanner_is_word(scanner, "COLUMN") || my_scanner_is_word(scanner, "INDEX") || my_scanner_is_word(scanner, "KEY"))
				continue;
			statement->changes_columns = true;
			if (!my_scanner_take_word(scanner, "TO") && !my_scanner_take_word(scanner, "AS"))
				my_scanner_take_sign(scanner, '=');
			add_table(scanner, statement);
		}
		else if (my_scanner_take_word(scanner, "WITH"))
		{
			if (my_scanner_take_word(scanner, "TABLE"))
				add_table(scanner, statement);
		}
		else if (my_scanner_take_word(scanner, "ADD") || my_scanner_take_word(scanner, "DROP"))
			statement->changes_columns = statement->changes_columns || !is_no_column(scanner);
		else
		{
			statement->changes_columns = statement->changes_columns || my_scanner_is_word(scanner, "MODIFY") || my_scanner_is_word(scanner, "CHANGE") ||
				my_scanner_is_word(scanner, "CONVERT") || my_scanner_is_word(scanner, "COLUMN");
			my_scanner_next(scanner);
		}
	}
}

static void
parse_drop(MyScanner *scanner, MyStatement *statement)
{
	statement->is_temporary = my_scanner_take_word(scanner, "TEMPORARY");
	if (my_scanner_take_word(scanner, "INDEX"))
	{
		parse_index(scanner, statement);
		return;
	}
	if (my_scanner_take_word(scanner, "DATABASE") || my_scanner_take_word(scanner, "SCHEMA"))
	{
		parse_database(scanner, statement);
		return;
	}
	if (!my_scanner_take_word(scanner, "TABLE") && !my_scanner_take_word(scanner, "TABLES"))
		return;
	take_if_exists(scanner, statement);
	statement->kind = MY_STATEMENT_DDL;
	statement->changes_columns = true;
	while (add_table(scanner, statement) && my_scanner_take_sign(scanner, ','))
		;
}

static void
parse_rename(MyScanner *scanner, MyStatement *statement)
{
	if (!my_scanner_take_word(scanner, "TABLE") && !my_scanner_take_word(scanner, "TABLES"))
		return;
	take_if_exists(scanner, statement);
	statement->kind = MY_STATEMENT_DDL;
	statement->changes_columns = true;
	do
	{
		if (!add_table(scanner, statement))
			return;
		while (scanner->kind != MY_TOKEN_END && !my_scanner_is_word(scanner, "TO"))
			my_scanner_next(scanner);		/* WAIT n, NOWAIT */
		my_scanner_next(scanner);
		if (!add_table(scanner, statement))
			return;
	} while (my_scanner_take_sign(scanner, ','));
}

static void
parse_truncate(MyScanner *scanner, MyStatement *statement)
{
	my_scanner_take_word(scanner, "TABLE");
	if (add_table(scanner, statement))
		statement->kind = MY_STATEMENT_TRUNCATE;
}

/* Bytes of X'6162', 'ab' or 0x6162 as hexadecimal digits. */
static void
append_xid_part(MyScanner *scanner, StrBuf *out)
{
	strbuf_append(out, "X'");
	if (scanner->kind == MY_TOKEN_STRING && scanner->length >= 2)
	{
		for (size_t i = 1; i + 1 < scanner->length; i++)
			strbuf_printf(out, "%02x", (unsigned char) scanner->start[i]);
		my_scanner_next(scanner);
	}
	else if (my_scanner_is_word(scanner, "X"))
	{
		my_scanner_next(scanner);
		for (size_t i = 1; scanner->kind == MY_TOKEN_STRING && i + 1 < scanner->length; i++)
			strbuf_append_char(out, (char) tolower((unsigned char) scanner->start[i]));
		my_scanner_next(scanner);
	}
	else if (scanner->kind == MY_TOKEN_WORD && scanner->length > 2 && scanner->start[0] == '0')
	{
		for (size_t i = 2; i < scanner->length; i++)
			strbuf_append_char(out, (char) tolower((unsigned char) scanner->start[i]));
		my_scanner_next(scanner);
	}
	strbuf_append(out, "',");
}

static const char *
xid_text(MyScanner *scanner)
{
	StrBuf		out = STRBUF_INIT;
	const char *text;

	append_xid_part(scanner, &out);
	if (my_scanner_take_sign(scanner, ','))
		append_xid_part(scanner, &out);
	else
		strbuf_append(&out, "X'',");
	if (my_scanner_take_sign(scanner, ',') && scanner->kind == MY_TOKEN_WORD)
		strbuf_append_bytes(&out, scanner->start, scanner->length);
	else
		strbuf_append_char(&out, '1');
	text = arena_strdup(scanner->arena, strbuf_text(&out));
	strbuf_free(&out);
	return text;
}

static void
parse_xa(MyScanner *scanner, MyStatement *statement)
{
	if (my_scanner_take_word(scanner, "START") || my_scanner_take_word(scanner, "BEGIN"))
		statement->kind = MY_STATEMENT_XA_START;
	else if (my_scanner_take_word(scanner, "END"))
		statement->kind = MY_STATEMENT_XA_END;
	else if (my_scanner_take_word(scanner, "COMMIT"))
		statement->kind = MY_STATEMENT_XA_COMMIT;
	else if (my_scanner_take_word(scanner, "ROLLBACK"))
		statement->kind = MY_STATEMENT_XA_ROLLBACK;
	else
		return;
	statement->label = xid_text(scanner);
}

static void
parse_rollback(MyScanner *scanner, MyStatement *statement)
{
	statement->kind = MY_STATEMENT_ROLLBACK;
	my_scanner_take_word(scanner, "WORK");
	if (!my_scanner_take_word(scanner, "TO"))
		return;
	my_scanner_take_word(scanner, "SAVEPOINT");
	statement->kind = MY_STATEMENT_ROLLBACK_TO;
	statement->label = my_scanner_name(scanner);
}

/* A function that changes rows is in the log as the SELECT that calls it. */
static bool
is_change(const MyScanner *scanner)
{
	static const char *const words[] = {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "SELECT", "CALL", "DO", "EXECUTE"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (my_scanner_is_word(scanner, words[i]))
			return true;
	}
	return false;
}

void
my_statement_parse(const MyQuery *query, Arena *arena, MyStatement *statement)
{
	MyScanner	scanner = open_statement(query, arena);

	memset(statement, 0, sizeof(*statement));
	if (is_change(&scanner))
		statement->kind = MY_STATEMENT_CHANGE;
	else if (my_scanner_take_word(&scanner, "BEGIN"))
		statement->kind = MY_STATEMENT_BEGIN;
	else if (my_scanner_take_word(&scanner, "COMMIT"))
		statement->kind = MY_STATEMENT_COMMIT;
	else if (my_scanner_take_word(&scanner, "ROLLBACK"))
		parse_rollback(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "SAVEPOINT"))
	{
		statement->kind = MY_STATEMENT_SAVEPOINT;
		statement->label = my_scanner_name(&scanner);
	}
	else if (my_scanner_take_word(&scanner, "XA"))
		parse_xa(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "START"))
		statement->kind = my_scanner_is_word(&scanner, "TRANSACTION") ? MY_STATEMENT_BEGIN : MY_STATEMENT_OTHER;
	else if (my_scanner_take_word(&scanner, "TRUNCATE"))
		parse_truncate(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "CREATE"))
		parse_create(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "ALTER"))
		parse_alter(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "DROP"))
		parse_drop(&scanner, statement);
	else if (my_scanner_take_word(&scanner, "RENAME"))
		parse_rename(&scanner, statement);
}

bool
my_statement_mentions(const MyQuery *query, Arena *arena, bool (*is_wanted) (void *arg, const char *database, const char *table), void *arg)
{
	MyScanner	scanner = open_statement(query, arena);
	MyTableName name;

	while (scanner.kind != MY_TOKEN_END)
	{
		const char *start = scanner.start;

		if (my_scanner_take_table(&scanner, &name) && is_wanted(arg, name.database, name.table))
			return true;
		if (scanner.start == start)
			my_scanner_next(&scanner);
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
		memcpy(text + to, " ...", sizeof(" ..."));
	return text;
}
