/*
 * my_catalog.h
 *		The tables of one MySQL database as information_schema has them.
 */
#ifndef DBSYNC_MYSQL_MY_CATALOG_H
#define DBSYNC_MYSQL_MY_CATALOG_H

#include "mysql/my_conn.h"

typedef enum MyType
{
	MY_TINYINT, MY_SMALLINT, MY_MEDIUMINT, MY_INT, MY_BIGINT, MY_DECIMAL, MY_FLOAT, MY_DOUBLE, MY_BIT, MY_YEAR, MY_DATE, MY_TIME, MY_DATETIME,
	MY_TIMESTAMP, MY_CHAR, MY_VARCHAR, MY_TEXT, MY_BINARY, MY_VARBINARY, MY_BLOB, MY_ENUM, MY_SET, MY_JSON, MY_GEOMETRY, MY_UUID, MY_INET4, MY_INET6,
	MY_VECTOR, MY_OTHER
} MyType;

typedef struct MyColumn
{
	const char *name;
	MyType		type;
	const char *type_text;		/* COLUMN_TYPE: "bigint(20) unsigned", "enum('a','b')" */
	const char *type_name;		/* DATA_TYPE: "bigint" */
	bool		is_unsigned;
	bool		is_tinyint1;	/* tinyint(1) */
	bool		is_nullable;
	int			length;			/* characters (CHAR …), bytes (BINARY …), bits (BIT); 0 where it says nothing */
	int			precision;		/* DECIMAL; fraction digits of TIME, DATETIME, TIMESTAMP are scale */
	int			scale;
	const char *charset;		/* "latin1", "utf8mb4"; NULL for what is no text */
	const char *collation;
	const char *default_text;	/* a literal's text without quotes (b'101' for BIT), or the server's expression; NULL: none, or NULL */
	size_t		default_length;
	bool		default_is_expression;	/* current_timestamp() too */
	bool		updates_itself;	/* ON UPDATE CURRENT_TIMESTAMP */
	bool		is_auto_increment;
	bool		is_generated;	/* stored or virtual */
	bool		is_virtual;
	const char *generation;		/* expression, or NULL */
	const char *comment;
	const char **labels;		/* ENUM, SET: unquoted, UTF-8 */
	int			label_count;
	const char *target_type;	/* what the option types says for it; NULL: as docs/mysql-types.md has it */
	bool		labels_uncertain;	/* the catalogue shows characters beyond U+FFFF as "?", and a label has one */
} MyColumn;

typedef struct MyTable
{
	const char *schema;			/* the database */
	const char *name;
	const char *engine;
	const char *comment;
	const char *collation;
	int64_t		estimated_rows;
	int64_t		estimated_bytes;
	int64_t		auto_increment; /* next value; 0: none */
	MyColumn   *columns;
	int			column_count;
	int		   *key_columns;	/* primary key, else the first unique key without nullable columns and prefixes; indexes into columns */
	int			key_count;
	bool		key_is_primary;
	bool		is_partitioned;
	bool		is_versioned;	/* MariaDB: WITH SYSTEM VERSIONING */
} MyTable;

typedef struct MyCatalog
{
	MyTable    *tables;			/* base tables, sorted by name as strcmp() has it */
	int			count;
} MyCatalog;

/* wants as in pg/catalog.h; memory comes from the arena. */
bool my_catalog_load(MyConn *conn, const char *database, bool (*wants) (void *arg, const char *schema, const char *table), void *arg,
					 Arena *arena, MyCatalog *catalog, Error *err) DBSYNC_MUST_CHECK;
const MyTable *my_catalog_find(const MyCatalog *catalog, const char *table);
const MyColumn *my_table_column(const MyTable *table, const char *name);	/* or NULL */

/*
 * A literal in quotes, at text: a quote is written twice in it, and the server puts a backslash before what it does not show.  Its bytes are
 * appended; returns what follows it.
 */
const char *my_unquote(const char *text, StrBuf *out);
/* The labels of "enum('a','b''c')"; returns how many. */
int my_parse_labels(const char *type_text, Arena *arena, const char ***labels);
/* By DATA_TYPE: "bigint".  MY_OTHER for what is not known. */
MyType my_type_of(const char *type_name);

#endif
