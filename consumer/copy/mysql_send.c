/*
 * mysql_send.c
 *		Rows into the target: as one COPY, or in batches.
 *
 * Without a limit for rejected rows it is one COPY, in slices, and the first row that the target refuses ends it.  With one, rows are gathered in
 * batches; a batch is a COPY behind a savepoint.  When the target refuses it, it is sent again in pieces around the line that the target
 * names, until the row stands alone and is rejected.
 *
 * The next slice is filled while libpq and the socket still have the last one, and nothing more is read from the source before that is gone, so
 * that a slow target slows the source down.
 */
#include "copy/mysql_private.h"

#include "base/clock.h"
#include "base/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_BYTES (64 * 1024)
#define BATCH_BYTES (512 * 1024)
#define BATCH_ROWS 5000
#define REPORT_INTERVAL_MS 100
/* Memory that a huge row has left behind is given back. */
#define KEEP_BYTES (2 * BATCH_BYTES)

struct MySender
{
	MySenderOptions options;
	PgConn *target;
	PGconn *raw;
	char *copy_sql;
	bool in_batches;

	MyRowWriter writer; /* its lines: a slice, or a batch */
	size_t *ends;		/* of the batch's rows */
	int row_count;		/* in the batch */
	char **fields;		/* of a row that is rejected */
	unsigned long *lengths;

	int64_t rows; /* sent, or stored in batches */
	int64_t bytes;
	int64_t rejected;
	int64_t report_ms;
};

/*
 * Bytes
 */

static bool
hear(MySender *s, Error *err)
{
	CopyWorker *worker = s->options.worker;
	bool ended_early = false;

	if (copy_hear_target(s->target, worker->early_ends < COPY_EARLY_ENDS, &ended_early, err))
		return true;
	if (ended_early && strcmp(err->sqlstate, "57014") == 0)
		worker->early_ends++;
	return false;
}

/* Until libpq has given everything to the socket; with wait false only a look at what else there is. */
static bool
drain(MySender *s, bool wait, Error *err)
{
	for (;;)
	{
		struct pollfd fds[3];
		int unsent = PQflush(s->raw);

		if (unsent < 0)
			return pg_error(s->target, NULL, err);
		fds[0] = (struct pollfd) {.fd = PQsocket(s->raw), .events = unsent ? POLLIN | POLLOUT : POLLIN};
		fds[1] = (struct pollfd) {.fd = stop_fd(), .events = POLLIN};
		fds[2] = (struct pollfd) {.fd = s->options.worker->run->abort_fd, .events = POLLIN};
		if (poll(fds, 3, unsent && wait ? -1 : 0) < 0 && errno != EINTR)
			return error_errno(err, "cannot wait for the target");
		if (fds[1].revents || fds[2].revents)
			return error_set(err, ERROR_CANCELLED, "interrupted by a stop");
		if (fds[0].revents & ~POLLOUT && !hear(s, err))
			return false;
		if (!unsent || !wait)
			return true;
	}
}

static bool
put_bytes(MySender *s, const char *data, size_t length, Error *err)
{
	while (length > 0)
	{
		size_t piece = length < 2 * SLICE_BYTES ? length : SLICE_BYTES;

		if (!drain(s, true, err))
			return false;
		switch (PQputCopyData(s->raw, data, (int) piece))
		{
			case 1:
				break;
			case 0:
				return error_set(err, ERROR_FAILED, "%s: out of memory", pg_conn_name(s->target));
			default:
				return pg_error(s->target, NULL, err);
		}
		data += piece;
		length -= piece;
	}
	return drain(s, false, err);
}

static bool
end_copy(MySender *s, int64_t rows, Error *err)
{
	PGresult *result;
	int64_t stored;

	if (PQputCopyEnd(s->raw, NULL) < 0)
		return pg_error(s->target, NULL, err);
	if (!pg_collect(s->target, &result, err))
		return false;
	stored = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	if (stored == rows)
		return true;
	error_set(err, ERROR_FAILED, "%s: of %" PRId64 " rows only %" PRId64 " were stored", pg_conn_name(s->target), rows, stored);
	return error_hint(err, "a trigger of the target drops rows: disable it for the time of the copy");
}

static void
report(MySender *s, bool now)
{
	int64_t now_ms = clock_monotonic_ms();

	if (!now && now_ms < s->report_ms)
		return;
	s->report_ms = now_ms + REPORT_INTERVAL_MS;
	copy_worker_advanced(s->options.worker, s->rows, s->bytes);
}

static void
empty(MySender *s)
{
	s->row_count = 0;
	strbuf_reset(&s->writer.out);
	if (s->writer.out.capacity > KEEP_BYTES)
		strbuf_free(&s->writer.out);
	if (s->writer.value.capacity > KEEP_BYTES)
		strbuf_free(&s->writer.value);
}

static bool
send_slice(void *arg, Error *err)
{
	MySender *s = arg;

	s->bytes += (int64_t) s->writer.out.length;
	if (!put_bytes(s, s->writer.out.data, s->writer.out.length, err))
		return false;
	empty(s);
	report(s, false);
	return true;
}

