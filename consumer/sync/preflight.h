/*
 * preflight.h
 *		Everything that would fail later fails here, with the exact line that mends it.
 *
 * Looks at the source, the target and the local store, and changes nothing but for a temporary slot that proves the plugin.  One
 * catalogue query a side, whatever the number of tables.  What is true of many tables is one finding with their names, and
 * statements that cover them all.
 *
 * On a task that has been started before, what the target's tables lack is a warning: the stream goes on up to the change that
 * needs it.
 */
#ifndef DBSYNC_SYNC_PREFLIGHT_H
#define DBSYNC_SYNC_PREFLIGHT_H

#include "base/arena.h"
#include "config/config.h"
#include "model/store.h"

typedef enum FindingSeverity
{
	FINDING_OK, FINDING_NOTICE, FINDING_WARNING, FINDING_ERROR
} FindingSeverity;

typedef struct Finding
{
	FindingSeverity severity;
	const char *side;			/* "source", "target", "local" */
	const char *what;			/* one line */
	const char *mend;			/* statements or advice, several lines possible; or NULL */
} Finding;

typedef struct PreflightReport
{
	Arena	   *arena;			/* owns all texts */
	Finding    *findings;		/* in the order they were made */
	int			count;
	int			capacity;
	int			errors;
	int			warnings;
} PreflightReport;

#define PREFLIGHT_REPORT_INIT {NULL, NULL, 0, 0, 0, 0}

/*
 * Fills the report.  false with ERROR_PREFLIGHT where it holds errors (the report is whole then), ERROR_RETRY where a server went away or
 * could not be reached for now, whatever else was found: it is to be repeated.  ERROR_CANCELLED on a stop.  The report is to be freed in
 * every case.
 */
bool preflight_run(const Config *config, PreflightReport *report, Error *err) DBSYNC_MUST_CHECK;
void preflight_report_free(PreflightReport *report);

const char *finding_severity_name(FindingSeverity severity);	/* "ok", "notice", "warning", "error" */

/* Warnings and errors go to the log: what a run says before it starts. */
void preflight_log(const PreflightReport *report);

#endif
