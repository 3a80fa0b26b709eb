/*
 * mysql_reader.c
 *		Items from a MySQL source: SELECT under the worker's snapshot, row by row.
 *
 * A worker's connection is in one transaction that has the snapshot; an item ends by going back to a savepoint, which gives the table's
 * metadata lock back, so that an ALTER TABLE waits for no more than an item.
 */
#include "copy/mysql_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of a worker. */
typedef struct MyReading
{
	MYSQL_RES *result; /* rows that were not all read */
	bool in_savepoint;
	MySender *sender;
} MyReading;

static MyCopyRun *
run_of(const CopyWorker *w)
{
	return w->run->reader_data;
}

static MyCopyTable *
table_of(const CopyRun *run, const CopyTable *table)
{
	MyCopyRun *data = run->reader_data;

	return table->source ? &data->tables[table->source->oid - 1] : NULL;
}

static MyConn *
conn_of(const CopyWorker *w)
{
	return mysql_snapshot_connection(run_of(w)->source->snapshot, w->number - 1);
}

/*
 * Connections
 */

static CopyResult
open_source(CopyWorker *w, Error *err)
{
	if (!w->reader_data)
		w->reader_data = mem_zalloc(sizeof(MyReading));
	if (conn_of(w))
		return COPY_RESULT_DONE;
	error_set(err, ERROR_RETRY, "the connection that had the snapshot was lost");
	return COPY_RESULT_SNAPSHOT_GONE;
}

/* What is still on its way is not waited for. */
static void
drop_source(CopyWorker *w)
{
	MyReading *reading = w->reader_data;
	MyConn *conn = conn_of(w);

	if (!conn)
		return;
	if (reading->result)
	{
		shutdown((int) mysql_get_socket(my_handle(conn)), SHUT_RDWR);
		mysql_free_result(reading->result);
		reading->result = NULL;
	}
	reading->in_savepoint = false;
	mysql_snapshot_drop(run_of(w)->source->snapshot, w->number - 1);
}

static void
close_source(CopyWorker *w)
{
	MyReading *reading = w->reader_data;

	if (!reading)
		return;
	/* The connection belongs to the snapshot, and another run may need it. */
	if (reading->result)
		drop_source(w);
	mysql_sender_free(reading->sender, false);
	free(reading);
	w->reader_data = NULL;
}

/* The server is asked to end the statement; then the rest of its rows is little. */
static bool
end_statement(CopyWorker *w, Error *err)
{
	MyReading *reading = w->reader_data;
	MyConn *conn = conn_of(w);
	MyConn *other;
	char sql[64];
	MYSQL_ROW row;
	unsigned long *lengths;
	bool ok;

	snprintf(sql, sizeof(sql), "KILL QUERY %lu", mysql_thread_id(my_handle(conn)));
	if (!my_connect(run_of(w)->source->config, "cancel", &other, err))
		return false;
	ok = my_exec(other, sql, err);
	my_close(other);
	while (ok && my_fetch(conn, reading->result, &row, &lengths, err) && row)
		;
	if (!ok || my_is_lost(conn))
		return false;
	error_clear(err);
	mysql_free_result(reading->result);
	reading->result = NULL;
	return true;
}

static bool
end_savepoint(CopyWorker *w, Error *err)
{
	MyReading *reading = w->reader_data;

	if (!reading->in_savepoint)
		return true;
	reading->in_savepoint = false;
	return my_exec(conn_of(w), "ROLLBACK TO SAVEPOINT dbsync_item", err);
}

static void
give_up(CopyWorker *w, CopyResult result, const Error *err)
{
	MyReading *reading = w->reader_data;
	MyConn *conn = reading ? conn_of(w) : NULL;
	Error ignored = ERROR_INIT;

	if (!reading)
		return;
	mysql_sender_free(reading->sender, false);
	reading->sender = NULL;
	if (!conn)
		return;
	if (my_is_lost(conn) || err->kind == ERROR_CANCELLED || (result == COPY_RESULT_FAILED && err->kind != ERROR_RETRY) ||
		(reading->result && !end_statement(w, &ignored)) || !end_savepoint(w, &ignored))
		drop_source(w);
	error_clear(&ignored);
}

