/*
 * record.c
 *
 * The compact format: arrays, values by position. docs/record-format.md draws
 * every record.
 */
#include "postgres.h"

#include "json.h"
#include "session.h"

#include "mb/pg_wchar.h"
#include "replication/origin.h"

static void
compact_hello(DecoderSession *session)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "[\"H\",");
	json_append_uint(writer, RECORD_VERSION);
	writer_append_char(writer, ',');
	json_append_uint(writer, PG_VERSION_NUM);
	writer_append_char(writer, ',');
	json_append_cstring(writer, pg_encoding_to_char(session->options.encoding));
	writer_append_literal(writer, ",{\"plugin\":\"" ALIDECODE_VERSION "\"");
	if (session->database != NULL)
	{
		writer_append_literal(writer, ",\"database\":");
		json_append_shared_name(writer, session->database);
	}
	writer_append_literal(writer, "}]");
	writer_end(writer);
}

static void
compact_begin(DecoderSession *session, ReorderBufferTXN *txn)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "[\"B\",");
	json_append_uint(writer, txn->xid);
	writer_append_char(writer, ',');
	json_append_lsn(writer, txn->final_lsn);
	writer_append_char(writer, ',');
	value_append_time(writer, session_commit_time(txn));
	if (txn->origin_id != InvalidRepOriginId)
	{
		const char *origin = session_origin_name(txn);

		writer_append_char(writer, ',');
		if (origin != NULL)
			json_append_shared_name(writer, origin);
		else
			writer_append_literal(writer, "null");
		writer_append_char(writer, ',');
		json_append_lsn(writer, txn->origin_lsn);
	}
	writer_append_char(writer, ']');
	writer_end(writer);
}

static void
compact_describe(Writer *writer, RelationEntry *entry, const RelationShape *shape)
{
	const char	identity[] = {',', '"', shape->identity, '"', ',', '['};

	json_append_uint(writer, shape->oid);
	writer_append_char(writer, ',');
	json_append_cstring(writer, shape->schema);
	writer_append_char(writer, ',');
	json_append_cstring(writer, shape->table);
	writer_append(writer, identity, sizeof(identity));
	for (int i = 0; i < shape->column_count; i++)
	{
		const ShapeColumn *column = &shape->columns[i];

		if (i > 0)
			writer_append_char(writer, ',');
		writer_append_char(writer, '[');
		json_append_cstring(writer, column->name);
		writer_append_char(writer, ',');
		json_append_cstring(writer, column->type);
		writer_append_char(writer, ',');
		json_append_uint(writer, (uint64) column->flags);
		writer_append_char(writer, ']');
	}
	writer_append_char(writer, ']');
	if (shape->root_table != NULL && shape->root_schema != NULL)
	{
		writer_append_literal(writer, ",[");
		json_append_cstring(writer, shape->root_schema);
		writer_append_char(writer, ',');
		json_append_cstring(writer, shape->root_table);
		writer_append_char(writer, ']');
	}
}

static void
compact_relation(DecoderSession *session, RelationEntry *entry)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "[\"R\",");
	json_append_uint(writer, entry->number);
	writer_append_char(writer, ',');
	writer_append(writer, entry->text, (Size) entry->text_size);
	writer_append_char(writer, ']');
	writer_end(writer);
}

/* Appends the values of a tuple: all that are sent, or those that name it. */
static void
append_tuple(DecoderSession *session, RelationEntry *entry, TupleDesc tuple_desc,
			 HeapTuple tuple, bool identity_only)
{
	Writer	   *writer = &session->writer;
	bool		first = true;

	session_deform(session, tuple, tuple_desc);
	writer_append_char(writer, '[');
	for (int i = 0; i < entry->column_count; i++)
	{
		RelationColumn *column = &entry->columns[i];
		Datum		value = session->values[column->index];

		if (identity_only && !column->is_identity)
			continue;
		if (!first)
			writer_append_char(writer, ',');
		first = false;
		if (session->is_null[column->index])
			writer_append_literal(writer, "null");
		else if (value_is_absent(&column->value, value))
			writer_append_literal(writer, "false");
		else
			value_append(writer, &column->value, value);
	}
	writer_append_char(writer, ']');
}

