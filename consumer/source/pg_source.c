/*
 * pg_source.c
 *		Receives replication messages, reads just enough of each record to find the transactions' bounds, and hands out parts.
 *
 * Record text is not parsed here beyond its kind: the applier does that once, wherever the text has been meanwhile.
 */
#include "source/pg_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "model/record.h"
#include "pg/replication.h"
#include "pg/slot.h"

#define MESSAGES_A_CALL 256

typedef struct PgSource
{
	Source		base;
	PgSourceOptions options;

	PgConn	   *conn;			/* NULL between sessions */
	ReplMessage message;
	const char *cursor;			/* what is left of the present message */
	size_t		left;

	int64_t		segment;
	Lsn			skip;
	bool		has_hello;

	/* the transaction being received */
	bool		in_transaction;
	bool		is_skipped;
	uint32_t	xid;
	Lsn			commit_lsn;
	int64_t		commit_time_us;
	int32_t		next_part;
	int64_t		change_count;
	StrBuf		records;		/* of the part being gathered */
	StrBuf		carried;		/* relation records of skipped transactions: go into the next part */
} PgSource;

static void
end_session(PgSource *self)
{
	repl_message_free(&self->message);
	pg_close(self->conn);
	self->conn = NULL;
	self->cursor = NULL;
	self->left = 0;
	self->has_hello = false;
	self->in_transaction = false;
	self->is_skipped = false;
	strbuf_free(&self->records);
	strbuf_free(&self->carried);
}

/* The same server, on the same line of history: a slot of that name elsewhere would give another past. */
static bool
check_identity(PgSource *self, Error *err)
{
	Arena	   *arena = arena_new(0);
	const char *system_id = NULL;
	int			timeline = 0;
	Lsn			flushed;
	bool		ok = repl_identify_system(self->conn, arena, &system_id, &timeline, &flushed, err);

	if (ok && self->options.system_id != NULL && strcmp(system_id, self->options.system_id) != 0)
	{
		error_set(err, ERROR_GAP, "the source is another server: system identifier %s, not %s", system_id, self->options.system_id);
		ok = error_hint(err, "point the source's connection string at the server that this task was made with, or \"dbsync drop\" the task");
	}
	else if (ok && self->options.timeline != 0 && timeline != self->options.timeline)
	{
		error_set(err, ERROR_GAP, "the source's timeline has changed from %d to %d: it was promoted or restored", self->options.timeline, timeline);
		ok = error_hint(err, "changes around the switch may be missing in the slot; \"dbsync drop\" and a new full sync are the safe way");
	}
	arena_free(arena);
	return ok;
}

/*
 * The server would begin where the slot stands, without a word, if that is behind what we ask for: so it is looked at when nobody else can move
 * it any more, and nothing was confirmed.
 */
static bool
check_slot(PgSource *self, Lsn from, Error *err)
{
	PgConnOptions connect = {.role = PG_ROLE_SOURCE, .name_suffix = "start"};
	Arena	   *arena = arena_new(0);
	PgConn	   *conn = NULL;
	SlotInfo	slot;
	bool		ok = pg_connect(self->options.conninfo, &connect, &conn, err) && slot_look(conn, self->options.slot, arena, &slot, err) &&
		slot_check_held(&slot, self->options.slot, from, err);

	pg_close(conn);
	arena_free(arena);
	return ok;
}

static bool
source_start(Source *base, Lsn from, Lsn skip, int64_t segment, Error *err)
{
	PgSource   *self = (PgSource *) base;
	PgConnOptions connect = {.role = PG_ROLE_REPLICATION, .name_suffix = "receive"};
	char		batch_text[24];
	ReplOption	options[8];
	int			count = 0;

	end_session(self);
	if (!pg_connect(self->options.conninfo, &connect, &self->conn, err))
		return false;
	if (!check_identity(self, err))
	{
		end_session(self);
		return false;
	}

	snprintf(batch_text, sizeof(batch_text), "%lld", (long long) self->options.batch_bytes);
	options[count++] = (ReplOption) {"version", "1"};
	options[count++] = (ReplOption) {"format", "compact"};
	options[count++] = (ReplOption) {"batch_bytes", batch_text};
	options[count++] = (ReplOption) {"encoding", "UTF8"};
	options[count++] = (ReplOption) {"messages", "off"};
	if (self->options.include_tables != NULL && self->options.include_tables[0] != '\0')
		options[count++] = (ReplOption) {"include_tables", self->options.include_tables};
	if (self->options.exclude_tables != NULL && self->options.exclude_tables[0] != '\0')
		options[count++] = (ReplOption) {"exclude_tables", self->options.exclude_tables};
	if (!repl_start(self->conn, self->options.slot, from, options, count, err) || !check_slot(self, from, err))
	{
		end_session(self);
		return false;
	}
	/* Feedback must never wait for a server that waits for us. */
	if (PQsetnonblocking(pg_raw(self->conn), 1) != 0)
	{
		pg_error(self->conn, NULL, err);
		end_session(self);
		return false;
	}
	self->segment = segment;
	self->skip = skip;
	return true;
}

