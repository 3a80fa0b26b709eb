/*
 * ini_file.c
 *		Feeds inih line by line.
 *
 * inih cuts lines at the size that it was built with, takes " ;" for a comment unless it was built otherwise, and does not say
 * where it is.  Debian's build lets a program set the first two; elsewhere they are constants, and a line that would be cut is an error here.
 */
#include "config/ini_file.h"

#include "base/arena.h"
#include "base/strbuf.h"

#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Weak: NULL where the library has them as constants. */
extern bool ini_allow_inline_comments __attribute__((weak));
extern bool ini_stop_on_first_error __attribute__((weak));
extern bool ini_use_stack __attribute__((weak));
extern int ini_max_line __attribute__((weak));
extern int ini_initial_alloc __attribute__((weak));

/* Room that inih wants behind the longest line. */
#define LINE_EXTRA 3
/* A configuration is not larger; most likely another file was named. */
#define MAX_FILE_BYTES (16 * 1024 * 1024)

typedef struct Reading
{
	const char *path;
	const IniHandler *handler;
	const char *next; /* of the file's text */
	const char *end;
	int line; /* number of the line that inih has */
	bool is_indented;

	/* the entry that may go on */
	bool has_entry;
	int entry_line;
	char *section;
	char *name;
	StrBuf value;

	Error *err;
	bool failed;
} Reading;

static bool
fail_at(Reading *reading, int line, const char *what)
{
	reading->failed = true;
	return error_set(reading->err, ERROR_USAGE, "%s:%d: %s", reading->path, line, what);
}

