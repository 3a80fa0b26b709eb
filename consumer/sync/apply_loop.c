/*
 * apply_loop.c
 *		The thread that takes transactions from the stage and applies them, group by group.
 *
 * A group ends at a source commit boundary: when nothing more waits (so that an idle system has the latency of one transaction), when the
 * target has nothing to do and there is enough to give it, or when it has reached its limits.  While the target works on one group the
 * next is fed.  A transaction that came in several parts begins a group of its own: if it is aborted half-way, nothing
 * else is lost with it.
 */
#include "sync/run_context.h"

#include <string.h>

#include "apply/apply.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"
#include "sync/post_data.h"
#include "sync/source_side.h"

#define MODULE "apply"

/* The target is given work when it has none and this part of a full group is there; more than that makes statements for many rows no cheaper. */
#define IDLE_TARGET_PART 5
/* A look costs a system call. */
#define PARTS_BETWEEN_LOOKS 16
/* After so many failures in a row transactions go one by one: what stands before the one at fault gets through. */
#define FAILURES_BEFORE_CARE 2

typedef struct ApplyLoop
{
	Run		   *run;
	Applier    *applier;
	ApplierOptions options;
	int64_t		counted_transactions;	/* of this applier, already added to the run's counters */
	int64_t		counted_changes;
	int64_t		counted_conflicts;
	Lsn			counted_lsn;	/* the progress they are of */
	Lsn			taken_lsn;		/* the furthest transaction taken yet */
	bool		has_applied;	/* since the last failure */
	int			failures;		/* in a row, with the target at hand */
	int			parts_since_look;
	bool		is_attached;	/* the stage delivers to us */
} ApplyLoop;

static bool
is_wanted(void *arg, const char *schema, const char *table)
{
	const Run  *run = arg;

	return run->side->wants(run, schema, table);
}

static Lsn
snapshot_of(void *arg, const char *schema, const char *table)
{
	const Run  *run = arg;

	for (int i = 0; i < run->snapshot_count; i++)
	{
		const TableSnapshot *snapshot = &run->snapshots[i];

		if (strcmp(snapshot->table, table) == 0 && strcmp(snapshot->schema, schema) == 0)
			return snapshot->snapshot_lsn;
	}
	return LSN_NONE;
}

static bool
load_relations(void *arg, int64_t segment, char **records, size_t *length, Error *err)
{
	const Run  *run = arg;

	return run->store->ops->read_relations(run->store, run->state.task, segment, records, length, err);
}

static void
show_progress(Run *run)
{
	StageView	view;

	if (run->progress == NULL || run->progress->stream_advanced == NULL)
		return;
	stage_view(run->stage, &view);
	run->progress->stream_advanced(run->progress->arg, view.seen, view.durable, view.applied, atomic_load(&run->transactions),
								   atomic_load(&run->changes));
}

/* Where something was committed since the last call. */
static void
count_progress(ApplyLoop *self)
{
	Run		   *run = self->run;
	ApplierStats stats;

	applier_stats(self->applier, &stats);
	if (stats.applied_lsn == self->counted_lsn)
		return;
	self->counted_lsn = stats.applied_lsn;
	self->has_applied = true;
	atomic_fetch_add(&run->transactions, stats.transactions - self->counted_transactions);
	atomic_fetch_add(&run->changes, stats.changes - self->counted_changes);
	atomic_fetch_add(&run->conflicts, stats.conflicts - self->counted_conflicts);
	self->counted_transactions = stats.transactions;
	self->counted_changes = stats.changes;
	self->counted_conflicts = stats.conflicts;
	stage_applier_applied(run->stage, stats.applied_lsn, stats.commit_time_us);
	show_progress(run);
}

/* Returns when everything fed is committed. */
static bool
commit_group(ApplyLoop *self, Error *err)
{
	if (!applier_commit(self->applier, err))
		return false;
	count_progress(self);
	return true;
}

/* Gives the group to the target; an earlier one is committed then. */
static bool
send_group(ApplyLoop *self, Error *err)
{
	if (!applier_commit_begin(self->applier, err))
		return false;
	count_progress(self);
	return true;
}

/* Looks for the answers of the group that the target has. */
static bool
look(ApplyLoop *self, bool wait, Error *err)
{
	if (!applier_poll(self->applier, wait, err))
		return false;
	count_progress(self);
	return true;
}