static void
source_stop(Source *base)
{
	end_session((PgSource *) base);
}

static void
source_close(Source *base)
{
	PgSource   *self = (PgSource *) base;

	end_session(self);
	free(self);
}

static bool
source_confirm(Source *base, Lsn received, Lsn durable, bool ask, Error *err)
{
	PgSource   *self = (PgSource *) base;

	if (self->conn == NULL)
		return true;
	return repl_feedback(self->conn, received, durable, ask, err);
}

static bool
bad_order(PgSource *self, char letter, Error *err)
{
	char		lsn[LSN_TEXT_SIZE];

	return error_set(err, ERROR_FAILED, "record of kind \"%c\" at %s stands where it may not (%s)", letter,
					 lsn_format(self->message.wal_start, lsn), self->in_transaction ? "within a transaction" : "outside of a transaction");
}

static bool
check_hello(const char *text, size_t length, Error *err)
{
	Arena	   *arena = arena_new(0);
	RelationMap *map = relation_map_new();
	Record		record;
	bool		ok = record_parse(text, length, map, arena, &record, err);

	if (ok && record.version != RECORD_VERSION)
	{
		error_set(err, ERROR_FAILED, "the plugin on the source speaks record version %d, this dbsync speaks %d", record.version, RECORD_VERSION);
		ok = error_hint(err, "install the same release of alidecode and dbsync on both sides");
	}
	else if (ok && strcmp(record.encoding, "UTF8") != 0 && strcmp(record.encoding, "SQL_ASCII") != 0)
		ok = error_set(err, ERROR_FAILED, "the plugin sends text in %s, not in UTF8", record.encoding);
	relation_map_free(map);
	arena_free(arena);
	return ok;
}

/* Makes the part gathered so far an event. */
static void
give_part(PgSource *self, Lsn end_lsn, SourceEvent *event)
{
	TxnPart    *part = txn_part_new();

	part->segment = self->segment;
	part->commit_lsn = self->commit_lsn;
	part->end_lsn = end_lsn;
	part->xid = self->xid;
	part->part = self->next_part++;
	part->last = end_lsn != LSN_NONE;
	part->commit_time_us = self->commit_time_us;
	part->change_count = self->change_count;
	part->length = self->records.length;
	part->records = strbuf_detach(&self->records);
	self->change_count = 0;
	event->kind = SOURCE_PART;
	event->part = part;
}

static void
append_line(StrBuf *buf, const char *text, size_t length)
{
	strbuf_append_bytes(buf, text, length);
	strbuf_append_char(buf, '\n');
}

