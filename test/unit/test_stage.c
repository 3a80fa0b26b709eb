/*
 * test_stage.c
 *		The stage between a receiver and an applier that fail at random moments, on a real local store: every transaction comes to the
 *		target whole, once, and in order; nothing is confirmed to the source that a crash could lose.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/stop.h"
#include "store/sqlite_store.h"
#include "sync/stage.h"

#define TASK "stage_test"
#define TRANSACTIONS 600
#define FIRST_LSN ((Lsn) 1000)

typedef struct SourceTransaction
{
	Lsn			commit_lsn;
	Lsn			end_lsn;
	int			parts;
	size_t		part_bytes;
} SourceTransaction;

typedef struct World
{
	SourceTransaction log[TRANSACTIONS];
	Store	   *store;
	Stage	   *stage;
	unsigned	seed;
	int			trouble;		/* one in so many steps fails */

	/* the source server */
	_Atomic Lsn confirmed;
	/* the target: transactions that are committed there */
	int			applied_count;
	_Atomic Lsn progress;

	atomic_long steps_left;		/* until the crash */
	atomic_bool crash;			/* both threads drop everything */
	atomic_bool done;
	int64_t		segment;
} World;

/* cmocka's assertions jump, which only its own thread may do. */
#define must(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

static bool
chance(unsigned *seed, int one_in)
{
	return one_in > 0 && rand_r(seed) % one_in == 0;
}

/* Both threads count; at the given step the process "is killed". */
static bool
is_crashed(World *world)
{
	if (atomic_fetch_sub(&world->steps_left, 1) == 1)
		atomic_store(&world->crash, true);
	return atomic_load(&world->crash);
}

static void
make_log(World *world)
{
	Lsn			lsn = FIRST_LSN;

	for (int i = 0; i < TRANSACTIONS; i++)
	{
		SourceTransaction *transaction = &world->log[i];

		transaction->commit_lsn = lsn;
		transaction->end_lsn = lsn + 1 + (Lsn) (rand_r(&world->seed) % 50);
		/* A commit may end exactly where the next one begins. */
		lsn = transaction->end_lsn + (chance(&world->seed, 3) ? 0 : (Lsn) (rand_r(&world->seed) % 100));
		transaction->parts = chance(&world->seed, 5) ? 1 + rand_r(&world->seed) % 6 : 1;
		transaction->part_bytes = 20 + (size_t) (rand_r(&world->seed) % 400);
	}
}

static TxnPart *
make_part(const World *world, int index, int number, int64_t segment)
{
	const SourceTransaction *transaction = &world->log[index];
	TxnPart    *part = txn_part_new();

	part->segment = segment;
	part->commit_lsn = transaction->commit_lsn;
	part->xid = (uint32_t) index + 1;
	part->part = number;
	part->last = number == transaction->parts - 1;
	part->end_lsn = part->last ? transaction->end_lsn : LSN_NONE;
	part->change_count = 1;
	part->records = mem_alloc(transaction->part_bytes + 1);
	memset(part->records, 'x', transaction->part_bytes);
	part->records[transaction->part_bytes] = '\0';
	part->length = transaction->part_bytes;
	return part;
}

/* One stream, until it breaks.  false: crash or done. */
static bool
receive_once(World *world, unsigned *seed)
{
	Error		err = ERROR_INIT;
	int64_t		segment = ++world->segment;
	Lsn			from;
	Lsn			skip;
	Lsn			confirmed;

	must(stage_receiver_begin(world->stage, segment, &from, &skip, &err));
	must(skip >= from);
	confirmed = atomic_load(&world->confirmed);
	/* What the source has forgotten may not be asked for. */
	must(from >= confirmed);
	stage_receiver_relation(world->stage, 1, "[\"R\",1]", 7);
	for (int i = 0; i < TRANSACTIONS; i++)
	{
		if (world->log[i].commit_lsn < from || world->log[i].commit_lsn < skip)
			continue;
		for (int number = 0; number < world->log[i].parts; number++)
		{
			TxnPart    *part = make_part(world, i, number, segment);
			StagePut	put;

			if (is_crashed(world))
			{
				txn_part_free(part);
				return false;
			}
			if (chance(seed, world->trouble))
			{
				/* The connection breaks. */
				txn_part_free(part);
				must(stage_receiver_end(world->stage, &err));
				return true;
			}
			while ((put = stage_receiver_put(world->stage, part, &err)) == STAGE_PUT_FULL)
			{
				stage_receiver_wait(world->stage, 20);
				if (is_crashed(world))
				{
					txn_part_free(part);
					return false;
				}
			}
			must(put != STAGE_PUT_FAILED);
			if (put == STAGE_PUT_RESTART)
			{
				must(stage_receiver_end(world->stage, &err));
				return true;
			}
		}
		if (chance(seed, 4))
			must(stage_receiver_flush(world->stage, &err));
		if (chance(seed, 6))
			must(stage_receiver_position(world->stage, world->log[i].end_lsn, true, &err));
		if (chance(seed, 3))
			atomic_store(&world->confirmed, stage_durable(world->stage));
	}
	/* Idle from here on. */
	while (!is_crashed(world) && !atomic_load(&world->done))
	{
		must(stage_receiver_position(world->stage, world->log[TRANSACTIONS - 1].end_lsn, true, &err));
		atomic_store(&world->confirmed, stage_durable(world->stage));
		if (stage_receiver_restart_wanted(world->stage))
		{
			must(stage_receiver_end(world->stage, &err));
			return true;
		}
		sched_yield();
	}
	return false;
}

