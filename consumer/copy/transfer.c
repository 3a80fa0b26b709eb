/*
 * transfer.c
 *		The bytes of a COPY OUT on one connection into a COPY IN on another.
 *
 * Both connections are nonblocking and waited for in one poll().  Rows are gathered into slices, because a message per row costs
 * more than the row; while libpq sends one slice, the next one is filled.  Nothing more is read from the source while a slice is
 * full, so a slow target slows the source down instead of filling our memory.  A row larger than a slice is not gathered but sent
 * from where libpq put it, slice by slice.
 *
 * A server sends 8 kB at a time.  To be woken by each of them costs both processes more than the rows do, so we are slow to wake: while
 * the target is busy with enough, only it is waited for, and a source that has nothing at hand is left alone for a moment (NAP_US) in which
 * its socket fills.  The socket's buffers keep both servers at work meanwhile.
 *
 * A target that fails in the middle of a COPY IN says so at once, but libpq shows it only after the end of the COPY.  So when
 * the target says something that is no notice, we end the COPY and look.  It might be something harmless that libpq keeps back
 * (a changed parameter); then the end has spoilt the COPY, ended_early is set, and the next try does without this (heed_input).
 */
#include "copy/copy_private.h"

#include "base/clock.h"
#include "base/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE_BYTES (256 * 1024)
#define SEND_BYTES (64 * 1024) /* less is sent only when the source has no more at hand */
#define NAP_US 300			   /* far less than it takes to fill a socket's buffer */
#define REPORT_INTERVAL_MS 100
#define ABANDON_LIMIT_MS 10000

typedef struct Mover
{
	CopyTransfer *transfer;
	PGconn *source;
	PGconn *target;
	StrBuf slice;
	char *row; /* a large row, and how much of it was sent; libpq's memory */
	size_t row_length;
	size_t row_sent;
	bool source_ended;
	bool source_is_dry; /* libpq has no whole row at hand */
	bool has_napped;	/* and has had the time to get more */
	int64_t report_ms;
} Mover;

/* Only called when libpq has sent all it had, so that its buffer stays small. */
static bool
put_bytes(Mover *m, const char *data, size_t length, Error *err)
{
	switch (PQputCopyData(m->target, data, (int) length))
	{
		case 1:
			return true;
		case 0: /* its buffer cannot grow */
			return error_set(err, ERROR_FAILED, "%s: out of memory", pg_conn_name(m->transfer->target));
		default:
			return pg_error(m->transfer->target, NULL, err);
	}
}

/* The slice, whole; then what came behind it, the next piece of a large row. */
static bool
send_some(Mover *m, Error *err)
{
	size_t length;

	if (m->slice.length > 0)
	{
		if (!put_bytes(m, m->slice.data, m->slice.length, err))
			return false;
		strbuf_reset(&m->slice);
		return true;
	}
	length = m->row_length - m->row_sent;
	if (length > SLICE_BYTES)
		length = SLICE_BYTES;
	if (!put_bytes(m, m->row + m->row_sent, length, err))
		return false;
	m->row_sent += length;
	if (m->row_sent == m->row_length)
	{
		PQfreemem(m->row);
		m->row = NULL;
	}
	return true;
}

static bool
has_enough_to_send(const Mover *m)
{
	if (m->row || m->slice.length >= SEND_BYTES)
		return true;
	return m->slice.length > 0 && (m->source_ended || m->has_napped);
}

/* Rows that are at hand, until the slice is full. */
static bool
take_rows(Mover *m, Error *err)
{
	bool has_read = false;

	m->source_is_dry = false;
	while (!m->row && m->slice.length < SLICE_BYTES)
	{
		char *row;
		int length = PQgetCopyData(m->source, &row, 1);

		if (length == 0)
		{
			/* libpq reads little at a time: the socket may have more. */
			if (!has_read)
			{
				if (!PQconsumeInput(m->source))
					return pg_error(m->transfer->source, NULL, err);
				has_read = true;
				continue;
			}
			m->source_is_dry = true;
			return true;
		}
		has_read = false;
		if (length == -1)
		{
			m->source_ended = true;
			return true;
		}
		if (length < 0)
			return pg_error(m->transfer->source, NULL, err);
		m->transfer->rows++;
		m->transfer->bytes += length;
		if (length < SLICE_BYTES)
		{
			strbuf_append_bytes(&m->slice, row, (size_t) length);
			PQfreemem(row);
		}
		else
		{
			m->row = row;
			m->row_length = (size_t) length;
			m->row_sent = 0;
			return true;
		}
	}
	return true;
}

static void
report(Mover *m)
{
	int64_t now_ms = clock_monotonic_ms();

	if (!m->transfer->advanced || now_ms < m->report_ms)
		return;
	m->report_ms = now_ms + REPORT_INTERVAL_MS;
	m->transfer->advanced(m->transfer->arg, m->transfer->rows, m->transfer->bytes);
}