/*
 * One item
 */

static void
append_select(StrBuf *sql, const MyCopyTable *table, const CopyItem *item)
{
	for (int i = 0; i < table->column_count; i++)
	{
		const MyColumn *column = table->columns[i].column;

		strbuf_append(sql, i > 0 ? ", " : "SELECT ");
		my_quote_identifier(sql, column->name);
		if (column->type == MY_FLOAT && !table->query)
			strbuf_append(sql, " * 1e0");
	}
	strbuf_append(sql, " FROM ");
	if (table->query && table->query->select)
	{
		strbuf_printf(sql, "(%s) AS dbsync_query", table->query->select);
		return;
	}
	my_quote_identifier(sql, table->source->schema);
	strbuf_append(sql, ".");
	my_quote_identifier(sql, table->source->name);
	if (item->chunk_count > 1)
	{
		strbuf_append(sql, " FORCE INDEX (PRIMARY)");
		mysql_ranges_append(sql, table->source, table->bounds, item->chunk, item->chunk_count);
	}
}

static bool
find_ranges(CopyWorker *w, MyCopyTable *table, const CopyItem *item, Error *err)
{
	bool ok = true;

	if (item->chunk_count <= 1)
		return true;
	pthread_mutex_lock(&table->lock);
	if (!table->bounds)
		ok = mysql_ranges_find(conn_of(w), table->source, item->chunk_count, &table->bounds, err);
	pthread_mutex_unlock(&table->lock);
	return ok;
}

/* The statement runs; its rows can be fetched. */
static bool
start_select(CopyWorker *w, MyCopyTable *table, const CopyItem *item, Error *err)
{
	MyReading *reading = w->reader_data;
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (!my_exec(conn_of(w), "SAVEPOINT dbsync_item", err))
		return false;
	reading->in_savepoint = true;
	if (!find_ranges(w, table, item, err))
		return false;
	append_select(&sql, table, item);
	log_debug("copy", "reading part %d of %d: %s", item->chunk + 1, item->chunk_count, strbuf_text(&sql));
	ok = my_query_stream(conn_of(w), strbuf_text(&sql), &reading->result, err);
	strbuf_free(&sql);
	return ok;
}

/* A failure of the source; the one of a statement that the target made is none. */
static CopyResult
source_failed(CopyWorker *w, const MyCopyTable *table)
{
	MyConn *conn = conn_of(w);

	if (my_is_lost(conn))
		return COPY_RESULT_SNAPSHOT_GONE;
	switch (mysql_errno(my_handle(conn)))
	{
		case ER_TABLE_DEF_CHANGED:
			return COPY_RESULT_STALE;
		case ER_NO_SUCH_TABLE:
		case ER_BAD_FIELD_ERROR:
		case ER_KEY_DOES_NOT_EXISTS:
			return table->query && table->query->select ? COPY_RESULT_FAILED : COPY_RESULT_STALE;
		default:
			return COPY_RESULT_FAILED;
	}
}

static bool
move_rows(CopyWorker *w, bool *is_source, Error *err)
{
	MyReading *reading = w->reader_data;
	MyConn *conn = conn_of(w);
	MYSQL_ROW row;
	unsigned long *lengths;

	for (;;)
	{
		*is_source = true;
		if (!my_fetch(conn, reading->result, &row, &lengths, err))
			return false;
		if (!row)
			break;
		*is_source = false;
		if (!mysql_sender_row(reading->sender, row, lengths, err))
			return false;
	}
	mysql_free_result(reading->result);
	reading->result = NULL;
	*is_source = false;
	return mysql_sender_end(reading->sender, err);
}

