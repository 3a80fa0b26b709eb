/*
 * my_row_text.c
 *		Text of a stored value, as the server's text protocol would have it.
 *
 * FLOAT is the exception: the server prints six digits; here are as many as bring the same number back.
 */
#include "mysql/my_row.h"

#include "mysql/my_double.h"
#include "mysql/my_json.h"
#include "mysql/my_row_time.h"

#include <inttypes.h>
#include <zlib.h>

#define DIGITS_PER_WORD 9

static char *
put_number(char *out, uint64_t value)
{
	char		digits[20];
	int			count = 0;

	do
	{
		digits[count++] = (char) ('0' + value % 10);
		value /= 10;
	} while (value > 0);
	while (count > 0)
		*out++ = digits[--count];
	return out;
}

static void
integer_text(const MyRowColumn *column, const uint8_t *data, StrBuf *out)
{
	int			size = column->fixed_size;
	uint64_t	value = my_bytes_le(data, size);
	char	   *start = strbuf_room(out, 24);
	char	   *to = start;

	if (!column->column->is_unsigned && (data[size - 1] & 0x80) != 0)
	{
		*to++ = '-';
		value = (~value + 1) & (UINT64_MAX >> (64 - 8 * size));
	}
	strbuf_grown(out, (size_t) (put_number(to, value) - start));
}

/*
 * DECIMAL: digits in groups of nine, four bytes each, big-endian; a shorter group at either end takes as many bytes as it needs.  The highest bit is
 * set for a number that is not negative; of a negative one all bits are inverted.
 */
static uint32_t
decimal_group(const uint8_t *data, int bytes, uint8_t mask)
{
	uint32_t	value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | (uint8_t) (data[i] ^ mask);
	return value;
}

static char *
put_group(char *out, uint32_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + value % 10);
		value /= 10;
	}
	return out + digits;
}

static void
decimal_text(const MyStoredColumn *stored, const uint8_t *data, StrBuf *out)
{
	static const int rest_bytes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
	uint8_t		copy[40];		/* 81 digits are 37 bytes at most */
	int			whole = stored->precision - stored->scale;
	int			size = whole / DIGITS_PER_WORD * 4 + rest_bytes[whole % DIGITS_PER_WORD] + stored->scale / DIGITS_PER_WORD * 4 +
		rest_bytes[stored->scale % DIGITS_PER_WORD];
	uint8_t		mask = (data[0] & 0x80) != 0 ? 0 : 0xff;
	const uint8_t *at = copy;
	char	   *start = strbuf_room(out, 96);
	char	   *to = start;
	char	   *digits;
	int			rest;

	memcpy(copy, data, (size_t) size);
	copy[0] ^= 0x80;
	if (mask != 0)
		*to++ = '-';
	digits = to;
	rest = whole % DIGITS_PER_WORD;
	to = put_group(to, decimal_group(at, rest_bytes[rest], mask), rest);
	at += rest_bytes[rest];
	for (int i = 0; i < whole / DIGITS_PER_WORD; i++, at += 4)
		to = put_group(to, decimal_group(at, 4, mask), DIGITS_PER_WORD);

	/* zeroes in front, but for the last digit */
	rest = 0;
	while (rest < to - digits && digits[rest] == '0')
		rest++;
	if (rest > 0)
	{
		memmove(digits, digits + rest, (size_t) (to - digits - rest));
		to -= rest;
	}
	if (to == digits)
		*to++ = '0';

	if (stored->scale > 0)
	{
		*to++ = '.';
		for (int i = 0; i < stored->scale / DIGITS_PER_WORD; i++, at += 4)
			to = put_group(to, decimal_group(at, 4, mask), DIGITS_PER_WORD);
		rest = stored->scale % DIGITS_PER_WORD;
		to = put_group(to, decimal_group(at, rest_bytes[rest], mask), rest);
	}
	strbuf_grown(out, (size_t) (to - start));
}

/* The fewest digits that bring the number back. */
static void
float_text(const uint8_t *data, bool is_double, StrBuf *out)
{
	float		single;
	double		value;

	if (is_double)
		memcpy(&value, data, sizeof(value));
	else
	{
		memcpy(&single, data, sizeof(single));
		value = single;
	}
	my_append_double(out, value, !is_double);
}

/* The catalogue may have put a question mark in place of another character; who says what the column becomes has looked at it. */
static bool
check_label(const MyColumn *known, const char *label, Error *err)
{
	if (!known->labels_uncertain || known->target_type != NULL || strchr(label, '?') == NULL)
		return true;
	error_set(err, ERROR_FAILED, "column %s: its label \"%s\" may have another character where the catalogue shows \"?\"", known->name, label);
	return error_hint(err, "if the label is right as it is shown, say what the column becomes in types of [src.mysql]: TABLE.%s = text", known->name);
}

