/*
 * txn.c
 *		Life of a TxnPart.
 */
#include "model/txn.h"

#include "base/arena.h"

#include <stdlib.h>

TxnPart *
txn_part_new(void)
{
	return mem_zalloc(sizeof(TxnPart));
}

void
txn_part_free(TxnPart *part)
{
	if (part == NULL)
		return;
	free(part->records);
	free(part);
}

size_t
txn_part_weight(const TxnPart *part)
{
	/* The bookkeeping of malloc is part of what many small parts cost. */
	return sizeof(TxnPart) + part->length + 1 + 4 * sizeof(size_t);
}
