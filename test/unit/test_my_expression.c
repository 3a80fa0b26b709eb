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

#define UTF8_BIN .charset = "utf8mb4", .collation = "utf8mb4_bin"

static const char *labels[] = {"one", "two"};
static MyColumn columns[] = {
	{.name = "a", .type = MY_INT},
	{.name = "B", .type = MY_INT},
	{.name = "c", .type = MY_VARCHAR, .length = 20, .charset = "utf8mb4", .collation = "utf8mb4_general_ci"},
	{.name = "d", .type = MY_VARCHAR, .length = 20, UTF8_BIN},
	{.name = "j", .type = MY_JSON, .type_name = "json", UTF8_BIN},
	{.name = "mj", .type = MY_JSON, .type_name = "longtext", UTF8_BIN},
	{.name = "odd`\"name", .type = MY_INT},
	{.name = "g", .type = MY_INT, .is_generated = true},
	{.name = "w", .type = MY_TINYINT, .is_unsigned = true},
	{.name = "u", .type = MY_INT, .is_unsigned = true},
	{.name = "h", .type = MY_BIGINT},
	{.name = "hu", .type = MY_BIGINT, .is_unsigned = true},
	{.name = "z", .type = MY_INT, .type_text = "int(6) unsigned zerofill", .is_unsigned = true},
	{.name = "p", .type = MY_DECIMAL, .precision = 10, .scale = 2},
	{.name = "wide", .type = MY_DECIMAL, .precision = 40, .scale = 20},
	{.name = "f", .type = MY_FLOAT},
	{.name = "db", .type = MY_DOUBLE, .type_text = "double"},
	{.name = "k", .type = MY_TINYINT, .is_tinyint1 = true},
	{.name = "nopad", .type = MY_VARCHAR, .length = 20, .charset = "utf8mb4", .collation = "utf8mb4_nopad_bin"},
	{.name = "uca", .type = MY_VARCHAR, .length = 20, .charset = "utf8mb4", .collation = "utf8mb4_0900_ai_ci"},
	{.name = "l", .type = MY_VARCHAR, .length = 20, .charset = "latin1", .collation = "latin1_bin"},
	{.name = "s", .type = MY_VARCHAR, .length = 20, .charset = "ascii", .collation = "ascii_general_ci"},
	{.name = "ch", .type = MY_CHAR, .length = 20, UTF8_BIN},
	{.name = "bl", .type = MY_BLOB},
	{.name = "e", .type = MY_ENUM, .charset = "utf8mb4", .collation = "utf8mb4_general_ci", .labels = labels, .label_count = 2},
	{.name = "y", .type = MY_YEAR},
	{.name = "dt", .type = MY_DATE},
	{.name = "dtm", .type = MY_DATETIME},
	{.name = "ts", .type = MY_TIMESTAMP},
	{.name = "own", .type = MY_INT, .target_type = "text"},
};
static const MyTable table = {.name = "t", .columns = columns, .column_count = sizeof(columns) / sizeof(columns[0])};
static MySourceConfig config = {.zero_dates = MY_ZERO_DATES_ERROR};

static const ExpressionGoal for_index = {.use = EXPRESSION_FOR_INDEX};
static const ExpressionGoal for_check = {.use = EXPRESSION_FOR_CHECK};

static void
becomes_for(const ExpressionGoal *goal, const char *text, const char *expected, unsigned facts)
{
	StrBuf out = STRBUF_INIT;
	unsigned found;

	strbuf_append(&out, ">");
	if (!mysql_expression(text, &table, &config, goal, &out, &found))
		fail_msg("refused: %s", text);
	if (strcmp(strbuf_text(&out) + 1, expected) != 0 || (found & ~(unsigned) EXPRESSION_READS_COLUMN) != facts)
		fail_msg("%s: %s, facts %u", text, strbuf_text(&out) + 1, found);
	strbuf_free(&out);
}

