/* Events of the binary log as two servers wrote them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/strbuf.h"
#include "my_events.h"
#include "mysql/my_statement.h"
#include "mysql/my_table_map.h"

static unsigned char *kept[64];
static int	kept_count;

/* The event; its bytes live until the test ends. */
static MyEvent
open_event(const char *digits)
{
	Error		err = ERROR_INIT;
	MyEvent		event;
	size_t		length;
	unsigned char *bytes = event_bytes(digits, &length);

	if (!my_event_open(bytes, length, true, &event, &err))
		fail_msg("%s", err.message);
	kept[kept_count++] = bytes;
	return event;
}

static int
forget_events(void **state)
{
	(void) state;
	while (kept_count > 0)
		free(kept[--kept_count]);
	return 0;
}

static void
the_format_says_server_and_checksum(void **state)
{
	Error		err = ERROR_INIT;
	MyFormat	format;
	MyEvent		event;
	size_t		length;
	unsigned char *bytes = event_bytes(MARIADB_FORMAT, &length);

	(void) state;
	if (!my_event_format(bytes, length, &event, &format, &err))
		fail_msg("%s", err.message);
	assert_string_equal(format.server_version, "10.11.19-MariaDB-0+deb12u1-log");
	assert_true(format.is_mariadb);
	assert_true(format.has_checksum);
	bytes[60] ^= 1;
	assert_false(my_event_format(bytes, length, &event, &format, &err));
	assert_non_null(strstr(err.message, "checksum"));
	free(bytes);

	bytes = event_bytes(MYSQL_FORMAT, &length);
	assert_true(my_event_format(bytes, length, &event, &format, &err));
	assert_string_equal(format.server_version, "9.7.4-2");
	assert_false(format.is_mariadb);
	assert_true(format.has_checksum);
	free(bytes);
	error_clear(&err);
}

static void
a_wrong_checksum_is_noticed(void **state)
{
	Error		err = ERROR_INIT;
	MyEvent		event;
	size_t		length;
	unsigned char *bytes = event_bytes(MARIADB_XID, &length);

	(void) state;
	assert_true(my_event_open(bytes, length, true, &event, &err));
	assert_int_equal(event.length, 8);
	bytes[20] ^= 1;
	assert_false(my_event_open(bytes, length, true, &event, &err));
	assert_true(my_event_open(bytes, length, false, &event, &err));
	assert_int_equal(event.length, 12);
	assert_false(my_event_open(bytes, length - 1, false, &event, &err));
	free(bytes);
	error_clear(&err);
}

static void
gtids_of_both_families_begin_a_transaction(void **state)
{
	Error		err = ERROR_INIT;
	MyEvent		event = open_event(MARIADB_GTID);
	MyGtid		gtid;

	(void) state;
	assert_true(my_event_gtid(&event, &gtid, &err));
	assert_int_equal(gtid.sequence, 0xbe8);
	assert_false(gtid.is_standalone || gtid.is_prepared_xa || gtid.is_completed_xa);
	event = open_event(MARIADB_XA_GTID);
	assert_true(my_event_gtid(&event, &gtid, &err));
	assert_true(gtid.is_prepared_xa);
	event = open_event(MARIADB_DDL_GTID);
	assert_true(my_event_gtid(&event, &gtid, &err));
	assert_true(gtid.is_standalone);
	event = open_event(MYSQL_GTID);
	assert_true(my_event_gtid(&event, &gtid, &err));
	assert_int_equal(gtid.sequence, 0x47c);
	/* to the second that the header says */
	assert_int_equal(gtid.commit_us / 1000000, event.timestamp);
}

static void
statements_and_xa_names_are_read(void **state)
{
	Error		err = ERROR_INIT;
	Arena	   *arena = arena_new(0);
	void	   *buffer = NULL;
	size_t		buffer_size = 0;
	char		text[MY_XID_TEXT_SIZE];
	MyEvent		event = open_event(MARIADB_XA_PREPARE);
	MyStatement statement;
	MyQuery		query;
	MyXid		xid;
	bool		one_phase;

	(void) state;
	assert_true(my_event_xa_prepare(&event, &xid, &one_phase, &err));
	assert_false(one_phase);
	assert_string_equal(my_xid_text(&xid, text), "X'6774',X'6271',3");

	event = open_event(MARIADB_XA_COMMIT);
	assert_true(my_event_query(&event, &buffer, &buffer_size, &query, &err));
	assert_string_equal(query.database, "cap");
	my_statement_parse(&query, arena, &statement);
	assert_int_equal(statement.kind, MY_STATEMENT_XA_COMMIT);
	assert_string_equal(statement.label, text);

	event = open_event(MYSQL_XA_START);
	assert_true(my_event_query(&event, &buffer, &buffer_size, &query, &err));
	my_statement_parse(&query, arena, &statement);
	assert_int_equal(statement.kind, MY_STATEMENT_XA_START);
	assert_string_equal(statement.label, text);

	event = open_event(MARIADB_QUERY);
	assert_true(my_event_query(&event, &buffer, &buffer_size, &query, &err));
	assert_string_equal(my_statement_text(&query, arena), "alter table a add z int");
	arena_free(arena);
}

