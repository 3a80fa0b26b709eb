/* The bounded queue, alone and between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/queue.h"

#include <pthread.h>

#define ITEMS   20000
#define THREADS 3

static void
items_leave_in_their_order(void **state)
{
	Queue *queue = queue_new(1000000);
	void *item;

	(void) state;
	/* Rounds of different length move the ring's start about. */
	for (uintptr_t round = 1; round < 50; round++)
	{
		for (uintptr_t i = 1; i <= round * 3; i++)
			assert_int_equal(queue_put(queue, (void *) i, 1, 0), QUEUE_OK);
		for (uintptr_t i = 1; i <= round * 3; i++)
		{
			assert_int_equal(queue_take(queue, &item, 0), QUEUE_OK);
			assert_int_equal((uintptr_t) item, i);
		}
	}
	assert_int_equal(queue_take(queue, &item, 0), QUEUE_TIMEOUT);
	queue_free(queue, NULL);
}

static void
weight_is_the_limit(void **state)
{
	Queue *queue = queue_new(100);
	void *item;
	int x;

	(void) state;
	assert_int_equal(queue_put(queue, &x, 60, 0), QUEUE_OK);
	assert_int_equal(queue_put(queue, &x, 60, 0), QUEUE_OK);
	assert_int_equal(queue_weight_bytes(queue), 120);
	assert_int_equal(queue_put(queue, &x, 1, 0), QUEUE_TIMEOUT);
	assert_int_equal(queue_count(queue), 2);
	assert_int_equal(queue_take(queue, &item, 0), QUEUE_OK);
	assert_int_equal(queue_put(queue, &x, 1, 0), QUEUE_OK);
	queue_free(queue, NULL);
}

static void
one_item_always_passes_an_empty_queue(void **state)
{
	Queue *queue = queue_new(0);
	int x;

	(void) state;
	assert_int_equal(queue_put(queue, &x, 1000000, 0), QUEUE_OK);
	assert_int_equal(queue_put(queue, &x, 0, 0), QUEUE_TIMEOUT);
	queue_free(queue, NULL);
}

static void
a_wait_ends_in_time(void **state)
{
	Queue *queue = queue_new(1);
	int64_t start = clock_monotonic_ms();
	void *item;

	(void) state;
	assert_int_equal(queue_take(queue, &item, 30), QUEUE_TIMEOUT);
	assert_null(item);
	assert_int_equal(queue_put(queue, queue, 1, 30), QUEUE_OK);
	assert_int_equal(queue_put(queue, queue, 1, 30), QUEUE_TIMEOUT);
	assert_true(clock_monotonic_ms() - start >= 60);
	queue_free(queue, NULL);
}

static void
a_closed_queue_can_be_emptied_but_not_filled(void **state)
{
	Queue *queue = queue_new(100);
	void *item;

	(void) state;
	assert_int_equal(queue_put(queue, malloc(1), 1, 0), QUEUE_OK);
	assert_int_equal(queue_put(queue, malloc(1), 1, 0), QUEUE_OK);
	assert_int_equal(queue_put(queue, malloc(1), 1, 0), QUEUE_OK);
	queue_close(queue);
	assert_int_equal(queue_put(queue, queue, 1, -1), QUEUE_CLOSED);
	assert_int_equal(queue_take(queue, &item, -1), QUEUE_OK);
	free(item);
	assert_int_equal(queue_drop(queue, free), 2);
	assert_int_equal(queue_weight_bytes(queue), 0);
	assert_int_equal(queue_take(queue, &item, -1), QUEUE_CLOSED);
	queue_free(queue, free);
	queue_free(NULL, free);
}

static void *
put_items(void *queue)
{
	for (uintptr_t i = 1; i <= ITEMS; i++)
	{
		if (queue_put(queue, (void *) i, i % 7, -1) != QUEUE_OK)
			return queue;
	}
	return NULL;
}

typedef struct Taker
{
	Queue *queue;
	pthread_t thread;
	uintptr_t sum;
	int count;
} Taker;

static void *
take_items(void *arg)
{
	Taker *taker = arg;
	void *item;

	while (queue_take(taker->queue, &item, -1) == QUEUE_OK)
	{
		taker->sum += (uintptr_t) item;
		taker->count++;
	}
	return NULL;
}

static void
nothing_is_lost_between_threads(void **state)
{
	Queue *queue = queue_new(50);
	pthread_t putters[THREADS];
	Taker takers[THREADS] = {0};
	uintptr_t sum = 0;
	int count = 0;
	void *failed;

	(void) state;
	for (int i = 0; i < THREADS; i++)
	{
		takers[i].queue = queue;
		assert_int_equal(pthread_create(&takers[i].thread, NULL, take_items, &takers[i]), 0);
		assert_int_equal(pthread_create(&putters[i], NULL, put_items, queue), 0);
	}
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(putters[i], &failed);
		assert_null(failed);
	}
	queue_close(queue);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(takers[i].thread, NULL);
		sum += takers[i].sum;
		count += takers[i].count;
	}
	assert_int_equal(count, THREADS * ITEMS);
	assert_int_equal(sum, (uintptr_t) THREADS * ITEMS * (ITEMS + 1) / 2);
	queue_free(queue, NULL);
}

static void
closing_wakes_who_waits(void **state)
{
	Queue *queue = queue_new(100);
	Taker taker = {.queue = queue};

	(void) state;
	assert_int_equal(pthread_create(&taker.thread, NULL, take_items, &taker), 0);
	queue_close(queue);
	pthread_join(taker.thread, NULL);
	assert_int_equal(taker.count, 0);
	queue_free(queue, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_leave_in_their_order),
		cmocka_unit_test(weight_is_the_limit),
		cmocka_unit_test(one_item_always_passes_an_empty_queue),
		cmocka_unit_test(a_wait_ends_in_time),
		cmocka_unit_test(a_closed_queue_can_be_emptied_but_not_filled),
		cmocka_unit_test(nothing_is_lost_between_threads),
		cmocka_unit_test(closing_wakes_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
