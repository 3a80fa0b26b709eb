/*
 * catalog.h
 *		Tables and columns of a server, read in a few queries whatever their number.
 *
 * Used for the source (what is copied) and the target (where it goes).  Everything lives in the arena given.
 */
#ifndef DBSYNC_PG_CATALOG_H
#define DBSYNC_PG_CATALOG_H

#include "base/arena.h"
#include "base/hash.h"
#include "pg/conn.h"

typedef struct PgColumn
{
	const char *name;
	int			number;			/* attnum */
	uint32_t	type_oid;
	const char *type;			/* qualified, quoted, with modifier: usable in a cast: pg_catalog.int4, public.mood, numeric(10,2) */
	const char *type_bare;		/* the same without modifier */
	bool		not_null;
	bool		has_default;
	char		generated;		/* '\0', 's' stored, 'v' virtual (18+) */
	char		identity;		/* '\0', 'a' always, 'd' by default */
	int			identity_position;	/* position in the replica identity's index, 0: not part of it (identity 'f' uses all) */
	bool		has_equality;	/* the type has a default btree or hash operator class: "=" and IS NOT DISTINCT FROM work */
	const char *equality;		/* the operator, where search_path does not matter: OPERATOR(pg_catalog.=), OPERATOR(public.=); NULL: none */
} PgColumn;

typedef struct PgTableName
{
	const char *schema;
	const char *name;
} PgTableName;

typedef struct PgTable
{
	uint32_t	oid;
	const char *schema;
	const char *name;
	char		kind;			/* 'r' table, 'p' partitioned table */
	char		persistence;	/* 'p', 'u' unlogged */
	bool		is_heap;		/* of the heap access method, where a ctid is a block and a line */
	char		identity;		/* effective: 'd' usable primary key, 'i' usable index, 'f' full, 'n' none usable */
	char		identity_setting;	/* relreplident as it stands */
	const char *identity_index; /* its name, or NULL */
	bool		is_partition;
	const char *root_schema;	/* of a partition: root of its tree */
	const char *root_name;
	PgTableName *parents;		/* of a partition: from its parent up to the root */
	int			parent_count;
	bool		has_inheritance_children;	/* old-style inheritance: COPY table TO has only its own rows, which is what we want */
	bool		row_security;	/* enabled, and would filter this role */
	bool		can_select;
	bool		can_write;		/* insert, update, delete and truncate */
	bool		has_triggers;	/* triggers, also those of foreign keys, and rules that fire under replica role: ENABLE ALWAYS or REPLICA */
	bool		fires_on_insert;	/* one of them, or a rule: for new rows, too */
	bool		has_origin_triggers;	/* user triggers or foreign keys that fire where replica role cannot be set */
	bool		has_other_unique;	/* a unique or exclusion constraint or index beside the identity */
	bool		is_referenced;	/* a foreign key of another table points here */
	int64_t		size_bytes;		/* of the heap and its TOAST */
	int64_t		heap_blocks;	/* actual size of the main fork in blocks: what ctid ranges are cut from */
	double		rows_estimated; /* reltuples; -1 unknown */
	int			column_count;
	PgColumn   *columns;		/* attnum order, dropped ones left out */
} PgTable;

typedef struct PgCatalog
{
	PgTable    *tables;			/* sorted by schema, name */
	int			count;
	HashMap    *by_name;		/* internal: pg_catalog_find */
} PgCatalog;

/* Called for each user table ('r' and 'p', not of system schemas, not temporary, not of extensions' own configuration), without its columns: true keeps it. */
typedef bool (*PgTableFilter) (const PgTable *table, void *arg);

/*
 * Reads the tables, columns included.  Partitioned tables are listed, their partitions too.  Schemas pg_catalog, information_schema, pg_toast*,
 * pg_temp*, alidecode and dbsync are left out.  Runs in the connection's present transaction (so under its snapshot).
 */
bool pg_catalog_load(PgConn *conn, PgTableFilter filter, void *arg, Arena *arena, PgCatalog *catalog, Error *err) DBSYNC_MUST_CHECK;
void pg_catalog_free(PgCatalog *catalog);	/* the hash only; the rest is the arena's */
/* For who makes tables that no server of PostgreSQL has: sorts them, and lets them be found.  To be freed as one that was loaded. */
void pg_catalog_index(PgCatalog *catalog);
PgTable *pg_catalog_find(const PgCatalog *catalog, const char *schema, const char *name);	/* or NULL */
PgColumn *pg_table_column(const PgTable *table, const char *name);							/* or NULL */

/* One table, read now; *table NULL where it is not there. */
bool pg_catalog_load_table(PgConn *conn, const char *schema, const char *name, Arena *arena, PgTable **table, Error *err) DBSYNC_MUST_CHECK;

/*
 * Where rows of a source table go on the target: the table of the same name (in target_schema where that is set); where that is not
 * there and the source table is a partition, the root of its tree.  NULL: the target has neither.
 */
PgTable *pg_catalog_target_of(const PgCatalog *target, const char *target_schema, const char *schema, const char *name,
							  const char *root_schema, const char *root_name);

#endif
