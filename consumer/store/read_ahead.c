/*
 * read_ahead.c
 *		A reader's window on the waiting transactions.
 */
#include "store/read_ahead.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

void
read_ahead_init(ReadAhead *ahead)
{
	memset(ahead, 0, sizeof(*ahead));
}

void
read_ahead_drop(ReadAhead *ahead)
{
	for (int i = ahead->next; i < ahead->count; i++)
		txn_part_free(ahead->parts[i]);
	ahead->count = 0;
	ahead->next = 0;
	ahead->bytes = 0;
	ahead->exhausted = false;
}

void
read_ahead_release(ReadAhead *ahead)
{
	read_ahead_drop(ahead);
	free(ahead->task);
	ahead->task = NULL;
}

void
read_ahead_seek(ReadAhead *ahead, const char *task, Lsn after_lsn, int after_part)
{
	bool		same_task = ahead->task != NULL && strcmp(ahead->task, task) == 0;

	if (same_task && ahead->lsn == after_lsn && ahead->part == after_part)
		return;
	read_ahead_drop(ahead);
	if (!same_task)
	{
		free(ahead->task);
		ahead->task = mem_strdup(task);
	}
	ahead->lsn = after_lsn;
	ahead->part = after_part;
	ahead->whole_lsn = LSN_NONE;
}

TxnPart *
read_ahead_take(ReadAhead *ahead)
{
	TxnPart    *part;

	if (ahead->next == ahead->count)
		return NULL;
	part = ahead->parts[ahead->next++];
	ahead->lsn = part->commit_lsn;
	ahead->part = part->part;
	return part;
}

void
read_ahead_begin(ReadAhead *ahead)
{
	ahead->count = 0;
	ahead->next = 0;
	ahead->bytes = 0;
	ahead->exhausted = false;
}

bool
read_ahead_is_full(const ReadAhead *ahead)
{
	return ahead->count == READ_AHEAD_PARTS || ahead->bytes >= READ_AHEAD_BYTES;
}

void
read_ahead_add(ReadAhead *ahead, const TxnPart *head, int piece, const void *data, size_t length)
{
	TxnPart    *part;

	if (piece == 0)
	{
		part = txn_part_new();
		*part = *head;
		part->records = mem_alloc(length + 1);
		part->length = 0;
		ahead->parts[ahead->count++] = part;
	}
	else
	{
		part = ahead->parts[ahead->count - 1];
		part->records = mem_realloc(part->records, part->length + length + 1);
	}
	if (length > 0)
		memcpy(part->records + part->length, data, length);
	part->length += length;
	part->records[part->length] = '\0';
	ahead->bytes += length;
}
