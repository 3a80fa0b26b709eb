/*
 * compiler.h
 *		Attributes that the compiler checks for us.
 */
#ifndef DBSYNC_BASE_COMPILER_H
#define DBSYNC_BASE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBSYNC_MUST_CHECK __attribute__((warn_unused_result))
#define DBSYNC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DBSYNC_NORETURN __attribute__((noreturn))
#define DBSYNC_UNUSED __attribute__((unused))

#endif