static void
a_rotation_names_the_next_file(void **state)
{
	Error		err = ERROR_INIT;
	MyEvent		event = open_event(MARIADB_ROTATE);
	MyRotate	rotate;

	(void) state;
	assert_true(my_event_rotate(&event, &rotate, &err));
	assert_int_equal(rotate.offset, 4);
	assert_int_equal(rotate.file_length, 16);
	assert_memory_equal(rotate.file, "mysql-bin.000033", 16);
}

static void
table_maps_say_how_columns_are_stored(void **state)
{
	static const char *const maps[] = {MARIADB_TABLE_MAP, MYSQL_TABLE_MAP};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		Error		err = ERROR_INIT;
		Arena	   *arena = arena_new(0);
		MyEvent		event = open_event(maps[i]);
		MyTableMap	map;

		assert_true(my_event_table_map(&event, arena, &map, &err));
		assert_string_equal(map.schema, "cap");
		assert_string_equal(map.table, "a");
		assert_int_equal(map.column_count, 17);
		assert_int_equal(map.columns[2].type, MY_STORED_DECIMAL);
		assert_int_equal(map.columns[2].precision, 10);
		assert_int_equal(map.columns[2].scale, 2);
		assert_int_equal(map.columns[4].scale, 2);
		assert_int_equal(map.columns[7].length, 13);
		assert_int_equal(map.columns[8].type, MY_STORED_STRING);
		assert_int_equal(map.columns[8].length, 5);
		assert_int_equal(map.columns[9].length, i == 0 ? 300 : 1200);
		assert_int_equal(map.columns[11].type, MY_STORED_ENUM);
		assert_int_equal(map.columns[12].type, MY_STORED_SET);
		assert_false(map.has_names);
		assert_true(map.has_signs == (i == 1));
		if (i == 1)
		{
			assert_true(map.columns[0].is_unsigned);
			assert_false(map.columns[1].is_unsigned);
			/* a year takes a bit as well */
			assert_int_equal(map.columns[13].type, MY_STORED_YEAR);
			assert_true(map.columns[13].is_unsigned);
			assert_true(map.columns[15].is_unsigned);
		}
		arena_free(arena);
	}
}

static void
row_events_of_both_versions_have_their_images(void **state)
{
	static const char *const events[] = {MARIADB_WRITE, MARIADB_UPDATE, MARIADB_DELETE, MYSQL_WRITE, MYSQL_UPDATE, MYSQL_DELETE};

	(void) state;
	for (int i = 0; i < 6; i++)
	{
		Error		err = ERROR_INIT;
		MyEvent		event = open_event(events[i]);
		void	   *buffer = NULL;
		size_t		buffer_size = 0;
		MyRows		rows;

		assert_true(my_event_is_rows(event.type));
		assert_true(my_event_rows(&event, &buffer, &buffer_size, &rows, &err));
		assert_int_equal(rows.kind, i % 3);
		assert_int_equal(rows.column_count, 17);
		assert_true(rows.ends_statement);
		assert_true((rows.before != NULL) == (rows.kind != MY_ROWS_INSERT));
		assert_true((rows.after != NULL) == (rows.kind != MY_ROWS_DELETE));
		assert_false(rows.ignores_keys);
		((uint8_t *) event.body)[6] |= 2;
		assert_true(my_event_rows(&event, &buffer, &buffer_size, &rows, &err));
		assert_true(rows.ignores_keys && rows.ends_statement);
		/* MySQL 9.6: what a key did, maybe, and what was done without keys */
		((uint8_t *) event.body)[6] = 2 | 16;
		assert_true(my_event_rows(&event, &buffer, &buffer_size, &rows, &err));
		assert_true(rows.ignores_keys && rows.may_be_cascade);
		((uint8_t *) event.body)[6] = 1 | 2 | 16;
		assert_true(my_event_rows(&event, &buffer, &buffer_size, &rows, &err));
		assert_true(rows.ignores_keys && !rows.may_be_cascade);
	}
}

