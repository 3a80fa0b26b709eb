/*
 * my_row_time.c
 *		The temporal types.  Forms with a 2 are those of MySQL 5.6 on: big-endian, so that they sort as bytes, with a fraction of
 *		half as many bytes as digits.  The older ones are little-endian numbers whose decimal digits are the text.
 */
#include "mysql/my_row_time.h"

#include <string.h>

#include "base/clock.h"

#define DATE_TIME_LENGTH 19		/* without a fraction */

static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static char *
put_digits(char *out, uint64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + value % 10);
		value /= 10;
	}
	return out + digits;
}

static char *
put_date(char *out, unsigned year, unsigned month, unsigned day)
{
	out = put_digits(out, year, 4);
	*out++ = '-';
	out = put_digits(out, month, 2);
	*out++ = '-';
	return put_digits(out, day, 2);
}

static char *
put_time(char *out, unsigned hour, unsigned minute, unsigned second)
{
	out = put_digits(out, hour, hour > 99 ? 3 : 2);
	*out++ = ':';
	out = put_digits(out, minute, 2);
	*out++ = ':';
	return put_digits(out, second, 2);
}

static char *
put_fraction(char *out, uint32_t microseconds, unsigned digits)
{
	if (digits == 0)
		return out;
	*out++ = '.';
	return put_digits(out, microseconds / powers[6 - digits], (int) digits);
}

/* Bytes of a fraction hold an even number of digits. */
static uint32_t
fraction_us(const uint8_t *data, unsigned digits)
{
	unsigned	bytes = (digits + 1) / 2;

	return (uint32_t) my_bytes_be(data, (int) bytes) * powers[6 - 2 * bytes];
}

static char *
put_datetime2(char *out, const uint8_t *data, unsigned digits)
{
	uint64_t	value = my_bytes_be(data, 5) & ((UINT64_C(1) << 39) - 1);	/* the highest bit is the sign: always set */
	unsigned	months = (unsigned) (value >> 22);

	out = put_date(out, months / 13, months % 13, value >> 17 & 31);
	*out++ = ' ';
	out = put_time(out, value >> 12 & 31, value >> 6 & 63, value & 63);
	return put_fraction(out, fraction_us(data + 5, digits), digits);
}

static char *
put_timestamp(char *out, uint32_t seconds, uint32_t microseconds, unsigned digits)
{
	char		text[CLOCK_TEXT_SIZE];

	if (seconds == 0 && microseconds == 0)
	{
		out = put_date(out, 0, 0, 0);
		*out++ = ' ';
		out = put_time(out, 0, 0, 0);
		return put_fraction(out, 0, digits);
	}
	memcpy(out, clock_format((int64_t) seconds * 1000000, text), DATE_TIME_LENGTH);
	return put_fraction(out + DATE_TIME_LENGTH, microseconds, digits);
}

/*
 * Whole and fraction are one signed number of 24 bits and those of the fraction, with half the range added; so the fraction of a negative time counts
 * downwards too.
 */
static char *
put_time2(char *out, const uint8_t *data, unsigned digits)
{
	unsigned	fraction_bytes = digits > 4 ? 3 : digits > 2 ? 2 : digits > 0 ? 1 : 0;
	int64_t		value = (int64_t) my_bytes_be(data, 3 + (int) fraction_bytes) - (INT64_C(0x800000) << 8 * fraction_bytes);
	uint64_t	size = (uint64_t) (value < 0 ? -value : value);
	uint32_t	whole = (uint32_t) (size >> 8 * fraction_bytes);
	uint32_t	fraction = (uint32_t) (size & ((UINT64_C(1) << 8 * fraction_bytes) - 1));

	if (value < 0)
		*out++ = '-';
	out = put_time(out, whole >> 12 & 0x3ff, whole >> 6 & 63, whole & 63);
	return put_fraction(out, fraction * powers[6 - 2 * fraction_bytes], digits);
}

static char *
put_old_time(char *out, const uint8_t *data)
{
	int32_t		value = (int32_t) (my_bytes_le(data, 3) << 8) >> 8;
	uint32_t	size = (uint32_t) (value < 0 ? -value : value);

	if (value < 0)
		*out++ = '-';
	return put_time(out, size / 10000, size / 100 % 100, size % 100);
}

static char *
put_old_datetime(char *out, const uint8_t *data)
{
	uint64_t	value = my_bytes_le(data, 8);
	uint64_t	date = value / 1000000;
	unsigned	time = (unsigned) (value % 1000000);

	out = put_date(out, (unsigned) (date / 10000 % 10000), (unsigned) (date / 100 % 100), (unsigned) (date % 100));
	*out++ = ' ';
	return put_time(out, time / 10000, time / 100 % 100, time % 100);
}

size_t
my_row_time_text(const MyStoredColumn *stored, const uint8_t *data, char buf[MY_TIME_TEXT_SIZE])
{
	char	   *out = buf;
	unsigned	digits = stored->scale <= 6 ? stored->scale : 6;
	unsigned	value;

	switch (stored->type)
	{
		case MY_STORED_YEAR:
			value = data[0];
			out = put_digits(out, value == 0 ? 0 : value + 1900, 4);
			break;
		case MY_STORED_DATE:
		case MY_STORED_NEWDATE:
			value = (unsigned) my_bytes_le(data, 3);
			out = put_date(out, value >> 9, value >> 5 & 15, value & 31);
			break;
		case MY_STORED_TIME:
			out = put_old_time(out, data);
			break;
		case MY_STORED_TIME2:
			out = put_time2(out, data, digits);
			break;
		case MY_STORED_DATETIME:
			out = put_old_datetime(out, data);
			break;
		case MY_STORED_DATETIME2:
			out = put_datetime2(out, data, digits);
			break;
		case MY_STORED_TIMESTAMP:
			out = put_timestamp(out, (uint32_t) my_bytes_le(data, 4), 0, 0);
			break;
		case MY_STORED_TIMESTAMP2:
			out = put_timestamp(out, (uint32_t) my_bytes_be(data, 4), fraction_us(data + 4, digits), digits);
			break;
		default:
			break;
	}
	return (size_t) (out - buf);
}
