/*
 * batch.c
 *		Gathering changes by table.
 */
#include "apply/applier_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* A group of no more changes than this is sent so that COMMIT can follow at once. */
#define FEW_CHANGES 500

void
batch_begin(Applier *applier)
{
	applier->batch.arena = arena_new(256 * 1024);
	applier->batch.by_target = hash_new();
}

void
batch_end(Applier *applier)
{
	batch_free_scratch(&applier->batch);
	batch_copy_free(applier);
	arena_free(applier->batch.arena);
	hash_free(applier->batch.by_target, NULL);
}

bool
batch_open_table(Applier *applier, TargetTable *table, Error *err)
{
	BatchTable *target;
	BatchPlan  *plan;
	Backoff    *backoff;

	if (!applier->batches)
		return true;
	backoff = replay_backoff(applier, table->name);
	if (!batch_plan_open(applier->conn, table, backoff->is_text_only, &plan, err))
		return false;
	target = arena_zalloc(table->arena, sizeof(BatchTable));
	target->table = table;
	target->plan = plan;
	target->backoff = backoff;
	if (plan->strict_reason == NULL && plan->order_reason == NULL)
		target->net = net_new(&plan->shape, applier->batch.arena);
	table->batch = target;
	if (plan->strict_reason != NULL)
		log_info(MODULE, "target table %s takes changes one by one: %s", table->name, plan->strict_reason);
	else if (plan->order_reason != NULL)
		log_info(MODULE, "target table %s takes updates and deletes one by one: %s", table->name, plan->order_reason);
	return true;
}

void
batch_close_table(TargetTable *table)
{
	if (table->batch == NULL)
		return;
	net_free(table->batch->net);
	free(table->batch->rows);
	table->batch = NULL;
}

/* What was gathered for a table is sent or given up. */
static void
empty_table(BatchTable *target)
{
	if (target->net != NULL)
		net_reset(target->net);
	target->row_count = 0;
}

static bool
flush_table(Applier *applier, BatchTable *target, Error *err)
{
	bool		ok = batch_send_table(applier, target, err);

	empty_table(target);
	return ok;
}

static bool
flush_tables(Applier *applier, Error *err)
{
	for (BatchTable *target = applier->batch.first; target != NULL; target = target->next)
	{
		if (!flush_table(applier, target, err))
			return false;
	}
	return true;
}

void
batch_forget(Applier *applier)
{
	Batch	   *batch = &applier->batch;

	for (BatchTable *target = batch->first; target != NULL; target = target->next)
	{
		empty_table(target);
		target->is_queued = false;
	}
	batch->first = batch->last = NULL;
	batch->is_small = false;
	batch->change_count = 0;
	batch->bytes = 0;
	hash_clear(batch->by_target, NULL);
	arena_reset(batch->arena);
}

bool
batch_flush(Applier *applier, Error *err)
{
	Batch	   *batch = &applier->batch;
	bool		is_whole;

	if (!batch_copy_close(applier, err))
		return false;
	if (batch->first == NULL)
		return true;
	/* What was sent before is answered first: so much is on its way at most. */
	if (!flight_finish(applier, err) || !pipeline_drain(applier->pipeline, err) || !applier_begin(applier, err))
		return false;
	batch->is_small = batch->change_count <= FEW_CHANGES && applier->unproven == 0;
	if (!flush_tables(applier, err))
		return false;
	/* COMMIT may go out in the same message; else the next part may be long in coming. */
	is_whole = batch->is_small && !applier->stats.in_transaction;
	batch_forget(applier);
	return is_whole || pipeline_push(applier->pipeline, err);
}

/* Two relations can have the same target: partitions of one tree, or a table before and after a change of its columns. */
static bool
queue_table(Applier *applier, BatchTable *target, Error *err)
{
	Batch	   *batch = &applier->batch;
	BatchTable *other = hash_get_number(batch->by_target, target->table->table->oid);

	if (other != NULL && other != target && !flush_table(applier, other, err))
		return false;
	if (other != target)
		hash_put_number(batch->by_target, target->table->table->oid, target);
	if (target->is_queued)
		return true;
	target->is_queued = true;
	target->next = NULL;
	if (batch->last != NULL)
		batch->last->next = target;
	else
		batch->first = target;
	batch->last = target;
	return true;
}

static NetResult
append_row(BatchTable *target, const Change *change)
{
	if (change->kind != CHANGE_INSERT)
		return NET_NOT_POSSIBLE;
	if (target->row_count == target->row_capacity)
	{
		target->row_capacity = target->row_capacity == 0 ? 256 : target->row_capacity * 2;
		target->rows = mem_realloc(target->rows, sizeof(Value *) * target->row_capacity);
	}
	target->rows[target->row_count++] = change->new_values;
	return NET_TAKEN;
}

