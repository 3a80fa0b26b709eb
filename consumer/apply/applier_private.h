/*
 * applier_private.h
 *		What the files of apply/ share: the Applier itself.
 *
 *		applier.c		open, close, groups, progress
 *		target_setup.c	lock, schema dbsync
 *		feed.c			parts to records, skipping, plans of relations
 *		strict.c		one change to one statement; its answer
 *		truncate.c		TRUNCATE; truncate_list.c: of which tables
 *		careful.c		transaction by transaction, change by change under savepoints
 *		batch.c			gathering the changes of a group by table; batch_send.c, batch_copy.c: sending them
 *		flight.c		the commit of a group, without waiting for it
 *		replay.c		a batch that failed, strictly
 *		conflict.c		words for a change, the conflicts table
 */
#ifndef DBSYNC_APPLY_APPLIER_PRIVATE_H
#define DBSYNC_APPLY_APPLIER_PRIVATE_H

#include "apply/apply.h"
#include "apply/batch.h"
#include "apply/pipeline.h"
#include "apply/statements.h"
#include "apply/target_table.h"
#include "model/record.h"

#define MODULE "apply"

/* A row of dbsync.conflicts that waits for a moment when it can be sent. */
typedef struct ConflictRow
{
	struct ConflictRow *next;
	Lsn			commit_lsn;
	uint32_t	xid;
	const char *operation;
	char	   *schema;
	char	   *table;
	char	   *key;			/* JSON, or NULL */
	char	   *values;			/* JSON, or NULL */
	char		sqlstate[6];
	char	   *reason;
	const char *resolution;		/* "skipped", "inserted" */
} ConflictRow;

/* The change in hand: what it is and where its text stands. */
typedef struct ChangeContext
{
	const Change *change;
	PartUse    *use;
	size_t		offset;
	size_t		length;
} ChangeContext;

/* The parts of a group, as long as they are not too many. */
typedef struct KeptParts
{
	PartUse   **uses;
	int			count;
	int			capacity;
	int64_t		bytes;
	bool		is_cut;			/* they were too many: none is kept */
} KeptParts;

typedef enum FlightState
{
	FLIGHT_NONE,
	FLIGHT_STATEMENTS,			/* all statements are sent, and their answers come first */
	FLIGHT_COMMIT				/* progress and COMMIT are sent */
} FlightState;

/* A whole group that is on its way to the target, while the next one is being gathered.  There is one at most, and nothing of the next is sent. */
typedef struct Flight
{
	FlightState state;
	bool		is_batch;		/* its failure may be the batch's fault */
	bool		is_strict;
	Lsn			end_lsn;
	Lsn			last_commit_lsn;
	uint32_t	last_xid;
	int64_t		commit_us;
	int64_t		transactions;
	int64_t		changes;
	KeptParts	parts;
} Flight;

struct Applier
{
	ApplierOptions options;
	PgConn	   *conn;
	Pipeline   *pipeline;
	StatementCache *statements;
	ApplierStats stats;
	bool		is_failed;		/* an error came; only rollback and close help */
	bool		progress_known; /* the row was read or written */

	/* what the source says */
	int64_t		segment;
	bool		relations_loaded;	/* load_relations was called for this segment */
	RelationMap *relations;
	TargetTable *tables;		/* plans, list */
	bool		tables_are_stale;	/* something other than a conflict came: rollback forgets the plans */
	Arena	   *record_arena;

	/* the source transaction in hand, when stats.in_transaction */
	bool		is_skipped;
	Lsn			commit_lsn;
	uint32_t	xid;
	int			next_part;
	int64_t		transaction_changes;

	/* the group */
	int64_t		group_number;
	bool		has_begun;		/* BEGIN was sent */
	int64_t		group_commit_us;
	bool		commit_refused;	/* it was COMMIT that failed, no change */
	int64_t		unproven;		/* changes on their way of which only the number of rows in the answer says that they were done */

