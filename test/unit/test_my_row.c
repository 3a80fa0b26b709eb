/* Rows as two servers wrote them; single values where a server would not give all of them; and bytes that are no rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "my_events.h"
#include "mysql/my_json.h"
#include "mysql/my_row.h"
#include "mysql/my_row_time.h"

#define COLUMN_COUNT 17

static const char *enum_labels[] = {"x", "y"};
static const char *set_labels[] = {"p", "q", "r"};

static const MyColumn columns[COLUMN_COUNT] = {
	{.name = "id", .type = MY_INT, .is_unsigned = true},
	{.name = "t", .type = MY_TINYINT},
	{.name = "d", .type = MY_DECIMAL, .precision = 10, .scale = 2},
	{.name = "f", .type = MY_DOUBLE},
	{.name = "tm", .type = MY_TIME, .scale = 2},
	{.name = "dt", .type = MY_DATETIME, .scale = 3},
	{.name = "ts", .type = MY_TIMESTAMP},
	{.name = "b", .type = MY_BIT, .length = 13},
	{.name = "bn", .type = MY_BINARY, .length = 5},
	{.name = "vc", .type = MY_VARCHAR, .length = 300},
	{.name = "tx", .type = MY_TEXT},
	{.name = "e", .type = MY_ENUM, .labels = enum_labels, .label_count = 2},
	{.name = "s", .type = MY_SET, .labels = set_labels, .label_count = 3},
	{.name = "y", .type = MY_YEAR},
	{.name = "da", .type = MY_DATE},
	{.name = "bg", .type = MY_BIGINT, .is_unsigned = true},
	{.name = "g", .type = MY_GEOMETRY},
};

static const char *const wanted_values[COLUMN_COUNT] = {"4294967295", "-1", "-12.50", "1.5", "-100:11:12.34", "2024-02-29 12:34:56.789",
	"2024-02-29 12:34:56", NULL, NULL, "äöü", "text", "y", "p,r", "2024", "2024-02-29", "18446744073709551615", NULL};

/* latin1, as far as it is needed here */
static MyCharset *
latin1(void)
{
	StrBuf		table = STRBUF_INIT;
	MyCharset  *charset;

	for (int i = 0; i < 256; i++)
	{
		if (i < 128)
			strbuf_append_char(&table, (char) i);
		else
		{
			strbuf_append_char(&table, (char) (0xc0 | i >> 6));
			strbuf_append_char(&table, (char) (0x80 | (i & 0x3f)));
		}
	}
	charset = my_charset_from_table(strbuf_text(&table), table.length);
	strbuf_free(&table);
	assert_non_null(charset);
	return charset;
}

static void
bind_all(const MyTableMap *map, const MyCharset *charset, Arena *arena, MyRowColumn *bound)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		const char *problem = "";

		if (!my_row_bind(&map->columns[i], map->has_signs, &columns[i], i == 9 || i == 10 ? charset : NULL, arena, &bound[i], &problem))
			fail_msg("column %s: %s", columns[i].name, problem);
	}
}

static void
open_rows(const char *map_digits, const char *rows_digits, Arena *arena, MyTableMap *map, MyRows *rows, unsigned char **bytes)
{
	Error		err = ERROR_INIT;
	void	   *buffer = NULL;
	size_t		buffer_size = 0;
	MyEvent		event;
	size_t		length;

	bytes[0] = event_bytes(map_digits, &length);
	assert_true(my_event_open(bytes[0], length, true, &event, &err));
	assert_true(my_event_table_map(&event, arena, map, &err));
	bytes[1] = event_bytes(rows_digits, &length);
	assert_true(my_event_open(bytes[1], length, true, &event, &err));
	assert_true(my_event_rows(&event, &buffer, &buffer_size, rows, &err));
}

