/*
 * mysql_group.c
 *		Transactions of the log: begin, commit, rollback, savepoints, XA.
 *
 * What is in the log has been committed, with few exceptions, and those are what makes this file long: a transaction that also changed tables
 * of an engine without transactions may be there with its ROLLBACK; and an XA transaction is there when it is prepared, its outcome later.
 */
#include "source/mysql_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

#define MODULE "source"

void
mysource_open_group(MysqlSource *self, Lsn start, const MyLogEvent *event, bool is_single)
{
	memset(&self->group, 0, sizeof(self->group));
	error_clear(&self->late_stop);
	self->group.is_open = true;
	self->group.is_single = is_single;
	self->group.start = start;
	self->group.is_skipped = start < self->skip || start == self->rolled_back;
	self->group.commit_us = (int64_t) event->event.timestamp * 1000000;
	mysource_forget_savepoints(self);
	strbuf_reset(&self->records);
}

static void
close_group(MysqlSource *self)
{
	memset(&self->group, 0, sizeof(self->group));
	mysource_forget_savepoints(self);
	self->has_rows = false;
	self->group_end = LSN_NONE;
}

bool
mysource_gtid(MysqlSource *self, const MyLogEvent *event, Error *err)
{
	MyGtid		gtid;

	if (!my_event_gtid(&event->event, &gtid, err))
		return false;
	if (self->replay != NULL)
	{
		if (self->has_replay_begun)
			return error_set(err, ERROR_FAILED, "XA transaction %s has no end where it was prepared", self->replay_xid);
		self->has_replay_begun = true;
		return true;
	}
	if (self->group.is_open && (self->group.has_begun || self->group.is_prepared))
		return error_set(err, ERROR_FAILED, "the transaction at file %" PRIu32 ", offset %" PRIu32 " has no end", my_position_file_number(self->group.start),
						 my_position_offset(self->group.start));
	if (event->start >= MY_OFFSET_LAST)
	{
		error_set(err, ERROR_FAILED, "a transaction begins beyond 4 GB in its binlog file: such a place cannot be kept");
		return error_hint(err, "on the source: smaller transactions, or max_binlog_size well below 4 GB; then a new full sync");
	}
	/* MySQL says by BEGIN that more than one statement follows, MariaDB by its GTID. */
	mysource_open_group(self, my_position_pack(event->file_number, event->start), event,
					 event->event.type == MY_EVENT_MARIADB_GTID ? gtid.is_standalone || gtid.is_completed_xa : true);
	self->group.is_prepared = gtid.is_prepared_xa;
	self->group.xid = (uint32_t) gtid.sequence;
	if (gtid.commit_us != 0)
		self->group.commit_us = gtid.commit_us;
	return true;
}

void
mysource_begin_records(MysqlSource *self)
{
	char		lsn[LSN_TEXT_SIZE];
	char		time[CLOCK_TEXT_SIZE];

	if (self->group.has_begun)
		return;
	self->group.has_begun = true;
	strbuf_printf(&self->records, "[\"B\",%" PRIu32 ",\"%s\",\"%s\"]\n", self->group.xid, lsn_format(self->group.start, lsn),
				  clock_format(self->group.commit_us, time));
	strbuf_append_bytes(&self->records, strbuf_text(&self->carried), self->carried.length);
	strbuf_append_bytes(&self->kept, strbuf_text(&self->carried), self->carried.length);
	strbuf_free(&self->carried);
}

void
mysource_commit_group(MysqlSource *self, Lsn end, SourceEvent *event)
{
	char		lsn[LSN_TEXT_SIZE];
	char		end_lsn[LSN_TEXT_SIZE];
	char		time[CLOCK_TEXT_SIZE];

	if (self->group.has_begun)
	{
		strbuf_printf(&self->records, "[\"C\",\"%s\",\"%s\",\"%s\"]\n", lsn_format(self->group.start, lsn), lsn_format(end, end_lsn),
					  clock_format(self->group.commit_us, time));
		mysource_give_part(self, end, event);
		self->given_end = end;
		self->idle = LSN_NONE;
	}
	else
		self->idle = end;
	close_group(self);
}

