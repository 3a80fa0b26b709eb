/*
 * verify_position.h
 *		Has the target what the source had at a moment?
 */
#ifndef DBSYNC_VERIFY_VERIFY_POSITION_H
#define DBSYNC_VERIFY_VERIFY_POSITION_H

#include "config/config.h"
#include "model/lsn.h"
#include "model/store.h"
#include "pg/conn.h"

typedef enum PositionState
{
	POSITION_PASSED,
	POSITION_NOT_RUNNING,		/* nobody reads the slot: the target does not move */
	POSITION_TIMEOUT
} PositionState;

/* The source's position now: everything committed so far lies before it. */
bool verify_take_position(PgConn *source, Lsn *position, Error *err) DBSYNC_MUST_CHECK;

/*
 * Waits until everything before the position is on the target, at most wait_ms.  store may be NULL.
 *
 * An idle source moves no progress row.  So the position is passed too where the slot is confirmed beyond it, which means that
 * everything before it is on the target or in the local store, and nothing of it is in the store.
 */
bool verify_wait_position(const Config *config, PgConn *source, PgConn *target, Store *store, Lsn position, int64_t wait_ms,
						  PositionState *state, Error *err) DBSYNC_MUST_CHECK;

#endif
