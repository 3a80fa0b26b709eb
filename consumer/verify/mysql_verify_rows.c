/*
 * mysql_verify_rows.c
 *		Rows of the source into a query of the target, batch by batch.
 *
 * A batch is one array of texts for each column, in the protocol's binary form, so that no value needs quotes.  While the target works on a batch the
 * next one is filled.
 */
#include "verify/mysql_verify.h"

#include "base/stop.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_ROWS 2000
#define BATCH_BYTES (512 * 1024)

#define TEXT_OID 25
#define TEXT_ARRAY_OID 1009

typedef struct Batch
{
	MyVerifyRows *rows;
	StrBuf	   *arrays;			/* one for each column */
	StrBuf		value;
	int			count;
	size_t		bytes;
	bool		is_sent;		/* the one before this is at work */
	Oid		   *types;
	const char **values;
	int		   *lengths;
	int		   *formats;
} Batch;

static void
append_number(StrBuf *out, uint32_t number)
{
	uint32_t	wire = htonl(number);

	strbuf_append_bytes(out, &wire, sizeof(wire));
}

/* Dimensions, nulls possible, element type; size of the dimension, first index. */
static void
begin_array(StrBuf *array)
{
	strbuf_reset(array);
	append_number(array, 1);
	append_number(array, 1);
	append_number(array, TEXT_OID);
	append_number(array, 0);
	append_number(array, 1);
}

static void
end_array(StrBuf *array, int count)
{
	uint32_t	wire = htonl((uint32_t) count);

	memcpy(array->data + 3 * sizeof(wire), &wire, sizeof(wire));
}

static void
begin_batch(Batch *batch)
{
	for (int i = 0; i < batch->rows->table->column_count; i++)
	{
		/* What a huge value has left behind. */
		if (batch->arrays[i].capacity > 4 * BATCH_BYTES)
			strbuf_free(&batch->arrays[i]);
		begin_array(&batch->arrays[i]);
	}
	batch->count = 0;
	batch->bytes = 0;
}

static bool
collect(Batch *batch, Error *err)
{
	PGresult   *answer;

	if (!batch->is_sent)
		return true;
	batch->is_sent = false;
	if (!pg_collect(batch->rows->target, &answer, err))
	{
		batch->rows->is_refused = strncmp(err->sqlstate, "22", 2) == 0;
		return false;
	}
	batch->rows->take(batch->rows->arg, answer);
	PQclear(answer);
	return true;
}

/* All bytes must be with the server before the arrays are used again; libpq has copied them, but may not have sent them. */
static bool
flush(Batch *batch, Error *err)
{
	PgConn	   *target = batch->rows->target;
	bool		ready;
	int			unsent;

	while ((unsent = PQflush(pg_raw(target))) > 0)
	{
		if (!pg_wait(target, true, -1, &ready, err))
			return false;
		if (!PQconsumeInput(pg_raw(target)))
			return pg_error(target, NULL, err);
	}
	return unsent == 0 || pg_error(target, NULL, err);
}

static bool
send_batch(Batch *batch, Error *err)
{
	PgConn	   *target = batch->rows->target;
	int			columns = batch->rows->table->column_count;
	bool		is_huge = batch->bytes > 4 * BATCH_BYTES;
	bool		ok;

	if (batch->count == 0)
		return true;
	if (!collect(batch, err))
		return false;
	for (int i = 0; i < columns; i++)
	{
		end_array(&batch->arrays[i], batch->count);
		batch->types[i] = TEXT_ARRAY_OID;
		batch->values[i] = batch->arrays[i].data;
		batch->lengths[i] = (int) batch->arrays[i].length;
		batch->formats[i] = 1;
	}
	/* What libpq cannot send at once it moves to the front of its buffer each time, unless it may wait. */
	if (is_huge)
		(void) PQsetnonblocking(pg_raw(target), 0);
	ok = PQsendQueryParams(pg_raw(target), batch->rows->batch_sql, columns, batch->types, batch->values, batch->lengths,
						   batch->formats, 0) == 1;
	if (is_huge)
		(void) PQsetnonblocking(pg_raw(target), 1);
	if (!ok)
		return pg_error(target, NULL, err);
	batch->is_sent = true;
	begin_batch(batch);
	return flush(batch, err);
}

