/*
 * status.h
 *		Where a task stands: the local store, the source's slot, the target's progress.  Only reads.
 *
 * Works while a run is active and while none is, and where source or target cannot be reached: what is not known is left out, and
 * said.  The shape of the JSON, whose keys are always there (null: not known):
 *
 *	{"task", "store", "state": "none"|"new"|"copying"|..., "running": bool,
 *	 "created", "copy_start", "copy_end",
 *	 "start_lsn", "received_lsn", "applied_lsn", "applied_commit_time", "lag_bytes", "lag_seconds",
 *	 "source": {"connected": bool, "error", "current_lsn"},
 *	 "slot": null (also of a MySQL source, which has none) | {"active", "active_pid", "confirmed_lsn", "restart_lsn", "lag_bytes", "retained_bytes", "wal_status", "safe_wal_size"},
 *	 "target": {"connected": bool, "error"},
 *	 "conflicts": number,
 *	 "strict_replays": [{"reason", "count", "first_at", "last_at"}],		groups that apply = batch had to apply strictly; latest first
 *	 "post_data": {"statements", "pending": [{"name", "table"}]},			what dbsync schema --defer has left, in the order of its making
 *	 "waiting": {"transactions", "changes", "bytes", "first_lsn", "first_commit_time"},
 *	 "copy": {"tables", "tables_done", "rows", "bytes", "estimated_rows", "estimated_bytes"},
 *	 "tables": [{"schema", "table", "state": "pending"|"running"|"done", "chunks", "chunks_done", "rows", "bytes",
 *				 "estimated_rows", "estimated_bytes", "start", "end"}]}
 *
 * LSNs are texts (of a MySQL source "000003:1234": number of the binlog file, offset), times are texts in UTC, sizes are numbers of bytes.
 */
#ifndef DBSYNC_OBSERVE_STATUS_H
#define DBSYNC_OBSERVE_STATUS_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "model/store.h"

#define STATUS_UNKNOWN (-1)

typedef struct StatusSlot
{
	bool		exists;
	bool		active;
	int			active_pid;		/* 0: not known */
	Lsn			confirmed;
	Lsn			restart;
	int64_t		lag_bytes;		/* STATUS_UNKNOWN */
	int64_t		retained_bytes; /* STATUS_UNKNOWN */
	int64_t		safe_wal_size;	/* STATUS_UNKNOWN: no limit */
	const char *wal_status;		/* or NULL */
} StatusSlot;

typedef struct StatusTable
{
	const char *schema;
	const char *table;
	CopyPhase	phase;
	int			chunks;
	int			chunks_done;
	int64_t		rows;			/* of the chunks that are done */
	int64_t		bytes;
	int64_t		estimated_rows;
	int64_t		estimated_bytes;
	int64_t		start_us;		/* 0: not yet */
	int64_t		end_us;
} StatusTable;

/* Groups that were applied strictly for one reason. */
typedef struct StatusReplay
{
	const char *reason;
	int64_t		count;
	int64_t		first_us;
	int64_t		last_us;
} StatusReplay;

/* An index, constraint or trigger that is not made yet. */
typedef struct StatusPending
{
	const char *name;
	const char *table;			/* quoted; NULL: not known */
} StatusPending;

typedef struct StatusServer
{
	bool		connected;
	const char *error;			/* why not, or NULL */
} StatusServer;

typedef struct TaskStatus
{
	Arena	   *arena;
	const char *task;
	const char *store;			/* description; NULL: no store was made yet */
	bool		found;			/* the store knows the task */
	bool		is_mysql;		/* the source: there is no slot */
	bool		running;		/* as far as the source says, of a MySQL source the target */
	TaskState	state;

	StatusServer source;
	Lsn			current_lsn;	/* of the source; LSN_NONE: not known */
	StatusSlot	slot;			/* valid where source.connected */

	StatusServer target;
	Lsn			applied_lsn;	/* the target's progress, or what the store remembers of it */
	int64_t		applied_commit_us;
	int64_t		conflicts;		/* STATUS_UNKNOWN */
	StatusReplay *replays;
	int			replay_count;	/* STATUS_UNKNOWN */
	int64_t		deferred;		/* statements that dbsync schema --defer has noted; STATUS_UNKNOWN */
	StatusPending *pending;		/* those that were not run yet */
	int			pending_count;

	int64_t		lag_bytes;		/* STATUS_UNKNOWN */
	double		lag_seconds;	/* STATUS_UNKNOWN */

	StoreStats	waiting;
	StatusTable *tables;
	int			table_count;
} TaskStatus;

/* false: the local store could not be read.  The status is to be freed in every case. */
bool status_read(const Config *config, TaskStatus *status, Error *err) DBSYNC_MUST_CHECK;
void status_free(TaskStatus *status);

void status_write_text(StrBuf *out, const TaskStatus *status);
void status_write_json(StrBuf *out, const TaskStatus *status);

#define STATUS_SIZE_TEXT 24
/* "12 B", "1.5 GB"; returns buf. */
const char *status_format_size(int64_t bytes, char buf[STATUS_SIZE_TEXT]);

/* The chunks of each table taken together, in the order of their first chunks. */
void status_sum_items(TaskStatus *status, const CopyItem *items, int count);

const char *status_state_name(const TaskStatus *status);	/* "none" where there is no task */

#endif
