/*
 * binary_time.c
 *		The text of dates and times, as the ISO style writes it, into the form of their send functions.
 */
#include "apply/binary_forms.h"

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
	*seconds = ((int64_t) hour * 60 + minute) * 60 + second;
	if (west)
		*seconds = -*seconds;
	return true;
}

bool
binary_append_date(const char *text, size_t length, StrBuf *out)
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

bool
binary_append_time(const char *text, size_t length, StrBuf *out)
{
	Cursor cursor = {text, text + length};
	int64_t microseconds;

	return read_time(&cursor, &microseconds) && cursor.at == cursor.end && append_64(out, (uint64_t) microseconds);
}

bool
binary_append_timestamp(const char *text, size_t length, bool has_zone, StrBuf *out)
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
