/*
 * binary_value.h
 *		From a value's text to the binary form that the server's receive functions take, for built-in types where that is cheaper.
 *
 * The forms are those of the types' send and receive functions (src/backend/utils/adt); an element of a binary array, a parameter and a
 * field of COPY BINARY have the same form.  No I/O, no state.
 */
#ifndef DBSYNC_APPLY_BINARY_VALUE_H
#define DBSYNC_APPLY_BINARY_VALUE_H

#include "base/strbuf.h"

#include <stdint.h>

typedef enum BinaryType
{
	BINARY_NONE,				/* not known here */
	BINARY_TEXT,				/* the text itself, in the client's encoding: text, varchar, bpchar, json */
	BINARY_BOOL,
	BINARY_INT2,
	BINARY_INT4,
	BINARY_INT8,
	BINARY_OID,
	BINARY_FLOAT4,
	BINARY_FLOAT8,
	BINARY_NUMERIC,
	BINARY_DATE,
	BINARY_TIME,
	BINARY_TIMESTAMP,
	BINARY_TIMESTAMPTZ,
	BINARY_UUID,
	BINARY_BYTEA,				/* from hex */
	BINARY_JSONB				/* a version byte and the text */
} BinaryType;

/* By the type's fixed OID in pg_catalog. */
BinaryType binary_type_of(uint32_t type_oid);

/*
 * Appends the binary form, without a length.  False, with nothing appended: the text is none that this function is sure of (too
 * large for the type, a form that the ISO and postgres output styles do not have); the caller goes by text then, and the
 * server decides.
 */
bool binary_append(BinaryType type, const char *text, size_t length, StrBuf *out) DBSYNC_MUST_CHECK;

#endif
