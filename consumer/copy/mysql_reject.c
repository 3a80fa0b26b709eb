/*
 * mysql_reject.c
 *		dbsync.rejects on the target: rows that could not be stored, with what was wrong, in the transaction of the rows that could.
 */
#include "copy/mysql_private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a longer value only the beginning is kept: the key leads to the rest. */
#define LONGEST_VALUE 10000

static const char create_sql[] =
	"CREATE TABLE IF NOT EXISTS dbsync.rejects ("
	" task pg_catalog.text NOT NULL,"
	" source_schema pg_catalog.text NOT NULL,"
	" source_table pg_catalog.text NOT NULL,"
	" key pg_catalog.text,"
	" column_name pg_catalog.text,"
	" problem pg_catalog.text NOT NULL,"
	" row pg_catalog.json,"
	" rejected_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now())";

bool
mysql_reject_prepare(PgConn *target, Error *err)
{
	StrBuf user = STRBUF_INIT;
	bool is_there;

	if (!pg_query_bool(target, "SELECT pg_catalog.to_regclass('dbsync.rejects') IS NOT NULL", 0, NULL, &is_there, err))
		return false;
	if (is_there || pg_exec(target, create_sql, NULL, err))
		return true;
	if (strcmp(err->sqlstate, "42501") == 0)
	{
		err->kind = ERROR_PREFLIGHT;
		pg_quote_identifier(&user, PQuser(pg_raw(target)));
		error_hint(err, "on the target, as its owner: GRANT USAGE, CREATE ON SCHEMA dbsync TO %s", strbuf_text(&user));
		strbuf_free(&user);
	}
	return error_context(err, "cannot create dbsync.rejects");
}

bool
mysql_reject_forget(PgConn *target, const char *task, const CopyTable *table, Error *err)
{
	const char *values[] = {task, table->schema, table->name};

	return pg_exec_if_there(target, "dbsync.rejects",
							"DELETE FROM dbsync.rejects WHERE task = $1 AND source_schema = $2 AND source_table = $3", 3, values,
							NULL, err);
}

static void
append_hex(StrBuf *out, const char *data, size_t length)
{
	strbuf_append(out, "\\x");
	for (size_t i = 0; i < length; i++)
		strbuf_printf(out, "%02x", (unsigned char) data[i]);
}

/* What is no text appears as its bytes. */
static json_t *
value_of(const char *data, size_t length)
{
	size_t kept = length < LONGEST_VALUE ? length : LONGEST_VALUE;
	StrBuf text = STRBUF_INIT;
	json_t *value;

	if (!data)
		return json_null();
	/* Never within a character. */
	while (kept < length && kept > 0 && ((unsigned char) data[kept] & 0xc0) == 0x80)
		kept--;
	value = json_stringn(data, kept);
	if (value && kept == length)
		return value;
	if (value)
		strbuf_append_bytes(&text, data, kept);
	else
		append_hex(&text, data, kept);
	json_decref(value);
	if (kept < length)
		strbuf_printf(&text, "... (%zu bytes)", length);
	value = json_stringn(strbuf_text(&text), text.length);
	strbuf_free(&text);
	return value;
}

/* In ASCII, so that a target of any encoding takes it. */
static char *
row_json(const MyReject *reject)
{
	json_t *object = json_object();
	char *text;

	for (int i = 0; i < reject->source->column_count; i++)
		json_object_set_new(object, reject->source->columns[i].name, value_of(reject->fields[i], reject->lengths[i]));
	text = json_dumps(object, JSON_ENSURE_ASCII | JSON_COMPACT);
	json_decref(object);
	return text;
}

bool
mysql_reject_keep(PgConn *target, const MyReject *reject, Error *err)
{
	StrBuf key = STRBUF_INIT;
	char *row = row_json(reject);
	const char *values[7] = {reject->task, reject->table->schema, reject->table->name, NULL, reject->column, reject->problem, row};
	bool ok;

	mysql_row_key(reject->source, reject->fields, reject->lengths, &key);
	if (key.length > 0)
		values[3] = strbuf_text(&key);
	ok = pg_exec_params(target,
						"INSERT INTO dbsync.rejects (task, source_schema, source_table, key, column_name, problem, row)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7)",
						7, values, NULL, err);
	free(row);
	strbuf_free(&key);
	return ok || error_context(err, "cannot keep a rejected row in dbsync.rejects");
}
