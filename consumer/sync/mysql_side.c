/*
 * mysql_side.c
 *		A MySQL or MariaDB source.  It keeps nothing for a task: the place in the binlog is in the target's progress row and in the local store.
 */
#include "sync/source_side.h"

#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "copy/mysql_copy.h"
#include "mysql/my_name.h"
#include "mysql/my_position.h"
#include "pg/catalog.h"
#include "source/mysql_source.h"
#include "sync/full_sync.h"
#include "sync/mysql_task.h"

#define MODULE "run"

#define PART_BYTES ((int64_t) 1 << 20)

typedef struct MysqlSide
{
	MysqlTables tables;
	const char *base;			/* of the binlog's files */
	MySnapshot *snapshot;
	MysqlSourceCounts counts;
	HashMap    *generated;		/* the target's generated columns: a set of column_key() */
} MysqlSide;

static MysqlSide *
side_data(Run *run)
{
	return run->side_data;
}

static void
side_open(Run *run)
{
	run->side_data = arena_zalloc(run->arena, sizeof(MysqlSide));
	side_data(run)->generated = hash_new();
}

static void
side_release_snapshot(Run *run)
{
	mysql_snapshot_release(side_data(run)->snapshot);
	side_data(run)->snapshot = NULL;
}

/* What the stream has done to values is told once, at the end. */
static void
tell_counts(const MysqlSourceCounts *counts)
{
	long long	zero_dates = atomic_load(&counts->zero_dates);
	long long	texts = atomic_load(&counts->replaced_texts);
	long long	ddl = atomic_load(&counts->skipped_ddl);

	if (zero_dates > 0)
		log_warn(MODULE, "zero dates became NULL in the stream count=%lld", zero_dates);
	if (texts > 0)
		log_warn(MODULE, "texts had bytes replaced in the stream count=%lld", texts);
	if (ddl > 0)
		log_warn(MODULE, "DDL statements were passed over (ddl = skip) count=%lld", ddl);
}

static void
side_close(Run *run)
{
	if (run->side_data == NULL)
		return;
	side_release_snapshot(run);
	tell_counts(&side_data(run)->counts);
	hash_free(side_data(run)->generated, NULL);
}

static bool
side_identify(Run *run, const char **source_id, int *timeline, Error *err)
{
	const MySourceConfig *config = &run->config->mysql;
	MysqlSide  *self = side_data(run);
	MyLogStatus status;
	MyConn	   *conn = NULL;
	bool		ok;

	if (!mysql_tables_load(run->config, run->arena, &self->tables, err))
		return false;
	ok = my_connect(config, "start", &conn, err) && mysql_source_id(conn, config->db, run->arena, source_id, err) &&
		my_position_current(conn, run->arena, &status, err);
	my_close(conn);
	if (!ok)
		return false;
	self->base = status.base;
	*timeline = 1;
	run->client_encoding = NULL;
	return true;
}

/*
 * Places in the binlog
 */

static bool
side_nothing_to_do(Run *run DBSYNC_UNUSED, Error *err DBSYNC_UNUSED)
{
	return true;
}

/* The target has the data; where they are from, only the user knows, unless the target has progress. */
static bool
side_start_without_copy(Run *run, Lsn progress, Lsn *start, Error *err)
{
	MyConn	   *conn = NULL;
	bool		ok = my_connect(&run->config->mysql, "start", &conn, err) &&
		mysql_configured_start(conn, &run->config->mysql, run->arena, start, err);

	my_close(conn);
	if (!ok)
		return false;
	if (progress != LSN_NONE)
	{
		if (*start != LSN_NONE && *start != progress)
			log_info(MODULE, "the target's progress counts, not binlogfile");
		*start = progress;
	}
	if (*start != LSN_NONE)
		return true;
	error_set(err, ERROR_PREFLIGHT, "copy = off, but nothing says from where on changes are wanted");
	return error_hint(err, "set binlogfile and binlogfile_offset (or gtid) of [src.mysql] to the place that the target's data are of, such as "
					  "\"mariadb-dump --master-data\" writes it; or set copy = on");
}

