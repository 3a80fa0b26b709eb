/*
 * batch_send.c
 *		The rows gathered for a table, as statements: delete, then update, then insert.
 *
 * Rows of one statement are cut at STATEMENT_ROWS and STATEMENT_BYTES.  A few rows go one by one, by the statements of the strict way,
 * which cost the server less than a join with arrays.
 */
#include "apply/applier_private.h"

#include "apply/binary_forms.h"

#include <stdlib.h>
#include <string.h>

#define FEW_ROWS 3
#define STATEMENT_ROWS 20000
#define STATEMENT_BYTES ((size_t) 1024 * 1024)
#define SCRATCH_KEEP_BYTES ((size_t) 4 * 1024 * 1024)

/*
 * Arrays
 */

/* array_recv() of src/backend/utils/adt/arrayfuncs.c: dimensions, "has nulls", element type; for each dimension size and lower bound. */
#define ARRAY_SIZE_OFFSET 12

static void
begin_array(StrBuf *out, uint32_t element_oid)
{
	strbuf_reset(out);
	append_32(out, 1);
	append_32(out, 1);
	append_32(out, element_oid);
	append_32(out, 0);
	append_32(out, 1);
}

bool
batch_append_binary(StrBuf *out, BinaryType type, const Value *value)
{
	size_t		start = out->length;

	if (value->kind == VALUE_NULL)
		return append_32(out, UINT32_MAX);
	if (value->kind != VALUE_TEXT)
		return false;
	strbuf_reserve(out, value->length + 4);
	append_32(out, 0);			/* its length, once that is known */
	if (!binary_append(type, value->data, value->length, out))
		return false;
	write_32(out->data + start, (uint32_t) (out->length - start - 4));
	return true;
}

/* Quoted, so that nothing in it means anything but itself. */
static bool
append_literal(StrBuf *out, const Value *value)
{
	strbuf_append_char(out, out->length == 0 ? '{' : ',');
	if (value->kind == VALUE_NULL)
	{
		strbuf_append(out, "NULL");
		return true;
	}
	if (value->kind != VALUE_TEXT)
		return false;
	strbuf_append_char(out, '"');
	for (size_t i = 0; i < value->length; i++)
	{
		if (value->data[i] == '"' || value->data[i] == '\\')
			strbuf_append_char(out, '\\');
		strbuf_append_char(out, value->data[i]);
	}
	strbuf_append_char(out, '"');
	return true;
}

static bool
append_value(const BatchColumn *column, const Value *value, StrBuf *out)
{
	return column->binary != BINARY_NONE ? batch_append_binary(out, column->binary, value) : append_literal(out, value);
}

/*
 * Statements
 */

static bool
no_form(Applier *applier, const TargetTable *table, int column, const Value *value, Error *err)
{
	if (value->kind == VALUE_TEXT)
		replay_backoff(applier, table->name)->is_text_only = true;
	replay_reason(applier, table, "a value has no form for many rows");
	return error_set(err, ERROR_FAILED, "a value of column \"%s\" of %s cannot be sent together with others", table->relation->columns[column].name,
					 table->name);
}

static void
reserve_arrays(Batch *batch, int count)
{
	if (count <= batch->array_capacity)
		return;
	batch->arrays = mem_realloc(batch->arrays, sizeof(StrBuf) * (size_t) count);
	memset(batch->arrays + batch->array_capacity, 0, sizeof(StrBuf) * (size_t) (count - batch->array_capacity));
	batch->values = mem_realloc(batch->values, sizeof(char *) * (size_t) count);
	batch->lengths = mem_realloc(batch->lengths, sizeof(int) * (size_t) count);
	batch->formats = mem_realloc(batch->formats, sizeof(int) * (size_t) count);
	batch->array_capacity = count;
}