	/* batches */
	bool		batches;		/* groups may be batches */
	bool		is_strict;		/* the open group is none any more */
	bool		has_batched;	/* but it was one, at least in part */
	Batch		batch;
	Flight		flight;
	bool		is_committing;	/* what is sent now belongs to the flight */

	/* a batch that failed: see replay.c */
	KeptParts	parts;			/* of the open group */
	HashMap	   *backoffs;		/* by target table; values live as long as this */
	char	   *replay_reason;	/* why the batch fails; NULL: not said yet */
	char	   *strict_note;	/* why the group now strict failed as a batch */
	bool		next_is_strict;	/* the next group is that one */
	Lsn			strict_until;	/* transactions up to this go strictly */
	bool		wants_again;	/* the caller must deliver again */

	/* careful ways: see careful.c */
	Lsn			careful_until;	/* LSN_NONE: none */
	int			careful_window; /* how many transactions behind a conflict stay careful */
	int			careful_more;	/* how many still */
	int64_t		careful_since;	/* transactions since the last careful one */
	bool		is_careful;		/* the transaction in hand is */
	bool		goes_back;		/* the group fails, to be fed again with care */
	bool		watches;		/* a careful change is on its way: its failure is kept, not raised */
	bool		has_failure;
	Error		failure;

	ConflictRow *conflicts;		/* waiting, in order */
	int64_t		group_conflicts;
	ConflictRow **conflicts_end;

	const char **values;		/* scratch for parameters */
	int			value_capacity;
};

