/*
 * log.c
 *		Builds a line in one piece and writes it by one write(), so that lines of several threads, and of several processes that
 *		append to one file, stay whole.
 */
#include "base/log.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct
{
	pthread_mutex_t mutex;
	char *path; /* NULL: standard error */
	int fd;
	bool is_terminal;
	bool is_coloured;
	bool is_echoed;
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *hook_arg;
} sink = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static atomic_int max_level = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};
static const char *const level_colours[] = {"\033[31m", "\033[33m", "\033[32m", "\033[36m", "\033[90m"};
#define COLOUR_END  "\033[0m"
#define LEVEL_COUNT ((int) (sizeof(level_names) / sizeof(level_names[0])))

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

bool
log_open(const char *path, LogLevel level, Error *err)
{
	const char *no_colour = getenv("NO_COLOR");
	int fd = STDERR_FILENO;

	if (path != NULL)
	{
		fd = open_file(path);
		if (fd < 0)
			return error_errno(err, "cannot open log file \"%s\"", path);
	}
	pthread_mutex_lock(&sink.mutex);
	if (sink.path != NULL)
	{
		close(sink.fd);
		free(sink.path);
	}
	sink.path = (path != NULL) ? mem_strdup(path) : NULL;
	sink.fd = fd;
	sink.is_terminal = (path == NULL) && isatty(fd) == 1;
	sink.is_coloured = sink.is_terminal && (no_colour == NULL || no_colour[0] == '\0');
	pthread_mutex_unlock(&sink.mutex);
	log_set_level(level);
	return true;
}

bool
log_reopen(Error *err)
{
	bool ok = true;

	pthread_mutex_lock(&sink.mutex);
	if (sink.path != NULL)
	{
		int fd = open_file(sink.path);

		/* The old file stays in use when the new one cannot be had. */
		if (fd < 0)
			ok = error_errno(err, "cannot open log file \"%s\"", sink.path);
		else
		{
			close(sink.fd);
			sink.fd = fd;
		}
	}
	pthread_mutex_unlock(&sink.mutex);
	return ok;
}

void
log_echo(bool echo)
{
	pthread_mutex_lock(&sink.mutex);
	sink.is_echoed = echo;
	pthread_mutex_unlock(&sink.mutex);
}

void
log_set_level(LogLevel level)
{
	atomic_store(&max_level, (int) level);
}

bool
log_level_parse(const char *text, LogLevel *level)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
	{
		if (strcmp(text, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return true;
		}
	}
	return false;
}

bool
log_enabled(LogLevel level)
{
	return (int) level <= atomic_load(&max_level);
}

/* Control characters would break the line, or play with the terminal: they are shown. */
static void
append_escaped(StrBuf *line, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end)
	{
		const char *start = text;

		while (text < end && (unsigned char) *text >= 0x20 && *text != 0x7f)
			text++;
		strbuf_append_bytes(line, start, (size_t) (text - start));
		if (text == end)
			break;
		switch (*text)
		{
			case '\n':
				strbuf_append(line, "\\n");
				break;
			case '\r':
				strbuf_append(line, "\\r");
				break;
			case '\t':
				strbuf_append_char(line, ' ');
				break;
			default:
				strbuf_printf(line, "\\x%02x", (unsigned char) *text);
				break;
		}
		text++;
	}
}

static void
append_prefix(StrBuf *line, LogLevel level, const char *module)
{
	char time_text[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_us(), time_text);
	/* Milliseconds are enough: cut in front of the microseconds and "+00". */
	time_text[strlen(time_text) - strlen("456+00")] = '\0';
	strbuf_printf(line, "%sZ %s%s%s %s: ", time_text, sink.is_coloured ? level_colours[level] : "", level_names[level],
				  sink.is_coloured ? COLOUR_END : "", module);
}

static void
write_all(int fd, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t written = write(fd, data, length);

		if (written < 0)
		{
			if (errno == EINTR)
				continue;
			return; /* a full disk must not stop the sync, and there is nobody to tell */
		}
		data += written;
		length -= (size_t) written;
	}
}

/* The sink is locked. */
static void
emit(LogLevel level, const StrBuf *lines)
{
	if (sink.is_echoed && sink.path != NULL && level <= LOG_WARN)
		write_all(STDERR_FILENO, lines->data, lines->length);
	if (sink.is_terminal && sink.before != NULL)
		sink.before(sink.hook_arg);
	write_all(sink.fd, lines->data, lines->length);
	if (sink.is_terminal && sink.after != NULL)
		sink.after(sink.hook_arg);
}

/* A line feed at the end, as libpq's messages have it, is not part of the message. */
static size_t
length_without_end(const char *text, size_t length)
{
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	return length;
}

void
log_write(LogLevel level, const char *module, const char *fmt, ...)
{
	int saved_errno = errno;
	StrBuf message = STRBUF_INIT;
	StrBuf line = STRBUF_INIT;
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, fmt);
	strbuf_vprintf(&message, fmt, args);
	va_end(args);

	pthread_mutex_lock(&sink.mutex);
	append_prefix(&line, level, module);
	append_escaped(&line, strbuf_text(&message), length_without_end(strbuf_text(&message), message.length));
	strbuf_append_char(&line, '\n');
	emit(level, &line);
	pthread_mutex_unlock(&sink.mutex);
	strbuf_free(&line);
	strbuf_free(&message);
	errno = saved_errno;
}

void
log_report(LogLevel level, const char *module, const Error *err)
{
	const char *message = (err->message != NULL) ? err->message : "unknown error";
	StrBuf lines = STRBUF_INIT;

	if (!log_enabled(level))
		return;
	pthread_mutex_lock(&sink.mutex);
	append_prefix(&lines, level, module);
	append_escaped(&lines, message, length_without_end(message, strlen(message)));
	if (err->sqlstate[0] != '\0')
		strbuf_printf(&lines, " sqlstate=%s", err->sqlstate);
	strbuf_append_char(&lines, '\n');

	/* A hint may be several statements, one a line. */
	for (const char *hint = err->hint, *label = "HINT:"; hint != NULL && *hint != '\0'; label = "     ")
	{
		size_t length = strcspn(hint, "\n");

		append_prefix(&lines, level, module);
		strbuf_printf(&lines, "%s ", label);
		append_escaped(&lines, hint, length);
		strbuf_append_char(&lines, '\n');
		hint += length + (hint[length] == '\n');
	}
	emit(level, &lines);
	pthread_mutex_unlock(&sink.mutex);
	strbuf_free(&lines);
}

void
log_set_hooks(void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
	pthread_mutex_lock(&sink.mutex);
	sink.before = before;
	sink.after = after;
	sink.hook_arg = arg;
	pthread_mutex_unlock(&sink.mutex);
}

bool
log_is_terminal(void)
{
	bool is_terminal;

	pthread_mutex_lock(&sink.mutex);
	is_terminal = sink.is_terminal;
	pthread_mutex_unlock(&sink.mutex);
	return is_terminal;
}

/* Neither locks nor allocates: the caller may hold the lock, and there is no memory. */
void
log_write_emergency(const char *module, const char *text)
{
	char time_text[CLOCK_TEXT_SIZE];
	char line[512];
	int length;

	clock_format(clock_wall_us(), time_text);
	length = snprintf(line, sizeof(line), "%.23sZ error %s: %s\n", time_text, module, text);
	if (length > 0)
		write_all(sink.fd, line, ((size_t) length < sizeof(line)) ? (size_t) length : sizeof(line) - 1);
}