/* One array a parameter from the first rows; *taken: how many came in before they weighed too much. */
static bool
fill_arrays(Applier *applier, const BatchTable *target, size_t first, size_t count, size_t *taken, size_t *size, Error *err)
{
	Batch	   *batch = &applier->batch;
	const BatchParams *params = &batch->params;
	int			param_count = params->value_count + params->key_count;

	reserve_arrays(batch, param_count + 1);	/* and the number of rows, where that is checked */
	for (int n = 0; n < param_count; n++)
	{
		const BatchColumn *column = &target->plan->columns[params->columns[n]];

		if (column->binary != BINARY_NONE)
			begin_array(&batch->arrays[n], column->element_oid);
		else
			strbuf_reset(&batch->arrays[n]);
	}
	*size = 0;
	for (*taken = 0; *taken < count && *taken < STATEMENT_ROWS && *size < STATEMENT_BYTES; (*taken)++)
	{
		const Value *written = batch->written[first + *taken];
		const Value *keys = batch->keys[first + *taken];

		for (int n = 0; n < param_count; n++)
		{
			int			i = params->columns[n];
			StrBuf	   *out = &batch->arrays[n];
			size_t		before = out->length;

			const Value *value = n < params->value_count ? &written[i] : &keys[n - params->value_count];

			if (!append_value(&target->plan->columns[i], value, out))
				return no_form(applier, target->table, i, value, err);
			*size += out->length - before;
		}
	}
	for (int n = 0; n < param_count; n++)
	{
		const BatchColumn *column = &target->plan->columns[params->columns[n]];
		StrBuf	   *out = &batch->arrays[n];

		if (column->binary != BINARY_NONE)
			write_32(out->data + ARRAY_SIZE_OFFSET, (uint32_t) *taken);
		else
			strbuf_append_char(out, '}');
		batch->values[n] = strbuf_text(out);
		batch->lengths[n] = (int) out->length;
		batch->formats[n] = column->binary != BINARY_NONE ? 1 : 0;
	}
	return true;
}

/* A wide row leaves large buffers behind. */
static void
trim_arrays(Batch *batch)
{
	for (int n = 0; n < batch->array_capacity; n++)
	{
		if (batch->arrays[n].capacity > SCRATCH_KEEP_BYTES)
			strbuf_free(&batch->arrays[n]);
	}
}

static bool
get_statement(Applier *applier, const BatchTable *target, BatchOperation operation, const PipelineNote *note, Statement **statement, Error *err)
{
	Batch	   *batch = &applier->batch;

	batch_sql_key(target->table, operation, &batch->params, &batch->key);
	if (note->is_checked)
		strbuf_append_char(&batch->key, 'c');
	*statement = statements_find(applier->statements, batch->key.data, batch->key.length);
	if (*statement != NULL)
		return true;
	batch_sql_build(target->table, target->plan, operation, &batch->params, note->is_checked, &batch->sql);
	return statements_add(applier->statements, applier->pipeline, batch->key.data, batch->key.length, strbuf_text(&batch->sql), note, statement, err);
}

static bool
is_proven(const TargetTable *table, BatchOperation operation)
{
	return table->stores_all && (operation == BATCH_INSERT || operation == BATCH_UPSERT);
}

/* The rows picked, all of the same parameters. */
static bool
send_many(Applier *applier, BatchTable *target, BatchOperation operation, size_t count, Error *err)
{
	Batch	   *batch = &applier->batch;
	int			param_count = batch->params.value_count + batch->params.key_count;
	PipelineNote note = {.kind = PIPELINE_BATCH, .table = target->table, .is_proven = is_proven(target->table, operation)};
	char		expected[16];

	note.is_checked = batch->is_small && !note.is_proven;
	note.is_proven = note.is_proven || note.is_checked;
	if (operation == BATCH_UPDATE && batch->params.value_count == 0)
		return true;			/* it sets nothing that can be set */
	for (size_t first = 0; first < count;)
	{
		Statement  *statement;
		size_t		taken;
		size_t		size;

		if (!get_statement(applier, target, operation, &note, &statement, err) || !fill_arrays(applier, target, first, count - first, &taken, &size, err))
			return false;
		note.expected = (int) taken;
		applier->unproven += note.is_proven ? 0 : 1;
		if (note.is_checked)
		{
			batch->lengths[param_count] = snprintf(expected, sizeof(expected), "%zu", taken);
			batch->values[param_count] = expected;
			batch->formats[param_count] = 0;
		}
		if (!pipeline_execute_batch(applier->pipeline, statement->name, param_count + (note.is_checked ? 1 : 0), batch->values, batch->lengths,
									batch->formats, size, &note, err))
			return false;
		first += taken;
	}
	return true;
}