bool
mysource_abandon_group(MysqlSource *self, Lsn end, Error *err)
{
	if (self->group.next_part > 0)
	{
		/* Parts cannot be called back: the receiver drops them when the stream ends within their transaction. */
		self->rolled_back = self->group.start;
		return error_set(err, ERROR_RETRY, "a transaction was rolled back that had been passed on in part (binary log at %s): the stream begins anew, without it",
						 mysource_place(self));
	}
	strbuf_append_bytes(&self->carried, strbuf_text(&self->kept), self->kept.length);
	strbuf_reset(&self->kept);
	strbuf_reset(&self->records);
	self->idle = end;
	close_group(self);
	return true;
}

/* ---------------------------------------------------------------- savepoints */

void
mysource_forget_savepoints(MysqlSource *self)
{
	while (self->savepoint_count > 0)
		free(self->savepoints[--self->savepoint_count].name);
}

static int
find_savepoint(const MysqlSource *self, const char *name)
{
	for (int i = self->savepoint_count - 1; i >= 0; i--)
	{
		if (strcasecmp(self->savepoints[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void
drop_savepoints(MysqlSource *self, int count)
{
	while (self->savepoint_count > count)
		free(self->savepoints[--self->savepoint_count].name);
}

void
mysource_savepoint(MysqlSource *self, const char *name)
{
	int			same = name != NULL ? find_savepoint(self, name) : -1;
	Savepoint  *savepoint;

	if (name == NULL || self->group.is_skipped)
		return;
	/* one of the same name replaces the former */
	if (same >= 0)
	{
		free(self->savepoints[same].name);
		memmove(&self->savepoints[same], &self->savepoints[same + 1], sizeof(Savepoint) * (size_t) (self->savepoint_count - same - 1));
		self->savepoint_count--;
	}
	if (self->savepoint_count == self->savepoint_capacity)
	{
		self->savepoint_capacity = self->savepoint_capacity == 0 ? 8 : self->savepoint_capacity * 2;
		self->savepoints = mem_realloc(self->savepoints, sizeof(Savepoint) * (size_t) self->savepoint_capacity);
	}
	savepoint = &self->savepoints[self->savepoint_count++];
	savepoint->name = mem_strdup(name);
	savepoint->has_begun = self->group.has_begun;
	savepoint->length = self->records.length;
	savepoint->part = self->group.next_part;
	savepoint->change_count = self->group.change_count;
}

bool
mysource_rollback_to(MysqlSource *self, const char *name, Error *err)
{
	int			index = name != NULL ? find_savepoint(self, name) : -1;
	const Savepoint *savepoint;

	if (self->group.is_skipped)
		return true;
	if (index < 0)
		return error_set(err, ERROR_FAILED, "ROLLBACK TO a savepoint that is not in the transaction");
	savepoint = &self->savepoints[index];
	if (savepoint->part != self->group.next_part)
	{
		self->uncut = self->group.start;
		return error_set(err, ERROR_RETRY, "a transaction goes back to a savepoint, behind which it had been passed on in part (binary log at %s): "
						 "the stream begins anew, with it in one part", mysource_place(self));
	}
	if (!savepoint->has_begun)
	{
		strbuf_append_bytes(&self->carried, strbuf_text(&self->kept), self->kept.length);
		strbuf_reset(&self->kept);
		strbuf_reset(&self->records);
		self->group.has_begun = false;
	}
	else
	{
		self->records.length = savepoint->length;
		strbuf_append_bytes(&self->records, strbuf_text(&self->kept), self->kept.length);
	}
	self->group.change_count = savepoint->change_count;
	drop_savepoints(self, index + 1);
	return true;
}

/* ---------------------------------------------------------------- XA */

static void
note_prepared(MysqlSource *self, const char *xid, Lsn start, bool touches)
{
	Prepared   *prepared = hash_get_text(self->prepared, xid);

	if (prepared == NULL)
	{
		prepared = mem_zalloc(sizeof(Prepared));
		hash_put_text(self->prepared, xid, prepared);
	}
	prepared->start = start;
	prepared->touches = touches;
}

bool
mysource_xa_prepare(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err)
{
	char		xid[MY_XID_TEXT_SIZE];
	MyXid		name;
	bool		one_phase;
	Lsn			end = my_position_pack(event->file_number, event->end);

	if (!my_event_xa_prepare(&event->event, &name, &one_phase, err))
		return false;
	my_xid_text(&name, xid);
	if (self->replay != NULL)
	{
		if (strcmp(xid, self->replay_xid) != 0)
			return error_set(err, ERROR_FAILED, "where XA transaction %s was prepared there is %s", self->replay_xid, xid);
		end = self->replay_end;
		mysource_end_replay(self);
		mysource_commit_group(self, end, out);
		return true;
	}
	if (!self->group.is_open)
		return true;
	note_prepared(self, xid, self->group.start, self->group.touches);
	if (one_phase)
		return mysource_xa_commit(self, xid, end, out, err);
	self->idle = end;
	close_group(self);
	return true;
}

void
mysource_end_replay(MysqlSource *self)
{
	if (self->replay != NULL)
		my_binlog_close(self->replay);
	self->replay = NULL;
	self->current = self->binlog;
	free(self->replay_xid);
	self->replay_xid = NULL;
	self->has_replay_begun = false;
}

/* The last PREPARE of the name in the file of from, before limit. */
static bool
search_file(MysqlSource *self, const char *wanted, Lsn from, Lsn limit, bool *is_found, Error *err)
{
	MyBinlog   *binlog;
	Lsn			start = LSN_NONE;
	bool		ok;

	*is_found = false;
	ok = mysource_open_again(self, from, &binlog, err);
	while (ok)
	{
		char		xid[MY_XID_TEXT_SIZE];
		MyLogEvent	event;
		MyBinlogResult result;
		MyXid		name;
		bool		one_phase;

		ok = my_binlog_next(binlog, 1000, &event, &result, err);
		if (!ok || result == MY_BINLOG_END)
			break;
		if (result == MY_BINLOG_NOTHING || !event.is_placed)
			continue;
		if (event.file_number != my_position_file_number(from) || my_position_pack(event.file_number, event.start) >= limit)
			break;
		switch (event.event.type)
		{
			case MY_EVENT_MARIADB_GTID:
			case MY_EVENT_MYSQL_GTID:
			case MY_EVENT_MYSQL_ANONYMOUS:
			case MY_EVENT_MYSQL_TAGGED_GTID:
				start = my_position_pack(event.file_number, event.start);
				break;
			case MY_EVENT_XA_PREPARE:
				ok = my_event_xa_prepare(&event.event, &name, &one_phase, err);
				if (ok && strcmp(my_xid_text(&name, xid), wanted) == 0 && start != LSN_NONE)
				{
					note_prepared(self, wanted, start, true);
					*is_found = true;
				}
				break;
			default:
				break;
		}
	}
	my_binlog_close(binlog);
	return ok;
}

/* Prepared before this session's stream began: file by file, backwards. */
static bool
search_prepared(MysqlSource *self, const char *xid, Error *err)
{
	bool		is_found = false;

	log_info(MODULE, "looking for where XA transaction %s was prepared, before %s", xid, mysource_place(self));
	for (uint32_t file = my_position_file_number(self->group.start); !is_found; file--)
	{
		if (!search_file(self, xid, my_position_pack(file, MY_OFFSET_FIRST), self->group.start, &is_found, err))
		{
			if (err->kind != ERROR_GAP)
				return false;
			error_set(err, ERROR_GAP, "XA transaction %s, committed at %s, was prepared in a binlog file that the source has purged", xid, mysource_place(self));
			return error_hint(err, "its changes are lost to this task: \"dbsync drop\" and a new full sync");
		}
	}
	return true;
}

bool
mysource_xa_commit(MysqlSource *self, const char *xid, Lsn end, SourceEvent *out, Error *err)
{
	Prepared   *prepared = hash_get_text(self->prepared, xid);
	Lsn			start;
	bool		touches;

	if (self->group.is_skipped)
	{
		mysource_commit_group(self, end, out);
		return true;
	}
	if (prepared == NULL)
	{
		if (!search_prepared(self, xid, err))
			return false;
		prepared = hash_get_text(self->prepared, xid);
	}
	start = prepared->start;
	touches = prepared->touches;
	free(hash_remove(self->prepared, xid, strlen(xid)));
	if (!touches)
	{
		mysource_commit_group(self, end, out);
		return true;
	}
	if (!mysource_open_again(self, start, &self->replay, err))
		return error_context(err, "XA transaction %s", xid);
	self->current = self->replay;
	self->replay_end = end;
	self->replay_xid = mem_strdup(xid);
	self->has_replay_begun = false;
	self->group.is_prepared = false;
	self->group.is_single = false;
	return true;
}
