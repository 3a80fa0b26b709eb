/*
 * mysql_verify.h
 *		Comparing tables of a MySQL source with those of the target.  Internal to verify/.
 *
 * Two servers have two texts for a float, a time or a JSON value, so there is no statement that both could sum up alike.  Instead the rows of the source
 * are read as the copy reads them, made into the target's text form by my_value(), and handed to the target in batches, as
 * parameters of a query that casts them to the types of its columns and gives back counts and sums of hashes, the same that it computes of its own rows.
 * So a table is equal when a new copy of it would give the same rows, and nothing is written anywhere.
 *
 * Rows fall into parts by a hash of their key (verify.h).  Of a table that differs, rows of some differing parts are looked at one by one, and the
 * first keys are named.
 *
 *		mysql_verify.c		where the binlog stands, and which tables are compared
 *		mysql_verify_sql.c	the statements
 *		mysql_verify_rows.c	rows of the source into a query of the target
 *		mysql_verify_look.c	one look at a table, and the names of rows that differ
 */
#ifndef DBSYNC_VERIFY_MYSQL_VERIFY_H
#define DBSYNC_VERIFY_MYSQL_VERIFY_H

#include "mysql/my_value.h"
#include "pg/catalog.h"
#include "verify/verify_side.h"

typedef struct MyPair
{
	const MyColumn *from;
	const PgColumn *to;
} MyPair;

/* VerifyTable.side_data; all of it lives in the report's arena. */
typedef struct MyVerifyTable
{
	const MyTable *source;
	const PgTable *target;
	MyPair	   *columns;		/* that are compared */
	int			column_count;
	int		   *key;			/* numbers of columns; none: rows are told apart by their content */
	int			key_count;
	const char *read_sql;		/* on the source */
	/* On the target: of its own rows, and of rows in parameters.  Columns: part, rows, sum. */
	const char *target_sql;
	const char *batch_sql;
	/* The same, every row: part, key, hash. */
	const char *target_rows_sql;
	const char *batch_rows_sql;
} MyVerifyTable;

/* mysql_verify_sql.c: fills in the statements. */
void mysql_verify_statements(MyVerifyTable *table, Arena *arena);

/* mysql_verify_rows.c */
typedef struct MyVerifyRows
{
	MyConn	   *source;
	PgConn	   *target;
	const MySourceConfig *config;
	const MyVerifyTable *table;
	const char *batch_sql;
	void		(*take) (void *arg, const PGresult *answer);	/* of each batch */
	void	   *arg;

	/* results */
	int64_t		rows;			/* read, those that cannot be stored included */
	int64_t		unstorable;
	MyProblem	problem;		/* of the first one */
	const char *problem_column;
	bool		is_refused;		/* failed because the target does not take a value: err has its words */
} MyVerifyRows;

/* All rows of the table, in the source's present transaction.  After a failure the source's connection is of no use any more. */
bool mysql_verify_read(MyVerifyRows *rows, Error *err) DBSYNC_MUST_CHECK;

/* mysql_verify_look.c */
typedef struct MyVerifyWorker
{
	const Config *config;
	const char *name;			/* of the connections */
	MyConn	   *source;			/* NULL: to be opened */
	PgConn	   *target;
} MyVerifyWorker;

bool mysql_verify_look(MyVerifyWorker *worker, VerifyTable *table, bool final, Error *err) DBSYNC_MUST_CHECK;

#endif
