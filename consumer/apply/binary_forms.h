/*
 * binary_forms.h
 *		Writing in network byte order, for all who make binary values; and what the files of binary_value.h share for reading.
 *
 * The readers run once for every value of a group: no allocation, and no parser of the C library (but for floats of many digits).  Each
 * checks the whole text before it writes a byte.  The append functions return false, with nothing appended, where they are not sure.
 */
#ifndef DBSYNC_APPLY_BINARY_FORMS_H
#define DBSYNC_APPLY_BINARY_FORMS_H

#include "base/strbuf.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline char *
write_16(char *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

static inline void
write_32(char *to, uint32_t value)
{
	value = htobe32(value);
	memcpy(to, &value, sizeof(value));
}

static inline bool
append_8(StrBuf *out, char value)
{
	*strbuf_room(out, 1) = value;
	strbuf_grown(out, 1);
	return true;
}

static inline bool
append_16(StrBuf *out, uint16_t value)
{
	write_16(strbuf_room(out, sizeof(value)), value);
	strbuf_grown(out, sizeof(value));
	return true;
}

static inline bool
append_32(StrBuf *out, uint32_t value)
{
	write_32(strbuf_room(out, sizeof(value)), value);
	strbuf_grown(out, sizeof(value));
	return true;
}

static inline bool
append_64(StrBuf *out, uint64_t value)
{
	value = htobe64(value);
	memcpy(strbuf_room(out, sizeof(value)), &value, sizeof(value));
	strbuf_grown(out, sizeof(value));
	return true;
}

#define MAX_INTEGER_DIGITS 19	/* never overflow 64 bits without a sign */

static inline unsigned
digit_of(char c)
{
	return (unsigned) (unsigned char) c - '0';	/* above 9: no digit */
}

static inline bool
word_is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* binary_number.c */
bool binary_append_float4(const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;
bool binary_append_float8(const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;
bool binary_append_numeric(const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;

/* binary_time.c */
bool binary_append_date(const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;
bool binary_append_time(const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;
bool binary_append_timestamp(const char *text, size_t length, bool has_zone, StrBuf *out) DBSYNC_MUST_CHECK;

#endif
