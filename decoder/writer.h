/*
 * writer.h
 *
 * Carries records from their building to replication messages. Records are
 * gathered, one a line, and sent when "batch_bytes" are reached, when a
 * transaction ends, or before something that must not share a message.
 *
 * A record is built between writer_begin() and writer_end() by appending to
 * writer->out through the functions below. The buffer may change on the way
 * (a large value moves its record straight to the outgoing message, so that it
 * is not held twice): never keep writer->out or a pointer into it.
 *
 * All memory is in the context that was current at writer_init(). An error
 * leaves the writer unusable; the decoding session ends with it.
 */
#ifndef ALIDECODE_WRITER_H
#define ALIDECODE_WRITER_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "replication/logical.h"
#include "utils/rel.h"

/* How text gets from the database's encoding to that of the output. */
typedef enum TextRule
{
	TEXT_AS_IS,
	TEXT_CONVERT,				/* by the default conversion of the two */
	TEXT_VERIFY					/* SQL_ASCII: UTF-8 as it is, else as hex */
} TextRule;

typedef struct TextCodec
{
	TextRule	rule;
	int			source;			/* encoding ids, for TEXT_CONVERT */
	int			target;
	FmgrInfo	convert;
} TextCodec;

typedef struct Writer
{
	StringInfo	out;			/* the record being built goes here */
	TextCodec	codec;

	/* Whose row is being written, for messages about errors; or NULL. */
	Relation	relation;
	XLogRecPtr	lsn;

	/* The rest is the writer's own. */
	LogicalDecodingContext *ctx;
	StringInfoData batch;		/* records gathered */
	int			batch_bytes;
	int			record_start;	/* of the current record in the batch */
	bool		last;			/* the current record is a transaction's last */
	bool		moved;			/* the current record is in ctx->out */
	int			quiet_changes;	/* changes since the last message */
} Writer;

extern void writer_init(Writer *writer, LogicalDecodingContext *ctx,
						int batch_bytes);

/*
 * Begins a record. "last": nothing of this transaction follows, so that it is
 * sent with all before it.
 */
extern void writer_begin(Writer *writer, bool last);
extern void writer_end(Writer *writer);

/* Announces that about "size" bytes will be appended to the record at once. */
extern void writer_expect(Writer *writer, Size size);

/*
 * To be called once a change, sent or not. Lets the server look at its
 * timeouts in long stretches in which no message is sent.
 */
extern void writer_count_change(Writer *writer);

/* To be called when a transaction ends; "skipped": it has sent nothing. */
extern void writer_end_transaction(Writer *writer, bool skipped);

/* Makes room or raises the error that a record cannot pass 1 GB. */
extern void writer_grow(Writer *writer, Size size);

/* After this, "size" bytes may be stored at writer_tail(). */
static inline void
writer_reserve(Writer *writer, Size size)
{
	if (unlikely((Size) writer->out->len + size >= (Size) writer->out->maxlen))
		writer_grow(writer, size);
}

static inline char *
writer_tail(Writer *writer)
{
	return writer->out->data + writer->out->len;
}

/* Takes what was stored at writer_tail(), up to "end", into the record. */
static inline void
writer_advance(Writer *writer, const char *end)
{
	writer->out->len = (int) (end - writer->out->data);
}

static inline void
writer_append(Writer *writer, const char *bytes, Size size)
{
	writer_reserve(writer, size);
	memcpy(writer_tail(writer), bytes, size);
	writer->out->len += (int) size;
}

static inline void
writer_append_char(Writer *writer, char c)
{
	writer_reserve(writer, 1);
	writer->out->data[writer->out->len++] = c;
}

#define writer_append_literal(writer, literal) \
	writer_append((writer), "" literal, sizeof(literal) - 1)

#endif							/* ALIDECODE_WRITER_H */
