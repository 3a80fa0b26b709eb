/* The local store, both kinds: what model/store.h promises. */
#include "store_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPS (f->store->ops)

/* ---------------------------------------------------------------- state */

static void
a_task_is_saved_and_loaded(void **state)
{
	Fixture    *f = *state;
	TaskState	saved = {
		.task = TASK, .phase = TASK_COPYING, .source_kind = "pgsql", .source_id = "7/app", .source_timeline = 3, .slot = TASK,
		.target_id = "8/app", .filter = "+a.* -\"b'\"", .created_us = 1700000000123456, .copy_start_us = 1700000001000001,
		.copy_end_us = 0, .start_lsn = 0x1600000010, .received_lsn = 0x1600000020, .applied_lsn = 0x1600000018,
		.applied_commit_us = 1700000000999999, .segment = 5
	};
	TaskState	loaded;
	bool		found;

	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_false(found);
	assert_ok(OPS->save_task(f->store, &saved, &f->err));
	store_test_reopen(f);
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(found);
	assert_string_equal(loaded.task, TASK);
	assert_int_equal(loaded.phase, TASK_COPYING);
	assert_string_equal(loaded.source_kind, "pgsql");
	assert_string_equal(loaded.source_id, "7/app");
	assert_int_equal(loaded.source_timeline, 3);
	assert_string_equal(loaded.slot, TASK);
	assert_string_equal(loaded.target_id, "8/app");
	assert_string_equal(loaded.filter, saved.filter);
	assert_true(loaded.created_us == saved.created_us && loaded.copy_start_us == saved.copy_start_us && loaded.copy_end_us == 0);
	assert_true(loaded.start_lsn == saved.start_lsn && loaded.received_lsn == saved.received_lsn);
	assert_true(loaded.applied_lsn == saved.applied_lsn && loaded.applied_commit_us == saved.applied_commit_us);
	assert_true(loaded.segment == 5);

	/* NULL stays NULL, and a second save replaces. */
	saved.phase = TASK_DONE;
	saved.target_id = NULL;
	assert_ok(OPS->save_task(f->store, &saved, &f->err));
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_int_equal(loaded.phase, TASK_DONE);
	assert_null(loaded.target_id);
}

static void
positions_never_go_back(void **state)
{
	Fixture    *f = *state;
	TaskState	old = {.task = TASK, .phase = TASK_STREAMING, .received_lsn = 100, .applied_lsn = 50, .applied_commit_us = 5, .segment = 2};
	TaskState	loaded;
	bool		found;

	assert_ok(OPS->save_task(f->store, &old, &f->err));
	assert_ok(OPS->save_received(f->store, TASK, 200, &f->err));
	assert_ok(OPS->save_received(f->store, TASK, 150, &f->err));
	assert_ok(OPS->save_applied(f->store, TASK, 120, 12, &f->err));
	assert_ok(OPS->save_applied(f->store, TASK, 110, 11, &f->err));

	/* What the main thread knows may be old. */
	assert_ok(OPS->save_task(f->store, &old, &f->err));
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(loaded.received_lsn == 200);
	assert_true(loaded.applied_lsn == 120);
	assert_true(loaded.applied_commit_us == 12);

	store_test_append(f, TASK, 300, 0, true, 0);
	assert_ok(OPS->commit(f->store, 308, &f->err));
	store_test_append(f, TASK, 400, 0, true, 0);
	assert_ok(OPS->commit(f->store, 250, &f->err));
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(loaded.received_lsn == 308);
	assert_fails(OPS->save_received(f->store, "other", 1, &f->err), ERROR_FAILED, "does not know task \"other\"");
}

static void
tasks_are_listed_and_dropped_one_by_one(void **state)
{
	Fixture    *f = *state;
	static const CopyItem item = {.schema = "s", .table = "t", .chunk_count = 1};
	Cursor		cursor = CURSOR_START;
	TaskState  *tasks;
	StoreStats	stats;
	CopyItem   *items;
	char	   *records;
	size_t		length;
	int			count;

	store_test_save_task(f, "b");
	store_test_save_task(f, "a");
	assert_ok(OPS->save_item(f->store, "a", &item, &f->err));
	assert_ok(OPS->append_relation(f->store, "a", 1, 1, "[\"R\"]", 5, &f->err));
	store_test_append(f, "a", 100, 0, true, 0);
	store_test_commit(f);
	store_test_append(f, "b", 100, 0, true, 0);
	store_test_commit(f);
	assert_ok(OPS->list_tasks(f->store, f->arena, &tasks, &count, &f->err));
	assert_int_equal(count, 2);
	assert_string_equal(tasks[0].task, "a");
	assert_string_equal(tasks[1].task, "b");

	assert_ok(OPS->drop_task(f->store, "a", &f->err));
	assert_ok(OPS->list_tasks(f->store, f->arena, &tasks, &count, &f->err));
	assert_int_equal(count, 1);
	store_test_expect_end(f, "a", &cursor);
	store_test_expect(f, "b", &cursor, 100, 0, true);
	assert_ok(OPS->load_items(f->store, "a", f->arena, &items, &count, &f->err));
	assert_int_equal(count, 0);
	assert_ok(OPS->read_relations(f->store, "a", 1, &records, &length, &f->err));
	assert_int_equal(length, 0);
	free(records);

	/* The name can be used again. */
	store_test_save_task(f, "a");
	assert_ok(OPS->stats(f->store, "a", &stats, &f->err));
	assert_true(stats.transaction_count == 0 && stats.bytes == 0 && stats.first_lsn == LSN_NONE);
	store_test_append(f, "a", 100, 0, true, 0);
	store_test_commit(f);
	cursor = (Cursor) CURSOR_START;
	store_test_expect(f, "a", &cursor, 100, 0, true);
}

