/*
 * mysql_preflight.h
 *		What the parts of the preflight of a MySQL source share.  Internal to sync/.
 *
 *		mysql_preflight.c			server, settings of its binlog, rights
 *		mysql_preflight_tables.c	the tables, and what they look like to the preflight of the target
 */
#ifndef DBSYNC_SYNC_MYSQL_PREFLIGHT_H
#define DBSYNC_SYNC_MYSQL_PREFLIGHT_H

#include "base/hash.h"
#include "sync/mysql_task.h"
#include "sync/preflight_private.h"

typedef struct MysqlPreflight
{
	Preflight  *p;
	MyConn	   *conn;
	MysqlTables tables;
	HashMap    *variables;		/* the server's global ones */
	const char *account;		/* 'user'@'host', as a GRANT takes it */
	bool		may_lock_tables;	/* LOCK TABLES */
	bool		may_read_all;	/* SELECT ON *.* */
} MysqlPreflight;

/* NULL: the server has no such variable. */
const char *mysql_variable(const MysqlPreflight *self, const char *name);
bool mysql_variable_is(const MysqlPreflight *self, const char *name, const char *value);	/* case does not matter */

/* false: stopped. */
bool mysql_preflight_tables(MysqlPreflight *self, Error *err) DBSYNC_MUST_CHECK;

#endif
