/*
 * binary_number.c
 *		The text of floats and numerics into the form of their send functions.
 */
#include "apply/binary_forms.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

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

bool
binary_append_float8(const char *text, size_t length, StrBuf *out)
{
	double number;
	uint64_t bits;

	if (!read_double(text, length, &number))
		return false;
	memcpy(&bits, &number, sizeof(bits));
	return append_64(out, bits);
}

bool
binary_append_float4(const char *text, size_t length, StrBuf *out)
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
bool
binary_append_numeric(const char *text, size_t length, StrBuf *out)
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
