/*
 * batch_copy.c
 *		COPY ... FROM STDIN (FORMAT binary) on the applier's connection.
 */
#include "apply/applier_private.h"

#include "apply/binary_forms.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/* Sent at once; what the socket's buffers hold keeps the target busy while the next rows are read. */
#define PIECE_BYTES ((size_t) 64 * 1024)
#define KEEP_BYTES ((size_t) 1024 * 1024)

/* Signature, flags, length of the extension: PostgreSQL manual, COPY, "Binary Format". */
static const char header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
static const char trailer[2] = "\377\377";

static bool
failed(Applier *applier, const PGresult *result, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_BATCH, .table = applier->batch.copy.target->table};

	pg_error(applier->conn, result, err);
	if (err->kind != ERROR_RETRY)
		replay_server_reason(applier, &note, result);
	return false;
}

/* All that libpq holds is on its way. */
static bool
flush(Applier *applier, Error *err)
{
	PGconn	   *raw = pg_raw(applier->conn);
	int			unsent;
	bool		ready;

	while ((unsent = PQflush(raw)) > 0)
	{
		if (!pg_wait(applier->conn, true, -1, &ready, err))
			return false;
		if (!PQconsumeInput(raw))
			return pg_error(applier->conn, NULL, err);
	}
	return unsent == 0 || pg_error(applier->conn, NULL, err);
}

/* The next result, which may be NULL. */
static bool
wait_result(Applier *applier, PGresult **result, Error *err)
{
	PGconn	   *raw = pg_raw(applier->conn);
	bool		ready;

	if (!flush(applier, err))
		return false;
	while (PQisBusy(raw))
	{
		if (!pg_wait(applier->conn, false, -1, &ready, err))
			return false;
		if (!PQconsumeInput(raw))
			return pg_error(applier->conn, NULL, err);
	}
	*result = PQgetResult(raw);
	return true;
}

static void
build_sql(const BatchTable *target, StrBuf *sql)
{
	const TargetTable *table = target->table;
	const char *separator = "";

	strbuf_reset(sql);
	strbuf_printf(sql, "COPY %s (", table->name);
	for (int i = 0; i < table->relation->column_count; i++)
	{
		if (!table->columns[i].is_written)
			continue;
		strbuf_append(sql, separator);
		pg_quote_identifier(sql, table->columns[i].column->name);
		separator = ", ";
	}
	strbuf_append(sql, ") FROM STDIN (FORMAT binary)");
}

bool
batch_copy_open(Applier *applier, BatchTable *target, Error *err)
{
	BatchCopy  *copy = &applier->batch.copy;
	PGconn	   *raw = pg_raw(applier->conn);
	PGresult   *result = NULL;
	bool		ok;

	if (!pipeline_finish(applier->pipeline, err))
		return false;
	build_sql(target, &copy->sql);
	if (PQsendQuery(raw, strbuf_text(&copy->sql)) != 1)
		return pg_error(applier->conn, NULL, err);
	copy->target = target;
	copy->rows = 0;
	strbuf_reset(&copy->out);
	strbuf_append_bytes(&copy->out, header, sizeof(header));
	if (!wait_result(applier, &result, err))
		return false;
	ok = PQresultStatus(result) == PGRES_COPY_IN || failed(applier, result, err);
	PQclear(result);
	return ok;
}

/* Whether the target has said something: during COPY it has no reason to. */
static bool
is_spoken_to(Applier *applier, bool *spoken, Error *err)
{
	if (!pg_wait(applier->conn, false, 0, spoken, err))
		return false;
	return !*spoken || PQconsumeInput(pg_raw(applier->conn)) || pg_error(applier->conn, NULL, err);
}

