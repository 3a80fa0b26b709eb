/*
 * my_statement.h
 *		What a statement in the binary log does, as far as a reader of row events must know.  Pure.
 *
 * The row events carry the changes; statements beside them begin and end transactions, change tables' definitions, and, where a session
 * wrote its changes as statements, change rows in a way that we do not see.  This is no parser of SQL: it reads the words in front, and names.
 */
#ifndef DBSYNC_MYSQL_MY_STATEMENT_H
#define DBSYNC_MYSQL_MY_STATEMENT_H

#include "base/arena.h"
#include "mysql/my_event.h"

typedef enum MyStatementKind
{
	MY_STATEMENT_OTHER,			/* changes nothing that we look at: GRANT, CREATE VIEW, ANALYZE TABLE, ... */
	MY_STATEMENT_BEGIN, MY_STATEMENT_COMMIT, MY_STATEMENT_ROLLBACK, MY_STATEMENT_SAVEPOINT, MY_STATEMENT_ROLLBACK_TO,
	MY_STATEMENT_XA_START, MY_STATEMENT_XA_END, MY_STATEMENT_XA_COMMIT, MY_STATEMENT_XA_ROLLBACK,
	MY_STATEMENT_TRUNCATE,		/* names: the table */
	MY_STATEMENT_CREATE_TABLE,	/* names: the table */
	MY_STATEMENT_DDL,			/* of the tables in names */
	MY_STATEMENT_DROP_DATABASE,	/* names: its database */
	MY_STATEMENT_CHANGE			/* of rows, in statement format; see my_statement_mentions() */
} MyStatementKind;

typedef struct MyTableName
{
	const char *database;		/* never NULL: the default one where the statement names none */
	const char *table;			/* NULL for DROP DATABASE */
} MyTableName;

typedef struct MyStatement
{
	MyStatementKind kind;
	MyTableName *names;
	int			name_count;
	const char *label;			/* SAVEPOINT, ROLLBACK TO: its name; XA: "X'..',X'..',1" as my_xid_text() has it */
	bool		is_temporary;	/* CREATE, DROP: of temporary tables only */
	bool		if_not_exists;
	bool		changes_columns;	/* DDL: may change what the columns of a row mean (not so: indexes, keys, partitions, comments) */
	bool		begins;			/* CREATE TABLE ... START TRANSACTION: row events and a COMMIT follow */
} MyStatement;

/* Memory of the result comes from the arena. */
void my_statement_parse(const MyQuery *query, Arena *arena, MyStatement *statement);

/* Is a table named anywhere in it?  is_wanted is asked for each name, qualified or with the default database. */
bool my_statement_mentions(const MyQuery *query, Arena *arena, bool (*is_wanted) (void *arg, const char *database, const char *table), void *arg);

/* The statement on one line, shortened, for messages; in the arena. */
const char *my_statement_text(const MyQuery *query, Arena *arena);

#endif