static void
copy_items_keep_their_order_and_values(void **state)
{
	Fixture    *f = *state;
	CopyItem	items[3] = {
		{.schema = "z", .table = "big \"one\"", .chunk = 0, .chunk_count = 2, .first_block = 0, .last_block = 4000000000u,
		.estimated_bytes = 1LL << 42, .estimated_rows = 7},
		{.schema = "z", .table = "big \"one\"", .chunk = 1, .chunk_count = 2, .first_block = 4000000000u, .last_block = 0},
		{.schema = "a", .table = "small", .chunk = 0, .chunk_count = 1},
	};
	CopyItem   *loaded;
	int			count;

	store_test_save_task(f, TASK);
	assert_ok(OPS->replace_items(f->store, TASK, items, 3, &f->err));
	items[1].phase = COPY_DONE;
	items[1].rows = 12;
	items[1].bytes = 345;
	items[1].snapshot_lsn = 0x1600000000;
	items[1].start_us = 1700000000000001;
	items[1].end_us = 1700000000000002;
	assert_ok(OPS->save_item(f->store, TASK, &items[1], &f->err));
	store_test_reopen(f);
	assert_ok(OPS->load_items(f->store, TASK, f->arena, &loaded, &count, &f->err));
	assert_int_equal(count, 3);
	assert_string_equal(loaded[0].table, "big \"one\"");
	assert_true(loaded[0].last_block == 4000000000u && loaded[0].estimated_bytes == 1LL << 42 && loaded[0].estimated_rows == 7);
	assert_int_equal(loaded[0].phase, COPY_PENDING);
	assert_int_equal(loaded[1].chunk, 1);
	assert_int_equal(loaded[1].phase, COPY_DONE);
	assert_true(loaded[1].first_block == 4000000000u && loaded[1].rows == 12 && loaded[1].bytes == 345);
	assert_true(loaded[1].snapshot_lsn == 0x1600000000 && loaded[1].start_us == 1700000000000001 && loaded[1].end_us == 1700000000000002);
	assert_string_equal(loaded[2].schema, "a");
	assert_true(loaded[2].start_us == 0);

	assert_ok(OPS->replace_items(f->store, TASK, &items[2], 1, &f->err));
	assert_ok(OPS->load_items(f->store, TASK, f->arena, &loaded, &count, &f->err));
	assert_int_equal(count, 1);
}

/* ---------------------------------------------------------------- queue */

static void
transactions_come_back_in_order_with_their_bytes(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;

	store_test_save_task(f, TASK);
	store_test_expect_end(f, TASK, &cursor);
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_append(f, TASK, 200, 0, false, 1000);
	store_test_append(f, TASK, 200, 1, false, 100000);
	store_test_append(f, TASK, 200, 2, true, 0);
	store_test_append(f, TASK, 300, 0, true, 0);
	store_test_expect_end(f, TASK, &cursor);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect(f, TASK, &cursor, 200, 0, false);
	store_test_expect(f, TASK, &cursor, 200, 1, false);
	store_test_expect(f, TASK, &cursor, 200, 2, true);
	store_test_expect(f, TASK, &cursor, 300, 0, true);
	store_test_expect_end(f, TASK, &cursor);

	/* Later ones are seen, and any position can be asked for. */
	store_test_append(f, TASK, 400, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 400, 0, true);
	cursor = (Cursor) {200, 0};
	store_test_expect(f, TASK, &cursor, 200, 1, false);
	cursor = (Cursor) {150, -1};
	store_test_expect(f, TASK, &cursor, 200, 0, false);

	store_test_reopen(f);
	cursor = (Cursor) CURSOR_START;
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect(f, TASK, &cursor, 200, 0, false);
}