static void
check_row(const MyRowColumn *bound, const MyCell *cells, bool is_updated)
{
	StrBuf		scratch = STRBUF_INIT;

	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		Error		err = ERROR_INIT;
		const char *data;
		size_t		length;

		if (i == 10 && is_updated)
		{
			assert_int_equal(cells[i].state, MY_CELL_NULL);
			continue;
		}
		assert_int_equal(cells[i].state, MY_CELL_VALUE);
		assert_true(my_row_text(&bound[i], &cells[i], &scratch, &data, &length, &err));
		if (wanted_values[i] != NULL)
		{
			const char *wanted = i == 1 && is_updated ? "2" : wanted_values[i];

			assert_int_equal(length, strlen(wanted));
			assert_memory_equal(data, wanted, length);
		}
		else if (i == 7)
			assert_memory_equal(data, "\x10\x01", 2);
		else if (i == 8)
		{
			assert_int_equal(length, 5);
			assert_memory_equal(data, "ab\0\0\0", 5);
		}
		else
			assert_int_equal(length, 25);
	}
	strbuf_free(&scratch);
}

static void
rows_of_both_servers_are_read(void **state)
{
	static const char *const events[2][4] = {{MARIADB_TABLE_MAP, MARIADB_WRITE, MARIADB_UPDATE, MARIADB_DELETE},
		{MYSQL_TABLE_MAP, MYSQL_WRITE, MYSQL_UPDATE, MYSQL_DELETE}};
	MyCharset  *charset = latin1();

	(void) state;
	for (int s = 0; s < 2; s++)
	{
		for (int kind = 0; kind < 3; kind++)
		{
			Arena	   *arena = arena_new(0);
			Error		err = ERROR_INIT;
			MyRowColumn bound[COLUMN_COUNT];
			MyCell		cells[COLUMN_COUNT];
			unsigned char *bytes[2];
			MyTableMap	map;
			MyRows		rows;

			open_rows(events[s][0], events[s][kind + 1], arena, &map, &rows, bytes);
			bind_all(&map, s == 0 ? charset : NULL, arena, bound);
			if (rows.before != NULL)
			{
				assert_true(my_row_read(bound, COLUMN_COUNT, rows.before, &rows.rows, cells, &err));
				check_row(bound, cells, kind == MY_ROWS_DELETE);
			}
			if (rows.after != NULL)
			{
				assert_true(my_row_read(bound, COLUMN_COUNT, rows.after, &rows.rows, cells, &err));
				check_row(bound, cells, kind == MY_ROWS_UPDATE);
			}
			assert_int_equal(my_bytes_left(&rows.rows), 0);
			free(bytes[0]);
			free(bytes[1]);
			arena_free(arena);
		}
	}
	my_charset_free(charset);
}

static void
another_definition_is_noticed(void **state)
{
	static const struct
	{
		int			index;
		MyColumn	column;
		const char *problem;
	} cases[] = {
		{1, {.name = "t", .type = MY_SMALLINT}, "tinyint"},
		{0, {.name = "id", .type = MY_INT}, "unsigned"},
		{2, {.name = "d", .type = MY_DECIMAL, .precision = 10, .scale = 3}, "decimal(10,2)"},
		{4, {.name = "tm", .type = MY_TIME, .scale = 0}, "2 digits"},
		{7, {.name = "b", .type = MY_BIT, .length = 12}, "bit(13)"},
		{8, {.name = "bn", .type = MY_BINARY, .length = 6}, "binary(5)"},
		{9, {.name = "vc", .type = MY_TEXT}, "varchar"},
		{11, {.name = "e", .type = MY_ENUM, .label_count = 300}, "labels"},
		{16, {.name = "g", .type = MY_INT}, "geometry"},
	};
	Arena	   *arena = arena_new(0);
	unsigned char *bytes[2];
	MyTableMap	map;
	MyRows		rows;

	(void) state;
	open_rows(MYSQL_TABLE_MAP, MYSQL_WRITE, arena, &map, &rows, bytes);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *problem = "";
		MyRowColumn bound;

		assert_false(my_row_bind(&map.columns[cases[i].index], map.has_signs, &cases[i].column, NULL, arena, &bound, &problem));
		if (strstr(problem, cases[i].problem) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].column.name, problem, cases[i].problem);
	}
	free(bytes[0]);
	free(bytes[1]);
	arena_free(arena);
}