bool
copy_hear_target(PgConn *conn, bool heed_input, bool *ended_early, Error *err)
{
	PGconn *raw = pg_raw(conn);
	int64_t notices = pg_notice_count(conn);

	if (!PQconsumeInput(raw))
		return pg_error(conn, NULL, err);
	(void) PQisBusy(raw); /* lets libpq take the notices out of what was read */
	if (pg_notice_count(conn) != notices || !heed_input)
		return true;

	*ended_early = true;
	if (PQputCopyEnd(raw, "dbsync: the server has said something") < 0)
		return pg_error(conn, NULL, err);
	if (!pg_collect(conn, NULL, err))
	{
		/* Our own ending, come back: nothing was wrong. */
		if (strcmp(err->sqlstate, "57014") == 0)
			err->kind = ERROR_RETRY;
		return false;
	}
	return error_set(err, ERROR_RETRY, "%s: COPY ended early", pg_conn_name(conn));
}

static bool
wait_for_either(Mover *m, bool unsent, Error *err)
{
	struct pollfd fds[4];
	bool want_source = !m->source_ended && m->source_is_dry && !(unsent && m->slice.length >= SEND_BYTES);
	bool nap = want_source && !unsent && !m->has_napped;
	struct timespec limit = {0, nap ? NAP_US * 1000L : REPORT_INTERVAL_MS * 1000000L};

	fds[0].fd = want_source && !nap ? PQsocket(m->source) : -1;
	fds[0].events = POLLIN;
	fds[1].fd = PQsocket(m->target);
	fds[1].events = unsent ? POLLIN | POLLOUT : POLLIN;
	fds[2].fd = stop_fd();
	fds[2].events = POLLIN;
	fds[3].fd = m->transfer->abort_fd;
	fds[3].events = POLLIN;
	for (int i = 0; i < 4; i++)
		fds[i].revents = 0;
	if (ppoll(fds, 4, nap || m->transfer->advanced ? &limit : NULL, NULL) < 0)
		return errno == EINTR || error_errno(err, "cannot wait for source and target");

	if (fds[2].revents || fds[3].revents)
		return error_set(err, ERROR_CANCELLED, "interrupted by a stop");
	if (fds[1].revents & ~POLLOUT &&
		!copy_hear_target(m->transfer->target, m->transfer->heed_input, &m->transfer->ended_early, err))
		return false;
	m->has_napped = nap;
	return true;
}

static bool
move_rows(Mover *m, Error *err)
{
	for (;;)
	{
		int unsent = PQflush(m->target);

		if (unsent < 0)
			return pg_error(m->transfer->target, NULL, err);
		if (!m->source_ended && !take_rows(m, err))
			return false;
		report(m);

		if (!unsent && has_enough_to_send(m))
		{
			if (!send_some(m, err))
				return false;
			m->has_napped = false;
			continue;
		}
		if (!unsent && m->source_ended)
			return true;
		if (!wait_for_either(m, unsent != 0, err))
			return false;
	}
}

/* The counts are the servers' own: a message need not be a row (binary has a header and a trailer). */
static bool
finish(Mover *m, Error *err)
{
	PGresult *result;
	int64_t rows;

	if (!pg_collect(m->transfer->source, &result, err))
		return false;
	rows = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	if (m->transfer->is_text && rows != m->transfer->rows)
		return error_set(err, ERROR_FAILED, "%s: %lld rows were sent, %lld have come", pg_conn_name(m->transfer->source),
						 (long long) rows, (long long) m->transfer->rows);
	m->transfer->rows = rows;
	if (PQputCopyEnd(m->target, NULL) < 0)
		return pg_error(m->transfer->target, NULL, err);
	if (!pg_collect(m->transfer->target, &result, err))
		return false;
	m->transfer->rows_stored = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return true;
}

bool
copy_transfer(CopyTransfer *transfer, Error *err)
{
	Mover m = {.transfer = transfer, .source = pg_raw(transfer->source), .target = pg_raw(transfer->target)};
	bool ok;

	transfer->rows = transfer->bytes = transfer->rows_stored = 0;
	transfer->ended_early = false;
	strbuf_reserve(&m.slice, 2 * SLICE_BYTES);
	ok = move_rows(&m, err) && finish(&m, err);
	if (ok && transfer->advanced)
		transfer->advanced(transfer->arg, transfer->rows, transfer->bytes);
	strbuf_free(&m.slice);
	PQfreemem(m.row);
	return ok;
}

/* The server ends soon after a cancel, but what it had sent must be read before one sees it. */
bool
copy_abandon_source(PgConn *source)
{
	PGconn *raw = pg_raw(source);
	int64_t limit_ms = clock_monotonic_ms() + ABANDON_LIMIT_MS;
	Error ignored = ERROR_INIT;
	bool ok = true;

	if (PQtransactionStatus(raw) != PQTRANS_ACTIVE)
		return !pg_is_lost(source);
	pg_cancel(source);
	for (;;)
	{
		char *row;
		int length = PQgetCopyData(raw, &row, 1);
		bool ready;

		if (length > 0)
			PQfreemem(row);
		else if (length < 0)
			break;
		else if (clock_monotonic_ms() > limit_ms || !pg_wait(source, false, 1000, &ready, &ignored) ||
				 (ready && !PQconsumeInput(raw)))
		{
			ok = false;
			break;
		}
	}
	/* That it was cancelled is an error to the server, not to us. */
	if (ok)
		ok = pg_collect(source, NULL, &ignored) || ignored.kind != ERROR_CANCELLED;
	error_clear(&ignored);
	return ok && !pg_is_lost(source);
}
