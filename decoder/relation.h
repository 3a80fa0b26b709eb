/*
 * relation.h
 *
 * What a decoding session knows of each relation that it met: whether it is
 * wanted, its replica identity, its columns and how to write their values, and
 * the text that describes its shape to the reader.
 *
 * An entry is built at the first change of its relation, and again at the next
 * use after an invalidation that might concern it. Only if its description has
 * really changed does it get a new number, and is it announced again.
 *
 * Invalidations can arrive at any point at which the server reads catalogs,
 * also while a row is being written: they only mark. An entry stays as it is
 * until the next relation_get().
 */
#ifndef ALIDECODE_RELATION_H
#define ALIDECODE_RELATION_H

#include "postgres.h"

#include "options.h"
#include "utils/rel.h"
#include "value.h"
#include "writer.h"

/* Flags of a column, part of the record format. */
#define COLUMN_IDENTITY 1
#define COLUMN_GENERATED 2

/* A column that is sent; those that are not have no element. */
typedef struct RelationColumn
{
	int			index;			/* in the tuple, from 0 */
	bool		is_identity;
	ValueWriter value;
	const char *key;			/* of the verbose format: "name": */
	int			key_size;
} RelationColumn;

typedef struct RelationEntry
{
	Oid			relid;			/* the key of the hash, must be first */
	uint32		number;			/* that the reader knows it by; 0: none yet */
	bool		is_stale;
	bool		is_wanted;
	bool		is_announced;	/* under this number */
	char		identity;		/* 'd', 'f', 'i' or 'n', what is usable */
	uint64		generation;		/* of the cache, when built */
	MemoryContext context;		/* of all that follows; NULL if not wanted */
	int			natts;			/* of the tuple */
	int			column_count;
	RelationColumn *columns;
	const char *text;			/* the description, by the record format */
	int			text_size;
} RelationEntry;

/* The shape as read from the catalogs, while an entry is built. */
typedef struct ShapeColumn
{
	const char *name;
	const char *type;			/* as an SQL identifier, qualified if needed */
	int			flags;
} ShapeColumn;

typedef struct RelationShape
{
	Oid			oid;
	const char *schema;
	const char *table;
	const char *root_schema;	/* of the partition tree; NULL: no partition */
	const char *root_table;
	char		identity;
	int			column_count;
	ShapeColumn *columns;
} RelationShape;

/*
 * Appends the description of a shape to the writer. May set the keys of the
 * entry's columns, in the entry's context.
 */
typedef void (*RelationDescribe) (Writer *writer, RelationEntry *entry,
								  const RelationShape *shape);

typedef struct RelationCache RelationCache;

/*
 * Creates the cache of a session in the current memory context, and makes it
 * the one that invalidations go to until that context is gone.
 */
extern RelationCache *relation_cache_new(const DecoderOptions *options,
										 Writer *writer,
										 RelationDescribe describe);

/*
 * The entry of a relation, as of now. What it needs on the way is taken from
 * the current context, which the caller resets.
 */
extern RelationEntry *relation_get(RelationCache *cache, Relation relation);

/*
 * Says once per relation and server process in the server's log that its
 * updates and deletes cannot name their rows.
 */
extern void relation_warn_no_identity(RelationEntry *entry, Relation relation);

#endif							/* ALIDECODE_RELATION_H */
