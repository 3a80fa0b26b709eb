/*
 * stage.c
 *		The queue between receiver and applier, in memory or in the local store.
 *
 * One mutex guards everything; it is not held while the store writes or reads.  Only the receiver puts and only the applier takes, so
 * that each may look at its own fields without fear of the other.
 */
#include "sync/stage.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

#define MODULE "stage"

/* Appended to the store and not committed: more than this is committed even when more is waiting to be received. */
#define STORE_BATCH_BYTES ((size_t) 4 << 20)
/* How often the position of an idle source is written down. */
#define POSITION_INTERVAL_MS 10000

typedef struct QueuedPart
{
	struct QueuedPart *next;
	TxnPart    *part;			/* NULL: the transaction before was aborted */
} QueuedPart;

typedef struct SegmentRelation
{
	uint64_t	number;
	char	   *text;
	size_t		length;
} SegmentRelation;

struct Stage
{
	pthread_mutex_t lock;
	pthread_cond_t arrived;		/* for the applier */
	pthread_cond_t room;		/* for the receiver */
	Store	   *store;
	char	   *task;
	size_t		limit_bytes;
	int			patience_ms;
	Lsn			until;

	/* shared, under the lock */
	QueuedPart *head;
	QueuedPart *tail;
	size_t		queued_bytes;
	bool		in_memory;
	bool		applier_attached;
	bool		is_rewinding;	/* the applier asked for a restart of the stream, which has not begun yet */
	bool		until_received;
	int64_t		full_since_ms;	/* a transaction found the queue full, which has not been half empty since; 0: no such */
	int64_t		held_since_ms;	/* a transaction waits, or waited, for the last of the store to be read; 0: none since memory was last in use */
	bool		is_held;		/* the receiver waits with a transaction that might go to the store */
	bool		is_store_open;	/* a transaction is on its way into the store, and store_appended does not count it yet */
	Lsn			seen;
	Lsn			memory_end;		/* end_lsn of the last transaction put into memory */
	Lsn			store_committed;	/* commit_lsn of the last transaction that the applier can read from the store */
	Lsn			store_committed_end;	/* its end_lsn, where it was put by this process */
	Lsn			store_appended; /* commit_lsn of the last whole transaction appended, committed or not */
	Lsn			received;
	Lsn			applied;
	Lsn			taken_end;		/* end_lsn of the last whole transaction that the applier took */
	int64_t		applied_commit_us;

	/* the receiver's */
	int64_t		segment;
	SegmentRelation *relations;
	size_t		relation_count;
	size_t		relation_capacity;
	size_t		relations_saved;
	bool		is_put_open;	/* parts of a transaction were put, its last one not */
	bool		put_in_memory;	/* where that transaction goes */
	size_t		uncommitted_bytes;
	bool		has_uncommitted;
	bool		store_failed;	/* what was appended since the last commit is gone */
	Lsn			appended_end;	/* end_lsn of the last whole transaction appended since the last commit */
	int64_t		position_saved_ms;

	/* the applier's */
	Lsn			read_lsn;		/* cursor in the store */
	int			read_part;
	bool		is_take_open;	/* parts of a transaction were taken, its last one not */
};

Stage *
stage_new(const StageOptions *options)
{
	Stage	   *stage = mem_zalloc(sizeof(Stage));
	pthread_condattr_t attributes;

	pthread_mutex_init(&stage->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&stage->arrived, &attributes);
	pthread_cond_init(&stage->room, &attributes);
	pthread_condattr_destroy(&attributes);
	stage->store = options->store;
	stage->task = mem_strdup(options->task);
	stage->limit_bytes = options->queue_bytes;
	stage->patience_ms = options->patience_ms;
	stage->received = options->received;
	stage->applied = options->applied;
	stage->seen = options->received > options->applied ? options->received : options->applied;
	stage->read_part = -1;
	/* There may be transactions in the store from an earlier run: they come first. */
	stage->in_memory = false;
	return stage;
}

static void
forget_relations(Stage *stage)
{
	for (size_t i = 0; i < stage->relation_count; i++)
		free(stage->relations[i].text);
	stage->relation_count = 0;
	stage->relations_saved = 0;
}