static void
becomes(const char *text, const char *expected)
{
	becomes_for(&for_index, text, expected, 0);
}

static unsigned
is_refused_for(const ExpressionGoal *goal, const char *text)
{
	StrBuf out = STRBUF_INIT;
	unsigned facts;

	strbuf_append(&out, "as it was");
	if (mysql_expression(text, &table, &config, goal, &out, &facts))
		fail_msg("not refused: %s: %s", text, strbuf_text(&out));
	assert_string_equal(strbuf_text(&out), "as it was");
	strbuf_free(&out);
	return facts;
}

static unsigned
is_refused(const char *text)
{
	return is_refused_for(&for_index, text);
}

static void
into(const MyColumn *column, const char *type, const char *text, const char *expected)
{
	const ExpressionGoal goal = {EXPRESSION_FOR_COLUMN, column, type};

	if (expected == NULL)
		is_refused_for(&goal, text);
	else
		becomes_for(&goal, text, expected, 0);
}

static void
integers_are_computed_in_64_bits(void **state)
{
	(void) state;
	becomes("(`a` + 1) * 2 - `B` % 3", "((CAST(\"a\" AS bigint) + 1) * 2) - (CAST(\"B\" AS bigint) % 3)");
	becomes("`w` * `w`", "CAST(\"w\" AS bigint) * CAST(\"w\" AS bigint)");
	becomes("100000 * 100000", "CAST(100000 AS bigint) * 100000");
	becomes("-`a`", "-CAST(\"a\" AS bigint)");
	becomes("abs(`a`)", "abs(CAST(\"a\" AS bigint))");
	becomes("1 + ifnull(`a`,0)", "1 + CAST(coalesce(\"a\", 0) AS bigint)");
	becomes("char_length(`d`) + 1", "CAST(char_length(\"d\") AS bigint) + 1");
	becomes("`hu` + 1", "CAST(\"hu\" AS numeric) + 1");
	becomes("`u` * `u`", "CAST(\"u\" AS numeric) * CAST(\"u\" AS bigint)");
	becomes("`w` * `h`", "CAST(\"w\" AS numeric) * CAST(\"h\" AS bigint)");
	becomes("`p` * `a`", "\"p\" * CAST(\"a\" AS bigint)");
	becomes("`p` - 1", "\"p\" - 1");
	is_refused("`wide` * `wide`");
	is_refused("`f` + 1");
	is_refused("`db` * 2");
	is_refused("`d` + 1");
	is_refused("`y` + 1");
}

static void
a_division_by_zero_is_null(void **state)
{
	(void) state;
	becomes("MOD(`a`, 7)", "CAST(\"a\" AS bigint) % 7");
	becomes("`a` % `B`", "CAST(\"a\" AS bigint) % nullif(CAST(\"B\" AS bigint), 0)");
	becomes("`a` MOD 7 + 1", "(CAST(\"a\" AS bigint) % 7) + 1");
	becomes("`a` % 0", "CAST(\"a\" AS bigint) % nullif(0, 0)");
	becomes("`p` % 0.0", "\"p\" % nullif(0.0, 0)");
	is_refused("`a` / 2");
}

