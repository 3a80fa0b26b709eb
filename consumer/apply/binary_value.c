/*
 * binary_value.c
 *		Text output of PostgreSQL's common types into the form of their send functions.
 *
 * Runs once for every value of a group, so it is written by hand, without allocation and without the C library's parsers (but for
 * floats of many digits).  Every reader checks the whole text before it writes a byte.
 */
#include "apply/binary_value.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- writing, in network byte order ---- */

static inline char *
write_16(char *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
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
	value = htobe32(value);
	memcpy(strbuf_room(out, sizeof(value)), &value, sizeof(value));
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

/* ---- integers ---- */

static inline unsigned
digit_of(char c)
{
	return (unsigned) (unsigned char) c - '0';	/* above 9: no digit */
}

#define MAX_INTEGER_DIGITS 19	/* never overflow 64 bits without a sign */

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

/* ---- floats ---- */

#define MAX_FLOAT_TEXT 63		/* output has at most 24 characters */

typedef struct FloatText
{
	char text[MAX_FLOAT_TEXT + 1];
	bool negative;
	bool is_zero;				/* all digits are zeros */
	uint64_t digits;			/* of the mantissa as an integer; not kept beyond 19 of them */
	int digit_count;
	int exponent;				/* power of ten that the integer is multiplied with */
} FloatText;

/* The form [-]digits[.digits][e[+-]digits], nothing else: no hex, no blanks, no words. */
static bool
read_float_text(const char *text, size_t length, FloatText *value)
{
	const char *at = text;
	const char *end = text + length;
	int written = 0;
	int exponent = 0;
	bool negative_exponent = false;

	if (length == 0 || length > MAX_FLOAT_TEXT)
		return false;
	memcpy(value->text, text, length);
	value->text[length] = '\0';
	value->negative = *at == '-';
	value->digits = 0;
	value->digit_count = 0;
	value->exponent = 0;
	value->is_zero = true;
	at += value->negative ? 1 : 0;
	for (int part = 0; part < 2; part++)
	{
		const char *start = at;

		for (; at < end && digit_of(*at) <= 9; at++)
		{
			if (*at != '0')
				value->is_zero = false;
			if (!value->is_zero && value->digit_count++ < MAX_INTEGER_DIGITS)
				value->digits = value->digits * 10 + digit_of(*at);
		}
		written = (int) (at - start);
		if (written == 0)
			return false;
		if (part == 1)
			value->exponent = -written;
		else if (at == end || *at != '.')
			break;
		else
			at++;
	}
	if (at == end)
		return true;
	if (*at++ != 'e')
		return false;
	if (at < end && (*at == '-' || *at == '+'))
		negative_exponent = *at++ == '-';
	if (at == end || end - at > 4)
		return false;
	for (; at < end; at++)
	{
		if (digit_of(*at) > 9)
			return false;
		exponent = exponent * 10 + (int) digit_of(*at);
	}
	value->exponent += negative_exponent ? -exponent : exponent;
	return true;
}

static bool
word_is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* The words that floats have; numeric has the same ones. */
static bool
is_float_word(const char *text, size_t length, double *value)
{
	if (word_is(text, length, "NaN"))
		*value = (double) NAN;
	else if (word_is(text, length, "Infinity"))
		*value = (double) INFINITY;
	else if (word_is(text, length, "-Infinity"))
		*value = (double) -INFINITY;
	else
		return false;
	return true;
}

/*
 * Where the digits and the power of ten are both exact, one multiplication or division rounds once, hence correctly.  Otherwise the
 * C library: the text is checked already, and under a locale with another decimal point it stops early and is found out here.
 */
static bool
read_double(const char *text, size_t length, double *number)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
									1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	FloatText value;
	char *end;

	if (!read_float_text(text, length, &value))
		return is_float_word(text, length, number);
#if FLT_EVAL_METHOD == 0
	if (value.digit_count <= MAX_INTEGER_DIGITS && value.digits <= (UINT64_C(1) << 53) && abs(value.exponent) <= 22)
	{
		double digits = (double) value.digits;

		digits = value.exponent < 0 ? digits / powers[-value.exponent] : digits * powers[value.exponent];
		*number = value.negative ? -digits : digits;
		return true;
	}
#endif
	*number = strtod(value.text, &end);
	return *end == '\0' && isfinite(*number) && (*number != 0 || value.is_zero);
}

