/*
 * mysql_json_text.c
 *		Text as a JSON string, eight bytes at a time where nothing is to be escaped.
 */
#include "source/mysql_private.h"

#include <string.h>

/* Bytes of a JSON string that must be escaped. */
static inline bool
needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Is any of eight bytes such one?  Each test leaves the high bit set in bytes for which it holds (and maybe in bytes above those). */
static inline bool
any_needs_escape(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t	word;
	uint64_t	quote;
	uint64_t	backslash;

	memcpy(&word, at, sizeof(word));
	quote = word ^ (ones * '"');
	backslash = word ^ (ones * '\\');
	return ((((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & high) != 0;
}

static char *
put_escaped(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	*to++ = '\\';
	switch (c)
	{
		case '"':
		case '\\':
			*to++ = (char) c;
			break;
		case '\n':
			*to++ = 'n';
			break;
		case '\r':
			*to++ = 'r';
			break;
		case '\t':
			*to++ = 't';
			break;
		default:
			*to++ = 'u';
			*to++ = '0';
			*to++ = '0';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
	}
	return to;
}

void
mysource_append_json(StrBuf *out, const char *data, size_t length)
{
	const char *end = data + length;
	char	   *start;
	char	   *to;

	/* Most text has nothing to escape: room is taken for that, and more when something turns up. */
	start = to = strbuf_room(out, length + 2);
	*to++ = '"';
	while (data < end)
	{
		if (end - data >= 8 && !any_needs_escape(data))
		{
			memcpy(to, data, 8);
			to += 8;
			data += 8;
		}
		else if (!needs_escape((unsigned char) *data))
			*to++ = *data++;
		else
		{
			strbuf_grown(out, (size_t) (to - start));
			start = to = strbuf_room(out, (size_t) (end - data) + 8);
			to = put_escaped(to, (unsigned char) *data++);
		}
	}
	*to++ = '"';
	strbuf_grown(out, (size_t) (to - start));
}