/* In pieces: libpq moves what it could not send at once, each time that the socket is full. */
static bool
send_out(Applier *applier, Error *err)
{
	BatchCopy  *copy = &applier->batch.copy;

	for (size_t at = 0; at < copy->out.length; at += PIECE_BYTES)
	{
		size_t		left = copy->out.length - at;

		/* 0 would mean that there is no memory */
		if (PQputCopyData(pg_raw(applier->conn), copy->out.data + at, (int) (left < PIECE_BYTES ? left : PIECE_BYTES)) != 1)
			return pg_error(applier->conn, NULL, err);
		if (!flush(applier, err))
			return false;
	}
	if (copy->out.capacity > KEEP_BYTES)
		strbuf_free(&copy->out);
	else
		strbuf_reset(&copy->out);
	return true;
}

bool
batch_copy_row(Applier *applier, const Value *values, int *no_form, Error *err)
{
	BatchCopy  *copy = &applier->batch.copy;
	const TargetTable *table = copy->target->table;
	const BatchPlan *plan = copy->target->plan;
	size_t		start = copy->out.length;
	bool		spoken;

	*no_form = -1;
	append_16(&copy->out, (uint16_t) plan->written_count);
	for (int i = 0; i < table->relation->column_count; i++)
	{
		if (!table->columns[i].is_written || batch_append_binary(&copy->out, plan->columns[i].copy, &values[i]))
			continue;
		strbuf_cut(&copy->out, start);
		*no_form = i;
		return true;
	}
	copy->rows++;
	if (copy->out.length < PIECE_BYTES)
		return true;
	if (!send_out(applier, err) || !is_spoken_to(applier, &spoken, err))
		return false;
	return !spoken || batch_copy_close(applier, err);
}

/* Results until there is no more, or the target waits for rows. */
static bool
read_away(Applier *applier, bool *waits, Error *err)
{
	PGresult   *result = NULL;

	*waits = false;
	do
	{
		if (!wait_result(applier, &result, err))
			return false;
		*waits = PQresultStatus(result) == PGRES_COPY_IN;
		PQclear(result);
	} while (result != NULL && !*waits);
	return true;
}

bool
batch_copy_close(Applier *applier, Error *err)
{
	BatchCopy  *copy = &applier->batch.copy;
	PGresult   *result = NULL;
	char		rows[24];
	bool		waits;
	bool		ok;

	if (copy->target == NULL)
		return true;
	strbuf_append_bytes(&copy->out, trailer, sizeof(trailer));
	if (!send_out(applier, err))
		return false;
	if (PQputCopyEnd(pg_raw(applier->conn), NULL) != 1)
		return pg_error(applier->conn, NULL, err);
	if (!wait_result(applier, &result, err))
		return false;
	snprintf(rows, sizeof(rows), "%" PRId64, copy->rows);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK || failed(applier, result, err);
	if (ok && strcmp(PQcmdTuples(result), rows) != 0)
	{
		replay_reason(applier, copy->target->table, REPLAY_WRONG_COUNT);
		ok = error_set(err, ERROR_CONFLICT, "COPY stored %s rows in %s, not %s", PQcmdTuples(result), copy->target->table->name, rows);
	}
	PQclear(result);
	if (!ok)
		return false;
	copy->target = NULL;
	return read_away(applier, &waits, err);
}

void
batch_copy_abandon(Applier *applier)
{
	BatchCopy  *copy = &applier->batch.copy;
	PGconn	   *raw = pg_raw(applier->conn);
	Error		ignored = ERROR_INIT;
	bool		waits = true;

	if (copy->target == NULL)
		return;
	copy->target = NULL;
	strbuf_reset(&copy->out);
	while (waits && PQstatus(raw) == CONNECTION_OK)
	{
		/* Refused where the COPY has not begun yet, or has ended already. */
		(void) !PQputCopyEnd(raw, "the group is given up");
		if (!read_away(applier, &waits, &ignored))
			break;
	}
	if (ignored.kind != ERROR_NONE)
		log_debug(MODULE, "ending a COPY: %s", ignored.message);
	error_clear(&ignored);
}

void
batch_copy_free(Applier *applier)
{
	strbuf_free(&applier->batch.copy.out);
	strbuf_free(&applier->batch.copy.sql);
}