static void
drop_memory(Stage *stage)
{
	while (stage->head != NULL)
	{
		QueuedPart *queued = stage->head;

		stage->head = queued->next;
		txn_part_free(queued->part);
		free(queued);
	}
	stage->tail = NULL;
	stage->queued_bytes = 0;
	stage->memory_end = LSN_NONE;
}

void
stage_free(Stage *stage)
{
	if (stage == NULL)
		return;
	drop_memory(stage);
	forget_relations(stage);
	free(stage->relations);
	free(stage->task);
	pthread_cond_destroy(&stage->arrived);
	pthread_cond_destroy(&stage->room);
	pthread_mutex_destroy(&stage->lock);
	free(stage);
}

static void
wait_on(Stage *stage, pthread_cond_t *cond, int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long) (timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000)
	{
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void) pthread_cond_timedwait(cond, &stage->lock, &until);
}

static Lsn
durable_locked(const Stage *stage)
{
	return stage->applied > stage->received ? stage->applied : stage->received;
}

/* Is nothing older than what the store has waiting in memory alone? */
static bool
has_no_hole(const Stage *stage)
{
	return stage->memory_end <= stage->applied;
}

static void
set_until_received(Stage *stage)
{
	if (!stage->until_received)
	{
		stage->until_received = true;
		pthread_cond_broadcast(&stage->arrived);
	}
}

/* ---------------------------------------------------------------- receiver */

bool
stage_receiver_begin(Stage *stage, int64_t segment, Lsn *from, Lsn *skip, Error *err)
{
	bool		was_rewinding;

	forget_relations(stage);
	stage->segment = segment;
	stage->is_put_open = false;
	stage->has_uncommitted = false;
	stage->uncommitted_bytes = 0;
	stage->appended_end = LSN_NONE;

	pthread_mutex_lock(&stage->lock);
	was_rewinding = stage->is_rewinding;
	stage->is_store_open = false;
	*from = durable_locked(stage);
	if (stage->store_failed)
	{
		stage->store_failed = false;
		stage->store_appended = stage->store_committed;
		stage->seen = stage->memory_end > stage->store_committed_end ? stage->memory_end : stage->store_committed_end;
	}
	*skip = stage->seen > *from ? stage->seen : *from;
	pthread_mutex_unlock(&stage->lock);

	if (was_rewinding)
	{
		/* Memory is lost: what the store has behind it is received again, in order. */
		if (!stage->store->ops->remove_from(stage->store, stage->task, *from, err))
			return false;
		pthread_mutex_lock(&stage->lock);
		stage->received = *from;
		stage->seen = *from;
		stage->store_committed = *from > LSN_NONE ? *from - 1 : LSN_NONE;
		stage->store_committed_end = LSN_NONE;
		stage->store_appended = stage->store_committed;
		stage->read_lsn = LSN_NONE;
		stage->read_part = -1;
		stage->until_received = stage->until != LSN_NONE && *from >= stage->until;
		stage->in_memory = false;
		stage->held_since_ms = 0;
		stage->is_rewinding = false;
		*skip = *from;
		pthread_cond_broadcast(&stage->arrived);
		pthread_mutex_unlock(&stage->lock);
	}
	else if (stage->store_appended == LSN_NONE)
	{
		/* The first start in this process. */
		if (!stage->store->ops->remove_from(stage->store, stage->task, *from, err))
			return false;
		pthread_mutex_lock(&stage->lock);
		stage->received = *from;
		stage->store_committed = *from > LSN_NONE ? *from - 1 : LSN_NONE;
		stage->store_appended = stage->store_committed;
		if (stage->until != LSN_NONE && *from >= stage->until)
			set_until_received(stage);
		pthread_cond_broadcast(&stage->arrived);
		pthread_mutex_unlock(&stage->lock);
	}
	return true;
}

