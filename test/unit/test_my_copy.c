/* The copy from MySQL, without a server: rows as lines of COPY, keys in messages, the file of tables and queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "copy/mysql_private.h"

#define COLUMNS 4

static MyColumn columns[COLUMNS] = {
	{.name = "id", .type = MY_INT},
	{.name = "t", .type = MY_TEXT, .charset = "utf8mb4"},
	{.name = "b", .type = MY_BLOB},
	{.name = "d", .type = MY_DATE},
};
static MyCopyColumn copied[COLUMNS];
static int key[] = {0, 1};
static MyCopyTable table = {.columns = copied, .column_count = COLUMNS, .key = key, .key_count = 2};
static MySourceConfig config = {.zero_dates = MY_ZERO_DATES_NULL, .bad_text = MY_BAD_TEXT_ERROR};

static int
set_up(void **state)
{
	(void) state;
	for (int i = 0; i < COLUMNS; i++)
		copied[i] = (MyCopyColumn) {.column = &columns[i], .name = columns[i].name, .is_number = i == 0};
	srand(1);
	return 0;
}

static bool
write_row(MyRowWriter *writer, char *id, char *text, size_t text_length, char *bytes, size_t bytes_length, char *date)
{
	char *row[COLUMNS] = {id, text, bytes, date};
	unsigned long lengths[COLUMNS] = {id ? strlen(id) : 0, text_length, bytes_length, date ? strlen(date) : 0};
	Error err = ERROR_INIT;

	return mysql_row_write(writer, row, lengths, &err);
}

static void
what_copy_takes_for_marks_is_escaped(void **state)
{
	MyRowWriter writer = {.table = &table, .config = &config};

	(void) state;
	assert_true(write_row(&writer, "1", "a\tb\nc\rd\\e", 9, "\0\\", 2, "2024-01-31"));
	assert_true(write_row(&writer, "2", "", 0, NULL, 0, "0000-00-00"));
	assert_true(write_row(&writer, "3", "\\N", 2, "", 0, NULL));
	assert_string_equal(strbuf_text(&writer.out), "1\ta\\tb\\nc\\rd\\\\e\t\\\\x005c\t2024-01-31\n2\t\t\\N\t\\N\n3\t\\\\N\t\\\\x\t\\N\n");
	assert_int_equal(writer.replaced[MY_PROBLEM_ZERO_DATE], 1);
	strbuf_free(&writer.out);
	strbuf_free(&writer.value);
}

static void
a_row_that_cannot_be_stored_leaves_no_trace(void **state)
{
	MyRowWriter writer = {.table = &table, .config = &config};

	(void) state;
	assert_true(write_row(&writer, "1", "ok", 2, NULL, 0, NULL));
	assert_false(write_row(&writer, "2", "a\0b", 3, NULL, 0, NULL));
	assert_int_equal(writer.bad_column, 1);
	assert_int_equal(writer.problem, MY_PROBLEM_ZERO_BYTE);
	assert_string_equal(strbuf_text(&writer.out), "1\tok\t\\N\t\\N\n");
	strbuf_free(&writer.out);
	strbuf_free(&writer.value);
}

/* Text of all lengths around the word that is looked at in one go. */
static size_t
random_text(char *text, size_t longest)
{
	static const char some[] = "\t\n\r\\ab cd\b\v\f\x1f\x7f";
	size_t length = (size_t) rand() % longest;

	for (size_t i = 0; i < length; i++)
		text[i] = rand() % 8 == 0 ? some[(size_t) rand() % (sizeof(some) - 1)] : (char) ('a' + rand() % 26);
	return length;
}

static void
a_line_is_split_into_the_values_that_made_it(void **state)
{
	MyRowWriter writer = {.table = &table, .config = &config};
	char text[100];

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		size_t length = random_text(text, sizeof(text));
		bool is_null = i % 7 == 0;
		char *fields[COLUMNS];
		unsigned long lengths[COLUMNS];

		strbuf_reset(&writer.out);
		assert_true(write_row(&writer, "12", is_null ? NULL : text, length, "\1", 1, "2024-01-31"));
		assert_int_equal(strchr(writer.out.data, '\n') - writer.out.data, writer.out.length - 1);
		mysql_row_split(&table, writer.out.data, writer.out.length, fields, lengths);
		assert_memory_equal(fields[0], "12", 2);
		assert_int_equal(fields[1] == NULL, is_null);
		if (!is_null)
		{
			assert_int_equal(lengths[1], length);
			assert_memory_equal(fields[1], text, length);
		}
		assert_memory_equal(fields[2], "\\x01", 4);
		assert_int_equal(lengths[3], 10);
	}
	strbuf_free(&writer.out);
	strbuf_free(&writer.value);
}

static MyRowWriter *piecewise;
static StrBuf gathered;
static size_t largest;