/*
 * Rejected rows
 */

/* "... (COPY t, line 5, column c)": pg_error() keeps that of a COPY. */
static const char *
copy_position(const Error *err)
{
	const char *at = NULL;

	for (const char *next = err->message; (next = strstr(next, " (COPY ")) != NULL; next++)
		at = next;
	return at;
}

/* 0: it names none. */
static long
failed_line(const Error *err)
{
	const char *position = copy_position(err);
	const char *line = position ? strstr(position, ", line ") : NULL;

	return line ? strtol(line + strlen(", line "), NULL, 10) : 0;
}

/* The limit is the table's, over all its parts. */
static bool
count_rejected(MySender *s, const char *column, const char *problem, Error *err)
{
	int64_t limit = s->options.config->reject_limit;
	StrBuf key = STRBUF_INIT;

	s->rejected++;
	if (atomic_fetch_add(&s->options.source->rejected, 1) + 1 <= limit)
		return true;
	mysql_row_key(s->options.source, s->fields, s->lengths, &key);
	error_set(err, ERROR_FAILED, "%s%s%s%s%s%s%s", column ? "column " : "", column ? column : "", column ? ": " : "", problem,
			  key.length > 0 ? " (row with " : "", strbuf_text(&key), key.length > 0 ? ")" : "");
	if (limit > 0)
		error_context(err, "%" PRId64 " rows were rejected, and there is one more", limit);
	error_hint(err, "ignore_copy_error_count_each_table in [desc.pgsql] is the number of rows of a table that may be kept in dbsync.rejects instead%s",
			   column && limit == 0 ? "; see also bad_text and zero_dates in [src.mysql]" : "");
	strbuf_free(&key);
	return false;
}

static bool
keep_rejected(MySender *s, const char *column, const char *problem, Error *err)
{
	MyReject reject = {.task = s->options.worker->run->options->task,
					   .table = s->options.table,
					   .source = s->options.source,
					   .fields = s->fields,
					   .lengths = s->lengths,
					   .column = column,
					   .problem = problem};

	return count_rejected(s, column, problem, err) && mysql_reject_keep(s->target, &reject, err);
}

void
mysql_sender_hint_null(const MySenderOptions *options, const char *name, Error *err)
{
	char *other = err->hint ? mem_strdup(err->hint) : NULL;
	const char *whence = NULL;

	for (int i = 0; i < options->source->column_count && options->config->zero_dates == MY_ZERO_DATES_NULL; i++)
	{
		const MyCopyColumn *column = &options->source->columns[i];
		MyType type = column->column->type;

		if (strcmp(column->name, name) == 0 && (type == MY_DATE || type == MY_DATETIME || type == MY_TIMESTAMP))
			whence = "a zero date of the source is a NULL: see zero_dates";
	}
	pg_hint_not_null(options->table->target_title, name, whence, err);
	if (other)
		error_hint(err, "%s; or: %s", err->hint, other);
	free(other);
}

/* A value of it cannot be stored; the row has not been added to anything. */
static bool
reject_value(MySender *s, MYSQL_ROW row, const unsigned long *lengths, Error *err)
{
	int count = s->options.source->column_count;

	memcpy(s->fields, row, sizeof(char *) * (size_t) count);
	memcpy(s->lengths, lengths, sizeof(unsigned long) * (size_t) count);
	return keep_rejected(s, s->options.source->columns[s->writer.bad_column].name, my_problem_text(s->writer.problem), err);
}

/* The target does not take it, alone in its COPY; why says what it was. */
static bool
reject_row(MySender *s, int number, const Error *why, Error *err)
{
	size_t start = number > 0 ? s->ends[number - 1] : 0;
	size_t length = s->ends[number] - start;
	char *line = mem_strndup(s->writer.out.data + start, length);
	const char *position = copy_position(why);
	const char *column = position ? strstr(position, ", column ") : NULL;
	const char *prefix = pg_conn_name(s->target);
	char *name = NULL;
	char *problem;
	bool ok;

	if (column)
	{
		column += strlen(", column ");
		name = mem_strndup(column, strlen(column) - (column[strlen(column) - 1] == ')' ? 1 : 0));
	}
	else if (why->column[0] != '\0')
		name = mem_strdup(why->column);
	problem = mem_strdup(why->message);
	if (position)
		problem[position - why->message] = '\0';
	if (strncmp(problem, prefix, strlen(prefix)) == 0 && strncmp(problem + strlen(prefix), ": ", 2) == 0)
		memmove(problem, problem + strlen(prefix) + 2, strlen(problem) - strlen(prefix) - 1);
	mysql_row_split(s->options.source, line, length, s->fields, s->lengths);
	ok = keep_rejected(s, name, problem, err);
	if (!ok && why->column[0] != '\0' && err->hint && err->sqlstate[0] == '\0')
		mysql_sender_hint_null(&s->options, why->column, err);
	free(problem);
	free(name);
	free(line);
	return ok;
}

/*
 * Batches
 */

