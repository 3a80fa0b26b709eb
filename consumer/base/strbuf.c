/*
 * strbuf.c
 *		The growing string.  Capacity doubles, so that appending byte by byte stays linear.
 */
#include "base/strbuf.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

void
strbuf_reset(StrBuf *buf)
{
	buf->length = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void
strbuf_free(StrBuf *buf)
{
	free(buf->data);
	*buf = (StrBuf) STRBUF_INIT;
}

char *
strbuf_detach(StrBuf *buf)
{
	char *text = (buf->data != NULL) ? buf->data : mem_strdup("");

	*buf = (StrBuf) STRBUF_INIT;
	return text;
}

const char *
strbuf_text(const StrBuf *buf)
{
	return (buf->data != NULL) ? buf->data : "";
}

void
strbuf_reserve(StrBuf *buf, size_t more)
{
	size_t capacity;
	size_t needed;

	/* One more for the zero byte; what overflows cannot be had and ends in "out of memory". */
	needed = (more >= SIZE_MAX - buf->length) ? SIZE_MAX : buf->length + more + 1;
	if (needed <= buf->capacity)
		return;

	capacity = (buf->capacity > 0) ? buf->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity = (capacity > SIZE_MAX / 2) ? needed : capacity * 2;
	buf->data = mem_realloc(buf->data, capacity);
	buf->data[buf->length] = '\0';
	buf->capacity = capacity;
}

void
strbuf_append(StrBuf *buf, const char *text)
{
	strbuf_append_bytes(buf, text, strlen(text));
}

void
strbuf_append_bytes(StrBuf *buf, const void *data, size_t length)
{
	strbuf_reserve(buf, length);
	if (length > 0)
		memcpy(buf->data + buf->length, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void
strbuf_printf(StrBuf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	strbuf_vprintf(buf, fmt, args);
	va_end(args);
}

void
strbuf_vprintf(StrBuf *buf, const char *fmt, va_list args)
{
	size_t room = buf->capacity - buf->length;
	va_list again;
	int length;

	va_copy(again, args);
	/* The analyzer forgets va_start() where it is given several files at once. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	length = vsnprintf((room > 0) ? buf->data + buf->length : NULL, room, fmt, args);
	if (length > 0)
	{
		if ((size_t) length >= room)
		{
			strbuf_reserve(buf, (size_t) length);
			vsnprintf(buf->data + buf->length, (size_t) length + 1, fmt, again);
		}
		buf->length += (size_t) length;
	}
	va_end(again);
}
