/*
 * apply.h
 *		Brings source transactions to the target, in source order, exactly once.
 *
 * One Applier is one target connection, used by one thread at a time.  Source transactions are gathered in a group, which is one
 * target transaction; applier_commit() ends the group at a source commit boundary and moves the progress row of the task in the same
 * target transaction.  After a crash or a lost connection the truth is what applier_progress() reads; transactions that are done
 * already are skipped by their position, so feeding them again does no harm.
 *
 *		applier_open -> applier_progress (or applier_set_progress) -> { applier_apply ... applier_commit } ... -> applier_close
 *
 * Failures.  After any failure of apply or commit the group is dead: the caller calls applier_rollback(), or closes the applier,
 * and feeds again everything behind applier_progress().
 *	 ERROR_RETRY		connection lost, deadlock, lock timeout: close, wait, open again, feed again.  The outcome of a commit whose
 *						answer was lost is seen by reading the progress.
 *	 ERROR_CONFLICT		a change does not fit the target's rows: needs a person.
 *	 others				need a person; the message names operation, table, key, transaction and LSN.
 * Of any kind, where applier_wants_again() is true: no person yet.  Roll back and feed again with the same Applier, which remembers where it
 * failed, and end a group wherever commit_wanted is set.  Policy skip or upsert: it goes there change by change, each under a savepoint, and
 * returns to full speed behind it.  What cannot be passed fails again, once everything before its transaction is committed.
 *
 * Ways.  apply.mode batch: the changes of a group are gathered, and their net effect goes to the target by statements for many rows; a
 * group where that fails is fed again inside, change by change, and dbsync.strict_replays counts why.  Mode strict, and wherever the role
 * may not keep triggers from firing: change by change always.
 *
 * What the applier does not do: messages (M records) are not applied; an UPDATE that sets no column that can be set is not sent.
 *
 * Memory: the parts given that wait for answers (bounded by pipeline_bytes), one parsed record, and a few hundred prepared statements.  For
 * batches also the values of the group, its parts and those of the group in flight (each bounded by twice group_bytes), and what libpq
 * has not sent yet of the latter.
 */
#ifndef DBSYNC_APPLY_APPLY_H
#define DBSYNC_APPLY_APPLY_H

#include "base/error.h"
#include "config/config.h"
#include "model/lsn.h"
#include "model/txn.h"
#include "pg/conn.h"

typedef struct Applier Applier;

/*
 * Who the target's backend of the last applier was.  Kept by the caller over close and open (start with APPLIER_SESSION_INIT): after
 * a network cut the old backend may live on, holding the task's lock; the next applier_open() ends it.
 */
typedef struct ApplierSession
{
	int			pid;			/* 0: none yet */
	char		backend_start[64];
} ApplierSession;

#define APPLIER_SESSION_INIT {0, ""}

typedef struct ApplierOptions
{
	const char *conninfo;		/* target */
	const char *task;
	const char *source_id;		/* a progress row of another source is refused */
	int			source_timeline;
	const char *slot;
	const char *target_schema;	/* every table goes there; NULL: the source's schema */
	const char *client_encoding;	/* of the records; NULL: UTF8.  "SQL_ASCII" also takes values that are not valid in it */
	ApplyOptions apply;
	/*
	 * A TRUNCATE of the source is of one table, whatever points to it, and touches no other (MySQL): one that foreign keys of other target tables
	 * point to is emptied by DELETE.  Where they, or triggers, would act on other rows then, that is a conflict, with the statements that
	 * mend it.  Sequences are left as they are, either way.
	 */
	bool		truncate_is_alone;
	bool		zero_dates_are_null;	/* a NULL of a date or timestamp may be none at the source (MySQL): for a hint */
	Lsn			careful_until;	/* transactions up to this one go one by one, as after a failure: earlier appliers did not get through */
	ApplierSession *session;	/* or NULL */
	const int  *abort_fd;		/* or NULL; once readable, waits for the target end by ERROR_CANCELLED.  A stop alone does not end them */

	/* Callbacks get arg; each may be NULL. */
	void	   *arg;
	/* Changes of tables that are not wanted are passed over. */
	bool (*wanted) (void *arg, const char *schema, const char *table);
	/* Changes of transactions with commit_lsn < this are in the table's copy already.  LSN_NONE: no such copy.  Asked once a relation and segment. */
	Lsn (*table_snapshot_lsn) (void *arg, const char *schema, const char *table);
	/* The relation records of a stored segment, each ended by '\n', malloc'd; called when a change names a relation not seen yet. */
	bool (*load_relations) (void *arg, int64_t segment, char **records, size_t *length, Error *err);
} ApplierOptions;

