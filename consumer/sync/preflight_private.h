/*
 * preflight_private.h
 *		What the parts of the preflight share: the report's makers, and what was found so far.
 */
#ifndef DBSYNC_SYNC_PREFLIGHT_PRIVATE_H
#define DBSYNC_SYNC_PREFLIGHT_PRIVATE_H

#include "base/strbuf.h"
#include "pg/catalog.h"
#include "pg/conn.h"
#include "sync/preflight.h"

typedef struct Preflight
{
	const Config *config;
	PreflightReport *report;
	Arena	   *arena;			/* the report's */

	/* the task as the local store knows it */
	bool		has_task;
	TaskState	task;
	bool		has_started;	/* its slot was made: a start resumes it */
	bool		copy_pending;	/* tables are still to be copied */

	PgConn	   *source;
	char	   *source_role;	/* quoted */
	char	   *source_database;	/* quoted */
	char	   *source_encoding;
	const char *source_id;
	PgCatalog	source_tables;
	bool		has_source_tables;
	const struct MysqlCascade *cascades;	/* of a MySQL source, see mysql_preflight.h */
	int			cascade_count;
	bool		generated_is_sent;	/* the source sends what it generates, where the target has an ordinary column for it */
	const char *row_image;		/* MySQL's binlog_row_image where it leaves columns out, and with them what is generated; else NULL */

	PgConn	   *target;
	char	   *target_role;	/* quoted */
	char	   *target_database;	/* quoted */
	const char *outage;			/* the first error that only says that a server cannot be reached for now, or a table is locked; or NULL */
	const char *outage_mend;	/* what can be done about it, or NULL */
} Preflight;

void finding_add(Preflight *p, FindingSeverity severity, const char *side, const char *mend, const char *fmt, ...) DBSYNC_PRINTF(5, 6);
/* What went wrong with a query of the preflight itself; false on a stop, which ends it. */
bool finding_add_error(Preflight *p, const char *side, Error *err);
/* The same where the preflight knows a better mend, and what the error is of.  Not for a stop.  Every error of a server goes through here. */
void finding_add_failure(Preflight *p, const char *side, const char *mend, const char *prefix, Error *err);
/* What preflight_run() returns for the findings. */
bool preflight_verdict(const Preflight *p, Error *err) DBSYNC_MUST_CHECK;

/*
 * A connection that waits for no lock longer than some seconds: catalogue functions open the tables that they are asked of, and one that somebody
 * holds in ACCESS EXCLUSIVE mode would keep the preflight waiting without a word.
 */
bool preflight_connect(const char *conninfo, PgRole role, PgConn **conn, Error *err) DBSYNC_MUST_CHECK;
/* The finding of a wait that was given up: who holds what. */
bool preflight_add_lock(Preflight *p, const char *side, PgConn *conn, Error *err);

/* Names for a line of text: the first ones, then how many more. */
typedef struct NameList
{
	StrBuf		text;
	int			count;
} NameList;

void name_list_add(NameList *list, const char *name);
void name_list_add_table(NameList *list, const char *schema, const char *name);
const char *name_list_text(NameList *list);		/* ends the list */
void name_list_free(NameList *list);

/* "GRANT ... ON a, b TO role;", broken into statements of a few tables. */
typedef struct GrantList
{
	StrBuf		text;
	int			open;			/* tables in the statement that is not ended yet */
} GrantList;

void grant_list_add(GrantList *list, const char *rights, const char *schema, const char *name, const char *role);
const char *grant_list_text(GrantList *list, const char *role);	/* ends the list */
void grant_list_free(GrantList *list);

/* Value of a result's first row as text, number, truth. */
const char *result_text(const PGresult *result, const char *column);	/* NULL for SQL NULL */
int64_t result_number(const PGresult *result, const char *column);
bool result_is_true(const PGresult *result, const char *column);

/* Is the table one that dbsync reads rows of: not a partitioned root, readable unless the user asked to skip it? */
bool preflight_is_copied(const Preflight *p, const PgTable *table);

/* The parts.  false: stopped. */
bool preflight_source(Preflight *p, Error *err) DBSYNC_MUST_CHECK;
bool preflight_mysql(Preflight *p, Error *err) DBSYNC_MUST_CHECK;	/* instead of it, where the source is MySQL */
bool preflight_mysql_target(Preflight *p, Error *err) DBSYNC_MUST_CHECK;	/* behind preflight_target() */
bool preflight_slot(Preflight *p, const PGresult *facts, Error *err) DBSYNC_MUST_CHECK;
bool preflight_source_tables(Preflight *p, Error *err) DBSYNC_MUST_CHECK;
bool preflight_target(Preflight *p, Error *err) DBSYNC_MUST_CHECK;
bool preflight_target_tables(Preflight *p, Error *err) DBSYNC_MUST_CHECK;

#endif
