/*
 * my_scanner.h
 *		Words, names and strings of a statement, one after another.  Pure.
 */
#ifndef DBSYNC_MYSQL_MY_SCANNER_H
#define DBSYNC_MYSQL_MY_SCANNER_H

#include "mysql/my_statement.h"

typedef enum MyTokenKind
{
	MY_TOKEN_END, MY_TOKEN_WORD, MY_TOKEN_NAME /* quoted */, MY_TOKEN_STRING, MY_TOKEN_SIGN
} MyTokenKind;

typedef struct MyScanner
{
	const char *at;
	const char *end;
	const char *database;		/* the default one */
	uint64_t	sql_mode;
	Arena	   *arena;

	/* the present token, as written */
	MyTokenKind	kind;
	const char *start;
	size_t		length;
} MyScanner;

/* Stands on the first token. */
MyScanner my_scanner_open(const MyQuery *query, Arena *arena);
void my_scanner_next(MyScanner *scanner);
bool my_scanner_is_word(const MyScanner *scanner, const char *word);	/* in any case */
/* These pass over the present token if it is that. */
bool my_scanner_take_word(MyScanner *scanner, const char *word);
bool my_scanner_take_sign(MyScanner *scanner, char sign);
/* The present token as a name, without its quotes; NULL if it is none. */
const char *my_scanner_name(const MyScanner *scanner);
/* name, or database.name.  false: there is none here. */
bool my_scanner_take_table(MyScanner *scanner, MyTableName *name);

#endif