static void
an_empty_record_text_is_kept(void **state)
{
	Fixture    *f = *state;
	TxnPart		part = {.segment = 1, .commit_lsn = 5, .end_lsn = 6, .last = true};
	TxnPart    *read;

	store_test_save_task(f, TASK);
	assert_ok(OPS->append(f->store, TASK, &part, &f->err));
	store_test_commit(f);
	assert_ok(OPS->read(f->store, TASK, LSN_NONE, -1, &read, &f->err));
	assert_non_null(read);
	assert_int_equal(read->length, 0);
	assert_string_equal(read->records, "");
	txn_part_free(read);
}

static void
a_transaction_is_not_seen_before_its_last_part(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_append(f, TASK, 200, 0, false, 0);
	store_test_commit(f);
	store_test_append(f, TASK, 200, 1, false, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect_end(f, TASK, &cursor);
	store_test_append(f, TASK, 200, 2, true, 0);
	store_test_expect_end(f, TASK, &cursor);
	store_test_commit(f);
	for (int i = 0; i < 3; i++)
		store_test_expect(f, TASK, &cursor, 200, i, i == 2);
	store_test_expect_end(f, TASK, &cursor);
}

static void
rollback_takes_back_what_was_not_committed(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	StoreStats	stats;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_commit(f);
	store_test_append(f, TASK, 200, 0, true, 0);
	OPS->rollback(f->store);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect_end(f, TASK, &cursor);

	/* So much that it was written before its commit. */
	for (int i = 0; i < 40; i++)
		store_test_append(f, TASK, 300 + (Lsn) i, 0, true, 1000000);
	store_test_expect_end(f, TASK, &cursor);
	OPS->rollback(f->store);
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 1);
	store_test_append(f, TASK, 300, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 300, 0, true);
	store_test_expect_end(f, TASK, &cursor);

	/* A close is a rollback. */
	for (int i = 0; i < 20; i++)
		store_test_append(f, TASK, 400 + (Lsn) i, 0, true, 1000000);
	store_test_reopen(f);
	store_test_expect_end(f, TASK, &cursor);
	store_test_append(f, TASK, 405, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 405, 0, true);
	store_test_expect_end(f, TASK, &cursor);
}

static void
more_than_memory_is_committed_whole(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	StoreStats	stats;
	Store	   *other;

	store_test_save_task(f, TASK);
	for (int i = 0; i < 30; i++)
		store_test_append(f, TASK, 100, i, i == 29, 1000000);
	store_test_append(f, TASK, 200, 0, true, 0);

	/* Another process sees nothing of it either. */
	assert_ok(store_test_open(f, STORE_READ_ONLY, &other, &f->err));
	{
		Store	   *own = f->store;

		f->store = other;
		store_test_expect_end(f, TASK, &cursor);
		assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
		assert_true(stats.transaction_count == 0 && stats.bytes == 0);
		f->store = own;
		store_test_commit(f);
		f->store = other;
		store_test_expect(f, TASK, &cursor, 100, 0, false);
		f->store = own;
	}
	other->ops->close(other);
	cursor = (Cursor) CURSOR_START;
	for (int i = 0; i < 30; i++)
		store_test_expect(f, TASK, &cursor, 100, i, i == 29);
	store_test_expect(f, TASK, &cursor, 200, 0, true);
	store_test_expect_end(f, TASK, &cursor);
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 2 && stats.change_count == 31 * 3);
}