static bool
label_text(const MyRowColumn *column, const uint8_t *data, StrBuf *out, Error *err)
{
	const MyColumn *known = column->column;
	uint64_t	value = my_bytes_le(data, column->fixed_size);
	bool		is_first = true;

	if (column->stored.type == MY_STORED_ENUM)
	{
		if (value > (uint64_t) known->label_count)
			return error_set(err, ERROR_FAILED, "column %s: the enum value %" PRIu64 " has no label in the table's definition", known->name, value);
		/* 0 is what the server stores for a wrong label */
		if (value == 0)
			return true;
		strbuf_append(out, known->labels[value - 1]);
		return check_label(known, known->labels[value - 1], err);
	}
	if (known->label_count < 64 && value >> known->label_count != 0)
		return error_set(err, ERROR_FAILED, "column %s: the set value %" PRIu64 " has no label in the table's definition", known->name, value);
	for (int i = 0; i < known->label_count; i++)
	{
		if ((value >> i & 1) == 0)
			continue;
		if (!is_first)
			strbuf_append_char(out, ',');
		if (!check_label(known, known->labels[i], err))
			return false;
		strbuf_append(out, known->labels[i]);
		is_first = false;
	}
	return true;
}

static bool
bad_compressed(const MyRowColumn *column, Error *err)
{
	return error_set(err, ERROR_FAILED, "column %s: malformed compressed value", column->column->name);
}

/* MariaDB's COMPRESSED columns: one byte of header, the big-endian length, raw deflate; a header of 0 stands before plain bytes. */
static bool
uncompress_value(const MyRowColumn *column, const MyCell *cell, StrBuf *out, Error *err)
{
	MyBytes		bytes = my_bytes(cell->data, cell->length);
	unsigned	header = (unsigned) my_bytes_number(&bytes, 1);
	int			size_bytes = (int) (header & 7);
	const uint8_t *size_at;
	uint64_t	size;
	z_stream	stream;
	bool		ok;

	if (cell->length == 0)
		return true;
	if (header == 0)
	{
		strbuf_append_bytes(out, bytes.at, my_bytes_left(&bytes));
		return true;
	}
	size_at = my_bytes_take(&bytes, (uint64_t) size_bytes);
	if (size_at == NULL || header >> 4 != 8 || size_bytes < 1 || size_bytes > 4)
		return bad_compressed(column, err);
	size = my_bytes_be(size_at, size_bytes);
	if (size / 1100 > my_bytes_left(&bytes))
		return bad_compressed(column, err);

	memset(&stream, 0, sizeof(stream));
	stream.next_in = (Bytef *) bytes.at;
	stream.avail_in = (uInt) my_bytes_left(&bytes);
	stream.next_out = (Bytef *) strbuf_room(out, size);
	stream.avail_out = (uInt) size;
	/* bit 3: with zlib's own header and checksum */
	if (inflateInit2(&stream, (header & 8) != 0 ? -MAX_WBITS : MAX_WBITS) != Z_OK)
		return bad_compressed(column, err);
	ok = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
	inflateEnd(&stream);
	strbuf_grown(out, ok ? size : 0);
	return ok || bad_compressed(column, err);
}

static void
in_scratch(const StrBuf *scratch, const char **data, size_t *length)
{
	*data = strbuf_text(scratch);
	*length = scratch->length;
}

/* Bytes of text and of strings. */
static bool
string_text(const MyRowColumn *column, const MyCell *cell, StrBuf *scratch, const char **data, size_t *length, Error *err)
{
	bool		is_compressed = column->stored.type == MY_STORED_VARCHAR_COMPRESSED || column->stored.type == MY_STORED_BLOB_COMPRESSED;
	StrBuf		plain = STRBUF_INIT;

	*data = (const char *) cell->data;
	*length = cell->length;
	if (is_compressed)
	{
		if (!uncompress_value(column, cell, scratch, err))
			return false;
		in_scratch(scratch, data, length);
	}
	if (column->charset == NULL || my_charset_is_same(column->charset, *data, *length))
		return true;
	if (is_compressed)
	{
		plain = *scratch;
		*scratch = (StrBuf) STRBUF_INIT;
	}
	my_charset_append(column->charset, *data, *length, scratch);
	strbuf_free(&plain);
	in_scratch(scratch, data, length);
	return true;
}