static bool
flush_entry(Reading *reading)
{
	bool ok = true;

	if (!reading->has_entry)
		return true;
	reading->has_entry = false;
	if (!reading->failed)
		ok = reading->handler->entry(reading->handler->arg, reading->section, reading->name,
									 strbuf_text(&reading->value), reading->entry_line, reading->err);
	if (!ok)
		reading->failed = true;
	free(reading->section);
	free(reading->name);
	reading->section = NULL;
	reading->name = NULL;
	strbuf_reset(&reading->value);
	return ok;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* inih would not look at what stands behind the bracket. */
static bool
check_section(Reading *reading, const char *start, const char *end)
{
	const char *bracket = memchr(start, ']', (size_t) (end - start));
	char *section;
	bool ok;

	if (bracket == NULL)
		return fail_at(reading, reading->line, "\"]\" is missing behind the name of the section");
	for (const char *c = bracket + 1; c < end; c++)
	{
		if (*c == ';' || *c == '#')
			break;
		if (!is_blank(*c))
			return fail_at(reading, reading->line, "an entry needs a line of its own below the section's");
	}
	if (!flush_entry(reading))
		return false;
	section = mem_strndup(start + 1, (size_t) (bracket - start - 1));
	ok = reading->handler->section(reading->handler->arg, section, reading->line, reading->err);
	if (!ok)
		reading->failed = true;
	free(section);
	return ok;
}

/* What inih would misread.  start..end: the line without its line feed. */
static bool
check_line(Reading *reading, const char *start, const char *end)
{
	const char *line = start;

	if (memchr(start, '\0', (size_t) (end - start)) != NULL)
		return fail_at(reading, reading->line, "holds a zero byte; this is not a text file");
	if (reading->line == 1 && end - start >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0)
		line = start += 3;
	while (start < end && is_blank(*start))
		start++;
	reading->is_indented = (start > line);
	if (start == end || *start == ';' || *start == '#')
		return true;
	if (*start == '[' && !(reading->is_indented && reading->has_entry))
		return check_section(reading, start, end);

	if (&ini_allow_inline_comments == NULL)
	{
		for (const char *c = start + 1; c < end; c++)
		{
			if (*c == ';' && is_blank(c[-1]))
				return fail_at(reading, reading->line,
							   "the INI library of this build would take what is behind \" ;\" for a comment");
		}
	}
	return true;
}

/* The fgets() of inih. */
static char *
read_line(char *buf, int size, void *stream)
{
	Reading *reading = stream;
	const char *end;
	size_t length;

	if (reading->failed || reading->next == reading->end)
		return NULL;
	reading->line++;
	end = memchr(reading->next, '\n', (size_t) (reading->end - reading->next));
	if (!check_line(reading, reading->next, (end != NULL) ? end : reading->end))
		return NULL;
	length = (size_t) (((end != NULL) ? end + 1 : reading->end) - reading->next);
	if (length + 1 > (size_t) size)
	{
		fail_at(reading, reading->line, "the line is longer than the INI library of this build can take");
		error_hint(reading->err, "let the value go on in lines that begin with white space, each shorter than %d bytes",
				   size - LINE_EXTRA);
		return NULL;
	}
	memcpy(buf, reading->next, length);
	buf[length] = '\0';
	reading->next += length;
	return buf;
}

static bool
looks_like_entry(const Reading *reading, const char *text)
{
	size_t length = strcspn(text, "=:");
	char *name;
	bool is_name;

	if (text[length] == '\0')
		return false;
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	name = mem_strndup(text, length);
	is_name = reading->handler->is_name(reading->handler->arg, name);
	free(name);
	return is_name;
}

/* inih's handler: returns 0 on an error. */
static int
take_entry(void *arg, const char *section, const char *name, const char *value)
{
	Reading *reading = arg;

	if (reading->failed)
		return 0;
	if (reading->has_entry && reading->is_indented && strcmp(name, reading->name) == 0)
	{
		if (looks_like_entry(reading, value))
		{
			fail_at(reading, reading->line, "begins with white space, so it would continue the value above");
			error_hint(reading->err, "remove the white space at the start of the line");
			return 0;
		}
		if (reading->value.length > 0)
			strbuf_append_char(&reading->value, ' ');
		strbuf_append(&reading->value, value);
		return 1;
	}
	if (!flush_entry(reading))
		return 0;
	reading->has_entry = true;
	reading->entry_line = reading->line;
	reading->section = mem_strdup(section);
	reading->name = mem_strdup(name);
	strbuf_append(&reading->value, value);
	return 1;
}

static bool
read_text(FILE *file, const char *path, StrBuf *text, Error *err)
{
	char chunk[8192];
	size_t length;

	while ((length = fread(chunk, 1, sizeof(chunk), file)) > 0)
	{
		strbuf_append_bytes(text, chunk, length);
		if (text->length > MAX_FILE_BYTES)
			return error_set(err, ERROR_USAGE, "%s: larger than %d MB; this is not a configuration file", path,
							 MAX_FILE_BYTES / 1024 / 1024);
	}
	if (ferror(file))
		return error_errno(err, "cannot read %s", path);
	return true;
}

static size_t
longest_line(const StrBuf *text)
{
	const char *next = strbuf_text(text);
	const char *end = next + text->length;
	size_t longest = 0;

	while (next < end)
	{
		const char *feed = memchr(next, '\n', (size_t) (end - next));
		size_t length = (size_t) (((feed != NULL) ? feed + 1 : end) - next);

		if (length > longest)
			longest = length;
		next += length;
	}
	return longest;
}

/* Where the library can be told. */
static void
prepare_library(size_t longest)
{
	int size = (int) longest + LINE_EXTRA;

	if (&ini_allow_inline_comments != NULL)
		ini_allow_inline_comments = false;
	if (&ini_stop_on_first_error != NULL)
		ini_stop_on_first_error = true;
	if (&ini_max_line != NULL && &ini_initial_alloc != NULL && &ini_use_stack != NULL && size > ini_max_line)
	{
		ini_use_stack = false;
		ini_initial_alloc = size;
		ini_max_line = size;
	}
}

bool
ini_file_read(FILE *file, const char *path, const IniHandler *handler, Error *err)
{
	Reading reading = {.path = path, .handler = handler, .err = err, .value = STRBUF_INIT};
	StrBuf text = STRBUF_INIT;
	int bad_line;
	bool ok = false;

	if (!read_text(file, path, &text, err))
		goto done;
	reading.next = strbuf_text(&text);
	reading.end = reading.next + text.length;
	prepare_library(longest_line(&text));

	bad_line = ini_parse_stream(read_line, &reading, take_entry, &reading);
	/* The entry above the line that inih cannot read may be wrong itself, and the first error is the one to show. */
	if (bad_line > 0 && reading.has_entry && reading.entry_line < bad_line)
		flush_entry(&reading);
	if (!reading.failed && bad_line > 0)
		fail_at(&reading, bad_line, "neither \"name = value\" nor a section, a comment or a continued value");
	else if (!reading.failed && bad_line < 0)
	{
		reading.failed = true;
		error_set(err, ERROR_FAILED, "%s: the INI library cannot read it", path);
	}
	flush_entry(&reading);
	ok = !reading.failed;
done:
	strbuf_free(&reading.value);
	strbuf_free(&text);
	return ok;
}
