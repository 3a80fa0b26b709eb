/*
 * log.h
 *		One line per event: UTC time, level, module, message, key=value.
 *
 * The only mutable global besides the stop flag.  Thread-safe.  Writes to standard error, or to a file that log_reopen()
 * opens again (SIGHUP, log rotation).  While progress bars are on the terminal, observe/ registers hooks so that a line
 * does not tear them.  Never a password; no row data above trace.
 */
#ifndef DBSYNC_BASE_LOG_H
#define DBSYNC_BASE_LOG_H

#include "base/compiler.h"
#include "base/error.h"

typedef enum LogLevel
{
	LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE
} LogLevel;

/* path NULL: standard error, the level coloured where that is a terminal and NO_COLOR is not set. */
bool log_open(const char *path, LogLevel level, Error *err) DBSYNC_MUST_CHECK;
bool log_reopen(Error *err) DBSYNC_MUST_CHECK;		/* no-op on standard error */
/* Warnings and errors go to standard error as well, beside the file: somebody waits there. */
void log_echo(bool echo);
void log_set_level(LogLevel level);
bool log_level_parse(const char *text, LogLevel *level) DBSYNC_MUST_CHECK;
bool log_enabled(LogLevel level);

void log_write(LogLevel level, const char *module, const char *fmt, ...) DBSYNC_PRINTF(3, 4);

#define log_error(module, ...) log_write(LOG_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_write(LOG_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_write(LOG_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) do { if (log_enabled(LOG_DEBUG)) log_write(LOG_DEBUG, module, __VA_ARGS__); } while (0)
#define log_trace(module, ...) do { if (log_enabled(LOG_TRACE)) log_write(LOG_TRACE, module, __VA_ARGS__); } while (0)

/* The message, then the hint on a line of its own ("HINT: ..."); a hint of several lines gives as many. */
void log_report(LogLevel level, const char *module, const Error *err);

/* Called around each line written to a terminal; for progress bars.  NULL removes. */
void log_set_hooks(void (*before) (void *arg), void (*after) (void *arg), void *arg);
bool log_is_terminal(void);

/* For the moment in which there is no memory left: without lock, hooks or allocation. */
void log_write_emergency(const char *module, const char *text);

#endif
