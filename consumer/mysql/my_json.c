/*
 * my_json.c
 *		MySQL's binary JSON.
 *
 *     value  = type(1) content
 *     object = count size key_entry* value_entry* keys values        array = count size value_entry* values
 *     key_entry = offset length(2)       value_entry = type(1) offset_or_small_value
 *
 * count, size and offset have two bytes in a small object or array, four in a large one; offsets count from behind the type.  A document
 * has at most one value for each of its bytes: who visits more follows offsets that overlap, and it is malformed.
 */
#include "mysql/my_json.h"

#include "mysql/my_double.h"
#include "mysql/my_row.h"
#include "mysql/my_row_time.h"

#include <inttypes.h>

#define DEPTH_LIMIT 110			/* the server's is 100 */
#define BASE64_LINE_BYTES 57	/* a line of 76 characters */

enum JsonType
{
	JSON_SMALL_OBJECT = 0, JSON_LARGE_OBJECT = 1, JSON_SMALL_ARRAY = 2, JSON_LARGE_ARRAY = 3, JSON_LITERAL = 4, JSON_INT16 = 5,
	JSON_UINT16 = 6, JSON_INT32 = 7, JSON_UINT32 = 8, JSON_INT64 = 9, JSON_UINT64 = 10, JSON_DOUBLE = 11, JSON_STRING = 12, JSON_OPAQUE = 15
};

typedef struct JsonPrinter
{
	StrBuf	   *out;
	size_t		visits_left;
} JsonPrinter;

static bool print_value(JsonPrinter *printer, int type, MyBytes bytes, int depth);

static void
print_string(StrBuf *out, const uint8_t *text, size_t length)
{
	strbuf_append_char(out, '"');
	for (size_t i = 0; i < length; i++)
	{
		switch (text[i])
		{
			case '"':
				strbuf_append(out, "\\\"");
				break;
			case '\\':
				strbuf_append(out, "\\\\");
				break;
			case '\b':
				strbuf_append(out, "\\b");
				break;
			case '\f':
				strbuf_append(out, "\\f");
				break;
			case '\n':
				strbuf_append(out, "\\n");
				break;
			case '\r':
				strbuf_append(out, "\\r");
				break;
			case '\t':
				strbuf_append(out, "\\t");
				break;
			default:
				if (text[i] < 0x20)
					strbuf_printf(out, "\\u%04x", text[i]);
				else
					strbuf_append_char(out, (char) text[i]);
		}
	}
	strbuf_append_char(out, '"');
}

/* Seven bits a byte, the lowest first. */
static size_t
take_length(MyBytes *bytes)
{
	uint64_t	length = 0;

	for (int i = 0; i < 5; i++)
	{
		unsigned	byte = (unsigned) my_bytes_number(bytes, 1);

		length |= (uint64_t) (byte & 0x7f) << 7 * i;
		if ((byte & 0x80) == 0)
			return length;
	}
	bytes->is_short = true;
	return 0;
}

static bool
print_literal(JsonPrinter *printer, unsigned literal)
{
	static const char *const names[] = {"null", "true", "false"};

	if (literal > 2)
		return false;
	strbuf_append(printer->out, names[literal]);
	return true;
}

static void
print_double(StrBuf *out, double value)
{
	size_t		start = out->length;

	my_append_double(out, value, false);
	if (strpbrk(out->data + start, ".e") == NULL)
		strbuf_append(out, ".0");
}

/* Date and time packed into one signed number: (date << 17 | time) << 24 | microseconds. */
static void
print_time(StrBuf *out, int stored, int64_t packed)
{
	uint64_t	size = (uint64_t) (packed < 0 ? -packed : packed);
	unsigned	microseconds = (unsigned) (size & 0xffffff);
	unsigned	clock = (unsigned) (size >> 24 & 0x1ffff);
	unsigned	hours = (unsigned) (size >> 36 & (stored == MY_STORED_TIME ? 0x3ff : 31));
	unsigned	days = (unsigned) (size >> 41);
	unsigned	months = days >> 5;

	strbuf_append_char(out, '"');
	if (stored != MY_STORED_TIME)
		strbuf_printf(out, "%04u-%02u-%02u", months / 13, months % 13, days & 31);
	else if (packed < 0)
		strbuf_append_char(out, '-');
	if (stored == MY_STORED_DATETIME || stored == MY_STORED_TIMESTAMP)
		strbuf_append_char(out, ' ');
	if (stored != MY_STORED_DATE)
		strbuf_printf(out, "%02u:%02u:%02u.%06u", hours, clock >> 6 & 63, clock & 63, microseconds);
	strbuf_append_char(out, '"');
}