static void
append_element(StrBuf *array, const char *data, size_t length)
{
	append_number(array, (uint32_t) length);
	strbuf_append_bytes(array, data, length);
}

/* A row with a value that cannot be stored is taken back, and counted. */
static void
take_back(Batch *batch, const size_t *marks, int columns)
{
	for (int i = 0; i < columns; i++)
	{
		batch->arrays[i].length = marks[i];
		strbuf_grown(&batch->arrays[i], 0);
	}
}

static void
add_row(Batch *batch, MYSQL_ROW row, const unsigned long *lengths, size_t *marks)
{
	MyVerifyRows *rows = batch->rows;

	rows->rows++;
	for (int i = 0; i < rows->table->column_count; i++)
	{
		const MyColumn *column = rows->table->columns[i].from;
		StrBuf	   *array = &batch->arrays[i];
		MyProblem	problem;
		MyValueKind kind = MY_VALUE_NULL;

		marks[i] = array->length;
		strbuf_reset(&batch->value);
		if (row[i] != NULL)
			kind = my_value(column, rows->config, row[i], lengths[i], &batch->value, &problem);
		switch (kind)
		{
			case MY_VALUE_NULL:
				append_number(array, UINT32_MAX);
				break;
			case MY_VALUE_SAME:
				append_element(array, row[i], lengths[i]);
				break;
			case MY_VALUE_TEXT:
				append_element(array, strbuf_text(&batch->value), batch->value.length);
				break;
			case MY_VALUE_BAD:
				take_back(batch, marks, i + 1);
				if (rows->unstorable++ == 0)
				{
					rows->problem = problem;
					rows->problem_column = column->name;
				}
				return;
		}
		batch->bytes += array->length - marks[i];
	}
	batch->count++;
}

static bool
read_rows(Batch *batch, size_t *marks, Error *err)
{
	MyVerifyRows *rows = batch->rows;
	MYSQL_RES  *result;
	MYSQL_ROW	row;
	unsigned long *lengths;
	bool		ok;

	if (!my_query_stream(rows->source, rows->table->read_sql, &result, err))
		return false;
	begin_batch(batch);
	do
	{
		ok = my_fetch(rows->source, result, &row, &lengths, err);
		if (!ok || row == NULL)
			break;
		add_row(batch, row, lengths, marks);
		if (batch->count == BATCH_ROWS || batch->bytes >= BATCH_BYTES)
			ok = send_batch(batch, err);
		if (stop_requested())
			ok = error_set(err, ERROR_CANCELLED, "stopped");
	} while (ok);
	/* Of a failure the rest of the rows is not wanted. */
	if (!ok)
		shutdown((int) mysql_get_socket(my_handle(rows->source)), SHUT_RDWR);
	mysql_free_result(result);
	return ok && send_batch(batch, err) && collect(batch, err);
}

bool
mysql_verify_read(MyVerifyRows *rows, Error *err)
{
	size_t		columns = (size_t) rows->table->column_count;
	Batch		batch = {.rows = rows};
	size_t	   *marks = mem_zalloc(sizeof(size_t) * (columns + 1));
	bool		ok;

	rows->rows = rows->unstorable = 0;
	rows->is_refused = false;
	batch.arrays = mem_zalloc(sizeof(StrBuf) * (columns + 1));
	batch.types = mem_zalloc(sizeof(Oid) * (columns + 1));
	batch.values = mem_zalloc(sizeof(char *) * (columns + 1));
	batch.lengths = mem_zalloc(sizeof(int) * (columns + 1));
	batch.formats = mem_zalloc(sizeof(int) * (columns + 1));
	ok = read_rows(&batch, marks, err);
	for (size_t i = 0; i < columns; i++)
		strbuf_free(&batch.arrays[i]);
	strbuf_free(&batch.value);
	free(batch.arrays);
	free(batch.types);
	free(batch.values);
	free(batch.lengths);
	free(batch.formats);
	free(marks);
	return ok;
}