/* target_setup.c */
bool setup_lock(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
bool setup_tables(Applier *applier, Error *err) DBSYNC_MUST_CHECK;

/* applier.c */
/* BEGIN where it was not sent yet; before it, the group before this one is brought to its end.  To be called before anything is sent. */
bool applier_begin(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Feeds a part, and keeps it as long as its group may have to be fed again. */
bool applier_feed(Applier *applier, PartUse *use, Error *err) DBSYNC_MUST_CHECK;
/* Room for so many in applier->values. */
void applier_reserve_values(Applier *applier, int count);
/* Rolls back the target's transaction, and forgets the flight and the open group. */
void applier_give_up(Applier *applier);
/* The open group begins anew, empty. */
void applier_reset_group(Applier *applier);

/* flight.c */
/* The open group, which is whole, becomes the flight; an earlier one is brought to its end first. */
bool flight_begin(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Does what can be done without waiting. */
bool flight_advance(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Waits for its commit. */
bool flight_finish(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
void flight_forget(Applier *applier);

/* replay.c */
/* The state of a target table's strict groups; the applier's. */
Backoff *replay_backoff(Applier *applier, const char *table);
/* Says why the batch is about to fail; the first word counts.  table may be NULL. */
void replay_reason(Applier *applier, const TargetTable *table, const char *reason);
void replay_server_reason(Applier *applier, const PipelineNote *note, const PGresult *result);
#define REPLAY_WRONG_COUNT "a row was not there, or there more than once"
/* After a failure: true where it was a batch's, and everything fed since the last commit was fed again, strictly; err is cleared then. */
bool replay_after(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Writes down why a group is strict, within it. */
bool replay_note(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
void parts_keep(KeptParts *parts, PartUse *use, int64_t limit_bytes);
void parts_drop(KeptParts *parts);
void parts_cut(KeptParts *parts);	/* and keep no more until they are dropped */
void parts_free(KeptParts *parts);

/* batch.c */
void batch_begin(Applier *applier);
void batch_end(Applier *applier);
/* Adds table->batch; reads the target. */
bool batch_open_table(Applier *applier, TargetTable *table, Error *err) DBSYNC_MUST_CHECK;
void batch_close_table(TargetTable *table);
/* Takes a change, whose values are in applier->batch.arena. */
bool batch_change(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;
/* Sends everything gathered. */
bool batch_flush(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
/* Gives up everything gathered. */
void batch_forget(Applier *applier);
bool batch_result(Applier *applier, const PipelineNote *note, const PGresult *result, Error *err) DBSYNC_MUST_CHECK;

/* batch_send.c */
/* A value as an element of a binary array, or a field of COPY BINARY: length and bytes.  False, with out as it was or longer: it has no such form. */
bool batch_append_binary(StrBuf *out, BinaryType type, const Value *value) DBSYNC_MUST_CHECK;
bool batch_send_table(Applier *applier, BatchTable *target, Error *err) DBSYNC_MUST_CHECK;
void batch_free_scratch(Batch *batch);

/* feed.c */
bool feed_part(Applier *applier, PartUse *use, Error *err) DBSYNC_MUST_CHECK;
/* The plan of a relation; reads the target at first use, for which the pipeline is emptied. */
bool feed_table(Applier *applier, Relation *relation, TargetTable **table, Error *err) DBSYNC_MUST_CHECK;
void feed_forget_tables(Applier *applier);
/* Memory of the result comes from the arena. */
bool feed_parse(Applier *applier, const PartUse *use, size_t offset, size_t length, Arena *arena, Record *record, Error *err) DBSYNC_MUST_CHECK;

/* strict.c */
bool strict_apply(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;
/* The table of a change; *table NULL: the change is not for us, or in the table's copy already. */
bool strict_find_table(Applier *applier, const ChangeContext *context, TargetTable **table, Error *err) DBSYNC_MUST_CHECK;
bool strict_send_change(Applier *applier, const ChangeContext *context, TargetTable *table, Error *err) DBSYNC_MUST_CHECK;
bool strict_no_identity(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;
bool strict_send(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err) DBSYNC_MUST_CHECK;
bool strict_result(void *arg, const PipelineNote *note, PGresult *result, Error *err) DBSYNC_MUST_CHECK;

/* truncate_list.c */
typedef struct TruncateList
{
	TargetTable **tables;		/* to be emptied, each once */
	bool	   *by_delete;		/* of each: the server would refuse to truncate it */
	int			count;
	TargetTable **younger;		/* listed by the source, but their copies have it already */
	int			younger_count;
} TruncateList;

/* In the record's arena. */
bool truncate_list_build(Applier *applier, const ChangeContext *context, TruncateList *list, Error *err) DBSYNC_MUST_CHECK;
/* ", " and the name of each partitioned table all of whose partitions are truncated: a key may be of it, or point to it. */
bool truncate_list_append_trees(Applier *applier, const TruncateList *list, StrBuf *sql, Error *err) DBSYNC_MUST_CHECK;

/* truncate.c */
bool truncate_send(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;

/* careful.c */
bool careful_apply(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err) DBSYNC_MUST_CHECK;
/* Whether a failure is one that the policy deals with. */
bool careful_can_pass(const Applier *applier, const Error *err);
/* Whether what fails takes other transactions with it, which would not fail.  A batch that fails is no such thing: it is replayed. */
bool careful_has_company(const Applier *applier, const Error *err);
/* Whether the change in hand is for careful_apply(). */
bool careful_passes_changes(const Applier *applier);
/* Notes that the transaction has a conflict and the group is to be fed again; gives err the words and returns false. */
bool careful_retreat(Applier *applier, Lsn commit_lsn, Error *err);
void careful_transaction_begins(Applier *applier, Lsn commit_lsn);
void careful_transaction_ends(Applier *applier);

/* conflict.c */
/* "update of public.t (id=5)" */
void conflict_describe(const Change *change, StrBuf *text);
/* Puts operation, table, key, transaction and LSN in front of the message, and the policy's hint where there is none; a
   group of several transactions goes back instead. */
bool conflict_context(Applier *applier, const Change *change, const TxnPart *part, Error *err);
/* Notes a conflict for the table; err says why and is cleared. */
void conflict_note(Applier *applier, const Change *change, const TxnPart *part, const char *resolution, Error *reason);
bool conflict_flush(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
void conflict_drop_waiting(Applier *applier);

#endif
