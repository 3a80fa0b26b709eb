/*
 * sqlite_internal.h
 *		What the files of the SQLite store share.  Nobody else includes it.
 *
 * sqlite_conn.c	one connection: open, statements, errors, transactions
 * sqlite_schema.c	making and recognising the file
 * sqlite_state.c	tasks and copy items
 * sqlite_queue.c	waiting transactions: append, commit
 * sqlite_remove.c	removing them, and whole tasks
 * sqlite_read.c	reading them, and statistics
 * sqlite_store.c	the store itself
 *
 * Locks, in the order in which they may be taken: append_lock, write_lock; read_lock is taken alone.
 */
#ifndef DBSYNC_STORE_SQLITE_INTERNAL_H
#define DBSYNC_STORE_SQLITE_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"
#include "model/store.h"
#include "store/append_batch.h"
#include "store/read_ahead.h"
#include "store/store_mode.h"
#include "store/task_lock.h"

#include <pthread.h>
#include <sqlite3.h>

/* A statement is prepared once a connection, where it is first used: STATEMENT(name, text). */
#define SQLITE_STATEMENTS(STATEMENT) \
	STATEMENT(BEGIN, "BEGIN IMMEDIATE") \
	STATEMENT(COMMIT, "COMMIT") \
	STATEMENT(ROLLBACK, "ROLLBACK") \
	STATEMENT(FREE_PAGES, "PRAGMA freelist_count") \
	STATEMENT(ALL_PAGES, "PRAGMA page_count") \
	STATEMENT(LOAD_TASK, SQLITE_TASK_SELECT " WHERE task = ?1") \
	STATEMENT(LIST_TASKS, SQLITE_TASK_SELECT " ORDER BY task") \
	STATEMENT(SAVE_TASK, \
		"INSERT INTO db_sync_status (task, phase, source_kind, source_id, source_timeline, slot, target_id, filter," \
		" created_us, full_sync_start_us, full_sync_end_us, decoder_start_lsn, received_lsn, applied_lsn, applied_commit_us, segment)" \
		" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)" \
		" ON CONFLICT (task) DO UPDATE SET phase = excluded.phase, source_kind = excluded.source_kind," \
		" source_id = excluded.source_id, source_timeline = excluded.source_timeline, slot = excluded.slot," \
		" target_id = excluded.target_id, filter = excluded.filter, created_us = excluded.created_us," \
		" full_sync_start_us = excluded.full_sync_start_us, full_sync_end_us = excluded.full_sync_end_us," \
		" decoder_start_lsn = excluded.decoder_start_lsn," \
		" received_lsn = max(received_lsn, excluded.received_lsn)," \
		" applied_commit_us = CASE WHEN excluded.applied_lsn >= applied_lsn THEN excluded.applied_commit_us ELSE applied_commit_us END," \
		" applied_lsn = max(applied_lsn, excluded.applied_lsn)," \
		" segment = max(segment, excluded.segment)") \
	STATEMENT(SAVE_RECEIVED, "UPDATE db_sync_status SET received_lsn = max(received_lsn, ?2) WHERE task = ?1") \
	STATEMENT(SAVE_APPLIED, \
		"UPDATE db_sync_status SET applied_lsn = ?2, applied_commit_us = ?3 WHERE task = ?1 AND applied_lsn <= ?2") \
	STATEMENT(ADD_COUNTS, \
		"UPDATE db_sync_status SET received_lsn = max(received_lsn, ?2), waiting_transactions = waiting_transactions + ?3," \
		" waiting_changes = waiting_changes + ?4, waiting_bytes = waiting_bytes + ?5 WHERE task = ?1") \
	STATEMENT(DROP_STATUS, "DELETE FROM db_sync_status WHERE task = ?1") \
	STATEMENT(DROP_ITEMS, "DELETE FROM db_sync_tables WHERE task = ?1") \
	STATEMENT(DROP_RELATIONS, "DELETE FROM sync_relations WHERE task = ?1") \
	STATEMENT(LOAD_ITEMS, \
		"SELECT schema_name, table_name, chunk, chunk_count, first_block, last_block, phase, snapshot_lsn, estimated_bytes," \
		" estimated_rows, copied_rows, copied_bytes, start_us, end_us FROM db_sync_tables WHERE task = ?1 ORDER BY position") \
	STATEMENT(SAVE_ITEM, \
		"INSERT INTO db_sync_tables (task, schema_name, table_name, chunk, chunk_count, first_block, last_block, phase," \
		" snapshot_lsn, estimated_bytes, estimated_rows, copied_rows, copied_bytes, start_us, end_us, position)" \
		" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15," \
		" (SELECT coalesce(max(position), 0) + 1 FROM db_sync_tables WHERE task = ?1))" \
		" ON CONFLICT (task, schema_name, table_name, chunk) DO UPDATE SET chunk_count = excluded.chunk_count," \
		" first_block = excluded.first_block, last_block = excluded.last_block, phase = excluded.phase," \
		" snapshot_lsn = excluded.snapshot_lsn, estimated_bytes = excluded.estimated_bytes," \
		" estimated_rows = excluded.estimated_rows, copied_rows = excluded.copied_rows, copied_bytes = excluded.copied_bytes," \
		" start_us = excluded.start_us, end_us = excluded.end_us") \
	STATEMENT(INSERT_ITEM, \
		"INSERT INTO db_sync_tables (task, schema_name, table_name, chunk, chunk_count, first_block, last_block, phase," \
		" snapshot_lsn, estimated_bytes, estimated_rows, copied_rows, copied_bytes, start_us, end_us, position)" \
		" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)") \
	STATEMENT(ADD_RELATION, \
		"INSERT INTO sync_relations (task, segment, number, record) VALUES (?1,?2,?3,?4) ON CONFLICT DO NOTHING") \
	STATEMENT(READ_RELATIONS, "SELECT record FROM sync_relations WHERE task = ?1 AND segment = ?2 ORDER BY number") \
	STATEMENT(REMOVE_RELATIONS, "DELETE FROM sync_relations WHERE task = ?1 AND segment < ?2") \
	STATEMENT(HAS_OLD_RELATIONS, "SELECT 1 FROM sync_relations WHERE task = ?1 AND segment < ?2 LIMIT 1") \
	STATEMENT(FIRST_SEGMENT, "SELECT segment FROM sync_sqls WHERE task = ?1 ORDER BY commit_lsn, part, piece LIMIT 1") \
	STATEMENT(MAX_LSN, "SELECT max(commit_lsn) FROM sync_sqls WHERE task = ?1") \
	STATEMENT(MAX_ID, "SELECT max(id) FROM sync_sqls") \
	STATEMENT(IS_WHOLE, \
		"SELECT is_last FROM sync_sqls WHERE task = ?1 AND commit_lsn = ?2 AND id < " SQLITE_VOID_FROM \
		" ORDER BY part DESC, piece DESC LIMIT 1") \
	STATEMENT(TXN_STATE, \
		"SELECT is_last FROM sync_sqls WHERE task = ?1 AND commit_lsn = ?2 ORDER BY part DESC, piece DESC LIMIT 1") \
	STATEMENT(HAS_PART, "SELECT 1 FROM sync_sqls WHERE task = ?1 AND commit_lsn = ?2 AND part = ?3 LIMIT 1") \
	STATEMENT(INSERT_PART, \
		"INSERT INTO sync_sqls (task, segment, commit_lsn, end_lsn, part, is_last, piece, pieces, xid, commit_us, changes, bytes," \
		" records) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)") \
	STATEMENT(READ, \
		"SELECT commit_lsn, part, is_last, segment, end_lsn, xid, commit_us, changes, piece, records FROM sync_sqls" \
		" WHERE task = ?1 AND (commit_lsn, part) > (?2, ?3) AND id < " SQLITE_VOID_FROM \
		" ORDER BY commit_lsn, part, piece") \
	STATEMENT(LAST_DONE, \
		"SELECT commit_lsn FROM sync_sqls WHERE task = ?1 AND commit_lsn < ?2 AND is_last AND end_lsn <= ?2" \
		" ORDER BY commit_lsn DESC LIMIT 1") \
	STATEMENT(ROWS_UP_TO, \
		"SELECT id, is_last AND piece = 0, changes, bytes FROM sync_sqls WHERE task = ?1 AND commit_lsn <= ?2" \
		" ORDER BY commit_lsn, part, piece LIMIT 1000") \
	STATEMENT(ROWS_OF_TXN, \
		"SELECT id, is_last AND piece = 0, changes, bytes FROM sync_sqls WHERE task = ?1 AND commit_lsn = ?2" \
		" ORDER BY commit_lsn, part, piece LIMIT 1000") \
	/* From the end, so that what a crash leaves has lost its last part first and is never taken for whole. */ \
	STATEMENT(ROWS_FROM, \
		"SELECT id, is_last AND piece = 0, changes, bytes FROM sync_sqls WHERE task = ?1 AND commit_lsn >= ?2" \
		" ORDER BY commit_lsn DESC, part DESC, piece DESC LIMIT 1000") \
	STATEMENT(ROWS_VOID, \
		"SELECT id, 0, 0, 0 FROM sync_sqls WHERE task = ?1 AND +id >= (SELECT first_id FROM sync_pending WHERE task = ?1)" \
		" AND ?2 IS NOT NULL ORDER BY commit_lsn DESC, part DESC, piece DESC LIMIT 1000") \
	STATEMENT(DELETE_ROW, "DELETE FROM sync_sqls WHERE id = ?1") \
	STATEMENT(FIND_INCOMPLETE, \
		"SELECT commit_lsn FROM (SELECT DISTINCT commit_lsn FROM sync_sqls WHERE task = ?1 AND is_last = 0) AS t WHERE NOT" \
		" (SELECT is_last FROM sync_sqls AS l WHERE l.task = ?1 AND l.commit_lsn = t.commit_lsn ORDER BY part DESC, piece DESC LIMIT 1)" \
		" LIMIT 1") \
	STATEMENT(VOID_FROM, "SELECT first_id FROM sync_pending WHERE task = ?1") \
	STATEMENT(MARK_VOID, "INSERT OR REPLACE INTO sync_pending (task, first_id) VALUES (?1, ?2)") \
	STATEMENT(UNMARK_VOID, "DELETE FROM sync_pending WHERE task = ?1") \
	STATEMENT(STATS, "SELECT waiting_transactions, waiting_changes, waiting_bytes FROM db_sync_status WHERE task = ?1") \
	STATEMENT(FIRST_WHOLE, \
		"SELECT commit_lsn, commit_us FROM sync_sqls WHERE task = ?1 AND is_last AND id < " SQLITE_VOID_FROM \
		" ORDER BY commit_lsn LIMIT 1")