/*
 * A strict group should end at the next boundary once it has so many changes: a row that changes often leaves a version each time, and the
 * next change looks through those of its own transaction, which cannot be pruned.
 */
#define STRICT_GROUP_CHANGES 2000

typedef struct ApplierStats
{
	/* since applier_open, committed */
	int64_t		transactions;
	int64_t		changes;
	int64_t		conflicts;		/* skipped or upserted, also those of the open group */
	Lsn			applied_lsn;	/* what the progress row says; LSN_NONE before it was read */
	int64_t		commit_time_us; /* of the last committed source transaction; 0: none */

	bool		in_flight;		/* applier_commit_begin() has sent a group whose commit is not known yet */

	/* the open group */
	bool		group_open;		/* something waits for applier_commit */
	bool		in_transaction; /* parts of a source transaction are missing: no commit now */
	bool		commit_wanted;	/* the applier asks for a commit at once: the transaction is one with, or near to, a failure */
	bool		group_is_strict;	/* one statement a change */
	int64_t		group_transactions;
	int64_t		group_changes;
	int64_t		group_bytes;
	Lsn			group_end_lsn;	/* end of its last whole transaction */
} ApplierStats;

/*
 * Connects, takes the task's lock (another dbsync on the same target and task is refused, ERROR_FAILED, naming its backend;
 * ERROR_RETRY where options->session says that it may be our own old one), and creates schema dbsync with its tables where
 * missing; where the role may not create them, the error has the exact GRANT.  options is copied; its strings must live on.
 */
bool applier_open(const ApplierOptions *options, Applier **applier, Error *err) DBSYNC_MUST_CHECK;
void applier_close(Applier *applier);		/* NULL is fine; an open group is rolled back */

/* Between groups only.  Reads the task's row; everything with commit_lsn < *applied is done. */
bool applier_progress(Applier *applier, Lsn *applied, bool *found, Error *err) DBSYNC_MUST_CHECK;
/* Between groups only.  Writes the row, before the first transaction: the slot's consistent point. */
bool applier_set_progress(Applier *applier, Lsn applied, Error *err) DBSYNC_MUST_CHECK;
/* Between groups only.  Removes the task's row and its conflicts (dbsync drop). */
bool applier_forget(Applier *applier, Error *err) DBSYNC_MUST_CHECK;

/*
 * Takes over the part, whether it succeeds or not.  Parts come in order; a transaction that is done already is passed over, but its
 * relation records count.  Returns when everything is sent and no more than pipeline_bytes are unanswered, so an error may be one
 * of an earlier change.
 */
bool applier_apply(Applier *applier, TxnPart *part, Error *err) DBSYNC_MUST_CHECK;
/* At a source transaction's end.  Returns when the target has committed; does nothing where no group is open. */
bool applier_commit(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/*
 * The same without waiting for the target, which works on this group while the next one is fed; of two groups so begun, the first is waited
 * for.  applier_poll() moves it along; with wait it returns when nothing is in flight any more.  Where strict ways are in use, it waits.
 */
bool applier_commit_begin(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
bool applier_poll(Applier *applier, bool wait, Error *err) DBSYNC_MUST_CHECK;
/* After a failure: no person is needed yet; roll back and feed again everything behind the progress, with the same Applier. */
bool applier_wants_again(const Applier *applier);
/* Gives up the open group and half a transaction with it.  Never fails: where the connection is gone, the next call says so. */
void applier_rollback(Applier *applier);

void applier_stats(const Applier *applier, ApplierStats *stats);
/* False where the role may not set session_replication_role: triggers and foreign keys of the target fire. */
bool applier_replica_role(const Applier *applier);

/* Does an applier of any process hold the task now?  Over an ordinary connection to the target. */
bool applier_is_at_work(PgConn *target, const char *task, bool *at_work, Error *err) DBSYNC_MUST_CHECK;

#endif
