/* A PostgreSQL source: both sides answer the same questions. */
#include "verify/verify_side.h"

#include "verify/verify_look.h"
#include "verify/verify_plan.h"

#include <stdlib.h>

static bool
pg_open(VerifyRun *run, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "verify"};
	PgConn	   *source = NULL;
	bool		ok = pg_connect(run->config->source, &options, &source, err);

	run->data = source;
	return ok;
}

static void
pg_close_side(VerifyRun *run)
{
	pg_close(run->data);
	run->data = NULL;
}

static bool
pg_take_position(VerifyRun *run, Lsn *position, Error *err)
{
	return verify_take_position(run->data, position, err);
}

static bool
pg_wait_position(VerifyRun *run, Lsn position, PositionState *state, Error *err)
{
	return verify_wait_position(run->config, run->data, run->target, run->store, position, run->options->wait_ms, state, err);
}

static const char *
pg_not_running(VerifyRun *run)
{
	return arena_printf(run->report->arena, "nobody reads slot %s", run->config->slot);
}

static bool
pg_plan(VerifyRun *run, Error *err)
{
	return verify_plan(run->config, run->options->tables, run->data, run->target, run->report, err);
}

/* ---- workers ---- */

typedef struct PgWorker
{
	PgConn	   *source;
	PgConn	   *target;
} PgWorker;

static bool
pg_worker_open(VerifyRun *run, const char *name, void **worker, Error *err)
{
	PgConnOptions from = {.role = PG_ROLE_SOURCE, .name_suffix = name};
	PgConnOptions to = {.role = PG_ROLE_TARGET, .name_suffix = name};
	PgWorker   *self = mem_zalloc(sizeof(PgWorker));

	*worker = self;
	return pg_connect(run->config->source, &from, &self->source, err) && pg_connect(run->config->target, &to, &self->target, err);
}

static void
pg_worker_close(void *worker)
{
	PgWorker   *self = worker;

	if (self == NULL)
		return;
	pg_close(self->source);
	pg_close(self->target);
	free(self);
}

static bool
pg_look(void *worker, VerifyTable *table, bool final, Error *err)
{
	PgWorker   *self = worker;

	return verify_look_at(self->source, self->target, table, final, err);
}

const VerifySide verify_pg_side = {
	.open = pg_open,
	.close = pg_close_side,
	.take_position = pg_take_position,
	.wait_position = pg_wait_position,
	.not_running = pg_not_running,
	.plan = pg_plan,
	.worker_open = pg_worker_open,
	.worker_close = pg_worker_close,
	.look = pg_look,
};