static bool
side_check_continuity(Run *run, Lsn held, Error *err)
{
	const char *base = side_data(run)->base;
	MyPositionState state = MY_POSITION_PRESENT;
	MyLogStatus status;
	const char *file = NULL;
	MyConn	   *conn = NULL;
	bool		ok;

	ok = my_connect(&run->config->mysql, "start", &conn, err) && my_position_locate(conn, held, run->arena, &state, &file, err) &&
		my_position_current(conn, run->arena, &status, err);
	my_close(conn);
	if (!ok || state == MY_POSITION_PRESENT)
		return ok;
	if (state == MY_POSITION_PURGED)
	{
		error_set(err, ERROR_GAP, "the source has purged its binlog behind %s, which this task has come to", my_position_text(run->arena, base, held));
		return error_hint(err, "the changes since are lost: \"dbsync drop\" and a new full sync are needed; raise binlog_expire_logs_seconds there");
	}
	error_set(err, ERROR_GAP, "the source's binlog ends at %s, before %s, which this task has come to",
			  my_position_text(run->arena, status.base, status.position), my_position_text(run->arena, base, held));
	return error_hint(err, "its binlog was reset, the server was restored, or another one answers: \"dbsync drop\" and a new full sync are needed");
}

static const char *
side_standing(Run *run DBSYNC_UNUSED)
{
	return "the source's binlog has what is to come";
}

static const char *
side_left_behind(Run *run)
{
	return arena_printf(run->arena, "the source keeps no binlog for this task: go on by \"dbsync run\" before %s is purged there",
						my_position_text(run->arena, side_data(run)->base, run->state.received_lsn));
}

/* What a user wrote as a position: with the name of the file, or its number alone. */
static bool
parse_until(Run *run, Error *err)
{
	const char *text = run->config->until;
	const char *its_base = side_data(run)->base;
	const char *base = its_base;

	if ((!lsn_parse_shown(text, &run->until) && !my_position_parse(text, run->arena, &base, &run->until)) || run->until == LSN_NONE)
	{
		error_set(err, ERROR_USAGE, "--until: \"%s\" is not a position", text);
		return error_hint(err, "write file:offset such as %s.000003:1234, or current", its_base);
	}
	if (strcmp(base, its_base) == 0)
		return true;
	error_set(err, ERROR_USAGE, "--until: %s is no position of the source, whose binlog has the name %s", text, its_base);
	return error_hint(err, "is it one of another server, such as a replica?  SHOW BINARY LOGS lists the source's files");
}

static bool
side_resolve_until(Run *run, Error *err)
{
	MyLogStatus status;
	MyConn	   *conn = NULL;
	bool		ok;

	if (strcmp(run->config->until, "current") != 0)
		return parse_until(run, err);
	ok = my_connect(&run->config->mysql, "until", &conn, err) && my_position_current(conn, run->arena, &status, err);
	my_close(conn);
	if (!ok)
		return error_context(err, "--until current");
	run->until = status.position;
	return true;
}

static const char *
target_schema(const Config *config, Arena *arena)
{
	return config->target_schema != NULL ? config->target_schema : my_target_name(&config->mysql, arena, config->mysql.db);
}

static const char *
column_key(Arena *arena, const char *table, const char *column)
{
	return arena_printf(arena, "%zu %s%s", strlen(table), table, column);
}

/*
 * The generated columns of the target.  Read before the stream begins, since it must go on to receive while the target is away.  If they cannot be
 * read now, the target is asked for each.
 */
static void
read_generated(Run *run)
{
	static const char sql[] =
		"SELECT c.relname, a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND a.attnum > 0 AND a.attgenerated <> ''";
	MysqlSide  *self = side_data(run);
	const char *values[1] = {target_schema(run->config, run->arena)};
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "receive"};
	PgConn	   *conn = NULL;
	PGresult   *result = NULL;
	Error		ignored = ERROR_INIT;

	if (pg_connect(run->config->target, &options, &conn, &ignored) && pg_exec_params(conn, sql, 1, values, &result, &ignored))
	{
		for (int i = 0; i < PQntuples(result); i++)
			hash_put_text(self->generated, column_key(run->arena, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1)), self);
		PQclear(result);
	}
	error_clear(&ignored);
	pg_close(conn);
}

/* The receiver's thread asks, once for each table that has generated columns. */
static bool
needs_generated(void *arg, const char *table, const char *column, bool *is_needed, Error *err)
{
	Run		   *run = arg;
	const Config *config = run->config;
	const MySourceConfig *mysql = &config->mysql;
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "receive"};
	Arena	   *arena = arena_new(0);
	const char *schema = target_schema(config, arena);
	PgTable    *to = NULL;
	PgConn	   *conn = NULL;
	bool		ok;

	if (hash_get_text(side_data(run)->generated, column_key(arena, my_target_name(mysql, arena, table), my_target_name(mysql, arena, column))) != NULL)
	{
		*is_needed = false;
		arena_free(arena);
		return true;
	}
	ok = pg_connect(config->target, &options, &conn, err) &&
		pg_catalog_load_table(conn, schema, my_target_name(mysql, arena, table), arena, &to, err);
	pg_close(conn);
	if (ok)
	{
		const PgColumn *its = to != NULL ? pg_table_column(to, my_target_name(mysql, arena, column)) : NULL;

		*is_needed = its != NULL && its->generated == '\0';
	}
	arena_free(arena);
	return ok || error_context(err, "target");
}