static bool
group_is_ready(ApplyLoop *self)
{
	const ApplyOptions *limits = &self->run->config->apply;
	ApplierStats stats;
	int			changes;

	applier_stats(self->applier, &stats);
	if (stats.in_transaction || !stats.group_open)
		return false;
	changes = stats.group_is_strict && limits->group_changes > STRICT_GROUP_CHANGES ? STRICT_GROUP_CHANGES : limits->group_changes;
	return stats.commit_wanted || stats.group_changes >= changes || stats.group_bytes >= limits->group_bytes ||
		(!stats.in_flight && stats.group_changes >= changes / IDLE_TARGET_PART);
}

static bool
apply_part(ApplyLoop *self, TxnPart *part, Error *err)
{
	if (part->commit_lsn > self->taken_lsn)
		self->taken_lsn = part->commit_lsn;
	if (part->part == 0 && !part->last && !send_group(self, err))
	{
		txn_part_free(part);
		return false;
	}
	if (!applier_apply(self->applier, part, err))
		return false;
	if (++self->parts_since_look >= PARTS_BETWEEN_LOOKS)
	{
		self->parts_since_look = 0;
		if (!look(self, false, err))
			return false;
	}
	return !group_is_ready(self) || send_group(self, err);
}

/* Everything that was stored is applied: from now on changes go through memory. */
static bool
note_caught_up(ApplyLoop *self, Error *err)
{
	StageView	view;

	if (run_phase(self->run) != TASK_CATCHING_UP)
		return true;
	stage_view(self->run->stage, &view);
	if (!view.caught_up)
		return true;
	log_info(MODULE, "caught up with the source: streaming");
	return run_set_phase(self->run, TASK_STREAMING, err);
}

/* Everything up to the youngest snapshot is on the target; a quiet source has nothing behind it that would say so. */
static bool
tables_are_of_one_moment(ApplyLoop *self, const ApplierStats *stats)
{
	StageView	view;

	if (stats->applied_lsn >= self->run->youngest_snapshot)
		return true;
	stage_view(self->run->stage, &view);
	return view.caught_up && !stats->group_open && view.seen >= self->run->youngest_snapshot;
}

/* Foreign keys that had to wait for tables of different snapshots. */
static bool
make_keys(ApplyLoop *self, const ApplierStats *stats, Error *err)
{
	if (!self->run->keys_are_left || stats->in_transaction || !tables_are_of_one_moment(self, stats))
		return true;
	return commit_group(self, err) && post_data_build_rest(self->run, err);
}

/* Gives up half a transaction, and nothing else. */
static bool
roll_back(ApplyLoop *self, Error *err)
{
	if (!look(self, true, err))
		return false;
	applier_rollback(self->applier);
	return true;
}

/* Until the run ends (true), or something fails. */
static bool
apply_stream(ApplyLoop *self, Error *err)
{
	Run		   *run = self->run;

	for (;;)
	{
		TxnPart    *part;
		ApplierStats stats;
		StageTake	take;
		bool		is_waiting;

		applier_stats(self->applier, &stats);
		if (stop_requested() && !stats.in_transaction)
			return commit_group(self, err);
		if (stop_requested())
			return roll_back(self, err);
		if (!make_keys(self, &stats, err))
			return false;
		/* With a group open or on its way, only look whether there is more; it is brought to its end when there is not. */
		is_waiting = (stats.group_open && !stats.in_transaction) || stats.in_flight;
		take = stage_applier_take(run->stage, &part, is_waiting ? 0 : 250, err);
		switch (take)
		{
			case STAGE_TAKE_PART:
				if (!apply_part(self, part, err))
					return false;
				break;
			case STAGE_TAKE_NOTHING:
				if (stats.in_transaction ? !look(self, true, err) : !commit_group(self, err) || !note_caught_up(self, err))
					return false;
				break;
			case STAGE_TAKE_ABORTED:
				log_info(MODULE, "the source was lost in the middle of a transaction: rolling back what there is of it");
				if (!roll_back(self, err))
					return false;
				break;
			case STAGE_TAKE_END:
				if (!commit_group(self, err))
					return false;
				if (run->keys_are_left && !post_data_build_rest(run, err))
					return false;
				atomic_store(&run->finished, true);
				stop_request();
				return true;
			case STAGE_TAKE_FAILED:
				return false;
		}
	}
}

