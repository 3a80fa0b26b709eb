/*
 * retry.h
 *		How long to wait before the next try: doubling from first_ms to max_ms, with jitter of up to a quarter.
 *
 *		Retry retry = RETRY_INIT(500, 30000);
 *		while (!try_it(err) && err->kind == ERROR_RETRY)
 *			if (!stop_wait(retry_next_ms(&retry))) return error_set(err, ERROR_CANCELLED, ...);
 *		retry_reset(&retry);
 */
#ifndef DBSYNC_BASE_RETRY_H
#define DBSYNC_BASE_RETRY_H

#include "base/compiler.h"

typedef struct Retry
{
	int			first_ms;
	int			max_ms;
	int			next_ms;		/* 0: not started */
	int			tries;
} Retry;

#define RETRY_INIT(first, max) {(first), (max), 0, 0}

int  retry_next_ms(Retry *retry);
void retry_reset(Retry *retry);

#endif
