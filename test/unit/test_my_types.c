/* The map of types as the documentation has it, overrides, and what a server writes about types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mysql/my_types.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static Arena *arena;

static int
set_up(void **state)
{
	(void) state;
	arena = arena_new(0);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	arena_free(arena);
	return 0;
}

/* A column of this type, as the catalogue has it. */
static MyColumn
column_of(const char *type_text)
{
	size_t length = strcspn(type_text, "( ");
	const char *name = arena_strndup(arena, type_text, length);
	MyColumn column = {.name = "c", .type_text = type_text, .type_name = name, .type = my_type_of(name)};
	int first = 0;
	int second = 0;

	if (type_text[length] == '(')
		(void) sscanf(type_text + length, "(%d,%d)", &first, &second);
	column.is_unsigned = strstr(type_text, " unsigned") != NULL;
	column.is_tinyint1 = strncmp(type_text, "tinyint(1)", 10) == 0;
	if (column.type == MY_DECIMAL)
	{
		column.precision = first;
		column.scale = second;
	}
	else if (column.type == MY_TIME || column.type == MY_DATETIME || column.type == MY_TIMESTAMP)
		column.scale = first;
	else
		column.length = first;
	if (column.type == MY_ENUM || column.type == MY_SET)
		column.label_count = my_parse_labels(type_text, arena, &column.labels);
	return column;
}

static const char *
type_of(const char *type_text, const char *types)
{
	MySourceConfig options = {.types = types};
	MyColumn column = column_of(type_text);
	MyOverrides overrides;
	Error err = ERROR_INIT;
	StrBuf out = STRBUF_INIT;
	const char *text;

	if (!my_overrides_parse(types, arena, &overrides, &err))
		fail_msg("%s", err.message);
	column.target_type = my_overrides_find(&overrides, "t", &column);
	my_type_append(&out, &column, &options);
	text = arena_strdup(arena, my_type_is_enum(&column) ? "an enum type" : strbuf_text(&out));
	strbuf_free(&out);
	return text;
}

/* The next cell of a row, without blanks and code marks around it. */
static const char *
cell(char **at)
{
	char *start = *at + 1;
	char *end = strchr(start, '|');

	assert_non_null(end);
	*at = end;
	while (*start == ' ' || *start == '`')
		start++;
	while (end > start && (end[-1] == ' ' || end[-1] == '`'))
		end--;
	return arena_strndup(arena, start, (size_t) (end - start));
}

/* Run at the top of the project, as all tests are. */
static void
the_documented_map_is_the_real_one(void **state)
{
	FILE *file = fopen("docs/mysql-types.md", "r");
	char *line = NULL;
	size_t size = 0;
	int rows = 0;

	(void) state;
	if (file == NULL)
		skip();
	/* The first table of the page. */
	while (getline(&line, &size, file) > 0 && strncmp(line, "## ", 3) != 0)
	{
		char *at = line;
		const char *type;
		const char *expected;

		if (strncmp(line, "| `", 3) != 0)
			continue;
		type = cell(&at);
		expected = cell(&at);
		assert_int_not_equal(column_of(type).type, MY_OTHER);
		if (strcmp(type_of(type, NULL), expected) != 0)
			fail_msg("%s is %s, the page says %s", type, type_of(type, NULL), expected);
		rows++;
	}
	assert_in_range(rows, 40, 100);
	free(line);
	fclose(file);
}

static void
what_has_no_length_is_text(void **state)
{
	(void) state;
	assert_string_equal(type_of("char(0)", NULL), "text");
	assert_string_equal(type_of("varchar(0)", NULL), "text");
	assert_string_equal(type_of("newtype", NULL), "text");
}

static void
long_labels_make_no_enum_type(void **state)
{
	(void) state;
	assert_string_equal(type_of("enum('a','b')", NULL), "an enum type");
	assert_string_equal(type_of("enum('a234567890123456789012345678901234567890123456789012345678901234','b')", NULL),
						"text");
	assert_string_equal(type_of("enum('a','b')", "enum = varchar(3)"), "varchar(3)");
}

