/*
 * replication.h
 *		The streaming replication protocol (PostgreSQL manual, "Streaming Replication Protocol") over a PgConn of role
 *		PG_ROLE_REPLICATION.
 *
 * One thread at a time.  No function here blocks for ever: all waits honour the stop flag.
 */
#ifndef DBSYNC_PG_REPLICATION_H
#define DBSYNC_PG_REPLICATION_H

#include "model/lsn.h"
#include "pg/conn.h"

bool repl_identify_system(PgConn *conn, Arena *arena, const char **system_id, int *timeline, Lsn *flushed, Error *err) DBSYNC_MUST_CHECK;

typedef struct ReplSlot
{
	const char *snapshot;		/* exported: valid until the next command on the connection */
	Lsn			consistent_point;	/* the snapshot has exactly the transactions with commit_lsn below it */
} ReplSlot;

/*
 * Creates a logical slot of the plugin and exports its snapshot.  The server waits for the transactions that run now; every two
 * seconds of it waiting() is called, from this thread, to say so.  A slot of that name that is already there is an ERROR_FAILED
 * with sqlstate 42710.
 */
bool repl_create_slot(PgConn *conn, const char *name, const char *plugin, bool temporary, void (*waiting) (void *arg), void *arg,
					  Arena *arena, ReplSlot *slot, Error *err) DBSYNC_MUST_CHECK;

typedef struct ReplOption
{
	const char *name;
	const char *value;
} ReplOption;

/* START_REPLICATION.  A slot that is active elsewhere gives ERROR_RETRY, a slot that is gone or invalidated ERROR_GAP. */
bool repl_start(PgConn *conn, const char *slot, Lsn from, const ReplOption *options, int count, Error *err) DBSYNC_MUST_CHECK;

typedef enum ReplMessageKind
{
	REPL_NOTHING, REPL_DATA, REPL_KEEPALIVE
} ReplMessageKind;

typedef struct ReplMessage
{
	ReplMessageKind kind;
	const char *payload;		/* DATA; valid until the next repl_receive() */
	size_t		length;
	Lsn			wal_start;		/* DATA */
	Lsn			wal_end;
	bool		reply_wanted;	/* KEEPALIVE */
	char	   *buffer;			/* internal; start with NULL, free by repl_message_free() */
} ReplMessage;

/* The next message; waits up to timeout_ms (0: looks only).  The end of the stream is an error. */
bool repl_receive(PgConn *conn, int timeout_ms, ReplMessage *message, Error *err) DBSYNC_MUST_CHECK;
void repl_message_free(ReplMessage *message);

/* Standby status update. */
bool repl_feedback(PgConn *conn, Lsn written, Lsn flushed, bool reply_wanted, Error *err) DBSYNC_MUST_CHECK;

#endif