static void
append_old(DecoderSession *session, RelationEntry *entry, TupleDesc tuple_desc,
		   HeapTuple tuple)
{
	if (tuple != NULL && entry->identity != REPLICA_IDENTITY_NOTHING)
		append_tuple(session, entry, tuple_desc, tuple, true);
	else
		writer_append_literal(&session->writer, "null");
}

static void
compact_change(DecoderSession *session, ReorderBufferTXN *txn,
			   RelationEntry *entry, TupleDesc tuple_desc,
			   const RowChange *change)
{
	Writer	   *writer = &session->writer;
	const char	head[] = {'[', '"', change->kind, '"', ','};

	writer_begin(writer, false);
	writer_append(writer, head, sizeof(head));
	json_append_uint(writer, entry->number);
	writer_append_char(writer, ',');
	if (change->kind == 'D')
		append_old(session, entry, tuple_desc, change->old_tuple);
	else
	{
		append_tuple(session, entry, tuple_desc, change->new_tuple, false);

		/* An update that leaves the identity as it is says nothing of it. */
		if (change->kind == 'U' &&
			(change->old_tuple != NULL ||
			 entry->identity == REPLICA_IDENTITY_NOTHING))
		{
			writer_append_char(writer, ',');
			append_old(session, entry, tuple_desc, change->old_tuple);
		}
	}
	writer_append_char(writer, ']');
	writer_end(writer);
}

static void
compact_truncate(DecoderSession *session, ReorderBufferTXN *txn,
				 const TruncateChange *truncate)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "[\"T\",[");
	for (int i = 0; i < truncate->count; i++)
	{
		if (i > 0)
			writer_append_char(writer, ',');
		json_append_uint(writer, truncate->entries[i]->number);
	}
	writer_append_literal(writer, "],\"");
	if (truncate->cascade)
		writer_append_char(writer, 'c');
	if (truncate->restart_identity)
		writer_append_char(writer, 'r');
	writer_append_literal(writer, "\"]");
	writer_end(writer);
}

static void
compact_message(DecoderSession *session, ReorderBufferTXN *txn,
				const LogicalMessage *message)
{
	Writer	   *writer = &session->writer;
	bool		is_text = json_is_text(&writer->codec, message->content, message->size);

	writer_begin(writer, !message->is_transactional);
	writer_append_literal(writer, "[\"M\",");
	json_append_cstring(writer, message->prefix);
	writer_append_char(writer, ',');
	writer_expect(writer, message->size);
	if (is_text)
		json_append_text(writer, message->content, message->size);
	else
		json_append_base64(writer, message->content, message->size);
	writer_append_char(writer, ',');
	json_append_lsn(writer, message->lsn);
	if (message->is_transactional)
		writer_append_literal(writer, ",true");
	else
		writer_append_literal(writer, ",false");
	if (!is_text)
		writer_append_literal(writer, ",\"base64\"");
	writer_append_char(writer, ']');
	writer_end(writer);
}

static void
compact_commit(DecoderSession *session, ReorderBufferTXN *txn,
			   XLogRecPtr commit_lsn)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, true);
	writer_append_literal(writer, "[\"C\",");
	json_append_lsn(writer, commit_lsn);
	writer_append_char(writer, ',');
	json_append_lsn(writer, txn->end_lsn);
	writer_append_char(writer, ',');
	value_append_time(writer, session_commit_time(txn));
	writer_append_char(writer, ']');
	writer_end(writer);
}

const RecordFormat compact_format = {
	.describe = compact_describe,
	.hello = compact_hello,
	.begin = compact_begin,
	.relation = compact_relation,
	.change = compact_change,
	.truncate = compact_truncate,
	.message = compact_message,
	.commit = compact_commit,
};