static void
overrides_go_from_the_column_to_the_type(void **state)
{
	static const char types[] =
		"int unsigned = integer, int(11) = smallint , t.c = numeric(10,2), tinyint(1)=smallint,decimal(10,2) = money,"
		"decimal = numeric, enum('a','B') = mood, set = text, binary(16) = uuid,\n `t`.\"odd,.=name\" = text,";
	MyOverrides overrides;
	Error err = ERROR_INIT;
	MyColumn column = column_of("bigint");

	(void) state;
	assert_true(my_overrides_parse(types, arena, &overrides, &err));
	assert_int_equal(overrides.count, 10);
	assert_string_equal(my_overrides_find(&overrides, "t", &column), "numeric(10,2)");
	assert_null(my_overrides_find(&overrides, "other", &column));
	column.name = "odd,.=name";
	assert_string_equal(my_overrides_find(&overrides, "t", &column), "text");
	assert_string_equal(type_of("int(10) unsigned zerofill", "int unsigned = integer"), "integer");
	assert_string_equal(type_of("int(11)", "int unsigned = integer"), "integer");
	assert_string_equal(type_of("int(11) unsigned", "int = smallint"), "bigint");
	assert_string_equal(type_of("int(11)", "INT = smallint"), "smallint");
	assert_string_equal(type_of("int(10) unsigned", "int ( 10 )  unsigned = numeric(10)"), "numeric(10)");
	assert_string_equal(type_of("decimal(10,2)", "decimal( 10, 2 ) = money, decimal = numeric"), "money");
	assert_string_equal(type_of("decimal(10,3) unsigned", "decimal(10,2) = money, decimal = numeric"), "numeric");
	assert_string_equal(type_of("enum('a','B')", "enum('a','B') = mood"), "mood");
	assert_string_equal(type_of("datetime /* mariadb-5.3 */", "datetime = timestamptz"), "timestamptz");
	assert_string_equal(type_of("tinyint(1)", "tinyint(1) = smallint"), "smallint");
	assert_string_equal(type_of("tinyint(4)", "tinyint(1) = boolean"), "smallint");
}

static void
json_of_mariadb_is_json(void **state)
{
	MyOverrides overrides;
	Error err = ERROR_INIT;
	MyColumn column = column_of("longtext");

	(void) state;
	assert_true(my_overrides_parse("longtext = varchar, json = json", arena, &overrides, &err));
	assert_string_equal(my_overrides_find(&overrides, "t", &column), "varchar");
	column.type = MY_JSON;
	assert_string_equal(my_overrides_find(&overrides, "t", &column), "json");
}

static void
bad_overrides_are_refused(void **state)
{
	static const char *const bad[] = {
		"int",       "= text",    "int =",           "int = 5", "int = text; drop table x",
		"t. = text", "int = a'b", "int = numeric(1", "a b"};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		MyOverrides overrides;
		Error err = ERROR_INIT;

		if (my_overrides_parse(bad[i], arena, &overrides, &err))
			fail_msg("not refused: %s", bad[i]);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(err.hint);
		error_clear(&err);
	}
}

static void
labels_are_unquoted(void **state)
{
	const char **labels;

	(void) state;
	assert_int_equal(
		my_parse_labels("enum('x','it''s','back\\\\slash','new\\nline','','co,mma','a\"b','(c)')", arena, &labels), 8);
	assert_string_equal(labels[0], "x");
	assert_string_equal(labels[1], "it's");
	assert_string_equal(labels[2], "back\\slash");
	assert_string_equal(labels[3], "new\nline");
	assert_string_equal(labels[4], "");
	assert_string_equal(labels[5], "co,mma");
	assert_string_equal(labels[6], "a\"b");
	assert_string_equal(labels[7], "(c)");
	assert_int_equal(my_parse_labels("set('a')", arena, &labels), 1);
	assert_int_equal(my_parse_labels("int(11)", arena, &labels), 0);
	assert_int_equal(my_parse_labels("enum('cut", arena, &labels), 1);
}

static void
text_is_compared_by_bytes_in_few_collations(void **state)
{
	static const struct
	{
		MyType type;
		const char *collation;
		bool by_bytes;
	} cases[] = {
		{MY_VARCHAR, "utf8mb4_general_ci", false},	{MY_VARCHAR, "utf8mb4_0900_ai_ci", false},
		{MY_VARCHAR, "utf8mb4_0900_as_cs", false},	{MY_VARCHAR, "utf8mb4_uca1400_nopad_ai_ci", false},
		{MY_VARCHAR, "latin1_swedish_ci", false},	{MY_VARCHAR, "utf8mb4_bin", false},
		{MY_CHAR, "utf8mb4_bin", true},				{MY_CHAR, "utf8mb4_general_ci", false},
		{MY_VARCHAR, "utf8mb4_nopad_bin", true},	{MY_VARCHAR, "utf8mb4_0900_bin", true},
		{MY_TEXT, "latin1_nopad_bin", true},		{MY_VARCHAR, "binary", true},
		{MY_ENUM, "utf8mb4_general_ci", true},		{MY_INT, NULL, true},
		{MY_VARBINARY, NULL, true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		MyColumn column = {.name = "c", .type = cases[i].type, .collation = cases[i].collation};

		assert_int_equal(my_type_compares_bytes(&column), cases[i].by_bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documented_map_is_the_real_one),
		cmocka_unit_test(what_has_no_length_is_text),
		cmocka_unit_test(long_labels_make_no_enum_type),
		cmocka_unit_test(overrides_go_from_the_column_to_the_type),
		cmocka_unit_test(json_of_mariadb_is_json),
		cmocka_unit_test(bad_overrides_are_refused),
		cmocka_unit_test(labels_are_unquoted),
		cmocka_unit_test(text_is_compared_by_bytes_in_few_collations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
