/*
 * my_value.c
 *		Values: most are passed on as they came; the others are rewritten, one small function for each kind.
 */
#include "mysql/my_value.h"

#include "mysql/my_double.h"
#include "mysql/my_geometry.h"
#include "mysql/my_text.h"
#include "mysql/my_types.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
my_problem_text(MyProblem problem)
{
	static const char *const texts[MY_PROBLEM_COUNT] = {
		[MY_PROBLEM_NONE] = "no problem",
		[MY_PROBLEM_ZERO_DATE] = "zero date",
		[MY_PROBLEM_ZERO_BYTE] = "zero byte in text",
		[MY_PROBLEM_ENCODING] = "text that is not UTF-8",
		[MY_PROBLEM_RANGE] = "value out of range",
	};

	return texts[problem];
}

static MyValueKind
bad(MyProblem what, MyProblem *problem)
{
	*problem = what;
	return MY_VALUE_BAD;
}

/* Is the override of this type, with or without a modifier? */
static bool
target_is(const MyColumn *column, const char *type)
{
	size_t length = strlen(type);

	return column->target_type != NULL && strncasecmp(column->target_type, type, length) == 0 &&
		   !isalnum((unsigned char) column->target_type[length]);
}

static bool
target_is_integer(const MyColumn *column)
{
	return target_is(column, "smallint") || target_is(column, "integer") || target_is(column, "int") ||
		   target_is(column, "bigint") || target_is(column, "int2") || target_is(column, "int4") ||
		   target_is(column, "int8") || target_is(column, "numeric");
}

static bool
target_is_text(const MyColumn *column)
{
	return target_is(column, "text") || target_is(column, "varchar") || target_is(column, "character varying") ||
		   target_is(column, "citext");
}

/* Numbers */

static MyValueKind
boolean_value(const char *data, size_t length, StrBuf *out, MyProblem *problem)
{
	if (length != 1 || (data[0] != '0' && data[0] != '1'))
		return bad(MY_PROBLEM_RANGE, problem);
	strbuf_append_char(out, data[0] == '1' ? 't' : 'f');
	return MY_VALUE_TEXT;
}

/* ZEROFILL and YEAR have zeroes in front. */
static MyValueKind
number_value(const char *data, size_t length, StrBuf *out)
{
	if (length < 2 || data[0] != '0' || !isdigit((unsigned char) data[1]))
		return MY_VALUE_SAME;
	while (length > 1 && data[0] == '0' && isdigit((unsigned char) data[1]))
	{
		data++;
		length--;
	}
	strbuf_append_bytes(out, data, length);
	return MY_VALUE_TEXT;
}

/*
 * The copy gets a FLOAT as the exact decimal form of its bits (see the header), the stream makes the shortest one that names them: the
 * latter it is, so that both are equal in a column of another type, too.  With six digits there is but one.
 */
static MyValueKind
float_value(const char *data, size_t length, StrBuf *out)
{
	char text[64];
	int digits = 0;

	for (size_t i = 0; i < length && data[i] != 'e'; i++)
		digits += isdigit((unsigned char) data[i]) != 0;
	if (digits <= 6 || length >= sizeof(text))
		return number_value(data, length, out);
	memcpy(text, data, length);
	text[length] = '\0';
	my_append_double(out, (double) strtof(text, NULL), true);
	return MY_VALUE_TEXT;
}

static MyValueKind
tinyint_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
			  MyProblem *problem)
{
	bool as_boolean = column->target_type != NULL ? target_is(column, "boolean") || target_is(column, "bool")
												  : column->is_tinyint1 && options->tinyint1 == MY_TINYINT1_BOOLEAN;

	return as_boolean ? boolean_value(data, length, out, problem) : number_value(data, length, out);
}

/* Bytes, the highest first. */
static MyValueKind
bit_value(const MyColumn *column, const char *data, size_t length, StrBuf *out, MyProblem *problem)
{
	int bits = column->length > 0 && column->length <= 64 ? column->length : 1;
	uint64_t value = 0;

	if (length > 8)
		return bad(MY_PROBLEM_RANGE, problem);
	for (size_t i = 0; i < length; i++)
		value = value << 8 | (unsigned char) data[i];
	if (bits < 64 && value >> bits != 0)
		return bad(MY_PROBLEM_RANGE, problem);
	if (target_is(column, "boolean") || target_is(column, "bool"))
		strbuf_append_char(out, value != 0 ? 't' : 'f');
	else if (target_is_integer(column))
		strbuf_printf(out, "%" PRIu64, value);
	else
	{
		char *to = strbuf_room(out, (size_t) bits);

		for (int i = 0; i < bits; i++)
			to[i] = (char) ('0' + (value >> (bits - 1 - i) & 1));
		strbuf_grown(out, (size_t) bits);
	}
	return MY_VALUE_TEXT;
}

