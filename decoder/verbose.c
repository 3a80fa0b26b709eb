/*
 * verbose.c
 *
 * The verbose format: one object a record, which needs no other to be read.
 * For people and for programs that prefer names to speed.
 */
#include "postgres.h"

#include "json.h"
#include "session.h"

#include "mb/pg_wchar.h"
#include "replication/origin.h"

static void
append_transaction(Writer *writer, ReorderBufferTXN *txn)
{
	writer_append_literal(writer, ",\"xid\":");
	json_append_uint(writer, txn->xid);
}

static void
verbose_hello(DecoderSession *session)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "{\"action\":\"hello\",\"version\":");
	json_append_uint(writer, RECORD_VERSION);
	writer_append_literal(writer, ",\"server_version\":");
	json_append_uint(writer, PG_VERSION_NUM);
	writer_append_literal(writer, ",\"encoding\":");
	json_append_cstring(writer, pg_encoding_to_char(session->options.encoding));
	writer_append_literal(writer, ",\"plugin\":\"" ALIDECODE_VERSION "\"");
	if (session->database != NULL)
	{
		writer_append_literal(writer, ",\"database\":");
		json_append_shared_name(writer, session->database);
	}
	writer_append_char(writer, '}');
	writer_end(writer);
}

static void
verbose_begin(DecoderSession *session, ReorderBufferTXN *txn)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "{\"action\":\"begin\"");
	append_transaction(writer, txn);
	writer_append_literal(writer, ",\"commit_lsn\":");
	json_append_lsn(writer, txn->final_lsn);
	writer_append_literal(writer, ",\"commit_time\":");
	value_append_time(writer, session_commit_time(txn));
	if (txn->origin_id != InvalidRepOriginId)
	{
		const char *origin = session_origin_name(txn);

		writer_append_literal(writer, ",\"origin\":");
		if (origin != NULL)
			json_append_shared_name(writer, origin);
		else
			writer_append_literal(writer, "null");
		writer_append_literal(writer, ",\"origin_lsn\":");
		json_append_lsn(writer, txn->origin_lsn);
	}
	writer_append_char(writer, '}');
	writer_end(writer);
}

static void
append_table(Writer *writer, const char *schema, const char *table)
{
	writer_append_literal(writer, "\"schema\":");
	json_append_cstring(writer, schema);
	writer_append_literal(writer, ",\"table\":");
	json_append_cstring(writer, table);
}

/* Appends a column's name as a key, and keeps it for the rows. */
static void
append_column_key(Writer *writer, RelationEntry *entry, int i, const char *name)
{
	int			start = writer->out->len;
	int			size;
	char	   *key;

	json_append_key(writer, name);
	writer_append_char(writer, ':');
	size = writer->out->len - start;
	key = MemoryContextAlloc(entry->context, (Size) size);
	memcpy(key, writer->out->data + start, (Size) size);
	entry->columns[i].key = key;
	entry->columns[i].key_size = size;
}

static void
verbose_describe(Writer *writer, RelationEntry *entry, const RelationShape *shape)
{
	bool		first = true;

	append_table(writer, shape->schema, shape->table);
	if (shape->root_table != NULL && shape->root_schema != NULL)
	{
		writer_append_literal(writer, ",\"root\":{");
		append_table(writer, shape->root_schema, shape->root_table);
		writer_append_char(writer, '}');
	}
	writer_append_literal(writer, ",\"identity\":\"");
	writer_append_char(writer, shape->identity);
	writer_append_literal(writer, "\",\"key\":[");
	for (int i = 0; i < shape->column_count; i++)
	{
		if ((shape->columns[i].flags & COLUMN_IDENTITY) == 0)
			continue;
		if (!first)
			writer_append_char(writer, ',');
		first = false;
		json_append_key(writer, shape->columns[i].name);
	}
	writer_append_literal(writer, "],\"types\":{");
	for (int i = 0; i < shape->column_count; i++)
	{
		if (i > 0)
			writer_append_char(writer, ',');
		append_column_key(writer, entry, i, shape->columns[i].name);
		json_append_cstring(writer, shape->columns[i].type);
	}
	writer_append_char(writer, '}');
}

/* Every record names its relation itself. */
static void
verbose_relation(DecoderSession *session, RelationEntry *entry)
{
}

static void
append_tuple(DecoderSession *session, RelationEntry *entry, TupleDesc tuple_desc,
			 HeapTuple tuple, bool identity_only)
{
	Writer	   *writer = &session->writer;
	bool		first = true;

	session_deform(session, tuple, tuple_desc);
	writer_append_char(writer, '{');
	for (int i = 0; i < entry->column_count; i++)
	{
		RelationColumn *column = &entry->columns[i];
		Datum		value = session->values[column->index];

		if (identity_only && !column->is_identity)
			continue;
		if (!first)
			writer_append_char(writer, ',');
		first = false;
		writer_append(writer, column->key, (Size) column->key_size);
		if (session->is_null[column->index])
			writer_append_literal(writer, "null");
		else if (value_is_absent(&column->value, value))
			writer_append_literal(writer, "false");
		else
			value_append(writer, &column->value, value);
	}
	writer_append_char(writer, '}');
}

