/*
 * mysql_statements.c
 *		Statements in the log: those that bound transactions, and those that concern a wanted table.
 */
#include "source/mysql_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"

#define MODULE "source"

/* What is wanted, as my_statement_mentions() asks. */
static bool
is_wanted(void *arg, const char *database, const char *table)
{
	const MysqlSource *self = arg;

	return mysource_wants(self, database, table);
}

static bool
is_known(const MysqlSource *self, const char *table)
{
	for (int i = 0; i < self->catalog.count; i++)
	{
		if (mysource_same_name(self, self->catalog.tables[i].name, table))
			return true;
	}
	return false;
}

/* A change in statement format: the log has no rows of it.  The statement itself may hold data, and is not shown. */
static bool
check_change(MysqlSource *self, const MyQuery *query, Error *err)
{
	if (!my_statement_mentions(query, self->arena, is_wanted, self))
		return true;
	error_set(err, ERROR_FAILED, "a wanted table was changed in statement format (binary log at %s): the log does not have the rows", mysource_place(self));
	return error_hint(err, "on the source: SET GLOBAL binlog_format = ROW, and no session may set another; the rows come by a new full sync");
}

/* The name of a wanted table that the statement concerns, or NULL. */
static const char *
concerned(const MysqlSource *self, const MyStatement *statement)
{
	for (int i = 0; i < statement->name_count; i++)
	{
		const MyTableName *name = &statement->names[i];

		if (statement->kind == MY_STATEMENT_DROP_DATABASE)
		{
			if (mysource_same_name(self, name->database, self->options.config->db))
				return name->database;
			continue;
		}
		if (!mysource_wants(self, name->database, name->table))
			continue;
		/* A table that came and went again between two looks at the database was never one of ours. */
		if (statement->kind == MY_STATEMENT_CREATE_TABLE ? !(statement->if_not_exists && is_known(self, name->table)) : is_known(self, name->table))
			return name->table;
	}
	return NULL;
}

/*
 * Everything before the statement becomes durable first: then the definitions of before are not needed again when the stream goes on, with the
 * changed ones, from here.
 */
static void
stop_at(MysqlSource *self, const MyQuery *query, const char *table)
{
	error_set(&self->stop_error, ERROR_FAILED, "the stream stops at a statement that changes table %s.%s (binary log at %s): %s", self->options.config->db,
			  table, mysource_place(self), my_statement_text(query, self->arena));
	error_hint(&self->stop_error, "make the same change on the target, then run once with [src.mysql] ddl = skip (--ddl skip), which passes over it");
}

/* *stops: the group is not to be ended. */
static bool
check_ddl(MysqlSource *self, const MyQuery *query, const MyStatement *statement, bool *stops, Error *err)
{
	const char *table = statement->is_temporary ? NULL : concerned(self, statement);
	MysqlSourceCounts *counts = self->options.counts;

	*stops = false;
	if (table == NULL)
		return true;
	if (self->options.config->ddl == MY_DDL_STOP)
	{
		*stops = true;
		stop_at(self, query, table);
		return true;
	}
	log_warn(MODULE, "passing over a statement that changes table %s.%s (binary log at %s): %s", self->options.config->db, table, mysource_place(self),
			 my_statement_text(query, self->arena));
	if (counts != NULL)
		atomic_fetch_add_explicit(&counts->skipped_ddl, 1, memory_order_relaxed);
	/* A change of names alone would not be noticed by the shape. */
	return mysource_reload_catalog(self, err);
}

static bool
truncate_table(MysqlSource *self, const MyStatement *statement, SourceEvent *out, Error *err)
{
	const MyTableName *name = &statement->names[0];
	LoggedTable *table;

	if (!mysource_wants(self, name->database, name->table))
		return true;
	if (!is_known(self, name->table) && !mysource_reload_catalog(self, err))
		return false;
	/* Dropped since; its rows of before would have been an error already. */
	if (!is_known(self, name->table))
		return true;
	if (!mysource_find_table(self, name->table, &table, err))
		return false;
	mysource_begin_records(self);
	if (!table->is_announced)
		mysource_announce(self, table, out);
	strbuf_printf(&self->records, "[\"T\",[%" PRIu64 "],\"\"]\n", table->number);
	self->group.change_count++;
	return true;
}

