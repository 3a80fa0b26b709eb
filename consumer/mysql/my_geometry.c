/*
 * my_geometry.c
 *		SRID and WKB as EWKB or WKT.
 *
 *		WKB: byte (1: little-endian) | uint32 type | content
 *		1 point: x y | 2 line: n (x y)* | 3 polygon: n (n (x y)*)* | 4..6 several of these, 7 a collection: n WKB*
 *		EWKB: bit 0x20000000 of the type says that the SRID follows it.
 */
#include "mysql/my_geometry.h"

#include "mysql/my_double.h"

#include <string.h>

#define SRID_BYTES 4
#define HEAD_BYTES 5 /* byte order and type */
#define HAS_SRID   0x20000000u
#define MOST_DEPTH 32

typedef enum WkbType
{
	WKB_POINT = 1,
	WKB_LINESTRING,
	WKB_POLYGON,
	WKB_MULTIPOINT,
	WKB_MULTILINESTRING,
	WKB_MULTIPOLYGON,
	WKB_COLLECTION
} WkbType;

static const char *const names[] = {NULL,         "POINT",           "LINESTRING",   "POLYGON",
									"MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"};

typedef struct Reader
{
	const unsigned char *at;
	const unsigned char *end;
	bool is_big_endian;
	bool failed;
} Reader;

static uint64_t
read_bytes(Reader *reader, int count)
{
	uint64_t value = 0;

	if (reader->end - reader->at < count)
	{
		reader->failed = true;
		return 0;
	}
	for (int i = 0; i < count; i++)
		value |= (uint64_t) reader->at[i] << 8 * (reader->is_big_endian ? count - 1 - i : i);
	reader->at += count;
	return value;
}

/* A count of things that take at least so many bytes each: one that cannot be true does not keep us busy. */
static uint32_t
read_count(Reader *reader, int least_bytes)
{
	uint32_t count = (uint32_t) read_bytes(reader, 4);

	if ((int64_t) count * least_bytes > reader->end - reader->at)
		reader->failed = true;
	return reader->failed ? 0 : count;
}

static WkbType
read_head(Reader *reader)
{
	uint32_t type;

	reader->is_big_endian = read_bytes(reader, 1) == 0;
	type = (uint32_t) read_bytes(reader, 4);
	if (type < WKB_POINT || type > WKB_COLLECTION)
		reader->failed = true;
	return reader->failed ? WKB_POINT : (WkbType) type;
}

static void
write_coordinate(Reader *reader, StrBuf *out)
{
	uint64_t bits = read_bytes(reader, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	my_append_double(out, value, false);
}

static void
write_point(Reader *reader, StrBuf *out)
{
	write_coordinate(reader, out);
	strbuf_append_char(out, ' ');
	write_coordinate(reader, out);
}

static void
write_points(Reader *reader, StrBuf *out)
{
	uint32_t count = read_count(reader, 16);

	strbuf_append_char(out, '(');
	for (uint32_t i = 0; i < count; i++)
	{
		if (i > 0)
			strbuf_append_char(out, ',');
		write_point(reader, out);
	}
	strbuf_append_char(out, ')');
}

static void write_content(Reader *reader, WkbType type, int depth, StrBuf *out);

/* Parts of a collection have their names, those of the others do not. */
static void
write_parts(Reader *reader, bool with_names, int depth, StrBuf *out)
{
	uint32_t count = read_count(reader, HEAD_BYTES);

	if (depth > MOST_DEPTH)
		reader->failed = true;
	strbuf_append_char(out, '(');
	for (uint32_t i = 0; i < count && !reader->failed; i++)
	{
		WkbType type = read_head(reader);

		if (i > 0)
			strbuf_append_char(out, ',');
		if (with_names)
			strbuf_append(out, names[type]);
		write_content(reader, type, depth + 1, out);
	}
	strbuf_append_char(out, ')');
}

static void
write_content(Reader *reader, WkbType type, int depth, StrBuf *out)
{
	const unsigned char *start = reader->at;

	if (type != WKB_POINT && read_bytes(reader, 4) == 0)
	{
		strbuf_append(out, " EMPTY");
		return;
	}
	reader->at = start;
	switch (type)
	{
		case WKB_POINT:
			strbuf_append_char(out, '(');
			write_point(reader, out);
			strbuf_append_char(out, ')');
			break;
		case WKB_LINESTRING:
			write_points(reader, out);
			break;
		case WKB_POLYGON:
		{
			uint32_t count = read_count(reader, 4);

			strbuf_append_char(out, '(');
			for (uint32_t i = 0; i < count; i++)
			{
				if (i > 0)
					strbuf_append_char(out, ',');
				write_points(reader, out);
			}
			strbuf_append_char(out, ')');
			break;
		}
		default:
			write_parts(reader, type == WKB_COLLECTION, depth, out);
			break;
	}
}

bool
my_geometry_text(const char *data, size_t length, StrBuf *out)
{
	Reader reader = {(const unsigned char *) data, (const unsigned char *) data + length, false, false};
	uint32_t srid = (uint32_t) read_bytes(&reader, SRID_BYTES);
	size_t start = out->length;
	WkbType type = read_head(&reader);

	if (srid != 0)
		strbuf_printf(out, "SRID=%u;", srid);
	strbuf_append(out, names[type]);
	write_content(&reader, type, 0, out);
	if (!reader.failed && reader.at == reader.end)
		return true;
	strbuf_cut(out, start);
	return false;
}

static void
append_hex(StrBuf *out, const unsigned char *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *to = strbuf_room(out, length * 2);

	for (size_t i = 0; i < length; i++)
	{
		to[2 * i] = digits[data[i] >> 4];
		to[2 * i + 1] = digits[data[i] & 15];
	}
	strbuf_grown(out, length * 2);
}

bool
my_geometry_hex(const char *data, size_t length, StrBuf *out)
{
	const unsigned char *bytes = (const unsigned char *) data;
	Reader reader = {bytes, bytes + length, false, false};
	uint32_t srid = (uint32_t) read_bytes(&reader, SRID_BYTES);
	WkbType type = read_head(&reader);
	unsigned char head[HEAD_BYTES + SRID_BYTES];

	if (reader.failed)
		return false;
	if (srid == 0)
	{
		append_hex(out, bytes + SRID_BYTES, length - SRID_BYTES);
		return true;
	}
	head[0] = reader.is_big_endian ? 0 : 1;
	for (int i = 0; i < 4; i++)
	{
		int shift = 8 * (reader.is_big_endian ? 3 - i : i);

		head[1 + i] = (unsigned char) ((type | HAS_SRID) >> shift);
		head[HEAD_BYTES + i] = (unsigned char) (srid >> shift);
	}
	append_hex(out, head, sizeof(head));
	append_hex(out, bytes + SRID_BYTES + HEAD_BYTES, length - SRID_BYTES - HEAD_BYTES);
	return true;
}
