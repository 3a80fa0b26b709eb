/*
 * test_status.c
 *		The shape of the status, and changes as SQL text; no server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "observe/change_sql.h"
#include "observe/status.h"

/* ---- status ---- */

static CopyItem
item(const char *table, int chunk, CopyPhase phase, int64_t rows, int64_t start_us, int64_t end_us)
{
	return (CopyItem) {.schema = "public", .table = table, .chunk = chunk, .chunk_count = 2, .phase = phase,
		.estimated_bytes = 100, .estimated_rows = 10, .rows = rows, .bytes = rows * 2, .start_us = start_us, .end_us = end_us};
}

static void
empty_status(TaskStatus *status)
{
	memset(status, 0, sizeof(*status));
	status->arena = arena_new(0);
	status->task = "t\"1";
	status->conflicts = status->lag_bytes = status->deferred = status->replay_count = STATUS_UNKNOWN;
	status->lag_seconds = STATUS_UNKNOWN;
	status->slot.lag_bytes = status->slot.retained_bytes = status->slot.safe_wal_size = STATUS_UNKNOWN;
}

static void
chunks_are_summed_by_table(void **state DBSYNC_UNUSED)
{
	TaskStatus	status;
	CopyItem	items[] = {
		item("big", 0, COPY_DONE, 5, 10, 20), item("small", 0, COPY_DONE, 3, 30, 40), item("big", 1, COPY_RUNNING, 0, 15, 0),
		item("other", 0, COPY_PENDING, 0, 0, 0),
	};

	empty_status(&status);
	status_sum_items(&status, items, 4);
	assert_int_equal(status.table_count, 3);
	assert_string_equal(status.tables[0].table, "big");
	assert_int_equal(status.tables[0].phase, COPY_RUNNING);
	assert_int_equal(status.tables[0].chunks, 2);
	assert_int_equal(status.tables[0].chunks_done, 1);
	assert_int_equal(status.tables[0].rows, 5);
	assert_int_equal(status.tables[0].start_us, 10);
	assert_int_equal(status.tables[0].end_us, 0);
	assert_int_equal(status.tables[0].estimated_bytes, 200);
	assert_int_equal(status.tables[1].phase, COPY_DONE);
	assert_int_equal(status.tables[1].end_us, 40);
	assert_int_equal(status.tables[2].phase, COPY_PENDING);

	items[2] = item("big", 1, COPY_DONE, 7, 15, 50);
	status_sum_items(&status, items, 4);
	assert_int_equal(status.tables[0].phase, COPY_DONE);
	assert_int_equal(status.tables[0].end_us, 50);
	assert_int_equal(status.tables[0].rows, 12);
	status_free(&status);
}

static json_t *
status_json(const TaskStatus *status)
{
	StrBuf		text = STRBUF_INIT;
	json_error_t error;
	json_t	   *root;

	status_write_json(&text, status);
	root = json_loads(strbuf_text(&text), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(root);
	strbuf_free(&text);
	return root;
}

static void
unknown_is_null(void **state DBSYNC_UNUSED)
{
	static const char *const keys[] = {
		"task", "store", "state", "running", "created", "copy_start", "copy_end", "start_lsn", "received_lsn", "applied_lsn",
		"applied_commit_time", "lag_bytes", "lag_seconds", "source", "slot", "target", "conflicts", "strict_replays", "post_data",
		"waiting", "copy", "tables",
	};
	TaskStatus	status;
	json_t	   *root;

	empty_status(&status);
	status.source.error = "down";
	root = status_json(&status);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_non_null(json_object_get(root, keys[i]));
	assert_int_equal(json_object_size(root), sizeof(keys) / sizeof(keys[0]));
	assert_string_equal(json_string_value(json_object_get(root, "task")), "t\"1");
	assert_string_equal(json_string_value(json_object_get(root, "state")), "none");
	assert_true(json_is_null(json_object_get(root, "lag_bytes")));
	assert_true(json_is_null(json_object_get(root, "slot")));
	assert_true(json_is_null(json_object_get(root, "conflicts")));
	assert_true(json_is_null(json_object_get(root, "strict_replays")));
	assert_true(json_is_null(json_object_get(root, "post_data")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "source"), "error")), "down");
	json_decref(root);
	status_free(&status);
}

