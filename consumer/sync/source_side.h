/*
 * source_side.h
 *		What a run does differently for each kind of source.  Internal to sync/.
 *
 * run.c, full_sync.c and keeper.c have the course of a run; a side has what only its kind of server knows: how it is named, where its log
 * stands, what a consistent copy starts from.  Functions belong to the main thread unless they say otherwise; all may be called again
 * after they have failed.
 */
#ifndef DBSYNC_SYNC_SOURCE_SIDE_H
#define DBSYNC_SYNC_SOURCE_SIDE_H

#include "apply/apply.h"
#include "copy/copy.h"
#include "sync/run_context.h"

struct SourceSide
{
	const char *kind;			/* TaskState.source_kind */
	const char *task_word;		/* what the task's name stands for there, in messages: "slot" */

	/* Makes run->side_data; no I/O.  close: of all threads the main one is left; also where open was not called. */
	void		(*open) (Run *run);
	void		(*close) (Run *run);

	/* What the source is now: its name lives in the run's arena.  Sets run->client_encoding. */
	bool		(*identify) (Run *run, const char **source_id, int *timeline, Error *err);

	/* A new task with a full sync: is there nothing on the source that stands in its way? */
	bool		(*check_new) (Run *run, Error *err);
	/* A run was killed while it began: what it may have left on the source goes. */
	bool		(*undo_begin) (Run *run, Error *err);
	/* copy = off, for the first time: from where on changes are wanted.  progress: the target's, LSN_NONE where it has none. */
	bool		(*start_without_copy) (Run *run, Lsn progress, Lsn *start, Error *err);
	/* Everything before "held" is in the store or on the target.  ERROR_GAP where the source has forgotten more than that. */
	bool		(*check_continuity) (Run *run, Lsn held, Error *err);
	/* What was found of the task on the source, for the log: "decoder slot x exist". */
	const char *(*standing) (Run *run);
	/* --copy-only is done: what the user must know of what stays behind. */
	const char *(*left_behind) (Run *run);

	/* run->config->until as run->until. */
	bool		(*resolve_until) (Run *run, Error *err);
	Source	   *(*make_source) (Run *run);

	/*
	 * A snapshot of which the place in the log is known, held until release_snapshot(), which is harmless at any time.  first: the task
	 * begins with it, and everything that commits later must reach the receiver.  is_taken: somebody else has what the task needs a name for.
	 */
	bool		(*take_snapshot) (Run *run, bool first, Lsn *position, bool *is_taken, Error *err);
	bool		(*has_snapshot) (Run *run);
	void		(*release_snapshot) (Run *run);
	/* Plans and copies under the snapshot held; calls full_sync_keep_plan(), and copy_run() or its like. */
	bool		(*copy_round) (Run *run, CopyOutcome *outcome, Error *err);

	/* What the applier must know of the source; NULL: nothing.  Any thread's. */
	void		(*applier_options) (const Run *run, ApplierOptions *options);
	/*
	 * Does a change of this table, named as records name it, belong to the task?  Any thread's.  NULL: every one that comes does (the plugin has the
	 * task's lists, and knows of which tree a partition is).
	 */
	bool		(*wants) (const Run *run, const char *schema, const char *table);

	/* The keeper's, every ten seconds until the task streams: an error where the source can no longer give what is needed. */
	bool		(*watch) (Run *run, Error *err);
};
typedef struct SourceSide SourceSide;

extern const SourceSide pg_side;
#ifdef DBSYNC_WITH_MYSQL
extern const SourceSide mysql_side;
#endif

/* The one for the configuration's source. */
const SourceSide *source_side_of(const Config *config);

#endif
