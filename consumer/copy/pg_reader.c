/*
 * pg_reader.c
 *		Items from a PostgreSQL source: COPY ... TO STDOUT under an imported snapshot.
 *
 * The source connection stays in one transaction that has the snapshot; an item is a subtransaction of it, so that its table's
 * lock ends with the item.
 */
#include "copy/copy_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
has_state(const Error *err, const char *const *states)
{
	for (; *states; states++)
		if (strcmp(err->sqlstate, *states) == 0)
			return true;
	return false;
}

static CopyResult
open_source(CopyWorker *w, Error *err)
{
	/* invalid identifier, no such snapshot, exporter gone */
	static const char *const gone[] = {"22023", "42704", "55000", "58P01", NULL};
	const CopyRunOptions *options = w->run->options;
	char suffix[32];
	PgConnOptions conn = {.role = PG_ROLE_SOURCE,
						  .name_suffix = suffix,
						  .client_encoding = options->client_encoding,
						  .abort_fd = &w->run->abort_fd};
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (w->source)
		return COPY_RESULT_DONE;
	snprintf(suffix, sizeof(suffix), "copy %d", w->number);
	if (!pg_connect(options->source_conninfo, &conn, &w->source, err))
		return COPY_RESULT_FAILED;
	strbuf_append(&sql, "SET TRANSACTION SNAPSHOT ");
	pg_quote_literal(&sql, options->snapshot.name);
	ok = pg_exec(w->source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err) &&
		pg_exec(w->source, strbuf_text(&sql), NULL, err);
	strbuf_free(&sql);
	if (ok)
		return COPY_RESULT_DONE;
	pg_close(w->source);
	w->source = NULL;
	error_context(err, "cannot import the snapshot");
	return has_state(err, gone) ? COPY_RESULT_SNAPSHOT_GONE : COPY_RESULT_FAILED;
}

static void
close_source(CopyWorker *w, bool cancel)
{
	w->in_savepoint = false;
	if (w->source && cancel)
		pg_cancel(w->source);
	pg_close(w->source);
	w->source = NULL;
}

static void
close_reader(CopyWorker *w)
{
	close_source(w, false);
}

static void
append_range(StrBuf *sql, const CopyItem *item)
{
	if (item->chunk_count <= 1)
		return;
	strbuf_printf(sql, " WHERE ctid >= '(%" PRIu32 ",0)'", item->first_block);
	if (item->last_block)
		strbuf_printf(sql, " AND ctid < '(%" PRIu32 ",0)'", item->last_block);
}

static void
append_source_sql(StrBuf *sql, const CopyTable *table, const CopyItem *item, bool binary)
{
	strbuf_append(sql, "SAVEPOINT dbsync_item; COPY ");
	/* Of a table with old-style children COPY has its own rows only, as has ONLY. */
	if (item->chunk_count <= 1)
		strbuf_printf(sql, "%s (%s)", table->title, table->columns);
	else
	{
		strbuf_printf(sql, "(SELECT %s FROM ONLY %s", table->columns, table->title);
		append_range(sql, item);
		strbuf_append(sql, ")");
	}
	strbuf_append(sql, binary ? " TO STDOUT (FORMAT binary)" : " TO STDOUT");
}
static bool
source_error(const CopyTable *table, PgConn *source, Error *err)
{
	StrBuf user = STRBUF_INIT;

	if (strcmp(err->sqlstate, "42501") != 0)
		return false;
	err->kind = ERROR_PREFLIGHT;
	if (!table->source->row_security)
		return copy_hint_grant("source", source, "SELECT", table->schema, table->title, err);
	pg_quote_identifier(&user, PQuser(pg_raw(source)));
	error_hint(err, "row-level security would leave rows out: ALTER ROLE %s BYPASSRLS, or leave the table out: "
					"exclude_tables",
			   strbuf_text(&user));
	strbuf_free(&user);
	return false;
}

/* A server that takes part in none of this (a relative of PostgreSQL, say) gets text. */
static bool
without_binary(CopyTable *table, Error *err)
{
	/* no such function, feature not supported, protocol violation, invalid binary representation, bad file format */
	static const char *const states[] = {"42883", "0A000", "08P01", "22P03", "22P04", NULL};

	if (!has_state(err, states))
		return false;
	table->is_binary = false;
	err->kind = ERROR_RETRY;
	return error_context(err, "binary format refused, trying text");
}

static bool
copy_columns(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	bool binary = table->is_binary;
	bool freeze;
	CopyTransfer transfer = {.source = w->source,
							 .target = w->target,
							 .abort_fd = w->run->abort_fd,
							 .is_text = !binary,
							 .heed_input = w->early_ends < COPY_EARLY_ENDS,
							 .advanced = copy_worker_advanced,
							 .arg = w};
	StrBuf sql = STRBUF_INIT;
	bool ok;

	if (!copy_freeze_begin(w->target, table, item, &freeze, err))
		return copy_target_error(table, w->target, err);
	log_debug("copy", "table %s part %d format=%s freeze=%s", table->title, item->chunk + 1, binary ? "binary" : "text",
			  freeze ? "on" : "off");
	append_source_sql(&sql, table, item, binary);
	w->in_savepoint = true;
	ok = pg_exec(w->source, strbuf_text(&sql), NULL, err) || source_error(table, w->source, err);
	if (ok)
	{
		strbuf_reset(&sql);
		strbuf_printf(&sql, "COPY %s (%s) FROM STDIN", table->target_title, table->columns);
		if (binary || freeze)
			strbuf_printf(&sql, " (%s%s%s)", binary ? "FORMAT binary" : "", binary && freeze ? ", " : "", freeze ? "FREEZE" : "");
		ok = pg_exec(w->target, strbuf_text(&sql), NULL, err) || copy_target_error(table, w->target, err);
	}
	strbuf_free(&sql);
	if (!ok)
		return binary ? without_binary(table, err) : false;

	if (!copy_transfer(&transfer, err))
	{
		if (transfer.ended_early && strcmp(err->sqlstate, "57014") == 0)
			w->early_ends++;
		(void) copy_target_error(table, w->target, err);
		return binary ? without_binary(table, err) : false;
	}
	item->rows = transfer.rows;
	item->bytes = transfer.bytes;
	if (transfer.rows_stored == transfer.rows)
		return true;
	error_set(err, ERROR_FAILED, "%s: of %" PRId64 " rows only %" PRId64 " were stored", pg_conn_name(w->target),
			  transfer.rows, transfer.rows_stored);
	return error_hint(err, "a trigger of the target drops rows: disable it for the time of the copy");
}

