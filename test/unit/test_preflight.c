/*
 * test_preflight.c
 *		What the preflight and its neighbours decide without a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "sync/pg_program.h"
#include "sync/plugin_list.h"
#include "sync/preflight_columns.h"
#include "sync/preflight_private.h"
#include "sync/readable_name.h"
#include "sync/schema.h"
#include "sync/table_filter.h"

static void
list_names_plugin(void **state DBSYNC_UNUSED)
{
	assert_true(plugin_list_has("alidecode", "alidecode"));
	assert_true(plugin_list_has("pgoutput, test_decoding, alidecode", "alidecode"));
	assert_true(plugin_list_has("  pgoutput ,alidecode  ", "alidecode"));
	assert_true(plugin_list_has("\"alidecode\"", "alidecode"));
	assert_true(plugin_list_has("\"a,b\", \"with \"\"quote\"\"\", alidecode", "alidecode"));
	assert_true(plugin_list_has("\"with \"\"quote\"\"\"", "with \"quote\""));
	assert_false(plugin_list_has("", "alidecode"));
	assert_false(plugin_list_has("  , ", "alidecode"));
	assert_false(plugin_list_has("pgoutput, alidecode2", "alidecode"));
	assert_false(plugin_list_has("my alidecode", "alidecode"));
	assert_false(plugin_list_has("\"pgoutput, alidecode\"", "alidecode"));
	assert_false(plugin_list_has("\"alidecode", "other"));
}

static void
list_keeps_what_it_has(void **state DBSYNC_UNUSED)
{
	StrBuf		text = STRBUF_INIT;

	plugin_list_with(&text, "pgoutput, \"x \"\"y\"\"\"", "alidecode");
	assert_string_equal(strbuf_text(&text), "'pgoutput', 'x \"y\"', 'alidecode'");
	strbuf_reset(&text);
	plugin_list_with(&text, "alidecode,pgoutput", "alidecode");
	assert_string_equal(strbuf_text(&text), "'alidecode', 'pgoutput'");
	strbuf_reset(&text);
	plugin_list_with(&text, "", "alidecode");
	assert_string_equal(strbuf_text(&text), "'alidecode'");
	strbuf_free(&text);
}

static void
assert_name(const char *name, const char *expected)
{
	StrBuf		text = STRBUF_INIT;

	readable_name_write(&text, name);
	assert_string_equal(strbuf_text(&text), expected);
	strbuf_free(&text);
}

static void
names_are_quoted_where_sql_needs_it(void **state DBSYNC_UNUSED)
{
	assert_name("orders", "orders");
	assert_name("_a1", "_a1");
	assert_name("Orders", "\"Orders\"");
	assert_name("1a", "\"1a\"");
	assert_name("a b", "\"a b\"");
	assert_name("a\"b", "\"a\"\"b\"");
	assert_name("all", "\"all\"");
	assert_name("table", "\"table\"");
	assert_name("with", "\"with\"");
	assert_name("user", "\"user\"");
	assert_name("name", "name");
	assert_name("\xc3\xa4", "\"\xc3\xa4\"");
}

static void
wider_types_hold_every_value(void **state DBSYNC_UNUSED)
{
	assert_true(column_type_is_wider("integer", "bigint"));
	assert_true(column_type_is_wider("numeric(10,2)", "numeric"));
	assert_true(column_type_is_wider("character varying(10)", "text"));
	assert_true(column_type_is_wider("character varying(10)", "character varying"));
	assert_false(column_type_is_wider("bigint", "integer"));
	assert_false(column_type_is_wider("numeric", "numeric(10,2)"));
	assert_false(column_type_is_wider("numeric(10,2)", "numeric(8,2)"));
	assert_false(column_type_is_wider("text", "character varying(10)"));
	assert_false(column_type_is_wider("character(10)", "character"));
	assert_false(column_type_is_wider("public.mood", "text"));
}

static void
append_item(const char *item, void *arg)
{
	StrBuf	   *text = arg;

	strbuf_append_char(text, '[');
	strbuf_append(text, item);
	strbuf_append_char(text, ']');
}

static void
patterns_are_taken_apart(void **state DBSYNC_UNUSED)
{
	StrBuf		text = STRBUF_INIT;

	table_filter_items(" public.a , \"my, schema\".\"t\"\"x\",s.*", append_item, &text);
	assert_string_equal(strbuf_text(&text), "[public.a][\"my, schema\".\"t\"\"x\"][s.*]");
	strbuf_free(&text);
}

static void
include_then_exclude(void **state DBSYNC_UNUSED)
{
	Config		config = {.include_tables = "app.*", .exclude_tables = "app.secret*"};

	assert_true(table_filter_wants("app", "orders", &config));
	assert_false(table_filter_wants("app", "secrets", &config));
	assert_false(table_filter_wants("public", "orders", &config));
	config.include_tables = NULL;
	assert_true(table_filter_wants("public", "orders", &config));
}

static void
program_version(void **state DBSYNC_UNUSED)
{
	assert_int_equal(pg_program_major("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), 15);
	assert_int_equal(pg_program_major("pg_dump (PostgreSQL) 18beta1\n"), 18);
	assert_int_equal(pg_program_major("something else"), 0);
}

static void
password_is_taken_out(void **state DBSYNC_UNUSED)
{
	Arena	   *arena = arena_new(0);
	Error		err = ERROR_INIT;
	const char *plain;
	const char *password;

	assert_true(pg_program_conninfo("host=h user=u password='se cret' dbname='it\\'s'", arena, &plain, &password, &err));
	assert_string_equal(password, "se cret");
	assert_null(strstr(plain, "cret"));
	assert_non_null(strstr(plain, "dbname='it\\'s'"));

	assert_true(pg_program_conninfo("postgresql://u:secret@h:5433/app?sslmode=require", arena, &plain, &password, &err));
	assert_string_equal(password, "secret");
	assert_null(strstr(plain, "secret"));
	assert_non_null(strstr(plain, "port='5433'"));
	assert_non_null(strstr(plain, "sslmode='require'"));

	assert_true(pg_program_conninfo("app", arena, &plain, &password, &err));
	assert_string_equal(plain, "dbname='app'");
	assert_null(password);

	assert_false(pg_program_conninfo("host=h sslpassword=x", arena, &plain, &password, &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_false(pg_program_conninfo("host=", arena, &plain, &password, &err) && strstr(plain, "host") != NULL);
	error_clear(&err);
	arena_free(arena);
}

static void
command_line_can_be_copied(void **state DBSYNC_UNUSED)
{
	Arena	   *arena = arena_new(0);
	const char *const argv[] = {"/bin/pg_dump", "-s", "host='a b'", "", NULL};

	assert_string_equal(pg_program_line(argv, arena), "/bin/pg_dump -s 'host='\\''a b'\\''' ''");
	arena_free(arena);
}

static void
entries_of_an_archive(void **state DBSYNC_UNUSED)
{
	uint32_t	class_oid;
	uint32_t	oid;
	const char *what;

	assert_true(schema_entry_parse("215; 1259 16386 TABLE public t postgres\n", &class_oid, &oid, &what));
	assert_int_equal(class_oid, 1259);
	assert_int_equal(oid, 16386);
	assert_string_equal(what, "TABLE public t postgres\n");
	assert_true(schema_entry_parse("9; 0 4294967295 X", &class_oid, &oid, &what));
	assert_int_equal(oid, 4294967295u);
	assert_false(schema_entry_parse("; Archive created at 2026\n", &class_oid, &oid, &what));
	assert_false(schema_entry_parse("\n", &class_oid, &oid, &what));
	assert_false(schema_entry_parse("12 13\n", &class_oid, &oid, &what));

	assert_true(schema_entry_is_ours("2; 3079 16400 EXTENSION - alidecode \n"));
	assert_true(schema_entry_is_ours("3; 0 0 COMMENT - EXTENSION hstore \n"));
	assert_true(schema_entry_is_ours("4; 2615 16399 SCHEMA - dbsync postgres\n"));
	assert_false(schema_entry_is_ours("4; 2615 16399 SCHEMA - dbsync2 postgres\n"));
	assert_false(schema_entry_is_ours("2; 3079 16400 EXTENSION - hstore \n"));
}

/* An outage makes other errors, and which come first is chance. */
static void
an_outage_makes_the_preflight_be_repeated(void **state DBSYNC_UNUSED)
{
	PreflightReport report = PREFLIGHT_REPORT_INIT;
	Preflight	p = {.report = &report};
	Error		err = ERROR_INIT;

	report.arena = arena_new(0);
	p.arena = report.arena;
	assert_true(preflight_verdict(&p, &err));

	error_set(&err, ERROR_FAILED, "permission denied");
	error_hint(&err, "grant it");
	assert_true(finding_add_error(&p, "source", &err));
	assert_int_equal(err.kind, ERROR_NONE);
	assert_string_equal(report.findings[0].mend, "grant it");
	assert_false(preflight_verdict(&p, &err));
	assert_int_equal(err.kind, ERROR_PREFLIGHT);

	error_set(&err, ERROR_RETRY, "connection lost");
	finding_add_failure(&p, "target", "wait", "no slot: ", &err);
	error_set(&err, ERROR_RETRY, "still lost");
	assert_true(finding_add_error(&p, "target", &err));
	finding_add(&p, FINDING_ERROR, "target", NULL, "two servers");
	assert_false(preflight_verdict(&p, &err));
	assert_int_equal(err.kind, ERROR_RETRY);
	assert_string_equal(err.message, "no slot: connection lost");
	assert_int_equal(report.errors, 4);
	assert_string_equal(report.findings[1].what, "no slot: connection lost");
	assert_string_equal(report.findings[1].mend, "wait");

	error_set(&err, ERROR_CANCELLED, "stopped");
	assert_false(finding_add_error(&p, "target", &err));
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_int_equal(report.errors, 4);
	error_clear(&err);
	preflight_report_free(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_names_plugin),
		cmocka_unit_test(list_keeps_what_it_has),
		cmocka_unit_test(names_are_quoted_where_sql_needs_it),
		cmocka_unit_test(wider_types_hold_every_value),
		cmocka_unit_test(patterns_are_taken_apart),
		cmocka_unit_test(include_then_exclude),
		cmocka_unit_test(program_version),
		cmocka_unit_test(password_is_taken_out),
		cmocka_unit_test(command_line_can_be_copied),
		cmocka_unit_test(entries_of_an_archive),
		cmocka_unit_test(an_outage_makes_the_preflight_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
