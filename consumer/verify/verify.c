/* Compares tables: workers take them largest first, each with a connection to either side. */
#include "verify/verify.h"

#include "base/clock.h"
#include "base/log.h"
#include "sync/task_store.h"
#include "verify/verify_look.h"
#include "verify/verify_side.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A table that is written all the time: how often, and for how long after the third look. */
#define MAX_LOOKS 20
#define MIN_LOOKS 3
#define LOOK_AGAIN_MS 90000

typedef struct Verify
{
	VerifyRun	run;
	VerifyReport *report;		/* the run's */

	pthread_mutex_t lock;		/* guards what follows */
	int			next;			/* table to be taken */
	Error		error;			/* of the first worker that failed */
} Verify;

const char *
verify_result_name(VerifyResult result)
{
	static const char *const names[] = {"pending", "equal", "different", "changing", "failed"};

	return names[result];
}

void
verify_report_free(VerifyReport *report)
{
	for (int i = 0; i < report->count; i++)
	{
		verify_look_free(&report->tables[i].look);
		free(report->tables[i].parts);
		free(report->tables[i].remark);
	}
	free(report->tables);
	arena_free(report->arena);
	*report = (VerifyReport) VERIFY_REPORT_INIT;
}

/* ---- rounds ---- */

typedef struct Worker
{
	pthread_t	thread;
	Verify	   *verify;
	int			number;
	bool		final;
} Worker;

static VerifyTable *
next_table(Verify *verify)
{
	VerifyTable *table = NULL;

	pthread_mutex_lock(&verify->lock);
	while (table == NULL && verify->error.kind == ERROR_NONE && verify->next < verify->report->count)
	{
		table = &verify->report->tables[verify->next++];
		if (table->result != VERIFY_PENDING)
			table = NULL;
	}
	pthread_mutex_unlock(&verify->lock);
	return table;
}

static void *
worker_main(void *arg)
{
	Worker	   *worker = arg;
	Verify	   *verify = worker->verify;
	const VerifySide *side = verify->run.side;
	char		name[32];
	void	   *connections = NULL;
	VerifyTable *table;
	Error		err = ERROR_INIT;
	bool		ok;

	snprintf(name, sizeof(name), "verify %d", worker->number);
	ok = side->worker_open(&verify->run, name, &connections, &err);
	while (ok && (table = next_table(verify)) != NULL)
		ok = side->look(connections, table, worker->final || verify->run.options->once, &err);
	if (!ok)
	{
		pthread_mutex_lock(&verify->lock);
		if (verify->error.kind == ERROR_NONE)
			error_move(&verify->error, &err);
		pthread_mutex_unlock(&verify->lock);
	}
	error_clear(&err);
	side->worker_close(connections);
	return NULL;
}

static int
count_pending(const VerifyReport *report)
{
	int			pending = 0;

	for (int i = 0; i < report->count; i++)
		if (report->tables[i].result == VERIFY_PENDING)
			pending++;
	return pending;
}

/* Looks at every table that is still open. */
static bool
run_round(Verify *verify, bool final, Error *err)
{
	int			pending = count_pending(verify->report);
	int			wanted = verify->run.config->copy.jobs < pending ? verify->run.config->copy.jobs : pending;
	Worker	   *workers = mem_zalloc(sizeof(Worker) * (size_t) (wanted + 1));
	int			started = 0;

	verify->next = 0;
	for (; started < wanted; started++)
	{
		workers[started] = (Worker) {.verify = verify, .number = started + 1, .final = final};
		if (pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]) != 0)
			break;
	}
	for (int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
	if (started == 0 && wanted > 0)
		return error_set(err, ERROR_FAILED, "cannot start a thread");
	if (verify->error.kind == ERROR_NONE)
		return true;
	error_move(err, &verify->error);
	return false;
}

