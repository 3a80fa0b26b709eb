/* The hash map, against an array that says what must be in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define KEYS 500

static void
it_agrees_with_an_array_after_any_history(void **state)
{
	HashMap *map = hash_new();
	uintptr_t expected[KEYS] = {0};
	size_t count = 0;

	(void) state;
	srand(7);
	for (uintptr_t step = 1; step <= 200000; step++)
	{
		int number = rand() % KEYS;
		char key[32];
		size_t length = (size_t) snprintf(key, sizeof(key), "%0*d", 1 + number % 20, number);
		void *former;

		if (rand() % 5 < 2)
		{
			former = hash_remove(map, key, length);
			assert_ptr_equal(former, (void *) expected[number]);
			count -= (expected[number] != 0);
			expected[number] = 0;
		}
		else
		{
			former = hash_put(map, key, length, (void *) step);
			assert_ptr_equal(former, (void *) expected[number]);
			count += (expected[number] == 0);
			expected[number] = step;
		}
		assert_int_equal(hash_count(map), count);
		if (step % 1000 == 0)
		{
			for (int i = 0; i < KEYS; i++)
			{
				length = (size_t) snprintf(key, sizeof(key), "%0*d", 1 + i % 20, i);
				assert_ptr_equal(hash_get(map, key, length), (void *) expected[i]);
			}
		}
	}
	hash_free(map, NULL);
}

static void
keys_are_bytes_of_any_kind(void **state)
{
	HashMap *map = hash_new();
	int a;
	int b;
	int c;

	(void) state;
	assert_null(hash_get(map, "", 0));
	assert_null(hash_remove(map, "x", 1));
	assert_null(hash_put(map, "", 0, &a));
	assert_null(hash_put(map, "\0", 1, &b));
	assert_null(hash_put(map, "\0\0", 2, &c));
	assert_ptr_equal(hash_get(map, "", 0), &a);
	assert_ptr_equal(hash_get_text(map, ""), &a);
	assert_ptr_equal(hash_get(map, "\0", 1), &b);
	assert_ptr_equal(hash_get(map, "\0\0", 2), &c);
	assert_ptr_equal(hash_remove(map, "\0", 1), &b);
	assert_null(hash_get(map, "\0", 1));
	hash_put_number(map, UINT64_MAX, &b);
	assert_ptr_equal(hash_get_number(map, UINT64_MAX), &b);
	assert_null(hash_get_number(map, 0));
	hash_free(map, NULL);
}

static void
keys_are_copied(void **state)
{
	HashMap *map = hash_new();
	char key[] = "abc";

	(void) state;
	hash_put_text(map, key, key);
	memset(key, 'x', 3);
	assert_ptr_equal(hash_get_text(map, "abc"), key);
	assert_null(hash_get_text(map, "xxx"));
	hash_free(map, NULL);
}

static void
walking_meets_every_entry_once(void **state)
{
	HashMap *map = hash_new();
	bool seen[1000] = {false};
	size_t cursor = 0;
	const void *key;
	size_t length;
	void *value;
	int met = 0;

	(void) state;
	for (uintptr_t i = 0; i < 1000; i++)
		hash_put_number(map, i, (void *) i);
	while (hash_next(map, &cursor, &key, &length, &value))
	{
		uint64_t number;

		assert_int_equal(length, sizeof(number));
		memcpy(&number, key, sizeof(number));
		assert_int_equal(number, (uintptr_t) value);
		assert_false(seen[number]);
		seen[number] = true;
		met++;
	}
	assert_int_equal(met, 1000);
	hash_free(map, NULL);
}

static void
values_are_freed_with_the_map(void **state)
{
	HashMap *map = hash_new();

	(void) state;
	for (uint64_t i = 0; i < 3000; i++)
		hash_put_number(map, i, malloc(10));
	hash_clear(map, free);
	assert_int_equal(hash_count(map), 0);
	assert_null(hash_get_number(map, 5));
	hash_clear(map, free);
	hash_put_number(map, 1, malloc(10));
	hash_free(map, free);
	hash_free(NULL, free);
}

static void
hashes_are_stable_and_spread(void **state)
{
	uint64_t low[64] = {0};

	(void) state;
	assert_true(hash_bytes("abc", 3) == hash_bytes("abc", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
	assert_true(hash_bytes("", 0) != hash_bytes("\0", 1));
	/* Consecutive numbers, as keys are: the low bits choose the bucket. */
	for (uint64_t i = 0; i < 6400; i++)
		low[hash_bytes(&i, sizeof(i)) % 64]++;
	for (int i = 0; i < 64; i++)
		assert_in_range(low[i], 50, 150);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_an_array_after_any_history),
		cmocka_unit_test(keys_are_bytes_of_any_kind),
		cmocka_unit_test(keys_are_copied),
		cmocka_unit_test(walking_meets_every_entry_once),
		cmocka_unit_test(values_are_freed_with_the_map),
		cmocka_unit_test(hashes_are_stable_and_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