static void
known_is_told(void **state DBSYNC_UNUSED)
{
	TaskStatus	status;
	CopyItem	items[] = {item("a", 0, COPY_DONE, 5, 10, 20), item("b", 0, COPY_PENDING, 0, 0, 0)};
	StrBuf		text = STRBUF_INIT;
	json_t	   *root;

	empty_status(&status);
	status.found = true;
	status.state.phase = TASK_STREAMING;
	status.source.connected = status.target.connected = true;
	status.running = status.slot.exists = status.slot.active = true;
	status.slot.active_pid = 42;
	status.applied_lsn = 0x100000001;
	status.lag_bytes = 1536;
	status.lag_seconds = 0.5;
	status.conflicts = 2;
	status.waiting.transaction_count = 3;
	status_sum_items(&status, items, 2);

	root = status_json(&status);
	assert_string_equal(json_string_value(json_object_get(root, "applied_lsn")), "1/1");
	assert_true(json_is_true(json_object_get(root, "running")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "slot"), "active_pid")), 42);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "waiting"), "transactions")), 3);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "copy"), "tables_done")), 1);
	assert_int_equal(json_array_size(json_object_get(root, "tables")), 2);
	json_decref(root);

	status_write_text(&text, &status);
	assert_non_null(strstr(strbuf_text(&text), "lag       1.5 kB, 0.5 s"));
	assert_non_null(strstr(strbuf_text(&text), "active, pid 42"));
	assert_non_null(strstr(strbuf_text(&text), "conflicts 2"));
	strbuf_free(&text);
	status_free(&status);
}

static void
replays_are_told_by_reason(void **state DBSYNC_UNUSED)
{
	TaskStatus	status;
	StatusReplay replays[] = {{"\"s\".\"t\": SQLSTATE 23505", 4, 1, 1000000}, {"22012", 1, 1, 2}};
	StrBuf		text = STRBUF_INIT;
	json_t	   *root;
	json_t	   *first;

	empty_status(&status);
	status.found = true;
	status.replay_count = 0;
	status_write_text(&text, &status);
	assert_non_null(strstr(strbuf_text(&text), "replays   none\n"));
	root = status_json(&status);
	assert_int_equal(json_array_size(json_object_get(root, "strict_replays")), 0);
	json_decref(root);

	status.replays = replays;
	status.replay_count = 2;
	root = status_json(&status);
	assert_int_equal(json_array_size(json_object_get(root, "strict_replays")), 2);
	first = json_array_get(json_object_get(root, "strict_replays"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "reason")), replays[0].reason);
	assert_int_equal(json_integer_value(json_object_get(first, "count")), 4);
	assert_string_equal(json_string_value(json_object_get(first, "last_at")), "1970-01-01 00:00:01.000000+00");
	json_decref(root);
	strbuf_reset(&text);
	status_write_text(&text, &status);
	assert_non_null(strstr(strbuf_text(&text), "replays   5 groups went change by change instead of by batch, the last one 1970-01-01 00:00:01"));
	assert_non_null(strstr(strbuf_text(&text), "\n  4        \"s\".\"t\": SQLSTATE 23505\n"));
	strbuf_free(&text);
	status_free(&status);
}

static void
what_is_left_to_build_is_told(void **state DBSYNC_UNUSED)
{
	enum { COUNT = 40 };
	TaskStatus	status;
	StatusPending pending[COUNT];
	StrBuf		text = STRBUF_INIT;
	json_t	   *root;
	json_t	   *post_data;

	empty_status(&status);
	for (int i = 0; i < COUNT; i++)
		pending[i] = (StatusPending) {.name = arena_printf(status.arena, "INDEX public i%d", i), .table = i == 0 ? NULL : "t"};
	status.deferred = 0;
	status_write_text(&text, &status);
	assert_null(strstr(strbuf_text(&text), "indexes"));

	status.deferred = COUNT + 2;
	status.pending = pending;
	status.pending_count = COUNT;
	root = status_json(&status);
	post_data = json_object_get(root, "post_data");
	assert_int_equal(json_integer_value(json_object_get(post_data, "statements")), COUNT + 2);
	post_data = json_object_get(post_data, "pending");
	assert_int_equal(json_array_size(post_data), COUNT);
	assert_true(json_is_null(json_object_get(json_array_get(post_data, 0), "table")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(post_data, 39), "name")), "INDEX public i39");
	json_decref(root);
	strbuf_reset(&text);
	status_write_text(&text, &status);
	assert_non_null(strstr(strbuf_text(&text), "indexes   2 of 42 indexes, constraints and triggers are made\n  pending  INDEX public i0\n"));
	assert_non_null(strstr(strbuf_text(&text), "INDEX public i29\n  and 10 more\n"));
	strbuf_free(&text);
	status_free(&status);
}

