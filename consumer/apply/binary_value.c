/*
 * binary_value.c
 *		Text output of PostgreSQL's common types into the form of their send functions; floats and numerics in binary_number.c, dates
 *		and times in binary_time.c.
 */
#include "apply/binary_value.h"

#include "apply/binary_forms.h"

BinaryType
binary_type_of(uint32_t type_oid)
{
	switch (type_oid)
	{
		case 16:
			return BINARY_BOOL;
		case 17:
			return BINARY_BYTEA;
		case 20:
			return BINARY_INT8;
		case 21:
			return BINARY_INT2;
		case 23:
			return BINARY_INT4;
		case 26:
			return BINARY_OID;
		case 25:				/* text */
		case 114:				/* json */
		case 1042:				/* bpchar */
		case 1043:				/* varchar */
			return BINARY_TEXT;
		case 700:
			return BINARY_FLOAT4;
		case 701:
			return BINARY_FLOAT8;
		case 1082:
			return BINARY_DATE;
		case 1083:
			return BINARY_TIME;
		case 1114:
			return BINARY_TIMESTAMP;
		case 1184:
			return BINARY_TIMESTAMPTZ;
		case 1700:
			return BINARY_NUMERIC;
		case 2950:
			return BINARY_UUID;
		case 3802:
			return BINARY_JSONB;
		default:
			return BINARY_NONE;
	}
}

static inline bool
read_unsigned(const char *text, size_t length, uint64_t limit, uint64_t *number)
{
	uint64_t value = 0;

	if (length == 0 || length > MAX_INTEGER_DIGITS)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		unsigned digit = digit_of(text[i]);

		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return value <= limit;
}

/* limit is the largest positive number of the type; there is one more negative one. */
static inline bool
read_signed(const char *text, size_t length, uint64_t limit, uint64_t *number)
{
	if (length == 0 || text[0] != '-')
		return read_unsigned(text, length, limit, number);
	if (!read_unsigned(text + 1, length - 1, limit + 1, number))
		return false;
	*number = 0 - *number;
	return true;
}

/* ---- hex ---- */

/* Value of a hex digit plus one; 0: none. */
static const unsigned char hex_values[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static inline bool
read_hex(const char *from, unsigned char *byte)
{
	unsigned high = hex_values[(unsigned char) from[0]];
	unsigned low = hex_values[(unsigned char) from[1]];

	*byte = (unsigned char) (((high - 1) << 4) | (low - 1));
	return high != 0 && low != 0;
}

static bool
append_uuid(const char *text, size_t length, StrBuf *out)
{
	unsigned char bytes[16];
	const char *from = text;

	if (length != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
		return false;
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			from++;
		if (!read_hex(from, &bytes[i]))
			return false;
		from += 2;
	}
	memcpy(strbuf_room(out, sizeof(bytes)), bytes, sizeof(bytes));
	strbuf_grown(out, sizeof(bytes));
	return true;
}

static bool
append_bytea(const char *text, size_t length, StrBuf *out)
{
	size_t count = length / 2 - 1;
	unsigned char *to;
	bool ok = true;

	if (length < 2 || length % 2 != 0 || text[0] != '\\' || text[1] != 'x')
		return false;
	to = (unsigned char *) strbuf_room(out, count);
	for (size_t i = 0; i < count; i++)
		ok &= read_hex(text + 2 + 2 * i, &to[i]);
	/* What was written is not part of the string unless all of it is good. */
	strbuf_grown(out, ok ? count : 0);
	return ok;
}

/* ---- */

bool
binary_append(BinaryType type, const char *text, size_t length, StrBuf *out)
{
	uint64_t number;

	switch (type)
	{
		case BINARY_NONE:
			return false;
		case BINARY_TEXT:
			/* A zero byte, which no text of a server has, is refused by the receive function. */
			memcpy(strbuf_room(out, length), text, length);
			strbuf_grown(out, length);
			return true;
		case BINARY_BOOL:
			return length == 1 && (text[0] == 't' || text[0] == 'f') && append_8(out, text[0] == 't');
		case BINARY_INT2:
			return read_signed(text, length, INT16_MAX, &number) && append_16(out, (uint16_t) number);
		case BINARY_INT4:
			return read_signed(text, length, INT32_MAX, &number) && append_32(out, (uint32_t) number);
		case BINARY_INT8:
			return read_signed(text, length, INT64_MAX, &number) && append_64(out, number);
		case BINARY_OID:
			return read_unsigned(text, length, UINT32_MAX, &number) && append_32(out, (uint32_t) number);
		case BINARY_FLOAT4:
			return binary_append_float4(text, length, out);
		case BINARY_FLOAT8:
			return binary_append_float8(text, length, out);
		case BINARY_NUMERIC:
			return binary_append_numeric(text, length, out);
		case BINARY_DATE:
			return binary_append_date(text, length, out);
		case BINARY_TIME:
			return binary_append_time(text, length, out);
		case BINARY_TIMESTAMP:
			return binary_append_timestamp(text, length, false, out);
		case BINARY_TIMESTAMPTZ:
			return binary_append_timestamp(text, length, true, out);
		case BINARY_UUID:
			return append_uuid(text, length, out);
		case BINARY_BYTEA:
			return append_bytea(text, length, out);
		case BINARY_JSONB:		/* version 1 */
			if (length == 0)
				return false;
			*strbuf_room(out, length + 1) = 1;
			memcpy(out->data + out->length + 1, text, length);
			strbuf_grown(out, length + 1);
			return true;
	}
	return false;
}
