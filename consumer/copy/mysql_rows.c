/*
 * mysql_rows.c
 *		A row of the source as a line of COPY's text format.
 *
 * Every value of every row passes here, so nothing is allocated for a value, and what needs no escape is copied in runs.
 */
#include "copy/mysql_private.h"

#include <string.h>

/* Bytes of a word that are below 14, or a backslash: among them are all that COPY wants escaped. */
#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Of a large value at a time. */
#define PIECE_BYTES (64 * 1024)

static inline bool
may_need_escape(uint64_t word)
{
	uint64_t slashes = word ^ (ONES * '\\');

	return (((word - ONES * 14) & ~word) | ((slashes - ONES) & ~slashes)) & HIGHS;
}

static inline char
escape_of(char c)
{
	switch (c)
	{
		case '\\':
			return '\\';
		case '\n':
			return 'n';
		case '\r':
			return 'r';
		case '\t':
			return 't';
		default:
			return '\0';
	}
}

static size_t
run_length(const char *data, size_t length)
{
	size_t at = 0;

	for (;;)
	{
		uint64_t word;

		while (length - at >= sizeof(word))
		{
			memcpy(&word, data + at, sizeof(word));
			if (may_need_escape(word))
				break;
			at += sizeof(word);
		}
		for (size_t end = length - at < sizeof(word) ? length : at + sizeof(word); at < end; at++)
			if (escape_of(data[at]))
				return at;
		if (at == length)
			return at;
	}
}

static void
append_escaped(StrBuf *out, const char *data, size_t length)
{
	while (length > 0)
	{
		size_t run = run_length(data, length);
		char *room = strbuf_room(out, run + 2);

		memcpy(room, data, run);
		if (run < length)
		{
			room[run] = '\\';
			room[run + 1] = escape_of(data[run]);
			strbuf_grown(out, run + 2);
			run++;
		}
		else
			strbuf_grown(out, run);
		data += run;
		length -= run;
	}
}

/* In pieces, so that a large value is never there a second time. */
static bool
write_escaped(MyRowWriter *writer, const char *data, size_t length, Error *err)
{
	while (writer->flush && length > PIECE_BYTES)
	{
		append_escaped(&writer->out, data, PIECE_BYTES);
		if (!writer->flush(writer->arg, err))
			return false;
		data += PIECE_BYTES;
		length -= PIECE_BYTES;
	}
	append_escaped(&writer->out, data, length);
	return true;
}

/* A large value of which each byte becomes two digits behind a mark: the form of the whole is that of the pieces, with one mark. */
static bool
is_cut_in_pieces(const MyRowWriter *writer, const MyColumn *column, size_t length)
{
	return writer->flush && length > PIECE_BYTES && !column->target_type && column->type == MY_BLOB;
}

static bool
write_pieces(MyRowWriter *writer, const MyColumn *column, const char *data, size_t length, Error *err)
{
	static const size_t mark = 2;

	for (size_t at = 0; at < length; at += PIECE_BYTES)
	{
		size_t piece = length - at < PIECE_BYTES ? length - at : PIECE_BYTES;
		size_t skip = at > 0 ? mark : 0;

		strbuf_reset(&writer->value);
		if (my_value(column, writer->config, data + at, piece, &writer->value, &writer->problem) != MY_VALUE_TEXT)
			return false;
		append_escaped(&writer->out, writer->value.data + skip, writer->value.length - skip);
		if (!writer->flush(writer->arg, err))
			return false;
	}
	return true;
}

static bool
write_value(MyRowWriter *writer, const MyColumn *column, const char *data, size_t length, Error *err)
{
	if (is_cut_in_pieces(writer, column, length))
		return write_pieces(writer, column, data, length, err);
	strbuf_reset(&writer->value);
	switch (my_value(column, writer->config, data, length, &writer->value, &writer->problem))
	{
		case MY_VALUE_SAME:
			return write_escaped(writer, data, length, err);
		case MY_VALUE_TEXT:
			return write_escaped(writer, strbuf_text(&writer->value), writer->value.length, err);
		case MY_VALUE_NULL:
			strbuf_append_bytes(&writer->out, "\\N", 2);
			return true;
		case MY_VALUE_BAD:
			break;
	}
	return false;
}

bool
mysql_row_write(MyRowWriter *writer, MYSQL_ROW row, const unsigned long *lengths, Error *err)
{
	const MyCopyTable *table = writer->table;
	StrBuf *out = &writer->out;
	size_t start = out->length;

	for (int i = 0; i < table->column_count; i++)
	{
		const MyCopyColumn *column = &table->columns[i];

		if (i > 0)
			strbuf_append_char(out, '\t');
		if (!row[i])
			strbuf_append_bytes(out, "\\N", 2);
		else if (column->is_number)
			strbuf_append_bytes(out, row[i], lengths[i]);
		else
		{
			writer->problem = MY_PROBLEM_NONE;
			if (!write_value(writer, column->column, row[i], lengths[i], err))
			{
				writer->bad_column = i;
				if (!writer->flush)
					strbuf_cut(out, start);
				return false;
			}
			writer->replaced[writer->problem] += writer->problem != MY_PROBLEM_NONE;
		}
	}
	strbuf_append_char(out, '\n');
	return true;
}

void
mysql_row_split(const MyCopyTable *table, char *line, size_t length, char **fields, unsigned long *lengths)
{
	char *end = line + length;
	char *to = line;

	for (int i = 0; i < table->column_count; i++)
	{
		bool is_null = end - line >= 2 && line[0] == '\\' && line[1] == 'N';

		fields[i] = to;
		for (; line < end && *line != '\t' && *line != '\n'; line++)
		{
			if (*line != '\\')
			{
				*to++ = *line;
				continue;
			}
			line++;
			*to++ = *line == 'n' ? '\n' : *line == 'r' ? '\r' : *line == 't' ? '\t' : *line;
		}
		line++;
		lengths[i] = (unsigned long) (to - fields[i]);
		if (is_null)
			fields[i] = NULL;
	}
}

void
mysql_row_key(const MyCopyTable *table, char *const *fields, const unsigned long *lengths, StrBuf *out)
{
	static const size_t longest = 100;

	for (int i = 0; i < table->key_count; i++)
	{
		const MyCopyColumn *column = &table->columns[table->key[i]];
		const char *data = fields[table->key[i]];
		size_t length = lengths[table->key[i]];

		strbuf_printf(out, "%s%s=", i > 0 ? ", " : "", column->name);
		for (size_t at = 0; data && at < length && at < longest; at++)
		{
			unsigned char c = (unsigned char) data[at];

			if (c >= ' ' && c < 0x7f)
				strbuf_append_char(out, (char) c);
			else
				strbuf_printf(out, "\\x%02x", c);
		}
		if (length > longest)
			strbuf_append(out, "...");
	}
}
