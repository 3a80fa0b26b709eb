/*
 * my_charset.c
 *		Tables of single-byte character sets, read from the server; iconv for those of several bytes.
 */
#include "mysql/my_charset.h"

#include "base/hash.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_SIZE 256

struct MyCharset
{
	bool		has_ascii;		/* bytes below 128 are ASCII, wherever they stand alone */
	iconv_t		iconv;			/* (iconv_t) -1: the table */
	uint8_t		lengths[TABLE_SIZE];	/* 0: no character by itself */
	char		bytes[TABLE_SIZE][4];
	char		(*pairs)[TABLE_SIZE][4];	/* of first bytes from 128 on: UTF-8 of both, zeroes where they are none; or NULL */
};

struct MyCharsets
{
	HashMap    *by_name;
	HashMap    *names;			/* by number of a collation */
};

/*
 * Sets of several bytes a character, as iconv names them.  Where its ideas and the server's differ (a backslash, private characters), the server
 * is asked for the pairs, and iconv is left with what has three bytes.
 */
static const struct
{
	const char *name;
	const char *iconv_name;
	bool		has_ascii;
	bool		asks_pairs;
} several_bytes[] = {
	{"big5", "BIG5", true, true},
	{"cp932", "CP932", true, false},
	{"eucjpms", "EUC-JP-MS", true, false},
	{"euckr", "CP949", true, false},
	{"gb18030", "GB18030", true, false},
	{"gb2312", "GB2312", true, false},
	{"gbk", "GBK", true, false},
	{"sjis", "SJIS", true, true},
	{"ucs2", "UCS-2BE", false, false},
	{"ujis", "EUC-JP", true, true},
	{"utf16", "UTF-16BE", false, false},
	{"utf16le", "UTF-16LE", false, false},
	{"utf32", "UTF-32BE", false, false},
};

static bool
needs_none(const char *name)
{
	return name == NULL || strncmp(name, "utf8", 4) == 0 || strcmp(name, "ascii") == 0 || strcmp(name, "binary") == 0;
}

static int
utf8_length(const char *text, size_t left)
{
	unsigned char first = (unsigned char) text[0];
	int			length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;

	return (size_t) length <= left ? length : 0;
}

MyCharset *
my_charset_from_table(const char *utf8, size_t length)
{
	MyCharset  *charset = mem_zalloc(sizeof(MyCharset));
	const char *end = utf8 + length;

	charset->iconv = (iconv_t) -1;
	charset->has_ascii = true;
	for (int i = 0; i < TABLE_SIZE; i++)
	{
		int			bytes = utf8 < end ? utf8_length(utf8, (size_t) (end - utf8)) : 0;

		if (bytes == 0)
		{
			my_charset_free(charset);
			return NULL;
		}
		charset->lengths[i] = (uint8_t) bytes;
		memcpy(charset->bytes[i], utf8, (size_t) bytes);
		if (i < 128 && (bytes != 1 || utf8[0] != i))
			charset->has_ascii = false;
		utf8 += bytes;
	}
	if (utf8 != end)
	{
		my_charset_free(charset);
		return NULL;
	}
	return charset;
}

MyCharset *
my_charset_from_iconv(const char *iconv_name, bool has_ascii)
{
	iconv_t		handle = iconv_open("UTF-8", iconv_name);
	MyCharset  *charset;

	if (handle == (iconv_t) -1)
		return NULL;
	charset = mem_zalloc(sizeof(MyCharset));
	charset->iconv = handle;
	charset->has_ascii = has_ascii;
	return charset;
}

void
my_charset_free(MyCharset *charset)
{
	if (charset == NULL)
		return;
	if (charset->iconv != (iconv_t) -1)
		iconv_close(charset->iconv);
	free(charset->pairs);
	free(charset);
}

