/*
 * feed.c
 *		From parts of source transactions to changes: what is done already, which relation a number means, where its rows go.
 */
#include "apply/applier_private.h"

#include "base/log.h"
#include "model/record_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * Relations
 */

void
feed_forget_tables(Applier *applier)
{
	while (applier->tables != NULL)
	{
		TargetTable *table = applier->tables;
		/* the relation is ours, only seen as const by the plan's users */
		Relation   *relation = relation_map_find(applier->relations, table->relation->number);

		applier->tables = table->next;
		if (relation != NULL)
			relation->applier_data = NULL;
		batch_close_table(table);
		target_table_free(table);
	}
}

/* Numbers mean something else from now on.  Answers still to come are explained by the old ones, so they are waited for. */
static bool
begin_segment(Applier *applier, int64_t segment, Error *err)
{
	if (applier->segment == segment)
		return true;
	if (!batch_flush(applier, err) || !flight_finish(applier, err) || !pipeline_sync(applier->pipeline, err))
		return false;
	/* What came before could not be read again. */
	if (applier->stats.group_open)
		parts_cut(&applier->parts);
	feed_forget_tables(applier);
	relation_map_clear(applier->relations, NULL);
	applier->segment = segment;
	applier->relations_loaded = false;
	return true;
}

static bool
parse_relations(Applier *applier, const char *text, size_t length, Error *err)
{
	const char *end = text + length;

	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t		line = newline != NULL ? (size_t) (newline - text) : (size_t) (end - text);
		Record		record;
		bool		ok = line == 0 || record_parse(text, line, applier->relations, applier->record_arena, &record, err);

		arena_reset(applier->record_arena);
		if (!ok)
			return error_context(err, "stored relations of segment %" PRId64, applier->segment);
		text += line + 1;
	}
	return true;
}

static bool
load_relations(Applier *applier, Error *err)
{
	char	   *records = NULL;
	size_t		length = 0;
	bool		ok;

	applier->relations_loaded = true;
	ok = applier->options.load_relations(applier->options.arg, applier->segment, &records, &length, err) &&
		parse_relations(applier, records, length, err);
	free(records);
	return ok;
}

bool
feed_parse(Applier *applier, const PartUse *use, size_t offset, size_t length, Arena *arena, Record *record, Error *err)
{
	const char *text = use->part->records + offset;

	record->kind = RECORD_CHANGE;
	return record_scan(text, length, applier->relations, arena, &record->change) ||
		record_parse(text, length, applier->relations, arena, record, err);
}

/* A part read from the local store may name relations that were announced in a transaction that is gone from there. */
static bool
parse_change(Applier *applier, const PartUse *use, size_t offset, size_t length, Arena *arena, Record *record, Error *err)
{
	if (feed_parse(applier, use, offset, length, arena, record, err))
		return true;
	if (applier->relations_loaded || applier->options.load_relations == NULL)
		return false;
	error_clear(err);
	return load_relations(applier, err) && feed_parse(applier, use, offset, length, arena, record, err);
}

static void
warn_of_table(const Applier *applier, const TargetTable *table)
{
	if (table->key_count > 0 && !table->has_arbiter)
		log_warn(MODULE, "target table %s has no unique index on the source's key: an update or delete may have to read the whole table", table->name);
	if (table->table->has_triggers)
		log_warn(MODULE, "target table %s has triggers or rules that are ENABLE ALWAYS or REPLICA: they fire for each change", table->name);
	if (!pg_replica_role(applier->conn) && table->table->has_origin_triggers)
		log_warn(MODULE, "target table %s has triggers or foreign keys, and the role may not set session_replication_role: they fire for each change",
				 table->name);
}

bool
feed_table(Applier *applier, Relation *relation, TargetTable **result, Error *err)
{
	const ApplierOptions *options = &applier->options;
	TargetTable *table;

	if (relation->applier_data != NULL)
	{
		*result = relation->applier_data;
		return true;
	}
	if (options->wanted != NULL && !options->wanted(options->arg, relation->schema, relation->table))
		table = target_table_unwanted(relation);
	else
	{
		/* In the group's own transaction, so that what is read is what the statements will meet. */
		if (!applier_begin(applier, err) || !pipeline_finish(applier->pipeline, err) || !target_table_open(applier->conn, options->target_schema, relation, &table, err))
			return false;
		warn_of_table(applier, table);
		if (!batch_open_table(applier, table, err))
		{
			target_table_free(table);
			return false;
		}
		table->stores_all = !table->table->has_triggers && (pg_replica_role(applier->conn) || !table->table->has_origin_triggers);
		if (options->table_snapshot_lsn != NULL)
			table->snapshot_lsn = options->table_snapshot_lsn(options->arg, relation->schema, relation->table);
	}
	table->loaded_in_group = applier->group_number;
	table->next = applier->tables;
	applier->tables = table;
	relation->applier_data = table;
	*result = table;
	return true;
}

/*
 * Records
 */

