/*
 * my_charset.h
 *		Text of the row images, which is in the column's character set, to UTF-8.
 *
 * For a set of one byte a character the server itself is asked what each byte is, so that its own ideas hold (its latin1 is
 * cp1252).  For the others iconv knows.  Of a MyCharset only one thread at a time may make use.
 */
#ifndef DBSYNC_MYSQL_MY_CHARSET_H
#define DBSYNC_MYSQL_MY_CHARSET_H

#include "base/strbuf.h"
#include "mysql/my_catalog.h"

typedef struct MyCharset MyCharset;
typedef struct MyCharsets MyCharsets;

MyCharsets *my_charsets_new(void);
void my_charsets_free(MyCharsets *charsets);	/* NULL is fine */

/* Makes those that the catalogue's columns need and that are not there yet.  ERROR_FAILED for one that nobody can convert. */
bool my_charsets_load(MyCharsets *charsets, MyConn *conn, const MyCatalog *catalog, Error *err) DBSYNC_MUST_CHECK;

/* By the server's name for it.  NULL: nothing is to be converted (UTF-8, ASCII, binary, NULL), or it was not loaded. */
const MyCharset *my_charsets_find(const MyCharsets *charsets, const char *name);

/*
 * The same by the number of one of its collations, as the log names the set of a statement.  The server is asked once for each: what is known needs
 * no connection.
 */
bool my_charsets_knows(const MyCharsets *charsets, unsigned collation);
bool my_charsets_learn(MyCharsets *charsets, MyConn *conn, unsigned collation, Error *err) DBSYNC_MUST_CHECK;
const MyCharset *my_charsets_find_number(const MyCharsets *charsets, unsigned collation);

/* Pure: a set of one byte a character, from the UTF-8 text of its 256 bytes in turn.  NULL where that is not 256 characters. */
MyCharset *my_charset_from_table(const char *utf8, size_t length);
/* By iconv's name for it, or NULL. */
MyCharset *my_charset_from_iconv(const char *iconv_name, bool has_ascii);
void my_charset_free(MyCharset *charset);

/* Appends to *out; bytes that are no character become '?', as the server does it. */
void my_charset_append(const MyCharset *charset, const char *data, size_t length, StrBuf *out);
/* Nothing to convert: bytes below 128 only, and they mean ASCII. */
bool my_charset_is_same(const MyCharset *charset, const char *data, size_t length);

#endif
