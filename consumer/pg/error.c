/*
 * error.c
 *		From a failed result to our Error: kind, message, SQLSTATE, hint.
 */
#include "pg/conn_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
in_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, 2) == 0;
}

ErrorKind
pg_error_kind(const char *sqlstate, bool lost)
{
	static const char *const retry[] = {
		"57P01", "57P02", "57P03", "57P05", /* shutdown, crash, starting up, idle session ended */
		"53300",							/* too many connections */
		"40001", "40P01",					/* serialization failure, deadlock */
		"55P03", "55006",					/* lock not available, object in use */
		"25P03", "25P04",					/* idle or long transaction ended */
	};

	/* Of a statement it says nothing about our way in: a trigger raised it, or what the trigger calls. */
	if (lost && (in_class(sqlstate, "28") || in_class(sqlstate, "3D")))
		return ERROR_PREFLIGHT;
	if (in_class(sqlstate, "23"))
		return ERROR_CONFLICT;
	if (in_class(sqlstate, "08"))
		return ERROR_RETRY;
	for (size_t i = 0; i < sizeof(retry) / sizeof(retry[0]); i++)
		if (strcmp(sqlstate, retry[i]) == 0)
			return ERROR_RETRY;
	if (strcmp(sqlstate, "57P04") == 0) /* database dropped */
		return ERROR_FAILED;
	return lost ? ERROR_RETRY : ERROR_FAILED;
}

/*
 * DETAIL of a violated key or foreign key names the key, which is what one looks for.  That of a check or not-null constraint is
 * the whole row, and that of a bad value is the value: those are left out.
 */
static bool
detail_is_safe(const char *sqlstate)
{
	if (strcmp(sqlstate, "23502") == 0 || strcmp(sqlstate, "23514") == 0)
		return false;
	return !in_class(sqlstate, "22") && !in_class(sqlstate, "XX") && !in_class(sqlstate, "P0");
}

/* Of "COPY t, line 5, column a: "value"" the part without the value; NULL for a context of another kind. */
static char *
copy_position(const char *context)
{
	size_t length;
	const char *value;

	if (!context || strncmp(context, "COPY ", 5) != 0)
		return NULL;
	length = strcspn(context, "\n");
	value = strstr(context, ": ");
	if (value && (size_t) (value - context) < length)
		length = (size_t) (value - context);
	return mem_strndup(context, length);
}

static char *
trimmed(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	return mem_strndup(text, length);
}

/*
 * After a write that failed libpq leaves the status as it was until reading finds the end, too.  What the server sent before
 * it went away comes first, so one look is not enough.
 */
static bool
is_lost_for_good(PGconn *raw)
{
	for (int look = 0; look < 3 && PQstatus(raw) == CONNECTION_OK; look++)
		if (!PQconsumeInput(raw))
			break;
	return PQstatus(raw) != CONNECTION_OK;
}

static bool
connection_error(const PgConn *conn, Error *err)
{
	char *message = trimmed(PQerrorMessage(conn->raw));
	bool lost = is_lost_for_good(conn->raw);

	for (char *p = message; *p; p++)
		if (*p == '\n')
			*p = ' ';
	error_set(err, lost ? ERROR_RETRY : ERROR_FAILED, "%s: %s", conn->name,
			  message[0] ? message : lost ? "connection lost" : "no result");
	free(message);
	return false;
}

bool
pg_error(PgConn *conn, const PGresult *result, Error *err)
{
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *severity;
	const char *primary;
	const char *detail;
	const char *hint;
	const char *column;
	char *position;
	StrBuf text = STRBUF_INIT;
	bool lost;

	if (result && !sqlstate && PQresultStatus(result) != PGRES_FATAL_ERROR &&
		PQresultStatus(result) != PGRES_BAD_RESPONSE)
		return error_set(err, ERROR_FAILED, "%s: unexpected answer: %s", conn->name,
						 PQresStatus(PQresultStatus(result)));
	if (!sqlstate)
		return connection_error(conn, err);

	severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	lost = PQstatus(conn->raw) != CONNECTION_OK ||
		(severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
	primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);

	strbuf_append(&text, primary ? primary : "unknown error");
	if (detail && detail_is_safe(sqlstate))
		strbuf_printf(&text, ": %s", detail);
	position = copy_position(PQresultErrorField(result, PG_DIAG_CONTEXT));
	if (position)
		strbuf_printf(&text, " (%s)", position);
	free(position);

	error_set(err, pg_error_kind(sqlstate, lost), "%s: %s", conn->name, strbuf_text(&text));
	strbuf_free(&text);
	strncpy(err->sqlstate, sqlstate, 5);
	err->sqlstate[5] = '\0';
	if (column && strcmp(sqlstate, "23502") == 0)
		snprintf(err->column, sizeof(err->column), "%s", column);
	if (hint)
		error_hint(err, "%s", hint);
	return false;
}

void
pg_hint_not_null(const char *table, const char *column, const char *whence, Error *err)
{
	StrBuf quoted = STRBUF_INIT;

	pg_quote_identifier(&quoted, column);
	error_hint(err, "On the target: ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL%s%s%s", table, strbuf_text(&quoted), whence ? " (" : "",
			   whence ? whence : "", whence ? ")" : "");
	strbuf_free(&quoted);
}
