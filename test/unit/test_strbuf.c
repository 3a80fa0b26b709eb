/* The growing string. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/strbuf.h"

#include <string.h>

static void
an_empty_string_is_text(void **state)
{
	StrBuf buf = STRBUF_INIT;
	char *text;

	(void) state;
	assert_string_equal(strbuf_text(&buf), "");
	strbuf_reset(&buf);
	text = strbuf_detach(&buf);
	assert_string_equal(text, "");
	free(text);
	strbuf_free(&buf);
}

static void
pieces_are_joined(void **state)
{
	StrBuf buf = STRBUF_INIT;

	(void) state;
	strbuf_append(&buf, "ab");
	strbuf_append_char(&buf, 'c');
	strbuf_append_bytes(&buf, "\0d", 2);
	strbuf_append_bytes(&buf, NULL, 0);
	strbuf_printf(&buf, "%05d", 42);
	assert_int_equal(buf.length, 10);
	assert_memory_equal(buf.data, "abc\0d00042", 11);
	strbuf_reset(&buf);
	assert_string_equal(strbuf_text(&buf), "");
	strbuf_free(&buf);
	assert_null(buf.data);
}

static void
it_grows_by_any_amount(void **state)
{
	StrBuf buf = STRBUF_INIT;
	char *expected = malloc(200001);
	char *text;

	(void) state;
	memset(expected, 'y', 200000);
	expected[200000] = '\0';
	for (int i = 0; i < 100000; i++)
		strbuf_append_char(&buf, 'y');
	strbuf_printf(&buf, "%.*s", 100000, expected);
	assert_int_equal(buf.length, 200000);
	text = strbuf_detach(&buf);
	assert_string_equal(text, expected);
	assert_int_equal(buf.length, 0);
	free(text);
	free(expected);
}

static void
reserved_room_is_not_moved(void **state)
{
	StrBuf buf = STRBUF_INIT;
	char *data;

	(void) state;
	strbuf_append(&buf, "x");
	strbuf_reserve(&buf, 5000);
	data = buf.data;
	for (int i = 0; i < 5000; i++)
		strbuf_append_char(&buf, 'z');
	assert_ptr_equal(buf.data, data);
	assert_int_equal(strlen(strbuf_text(&buf)), 5001);
	strbuf_free(&buf);
}

static void
printf_fits_exactly(void **state)
{
	(void) state;
	/* Around the edge of a block. */
	for (int length = 50; length < 140; length++)
	{
		StrBuf buf = STRBUF_INIT;

		strbuf_append(&buf, "0123456789");
		strbuf_printf(&buf, "%*s", length, "");
		assert_int_equal(buf.length, 10 + length);
		assert_int_equal(strlen(strbuf_text(&buf)), 10 + length);
		strbuf_free(&buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_string_is_text), cmocka_unit_test(pieces_are_joined),
		cmocka_unit_test(it_grows_by_any_amount),  cmocka_unit_test(reserved_room_is_not_moved),
		cmocka_unit_test(printf_fits_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