/* ---- SQL ---- */

static RelationColumn columns[] = {
	{"id", "int4", COLUMN_IDENTITY}, {"Note", "text", 0}, {"twice", "int4", COLUMN_GENERATED},
};
static int identity_columns[] = {0};
static Relation relation = {.number = 1, .schema = "public", .table = "t", .identity = 'd', .column_count = 3,
	.columns = columns, .identity_count = 1, .identity_columns = identity_columns};

#define TEXT(text) {(text), sizeof(text) - 1, VALUE_TEXT}
#define NOTHING(kind) {NULL, 0, (kind)}

static void
assert_sql(const Change *change, const char *target_schema, const char *expected)
{
	StrBuf		text = STRBUF_INIT;

	change_sql_write(&text, change, target_schema);
	assert_string_equal(strbuf_text(&text), expected);
	strbuf_free(&text);
}

static void
changes_as_sql(void **state DBSYNC_UNUSED)
{
	Value		new_values[] = {TEXT("1"), TEXT("it's"), NOTHING(VALUE_NULL)};
	Value		toast_values[] = {TEXT("2"), NOTHING(VALUE_UNCHANGED), NOTHING(VALUE_NULL)};
	Value		bytes_values[] = {TEXT("3"), {"\xff'", 2, VALUE_BYTES}, NOTHING(VALUE_NULL)};
	Value		old_values[] = {TEXT("1")};
	Value		null_old[] = {NOTHING(VALUE_NULL)};
	Change		change = {.kind = CHANGE_INSERT, .relation = &relation, .new_values = new_values};

	assert_sql(&change, NULL, "INSERT INTO \"public\".\"t\" (\"id\", \"Note\") VALUES ('1', 'it''s');\n");
	assert_sql(&change, "other", "INSERT INTO \"other\".\"t\" (\"id\", \"Note\") VALUES ('1', 'it''s');\n");
	change.new_values = bytes_values;
	assert_sql(&change, NULL, "INSERT INTO \"public\".\"t\" (\"id\", \"Note\") VALUES ('3', E'\\xFF\\x27');\n");

	change.kind = CHANGE_UPDATE;
	change.new_values = new_values;
	assert_sql(&change, NULL, "UPDATE \"public\".\"t\" SET \"id\" = '1', \"Note\" = 'it''s' WHERE \"id\" = '1';\n");
	change.new_values = toast_values;
	change.old_values = old_values;
	assert_sql(&change, NULL, "UPDATE \"public\".\"t\" SET \"id\" = '2' WHERE \"id\" = '1';\n");

	change.kind = CHANGE_DELETE;
	change.new_values = NULL;
	assert_sql(&change, NULL, "DELETE FROM \"public\".\"t\" WHERE \"id\" = '1';\n");
	change.old_values = null_old;
	assert_sql(&change, NULL, "DELETE FROM \"public\".\"t\" WHERE \"id\" IS NULL;\n");
	change.no_identity = true;
	change.old_values = NULL;
	assert_sql(&change, NULL, "-- delete of a row that cannot be named (no replica identity) in t\n");
}

static void
truncate_and_message_as_sql(void **state DBSYNC_UNUSED)
{
	Relation   *relations[] = {&relation, &relation};
	Change		change = {.kind = CHANGE_TRUNCATE, .relations = relations, .relation_count = 2,
		.truncate_flags = TRUNCATE_CASCADE | TRUNCATE_RESTART_IDENTITY};
	Change		message = {.kind = CHANGE_MESSAGE, .prefix = "a\nDROP TABLE t;", .content = "xyz", .content_length = 3};

	assert_sql(&change, NULL, "TRUNCATE \"public\".\"t\", \"public\".\"t\" RESTART IDENTITY CASCADE;\n");
	assert_sql(&message, NULL, "-- message of pg_logical_emit_message(), prefix a DROP TABLE t;, 3 bytes\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_summed_by_table),
		cmocka_unit_test(unknown_is_null),
		cmocka_unit_test(known_is_told),
		cmocka_unit_test(replays_are_told_by_reason),
		cmocka_unit_test(what_is_left_to_build_is_told),
		cmocka_unit_test(changes_as_sql),
		cmocka_unit_test(truncate_and_message_as_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
