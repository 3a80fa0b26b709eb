/*
 * strbuf.h
 *		A growing string on the heap; always zero-terminated.  One owner; strbuf_free() or strbuf_detach().
 */
#ifndef DBSYNC_BASE_STRBUF_H
#define DBSYNC_BASE_STRBUF_H

#include "base/compiler.h"

#include <stdarg.h>
#include <string.h>

typedef struct StrBuf
{
	char	   *data;			/* NULL until the first append; strbuf_text() is never NULL */
	size_t		length;
	size_t		capacity;
} StrBuf;

/* Of any string. */
static inline bool
text_starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

#define STRBUF_INIT {NULL, 0, 0}

void  strbuf_reset(StrBuf *buf);					/* empty, keeps the memory */
void  strbuf_free(StrBuf *buf);
char *strbuf_detach(StrBuf *buf);					/* the string, to be freed by the caller; buf becomes empty */
const char *strbuf_text(const StrBuf *buf);			/* "" when empty */
void  strbuf_reserve(StrBuf *buf, size_t more);		/* room for so many more bytes */
void  strbuf_append(StrBuf *buf, const char *text);
void  strbuf_append_bytes(StrBuf *buf, const void *data, size_t length);
void  strbuf_printf(StrBuf *buf, const char *fmt, ...) DBSYNC_PRINTF(2, 3);
void  strbuf_vprintf(StrBuf *buf, const char *fmt, va_list args) DBSYNC_PRINTF(2, 0);

/*
 * For who writes bytes by itself: room for so many, and the place to write them; then strbuf_grown() with how many were written.  The
 * latter must follow once anything was written, be it with 0: it puts the zero byte back.
 */
static inline char *
strbuf_room(StrBuf *buf, size_t more)
{
	if (buf->capacity - buf->length <= more)
		strbuf_reserve(buf, more);
	return buf->data + buf->length;
}

static inline void
strbuf_grown(StrBuf *buf, size_t written)
{
	buf->length += written;
	buf->data[buf->length] = '\0';
}

/* Takes back what was appended since it had this length. */
static inline void
strbuf_cut(StrBuf *buf, size_t length)
{
	buf->length = length;
	if (buf->data != NULL)
		buf->data[length] = '\0';
}

static inline void
strbuf_append_char(StrBuf *buf, char c)
{
	*strbuf_room(buf, 1) = c;
	strbuf_grown(buf, 1);
}

#endif
