/*
 * my_schema.h
 *		What a database has beside its tables' columns: indexes, foreign keys, checks, partitions, and other objects.
 *
 * For the tables of a catalogue; memory comes from the arena.  The right to SELECT suffices for all but triggers, events and routines, of which those are
 * listed that the user may see.
 */
#ifndef DBSYNC_MYSQL_MY_SCHEMA_H
#define DBSYNC_MYSQL_MY_SCHEMA_H

#include "mysql/my_catalog.h"

typedef struct MyIndexColumn
{
	const char *name;			/* NULL: an expression */
	const char *expression;
	int			prefix;			/* characters, or bytes of a binary column; 0: all of it */
	bool		is_descending;
} MyIndexColumn;

typedef struct MyIndex
{
	const MyTable *table;
	const char *name;			/* "PRIMARY" */
	const char *method;			/* BTREE, HASH, FULLTEXT, SPATIAL, RTREE */
	bool		is_primary;
	bool		is_unique;
	MyIndexColumn *columns;
	int			column_count;
} MyIndex;

typedef struct MyForeignKey
{
	const MyTable *table;
	const char *name;
	const char *to_schema;		/* NULL: the same database */
	const char *to_table;
	const char **columns;
	const char **to_columns;
	int			column_count;
	const char *actions;		/* "ON DELETE CASCADE", as both sides write it; "" */
} MyForeignKey;

typedef struct MyCheck
{
	const MyTable *table;
	const char *name;
	const char *clause;
	bool		is_enforced;
} MyCheck;

typedef struct MyPartition
{
	const char *name;
	const char *description;	/* bound or list of values, as the server has it; NULL: of hash or key */
} MyPartition;

typedef struct MyPartitioning
{
	const MyTable *table;
	const char *method;			/* "RANGE", "RANGE COLUMNS", "LIST", "LIST COLUMNS", "HASH", "LINEAR KEY", ... */
	const char *expression;		/* "" of KEY (): the primary key */
	bool		has_subpartitions;
	MyPartition *partitions;
	int			count;
} MyPartitioning;

typedef struct MyObject
{
	const char *kind;			/* "view", "trigger", "event", "function", "procedure", "sequence" */
	const char *name;
	const char *table;			/* of a trigger, or NULL */
} MyObject;

typedef struct MySchema
{
	MyIndex    *indexes;
	int			index_count;
	MyForeignKey *foreign_keys;
	int			foreign_key_count;
	MyCheck    *checks;
	int			check_count;
	MyPartitioning *partitionings;
	int			partitioning_count;
	MyObject   *objects;
	int			object_count;
} MySchema;

bool my_schema_load(MyConn *conn, const char *database, const MyCatalog *catalog, Arena *arena, MySchema *schema, Error *err) DBSYNC_MUST_CHECK;

/* A line of SHOW CREATE TABLE: true where it is a foreign key.  Pure. */
bool my_parse_foreign_key(const char *line, const MyTable *table, Arena *arena, MyForeignKey *key);

#endif
