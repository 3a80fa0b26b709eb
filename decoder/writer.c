/*
 * writer.c
 *
 * Gathers records to messages, because every message costs the walsender and
 * its client a system call, and gives back the memory that a large row took.
 */
#include "postgres.h"

#include "writer.h"

#include "miscadmin.h"
#include "replication/output_plugin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A value from this size on sends its record on its own. */
#define MOVE_BYTES (256 * 1024)

/* A buffer above this size is given back after use. */
#define KEEP_BYTES (1024 * 1024)

/* Let the server look at its timeouts after so many changes. */
#define QUIET_CHANGES_MAX 100

void
writer_init(Writer *writer, LogicalDecodingContext *ctx, int batch_bytes)
{
	memset(writer, 0, sizeof(*writer));
	writer->ctx = ctx;
	writer->batch_bytes = batch_bytes;
	initStringInfo(&writer->batch);
	writer->out = &writer->batch;
}

static void
release_if_large(StringInfo buffer, Size keep_bytes)
{
	if ((Size) buffer->maxlen > keep_bytes)
	{
		MemoryContext owner = GetMemoryChunkContext(buffer->data);
		MemoryContext old = MemoryContextSwitchTo(owner);

		pfree(buffer->data);
		initStringInfo(buffer);
		MemoryContextSwitchTo(old);
	}
}

static void
send_message(Writer *writer, bool last)
{
	OutputPluginWrite(writer->ctx, last);
	writer->quiet_changes = 0;
	release_if_large(writer->ctx->out,
					 KEEP_BYTES + 2 * (Size) writer->batch_bytes);
}

/* Sends the first "size" bytes of the batch as one message. */
static void
send_batch(Writer *writer, int size, bool last)
{
	OutputPluginPrepareWrite(writer->ctx, last);
	appendBinaryStringInfo(writer->ctx->out, writer->batch.data, size);
	send_message(writer, last);
}

static void
empty_batch(Writer *writer)
{
	resetStringInfo(&writer->batch);
	release_if_large(&writer->batch,
					 KEEP_BYTES + 2 * (Size) writer->batch_bytes);
}

void
writer_begin(Writer *writer, bool last)
{
	if (writer->batch.len > 0)
		writer_append_char(writer, '\n');
	writer->record_start = writer->batch.len;
	writer->last = last;
}

void
writer_end(Writer *writer)
{
	if (writer->moved)
	{
		writer->moved = false;
		writer->out = &writer->batch;
		send_message(writer, writer->last);
		return;
	}
	if (writer->last || writer->batch.len >= writer->batch_bytes)
	{
		send_batch(writer, writer->batch.len, writer->last);
		empty_batch(writer);
	}
}

void
writer_expect(Writer *writer, Size size)
{
	int			start = writer->record_start;

	if (size < MOVE_BYTES || writer->out != &writer->batch)
		return;

	/* What was gathered before this record, without the line feed. */
	if (start > 0)
		send_batch(writer, start - 1, false);

	OutputPluginPrepareWrite(writer->ctx, writer->last);
	appendBinaryStringInfo(writer->ctx->out, writer->batch.data + start,
						   writer->batch.len - start);
	empty_batch(writer);
	writer->out = writer->ctx->out;
	writer->moved = true;
}

void
writer_grow(Writer *writer, Size size)
{
	Size		needed = (Size) writer->out->len + size;

	/* A StringInfo, and with it a message, cannot pass this. */
	if (needed >= MaxAllocSize)
	{
		if (writer->relation != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a change of table \"%s.%s\" is too large for a record",
							get_namespace_name(RelationGetNamespace(writer->relation)),
							RelationGetRelationName(writer->relation)),
					 errdetail("The row changed at LSN %X/%X takes at least %zu bytes as text; a record holds less than %zu.",
							   (uint32) (writer->lsn >> 32), (uint32) writer->lsn,
							   needed, (Size) MaxAllocSize),
					 errhint("Go on without the table by the option exclude_tables and copy it in another way, or advance the slot beyond this transaction.")));
		else
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a logical message is too large for a record"),
					 errdetail("The message at LSN %X/%X takes at least %zu bytes as text; a record holds less than %zu.",
							   (uint32) (writer->lsn >> 32), (uint32) writer->lsn,
							   needed, (Size) MaxAllocSize),
					 errhint("Go on without messages by the option messages = off.")));
	}
	enlargeStringInfo(writer->out, (int) size);
}

static void
update_progress(Writer *writer, bool skipped_transaction)
{
#if PG_VERSION_NUM >= 150000
	OutputPluginUpdateProgress(writer->ctx, skipped_transaction);
#else
	(void) skipped_transaction;
	OutputPluginUpdateProgress(writer->ctx);
#endif
}

void
writer_count_change(Writer *writer)
{
	if (++writer->quiet_changes >= QUIET_CHANGES_MAX)
	{
		writer->quiet_changes = 0;

		/* From 16 on the server does this itself. */
#if PG_VERSION_NUM < 160000
		update_progress(writer, false);
#endif
	}
}

void
writer_end_transaction(Writer *writer, bool skipped)
{
	writer->quiet_changes = 0;
	update_progress(writer, skipped);
}
