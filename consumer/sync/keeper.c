/*
 * keeper.c
 *		The thread that keeps house: the report line, the copy of the progress in the local store, removal of what was applied, and a
 *		look at the slot while the full sync runs.
 *
 * Nothing here is needed for correctness; a failure of the store is an error, one of a connection only shortens the report.
 */
#include "sync/run_context.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "pg/conn.h"

#define MODULE "sync"

#define HOUSEKEEPING_MS 2000
#define SLOT_CHECK_MS 10000

typedef struct Keeper
{
	Run		   *run;
	PgConn	   *source;			/* to look at the slot; NULL between tries */
	Lsn			kept_applied;	/* what the store has been told */
	Lsn			reported_received;
	Lsn			reported_durable;
	int64_t		reported_changes;
	int64_t		reported_ms;
	char		warned_status[32];
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
				 lsn_format(view.seen, received), lsn_format(view.durable, flushed), (long long) atomic_load(&self->run->transactions),
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

/* A slot that the source has given up must end the copy now, not in the morning. */
static bool
look_at_slot(Keeper *self, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "watch"};
	const char *slot = self->run->state.slot;
	PGresult   *result = NULL;
	Error		ignored = ERROR_INIT;
	bool		ok = true;

	if (self->source == NULL && !pg_connect(self->run->config->source, &options, &self->source, &ignored))
	{
		log_debug(MODULE, "cannot look at the slot: %s", ignored.message);
		error_clear(&ignored);
		return true;
	}
	if (!pg_exec_params(self->source, "SELECT wal_status, pg_catalog.pg_size_pretty(safe_wal_size) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
						1, &slot, &result, &ignored))
	{
		log_debug(MODULE, "cannot look at the slot: %s", ignored.message);
		error_clear(&ignored);
		pg_close(self->source);
		self->source = NULL;
		return true;
	}
	if (PQntuples(result) == 0 || strcmp(PQgetvalue(result, 0, 0), "lost") == 0)
	{
		error_set(err, ERROR_GAP, "slot \"%s\" is %s on the source", slot, PQntuples(result) == 0 ? "gone" : "lost");
		ok = error_hint(err, "raise max_slot_wal_keep_size on the source, then \"dbsync drop\" and a new full sync");
	}
	else if (strcmp(PQgetvalue(result, 0, 0), self->warned_status) != 0)
	{
		const char *status = PQgetvalue(result, 0, 0);

		if (strcmp(status, "unreserved") == 0)
			log_warn(MODULE, "slot \"%s\" is about to be lost: the source removes its WAL at the next checkpoint (max_slot_wal_keep_size)", slot);
		else if (strcmp(status, "extended") == 0 && !PQgetisnull(result, 0, 1))
			log_warn(MODULE, "slot \"%s\" keeps more WAL than max_wal_size; %s are left before it is lost", slot, PQgetvalue(result, 0, 1));
		snprintf(self->warned_status, sizeof(self->warned_status), "%s", status);
	}
	PQclear(result);
	return ok;
}

void *
keeper_main(void *arg)
{
	Run		   *run = arg;
	Keeper		self = {.run = run};
	Error		err = ERROR_INIT;
	int64_t		house_ms = clock_monotonic_ms();
	int64_t		slot_ms = house_ms;
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
		if (ok && now - slot_ms >= SLOT_CHECK_MS && run_phase(run) != TASK_STREAMING)
		{
			ok = look_at_slot(&self, &err);
			slot_ms = now;
		}
		if (!ok && err.kind == ERROR_RETRY)
		{
			log_report(LOG_WARN, MODULE, &err);
			error_clear(&err);
			ok = true;
		}
	}
	pg_close(self.source);
	run_fail(run, MODULE, &err);
	return NULL;
}