void
stage_receiver_relation(Stage *stage, uint64_t number, const char *text, size_t length)
{
	SegmentRelation *relation;

	if (stage->relation_count == stage->relation_capacity)
	{
		stage->relation_capacity = stage->relation_capacity == 0 ? 64 : stage->relation_capacity * 2;
		stage->relations = mem_realloc(stage->relations, stage->relation_capacity * sizeof(SegmentRelation));
	}
	relation = &stage->relations[stage->relation_count++];
	relation->number = number;
	relation->text = mem_strndup(text, length);
	relation->length = length;
}

/* A whole transaction is here: what is still to come begins at its end or later.  Under the lock. */
static void
note_seen(Stage *stage, Lsn end)
{
	stage->seen = end;
	if (stage->until != LSN_NONE && end >= stage->until)
		set_until_received(stage);
}

static bool
is_within(int64_t *since_ms, int patience_ms)
{
	int64_t		now = clock_monotonic_ms();

	if (*since_ms == 0)
		*since_ms = now;
	return now - *since_ms < patience_ms;
}

/* Is the store worth waiting for, rather than writing to it?  Under the lock. */
static bool
should_wait(Stage *stage)
{
	Lsn			reached = stage->taken_end > stage->applied ? stage->taken_end : stage->applied;

	if (!stage->applier_attached || stage->patience_ms == 0)
		return false;
	if (stage->in_memory)
		return stage->queued_bytes >= stage->limit_bytes && is_within(&stage->full_since_ms, stage->patience_ms);
	/* Positions grow by about as many bytes as there are to be read. */
	return (stage->store_appended <= reached || stage->store_appended - reached <= stage->limit_bytes) &&
		is_within(&stage->held_since_ms, stage->patience_ms);
}

/* Decides where a transaction goes.  Under the lock. */
static void
choose_way(Stage *stage)
{
	/* The applier sets in_memory when it has read the store empty; here we only leave memory. */
	if (stage->in_memory && (stage->queued_bytes >= stage->limit_bytes || !stage->applier_attached))
	{
		stage->in_memory = false;
		log_debug(MODULE, "changes go to the local store queued_bytes=%zu", stage->queued_bytes);
	}
	stage->put_in_memory = stage->in_memory;
	stage->is_store_open = !stage->in_memory;
}

static StagePut
put_into_store(Stage *stage, TxnPart *part, Error *err)
{
	const StoreOps *ops = stage->store->ops;
	bool		ok = true;

	for (; ok && stage->relations_saved < stage->relation_count; stage->relations_saved++)
	{
		SegmentRelation *relation = &stage->relations[stage->relations_saved];

		ok = ops->append_relation(stage->store, stage->task, stage->segment, relation->number, relation->text, relation->length, err);
	}
	ok = ok && ops->append(stage->store, stage->task, part, err);
	if (!ok)
	{
		ops->rollback(stage->store);
		stage->store_failed = true;
		txn_part_free(part);
		return STAGE_PUT_FAILED;
	}
	stage->has_uncommitted = true;
	stage->uncommitted_bytes += part->length;
	stage->is_put_open = !part->last;
	if (part->last)
	{
		stage->appended_end = part->end_lsn;
		pthread_mutex_lock(&stage->lock);
		stage->store_appended = part->commit_lsn;
		stage->is_store_open = false;
		note_seen(stage, part->end_lsn);
		pthread_mutex_unlock(&stage->lock);
	}
	txn_part_free(part);
	if (stage->uncommitted_bytes >= STORE_BATCH_BYTES && !stage_receiver_flush(stage, err))
		return STAGE_PUT_FAILED;
	return STAGE_PUT_OK;
}

static void
push(Stage *stage, TxnPart *part)
{
	QueuedPart *queued = mem_alloc(sizeof(QueuedPart));
	bool		was_empty = stage->head == NULL;

	queued->next = NULL;
	queued->part = part;
	if (was_empty)
		stage->head = queued;
	else
		stage->tail->next = queued;
	stage->tail = queued;
	if (part != NULL)
		stage->queued_bytes += txn_part_weight(part);
	if (was_empty)
		pthread_cond_signal(&stage->arrived);
}