static void
comparisons_stay(void **state)
{
	(void) state;
	becomes("`a` > 0", "\"a\" > 0");
	becomes("((`a` >= 1) and (`a` <= 10) or not (`B` <> -5))", "((\"a\" >= 1) AND (\"a\" <= 10)) OR (NOT (\"B\" <> (-5)))");
	becomes("`a` > 1 or `a` < 0 and `B` = 1", "(\"a\" > 1) OR ((\"a\" < 0) AND (\"B\" = 1))");
	becomes("`a` is not null and `a` in (1,2,3)", "(\"a\" IS NOT NULL) AND (\"a\" IN (1, 2, 3))");
	becomes("`a` not in (1,null)", "\"a\" NOT IN (1, NULL)");
	becomes("`a` between 1 and 2.50", "\"a\" BETWEEN 1 AND 2.50");
	becomes("`a` != `B`", "\"a\" <> \"B\"");
	becomes("`a` <=> `B`", "\"a\" IS NOT DISTINCT FROM \"B\"");
	becomes("`db` > 0.5", "\"db\" > 0.5");
	becomes("`dt` < `dt`", "\"dt\" < \"dt\"");
	becomes("case when `a` > 1 then 2 else NULL end", "CASE WHEN \"a\" > 1 THEN 2 ELSE NULL END");
	becomes("case `a` when 1 then 'x' end", "CASE WHEN \"a\" = 1 THEN 'x' END");
	becomes("`odd``\"name` = 1", "\"odd`\"\"name\" = 1");
	is_refused("`a` = '5'");
	is_refused("`d` = 5");
	is_refused("`dt` > `dtm`");
	is_refused("`dt` > '2024-01-01'");
	is_refused("`ts` > `ts`");
	is_refused("`f` = 0.1");
	is_refused("`db` between 1 and 2");
	is_refused("`own` > 1");
	becomes("`own` is null", "\"own\" IS NULL");
}

/* 1 and 0 there. */
static void
truth_is_a_number(void **state)
{
	(void) state;
	becomes("(`a` > 1) = 1", "CAST((\"a\" > 1) AS integer) = 1");
	becomes("(`a` > 1) + 1", "CAST(CAST((\"a\" > 1) AS integer) AS bigint) + 1");
	becomes("not `a`", "NOT (\"a\" <> 0)");
	becomes("!(`a` > 1) and `a`", "(NOT (\"a\" > 1)) AND (\"a\" <> 0)");
	becomes("`a` and `p`", "(\"a\" <> 0) AND (\"p\" <> 0)");
	becomes("if(`a`,1,2)", "CASE WHEN \"a\" <> 0 THEN 1 ELSE 2 END");
	becomes("`k` = 1", "CAST(\"k\" AS integer) = 1");
	becomes("`a` is true", "(\"a\" <> 0) IS TRUE");
	becomes_for(&for_check, "`a`", "\"a\" <> 0", 0);
	becomes_for(&for_check, "`a` > 0", "\"a\" > 0", 0);
	is_refused_for(&for_check, "`d`");
	is_refused("not `d`");
	is_refused("if(`a` > 1,`a` > 2,0)");
}

static void
text_is_compared_by_its_collation(void **state)
{
	(void) state;
	/* Blanks at the end do not count. */
	becomes("`d` = 'it''s  '", "rtrim(\"d\") = 'it''s'");
	becomes("`nopad` = 'x '", "\"nopad\" = 'x '");
	becomes("`d` in ('a','b ')", "rtrim(\"d\") IN ('a', 'b')");
	becomes("`ch` = `d`", "rtrim(CAST(\"ch\" AS text)) = rtrim(\"d\")");
	becomes("nullif(`d`,'x')", "CASE WHEN rtrim(\"d\") = 'x' THEN NULL ELSE \"d\" END");
	becomes("if(`d` = 'A','y','n')", "CASE WHEN rtrim(\"d\") = 'A' THEN 'y' ELSE 'n' END");
	/* To be empty does not depend on case. */
	becomes("`c` <> ''", "rtrim(\"c\") <> ''");
	becomes("`d` like 'S%\\\\_'", "\"d\" LIKE 'S%\\_'");
	becomes("`d` not like 'S %'", "\"d\" NOT LIKE 'S %'");
	becomes("replace(`d`,'a','b')", "replace(\"d\", 'a', 'b')");
	/* As a label is written. */
	becomes("`e` = 'one'", "\"e\" = 'one'");
	becomes("`e` in ('one','two')", "\"e\" IN ('one', 'two')");
	is_refused("`e` = 'ONE'");
	is_refused("`e` > 'one'");
	is_refused("`e` in (1,2)");
	is_refused("if(`a`,`e`,null) = 'one'");
	assert_int_equal(is_refused("`c` <> _utf8mb4'x'") & EXPRESSION_IGNORES_CASE, EXPRESSION_IGNORES_CASE);
	is_refused("`uca` <> ''");
	is_refused("`c` like 'S%'");
	is_refused("`c` in ('a')");
	is_refused("case `c` when 'a' then 1 end");
	is_refused("nullif(`c`,'a')");
	is_refused("replace(`c`,'a','b')");
	is_refused("if(`c` = 'ABC','y','n')");
	is_refused("concat(`c`,'x') = 'ax'");
	is_refused("`d` = `nopad`");
	is_refused("`d` < 'x'");
	is_refused("`d` between 'a' and 'b'");
	is_refused("`d` like 'x\\\\'");
	is_refused("`d` like `d`");
	is_refused("coalesce('a','b') like 'a'");
	is_refused("'a' = 'A'");
}

