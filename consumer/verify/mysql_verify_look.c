/* One look at a table of a MySQL source, and the names of rows that are not the same. */
#include "verify/mysql_verify.h"

#include "base/hash.h"
#include "verify/verify_look.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are named, and differing parts of which the rows are looked at. */
#define MAX_NAMED 5
#define MAX_PARTS 20

/* What one side has. */
typedef struct Sums
{
	int64_t		rows[VERIFY_PARTS];
	int64_t		sums[VERIFY_PARTS];
} Sums;

static void
take_sums(void *arg, const PGresult *answer)
{
	Sums	   *sums = arg;

	for (int i = 0; i < PQntuples(answer); i++)
	{
		int			part = atoi(PQgetvalue(answer, i, 0));

		sums->rows[part] += strtoll(PQgetvalue(answer, i, 1), NULL, 10);
		sums->sums[part] = (int64_t) ((uint64_t) sums->sums[part] + (uint64_t) strtoll(PQgetvalue(answer, i, 2), NULL, 10));
	}
}

static void
total(const Sums *sums, int64_t *rows, int64_t *sum)
{
	*rows = *sum = 0;
	for (int i = 0; i < VERIFY_PARTS; i++)
	{
		*rows += sums->rows[i];
		*sum = (int64_t) ((uint64_t) *sum + (uint64_t) sums->sums[i]);
	}
}

static void
hash_sums(const Sums *sums, uint64_t *hashes)
{
	for (int i = 0; i < VERIFY_PARTS; i++)
	{
		int64_t		numbers[2] = {sums->rows[i], sums->sums[i]};

		hashes[i] = sums->rows[i] == 0 ? 0 : hash_bytes(numbers, sizeof(numbers)) | 1;
	}
}

/* ---- both sides at one moment, as near as can be ---- */