static void *
receiver_thread(void *arg)
{
	World	   *world = arg;
	unsigned	seed = world->seed * 7 + 1;

	while (!atomic_load(&world->crash) && !atomic_load(&world->done) && receive_once(world, &seed))
		;
	return NULL;
}

typedef struct Group
{
	int			first;			/* index of the first transaction in the group */
	int			count;			/* whole ones */
	int			next_part;		/* of the transaction that is open; 0: none */
	int64_t		open_segment;
} Group;

static void
commit(World *world, Group *group)
{
	Error		err = ERROR_INIT;

	if (group->count == 0)
		return;
	world->applied_count += group->count;
	atomic_store(&world->progress, world->log[world->applied_count - 1].end_lsn);
	group->first = world->applied_count;
	group->count = 0;
	stage_applier_applied(world->stage, atomic_load(&world->progress), 0);
	must(world->store->ops->remove_applied(world->store, TASK, atomic_load(&world->progress), 0, &err));
}

static void
take_one(World *world, Group *group, TxnPart *part)
{
	int			expected = group->first + group->count;

	if (txn_is_done(part->commit_lsn, atomic_load(&world->progress)))
		return;
	must(expected < TRANSACTIONS);
	must(part->commit_lsn == world->log[expected].commit_lsn);
	must(part->part == group->next_part);
	if (part->part == 0)
		group->open_segment = part->segment;
	must(part->segment == group->open_segment);
	group->next_part++;
	if (part->last)
	{
		must(group->next_part == world->log[expected].parts);
		group->next_part = 0;
		group->count++;
	}
}

static void *
applier_thread(void *arg)
{
	World	   *world = arg;
	unsigned	seed = world->seed * 13 + 5;
	Error		err = ERROR_INIT;
	Group		group = {.first = world->applied_count};

	stage_applier_begin(world->stage, atomic_load(&world->progress));
	while (!is_crashed(world))
	{
		TxnPart    *part;

		if (chance(&seed, world->trouble))
		{
			/* The target goes away, and comes back. */
			group = (Group) {.first = world->applied_count};
			stage_applier_rewind(world->stage);
			stage_applier_begin(world->stage, atomic_load(&world->progress));
		}
		switch (stage_applier_take(world->stage, &part, group.next_part > 0 ? 20 : 2, &err))
		{
			case STAGE_TAKE_PART:
				/* As the apply loop does it: a transaction in parts has a group of its own. */
				if (part->part == 0 && !part->last)
					commit(world, &group);
				take_one(world, &group, part);
				txn_part_free(part);
				if (group.next_part == 0 && chance(&seed, 3))
					commit(world, &group);
				break;
			case STAGE_TAKE_NOTHING:
				if (group.next_part == 0)
					commit(world, &group);
				break;
			case STAGE_TAKE_ABORTED:
				group.next_part = 0;
				break;
			case STAGE_TAKE_END:
				commit(world, &group);
				atomic_store(&world->done, true);
				return NULL;
			case STAGE_TAKE_FAILED:
				fprintf(stderr, "%s\n", err.message);
				abort();
		}
		if (world->applied_count == TRANSACTIONS && group.count == 0)
			atomic_store(&world->done, true);
		if (atomic_load(&world->done))
			return NULL;
		if (chance(&seed, 3))
			sched_yield();
	}
	return NULL;
}

