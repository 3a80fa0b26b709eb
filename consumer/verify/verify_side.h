/*
 * verify_side.h
 *		What comparing does differently for each kind of source.  Internal to verify/.
 *
 * verify.c has the rounds and the workers; a side knows where the source's log stands, which tables are compared, and how one look
 * at a table is made.
 */
#ifndef DBSYNC_VERIFY_VERIFY_SIDE_H
#define DBSYNC_VERIFY_VERIFY_SIDE_H

#include "model/store.h"
#include "pg/conn.h"
#include "verify/verify.h"
#include "verify/verify_position.h"

typedef struct VerifySide VerifySide;

typedef struct VerifyRun
{
	const VerifySide *side;
	const Config *config;
	const VerifyOptions *options;
	VerifyReport *report;
	PgConn	   *target;			/* of the main thread */
	Store	   *store;			/* or NULL */
	void	   *data;			/* the side's own */
} VerifyRun;

struct VerifySide
{
	/* Of the main thread.  close: also where open has failed. */
	bool		(*open) (VerifyRun *run, Error *err);
	void		(*close) (VerifyRun *run);

	/* The source's position now: everything committed so far lies before it. */
	bool		(*take_position) (VerifyRun *run, Lsn *position, Error *err);
	/* Waits until everything before the position is on the target, at most as long as the options say. */
	bool		(*wait_position) (VerifyRun *run, Lsn position, PositionState *state, Error *err);
	/* How one knows that no run is active: "nobody reads slot x"; in the report's arena. */
	const char *(*not_running) (VerifyRun *run);
	/* Fills report->tables. */
	bool		(*plan) (VerifyRun *run, Error *err);

	/* Of a worker: its connections.  worker_close: also where open has failed; NULL is fine. */
	bool		(*worker_open) (VerifyRun *run, const char *name, void **worker, Error *err);
	void		(*worker_close) (void *worker);
	/* As verify_look_at(). */
	bool		(*look) (void *worker, VerifyTable *table, bool final, Error *err);
};

extern const VerifySide verify_pg_side;
#ifdef DBSYNC_WITH_MYSQL
extern const VerifySide verify_mysql_side;
#endif

#endif