static TargetOperation
single_operation(BatchOperation operation)
{
	switch (operation)
	{
		case BATCH_DELETE:
			return TARGET_DELETE;
		case BATCH_UPDATE:
			return TARGET_UPDATE;
		case BATCH_UPSERT:
			return TARGET_UPSERT;
		default:
			return TARGET_INSERT;
	}
}

/* One row, by the statement that the strict way has for it. */
static bool
send_one(Applier *applier, const BatchTable *target, BatchOperation operation, const Value *written, const Value *keys, Error *err)
{
	PipelineNote note = {.kind = PIPELINE_BATCH, .expected = 1, .table = target->table, .is_proven = is_proven(target->table, operation)};
	const NetShape *shape = &target->plan->shape;
	const Relation *relation = target->table->relation;
	Change		change = {.kind = operation == BATCH_DELETE ? CHANGE_DELETE : operation == BATCH_UPDATE ? CHANGE_UPDATE : CHANGE_INSERT,
		.relation = (Relation *) relation};
	Value	   *row = (Value *) written;
	Statement  *statement;
	bool		names_row = operation == BATCH_DELETE || operation == BATCH_UPDATE;
	bool		is_checked = names_row && applier->batch.is_small;
	bool		ok;
	size_t		size = 0;

	if (names_row)
	{
		/* the key as it was, in the place where a change without old values has it */
		row = arena_zalloc(applier->batch.arena, sizeof(Value) * (size_t) (relation->column_count + 1));
		if (written != NULL)
			memcpy(row, written, sizeof(Value) * (size_t) relation->column_count);
		for (int k = 0; k < shape->key_count; k++)
			row[shape->key_columns[k]] = keys[k];
	}
	change.new_values = row;
	note.is_checked = is_checked;
	ok = is_checked ? statements_get_checked(applier->statements, applier->pipeline, target->table, single_operation(operation), &change, &note, &statement, err) :
		statements_get(applier->statements, applier->pipeline, target->table, single_operation(operation), &change, &note, &statement, err);
	if (!ok)
		return false;
	if (statement->is_empty)
		return true;
	applier_reserve_values(applier, statement->param_count);
	for (int i = 0; i < statement->param_count; i++)
	{
		const Value *value = target_sql_value(&change, statement->params[i]);

		if (value->kind == VALUE_BYTES)
			return no_form(applier, target->table, statement->params[i], value, err);
		applier->values[i] = value->data;
		size += value->length + 5;
	}
	note.any_count = statement->any_count;
	note.is_proven = note.is_proven || note.any_count || is_checked;
	applier->unproven += note.is_proven ? 0 : 1;
	return pipeline_execute(applier->pipeline, statement->name, statement->param_count, applier->values, size, &note, err);
}

static bool
send_copy(Applier *applier, BatchTable *target, size_t count, Error *err)
{
	const Batch *batch = &applier->batch;
	int			no_column;

	for (size_t r = 0; r < count; r++)
	{
		/* it ends by itself when the target has said something */
		if (batch->copy.target == NULL && !batch_copy_open(applier, target, err))
			return false;
		if (!batch_copy_row(applier, batch->written[r], &no_column, err))
			return false;
		if (no_column >= 0)
			return no_form(applier, target->table, no_column, &batch->written[r][no_column], err);
	}
	return true;
}

static bool
send_picked(Applier *applier, BatchTable *target, BatchOperation operation, size_t count, Error *err)
{
	Batch	   *batch = &applier->batch;

	/* At the end of a group it would have to be waited for, while the next one could be gathered. */
	if (applier->stats.in_transaction && operation == BATCH_INSERT && count >= BATCH_COPY_ROWS && target->plan->can_copy && target->table->stores_all)
		return send_copy(applier, target, count, err);
	if (count > FEW_ROWS)
	{
		batch_sql_params(target->table, target->plan, operation, batch->written[0], &batch->params);
		return send_many(applier, target, operation, count, err);
	}
	for (size_t r = 0; r < count; r++)
	{
		if (!send_one(applier, target, operation, batch->written[r], batch->keys[r], err))
			return false;
	}
	return true;
}

/*
 * Picking
 */

