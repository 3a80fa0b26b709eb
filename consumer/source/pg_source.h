/*
 * pg_source.h
 *		A PostgreSQL source: alidecode's records over the streaming replication protocol, cut into TxnParts.
 */
#ifndef DBSYNC_SOURCE_PG_SOURCE_H
#define DBSYNC_SOURCE_PG_SOURCE_H

#include "model/source.h"

typedef struct PgSourceOptions
{
	const char *conninfo;
	const char *slot;
	const char *include_tables; /* or NULL */
	const char *exclude_tables; /* or NULL */
	int64_t		batch_bytes;	/* asked from the plugin */
	int64_t		part_bytes;		/* a transaction is cut into parts of about this size */
	const char *system_id;		/* what the source must be; checked at every start */
	int			timeline;
} PgSourceOptions;

/* Strings must outlive the source.  Does not connect yet: start() does. */
Source *pg_source_new(const PgSourceOptions *options);

#endif
