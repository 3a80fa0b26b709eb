/* Expressions of MySQL and MariaDB: what is carried over, and what is refused because it may mean something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sync/mysql_expression.h"

#include <stdio.h>
#include <string.h>

static MyColumn columns[] = {
	{.name = "a", .type = MY_INT},
	{.name = "B", .type = MY_INT},
	{.name = "c", .type = MY_VARCHAR, .charset = "utf8mb4", .collation = "utf8mb4_general_ci"},
	{.name = "d", .type = MY_VARCHAR, .charset = "utf8mb4", .collation = "utf8mb4_bin"},
	{.name = "j", .type = MY_JSON, .charset = "utf8mb4", .collation = "utf8mb4_bin"},
	{.name = "odd`\"name", .type = MY_INT},
	{.name = "g", .type = MY_INT, .is_generated = true},
};
static const MyTable table = {.name = "t", .columns = columns, .column_count = 7};
static MySourceConfig config;

static void
becomes(const char *text, const char *expected, unsigned facts)
{
	StrBuf out = STRBUF_INIT;
	unsigned found;

	strbuf_append(&out, ">");
	if (!mysql_expression(text, &table, &config, &out, &found))
		fail_msg("refused: %s", text);
	if (strcmp(strbuf_text(&out) + 1, expected) != 0 || (found & ~(unsigned) EXPRESSION_READS_COLUMN) != facts)
		fail_msg("%s: %s, facts %u", text, strbuf_text(&out) + 1, found);
	strbuf_free(&out);
}

static void
is_refused(const char *text)
{
	StrBuf out = STRBUF_INIT;
	unsigned facts;

	strbuf_append(&out, "as it was");
	if (mysql_expression(text, &table, &config, &out, &facts))
		fail_msg("not refused: %s: %s", text, strbuf_text(&out));
	assert_string_equal(strbuf_text(&out), "as it was");
	strbuf_free(&out);
}

static void
arithmetic_and_comparisons_stay(void **state)
{
	(void) state;
	becomes("`a` > 0", "\"a\" > 0", 0);
	becomes("(`a` + 1) * 2 - `B` % 3", "(\"a\" + 1) * 2 - \"B\" % 3", 0);
	becomes("((`a` >= 1) and (`a` <= 10) or not (`B` <> -5))", "((\"a\" >= 1) AND (\"a\" <= 10) OR NOT (\"B\" <> - 5))",
			0);
	becomes("`a` is not null and `a` in (1,2,3)", "\"a\" IS NOT NULL AND \"a\" IN (1, 2, 3)", 0);
	becomes("`a` between 1 and 2.50", "\"a\" BETWEEN 1 AND 2.50", 0);
	becomes("`a` != `B`", "\"a\" <> \"B\"", 0);
	becomes("`a` <=> `B`", "\"a\" IS NOT DISTINCT FROM \"B\"", 0);
	becomes("case when `a` > 1 then 2 else NULL end", "CASE WHEN \"a\" > 1 THEN 2 ELSE NULL END", 0);
	becomes("`odd``\"name` = 1", "\"odd`\"\"name\" = 1", 0);
}

static void
text_is_told_apart(void **state)
{
	(void) state;
	becomes("`d` = 'it''s'", "\"d\" = 'it''s'", EXPRESSION_HAS_TEXT);
	becomes("`c` <> _utf8mb4'x'", "\"c\" <> 'x'", EXPRESSION_HAS_TEXT | EXPRESSION_IGNORES_CASE);
	/* To be empty does not depend on case. */
	becomes("`c` <> ''", "\"c\" <> ''", EXPRESSION_IGNORES_CASE);
	becomes("`d` like 'S%\\\\_'", "\"d\" LIKE 'S%\\_'", EXPRESSION_HAS_TEXT);
	becomes("char_length(`d`) > 3", "char_length(\"d\") > 3", 0);
	becomes("concat(`d`,'-',`a`)", "(CAST(\"d\" AS text) || '-' || CAST(\"a\" AS text))", EXPRESSION_HAS_TEXT);
	becomes("upper(substr(`d`,1,3))", "upper(substr(\"d\", 1, 3))", EXPRESSION_HAS_TEXT);
}

