/*
 * pg_internal.h
 *		What the files of the PostgreSQL store share.  Nobody else includes it.
 *
 * pg_store.c			the store itself: open, close, lock
 * pg_store_conn.c		its connections: connecting again, errors
 * pg_store_schema.c	making and recognising the tables
 * pg_store_state.c		tasks and copy items
 * pg_store_queue.c		waiting transactions: append, commit, remove
 * pg_store_copy.c		rows in the binary format of COPY
 * pg_store_read.c		reading them, and statistics
 *
 * Locks, in the order in which they may be taken: appender, reader, state.
 */
#ifndef DBSYNC_STORE_PG_INTERNAL_H
#define DBSYNC_STORE_PG_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "model/store.h"
#include "pg/conn.h"
#include "store/append_batch.h"
#include "store/read_ahead.h"
#include "store/store_mode.h"

#include <pthread.h>

#define PG_STORE_SCHEMA "dbsync_local"

/* A connection with its lock.  conn is NULL until it is needed, and after it was lost. */
typedef struct PgLink
{
	pthread_mutex_t mutex;
	PgConn	   *conn;
	const char *purpose;		/* for application_name */
	bool		in_transaction;
} PgLink;

typedef struct PgStore
{
	Store		base;
	char	   *conninfo;
	char	   *description;
	StoreMode	mode;
	bool		durable;

	PgLink		state;			/* holds the task's lock too */
	char	   *locked_task;	/* under state.mutex */

	PgLink		appender;
	AppendBatch batch;			/* under appender.mutex */

	PgLink		reader;
	ReadAhead	ahead;			/* under reader.mutex */

	uint64_t	generation;		/* atomic: grows when a transaction becomes readable */
	bool		is_appender;	/* atomic: this store is the one that adds transactions */
} PgStore;

static inline PgStore *
pg_store(Store *store)
{
	return (PgStore *) store;
}

/* pg_store_conn.c: the link's mutex is held by the caller. */

/* Connects where there is no connection.  The appender's and reader's connection comes only while the task's lock is held. */
bool pg_store_connect(PgStore *store, PgLink *link, Error *err) DBSYNC_MUST_CHECK;
void pg_store_disconnect(PgLink *link);
/*
 * After an error: makes it a store's, and the connection fit for the next call, by a rollback or by closing it.  Always returns false.
 */
bool pg_store_failed(PgStore *store, PgLink *link, Error *err);
/* Error of a store opened for reading only. */
bool pg_store_check_writable(const PgStore *store, Error *err) DBSYNC_MUST_CHECK;
/* Connects, runs, takes care of errors. */
bool pg_store_run(PgStore *store, PgLink *link, const char *sql, int count, const char *const *values, PGresult **result, Error *err) DBSYNC_MUST_CHECK;
/* On a connection that is there: of the state or the appender. */
bool pg_store_take_lock(PgLink *link, const char *task, Error *err) DBSYNC_MUST_CHECK;

/* pg_store_schema.c */
bool pg_store_schema_prepare(PgStore *store, PgConn *conn, Error *err) DBSYNC_MUST_CHECK;

/* pg_store_state.c */
bool pg_store_load_task(Store *store, const char *task, Arena *arena, TaskState *state, bool *found, Error *err);
bool pg_store_save_task(Store *store, const TaskState *state, Error *err);
bool pg_store_save_received(Store *store, const char *task, Lsn received_lsn, Error *err);
bool pg_store_save_applied(Store *store, const char *task, Lsn applied_lsn, int64_t commit_us, Error *err);
bool pg_store_drop_task(Store *store, const char *task, Error *err);
bool pg_store_list_tasks(Store *store, Arena *arena, TaskState **states, int *count, Error *err);
bool pg_store_load_items(Store *store, const char *task, Arena *arena, CopyItem **items, int *count, Error *err);
bool pg_store_replace_items(Store *store, const char *task, const CopyItem *items, int count, Error *err);
bool pg_store_save_item(Store *store, const char *task, const CopyItem *item, Error *err);

/* pg_store_queue.c */
bool pg_store_append_relation(Store *store, const char *task, int64_t segment, uint64_t number, const char *record, size_t length, Error *err);
bool pg_store_append(Store *store, const char *task, const TxnPart *part, Error *err);
bool pg_store_commit(Store *store, Lsn received_lsn, Error *err);
void pg_store_rollback(Store *store);
bool pg_store_drop_incomplete(Store *store, const char *task, Error *err);
bool pg_store_remove_from(Store *store, const char *task, Lsn from, Error *err);
bool pg_store_remove_applied(Store *store, const char *task, Lsn applied_lsn, int64_t keep_segment, Error *err);

/* pg_store_copy.c: a COPY of parts into sync_sqls, on the appender's connection, inside a transaction. */
typedef struct PgPartCopy
{
	PGconn	   *raw;			/* NULL: not begun */
	StrBuf		buf;
} PgPartCopy;

bool pg_part_copy_add(PgPartCopy *copy, PgConn *conn, const char *task, const TxnPart *part, Error *err) DBSYNC_MUST_CHECK;
bool pg_part_copy_end(PgPartCopy *copy, PgConn *conn, Error *err) DBSYNC_MUST_CHECK;	/* nothing where none was begun */
void pg_part_copy_release(PgPartCopy *copy);
/* All relations of the batch in one statement. */
bool pg_store_write_relations(PgConn *conn, const AppendBatch *batch, Error *err) DBSYNC_MUST_CHECK;

/* Numbers in network byte order. */
void pg_put_int16(StrBuf *buf, int16_t value);
void pg_put_int32(StrBuf *buf, int32_t value);
void pg_put_int64(StrBuf *buf, int64_t value);
int64_t pg_get_int64(const PGresult *result, int row, int column);	/* NULL: 0 */
int32_t pg_get_int32(const PGresult *result, int row, int column);
int64_t pg_get_time_us(const PGresult *result, int row, int column);

/* pg_store_read.c */
bool pg_store_read(Store *store, const char *task, Lsn after_commit_lsn, int after_part, TxnPart **part, Error *err);
bool pg_store_read_relations(Store *store, const char *task, int64_t segment, char **records, size_t *length, Error *err);
bool pg_store_stats(Store *store, const char *task, StoreStats *stats, Error *err);

#endif