static bool
gather(void *arg, Error *err)
{
	(void) arg;
	(void) err;
	largest = piecewise->out.length > largest ? piecewise->out.length : largest;
	strbuf_append_bytes(&gathered, piecewise->out.data, piecewise->out.length);
	strbuf_reset(&piecewise->out);
	return true;
}

static void
a_large_value_is_the_same_in_pieces(void **state)
{
	static const size_t sizes[] = {1, 65535, 65536, 65537, 131072, 1000000};
	char *bytes = malloc(1000000);
	char *text = malloc(1000000);

	(void) state;
	for (size_t i = 0; i < 1000000; i++)
	{
		bytes[i] = (char) rand();
		text[i] = i % 3 ? 'x' : '\t';
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		MyRowWriter whole = {.table = &table, .config = &config};
		MyRowWriter pieces = {.table = &table, .config = &config, .flush = gather};

		piecewise = &pieces;
		largest = 0;
		assert_true(write_row(&whole, "1", text, sizes[i], bytes, sizes[i], NULL));
		assert_true(write_row(&pieces, "1", text, sizes[i], bytes, sizes[i], NULL));
		gather(NULL, NULL);
		assert_int_equal(gathered.length, whole.out.length);
		assert_memory_equal(gathered.data, whole.out.data, whole.out.length);
		assert_true(largest < 512 * 1024);
		strbuf_reset(&gathered);
		strbuf_free(&whole.out);
		strbuf_free(&whole.value);
		strbuf_free(&pieces.out);
		strbuf_free(&pieces.value);
	}
	strbuf_free(&gathered);
	free(bytes);
	free(text);
}

static void
a_key_is_named_in_one_short_line(void **state)
{
	char *fields[COLUMNS] = {"5", "a\nb\xff", NULL, NULL};
	unsigned long lengths[COLUMNS] = {1, 4, 0, 0};
	char text[1000];
	StrBuf out = STRBUF_INIT;

	(void) state;
	mysql_row_key(&table, fields, lengths, &out);
	assert_string_equal(strbuf_text(&out), "id=5, t=a\\x0ab\\xff");
	strbuf_reset(&out);
	memset(text, 'x', sizeof(text));
	fields[1] = text;
	lengths[1] = sizeof(text);
	mysql_row_key(&table, fields, lengths, &out);
	assert_true(out.length < 150);
	strbuf_free(&out);
}

/*
 * The file of tables
 */

static bool
load(const char *text, Arena *arena, MyCopyQueries *queries, Error *err)
{
	char path[] = "/tmp/dbsync_test_queries.XXXXXX";
	int fd = mkstemp(path);
	bool ok;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ok = mysql_queries_load(path, arena, queries, err);
	unlink(path);
	return ok;
}

static void
lines_are_tables_with_or_without_a_select(void **state)
{
	Arena *arena = arena_new(0);
	MyCopyQueries queries;
	Error err = ERROR_INIT;

	(void) state;
	assert_true(load("# comment\n\n one \ntwo:select 'a:b' from two;\n`thr``ee : x` : WITH t AS (SELECT 1) SELECT * FROM t\n`four`\r\n", arena, &queries, &err));
	assert_int_equal(queries.count, 4);
	assert_null(mysql_queries_find(&queries, "one")->select);
	assert_string_equal(mysql_queries_find(&queries, "two")->select, "select 'a:b' from two");
	assert_string_equal(mysql_queries_find(&queries, "thr`ee : x")->select, "WITH t AS (SELECT 1) SELECT * FROM t");
	assert_int_equal(mysql_queries_find(&queries, "four")->line, 6);
	assert_null(mysql_queries_find(&queries, "five"));
	assert_null(mysql_queries_find(NULL, "one"));
	arena_free(arena);
}

static void
a_wrong_line_is_named(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	} cases[] = {
		{"one\n: select 1\n", ":2: there is no table name"},
		{"`one\n", ":1: there is no table name"},
		{"``\n", ":1: there is no table name"},
		{"`one` two\n", ":1: there is no table name"},
		{"one : delete from one\n", ":1: what follows table one is no select"},
		{"one\n\none : select 1\n", ":3: table one is in line 1 already"},
		{"# nothing\n", "names no table"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Arena *arena = arena_new(0);
		MyCopyQueries queries;
		Error err = ERROR_INIT;

		assert_false(load(cases[i].text, arena, &queries, &err));
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.message, cases[i].message));
		error_clear(&err);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_copy_takes_for_marks_is_escaped),
		cmocka_unit_test(a_row_that_cannot_be_stored_leaves_no_trace),
		cmocka_unit_test(a_line_is_split_into_the_values_that_made_it),
		cmocka_unit_test(a_large_value_is_the_same_in_pieces),
		cmocka_unit_test(a_key_is_named_in_one_short_line),
		cmocka_unit_test(lines_are_tables_with_or_without_a_select),
		cmocka_unit_test(a_wrong_line_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
