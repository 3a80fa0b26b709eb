/*
 * test_record_scan.c
 *		The fast scanner against the reference parser: whatever the scanner takes, the parser takes too and says the same.
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
#include "model/record_scan.h"

typedef struct Fixture
{
	RelationMap *map;
	Arena	   *arena;
	unsigned	seed;
	long		taken;
	long		left;
} Fixture;

static const char *const relations[] = {
	"[\"R\",1,10,\"public\",\"t\",\"d\",[[\"id\",\"int4\",1],[\"note\",\"text\",0]]]",
	"[\"R\",20,11,\"public\",\"f\",\"f\",[[\"a\",\"int4\",1],[\"b\",\"text\",1],[\"c\",\"text\",1]]]",
	"[\"R\",300,12,\"public\",\"n\",\"n\",[[\"a\",\"int4\",0]]]",
	"[\"R\",4,13,\"public\",\"two\",\"i\",[[\"x\",\"text\",1],[\"v\",\"text\",0],[\"y\",\"text\",1]]]",
};

static int
set_up(void **state)
{
	Fixture    *fixture = mem_zalloc(sizeof(Fixture));
	Error		err = ERROR_INIT;
	Record		record;

	fixture->map = relation_map_new();
	fixture->arena = arena_new(0);
	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++)
		assert_true(record_parse(relations[i], strlen(relations[i]), fixture->map, fixture->arena, &record, &err));
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture    *fixture = *state;

	relation_map_free(fixture->map);
	arena_free(fixture->arena);
	free(fixture);
	return 0;
}

static void
assert_same_values(const Value *a, const Value *b, int count, const char *text)
{
	if ((a == NULL) != (b == NULL))
		fail_msg("%s: one has values, the other has not", text);
	for (int i = 0; a != NULL && i < count; i++)
	{
		if (a[i].kind != b[i].kind || a[i].length != b[i].length ||
			(a[i].length > 0 && memcmp(a[i].data, b[i].data, a[i].length) != 0))
			fail_msg("%s: value %d differs", text, i);
		if (a[i].data != NULL)
			assert_int_equal(a[i].data[a[i].length], '\0');
	}
}

/* Is the scanner's word, where it gives one, that of the reference? */
static void
compare(Fixture *fixture, const char *text, size_t length)
{
	Error		err = ERROR_INIT;
	Change		change;
	Record		record;

	if (!record_scan(text, length, fixture->map, fixture->arena, &change))
	{
		fixture->left++;
		return;
	}
	fixture->taken++;
	if (!record_parse(text, length, fixture->map, fixture->arena, &record, &err))
		fail_msg("taken by the scanner alone: %s (%s)", text, err.message);
	assert_int_equal(record.kind, RECORD_CHANGE);
	assert_int_equal(record.change.kind, change.kind);
	assert_ptr_equal(record.change.relation, change.relation);
	assert_int_equal(record.change.no_identity, change.no_identity);
	assert_same_values(change.new_values, record.change.new_values, change.relation->column_count, text);
	assert_same_values(change.old_values, record.change.old_values, change.relation->identity_count, text);
}