static void
what_comes_again_changes_nothing(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	StoreStats	before;
	StoreStats	after;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_append(f, TASK, 200, 0, false, 0);
	store_test_append(f, TASK, 200, 1, true, 0);
	store_test_append(f, TASK, 300, 0, true, 0);
	store_test_commit(f);
	assert_ok(OPS->stats(f->store, TASK, &before, &f->err));
	for (int round = 0; round < 2; round++)
	{
		TxnPart    *again = store_test_part(100, 0, true, 50);

		again->segment = 2;
		assert_ok(OPS->append(f->store, TASK, again, &f->err));
		txn_part_free(again);
		store_test_append(f, TASK, 200, 0, false, 0);
		store_test_append(f, TASK, 200, 1, true, 0);
		store_test_append(f, TASK, 300, 0, true, 0);
		store_test_commit(f);
		store_test_reopen(f);
	}
	assert_ok(OPS->stats(f->store, TASK, &after, &f->err));
	assert_memory_equal(&before, &after, sizeof(before));

	/* Behind it new ones go on. */
	store_test_append(f, TASK, 300, 0, true, 0);
	store_test_append(f, TASK, 400, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect(f, TASK, &cursor, 200, 0, false);
	store_test_expect(f, TASK, &cursor, 200, 1, true);
	store_test_expect(f, TASK, &cursor, 300, 0, true);
	store_test_expect(f, TASK, &cursor, 400, 0, true);
	store_test_expect_end(f, TASK, &cursor);
}

static void
incomplete_transactions_are_dropped_or_replaced(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	StoreStats	stats;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 100, 0, true, 0);
	for (int i = 0; i < 5; i++)
		store_test_append(f, TASK, 200, i, false, 0);
	store_test_commit(f);
	store_test_reopen(f);
	assert_ok(OPS->drop_incomplete(f->store, TASK, &f->err));
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 1 && stats.change_count == 3 && stats.first_lsn == 100);
	assert_true(stats.first_commit_us == 1700000000000100);
	store_test_append(f, TASK, 200, 0, false, 100);
	store_test_append(f, TASK, 200, 1, true, 100);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect(f, TASK, &cursor, 200, 0, false);
	store_test_expect(f, TASK, &cursor, 200, 1, true);
	store_test_expect_end(f, TASK, &cursor);

	/* Not dropped, and sent again from its beginning, cut at other places. */
	for (int i = 0; i < 5; i++)
		store_test_append(f, TASK, 300, i, false, 0);
	store_test_commit(f);
	store_test_append(f, TASK, 300, 0, false, 100);
	store_test_append(f, TASK, 300, 1, true, 100);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 300, 0, false);
	store_test_expect(f, TASK, &cursor, 300, 1, true);
	store_test_expect_end(f, TASK, &cursor);
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 3 && stats.change_count == 15);

	store_test_append(f, TASK, 400, 0, false, 0);
	assert_fails(OPS->drop_incomplete(f->store, TASK, &f->err), ERROR_FAILED, "before a commit or rollback");
	OPS->rollback(f->store);
	assert_ok(OPS->drop_incomplete(f->store, TASK, &f->err));
}

static void
transactions_behind_a_position_are_removed(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	TaskState	loaded;
	StoreStats	stats;
	bool		found;

	store_test_save_task(f, TASK);
	for (Lsn lsn = 1; lsn <= 3000; lsn++)
		store_test_append(f, TASK, lsn * 10, 0, true, 0);
	store_test_append(f, TASK, 40000, 0, false, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 10, 0, true);
	assert_ok(OPS->remove_from(f->store, TASK, 30, &f->err));
	store_test_expect(f, TASK, &cursor, 20, 0, true);
	store_test_expect_end(f, TASK, &cursor);
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(loaded.received_lsn == 30);
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 2 && stats.change_count == 6);

	/* They come again. */
	store_test_append(f, TASK, 30, 0, true, 0);
	store_test_append(f, TASK, 40, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 30, 0, true);
	store_test_expect(f, TASK, &cursor, 40, 0, true);
	store_test_expect_end(f, TASK, &cursor);
}

static void
applied_transactions_are_removed(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;
	StoreStats	stats;

	store_test_save_task(f, TASK);
	for (Lsn lsn = 100; lsn <= 500; lsn += 100)
	{
		store_test_append(f, TASK, lsn, 0, false, 0);
		store_test_append(f, TASK, lsn, 1, true, 0);
	}
	store_test_commit(f);

	/* end_lsn is 8 behind. */
	assert_ok(OPS->remove_applied(f->store, TASK, 207, 1, &f->err));
	store_test_expect(f, TASK, &cursor, 200, 0, false);
	assert_ok(OPS->remove_applied(f->store, TASK, 208, 1, &f->err));
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 3 && stats.change_count == 18 && stats.first_lsn == 300);
	cursor = (Cursor) CURSOR_START;
	store_test_expect(f, TASK, &cursor, 300, 0, false);
	assert_ok(OPS->remove_applied(f->store, TASK, 1000, 1, &f->err));
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 0 && stats.change_count == 0 && stats.bytes == 0 && stats.first_lsn == LSN_NONE);
	cursor = (Cursor) CURSOR_START;
	store_test_expect_end(f, TASK, &cursor);
}

static void
expect_relations(Fixture *f, int64_t segment, const char *wanted)
{
	char	   *records;
	size_t		length;

	assert_ok(OPS->read_relations(f->store, TASK, segment, &records, &length, &f->err));
	assert_string_equal(records, wanted);
	assert_int_equal(length, strlen(wanted));
	free(records);
}

static void
append_in_segment(Fixture *f, Lsn lsn, int64_t segment)
{
	TxnPart    *part = store_test_part(lsn, 0, true, 0);

	part->segment = segment;
	assert_ok(OPS->append(f->store, TASK, part, &f->err));
	txn_part_free(part);
}

