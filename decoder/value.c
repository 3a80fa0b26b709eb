/*
 * value.c
 *
 * Writes values. A type is known by its output function, so that domains and
 * whatever else shares a function take the same short way.
 */
#include "postgres.h"

#include "value.h"

#include "access/detoast.h"
#include "common/shortest_dec.h"
#include "json.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Room for a quoted number, date or time of any of the short ways. */
#define SHORT_VALUE_BYTES 64

/* Years that are written with four digits and without an era. */
#define PLAIN_YEAR_MIN 1
#define PLAIN_YEAR_MAX 9999

static const struct
{
	Oid			function;
	ValueKind	kind;
}			short_ways[] = {
	{F_BOOLOUT, VALUE_BOOL},
	{F_INT2OUT, VALUE_INT2},
	{F_INT4OUT, VALUE_INT4},
	{F_INT8OUT, VALUE_INT8},
	{F_OIDOUT, VALUE_OID},
	{F_FLOAT4OUT, VALUE_FLOAT4},
	{F_FLOAT8OUT, VALUE_FLOAT8},
	{F_NUMERIC_OUT, VALUE_NUMERIC},
	{F_TEXTOUT, VALUE_TEXT},
	{F_VARCHAROUT, VALUE_TEXT},
	{F_BPCHAROUT, VALUE_TEXT},
	{F_JSON_OUT, VALUE_TEXT},
	{F_NAMEOUT, VALUE_NAME},
	{F_BYTEAOUT, VALUE_BYTEA},
	{F_UUID_OUT, VALUE_UUID},
	{F_DATE_OUT, VALUE_DATE},
	{F_TIMESTAMP_OUT, VALUE_TIMESTAMP},
	{F_TIMESTAMPTZ_OUT, VALUE_TIMESTAMPTZ},
};

void
value_writer_init(ValueWriter *value_writer, Oid type, MemoryContext context)
{
	Oid			function;

	getTypeOutputInfo(type, &function, &value_writer->is_varlena);
	fmgr_info_cxt(function, &value_writer->output, context);
	value_writer->kind = VALUE_OTHER;
	for (int i = 0; i < (int) lengthof(short_ways); i++)
		if (short_ways[i].function == function)
			value_writer->kind = short_ways[i].kind;
}

/*
 * The plain bytes of a value. What logical decoding has put together from
 * TOAST chunks hangs on an indirect pointer; looking through it saves a copy.
 */
static struct varlena *
plain_varlena(Datum value)
{
	struct varlena *pointer = (struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_EXTERNAL_INDIRECT(pointer))
	{
		struct varatt_indirect redirect;

		VARATT_EXTERNAL_GET_POINTER(redirect, pointer);
		if (!VARATT_IS_EXTENDED(redirect.pointer))
			return redirect.pointer;
	}
	return pg_detoast_datum_packed(pointer);
}

static void
append_varlena_text(Writer *writer, Datum value)
{
	struct varlena *chars = plain_varlena(value);
	Size		size = VARSIZE_ANY_EXHDR(chars);

	writer_expect(writer, size);
	json_append_text(writer, VARDATA_ANY(chars), size);
}

static void
append_bytea(Writer *writer, Datum value)
{
	struct varlena *bytes = plain_varlena(value);
	Size		size = VARSIZE_ANY_EXHDR(bytes);

	writer_expect(writer, size * 2);
	writer_append_literal(writer, "\"\\\\x");
	json_append_hex(writer, VARDATA_ANY(bytes), size);
	writer_append_char(writer, '"');
}

static inline char *
store_two_digits(char *to, int value)
{
	to[0] = (char) ('0' + value / 10);
	to[1] = (char) ('0' + value % 10);
	return to + 2;
}

/* Stores the date of a Julian day, or returns NULL: not a plain year. */
static char *
store_date(char *to, int julian_day)
{
	int			year;
	int			month;
	int			day;

	j2date(julian_day, &year, &month, &day);
	if (year < PLAIN_YEAR_MIN || year > PLAIN_YEAR_MAX)
		return NULL;
	to = store_two_digits(to, year / 100);
	to = store_two_digits(to, year % 100);
	*to++ = '-';
	to = store_two_digits(to, month);
	*to++ = '-';
	return store_two_digits(to, day);
}

/* Stores the fraction of a second without the zeros at its end. */
static char *
store_fraction(char *to, int microseconds)
{
	int			digits = 6;

	if (microseconds == 0)
		return to;
	*to++ = '.';
	while (microseconds % 10 == 0)
	{
		microseconds /= 10;
		digits--;
	}
	for (int i = digits - 1; i >= 0; i--)
	{
		to[i] = (char) ('0' + microseconds % 10);
		microseconds /= 10;
	}
	return to + digits;
}