static bool
contradiction(Applier *applier, const TargetTable *table, Error *err)
{
	replay_reason(applier, table, "a change does not fit the one before it");
	return error_set(err, ERROR_FAILED, "changes of %s do not fit each other", table->name);
}

/*
 * What a trigger does depends on the rows of other tables, as a foreign key's cascade does: all that came before must be there.  What
 * foreign keys do to other rows, they do when one is changed or deleted.
 */
static bool
needs_all_before(const Change *change, const TargetTable *table)
{
	return table->table->has_triggers && (change->kind != CHANGE_INSERT || table->table->fires_on_insert);
}

/* By itself, behind what its table has gathered. */
static bool
send_alone(Applier *applier, const ChangeContext *context, TargetTable *table, Error *err)
{
	BatchTable *holder = hash_get_number(applier->batch.by_target, table->table->oid);
	bool		ok = true;

	if (needs_all_before(context->change, table))
		ok = flush_tables(applier, err);
	else if (holder != NULL)
		ok = flush_table(applier, holder, err);
	if (!ok || !batch_copy_close(applier, err))
		return false;
	return strict_send_change(applier, context, table, err);
}

static bool
gather(Applier *applier, const ChangeContext *context, TargetTable *table, Error *err)
{
	BatchTable *target = table->batch;
	Batch	   *batch = &applier->batch;

	if (target == NULL || target->plan->strict_reason != NULL || applier->group_number < target->backoff->until_group)
		return send_alone(applier, context, table, err);
	if (!queue_table(applier, target, err))
		return false;
	switch (target->net != NULL ? net_add(target->net, context->change) : append_row(target, context->change))
	{
		case NET_TAKEN:
			batch->change_count++;
			return true;
		case NET_NOT_POSSIBLE:
			return send_alone(applier, context, table, err);
		case NET_CONTRADICTION:
			break;
	}
	return contradiction(applier, table, err);
}

/* Inside a large source transaction, too, no more is held than a group may have. */
static bool
flush_if_full(Applier *applier, Error *err)
{
	const ApplyOptions *limits = &applier->options.apply;
	const Batch *batch = &applier->batch;

	if (batch->change_count < limits->group_changes && (int64_t) batch->bytes < limits->group_bytes)
		return true;
	return batch_flush(applier, err);
}

/* One more row for an open COPY; *taken false: it is closed now, and the change goes another way. */
static bool
copy_change(Applier *applier, const Change *change, bool *taken, Error *err)
{
	BatchCopy  *copy = &applier->batch.copy;
	int			no_form;

	*taken = false;
	if (copy->target == NULL)
		return true;
	if (change->kind != CHANGE_INSERT || change->relation->applier_data != copy->target->table)
		return batch_copy_close(applier, err);
	if (!batch_copy_row(applier, change->new_values, &no_form, err))
		return false;
	if (no_form >= 0)
		return batch_copy_close(applier, err);
	*taken = true;
	applier->stats.group_changes++;
	return true;
}

static bool
take_change(Applier *applier, const ChangeContext *context, Error *err)
{
	const Change *change = context->change;
	TargetTable *table = NULL;
	bool		taken;

	if (!copy_change(applier, change, &taken, err))
		return false;
	if (taken)
		return true;
	if (change->kind == CHANGE_TRUNCATE)
	{
		applier->stats.group_changes++;
		return batch_flush(applier, err) && truncate_send(applier, context, err);
	}
	if (!strict_find_table(applier, context, &table, err))
		return false;
	if (table == NULL)
		return true;
	applier->stats.group_changes++;
	if (change->no_identity)
		return applier_begin(applier, err) && strict_no_identity(applier, context, err);
	return gather(applier, context, table, err);
}

bool
batch_change(Applier *applier, const ChangeContext *context, Error *err)
{
	if (!take_change(applier, context, err))
		return false;
	if (applier->batch.first == NULL)
	{
		arena_reset(applier->batch.arena);
		return true;
	}
	/* What went by itself lies in the arena, too. */
	applier->batch.bytes += context->length;
	return flush_if_full(applier, err);
}

/* The answer to a statement for many rows: an error comes here already explained by the server. */
bool
batch_result(Applier *applier, const PipelineNote *note, const PGresult *result, Error *err)
{
	const char *count = PQcmdTuples((PGresult *) result);

	applier->unproven -= note->is_proven ? 0 : 1;
	if (note->any_count || note->is_checked || atoi(count) == note->expected)
		return true;
	replay_reason(applier, note->table, REPLAY_WRONG_COUNT);
	return error_set(err, ERROR_CONFLICT, "%s rows of %s were changed, not %d", count, note->table->name, note->expected);
}
