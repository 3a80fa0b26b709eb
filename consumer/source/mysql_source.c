/*
 * mysql_source.c
 *		Sessions of a MySQL source, and the loop over its events.
 */
#include "source/mysql_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/stop.h"
#include "model/change.h"
#include "mysql/my_name.h"

#define MODULE "source"
#define EVENTS_A_CALL 256

const char *
mysource_place(const MysqlSource *self)
{
	return my_binlog_place(self->current);
}

bool
mysource_same_name(const MysqlSource *self, const char *a, const char *b)
{
	return self->folds_case ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

bool
mysource_wants(const MysqlSource *self, const char *database, const char *table)
{
	const char *db = self->options.config->db;

	/* The patterns know the database by the name that the user gave. */
	return mysource_same_name(self, database, db) && (self->options.wants == NULL || self->options.wants(self->options.wants_arg, db, table));
}

void
mysource_give_part(MysqlSource *self, Lsn end_lsn, SourceEvent *event)
{
	TxnPart    *part = txn_part_new();

	part->segment = self->segment;
	part->commit_lsn = self->group.start;
	part->end_lsn = end_lsn;
	part->xid = self->group.xid;
	part->part = self->group.next_part++;
	part->last = end_lsn != LSN_NONE;
	part->commit_time_us = self->group.commit_us;
	part->change_count = self->group.change_count;
	part->length = self->records.length;
	part->records = strbuf_detach(&self->records);
	self->group.change_count = 0;
	strbuf_reset(&self->kept);
	event->kind = SOURCE_PART;
	event->part = part;
}

/* ---------------------------------------------------------------- sessions */

static void
end_session(MysqlSource *self)
{
	mysource_end_replay(self);
	if (self->binlog != NULL)
		self->former = my_binlog_connection(self->binlog);
	my_binlog_close(self->binlog);
	self->binlog = NULL;
	self->current = NULL;
	mysource_forget_tables(self);
	mysource_forget_history(self);
	mysource_forget_savepoints(self);
	memset(&self->group, 0, sizeof(self->group));
	strbuf_free(&self->records);
	strbuf_free(&self->kept);
	strbuf_free(&self->carried);
	self->has_rows = false;
	self->group_end = LSN_NONE;
	self->idle = LSN_NONE;
	self->given_end = LSN_NONE;
	error_clear(&self->stop_error);
	error_clear(&self->late_stop);
}

static bool
load_catalog(MysqlSource *self, MyConn *conn, Error *err)
{
	const MySourceConfig *config = self->options.config;
	Arena	   *arena = arena_new(0);
	const char *folds = NULL;
	bool		ok;

	mysource_forget_tables(self);
	arena_reset(self->catalog_arena);
	memset(&self->catalog, 0, sizeof(self->catalog));
	ok = my_catalog_load(conn, config->db, self->options.wants, self->options.wants_arg, self->catalog_arena, &self->catalog, err) &&
		my_charsets_load(self->charsets, conn, &self->catalog, err) && mysource_read_history(self, conn, err) &&
		my_query_value(conn, arena, "SELECT @@global.lower_case_table_names", &folds, err);
	self->folds_case = ok && folds != NULL && strcmp(folds, "0") != 0;
	arena_free(arena);
	return ok;
}

bool
mysource_reload_catalog(MysqlSource *self, Error *err)
{
	MyConn	   *conn;
	bool		ok;

	if (!my_connect(self->options.config, "catalogue", &conn, err))
		return false;
	ok = load_catalog(self, conn, err);
	my_close(conn);
	return ok;
}

static bool
source_start(Source *base, Lsn from, Lsn skip, int64_t segment, Error *err)
{
	MysqlSource *self = (MysqlSource *) base;
	MyBinlogOptions options = {.server_id = (uint32_t) self->options.config->server_id, .heartbeat_ms = self->options.heartbeat_ms, .from = from};
	MyConn	   *conn;

	end_session(self);
	options.former = self->former;
	if (!my_connect(self->options.config, "binlog", &conn, err))
		return false;
	if (!load_catalog(self, conn, err))
	{
		my_close(conn);
		return false;
	}
	if (!my_binlog_open(conn, &options, &self->binlog, err))
		return false;
	self->current = self->binlog;
	self->segment = segment;
	self->skip = skip;
	self->next_number = 1;
	return true;
}

static void
source_stop(Source *base)
{
	end_session((MysqlSource *) base);
}

static void
source_close(Source *base)
{
	MysqlSource *self = (MysqlSource *) base;

	end_session(self);
	hash_free(self->tables, NULL);
	hash_free(self->maps, NULL);
	hash_free(self->prepared, free);
	hash_free(self->changed_at, free);
	hash_free(self->hidden, free);
	hash_free(self->altered, free);
	my_charsets_free(self->charsets);
	arena_free(self->catalog_arena);
	arena_free(self->arena);
	strbuf_free(&self->text);
	strbuf_free(&self->value);
	free(self->savepoints);
	free(self->before);
	free(self->after);
	free(self->buffer);
	free(self->schema);
	free(self);
}

/* The server keeps its log by age, whatever we say; only our own stop wants to know. */
static bool
source_confirm(Source *base, Lsn received, Lsn durable, bool ask, Error *err)
{
	MysqlSource *self = (MysqlSource *) base;

	(void) received;
	(void) ask;
	(void) err;
	self->durable = durable;
	return true;
}

/* ---------------------------------------------------------------- events */

static bool
is_gap(MysqlSource *self, Error *err)
{
	error_set(err, ERROR_GAP, "the source has lost a part of its binary log (incident event at %s)", mysource_place(self));
	return error_hint(err, "\"dbsync drop\" and a new full sync");
}

static bool
refuse(const char *what, const char *hint, MysqlSource *self, Error *err)
{
	error_set(err, ERROR_FAILED, "%s (binary log at %s) cannot be read", what, mysource_place(self));
	return error_hint(err, "on the source: %s; then a new full sync", hint);
}

static bool
rotate(MysqlSource *self, const MyLogEvent *event, Error *err)
{
	MyRotate	place;
	size_t		base_length;
	uint32_t	number;

	if (!my_event_rotate(&event->event, &place, err))
		return false;
	if (event->is_placed && self->replay == NULL && !self->group.is_open &&
		my_position_split_name(place.file, place.file_length, &base_length, &number))
		self->idle = my_position_pack(number, place.offset);
	return true;
}

static bool
heartbeat(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err)
{
	MyRotate	place;
	size_t		base_length;
	uint32_t	number;

	if (!my_event_heartbeat(&event->event, &place, err))
		return false;
	out->kind = SOURCE_POSITION;
	/* Within a transaction it says nothing of its end. */
	out->position = LSN_NONE;
	if (self->replay == NULL && !self->group.is_open && my_position_split_name(place.file, place.file_length, &base_length, &number) &&
		number == event->file_number)
		out->position = my_position_pack(number, (event->start & ~(uint64_t) UINT32_MAX) | place.offset);
	self->idle = LSN_NONE;
	return true;
}

static bool
table_map(MysqlSource *self, const MyLogEvent *event, Error *err)
{
	const char *schema;
	const char *table;

	if (self->group.is_prepared)
	{
		if (!my_event_table_map_names(&event->event, &schema, &table, err))
			return false;
		self->group.touches = self->group.touches || mysource_wants(self, schema, table);
		return true;
	}
	return self->group.is_skipped || mysource_table_map(self, &event->event, err);
}

static bool
partial_update(MysqlSource *self, const MyLogEvent *event, Error *err)
{
	uint64_t	id;

	if (!my_event_table_map_id(&event->event, &id, err))
		return false;
	if (self->group.is_skipped || self->group.is_prepared || hash_get_number(self->maps, id) == &mysource_ignored_table)
		return true;
	return refuse("a partial update of JSON", "SET GLOBAL binlog_row_value_options = ''", self, err);
}

static bool
take_event(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err)
{
	const MyEvent *plain = &event->event;

	if (my_event_is_rows(plain->type))
		return self->group.is_skipped || self->group.is_prepared || mysource_rows(self, plain, out, err);
	switch (plain->type)
	{
		case MY_EVENT_MARIADB_GTID:
		case MY_EVENT_MYSQL_GTID:
		case MY_EVENT_MYSQL_ANONYMOUS:
		case MY_EVENT_MYSQL_TAGGED_GTID:
			return mysource_gtid(self, event, err);
		case MY_EVENT_TABLE_MAP:
			return table_map(self, event, err);
		case MY_EVENT_QUERY:
		case MY_EVENT_QUERY_COMPRESSED:
		case MY_EVENT_EXECUTE_LOAD:
			return mysource_query(self, event, out, err);
		case MY_EVENT_XID:
			if (self->group.is_open && self->replay == NULL)
				mysource_commit_group(self, my_position_pack(event->file_number, event->end), out);
			return true;
		case MY_EVENT_XA_PREPARE:
			return mysource_xa_prepare(self, event, out, err);
		case MY_EVENT_FORMAT:
			/* A server that went down within a transaction did not commit it. */
			if (event->is_placed && self->group.is_open && self->replay == NULL)
				return mysource_abandon_group(self, LSN_NONE, err);
			return true;
		case MY_EVENT_ROTATE:
			return rotate(self, event, err);
		case MY_EVENT_HEARTBEAT:
		case MY_EVENT_HEARTBEAT_V2:
			return heartbeat(self, event, out, err);
		case MY_EVENT_INCIDENT:
			return is_gap(self, err);
		case MY_EVENT_PARTIAL_UPDATE:
			return partial_update(self, event, err);
		case MY_EVENT_TRANSACTION_PAYLOAD:
			return refuse("a compressed transaction", "SET GLOBAL binlog_transaction_compression = OFF", self, err);
		case MY_EVENT_START_ENCRYPTION:
		case MY_EVENT_STOP:
		case MY_EVENT_INTVAR:
		case MY_EVENT_RAND:
		case MY_EVENT_USER_VAR:
		case MY_EVENT_APPEND_BLOCK:
		case MY_EVENT_DELETE_FILE:
		case MY_EVENT_BEGIN_LOAD:
		case MY_EVENT_IGNORABLE:
		case MY_EVENT_ROWS_QUERY:
		case MY_EVENT_PREVIOUS_GTIDS:
		case MY_EVENT_TRANSACTION_CONTEXT:
		case MY_EVENT_VIEW_CHANGE:
		case MY_EVENT_ANNOTATE_ROWS:
		case MY_EVENT_CHECKPOINT:
		case MY_EVENT_GTID_LIST:
			return true;
		default:
			if ((plain->flags & MY_EVENT_FLAG_IGNORABLE) != 0)
				return true;
			error_set(err, ERROR_FAILED, "event of type %d (binary log at %s) is not known", plain->type, mysource_place(self));
			return error_hint(err, "the source is newer than this dbsync");
	}
}

/* Nothing that was given may be lost, or needed again, by the stop. */
static bool
wait_for_stop(MysqlSource *self, int timeout_ms, Error *err)
{
	if (self->given_end == LSN_NONE || self->durable >= self->given_end)
	{
		error_move(err, &self->stop_error);
		return false;
	}
	if (!stop_wait(timeout_ms))
		return error_set(err, ERROR_CANCELLED, "stopped");
	return true;
}

static void
give_idle(MysqlSource *self, SourceEvent *event)
{
	event->kind = SOURCE_POSITION;
	event->position = self->idle;
	self->idle = LSN_NONE;
}

static bool
next_event(MysqlSource *self, int timeout_ms, bool *has_one, SourceEvent *event, Error *err)
{
	MyLogEvent	logged;
	MyBinlogResult result;

	*has_one = false;
	if (!my_binlog_next(self->current, self->idle != LSN_NONE ? 0 : timeout_ms, &logged, &result, err))
		return false;
	switch (result)
	{
		case MY_BINLOG_NOTHING:
			return true;
		case MY_BINLOG_END:
			return error_set(err, ERROR_FAILED, "XA transaction %s has no end where it was prepared", self->replay_xid);
		case MY_BINLOG_EVENT:
			break;
	}
	*has_one = true;
	/* What is read again counts where it was committed. */
	if (self->replay == NULL)
		self->event_start = my_position_pack(logged.file_number, logged.start);
	return take_event(self, &logged, event, err);
}

static bool
source_next(Source *base, int timeout_ms, SourceEvent *event, Error *err)
{
	MysqlSource *self = (MysqlSource *) base;
	bool		has_one = true;

	memset(event, 0, sizeof(*event));
	if (self->stop_error.kind != ERROR_NONE)
		return wait_for_stop(self, timeout_ms, err);
	/* Bounded, so that the receiver gets its turn also while nothing but ignored transactions arrive. */
	for (int events = 0; events < EVENTS_A_CALL && has_one && event->kind == SOURCE_NOTHING; events++)
	{
		if (self->has_rows)
		{
			if (!mysource_more_rows(self, event, err))
				return false;
		}
		else if (self->group_end != LSN_NONE)
			mysource_commit_group(self, self->group_end, event);
		else if (!next_event(self, timeout_ms, &has_one, event, err))
			return false;
		if (self->stop_error.kind != ERROR_NONE)
			break;
	}
	if (event->kind == SOURCE_NOTHING && self->idle != LSN_NONE)
		give_idle(self, event);
	return true;
}

static const SourceOps mysql_source_ops = {
	.close = source_close,
	.start = source_start,
	.next = source_next,
	.confirm = source_confirm,
	.stop = source_stop,
};

Source *
mysql_source_new(const MysqlSourceOptions *options)
{
	MysqlSource *self = mem_zalloc(sizeof(MysqlSource));
	Arena	   *arena = arena_new(0);

	self->base.ops = &mysql_source_ops;
	self->options = *options;
	self->schema = mem_strdup(options->schema != NULL ? options->schema : my_target_name(options->config, arena, options->config->db));
	self->tables = hash_new();
	self->maps = hash_new();
	self->prepared = hash_new();
	self->changed_at = hash_new();
	self->hidden = hash_new();
	self->altered = hash_new();
	self->charsets = my_charsets_new();
	self->catalog_arena = arena_new(0);
	self->arena = arena_new(0);
	arena_free(arena);
	return &self->base;
}
