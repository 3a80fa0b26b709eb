/*
 * clock.c
 *		Time, and its text.  Calendar arithmetic is done here, so that neither locale nor time zone of the process matters.
 */
#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_SECOND   INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)

int64_t
clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar; years begin in March, so that the leap day is the last one. */
static int64_t
days_from_civil(int64_t year, int month, int day)
{
	int64_t era;
	int64_t year_of_era;
	int64_t day_of_year;

	year -= (month <= 2);
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Types no wider than their values, so that the compiler sees that the text of it fits. */
typedef struct CivilDate
{
	int year; /* 64 bits of microseconds are fewer than 300,000 years to either side */
	uint8_t month;
	uint8_t day;
} CivilDate;

static CivilDate
civil_from_days(int64_t days)
{
	CivilDate date;
	int64_t era;
	int64_t day_of_era;
	int64_t year_of_era;
	int64_t day_of_year;
	int64_t month_from_march;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month_from_march = (5 * day_of_year + 2) / 153;
	date.day = (uint8_t) (day_of_year - (153 * month_from_march + 2) / 5 + 1);
	date.month = (uint8_t) (month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	date.year = (int) (year_of_era + era * 400 + (date.month <= 2));
	return date;
}

static char *
put_digits(char *to, unsigned value, int digits)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		to[i] = (char) ('0' + value % 10);
		value /= 10;
	}
	return to + digits;
}

/* Without printf: it is called for each transaction of some sources. */
const char *
clock_format(int64_t wall_us, char buf[CLOCK_TEXT_SIZE])
{
	int64_t us = wall_us % US_PER_SECOND;
	int64_t seconds = wall_us / US_PER_SECOND;
	int64_t days;
	int second_of_day;
	CivilDate date;
	char *to = buf;

	if (us < 0)
	{
		us += US_PER_SECOND;
		seconds--;
	}
	days = seconds / SECONDS_PER_DAY;
	second_of_day = (int) (seconds % SECONDS_PER_DAY);
	if (second_of_day < 0)
	{
		second_of_day += SECONDS_PER_DAY;
		days--;
	}
	date = civil_from_days(days);
	if (date.year >= 0 && date.year <= 9999)
		to = put_digits(to, (unsigned) date.year, 4);
	else
		to += sprintf(to, "%d", date.year);
	*to++ = '-';
	to = put_digits(to, date.month, 2);
	*to++ = '-';
	to = put_digits(to, date.day, 2);
	*to++ = ' ';
	to = put_digits(to, (unsigned) (second_of_day / 3600), 2);
	*to++ = ':';
	to = put_digits(to, (unsigned) (second_of_day / 60 % 60), 2);
	*to++ = ':';
	to = put_digits(to, (unsigned) (second_of_day % 60), 2);
	*to++ = '.';
	to = put_digits(to, (unsigned) us, 6);
	memcpy(to, "+00", sizeof("+00"));
	return buf;
}

/* At least min and at most max digits. */
static bool
parse_digits(const char **text, int min, int max, int64_t *value)
{
	int count = 0;

	*value = 0;
	while (count < max && isdigit((unsigned char) **text))
	{
		*value = *value * 10 + (**text - '0');
		(*text)++;
		count++;
	}
	return count >= min;
}

static bool
parse_char(const char **text, const char *one_of)
{
	for (; *one_of != '\0'; one_of++)
	{
		if (**text == *one_of)
		{
			(*text)++;
			return true;
		}
	}
	return false;
}

static int
days_in_month(int64_t year, int64_t month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* An offset may be missing: UTC. */
static bool
parse_offset(const char **text, int64_t *seconds)
{
	int64_t hours;
	int64_t minutes = 0;
	int64_t sign = (**text == '-') ? -1 : 1;

	*seconds = 0;
	if (parse_char(text, "Z"))
		return true;
	if (!parse_char(text, "+-"))
		return true;
	if (!parse_digits(text, 2, 2, &hours) || hours > 15)
		return false;
	if (parse_char(text, ":") && (!parse_digits(text, 2, 2, &minutes) || minutes > 59))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
clock_parse(const char *text, int64_t *wall_us)
{
	int64_t year;
	int64_t month;
	int64_t day;
	int64_t hour;
	int64_t minute;
	int64_t second;
	int64_t us = 0;
	int64_t offset;
	int64_t days;

	if (!parse_digits(&text, 4, 6, &year) || !parse_char(&text, "-") || !parse_digits(&text, 2, 2, &month) ||
		!parse_char(&text, "-") || !parse_digits(&text, 2, 2, &day) || !parse_char(&text, " T") ||
		!parse_digits(&text, 2, 2, &hour) || !parse_char(&text, ":") || !parse_digits(&text, 2, 2, &minute) ||
		!parse_char(&text, ":") || !parse_digits(&text, 2, 2, &second))
		return false;
	if (year > 294000 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 24 ||
		minute > 59 || second > 60)
		return false;

	if (parse_char(&text, "."))
	{
		int64_t unit = US_PER_SECOND / 10;

		if (!isdigit((unsigned char) *text))
			return false;
		for (; isdigit((unsigned char) *text); text++, unit /= 10)
			us += (*text - '0') * unit;
	}
	if (!parse_offset(&text, &offset) || *text != '\0')
		return false;

	days = days_from_civil(year, (int) month, (int) day);
	*wall_us = (days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset) * US_PER_SECOND + us;
	return true;
}

const char *
clock_format_duration(int64_t ms, char buf[CLOCK_TEXT_SIZE])
{
	const char *sign = (ms < 0) ? "-" : "";
	uint64_t size = (ms < 0) ? -(uint64_t) ms : (uint64_t) ms;
	uint64_t seconds = size / 1000;

	if (size < 1000)
		snprintf(buf, CLOCK_TEXT_SIZE, "%s%" PRIu64 "ms", sign, size);
	else if (seconds < 60)
		snprintf(buf, CLOCK_TEXT_SIZE, "%s%" PRIu64 "s", sign, seconds);
	else if (seconds < 3600)
		snprintf(buf, CLOCK_TEXT_SIZE, "%s%" PRIu64 "m %02" PRIu64 "s", sign, seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(buf, CLOCK_TEXT_SIZE, "%s%" PRIu64 "h %02" PRIu64 "m %02" PRIu64 "s", sign, seconds / 3600,
				 seconds / 60 % 60, seconds % 60);
	else
		snprintf(buf, CLOCK_TEXT_SIZE, "%s%" PRIu64 "d %02" PRIu64 "h %02" PRIu64 "m", sign, seconds / 86400,
				 seconds / 3600 % 24, seconds / 60 % 60);
	return buf;
}
