/*
 * schema.h
 *		The source's tables, made on the target: what pg_dump -s | psql does, for the tables that are wanted.  A MySQL source: mysql_schema.h.
 */
#ifndef DBSYNC_SYNC_SCHEMA_H
#define DBSYNC_SYNC_SCHEMA_H

#include "config/config.h"

typedef struct SchemaOptions
{
	const char *section;		/* "pre-data", "post-data", or NULL: all */
	bool		defer;			/* section is "pre-data" then: the rest goes to dbsync.post_data on the target, for dbsync run */
	bool		no_partitions;	/* of a MySQL source: partitioned tables become plain ones */
	bool		print;			/* the SQL to standard output; the target is not touched */
} SchemaOptions;

/*
 * Runs in one transaction on the target: all of it, or nothing.  Owners, privileges, publications and subscriptions are left out, and
 * so are the schemas and the extension of alidecode and dbsync themselves, and whatever depends on a table that is not wanted.
 */
bool schema_create(const Config *config, const SchemaOptions *options, Error *err) DBSYNC_MUST_CHECK;

/* Is the entry of "pg_restore -l" one that never goes to the target, whatever the tables? */
bool schema_entry_is_ours(const char *line);
/* The catalogue's and the object's oid of an entry; false where the line is none. */
bool schema_entry_parse(const char *line, uint32_t *class_oid, uint32_t *oid, const char **description);

#endif
