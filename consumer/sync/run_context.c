/*
 * run_context.c
 *		The task's phase, the first failure, and waiting between tries.
 */
#include "sync/run_context.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

#define MODULE "run"

/* Which phase may follow which. */
static const struct
{
	TaskPhase	from;
	TaskPhase	to;
} transitions[] = {
	{TASK_NEW, TASK_CREATING_SLOT},
	{TASK_NEW, TASK_CATCHING_UP},	/* copy = off */
	{TASK_CREATING_SLOT, TASK_NEW},	/* the slot could not be made */
	{TASK_CREATING_SLOT, TASK_SLOT_CREATED},
	{TASK_SLOT_CREATED, TASK_COPYING},
	{TASK_COPYING, TASK_CATCHING_UP},
	{TASK_CATCHING_UP, TASK_STREAMING},
	{TASK_STREAMING, TASK_CATCHING_UP},	/* started again */
};

void
run_fail(Run *run, const char *module, Error *err)
{
	if (err->kind == ERROR_CANCELLED || err->kind == ERROR_NONE)
	{
		error_clear(err);
		return;
	}
	pthread_mutex_lock(&run->lock);
	if (run->error.kind == ERROR_NONE)
		error_move(&run->error, err);
	else
		log_report(LOG_ERROR, module, err);
	pthread_mutex_unlock(&run->lock);
	error_clear(err);
	stop_request();
	if (run->stage != NULL)
		stage_wake(run->stage);
}

bool
run_has_failed(Run *run)
{
	bool		failed;

	pthread_mutex_lock(&run->lock);
	failed = run->error.kind != ERROR_NONE;
	pthread_mutex_unlock(&run->lock);
	return failed;
}

TaskPhase
run_phase(Run *run)
{
	TaskPhase	phase;

	pthread_mutex_lock(&run->lock);
	phase = run->state.phase;
	pthread_mutex_unlock(&run->lock);
	return phase;
}

bool
run_set_phase(Run *run, TaskPhase phase, Error *err)
{
	bool		ok = false;
	TaskPhase	before;

	pthread_mutex_lock(&run->lock);
	before = run->state.phase;
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++)
		ok = ok || (transitions[i].from == before && transitions[i].to == phase);
	if (ok || before == phase)
	{
		run->state.phase = phase;
		if (phase == TASK_COPYING && before == TASK_SLOT_CREATED)
			run->state.copy_start_us = clock_wall_us();
		if (phase == TASK_CATCHING_UP && before == TASK_COPYING)
			run->state.copy_end_us = clock_wall_us();
		ok = run->store->ops->save_task(run->store, &run->state, err);
		if (!ok)
			run->state.phase = before;
	}
	else
		error_set(err, ERROR_FAILED, "task \"%s\" cannot go from \"%s\" to \"%s\"", run->state.task, task_phase_name(before), task_phase_name(phase));
	pthread_mutex_unlock(&run->lock);
	return ok;
}

bool
run_next_segment(Run *run, int64_t *segment, Error *err)
{
	bool		ok;

	pthread_mutex_lock(&run->lock);
	*segment = ++run->state.segment;
	ok = run->store->ops->save_task(run->store, &run->state, err);
	pthread_mutex_unlock(&run->lock);
	return ok;
}

bool
run_backoff(Run *run, const char *module, int wait_ms, const Error *err, bool (*wake) (Run *run))
{
	char		duration[CLOCK_TEXT_SIZE];
	int64_t		end = clock_monotonic_ms() + wait_ms;

	log_report(LOG_WARN, module, err);
	log_info(module, "trying again in %s", clock_format_duration(wait_ms, duration));
	for (;;)
	{
		int64_t		left = end - clock_monotonic_ms();

		if (left <= 0)
			return !stop_requested();
		if (wake != NULL && wake(run))
			return !stop_requested();
		if (!stop_wait(wake != NULL && left > 250 ? 250 : (int) left))
			return false;
	}
}
