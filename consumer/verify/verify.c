/* Compares tables: workers take them largest first, each with a connection to either side. */
#include "verify/verify.h"

#include "base/log.h"
#include "base/stop.h"
#include "sync/task_store.h"
#include "verify/verify_plan.h"
#include "verify/verify_position.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOOKS 6

typedef struct Verify
{
	const Config *config;
	const VerifyOptions *options;
	VerifyReport *report;
	PgConn	   *source;
	PgConn	   *target;
	Store	   *store;			/* or NULL */

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

static void
look_free(VerifyLook *look)
{
	free(look->source_rows);
	free(look->source_sum);
	free(look->target_rows);
	free(look->target_sum);
	*look = (VerifyLook) {0};
}

void
verify_report_free(VerifyReport *report)
{
	for (int i = 0; i < report->count; i++)
	{
		look_free(&report->tables[i].look);
		free(report->tables[i].remark);
	}
	free(report->tables);
	arena_free(report->arena);
	*report = (VerifyReport) VERIFY_REPORT_INIT;
}

/* ---- one look ---- */

static void
cancel_query(PgConn *conn)
{
	PGcancel   *cancel = PQgetCancel(pg_raw(conn));
	char		reason[256];

	if (cancel != NULL)
		(void) PQcancel(cancel, reason, sizeof(reason));
	PQfreeCancel(cancel);
}

/* Waits until both have answered; false on a stop. */
static bool
wait_both(PgConn *one, PgConn *other, Error *err)
{
	PGconn	   *raw[2] = {pg_raw(one), pg_raw(other)};

	for (;;)
	{
		struct pollfd fds[3];
		bool		busy = false;

		for (int i = 0; i < 2; i++)
		{
			bool		is_sent = PQflush(raw[i]) == 0;
			bool		waits = PQstatus(raw[i]) == CONNECTION_OK && PQconsumeInput(raw[i]) == 1 && PQisBusy(raw[i]);

			fds[i] = (struct pollfd) {.fd = waits ? PQsocket(raw[i]) : -1, .events = is_sent ? POLLIN : POLLIN | POLLOUT};
			busy |= waits;
		}
		if (!busy)
			return true;
		fds[2] = (struct pollfd) {.fd = stop_fd(), .events = POLLIN};
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return error_errno(err, "cannot wait for the servers");
		if (stop_requested())
		{
			cancel_query(one);
			cancel_query(other);
			return error_set(err, ERROR_CANCELLED, "stopped");
		}
	}
}

/* The one row of an answer: count and sum. */
static bool
take_answer(PgConn *conn, char **rows, char **sum, Error *err)
{
	PGresult   *result;
	bool		found = false;
	bool		ok = true;

	while ((result = PQgetResult(pg_raw(conn))) != NULL)
	{
		if (!ok || found)
			;
		else if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
			ok = pg_error(conn, result, err);
		else
		{
			*rows = mem_strdup(PQgetvalue(result, 0, 0));
			*sum = mem_strdup(PQgetvalue(result, 0, 1));
			found = true;
		}
		PQclear(result);
	}
	return ok && (found || pg_error(conn, NULL, err));
}

static bool
look_at(PgConn *source, PgConn *target, const VerifyTable *table, VerifyLook *look, Error *err)
{
	if (PQsendQuery(pg_raw(source), table->source_sql) != 1)
		return pg_error(source, NULL, err);
	if (PQsendQuery(pg_raw(target), table->target_sql) != 1)
		return pg_error(target, NULL, err);
	if (!wait_both(source, target, err))
		return false;
	if (take_answer(source, &look->source_rows, &look->source_sum, err))
		return take_answer(target, &look->target_rows, &look->target_sum, err);
	else
	{
		/* The other answer must be taken too, or the connection cannot be used again. */
		Error		ignored = ERROR_INIT;
		bool		taken = take_answer(target, &look->target_rows, &look->target_sum, &ignored);

		(void) taken;
		error_clear(&ignored);
		return false;
	}
}

static bool
same(const char *one, const char *other)
{
	return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/*
 * A difference that stood still from one look to the next is one.  final: there will be no other look.
 */
static VerifyResult
judge(const VerifyLook *before, const VerifyLook *now, bool final)
{
	bool		source_stands;

	if (same(now->source_rows, now->target_rows) && same(now->source_sum, now->target_sum))
		return VERIFY_EQUAL;
	if (before->source_rows == NULL)
		return final ? VERIFY_DIFFERENT : VERIFY_PENDING;
	source_stands = same(before->source_rows, now->source_rows) && same(before->source_sum, now->source_sum);
	if (source_stands && same(before->target_rows, now->target_rows) && same(before->target_sum, now->target_sum))
		return VERIFY_DIFFERENT;
	if (!final)
		return VERIFY_PENDING;
	return source_stands ? VERIFY_DIFFERENT : VERIFY_CHANGING;
}

static bool
compare_table(Verify *verify, PgConn *source, PgConn *target, VerifyTable *table, bool final, Error *err)
{
	VerifyLook	look = {0};

	if (!look_at(source, target, table, &look, err))
	{
		look_free(&look);
		/* One table that cannot be read must not hide the result of the others. */
		if (err->kind == ERROR_CANCELLED || err->kind == ERROR_RETRY)
			return false;
		table->result = VERIFY_FAILED;
		free(table->remark);
		table->remark = mem_strdup(err->message);
		error_clear(err);
		return true;
	}
	table->looks++;
	table->result = judge(&table->look, &look, final || verify->options->once);
	look_free(&table->look);
	table->look = look;
	return true;
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
	char		suffix[32];
	PgConnOptions from = {.role = PG_ROLE_SOURCE, .name_suffix = suffix};
	PgConnOptions to = {.role = PG_ROLE_TARGET, .name_suffix = suffix};
	PgConn	   *source = NULL;
	PgConn	   *target = NULL;
	VerifyTable *table;
	Error		err = ERROR_INIT;
	bool		ok;

	snprintf(suffix, sizeof(suffix), "verify %d", worker->number);
	ok = pg_connect(verify->config->source, &from, &source, &err) && pg_connect(verify->config->target, &to, &target, &err);
	while (ok && (table = next_table(verify)) != NULL)
		ok = compare_table(verify, source, target, table, worker->final, &err);
	if (!ok)
	{
		pthread_mutex_lock(&verify->lock);
		if (verify->error.kind == ERROR_NONE)
			error_move(&verify->error, &err);
		pthread_mutex_unlock(&verify->lock);
	}
	error_clear(&err);
	pg_close(source);
	pg_close(target);
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
	int			wanted = verify->config->copy.jobs < pending ? verify->config->copy.jobs : pending;
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
	VerifyReport *report = verify->report;
	PositionState state;
	char		text[LSN_TEXT_SIZE];

	if (!verify_take_position(verify->source, &report->position, err) ||
		!verify_wait_position(verify->config, verify->source, verify->target, verify->store, report->position,
							  verify->options->wait_ms, &state, err))
		return false;
	*moves = state != POSITION_NOT_RUNNING;
	report->note = NULL;
	lsn_format(report->position, text);
	if (state == POSITION_NOT_RUNNING)
		report->note = arena_printf(report->arena,
									"no dbsync is running (nobody reads slot %s), and the target has not passed the source's position %s",
									verify->config->slot, text);
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
	bool		moves;

	if (!meet(verify, &moves, err) ||
		!verify_plan(verify->config, verify->options->tables, verify->source, verify->target, report, err))
		return false;
	qsort(report->tables, (size_t) report->count, sizeof(VerifyTable), by_size);
	for (int look = 1; count_pending(report) > 0; look++)
	{
		if (look > 1)
		{
			log_info("verify", "looking again at tables that differ tables=%d look=%d", count_pending(report), look);
			if (!meet(verify, &moves, err))
				return false;
		}
		/* Where nothing moves, one look says it all. */
		if (!run_round(verify, look == MAX_LOOKS || !moves, err))
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

bool
verify_run(const Config *config, const VerifyOptions *options, VerifyReport *report, Error *err)
{
	PgConnOptions from = {.role = PG_ROLE_SOURCE, .name_suffix = "verify"};
	PgConnOptions to = {.role = PG_ROLE_TARGET, .name_suffix = "verify"};
	Verify		verify = {.config = config, .options = options, .report = report, .error = ERROR_INIT};
	bool		ok;

	if (report->arena == NULL)
		report->arena = arena_new(0);
	pthread_mutex_init(&verify.lock, NULL);
	ok = task_store_open(config, STORE_READ_ONLY, &verify.store, err) &&
		pg_connect(config->source, &from, &verify.source, err) &&
		pg_connect(config->target, &to, &verify.target, err) &&
		compare_all(&verify, err);
	pg_close(verify.source);
	pg_close(verify.target);
	if (verify.store != NULL)
		verify.store->ops->close(verify.store);
	pthread_mutex_destroy(&verify.lock);
	return ok && summarise(report, err);
}
