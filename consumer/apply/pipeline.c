/*
 * pipeline.c
 *		Statements on their way to the target and not yet answered.
 *
 * A server keeps its answers in a buffer until it is asked for them, so a flush request goes out after each quarter of the bound:
 * while the first quarter's answers are read, the others are still being worked on, and the server never runs dry.  pg/conn.c has
 * put the connection into nonblocking mode.
 */
#include "apply/pipeline.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* What a statement weighs beside its values: messages, our own note, the result. */
#define STATEMENT_BYTES 64

/*
 * libpq, when it may not block, moves what it could not send to the front of its buffer each time the socket is full: of a
 * statement of 100 MB hundreds of times.  When it may block it does not, and it reads meanwhile, so neither side gets stuck.  So a
 * statement of this size goes alone, and blocks.
 */
#define BLOCKING_BYTES ((size_t) 2 * 1024 * 1024)

typedef struct Entry
{
	PipelineNote note;
	size_t		bytes;
} Entry;

struct Pipeline
{
	PgConn	   *conn;
	PGconn	   *raw;
	PipelineResult on_result;
	void	   *arg;
	size_t		limit_bytes;
	int			limit_count;

	bool		entered;
	bool		abandoned;		/* results are thrown away */
	size_t		bytes;			/* unanswered */
	size_t		asked_bytes;	/* sent since the last flush request */
	int			asked_count;

	Entry	   *ring;			/* capacity is a power of two */
	size_t		capacity;
	size_t		first;
	size_t		count;
};

PartUse *
part_use_new(TxnPart *part)
{
	PartUse    *use = mem_alloc(sizeof(PartUse));

	use->part = part;
	use->uses = 1;
	return use;
}

void
part_use_drop(PartUse *use)
{
	if (use == NULL || --use->uses > 0)
		return;
	txn_part_free(use->part);
	free(use);
}

Pipeline *
pipeline_new(PgConn *conn, size_t limit_bytes, int limit_count, PipelineResult on_result, void *arg)
{
	Pipeline   *pipeline = mem_zalloc(sizeof(Pipeline));

	pipeline->conn = conn;
	pipeline->raw = pg_raw(conn);
	pipeline->on_result = on_result;
	pipeline->arg = arg;
	pipeline->limit_bytes = limit_bytes;
	pipeline->limit_count = limit_count;
	pipeline->capacity = 64;
	pipeline->ring = mem_alloc(sizeof(Entry) * pipeline->capacity);
	return pipeline;
}

static void
pop_entry(Pipeline *pipeline)
{
	Entry	   *entry = &pipeline->ring[pipeline->first];

	pipeline->bytes -= entry->bytes;
	part_use_drop(entry->note.use);
	pipeline->first = (pipeline->first + 1) & (pipeline->capacity - 1);
	pipeline->count--;
}

static void
push_entry(Pipeline *pipeline, const PipelineNote *note, size_t bytes)
{
	Entry	   *entry;

	if (pipeline->count == pipeline->capacity)
	{
		size_t		tail = pipeline->capacity - pipeline->first;

		pipeline->ring = mem_realloc(pipeline->ring, sizeof(Entry) * pipeline->capacity * 2);
		/* the part that had wrapped around goes behind the old end */
		memcpy(pipeline->ring + pipeline->capacity, pipeline->ring, sizeof(Entry) * (pipeline->capacity - tail));
		pipeline->capacity *= 2;
	}
	entry = &pipeline->ring[(pipeline->first + pipeline->count) & (pipeline->capacity - 1)];
	entry->note = *note;
	entry->bytes = bytes;
	if (note->use != NULL)
		note->use->uses++;
	pipeline->count++;
	pipeline->bytes += bytes;
	pipeline->asked_bytes += bytes;
	pipeline->asked_count++;
}

void
pipeline_free(Pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	while (pipeline->count > 0)
		pop_entry(pipeline);
	free(pipeline->ring);
	free(pipeline);
}

static bool
enter(Pipeline *pipeline, Error *err)
{
	if (pipeline->entered)
		return true;
	if (PQenterPipelineMode(pipeline->raw) != 1)
		return pg_error(pipeline->conn, NULL, err);
	pipeline->entered = true;
	return true;
}