static void
relations_live_as_long_as_their_segment(void **state)
{
	Fixture    *f = *state;

	store_test_save_task(f, TASK);
	assert_ok(OPS->append_relation(f->store, TASK, 1, 2, "[\"R\",2]", 7, &f->err));
	assert_ok(OPS->append_relation(f->store, TASK, 1, 1, "[\"R\",1]", 7, &f->err));
	expect_relations(f, 1, "");
	append_in_segment(f, 100, 1);
	store_test_commit(f);
	expect_relations(f, 1, "[\"R\",1]\n[\"R\",2]\n");
	assert_ok(OPS->append_relation(f->store, TASK, 1, 1, "[\"R\",1]", 7, &f->err));
	assert_ok(OPS->append_relation(f->store, TASK, 2, 1, "[\"R\",1,2]", 9, &f->err));
	append_in_segment(f, 200, 2);
	store_test_commit(f);
	assert_ok(OPS->append_relation(f->store, TASK, 3, 1, "[\"R\",1,3]", 9, &f->err));
	store_test_commit(f);

	assert_ok(OPS->remove_applied(f->store, TASK, 50, 3, &f->err));
	expect_relations(f, 1, "[\"R\",1]\n[\"R\",2]\n");
	assert_ok(OPS->remove_applied(f->store, TASK, 108, 3, &f->err));
	expect_relations(f, 1, "");
	expect_relations(f, 2, "[\"R\",1,2]\n");
	assert_ok(OPS->remove_applied(f->store, TASK, 208, 2, &f->err));
	expect_relations(f, 2, "[\"R\",1,2]\n");
	assert_ok(OPS->remove_applied(f->store, TASK, 208, 3, &f->err));
	expect_relations(f, 2, "");
	/* Kept, though nothing refers to it yet. */
	expect_relations(f, 3, "[\"R\",1,3]\n");
}

static void
huge_parts_are_kept_in_pieces(void **state)
{
	Fixture    *f = *state;
	Cursor		cursor = CURSOR_START;

	store_test_save_task(f, TASK);
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_append(f, TASK, 200, 0, false, 20000000);
	store_test_append(f, TASK, 200, 1, true, 8 * 1024 * 1024);
	store_test_append(f, TASK, 300, 0, true, 16 * 1024 * 1024 + 1);
	store_test_append(f, TASK, 400, 0, true, 0);
	store_test_commit(f);
	store_test_expect(f, TASK, &cursor, 100, 0, true);
	store_test_expect(f, TASK, &cursor, 200, 0, false);
	store_test_expect(f, TASK, &cursor, 200, 1, true);
	store_test_expect(f, TASK, &cursor, 300, 0, true);
	store_test_expect(f, TASK, &cursor, 400, 0, true);
	store_test_expect_end(f, TASK, &cursor);
	assert_ok(OPS->remove_applied(f->store, TASK, 1000, 1, &f->err));
	cursor = (Cursor) CURSOR_START;
	store_test_expect_end(f, TASK, &cursor);
}

static void
a_batch_has_one_known_task(void **state)
{
	Fixture    *f = *state;
	TxnPart    *part = store_test_part(100, 0, true, 0);

	store_test_save_task(f, TASK);
	assert_ok(OPS->append(f->store, TASK, part, &f->err));
	assert_fails(OPS->append(f->store, "t2", part, &f->err), ERROR_FAILED, "are not committed");
	store_test_commit(f);
	assert_ok(OPS->append(f->store, "t2", part, &f->err));
	assert_fails(OPS->commit(f->store, LSN_NONE, &f->err), ERROR_FAILED, "does not know task \"t2\"");
	txn_part_free(part);
	store_test_commit(f);
}

/* ---------------------------------------------------------------- locks, other processes */

static void
a_task_is_locked_once(void **state)
{
	Fixture    *f = *state;
	Store	   *other;
	char		pid[32];

	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	assert_ok(store_test_open(f, STORE_CREATE, &other, &f->err));
	snprintf(pid, sizeof(pid), "%d", (int) getpid());
	assert_false(other->ops->lock_task(other, TASK, &f->err));
	assert_non_null(strstr(f->err.message, pid));
	assert_fails(false, ERROR_FAILED, "is being worked on by another dbsync");
	assert_ok(other->ops->lock_task(other, "another.task/with all", &f->err));
	other->ops->close(other);
	assert_ok(store_test_open(f, STORE_CREATE, &other, &f->err));
	store_test_reopen(f);
	assert_ok(other->ops->lock_task(other, TASK, &f->err));
	other->ops->close(other);
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
}

