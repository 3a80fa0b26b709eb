/*
 * mysql_schema.h
 *		The tables of a MySQL database, made on the target.
 */
#ifndef DBSYNC_SYNC_MYSQL_SCHEMA_H
#define DBSYNC_SYNC_MYSQL_SCHEMA_H

#include "sync/schema.h"

/*
 * As schema_create(): all of it in one transaction, or nothing.  What PostgreSQL has no place for, or what may mean something else there, is left
 * out and listed: in the log, or as comments at the end of what is printed.
 */
bool mysql_schema_create(const Config *config, const SchemaOptions *options, Error *err) DBSYNC_MUST_CHECK;

#endif