/* Takes the source's position and waits for the target to pass it.  *moves: a run is active, so that a later look can differ. */
static bool
meet(Verify *verify, bool *moves, Error *err)
{
	const VerifySide *side = verify->run.side;
	VerifyReport *report = verify->report;
	PositionState state;
	char		text[LSN_TEXT_SIZE];

	if (!side->take_position(&verify->run, &report->position, err) ||
		!side->wait_position(&verify->run, report->position, &state, err))
		return false;
	*moves = state != POSITION_NOT_RUNNING;
	report->note = NULL;
	lsn_show(report->position, text);
	if (state == POSITION_NOT_RUNNING)
		report->note = arena_printf(report->arena,
									"no dbsync is running (%s), and the target has not passed the source's position %s",
									side->not_running(&verify->run), text);
	else if (state == POSITION_TIMEOUT)
		report->note = arena_printf(report->arena, "the target has not passed the source's position %s within the time (--wait)",
									text);
	if (report->note != NULL)
		log_warn("verify", "%s", report->note);
	return true;
}

static int
by_size(const void *one, const void *other)
{
	int64_t		a = ((const VerifyTable *) one)->size_bytes;
	int64_t		b = ((const VerifyTable *) other)->size_bytes;

	return a < b ? 1 : a > b ? -1 : 0;
}

static int
by_name(const void *one, const void *other)
{
	const VerifyTable *a = one;
	const VerifyTable *b = other;
	int			order = strcmp(a->schema, b->schema);

	return order != 0 ? order : strcmp(a->name, b->name);
}

static bool
compare_all(Verify *verify, Error *err)
{
	VerifyReport *report = verify->report;
	int64_t		again_ms = clock_monotonic_ms();
	bool		moves;

	if (!meet(verify, &moves, err) || !verify->run.side->plan(&verify->run, err))
		return false;
	qsort(report->tables, (size_t) report->count, sizeof(VerifyTable), by_size);
	for (int look = 1; count_pending(report) > 0; look++)
	{
		bool		is_final;

		if (look > 1)
		{
			log_info("verify", "looking again at tables that differ tables=%d look=%d", count_pending(report), look);
			if (look == 2)
				again_ms = clock_monotonic_ms();
			if (!meet(verify, &moves, err))
				return false;
		}
		/* Where nothing moves, one look says it all. */
		is_final = !moves || look == MAX_LOOKS || (look >= MIN_LOOKS && clock_monotonic_ms() - again_ms > LOOK_AGAIN_MS);
		if (!run_round(verify, is_final, err))
			return false;
	}
	return true;
}

static bool
summarise(VerifyReport *report, Error *err)
{
	qsort(report->tables, (size_t) report->count, sizeof(VerifyTable), by_name);
	for (int i = 0; i < report->count; i++)
	{
		if (report->tables[i].result == VERIFY_EQUAL)
			report->equal++;
		else
			report->different++;
	}
	if (report->count == 0)
		return error_set(err, ERROR_FAILED, "there is no table to compare");
	if (report->different == 0)
		return true;
	return error_set(err, ERROR_DIFFERENT, "%d of %d tables are not equal", report->different, report->count);
}

static const VerifySide *
side_of(const Config *config)
{
#ifdef DBSYNC_WITH_MYSQL
	if (config->is_mysql)
		return &verify_mysql_side;
#endif
	(void) config;
	return &verify_pg_side;
}

bool
verify_run(const Config *config, const VerifyOptions *options, VerifyReport *report, Error *err)
{
	PgConnOptions to = {.role = PG_ROLE_TARGET, .name_suffix = "verify"};
	Verify		verify = {.report = report, .error = ERROR_INIT};
	bool		ok;

	verify.run = (VerifyRun) {.side = side_of(config), .config = config, .options = options, .report = report};
	if (report->arena == NULL)
		report->arena = arena_new(0);
	pthread_mutex_init(&verify.lock, NULL);
	ok = task_store_open(config, STORE_READ_ONLY, &verify.run.store, err) &&
		verify.run.side->open(&verify.run, err) &&
		pg_connect(config->target, &to, &verify.run.target, err) &&
		compare_all(&verify, err);
	verify.run.side->close(&verify.run);
	pg_close(verify.run.target);
	if (verify.run.store != NULL)
		verify.run.store->ops->close(verify.run.store);
	pthread_mutex_destroy(&verify.lock);
	return ok && summarise(report, err);
}
