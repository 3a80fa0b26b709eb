/*
 * applier_private.h
 *		What the files of apply/ share: the Applier itself.
 *
 *		applier.c		open, close, groups, progress
 *		target_setup.c	lock, schema dbsync
 *		feed.c			parts to records, skipping, plans of relations
 *		strict.c		one change to one statement; its answer
 *		truncate.c		TRUNCATE
 *		careful.c		change by change under savepoints
 *		conflict.c		words for a change, the conflicts table
 */
#ifndef DBSYNC_APPLY_APPLIER_PRIVATE_H
#define DBSYNC_APPLY_APPLIER_PRIVATE_H

#include "apply/apply.h"
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
	int64_t		unproven;		/* changes on their way of which only the number of rows in the answer says that they were done */

	/* careful ways: see careful.c */
	Lsn			careful_until;	/* LSN_NONE: none */
	int			careful_window; /* how many transactions behind a conflict stay careful */
	int			careful_more;	/* how many still */
	int64_t		careful_since;	/* transactions since the last careful one */
	bool		is_careful;		/* the transaction in hand is */
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

/* applier.c: BEGIN where it was not sent yet. */
bool applier_begin(Applier *applier, Error *err) DBSYNC_MUST_CHECK;

/* feed.c */
bool feed_part(Applier *applier, PartUse *use, Error *err) DBSYNC_MUST_CHECK;
/* The plan of a relation; reads the target at first use, for which the pipeline is emptied. */
bool feed_table(Applier *applier, Relation *relation, TargetTable **table, Error *err) DBSYNC_MUST_CHECK;
void feed_forget_tables(Applier *applier);
/* Parses a record again, to say what it was. */
bool feed_parse(Applier *applier, const PartUse *use, size_t offset, size_t length, Record *record, Error *err) DBSYNC_MUST_CHECK;

/* strict.c */
bool strict_apply(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;
bool strict_send(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err) DBSYNC_MUST_CHECK;
bool strict_result(void *arg, const PipelineNote *note, PGresult *result, Error *err) DBSYNC_MUST_CHECK;

/* truncate.c */
bool truncate_send(Applier *applier, const ChangeContext *context, Error *err) DBSYNC_MUST_CHECK;

/* careful.c */
bool careful_apply(Applier *applier, const ChangeContext *context, TargetTable *table, TargetOperation operation, Error *err) DBSYNC_MUST_CHECK;
/* Whether a failure is one that the policy deals with. */
bool careful_can_pass(const Applier *applier, const Error *err);
/* Notes that the transaction has a conflict; gives err the words and returns false. */
bool careful_retreat(Applier *applier, Lsn commit_lsn, Error *err);
void careful_transaction_begins(Applier *applier, Lsn commit_lsn);
void careful_transaction_ends(Applier *applier);

/* conflict.c */
/* "update of public.t (id=5)" */
void conflict_describe(const Change *change, StrBuf *text);
/* Puts operation, table, key, transaction and LSN in front of the message, and the policy's hint where there is none. */
bool conflict_context(Applier *applier, const Change *change, const TxnPart *part, Error *err);
/* Notes a conflict for the table; err says why and is cleared. */
void conflict_note(Applier *applier, const Change *change, const TxnPart *part, const char *resolution, Error *reason);
bool conflict_flush(Applier *applier, Error *err) DBSYNC_MUST_CHECK;
void conflict_drop_waiting(Applier *applier);

#endif