/* Tells the stage how far the target is. */
static bool
attach(ApplyLoop *self, Error *err)
{
	Run		   *run = self->run;
	Lsn			applied = LSN_NONE;
	bool		found = false;
	StageView	view;
	char		now[LSN_TEXT_SIZE];
	char		before[LSN_TEXT_SIZE];

	if (!applier_progress(self->applier, &applied, &found, err))
		return false;
	stage_view(run->stage, &view);
	if (found && applied >= view.applied)
	{
		stage_applier_begin(run->stage, applied);
		self->counted_lsn = applied;
		/* A commit whose answer was lost. */
		if (applied > view.applied)
			self->has_applied = true;
		self->is_attached = true;
		atomic_store(&run->applier_is_up, true);
		show_progress(run);
		return true;
	}
	if (found)
		error_set(err, ERROR_GAP, "the target has gone back from %s to %s: it was restored, or a standby took over that lacked changes",
				  lsn_show(view.applied, before), lsn_show(applied, now));
	else
		error_set(err, ERROR_GAP, "the target's progress row of task \"%s\" is gone (dbsync.progress)", run->state.task);
	return error_hint(err, "what it lacks has been forgotten by the source; \"dbsync drop\" and a new full sync are needed");
}

static bool
open_applier(ApplyLoop *self, Error *err)
{
	if (self->applier == NULL)
	{
		self->options.careful_until = self->failures >= FAILURES_BEFORE_CARE ? self->taken_lsn : LSN_NONE;
		if (!applier_open(&self->options, &self->applier, err))
			return false;
		self->counted_transactions = self->counted_changes = self->counted_conflicts = 0;
	}
	return attach(self, err);
}

/* What the applier committed in its last call counts, although the call failed behind it. */
static void
note_failure(ApplyLoop *self)
{
	if (!self->is_attached)
		return;
	count_progress(self);
	self->failures = self->has_applied ? 1 : self->failures + 1;
}

/* Nothing that was taken and not committed counts any more. */
static void
detach(ApplyLoop *self)
{
	if (self->is_attached)
		stage_applier_rewind(self->run->stage);
	self->is_attached = false;
	atomic_store(&self->run->applier_is_up, false);
}

void
apply_options(Run *run, ApplierSession *session, ApplierOptions *options)
{
	*options = (ApplierOptions) {
		.conninfo = run->config->target,
		.task = run->state.task,
		.source_id = run->state.source_id,
		.source_timeline = run->state.source_timeline,
		.slot = run->state.slot,
		.target_schema = run->config->target_schema,
		.client_encoding = run->client_encoding,
		.apply = run->config->apply,
		.session = session,
		.abort_fd = &run->abort_fd,
		.arg = run,
		.wanted = run->side->wants != NULL ? is_wanted : NULL,
		.table_snapshot_lsn = snapshot_of,
		.load_relations = load_relations,
	};
	if (run->side->applier_options != NULL)
		run->side->applier_options(run, options);
}

void *
apply_main(void *arg)
{
	Run		   *run = arg;
	ApplyLoop	self = {.run = run, .applier = run->applier};
	Retry		retry = RETRY_INIT(500, run->config->limits.retry_max_ms);
	int64_t		trouble_since = 0;
	Error		err = ERROR_INIT;

	run->applier = NULL;
	apply_options(run, &run->applier_session, &self.options);
	while (!stop_requested())
	{
		if (open_applier(&self, &err) && apply_stream(&self, &err))
			break;
		note_failure(&self);
		if (self.has_applied)
		{
			retry_reset(&retry);
			trouble_since = 0;
			self.has_applied = false;
		}
		detach(&self);
		if (self.applier != NULL && applier_wants_again(self.applier))
		{
			/* The same applier goes on: it knows where to be careful. */
			log_debug(MODULE, "going back, to go on with care: %s", err.message);
			error_clear(&err);
			applier_rollback(self.applier);
			continue;
		}
		applier_close(self.applier);
		self.applier = NULL;
		if (err.kind != ERROR_RETRY)
			break;
		if (trouble_since == 0)
			trouble_since = clock_monotonic_ms();
		if (run->config->limits.retry_give_up_ms > 0 && clock_monotonic_ms() - trouble_since > run->config->limits.retry_give_up_ms)
		{
			error_context(&err, "gave up");
			break;
		}
		if (!run_backoff(run, MODULE, retry_next_ms(&retry), &err, NULL))
		{
			/* A stop while the other side is away is no failure. */
			error_set(&err, ERROR_CANCELLED, "stopped");
			break;
		}
		error_clear(&err);
	}
	applier_close(self.applier);
	run_fail(run, MODULE, &err);
	return NULL;
}