StagePut
stage_receiver_put(Stage *stage, TxnPart *part, Error *err)
{
	pthread_mutex_lock(&stage->lock);
	if (stage->is_rewinding)
	{
		pthread_mutex_unlock(&stage->lock);
		txn_part_free(part);
		return STAGE_PUT_RESTART;
	}
	if (stage->until != LSN_NONE && part->commit_lsn >= stage->until)
	{
		/* Received again by a later run: nothing behind "until" is confirmed. */
		set_until_received(stage);
		pthread_mutex_unlock(&stage->lock);
		txn_part_free(part);
		return STAGE_PUT_OK;
	}
	if (part->part == 0)
	{
		stage->is_held = should_wait(stage);
		if (stage->is_held)
		{
			pthread_mutex_unlock(&stage->lock);
			/* what the applier is to read must be there */
			if (stage_receiver_flush(stage, err))
				return STAGE_PUT_FULL;
			txn_part_free(part);
			return STAGE_PUT_FAILED;
		}
		choose_way(stage);
	}
	if (!stage->put_in_memory)
	{
		pthread_mutex_unlock(&stage->lock);
		return put_into_store(stage, part, err);
	}
	if (stage->queued_bytes >= stage->limit_bytes)
	{
		/* In the middle of a large transaction: the source waits. */
		pthread_mutex_unlock(&stage->lock);
		return STAGE_PUT_FULL;
	}
	stage->is_put_open = !part->last;
	if (part->last)
	{
		stage->memory_end = part->end_lsn;
		note_seen(stage, part->end_lsn);
	}
	push(stage, part);
	pthread_mutex_unlock(&stage->lock);
	return STAGE_PUT_OK;
}

void
stage_receiver_wait(Stage *stage, int timeout_ms)
{
	pthread_mutex_lock(&stage->lock);
	if ((stage->in_memory ? stage->queued_bytes >= stage->limit_bytes : stage->is_held) && !stage->is_rewinding)
		wait_on(stage, &stage->room, timeout_ms);
	pthread_mutex_unlock(&stage->lock);
}

bool
stage_receiver_flush(Stage *stage, Error *err)
{
	Lsn			received = LSN_NONE;

	if (!stage->has_uncommitted)
		return true;
	pthread_mutex_lock(&stage->lock);
	if (has_no_hole(stage))
		received = stage->appended_end;
	pthread_mutex_unlock(&stage->lock);

	if (!stage->store->ops->commit(stage->store, received, err))
	{
		stage->store_failed = true;
		stage->has_uncommitted = false;
		return false;
	}
	stage->has_uncommitted = false;
	stage->uncommitted_bytes = 0;

	pthread_mutex_lock(&stage->lock);
	stage->store_committed = stage->store_appended;
	if (stage->appended_end != LSN_NONE)
		stage->store_committed_end = stage->appended_end;
	if (received > stage->received)
		stage->received = received;
	pthread_cond_broadcast(&stage->arrived);
	pthread_mutex_unlock(&stage->lock);
	stage->appended_end = LSN_NONE;
	return true;
}

bool
stage_receiver_position(Stage *stage, Lsn position, bool save, Error *err)
{
	bool		is_open = stage->is_put_open;
	Lsn			received;

	if (position == LSN_NONE || is_open)
		return true;
	if (!stage_receiver_flush(stage, err))
		return false;

	pthread_mutex_lock(&stage->lock);
	/* What came behind "until" was dropped: it is still to come, whatever the source says. */
	if (stage->until != LSN_NONE && position > stage->until)
		position = stage->until;
	if (position > stage->seen)
		stage->seen = position;
	if (stage->until != LSN_NONE && position >= stage->until)
		set_until_received(stage);
	/* Everything seen is on the target or in the store, if nothing waits in memory alone. */
	received = has_no_hole(stage) && !stage->is_rewinding ? position : LSN_NONE;
	if (received <= durable_locked(stage))
		received = LSN_NONE;
	pthread_mutex_unlock(&stage->lock);

	if (received == LSN_NONE)
		return true;
	if (!save && clock_monotonic_ms() - stage->position_saved_ms < POSITION_INTERVAL_MS)
		return true;
	if (!stage->store->ops->save_received(stage->store, stage->task, received, err))
		return false;
	stage->position_saved_ms = clock_monotonic_ms();
	pthread_mutex_lock(&stage->lock);
	if (received > stage->received)
		stage->received = received;
	pthread_mutex_unlock(&stage->lock);
	return true;
}