static void
compressed_blocks_are_checked(void **state)
{
	Error		err = ERROR_INIT;
	unsigned char block[200];
	uLongf		length = sizeof(block) - 2;
	void	   *buffer = NULL;
	size_t		buffer_size = 0;
	size_t		content;

	(void) state;
	assert_int_equal(compress(block + 2, &length, (const Bytef *) "some text some text", 19), Z_OK);
	block[0] = 0x81;
	block[1] = 19;
	assert_true(my_event_uncompress(block, length + 2, 1000, &buffer, &buffer_size, &content, &err));
	assert_int_equal(content, 19);
	assert_memory_equal(buffer, "some text some text", 19);
	assert_false(my_event_uncompress(block, length + 2, 18, &buffer, &buffer_size, &content, &err));
	assert_false(my_event_uncompress(block, length, 1000, &buffer, &buffer_size, &content, &err));
	block[1] = 20;
	assert_false(my_event_uncompress(block, length + 2, 1000, &buffer, &buffer_size, &content, &err));
	block[0] = 0x91;
	assert_false(my_event_uncompress(block, length + 2, 1000, &buffer, &buffer_size, &content, &err));
	assert_false(my_event_uncompress(block, 0, 1000, &buffer, &buffer_size, &content, &err));
	free(buffer);
	error_clear(&err);
}

/* ---------------------------------------------------------------- statements */

typedef struct StatementCase
{
	const char *text;
	MyStatementKind kind;
	const char *names;			/* "db.table db.table" */
} StatementCase;

static const StatementCase statement_cases[] = {
	{"BEGIN", MY_STATEMENT_BEGIN, ""},
	{"COMMIT", MY_STATEMENT_COMMIT, ""},
	{" /* x */ rollback", MY_STATEMENT_ROLLBACK, ""},
	{"ROLLBACK TO `a``b`", MY_STATEMENT_ROLLBACK_TO, ""},
	{"SAVEPOINT sp", MY_STATEMENT_SAVEPOINT, ""},
	{"TRUNCATE TABLE t", MY_STATEMENT_TRUNCATE, "d.t"},
	{"truncate `o`.`t 1`", MY_STATEMENT_TRUNCATE, "o.t 1"},
	{"# comment\nALTER TABLE t ADD c INT", MY_STATEMENT_DDL, "d.t"},
	{"-- comment\nALTER ONLINE IGNORE TABLE o.t RENAME TO u", MY_STATEMENT_DDL, "o.t d.u"},
	{"ALTER TABLE t RENAME COLUMN a TO b", MY_STATEMENT_DDL, "d.t"},
	{"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE o.x", MY_STATEMENT_DDL, "d.t o.x"},
	{"ALTER DATABASE d CHARACTER SET utf8mb4", MY_STATEMENT_OTHER, ""},
	{"DROP TABLE IF EXISTS a, `b`, o.c /* generated by server */", MY_STATEMENT_DDL, "d.a d.b o.c"},
	{"DROP TABLES a", MY_STATEMENT_DDL, "d.a"},
	{"RENAME TABLE a TO b, o.c WAIT 5 TO `o`.d", MY_STATEMENT_DDL, "d.a d.b o.c o.d"},
	{"CREATE TABLE IF NOT EXISTS t (a INT)", MY_STATEMENT_CREATE_TABLE, "d.t"},
	{"CREATE /*!32302 TEMPORARY */ TABLE t (a INT)", MY_STATEMENT_CREATE_TABLE, "d.t"},
	{"CREATE OR REPLACE TABLE `t` AS SELECT 1", MY_STATEMENT_CREATE_TABLE, "d.t"},
	{"CREATE UNIQUE INDEX `on` USING BTREE ON t (a)", MY_STATEMENT_DDL, "d.t"},
	{"DROP INDEX i ON o.t", MY_STATEMENT_DDL, "o.t"},
	{"DROP DATABASE IF EXISTS d", MY_STATEMENT_DROP_DATABASE, "d."},
	{"CREATE VIEW v AS SELECT 1", MY_STATEMENT_OTHER, ""},
	{"CREATE DEFINER=`r`@`%` TRIGGER t BEFORE INSERT ON t FOR EACH ROW SET @a = 1", MY_STATEMENT_OTHER, ""},
	{"GRANT SELECT ON t TO u", MY_STATEMENT_OTHER, ""},
	{"INSERT INTO t VALUES (1)", MY_STATEMENT_CHANGE, ""},
	{"UPDATE t SET a = 1", MY_STATEMENT_CHANGE, ""},
	{"REPLACE t VALUES (1)", MY_STATEMENT_CHANGE, ""},
	/* what stands in front of a statement */
	{"SET STATEMENT lock_wait_timeout=3 FOR TRUNCATE TABLE t", MY_STATEMENT_TRUNCATE, "d.t"},
	{"set statement a = 1, b=(select ')' from (select 'for') for_ /* for */ where (1)), c='for' -- for\n for alter table `t` add x int", MY_STATEMENT_DDL, "d.t"},
	{"SET STATEMENT a=@for FOR SET STATEMENT b=2 FOR UPDATE t SET a = 1", MY_STATEMENT_CHANGE, ""},
	{"SET STATEMENT a=1 FOR ANALYZE UPDATE t SET a = 1", MY_STATEMENT_CHANGE, ""},
	{"SET STATEMENT a=1 FOR DROP DATABASE d", MY_STATEMENT_DROP_DATABASE, "d."},
	{"/*M!100100 SET STATEMENT a=1 FOR */ CREATE TABLE t (a INT)", MY_STATEMENT_CREATE_TABLE, "d.t"},
	{"/*!50000 TRUNCATE t */", MY_STATEMENT_TRUNCATE, "d.t"},
	{"SET STATEMENT a=1", MY_STATEMENT_OTHER, ""},
	{"SET STATEMENT a=(1 FOR TRUNCATE t", MY_STATEMENT_OTHER, ""},
	{"SET PASSWORD FOR truncate = 'x'", MY_STATEMENT_OTHER, ""},
	{"ANALYZE UPDATE t SET a = 1", MY_STATEMENT_CHANGE, ""},
	{"ANALYZE FORMAT=JSON DELETE FROM t", MY_STATEMENT_CHANGE, ""},
	{"ANALYZE NO_WRITE_TO_BINLOG TABLE t", MY_STATEMENT_OTHER, ""},
	{"ANALYZE TABLE t", MY_STATEMENT_OTHER, ""},
	{"WITH x AS (SELECT 1) DELETE FROM t", MY_STATEMENT_CHANGE, ""},
	{"SELECT `d`.`f`()", MY_STATEMENT_CHANGE, ""},
	/* what replaces a table */
	{"CREATE OR REPLACE DATABASE d CHARACTER SET utf8mb4", MY_STATEMENT_DROP_DATABASE, "d."},
	{"CREATE DATABASE d", MY_STATEMENT_OTHER, ""},
	{"CREATE OR REPLACE SEQUENCE t", MY_STATEMENT_DDL, "d.t"},
	{"CREATE SEQUENCE t", MY_STATEMENT_OTHER, ""},
	{"CREATE OR REPLACE VIEW v AS SELECT 1", MY_STATEMENT_OTHER, ""},
	{"", MY_STATEMENT_OTHER, ""},
	{"TRUNCATE", MY_STATEMENT_OTHER, ""},
	{"DROP TABLE `unclosed", MY_STATEMENT_DDL, "d.unclose"},
};