bool
my_charset_is_same(const MyCharset *charset, const char *data, size_t length)
{
	size_t		i = 0;

	if (!charset->has_ascii)
		return length == 0;
	for (; i + 8 <= length; i += 8)
	{
		uint64_t	word;

		memcpy(&word, data + i, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			return false;
	}
	for (; i < length; i++)
	{
		if ((data[i] & 0x80) != 0)
			return false;
	}
	return true;
}

/* Bytes that are no character become '?'. */
static void
append_by_iconv(const MyCharset *charset, const char *data, size_t length, StrBuf *out)
{
	char	   *in = (char *) data;
	size_t		left = length;

	iconv(charset->iconv, NULL, NULL, NULL, NULL);
	while (left > 0)
	{
		size_t		room = left * 3 + 8;
		char	   *start = strbuf_room(out, room);
		char	   *to = start;
		size_t		to_left = room;
		size_t		result = iconv(charset->iconv, &in, &left, &to, &to_left);

		strbuf_grown(out, (size_t) (to - start));
		if (result == (size_t) -1 && errno != E2BIG)
		{
			strbuf_append_char(out, '?');
			in++;
			left--;
		}
	}
}

static void
append_by_pairs(const MyCharset *charset, const char *data, size_t length, StrBuf *out)
{
	const unsigned char *at = (const unsigned char *) data;
	const unsigned char *end = at + length;

	while (at < end)
	{
		const char *pair = *at >= 128 && at + 1 < end ? charset->pairs[*at - 128][at[1]] : "";

		if (*pair != '\0')
		{
			strbuf_append_bytes(out, pair, (size_t) utf8_length(pair, 4));
			at += 2;
		}
		else if (charset->lengths[*at] > 0)
		{
			strbuf_append_bytes(out, charset->bytes[*at], charset->lengths[*at]);
			at++;
		}
		else if (*at == 0x8f && end - at >= 3)
		{
			append_by_iconv(charset, (const char *) at, 3, out);
			at += 3;
		}
		else
		{
			strbuf_append_char(out, '?');
			at++;
		}
	}
}

void
my_charset_append(const MyCharset *charset, const char *data, size_t length, StrBuf *out)
{
	char	   *start;
	char	   *to;

	if (charset->pairs != NULL)
	{
		append_by_pairs(charset, data, length, out);
		return;
	}
	if (charset->iconv != (iconv_t) -1)
	{
		append_by_iconv(charset, data, length, out);
		return;
	}
	start = to = strbuf_room(out, length * 4);
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) data[i];

		memcpy(to, charset->bytes[byte], sizeof(charset->bytes[byte]));
		to += charset->lengths[byte];
	}
	strbuf_grown(out, (size_t) (to - start));
}

MyCharsets *
my_charsets_new(void)
{
	MyCharsets *charsets = mem_zalloc(sizeof(MyCharsets));

	charsets->by_name = hash_new();
	charsets->names = hash_new();
	return charsets;
}

static void
free_charset(void *value)
{
	my_charset_free(value);
}

void
my_charsets_free(MyCharsets *charsets)
{
	if (charsets == NULL)
		return;
	hash_free(charsets->by_name, free_charset);
	hash_free(charsets->names, free);
	free(charsets);
}

const MyCharset *
my_charsets_find(const MyCharsets *charsets, const char *name)
{
	return needs_none(name) ? NULL : hash_get_text(charsets->by_name, name);
}

/* What the server makes of each byte. */
static bool
ask_table(MyConn *conn, const char *name, MyCharset **charset, Error *err)
{
	StrBuf		sql = STRBUF_INIT;
	MYSQL_RES  *result = NULL;
	MYSQL_ROW	row;
	bool		ok;

	/* The name comes from the server's own list and is made of letters and digits. */
	strbuf_append(&sql, "SELECT CONVERT(CONVERT(X'");
	for (int i = 0; i < TABLE_SIZE; i++)
		strbuf_printf(&sql, "%02x", i);
	strbuf_printf(&sql, "' USING %s) USING utf8mb4)", name);
	ok = my_query(conn, strbuf_text(&sql), &result, err);
	strbuf_free(&sql);
	if (!ok)
		return false;
	row = mysql_fetch_row(result);
	*charset = row != NULL && row[0] != NULL ? my_charset_from_table(row[0], mysql_fetch_lengths(result)[0]) : NULL;
	mysql_free_result(result);
	return true;
}

/* One row of the answer: hexadecimal digits of one or two bytes, and what they are in UTF-8. */
static void
take_pair(MyCharset *charset, const char *digits, const char *utf8, size_t length)
{
	unsigned	code = (unsigned) strtoul(digits, NULL, 16);
	bool		is_single = digits[2] == '\0';

	/* One character, and not the mark of one that is none. */
	if (length == 0 || utf8_length(utf8, length) != (int) length || (utf8[0] == '?' && !(is_single && code == '?')))
		return;
	if (is_single)
	{
		charset->lengths[code] = (uint8_t) length;
		memcpy(charset->bytes[code], utf8, length);
	}
	/* Of a character and a byte that is none, MySQL may drop the byte: that is no pair. */
	else if (code >= 0x8000 && charset->lengths[code >> 8] == 0)
		memcpy(charset->pairs[(code >> 8) - 128][code & 0xff], utf8, length);
}