static void
a_store_can_be_looked_at_while_it_is_used(void **state)
{
	Fixture    *f = *state;
	Store	   *viewer;
	TaskState  *tasks;
	StoreStats	stats;
	int			count;

	store_test_save_task(f, TASK);
	assert_ok(OPS->lock_task(f->store, TASK, &f->err));
	store_test_append(f, TASK, 100, 0, true, 0);
	store_test_commit(f);
	store_test_append(f, TASK, 200, 0, true, 0);
	assert_ok(store_test_open(f, STORE_READ_ONLY, &viewer, &f->err));
	assert_ok(viewer->ops->list_tasks(viewer, f->arena, &tasks, &count, &f->err));
	assert_int_equal(count, 1);
	assert_ok(viewer->ops->stats(viewer, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 1 && stats.first_lsn == 100);
	assert_fails(viewer->ops->save_received(viewer, TASK, 5, &f->err), ERROR_FAILED, "opened for reading only");
	assert_fails(viewer->ops->lock_task(viewer, TASK, &f->err), ERROR_FAILED, "opened for reading only");
	store_test_commit(f);
	assert_ok(viewer->ops->stats(viewer, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 2);
	viewer->ops->close(viewer);
}

/*
 * Appends for ever, and tells each LSN that is committed.  Every fifth transaction has four parts, committed one by one; every
 * 21st is so large that it is written before its commit.
 */
static void
append_until_killed(const Fixture *f, int out)
{
	Error		err = ERROR_INIT;
	TaskState	task_state;
	Arena	   *arena = arena_new(0);
	Store	   *store;
	bool		found;
	Lsn			lsn;

	if (!store_test_open(f, STORE_CREATE, &store, &err) || !store->ops->lock_task(store, TASK, &err) ||
		!store->ops->drop_incomplete(store, TASK, &err) || !store->ops->load_task(store, TASK, arena, &task_state, &found, &err))
	{
		fprintf(stderr, "%s\n", err.message);
		_exit(1);
	}
	for (lsn = task_state.received_lsn + 10 - task_state.received_lsn % 10;; lsn += 10)
	{
		int			parts = lsn % 50 == 0 ? 4 : 1;
		bool		ok = true;

		for (int i = 0; ok && i < parts; i++)
		{
			TxnPart    *part = store_test_part(lsn, i, i == parts - 1, lsn % 210 == 0 ? 5000000 : 200);

			ok = store->ops->append(store, TASK, part, &err) &&
				store->ops->commit(store, i == parts - 1 ? lsn + 8 : LSN_NONE, &err);
			txn_part_free(part);
		}
		if (!ok || write(out, &lsn, sizeof(lsn)) != (ssize_t) sizeof(lsn))
		{
			fprintf(stderr, "%s\n", err.message != NULL ? err.message : "cannot write");
			_exit(1);
		}
	}
}

static Lsn
run_and_kill(const Fixture *f, int acknowledgements)
{
	int			fds[2];
	pid_t		child;
	Lsn			last = LSN_NONE;
	Lsn			lsn;
	int			status;
	struct timespec moment = {0, (random() % 4000) * 1000};

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		close(fds[0]);
		append_until_killed(f, fds[1]);
	}
	close(fds[1]);
	for (int i = 0; i < acknowledgements && read(fds[0], &lsn, sizeof(lsn)) == (ssize_t) sizeof(lsn); i++)
		last = lsn;
	/* Anywhere in the next few milliseconds: this is what is tested. */
	nanosleep(&moment, NULL);
	kill(child, SIGKILL);
	while (read(fds[0], &lsn, sizeof(lsn)) == (ssize_t) sizeof(lsn))
		last = lsn;
	close(fds[0]);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	return last;
}

static void
nothing_acknowledged_is_lost_by_a_kill(void **state)
{
	Fixture    *f = *state;
	Lsn			checked = LSN_NONE;

	store_test_save_task(f, TASK);
	OPS->close(f->store);
	f->store = NULL;
	for (int round = 0; round < 6; round++)
	{
		Lsn			acknowledged = run_and_kill(f, 1 + (int) (random() % 30));
		Cursor		cursor = {checked, 1000};
		TxnPart    *part;
		Lsn			whole = checked;
		TaskState	loaded;
		bool		found;

		assert_true(acknowledged > LSN_NONE);
		/* A server may need a moment to see that its client is gone. */
		for (int tries = 0; f->store == NULL; tries++)
		{
			assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
			if (!OPS->lock_task(f->store, TASK, &f->err))
			{
				struct timespec pause = {0, 10000000};

				assert_true(tries < 1000);
				error_clear(&f->err);
				OPS->close(f->store);
				f->store = NULL;
				nanosleep(&pause, NULL);
			}
		}
		for (;;)
		{
			assert_ok(OPS->read(f->store, TASK, cursor.lsn, cursor.part, &part, &f->err));
			if (part == NULL)
				break;
			assert_true(store_test_is_intact(part));
			assert_true(part->part == 0 ? cursor.lsn == whole && part->commit_lsn == whole + 10 :
						part->commit_lsn == cursor.lsn && part->part == cursor.part + 1);
			cursor = (Cursor) {part->commit_lsn, part->part};
			if (part->last)
				whole = part->commit_lsn;
			txn_part_free(part);
		}
		assert_true(cursor.lsn == whole);
		assert_true(whole >= acknowledged);
		assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
		assert_true(found && loaded.received_lsn >= acknowledged + 8 && loaded.received_lsn <= whole + 8);
		/* An acknowledgement may have been lost; the last transaction was not. */
		checked = whole;
		OPS->close(f->store);
		f->store = NULL;
	}
	assert_ok(store_test_open(f, STORE_CREATE, &f->store, &f->err));
}

/* ---------------------------------------------------------------- threads */

typedef struct Worker
{
	Fixture    *f;
	int			number;
	Lsn			last;
	bool		ok;
	Error		err;
	bool	   *stop;
} Worker;

static void *
receive_many(void *arg)
{
	Worker	   *w = arg;
	Store	   *store = w->f->store;

	w->ok = true;
	for (Lsn lsn = 10; w->ok && lsn <= w->last; lsn += 10)
	{
		int			parts = lsn % 100 == 0 ? 3 : 1;

		for (int i = 0; w->ok && i < parts; i++)
		{
			TxnPart    *part = store_test_part(lsn, i, i == parts - 1, 300);

			w->ok = store->ops->append(store, TASK, part, &w->err);
			txn_part_free(part);
		}
		if (w->ok && lsn % 500 == 0)
			w->ok = store->ops->commit(store, lsn + 8, &w->err);
	}
	w->ok = w->ok && store->ops->commit(store, w->last + 8, &w->err);
	return NULL;
}

static void *
apply_many(void *arg)
{
	Worker	   *w = arg;
	Store	   *store = w->f->store;
	Cursor		cursor = CURSOR_START;
	Lsn			whole = LSN_NONE;

	w->ok = true;
	while (w->ok && whole < w->last)
	{
		TxnPart    *part;

		w->ok = store->ops->read(store, TASK, cursor.lsn, cursor.part, &part, &w->err);
		if (!w->ok)
			break;
		if (part == NULL)
		{
			sched_yield();
			continue;
		}
		w->ok = store_test_is_intact(part) && (part->part == 0 ? part->commit_lsn == whole + 10 :
											   part->commit_lsn == cursor.lsn && part->part == cursor.part + 1);
		cursor = (Cursor) {part->commit_lsn, part->part};
		if (part->last)
		{
			whole = part->commit_lsn;
			if (whole % 300 == 0)
				w->ok = w->ok && store->ops->save_applied(store, TASK, whole + 8, 1, &w->err) &&
					store->ops->remove_applied(store, TASK, whole + 8, 1, &w->err);
		}
		txn_part_free(part);
	}
	__atomic_store_n(w->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *
save_items(void *arg)
{
	Worker	   *w = arg;
	Store	   *store = w->f->store;
	CopyItem	item = {.schema = "s", .table = "t", .chunk_count = 100};

	w->ok = true;
	for (int i = 0; w->ok && i < 2000 && !__atomic_load_n(w->stop, __ATOMIC_ACQUIRE); i++)
	{
		TaskState	task_state = {.task = TASK, .phase = TASK_COPYING, .received_lsn = 1};
		StoreStats	stats;

		item.chunk = w->number;
		item.rows = i;
		item.phase = i % 2 ? COPY_RUNNING : COPY_DONE;
		w->ok = store->ops->save_item(store, TASK, &item, &w->err) && store->ops->stats(store, TASK, &stats, &w->err);
		if (w->ok && i % 10 == 0)
			w->ok = store->ops->save_task(store, &task_state, &w->err);
	}
	return NULL;
}

static void
threads_share_a_store(void **state)
{
	Fixture    *f = *state;
	Worker		workers[4];
	pthread_t	threads[4];
	static void *(*const functions[4]) (void *) = {receive_many, apply_many, save_items, save_items};
	bool		stop = false;
	TaskState	loaded;
	StoreStats	stats;
	bool		found;

	store_test_save_task(f, TASK);
	for (int i = 0; i < 4; i++)
	{
		static const Error no_error = ERROR_INIT;

		workers[i] = (Worker) {f, i, 60000, false, no_error, &stop};
		assert_int_equal(pthread_create(&threads[i], NULL, functions[i], &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++)
	{
		pthread_join(threads[i], NULL);
		if (!workers[i].ok)
			print_error("thread %d: %s\n", i, workers[i].err.message != NULL ? workers[i].err.message : "wrong part");
		error_clear(&workers[i].err);
	}
	for (int i = 0; i < 4; i++)
		assert_true(workers[i].ok);
	assert_ok(OPS->remove_applied(f->store, TASK, 60008, 1, &f->err));
	assert_ok(OPS->stats(f->store, TASK, &stats, &f->err));
	assert_true(stats.transaction_count == 0 && stats.change_count == 0 && stats.bytes == 0);
	assert_ok(OPS->load_task(f->store, TASK, f->arena, &loaded, &found, &f->err));
	assert_true(loaded.received_lsn == 60008);
}

/* ---------------------------------------------------------------- speed */

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Rates are told, not judged: machines differ. */
static void
many_small_transactions_pass(void **state)
{
	Fixture    *f = *state;
	const char *wanted = getenv("DBSYNC_TEST_ROWS");
	Lsn			count = wanted != NULL && atoi(wanted) > 0 ? (Lsn) atoi(wanted) : 50000;
	TxnPart    *part = store_test_part(1, 0, true, 200);
	Cursor		cursor = CURSOR_START;
	double		start = seconds();
	double		appended;
	double		read;

	store_test_save_task(f, TASK);
	for (Lsn lsn = 1; lsn <= count; lsn++)
	{
		part->commit_lsn = lsn;
		part->end_lsn = lsn + 1;
		if (!OPS->append(f->store, TASK, part, &f->err) || (lsn % 1000 == 0 && !OPS->commit(f->store, lsn + 1, &f->err)))
			assert_ok(false);
	}
	store_test_commit(f);
	txn_part_free(part);
	appended = seconds();
	for (Lsn lsn = 1; lsn <= count; lsn++)
	{
		if (!OPS->read(f->store, TASK, cursor.lsn, cursor.part, &part, &f->err))
			assert_ok(false);
		assert_non_null(part);
		assert_true(part->commit_lsn == lsn);
		cursor.lsn = lsn;
		cursor.part = 0;
		txn_part_free(part);
	}
	read = seconds();
	assert_ok(OPS->remove_applied(f->store, TASK, count + 1, 1, &f->err));
	print_message("%s: %.0f transactions/s appended, %.0f/s read, %.0f/s removed\n", f->store->description,
				  (double) count / (appended - start), (double) count / (read - appended), (double) count / (seconds() - read));
}

#define BOTH(function) \
	{"sqlite: " #function, function, store_test_set_up, store_test_tear_down, (void *) (intptr_t) KIND_SQLITE}, \
	{"pgsql: " #function, function, store_test_set_up, store_test_tear_down, (void *) (intptr_t) KIND_PG}

static const struct CMUnitTest all[] = {
	BOTH(a_task_is_saved_and_loaded),
	BOTH(positions_never_go_back),
	BOTH(tasks_are_listed_and_dropped_one_by_one),
	BOTH(copy_items_keep_their_order_and_values),
	BOTH(transactions_come_back_in_order_with_their_bytes),
	BOTH(an_empty_record_text_is_kept),
	BOTH(a_transaction_is_not_seen_before_its_last_part),
	BOTH(rollback_takes_back_what_was_not_committed),
	BOTH(more_than_memory_is_committed_whole),
	BOTH(what_comes_again_changes_nothing),
	BOTH(incomplete_transactions_are_dropped_or_replaced),
	BOTH(transactions_behind_a_position_are_removed),
	BOTH(applied_transactions_are_removed),
	BOTH(relations_live_as_long_as_their_segment),
	BOTH(huge_parts_are_kept_in_pieces),
	BOTH(a_batch_has_one_known_task),
	BOTH(a_task_is_locked_once),
	BOTH(a_store_can_be_looked_at_while_it_is_used),
	BOTH(nothing_acknowledged_is_lost_by_a_kill),
	BOTH(threads_share_a_store),
	BOTH(many_small_transactions_pass),
};

int
main(void)
{
	enum { ALL = sizeof(all) / sizeof(all[0]) };
	struct CMUnitTest tests[ALL];
	size_t		count = 0;
	bool		has_server = getenv("DBSYNC_TEST_PG") != NULL;

	if (!has_server)
		print_message("the PostgreSQL store is skipped: DBSYNC_TEST_PG is not set\n");
	for (size_t i = 0; i < ALL; i++)
	{
		if (has_server || all[i].initial_state == (void *) (intptr_t) KIND_SQLITE)
			tests[count++] = all[i];
	}
	if (getenv("DBSYNC_TEST_SEED") != NULL)
		srandom((unsigned) atoi(getenv("DBSYNC_TEST_SEED")));
	return _cmocka_run_group_tests("store", tests, count, NULL, NULL);
}