/* One record.  Sets event->kind where it makes an event. */
static bool
take_record(PgSource *self, const char *text, size_t length, SourceEvent *event, Error *err)
{
	char		letter = record_letter(text, length);
	Lsn			commit_lsn;
	Lsn			end_lsn;

	if (letter == '\0')
		return error_set(err, ERROR_FAILED, "what the plugin sent is not a record (%zu bytes)", length);
	if (!self->has_hello && letter != 'H')
		return error_set(err, ERROR_FAILED, "the stream does not begin with a hello record");

	switch (letter)
	{
		case 'H':
			if (self->has_hello || self->in_transaction)
				return bad_order(self, letter, err);
			self->has_hello = true;
			return check_hello(text, length, err);

		case 'B':
			if (self->in_transaction)
				return bad_order(self, letter, err);
			if (!record_peek_begin(text, length, &self->xid, &self->commit_lsn, &self->commit_time_us, err))
				return false;
			self->in_transaction = true;
			self->is_skipped = txn_is_done(self->commit_lsn, self->skip);
			self->next_part = 0;
			self->change_count = 0;
			strbuf_reset(&self->records);
			if (!self->is_skipped)
			{
				append_line(&self->records, text, length);
				strbuf_append_bytes(&self->records, strbuf_text(&self->carried), self->carried.length);
				strbuf_free(&self->carried);
			}
			return true;

		case 'C':
			if (!self->in_transaction)
				return bad_order(self, letter, err);
			if (!record_peek_commit(text, length, &commit_lsn, &end_lsn, err))
				return false;
			if (commit_lsn != self->commit_lsn || end_lsn <= commit_lsn)
				return error_set(err, ERROR_FAILED, "the commit record of transaction %u does not fit its begin record", self->xid);
			self->in_transaction = false;
			if (self->is_skipped)
				return true;
			append_line(&self->records, text, length);
			give_part(self, end_lsn, event);
			return true;

		case 'R':
			if (!self->in_transaction)
				return bad_order(self, letter, err);
			append_line(self->is_skipped ? &self->carried : &self->records, text, length);
			event->kind = SOURCE_RELATION;
			event->relation_text = text;
			event->relation_length = length;
			return record_peek_relation(text, length, &event->relation_number, err);

		case 'M':
			if (!self->in_transaction)
				return true;	/* a message outside of a transaction changes no table */
			/* FALLTHROUGH */
		case 'I':
		case 'U':
		case 'D':
		case 'T':
			if (!self->in_transaction)
				return bad_order(self, letter, err);
			if (self->is_skipped)
				return true;
			append_line(&self->records, text, length);
			self->change_count++;
			if (self->records.length >= (size_t) self->options.part_bytes)
				give_part(self, LSN_NONE, event);
			return true;

		default:
			error_set(err, ERROR_FAILED, "record kind \"%c\" is not known", letter);
			return error_hint(err, "install the same release of alidecode and dbsync on both sides");
	}
}

static bool
source_next(Source *base, int timeout_ms, SourceEvent *event, Error *err)
{
	PgSource   *self = (PgSource *) base;

	memset(event, 0, sizeof(*event));
	event->kind = SOURCE_NOTHING;
	/* Bounded, so that the receiver gets to send feedback also while nothing but skipped transactions arrive. */
	for (int messages = 0; messages < MESSAGES_A_CALL; messages++)
	{
		while (self->left > 0)
		{
			const char *text = self->cursor;
			const char *end = memchr(text, '\n', self->left);
			size_t		length = end != NULL ? (size_t) (end - text) : self->left;
			size_t		step = end != NULL ? length + 1 : length;

			self->cursor += step;
			self->left -= step;
			if (!take_record(self, text, length, event, err))
			{
				char		lsn[LSN_TEXT_SIZE];

				return error_context(err, "stream at %s", lsn_format(self->message.wal_start, lsn));
			}
			if (event->kind != SOURCE_NOTHING)
				return true;
		}

		if (!repl_receive(self->conn, timeout_ms, &self->message, err))
			return false;
		switch (self->message.kind)
		{
			case REPL_NOTHING:
				return true;
			case REPL_DATA:
				self->cursor = self->message.payload;
				self->left = self->message.length;
				/* All of it goes there, most often: one allocation a small transaction. */
				strbuf_reserve(&self->records, self->left + 1);
				break;
			case REPL_KEEPALIVE:
				event->kind = SOURCE_POSITION;
				event->reply_wanted = self->message.reply_wanted;
				/* Within a transaction the position says nothing of its end. */
				event->position = self->in_transaction ? LSN_NONE : self->message.wal_end;
				return true;
		}
	}
	return true;
}

static const SourceOps pg_source_ops = {
	.close = source_close,
	.start = source_start,
	.next = source_next,
	.confirm = source_confirm,
	.stop = source_stop,
};

Source *
pg_source_new(const PgSourceOptions *options)
{
	PgSource   *self = mem_zalloc(sizeof(PgSource));

	self->base.ops = &pg_source_ops;
	self->options = *options;
	return &self->base;
}
