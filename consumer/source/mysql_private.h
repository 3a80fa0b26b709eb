/*
 * mysql_private.h
 *		What the files of the MySQL source share.
 *
 *     mysql_source.c     sessions, the loop over events, parts
 *     mysql_group.c      transactions: where they begin and end, savepoints, XA
 *     mysql_statements.c statements of the log: DDL, TRUNCATE, changes in statement format
 *     mysql_tables.c     from table maps to relations
 *     mysql_history.c    whether a table was changed between the present event and the time at which the catalogue was read
 *     mysql_changes.c    from rows to records
 *     mysql_cascades.c   changes that the target's foreign keys would follow, and the source's did not
 *     mysql_json_text.c  their strings
 */
#ifndef DBSYNC_SOURCE_MYSQL_PRIVATE_H
#define DBSYNC_SOURCE_MYSQL_PRIVATE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "mysql/my_binlog.h"
#include "mysql/my_catalog.h"
#include "mysql/my_charset.h"
#include "mysql/my_row.h"
#include "mysql/my_statement.h"
#include "mysql/my_table_map.h"
#include "source/mysql_source.h"

/* A wanted table in this session. */
typedef struct LoggedTable
{
	const MyTable *table;
	uint64_t	number;			/* of its relation record */
	bool		is_announced;	/* the relation record was sent */
	char	   *relation_text;	/* NULL: not made yet */
	size_t		relation_length;

	/* the last table map, and what it was bound to */
	uint8_t    *map;
	size_t		map_length;
	int			column_count;	/* of the images: the table's, and behind them hidden ones that are no part of the records */
	int			record_count;	/* of the records */
	MyRowColumn *columns;		/* malloc'd */
	bool	   *is_plain;		/* text of the column needs neither my_value() nor escapes */
	bool	   *is_key;
	int			row_end;		/* MariaDB's system versioning: the image's column that tells present rows from former ones; else -1 */
	bool	   *is_needed;		/* generated, and ordinary on the target: every image must have it */
	const char **acting;		/* as MysqlSourceOptions.acting_keys fills it; NULL: not asked yet */
	char		identity;		/* 'd', 'i', 'f' */
	bool		is_left_out;	/* ddl = skip: not in the database any more */
} LoggedTable;

/* What comes between a transaction's first event and its last. */
typedef struct Group
{
	bool		is_open;
	bool		has_begun;		/* its begin record is written */
	bool		is_skipped;
	bool		is_single;		/* one statement, without COMMIT */
	bool		is_prepared;	/* XA: ends with PREPARE, and its changes count later */
	bool		touches;		/* XA prepared: has table maps of wanted tables */
	uint32_t	xid;
	Lsn			start;
	int64_t		commit_us;
	int32_t		next_part;
	int64_t		change_count;
} Group;

/* Where in the records a savepoint is. */
typedef struct Savepoint
{
	char	   *name;
	bool		has_begun;
	size_t		length;			/* of the part's records */
	int32_t		part;
	int64_t		change_count;
} Savepoint;

/* A prepared XA transaction, by its text. */
typedef struct Prepared
{
	Lsn			start;
	bool		touches;
} Prepared;

typedef struct MysqlSource
{
	Source		base;
	MysqlSourceOptions options;
	char	   *schema;			/* of the records */

	/* session */
	int64_t		segment;
	Lsn			skip;
	MyBinlog   *binlog;			/* NULL between sessions */
	MyBinlog   *replay;			/* a prepared XA transaction is being read again */
	Lsn			replay_end;		/* end of its XA COMMIT */
	char	   *replay_xid;
	bool		has_replay_begun;
	MyCharsets *charsets;
	Arena	   *catalog_arena;
	MyCatalog	catalog;
	Lsn			catalog_end;	/* end of the log when it was read */
	HashMap    *hidden;			/* by table: how many columns the server keeps beside those of the catalogue, as a number */
	HashMap    *changed_at;		/* by table: when its definition was made, seconds since 1970 as a number; of MariaDB only */
	HashMap    *altered;		/* by table: AlteredAt, of the statements up to searched_to */
	Lsn			searched_to;	/* LSN_NONE: not searched in this session */
	bool		is_mariadb;
	bool		folds_case;		/* the server compares names of tables without regard to case */
	HashMap    *tables;			/* by name: LoggedTable */
	HashMap    *maps;			/* by table map id: LoggedTable, or &ignored_table */
	uint64_t	next_number;

	/* where we are */
	MyBinlog   *current;		/* the log that the present event came from */
	Lsn			event_start;	/* of the present event */
	Group		group;
	StrBuf		records;		/* of the part being gathered */
	Lsn			group_end;		/* not LSN_NONE: the group is to be ended there, once what is pending was given */
	Lsn			idle;			/* a position to be told; LSN_NONE: none */
	HashMap    *prepared;		/* by XA text: Prepared; outlives sessions */
	Savepoint  *savepoints;
	int			savepoint_count;
	int			savepoint_capacity;
	StrBuf		kept;			/* relation records in the part being gathered: they stay when its changes are undone */
	StrBuf		carried;		/* the same of transactions that were rolled back: they go into the next one */

	/* rows of the present event */
	bool		has_rows;
	MyRows		rows;
	LoggedTable *rows_table;
	MyCell	   *before;
	MyCell	   *after;
	int			cell_capacity;

	/* across sessions */
	unsigned long former;		/* the server's number of the last session's connection */
	Lsn			rolled_back;	/* a transaction that ended in ROLLBACK after parts of it were given */
	Lsn			uncut;			/* a transaction that must not be cut: it goes back behind a part */

	Error		late_stop;		/* stops it if the last event of the present statement was made without key checks, too */

	/* what stops the stream when everything before it is durable */
	Error		stop_error;
	Lsn			given_end;		/* end of the last whole transaction given */
	Lsn			durable;

	Arena	   *arena;			/* of one statement or table map */
	void	   *buffer;			/* of compressed events */
	size_t		buffer_size;
	StrBuf		text;
	StrBuf		value;
} MysqlSource;