/* From the state of the store and the target to all done, or to a crash. */
static void
run_process(World *world, const char *path, long crash_after_steps)
{
	Error		err = ERROR_INIT;
	Arena	   *arena = arena_new(0);
	TaskState	state;
	bool		found;
	pthread_t	receiver;
	pthread_t	applier;
	StageOptions options;

	must(sqlite_store_open(path, DURABILITY_NORMAL, STORE_CREATE, &world->store, &err));
	must(world->store->ops->load_task(world->store, TASK, arena, &state, &found, &err));
	if (!found)
	{
		state = (TaskState) {.task = TASK, .phase = TASK_STREAMING, .source_kind = "pgsql", .source_id = "1/a", .slot = TASK,
		.target_id = "2/b", .filter = "", .start_lsn = FIRST_LSN, .received_lsn = FIRST_LSN, .applied_lsn = FIRST_LSN};
		must(world->store->ops->save_task(world->store, &state, &err));
	}
	/* The check that a start makes: nothing that the source has forgotten is missing. */
	must(atomic_load(&world->confirmed) <= state.received_lsn || atomic_load(&world->confirmed) <= atomic_load(&world->progress));

	options = (StageOptions) {.store = world->store, .task = TASK, .queue_bytes = 2000, .patience_ms = crash_after_steps % 3 * 10, .received = state.received_lsn,
	.applied = atomic_load(&world->progress)};
	world->stage = stage_new(&options);
	atomic_store(&world->crash, false);
	atomic_store(&world->steps_left, crash_after_steps > 0 ? crash_after_steps : LONG_MAX);
	pthread_create(&receiver, NULL, receiver_thread, world);
	pthread_create(&applier, NULL, applier_thread, world);
	pthread_join(applier, NULL);
	pthread_join(receiver, NULL);
	/* What was appended and not committed is gone with the process. */
	world->store->ops->rollback(world->store);
	stage_free(world->stage);
	world->store->ops->close(world->store);
	arena_free(arena);
}

static void
remove_folder(const char *folder)
{
	char		command[96];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	must(system(command) == 0);
}