/* Trailing zero bytes are not stored. */
static void
padded_text(const MyCell *cell, size_t size, StrBuf *scratch, const char **data, size_t *length)
{
	*data = (const char *) cell->data;
	*length = cell->length;
	if (cell->length >= size)
		return;
	strbuf_append_bytes(scratch, cell->data, cell->length);
	memset(strbuf_room(scratch, size - cell->length), 0, size - cell->length);
	strbuf_grown(scratch, size - cell->length);
	in_scratch(scratch, data, length);
}

static void
uuid_text(const uint8_t *data, StrBuf *out)
{
	static const char digits[] = "0123456789abcdef";
	char	   *start = strbuf_room(out, 36);
	char	   *to = start;

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[data[i] >> 4];
		*to++ = digits[data[i] & 15];
	}
	strbuf_grown(out, (size_t) (to - start));
}

/* The first of the longest runs of zero groups, be it one group, becomes "::"; an address that maps or holds one of IPv4 ends like one. */
static void
inet6_text(const uint8_t *data, StrBuf *out)
{
	unsigned	groups[8];
	int			best = -1;
	int			best_length = 0;
	bool		has_inet4;

	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned) my_bytes_be(data + 2 * i, 2);
	for (int i = 0; i < 8; i++)
	{
		int			length = 0;

		while (i + length < 8 && groups[i + length] == 0)
			length++;
		if (length > best_length)
		{
			best = i;
			best_length = length;
		}
		i += length;
	}
	has_inet4 = best == 0 && (best_length == 6 || (best_length == 5 && groups[5] == 0xffff));
	for (int i = 0; i < 8; i++)
	{
		if (i == best)
		{
			strbuf_append(out, "::");
			i += best_length - 1;
			continue;
		}
		if (i > 0 && (best < 0 || i != best + best_length))
			strbuf_append_char(out, ':');
		if (i == 6 && has_inet4)
		{
			strbuf_printf(out, "%d.%d.%d.%d", data[12], data[13], data[14], data[15]);
			break;
		}
		strbuf_printf(out, "%x", groups[i]);
	}
}

static void
native_text(const MyRowColumn *column, const MyCell *cell, StrBuf *out)
{
	uint8_t		bytes[16] = {0};

	memcpy(bytes, cell->data, cell->length < sizeof(bytes) ? cell->length : sizeof(bytes));
	if (column->column->type == MY_UUID)
		uuid_text(bytes, out);
	else if (column->column->type == MY_INET6)
		inet6_text(bytes, out);
	else
		strbuf_printf(out, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool
my_row_text(const MyRowColumn *column, const MyCell *cell, StrBuf *scratch, const char **data, size_t *length, Error *err)
{
	const uint8_t *at = cell->data;

	strbuf_reset(scratch);
	switch (column->stored.type)
	{
		case MY_STORED_TINY:
		case MY_STORED_SHORT:
		case MY_STORED_INT24:
		case MY_STORED_LONG:
		case MY_STORED_LONGLONG:
			integer_text(column, at, scratch);
			break;
		case MY_STORED_DECIMAL:
			decimal_text(&column->stored, at, scratch);
			break;
		case MY_STORED_FLOAT:
			float_text(at, false, scratch);
			break;
		case MY_STORED_DOUBLE:
			float_text(at, true, scratch);
			break;
		case MY_STORED_YEAR:
		case MY_STORED_DATE:
		case MY_STORED_NEWDATE:
		case MY_STORED_TIME:
		case MY_STORED_TIME2:
		case MY_STORED_DATETIME:
		case MY_STORED_DATETIME2:
		case MY_STORED_TIMESTAMP:
		case MY_STORED_TIMESTAMP2:
			strbuf_grown(scratch, my_row_time_text(&column->stored, at, strbuf_room(scratch, MY_TIME_TEXT_SIZE)));
			break;
		case MY_STORED_ENUM:
		case MY_STORED_SET:
			if (!label_text(column, at, scratch, err))
				return false;
			break;
		case MY_STORED_JSON:
			if (!my_json_append(at, cell->length, scratch, err))
				return error_context(err, "column %s", column->column->name);
			break;
		case MY_STORED_STRING:
			switch (column->column->type)
			{
				case MY_UUID:
				case MY_INET4:
				case MY_INET6:
					native_text(column, cell, scratch);
					break;
				case MY_BINARY:
					padded_text(cell, (size_t) column->column->length, scratch, data, length);
					return true;
				default:
					return string_text(column, cell, scratch, data, length, err);
			}
			break;
		case MY_STORED_BIT:
		case MY_STORED_GEOMETRY:
			*data = (const char *) at;
			*length = cell->length;
			return true;
		default:
			return string_text(column, cell, scratch, data, length, err);
	}
	in_scratch(scratch, data, length);
	return true;
}