static bool
target_failed(CopyWorker *w, const MySenderOptions *options, Error *err)
{
	(void) copy_target_error(options->table, w->target, err);
	if (!err->hint && (strncmp(err->sqlstate, "22", 2) == 0 || strncmp(err->sqlstate, "23", 2) == 0))
		error_hint(err, "ignore_copy_error_count_each_table in [desc.pgsql] is the number of rows of a table that may be kept in "
						"dbsync.rejects instead");
	if (err->column[0] != '\0')
		mysql_sender_hint_null(options, err->column, err);
	return false;
}

static CopyResult
copy_rows(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	MyReading *reading = w->reader_data;
	MyCopyTable *source = table_of(w->run, table);
	MySenderOptions options = {.worker = w, .table = table, .source = source, .config = run_of(w)->source->config};
	bool is_source = true;

	if (source->column_count == 0)
	{
		error_set(err, ERROR_FAILED, "no column of it is on the target");
		return COPY_RESULT_FAILED;
	}
	if (!start_select(w, source, item, err))
		return source_failed(w, source);
	/* In batches there is a savepoint before each COPY, and that would not be frozen. */
	if ((options.config->reject_limit == 0 && !copy_freeze_begin(w->target, table, item, &options.freeze, err)) ||
		!mysql_sender_begin(&options, &reading->sender, err))
	{
		(void) target_failed(w, &options, err);
		return COPY_RESULT_FAILED;
	}
	log_debug("copy", "table %s part %d freeze=%s", table->title, item->chunk + 1, options.freeze ? "on" : "off");
	if (!move_rows(w, &is_source, err))
	{
		if (is_source)
			return source_failed(w, source);
		(void) target_failed(w, &options, err);
		return COPY_RESULT_FAILED;
	}
	item->rows = mysql_sender_rows(reading->sender);
	item->bytes = mysql_sender_bytes(reading->sender);
	if (!end_savepoint(w, err))
		return my_is_lost(conn_of(w)) ? COPY_RESULT_SNAPSHOT_GONE : COPY_RESULT_FAILED;
	return COPY_RESULT_DONE;
}

static void
item_done(CopyWorker *w)
{
	MyReading *reading = w->reader_data;

	if (reading)
	{
		mysql_sender_free(reading->sender, true);
		reading->sender = NULL;
	}
}

/*
 * The run
 */

/* Rows rejected by an earlier, unfinished copy of a table are rejected again, or not any more. */
static bool
prepare(CopyRun *run, PgConn *target, Error *err)
{
	MyCopyRun *data = run->reader_data;
	int plain = 0;

	if (data->source->config->reject_limit > 0 && !mysql_reject_prepare(target, err))
		return false;
	for (int i = 0; i < run->table_count; i++)
	{
		CopyTable *table = &run->tables[i];
		MyCopyTable *source = table_of(run, table);

		if (!source)
			continue;
		mysql_tables_match(source, table, data->arena);
		if (table->group->open_items == 0)
			continue;
		if (source->is_plain)
			plain++;
		if ((!table->group->is_started || table->group->starts_over) &&
			!mysql_reject_forget(target, run->options->task, table, err))
			return false;
	}
	atomic_store(&data->plain_left, plain);
	if (plain == 0)
		mysql_snapshot_unlock_plain(data->source->snapshot);
	return true;
}

static void
table_done(CopyRun *run, CopyTable *table)
{
	MyCopyRun *data = run->reader_data;
	MyCopyTable *source = table_of(run, table);
	int64_t rejected;

	if (!source)
		return;
	rejected = atomic_load(&source->rejected);
	if (rejected > 0)
		log_warn("copy", "table %s: %" PRId64 " row%s could not be stored and %s in dbsync.rejects on the target", table->title,
				 rejected, rejected == 1 ? "" : "s", rejected == 1 ? "is" : "are");
	for (int i = 0; i < MY_PROBLEM_COUNT; i++)
	{
		int64_t replaced = atomic_load(&source->replaced[i]);

		if (replaced > 0)
			log_warn("copy", "table %s: %" PRId64 " value%s replaced: %s", table->title, replaced, replaced == 1 ? " was" : "s were",
					 my_problem_text((MyProblem) i));
	}
	if (source->is_plain && atomic_fetch_sub(&data->plain_left, 1) == 1)
		mysql_snapshot_unlock_plain(data->source->snapshot);
}