static void
text_is_cut_by_characters(void **state)
{
	(void) state;
	becomes("char_length(`l`) > 3", "char_length(\"l\") > 3");
	becomes("char_length(`ch`)", "char_length(CAST(\"ch\" AS text))");
	becomes("substr(`d`,1,3)", "substr(\"d\", 1, 3)");
	becomes("left(`d`,0)", "\"left\"(\"d\", 0)");
	becomes("concat(`d`,'-',`a`)", "CAST(\"d\" AS text) || '-' || CAST(\"a\" AS text)");
	becomes("concat(`p`,`a` > 1)", "CAST(\"p\" AS text) || CAST(CAST((\"a\" > 1) AS integer) AS text)");
	is_refused("substr(`d`,0,2)");
	is_refused("substring(`d`,-1)");
	is_refused("substr(`d`,`a`)");
	is_refused("substr(`d`,`a` + 1)");
	is_refused("substr(`a`,1)");
	is_refused("left(`d`,-1)");
	is_refused("concat(`z`)");
	is_refused("concat(`z` , ifnull(`z`,0))");
	is_refused("concat(`p` * 2)");
	is_refused("concat(`db`)");
	is_refused("concat(`dt`)");
	is_refused("concat(`e`)");
	is_refused("concat(NULL)");
	is_refused("coalesce(`a`,'x')");
}

static void
bytes_are_those_of_utf8(void **state)
{
	(void) state;
	becomes("length(`d`)", "octet_length(\"d\")");
	becomes("md5(`s`)", "md5(\"s\")");
	becomes("md5(`bl`)", "md5(\"bl\")");
	is_refused("length(`l`)");
	is_refused("md5(`l`)");
	is_refused("md5(concat(`l`,`d`))");
	is_refused("md5(`a`)");
}