static void
print_base64(StrBuf *out, int stored, const uint8_t *data, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	strbuf_printf(out, "\"base64:type%d:", stored);
	for (size_t i = 0; i < length; i += 3)
	{
		size_t		left = length - i;
		unsigned	group;

		/* lines, as MySQL makes them */
		if (i > 0 && i % BASE64_LINE_BYTES == 0)
			strbuf_append(out, "\\n");
		group = (unsigned) data[i] << 16 | (left > 1 ? (unsigned) data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);

		strbuf_append_char(out, digits[group >> 18]);
		strbuf_append_char(out, digits[group >> 12 & 63]);
		strbuf_append_char(out, left > 1 ? digits[group >> 6 & 63] : '=');
		strbuf_append_char(out, left > 2 ? digits[group & 63] : '=');
	}
	strbuf_append_char(out, '"');
}

static bool
print_decimal(StrBuf *out, const uint8_t *data, size_t length)
{
	MyColumn	column = {.name = "", .type = MY_DECIMAL};
	MyStoredColumn stored = {.type = MY_STORED_DECIMAL};
	MyRowColumn bound;
	MyCell		cell = {.data = data + 2, .state = MY_CELL_VALUE};
	StrBuf		scratch = STRBUF_INIT;
	const char *problem;
	const char *text;
	size_t		text_length;
	Error		err = ERROR_INIT;
	Arena	   *arena;
	bool		ok;

	if (length < 2)
		return false;
	arena = arena_new(0);
	stored.precision = data[0];
	stored.scale = data[1];
	column.precision = stored.precision;
	column.scale = stored.scale;
	cell.length = (uint32_t) (length - 2);
	ok = my_row_bind(&stored, false, &column, NULL, arena, &bound, &problem) && (size_t) bound.fixed_size == length - 2 &&
		my_row_text(&bound, &cell, &scratch, &text, &text_length, &err);
	if (ok)
		strbuf_append_bytes(out, text, text_length);
	error_clear(&err);
	strbuf_free(&scratch);
	arena_free(arena);
	return ok;
}

static bool
print_opaque(JsonPrinter *printer, MyBytes bytes)
{
	int			stored = (int) my_bytes_number(&bytes, 1);
	size_t		length = take_length(&bytes);
	const uint8_t *data = my_bytes_take(&bytes, length);

	if (bytes.is_short)
		return false;
	switch (stored)
	{
		case MY_STORED_DECIMAL:
			return print_decimal(printer->out, data, length);
		case MY_STORED_DATE:
		case MY_STORED_TIME:
		case MY_STORED_DATETIME:
		case MY_STORED_TIMESTAMP:
			if (length != 8)
				return false;
			print_time(printer->out, stored, (int64_t) my_bytes_le(data, 8));
			return true;
		default:
			print_base64(printer->out, stored, data, length);
			return true;
	}
}

/* A value entry: small values stand in it, others at their offset. */
static bool
print_entry(JsonPrinter *printer, MyBytes whole, MyBytes *entries, int offset_size, int depth)
{
	int			type = (int) my_bytes_number(entries, 1);
	MyBytes		inlined = *entries;
	uint64_t	offset = my_bytes_number(entries, offset_size);

	if (entries->is_short)
		return false;
	inlined.end = entries->at;
	if (type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 || (offset_size == 4 && (type == JSON_INT32 || type == JSON_UINT32)))
		return print_value(printer, type, inlined, depth);
	if (my_bytes_take(&whole, offset) == NULL)
		return false;
	return print_value(printer, type, whole, depth);
}

