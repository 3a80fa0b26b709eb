/*
 * json.c
 *
 * Escapes and converts text. Clean runs are copied in blocks, sixteen
 * bytes where the processor has a way to look at so many, or eight. In
 * every encoding that comes in or goes out an ASCII byte is an ASCII character,
 * never a part of another one, so text is escaped first and then converted.
 */
#include "postgres.h"

#include "json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "catalog/namespace.h"
#include "common/base64.h"
#include "mb/pg_wchar.h"

/* Input is taken in pieces, so that the room for the worst case is small. */
#define PIECE_BYTES 4096

/* The most that one byte becomes: \u0001 */
#define ESCAPE_GROWTH 6

#define REPEAT8(byte) (UINT64CONST(0x0101010101010101) * (byte))
#define HIGH_BITS REPEAT8(0x80)

static const char hex_digits[] = "0123456789abcdef";

/*
 * Does a word hold a byte that JSON wants escaped: below 0x20, quote or
 * backslash? May be wrong only in saying yes (a borrow behind a true hit).
 */
static inline bool
word_needs_escape(uint64 word)
{
	uint64		quote = word ^ REPEAT8('"');
	uint64		slash = word ^ REPEAT8('\\');
	uint64		low = (word - REPEAT8(0x20)) & ~word;

	quote = (quote - REPEAT8(1)) & ~quote;
	slash = (slash - REPEAT8(1)) & ~slash;
	return ((low | quote | slash) & HIGH_BITS) != 0;
}

/* Stores the escape of one byte, or the byte. */
static inline char *
escape_byte(char *to, unsigned char c)
{
	if (likely(c >= 0x20 && c != '"' && c != '\\'))
	{
		*to++ = (char) c;
		return to;
	}
	*to++ = '\\';
	switch (c)
	{
		case '"':
		case '\\':
			*to++ = (char) c;
			break;
		case '\n':
			*to++ = 'n';
			break;
		case '\t':
			*to++ = 't';
			break;
		case '\r':
			*to++ = 'r';
			break;
		case '\b':
			*to++ = 'b';
			break;
		case '\f':
			*to++ = 'f';
			break;
		default:
			memcpy(to, "u00", 3);
			to[3] = hex_digits[c >> 4];
			to[4] = hex_digits[c & 15];
			to += 5;
			break;
	}
	return to;
}

#ifdef __SSE2__
/*
 * Escapes sixteen bytes at a time while so many are left, and moves *from to
 * the rest. Returns where that goes.
 */
static inline char *
escape_blocks(char *to, const char **from, const char *end)
{
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i low = _mm_set1_epi8(0x1f);
	const char *at = *from;

	while (end - at >= 16)
	{
		__m128i		block = _mm_loadu_si128((const __m128i *) at);
		__m128i		hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote),
													_mm_cmpeq_epi8(block, slash)),
									   _mm_cmpeq_epi8(_mm_min_epu8(block, low), block));
		int			hits = _mm_movemask_epi8(hit);

		_mm_storeu_si128((__m128i *) to, block);
		if (likely(hits == 0))
		{
			to += 16;
			at += 16;
		}
		else
		{
			int			clean = __builtin_ctz((unsigned int) hits);

			to = escape_byte(to + clean, (unsigned char) at[clean]);
			at += clean + 1;
		}
	}
	*from = at;
	return to;
}
#endif

/* Escapes from four to seven bytes, by two halves that overlap. */
static inline char *
escape_short(char *to, const char *from, Size size)
{
	uint32		first;
	uint32		last;

	memcpy(&first, from, 4);
	memcpy(&last, from + size - 4, 4);
	if (likely(!word_needs_escape((uint64) first << 32 | last)))
	{
		memcpy(to, &first, 4);
		memcpy(to + size - 4, &last, 4);
		return to + size;
	}
	for (Size i = 0; i < size; i++)
		to = escape_byte(to, (unsigned char) from[i]);
	return to;
}

/*
 * Escapes "size" bytes to "to", which has room for ESCAPE_GROWTH times as
 * much. Returns the end.
 */
