/*
 * session.h
 *
 * One decoding session: from the startup of the plugin to its end. And the
 * interface that a record format implements.
 *
 * All of it lives in a child of the decoding context, and goes with it: with
 * the SQL functions an error skips the shutdown callback.
 */
#ifndef ALIDECODE_SESSION_H
#define ALIDECODE_SESSION_H

#include "postgres.h"

#include "options.h"
#include "relation.h"
#include "replication/logical.h"
#include "replication/reorderbuffer.h"
#include "writer.h"

/* Of the plugin; the same as in the extension's control file. */
#define ALIDECODE_VERSION "1.0.0"

struct RecordFormat;

typedef struct DecoderSession
{
	DecoderOptions options;
	Writer		writer;
	RelationCache *relations;
	const struct RecordFormat *format;
	const char *database;		/* its name; NULL: not known */
	MemoryContext change_context;	/* reset after each change */
	bool		hello_sent;
	bool		begin_sent;		/* of the current transaction */
	int			settings_level; /* for settings_restore() */

	/* Room to take tuples apart, for the widest one met. */
	int			natts_max;
	Datum	   *values;
	bool	   *is_null;
} DecoderSession;

/* A row as it stands in the WAL. */
typedef struct RowChange
{
	char		kind;			/* 'I', 'U', 'D' */
	HeapTuple	new_tuple;		/* NULL for a delete */
	HeapTuple	old_tuple;		/* NULL: none in the WAL */
} RowChange;

typedef struct LogicalMessage
{
	const char *prefix;
	const char *content;
	Size		size;
	XLogRecPtr	lsn;
	bool		is_transactional;
} LogicalMessage;

typedef struct TruncateChange
{
	int			count;
	RelationEntry **entries;
	Relation   *relations;
	bool		cascade;
	bool		restart_identity;
} TruncateChange;

/*
 * How records are written. Each function appends one record or, for "relation"
 * of a format that needs none, nothing. "describe" is for the relation cache.
 */
typedef struct RecordFormat
{
	RelationDescribe describe;
	void		(*hello) (DecoderSession *session);
	void		(*begin) (DecoderSession *session, ReorderBufferTXN *txn);
	void		(*relation) (DecoderSession *session, RelationEntry *entry);
	void		(*change) (DecoderSession *session, ReorderBufferTXN *txn,
						   RelationEntry *entry, TupleDesc tuple_desc,
						   const RowChange *change);
	void		(*truncate) (DecoderSession *session, ReorderBufferTXN *txn,
							 const TruncateChange *truncate);
	void		(*message) (DecoderSession *session, ReorderBufferTXN *txn,
							const LogicalMessage *message);
	void		(*commit) (DecoderSession *session, ReorderBufferTXN *txn,
						   XLogRecPtr commit_lsn);
} RecordFormat;

extern const RecordFormat compact_format;
extern const RecordFormat verbose_format;

/*
 * Takes a tuple apart into session->values and session->is_null. A tuple has
 * no more than the "natts" of its descriptor.
 */
extern void session_deform(DecoderSession *session, HeapTuple tuple,
						   TupleDesc tuple_desc);

/* The name of a replication origin, NULL if it is gone. */
extern const char *session_origin_name(ReorderBufferTXN *txn);

/* When a transaction was committed. */
static inline TimestampTz
session_commit_time(const ReorderBufferTXN *txn)
{
#if PG_VERSION_NUM >= 150000
	return txn->xact_time.commit_time;
#else
	return txn->commit_time;
#endif
}

#endif							/* ALIDECODE_SESSION_H */