bool
stage_receiver_restart_wanted(Stage *stage)
{
	bool		wanted;

	pthread_mutex_lock(&stage->lock);
	wanted = stage->is_rewinding;
	pthread_mutex_unlock(&stage->lock);
	return wanted;
}

bool
stage_receiver_end(Stage *stage, Error *err)
{
	bool		was_open = stage->is_put_open;

	stage->is_put_open = false;
	if (!stage_receiver_flush(stage, err))
		return false;
	if (!was_open)
		return true;
	if (!stage->put_in_memory)
		return stage->store->ops->drop_incomplete(stage->store, stage->task, err);
	pthread_mutex_lock(&stage->lock);
	if (!stage->is_rewinding)
		push(stage, NULL);
	pthread_mutex_unlock(&stage->lock);
	return true;
}

/* ---------------------------------------------------------------- applier */

void
stage_applier_begin(Stage *stage, Lsn applied)
{
	pthread_mutex_lock(&stage->lock);
	stage->applier_attached = true;
	stage->is_take_open = false;
	if (applied > stage->applied)
		stage->applied = applied;
	pthread_mutex_unlock(&stage->lock);
}

static void
note_taken(Stage *stage, const TxnPart *part)
{
	stage->is_take_open = !part->last;
	if (part->last)
		stage->taken_end = part->end_lsn;
}

/* From the queue.  Under the lock; false: it is empty. */
static bool
take_from_memory(Stage *stage, TxnPart **part, StageTake *result)
{
	QueuedPart *queued = stage->head;

	if (queued == NULL)
		return false;
	stage->head = queued->next;
	if (stage->head == NULL)
		stage->tail = NULL;
	*part = queued->part;
	free(queued);
	if (*part == NULL)
	{
		*result = STAGE_TAKE_ABORTED;
		stage->is_take_open = false;
		return true;
	}
	stage->queued_bytes -= txn_part_weight(*part);
	if (stage->queued_bytes < stage->limit_bytes / 2)
		stage->full_since_ms = 0;
	note_taken(stage, *part);
	pthread_cond_signal(&stage->room);
	*result = STAGE_TAKE_PART;
	return true;
}

/* From the store, without the lock.  false: nothing there. */
static bool
take_from_store(Stage *stage, TxnPart **part, StageTake *result, Error *err)
{
	if (!stage->store->ops->read(stage->store, stage->task, stage->read_lsn, stage->read_part, part, err))
	{
		*result = STAGE_TAKE_FAILED;
		return true;
	}
	if (*part == NULL)
	{
		char		lsn[LSN_TEXT_SIZE];

		if (!stage->is_take_open)
			return false;
		error_set(err, ERROR_STORE, "%s: part %d of the transaction at %s is missing", stage->store->description, stage->read_part + 1,
				  lsn_show(stage->read_lsn, lsn));
		error_hint(err, "the local store was changed by others; what was not applied is received again when dbsync starts anew");
		*result = STAGE_TAKE_FAILED;
		return true;
	}
	if (stage->until != LSN_NONE && (*part)->commit_lsn >= stage->until)
	{
		/* An earlier run has received more than this one may apply. */
		txn_part_free(*part);
		*part = NULL;
		*result = STAGE_TAKE_END;
		return true;
	}
	stage->read_lsn = (*part)->commit_lsn;
	stage->read_part = (*part)->part;
	pthread_mutex_lock(&stage->lock);
	note_taken(stage, *part);
	pthread_mutex_unlock(&stage->lock);
	*result = STAGE_TAKE_PART;
	return true;
}

