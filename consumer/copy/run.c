/*
 * run.c
 *		copy_run(): prepares the target, starts the workers, waits for them, and says how it ended.
 */
#include "copy/copy_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void
copy_run_fail(CopyRun *run, Error *err)
{
	uint64_t one = 1;

	pthread_mutex_lock(&run->lock);
	/* Those that were interrupted by the first failure have nothing to add. */
	if (!run->has_failed || (run->error.kind == ERROR_CANCELLED && err->kind != ERROR_CANCELLED))
		error_move(&run->error, err);
	run->has_failed = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	if (write(run->abort_fd, &one, sizeof(one)) < 0)
		log_debug("copy", "cannot wake the other workers");
}

bool
copy_run_wait(const CopyRun *run, int ms)
{
	int64_t end_ms = clock_monotonic_ms() + ms;
	struct pollfd fds[2];

	for (;;)
	{
		int64_t left = end_ms - clock_monotonic_ms();

		if (left <= 0)
			return true;
		fds[0].fd = stop_fd();
		fds[1].fd = run->abort_fd;
		fds[0].events = fds[1].events = POLLIN;
		fds[0].revents = fds[1].revents = 0;
		if (poll(fds, 2, (int) left) > 0)
			return false;
	}
}

/* Also while the target restarts: nothing is done yet that could be done twice. */
static bool
prepare(CopyRun *run, Error *err)
{
	const CopyRunOptions *options = run->options;
	PgConnOptions conn_options = {
		.role = PG_ROLE_TARGET, .name_suffix = "copy", .client_encoding = options->client_encoding};
	Retry retry = RETRY_INIT(500, options->retry_max_ms > 500 ? options->retry_max_ms : 500);
	int64_t start_ms = clock_monotonic_ms();

	for (;;)
	{
		PgConn *target;
		bool ok = pg_connect(options->target_conninfo, &conn_options, &target, err);

		if (ok)
		{
			ok = copy_prepare(run, target, err) && (!run->reader->prepare || run->reader->prepare(run, target, err));
			pg_close(target);
		}
		if (ok || err->kind != ERROR_RETRY)
			return ok;
		if (options->retry_give_up_ms > 0 && clock_monotonic_ms() - start_ms > options->retry_give_up_ms)
		{
			err->kind = ERROR_FAILED;
			return false;
		}
		log_report(LOG_WARN, "copy", err);
		error_clear(err);
		if (!copy_run_wait(run, retry_next_ms(&retry)))
			return error_set(err, ERROR_CANCELLED, "interrupted by a stop");
	}
}

/* Is a table that the catalogue does not have still on the source?  Then it is hidden from us, and that is no way to finish it. */
static bool
check_gone(CopyRun *run, const CopyTable *table, Error *err)
{
	bool found;

	if (!run->reader->find_table(run, table, &found, err))
		return false;
	if (!found)
		return true;
	error_set(err, ERROR_FAILED, "table %s is to be copied, but is not among the tables that are wanted now",
			  table->title);
	return error_hint(err, "may the source's role still read it? To begin anew with other tables: dbsync drop");
}

/* A table that was dropped before the snapshot has no rows in it, and no later changes. */
static bool
finish_gone_tables(CopyRun *run, Error *err)
{
	const CopyRunOptions *options = run->options;
	bool ok = true;

	for (int i = 0; i < run->count && ok; i++)
	{
		CopyTable *table = run->table_of[i];
		CopyItem *item = &run->items[i];

		if (table->source || item->phase == COPY_DONE)
			continue;
		ok = check_gone(run, table, err);
		if (!ok)
			break;
		log_warn("copy", "table %s was dropped on the source before it was copied",
				 table->title);
		item->phase = COPY_DONE;
		item->snapshot_lsn = options->snapshot.lsn;
		table->group->open_items--;
		ok = options->store->ops->save_item(options->store, options->task, item, err);
	}
	return ok;
}

static int
waiting_count(const CopyRun *run)
{
	int count = 0;

	for (int i = 0; i < run->count; i++)
		if (run->items[i].phase != COPY_DONE)
			count++;
	return count;
}

static bool
run_workers(CopyRun *run, Error *err)
{
	int waiting = waiting_count(run);
	int jobs = run->options->jobs < 1 ? 1 : run->options->jobs > waiting ? waiting : run->options->jobs;
	CopyWorker *workers = arena_zalloc(run->arena, (size_t) (jobs + 1) * sizeof(CopyWorker));
	int started = 0;

	run->states = arena_zalloc(run->arena, (size_t) (run->count + 1) * sizeof(ItemState));
	for (int i = 0; i < run->count; i++)
		run->states[i] = run->items[i].phase == COPY_DONE ? ITEM_FINISHED : ITEM_WAITING;

	run->live_count = jobs;
	for (; started < jobs; started++)
	{
		int failure;

		workers[started].run = run;
		workers[started].number = started + 1;
		failure = pthread_create(&workers[started].thread, NULL, copy_worker_main, &workers[started]);
		if (failure)
		{
			Error thread_err = ERROR_INIT;

			error_set(&thread_err, ERROR_FAILED, "cannot start a copy worker: %s", strerror(failure));
			copy_run_fail(run, &thread_err);
			error_clear(&thread_err);
			break;
		}
	}
	for (int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (!run->has_failed)
		return true;
	error_move(err, &run->error);
	return false;
}

bool
copy_run(const CopyRunOptions *options, CopyItem *items, int count, CopyOutcome *outcome, Error *err)
{
	return copy_run_with(&copy_pg_reader, NULL, options, items, count, outcome, err);
}

bool
copy_run_with(const CopyReader *reader, void *reader_data, const CopyRunOptions *options, CopyItem *items, int count,
			  CopyOutcome *outcome, Error *err)
{
	CopyRun run = {.options = options,
				   .reader = reader,
				   .reader_data = reader_data,
				   .items = items,
				   .count = count,
				   .error = ERROR_INIT};
	bool ok;

	run.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run.abort_fd < 0)
		return error_errno(err, "cannot create an eventfd");
	run.arena = arena_new(0);
	pthread_mutex_init(&run.lock, NULL);
	pthread_cond_init(&run.changed, NULL);

	ok = copy_tables_build(&run, err) && prepare(&run, err) && finish_gone_tables(&run, err);
	if (ok && options->progress && options->progress->copy_planned)
		options->progress->copy_planned(options->progress->arg, items, count);
	ok = ok && run_workers(&run, err);
	if (ok)
		*outcome = waiting_count(&run) == 0 ? COPY_OUTCOME_COMPLETE : COPY_OUTCOME_NEW_SNAPSHOT;

	pthread_cond_destroy(&run.changed);
	pthread_mutex_destroy(&run.lock);
	arena_free(run.arena);
	close(run.abort_fd);
	return ok;
}
