/*
 * retry.c
 *		Waits between tries.
 */
#include "base/retry.h"

#include "base/clock.h"

#include <sys/random.h>

/* Jitter keeps several workers that lost the same server from coming back in one moment; it need not be a good number. */
static uint32_t
random_number(void)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t) sizeof(number))
		number = (uint32_t) clock_wall_us() * UINT32_C(2654435761);
	return number;
}

/* The jitter shortens, so that the longest wait is max_ms. */
int
retry_next_ms(Retry *retry)
{
	int wait_ms = (retry->next_ms > 0) ? retry->next_ms : retry->first_ms;

	if (wait_ms > retry->max_ms)
		wait_ms = retry->max_ms;
	if (wait_ms < 1)
		wait_ms = 1;
	retry->next_ms = (wait_ms > retry->max_ms / 2) ? retry->max_ms : wait_ms * 2;
	retry->tries++;
	return wait_ms - (int) (random_number() % ((uint32_t) wait_ms / 4 + 1));
}

void
retry_reset(Retry *retry)
{
	retry->next_ms = 0;
	retry->tries = 0;
}
