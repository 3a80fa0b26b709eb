/*
 * test_record.c
 *		The record parser: every record of docs/record-format.md, every way to be wrong, and random damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "model/record.h"
#include "model/record_scan.h"

typedef struct Fixture
{
	RelationMap *map;
	Arena	   *arena;
	Error		err;
} Fixture;

#define TABLE_T "[\"R\",3,16385,\"public\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0]]]"
#define TABLE_FULL "[\"R\",4,16386,\"public\",\"log\",\"f\",[[\"a\",\"int4\",1],[\"b\",\"public.mood\",1]]]"
#define TABLE_NONE "[\"R\",5,16387,\"s\",\"n\",\"n\",[[\"a\",\"int4\",0]]]"

static Record
parse_ok(Fixture *fixture, const char *text)
{
	Record		record;

	if (!record_parse(text, strlen(text), fixture->map, fixture->arena, &record, &fixture->err))
		fail_msg("%s: %s", text, fixture->err.message);
	return record;
}

static void
parse_bad(Fixture *fixture, const char *text, const char *reason)
{
	Record		record;

	if (record_parse(text, strlen(text), fixture->map, fixture->arena, &record, &fixture->err))
		fail_msg("%s: taken", text);
	assert_int_equal(fixture->err.kind, ERROR_FAILED);
	if (strstr(fixture->err.message, reason) == NULL)
		fail_msg("%s: says \"%s\", not \"%s\"", text, fixture->err.message, reason);
	error_clear(&fixture->err);
}

static int
set_up(void **state)
{
	Fixture    *fixture = mem_zalloc(sizeof(Fixture));

	fixture->map = relation_map_new();
	fixture->arena = arena_new(0);
	parse_ok(fixture, TABLE_T);
	parse_ok(fixture, TABLE_FULL);
	parse_ok(fixture, TABLE_NONE);
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture    *fixture = *state;

	relation_map_free(fixture->map);
	arena_free(fixture->arena);
	error_clear(&fixture->err);
	free(fixture);
	return 0;
}

static void
hello_begin_and_commit_are_read(void **state)
{
	Fixture    *fixture = *state;
	Record		record = parse_ok(fixture, "[\"H\",1,150020,\"UTF8\",{\"plugin\":\"1.0.0\"},\"later\"]");

	assert_int_equal(record.kind, RECORD_HELLO);
	assert_int_equal(record.version, 1);
	assert_int_equal(record.server_version_num, 150020);
	assert_string_equal(record.encoding, "UTF8");

	record = parse_ok(fixture, "[\"B\",4294967295,\"0/1A2B3C8\",\"1970-01-01 00:00:01.5+00\"]");
	assert_int_equal(record.kind, RECORD_BEGIN);
	assert_int_equal(record.xid, 4294967295U);
	assert_int_equal(record.commit_lsn, 0x1A2B3C8);
	assert_int_equal(record.commit_time_us, 1500000);
	assert_null(record.origin_name);

	record = parse_ok(fixture, "[\"B\",7,\"FF/0\",\"1970-01-01 00:00:01+00\",\"node \\u00e9\",\"0/55\"]");
	assert_string_equal(record.origin_name, "node \xc3\xa9");
	assert_int_equal(record.origin_lsn, 0x55);

	record = parse_ok(fixture, "[\"C\",\"0/1A2B3C8\",\"0/1A2B400\",\"1970-01-01 00:00:01+00\",[1,2]]");
	assert_int_equal(record.kind, RECORD_COMMIT);
	assert_int_equal(record.end_lsn, 0x1A2B400);
}

static void
relations_are_kept_by_number(void **state)
{
	Fixture    *fixture = *state;
	Relation   *relation = relation_map_find(fixture->map, 3);
	Record		record;

	assert_non_null(relation);
	assert_int_equal(relation->column_count, 2);
	assert_int_equal(relation->identity_count, 1);
	assert_int_equal(relation->identity_columns[0], 0);
	assert_string_equal(relation->columns[1].name, "note");
	assert_int_equal(relation_map_find(fixture->map, 4)->identity_count, 2);
	assert_int_equal(relation_map_find(fixture->map, 5)->identity_count, 0);
	assert_null(relation_map_find(fixture->map, 6));

	/* the same again is the same relation, anything else under its number is an error */
	record = parse_ok(fixture, TABLE_T);
	assert_ptr_equal(record.relation, relation);
	parse_bad(fixture, "[\"R\",3,16385,\"public\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"varchar\",0]]]", "bound again");

	record = parse_ok(fixture, "[\"R\",9,1,\"p\",\"leaf\",\"i\",[[\"a\",\"int4\",3],[\"b\",\"int4\",0]],[\"p\",\"root\"],\"later\"]");
	assert_string_equal(record.relation->root_table, "root");
	assert_int_equal(record.relation->columns[0].flags, COLUMN_IDENTITY | COLUMN_GENERATED);

	record = parse_ok(fixture, "[\"R\",10,1,\"p\",\"empty\",\"n\",[]]");
	assert_int_equal(record.relation->column_count, 0);

	relation_map_clear(fixture->map, NULL);
	assert_null(relation_map_find(fixture->map, 3));
}