/* All single bytes, and all pairs that begin with one from 128 on, made of a list of the hexadecimal digits. */
static bool
ask_pairs(MyConn *conn, const char *name, MyCharset *charset, Error *err)
{
	StrBuf		list = STRBUF_INIT;
	StrBuf		sql = STRBUF_INIT;
	bool		ok = true;

	charset->pairs = mem_zalloc(128 * sizeof(*charset->pairs));
	strbuf_append(&list, "(SELECT '0' d");
	for (int i = 1; i < 16; i++)
		strbuf_printf(&list, " UNION ALL SELECT '%X'", i);
	strbuf_append_char(&list, ')');
	for (int pass = 0; pass < 2 && ok; pass++)
	{
		const char *code = pass == 0 ? "CONCAT(a.d, b.d)" : "CONCAT(a.d, b.d, e.d, f.d)";
		MYSQL_RES  *result = NULL;
		MYSQL_ROW	row;

		strbuf_reset(&sql);
		strbuf_printf(&sql, "SELECT %s, CONVERT(CONVERT(UNHEX(%s) USING %s) USING utf8mb4) FROM %s a CROSS JOIN %s b", code, code, name,
					  strbuf_text(&list), strbuf_text(&list));
		if (pass == 1)
			strbuf_printf(&sql, " CROSS JOIN %s e CROSS JOIN %s f WHERE a.d >= '8'", strbuf_text(&list), strbuf_text(&list));
		ok = my_query(conn, strbuf_text(&sql), &result, err);
		while (ok && (row = mysql_fetch_row(result)) != NULL)
		{
			if (row[0] != NULL && row[1] != NULL)
				take_pair(charset, row[0], row[1], mysql_fetch_lengths(result)[1]);
		}
		if (ok)
			mysql_free_result(result);
	}
	strbuf_free(&sql);
	strbuf_free(&list);
	return ok;
}

static bool
is_plain_name(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool
load_charset(MyCharsets *charsets, MyConn *conn, const char *name, Error *err)
{
	MyCharset  *charset = NULL;
	bool		is_known = false;
	bool		asks = false;

	for (size_t i = 0; i < sizeof(several_bytes) / sizeof(several_bytes[0]) && !is_known; i++)
	{
		is_known = strcmp(several_bytes[i].name, name) == 0;
		if (is_known)
			charset = my_charset_from_iconv(several_bytes[i].iconv_name, several_bytes[i].has_ascii);
		asks = is_known && several_bytes[i].asks_pairs;
	}
	if (!is_known && is_plain_name(name) && !ask_table(conn, name, &charset, err))
		return false;
	if (charset == NULL)
	{
		error_set(err, ERROR_FAILED, "character set %s cannot be converted to UTF-8", name);
		return error_hint(err, "convert the columns to utf8mb4, or leave their tables out");
	}
	if (asks && !ask_pairs(conn, name, charset, err))
	{
		my_charset_free(charset);
		return false;
	}
	hash_put_text(charsets->by_name, name, charset);
	return true;
}

bool
my_charsets_load(MyCharsets *charsets, MyConn *conn, const MyCatalog *catalog, Error *err)
{
	for (int t = 0; t < catalog->count; t++)
	{
		const MyTable *table = &catalog->tables[t];

		for (int c = 0; c < table->column_count; c++)
		{
			const char *name = table->columns[c].charset;

			if (needs_none(name) || hash_get_text(charsets->by_name, name) != NULL)
				continue;
			if (!load_charset(charsets, conn, name, err))
				return error_context(err, "table %s.%s, column %s", table->schema, table->name, table->columns[c].name);
		}
	}
	return true;
}

bool
my_charsets_knows(const MyCharsets *charsets, unsigned collation)
{
	return hash_get_number(charsets->names, collation) != NULL;
}

bool
my_charsets_learn(MyCharsets *charsets, MyConn *conn, unsigned collation, Error *err)
{
	Arena	   *arena = arena_new(0);
	const char *name = NULL;
	bool		ok;

	ok = my_query_value(conn, arena, arena_printf(arena, "SELECT CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID = %u", collation), &name, err);
	/* MariaDB lists no number of the collations that several sets share; these sets are of Unicode, and of them clients can only have UTF-8. */
	if (name == NULL)
		name = "utf8mb4";
	if (ok && !needs_none(name) && hash_get_text(charsets->by_name, name) == NULL)
		ok = load_charset(charsets, conn, name, err);
	if (ok)
		hash_put_number(charsets->names, collation, mem_strdup(name));
	arena_free(arena);
	return ok;
}

const MyCharset *
my_charsets_find_number(const MyCharsets *charsets, unsigned collation)
{
	return my_charsets_find(charsets, hash_get_number(charsets->names, collation));
}
