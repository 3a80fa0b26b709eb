/*
 * record_scan.c
 *		A scanner for insert, update and delete records: one pass over a copy, no tree; values stay where they are in it, ended by a zero
 *		byte in their quote's place.
 */
#include "model/record_scan.h"

#include "base/clock.h"

#include <string.h>

typedef struct Scan
{
	char	   *at;
	char	   *end;			/* a zero byte stands here */
	Arena	   *arena;
} Scan;

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* The high bit of each byte of word that equals the byte; bits above the lowest one set may be wrong. */
static inline uint64_t
match_bytes(uint64_t word, unsigned char byte)
{
	uint64_t	x = word ^ (ONES * byte);

	return (x - ONES) & ~x & HIGHS;
}

/* The first quote, backslash or control byte at or behind at, or end. */
static inline char *
find_special(char *at, char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (end - at >= 8)
	{
		uint64_t	word;
		uint64_t	found;

		memcpy(&word, at, 8);
		/* Bytes below 0x20: their subtraction borrows into the high bit. */
		found = match_bytes(word, '"') | match_bytes(word, '\\') | ((word - ONES * 0x20) & ~word & HIGHS);
		if (found != 0)
			return at + (__builtin_ctzll(found) >> 3);
		at += 8;
	}
#endif
	while (at < end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20)
		at++;
	return at;
}

static inline bool
take(Scan *scan, char c)
{
	if (*scan->at != c)
		return false;
	scan->at++;
	return true;
}

static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One character behind a backslash, to *to.  \u beyond control characters is left to the reference. */
static bool
unescape(Scan *scan, char **to)
{
	char		c;

	c = *scan->at++;
	switch (c)
	{
		case '"':
		case '\\':
		case '/':
			break;
		case 'b':
			c = '\b';
			break;
		case 'f':
			c = '\f';
			break;
		case 'n':
			c = '\n';
			break;
		case 'r':
			c = '\r';
			break;
		case 't':
			c = '\t';
			break;
		case 'u':
			{
				int			high;
				int			low;

				if (scan->end - scan->at < 4 || scan->at[0] != '0' || scan->at[1] != '0')
					return false;
				high = hex_digit(scan->at[2]);
				low = hex_digit(scan->at[3]);
				if (high < 0 || high > 7 || low < 0 || (high == 0 && low == 0))
					return false;
				c = (char) (high << 4 | low);
				scan->at += 4;
				break;
			}
		default:
			return false;
	}
	*(*to)++ = c;
	return true;
}

/* The rest of a string that has an escape: what is behind the first one moves up.  start is behind the opening quote. */
static bool
scan_escaped(Scan *scan, char *start, Value *value)
{
	char	   *to = scan->at;

	while (*scan->at == '\\')
	{
		char	   *special;

		scan->at++;
		if (!unescape(scan, &to))
			return false;
		special = find_special(scan->at, scan->end);
		memmove(to, scan->at, (size_t) (special - scan->at));
		to += special - scan->at;
		scan->at = special;
	}
	/* At the end of the record, or at a bare control byte, there is no quote. */
	if (*scan->at != '"')
		return false;
	*to = '\0';
	scan->at++;
	*value = (Value) {start, (size_t) (to - start), VALUE_TEXT};
	return true;
}

static bool
scan_value(Scan *scan, Value *value)
{
	char	   *start;

	switch (*scan->at)
	{
		case '"':
			start = ++scan->at;
			scan->at = find_special(start, scan->end);
			if (*scan->at == '\\')
				return scan_escaped(scan, start, value);
			if (*scan->at != '"')
				return false;
			*value = (Value) {start, (size_t) (scan->at - start), VALUE_TEXT};
			*scan->at++ = '\0';
			return true;
		case 'n':
			if (scan->end - scan->at < 4 || memcmp(scan->at, "null", 4) != 0)
				return false;
			scan->at += 4;
			*value = (Value) {NULL, 0, VALUE_NULL};
			return true;
		case 'f':
			if (scan->end - scan->at < 5 || memcmp(scan->at, "false", 5) != 0)
				return false;
			scan->at += 5;
			*value = (Value) {NULL, 0, VALUE_UNCHANGED};
			return true;
		default:
			return false;		/* {"hex":...} is rare */
	}
}

/* A list of exactly count values. */
static Value *
scan_values(Scan *scan, int count)
{
	Value	   *values = arena_alloc(scan->arena, sizeof(Value) * (size_t) (count + 1));

	if (!take(scan, '['))
		return NULL;
	for (int i = 0; i < count; i++)
	{
		if ((i > 0 && !take(scan, ',')) || !scan_value(scan, &values[i]))
			return NULL;
	}
	return take(scan, ']') ? values : NULL;
}

static bool
is_known(const Value *values, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (values[i].kind == VALUE_UNCHANGED)
			return false;
	}
	return true;
}