static void
reserve_picks(Batch *batch, size_t count)
{
	if (count <= batch->pick_capacity)
		return;
	batch->pick_capacity = count * 2;
	batch->written = mem_realloc(batch->written, sizeof(Value *) * batch->pick_capacity);
	batch->keys = mem_realloc(batch->keys, sizeof(Value *) * batch->pick_capacity);
}

static BatchOperation
insert_operation(const Applier *applier, const TargetTable *table)
{
	return applier->options.apply.conflict == CONFLICT_UPSERT && table->has_arbiter ? BATCH_UPSERT : BATCH_INSERT;
}

static bool
send_deletes(Applier *applier, BatchTable *target, NetRow **rows, size_t count, Error *err)
{
	Batch	   *batch = &applier->batch;
	size_t		picked = 0;

	for (size_t r = 0; r < count; r++)
	{
		if (!rows[r]->deletes)
			continue;
		batch->written[picked] = NULL;
		batch->keys[picked++] = rows[r]->key_values;
	}
	return send_picked(applier, target, BATCH_DELETE, picked, err);
}

static bool
sets_the_same(const Value *a, const Value *b, int count)
{
	for (int i = 0; i < count; i++)
	{
		if ((a[i].kind == VALUE_UNCHANGED) != (b[i].kind == VALUE_UNCHANGED))
			return false;
	}
	return true;
}

/* Rows that set the same columns go together; most set all. */
static bool
send_updates(Applier *applier, BatchTable *target, NetRow **rows, size_t count, Error *err)
{
	Batch	   *batch = &applier->batch;
	int			column_count = target->table->relation->column_count;
	size_t		left = 0;

	for (size_t r = 0; r < count; r++)
		left += rows[r]->state == NET_UPDATE ? 1 : 0;
	while (left > 0)
	{
		const Value *pattern = NULL;
		size_t		picked = 0;

		for (size_t r = 0; r < count; r++)
		{
			NetRow	   *row = rows[r];

			if (row->state != NET_UPDATE || (pattern != NULL && !sets_the_same(pattern, row->values, column_count)))
				continue;
			pattern = row->values;
			batch->written[picked] = row->values;
			batch->keys[picked++] = row->key_values;
			row->state = NET_NOTHING;
		}
		if (!send_picked(applier, target, BATCH_UPDATE, picked, err))
			return false;
		left -= picked;
	}
	return true;
}

static bool
send_inserts(Applier *applier, BatchTable *target, NetRow **rows, size_t count, Error *err)
{
	Batch	   *batch = &applier->batch;
	size_t		picked = 0;

	for (size_t r = 0; r < count; r++)
	{
		if (rows[r]->state != NET_INSERT)
			continue;
		batch->keys[picked] = NULL;
		batch->written[picked++] = rows[r]->values;
	}
	return send_picked(applier, target, insert_operation(applier, target->table), picked, err);
}

static bool
send_appended(Applier *applier, BatchTable *target, Error *err)
{
	Batch	   *batch = &applier->batch;

	for (size_t r = 0; r < target->row_count; r++)
	{
		batch->keys[r] = NULL;
		batch->written[r] = target->rows[r];
	}
	return send_picked(applier, target, insert_operation(applier, target->table), target->row_count, err);
}

bool
batch_send_table(Applier *applier, BatchTable *target, Error *err)
{
	bool		ok;

	if (!batch_copy_close(applier, err) || !applier_begin(applier, err))
		return false;
	if (target->net == NULL)
	{
		reserve_picks(&applier->batch, target->row_count);
		ok = send_appended(applier, target, err);
	}
	else
	{
		size_t		count = net_count(target->net);
		NetRow	  **rows = net_sorted(target->net);

		reserve_picks(&applier->batch, count);
		ok = send_deletes(applier, target, rows, count, err) && send_updates(applier, target, rows, count, err) &&
			send_inserts(applier, target, rows, count, err);
	}
	trim_arrays(&applier->batch);
	return ok;
}

void
batch_free_scratch(Batch *batch)
{
	for (int n = 0; n < batch->array_capacity; n++)
		strbuf_free(&batch->arrays[n]);
	free(batch->arrays);
	free(batch->values);
	free(batch->lengths);
	free(batch->formats);
	free(batch->written);
	free(batch->keys);
	free(batch->params.columns);
	strbuf_free(&batch->key);
	strbuf_free(&batch->sql);
}