/* Stores date and time, or returns NULL: infinite, or not a plain year. */
static char *
store_timestamp(char *to, Timestamp timestamp)
{
	int64		day_number;
	int64		time;
	int			seconds;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		return NULL;
	day_number = timestamp / USECS_PER_DAY;
	time = timestamp % USECS_PER_DAY;
	if (time < 0)
	{
		time += USECS_PER_DAY;
		day_number--;
	}
	to = store_date(to, (int) (day_number + POSTGRES_EPOCH_JDATE));
	if (to == NULL)
		return NULL;
	seconds = (int) (time / USECS_PER_SEC);
	*to++ = ' ';
	to = store_two_digits(to, seconds / SECS_PER_HOUR);
	*to++ = ':';
	to = store_two_digits(to, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	*to++ = ':';
	to = store_two_digits(to, seconds % SECS_PER_MINUTE);
	return store_fraction(to, (int) (time % USECS_PER_SEC));
}

/*
 * A numeric as it is stored: a word or two of header, then digits to the base
 * of 10,000. The server keeps this to itself, but it is what stands on disk in
 * every cluster since 9.1.
 */
#define NUMERIC_SHORT 0x8000
#define NUMERIC_SPECIAL 0xC000
#define NUMERIC_NEGATIVE 0x4000
#define NUMERIC_SCALE_MASK 0x3FFF
#define NUMERIC_SHORT_NEGATIVE 0x2000
#define NUMERIC_SHORT_SCALE_MASK 0x1F80
#define NUMERIC_SHORT_SCALE_SHIFT 7
#define NUMERIC_SHORT_WEIGHT_SIGN 0x0040
#define NUMERIC_SHORT_WEIGHT_MASK 0x003F
#define NUMERIC_DIGIT_PLACES 4

typedef struct NumericParts
{
	bool		is_negative;
	int			scale;			/* decimal places that are shown */
	int			weight;			/* of the first digit, as a power of 10,000 */
	int			count;
	const char *digits;			/* int16 each, perhaps not aligned */
} NumericParts;

static inline uint16
read_uint16(const char *from)
{
	uint16		value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Takes a stored numeric apart; false: NaN or infinite. */
static inline bool
read_numeric(const struct varlena *numeric, NumericParts *parts)
{
	const char *data = VARDATA_ANY(numeric);
	int			header_size = sizeof(uint16);
	uint16		header = read_uint16(data);

	if ((header & NUMERIC_SPECIAL) == NUMERIC_SPECIAL)
		return false;
	if ((header & NUMERIC_SHORT) != 0)
	{
		parts->is_negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
		parts->scale = (header & NUMERIC_SHORT_SCALE_MASK) >> NUMERIC_SHORT_SCALE_SHIFT;
		parts->weight = header & NUMERIC_SHORT_WEIGHT_MASK;
		if ((header & NUMERIC_SHORT_WEIGHT_SIGN) != 0)
			parts->weight -= NUMERIC_SHORT_WEIGHT_MASK + 1;
	}
	else
	{
		parts->is_negative = (header & NUMERIC_NEGATIVE) != 0;
		parts->scale = header & NUMERIC_SCALE_MASK;
		parts->weight = (int16) read_uint16(data + sizeof(uint16));
		header_size += sizeof(int16);
	}
	parts->digits = data + header_size;
	parts->count = ((int) VARSIZE_ANY_EXHDR(numeric) - header_size) / (int) sizeof(int16);
	return true;
}

/* A digit of any place; those that are not stored are zero. */
static inline int
numeric_digit(const NumericParts *parts, int place)
{
	if (place < 0 || place >= parts->count)
		return 0;
	return (int16) read_uint16(parts->digits + (Size) place * sizeof(int16));
}

static inline char *
store_numeric_digit(char *to, int digit)
{
	to = store_two_digits(to, digit / 100);
	return store_two_digits(to, digit % 100);
}

static char *
store_numeric(char *to, const NumericParts *parts)
{
	int			place = 0;
	char	   *end;

	if (parts->is_negative)
		*to++ = '-';
	if (parts->weight < 0)
	{
		*to++ = '0';
		place = parts->weight + 1;
	}
	else
	{
		to += pg_ultoa_n((uint32) numeric_digit(parts, place++), to);
		while (place <= parts->weight)
			to = store_numeric_digit(to, numeric_digit(parts, place++));
	}
	if (parts->scale == 0)
		return to;
	*to++ = '.';
	end = to + parts->scale;
	while (to < end)
		to = store_numeric_digit(to, numeric_digit(parts, place++));
	return end;
}

static char *
store_uuid(char *to, Datum value)
{
	static const char digits[] = "0123456789abcdef";
	const pg_uuid_t *uuid = DatumGetUUIDP(value);

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[uuid->data[i] >> 4];
		*to++ = digits[uuid->data[i] & 15];
	}
	return to;
}

static char *
store_timestamptz(char *to, TimestampTz value)
{
	to = store_timestamp(to, value);
	if (to != NULL)
	{
		memcpy(to, "+00", 3);
		to += 3;
	}
	return to;
}

/* The server's own functions for signed numbers tell no length before 14. */
static inline char *
store_integer(char *to, int64 value)
{
	uint64		magnitude = (uint64) value;

	if (value < 0)
	{
		*to++ = '-';
		magnitude = 0 - magnitude;
	}
	return to + pg_ulltoa_n(magnitude, to);
}

/*
 * Stores a value that needs no escaping and little room. NULL: this value is
 * none of the plain ones, the output function must write it.
 */
static inline char *
store_short(char *to, ValueKind kind, Datum value)
{
	switch (kind)
	{
		case VALUE_BOOL:
			*to = DatumGetBool(value) ? 't' : 'f';
			return to + 1;
		case VALUE_INT2:
			return store_integer(to, DatumGetInt16(value));
		case VALUE_INT4:
			return store_integer(to, DatumGetInt32(value));
		case VALUE_INT8:
			return store_integer(to, DatumGetInt64(value));
		case VALUE_OID:
			return to + pg_ultoa_n(DatumGetObjectId(value), to);
		case VALUE_FLOAT4:
			return to + float_to_shortest_decimal_bufn(DatumGetFloat4(value), to);
		case VALUE_FLOAT8:
			return to + double_to_shortest_decimal_bufn(DatumGetFloat8(value), to);
		case VALUE_UUID:
			return store_uuid(to, value);
		case VALUE_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return NULL;
			return store_date(to, DatumGetDateADT(value) + POSTGRES_EPOCH_JDATE);
		case VALUE_TIMESTAMP:
			return store_timestamp(to, DatumGetTimestamp(value));
		case VALUE_TIMESTAMPTZ:
			return store_timestamptz(to, DatumGetTimestampTz(value));
		default:
			return NULL;
	}
}

static void
append_by_function(Writer *writer, ValueWriter *value_writer, Datum value)
{
	char	   *chars = OutputFunctionCall(&value_writer->output, value);
	Size		size = strlen(chars);

	writer_expect(writer, size);
	json_append_text(writer, chars, size);
	pfree(chars);
}

static void
append_numeric(Writer *writer, ValueWriter *value_writer, Datum value)
{
	NumericParts parts;
	char	   *to;

	if (!read_numeric(plain_varlena(value), &parts))
	{
		append_by_function(writer, value_writer, value);
		return;
	}
	writer_reserve(writer, (Size) (Max(parts.weight, 0) + 1) * NUMERIC_DIGIT_PLACES +
				   (Size) parts.scale + SHORT_VALUE_BYTES);
	to = writer_tail(writer);
	*to++ = '"';
	to = store_numeric(to, &parts);
	*to++ = '"';
	writer_advance(writer, to);
}

void
value_append(Writer *writer, ValueWriter *value_writer, Datum value)
{
	char	   *to;

	switch (value_writer->kind)
	{
		case VALUE_TEXT:
			append_varlena_text(writer, value);
			return;
		case VALUE_BYTEA:
			append_bytea(writer, value);
			return;
		case VALUE_NUMERIC:
			append_numeric(writer, value_writer, value);
			return;
		case VALUE_NAME:
			json_append_cstring(writer, NameStr(*DatumGetName(value)));
			return;
		case VALUE_OTHER:
			append_by_function(writer, value_writer, value);
			return;
		default:
			break;
	}

	writer_reserve(writer, SHORT_VALUE_BYTES);
	to = writer_tail(writer);
	*to++ = '"';
	to = store_short(to, value_writer->kind, value);
	if (unlikely(to == NULL))
	{
		append_by_function(writer, value_writer, value);
		return;
	}
	*to++ = '"';
	writer_advance(writer, to);
}

void
value_append_time(Writer *writer, TimestampTz time)
{
	char	   *to;

	writer_reserve(writer, SHORT_VALUE_BYTES);
	to = writer_tail(writer);
	*to++ = '"';
	to = store_timestamptz(to, time);
	if (to == NULL)
	{
		json_append_cstring(writer, timestamptz_to_str(time));
		return;
	}
	*to++ = '"';
	writer_advance(writer, to);
}
