/*
 * keeper.c
 *		The thread that keeps house: the report line, the copy of the progress in the local store, removal of what was applied, and a
 *		look at the source while the full sync runs.
 *
 * Nothing here is needed for correctness; a failure of the store is an error, one of a connection only shortens the report.
 */
#include "sync/run_context.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "sync/source_side.h"

#define MODULE "sync"

#define HOUSEKEEPING_MS 2000
#define SOURCE_CHECK_MS 10000

typedef struct Keeper
{
	Run		   *run;
	Lsn			kept_applied;	/* what the store has been told */
	Lsn			reported_received;
	Lsn			reported_durable;
	int64_t		reported_changes;
	int64_t		reported_ms;
} Keeper;

static void
report(Keeper *self)
{
	StageView	view;
	char		received[LSN_TEXT_SIZE];
	char		flushed[LSN_TEXT_SIZE];
	int64_t		now = clock_monotonic_ms();
	int64_t		changes = atomic_load(&self->run->changes);
	int64_t		elapsed = now - self->reported_ms;

	stage_view(self->run->stage, &view);
	if (view.seen != self->reported_received || view.durable != self->reported_durable)
		log_info(MODULE, "confirming recv up to %s, flush to %s transactions=%lld changes=%lld changes_per_s=%lld conflicts=%lld via=%s",
				 lsn_show(view.seen, received), lsn_show(view.durable, flushed), (long long) atomic_load(&self->run->transactions),
				 (long long) changes, (long long) (elapsed > 0 ? (changes - self->reported_changes) * 1000 / elapsed : 0),
				 (long long) atomic_load(&self->run->conflicts), view.in_memory ? "memory" : "store");
	self->reported_received = view.seen;
	self->reported_durable = view.durable;
	self->reported_changes = changes;
	self->reported_ms = now;
}

/* What the target has is removed from the store, and written down for dbsync status. */
static bool
keep_house(Keeper *self, Error *err)
{
	Run		   *run = self->run;
	StageView	view;

	stage_view(run->stage, &view);
	if (view.applied == self->kept_applied || !atomic_load(&run->applier_is_up))
		return true;
	if (!run->store->ops->save_applied(run->store, run->state.task, view.applied, view.applied_commit_us, err) ||
		!run->store->ops->remove_applied(run->store, run->state.task, view.applied, run->state.segment, err))
		return false;
	self->kept_applied = view.applied;
	return true;
}

void *
keeper_main(void *arg)
{
	Run		   *run = arg;
	Keeper		self = {.run = run};
	Error		err = ERROR_INIT;
	int64_t		house_ms = clock_monotonic_ms();
	int64_t		source_ms = house_ms;
	bool		ok = true;

	self.reported_ms = house_ms;
	while (ok && stop_wait(500))
	{
		int64_t		now = clock_monotonic_ms();

		if (stop_take_hangup() && !log_reopen(&err))
		{
			log_report(LOG_WARN, MODULE, &err);
			error_clear(&err);
		}
		if (now - self.reported_ms >= run->config->limits.report_interval_ms)
			report(&self);
		if (now - house_ms >= HOUSEKEEPING_MS)
		{
			ok = keep_house(&self, &err);
			house_ms = now;
		}
		if (ok && now - source_ms >= SOURCE_CHECK_MS && run_phase(run) != TASK_STREAMING)
		{
			ok = run->side->watch(run, &err);
			source_ms = now;
		}
		if (!ok && err.kind == ERROR_RETRY)
		{
			log_report(LOG_WARN, MODULE, &err);
			error_clear(&err);
			ok = true;
		}
	}
	run_fail(run, MODULE, &err);
	return NULL;
}
