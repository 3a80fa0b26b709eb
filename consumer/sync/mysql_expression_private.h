/*
 * mysql_expression_private.h
 *		What the parts of an expression are.  Internal to mysql_expression*.c.
 *
 * Every part has a kind, and operators and functions say which kinds they take: a mix that MySQL would convert by its own rules is refused.
 */
#ifndef DBSYNC_SYNC_MYSQL_EXPRESSION_PRIVATE_H
#define DBSYNC_SYNC_MYSQL_EXPRESSION_PRIVATE_H

#include "base/arena.h"
#include "sync/mysql_expression.h"

typedef enum ValueKind
{
	VALUE_NULL,
	VALUE_BOOLEAN,	/* 1 or 0 there, true or false here */
	VALUE_INTEGER,
	VALUE_DECIMAL,
	VALUE_DOUBLE,
	VALUE_TEXT,
	VALUE_LABEL,	/* a column of an enum */
	VALUE_BYTES,
	VALUE_DATE,
	VALUE_DATETIME,
	VALUE_JSON,
	VALUE_VOLATILE, /* for a default, alone */
	VALUE_OTHER		/* it may be NULL: nothing else is known to be the same */
} ValueKind;

typedef struct Value
{
	ValueKind kind;
	const char *text;		/* PostgreSQL's */
	bool is_part;			/* needs parentheses as an operand */
	const char *literal;	/* a string's text or a number's digits; NULL: it is no literal */
	const MyColumn *column; /* a column alone; else NULL */

	/* Numbers. */
	bool is_wide;			  /* computes in bigint or numeric; others are made so where they take part in arithmetic */
	bool is_unsigned;		  /* up to 2^64 there */
	bool has_own_text;		  /* its text may have other digits here */
	int digits;				  /* of a decimal */
	int scale;
	long double least;		  /* bounds, which are not always reached */
	long double most;		  /* of text: characters */

	/* Text. */
	const char *collation; /* NULL: a literal's; "": cannot be told */
	const char *charset;   /* NULL: ASCII only; "": several */
} Value;

typedef struct Translator
{
	const char *at;
	const MyTable *table;
	const MySourceConfig *config;
	ExpressionUse use;
	Arena *arena;
	unsigned facts;
	int depth;
} Translator;

#define MOST_ARGUMENTS 8
#define MOST_BIGINT	   9223372036854775807.0L

/* All return false for what is refused. */

/* mysql_expression_column.c */
bool expression_column(Translator *self, const MyColumn *column, Value *out);
bool expression_into_column(Translator *self, const Value *value, const ExpressionGoal *goal, const char **text);

/* mysql_expression_operators.c */
const char *expression_operand(Translator *self, const Value *value);
bool expression_is_number(const Value *value); /* booleans, too */
Value expression_number(Translator *self, const Value *value); /* a boolean as 1 and 0 */
bool expression_arithmetic(Translator *self, char operator, const Value *left, const Value *right, Value *out);
bool expression_negate(Translator *self, const Value *value, Value *out);
bool expression_condition(Translator *self, const Value *value, Value *out);
bool expression_compare(Translator *self, const char *operator, const Value *left, const Value *right, Value *out);
bool expression_in(Translator *self, const Value *left, bool is_not, const Value *list, int count, Value *out);
bool expression_between(Translator *self, const Value *left, bool is_not, const Value *from, const Value *to, Value *out);
bool expression_like(Translator *self, const Value *left, bool is_not, const Value *pattern, Value *out);
/* The kind and bounds of a value that is one of two; text stays as it is in *into. */
bool expression_unite(Value *into, const Value *other);
Value expression_boolean(const char *text);

/* mysql_expression_functions.c */
bool expression_function(Translator *self, const char *name, const Value *arguments, int count, Value *out);

#endif