/* Dates */

static int
two_digits(const char *text)
{
	return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "2024-01-31", and whatever follows: the server has checked the form, but a day may not exist. */
static MyProblem
check_date(const char *data, size_t length)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year;
	int month;
	int day;

	if (length < 10 || data[4] != '-' || data[7] != '-')
		return MY_PROBLEM_RANGE;
	year = two_digits(data) * 100 + two_digits(data + 2);
	month = two_digits(data + 5);
	day = two_digits(data + 8);
	if (year == 0 || month == 0 || day == 0)
		return MY_PROBLEM_ZERO_DATE;
	if (month > 12 || day > days[month - 1] ||
		(month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
		return MY_PROBLEM_RANGE;
	return MY_PROBLEM_NONE;
}

static MyValueKind
date_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
		   MyProblem *problem)
{
	*problem = check_date(data, length);
	if (*problem == MY_PROBLEM_ZERO_DATE && options->zero_dates == MY_ZERO_DATES_NULL)
		return MY_VALUE_NULL;
	if (*problem != MY_PROBLEM_NONE)
		return MY_VALUE_BAD;
	if (column->type != MY_TIMESTAMP)
		return MY_VALUE_SAME;
	strbuf_append_bytes(out, data, length);
	strbuf_append_bytes(out, "+00", 3);
	return MY_VALUE_TEXT;
}

/* Text */

static MyValueKind
text_value(const MySourceConfig *options, const char *data, size_t length, StrBuf *out, MyProblem *problem)
{
	*problem = my_text_check(data, length);
	if (*problem == MY_PROBLEM_NONE)
		return MY_VALUE_SAME;
	if (options->bad_text == MY_BAD_TEXT_ERROR)
		return MY_VALUE_BAD;
	my_text_replace(data, length, out);
	return MY_VALUE_TEXT;
}

static MyValueKind
json_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
		   MyProblem *problem)
{
	MyValueKind kind = text_value(options, data, length, out, problem);

	/* As json or text, escapes stay what they are. */
	if (kind != MY_VALUE_SAME || (column->target_type != NULL && !target_is(column, "jsonb")))
		return kind;
	*problem = my_json_check(data, length);
	if (*problem == MY_PROBLEM_NONE)
		return MY_VALUE_SAME;
	if (options->bad_text == MY_BAD_TEXT_ERROR)
		return MY_VALUE_BAD;
	my_json_replace(data, length, out);
	return MY_VALUE_TEXT;
}

/* A label that is none was stored by a server that is not strict, which then shows it as ''. */
static MyValueKind
enum_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
		   MyProblem *problem)
{
	if (length > 0 || !my_type_is_enum(column))
		return text_value(options, data, length, out, problem);
	for (int i = 0; i < column->label_count; i++)
		if (column->labels[i][0] == '\0')
			return MY_VALUE_SAME;
	*problem = MY_PROBLEM_RANGE;
	return options->bad_text == MY_BAD_TEXT_REPLACE ? MY_VALUE_NULL : MY_VALUE_BAD;
}

/* "a,b" as {"a","b"}: no label has a comma. */
static MyValueKind
set_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
		  MyProblem *problem)
{
	const char *end = data + length;

	if (column->target_type != NULL && strstr(column->target_type, "[]") == NULL)
		return text_value(options, data, length, out, problem);
	*problem = my_text_check(data, length);
	if (*problem != MY_PROBLEM_NONE)
		return MY_VALUE_BAD;
	strbuf_append_char(out, '{');
	for (const char *at = data; length > 0 && at <= end; at++)
	{
		strbuf_append(out, at > data ? ",\"" : "\"");
		for (; at < end && *at != ','; at++)
		{
			if (*at == '"' || *at == '\\')
				strbuf_append_char(out, '\\');
			strbuf_append_char(out, *at);
		}
		strbuf_append_char(out, '"');
	}
	strbuf_append_char(out, '}');
	return MY_VALUE_TEXT;
}

/* Bytes */

static void
append_hex(StrBuf *out, const char *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *to = strbuf_room(out, length * 2);

	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) data[i];

		to[2 * i] = digits[byte >> 4];
		to[2 * i + 1] = digits[byte & 15];
	}
	strbuf_grown(out, length * 2);
}

