/*
 * verify.h
 *		Are the rows of source and target the same?  Counts and sums of hashes, table by table, on both sides at once.
 *
 * The source's position is taken first; what is compared has passed it on the target.  While the source is written the two snapshots
 * are never of the same moment, so a table that differs is looked at again, each time behind a fresh position, and then in parts:
 * its rows fall into PARTS parts by their key, and a part that was equal once is done.  A part that differs and stands still makes the
 * table different.  What keeps changing without ever meeting is called "changing": nothing can be said of it until the writes pause.
 * Rows of a table without key fall into parts by their content; of these, a row that has changed between all looks is not
 * compared.
 *
 * Partitioned tables are compared as a whole where the target has them as a whole, else partition by partition.
 */
#ifndef DBSYNC_VERIFY_VERIFY_H
#define DBSYNC_VERIFY_VERIFY_H

#include "base/arena.h"
#include "config/config.h"
#include "model/lsn.h"

typedef struct VerifyOptions
{
	const char *tables;			/* patterns, as include_tables; NULL: all that the configuration wants */
	int64_t		wait_ms;		/* for the target to pass the source's position, each time */
	bool		once;			/* no second look */
} VerifyOptions;

typedef enum VerifyResult
{
	VERIFY_PENDING, VERIFY_EQUAL, VERIFY_DIFFERENT, VERIFY_CHANGING, VERIFY_FAILED
} VerifyResult;

#define VERIFY_PARTS 4096

/* Parts of a table that were seen to be equal, and what the others looked like the last time (hashes of both sides). */
typedef struct VerifyParts
{
	bool		equal[VERIFY_PARTS];
	uint64_t	source[VERIFY_PARTS];
	uint64_t	target[VERIFY_PARTS];
	int			equal_count;
	bool		known;			/* source and target are filled */
} VerifyParts;

/* The numbers of one look at a table. */
typedef struct VerifyLook
{
	char	   *source_rows;	/* malloc'd; NULL: not yet */
	char	   *source_sum;
	char	   *target_rows;
	char	   *target_sum;
} VerifyLook;

typedef struct VerifyTable
{
	const char *schema;			/* of the source */
	const char *name;
	const char *target_schema;	/* NULL: the target has no such table */
	const char *target_name;
	void	   *side_data;		/* of a source that is no PostgreSQL server; in the report's arena */
	const char *source_sql;		/* NULL: cannot be compared, see remark */
	const char *target_sql;
	const char *source_parts_sql;	/* part, rows, sum, rows of all, sum of all */
	const char *target_parts_sql;
	int64_t		size_bytes;
	VerifyResult result;
	int			looks;
	VerifyLook	look;			/* the last one */
	VerifyParts *parts;			/* malloc'd; NULL: was not needed */
	char	   *remark;			/* malloc'd; or NULL */
} VerifyTable;

typedef struct VerifyReport
{
	Arena	   *arena;			/* owns names and statements */
	VerifyTable *tables;		/* largest first while it runs, then by name */
	int			count;
	int			equal;
	int			different;		/* anything but equal */
	Lsn			position;		/* of the source, last taken */
	const char *note;			/* why the target's state may be an older one, or NULL */
} VerifyReport;

#define VERIFY_REPORT_INIT {NULL, NULL, 0, 0, 0, LSN_NONE, NULL}

/*
 * false with ERROR_DIFFERENT where tables differ (the report is whole then), or with another kind where it could not be told.  The
 * report is to be freed in every case.
 */
bool verify_run(const Config *config, const VerifyOptions *options, VerifyReport *report, Error *err) DBSYNC_MUST_CHECK;
void verify_report_free(VerifyReport *report);

/* What can be said of a table beside its result; takes the text over, which is malloc'd. */
void verify_set_remark(VerifyTable *table, char *remark);

const char *verify_result_name(VerifyResult result);	/* "equal", "different", "changing", "failed" */

#endif
