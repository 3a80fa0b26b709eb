/*
 * alidecode.c
 *
 * The output plugin's callbacks: what the server calls, in which order, and
 * when a transaction becomes visible to the reader. How records look is the
 * matter of record.c and verbose.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "json.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/walsender.h"
#include "session.h"
#include "settings.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "alidecode", .version = ALIDECODE_VERSION);
#else
PG_MODULE_MAGIC;
#endif

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

/* Tuples of a change are HeapTuple from 17 on. */
#if PG_VERSION_NUM >= 170000
#define CHANGE_TUPLE(buffer) (buffer)
#else
#define CHANGE_TUPLE(buffer) ((buffer) != NULL ? &(buffer)->tuple : NULL)
#endif

static DecoderSession *
get_session(LogicalDecodingContext *ctx)
{
	return (DecoderSession *) ctx->output_plugin_private;
}

/*
 * What a session needs of catalogs is read at its start: later, a message
 * outside of transactions has none to read them in. The memory is of the
 * current context.
 */
static void
read_catalogs(DecoderSession *session)
{
	bool		own_transaction = !IsTransactionState();
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *database;

	if (own_transaction)
		StartTransactionCommand();

	database = get_database_name(MyDatabaseId);
	MemoryContextSwitchTo(context);
	if (database != NULL)
		session->database = pstrdup(database);
	json_codec_init(&session->writer.codec, session->options.encoding);

	if (own_transaction)
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
}

/*
 * The slot is about to be used, or, with "is_init", it has just been created:
 * then nothing is sent, and there are no options.
 */
static void
plugin_startup(LogicalDecodingContext *ctx, OutputPluginOptions *plugin_options,
			   bool is_init)
{
	MemoryContext context = AllocSetContextCreate(ctx->context, "alidecode",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DecoderSession *session = palloc0(sizeof(DecoderSession));

	plugin_options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
	plugin_options->receive_rewrites = false;
	ctx->output_plugin_private = session;

	options_parse(ctx->output_plugin_options, &session->options);
	session->format = session->options.format == FORMAT_VERBOSE ?
		&verbose_format : &compact_format;
	writer_init(&session->writer, ctx, session->options.batch_bytes);
	session->relations = relation_cache_new(&session->options, &session->writer,
											session->format->describe);
	session->change_context = AllocSetContextCreate(context, "alidecode change",
													ALLOCSET_DEFAULT_SIZES);
	if (!is_init)
	{
		read_catalogs(session);

		/* Text of another encoding is no text to this server. */
		if (session->writer.codec.rule == TEXT_CONVERT)
			plugin_options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
		if (am_walsender && !IsTransactionState())
			settings_fix_session();
	}
	MemoryContextSwitchTo(old);
}

static void
plugin_shutdown(LogicalDecodingContext *ctx)
{
	/* All memory is the decoding context's, which goes away with it. */
	ctx->output_plugin_private = NULL;
}

const char *
session_origin_name(ReorderBufferTXN *txn)
{
	char	   *name = NULL;

	if (!replorigin_by_oid(txn->origin_id, true, &name))
		return NULL;
	return name;
}

void
session_deform(DecoderSession *session, HeapTuple tuple, TupleDesc tuple_desc)
{
	int			natts = tuple_desc->natts;

	if (natts > session->natts_max)
	{
		MemoryContext owner = GetMemoryChunkContext(session);

		if (session->natts_max > 0)
		{
			pfree(session->values);
			pfree(session->is_null);
		}
		session->values = MemoryContextAlloc(owner, natts * sizeof(Datum));
		session->is_null = MemoryContextAlloc(owner, natts * sizeof(bool));
		session->natts_max = natts;
	}
	heap_deform_tuple(tuple, tuple_desc, session->values, session->is_null);
}

static void
send_hello(DecoderSession *session)
{
	if (session->hello_sent)
		return;
	session->hello_sent = true;
	session->format->hello(session);
}

/*
 * Everything that is sent of a transaction comes through here first: begin is
 * sent with the first thing that is wanted.
 */
static void
enter_transaction(DecoderSession *session, ReorderBufferTXN *txn)
{
	if (session->begin_sent)
		return;
	session->begin_sent = true;
	send_hello(session);
	session->format->begin(session, txn);
}

static void
announce_relation(DecoderSession *session, RelationEntry *entry)
{
	if (entry->is_announced)
		return;
	session->format->relation(session, entry);
	entry->is_announced = true;
}

/*
 * The server has begun a (sub)transaction of its own for what follows; if an
 * error ends that, it takes the settings back too.
 */
static void
begin_transaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	DecoderSession *session = get_session(ctx);

	session->begin_sent = false;
	session->settings_level = settings_fix();
}

/*
 * The server's error context tells the slot, the callback and the LSN; this
 * one tells the table.
 */
static void
describe_error(void *arg)
{
	const Writer *writer = arg;

	if (writer->relation != NULL)
		errcontext("a change of table \"%s\"",
				   RelationGetRelationName(writer->relation));
}

static RowChange
read_change(const ReorderBufferChange *change)
{
	RowChange	row = {0};

	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			row.kind = 'I';
			row.new_tuple = CHANGE_TUPLE(change->data.tp.newtuple);
			break;
		case REORDER_BUFFER_CHANGE_UPDATE:
			row.kind = 'U';
			row.new_tuple = CHANGE_TUPLE(change->data.tp.newtuple);
			row.old_tuple = CHANGE_TUPLE(change->data.tp.oldtuple);
			break;
		case REORDER_BUFFER_CHANGE_DELETE:
			row.kind = 'D';
			row.old_tuple = CHANGE_TUPLE(change->data.tp.oldtuple);
			break;
		default:
			elog(ERROR, "unexpected kind of change: %d", (int) change->action);
	}
	return row;
}