/* Old identity values, or null where the relation has none usable. */
static bool
scan_old(Scan *scan, Change *change)
{
	if (*scan->at == 'n')
	{
		Value		ignored;

		change->no_identity = true;
		return scan_value(scan, &ignored);
	}
	change->old_values = scan_values(scan, change->relation->identity_count);
	return change->old_values != NULL && is_known(change->old_values, change->relation->identity_count);
}

bool
record_scan(const char *text, size_t length, const RelationMap *map, Arena *arena, Change *change)
{
	Scan		scan;
	uint64_t	number = 0;
	int			digits = 0;

	memset(change, 0, sizeof(*change));
	switch (record_letter(text, length))
	{
		case 'I':
			change->kind = CHANGE_INSERT;
			break;
		case 'U':
			change->kind = CHANGE_UPDATE;
			break;
		case 'D':
			change->kind = CHANGE_DELETE;
			break;
		default:
			return false;
	}
	scan.arena = arena;
	scan.at = arena_strndup(arena, text, length);
	scan.end = scan.at + length;
	scan.at += 4;
	if (!take(&scan, ','))
		return false;
	while (*scan.at >= '0' && *scan.at <= '9' && digits < 18)
	{
		number = number * 10 + (uint64_t) (*scan.at++ - '0');
		digits++;
	}
	if (digits == 0 || (digits > 1 && scan.at[-digits] == '0') || !take(&scan, ','))
		return false;
	change->relation = relation_map_find(map, number);
	if (change->relation == NULL)
		return false;
	if (change->kind == CHANGE_DELETE)
	{
		if (!scan_old(&scan, change))
			return false;
	}
	else
	{
		change->new_values = scan_values(&scan, change->relation->column_count);
		if (change->new_values == NULL || (change->kind == CHANGE_INSERT && !is_known(change->new_values, change->relation->column_count)))
			return false;
		if (change->kind == CHANGE_UPDATE && take(&scan, ',') && !scan_old(&scan, change))
			return false;
	}
	return take(&scan, ']') && scan.at == scan.end;
}

/*
 * Begin and commit, read in place
 */

typedef struct Peek
{
	const char *at;
	const char *end;
} Peek;

static bool
peek_text(Peek *peek, const char *text)
{
	size_t		length = strlen(text);

	if ((size_t) (peek->end - peek->at) < length || memcmp(peek->at, text, length) != 0)
		return false;
	peek->at += length;
	return true;
}

/* A string without escapes, behind its opening quote. */
static bool
peek_string(Peek *peek, const char **string, size_t *length)
{
	const char *from = peek->at;

	while (peek->at < peek->end && *peek->at != '"' && *peek->at != '\\' && (unsigned char) *peek->at >= 0x20 && (unsigned char) *peek->at < 0x80)
		peek->at++;
	if (peek->at == peek->end || *peek->at != '"')
		return false;
	*string = from;
	*length = (size_t) (peek->at - from);
	peek->at++;
	return true;
}

static bool
peek_lsn(Peek *peek, Lsn *lsn)
{
	const char *string;
	size_t		length;

	return peek_string(peek, &string, &length) && lsn_parse_bytes(string, length, lsn);
}

static bool
peek_time(Peek *peek, int64_t *time_us)
{
	const char *string;
	size_t		length;
	char		text[CLOCK_TEXT_SIZE];

	if (!peek_string(peek, &string, &length) || length >= sizeof(text))
		return false;
	memcpy(text, string, length);
	text[length] = '\0';
	return clock_parse(text, time_us);
}

static bool
peek_xid(Peek *peek, uint32_t *xid)
{
	uint64_t	number = 0;
	const char *from = peek->at;

	for (; peek->at < peek->end && *peek->at >= '0' && *peek->at <= '9' && number <= UINT32_MAX; peek->at++)
		number = number * 10 + (uint64_t) (*peek->at - '0');
	*xid = (uint32_t) number;
	return peek->at > from && number <= UINT32_MAX && (*from != '0' || peek->at == from + 1);
}

bool
record_scan_begin(const char *text, size_t length, uint32_t *xid, Lsn *commit_lsn, int64_t *commit_time_us)
{
	Peek		peek = {text, text + length};

	return peek_text(&peek, "[\"B\",") && peek_xid(&peek, xid) && peek_text(&peek, ",\"") && peek_lsn(&peek, commit_lsn) &&
		peek_text(&peek, ",\"") && peek_time(&peek, commit_time_us) && peek_text(&peek, "]") && peek.at == peek.end;
}

bool
record_scan_commit(const char *text, size_t length, Lsn *commit_lsn, Lsn *end_lsn)
{
	Peek		peek = {text, text + length};
	const char *time;
	size_t		time_length;

	return peek_text(&peek, "[\"C\",\"") && peek_lsn(&peek, commit_lsn) && peek_text(&peek, ",\"") && peek_lsn(&peek, end_lsn) &&
		peek_text(&peek, ",\"") && peek_string(&peek, &time, &time_length) && peek_text(&peek, "]") && peek.at == peek.end;
}