static void
assert_time(int type, int scale, const char *digits, const char *wanted)
{
	MyStoredColumn stored = {.type = (uint8_t) type, .scale = (uint8_t) scale};
	char		text[MY_TIME_TEXT_SIZE];
	size_t		length;
	unsigned char *bytes = event_bytes(digits, &length);

	length = my_row_time_text(&stored, bytes, text);
	text[length] = '\0';
	assert_string_equal(text, wanted);
	free(bytes);
}

static void
times_of_all_forms(void **state)
{
	(void) state;
	assert_time(MY_STORED_TIME2, 0, "800000", "00:00:00");
	assert_time(MY_STORED_TIME2, 0, "7fffff", "-00:00:01");
	assert_time(MY_STORED_TIME2, 1, "7ffffff6", "-00:00:00.1");
	assert_time(MY_STORED_TIME2, 2, "79bd33de", "-100:11:12.34");
	assert_time(MY_STORED_TIME2, 4, "80000004d2", "00:00:00.1234");
	assert_time(MY_STORED_TIME2, 6, "7fffffffffff", "-00:00:00.000001");
	assert_time(MY_STORED_TIME, 0, "f078fe", "-10:01:12");
	assert_time(MY_STORED_TIME, 0, "a7f57f", "838:59:59");
	assert_time(MY_STORED_DATETIME2, 0, "8000000000", "0000-00-00 00:00:00");
	assert_time(MY_STORED_DATETIME, 0, "0000000000000000", "0000-00-00 00:00:00");
	assert_time(MY_STORED_DATETIME, 0, "80c5aa8b68120000", "2024-02-29 12:34:56");
	assert_time(MY_STORED_TIMESTAMP2, 6, "7fffffff0f423f", "2038-01-19 03:14:07.999999");
	assert_time(MY_STORED_TIMESTAMP, 0, "01000000", "1970-01-01 00:00:01");
	assert_time(MY_STORED_TIMESTAMP2, 0, "00000000", "0000-00-00 00:00:00");
	assert_time(MY_STORED_YEAR, 0, "00", "0000");
	assert_time(MY_STORED_YEAR, 0, "ff", "2155");
	assert_time(MY_STORED_DATE, 0, "5dd00f", "2024-02-29");
}