#define SQLITE_TASK_SELECT \
	"SELECT task, phase, source_kind, source_id, source_timeline, slot, target_id, filter, created_us, full_sync_start_us," \
	" full_sync_end_us, decoder_start_lsn, received_lsn, applied_lsn, applied_commit_us, segment FROM db_sync_status"

/* Rows of a task from this id on were written early and are not committed, or are being dropped. */
#define SQLITE_VOID_FROM "coalesce((SELECT first_id FROM sync_pending WHERE task = ?1), 9223372036854775807)"

typedef enum SqliteStatement
{
#define STATEMENT(name, text) STMT_##name,
	SQLITE_STATEMENTS(STATEMENT)
#undef STATEMENT
	STMT_COUNT
} SqliteStatement;

typedef struct SqliteConn
{
	sqlite3    *db;
	const char *path;			/* for messages */
	sqlite3_stmt *statements[STMT_COUNT];
	bool		is_durable;		/* synchronous is FULL now */
	bool		is_full;		/* the last error was want of space */
} SqliteConn;

/* First come, first served: a mutex lets one busy thread starve the others. */
typedef struct FairLock
{
	pthread_mutex_t mutex;
	pthread_cond_t turn;
	uint64_t	next_ticket;
	uint64_t	serving;
} FairLock;

