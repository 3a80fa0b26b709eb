/*
 * my_text.c
 *		Zero bytes and broken UTF-8: found fast, replaced slowly.
 *
 * Nearly all text is plain, so that blocks of plain bytes are passed over at once.
 */
#include "mysql/my_text.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPLACEMENT "\xef\xbf\xbd"

/* How many bytes from here on are neither zero nor above 127; may stop early. */
static inline size_t
plain_length(const char *data, size_t length)
{
	size_t at = 0;

#ifdef __SSE2__
	/* As signed bytes, what is plain is greater than zero. */
	for (; at + 16 <= length; at += 16)
	{
		__m128i block = _mm_loadu_si128((const __m128i *) (const void *) (data + at));

		if (_mm_movemask_epi8(_mm_cmpgt_epi8(block, _mm_setzero_si128())) != 0xffff)
			break;
	}
#endif
	while (at < length && (signed char) data[at] > 0)
		at++;
	return at;
}

static inline bool
is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Length of the character at s, not beyond the end; 0: it is none.  No surrogates, no longer form than needed, nothing above U+10FFFF. */
static size_t
character_length(const unsigned char *s, size_t left)
{
	if (s[0] == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	if (left < 2 || !is_continuation(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if (left < 3 || !is_continuation(s[2]))
		return 0;
	if (s[0] < 0xf0)
		return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
	if (left < 4 || !is_continuation(s[3]))
		return 0;
	return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

MyProblem
my_text_check(const char *data, size_t length)
{
	size_t at = 0;

	for (;;)
	{
		size_t character;

		at += plain_length(data + at, length - at);
		if (at == length)
			return MY_PROBLEM_NONE;
		character = character_length((const unsigned char *) data + at, length - at);
		if (character == 0)
			return data[at] == '\0' ? MY_PROBLEM_ZERO_BYTE : MY_PROBLEM_ENCODING;
		at += character;
	}
}

void
my_text_replace(const char *data, size_t length, StrBuf *out)
{
	size_t at = 0;

	while (at < length)
	{
		size_t character = character_length((const unsigned char *) data + at, length - at);

		if (character == 0)
		{
			strbuf_append(out, REPLACEMENT);
			at++;
			continue;
		}
		strbuf_append_bytes(out, data + at, character);
		at += character;
	}
}

/* JSON */

/* The number of the escape \uXXXX at text, or -1. */
static int
unicode_escape(const char *text, const char *end)
{
	int value = 0;

	if (end - text < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
	{
		char c = text[i];
		int digit = (c >= '0' && c <= '9')   ? c - '0'
					: (c >= 'a' && c <= 'f') ? c - 'a' + 10
					: (c >= 'A' && c <= 'F') ? c - 'A' + 10
											 : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static bool
is_high(int code)
{
	return code >= 0xd800 && code <= 0xdbff;
}

static bool
is_low(int code)
{
	return code >= 0xdc00 && code <= 0xdfff;
}

/* Length of the escape at text, and what is wrong with it. */
static size_t
escape_length(const char *text, const char *end, MyProblem *problem)
{
	int code = unicode_escape(text, end);

	*problem = MY_PROBLEM_NONE;
	if (code < 0)
		return end - text < 2 ? 1 : 2;
	if (code == 0)
		*problem = MY_PROBLEM_ZERO_BYTE;
	else if (is_high(code) && is_low(unicode_escape(text + 6, end)))
		return 12;
	else if (is_high(code) || is_low(code))
		*problem = MY_PROBLEM_ENCODING;
	return 6;
}

/* Either the first problem, or all of the text with escapes replaced. */
static MyProblem
walk_json(const char *data, size_t length, StrBuf *out)
{
	const char *end = data + length;
	const char *done = data;
	const char *at = data;

	while ((at = memchr(at, '\\', (size_t) (end - at))) != NULL)
	{
		MyProblem problem;
		size_t escape = escape_length(at, end, &problem);

		if (problem != MY_PROBLEM_NONE)
		{
			if (out == NULL)
				return problem;
			strbuf_append_bytes(out, done, (size_t) (at - done));
			strbuf_append(out, REPLACEMENT);
			done = at + escape;
		}
		at += escape;
	}
	if (out != NULL)
		strbuf_append_bytes(out, done, (size_t) (end - done));
	return MY_PROBLEM_NONE;
}

MyProblem
my_json_check(const char *data, size_t length)
{
	return walk_json(data, length, NULL);
}

void
my_json_replace(const char *data, size_t length, StrBuf *out)
{
	(void) walk_json(data, length, out);
}