/*
 * $3: states in which a trigger does not fire for rows of dbsync.  A partition's triggers stand for the whole table's.  All statements with every row: a
 * transaction that deletes may update as well.
 */
static const char acting_sql[] =
	"WITH acting AS (SELECT t.tgrelid, t.tgname, f.confkey, pg_catalog.right(p.proname, 3) = 'upd' AS is_update"
	"  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_constraint f ON f.oid = t.tgconstraint"
	"  JOIN pg_catalog.pg_class c ON c.oid = coalesce(pg_catalog.pg_partition_root(t.tgrelid), t.tgrelid)"
	"  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	"  WHERE n.nspname = $1 AND c.relname = $2 AND f.contype = 'f' AND f.confrelid = t.tgrelid AND pg_catalog.strpos($3, t.tgenabled::pg_catalog.text) = 0"
	"  AND p.proname ~ '^RI_FKey_(cascade|setnull|setdefault)_(del|upd)$')"
	" SELECT DISTINCT a.attname, (SELECT pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I;', tgrelid::pg_catalog.regclass, tgname),"
	"  E'\\n' ORDER BY tgname) FROM acting)"
	" FROM acting LEFT JOIN pg_catalog.pg_attribute a ON is_update AND a.attrelid = tgrelid AND a.attnum = ANY (confkey)";

static void
note_acting(const MySourceConfig *mysql, const MyTable *table, const PGresult *result, Arena *arena, const char **acting)
{
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *statements = arena_strdup(arena, PQgetvalue(result, row, 1));

		if (PQgetisnull(result, row, 0))
			acting[table->column_count] = statements;
		for (int i = 0; i < table->column_count && !PQgetisnull(result, row, 0); i++)
			if (strcmp(my_target_name(mysql, arena, table->columns[i].name), PQgetvalue(result, row, 0)) == 0)
				acting[i] = statements;
	}
}

/* The receiver's thread asks, of tables that were changed with foreign_key_checks = 0. */
static bool
acting_keys(void *arg, const MyTable *table, Arena *arena, const char **acting, Error *err)
{
	Run		   *run = arg;
	const MySourceConfig *mysql = &run->config->mysql;
	const char *values[3] = {target_schema(run->config, arena), my_target_name(mysql, arena, table->name), NULL};
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "receive"};
	PgConn	   *conn = NULL;
	PGresult   *result = NULL;
	bool		ok = pg_connect(run->config->target, &options, &conn, err);

	if (ok)
	{
		values[2] = pg_replica_role(conn) ? "OD" : "RD";
		ok = pg_exec_params(conn, acting_sql, 3, values, &result, err);
	}
	if (ok)
	{
		note_acting(mysql, table, result, arena, acting);
		PQclear(result);
	}
	pg_close(conn);
	return ok || error_context(err, "target");
}

static Source *
side_make_source(Run *run)
{
	MysqlSide  *self = side_data(run);
	MysqlSourceOptions options = {
		.config = &run->config->mysql,
		.wants = mysql_tables_wants,
		.wants_arg = &self->tables,
		.needs_generated = needs_generated,
		.needs_generated_arg = run,
		.acting_keys = acting_keys,
		.acting_keys_arg = run,
		.part_bytes = PART_BYTES,
		.heartbeat_ms = run->config->limits.status_interval_ms,
		.counts = &self->counts,
	};

	read_generated(run);
	return mysql_source_new(&options);
}

/*
 * The full copy
 */

static bool
side_take_snapshot(Run *run, bool first, Lsn *position, bool *is_taken, Error *err)
{
	MysqlSide  *self = side_data(run);
	MySnapshotOptions options = {
		.config = &run->config->mysql,
		.connections = run->config->copy.jobs,
		.wants = mysql_tables_wants,
		.arg = &self->tables,
	};

	*is_taken = false;
	if (!mysql_snapshot_take(&options, &self->snapshot, err))
		return false;
	*position = mysql_snapshot_lsn(self->snapshot);
	if (first)
		log_info("copy", "snapshot of the source at %s%s%s", my_position_text(run->arena, self->base, *position),
				 mysql_snapshot_gtid(self->snapshot)[0] != '\0' ? " gtid=" : "", mysql_snapshot_gtid(self->snapshot));
	return true;
}

