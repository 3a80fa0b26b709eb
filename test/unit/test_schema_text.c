/*
 * test_schema_text.c
 *		Cutting what pg_restore writes into one text for each entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "sync/schema_text.h"

#define SESSION "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\nSET check_function_bodies = false;\n"
#define TOP "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n-- Dumped by pg_dump version 15\n\n" \
	"SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n" \
	"SET check_function_bodies = false;\n\n"
#define HEAD(name, type) "--\n-- Name: " name "; Type: " type "; Schema: public; Owner: -\n--\n\n"
#define BOTTOM "\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n"

static Arena *arena;

static int
set_up(void **state DBSYNC_UNUSED)
{
	arena = arena_new(0);
	return 0;
}

static int
tear_down(void **state DBSYNC_UNUSED)
{
	arena_free(arena);
	return 0;
}

static void
each_entry_has_its_settings(void **state DBSYNC_UNUSED)
{
	static const char text[] = TOP
		"SET default_tablespace = fast;\n\n"
		HEAD("t t_pkey", "CONSTRAINT") "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n\n\n"
		"SET default_tablespace = '';\n\n"
		HEAD("t_v", "INDEX") "CREATE INDEX t_v ON public.t USING btree (v);\n\n\n"
		HEAD("INDEX t_v", "COMMENT") "COMMENT ON INDEX public.t_v IS 'SET default_tablespace = ''slow'';\nSET default_tablespace = ''';\n\n\n"
		"SET default_tablespace = \"a \"\"b\";\n\n"
		HEAD("t_w", "INDEX") "CREATE INDEX t_w ON public.t USING btree (w);\n" BOTTOM;
	static const char *const whats[] = {"CONSTRAINT public t t_pkey postgres\n", "INDEX public t_v postgres\n", "COMMENT public INDEX t_v postgres\n",
	"INDEX public t_w postgres\n"};
	const char *statements[4];

	assert_true(schema_text_cut(text, whats, 4, arena, statements));
	assert_string_equal(statements[0], SESSION "SET default_tablespace = fast;\n" HEAD("t t_pkey", "CONSTRAINT")
						"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n");
	assert_string_equal(statements[1], SESSION "SET default_tablespace = '';\n" HEAD("t_v", "INDEX") "CREATE INDEX t_v ON public.t USING btree (v);\n");
	assert_string_equal(statements[2], SESSION "SET default_tablespace = '';\n" HEAD("INDEX t_v", "COMMENT")
						"COMMENT ON INDEX public.t_v IS 'SET default_tablespace = ''slow'';\nSET default_tablespace = ''';\n");
	assert_string_equal(statements[3], SESSION "SET default_tablespace = \"a \"\"b\";\n" HEAD("t_w", "INDEX")
						"CREATE INDEX t_w ON public.t USING btree (w);\n");
}

static void
what_looks_like_a_head_leaves_a_doubt(void **state DBSYNC_UNUSED)
{
	static const char comment[] = TOP HEAD("INDEX t_v", "COMMENT") "COMMENT ON INDEX public.t_v IS 'a\n" HEAD("t_w", "INDEX") "';\n" BOTTOM;
	static const char both[] = TOP HEAD("INDEX t_v", "COMMENT") "COMMENT ON INDEX public.t_v IS 'a\n" HEAD("t_w", "INDEX") "';\n\n\n"
		HEAD("t_w", "INDEX") "CREATE INDEX t_w ON public.t USING btree (w);\n" BOTTOM;
	static const char *const whats[] = {"COMMENT public INDEX t_v postgres\n", "INDEX public t_w postgres\n", "INDEX public t_x postgres\n"};
	const char *statements[3];

	assert_false(schema_text_cut(comment, whats, 1, arena, statements));
	assert_false(schema_text_cut(both, whats, 2, arena, statements));
	/* as many, of other types; fewer */
	assert_false(schema_text_cut(both, whats + 1, 2, arena, statements));
	assert_false(schema_text_cut(TOP BOTTOM, whats, 1, arena, statements));
	assert_string_equal(schema_text_of_one(comment, arena), SESSION HEAD("INDEX t_v", "COMMENT") "COMMENT ON INDEX public.t_v IS 'a\n" HEAD("t_w", "INDEX") "';\n");
	assert_null(schema_text_of_one(TOP BOTTOM, arena));
}

static void
names_may_hold_anything_but_a_new_line(void **state DBSYNC_UNUSED)
{
	static const char text[] = TOP HEAD("a; Type: b", "INDEX") "CREATE INDEX \"a; Type: b\" ON public.t USING btree (v);\n" BOTTOM;
	static const char *const whats[] = {"INDEX public a; Type: b postgres\n"};
	const char *statements[1];

	assert_true(schema_text_cut(text, whats, 1, arena, statements));
	assert_string_equal(statements[0], SESSION HEAD("a; Type: b", "INDEX") "CREATE INDEX \"a; Type: b\" ON public.t USING btree (v);\n");
	assert_true(schema_text_cut(TOP BOTTOM, whats, 0, arena, statements));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_entry_has_its_settings),
		cmocka_unit_test(what_looks_like_a_head_leaves_a_doubt),
		cmocka_unit_test(names_may_hold_anything_but_a_new_line),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
