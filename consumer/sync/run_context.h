/*
 * run_context.h
 *		What the threads of one run share.  Internal to sync/.
 *
 * Four threads: the main one (full sync, then waits), the receiver (source -> stage), the applier (stage -> target), the keeper (report lines,
 * housekeeping of the store, watching the slot).  The first one that fails calls run_fail(), which raises the stop flag; every thread then
 * finishes what it can and returns.
 */
#ifndef DBSYNC_SYNC_RUN_CONTEXT_H
#define DBSYNC_SYNC_RUN_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "apply/apply.h"
#include "base/arena.h"
#include "config/config.h"
#include "model/progress.h"
#include "model/source.h"
#include "model/store.h"
#include "sync/stage.h"

#define DBSYNC_PLUGIN "alidecode"

/* A table whose copy is younger than the slot: earlier changes of it are in the copy already. */
typedef struct TableSnapshot
{
	const char *schema;
	const char *table;
	Lsn			snapshot_lsn;
} TableSnapshot;

typedef struct Run
{
	const Config *config;
	const ProgressSink *progress;	/* or NULL */
	bool		(*started) (Error *err);	/* of run_task(); NULL: none, or called */
	const struct SourceSide *side;	/* what its kind of source does differently */
	void	   *side_data;		/* the side's */
	Arena	   *arena;			/* of the main thread; what lives as long as the run */
	Store	   *store;
	Stage	   *stage;
	Source	   *source;
	Lsn			until;
	const char *client_encoding;	/* of the stream's text: NULL is UTF8, or "SQL_ASCII" */

	pthread_mutex_t lock;		/* guards state and error */
	TaskState	state;
	Error		error;			/* of the first thread that failed */

	Applier    *applier;		/* opened by the main thread, handed to apply_main(); NULL: not yet, or handed over */
	ApplierSession applier_session;
	int			abort_fd;		/* an eventfd, readable once the applier is to give up its open group */

	TableSnapshot *snapshots;
	int			snapshot_count;
	Lsn			youngest_snapshot;	/* of them; LSN_NONE: there are none */
	bool		keys_are_left;	/* see post_data.h; the apply thread's, once it is there */

	/* counters of the applier, for the report */
	atomic_int_fast64_t transactions;
	atomic_int_fast64_t changes;
	atomic_int_fast64_t conflicts;
	atomic_bool finished;		/* --until is reached, everything is on the target; or --copy-only is done */
	atomic_bool applier_is_up;
} Run;

/* Takes over err (which becomes empty) if it is the first failure, and asks all threads to stop.  ERROR_CANCELLED is no failure. */
void run_fail(Run *run, const char *module, Error *err);
bool run_has_failed(Run *run);

/*
 * Changes of phase happen here, along one table of transitions, and are durable when it returns.
 */
bool run_set_phase(Run *run, TaskPhase phase, Error *err) DBSYNC_MUST_CHECK;
TaskPhase run_phase(Run *run);
/* The next segment number, written down before it is used. */
bool run_next_segment(Run *run, int64_t *segment, Error *err) DBSYNC_MUST_CHECK;

/* Waits before the next try; false: a stop was requested.  Logs why, as a warning. wake may end it early (returns true). */
bool run_backoff(Run *run, const char *module, int wait_ms, const Error *err, bool (*wake) (Run *run));

/* How an applier of this run is opened. */
void apply_options(Run *run, ApplierSession *session, ApplierOptions *options);

/* Thread functions; arg is the Run. */
void *receiver_main(void *arg);
void *apply_main(void *arg);
void *keeper_main(void *arg);

#endif