typedef struct SqliteStore
{
	Store		base;
	char	   *path;
	char	   *description;
	StoreMode	mode;
	bool		durable;

	FairLock	write_lock;
	SqliteConn	writer;

	pthread_mutex_t read_lock;
	SqliteConn	reader;
	ReadAhead	ahead;

	pthread_mutex_t append_lock;
	AppendBatch batch;

	uint64_t	generation;		/* atomic: grows when a transaction becomes readable */
	bool		is_appender;	/* atomic: this store is the one that adds transactions */

	pthread_mutex_t lock_lock;
	TaskLock   *task_lock;
	char	   *locked_task;
} SqliteStore;

static inline SqliteStore *
sqlite_store(Store *store)
{
	return (SqliteStore *) store;
}

/* sqlite_conn.c */
bool sqlite_conn_open(SqliteConn *conn, const char *path, int flags, Error *err) DBSYNC_MUST_CHECK;
void sqlite_conn_close(SqliteConn *conn);
bool sqlite_conn_error(SqliteConn *conn, int rc, Error *err);	/* always false */
bool sqlite_conn_exec(SqliteConn *conn, const char *sql, Error *err) DBSYNC_MUST_CHECK;
/* Ready to be bound and stepped; NULL on error. The user resets it, or lets sqlite_run() do so. */
sqlite3_stmt *sqlite_statement(SqliteConn *conn, SqliteStatement number, Error *err);
/* One step of a statement that gives no row or whose row is not wanted; resets it. */
bool sqlite_run(SqliteConn *conn, sqlite3_stmt *statement, Error *err) DBSYNC_MUST_CHECK;
/* Binds ?1, runs. */
bool sqlite_run_for_task(SqliteConn *conn, SqliteStatement number, const char *task, Error *err) DBSYNC_MUST_CHECK;
/* One integer of a statement with ?1 = task and, where used, ?2; *found false: no row, or NULL. */
bool sqlite_query_int64(SqliteConn *conn, SqliteStatement number, const char *task, int64_t second, int64_t *value, bool *found, Error *err) DBSYNC_MUST_CHECK;
void sqlite_bind_text_static(sqlite3_stmt *statement, int index, const char *text);
const char *sqlite_text_in(Arena *arena, sqlite3_stmt *statement, int column);