static bool
begin(MyVerifyWorker *worker, Error *err)
{
	if (worker->source == NULL &&
		(!my_connect(&worker->config->mysql, worker->name, &worker->source, err) ||
		 !my_exec(worker->source, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", err)))
		return false;
	return my_exec(worker->source, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err) &&
		pg_exec(worker->target, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err);
}

/* source_is_spoilt: it was left in the middle of its rows. */
static bool
end(MyVerifyWorker *worker, bool source_is_spoilt, Error *err)
{
	if (source_is_spoilt)
	{
		my_close(worker->source);
		worker->source = NULL;
	}
	return (source_is_spoilt || my_exec(worker->source, "ROLLBACK", err)) && pg_exec(worker->target, "ROLLBACK", NULL, err);
}

/* ---- names of rows ---- */

typedef struct Names
{
	HashMap    *target;			/* key -> hash, of rows not met on the source */
	StrBuf		text;
	int			count;			/* of those found, named or not */
} Names;

static void
add_name(Names *names, const char *key, const char *what)
{
	if (names->count++ < MAX_NAMED)
		strbuf_printf(&names->text, "%s%s %s", names->text.length > 0 ? ", " : "", key, what);
}

static void
take_target_rows(Names *names, const PGresult *answer)
{
	for (int i = 0; i < PQntuples(answer); i++)
		free(hash_put_text(names->target, PQgetvalue(answer, i, 1), mem_strdup(PQgetvalue(answer, i, 2))));
}

static void
take_source_rows(void *arg, const PGresult *answer)
{
	Names	   *names = arg;

	for (int i = 0; i < PQntuples(answer); i++)
	{
		const char *key = PQgetvalue(answer, i, 1);
		char	   *hash = hash_remove(names->target, key, strlen(key));

		if (hash == NULL)
			add_name(names, key, "is missing on the target");
		else if (strcmp(hash, PQgetvalue(answer, i, 2)) != 0)
			add_name(names, key, "is not the same");
		free(hash);
	}
}

static void
name_left_over(Names *names)
{
	size_t		cursor = 0;
	const void *key;
	size_t		length;
	void	   *value;

	while (hash_next(names->target, &cursor, &key, &length, &value))
	{
		char	   *text = mem_strndup(key, length);

		add_name(names, text, "is only on the target");
		free(text);
	}
}

static char *
rows_of_parts(const char *sql, const VerifyParts *parts)
{
	StrBuf		text = STRBUF_INIT;
	int			count = 0;

	strbuf_printf(&text, "SELECT part, key, hash FROM (%s) s WHERE part IN (", sql);
	for (int i = 0; i < VERIFY_PARTS && count < MAX_PARTS; i++)
		if (!parts->equal[i])
			strbuf_printf(&text, "%s%d", count++ > 0 ? ", " : "", i);
	strbuf_append(&text, ")");
	return strbuf_detach(&text);
}

static char *
names_of_key(const MyVerifyTable *table)
{
	StrBuf		text = STRBUF_INIT;

	for (int i = 0; i < table->key_count; i++)
		strbuf_printf(&text, "%s%s", i > 0 ? ", " : "", table->columns[table->key[i]].to->name);
	return strbuf_detach(&text);
}

/* Says which rows it is.  That it cannot is no failure of the comparison. */
static void
name_rows(MyVerifyWorker *worker, VerifyTable *table)
{
	const MyVerifyTable *own = table->side_data;
	char	   *batch_sql = rows_of_parts(own->batch_rows_sql, table->parts);
	char	   *target_sql = rows_of_parts(own->target_rows_sql, table->parts);
	Names		names = {.target = hash_new(), .text = STRBUF_INIT};
	MyVerifyRows rows = {
		.target = worker->target,
		.config = &worker->config->mysql,
		.table = own,
		.batch_sql = batch_sql,
		.take = take_source_rows,
		.arg = &names,
	};
	PGresult   *answer = NULL;
	Error		ignored = ERROR_INIT;
	bool		ok;

	ok = begin(worker, &ignored) && pg_exec(worker->target, target_sql, &answer, &ignored);
	if (ok)
	{
		rows.source = worker->source;
		take_target_rows(&names, answer);
		ok = mysql_verify_read(&rows, &ignored);
	}
	PQclear(answer);
	if (worker->source != NULL)
		ok = end(worker, !ok, &ignored) && ok;
	if (ok)
		name_left_over(&names);
	if (ok && names.count > 0)
	{
		char	   *key = names_of_key(own);

		verify_set_remark(table, mem_printf("row (%s) = %s%s", key, strbuf_text(&names.text),
											names.count > MAX_NAMED ? ", and more" : ""));
		free(key);
	}
	error_clear(&ignored);
	hash_free(names.target, free);
	strbuf_free(&names.text);
	free(batch_sql);
	free(target_sql);
}

/* ---- the look ---- */

static void
keep_totals(VerifyTable *table, const Sums *source, const Sums *target, int64_t unstorable)
{
	int64_t		rows;
	int64_t		sum;

	verify_look_free(&table->look);
	total(source, &rows, &sum);
	table->look.source_rows = mem_printf("%" PRId64, rows + unstorable);
	table->look.source_sum = mem_printf("%" PRId64, sum);
	total(target, &rows, &sum);
	table->look.target_rows = mem_printf("%" PRId64, rows);
	table->look.target_sum = mem_printf("%" PRId64, sum);
}

static void
judge(VerifyTable *table, const Sums *source, const Sums *target, const MyVerifyRows *rows, bool final)
{
	uint64_t   *from = mem_alloc(sizeof(uint64_t) * VERIFY_PARTS);
	uint64_t   *to = mem_alloc(sizeof(uint64_t) * VERIFY_PARTS);

	hash_sums(source, from);
	hash_sums(target, to);
	verify_judge_parts(table, from, to, final && table->looks > 1);
	/* The first look has nothing to compare itself with. */
	if (final && table->result == VERIFY_PENDING)
		table->result = VERIFY_DIFFERENT;
	if (rows->unstorable > 0 && table->result == VERIFY_EQUAL)
		table->result = VERIFY_DIFFERENT;
	free(from);
	free(to);
}

static void
explain(MyVerifyWorker *worker, VerifyTable *table, const MyVerifyRows *rows)
{
	const MyVerifyTable *own = table->side_data;
	int64_t		unstorable = rows->unstorable;

	if (own->key_count > 0 && table->parts != NULL && table->parts->equal_count < VERIFY_PARTS)
		name_rows(worker, table);
	if (unstorable > 0)
	{
		char	   *more = table->remark != NULL ? mem_printf("; %s", table->remark) : mem_strdup("");

		verify_set_remark(table, mem_printf("%" PRId64 " row%s of the source cannot be stored (%s in column %s)%s", unstorable,
											unstorable == 1 ? "" : "s", my_problem_text(rows->problem), rows->problem_column, more));
		free(more);
	}
}

bool
mysql_verify_look(MyVerifyWorker *worker, VerifyTable *table, bool final, Error *err)
{
	const MyVerifyTable *own = table->side_data;
	Sums	   *source = mem_zalloc(sizeof(Sums));
	Sums	   *target = mem_zalloc(sizeof(Sums));
	MyVerifyRows rows = {
		.target = worker->target,
		.config = &worker->config->mysql,
		.table = own,
		.batch_sql = own->batch_sql,
		.take = take_sums,
		.arg = source,
	};
	PGresult   *answer = NULL;
	bool		ok;

	ok = begin(worker, err) && pg_exec(worker->target, own->target_sql, &answer, err);
	if (ok)
	{
		rows.source = worker->source;
		take_sums(target, answer);
		ok = mysql_verify_read(&rows, err);
	}
	PQclear(answer);
	if (ok)
	{
		ok = end(worker, false, err);
		table->looks++;
		keep_totals(table, source, target, rows.unstorable);
		judge(table, source, target, &rows, final);
		if (table->result == VERIFY_DIFFERENT)
			explain(worker, table, &rows);
	}
	else if (err->kind != ERROR_CANCELLED && err->kind != ERROR_RETRY)
	{
		Error		ignored = ERROR_INIT;

		/* One table that cannot be read must not hide the result of the others. */
		table->result = rows.is_refused ? VERIFY_DIFFERENT : VERIFY_FAILED;
		verify_set_remark(table, rows.is_refused ? mem_printf("the target cannot have a value of the source: %s", err->message)
						  : mem_strdup(err->message));
		error_clear(err);
		ok = end(worker, true, &ignored) || !pg_is_lost(worker->target);
		if (!ok)
			error_move(err, &ignored);
		error_clear(&ignored);
	}
	free(source);
	free(target);
	return ok;
}