static void
functions_get_their_names(void **state)
{
	(void) state;
	becomes("ifnull(`a`,0)", "coalesce(\"a\", 0)");
	becomes("year(`dt`)", "CAST(EXTRACT(YEAR FROM \"dt\") AS integer)");
	becomes("round(`p`, 2)", "round(\"p\", 2)");
	becomes("floor(`p`)", "floor(\"p\")");
	/* Which would be doubles. */
	becomes("round(`h`, 2)", "\"h\"");
	becomes("floor(`h`)", "\"h\"");
	becomes("sign(`a`)", "CAST(sign(CAST(\"a\" AS numeric)) AS integer)");
	becomes("upper(`s`)", "upper(\"s\" COLLATE \"C\")");
	becomes("lower('RED')", "lower('RED' COLLATE \"C\")");
	becomes("json_object()", "CAST('{}' AS jsonb)");
	becomes_for(&for_index, "lower(`d`)", "lower(\"d\")", EXPRESSION_CHANGES_CASE);
	becomes_for(&for_index, "current_timestamp(3)", "CURRENT_TIMESTAMP(3)", EXPRESSION_IS_VOLATILE);
	becomes_for(&for_index, "current_timestamp()", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes_for(&for_index, "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes_for(&for_index, "now()", "CURRENT_TIMESTAMP", EXPRESSION_IS_VOLATILE);
	becomes_for(&for_index, "curdate()", "CURRENT_DATE", EXPRESSION_IS_VOLATILE);
	becomes_for(&for_index, "uuid()", "gen_random_uuid()", EXPRESSION_IS_VOLATILE);
	is_refused_for(&for_check, "lower(`d`) = `d`");
	is_refused("year(`a`)");
	is_refused("year(`ts`)");
	is_refused("round(`db`)");
	is_refused("round(`p`,-1)");
}

/* They become NULL, and have a year there. */
static void
dates_that_may_be_zero_are_refused(void **state)
{
	(void) state;
	config.zero_dates = MY_ZERO_DATES_NULL;
	is_refused_for(&for_check, "year(`dt`) > 2000");
	is_refused_for(&for_check, "`dt` is null");
	is_refused_for(&for_check, "`ts` is null");
	becomes("year(`dt`)", "CAST(EXTRACT(YEAR FROM \"dt\") AS integer)");
	config.zero_dates = MY_ZERO_DATES_ERROR;
	becomes("`ts` is null", "\"ts\" IS NULL");
}

static void
json_is_json_only(void **state)
{
	(void) state;
	becomes("json_extract(`j`,_utf8mb4'$.a.b')", "\"j\" #> '{a,b}'");
	becomes("`mj` is null", "\"mj\" IS NULL");
	/* Of two equal keys it takes the first one. */
	is_refused("json_extract(`mj`,'$.a')");
	is_refused("json_value(`j`,'$.a')");
	is_refused("json_unquote(json_extract(`j`,'$.a'))");
	is_refused("json_unquote(`j`)");
	is_refused("json_extract(`j`,'$.a[0]')");
	is_refused("json_extract(`j`,'$.0')");
	is_refused("json_extract(`j`,'$.*')");
	is_refused("json_extract(`j`,'$')");
	is_refused("json_extract(`j`,'$.a}')");
	is_refused("json_extract(`j`,'$.a') = 1");
}

static void
a_column_takes_what_it_holds(void **state)
{
	MyColumn number = {.name = "n", .type = MY_INT};
	MyColumn tiny = {.name = "n", .type = MY_TINYINT, .is_unsigned = true};
	MyColumn flag = {.name = "n", .type = MY_TINYINT, .is_tinyint1 = true};
	MyColumn decimal = {.name = "n", .type = MY_DECIMAL, .precision = 10, .scale = 2};
	MyColumn real = {.name = "n", .type = MY_FLOAT};
	MyColumn text = {.name = "n", .type = MY_VARCHAR, .length = 20, UTF8_BIN};
	MyColumn latin = {.name = "n", .type = MY_VARCHAR, .length = 20, .charset = "latin1", .collation = "latin1_bin"};
	MyColumn short_text = {.name = "n", .type = MY_TEXT, .type_name = "tinytext", UTF8_BIN};
	MyColumn json = {.name = "n", .type = MY_JSON, .type_name = "json", UTF8_BIN};
	MyColumn date = {.name = "n", .type = MY_DATE};

	(void) state;
	into(&number, "integer", "`w` * `w`", "CAST((CAST(\"w\" AS bigint) * CAST(\"w\" AS bigint)) AS integer)");
	into(&number, "integer", "`a` > 1", "CAST(CAST((\"a\" > 1) AS integer) AS integer)");
	into(&number, "integer", "`p`", "CAST(\"p\" AS integer)");
	into(&number, "integer", "`db`", NULL);
	into(&number, "integer", "`d`", NULL);
	into(&number, "integer", "lower(`d`)", NULL);
	/* 255 there where it is not strict, and 256 in a smallint. */
	into(&tiny, "smallint", "`w` + 1", NULL);
	into(&tiny, "smallint", "`w` % 10", "CAST((CAST(\"w\" AS bigint) % 10) AS smallint)");
	into(&flag, "boolean", "`a` > 1", "\"a\" > 1");
	into(&flag, "boolean", "if(`a` > 1,1,0)", "CASE WHEN \"a\" > 1 THEN 1 ELSE 0 END <> 0");
	into(&flag, "boolean", "`a`", NULL);
	into(&decimal, "numeric(10,2)", "`p` - 1", "CAST((\"p\" - 1) AS numeric(10,2))");
	into(&real, "real", "`p`", NULL);
	into(&text, "varchar(20)", "concat(`d`,`a`)", "CAST(\"d\" AS text) || CAST(\"a\" AS text)");
	into(&text, "varchar(20)", "lower(`d`)", NULL);
	into(&text, "varchar(20)", "`a`", NULL);
	into(&latin, "varchar(20)", "`d`", NULL);
	into(&latin, "varchar(20)", "`l`", "\"l\"");
	into(&latin, "varchar(20)", "'\xc3\xa9'", NULL);
	into(&short_text, "text", "concat(`d`,`d`,`d`,`d`)", NULL);
	into(&short_text, "text", "`d`", "\"d\"");
	into(&json, "jsonb", "json_extract(`j`,'$.a')", "\"j\" #> '{a}'");
	into(&date, "date", "`dt`", NULL);
}

static void
what_may_mean_something_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"`a` || `B`",
		"`a` ^ 2",
		"!`d`",
		"! = `a`",
		"~`a`",
		"`a` & 1",
		"`a` | 1",
		"`a` << 1",
		"`a` div 2",
		"`a` xor `B`",
		"0xff",
		"1e5",
		"1.2.3",
		".",
		"`nosuch` > 1",
		"`t`.`a` > 1",
		"`g` > 1",
		"greatest(`a`,`B`)",
		"cast(`a` as char)",
		"`c` collate utf8mb4_bin",
		"`c` regexp 'x'",
		"_binary'x'",
		"unknown(`a`)",
		"if(`a`,1)",
		"now(`a`)",
		"now() > 1",
		"interval 1 day",
		"@a",
		"\"a\"",
		"`a`;",
		"(`a`",
		"`a`)",
		"`a`,`B`",
		"(`a`,`B`)",
		"`a` not",
		"`a` > ",
		"- - `a` -",
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
	becomes("`B` > `a`", "\"b\" > \"a\"");
	config.lower_names = false;
}

static void
deep_nesting_ends(void **state)
{
	static const char *const pieces[] = {"(", "not ", "-", "abs(", "case "};

	(void) state;
	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++)
	{
		StrBuf text = STRBUF_INIT;

		for (int i = 0; i < 100000; i++)
			strbuf_append(&text, pieces[k]);
		is_refused(strbuf_text(&text));
		strbuf_free(&text);
	}
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
		if (mysql_expression(strbuf_text(&text), &table, &config, &for_index, &out, &facts))
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
		cmocka_unit_test(integers_are_computed_in_64_bits),
		cmocka_unit_test(a_division_by_zero_is_null),
		cmocka_unit_test(comparisons_stay),
		cmocka_unit_test(truth_is_a_number),
		cmocka_unit_test(text_is_compared_by_its_collation),
		cmocka_unit_test(text_is_cut_by_characters),
		cmocka_unit_test(bytes_are_those_of_utf8),
		cmocka_unit_test(functions_get_their_names),
		cmocka_unit_test(dates_that_may_be_zero_are_refused),
		cmocka_unit_test(json_is_json_only),
		cmocka_unit_test(a_column_takes_what_it_holds),
		cmocka_unit_test(what_may_mean_something_else_is_refused),
		cmocka_unit_test(names_are_those_of_the_target),
		cmocka_unit_test(deep_nesting_ends),
		cmocka_unit_test(any_text_is_translated_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