/* Waits for the write lock and begins; durable false: a crash of the machine may take it back.  On error nothing is held. */
bool sqlite_write_begin(SqliteStore *store, bool durable, Error *err) DBSYNC_MUST_CHECK;
/* ok: commits; otherwise, or where the commit fails, rolls back.  Releases the write lock.  Returns whether it was committed. */
bool sqlite_write_end(SqliteStore *store, bool ok, Error *err) DBSYNC_MUST_CHECK;

/* Gives all free pages of the file back to the file system: one transaction, as long as the pages in use are many. */
bool sqlite_shrink(SqliteStore *store, Error *err) DBSYNC_MUST_CHECK;

/* sqlite_schema.c */
bool sqlite_schema_prepare(SqliteConn *conn, StoreMode mode, Error *err) DBSYNC_MUST_CHECK;

/* sqlite_state.c */
bool sqlite_load_task(Store *store, const char *task, Arena *arena, TaskState *state, bool *found, Error *err);
bool sqlite_save_task(Store *store, const TaskState *state, Error *err);
bool sqlite_save_received(Store *store, const char *task, Lsn received_lsn, Error *err);
bool sqlite_save_applied(Store *store, const char *task, Lsn applied_lsn, int64_t commit_us, Error *err);
bool sqlite_list_tasks(Store *store, Arena *arena, TaskState **states, int *count, Error *err);
bool sqlite_load_items(Store *store, const char *task, Arena *arena, CopyItem **items, int *count, Error *err);
bool sqlite_replace_items(Store *store, const char *task, const CopyItem *items, int count, Error *err);
bool sqlite_save_item(Store *store, const char *task, const CopyItem *item, Error *err);

/* sqlite_queue.c */
bool sqlite_append_relation(Store *store, const char *task, int64_t segment, uint64_t number, const char *record, size_t length, Error *err);
bool sqlite_append(Store *store, const char *task, const TxnPart *part, Error *err);
bool sqlite_commit(Store *store, Lsn received_lsn, Error *err);
void sqlite_rollback(Store *store);
bool sqlite_drop_incomplete(Store *store, const char *task, Error *err);

/* sqlite_remove.c */
bool sqlite_remove_applied(Store *store, const char *task, Lsn applied_lsn, int64_t keep_segment, Error *err);
bool sqlite_remove_from(Store *store, const char *task, Lsn from, Error *err);
bool sqlite_drop_task(Store *store, const char *task, Error *err);
/*
 * Deletes some of the rows that a ROWS_* statement finds, inside a transaction: as many as do not block others for long.  counts
 * grows by what they held; *done: there are no more.
 */
bool sqlite_delete_some(SqliteConn *conn, SqliteStatement rows, const char *task, Lsn lsn, AppendCounts *counts, bool *done, Error *err) DBSYNC_MUST_CHECK;
/* Takes counts off the task's row. */
bool sqlite_count_off(SqliteConn *conn, const char *task, const AppendCounts *counts, Error *err) DBSYNC_MUST_CHECK;
/* Rows that sync_pending marks, if any: deleted, in transactions of their own. */
bool sqlite_delete_void(SqliteStore *store, const char *task, Error *err) DBSYNC_MUST_CHECK;


/* sqlite_read.c */
bool sqlite_read(Store *store, const char *task, Lsn after_commit_lsn, int after_part, TxnPart **part, Error *err);
bool sqlite_read_relations(Store *store, const char *task, int64_t segment, char **records, size_t *length, Error *err);
bool sqlite_stats(Store *store, const char *task, StoreStats *stats, Error *err);

#endif
