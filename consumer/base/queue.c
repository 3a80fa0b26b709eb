/*
 * queue.c
 *		The bounded queue: a ring that grows, one mutex, two conditions.
 */
#include "base/queue.h"

#include "base/arena.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct Slot
{
	void *item;
	size_t weight;
} Slot;

struct Queue
{
	pthread_mutex_t mutex;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	Slot *ring;
	size_t capacity;
	size_t first;
	size_t count;
	size_t weight;
	size_t limit;
	bool closed;
};

#define FIRST_CAPACITY 16

static void
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	/* A clock that is set back must not make a wait longer. */
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

Queue *
queue_new(size_t limit_bytes)
{
	Queue *queue = mem_zalloc(sizeof(Queue));

	pthread_mutex_init(&queue->mutex, NULL);
	condition_init(&queue->not_empty);
	condition_init(&queue->not_full);
	queue->limit = limit_bytes;
	return queue;
}

void
queue_free(Queue *queue, void (*free_item)(void *item))
{
	if (queue == NULL)
		return;
	queue_drop(queue, free_item);
	pthread_cond_destroy(&queue->not_full);
	pthread_cond_destroy(&queue->not_empty);
	pthread_mutex_destroy(&queue->mutex);
	free(queue->ring);
	free(queue);
}

static struct timespec
deadline_after(int timeout_ms)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (long) (timeout_ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000)
	{
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return deadline;
}

/* False once the deadline has passed. */
static bool
wait_for(pthread_cond_t *condition, pthread_mutex_t *mutex, int timeout_ms, const struct timespec *deadline)
{
	if (timeout_ms == 0)
		return false;
	if (timeout_ms < 0)
		return pthread_cond_wait(condition, mutex) == 0;
	return pthread_cond_timedwait(condition, mutex, deadline) != ETIMEDOUT;
}

static bool
is_full(const Queue *queue)
{
	return queue->count > 0 && queue->weight >= queue->limit;
}

static void
grow_ring(Queue *queue)
{
	size_t capacity = (queue->capacity > 0) ? queue->capacity * 2 : FIRST_CAPACITY;
	Slot *ring = mem_alloc(capacity * sizeof(Slot));

	for (size_t i = 0; i < queue->count; i++)
		ring[i] = queue->ring[(queue->first + i) % queue->capacity];
	free(queue->ring);
	queue->ring = ring;
	queue->capacity = capacity;
	queue->first = 0;
}

QueueResult
queue_put(Queue *queue, void *item, size_t weight_bytes, int timeout_ms)
{
	struct timespec deadline = {0};
	QueueResult result = QUEUE_OK;

	if (timeout_ms > 0)
		deadline = deadline_after(timeout_ms);
	pthread_mutex_lock(&queue->mutex);
	while (!queue->closed && is_full(queue))
	{
		if (!wait_for(&queue->not_full, &queue->mutex, timeout_ms, &deadline))
		{
			if (!queue->closed && is_full(queue))
				result = QUEUE_TIMEOUT;
			break;
		}
	}
	if (queue->closed)
		result = QUEUE_CLOSED;
	if (result == QUEUE_OK)
	{
		if (queue->count == queue->capacity)
			grow_ring(queue);
		queue->ring[(queue->first + queue->count) % queue->capacity] = (Slot){item, weight_bytes};
		queue->count++;
		queue->weight += weight_bytes;
		pthread_cond_signal(&queue->not_empty);
	}
	pthread_mutex_unlock(&queue->mutex);
	return result;
}

/* The queue is locked and not empty. */
static void *
take_first(Queue *queue)
{
	Slot slot = queue->ring[queue->first];

	queue->first = (queue->first + 1) % queue->capacity;
	queue->count--;
	queue->weight -= slot.weight;
	return slot.item;
}

QueueResult
queue_take(Queue *queue, void **item, int timeout_ms)
{
	struct timespec deadline = {0};
	QueueResult result = QUEUE_OK;

	*item = NULL;
	if (timeout_ms > 0)
		deadline = deadline_after(timeout_ms);
	pthread_mutex_lock(&queue->mutex);
	while (queue->count == 0 && !queue->closed)
	{
		if (!wait_for(&queue->not_empty, &queue->mutex, timeout_ms, &deadline))
			break;
	}
	if (queue->count > 0)
	{
		*item = take_first(queue);
		/* One that leaves may make room for several light ones. */
		if (!is_full(queue))
			pthread_cond_broadcast(&queue->not_full);
	}
	else
		result = queue->closed ? QUEUE_CLOSED : QUEUE_TIMEOUT;
	pthread_mutex_unlock(&queue->mutex);
	return result;
}

void
queue_close(Queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->closed = true;
	pthread_cond_broadcast(&queue->not_empty);
	pthread_cond_broadcast(&queue->not_full);
	pthread_mutex_unlock(&queue->mutex);
}

size_t
queue_drop(Queue *queue, void (*free_item)(void *item))
{
	size_t dropped;

	pthread_mutex_lock(&queue->mutex);
	dropped = queue->count;
	while (queue->count > 0)
	{
		void *item = take_first(queue);

		if (free_item != NULL)
			free_item(item);
	}
	pthread_cond_broadcast(&queue->not_full);
	pthread_mutex_unlock(&queue->mutex);
	return dropped;
}

size_t
queue_weight_bytes(Queue *queue)
{
	size_t weight;

	pthread_mutex_lock(&queue->mutex);
	weight = queue->weight;
	pthread_mutex_unlock(&queue->mutex);
	return weight;
}

size_t
queue_count(Queue *queue)
{
	size_t count;

	pthread_mutex_lock(&queue->mutex);
	count = queue->count;
	pthread_mutex_unlock(&queue->mutex);
	return count;
}
