/* A MySQL source: where its binlog stands, what is compared with what, and the workers' connections. */
#include "verify/mysql_verify.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "model/table_pattern.h"
#include "mysql/my_name.h"
#include "mysql/my_position.h"
#include "sync/mysql_task.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define POLL_MS 100
/* A run that has just lost its connection comes back within this. */
#define GRACE_MS 3000

typedef struct MyVerify
{
	MyConn	   *source;
	MysqlTables tables;			/* of the task */
	const char *patterns;		/* of the command line, or NULL */
	const MyCopyQueries *queries;
} MyVerify;

static MyVerify *
data_of(VerifyRun *run)
{
	return run->data;
}

static bool
my_side_open(VerifyRun *run, Error *err)
{
	MyVerify   *self = arena_zalloc(run->report->arena, sizeof(MyVerify));

	run->data = self;
	self->patterns = run->options->tables;
	if (!mysql_tables_load(run->config, run->report->arena, &self->tables, err))
		return false;
	self->queries = self->tables.queries;
	return my_connect(&run->config->mysql, "verify", &self->source, err);
}

static void
my_side_close(VerifyRun *run)
{
	if (data_of(run) != NULL)
		my_close(data_of(run)->source);
}

/* ---- the position ---- */

static bool
my_take_position(VerifyRun *run, Lsn *position, Error *err)
{
	Arena	   *arena = arena_new(0);
	MyLogStatus status;
	bool		ok = my_position_current(data_of(run)->source, arena, &status, err);

	if (ok)
		*position = status.position;
	arena_free(arena);
	return ok;
}

/* Is there a reader of the binlog?  One sees those of one's own user. */
static bool
is_read(MyConn *source, bool *is_active, Error *err)
{
	MYSQL_RES  *result;

	if (!my_query(source,
				  "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'"
				  " AND USER = SUBSTRING_INDEX(USER(), '@', 1)", &result, err))
		return false;
	*is_active = mysql_num_rows(result) > 0;
	mysql_free_result(result);
	return true;
}

static bool
read_progress(VerifyRun *run, Lsn *applied, Error *err)
{
	const char *values[] = {run->config->slot};
	PGresult   *result;

	*applied = LSN_NONE;
	if (!pg_exec_if_there(run->target, "dbsync.progress", "SELECT applied_lsn FROM dbsync.progress WHERE task = $1", 1, values,
						  &result, err))
		return false;
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0) && !lsn_parse(PQgetvalue(result, 0, 0), applied))
		*applied = LSN_NONE;
	PQclear(result);
	return true;
}

/* Nothing of ours may have come for long; then what was received tells, if nothing of it waits. */
static bool
is_passed(VerifyRun *run, Lsn position, bool *passed, Error *err)
{
	Arena	   *arena = arena_new(0);
	TaskState	state = {0};
	StoreStats	stats = {0};
	Lsn			applied;
	bool		found = false;
	bool		ok;

	ok = read_progress(run, &applied, err);
	*passed = ok && applied >= position;
	if (ok && !*passed && run->store != NULL)
	{
		/* First what was received: what the store says of that cannot be taken back. */
		ok = run->store->ops->load_task(run->store, run->config->slot, arena, &state, &found, err) &&
			(!found || run->store->ops->stats(run->store, run->config->slot, &stats, err));
		*passed = ok && found && state.received_lsn >= position && (stats.first_lsn == LSN_NONE || stats.first_lsn >= position);
	}
	arena_free(arena);
	return ok;
}

static bool
my_wait_position(VerifyRun *run, Lsn position, PositionState *state, Error *err)
{
	int64_t		start_ms = clock_monotonic_ms();
	int64_t		seen_active_ms = start_ms - GRACE_MS;

	for (;;)
	{
		int64_t		now_ms = clock_monotonic_ms();
		bool		is_active;
		bool		passed;

		if (!is_read(data_of(run)->source, &is_active, err) || !is_passed(run, position, &passed, err))
			return false;
		if (is_active)
			seen_active_ms = now_ms;
		*state = passed && is_active ? POSITION_PASSED : POSITION_NOT_RUNNING;
		if (passed || now_ms - seen_active_ms >= GRACE_MS)
		{
			*state = passed ? POSITION_PASSED : POSITION_NOT_RUNNING;
			return true;
		}
		*state = POSITION_TIMEOUT;
		if (now_ms - start_ms >= run->options->wait_ms)
			return true;
		if (!stop_wait(POLL_MS))
			return error_set(err, ERROR_CANCELLED, "stopped");
	}
}

static const char *
my_not_running(VerifyRun *run)
{
	return arena_printf(run->report->arena, "nobody reads the binlog as user %s", run->config->mysql.user);
}

