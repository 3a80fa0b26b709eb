/*
 * json.h
 *
 * Text of the database as JSON: quoting, escaping, and the rule by which text
 * gets into the output's encoding. All output goes to the Writer's record.
 */
#ifndef ALIDECODE_JSON_H
#define ALIDECODE_JSON_H

#include "postgres.h"

#include "writer.h"

/*
 * Chooses how text gets from the database's encoding to "encoding" and sets
 * the codec up. Reads catalogs, so it needs a transaction.
 */
extern void json_codec_init(TextCodec *codec, int encoding);

/*
 * Appends text of the database as a JSON string, quotes included. Bytes that
 * are not valid in a SQL_ASCII database become {"hex":"..."}.
 */
extern void json_append_text(Writer *writer, const char *chars, Size size);
extern void json_append_cstring(Writer *writer, const char *chars);

/*
 * The same for names from shared catalogs (databases, origins), which may hold
 * text of another database's encoding: if not valid here, as hex.
 */
extern void json_append_shared_name(Writer *writer, const char *name);

/* Appends a text as a key of an object: as above, but never an object. */
extern void json_append_key(Writer *writer, const char *name);

/* Is this text of the database that can be sent as a string? */
extern bool json_is_text(const TextCodec *codec, const char *bytes, Size size);

/* Appends bytes as hex digits, without quotes. */
extern void json_append_hex(Writer *writer, const char *bytes, Size size);

/* Appends bytes as base64, quotes included. */
extern void json_append_base64(Writer *writer, const char *bytes, Size size);

/* Appends an unsigned number, an LSN ("0/1A2B3C8", with its quotes). */
extern void json_append_uint(Writer *writer, uint64 value);
extern void json_append_lsn(Writer *writer, XLogRecPtr lsn);

#endif							/* ALIDECODE_JSON_H */