static void
changes_of_rows_are_read(void **state)
{
	Fixture    *fixture = *state;
	Record		record = parse_ok(fixture, "[\"I\",3,[\"1\",\"a\\u0001\\\"\\\\\\n\xf0\x9f\x98\x80\"]]");

	assert_int_equal(record.kind, RECORD_CHANGE);
	assert_int_equal(record.change.kind, CHANGE_INSERT);
	assert_ptr_equal(record.change.relation, relation_map_find(fixture->map, 3));
	assert_string_equal(record.change.new_values[1].data, "a\x01\"\\\n\xf0\x9f\x98\x80");
	assert_int_equal(record.change.new_values[1].length, 9);
	assert_null(record.change.old_values);

	record = parse_ok(fixture, "[\"U\",3,[\"1\",false]]");
	assert_int_equal(record.change.kind, CHANGE_UPDATE);
	assert_int_equal(record.change.new_values[1].kind, VALUE_UNCHANGED);
	assert_null(record.change.old_values);
	assert_false(record.change.no_identity);

	record = parse_ok(fixture, "[\"U\",3,[\"1\",null],[\"2\"],\"later\"]");
	assert_int_equal(record.change.new_values[1].kind, VALUE_NULL);
	assert_string_equal(record.change.old_values[0].data, "2");

	record = parse_ok(fixture, "[\"U\",5,[\"1\"],null]");
	assert_true(record.change.no_identity);

	record = parse_ok(fixture, "[\"D\",4,[\"1\",{\"hex\":\"ff0aFe\"}]]");
	assert_int_equal(record.change.kind, CHANGE_DELETE);
	assert_null(record.change.new_values);
	assert_int_equal(record.change.old_values[1].kind, VALUE_BYTES);
	assert_int_equal(record.change.old_values[1].length, 3);
	assert_memory_equal(record.change.old_values[1].data, "\xff\x0a\xfe", 4);

	record = parse_ok(fixture, "[\"D\",5,null]");
	assert_true(record.change.no_identity);
	record = parse_ok(fixture, "[\"I\",3,[\"\",\"\"]]");
	assert_int_equal(record.change.new_values[0].kind, VALUE_TEXT);
	assert_int_equal(record.change.new_values[0].length, 0);
}