static bool
table_statement(MysqlSource *self, const MyLogEvent *event, const MyQuery *query, const MyStatement *statement, SourceEvent *out, Error *err)
{
	Lsn			end = my_position_pack(event->file_number, event->end);
	bool		stops = false;

	if (!self->group.is_open)
		mysource_open_group(self, my_position_pack(event->file_number, event->start), event, true);
	if (!self->group.is_skipped)
	{
		bool		ok = true;

		if (statement->kind == MY_STATEMENT_TRUNCATE)
			ok = truncate_table(self, statement, out, err);
		else if (statement->kind == MY_STATEMENT_CHANGE)
			ok = check_change(self, query, err);
		else
			ok = check_ddl(self, query, statement, &stops, err);
		if (!ok || stops)
			return ok;
	}
	if (statement->begins)
		self->group.is_single = false;
	if (!self->group.is_single)
		return true;
	/* A relation event goes first. */
	if (out->kind != SOURCE_NOTHING)
		self->group_end = end;
	else
		mysource_commit_group(self, end, out);
	return true;
}

static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if ((text[i] & 0x80) != 0)
			return false;
	}
	return true;
}

static bool
learn_charset(MysqlSource *self, unsigned collation, Error *err)
{
	MyConn	   *conn;
	bool		ok;

	if (!my_connect(self->options.config, "character set", &conn, err))
		return false;
	ok = my_charsets_learn(self->charsets, conn, collation, err);
	my_close(conn);
	return ok || error_context(err, "a statement in the binary log at %s", mysource_place(self));
}

/* The log has a statement in the character set of its session: names in it are not yet what the catalogue has, and a byte may look like a quote. */
bool
mysource_read_query(MysqlSource *self, const MyEvent *event, void **buffer, size_t *buffer_size, Arena *arena, MyQuery *query, Error *err)
{
	StrBuf		text = STRBUF_INIT;
	const MyCharset *charset;

	arena_reset(arena);
	if (!my_event_query(event, buffer, buffer_size, query, err))
		return false;
	if (query->collation == 0 || is_ascii(query->text, query->length))
		return true;
	if (!my_charsets_knows(self->charsets, query->collation) && !learn_charset(self, query->collation, err))
		return false;
	charset = my_charsets_find_number(self->charsets, query->collation);
	if (charset == NULL)
		return true;
	my_charset_append(charset, query->text, query->length, &text);
	query->length = text.length;
	query->text = arena_strndup(arena, strbuf_text(&text), text.length);
	strbuf_free(&text);
	return true;
}

bool
mysource_query(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err)
{
	Lsn			end = my_position_pack(event->file_number, event->end);
	MyStatement statement;
	MyQuery		query;

	if (!mysource_read_query(self, &event->event, &self->buffer, &self->buffer_size, self->arena, &query, err))
		return false;
	my_statement_parse(&query, self->arena, &statement);
	if (event->event.type == MY_EVENT_EXECUTE_LOAD)
		statement.kind = MY_STATEMENT_CHANGE;
	switch (statement.kind)
	{
		case MY_STATEMENT_BEGIN:
			if (!self->group.is_open)
				mysource_open_group(self, my_position_pack(event->file_number, event->start), event, false);
			self->group.is_single = false;
			return true;
		case MY_STATEMENT_XA_START:
			if (self->replay != NULL)
				return true;
			if (!self->group.is_open)
				mysource_open_group(self, my_position_pack(event->file_number, event->start), event, false);
			self->group.is_single = false;
			self->group.is_prepared = true;
			return true;
		case MY_STATEMENT_XA_END:
			return true;
		case MY_STATEMENT_COMMIT:
			if (self->group.is_open && self->replay == NULL)
				mysource_commit_group(self, end, out);
			return true;
		case MY_STATEMENT_ROLLBACK:
			return !self->group.is_open || mysource_abandon_group(self, end, err);
		case MY_STATEMENT_SAVEPOINT:
			mysource_savepoint(self, statement.label);
			return true;
		case MY_STATEMENT_ROLLBACK_TO:
			return mysource_rollback_to(self, statement.label, err);
		case MY_STATEMENT_XA_COMMIT:
			if (!self->group.is_open)
				mysource_open_group(self, my_position_pack(event->file_number, event->start), event, true);
			return mysource_xa_commit(self, statement.label, end, out, err);
		case MY_STATEMENT_XA_ROLLBACK:
			free(hash_remove(self->prepared, statement.label, strlen(statement.label)));
			return !self->group.is_open || mysource_abandon_group(self, end, err);
		case MY_STATEMENT_OTHER:
		case MY_STATEMENT_TRUNCATE:
		case MY_STATEMENT_CREATE_TABLE:
		case MY_STATEMENT_DDL:
		case MY_STATEMENT_DROP_DATABASE:
		case MY_STATEMENT_CHANGE:
			break;
	}
	return table_statement(self, event, &query, &statement, out, err);
}
