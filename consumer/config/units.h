/*
 * units.h
 *		Sizes in bytes and times in milliseconds, as options have them.
 */
#ifndef DBSYNC_CONFIG_UNITS_H
#define DBSYNC_CONFIG_UNITS_H

#include <stdint.h>

#define KB     INT64_C(1024)
#define MB     (KB * 1024)
#define GB     (MB * 1024)
#define SECOND INT64_C(1000)
#define MINUTE (SECOND * 60)
#define DAY    (MINUTE * 60 * 24)

#endif
