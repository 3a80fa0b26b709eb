/*
 * mysql_preflight.h
 *		What the parts of the preflight of a MySQL source share.  Internal to sync/.
 *
 *		mysql_preflight.c			server, settings of its binlog, rights
 *		mysql_preflight_tables.c	the tables, and what they look like to the preflight of the target
 *		mysql_preflight_cascades.c	foreign keys that act below the binlog
 */
#ifndef DBSYNC_SYNC_MYSQL_PREFLIGHT_H
#define DBSYNC_SYNC_MYSQL_PREFLIGHT_H

#include "base/hash.h"
#include "mysql/my_catalog.h"
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

/* A column of such a key, on either side of it, where the source does not compare text by its bytes. */
typedef struct MysqlKeyText
{
	const char *table;			/* on the target */
	const char *column;
	const char *collation;		/* of the source */
	struct MysqlKeyText *next;
} MysqlKeyText;

/*
 * A table whose rows InnoDB changes by itself, below the binlog, because a foreign key says ON DELETE CASCADE and the like.  The target must do the
 * same then.
 */
typedef struct MysqlCascade
{
	const char *schema;			/* on the target */
	const char *table;
	int			actions;		/* ON DELETE and ON UPDATE count each */
	MysqlKeyText *texts;
} MysqlCascade;

/* NULL: the server has no such variable. */
const char *mysql_variable(const MysqlPreflight *self, const char *name);
bool mysql_variable_is(const MysqlPreflight *self, const char *name, const char *value);	/* case does not matter */

/* false: stopped. */
bool mysql_preflight_tables(MysqlPreflight *self, Error *err) DBSYNC_MUST_CHECK;
bool mysql_preflight_cascades(MysqlPreflight *self, const MyCatalog *catalog, Error *err) DBSYNC_MUST_CHECK;

#endif