static void
statements_are_told_apart(void **state)
{
	Arena	   *arena = arena_new(0);

	(void) state;
	for (size_t i = 0; i < sizeof(statement_cases) / sizeof(statement_cases[0]); i++)
	{
		const StatementCase *wanted = &statement_cases[i];
		MyQuery		query = {.database = "d", .text = wanted->text, .length = strlen(wanted->text)};
		StrBuf		names = STRBUF_INIT;
		MyStatement statement;

		my_statement_parse(&query, arena, &statement);
		if (statement.kind != wanted->kind)
			fail_msg("%s: kind %d, not %d", wanted->text, statement.kind, wanted->kind);
		for (int n = 0; n < statement.name_count; n++)
			strbuf_printf(&names, "%s%s.%s", n > 0 ? " " : "", statement.names[n].database,
						  statement.names[n].table != NULL ? statement.names[n].table : "");
		assert_string_equal(strbuf_text(&names), wanted->names);
		strbuf_free(&names);
	}
	arena_free(arena);
}

static bool
is_d_t(void *arg, const char *database, const char *table)
{
	(void) arg;
	return strcmp(database, "d") == 0 && strcmp(table, "t") == 0;
}

static void
mentioned_tables_are_found(void **state)
{
	static const char *const mentioning[] = {"INSERT INTO t VALUES (1)", "update o.x, `t` set a = 1", "DELETE FROM d.t", "REPLACE/**/INTO/**/`d`.`t` SELECT 1",
		"LOAD DATA INFILE 'x' INTO TABLE t", "INSERT INTO x VALUES ('it''s \\' ' ) , (1); DELETE FROM t",
		"SET STATEMENT a=(SELECT 'for') FOR UPDATE t SET a = 1"};
	static const char *const others[] = {"INSERT INTO o.t VALUES (1)", "INSERT INTO x VALUES ('t', \"t\")", "UPDATE x SET a = 'd.t' /* t */", "DELETE FROM tt",
		"SET STATEMENT t=1 FOR DELETE FROM tt"};
	Arena	   *arena = arena_new(0);

	(void) state;
	for (size_t i = 0; i < sizeof(mentioning) / sizeof(mentioning[0]); i++)
	{
		MyQuery		query = {.database = "d", .text = mentioning[i], .length = strlen(mentioning[i])};

		if (!my_statement_mentions(&query, arena, is_d_t, NULL))
			fail_msg("not found in: %s", mentioning[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		MyQuery		query = {.database = "d", .text = others[i], .length = strlen(others[i])};

		if (my_statement_mentions(&query, arena, is_d_t, NULL))
			fail_msg("found in: %s", others[i]);
	}
	arena_free(arena);
}

/* ---------------------------------------------------------------- what nobody should write */

/* Everything that can be asked of an event. */
static void
read_all(const unsigned char *bytes, size_t length, Arena *arena, void **buffer, size_t *buffer_size)
{
	Error		err = ERROR_INIT;
	MyFormat	format;
	MyEvent		event;
	MyRotate	rotate;
	MyGtid		gtid;
	MyQuery		query;
	MyXid		xid;
	MyTableMap	map;
	MyRows		rows;
	bool		one_phase;

	(void) !my_event_format(bytes, length, &event, &format, &err);
	if (my_event_open(bytes, length, false, &event, &err))
	{
		(void) !my_event_rotate(&event, &rotate, &err);
		(void) !my_event_heartbeat(&event, &rotate, &err);
		(void) !my_event_gtid(&event, &gtid, &err);
		if (my_event_query(&event, buffer, buffer_size, &query, &err))
		{
			MyStatement statement;

			my_statement_parse(&query, arena, &statement);
			(void) my_statement_mentions(&query, arena, is_d_t, NULL);
			(void) my_statement_text(&query, arena);
		}
		(void) !my_event_xa_prepare(&event, &xid, &one_phase, &err);
		(void) !my_event_table_map(&event, arena, &map, &err);
		(void) !my_event_rows(&event, buffer, buffer_size, &rows, &err);
	}
	error_clear(&err);
	arena_reset(arena);
}

static void
put_size(unsigned char *bytes, size_t length)
{
	for (int i = 0; i < 4 && length >= 13; i++)
		bytes[9 + i] = (unsigned char) (length >> 8 * i);
}

static void
malformed_events_are_errors_and_no_more(void **state)
{
	Arena	   *arena = arena_new(0);
	void	   *buffer = NULL;
	size_t		buffer_size = 0;

	(void) state;
	srandom(20260101);
	for (size_t e = 0; e < sizeof(all_my_events) / sizeof(all_my_events[0]); e++)
	{
		size_t		length;
		unsigned char *bytes = event_bytes(all_my_events[e], &length);

		for (size_t cut = 0; cut <= length; cut++)
		{
			/* of its own, so that a checker of memory sees its end */
			unsigned char *copy = malloc(cut > 0 ? cut : 1);

			memcpy(copy, bytes, cut);
			put_size(copy, cut);
			read_all(copy, cut, arena, &buffer, &buffer_size);
			free(copy);
		}
		for (int round = 0; round < 2000; round++)
		{
			unsigned char *copy = malloc(length);

			memcpy(copy, bytes, length);
			for (int i = 0; i <= round % 4; i++)
				copy[(size_t) random() % length] = (unsigned char) random();
			put_size(copy, length);
			read_all(copy, length, arena, &buffer, &buffer_size);
			free(copy);
		}
		free(bytes);
	}
	free(buffer);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_format_says_server_and_checksum),
		cmocka_unit_test(a_wrong_checksum_is_noticed),
		cmocka_unit_test_teardown(gtids_of_both_families_begin_a_transaction, forget_events),
		cmocka_unit_test_teardown(statements_and_xa_names_are_read, forget_events),
		cmocka_unit_test_teardown(a_rotation_names_the_next_file, forget_events),
		cmocka_unit_test_teardown(table_maps_say_how_columns_are_stored, forget_events),
		cmocka_unit_test_teardown(row_events_of_both_versions_have_their_images, forget_events),
		cmocka_unit_test(compressed_blocks_are_checked),
		cmocka_unit_test(statements_are_told_apart),
		cmocka_unit_test(mentioned_tables_are_found),
		cmocka_unit_test(malformed_events_are_errors_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