static void
functions_get_their_names(void **state)
{
	(void) state;
	becomes("ifnull(`a`,0)", "coalesce(\"a\", 0)", 0);
	becomes("if(`a` > 1,`a`,`B`)", "CASE WHEN \"a\" > 1 THEN \"a\" ELSE \"B\" END", 0);
	becomes("length(`d`)", "octet_length(\"d\")", 0);
	becomes("year(`a`)", "CAST(EXTRACT(YEAR FROM \"a\") AS integer)", 0);
	becomes("MOD(`a`, 7)", "(\"a\" % 7)", 0);
	becomes("round(`a`, 2)", "round(\"a\", 2)", 0);
	becomes("current_timestamp(3)", "CURRENT_TIMESTAMP(3)", EXPRESSION_IS_VOLATILE);
	becomes("current_timestamp()", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes("CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes("now()", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes("curdate()", "CURRENT_DATE", EXPRESSION_IS_VOLATILE);
	becomes("uuid()", "gen_random_uuid()", EXPRESSION_IS_VOLATILE);
	becomes("json_object()", "CAST('{}' AS jsonb)", 0);
}

static void
json_paths_are_arrays(void **state)
{
	(void) state;
	becomes("json_extract(`j`,'$.a.b[0]')", "(\"j\" #> '{a,b,0}')", EXPRESSION_HAS_TEXT | EXPRESSION_READS_JSON);
	becomes("json_unquote(json_extract(`j`,_utf8mb4'$.a'))", "(\"j\" #>> '{a}')",
			EXPRESSION_HAS_TEXT | EXPRESSION_READS_JSON);
	becomes("json_value(`j`,'$.a')", "(\"j\" #>> '{a}')", EXPRESSION_HAS_TEXT | EXPRESSION_READS_JSON);
	is_refused("json_extract(`j`,'$.*')");
	is_refused("json_extract(`j`,'$')");
	is_refused("json_extract(`j`,'$.a[last]')");
	is_refused("json_extract(`j`,'$.a}')");
	is_refused("json_unquote(`j`)");
}

static void
what_may_mean_something_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"`a` / 2",
		"`a` || `B`",
		"`a` ^ 2",
		"!`a`",
		"~`a`",
		"`a` & 1",
		"`a` | 1",
		"`a` << 1",
		"`a` div 2",
		"`a` xor `B`",
		"0xff",
		"1e5",
		"`nosuch` > 1",
		"`t`.`a` > 1",
		"`g` > 1",
		"greatest(`a`,`B`)",
		"cast(`a` as char)",
		"`c` collate utf8mb4_bin",
		"`c` regexp 'x'",
		"_binary'x'",
		"unknown(`a`)",
		"substr(`d`,`a`)",
		"left(`d`,-1)",
		"if(`a`,1)",
		"now(`a`)",
		"interval 1 day",
		"@a",
		"\"a\"",
		"`a`;",
		"(`a`",
		"`a`)",
		"`a`,`B`",
		"",
		"()",
		"concat()",
		"`a",
		"lower(",
		"lower(`d`",
		"case `a`; drop table x",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_refused(bad[i]);
}

static void
names_are_those_of_the_target(void **state)
{
	(void) state;
	config.lower_names = true;
	becomes("`B` + `a`", "\"b\" + \"a\"", 0);
	config.lower_names = false;
}

static void
deep_nesting_ends(void **state)
{
	StrBuf text = STRBUF_INIT;

	(void) state;
	for (int i = 0; i < 100000; i++)
		strbuf_append_char(&text, '(');
	is_refused(strbuf_text(&text));
	strbuf_free(&text);
}

/* Pieces in any order: it ends, and nothing that is not ours comes out. */
static void
any_text_is_translated_or_refused(void **state)
{
	static const char *const pieces[] = {"`a`",     "`",        "'",
										 "''",      "\\",       "(",
										 ")",       ",",        "lower",
										 "concat(", "if(",      "json_extract(`j`,'$.a')",
										 "1",       ".",        "-",
										 "<",       "=",        "and",
										 " ",       "_utf8mb4", "current_timestamp",
										 ";",       "--",       "/*",
										 "null"};
	int good = 0;

	(void) state;
	srand(3);
	for (int round = 0; round < 20000; round++)
	{
		StrBuf text = STRBUF_INIT;
		StrBuf out = STRBUF_INIT;
		unsigned facts;

		for (int i = rand() % 8; i >= 0; i--)
			strbuf_append(&text, pieces[(size_t) rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		if (mysql_expression(strbuf_text(&text), &table, &config, &out, &facts))
		{
			good++;
			assert_int_equal(strchr(strbuf_text(&out), ';') != NULL && strchr(strbuf_text(&out), '\'') == NULL, 0);
		}
		strbuf_free(&text);
		strbuf_free(&out);
	}
	assert_in_range(good, 100, 15000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_and_comparisons_stay),
		cmocka_unit_test(text_is_told_apart),
		cmocka_unit_test(functions_get_their_names),
		cmocka_unit_test(json_paths_are_arrays),
		cmocka_unit_test(what_may_mean_something_else_is_refused),
		cmocka_unit_test(names_are_those_of_the_target),
		cmocka_unit_test(deep_nesting_ends),
		cmocka_unit_test(any_text_is_translated_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
