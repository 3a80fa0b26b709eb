/*
 * mysql_source.h
 *		A MySQL or MariaDB source: the row events of its binary log as records (docs/record-format.md), cut into TxnParts.
 *
 * Lsn: see mysql/my_position.h; commit_lsn is the offset of a transaction's first event, end_lsn the one behind its last.
 * The changes of an XA transaction come with its XA COMMIT, wherever in the log they were prepared: the prepared part is read again by
 * a second connection, so that no memory holds it meanwhile.
 *
 * What may not be passed on stops the stream: a DDL statement or a statement-format change of a wanted table (with ddl = skip: DDL is logged and passed
 * over), a table whose shape in the log is not that of the catalogue, a value that cannot be stored, a change made with foreign_key_checks = 0 that
 * keys of the target would follow.  A DDL statement, and such a change, stop it only when everything before is durable, so that the definitions of
 * before are not needed any more.
 */
#ifndef DBSYNC_SOURCE_MYSQL_SOURCE_H
#define DBSYNC_SOURCE_MYSQL_SOURCE_H

#include <stdatomic.h>

#include "config/config.h"
#include "model/source.h"
#include "mysql/my_catalog.h"

/* Written by the receiver's thread, read by any. */
typedef struct MysqlSourceCounts
{
	atomic_llong zero_dates;	/* replaced by NULL (zero_dates = null) */
	atomic_llong replaced_texts;	/* text of which bytes were replaced (bad_text = replace) */
	atomic_llong skipped_ddl;	/* statements passed over (ddl = skip) */
} MysqlSourceCounts;

typedef struct MysqlSourceOptions
{
	const MySourceConfig *config;
	const char *schema;			/* of the records; NULL: the database's name, in lower case where config->lower_names */
	/* Which tables of config->db, by the names that the server has; NULL: all.  As for my_catalog_load(). */
	bool		(*wants) (void *arg, const char *schema, const char *table);
	void	   *wants_arg;
	/*
	 * Of a generated column of MariaDB, by the server's names: is it an ordinary one on the target, so that its value is needed?  May ask the
	 * target.  NULL: none is.  An updated row without such a value is an error then: with binlog_row_image = MINIMAL values are left out that have
	 * changed, and in 11.8 always.
	 */
	bool		(*needs_generated) (void *arg, const char *table, const char *column, bool *is_needed, Error *err);
	void	   *needs_generated_arg;
	/*
	 * Which keys of the target change rows by themselves for rows of dbsync, where those of this table change that they refer to: asked at the first
	 * change of the table that was made with foreign_key_checks = 0, when the source's keys do nothing.  acting[i] is of an update of the table's
	 * column i, acting[column_count] of a delete: NULL (as all are at first), or the statements that keep the keys from it.  NULL: there are none.
	 */
	bool		(*acting_keys) (void *arg, const MyTable *table, Arena *arena, const char **acting, Error *err);
	void	   *acting_keys_arg;
	int64_t		part_bytes;		/* a transaction is cut into parts of about this size */
	int			heartbeat_ms;	/* how often an idle server gives its position; 0: 1 s */
	MysqlSourceCounts *counts;	/* or NULL */
} MysqlSourceOptions;

/* All that options point to must outlive the source.  Does not connect yet: start() does. */
Source *mysql_source_new(const MysqlSourceOptions *options);

#endif
