/*
 * run.c
 *		The course of a run: from whatever state the task was left in to streaming.
 */
#include "sync/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"
#include "pg/conn.h"
#include "sync/full_sync.h"
#include "sync/preflight.h"
#include "sync/run_context.h"
#include "sync/source_side.h"
#include "sync/task_store.h"

#define MODULE "run"

/* How long the applier may take to finish its group: once a stop was asked for, and once the run has failed. */
#define STOP_GRACE_MS 30000
#define FAILED_GRACE_MS 5000

/* How long the source may be kept waiting for the applier before its changes go to the local store. */
#define PATIENCE_MS 10000

/* What source and target are now. */
typedef struct Ends
{
	const char *source_id;
	int			timeline;
	const char *target_id;
} Ends;

/* What the tries to begin have come to. */
typedef struct Start
{
	Retry		retry;
	int64_t		trouble_since;	/* on the monotonic clock; 0: none so far */
	bool		has_warned;		/* the preflight's warnings are in the log */
	bool		was_clear;		/* this try had every server, and nothing in its way */
} Start;

static bool
identify_ends(Run *run, Ends *ends, Error *err)
{
	PgConnOptions target_options = {.role = PG_ROLE_TARGET, .name_suffix = "start"};
	PgConn	   *conn = NULL;
	bool		ok;

	if (!run->side->identify(run, &ends->source_id, &ends->timeline, err))
		return error_context(err, "source");
	ok = pg_connect(run->config->target, &target_options, &conn, err) && pg_system_id(conn, run->arena, &ends->target_id, NULL, err);
	pg_close(conn);
	if (!ok)
		return error_context(err, "target");
	if (strcmp(ends->source_id, ends->target_id) == 0)
		return error_set(err, ERROR_PREFLIGHT, "source and target are the same database");
	return true;
}

static bool
note_started(Run *run, Error *err)
{
	bool		(*started) (Error *err) = run->started;

	run->started = NULL;
	return started == NULL || started(err);
}

/* What the preflight has to say is said once, and not while it has seen only a part. */
static bool
check_preconditions(Run *run, Ends *ends, bool *has_warned, Error *err)
{
	PreflightReport report = PREFLIGHT_REPORT_INIT;
	bool		ok = preflight_run(run->config, &report, err) && identify_ends(run, ends, err);

	if (ok ? !*has_warned : err->kind != ERROR_RETRY)
		preflight_log(&report);
	*has_warned = *has_warned || ok;
	preflight_report_free(&report);
	return ok;
}

static const char *
filter_text(Run *run)
{
	const Config *config = run->config;

	const char *mysql = "";

	if (config->is_mysql && config->mysql.copy_queries != NULL)
		mysql = arena_printf(run->arena, " tables=%s", config->mysql.copy_queries);
	if (config->is_mysql && config->mysql.lower_names)
		mysql = arena_printf(run->arena, "%s lower_names=on", mysql);
	return arena_printf(run->arena, "include=%s exclude=%s target_schema=%s%s", config->include_tables != NULL ? config->include_tables : "",
						config->exclude_tables != NULL ? config->exclude_tables : "",
						config->target_schema != NULL ? config->target_schema : "", mysql);
}

static bool
differs(Run *run, const char *what, const char *stored, const char *now, Error *err)
{
	error_set(err, ERROR_USAGE, "task \"%s\" in %s was made with another %s: %s, not %s", run->state.task, run->store->description, what, stored, now);
	return error_hint(err, "give this task another slot name or another local store; or end the old task by \"dbsync drop\" with its own configuration");
}