static inline char *
escape_piece(char *to, const char *from, Size size)
{
	const char *end = from + size;

#ifdef __SSE2__
	to = escape_blocks(to, &from, end);
#endif
	while (end - from >= 8)
	{
		uint64		word;

		memcpy(&word, from, 8);
		if (likely(!word_needs_escape(word)))
		{
			memcpy(to, &word, 8);
			to += 8;
			from += 8;
		}
		else
		{
			const char *stop = from + 8;

			while (from < stop)
				to = escape_byte(to, (unsigned char) *from++);
		}
	}
	if (end - from >= 4)
		return escape_short(to, from, (Size) (end - from));
	while (from < end)
		to = escape_byte(to, (unsigned char) *from++);
	return to;
}

static bool
is_ascii(const char *chars, Size size)
{
	while (size >= 8)
	{
		uint64		word;

		memcpy(&word, chars, 8);
		if ((word & HIGH_BITS) != 0)
			return false;
		chars += 8;
		size -= 8;
	}
	while (size > 0)
	{
		if ((*chars & 0x80) != 0)
			return false;
		chars++;
		size--;
	}
	return true;
}

static void
append_escaped(Writer *writer, const char *chars, Size size)
{
	while (size > 0)
	{
		Size		piece = Min(size, PIECE_BYTES);

		writer_reserve(writer, piece * ESCAPE_GROWTH);
		writer_advance(writer, escape_piece(writer_tail(writer), chars, piece));
		chars += piece;
		size -= piece;
	}
}

/* Appends a piece of escaped text, which ends at a character, converted. */
static void
append_converted_piece(Writer *writer, const char *chars, int size)
{
	TextCodec  *codec = &writer->codec;
	char	   *to;

	writer_reserve(writer, (Size) size * MAX_CONVERSION_GROWTH + 1);
	to = writer_tail(writer);
#if PG_VERSION_NUM >= 140000
	FunctionCall6(&codec->convert,
				  Int32GetDatum(codec->source), Int32GetDatum(codec->target),
				  CStringGetDatum(chars), CStringGetDatum(to),
				  Int32GetDatum(size), BoolGetDatum(false));
#else
	FunctionCall5(&codec->convert,
				  Int32GetDatum(codec->source), Int32GetDatum(codec->target),
				  CStringGetDatum(chars), CStringGetDatum(to),
				  Int32GetDatum(size));
#endif
	writer_advance(writer, to + strlen(to));
}

/*
 * Appends text in the output's encoding, in pieces that end at a character.
 * Conversion functions want their input to end with a zero byte.
 */
static void
append_converted(Writer *writer, const char *chars, Size size)
{
	char		escaped[PIECE_BYTES * ESCAPE_GROWTH + 1];
	TextCodec  *codec = &writer->codec;

	while (size > 0)
	{
		Size		piece = size;
		char	   *end;

		if (piece > PIECE_BYTES)
			piece = (Size) pg_encoding_mbcliplen(codec->source, chars,
												 PIECE_BYTES + 1, PIECE_BYTES);
		end = escape_piece(escaped, chars, piece);
		*end = '\0';
		append_converted_piece(writer, escaped, (int) (end - escaped));
		chars += piece;
		size -= piece;
	}
}

static void
append_hex_object(Writer *writer, const char *bytes, Size size)
{
	writer_append_literal(writer, "{\"hex\":\"");
	json_append_hex(writer, bytes, size);
	writer_append_literal(writer, "\"}");
}

/* Finds the conversion function; its memory is of the current context. */
static void
find_conversion(TextCodec *codec)
{
	Oid			function = FindDefaultConversionProc(codec->source, codec->target);

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("no conversion from encoding \"%s\" to \"%s\" exists",
						pg_encoding_to_char(codec->source),
						pg_encoding_to_char(codec->target)),
				 errhint("Ask for another encoding by the option encoding, such as \"UTF8\".")));
	fmgr_info(function, &codec->convert);
}

void
json_codec_init(TextCodec *codec, int encoding)
{
	memset(codec, 0, sizeof(*codec));
	codec->source = GetDatabaseEncoding();
	codec->target = encoding;
	if (codec->source == PG_SQL_ASCII)
		codec->rule = TEXT_VERIFY;
	else if (codec->source == codec->target)
		codec->rule = TEXT_AS_IS;
	else
	{
		codec->rule = TEXT_CONVERT;
		find_conversion(codec);
	}
}

bool
json_is_text(const TextCodec *codec, const char *bytes, Size size)
{
	int			encoding = codec->rule == TEXT_VERIFY ? PG_UTF8 : codec->source;

	return pg_verify_mbstr(encoding, bytes, (int) size, true);
}

