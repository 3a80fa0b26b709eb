/*
 * append_batch.c
 *		The memory before a store's commit, and the order in which parts may come.
 */
#include "store/append_batch.h"

#include <stdlib.h>
#include <string.h>

void
append_batch_init(AppendBatch *batch)
{
	memset(batch, 0, sizeof(*batch));
	batch->arena = arena_new(256 * 1024);
}

void
append_batch_release(AppendBatch *batch)
{
	arena_free(batch->arena);
	free(batch->relations);
	free(batch->parts);
	free(batch->task);
	memset(batch, 0, sizeof(*batch));
}

bool
append_batch_set_task(AppendBatch *batch, const char *task, Error *err)
{
	if (batch->task != NULL && strcmp(batch->task, task) == 0)
		return true;
	if (batch->dirty)
		return error_set(err, ERROR_FAILED, "parts of task \"%s\" are not committed, and parts of task \"%s\" come",
						 batch->task, task);
	free(batch->task);
	batch->task = mem_strdup(task);
	batch->order_known = false;
	return true;
}

void
append_batch_add_relation(AppendBatch *batch, int64_t segment, uint64_t number, const char *record, size_t length)
{
	AppendRelation *relation;

	if (batch->relation_count == batch->relation_capacity)
	{
		batch->relation_capacity = batch->relation_capacity == 0 ? 64 : batch->relation_capacity * 2;
		batch->relations = mem_realloc(batch->relations, sizeof(AppendRelation) * (size_t) batch->relation_capacity);
	}
	relation = &batch->relations[batch->relation_count++];
	relation->segment = segment;
	relation->number = number;
	relation->record = arena_strndup(batch->arena, record, length);
	relation->length = length;
	batch->dirty = true;
}

void
append_batch_add_part(AppendBatch *batch, const TxnPart *part, bool by_reference)
{
	TxnPart    *copy;

	if (batch->part_count == batch->part_capacity)
	{
		batch->part_capacity = batch->part_capacity == 0 ? 256 : batch->part_capacity * 2;
		batch->parts = mem_realloc(batch->parts, sizeof(TxnPart) * (size_t) batch->part_capacity);
	}
	copy = &batch->parts[batch->part_count++];
	*copy = *part;
	if (!by_reference)
		copy->records = part->length == 0 ? NULL : arena_memdup(batch->arena, part->records, part->length);
	batch->dirty = true;
}

bool
append_batch_is_full(const AppendBatch *batch)
{
	return arena_held_bytes(batch->arena) + (size_t) batch->part_count * sizeof(TxnPart) >= APPEND_BATCH_BYTES;
}

void
append_batch_written(AppendBatch *batch)
{
	arena_reset(batch->arena);
	batch->relation_count = 0;
	batch->part_count = 0;
}

void
append_batch_reset(AppendBatch *batch, bool committed)
{
	append_batch_written(batch);
	memset(&batch->counts, 0, sizeof(batch->counts));
	batch->dirty = false;
	batch->spilled = false;
	batch->completes = false;
	if (!committed)
		batch->order_known = false;
}

AppendAction
append_batch_decide(const AppendBatch *batch, const TxnPart *part)
{
	if (part->commit_lsn > batch->max_lsn)
		return APPEND_INSERT;
	if (part->commit_lsn == batch->current_lsn && part->part == batch->current_part + 1)
		return batch->current_skipped ? APPEND_SKIP : APPEND_INSERT;
	return APPEND_LOOK_UP;
}

void
append_batch_handled(AppendBatch *batch, const TxnPart *part, bool inserted)
{
	batch->current_lsn = part->commit_lsn;
	batch->current_part = part->part;
	batch->current_skipped = !inserted;
	if (!inserted)
		return;
	if (part->commit_lsn > batch->max_lsn)
		batch->max_lsn = part->commit_lsn;
	batch->counts.changes += part->change_count;
	batch->counts.bytes += (int64_t) part->length;
	if (part->last)
	{
		batch->counts.transactions++;
		batch->completes = true;
	}
}
