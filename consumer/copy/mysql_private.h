/*
 * mysql_private.h
 *		What the files of the copy from MySQL share.
 *
 *		mysql_snapshot.c	one moment for several connections
 *		mysql_queries.c		the file of tables and queries
 *		mysql_tables.c		the source's tables as the other files of copy/ know them, and the plan
 *		mysql_result.c		columns of a query's result
 *		mysql_ranges.c		bounds of the parts of a large table
 *		mysql_rows.c		a row as a line of COPY
 *		mysql_send.c		lines into the target, in one COPY or in batches behind savepoints
 *		mysql_reject.c		rows that are kept aside, in dbsync.rejects
 *		mysql_reader.c		the CopyReader, and mysql_copy_run()
 */
#ifndef DBSYNC_COPY_MYSQL_PRIVATE_H
#define DBSYNC_COPY_MYSQL_PRIVATE_H

#include "copy/copy_private.h"
#include "copy/mysql_copy.h"
#include "mysql/my_value.h"

typedef struct MyCopyColumn
{
	const MyColumn *column;
	const char *name;			/* on the target */
	bool		is_number;		/* its text goes as it stands */
} MyCopyColumn;

typedef struct MyCopyTable
{
	const MyTable *source;
	const MyCopyQuery *query;	/* NULL: the whole table */
	const MyColumn *result_columns; /* of the query's result; NULL without query */
	int			result_count;
	bool		is_plain;		/* locked for writes until it is copied */

	/* Set by mysql_tables_match(): what is read, in the order in which it is sent. */
	MyCopyColumn *columns;
	int			column_count;
	int		   *key;			/* of them; empty where the key is not among them */
	int			key_count;

	pthread_mutex_t lock;		/* guards the bounds */
	char	  **bounds;			/* of the parts: chunk_count - 1, as text; NULL: not yet */
	atomic_int_fast64_t rejected;	/* in finished items and in those at work */
	atomic_int_fast64_t replaced[MY_PROBLEM_COUNT];	/* in finished items */
} MyCopyTable;

/* Of one mysql_copy_run(). */
typedef struct MyCopyRun
{
	const MyCopySource *source;
	const CopyRunOptions *options;
	Arena	   *arena;
	MyCopyTable *tables;		/* as the catalogue's */
	PgCatalog	catalog;		/* the same tables; PgTable.oid is a table's number + 1 */
	atomic_int	plain_left;		/* tables locked for writes and not done */
} MyCopyRun;

/* ---- mysql_tables.c ---- */

/* Of the tables, those that have a query must have their result's columns, if they are to have any. */
bool mysql_tables_build(const MyCopySource *source, MyCopyTable *tables, const PgCatalog *target, const char *target_schema, Arena *arena,
						PgCatalog *catalog, Error *err) DBSYNC_MUST_CHECK;
/* Which columns of the source are the ones of a table's list. */
void mysql_tables_match(MyCopyTable *table, const CopyTable *to, Arena *arena);

/* ---- mysql_result.c ---- */

/* Fills in the columns of the result of a table's query. */
bool mysql_result_columns(MyConn *conn, MyCopyTable *table, Arena *arena, Error *err) DBSYNC_MUST_CHECK;

/* ---- mysql_ranges.c ---- */

/* Can it be read in ranges of its key? */
bool mysql_ranges_possible(const MyTable *table);
/* The bounds between count parts; malloc'd, and each of them. */
bool mysql_ranges_find(MyConn *conn, const MyTable *table, int count, char ***bounds, Error *err) DBSYNC_MUST_CHECK;
/* Appends " WHERE ..." of one part. */
void mysql_ranges_append(StrBuf *sql, const MyTable *table, char **bounds, int part, int count);

/* ---- mysql_rows.c ---- */

typedef struct MyRowWriter
{
	const MyCopyTable *table;
	const MySourceConfig *config;
	StrBuf		out;			/* lines */
	StrBuf		value;			/* memory to work in */
	int64_t		replaced[MY_PROBLEM_COUNT];
	/* Takes what out has, in the middle of a large row; NULL: rows are kept whole, whatever it costs. */
	bool		(*flush) (void *arg, Error *err);
	void	   *arg;

	/* of a row that could not be written */
	int			bad_column;		/* number in the table's columns */
	MyProblem	problem;		/* MY_PROBLEM_NONE: flush has failed */
} MyRowWriter;

/* Appends the row with its '\n'.  false: it cannot be stored, or flush has failed; without flush, out is as it was. */
bool mysql_row_write(MyRowWriter *writer, MYSQL_ROW row, const unsigned long *lengths, Error *err) DBSYNC_MUST_CHECK;
/* Splits a line that was made so; fields and lengths have room for all columns and point into line, which is changed. */
void mysql_row_split(const MyCopyTable *table, char *line, size_t length, char **fields, unsigned long *lengths);
/* "id=5, part=x", for messages; "" where there is no key. */
void mysql_row_key(const MyCopyTable *table, char *const *fields, const unsigned long *lengths, StrBuf *out);

/* ---- mysql_reject.c ---- */

/* Makes dbsync.rejects where it is missing. */
bool mysql_reject_prepare(PgConn *target, Error *err) DBSYNC_MUST_CHECK;
bool mysql_reject_forget(PgConn *target, const char *task, const CopyTable *table, Error *err) DBSYNC_MUST_CHECK;

typedef struct MyReject
{
	const char *task;
	const CopyTable *table;
	const MyCopyTable *source;
	char	  **fields;
	const unsigned long *lengths;
	const char *column;			/* or NULL */
	const char *problem;
} MyReject;

bool mysql_reject_keep(PgConn *target, const MyReject *reject, Error *err) DBSYNC_MUST_CHECK;

/* ---- mysql_send.c ---- */

typedef struct MySender MySender;

/* Of one item: rows go into the open transaction of the worker's target connection. */
typedef struct MySenderOptions
{
	CopyWorker *worker;
	const CopyTable *table;
	MyCopyTable *source;
	const MySourceConfig *config;
	bool		freeze;
} MySenderOptions;

bool mysql_sender_begin(const MySenderOptions *options, MySender **sender, Error *err) DBSYNC_MUST_CHECK;
bool mysql_sender_row(MySender *sender, MYSQL_ROW row, const unsigned long *lengths, Error *err) DBSYNC_MUST_CHECK;
/* Everything is on the target, as far as its transaction goes. */
bool mysql_sender_end(MySender *sender, Error *err) DBSYNC_MUST_CHECK;
/* The hint where this column of the target does not take a NULL; puts it in front of the one that is there. */
void mysql_sender_hint_null(const MySenderOptions *options, const char *name, Error *err);
int64_t mysql_sender_rows(const MySender *sender);		/* stored */
int64_t mysql_sender_bytes(const MySender *sender);
/* done: what was counted stands; otherwise it is taken back. */
void mysql_sender_free(MySender *sender, bool done);	/* NULL is fine */

#endif
