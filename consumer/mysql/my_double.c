/*
 * my_double.c
 *		Floating-point numbers as text.  printf() and strtod() of 15, 16 and 17 digits are right and slow: they were a third of the CPU that a
 *		table with one double took.  So numbers of common size go another way, which knows when it cannot tell and leaves those to them.
 */
#include "mysql/my_double.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 17

static const uint64_t powers[] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
	100000000000000, 1000000000000000, 10000000000000000, 100000000000000000
};

/* 10 to that power.  It is exact: below 10^27 a power of ten has fewer than 64 bits but for its factors of two. */
static long double
scale_of(int places)
{
	return places <= MOST_DIGITS ? (long double) powers[places] : (long double) powers[MOST_DIGITS] * (long double) powers[places - MOST_DIGITS];
}

/* Writes digits (count of them) with the point behind the first "whole" of them, without zeroes at the end. */
static void
append_digits(StrBuf *out, bool is_negative, uint64_t digits, int count, int whole)
{
	char	   *start = strbuf_room(out, MOST_DIGITS + 8);	/* up to six characters in front, or the point */
	char	   *to = start;
	char	   *end;

	if (is_negative)
		*to++ = '-';

	if (whole <= 0)
	{
		*to++ = '0';
		*to++ = '.';
		for (int i = whole; i < 0; i++)
			*to++ = '0';
	}
	end = to + count + (whole > 0 && whole < count ? 1 : 0);
	for (int i = count - 1; i >= 0; i--)
	{
		to[i + (whole > 0 && i >= whole ? 1 : 0)] = (char) ('0' + digits % 10);
		digits /= 10;
	}
	if (whole > 0 && whole < count)
		to[whole] = '.';
	if (whole < count)
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
	}
	strbuf_grown(out, (size_t) (end - start));
}

/*
 * The number times a power of ten is, rounded once to 64 bits, one of as many digits as may be needed.  A shorter one is right if it lies nearer to that
 * than half the distance to the next floating-point number.  Where the rounding leaves open which side of a border it lies on, this gives up: false.
 */
static bool
append_quickly(StrBuf *out, double number, bool as_float)
{
	const double value = fabs(number);
	const int	least = as_float ? 6 : 15;
	const int	most = as_float ? 9 : MOST_DIGITS;
	const long double unsure = 1.0L / 128;	/* twice the error of a number below 2^57 that has 64 bits */
	int			whole = 1;
	int			exponent;
	double		fraction;
	long double scaled;
	long double half_gap;
	long double half_gap_below;
	uint64_t	floor;

	if (LDBL_MANT_DIG < 64 || !(value >= 0.0001 && value < (double) powers[least]))
		return false;
	while (whole < least && value >= (double) powers[whole])
		whole++;
	for (double limit = 1; whole > -3 && value < limit; limit /= 10)
		whole--;
	scaled = (long double) value * scale_of(most - whole);
	if (scaled < (long double) powers[most - 1] || scaled > (long double) (powers[most] - 1))
		return false;

	fraction = frexp(value, &exponent);
	half_gap = ldexpl(scale_of(most - whole), exponent - (as_float ? FLT_MANT_DIG : DBL_MANT_DIG) - 1);
	half_gap_below = fraction == 0.5 ? half_gap / 2 : half_gap;
	floor = (uint64_t) scaled;
	for (int count = least; count <= most; count++)
	{
		uint64_t	step = powers[most - count];
		uint64_t	digits = floor / step;
		long double above = (long double) (floor % step) + (scaled - (long double) floor);
		long double to_middle = above - (long double) step / 2;
		long double distance = to_middle > 0 ? (long double) step - above : above;

		if (fabsl(to_middle) < unsure)
			return false;
		if (distance > half_gap + unsure)
			continue;
		digits += to_middle > 0;
		if (distance > half_gap_below - unsure || digits == powers[count])
			return false;
		append_digits(out, number < 0, digits, count, whole);
		return true;
	}
	return false;
}

void
my_append_double(StrBuf *out, double value, bool as_float)
{
	char		text[40];

	if (value == 0 && !signbit(value))
	{
		strbuf_append_char(out, '0');
		return;
	}
	if (append_quickly(out, value, as_float))
		return;
	for (int digits = as_float ? 6 : 15; digits <= (as_float ? 9 : 17); digits++)
	{
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (as_float ? strtof(text, NULL) == (float) value : strtod(text, NULL) == value)
			break;
	}
	strbuf_append(out, text);
}