/* The task's state: as it was left, or a new one. */
static bool
load_task(Run *run, const Ends *ends, Error *err)
{
	const Config *config = run->config;
	bool		found;

	if (!run->store->ops->load_task(run->store, config->slot, run->arena, &run->state, &found, err))
		return false;
	if (!found)
	{
		run->state = (TaskState) {
			.task = config->slot, .phase = TASK_NEW, .source_kind = run->side->kind, .source_id = ends->source_id,
			.source_timeline = ends->timeline, .slot = config->slot, .target_id = ends->target_id, .filter = filter_text(run),
			.created_us = clock_wall_us(),
		};
		return run->store->ops->save_task(run->store, &run->state, err);
	}
	/* identify_ends() has filled both.  NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	if (strcmp(run->state.source_id, ends->source_id) != 0)
		return differs(run, "source", run->state.source_id, ends->source_id, err);
	if (strcmp(run->state.target_id, ends->target_id) != 0)
		return differs(run, "target", run->state.target_id, ends->target_id, err);
	if (strcmp(run->state.filter, filter_text(run)) != 0)
	{
		error_set(err, ERROR_USAGE, "task \"%s\" was made for other tables: %s, not %s", run->state.task, run->state.filter, filter_text(run));
		return error_hint(err, "a table that is added now would lack the rows it has; put the lists back, or make a second task (slot) for the "
						  "new tables, or \"dbsync drop\" and start anew");
	}
	if (run->state.source_timeline != ends->timeline)
	{
		error_set(err, ERROR_GAP, "the source's timeline has changed from %d to %d: it was promoted or restored", run->state.source_timeline, ends->timeline);
		return error_hint(err, "changes around the switch may be missing in the slot; \"dbsync drop\" and a new full sync are the safe way");
	}
	return true;
}

/* Going on is possible only when everything that the source has forgotten is in the store or on the target. */
static bool
check_continuity(Run *run, Lsn applied, Error *err)
{
	return run->side->check_continuity(run, run->state.received_lsn > applied ? run->state.received_lsn : applied, err);
}

/* copy = off, for the first time: the target has the data, the source says from where on changes are wanted. */
static bool
begin_without_copy(Run *run, bool has_progress, Lsn *applied, Error *err)
{
	Lsn			start;
	char		text[LSN_TEXT_SIZE];

	if (!run->side->start_without_copy(run, has_progress ? *applied : LSN_NONE, &start, err))
		return false;
	if (!has_progress)
	{
		if (!applier_set_progress(run->applier, start, err))
			return false;
		*applied = start;
	}
	run->state.start_lsn = start;
	if (!check_continuity(run, *applied, err))
		return false;
	log_info(MODULE, "%s, streaming from %s without a full sync", run->side->standing(run), lsn_show(*applied, text));
	run->state.received_lsn = *applied;
	return run_set_phase(run, TASK_CATCHING_UP, err);
}

static bool
begin_with_copy(Run *run, bool has_progress, Lsn *applied, Error *err)
{
	if (has_progress)
	{
		error_set(err, ERROR_PREFLIGHT, "the target has progress of a task \"%s\" (dbsync.progress), but %s does not know it", run->state.task,
				  run->store->description);
		return error_hint(err, "if the local store was lost and the slot is still there, go on with copy = off; otherwise \"dbsync drop\" first, and "
						  "the full sync starts anew");
	}
	/* The slot waits for transactions of the source that are open now. */
	if (!run->side->check_new(run, err) || !note_started(run, err) || !full_sync_begin(run, err) || !applier_set_progress(run->applier, run->state.start_lsn, err))
		return false;
	*applied = run->state.start_lsn;
	return true;
}

/* A task that a run has begun before. */
static bool
resume(Run *run, bool has_progress, Lsn *applied, Error *err)
{
	if (!has_progress && run->state.phase == TASK_SLOT_CREATED)
	{
		/* Killed between the slot and the row. */
		if (!applier_set_progress(run->applier, run->state.start_lsn, err))
			return false;
		*applied = run->state.start_lsn;
		has_progress = true;
	}
	if (!has_progress)
	{
		error_set(err, ERROR_GAP, "the target's progress row of task \"%s\" is gone (dbsync.progress)", run->state.task);
		return error_hint(err, "the target was replaced or restored without it; \"dbsync drop\" and a new full sync are needed");
	}
	if (run->state.applied_lsn > *applied)
	{
		error_set(err, ERROR_GAP, "the target has gone back since the last run: it was restored, or a standby took over that lacked changes");
		return error_hint(err, "what it lacks has been forgotten by the source; \"dbsync drop\" and a new full sync are needed");
	}
	if (!check_continuity(run, *applied, err))
		return false;
	log_info(MODULE, "%s, task is %s", run->side->standing(run), task_phase_name(run->state.phase));
	return run->state.phase != TASK_STREAMING || run_set_phase(run, TASK_CATCHING_UP, err);
}

/* --until: what it means as a position. */
static bool
resolve_until(Run *run, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	if (run->config->until == NULL)
		return true;
	if (!run->side->resolve_until(run, err))
		return false;
	if (strcmp(run->config->until, "current") == 0)
		log_info(MODULE, "applying up to %s", lsn_show(run->until, lsn));
	return true;
}

static void
make_stage(Run *run, Lsn applied)
{
	StageOptions options = {
		.store = run->store,
		.task = run->state.task,
		.queue_bytes = (size_t) run->config->limits.queue_bytes,
		.patience_ms = PATIENCE_MS,
		.received = run->state.received_lsn,
		.applied = applied,
	};

	run->stage = stage_new(&options);
}

/*
 * The applier finishes its group when the run stops.  A target that does not let it, because somebody holds a lock there, must not
 * keep dbsync from ending: after a while the group is given up, and the next run applies it.
 */
static void
join_applier(Run *run, pthread_t applier)
{
	int64_t		stopped_ms = 0;
	bool		is_aborted = false;

	for (;;)
	{
		struct timespec until;
		uint64_t	one = 1;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * 1000000;
		if (until.tv_nsec >= 1000000000)
		{
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		if (pthread_timedjoin_np(applier, NULL, &until) == 0)
			return;
		if (is_aborted || !stop_requested())
			continue;
		if (stopped_ms == 0)
			stopped_ms = clock_monotonic_ms();
		if (clock_monotonic_ms() - stopped_ms < (run_has_failed(run) ? FAILED_GRACE_MS : STOP_GRACE_MS))
			continue;
		log_warn(MODULE, "the target does not answer: giving up the group under way, which the next run applies");
		is_aborted = write(run->abort_fd, &one, sizeof(one)) == sizeof(one);
	}
}

/*
 * Receives, copies where that is still to be done, and applies.  The threads end by themselves once the stop flag is up.
 */
static bool
work(Run *run, Error *err)
{
	pthread_t	receiver;
	pthread_t	keeper;
	pthread_t	applier;
	bool		is_copied = false;
	bool		has_applier = false;
	Error		copy_error = ERROR_INIT;

	if (pthread_create(&receiver, NULL, receiver_main, run) != 0 || pthread_create(&keeper, NULL, keeper_main, run) != 0)
		return error_set(err, ERROR_FAILED, "cannot start a thread");

	if (full_sync_run(run, &copy_error))
		is_copied = true;
	else
		run_fail(run, "copy", &copy_error);
	if (is_copied && run->config->copy_only)
	{
		log_info(MODULE, "full sync is done (--copy-only)");
		atomic_store(&run->finished, true);
		log_warn(MODULE, "%s", run->side->left_behind(run));
		stop_request();
	}
	else if (is_copied && !stop_requested())
	{
		stage_set_until(run->stage, run->until);
		has_applier = pthread_create(&applier, NULL, apply_main, run) == 0;
		if (!has_applier)
		{
			error_set(&copy_error, ERROR_FAILED, "cannot start a thread");
			run_fail(run, MODULE, &copy_error);
		}
	}
	else
		stop_request();
	if (has_applier)
		join_applier(run, applier);
	/* The applier ends only when the run does. */
	stop_request();
	stage_wake(run->stage);
	pthread_join(receiver, NULL);
	pthread_join(keeper, NULL);

	pthread_mutex_lock(&run->lock);
	if (run->error.kind != ERROR_NONE)
		error_move(err, &run->error);
	pthread_mutex_unlock(&run->lock);
	return err->kind == ERROR_NONE;
}

/*
 * Who asked for an end (--until, --copy-only) takes success as the word that it was reached; a run without one does what it is for until it is
 * stopped.  applied: of a run that has come as far as that.
 */
static bool
report_stop(const Run *run, Lsn applied, Error *err)
{
	const Config *config = run->config;
	char		until_text[LSN_TEXT_SIZE];
	char		applied_text[LSN_TEXT_SIZE];

	if (config->copy_only)
		error_set(err, ERROR_CANCELLED, "stopped before the full sync was done: what was asked for (--copy-only) is not reached");
	else if (config->until == NULL)
	{
		error_clear(err);
		return true;
	}
	else if (run->until == LSN_NONE || applied == LSN_NONE)
		error_set(err, ERROR_CANCELLED, "stopped before the start: what was asked for (--until %s) is not reached", config->until);
	else
		error_set(err, ERROR_CANCELLED, "stopped before %s: what was asked for (--until %s) is not reached, the target has all up to %s",
				  lsn_show(run->until, until_text), config->until, lsn_show(applied, applied_text));
	return error_hint(err, "nothing is lost: the same command goes on where this run was");
}

/* The last entries of the store, and a word to the user; returns how far the target is. */
static Lsn
finish(Run *run)
{
	StageView	view;
	Error		err = ERROR_INIT;
	char		applied[LSN_TEXT_SIZE];

	stage_view(run->stage, &view);
	if (view.applied != LSN_NONE &&
		(!run->store->ops->save_applied(run->store, run->state.task, view.applied, view.applied_commit_us, &err) ||
		 !run->store->ops->remove_applied(run->store, run->state.task, view.applied, run->state.segment, &err)))
	{
		log_report(LOG_WARN, MODULE, &err);
		error_clear(&err);
	}
	log_info(MODULE, "%s: applied up to %s transactions=%lld changes=%lld conflicts=%lld", atomic_load(&run->finished) ? "done" : "stopped",
			 lsn_show(view.applied, applied), (long long) atomic_load(&run->transactions), (long long) atomic_load(&run->changes),
			 (long long) atomic_load(&run->conflicts));
	return view.applied;
}

/* A run ended, or lost a server, while it began. */
static bool
undo_begin(Run *run, Error *err)
{
	run->side->release_snapshot(run);
	return run->side->undo_begin(run, err) && run_set_phase(run, TASK_NEW, err);
}

/* One try of prepare(): what an earlier one has come to is found in the store, as that of a killed run is. */
static bool
try_prepare(Run *run, Start *start, Error *err)
{
	ApplierOptions options;
	Ends		ends = {NULL, 0, NULL};
	bool		has_progress = false;
	Lsn			applied = LSN_NONE;

	if ((run->store == NULL && !task_store_open(run->config, STORE_CREATE, &run->store, err)) ||
		!run->store->ops->lock_task(run->store, run->config->slot, err) || !check_preconditions(run, &ends, &start->has_warned, err) ||
		!load_task(run, &ends, err))
		return false;

	apply_options(run, &run->applier_session, &options);
	if (!applier_open(&options, &run->applier, err) || !applier_progress(run->applier, &applied, &has_progress, err))
		return false;

	if (run->state.phase == TASK_CREATING_SLOT && !undo_begin(run, err))
		return false;
	start->was_clear = true;
	if (run->state.phase != TASK_NEW)
	{
		if (!resume(run, has_progress, &applied, err))
			return false;
	}
	else if (run->config->copy.enabled ? !begin_with_copy(run, has_progress, &applied, err) : !begin_without_copy(run, has_progress, &applied, err))
		return false;
	if (!resolve_until(run, err))
		return false;
	run->source = run->side->make_source(run);
	make_stage(run, applied);
	return true;
}

/* Opens what the run works with and brings the task to a phase in which work() can begin.  Waits for servers that are away. */
static bool
prepare(Run *run, Error *err)
{
	const LimitOptions *limits = &run->config->limits;
	Start		start = {.retry = RETRY_INIT(1000, limits->retry_max_ms)};

	while (!try_prepare(run, &start, err))
	{
		applier_close(run->applier);
		run->applier = NULL;
		if (err->kind != ERROR_RETRY)
			return false;
		/* The slot may have taken hours to make: that was no trouble. */
		if (start.was_clear)
		{
			retry_reset(&start.retry);
			start.trouble_since = 0;
			start.was_clear = false;
		}
		if (start.trouble_since == 0)
			start.trouble_since = clock_monotonic_ms();
		if (limits->retry_give_up_ms > 0 && clock_monotonic_ms() - start.trouble_since > limits->retry_give_up_ms)
			return error_context(err, "gave up");
		if (!run_backoff(run, MODULE, retry_next_ms(&start.retry), err, NULL))
			return error_set(err, ERROR_CANCELLED, "stopped");
		error_clear(err);
		if (!note_started(run, err))
			return false;
	}
	return note_started(run, err);
}

bool
run_task(const Config *config, const ProgressSink *progress, bool (*started) (Error *err), Error *err)
{
	Run			run = {.config = config, .progress = progress, .started = started, .arena = arena_new(0), .side = source_side_of(config), .error = ERROR_INIT,
	.applier_session = APPLIER_SESSION_INIT};
	bool		ok;

	pthread_mutex_init(&run.lock, NULL);
	run.side->open(&run);
	run.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ok = run.abort_fd >= 0 ? prepare(&run, err) : error_errno(err, "cannot make an event descriptor");
	if (ok)
	{
		Lsn			applied;

		ok = work(&run, err);
		applied = finish(&run);
		if (ok && !atomic_load(&run.finished))
			ok = report_stop(&run, applied, err);
	}
	else if (err->kind == ERROR_CANCELLED)
	{
		ok = report_stop(&run, LSN_NONE, err);
		if (ok)
			log_info(MODULE, "stopped before the start");
	}
	run.side->close(&run);
	applier_close(run.applier);
	if (run.source != NULL)
		run.source->ops->close(run.source);
	stage_free(run.stage);
	if (run.store != NULL)
		run.store->ops->close(run.store);
	if (run.abort_fd >= 0)
		close(run.abort_fd);
	error_clear(&run.error);
	pthread_mutex_destroy(&run.lock);
	arena_free(run.arena);
	return ok;
}
