/*
 * post_data.c
 *		dbsync.post_data: its rows, and working them off.
 */
#include "sync/post_data.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"
#include "pg/conn.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "schema"

/*
 * SQL
 */

void
post_data_append_table(StrBuf *sql, bool with_schema)
{
	if (with_schema)
		strbuf_append(sql, "CREATE SCHEMA dbsync;\n");
	strbuf_append(sql, "CREATE TABLE IF NOT EXISTS dbsync.post_data ("
					   " task pg_catalog.text NOT NULL,"
					   " position pg_catalog.int4 NOT NULL,"
					   " is_index pg_catalog.bool NOT NULL,"
					   " name pg_catalog.text NOT NULL,"
					   " table_name pg_catalog.text,"
					   " statement pg_catalog.text NOT NULL,"
					   " done_at pg_catalog.timestamptz,"
					   " PRIMARY KEY (task, position));\n");
}

/* A row of that name is of tables that have been dropped since: these are made anew. */
void
post_data_append_row(StrBuf *sql, const char *task, bool is_index, const char *name, const char *table, const char *statement)
{
	strbuf_append(sql, "DELETE FROM dbsync.post_data WHERE task = ");
	pg_quote_literal(sql, task);
	strbuf_append(sql, " AND name = ");
	pg_quote_literal(sql, name);
	strbuf_append(sql, ";\nINSERT INTO dbsync.post_data (task, position, is_index, name, table_name, statement) SELECT ");
	pg_quote_literal(sql, task);
	strbuf_printf(sql, ", coalesce(pg_catalog.max(position), 0) + 1, %s, ", is_index ? "true" : "false");
	pg_quote_literal(sql, name);
	strbuf_append(sql, ", ");
	if (table != NULL)
		pg_quote_literal(sql, table);
	else
		strbuf_append(sql, "NULL");
	strbuf_append(sql, ", ");
	pg_quote_literal(sql, statement);
	strbuf_append(sql, " FROM dbsync.post_data WHERE task = ");
	pg_quote_literal(sql, task);
	strbuf_append(sql, ";\n");
}

/*
 * Working them off
 */

typedef struct Entry
{
	const char *position;
	const char *name;
	const char *statement;
	bool		is_index;
} Entry;

typedef struct Builder
{
	Run		   *run;
	Arena	   *arena;
	Entry	   *entries;
	int			count;
	int			abort_fd;

	pthread_mutex_t lock;		/* guards what follows */
	int			next;
	int			end;			/* of the step under way */
	Error		error;			/* of the first thread that failed */
} Builder;

static bool
load_entries(Builder *builder, Error *err)
{
	static const char sql[] =
		"SELECT position, is_index, name, statement FROM dbsync.post_data WHERE task = $1 AND done_at IS NULL"
		" ORDER BY is_index DESC,"
		" CASE WHEN is_index THEN pg_catalog.pg_table_size(pg_catalog.to_regclass(table_name)) END DESC NULLS LAST, position";
	Run		   *run = builder->run;
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "indexes"};
	const char *values[] = {run->state.task};
	PgConn	   *conn = NULL;
	PGresult   *result = NULL;
	bool		ok;

	builder->count = 0;
	ok = pg_connect(run->config->target, &options, &conn, err) &&
		pg_exec_if_there(conn, "dbsync.post_data", sql, 1, values, &result, err);
	if (ok && result != NULL)
	{
		builder->count = PQntuples(result);
		builder->entries = arena_alloc(builder->arena, sizeof(Entry) * (size_t) (builder->count + 1));
		for (int i = 0; i < builder->count; i++)
			builder->entries[i] = (Entry) {.position = arena_strdup(builder->arena, PQgetvalue(result, i, 0)),
			.is_index = PQgetvalue(result, i, 1)[0] == 't',
			.name = arena_strdup(builder->arena, PQgetvalue(result, i, 2)),
			.statement = arena_strdup(builder->arena, PQgetvalue(result, i, 3))};
		PQclear(result);
	}
	pg_close(conn);
	return ok || error_context(err, "cannot see what is left to build on the target");
}

