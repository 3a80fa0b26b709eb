/*
 * mysql_schema_private.h
 *		What the files that make a MySQL source's schema share.
 *
 * The schema is a list of statements in the order in which they run, and a list of what is left out.
 */
#ifndef DBSYNC_SYNC_MYSQL_SCHEMA_PRIVATE_H
#define DBSYNC_SYNC_MYSQL_SCHEMA_PRIVATE_H

#include "base/hash.h"
#include "mysql/my_schema.h"
#include "sync/schema.h"

typedef struct DdlStatement
{
	bool		is_post;		/* of post-data: keys and indexes */
	bool		is_index;
	const char *name;			/* "INDEX orders_customer", for messages */
	const char *table;			/* quoted and qualified; NULL: of no table */
	const char *sql;
	const char *fallback;		/* where it fails: this, and "failed" is listed; NULL: none */
	const char *failed;			/* what is left out then; where there is no fallback, a failure is none of the whole; NULL: it must not fail */
} DdlStatement;

typedef struct MysqlSchema
{
	const Config *config;
	const MySourceConfig *mysql;
	const SchemaOptions *options;
	Arena	   *arena;
	MyConn	   *conn;
	MyCatalog	catalog;
	MySchema	more;
	const char *name;			/* of the target's schema */
	HashMap    *names;			/* relations and types of it so far */
	DdlStatement *statements;
	int			statement_count;
	const char **left_out;
	int			left_count;
	bool		is_quiet;		/* what is left out has been said */
} MysqlSchema;

/* A statement, of which sql is taken over; the fields of the result may be set. */
DdlStatement *mysql_schema_add(MysqlSchema *self, const char *name, StrBuf *sql);
void mysql_schema_leave_out(MysqlSchema *self, const char *fmt, ...) DBSYNC_PRINTF(2, 3);

/* Appends names as they are on the target. */
void mysql_schema_append_name(const MysqlSchema *self, StrBuf *out, const char *name);
void mysql_schema_append_table(const MysqlSchema *self, StrBuf *out, const char *table);
/* A name for a relation or type that no other one of the schema has, as near to the wanted one as can be. */
const char *mysql_schema_free_name(MysqlSchema *self, const char *wanted);

/* Each adds the statements of its kind. */
void mysql_schema_tables(MysqlSchema *self);
void mysql_schema_keys(MysqlSchema *self);
/* Appends PARTITION BY to the table, and gives the statements that make the partitions to *after; false: it stays a plain table. */
bool mysql_schema_partition(MysqlSchema *self, const MyTable *table, StrBuf *table_sql, StrBuf *after);

#endif