/* COPY has no words for rows without columns; their number is all there is. */
static bool
copy_row_count(CopyWorker *w, const CopyTable *table, CopyItem *item, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result = NULL;
	bool ok;

	strbuf_printf(&sql, "SAVEPOINT dbsync_item; SELECT pg_catalog.count(*) FROM ONLY %s", table->title);
	append_range(&sql, item);
	w->in_savepoint = true;
	ok = pg_exec(w->source, strbuf_text(&sql), &result, err) || source_error(table, w->source, err);
	if (ok)
	{
		strbuf_reset(&sql);
		strbuf_printf(&sql, "INSERT INTO %s SELECT FROM pg_catalog.generate_series(1, %s)", table->target_title,
					  PQgetvalue(result, 0, 0));
		item->rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		item->bytes = item->rows;
		ok = pg_exec(w->target, strbuf_text(&sql), NULL, err) || copy_target_error(table, w->target, err);
	}
	PQclear(result);
	strbuf_free(&sql);
	return ok;
}

/*
 * The snapshot shows which file the table had; COPY has read the one it has now, and still holds its lock.  Another file means that
 * rows were lost from the snapshot's sight (TRUNCATE, rewriting ALTER TABLE) or moved across the ranges (VACUUM FULL).  A
 * table that the snapshot does not know was made after it: it has no rows for us.
 */
static bool
was_rewritten(CopyWorker *w, const CopyTable *table, bool *rewritten, Error *err)
{
	StrBuf sql = STRBUF_INIT;
	PGresult *result;
	bool ok;

	strbuf_printf(&sql,
				  "SELECT FROM pg_catalog.pg_class c WHERE c.oid = %" PRIu32
				  " AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)",
				  table->source->oid);
	ok = pg_exec(w->source, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	*rewritten = PQntuples(result) > 0;
	PQclear(result);
	return true;
}

/* Rolling back to it gives the table's lock back. */
static bool
end_savepoint(CopyWorker *w, Error *err)
{
	if (!w->in_savepoint)
		return true;
	w->in_savepoint = false;
	return pg_exec(w->source, "ROLLBACK TO SAVEPOINT dbsync_item; RELEASE SAVEPOINT dbsync_item", NULL, err);
}

static CopyResult
copy_rows(CopyWorker *w, CopyTable *table, CopyItem *item, Error *err)
{
	/* Dropped, or a column of it, since the catalogue was read: that must be read again. */
	static const char *const changed[] = {"42P01", "42703", "3F000", NULL};
	bool has_columns = table->columns[0] != '\0';
	bool rewritten;

	if (!(has_columns ? copy_columns(w, table, item, err) : copy_row_count(w, table, item, err)))
		return has_state(err, changed) && PQtransactionStatus(pg_raw(w->source)) == PQTRANS_INERROR ? COPY_RESULT_STALE
																									 : COPY_RESULT_FAILED;
	if (!was_rewritten(w, table, &rewritten, err))
		return COPY_RESULT_FAILED;
	if (rewritten)
	{
		error_set(err, ERROR_RETRY, "the table was rewritten or truncated after the snapshot");
		return COPY_RESULT_STALE;
	}
	return end_savepoint(w, err) ? COPY_RESULT_DONE : COPY_RESULT_FAILED;
}

/* The snapshot is kept where that can be. */
static void
give_up(CopyWorker *w, CopyResult result, const Error *err)
{
	bool cancelled = err->kind == ERROR_CANCELLED;
	Error ignored = ERROR_INIT;

	if (!w->source)
		return;
	if (cancelled || (result == COPY_RESULT_FAILED && err->kind != ERROR_RETRY))
		close_source(w, true);
	else if (!copy_abandon_source(w->source) || !end_savepoint(w, &ignored))
		close_source(w, false);
	error_clear(&ignored);
}

static bool
find_table(CopyRun *run, const CopyTable *table, bool *found, Error *err)
{
	PgConnOptions options = {.role = PG_ROLE_SOURCE, .name_suffix = "copy"};
	const char *values[2] = {table->schema, table->name};
	PgConn *source;
	PGresult *result = NULL;
	bool ok;

	if (!pg_connect(run->options->source_conninfo, &options, &source, err))
		return false;
	ok = pg_exec_params(source,
						"SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
						" WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'",
						2, values, &result, err);
	*found = PQntuples(result) > 0;
	PQclear(result);
	pg_close(source);
	return ok;
}

const CopyReader copy_pg_reader = {
	.open = open_source,
	.copy = copy_rows,
	.give_up = give_up,
	.close = close_reader,
	.find_table = find_table,
};