/*
 * The answer of the first entry.  The NULL behind it is taken at once: libpq drops it where anything is sent in between, and then
 * results and statements would no longer go in pairs.
 */
static bool
take_result(Pipeline *pipeline, Error *err)
{
	Entry	   *entry = &pipeline->ring[pipeline->first];
	PGresult   *result = PQgetResult(pipeline->raw);
	bool		ok = true;

	if (result == NULL)
		return PQstatus(pipeline->raw) == CONNECTION_BAD ? pg_error(pipeline->conn, NULL, err) : true;
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
	{
		PQclear(result);
		if (entry->note.kind != PIPELINE_SYNC)
			return error_set(err, ERROR_FAILED, "%s: answers out of step with the statements sent", pg_conn_name(pipeline->conn));
		pop_entry(pipeline);
		return true;
	}
	if (!pipeline->abandoned)
		ok = pipeline->on_result(pipeline->arg, &entry->note, result, err);
	do
	{
		PQclear(result);
		result = PQgetResult(pipeline->raw);
	} while (result != NULL);
	pop_entry(pipeline);
	return ok;
}

static bool
take_results(Pipeline *pipeline, Error *err)
{
	while (pipeline->count > 0 && !PQisBusy(pipeline->raw))
	{
		if (!take_result(pipeline, err))
			return false;
	}
	return true;
}

static bool
within(const Pipeline *pipeline, size_t bytes, size_t count)
{
	/* one statement may always be on its way, whatever its weight */
	return pipeline->count == 0 || (pipeline->bytes <= bytes && pipeline->count <= count);
}

static bool
wait_until_within(Pipeline *pipeline, size_t bytes, size_t count, Error *err)
{
	for (;;)
	{
		int			unsent;
		bool		ready;

		if (!take_results(pipeline, err))
			return false;
		if (within(pipeline, bytes, count))
			return true;
		unsent = PQflush(pipeline->raw);
		if (unsent < 0)
			return pg_error(pipeline->conn, NULL, err);
		if (!pg_wait(pipeline->conn, unsent > 0, -1, &ready, err))
			return false;
		if (!PQconsumeInput(pipeline->raw))
		{
			/* the server's last words, if any, are worth more than "connection lost" */
			if (!take_results(pipeline, err))
				return false;
			return pg_error(pipeline->conn, NULL, err);
		}
	}
}

static bool
ask_answers(Pipeline *pipeline, Error *err)
{
	if (pipeline->asked_count == 0)
		return true;
	if (PQsendFlushRequest(pipeline->raw) != 1)
		return pg_error(pipeline->conn, NULL, err);
	pipeline->asked_bytes = 0;
	pipeline->asked_count = 0;
	return true;
}

static bool
sent(Pipeline *pipeline, int ok, const PipelineNote *note, size_t bytes, Error *err)
{
	if (ok != 1)
		return pg_error(pipeline->conn, NULL, err);
	push_entry(pipeline, note, bytes);
	if ((pipeline->asked_bytes >= pipeline->limit_bytes / 4 || pipeline->asked_count >= pipeline->limit_count / 4) && !ask_answers(pipeline, err))
		return false;
	if (within(pipeline, pipeline->limit_bytes, (size_t) pipeline->limit_count))
		return true;
	return ask_answers(pipeline, err) && wait_until_within(pipeline, pipeline->limit_bytes / 4 * 3, (size_t) pipeline->limit_count / 4 * 3, err);
}

static bool
begin_blocking(Pipeline *pipeline, Error *err)
{
	if (!ask_answers(pipeline, err) || !wait_until_within(pipeline, 0, 0, err))
		return false;
	return PQsetnonblocking(pipeline->raw, 0) == 0 || pg_error(pipeline->conn, NULL, err);
}

bool
pipeline_prepare(Pipeline *pipeline, const char *name, const char *sql, const PipelineNote *note, Error *err)
{
	return enter(pipeline, err) &&
		sent(pipeline, PQsendPrepare(pipeline->raw, name, sql, 0, NULL), note, STATEMENT_BYTES + strlen(sql), err);
}