/* The mark comes first: it waits for a backend of an earlier try that may still be at work, and sees what became of it. */
static bool
build_entry(const Builder *builder, PgConn *conn, const Entry *entry, Error *err)
{
	const char *values[] = {builder->run->state.task, entry->position};
	int64_t		start_ms = clock_monotonic_ms();
	char		duration[CLOCK_TEXT_SIZE];
	PGresult   *result = NULL;
	bool		is_open;

	if (!pg_exec(conn, "BEGIN", NULL, err) ||
		!pg_exec_params(conn, "UPDATE dbsync.post_data SET done_at = pg_catalog.clock_timestamp()"
						" WHERE task = $1 AND position = $2::pg_catalog.int4 AND done_at IS NULL", 2, values, &result, err))
		return false;
	is_open = strcmp(PQcmdTuples(result), "0") != 0;
	PQclear(result);
	if (is_open && !pg_exec(conn, entry->statement, NULL, err))
	{
		error_context(err, "cannot make %s", entry->name);
		if (err->kind != ERROR_RETRY && err->kind != ERROR_CANCELLED)
		{
			err->kind = ERROR_FAILED;
			error_hint(err, "mend the cause and run again; or, where it is not wanted or there already: UPDATE dbsync.post_data SET"
					   " done_at = now() WHERE task = '%s' AND position = %s", builder->run->state.task, entry->position);
		}
		return false;
	}
	if (!pg_exec(conn, "COMMIT", NULL, err))
		return false;
	if (is_open)
		log_info(MODULE, "made %s time=%s", entry->name, clock_format_duration(clock_monotonic_ms() - start_ms, duration));
	return true;
}

static bool
has_failed(Builder *builder)
{
	bool		failed;

	pthread_mutex_lock(&builder->lock);
	failed = builder->error.kind != ERROR_NONE;
	pthread_mutex_unlock(&builder->lock);
	return failed;
}

/* Over lost connections and deadlocks. */
static bool
build_patiently(Builder *builder, PgConn **conn, const Entry *entry, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "indexes"};
	Retry		retry = RETRY_INIT(500, builder->run->config->limits.retry_max_ms);

	for (;;)
	{
		if (has_failed(builder))
			return error_set(err, ERROR_CANCELLED, "another one has failed");
		if ((*conn != NULL || pg_connect(builder->run->config->target, &options, conn, err)) &&
			build_entry(builder, *conn, entry, err))
			return true;
		pg_close(*conn);
		*conn = NULL;
		if (err->kind != ERROR_RETRY)
			return false;
		if (!run_backoff(builder->run, MODULE, retry_next_ms(&retry), err, NULL))
			return error_set(err, ERROR_CANCELLED, "stopped");
		error_clear(err);
	}
}

static void *
builder_main(void *arg)
{
	Builder    *builder = arg;
	PgConn	   *conn = NULL;
	Error		err = ERROR_INIT;
	bool		ok = true;

	while (ok)
	{
		Entry	   *entry = NULL;

		pthread_mutex_lock(&builder->lock);
		if (builder->next < builder->end && builder->error.kind == ERROR_NONE)
			entry = &builder->entries[builder->next++];
		pthread_mutex_unlock(&builder->lock);
		if (entry == NULL)
			break;
		ok = build_patiently(builder, &conn, entry, &err);
	}
	pg_close(conn);
	pthread_mutex_lock(&builder->lock);
	if (!ok && (builder->error.kind == ERROR_NONE || builder->error.kind == ERROR_CANCELLED))
		error_move(&builder->error, &err);
	pthread_mutex_unlock(&builder->lock);
	error_clear(&err);
	return NULL;
}

/* Entries up to end, by so many threads; this one is one of them. */
static bool
build_step(Builder *builder, int end, int jobs, Error *err)
{
	pthread_t  *threads;
	int			started = 0;

	builder->end = end;
	if (jobs > end - builder->next)
		jobs = end - builder->next;
	threads = arena_alloc(builder->arena, sizeof(pthread_t) * (size_t) (jobs + 1));
	while (started < jobs - 1 && pthread_create(&threads[started], NULL, builder_main, builder) == 0)
		started++;
	(void) builder_main(builder);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (builder->error.kind == ERROR_NONE)
		return true;
	error_move(err, &builder->error);
	return false;
}