static void
json_of_all_kinds(void **state)
{
	static const struct
	{
		const char *digits;
		const char *text;
	} cases[] = {
		{"0400", "null"},
		{"0401", "true"},
		{"05ffff", "-1"},
		{"0c0561620a2263", "\"ab\\n\\\"c\""},
		{"0b000000000000f83f", "1.5"},
		{"0b000000000000f03f", "1.0"},
		{"020200120005010004020009000000000000000000000000", NULL},
		{"00010014000b00010002010061" "000000000000000000", NULL},
		{"", "null"},
		{"0ff60402028096", NULL},
		{"0ff620421e800000093b9ac9ff3b9ac9ff3b9ac9ff075bcd1500bc614e35b7bf87037a", "9999999999999999999999999999.123456789012345678901234567890"},
		{"0ff603ff1e80", NULL},	/* no decimal has 255 digits */
		{"0ff602001e", NULL},
		/* MySQL breaks lines of base64 */
		{"0f0f3c000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b", "\"base64:type15:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\\nOTo7\""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Error		err = ERROR_INIT;
		StrBuf		out = STRBUF_INIT;
		size_t		length;
		unsigned char *bytes = event_bytes(cases[i].digits, &length);
		bool		ok = my_json_append(bytes, length, &out, &err);

		if (cases[i].text != NULL)
		{
			assert_true(ok);
			assert_string_equal(strbuf_text(&out), cases[i].text);
		}
		error_clear(&err);
		strbuf_free(&out);
		free(bytes);
	}
}

/* An array of two entries that both are itself would take for ever. */
static void
json_that_contains_itself_is_refused(void **state)
{
	static const unsigned char loop[] = {2, 2, 0, 10, 0, 2, 0, 0, 2, 0, 0};
	Error		err = ERROR_INIT;
	StrBuf		out = STRBUF_INIT;

	(void) state;
	assert_false(my_json_append(loop, sizeof(loop), &out, &err));
	error_clear(&err);
	strbuf_free(&out);
}

static void
malformed_rows_are_errors_and_no_more(void **state)
{
	static const char *const events[][2] = {{MARIADB_TABLE_MAP, MARIADB_UPDATE}, {MYSQL_TABLE_MAP, MYSQL_UPDATE}};
	MyCharset  *charset = latin1();
	StrBuf		scratch = STRBUF_INIT;

	(void) state;
	srandom(20260102);
	for (int s = 0; s < 2; s++)
	{
		Arena	   *arena = arena_new(0);
		MyRowColumn bound[COLUMN_COUNT];
		MyCell		cells[COLUMN_COUNT];
		unsigned char *bytes[2];
		MyTableMap	map;
		MyRows		rows;

		open_rows(events[s][0], events[s][1], arena, &map, &rows, bytes);
		bind_all(&map, charset, arena, bound);
		for (int round = 0; round < 20000; round++)
		{
			Error		err = ERROR_INIT;
			size_t		length = my_bytes_left(&rows.rows);
			size_t		cut = round % 3 == 0 ? (size_t) random() % (length + 1) : length;
			unsigned char *copy = malloc(cut > 0 ? cut : 1);
			MyBytes		left = my_bytes(copy, cut);

			memcpy(copy, rows.rows.at, cut);
			for (int i = 0; i < round % 5 && cut > 0; i++)
				copy[(size_t) random() % cut] = (unsigned char) random();
			while (my_bytes_left(&left) > 0 && my_row_read(bound, COLUMN_COUNT, rows.before, &left, cells, &err))
			{
				for (int i = 0; i < COLUMN_COUNT; i++)
				{
					const char *data;
					size_t		size;

					if (cells[i].state == MY_CELL_VALUE)
						(void) !my_row_text(&bound[i], &cells[i], &scratch, &data, &size, &err);
				}
			}
			error_clear(&err);
			free(copy);
		}
		free(bytes[0]);
		free(bytes[1]);
		arena_free(arena);
	}
	strbuf_free(&scratch);
	my_charset_free(charset);
}

static void
malformed_values_are_errors_and_no_more(void **state)
{
	static const MyColumn kinds[] = {
		{.name = "json", .type = MY_JSON}, {.name = "compressed", .type = MY_VARCHAR}, {.name = "text", .type = MY_TEXT},
	};
	static const uint8_t types[] = {MY_STORED_JSON, MY_STORED_VARCHAR_COMPRESSED, MY_STORED_BLOB_COMPRESSED};
	StrBuf		scratch = STRBUF_INIT;
	Arena	   *arena = arena_new(0);

	(void) state;
	srandom(20260103);
	for (int round = 0; round < 60000; round++)
	{
		MyStoredColumn stored = {.type = types[round % 3], .length = round % 3 == 1 ? 100 : 2};
		size_t		length = (size_t) random() % 60;
		unsigned char *bytes = malloc(length + 1);
		MyCell		cell = {.data = bytes, .length = (uint32_t) length, .state = MY_CELL_VALUE};
		Error		err = ERROR_INIT;
		const char *problem;
		MyRowColumn bound;
		const char *data;
		size_t		size;

		/* small numbers look more like JSON's counts and offsets */
		for (size_t i = 0; i < length; i++)
			bytes[i] = (unsigned char) (random() % (round % 2 == 0 ? 16 : 256));
		if (round % 3 != 0 && length > 1)
		{
			bytes[0] = (unsigned char) (0x80 | (random() & 11));
			bytes[1] = (unsigned char) (random() % 60);
		}
		assert_true(my_row_bind(&stored, false, &kinds[round % 3], NULL, arena, &bound, &problem));
		(void) !my_row_text(&bound, &cell, &scratch, &data, &size, &err);
		error_clear(&err);
		free(bytes);
	}
	strbuf_free(&scratch);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_both_servers_are_read),
		cmocka_unit_test(another_definition_is_noticed),
		cmocka_unit_test(times_of_all_forms),
		cmocka_unit_test(json_of_all_kinds),
		cmocka_unit_test(json_that_contains_itself_is_refused),
		cmocka_unit_test(malformed_rows_are_errors_and_no_more),
		cmocka_unit_test(malformed_values_are_errors_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
