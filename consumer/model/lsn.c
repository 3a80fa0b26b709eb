/*
 * lsn.c
 *		Text of a position: two hexadecimal halves, 16/B374D848; of a binlog, as its users write it.
 */
#include "model/lsn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How this process speaks of positions; set before its threads are there. */
static bool shows_binlog;

static char *
put_half(char *to, uint32_t half)
{
	int shift = 28;

	while (shift > 0 && half >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789ABCDEF"[half >> shift & 15];
	return to;
}

const char *
lsn_format(Lsn lsn, char buf[LSN_TEXT_SIZE])
{
	char *to = put_half(buf, (uint32_t) (lsn >> 32));

	*to++ = '/';
	*put_half(to, (uint32_t) lsn) = '\0';
	return buf;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* One to eight digits; moves *text behind them. */
static bool
parse_half(const char **text, const char *end, uint32_t *value)
{
	const char *start = *text;
	uint32_t	result = 0;

	while (*text < end && *text - start < 8)
	{
		int			digit = hex_digit(**text);

		if (digit < 0)
			break;
		result = result << 4 | (uint32_t) digit;
		(*text)++;
	}
	*value = result;
	return *text > start;
}

bool
lsn_parse_bytes(const char *text, size_t length, Lsn *lsn)
{
	const char *end = text + length;
	uint32_t	high;
	uint32_t	low;

	if (!parse_half(&text, end, &high) || text == end || *text != '/')
		return false;
	text++;
	if (!parse_half(&text, end, &low) || text != end)
		return false;
	*lsn = (Lsn) high << 32 | low;
	return true;
}

bool
lsn_parse(const char *text, Lsn *lsn)
{
	return lsn_parse_bytes(text, strlen(text), lsn);
}

void
lsn_show_as_binlog(void)
{
	shows_binlog = true;
}

const char *
lsn_show(Lsn lsn, char buf[LSN_TEXT_SIZE])
{
	if (!shows_binlog)
		return lsn_format(lsn, buf);
	snprintf(buf, LSN_TEXT_SIZE, "%06" PRIu32 ":%" PRIu32, (uint32_t) (lsn >> 32), (uint32_t) lsn);
	return buf;
}

/* Digits alone; moves *text behind them. */
static bool
parse_number(const char **text, uint32_t *value)
{
	uint64_t	result = 0;

	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++)
	{
		result = result * 10 + (uint64_t) (**text - '0');
		if (result > UINT32_MAX)
			return false;
	}
	*value = (uint32_t) result;
	return true;
}

bool
lsn_parse_shown(const char *text, Lsn *lsn)
{
	uint32_t	file;
	uint32_t	offset;

	if (lsn_parse(text, lsn))
		return true;
	if (!parse_number(&text, &file) || *text++ != ':' || !parse_number(&text, &offset) || *text != '\0')
		return false;
	*lsn = (Lsn) file << 32 | offset;
	return true;
}
