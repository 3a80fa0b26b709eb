/* Arenas: alignment, no overlap, what is held and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

static void
memory_is_aligned_and_does_not_overlap(void **state)
{
	enum
	{
		COUNT = 2000
	};
	Arena *arena = arena_new(1024);
	unsigned char *data[COUNT];
	size_t sizes[COUNT];

	(void) state;
	srand(1);
	for (int i = 0; i < COUNT; i++)
	{
		sizes[i] = (size_t) rand() % ((i % 50 == 0) ? 5000 : 60);
		data[i] = arena_alloc(arena, sizes[i]);
		assert_int_equal((uintptr_t) data[i] % alignof(max_align_t), 0);
		memset(data[i], i & 0xff, sizes[i]);
	}
	for (int i = 0; i < COUNT; i++)
	{
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(data[i][j], i & 0xff);
	}
	arena_free(arena);
}

static void
empty_requests_have_addresses_of_their_own(void **state)
{
	Arena *arena = arena_new(0);

	(void) state;
	assert_ptr_not_equal(arena_alloc(arena, 0), arena_alloc(arena, 0));
	arena_free(arena);
}

static void
reset_gives_large_blocks_back_and_keeps_an_ordinary_one(void **state)
{
	Arena *arena = arena_new(4096);
	size_t held;

	(void) state;
	assert_int_equal(arena_held_bytes(arena), 0);
	arena_alloc(arena, 100);
	held = arena_held_bytes(arena);
	assert_true(held >= 4096 && held < 5000);
	for (int i = 0; i < 1000; i++)
		arena_alloc(arena, 100);
	arena_alloc(arena, 10 * 1024 * 1024);
	assert_true(arena_held_bytes(arena) > 10 * 1024 * 1024);
	arena_reset(arena);
	assert_int_equal(arena_held_bytes(arena), held);
	arena_alloc(arena, 100);
	assert_int_equal(arena_held_bytes(arena), held);
	arena_free(arena);
}

static void
a_large_request_does_not_end_the_ordinary_block(void **state)
{
	Arena *arena = arena_new(4096);
	char *first = arena_alloc(arena, 16);
	char *second;

	(void) state;
	arena_alloc(arena, 100000);
	second = arena_alloc(arena, 16);
	assert_ptr_equal(second, first + 16);
	arena_free(arena);
}

static void
text_is_copied(void **state)
{
	Arena *arena = arena_new(0);
	char long_text[1000];

	(void) state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_string_equal(arena_strdup(arena, "abc"), "abc");
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(arena, "", 0), "");
	assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
	assert_string_equal(arena_printf(arena, "%d %s", 5, "x"), "5 x");
	assert_string_equal(arena_printf(arena, "%s", long_text), long_text);
	for (int i = 0; i < 100; i++)
		assert_int_equal(((char *) arena_zalloc(arena, 100))[i], 0);
	arena_free(arena);
	arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
		cmocka_unit_test(empty_requests_have_addresses_of_their_own),
		cmocka_unit_test(reset_gives_large_blocks_back_and_keeps_an_ordinary_one),
		cmocka_unit_test(a_large_request_does_not_end_the_ordinary_block),
		cmocka_unit_test(text_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