/*
 * The copy's own ANALYZE came before them, and leaves the server's nothing to do: what is now there to be counted (expressions of indexes,
 * statistics objects) would have no statistics.  To be without them is no failure.
 */
static void
analyze_again(Run *run)
{
	static const char sql[] =
		"SELECT DISTINCT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) FROM ("
		"SELECT x.indrelid AS id FROM pg_catalog.pg_index x JOIN dbsync.post_data p ON x.indrelid = pg_catalog.to_regclass(p.table_name)"
		" WHERE p.task = $1 AND x.indexprs IS NOT NULL"
		" UNION ALL SELECT s.stxrelid FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace m ON m.oid = s.stxnamespace"
		" JOIN dbsync.post_data p ON pg_catalog.starts_with(p.name, 'STATISTICS ' || m.nspname || ' ' || s.stxname || ' ') WHERE p.task = $1"
		") AS t JOIN pg_catalog.pg_class c ON c.oid = t.id JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1";
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "indexes"};
	const char *values[] = {run->state.task};
	PgConn	   *conn = NULL;
	PGresult   *tables = NULL;
	Error		err = ERROR_INIT;
	bool		ok = pg_connect(run->config->target, &options, &conn, &err) && pg_exec_params(conn, sql, 1, values, &tables, &err);

	for (int i = 0; ok && i < PQntuples(tables); i++)
		ok = pg_execf(conn, &err, "ANALYZE %s", PQgetvalue(tables, i, 0));
	if (!ok && err.kind != ERROR_CANCELLED)
	{
		error_context(&err, "no statistics of what was made");
		log_report(LOG_WARN, MODULE, &err);
	}
	PQclear(tables);
	pg_close(conn);
	error_clear(&err);
}

/* The first foreign key and what stands behind it, a comment on it perhaps, are left. */
static void
leave_keys(Builder *builder)
{
	for (int i = 0; i < builder->count; i++)
	{
		if (!text_starts_with(builder->entries[i].name, "FK CONSTRAINT "))
			continue;
		log_info(MODULE, "foreign keys and what stands behind them=%d: made once the tables are of one moment", builder->count - i);
		builder->count = i;
		builder->run->keys_are_left = true;
	}
}

static bool
build(Builder *builder, Error *err)
{
	Run		   *run = builder->run;
	int64_t		start_ms = clock_monotonic_ms();
	char		duration[CLOCK_TEXT_SIZE];
	int			index_count = 0;
	bool		ok;

	while (index_count < builder->count && builder->entries[index_count].is_index)
		index_count++;
	log_info(MODULE, "making indexes and keys=%d then others=%d jobs=%d", index_count, builder->count - index_count, run->config->copy.jobs);
	pthread_mutex_init(&builder->lock, NULL);
	ok = (index_count == 0 || build_step(builder, index_count, run->config->copy.jobs, err)) &&
		(builder->count == index_count || build_step(builder, builder->count, 1, err));
	pthread_mutex_destroy(&builder->lock);
	if (ok && run->config->copy.analyze)
		analyze_again(run);
	if (ok)
		log_info(MODULE, "indexes, constraints and triggers are made duration=%s",
				 clock_format_duration(clock_monotonic_ms() - start_ms, duration));
	return ok;
}

static bool
build_what_is_left(Run *run, bool with_keys, Error *err)
{
	Builder		builder = {.run = run, .arena = arena_new(0), .error = ERROR_INIT};
	bool		ok = load_entries(&builder, err);

	if (ok && !with_keys)
		leave_keys(&builder);
	ok = ok && (builder.count == 0 || build(&builder, err));
	arena_free(builder.arena);
	return ok;
}

bool
post_data_build(Run *run, Error *err)
{
	StageView	view;

	stage_view(run->stage, &view);
	return build_what_is_left(run, view.applied >= run->youngest_snapshot, err);
}

bool
post_data_build_rest(Run *run, Error *err)
{
	run->keys_are_left = !build_what_is_left(run, true, err);
	return !run->keys_are_left;
}