static MyValueKind
bytes_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
			MyProblem *problem)
{
	if (column->target_type != NULL && target_is(column, "uuid"))
	{
		static const size_t ends[] = {4, 6, 8, 10, 16};

		if (length != 16)
			return bad(MY_PROBLEM_RANGE, problem);
		for (size_t i = 0, start = 0; i < 5; start = ends[i++])
		{
			if (i > 0)
				strbuf_append_char(out, '-');
			append_hex(out, data + start, ends[i] - start);
		}
		return MY_VALUE_TEXT;
	}
	/* Text that was kept in a binary column. */
	if (column->target_type != NULL && !target_is(column, "bytea"))
		return text_value(options, data, length, out, problem);
	strbuf_append_bytes(out, "\\x", 2);
	append_hex(out, data, length);
	return MY_VALUE_TEXT;
}

/* PostGIS reads the digits without the mark of a bytea. */
static MyValueKind
geometry_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
			   MyProblem *problem)
{
	bool as_text = column->target_type != NULL ? target_is_text(column) : options->geometry == MY_GEOMETRY_TEXT;
	bool with_mark = !as_text && (column->target_type == NULL || target_is(column, "bytea"));
	size_t start = out->length;

	if (with_mark)
		strbuf_append_bytes(out, "\\x", 2);
	if (as_text ? my_geometry_text(data, length, out) : my_geometry_hex(data, length, out))
		return MY_VALUE_TEXT;
	strbuf_cut(out, start);
	return bad(MY_PROBLEM_RANGE, problem);
}

/* Numbers of single precision, little-endian. */
static MyValueKind
vector_value(const MyColumn *column, const char *data, size_t length, StrBuf *out, MyProblem *problem)
{
	bool is_array = column->target_type == NULL || strstr(column->target_type, "[]") != NULL;

	if (length % 4 != 0)
		return bad(MY_PROBLEM_RANGE, problem);
	if (target_is(column, "bytea"))
	{
		strbuf_append_bytes(out, "\\x", 2);
		append_hex(out, data, length);
		return MY_VALUE_TEXT;
	}
	strbuf_append_char(out, is_array ? '{' : '[');
	for (size_t at = 0; at < length; at += 4)
	{
		uint32_t bits = 0;
		float value;

		for (int i = 3; i >= 0; i--)
			bits = bits << 8 | (unsigned char) data[at + (size_t) i];
		memcpy(&value, &bits, sizeof(value));
		if (at > 0)
			strbuf_append_char(out, ',');
		my_append_double(out, (double) value, true);
	}
	strbuf_append_char(out, is_array ? '}' : ']');
	return MY_VALUE_TEXT;
}

MyValueKind
my_value(const MyColumn *column, const MySourceConfig *options, const char *data, size_t length, StrBuf *out,
		 MyProblem *problem)
{
	*problem = MY_PROBLEM_NONE;
	switch (column->type)
	{
		case MY_TINYINT:
			return tinyint_value(column, options, data, length, out, problem);
		case MY_SMALLINT:
		case MY_MEDIUMINT:
		case MY_INT:
		case MY_BIGINT:
		case MY_DECIMAL:
		case MY_DOUBLE:
		case MY_YEAR:
			return number_value(data, length, out);
		case MY_FLOAT:
			return float_value(data, length, out);
		case MY_TIME:
		case MY_UUID:
		case MY_INET4:
		case MY_INET6:
			return MY_VALUE_SAME;
		case MY_BIT:
			return bit_value(column, data, length, out, problem);
		case MY_DATE:
		case MY_DATETIME:
		case MY_TIMESTAMP:
			return date_value(column, options, data, length, out, problem);
		case MY_CHAR:
		case MY_VARCHAR:
		case MY_TEXT:
		case MY_OTHER:
			return text_value(options, data, length, out, problem);
		case MY_JSON:
			return json_value(column, options, data, length, out, problem);
		case MY_ENUM:
			return enum_value(column, options, data, length, out, problem);
		case MY_SET:
			return set_value(column, options, data, length, out, problem);
		case MY_BINARY:
		case MY_VARBINARY:
		case MY_BLOB:
			return bytes_value(column, options, data, length, out, problem);
		case MY_GEOMETRY:
			return geometry_value(column, options, data, length, out, problem);
		case MY_VECTOR:
			return vector_value(column, data, length, out, problem);
	}
	return text_value(options, data, length, out, problem);
}