StageTake
stage_applier_take(Stage *stage, TxnPart **part, int timeout_ms, Error *err)
{
	int64_t		deadline = clock_monotonic_ms() + timeout_ms;
	StageTake	result = STAGE_TAKE_NOTHING;

	*part = NULL;
	pthread_mutex_lock(&stage->lock);
	for (;;)
	{
		int64_t		left;

		if (!stage->is_rewinding)
		{
			/* What is in memory is older than anything in the store, or the store is empty. */
			if (take_from_memory(stage, part, &result))
				break;
			if (!stage->in_memory && (stage->is_take_open || stage->read_lsn < stage->store_committed))
			{
				Lsn			committed = stage->store_committed;
				bool		found;

				pthread_mutex_unlock(&stage->lock);
				found = take_from_store(stage, part, &result, err);
				pthread_mutex_lock(&stage->lock);
				if (found)
					break;
				/* Read empty up to what was committed when we looked. */
				if (stage->read_lsn < committed)
				{
					stage->read_lsn = committed;
					stage->read_part = INT32_MAX;
				}
				continue;
			}
			if (!stage->in_memory && stage->read_lsn >= stage->store_appended && stage->store_appended != LSN_NONE &&
				!stage->is_store_open && !stage->is_take_open)
			{
				stage->in_memory = true;
				stage->held_since_ms = 0;
				stage->full_since_ms = 0;
				pthread_cond_signal(&stage->room);
				log_debug(MODULE, "the local store is read empty: changes go through memory");
			}
			/* What an earlier run has left is known once the receiver has begun. */
			if (stage->until_received && stage->store_appended != LSN_NONE && stage->store_committed >= stage->store_appended && !stage->is_take_open)
			{
				result = STAGE_TAKE_END;
				break;
			}
		}
		left = deadline - clock_monotonic_ms();
		if (left <= 0)
			break;
		wait_on(stage, &stage->arrived, (int) left);
	}
	pthread_mutex_unlock(&stage->lock);
	return result;
}

void
stage_applier_applied(Stage *stage, Lsn applied, int64_t commit_time_us)
{
	pthread_mutex_lock(&stage->lock);
	if (applied > stage->applied)
	{
		stage->applied = applied;
		stage->applied_commit_us = commit_time_us;
	}
	pthread_mutex_unlock(&stage->lock);
}

void
stage_applier_rewind(Stage *stage)
{
	pthread_mutex_lock(&stage->lock);
	drop_memory(stage);
	stage->in_memory = false;
	stage->applier_attached = false;
	stage->is_take_open = false;
	stage->taken_end = LSN_NONE;
	stage->is_rewinding = true;
	pthread_cond_broadcast(&stage->room);
	pthread_mutex_unlock(&stage->lock);
}

/* ---------------------------------------------------------------- anybody */

void
stage_set_until(Stage *stage, Lsn until)
{
	pthread_mutex_lock(&stage->lock);
	stage->until = until;
	if (until != LSN_NONE && stage->seen >= until)
		set_until_received(stage);
	pthread_mutex_unlock(&stage->lock);
}

void
stage_view(Stage *stage, StageView *view)
{
	pthread_mutex_lock(&stage->lock);
	view->seen = stage->seen;
	view->received = stage->received;
	view->applied = stage->applied;
	view->durable = durable_locked(stage);
	view->applied_commit_us = stage->applied_commit_us;
	view->queue_bytes = stage->queued_bytes;
	view->in_memory = stage->in_memory;
	view->caught_up = stage->in_memory && stage->head == NULL && stage->taken_end <= stage->applied && !stage->is_take_open;
	pthread_mutex_unlock(&stage->lock);
}

Lsn
stage_durable(Stage *stage)
{
	Lsn			durable;

	pthread_mutex_lock(&stage->lock);
	durable = durable_locked(stage);
	pthread_mutex_unlock(&stage->lock);
	return durable;
}

bool
stage_until_received(Stage *stage)
{
	bool		received;

	pthread_mutex_lock(&stage->lock);
	received = stage->until_received;
	pthread_mutex_unlock(&stage->lock);
	return received;
}

void
stage_wake(Stage *stage)
{
	pthread_mutex_lock(&stage->lock);
	pthread_cond_broadcast(&stage->arrived);
	pthread_cond_broadcast(&stage->room);
	pthread_mutex_unlock(&stage->lock);
}
