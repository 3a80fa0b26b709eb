/* Asks both sides at once and judges the answers. */
#include "verify/verify_look.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

void
verify_look_free(VerifyLook *look)
{
	free(look->source_rows);
	free(look->source_sum);
	free(look->target_rows);
	free(look->target_sum);
	*look = (VerifyLook) {0};
}

/* ---- asking ---- */

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

/* All results are taken, or the connection could not be used again. */
static bool
take_answer(PgConn *conn, PGresult **answer, Error *err)
{
	PGresult   *result;
	bool		ok = true;

	while ((result = PQgetResult(pg_raw(conn))) != NULL)
	{
		if (ok && *answer == NULL && PQresultStatus(result) == PGRES_TUPLES_OK)
		{
			*answer = result;
			continue;
		}
		if (ok)
			ok = pg_error(conn, result, err);
		PQclear(result);
	}
	return ok && (*answer != NULL || pg_error(conn, NULL, err));
}

static bool
ask_both(PgConn *source, PgConn *target, const char *source_sql, const char *target_sql, PGresult *answers[2], Error *err)
{
	Error		other = ERROR_INIT;
	bool		ok;

	if (PQsendQuery(pg_raw(source), source_sql) != 1)
		return pg_error(source, NULL, err);
	if (PQsendQuery(pg_raw(target), target_sql) != 1)
		return pg_error(target, NULL, err);
	if (!wait_both(source, target, err))
		return false;
	ok = take_answer(source, &answers[0], err);
	if (!take_answer(target, &answers[1], &other))
	{
		if (ok)
			error_move(err, &other);
		ok = false;
	}
	error_clear(&other);
	return ok;
}

/* ---- the whole table ---- */

static bool
same(const char *one, const char *other)
{
	return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* An empty answer is an empty table. */
static char *
take_value(const PGresult *result, int column)
{
	return mem_strdup(PQntuples(result) == 0 || PQgetisnull(result, 0, column) ? "0" : PQgetvalue(result, 0, column));
}

static void
keep_totals(VerifyTable *table, PGresult *answers[2], int rows_column)
{
	verify_look_free(&table->look);
	table->look.source_rows = take_value(answers[0], rows_column);
	table->look.source_sum = take_value(answers[0], rows_column + 1);
	table->look.target_rows = take_value(answers[1], rows_column);
	table->look.target_sum = take_value(answers[1], rows_column + 1);
}

static bool
totals_are_equal(const VerifyLook *look)
{
	return same(look->source_rows, look->target_rows) && same(look->source_sum, look->target_sum);
}

/* ---- parts ---- */

/* A hash of each part's numbers; 0 where the part has no rows. */
static void
hash_parts(const PGresult *answer, uint64_t parts[VERIFY_PARTS])
{
	StrBuf		text = STRBUF_INIT;

	memset(parts, 0, sizeof(uint64_t) * VERIFY_PARTS);
	for (int i = 0; i < PQntuples(answer); i++)
	{
		int			part = atoi(PQgetvalue(answer, i, 0));

		strbuf_reset(&text);
		strbuf_append(&text, PQgetvalue(answer, i, 1));
		strbuf_append_char(&text, '/');
		strbuf_append(&text, PQgetvalue(answer, i, 2));
		if (part >= 0 && part < VERIFY_PARTS)
			parts[part] = hash_bytes(strbuf_text(&text), text.length) | 1;
	}
	strbuf_free(&text);
}

/* *stands: a part differs, and did so before in exactly the same way. */
static void
compare_parts(VerifyParts *parts, const uint64_t *source, const uint64_t *target, bool *stands)
{
	*stands = false;
	for (int i = 0; i < VERIFY_PARTS; i++)
	{
		if (parts->equal[i])
			continue;
		if (source[i] == target[i])
		{
			parts->equal[i] = true;
			parts->equal_count++;
		}
		else if (parts->known && parts->source[i] == source[i] && parts->target[i] == target[i])
			*stands = true;
		parts->source[i] = source[i];
		parts->target[i] = target[i];
	}
	parts->known = true;
}

void
verify_set_remark(VerifyTable *table, char *remark)
{
	free(table->remark);
	table->remark = remark;
}

void
verify_judge_parts(VerifyTable *table, const uint64_t *source, const uint64_t *target, bool final)
{
	VerifyParts *parts;
	bool		stands;

	if (table->parts == NULL)
		table->parts = mem_zalloc(sizeof(VerifyParts));
	parts = table->parts;
	compare_parts(parts, source, target, &stands);
	if (totals_are_equal(&table->look))
		table->result = VERIFY_EQUAL;
	else if (parts->equal_count == VERIFY_PARTS)
	{
		table->result = VERIFY_EQUAL;
		verify_set_remark(table, mem_printf("written meanwhile, part by part in %d looks", table->looks));
	}
	else if (stands)
		table->result = VERIFY_DIFFERENT;
	else if (final)
	{
		table->result = VERIFY_CHANGING;
		verify_set_remark(table, mem_printf("%d of %d parts are equal", parts->equal_count, VERIFY_PARTS));
	}
}

static void
judge_answers(VerifyTable *table, PGresult *answers[2], bool final)
{
	uint64_t   *source = mem_alloc(sizeof(uint64_t) * VERIFY_PARTS);
	uint64_t   *target = mem_alloc(sizeof(uint64_t) * VERIFY_PARTS);

	hash_parts(answers[0], source);
	hash_parts(answers[1], target);
	verify_judge_parts(table, source, target, final);
	free(source);
	free(target);
}

/* ---- one look ---- */

bool
verify_look_at(PgConn *source, PgConn *target, VerifyTable *table, bool final, Error *err)
{
	bool		by_parts = table->looks > 0;
	PGresult   *answers[2] = {NULL, NULL};
	bool		ok;

	ok = ask_both(source, target, by_parts ? table->source_parts_sql : table->source_sql,
				  by_parts ? table->target_parts_sql : table->target_sql, answers, err);
	if (ok)
	{
		table->looks++;
		keep_totals(table, answers, by_parts ? 3 : 0);
		if (by_parts)
			judge_answers(table, answers, final);
		else if (totals_are_equal(&table->look))
			table->result = VERIFY_EQUAL;
		else if (final)
			table->result = VERIFY_DIFFERENT;
	}
	else if (err->kind != ERROR_CANCELLED && err->kind != ERROR_RETRY)
	{
		/* One table that cannot be read must not hide the result of the others. */
		table->result = VERIFY_FAILED;
		verify_set_remark(table, mem_strdup(err->message));
		error_clear(err);
		ok = true;
	}
	PQclear(answers[0]);
	PQclear(answers[1]);
	return ok;
}