/* ---- the plan ---- */

static bool
wants(void *arg, const char *schema, const char *table)
{
	VerifyRun  *run = arg;
	MyVerify   *self = data_of(run);
	const MyCopyQuery *query = mysql_queries_find(self->queries, table);

	if (!mysql_tables_wants(&self->tables, schema, table) ||
		(self->patterns != NULL && !table_pattern_match(self->patterns, schema, table)))
		return false;
	if (query == NULL || query->select == NULL)
		return true;
	log_info("verify", "table %s.%s is copied by a query, and is not compared", schema, table);
	return false;
}

/* Generated columns are compared, too: the source's value with the one that the target computed, or was sent.  NULL: fits; else malloc'd. */
static char *
match_columns(const MySourceConfig *config, MyVerifyTable *table, Arena *arena)
{
	table->columns = arena_alloc(arena, sizeof(MyPair) * (size_t) (table->source->column_count + 1));
	for (int i = 0; i < table->source->column_count; i++)
	{
		const MyColumn *from = &table->source->columns[i];
		const PgColumn *to = pg_table_column(table->target, my_target_name(config, arena, from->name));

		if (to == NULL && !from->is_generated)
			return mem_printf("the target has no column %s", from->name);
		if (to != NULL)
			table->columns[table->column_count++] = (MyPair) {from, to};
	}
	return table->column_count == 0 ? mem_strdup("the target has no column of it") : NULL;
}

static void
match_key(MyVerifyTable *table, Arena *arena)
{
	const MyTable *source = table->source;

	table->key = arena_alloc(arena, sizeof(int) * (size_t) (source->key_count + 1));
	for (int i = 0; i < source->key_count; i++)
	{
		for (int j = 0; j < table->column_count; j++)
			if (table->columns[j].from == &source->columns[source->key_columns[i]])
				table->key[table->key_count++] = j;
		if (table->key_count != i + 1)
		{
			table->key_count = 0;
			return;
		}
	}
}

static void
plan_table(VerifyRun *run, const MyTable *source, const PgCatalog *target, VerifyTable *table)
{
	const MySourceConfig *config = &run->config->mysql;
	Arena	   *arena = run->report->arena;
	MyVerifyTable *own = arena_zalloc(arena, sizeof(MyVerifyTable));

	table->schema = my_target_name(config, arena, source->schema);
	table->name = my_target_name(config, arena, source->name);
	table->size_bytes = source->estimated_bytes;
	table->side_data = own;
	own->source = source;
	own->target = pg_catalog_target_of(target, run->config->target_schema, table->schema, table->name, NULL, NULL);
	if (own->target == NULL)
		table->remark = mem_strdup("the target has no such table");
	else
	{
		table->target_schema = own->target->schema;
		table->target_name = own->target->name;
		table->remark = match_columns(config, own, arena);
	}
	if (table->remark != NULL)
	{
		table->result = VERIFY_FAILED;
		return;
	}
	match_key(own, arena);
	mysql_verify_statements(own, arena);
}

static bool
my_plan(VerifyRun *run, Error *err)
{
	VerifyReport *report = run->report;
	MyCatalog	source;
	PgCatalog	target;

	if (!my_catalog_load(data_of(run)->source, run->config->mysql.db, wants, run, report->arena, &source, err) ||
		!pg_catalog_load(run->target, NULL, NULL, report->arena, &target, err))
		return false;
	report->tables = mem_zalloc(sizeof(VerifyTable) * ((size_t) source.count + 1));
	report->count = source.count;
	for (int i = 0; i < source.count; i++)
		plan_table(run, &source.tables[i], &target, &report->tables[i]);
	pg_catalog_free(&target);
	return true;
}

/* ---- workers ---- */

static bool
my_worker_open(VerifyRun *run, const char *name, void **worker, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = name};
	MyVerifyWorker *self = mem_zalloc(sizeof(MyVerifyWorker));

	*worker = self;
	self->config = run->config;
	self->name = name;
	return pg_connect(run->config->target, &options, &self->target, err);
}

static void
my_worker_close(void *worker)
{
	MyVerifyWorker *self = worker;

	if (self == NULL)
		return;
	my_close(self->source);
	pg_close(self->target);
	free(self);
}

static bool
my_look(void *worker, VerifyTable *table, bool final, Error *err)
{
	return mysql_verify_look(worker, table, final, err);
}

const VerifySide verify_mysql_side = {
	.open = my_side_open,
	.close = my_side_close,
	.take_position = my_take_position,
	.wait_position = my_wait_position,
	.not_running = my_not_running,
	.plan = my_plan,
	.worker_open = my_worker_open,
	.worker_close = my_worker_close,
	.look = my_look,
};
