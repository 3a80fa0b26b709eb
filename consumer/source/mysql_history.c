/*
 * mysql_history.c
 *		Whether the catalogue's definition of a table is that of the time of an event.
 *
 * The log does not name columns (unless binlog_row_metadata = FULL), so the catalogue does; but that is as of now, and the log may begin long
 * before.  A change of a column's type shows in the table map; that two columns of one type changed places, or names, does not.
 * So where a table's rows are met that are older than its definition, the log between them is searched for a statement that changed it.
 */
#include "source/mysql_private.h"

#include <stdlib.h>

#include "base/log.h"

#define MODULE "source"

typedef struct AlteredAt
{
	Lsn			last;
} AlteredAt;

void
mysource_forget_history(MysqlSource *self)
{
	hash_clear(self->changed_at, free);
	hash_clear(self->hidden, free);
	hash_clear(self->altered, free);
	self->searched_to = LSN_NONE;
	self->catalog_end = LSN_NONE;
}

/* Rows of a table's name and a number, into a map. */
static bool
read_numbers(MysqlSource *self, MyConn *conn, const char *select, HashMap *map, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	MYSQL_RES  *result = NULL;
	MYSQL_ROW	row;
	bool		ok;

	hash_clear(map, free);
	strbuf_append(&sql, select);
	my_quote_literal(conn, &sql, self->options.config->db, strlen(self->options.config->db));
	strbuf_append(&sql, " GROUP BY 1");
	ok = my_query(conn, strbuf_text(&sql), &result, err);
	while (ok && (row = mysql_fetch_row(result)) != NULL)
	{
		int64_t    *number = mem_alloc(sizeof(*number));

		*number = row[1] != NULL ? strtoll(row[1], NULL, 10) : 0;
		free(hash_put_text(map, row[0] != NULL ? row[0] : "", number));
	}
	if (ok)
		mysql_free_result(result);
	strbuf_free(&sql);
	return ok;
}

/*
 * MariaDB writes the definition anew, and so its time, with every change.  MySQL does not for those that are "instant": there every table is in doubt.
 */
bool
mysource_read_history(MysqlSource *self, MyConn *conn, Error *err)
{
	static const char changed_sql[] = "SELECT TABLE_NAME, MAX(UNIX_TIMESTAMP(CREATE_TIME)) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ";
	static const char hidden_sql[] = "SELECT s.TABLE_NAME, COUNT(DISTINCT s.INDEX_NAME) FROM information_schema.STATISTICS s"
		" JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.TABLE_SCHEMA AND t.TABLE_NAME = s.TABLE_NAME"
		" WHERE s.INDEX_TYPE = 'HASH' AND t.ENGINE <> 'MEMORY' AND s.TABLE_SCHEMA = ";
	Arena	   *arena = arena_new(0);
	MyLogStatus status;
	bool		ok = my_position_current(conn, arena, &status, err);

	if (ok)
		self->catalog_end = status.position;
	self->is_mariadb = my_server(conn)->is_mariadb;
	if (ok && self->is_mariadb)
		ok = read_numbers(self, conn, changed_sql, self->changed_at, err) && read_numbers(self, conn, hidden_sql, self->hidden, err);
	arena_free(arena);
	return ok;
}

int
mysource_hidden_columns(const MysqlSource *self, const char *table)
{
	const int64_t *count = hash_get_text(self->hidden, table);

	return count != NULL ? (int) *count : 0;
}

bool
mysource_open_again(MysqlSource *self, Lsn from, MyBinlog **binlog, Error *err)
{
	MyBinlogOptions options = {.server_id = 0, .from = from};
	MyConn	   *conn;

	*binlog = NULL;
	return my_connect(self->options.config, "second look", &conn, err) && my_binlog_open(conn, &options, binlog, err);
}

static void
note_statement(MysqlSource *self, const MyStatement *statement, Lsn start)
{
	if (!statement->changes_columns || statement->is_temporary || statement->if_not_exists)
		return;
	for (int i = 0; i < statement->name_count; i++)
	{
		const MyTableName *name = &statement->names[i];
		AlteredAt  *altered;

		if (name->table == NULL || !mysource_wants(self, name->database, name->table))
			continue;
		altered = hash_get_text(self->altered, name->table);
		if (altered == NULL)
		{
			altered = mem_zalloc(sizeof(*altered));
			hash_put_text(self->altered, name->table, altered);
		}
		altered->last = start;
	}
}

static bool
search_log(MysqlSource *self, Lsn from, Lsn to, Error *err)
{
	Arena	   *arena = arena_new(0);
	void	   *buffer = NULL;
	size_t		buffer_size = 0;
	MyBinlog   *binlog;
	bool		ok = mysource_open_again(self, from, &binlog, err);

	while (ok)
	{
		MyStatement statement;
		MyLogEvent	event;
		MyBinlogResult result;
		MyQuery		query;
		Lsn			start;

		ok = my_binlog_next(binlog, 1000, &event, &result, err);
		if (!ok || result == MY_BINLOG_END)
			break;
		if (result == MY_BINLOG_NOTHING || !event.is_placed)
			continue;
		start = my_position_pack(event.file_number, event.start);
		if (start >= to)
			break;
		if (event.event.type != MY_EVENT_QUERY && event.event.type != MY_EVENT_QUERY_COMPRESSED)
			continue;
		ok = mysource_read_query(self, &event.event, &buffer, &buffer_size, arena, &query, err);
		if (ok)
		{
			my_statement_parse(&query, arena, &statement);
			note_statement(self, &statement, start);
		}
	}
	my_binlog_close(binlog);
	free(buffer);
	arena_free(arena);
	return ok;
}

bool
mysource_check_history(MysqlSource *self, const char *table, const MyEvent *event, Error *err)
{
	Lsn			here = self->group.start;
	const int64_t *changed_at = hash_get_text(self->changed_at, table);
	const AlteredAt *altered;
	Arena	   *arena;

	if (here >= self->catalog_end || (self->is_mariadb && changed_at != NULL && (int64_t) event->timestamp > *changed_at))
		return true;
	if (self->searched_to < self->catalog_end)
	{
		Lsn			from = self->searched_to > here ? self->searched_to : here;

		log_debug(MODULE, "searching the log for changes of tables, from %s on", mysource_place(self));
		if (!search_log(self, from, self->catalog_end, err))
			return error_context(err, "search for changes of tables");
		self->searched_to = self->catalog_end;
	}
	altered = hash_get_text(self->altered, table);
	if (altered == NULL || altered->last <= self->event_start)
		return true;
	arena = arena_new(0);
	error_set(err, ERROR_FAILED, "table %s.%s is changed later in the log, at %s: what its columns were before, at %s, is not known", self->options.config->db,
			  table, my_position_text(arena, my_binlog_base(self->current), altered->last), mysource_place(self));
	arena_free(arena);
	return error_hint(err, "a new full sync brings the table's rows; binlog_row_metadata = FULL on the source puts names of columns into the log");
}