static bool
read_float(const char *text, size_t length, float *number)
{
	static const float powers[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
	FloatText value;
	double word;
	char *end;

	if (!read_float_text(text, length, &value))
	{
		if (!is_float_word(text, length, &word))
			return false;
		*number = (float) word;
		return true;
	}
#if FLT_EVAL_METHOD == 0
	if (value.digit_count <= MAX_INTEGER_DIGITS && value.digits <= (UINT64_C(1) << 24) && abs(value.exponent) <= 10)
	{
		float digits = (float) value.digits;

		digits = value.exponent < 0 ? digits / powers[-value.exponent] : digits * powers[value.exponent];
		*number = value.negative ? -digits : digits;
		return true;
	}
#endif
	*number = strtof(value.text, &end);
	return *end == '\0' && isfinite(*number) && (*number != 0 || value.is_zero);
}

static bool
append_float8(const char *text, size_t length, StrBuf *out)
{
	double number;
	uint64_t bits;

	if (!read_double(text, length, &number))
		return false;
	memcpy(&bits, &number, sizeof(bits));
	return append_64(out, bits);
}

static bool
append_float4(const char *text, size_t length, StrBuf *out)
{
	float number;
	uint32_t bits;

	if (!read_float(text, length, &number))
		return false;
	memcpy(&bits, &number, sizeof(bits));
	return append_32(out, bits);
}

/* ---- numeric ---- */

#define NUMERIC_POSITIVE 0x0000
#define NUMERIC_NEGATIVE 0x4000
#define NUMERIC_IS_NAN 0xC000
#define NUMERIC_POSITIVE_INFINITY 0xD000
#define NUMERIC_NEGATIVE_INFINITY 0xF000
#define NUMERIC_INFINITY_SCALE 32	/* meaningless, but what numeric_send says */
#define MAX_NUMERIC_WHOLE 131072	/* digits before and behind the point */
#define MAX_NUMERIC_FRACTION 16383

static char *
write_numeric_head(char *to, size_t count, int weight, uint16_t sign, uint16_t scale)
{
	to = write_16(to, (uint16_t) count);
	to = write_16(to, (uint16_t) weight);
	to = write_16(to, sign);
	return write_16(to, scale);
}

static bool
append_numeric_word(const char *text, size_t length, StrBuf *out)
{
	uint16_t sign;

	if (word_is(text, length, "NaN"))
		sign = NUMERIC_IS_NAN;
	else if (word_is(text, length, "Infinity"))
		sign = NUMERIC_POSITIVE_INFINITY;
	else if (word_is(text, length, "-Infinity"))
		sign = NUMERIC_NEGATIVE_INFINITY;
	else
		return false;
	write_numeric_head(strbuf_room(out, 8), 0, 0, sign, sign == NUMERIC_IS_NAN ? 0 : NUMERIC_INFINITY_SCALE);
	strbuf_grown(out, 8);
	return true;
}

static inline const char *
skip_digits(const char *at, const char *end)
{
	while (at < end && digit_of(*at) <= 9)
		at++;
	return at;
}

static inline unsigned
four_digits(const char *at)
{
	return digit_of(at[0]) * 1000 + digit_of(at[1]) * 100 + digit_of(at[2]) * 10 + digit_of(at[3]);
}

/*
 * A head of four 16-bit words (count of digits, weight of the first, sign, digits behind the point to show), then digits of base
 * 10000 without zeros at either end.
 */
static bool
append_numeric(const char *text, size_t length, StrBuf *out)
{
	const char *end = text + length;
	const char *whole = text;
	const char *point;
	const char *fraction;
	size_t whole_length;
	size_t fraction_length;
	bool negative = length > 0 && text[0] == '-';
	int weight;
	char *start;
	char *to;
	char *used;					/* behind the last digit that is not zero */

	whole += negative ? 1 : 0;
	point = skip_digits(whole, end);
	if (point == whole)
		return append_numeric_word(text, length, out);
	fraction = point;
	if (point < end)
	{
		fraction = point + 1;
		if (*point != '.' || fraction == end || skip_digits(fraction, end) != end)
			return false;
	}
	while (whole < point && *whole == '0')
		whole++;
	whole_length = (size_t) (point - whole);
	fraction_length = (size_t) (end - fraction);
	if (whole_length > MAX_NUMERIC_WHOLE || fraction_length > MAX_NUMERIC_FRACTION)
		return false;

	start = strbuf_room(out, 8 + 2 * (whole_length / 4 + fraction_length / 4 + 2));
	used = to = start + 8;
	weight = (int) ((whole_length + 3) / 4) - 1;
	if (whole_length % 4 != 0)
	{
		unsigned digit = 0;

		for (size_t i = whole_length % 4; i > 0; i--)
			digit = digit * 10 + digit_of(*whole++);
		used = to = write_16(to, (uint16_t) digit);
	}
	for (; whole < point; whole += 4)
	{
		unsigned digit = four_digits(whole);

		to = write_16(to, (uint16_t) digit);
		if (digit != 0)
			used = to;
	}
	while (fraction < end)
	{
		unsigned digit = 0;

		if (end - fraction >= 4)
		{
			digit = four_digits(fraction);
			fraction += 4;
		}
		else
		{
			for (int i = 0; i < 4; i++)
				digit = digit * 10 + (fraction < end ? digit_of(*fraction++) : 0);
		}
		if (digit == 0 && to == start + 8)
			weight--;
		else
			to = write_16(to, (uint16_t) digit);
		if (digit != 0)
			used = to;
	}
	if (used == start + 8)		/* zero has neither weight nor sign */
	{
		weight = 0;
		negative = false;
	}
	write_numeric_head(start, (size_t) (used - start - 8) / 2, weight, negative ? NUMERIC_NEGATIVE : NUMERIC_POSITIVE,
					   (uint16_t) fraction_length);
	strbuf_grown(out, (size_t) (used - start));
	return true;
}

/* ---- date and time ---- */

#define MICROSECONDS INT64_C(1000000)
#define DAY_SECONDS INT64_C(86400)
#define DAY_MICROSECONDS (DAY_SECONDS * MICROSECONDS)

/* Counted from 2000-01-01. */
#define FIRST_DAY INT64_C(-2451545)		/* 4714-11-24 BC, Julian day 0 */
#define LAST_DAY INT64_C(2145031948)	/* 5874897-12-31 */
#define FIRST_MICROSECOND INT64_C(-211813488000000000)	/* the same day */
#define END_MICROSECOND INT64_C(9223371331200000000)	/* 294277-01-01, no longer valid */

/* Where a reader stands; everything below reads forward from at and never beyond end. */
typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

static inline bool
read_char(Cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static inline bool
read_two(Cursor *cursor, unsigned limit, unsigned *number)
{
	unsigned tens;
	unsigned ones;

	if (cursor->end - cursor->at < 2)
		return false;
	tens = digit_of(cursor->at[0]);
	ones = digit_of(cursor->at[1]);
	if (tens > 9 || ones > 9)
		return false;
	cursor->at += 2;
	*number = tens * 10 + ones;
	return *number <= limit;
}

/* Days from 2000-01-01 in the Gregorian calendar, also where it was not in use yet; year 0 is 1 BC. */
static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t cycle;				/* of 400 years, which all have 146,097 days */
	int64_t year_in_cycle;
	int64_t day_in_year;

	/* The year begins in March, so that the day of a leap year is its last one. */
	if (month <= 2)
		year--;
	cycle = (year >= 0 ? year : year - 399) / 400;
	year_in_cycle = year - cycle * 400;
	day_in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return cycle * 146097 + year_in_cycle * 365 + year_in_cycle / 4 - year_in_cycle / 100 + day_in_year - 730425;
}

/* year: as written, without the era, which stands at the end of the text. */
static bool
read_date(Cursor *cursor, int64_t *year, unsigned *month, unsigned *day)
{
	const char *start = cursor->at;
	int64_t number = 0;

	for (; cursor->at < cursor->end && digit_of(*cursor->at) <= 9; cursor->at++)
	{
		if (cursor->at - start == 7)
			return false;
		number = number * 10 + digit_of(*cursor->at);
	}
	*year = number;
	return cursor->at - start >= 4 && number > 0 && read_char(cursor, '-') && read_two(cursor, 12, month) &&
		read_char(cursor, '-') && read_two(cursor, 31, day) && *month > 0 && *day > 0;
}

/* The end of the text, perhaps with its era, and the day's number. */
static bool
finish_date(Cursor *cursor, int64_t year, unsigned month, unsigned day, int64_t *days)
{
	static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (cursor->at < cursor->end)
	{
		if (cursor->end - cursor->at != 3 || memcmp(cursor->at, " BC", 3) != 0)
			return false;
		year = 1 - year;
	}
	if (day > month_days[month - 1])
		return false;
	if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
		return false;
	*days = days_of(year, month, day);
	return true;
}

/* hh:mm:ss[.ffffff] in microseconds; 24:00:00 is the end of the day. */
static bool
read_time(Cursor *cursor, int64_t *microseconds)
{
	unsigned hour;
	unsigned minute;
	unsigned second;
	unsigned fraction = 0;

	if (!read_two(cursor, 24, &hour) || !read_char(cursor, ':') || !read_two(cursor, 59, &minute) ||
		!read_char(cursor, ':') || !read_two(cursor, 59, &second))
		return false;
	if (read_char(cursor, '.'))
	{
		int count = 0;

		for (; cursor->at < cursor->end && digit_of(*cursor->at) <= 9; cursor->at++)
		{
			if (++count > 6)
				return false;
			fraction = fraction * 10 + digit_of(*cursor->at);
		}
		if (count == 0)
			return false;
		for (; count < 6; count++)
			fraction *= 10;
	}
	*microseconds = ((int64_t) ((hour * 60 + minute) * 60 + second)) * MICROSECONDS + fraction;
	return *microseconds <= DAY_MICROSECONDS;
}

/* +hh[:mm[:ss]], in seconds east of Greenwich. */
static bool
read_zone(Cursor *cursor, int64_t *seconds)
{
	unsigned hour;
	unsigned minute = 0;
	unsigned second = 0;
	bool west;

	if (cursor->at == cursor->end || (*cursor->at != '+' && *cursor->at != '-'))
		return false;
	west = *cursor->at++ == '-';
	if (!read_two(cursor, 15, &hour))
		return false;
	if (read_char(cursor, ':'))
	{
		if (!read_two(cursor, 59, &minute))
			return false;
		if (read_char(cursor, ':') && !read_two(cursor, 59, &second))
			return false;
	}
	*seconds = (int64_t) ((hour * 60 + minute) * 60 + second);
	if (west)
		*seconds = -*seconds;
	return true;
}

static bool
append_date(const char *text, size_t length, StrBuf *out)
{
	Cursor cursor = {text, text + length};
	int64_t year;
	unsigned month;
	unsigned day;
	int64_t days;

	if (!read_date(&cursor, &year, &month, &day))
	{
		if (word_is(text, length, "infinity"))
			return append_32(out, INT32_MAX);
		return word_is(text, length, "-infinity") && append_32(out, (uint32_t) INT32_MIN);
	}
	if (!finish_date(&cursor, year, month, day, &days) || days < FIRST_DAY || days > LAST_DAY)
		return false;
	return append_32(out, (uint32_t) days);
}

static bool
append_time(const char *text, size_t length, StrBuf *out)
{
	Cursor cursor = {text, text + length};
	int64_t microseconds;

	return read_time(&cursor, &microseconds) && cursor.at == cursor.end && append_64(out, (uint64_t) microseconds);
}

static bool
append_timestamp(const char *text, size_t length, bool has_zone, StrBuf *out)
{
	Cursor cursor = {text, text + length};
	int64_t year;
	unsigned month;
	unsigned day;
	int64_t days;
	int64_t microseconds;
	int64_t zone = 0;

	if (!read_date(&cursor, &year, &month, &day))
	{
		if (word_is(text, length, "infinity"))
			return append_64(out, INT64_MAX);
		return word_is(text, length, "-infinity") && append_64(out, (uint64_t) INT64_MIN);
	}
	if (!read_char(&cursor, ' ') || !read_time(&cursor, &microseconds) || microseconds == DAY_MICROSECONDS ||
		(has_zone && !read_zone(&cursor, &zone)) || !finish_date(&cursor, year, month, day, &days))
		return false;
	/* Two days more on each side, so that the product below cannot overflow. */
	if (days < FIRST_MICROSECOND / DAY_MICROSECONDS - 2 || days > END_MICROSECOND / DAY_MICROSECONDS + 2)
		return false;
	microseconds += days * DAY_MICROSECONDS - zone * MICROSECONDS;
	if (microseconds < FIRST_MICROSECOND || microseconds >= END_MICROSECOND)
		return false;
	return append_64(out, (uint64_t) microseconds);
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
			return append_float4(text, length, out);
		case BINARY_FLOAT8:
			return append_float8(text, length, out);
		case BINARY_NUMERIC:
			return append_numeric(text, length, out);
		case BINARY_DATE:
			return append_date(text, length, out);
		case BINARY_TIME:
			return append_time(text, length, out);
		case BINARY_TIMESTAMP:
			return append_timestamp(text, length, false, out);
		case BINARY_TIMESTAMPTZ:
			return append_timestamp(text, length, true, out);
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