static void
truncates_and_messages_are_read(void **state)
{
	Fixture    *fixture = *state;
	Record		record = parse_ok(fixture, "[\"T\",[3,4],\"cr\"]");

	assert_int_equal(record.change.kind, CHANGE_TRUNCATE);
	assert_int_equal(record.change.relation_count, 2);
	assert_int_equal(record.change.truncate_flags, TRUNCATE_CASCADE | TRUNCATE_RESTART_IDENTITY);

	record = parse_ok(fixture, "[\"M\",\"p\",\"text\",\"0/1\",true]");
	assert_string_equal(record.change.content, "text");
	assert_true(record.change.message_transactional);
	record = parse_ok(fixture, "[\"M\",\"p\",\"AAE=\",\"0/1\",false,\"base64\"]");
	assert_int_equal(record.change.content_length, 2);
	assert_memory_equal(record.change.content, "\0\1", 2);
	assert_false(record.change.message_transactional);
	record = parse_ok(fixture, "[\"M\",\"p\",\"\",\"0/1\",false,\"base64\"]");
	assert_int_equal(record.change.content_length, 0);
	record = parse_ok(fixture, "[\"M\",\"p\",\"/+8A\",\"0/1\",false,\"base64\"]");
	assert_memory_equal(record.change.content, "\xff\xef\0", 3);
}