static bool
feed_change(Applier *applier, PartUse *use, size_t offset, size_t length, Error *err)
{
	Record		record;
	ChangeContext context = {.change = &record.change, .use = use, .offset = offset, .length = length};

	/* What is gathered outlives its record. */
	if (!applier->is_strict)
		return parse_change(applier, use, offset, length, applier->batch.arena, &record, err) && batch_change(applier, &context, err) &&
			conflict_flush(applier, err);
	return parse_change(applier, use, offset, length, applier->record_arena, &record, err) && strict_apply(applier, &context, err) &&
		conflict_flush(applier, err);
}

static bool
feed_relation(Applier *applier, const PartUse *use, size_t offset, size_t length, Error *err)
{
	Record		record;

	return feed_parse(applier, use, offset, length, applier->record_arena, &record, err);
}

static bool
feed_record(Applier *applier, PartUse *use, size_t offset, size_t length, Error *err)
{
	const char *text = use->part->records + offset;

	switch (record_letter(text, length))
	{
		case 'H':
		case 'B':
		case 'C':
			return true;		/* the part says the same */
		case 'R':
			return feed_relation(applier, use, offset, length, err);
		case 'M':
			if (!applier->is_skipped)
				log_debug(MODULE, "a logical message of transaction %" PRIu32 " is passed over", applier->xid);
			return true;
		default:
			return applier->is_skipped || feed_change(applier, use, offset, length, err);
	}
}

static bool
feed_records(Applier *applier, PartUse *use, Error *err)
{
	const char *text = use->part->records;
	size_t		length = use->part->length;
	size_t		offset = 0;

	while (offset < length)
	{
		const char *newline = memchr(text + offset, '\n', length - offset);
		size_t		line = newline != NULL ? (size_t) (newline - text) - offset : length - offset;
		bool		ok = line == 0 || feed_record(applier, use, offset, line, err);

		arena_reset(applier->record_arena);
		if (!ok)
			return false;
		offset += line + 1;
	}
	return true;
}

/*
 * Transactions
 */

/* A group is a batch until a transaction in it must be strict. */
static bool
choose_way(Applier *applier, const TxnPart *part, Error *err)
{
	bool		is_first = !applier->stats.group_open;
	bool		is_strict = !applier->batches || applier->next_is_strict || applier->is_careful || part->commit_lsn <= applier->strict_until;

	if (is_first)
		applier->is_strict = is_strict;
	else if (is_strict && !applier->is_strict)
	{
		if (!batch_flush(applier, err))
			return false;
		applier->is_strict = true;
	}
	if (!applier->is_strict)
		applier->has_batched = true;
	return true;
}

static bool
begin_transaction(Applier *applier, const TxnPart *part, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];
	Lsn			done = applier->stats.applied_lsn;

	if (applier->flight.state != FLIGHT_NONE)
		done = applier->flight.end_lsn;
	if (applier->stats.in_transaction)
		return error_set(err, ERROR_FAILED, "transaction %" PRIu32 " (commit LSN %s) begins before the one in hand has ended", part->xid,
						 lsn_show(part->commit_lsn, lsn));
	if (part->part != 0)
		return error_set(err, ERROR_FAILED, "transaction %" PRIu32 " (commit LSN %s) comes without its beginning: part %d", part->xid,
						 lsn_show(part->commit_lsn, lsn), (int) part->part);
	if (applier->stats.group_open && applier->stats.group_end_lsn > done)
		done = applier->stats.group_end_lsn;
	applier->is_skipped = txn_is_done(part->commit_lsn, done);
	applier->commit_lsn = part->commit_lsn;
	applier->xid = part->xid;
	applier->next_part = 0;
	applier->transaction_changes = 0;
	applier->stats.in_transaction = true;
	if (!applier->is_skipped)
	{
		careful_transaction_begins(applier, part->commit_lsn);
		if (!choose_way(applier, part, err))
			return false;
		applier->stats.group_open = true;
	}
	return true;
}

static void
end_transaction(Applier *applier, const TxnPart *part)
{
	applier->stats.in_transaction = false;
	if (applier->is_skipped)
		return;
	applier->stats.group_transactions++;
	applier->stats.group_end_lsn = part->end_lsn;
	applier->group_commit_us = part->commit_time_us;
	careful_transaction_ends(applier);
}

bool
feed_part(Applier *applier, PartUse *use, Error *err)
{
	const TxnPart *part = use->part;
	char		lsn[LSN_TEXT_SIZE];

	if (!begin_segment(applier, part->segment, err))
		return false;
	if ((!applier->stats.in_transaction || part->part == 0) && !begin_transaction(applier, part, err))
		return false;
	if (part->commit_lsn != applier->commit_lsn || part->part != applier->next_part)
		return error_set(err, ERROR_FAILED, "part %d of transaction %" PRIu32 " (commit LSN %s) is out of order", (int) part->part, part->xid,
						 lsn_show(part->commit_lsn, lsn));
	applier->next_part++;
	if (!feed_records(applier, use, err))
		return false;
	if (!applier->is_skipped)
		applier->stats.group_bytes += (int64_t) part->length;
	if (!part->last)
		return pipeline_push(applier->pipeline, err);	/* its next part may be long in coming */
	end_transaction(applier, part);
	return true;
}
