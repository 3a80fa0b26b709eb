/*
 * slot.h
 *		What the source says of a replication slot, and dropping one; over an ordinary connection to the source.
 */
#ifndef DBSYNC_PG_SLOT_H
#define DBSYNC_PG_SLOT_H

#include "model/lsn.h"
#include "pg/conn.h"

typedef struct SlotInfo
{
	bool		exists;
	const char *plugin;			/* NULL: a physical slot */
	const char *database;		/* NULL: a physical slot */
	bool		is_of_this_database;
	int			active_pid;		/* 0: nobody uses it */
	Lsn			confirmed;		/* the source may have forgotten what is before it; LSN_NONE: not known */
	Lsn			flushed;		/* where the source's log ends on its disk; LSN_NONE: a standby, of which that says nothing */
	const char *wal_status;		/* reserved, extended, unreserved, lost; or NULL */
} SlotInfo;

bool slot_look(PgConn *conn, const char *name, Arena *arena, SlotInfo *info, Error *err) DBSYNC_MUST_CHECK;
/* Whether a task that has everything up to held can go on from there; ERROR_GAP where something between would be missing. */
bool slot_check_held(const SlotInfo *info, const char *name, Lsn held, Error *err) DBSYNC_MUST_CHECK;
/* One that is not there is fine; one that is in use is an ERROR_RETRY. */
bool slot_drop(PgConn *conn, const char *name, Error *err) DBSYNC_MUST_CHECK;

#endif