static void
what_is_wrong_is_named(void **state)
{
	Fixture    *fixture = *state;
	static const char *const cases[][2] = {
		{"", "not a record"},
		{"[]", "not a record"},
		{"{\"I\":1}", "not a record"},
		{"[1,2,3]", "not a record"},
		{"[\"Z\",1]", "unknown record kind \"Z\""},
		{"[\"I\",3,[\"1\",\"x\"]", "insert record: not valid JSON"},
		{"[\"I\",3,[\"1\",\"x\"]] []", "something behind"},
		{"[\"I\",3,[\"1\",\"\\u0000\"]]", "zero character"},
		{"[\"I\",3,[\"1\",\"\xff\"]]", "not UTF-8"},
		{"[\"I\",3,[\"1\",\"\n\"]]", "not valid JSON"},
		{"[\"I\"]", "1 elements, needs 3"},
		{"[\"I\",7,[\"1\",\"x\"]]", "relation 7 was not announced"},
		{"[\"I\",-1,[\"1\",\"x\"]]", "number"},
		{"[\"I\",\"3\",[\"1\",\"x\"]]", "number"},
		{"[\"I\",99999999999999999999,[\"1\",\"x\"]]", "out of range"},
		{"[\"I\",3,[\"1\"]]", "new values are 1, relation 3 (public.t) needs 2"},
		{"[\"I\",3,[\"1\",\"x\",\"y\"]]", "needs 2"},
		{"[\"I\",3,null]", "not an array"},
		{"[\"I\",3,[\"1\",5]]", "a value is not"},
		{"[\"I\",3,[\"1\",true]]", "a value is not"},
		{"[\"I\",3,[\"1\",[]]]", "a value is not"},
		{"[\"I\",3,[\"1\",{}]]", "hex"},
		{"[\"I\",3,[\"1\",{\"hex\":\"f\"}]]", "hex"},
		{"[\"I\",3,[\"1\",{\"hex\":\"zz\"}]]", "hex"},
		{"[\"I\",3,[\"1\",{\"hex\":\"00\"}]]", "hex"},
		{"[\"U\",3,[\"1\",\"x\"],[]]", "old values are 0"},
		{"[\"U\",3,[\"1\",\"x\"],\"y\"]", "not an array"},
		{"[\"D\",3,false]", "not an array"},
		{"[\"T\",[3,8],\"\"]", "relation 8"},
		{"[\"T\",3,\"\"]", "not an array"},
		{"[\"T\",[3],\"x\"]", "flags"},
		{"[\"M\",\"p\",\"A\",\"0/1\",false,\"base64\"]", "base64"},
		{"[\"M\",\"p\",\"=AAA\",\"0/1\",false,\"base64\"]", "base64"},
		{"[\"M\",\"p\",\"AA=A\",\"0/1\",false,\"base64\"]", "base64"},
		{"[\"M\",\"p\",\"AA==AAAA\",\"0/1\",false,\"base64\"]", "base64"},
		{"[\"M\",\"p\",\"x\",\"0/1\",false,\"rot13\"]", "encoding"},
		{"[\"M\",\"p\",\"x\",\"0/1\",\"yes\"]", "true or false"},
		{"[\"B\",4294967296,\"0/1\",\"1970-01-01 00:00:00+00\"]", "xid"},
		{"[\"B\",1,\"nowhere\",\"1970-01-01 00:00:00+00\"]", "LSN"},
		{"[\"B\",1,\"0/1\",\"yesterday\"]", "time"},
		{"[\"C\",\"0/1\",\"0/2\"]", "3 elements, needs 4"},
		{"[\"H\",2,170000,\"UTF8\"]", "record version 2, this dbsync speaks version 1"},
		{"[\"R\",6,1,\"s\",\"t\",\"x\",[]]", "identity"},
		{"[\"R\",6,1,\"s\",\"t\",\"d\",[[\"a\",\"int4\",0]]]", "no column of it"},
		{"[\"R\",6,1,\"s\",\"t\",\"n\",[[\"a\",\"int4\"]]]", "a column is not"},
		{"[\"R\",6,1,\"s\",\"t\",\"n\",[[\"a\",5,0]]]", "type"},
		{"[\"R\",6,1,\"s\",\"t\",\"n\",[],[\"x\"]]", "root"},
		{"[\"R\",6,1,\"s\",\"t\",\"n\"]", "needs 7"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		parse_bad(fixture, cases[i][0], cases[i][1]);
}

static void
a_message_has_no_value_in_it(void **state)
{
	Fixture    *fixture = *state;
	static const char *const texts[] = {
		"[\"I\",3,[\"secret\",\"secret\"],secret]",
		"[\"I\",3,[\"secret\"]]",
		"[\"I\",3,[\"secret\",{\"hex\":\"secret\"}]]",
		"[\"I\",3,[\"1\",\"secret\\u0000\"]]",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Record		record;

		assert_false(record_parse(texts[i], strlen(texts[i]), fixture->map, fixture->arena, &record, &fixture->err));
		assert_null(strstr(fixture->err.message, "secret"));
		error_clear(&fixture->err);
	}
}

static void
peeks_agree_with_the_parser(void **state)
{
	Fixture    *fixture = *state;
	const char *begin = "[\"B\",741,\"1/2\",\"1970-01-01 00:00:01+00\"]";
	const char *commit = "[\"C\",\"1/2\",\"1/30\",\"1970-01-01 00:00:01+00\"]";
	uint32_t	xid;
	uint64_t	number;
	Lsn			commit_lsn;
	Lsn			end_lsn;
	int64_t		time_us;

	assert_int_equal(record_letter(begin, strlen(begin)), 'B');
	assert_int_equal(record_letter("[\"B", 3), 0);
	assert_int_equal(record_letter("", 0), 0);
	assert_true(record_scan_begin(begin, strlen(begin), &xid, &commit_lsn, &time_us));
	assert_true(record_scan_commit(commit, strlen(commit), &commit_lsn, &end_lsn));
	assert_true(record_peek_begin(begin, strlen(begin), &xid, &commit_lsn, &time_us, &fixture->err));
	assert_int_equal(xid, 741);
	assert_int_equal(commit_lsn, ((Lsn) 1 << 32) + 2);
	assert_int_equal(time_us, 1000000);
	assert_true(record_peek_commit(commit, strlen(commit), &commit_lsn, &end_lsn, &fixture->err));
	assert_int_equal(end_lsn, ((Lsn) 1 << 32) + 0x30);
	assert_true(record_peek_relation(TABLE_FULL, strlen(TABLE_FULL), &number, &fixture->err));
	assert_int_equal(number, 4);
	assert_false(record_peek_begin(commit, strlen(commit), &xid, &commit_lsn, &time_us, &fixture->err));
	error_clear(&fixture->err);
	assert_false(record_peek_relation("[\"R\",\"x\"]", 9, &number, &fixture->err));
}

static void
a_row_may_have_1600_columns_and_long_values(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		text = STRBUF_INIT;
	Record		record;

	strbuf_append(&text, "[\"R\",77,1,\"s\",\"wide\",\"d\",[");
	for (int i = 0; i < 1600; i++)
		strbuf_printf(&text, "%s[\"c%d\",\"text\",%d]", i > 0 ? "," : "", i, i == 1599);
	strbuf_append(&text, "]]");
	parse_ok(fixture, strbuf_text(&text));

	strbuf_reset(&text);
	strbuf_append(&text, "[\"I\",77,[\"");
	for (int i = 0; i < 10000000; i++)
		strbuf_append_char(&text, 'x');
	strbuf_append(&text, "\"");
	for (int i = 1; i < 1600; i++)
		strbuf_append(&text, ",null");
	strbuf_append(&text, "]]");
	record = parse_ok(fixture, strbuf_text(&text));
	assert_int_equal(record.change.new_values[0].length, 10000000);
	assert_int_equal(record.change.new_values[1599].kind, VALUE_NULL);
	strbuf_free(&text);
}

/*
 * Random damage
 */

static uint64_t random_state;

static uint32_t
random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t) (random_state >> 33) % limit;
}