/* Names of tables may differ in their case from ours. */
static bool
find_table(CopyRun *run, const CopyTable *table, bool *found, Error *err)
{
	MyCopyRun *data = run->reader_data;
	const MySourceConfig *config = data->source->config;
	StrBuf sql = STRBUF_INIT;
	MyConn *conn;
	MYSQL_RES *result;
	bool ok;

	if (!my_connect(config, "copy", &conn, err))
		return false;
	strbuf_append(&sql, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA = ");
	my_quote_literal(conn, &sql, config->db, strlen(config->db));
	strbuf_append(&sql, config->lower_names ? " AND LOWER(TABLE_NAME) = " : " AND TABLE_NAME = ");
	my_quote_literal(conn, &sql, table->name, strlen(table->name));
	ok = my_query(conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (ok)
	{
		*found = mysql_num_rows(result) > 0;
		mysql_free_result(result);
	}
	my_close(conn);
	return ok;
}

static const CopyReader mysql_reader = {
	.cuts_anew = true,
	.open = open_source,
	.copy = copy_rows,
	.done = item_done,
	.give_up = give_up,
	.close = close_source,
	.find_table = find_table,
	.prepare = prepare,
	.table_done = table_done,
};

/* A connection that has the snapshot, of those that are left; NULL: none. */
static MyConn *
any_connection(MySnapshot *snapshot)
{
	for (int i = 0; i < mysql_snapshot_connections(snapshot); i++)
		if (mysql_snapshot_connection(snapshot, i))
			return mysql_snapshot_connection(snapshot, i);
	return NULL;
}

static bool
describe_tables(MyCopyRun *data, MyConn *conn, Error *err)
{
	const MyCopySource *source = data->source;

	for (int i = 0; i < source->catalog->count; i++)
	{
		MyCopyTable *table = &data->tables[i];

		table->source = &source->catalog->tables[i];
		table->query = mysql_queries_find(source->queries, table->source->name);
		table->is_plain = mysql_snapshot_is_plain(source->snapshot, table->source->name);
		pthread_mutex_init(&table->lock, NULL);
		if (table->query && table->query->select && !mysql_result_columns(conn, table, data->arena, err))
			return false;
	}
	return mysql_tables_build(source, data->tables, data->options->target, data->options->target_schema, data->arena, &data->catalog,
							  err);
}

static void
free_tables(MyCopyRun *data)
{
	for (int i = 0; i < data->source->catalog->count; i++)
	{
		char **bounds = data->tables[i].bounds;

		for (int j = 0; bounds && bounds[j]; j++)
			free(bounds[j]);
		free(bounds);
		if (data->tables[i].source)
			pthread_mutex_destroy(&data->tables[i].lock);
	}
}

bool
mysql_copy_run(const CopyRunOptions *options, const MyCopySource *source, CopyItem *items, int count, CopyOutcome *outcome, Error *err)
{
	CopyRunOptions run = *options;
	MyCopyRun data = {.source = source, .options = &run, .arena = arena_new(0)};
	MyConn *conn = any_connection(source->snapshot);
	bool ok = true;

	*outcome = COPY_OUTCOME_NEW_SNAPSHOT;
	if (conn)
	{
		data.tables = arena_zalloc(data.arena, sizeof(MyCopyTable) * (size_t) (source->catalog->count + 1));
		run.source = &data.catalog;
		run.snapshot = (CopySnapshot) {.name = NULL, .lsn = mysql_snapshot_lsn(source->snapshot)};
		run.client_encoding = NULL;
		run.format = COPY_FORMAT_TEXT;
		if (run.jobs > mysql_snapshot_connections(source->snapshot))
			run.jobs = mysql_snapshot_connections(source->snapshot);
		ok = describe_tables(&data, conn, err) && copy_run_with(&mysql_reader, &data, &run, items, count, outcome, err);
		free_tables(&data);
		pg_catalog_free(&data.catalog);
	}
	arena_free(data.arena);
	return ok;
}