bool
pipeline_execute(Pipeline *pipeline, const char *name, int count, const char *const *values, size_t size_bytes, const PipelineNote *note,
				 Error *err)
{
	int			ok;

	if (!enter(pipeline, err) || (size_bytes >= BLOCKING_BYTES && !begin_blocking(pipeline, err)))
		return false;
	ok = PQsendQueryPrepared(pipeline->raw, name, count, values, NULL, NULL, 0);
	if (size_bytes >= BLOCKING_BYTES && ok == 1)
		ok = PQflush(pipeline->raw) == 0 && PQsetnonblocking(pipeline->raw, 1) == 0;
	return sent(pipeline, ok, note, STATEMENT_BYTES + size_bytes, err);
}

bool
pipeline_execute_batch(Pipeline *pipeline, const char *name, int count, const char *const *values, const int *lengths, const int *formats,
					   size_t size_bytes, const PipelineNote *note, Error *err)
{
	if (!enter(pipeline, err))
		return false;
	if (PQsendQueryPrepared(pipeline->raw, name, count, values, lengths, formats, 0) != 1)
		return pg_error(pipeline->conn, NULL, err);
	push_entry(pipeline, note, STATEMENT_BYTES + size_bytes);
	return true;
}

bool
pipeline_query(Pipeline *pipeline, const char *sql, int count, const char *const *values, const PipelineNote *note, Error *err)
{
	size_t		bytes = STATEMENT_BYTES + strlen(sql);

	for (int i = 0; i < count; i++)
		bytes += values[i] == NULL ? 0 : strlen(values[i]);
	return enter(pipeline, err) &&
		sent(pipeline, PQsendQueryParams(pipeline->raw, sql, count, NULL, values, NULL, NULL, 0), note, bytes, err);
}

bool
pipeline_push(Pipeline *pipeline, Error *err)
{
	if (pipeline->count == 0)
		return true;
	if (!ask_answers(pipeline, err))
		return false;
	if (PQflush(pipeline->raw) < 0 || !PQconsumeInput(pipeline->raw))
		return pg_error(pipeline->conn, NULL, err);
	return take_results(pipeline, err);
}

static bool
send_sync(Pipeline *pipeline)
{
	PipelineNote note = {.kind = PIPELINE_SYNC};

	if (PQpipelineSync(pipeline->raw) != 1)
		return false;
	push_entry(pipeline, &note, 0);
	pipeline->asked_bytes = 0;
	pipeline->asked_count = 0;
	return true;
}

bool
pipeline_drain(Pipeline *pipeline, Error *err)
{
	return pipeline->count == 0 || (ask_answers(pipeline, err) && wait_until_within(pipeline, 0, 0, err));
}

bool
pipeline_mark(Pipeline *pipeline, Error *err)
{
	if (!send_sync(pipeline))
		return pg_error(pipeline->conn, NULL, err);
	return PQflush(pipeline->raw) >= 0 || pg_error(pipeline->conn, NULL, err);
}

bool
pipeline_sync(Pipeline *pipeline, Error *err)
{
	if (pipeline->count == 0)
		return true;
	if (!send_sync(pipeline))
		return pg_error(pipeline->conn, NULL, err);
	return wait_until_within(pipeline, 0, 0, err);
}

bool
pipeline_finish(Pipeline *pipeline, Error *err)
{
	if (!pipeline->entered)
		return true;
	if (!pipeline_sync(pipeline, err))
		return false;
	if (PQexitPipelineMode(pipeline->raw) != 1)
		return pg_error(pipeline->conn, NULL, err);
	pipeline->entered = false;
	return true;
}

bool
pipeline_abandon(Pipeline *pipeline)
{
	Error		ignored = ERROR_INIT;
	bool		ok = PQstatus(pipeline->raw) == CONNECTION_OK;

	pipeline->abandoned = true;
	if (ok && pipeline->entered)
		ok = send_sync(pipeline) && pipeline_finish(pipeline, &ignored);
	pipeline->abandoned = false;
	error_clear(&ignored);
	while (pipeline->count > 0)
		pop_entry(pipeline);
	pipeline->asked_bytes = 0;
	pipeline->asked_count = 0;
	return ok;
}

size_t
pipeline_bytes(const Pipeline *pipeline)
{
	return pipeline->bytes;
}

bool
pipeline_is_empty(const Pipeline *pipeline)
{
	return pipeline->count == 0;
}