static const char *const samples[] = {
	TABLE_T,
	TABLE_FULL,
	"[\"R\",12,1,\"p\",\"leaf\",\"i\",[[\"a\",\"int4\",3],[\"b\",\"int4\",0]],[\"p\",\"root\"]]",
	"[\"H\",1,150020,\"UTF8\",{\"plugin\":\"1.0.0\"}]",
	"[\"B\",741,\"0/1A2B3C8\",\"2026-11-24 03:39:23.123456+00\",\"origin\",\"0/55\"]",
	"[\"I\",3,[\"1\",\"caf\xc3\xa9 \\\"\\\\ \\u00e9\"]]",
	"[\"U\",3,[\"1\",false],[\"2\"]]",
	"[\"U\",4,[null,\"b\"],[\"2\",{\"hex\":\"ff01\"}]]",
	"[\"U\",5,[\"1\"],null]",
	"[\"D\",4,[\"1\",\"happy\"]]",
	"[\"T\",[3,4,5],\"cr\"]",
	"[\"M\",\"prefix\",\"AAE=\",\"0/1A2B3D0\",false,\"base64\"]",
	"[\"C\",\"0/1A2B3C8\",\"0/1A2B400\",\"2026-11-24 03:39:23.123456+00\"]",
};

static void
damage(StrBuf *text)
{
	static const char *const pieces[] = {"null", "false", "true", "[]", "{}", "\"\"", "0", "-1", "1e999", "\\u0000", "\\ud800", ",", "[", "]", "\"", "[[[[[["};
	uint32_t	kind = random_below(5);
	size_t		at = text->length == 0 ? 0 : random_below((uint32_t) text->length);
	size_t		count = random_below(8);

	if (text->length == 0)
		kind = 4;
	switch (kind)
	{
		case 0:					/* another byte */
			text->data[at] = (char) random_below(256);
			break;
		case 1:					/* cut off */
			text->length = at;
			break;
		case 2:					/* taken out */
			if (count > text->length - at)
				count = text->length - at;
			memmove(text->data + at, text->data + at + count, text->length - at - count);
			text->length -= count;
			break;
		default:				/* put in */
			{
				const char *piece = pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
				char	   *rest = mem_strndup(text->data != NULL ? text->data + at : "", text->length - at);
				size_t		rest_length = text->length - at;

				text->length = at;
				strbuf_append(text, piece);
				strbuf_append_bytes(text, rest, rest_length);
				free(rest);
			}
	}
}