static void
run_history(unsigned seed, int trouble, int crashes)
{
	World	   *world = mem_zalloc(sizeof(World));
	char		folder[] = "/tmp/dbsync_stage.XXXXXX";
	char		path[64];

	must(NULL != mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/store.db", folder);
	world->seed = seed;
	world->trouble = trouble;
	make_log(world);
	atomic_store(&world->confirmed, FIRST_LSN);
	atomic_store(&world->progress, FIRST_LSN);
	for (int i = 0; i < crashes && !atomic_load(&world->done); i++)
	{
		world->seed++;
		run_process(world, path, 1 + rand_r(&world->seed) % 1500);
	}
	world->trouble = trouble > 0 ? trouble * 5 : 0;
	if (!atomic_load(&world->done))
		run_process(world, path, 0);
	must(world->applied_count == TRANSACTIONS);
	free(world);
	remove_folder(folder);
}

static void
test_a_quiet_day(void **state DBSYNC_UNUSED)
{
	run_history(1, 0, 0);
}

static void
test_connections_break(void **state DBSYNC_UNUSED)
{
	for (unsigned seed = 10; seed < 25; seed++)
		run_history(seed, 60, 0);
}

static void
test_process_is_killed(void **state DBSYNC_UNUSED)
{
	for (unsigned seed = 100; seed < 115; seed++)
		run_history(seed, 0, 12);
}

static void
test_everything_at_once(void **state DBSYNC_UNUSED)
{
	for (unsigned seed = 200; seed < 220; seed++)
		run_history(seed, 80, 8);
}

/* Of a task that streams, in a folder of its own, without troubles. */
typedef struct QuietWorld
{
	World	   *world;
	char		folder[32];
} QuietWorld;

static QuietWorld
open_quiet_world(void)
{
	QuietWorld	quiet = {.world = mem_zalloc(sizeof(World)), .folder = "/tmp/dbsync_stage.XXXXXX"};
	TaskState	task = {.task = TASK, .phase = TASK_STREAMING, .source_kind = "pgsql", .source_id = "s", .slot = TASK, .target_id = "t", .filter = "",
	.received_lsn = FIRST_LSN};
	char		path[64];
	Error		err = ERROR_INIT;

	must(NULL != mkdtemp(quiet.folder));
	snprintf(path, sizeof(path), "%s/store.db", quiet.folder);
	must(sqlite_store_open(path, DURABILITY_NORMAL, STORE_CREATE, &quiet.world->store, &err));
	must(quiet.world->store->ops->save_task(quiet.world->store, &task, &err));
	return quiet;
}

/* As a run does that has received, but not applied, what comes before. */
static void
open_stage(World *world, Lsn received)
{
	StageOptions options = {.store = world->store, .task = TASK, .queue_bytes = 100000, .received = received, .applied = FIRST_LSN};

	world->stage = stage_new(&options);
}

static void
close_quiet_world(QuietWorld *quiet)
{
	stage_free(quiet->world->stage);
	quiet->world->store->ops->close(quiet->world->store);
	free(quiet->world);
	remove_folder(quiet->folder);
}

/* What came behind --until was dropped, so a position behind it may not be believed: the next run must get it again. */
static void
test_nothing_behind_until_is_confirmed(void **state DBSYNC_UNUSED)
{
	QuietWorld	quiet = open_quiet_world();
	World	   *world = quiet.world;
	Error		err = ERROR_INIT;
	StageView	view;
	TxnPart    *part;
	Lsn			from;
	Lsn			skip;

	world->log[0] = (SourceTransaction) {.commit_lsn = 1900, .end_lsn = 1950, .parts = 1, .part_bytes = 10};
	world->log[1] = (SourceTransaction) {.commit_lsn = 2500, .end_lsn = 2600, .parts = 1, .part_bytes = 10};
	open_stage(world, FIRST_LSN);
	stage_set_until(world->stage, 2000);
	stage_applier_begin(world->stage, FIRST_LSN);
	must(stage_receiver_begin(world->stage, 1, &from, &skip, &err));
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_NOTHING);
	must(stage_receiver_put(world->stage, make_part(world, 0, 0, 1), &err) == STAGE_PUT_OK);
	must(stage_receiver_put(world->stage, make_part(world, 1, 0, 1), &err) == STAGE_PUT_OK);
	must(stage_receiver_flush(world->stage, &err));
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_PART);
	txn_part_free(part);
	stage_applier_applied(world->stage, 1950, 1);
	must(stage_receiver_position(world->stage, 3000, true, &err));
	stage_view(world->stage, &view);
	must(view.durable >= 1950 && view.durable <= 2000);
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_END);

	must(stage_receiver_end(world->stage, &err));
	must(stage_receiver_begin(world->stage, 2, &from, &skip, &err));
	must(from <= 2500 && skip <= 2500);
	close_quiet_world(&quiet);
}

/* The applier may come before the receiver: all of "until" was received by an earlier run, but not applied. */
static void
test_until_waits_for_what_is_stored(void **state DBSYNC_UNUSED)
{
	QuietWorld	quiet = open_quiet_world();
	World	   *world = quiet.world;
	Error		err = ERROR_INIT;
	TxnPart    *part;
	Lsn			from;
	Lsn			skip;

	world->log[0] = (SourceTransaction) {.commit_lsn = 1900, .end_lsn = 1950, .parts = 1, .part_bytes = 10};
	open_stage(world, FIRST_LSN);
	must(stage_receiver_begin(world->stage, 1, &from, &skip, &err));
	must(stage_receiver_put(world->stage, make_part(world, 0, 0, 1), &err) == STAGE_PUT_OK);
	must(stage_receiver_flush(world->stage, &err));
	stage_free(world->stage);

	open_stage(world, 1950);
	stage_set_until(world->stage, 1950);
	stage_applier_begin(world->stage, FIRST_LSN);
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_NOTHING);
	must(stage_receiver_begin(world->stage, 2, &from, &skip, &err));
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_PART);
	must(part->commit_lsn == 1900);
	txn_part_free(part);
	must(stage_applier_take(world->stage, &part, 0, &err) == STAGE_TAKE_END);
	close_quiet_world(&quiet);
}

int
main(void)
{
	Error		err = ERROR_INIT;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quiet_day),
		cmocka_unit_test(test_connections_break),
		cmocka_unit_test(test_process_is_killed),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_nothing_behind_until_is_confirmed),
		cmocka_unit_test(test_until_waits_for_what_is_stored),
	};

	if (!stop_install(&err))
		return 1;
	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
