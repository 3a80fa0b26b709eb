/* Errors: setting, context, hints, moving, exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void
an_error_is_set_and_replaced(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	assert_false(error_set(&err, ERROR_FAILED, "first %d", 1));
	assert_false(error_hint(&err, "do %s", "this"));
	memcpy(err.sqlstate, "23505", 6);
	/* The new text may be made from the old. */
	assert_false(error_set(&err, ERROR_RETRY, "again: %s (%s)", err.message, err.hint));
	assert_int_equal(err.kind, ERROR_RETRY);
	assert_string_equal(err.message, "again: first 1 (do this)");
	assert_null(err.hint);
	assert_string_equal(err.sqlstate, "");
	error_clear(&err);
	assert_int_equal(err.kind, ERROR_NONE);
	assert_null(err.message);
}

static void
context_stands_in_front(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	error_set(&err, ERROR_STORE, "disk full");
	error_hint(&err, "make space");
	assert_false(error_context(&err, "table %s", "t"));
	assert_string_equal(err.message, "table t: disk full");
	assert_string_equal(err.hint, "make space");
	assert_int_equal(err.kind, ERROR_STORE);
	error_clear(&err);

	assert_false(error_context(&err, "without a message"));
	assert_string_equal(err.message, "without a message");
	assert_int_equal(err.kind, ERROR_FAILED);
	error_clear(&err);
}

static void
errno_becomes_text(void **state)
{
	Error err = ERROR_INIT;

	(void) state;
	errno = ENOENT;
	assert_false(error_errno(&err, "cannot open %s", "x"));
	assert_string_equal(err.message, "cannot open x: No such file or directory");
	assert_int_equal(err.kind, ERROR_FAILED);
	errno = ENOSPC;
	error_errno(&err, "cannot write");
	assert_int_equal(err.kind, ERROR_STORE);
	error_clear(&err);
}

static void
an_error_moves_whole(void **state)
{
	Error from = ERROR_INIT;
	Error to = ERROR_INIT;

	(void) state;
	error_set(&to, ERROR_FAILED, "old");
	error_set(&from, ERROR_GAP, "new");
	error_hint(&from, "hint");
	error_move(&to, &from);
	assert_string_equal(to.message, "new");
	assert_string_equal(to.hint, "hint");
	assert_int_equal(from.kind, ERROR_NONE);
	assert_null(from.message);
	error_move(&to, &to);
	assert_string_equal(to.message, "new");
	error_clear(&to);
}

static void
exit_codes_are_the_documented_ones(void **state)
{
	static const struct
	{
		ErrorKind kind;
		int code;
	} expected[] = {{ERROR_NONE, 0},      {ERROR_FAILED, 1},   {ERROR_USAGE, 2}, {ERROR_PREFLIGHT, 3},
					{ERROR_RETRY, 1},     {ERROR_CONFLICT, 1}, {ERROR_STORE, 1}, {ERROR_GAP, 1},
					{ERROR_CANCELLED, 1}, {ERROR_DIFFERENT, 4}};

	(void) state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		Error err = ERROR_INIT;

		err.kind = expected[i].kind;
		assert_int_equal(error_exit_code(&err), expected[i].code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_set_and_replaced),
		cmocka_unit_test(context_stands_in_front),
		cmocka_unit_test(errno_becomes_text),
		cmocka_unit_test(an_error_moves_whole),
		cmocka_unit_test(exit_codes_are_the_documented_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