static bool
print_container(JsonPrinter *printer, MyBytes whole, bool is_object, bool is_large, int depth)
{
	int			offset_size = is_large ? 4 : 2;
	MyBytes		head = whole;
	uint64_t	count = my_bytes_number(&head, offset_size);
	uint64_t	size = my_bytes_number(&head, offset_size);
	MyBytes		keys = head;
	MyBytes		values;

	if (head.is_short || size > my_bytes_left(&whole))
		return false;
	whole.end = whole.at + size;
	keys.end = whole.end;
	values = keys;
	if (size < 2 * (uint64_t) offset_size || (is_object && my_bytes_take(&values, count * (uint64_t) (offset_size + 2)) == NULL))
		return false;

	strbuf_append_char(printer->out, is_object ? '{' : '[');
	for (uint64_t i = 0; i < count; i++)
	{
		if (i > 0)
			strbuf_append(printer->out, ", ");
		if (is_object)
		{
			uint64_t	offset = my_bytes_number(&keys, offset_size);
			uint64_t	length = my_bytes_number(&keys, 2);
			MyBytes		at = whole;
			const uint8_t *key;

			my_bytes_take(&at, offset);
			key = my_bytes_take(&at, length);
			if (keys.is_short || at.is_short)
				return false;
			print_string(printer->out, key, length);
			strbuf_append(printer->out, ": ");
		}
		if (!print_entry(printer, whole, &values, offset_size, depth))
			return false;
	}
	strbuf_append_char(printer->out, is_object ? '}' : ']');
	return true;
}

static bool
print_value(JsonPrinter *printer, int type, MyBytes bytes, int depth)
{
	StrBuf	   *out = printer->out;
	uint64_t	number;
	size_t		length;
	double		real;
	const uint8_t *text;

	if (printer->visits_left-- == 0 || depth > DEPTH_LIMIT)
		return false;
	switch (type)
	{
		case JSON_SMALL_OBJECT:
		case JSON_LARGE_OBJECT:
		case JSON_SMALL_ARRAY:
		case JSON_LARGE_ARRAY:
			return print_container(printer, bytes, type <= JSON_LARGE_OBJECT, (type & 1) != 0, depth + 1);
		case JSON_LITERAL:
			number = my_bytes_number(&bytes, 1);
			return !bytes.is_short && print_literal(printer, (unsigned) number);
		case JSON_INT16:
			strbuf_printf(out, "%d", (int16_t) my_bytes_number(&bytes, 2));
			return !bytes.is_short;
		case JSON_UINT16:
			strbuf_printf(out, "%u", (unsigned) my_bytes_number(&bytes, 2));
			return !bytes.is_short;
		case JSON_INT32:
			strbuf_printf(out, "%" PRId32, (int32_t) my_bytes_number(&bytes, 4));
			return !bytes.is_short;
		case JSON_UINT32:
			strbuf_printf(out, "%" PRIu32, (uint32_t) my_bytes_number(&bytes, 4));
			return !bytes.is_short;
		case JSON_INT64:
			strbuf_printf(out, "%" PRId64, (int64_t) my_bytes_number(&bytes, 8));
			return !bytes.is_short;
		case JSON_UINT64:
			strbuf_printf(out, "%" PRIu64, my_bytes_number(&bytes, 8));
			return !bytes.is_short;
		case JSON_DOUBLE:
			number = my_bytes_number(&bytes, 8);
			memcpy(&real, &number, sizeof(real));
			print_double(out, real);
			return !bytes.is_short;
		case JSON_STRING:
			length = take_length(&bytes);
			text = my_bytes_take(&bytes, length);
			if (bytes.is_short)
				return false;
			print_string(out, text, length);
			return true;
		case JSON_OPAQUE:
			return print_opaque(printer, bytes);
		default:
			return false;
	}
}

bool
my_json_append(const void *data, size_t length, StrBuf *out, Error *err)
{
	JsonPrinter printer = {.out = out, .visits_left = length + 1};
	MyBytes		bytes = my_bytes(data, length);
	int			type;

	if (length == 0)
	{
		/* what a NULL becomes in a column that was made NOT NULL */
		strbuf_append(out, "null");
		return true;
	}
	type = (int) my_bytes_number(&bytes, 1);
	if (!print_value(&printer, type, bytes, 0))
		return error_set(err, ERROR_FAILED, "malformed binary JSON of %zu bytes", length);
	return true;
}