static void
check_values(const Value *values, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (values[i].kind == VALUE_TEXT || values[i].kind == VALUE_BYTES)
			assert_int_equal(strlen(values[i].data), values[i].length);
		else
			assert_null(values[i].data);
	}
}

/* The scanners say what the parser says, or nothing. */
static void
check_peek(const char *text, size_t length, const Record *record)
{
	uint32_t	xid;
	Lsn			commit_lsn;
	Lsn			end_lsn;
	int64_t		time_us;

	if (record_scan_begin(text, length, &xid, &commit_lsn, &time_us))
	{
		assert_int_equal(record->kind, RECORD_BEGIN);
		assert_int_equal(xid, record->xid);
		assert_int_equal(commit_lsn, record->commit_lsn);
		assert_int_equal(time_us, record->commit_time_us);
	}
	if (record_scan_commit(text, length, &commit_lsn, &end_lsn))
	{
		assert_int_equal(record->kind, RECORD_COMMIT);
		assert_int_equal(commit_lsn, record->commit_lsn);
		assert_int_equal(end_lsn, record->end_lsn);
	}
}

/* Whatever is taken is whole. */
static void
check_record(const Record *record)
{
	const Change *change = &record->change;

	if (record->kind == RECORD_RELATION)
		assert_non_null(record->relation->schema);
	if (record->kind != RECORD_CHANGE || change->kind > CHANGE_DELETE)
		return;
	if (change->new_values != NULL)
		check_values(change->new_values, change->relation->column_count);
	if (change->old_values != NULL)
		check_values(change->old_values, change->relation->identity_count);
	assert_true(change->kind != CHANGE_DELETE || change->no_identity || change->old_values != NULL);
	assert_true(change->kind == CHANGE_DELETE || change->new_values != NULL);
}

static void
random_damage_gives_an_error_or_a_whole_record(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		text = STRBUF_INIT;
	const char *seed = getenv("DBSYNC_TEST_SEED");
	int			taken = 0;

	random_state = seed != NULL ? strtoull(seed, NULL, 10) : 20261124;
	for (int round = 0; round < 200000; round++)
	{
		Record		record;
		uint32_t	damages = 1 + random_below(3);
		uint32_t	xid;
		uint64_t	number;
		Lsn			lsn;
		int64_t		time_us;
		char	   *exact;

		strbuf_reset(&text);
		strbuf_append(&text, samples[random_below(sizeof(samples) / sizeof(samples[0]))]);
		for (uint32_t i = 0; i < damages; i++)
			damage(&text);

		/* without a byte behind it, so that a checker of memory sees every step too far */
		exact = mem_alloc(text.length > 0 ? text.length : 1);
		memcpy(exact, text.data, text.length);
		if (record_parse(exact, text.length, fixture->map, fixture->arena, &record, &fixture->err))
		{
			check_record(&record);
			check_peek(exact, text.length, &record);
			assert_int_equal(fixture->err.kind, ERROR_NONE);
			taken++;
		}
		else
		{
			assert_non_null(fixture->err.message);
			assert_false(record_scan_begin(exact, text.length, &xid, &lsn, &time_us));
		}
		error_clear(&fixture->err);
		if (!record_peek_begin(exact, text.length, &xid, &lsn, &time_us, &fixture->err))
			error_clear(&fixture->err);
		if (!record_peek_commit(exact, text.length, &lsn, &lsn, &fixture->err))
			error_clear(&fixture->err);
		if (!record_peek_relation(exact, text.length, &number, &fixture->err))
			error_clear(&fixture->err);
		free(exact);
		arena_reset(fixture->arena);
	}
	/* the damage is such that some records survive it, and most do not */
	assert_in_range(taken, 1000, 150000);
	strbuf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hello_begin_and_commit_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(relations_are_kept_by_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_of_rows_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(truncates_and_messages_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_has_no_value_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peeks_agree_with_the_parser, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_row_may_have_1600_columns_and_long_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_damage_gives_an_error_or_a_whole_record, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