static void
send_change(DecoderSession *session, ReorderBufferTXN *txn, Relation relation,
			RelationEntry *entry, const RowChange *row)
{
	if (row->kind != 'D' && row->new_tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the WAL holds no new row for a change of table \"%s\"",
						RelationGetRelationName(relation))));
	if (row->kind != 'I' && entry->identity == REPLICA_IDENTITY_NOTHING)
		relation_warn_no_identity(entry, relation);

	enter_transaction(session, txn);
	announce_relation(session, entry);
	session->format->change(session, txn, entry, RelationGetDescr(relation), row);
}

static void
change_row(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
		   Relation relation, ReorderBufferChange *change)
{
	DecoderSession *session = get_session(ctx);
	MemoryContext old = MemoryContextSwitchTo(session->change_context);
	ErrorContextCallback error_context;
	RelationEntry *entry;

	session->writer.relation = relation;
	session->writer.lsn = change->lsn;
	error_context.callback = describe_error;
	error_context.arg = &session->writer;
	error_context.previous = error_context_stack;
	error_context_stack = &error_context;

	entry = relation_get(session->relations, relation);
	if (entry->is_wanted)
	{
		RowChange	row = read_change(change);

		send_change(session, txn, relation, entry, &row);
	}

	error_context_stack = error_context.previous;
	session->writer.relation = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(session->change_context);
	writer_count_change(&session->writer);
}

/*
 * Partitioned tables have no rows.  The root of a tree tells that all of it was
 * truncated, where a partition of it is wanted; those in between tell nothing.
 */
static bool
truncate_tells(DecoderSession *session, Relation relation,
			   int nrelations, Relation relations[])
{
	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return true;
	if (relation->rd_rel->relispartition)
		return false;
	for (int i = 0; i < nrelations; i++)
	{
		Relation	leaf = relations[i];

		if (leaf->rd_rel->relispartition &&
			leaf->rd_rel->relkind == RELKIND_RELATION &&
			relation_get(session->relations, leaf)->is_wanted &&
			list_member_oid(get_partition_ancestors(RelationGetRelid(leaf)),
							RelationGetRelid(relation)))
			return true;
	}
	return false;
}

static void
truncate_tables(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				int nrelations, Relation relations[],
				ReorderBufferChange *change)
{
	DecoderSession *session = get_session(ctx);
	MemoryContext old = MemoryContextSwitchTo(session->change_context);
	TruncateChange truncate = {0};

	truncate.entries = palloc(nrelations * sizeof(RelationEntry *));
	truncate.cascade = change->data.truncate.cascade;
	truncate.restart_identity = change->data.truncate.restart_seqs;
	session->writer.lsn = change->lsn;

	for (int i = 0; i < nrelations; i++)
	{
		RelationEntry *entry = relation_get(session->relations, relations[i]);

		if (!entry->is_wanted ||
			!truncate_tells(session, relations[i], nrelations, relations))
			continue;
		enter_transaction(session, txn);
		announce_relation(session, entry);
		truncate.entries[truncate.count++] = entry;
	}
	if (truncate.count > 0)
		session->format->truncate(session, txn, &truncate);

	MemoryContextSwitchTo(old);
	MemoryContextReset(session->change_context);
	writer_count_change(&session->writer);
}

static void
send_logical_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
					 XLogRecPtr message_lsn, bool transactional,
					 const char *prefix, Size message_size, const char *message)
{
	DecoderSession *session = get_session(ctx);
	LogicalMessage logical_message = {0};
	MemoryContext old;

	if (!session->options.messages)
		return;

	old = MemoryContextSwitchTo(session->change_context);
	logical_message.prefix = prefix;
	logical_message.content = message;
	logical_message.size = message_size;
	logical_message.lsn = message_lsn;
	logical_message.is_transactional = transactional;
	session->writer.lsn = message_lsn;

	if (transactional)
		enter_transaction(session, txn);
	else
		send_hello(session);
	session->format->message(session, txn, &logical_message);

	MemoryContextSwitchTo(old);
	MemoryContextReset(session->change_context);
	writer_count_change(&session->writer);
}

static void
commit_transaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn,
				   XLogRecPtr commit_lsn)
{
	DecoderSession *session = get_session(ctx);
	MemoryContext old = MemoryContextSwitchTo(session->change_context);
	bool		skipped;

	if (session->options.include_empty)
		enter_transaction(session, txn);
	skipped = !session->begin_sent;
	if (!skipped)
		session->format->commit(session, txn, commit_lsn);

	settings_restore(session->settings_level);
	session->settings_level = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(session->change_context);
	writer_end_transaction(&session->writer, skipped);
}

static bool
filter_by_origin(LogicalDecodingContext *ctx, RepOriginId origin_id)
{
	return get_session(ctx)->options.origin == ORIGIN_NONE &&
		origin_id != InvalidRepOriginId;
}

/*
 * Transactions in progress are not streamed, and prepared ones are sent when
 * they are committed: a reader gets whole transactions only.
 */
void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = plugin_startup;
	callbacks->begin_cb = begin_transaction;
	callbacks->change_cb = change_row;
	callbacks->truncate_cb = truncate_tables;
	callbacks->message_cb = send_logical_message;
	callbacks->commit_cb = commit_transaction;
	callbacks->filter_by_origin_cb = filter_by_origin;
	callbacks->shutdown_cb = plugin_shutdown;
}