extern LoggedTable mysource_ignored_table;

/* mysql_source.c */
void mysource_give_part(MysqlSource *self, Lsn end_lsn, SourceEvent *event);
/* Connects and reads the catalogue anew; the tables are forgotten, relation numbers go on. */
bool mysource_reload_catalog(MysqlSource *self, Error *err) DBSYNC_MUST_CHECK;
const char *mysource_place(const MysqlSource *self);	/* of the present event, for messages */
bool mysource_wants(const MysqlSource *self, const char *database, const char *table);
bool mysource_same_name(const MysqlSource *self, const char *a, const char *b);

/* mysql_group.c */
bool mysource_gtid(MysqlSource *self, const MyLogEvent *event, Error *err) DBSYNC_MUST_CHECK;
void mysource_open_group(MysqlSource *self, Lsn start, const MyLogEvent *event, bool is_single);
void mysource_begin_records(MysqlSource *self);
/* Commits at end: sets *event where the group has a part to give. */
void mysource_commit_group(MysqlSource *self, Lsn end, SourceEvent *event);
/* Its changes do not count. */
bool mysource_abandon_group(MysqlSource *self, Lsn end, Error *err) DBSYNC_MUST_CHECK;
void mysource_savepoint(MysqlSource *self, const char *name);
bool mysource_rollback_to(MysqlSource *self, const char *name, Error *err) DBSYNC_MUST_CHECK;
void mysource_forget_savepoints(MysqlSource *self);
bool mysource_xa_prepare(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err) DBSYNC_MUST_CHECK;
bool mysource_xa_commit(MysqlSource *self, const char *xid, Lsn end, SourceEvent *out, Error *err) DBSYNC_MUST_CHECK;
void mysource_end_replay(MysqlSource *self);

/* mysql_statements.c */
/* The statement of an event, in UTF-8; the arena is emptied. */
bool mysource_read_query(MysqlSource *self, const MyEvent *event, void **buffer, size_t *buffer_size, Arena *arena, MyQuery *query, Error *err) DBSYNC_MUST_CHECK;
bool mysource_query(MysqlSource *self, const MyLogEvent *event, SourceEvent *out, Error *err) DBSYNC_MUST_CHECK;

/* mysql_tables.c */
void mysource_forget_tables(MysqlSource *self);
bool mysource_table_map(MysqlSource *self, const MyEvent *event, Error *err) DBSYNC_MUST_CHECK;
/* A wanted table by name; *table &mysource_ignored_table where it is left out. */
bool mysource_find_table(MysqlSource *self, const char *name, LoggedTable **table, Error *err) DBSYNC_MUST_CHECK;
/* Puts the relation record into the records, and into *event. */
void mysource_announce(MysqlSource *self, LoggedTable *table, SourceEvent *event);

/* mysql_history.c */
bool mysource_read_history(MysqlSource *self, MyConn *conn, Error *err) DBSYNC_MUST_CHECK;	/* with the catalogue */
void mysource_forget_history(MysqlSource *self);
/* Does the catalogue's definition hold for the event?  It has no names of columns. */
bool mysource_check_history(MysqlSource *self, const char *table, const MyEvent *event, Error *err) DBSYNC_MUST_CHECK;
int mysource_hidden_columns(const MysqlSource *self, const char *table);
/* A second look at the log, which is no replica to the server. */
bool mysource_open_again(MysqlSource *self, Lsn from, MyBinlog **binlog, Error *err) DBSYNC_MUST_CHECK;

/* mysql_changes.c */
bool mysource_rows(MysqlSource *self, const MyEvent *event, SourceEvent *out, Error *err) DBSYNC_MUST_CHECK;
/* Goes on with the rows of the present event, until they end or a part is full. */
bool mysource_more_rows(MysqlSource *self, SourceEvent *out, Error *err) DBSYNC_MUST_CHECK;

static inline bool
mysource_same_cell(const MyCell *a, const MyCell *b)
{
	if (a->state != b->state)
		return false;
	return a->state != MY_CELL_VALUE || (a->length == b->length && memcmp(a->data, b->data, a->length) == 0);
}

/* mysql_cascades.c */
/* Before the rows of an event: would the target's keys follow them? */
bool mysource_ask_acting_keys(MysqlSource *self, LoggedTable *table, Error *err) DBSYNC_MUST_CHECK;
/* At the statement's end.  false: the stream is to stop (stop_error), because of what came before. */
bool mysource_end_statement(MysqlSource *self);
/* false: they would, and the stream is to stop at the present row (stop_error). */
bool mysource_keys_agree(MysqlSource *self, const LoggedTable *table, MyRowsKind kind);

/* mysql_json_text.c */
void mysource_append_json(StrBuf *out, const char *data, size_t length);	/* a JSON string, quotes included */

#endif