static void
append_string(Fixture *fixture, StrBuf *text)
{
	static const char *const pieces[] = {
		"a", "0", "12345678", "\\\"", "\\\\", "\\n", "\\u0001", "\\u001f", "\\t", "é", "😀", "long enough to need several words", "/", "\\/",
		"\\u00e9", "{", "]", ",", "null", "'", "\x7f",
	};
	int			count = rand_r(&fixture->seed) % 6;

	strbuf_append_char(text, '"');
	for (int i = 0; i < count; i++)
		strbuf_append(text, pieces[(size_t) rand_r(&fixture->seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
	strbuf_append_char(text, '"');
}

static void
append_values(Fixture *fixture, StrBuf *text, int count)
{
	if (rand_r(&fixture->seed) % 40 == 0)
		count += rand_r(&fixture->seed) % 3 - 1;
	strbuf_append_char(text, '[');
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			strbuf_append_char(text, ',');
		switch (rand_r(&fixture->seed) % 12)
		{
			case 0:
				strbuf_append(text, "null");
				break;
			case 1:
				strbuf_append(text, "false");
				break;
			case 2:
				strbuf_append(text, "{\"hex\":\"ff01\"}");
				break;
			default:
				append_string(fixture, text);
		}
	}
	strbuf_append_char(text, ']');
}

static void
make_record(Fixture *fixture, StrBuf *text)
{
	static const struct
	{
		int			number;
		int			columns;
		int			identity;
	} shapes[] = {{1, 2, 1}, {20, 3, 3}, {300, 1, 0}, {4, 3, 2}, {5, 1, 1}};
	int			shape = rand_r(&fixture->seed) % 40 == 0 ? 4 : rand_r(&fixture->seed) % 4;
	char		letter = "IUD"[rand_r(&fixture->seed) % 3];

	strbuf_reset(text);
	strbuf_printf(text, "[\"%c\",%d,", letter, shapes[shape].number);
	if (letter != 'D')
		append_values(fixture, text, shapes[shape].columns);
	if (letter == 'U' && rand_r(&fixture->seed) % 2 == 0)
	{
		strbuf_append_char(text, ']');
		return;
	}
	if (letter == 'U')
		strbuf_append_char(text, ',');
	if (letter != 'I')
	{
		if (rand_r(&fixture->seed) % 8 == 0)
			strbuf_append(text, "null");
		else
			append_values(fixture, text, shapes[shape].identity);
	}
	strbuf_append_char(text, ']');
}

static void
ordinary_records_are_taken(void **state)
{
	Fixture    *fixture = *state;
	static const char *const records[] = {
		"[\"I\",1,[\"1\",\"x\"]]", "[\"I\",1,[\"1\",null]]", "[\"U\",1,[\"1\",false]]", "[\"U\",1,[\"2\",\"y\"],[\"1\"]]", "[\"D\",1,[\"2\"]]",
		"[\"D\",300,null]", "[\"U\",300,[\"1\"],null]", "[\"I\",1,[\"1\",\"a\\\"b\\\\c\\u0007\\n\"]]", "[\"I\",1,[\"\",\"\"]]",
		"[\"D\",20,[\"1\",null,\"\"]]",
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		compare(fixture, records[i], strlen(records[i]));
	assert_int_equal(fixture->left, 0);
}

static void
random_records_are_read_alike(void **state)
{
	Fixture    *fixture = *state;
	StrBuf		text = STRBUF_INIT;

	fixture->seed = 42;
	for (int i = 0; i < 200000; i++)
	{
		make_record(fixture, &text);
		compare(fixture, strbuf_text(&text), text.length);
		if (i % 100 == 0)
			arena_reset(fixture->arena);
	}
	/* It is of no use if it leaves most to the reference. */
	assert_true(fixture->taken > 50000);
	strbuf_free(&text);
}

static void
damaged_records_are_read_alike(void **state)
{
	static const char bytes[] = "\"\\[],{}nulfase0123 \x01u:";
	Fixture    *fixture = *state;
	StrBuf		text = STRBUF_INIT;

	fixture->seed = 7;
	for (int i = 0; i < 200000; i++)
	{
		char	   *exact;

		make_record(fixture, &text);
		for (int n = rand_r(&fixture->seed) % 3; n >= 0; n--)
		{
			size_t		at = (size_t) rand_r(&fixture->seed) % text.length;

			/* ASCII for ASCII: what is not UTF-8 is not for the scanner to find. */
			if ((unsigned char) text.data[at] < 0x80)
				text.data[at] = bytes[(size_t) rand_r(&fixture->seed) % (sizeof(bytes) - 1)];
		}
		if (rand_r(&fixture->seed) % 4 == 0)
			text.length = (size_t) rand_r(&fixture->seed) % text.length;
		/* Of its own size, so that a byte too far is seen by a sanitizer. */
		exact = mem_strndup(strbuf_text(&text), text.length);
		compare(fixture, exact, text.length);
		free(exact);
		if (i % 100 == 0)
			arena_reset(fixture->arena);
	}
	strbuf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ordinary_records_are_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_records_are_read_alike, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_records_are_read_alike, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("record_scan", tests, NULL, NULL);
}