static bool
try_rows(MySender *s, int first, int last, Error *err)
{
	size_t start = first > 0 ? s->ends[first - 1] : 0;

	return pg_execf(s->target, err, "SAVEPOINT dbsync_rows; %s", s->copy_sql) &&
		put_bytes(s, s->writer.out.data + start, s->ends[last - 1] - start, err) && end_copy(s, last - first, err) &&
		pg_exec(s->target, "RELEASE SAVEPOINT dbsync_rows", NULL, err);
}

/* A fault of rows, or of something else? */
static bool
is_of_rows(MySender *s, const Error *err)
{
	return (strncmp(err->sqlstate, "22", 2) == 0 || strncmp(err->sqlstate, "23", 2) == 0) && !pg_is_lost(s->target);
}

/* Rows first to last - 1 of the batch. */
static bool
send_rows(MySender *s, int first, int last, Error *err)
{
	Error why = ERROR_INIT;
	long line;
	bool ok;

	if (first == last)
		return true;
	if (try_rows(s, first, last, err))
	{
		s->rows += last - first;
		return true;
	}
	if (!is_of_rows(s, err))
		return false;
	error_move(&why, err);
	ok = pg_exec(s->target, "ROLLBACK TO SAVEPOINT dbsync_rows; RELEASE SAVEPOINT dbsync_rows", NULL, err);
	line = failed_line(&why);
	if (ok && last - first == 1)
		ok = reject_row(s, first, &why, err);
	else if (ok && line >= 1 && line <= last - first)
	{
		int behind = first + (int) line;
		/* Where there is one there may be many, and each would have all that follows it sent again. */
		int middle = behind + (last - behind) / 2;

		ok = send_rows(s, first, behind - 1, err) && send_rows(s, behind - 1, behind, err) &&
			send_rows(s, behind, middle, err) && send_rows(s, middle, last, err);
	}
	else if (ok)
		ok = send_rows(s, first, first + (last - first) / 2, err) && send_rows(s, first + (last - first) / 2, last, err);
	error_clear(&why);
	return ok;
}

static bool
send_batch(MySender *s, Error *err)
{
	s->bytes += (int64_t) s->writer.out.length;
	if (!send_rows(s, 0, s->row_count, err))
		return false;
	empty(s);
	report(s, false);
	return true;
}

/*
 * The item
 */

static char *
copy_statement(const MySenderOptions *options)
{
	return mem_printf("COPY %s (%s) FROM STDIN%s", options->table->target_title, options->table->columns,
					  options->freeze ? " (FREEZE)" : "");
}

bool
mysql_sender_begin(const MySenderOptions *options, MySender **sender, Error *err)
{
	MySender *s = mem_zalloc(sizeof(MySender));
	size_t columns = (size_t) options->source->column_count + 1;

	s->options = *options;
	s->target = options->worker->target;
	s->raw = pg_raw(s->target);
	s->copy_sql = copy_statement(options);
	s->in_batches = options->config->reject_limit > 0;
	s->fields = mem_zalloc(sizeof(char *) * columns);
	s->lengths = mem_zalloc(sizeof(unsigned long) * columns);
	s->writer = (MyRowWriter) {.table = options->source, .config = options->config};
	if (s->in_batches)
		s->ends = mem_alloc(sizeof(size_t) * BATCH_ROWS);
	else
	{
		s->writer.flush = send_slice;
		s->writer.arg = s;
	}
	*sender = s;
	return s->in_batches || pg_exec(s->target, s->copy_sql, NULL, err);
}

bool
mysql_sender_row(MySender *s, MYSQL_ROW row, const unsigned long *lengths, Error *err)
{
	if (!mysql_row_write(&s->writer, row, lengths, err))
		return s->writer.problem != MY_PROBLEM_NONE && reject_value(s, row, lengths, err);
	if (!s->in_batches)
	{
		s->rows++;
		return s->writer.out.length < SLICE_BYTES || send_slice(s, err);
	}
	s->ends[s->row_count++] = s->writer.out.length;
	return (s->row_count < BATCH_ROWS && s->writer.out.length < BATCH_BYTES) || send_batch(s, err);
}

bool
mysql_sender_end(MySender *s, Error *err)
{
	bool ok;

	if (s->in_batches)
		ok = send_batch(s, err);
	else
		ok = send_slice(s, err) && drain(s, true, err) && end_copy(s, s->rows, err);
	if (ok)
		report(s, true);
	return ok;
}

int64_t
mysql_sender_rows(const MySender *s)
{
	return s->rows;
}

int64_t
mysql_sender_bytes(const MySender *s)
{
	return s->bytes;
}

void
mysql_sender_free(MySender *s, bool done)
{
	if (!s)
		return;
	for (int i = 0; i < MY_PROBLEM_COUNT && done; i++)
		atomic_fetch_add(&s->options.source->replaced[i], s->writer.replaced[i]);
	if (!done)
		atomic_fetch_sub(&s->options.source->rejected, s->rejected);
	strbuf_free(&s->writer.value);
	strbuf_free(&s->writer.out);
	free(s->ends);
	free(s->fields);
	free(s->lengths);
	free(s->copy_sql);
	free(s);
}
