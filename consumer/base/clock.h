/*
 * clock.h
 *		Time: monotonic for intervals, wall for people.  Thread-safe.
 */
#ifndef DBSYNC_BASE_CLOCK_H
#define DBSYNC_BASE_CLOCK_H

#include "base/compiler.h"

int64_t clock_monotonic_ms(void);
int64_t clock_wall_us(void);						/* microseconds since 1970-01-01 UTC */

#define CLOCK_TEXT_SIZE 40
/* "2026-11-24 03:39:23.123456+00", as the records have it; returns buf. */
const char *clock_format(int64_t wall_us, char buf[CLOCK_TEXT_SIZE]);
/* The reverse; also accepts any number of fraction digits, and an offset of +HH[:MM]. */
bool clock_parse(const char *text, int64_t *wall_us) DBSYNC_MUST_CHECK;
/* "1h 02m 03s", "12s", "340ms" */
const char *clock_format_duration(int64_t ms, char buf[CLOCK_TEXT_SIZE]);

#endif