static void
append_action(Writer *writer, char kind)
{
	switch (kind)
	{
		case 'I':
			writer_append_literal(writer, "{\"action\":\"insert\"");
			break;
		case 'U':
			writer_append_literal(writer, "{\"action\":\"update\"");
			break;
		default:
			writer_append_literal(writer, "{\"action\":\"delete\"");
			break;
	}
}

static void
verbose_change(DecoderSession *session, ReorderBufferTXN *txn,
			   RelationEntry *entry, TupleDesc tuple_desc,
			   const RowChange *change)
{
	Writer	   *writer = &session->writer;
	bool		has_identity = entry->identity != REPLICA_IDENTITY_NOTHING;

	writer_begin(writer, false);
	append_action(writer, change->kind);
	append_transaction(writer, txn);
	writer_append_literal(writer, ",\"lsn\":");
	json_append_lsn(writer, writer->lsn);
	writer_append_char(writer, ',');
	writer_append(writer, entry->text, (Size) entry->text_size);
	if (change->new_tuple != NULL)
	{
		writer_append_literal(writer, ",\"new\":");
		append_tuple(session, entry, tuple_desc, change->new_tuple, false);
	}
	if (change->old_tuple != NULL && has_identity)
	{
		writer_append_literal(writer, ",\"old\":");
		append_tuple(session, entry, tuple_desc, change->old_tuple, true);
	}
	else if (change->kind == 'D' || (change->kind == 'U' && !has_identity))
		writer_append_literal(writer, ",\"old\":null");
	writer_append_char(writer, '}');
	writer_end(writer);
}

static void
append_boolean(Writer *writer, bool value)
{
	if (value)
		writer_append_literal(writer, "true");
	else
		writer_append_literal(writer, "false");
}

static void
verbose_truncate(DecoderSession *session, ReorderBufferTXN *txn,
				 const TruncateChange *truncate)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, false);
	writer_append_literal(writer, "{\"action\":\"truncate\"");
	append_transaction(writer, txn);
	writer_append_literal(writer, ",\"lsn\":");
	json_append_lsn(writer, writer->lsn);
	writer_append_literal(writer, ",\"cascade\":");
	append_boolean(writer, truncate->cascade);
	writer_append_literal(writer, ",\"restart_identity\":");
	append_boolean(writer, truncate->restart_identity);
	writer_append_literal(writer, ",\"tables\":[");
	for (int i = 0; i < truncate->count; i++)
	{
		if (i > 0)
			writer_append_char(writer, ',');
		writer_append_char(writer, '{');
		writer_append(writer, truncate->entries[i]->text,
					  (Size) truncate->entries[i]->text_size);
		writer_append_char(writer, '}');
	}
	writer_append_literal(writer, "]}");
	writer_end(writer);
}

static void
verbose_message(DecoderSession *session, ReorderBufferTXN *txn,
				const LogicalMessage *message)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, !message->is_transactional);
	writer_append_literal(writer, "{\"action\":\"message\"");
	if (message->is_transactional)
		append_transaction(writer, txn);
	writer_append_literal(writer, ",\"lsn\":");
	json_append_lsn(writer, message->lsn);
	writer_append_literal(writer, ",\"transactional\":");
	append_boolean(writer, message->is_transactional);
	writer_append_literal(writer, ",\"prefix\":");
	json_append_cstring(writer, message->prefix);
	writer_expect(writer, message->size);
	if (json_is_text(&writer->codec, message->content, message->size))
	{
		writer_append_literal(writer, ",\"content\":");
		json_append_text(writer, message->content, message->size);
	}
	else
	{
		writer_append_literal(writer, ",\"encoding\":\"base64\",\"content\":");
		json_append_base64(writer, message->content, message->size);
	}
	writer_append_char(writer, '}');
	writer_end(writer);
}

static void
verbose_commit(DecoderSession *session, ReorderBufferTXN *txn,
			   XLogRecPtr commit_lsn)
{
	Writer	   *writer = &session->writer;

	writer_begin(writer, true);
	writer_append_literal(writer, "{\"action\":\"commit\"");
	append_transaction(writer, txn);
	writer_append_literal(writer, ",\"commit_lsn\":");
	json_append_lsn(writer, commit_lsn);
	writer_append_literal(writer, ",\"end_lsn\":");
	json_append_lsn(writer, txn->end_lsn);
	writer_append_literal(writer, ",\"commit_time\":");
	value_append_time(writer, session_commit_time(txn));
	writer_append_char(writer, '}');
	writer_end(writer);
}

const RecordFormat verbose_format = {
	.describe = verbose_describe,
	.hello = verbose_hello,
	.begin = verbose_begin,
	.relation = verbose_relation,
	.change = verbose_change,
	.truncate = verbose_truncate,
	.message = verbose_message,
	.commit = verbose_commit,
};