static inline void
append_string(Writer *writer, const char *chars, Size size)
{
	writer_append_char(writer, '"');
	if (writer->codec.rule != TEXT_CONVERT || is_ascii(chars, size))
		append_escaped(writer, chars, size);
	else
		append_converted(writer, chars, size);
	writer_append_char(writer, '"');
}

void
json_append_text(Writer *writer, const char *chars, Size size)
{
	if (likely(writer->codec.rule == TEXT_AS_IS && size <= PIECE_BYTES))
	{
		char	   *to;

		writer_reserve(writer, size * ESCAPE_GROWTH + 2);
		to = writer_tail(writer);
		*to++ = '"';
		to = escape_piece(to, chars, size);
		*to++ = '"';
		writer_advance(writer, to);
	}
	else if (writer->codec.rule == TEXT_VERIFY &&
			 !is_ascii(chars, size) &&
			 !json_is_text(&writer->codec, chars, size))
		append_hex_object(writer, chars, size);
	else
		append_string(writer, chars, size);
}

void
json_append_cstring(Writer *writer, const char *chars)
{
	json_append_text(writer, chars, strlen(chars));
}

void
json_append_shared_name(Writer *writer, const char *name)
{
	Size		size = strlen(name);

	if (json_is_text(&writer->codec, name, size))
		append_string(writer, name, size);
	else
		append_hex_object(writer, name, size);
}

void
json_append_key(Writer *writer, const char *name)
{
	Size		size = strlen(name);

	if (writer->codec.rule == TEXT_VERIFY &&
		!json_is_text(&writer->codec, name, size))
	{
		writer_append_literal(writer, "\"\\\\x");
		json_append_hex(writer, name, size);
		writer_append_char(writer, '"');
	}
	else
		append_string(writer, name, size);
}

void
json_append_hex(Writer *writer, const char *bytes, Size size)
{
	while (size > 0)
	{
		Size		piece = Min(size, PIECE_BYTES);
		char	   *to;

		writer_reserve(writer, piece * 2);
		to = writer_tail(writer);
		for (Size i = 0; i < piece; i++)
		{
			unsigned char c = (unsigned char) bytes[i];

			*to++ = hex_digits[c >> 4];
			*to++ = hex_digits[c & 15];
		}
		writer_advance(writer, to);
		bytes += piece;
		size -= piece;
	}
}

void
json_append_base64(Writer *writer, const char *bytes, Size size)
{
	/* Pieces of a multiple of three bytes join without padding. */
	const Size	piece_bytes = 3 * 1024;

	writer_append_char(writer, '"');
	while (size > 0)
	{
		Size		piece = Min(size, piece_bytes);
		int			room = pg_b64_enc_len((int) piece);
		int			length;

		writer_reserve(writer, (Size) room);
#if PG_VERSION_NUM >= 180000
		length = pg_b64_encode((const uint8 *) bytes, (int) piece,
							   writer_tail(writer), room);
#else
		length = pg_b64_encode(bytes, (int) piece, writer_tail(writer), room);
#endif
		if (length < 0)
			elog(ERROR, "could not encode %zu bytes as base64", piece);
		writer->out->len += length;
		bytes += piece;
		size -= piece;
	}
	writer_append_char(writer, '"');
}

void
json_append_uint(Writer *writer, uint64 value)
{
	char		digits[20];
	char	   *p = digits + sizeof(digits);

	do
	{
		*--p = (char) ('0' + value % 10);
		value /= 10;
	} while (value != 0);
	writer_append(writer, p, (Size) (digits + sizeof(digits) - p));
}

static char *
store_hex_number(char *to, uint32 value)
{
	int			shift = 28;

	while (shift > 0 && (value >> shift) == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789ABCDEF"[(value >> shift) & 15];
	return to;
}

void
json_append_lsn(Writer *writer, XLogRecPtr lsn)
{
	char	   *to;

	writer_reserve(writer, 8 + 8 + 3);
	to = writer_tail(writer);
	*to++ = '"';
	to = store_hex_number(to, (uint32) (lsn >> 32));
	*to++ = '/';
	to = store_hex_number(to, (uint32) lsn);
	*to++ = '"';
	writer_advance(writer, to);
}
