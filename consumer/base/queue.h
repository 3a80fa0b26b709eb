/*
 * queue.h
 *		A bounded first-in-first-out queue between threads, weighed in bytes.
 *
 * Full means: the weight of what is inside has reached the limit; one item may always pass an empty queue, whatever its
 * weight.  All functions are thread-safe.
 */
#ifndef DBSYNC_BASE_QUEUE_H
#define DBSYNC_BASE_QUEUE_H

#include "base/compiler.h"

typedef struct Queue Queue;

typedef enum QueueResult
{
	QUEUE_OK, QUEUE_TIMEOUT, QUEUE_CLOSED
} QueueResult;

Queue *queue_new(size_t limit_bytes);
void   queue_free(Queue *queue, void (*free_item) (void *item));	/* frees what is left; NULL queue is fine */

/* timeout_ms: 0 does not wait, -1 waits without end. */
QueueResult queue_put(Queue *queue, void *item, size_t weight_bytes, int timeout_ms);
QueueResult queue_take(Queue *queue, void **item, int timeout_ms);	/* what is inside a closed queue can still be taken */
void   queue_close(Queue *queue);									/* wakes everybody; puts fail from now on */
size_t queue_drop(Queue *queue, void (*free_item) (void *item));	/* empties it; returns how many */
size_t queue_weight_bytes(Queue *queue);
size_t queue_count(Queue *queue);

#endif