static bool
side_has_snapshot(Run *run)
{
	return side_data(run)->snapshot != NULL;
}

/* Both sides as they are now.  A table of the source that was altered since the snapshot is noticed by the copy. */
static bool
read_catalogues(Run *run, Arena *arena, MyCatalog *source, PgCatalog *target, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_TARGET, .name_suffix = "plan"};
	const MySourceConfig *config = &run->config->mysql;
	MyConn	   *from = NULL;
	PgConn	   *to = NULL;
	bool		ok;

	ok = my_connect(config, "plan", &from, err) &&
		my_catalog_load(from, config->db, mysql_tables_wants, &side_data(run)->tables, arena, source, err);
	my_close(from);
	if (!ok)
		return error_context(err, "source");
	ok = pg_connect(run->config->target, &options, &to, err) && pg_catalog_load(to, NULL, NULL, arena, target, err);
	pg_close(to);
	return ok || error_context(err, "target");
}

static bool
plan(Run *run, const MyCopySource *source, const PgCatalog *target, Arena *arena, CopyItem **items, int *count, Error *err)
{
	CopyPlanOptions options = {
		.target_schema = run->config->target_schema,
		.split_bytes = run->config->copy.split_bytes,
		.jobs = run->config->copy.jobs,
	};

	return mysql_copy_plan(&options, source, target, arena, items, count, err) && full_sync_keep_plan(run, arena, items, count, err);
}

static bool
side_copy_round(Run *run, CopyOutcome *outcome, Error *err)
{
	MysqlSide  *self = side_data(run);
	Arena	   *arena = arena_new(0);
	MyCatalog	catalog = {0};
	PgCatalog	target = {0};
	MyCopySource source = {
		.config = &run->config->mysql,
		.catalog = &catalog,
		.queries = self->tables.queries,
		.snapshot = self->snapshot,
	};
	CopyItem   *items = NULL;
	int			count = 0;
	bool		ok;

	ok = read_catalogues(run, arena, &catalog, &target, err) && plan(run, &source, &target, arena, &items, &count, err);
	if (ok)
	{
		CopyRunOptions options = {
			.task = run->state.task,
			.source_id = run->state.source_id,
			.target_conninfo = run->config->target,
			.target_schema = run->config->target_schema,
			.target = &target,
			.snapshot = {.lsn = mysql_snapshot_lsn(self->snapshot)},
			.start_lsn = run->state.start_lsn,
			.existing_rows = run->config->copy.existing_rows,
			.analyze = run->config->copy.analyze,
			.jobs = run->config->copy.jobs,
			.retry_max_ms = run->config->limits.retry_max_ms,
			.retry_give_up_ms = run->config->limits.retry_give_up_ms,
			.store = run->store,
			.progress = run->progress,
		};

		ok = mysql_copy_run(&options, &source, items, count, outcome, err);
	}
	pg_catalog_free(&target);
	arena_free(arena);
	return ok;
}

static void
side_applier_options(const Run *run, ApplierOptions *options)
{
	options->truncate_is_alone = true;
	options->zero_dates_are_null = run->config->mysql.zero_dates == MY_ZERO_DATES_NULL;
}

/* The source was told which tables are wanted. */
static bool
side_wants(const Run *run DBSYNC_UNUSED, const char *schema DBSYNC_UNUSED, const char *table DBSYNC_UNUSED)
{
	return true;
}

const SourceSide mysql_side = {
	.kind = "mysql",
	.task_word = "task",
	.open = side_open,
	.close = side_close,
	.identify = side_identify,
	.check_new = side_nothing_to_do,
	.undo_begin = side_nothing_to_do,
	.start_without_copy = side_start_without_copy,
	.check_continuity = side_check_continuity,
	.standing = side_standing,
	.left_behind = side_left_behind,
	.resolve_until = side_resolve_until,
	.make_source = side_make_source,
	.take_snapshot = side_take_snapshot,
	.has_snapshot = side_has_snapshot,
	.release_snapshot = side_release_snapshot,
	.copy_round = side_copy_round,
	.applier_options = side_applier_options,
	.wants = side_wants,
	/* A server that purges what a reader has open waits for it; what is missed later stops the stream. */
	.watch = side_nothing_to_do,
};
